//! What users write: the spec of a `RedshiftDataSource`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RedshiftDataSourceStatus;
use crate::api::{DeletionPolicy, IntegrationReference};

/// A table, and the view through which people read it.
///
/// The operator makes the view in the managed database of the integration and keeps it as the table and this resource say. It binds
/// late, so that it survives a table that is dropped and made anew.
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "redshift-governance.dev",
    version = "v1alpha1",
    kind = "RedshiftDataSource",
    plural = "redshiftdatasources",
    shortname = "rsds",
    category = "redshift-governance",
    namespaced,
    doc = "A table, and the view through which people read it. The operator makes the view in the managed database of the integration and keeps it as the table and this resource say. It binds late, so that it survives a table that is dropped and made anew.",
    status = "RedshiftDataSourceStatus",
    printcolumn = r#"{"name":"Table","type":"string","jsonPath":".status.table"}"#,
    printcolumn = r#"{"name":"View","type":"string","jsonPath":".status.viewName"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Reason","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].reason"}"#,
    printcolumn = r#"{"name":"Guard","type":"string","jsonPath":".status.rowGuard"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Integration","type":"string","priority":1,"jsonPath":".spec.integrationRef.name"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type=='Ready')].message"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftDataSourceSpec {
    /// The integration, in the namespace of the resource, in whose managed database the view is made. Can't be changed.
    pub integration_ref: IntegrationReference,
    /// The table. Can't be changed.
    pub table: TableReference,
    /// What the view is called, where that isn't what the table is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<ViewReference>,
    /// The columns that are known and meant to be shown, by their names. What the table has besides is up to `unlistedColumns`.
    #[serde(default)]
    pub columns: Vec<DataSourceColumn>,
    /// What becomes of columns of the table that aren't in `columns`, or have another type than stands there. `MakeNull`: they are
    /// in the view, and NULL for everybody. `LeaveOut`: they aren't in the view. `Show`: everybody who may read sees them.
    #[serde(default)]
    pub unlisted_columns: UnlistedColumns,
    /// What becomes of columns with tags that no enforced policy speaks of. `MakeNull`: they are NULL for everybody. `Show`: everybody
    /// who may read sees them.
    #[serde(default)]
    pub uncovered_tags: UncoveredTags,
    /// Whether the view may show rows while no rule of an enforced policy says which. `Required`: it shows none until then.
    #[serde(default)]
    pub row_rule: RowRule,
    /// Who sees rows at all, by their profiles. Without it, nobody.
    #[serde(default)]
    pub subscription: Subscription,
    /// Who may read the view, as the warehouse sees it: each gets SELECT on the view and USAGE on its schema. Nobody without it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grant_select_to: Vec<Grantee>,
    /// Whether columns are guarded against a reader's own conditions, which the warehouse may evaluate before it has left out the rows
    /// that he may not see. `Strict`: each column shows NULL there. `Fast`: not; conditions on columns are faster. `Auto`: `Strict`
    /// where there are rows that some who may read the view may not see, else `Fast`.
    #[serde(default)]
    pub row_guard: RowGuard,
    /// Columns without tags that are never guarded, such as dates by which people choose rows: what they hold in rows that a reader
    /// may not see can be found out by him.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unguarded_columns: Vec<String>,
    /// Stops all work on this resource except its deletion, until it is set to `false` again. The view stays as it is.
    #[serde(default)]
    pub suspend: bool,
    /// What becomes of the view when the resource is deleted. `Delete`: it is dropped, unless others' views read it. `Retain`: it
    /// stays as it is, and nobody keeps it any more.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// A table.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableReference {
    /// Its database; without it, the integration's `initialDatabase`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
}

/// What a view is called.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewReference {
    /// Its schema, which the operator creates, and drops with the last view in it. Without it, the table's; where the table is in the
    /// managed database itself, the table's with `_immuta` behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// Its name; without it, the table's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A column that is known.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DataSourceColumn {
    /// Its name, in lower case.
    pub name: String,
    /// What is in it, for policies: words with dots between them, from the general to the special, such as `pii.email`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Its type, as the warehouse writes it, such as `character varying(19)` or `numeric(12,2)`. Where the table has another one, the
    /// column counts as unlisted. Any without it.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

/// What becomes of columns that aren't listed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum UnlistedColumns {
    /// They are NULL for everybody.
    #[default]
    MakeNull,
    /// They aren't in the view.
    LeaveOut,
    /// They are shown.
    Show,
}

/// What becomes of tagged columns that no policy speaks of.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum UncoveredTags {
    /// They are NULL for everybody.
    #[default]
    MakeNull,
    /// They are shown.
    Show,
}

/// Whether there must be a rule that says which rows are shown.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum RowRule {
    /// There needn't be one.
    #[default]
    Optional,
    /// Without one, the view shows no rows.
    Required,
}

/// Who sees rows at all.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// `Nobody`, without it. `Anyone`: whoever has a profile. `Entitlements`: whoever has what `entitlements` says.
    #[serde(default)]
    pub restriction: Restriction,
    /// What a profile must have; for, and only with, `Entitlements`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entitlements: Option<Entitlements>,
}

/// Who sees rows at all.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Restriction {
    /// Nobody.
    #[default]
    Nobody,
    /// Whoever has a profile.
    Anyone,
    /// Whoever has certain groups or attributes.
    Entitlements,
}

/// What a profile must have.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entitlements {
    /// Whether one of what is listed is enough (`any`) or all of it is needed (`all`).
    #[serde(default)]
    pub operator: Operator,
    /// Groups that a user is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Attributes that a user has, each with one value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<AttributeValue>,
    /// Users, exactly as `current_user` gives them, such as `IAM:bob@example.com`. With `all`, one of them is enough.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<String>,
}

/// Whether one is enough or all are needed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Operator {
    /// One is enough.
    #[default]
    Any,
    /// All are needed.
    All,
}

/// An attribute and one of its values.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttributeValue {
    /// The attribute.
    pub name: String,
    /// The value.
    pub value: String,
}

/// Who may read a view, as the warehouse sees it: exactly one of these.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Grantee {
    /// A role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// A group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// A user, exactly as the warehouse lists it, such as `IAM:reports`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `true`: everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
}

/// Whether columns are guarded.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum RowGuard {
    /// As it is needed.
    #[default]
    Auto,
    /// All of them.
    Strict,
    /// None.
    Fast,
}

impl RowGuard {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "Auto",
            Self::Strict => "Strict",
            Self::Fast => "Fast",
        }
    }
}
