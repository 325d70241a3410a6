//! The scripts that a person runs in manual mode: the plan's own statements, in steps, each behind guards that stop it
//! where it isn't meant to be run.
//!
//! Nothing stops a script but an error, and a client may go on after one. So every guard is a statement that fails, and
//! wherever Redshift allows it guards and changes stand in one transaction: after a guard has failed, nothing in it counts.

mod guards;
mod header;

use std::fmt::Write as _;

use secrecy::{ExposeSecret, SecretString};

use super::{
    AccountPower, Connection, Operation, RegistryState, Subject, SystemAccount, Wanted, digest, parameters,
    set_up_from_nothing,
};
use crate::scripts::{CLAIM_USER, Parameters, RenderError, Section, Statement, statements};
use guards::Guard;

/// What creates the database, by whomever.
const CREATES_DATABASE: [Section; 2] = [Section::Database, Section::DatabaseOfWhoeverRunsIt];

/// Which of the scripts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Script {
    /// What is run from the initial database, by an administrator of this power.
    InitialCreate(AccountPower),
    /// What is run in the managed database, as the system account.
    Create,
}

impl Script {
    /// What its file is called.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::InitialCreate(AccountPower::Superuser) => "initial-create.sql",
            Self::InitialCreate(AccountPower::Lesser) => "initial-create.lesser-admin.sql",
            Self::Create => "create.sql",
        }
    }

    fn power(self) -> AccountPower {
        match self {
            Self::InitialCreate(power) => power,
            Self::Create => AccountPower::Superuser,
        }
    }
}

/// What the scripts of a resource are made from. The same gives the same bytes.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// What is wanted.
    pub wanted: &'a Wanted,
    /// The resource's namespace.
    pub namespace: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its UID.
    pub uid: &'a str,
    /// The passwords that will prove what came of it.
    pub account: &'a SystemAccount,
}

/// Statements that are one step for a person, and what must be so before and not be so yet.
struct Step {
    title: String,
    /// Whether the guards need a transaction that the plan doesn't have: the statement alone would be harmless, or can't
    /// be in one.
    is_wrapped: bool,
    guards: Vec<Guard>,
    operations: Vec<(Section, Subject)>,
}

