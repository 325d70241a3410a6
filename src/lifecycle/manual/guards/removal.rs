//! The guards of `delete.sql`, `delete-rest.sql` and `cleanup.sql`. Who looks into the managed database can't drop it, and who
//! drops it can't look: between them is the mark, and the claim, which goes last.

use super::{Guard, Script, Source, Step, go_on, line, registry_owner, user};
use crate::api::DatabaseMode;
use crate::lifecycle::manual::DATABASE_SET_ASIDE;
use crate::lifecycle::{RegistryState, Setup};
use crate::scripts::{CLAIM_USER, Section};

const FIRST: Script = Script::Delete;
const SECOND: Script = Script::DeleteRest;

fn is_existing(setup: &Setup) -> bool {
    setup.database_mode == DatabaseMode::Existing
}

fn present(name: &str, refusal: String) -> Guard {
    Guard::new(Section::GuardUserPresent, name, refusal)
}

/// How what a guard has counted is found.
fn to_list(section: &str) -> String {
    format!("the comment at {section} says how to list it")
}

/// What of others' stands in the way inside the managed database.
fn obstacles(setup: &Setup) -> Vec<Guard> {
    let database = &setup.database;
    if !is_existing(setup) {
        let refusal = format!(
            " of the objects in the database {database} aren't this integration's, and would be lost with it: {}",
            to_list("guard-objects-of-others")
        );
        return vec![Guard::new(Section::GuardObjectsOfOthers, "", refusal).once()];
    }
    let inside = format!(
        " of the objects in the schemas of this integration are others': move or drop them ({})",
        to_list("guard-objects-in-our-schemas")
    );
    let views =
        format!(" of others' views read this integration's: drop or change them ({})", to_list("guard-views-on-ours"));
    vec![
        Guard::new(Section::GuardObjectsInOurSchemas, "", inside).once(),
        Guard::new(Section::GuardViewsOnOurs, "", views).once(),
    ]
}

/// What keeps the system account and the role in a database that stays.
fn ties(setup: &Setup) -> Vec<Guard> {
    if !is_existing(setup) {
        return Vec::new();
    }
    let account = format!(
        " of others' objects are owned by the system account {} or granted to it: give them to somebody else, revoke it ({})",
        setup.system_account,
        to_list("guard-ties-of-account")
    );
    let mut guards = vec![Guard::new(Section::GuardTiesOfAccount, "", account).once()];
    let role = setup.impersonation_role.as_deref();
    for (section, on, view) in [
        (Section::GuardSchemasOfRole, "schemas", "svv_schema_privileges"),
        (Section::GuardRelationsOfRole, "tables or views", "svv_relation_privileges"),
        (Section::GuardFunctionsOfRole, "functions or procedures", "svv_function_privileges"),
    ] {
        guards.extend(role.map(|role| {
            let refusal = format!(" privileges on others' {on} were granted to the role {role}: revoke them ({view})");
            Guard::new(section, role, refusal).once()
        }));
    }
    guards
}

fn registry_present(setup: &Setup, steps: &[Step]) -> Guard {
    let cleanup = Script::Cleanup.file_name();
    let refusal = if is_existing(setup) {
        format!(
            "there is no registry in the database {}: if this script has dropped it, go on from {}; if nothing was ever set up \
             here, run {cleanup} in its place",
            setup.database,
            line(steps.len() - 1)
        )
    } else {
        format!("there is no registry in the database {}: run {cleanup} in place of this", setup.database)
    };
    Guard::new(Section::GuardRegistryPresent, "", refusal)
}

/// A run of it looks again, as long as nothing is dropped.
pub(super) fn done_inside(source: &Source<'_>, steps: &[Step]) -> Vec<Guard> {
    let setup = source.setup(FIRST);
    let mut guards = Vec::new();
    if is_existing(setup) {
        let refusal = format!("this script was run to its end already: go on with {}", SECOND.file_name());
        guards.push(Guard::new(Section::GuardAccountOpen, "", refusal));
    }
    guards.extend([registry_present(setup, steps), registry_owner(source, FIRST)]);
    guards
}

