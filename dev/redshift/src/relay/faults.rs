//! Statements that are disturbed on order.

use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::exchange::{Request, Sink};
use super::{Answered, Relay};
use crate::errors::ServerError;
use crate::faults::Action;
use crate::protocol::Frame;

/// The start of a character of two bytes, and no second: no text in any of Redshift's encodings.
const NO_TEXT: [u8; 2] = [0xC3, 0x28];

impl<C: AsyncWrite + Unpin, S: AsyncWrite + Unpin> Relay<C, S> {
    /// Does what the client asks, unless a fault is set on it; `sql` is what the server gets.
    pub(super) async fn perform(&mut self, request: Request<'_>, sql: &str) -> anyhow::Result<Answered> {
        let action = self.shared.faults.at_statement(&self.login, &self.database, request.statement);
        let Some(action) = action else { return self.carry_out(request).await };
        match action {
            Action::DropBefore => Ok(self.lose(request)),
            Action::DropAfter => {
                self.exchange(request, Sink::Kept).await?;
                self.finish_transaction().await?;
                Ok(Answered::Broken)
            }
            Action::Delay { milliseconds } => {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                self.carry_out(request).await
            }
            Action::HoldBefore => {
                if self.hold().await {
                    self.carry_out(request).await
                } else {
                    Ok(self.lose(request))
                }
            }
            Action::HoldAfter => {
                let answers = self.exchange(request, Sink::Kept).await?;
                if !self.hold().await {
                    return Ok(Answered::Broken);
                }
                for answer in answers {
                    self.say(&answer).await?;
                }
                Ok(Answered::Yes)
            }
            Action::CommitAnyway if request.is_simple() => self.commit_anyway(request, sql).await,
            Action::Panic => panic!("the stand-in fails on order"),
            other => self.answer_differently(request, other).await,
        }
    }

    /// Faults of the answer alone.
    async fn answer_differently(&mut self, request: Request<'_>, action: Action) -> anyhow::Result<Answered> {
        match action {
            Action::Refuse { sqlstate, message } => {
                let text = message.replace("{statement}", request.statement);
                self.carry_out(request.refused_with(ServerError::new(&sqlstate, text))).await
            }
            Action::RefuseWithDetail { sqlstate, message, detail } => {
                let text = message.replace("{statement}", request.statement);
                self.carry_out(request.refused_with(ServerError::new(&sqlstate, text).detail(&detail))).await
            }
            Action::RefuseWithoutText { sqlstate } => {
                let text = [b"no text: ", &NO_TEXT[..]].concat();
                self.carry_out(request.refused_with(ServerError::new(&sqlstate, text))).await
            }
            Action::RowWithoutText => {
                self.exchange(request, Sink::Spoilt).await?;
                Ok(Answered::Yes)
            }
            Action::Notice { message } => {
                self.say(&ServerError::notice(&message).frame()).await?;
                self.carry_out(request).await
            }
            Action::EndlessRows => self.never_end().await,
            Action::Drip { bytes, milliseconds } => {
                let answers = self.exchange(request, Sink::Kept).await?;
                self.drip(&answers, bytes.max(1), Duration::from_millis(milliseconds)).await
            }
            // Faults of logins don't get here.
            _ => self.carry_out(request).await,
        }
    }

    pub(super) async fn carry_out(&mut self, request: Request<'_>) -> anyhow::Result<Answered> {
        self.exchange(request, Sink::Client).await?;
        Ok(Answered::Yes)
    }

    fn lose(&self, request: Request<'_>) -> Answered {
        self.journal(request.statement, request.notes, "lost", None);
        Answered::Broken
    }

    /// Waits for the release; `false` if the client went away meanwhile. What it sends meanwhile is kept.
    async fn hold(&mut self) -> bool {
        let faults = self.shared.faults.clone();
        let released = faults.hold();
        tokio::pin!(released);
        loop {
            tokio::select! {
                () = &mut released => return true,
                frame = self.from_client.recv() => match frame {
                    Some(Ok(frame)) if frame.kind != b'X' => self.early.push_back(frame),
                    _ => return false,
                },
            }
        }
    }

    /// Does something past the client's transaction.
    async fn commit_anyway(&mut self, request: Request<'_>, sql: &str) -> anyhow::Result<Answered> {
        let client = self.shared.postgres.client(&self.database).await?;
        let user = self.context.user.replace('"', "\"\"");
        let failed = client.batch_execute(&format!("SET SESSION AUTHORIZATION \"{user}\"; {sql}")).await.err();
        let request = match failed {
            None => Request { notes: request.notes, ..Request::simple(request.statement, nothing()) },
            Some(error) => {
                let code = error.code().map_or("XX000", tokio_postgres::error::SqlState::code);
                let text = error.as_db_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
                request.refused_with(ServerError::new(code, text))
            }
        };
        self.carry_out(request).await
    }

    /// Rows without an end; only the client's going ends them.
    async fn never_end(&mut self) -> anyhow::Result<Answered> {
        // One column `endless`: no table, of type text, no limit, as text.
        let column = [b"endless\0".as_slice(), &[0; 6], &25_u32.to_be_bytes(), &[0xFF; 6], &[0, 0]].concat();
        self.say(&Frame::new(b'T', [&[0_u8, 1], column.as_slice()].concat())).await?;
        let row = Frame::new(b'D', [&[0, 1][..], &3_u32.to_be_bytes(), b"row"].concat()).bytes();
        loop {
            self.client.write_all(&row).await?;
        }
    }

    /// An answer in pieces, with a pause behind each.
    async fn drip(&mut self, answers: &[Frame], bytes: usize, pause: Duration) -> anyhow::Result<Answered> {
        let all: Vec<u8> = answers.iter().flat_map(Frame::bytes).collect();
        for piece in all.chunks(bytes) {
            self.client.write_all(piece).await?;
            self.client.flush().await?;
            tokio::time::sleep(pause).await;
        }
        Ok(Answered::Yes)
    }
}

/// A statement that does nothing.
fn nothing() -> Vec<u8> {
    Frame::new(b'Q', *b"SELECT\0").bytes()
}

/// A row whose first value that is long enough begins with bytes that are no text.
pub(super) fn spoilt(mut row: Frame) -> Frame {
    let mut at = 2;
    while let Some(length) = row.body.get(at..at + 4) {
        let length = i32::from_be_bytes([length[0], length[1], length[2], length[3]]);
        let length = usize::try_from(length).unwrap_or(0);
        if length >= NO_TEXT.len() {
            row.body[at + 4..at + 4 + NO_TEXT.len()].copy_from_slice(&NO_TEXT);
            break;
        }
        at += 4 + length;
    }
    row
}
