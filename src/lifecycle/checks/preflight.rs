//! The tests that run before the first change. They only read.

use super::privileges::privileges;
use super::watch::collation;
use super::{
    ACCOUNT_ABSENT, CONNECTION, CROSS_DATABASE, DATABASE_ABSENT, DATABASE_PRESENT, IDENTIFIERS, INITIAL_DATABASE,
    LANGUAGE, METADATA, Needs, PASSWORDS, REDSHIFT, ROLE_ABSENT, Test, UNCLAIMED, VERIFIED, failed, passed, skipped,
    warning,
};
use crate::api::{DatabaseMode, Remedy, TlsMode, ValidationStatus};
use crate::lifecycle::login::Described;
use crate::lifecycle::{ManagedDatabase, Ownership, Seen, Standing, Wanted, WarehouseFacts, brief};
use crate::scripts::{CLAIM_USER, show_identifier};

/// How well the connection is protected.
#[must_use]
pub fn verified(mode: TlsMode) -> Test {
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

/// Says with the result of that test which blocks of the CA bundle aren't used. Whoever replaces an authority sees there
/// that the new one isn't trusted, before the old one is gone.
pub fn warn_of_unused(tests: &mut [Test], unused: &str) {
    let ran = |test: &&mut Test| test.name == VERIFIED && test.status != ValidationStatus::Skipped;
    for test in tests.iter_mut().filter(ran) {
        test.status = ValidationStatus::Warning;
        test.message =
            format!("{}; not used of the bundle that spec.config.tls.caBundleRef names: {unused}", test.message);
    }
}

/// What the tests look at.
#[derive(Clone, Copy, Debug)]
pub struct Preflight<'a> {
    /// What the user wants.
    pub wanted: &'a Wanted,
    /// What the warehouse is.
    pub facts: &'a WarehouseFacts,
    /// What AWS says of it, if it was asked.
    pub described: Option<&'a Described>,
    /// What in it is ours already: that doesn't count as there, so that what was interrupted goes on.
    pub ownership: &'a Ownership,
    /// The resource that holds the warehouse, where it is known, as `namespace/name`.
    pub holder: Option<&'a str>,
}

impl Preflight<'_> {
    /// All tests that run before the first change of a creation.
    #[must_use]
    pub fn of_creation(&self) -> Vec<Test> {
        let Self { wanted, facts, described, ownership, holder } = *self;
        let setup = &wanted.place.setup;
        let (absent, present) = match setup.database_mode {
            DatabaseMode::Create => {
                (database_is_absent(wanted, ownership), skipped(DATABASE_PRESENT, "applies to databaseMode Existing"))
            }
            DatabaseMode::Existing => {
                (skipped(DATABASE_ABSENT, "applies to databaseMode Create"), database_is_present(wanted, ownership))
            }
        };
        let mut tests = vec![
            passed(CONNECTION, format!("logged in to {} as {}", wanted.initial_database, facts.account.name)),
            is_redshift(&facts.version),
            verified(wanted.tls_mode),
            passed(INITIAL_DATABASE, format!("the database {} is there", wanted.initial_database)),
            absent,
            present,
            account_is_absent(wanted, facts, ownership),
            role_is_absent(wanted, facts, ownership),
            is_unclaimed(wanted, ownership, holder),
            privileges(facts, &setup.database, &Needs::of_creation(setup)),
            cross_database(wanted, described),
            identifiers(facts),
            metadata(facts),
            language(wanted, facts),
            passed(PASSWORDS, "the generated passwords have 32 characters of all kinds that Redshift asks for"),
        ];
        tests.extend(facts.collation.as_ref().map(collation));
        tests
    }

    /// The tests before an edit that changes users or roles.
    #[must_use]
    pub fn of_edit(&self, needs: &Needs) -> Vec<Test> {
        let Self { wanted, facts, ownership, .. } = *self;
        vec![
            account_is_absent(wanted, facts, ownership),
            role_is_absent(wanted, facts, ownership),
            privileges(facts, &wanted.place.setup.database, needs),
            identifiers(facts),
            language(wanted, facts),
        ]
    }
}

fn is_redshift(version: &str) -> Test {
    if version.contains("Redshift") {
        let release = version.split("Redshift ").nth(1).unwrap_or_default().trim();
        passed(REDSHIFT, format!("Redshift {}", brief::cut(release, 40)))
    } else {
        failed(REDSHIFT, format!("the server says that it is `{}`", brief::cut(version, 120)))
            .remedy(Remedy::new("set spec.config.host to an Amazon Redshift warehouse"))
    }
}

