//! The extended protocol: statements that are prepared, bound to values and executed. The verdicts are those of the
//! simple protocol.
//!
//! A statement of the stand-in's own that comes first needs a transaction that goes on until Sync, and `LOCK` one
//! that was begun with a word. Where the client has none, the stand-in begins one, and ends it at Sync as the server
//! would have ended its own.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::exchange::{FLUSH, Request};
use super::questions::{Unanswered, first_value};
use super::{Answered, PROTOCOL_VIOLATION, Relay, refused, statement_text};
use crate::dialect::{Verdict, split, tokens};
use crate::errors::ServerError;
use crate::protocol::{Frame, until_zero};

/// Name of the stand-in's own statements and portals.
const OWN: &[u8] = b"rdsdb own\0";

/// What is known of a prepared statement.
#[derive(Debug, Default)]
struct Prepared {
    /// As the client sent it.
    text: String,
    /// What comes first.
    before: Option<String>,
    notes: Vec<String>,
}

/// Where the extended protocol is at.
#[derive(Debug, Default)]
pub(crate) struct Extended {
    statements: HashMap<Vec<u8>, Arc<Prepared>>,
    portals: HashMap<Vec<u8>, Arc<Prepared>>,
    /// Whether there were messages since the last Sync.
    unfinished: bool,
    /// Whether an error was sent: nothing is listened to until Sync.
    pub(super) skips: bool,
    /// Whether a transaction of the stand-in's own is open.
    own_transaction: bool,
    /// Whether one of the client's is, if the client has begun or ended one since the last Sync.
    transaction: Option<bool>,
}

impl Extended {
    /// Whether Sync is still to come.
    pub(super) fn is_open(&self) -> bool {
        self.unfinished
    }
}

impl<C: AsyncWrite + Unpin, S: AsyncWrite + Unpin> Relay<C, S> {
    pub(super) async fn extended(&mut self, frame: &Frame) -> anyhow::Result<Answered> {
        if frame.kind == b'S' {
            return self.sync().await;
        }
        self.extended.unfinished = true;
        match frame.kind {
            _ if self.extended.skips => {}
            b'P' => self.parse(frame).await?,
            b'B' => self.bind(frame).await?,
            b'E' => return self.execute(frame).await,
            b'D' => {
                self.step(frame, b"Tn", &Prepared::default()).await?;
            }
            b'C' => self.close(frame).await?,
            // Flush: it is done before every wait.
            _ => {}
        }
        Ok(Answered::Yes)
    }

    /// Passes a message on, and its answer back; `false` if that is an error, which is then what came of the statement.
    async fn step(&mut self, frame: &Frame, ends: &'static [u8], statement: &Prepared) -> anyhow::Result<bool> {
        self.server.write_all(&[frame.bytes(), FLUSH.to_vec()].concat()).await?;
        loop {
            let answer = self.next_answer().await?;
            let kind = answer.kind;
            if kind == b'E' {
                self.fail(answer, statement).await?;
                return Ok(false);
            }
            self.pass(answer, &statement.text).await?;
            if ends.contains(&kind) {
                return Ok(true);
            }
        }
    }

    /// A statement is judged, and written anew if need be.
    async fn parse(&mut self, frame: &Frame) -> anyhow::Result<()> {
        let parts = until_zero(&frame.body).and_then(|(name, rest)| Some((name, until_zero(rest)?)));
        let Some((name, (text, types))) = parts else { return self.violation().await };
        let text = match statement_text(text) {
            Ok(text) => text,
            Err(error) => return self.refuse_to_parse("", error, None).await,
        };
        let (sql, prepared) = match self.judged_one(text).await? {
            Ok(judged) => judged,
            Err(Unanswered::Refused(refusal)) => {
                return self.refuse_to_parse(text, refused(&refusal), Some(refusal.page)).await;
            }
            Err(Unanswered::Failed(error, _)) => {
                return self.fail(error, &Prepared { text: text.to_owned(), ..Prepared::default() }).await;
            }
        };
        if !self.come_first(&prepared).await? {
            return Ok(());
        }
        let body = [name, &[0], sql.as_bytes(), &[0], types].concat();
        if self.step(&Frame::new(b'P', body), b"1", &prepared).await? {
            self.extended.statements.insert(name.to_vec(), Arc::new(prepared));
        }
        Ok(())
    }

