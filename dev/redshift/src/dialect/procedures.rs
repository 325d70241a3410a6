//! Stored procedures: what may stand around their bodies.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_PROCEDURE.html>

use std::ops::Range;

use super::tokens::Kind;
use super::{Refusal, Statement, bodies};

const SYNTAX: &str = "42601";
const UNSUPPORTED: &str = "0A000";

/// A statement that creates a procedure, taken apart.
struct Created {
    /// The arguments, as tokens.
    arguments: Range<usize>,
    /// Which token the body is.
    body: usize,
}

fn created(statement: &Statement<'_>) -> Option<Result<Created, Refusal>> {
    let page = "r_CREATE_PROCEDURE";
    let kind = if statement.starts_with(&["CREATE", "PROCEDURE"]) {
        1
    } else if statement.starts_with(&["CREATE", "OR", "REPLACE", "PROCEDURE"]) {
        3
    } else {
        return None;
    };
    let syntax = |what: &str| Some(Err(Refusal::new(SYNTAX, what, page)));
    let Some(open) = statement.find_from(kind, &["("]) else { return syntax("a procedure has a list of arguments") };
    let Some(close) = statement.closing(open) else { return syntax("syntax error at end of input") };
    let Some(body) = statement.tokens.iter().position(|token| token.kind == Kind::Dollar) else {
        return syntax("the body of a procedure stands between dollar signs");
    };
    if body < close {
        return syntax("the arguments of a procedure come before its body");
    }
    Some(Ok(Created { arguments: open + 1..close, body }))
}

/// Where the text of a body starts and ends in its token.
fn inside(token: &str) -> Range<usize> {
    let tag = token[1..].find('$').map_or(1, |end| end + 2);
    tag..token.len() - tag
}

/// Why Redshift refuses a statement about procedures.
pub(super) fn refusal(statement: &Statement<'_>) -> Option<Refusal> {
    if statement.starts_with(&["DROP", "PROCEDURE"]) {
        let has_types = statement.tokens.last().is_some_and(|last| last.is(")"));
        return (!has_types)
            .then(|| Refusal::new(SYNTAX, "DROP PROCEDURE needs the types of the arguments", "r_DROP_PROCEDURE"));
    }
    let created = match created(statement)? {
        Ok(created) => created,
        Err(refusal) => return Some(refusal),
    };
    arguments(statement, created.arguments.clone())
        .or_else(|| clauses(statement, &created))
        .or_else(|| rewritten_body(statement, &created).err())
}

fn arguments(statement: &Statement<'_>, arguments: Range<usize>) -> Option<Refusal> {
    for token in &statement.tokens[arguments] {
        let (message, page) = match token.text.as_str() {
            "OUT" if token.kind == Kind::Word => {
                ("OUT arguments are not given in CALL on Redshift: the stand-in can't show that", "r_CALL_procedure")
            }
            "DEFAULT" | "=" if token.kind != Kind::Quoted => ("arguments have no default", "r_CREATE_PROCEDURE"),
            "VARIADIC" if token.kind == Kind::Word => ("VARIADIC is not supported", "r_CREATE_PROCEDURE"),
            _ => continue,
        };
        return Some(Refusal::new(UNSUPPORTED, message, page));
    }
    None
}

fn clauses(statement: &Statement<'_>, created: &Created) -> Option<Refusal> {
    let refuse = |what: &str| Some(Refusal::new(SYNTAX, what, "r_CREATE_PROCEDURE"));
    let (before, after) =
        (&statement.tokens[created.arguments.end..created.body], &statement.tokens[created.body + 1..]);
    let nonatomic = before.iter().any(|token| token.is("NONATOMIC"));
    let expected: &[&str] = if nonatomic { &[")", "NONATOMIC", "AS"] } else { &[")", "AS"] };
    if before.len() != expected.len() || !before.iter().zip(expected).all(|(token, word)| token.is(word)) {
        return refuse("syntax error: the arguments are followed by [NONATOMIC] AS and the body");
    }
    let says_language = after.first().is_some_and(|token| token.is("LANGUAGE"))
        && after.get(1).is_some_and(|token| token.is("PLPGSQL") || token.literal().as_deref() == Some("plpgsql"));
    if !says_language {
        return refuse("the body of a procedure is followed by LANGUAGE plpgsql");
    }
    let sets = after.iter().filter(|token| token.is("SET")).count();
    if sets > 1 {
        return refuse("a procedure has one SET clause");
    }
    let mut security = after.windows(2).filter(|pair| pair[0].is("SECURITY"));
    let known = |pair: &[super::tokens::Token]| pair[1].is("DEFINER") || pair[1].is("INVOKER");
    match after.get(2) {
        None => {}
        Some(token) if token.is("SET") => {}
        Some(token) if token.is("SECURITY") && security.next().is_some_and(known) => {}
        Some(token) => return refuse(&format!("syntax error at or near \"{}\"", token.text)),
    }
    if nonatomic && (sets > 0 || is_definer(statement)) {
        return refuse("NONATOMIC excludes SECURITY DEFINER and SET");
    }
    None
}

