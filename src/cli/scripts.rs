//! `scripts`: prints the SQL for a resource, without a cluster and without a warehouse.

mod folder;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use secrecy::{ExposeSecret, SecretString};

use super::input::Mistake;
use super::manifest::{Found, Manifests};
use super::output::{self, Ending};
use crate::api::{INTEGRATION_UID_LABEL, RedshiftIntegration};
use crate::lifecycle::contents::Contents;
use crate::lifecycle::manual::{self, Script, Secrets, Source};
use crate::lifecycle::{
    AccountPower, Connection, Part, Plan, Setup, Subject, SystemAccount, Wanted, edit_of_whole, parameters,
    removal_of_whole, set_up_from_nothing, validate,
};
use crate::scripts::{CLAIM_USER, Parameters};

const EXAMPLES: &str = "\
Examples:
  # For reading, before anything is applied: passwords are left out
  redshift-integration-operator scripts initial-create -f integration.yaml

  # What an edit would run
  redshift-integration-operator scripts edit --from applied.yaml -f integration.yaml

  # What the operator publishes in manual mode, byte for byte, to be run
  kubectl -n data-platform get secret analytics-system-account -o yaml > secret.yaml
  redshift-integration-operator scripts create -f integration.yaml --system-account-secret secret.yaml --out sql/

Exit codes: 0 the script was made, 1 something is wrong with the manifests, 2 a file can't be read.";

/// Which script.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Which {
    /// What is run from the initial database
    InitialCreate,
    /// What is run in the managed database
    Create,
    /// What leads from what is applied, as the Secret or --from says, to what the manifest wants
    Edit,
    /// What sets the Secret's passwords where those before were lost
    NewPasswords,
    /// What a deletion runs; with the Secret, the first part of it: in the managed database
    Delete,
    /// The second part of a deletion: what is run from the initial database
    DeleteRest,
    /// The first part of a deletion where no registry was ever made
    Cleanup,
    /// Told from a word that means nothing: people look for it
    #[value(hide = true)]
    Migrate,
}

impl Which {
    /// The script; none for a migration, which is the operator's alone.
    fn script(self, power: AccountPower) -> Option<Script> {
        Some(match self {
            Self::InitialCreate => Script::InitialCreate(power),
            Self::Create => Script::Create,
            Self::Edit => Script::Edit,
            Self::NewPasswords => Script::NewPasswords,
            Self::Delete => Script::Delete,
            Self::DeleteRest => Script::DeleteRest,
            Self::Cleanup => Script::Cleanup,
            Self::Migrate => return None,
        })
    }

    fn is_of_a_creation(self) -> bool {
        matches!(self, Self::InitialCreate | Self::Create)
    }
}

/// The command's arguments.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Which script to print
    which: Which,
    /// The manifest of a `RedshiftIntegration` (YAML or JSON); - for standard input
    #[arg(short, long, value_name = "FILE")]
    file: PathBuf,
    /// For an edit: the manifest that is applied, from which it leads to the other
    #[arg(long, value_name = "OLD")]
    from: Option<PathBuf>,
    /// The manifest of the Secret <name>-system-account, from which the passwords are taken: then the script can be run
    /// by a person, and is a credential
    #[arg(long, value_name = "FILE")]
    system_account_secret: Option<PathBuf>,
    /// Print what an administrator runs who is no superuser
    #[arg(long)]
    lesser_admin: bool,
    /// Write the script into this folder instead, under the name that the operator gives it, such as initial-create.sql
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Overwrite a file that says something else
    #[arg(long, requires = "out")]
    force: bool,
}

/// Why there is no script.
struct Failed {
    lines: Vec<String>,
    ending: Ending,
}

impl Failed {
    fn wrong(message: &impl ToString) -> Self {
        Self { lines: vec![message.to_string()], ending: Ending::Failure }
    }

    fn of_file(file: &Path, message: impl std::fmt::Display) -> Self {
        Self::wrong(&format!("{}: {message}", file.display()))
    }

    fn usage(message: &str) -> Self {
        Self { lines: vec![message.to_owned()], ending: Ending::Usage }
    }
}

