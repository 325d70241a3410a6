//! The condition types and reasons that the operator writes.

use std::fmt;

/// Types of condition, as kstatus understands them.
pub mod types {
    /// The integration is set up and validates.
    pub const READY: &str = "Ready";
    /// The operator is at work, or waits for something that will come by itself or by plan.
    pub const RECONCILING: &str = "Reconciling";
    /// Only a person can make it go on.
    pub const STALLED: &str = "Stalled";
}

/// Why a condition is as it is, or what an event is about: a word in CamelCase, for machines, that is kept from version to
/// version.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// Everything is set up and validates.
    Enabled,
    /// The warehouse is being changed.
    Creating,
    /// A person is to run a script.
    AwaitingScript,
    /// What a person has made was verified.
    Verified,
    /// A person is to confirm that nothing is left.
    AwaitingConfirmation,
    /// What was set up is being changed.
    Editing,
    /// What was set up was changed.
    Edited,
    /// What an older version of the operator has set up is being migrated.
    Migrating,
    /// It was migrated.
    Migrated,
    /// What others had changed was mended.
    Repaired,
    /// Passwords and the key of impersonations are being rotated.
    Rotating,
    /// They were rotated.
    Rotated,
    /// They could not be rotated.
    RotationFailed,
    /// What was set up is being taken away.
    Deleting,
    /// It was taken away.
    Deleted,
    /// It was let go, and everything left as it is.
    Disabled,
    /// A role is dropped, and its members lose it.
    RoleDropped,
    /// The user wants nothing done.
    Suspended,
    /// For `Reconciling` and `Stalled` that are `False`.
    NotApplicable,
    /// A mistake of the operator.
    InternalError,
    /// The operator's settings don't allow the host.
    HostForbidden,
    /// The host name has no address.
    HostUnknown,
    /// Nobody answers.
    WarehouseUnreachable,
    /// One side wants TLS, the other has none.
    TlsMismatch,
    /// The server's certificate, or the bundle of authorities, can't be used.
    CertificateRejected,
    /// The server refuses the login.
    LoginRefused,
    /// There is no such database.
    DatabaseMissing,
    /// The server takes no more connections.
    TooManyConnections,
    /// There is no connection for another reason.
    ConnectionFailed,
    /// What is set up is not as it must be.
    ValidationFailed,
    /// The Secret of the system account doesn't hold the ids yet.
    SecretIncomplete,
    /// The edit can't be done.
    EditRefused,
    /// There is no bundle of authorities.
    CaBundleMissing,
    /// A Secret can't be read.
    SecretMalformed,
    /// There is no Secret with credentials.
    SecretMissing,
    /// The Secret may not be used for this host.
    HostNotAllowedBySecret,
    /// The Secret of the system account is another resource's.
    SecretNotOurs,
    /// Others' work is in the way of a deletion.
    ForeignObjects,
    /// The server refuses the drop.
    DropRefused,
    /// The server refuses to drop a user, which others have tied to something.
    AccountInUse,
    /// Others are connected to what is to be dropped.
    DatabaseInUse,
    /// Others must revoke something first.
    RevokeFirst,
    /// Another integration has the warehouse.
    AlreadyExists,
    /// The account that sets things up, or removes them, may not.
    InsufficientPrivileges,
    /// There is such a database already.
    DatabaseExists,
    /// The database can't be used.
    DatabaseUnusable,
    /// There is such a role already.
    ImpersonationRoleExists,
    /// There is such a user already.
    SystemAccountExists,
    /// Another test of the preflight failed.
    PrerequisitesFailed,
    /// The registry can't be read.
    RegistryUnreadable,
    /// Whose something is can't be told right now.
    OwnershipUnknown,
    /// The registry's state doesn't fit.
    RegistryState,
    /// What has a wanted name is others'.
    NotOurs,
    /// A statement failed.
    StatementFailed,
    /// A name can't stand in a statement.
    InvalidName,
    /// The API server refused, or didn't answer.
    ApiServer,
    /// The spec can't be carried out.
    InvalidSpec,
    /// Okta or AWS can't be reached, or has no time.
    LoginServiceUnavailable,
    /// Okta or AWS refuses to give out credentials for the login.
    CredentialsRefused,
    /// Okta wants a second factor, which an operator doesn't have.
    MfaRequired,
    /// The password in Okta has to be set anew.
    PasswordExpired,
    /// Okta has locked the user out.
    AccountLocked,
    /// The role to take can't be told.
    RoleUnknown,
    /// The namespace may not use the operator's own identity.
    IdentityNotAllowed,
    /// Others granted something to a role that is to be dropped.
    RoleInUse,
    /// Nothing proves any more what is ours.
    ProofLost,
    /// Users that go with the registry are not there.
    UsersGone,
    /// The Secret names another place than the spec.
    RecordedElsewhere,
    /// The view shows what the data source says, and to whom.
    Enforced,
    /// The view is there and shows nobody anything.
    Closed,
    /// The warehouse holds the profiles.
    Applied,
    /// There is no such integration.
    IntegrationMissing,
    /// The integration isn't set up, or is busy with something else.
    IntegrationNotReady,
    /// The integration has no policy-enforced views.
    PolicyViewsDisabled,
    /// Another data source has the name of the view.
    NameTaken,
    /// Something of others' has the name of the view, or of its schema.
    ForeignObject,
    /// There is no such table.
    TableMissing,
    /// The system account may not read the table.
    AccessMissing,
    /// What is there can't be a data source.
    NotSupported,
    /// The view would be too large.
    TooLarge,
    /// Others read the view that is to be changed.
    WaitingForReaders,
    /// Others' views read the view that is to be dropped.
    DependentViews,
    /// The server refuses the view.
    ViewRefused,
    /// The view was dropped.
    Dropped,
    /// The view was left as it is.
    Retained,
    /// A user has two profiles, and so none.
    DuplicateUser,
    /// A profile says something that no profile can.
    InvalidProfile,
    /// A file of profiles can't be read.
    FilesUnreadable,
    /// There are no files of profiles.
    FilesMissing,
    /// Many users would lose their profiles at once, which a person is to confirm.
    RemovalUnconfirmed,
    /// Data sources use the integration.
    DataSourcesLeft,
    /// A newer version of the operator has set it up.
    SchemaNewer,
    /// An older version of the operator has set it up, and this one can't migrate it.
    SchemaOlder,
}