pub(super) fn inside(source: &Source<'_>, steps: &[Step], n: usize) -> Vec<Guard> {
    let setup = source.setup(FIRST);
    let (step, account) = (&steps[n], &setup.system_account);
    let account_present = present(account, format!("{} is missing: somebody has renamed or dropped it", user(account)));
    if step.has(Section::MarkDeleting) {
        let unknown = "the registry says what this script knows nothing of: a newer version of the operator wrote it";
        let mut guards = vec![
            registry_present(setup, steps),
            registry_owner(source, FIRST),
            account_present,
            Guard::new(Section::GuardRegistryRemovable, "", unknown.to_owned()),
            is_what_was_applied(source),
        ];
        guards.extend(obstacles(setup));
        guards.extend(ties(setup));
        guards
    } else if step.has(Section::DropSchema) {
        let too_early = format!("the registry doesn't say yet that a removal has begun: go back to {}", line(0));
        let mut guards = vec![
            registry_present(setup, steps),
            registry_owner(source, FIRST),
            Guard::new(Section::GuardRegistryState, RegistryState::Deleting.as_str(), too_early),
        ];
        guards.extend(obstacles(setup));
        guards
    } else {
        let there = format!("this integration's schemas are there still: go back to {}", line(n - 1));
        let mut guards = vec![Guard::new(Section::GuardSchemasAbsent, "", there), account_present];
        guards.extend(ties(setup));
        guards
    }
}

/// The names that are dropped are those that the registry knows. A database that goes as a whole may be any way from empty.
fn is_what_was_applied(source: &Source<'_>) -> Guard {
    let setup = source.setup(FIRST);
    let stale = "the registry says that something else is set up: this script is an old one, fetch it again";
    let (section, hash, refusal) = match source.applied {
        _ if !is_existing(setup) => (Section::GuardRegistryAppliedOrBegun, setup.hash(), stale.to_owned()),
        Some(applied) => {
            let create = Script::Create.file_name();
            let refusal = format!("{stale}; or {create} was never run to its end: then run that first");
            (Section::GuardRegistryApplied, applied.hash(), refusal)
        }
        None => (Section::GuardRegistryApplied, String::new(), stale.to_owned()),
    };
    Guard::new(section, &hash, refusal)
}

/// Where nothing but the database and its users was made.
pub(super) fn of_what_was_begun(source: &Source<'_>) -> Vec<Guard> {
    let setup = source.setup(Script::Cleanup);
    let delete = FIRST.file_name();
    let registry = format!("there is a registry in the database {}: run {delete} in place of this", setup.database);
    let schemas = "schemas of an integration are in this database, and no registry: see whose they are".to_owned();
    let mut guards = vec![
        Guard::new(Section::GuardRegistryAbsent, "", registry),
        Guard::new(Section::GuardSchemasAbsent, "", schemas),
    ];
    for name in [CLAIM_USER, setup.system_account.as_str()] {
        let refusal = format!("{} is missing: nothing says that this database is this integration's", user(name));
        guards.push(present(name, refusal));
    }
    guards.extend(ours(source, Script::Cleanup));
    if !is_existing(setup) {
        guards.extend(obstacles(setup));
    }
    guards.extend(ties(setup));
    guards
}

/// By their ids, where these are known: once all is dropped, the same names can be another integration's.
fn ours(source: &Source<'_>, script: Script) -> Vec<Guard> {
    let account = source.setup(script).system_account.as_str();
    let users = source.account.ids.as_ref().map(|ids| [(CLAIM_USER, &ids.claim), (account, &ids.account)]);
    let guard = |(name, id): (&str, &crate::lifecycle::UserId)| {
        let refusal =
            format!("{} isn't the one of this integration, which had the id {id}: it is another one's", user(name));
        Guard { id: Some(id.as_str().to_owned()), ..Guard::new(Section::GuardUserIsOurs, name, refusal) }
    };
    users.into_iter().flatten().map(guard).collect()
}

