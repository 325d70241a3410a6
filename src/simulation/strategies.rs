//! Random histories, of several kinds.

use proptest::collection::vec;
use proptest::prelude::*;

use super::histories::{ACCOUNTS, Action, Event, ROLES, SLOTS};
use super::others::{Deed, TAMPERINGS, deeds};
use super::person::Run;
use super::warehouse::Power;
use super::world::{Fault, Step};

/// So many cases, unless `PROPTEST_CASES` says otherwise; what failed is printed, and kept nowhere. `PROPTEST_RNG_SEED` makes them the
/// same each time: `make test` takes the commit's.
pub fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..default }
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![Just(Fault::Refused), Just(Fault::Lost), Just(Fault::AnswerLost), Just(Fault::Late)]
}

/// Steps of a pass: those that change something, and looks.
fn step() -> impl Strategy<Value = Step> {
    prop_oneof![2 => (0..20u8).prop_map(Step::Act), 2 => (0..80u8).prop_map(Step::Act), 2 => any::<u8>().prop_map(Step::Look)]
}

fn database() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![Just(Some(0)), Just(Some(0)), Just(Some(1)), Just(None), Just(None)]
}

/// Passes, whole ones and parts, with what goes wrong in them.
fn passes(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    prop_oneof![
        2 => slot.clone().prop_map(Event::pass),
        4 => (slot.clone(), step(), fault()).prop_map(|(slot, step, fault)| Event::failing(slot, step, fault)),
        3 => (slot.clone(), step()).prop_map(|(slot, step)| Event::before(slot, step)),
        1 => slot.clone().prop_map(Event::Crash),
        2 => (slot, any::<bool>()).prop_map(|(slot, is_silent)| Event::Silence(slot, is_silent)),
    ]
    .boxed()
}

/// Edits of everything that can be edited.
fn edits(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    let action = prop_oneof![
        4 => proptest::option::weighted(0.7, 0..ROLES.len()).prop_map(Action::Impersonate),
        3 => (0..ACCOUNTS.len()).prop_map(Action::Rename),
        2 => proptest::bool::weighted(0.8).prop_map(Action::PolicyViews),
        1 => database().prop_map(Action::Move),
        1 => any::<bool>().prop_map(Action::Suspend),
        2 => Just(Action::EmptyStatus),
        2 => (0..3u8).prop_map(Action::Rotate),
    ];
    (slot, action).prop_map(|(slot, action)| Event::User(slot, action)).boxed()
}

/// What asks for a rotation, by annotation and by time.
fn rotations(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    prop_oneof![
        3 => (slot.clone(), 0..3u8).prop_map(|(slot, value)| Event::User(slot, Action::Rotate(value))),
        1 => (slot, any::<bool>()).prop_map(|(slot, daily)| Event::User(slot, Action::RotateDaily(daily))),
        1 => Just(Event::DayPasses),
    ]
    .boxed()
}

/// Edits of names alone: a role is always wanted.
fn renamings() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..ROLES.len()).prop_map(|role| Event::User(0, Action::Impersonate(Some(role)))),
        1 => (0..ACCOUNTS.len()).prop_map(|account| Event::User(0, Action::Rename(account))),
    ]
}

/// What is ours is changed by others, or was set up by an older version of the operator.
fn changes_by_others() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..TAMPERINGS).prop_map(|how| Event::Others(Deed::Tamper(how))),
        1 => Just(Event::Others(Deed::Outdate)),
        1 => Just(Event::Others(Deed::Expose)),
        1 => (0..ACCOUNTS.len()).prop_map(|account| Event::Others(Deed::RenameAccount(account))),
        2 => any::<bool>().prop_map(|repair| Event::User(0, Action::Repair(repair))),
        1 => Just(Event::User(0, Action::PolicyViews(true))),
    ]
}

pub fn of_changes_by_others() -> impl Strategy<Value = Vec<Event>> {
    vec(prop_oneof![3 => passes(Just(0)), 1 => renamings(), 3 => changes_by_others()], 1..30)
}

/// Beginnings and ends.
fn lives(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    let action = prop_oneof![3 => database().prop_map(Action::Create), 2 => Just(Action::Delete)];
    (slot, action).prop_map(|(slot, action)| Event::User(slot, action)).boxed()
}

/// What takes the proof away, or the way in; and the words of a person that are one.
fn losses(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    let action = prop_oneof![
        1 => Just(Action::DeleteSecret),
        1 => Just(Action::Replace),
        1 => any::<bool>().prop_map(Action::Retain),
        2 => any::<bool>().prop_map(Action::Credentials),
        1 => any::<bool>().prop_map(Action::Authority),
        1 => any::<bool>().prop_map(Action::SpoilSecret),
        1 => any::<bool>().prop_map(Action::LetNamespaceGo),
        2 => Just(Action::TakeOver),
        3 => Just(Action::ConfirmDelete),
    ];
    (slot, action).prop_map(|(slot, action)| Event::User(slot, action)).boxed()
}

pub fn power() -> impl Strategy<Value = Power> {
    prop_oneof![2 => Just(Power::Superuser), 1 => Just(Power::Seeing), 1 => Just(Power::Blind)]
}

pub fn modes() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![Just(Some(0)), Just(None)]
}

/// A resource in the first slot.
pub fn begun(database: Option<usize>) -> Vec<Event> {
    vec![Event::User(0, Action::Create(database))]
}

/// The same, set up, with a role that somebody is a member of.
pub fn begun_with_a_member(database: Option<usize>) -> Vec<Event> {
    vec![
        Event::User(0, Action::Create(database)),
        Event::User(0, Action::Impersonate(Some(0))),
        Event::pass(0),
        Event::Others(Deed::Join),
    ]
}