fn is_definer(statement: &Statement<'_>) -> bool {
    statement.find(&["SECURITY", "DEFINER"]).is_some()
}

fn rewritten_body(statement: &Statement<'_>, created: &Created) -> Result<Option<String>, Refusal> {
    let token = &statement.tokens[created.body];
    let span = inside(&token.text);
    let is_bound = is_definer(statement) || statement.tokens[created.body..].iter().any(|token| token.is("SET"));
    bodies::rewritten(&token.text[span], is_bound)
}

/// The body written anew, and where it stands in the statement: of a procedure that isn't refused.
pub(super) fn rewrite(statement: &Statement<'_>) -> Option<(Range<usize>, String)> {
    let created = created(statement)?.ok()?;
    let token = &statement.tokens[created.body];
    let span = inside(&token.text);
    let original = &token.text[span.clone()];
    let body = rewritten_body(statement, &created).ok()??;
    let hex: String = original.bytes().map(|byte| format!("{byte:02x}")).collect();
    let at = token.span.start + span.start..token.span.start + span.end;
    // What was sent is kept behind what was made of it, for pg_proc_info and SHOW PROCEDURE.
    Some((at, format!("{body}\n-- rdsdb:{hex}")))
}

#[cfg(test)]
mod tests {
    use super::super::tests::superuser;
    use super::super::{Verdict, judge};

    #[test]
    fn what_the_grammar_does_not_have_is_refused() {
        let body = "AS $$ BEGIN NULL; END; $$ LANGUAGE plpgsql";
        for (text, is_refused) in [
            (
                format!(
                    "CREATE PROCEDURE s.p(target VARCHAR(128)) {body} SECURITY DEFINER SET search_path TO pg_catalog"
                ),
                false,
            ),
            (format!("CREATE OR REPLACE PROCEDURE p() NONATOMIC {body}"), false),
            (format!("CREATE PROCEDURE p(a INOUT INTEGER) {body}"), false),
            (format!("CREATE PROCEDURE p(a OUT INTEGER) {body}"), true),
            (format!("CREATE PROCEDURE p(a INTEGER DEFAULT 1) {body}"), true),
            (format!("CREATE PROCEDURE p(a INTEGER = 1) {body}"), true),
            (format!("CREATE PROCEDURE p(VARIADIC a INTEGER) {body}"), true),
            (format!("CREATE PROCEDURE p() RETURNS INTEGER {body}"), true),
            (format!("CREATE PROCEDURE p() {body} SET a TO b SET c TO d"), true),
            (format!("CREATE PROCEDURE p() NONATOMIC {body} SECURITY DEFINER"), true),
            (format!("CREATE PROCEDURE p() {body} STABLE"), true),
            ("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN NULL; END; $$".to_owned(), true),
            ("CREATE PROCEDURE p() AS $$ SELECT 1 $$ LANGUAGE sql".to_owned(), true),
            ("CREATE PROCEDURE p() AS ' BEGIN NULL; END; ' LANGUAGE plpgsql".to_owned(), true),
        ] {
            assert_eq!(matches!(judge(&text, &superuser()), Verdict::Refuse(_)), is_refused, "{text}");
        }
    }

    #[test]
    fn only_what_differs_in_a_body_is_written_anew_and_the_original_is_kept() {
        let text = "CREATE PROCEDURE p() AS $$ BEGIN EXECUTE 'x'; END; $$ LANGUAGE plpgsql";
        let Verdict::Rewrite { sql, .. } = judge(text, &superuser()) else { panic!("{text}") };
        let hex: String = " BEGIN EXECUTE 'x'; END; ".bytes().map(|byte| format!("{byte:02x}")).collect();
        let expected = format!(
            "CREATE PROCEDURE p() AS $$ BEGIN EXECUTE pg_catalog.rdsdb_dynamic('x'); END; \n-- rdsdb:{hex}$$ LANGUAGE plpgsql"
        );
        assert_eq!(sql, expected);
        let plain = "CREATE PROCEDURE p() AS $$ BEGIN NULL; END; $$ LANGUAGE plpgsql";
        assert_eq!(judge(plain, &superuser()), Verdict::Forward);
    }
}
