//! The ports, simulated: what a pass asks of the API server, of warehouses and of the machine.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::histories::place_of;
use super::invariants;
use super::kubernetes::{Cluster, INTEGRATION};
use super::record;
use super::rows;
use super::warehouse::{self, LoginError};
use super::world::{Fault, Shared, StepKind, World, step};
use crate::api::RedshiftIntegration;
use crate::lifecycle::Credentials;
use crate::lifecycle::login::AwsWarehouse;
use crate::lifecycle::server_error::ServerError;
use crate::lifecycle::words::{Confidential, Words};
use crate::ports::{
    Answer, ApiError, ConnectError, Creation, Host, Identity, Key, Kubernetes, LoginError as NotObtained, LoginStep,
    Logins, News, Object, Obtained, PolicyResources, Referent, Row, Session, StatementError, StatementFailure, Target,
    TlsSettings, Told, Unused, Warehouses, answered,
};
use crate::scripts::{Password, Statement};

/// The simulated world.
pub struct Simulated;

impl crate::ports::World for Simulated {
    type Kubernetes = Api;
    type Warehouses = Gate;
    type Logins = Desk;
    type Host = Clock;
}

/// The API server of one cluster.
pub struct Api {
    pub world: Shared,
    pub cluster: usize,
}

impl Api {
    async fn read<T>(&self, verb: &str, kind: &str, look: impl FnOnce(&Cluster) -> T) -> Result<T, ApiError> {
        let fault = step(&self.world, StepKind::Look, format!("{verb} {kind}")).await;
        match fault {
            None => Ok(look(&self.world.borrow().clusters[self.cluster])),
            Some(fault) => Err(unanswered(fault)),
        }
    }

    async fn write<T: 'static>(
        &self,
        verb: &str,
        kind: &str,
        write: impl FnOnce(&mut Cluster, Timestamp) -> Result<T, ApiError> + 'static,
    ) -> Result<T, ApiError> {
        let fault = step(&self.world, StepKind::Act, format!("{verb} {kind}")).await;
        let cluster = self.cluster;
        let mut world = self.world.borrow_mut();
        match fault {
            Some(fault @ (Fault::Refused | Fault::Lost)) => Err(unanswered(fault)),
            // What asks for no version could do anything later.
            Some(fault @ Fault::Late) if verb != "create" => {
                world.late.push(Box::new(move |world| drop(carry_out(world, cluster, write))));
                Err(unanswered(fault))
            }
            Some(fault) => {
                let _ = carry_out(&mut world, cluster, write);
                Err(unanswered(fault))
            }
            None => carry_out(&mut world, cluster, write),
        }
    }
}

fn unanswered(fault: Fault) -> ApiError {
    match fault {
        Fault::Refused => {
            ApiError::Refused { code: 500, message: "the server has an error".to_owned(), causes: Vec::new() }
        }
        Fault::Lost | Fault::AnswerLost => ApiError::Unanswered("the connection was lost".to_owned()),
        Fault::Late => ApiError::Deadline(30),
    }
}

fn carry_out<T>(
    world: &mut World,
    cluster: usize,
    write: impl FnOnce(&mut Cluster, Timestamp) -> Result<T, ApiError>,
) -> Result<T, ApiError> {
    let now = world.now();
    let before = world.clusters[cluster].clone();
    let done = write(&mut world.clusters[cluster], now);
    // What its passwords prove is the heir's from now on.
    for (left_by, heir) in world.clusters[cluster].inheritances(&before) {
        world.warehouse.pass_on(&left_by, &heir);
    }
    let broken = invariants::of_write(&before, world, cluster);
    world.broken.extend(broken);
    let resources: Vec<_> = world.clusters[cluster].integrations().cloned().collect();
    for resource in resources.iter().filter(|it| invariants::asks_for_a_word(it)) {
        let uid = resource.metadata.uid.clone().unwrap_or_default();
        let former = before.integration(&resource.metadata.name.clone().unwrap_or_default());
        if former.is_none_or(|former| former.metadata.resource_version != resource.metadata.resource_version) {
            let at_stake = world.warehouse.at_stake(&uid);
            world.shown.insert(uid, at_stake);
        }
    }
    done
}

/// A server's words.
fn words(text: &str) -> Words {
    Confidential::default().pass_on(text)
}

fn to_json(object: &impl serde::Serialize) -> Value {
    serde_json::to_value(object).unwrap()
}

fn from_json<K: Object>(value: Value) -> K {
    serde_json::from_value(value).unwrap()
}