    /// What the server gets, and what is kept.
    async fn judged_one(&mut self, text: &str) -> anyhow::Result<Result<(String, Prepared), Unanswered>> {
        let spans = match split(text) {
            Ok(spans) => spans,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let mut prepared = Prepared { text: text.to_owned(), ..Prepared::default() };
        // Several, or none: the server says so, and does none of them.
        let [span] = spans.as_slice() else { return Ok(Ok((text.to_owned(), prepared))) };
        let settled = match self.settled(&text[span.clone()], false).await? {
            Ok(settled) => settled,
            Err(unanswered) => return Ok(Err(unanswered)),
        };
        Ok(match self.judge(settled.as_deref().unwrap_or(&text[span.clone()])) {
            Verdict::Refuse(refusal) => Err(refusal.into()),
            Verdict::Forward => Ok((settled.unwrap_or_else(|| text.to_owned()), prepared)),
            Verdict::Rewrite { before, sql, notes } => {
                (prepared.before, prepared.notes) = (before, notes);
                Ok((sql, prepared))
            }
        })
    }

    async fn bind(&mut self, frame: &Frame) -> anyhow::Result<()> {
        let parts = until_zero(&frame.body).and_then(|(portal, rest)| Some((portal, until_zero(rest)?.0)));
        let Some((portal, name)) = parts else { return self.violation().await };
        let prepared = self.extended.statements.get(name).cloned().unwrap_or_default();
        if !self.come_first(&prepared).await? {
            return Ok(());
        }
        if self.step(frame, b"2", &prepared).await? {
            self.extended.portals.insert(portal.to_vec(), prepared);
        }
        Ok(())
    }

    async fn execute(&mut self, frame: &Frame) -> anyhow::Result<Answered> {
        let portal = until_zero(&frame.body).map_or(&[][..], |(portal, _)| portal);
        let prepared = self.extended.portals.get(portal).cloned().unwrap_or_default();
        let request = Request::extended(&prepared.text, frame, b"CIs");
        let request = Request { notes: prepared.notes.clone(), ..request };
        let answered = self.perform(request, &prepared.text).await;
        self.notice_transaction(&prepared.text);
        answered
    }

    async fn close(&mut self, frame: &Frame) -> anyhow::Result<()> {
        if let Some((kind, name)) = frame.body.split_first()
            && let Some((name, _)) = until_zero(name)
        {
            let known = if *kind == b'S' { &mut self.extended.statements } else { &mut self.extended.portals };
            known.remove(name);
        }
        self.step(frame, b"3", &Prepared::default()).await?;
        Ok(())
    }

    /// A client's own BEGIN or COMMIT takes the place of the stand-in's.
    fn notice_transaction(&mut self, text: &str) {
        let tokens = tokens::read(text).unwrap_or_default();
        let is_one_of = |words: &[&str]| tokens.first().is_some_and(|first| words.iter().any(|word| first.is(word)));
        let begins = is_one_of(&["BEGIN", "START"]);
        if !self.extended.skips && (begins || is_one_of(&["COMMIT", "END", "ROLLBACK", "ABORT"])) {
            self.extended.own_transaction = false;
            self.extended.transaction = Some(begins);
        }
    }

    /// Executes what comes first, in the client's transaction; `false` if it failed, as the client then knows.
    async fn come_first(&mut self, prepared: &Prepared) -> anyhow::Result<bool> {
        let Some(before) = &prepared.before else { return Ok(true) };
        let is_in_transaction = self.extended.transaction.unwrap_or(self.context.in_transaction);
        if !is_in_transaction && !self.extended.own_transaction {
            self.extended.own_transaction = self.own("BEGIN").await?.is_none();
        }
        let Some(error) = self.own(before).await? else { return Ok(true) };
        self.fail(error, prepared).await?;
        Ok(false)
    }

    /// Passes on the error that a statement came to before it was executed.
    async fn fail(&mut self, error: Frame, statement: &Prepared) -> anyhow::Result<()> {
        self.extended.skips = true;
        self.rolled_back |= !self.context.in_transaction;
        let Some(error) = self.passed(error, &statement.text) else { return Ok(()) };
        let outcome = error.field(b'C').unwrap_or_default();
        self.journal(&statement.text, statement.notes.clone(), &outcome, None);
        self.say(&error).await
    }

    /// Executes a statement of the stand-in's own; the error if it fails.
    async fn own(&mut self, sql: &str) -> anyhow::Result<Option<Frame>> {
        self.own_rows(sql, &mut Vec::new()).await
    }

    /// The same, with the first value of each row.
    pub(super) async fn own_rows(&mut self, sql: &str, rows: &mut Vec<String>) -> anyhow::Result<Option<Frame>> {
        let frames = [
            // It may still be there, from one that failed.
            Frame::new(b'C', [b"P", OWN].concat()),
            Frame::new(b'C', [b"S", OWN].concat()),
            Frame::new(b'P', [OWN, sql.as_bytes(), &[0, 0, 0]].concat()),
            Frame::new(b'B', [OWN, OWN, &[0; 6]].concat()),
            Frame::new(b'E', [OWN, &[0; 4]].concat()),
        ];
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).chain(FLUSH).collect();
        self.server.write_all(&bytes).await?;
        loop {
            let answer = self.next_answer().await?;
            match answer.kind {
                b'E' => return Ok(Some(answer)),
                b'C' => return Ok(None),
                b'D' => rows.extend(first_value(&answer)),
                b'S' => self.pass(answer, sql).await?,
                _ => {}
            }
        }
    }

