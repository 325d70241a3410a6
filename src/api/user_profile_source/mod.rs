//! The kind `RedshiftUserProfileSource`: what users write and what the operator reports back.

pub mod rules;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, ResourceExt};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{IntegrationReference, Remedy, not_observed};

/// Many users' groups and attributes, from files in `ConfigMaps`.
///
/// Whoever may write this, or these `ConfigMaps`, may give himself everything.
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "redshift-governance.dev",
    version = "v1alpha1",
    kind = "RedshiftUserProfileSource",
    plural = "redshiftuserprofilesources",
    shortname = "rsups",
    category = "redshift-governance",
    namespaced,
    doc = "Many users' groups and attributes, from files in ConfigMaps. Whoever may write this, or these ConfigMaps, may give himself everything.",
    status = "RedshiftUserProfileSourceStatus",
    printcolumn = r#"{"name":"Format","type":"string","jsonPath":".spec.format"}"#,
    printcolumn = r#"{"name":"Users","type":"integer","jsonPath":".status.users"}"#,
    printcolumn = r#"{"name":"Refused","type":"integer","jsonPath":".status.refusedCount"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Integration","type":"string","priority":1,"jsonPath":".spec.integrationRef.name"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type=='Ready')].message"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftUserProfileSourceSpec {
    /// The integration, in the namespace of the resource, whose views it counts for. Can't be changed.
    pub integration_ref: IntegrationReference,
    /// What the files are. `CSV`: with the header `user,groups,attributes`, groups as `a;b`, attributes as `region=EU;region=US`.
    /// `JSONLines`: a line for each user, `{"user":"bob","groups":["a"],"attributes":{"region":["EU"]}}`. Either may be compressed:
    /// a key that ends in `.gz`, under `binaryData`.
    #[serde(default)]
    pub format: ProfileFormat,
    /// Which `ConfigMaps`, in the namespace of the resource. All their keys that end in `.csv` or `.csv.gz`, or, with `JSONLines`, in
    /// `.jsonl` or `.jsonl.gz`, are read.
    pub config_maps: ConfigMaps,
    /// How many of the users, in percent, may go at once. Where an export was cut off, it would be more; then nothing of the source
    /// is changed, and the status says how to confirm it.
    #[serde(default = "default_max_removed_percent")]
    pub max_removed_percent: u8,
}

/// How a file is written.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum ProfileFormat {
    /// Comma-separated values, RFC 4180.
    #[default]
    #[serde(rename = "CSV")]
    Csv,
    /// A JSON document on each line.
    #[serde(rename = "JSONLines")]
    JsonLines,
}

/// Which `ConfigMaps`: exactly one of these.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMaps {
    /// Those with all these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Those of these names; each must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl ProfileFormat {
    /// How the keys of `ConfigMaps` end that hold such files, but for the `.gz` of compressed ones.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Csv => ".csv",
            Self::JsonLines => ".jsonl",
        }
    }

    /// Whether the key of a `ConfigMap` holds such a file.
    #[must_use]
    pub fn is_of(self, key: &str) -> bool {
        key.strip_suffix(".gz").unwrap_or(key).ends_with(self.ending())
    }
}

impl LabelSelector {
    /// Whether an object has all the labels.
    pub fn selects(&self, object: &impl ResourceExt) -> bool {
        self.match_labels.iter().all(|(label, value)| object.labels().get(label) == Some(value))
    }
}

/// Labels.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels with their values, all of which an object must have.
    pub match_labels: BTreeMap<String, String>,
}

/// What the operator observed and did.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftUserProfileSourceStatus {
    /// The `metadata.generation` that this status speaks of; -1 before the first look.
    #[serde(default = "not_observed")]
    pub observed_generation: i64,
    /// `Ready`, `Reconciling` and `Stalled`, for machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What can be done about what `Stalled` or `Reconciling` says. Absent while nothing is in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
    /// How many users of the files have a profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u32>,
    /// SHA-256 (hex) of the users that were applied last, with all that they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<String>,
    /// How many users of the files have no profile, since something is wrong with what they have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_count: Option<u32>,
    /// The first 20 of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedUser>,
}

/// A user of a file who has no profile.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedUser {
    /// The user.
    pub user: String,
    /// Where it stands: `ConfigMap`, key and line.
    pub at: String,
    /// Why there is no profile, and what to write.
    pub reason: String,
}

fn default_max_removed_percent() -> u8 {
    20
}
