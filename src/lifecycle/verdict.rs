//! What is said of a data source, a profile or a source of profiles: as it is to be, or what is in the way.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::report::condition;
use super::{Category, Failure, brief};
use crate::api::conditions::types;
use crate::api::{Reason, Remedy};

/// What is said of one resource.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is as it is to be.
    Done(Reason, String),
    /// Something is in the way.
    Not(Failure),
}

/// The conditions to write, and what can be done; equal to those before when nothing changed. `works_on`: what was applied before is
/// still in force, so that what was ready stays so.
#[must_use]
pub fn conditions(
    before: &[Condition],
    generation: i64,
    verdict: &Verdict,
    works_on: bool,
    now: Timestamp,
) -> (Vec<Condition>, Vec<Remedy>) {
    let set = |type_: &str, status: &str, reason: Reason, message: &str| {
        condition(before, type_, status, reason.as_str(), message, generation, now)
    };
    let off = |type_| set(type_, "False", Reason::NotApplicable, "");
    match verdict {
        Verdict::Done(reason, message) => {
            let message = brief::cut(message, brief::LONGEST_MESSAGE);
            let ready = set(types::READY, "True", *reason, &message);
            (vec![ready, off(types::RECONCILING), off(types::STALLED)], Vec::new())
        }
        Verdict::Not(failure) => {
            let (reason, said) = (failure.reason, failure.said());
            let was_ready = before.iter().find(|it| it.type_ == types::READY && it.status == "True");
            let ready = match was_ready.filter(|_| works_on) {
                Some(old) => {
                    let message = format!("what was applied works on; {said}");
                    condition(before, types::READY, "True", &old.reason, &message, generation, now)
                }
                None => set(types::READY, "False", reason, &said),
            };
            let is_stalled = failure.category == Category::Permanent;
            let other = |type_, holds| if holds { set(type_, "True", reason, &said) } else { off(type_) };
            let conditions = vec![ready, other(types::RECONCILING, !is_stalled), other(types::STALLED, is_stalled)];
            (conditions, brief::remedies(&failure.remedies))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn statuses(conditions: &[Condition]) -> Vec<&str> {
        conditions.iter().map(|condition| condition.status.as_str()).collect()
    }

    #[test]
    fn what_was_ready_stays_so_as_long_as_it_is_in_force() {
        let done = Verdict::Done(Reason::Enforced, "all is well".to_owned());
        let (before, _) = conditions(&[], 1, &done, true, at(1));
        assert_eq!(statuses(&before), ["True", "False", "False"]);
        assert_eq!(conditions(&before, 1, &done, true, at(2)).0, before, "nothing changed");
        let stalled = Verdict::Not(Failure::stalled(Reason::AccessMissing, "no"));
        let (after, _) = conditions(&before, 2, &stalled, true, at(2));
        assert_eq!(statuses(&after), ["True", "False", "True"]);
        assert_eq!(after[0].message, "what was applied works on; no");
        assert_eq!(statuses(&conditions(&before, 2, &stalled, false, at(2)).0), ["False", "False", "True"]);
        let waiting = Verdict::Not(Failure::waiting(Reason::WaitingForReaders, "no"));
        assert_eq!(statuses(&conditions(&before, 2, &waiting, true, at(2)).0), ["True", "True", "False"]);
        assert_eq!(statuses(&conditions(&[], 1, &waiting, true, at(2)).0), ["False", "True", "False"]);
    }
}
