//! What the validation tests say of a resource, for somebody who asks. Nothing is changed, whatever they say: neither in the
//! warehouse nor in the cluster.

use kube::ResourceExt;

use super::work::Work;
use super::{create, prepare, validate};
use crate::api::{RedshiftIntegration, TAKE_OVER_ANNOTATION};
use crate::lifecycle::checks::Test;
use crate::lifecycle::{Activity, Failure, Outcome, SystemAccount, Wanted};
use crate::ports::World;
use crate::reconcile::Context;

/// What the tests say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Examination {
    /// The tests, as the status would show them.
    pub tests: Vec<Test>,
    /// What stands in the way of a creation, or is wrong with what was set up.
    pub failure: Option<Failure>,
}

/// Examines a resource: what was set up, as its system account, where there is its Secret; else whether it can be set up, with
/// the credentials for that.
pub async fn examine<W: World>(context: &Context<W>, mut object: RedshiftIntegration) -> Examination {
    // A take-over begins with a write.
    object.annotations_mut().remove(TAKE_OVER_ANNOTATION);
    let mut work = Work::new(context, object);
    let mut examination = match prepare(&mut work).await {
        Ok((wanted, Some(account))) if account.ids.is_some() => of_what_was_set_up(&work, &wanted, &account).await,
        Ok((wanted, _)) => {
            let (tests, failure) = create::examine(&mut work, &wanted).await;
            Examination { tests, failure }
        }
        Err(error) => Examination { tests: Vec::new(), failure: Some(error.failure()) },
    };
    work.warn_of_unused(&mut examination.tests);
    examination
}

async fn of_what_was_set_up<W: World>(work: &Work<'_, W>, wanted: &Wanted, account: &SystemAccount) -> Examination {
    match validate::look(work, wanted, account).await {
        Ok((seen, _)) => {
            let outcome = Outcome::of_look(&work.status(), &work.uid(), wanted, &seen.watched);
            let failure = match outcome.activity {
                Activity::Stopped(failure) => Some(failure),
                _ => None,
            };
            Examination { tests: outcome.tests, failure }
        }
        Err(unwatched) => Examination { tests: unwatched.tests, failure: Some(unwatched.failure) },
    }
}
