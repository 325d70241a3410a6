//! Settings that Redshift doesn't know, and names that no session context variable may have: those have two parts, one dot,
//! nothing quoted. <https://docs.aws.amazon.com/redshift/latest/dg/r_SET.html>

use super::super::settings::is_known;
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

/// Why a name is none of a setting, if it isn't.
fn refused(name: &str, page: &str) -> Option<Refusal> {
    if name.contains('.') {
        let invalid = || Refusal::new("42602", format!("invalid name of a session context variable: {name}"), page);
        return (!is_variable(name)).then(invalid);
    }
    let unknown = || {
        let message = format!("unrecognized configuration parameter \"{}\"", name.to_lowercase());
        Refusal::new("42704", message, "cm_chap_ConfigurationRef")
    };
    (!is_known(name)).then(unknown)
}

/// `SET a.b TO 'x'`, `RESET a.b`, `SHOW a.b`, `ALTER USER u SET a TO b`.
fn named(statement: &Statement<'_>) -> Option<Refusal> {
    let setting = statement.parsed.labelled("setting").next()?;
    let name: String = statement.tokens[setting].iter().map(|token: &Token| token.text.as_str()).collect();
    let page = match statement.tokens.first()?.text.as_str() {
        "RESET" => "r_RESET",
        "SHOW" => "r_SHOW",
        _ => "r_SET",
    };
    refused(&name, page)
}

fn calls(statement: &Statement<'_>) -> Option<Refusal> {
    for (at, token) in statement.tokens.iter().enumerate() {
        let sets = token.is("SET_CONFIG");
        if !(sets || token.is("CURRENT_SETTING")) || !statement.is(at + 1, "(") {
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
        if let Some(refusal) = refused(&name, page) {
            return Some(refusal);
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