    async fn sync(&mut self) -> anyhow::Result<Answered> {
        let ready = self.end_of_transaction(true).await?;
        self.say(&ready).await?;
        Ok(Answered::Yes)
    }

    /// Ends the server's own transaction, or the stand-in's, in the extended protocol; the client hears nothing.
    pub(super) async fn finish_transaction(&mut self) -> anyhow::Result<()> {
        if self.extended.unfinished {
            self.end_of_transaction(false).await?;
        }
        Ok(())
    }

    /// The server's `ReadyForQuery`.
    async fn end_of_transaction(&mut self, tell: bool) -> anyhow::Result<Frame> {
        let own_transaction = std::mem::take(&mut self.extended.own_transaction);
        if own_transaction
            && !self.extended.skips
            && let Some(error) = self.own("COMMIT").await?
            && tell
        {
            self.pass(error, "COMMIT").await?;
        }
        let mut ready = self.ready(tell).await?;
        if own_transaction && ready.body != *b"I" {
            self.own("ROLLBACK").await?;
            ready = self.ready(tell).await?;
        }
        self.watch(&ready);
        (self.extended.unfinished, self.extended.skips, self.extended.transaction) = (false, false, None);
        Ok(ready)
    }

    async fn ready(&mut self, tell: bool) -> anyhow::Result<Frame> {
        self.server.write_all(&Frame::new(b'S', []).bytes()).await?;
        loop {
            let answer = self.next_answer().await?;
            if answer.kind == b'Z' {
                return Ok(answer);
            }
            if tell {
                self.pass(answer, "").await?;
            }
        }
    }

    async fn refuse_to_parse(&mut self, text: &str, error: ServerError, page: Option<String>) -> anyhow::Result<()> {
        let nothing = Frame::new(b'H', []);
        let request = Request::extended(text, &nothing, b"E").refused_with(error);
        self.carry_out(Request { page, ..request }).await?;
        Ok(())
    }

    async fn violation(&mut self) -> anyhow::Result<()> {
        self.refuse_to_parse("", ServerError::new(PROTOCOL_VIOLATION, "invalid message format"), None).await
    }
}
