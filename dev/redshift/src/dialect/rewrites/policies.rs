//! Row-level security and masking: kept and shown, and not enforced. `catalog/policies.sql`

use std::ops::Range;

use super::grants::Grantees;
use super::{NOTHING, Statement, Verdict, array, call, literal};

/// What becomes of a statement about them.
pub(super) fn apply(statement: &Statement<'_>) -> Option<Verdict> {
    statement.parsed.labelled("policies").next()?;
    let kind = if statement.find(&["MASKING"]).is_some() { "MASKING" } else { "RLS" };
    let sql = match statement.tokens[0].text.as_str() {
        "CREATE" | "ALTER" | "DROP" if !statement.is(1, "TABLE") && !statement.is(1, "MATERIALIZED") => {
            policy(statement, kind)
        }
        "ATTACH" | "DETACH" => attach(statement, kind),
        "ALTER" if statement.find(&["ROW", "LEVEL"]).is_some() => secure(statement),
        _ => None,
    };
    let notes = vec![format!("not enforced: {}", statement.text)];
    Some(Verdict::Rewrite { before: None, sql: sql.unwrap_or_else(|| NOTHING.to_owned()), notes })
}

/// A policy's name, without its database.
fn name(statement: &Statement<'_>) -> Option<String> {
    let range = statement.parsed.labelled("policy").next()?;
    statement.parts(range).pop().map(|name| literal(&name.to_lowercase()))
}

/// What stands between the parentheses behind a word.
fn behind(statement: &Statement<'_>, word: &str) -> Option<Range<usize>> {
    let open = statement.find(&[word, "("])? + 1;
    Some(open + 1..statement.closing(open)?)
}

fn policy(statement: &Statement<'_>, kind: &str) -> Option<String> {
    let text =
        |word: &str| behind(statement, word).map_or("NULL".to_owned(), |inside| literal(statement.written(&inside)));
    let is_lenient =
        statement.starts_with(&["CREATE", "OR", "REPLACE"]) || statement.find(&["IF"]).is_some_and(|at| at < 5);
    let arguments = [
        literal(&statement.tokens[0].text),
        literal(kind),
        name(statement)?,
        is_lenient.to_string(),
        text("WITH"),
        text("USING"),
    ];
    Some(call("policy", &arguments))
}

fn attach(statement: &Statement<'_>, kind: &str) -> Option<String> {
    let objects = statement.parsed.labelled("object").next()?;
    let relations: Vec<_> = statement.written(&objects).split(',').map(|name| name.trim().to_lowercase()).collect();
    let columns = statement
        .closing(objects.end)
        .map_or("NULL".to_owned(), |close| literal(statement.written(&(objects.end..close + 1))));
    let grantees = Grantees::of(statement)?;
    let priority = statement.find(&["PRIORITY"]).and_then(|at| statement.tokens.get(at + 1));
    let priority = priority.map_or("NULL".to_owned(), |token| token.text.clone());
    let [kinds, names] = grantees.arguments();
    let attaches = statement.starts_with(&["ATTACH"]).to_string();
    let arguments = [attaches, literal(kind), name(statement)?, array(relations), columns, kinds, names, priority];
    Some(call("attach", &arguments))
}

fn secure(statement: &Statement<'_>) -> Option<String> {
    let object = statement.parsed.labelled("object").next()?;
    let is_on = statement.find(&["SECURITY", "ON"]).is_some();
    let conjunction = if statement.find(&["TYPE", "OR"]).is_some() { "or" } else { "and" };
    let relation = literal(&statement.written(&object).to_lowercase());
    Some(call("secure", &[relation, is_on.to_string(), literal(conjunction)]))
}
