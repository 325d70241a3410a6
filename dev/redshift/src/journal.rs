//! What happened: every statement with its session, and what came of it.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Number of the entry, from 1.
    pub sequence: u64,
    /// Number of the session, from 1.
    pub session: u64,
    /// The database of the session.
    pub database: String,
    /// The user of the session.
    pub user: String,
    /// What it is.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Event {
    /// A login: `None` if it went well, else the error's code.
    Login {
        /// The error's code.
        refused: Option<String>,
    },
    /// A statement.
    #[serde(rename_all = "camelCase")]
    Statement {
        /// As the client sent it.
        text: String,
        /// What `PostgreSQL` can't express of it.
        notes: Vec<String>,
        /// What came of it: `ok`, an error's code, or `lost`.
        outcome: String,
        /// The page that the refusal is from.
        page: Option<String>,
        /// How long the stand-in and its server took for it, from when it was looked at until all of the answer was there.
        #[serde(default)]
        microseconds: u64,
    },
    /// The session's end.
    Disconnect,
}

/// The journal; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    fn entries(&self) -> std::sync::MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, session: u64, database: &str, user: &str, event: Event) {
        let mut entries = self.entries();
        let sequence = entries.last().map_or(1, |last| last.sequence + 1);
        entries.push(Entry { sequence, session, database: database.to_owned(), user: user.to_owned(), event });
    }

    /// The entries behind a number.
    #[must_use]
    pub fn since(&self, sequence: u64) -> Vec<Entry> {
        self.entries().iter().filter(|entry| entry.sequence > sequence).cloned().collect()
    }

    /// The texts of all statements that went well.
    #[must_use]
    pub fn succeeded(&self) -> Vec<String> {
        let text = |entry: &Entry| match &entry.event {
            Event::Statement { text, outcome, .. } if outcome == "ok" => Some(text.clone()),
            _ => None,
        };
        self.entries().iter().filter_map(text).collect()
    }

    /// The texts of all statements, whatever came of them.
    #[must_use]
    pub fn statements(&self) -> Vec<String> {
        let text = |entry: &Entry| match &entry.event {
            Event::Statement { text, .. } => Some(text.clone()),
            _ => None,
        };
        self.entries().iter().filter_map(text).collect()
    }

    /// How many logins went well.
    #[must_use]
    pub fn logins(&self) -> usize {
        self.entries().iter().filter(|entry| entry.event == Event::Login { refused: None }).count()
    }

    /// Forgets everything; numbers go on from 1.
    pub fn clear(&self) {
        self.entries().clear();
    }
}
