//! Stored procedures: what may stand around their bodies.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_PROCEDURE.html>

use std::ops::Range;

use super::bodies::Written;
use super::grammar::end_of_type;
use super::tokens::Kind;
use super::{Refusal, Statement, bodies};

const SYNTAX: &str = "42601";
const UNSUPPORTED: &str = "0A000";

/// A statement that creates a procedure, taken apart.
struct Created {
    /// The parenthesis before the arguments.
    open: usize,
    /// Which token the body is.
    body: usize,
}

fn created(statement: &Statement<'_>) -> Option<Created> {
    if !statement.creates("PROCEDURE") {
        return None;
    }
    let open = statement.parsed.labelled("arguments").next()?.start;
    let body = statement.parsed.labelled("body").next()?.start;
    Some(Created { open, body })
}

/// Where the text of a body starts and ends in its token.
fn span_inside(token: &str) -> Range<usize> {
    let tag = token[1..].find('$').map_or(1, |end| end + 2);
    tag..token.len() - tag
}

/// The text of a body between dollar signs.
pub(super) fn inside(token: &str) -> &str {
    &token[span_inside(token)]
}

/// Why Redshift refuses a statement about procedures.
pub(super) fn refusal(statement: &Statement<'_>) -> Option<Refusal> {
    let created = created(statement)?;
    if statement.tokens[created.body].kind != Kind::Dollar {
        let message = "the body of a procedure stands between dollar signs";
        return Some(Refusal::new(SYNTAX, message, "r_CREATE_PROCEDURE"));
    }
    arguments(statement, created.open)
        .or_else(|| clauses(statement))
        .or_else(|| rewritten_body(statement, &created).err())
}

/// An argument has a name, a mode and a type, in any order of the first two.
fn arguments(statement: &Statement<'_>, open: usize) -> Option<Refusal> {
    let mut was_out = false;
    for argument in statement.arguments(open) {
        let is_mode = |at: usize| ["IN", "OUT", "INOUT"].iter().any(|mode| statement.is(at, mode));
        let starts = argument.start..(argument.start + 3).min(argument.end);
        let fits = |start: usize| end_of_type(&statement.tokens, start, true) == Some(argument.end);
        let Some(of_type) = starts.clone().find(|at| fits(*at)) else {
            let message = format!("syntax error in an argument: {}", statement.written(&argument));
            return Some(Refusal::new(SYNTAX, message, "r_CREATE_PROCEDURE"));
        };
        let is_out = (argument.start..of_type).any(|at| statement.is(at, "OUT"));
        let names = (argument.start..of_type).filter(|at| !is_mode(*at)).count();
        if names > 1 || statement.is(argument.start, "VARIADIC") {
            return Some(Refusal::new(SYNTAX, "an argument has one name", "r_CREATE_PROCEDURE"));
        }
        if was_out && !is_out {
            let message = "the stand-in can't show an argument behind one that is OUT, and isn't given in CALL";
            return Some(Refusal::new(UNSUPPORTED, message, "r_CALL_procedure"));
        }
        was_out = is_out;
    }
    None
}

fn clauses(statement: &Statement<'_>) -> Option<Refusal> {
    let refuse = |what: &str| Some(Refusal::new(SYNTAX, what, "r_CREATE_PROCEDURE"));
    let language = statement.parsed.labelled("language").next()?;
    let language = &statement.tokens[language.end - 1];
    if !language.is("PLPGSQL") && language.literal().as_deref() != Some("plpgsql") {
        return refuse("the language of procedures is plpgsql");
    }
    let sets = statement.tokens.iter().filter(|token| token.is("SET")).count();
    if sets > 1 {
        return refuse("a procedure has one SET clause");
    }
    if statement.find(&["NONATOMIC"]).is_some() && (sets > 0 || is_definer(statement)) {
        return refuse("NONATOMIC excludes SECURITY DEFINER and SET");
    }
    None
}

fn is_definer(statement: &Statement<'_>) -> bool {
    statement.find(&["SECURITY", "DEFINER"]).is_some()
}

fn rewritten_body(statement: &Statement<'_>, created: &Created) -> Result<Written, Refusal> {
    let token = &statement.tokens[created.body];
    let setting = statement.tokens.iter().any(|token| token.is("SET"));
    let kind = bodies::Kind {
        is_definer: is_definer(statement),
        has_setting: setting,
        is_nonatomic: statement.find(&["NONATOMIC"]).is_some(),
    };
    bodies::rewritten(inside(&token.text), kind)
}

/// The body written anew, and where it stands in the statement: of a procedure that isn't refused.
pub(super) fn rewrite(statement: &Statement<'_>, notes: &mut Vec<String>) -> Option<(Range<usize>, String)> {
    let created = created(statement)?;
    let token = &statement.tokens[created.body];
    let span = span_inside(&token.text);
    let original = &token.text[span.clone()];
    let written = rewritten_body(statement, &created).ok()?;
    notes.extend(written.notes);
    let body = written.body?;
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
            (format!("CREATE PROCEDURE p(a OUT INTEGER) {body}"), false),
            (format!("CREATE PROCEDURE p(a OUT INTEGER, b INTEGER) {body}"), true),
            (format!("CREATE PROCEDURE p(a INTEGER DEFAULT 1) {body}"), true),
            (format!("CREATE PROCEDURE p(a INTEGER = 1) {body}"), true),
            (format!("CREATE PROCEDURE p(VARIADIC a INTEGER) {body}"), true),
            (format!("CREATE PROCEDURE p() RETURNS INTEGER {body}"), true),
            (format!("CREATE PROCEDURE p() {body} SET a TO b SET c TO d"), true),
            (format!("CREATE PROCEDURE p() NONATOMIC {body} SECURITY DEFINER"), true),
            (format!("CREATE PROCEDURE p() {body} STABLE"), true),
            ("CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ BEGIN NULL; END; $$".to_owned(), false),
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
