//! From the outcome of a pass to the status that is written.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use super::checks::{self, Test};
use super::{Category, Failure, brief};
use crate::api::conditions::types;
use crate::api::{Created, DeletionProgress, Phase, Reason, RedshiftIntegrationStatus, Remedy, ValidationResults};

/// What the operator does next by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Activity {
    /// Nothing: all is done.
    Settled,
    /// It is at work, and says at what.
    Working(Reason, String),
    /// Nothing, until a person has run a script: which, and how to get it.
    Awaiting(Failure),
    /// Nothing, because the user wants it so.
    Suspended,
    /// It could not be looked, which may be so for a moment only: what is said of it stays as it is.
    Doubtful(Failure),
    /// It was stopped.
    Stopped(Failure),
}

impl Activity {
    /// Whether it is a rotation that was stopped.
    #[must_use]
    pub fn is_a_failed_rotation(&self) -> bool {
        matches!(self, Self::Stopped(failure) if failure.reason == Reason::RotationFailed)
    }

    /// How long it isn't to be tried again, since somebody has asked for that.
    #[must_use]
    pub fn at_least(&self) -> Duration {
        match self {
            Self::Stopped(failure) | Self::Doubtful(failure) | Self::Awaiting(failure) => failure.at_least,
            Self::Settled | Self::Working(..) | Self::Suspended => Duration::ZERO,
        }
    }
}

/// What a pass has to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Where in its life the integration is now.
    pub phase: Phase,
    /// Whether it is ready; `None` leaves that as it was.
    pub ready: Option<bool>,
    /// What the operator does next.
    pub activity: Activity,
    /// The tests that ran in this pass.
    pub tests: Vec<Test>,
    /// What was created, or is about to be.
    pub created: Option<Created>,
    /// How far the deletion is.
    pub deletion: Option<DeletionProgress>,
}

impl Outcome {
    /// What can be done about what stopped it.
    fn remedies(&self) -> Vec<Remedy> {
        match &self.activity {
            Activity::Stopped(failure) | Activity::Awaiting(failure) => brief::remedies(&failure.remedies),
            Activity::Settled | Activity::Working(..) | Activity::Suspended | Activity::Doubtful(_) => Vec::new(),
        }
    }
}

const IS_SET_UP: &str = "the integration is set up and validated";

/// The values of annotations that ask for something, where this pass has handled them.
#[derive(Clone, Debug, Default)]
pub struct Handled {
    /// Of the one that asks for a look.
    pub request: Option<String>,
    /// Of the one that asks for a rotation.
    pub rotation: Option<String>,
}

/// The status to write. Equal to `before` when nothing changed, so that nothing is written then.
#[must_use]
pub fn next_status(
    before: &RedshiftIntegrationStatus,
    generation: i64,
    outcome: &Outcome,
    handled: Handled,
    now: Timestamp,
) -> RedshiftIntegrationStatus {
    let last_handled_reconcile_at = handled.request.or_else(|| before.last_handled_reconcile_at.clone());
    let last_handled_rotation = handled.rotation.or_else(|| before.last_handled_rotation.clone());
    if let Activity::Doubtful(_) = &outcome.activity {
        // Nor is a look that was asked for done yet.
        return before.clone();
    }
    let set = |type_: &str, status: &str, reason: Reason, message: &str| {
        condition(&before.conditions, type_, status, reason.as_str(), message, generation, now)
    };
    let set_again = |type_: &str, status: &str, old: &Condition, message: &str| {
        condition(&before.conditions, type_, status, &old.reason, message, generation, now)
    };
    let (reason, message) = match &outcome.activity {
        Activity::Settled => (Reason::Enabled, IS_SET_UP.to_owned()),
        Activity::Suspended => {
            (Reason::Suspended, "spec.suspend is true: nothing is done until it is set to false".to_owned())
        }
        Activity::Working(reason, message) => (*reason, message.clone()),
        Activity::Stopped(failure) | Activity::Awaiting(failure) | Activity::Doubtful(failure) => {
            (failure.reason, failure.said())
        }
    };
    let before_ready = before.conditions.iter().find(|condition| condition.type_ == types::READY);
    let ready = match (outcome.ready, before_ready, &outcome.activity) {
        (Some(true), _, activity) => set(types::READY, "True", Reason::Enabled, &works(outcome.phase, activity)),
        (Some(false), ..) | (None, None, _) => set(types::READY, "False", reason, &message),
        (None, Some(old), Activity::Stopped(_)) if old.status == "True" => {
            set_again(types::READY, "True", old, &works(outcome.phase, &outcome.activity))
        }
        // Why it isn't may have changed.
        (None, Some(old), Activity::Stopped(_)) => set(types::READY, &old.status, reason, &message),
        (None, Some(old), _) => set_again(types::READY, &old.status, old, &old.message),
    };
    let stalled = matches!(&outcome.activity, Activity::Stopped(failure) if failure.category == Category::Permanent);
    let working = !stalled && !matches!(outcome.activity, Activity::Settled | Activity::Suspended);
    let other = |type_, holds: bool| {
        if holds { set(type_, "True", reason, &message) } else { set(type_, "False", Reason::NotApplicable, "") }
    };
    RedshiftIntegrationStatus {
        observed_generation: generation,
        phase: Some(outcome.phase),
        conditions: vec![ready, other(types::RECONCILING, working), other(types::STALLED, stalled)],
        remedies: outcome.remedies(),
        validation_results: validation_results(before.validation_results.as_ref(), &outcome.tests, now),
        created: outcome.created.clone(),
        deletion: outcome.deletion.clone(),
        last_handled_reconcile_at,
        last_handled_rotation,
    }
}

