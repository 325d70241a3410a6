//! What can go wrong with a connection or a statement, in words that say what to do.

use thiserror::Error;

use super::{BundleFlaw, Untimely, Unused};
use crate::api::Reason;
use crate::lifecycle::hints::Hint;
use crate::lifecycle::login::Described;
use crate::lifecycle::server_error::ServerError;
use crate::lifecycle::words::{Confidential, Words};
use crate::lifecycle::{Category, Unseen};

/// More than the operator takes from a server, whose memory all resources share.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum Excess {
    /// Of one message.
    #[error("a message of more than 1 MiB")]
    Message,
    /// Of a login.
    #[error("a login of more than 64 KiB")]
    Login,
    /// Of a connection.
    #[error("more than 12 MiB on one connection")]
    Connection,
    /// Of an answer.
    #[error("an answer of more than 500,000 rows")]
    Rows,
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The operator's settings don't allow it.
    #[error("the operator may not connect to {host} at {address}; its administrator can allow it with --allowed-hosts")]
    HostForbidden {
        /// The host's name.
        host: String,
        /// What the name resolved to.
        address: String,
    },
    /// The name has no address.
    #[error("the host name {host} can't be resolved ({reason}); check spec.config.host")]
    NameResolution {
        /// The host's name.
        host: String,
        /// What the resolver said.
        reason: String,
    },
    /// Nobody answers at the address.
    #[error("{endpoint} can't be reached ({reason}); {}", or(.state.as_deref(), "check spec.config.host and port, security groups and routes"))]
    Unreachable {
        /// Host and port.
        endpoint: String,
        /// Why it is away, if that is known.
        state: Option<String>,
        /// What the network said.
        reason: String,
    },
    /// No answer in time.
    #[error("{endpoint} didn't answer in time; {}", or(.state.as_deref(), "check security groups and routes, or whether it is paused"))]
    Deadline {
        /// Host and port.
        endpoint: String,
        /// Why it is away, if that is known.
        state: Option<String>,
    },
    /// The server has no TLS.
    #[error(
        "the server doesn't offer TLS; turn it on there, or, where the network is trusted, set spec.config.tls.mode \
         to Disable"
    )]
    TlsRefused,
    /// The server's certificate isn't one to trust.
    #[error(
        "the server's certificate was rejected: {said}; check spec.config.tls.caBundleRef (the authority that signed it) \
         and spec.config.tls.serverName (the name in it){}", .unused.behind_a_semicolon()
    )]
    CertificateRejected {
        /// Why.
        said: Words,
        /// What of the bundle isn't used, where the authority isn't known.
        unused: Unused,
    },
    /// It isn't valid now.
    #[error("the server's certificate {0}")]
    CertificateUntimely(Untimely),
    /// The bundle of authorities is no such thing.
    #[error(
        "the CA bundle that spec.config.tls.caBundleRef names can't be used: {0}; it must hold certificates in PEM form, and \
         nothing else"
    )]
    CaBundle(BundleFlaw),
    /// The public authorities, which come with the image, can't be read.
    #[error("the public certificate authorities that come with the operator can't be used: {0}")]
    TrustStore(String),
    /// No name that can stand in a certificate.
    #[error("`{0}` is no name that a certificate can have; check spec.config.tls.serverName")]
    ServerName(String),
    /// The server wants TLS.
    #[error("the server insists on TLS; set spec.config.tls.mode to VerifyFull ({0})")]
    PlaintextRefused(Words),
    /// Wrong user name or password.
    #[error("the server refused the login{}; {}", .said.behind_a_colon(), what_to_check(.hints))]
    PasswordRefused {
        /// What the server said.
        said: Words,
        /// What is likely wrong with what was sent.
        hints: Vec<Hint>,
    },
    /// The server refuses credentials that AWS gave out for it.
    #[error(
        "the server refused the login of {user} with the temporary credentials that AWS gave out{}; check that there is such a \
         user (spec.config.aws.databaseUser), and that spec.config.host leads to the warehouse for which they are",
        .said.behind_a_colon()
    )]
    TemporaryRefused {
        /// The user, as AWS calls it.
        user: String,
        /// What the server said.
        said: Words,
    },
    /// Temporary credentials ran out before they were used.
    #[error("the temporary credentials ran out while the pass was under way; the next one fetches new ones")]
    CredentialsRanOut,
    /// There is no such database.
    #[error("the database {database} doesn't exist on the server ({reason})")]
    DatabaseMissing {
        /// Its name.
        database: String,
        /// What the server said.
        reason: Words,
    },
    /// The server has no room.
    #[error("the server takes no more connections: {0}")]
    TooManyConnections(Words),
    /// The password would go over the wire in the clear.
    #[error("the server asks for the password in the clear, and gets it only under spec.config.tls.mode VerifyFull")]
    ClearPasswordRefused,
    /// The password is stored in a form that came after this version.
    #[error(
        "the server asks for a digest of the password by an algorithm that this version doesn't know ({0}); let a superuser set \
         it again as MD5: ALTER USER … PASSWORD 'md5…' (md5 of password followed by user name)"
    )]
    UnsupportedPasswordHash(u32),
    /// The user is one of an identity provider's, who has no password.
    #[error(
        "the server asks for a token of an identity provider, which the operator has not; log in as a user who has a password, \
         or through AWS or Okta (spec.config.authenticationType)"
    )]
    IdentityProviderToken,
    /// The server asked for something else.
    #[error("{0}")]
    UnknownAuthentication(String),
    /// The database isn't of this warehouse: a shared one, or a catalogue of AWS Glue.
    #[error("the database {database} isn't one of this warehouse's own, and takes no logins")]
    NotLocal {
        /// Its name.
        database: String,
    },
    /// The server refused for another reason.
    #[error("the server refused the connection: {message} (SQLSTATE {sqlstate})")]
    Server {
        /// Its code.
        sqlstate: Words,
        /// Its words.
        message: Words,
        /// Whether waiting helps.
        category: Category,
    },
    /// The server sent more than a login takes.
    #[error("the server sent {0}, which a warehouse doesn't do at a login; check spec.config.host and port")]
    TooLarge(Excess),
    /// The conversation broke.
    #[error("the connection broke: {0}")]
    Protocol(Words),
}

