//! What the registry says is ours, or a person says is to be, becomes ours by its passwords: after the Secret was lost, and
//! with a take-over of what another integration has left.

use super::{Connection, Operation, Plan, Record, Recorded};
use crate::lifecycle::proof::Heritage;
use crate::lifecycle::{Registry, Setup, UserId};
use crate::scripts::Section;

/// Who is inside the managed database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inside {
    /// The system account: its password is known.
    Account,
    /// A superuser: the passwords must be set anew.
    Superuser,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Purpose {
    /// It is kept.
    Use,
    /// It is removed; that goes on where no Secret can be made any more.
    Removal,
}

/// Plans how it becomes ours: finalizer, Secret, status, the UID in the registry behind its lock, the passwords. Ended
/// anywhere in between, the next pass goes on from there.
#[must_use]
pub fn inherit(recorded: Recorded, heritage: &Heritage, uid: &str, inside: Inside, purpose: Purpose) -> Plan {
    let mut plan = Plan::default();
    if !recorded.finalizer {
        plan.record(Record::AddFinalizer);
    }
    if !recorded.secret {
        plan.record(match purpose {
            Purpose::Use => Record::CreateSecret,
            Purpose::Removal => Record::CreateSecretIfPossible,
        });
    }
    // Since the Secret was made, its former owner may have given other names; and an edit that was interrupted may have
    // left a role that the registry doesn't name yet, or any more.
    plan.record(Record::FormerNames);
    if !recorded.plan {
        plan.record(Record::Plan);
    }
    let on = match inside {
        Inside::Account => Connection::ManagedDatabase,
        Inside::Superuser => Connection::ManagedDatabaseAsAdmin,
    };
    if heritage.registry.integration_uid != uid {
        plan.in_change(on, |plan| plan.run(on, Section::TakeOver));
    }
    if inside == Inside::Superuser {
        // Somebody else can have taken a name that became free: no password is set for him.
        plan.add(Operation::Meet(Box::new(heritage.clone())));
        plan.in_change(on, |plan| plan.run(on, Section::SetPasswords));
    }
    plan
}

/// Plans what a superuser does about lost passwords of what was set up whole.
#[must_use]
pub fn new_passwords_of_whole(setup: &Setup) -> Plan {
    let registry = Registry::of_whole(setup);
    let uid = registry.integration_uid.clone();
    let heritage = Heritage { registry, owner: UserId::new("") };
    inherit(Recorded::default(), &heritage, &uid, Inside::Superuser, Purpose::Use)
}