/// What `Ready` says of an integration that is set up. Whoever lists resources sees this message, and would
/// otherwise not learn of an edit that failed.
fn works(phase: Phase, activity: &Activity) -> String {
    match activity {
        Activity::Stopped(failure) if activity.is_a_failed_rotation() => {
            format!("what was set up works on; {}", failure.said())
        }
        Activity::Stopped(failure) => {
            let what = if phase == Phase::MigrateError { "" } else { "the edit has stopped: " };
            format!("what was set up works on; {what}{}", failure.said())
        }
        Activity::Settled
        | Activity::Working(..)
        | Activity::Awaiting(_)
        | Activity::Suspended
        | Activity::Doubtful(_) => IS_SET_UP.to_owned(),
    }
}

pub(super) fn condition(
    before: &[Condition],
    type_: &str,
    status: &str,
    reason: &str,
    message: &str,
    generation: i64,
    now: Timestamp,
) -> Condition {
    let unchanged = before.iter().find(|old| old.type_ == type_ && old.status == status);
    Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: Some(generation),
        // It says when the status flipped, not when it was looked at.
        last_transition_time: unchanged.map_or_else(|| Time(seconds(now)), |old| old.last_transition_time.clone()),
    }
}

fn validation_results(before: Option<&ValidationResults>, ran: &[Test], now: Timestamp) -> Option<ValidationResults> {
    if ran.is_empty() {
        return before.cloned();
    }
    let known = before.map(|before| before.validation_tests.as_slice()).unwrap_or_default();
    let tests = checks::complete(ran, known);
    match before {
        Some(before) if before.validation_tests == tests => Some(before.clone()),
        _ => Some(ValidationResults {
            status: checks::overall(&tests),
            since: seconds(now).to_string(),
            validation_tests: tests,
        }),
    }
}