/// What a step of the second script drops: the guard that it is there.
fn dropped(source: &Source<'_>, steps: &[Step], n: usize) -> Option<Guard> {
    let setup = source.setup(SECOND);
    let step = &steps[n];
    let gone = |what: String, n: usize| format!("{what} is gone, or was never made: {}", go_on(n, steps.len()));
    let there = |section, name: &str, what: String| Some(Guard::new(section, name, gone(what, n)));
    if let Some((former, _)) = step.renaming(Section::SetDatabaseAside) {
        // It is the next step that drops it.
        Some(Guard::new(Section::GuardDatabasePresent, former, gone(format!("the database {former}"), n + 1)))
    } else if step.has(Section::DropDatabase) {
        there(Section::GuardDatabasePresent, DATABASE_SET_ASIDE, format!("the database {DATABASE_SET_ASIDE}"))
    } else if step.has(Section::RevokeDatabase) {
        there(Section::GuardDatabasePresent, &setup.database, format!("the database {}", setup.database))
    } else if let Some(role) = step.role(Section::DropRole) {
        there(Section::GuardRolePresent, role, format!("the role {role}"))
    } else if step.has(Section::DropSystemAccount) {
        there(Section::GuardUserPresent, &setup.system_account, user(&setup.system_account))
    } else if step.has(Section::DropClaim) {
        let refusal = format!(
            "{} is gone: if this script has dropped it, nothing is left to do; if not, go on from {}",
            user(CLAIM_USER),
            line(0)
        );
        Some(present(CLAIM_USER, refusal))
    } else {
        None
    }
}

/// That what an earlier step drops is gone.
fn gone(source: &Source<'_>, step: &Step, n: usize) -> Option<Guard> {
    let setup = source.setup(SECOND);
    let (section, name, what) = if let Some((former, _)) = step.renaming(Section::SetDatabaseAside) {
        (Section::GuardDatabaseAbsent, former, format!("the database {former}"))
    } else if step.has(Section::DropDatabase) {
        (Section::GuardDatabaseAbsent, DATABASE_SET_ASIDE, format!("the database {DATABASE_SET_ASIDE}"))
    } else if let Some(role) = step.role(Section::DropRole) {
        (Section::GuardRoleAbsent, role, format!("the role {role}"))
    } else if step.has(Section::DropSystemAccount) {
        (Section::GuardUserAbsent, setup.system_account.as_str(), user(&setup.system_account))
    } else {
        return None;
    };
    Some(Guard::new(section, name, format!("{what} is there still: go back to {}", line(n))))
}

/// The mark. Without it nobody has looked into the database.
fn closed() -> Guard {
    let refusal = format!(
        "the system account isn't marked for removal: run {} to its end first, or {} if nothing was ever set up",
        FIRST.file_name(),
        Script::Cleanup.file_name()
    );
    Guard::new(Section::GuardAccountClosed, "", refusal)
}

fn not_aside(n: usize) -> Guard {
    let refusal = format!("the database {DATABASE_SET_ASIDE} is there already: go on from {}", line(n + 1));
    Guard::new(Section::GuardDatabaseAbsent, DATABASE_SET_ASIDE, refusal)
}

pub(super) fn done_outside(source: &Source<'_>, steps: &[Step]) -> Vec<Guard> {
    let mut guards = ours(source, SECOND);
    for (n, step) in steps.iter().enumerate().rev() {
        if step.has(Section::SetDatabaseAside) {
            guards.push(not_aside(n));
        }
        // Of the name that the database gets, its own tells.
        if !step.has(Section::DropDatabase) {
            guards.extend(dropped(source, steps, n));
        }
    }
    guards.push(closed());
    guards
}

pub(super) fn outside(source: &Source<'_>, steps: &[Step], n: usize) -> Vec<Guard> {
    let setup = source.setup(SECOND);
    let step = &steps[n];
    let mut guards = ours(source, SECOND);
    if step.has(Section::SetDatabaseAside) {
        guards.push(not_aside(n));
    }
    // What is dropped under the other name was set aside, whatever has the former name by now.
    if !step.has(Section::DropDatabase) {
        guards.extend(steps[..n].iter().enumerate().filter_map(|(before, step)| gone(source, step, before)));
    }
    guards.extend(dropped(source, steps, n));
    if step.has(Section::SetDatabaseAside) || step.has(Section::RevokeDatabase) {
        let account = &setup.system_account;
        let refusal =
            format!("{} is missing, and with it the mark that somebody has looked: see what is left", user(account));
        guards.push(present(account, refusal));
        guards.push(closed());
    } else if is_existing(setup) {
        guards.push(closed());
    }
    if step.has(Section::DropSystemAccount) {
        let refusal = format!(
            " of the databases still have privileges for the system account {}, which others gave: each of them, or a superuser \
             who runs SET SESSION AUTHORIZATION with his name, has to revoke them",
            setup.system_account
        );
        guards.push(Guard::new(Section::GuardDatabasesOfAccount, "", refusal));
    }
    guards
}
