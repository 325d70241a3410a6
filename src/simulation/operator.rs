//! The operators, one in each cluster: their contexts, what wakes a pass, and the passes under way.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::LazyLock;
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use kube::ResourceExt;

use super::histories::{ALL, SLOTS, VIEWS, VIEWS_AT_ONCE, VIEWS_ELSEWHERE, place_of};
use super::kubernetes::{INTEGRATION, NAMESPACE, is_ours};
use super::ports::{Api, Clock, Desk, Gate, Simulated};
use super::world::Shared;
use crate::lifecycle::backoff::Backoff;
use crate::ports::{Key, Referent};
use crate::reconcile::integration::{self, Error, Examination};
use crate::reconcile::{Context, Next, Settings, views};
use crate::telemetry::Metrics;

type Pass = Pin<Box<dyn Future<Output = Result<Next, Error>>>>;

/// Nobody reads them; to make them anew for each history would take longer than to play it.
static METRICS: LazyLock<Metrics> = LazyLock::new(Metrics::new);

/// The operators of all clusters.
pub struct Operators {
    world: Shared,
    contexts: Vec<Rc<Context<Simulated>>>,
    passes: [Option<Pass>; ALL],
    /// Whether there are passes on views.
    with_views: bool,
    /// When each slot's resource is to be looked at next.
    due: BTreeMap<usize, Duration>,
}

/// What is applied together is looked at together.
const TOGETHER: Duration = Duration::from_secs(1);

/// The process in which the passes of a slot are made.
fn process_of(slot: usize) -> usize {
    if slot == VIEWS_AT_ONCE { 2 } else { place_of(slot).0 }
}

fn key_of(slot: usize) -> Key {
    Key { namespace: NAMESPACE.to_owned(), name: place_of(slot).1.to_owned() }
}

fn begin(world: &Shared, cluster: usize) -> Rc<Context<Simulated>> {
    let backoff = Backoff { initial: Duration::from_secs(2), longest: Duration::from_mins(5) };
    let settings = Settings { require_secret_hosts: false, iam_namespaces: Vec::new(), backoff };
    let kubernetes = Api { world: world.clone(), cluster };
    let (warehouses, logins) = (Gate { world: world.clone() }, Desk { world: world.clone() });
    let host = Clock { world: world.clone() };
    Rc::new(Context::new(kubernetes, warehouses, logins, host, METRICS.clone(), settings))
}

impl Operators {
    pub fn new(world: &Shared) -> Self {
        let contexts = [0, 1, 0].map(|cluster| begin(world, cluster)).into();
        Self { world: world.clone(), contexts, passes: Default::default(), with_views: false, due: BTreeMap::new() }
    }

    /// From now on passes are made on views, too.
    pub fn look_after_views(&mut self) {
        self.with_views = true;
        self.crash(VIEWS);
        self.crash(VIEWS_ELSEWHERE);
    }

    /// Whether a slot's passes come by themselves.
    fn is_watched(&self, slot: usize) -> bool {
        slot < VIEWS || self.with_views && slot != VIEWS_AT_ONCE
    }

    /// The operator of a slot's cluster dies, with all its passes and all that it remembers; a new one lists what
    /// there is.
    pub fn crash(&mut self, slot: usize) {
        let (process, cluster) = (process_of(slot), place_of(slot).0);
        for other in (0..ALL).filter(|other| process_of(*other) == process) {
            self.end(other);
            if self.is_watched(other) {
                self.due.insert(other, self.now());
            }
        }
        self.contexts[process] = begin(&self.world, cluster);
        if self.is_watched(slot) {
            self.world.borrow_mut().clusters[cluster].silence(false);
            self.hear_of_changes();
        }
    }

    /// A pass ends without an end.
    pub fn end(&mut self, slot: usize) {
        self.passes[slot] = None;
        let world = &mut *self.world.borrow_mut();
        world.slots[slot].coming = None;
        world.watch.passes.remove(&slot);
    }

    pub fn is_under_way(&self, slot: usize) -> bool {
        self.passes[slot].is_some()
    }

    fn now(&self) -> Duration {
        self.world.borrow().clock
    }

    /// The slot that is due first, and when.
    pub fn next_due(&self) -> Option<(usize, Duration)> {
        self.due.iter().map(|(slot, at)| (*slot, *at)).min_by_key(|(_, at)| *at)
    }

    /// When a slot is due, if it is at any time.
    pub fn due_at(&self, slot: usize) -> Option<Duration> {
        self.due.get(&slot).copied()
    }

    /// Whether nobody else's is due at any time.
    pub fn all_due_are_among(&self, slots: &BTreeSet<usize>) -> bool {
        self.due.keys().all(|slot| slots.contains(slot))
    }

    /// Waits until a slot's resource may be worked on, whatever woke it.
    pub fn wait_for(&mut self, slot: usize) {
        let (cluster, name) = place_of(slot);
        if slot >= VIEWS {
            let not_before = self.contexts[process_of(slot)].views.of(&key_of(slot).to_string()).not_before;
            self.wait_until(self.due_at(slot).or(not_before).unwrap_or_default());
            return;
        }
        let resource = self.world.borrow().clusters[cluster].integration(name).cloned();
        let Some(resource) = resource else { return };
        let context = &self.contexts[cluster];
        let memory = context.memories.of(&resource.uid().unwrap_or_default());
        let first_look = memory.is_new().then(|| integration::first_look(context, &resource)).flatten();
        self.wait_until(memory.not_before.or(first_look).unwrap_or_default());
    }

