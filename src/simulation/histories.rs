//! Histories: what users, others and accidents do, and how it is played.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt;
use kube::api::ObjectMeta;

use super::kubernetes::Cluster;
use super::operator::Operators;
use super::others::Deed;
use super::person;
use super::record::{Record, Step as Recorded};
use super::views;
use super::warehouse::{EXISTING, INITIAL, PASSWORD_OF_ADMINS, Power};
use super::world::{Fault, Shared, Step, World};
use crate::api::{
    AuthenticationType, AwsLogin, CONFIRM_DELETE_ANNOTATION, CONFIRM_DELETED_ANNOTATION, DatabaseMode, DeletionPolicy,
    INTEGRATION_UID_LABEL, ROTATE_ANNOTATION, RedshiftIntegrationSpec, RedshiftIntegrationStatus, Rotation,
    TAKE_OVER_ANNOTATION,
};
use crate::lifecycle::proof::take_over;

pub const ROLES: [&str; 3] = ["impersonators", "others_may", "masks"];
pub const ACCOUNTS: [&str; 3] = ["keeper", "warden", "steward"];
pub const DATABASES: [&str; 2] = ["immuta", "governed"];

/// Where a resource can be: its cluster, its name, its host. Both hosts are the same warehouse.
pub const SLOTS: [(usize, &str, &str); 4] =
    [(0, "a", "one.example"), (1, "a", "one.example"), (0, "b", ALIAS), (0, "c", "one.example")];
const ALIAS: &str = "alias.example";

/// Passes on views have slots behind these: of the first resource; of the one of that name in the other cluster; and of the first once
/// more, by a process that takes the first one for dead.
pub const VIEWS: usize = SLOTS.len();
pub const VIEWS_ELSEWHERE: usize = SLOTS.len() + 1;
pub const VIEWS_AT_ONCE: usize = SLOTS.len() + 2;

/// How many slots there are in all.
pub const ALL: usize = SLOTS.len() + 3;

/// The cluster of a slot, and the name of its resource.
pub fn place_of(slot: usize) -> (usize, &'static str) {
    let (cluster, name, _) = match slot {
        VIEWS | VIEWS_AT_ONCE => SLOTS[0],
        VIEWS_ELSEWHERE => SLOTS[1],
        _ => SLOTS[slot],
    };
    (cluster, name)
}

/// The Secret with the credentials that set things up, and the authority that signs for the warehouse.
const CREDENTIALS: &str = "redshift-admin";
const AUTHORITY: &str = "redshift-ca";

/// As long as passwords last where they are rotated daily.
const DAY: Duration = Duration::from_hours(24);

#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Applies the resource; a database in mode Create, or the existing one.
    Create(Option<usize>),
    /// The same, in manual mode.
    CreateByHand(Option<usize>),
    /// Says that what a person was to remove is gone, as the message asks.
    ConfirmDeleted,
    Impersonate(Option<usize>),
    /// Asks for policy-enforced views, or not any more.
    PolicyViews(bool),
    Rename(usize),
    /// As far as the API server lets it.
    Move(Option<usize>),
    Delete,
    Retain(bool),
    Suspend(bool),
    /// Lets drift be mended, or doesn't.
    Repair(bool),
    /// Asks for a rotation, with one value or another.
    Rotate(u8),
    /// Wants one each day, or none.
    RotateDaily(bool),
    EmptyStatus,
    DeleteSecret,
    /// Spoils the Secret of the system account, or restores what was spoiled.
    SpoilSecret(bool),
    /// Takes the finalizer off by hand, and creates the resource anew.
    Replace,
    /// Takes the credentials away, or puts them there again.
    Credentials(bool),
    /// The same with the authority's certificate.
    Authority(bool),
    /// Lets the namespace go, or doesn't after all.
    LetNamespaceGo(bool),
    /// Lets it take over what the registry in its database names, or the Secret of its name.
    TakeOver,
    /// Confirms the deletion, as the message says.
    ConfirmDelete,
}

/// How far a pass goes.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    End,
    /// Right before this step.
    Before(Step),
}

