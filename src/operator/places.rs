//! Who may work. So many passes run at once, and the places are given away in a fair order: a tenant whose warehouses
//! are slow or silent may keep what he has, and never so much that others find nothing.
//!
//! The rule: a namespace gets a further place as long as it holds fewer than are free. Alone it gets half of them, the
//! next one half of the rest, and so on: of 16, five namespaces that want all there is get 8, 4, 2, 1 and 1. Of those that
//! wait, the namespace that holds the fewest is next, and within it whoever came first. So a newcomer waits for nobody,
//! or, where many are greedy at once, for the end of one pass.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

/// Who holds places, and who waits with what.
#[derive(Debug)]
struct Ledger<W> {
    free: usize,
    held: HashMap<String, usize>,
    /// By namespace, each with its turn.
    waiting: BTreeMap<String, VecDeque<(u64, W)>>,
    came: u64,
    /// There is one namespace, and nobody to leave anything to.
    is_for_one: bool,
}

impl<W> Ledger<W> {
    fn new(places: usize, is_for_one: bool) -> Self {
        Self { free: places, held: HashMap::new(), waiting: BTreeMap::new(), came: 0, is_for_one }
    }

    fn held_by(&self, namespace: &str) -> usize {
        self.held.get(namespace).copied().unwrap_or_default()
    }

    fn may_begin(&self, namespace: &str) -> bool {
        if self.is_for_one { self.free > 0 } else { self.held_by(namespace) < self.free }
    }

    fn wait(&mut self, namespace: &str, with: W) {
        self.came += 1;
        self.waiting.entry(namespace.to_owned()).or_default().push_back((self.came, with));
    }

    /// Gives a place to the next one that waits, if anybody may have one.
    fn next(&mut self) -> Option<(String, W)> {
        let may_begin = self.waiting.iter().filter(|(namespace, _)| self.may_begin(namespace));
        let turns = may_begin.filter_map(|(namespace, waiting)| {
            let (came, _) = waiting.front()?;
            Some((self.held_by(namespace), *came, namespace))
        });
        let (_, _, namespace) = turns.min()?;
        let namespace = namespace.clone();
        let waiting = self.waiting.get_mut(&namespace)?;
        let (_, with) = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&namespace);
        }
        self.free -= 1;
        *self.held.entry(namespace.clone()).or_default() += 1;
        Some((namespace, with))
    }

    /// Takes a place back.
    fn leave(&mut self, namespace: &str) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(namespace) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(namespace);
            }
        }
    }
}

#[derive(Debug)]
struct Shared {
    ledger: Mutex<Ledger<oneshot::Sender<Place>>>,
    /// How many hold a place, until nobody gets one any more.
    running: watch::Sender<usize>,
    is_closed: watch::Sender<bool>,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger<oneshot::Sender<Place>>> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(self: &Arc<Self>) {
        loop {
            let Some((namespace, waiter)) = self.give() else { return };
            if let Err(mut unwanted) = waiter.send(Place { namespace, shared: Some(self.clone()) }) {
                // Taken back here: dropped, it would serve the next one from within itself, and so on.
                unwanted.shared = None;
                self.take_back(&unwanted.namespace);
            }
        }
    }

    fn give(&self) -> Option<(String, oneshot::Sender<Place>)> {
        let mut ledger = self.ledger();
        let next = ledger.next()?;
        // Before anybody else can look: between the two the place would be neither free nor held.
        self.running.send_modify(|running| *running += 1);
        Some(next)
    }

    fn take_back(&self, namespace: &str) {
        let mut ledger = self.ledger();
        ledger.leave(namespace);
        self.running.send_modify(|running| *running -= 1);
    }
}

/// The places for passes; cheap to clone.
#[derive(Clone, Debug)]
pub struct Places(Arc<Shared>);

/// Held by a pass.
#[derive(Debug)]
pub struct Place {
    namespace: String,
    /// None if it was given back already.
    shared: Option<Arc<Shared>>,
}

impl Places {
    /// So many of them; `is_for_one`: for a single namespace, which may have them all.
    #[must_use]
    pub fn new(places: u16, is_for_one: bool) -> Self {
        Self(Arc::new(Shared {
            ledger: Mutex::new(Ledger::new(places.into(), is_for_one)),
            running: watch::Sender::new(0),
            is_closed: watch::Sender::new(false),
        }))
    }

    /// Waits for a place; there is none any more once they are closed.
    pub async fn take(&self, namespace: &str) -> Option<Place> {
        let (waiter, place) = oneshot::channel();
        {
            let mut ledger = self.0.ledger();
            if *self.0.is_closed.borrow() {
                return None;
            }
            ledger.wait(namespace, waiter);
        }
        self.0.serve();
        place.await.ok()
    }

