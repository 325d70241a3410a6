//! Random histories: what users, others and accidents do, and what they do it to.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::kubernetes::Resource;
use super::operator;
use super::others::Deed;
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

    pub fn play(&mut self, history: &[Event]) {
        for event in history {
            self.step(*event);
        }
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::User(slot, action) => self.user(slot, action),
            Event::Others(deed) => {
                if deed.comes_between() {
                    self.interrupt();
                }
                deed.is_done(&mut self.world.borrow_mut());
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
        let (mut pass, io) = self.passes[slot].take().unwrap_or_else(|| {
            let io = Io { world: self.world.clone(), cluster, fault: Rc::new(Cell::new(None)) };
            (Box::pin(operator::pass(io.clone(), name.to_owned())), io)
        });
        io.fault.set(fault.map(|(at, fault)| (u32::from(at), fault)));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..=if steps == u8::MAX { u32::MAX } else { u32::from(steps) } {
            if pass.as_mut().poll(&mut context) == Poll::Ready(()) {
                return;
            }
        }
        self.passes[slot] = Some((pass, io));
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
pub fn passes(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
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
pub fn edits(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
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
pub fn renamings() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => (0..ROLES.len()).prop_map(|role| Event::User(0, Action::Impersonate(Some(role)))),
        1 => (0..ACCOUNTS.len()).prop_map(|account| Event::User(0, Action::Rename(account))),
    ]
}

/// Beginnings and ends.
pub fn lives(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
    let action = prop_oneof![3 => database().prop_map(Action::Create), 2 => Just(Action::Delete)];
    (slot, action).prop_map(|(slot, action)| Event::User(slot, action)).boxed()
}

/// What takes the proof away, or the way in.
pub fn losses(slot: impl Strategy<Value = usize> + Clone + 'static) -> BoxedStrategy<Event> {
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
