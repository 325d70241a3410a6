//! A panic ends the pass that it happens in, and no other: one resource may not stop the work on all.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use kube::runtime::controller::Action;
use kube::{Api, ResourceExt};

use super::context::Context;
use super::error::{Error, bounded};
use super::{Guarded, reconcile};
use crate::api::{Phase, RedshiftIntegration};
use crate::lifecycle::{Failure, Outcome};
use crate::redshift::Category;

/// What is told of a panic. Its own words may quote anything, so they go nowhere; where it was is in the log.
const MISTAKE: &str = "the operator gave this up because of a mistake of its own, and tries again by itself; if it stays so, \
     report the mistake with the lines of the operator's log that say `panicked`";

/// A panic that went no further.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Panicked;

/// Lets no panic out. What a pass shares with others is safe behind one: locks are given back, and nothing that is
/// remembered is written in two steps.
pub async fn contained<T>(pass: impl Future<Output = T>) -> Result<T, Panicked> {
    // What it was raised with is dropped unread.
    AssertUnwindSafe(pass).catch_unwind().await.map_err(|_| Panicked)
}

/// How it shows where there is nothing to write to.
pub fn gave_up() -> Error {
    Error::Stopped(failure())
}

fn failure() -> Failure {
    Failure { reason: "InternalError", message: MISTAKE.to_owned(), category: Category::Transient }
}

/// Writes into the resource's status that its pass ended so, and decides when the next one is due.
pub async fn show(guarded: &Guarded, context: &Context) -> Result<Action, Error> {
    let api: Api<RedshiftIntegration> =
        Api::namespaced(context.client.clone(), &guarded.namespace().unwrap_or_default());
    let Some(object) = bounded("read the resource", api.get_opt(&guarded.name_any())).await? else {
        return Ok(Action::await_change());
    };
    let outcome = outcome(&object);
    reconcile::report(context, &object.clone(), object, outcome).await
}

fn outcome(object: &RedshiftIntegration) -> Outcome {
    let status = object.status.clone().unwrap_or_default();
    let outcome = Outcome::before_any_look(&status, object.metadata.generation.unwrap_or_default(), failure());
    if object.metadata.deletion_timestamp.is_some() {
        return Outcome { phase: Phase::DeleteError, ready: Some(false), ..outcome };
    }
    outcome
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use futures::future::join_all;
    use serde_json::json;

    use super::*;
    use crate::lifecycle::Activity;

    #[tokio::test]
    async fn a_panic_of_one_pass_leaves_the_others_at_work() {
        let passes = (0..4).map(|number| {
            contained(async move {
                tokio::task::yield_now().await;
                assert_ne!(number, 2, "the third one panics");
                number
            })
        });
        assert_eq!(join_all(passes).await, [Ok(0), Ok(1), Err(Panicked), Ok(3)]);
    }

    #[test]
    fn a_panic_shows_as_a_failure_that_is_tried_again_and_never_with_its_own_words() {
        let object: RedshiftIntegration = serde_json::from_value(json!({
            "apiVersion": "redshift-governance.dev/v1alpha1", "kind": "RedshiftIntegration",
            "metadata": {"name": "analytics", "generation": 1, "deletionTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"config": {
                "host": "localhost", "database": "immuta", "initialDatabase": "dev", "authenticationType": "userPassword",
            }},
        }))
        .unwrap();
        let shown = outcome(&object);
        assert_eq!((shown.phase, shown.ready), (Phase::DeleteError, Some(false)));
        let Activity::Stopped(failure) = shown.activity else { panic!("it stopped") };
        assert_eq!((failure.reason, failure.category), ("InternalError", Category::Transient));
        assert_eq!(gave_up().failure(), failure);
    }
}
