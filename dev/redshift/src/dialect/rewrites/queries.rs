//! What queries say in another way than on `PostgreSQL`.

use super::super::SessionContext;
use super::super::sources::{Source, depths, sources, starts_of_sources};
use super::{Edits, Statement, array, call, is_name};

pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext, edits: &mut Edits) {
    for source in elsewhere(statement, context) {
        edits.replace(statement, &source.tokens, &reached_as(&source));
    }
    delete(statement, edits);
    minus(statement, edits);
    top(statement, edits);
    unnamed(statement, edits);
}

/// DG/`r_DELETE`: FROM may be left out.
fn delete(statement: &Statement<'_>, edits: &mut Edits) {
    let verb = statement.verb();
    if statement.is(verb, "DELETE") && !statement.is(verb + 1, "FROM") {
        edits.put(statement, verb, "DELETE FROM");
    }
}

/// DG/`r_UNION`: MINUS is EXCEPT. It is a reserved word.
fn minus(statement: &Statement<'_>, edits: &mut Edits) {
    for at in (1..statement.tokens.len()).filter(|at| statement.is(*at, "MINUS")) {
        edits.put(statement, at, "EXCEPT");
    }
}

/// DG/`r_SELECT_list`: `TOP n` is LIMIT at the end of its query. It is a reserved word.
fn top(statement: &Statement<'_>, edits: &mut Edits) {
    let depths = depths(statement);
    for at in (1..statement.tokens.len()).filter(|at| statement.is(*at, "TOP") && statement.is(at - 1, "SELECT")) {
        if at + 1 >= statement.tokens.len() {
            return;
        }
        let end = (at..statement.tokens.len()).find(|end| depths[*end] < depths[at]).unwrap_or(statement.tokens.len());
        let limit = statement.written(&(at + 1..at + 2)).to_owned();
        edits.replace(statement, &(at..at + 2), "");
        edits.insert_behind(statement, end - 1, &format!(" LIMIT {limit}"));
    }
}

/// A query in FROM without a name: the grammar of DG/`r_FROM_clause30` demands one, AWS's drivers leave it out.
fn unnamed(statement: &Statement<'_>, edits: &mut Edits) {
    const BEHIND: [&str; 16] = [
        "WHERE",
        "GROUP",
        "ORDER",
        "HAVING",
        "LIMIT",
        "UNION",
        "EXCEPT",
        "MINUS",
        "INTERSECT",
        "JOIN",
        "LEFT",
        "RIGHT",
        "INNER",
        "FULL",
        "CROSS",
        "ON",
    ];
    for (number, start) in starts_of_sources(statement).into_iter().enumerate() {
        let is_query =
            statement.is(start, "(") && (statement.is(start + 1, "SELECT") || statement.is(start + 1, "WITH"));
        let Some(close) = statement.closing(start).filter(|_| is_query) else { continue };
        let has_name = statement
            .tokens
            .get(close + 1)
            .is_some_and(|next| is_name(next) && !BEHIND.iter().any(|word| next.is(word)));
        if !has_name {
            edits.insert_behind(statement, close, &format!(" AS rdsdb_{number}"));
        }
    }
}

/// Relations of other databases. <https://docs.aws.amazon.com/redshift/latest/dg/cross-database-overview.html>
fn elsewhere(statement: &Statement<'_>, context: &SessionContext) -> Vec<Source> {
    let is_elsewhere = |source: &Source| {
        source.database.as_ref().is_some_and(|database| !database.eq_ignore_ascii_case(&context.database))
    };
    sources(statement).into_iter().filter(is_elsewhere).collect()
}

/// Under which name one of another database is reached: `catalog/elsewhere.sql`.
fn reached_as(source: &Source) -> String {
    let part = |part: &Option<String>| part.as_deref().unwrap_or_default().to_lowercase().replace('"', "\"\"");
    format!("\"rdsdb:{}.{}\".\"{}\"", part(&source.database), part(&source.schema), part(&Some(source.name.clone())))
}

/// The relations that a statement reads, as they are called here, quoted.
pub(super) fn relations(statement: &Statement<'_>, context: &SessionContext) -> Vec<String> {
    let folded = |name: &str| if context.case_sensitive { name.to_owned() } else { name.to_lowercase() };
    let quoted = |name: &str| format!("\"{}\"", folded(name).replace('"', "\"\""));
    let named = |source: &Source| match (&source.database, &source.schema) {
        (Some(database), _) if !database.eq_ignore_ascii_case(&context.database) => reached_as(source),
        (_, Some(schema)) => format!("{}.{}", quoted(schema), quoted(&source.name)),
        (_, None) => quoted(&source.name),
    };
    let mut found: Vec<_> = sources(statement).iter().filter(|source| !source.is_catalogue()).map(named).collect();
    found.sort();
    found.dedup();
    found
}

/// What makes those of other databases reachable, and comes first. `needed`: they have to be there.
pub(super) fn reached(statement: &Statement<'_>, context: &SessionContext, needed: bool) -> Option<String> {
    let found = elsewhere(statement, context);
    (!found.is_empty()).then(|| reach(statement, context, &found, needed))
}

/// What makes late-binding views mean what they mean now, and comes first.
pub(super) fn freshened(statement: &Statement<'_>, context: &SessionContext) -> Option<String> {
    let may_name_one = context.late_views && sources(statement).iter().any(|source| !source.is_catalogue());
    may_name_one.then(|| reach(statement, context, &[], false))
}

fn reach(statement: &Statement<'_>, context: &SessionContext, elsewhere: &[Source], needed: bool) -> String {
    let list = |part: fn(&Source) -> Option<String>| {
        array(elsewhere.iter().map(|source| part(source).unwrap_or_default().to_lowercase()))
    };
    // A late-binding view that is being made reads nothing yet.
    let relations =
        if context.late_views && (needed || elsewhere.is_empty()) { relations(statement, context) } else { Vec::new() };
    let arguments = [
        list(|source| source.database.clone()),
        list(|source| source.schema.clone()),
        list(|source| Some(source.name.clone())),
        needed.to_string(),
        array(relations),
        context.readers_use_schemas.to_string(),
    ];
    call("reach", &arguments)
}
