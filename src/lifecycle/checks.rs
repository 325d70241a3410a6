//! The validation tests: what is checked, and what each result says to the person who reads it.
//!
//! Two of the names are those of the original system, word for word; the others follow their form,
//! `<phase>: <assertion>`.

mod preflight;
mod privileges;
mod watch;

use super::brief;
use crate::api::{Remedy, ValidationStatus, ValidationTest};

pub use preflight::{Preflight, held_by, verified, warn_of_unused};
pub use privileges::{Needs, lacking_for_removal};
pub use watch::{Watched, unwatched, watch};

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
/// The claim is there, and the one that was made.
pub const CLAIM: &str = "Validate System Account: Warehouse Is Claimed By This Integration";
/// Everything that was created is there, as it was made.
pub const OBJECTS: &str = "Validate System Account: Immuta Objects Exist";
/// Users reach what they must reach, and nothing else.
pub const GRANTS: &str = "Validate System Account: Grants To Users Are In Place";
/// Members of the role can impersonate, and nobody else.
pub const IMPERSONATION: &str = "Validate System Account: Impersonation Is In Place";
/// The managed database tells upper from lower case.
pub const COLLATION: &str = "Validate System Account: Collation Is Case-Sensitive";
/// The managed database's isolation level is known.
pub const ISOLATION: &str = "Validate System Account: Isolation Level Is Supported";

/// All tests, in the order in which they are listed.
pub const ALL: [&str; 23] = [
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
    CLAIM,
    OBJECTS,
    GRANTS,
    IMPERSONATION,
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

/// A test that ran.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Test {
    /// Which.
    pub name: &'static str,
    /// Its result.
    pub status: ValidationStatus,
    /// What was seen.
    pub message: String,
    /// What can be done about it, if it failed.
    pub remedies: Vec<Remedy>,
}

impl Test {
    /// With one more way to mend it.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedies.push(remedy);
        self
    }

    /// With more ways to mend it.
    #[must_use]
    pub fn remedies(mut self, remedies: impl IntoIterator<Item = Remedy>) -> Self {
        self.remedies.extend(remedies);
        self
    }

    /// Whether it failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.status == ValidationStatus::Failed
    }

    /// As the status shows it.
    #[must_use]
    pub fn shown(&self) -> ValidationTest {
        let message = Some(brief::cut(&self.message, brief::LONGEST_MESSAGE));
        ValidationTest { name: self.name.to_owned(), status: self.status, message, result: None }
    }
}

/// A test that passed.
#[must_use]
pub fn passed(name: &'static str, message: impl Into<String>) -> Test {
    test(name, ValidationStatus::Passed, message)
}

/// A test that failed; the message or the remedies say what to do.
#[must_use]
pub fn failed(name: &'static str, message: impl Into<String>) -> Test {
    test(name, ValidationStatus::Failed, message)
}

fn warning(name: &'static str, message: impl Into<String>) -> Test {
    test(name, ValidationStatus::Warning, message)
}

fn skipped(name: &'static str, message: impl Into<String>) -> Test {
    test(name, ValidationStatus::Skipped, message)
}

fn test(name: &'static str, status: ValidationStatus, message: impl Into<String>) -> Test {
    Test { name, status, message: message.into(), remedies: Vec::new() }
}

/// What a test says that was not run.
const NOT_RUN: &str = "not run";

/// Whether a test was not run, for whatever reason stands elsewhere.
#[must_use]
pub fn was_not_run(test: &ValidationTest) -> bool {
    test.status == ValidationStatus::Skipped && test.message.as_deref() == Some(NOT_RUN)
}

/// The whole list: tests that ran now, and of the others that they didn't.
#[must_use]
pub fn of_a_beginning(ran: &[Test]) -> Vec<Test> {
    let not_run = |name: &&'static str| skipped(name, NOT_RUN);
    let find = |name: &&'static str| ran.iter().find(|test| test.name == *name).cloned();
    ALL.iter().map(|name| find(name).unwrap_or_else(|| not_run(name))).collect()
}

/// The whole list: tests that ran now, and what is known of the others.
///
/// A test of the preflight that didn't run again keeps the result that it had, unless that was a failure:
/// whether it would fail now isn't known. Any other is skipped.
#[must_use]
pub fn complete(ran: &[Test], before: &[ValidationTest]) -> Vec<ValidationTest> {
    let is_kept = |name: &str| BEFORE_THE_CREATION.contains(&name);
    let known = |name: &str| {
        before
            .iter()
            .find(|test| test.name == name && test.status != ValidationStatus::Failed && is_kept(name))
            .cloned()
    };
    ALL.iter()
        .map(|name| {
            let now = ran.iter().find(|test| test.name == *name).map(Test::shown);
            now.or_else(|| known(name)).unwrap_or_else(|| skipped(name, NOT_RUN).shown())
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
pub fn first_failure(tests: &[Test]) -> Option<&Test> {
    tests.iter().find(|test| test.has_failed())
}

/// The first test whose failure stops an edit. Impersonation that isn't in place does not: an edit is what
/// mends it.
#[must_use]
pub fn first_failure_before_edit(tests: &[Test]) -> Option<&Test> {
    tests.iter().find(|test| test.has_failed() && test.name != IMPERSONATION)
}

/// A certain test, if it failed.
#[must_use]
pub fn failure_of<'a>(tests: &'a [Test], name: &str) -> Option<&'a Test> {
    tests.iter().find(|test| test.name == name && test.has_failed())
}

/// What can be done about all that failed.
#[must_use]
pub fn remedies(tests: &[Test]) -> Vec<Remedy> {
    tests.iter().filter(|test| test.has_failed()).flat_map(|test| test.remedies.clone()).collect()
}
