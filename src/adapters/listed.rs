//! What the watch of a kind has told whose resources are for integrations: shared with whoever works on them.

use std::collections::{BTreeSet, HashMap};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::core::DeserializeGuard;
use kube::runtime::watcher::Event;

use crate::ports::{Kept, Key, Version};

/// What it has told; cheap to clone.
#[derive(Debug)]
pub struct Listed<T>(Arc<Mutex<Told<T>>>);

#[derive(Debug)]
struct Told<T> {
    /// Nothing before the first list is complete.
    known: Option<HashMap<Key, One<T>>>,
    /// A list that isn't complete yet.
    coming: HashMap<Key, One<T>>,
}

/// One resource.
#[derive(Debug)]
struct One<T> {
    version: Version,
    /// For which integration it is, by its name, or was when it could be read last.
    integration: Option<String>,
    /// What is kept of it; nothing if this version of the operator can't read it.
    kept: Option<Arc<T>>,
}

impl<T> One<T> {
    fn is_for(&self, namespace: &str) -> Option<Key> {
        Some(Key { namespace: namespace.to_owned(), name: self.integration.clone()? })
    }
}

impl<T> Clone for Listed<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Told { known: None, coming: HashMap::new() })))
    }
}

impl<T: Kept> Listed<T> {
    fn lock(&self) -> MutexGuard<'_, Told<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the watch tells; the integrations that this concerns. What is gone with an interruption is missed by the
    /// integration that it was for.
    pub fn take_in(&self, event: Event<DeserializeGuard<T::Resource>>) -> BTreeSet<Key> {
        let mut told = self.lock();
        match event {
            Event::Init => {
                told.coming.clear();
                BTreeSet::new()
            }
            Event::InitApply(object) => {
                let key = Key::of(&object);
                let one = told.known.as_ref().and_then(|known| known.get(&key));
                let one = one_of(object, one);
                told.coming.insert(key, one);
                BTreeSet::new()
            }
            Event::InitDone => {
                let mut now = take(&mut told.coming);
                now.shrink_to_fit();
                let before = told.known.replace(now).unwrap_or_default();
                let all = before.iter().chain(told.known.iter().flatten());
                all.filter_map(|(key, one)| one.is_for(&key.namespace)).collect()
            }
            Event::Apply(object) => {
                let key = Key::of(&object);
                // None comes before the first list is complete.
                let Some(known) = &mut told.known else { return BTreeSet::new() };
                let before = known.remove(&key);
                let one = one_of(object, before.as_ref());
                let concerned = one.is_for(&key.namespace).into_iter().collect();
                known.insert(key, one);
                concerned
            }
            Event::Delete(object) => {
                let key = Key::of(&object);
                let before = told.known.as_mut().and_then(|known| known.remove(&key));
                let gone = before.unwrap_or_else(|| one_of(object, None));
                gone.is_for(&key.namespace).into_iter().collect()
            }
        }
    }

    /// Those of a namespace that are for an integration; those that can't be read are counted, whosever they are. Nothing before
    /// all are known.
    pub fn of(&self, integration: &Key, unreadable: &mut usize) -> Option<Vec<Arc<T>>> {
        let told = self.lock();
        let mut found: Vec<(&Key, &Arc<T>)> = Vec::new();
        for (key, one) in told.known.as_ref()? {
            if key.namespace != integration.namespace {
                continue;
            }
            match &one.kept {
                Some(kept) if kept.integration() == integration.name => found.push((key, kept)),
                Some(_) => {}
                None => *unreadable += 1,
            }
        }
        found.sort_unstable_by_key(|(key, _)| *key);
        Some(found.into_iter().map(|(_, kept)| kept.clone()).collect())
    }

    /// Those of a namespace, as far as they are known and can be read.
    pub fn in_namespace(&self, namespace: &str) -> Vec<Arc<T>> {
        let told = self.lock();
        let beside = told.known.iter().flatten().filter(|(key, _)| key.namespace == namespace);
        beside.filter_map(|(_, one)| one.kept.clone()).collect()
    }
}

