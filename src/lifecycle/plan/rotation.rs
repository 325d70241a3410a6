//! A rotation: our users get new passwords, and impersonations a new key. Everybody changes what is his own, so that no
//! other credentials are needed.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Connection, Operation, Plan, Record};
use crate::lifecycle::{Setup, SystemAccount};
use crate::scripts::Section;

/// Plans a rotation, or what is left of one: wherever it was ended, all of it is done again, with the same passwords. The
/// Secret holds old and new ones from before the first change until the new ones have logged in, so that at any moment one
/// of them does.
///
/// The claim has no right to the registry's lock. It changes its password while the system account holds that, so that
/// nobody else takes the integration over in between.
#[must_use]
pub fn rotate(account: &SystemAccount, setup: &Setup) -> Plan {
    let mut plan = Plan::default();
    if !account.has_next_passwords() {
        plan.record(Record::NextPasswords);
    }
    let on = Connection::ManagedDatabase;
    plan.in_change(on, |plan| {
        plan.run(Connection::InitialDatabaseAsClaim, Section::ChangeOwnPasswordOfClaim);
        plan.run(on, Section::ChangeOwnPassword);
        if setup.impersonation_role.is_some() {
            plan.run(on, Section::ImpersonationKey);
        }
        plan.run(on, Section::Rotated);
    });
    plan.add(Operation::ProveNextPasswords);
    plan.record(Record::PromotePasswords);
    plan
}

/// Whether somebody asks for a rotation, or the passwords are as old as the spec lets them become. What is asked for counts
/// once, by its value. What was dated ahead by a clock that was wrong is as old as it is far ahead: it isn't waited for.
#[must_use]
pub fn is_due(account: &SystemAccount, asked_for: Option<&str>, interval: Option<Duration>, now: Timestamp) -> bool {
    let is_asked_for = asked_for.is_some_and(|value| account.rotated_for.as_deref() != Some(value));
    let is_old = interval.zip(account.passwords_since()).is_some_and(|(interval, since)| {
        SignedDuration::try_from(interval).is_ok_and(|interval| now.duration_since(since).abs() >= interval)
    });
    is_asked_for || is_old
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::api::DatabaseMode;
    use crate::lifecycle::{Endpoint, Place, Stored};
    use crate::scripts::Password;

    const DAY: u64 = 24;

    fn account() -> SystemAccount {
        let setup = Setup {
            database: "immuta".to_owned(),
            database_mode: DatabaseMode::Create,
            system_account: "keeper".to_owned(),
            impersonation_role: Some("masks".to_owned()),
        };
        let place = Place { endpoint: Endpoint::new("one.example", 5439), setup };
        SystemAccount::new(place, Password::generate(), Password::generate())
    }

    fn at(hours: u64) -> Timestamp {
        Timestamp::UNIX_EPOCH + Duration::from_hours(hours)
    }

    #[test]
    fn it_is_due_when_the_annotation_says_something_else_than_at_the_last_one() {
        let account = SystemAccount { rotated_for: Some("1".to_owned()), ..account() };
        assert!(!is_due(&account, None, None, at(0)) && !is_due(&account, Some("1"), None, at(0)));
        assert!(is_due(&account, Some("2"), None, at(0)));
    }

    #[test]
    fn the_interval_counts_from_the_last_one_or_from_when_the_secret_was_made() {
        let interval = Some(Duration::from_hours(2 * DAY));
        let stored = Stored { uid: String::new(), version: None, created: Some(at(0)) };
        let mut account = SystemAccount { stored: Some(stored), ..account() };
        assert!(!is_due(&account, None, interval, at(2 * DAY - 1)));
        assert!(is_due(&account, None, interval, at(2 * DAY)));
        assert!(!is_due(&account, None, None, at(200 * DAY)));
        account.rotated_at = Some(at(2 * DAY));
        assert!(!is_due(&account, None, interval, at(3 * DAY)));
        assert!(is_due(&account, None, interval, at(4 * DAY)));
    }

    #[test]
    fn one_that_a_wrong_clock_has_dated_ahead_is_not_waited_for() {
        let interval = Some(Duration::from_hours(2 * DAY));
        let account = SystemAccount { rotated_at: Some(at(100 * DAY)), ..account() };
        assert!(is_due(&account, None, interval, at(3 * DAY)));
        assert!(!is_due(&account, None, interval, at(99 * DAY)), "clocks are never quite the same");
    }

    #[test]
    fn passwords_change_between_their_record_and_their_proof_behind_the_lock() {
        let plan = rotate(&account(), &account().place.setup);
        let is_change = |operation: &Operation| matches!(operation, Operation::Run(..));
        let (first, last) = (plan.operations.first().unwrap(), plan.operations.last().unwrap());
        assert_eq!(*first, Operation::Record(Record::NextPasswords));
        assert_eq!(*last, Operation::Record(Record::PromotePasswords));
        assert_eq!(plan.operations.iter().rposition(is_change), Some(plan.operations.len() - 3));
        assert_eq!(plan.operations[plan.operations.len() - 2], Operation::ProveNextPasswords);
        let begun = account().with_next_passwords(None, Password::generate);
        assert_eq!(rotate(&begun, &begun.place.setup).operations, plan.operations[1..]);
    }
}
