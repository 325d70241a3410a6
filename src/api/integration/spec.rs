//! What users write: the spec of a `RedshiftIntegration`.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::RedshiftIntegrationStatus;

/// An access-governance integration in one Amazon Redshift warehouse.
///
/// The operator sets up a managed database, a system account and the schemas of the integration, watches over
/// them, and removes them when the resource is deleted. A warehouse takes one integration.
#[derive(CustomResource, Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[kube(
    group = "redshift-governance.dev",
    version = "v1alpha1",
    kind = "RedshiftIntegration",
    plural = "redshiftintegrations",
    shortname = "rsi",
    category = "redshift-governance",
    namespaced,
    doc = "An access-governance integration in one Amazon Redshift warehouse: a managed database, a system account and the schemas of the integration. The operator sets them up, watches over them, and removes them when the resource is deleted. A warehouse takes one integration.",
    status = "RedshiftIntegrationStatus",
    selectable = ".spec.config.host",
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type=='Ready')].status"}"#,
    printcolumn = r#"{"name":"Host","type":"string","jsonPath":".spec.config.host"}"#,
    printcolumn = r#"{"name":"Database","type":"string","jsonPath":".spec.config.database"}"#,
    printcolumn = r#"{"name":"Mode","type":"string","jsonPath":".spec.config.databaseMode"}"#,
    printcolumn = r#"{"name":"Validation","type":"string","jsonPath":".status.validationResults.status"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"Message","type":"string","priority":1,"jsonPath":".status.conditions[?(@.type=='Ready')].message"}"#
)]
#[serde(rename_all = "camelCase")]
pub struct RedshiftIntegrationSpec {
    /// Whether the operator runs the SQL itself, with the credentials from `config.credentialsSecretRef`. With
    /// `false` a person runs the scripts that it publishes in the Secret `<name>-scripts`; it only looks, as the system
    /// account, and the status says which script it waits for and what is missing. Can't be changed once something was
    /// created.
    #[serde(default = "default_true")]
    pub auto_bootstrap: bool,
    /// Where the warehouse is, how to log in to it, and what is set up in it.
    pub config: IntegrationConfig,
    /// What happens in the warehouse when the resource is deleted. `Delete` removes all that the operator created, and
    /// refuses while others' objects are in the managed database. `Retain` leaves everything as it is and keeps the
    /// Secret with the system account's password; it can be set at any time, also while a deletion is stuck.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
    /// Stops all work on this resource except its deletion, until it is set to `false` again. What was set up stays as
    /// it is.
    #[serde(default)]
    pub suspend: bool,
    /// Whether what others change of what was set up (the view, the procedures, who may do what with them, their owners) is
    /// changed back at the next validation: by the system account where it can, and by the account in the Secret of
    /// `config.credentialsSecretRef`, while that is there and is a superuser's, where it can't. Each time is told in an event.
    /// What keeps being changed is left alone for a day, and the status says so. With `false`, the status says what to run.
    #[serde(default)]
    pub repair: bool,
    /// Time between two validations of an enabled integration, give or take a tenth, from `1m` to `24h`, such as `30m` or
    /// `1h30m`. Each takes one connection, as the system account.
    #[serde(default = "default_validation_interval")]
    pub validation_interval: String,
    /// Whether passwords are rotated by themselves: those of the system account and of the claim, and the key of
    /// impersonations, which ends those that are running. The annotation `redshift-governance.dev/rotate` asks for it at any
    /// time, by another value than before. No other credentials are needed for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
}

/// When passwords are rotated by themselves.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rotation {
    /// How old passwords become, in days, from `1d` to `365d`, such as `90d`. The first validation after that rotates them.
    /// It counts from the last rotation: `rotatedAt` in the Secret of the system account, or the Secret's creation.
    pub interval: String,
}

