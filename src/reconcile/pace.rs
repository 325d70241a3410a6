//! When a resource is worked on: what is remembered between passes, and that one pass at a time works on a
//! warehouse.
//!
//! Memory is for pace alone. Whether something is ours, or done, is read from the warehouse and from
//! Kubernetes each time.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::lifecycle::Endpoint;

/// When the next pass is due.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// After this time, or when something changes.
    After(Duration),
    /// When something changes.
    OnChange,
}

impl Next {
    /// After a time, if there is one.
    #[must_use]
    pub fn after(delay: Option<Duration>) -> Self {
        delay.map_or(Self::OnChange, Self::After)
    }
}

/// What is remembered of one resource; `B` is what a pass is based on.
#[derive(Clone, Debug)]
pub struct Memory<B> {
    /// What the last pass was based on.
    pub basis: Option<B>,
    /// Failures in a row.
    pub failures: u32,
    /// Looks in a row that failed in passing and changed nothing in what is said of it.
    pub doubts: u32,
    /// Not to be worked on before, unless something changed; without it, only when something changes.
    pub not_before: Option<Duration>,
    /// What was told since all was well.
    told: BTreeSet<String>,
    /// What of the drift was mended lately, and when.
    mended: Vec<(String, Duration)>,
}

/// How often something is mended within a day before it is left alone: somebody else changes it as often.
const MOST_MENDED: usize = 3;

/// How long it is remembered that something was mended.
const DAY: Duration = Duration::from_hours(24);

/// Longest patience with a login: a Serverless workgroup that was asleep takes about 20 s, and others wait for a place.
const MOST_PATIENCE: u32 = 4;

/// Most that is remembered of what was told.
const MOST_TOLD: usize = 32;

impl<B> Memory<B> {
    /// How many times as long as usual a login may take: the longer, the more often it was tried.
    #[must_use]
    pub fn patience(&self) -> u32 {
        self.failures.saturating_add(self.doubts).saturating_add(1).min(MOST_PATIENCE)
    }

    /// The same of what goes on, once a pass has ended.
    #[must_use]
    pub fn after_a_pass(self) -> Self {
        Self { basis: None, not_before: None, ..self }
    }

    /// Something was mended.
    pub fn mended(&mut self, what: &str, now: Duration) {
        self.mended.retain(|(_, at)| now.saturating_sub(*at) < DAY);
        self.mended.push((what.to_owned(), now));
    }

    /// Whether something was mended so often within a day that somebody else must be changing it.
    #[must_use]
    pub fn is_fought_over(&self, what: &str, now: Duration) -> bool {
        let lately = self.mended.iter().filter(|(known, at)| known == what && now.saturating_sub(*at) < DAY);
        lately.count() >= MOST_MENDED
    }

    /// Whether no pass has come to an end yet.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.basis.is_none() && self.failures == 0
    }

    /// Nothing is going on any more.
    pub fn rest(&mut self) {
        (self.failures, self.doubts) = (0, 0);
        self.told.clear();
    }
}

impl<B> Default for Memory<B> {
    fn default() -> Self {
        Self { basis: None, failures: 0, doubts: 0, not_before: None, told: BTreeSet::new(), mended: Vec::new() }
    }
}

/// What is remembered of the resources of one kind, by their UIDs.
#[derive(Debug)]
pub struct Memories<B>(Mutex<HashMap<String, Memory<B>>>);

impl<B> Default for Memories<B> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<B: Clone> Memories<B> {
    /// What is remembered of a resource.
    #[must_use]
    pub fn of(&self, uid: &str) -> Memory<B> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned().unwrap_or_default()
    }

    /// Remembers something of a resource.
    pub fn remember(&self, uid: &str, memory: Memory<B>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), memory);
    }

    /// Remembers that something is told; whether it wasn't before.
    pub fn tells(&self, uid: &str, what: String) -> bool {
        let mut memories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tell(&mut memories.entry(uid.to_owned()).or_default().told, what)
    }

    /// Forgets a resource that is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}

fn tell(told: &mut BTreeSet<String>, what: String) -> bool {
    if told.len() >= MOST_TOLD {
        told.clear();
    }
    told.insert(what)
}

/// What is remembered of the resources that are for an integration: by its name, and by their UIDs.
#[derive(Debug, Default)]
pub struct Dependents(Mutex<HashMap<String, HashMap<String, Dependent>>>);

