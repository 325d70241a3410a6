//! The validation tests: what is checked, and what each result says to the person who reads it.
//!
//! Two of the names are those of the original system, word for word; the others follow their form,
//! `<phase>: <assertion>`.

use std::collections::BTreeSet;

use super::contents::{Contents, PROFILE, USER_PROFILE};
use super::{
    AccountPower, ManagedDatabase, Ownership, Registry, RegistryState, Seen, Standing, Wanted, WarehouseFacts,
};
use crate::api::{TlsMode, ValidationStatus, ValidationTest};
use crate::scripts::CLAIM_USER;

/// Login to the initial database (before the creation) or the managed one (after it).
pub const CONNECTION: &str = "Initial Validation: Basic Connection Test";
/// The server is Redshift.
pub const REDSHIFT: &str = "Initial Validation: Server Is Amazon Redshift";
/// The connection is verified.
pub const VERIFIED: &str = "Initial Validation: Connection Is Verified";
/// The initial database is there.
pub const INITIAL_DATABASE: &str = "Initial Validation: Initial Database Exists";
/// The managed database is not there.
pub const DATABASE_ABSENT: &str = "Validate Automatic Bootstrap: Immuta Database Does Not Exist";
/// The managed database is there (mode `Existing`).
pub const DATABASE_PRESENT: &str = "Validate Automatic Bootstrap: Immuta Database Exists";
/// The system account is not there.
pub const ACCOUNT_ABSENT: &str = "Validate Automatic Bootstrap: System Account Does Not Exist";
/// The impersonation role is not there.
pub const ROLE_ABSENT: &str = "Validate Automatic Bootstrap: Impersonation Role Does Not Exist";
/// Nobody holds the warehouse.
pub const UNCLAIMED: &str = "Validate Automatic Bootstrap: Warehouse Is Not Claimed";
/// The account may do what has to be done.
pub const PRIVILEGES: &str = "Validate Automatic Bootstrap: Setup Account Has The Required Privileges";
/// Queries may reach across databases.
pub const CROSS_DATABASE: &str = "Validate Automatic Bootstrap: Cross-Database Queries Are Possible";
/// Quoted identifiers don't keep their case.
pub const IDENTIFIERS: &str = "Validate Automatic Bootstrap: Identifiers Are Not Case-Sensitive";
/// The account sees everything.
pub const METADATA: &str = "Validate Automatic Bootstrap: Metadata Is Visible";
/// Users may use the language of the procedures.
pub const LANGUAGE: &str = "Validate Automatic Bootstrap: PL/pgSQL Can Be Used";
/// The generated passwords are ones that Redshift takes.
pub const PASSWORDS: &str = "Validate Automatic Bootstrap: Passwords Meet The Rules";
/// The system account logs in to the managed database.
pub const LOGIN: &str = "Validate System Account: Login To The Immuta Database";
/// The registry says that the integration is ours and complete.
pub const REGISTRY: &str = "Validate System Account: Registry Is Complete";
/// Everything that was created is there.
pub const OBJECTS: &str = "Validate System Account: Immuta Objects Exist";
/// Users reach what they must reach, and nothing else.
pub const GRANTS: &str = "Validate System Account: Grants To Users Are In Place";
/// The managed database tells upper from lower case.
pub const COLLATION: &str = "Validate System Account: Collation Is Case-Sensitive";
/// The managed database's isolation level is known.
pub const ISOLATION: &str = "Validate System Account: Isolation Level Is Supported";

/// All tests, in the order in which they are listed.
pub const ALL: [&str; 21] = [
    CONNECTION,
    REDSHIFT,
    VERIFIED,
    INITIAL_DATABASE,
    DATABASE_ABSENT,
    DATABASE_PRESENT,
    ACCOUNT_ABSENT,
    ROLE_ABSENT,
    UNCLAIMED,
    PRIVILEGES,
    CROSS_DATABASE,
    IDENTIFIERS,
    METADATA,
    LANGUAGE,
    PASSWORDS,
    LOGIN,
    REGISTRY,
    OBJECTS,
    GRANTS,
    COLLATION,
    ISOLATION,
];

