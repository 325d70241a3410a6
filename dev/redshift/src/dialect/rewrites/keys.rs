//! Keys are declared and not enforced: each becomes a check that always holds, from which `catalog/tables.sql` reads it back.
//! <https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html>

use std::ops::Range;

use super::{Edits, Statement, literal};

pub(super) fn apply(statement: &Statement<'_>, edits: &mut Edits) {
    for key in statement.parsed.labelled("key") {
        declared(statement, &key, edits);
    }
    // What ALTER TABLE adds.
    if statement.starts_with(&["ALTER", "TABLE"])
        && let Some(add) = statement.find(&["ADD"])
        && (statement.is(add + 1, "CONSTRAINT") || is_key(statement, add + 1))
    {
        declared(statement, &(add + 1..statement.tokens.len()), edits);
    }
}

fn is_key(statement: &Statement<'_>, at: usize) -> bool {
    ["PRIMARY", "UNIQUE", "FOREIGN", "REFERENCES"].iter().any(|word| statement.is(at, word))
}

/// A key of some tokens, which may begin with its name.
fn declared(statement: &Statement<'_>, key: &Range<usize>, edits: &mut Edits) {
    let Some(word) = key.clone().find(|at| is_key(statement, *at)) else { return };
    // A name may stand before what the grammar calls a key.
    let start = if key.start > 2 && statement.is(key.start - 2, "CONSTRAINT") { key.start - 2 } else { key.start };
    let name = statement.is(start, "CONSTRAINT").then(|| statement.name(start + 1)).flatten();
    let open = (word..key.end).find(|at| statement.is(*at, "("));
    let references = (word..key.end).find(|at| statement.is(*at, "REFERENCES"));
    let of_column = references == Some(word) || open.is_none();
    let columns = match open.filter(|_| !of_column).and_then(|open| Some(open..statement.closing(open)?)) {
        Some(list) => statement.parts(list),
        None => column_before(statement, word).into_iter().collect(),
    };
    let kind = match references {
        Some(at) => format!("f:{}", statement.written(&(at + 1..key.end)).to_lowercase()),
        None if statement.is(word, "PRIMARY") => "p".to_owned(),
        None => "u".to_owned(),
    };
    let ending = if kind == "p" {
        "pkey"
    } else if kind == "u" {
        "key"
    } else {
        "fkey"
    };
    let name = name.unwrap_or_else(|| {
        let columns = if kind == "p" { String::new() } else { format!("{}_", columns.join("_")) };
        format!("{}_{columns}{ending}", table(statement))
    });
    let quoted = |name: &str| format!("\"{}\"", name.to_lowercase().replace('"', "\"\""));
    let always: Vec<_> =
        columns.iter().map(|column| format!("{0} IS NULL OR {0} IS NOT NULL", quoted(column))).collect();
    let says = literal(&format!("rdsdb:{kind}"));
    let check = format!("CONSTRAINT {} CHECK ({} OR {says} = '')", quoted(&name), always.join(" OR "));
    // The columns of a primary key have no NULLs.
    let check = if of_column && kind == "p" { format!("NOT NULL {check}") } else { check };
    edits.notes.push(format!("not enforced: {}", statement.written(key)));
    edits.replace(statement, &(start..key.end), &check);
}

/// The column that a key stands behind.
fn column_before(statement: &Statement<'_>, key: usize) -> Option<String> {
    let column = statement.parsed.labelled("column").filter(|column| column.start < key).last()?;
    statement.name(column.start)
}

fn table(statement: &Statement<'_>) -> String {
    let object = statement.parsed.labelled("object").next();
    object.and_then(|object| statement.parts(object).pop()).unwrap_or_default()
}
