//! What stopped a pass: what is wrong, in a sentence, and what can be done about it.

use std::time::Duration;

use super::brief;
use crate::api::{Reason, Remedy};

/// Whether waiting helps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Category {
    /// It may be gone at the next try.
    Transient,
    /// Somebody has to change something first.
    Permanent,
}

/// Something that stopped a pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// Why, for machines.
    pub reason: Reason,
    /// What is wrong. Nothing in it may change from one try to the next.
    pub message: String,
    /// What can be done about it, each way by itself.
    pub remedies: Vec<Remedy>,
    /// Whether waiting helps.
    pub category: Category,
    /// How long somebody has asked not to be asked again.
    pub at_least: Duration,
}

impl Failure {
    /// One that only a person can mend.
    #[must_use]
    pub fn stalled(reason: Reason, message: impl Into<String>) -> Self {
        let (message, remedies) = (message.into(), Vec::new());
        Self { reason, message, remedies, category: Category::Permanent, at_least: Duration::ZERO }
    }

    /// One that may be gone at the next try.
    #[must_use]
    pub fn waiting(reason: Reason, message: impl Into<String>) -> Self {
        Self { category: Category::Transient, ..Self::stalled(reason, message) }
    }

    /// With one more way out.
    #[must_use]
    pub fn remedy(mut self, remedy: Remedy) -> Self {
        self.remedies.push(remedy);
        self
    }

    /// With more ways out.
    #[must_use]
    pub fn remedies(mut self, remedies: impl IntoIterator<Item = Remedy>) -> Self {
        self.remedies.extend(remedies);
        self
    }

    /// The message as a condition and an event show it.
    #[must_use]
    pub fn said(&self) -> String {
        let message = brief::cut(&self.message, brief::LONGEST_MESSAGE);
        if self.remedies.is_empty() { message } else { format!("{message}; see status.remedies") }
    }

    /// With something said before.
    #[must_use]
    pub fn after(mut self, before: &str) -> Self {
        self.message = format!("{before} {}", self.message);
        self
    }
}
