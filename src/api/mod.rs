//! The custom resources: what users write and what the operator reports back. Each kind has a folder of its own.
//!
//! The doc comments of the types in here are the user's manual: they become the descriptions of the
//! CRD's schema and so the text of `kubectl explain rsi`.

pub mod conditions;
mod descriptions;
pub mod integration;
pub mod rules;

pub use conditions::Reason;
pub use integration::{
    AuthenticationType, AwsLogin, CaBundleKind, CaBundleReference, Created, CredentialsFormat, CredentialsReference,
    DatabaseMode, DeletionPolicy, DeletionProgress, IntegrationConfig, Next, OktaLogin, Phase, RedshiftIntegration,
    RedshiftIntegrationSpec, RedshiftIntegrationStatus, Remedy, Rotation, TlsMode, ValidationResults, ValidationStatus,
    ValidationTest,
};

/// The API group of the custom resource, and the prefix of every annotation and label of this operator.
pub const GROUP: &str = "redshift-governance.dev";

/// A kind of resource.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// An integration.
    RedshiftIntegration,
}

impl Kind {
    /// The name of its controller in metrics: the kind in small letters, as controller-runtime has it.
    #[must_use]
    pub fn controller(self) -> &'static str {
        match self {
            Self::RedshiftIntegration => "redshiftintegration",
        }
    }
}

/// Held while there may be anything of the integration in the warehouse.
pub const FINALIZER: &str = "redshift-governance.dev/warehouse";

/// Label on the Secrets that the operator makes: the UID of the integration they belong to.
pub const INTEGRATION_UID_LABEL: &str = "redshift-governance.dev/integration-uid";

/// Annotation on a Secret: the hosts its credentials may be used for, separated by commas.
pub const ALLOWED_HOSTS_ANNOTATION: &str = "redshift-governance.dev/allowed-hosts";

/// Annotation that asks for a look right now; acted upon when its value changes.
pub const REQUESTED_AT_ANNOTATION: &str = "redshift-governance.dev/requestedAt";

/// Annotation that asks for new passwords, and for a new key of impersonations; acted upon when its value changes.
pub const ROTATE_ANNOTATION: &str = "redshift-governance.dev/rotate";

/// Annotation that confirms a deletion in spite of what others have in the managed database or have granted:
/// `<database>/<digest of the list>`, as the message of the refused deletion has it.
pub const CONFIRM_DELETE_ANNOTATION: &str = "redshift-governance.dev/confirm-delete";

/// Annotation that takes over what another integration left in the warehouse: `<database>/<UID in the registry>`, as
/// the message of the refused creation has it.
pub const TAKE_OVER_ANNOTATION: &str = "redshift-governance.dev/take-over";

/// Annotation that confirms, in manual mode, that a person has removed the integration, where refused logins alone can't
/// tell: `<database>`, as the message has it.
pub const CONFIRM_DELETED_ANNOTATION: &str = "redshift-governance.dev/confirm-deleted";

/// The custom resource definition, with all rules, and descriptions that flow.
///
/// # Panics
/// If the types of this module have no schema, which a test would notice.
#[must_use]
pub fn crd() -> serde_json::Value {
    use kube::CustomResourceExt;
    let mut crd = serde_json::to_value(RedshiftIntegration::crd()).expect("a definition can be written as JSON");
    let schema =
        crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").expect("there is one version with a schema");
    descriptions::flow(schema);
    rules::apply(schema, &integration::rules::rules(), integration::rules::bounds());
    crd
}

/// The custom resource definition as YAML, with a line at its top that says where it is from.
///
/// # Panics
/// If the definition can't be written as YAML, which a test would notice.
#[must_use]
pub fn crd_yaml() -> String {
    let yaml = serde_saphyr::to_string(&crd()).expect("JSON can be written as YAML");
    format!("# Generated from src/api by `make crds`. Do not edit.\n{yaml}")
}
