//! One SQL statement, ready to be sent.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// One SQL statement, ready to be sent; its text may hold secrets, so it never shows.
#[derive(Clone)]
pub struct Statement {
    name: &'static str,
    comment: String,
    text: String,
    secrets: Vec<SecretString>,
}

impl Statement {
    /// A statement and the secrets in its text.
    #[must_use]
    pub fn new(name: &'static str, text: String, secrets: Vec<SecretString>) -> Self {
        Self { name, comment: String::new(), text, secrets }
    }

    /// With what the file says about it.
    #[must_use]
    pub fn with_comment(self, comment: &str) -> Self {
        Self { comment: comment.to_owned(), ..self }
    }

    /// What the file says about it, as lines that begin with two dashes.
    #[must_use]
    pub fn comment(&self) -> &str {
        &self.comment
    }

    /// What it is called in logs, metrics and errors.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What is sent.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The secrets in its text.
    #[must_use]
    pub fn secrets(&self) -> &[SecretString] {
        &self.secrets
    }

    /// Takes the statement's secrets out of a message.
    #[must_use]
    pub fn redact(&self, message: &str) -> String {
        self.secrets.iter().fold(message.to_owned(), |text, secret| text.replace(secret.expose_secret(), "<REDACTED>"))
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Statement({})", self.name)
    }
}
