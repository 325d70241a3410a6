//! `scripts`: prints the SQL for a resource, without a cluster and without a warehouse.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use super::manifest;
use crate::lifecycle::{Wanted, validate};
use crate::scripts::{Fact, Parameters, SCHEMA_VERSION, Section, statements};

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
    let initial = format!("database {}, as the account that sets things up", wanted.initial_database);
    let managed = format!("database {}, as {}", wanted.database, wanted.system_account);
    let parts: &[(Section, &str)] = match which {
        Which::InitialCreate => &[
            (Section::Claim, &initial),
            (Section::SystemAccount, &initial),
            (Section::Database, &initial),
            (Section::DatabaseGrants, &initial),
        ],
        Which::Create => &[(Section::Registry, &managed), (Section::Objects, &managed)],
        Which::Delete => &[
            (Section::MarkDeleting, &managed),
            (Section::DropDatabase, &initial),
            (Section::DropSystemAccount, &initial),
            (Section::DropClaim, &initial),
        ],
    };
    let parameters = parameters(&wanted);
    let mut script = "-- For reading: passwords, the integration's UID and the counter of the registry are\n\
                      -- filled in when the operator runs it.\n"
        .to_owned();
    let mut place = "";
    for (section, runs_in) in parts {
        if place != *runs_in {
            script.push_str(&format!("\n-- In {runs_in}:\n"));
            place = runs_in;
        }
        for statement in statements(*section, &parameters).map_err(|error| error.to_string())? {
            script.push_str(&format!("\n-- {}\n{};\n", statement.name(), statement.text()));
        }
    }
    Ok(script)
}

fn parameters(wanted: &Wanted) -> Parameters {
    let unknown = |what: &str| SecretString::from(format!("<md5 of the {what}'s password>"));
    Parameters::new()
        .identifier("initial_database", &wanted.initial_database)
        .object("database", &wanted.database)
        .object("system_account", &wanted.system_account)
        .identifier("admin", "<the account that sets things up>")
        .text("system_account_name", wanted.system_account.as_str())
        .text("impersonation_role_name", "")
        .text("integration_uid", "<UID of the resource>")
        .text("database_mode", "Create")
        .text("operator_version", env!("CARGO_PKG_VERSION"))
        .text("applied_hash", &wanted.applied_hash())
        .text("applied", "<list of what was applied>")
        .integer("schema_version", i64::from(SCHEMA_VERSION))
        .integer("fencing_counter", 1)
        .secret("claim_password", unknown("claim"))
        .secret("system_account_password", unknown("system account"))
        .fact(Fact::Superuser)
}
