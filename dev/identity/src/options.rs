//! What there is at Okta and at AWS.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

use crate::{Authority, random_hex};

/// How Okta and AWS are to be.
#[derive(Clone)]
pub struct Options {
    /// The region that requests must be signed for.
    pub region: String,
    /// The number of AWS's account.
    pub account: String,
    /// Okta's users, by the names that they log in with.
    pub users: BTreeMap<String, User>,
    /// Okta's applications: name and id with a slash in between, as in the address of one.
    pub applications: Vec<String>,
    /// Roles in assertions: an ARN of a role and one of a provider with a comma in between, in either order.
    pub roles: Vec<String>,
    /// The other attributes in assertions.
    pub attributes: Attributes,
    /// Keys that are known from the start.
    pub access_keys: Vec<AccessKey>,
    /// Who gets a role for a token.
    pub web_identity: WebIdentity,
    /// The token that the endpoint of EKS Pod Identity asks for.
    pub container_token: String,
    /// The name of the role that it hands out.
    pub container_role: String,
    /// The clusters that there are.
    pub clusters: BTreeMap<String, Cluster>,
    /// The workgroups that there are.
    pub workgroups: BTreeMap<String, Workgroup>,
    /// Where passwords for the database come from; without more, they are random and no database knows them.
    pub mint: Mint,
    /// Who signs the certificate; one of its own without it.
    pub authority: Option<Authority>,
}

impl Default for Options {
    fn default() -> Self {
        let role = "arn:aws:iam::123456789012:role/redshift-admin";
        let provider = "arn:aws:iam::123456789012:saml-provider/okta";
        Self {
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            users: BTreeMap::from([("operator@example.com".to_owned(), User::new(&random_hex(12)))]),
            applications: vec!["amazon_aws_redshift/0oa1a2b3c4/272".to_owned()],
            roles: vec![format!("{provider},{role}")],
            attributes: Attributes::default(),
            access_keys: vec![AccessKey::of_user("operator")],
            web_identity: WebIdentity { token: random_hex(48), roles: vec![role.to_owned()] },
            container_token: random_hex(48),
            container_role: "redshift-operator".to_owned(),
            clusters: BTreeMap::from([("analytics".to_owned(), Cluster::default())]),
            workgroups: BTreeMap::from([("analytics".to_owned(), Workgroup::default())]),
            mint: Arc::new(|MintRequest { duration, .. }| {
                Box::pin(async move { Ok(Minted { password: format!("Aa1{}", random_hex(16)), duration }) })
            }),
            authority: None,
        }
    }
}

/// A user of Okta's.
#[derive(Clone, Debug)]
pub struct User {
    /// The password.
    pub password: String,
    /// What Okta says when it is right.
    pub state: UserState,
}

impl User {
    /// One who gets in.
    #[must_use]
    pub fn new(password: &str) -> Self {
        Self { password: password.to_owned(), state: UserState::Success }
    }
}

/// What Okta says of a user whose password is right: the states of its Authentication API.
/// <https://developer.okta.com/docs/reference/api/authn/#transaction-state>
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "Okta's own words")]
pub enum UserState {
    Success,
    MfaRequired,
    MfaEnroll,
    MfaEnrollActivate,
    MfaChallenge,
    PasswordExpired,
    PasswordWarn,
    PasswordReset,
    LockedOut,
    Recovery,
    RecoveryChallenge,
    Unauthenticated,
}

impl UserState {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Success,
        Self::MfaRequired,
        Self::MfaEnroll,
        Self::MfaEnrollActivate,
        Self::MfaChallenge,
        Self::PasswordExpired,
        Self::PasswordWarn,
        Self::PasswordReset,
        Self::LockedOut,
        Self::Recovery,
        Self::RecoveryChallenge,
        Self::Unauthenticated,
    ];

    /// As Okta writes it.
    #[must_use]
    pub fn as_okta(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::MfaRequired => "MFA_REQUIRED",
            Self::MfaEnroll => "MFA_ENROLL",
            Self::MfaEnrollActivate => "MFA_ENROLL_ACTIVATE",
            Self::MfaChallenge => "MFA_CHALLENGE",
            Self::PasswordExpired => "PASSWORD_EXPIRED",
            Self::PasswordWarn => "PASSWORD_WARN",
            Self::PasswordReset => "PASSWORD_RESET",
            Self::LockedOut => "LOCKED_OUT",
            Self::Recovery => "RECOVERY",
            Self::RecoveryChallenge => "RECOVERY_CHALLENGE",
            Self::Unauthenticated => "UNAUTHENTICATED",
        }
    }
}

