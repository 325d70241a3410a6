//! Who may work. So many passes run at once, and the places are given away in a fair order: a tenant whose warehouses
//! are slow or silent may keep what he has, and never so much that others find nothing.
//!
//! The rule: a namespace gets a further place as long as it holds fewer than are free. Alone it gets half of them, the
//! next one half of the rest, and so on: of 16, five namespaces that want all there is get 8, 4, 2, 1 and 1. Of those that
//! wait, the namespace that holds the fewest is next, and within it whoever came first. So a newcomer waits for nobody,
//! or, where many are greedy at once, for the end of one pass.
//!
//! Whoever waits long for a login works on nothing, and lends its place. There is room for so many of those, shared out by
//! the same rule; who finds none keeps its place. So servers that are silent cost their neighbours in the same namespace a
//! moment, and no places.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use crate::adapters::Lendable;

/// For each place, so many may wait for a login without one. Such a one costs a socket and little memory.
const ROOM_PER_PLACE: usize = 4;

/// What is shared out: some of it is free, and the rest is held.
#[derive(Debug)]
struct Share {
    free: usize,
    held: HashMap<String, usize>,
    /// There is one namespace, and nobody to leave anything to.
    is_for_one: bool,
}

impl Share {
    fn new(free: usize, is_for_one: bool) -> Self {
        Self { free, held: HashMap::new(), is_for_one }
    }

    fn held_by(&self, namespace: &str) -> usize {
        self.held.get(namespace).copied().unwrap_or_default()
    }

    fn may_take(&self, namespace: &str) -> bool {
        if self.is_for_one { self.free > 0 } else { self.held_by(namespace) < self.free }
    }

    fn take(&mut self, namespace: &str) {
        self.free -= 1;
        *self.held.entry(namespace.to_owned()).or_default() += 1;
    }

    fn give_back(&mut self, namespace: &str) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(namespace) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(namespace);
            }
        }
    }
}

/// Who holds places, and who waits with what.
#[derive(Debug)]
struct Ledger<W> {
    places: Share,
    /// For those that have lent theirs.
    room: Share,
    /// By namespace, each with its turn.
    waiting: BTreeMap<String, VecDeque<(u64, W)>>,
    came: u64,
}

impl<W> Ledger<W> {
    fn new(places: usize, is_for_one: bool) -> Self {
        let room = Share::new(places * ROOM_PER_PLACE, is_for_one);
        Self { places: Share::new(places, is_for_one), room, waiting: BTreeMap::new(), came: 0 }
    }

    fn wait(&mut self, namespace: &str, with: W) {
        self.came += 1;
        self.waiting.entry(namespace.to_owned()).or_default().push_back((self.came, with));
    }

    /// The same of one that has lent its place: it was here before all that wait.
    fn wait_in_front(&mut self, namespace: &str, with: W) {
        self.waiting.entry(namespace.to_owned()).or_default().push_front((0, with));
    }

    /// Gives a place to others, if there is room to wait in; whether there is.
    fn lend(&mut self, namespace: &str) -> bool {
        let may_lend = self.room.may_take(namespace);
        if may_lend {
            self.room.take(namespace);
            self.places.give_back(namespace);
        }
        may_lend
    }

    /// Gives a place to the next one that waits, if anybody may have one.
    fn next(&mut self) -> Option<(String, W)> {
        let may_begin = self.waiting.iter().filter(|(namespace, _)| self.places.may_take(namespace));
        let turns = may_begin.filter_map(|(namespace, waiting)| {
            let (came, _) = waiting.front()?;
            Some((self.places.held_by(namespace), *came, namespace))
        });
        let (_, _, namespace) = turns.min()?;
        let namespace = namespace.clone();
        let waiting = self.waiting.get_mut(&namespace)?;
        let (_, with) = waiting.pop_front()?;
        if waiting.is_empty() {
            self.waiting.remove(&namespace);
        }
        self.places.take(&namespace);
        Some((namespace, with))
    }
}

#[derive(Debug)]
struct Shared {
    ledger: Mutex<Ledger<oneshot::Sender<Place>>>,
    /// How many passes are under way, those that have lent their places too, until none begins any more.
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
            let place = Place { namespace, held: Mutex::new(Held::Place), shared: self.clone() };
            if let Err(unwanted) = waiter.send(place) {
                // Taken back here: dropped, it would serve the next one from within itself, and so on.
                *unwanted.held() = Held::Nothing;
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
        ledger.places.give_back(namespace);
        self.running.send_modify(|running| *running -= 1);
    }
}

/// What a pass has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Held {
    /// A place.
    Place,
    /// Room to wait in: the place is lent.
    Room,
    /// Nothing any more.
    Nothing,
}

/// The places for passes; cheap to clone.
#[derive(Clone, Debug)]
pub struct Places(Arc<Shared>);

/// Held by a pass, as long as it lasts.
#[derive(Debug)]
pub struct Place {
    namespace: String,
    held: Mutex<Held>,
    shared: Arc<Shared>,
}