fn seconds(timestamp: Timestamp) -> Timestamp {
    Timestamp::from_second(timestamp.as_second()).unwrap_or(timestamp)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn enabled() -> Outcome {
        Outcome {
            phase: Phase::Enabled,
            ready: Some(true),
            activity: Activity::Settled,
            tests: vec![checks::passed(checks::CONNECTION, "logged in")],
            created: None,
            deletion: None,
        }
    }

    fn stopped(category: Category, ready: Option<bool>) -> Outcome {
        Outcome {
            phase: Phase::CreateError,
            ready,
            activity: Activity::Stopped(Failure { category, ..Failure::stalled(Reason::LoginRefused, "no") }),
            ..enabled()
        }
    }

    fn condition_of<'a>(status: &'a RedshiftIntegrationStatus, type_: &str) -> &'a Condition {
        status.conditions.iter().find(|condition| condition.type_ == type_).unwrap()
    }

    fn status_of<'a>(status: &'a RedshiftIntegrationStatus, type_: &str) -> &'a str {
        &condition_of(status, type_).status
    }

    #[test]
    fn the_same_outcome_later_gives_the_very_same_status() {
        let first = next_status(&RedshiftIntegrationStatus::default(), 1, &enabled(), Handled::default(), at(100));
        let second = next_status(&first, 1, &enabled(), Handled::default(), at(200));
        assert_eq!(first, second);
    }

    #[test]
    fn a_mistake_that_only_a_person_can_mend_is_stalled_and_anything_else_reconciling() {
        let before = RedshiftIntegrationStatus::default();
        let permanent = next_status(&before, 1, &stopped(Category::Permanent, Some(false)), Handled::default(), at(1));
        assert_eq!((status_of(&permanent, "Stalled"), status_of(&permanent, "Reconciling")), ("True", "False"));
        let transient = next_status(&before, 1, &stopped(Category::Transient, Some(false)), Handled::default(), at(1));
        assert_eq!((status_of(&transient, "Stalled"), status_of(&transient, "Reconciling")), ("False", "True"));
    }

    #[test]
    fn a_failed_edit_leaves_ready_as_it_was() {
        let before = next_status(&RedshiftIntegrationStatus::default(), 1, &enabled(), Handled::default(), at(1));
        let after = next_status(&before, 2, &stopped(Category::Permanent, None), Handled::default(), at(2));
        assert_eq!(status_of(&after, "Ready"), "True");
        assert_eq!(after.observed_generation, 2);
    }

    #[test]
    fn what_is_not_ready_says_why_not_as_of_now() {
        let suspended = Outcome { ready: None, activity: Activity::Suspended, ..enabled() };
        let before = next_status(&RedshiftIntegrationStatus::default(), 1, &suspended, Handled::default(), at(1));
        let after = next_status(&before, 2, &stopped(Category::Permanent, None), Handled::default(), at(2));
        let ready = condition_of(&after, "Ready");
        assert_eq!(
            (ready.status.as_str(), ready.reason.as_str(), ready.message.as_str()),
            ("False", "LoginRefused", "no")
        );
    }

    #[test]
    fn an_edit_that_fails_after_status_was_lost_says_that_what_was_set_up_works_on() {
        let lost = RedshiftIntegrationStatus::default();
        let after = next_status(&lost, 2, &stopped(Category::Permanent, Some(true)), Handled::default(), at(2));
        let ready = condition_of(&after, "Ready");
        assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("True", "Enabled"));
        assert_eq!(ready.message, "what was set up works on; the edit has stopped: no");
        assert_eq!(status_of(&after, "Stalled"), "True");
    }

    #[test]
    fn remedies_are_listed_while_something_is_in_the_way_and_the_message_says_so() {
        let failure = Failure::stalled(Reason::ForeignObjects, "no").remedy(Remedy::command("do it", "kubectl do it"));
        let outcome = Outcome { activity: Activity::Stopped(failure), ready: Some(false), ..enabled() };
        let stopped = next_status(&RedshiftIntegrationStatus::default(), 1, &outcome, Handled::default(), at(1));
        assert_eq!(stopped.remedies, [Remedy::command("do it", "kubectl do it")]);
        assert_eq!(condition_of(&stopped, "Stalled").message, "no; see status.remedies");
        let mended = next_status(&stopped, 1, &enabled(), Handled::default(), at(2));
        assert!(mended.remedies.is_empty());
    }

    #[test]
    fn no_message_is_longer_than_an_event_takes() {
        let failure = Failure::stalled(Reason::ForeignObjects, "テーブル".repeat(10_000)).remedy(Remedy::new("x"));
        assert!(failure.said().len() < 900, "{}", failure.said().len());
        assert!(failure.said().ends_with("; see status.remedies"));
    }

    #[test]
    fn a_condition_that_flips_says_when() {
        let before = next_status(&RedshiftIntegrationStatus::default(), 1, &enabled(), Handled::default(), at(1));
        let after = next_status(&before, 1, &stopped(Category::Transient, Some(false)), Handled::default(), at(5));
        let ready = condition_of(&after, "Ready");
        assert_eq!(ready.last_transition_time, Time(at(5)));
        let stalled = condition_of(&after, "Stalled");
        assert_eq!(stalled.last_transition_time, Time(at(1)));
    }

    #[test]
    fn results_of_the_preflight_are_kept_by_later_validations() {
        let mut outcome = enabled();
        outcome.tests.push(checks::passed(checks::DATABASE_ABSENT, "there is no database immuta"));
        let before = next_status(&RedshiftIntegrationStatus::default(), 1, &outcome, Handled::default(), at(1));
        let after = next_status(&before, 1, &enabled(), Handled::default(), at(2));
        assert_eq!(before, after);
    }
}
