//! One connection: statements one at a time, each a message of its own.

use std::error::Error as _;
use std::future::poll_fn;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Connection, SimpleQueryMessage};
use tracing::{Instrument, debug, info_span};

use super::error::{StatementError, StatementFailure};
use super::words::Confidential;
use crate::scripts::Statement;
use crate::telemetry::Metrics;

/// One connection, closed when it is dropped: what was not committed then is undone by the server.
#[derive(Debug)]
pub struct Session {
    client: Client,
    connection: JoinHandle<()>,
    deadline: Duration,
    metrics: Metrics,
    confidential: Confidential,
}

/// One row of a result; columns are read by position, since Redshift can be set to change the case of
/// their names.
#[derive(Clone, Debug)]
pub struct Row(Vec<Option<String>>);

impl Row {
    /// The text of a column; empty for NULL and for a column that isn't there.
    #[must_use]
    pub fn text(&self, column: usize) -> &str {
        self.0.get(column).and_then(Option::as_deref).unwrap_or_default()
    }
}

impl Session {
    pub(super) fn new<S, T>(
        client: Client,
        mut connection: Connection<S, T>,
        deadline: Duration,
        metrics: Metrics,
        confidential: Confidential,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        metrics.connection_opened();
        let connection = tokio::spawn(async move {
            // What goes wrong here shows at the statement that waits for it. Notices are thrown away: the library itself
            // would log them, with whatever they quote.
            while let Some(Ok(_)) = poll_fn(|context| connection.poll_message(context)).await {}
        });
        Self { client, connection, deadline, metrics, confidential }
    }

    /// Executes statements in their order, up to the first that fails. Answers are thrown away.
    pub async fn execute(&self, statements: &[Statement]) -> Result<(), StatementError> {
        for statement in statements {
            self.query(statement).await?;
        }
        Ok(())
    }

    /// Executes a statement and returns its rows.
    pub async fn query(&self, statement: &Statement) -> Result<Vec<Row>, StatementError> {
        let span = info_span!("statement", name = statement.name());
        let started = Instant::now();
        let query = self.client.simple_query(statement.text()).instrument(span.clone());
        let result = match tokio::time::timeout(self.deadline, query).await {
            Ok(Ok(messages)) => Ok(messages.into_iter().filter_map(row).collect()),
            Ok(Err(error)) => Err(self.failure(&error, statement)),
            Err(_) => {
                // Whatever the server still does for us, we don't wait for: the connection is given up.
                self.connection.abort();
                Err(StatementFailure::Deadline(self.deadline.as_secs()))
            }
        };
        let _entered = span.enter();
        let outcome = match &result {
            Ok(_) => "ok",
            Err(StatementFailure::Refused { .. }) => "refused",
            Err(_) => "unknown",
        };
        debug!(outcome, elapsed = ?started.elapsed(), "statement");
        self.metrics.statement(statement.name(), outcome, started.elapsed());
        result.map_err(|failure| StatementError { statement: statement.name(), failure })
    }

    /// What happened, without anything that is secret: neither of the statement nor of the login.
    fn failure(&self, error: &tokio_postgres::Error, statement: &Statement) -> StatementFailure {
        // What is left of a secret once it is taken out is a part of it, cut off.
        let confidential = self.confidential.with(statement.secrets());
        let passed_on = |text: &str| confidential.pass_on(&statement.redact(text)).to_string();
        if let Some(server) = error.as_db_error() {
            let details = server.detail().map(|detail| format!("; {detail}")).unwrap_or_default();
            return StatementFailure::Refused {
                sqlstate: passed_on(server.code().code()),
                message: passed_on(&format!("{}{details}", server.message())),
            };
        }
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        StatementFailure::ConnectionLost(passed_on(&text))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // The client's own end lets the connection say good-bye to the server; it ends by itself.
        self.metrics.connection_closed();
    }
}

fn row(message: SimpleQueryMessage) -> Option<Row> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some(Row((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()))
}
