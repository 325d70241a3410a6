//! The API server as one pass asks it, with a note of every version that the pass has seen: what it has read or written
//! itself is no reason for another pass.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use kube::{Resource, ResourceExt};
use serde_json::Value;

use crate::api::RedshiftIntegration;
use crate::ports::{ApiError, Creation, Key, Kubernetes, News, Object, PolicyResources, Referent, Told, Version};

/// What a pass has seen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// The resource as the pass has found it, and what its own writes have made of that. One that somebody else has written
    /// in between isn't among them, whatever the pass writes upon it.
    own: BTreeSet<Version>,
    /// What it refers to.
    referents: BTreeMap<(Referent, Key), Sightings>,
}

/// What a pass has seen of something that the resource refers to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Sightings {
    /// All of it, and what the watch had told before: what it tells may be older than what the pass has seen last.
    known: BTreeSet<Told>,
    /// Whether there was none when the pass looked or wrote last.
    is_absent: bool,
}

impl Sightings {
    fn add(&mut self, told_before: Told, version: Option<Version>) {
        self.is_absent = version.is_none();
        self.known.insert(told_before);
        self.known.extend(version.map(Told::Present));
    }

    fn include(&self, told: Told) -> bool {
        match told {
            Told::Nothing => true,
            Told::Absent(_) if self.is_absent => true,
            Told::Absent(_) | Told::Present(_) => self.known.contains(&told),
        }
    }
}

impl Seen {
    /// Whether it is the resource as the pass has seen it.
    #[must_use]
    pub fn includes(&self, object: &RedshiftIntegration) -> bool {
        self.own.contains(&Version::of(object))
    }

    /// Whether the watch tells nothing of what it refers to that the pass hasn't seen.
    pub fn includes_referents(&self, kubernetes: &impl Kubernetes) -> bool {
        let mut referents = self.referents.iter();
        referents.all(|((referent, key), sightings)| sightings.include(kubernetes.told_of(*referent, key)))
    }

    /// The same of less of what it refers to.
    #[must_use]
    pub fn of_referents(mut self, matters: impl Fn(Referent, &Key) -> bool) -> Self {
        self.referents.retain(|(referent, key), _| matters(*referent, key));
        self
    }
}

/// The API server, and what a pass has seen there.
pub struct Witness<'a, K> {
    kubernetes: &'a K,
    seen: Mutex<Seen>,
}

impl<'a, K: Kubernetes> Witness<'a, K> {
    /// At the beginning of a pass on a resource as it was just read.
    pub fn new(kubernetes: &'a K, object: &RedshiftIntegration) -> Self {
        let own = BTreeSet::from([Version::of(object)]);
        Self { kubernetes, seen: Mutex::new(Seen { own, referents: BTreeMap::new() }) }
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Takes something that it refers to for seen, as the watch has told of it.
    pub fn trust_the_watch(&self, referent: Referent, key: Key) {
        let told = self.kubernetes.told_of(referent, &key);
        let version = match told {
            Told::Nothing => return,
            Told::Absent(_) => None,
            Told::Present(version) => Some(version),
        };
        self.lock().referents.entry((referent, key)).or_default().add(told, version);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the watch has told of an object, if it is of a kind that is watched.
    fn told_before<O: Object>(&self, key: &Key) -> Told {
        Referent::of_kind(&O::kind(&())).map_or(Told::Nothing, |referent| self.kubernetes.told_of(referent, key))
    }

    /// The pass has seen an object, or that there is none; `told_before` is what the watch had told when it asked.
    fn saw<O: Object>(&self, key: &Key, told_before: Told, version: Option<Version>) {
        if let Some(referent) = Referent::of_kind(&O::kind(&())) {
            self.lock().referents.entry((referent, key.clone())).or_default().add(told_before, version);
        }
    }

    /// The pass has written an object upon a version of it.
    fn wrote<O: Object>(&self, written: &O, upon: Option<&str>) {
        let mut seen = self.lock();
        if O::kind(&()) == RedshiftIntegration::kind(&())
            && upon.is_some_and(|upon| seen.own.contains(&Version::new(upon)))
        {
            seen.own.insert(Version::of(written));
        }
    }
}

impl<K: Kubernetes> Kubernetes for Witness<'_, K> {
    async fn get<O: Object>(&self, key: &Key) -> Result<Option<O>, ApiError> {
        let told = self.told_before::<O>(key);
        let found = self.kubernetes.get::<O>(key).await?;
        self.saw::<O>(key, told, found.as_ref().map(|found| Version::of(found)));
        Ok(found)
    }

    async fn create<O: Object>(&self, object: &O, creation: Creation) -> Result<O, ApiError> {
        let (key, told) = (Key::of(object), self.told_before::<O>(&Key::of(object)));
        let created = self.kubernetes.create(object, creation).await?;
        if creation == Creation::Real {
            self.saw::<O>(&key, told, Some(Version::of(&created)));
        }
        Ok(created)
    }

    async fn merge<O: Object>(&self, key: &Key, patch: &Value) -> Result<O, ApiError> {
        let told = self.told_before::<O>(key);
        let merged = self.kubernetes.merge::<O>(key, patch).await?;
        self.saw::<O>(key, told, Some(Version::of(&merged)));
        self.wrote(&merged, patch["metadata"]["resourceVersion"].as_str());
        Ok(merged)
    }

    async fn replace_status<O: Object>(&self, object: &O) -> Result<O, ApiError> {
        let replaced = self.kubernetes.replace_status(object).await?;
        self.wrote(&replaced, object.resource_version().as_deref());
        Ok(replaced)
    }

    async fn delete<O: Object>(&self, key: &Key, uid: &str) -> Result<(), ApiError> {
        let told = self.told_before::<O>(key);
        self.kubernetes.delete::<O>(key, uid).await?;
        self.saw::<O>(key, told, None);
        Ok(())
    }

    async fn config_maps_with(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, ApiError> {
        self.kubernetes.config_maps_with(namespace, labels).await
    }

    fn publish<O: Object>(&self, about: &O, news: News) {
        self.kubernetes.publish(about, news);
    }

    fn told(&self, key: &Key) -> Option<RedshiftIntegration> {
        self.kubernetes.told(key)
    }

    fn told_of(&self, referent: Referent, key: &Key) -> Told {
        self.kubernetes.told_of(referent, key)
    }

    fn policy_resources(&self, integration: &Key) -> Option<PolicyResources> {
        self.kubernetes.policy_resources(integration)
    }

    fn watched(&self, is_meant: impl Fn(&RedshiftIntegration) -> bool) -> Vec<RedshiftIntegration> {
        self.kubernetes.watched(is_meant)
    }
}
