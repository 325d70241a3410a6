//! Random histories: what users, others and accidents do, and what they do it to.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use proptest::collection::vec;
use proptest::prelude::*;

use super::kubernetes::Resource;
use super::operator;
use super::others::{Deed, deeds};
use super::record::{Record, Step};
use super::warehouse::{EXISTING, INITIAL, Power};
use super::world::{Fault, Io, Shared, World};
use crate::api::{DatabaseMode, DeletionPolicy, RedshiftIntegrationSpec};

pub const ROLES: [&str; 3] = ["impersonators", "others_may", "masks"];
pub const ACCOUNTS: [&str; 3] = ["keeper", "warden", "steward"];
pub const DATABASES: [&str; 2] = ["immuta", "governed"];

/// Where a resource can be: its cluster, its name, its host. Both hosts are the same warehouse.
pub const SLOTS: [(usize, &str, &str); 4] =
    [(0, "a", "one.example"), (1, "a", "one.example"), (0, "b", "alias.example"), (0, "c", "one.example")];

#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Applies the resource; a database in mode Create, or the existing one.
    Create(Option<usize>),
    Impersonate(Option<usize>),
    Rename(usize),
    /// As far as the API server lets it.
    Move(Option<usize>),
    Delete,
    Retain(bool),
    Suspend(bool),
    EmptyStatus,
    DeleteSecret,
    /// Takes the finalizer off by hand, and creates the resource anew.
    Replace,
    Credentials(bool),
}

#[derive(Clone, Copy, Debug)]
pub enum Event {
    User(usize, Action),
    Others(Deed),
    Admin(Power),
    /// Some steps of a pass, begun if there is none under way, and what goes wrong in which of them.
    Pass(usize, u8, Option<(u8, Fault)>),
    /// The operator dies, and with it the pass.
    Crash(usize),
}

static SPEC: LazyLock<RedshiftIntegrationSpec> = LazyLock::new(|| {
    serde_json::from_value(serde_json::json!({"config": {
        "host": "one.example", "database": "immuta", "initialDatabase": INITIAL,
        "authenticationType": "userPassword", "credentialsSecretRef": {"name": "redshift-admin"},
    }}))
    .expect("a valid spec")
});

fn set_place(spec: &mut RedshiftIntegrationSpec, database: Option<usize>) {
    let name = database.map_or(EXISTING, |n| DATABASES[n]);
    name.clone_into(&mut spec.config.database);
    spec.config.database_mode = if database.is_some() { DatabaseMode::Create } else { DatabaseMode::Existing };
}

type Pass = Pin<Box<dyn Future<Output = ()>>>;

/// Plays a history.
pub struct Run {
    pub world: Shared,
    passes: [Option<(Pass, Io)>; SLOTS.len()],
}

impl Run {
    pub fn new(admin: Power, users_roll_back: bool) -> Self {
        Self { world: World::new(admin, users_roll_back), passes: Default::default() }
    }

    /// One that records what reaches the warehouse. A server makes whoever touches the same wait for an open
    /// transaction; here everybody else comes after it, which is the same order.
    pub fn recorded(admin: Power) -> Self {
        let run = Self::new(admin, true);
        run.world.borrow_mut().record = Record::begun();
        run
    }

    pub fn play(&mut self, history: &[Event]) {
        let is_recorded = self.world.borrow().record.is_wanted();
        for event in history {
            if is_recorded {
                self.let_transactions_end(*event);
            }
            self.step(*event);
            if is_recorded && !self.passes.iter().flatten().any(|(_, io)| io.in_transaction.get()) {
                let world = &mut *self.world.borrow_mut();
                world.record.add(|| Step::Looked(Box::new(world.warehouse.clone())));
            }
        }
    }

