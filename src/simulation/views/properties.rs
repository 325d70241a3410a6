//! The properties. A failing history is shrunk, and printed with its seed.

use proptest::prelude::*;

use super::super::histories::{Action, Event, Run, VIEWS};
use super::super::invariants::is_enabled;
use super::super::strategies::{config, modes};
use super::super::warehouse::Power;
use super::others;
use super::rest::slot_of;
use super::strategies::{of_two_clusters, of_two_processes, of_views_alone, of_views_among_others};
use crate::scripts::POLICY_VIEWS_VERSION;

/// Cases per property, of each run of the suite; by hand there are more (CONTRIBUTING.md).
const CASES: u32 = 100;

/// An integration that has what views stand on.
pub fn begun(mode: Option<usize>) -> Run {
    let mut run = Run::new(Power::Superuser, true);
    others::set_up(&mut run.world.borrow_mut().warehouse);
    run.play(&[Event::User(0, Action::Create(mode)), Event::User(0, Action::PolicyViews(true))]);
    for _ in 0..6 {
        let created = run.status_of(0).and_then(|status| status.created);
        if created.is_some_and(|created| created.schema_version == POLICY_VIEWS_VERSION) {
            break;
        }
        run.play(&[Event::pass(0)]);
    }
    run.operators.look_after_views();
    run
}

fn check(result: Result<(), String>) -> Result<(), TestCaseError> {
    result.map_err(TestCaseError::fail)
}

/// Nothing is in the way any more: everything is as wanted, and stays so without another write.
pub fn comes_to_rest(run: &mut Run) -> Result<(), String> {
    run.settle()?;
    run.deletions_are_explained(0)?;
    run.clear_up_for_views();
    run.settle()?;
    // Texts, and rows of entitlements, are looked at once in an hour.
    run.look_again(VIEWS);
    run.look_again(VIEWS);
    run.views_are_as_wanted(0)?;
    run.more_passes_write_nothing(VIEWS)?;
    run.views_are_as_wanted(0)?;
    run.delete_what_is_for(VIEWS)
}

proptest! {
    #![proptest_config(config(CASES))]

    /// Faults, crashes, late watches and edits.
    #[test]
    fn views_and_profiles_come_to_what_the_resources_say(mode in modes(), history in of_views_alone()) {
        let mut run = begun(mode);
        run.play(&history);
        check(comes_to_rest(&mut run))?;
    }

    /// Others take names, change what is ours and what it reads, and build on it.
    #[test]
    fn views_among_others_harm_nothing_of_theirs_and_are_mended(mode in modes(), history in of_views_among_others()) {
        let mut run = begun(mode);
        run.play(&history);
        check(comes_to_rest(&mut run))?;
    }

    /// A process that is taken for dead goes on while another has begun.
    #[test]
    fn two_processes_at_once_leave_views_as_one_would(mode in modes(), history in of_two_processes()) {
        let mut run = begun(mode);
        run.play(&history);
        check(comes_to_rest(&mut run))?;
    }

    /// The other cluster has an integration of the same warehouse, which takes it over when somebody says so.
    #[test]
    fn of_two_clusters_the_one_that_has_the_warehouse_keeps_the_views(mode in modes(), history in of_two_clusters()) {
        let mut run = begun(mode);
        run.play(&[Event::User(1, Action::Create(mode)), Event::User(1, Action::PolicyViews(true))]);
        run.play(&history);
        run.clear_up_for_views();
        check(run.settle())?;
        let resources = run.resources();
        let enabled: Vec<_> = (0..2).filter(|cluster| {
            run.world.borrow().clusters[*cluster].integration("a").is_some_and(is_enabled)
        }).collect();
        prop_assert!(enabled.len() == 1, "one of them has the warehouse: {:#?}", resources);
        check(run.more_passes_write_nothing(slot_of(enabled[0])))?;
        check(run.views_are_as_wanted(enabled[0]))?;
    }
}