impl Reason {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Creating => "Creating",
            Self::AwaitingScript => "AwaitingScript",
            Self::Verified => "Verified",
            Self::AwaitingConfirmation => "AwaitingConfirmation",
            Self::Editing => "Editing",
            Self::Edited => "Edited",
            Self::Migrating => "Migrating",
            Self::Migrated => "Migrated",
            Self::Repaired => "Repaired",
            Self::Rotating => "Rotating",
            Self::Rotated => "Rotated",
            Self::RotationFailed => "RotationFailed",
            Self::Deleting => "Deleting",
            Self::Deleted => "Deleted",
            Self::Disabled => "Disabled",
            Self::RoleDropped => "RoleDropped",
            Self::Suspended => "Suspended",
            Self::NotApplicable => "NotApplicable",
            Self::InternalError => "InternalError",
            Self::HostForbidden => "HostForbidden",
            Self::HostUnknown => "HostUnknown",
            Self::WarehouseUnreachable => "WarehouseUnreachable",
            Self::TlsMismatch => "TlsMismatch",
            Self::CertificateRejected => "CertificateRejected",
            Self::LoginRefused => "LoginRefused",
            Self::DatabaseMissing => "DatabaseMissing",
            Self::TooManyConnections => "TooManyConnections",
            Self::ConnectionFailed => "ConnectionFailed",
            Self::ValidationFailed => "ValidationFailed",
            Self::SecretIncomplete => "SecretIncomplete",
            Self::EditRefused => "EditRefused",
            Self::CaBundleMissing => "CaBundleMissing",
            Self::SecretMalformed => "SecretMalformed",
            Self::SecretMissing => "SecretMissing",
            Self::HostNotAllowedBySecret => "HostNotAllowedBySecret",
            Self::SecretNotOurs => "SecretNotOurs",
            Self::ForeignObjects => "ForeignObjects",
            Self::DropRefused => "DropRefused",
            Self::AccountInUse => "AccountInUse",
            Self::DatabaseInUse => "DatabaseInUse",
            Self::RevokeFirst => "RevokeFirst",
            Self::AlreadyExists => "AlreadyExists",
            Self::InsufficientPrivileges => "InsufficientPrivileges",
            Self::DatabaseExists => "DatabaseExists",
            Self::DatabaseUnusable => "DatabaseUnusable",
            Self::ImpersonationRoleExists => "ImpersonationRoleExists",
            Self::SystemAccountExists => "SystemAccountExists",
            Self::PrerequisitesFailed => "PrerequisitesFailed",
            Self::RegistryUnreadable => "RegistryUnreadable",
            Self::OwnershipUnknown => "OwnershipUnknown",
            Self::RegistryState => "RegistryState",
            Self::NotOurs => "NotOurs",
            Self::StatementFailed => "StatementFailed",
            Self::InvalidName => "InvalidName",
            Self::ApiServer => "ApiServer",
            Self::InvalidSpec => "InvalidSpec",
            Self::LoginServiceUnavailable => "LoginServiceUnavailable",
            Self::CredentialsRefused => "CredentialsRefused",
            Self::MfaRequired => "MfaRequired",
            Self::PasswordExpired => "PasswordExpired",
            Self::AccountLocked => "AccountLocked",
            Self::RoleUnknown => "RoleUnknown",
            Self::IdentityNotAllowed => "IdentityNotAllowed",
            Self::RoleInUse => "RoleInUse",
            Self::ProofLost => "ProofLost",
            Self::UsersGone => "UsersGone",
            Self::RecordedElsewhere => "RecordedElsewhere",
            Self::Enforced => "Enforced",
            Self::Closed => "Closed",
            Self::Applied => "Applied",
            Self::IntegrationMissing => "IntegrationMissing",
            Self::IntegrationNotReady => "IntegrationNotReady",
            Self::PolicyViewsDisabled => "PolicyViewsDisabled",
            Self::NameTaken => "NameTaken",
            Self::ForeignObject => "ForeignObject",
            Self::TableMissing => "TableMissing",
            Self::AccessMissing => "AccessMissing",
            Self::NotSupported => "NotSupported",
            Self::TooLarge => "TooLarge",
            Self::WaitingForReaders => "WaitingForReaders",
            Self::DependentViews => "DependentViews",
            Self::ViewRefused => "ViewRefused",
            Self::Dropped => "Dropped",
            Self::Retained => "Retained",
            Self::DuplicateUser => "DuplicateUser",
            Self::InvalidProfile => "InvalidProfile",
            Self::FilesUnreadable => "FilesUnreadable",
            Self::FilesMissing => "FilesMissing",
            Self::RemovalUnconfirmed => "RemovalUnconfirmed",
            Self::DataSourcesLeft => "DataSourcesLeft",
            Self::SchemaNewer => "SchemaNewer",
            Self::SchemaOlder => "SchemaOlder",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}
