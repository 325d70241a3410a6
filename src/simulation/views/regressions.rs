//! Histories that once broke an invariant, shrunk.

use super::super::histories::{Action as User, Event, Run, VIEWS, VIEWS_AT_ONCE};
use super::super::warehouse::Maker;
use super::super::world::{Fault, Step};
use super::histories::Action::{
    self, Apply, Columns, Delete, DeleteProfile, Grant, Profile, Rename, Retain, Subscribe,
};
use super::others::Deed;
use super::properties::{begun, comes_to_rest};

const WHOLE: Event = Event::pass(VIEWS);

/// What is for the first cluster's integration.
const fn edit(action: Action) -> Event {
    Event::Policy(0, action)
}

const fn others(deed: Deed) -> Event {
    Event::OthersOfViews(deed)
}

/// A whole pass in which a step is refused.
fn refused(step: &'static str) -> Event {
    Event::failing(VIEWS, Step::Named(step, 0), Fault::Refused)
}

/// A pass that doesn't come to a step.
fn before(step: &'static str) -> Event {
    Event::before(VIEWS, Step::Named(step, 0))
}

fn played(history: &[Event]) -> Run {
    let mut run = begun(Some(0));
    run.play(history);
    run
}

/// The schemas that were made for views.
fn schemas(run: &Run) -> Vec<String> {
    let world = run.world.borrow();
    let objects = world.warehouse.databases["immuta"].objects.iter();
    let ours = objects
        .filter(|((schema, name), it)| name.is_empty() && it.maker != Maker::Others && !schema.starts_with("immuta_"));
    ours.map(|((schema, _), _)| schema.clone()).collect()
}

/// Whether a role may use the schema of the first views.
fn is_open(run: &Run) -> bool {
    let world = run.world.borrow();
    let schema = world.warehouse.databases["immuta"].objects.get(&("sales".to_owned(), String::new()));
    schema.is_some_and(|schema| schema.grantees.contains("readers"))
}