    /// Lets nobody begin any more, and sends those away that wait.
    pub fn close(&self) {
        let mut ledger = self.0.ledger();
        self.0.is_closed.send_replace(true);
        ledger.waiting.clear();
    }

    /// How many hold a place.
    #[must_use]
    pub fn running(&self) -> usize {
        *self.0.running.borrow()
    }

    /// Resolves when nobody holds a place.
    pub async fn empty(&self) {
        // The channel lives as long as the places do.
        let _ = self.0.running.subscribe().wait_for(|running| *running == 0).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.take_back(&self.namespace);
            shared.serve();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;

    /// Lets as many begin as may.
    fn serve(ledger: &mut Ledger<usize>) -> Vec<(String, usize)> {
        std::iter::from_fn(|| ledger.next()).collect()
    }

    #[test]
    fn who_wants_all_there_is_gets_half_of_what_the_others_have_left() {
        let mut ledger = Ledger::new(16, false);
        for (tenant, gets) in [("a", 8), ("b", 4), ("c", 2), ("d", 1), ("e", 1)] {
            (0..100).for_each(|number| ledger.wait(tenant, number));
            assert_eq!(serve(&mut ledger).len(), gets, "{tenant}");
        }
        // Nothing is left, and a newcomer has the next place, in front of hundreds that wait.
        ledger.wait("newcomer", 0);
        assert_eq!(serve(&mut ledger), []);
        ledger.leave("a");
        assert_eq!(serve(&mut ledger), [("newcomer".to_owned(), 0)]);
    }

    #[test]
    fn of_one_namespace_whoever_came_first_is_first() {
        let mut ledger = Ledger::new(2, false);
        (0..3).for_each(|number| ledger.wait("a", number));
        for number in 0..3 {
            assert_eq!(serve(&mut ledger), [("a".to_owned(), number)]);
            ledger.leave("a");
        }
    }

    #[test]
    fn a_single_namespace_and_a_single_place_are_used_in_full() {
        let mut ledger = Ledger::new(16, true);
        (0..100).for_each(|number| ledger.wait("a", number));
        assert_eq!(serve(&mut ledger).len(), 16);
        let mut ledger = Ledger::new(1, false);
        ledger.wait("a", 0);
        assert_eq!(serve(&mut ledger).len(), 1);
    }

    proptest! {
        /// Whatever comes and goes: no place is given twice or lost, and nobody waits while everything is free.
        #[test]
        fn no_place_is_lost_and_nobody_is_forgotten(places in 1_usize..20, events in prop::collection::vec((0_usize..6, any::<bool>()), 0..200)) {
            let (mut ledger, mut running, mut came, mut began) = (Ledger::new(places, false), Vec::new(), 0, 0);
            for (tenant, comes) in events {
                if comes {
                    came += 1;
                    ledger.wait(&tenant.to_string(), came);
                } else if !running.is_empty() {
                    let (namespace, _): (String, usize) = running.swap_remove(tenant % running.len());
                    ledger.leave(&namespace);
                }
                let begin = serve(&mut ledger);
                began += begin.len();
                running.extend(begin);
                prop_assert_eq!(ledger.free + running.len(), places);
                prop_assert_eq!(ledger.waiting.values().map(VecDeque::len).sum::<usize>() + began, came);
                prop_assert!(ledger.waiting.keys().all(|namespace| ledger.held_by(namespace) >= ledger.free));
                prop_assert!(ledger.waiting.is_empty() || !running.is_empty());
            }
        }
    }

    #[tokio::test]
    async fn a_place_is_given_on_even_if_thousands_have_gone_that_waited_for_it() {
        let places = Places::new(1, false);
        let first = places.take("a").await.unwrap();
        let mut gone: Vec<_> = (0..10_000).map(|_| Box::pin(places.take("a"))).collect();
        assert!(gone.iter_mut().all(|waiting| waiting.now_or_never().is_none()));
        let mut last = Box::pin(places.take("a"));
        assert!((&mut last).now_or_never().is_none());
        drop(gone);
        drop(first);
        drop(last.await.unwrap());
        assert_eq!(places.running(), 0);
    }

    #[tokio::test]
    async fn once_closed_nobody_begins_and_whoever_is_at_work_is_waited_for() {
        let places = Places::new(1, false);
        let first = places.take("a").await.unwrap();
        let mut waiting = Box::pin(places.take("b"));
        assert!((&mut waiting).now_or_never().is_none());
        places.close();
        assert!(waiting.await.is_none() && places.take("c").await.is_none());
        assert!(places.empty().now_or_never().is_none());
        drop(first);
        places.empty().await;
    }
}
