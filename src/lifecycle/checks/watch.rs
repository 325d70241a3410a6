//! The tests that run as the system account.

use std::collections::BTreeMap;

use super::{
    COLLATION, CONNECTION, GRANTS, IMPERSONATION, ISOLATION, LOGIN, OBJECTS, REGISTRY, failed, passed, skipped,
    verified, warning,
};
use crate::api::ValidationTest;
use crate::lifecycle::contents::{Contents, IMPERSONATION_KEY, PROCEDURES, PROCEDURES_SCHEMA, PROFILE, USER_PROFILE};
use crate::lifecycle::{Registry, RegistryState, Seen, Setup, Wanted};

/// What was read as the system account in the managed database.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// The row of the registry.
    pub registry: Registry,
    /// What is in the database.
    pub contents: Contents,
    /// The roles of the system account, and which of them it may grant.
    pub own_roles: BTreeMap<String, bool>,
    /// How many keys of impersonations there are: one while impersonation is on, none while it is off.
    pub keys: u64,
    /// What `db_collation()` says.
    pub collation: Seen<String>,
    /// The isolation level, as far as the catalogue says.
    pub isolation: Seen<String>,
}

/// The tests that run as the system account: at the end of a creation, and periodically.
#[must_use]
pub fn watch(wanted: &Wanted, watched: &Watched, uid: &str) -> Vec<ValidationTest> {
    vec![
        passed(CONNECTION, logged_in(&watched.registry.setup)),
        verified(wanted.tls_mode),
        passed(LOGIN, logged_in(&watched.registry.setup)),
        registry(&watched.registry, uid),
        objects(watched),
        grants(&watched.contents),
        impersonation(watched),
        collation(&watched.collation),
        isolation(&watched.isolation),
    ]
}

/// The system account can't log in, or can't read what it must read.
#[must_use]
pub fn unwatched(wanted: &Wanted, failing: &str, message: &str) -> Vec<ValidationTest> {
    let mut tests = vec![verified(wanted.tls_mode)];
    if failing != CONNECTION {
        tests.push(passed(CONNECTION, logged_in(&wanted.place.setup)));
    }
    tests.push(failed(failing, message));
    tests
}

fn logged_in(setup: &Setup) -> String {
    format!("logged in to {} as {}", setup.database, setup.system_account)
}

fn registry(registry: &Registry, uid: &str) -> ValidationTest {
    if registry.integration_uid != uid {
        return failed(
            REGISTRY,
            format!(
                "the registry names the integration {}, not this one ({uid}); another integration took over",
                registry.integration_uid
            ),
        );
    }
    match registry.state {
        RegistryState::Complete => passed(REGISTRY, format!("complete, schema version {}", registry.schema_version)),
        RegistryState::Applying => failed(REGISTRY, "the registry says that the creation is not complete"),
        RegistryState::Deleting => failed(REGISTRY, "the registry says that the integration is being deleted"),
    }
}

fn objects(watched: &Watched) -> ValidationTest {
    let missing = watched.contents.missing(watched.registry.setup.impersonation_role.is_some());
    if missing.is_empty() {
        passed(OBJECTS, "all schemas, tables, views and procedures are there")
    } else {
        failed(
            OBJECTS,
            format!(
                "missing in the database: {}; delete the resource and create it again, or restore the database",
                missing.join(", ")
            ),
        )
    }
}

fn grants(contents: &Contents) -> ValidationTest {
    let mut wrong = Vec::new();
    for private in [PROFILE, IMPERSONATION_KEY] {
        if contents.is_granted_to_public(private) {
            wrong.push(format!("PUBLIC has privileges on {private}: REVOKE ALL ON {private} FROM PUBLIC"));
        }
    }
    if !contents.public_may_select(USER_PROFILE) {
        wrong.push(format!("PUBLIC can't read {USER_PROFILE}: GRANT SELECT ON {USER_PROFILE} TO PUBLIC"));
    }
    for schema in contents.schemas_without_public_usage() {
        wrong.push(format!("PUBLIC can't use {schema}: GRANT USAGE ON SCHEMA {schema} TO PUBLIC"));
    }
    if wrong.is_empty() {
        passed(GRANTS, "users reach user_profile, functions and procedures, and nothing else")
    } else {
        failed(GRANTS, format!("{}; run these as the system account", wrong.join("; ")))
    }
}

fn impersonation(watched: &Watched) -> ValidationTest {
    let Some(role) = &watched.registry.setup.impersonation_role else {
        return skipped(IMPERSONATION, "impersonation is off");
    };
    let account = &watched.registry.setup.system_account;
    let mut wrong = Vec::new();
    match watched.own_roles.get(role) {
        Some(true) => {}
        Some(false) => wrong.push(format!(
            "{account} may not grant the role {role}; let a superuser run: GRANT ROLE {role} TO {account} WITH ADMIN OPTION"
        )),
        None => wrong.push(format!(
            "the role {role} was dropped, or taken from {account}; if it is there, and is not another one that somebody made \
             under this name, let a superuser run: GRANT ROLE {role} TO {account} WITH ADMIN OPTION; else set \
             spec.config.impersonation.role to another name"
        )),
    }
    for procedure in PROCEDURES.into_iter().filter(|name| watched.contents.procedure_is_public(name)) {
        wrong.push(format!(
            "everybody may call {PROCEDURES_SCHEMA}.{procedure}; as {account}, run: REVOKE EXECUTE ON PROCEDURE \
             {PROCEDURES_SCHEMA}.{procedure}(VARCHAR) FROM PUBLIC"
        ));
    }
    if watched.keys != 1 {
        wrong.push(format!(
            "there are {} keys instead of one; switch spec.config.impersonation.enabled off and on again",
            watched.keys
        ));
    }
    if wrong.is_empty() {
        passed(IMPERSONATION, format!("members of the role {role} can impersonate other users, and nobody else"))
    } else {
        failed(IMPERSONATION, wrong.join("; "))
    }
}

pub(super) fn collation(collation: &Seen<String>) -> ValidationTest {
    match collation {
        Seen::Yes(collation) if collation == "case_sensitive" => passed(COLLATION, "case_sensitive"),
        Seen::Yes(collation) => failed(
            COLLATION,
            format!("the database is {collation}: user names that differ in case would be taken for each other"),
        ),
        Seen::No(why) => warning(COLLATION, format!("db_collation() can't be read: {why}")),
    }
}

fn isolation(isolation: &Seen<String>) -> ValidationTest {
    match isolation {
        Seen::Yes(level) => passed(ISOLATION, level.clone()),
        Seen::No(why) => warning(ISOLATION, format!("the isolation level can't be told: {why}")),
    }
}
