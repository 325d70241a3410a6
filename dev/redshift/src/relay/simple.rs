//! The simple protocol: a message with statements, and all that comes of it.

use std::collections::VecDeque;

use tokio::io::AsyncWrite;

use super::exchange::Request;
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
        let judged = match self.judged(message) {
            Ok(judged) => judged,
            Err(refusal) => return self.refuse(message, refused(&refusal), Some(refusal.page)).await,
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
    fn judged(&mut self, message: &str) -> Result<Judged, Refusal> {
        let mut judged = Judged { sql: String::new(), notes: Vec::new(), own: VecDeque::new() };
        let mut differs = false;
        for span in split(message)? {
            let text = &message[span];
            match self.judge(text) {
                Verdict::Refuse(refusal) => return Err(refusal),
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
        Ok(judged)
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
