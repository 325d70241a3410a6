//! What differs wherever an expression may stand.

use super::super::names::is_reserved;
use super::super::settings::own_default;
use super::super::tokens::Kind;
use super::{Edits, SessionContext, Statement, is_name, literal, windows};

/// Catalogues in whose place views stand that show what Redshift's have: `catalog/postgres8.sql`.
const CATALOGUES: &[&str] = &[
    "PG_ATTRDEF",
    "PG_ATTRIBUTE",
    "PG_CLASS",
    "PG_CONSTRAINT",
    "PG_DATABASE",
    "PG_DEFAULT_ACL",
    "PG_LOCKS",
    "PG_NAMESPACE",
    "PG_PROC",
    "PG_STAT_ACTIVITY",
    "PG_TABLESPACE",
];

/// Functions whose first argument may be a bare unit. <https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html>
const WITH_UNIT: &[&str] = &[
    "DATEADD",
    "DATE_ADD",
    "DATEDIFF",
    "DATE_DIFF",
    "DATE_PART",
    "DATEPART",
    "DATE_PART_YEAR",
    "DATE_TRUNC",
    "PGDATE_PART",
];

pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext, edits: &mut Edits) {
    apart(statement, edits);
    for (at, token) in statement.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let is_field = at > 0 && statement.is(at - 1, ".");
        let is_qualified = is_field && at > 1 && statement.is(at - 2, "PG_CATALOG");
        if is_field && !is_qualified {
            continue;
        }
        let name = token.text.as_str();
        if CATALOGUES.contains(&name) && !statement.is(at + 1, ".") {
            catalogue(statement, at, is_qualified, context, edits);
        } else if statement.is(at + 1, "(") {
            call(statement, at, edits);
        } else if name == "MAX" && at > 1 && statement.is(at - 1, "(") && statement.is(at + 1, ")") {
            // DG/r_Character_types: in a cast; those of columns are written anew with their tables.
            if ["VARCHAR", "NVARCHAR", "VARYING"].iter().any(|word| statement.is(at - 2, word)) {
                edits.put(statement, at, "65535");
            }
        } else if name == "SYSDATE" {
            // DG/r_SYSDATE: a function without parentheses.
            edits.put(statement, at, "pg_catalog.sysdate()");
        } else if name == "CURRENT_USER_ID" {
            edits.put(statement, at, "pg_catalog.current_user_id()");
        }
    }
}

/// A word right behind a number, as AWS's JDBC driver writes it: `PostgreSQL` 15 no longer takes it.
fn apart(statement: &Statement<'_>, edits: &mut Edits) {
    for (at, pair) in statement.tokens.windows(2).enumerate() {
        let touch = pair[0].span.end == pair[1].span.start;
        if touch && pair[0].kind == Kind::Number && pair[1].kind == Kind::Word {
            edits.insert_behind(statement, at, " ");
        }
    }
}

/// `pg_class` and its kind, where a relation stands: elsewhere it may be a name.
fn catalogue(statement: &Statement<'_>, at: usize, is_qualified: bool, context: &SessionContext, edits: &mut Edits) {
    let before = if is_qualified { at.checked_sub(3) } else { at.checked_sub(1) };
    if !before.is_some_and(|before| ["FROM", "JOIN", ",", "("].iter().any(|word| statement.is(before, word))) {
        return;
    }
    let name = statement.tokens[at].text.to_lowercase();
    // DG/t_metadata_security
    let is_hidden = context.metadata_security && !context.superuser;
    let hides = is_hidden && ["pg_class", "pg_namespace", "pg_proc"].contains(&name.as_str());
    let view = name.replace("pg_", if hides { "rdsdb_own_" } else { "rdsdb_" });
    let next = statement.tokens.get(at + 1);
    let has_alias =
        next.is_some_and(|next| next.is("AS") || (is_name(next) && !is_reserved(&next.text) && !is_clause(&next.text)));
    // Without one, columns may be called after the catalogue.
    edits.put(statement, at, &if has_alias { view } else { format!("{view} AS {name}") });
}

/// Words that aren't reserved and end a FROM.
fn is_clause(word: &str) -> bool {
    ["CROSS", "LEFT", "WINDOW", "QUALIFY", "SET"].contains(&word)
}

