//! Writes to the resource itself: finalizer and status, and nothing else. The spec is the user's.

use kube::ResourceExt;

use super::error::Error;
use crate::api::{FINALIZER, RedshiftIntegration, RedshiftIntegrationStatus};
use crate::lifecycle::SystemAccount;
use crate::ports::{Key, Kubernetes};

/// How often a write is tried again that met somebody else's.
const TRIES: u32 = 5;

/// Puts the finalizer on. Fails if the resource changed since it was read.
pub async fn add_finalizer(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
) -> Result<RedshiftIntegration, Error> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    merge_finalizers(kubernetes, object, finalizers).await
}

/// Takes the finalizer off. Fails if the resource changed since it was read.
pub async fn remove_finalizer(kubernetes: &impl Kubernetes, object: &RedshiftIntegration) -> Result<(), Error> {
    let finalizers: Vec<_> = object.finalizers().iter().filter(|name| *name != FINALIZER).cloned().collect();
    match merge_finalizers(kubernetes, object, finalizers).await {
        // Gone already: somebody else took the last finalizer off.
        Err(Error::Api { source, .. }) if source.is_not_found() => Ok(()),
        other => other.map(|_| ()),
    }
}

async fn merge_finalizers(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
    finalizers: Vec<String>,
) -> Result<RedshiftIntegration, Error> {
    // With the version, so that no finalizer of somebody else's is lost in between.
    let patch = serde_json::json!({
        "metadata": {"finalizers": finalizers, "resourceVersion": object.resource_version(), "uid": object.uid()},
    });
    kubernetes.merge(&Key::of(object), &patch).await.map_err(Error::api("change the finalizers"))
}

/// Writes the status, unless it is there already. What others changed meanwhile in the rest of the
/// resource doesn't matter; a resource of the same name and another UID does.
pub async fn write_status(
    kubernetes: &impl Kubernetes,
    object: &RedshiftIntegration,
    status: RedshiftIntegrationStatus,
) -> Result<RedshiftIntegration, Error> {
    if object.status.as_ref() == Some(&status) {
        return Ok(object.clone());
    }
    let mut newest = object.clone();
    for attempt in 1.. {
        newest.status = Some(status.clone());
        match kubernetes.replace_status(&newest).await.map_err(Error::api("write the status")) {
            Err(error) if error.is_conflict() && attempt < TRIES => {
                let found = kubernetes.get::<RedshiftIntegration>(&Key::of(object)).await;
                match found.map_err(Error::api("read the resource"))? {
                    Some(found) if found.uid() == object.uid() => newest = found,
                    _ => return Err(error),
                }
            }
            other => return other,
        }
    }
    unreachable!("the last try returns")
}

/// Whether the finalizer is there.
pub fn has_finalizer(object: &RedshiftIntegration) -> bool {
    object.finalizers().iter().any(|name| name == FINALIZER)
}

/// Name of the Secret of the system account.
pub fn secret_name(object: &RedshiftIntegration) -> String {
    SystemAccount::secret_name(&object.name_any())
}

/// Name of the Secret with the scripts that a person runs.
pub fn scripts_name(object: &RedshiftIntegration) -> String {
    format!("{}-scripts", object.name_any())
}