impl Kubernetes for Api {
    async fn get<K: Object>(&self, key: &Key) -> Result<Option<K>, ApiError> {
        let kind = K::kind(&());
        let found = self.read("get", &kind, |cluster| cluster.get(&kind, &key.name).cloned()).await?;
        if kind == INTEGRATION {
            let resource = found.clone().map(from_json);
            self.world.borrow_mut().slot().resource = resource;
        }
        Ok(found.map(from_json))
    }

    async fn create<K: Object>(&self, object: &K, creation: Creation) -> Result<K, ApiError> {
        let (kind, value) = (K::kind(&()).into_owned(), to_json(object));
        let verb = if creation == Creation::DryRun { "try to create" } else { "create" };
        let create = {
            let kind = kind.clone();
            move |cluster: &mut Cluster, now| cluster.create(&kind, value, creation, now)
        };
        self.write(verb, &kind, create).await.map(from_json)
    }

    async fn merge<K: Object>(&self, key: &Key, patch: &Value) -> Result<K, ApiError> {
        let (kind, name, patch) = (K::kind(&()).into_owned(), key.name.clone(), patch.clone());
        let merge = {
            let kind = kind.clone();
            move |cluster: &mut Cluster, _| cluster.merge(&kind, &name, &patch)
        };
        self.write("merge", &kind, merge).await.map(from_json)
    }

    async fn replace_status<K: Object>(&self, object: &K) -> Result<K, ApiError> {
        let (kind, value) = (K::kind(&()).into_owned(), to_json(object));
        let replace = {
            let kind = kind.clone();
            move |cluster: &mut Cluster, _| cluster.replace_status(&kind, &value)
        };
        self.write("write status of", &kind, replace).await.map(from_json)
    }

    async fn delete<K: Object>(&self, key: &Key, uid: &str) -> Result<(), ApiError> {
        let (kind, name, uid) = (K::kind(&()).into_owned(), key.name.clone(), uid.to_owned());
        let delete = {
            let kind = kind.clone();
            move |cluster: &mut Cluster, now| cluster.delete(&kind, &name, Some(&uid), now)
        };
        self.write("delete", &kind, delete).await
    }

    async fn config_maps_with(&self, _: &str, _: &BTreeMap<String, String>) -> Result<Vec<String>, ApiError> {
        Ok(Vec::new())
    }

    fn publish<K: Object>(&self, _: &K, _: News) {}

    fn policy_resources(&self, integration: &Key) -> Option<PolicyResources> {
        Some(self.world.borrow().clusters[self.cluster].policy_resources(&integration.name))
    }

    fn told(&self, key: &Key) -> Option<RedshiftIntegration> {
        self.world.borrow().clusters[self.cluster].told(&key.name).cloned()
    }

    fn told_of(&self, referent: Referent, key: &Key) -> Told {
        self.world.borrow().clusters[self.cluster].told_of(referent, &key.name)
    }

    fn watched(&self, is_meant: impl Fn(&RedshiftIntegration) -> bool) -> Vec<RedshiftIntegration> {
        let world = self.world.borrow();
        world.clusters[self.cluster].all_told().filter(|resource| is_meant(resource)).cloned().collect()
    }
}

/// The way into the warehouse, whatever it is called.
pub struct Gate {
    pub world: Shared,
}

impl Warehouses for Gate {
    type Session = Connection;

    fn unused(&self, _: &TlsSettings) -> Unused {
        Unused::default()
    }

    async fn connect(
        &self,
        target: &Target,
        credentials: &Credentials,
        database: &str,
    ) -> Result<Connection, ConnectError> {
        let fault = step(&self.world, StepKind::Act, "log-in").await;
        match fault {
            None => {}
            Some(Fault::Refused) => return Err(ConnectError::TooManyConnections(words("too many"))),
            Some(Fault::Lost | Fault::AnswerLost) => return Err(ConnectError::Protocol(words("lost"))),
            Some(Fault::Late) => {
                return Err(ConnectError::Deadline { endpoint: target.endpoint.to_string(), state: None });
            }
        }
        let mut world = self.world.borrow_mut();
        let (user, password) = (credentials.user.sent(), credentials.password.expose_secret());
        let session = world.warehouse.log_in(user, password, database);
        let number = world.record.take_connection();
        world.record.add(|| record::Step::LoggedIn {
            connection: number,
            user: user.to_owned(),
            password: password.to_owned(),
            database: database.to_owned(),
            outcome: session.as_ref().map(|_| ()).map_err(|error| *error),
        });
        let session = session.map_err(|error| match error {
            LoginError::Refused => {
                ConnectError::PasswordRefused { said: words("authentication failed"), hints: Vec::new() }
            }
            LoginError::Full => ConnectError::TooManyConnections(words("too many connections for the user")),
            LoginError::DatabaseMissing => {
                ConnectError::DatabaseMissing { database: database.to_owned(), reason: words("does not exist") }
            }
        })?;
        *world.sessions.entry(database.to_owned()).or_default() += 1;
        let slot = world.at_work;
        drop(world);
        let is_lost = Cell::new(false);
        Ok(Connection { world: self.world.clone(), slot, number, is_lost, session: RefCell::new(session) })
    }
}

