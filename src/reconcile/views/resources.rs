//! Writes to the resources: finalizer and status, and nothing else. What they say is the user's.

use kube::ResourceExt;
use serde_json::json;

use super::Pass;
use crate::api::{
    AppliedColumn, RedshiftDataSource, RedshiftDataSourceStatus, RedshiftUserProfile, RedshiftUserProfileSource,
    RedshiftUserProfileSourceStatus, RedshiftUserProfileStatus, VIEW_FINALIZER,
};
use crate::ports::{ColumnsDigest, Kept, KeptDataSource, Key, Kubernetes, Object, World};
use crate::reconcile::integration::Error;

/// Of how many resources the writes are handed over at once: one that waits takes as much room as one that is under way.
const TOGETHER: usize = 50;

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

/// Writes what there is to say of each of these, in any order.
pub async fn tell_all<'o, W: World, O, F>(
    pass: &Pass<'_, W>,
    objects: &'o [O],
    tell: impl Fn(&'o O) -> F,
) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>>,
{
    for some in objects.chunks(TOGETHER) {
        pass.context.kubernetes.all(some.iter().map(&tell).collect()).await?;
    }
    Ok(())
}

/// Writes a status, unless it is there already. One that is gone needs none.
pub async fn write_status<W: World, K: Reported>(
    pass: &Pass<'_, W>,
    object: &K,
    status: K::Status,
) -> Result<(), Error> {
    let uid = object.uid().unwrap_or_default();
    let may_be_old = pass.may_be_old(&uid, object.resource_version().as_deref());
    if object.status() == Some(&status) && !may_be_old {
        return Ok(());
    }
    let newest = (!may_be_old).then(|| object.clone());
    replace_status(pass, &Key::of(object), &uid, newest, |_| status.clone()).await
}

/// The same of a data source, of whose columns there is a digest: `columns` is that of those that it is to have, and `made` makes
/// them. Without it they stay as they are; since they aren't kept, they are read.
pub async fn write_data_source_status<W: World>(
    pass: &Pass<'_, W>,
    object: &KeptDataSource,
    status: RedshiftDataSourceStatus,
    columns: Option<ColumnsDigest>,
    made: impl FnOnce() -> Option<Vec<AppliedColumn>>,
) -> Result<(), Error> {
    let may_be_old = pass.may_be_old(object.uid(), object.metadata.resource_version.as_deref());
    let is_there = object.status.as_ref() == Some(&status) && columns.is_none_or(|columns| columns == object.columns);
    if is_there && !may_be_old {
        return Ok(());
    }
    let columns = columns.and_then(|_| made());
    let newest = (columns.is_some() && !may_be_old).then(|| object.with_status(None));
    let with_columns = |found: &RedshiftDataSource| {
        let kept = || found.status.as_ref().map(|status| status.columns.clone()).unwrap_or_default();
        RedshiftDataSourceStatus { columns: columns.clone().unwrap_or_else(kept), ..status.clone() }
    };
    replace_status(pass, &object.key(), object.uid(), newest, with_columns).await
}

/// What others changed meanwhile in the rest of the resource doesn't matter; one of the same name and another UID does. `newest` is
/// the resource, unless it is to be read first.
async fn replace_status<W: World, K: Reported>(
    pass: &Pass<'_, W>,
    key: &Key,
    uid: &str,
    mut newest: Option<K>,
    status: impl Fn(&K) -> K::Status,
) -> Result<(), Error> {
    let kubernetes = &pass.context.kubernetes;
    for attempt in 1.. {
        let mut object = match newest.take() {
            Some(object) => object,
            None => match kubernetes.get::<K>(key).await.map_err(Error::api("read the resource"))? {
                Some(found) if found.uid().as_deref() == Some(uid) => found,
                _ => return Ok(()),
            },
        };
        let wanted = status(&object);
        if object.status() != Some(&wanted) {
            object.set_status(wanted);
            match kubernetes.replace_status(&object).await.map_err(Error::api("write the status")) {
                Ok(written) => object = written,
                Err(error) if error.is_conflict() && attempt < TRIES => continue,
                Err(Error::Api { source, .. }) if source.is_not_found() => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        pass.context.dependents.wrote(&pass.key.to_string(), uid, object.resource_version());
        return Ok(());
    }
    unreachable!("the last try returns")
}

/// Whether a deletion waits for the view.
pub fn has_finalizer(object: &KeptDataSource) -> bool {
    finalizers(object).iter().any(|name| name == VIEW_FINALIZER)
}

fn finalizers(object: &KeptDataSource) -> &[String] {
    object.metadata.finalizers.as_deref().unwrap_or_default()
}

/// Puts the finalizer on, unless it is there. Fails if the resource changed since the watch told of it.
pub async fn add_finalizer(kubernetes: &impl Kubernetes, object: &KeptDataSource) -> Result<KeptDataSource, Error> {
    let mut finalizers = finalizers(object).to_vec();
    if !has_finalizer(object) {
        finalizers.push(VIEW_FINALIZER.to_owned());
    }
    let changed = merge_finalizers(kubernetes, object, &finalizers).await?;
    Ok(KeptDataSource::of(changed, Some(object)))
}

/// Takes the finalizer off.
pub async fn remove_finalizer(kubernetes: &impl Kubernetes, object: &KeptDataSource) -> Result<(), Error> {
    let finalizers: Vec<_> = finalizers(object).iter().filter(|name| *name != VIEW_FINALIZER).cloned().collect();
    match merge_finalizers(kubernetes, object, &finalizers).await {
        // Gone already: somebody else took the last finalizer off.
        Err(Error::Api { source, .. }) if source.is_not_found() => Ok(()),
        other => other.map(|_| ()),
    }
}

async fn merge_finalizers(
    kubernetes: &impl Kubernetes,
    object: &KeptDataSource,
    finalizers: &[String],
) -> Result<RedshiftDataSource, Error> {
    let metadata = &object.metadata;
    // With the version, so that no finalizer of somebody else's is lost in between.
    let patch = json!({
        "metadata": {"finalizers": finalizers, "resourceVersion": metadata.resource_version, "uid": metadata.uid},
    });
    kubernetes.merge(&object.key(), &patch).await.map_err(Error::api("change the finalizers"))
}