    /// Lets time pass.
    pub fn wait_until(&mut self, at: Duration) {
        let world = &mut *self.world.borrow_mut();
        world.clock = world.clock.max(at);
    }

    /// Begins a pass on a slot's resource, if there is none under way.
    pub fn begin_pass(&mut self, slot: usize) {
        if self.is_under_way(slot) {
            return;
        }
        self.due.remove(&slot);
        if slot >= VIEWS {
            self.begin_pass_on_views(slot);
            return;
        }
        let (cluster, name, _) = SLOTS[slot];
        let context = self.contexts[cluster].clone();
        let key = Key { namespace: NAMESPACE.to_owned(), name: name.to_owned() };
        let uid = {
            let world = &mut *self.world.borrow_mut();
            world.slots[slot].resource = None;
            let uid = world.clusters[cluster].integration(name).and_then(ResourceExt::uid).unwrap_or_default();
            world.overtaken.remove(&uid);
            uid
        };
        self.passes[slot] = Some(Box::pin(async move { integration::pass(&*context, &key, &uid).await }));
    }

    fn begin_pass_on_views(&mut self, slot: usize) {
        let process = process_of(slot);
        if slot == VIEWS_AT_ONCE {
            self.contexts[process] = begin(&self.world, place_of(slot).0);
        }
        let (context, key) = (self.contexts[process].clone(), key_of(slot));
        if let Some(next) = views::without_a_pass(&context, &key) {
            self.come_again(slot, next);
            return;
        }
        self.world.borrow_mut().watch_pass(slot);
        self.passes[slot] = Some(Box::pin(async move { views::pass(&*context, &key).await }));
    }

    /// The next pass of a slot, if any comes by itself.
    fn come_again(&mut self, slot: usize, next: Next) {
        let Next::After(delay) = next else { return };
        if self.is_watched(slot) {
            let at = self.now() + delay;
            self.due.entry(slot).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
    }

    /// Whether a slot's pass on views has found something in its way, for which it may have needed nobody.
    pub fn is_waiting(&self, slot: usize) -> bool {
        slot >= VIEWS && self.contexts[process_of(slot)].views.of(&key_of(slot).to_string()).failures > 0
    }

    /// Wakes a slot's pass, for no reason of its own.
    pub fn wake(&mut self, slot: usize) {
        let now = self.now();
        self.due.insert(slot, now);
    }

    /// Goes on with a pass up to its next step.
    pub fn poll(&mut self, slot: usize) {
        let Some(pass) = &mut self.passes[slot] else { return };
        self.world.borrow_mut().at_work = slot;
        let result = pass.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
        self.hear_of_changes();
        let Poll::Ready(result) = result else { return };
        self.end(slot);
        let (cluster, name) = place_of(slot);
        let next = match result {
            Ok(next) => next,
            Err(_) if slot >= VIEWS => Next::After(views::after_error(&self.contexts[process_of(slot)], &key_of(slot))),
            Err(_) => {
                let uid = self.world.borrow().clusters[cluster].integration(name).and_then(ResourceExt::uid);
                Next::After(integration::after_error(&self.contexts[cluster], &uid.unwrap_or_default()))
            }
        };
        self.come_again(slot, next);
    }

    /// Examines a slot's resource, as it is, from the beginning to the end.
    pub fn examine(&self, slot: usize) -> Option<Examination> {
        let (cluster, name, _) = SLOTS[slot];
        let resource = self.world.borrow().clusters[cluster].integration(name).cloned()?;
        self.world.borrow_mut().at_work = slot;
        let mut examination = Box::pin(integration::examine(&self.contexts[cluster], resource));
        loop {
            if let Poll::Ready(done) = examination.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
                return Some(done);
            }
        }
    }

    /// What the watches tell: a resource that changed, or something that a resource refers to.
    pub fn hear_of_changes(&mut self) {
        let world = &mut *self.world.borrow_mut();
        let clock = world.clock;
        for cluster in 0..world.clusters.len() {
            for (kind, changed) in world.clusters[cluster].tell() {
                let concerns = |(_, (its, name, _)): &(usize, (usize, &str, &str))| {
                    let refers = || {
                        let resource = world.clusters[cluster].integration(name);
                        let is_it = |(referent, name): (Referent, String)| referent.kind() == kind && name == changed;
                        resource.is_some_and(|resource| integration::referents_of(resource).any(is_it))
                    };
                    *its == cluster && (kind == INTEGRATION && *name == changed || refers())
                };
                for (slot, _) in SLOTS.into_iter().enumerate().filter(concerns) {
                    self.due.insert(slot, clock);
                }
                let of_views =
                    [VIEWS, VIEWS_ELSEWHERE].into_iter().filter(|slot| self.with_views && place_of(*slot).0 == cluster);
                for slot in
                    of_views.filter(|slot| is_ours(&kind) && (kind != INTEGRATION || changed == place_of(*slot).1))
                {
                    let at = clock + TOGETHER;
                    self.due.entry(slot).and_modify(|known| *known = at.min(*known)).or_insert(at);
                }
            }
        }
    }
}
