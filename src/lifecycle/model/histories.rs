//! Histories: what users, others and accidents do, and how it is played.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use super::deletion::CONFIRM;
use super::kubernetes::Resource;
use super::operator;
use super::others::Deed;
use super::record::{Record, Step};
use super::warehouse::{EXISTING, INITIAL, Power};
use super::world::{Fault, Io, Shared, World};
use crate::api::{DatabaseMode, DeletionPolicy, RedshiftIntegrationSpec};
use crate::lifecycle::proof::take_over;

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
    /// Lets it take over what the registry in its database names, or the Secret of its name.
    TakeOver,
    /// Confirms the deletion, as the message says.
    ConfirmDelete,
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
                take_over: None,
                confirm_delete: None,
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
                    take_over: None,
                    confirm_delete: None,
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
            Action::TakeOver => {
                let database = &resource.spec.config.database;
                let registry = world.warehouse.databases.get(database).and_then(|there| there.registry.as_ref());
                let secret = there.secrets.get(name).map(|secret| &secret.integration_uid);
                let left_by = registry.map(|registry| &registry.integration_uid).or(secret);
                resource.take_over = left_by.map(|uid| take_over(database, uid));
                resource.version += 1;
            }
            Action::ConfirmDelete => {
                let status = resource.status.clone().unwrap_or_default();
                let said = status.conditions.iter().find_map(|condition| condition.message.split_once(CONFIRM));
                resource.confirm_delete = said.map(|(_, value)| value.to_owned());
                resource.version += 1;
                if let Some(shown) = world.shown.get(&resource.uid) {
                    world.confirmed.insert(resource.uid.clone(), shown.clone());
                }
            }
            Action::Create(_) | Action::Credentials(_) => {}
        }
        if resource.spec != before {
            resource.generation += 1;
            resource.version += 1;
        }
    }
}