/// Where the warehouse is and what is set up in it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationConfig {
    /// Host name of the warehouse, without a scheme, a port or a path: for example
    /// `analytics.abc123.us-east-1.redshift.amazonaws.com`. Can't be changed once something was created.
    pub host: String,
    /// TCP port of the warehouse; Redshift's own default is 5439.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Name of the managed database, which keeps the integration's schemas. One that the operator creates is written in
    /// lower case, with letters, digits, _ and $; one that is there already (`databaseMode: Existing`) as the warehouse lists
    /// it. Can't be changed once something was created.
    pub database: String,
    /// Whether the managed database is created (`Create`) or is there already (`Existing`, for Redshift Spectrum and
    /// single-database warehouses: our schemas are added to it, nothing else in it is touched, and it is never
    /// dropped). Can't be changed once something was created.
    #[serde(default)]
    pub database_mode: DatabaseMode,
    /// Name of a database that exists already, in any case (its letters a to z are lower-cased): the operator connects to it first and
    /// creates the managed database from there. `dev` exists in every new warehouse.
    pub initial_database: String,
    /// Whether members of a role may query data as another user: with `CALL immuta_procedures.impersonate_user('name')`
    /// in the managed database, until `CALL immuta_procedures.impersonate_user(NULL)`, the end of the session, or eight
    /// hours later. Can be switched on and off at any time.
    #[serde(default)]
    pub impersonation: Impersonation,
    /// Whether policy-enforced views can be made: `RedshiftDataSource`, `RedshiftUserProfile` and `RedshiftUserProfileSource` of this
    /// namespace then work on this integration.
    #[serde(default)]
    pub policy_views: PolicyViews,
    /// The database user that the operator creates, which owns the integration's schemas and is used for validation.
    /// Its password is generated and kept in the Secret `<name of the resource>-system-account`.
    #[serde(default)]
    pub system_account: SystemAccount,
    /// How the operator logs in to set things up and to remove them. `userPassword`: with user and password. `accessKey`: with
    /// temporary credentials that AWS gives to the owner of an access key. `okta`: with those that it gives to whoever Okta
    /// vouches for. `iam`: with those that it gives to the operator's own pod, where the operator's settings allow that for
    /// the namespace.
    pub authentication_type: AuthenticationType,
    /// The Secret, in the namespace of the resource, with the credentials that set things up: keys `username` and
    /// `password` for `userPassword` and `okta`; `accessKeyId`, `secretAccessKey` and optionally `sessionToken` for
    /// `accessKey`; none for `iam`. It is read when creating, deleting, and changing `impersonation` or `systemAccount`, as it
    /// is then; in between it can be deleted, or renewed by whatever keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<CredentialsReference>,
    /// Okta's side of the login; needed for, and only allowed with, authenticationType `okta`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub okta: Option<OktaLogin>,
    /// AWS's side of the login; only allowed with authenticationType `accessKey`, `iam` or `okta`, and needed where `host` isn't
    /// a name that AWS has given to the warehouse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsLogin>,
    /// How the connection to the warehouse is protected.
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

impl DatabaseMode {
    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Existing => "Existing",
        }
    }
}

/// Whether users may act as other users.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Impersonation {
    /// Whether impersonation is set up; `false` without it.
    #[serde(default)]
    pub enabled: bool,
    /// Name of the role, in lower case, whose members may act as other users; created by the operator. Make somebody a
    /// member with `GRANT ROLE immuta_impersonation TO "name"`. After a change of the name its members stay members.
    #[serde(default = "default_impersonation_role")]
    pub role: String,
}

/// Whether policy-enforced views can be made.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyViews {
    /// Whether what they stand on is set up in the schema `immuta_system`: tables of users' entitlements and of data sources, and a
    /// view of the reader's own. Can be switched on at any time, without the credentials that set things up. Switched off again, it
    /// stays, and so do the views, as they are; nothing more is changed on behalf of data sources and profiles, but for their
    /// deletion.
    #[serde(default)]
    pub enabled: bool,
    /// How often the columns of tables are looked at, give or take a tenth, from `1m` to `24h`, such as `15m`: new ones come into
    /// the views with that.
    #[serde(default = "default_column_detection_interval")]
    pub column_detection_interval: String,
}

/// The account that the operator creates and keeps using.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemAccount {
    /// Name of the user, in lower case. No user or role of that name may exist. A change of the name renames the user
    /// and gives it a new password.
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

