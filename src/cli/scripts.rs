//! `scripts`: prints the SQL for a resource, without a cluster and without a warehouse.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use kube::ResourceExt;
use secrecy::{ExposeSecret, SecretString};

use super::manifest;
use crate::api::{INTEGRATION_UID_LABEL, RedshiftIntegration};
use crate::lifecycle::contents::Contents;
use crate::lifecycle::manual::{self, Script, Secrets, Source};
use crate::lifecycle::{
    AccountPower, Connection, Part, Subject, SystemAccount, Wanted, parameters, removal_of_whole, set_up_from_nothing,
    validate,
};
use crate::scripts::{CLAIM_USER, Parameters};

/// Which script.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Which {
    /// What is run from the initial database
    InitialCreate,
    /// What is run in the managed database
    Create,
    /// What leads from what is applied, says the Secret, to what the manifest wants
    Edit,
    /// What sets the Secret's passwords where those before were lost
    NewPasswords,
    /// What a deletion runs; with the Secret, the first part of it: in the managed database
    Delete,
    /// The second part of a deletion: what is run from the initial database
    DeleteRest,
    /// The first part of a deletion where no registry was ever made
    Cleanup,
}

impl Which {
    fn script(self, power: AccountPower) -> Script {
        match self {
            Self::InitialCreate => Script::InitialCreate(power),
            Self::Create => Script::Create,
            Self::Edit => Script::Edit,
            Self::NewPasswords => Script::NewPasswords,
            Self::Delete => Script::Delete,
            Self::DeleteRest => Script::DeleteRest,
            Self::Cleanup => Script::Cleanup,
        }
    }

    fn is_of_a_creation(self) -> bool {
        matches!(self, Self::InitialCreate | Self::Create)
    }
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
    if arguments.lesser_admin && !which.is_of_a_creation() {
        let message = "what edits, deletes or sets passwords is run by a superuser: leave out --lesser-admin";
        return Err(of_manifest(message.to_owned()));
    }
    let of_secret = |message: String| (secret_file.as_path(), message);
    let secret = manifest::read_secret(secret_file).map_err(of_secret)?;
    let account = SystemAccount::read(&secret).map_err(|flaw| of_secret(flaw.to_string()))?;
    let Some(uid) = secret.labels().get(INTEGRATION_UID_LABEL) else {
        return Err(of_secret(format!("it has no label {INTEGRATION_UID_LABEL}")));
    };
    if !account.place.is_where(&wanted.place) {
        return Err(of_secret(format!("it belongs to {}, and the manifest is about {}", account.place, wanted.place)));
    }
    let setup = &wanted.place.setup;
    if which == Which::Edit && account.place.setup == *setup {
        return Err(of_secret("it says that what the manifest wants is applied: there is nothing to edit".to_owned()));
    }
    if matches!(which, Which::InitialCreate | Which::Edit) {
        has_password_of(&account, &setup.system_account).map_err(of_secret)?;
    }
    let namespace = object.namespace().or_else(|| secret.namespace()).unwrap_or_else(|| "default".to_owned());
    let source = Source {
        wanted: &wanted,
        applied: (!which.is_of_a_creation()).then_some(&account.place.setup),
        namespace: &namespace,
        name: &object.name_any(),
        uid,
        account: &account,
    };
    manual::script(which.script(arguments.power()), &source, Secrets::Shown)
        .map_err(|error| of_manifest(error.to_string()))
}

/// Whether a name has a password that the account can get.
fn has_password_of(account: &SystemAccount, name: &str) -> Result<(), String> {
    account.passwords_of(name).next().map(|_| ()).ok_or_else(|| {
        format!(
            "it has no password for the name {name}: that is `nextPassword`, beside {name} as `nextUsername`, and the operator \
             writes both once the manifest is applied"
        )
    })
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
    let setup = &wanted.place.setup;
    let plan = match which {
        Which::InitialCreate | Which::Create => set_up_from_nothing(setup, power),
        Which::Delete => removal_of_whole(setup, power, &Contents::of(setup)),
        Which::Edit | Which::NewPasswords | Which::DeleteRest | Which::Cleanup => {
            let file = which.script(power).file_name();
            return Err(format!(
                "{file} is made from the Secret <name>-system-account: give it as --system-account-secret"
            ));
        }
    };
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

fn is_part_of(which: Which, connection: Connection) -> bool {
    match which {
        Which::InitialCreate => connection == Connection::InitialDatabase,
        Which::Create => connection != Connection::InitialDatabase,
        Which::Edit | Which::NewPasswords | Which::Delete | Which::DeleteRest | Which::Cleanup => true,
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
