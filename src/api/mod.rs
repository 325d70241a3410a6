//! The custom resources: what users write and what the operator reports back. Each kind has a folder of its own.
//!
//! The doc comments of the types in here are the user's manual: they become the descriptions of the
//! CRD's schema and so the text of `kubectl explain rsi`.

pub mod conditions;
pub mod data_source;
mod descriptions;
pub mod integration;
pub mod rules;
pub mod user_profile;
pub mod user_profile_source;

use std::fmt;

use kube::CustomResourceExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use conditions::Reason;
pub use data_source::{
    AppliedColumn, AppliedView, AttributeValue, DataSourceColumn, DataSourcePhase, Entitlements, Grantee, Operator,
    RedshiftDataSource, RedshiftDataSourceSpec, RedshiftDataSourceStatus, Restriction, RowGuard, RowRule, Subscription,
    TableReference, UncoveredTags, UnlistedColumns, ViewReference,
};
pub use integration::{
    AuthenticationType, AwsLogin, CaBundleKind, CaBundleReference, Created, CredentialsFormat, CredentialsReference,
    DatabaseMode, DeletionPolicy, DeletionProgress, IntegrationConfig, Next, OktaLogin, Phase, RedshiftIntegration,
    RedshiftIntegrationSpec, RedshiftIntegrationStatus, Remedy, Rotation, TlsMode, ValidationResults, ValidationStatus,
    ValidationTest,
};
pub use user_profile::{Attribute, RedshiftUserProfile, RedshiftUserProfileSpec, RedshiftUserProfileStatus};
pub use user_profile_source::{
    ConfigMaps, LabelSelector, ProfileFormat, RedshiftUserProfileSource, RedshiftUserProfileSourceSpec,
    RedshiftUserProfileSourceStatus, RefusedUser,
};

/// The API group of the custom resource, and the prefix of every annotation and label of this operator.
pub const GROUP: &str = "redshift-governance.dev";

/// A kind of resource.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Kind {
    /// An integration.
    RedshiftIntegration,
    /// A table and its view.
    RedshiftDataSource,
    /// One user's profile.
    RedshiftUserProfile,
    /// Many users' profiles.
    RedshiftUserProfileSource,
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::RedshiftIntegration => "RedshiftIntegration",
            Self::RedshiftDataSource => "RedshiftDataSource",
            Self::RedshiftUserProfile => "RedshiftUserProfile",
            Self::RedshiftUserProfileSource => "RedshiftUserProfileSource",
        })
    }
}

impl Kind {
    /// All of them, in the order in which a person meets them.
    pub const ALL: [Self; 4] = [
        Self::RedshiftIntegration,
        Self::RedshiftDataSource,
        Self::RedshiftUserProfile,
        Self::RedshiftUserProfileSource,
    ];

    /// Its custom resource definition, with all rules, and descriptions that flow.
    ///
    /// # Panics
    /// If the types of this module have no schema, which a test would notice.
    #[must_use]
    pub fn crd(self) -> Value {
        let (definition, rules, bounds) = match self {
            Self::RedshiftIntegration => {
                (RedshiftIntegration::crd(), integration::rules::rules(), integration::rules::bounds())
            }
            Self::RedshiftDataSource => {
                (RedshiftDataSource::crd(), data_source::rules::rules(), data_source::rules::bounds())
            }
            Self::RedshiftUserProfile => {
                (RedshiftUserProfile::crd(), user_profile::rules::rules(), user_profile::rules::bounds())
            }
            Self::RedshiftUserProfileSource => (
                RedshiftUserProfileSource::crd(),
                user_profile_source::rules::rules(),
                user_profile_source::rules::bounds(),
            ),
        };
        let mut crd = serde_json::to_value(definition).expect("a definition can be written as JSON");
        let schema =
            crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").expect("there is one version with a schema");
        descriptions::flow(schema);
        rules::apply(schema, &rules, bounds);
        crd
    }

    /// The same as YAML, with a line at its top that says where it is from.
    ///
    /// # Panics
    /// If the definition can't be written as YAML, which a test would notice.
    #[must_use]
    pub fn crd_yaml(self) -> String {
        let yaml = serde_saphyr::to_string(&self.crd()).expect("JSON can be written as YAML");
        format!("# Generated from src/api by `make crds`. Do not edit.\n{yaml}")
    }

    /// The file that holds the definition.
    #[must_use]
    pub fn crd_file(self) -> String {
        format!("{GROUP}_{}.yaml", self.plural())
    }

    /// The name of its resources in the API.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::RedshiftIntegration => "redshiftintegrations",
            Self::RedshiftDataSource => "redshiftdatasources",
            Self::RedshiftUserProfile => "redshiftuserprofiles",
            Self::RedshiftUserProfileSource => "redshiftuserprofilesources",
        }
    }

    /// The name of its controller in metrics: the kind in small letters, as controller-runtime has it.
    #[must_use]
    pub fn controller(self) -> &'static str {
        match self {
            Self::RedshiftIntegration => "redshiftintegration",
            Self::RedshiftDataSource => "redshiftdatasource",
            Self::RedshiftUserProfile => "redshiftuserprofile",
            Self::RedshiftUserProfileSource => "redshiftuserprofilesource",
        }
    }
}

/// The integration that something is for.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IntegrationReference {
    /// Name of the `RedshiftIntegration`, in the namespace of the resource.
    pub name: String,
}

fn not_observed() -> i64 {
    -1
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

/// Held while there may be a view of a data source.
pub const VIEW_FINALIZER: &str = "redshift-governance.dev/view";

/// Annotation on a source of profiles that confirms that users go: the `contentHash` that the message has.
pub const CONFIRM_REMOVAL_ANNOTATION: &str = "redshift-governance.dev/confirm-removal";

/// All custom resource definitions as YAML, one document behind the other.
#[must_use]
pub fn crds_yaml() -> String {
    Kind::ALL.map(Kind::crd_yaml).join("---\n")
}
