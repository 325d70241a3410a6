//! The warehouse, the clusters and the clock, and the one way for a pass to reach them: a step at a time, so that
//! anything may happen between two steps and to any of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::histories::{ALL, SLOTS};
use super::kubernetes::Cluster;
use super::person::Script;
use super::record::Record;
use super::views::Watch;
use super::warehouse::{Power, Warehouse};
use crate::api::RedshiftIntegration;

/// What happens to one step of a pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The server says no.
    Refused,
    /// It never arrived; the connection is lost.
    Lost,
    /// It was done; the answer and the connection are lost.
    AnswerLost,
    /// A write to the API server that was given up arrives when the pass is over; anything else is lost.
    Late,
}

/// Which step of a pass, counted from where a history begins or goes on with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The n-th that changes something: a write to the API server, a login, a statement.
    Act(u8),
    /// The n-th that only reads.
    Look(u8),
    /// The n-th of a name: a statement's; `log-in`; or a verb and a kind, as in `merge Secret`.
    Named(&'static str, u8),
}

/// Whether a step changes something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StepKind {
    Act,
    Look,
}

/// A step that was come to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Coming {
    pub kind: StepKind,
    pub name: String,
}

/// What is known of the pass of one slot.
#[derive(Debug, Default)]
pub struct Slot {
    /// What goes wrong, and in which step.
    pub fault: Option<(Step, Fault)>,
    /// The steps that were taken since the history went on with it.
    taken: Vec<Coming>,
    /// The step that it comes to next.
    pub coming: Option<Coming>,
    /// The statements that were sent together, for each time that it waited for a warehouse since then.
    pub waits: Vec<Vec<&'static str>>,
    /// The resource as the pass has read it.
    pub resource: Option<RedshiftIntegration>,
    /// Whether it has a transaction open.
    pub in_transaction: bool,
}

impl Slot {
    /// The history goes on with it.
    pub fn go_on(&mut self, fault: Option<(Step, Fault)>) {
        self.fault = fault;
        self.taken.clear();
        self.waits.clear();
    }

    /// Whether anything was done since the history went on with it.
    pub fn has_taken_steps(&self) -> bool {
        !self.taken.is_empty()
    }

    /// Whether the step that comes next is the one that is meant.
    pub fn has_come_to(&self, step: Step) -> bool {
        let Some(coming) = &self.coming else { return false };
        self.is(step, coming)
    }

    fn is(&self, step: Step, coming: &Coming) -> bool {
        let count = |is_like: &dyn Fn(&Coming) -> bool| {
            let before = self.taken.iter().filter(|it| is_like(it)).count();
            is_like(coming).then_some(before)
        };
        match step {
            Step::Act(n) => count(&|it| it.kind == StepKind::Act) == Some(n.into()),
            Step::Look(n) => count(&|it| it.kind == StepKind::Look) == Some(n.into()),
            Step::Named(name, n) => count(&|it| it.name == name) == Some(n.into()),
        }
    }

    fn takes(&mut self, coming: Coming) -> Option<Fault> {
        let (step, fault) = self.fault.unzip();
        let falls = step.is_some_and(|step| self.is(step, &coming));
        self.taken.push(coming);
        self.coming = None;
        if falls { self.fault.take().and(fault) } else { None }
    }
}

/// A write that was given up and arrives later.
type Late = Box<dyn FnOnce(&mut World)>;

pub struct World {
    pub warehouse: Warehouse,
    pub clusters: Vec<Cluster>,
    /// Time since the beginning.
    pub clock: Duration,
    /// Numbers for passwords.
    pub passwords: u32,
    /// Sessions that passes have in a database stand in the way of a drop.
    pub sessions: BTreeMap<String, u32>,
    /// The connections that hold a registry's lock, by database.
    pub locks: BTreeMap<String, u32>,
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
    pub slots: [Slot; ALL],
    /// What passes on views found when they began.
    pub watch: Watch,
    /// The slot whose pass takes steps now.
    pub at_work: usize,
    pub late: Vec<Late>,
    /// The scripts that a person has fetched, for each slot.
    pub fetched: [Vec<Script>; SLOTS.len()],
}

pub type Shared = Rc<RefCell<World>>;

impl World {
    pub fn new(admin: Power, users_roll_back: bool) -> Shared {
        Rc::new(RefCell::new(Self {
            warehouse: Warehouse::new(admin, users_roll_back),
            clusters: vec![Cluster::new(0), Cluster::new(1)],
            clock: Duration::ZERO,
            passwords: 0,
            sessions: BTreeMap::new(),
            locks: BTreeMap::new(),
            excused: BTreeSet::new(),
            overtaken: BTreeSet::new(),
            shown: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            broken: Vec::new(),
            record: Record::default(),
            slots: Default::default(),
            watch: Watch::default(),
            at_work: 0,
            late: Vec::new(),
            fetched: Default::default(),
        }))
    }

    /// What people's clocks say.
    pub fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::try_from(self.clock).unwrap()
    }

    /// What was given up arrives.
    pub fn let_late_writes_arrive(&mut self) {
        for write in std::mem::take(&mut self.late) {
            write(self);
        }
    }

    pub fn slot(&mut self) -> &mut Slot {
        &mut self.slots[self.at_work]
    }
}

/// Another step of whatever pass is at work: something else may happen before it, and it may fail.
pub async fn step(world: &Shared, kind: StepKind, name: impl Into<String>) -> Option<Fault> {
    let coming = Coming { kind, name: name.into() };
    world.borrow_mut().slot().coming = Some(coming.clone());
    Yield(false).await;
    world.borrow_mut().slot().takes(coming)
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