impl Place {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a place again. Once they are closed it goes on without: what is under way is to end.
    async fn return_to_work(&self) {
        let (waiter, place) = oneshot::channel();
        {
            let mut ledger = self.shared.ledger();
            if *self.shared.is_closed.borrow() {
                return;
            }
            ledger.wait_in_front(&self.namespace, waiter);
        }
        self.shared.serve();
        let Ok(place) = place.await else { return };
        // It becomes this one's.
        *place.held() = Held::Nothing;
        *self.held() = Held::Place;
        self.shared.ledger().room.give_back(&self.namespace);
        self.shared.running.send_modify(|running| *running -= 1);
    }
}

impl Lendable for Place {
    fn lend(&self) -> bool {
        let is_lent = *self.held() == Held::Place && self.shared.ledger().lend(&self.namespace);
        if is_lent {
            *self.held() = Held::Room;
            self.shared.serve();
        }
        is_lent
    }

    fn take_back(&self) -> BoxFuture<'_, ()> {
        self.return_to_work().boxed()
    }
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

    /// How many passes are under way.
    #[must_use]
    pub fn running(&self) -> usize {
        *self.0.running.borrow()
    }

    /// Resolves when no pass is under way.
    pub async fn empty(&self) {
        // The channel lives as long as the places do.
        let _ = self.0.running.subscribe().wait_for(|running| *running == 0).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let held = *self.held();
        match held {
            Held::Place => self.shared.take_back(&self.namespace),
            Held::Room => {
                self.shared.ledger().room.give_back(&self.namespace);
                self.shared.running.send_modify(|running| *running -= 1);
            }
            Held::Nothing => return,
        }
        self.shared.serve();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

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
        ledger.places.give_back("a");
        assert_eq!(serve(&mut ledger), [("newcomer".to_owned(), 0)]);
    }

    #[test]
    fn of_one_namespace_whoever_came_first_is_first() {
        let mut ledger = Ledger::new(2, false);
        (0..3).for_each(|number| ledger.wait("a", number));
        for number in 0..3 {
            assert_eq!(serve(&mut ledger), [("a".to_owned(), number)]);
            ledger.places.give_back("a");
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
                    ledger.places.give_back(&namespace);
                }
                let begin = serve(&mut ledger);
                began += begin.len();
                running.extend(begin);
                prop_assert_eq!(ledger.places.free + running.len(), places);
                prop_assert_eq!(ledger.waiting.values().map(VecDeque::len).sum::<usize>() + began, came);
                prop_assert!(ledger.waiting.keys().all(|namespace| ledger.places.held_by(namespace) >= ledger.places.free));
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

    /// How many passes are under way, and how much of the places and of the room is free.
    fn left(places: &Places) -> (usize, usize, usize) {
        let ledger = places.0.ledger();
        (places.running(), ledger.places.free, ledger.room.free)
    }

    #[tokio::test]
    async fn whoever_waits_for_a_login_lends_its_place_and_has_the_next_one_that_is_free() {
        let places = Places::new(1, true);
        let first = places.take("a").await.unwrap();
        let (mut second, mut third) = (Box::pin(places.take("a")), Box::pin(places.take("a")));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        assert!(first.lend() && !first.lend());
        let second = second.await.unwrap();
        let mut back = first.take_back();
        assert!((&mut back).now_or_never().is_none());
        assert_eq!(places.running(), 2);
        drop(second);
        back.await;
        assert!((&mut third).now_or_never().is_none(), "not before the one that was here before");
        drop(first);
        drop(third.await.unwrap());
        assert_eq!(left(&places), (0, 1, 4));
    }

    #[tokio::test]
    async fn there_is_room_for_so_many_that_wait_and_one_tenant_gets_half_of_it() {
        let places = Places::new(2, false);
        let mut waiting = Vec::new();
        for lends in [true, true, true, true, false] {
            let place = places.take("a").await.unwrap();
            assert_eq!(place.lend(), lends);
            waiting.push(place);
        }
        // It keeps its place, which is half of them; another tenant has the rest.
        let other = places.take("b").await.unwrap();
        assert!(other.lend());
        // Whoever is cut off while it waits leaves nothing behind.
        let mut back = waiting[0].take_back();
        assert!((&mut back).now_or_never().is_none());
        drop(back);
        drop((waiting, other));
        assert_eq!(left(&places), (0, 2, 8));
    }

    #[tokio::test]
    async fn once_closed_whoever_has_lent_its_place_goes_on_without() {
        let places = Places::new(1, true);
        let first = places.take("a").await.unwrap();
        assert!(first.lend());
        let second = places.take("a").await.unwrap();
        let mut back = first.take_back();
        assert!((&mut back).now_or_never().is_none());
        places.close();
        back.await;
        first.take_back().await;
        drop(second);
        assert!(places.empty().now_or_never().is_none(), "a pass is under way");
        drop(first);
        places.empty().await;
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
