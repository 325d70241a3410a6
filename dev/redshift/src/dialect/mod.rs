//! What Redshift makes of a statement: lets it pass, refuses it, or means something else by it than
//! `PostgreSQL`.
//!
//! Pure. Every rule names the page of AWS's documentation that it is from, and an example that
//! triggers it; a test goes through all of them.

mod blocks;
mod bodies;
mod grammar;
mod names;
mod procedures;
mod questions;
mod refusals;
mod rewrites;
mod settings;
mod sources;
mod statement;
pub mod tokens;

pub use questions::{Question, question};
pub use rewrites::{SYSTEM_PRIVILEGES, makes_late_view};

use std::borrow::Cow;
use std::ops::Range;

use statement::Statement;
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
    /// The database that it is connected to.
    pub database: String,
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
    /// Whether the case of quoted names is kept.
    pub case_sensitive: bool,
    /// Whether ordinary users see only what is theirs.
    pub metadata_security: bool,
    /// Whether this plays Redshift Serverless.
    pub serverless: bool,
    /// Whether there are late-binding views, so that a relation may be one.
    pub late_views: bool,
    /// Whether readers of late-binding views need USAGE on the schemas that those read.
    pub readers_use_schemas: bool,
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
    pub sqlstate: Cow<'static, str>,
    /// Its text, as Redshift means it.
    pub message: String,
    /// The page that says so.
    pub page: String,
}

impl Refusal {
    /// What Redshift does and the stand-in doesn't.
    pub(crate) fn beyond(message: impl Into<String>, page: &str) -> Self {
        Self::new("0A000", message, page)
    }

    fn new(sqlstate: &'static str, message: impl Into<String>, page: &str) -> Self {
        Self { sqlstate: sqlstate.into(), message: message.into(), page: format!("{GUIDE}{page}.html") }
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
    judged(text, context).unwrap_or_else(Verdict::Refuse)
}

fn judged(text: &str, context: &SessionContext) -> Result<Verdict, Refusal> {
    let refused = |refusal: Option<Refusal>| refusal.map_or(Ok(()), Err);
    let mut statement = read(text)?;
    if statement.tokens.is_empty() {
        return Ok(Verdict::Forward);
    }
    refused(refusals::by_name(&statement))?;
    statement.parsed = grammar::parse(&statement.tokens)?;
    refused(refusals::find(&statement, context))?;
    Ok(rewrites::apply(&statement, context))
}

/// A statement, of which the grammar hasn't said anything yet.
fn read(text: &str) -> Result<Statement<'_>, Refusal> {
    let tokens = tokens::read(text);
    let mut tokens = tokens.map_err(|what| Refusal::new("42601", format!("syntax error: {what}"), "r_names"))?;
    while tokens.last().is_some_and(|last| last.is(";")) {
        tokens.pop();
    }
    Ok(Statement { text, tokens, parsed: grammar::Parsed::default() })
}

/// Whether a statement switches metadata security on or off.
/// <https://docs.aws.amazon.com/redshift/latest/dg/t_metadata_security.html>
#[must_use]
pub fn switches_metadata_security(text: &str) -> Option<bool> {
    let statement = mentions(text, "METADATA_SECURITY").then(|| read(text).ok())??;
    if !statement.starts_with(&["ALTER", "SYSTEM", "SET", "METADATA_SECURITY"]) {
        return None;
    }
    Some(is_true(statement.tokens.last()?))
}

/// Whether a text has a word somewhere. Most have none of those that are looked for, and needn't be read once more.
fn mentions(text: &str, word: &str) -> bool {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.into_iter().any(|found| found.eq_ignore_ascii_case(word))
}

/// Whether a statement makes the session keep the case of quoted names, or no longer keep it.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_enable_case_sensitive_identifier.html>
#[must_use]
pub fn switches_case_sensitivity(text: &str) -> Option<bool> {
    let concerned = mentions(text, "ENABLE_CASE_SENSITIVE_IDENTIFIER") || mentions(text, "RESET");
    let statement = concerned.then(|| read(text).ok())??;
    if statement.starts_with(&["RESET", "ALL"]) {
        return Some(false);
    }
    // DG/r_SET_CONFIG
    if let Some(call) = statement.find(&["SET_CONFIG", "("]) {
        let literal = |at: usize| statement.tokens.get(at).and_then(Token::literal);
        let names_it =
            literal(call + 2).is_some_and(|name| name.eq_ignore_ascii_case("enable_case_sensitive_identifier"));
        let value = statement.tokens.get(call + 4).filter(|_| names_it && statement.is(call + 3, ","))?;
        return Some(is_true(value));
    }
    statement.find(&["ENABLE_CASE_SENSITIVE_IDENTIFIER"]).filter(|at| *at <= 2)?;
    match statement.tokens.first()? {
        first if first.is("SET") => Some(is_true(statement.tokens.last()?)),
        first if first.is("RESET") => Some(false),
        _ => None,
    }
}

/// Whether a setting is set for the transaction alone. <https://docs.aws.amazon.com/redshift/latest/dg/r_SET.html>
#[must_use]
pub fn is_set_locally(text: &str) -> bool {
    read(text).is_ok_and(|statement| statement.starts_with(&["SET", "LOCAL"]))
}

fn is_true(value: &Token) -> bool {
    let value = value.literal().unwrap_or_else(|| value.text.clone());
    ["TRUE", "ON", "T", "1"].contains(&value.to_uppercase().as_str())
}

/// Splices replacements into a text.
fn splice(text: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(span, _)| (span.start, span.end));
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
            database: "dev".to_owned(),
            superuser: true,
            may_become_others: true,
            in_transaction: false,
            first_in_transaction: false,
            in_procedure: false,
            case_sensitive: false,
            metadata_security: false,
            serverless: false,
            late_views: false,
            readers_use_schemas: false,
        }
    }

    /// Statements that Redshift's documentation shows; `tests/corpus.rs` executes them.
    #[test]
    fn documented_statements_are_not_refused() {
        for corpus in [
            include_str!("../../tests/documented.sql"),
            include_str!("../../tests/corpus/accepted/accounts.sql"),
            include_str!("../../tests/corpus/accepted/grants.sql"),
            include_str!("../../tests/corpus/accepted/names.sql"),
            include_str!("../../tests/corpus/accepted/procedures.sql"),
            include_str!("../../tests/corpus/accepted/queries.sql"),
            include_str!("../../tests/corpus/accepted/tables.sql"),
            include_str!("../../tests/corpus/accepted/views.sql"),
        ] {
            let refused = statements(corpus).filter_map(|text| match judge(text, &superuser()) {
                Verdict::Refuse(refusal) => Some(format!("{text}: {}", refusal.message)),
                _ => None,
            });
            assert_eq!(refused.collect::<Vec<_>>(), [""; 0]);
        }
    }

    /// `PostgreSQL` takes most of them.
    #[test]
    fn what_redshift_does_not_take_is_refused() {
        for corpus in [
            include_str!("../../tests/corpus/refused/accounts.sql"),
            include_str!("../../tests/corpus/refused/queries.sql"),
            include_str!("../../tests/corpus/refused/tables.sql"),
        ] {
            let taken = statements(corpus).filter(|text| !matches!(judge(text, &superuser()), Verdict::Refuse(_)));
            assert_eq!(taken.collect::<Vec<_>>(), [""; 0]);
        }
    }

    fn statements(corpus: &str) -> impl Iterator<Item = &str> {
        split(corpus).unwrap_or_default().into_iter().map(|span| &corpus[span])
    }
}
