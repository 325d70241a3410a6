//! What policy-enforced views stand on, once the spec asks for it.

use super::apply::Pass;
use super::error::Error;
use super::site::Site;
use super::validate::{Inside, Seen};
use super::work::Work;
use crate::api::{Phase, Reason};
use crate::lifecycle::{Place, Wanted, policy_views};
use crate::ports::World;

/// Sets it up; whether that is done. What was set up before works on.
pub async fn run<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, seen: &Seen, inside: Inside<W>) -> bool {
    work.begin(Phase::Editing, Reason::Editing, "what policy-enforced views stand on is being set up");
    work.outcome.ready = None;
    match try_to(work, wanted, seen, inside).await {
        Ok(()) => {
            work.tell(Reason::Edited, "Edit", "the tables of policy-enforced views are set up");
            true
        }
        Err(error) => {
            work.stop(Phase::EditError, error.failure());
            false
        }
    }
}

async fn try_to<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    seen: &Seen,
    inside: Inside<W>,
) -> Result<(), Error> {
    let registry = &seen.watched.registry;
    let mut site = Site::of_system_account(work, wanted, inside, &seen.watched).await?;
    let place = Place { endpoint: wanted.place.endpoint.clone(), setup: registry.setup.clone() };
    let plan = policy_views::set_up(work.account.as_ref().expect("it has logged in with what the Secret says"));
    let mut pass = Pass::new(work, &mut site, place);
    pass.apply(&plan.operations).await?;
    // In manual mode too: what a person's scripts made was verified before, and this comes on top of it.
    pass.watched().await.map(|_| ())
}