/// The tests that run once, before the first change; later lists keep their results.
const BEFORE_THE_CREATION: [&str; 14] = [
    REDSHIFT,
    VERIFIED,
    INITIAL_DATABASE,
    DATABASE_ABSENT,
    DATABASE_PRESENT,
    ACCOUNT_ABSENT,
    ROLE_ABSENT,
    UNCLAIMED,
    PRIVILEGES,
    CROSS_DATABASE,
    IDENTIFIERS,
    METADATA,
    LANGUAGE,
    PASSWORDS,
];

/// A test that passed.
#[must_use]
pub fn passed(name: &str, message: impl Into<String>) -> ValidationTest {
    test(name, ValidationStatus::Passed, message)
}

/// A test that failed; the message says what to do.
#[must_use]
pub fn failed(name: &str, message: impl Into<String>) -> ValidationTest {
    test(name, ValidationStatus::Failed, message)
}

fn warning(name: &str, message: impl Into<String>) -> ValidationTest {
    test(name, ValidationStatus::Warning, message)
}

fn skipped(name: &str, message: impl Into<String>) -> ValidationTest {
    test(name, ValidationStatus::Skipped, message)
}

fn test(name: &str, status: ValidationStatus, message: impl Into<String>) -> ValidationTest {
    ValidationTest { name: name.to_owned(), status, message: Some(message.into()), result: None }
}

/// The whole list: tests that ran now, and what is known of the others.
///
/// A test of the preflight that didn't run again keeps the result that it had; any other is skipped.
#[must_use]
pub fn complete(ran: &[ValidationTest], before: &[ValidationTest]) -> Vec<ValidationTest> {
    let find = |tests: &[ValidationTest], name: &str| tests.iter().find(|test| test.name == name).cloned();
    ALL.iter()
        .map(|name| {
            find(ran, name)
                .or_else(|| BEFORE_THE_CREATION.contains(name).then(|| find(before, name)).flatten())
                .unwrap_or_else(|| skipped(name, "not run"))
        })
        .collect()
}

/// The worst of the results.
#[must_use]
pub fn overall(tests: &[ValidationTest]) -> ValidationStatus {
    [ValidationStatus::Failed, ValidationStatus::Warning, ValidationStatus::Passed]
        .into_iter()
        .find(|status| tests.iter().any(|test| test.status == *status))
        .unwrap_or(ValidationStatus::Skipped)
}

/// The first test that failed.
#[must_use]
pub fn first_failure(tests: &[ValidationTest]) -> Option<&ValidationTest> {
    tests.iter().find(|test| test.status == ValidationStatus::Failed)
}

/// A certain test, if it failed.
#[must_use]
pub fn failure_of<'a>(tests: &'a [ValidationTest], name: &str) -> Option<&'a ValidationTest> {
    tests.iter().find(|test| test.name == name && test.status == ValidationStatus::Failed)
}

/// How well the connection is protected.
#[must_use]
pub fn verified(mode: TlsMode) -> ValidationTest {
    match mode {
        TlsMode::VerifyFull => passed(VERIFIED, "the server's certificate and name are verified"),
        TlsMode::VerifyCa => warning(
            VERIFIED,
            "spec.config.tls.mode is VerifyCa: the server's name is not verified; use VerifyFull, with serverName if \
             the certificate has another name",
        ),
        TlsMode::Require => warning(
            VERIFIED,
            "spec.config.tls.mode is Require: whoever stands in between can read everything; use VerifyFull",
        ),
        TlsMode::Disable => warning(
            VERIFIED,
            "spec.config.tls.mode is Disable: passwords' digests and all statements cross the network in the clear; \
             use VerifyFull",
        ),
    }
}

/// All tests that run before the first change. What is already ours doesn't count as there: a creation
/// that was interrupted goes on.
#[must_use]
pub fn preflight(
    wanted: &Wanted,
    facts: &WarehouseFacts,
    ownership: &Ownership,
    holder: Option<&str>,
) -> Vec<ValidationTest> {
    vec![
        passed(CONNECTION, format!("logged in to {} as {}", wanted.initial_database, facts.account.name)),
        is_redshift(&facts.version),
        verified(wanted.tls_mode),
        passed(INITIAL_DATABASE, format!("the database {} is there", wanted.initial_database)),
        database_is_absent(wanted, ownership),
        skipped(DATABASE_PRESENT, "applies to databaseMode Existing"),
        account_is_absent(wanted, facts, ownership),
        skipped(ROLE_ABSENT, "impersonation is off"),
        is_unclaimed(wanted, ownership, holder),
        privileges(facts),
        cross_database(wanted),
        identifiers(facts),
        metadata(facts),
        skipped(LANGUAGE, "impersonation is off"),
        passed(PASSWORDS, "the generated passwords have 32 characters of all kinds that Redshift asks for"),
    ]
}

