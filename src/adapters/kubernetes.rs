//! The API server, over kube's client.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, ResourceExt};
use serde_json::Value;

use super::causes::chain;
use super::events::Publisher;
use super::listed::Listed;
use super::versions::Versions;
use crate::api::{RedshiftIntegration, RedshiftUserProfile, RedshiftUserProfileSource};
use crate::lifecycle::words::Confidential;
use crate::ports::{
    ApiError, Creation, KeptDataSource, Key, Kubernetes, News, Object, PolicyResources, Referent, Told,
};

/// How many of several requests are under way at once: a thousand data sources are two thousand writes, and each takes the server
/// milliseconds in which it could do others.
const AT_ONCE: usize = 8;

/// What the watches of one namespace, or of all, have told.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Which one; nothing if it is all of them.
    pub namespace: Option<String>,
    /// The resources, some of which this version may not be able to read.
    pub resources: Store<DeserializeGuard<RedshiftIntegration>>,
    /// The Secrets.
    pub secrets: Arc<Versions>,
    /// The `ConfigMaps`.
    pub config_maps: Arc<Versions>,
    /// The data sources.
    pub data_sources: Listed<KeptDataSource>,
    /// The profiles of one user each.
    pub profiles: Listed<RedshiftUserProfile>,
    /// The profiles of many.
    pub profile_sources: Listed<RedshiftUserProfileSource>,
}

/// A cluster's API server.
pub struct Cluster {
    client: Client,
    publisher: Publisher,
    /// Longest wait for one answer. The client repeats refused requests by itself, so that a request without a
    /// bound could go on for minutes.
    deadline: Duration,
    watched: OnceLock<Vec<Watch>>,
}

impl Cluster {
    /// `deadline`: the longest wait for one answer.
    #[must_use]
    pub fn new(client: Client, publisher: Publisher, deadline: Duration) -> Self {
        Self { client, publisher, deadline, watched: OnceLock::new() }
    }

    /// The client.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Tells where it is kept what the watches tell; once, before the first pass.
    pub fn watch(&self, watches: Vec<Watch>) {
        // A second call would be a mistake in the program and changes nothing.
        let _ = self.watched.set(watches);
    }

    fn watches(&self) -> &[Watch] {
        self.watched.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// The watch of a namespace, if it is watched.
    fn watch_of(&self, namespace: &str) -> Option<&Watch> {
        self.watches().iter().find(|watch| watch.namespace.as_deref().is_none_or(|watched| watched == namespace))
    }

    fn api<K: Object>(&self, key: &Key) -> Api<K> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }

    /// Waits for the API server, but not for ever.
    async fn bounded<T>(&self, request: impl Future<Output = Result<T, kube::Error>>) -> Result<T, ApiError> {
        answered_within(self.deadline, request).await
    }
}

/// What the API server answers, or why it doesn't in that time.
///
/// # Errors
///
/// If it refuses, or doesn't answer.
pub async fn answered_within<T>(
    deadline: Duration,
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ApiError> {
    match tokio::time::timeout(deadline, request).await {
        Ok(result) => result.map_err(api_error),
        Err(_) => Err(ApiError::Deadline(deadline.as_secs())),
    }
}

/// Why there is no answer, in the server's words where there are any, and never as a program would print them.
pub fn api_error(error: kube::Error) -> ApiError {
    match error {
        kube::Error::Api(status) => {
            let said = if status.message.is_empty() { &status.reason } else { &status.message };
            let details = status.details.as_ref();
            let causes = details.map(|details| details.causes.iter().map(|cause| cause.reason.clone()).collect());
            ApiError::Refused {
                code: status.code,
                message: Confidential::default().pass_on(said).to_string(),
                causes: causes.unwrap_or_default(),
            }
        }
        // What couldn't be read may be quoted by whoever tried: it can be a Secret.
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
            ApiError::Unanswered("the answer can't be read".to_owned())
        }
        other => ApiError::Unanswered(chain(&other)),
    }
}