    fn let_transactions_end(&mut self, before: Event) {
        for slot in 0..SLOTS.len() {
            let is_its_own = matches!(before, Event::Pass(own, ..) | Event::Crash(own) if own == slot);
            while !is_its_own && self.passes[slot].as_ref().is_some_and(|(_, io)| io.in_transaction.get()) {
                self.poll(slot);
            }
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::User(slot, action) => self.user(slot, action),
            Event::Others(deed) => {
                if deed.comes_between() {
                    self.interrupt();
                }
                let world = &mut *self.world.borrow_mut();
                let before = world.record.is_wanted().then(|| Box::new(world.warehouse.clone()));
                deed.is_done(world);
                if let Some(before) = before {
                    let after = Box::new(world.warehouse.clone());
                    world.record.add(|| Step::Others { deed, before, after });
                }
            }
            Event::Admin(power) => {
                self.interrupt();
                self.world.borrow_mut().warehouse.admin = power;
            }
            Event::Pass(slot, steps, fault) => self.advance(slot, steps, fault),
            Event::Crash(slot) => drop(self.passes[slot].take()),
        }
    }

    /// All operators die.
    pub fn interrupt(&mut self) {
        self.passes = Default::default();
    }

    fn advance(&mut self, slot: usize, steps: u8, fault: Option<(u8, Fault)>) {
        let (cluster, name, host) = SLOTS[slot];
        // An operator works on a warehouse, as its host name goes, one pass at a time.
        let busy = |other: usize| SLOTS[other].0 == cluster && SLOTS[other].2 == host && self.passes[other].is_some();
        if (0..SLOTS.len()).any(|other| other != slot && busy(other)) {
            return;
        }
        let (_, io) = self.passes[slot].get_or_insert_with(|| {
            let fault = Rc::new(Cell::new(None));
            let io = Io { world: self.world.clone(), cluster, fault, in_transaction: Rc::default() };
            (Box::pin(operator::pass(io.clone(), name.to_owned())), io)
        });
        io.fault.set(fault.map(|(at, fault)| (u32::from(at), fault)));
        for _ in 0..=if steps == u8::MAX { u32::MAX } else { u32::from(steps) } {
            if self.passes[slot].is_none() {
                return;
            }
            self.poll(slot);
        }
    }

    /// Does one step of a pass.
    fn poll(&mut self, slot: usize) {
        let Some((pass, _)) = &mut self.passes[slot] else { return };
        if pass.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(()) {
            self.passes[slot] = None;
        }
    }

    fn user(&mut self, slot: usize, action: Action) {
        if matches!(action, Action::EmptyStatus | Action::DeleteSecret | Action::Replace) {
            self.passes[slot] = None;
        }
        let (cluster, name, host) = SLOTS[slot];
        let mut world = self.world.borrow_mut();
        let number = world.take_number();
        let world = &mut *world;
        let there = &mut world.clusters[cluster];
        if let Action::Create(database) = action {
            let mut spec = SPEC.clone();
            host.clone_into(&mut spec.config.host);
            set_place(&mut spec, database);
            ACCOUNTS[0].clone_into(&mut spec.config.system_account.name);
            there.resources.entry(name.to_owned()).or_insert_with(|| Resource {
                name: name.to_owned(),
                uid: format!("uid-{number}"),
                created: number,
                generation: 1,
                version: 1,
                spec,
                finalizer: false,
                deleting: false,
                status: None,
            });
            return;
        }
        if let Action::Credentials(missing) = action {
            there.without_credentials = missing;
            return;
        }
        let Some(resource) = there.resources.get_mut(name) else { return };
        if matches!(action, Action::DeleteSecret | Action::Replace) {
            // What it proved can't be proven any more.
            world.excused.insert(resource.uid.clone());
        }
        let before = resource.spec.clone();
        match action {
            Action::Impersonate(role) => {
                resource.spec.config.impersonation.enabled = role.is_some();
                if let Some(role) = role {
                    ROLES[role].clone_into(&mut resource.spec.config.impersonation.role);
                }
            }
            Action::Rename(account) => ACCOUNTS[account].clone_into(&mut resource.spec.config.system_account.name),
            Action::Move(database) => {
                if resource.status.as_ref().is_none_or(|status| status.created.is_none()) {
                    set_place(&mut resource.spec, database);
                }
            }
            Action::Retain(retain) => {
                let policy = if retain { DeletionPolicy::Retain } else { DeletionPolicy::Delete };
                resource.spec.deletion_policy = policy;
            }
            Action::Suspend(suspend) => resource.spec.suspend = suspend,
            Action::EmptyStatus => resource.status = None,
            Action::DeleteSecret => drop(there.secrets.remove(name)),
            Action::Replace => {
                *resource = Resource {
                    uid: format!("uid-{number}"),
                    created: number,
                    finalizer: false,
                    deleting: false,
                    status: None,
                    ..resource.clone()
                };
            }
            Action::Delete => {
                resource.deleting = true;
                resource.version += 1;
                if !resource.finalizer {
                    there.resources.remove(name);
                }
                return;
            }
            Action::Create(_) | Action::Credentials(_) => {}
        }
        if resource.spec != before {
            resource.generation += 1;
            resource.version += 1;
        }
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![Just(Fault::Refused), Just(Fault::Lost), Just(Fault::AnswerLost)]
}

fn database() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![Just(Some(0)), Just(Some(0)), Just(Some(1)), Just(None), Just(None)]
}