/// Faults, crashes, edits and lost status, with accounts of every kind.
pub fn of_one_alone() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        6 => passes(Just(0)),
        3 => edits(Just(0)),
        1 => lives(Just(0)),
        1 => power().prop_map(Event::Admin),
    ];
    vec(event, 1..14)
}

/// Passes that stop half-way, and another account goes on.
pub fn of_changing_accounts() -> impl Strategy<Value = Vec<Event>> {
    let role = proptest::option::weighted(0.7, 0..ROLES.len()).prop_map(Action::Impersonate);
    let edit = prop_oneof![role, (0..ACCOUNTS.len()).prop_map(Action::Rename), Just(Action::Delete)];
    let pass = (step(), fault()).prop_map(|(step, fault)| Event::failing(0, step, fault));
    let part = (edit.prop_map(|edit| Event::User(0, edit)), pass, power().prop_map(Event::Admin));
    vec(part, 1..5).prop_map(|parts| parts.into_iter().flat_map(|(edit, step, admin)| [edit, step, admin]).collect())
}

/// Faults and crashes while names are edited.
pub fn of_renamings() -> impl Strategy<Value = Vec<Event>> {
    vec(prop_oneof![6 => passes(Just(0)), 4 => renamings(), 1 => power().prop_map(Event::Admin)], 1..10)
}

/// Passwords are rotated, with faults and losses in the middle of it, and either edits of names or a Secret that goes:
/// both together are more than one can ask for.
pub fn of_rotations() -> impl Strategy<Value = Vec<Event>> {
    let with = |other: BoxedStrategy<Event>| {
        let event = prop_oneof![
            6 => passes(Just(0)),
            4 => rotations(Just(0)),
            2 => other,
            1 => Just(Event::User(0, Action::EmptyStatus)),
            1 => any::<bool>().prop_map(|missing| Event::User(0, Action::Credentials(missing))),
            1 => power().prop_map(Event::Admin),
        ];
        vec(event, 1..14)
    };
    prop_oneof![3 => with(renamings().boxed()), 1 => with(Just(Event::User(0, Action::DeleteSecret)).boxed())]
}

/// Others do what they like in the warehouse as well, Secrets get lost, resources are replaced.
pub fn of_one_among_others() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => passes(Just(0)),
        3 => edits(Just(0)),
        1 => lives(Just(0)),
        1 => losses(Just(0)),
        5 => deeds().prop_map(Event::Others),
        1 => power().prop_map(Event::Admin),
    ];
    vec(event, 1..18)
}

/// Others do something, a deletion is asked for and confirmed, and not every pass gets to its end.
pub fn of_confirmed_deletions() -> impl Strategy<Value = Vec<Event>> {
    let ask = [Event::User(0, Action::Delete), Event::pass(0), Event::User(0, Action::ConfirmDelete)];
    let after = prop_oneof![
        4 => passes(Just(0)),
        1 => deeds().prop_map(Event::Others),
        1 => power().prop_map(Event::Admin),
        1 => Just(Event::User(0, Action::ConfirmDelete)),
    ];
    let before = vec(deeds().prop_map(Event::Others), 1..6);
    (before, vec(after, 0..8)).prop_map(move |(before, after)| [before, ask.to_vec(), after].concat())
}

/// One integration is left, or alive, and another takes over; both operators go on working.
pub fn of_take_overs() -> impl Strategy<Value = Vec<Event>> {
    let heir = |slot: usize| {
        let word = Event::User(slot, Action::TakeOver);
        prop_oneof![
            Just(word),
            passes(Just(slot)),
            edits(Just(slot)),
            Just(Event::User(slot, Action::Delete)),
            database().prop_map(move |database| Event::User(slot, Action::Create(database))),
        ]
    };
    let former = prop_oneof![
        4 => passes(Just(0)),
        2 => edits(Just(0)),
        1 => any::<bool>().prop_map(|retain| Event::User(0, Action::Retain(retain))),
        1 => lives(Just(0)),
        1 => Just(Event::User(0, Action::TakeOver)),
        1 => Just(Event::User(0, Action::DeleteSecret)),
    ];
    vec(prop_oneof![3 => former, 2 => heir(1), 2 => heir(3), 1 => rotations(0..2_usize)], 1..20)
}

/// A person who runs scripts as it comes, edits, faults and lost status.
pub fn of_a_person() -> impl Strategy<Value = Vec<Event>> {
    let run = (0..12_usize, 0..6_usize, prop_oneof![1 => 0..30_usize, 2 => Just(usize::MAX)], any::<bool>(), 0..8_u8);
    let run = run.prop_map(|(script, from, statements, stops, odd)| {
        // Mostly from the beginning, and where it is to be run.
        let from = if odd < 4 { 0 } else { from };
        Event::Person(0, Run { script, from, statements, stops, elsewhere: odd == 7 })
    });
    // What an old script makes in a database that the spec doesn't name any more, nobody can know.
    let edit = prop_oneof![2 => renamings(), 1 => Just(Event::User(0, Action::Impersonate(None))), 1 => Just(Event::User(0, Action::EmptyStatus))];
    vec(prop_oneof![5 => passes(Just(0)), 5 => run, 2 => edit], 1..16)
}

/// Resources in all slots.
pub fn of_several() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => passes(0..SLOTS.len()),
        2 => edits(0..SLOTS.len()),
        3 => lives(0..SLOTS.len()),
    ];
    vec(event, 1..24)
}