fn call(statement: &Statement<'_>, at: usize, edits: &mut Edits) {
    let arguments = statement.arguments(at + 1);
    let Some(close) = statement.closing(at + 1) else { return };
    // The commas between arguments.
    let commas: Vec<_> = arguments.iter().skip(1).map(|argument| argument.start - 1).collect();
    let name = statement.tokens[at].text.as_str();
    match name {
        // DG/r_CURRENT_SETTING: the second argument says the opposite.
        "CURRENT_SETTING" | "SET_CONFIG" => setting(statement, at, &arguments, edits),
        // DG/REGEXP_REPLACE: replaces all, not the first; what it is replaced with may be left out.
        "REGEXP_REPLACE" if arguments.len() == 3 => edits.put(statement, close, ", 'g')"),
        "REGEXP_REPLACE" if arguments.len() == 2 => edits.put(statement, close, ", '', 'g')"),
        // DG/r_NVL_function, DG/r_NVL2, DG/r_DECODE_expression
        "NVL" | "ISNULL" => edits.put(statement, at, "COALESCE"),
        "NVL2" if arguments.len() == 3 => {
            edits.replace(statement, &(at..at + 2), "(CASE WHEN (");
            edits.put(statement, commas[0], ") IS NOT NULL THEN (");
            edits.put(statement, commas[1], ") ELSE (");
            edits.put(statement, close, ") END)");
        }
        "DECODE" if arguments.len() >= 3 => {
            edits.replace(statement, &(at..at + 2), "(CASE ");
            for (index, comma) in commas.iter().enumerate() {
                let is_last = index + 1 == commas.len();
                let word = if index % 2 == 1 {
                    " THEN "
                } else if is_last {
                    " ELSE "
                } else {
                    " WHEN "
                };
                edits.put(statement, *comma, word);
            }
            edits.put(statement, close, " END)");
        }
        // DG/r_LISTAGG
        "LISTAGG" => {
            edits.put(statement, at, "string_agg");
            let has_separator = arguments.len() > 1;
            let Some(first) = arguments.first() else { return };
            let start = if statement.is(first.start, "DISTINCT") { first.start + 1 } else { first.start };
            edits.insert_before(statement, start, "(");
            edits.insert_behind(statement, first.end - 1, if has_separator { ")::text" } else { ")::text, ''" });
            within_group(statement, close, edits);
        }
        "FIRST_VALUE" | "LAST_VALUE" | "NTH_VALUE" | "LAG" | "LEAD" => {
            windows::apply(statement, at, &arguments, close, edits);
        }
        name if WITH_UNIT.contains(&name) => {
            if name == "DATEPART" {
                edits.put(statement, at, "date_part");
            }
            let unit =
                arguments.first().filter(|unit| unit.len() == 1 && statement.tokens[unit.start].kind == Kind::Word);
            if let Some(unit) = unit {
                edits.put(statement, unit.start, &literal(&statement.tokens[unit.start].text.to_lowercase()));
            }
        }
        _ => {}
    }
}

/// `WITHIN GROUP (ORDER BY …)` stands inside the parentheses of `PostgreSQL`'s aggregate.
fn within_group(statement: &Statement<'_>, close: usize, edits: &mut Edits) {
    let open = close + 3;
    let is_group = statement.is(close + 1, "WITHIN") && statement.is(close + 2, "GROUP");
    if is_group && statement.is(open, "(") {
        edits.replace(statement, &(close..open + 1), " ");
    }
}

fn setting(statement: &Statement<'_>, at: usize, arguments: &[std::ops::Range<usize>], edits: &mut Edits) {
    let sets = statement.is(at, "SET_CONFIG");
    let Some(first) = arguments.first().filter(|argument| argument.len() == 1) else { return };
    let name = statement.tokens[first.start].literal().unwrap_or_default().to_lowercase();
    if let Some(default) = own_default(&name) {
        let own = literal(&format!("redshift.{name}"));
        if sets {
            edits.put(statement, first.start, &own);
        } else {
            edits.put(statement, at, "pg_catalog.rdsdb_setting");
            edits.put(statement, first.start, &format!("{own}, {}", literal(default)));
        }
        return;
    }
    for argument in arguments.iter().skip(1).cloned().flatten().filter(|_| !sets) {
        if statement.is(argument, "TRUE") {
            edits.put(statement, argument, "FALSE");
        } else if statement.is(argument, "FALSE") {
            edits.put(statement, argument, "TRUE");
        }
    }
}