fn database_is_absent(wanted: &Wanted, ownership: &Ownership) -> Test {
    let database = &wanted.place.setup.database;
    match &ownership.database {
        ManagedDatabase::Absent => passed(DATABASE_ABSENT, format!("there is no database {database}")),
        ManagedDatabase::Empty | ManagedDatabase::Registered(_) => {
            passed(DATABASE_ABSENT, format!("the database {database} was made by this integration"))
        }
        ManagedDatabase::Foreign(why) => failed(
            DATABASE_ABSENT,
            format!("the database {database} is there already and not this integration's ({why})"),
        )
        .remedy(Remedy::new("name another one in spec.config.database; or drop it, if it is not needed")),
        ManagedDatabase::Unproven(why) => {
            warning(DATABASE_ABSENT, format!("whose the database {database} is can't be told: {why}"))
        }
    }
}

fn database_is_present(wanted: &Wanted, ownership: &Ownership) -> Test {
    let database = &wanted.place.setup.database;
    match &ownership.database {
        ManagedDatabase::Absent => failed(DATABASE_PRESENT, format!("there is no database {database}")).remedy(
            Remedy::new("name one that exists in spec.config.database, or set spec.config.databaseMode to Create"),
        ),
        ManagedDatabase::Empty => passed(DATABASE_PRESENT, format!("the database {database} is there")),
        ManagedDatabase::Registered(_) => {
            passed(DATABASE_PRESENT, format!("the database {database} holds the schemas of this integration"))
        }
        ManagedDatabase::Foreign(why) => {
            failed(DATABASE_PRESENT, format!("the database {database} can't be used: {why}")).remedy(Remedy::new(
                "name another one in spec.config.database; or drop these schemas, if they are not needed",
            ))
        }
        ManagedDatabase::Unproven(why) => {
            warning(DATABASE_PRESENT, format!("whether the database {database} can be used can't be told: {why}"))
        }
    }
}

fn account_is_absent(wanted: &Wanted, facts: &WarehouseFacts, ownership: &Ownership) -> Test {
    let account = &wanted.place.setup.system_account;
    if let Seen::Yes(roles) = &facts.roles
        && roles.contains_key(account.as_str())
    {
        return failed(ACCOUNT_ABSENT, format!("{account} is the name of a role"))
            .remedy(Remedy::new("choose another name in spec.config.systemAccount.name"));
    }
    // A name that is to be changed: then it is the new one that must be free.
    let renamed = ownership.system_account_name != *account;
    match if renamed { &ownership.wanted_account } else { &ownership.system_account } {
        Standing::Absent => passed(ACCOUNT_ABSENT, format!("there is no user {account}")),
        Standing::Ours => passed(ACCOUNT_ABSENT, format!("the user {account} was made by this integration")),
        Standing::Foreign(why) => {
            failed(ACCOUNT_ABSENT, format!("the user {account} is there already and not this integration's ({why})"))
                .remedy(Remedy::new(
                    "choose another name in spec.config.systemAccount.name; or drop the user, if it is not needed",
                ))
        }
        Standing::LockedOut(_) => warning(
            ACCOUNT_ABSENT,
            format!("the user {account} was made by this integration, and the password in the Secret is refused"),
        ),
        Standing::Unproven(why) => warning(ACCOUNT_ABSENT, format!("whose the user {account} is can't be told: {why}")),
    }
}

fn role_is_absent(wanted: &Wanted, facts: &WarehouseFacts, ownership: &Ownership) -> Test {
    let Some(role) = &wanted.place.setup.impersonation_role else {
        return skipped(ROLE_ABSENT, "impersonation is off");
    };
    if facts.users.contains_key(role) {
        return failed(ROLE_ABSENT, format!("{role} is the name of a user"))
            .remedy(Remedy::new("choose another name in spec.config.impersonation.role"));
    }
    match (ownership.role(role), &facts.roles) {
        (Standing::Ours, _) => passed(ROLE_ABSENT, format!("the role {role} was made by this integration")),
        (Standing::Foreign(why), _) => {
            failed(ROLE_ABSENT, format!("the role {role} is there already and not this integration's ({why})")).remedy(
                Remedy::new(
                    "choose another name in spec.config.impersonation.role; or drop the role, if it is not needed",
                ),
            )
        }
        (Standing::LockedOut(_), _) => warning(ROLE_ABSENT, format!("whose the role {role} is can't be told")),
        (Standing::Unproven(why), _) => warning(ROLE_ABSENT, format!("whose the role {role} is can't be told: {why}")),
        (Standing::Absent, Seen::No(why)) => {
            warning(ROLE_ABSENT, format!("whether there is a role {role} can't be told: {why}"))
        }
        (Standing::Absent, Seen::Yes(_)) if !facts.account.superuser => warning(
            ROLE_ABSENT,
            format!("no role {role} is to be seen, but {} doesn't see all roles", facts.account.name),
        ),
        (Standing::Absent, Seen::Yes(_)) => passed(ROLE_ABSENT, format!("there is no role {role}")),
    }
}

