//! Answers on order, in the place of the right one.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

use crate::recorded::Step;

/// An answer on order.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This answer.
    Status {
        /// Its status.
        code: u16,
        /// Its headers.
        headers: Vec<(String, String)>,
        /// Its body.
        body: String,
    },
    /// An answer of status 200 with this body.
    Body {
        /// Its type.
        content_type: String,
        /// Its body.
        body: Vec<u8>,
    },
    /// An error in the shape of the API that was asked.
    AwsError {
        /// Its code: `Throttling`, `ExpiredToken`…
        code: String,
        /// Its message.
        message: String,
        /// Its status.
        status: u16,
    },
    /// No answer, until the client is gone.
    Silence,
    /// What was asked for is done, and no answer comes, until the client is gone.
    SilenceAfter,
    /// The connection closes without an answer.
    Close,
    /// What was asked for is done, and the connection closes without an answer.
    CloseAfter,
    /// The right answer, this much later.
    Delay {
        /// How much.
        milliseconds: u64,
    },
    /// The right answer, in pieces.
    Drip {
        /// How many bytes a piece has.
        bytes: usize,
        /// How long to the next one.
        milliseconds: u64,
    },
    /// An answer of status 200 whose body has this many bytes.
    Huge {
        /// How many.
        bytes: usize,
    },
    /// A redirect, 302.
    Redirect {
        /// Where to.
        to: String,
    },
}

impl Fault {
    /// An answer with a status and nothing else.
    #[must_use]
    pub fn status(code: u16) -> Self {
        Self::Status { code, headers: Vec::new(), body: String::new() }
    }

    /// An error in the shape of the AWS API that was asked.
    #[must_use]
    pub fn aws(code: &str, message: &str, status: u16) -> Self {
        Self::AwsError { code: code.to_owned(), message: message.to_owned(), status }
    }

    /// Okta's answer to too many requests, with the second since 1970 at which it takes some again.
    /// <https://developer.okta.com/docs/reference/rl-best-practices/>
    #[must_use]
    pub fn okta_rate_limit(reset: i64) -> Self {
        let headers = [
            ("Content-Type", "application/json".to_owned()),
            ("X-Rate-Limit-Limit", "600".to_owned()),
            ("X-Rate-Limit-Remaining", "0".to_owned()),
            ("X-Rate-Limit-Reset", reset.to_string()),
        ];
        let body = crate::okta::error("E0000047", "API call exceeded rate limit due to too many requests.");
        Self::Status {
            code: 429,
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            body: body.to_string(),
        }
    }
}

/// What is on order, in its order.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    queue: Mutex<VecDeque<(Step, Fault, u64)>>,
    /// How many clients were met with silence.
    silent: watch::Sender<u64>,
}

impl Faults {
    fn queue(&self) -> std::sync::MutexGuard<'_, VecDeque<(Step, Fault, u64)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn are_over(&self) -> bool {
        self.queue().is_empty()
    }

    /// Keeps a client waiting.
    pub(crate) async fn silence<T>(&self) -> T {
        self.silent.send_modify(|silent| *silent += 1);
        std::future::pending().await
    }

    /// Waits until a client waits that none has waited for.
    pub(crate) async fn silent(&self) {
        // The sender is this.
        let _ = self.silent.subscribe().wait_for(|silent| *silent > 0).await;
        self.silent.send_modify(|silent| *silent -= 1);
    }

    pub(crate) fn add(&self, step: Step, fault: Fault, times: u64) {
        if times > 0 {
            self.queue().push_back((step, fault, times));
        }
    }

    pub(crate) fn clear(&self) {
        self.queue().clear();
    }

    /// The one that is due at a step.
    pub(crate) fn next(&self, step: Step) -> Option<Fault> {
        let mut queue = self.queue();
        let at = queue.iter().position(|(of, ..)| *of == step)?;
        let (_, fault, times) = queue.get_mut(at)?;
        *times -= 1;
        let (fault, is_over) = (fault.clone(), *times == 0);
        if is_over {
            queue.remove(at);
        }
        Some(fault)
    }
}
