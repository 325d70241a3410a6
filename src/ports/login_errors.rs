//! What can go wrong on the way to temporary credentials, in words that say what to do.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::{Untimely, Unused};
use crate::api::Reason;
use crate::lifecycle::Category;
use crate::lifecycle::hints::Hint;
use crate::lifecycle::login::Described;
use crate::lifecycle::words::Words;

/// A step on the way to temporary credentials: somebody is asked for something, within a time of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoginStep {
    /// `POST /api/v1/authn`.
    OktaAuthentication,
    /// `GET /home/…`: the page with the assertion.
    OktaApplication,
    /// `AssumeRoleWithSAML`.
    RoleOfAssertion,
    /// `AssumeRoleWithWebIdentity`, or the credentials' endpoint of the pod.
    PodIdentity,
    /// `DescribeClusters` or `GetWorkgroup`.
    Description,
    /// `GetClusterCredentials`, `GetClusterCredentialsWithIAM` or `GetCredentials`.
    Credentials,
}

impl fmt::Display for LoginStep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::OktaAuthentication => "Okta, asked to log the user in,",
            Self::OktaApplication => "Okta, asked for the page of the application,",
            Self::RoleOfAssertion => "AWS STS, asked for the role that Okta allows (AssumeRoleWithSAML),",
            Self::PodIdentity => "AWS, asked for the role of the operator's pod,",
            Self::Description => "AWS, asked what the warehouse is,",
            Self::Credentials => "AWS, asked for credentials of the warehouse,",
        })
    }
}

/// A state of a login in Okta that is no success.
/// <https://developer.okta.com/docs/reference/api/authn/#transaction-state>
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum OktaState {
    /// `MFA_REQUIRED`, `MFA_CHALLENGE`.
    #[error(
        "Okta wants a second factor of this user ({0}), which an operator can't give; let the sign-on policies of the \
         organisation and of the application ask this user for none, or choose another authenticationType"
    )]
    SecondFactor(&'static str),
    /// `MFA_ENROLL`, `MFA_ENROLL_ACTIVATE`.
    #[error(
        "Okta wants this user to enrol a second factor ({0}), which an operator can't give; take the user out of the policy \
         that asks for one, or choose another authenticationType"
    )]
    Enrolment(&'static str),
    /// `PASSWORD_EXPIRED`.
    #[error("the user's password in Okta has expired (PASSWORD_EXPIRED); set a new one there, and in the Secret")]
    PasswordExpired,
    /// `PASSWORD_WARN`.
    #[error(
        "the user's password in Okta is about to expire (PASSWORD_WARN), and Okta lets the user in only when that is settled; \
         set a new one there, and in the Secret"
    )]
    PasswordWarning,
    /// `PASSWORD_RESET`, `RECOVERY`, `RECOVERY_CHALLENGE`.
    #[error("the user's password in Okta is being reset ({0}); end that there, and set the new one in the Secret")]
    PasswordReset(&'static str),
    /// `LOCKED_OUT`.
    #[error("Okta has locked the user out (LOCKED_OUT); unlock it there, and check the password in the Secret before")]
    LockedOut,
    /// `UNAUTHENTICATED`.
    #[error("Okta doesn't take this as a login (UNAUTHENTICATED); check that the user is active there")]
    Unauthenticated,
    /// None that is known.
    #[error("Okta answered with `{0}`, which is no success and not known; look for the login in Okta's system log")]
    Unknown(Words),
}

/// Why an answer can't be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Unusable {
    /// Larger than any.
    #[error("sent more than 1 MiB")]
    TooLarge,
    /// It leads elsewhere, and that isn't followed.
    #[error("sent a redirect, which is not followed; check that the host is the one itself and no alias of it")]
    Redirect,
    /// Not what was expected.
    #[error(
        "sent something else than its documentation describes; check the host, and whether a proxy answers in its place"
    )]
    NotDocumented,
    /// No field with an assertion.
    #[error(
        "sent a page without an assertion (SAMLResponse); check appId and appName, and that the application is assigned to \
         the user"
    )]
    NoAssertion,
    /// What should be an assertion is none.
    #[error("sent an assertion that can't be read")]
    Assertion,
    /// It names no role.
    #[error("sent an assertion that lets the user take no role in AWS; assign one to the user in the application")]
    NoRoles,
    /// It has no user for the database.
    #[error(
        "sent an assertion that names no user of the database; set spec.config.aws.databaseUser, or the attribute DbUser of \
         the application"
    )]
    NoDatabaseUser,
    /// Something is missing in it.
    #[error("left something out that its documentation promises")]
    Incomplete,
}

