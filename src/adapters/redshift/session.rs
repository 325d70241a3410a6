//! One connection: statements one at a time, each a message of its own.

use std::error::Error as _;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, SimpleQueryMessage};
use tracing::{Instrument, debug, info_span};

use crate::ports::{Row, Session, StatementError, StatementFailure};
use crate::scripts::Statement;
use crate::telemetry::Metrics;

/// One connection, closed when it is dropped: what was not committed then is undone by the server.
#[derive(Debug)]
pub struct Connection {
    client: Client,
    task: JoinHandle<()>,
    deadline: Duration,
    metrics: Metrics,
}

impl Connection {
    pub(super) fn new<S, T>(
        client: Client,
        connection: tokio_postgres::Connection<S, T>,
        deadline: Duration,
        metrics: Metrics,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        metrics.connection_opened();
        let task = tokio::spawn(async move {
            // What goes wrong here shows at the statement that waits for it.
            let _ = connection.await;
        });
        Self { client, task, deadline, metrics }
    }
}

impl Session for Connection {
    async fn query(&self, statement: &Statement) -> Result<Vec<Row>, StatementError> {
        let span = info_span!("statement", name = statement.name());
        let started = Instant::now();
        let query = self.client.simple_query(statement.text()).instrument(span.clone());
        let result = match tokio::time::timeout(self.deadline, query).await {
            Ok(Ok(messages)) => Ok(messages.into_iter().filter_map(row).collect()),
            Ok(Err(error)) => Err(failure(&error, statement)),
            Err(_) => {
                // Whatever the server still does for us, we don't wait for: the connection is given up.
                self.task.abort();
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
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The client's own end lets the connection say good-bye to the server; it ends by itself.
        self.metrics.connection_closed();
    }
}

fn row(message: SimpleQueryMessage) -> Option<Row> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some(Row::new((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect()))
}

fn failure(error: &tokio_postgres::Error, statement: &Statement) -> StatementFailure {
    if let Some(server) = error.as_db_error() {
        let details = server.detail().map(|detail| format!("; {detail}")).unwrap_or_default();
        return StatementFailure::Refused {
            sqlstate: server.code().code().to_owned(),
            message: statement.redact(&format!("{}{details}", server.message())),
        };
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    StatementFailure::ConnectionLost(statement.redact(&text))
}
