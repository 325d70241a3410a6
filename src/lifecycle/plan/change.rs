//! An edit of what is complete: what changed is worked out from what the registry says was applied.

use super::{Connection, Observed, Plan, Refusal, Subject, rename_account, renaming_of_account};
use crate::lifecycle::{AccountPower, Member, Registry, Seen, Setup, Standing};
use crate::scripts::Section;

const A_SUPERUSER_FOR_THE_EDIT: &str =
    "put a superuser's credentials into the Secret that spec.config.credentialsSecretRef names, for the edit";

/// What becomes of the impersonation role.
enum RoleChange<'a> {
    /// It stays as it is, there or not.
    Stays,
    /// There was none.
    Comes(&'a str),
    /// There will be none.
    Goes(&'a str),
    /// It gets another name, members included.
    Renamed { former: &'a str, new: &'a str },
    /// Another one takes its place and its members.
    Replaced { former: &'a str, new: &'a str, members: &'a [Member] },
}

/// Plans an edit. Nothing is planned where the registry says that all is as wanted and nothing is left
/// of an earlier try.
pub(super) fn change(
    plan: &mut Plan,
    observed: &Observed<'_>,
    registry: &Registry,
    wanted: &Setup,
) -> Result<(), Refusal> {
    let applied = &registry.setup;
    let registered = registry.applied_hash == wanted.hash() && applied == wanted;
    let mut leftovers: Vec<_> = observed
        .ownership
        .own_roles()
        .filter(|role| {
            ![&applied.impersonation_role, &wanted.impersonation_role].iter().any(|r| r.as_deref() == Some(role))
        })
        .collect();
    let role = match renamed_too_early(observed, applied, wanted, &leftovers)? {
        Some((former, new)) => {
            leftovers.retain(|role| *role != former);
            RoleChange::Renamed { former, new }
        }
        None => role_change(observed, applied, wanted)?,
    };
    match observed.power {
        AccountPower::Superuser => as_superuser(plan, observed, wanted, &role, registered, &leftovers),
        AccountPower::Lesser => as_lesser_admin(plan, observed, wanted, &role, registered, &leftovers),
    }
    Ok(())
}

/// The role that has the members, and the name that it must get, where an edit renamed it and went no further.
/// AWS doesn't document that roles roll back; taken for a leftover, it would be dropped, members and all.
fn renamed_too_early<'a>(
    observed: &Observed<'_>,
    applied: &Setup,
    wanted: &'a Setup,
    leftovers: &[&'a str],
) -> Result<Option<(&'a str, &'a str)>, Refusal> {
    let (Some(registered), Some(new), [former, ..]) =
        (&applied.impersonation_role, &wanted.impersonation_role, leftovers)
    else {
        return Ok(None);
    };
    if !is_missing(observed, registered) || !is_missing(observed, new) {
        return Ok(None);
    }
    match observed.power {
        AccountPower::Superuser => Ok(Some((*former, new))),
        AccountPower::Lesser => Err(Refusal::State(
            format!("an edit that was interrupted has renamed the role {registered} to {former}"),
            A_SUPERUSER_FOR_THE_EDIT,
        )),
    }
}

fn role_change<'a>(
    observed: &'a Observed<'_>,
    applied: &'a Setup,
    wanted: &'a Setup,
) -> Result<RoleChange<'a>, Refusal> {
    let is_there = |role: &str| *observed.ownership.role(role) == Standing::Ours;
    Ok(match (&applied.impersonation_role, &wanted.impersonation_role) {
        (None, None) => RoleChange::Stays,
        (Some(former), Some(new)) if former == new => RoleChange::Stays,
        (None, Some(new)) => RoleChange::Comes(new),
        // Dropped by somebody else meanwhile: there are no members to look after.
        (Some(former), Some(new)) if !is_there(former) => RoleChange::Comes(new),
        (Some(former), None) => RoleChange::Goes(former),
        (Some(former), Some(new)) if observed.power == AccountPower::Superuser && !is_there(new) => {
            RoleChange::Renamed { former, new }
        }
        (Some(former), Some(new)) => match observed.members {
            Seen::Yes(members) => RoleChange::Replaced { former, new, members },
            Seen::No(why) => {
                return Err(Refusal::State(
                    format!("the role {former} can't be replaced by {new}: its members can't be listed ({why})"),
                    A_SUPERUSER_FOR_THE_EDIT,
                ));
            }
        },
    })
}

