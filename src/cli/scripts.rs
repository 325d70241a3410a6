//! `scripts`: prints the SQL for a resource, without a cluster and without a warehouse.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use super::manifest;
use crate::api::DatabaseMode;
use crate::lifecycle::contents::Contents;
use crate::lifecycle::{
    AccountPower, Connection, ManagedDatabase, Observed, Ownership, Part, Plan, Recorded, Registry, RegistryState,
    Seen, Standing, Subject, Wanted, parameters, removal, set_up, validate,
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
}

/// Prints the script, or says what is wrong with the manifest.
pub fn print(arguments: &Arguments) -> ExitCode {
    match script(arguments.which, &arguments.file) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("error: {}: {message}", arguments.file.display());
            ExitCode::FAILURE
        }
    }
}

fn script(which: Which, file: &Path) -> Result<String, String> {
    let object = manifest::read(file)?;
    let wanted = validate(&object.spec).map_err(|error| error.to_string())?;
    let plan = plan(which, &wanted);
    let mut script =
        "-- For reading: passwords, the key of impersonations, the integration's UID and the counter of the\n\
                      -- registry are filled in when the operator runs it.\n"
            .to_owned();
    let is_meant = |connection| is_part_of(which, connection);
    let parts = plan.transcript(is_meant, |subject| with_placeholders(&wanted, subject));
    for Part { on, statements } in parts.map_err(|error| error.to_string())? {
        script.push_str(&format!("\n-- In {}:\n", describe(on, &wanted)));
        for statement in statements {
            script.push_str(&format!("\n-- {}\n{};\n", statement.name(), statement.text()));
        }
    }
    Ok(script)
}

fn plan(which: Which, wanted: &Wanted) -> Plan {
    let setup = &wanted.place.setup;
    let mut ownership = Ownership::nothing(&setup.system_account);
    let mut contents = Contents::default();
    if which == Which::Delete {
        (ownership.claim, ownership.system_account) = (Standing::Ours, Standing::Ours);
        ownership.roles = setup.impersonation_role.iter().map(|role| (role.clone(), Standing::Ours)).collect();
        ownership.database = ManagedDatabase::Registered(Registry {
            integration_uid: String::new(),
            state: RegistryState::Complete,
            fencing_counter: 2,
            schema_version: SCHEMA_VERSION.into(),
            applied_hash: setup.hash(),
            setup: setup.clone(),
            definitions: None,
            claim_user_id: None,
        });
        contents = Contents::of(setup);
    } else if setup.database_mode == DatabaseMode::Existing {
        ownership.database = ManagedDatabase::Empty;
    }
    let observed = Observed {
        recorded: Recorded::default(),
        ownership: &ownership,
        power: AccountPower::Superuser,
        members: &Seen::Yes(Vec::new()),
        contents: &contents,
    };
    match which {
        Which::InitialCreate | Which::Create => set_up(&observed, setup),
        Which::Delete => removal(&observed, setup.database_mode, &[]),
    }
    .expect("nothing is in the way where there is nothing, or nothing but ours")
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

fn with_placeholders(wanted: &Wanted, subject: &Subject) -> Parameters {
    let secret = |what: &str| SecretString::from(format!("<{what}>"));
    parameters(&wanted.place.setup, AccountPower::Superuser, subject)
        .identifier("initial_database", &wanted.initial_database)
        .identifier("admin", "<the account that sets things up>")
        .text("integration_uid", "<UID of the resource>")
        .text("registry_state", "<state of the registry>")
        .integer("fencing_counter", 1)
        .secret("claim_password", secret("md5 of the claim's password"))
        .secret("system_account_password", secret("md5 of the system account's password"))
        .secret("impersonation_key", secret("a key that is made when it is run"))
}
