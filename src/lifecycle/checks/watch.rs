//! The tests that run as the system account.

use std::collections::BTreeMap;

use super::{
    CLAIM, COLLATION, CONNECTION, GRANTS, IMPERSONATION, ISOLATION, LOGIN, OBJECTS, REGISTRY, Test, failed, passed,
    skipped, verified, warning,
};
use crate::api::{Remedy, ValidationStatus};
use crate::lifecycle::contents::Contents;
use crate::lifecycle::definitions::Definitions;
use crate::lifecycle::drift::{Drift, drift};
use crate::lifecycle::sweep::DatabaseAcl;
use crate::lifecycle::{Failure, Registry, RegistryState, Seen, Setup, UserId, Wanted, brief};
use crate::scripts::CLAIM_USER;

/// What was read as the system account in the managed database.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// The row of the registry.
    pub registry: Registry,
    /// What is in the database.
    pub contents: Contents,
    /// The roles of the system account, and which of them it may grant.
    pub own_roles: BTreeMap<String, bool>,
    /// How many keys of impersonations there are: one while impersonation is on, none while it is off. One of another
    /// length than ours counts for none.
    pub keys: u64,
    /// What the server shows of our objects.
    pub definitions: Seen<Definitions>,
    /// The name under which the system account logged in.
    pub account_name: String,
    /// Its id.
    pub account: Option<UserId>,
    /// The id of the user that has the claim's name.
    pub claim: Option<UserId>,
    /// What `db_collation()` says.
    pub collation: Seen<String>,
    /// The isolation level, as far as the catalogue says.
    pub isolation: Seen<String>,
    /// Whose the managed database is, and who may do what with it, if the catalogue lists it.
    pub database: Seen<Option<DatabaseAcl>>,
}

impl Watched {
    /// What is set up, with the name that the account has: an edit that was interrupted may have given it another than the
    /// registry says.
    #[must_use]
    pub fn setup(&self) -> Setup {
        Setup { system_account: self.account_name.clone(), ..self.registry.setup.clone() }
    }

    /// What the server shows of our objects, where all of them are there and it isn't recorded yet; of the integration of
    /// this UID.
    #[must_use]
    pub fn unrecorded(&self, uid: &str) -> Option<&Definitions> {
        match &self.definitions {
            Seen::Yes(shown)
                if self.registry.definitions.is_none()
                    && self.registry.is_current_for(uid)
                    && self.contents.missing(&self.registry).is_empty() =>
            {
                Some(shown)
            }
            _ => None,
        }
    }
}

/// The tests that run as the system account: at the end of a creation, and periodically.
#[must_use]
pub fn watch(wanted: &Wanted, watched: &Watched, uid: &str) -> Vec<Test> {
    let (setup, drift) = (&watched.setup(), drift(watched));
    let impersonation = match &setup.impersonation_role {
        None => skipped(IMPERSONATION, "impersonation is off"),
        Some(role) => {
            let all_is_well = format!("members of the role {role} can impersonate other users, and nobody else");
            as_set_up(wanted, IMPERSONATION, &drift, setup, all_is_well)
        }
    };
    vec![
        passed(CONNECTION, logged_in(&watched.registry.setup)),
        verified(wanted.tls_mode),
        passed(LOGIN, logged_in(&watched.registry.setup)),
        registry(&watched.registry, uid),
        as_set_up(wanted, CLAIM, &drift, setup, format!("the user {CLAIM_USER} keeps other integrations out")),
        objects(wanted, watched, &drift),
        as_set_up(
            wanted,
            GRANTS,
            &drift,
            setup,
            "users reach user_profile, functions and procedures, and nothing else",
        ),
        impersonation,
        collation(&watched.collation),
        isolation(&watched.isolation),
    ]
}

/// The system account can't log in, or can't read what it must read.
#[must_use]
pub fn unwatched(wanted: &Wanted, failing: &'static str, failure: &Failure) -> Vec<Test> {
    let mut tests = vec![verified(wanted.tls_mode)];
    if failing != CONNECTION {
        tests.push(passed(CONNECTION, logged_in(&wanted.place.setup)));
    }
    tests.push(failed(failing, failure.message.as_str()).remedies(failure.remedies.clone()));
    tests
}

fn logged_in(setup: &Setup) -> String {
    format!("logged in to {} as {}", setup.database, setup.system_account)
}

fn objects(wanted: &Wanted, watched: &Watched, drift: &[Drift]) -> Test {
    let setup = &watched.setup();
    let all_is_well = "all schemas, tables, views and procedures are there, as they were made";
    let test = as_set_up(wanted, OBJECTS, drift, setup, all_is_well);
    match &watched.definitions {
        Seen::No(why) if test.status == ValidationStatus::Passed => warning(
            OBJECTS,
            format!(
                "all schemas, tables, views and procedures are there; whether any was changed can't be told: {why}"
            ),
        ),
        _ => test,
    }
}

fn registry(registry: &Registry, uid: &str) -> Test {
    if registry.integration_uid != uid {
        return failed(
            REGISTRY,
            format!(
                "the registry names the integration {}, not this one ({uid}): another integration took over",
                registry.integration_uid
            ),
        )
        .remedy(Remedy::new("delete this resource: nothing is touched that isn't its own"));
    }
    match registry.state {
        RegistryState::Complete => passed(REGISTRY, format!("complete, schema version {}", registry.schema_version)),
        RegistryState::Applying => failed(REGISTRY, "the registry says that the creation is not complete"),
        RegistryState::Deleting => failed(REGISTRY, "the registry says that the integration is being deleted")
            .remedy(Remedy::new("delete this resource too, which removes what is left, and create it anew")),
    }
}

/// The test that something drifted from, if it did.
fn as_set_up(
    wanted: &Wanted,
    name: &'static str,
    drift: &[Drift],
    setup: &Setup,
    all_is_well: impl Into<String>,
) -> Test {
    let found: Vec<_> = drift.iter().filter(|drift| drift.test == name).collect();
    if found.is_empty() {
        return passed(name, all_is_well);
    }
    let mut what: Vec<_> = found.iter().map(|drift| drift.what.as_str()).collect();
    what.dedup();
    let mut remedies: Vec<_> = found.iter().flat_map(|drift| drift.remedies(setup, wanted.auto_bootstrap)).collect();
    remedies.dedup();
    failed(name, brief::list(what)).remedies(remedies)
}

pub(super) fn collation(collation: &Seen<String>) -> Test {
    match collation {
        Seen::Yes(collation) if collation == "case_sensitive" => passed(COLLATION, "case_sensitive"),
        Seen::Yes(collation) => failed(
            COLLATION,
            format!("the database is {collation}: user names that differ in case would be taken for each other"),
        )
        .remedy(Remedy::new("use a database that is case-sensitive: the collation of one can't be changed")),
        Seen::No(why) => warning(COLLATION, format!("db_collation() can't be read: {why}")),
    }
}

fn isolation(isolation: &Seen<String>) -> Test {
    match isolation {
        Seen::Yes(level) => passed(ISOLATION, level.clone()),
        Seen::No(why) => warning(ISOLATION, format!("the isolation level can't be told: {why}")),
    }
}
