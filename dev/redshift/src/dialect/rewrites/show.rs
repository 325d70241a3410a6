//! SHOW of objects and of grants: queries of the catalogue.

use super::super::tokens::Kind;
use super::{Statement, Verdict, instead, literal};

/// What becomes of one of these statements.
pub(super) fn apply(statement: &Statement<'_>) -> Option<Verdict> {
    if !statement.starts_with(&["SHOW"]) || statement.parsed.labelled("setting").next().is_some() {
        return None;
    }
    let text = |at: usize| statement.tokens.get(at).map_or("", |token| token.text.as_str());
    let query = match (text(1), text(2)) {
        ("VIEW" | "PROCEDURE" | "TABLE", _) => return definition(statement),
        ("DATABASES", _) => "SELECT * FROM pg_catalog.rdsdb_show_databases".to_owned(),
        ("SCHEMAS", _) => in_database(statement, "schemas", &["database_name"]),
        ("TABLES", _) => in_database(statement, "tables", &["database_name", "schema_name"]),
        ("COLUMNS", _) => in_database(statement, "columns", &["database_name", "schema_name", "table_name"]),
        ("FUNCTIONS", _) => in_database(statement, "functions", &["database_name", "schema_name"]),
        ("PROCEDURES", _) => in_database(statement, "procedures", &["database_name", "schema_name"]),
        ("PARAMETERS", _) => {
            let name = |column: &str| {
                if column == "routine" { format!("{}_name", text(3).to_lowercase()) } else { column.to_owned() }
            };
            in_database(
                statement,
                &format!("{}_parameters", text(3).to_lowercase()),
                &["database_name", "schema_name", &name("routine")],
            )
        }
        ("CONSTRAINTS", kind) => {
            let keys = if kind == "PRIMARY" { "primary_keys" } else { "foreign_keys" };
            let is_exported = statement.find(&["EXPORTED"]).is_some();
            let prefix = if kind == "PRIMARY" {
                ""
            } else if is_exported {
                "pk_"
            } else {
                "fk_"
            };
            let columns = ["database_name", "schema_name", "table_name"].map(|column| format!("{prefix}{column}"));
            in_database(statement, keys, &columns.each_ref().map(String::as_str))
        }
        ("GRANTS" | "COLUMN", _) => grants(statement)?,
        _ => return None,
    };
    Some(instead(limited(statement, &query)))
}

/// The named part of a catalogue view; names are read from the right, and the database is this one without one.
fn in_database(statement: &Statement<'_>, view: &str, columns: &[&str]) -> String {
    let parts = shown(statement);
    let missing = columns.len().saturating_sub(parts.len());
    let conditions: Vec<_> = columns
        .iter()
        .enumerate()
        .map(|(at, column)| {
            let value = at.checked_sub(missing).and_then(|at| parts.get(at));
            value.map_or_else(|| format!("{column} = current_database()"), |value| format!("{column} = {value}"))
        })
        .collect();
    let like = statement.parsed.labelled("like").next().map_or(String::new(), |like| {
        let column = view.strip_suffix('s').unwrap_or(view);
        format!(" AND {column}_name LIKE {}", statement.written(&like))
    });
    // The types of a routine's arguments; where they are parameters, PostgreSQL wants each to be used.
    let types = statement.tokens.iter().enumerate().filter(|(at, token)| {
        token.kind == Kind::Parameter && view.ends_with("parameters") && !statement.parsed.is_labelled("shown", *at)
    });
    let types: String = types.map(|(_, token)| format!(" AND ({}::text IS NULL OR true)", token.text)).collect();
    let order = match view {
        "foreign_keys" => "fk_name, key_seq",
        "schemas" => "2",
        "tables" | "functions" | "procedures" => "3",
        // By the place of a column, a parameter, a part of a key.
        _ => "5",
    };
    format!(
        "SELECT * FROM pg_catalog.rdsdb_show_{view} WHERE {}{like}{types} ORDER BY {order}",
        conditions.join(" AND ")
    )
}

