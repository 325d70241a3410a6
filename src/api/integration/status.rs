//! What the operator reports back: the status of a `RedshiftIntegration`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::DatabaseMode;
use crate::api::not_observed;

/// What the operator observed and did.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftIntegrationStatus {
    /// The `metadata.generation` that this status speaks of; -1 before the first look.
    #[serde(default = "not_observed")]
    pub observed_generation: i64,
    /// Where in its life the integration is, for people; machines read the conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// `Ready`, `Reconciling` and `Stalled`, for machines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// What can be done about what `Stalled` or `Reconciling` says: each way by itself, with the command to copy where
    /// there is one. Absent while nothing is in the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remedies: Vec<Remedy>,
    /// What was checked in the warehouse, and with what result; a test that failed says what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_results: Option<ValidationResults>,
    /// What the operator created, or is about to, and may therefore remove.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<Created>,
    /// How far a deletion of the integration has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion: Option<DeletionProgress>,
    /// The value of the annotation `redshift-governance.dev/requestedAt` that was last acted upon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<String>,
    /// The value of the annotation `redshift-governance.dev/rotate` for which the passwords were last rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_handled_rotation: Option<String>,
}

impl RedshiftIntegrationStatus {
    /// Whether all that was to be created was there once.
    #[must_use]
    pub fn was_enabled(&self) -> bool {
        self.created.as_ref().is_some_and(|created| created.applied_hash.is_some())
    }
}

/// Where in its life an integration is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// It is being created and set up.
    Creating,
    /// An error stopped the creation.
    CreateError,
    /// It is enabled and active.
    Enabled,
    /// It is being edited.
    Editing,
    /// An error stopped an edit; the former state goes on working.
    EditError,
    /// It is being deleted.
    Deleting,
    /// An error stopped the deletion.
    DeleteError,
    /// It was deleted; seen in the last event only.
    Deleted,
    /// It was given up without a clean-up; seen in the last event only.
    Disabled,
    /// It is being brought to a newer schema version.
    Migrating,
    /// An error stopped a migration.
    MigrateError,
    /// The periodic validation failed.
    RecurringValidationError,
}

/// Something that can be done about what is in the way.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Remedy {
    /// What is to be done, when, and by whom.
    pub description: String,
    /// A command line, or an SQL statement, to copy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

impl Remedy {
    /// One without a command.
    #[must_use]
    pub fn new(description: impl Into<String>) -> Self {
        Self { description: description.into(), command: None }
    }

    /// One with a command line, or an SQL statement, to copy.
    #[must_use]
    pub fn command(description: impl Into<String>, command: impl Into<String>) -> Self {
        Self { description: description.into(), command: Some(command.into()) }
    }
}

/// What was checked, and with what result.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationResults {
    /// The worst of the tests' results: failed, warning, passed or skipped.
    pub status: ValidationStatus,
    /// When the results last changed (RFC 3339, UTC).
    pub since: String,
    /// One entry for each test; those that don't apply are listed as skipped.
    pub validation_tests: Vec<ValidationTest>,
}

/// One validation test.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidationTest {
    /// Name of the test, in the form `<phase>: <assertion>`.
    pub name: String,
    /// Result of the test: passed, failed, warning or skipped.
    pub status: ValidationStatus,
    /// What was seen and, if it failed, what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The values that the test has seen, where it lists any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Vec<String>>,
}

/// Result of a validation.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ValidationStatus {
    /// As it should be.
    Passed,
    /// Not as it must be.
    Failed,
    /// Could not be told, or is weaker than it should be.
    Warning,
    /// Does not apply.
    Skipped,
}

/// What the operator created, or is about to; written before the act.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Created {
    /// Host of the warehouse, lower-cased and without a trailing dot.
    pub host: String,
    /// TCP port of the warehouse.
    pub port: u16,
    /// Name of the managed database.
    pub database: String,
    /// Whether the operator creates the managed database.
    pub database_mode: DatabaseMode,
    /// Name of the system account.
    pub system_account: String,
    /// Name of the impersonation role, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonation_role: Option<String>,
    /// Version of the schemas in the managed database.
    pub schema_version: i32,
    /// SHA-256 (hex) of what was applied; absent until everything was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applied_hash: Option<String>,
    /// What an edit that is under way is about to create; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
}

/// What an edit is about to create; written before the act.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Next {
    /// The system account's new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_account: Option<String>,
    /// The impersonation role's new name, or the name of a new role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impersonation_role: Option<String>,
}

/// How far a deletion has come.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeletionProgress {
    /// Set right before the managed database is dropped: from there on the deletion only goes forward.
    #[serde(default)]
    pub point_of_no_return: bool,
    /// Digests of others' objects and privileges that a person confirmed to be removed with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirmed: Vec<String>,
}
