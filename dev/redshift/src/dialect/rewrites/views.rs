//! Views that aren't bound to what they read: `catalog/late.sql`.
//! <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html>

use super::super::sources::{depths, first_from};
use super::super::tokens::read;
use super::super::{grammar::Parsed, is_name};
use super::{Edits, SessionContext, Statement, Verdict, array, call, expressions, literal, names, queries, splice};

/// What becomes of `CREATE VIEW … WITH NO SCHEMA BINDING`.
pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext) -> Option<Verdict> {
    let end = statement.find(&["WITH", "NO", "SCHEMA", "BINDING"]).filter(|_| statement.creates("VIEW"))?;
    let object = statement.parsed.labelled("object").next()?;
    let start = statement.find_from(object.end, &["AS"])? + 1;
    let mut edits = Edits::default();
    names::apply(statement, context, &mut edits);
    queries::apply(statement, context, &mut edits);
    expressions::apply(statement, context, &mut edits);
    // Only what belongs to the query itself.
    let query = statement.span(&(start..end));
    let inside = |edit: &(std::ops::Range<usize>, String)| edit.0.start >= query.start && edit.0.end <= query.end;
    let moved = edits.edits.into_iter().filter(inside);
    let edits = moved.map(|(span, text)| (span.start - query.start..span.end - query.start, text)).collect();
    let query = splice(&statement.text[query], edits);
    let replaces = statement.starts_with(&["CREATE", "OR", "REPLACE"]);
    let columns = match statement.closing(object.end) {
        Some(close) => statement.parts(object.end + 1..close),
        None => columns(&query),
    };
    let parts: Vec<_> = statement
        .parts(object)
        .into_iter()
        .map(|part| if context.case_sensitive { part } else { part.to_lowercase() })
        .collect();
    let (name, schema) =
        (parts.last()?, parts.len().checked_sub(2).map_or("NULL".to_owned(), |at| literal(&parts[at])));
    let has_list = statement.closing(statement.parsed.labelled("object").next()?.end).is_some();
    let arguments = [
        schema,
        literal(name),
        literal(&query),
        literal(statement.text),
        array(columns),
        has_list.to_string(),
        replaces.to_string(),
        array(queries::relations(statement, context)),
    ];
    // What it reads may be missing: nothing is looked at until somebody queries it.
    let before = queries::reached(statement, context, false);
    Some(Verdict::Rewrite { before, sql: call("late_view", &arguments), notes: Vec::new() })
}

/// Whether it is a late-binding view that is made.
#[must_use]
pub fn makes_late_view(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Rewrite { sql, .. } if sql.starts_with("CALL pg_catalog.rdsdb_late_view("))
}

/// What the columns of a query are called, as far as its text says.
fn columns(query: &str) -> Vec<String> {
    let Ok(tokens) = read(query) else { return Vec::new() };
    let statement = Statement { text: query, tokens, parsed: Parsed::default() };
    let depths = depths(&statement);
    let end = first_from(&statement, &depths).unwrap_or(statement.tokens.len());
    let items = statement.tokens.get(1..end).unwrap_or_default();
    let mut depth = 0_i32;
    let items = items.split(|token| {
        depth += i32::from(token.is("(")) - i32::from(token.is(")"));
        depth == 0 && token.is(",")
    });
    items
        .filter_map(|item| item.last().filter(|last| is_name(last)).and_then(super::super::tokens::Token::name))
        .collect()
}
