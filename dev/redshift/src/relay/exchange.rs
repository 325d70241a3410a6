//! What the server is asked, and its answer.

use std::collections::VecDeque;

use anyhow::Context;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::error::TryRecvError;

use super::{Relay, SERVER_DEADLINE};
use crate::errors::ServerError;
use crate::protocol::Frame;

/// What no parser takes: what is refused here is refused by the server too, so that the state of the transaction is
/// its own.
const REFUSED: &[u8] = b"THIS IS REFUSED\0";

/// Has the server send what it holds back. <https://www.postgresql.org/docs/15/protocol-flow.html>
pub(super) const FLUSH: [u8; 5] = [b'H', 0, 0, 0, 4];

/// Something that the server is asked for a statement of the client's.
pub(super) struct Request<'a> {
    pub(super) bytes: Vec<u8>,
    /// The statement, as the client sent it.
    pub(super) statement: &'a str,
    /// What `PostgreSQL` can't express of it.
    pub(super) notes: Vec<String>,
    /// Of each statement in it, whether it is one of the stand-in's own, whose answer nobody sees.
    pub(super) own: VecDeque<bool>,
    /// Kinds of message that its answer ends with.
    pub(super) ends: &'static [u8],
    /// The error that stands for the server's.
    pub(super) error: Option<ServerError>,
    /// The page of the rule that refuses it.
    pub(super) page: Option<String>,
}

impl<'a> Request<'a> {
    /// A message of the simple protocol.
    pub(super) fn simple(statement: &'a str, bytes: Vec<u8>) -> Self {
        Self { bytes, statement, notes: Vec::new(), own: VecDeque::new(), ends: b"Z", error: None, page: None }
    }

    /// A message of the extended protocol, and what its answer ends with.
    pub(super) fn extended(statement: &'a str, message: &Frame, ends: &'static [u8]) -> Self {
        let bytes = [message.bytes(), FLUSH.to_vec()].concat();
        Self { ends, ..Self::simple(statement, bytes) }
    }

    /// The same statement, refused with an error.
    pub(super) fn refused_with(self, error: ServerError) -> Self {
        let refused = if self.is_simple() {
            Self::simple(self.statement, Frame::new(b'Q', REFUSED).bytes())
        } else {
            let parse = Frame::new(b'P', [b"rdsdb refused\0", REFUSED, &[0, 0]].concat());
            Self::extended(self.statement, &parse, b"E")
        };
        Self { error: Some(error), ..refused }
    }

    pub(super) fn is_simple(&self) -> bool {
        self.ends == b"Z"
    }
}

/// Where an answer goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Sink {
    /// To the client, as it comes.
    Client,
    /// To the client, with bytes in the first row that are no text.
    Spoilt,
    /// Nowhere yet.
    Kept,
}

impl<C: AsyncWrite + Unpin, S: AsyncWrite + Unpin> Relay<C, S> {
    pub(super) async fn next_answer(&mut self) -> anyhow::Result<Frame> {
        match self.from_server.try_recv() {
            Ok(frame) => return Ok(frame),
            Err(TryRecvError::Empty) => self.client.flush().await?,
            Err(TryRecvError::Disconnected) => {}
        }
        let answer = tokio::time::timeout(SERVER_DEADLINE, self.from_server.recv()).await;
        answer.context("the server gives no answer")?.context("the server ended the session")
    }

    /// Asks the server, journals what came of it, and gives back what was kept of the answer.
    pub(super) async fn exchange(&mut self, request: Request<'_>, sink: Sink) -> anyhow::Result<Vec<Frame>> {
        let Request { bytes, statement, notes, mut own, ends, error, page } = request;
        self.server.write_all(&bytes).await?;
        let (mut kept, mut outcome, mut sink) = (Vec::new(), "ok".to_owned(), sink);
        loop {
            let answer = self.next_answer().await?;
            self.watch(&answer);
            let kind = answer.kind;
            let is_last = ends.contains(&kind);
            let answer = match kind {
                b'C' if own.pop_front() == Some(true) => None,
                // COPY is refused by rule. Should one get through, it ends here and not in a wait for data.
                b'G' => {
                    self.server.write_all(&Frame::new(b'f', *b"COPY is not relayed\0").bytes()).await?;
                    None
                }
                b'H' | b'd' | b'c' => None,
                b'E' => {
                    let answer = match &error {
                        Some(error) => Some(error.frame()),
                        None => self.passed(answer, statement),
                    };
                    outcome = answer.as_ref().and_then(|answer| answer.field(b'C')).unwrap_or_default();
                    answer
                }
                _ => self.passed(answer, statement),
            };
            match answer {
                Some(answer) if sink == Sink::Kept => kept.push(answer),
                Some(answer) if sink == Sink::Spoilt && kind == b'D' => {
                    sink = Sink::Client;
                    self.say(&super::faults::spoilt(answer)).await?;
                }
                Some(answer) => self.say(&answer).await?,
                None => {}
            }
            if is_last || (kind == b'E' && ends != b"Z") {
                self.extended.skips |= kind == b'E';
                self.journal(statement, notes, &outcome, page);
                return Ok(kept);
            }
        }
    }
}