/// Prints the script, or says what is wrong with the manifest.
pub fn print(arguments: &Arguments) -> Ending {
    let made = script(arguments).and_then(|(script, text)| {
        let Some(folder) = &arguments.out else {
            // As it is, without a look for colours. Who reads it may be gone.
            let _ = std::io::stdout().lock().write_all(text.expose_secret().as_bytes());
            return Ok(());
        };
        let has_passwords = arguments.system_account_secret.is_some();
        let path = folder.join(script.file_name());
        let written = folder::write(&path, &text, has_passwords, arguments.force);
        written.map(output::say).map_err(|message| Failed::of_file(&path, message))
    });
    match made {
        Ok(()) => Ending::Success,
        Err(Failed { lines, ending }) => {
            lines.iter().for_each(output::error);
            ending
        }
    }
}

/// The script.
fn script(arguments: &Arguments) -> Result<(Script, SecretString), Failed> {
    let (which, file) = (arguments.which, arguments.file.as_path());
    let Some(script) = which.script(arguments.power()) else {
        return Err(Failed::usage(
            "there is no script of a migration: the operator migrates what an older version has set up by itself, and in manual \
             mode there is nothing to migrate yet",
        ));
    };
    if arguments.from.is_some() && which != Which::Edit {
        return Err(Failed::usage("--from is for scripts edit: it names the manifest that an edit starts from"));
    }
    let found = integration(file)?;
    let object =
        found.object.as_ref().map_err(|_| Failed { lines: lines(found.mistakes()), ending: Ending::Failure })?;
    let of_manifest = |message: String| Failed::wrong(&found.document.mistake(found.document.root.place, message));
    let former = arguments.from.as_deref().map(|from| former(from, object)).transpose()?;
    let Some(secret_file) = &arguments.system_account_secret else {
        let text = for_reading(which, arguments.power(), object, former.as_ref()).map_err(of_manifest)?;
        return Ok((script, SecretString::from(text)));
    };
    let wanted = Wanted::read(&object.spec).map_err(|error| of_manifest(error.to_string()))?;
    if arguments.lesser_admin && !which.is_of_a_creation() {
        let message = "what edits, deletes or sets passwords is run by a superuser: leave out --lesser-admin";
        return Err(of_manifest(message.to_owned()));
    }
    let of_secret = |message: String| Failed::of_file(secret_file, message);
    let secret = secret(secret_file, &object.name_any())?;
    let account = SystemAccount::read(&secret).map_err(|flaw| of_secret(flaw.to_string()))?;
    let Some(uid) = secret.labels().get(INTEGRATION_UID_LABEL) else {
        return Err(of_secret(format!("it has no label {INTEGRATION_UID_LABEL}")));
    };
    if !account.place.is_where(&wanted.place) {
        return Err(of_secret(format!("it belongs to {}, and the manifest is about {}", account.place, wanted.place)));
    }
    let setup = &wanted.place.setup;
    let applied = &account.place.setup;
    if let (Some(from), Some(_)) = (&arguments.from, former.filter(|former| former != applied)) {
        let message = "it isn't what the Secret says is applied, and the Secret is right: leave out --from";
        return Err(Failed::of_file(from, message));
    }
    if which == Which::Edit && applied == setup {
        return Err(of_secret("it says that what the manifest wants is applied: there is nothing to edit".to_owned()));
    }
    if matches!(which, Which::InitialCreate | Which::Edit) {
        has_password_of(&account, &setup.system_account).map_err(of_secret)?;
    }
    let namespace = object.namespace().or_else(|| secret.namespace()).unwrap_or_else(|| "default".to_owned());
    let source = Source {
        wanted: &wanted,
        applied: (!which.is_of_a_creation()).then_some(applied),
        namespace: &namespace,
        name: &object.name_any(),
        uid,
        account: &account,
    };
    let text = manual::script(script, &source, Secrets::Shown).map_err(|error| of_manifest(error.to_string()))?;
    Ok((script, text))
}

fn lines(mistakes: impl IntoIterator<Item = Mistake>) -> Vec<String> {
    mistakes.into_iter().map(|mistake| mistake.to_string()).collect()
}

fn read(file: &Path) -> Result<Manifests, Failed> {
    let manifests = Manifests::read(&[file.to_owned()]);
    match manifests.unreadable.as_slice() {
        [] => Ok(manifests),
        unreadable => Err(Failed { lines: lines(unreadable.iter().cloned()), ending: Ending::Usage }),
    }
}

