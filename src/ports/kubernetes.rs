//! The API server: objects by their names, and news for people.

use std::collections::BTreeMap;
use std::fmt::{self, Debug};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use kube::{Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use super::KeptDataSource;
use crate::api::{Reason, RedshiftIntegration, RedshiftUserProfile, RedshiftUserProfileSource};
use crate::lifecycle::Category;

/// What the API server gives as the cause when it refuses to create something in a namespace that is going.
const NAMESPACE_TERMINATING: &str = "NamespaceTerminating";

/// An object in a namespace.
pub trait Object:
    Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}

impl<T> Object for T where
    T: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned
{
}

/// Which object of a kind.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Key {
    /// That of an object.
    pub fn of(object: &impl ResourceExt) -> Self {
        Self { namespace: object.namespace().unwrap_or_default(), name: object.name_any() }
    }

    /// That of something in the same namespace.
    pub fn beside(object: &impl ResourceExt, name: impl Into<String>) -> Self {
        Self { namespace: object.namespace().unwrap_or_default(), name: name.into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// A kind of object that our resources refer to, and that is watched for that.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Referent {
    /// Credentials, and a bundle of authorities.
    Secret,
    /// A bundle of authorities.
    ConfigMap,
}

impl Referent {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Secret, Self::ConfigMap];

    /// The kind, as the API server calls it.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Secret => "Secret",
            Self::ConfigMap => "ConfigMap",
        }
    }

    /// Which of them a kind is, if it is one.
    #[must_use]
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|referent| referent.kind() == kind)
    }
}

/// Which version of an object it is. A digest of what the API server calls it: the versions of thousands of Secrets are kept.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Version(u64);

impl Version {
    /// By its `metadata.resourceVersion`, which is compared and never read.
    #[must_use]
    pub fn new(resource_version: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        resource_version.hash(&mut hasher);
        Self(hasher.finish())
    }

    /// That of an object as it was read or written; an object without one was never stored.
    #[must_use]
    pub fn of(object: &impl ResourceExt) -> Self {
        Self::new(&object.resource_version().unwrap_or_default())
    }
}

/// What a watch has told last of one object.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Told {
    /// Nothing: it hasn't listed yet what there is.
    Nothing,
    /// That there is none. The number is another one whenever it has listed anew or told that an object is gone: as long as it
    /// stays, an object that was made meanwhile was not deleted as far as the watch knows, but not yet told of.
    Absent(u64),
    /// That there is this one.
    Present(Version),
}

/// Whether something is created, or only asked whether it could be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Creation {
    /// It is created.
    Real,
    /// Nothing changes.
    DryRun,
}

/// Something that people are told of an object, once: an Event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct News {
    /// Whether somebody should worry.
    pub is_warning: bool,
    /// Why, for machines.
    pub reason: Reason,
    /// What the operator was doing, in CamelCase.
    pub action: &'static str,
    /// What happened, in a sentence.
    pub note: String,
}

/// What is for one integration: tables with their views, and who is who. Shared with the watches.
#[derive(Clone, Debug, Default)]
pub struct PolicyResources {
    /// The data sources.
    pub data_sources: Vec<Arc<KeptDataSource>>,
    /// The profiles of one user each.
    pub profiles: Vec<Arc<RedshiftUserProfile>>,
    /// The profiles of many.
    pub profile_sources: Vec<Arc<RedshiftUserProfileSource>>,
    /// How many there are in the namespace that this version can't read: whose they are isn't known.
    pub unreadable: usize,
}

impl PolicyResources {
    /// The UIDs of all of them.
    pub fn uids(&self) -> impl Iterator<Item = &str> {
        let of_views = self.data_sources.iter().map(|it| &it.metadata);
        let of_profiles = self.profiles.iter().map(|it| &it.metadata);
        let of_sources = self.profile_sources.iter().map(|it| &it.metadata);
        of_views.chain(of_profiles).chain(of_sources).filter_map(|metadata| metadata.uid.as_deref())
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { data_sources, profiles, profile_sources, unreadable } = self;
        data_sources.is_empty() && profiles.is_empty() && profile_sources.is_empty() && *unreadable == 0
    }
}

