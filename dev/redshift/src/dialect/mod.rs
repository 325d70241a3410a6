//! What Redshift makes of a statement: lets it pass, refuses it, or means something else by it than
//! `PostgreSQL`.
//!
//! Pure. Every rule names the page of AWS's documentation that it is from, and an example that
//! triggers it; a test goes through all of them.

mod bodies;
mod procedures;
mod refusals;
mod rewrites;
mod sources;
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
    /// Who the session is: the user who logged in, or whom that user became.
    pub user: String,
    /// Whether that user is a superuser.
    pub superuser: bool,
    /// Whether a superuser logged in, who may become anybody.
    pub may_become_others: bool,
    /// Whether a transaction is open.
    pub in_transaction: bool,
    /// Whether nothing was done in it yet.
    pub first_in_transaction: bool,
    /// Whether the statement stands in a procedure.
    pub in_procedure: bool,
    /// Whether ordinary users see only what is theirs.
    pub metadata_security: bool,
    /// Whether this plays Redshift Serverless.
    pub serverless: bool,
}

/// What is sent in the place of a statement that `PostgreSQL` has nothing for.
const NOTHING: &str = "SELECT";

/// What becomes of a statement.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It is sent on, byte by byte.
    Forward,
    /// Something else is sent.
    Rewrite {
        /// A statement of the stand-in's own that comes first; nobody sees its answer unless it fails.
        before: Option<String>,
        /// What is sent.
        sql: String,
        /// What `PostgreSQL` can't express.
        notes: Vec<String>,
    },
    /// Redshift refuses it.
    Refuse(Refusal),
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

    /// The parenthesis that closes the one at a place.
    fn closing(&self, open: usize) -> Option<usize> {
        let mut depth = 0_i32;
        (open..self.tokens.len()).find(|at| {
            depth += i32::from(self.tokens[*at].is("(")) - i32::from(self.tokens[*at].is(")"));
            depth == 0
        })
    }

    /// The arguments between parentheses, each as its tokens.
    fn arguments(&self, open: usize) -> Vec<Range<usize>> {
        let Some(close) = self.closing(open) else { return Vec::new() };
        let (mut found, mut start, mut depth) = (Vec::new(), open + 1, 0_i32);
        for at in open + 1..close {
            let token = &self.tokens[at];
            depth += i32::from(token.is("(")) - i32::from(token.is(")"));
            if depth == 0 && token.is(",") {
                found.push(start..at);
                start = at + 1;
            }
        }
        if start < close {
            found.push(start..close);
        }
        found
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

/// Whether a statement switches metadata security on or off.
/// <https://docs.aws.amazon.com/redshift/latest/dg/t_metadata_security.html>
#[must_use]
pub fn switches_metadata_security(text: &str) -> Option<bool> {
    let statement = Statement { text, tokens: tokens::read(text).ok()? };
    if !statement.starts_with(&["ALTER", "SYSTEM", "SET", "METADATA_SECURITY"]) {
        return None;
    }
    let value = statement.tokens.last()?;
    let value = value.literal().unwrap_or_else(|| value.text.clone());
    Some(["TRUE", "ON", "T", "1"].contains(&value.to_uppercase().as_str()))
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
            may_become_others: true,
            in_transaction: false,
            first_in_transaction: false,
            in_procedure: false,
            metadata_security: false,
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
