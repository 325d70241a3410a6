//! Writes to the resource itself: finalizer and status, and nothing else. The spec is the user's.

use kube::api::{Api, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};

use super::error::{Error, bounded};
use crate::api::{FINALIZER, RedshiftIntegration, RedshiftIntegrationStatus};

/// How often a write is tried again that met somebody else's.
const TRIES: u32 = 5;

fn api(client: &Client, object: &RedshiftIntegration) -> Api<RedshiftIntegration> {
    Api::namespaced(client.clone(), &object.namespace().unwrap_or_default())
}

/// Puts the finalizer on. Fails if the resource changed since it was read.
pub async fn add_finalizer(client: &Client, object: &RedshiftIntegration) -> Result<RedshiftIntegration, Error> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(FINALIZER.to_owned());
    patch_finalizers(client, object, finalizers).await
}

/// Takes the finalizer off. Fails if the resource changed since it was read.
pub async fn remove_finalizer(client: &Client, object: &RedshiftIntegration) -> Result<(), Error> {
    let finalizers: Vec<_> = object.finalizers().iter().filter(|name| *name != FINALIZER).cloned().collect();
    match patch_finalizers(client, object, finalizers).await {
        // Gone already: somebody else took the last finalizer off.
        Err(Error::Api { source, .. }) if matches!(&*source, kube::Error::Api(status) if status.code == 404) => Ok(()),
        other => other.map(|_| ()),
    }
}

async fn patch_finalizers(
    client: &Client,
    object: &RedshiftIntegration,
    finalizers: Vec<String>,
) -> Result<RedshiftIntegration, Error> {
    // With the version, so that no finalizer of somebody else's is lost in between.
    let patch = serde_json::json!({
        "metadata": {"finalizers": finalizers, "resourceVersion": object.resource_version(), "uid": object.uid()},
    });
    let (api, name, params) = (api(client, object), object.name_any(), PatchParams::default());
    bounded("change the finalizers", api.patch(&name, &params, &Patch::Merge(&patch))).await
}

/// Writes the status, unless it is there already. What others changed meanwhile in the rest of the
/// resource doesn't matter; a resource of the same name and another UID does.
pub async fn write_status(
    client: &Client,
    object: &RedshiftIntegration,
    status: RedshiftIntegrationStatus,
) -> Result<RedshiftIntegration, Error> {
    if object.status.as_ref() == Some(&status) {
        return Ok(object.clone());
    }
    let api = api(client, object);
    let mut newest = object.clone();
    for attempt in 1.. {
        newest.status = Some(status.clone());
        let (name, params) = (object.name_any(), PostParams::default());
        match bounded("write the status", api.replace_status(&name, &params, &newest)).await {
            Err(error) if error.is_conflict() && attempt < TRIES => {
                let found = bounded("read the resource", api.get(&name)).await?;
                if found.uid() != object.uid() {
                    return Err(error);
                }
                newest = found;
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
