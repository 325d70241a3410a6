//! What is kept of resources, between passes and through them: there can be thousands, and what nobody reads of them would be most
//! of it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use kube::api::ObjectMeta;
use kube::{Resource, ResourceExt};

use super::{Key, Object};
use crate::api::{
    AppliedColumn, RedshiftDataSource, RedshiftDataSourceSpec, RedshiftDataSourceStatus, RedshiftIntegration,
    RedshiftUserProfile, RedshiftUserProfileSource,
};

/// Where `kubectl apply` keeps the whole resource once more.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What is kept of a resource that is for an integration.
pub trait Kept: Sized {
    /// The resource.
    type Resource: Object;

    /// Of a resource as it was read. `before` is what is kept of it until then: what has stayed the same is kept once.
    fn of(resource: Self::Resource, before: Option<&Self>) -> Self;

    /// The integration that it is for, by its name.
    fn integration(&self) -> &str;
}

/// A data source without the columns of its status, which are as many as the table's: they are compared, and not read.
#[derive(Clone, Debug)]
pub struct KeptDataSource {
    /// Its metadata.
    pub metadata: ObjectMeta,
    /// What it says; the same for all versions of a generation.
    pub spec: Arc<RedshiftDataSourceSpec>,
    /// Its status, without columns.
    pub status: Option<RedshiftDataSourceStatus>,
    /// Of the columns of its status.
    pub columns: ColumnsDigest,
}

/// Digest of the columns of a status.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ColumnsDigest(u64);

impl ColumnsDigest {
    /// Of these.
    #[must_use]
    pub fn of(columns: &[AppliedColumn]) -> Self {
        let mut hasher = DefaultHasher::new();
        columns.hash(&mut hasher);
        Self(hasher.finish())
    }
}

impl KeptDataSource {
    /// Which one it is.
    #[must_use]
    pub fn key(&self) -> Key {
        let Self { metadata, .. } = self;
        Key {
            namespace: metadata.namespace.clone().unwrap_or_default(),
            name: metadata.name.clone().unwrap_or_default(),
        }
    }

    /// Its UID; empty for one that was never stored.
    #[must_use]
    pub fn uid(&self) -> &str {
        self.metadata.uid.as_deref().unwrap_or_default()
    }

    /// Whether it is to go.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    /// The resource, with this status.
    #[must_use]
    pub fn with_status(&self, status: Option<RedshiftDataSourceStatus>) -> RedshiftDataSource {
        RedshiftDataSource { metadata: self.metadata.clone(), spec: (*self.spec).clone(), status }
    }
}

impl Kept for KeptDataSource {
    type Resource = RedshiftDataSource;

    fn of(mut resource: RedshiftDataSource, before: Option<&Self>) -> Self {
        leave_out(&mut resource);
        let RedshiftDataSource { metadata, spec, mut status } = resource;
        let is_same = |before: &&Self| before.metadata.uid == metadata.uid && *before.spec == spec;
        let spec = before.filter(is_same).map_or_else(|| Arc::new(spec), |before| before.spec.clone());
        let columns = status.as_mut().map(|status| std::mem::take(&mut status.columns)).unwrap_or_default();
        Self { metadata, spec, status, columns: ColumnsDigest::of(&columns) }
    }

    fn integration(&self) -> &str {
        &self.spec.integration_ref.name
    }
}

macro_rules! kept_whole {
    ($($kind:ty),+) => {
        $(impl Kept for $kind {
            type Resource = Self;

            fn of(mut resource: Self, _: Option<&Self>) -> Self {
                leave_out(&mut resource);
                resource
            }

            fn integration(&self) -> &str {
                &self.spec.integration_ref.name
            }
        })+
    };
}

kept_whole!(RedshiftUserProfile, RedshiftUserProfileSource);

/// Takes from an integration what nobody reads of one that the watch has told of: results of validations and remedies, which are
/// most of it, are for people. A pass that writes them reads the resource first.
pub fn lighten(integration: &mut RedshiftIntegration) {
    leave_out(integration);
    if let Some(status) = &mut integration.status {
        status.validation_results = None;
        status.remedies = Vec::new();
    }
}

/// Who has written which field, and what was applied last, is of no interest here.
pub fn leave_out(resource: &mut impl Resource) {
    resource.meta_mut().managed_fields = None;
    if resource.annotations().contains_key(LAST_APPLIED) {
        resource.annotations_mut().remove(LAST_APPLIED);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::{Value, json};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "a value is written where it is used")]
    fn resource(changes: Value) -> RedshiftDataSource {
        let mut object = json!({
            "metadata": {
                "name": "orders", "namespace": "data-platform", "uid": "1",
                "annotations": {LAST_APPLIED: "{}", "team": "sales"}, "managedFields": [{"manager": "kubectl"}],
            },
            "spec": {"integrationRef": {"name": "analytics"}, "table": {"schema": "sales", "name": "orders"}},
            "status": {
                "observedGeneration": 1, "viewName": "sales.orders",
                "columns": [{"name": "order_id", "type": "bigint", "outcome": "value: whoever has a profile"}],
            },
        });
        for (pointer, value) in changes.as_object().unwrap() {
            *object.pointer_mut(pointer).unwrap() = value.clone();
        }
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn of_the_columns_in_a_status_a_digest_is_kept_and_what_nobody_reads_is_not() {
        let whole = resource(json!({}));
        let kept = KeptDataSource::of(whole.clone(), None);
        assert_eq!(kept.columns, ColumnsDigest::of(&whole.status.as_ref().unwrap().columns));
        assert_eq!(kept.metadata.annotations.as_ref().unwrap().keys().collect::<Vec<_>>(), ["team"]);
        assert!(kept.metadata.managed_fields.is_none());
        let status = RedshiftDataSourceStatus { columns: Vec::new(), ..whole.status.unwrap() };
        assert_eq!(kept.status, Some(status));
        for other in [json!([]), json!([{"name": "order_id", "type": "integer", "outcome": "value"}])] {
            assert_ne!(KeptDataSource::of(resource(json!({"/status/columns": other})), None).columns, kept.columns);
        }
    }

    #[test]
    fn a_spec_is_kept_once_as_long_as_it_is_the_same() {
        let before = KeptDataSource::of(resource(json!({})), None);
        let is_shared = |changes| {
            let after = KeptDataSource::of(resource(changes), Some(&before));
            Arc::ptr_eq(&after.spec, &before.spec)
        };
        assert!(is_shared(json!({"/status/observedGeneration": 2})));
        assert!(!is_shared(json!({"/spec/table/name": "others"})));
        assert!(!is_shared(json!({"/metadata/uid": "2"})));
    }
}