/// Passes, whole ones and parts, with what goes wrong in them.
fn passes(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    let at = prop_oneof![0..20u8, 0..100u8];
    prop_oneof![
        2 => slot.clone().prop_map(|slot| Event::Pass(slot, u8::MAX, None)),
        4 => (slot.clone(), at, fault()).prop_map(|(slot, at, fault)| Event::Pass(slot, u8::MAX, Some((at, fault)))),
        3 => (slot.clone(), 0..90u8).prop_map(|(slot, steps)| Event::Pass(slot, steps, None)),
        1 => slot.prop_map(Event::Crash),
    ]
    .boxed()
}

/// Edits of everything that can be edited.
fn edits(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    let action = prop_oneof![
        4 => proptest::option::weighted(0.7, 0..ROLES.len()).prop_map(Action::Impersonate),
        3 => (0..ACCOUNTS.len()).prop_map(Action::Rename),
        1 => database().prop_map(Action::Move),
        1 => any::<bool>().prop_map(Action::Suspend),
        2 => Just(Action::EmptyStatus),
    ];
    (slot, action).prop_map(|(slot, action)| Event::User(slot, action)).boxed()
}

/// Edits of names alone: a role is always wanted.
fn renamings() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..ROLES.len()).prop_map(|role| Event::User(0, Action::Impersonate(Some(role)))),
        1 => (0..ACCOUNTS.len()).prop_map(|account| Event::User(0, Action::Rename(account))),
    ]
}

/// Beginnings and ends.
fn lives(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    let action = prop_oneof![3 => database().prop_map(Action::Create), 2 => Just(Action::Delete)];
    (slot, action).prop_map(|(slot, action)| Event::User(slot, action)).boxed()
}

/// What takes the proof away, or the way in.
fn losses(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    let action = prop_oneof![
        1 => Just(Action::DeleteSecret),
        1 => Just(Action::Replace),
        1 => any::<bool>().prop_map(Action::Retain),
        2 => any::<bool>().prop_map(Action::Credentials),
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
        Event::Pass(0, u8::MAX, None),
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
    let step = (0..60_u8, fault()).prop_map(|fault| Event::Pass(0, u8::MAX, Some(fault)));
    let part = (edit.prop_map(|edit| Event::User(0, edit)), step, power().prop_map(Event::Admin));
    vec(part, 1..5).prop_map(|parts| parts.into_iter().flat_map(|(edit, step, admin)| [edit, step, admin]).collect())
}

/// Faults and crashes while names are edited.
pub fn of_renamings() -> impl Strategy<Value = Vec<Event>> {
    vec(prop_oneof![6 => passes(Just(0)), 4 => renamings(), 1 => power().prop_map(Event::Admin)], 1..10)
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

/// Resources in all slots.
pub fn of_several() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        8 => passes(0..SLOTS.len()),
        2 => edits(0..SLOTS.len()),
        3 => lives(0..SLOTS.len()),
    ];
    vec(event, 1..24)
}
