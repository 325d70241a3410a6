//! The kind `RedshiftUserProfile`: what users write and what the operator reports back.

pub mod rules;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{IntegrationReference, Remedy, not_observed};

/// One user's groups and attributes, by which policy-enforced views decide what he sees.
///
/// Whoever may write this may give himself everything.
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "redshift-governance.dev",
    version = "v1alpha1",
    kind = "RedshiftUserProfile",
    plural = "redshiftuserprofiles",
    shortname = "rsup",
    category = "redshift-governance",
    namespaced,
    doc = "One user's groups and attributes, by which policy-enforced views decide what he sees. Whoever may write this may give himself everything.",
    status = "RedshiftUserProfileStatus",
    printcolumn = r#"{"name":"User","type":"string","jsonPath":".spec.user"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Integration","type":"string","priority":1,"jsonPath":".spec.integrationRef.name"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type=='Ready')].message"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftUserProfileSpec {
    /// The integration, in the namespace of the resource, whose views it counts for. Can't be changed.
    pub integration_ref: IntegrationReference,
    /// The user, exactly as `current_user` gives it in the warehouse, prefix included: `bob`, `IAM:bob@example.com`. Can't be changed.
    /// A user with two profiles, from whatever resource, has none.
    pub user: String,
    /// The groups that the user is in; compared exactly, with upper and lower case.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The user's attributes.
    #[serde(default)]
    pub attributes: Vec<Attribute>,
}

/// An attribute of a user.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    /// What it is called; compared exactly.
    pub name: String,
    /// Its values; compared exactly.
    pub values: Vec<String>,
}

/// What the operator observed and did.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftUserProfileStatus {
    /// The `metadata.generation` that this status speaks of; -1 before the first look.
    #[serde(default = "not_observed")]
    pub observed_generation: i64,
    /// `Ready`, `Reconciling` and `Stalled`, for machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What can be done about what `Stalled` or `Reconciling` says. Absent while nothing is in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
}
