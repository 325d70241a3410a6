//! What stands in queries on `PostgreSQL` and not on Redshift: found by its place, since most of the words are names elsewhere.

use std::collections::HashSet;

use super::super::tokens::{Kind, Token};
use super::super::{grammar, is_name};
use super::{Refusal, SYNTAX, Statement, UNSUPPORTED};

const FEATURES: &str = "c_unsupported-postgresql-features";

/// Words and symbols that follow one another, the message, the page, and an example. A `_` is any name.
#[rustfmt::skip]
const SEQUENCES: &[(&[&str], &str, &str, &str)] = &[
    (&["DISTINCT", "ON", "("], "SELECT DISTINCT ON is not supported", FEATURES, "SELECT DISTINCT ON (a) a FROM t"),
    (&[",", "LATERAL", "("], "LATERAL is not supported", FEATURES, "SELECT 1 FROM t, LATERAL (SELECT 1) x"),
    (&["JOIN", "LATERAL"], "LATERAL is not supported", FEATURES, "SELECT 1 FROM t CROSS JOIN LATERAL (SELECT 1) x"),
    (&[")", "FILTER", "("], "syntax error at or near \"FILTER\"", FEATURES, "SELECT count(*) FILTER (WHERE true) FROM t"),
    (&["IS", "DISTINCT", "FROM"], "IS DISTINCT FROM is not supported", FEATURES, "SELECT 1 IS DISTINCT FROM 2"),
    (&["IS", "NOT", "DISTINCT", "FROM"], "IS NOT DISTINCT FROM is not supported", FEATURES, "SELECT 1 IS NOT DISTINCT FROM 2"),
    (&["CURRENT_USER", "("], "current_user takes no parentheses", "r_CURRENT_USER", "SELECT current_user()"),
    (&["-", ">", ">"], "operator ->> does not exist", "query-super", "SELECT a ->> 'b' FROM t"),
    (&["-", ">"], "operator does not exist: ->", "query-super", "SELECT a -> 'b' FROM t"),
    (&["@", ">"], "operator does not exist: @>", "query-super", "SELECT a @> b FROM t"),
    (&["FROM", "(", "VALUES"], "syntax error at or near \"VALUES\"", FEATURES, "SELECT a FROM (VALUES (1)) t (a)"),
    (&["JOIN", "(", "VALUES"], "syntax error at or near \"VALUES\"", FEATURES, "SELECT a FROM t JOIN (VALUES (1)) u (a) ON true"),
    (&["(", "INSERT", "INTO"], "syntax error at or near \"INSERT\"", "r_WITH_clause", "WITH x AS (INSERT INTO t SELECT 1) SELECT 1"),
    (&["(", "DELETE", "FROM"], "syntax error at or near \"DELETE\"", "r_WITH_clause", "WITH x AS (DELETE FROM t) SELECT 1"),
    (&["(", "UPDATE", "_", "SET"], "syntax error at or near \"UPDATE\"", "r_WITH_clause", "WITH x AS (UPDATE t SET a = 1) SELECT 1"),
    (&["(", "UPDATE", "_", "."], "syntax error at or near \"UPDATE\"", "r_WITH_clause", "WITH x AS (UPDATE s.t SET a = 1) SELECT 1"),
    (&["AS", "MATERIALIZED", "("], "syntax error at or near \"MATERIALIZED\"", "r_WITH_clause", "WITH x AS MATERIALIZED (SELECT 1) SELECT 1 FROM x"),
    (&["AS", "NOT", "MATERIALIZED"], "syntax error at or near \"NOT\"", "r_WITH_clause", "WITH x AS NOT MATERIALIZED (SELECT 1) SELECT 1 FROM x"),
    (&[")", "SEARCH", "_", "FIRST"], "syntax error at or near \"SEARCH\"", "r_WITH_clause", "WITH RECURSIVE x(a) AS (SELECT 1 UNION ALL SELECT 2) SEARCH DEPTH FIRST BY a SET o SELECT 1 FROM x"),
    (&["FOR", "UPDATE"], "SELECT FOR UPDATE is not supported", "r_SELECT_synopsis", "SELECT a FROM t FOR UPDATE"),
    (&["FOR", "SHARE"], "SELECT FOR SHARE is not supported", "r_SELECT_synopsis", "SELECT a FROM t FOR SHARE"),
    (&["FOR", "NO", "KEY"], "syntax error at or near \"NO\"", "r_SELECT_synopsis", "SELECT a FROM t FOR NO KEY UPDATE"),
    (&["FOR", "KEY", "SHARE"], "syntax error at or near \"KEY\"", "r_SELECT_synopsis", "SELECT a FROM t FOR KEY SHARE"),
    (&["WINDOW", "_", "AS", "("], "syntax error at or near \"WINDOW\"", "r_SELECT_synopsis", "SELECT 1 FROM t WINDOW w AS (ORDER BY a)"),
    (&[")", "OVER", "_"], "OVER needs a window between parentheses", "c_Window_functions", "SELECT sum(a) OVER w FROM t"),
    (&["FETCH", "FIRST"], "syntax error at or near \"FETCH\"", "r_SELECT_synopsis", "SELECT a FROM t FETCH FIRST 1 ROWS ONLY"),
    (&["FETCH", "NEXT"], "syntax error at or near \"FETCH\"", "r_SELECT_synopsis", "SELECT a FROM t FETCH NEXT 1 ROWS ONLY"),
    (&["TABLESAMPLE", "_", "("], "syntax error at or near \"TABLESAMPLE\"", "r_SELECT_synopsis", "SELECT a FROM t TABLESAMPLE SYSTEM (10)"),
    (&["FROM", "ONLY"], "syntax error at or near \"ONLY\"", FEATURES, "SELECT a FROM ONLY t"),
    (&["ROW", "("], "row constructors are not supported", FEATURES, "SELECT ROW(1, 2)"),
    (&[")", ".", "_"], "syntax error at or near \".\"", FEATURES, "SELECT (t).a FROM t"),
    (&["USING", "<"], "syntax error at or near \"USING\"", "r_ORDER_BY_clause", "SELECT a FROM t ORDER BY a USING <"),
    (&["USING", ">"], "syntax error at or near \"USING\"", "r_ORDER_BY_clause", "SELECT a FROM t ORDER BY a USING >"),
    (&["WITH", "NO", "DATA"], "syntax error at or near \"NO\"", "r_CREATE_TABLE_AS", "CREATE TABLE x AS SELECT 1 AS a WITH NO DATA"),
    (&["CHECK", "OPTION"], "views are read-only", "r_CREATE_VIEW", "CREATE VIEW v AS SELECT a FROM t WITH CHECK OPTION"),
    (&["ON", "CONFLICT"], "syntax error at or near \"CONFLICT\"", FEATURES, "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING"),
    (&["THEN", "DO", "NOTHING"], "syntax error at or near \"DO\"", "r_MERGE", "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN DO NOTHING WHEN NOT MATCHED THEN INSERT VALUES (1)"),
    (&["WHERE", "CURRENT", "OF"], "syntax error at or near \"OF\"", "declare", "DELETE FROM t WHERE CURRENT OF c"),
    (&["DEFAULT", "NOW", "("], "function now() is not for tables", "r_CREATE_TABLE_NEW", "CREATE TABLE t (a TIMESTAMP DEFAULT now())"),
];