#[derive(Debug, Default)]
struct Dependent {
    /// What was told of it.
    told: BTreeSet<String>,
    /// The version that was made of it by the last write, until the watch tells of that one.
    written: Option<String>,
}

impl Dependents {
    fn of<T>(&self, integration: &str, uid: &str, work: impl FnOnce(&mut Dependent) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_these = all.entry(integration.to_owned()).or_default();
        work(of_these.entry(uid.to_owned()).or_default())
    }

    /// Remembers that something is told of a resource; whether it wasn't before.
    pub fn tells(&self, integration: &str, uid: &str, what: String) -> bool {
        self.of(integration, uid, |it| tell(&mut it.told, what))
    }

    /// A write has made this version of a resource.
    pub fn wrote(&self, integration: &str, uid: &str, version: Option<String>) {
        self.of(integration, uid, |it| it.written = version);
    }

    /// Whether a version may be older than what was written last: then it can't tell what a resource says now.
    pub fn may_be_old(&self, integration: &str, uid: &str, version: Option<&str>) -> bool {
        self.of(integration, uid, |it| {
            if it.written.as_deref() == version {
                it.written = None;
            }
            it.written.is_some()
        })
    }

    /// Forgets those that aren't among these any more.
    pub fn keep<'u>(&self, integration: &str, uids: impl Iterator<Item = &'u str>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(of_these) = all.get_mut(integration) else { return };
        let mut kept: HashMap<_, _> = uids.filter_map(|uid| of_these.remove_entry(uid)).collect();
        std::mem::swap(of_these, &mut kept);
        if of_these.is_empty() {
            all.remove(integration);
        }
    }
}

/// The warehouses that somebody works on.
#[derive(Debug, Default)]
pub struct Busy(Mutex<BTreeSet<Endpoint>>);

/// Held by the pass that works on a warehouse.
#[derive(Debug)]
pub struct Working<'a> {
    busy: &'a Busy,
    endpoint: Endpoint,
}

impl Busy {
    /// Lets one pass at a time work on a warehouse; nothing if there is one already. It is not waited for: a
    /// warehouse that is slow may not keep others' places.
    #[must_use]
    pub fn begin(&self, endpoint: &Endpoint) -> Option<Working<'_>> {
        let is_free = self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(endpoint.clone());
        is_free.then(|| Working { busy: self, endpoint: endpoint.clone() })
    }
}

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.busy.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_mended_three_times_in_a_day_is_left_alone_until_a_day_has_passed() {
        let (mut memory, hours) = (Memory::<()>::default(), |hours| Duration::from_hours(hours));
        for hour in [0, 1, 2] {
            assert!(!memory.is_fought_over("it", hours(hour)));
            memory.mended("it", hours(hour));
        }
        assert!(memory.is_fought_over("it", hours(3)) && !memory.is_fought_over("something else", hours(3)));
        assert!(!memory.is_fought_over("it", hours(24)));
    }

    #[test]
    fn what_was_told_of_a_resource_is_told_once_and_forgotten_with_it() {
        let told = Dependents::default();
        let tells = |uid: &str| told.tells("team/analytics", uid, "it is taken".to_owned());
        assert!(tells("uid-1") && !tells("uid-1") && tells("uid-2"));
        told.keep("team/analytics", ["uid-2"].into_iter());
        assert!(!tells("uid-2") && tells("uid-1"));
        told.keep("team/analytics", std::iter::empty());
        assert!(told.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty());
    }

    #[test]
    fn until_the_watch_tells_of_the_last_write_what_it_tells_may_be_old() {
        let dependents = Dependents::default();
        let may_be_old = |version| dependents.may_be_old("team/analytics", "uid-1", Some(version));
        assert!(!may_be_old("1"));
        dependents.wrote("team/analytics", "uid-1", Some("3".to_owned()));
        assert!(may_be_old("1") && may_be_old("4"));
        assert!(!may_be_old("3") && !may_be_old("4"));
    }

    #[test]
    fn one_pass_at_a_time_works_on_a_warehouse() {
        let (busy, one, other) = (Busy::default(), Endpoint::new("one", 5439), Endpoint::new("other", 5439));
        let working = busy.begin(&one);
        assert!(working.is_some() && busy.begin(&one).is_none() && busy.begin(&other).is_some());
        drop(working);
        assert!(busy.begin(&one).is_some());
    }
}