/// The one resource of a file. What isn't ours is skipped with a word, unless it is what a pipeline puts beside it.
fn integration(file: &Path) -> Result<Found<RedshiftIntegration>, Failed> {
    let manifests = read(file)?;
    manifests.skipped().for_each(output::say);
    let mut integrations = manifests.integrations;
    match integrations.len() {
        0 => Err(Failed::of_file(file, "there is no RedshiftIntegration in it")),
        1 => Ok(integrations.remove(0)),
        several => {
            let names: Vec<_> = integrations.iter().map(|found| found.document.described()).collect();
            let message = format!("it holds {several} resources ({}): name a file with one of them", names.join(", "));
            Err(Failed::of_file(file, message))
        }
    }
}

/// What an edit starts from.
fn former(file: &Path, object: &RedshiftIntegration) -> Result<Setup, Failed> {
    let found = integration(file)?;
    let old = found.object.as_ref().map_err(|_| Failed { lines: lines(found.mistakes()), ending: Ending::Failure })?;
    let of_manifest = |message: String| Failed::wrong(&found.document.mistake(found.document.root.place, message));
    let read =
        |object: &RedshiftIntegration| Wanted::read(&object.spec).map_err(|error| of_manifest(error.to_string()));
    let (old, new) = (read(old)?.place, read(object)?.place);
    if !old.is_where(&new) {
        let message = format!("it is about {old}, and the other manifest about {new}: an edit can't lead there");
        return Err(of_manifest(message));
    }
    if old.setup == new.setup {
        let message = "both manifests want the same in the warehouse: there is nothing to edit";
        return Err(of_manifest(message.to_owned()));
    }
    Ok(old.setup)
}

/// The Secret of the system account in a file, which may hold others.
fn secret(file: &Path, resource: &str) -> Result<Secret, Failed> {
    let mut secrets = read(file)?.secrets;
    let name = SystemAccount::secret_name(resource);
    if secrets.len() > 1 {
        secrets.retain(|found| found.document.name() == Some(&name));
    }
    let [found] = secrets.as_slice() else {
        return Err(Failed::of_file(file, format!("there is no Secret {name} in it")));
    };
    found.object.clone().map_err(|_| Failed { lines: lines(found.mistakes()), ending: Ending::Failure })
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

fn for_reading(
    which: Which,
    power: AccountPower,
    object: &RedshiftIntegration,
    former: Option<&Setup>,
) -> Result<String, String> {
    let spec = &object.spec;
    // Who runs it himself needs no login that the operator knows.
    let wanted =
        if spec.auto_bootstrap { validate(spec) } else { Wanted::read(spec) }.map_err(|error| error.to_string())?;
    let plan = plan(which, power, &wanted, former)?;
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

fn plan(which: Which, power: AccountPower, wanted: &Wanted, former: Option<&Setup>) -> Result<Plan, String> {
    let setup = &wanted.place.setup;
    let contents =
        if wanted.policy_views.is_enabled { Contents::of(setup).with_policy_views() } else { Contents::of(setup) };
    Ok(match (which, former) {
        (Which::InitialCreate | Which::Create, _) => set_up_from_nothing(setup, power),
        (Which::Delete, _) => removal_of_whole(setup, power, &contents),
        (Which::Edit, Some(former)) => edit_of_whole(former, setup),
        (Which::Edit, None) => {
            return Err("edit.sql leads from what is applied: give that manifest as --from, or the Secret <name>-system-account as \
                        --system-account-secret"
                .to_owned());
        }
        (Which::NewPasswords | Which::DeleteRest | Which::Cleanup | Which::Migrate, _) => {
            let file = which.script(power).map(Script::file_name).unwrap_or_default();
            return Err(format!(
                "{file} is made from the Secret <name>-system-account: give it as --system-account-secret"
            ));
        }
    })
}

fn is_part_of(which: Which, connection: Connection) -> bool {
    match which {
        Which::InitialCreate => connection == Connection::InitialDatabase,
        Which::Create => connection != Connection::InitialDatabase,
        _ => true,
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
