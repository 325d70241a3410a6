//! Requests to end: SIGTERM from Kubernetes, SIGINT from a keyboard.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often the process was asked to end; cheap to clone.
#[derive(Clone, Debug)]
pub struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Begins to listen; to be called within a runtime. From here on neither signal ends the process by itself.
    ///
    /// The first process of a container is deaf to a signal that it doesn't listen to, so this stands before anything
    /// else.
    ///
    /// # Errors
    ///
    /// If the system refuses to tell of signals.
    pub fn listen() -> io::Result<Self> {
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (heard, signals) = watch::channel(0_u32);
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                heard.send_modify(|count| *count = count.saturating_add(1));
            }
        });
        Ok(Self(signals))
    }

    /// Whether the process was asked to end.
    #[must_use]
    pub fn is_asked_to_end(&self) -> bool {
        *self.0.borrow() > 0
    }

    /// Resolves once the process was asked to end.
    pub async fn first(&self) {
        self.heard(1).await;
    }

    /// Resolves once it was asked again: whoever does that doesn't want to wait.
    pub async fn again(&self) {
        self.heard(2).await;
    }

    async fn heard(&self, times: u32) {
        if self.0.clone().wait_for(|count| *count >= times).await.is_err() {
            // Nobody listens any more, so nobody asks any more.
            std::future::pending::<()>().await;
        }
    }
}