fn is_redshift(version: &str) -> ValidationTest {
    if version.contains("Redshift") {
        let release = version.split("Redshift ").nth(1).unwrap_or_default().trim();
        passed(REDSHIFT, format!("Redshift {release}"))
    } else {
        failed(
            REDSHIFT,
            format!("the server says that it is `{version}`; set spec.config.host to an Amazon Redshift warehouse"),
        )
    }
}

fn database_is_absent(wanted: &Wanted, ownership: &Ownership) -> ValidationTest {
    let database = &wanted.database;
    match &ownership.database {
        ManagedDatabase::Absent => passed(DATABASE_ABSENT, format!("there is no database {database}")),
        ManagedDatabase::Empty | ManagedDatabase::Registered(_) => {
            passed(DATABASE_ABSENT, format!("the database {database} was made by this integration"))
        }
        ManagedDatabase::Foreign(why) => failed(
            DATABASE_ABSENT,
            format!(
                "the database {database} is there already and not this integration's ({why}); name another one in \
                 spec.config.database, or drop it if it is not needed"
            ),
        ),
        ManagedDatabase::Unproven(why) => {
            warning(DATABASE_ABSENT, format!("whose the database {database} is can't be told: {why}"))
        }
    }
}

fn account_is_absent(wanted: &Wanted, facts: &WarehouseFacts, ownership: &Ownership) -> ValidationTest {
    let account = &wanted.system_account;
    if let Seen::Yes(roles) = &facts.roles
        && roles.contains(account.as_str())
    {
        return failed(
            ACCOUNT_ABSENT,
            format!("{account} is the name of a role; choose another one in spec.config.systemAccount.name"),
        );
    }
    match &ownership.system_account {
        Standing::Absent => passed(ACCOUNT_ABSENT, format!("there is no user {account}")),
        Standing::Ours => passed(ACCOUNT_ABSENT, format!("the user {account} was made by this integration")),
        Standing::Foreign(why) => failed(
            ACCOUNT_ABSENT,
            format!(
                "the user {account} is there already and not this integration's ({why}); choose another name in \
                 spec.config.systemAccount.name, or drop the user if it is not needed"
            ),
        ),
        Standing::Unproven(why) => warning(ACCOUNT_ABSENT, format!("whose the user {account} is can't be told: {why}")),
    }
}

/// The words of the original system for a warehouse that has an integration already.
#[must_use]
pub fn already_exists(host: &str, holder: Option<&str>) -> String {
    format!("Redshift integration already exists on host {host} (id = {})", holder.unwrap_or("unknown"))
}

fn is_unclaimed(wanted: &Wanted, ownership: &Ownership, holder: Option<&str>) -> ValidationTest {
    match &ownership.claim {
        Standing::Absent => passed(UNCLAIMED, format!("there is no user {CLAIM_USER}")),
        Standing::Ours => passed(UNCLAIMED, "the warehouse is claimed by this integration"),
        Standing::Foreign(why) => failed(
            UNCLAIMED,
            format!(
                "{}: the user {CLAIM_USER} is there and not this integration's ({why}); a warehouse takes one \
                 integration: delete the other one, or this one",
                already_exists(wanted.endpoint.host(), holder)
            ),
        ),
        Standing::Unproven(why) => warning(UNCLAIMED, format!("whose the claim is can't be told: {why}")),
    }
}

