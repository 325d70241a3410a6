//! What a person is told who has to take away by hand what nothing proves to be ours any more.

use super::contents::SCHEMAS;
use super::{Seen, Setup, WarehouseFacts, brief};
use crate::api::{DatabaseMode, Next, Remedy};
use crate::scripts::{CLAIM_USER, show_identifier};

/// Something with a name of ours, and the statement that takes it away.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remnant {
    /// What it is.
    pub what: String,
    /// What a superuser would run, one after the other. It is printed and never executed.
    pub removal: Vec<String>,
    /// The database to run it in, where that matters.
    pub database: Option<String>,
    /// What to look out for with the first of the statements.
    pub caution: Option<&'static str>,
}

/// Everything that a setup has, in the order in which it can be taken away.
#[must_use]
pub fn remnants(setup: &Setup) -> Vec<Remnant> {
    everything(setup).into_iter().map(|(_, remnant)| remnant).collect()
}

/// What of it is there, as far as an administrator sees from outside of the managed database; `next` are the names
/// that an edit was giving.
#[must_use]
pub fn remnants_there(setup: &Setup, next: Option<&Next>, facts: &WarehouseFacts) -> Vec<Remnant> {
    let next = next.cloned().unwrap_or_default();
    let has_user = |user: &str| facts.users.contains_key(user);
    let is_there = |kind: &Kind| match kind {
        Kind::Database => facts.databases.contains_key(&setup.database),
        // That can't be seen from here: where their owner is, they may be.
        Kind::Schemas => {
            [Some(&setup.system_account), next.system_account.as_ref()].into_iter().flatten().any(|name| has_user(name))
        }
        Kind::Account(name) => has_user(name),
        Kind::Role(role) => matches!(&facts.roles, Seen::Yes(roles) if roles.contains_key(role)),
        Kind::Claim => has_user(CLAIM_USER),
    };
    let mut all = everything(setup);
    let claim = all.pop();
    all.extend(next.impersonation_role.as_deref().map(role));
    all.extend(next.system_account.as_deref().map(account));
    all.into_iter().chain(claim).filter(|(kind, _)| is_there(kind)).map(|(_, remnant)| remnant).collect()
}

/// The things, as a sentence lists them.
#[must_use]
pub fn list(remnants: &[Remnant]) -> String {
    brief::list(remnants.iter().map(|remnant| remnant.what.as_str()))
}

/// The statements, each by itself.
#[must_use]
pub fn removal(remnants: &[Remnant]) -> Vec<Remedy> {
    let statements = remnants.iter().flat_map(|remnant| {
        let cautions = remnant.caution.into_iter().map(Some).chain(std::iter::repeat(None));
        remnant.removal.iter().zip(cautions).map(move |(statement, caution)| (remnant, statement, caution))
    });
    let statements: Vec<_> = statements.collect();
    let steps = statements.len();
    let step = |(n, (remnant, statement, caution)): (usize, &(&Remnant, &String, Option<&str>))| {
        let place = remnant.database.as_ref().map_or_else(String::new, |name| format!(", in the database {name}"));
        let caution = caution.map_or_else(String::new, |caution| format!(" ({caution})"));
        Remedy::command(format!("by hand, step {} of {steps}, as a superuser{place}{caution}", n + 1), *statement)
    };
    statements.iter().enumerate().map(step).collect()
}

enum Kind {
    Database,
    Schemas,
    Role(String),
    Account(String),
    Claim,
}

/// The statement that drops a role, whoever has it.
#[must_use]
pub fn drop_role(name: &str) -> String {
    format!("DROP ROLE {} FORCE", show_identifier(name))
}

/// The statement that drops a user, who may not own anything any more.
#[must_use]
pub fn drop_user(name: &str) -> String {
    format!("DROP USER {}", show_identifier(name))
}

fn remnant(what: String, removal: String) -> Remnant {
    Remnant { what, removal: vec![removal], database: None, caution: None }
}

fn role(name: &str) -> (Kind, Remnant) {
    (Kind::Role(name.to_owned()), remnant(format!("the role {name}"), drop_role(name)))
}

fn account(name: &str) -> (Kind, Remnant) {
    (Kind::Account(name.to_owned()), remnant(format!("the user {name}"), drop_user(name)))
}

fn everything(setup: &Setup) -> Vec<(Kind, Remnant)> {
    let database = &setup.database;
    let mut all = vec![match setup.database_mode {
        DatabaseMode::Create => (
            Kind::Database,
            remnant(format!("the database {database}"), format!("DROP DATABASE {}", show_identifier(database))),
        ),
        DatabaseMode::Existing => {
            let schemas = SCHEMAS.join(", ");
            let what = format!("the schemas {schemas} in the database {database}");
            let removal = vec![
                format!("DROP SCHEMA IF EXISTS {schemas} CASCADE"),
                // A user who has privileges on a database isn't dropped.
                format!(
                    "REVOKE ALL PRIVILEGES ON DATABASE {} FROM {}",
                    show_identifier(database),
                    show_identifier(&setup.system_account)
                ),
            ];
            let caution = Some("CASCADE drops others' views on them too");
            (Kind::Schemas, Remnant { what, removal, database: Some(database.clone()), caution })
        }
    }];
    all.extend(setup.impersonation_role.as_deref().map(role));
    all.push(account(&setup.system_account));
    all.push((Kind::Claim, remnant(format!("the user {CLAIM_USER}"), format!("DROP USER {CLAIM_USER}"))));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_owns_is_dropped_after_what_it_owns_and_the_claim_last() {
        for database_mode in [DatabaseMode::Create, DatabaseMode::Existing] {
            let setup = Setup {
                database: "immuta".to_owned(),
                database_mode,
                system_account: "account".to_owned(),
                impersonation_role: Some("acting".to_owned()),
            };
            let statements = removal(&remnants(&setup)).into_iter().filter_map(|remedy| remedy.command);
            let removal = statements.collect::<Vec<_>>().join("; ");
            let at = |text: &str| removal.find(text).unwrap_or(usize::MAX);
            assert!(at("DROP USER \"account\"") < at("DROP USER redshift_governance_claim"), "{removal}");
            assert!(
                at("immuta") < at("DROP ROLE \"acting\"") && at("acting") < at("DROP USER \"account\""),
                "{removal}"
            );
            assert_eq!(removal.contains("DROP DATABASE"), database_mode == DatabaseMode::Create);
        }
    }
}