pub(super) fn what_to_check(hints: &[Hint]) -> String {
    if hints.is_empty() {
        return "check `username` and `password` in the Secret: each must be under its own key, and nothing else with it"
            .to_owned();
    }
    let hints: Vec<_> = hints.iter().map(ToString::to_string).collect();
    format!("in the Secret, {}", hints.join(", and "))
}

fn or<'t>(state: Option<&'t str>, otherwise: &'t str) -> &'t str {
    state.unwrap_or(otherwise)
}

impl ConnectError {
    /// With what AWS says of the warehouse, where that is why nobody answers.
    #[must_use]
    pub fn with_state(mut self, described: Option<&Described>) -> Self {
        if let (Self::Unreachable { state, .. } | Self::Deadline { state, .. }, Some(described)) =
            (&mut self, described)
        {
            *state = described.why_it_is_away();
        }
        self
    }

    /// Whether waiting helps.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            // Networks heal, paused warehouses resume, names are entered into DNS, others log out.
            Self::NameResolution { .. }
            | Self::Unreachable { .. }
            | Self::Deadline { .. }
            | Self::TooManyConnections(_)
            | Self::CredentialsRanOut
            | Self::Protocol(_) => Category::Transient,
            Self::Server { category, .. } => *category,
            Self::HostForbidden { .. }
            | Self::TlsRefused
            | Self::CertificateRejected { .. }
            | Self::CertificateUntimely(_)
            | Self::CaBundle(_)
            | Self::TrustStore(_)
            | Self::ServerName(_)
            | Self::PlaintextRefused(_)
            | Self::PasswordRefused { .. }
            | Self::TemporaryRefused { .. }
            | Self::DatabaseMissing { .. }
            | Self::NotLocal { .. }
            | Self::ClearPasswordRefused
            | Self::UnsupportedPasswordHash(_)
            | Self::IdentityProviderToken
            | Self::UnknownAuthentication(_)
            | Self::TooLarge(_) => Category::Permanent,
        }
    }

    /// Whether another address of the same host may do better: nothing there has answered as a warehouse does.
    #[must_use]
    pub(crate) fn may_differ_elsewhere(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Deadline { .. } | Self::TooLarge(_) | Self::Protocol(_))
    }

    /// Whether the server knows neither this password for the user nor, perhaps, the user.
    #[must_use]
    pub fn is_refused_login(&self) -> bool {
        matches!(self, Self::PasswordRefused { .. } | Self::TemporaryRefused { .. } | Self::UnsupportedPasswordHash(_))
    }

    /// A short CamelCase word for conditions, events and metrics.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::HostForbidden { .. } => Reason::HostForbidden,
            Self::NameResolution { .. } => Reason::HostUnknown,
            Self::Unreachable { .. } | Self::Deadline { .. } => Reason::WarehouseUnreachable,
            Self::TlsRefused | Self::PlaintextRefused(_) => Reason::TlsMismatch,
            Self::CertificateRejected { .. }
            | Self::CertificateUntimely(_)
            | Self::CaBundle(_)
            | Self::TrustStore(_)
            | Self::ServerName(_) => Reason::CertificateRejected,
            Self::PasswordRefused { .. }
            | Self::TemporaryRefused { .. }
            | Self::CredentialsRanOut
            | Self::ClearPasswordRefused
            | Self::UnsupportedPasswordHash(_)
            | Self::IdentityProviderToken
            | Self::UnknownAuthentication(_) => Reason::LoginRefused,
            Self::DatabaseMissing { .. } => Reason::DatabaseMissing,
            Self::NotLocal { .. } => Reason::DatabaseUnusable,
            Self::TooManyConnections(_) => Reason::TooManyConnections,
            Self::Server { .. } | Self::TooLarge(_) | Self::Protocol(_) => Reason::ConnectionFailed,
        }
    }
}

