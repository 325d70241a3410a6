//! The warehouse, the clusters, and the one way for a pass to reach them: a step at a time, so that
//! anything may happen between two steps and to any of them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::invariants;
use super::kubernetes::{Cluster, Conflict, Resource};
use super::record::{Record, Step};
use super::warehouse::{LoginError, Power, Session, Warehouse};
use crate::lifecycle::Category;
use crate::lifecycle::Failure;
use crate::scripts::Statement;

/// What happens to one step of a pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The server says no.
    Refused,
    /// It never arrived; the connection is lost.
    Lost,
    /// It was done; the answer and the connection are lost.
    AnswerLost,
}

#[derive(Clone, Debug, PartialEq)]
pub struct World {
    pub warehouse: Warehouse,
    pub clusters: Vec<Cluster>,
    /// Numbers for UIDs and passwords.
    pub next: u32,
    /// Sessions that others' clusters have in a database stand in the way of a drop.
    pub sessions: BTreeMap<String, u32>,
    /// UIDs of integrations whose proof a person took away: what is left of them is theirs to remove.
    pub excused: BTreeSet<String>,
    /// UIDs of integrations that were taken over while a pass of theirs was under way: what that looked at was
    /// so, and isn't any more.
    pub overtaken: BTreeSet<String>,
    /// What of others' was at stake when an integration's deletion last gave a list, and when a person
    /// confirmed one.
    pub shown: BTreeMap<String, BTreeSet<String>>,
    pub confirmed: BTreeMap<String, BTreeSet<String>>,
    /// What should never have happened.
    pub broken: Vec<String>,
    pub record: Record,
}

pub type Shared = Rc<RefCell<World>>;

impl World {
    pub fn new(admin: Power, users_roll_back: bool) -> Shared {
        Rc::new(RefCell::new(Self {
            warehouse: Warehouse::new(admin, users_roll_back),
            clusters: vec![Cluster::default(), Cluster::default()],
            next: 0,
            sessions: BTreeMap::new(),
            excused: BTreeSet::new(),
            overtaken: BTreeSet::new(),
            shown: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            broken: Vec::new(),
            record: Record::default(),
        }))
    }

    pub fn take_number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }
}

/// What stops a pass; mirrors `controller::error::Error`.
#[derive(Clone, Debug)]
pub enum Stop {
    Api,
    Connect(LoginError),
    Statement { name: &'static str, why: String, refused: bool },
    Said(Failure),
}

impl Stop {
    pub fn stalled(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Said(Failure { reason, message: message.into(), category: Category::Permanent })
    }

    pub fn waiting(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Said(Failure { reason, message: message.into(), category: Category::Transient })
    }

    pub fn is_refused_statement(&self) -> bool {
        matches!(self, Self::Statement { refused: true, .. })
    }

    /// Mirrors `Error::failure`.
    pub fn failure(&self) -> Failure {
        let failure = |reason, category, message: String| Failure { reason, message, category };
        match self {
            Self::Said(failure) => failure.clone(),
            Self::Api => failure("ApiServer", Category::Transient, "the API server".to_owned()),
            Self::Connect(LoginError::Unreachable) => {
                failure("Unreachable", Category::Transient, "unreachable".to_owned())
            }
            Self::Connect(error) => failure("LoginRefused", Category::Permanent, format!("{error:?}")),
            Self::Statement { name, why, refused } => {
                let category = if *refused { Category::Permanent } else { Category::Transient };
                failure("StatementFailed", category, format!("{name}: {why}"))
            }
        }
    }
}

/// How a pass reaches the world.
#[derive(Clone)]
pub struct Io {
    pub world: Shared,
    pub cluster: usize,
    /// In how many steps a fault comes, and which.
    pub fault: Rc<Cell<Option<(u32, Fault)>>>,
    /// Whether the pass has a transaction open.
    pub in_transaction: Rc<Cell<bool>>,
}

/// A connection of a pass. Its database counts it until it is closed, whatever ends the pass.
pub struct Connection {
    world: Shared,
    number: u32,
    in_transaction: Rc<Cell<bool>>,
    pub session: Session,
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut world = self.world.borrow_mut();
        if let Some(count) = world.sessions.get_mut(&self.session.database) {
            *count -= 1;
        }
        if self.session.transaction.is_some() {
            self.in_transaction.set(false);
        }
        world.record.add(|| Step::Closed { connection: self.number });
    }
}

struct Yield(bool);

impl Future for Yield {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        Poll::Pending
    }
}