pub(super) fn find(statement: &Statement<'_>) -> Option<Refusal> {
    sequences(statement)
        .or_else(|| behind_with(statement))
        .or_else(|| returning(statement))
        .or_else(|| ordered_sets(statement))
        .or_else(|| types(statement))
        .or_else(|| recursion(statement))
        .or_else(|| frames(statement))
}

fn sequences(statement: &Statement<'_>) -> Option<Refusal> {
    let fits = |token: &Token, word: &str| token.is(word) || (word == "_" && is_name(token));
    // The first token says what the statement is.
    let rest = statement.tokens.get(1..)?;
    // A statement of some megabytes has few different words: most sequences needn't be looked for.
    let known: HashSet<_> =
        rest.iter().filter(|token| token.kind == Kind::Word).map(|token| token.text.as_str()).collect();
    let may_occur = |word: &&str| *word == "_" || !word.starts_with(char::is_alphabetic) || known.contains(word);
    let (_, message, page, _) = SEQUENCES.iter().find(|(words, ..)| {
        words.iter().all(may_occur)
            && rest.windows(words.len()).any(|tokens| tokens.iter().zip(*words).all(|(token, word)| fits(token, word)))
    })?;
    Some(Refusal::new(SYNTAX, *message, page))
}

/// What follows WITH is a query, UPDATE or DELETE, of the forms that these have.
fn behind_with(statement: &Statement<'_>) -> Option<Refusal> {
    let verb = statement.verb();
    if verb == 0 {
        return None;
    }
    let token = statement.tokens.get(verb)?;
    if !["SELECT", "UPDATE", "DELETE", "("].iter().any(|word| token.is(word)) {
        return Some(Refusal::new(SYNTAX, format!("syntax error at or near \"{}\"", token.text), "r_WITH_clause"));
    }
    grammar::parse(&statement.tokens[verb..]).err()
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_LISTAGG.html> and its siblings
fn ordered_sets(statement: &Statement<'_>) -> Option<Refusal> {
    const ORDERED: [&str; 3] = ["LISTAGG", "PERCENTILE_CONT", "PERCENTILE_DISC"];
    let calls = (0..statement.tokens.len()).filter(|at| statement.is(at + 1, "("));
    let mut ordered = calls.filter(|at| {
        let close = statement.closing(at + 1);
        close.is_some_and(|close| statement.is(close + 1, "WITHIN") && statement.is(close + 2, "GROUP"))
    });
    let other = ordered.find(|at| !ORDERED.iter().any(|word| statement.is(*at, word)))?;
    let name = statement.tokens[other].text.to_lowercase();
    Some(Refusal::new(SYNTAX, format!("{name} has no WITHIN GROUP"), "c_Aggregate_Functions"))
}

/// RETURNING, between the end of something and the start of something: elsewhere it is a name.
fn returning(statement: &Statement<'_>) -> Option<Refusal> {
    let changes = ["INSERT", "UPDATE", "DELETE", "WITH", "MERGE"].iter().any(|word| statement.starts_with(&[word]));
    let ends = |token: &Token| token.is(")") || is_name(token) || matches!(token.kind, Kind::Text | Kind::Number);
    let starts = |token: &Token| token.is("*") || (is_name(token) && !token.is("FROM"));
    let found =
        statement.tokens.windows(3).any(|three| three[1].is("RETURNING") && ends(&three[0]) && starts(&three[2]));
    (changes && found).then(|| Refusal::new(SYNTAX, "syntax error at or near \"RETURNING\"", FEATURES))
}

/// Types that Redshift doesn't have, where a cast names one.
fn types(statement: &Statement<'_>) -> Option<Refusal> {
    let tokens = &statement.tokens;
    let behind_colons =
        (0..tokens.len()).filter(|at| tokens[*at].is(":") && tokens.get(at + 1).is_some_and(|next| next.is(":")));
    let in_casts = (0..tokens.len()).filter(|at| tokens[*at].is("CAST")).filter_map(|at| {
        let close = statement.closing(at + 1)?;
        (at + 1..close).rev().find(|at| tokens[*at].is("AS"))
    });
    for start in behind_colons.map(|at| at + 2).chain(in_casts.map(|at| at + 1)) {
        let has_schema = tokens.get(start).is_some_and(|token| token.is("PG_CATALOG"));
        let start = if has_schema { start + 2 } else { start };
        let token = tokens.get(start)?;
        let end = grammar::end_of_type(tokens, start, true);
        // Lists of what only the leader knows are read on it: AWS's own scripts cast to aclitem[].
        let is_leaders = grammar::end_of_type(tokens, start, false).is_none();
        if end.is_none_or(|end| !is_leaders && tokens.get(end).is_some_and(|next| next.is("["))) {
            let name = token.text.trim_matches('"').to_lowercase();
            let message = format!("type \"{name}\" does not exist");
            return Some(Refusal::new(UNSUPPORTED, message, "c_unsupported-postgresql-datatypes"));
        }
    }
    None
}

/// Rows of a recursion are never compared. <https://docs.aws.amazon.com/redshift/latest/dg/r_WITH_clause.html>
fn recursion(statement: &Statement<'_>) -> Option<Refusal> {
    let start = statement.find(&["WITH", "RECURSIVE"])?;
    let open = statement.find_from(start, &["AS", "("])? + 1;
    let close = statement.closing(open)?;
    let unions = (open..close).filter(|at| statement.tokens[*at].is("UNION"));
    let compares = unions.map(|at| at + 1).any(|next| !statement.tokens[next].is("ALL"));
    compares.then(|| Refusal::new(SYNTAX, "a recursive query is joined by UNION ALL", "r_WITH_clause"))
}

/// Frames count rows. <https://docs.aws.amazon.com/redshift/latest/dg/r_Window_function_synopsis.html>
fn frames(statement: &Statement<'_>) -> Option<Refusal> {
    let windows = (0..statement.tokens.len()).filter(|at| statement.tokens[*at].is("OVER"));
    for at in windows {
        let Some(close) = statement.closing(at + 1) else { continue };
        let word = (at + 2..close).find(|inside| {
            let token = &statement.tokens[*inside];
            let next = &statement.tokens[inside + 1];
            (token.is("EXCLUDE") || token.is("RANGE") || token.is("GROUPS"))
                && (next.kind == Kind::Number
                    || ["BETWEEN", "UNBOUNDED", "CURRENT", "NO", "TIES", "GROUP"].iter().any(|word| next.is(word)))
        });
        if let Some(word) = word {
            let message = format!("syntax error at or near \"{}\"", statement.tokens[word].text);
            return Some(Refusal::new(SYNTAX, message, "r_Window_function_synopsis"));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::superuser;
    use super::super::super::{Verdict, judge};
    use super::*;

    #[test]
    fn every_sequence_has_an_example_that_it_refuses() {
        for (_, message, _, example) in SEQUENCES {
            let verdict = judge(example, &superuser());
            let Verdict::Refuse(refusal) = verdict else { panic!("{example} is not refused: {verdict:?}") };
            assert_eq!(refusal.message, *message, "{example}");
        }
    }
}