/// A Secret with credentials, in the namespace of the resource.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsReference {
    /// Name of the Secret, in the namespace of the resource.
    pub name: String,
    /// How the credentials stand in the Secret. `keys`: each under a key of its own. `json`: together under one key, as the
    /// document in which AWS Secrets Manager keeps them (`{"username": "…", "password": "…", "host": "…"}`); only user and
    /// password are read from it.
    #[serde(default)]
    pub format: CredentialsFormat,
    /// Under which keys user and password stand, where these are others than `username` and `password`; with format `keys`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<CredentialsKeys>,
    /// Under which key the document stands; `secret` without it; with format `json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// How credentials stand in a Secret.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CredentialsFormat {
    /// Each under a key of its own.
    #[default]
    Keys,
    /// Together, in a document of AWS Secrets Manager's.
    Json,
}

/// Under which keys of a Secret user and password stand.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsKeys {
    /// Key of the user's name.
    #[serde(default = "default_username_key")]
    pub username: String,
    /// Key of the password.
    #[serde(default = "default_password_key")]
    pub password: String,
}

impl CredentialsReference {
    /// Under which key the document stands.
    #[must_use]
    pub fn document_key(&self) -> &str {
        self.key.as_deref().unwrap_or("secret")
    }

    /// Under which keys user and password stand.
    #[must_use]
    pub fn keys(&self) -> CredentialsKeys {
        self.keys.clone().unwrap_or_default()
    }
}

impl Default for CredentialsKeys {
    fn default() -> Self {
        Self { username: default_username_key(), password: default_password_key() }
    }
}

/// Okta's side of an `okta` login.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OktaLogin {
    /// Id of the Amazon Redshift application in Okta, often with a slash: `0oa1abcdefgh/272`.
    pub app_id: String,
    /// Name of the Amazon Redshift application in Okta, as it stands in its embed link.
    #[serde(default = "default_okta_app_name")]
    pub app_name: String,
    /// Host name of the Okta organisation, such as `organization.okta.com`, without a scheme; with a port, if it isn't 443.
    pub idp_host: String,
    /// The AWS role to take, of those that Okta lets the user take: its ARN, its name, or the end of its name if only one role
    /// ends so.
    pub role: String,
}

/// AWS's side of an `accessKey`, `iam` or `okta` login.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AwsLogin {
    /// AWS region of the warehouse, such as `us-east-1`; taken from the host name when that is one of AWS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Identifier of the provisioned cluster; taken from the host name when that is one of AWS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_identifier: Option<String>,
    /// Name of the Redshift Serverless workgroup; taken from the host name when that is one of AWS's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workgroup: Option<String>,
    /// Name of the database user to log in as, such as `awsuser`; for a provisioned cluster. Without it, the user is the one
    /// that Okta's assertion names (`DbUser`, or the name of the session), or else one that AWS derives from the identity:
    /// `IAM:name` or `IAMR:role`, without any rights until somebody grants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_user: Option<String>,
}

/// How the connection is protected.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// How much of the server's certificate is verified. `VerifyFull`: its chain and its name. `VerifyCa`: its chain
    /// alone. `Require`: nothing, only encrypted. `Disable`: not even encrypted. Anything but `VerifyFull` shows as a
    /// warning in the validation results.
    #[serde(default)]
    pub mode: TlsMode,
    /// Certificate authorities (PEM) to trust instead of the public ones; for `VerifyFull` and `VerifyCa`. AWS's own
    /// certificates are signed by public ones: leave it out for them. One that can't be read among others is left out, and the
    /// validation results name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_bundle_ref: Option<CaBundleReference>,
    /// The name expected in the server's certificate where it isn't `host`, as with a DNS alias; for `VerifyFull`.
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
    /// Kind of the object that holds the certificates, in the namespace of the resource.
    pub kind: CaBundleKind,
    /// Name of the object that holds the certificates.
    pub name: String,
    /// Key in the object under which the certificates stand, in PEM form.
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

impl Default for PolicyViews {
    fn default() -> Self {
        Self { enabled: false, column_detection_interval: default_column_detection_interval() }
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

fn default_column_detection_interval() -> String {
    "15m".to_owned()
}

/// Redshift's own.
pub const DEFAULT_PORT: u16 = 5439;

fn default_port() -> u16 {
    DEFAULT_PORT
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

fn default_username_key() -> String {
    "username".to_owned()
}

fn default_password_key() -> String {
    "password".to_owned()
}

fn default_ca_bundle_key() -> String {
    "ca.crt".to_owned()
}
