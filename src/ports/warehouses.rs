//! Warehouses: a login gives a session, a session takes statements.

use super::{CaBundle, ConnectError, Row, StatementError, Unused};
use crate::api::TlsMode;
use crate::lifecycle::{Credentials, Endpoint};
use crate::scripts::Statement;

/// How a connection is protected.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// What is verified.
    pub mode: TlsMode,
    /// Authorities to trust in place of the system's.
    pub ca_bundle: Option<CaBundle>,
    /// The name that the certificate must have, if it isn't the host's.
    pub server_name: Option<String>,
}

/// Where to connect to, and how.
#[derive(Clone, Debug)]
pub struct Target {
    /// Host and port.
    pub endpoint: Endpoint,
    /// How the connection is protected.
    pub tls: TlsSettings,
    /// How many times as long as usual it may take: a warehouse that was asleep takes its time.
    pub patience: u32,
}

/// Makes connections.
#[expect(async_fn_in_trait, reason = "whether a future is Send is checked on the concrete types")]
pub trait Warehouses {
    /// A connection.
    type Session: Session;

    /// What of the bundle of authorities isn't used; nothing where the bundle isn't looked at.
    fn unused(&self, tls: &TlsSettings) -> Unused;

    /// Logs in. There is no pool: a connection lives for one pass.
    async fn connect(
        &self,
        target: &Target,
        credentials: &Credentials,
        database: &str,
    ) -> Result<Self::Session, ConnectError>;
}

/// What a server answers: rows, or that it refuses.
pub type Answer = Result<Vec<Row>, StatementError>;

/// What came of a statement, if that is an answer; else the error.
pub fn answered(result: Result<Vec<Row>, StatementError>) -> Result<Answer, StatementError> {
    match result {
        Err(error) if !error.definitely_refused() => Err(error),
        answer => Ok(answer),
    }
}

/// One connection, closed when it is dropped: what was not committed then is undone by the server.
#[expect(async_fn_in_trait, reason = "whether a future is Send is checked on the concrete types")]
pub trait Session {
    /// Executes a statement and returns its rows.
    async fn query(&self, statement: &Statement) -> Result<Vec<Row>, StatementError>;

    /// Asks several things, outside of a transaction and none depending on another: of each what the server answers, a
    /// refusal of one leaving the others as they are. Whatever else goes wrong is the error, and nothing is waited for behind
    /// it. An adapter may send all of them before it waits, so that the distance to the server is paid once.
    async fn query_all(&self, look_ups: &[Statement]) -> Result<Vec<Answer>, StatementError> {
        let mut answers = Vec::new();
        for look_up in look_ups {
            answers.push(answered(self.query(look_up).await)?);
        }
        Ok(answers)
    }

    /// Executes statements in their order, up to the first that fails. Answers are thrown away.
    async fn execute(&self, statements: &[Statement]) -> Result<(), StatementError> {
        for statement in statements {
            self.query(statement).await?;
        }
        Ok(())
    }
}
