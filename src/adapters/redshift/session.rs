//! One connection: statements, each a message of its own.

use std::error::Error as _;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::AbortHandle;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryStream};
use tracing::{Instrument, debug, info, info_span};

use super::answer::{Answer, MOST_ROWS, NotText};
use super::guard::Ended;
use crate::lifecycle::server_error::ServerError;
use crate::lifecycle::words::Confidential;
use crate::ports::{self, Excess, Row, Session, StatementError, StatementFailure, answered};
use crate::scripts::Statement;
use crate::telemetry::Metrics;

/// How long a connection may take to end once it isn't needed any more. The server gets its good-bye, and what it still
/// owes an answer is left behind.
const GOOD_BYE: Duration = Duration::from_secs(5);

/// What each connection may keep of its answers, in bytes, beside all the others: those of a database of 2,000
/// relations. 16 passes at a time make 4 MiB of it.
const KEPT_BY_EACH: usize = 256 * 1024;

/// How many connections may keep more than that at the same time. One may keep what is the greater part of the 128 MiB
/// that the chart gives to the process.
pub(super) const LARGE_ONES: usize = 1;

/// What all connections of the operator go by.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Longest wait for an answer.
    pub(super) deadline: Duration,
    /// Who may keep large answers.
    pub(super) room: Arc<Semaphore>,
    /// Counts.
    pub(super) metrics: Metrics,
}

/// A statement that was sent, whose answer comes.
type Sent = Result<SimpleQueryStream, tokio_postgres::Error>;

/// What a connection keeps of its answers, as far as it is known here: whoever reads them may keep them as long as the
/// connection.
#[derive(Debug, Default)]
struct Kept {
    bytes: usize,
    /// Since when it takes the room of others.
    large: Option<(OwnedSemaphorePermit, Instant)>,
}

/// One connection, closed when it is dropped: what was not committed then is undone by the server.
#[derive(Debug)]
pub struct Connection {
    client: Client,
    task: AbortHandle,
    /// Tells the connection that nobody needs it any more, by being dropped.
    _in_use: oneshot::Sender<()>,
    terms: Terms,
    kept: Mutex<Kept>,
    confidential: Confidential,
    ended: Ended,
}