/// Where temporary credentials are given out, to whoever has an access key: its id is the name of the user whom they are for.
pub struct Desk {
    pub world: Shared,
}

impl Logins for Desk {
    async fn obtain(&self, identity: &Identity, warehouse: &AwsWarehouse, _: u32) -> Result<Obtained, NotObtained> {
        let (step_of_it, host) = (LoginStep::Credentials, warehouse.region.clone());
        match step(&self.world, StepKind::Look, "obtain-credentials").await {
            None => {}
            Some(Fault::Refused) => {
                return Err(NotObtained::RateLimited { step: step_of_it, wait: Duration::from_mins(1) });
            }
            Some(Fault::Lost | Fault::AnswerLost) => {
                return Err(NotObtained::Unreachable { step: step_of_it, host, reason: words("lost") });
            }
            Some(Fault::Late) => return Err(NotObtained::Deadline { step: step_of_it, host, seconds: 15 }),
        }
        let Identity::AccessKey { id, secret, .. } = identity else { return Err(NotObtained::NoPodIdentity) };
        let ends = self.world.borrow().now() + jiff::SignedDuration::from_hours(1);
        let credentials = Credentials::temporary(id.expose_secret(), secret.clone(), ends);
        Ok(Obtained { credentials, described: None })
    }
}

/// A connection of a pass. Its database counts it until it is closed, whatever ends the pass.
pub struct Connection {
    world: Shared,
    slot: usize,
    number: u32,
    /// Nothing reaches the server any more.
    is_lost: Cell<bool>,
    session: RefCell<warehouse::Session>,
}

impl Connection {
    fn lose(&self) {
        if self.is_lost.replace(true) {
            return;
        }
        let world = &mut *self.world.borrow_mut();
        let mut session = self.session.borrow_mut();
        if let Some(count) = world.sessions.get_mut(&session.database) {
            *count -= 1;
        }
        if session.transaction.take().is_some() {
            world.slots[self.slot].in_transaction = false;
        }
        world.locks.retain(|_, holder| *holder != self.number);
        world.record.add(|| record::Step::Closed { connection: self.number });
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.lose();
    }
}

impl Session for Connection {
    async fn query(&self, statement: &Statement) -> Result<Vec<Row>, StatementError> {
        self.waits_for(&[statement.name()]);
        self.take(statement).await
    }

    /// One after the other, so that anything can happen between two of them and to each.
    async fn query_all(&self, look_ups: &[Statement]) -> Result<Vec<Answer>, StatementError> {
        self.waits_for(&look_ups.iter().map(Statement::name).collect::<Vec<_>>());
        let mut answers = Vec::new();
        for look_up in look_ups {
            answers.push(answered(self.take(look_up).await)?);
        }
        Ok(answers)
    }
}

