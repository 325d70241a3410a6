//! What must be so before a step of a script, and what its error says if it isn't.

use super::{CLAIM_USER, Script, Source, Step};
use crate::lifecycle::AccountPower;
use crate::scripts::{Parameters, RenderError, Section, Statement, statements};

/// One question, and what to do if the answer is no.
pub(super) struct Guard {
    section: Section,
    /// What it is about.
    guarded: String,
    refusal: String,
}

impl Guard {
    fn new(section: Section, guarded: &str, refusal: String) -> Self {
        Self { section, guarded: guarded.to_owned(), refusal }
    }

    pub(super) fn statement(&self, source: &Source<'_>) -> Result<Statement, RenderError> {
        let parameters = Parameters::new()
            .text("guarded", &self.guarded)
            .text("guarded_user", &source.wanted.place.setup.system_account)
            .text("refusal", &self.refusal)
            .text("integration_uid", source.uid)
            .text("registry_state", crate::lifecycle::RegistryState::Applying.as_str());
        let guard = statements(self.section, &parameters)?.into_iter().next();
        Ok(guard.expect("a guard is one statement"))
    }
}

/// Where and as whom.
fn place(script: Script, source: &Source<'_>) -> Vec<Guard> {
    let (setup, file) = (&source.wanted.place.setup, script.file_name());
    let database = match script {
        Script::InitialCreate(_) => &source.wanted.initial_database,
        Script::Create => &setup.database,
    };
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
    };
    vec![in_database, as_user]
}

/// What a step makes, and whether it is there. A step that may be run again has none.
struct Made {
    absent: Section,
    present: Section,
    guarded: String,
    what: String,
}

fn made(source: &Source<'_>, step: &Step) -> Option<Made> {
    let setup = &source.wanted.place.setup;
    let of = |absent, present, kind: &str, name: &str| {
        Some(Made { absent, present, guarded: name.to_owned(), what: format!("the {kind} {name}") })
    };
    let user = |name| of(Section::GuardUserAbsent, Section::GuardUserPresent, "user", name);
    if step.has(Section::Claim) {
        user(CLAIM_USER)
    } else if step.has(Section::SystemAccount) {
        user(&setup.system_account)
    } else if step.has(Section::CreateRole) {
        let role = setup.impersonation_role.as_deref().unwrap_or_default();
        of(Section::GuardRoleAbsent, Section::GuardRolePresent, "role", role)
    } else if step.creates_database() {
        of(Section::GuardDatabaseAbsent, Section::GuardDatabasePresent, "database", &setup.database)
    } else if step.has(Section::Registry) {
        of(Section::GuardSchemasAbsent, Section::GuardRegistryPresent, "table", "immuta_system.registry")
    } else {
        None
    }
}

/// What a person is told who begins a step that was done before.
fn done_before(script: Script, n: usize, steps: usize, what: &str) -> String {
    let go_on = match script {
        _ if n + 1 < steps => format!("go on from the line that begins with -- Step {}", n + 2),
        Script::InitialCreate(_) => format!("go on with {}", Script::Create.file_name()),
        Script::Create => "nothing is left to do".to_owned(),
    };
    let otherwise = match what {
        _ if what.ends_with(CLAIM_USER) => "if not, another integration has this warehouse",
        _ => "if not, it is somebody else's",
    };
    format!("{what} is there already: if this script has made it, {go_on}; {otherwise}")
}

/// Before the first step: what was done by an earlier run, the last of it first, so that one answer is enough.
pub(super) fn before_all(script: Script, source: &Source<'_>, steps: &[Step]) -> Vec<Guard> {
    let done = steps.iter().enumerate().rev().filter_map(|(n, step)| {
        let made = made(source, step)?;
        Some(Guard::new(made.absent, &made.guarded, done_before(script, n, steps.len(), &made.what)))
    });
    place(script, source).into_iter().chain(done).collect()
}

/// Before one of the steps: that those before are done, and this one isn't.
pub(super) fn of_step(script: Script, source: &Source<'_>, steps: &[Step], n: usize) -> Vec<Guard> {
    let mut guards = place(script, source);
    if matches!(script, Script::Create) {
        let setup = &source.wanted.place.setup;
        let first = Script::InitialCreate(AccountPower::Superuser).file_name();
        let refusal = format!("the system account can't create schemas in {}: run {first} to its end", setup.database);
        guards.push(Guard::new(Section::GuardDatabaseGrantsPresent, &setup.database, refusal));
    }
    for (before, step) in steps[..n].iter().enumerate() {
        if let Some(made) = made(source, step) {
            let refusal =
                format!("{} is missing: go back to the line that begins with -- Step {}", made.what, before + 1);
            guards.push(Guard::new(made.present, &made.guarded, refusal));
        }
    }
    if let Some(made) = made(source, &steps[n]) {
        guards.push(Guard::new(made.absent, &made.guarded, done_before(script, n, steps.len(), &made.what)));
    }
    if steps[n].has(Section::Complete) {
        let database = &source.wanted.place.setup.database;
        let foreign = format!("the database {database} belongs to another integration, or this script is an old one");
        guards.push(Guard::new(Section::GuardRegistryOwner, "", foreign));
        let complete = "all of this is there already: nothing is left to do".to_owned();
        guards.push(Guard::new(Section::GuardRegistryState, "", complete));
    }
    guards
}
