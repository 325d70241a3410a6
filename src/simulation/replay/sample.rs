//! The histories that are done again. Each failure is shrunk, and printed with the history.

use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use tokio::runtime::Runtime;

use super::{Difference, Replay, Server};
use crate::simulation::histories::{Event, Run};
use crate::simulation::regressions;
use crate::simulation::strategies::{
    self, begun, begun_with_a_member, modes, of_changes_by_others, of_changing_accounts, of_confirmed_deletions,
    of_one_alone, of_one_among_others, of_renamings, of_several, of_take_overs, power,
};
use crate::simulation::warehouse::Power;

/// How many histories of a kind.
const CASES: u32 = 4;

/// The same ones each time, unless more are asked for; a failing one is shrunk no further than one can wait for.
fn config() -> ProptestConfig {
    let config = ProptestConfig { max_shrink_iters: 40, ..strategies::config(CASES) };
    if config.cases == CASES { ProptestConfig { rng_seed: RngSeed::Fixed(2_024), ..config } } else { config }
}

/// A stand-in, and the runtime that it works in.
struct Bench {
    runtime: Runtime,
    server: Server,
}

impl Bench {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let server = runtime.block_on(Server::start());
        Self { runtime, server }
    }

    /// Plays a history to its end, with a deletion of everything, and does the same to the stand-in.
    fn compare(&self, admin: Power, history: &[Event]) -> Result<(), Difference> {
        let mut run = Run::recorded(admin);
        run.play(history);
        // Where it doesn't settle, or not everything goes, what it did is as good an example.
        let _ = run.settle();
        let _ = run.delete_all();
        let steps = run.world.borrow_mut().record.take();
        self.runtime.block_on(async { Replay::begin(&self.server).await.run(&steps).await })
    }
}

fn compare<S: Strategy>(histories: S, parts: impl Fn(S::Value) -> (Power, Vec<Event>)) {
    let bench = Bench::start();
    let result = TestRunner::new(config()).run(&histories, |history| {
        let (admin, history) = parts(history);
        bench.compare(admin, &history).map_err(TestCaseError::fail)
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_model_does_as_the_stand_in_does_in_histories_that_once_broke_an_invariant() {
    let bench = Bench::start();
    for (admin, history) in regressions::sample() {
        bench.compare(admin, &history).unwrap_or_else(|difference| panic!("{admin:?}, {history:?}: {difference}"));
    }
}

#[test]
fn the_model_does_as_the_stand_in_does_with_one_integration_alone() {
    compare((modes(), power(), of_one_alone()), |(mode, admin, history)| (admin, [begun(mode), history].concat()));
}

#[test]
fn the_model_does_as_the_stand_in_does_when_another_account_goes_on() {
    compare((modes(), power(), of_changing_accounts()), |(mode, admin, history)| {
        (admin, [begun(mode), history].concat())
    });
}

#[test]
fn the_model_does_as_the_stand_in_does_while_a_role_with_members_is_renamed() {
    compare((modes(), power(), of_renamings()), |(mode, admin, history)| {
        (admin, [begun_with_a_member(mode), history].concat())
    });
}

#[test]
fn the_model_does_as_the_stand_in_does_among_others() {
    compare((modes(), power(), any::<bool>(), of_one_among_others()), |(mode, admin, is_set_up, history)| {
        let beginning = if is_set_up { begun_with_a_member(mode) } else { begun(mode) };
        (admin, [beginning, history].concat())
    });
}

#[test]
fn the_model_does_as_the_stand_in_does_when_deletions_are_confirmed() {
    compare((modes(), power(), of_confirmed_deletions()), |(mode, admin, history)| {
        (admin, [begun_with_a_member(mode), history].concat())
    });
}

#[test]
fn the_model_does_as_the_stand_in_does_when_one_integration_takes_over_another() {
    compare((modes(), of_take_overs()), |(mode, history)| {
        (Power::Superuser, [begun_with_a_member(mode), history].concat())
    });
}

#[test]
fn the_model_does_as_the_stand_in_does_when_others_change_what_is_ours_and_what_is_old_is_migrated() {
    compare((modes(), power(), of_changes_by_others()), |(mode, admin, history)| {
        (admin, [begun_with_a_member(mode), history].concat())
    });
}

#[test]
fn the_model_does_as_the_stand_in_does_with_several_integrations() {
    compare(of_several(), |history| (Power::Superuser, history));
}