impl Connection {
    /// What is sent together is waited for once, however far away a warehouse is.
    fn waits_for(&self, statements: &[&'static str]) {
        if statements.len() > 1 {
            assert!(
                statements.iter().all(|name| rows::is_look(name)),
                "look-ups alone are sent together: {statements:?}"
            );
            assert!(
                self.session.borrow().transaction.is_none(),
                "nothing is sent ahead in a transaction: {statements:?}"
            );
        }
        if !statements.is_empty() {
            self.world.borrow_mut().slots[self.slot].waits.push(statements.to_vec());
        }
    }

    async fn take(&self, statement: &Statement) -> Result<Vec<Row>, StatementError> {
        let name = statement.name();
        let is_look = rows::is_look(name);
        let kind = if is_look { StepKind::Look } else { StepKind::Act };
        let fault = step(&self.world, kind, name).await;
        let failed = |failure| Err(StatementError { statement: name, failure });
        let lost = || StatementFailure::ConnectionLost("lost".to_owned());
        let refused = |message: String| {
            let (sqlstate, message) = match message.split_once(": ") {
                Some((code, message)) if code.len() == 5 => (code, message),
                _ if message == warehouse::IN_USE => ("55006", message.as_str()),
                _ => ("XX000", message.as_str()),
            };
            StatementFailure::refused(ServerError { sqlstate, message, detail: "" }, &Confidential::default())
        };
        let is_gone = !self.world.borrow().warehouse.databases.contains_key(&self.session.borrow().database);
        if self.is_lost.get() || is_gone {
            self.lose();
            return failed(lost());
        }
        match fault {
            Some(Fault::Refused) => {
                self.session.borrow_mut().refuse();
                self.world.borrow_mut().a_statement_was_refused(self.slot, name);
                let has_others = name == "drop-view-schema";
                let why = if has_others { "2BP01: there is something of others' in it" } else { "refused" };
                return failed(refused(why.to_owned()));
            }
            Some(Fault::Lost) => {
                self.lose();
                return failed(lost());
            }
            Some(Fault::Late) if is_look => {
                self.lose();
                return failed(StatementFailure::Deadline(120));
            }
            _ if name == "lock-registry" && self.waits_for_another() => {
                self.lose();
                return failed(StatementFailure::Deadline(120));
            }
            _ => {}
        }
        let done = if is_look { self.look(statement) } else { self.change(statement) };
        if done.is_err() {
            self.world.borrow_mut().a_statement_was_refused(self.slot, name);
        }
        if fault.is_some() {
            self.lose();
            return failed(if fault == Some(Fault::Late) { StatementFailure::Deadline(120) } else { lost() });
        }
        done.or_else(|why| failed(refused(why)))
    }

    /// Another connection has the lock, and keeps it for as long as it is waited for.
    fn waits_for_another(&self) -> bool {
        let world = self.world.borrow();
        world.locks.get(&self.session.borrow().database).is_some_and(|holder| *holder != self.number)
    }

    fn look(&self, statement: &Statement) -> Result<Vec<Row>, String> {
        let world = self.world.borrow();
        let session = self.session.borrow();
        rows::answer(session.seen(&world.warehouse), session.acting, &session.database, statement)
    }

    fn change(&self, statement: &Statement) -> Result<Vec<Row>, String> {
        let name = statement.name();
        let world = &mut *self.world.borrow_mut();
        let session = &mut *self.session.borrow_mut();
        let (cluster, _) = place_of(self.slot);
        let resource = world.slots[self.slot].resource.clone().unwrap();
        let uid = resource.metadata.uid.clone().unwrap_or_default();
        let before = world.warehouse.clone();
        let entered = world.sessions.get(&super::statements::identifier(statement.text(), 0)) > Some(&0);
        let done = if name == "drop-database" && entered {
            Err(warehouse::IN_USE.to_owned())
        } else {
            session.execute(&mut world.warehouse, &uid, statement)
        };
        world.slots[self.slot].in_transaction = session.transaction.is_some();
        match name {
            "lock-registry" if done.is_ok() => drop(world.locks.insert(session.database.clone(), self.number)),
            "commit-change" | "rollback" => world.locks.retain(|_, holder| *holder != self.number),
            _ => {}
        }
        world.record.add(|| record::Step::Executed {
            connection: self.number,
            statement: statement.clone(),
            outcome: done.clone(),
        });
        let is_a_rotation = |name: &str| {
            ["begin", "commit", "lock-", "check-", "change-own-", "write-", "forget-"]
                .iter()
                .any(|it| name.starts_with(it))
        };
        if !resource.spec.auto_bootstrap && !is_a_rotation(name) {
            world.broken.push(format!("{uid}: the operator only reads in manual mode: {name}"));
        }
        if done.is_ok() {
            let handed_over = world.warehouse.handed_over_since(&before);
            world.overtaken.extend(handed_over.into_iter().map(|(_, former, _)| former));
            let confirmed = world.confirmed.get(&uid);
            let cluster = &world.clusters[cluster];
            let after = &world.warehouse;
            let change = invariants::Change { before, after, cluster, resource: &resource, statement, confirmed };
            let broken = change.broken();
            world.broken.extend(broken);
            if !world.watch.passes.is_empty() {
                world.somebody_else_has_acted(Some(self.slot));
                let broken = world.broken_by_views(self.slot);
                world.broken.extend(broken.into_iter().map(|what| format!("{}: {what}", statement.name())));
            }
        }
        done.map(|()| Vec::new())
    }
}

/// The machine.
pub struct Clock {
    pub world: Shared,
}

impl Host for Clock {
    fn now(&self) -> Timestamp {
        self.world.borrow().now()
    }

    fn elapsed(&self) -> Duration {
        self.world.borrow().clock
    }

    async fn sleep(&self, duration: Duration) {
        step(&self.world, StepKind::Look, "sleep").await;
        self.world.borrow_mut().clock += duration;
    }

    fn random(&self) -> f64 {
        0.5
    }

    fn generate_password(&self) -> Password {
        let mut world = self.world.borrow_mut();
        world.passwords += 1;
        Password::new(SecretString::from(format!("Password-{}", world.passwords))).unwrap()
    }

    fn generate_key(&self) -> SecretString {
        SecretString::from("a".repeat(64))
    }
}
