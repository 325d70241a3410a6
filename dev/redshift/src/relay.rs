//! One client's session: its messages are passed on to a session of `PostgreSQL`'s, and back.
//!
//! One thing at a time: a message goes to the server, and its answer to the client, before the next is looked at. So
//! it is always known what the server is at, whatever the client has sent ahead, and neither side can wait for the
//! other for ever.

mod exchange;
mod extended;
mod faults;
mod questions;
mod simple;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::io::{AsyncWrite, AsyncWriteExt, BufWriter};
use tokio::sync::mpsc;

use crate::Shared;
use crate::dialect::{
    Refusal, SessionContext, Verdict, is_set_locally, judge, makes_late_view, switches_case_sensitivity,
    switches_metadata_security,
};
use crate::errors::{ServerError, as_redshift};
use crate::journal::Event;
use crate::parameters;
use crate::protocol::Frame;
use crate::warehouse::Warehouse;

pub(crate) use extended::Extended;

/// Longest time for the server's word that a statement is done.
const SERVER_DEADLINE: Duration = Duration::from_mins(10);

/// `ERRCODE_PROTOCOL_VIOLATION`
const PROTOCOL_VIOLATION: &str = "08P01";

/// The two sides of a session, and what is known of it.
pub(crate) struct Relay<C: AsyncWrite, S> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) warehouse: Arc<Warehouse>,
    pub(crate) context: SessionContext,
    /// The user who logged in; the context has who that user became.
    pub(crate) login: String,
    pub(crate) session: u64,
    pub(crate) database: String,
    /// What is written here is on its way only when it is flushed, which is done before every wait: TLS keeps for
    /// itself what the socket didn't take at once.
    pub(crate) client: BufWriter<C>,
    pub(crate) server: S,
    pub(crate) from_client: mpsc::Receiver<std::io::Result<Frame>>,
    /// What the client sent while its statement was held.
    pub(crate) early: VecDeque<Frame>,
    pub(crate) from_server: mpsc::Receiver<Frame>,
    pub(crate) extended: Extended,
    /// Whether the client has been told that the session ends.
    pub(crate) farewell: bool,
    /// Whether the case of names was kept before this transaction, if that was set in it.
    pub(crate) case_sensitive_before: Option<bool>,
    /// Whether what came last is undone.
    pub(crate) rolled_back: bool,
    /// Whether it was set for the transaction alone.
    pub(crate) set_locally: bool,
    /// When the message that is at work was looked at.
    pub(crate) since: Instant,
}

/// How a message of the client's ends, and how a session does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answered {
    /// The session goes on.
    Yes,
    /// The session ends, and the client has been told, or has asked for it.
    Over,
    /// The connection is broken on purpose.
    Broken,
}

impl<C: AsyncWrite + Unpin, S: AsyncWrite + Unpin> Relay<C, S> {
    /// Until the session is over; never `Answered::Yes`.
    pub(crate) async fn run(&mut self) -> anyhow::Result<Answered> {
        loop {
            let Some(frame) = self.next_message().await? else { return Ok(Answered::Over) };
            self.since = Instant::now();
            let answered = match frame.kind {
                b'X' => return Ok(Answered::Over),
                b'P' | b'B' | b'D' | b'E' | b'C' | b'H' | b'S' => self.extended(&frame).await?,
                b'Q' | b'F' if self.extended.is_open() => {
                    self.fatal(PROTOCOL_VIOLATION, "Sync is missing before the simple protocol").await?
                }
                b'Q' => self.query(&frame).await?,
                b'F' => self.function_call().await?,
                // What is left of a COPY that was refused. <https://www.postgresql.org/docs/15/protocol-flow.html>
                b'd' | b'c' | b'f' => Answered::Yes,
                kind => self.fatal(PROTOCOL_VIOLATION, &format!("invalid frontend message type {kind}")).await?,
            };
            if answered != Answered::Yes {
                return Ok(answered);
            }
        }
    }

    /// What the client sends next; `None` at the end.
    async fn next_message(&mut self) -> anyhow::Result<Option<Frame>> {
        if let Some(frame) = self.early.pop_front() {
            return Ok(Some(frame));
        }
        loop {
            self.client.flush().await?;
            tokio::select! {
                frame = self.from_client.recv() => return Ok(frame.transpose()?),
                frame = self.from_server.recv() => {
                    // Between statements: its farewell, or a setting that changed.
                    let Some(frame) = frame else { return Ok(None) };
                    self.pass(frame, "").await?;
                }
            }
        }
    }

