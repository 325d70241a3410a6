//! One client's session: its messages are passed on to a session of `PostgreSQL`'s, and back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::Shared;
use crate::dialect::{Refusal, SessionContext, Verdict, judge, split, switches_metadata_security};
use crate::faults::Action;
use crate::journal::Event;
use crate::protocol::Frame;
use crate::session::parameter;

/// Longest time for the server's word that a statement of ours is done.
const SERVER_DEADLINE: Duration = Duration::from_mins(10);

/// The two sides of a session, and what is known of it.
pub(crate) struct Relay<C, S> {
    pub(crate) shared: Arc<Shared>,
    pub(crate) context: SessionContext,
    /// The user who logged in; the context has who that user became.
    pub(crate) login: String,
    pub(crate) session: u64,
    pub(crate) database: String,
    pub(crate) client: C,
    pub(crate) server: S,
    pub(crate) from_client: mpsc::Receiver<Frame>,
    pub(crate) from_server: mpsc::Receiver<Frame>,
    /// Refusals of statements that were sent in the extended protocol, in place of the server's errors.
    pub(crate) refusals: Vec<Refusal>,
}

/// How a message of the client's ends.
enum Answered {
    /// The session goes on.
    Yes,
    /// The connection is broken on purpose.
    Broken,
}

impl<C: AsyncWrite + Unpin, S: AsyncWrite + Unpin> Relay<C, S> {
    pub(crate) async fn run(&mut self) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                frame = self.from_client.recv() => {
                    let Some(frame) = frame else { return Ok(()) };
                    match frame.kind {
                        b'Q' => if matches!(self.query(&frame).await?, Answered::Broken) { return Ok(()) },
                        b'P' => self.parse(&frame).await?,
                        b'X' => return Ok(()),
                        _ => self.server.write_all(&frame.bytes()).await?,
                    }
                }
                frame = self.from_server.recv() => {
                    let Some(mut frame) = frame else { return Ok(()) };
                    self.watch(&frame);
                    if frame.kind == b'E' && !self.refusals.is_empty() {
                        frame = refused(&self.refusals.remove(0));
                    }
                    let frame = self.passed(frame);
                    if let Some(frame) = frame { self.client.write_all(&frame.bytes()).await?; }
                }
            }
        }
    }

    /// What of the server's message the client is to see.
    fn passed(&mut self, frame: Frame) -> Option<Frame> {
        if frame.kind != b'S' {
            return Some(frame);
        }
        let answer = parameter(&frame, &mut self.context.user, &mut self.context.superuser);
        // After a ROLLBACK that gives the session back, PostgreSQL says whose it is and nothing of superusers.
        if self.context.user == self.login {
            self.context.superuser = self.context.may_become_others;
        }
        answer
    }

    fn judge(&mut self, text: &str) -> Verdict {
        self.context.metadata_security = self.shared.metadata_security.load(Ordering::Relaxed);
        let verdict = judge(text, &self.context);
        if !matches!(verdict, Verdict::Refuse(_))
            && let Some(on) = switches_metadata_security(text)
        {
            self.shared.metadata_security.store(on, Ordering::Relaxed);
        }
        verdict
    }

    fn watch(&mut self, frame: &Frame) {
        if frame.kind == b'Z' {
            let in_transaction = frame.body.first() != Some(&b'I');
            self.context.first_in_transaction = in_transaction && !self.context.in_transaction;
            self.context.in_transaction = in_transaction;
        }
    }

    /// A statement of the extended protocol: judged, and written anew if need be.
    async fn parse(&mut self, frame: &Frame) -> anyhow::Result<()> {
        let name = frame.text();
        let rest = &frame.body[name.len() + 1..];
        let text = Frame::new(0, rest).text();
        let types = &rest[text.len() + 1..];
        let (sql, notes, outcome, page) = match self.judge(&text) {
            Verdict::Forward => (text.clone(), Vec::new(), "sent", None),
            // What comes first in the simple protocol has no place here.
            Verdict::Rewrite { sql, notes, .. } => (sql, notes, "sent", None),
            Verdict::Refuse(refusal) => {
                let page = refusal.page.clone();
                self.refusals.push(refusal);
                ("THIS IS REFUSED".to_owned(), Vec::new(), "refused", Some(page))
            }
        };
        self.journal(&text, notes, outcome, page);
        let body = [name.as_bytes(), &[0], sql.as_bytes(), &[0], types].concat();
        self.server.write_all(&Frame::new(b'P', body).bytes()).await?;
        Ok(())
    }

    fn journal(&self, text: &str, notes: Vec<String>, outcome: &str, page: Option<String>) {
        let event = Event::Statement { text: text.to_owned(), notes, outcome: outcome.to_owned(), page };
        self.shared.journal.add(self.session, &self.database, &self.login, event);
    }

    /// A message of the simple protocol.
    async fn query(&mut self, frame: &Frame) -> anyhow::Result<Answered> {
        let message = frame.text();
        let spans = match split(&message) {
            Ok(spans) => spans,
            Err(refusal) => return self.answer_refused(&message, &refusal).await,
        };
        if spans.is_empty() {
            self.server.write_all(&frame.bytes()).await?;
            return self.pass_on(&message, Vec::new(), 0, true).await;
        }
        let mut notes = Vec::new();
        let mut hidden = 0;
        let mut sql = String::new();
        for span in &spans {
            let text = &message[span.clone()];
            match self.judge(text) {
                Verdict::Refuse(refusal) => return self.answer_refused(&message, &refusal).await,
                Verdict::Rewrite { before, sql: rewritten, notes: added } => {
                    notes.extend(added);
                    if let Some(before) = before {
                        hidden += 1;
                        sql.push_str(&before);
                        sql.push_str("; ");
                    }
                    sql.push_str(&rewritten);
                }
                Verdict::Forward => sql.push_str(text),
            }
            sql.push_str("; ");
        }
        let body = if spans.len() == 1
            && notes.is_empty()
            && hidden == 0
            && sql.trim_end_matches("; ") == &message[spans[0].clone()]
        {
            frame.clone()
        } else {
            Frame::new(b'Q', [sql.as_bytes(), &[0]].concat())
        };
        match self.shared.faults.at_statement(&self.login, &message) {
            None | Some(Action::RefuseLogin { .. } | Action::AskForSha256 | Action::AskForClearPassword) => {}
            Some(Action::CommitAnyway) => {
                return match self.commit_anyway(&sql).await? {
                    None => {
                        self.server.write_all(&Frame::new(b'Q', *b"SELECT\0").bytes()).await?;
                        self.pass_on(&message, notes, 0, true).await
                    }
                    Some((code, text)) => self.answer_error(&message, Frame::error(&code, &text, None), None).await,
                };
            }
            Some(Action::DropBefore) => {
                self.journal(&message, notes, "lost", None);
                return Ok(Answered::Broken);
            }
            Some(Action::Delay { milliseconds }) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
            Some(Action::Refuse { sqlstate, message: text }) => {
                let text = text.replace("{statement}", &message);
                return self.answer_error(&message, Frame::error(&sqlstate, &text, None), None).await;
            }
            Some(Action::HoldBefore) => {
                if !self.hold().await {
                    self.journal(&message, notes, "lost", None);
                    return Ok(Answered::Broken);
                }
            }
            Some(Action::DropAfter) => {
                self.server.write_all(&body.bytes()).await?;
                self.pass_on(&message, notes, hidden, false).await?;
                return Ok(Answered::Broken);
            }
            Some(Action::HoldAfter) => {
                self.server.write_all(&body.bytes()).await?;
                let answers = self.collect(&message, notes, hidden).await?;
                if !self.hold().await {
                    return Ok(Answered::Broken);
                }
                for answer in answers {
                    self.client.write_all(&answer.bytes()).await?;
                }
                return Ok(Answered::Yes);
            }
        }
        self.server.write_all(&body.bytes()).await?;
        self.pass_on(&message, notes, hidden, true).await
    }

    /// Does something past the client's transaction; the code and the text of the error if it fails.
    async fn commit_anyway(&mut self, sql: &str) -> anyhow::Result<Option<(String, String)>> {
        let client = self.shared.postgres.client(&self.database).await?;
        let user = self.context.user.replace('"', "\"\"");
        let sql = format!("SET SESSION AUTHORIZATION \"{user}\"; {sql}");
        let failed = client.batch_execute(&sql).await.err();
        Ok(failed.map(|error| {
            let code = error.code().map_or("XX000", tokio_postgres::error::SqlState::code).to_owned();
            (code, error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned()))
        }))
    }

    /// Waits for the release; `false` if the client went away meanwhile.
    async fn hold(&mut self) -> bool {
        let faults = self.shared.faults.clone();
        tokio::select! {
            () = faults.hold() => true,
            frame = self.from_client.recv() => frame.is_some_and(|frame| frame.kind != b'X'),
        }
    }

    /// Lets the server refuse something, so that the state of the transaction is its own, and puts
    /// Redshift's words in the place of its.
    async fn answer_refused(&mut self, message: &str, refusal: &Refusal) -> anyhow::Result<Answered> {
        self.answer_error(message, refused(refusal), Some(refusal.page.clone())).await
    }

    async fn answer_error(&mut self, message: &str, error: Frame, page: Option<String>) -> anyhow::Result<Answered> {
        self.journal(message, Vec::new(), &error.field(b'C').unwrap_or_default(), page);
        self.server.write_all(&Frame::new(b'Q', *b"THIS IS REFUSED\0").bytes()).await?;
        loop {
            let answer = self.next_answer().await?;
            self.watch(&answer);
            let is_last = answer.kind == b'Z';
            let answer = if answer.kind == b'E' { error.clone() } else { answer };
            self.client.write_all(&answer.bytes()).await?;
            if is_last {
                return Ok(Answered::Yes);
            }
        }
    }

    async fn next_answer(&mut self) -> anyhow::Result<Frame> {
        let answer = tokio::time::timeout(SERVER_DEADLINE, self.from_server.recv()).await?;
        answer.context("PostgreSQL ended the session")
    }

    /// Reads the answers to a message, without sending them on.
    async fn collect(&mut self, message: &str, notes: Vec<String>, hidden: usize) -> anyhow::Result<Vec<Frame>> {
        let (mut answers, mut hidden) = (Vec::new(), hidden);
        let mut outcome = "ok".to_owned();
        loop {
            let answer = self.next_answer().await?;
            self.watch(&answer);
            let is_last = answer.kind == b'Z';
            match answer.kind {
                b'C' if hidden > 0 => {
                    hidden -= 1;
                    continue;
                }
                b'E' => outcome = answer.field(b'C').unwrap_or_default(),
                _ => {}
            }
            answers.extend(self.passed(answer));
            if is_last {
                self.journal(message, notes, &outcome, None);
                return Ok(answers);
            }
        }
    }

    /// Passes the answers to a message on, or swallows them. COPY is not spoken here.
    async fn pass_on(
        &mut self,
        message: &str,
        notes: Vec<String>,
        hidden: usize,
        send: bool,
    ) -> anyhow::Result<Answered> {
        for answer in self.collect(message, notes, hidden).await? {
            if send {
                self.client.write_all(&answer.bytes()).await?;
            }
        }
        Ok(Answered::Yes)
    }
}

fn refused(refusal: &Refusal) -> Frame {
    Frame::error(refusal.sqlstate, &refusal.message, Some(&refusal.page))
}