/// Why a proxy is no way to a host.
#[derive(Clone, Debug, Error)]
pub enum ProxyFault {
    /// It wants to know who asks.
    #[error("it wants a user and a password (HTTP 407); write them into HTTPS_PROXY, http://user:password@host:port")]
    Unauthorized,
    /// It doesn't connect.
    #[error("it refuses the connection, or can't make it; allow the host there")]
    Refused,
    /// It isn't there.
    #[error("the proxy itself can't be reached ({0}); check HTTPS_PROXY")]
    Unreachable(Words),
    /// Nothing comes back, of it or of whoever is behind it.
    #[error("nothing came back within {0} s; check that the proxy works and lets connections to the host pass")]
    Silent(u64),
}

/// Why there are no temporary credentials.
#[derive(Clone, Debug, Error)]
pub enum LoginError {
    /// The operator's settings don't allow the host.
    #[error("the operator may not connect to {host}{}; its administrator can allow it with --allowed-hosts", at(.address.as_deref()))]
    HostForbidden {
        /// Its name.
        host: String,
        /// What the name resolved to.
        address: Option<String>,
    },
    /// The name has no address.
    #[error("{step} can't be found: the host name {host} can't be resolved ({reason})")]
    NameResolution {
        /// Who was asked.
        step: LoginStep,
        /// Its name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody answers.
    #[error(
        "{step} can't be reached at {host} ({reason}); check the way out of the cluster, and HTTPS_PROXY where there is one"
    )]
    Unreachable {
        /// Who was asked.
        step: LoginStep,
        /// Its name.
        host: String,
        /// What the network said.
        reason: Words,
    },
    /// No answer in time.
    #[error(
        "{step} didn't answer within {seconds} s ({host}); check the way out of the cluster, and HTTPS_PROXY where there is one"
    )]
    Deadline {
        /// Who was asked.
        step: LoginStep,
        /// Its name.
        host: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The proxy on the way is at fault.
    #[error(
        "{step} can't be reached at {host} through the proxy {proxy}: {why}; or name {host} in NO_PROXY, if there is a way without it"
    )]
    Proxy {
        /// Who was asked.
        step: LoginStep,
        /// Its name.
        host: String,
        /// The proxy.
        proxy: String,
        /// What is wrong with it.
        why: ProxyFault,
    },
    /// What the operator's environment says of the way to AWS or Okta can't be used.
    #[error("the operator's environment can't be meant: {0}")]
    Setting(String),
    /// The certificate isn't one to trust.
    #[error(
        "the certificate of {host} was rejected: {reason}; where it is signed by an authority of your own, start the operator with \
         --ca-file{}", .unused.behind_a_semicolon()
    )]
    CertificateRejected {
        /// Whose.
        host: String,
        /// Why.
        reason: Words,
        /// What of that file isn't used, where the authority isn't known.
        unused: Unused,
    },
    /// It isn't valid now.
    #[error("the certificate of {host} {when}")]
    CertificateUntimely {
        /// Whose.
        host: String,
        /// When it is.
        when: Untimely,
    },
    /// The file with further authorities can't be used.
    #[error("the file of --ca-file can't be used: {0}")]
    CaFile(String),
    /// The answer can't be used.
    #[error("{step} {why}")]
    Unusable {
        /// Who was asked.
        step: LoginStep,
        /// Why.
        why: Unusable,
    },
    /// There was an answer that nobody expects.
    #[error("{step} answered with HTTP {status}{}", .said.behind_a_colon())]
    Status {
        /// Who was asked.
        step: LoginStep,
        /// The status.
        status: u16,
        /// What came with it.
        said: Words,
    },
    /// Too many requests.
    #[error("{step} takes no more requests for now (HTTP 429)")]
    RateLimited {
        /// Who was asked.
        step: LoginStep,
        /// For how long.
        wait: Duration,
    },
    /// Okta refuses user or password.
    #[error("Okta refused the login{}; {}", .said.behind_a_colon(), super::errors::what_to_check(.hints))]
    PasswordRefused {
        /// What Okta said.
        said: Words,
        /// What is likely wrong with what was sent.
        hints: Vec<Hint>,
    },
    /// Okta answered with something else than success.
    #[error(transparent)]
    Okta(#[from] OktaState),
    /// The role isn't one of those that are offered.
    #[error("spec.config.okta.role: `{role}` is none of the roles that Okta lets this user take: {}", .offered.join(", "))]
    NoSuchRole {
        /// What was asked for.
        role: String,
        /// The ARNs of those that are offered.
        offered: Vec<String>,
    },
    /// It is more than one of them.
    #[error("spec.config.okta.role: `{role}` fits several roles that Okta lets this user take; name one by its ARN: {}", .fitting.join(", "))]
    AmbiguousRole {
        /// What was asked for.
        role: String,
        /// The ARNs of those that it fits.
        fitting: Vec<String>,
    },
    /// The pod has no identity.
    #[error(
        "the operator's pod has no AWS identity; give its service account a role, by the annotation eks.amazonaws.com/role-arn \
         (IRSA) or by a Pod Identity association, and restart it"
    )]
    NoPodIdentity,
    /// AWS refuses.
    #[error("{step} refused ({code}){}{}{}", .said.behind_a_colon(), then(*.advice), then(.state.as_deref()))]
    Aws {
        /// Who was asked.
        step: LoginStep,
        /// AWS's code for it.
        code: Words,
        /// AWS's words.
        said: Words,
        /// What to do.
        advice: Option<&'static str>,
        /// Why the warehouse is away, if it is.
        state: Option<String>,
        /// Whether waiting helps.
        category: Category,
    },
}