impl Io {
    /// Something else may happen here; and this step may fail.
    async fn step(&self) -> Option<Fault> {
        Yield(false).await;
        let (left, fault) = self.fault.get()?;
        self.fault.set(left.checked_sub(1).map(|left| (left, fault)));
        (left == 0).then_some(fault)
    }

    /// A look at Kubernetes.
    pub async fn read<T>(&self, look: impl FnOnce(&Cluster) -> T) -> Result<T, Stop> {
        match self.step().await {
            None => Ok(look(&self.world.borrow().clusters[self.cluster])),
            Some(_) => Err(Stop::Api),
        }
    }

    /// A write to Kubernetes.
    pub async fn write<T>(&self, write: impl FnOnce(&mut Cluster) -> Result<T, Conflict>) -> Result<T, Stop> {
        let fault = self.step().await;
        if matches!(fault, Some(Fault::Refused | Fault::Lost)) {
            return Err(Stop::Api);
        }
        let world = &mut *self.world.borrow_mut();
        let before = world.clusters[self.cluster].clone();
        let done = write(&mut world.clusters[self.cluster]);
        // What its passwords prove is the heir's from now on.
        for (left_by, heir) in world.clusters[self.cluster].inheritances(&before) {
            world.warehouse.pass_on(&left_by, &heir);
        }
        let broken = invariants::of_write(&before, world, self.cluster);
        world.broken.extend(broken);
        for resource in world.clusters[self.cluster].resources.values().filter(|it| it.asks_for_a_word()) {
            if before.resources.get(&resource.name) != Some(resource) {
                world.shown.insert(resource.uid.clone(), world.warehouse.at_stake(&resource.uid));
            }
        }
        if fault.is_some() {
            return Err(Stop::Api);
        }
        done.map_err(|Conflict| Stop::Api)
    }

    pub async fn log_in(&self, user: &str, password: &str, database: &str) -> Result<Connection, LoginError> {
        if self.step().await.is_some() {
            return Err(LoginError::Unreachable);
        }
        let mut world = self.world.borrow_mut();
        let session = world.warehouse.log_in(user, password, database);
        let number = world.record.take_connection();
        world.record.add(|| Step::LoggedIn {
            connection: number,
            user: user.to_owned(),
            password: password.to_owned(),
            database: database.to_owned(),
            outcome: session.as_ref().map(|_| ()).map_err(|error| *error),
        });
        let session = session?;
        *world.sessions.entry(database.to_owned()).or_default() += 1;
        drop(world);
        Ok(Connection { world: self.world.clone(), number, in_transaction: self.in_transaction.clone(), session })
    }

    /// A look at the warehouse.
    pub async fn look<T>(&self, name: &'static str, look: impl FnOnce(&Warehouse) -> T) -> Result<T, Stop> {
        match self.step().await {
            None => Ok(look(&self.world.borrow().warehouse)),
            Some(fault) => Err(Stop::Statement { name, why: format!("{fault:?}"), refused: fault == Fault::Refused }),
        }
    }

    /// A statement that changes something.
    pub async fn execute(
        &self,
        connection: &mut Connection,
        resource: &Resource,
        statement: &Statement,
    ) -> Result<(), Stop> {
        let name = statement.name();
        let stop = |why: String, refused| Stop::Statement { name, why, refused };
        let fault = self.step().await;
        match fault {
            Some(Fault::Refused) => return Err(stop("refused".to_owned(), true)),
            Some(Fault::Lost) => return Err(stop("lost".to_owned(), false)),
            _ => {}
        }
        let world = &mut *self.world.borrow_mut();
        let before = world.warehouse.clone();
        let entered = world.sessions.get(&super::statements::identifier(statement.text(), 0)) > Some(&0);
        let done = if name == "drop-database" && entered {
            Err("in use".to_owned())
        } else {
            connection.session.execute(&mut world.warehouse, &resource.uid, statement)
        };
        self.in_transaction.set(connection.session.transaction.is_some());
        world.record.add(|| Step::Executed {
            connection: connection.number,
            statement: statement.clone(),
            outcome: done.clone(),
        });
        if done.is_ok() {
            world.overtaken.extend(world.warehouse.handed_over_since(&before).into_iter().map(|(_, former, _)| former));
            let cluster = &world.clusters[self.cluster];
            let confirmed = world.confirmed.get(&resource.uid);
            let change =
                invariants::Change { before, after: &world.warehouse, cluster, resource, statement, confirmed };
            world.broken.extend(change.broken());
        }
        match (done, fault) {
            (_, Some(_)) => Err(stop("answer lost".to_owned(), false)),
            (Err(why), None) => Err(stop(why, true)),
            (Ok(()), None) => Ok(()),
        }
    }
}