    /// Tells the client why the session ends.
    pub(crate) async fn fatal(&mut self, sqlstate: &str, message: &str) -> anyhow::Result<Answered> {
        if std::mem::replace(&mut self.farewell, true) {
            return Ok(Answered::Over);
        }
        self.say(&ServerError::fatal(sqlstate, message).frame()).await?;
        self.client.flush().await?;
        Ok(Answered::Over)
    }

    async fn say(&mut self, frame: &Frame) -> anyhow::Result<()> {
        self.client.write_all(&self.warehouse.outgoing(frame)).await?;
        Ok(())
    }

    /// Passes on what of the server's message the client is to see.
    async fn pass(&mut self, frame: Frame, statement: &str) -> anyhow::Result<()> {
        match self.passed(frame, statement) {
            Some(frame) => self.say(&frame).await,
            None => Ok(()),
        }
    }

    fn passed(&mut self, frame: Frame, statement: &str) -> Option<Frame> {
        match frame.kind {
            b'E' | b'N' => {
                self.farewell |= frame.field(b'S').is_some_and(|severity| severity == "FATAL");
                return Some(as_redshift(&frame, statement));
            }
            b'S' => {}
            _ => return Some(frame),
        }
        let answer = parameters::reported(&frame, &mut self.context);
        // After a ROLLBACK that gives the session back, PostgreSQL says whose it is and nothing of superusers.
        if self.context.user == self.login {
            self.context.superuser = self.context.may_become_others;
        }
        answer
    }

    /// What becomes of a statement, all that had to be asked about it being known.
    fn judge(&mut self, text: &str) -> Verdict {
        self.context.metadata_security = self.shared.metadata_security.load(Ordering::Relaxed);
        self.context.late_views = self.shared.late_views.load(Ordering::Relaxed);
        let verdict = judge(text, &self.context);
        if matches!(verdict, Verdict::Refuse(_)) {
            return verdict;
        }
        if makes_late_view(&verdict) {
            self.shared.late_views.store(true, Ordering::Relaxed);
        }
        if let Some(on) = switches_metadata_security(text) {
            self.shared.metadata_security.store(on, Ordering::Relaxed);
        }
        if let Some(on) = switches_case_sensitivity(text) {
            self.case_sensitive_before.get_or_insert(self.context.case_sensitive);
            self.context.case_sensitive = on;
            self.set_locally = is_set_locally(text);
        }
        verdict
    }

    /// Follows the session's transaction, and with it what the transaction has set.
    fn watch(&mut self, frame: &Frame) {
        match frame.kind {
            // COMMIT of a transaction that failed says so as well.
            b'C' => self.rolled_back = frame.text() == "ROLLBACK",
            b'E' if !self.context.in_transaction => self.rolled_back = true,
            _ => {}
        }
        if frame.kind == b'Z' {
            if frame.body.first() == Some(&b'I') {
                let before = self.case_sensitive_before.take();
                if std::mem::take(&mut self.rolled_back) | std::mem::take(&mut self.set_locally) {
                    self.context.case_sensitive = before.unwrap_or(self.context.case_sensitive);
                }
            }
            let in_transaction = frame.body.first() != Some(&b'I');
            self.context.first_in_transaction = in_transaction && !self.context.in_transaction;
            self.context.in_transaction = in_transaction;
        }
    }

    pub(crate) fn journal(&self, text: &str, notes: Vec<String>, outcome: &str, page: Option<String>) {
        let microseconds = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX);
        let event = Event::Statement { text: text.to_owned(), notes, outcome: outcome.to_owned(), page, microseconds };
        self.shared.journal.add(self.session, &self.database, &self.login, event);
    }
}

/// The text of a statement; the error if it is none.
fn statement_text(bytes: &[u8]) -> Result<&str, ServerError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let byte = bytes.get(error.valid_up_to()).copied().unwrap_or_default();
        ServerError::new("22021", format!("invalid byte sequence for encoding \"UNICODE\": 0x{byte:02x}"))
    })
}

fn refused(refusal: &Refusal) -> ServerError {
    ServerError::new(&refusal.sqlstate, refusal.message.as_str()).hint(&refusal.page)
}
