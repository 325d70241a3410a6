//! The guards of `edit.sql`. The registry's counter isn't known to who makes the script, and rotations raise it as well: the
//! guards ask for what is applied.

use super::{Guard, Script, Source, Step, go_on, line, registry_owner, user};
use crate::lifecycle::RegistryState;
use crate::scripts::{Section, show_identifier};

const SCRIPT: Script = Script::Edit;

/// Whether the registry says that all of it was done.
fn not_done(source: &Source<'_>, steps: &[Step]) -> Guard {
    let refusal = format!("all of this is there already: {}", go_on(0, steps.len()));
    Guard::new(Section::GuardRegistryNotApplied, &source.wanted.place.setup.hash(), refusal)
}

/// Whether the registry is there, and ours.
fn registry(source: &Source<'_>) -> [Guard; 2] {
    let database = &source.setup(SCRIPT).database;
    let absent = format!("nothing is set up in the database {database}: there is nothing to edit");
    [Guard::new(Section::GuardRegistryPresent, "", absent), registry_owner(source, SCRIPT)]
}

pub(super) fn done(source: &Source<'_>, steps: &[Step]) -> Vec<Guard> {
    registry(source).into_iter().chain([not_done(source, steps)]).collect()
}

pub(super) fn of_step(source: &Source<'_>, steps: &[Step], n: usize) -> Vec<Guard> {
    let mut guards: Vec<_> = registry(source).into();
    let step = &steps[n];
    if let Some(role) = step.role(Section::DropRole) {
        let refusal = format!("the registry doesn't say yet that it is done: go back to {}", line(0));
        guards.push(Guard::new(Section::GuardRegistryApplied, &source.wanted.place.setup.hash(), refusal));
        let gone = format!("the role {role} is gone already: {}", go_on(n, steps.len()));
        guards.push(Guard::new(Section::GuardRolePresent, role, gone));
        return guards;
    }
    guards.push(not_done(source, steps));
    let stale = "something else is set up than when this script was made: it is an old one, fetch it again".to_owned();
    guards.push(Guard::new(Section::GuardRegistryApplied, &source.applied().hash(), stale));
    let incomplete = "the registry says that something else is being done: this script is none for that".to_owned();
    guards.push(Guard::new(Section::GuardRegistryState, RegistryState::Complete.as_str(), incomplete));
    let version = format!(
        "another version of the operator has set this up, or migrated it, than {}, which made this script: fetch it again",
        env!("CARGO_PKG_VERSION")
    );
    guards.push(Guard::new(Section::GuardRegistryVersion, "", version));
    if let Some((former, new)) = step.renaming(Section::RenameAccount) {
        guards.push(missing(Section::GuardUserPresent, former, &user(former)));
        guards.push(taken(Section::GuardUserAbsent, new, "user"));
    }
    if let Some((former, new)) = step.renaming(Section::RenameRole) {
        guards.push(missing(Section::GuardRolePresent, former, &format!("the role {former}")));
        guards.push(taken(Section::GuardRoleAbsent, new, "role"));
    }
    if let Some(new) = step.role(Section::CreateRole) {
        // AWS doesn't document that roles are undone with their transaction.
        let refusal = format!(
            "the role {new} is there already: if a run of this script that failed has left it, drop it (DROP ROLE {}) and run the \
             script again; if not, it is somebody else's",
            show_identifier(new)
        );
        guards.push(Guard::new(Section::GuardRoleAbsent, new, refusal));
    }
    guards
}

fn missing(section: Section, name: &str, what: &str) -> Guard {
    Guard::new(section, name, format!("{what} is missing: somebody has renamed or dropped it"))
}

/// Beside the one that is to get its name.
fn taken(section: Section, name: &str, kind: &str) -> Guard {
    Guard::new(section, name, format!("the {kind} {name} is there already, and is somebody else's"))
}