#[derive(Clone, Copy, Debug)]
pub enum Event {
    User(usize, Action),
    Others(Deed),
    /// Somebody edits what is for the integrations of a cluster.
    Policy(usize, views::histories::Action),
    /// Others do something to views, or to what these read.
    OthersOfViews(views::others::Deed),
    /// A person runs a script of a slot's resource.
    Person(usize, person::Run),
    Admin(Power),
    /// A pass, begun if there is none under way, how far it goes, and what goes wrong in which step.
    Pass(usize, Until, Option<(Step, Fault)>),
    /// The operator dies, and with it its passes.
    Crash(usize),
    /// What the watches of a slot's cluster tell is late, or isn't any more.
    Silence(usize, bool),
    /// A day passes in which nothing is due.
    DayPasses,
}

impl Event {
    /// A whole pass.
    pub const fn pass(slot: usize) -> Self {
        Self::Pass(slot, Until::End, None)
    }

    /// A whole pass in which something goes wrong.
    pub const fn failing(slot: usize, step: Step, fault: Fault) -> Self {
        Self::Pass(slot, Until::End, Some((step, fault)))
    }

    /// A pass up to a step.
    pub const fn before(slot: usize, step: Step) -> Self {
        Self::Pass(slot, Until::Before(step), None)
    }
}

static SPEC: LazyLock<RedshiftIntegrationSpec> = LazyLock::new(|| {
    serde_json::from_value(serde_json::json!({"config": {
        "host": "one.example", "database": "immuta", "initialDatabase": INITIAL,
        "authenticationType": "userPassword", "credentialsSecretRef": {"name": CREDENTIALS},
        "tls": {"caBundleRef": {"kind": "ConfigMap", "name": AUTHORITY, "key": "ca.crt"}},
    }}))
    .expect("a valid spec")
});

/// Whoever comes by the other name of the host logs in in the other way.
fn log_in_with_a_key(spec: &mut RedshiftIntegrationSpec) {
    let (region, cluster) = ("us-east-1".to_owned(), "one".to_owned());
    spec.config.authentication_type = AuthenticationType::AccessKey;
    spec.config.aws = Some(AwsLogin { region: Some(region), cluster_identifier: Some(cluster), ..AwsLogin::default() });
}

fn set_place(spec: &mut RedshiftIntegrationSpec, database: Option<usize>) {
    let name = database.map_or(EXISTING, |n| DATABASES[n]);
    name.clone_into(&mut spec.config.database);
    spec.config.database_mode = if database.is_some() { DatabaseMode::Create } else { DatabaseMode::Existing };
}

/// Plays a history.
pub struct Run {
    pub world: Shared,
    pub operators: Operators,
}

