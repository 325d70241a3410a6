//! Which version each Secret or `ConfigMap` has, as the watch of their metadata has told: a digest of each name and each
//! version, so that thousands that nobody refers to take a few bytes each.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ports::{Key, Told, Version};

/// The versions of the Secrets, or of the `ConfigMaps`.
#[derive(Debug, Default)]
pub struct Versions(Mutex<Listed>);

#[derive(Debug, Default)]
struct Listed {
    /// By the digest of a key. Nothing before the first list is complete.
    known: Option<HashMap<u64, Version>>,
    /// A list that isn't complete yet.
    coming: HashMap<u64, Version>,
    /// How often a list was complete, or one of them deleted.
    losses: u64,
}

/// Of which of them a list tells something new.
#[derive(Debug)]
pub enum News {
    /// Of all of them, those that aren't there included: it is the first one.
    Everything,
    /// Of these.
    Changes(HashSet<u64>),
}

impl News {
    /// Whether it does of this one.
    #[must_use]
    pub fn is_of(&self, key: &Key) -> bool {
        match self {
            Self::Everything => true,
            Self::Changes(changed) => changed.contains(&digest(key)),
        }
    }
}

fn digest(key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&key.namespace, &key.name).hash(&mut hasher);
    hasher.finish()
}

impl Versions {
    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A list begins. What was known is known on until it is complete.
    pub fn begin_list(&self) {
        self.lock().coming.clear();
    }

    /// The list has this one.
    pub fn list(&self, key: &Key, version: Version) {
        self.lock().coming.insert(digest(key), version);
    }

    /// The list is complete: whatever isn't on it is gone, or never was.
    pub fn end_list(&self) -> News {
        let mut listed = self.lock();
        let now = take(&mut listed.coming);
        let news = listed.known.as_ref().map_or(News::Everything, |before| {
            let keys = before.keys().chain(now.keys()).copied();
            News::Changes(keys.filter(|key| before.get(key) != now.get(key)).collect())
        });
        listed.known = Some(now);
        listed.losses += 1;
        news
    }

    /// One is there, in this version.
    pub fn changed(&self, key: &Key, version: Version) {
        if let Some(known) = &mut self.lock().known {
            known.insert(digest(key), version);
        }
    }

    /// One is gone.
    pub fn deleted(&self, key: &Key) {
        let mut listed = self.lock();
        listed.losses += 1;
        if let Some(known) = &mut listed.known {
            known.remove(&digest(key));
        }
    }

    /// What was told last of one.
    #[must_use]
    pub fn told(&self, key: &Key) -> Told {
        let listed = self.lock();
        match &listed.known {
            None => Told::Nothing,
            Some(known) => {
                known.get(&digest(key)).map_or(Told::Absent(listed.losses), |version| Told::Present(*version))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key { namespace: "data-platform".to_owned(), name: name.to_owned() }
    }

    fn list(versions: &Versions, secrets: &[(&str, &str)]) -> News {
        versions.begin_list();
        for (name, version) in secrets {
            versions.list(&key(name), Version::new(version));
        }
        versions.end_list()
    }

    fn is_absent(versions: &Versions, name: &str) -> bool {
        matches!(versions.told(&key(name)), Told::Absent(_))
    }

    #[test]
    fn what_was_not_told_of_yet_is_told_from_what_was_deleted() {
        let versions = Versions::default();
        list(&versions, &[("b", "1")]);
        let before = versions.told(&key("a"));
        versions.changed(&key("b"), Version::new("2"));
        assert_eq!(versions.told(&key("a")), before);
        versions.changed(&key("a"), Version::new("3"));
        versions.deleted(&key("a"));
        assert!(is_absent(&versions, "a") && versions.told(&key("a")) != before);
        // It can have come and gone while nobody watched.
        let before = versions.told(&key("a"));
        list(&versions, &[("b", "2")]);
        assert!(is_absent(&versions, "a") && versions.told(&key("a")) != before);
    }

    #[test]
    fn nothing_is_told_before_a_list_is_complete() {
        let versions = Versions::default();
        versions.begin_list();
        versions.list(&key("a"), Version::new("1"));
        assert_eq!(versions.told(&key("a")), Told::Nothing);
        let news = versions.end_list();
        assert!(news.is_of(&key("a")) && news.is_of(&key("b")));
        assert_eq!(versions.told(&key("a")), Told::Present(Version::new("1")));
        assert!(is_absent(&versions, "b"));
    }

    #[test]
    fn a_new_list_tells_what_changed_while_nobody_watched() {
        let versions = Versions::default();
        list(&versions, &[("same", "1"), ("changed", "2"), ("gone", "3")]);
        let news = list(&versions, &[("same", "1"), ("changed", "4"), ("new", "5")]);
        let told = ["same", "changed", "gone", "new"].map(|name| news.is_of(&key(name)));
        assert_eq!(told, [false, true, true, true]);
        assert!(is_absent(&versions, "gone"));
    }

    #[test]
    fn a_list_that_broke_off_changes_nothing() {
        let versions = Versions::default();
        list(&versions, &[("a", "1"), ("b", "2")]);
        versions.begin_list();
        versions.list(&key("a"), Version::new("3"));
        assert_eq!(versions.told(&key("a")), Told::Present(Version::new("1")));
        list(&versions, &[("b", "2")]);
        assert!(is_absent(&versions, "a"));
    }

    #[test]
    fn what_happens_to_one_secret_is_told_of_no_other() {
        let versions = Versions::default();
        list(&versions, &[("a", "1"), ("b", "2")]);
        versions.changed(&key("a"), Version::new("3"));
        versions.deleted(&key("b"));
        assert_eq!(versions.told(&key("a")), Told::Present(Version::new("3")));
        assert!(is_absent(&versions, "b"));
        let elsewhere = Key { namespace: "elsewhere".to_owned(), name: "a".to_owned() };
        assert!(matches!(versions.told(&elsewhere), Told::Absent(_)));
    }
}
