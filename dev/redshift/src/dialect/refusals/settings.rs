//! Session context variables: two parts, one dot, nothing quoted.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_SET.html>

use super::super::tokens::{Kind, Token};
use super::{Refusal, SYNTAX, Statement};

pub(super) fn find(statement: &Statement<'_>) -> Option<Refusal> {
    named(statement).or_else(|| calls(statement))
}

fn is_variable(name: &str) -> bool {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    name.split('.').count() == 2 && name.split('.').all(part)
}

fn invalid(name: &str, page: &str) -> Refusal {
    Refusal::new("42602", format!("invalid name of a session context variable: {name}"), page)
}

/// `SET a.b TO 'x'`, `RESET a.b`, `SHOW a.b`.
fn named(statement: &Statement<'_>) -> Option<Refusal> {
    let first = statement.tokens.first()?;
    let (start, page) = match first.text.as_str() {
        "SET" if statement.tokens.get(1).is_some_and(|next| next.is("LOCAL") || next.is("SESSION")) => (2, "r_SET"),
        "SET" => (1, "r_SET"),
        "RESET" => (1, "r_RESET"),
        // A view's or a procedure's name has parts as well.
        "SHOW" if statement.tokens.get(1).is_some_and(|next| !next.is("VIEW") && !next.is("PROCEDURE")) => {
            (1, "r_SHOW")
        }
        _ => return None,
    };
    let end = (start..statement.tokens.len())
        .find(|at| statement.tokens[*at].is("TO") || statement.tokens[*at].is("="))
        .unwrap_or(statement.tokens.len());
    let name = &statement.tokens[start..end];
    if !name.iter().any(|token| token.is(".")) {
        return None;
    }
    let text: String = name.iter().map(|token: &Token| token.text.as_str()).collect();
    (!is_variable(&text)).then(|| invalid(&text, page))
}

fn calls(statement: &Statement<'_>) -> Option<Refusal> {
    for (at, token) in statement.tokens.iter().enumerate() {
        let sets = token.is("SET_CONFIG");
        if !(sets || token.is("CURRENT_SETTING")) || !statement.tokens.get(at + 1).is_some_and(|next| next.is("(")) {
            continue;
        }
        let page = if sets { "r_SET_CONFIG" } else { "r_CURRENT_SETTING" };
        let arguments = statement.arguments(at + 1);
        let literal = arguments
            .first()
            .filter(|range| range.len() == 1)
            .and_then(|range| statement.tokens[range.start].literal());
        let Some(name) = literal else {
            if sets {
                continue;
            }
            return Some(Refusal::new(SYNTAX, "the name of a setting must be a string constant", page));
        };
        if name.contains('.') && !is_variable(&name) {
            return Some(invalid(&name, page));
        }
        if !sets && arguments.len() > 1 && !name.contains('.') {
            return Some(Refusal::new(SYNTAX, "error_if_undefined is for session context variables", page));
        }
        let flag = arguments.get(if sets { 2 } else { 1 });
        let is_constant = |range: &std::ops::Range<usize>| {
            range.len() == 1 && matches!(statement.tokens[range.start].kind, Kind::Word | Kind::Text)
        };
        if flag.is_some_and(|range| !is_constant(range)) {
            return Some(Refusal::new(SYNTAX, "the last argument must be TRUE or FALSE", page));
        }
    }
    None
}