/// Attributes in assertions, besides the roles.
#[derive(Clone, Debug)]
pub struct Attributes {
    /// `RoleSessionName`; the name that the user logs in with without it.
    pub role_session_name: Option<String>,
    /// Those of `https://redshift.amazon.com/SAML/Attributes/`, by the end of their names: `DbUser`, `AutoCreate`,
    /// `DbGroups`, `ForceLowercase`, `AllowDbUserOverride`.
    pub redshift: Vec<(String, Vec<String>)>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self::none().with("DbUser", &["awsuser"])
    }
}

impl Attributes {
    /// None but `RoleSessionName`.
    #[must_use]
    pub fn none() -> Self {
        Self { role_session_name: None, redshift: Vec::new() }
    }

    /// With one of Redshift's.
    #[must_use]
    pub fn with(mut self, name: &str, values: &[&str]) -> Self {
        self.redshift.push((name.to_owned(), values.iter().map(|&value| value.to_owned()).collect()));
        self
    }
}

/// Whose a key is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Principal {
    /// A user of IAM.
    User(String),
    /// A role that was assumed.
    Role(String),
}

impl Principal {
    /// What `GetClusterCredentialsWithIAM` and `GetCredentials` call it: the name of a user of the database.
    /// <https://docs.aws.amazon.com/redshift/latest/APIReference/API_GetClusterCredentialsWithIAM.html>
    #[must_use]
    pub fn database_user(&self) -> String {
        match self {
            Self::User(name) => format!("IAM:{name}"),
            Self::Role(name) => format!("IAMR:{name}"),
        }
    }
}

/// A key that requests are signed with.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Its id.
    pub id: String,
    /// Its secret.
    pub secret: String,
    /// The token that goes with a temporary one.
    pub token: Option<String>,
    /// Whose it is.
    pub principal: Principal,
}

impl AccessKey {
    /// A random one of a user of IAM.
    #[must_use]
    pub fn of_user(name: &str) -> Self {
        let id = format!("AKIA{}", random_hex(8).to_uppercase());
        Self { id, secret: random_hex(20), token: None, principal: Principal::User(name.to_owned()) }
    }

    /// A random temporary one of a role.
    #[must_use]
    pub fn of_role(name: &str) -> Self {
        let id = format!("ASIA{}", random_hex(8).to_uppercase());
        let principal = Principal::Role(name.to_owned());
        Self { id, secret: random_hex(20), token: Some(random_hex(120)), principal }
    }
}

/// Who gets a role for a token.
#[derive(Clone, Debug)]
pub struct WebIdentity {
    /// The token.
    pub token: String,
    /// The ARNs of the roles.
    pub roles: Vec<String>,
}

/// A cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// `ClusterStatus`: `available`, `paused`, `resuming`…
    pub status: String,
    /// `NodeType`: `ra3.xlplus`, `dc2.large`…
    pub node_type: String,
    /// Where it is; none while it is being made.
    pub endpoint: Option<(String, u16)>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            status: "available".to_owned(),
            node_type: "ra3.xlplus".to_owned(),
            endpoint: Some(("localhost".to_owned(), 5439)),
        }
    }
}

/// A workgroup of Redshift Serverless.
#[derive(Clone, Debug)]
pub struct Workgroup {
    /// `status`: `AVAILABLE`, `CREATING`…
    pub status: String,
    /// Where it is.
    pub endpoint: (String, u16),
}

impl Default for Workgroup {
    fn default() -> Self {
        Self { status: "AVAILABLE".to_owned(), endpoint: ("localhost".to_owned(), 5439) }
    }
}

/// Which API asks for a password for the database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "AWS's own words")]
pub enum MintKind {
    GetClusterCredentials,
    GetClusterCredentialsWithIam,
    GetCredentials,
}

/// What a password for the database is asked for.
#[derive(Clone, Debug)]
pub struct MintRequest {
    /// Which API asks.
    pub kind: MintKind,
    /// The cluster or the workgroup.
    pub warehouse: String,
    /// The name of the user in the database.
    pub user: String,
    /// The name to log in with.
    pub login: String,
    /// Whether the user is made if there is none.
    pub create: bool,
    /// The groups that are asked for.
    pub groups: Vec<String>,
    /// The database, if one is named.
    pub database: Option<String>,
    /// How long the password is good for.
    pub duration: Duration,
}

/// A password for the database.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The password.
    pub password: String,
    /// How long it is good for.
    pub duration: Duration,
}

/// Where passwords for the database come from.
pub type Mint = Arc<dyn Fn(MintRequest) -> BoxFuture<'static, anyhow::Result<Minted>> + Send + Sync>;
