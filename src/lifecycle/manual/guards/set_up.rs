//! The guards of `initial-create.sql` and `create.sql`.

use super::{Guard, Script, Source, Step, go_on, line, registry_owner};
use crate::lifecycle::{AccountPower, RegistryState};
use crate::scripts::{CLAIM_USER, Section};

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
    } else if let Some(role) = step.role(Section::CreateRole) {
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
    let go_on = match script.next() {
        Some(next) if n + 1 == steps => format!("go on with {}", next.file_name()),
        _ => go_on(n, steps),
    };
    let otherwise = match what {
        _ if what.ends_with(CLAIM_USER) => "if not, another integration has this warehouse",
        _ => "if not, it is somebody else's",
    };
    format!("{what} is there already: if this script has made it, {go_on}; {otherwise}")
}

pub(super) fn done(script: Script, source: &Source<'_>, steps: &[Step]) -> Vec<Guard> {
    let done = steps.iter().enumerate().rev().filter_map(|(n, step)| {
        let made = made(source, step)?;
        Some(Guard::new(made.absent, &made.guarded, done_before(script, n, steps.len(), &made.what)))
    });
    done.collect()
}

pub(super) fn of_step(script: Script, source: &Source<'_>, steps: &[Step], n: usize) -> Vec<Guard> {
    let mut guards = Vec::new();
    if matches!(script, Script::Create) {
        let setup = &source.wanted.place.setup;
        let first = Script::InitialCreate(AccountPower::Superuser).file_name();
        let refusal = format!("the system account can't create schemas in {}: run {first} to its end", setup.database);
        guards.push(Guard::new(Section::GuardDatabaseGrantsPresent, &setup.database, refusal));
    }
    for (before, step) in steps[..n].iter().enumerate() {
        if let Some(made) = made(source, step) {
            let refusal = format!("{} is missing: go back to {}", made.what, line(before));
            guards.push(Guard::new(made.present, &made.guarded, refusal));
        }
    }
    if let Some(made) = made(source, &steps[n]) {
        guards.push(Guard::new(made.absent, &made.guarded, done_before(script, n, steps.len(), &made.what)));
    }
    if steps[n].has(Section::Complete) {
        guards.push(registry_owner(source, script));
        let complete = "all of this is there already: nothing is left to do".to_owned();
        guards.push(Guard::new(Section::GuardRegistryState, RegistryState::Applying.as_str(), complete));
    }
    guards
}
