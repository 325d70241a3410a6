//! Random histories of views, of several kinds.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::histories::{self, Event, VIEWS, VIEWS_AT_ONCE, VIEWS_ELSEWHERE};
use super::super::world::{Fault, Step};
use super::histories::{Action, PROFILES, SOURCES, SUBSCRIPTIONS, VIEWS as NAMES};
use super::others::Deed;
use super::tables::TABLES;

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![Just(Fault::Refused), Just(Fault::Lost), Just(Fault::AnswerLost), Just(Fault::Late)]
}

fn step() -> impl Strategy<Value = Step> {
    let names = prop_oneof![
        Just("commit-change"),
        Just("lock-registry"),
        Just("create-view"),
        Just("replace-view"),
        Just("drop-policy-view"),
        Just("probe-view"),
        Just("write-data-source"),
        Just("write-profiles"),
        Just("merge RedshiftDataSource"),
        Just("write status of RedshiftDataSource"),
        Just("log-in"),
    ];
    prop_oneof![
        3 => (0..50_u8).prop_map(Step::Act),
        2 => (0..12_u8).prop_map(Step::Look),
        2 => (names, 0..3_u8).prop_map(|(name, n)| Step::Named(name, n)),
    ]
}

/// Passes, whole ones and parts, with what goes wrong in them.
fn passes(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    prop_oneof![
        3 => slot.clone().prop_map(Event::pass),
        4 => (slot.clone(), step(), fault()).prop_map(|(slot, step, fault)| Event::failing(slot, step, fault)),
        3 => (slot.clone(), step()).prop_map(|(slot, step)| Event::before(slot, step)),
        1 => slot.clone().prop_map(Event::Crash),
        1 => (slot, any::<bool>()).prop_map(|(slot, is_silent)| Event::Silence(slot, is_silent)),
    ]
    .boxed()
}

fn edits(cluster: usize) -> BoxedStrategy<Event> {
    let source = 0..SOURCES.len();
    let action = prop_oneof![
        4 => source.clone().prop_map(Action::Apply),
        2 => source.clone().prop_map(Action::Delete),
        3 => (source.clone(), 0..SUBSCRIPTIONS).prop_map(|(n, choice)| Action::Subscribe(n, choice)),
        2 => (source.clone(), 0..8_u8).prop_map(|(n, bits)| Action::Grant(n, bits)),
        2 => (source.clone(), 0..8_u8).prop_map(|(n, bits)| Action::Columns(n, bits)),
        1 => (source.clone(), any::<bool>()).prop_map(|(n, suspend)| Action::Suspend(n, suspend)),
        1 => (source.clone(), any::<bool>()).prop_map(|(n, retain)| Action::Retain(n, retain)),
        1 => (source, 0..NAMES.len()).prop_map(|(n, name)| Action::Rename(n, name)),
        5 => (0..PROFILES.len(), 0..4_u8).prop_map(|(n, groups)| Action::Profile(n, groups)),
        1 => (0..PROFILES.len()).prop_map(Action::DeleteProfile),
    ];
    action.prop_map(move |action| Event::Policy(cluster, action)).boxed()
}

/// What happens to the integration that views stand on.
fn ground(slot: usize) -> BoxedStrategy<Event> {
    let action = prop_oneof![
        2 => any::<bool>().prop_map(histories::Action::Suspend),
        2 => any::<bool>().prop_map(histories::Action::PolicyViews),
        2 => (0..histories::ACCOUNTS.len()).prop_map(histories::Action::Rename),
        1 => Just(histories::Action::EmptyStatus),
        1 => (0..3_u8).prop_map(histories::Action::Rotate),
    ];
    let pass = prop_oneof![
        2 => Just(Event::pass(slot)),
        1 => (0..60_u8, fault()).prop_map(move |(n, fault)| Event::failing(slot, Step::Act(n), fault)),
    ];
    prop_oneof![1 => action.prop_map(move |action| Event::User(slot, action)), 2 => pass].boxed()
}

/// Others' deeds.
fn deeds() -> BoxedStrategy<Event> {
    let (view, table) = (0..NAMES.len(), 0..TABLES.len());
    let deed = prop_oneof![
        view.clone().prop_map(Deed::TakeSchema),
        view.clone().prop_map(Deed::TakeView),
        view.clone().prop_map(Deed::TableBeside),
        (view.clone(), any::<bool>()).prop_map(|(n, to_all)| Deed::Grant(n, to_all)),
        view.clone().prop_map(Deed::Revoke),
        view.clone().prop_map(Deed::ReplaceText),
        view.clone().prop_map(Deed::DropView),
        view.clone().prop_map(Deed::DropSchema),
        (view.clone(), any::<bool>()).prop_map(|(n, is_there)| Deed::Reader(n, is_there)),
        view.prop_map(Deed::GiveAway),
        (table.clone(), any::<bool>()).prop_map(|(n, is_there)| Deed::Table(n, is_there)),
        table.clone().prop_map(Deed::AddColumn),
        (table, any::<bool>()).prop_map(|(n, is_readable)| Deed::Readable(n, is_readable)),
        any::<bool>().prop_map(Deed::Role),
        Just(Deed::Profile),
        (0..PROFILES.len()).prop_map(Deed::Forge),
    ];
    deed.prop_map(Event::OthersOfViews).boxed()
}

/// Edits, faults and crashes, and what happens to the integration.
pub fn of_views_alone() -> impl Strategy<Value = Vec<Event>> {
    vec(prop_oneof![6 => passes(Just(VIEWS)), 6 => edits(0), 1 => ground(0)], 1..24)
}

/// Others do what they like.
pub fn of_views_among_others() -> impl Strategy<Value = Vec<Event>> {
    vec(prop_oneof![5 => passes(Just(VIEWS)), 5 => edits(0), 4 => deeds(), 1 => Just(Event::DayPasses)], 1..24)
}

/// A second process works on the same resources, since it takes the first for dead.
pub fn of_two_processes() -> impl Strategy<Value = Vec<Event>> {
    let slots = prop_oneof![Just(VIEWS), Just(VIEWS_AT_ONCE)];
    vec(prop_oneof![8 => passes(slots), 6 => edits(0), 1 => ground(0)], 1..24)
}

/// The integration of another cluster takes the warehouse over, and perhaps back.
pub fn of_two_clusters() -> impl Strategy<Value = Vec<Event>> {
    let slots = prop_oneof![Just(VIEWS), Just(VIEWS_ELSEWHERE)];
    let word = prop_oneof![3 => Just(1_usize), 1 => Just(0)];
    let event = prop_oneof![
        6 => passes(slots),
        3 => edits(0),
        3 => edits(1),
        1 => word.prop_map(|slot| Event::User(slot, histories::Action::TakeOver)),
        2 => prop_oneof![Just(Event::pass(0)), Just(Event::pass(1))],
        1 => prop_oneof![ground(0), ground(1)],
    ];
    vec(event, 1..24)
}