impl Kubernetes for Cluster {
    async fn get<K: Object>(&self, key: &Key) -> Result<Option<K>, ApiError> {
        self.bounded(self.api::<K>(key).get_opt(&key.name)).await
    }

    async fn create<K: Object>(&self, object: &K, creation: Creation) -> Result<K, ApiError> {
        let params = PostParams { dry_run: creation == Creation::DryRun, ..PostParams::default() };
        self.bounded(self.api::<K>(&Key::of(object)).create(&params, object)).await
    }

    async fn merge<K: Object>(&self, key: &Key, patch: &Value) -> Result<K, ApiError> {
        self.bounded(self.api::<K>(key).patch(&key.name, &PatchParams::default(), &Patch::Merge(patch))).await
    }

    async fn replace_status<K: Object>(&self, object: &K) -> Result<K, ApiError> {
        let api = self.api::<K>(&Key::of(object));
        self.bounded(api.replace_status(&object.name_any(), &PostParams::default(), object)).await
    }

    async fn delete<K: Object>(&self, key: &Key, uid: &str) -> Result<(), ApiError> {
        let preconditions = Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None });
        let params = DeleteParams { preconditions, ..DeleteParams::default() };
        self.bounded(self.api::<K>(key).delete(&key.name, &params)).await.map(|_| ())
    }

    async fn all<T, E, F>(&self, things: Vec<F>) -> Result<Vec<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        stream::iter(things).buffered(AT_ONCE).try_collect().await
    }

    async fn config_maps_with(
        &self,
        namespace: &str,
        labels: &BTreeMap<String, String>,
    ) -> Result<Vec<String>, ApiError> {
        let api: Api<PartialObjectMeta<ConfigMap>> = Api::namespaced(self.client.clone(), namespace);
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}={value}")).collect();
        let found = self.bounded(api.list(&ListParams::default().labels(&labels.join(",")))).await?;
        Ok(found.items.iter().map(ResourceExt::name_any).collect())
    }

    fn publish<K: Object>(&self, about: &K, news: News) {
        self.publisher.publish(about, news);
    }

    fn told(&self, key: &Key) -> Option<RedshiftIntegration> {
        let wanted = ObjectRef::new(&key.name).within(&key.namespace);
        self.watch_of(&key.namespace)?.resources.get(&wanted)?.0.as_ref().ok().cloned()
    }

    fn told_of(&self, referent: Referent, key: &Key) -> Told {
        let versions = |watch: &Watch| match referent {
            Referent::Secret => watch.secrets.told(key),
            Referent::ConfigMap => watch.config_maps.told(key),
        };
        self.watch_of(&key.namespace).map_or(Told::Nothing, versions)
    }

    fn policy_resources(&self, integration: &Key) -> Option<PolicyResources> {
        let watch = self.watch_of(&integration.namespace)?;
        // Before all integrations are known, one that isn't there may be there.
        watch.resources.wait_until_ready().now_or_never()?.ok()?;
        let mut unreadable = 0;
        Some(PolicyResources {
            data_sources: watch.data_sources.of(integration, &mut unreadable)?,
            profiles: watch.profiles.of(integration, &mut unreadable)?,
            profile_sources: watch.profile_sources.of(integration, &mut unreadable)?,
            unreadable,
        })
    }

    fn watched(&self, is_meant: impl Fn(&RedshiftIntegration) -> bool) -> Vec<RedshiftIntegration> {
        let objects = self.watches().iter().flat_map(|watch| watch.resources.state());
        objects.filter_map(|object| object.0.as_ref().ok().filter(|object| is_meant(object)).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_that_cannot_be_read_is_not_quoted() {
        const CANARY: &str = "Canary-7f3a-and-more";
        let unreadable = serde_json::from_value::<u8>(json!(CANARY)).expect_err("it is no number");
        assert!(unreadable.to_string().contains(CANARY));
        assert_eq!(api_error(kube::Error::SerdeError(unreadable)).to_string(), "the answer can't be read");
    }
}