/// The parts of the name of what is shown, as literals or parameters.
fn shown(statement: &Statement<'_>) -> Vec<String> {
    let part = |at: usize| {
        let token = &statement.tokens[at];
        if token.kind == Kind::Parameter {
            return Some(format!("lower({})", token.text));
        }
        token.name().map(|name| literal(&name.to_lowercase()))
    };
    statement.parsed.labelled("shown").next().map_or(Vec::new(), |name| name.filter_map(part).collect())
}

fn limited(statement: &Statement<'_>, query: &str) -> String {
    let like = match statement.parsed.labelled("like").next() {
        Some(like) if statement.is(1, "DATABASES") => format!(" WHERE database_name LIKE {}", statement.written(&like)),
        _ => String::new(),
    };
    let limit = statement.parsed.labelled("limit").next();
    let limit = limit.map_or(String::new(), |limit| format!(" LIMIT {}", statement.written(&limit)));
    format!("{query}{like}{limit}")
}

/// DG/`r_SHOW_GRANTS`, DG/`r_SHOW_COLUMN_GRANTS`
fn grants(statement: &Statement<'_>) -> Option<String> {
    let mut conditions = Vec::new();
    let grantee = statement.parsed.labelled("grantees").next();
    if let Some(grantee) = grantee {
        let is_role = statement.is(grantee.start, "ROLE") && grantee.len() > 1;
        let is_public = statement.is(grantee.start, "PUBLIC");
        let name = statement.parts(if is_role { grantee.start + 1..grantee.end } else { grantee.clone() }).join(":");
        let kind = if is_role {
            "role"
        } else if is_public {
            "public"
        } else {
            "user"
        };
        conditions.push(format!("identity_type = '{kind}' AND identity_name = {}", literal(&name)));
    }
    let parts = shown(statement);
    let (view, columns): (&str, &[&str]) = if statement.is(1, "COLUMN") {
        ("column_grants", &["database_name", "schema_name", "table_name"])
    } else if statement.is(2, "FOR") {
        ("grants", &[])
    } else {
        let kind = statement.tokens.get(3)?.text.as_str();
        match kind {
            "DATABASE" => conditions.push("object_type = 'DATABASE'".to_owned()),
            "SCHEMA" => conditions.push("object_type = 'SCHEMA'".to_owned()),
            "FUNCTION" | "PROCEDURE" => conditions.push(format!("object_type = '{kind}'")),
            _ => conditions.push("object_type IN ('TABLE', 'VIEW')".to_owned()),
        }
        match kind {
            "DATABASE" => ("grants", &["database_name"]),
            "SCHEMA" => ("grants", &["database_name", "schema_name"]),
            _ => ("grants", &["database_name", "schema_name", "object_name"]),
        }
    };
    for (column, value) in columns.iter().rev().zip(parts.iter().rev()) {
        conditions.push(format!("{column} = {value}"));
    }
    if let Some(like) = statement.parsed.labelled("like").next() {
        conditions.push(format!("column_name LIKE {}", statement.written(&like)));
    }
    let condition = if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    Some(format!("SELECT * FROM pg_catalog.rdsdb_show_{view}{condition}"))
}

/// DG/`r_SHOW_VIEW`, DG/`r_SHOW_PROCEDURE`, DG/`r_SHOW_TABLE`
fn definition(statement: &Statement<'_>) -> Option<Verdict> {
    let name = statement.parsed.labelled("shown").next()?;
    let open = name.end;
    let name = literal(&statement.written(&name).to_lowercase());
    Some(instead(if statement.is(1, "VIEW") {
        format!("SELECT pg_catalog.rdsdb_viewdef({name}::regclass) AS \"Show View DDL statement\"")
    } else if statement.is(1, "TABLE") {
        format!("SELECT pg_catalog.rdsdb_show_table({name}::regclass) AS \"Show Table DDL statement\"")
    } else {
        let types = statement.closing(open).map_or("NULL".to_owned(), |close| {
            literal(&statement.text[statement.tokens[open].span.end..statement.tokens[close].span.start])
        });
        format!("SELECT pg_catalog.rdsdb_show_procedure({name}, {types}) AS \"Stored Procedure Definition\"")
    }))
}
