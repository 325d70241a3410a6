//! Names: how long, of what characters, which words are none, and whose case is kept.

use super::tokens::Kind;
use super::{Refusal, SessionContext, Statement};

/// Words that can't be names unless quoted. <https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html>
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "AES128", "AES256", "ALL", "ALLOWOVERWRITE", "ANALYSE", "ANALYZE", "AND", "ANY", "ARRAY", "AS", "ASC",
    "AUTHORIZATION", "BACKUP", "BETWEEN", "BINARY", "BOTH", "CASE", "CAST", "CHECK", "COLLATE", "COLUMN",
    "CONSTRAINT", "CREATE", "CROSS", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "DEFAULT",
    "DEFERRABLE", "DESC", "DISABLE", "DISTINCT", "DO", "ELSE", "ENABLE", "ENCODE", "ENCRYPT", "END", "EXCEPT",
    "EXPLICIT", "FALSE", "FOR", "FOREIGN", "FREEZE", "FROM", "FULL", "GRANT", "GROUP", "HAVING", "IDENTITY",
    "IGNORE", "ILIKE", "IN", "INITIALLY", "INNER", "INTERSECT", "INTO", "IS", "ISNULL", "JOIN", "LANGUAGE",
    "LEADING", "LEFT", "LIKE", "LIMIT", "LOCALTIME", "LOCALTIMESTAMP", "MINUS", "NATURAL", "NEW", "NOT", "NOTNULL",
    "NULL", "OFF", "OFFLINE", "OFFSET", "OLD", "ON", "ONLY", "OPEN", "OR", "ORDER", "OUTER", "OVERLAPS", "PARALLEL",
    "PARTITION", "PERCENT", "PRIMARY", "RAW", "REFERENCES", "RIGHT", "SELECT", "SESSION_USER", "SIMILAR",
    "SNAPSHOT", "SOME", "SYSDATE", "SYSTEM", "TABLE", "TAG", "THEN", "TO", "TOP", "TRAILING", "TRUE", "UNION",
    "UNIQUE", "USER", "USING", "VERBOSE", "WHEN", "WHERE", "WITH", "WITHOUT",
];

/// Whether a word, in upper case, is no name unless it is quoted.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&word)
}

/// Why Redshift refuses a name, or a literal that isn't one to it.
pub(super) fn refusal(statement: &Statement<'_>) -> Option<Refusal> {
    escapes(statement)
        .or_else(|| statement.tokens.iter().filter_map(super::tokens::Token::name).find_map(|name| length(&name)))
        .or_else(|| {
            statement
                .tokens
                .iter()
                .filter(|token| token.kind == Kind::Quoted)
                .filter_map(super::tokens::Token::name)
                .any(|name| name.is_empty() || name.chars().any(char::is_control))
                .then(|| Refusal::new("42602", "invalid name: only printable characters", "r_names"))
        })
}

/// `E'…'` is a type name followed by a literal, and there is no such type; nor is there `U&'…'`.
fn escapes(statement: &Statement<'_>) -> Option<Refusal> {
    let touch = |at: usize| statement.tokens[at].span.end == statement.tokens[at + 1].span.start;
    (0..statement.tokens.len().saturating_sub(1))
        .find(|at| {
            let [first, second] = [&statement.tokens[*at], &statement.tokens[at + 1]];
            (first.is("E") && second.kind == Kind::Text && touch(*at))
                || (first.is("U") && second.is("&") && touch(*at))
        })
        .map(|at| {
            let name = statement.tokens[at].text.to_lowercase();
            Refusal::new("42704", format!("type \"{name}\" does not exist"), "r_CHAR_and_VARCHAR")
        })
}

fn length(name: &str) -> Option<Refusal> {
    if name.len() > 127 {
        return Some(Refusal::new("42622", format!("identifier \"{name}\" is longer than 127 bytes"), "r_names"));
    }
    // PostgreSQL would cut it with no more than a notice. That isn't Redshift's answer, but a limit of the stand-in's, and
    // one that must be loud.
    (name.len() > 63).then(|| {
        let message = format!("the stand-in can't show the name \"{name}\": more than 63 bytes");
        Refusal::new("0A000", message, "r_names")
    })
}

/// Quoted names whose case isn't kept, and what they are then. Those of users are kept always; of groups and roles the page
/// says nothing. <https://docs.aws.amazon.com/redshift/latest/dg/r_enable_case_sensitive_identifier.html>
pub(super) fn folded(statement: &Statement<'_>, context: &SessionContext) -> Vec<(usize, String)> {
    if context.case_sensitive {
        return Vec::new();
    }
    let tokens = statement.tokens.iter().enumerate();
    tokens
        .filter(|(at, token)| token.kind == Kind::Quoted && !statement.parsed.is_labelled("user", *at))
        .map(|(at, token)| (at, token.text.to_lowercase()))
        .filter(|(at, folded)| *folded != statement.tokens[*at].text)
        .collect()
}