/// Why there is no answer of the API server that could be used.
#[derive(Clone, Debug, Error)]
pub enum ApiError {
    /// It said no: nothing was done.
    #[error("{message}")]
    Refused {
        /// Its HTTP status.
        code: u16,
        /// Its words.
        message: String,
        /// The words for machines that it gives with them.
        causes: Vec<String>,
    },
    /// Whether it was done isn't known.
    #[error("{0}")]
    Unanswered(String),
    /// The answer didn't come in time: whether it was done isn't known.
    #[error("no answer within {0} s")]
    Deadline(u64),
}

impl ApiError {
    /// Whether there is no such object.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { code: 404, .. })
    }

    /// Whether the object isn't what it was when it was read, or is there already.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { code: 409, .. })
    }

    /// Whether nothing can be created any more, since the namespace is being deleted.
    #[must_use]
    pub fn is_namespace_terminating(&self) -> bool {
        matches!(self, Self::Refused { causes, .. } if causes.iter().any(|cause| cause == NAMESPACE_TERMINATING))
    }

    /// Whether waiting helps. What a quota or a policy of the cluster denies, or is too large, is a person's matter.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::Refused { code: 403 | 413 | 422, .. } if !self.is_namespace_terminating() => Category::Permanent,
            Self::Refused { .. } | Self::Unanswered(_) | Self::Deadline(_) => Category::Transient,
        }
    }

    /// That a namespace is going.
    #[cfg(test)]
    pub fn namespace_terminating() -> Self {
        let message = "unable to create new content in the namespace because it is being terminated".to_owned();
        Self::Refused { code: 403, message, causes: vec![NAMESPACE_TERMINATING.to_owned()] }
    }
}

/// The API server. Every call is bounded in time by whoever implements it.
#[expect(async_fn_in_trait, reason = "whether a future is Send is checked on the concrete types")]
pub trait Kubernetes {
    /// Reads an object; nothing where there is none.
    async fn get<K: Object>(&self, key: &Key) -> Result<Option<K>, ApiError>;

    /// Creates an object; refused with 409 if there is one of that name.
    async fn create<K: Object>(&self, object: &K, creation: Creation) -> Result<K, ApiError>;

    /// Merges a patch (RFC 7386) into an object. With `metadata.uid` and `metadata.resourceVersion` in it, it is
    /// refused with 409 unless the object is that very one, and unchanged. With the UID alone, another object of the
    /// name refuses it with 422, which is no conflict: give both.
    async fn merge<K: Object>(&self, key: &Key, patch: &Value) -> Result<K, ApiError>;

    /// Replaces the status of that very object, if it is unchanged (else 409).
    async fn replace_status<K: Object>(&self, object: &K) -> Result<K, ApiError>;

    /// Deletes the object with that UID (another one of the name: 409).
    async fn delete<K: Object>(&self, key: &Key, uid: &str) -> Result<(), ApiError>;

    /// Does several things, each about another object, and gives what came of them, in their order. None is begun behind one that
    /// failed. An adapter may have some of them under way at the same time.
    async fn all<T, E, F>(&self, things: Vec<F>) -> Result<Vec<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let mut done = Vec::new();
        for thing in things {
            done.push(thing.await?);
        }
        Ok(done)
    }

    /// The names of the `ConfigMaps` of a namespace that have all these labels.
    async fn config_maps_with(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, ApiError>;

    /// Tells people something of an object. Nobody waits for it, and nothing depends on it.
    fn publish<K: Object>(&self, about: &K, news: News);

    /// A resource as the watch has told of it last, if it has, without what is for people alone (`lighten`). Whoever was woken by
    /// a change finds it here, or a later one.
    fn told(&self, key: &Key) -> Option<RedshiftIntegration>;

    /// What the watch has told last of something that a resource refers to; in the same way.
    fn told_of(&self, referent: Referent, key: &Key) -> Told;

    /// What is for an integration, as the watches have told of it last; nothing before all of them have listed what there is.
    fn policy_resources(&self, integration: &Key) -> Option<PolicyResources>;

    /// The resources that the watch has told of and that are meant, as they were then; without the same.
    fn watched(&self, is_meant: impl Fn(&RedshiftIntegration) -> bool) -> Vec<RedshiftIntegration>;
}