/// One transaction for everything but what goes.
fn as_superuser(
    plan: &mut Plan,
    observed: &Observed<'_>,
    wanted: &Setup,
    role: &RoleChange<'_>,
    registered: bool,
    leftovers: &[&str],
) {
    let renaming = renaming_of_account(observed.ownership, wanted);
    if registered && renaming.is_none() && leftovers.is_empty() && matches!(role, RoleChange::Stays) {
        return;
    }
    let on = Connection::ManagedDatabaseAsAdmin;
    plan.in_change(on, |plan| {
        if let Some(renaming) = renaming {
            plan.run_for(on, Section::RenameAccount, renaming);
        }
        if let RoleChange::Renamed { former, new } = role {
            let renaming = Subject::Renaming { former: (*former).to_owned(), new: (*new).to_owned() };
            plan.run_for(on, Section::RenameRole, renaming);
        }
        bring_role(plan, on, observed, role);
        plan.run(on, Section::BecomeSystemAccount);
        change_objects(plan, on, observed, role);
        plan.run(on, Section::Complete);
        plan.run(on, Section::BecomeAdmin);
    });
    // Once the registry doesn't name it any more: nobody says that a dropped role comes back when its transaction
    // is rolled back.
    drop_roles(plan, on, observed, role, leftovers);
}

/// New users and roles first, as the admin; then one transaction as the system account; then what goes.
fn as_lesser_admin(
    plan: &mut Plan,
    observed: &Observed<'_>,
    wanted: &Setup,
    role: &RoleChange<'_>,
    registered: bool,
    leftovers: &[&str],
) {
    let (initial, managed) = (Connection::InitialDatabase, Connection::ManagedDatabase);
    rename_account(plan, initial, observed.ownership, wanted);
    let mut coming = Plan::default();
    bring_role(&mut coming, initial, observed, role);
    if !coming.operations.is_empty() {
        plan.in_transaction(initial, |plan| plan.operations.extend(coming.operations));
    }
    if !registered {
        plan.in_change(managed, |plan| {
            change_objects(plan, managed, observed, role);
            plan.run(managed, Section::Complete);
        });
    }
    drop_roles(plan, initial, observed, role, leftovers);
}

fn is_missing(observed: &Observed<'_>, role: &str) -> bool {
    *observed.ownership.role(role) == Standing::Absent
}

/// The new role, with the old one's members.
fn bring_role(plan: &mut Plan, on: Connection, observed: &Observed<'_>, role: &RoleChange<'_>) {
    if let RoleChange::Comes(new) | RoleChange::Replaced { new, .. } = role
        && is_missing(observed, new)
    {
        plan.run_for(on, Section::CreateRole, Subject::Role((*new).to_owned()));
    }
    if let RoleChange::Replaced { new, members, .. } = role {
        for member in *members {
            let membership = Subject::Membership((*new).to_owned(), member.clone());
            plan.run_for(on, Section::GrantRoleToMember, membership);
        }
    }
}

fn change_objects(plan: &mut Plan, on: Connection, observed: &Observed<'_>, role: &RoleChange<'_>) {
    match role {
        RoleChange::Stays => {}
        RoleChange::Comes(_) => plan.switch_on(on),
        RoleChange::Goes(_) => plan.switch_off(on, observed.contents),
        RoleChange::Renamed { .. } => plan.run(on, Section::RoleProcedures),
        RoleChange::Replaced { former, .. } => {
            plan.run(on, Section::RoleProcedures);
            plan.run(on, Section::GrantImpersonation);
            plan.run_for(on, Section::RevokeImpersonation, Subject::Role((*former).to_owned()));
        }
    }
}

fn drop_roles(plan: &mut Plan, on: Connection, observed: &Observed<'_>, role: &RoleChange<'_>, leftovers: &[&str]) {
    let former = match role {
        RoleChange::Goes(former) | RoleChange::Replaced { former, .. } => {
            (*observed.ownership.role(former) == Standing::Ours).then_some(*former)
        }
        RoleChange::Stays | RoleChange::Comes(_) | RoleChange::Renamed { .. } => None,
    };
    for role in former.into_iter().chain(leftovers.iter().copied()) {
        plan.run_for(on, Section::DropRole, Subject::Role(role.to_owned()));
    }
}
