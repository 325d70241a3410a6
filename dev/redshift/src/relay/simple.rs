//! The simple protocol: a message with statements, and all that comes of it.

use std::collections::VecDeque;

use tokio::io::AsyncWrite;

use super::exchange::Request;
use super::questions::Unanswered;
use super::{Answered, PROTOCOL_VIOLATION, Relay, refused, statement_text};
use crate::dialect::{Refusal, Verdict, split};
use crate::errors::ServerError;
use crate::protocol::Frame;

/// What is sent to the server for a message.
struct Judged {
    sql: String,
    notes: Vec<String>,
    own: VecDeque<bool>,
}

impl<C: AsyncWrite + Unpin, S: AsyncWrite + Unpin> Relay<C, S> {
    pub(super) async fn query(&mut self, frame: &Frame) -> anyhow::Result<Answered> {
        let Some(bytes) = frame.whole_text() else {
            return self.refuse("", ServerError::new(PROTOCOL_VIOLATION, "invalid message format"), None).await;
        };
        let message = match statement_text(bytes) {
            Ok(message) => message,
            Err(error) => return self.refuse("", error, None).await,
        };
        let judged = match self.judged(message).await? {
            Ok(judged) => judged,
            Err(Unanswered::Refused(refusal)) => {
                return self.refuse(message, refused(&refusal), Some(refusal.page)).await;
            }
            Err(Unanswered::Failed(error, ready)) => return self.failed(message, &error, ready).await,
        };
        let bytes = if judged.sql == message {
            frame.bytes()
        } else {
            Frame::new(b'Q', [judged.sql.as_bytes(), &[0]].concat()).bytes()
        };
        let request = Request { notes: judged.notes, own: judged.own, ..Request::simple(message, bytes) };
        self.perform(request, &judged.sql).await
    }

    /// What becomes of a message: as it is, where nothing in it differs.
    async fn judged(&mut self, message: &str) -> anyhow::Result<Result<Judged, Unanswered>> {
        let mut judged = Judged { sql: String::new(), notes: Vec::new(), own: VecDeque::new() };
        let mut differs = false;
        let spans = match split(message) {
            Ok(spans) => spans,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let is_alone = spans.len() == 1;
        for span in spans {
            let settled = match self.settled(&message[span.clone()], true).await? {
                Ok(settled) => settled,
                // What it reads may be made by the same message.
                Err(Unanswered::Failed(..)) if !is_alone => {
                    let message = "the stand-in can't show QUALIFY or EXCLUDE behind another statement of its message";
                    return Ok(Err(Refusal::beyond(message, "r_QUALIFY_clause").into()));
                }
                Err(unanswered) => return Ok(Err(unanswered)),
            };
            differs |= settled.is_some();
            let text = settled.as_deref().unwrap_or(&message[span]);
            match self.judge(text) {
                Verdict::Refuse(refusal) => return Ok(Err(refusal.into())),
                Verdict::Rewrite { before, sql, notes } => {
                    differs = true;
                    judged.notes.extend(notes);
                    if let Some(before) = before {
                        judged.own.push_back(true);
                        judged.sql.push_str(&format!("{before}; "));
                    }
                    judged.sql.push_str(&sql);
                }
                Verdict::Forward => judged.sql.push_str(text),
            }
            judged.own.push_back(false);
            judged.sql.push_str("; ");
        }
        if !differs {
            message.clone_into(&mut judged.sql);
        }
        Ok(Ok(judged))
    }

    /// The server's error to a question is that of the statement.
    async fn failed(&mut self, statement: &str, error: &Frame, ready: Option<Frame>) -> anyhow::Result<Answered> {
        self.journal(statement, Vec::new(), &error.field(b'C').unwrap_or_default(), None);
        self.say(error).await?;
        if let Some(ready) = ready {
            self.watch(&ready);
            self.say(&ready).await?;
        }
        Ok(Answered::Yes)
    }

    async fn refuse(&mut self, statement: &str, error: ServerError, page: Option<String>) -> anyhow::Result<Answered> {
        let request = Request::simple(statement, Vec::new()).refused_with(error);
        self.carry_out(Request { page, ..request }).await
    }

    /// The protocol's way to call a function by its number, past all rules. AWS's drivers never do.
    pub(super) async fn function_call(&mut self) -> anyhow::Result<Answered> {
        self.refuse("", ServerError::new("0A000", "function calls are not supported: use SELECT"), None).await
    }
}