fn one_of<T: Kept>(object: DeserializeGuard<T::Resource>, before: Option<&One<T>>) -> One<T> {
    let version = Version::of(&object);
    let known = before.and_then(|before| before.kept.as_ref());
    let kept = match known {
        // A list tells again of what is as it was.
        Some(known) if before.is_some_and(|before| before.version == version) => Some(known.clone()),
        _ => object.0.ok().map(|resource| Arc::new(T::of(resource, known.map(|known| &**known)))),
    };
    let integration = kept.as_ref().map(|kept| kept.integration().to_owned());
    One { version, integration: integration.or_else(|| before?.integration.clone()), kept }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;
    use crate::api::RedshiftUserProfile;

    type Profiles = Listed<RedshiftUserProfile>;

    #[expect(clippy::needless_pass_by_value, reason = "a value is written where it is used")]
    fn object(name: &str, version: &str, spec: Value) -> DeserializeGuard<RedshiftUserProfile> {
        let metadata = json!({"name": name, "namespace": "data-platform", "resourceVersion": version});
        serde_json::from_value(json!({"metadata": metadata, "spec": spec})).unwrap()
    }

    fn profile(name: &str, version: &str, integration: &str) -> DeserializeGuard<RedshiftUserProfile> {
        object(name, version, json!({"integrationRef": {"name": integration}, "user": name}))
    }

    fn key(integration: &str) -> Key {
        Key { namespace: "data-platform".to_owned(), name: integration.to_owned() }
    }

    /// The integrations that an event concerns.
    fn concerned(listed: &Profiles, event: Event<DeserializeGuard<RedshiftUserProfile>>) -> Vec<String> {
        listed.take_in(event).into_iter().map(|key| key.name).collect()
    }

    fn list(listed: &Profiles, objects: Vec<DeserializeGuard<RedshiftUserProfile>>) -> Vec<String> {
        assert_eq!(concerned(listed, Event::Init), [""; 0]);
        for object in objects {
            assert_eq!(concerned(listed, Event::InitApply(object)), [""; 0]);
        }
        concerned(listed, Event::InitDone)
    }

    /// The users who are named for an integration, and how many resources can't be read.
    fn users(listed: &Profiles, integration: &str) -> Option<(Vec<String>, usize)> {
        let mut unreadable = 0;
        let found = listed.of(&key(integration), &mut unreadable)?;
        Some((found.iter().map(|it| it.spec.user.clone()).collect(), unreadable))
    }

    #[test]
    fn whoever_something_is_for_is_told_of_it_also_when_it_went_with_an_interruption() {
        let listed = Profiles::default();
        assert_eq!(users(&listed, "one"), None, "nothing before all is known");
        let all = vec![profile("bob", "1", "one"), profile("ann", "2", "one"), profile("eve", "3", "two")];
        assert_eq!(list(&listed, all), ["one", "two"]);
        assert_eq!(users(&listed, "one"), Some((vec!["ann".to_owned(), "bob".to_owned()], 0)));
        assert_eq!(users(&listed, "none"), Some((Vec::new(), 0)));
        assert_eq!(concerned(&listed, Event::Apply(profile("dan", "4", "three"))), ["three"]);
        assert_eq!(concerned(&listed, Event::Delete(profile("dan", "5", "three"))), ["three"]);
        assert_eq!(list(&listed, vec![profile("bob", "1", "one")]), ["one", "two"], "two has lost one");
        assert_eq!(users(&listed, "two"), Some((Vec::new(), 0)));
        assert_eq!(listed.in_namespace("data-platform").len(), 1);
        assert_eq!(listed.in_namespace("elsewhere").len(), 0);
    }

    #[test]
    fn what_cannot_be_read_is_counted_and_its_end_concerns_whom_it_was_for() {
        let listed = Profiles::default();
        list(&listed, vec![profile("bob", "1", "one"), object("odd", "2", json!({"user": 7}))]);
        assert_eq!(users(&listed, "one"), Some((vec!["bob".to_owned()], 1)));
        assert_eq!(concerned(&listed, Event::Apply(object("bob", "3", json!({"user": 7})))), ["one"]);
        assert_eq!(users(&listed, "one"), Some((Vec::new(), 2)));
        assert_eq!(concerned(&listed, Event::Delete(object("bob", "4", json!({"user": 7})))), ["one"]);
        assert_eq!(users(&listed, "one"), Some((Vec::new(), 1)));
    }

    #[test]
    fn what_is_as_it_was_is_kept_once_however_often_it_is_listed() {
        let listed = Profiles::default();
        let kept = |objects| {
            list(&listed, objects);
            listed.of(&key("one"), &mut 0).unwrap()
        };
        let first = kept(vec![profile("ann", "1", "one"), profile("bob", "2", "one")]);
        let again = kept(vec![profile("ann", "1", "one"), profile("bob", "3", "one")]);
        assert!(Arc::ptr_eq(&first[0], &again[0]) && !Arc::ptr_eq(&first[1], &again[1]));
    }
}