fn privileges(facts: &WarehouseFacts) -> ValidationTest {
    let name = &facts.account.name;
    if facts.account.power() == AccountPower::Superuser {
        return passed(PRIVILEGES, format!("{name} is a superuser"));
    }
    let mut missing = Vec::new();
    if !facts.account.may_create_databases {
        missing.push(format!("ALTER USER \"{name}\" CREATEDB"));
    }
    let needed = ["CREATE USER", "DROP USER"];
    match &facts.held {
        Seen::Yes(held) => {
            if !may_manage_users(held) {
                let lacking: Vec<_> = needed.iter().filter(|privilege| !held.contains(**privilege)).copied().collect();
                missing.push(format!("GRANT {} TO ROLE <a role of \"{name}\">", lacking.join(", ")));
            }
        }
        Seen::No(why) if missing.is_empty() => {
            return warning(
                PRIVILEGES,
                format!(
                    "{name} is no superuser, and whether its roles carry CREATE USER and DROP USER can't be seen \
                     ({why})"
                ),
            );
        }
        Seen::No(_) => {}
    }
    if missing.is_empty() {
        return passed(PRIVILEGES, format!("{name} may create databases, and create and drop users"));
    }
    failed(
        PRIVILEGES,
        format!(
            "{name} is no superuser and lacks privileges to set things up and to remove them later; log in as a \
             superuser in the Secret, or let one run: {}",
            missing.join("; ")
        ),
    )
}

fn may_manage_users(held: &BTreeSet<String>) -> bool {
    let has = |name: &str| held.contains(name);
    has("sys:secadmin") || has("sys:superuser") || (has("CREATE USER") && has("DROP USER"))
}

fn cross_database(wanted: &Wanted) -> ValidationTest {
    if wanted.endpoint.host().contains(".redshift-serverless.") {
        passed(CROSS_DATABASE, "Redshift Serverless has cross-database queries")
    } else {
        warning(
            CROSS_DATABASE,
            "no query tells the node type: RA3 nodes have cross-database queries, DC2 nodes have not; on DC2, users' \
             views must stand in the same database as their tables",
        )
    }
}

fn identifiers(facts: &WarehouseFacts) -> ValidationTest {
    match &facts.case_sensitive_identifiers {
        Seen::Yes(false) => passed(IDENTIFIERS, "enable_case_sensitive_identifier is off"),
        Seen::Yes(true) => failed(
            IDENTIFIERS,
            "enable_case_sensitive_identifier is on; turn it off for the warehouse (parameter group or workgroup \
             configuration), or for the user in the Secret: ALTER USER … SET enable_case_sensitive_identifier TO false",
        ),
        Seen::No(why) => warning(IDENTIFIERS, format!("enable_case_sensitive_identifier can't be read: {why}")),
    }
}

fn metadata(facts: &WarehouseFacts) -> ValidationTest {
    if facts.account.superuser {
        passed(METADATA, "a superuser sees all metadata")
    } else {
        warning(
            METADATA,
            "the account in the Secret is no superuser: where metadata security is on, it doesn't see what others \
             own, and the deletion will ask for an account that does",
        )
    }
}

/// What was read as the system account in the managed database.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// The row of the registry.
    pub registry: Registry,
    /// What is in the database.
    pub contents: Contents,
    /// What `db_collation()` says.
    pub collation: Seen<String>,
    /// The isolation level, as far as the catalogue says.
    pub isolation: Seen<String>,
}

/// The tests that run as the system account: at the end of a creation, and periodically.
#[must_use]
pub fn watch(wanted: &Wanted, watched: &Watched, uid: &str) -> Vec<ValidationTest> {
    vec![
        passed(CONNECTION, format!("logged in to {} as {}", wanted.database, wanted.system_account)),
        verified(wanted.tls_mode),
        passed(LOGIN, format!("{} logs in to {}", wanted.system_account, wanted.database)),
        registry(&watched.registry, uid),
        objects(&watched.contents),
        grants(&watched.contents),
        collation(&watched.collation),
        isolation(&watched.isolation),
    ]
}

/// The system account can't log in, or can't read what it must read.
#[must_use]
pub fn unwatched(wanted: &Wanted, failing: &str, message: &str) -> Vec<ValidationTest> {
    let mut tests = vec![verified(wanted.tls_mode)];
    if failing != CONNECTION {
        tests.push(passed(CONNECTION, format!("logged in to {} as {}", wanted.database, wanted.system_account)));
    }
    tests.push(failed(failing, message));
    tests
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

fn objects(contents: &Contents) -> ValidationTest {
    let missing = contents.missing();
    if missing.is_empty() {
        passed(OBJECTS, "all schemas, tables and views are there")
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
    if contents.is_granted_to_public(PROFILE) {
        wrong.push(format!("PUBLIC has privileges on {PROFILE}: REVOKE ALL ON {PROFILE} FROM PUBLIC"));
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

fn collation(collation: &Seen<String>) -> ValidationTest {
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
