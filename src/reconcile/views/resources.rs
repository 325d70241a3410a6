//! Writes to the resources: finalizer and status, and nothing else. What they say is the user's.

use kube::ResourceExt;
use serde_json::json;

use super::Pass;
use crate::api::{
    RedshiftDataSource, RedshiftDataSourceStatus, RedshiftUserProfile, RedshiftUserProfileSource,
    RedshiftUserProfileSourceStatus, RedshiftUserProfileStatus, VIEW_FINALIZER,
};
use crate::ports::{Key, Kubernetes, Object, World};
use crate::reconcile::integration::Error;

/// How often a write is tried again that met somebody else's.
const TRIES: u32 = 5;

/// A resource whose status the operator writes.
pub trait Reported: Object {
    /// Its status.
    type Status: PartialEq + Clone;

    /// The status that it has.
    fn status(&self) -> Option<&Self::Status>;

    /// Gives it another.
    fn set_status(&mut self, status: Self::Status);
}

macro_rules! reported {
    ($($kind:ty: $status:ty),+) => {
        $(impl Reported for $kind {
            type Status = $status;

            fn status(&self) -> Option<&$status> {
                self.status.as_ref()
            }

            fn set_status(&mut self, status: $status) {
                self.status = Some(status);
            }
        })+
    };
}

reported!(
    RedshiftDataSource: RedshiftDataSourceStatus,
    RedshiftUserProfile: RedshiftUserProfileStatus,
    RedshiftUserProfileSource: RedshiftUserProfileSourceStatus
);

/// Writes a status, unless it is there already. What others changed meanwhile in the rest of the resource doesn't matter; one of the
/// same name and another UID does. One that is gone needs none.
pub async fn write_status<W: World, K: Reported>(
    pass: &Pass<'_, W>,
    object: &K,
    status: K::Status,
) -> Result<(), Error> {
    let (kubernetes, dependents) = (&pass.context.kubernetes, &pass.context.dependents);
    let (integration, uid) = (pass.key.to_string(), object.uid().unwrap_or_default());
    let version = object.resource_version();
    let may_be_old = dependents.may_be_old(&integration, &uid, version.as_deref());
    if object.status() == Some(&status) && !may_be_old {
        return Ok(());
    }
    let mut newest = object.clone();
    for attempt in 1.. {
        if may_be_old || attempt > 1 {
            let found = kubernetes.get::<K>(&Key::of(object)).await.map_err(Error::api("read the resource"))?;
            match found.filter(|found| found.uid().as_ref() == Some(&uid)) {
                Some(found) => newest = found,
                None => return Ok(()),
            }
        }
        if newest.status() != Some(&status) {
            newest.set_status(status.clone());
            match kubernetes.replace_status(&newest).await.map_err(Error::api("write the status")) {
                Ok(written) => newest = written,
                Err(error) if error.is_conflict() && attempt < TRIES => continue,
                Err(Error::Api { source, .. }) if source.is_not_found() => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        dependents.wrote(&integration, &uid, newest.resource_version());
        return Ok(());
    }
    unreachable!("the last try returns")
}

/// Whether a deletion waits for the view.
pub fn has_finalizer(object: &RedshiftDataSource) -> bool {
    object.finalizers().iter().any(|name| name == VIEW_FINALIZER)
}

/// Puts the finalizer on. Fails if the resource changed since the watch told of it.
pub async fn add_finalizer(
    kubernetes: &impl Kubernetes,
    object: &RedshiftDataSource,
) -> Result<RedshiftDataSource, Error> {
    let mut finalizers = object.finalizers().to_vec();
    finalizers.push(VIEW_FINALIZER.to_owned());
    merge_finalizers(kubernetes, object, &finalizers).await
}

/// Takes the finalizer off.
pub async fn remove_finalizer(kubernetes: &impl Kubernetes, object: &RedshiftDataSource) -> Result<(), Error> {
    let finalizers: Vec<_> = object.finalizers().iter().filter(|name| *name != VIEW_FINALIZER).cloned().collect();
    match merge_finalizers(kubernetes, object, &finalizers).await {
        // Gone already: somebody else took the last finalizer off.
        Err(Error::Api { source, .. }) if source.is_not_found() => Ok(()),
        other => other.map(|_| ()),
    }
}

async fn merge_finalizers(
    kubernetes: &impl Kubernetes,
    object: &RedshiftDataSource,
    finalizers: &[String],
) -> Result<RedshiftDataSource, Error> {
    // With the version, so that no finalizer of somebody else's is lost in between.
    let patch = json!({
        "metadata": {"finalizers": finalizers, "resourceVersion": object.resource_version(), "uid": object.uid()},
    });
    kubernetes.merge(&Key::of(object), &patch).await.map_err(Error::api("change the finalizers"))
}
