//! The tests that run as the system account.

use std::collections::BTreeMap;

use super::{
    COLLATION, CONNECTION, GRANTS, IMPERSONATION, ISOLATION, LOGIN, OBJECTS, REGISTRY, Test, failed, passed, skipped,
    verified, warning,
};
use crate::api::Remedy;
use crate::lifecycle::contents::{Contents, IMPERSONATION_KEY, PROCEDURES, PROCEDURES_SCHEMA, PROFILE, USER_PROFILE};
use crate::lifecycle::{Failure, Registry, RegistryState, Seen, Setup, Wanted, brief};
use crate::scripts::show_identifier;

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
pub fn watch(wanted: &Wanted, watched: &Watched, uid: &str) -> Vec<Test> {
    let (setup, drift) = (&watched.registry.setup, drift(watched));
    let impersonation = match &setup.impersonation_role {
        None => skipped(IMPERSONATION, "impersonation is off"),
        Some(role) => {
            let all_is_well = format!("members of the role {role} can impersonate other users, and nobody else");
            as_set_up(IMPERSONATION, &drift, setup, all_is_well)
        }
    };
    vec![
        passed(CONNECTION, logged_in(&watched.registry.setup)),
        verified(wanted.tls_mode),
        passed(LOGIN, logged_in(&watched.registry.setup)),
        registry(&watched.registry, uid),
        as_set_up(OBJECTS, &drift, setup, "all schemas, tables, views and procedures are there"),
        as_set_up(GRANTS, &drift, setup, "users reach user_profile, functions and procedures, and nothing else"),
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

/// Something that isn't as it was set up, and what mends it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Drift {
    /// The test that it fails.
    pub test: &'static str,
    /// What is different.
    pub what: String,
    /// Who can mend it, and how.
    pub mender: Mender,
}

/// Who can mend something, and how.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mender {
    /// The system account, in the managed database, with this statement.
    SystemAccount(String),
    /// A superuser, with this statement, if something holds that nobody else can tell.
    Superuser(String, &'static str),
    /// Whoever writes the spec.
    Spec(&'static str),
    /// A person, by hand.
    Person(&'static str),
}

impl Drift {
    fn remedy(&self, setup: &Setup) -> Remedy {
        let Setup { database, system_account, .. } = setup;
        match &self.mender {
            Mender::SystemAccount(statement) => {
                Remedy::command(format!("in the database {database}, as {system_account} or a superuser"), statement)
            }
            Mender::Superuser(statement, condition) => Remedy::command(format!("as a superuser{condition}"), statement),
            Mender::Spec(what) | Mender::Person(what) => Remedy::new(*what),
        }
    }
}

/// All that isn't as it was set up.
#[must_use]
pub fn drift(watched: &Watched) -> Vec<Drift> {
    let mut found = missing(watched);
    found.extend(grants(&watched.contents));
    if let Some(role) = &watched.registry.setup.impersonation_role {
        found.extend(impersonation(watched, role));
    }
    found
}

fn missing(watched: &Watched) -> Vec<Drift> {
    let missing = watched.contents.missing(&watched.registry.setup);
    let drift = |what| Drift {
        test: OBJECTS,
        what: format!("{what} is missing"),
        mender: Mender::Person("restore the database; or delete the resource and create it anew"),
    };
    missing.into_iter().map(drift).collect()
}

fn grants(contents: &Contents) -> Vec<Drift> {
    let drift =
        |what: String, statement: String| Drift { test: GRANTS, what, mender: Mender::SystemAccount(statement) };
    let mut found = Vec::new();
    for private in [PROFILE, IMPERSONATION_KEY] {
        if contents.is_granted_to_public(private) {
            let statement = format!("REVOKE ALL ON {private} FROM PUBLIC");
            found.push(drift(format!("PUBLIC has privileges on {private}"), statement));
        }
    }
    if !contents.public_may_select(USER_PROFILE) {
        let statement = format!("GRANT SELECT ON {USER_PROFILE} TO PUBLIC");
        found.push(drift(format!("PUBLIC can't read {USER_PROFILE}"), statement));
    }
    for schema in contents.schemas_without_public_usage() {
        let statement = format!("GRANT USAGE ON SCHEMA {schema} TO PUBLIC");
        found.push(drift(format!("PUBLIC can't use the schema {schema}"), statement));
    }
    found
}

fn impersonation(watched: &Watched, role: &str) -> Vec<Drift> {
    let account = &watched.registry.setup.system_account;
    let drift = |what: String, mender| Drift { test: IMPERSONATION, what, mender };
    let grant = format!("GRANT ROLE {} TO {} WITH ADMIN OPTION", show_identifier(role), show_identifier(account));
    let mut found = Vec::new();
    match watched.own_roles.get(role) {
        Some(true) => {}
        Some(false) => {
            found.push(drift(format!("{account} may not grant the role {role}"), Mender::Superuser(grant, "")));
        }
        None => {
            let condition = ", if the role is there and is not another one that somebody made under this name";
            let what = format!("the role {role} was dropped, or taken from {account}");
            found.push(drift(what.clone(), Mender::Superuser(grant, condition)));
            let other = "if the role is gone, set spec.config.impersonation.role to another name";
            found.push(drift(what, Mender::Spec(other)));
        }
    }
    for procedure in PROCEDURES.into_iter().filter(|name| watched.contents.procedure_is_public(name)) {
        let statement = format!("REVOKE EXECUTE ON PROCEDURE {PROCEDURES_SCHEMA}.{procedure}(VARCHAR) FROM PUBLIC");
        let what = format!("everybody may call {PROCEDURES_SCHEMA}.{procedure}");
        found.push(drift(what, Mender::SystemAccount(statement)));
    }
    if watched.keys != 1 {
        let what = format!("there are {} keys instead of one", watched.keys);
        found.push(drift(what, Mender::Spec("switch spec.config.impersonation.enabled off and on again")));
    }
    found
}

/// The test that something drifted from, if it did.
fn as_set_up(name: &'static str, drift: &[Drift], setup: &Setup, all_is_well: impl Into<String>) -> Test {
    let found: Vec<_> = drift.iter().filter(|drift| drift.test == name).collect();
    if found.is_empty() {
        return passed(name, all_is_well);
    }
    let mut what: Vec<_> = found.iter().map(|drift| drift.what.as_str()).collect();
    what.dedup();
    let mut remedies: Vec<_> = found.iter().map(|drift| drift.remedy(setup)).collect();
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