impl Run {
    pub fn new(admin: Power, users_roll_back: bool) -> Self {
        let world = World::new(admin, users_roll_back);
        for cluster in &mut world.borrow_mut().clusters {
            give_credentials(cluster, admin);
            give_authority(cluster);
        }
        Self { operators: Operators::new(&world), world }
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
            self.world.borrow_mut().let_late_writes_arrive();
            self.step(*event);
            self.operators.hear_of_changes();
            let world = &mut *self.world.borrow_mut();
            if is_recorded && !world.slots.iter().any(|slot| slot.in_transaction) {
                world.record.add(|| Recorded::Looked(Box::new(world.warehouse.clone())));
            }
        }
    }

    fn let_transactions_end(&mut self, before: Event) {
        for slot in 0..SLOTS.len() {
            let is_its_own = matches!(before, Event::Pass(own, ..) | Event::Crash(own) if own == slot);
            while !is_its_own && self.world.borrow().slots[slot].in_transaction {
                self.operators.poll(slot);
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
                    world.record.add(|| Recorded::Others { deed, before, after });
                }
            }
            Event::Policy(cluster, action) => action.is_done(&mut self.world.borrow_mut(), cluster),
            Event::OthersOfViews(deed) => deed.is_done(&mut self.world.borrow_mut()),
            Event::Person(slot, run) => drop(self.world.borrow_mut().person_runs(slot, run)),
            Event::Admin(power) => self.set_admin(power),
            Event::Pass(slot, until, fault) => self.advance(slot, until, fault),
            Event::Crash(slot) => self.operators.crash(slot),
            Event::Silence(slot, is_silent) => self.world.borrow_mut().clusters[place_of(slot).0].silence(is_silent),
            Event::DayPasses => self.world.borrow_mut().clock += DAY,
        }
    }

    /// Another account sets things up from now on.
    pub fn set_admin(&mut self, power: Power) {
        self.interrupt();
        let world = &mut *self.world.borrow_mut();
        world.warehouse.admin = power;
        for cluster in &mut world.clusters {
            if cluster.get("Secret", CREDENTIALS).is_some() {
                cluster.take_away("Secret", CREDENTIALS);
                give_credentials(cluster, power);
            }
        }
    }

    /// All operators die.
    pub fn interrupt(&mut self) {
        for slot in 0..ALL {
            self.operators.crash(slot);
        }
    }

    fn advance(&mut self, slot: usize, until: Until, fault: Option<(Step, Fault)>) {
        self.world.borrow_mut().slots[slot].go_on(fault);
        if !self.operators.is_under_way(slot) {
            self.operators.wait_for(slot);
            self.operators.begin_pass(slot);
        }
        while self.operators.is_under_way(slot) {
            let has_come = |step| self.world.borrow().slots[slot].has_come_to(step);
            if matches!(until, Until::Before(step) if has_come(step)) {
                return;
            }
            self.operators.poll(slot);
        }
    }

    /// Lets time pass until a pass is due, and takes it; whose it was, if any is due at all.
    pub fn take_next_pass(&mut self) -> Option<usize> {
        self.world.borrow_mut().let_late_writes_arrive();
        self.operators.hear_of_changes();
        let (slot, at) = self.operators.next_due()?;
        self.operators.wait_until(at);
        self.world.borrow_mut().slots[slot].go_on(None);
        self.operators.begin_pass(slot);
        while self.operators.is_under_way(slot) {
            self.operators.poll(slot);
        }
        Some(slot)
    }

    fn user(&mut self, slot: usize, action: Action) {
        if matches!(action, Action::EmptyStatus | Action::DeleteSecret | Action::SpoilSecret(_) | Action::Replace) {
            self.operators.end(slot);
        }
        let world = &mut *self.world.borrow_mut();
        let (cluster, name, host) = SLOTS[slot];
        let (now, admin) = (world.now(), world.warehouse.admin);
        let there = &mut world.clusters[cluster];
        match action {
            Action::Create(database) | Action::CreateByHand(database) => {
                let mut spec = SPEC.clone();
                spec.auto_bootstrap = matches!(action, Action::Create(_));
                host.clone_into(&mut spec.config.host);
                if host == ALIAS {
                    log_in_with_a_key(&mut spec);
                }
                set_place(&mut spec, database);
                ACCOUNTS[0].clone_into(&mut spec.config.system_account.name);
                there.apply(name, spec, now);
            }
            Action::Credentials(missing) => {
                there.take_away("Secret", CREDENTIALS);
                if !missing {
                    give_credentials(there, admin);
                }
            }
            Action::Authority(missing) => {
                there.take_away("ConfigMap", AUTHORITY);
                if !missing {
                    give_authority(there);
                }
            }
            Action::Delete => drop(there.delete(super::kubernetes::INTEGRATION, name, None, now)),
            Action::DeleteSecret | Action::Replace => {
                let uid = there.integration(name).and_then(ResourceExt::uid);
                // What it proved can't be proven any more.
                world.excused.extend(uid);
                if matches!(action, Action::Replace) {
                    there.replace(name, now);
                } else {
                    there.take_away("Secret", &format!("{name}-system-account"));
                }
            }
            Action::LetNamespaceGo(is_going) => there.let_go(is_going),
            Action::SpoilSecret(spoiled) => spoil(there, name, spoiled),
            Action::TakeOver => take_over_what_is_there(world, cluster, name),
            Action::ConfirmDelete => confirm(world, cluster, name),
            Action::ConfirmDeleted => {
                let database = there.integration(name).map(|it| it.spec.config.database.clone());
                annotate(there, name, CONFIRM_DELETED_ANNOTATION, database);
            }
            Action::Rotate(value) => annotate(there, name, ROTATE_ANNOTATION, Some(value.to_string())),
            _ => there.edit(name, |resource| edit(&mut resource.spec, action, &mut resource.status)),
        }
    }
}

fn edit(spec: &mut RedshiftIntegrationSpec, action: Action, status: &mut Option<RedshiftIntegrationStatus>) {
    match action {
        Action::Impersonate(role) => {
            spec.config.impersonation.enabled = role.is_some();
            if let Some(role) = role {
                ROLES[role].clone_into(&mut spec.config.impersonation.role);
            }
        }
        Action::PolicyViews(enabled) => spec.config.policy_views.enabled = enabled,
        Action::Rename(account) => ACCOUNTS[account].clone_into(&mut spec.config.system_account.name),
        Action::Move(database) => {
            if status.as_ref().is_none_or(|status| status.created.is_none()) {
                set_place(spec, database);
            }
        }
        Action::Retain(retain) => {
            spec.deletion_policy = if retain { DeletionPolicy::Retain } else { DeletionPolicy::Delete };
        }
        Action::Suspend(suspend) => spec.suspend = suspend,
        Action::Repair(repair) => spec.repair = repair,
        Action::RotateDaily(daily) => spec.rotation = daily.then(|| Rotation { interval: "1d".to_owned() }),
        Action::EmptyStatus => *status = None,
        _ => unreachable!("no edit: {action:?}"),
    }
}

