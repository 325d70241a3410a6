//! What can go wrong with a connection or a statement, in words that say what to do.

use thiserror::Error;

use super::BundleFlaw;
use crate::api::Reason;
use crate::lifecycle::Category;
use crate::lifecycle::words::Words;

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
    #[error("{endpoint} can't be reached ({reason}); check spec.config.host and port, security groups and routes")]
    Unreachable {
        /// Host and port.
        endpoint: String,
        /// What the network said.
        reason: String,
    },
    /// No answer in time.
    #[error("{endpoint} didn't answer within {seconds} s; check security groups and routes, or whether it is paused")]
    Deadline {
        /// Host and port.
        endpoint: String,
        /// The bound.
        seconds: u64,
    },
    /// The server has no TLS.
    #[error(
        "the server doesn't offer TLS; turn it on there, or, where the network is trusted, set spec.config.tls.mode \
         to Disable"
    )]
    TlsRefused,
    /// The server's certificate isn't one to trust.
    #[error(
        "the server's certificate was rejected: {0}; check spec.config.tls.caBundleRef (the authority that signed it) \
         and spec.config.tls.serverName (the name in it)"
    )]
    CertificateRejected(Words),
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
    #[error(
        "the server refused the login{}; check `username` and `password` in the Secret: each must be under its own key, and \
         nothing else with it",
        .0.behind_a_colon()
    )]
    PasswordRefused(Words),
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
    /// The password is stored in a form that generic drivers can't use.
    #[error(
        "the user's password is stored as SHA-256, which only AWS's own drivers can use for a login; let a superuser \
         set it again as MD5: ALTER USER … PASSWORD 'md5…' (md5 of password followed by user name)"
    )]
    UnsupportedPasswordHash,
    /// The server asked for something else.
    #[error("{0}")]
    UnknownAuthentication(String),
    /// The server refused for another reason.
    #[error("the server refused the connection: {message} (SQLSTATE {sqlstate})")]
    Server {
        /// Its code.
        sqlstate: Words,
        /// Its words.
        message: Words,
    },
    /// The server sent more than a login takes.
    #[error("the server sent {0}, which a warehouse doesn't do at a login; check spec.config.host and port")]
    TooLarge(Excess),
    /// The conversation broke.
    #[error("the connection broke: {0}")]
    Protocol(Words),
}

impl ConnectError {
    /// Whether waiting helps.
    #[must_use]
    pub fn category(&self) -> Category {
        match self {
            // Networks heal, paused warehouses resume, names are entered into DNS, others log out.
            Self::NameResolution { .. }
            | Self::Unreachable { .. }
            | Self::Deadline { .. }
            | Self::TooManyConnections(_)
            | Self::Protocol(_)
            | Self::Server { .. } => Category::Transient,
            Self::HostForbidden { .. }
            | Self::TlsRefused
            | Self::CertificateRejected(_)
            | Self::CaBundle(_)
            | Self::TrustStore(_)
            | Self::ServerName(_)
            | Self::PlaintextRefused(_)
            | Self::PasswordRefused(_)
            | Self::DatabaseMissing { .. }
            | Self::ClearPasswordRefused
            | Self::UnsupportedPasswordHash
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
        matches!(self, Self::PasswordRefused(_) | Self::UnsupportedPasswordHash)
    }

    /// A short CamelCase word for conditions, events and metrics.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::HostForbidden { .. } => Reason::HostForbidden,
            Self::NameResolution { .. } => Reason::HostUnknown,
            Self::Unreachable { .. } | Self::Deadline { .. } => Reason::WarehouseUnreachable,
            Self::TlsRefused | Self::PlaintextRefused(_) => Reason::TlsMismatch,
            Self::CertificateRejected(_) | Self::CaBundle(_) | Self::TrustStore(_) | Self::ServerName(_) => {
                Reason::CertificateRejected
            }
            Self::PasswordRefused(_)
            | Self::ClearPasswordRefused
            | Self::UnsupportedPasswordHash
            | Self::UnknownAuthentication(_) => Reason::LoginRefused,
            Self::DatabaseMissing { .. } => Reason::DatabaseMissing,
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
        /// The server's words, without secrets.
        message: String,
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
        matches!(&self.failure, StatementFailure::Refused { sqlstate, .. } if sqlstate == "55006")
    }

    /// Whether another transaction stood in the way; the text is Redshift's, whose codes for it are not
    /// documented.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        let StatementFailure::Refused { sqlstate, message } = &self.failure else { return false };
        let texts = ["conflict with concurrent transaction", "Serializable isolation violation", "deadlock detected"];
        matches!(sqlstate.as_str(), "40001" | "40P01") || texts.iter().any(|text| message.contains(text))
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
            StatementFailure::Refused { sqlstate, message } => {
                // Class 53: no resources. 57: shut down or cancelled. 58: the system failed. 55006: in use.
                let transient_class = ["53", "57", "58"].iter().any(|class| sqlstate.starts_with(class));
                if transient_class
                    || sqlstate == "55006"
                    || self.is_conflict()
                    || message.contains("canceled on user's request")
                {
                    Category::Transient
                } else {
                    Category::Permanent
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(sqlstate: &str, message: &str) -> StatementError {
        StatementError {
            statement: "create-claim",
            failure: StatementFailure::Refused { sqlstate: sqlstate.to_owned(), message: message.to_owned() },
        }
    }

    #[test]
    fn a_conflict_is_known_by_its_text_where_the_code_says_nothing() {
        let error = refused("XX000", "could not complete because of conflict with concurrent transaction");
        assert!(error.is_conflict());
        assert_eq!(error.category(), Category::Transient);
        assert!(!refused("XX000", "assert").is_conflict());
    }

    #[test]
    fn only_an_answer_proves_that_nothing_was_done() {
        assert!(refused("42710", "user \"x\" already exists").definitely_refused());
        let lost = StatementError { statement: "x", failure: StatementFailure::Deadline(60) };
        assert!(!lost.definitely_refused());
    }
}
