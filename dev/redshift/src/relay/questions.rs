//! Questions to the server about a statement that can't be judged without the answers. Most have none, and cost nothing.

use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::Relay;
use crate::dialect::{Refusal, question};
use crate::errors::ServerError;
use crate::protocol::Frame;

/// Most questions about one statement: there is one for each query in it that has something to be asked about.
const MOST: usize = 100;

/// Why a statement isn't judged.
pub(super) enum Unanswered {
    /// By a rule.
    Refused(Refusal),
    /// The server's error, which is the statement's. In the simple protocol, what it is ready for then.
    Failed(Frame, Option<Frame>),
}

impl From<Refusal> for Unanswered {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<C: AsyncWrite + Unpin, S: AsyncWrite + Unpin> Relay<C, S> {
    /// The statement, written so that nothing has to be asked about it any more; `None` if it is as it was.
    pub(super) async fn settled(
        &mut self,
        text: &str,
        is_simple: bool,
    ) -> anyhow::Result<Result<Option<String>, Unanswered>> {
        let (mut current, mut aliases_settled) = (None::<String>, false);
        for _ in 0..MOST {
            let asked = question(current.as_deref().unwrap_or(text), &self.context, aliases_settled);
            let question = match asked {
                Ok(Some(question)) => question,
                Ok(None) => return Ok(Ok(current)),
                Err(refusal) => return Ok(Err(refusal.into())),
            };
            aliases_settled |= question.is_about_aliases();
            let answer = if is_simple { self.ask(&question.sql).await? } else { self.ask_own(&question.sql).await? };
            let answered = match answer {
                Ok(answer) => question.answered(&answer),
                Err(failed) => return Ok(Err(failed)),
            };
            match answered {
                Ok(answered) => current = Some(answered),
                Err(refusal) => return Ok(Err(refusal.into())),
            }
        }
        let message =
            format!("the stand-in can't show more than {MOST} queries with QUALIFY or EXCLUDE in one statement");
        Ok(Err(Refusal::beyond(message, "r_QUALIFY_clause").into()))
    }

    /// Asks by the simple protocol.
    async fn ask(&mut self, sql: &str) -> anyhow::Result<Result<Vec<String>, Unanswered>> {
        self.server.write_all(&Frame::new(b'Q', [sql.as_bytes(), &[0]].concat()).bytes()).await?;
        let (mut rows, mut error) = (Vec::new(), None);
        loop {
            let answer = self.next_answer().await?;
            match answer.kind {
                b'D' => rows.extend(first_value(&answer)),
                b'E' => error = self.passed(answer, "").as_ref().map(bare),
                b'Z' => return Ok(error.map_or(Ok(rows), |error| Err(Unanswered::Failed(error, Some(answer))))),
                b'S' => self.pass(answer, sql).await?,
                _ => {}
            }
        }
    }

    /// Asks by the extended protocol, in whose transaction the statement will be.
    async fn ask_own(&mut self, sql: &str) -> anyhow::Result<Result<Vec<String>, Unanswered>> {
        let mut rows = Vec::new();
        // One by one: this protocol takes no more at once.
        for statement in crate::dialect::split(sql).unwrap_or_default() {
            if let Some(error) = self.own_rows(&sql[statement], &mut rows).await? {
                return Ok(Err(Unanswered::Failed(bare(&error), None)));
            }
        }
        Ok(Ok(rows))
    }
}

/// The error without where it came about: the question isn't the client's.
fn bare(error: &Frame) -> Frame {
    let field = |kind| error.field(kind).unwrap_or_default();
    ServerError::new(&field(b'C'), field(b'M')).frame()
}

/// The first value of a row, as text.
pub(super) fn first_value(row: &Frame) -> Option<String> {
    let length = row.body.get(2..6)?;
    let length = usize::try_from(i32::from_be_bytes([length[0], length[1], length[2], length[3]])).ok()?;
    row.body.get(6..6 + length).map(|value| String::from_utf8_lossy(value).into_owned())
}