fn annotate(cluster: &mut Cluster, name: &str, annotation: &str, value: Option<String>) {
    cluster.edit(name, |resource| {
        let annotations = resource.metadata.annotations.get_or_insert_default();
        annotations.remove(annotation);
        annotations.extend(value.map(|value| (annotation.to_owned(), value)));
    });
}

fn take_over_what_is_there(world: &mut World, cluster: usize, name: &str) {
    let Some(resource) = world.clusters[cluster].integration(name) else { return };
    let database = resource.spec.config.database.clone();
    let registry = world.warehouse.databases.get(&database).and_then(|there| there.registry.as_ref());
    let secret = world.clusters[cluster].secret(name);
    let label = secret.and_then(|secret| secret.labels().get(INTEGRATION_UID_LABEL).cloned());
    let left_by = registry.map(|registry| registry.integration_uid.clone()).or(label);
    let asked_for = left_by.map(|uid| take_over(&database, &uid));
    annotate(&mut world.clusters[cluster], name, TAKE_OVER_ANNOTATION, asked_for);
}

/// The word that a status asks for, which lets a deletion go on.
pub fn word_that_confirms(status: &RedshiftIntegrationStatus) -> Option<&str> {
    let mut commands = status.remedies.iter().filter_map(|remedy| remedy.command.as_deref());
    commands.find_map(|command| Some(command.split_once(CONFIRM_DELETE_ANNOTATION)?.1.trim_start_matches('=')))
}

fn confirm(world: &mut World, cluster: usize, name: &str) {
    let Some(resource) = world.clusters[cluster].integration(name) else { return };
    let uid = resource.uid().unwrap_or_default();
    let status = resource.status.clone().unwrap_or_default();
    let given = word_that_confirms(&status).map(str::to_owned);
    annotate(&mut world.clusters[cluster], name, CONFIRM_DELETE_ANNOTATION, given);
    if let Some(shown) = world.shown.get(&uid) {
        world.confirmed.insert(uid, shown.clone());
    }
}

/// The key of the Secret that is spoiled, and where it is kept meanwhile.
const SPOILED: &str = "password";
const KEPT: &str = "kept";

/// Takes a key out of the Secret of a system account, or puts it back.
pub fn spoil(cluster: &mut Cluster, name: &str, spoiled: bool) {
    let secret_name = format!("{name}-system-account");
    let Some(secret) = cluster.secret(name) else { return };
    let mut data = secret.data.unwrap_or_default();
    let (from, to) = if spoiled { (SPOILED, KEPT) } else { (KEPT, SPOILED) };
    if let Some(value) = data.remove(from) {
        let patch = serde_json::json!({"data": {from: null, to: value}});
        let _ = cluster.merge("Secret", &secret_name, &patch);
    }
}

pub fn give_credentials(cluster: &mut Cluster, admin: Power) {
    let [user, password] = [admin.name(), PASSWORD_OF_ADMINS];
    // For a password, and for an access key with which AWS gives out credentials.
    let data = [("username", user), ("password", password), ("accessKeyId", user), ("secretAccessKey", password)];
    let data = data.map(|(key, value)| (key.to_owned(), ByteString(value.as_bytes().to_vec())));
    let metadata = ObjectMeta { name: Some(CREDENTIALS.to_owned()), ..ObjectMeta::default() };
    let secret = Secret { metadata, data: Some(BTreeMap::from(data)), ..Secret::default() };
    let _ = cluster.create_object(&secret, Timestamp::UNIX_EPOCH);
}

pub fn give_authority(cluster: &mut Cluster) {
    let metadata = ObjectMeta { name: Some(AUTHORITY.to_owned()), ..ObjectMeta::default() };
    let data = Some(BTreeMap::from([("ca.crt".to_owned(), "a certificate".to_owned())]));
    let map = ConfigMap { metadata, data, ..ConfigMap::default() };
    let _ = cluster.create_object(&map, Timestamp::UNIX_EPOCH);
}
