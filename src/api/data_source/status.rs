//! What the operator reports back: the status of a `RedshiftDataSource`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{Remedy, not_observed};

/// What the operator observed and did.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftDataSourceStatus {
    /// The `metadata.generation` that this status speaks of; -1 before the first look.
    #[serde(default = "not_observed")]
    pub observed_generation: i64,
    /// Where in its life the data source is, for people; machines read the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<DataSourcePhase>,
    /// `Ready`, `Reconciling` and `Stalled`, for machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What can be done about what `Stalled` or `Reconciling` says. Absent while nothing is in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
    /// The table, as `database.schema.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    /// The view, as `schema.name`, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view_name: Option<String>,
    /// Where the view is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<AppliedView>,
    /// SHA-256 (hex) of what is applied: text, grants, and how they were made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
    /// What `rowGuard` came to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_guard: Option<String>,
    /// The columns of the view, and who sees what; at most 200 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<AppliedColumn>,
    /// How many columns more there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns_omitted: Option<u32>,
}

/// Where in its life a data source is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DataSourcePhase {
    /// There is no view yet.
    Pending,
    /// The view is as it is to be.
    Enforced,
    /// The view is there and shows no rows, since what would say which is missing.
    Closed,
    /// Something is in the way.
    Error,
    /// The view is being dropped.
    Deleting,
}

/// Where a view is.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedView {
    /// Its database.
    pub database: String,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
}

/// A column of a view.
#[derive(Clone, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppliedColumn {
    /// Its name.
    pub name: String,
    /// Its type in the table.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// `true`: it isn't listed, or has another type than was listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unlisted: Option<bool>,
    /// Who sees what.
    pub outcome: String,
}