/// A script, whole. It is a credential.
///
/// # Errors
///
/// If a value can't stand in SQL.
pub fn script(script: Script, source: &Source<'_>) -> Result<SecretString, RenderError> {
    let steps = steps(script, source);
    let mut text = header::header(script, source, steps.iter().map(|step| step.title.as_str()));
    for guard in guards::before_all(script, source, &steps) {
        write_statement(&mut text, &guard.statement(source)?);
    }
    for (n, step) in steps.iter().enumerate() {
        writeln!(text, "\n-- Step {} of {}: {}", n + 1, steps.len(), step.title).expect("memory doesn't fail");
        for statement in step.statements(script, source)? {
            write_statement(&mut text, &statement);
        }
    }
    let last = match script {
        Script::InitialCreate(_) => format!("-- Done. What comes next: {}.\n", Script::Create.file_name()),
        Script::Create => "-- Done.\n".to_owned(),
    };
    Ok(SecretString::from(text + "\n" + &last))
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

fn steps(script: Script, source: &Source<'_>) -> Vec<Step> {
    let setup = &source.wanted.place.setup;
    let plan = set_up_from_nothing(setup, script.power());
    let is_meant = |on: Connection| matches!(script, Script::Create) != (on == Connection::InitialDatabase);
    let mut steps: Vec<Step> = Vec::new();
    let mut is_open = false;
    for operation in plan.operations {
        let Operation::Run(on, section, subject) = operation else { continue };
        if !is_meant(on) {
            continue;
        }
        let section = match (section, script.power()) {
            (Section::Database, AccountPower::Lesser) => Section::DatabaseOfWhoeverRunsIt,
            _ => section,
        };
        let is_begin = matches!(section, Section::Begin | Section::BeginChange);
        match steps.last_mut().filter(|_| is_open) {
            Some(step) => step.operations.push((section, subject)),
            None => steps.push(Step {
                title: String::new(),
                // CREATE DATABASE runs in no transaction.
                is_wrapped: !is_begin && !CREATES_DATABASE.contains(&section),
                guards: Vec::new(),
                operations: vec![(section, subject)],
            }),
        }
        is_open = (is_open || is_begin) && !matches!(section, Section::Commit | Section::CommitChange);
    }
    for n in 0..steps.len() {
        let (title, own) = (steps[n].titled(source), guards::of_step(script, source, &steps, n));
        (steps[n].title, steps[n].guards) = (title, own);
    }
    steps
}

impl Step {
    fn has(&self, wanted: Section) -> bool {
        self.operations.iter().any(|(section, _)| *section == wanted)
    }

    fn creates_database(&self) -> bool {
        CREATES_DATABASE.into_iter().any(|section| self.has(section))
    }

    fn titled(&self, source: &Source<'_>) -> String {
        let setup = &source.wanted.place.setup;
        if self.has(Section::Claim) {
            format!("the user {CLAIM_USER}, the claim on the warehouse")
        } else if self.has(Section::SystemAccount) {
            format!("the system account {}", setup.system_account)
        } else if self.has(Section::CreateRole) {
            format!("the role {}", setup.impersonation_role.as_deref().unwrap_or_default())
        } else if self.creates_database() {
            format!("the database {}", setup.database)
        } else if self.has(Section::DatabaseGrants) {
            format!("who may do what with the database {}", setup.database)
        } else if self.has(Section::Registry) {
            "the registry, which says whose integration this is".to_owned()
        } else {
            "schemas, tables, views and procedures".to_owned()
        }
    }

    /// The guards stand behind the statement that begins the transaction. LOCK must come first in one, and fails in the
    /// wrong database in words of its own: there they stand before the transaction as well.
    fn statements(&self, script: Script, source: &Source<'_>) -> Result<Vec<Statement>, RenderError> {
        let wrap = |section| statements(section, &Parameters::new());
        let mut all = if self.is_wrapped { wrap(Section::Begin)? } else { Vec::new() };
        for (section, subject) in &self.operations {
            all.extend(statements(*section, &values(script, source, subject))?);
        }
        if self.is_wrapped {
            all.extend(wrap(Section::Commit)?);
        }
        let guards = || self.guards.iter().map(|guard| guard.statement(source)).collect::<Result<Vec<_>, _>>();
        let begins = |statement: &Statement| statement.text() == "BEGIN" || statement.text().starts_with("LOCK ");
        let at = all.iter().take_while(|statement| begins(statement)).count();
        all.splice(at..at, guards()?);
        if self.has(Section::BeginChange) {
            all.splice(0..0, guards()?);
        }
        Ok(all)
    }
}

fn values(script: Script, source: &Source<'_>, subject: &Subject) -> Parameters {
    let (setup, account) = (&source.wanted.place.setup, source.account);
    parameters(setup, script.power(), subject)
        .identifier("initial_database", &source.wanted.initial_database)
        .text("integration_uid", source.uid)
        // What the first transaction has written.
        .text("registry_state", RegistryState::Applying.as_str())
        .integer("fencing_counter", 1)
        .secret("claim_password", account.claim_password.md5_for(CLAIM_USER))
        .secret("system_account_password", account.password.md5_for(&setup.system_account))
        .secret("impersonation_key", impersonation_key(source))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;
    use crate::lifecycle::{Endpoint, Place, Setup};
    use crate::scripts::{ExistingName, Password};

    const ALL: [Script; 3] =
        [Script::InitialCreate(AccountPower::Superuser), Script::InitialCreate(AccountPower::Lesser), Script::Create];

    fn wanted(database: &str, mode: &str, role: Option<&str>) -> Wanted {
        let spec = serde_json::json!({"autoBootstrap": false, "config": {
            "host": "analytics.example.com", "database": database, "databaseMode": mode, "initialDatabase": "dev",
            "authenticationType": "userPassword",
            "impersonation": {"enabled": role.is_some(), "role": role.unwrap_or("immuta_impersonation")},
        }});
        Wanted::read(&serde_json::from_value(spec).unwrap()).unwrap()
    }

    fn account(wanted: &Wanted) -> SystemAccount {
        let password = || Password::new("Abcd1234-Canary".to_owned().into()).unwrap();
        let place = Place { endpoint: Endpoint::new("h", 1), setup: wanted.place.setup.clone() };
        SystemAccount::new(place, password(), password())
    }

    fn text(which: Script, wanted: &Wanted, uid: &str) -> String {
        let account = account(wanted);
        let source = Source { wanted, namespace: "data-platform", name: "analytics", uid, account: &account };
        script(which, &source).unwrap().expose_secret().to_owned()
    }

    /// What is no comment, no literal, no name and no body of a procedure.
    fn skeleton(script: &str) -> String {
        let mut rest = script;
        let mut skeleton = String::new();
        while let Some(next) = rest.chars().next() {
            let length = match next {
                _ if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
                _ if rest.starts_with("$$") => rest[2..].find("$$").unwrap() + 4,
                '\'' => {
                    let mut at = 1;
                    loop {
                        match rest.as_bytes()[at..] {
                            [b'\\', ..] | [b'\'', b'\'', ..] => at += 2,
                            [b'\'', ..] => break at + 1,
                            _ => at += 1,
                        }
                    }
                }
                '"' => rest[1..].find('"').unwrap() + 2,
                _ => {
                    skeleton.push(next);
                    next.len_utf8()
                }
            };
            rest = &rest[length..];
        }
        skeleton
    }

    #[test]
    fn the_script_of_a_superuser_reads_from_top_to_bottom() {
        insta::assert_snapshot!(text(ALL[0], &wanted("immuta", "Create", Some("immuta_impersonation")), "uid-1"));
    }

    #[test]
    fn the_script_for_the_managed_database_reads_from_top_to_bottom() {
        insta::assert_snapshot!(text(ALL[2], &wanted("immuta", "Create", None), "uid-1"));
    }

    #[test]
    fn another_password_or_another_integration_has_another_key() {
        let wanted = wanted("immuta", "Create", Some("acting"));
        let key = |uid: &str, account: &SystemAccount| {
            let source = Source { wanted: &wanted, namespace: "a", name: "b", uid, account };
            impersonation_key(&source).expose_secret().to_owned()
        };
        let first = account(&wanted);
        let other =
            SystemAccount { password: Password::new("Abcd1234-other".to_owned().into()).unwrap(), ..account(&wanted) };
        assert_eq!(key("uid-1", &first).len(), 64);
        assert_eq!(key("uid-1", &first), key("uid-1", &first));
        assert_ne!(key("uid-1", &first), key("uid-2", &first));
        assert_ne!(key("uid-1", &first), key("uid-1", &other));
    }

    #[test]
    fn a_longest_setup_is_far_from_what_a_secret_holds() {
        let long = "d".repeat(127);
        let role = "r".repeat(127);
        let wanted = wanted(&long, "Existing", Some(&role));
        let all: usize = ALL.into_iter().map(|which| text(which, &wanted, &"u".repeat(36)).len()).sum();
        assert!(all < 200_000, "{all}");
    }

    proptest! {
        #[test]
        fn whatever_a_database_is_called_the_script_is_the_same_statements(name in "[^\"\\p{Cc}]{1,30}") {
            prop_assume!(ExistingName::new(&name).is_ok());
            for which in ALL {
                let plain = skeleton(&text(which, &wanted("plain", "Existing", Some("acting")), "uid-1"));
                let named = skeleton(&text(which, &wanted(&name, "Existing", Some("acting")), "uid-1"));
                prop_assert_eq!(plain, named);
            }
        }
    }

    #[test]
    fn the_setup_is_the_one_of_the_automatic_mode() {
        let wanted = wanted("immuta", "Create", Some("acting"));
        let setup = Setup { impersonation_role: Some("acting".to_owned()), ..wanted.place.setup.clone() };
        let source_account = account(&wanted);
        let source = Source { wanted: &wanted, namespace: "a", name: "b", uid: "uid-1", account: &source_account };
        let plan = set_up_from_nothing(&setup, AccountPower::Superuser);
        let automatic: Vec<_> = plan
            .operations
            .into_iter()
            .filter_map(|operation| match operation {
                Operation::Run(_, section, subject) => Some((section, subject)),
                _ => None,
            })
            .collect();
        let scripts = [Script::InitialCreate(AccountPower::Superuser), Script::Create];
        let by_hand: Vec<_> =
            scripts.into_iter().flat_map(|script| steps(script, &source)).flat_map(|step| step.operations).collect();
        assert_eq!(automatic, by_hand);
    }
}