fn at(address: Option<&str>) -> String {
    address.map(|address| format!(" at {address}")).unwrap_or_default()
}

fn then(text: Option<&str>) -> String {
    text.map(|text| format!("; {text}")).unwrap_or_default()
}

impl LoginError {
    /// Whether waiting helps.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            Self::NameResolution { .. }
            | Self::Unreachable { .. }
            | Self::Deadline { .. }
            | Self::Proxy { .. }
            | Self::RateLimited { .. }
            | Self::Status { status: 408 | 500.., .. } => Category::Transient,
            Self::Aws { category, .. } => *category,
            Self::HostForbidden { .. }
            | Self::CertificateRejected { .. }
            | Self::CertificateUntimely { .. }
            | Self::CaFile(_)
            | Self::Setting(_)
            | Self::Unusable { .. }
            | Self::Status { .. }
            | Self::PasswordRefused { .. }
            | Self::Okta(_)
            | Self::NoSuchRole { .. }
            | Self::AmbiguousRole { .. }
            | Self::NoPodIdentity => Category::Permanent,
        }
    }

    /// With what AWS says of the warehouse, where that is why it gives out nothing.
    #[must_use]
    pub fn with_state(mut self, described: Option<&Described>) -> Self {
        if let (Self::Aws { state, .. }, Some(described)) = (&mut self, described) {
            *state = described.why_it_is_away();
        }
        self
    }

    /// How long whoever was asked wants not to be asked again.
    #[must_use]
    pub fn at_least(&self) -> Duration {
        match self {
            Self::RateLimited { wait, .. } => *wait,
            _ => Duration::ZERO,
        }
    }

    /// A short CamelCase word for conditions, events and metrics.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::HostForbidden { .. } => Reason::HostForbidden,
            Self::NameResolution { .. }
            | Self::Unreachable { .. }
            | Self::Deadline { .. }
            | Self::Proxy { .. }
            | Self::Setting(_)
            | Self::RateLimited { .. }
            | Self::Status { status: 408 | 500.., .. }
            | Self::Aws { category: Category::Transient, .. } => Reason::LoginServiceUnavailable,
            Self::CertificateRejected { .. } | Self::CertificateUntimely { .. } | Self::CaFile(_) => {
                Reason::CertificateRejected
            }
            Self::Unusable { .. } | Self::Status { .. } | Self::NoPodIdentity | Self::Aws { .. } => {
                Reason::CredentialsRefused
            }
            Self::Okta(OktaState::SecondFactor(_) | OktaState::Enrolment(_)) => Reason::MfaRequired,
            Self::Okta(OktaState::PasswordExpired | OktaState::PasswordWarning | OktaState::PasswordReset(_)) => {
                Reason::PasswordExpired
            }
            Self::Okta(OktaState::LockedOut) => Reason::AccountLocked,
            Self::PasswordRefused { .. } | Self::Okta(OktaState::Unauthenticated | OktaState::Unknown(_)) => {
                Reason::LoginRefused
            }
            Self::NoSuchRole { .. } | Self::AmbiguousRole { .. } => Reason::RoleUnknown,
        }
    }
}