impl Connection {
    pub(super) fn new<S, T>(
        client: Client,
        mut connection: tokio_postgres::Connection<S, T>,
        terms: Terms,
        confidential: Confidential,
        ended: Ended,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        terms.metrics.connection_opened();
        let (in_use, no_longer) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            // What goes wrong here shows at the statement that waits for it. Notices are thrown away: the library itself
            // would log them, with whatever they quote.
            let talk = async { while let Some(Ok(_)) = poll_fn(|context| connection.poll_message(context)).await {} };
            let end = async {
                // Nothing is ever sent: it resolves when the other half is dropped.
                let _ = no_longer.await;
                tokio::time::sleep(GOOD_BYE).await;
            };
            tokio::select! { () = talk => {}, () = end => {} }
        });
        let (task, kept) = (task.abort_handle(), Mutex::default());
        Self { client, task, _in_use: in_use, terms, kept, confidential, ended }
    }

    /// Puts it behind what was sent before. That doesn't wait for the server.
    async fn send(&self, statement: &Statement) -> Sent {
        self.client.simple_query_raw(statement.text()).await
    }

    async fn answer(&self, statement: &Statement, sent: Sent) -> Result<Vec<Row>, StatementFailure> {
        let mut messages = pin!(sent.map_err(|error| self.failure(&error, statement))?);
        let mut answer = Answer::default();
        while let Some(message) = messages.next().await {
            if let SimpleQueryMessage::Row(row) = message.map_err(|error| self.failure(&error, statement))? {
                if answer.len() == MOST_ROWS {
                    return Err(StatementFailure::TooLarge(Excess::Rows));
                }
                self.keep(answer.push(&row)).await?;
            }
        }
        match answer.not_text {
            None => Ok(answer.into_rows()),
            Some(NotText { row, column }) => Err(StatementFailure::NotText { row, column }),
        }
    }

    /// Makes room for more bytes of an answer. While it is waited for, nothing is read from the server.
    async fn keep(&self, bytes: usize) -> Result<(), StatementFailure> {
        let is_large = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.bytes = kept.bytes.saturating_add(bytes);
            kept.bytes > KEPT_BY_EACH && kept.large.is_none()
        };
        if is_large {
            // Shorter than the deadline of the statement, so that it is said what was waited for.
            let wait = self.terms.deadline.mul_f64(0.9);
            let permit = tokio::time::timeout(wait, self.terms.room.clone().acquire_owned()).await;
            let Ok(Ok(permit)) = permit else { return Err(StatementFailure::NoRoom) };
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).large = Some((permit, Instant::now()));
        }
        Ok(())
    }

    /// How long the next answer may take. Who takes the room of others does so for no longer than others wait for it.
    fn deadline(&self) -> Duration {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let large_for = kept.large.as_ref().map_or(Duration::ZERO, |(_, since)| since.elapsed());
        self.terms.deadline.saturating_sub(large_for)
    }

    /// What happened, without anything that is secret: neither of the statement nor of the login.
    fn failure(&self, error: &tokio_postgres::Error, statement: &Statement) -> StatementFailure {
        if let Some(excess) = self.ended.get() {
            return StatementFailure::TooLarge(*excess);
        }
        // What is left of a secret once it is taken out is a part of it, cut off.
        let confidential = self.confidential.with(statement.secrets());
        let passed_on = |text: &str| confidential.pass_on(&statement.redact(text)).to_string();
        if let Some(server) = error.as_db_error() {
            let redact = |text: &str| statement.redact(text);
            let (sqlstate, message) = (redact(server.code().code()), redact(server.message()));
            let detail = redact(server.detail().unwrap_or_default());
            let error = ServerError { sqlstate: &sqlstate, message: &message, detail: &detail };
            // It is another at each try, and tells those who look for it where in the warehouse it was.
            info!(said = %confidential.pass_on(&error.whole()), "refused");
            return StatementFailure::refused(error, &confidential);
        }
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        StatementFailure::ConnectionLost(passed_on(&text))
    }

    /// The time for it begins now: what was sent ahead of others has had to wait for theirs.
    async fn wait_for(&self, statement: &Statement, sent: Sent) -> Result<Vec<Row>, StatementError> {
        let span = info_span!("statement", name = statement.name());
        let started = Instant::now();
        let deadline = self.deadline();
        let answer = tokio::time::timeout(deadline, self.answer(statement, sent).instrument(span.clone())).await;
        let result = answer.unwrap_or_else(|_| {
            let whole = deadline == self.terms.deadline;
            Err(if whole { StatementFailure::Deadline(deadline.as_secs()) } else { StatementFailure::NoRoom })
        });
        let _entered = span.enter();
        let outcome = match &result {
            Ok(_) => "ok",
            Err(StatementFailure::Refused { .. }) => "refused",
            Err(StatementFailure::NotText { .. }) => "unreadable",
            Err(_) => {
                // Whatever the server still does for us, we don't wait for: the connection is given up.
                self.task.abort();
                "unknown"
            }
        };
        debug!(outcome, elapsed = ?started.elapsed(), "statement");
        self.terms.metrics.statement(statement.name(), outcome, started.elapsed());
        result.map_err(|failure| StatementError { statement: statement.name(), failure })
    }
}

impl Session for Connection {
    async fn query(&self, statement: &Statement) -> Result<Vec<Row>, StatementError> {
        let sent = self.send(statement).await;
        self.wait_for(statement, sent).await
    }

