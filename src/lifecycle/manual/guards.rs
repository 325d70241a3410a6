//! What must be so before a step of a script, and what its error says if it isn't.

mod edit;
mod passwords;
mod removal;
mod set_up;

use super::steps::Step;
use super::{Script, Source};
use crate::lifecycle::AccountPower;
use crate::scripts::{
    CLAIM_USER, POLICY_VIEWS_VERSION, Parameters, RenderError, SCHEMA_VERSION, Section, Statement, statements,
};

/// One question, and what to do if the answer is no.
pub(super) struct Guard {
    section: Section,
    /// What it is about.
    guarded: String,
    /// The id that this must have.
    id: Option<String>,
    refusal: String,
    stands_once: bool,
}

impl Guard {
    fn new(section: Section, guarded: &str, refusal: String) -> Self {
        Self { section, guarded: guarded.to_owned(), id: None, refusal, stands_once: false }
    }

    /// One that stands in a step once: behind the beginning of its transaction, and not before that as well. A person may
    /// remove it.
    fn once(self) -> Self {
        Self { stands_once: true, ..self }
    }

    pub(super) fn stands_once(&self) -> bool {
        self.stands_once
    }

    pub(super) fn statement(&self, script: Script, source: &Source<'_>) -> Result<Statement, RenderError> {
        let parameters = Parameters::new()
            .text("guarded", &self.guarded)
            .text("guarded_id", self.id.as_deref().unwrap_or_default())
            .text("guarded_user", &source.setup(script).system_account)
            .text("refusal", &self.refusal)
            .text("integration_uid", source.uid)
            .integer("schema_version", i64::from(SCHEMA_VERSION))
            .integer("policy_views_version", i64::from(POLICY_VIEWS_VERSION));
        let guard = statements(self.section, &parameters)?.into_iter().next();
        Ok(guard.expect("a guard is one statement"))
    }
}

/// Where and as whom.
fn place(script: Script, source: &Source<'_>) -> Vec<Guard> {
    let (setup, file) = (source.setup(script), script.file_name());
    let database = if script.is_from_outside() { &source.wanted.initial_database } else { &setup.database };
    let in_database =
        Guard::new(Section::GuardDatabase, database, format!("this is another database: run {file} in {database}"));
    let as_user = match script {
        Script::InitialCreate(AccountPower::Superuser) => {
            let other = Script::InitialCreate(AccountPower::Lesser).file_name();
            let refusal = format!("this user is no superuser: run {file} as one, or {other} in its place");
            Guard::new(Section::GuardSuperuser, "", refusal)
        }
        Script::InitialCreate(AccountPower::Lesser) => {
            let refusal = format!("this user may not create databases: run {file} as one who may");
            Guard::new(Section::GuardDatabaseCreator, "", refusal)
        }
        Script::Create => {
            let account = &setup.system_account;
            let refusal = format!(
                "this is another user: log in as {account}, or, as a superuser, run SET SESSION AUTHORIZATION \
                 {account} first"
            );
            Guard::new(Section::GuardUser, account, refusal)
        }
        Script::Edit | Script::NewPasswords | Script::Delete | Script::DeleteRest | Script::Cleanup => {
            Guard::new(Section::GuardSuperuser, "", format!("this user is no superuser: run {file} as one"))
        }
    };
    vec![in_database, as_user]
}

/// Whose the registry is.
fn registry_owner(source: &Source<'_>, script: Script) -> Guard {
    let database = &source.setup(script).database;
    let foreign = format!("the database {database} belongs to another integration, or this script is an old one");
    Guard::new(Section::GuardRegistryOwner, "", foreign)
}

/// Where to go on behind a step.
fn go_on(n: usize, steps: usize) -> String {
    if n + 1 < steps { format!("go on from {}", line(n + 1)) } else { "nothing is left to do".to_owned() }
}

/// How the line is found at which a step begins.
fn line(n: usize) -> String {
    format!("the line that begins with -- Step {}", n + 1)
}

fn user(name: &str) -> String {
    let what = if name == CLAIM_USER { "user" } else { "system account" };
    format!("the {what} {name}")
}

/// Before the first step: what was done by an earlier run, the last of it first, so that one answer is enough.
pub(super) fn before_all(script: Script, source: &Source<'_>, steps: &[Step]) -> Vec<Guard> {
    let done = match script {
        Script::InitialCreate(_) | Script::Create => set_up::done(script, source, steps),
        Script::Edit => edit::done(source, steps),
        Script::Delete => removal::done_inside(source, steps),
        Script::DeleteRest => removal::done_outside(source, steps),
        // Run again, it sets the same.
        Script::NewPasswords | Script::Cleanup => Vec::new(),
    };
    place(script, source).into_iter().chain(done).collect()
}

/// Before one of the steps: that those before are done, and this one isn't.
pub(super) fn of_step(script: Script, source: &Source<'_>, steps: &[Step], n: usize) -> Vec<Guard> {
    let own = match script {
        Script::InitialCreate(_) | Script::Create => set_up::of_step(script, source, steps, n),
        Script::Edit => edit::of_step(source, steps, n),
        Script::NewPasswords => passwords::guards(source),
        Script::Delete => removal::inside(source, steps, n),
        Script::DeleteRest => removal::outside(source, steps, n),
        Script::Cleanup => removal::of_what_was_begun(source),
    };
    place(script, source).into_iter().chain(own).collect()
}
