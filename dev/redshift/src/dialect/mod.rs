//! What Redshift makes of a statement: lets it pass, refuses it, or means something else by it than
//! `PostgreSQL`.
//!
//! Pure. Every rule names the page of AWS's documentation that it is from, and an example that
//! triggers it; a test goes through all of them.

mod refusals;
mod rewrites;
pub mod tokens;

pub use rewrites::SYSTEM_PRIVILEGES;

use std::ops::Range;

use tokens::{Kind, Token};

/// Start of the addresses of the developer guide's pages.
const GUIDE: &str = "https://docs.aws.amazon.com/redshift/latest/dg/";

/// Longest statement, in bytes. <https://docs.aws.amazon.com/redshift/latest/dg/r_INSERT_30.html>
const LONGEST_STATEMENT: usize = 16 * 1024 * 1024;

/// What the relay knows about the session that sent the statement.
#[derive(Clone, Debug)]
pub struct SessionContext {
    /// The user who logged in.
    pub user: String,
    /// Whether that user is a superuser.
    pub superuser: bool,
    /// Whether a transaction is open.
    pub in_transaction: bool,
    /// Whether nothing was done in it yet.
    pub first_in_transaction: bool,
    /// Whether this plays Redshift Serverless.
    pub serverless: bool,
}

/// What becomes of a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is sent on, byte by byte.
    Forward,
    /// Something else is sent; `notes` say what can't be expressed.
    Rewrite {
        /// What is sent.
        sql: String,
        /// What `PostgreSQL` can't express.
        notes: Vec<String>,
        /// How many answers at the front are to statements of the stand-in's own.
        hidden: usize,
    },
    /// Redshift refuses it.
    Refuse(Refusal),
    /// `DROP USER`, which on Redshift looks into the current database alone.
    DropUsers {
        /// The users.
        names: Vec<String>,
        /// Whether users that aren't there don't matter.
        if_exists: bool,
        /// Whether the privilege `DROP USER` is needed.
        privileged: bool,
    },
    /// Needs a system privilege that a role may carry; done by the stand-in's own superuser.
    Privileged {
        /// The privilege.
        privilege: &'static str,
        /// What is done.
        sql: String,
    },
}

/// Why Redshift refuses a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The code of the error.
    pub sqlstate: &'static str,
    /// Its text, as Redshift means it.
    pub message: String,
    /// The page that says so.
    pub page: String,
}

impl Refusal {
    fn new(sqlstate: &'static str, message: impl Into<String>, page: &str) -> Self {
        Self { sqlstate, message: message.into(), page: format!("{GUIDE}{page}.html") }
    }
}

/// A statement taken apart.
struct Statement<'a> {
    text: &'a str,
    tokens: Vec<Token>,
}

impl Statement<'_> {
    fn starts_with(&self, words: &[&str]) -> bool {
        self.tokens.len() >= words.len() && self.tokens.iter().zip(words).all(|(token, word)| token.is(word))
    }

    /// Where a sequence of words or symbols stands.
    fn find(&self, words: &[&str]) -> Option<usize> {
        self.find_from(0, words)
    }

    fn find_from(&self, from: usize, words: &[&str]) -> Option<usize> {
        let rest = self.tokens.get(from..)?;
        let at = rest
            .windows(words.len().max(1))
            .position(|window| window.iter().zip(words).all(|(token, word)| token.is(word)))?;
        Some(from + at)
    }

    fn name(&self, at: usize) -> Option<String> {
        self.tokens.get(at).and_then(Token::name)
    }
}

/// Where the statements of a message stand, in bytes.
pub fn split(message: &str) -> Result<Vec<Range<usize>>, Refusal> {
    if message.len() > LONGEST_STATEMENT {
        return Err(Refusal::new("54000", "Statement is too large. Statement Size: more than 16 MB", "r_INSERT_30"));
    }
    tokens::split(message).map_err(|what| Refusal::new("42601", format!("syntax error: {what}"), "r_names"))
}

/// What becomes of one statement.
#[must_use]
pub fn judge(text: &str, context: &SessionContext) -> Verdict {
    let tokens = match tokens::read(text) {
        Ok(tokens) => tokens,
        Err(what) => return Verdict::Refuse(Refusal::new("42601", format!("syntax error: {what}"), "r_names")),
    };
    let statement = Statement { text, tokens };
    if statement.tokens.is_empty() {
        return Verdict::Forward;
    }
    if let Some(refusal) = refusals::find(&statement, context) {
        return Verdict::Refuse(refusal);
    }
    rewrites::apply(&statement, context)
}

/// Splices replacements into a text.
fn splice(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(span, _)| span.start);
    let mut result = String::new();
    let mut at = 0;
    for (span, replacement) in edits {
        if span.start < at {
            continue;
        }
        result.push_str(&text[at..span.start]);
        result.push_str(&replacement);
        at = span.end;
    }
    result.push_str(&text[at..]);
    result
}

fn is_name(token: &Token) -> bool {
    matches!(token.kind, Kind::Word | Kind::Quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn superuser() -> SessionContext {
        SessionContext {
            user: "awsuser".to_owned(),
            superuser: true,
            in_transaction: false,
            first_in_transaction: false,
            serverless: false,
        }
    }

    /// Statements that Redshift's documentation shows; kept in step with `tests/documented.rs`, which
    /// executes them.
    #[test]
    fn documented_statements_are_not_refused() {
        for text in include_str!("../../tests/documented.sql").split("\n\n") {
            let verdict = judge(text.trim().trim_end_matches(';'), &superuser());
            assert!(!matches!(verdict, Verdict::Refuse(_)), "{text}\n{verdict:?}");
        }
    }
}
