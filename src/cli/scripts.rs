//! `scripts`: prints the SQL for a resource, without a cluster and without a warehouse.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use kube::ResourceExt;
use secrecy::{ExposeSecret, SecretString};

use super::manifest;
use crate::api::{INTEGRATION_UID_LABEL, RedshiftIntegration};
use crate::lifecycle::contents::Contents;
use crate::lifecycle::manual::{self, Script, Source};
use crate::lifecycle::{
    AccountPower, Connection, ManagedDatabase, Observed, Ownership, Part, Plan, Recorded, Registry, RegistryState,
    Seen, Setup, Standing, Subject, SystemAccount, Wanted, parameters, removal, set_up_from_nothing, validate,
};
use crate::scripts::{CLAIM_USER, Parameters, SCHEMA_VERSION};

/// Which script.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Which {
    /// What is run from the initial database
    InitialCreate,
    /// What is run in the managed database
    Create,
    /// What a deletion runs
    Delete,
}

/// The command's arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Which script to print
    which: Which,
    /// The manifest of a `RedshiftIntegration` (YAML or JSON)
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// The manifest of the Secret <name>-system-account, from which the passwords are taken: then the script can be run
    /// by a person, and is a credential
    #[arg(long, value_name = "FILE")]
    system_account_secret: Option<PathBuf>,
    /// Print what an administrator runs who is no superuser
    #[arg(long)]
    lesser_admin: bool,
}

/// Prints the script, or says what is wrong with the manifest.
pub fn print(arguments: &Arguments) -> ExitCode {
    match script(arguments) {
        Ok(text) => {
            print!("{}", text.expose_secret());
            ExitCode::SUCCESS
        }
        Err((file, message)) => {
            eprintln!("error: {}: {message}", file.display());
            ExitCode::FAILURE
        }
    }
}

/// The script; or the file that is wrong, and what is wrong with it.
fn script(arguments: &Arguments) -> Result<SecretString, (&Path, String)> {
    let (which, file) = (arguments.which, arguments.file.as_path());
    let of_manifest = |message| (file, message);
    let object = manifest::read(file).map_err(of_manifest)?;
    let Some(secret_file) = &arguments.system_account_secret else {
        return for_reading(which, arguments.power(), &object).map(SecretString::from).map_err(of_manifest);
    };
    let wanted = Wanted::read(&object.spec).map_err(|error| of_manifest(error.to_string()))?;
    let script = match which {
        Which::InitialCreate => Script::InitialCreate(arguments.power()),
        Which::Create => Script::Create,
        Which::Delete => {
            let message = "a script that deletes is printed for reading only, without --system-account-secret";
            return Err(of_manifest(message.to_owned()));
        }
    };
    let of_secret = |message: String| (secret_file.as_path(), message);
    let secret = manifest::read_secret(secret_file).map_err(of_secret)?;
    let account = SystemAccount::read(&secret).map_err(|flaw| of_secret(flaw.to_string()))?;
    let Some(uid) = secret.labels().get(INTEGRATION_UID_LABEL) else {
        return Err(of_secret(format!("it has no label {INTEGRATION_UID_LABEL}")));
    };
    if !account.place.is_where(&wanted.place) {
        return Err(of_secret(format!("it belongs to {}, and the manifest is about {}", account.place, wanted.place)));
    }
    let namespace = object.namespace().or_else(|| secret.namespace()).unwrap_or_else(|| "default".to_owned());
    let source = Source { wanted: &wanted, namespace: &namespace, name: &object.name_any(), uid, account: &account };
    manual::script(script, &source).map_err(|error| of_manifest(error.to_string()))
}

impl Arguments {
    fn power(&self) -> AccountPower {
        if self.lesser_admin { AccountPower::Lesser } else { AccountPower::Superuser }
    }
}

fn for_reading(which: Which, power: AccountPower, object: &RedshiftIntegration) -> Result<String, String> {
    let spec = &object.spec;
    // Who runs it himself needs no login that the operator knows.
    let wanted =
        if spec.auto_bootstrap { validate(spec) } else { Wanted::read(spec) }.map_err(|error| error.to_string())?;
    let plan = plan(which, power, &wanted);
    let mut script =
        "-- For reading: passwords, the key of impersonations, the integration's UID and the counter of the\n\
                      -- registry are filled in when the operator runs it.\n"
            .to_owned();
    let is_meant = |connection| is_part_of(which, connection);
    let parts = plan.transcript(is_meant, |subject| with_placeholders(&wanted, power, subject));
    for Part { on, statements } in parts.map_err(|error| error.to_string())? {
        script.push_str(&format!("\n-- In {}:\n", describe(on, &wanted)));
        for statement in statements {
            script.push_str(&format!("\n-- {}\n{};\n", statement.name(), statement.text()));
        }
    }
    Ok(script)
}

fn plan(which: Which, power: AccountPower, wanted: &Wanted) -> Plan {
    let setup = &wanted.place.setup;
    match which {
        Which::InitialCreate | Which::Create => set_up_from_nothing(setup, power),
        Which::Delete => removal_of_everything(setup, power),
    }
}

fn removal_of_everything(setup: &Setup, power: AccountPower) -> Plan {
    let ownership = Ownership {
        claim: Standing::Ours,
        system_account: Standing::Ours,
        roles: setup.impersonation_role.iter().map(|role| (role.clone(), Standing::Ours)).collect(),
        database: ManagedDatabase::Registered(Registry {
            integration_uid: String::new(),
            state: RegistryState::Complete,
            fencing_counter: 2,
            schema_version: SCHEMA_VERSION.into(),
            applied_hash: setup.hash(),
            setup: setup.clone(),
            definitions: None,
            claim_user_id: None,
        }),
        ..Ownership::nothing(&setup.system_account)
    };
    let observed = Observed {
        recorded: Recorded::default(),
        ownership: &ownership,
        power,
        members: &Seen::Yes(Vec::new()),
        contents: &Contents::of(setup),
    };
    removal(&observed, setup.database_mode, &[]).expect("nothing is in the way where there is nothing but ours")
}

fn is_part_of(which: Which, connection: Connection) -> bool {
    match which {
        Which::InitialCreate => connection == Connection::InitialDatabase,
        Which::Create => connection != Connection::InitialDatabase,
        Which::Delete => true,
    }
}

fn describe(connection: Connection, wanted: &Wanted) -> String {
    let setup = &wanted.place.setup;
    match connection {
        Connection::InitialDatabase => {
            format!("database {}, as the account that sets things up", wanted.initial_database)
        }
        Connection::ManagedDatabase => format!("database {}, as {}", setup.database, setup.system_account),
        Connection::ManagedDatabaseAsAdmin => {
            format!("database {}, as the account that sets things up", setup.database)
        }
        Connection::InitialDatabaseAsClaim => format!("database {}, as {CLAIM_USER}", wanted.initial_database),
    }
}

fn with_placeholders(wanted: &Wanted, power: AccountPower, subject: &Subject) -> Parameters {
    let secret = |what: &str| SecretString::from(format!("<{what}>"));
    parameters(&wanted.place.setup, power, subject)
        .identifier("initial_database", &wanted.initial_database)
        .identifier("admin", "<the account that sets things up>")
        .text("integration_uid", "<UID of the resource>")
        .text("registry_state", "<state of the registry>")
        .integer("fencing_counter", 1)
        .secret("claim_password", secret("md5 of the claim's password"))
        .secret("system_account_password", secret("md5 of the system account's password"))
        .secret("impersonation_key", secret("a key that is made when it is run"))
}