#[test]
fn texts_of_several_new_views_are_not_asked_for_ahead_of_an_answer() {
    let mut run = played(&[edit(Apply(0)), edit(Apply(2)), WHOLE]);
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn a_view_that_gets_another_name_is_not_left_under_the_former_one() {
    let mut run = played(&[edit(Apply(1)), WHOLE, edit(Rename(1, 2)), WHOLE]);
    assert_eq!(schemas(&run), ["shared"]);
    comes_to_rest(&mut run).unwrap();
    for step in 0..40 {
        let cut_off = Event::failing(VIEWS, Step::Act(step), Fault::AnswerLost);
        comes_to_rest(&mut played(&[edit(Apply(1)), WHOLE, edit(Rename(1, 2)), cut_off])).unwrap();
    }
}

#[test]
fn a_view_keeps_its_name_as_long_as_the_one_that_it_is_to_have_is_anothers() {
    let mut run = played(&[edit(Apply(1)), edit(Apply(2)), WHOLE, edit(Rename(1, 2)), WHOLE]);
    assert_eq!(schemas(&run), ["sales", "shared"]);
    run.play(&[edit(Delete(2)), WHOLE, WHOLE]);
    assert_eq!(schemas(&run), ["shared"]);
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn an_edit_of_grants_does_not_pass_off_what_others_have_written_as_ours() {
    let replaced = others(Deed::ReplaceText(0));
    comes_to_rest(&mut played(&[edit(Apply(1)), WHOLE, replaced, edit(Grant(1, 2)), WHOLE])).unwrap();
}

#[test]
fn a_user_whom_another_resource_names_has_no_half_profile_meanwhile() {
    let moved = [edit(Profile(2, 1)), edit(DeleteProfile(0)), edit(Apply(0))];
    let mut run = played(&[edit(Profile(0, 1)), WHOLE]);
    run.play(&moved);
    run.play(&[before("delete-entitlements"), Event::Crash(VIEWS), edit(DeleteProfile(2))]);
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn a_schema_that_others_keep_is_open_to_nobody_when_the_last_view_is_gone() {
    let mut run = played(&[edit(Apply(0)), WHOLE, edit(Delete(0)), refused("drop-view-schema")]);
    assert!(!is_open(&run));
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn profiles_that_the_server_refuses_are_tried_again_and_views_do_not_open_before() {
    let mut run = played(&[edit(Apply(0)), edit(Profile(0, 1)), WHOLE, edit(DeleteProfile(0))]);
    run.play(&[refused("create-incoming"), edit(Columns(0, 2)), WHOLE]);
    assert!(run.world.borrow().broken.is_empty(), "{:?}", run.world.borrow().broken);
    let mut run = played(&[edit(Profile(0, 1)), WHOLE, edit(DeleteProfile(0)), refused("create-incoming"), WHOLE]);
    assert!(run.world.borrow().warehouse.databases["immuta"].policy.profiles.is_empty());
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn who_loses_a_view_that_others_have_dropped_may_not_use_its_schema_any_more() {
    let dropped = others(Deed::DropView(0));
    let mut run = played(&[edit(Apply(0)), WHOLE, dropped, edit(Grant(0, 2)), WHOLE]);
    assert!(!is_open(&run));
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn a_schema_goes_with_the_last_of_several_views_that_go_at_once() {
    let both = [edit(Apply(0)), edit(Apply(1)), edit(Rename(1, 1)), WHOLE];
    let mut run = played(&both);
    run.play(&[edit(Delete(0)), edit(Delete(1)), WHOLE]);
    assert!(schemas(&run).is_empty());
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn a_view_that_is_to_stay_stays_readable_when_its_neighbour_goes_at_once() {
    let both = [edit(Apply(0)), edit(Apply(1)), edit(Rename(1, 1)), edit(Retain(0, true)), WHOLE];
    let mut run = played(&both);
    run.play(&[edit(Delete(0)), edit(Delete(1)), WHOLE]);
    assert!(is_open(&run));
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn a_view_of_which_no_status_tells_yet_is_not_forgotten_while_the_warehouse_is_away() {
    let mut run = played(&[edit(Apply(0)), before("write status of RedshiftDataSource"), Event::Crash(VIEWS)]);
    run.play(&[edit(Delete(0)), refused("log-in")]);
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn a_role_that_is_gone_stands_in_the_way_of_nothing() {
    let made = [edit(Apply(0)), WHOLE, others(Deed::Role(false))];
    let mut run = played(&made);
    run.play(&[edit(Grant(0, 2)), WHOLE]);
    comes_to_rest(&mut run).unwrap();
    let mut run = played(&made);
    run.play(&[edit(Delete(0)), WHOLE]);
    assert!(schemas(&run).is_empty());
    let mut run = played(&[edit(Apply(0)), edit(Apply(1)), edit(Rename(1, 1)), edit(Grant(1, 2)), WHOLE]);
    run.play(&[others(Deed::Role(false)), edit(Delete(0)), WHOLE]);
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn a_schema_stays_known_as_ours_when_its_view_gets_another_name() {
    for step in 0..20 {
        let cut_off = Event::failing(VIEWS, Step::Act(step), Fault::AnswerLost);
        comes_to_rest(&mut played(&[edit(Apply(0)), WHOLE, edit(Rename(0, 1)), cut_off])).unwrap();
    }
}

#[test]
fn a_view_that_another_process_is_about_to_make_does_not_outlive_its_data_source() {
    let run_into_it = |step: u8| {
        let mut run = played(&[edit(Apply(1)), Event::before(VIEWS, Step::Act(step))]);
        run.play(&[edit(Delete(1)), Event::pass(VIEWS_AT_ONCE), WHOLE]);
        comes_to_rest(&mut run).unwrap();
    };
    (0..14).for_each(run_into_it);
}

#[test]
fn what_another_process_has_written_meanwhile_is_looked_at_even_if_the_resources_are_as_they_were() {
    let mut run = played(&[WHOLE, edit(Profile(0, 1)), Event::pass(VIEWS_AT_ONCE), edit(DeleteProfile(0))]);
    run.play(&[edit(Apply(0)), WHOLE]);
    assert!(run.world.borrow().broken.is_empty(), "{:?}", run.world.borrow().broken);
    comes_to_rest(&mut run).unwrap();
}

#[test]
fn a_name_that_another_cluster_has_left_taken_stays_taken_and_tells_whoever_wants_it() {
    let elsewhere = |action| Event::Policy(1, action);
    let mut run = begun(Some(0));
    run.play(&[Event::User(1, User::Create(Some(0))), Event::User(1, User::PolicyViews(true)), edit(Apply(1)), WHOLE]);
    run.play(&[elsewhere(Profile(0, 1)), elsewhere(Apply(0)), elsewhere(Subscribe(0, 0))]);
    run.play(&[Event::User(1, User::TakeOver)]);
    run.clear_up_for_views();
    run.settle().unwrap();
    run.views_are_as_wanted(1).unwrap();
    assert_eq!(schemas(&run), ["sales"]);
}

#[test]
fn a_process_that_does_not_know_that_a_data_source_is_gone_makes_no_view_of_it() {
    let run_behind = |first: Event| {
        let mut run = played(&[edit(Apply(2)), Event::pass(VIEWS_AT_ONCE), Event::before(VIEWS, Step::Act(0))]);
        run.play(&[edit(Delete(2)), Event::pass(VIEWS_AT_ONCE), first, WHOLE]);
        assert!(schemas(&run).is_empty());
        comes_to_rest(&mut run).unwrap();
    };
    run_behind(WHOLE);
    run_behind(Event::failing(VIEWS, Step::Named("commit-change", 0), Fault::AnswerLost));
}