/// The words of the original system for a warehouse that has an integration already.
#[must_use]
pub fn already_exists(host: &str, holder: Option<&str>) -> String {
    format!("Redshift integration already exists on host {host} (id = {})", holder.unwrap_or("unknown"))
}

/// Another resource of this cluster, `namespace/name`, was first.
#[must_use]
pub fn held_by(host: &str, holder: &str) -> Test {
    failed(UNCLAIMED, already_exists(host, Some(holder))).remedy(one_integration())
}

/// What to do where another integration has the warehouse.
#[must_use]
pub fn one_integration() -> Remedy {
    Remedy::new("a warehouse takes one integration: delete the other one, or this one")
}

fn is_unclaimed(wanted: &Wanted, ownership: &Ownership, holder: Option<&str>) -> Test {
    match &ownership.claim {
        Standing::Absent => passed(UNCLAIMED, format!("there is no user {CLAIM_USER}")),
        Standing::Ours => passed(UNCLAIMED, "the warehouse is claimed by this integration"),
        Standing::Foreign(why) => failed(
            UNCLAIMED,
            format!(
                "{}: the user {CLAIM_USER} is there and not this integration's ({why})",
                already_exists(wanted.place.endpoint.host(), holder)
            ),
        )
        .remedy(one_integration()),
        Standing::LockedOut(_) => {
            warning(UNCLAIMED, "the claim was made by this integration, and the password in the Secret is refused")
        }
        Standing::Unproven(why) => warning(UNCLAIMED, format!("whose the claim is can't be told: {why}")),
    }
}

fn cross_database(wanted: &Wanted, described: Option<&Described>) -> Test {
    if wanted.place.setup.database_mode == DatabaseMode::Existing {
        skipped(CROSS_DATABASE, "applies to databaseMode Create: here, users' views stand beside their tables")
    } else if let Some(Described { kind, .. }) = described {
        if kind.reads_other_databases() {
            passed(CROSS_DATABASE, format!("it runs on {kind}, which have cross-database queries"))
        } else {
            failed(
                CROSS_DATABASE,
                format!(
                    "it runs on {kind}, which have no cross-database queries: users' views in {} could not read tables of other \
                     databases",
                    wanted.place.setup.database
                ),
            )
            .remedy(Remedy::new(
                "set spec.config.databaseMode to Existing, and spec.config.database to the one that holds the tables (for tables \
                 in S3, the one that has the external schema of Redshift Spectrum); or resize the cluster to RA3 nodes",
            ))
        }
    } else if wanted.place.endpoint.host().contains(".redshift-serverless.") {
        passed(CROSS_DATABASE, "Redshift Serverless has cross-database queries")
    } else {
        warning(
            CROSS_DATABASE,
            "no query tells the node type: RA3 nodes have cross-database queries, DC2 nodes have not; on DC2, users' \
             views must stand in the same database as their tables",
        )
    }
}

fn identifiers(facts: &WarehouseFacts) -> Test {
    match &facts.case_sensitive_identifiers {
        Seen::Yes(false) => passed(IDENTIFIERS, "enable_case_sensitive_identifier is off"),
        Seen::Yes(true) => {
            failed(IDENTIFIERS, "enable_case_sensitive_identifier is on: names would be told apart by case")
                .remedy(Remedy::new("turn it off for the warehouse, in its parameter group or workgroup configuration"))
                .remedy(Remedy::command(
                    "or turn it off for the user in the Secret alone, as a superuser",
                    format!(
                        "ALTER USER {} SET enable_case_sensitive_identifier TO false",
                        show_identifier(&facts.account.name)
                    ),
                ))
        }
        Seen::No(why) => warning(IDENTIFIERS, format!("enable_case_sensitive_identifier can't be read: {why}")),
    }
}

fn metadata(facts: &WarehouseFacts) -> Test {
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

fn language(wanted: &Wanted, facts: &WarehouseFacts) -> Test {
    if wanted.place.setup.impersonation_role.is_none() {
        return skipped(LANGUAGE, "impersonation is off");
    }
    match &facts.language_is_public {
        Seen::Yes(true) => passed(LANGUAGE, "everybody may use the language plpgsql"),
        Seen::Yes(false) if facts.account.superuser => {
            failed(LANGUAGE, "the system account couldn't create procedures: PUBLIC may not use the language plpgsql")
                .remedy(Remedy::command(
                    "as a superuser, in the managed database",
                    "GRANT USAGE ON LANGUAGE plpgsql TO PUBLIC",
                ))
        }
        Seen::Yes(false) => warning(
            LANGUAGE,
            "no right of PUBLIC to use the language plpgsql is to be seen by the account in the Secret",
        ),
        Seen::No(why) => warning(LANGUAGE, format!("who may use the language plpgsql can't be told: {why}")),
    }
}