    /// Each is a message of its own, with a transaction and an answer of its own: one that is refused leaves the others
    /// as they are, and the server answers in the order in which it was asked.
    async fn query_all(&self, look_ups: &[Statement]) -> Result<Vec<ports::Answer>, StatementError> {
        let mut sent = Vec::new();
        for look_up in look_ups {
            sent.push(self.send(look_up).await);
        }
        let mut answers = Vec::new();
        for (look_up, sent) in look_ups.iter().zip(sent) {
            answers.push(answered(self.wait_for(look_up, sent).await)?);
        }
        Ok(answers)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The client's own end lets the connection say good-bye to the server; it ends by itself, or is ended.
        self.terms.metrics.connection_closed();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use redshift_stand_in::faults::{Action, Fault};
    use redshift_stand_in::{Options, StandIn};

    use super::*;
    use crate::adapters::redshift::{Connector, Deadlines};
    use crate::api::TlsMode;
    use crate::lifecycle::hosts::AddressPolicy;
    use crate::lifecycle::{Credentials, Endpoint};
    use crate::ports::{Target, TlsSettings, Warehouses};

    async fn enter(stand_in: &StandIn, deadline: Duration) -> Connection {
        let policy = AddressPolicy::new(vec!["localhost".parse().unwrap()]);
        let deadlines = Deadlines { statement: deadline, ..Deadlines::default() };
        let tls = TlsSettings { mode: TlsMode::Disable, ..TlsSettings::default() };
        let target = Target { endpoint: Endpoint::new(stand_in.host(), stand_in.port()), tls, patience: 1 };
        let credentials = Credentials::of_account("awsuser", stand_in.admin_password().to_owned().into());
        Connector::new(policy, deadlines, Metrics::new()).connect(&target, &credentials, "dev").await.unwrap()
    }

    fn look_ups<const N: usize>(texts: [(&'static str, &str); N]) -> [Statement; N] {
        texts.map(|(name, text)| Statement::new(name, text.to_owned(), Vec::new()))
    }

    /// Four, of which the second is refused.
    fn four() -> [Statement; 4] {
        look_ups([
            ("a", "SELECT 'a'"),
            ("b", "SELECT usename FROM no_such_table"),
            ("c", "SELECT 'c'"),
            ("d", "SELECT 'd'"),
        ])
    }

    #[tokio::test]
    async fn each_has_its_own_answer_and_a_refusal_is_its_own() {
        let stand_in = StandIn::start(Options::default()).await.unwrap();
        let session = enter(&stand_in, Duration::from_mins(1)).await;
        let answers = session.query_all(&four()).await.unwrap();
        let answers = answers.into_iter().map(|answer| match answer {
            Ok(rows) => rows.iter().map(|row| row.text(0)).collect(),
            Err(error) => error.to_string(),
        });
        let refused = "the statement b was refused: relation \"no_such_table\" does not exist (SQLSTATE 42P01)";
        assert_eq!(answers.collect::<Vec<String>>(), ["a", refused, "c", "d"]);
        // The connection is as good as before.
        assert_eq!(session.query(&four()[3]).await.unwrap()[0].text(0), "d");
    }

    #[tokio::test]
    async fn what_has_no_answer_in_time_is_told_by_its_name() {
        let stand_in = StandIn::start(Options::default()).await.unwrap();
        let session = enter(&stand_in, Duration::from_secs(5)).await;
        stand_in.faults().set(Fault::new(Action::Delay { milliseconds: 600_000 }).at("'c'"));
        let error = session.query_all(&four()).await.unwrap_err();
        assert_eq!(error.to_string(), "the statement c got no answer within 5 s");
        assert!(!session.query(&four()[0]).await.unwrap_err().definitely_refused());
    }

    #[tokio::test]
    async fn a_connection_that_is_lost_in_between_is_no_refusal() {
        let stand_in = StandIn::start(Options::default()).await.unwrap();
        for action in [Action::DropBefore, Action::DropAfter] {
            let session = enter(&stand_in, Duration::from_mins(1)).await;
            stand_in.faults().set(Fault::new(action).at("'c'"));
            let error = session.query_all(&four()).await.unwrap_err();
            assert!(matches!(error.failure, StatementFailure::ConnectionLost(_)), "{error}");
        }
    }
}
