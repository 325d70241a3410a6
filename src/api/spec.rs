//! What users write: the spec of a `RedshiftIntegration`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RedshiftIntegrationStatus;

/// An access-governance integration in one Amazon Redshift warehouse.
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "redshift-governance.dev",
    version = "v1alpha1",
    kind = "RedshiftIntegration",
    plural = "redshiftintegrations",
    shortname = "rsi",
    category = "redshift-governance",
    namespaced,
    status = "RedshiftIntegrationStatus"
)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftIntegrationSpec {
    /// Whether the operator runs the SQL itself.
    #[serde(default = "default_true")]
    pub auto_bootstrap: bool,
    /// Where the warehouse is and what is set up in it.
    pub config: IntegrationConfig,
    /// What happens in the warehouse when the resource is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Stops all work on this resource, except its deletion.
    #[serde(default)]
    pub suspend: bool,
    /// Mends drift while the admin Secret is there.
    #[serde(default)]
    pub repair: bool,
    /// How often an enabled integration is validated.
    #[serde(default = "default_validation_interval")]
    pub validation_interval: String,
}

/// Where the warehouse is and what is set up in it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationConfig {
    /// Host name of the warehouse.
    pub host: String,
    /// TCP port of the warehouse.
    #[serde(default = "default_port")]
    pub port: u16,
    /// The managed database.
    pub database: String,
    /// Whether the managed database is created or is there already.
    #[serde(default)]
    pub database_mode: DatabaseMode,
    /// The existing database that is connected to first.
    pub initial_database: String,
    /// Whether users may act as other users.
    #[serde(default)]
    pub impersonation: Impersonation,
    /// The account that the operator creates and keeps using.
    #[serde(default)]
    pub system_account: SystemAccount,
    /// How the operator logs in to set things up.
    pub authentication_type: AuthenticationType,
    /// The Secret with the credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<SecretReference>,
    /// Okta's side of an `okta` login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub okta: Option<OktaLogin>,
    /// AWS's side of an `accessKey`, `iam` or `okta` login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsLogin>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: Tls,
}

/// Whether the managed database is created or is there already.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum DatabaseMode {
    /// The operator creates it, and drops it on deletion.
    #[default]
    Create,
    /// It is there already and is never dropped.
    Existing,
}

/// Whether users may act as other users.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Impersonation {
    /// Whether impersonation is set up.
    #[serde(default)]
    pub enabled: bool,
    /// The role whose members may impersonate.
    #[serde(default = "default_impersonation_role")]
    pub role: String,
}

/// The account that the operator creates and keeps using.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemAccount {
    /// Its user name.
    #[serde(default = "default_system_account")]
    pub name: String,
}

/// How the operator logs in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum AuthenticationType {
    /// A user name and a password from a Secret.
    UserPassword,
    /// An AWS access key from a Secret.
    AccessKey,
    /// An Okta user from a Secret.
    Okta,
    /// The pod's own AWS identity.
    Iam,
}

/// A Secret in the namespace of the resource.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Its name.
    pub name: String,
}

/// Okta's side of an `okta` login.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OktaLogin {
    /// Id of the application in Okta.
    pub app_id: String,
    /// Name of the application in Okta.
    #[serde(default = "default_okta_app_name")]
    pub app_name: String,
    /// Host name of the Okta organisation.
    pub idp_host: String,
    /// The AWS role to take.
    pub role: String,
}

/// AWS's side of an `accessKey`, `iam` or `okta` login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsLogin {
    /// AWS region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Identifier of the provisioned cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_identifier: Option<String>,
    /// Name of the Serverless workgroup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workgroup: Option<String>,
    /// The database user to log in as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_user: Option<String>,
}

/// How the connection is protected.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// How much of the server's certificate is verified.
    #[serde(default)]
    pub mode: TlsMode,
    /// Certificate authorities to trust instead of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<CaBundleReference>,
    /// The name expected in the certificate, where it isn't `host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// How much of the server's certificate is verified.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum TlsMode {
    /// The certificate's chain and its name.
    #[default]
    VerifyFull,
    /// The certificate's chain alone.
    VerifyCa,
    /// Encrypted, but nothing is verified.
    Require,
    /// Not encrypted.
    Disable,
}

/// Where certificate authorities are kept.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CaBundleReference {
    /// Kind of the object.
    pub kind: CaBundleKind,
    /// Its name.
    pub name: String,
    /// The key in it.
    #[serde(default = "default_ca_bundle_key")]
    pub key: String,
}

/// Kind of object that holds certificate authorities.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum CaBundleKind {
    /// A `ConfigMap`.
    ConfigMap,
    /// A `Secret`.
    Secret,
}

/// What happens in the warehouse when the resource is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum DeletionPolicy {
    /// All that the operator created is removed.
    #[default]
    Delete,
    /// All of it stays.
    Retain,
}

impl Default for Impersonation {
    fn default() -> Self {
        Self { enabled: false, role: default_impersonation_role() }
    }
}

impl Default for SystemAccount {
    fn default() -> Self {
        Self { name: default_system_account() }
    }
}

fn default_true() -> bool {
    true
}

fn default_validation_interval() -> String {
    "1h".to_owned()
}

fn default_port() -> u16 {
    5439
}

fn default_impersonation_role() -> String {
    "immuta_impersonation".to_owned()
}

fn default_system_account() -> String {
    "immuta_system_account".to_owned()
}

fn default_okta_app_name() -> String {
    "amazon_aws_redshift".to_owned()
}

fn default_ca_bundle_key() -> String {
    "ca.crt".to_owned()
}
