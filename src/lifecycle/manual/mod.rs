//! The scripts that a person runs in manual mode: the plan's own statements, in steps, each behind guards that stop it
//! where it isn't meant to be run.
//!
//! Nothing stops a script but an error, and a client may go on after one. So every guard is a statement that fails, and
//! wherever Redshift allows it guards and changes stand in one transaction: after a guard has failed, nothing in it counts.

mod guards;
mod header;
mod steps;
#[cfg(test)]
mod tests;
mod verify;

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};

use super::{AccountPower, RegistryState, Setup, Subject, SystemAccount, Wanted, digest, parameters};
use crate::scripts::{CLAIM_USER, Parameters, RenderError, Section, Statement};

#[cfg(test)]
pub use verify::Table;
pub use verify::{Shown, differences, with_callers_rights};

/// What the managed database is called from when it may be dropped.
const DATABASE_SET_ASIDE: &str = "redshift_governance_to_be_dropped";

/// What stands in place of a password or key. Redshift takes it for neither: it is too long for both, and no password has
/// blanks. <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html>
const TAKEN_OUT: &str = "taken out, since all of this was run; for a script that can be run, fetch one made anew";

/// Which of the scripts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Script {
    /// What is run from the initial database, by an administrator of this power.
    InitialCreate(AccountPower),
    /// What is run in the managed database, as the system account.
    Create,
    /// What leads from what is applied to what is wanted, in the managed database, by a superuser.
    Edit,
    /// What sets new passwords where those of an integration were lost, in the managed database, by a superuser.
    NewPasswords,
    /// The first part of a removal, in the managed database, by a superuser.
    Delete,
    /// The second part, from the initial database, by a superuser.
    DeleteRest,
    /// The first part of a removal where there is no registry yet, in the managed database, by a superuser.
    Cleanup,
}

impl Script {
    /// What its file is called.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::InitialCreate(AccountPower::Superuser) => "initial-create.sql",
            Self::InitialCreate(AccountPower::Lesser) => "initial-create.lesser-admin.sql",
            Self::Create => "create.sql",
            Self::Edit => "edit.sql",
            Self::NewPasswords => "new-passwords.sql",
            Self::Delete => "delete.sql",
            Self::DeleteRest => "delete-rest.sql",
            Self::Cleanup => "cleanup.sql",
        }
    }

    fn power(self) -> AccountPower {
        match self {
            Self::InitialCreate(power) => power,
            Self::Create | Self::Edit | Self::NewPasswords | Self::Delete | Self::DeleteRest | Self::Cleanup => {
                AccountPower::Superuser
            }
        }
    }

    /// Whether it is about what there is, and not about what is wanted.
    fn is_of_what_is_applied(self) -> bool {
        matches!(self, Self::NewPasswords | Self::Delete | Self::DeleteRest | Self::Cleanup)
    }

    /// Whether it is run from the initial database.
    fn is_from_outside(self) -> bool {
        matches!(self, Self::InitialCreate(_) | Self::DeleteRest)
    }

    /// What comes next when it is done; nothing if all is.
    fn next(self) -> Option<Self> {
        match self {
            Self::InitialCreate(_) => Some(Self::Create),
            Self::Delete | Self::Cleanup => Some(Self::DeleteRest),
            Self::Create | Self::Edit | Self::NewPasswords | Self::DeleteRest => None,
        }
    }
}

/// What the scripts of a resource are made from. The same gives the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What is wanted.
    pub wanted: &'a Wanted,
    /// What the registry says is set up whole: an edit starts from it, new passwords are its users', and a removal removes it.
    /// Nothing until it was: then a removal takes the wanted names. Where there is no registry, the names under which anything was made.
    pub applied: Option<&'a Setup>,
    /// The resource's namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// The passwords that will prove what came of it.
    pub account: &'a SystemAccount,
}

impl<'a> Source<'a> {
    /// What there is, or is to be.
    fn applied(&self) -> &'a Setup {
        self.applied.unwrap_or(&self.wanted.place.setup)
    }

    /// What a script is about.
    fn setup(&self, script: Script) -> &'a Setup {
        if script.is_of_what_is_applied() { self.applied() } else { &self.wanted.place.setup }
    }
}

/// What becomes of passwords and keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Secrets {
    /// They are in it: it can be run. Where its header says so, it is a credential.
    Shown,
    /// They are taken out, for reading once all of it was run. Whatever would need them is refused by Redshift.
    TakenOut,
}

/// A script, whole.
///
/// # Errors
///
/// If a value can't stand in SQL, or secrets are shown and the Secret has no password for the name that the account is to
/// get.
pub fn script(script: Script, source: &Source<'_>, secrets: Secrets) -> Result<SecretString, RenderError> {
    let steps = steps::steps(script, source);
    let mut body = String::new();
    let mut has_secrets = false;
    for guard in guards::before_all(script, source, &steps) {
        write_statement(&mut body, &guard.statement(script, source)?);
    }
    for (n, step) in steps.iter().enumerate() {
        writeln!(body, "\n-- Step {} of {}: {}", n + 1, steps.len(), step.title).expect("memory doesn't fail");
        for statement in step.statements(script, source, secrets)? {
            has_secrets |= !statement.secrets().is_empty();
            write_statement(&mut body, &statement);
        }
    }
    let titles = steps.iter().map(|step| step.title.as_str());
    let header = header::header(script, source, has_secrets.then_some(secrets), titles);
    let last = match script.next() {
        Some(next) => format!("-- Done. What comes next: {}.\n", next.file_name()),
        None => "-- Done.\n".to_owned(),
    };
    Ok(SecretString::from(header + &body + "\n" + &last))
}

/// The key of impersonations. It comes from the Secret, so that a script has the same bytes however often it is made; who
/// can read the Secret can read the key in the warehouse as well.
fn impersonation_key(source: &Source<'_>) -> SecretString {
    let parts = ["key of impersonations", source.uid, source.account.password.secret().expose_secret()];
    SecretString::from(digest::of_parts(parts))
}

fn write_statement(text: &mut String, statement: &Statement) {
    write!(text, "\n-- {}\n{}{};\n", statement.name(), statement.comment(), statement.text())
        .expect("memory doesn't fail");
}

fn values(script: Script, source: &Source<'_>, secrets: Secrets, section: Section, subject: &Subject) -> Parameters {
    let (setup, account) = (source.setup(script), source.account);
    let parameters = parameters(setup, script.power(), subject)
        .identifier("initial_database", &source.wanted.initial_database)
        .text("integration_uid", source.uid)
        // What the first transaction of a creation has written.
        .text("registry_state", RegistryState::Applying.as_str())
        .integer("fencing_counter", 1);
    let parameters = match (script, section) {
        (Script::DeleteRest, Section::DropDatabase) => parameters.identifier("database", DATABASE_SET_ASIDE),
        _ => parameters,
    };
    let shown = |secret: SecretString| match secrets {
        Secrets::Shown => secret,
        Secrets::TakenOut => SecretString::from(TAKEN_OUT),
    };
    // A name that the Secret doesn't know has no password: a statement that needs one is an error.
    let password = account.passwords_of(&setup.system_account).next().map(|it| it.md5_for(&setup.system_account));
    let password = if secrets == Secrets::TakenOut { Some(SecretString::from(TAKEN_OUT)) } else { password };
    let parameters = match password {
        Some(password) => parameters.secret("system_account_password", password),
        None => parameters,
    };
    parameters
        .secret("claim_password", shown(account.claim_password.md5_for(CLAIM_USER)))
        .secret("impersonation_key", shown(impersonation_key(source)))
}