/// Why a statement has no result.
#[derive(Debug, Error)]
#[error("the statement {statement} {failure}")]
pub struct StatementError {
    /// Name of the statement.
    pub statement: &'static str,
    /// What happened.
    pub failure: StatementFailure,
}

/// What happened to a statement.
#[derive(Debug, Error)]
pub enum StatementFailure {
    /// The server said no: nothing was done.
    #[error("was refused: {message} (SQLSTATE {sqlstate})")]
    Refused {
        /// The server's code.
        sqlstate: String,
        /// The server's words, without secrets and without what is another at the next try.
        message: String,
        /// Whether waiting helps.
        category: Category,
    },
    /// The answer never came: whether it was done isn't known.
    #[error("got no answer, the connection was lost: {0}")]
    ConnectionLost(String),
    /// It was answered, and the answer can't be read.
    #[error(
        "was answered with something that is no text in UTF-8, in column {column} of row {row}; look with another client \
         for a name that is encoded otherwise, and rename what has it"
    )]
    NotText {
        /// Which row; the first is 1.
        row: usize,
        /// Which column; the first is 1.
        column: usize,
    },
    /// The answer was given up since it is too large: whether it was done isn't known.
    #[error("was given up, since the server sent {0}")]
    TooLarge(Excess),
    /// The answer was given up, or not waited for, since there was no room for it beside others: whether it was done
    /// isn't known.
    #[error("was given up, since there was no room for a large answer beside those of other warehouses")]
    NoRoom,
    /// The answer didn't come in time: whether it was done isn't known.
    #[error("got no answer within {0} s")]
    Deadline(u64),
}

impl StatementError {
    /// Whether the server answered with an error, so that the statement did nothing.
    #[must_use]
    pub fn definitely_refused(&self) -> bool {
        matches!(self.failure, StatementFailure::Refused { .. })
    }

    /// Whether others' connections to a database stand in the way (`DROP DATABASE`).
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        self.is_code("55006") && self.category() == Category::Transient
    }

    /// Whether something ties a user that is dropped to others' objects (`DROP USER`).
    #[must_use]
    pub fn is_tied(&self) -> bool {
        self.is_code("55006") && self.category() == Category::Permanent
    }

    fn is_code(&self, code: &str) -> bool {
        matches!(&self.failure, StatementFailure::Refused { sqlstate, .. } if sqlstate == code)
    }

    /// That the server won't show what was asked for, if that is what it is: a refusal that isn't passing.
    #[must_use]
    pub fn unseen(&self) -> Option<Unseen> {
        match &self.failure {
            StatementFailure::Refused { sqlstate, category: Category::Permanent, .. } => {
                Some(Unseen::Refused { look_up: self.statement, sqlstate: sqlstate.clone() })
            }
            _ => None,
        }
    }

    /// Whether the same statement may well be answered if it is sent again at once.
    #[must_use]
    pub fn is_passing_refusal(&self) -> bool {
        matches!(&self.failure, StatementFailure::Refused { category: Category::Transient, .. })
    }

    /// Whether waiting helps.
    #[must_use]
    pub fn category(&self) -> Category {
        match &self.failure {
            StatementFailure::ConnectionLost(_) | StatementFailure::Deadline(_) | StatementFailure::NoRoom => {
                Category::Transient
            }
            // It is the same at the next try, until there is less, or somebody renames something.
            StatementFailure::NotText { .. } | StatementFailure::TooLarge(_) => Category::Permanent,
            StatementFailure::Refused { category, .. } => *category,
        }
    }
}

impl StatementFailure {
    /// A refusal. Of what the server said, all that is shown is `confidential`'s to pass on.
    #[must_use]
    pub fn refused(error: ServerError<'_>, confidential: &Confidential) -> Self {
        let whole = error.whole();
        let pass_on = |short: &str| confidential.pass_on_in_short(&whole, short).to_string();
        Self::Refused {
            sqlstate: pass_on(error.sqlstate),
            message: pass_on(&error.stable()),
            category: error.known().unwrap_or(Category::Permanent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(sqlstate: &str, message: &str) -> StatementError {
        let error = ServerError { sqlstate, message, detail: "" };
        StatementError {
            statement: "create-claim",
            failure: StatementFailure::refused(error, &Confidential::default()),
        }
    }

    #[test]
    fn a_refusal_is_passing_only_if_it_is_known_to_be() {
        let error = refused("XX000", "could not complete because of conflict with concurrent transaction");
        assert_eq!((error.category(), error.unseen()), (Category::Transient, None));
        let error = refused("XX000", "assert");
        assert_eq!(error.category(), Category::Permanent);
        assert!(error.unseen().is_some());
    }

    #[test]
    fn only_an_answer_proves_that_nothing_was_done() {
        assert!(refused("42710", "user \"x\" already exists").definitely_refused());
        let lost = StatementError { statement: "x", failure: StatementFailure::Deadline(60) };
        assert!(!lost.definitely_refused());
    }
}
