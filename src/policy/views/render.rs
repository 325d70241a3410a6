//! From what a view is to its text. The same view has the same bytes, so that texts can be compared.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use super::compile::{OutColumn, Value, View};
use super::source::{Subscribed, Who};
use crate::api::Operator;
use crate::scripts::{Fragment, QuoteError, hex, quote_identifier, quote_literal};

/// What compiled a view: raised whenever the same view comes to have another text, so that it is written anew.
pub const APPLIED_BY: &str = "1";

/// SHA-256 (hex) of a view's text.
#[must_use]
pub fn applied_hash(query: &Fragment) -> String {
    hex(&Sha256::digest(format!("{APPLIED_BY}\n{}", query.as_str())))
}

/// SHA-256 (hex) of the names and types of a view's columns: where they stay, so do owner and grants.
#[must_use]
pub fn columns_hash(view: &View) -> String {
    let of = |column: &OutColumn| match &column.value {
        Value::Stored => format!("{} {}", column.name, column.kind),
        Value::Null(kind) => format!("{} {}", column.name, null_type(kind.as_ref())),
    };
    hex(&Sha256::digest(view.columns.iter().map(of).collect::<Vec<_>>().join("\n")))
}

fn null_type(kind: Option<&super::ColumnType>) -> String {
    kind.map_or_else(|| "character varying(1)".to_owned(), ToString::to_string)
}

/// The query behind the view, in the managed database.
///
/// Who the reader is stands in one row, worked out before the table is touched: an aggregate, below which no condition of the
/// reader's gets, and no row at all for whoever may see none. Names are never taken for each other: each has its alias in front.
///
/// # Errors
///
/// If a name or value can't stand in SQL.
pub fn query(view: &View, managed: &str) -> Result<Fragment, QuoteError> {
    let shows_none = view.is_closed || view.subscribed == Subscribed::Nobody;
    let columns: Vec<_> = view.columns.iter().map(|column| shown(column, shows_none)).collect::<Result<_, _>>()?;
    let table = &view.table;
    let schema_and_name = format!("{}.{}", quote_identifier(&table.schema)?, quote_identifier(&table.name)?);
    let from = if table.database == managed {
        schema_and_name
    } else {
        format!("{}.{schema_and_name}", quote_identifier(&table.database)?)
    };
    let mut text = format!("SELECT\n    {}\nFROM {from} t\n", columns.join(",\n    "));
    match &view.subscribed {
        _ if shows_none => text.push_str("WHERE 1 = 0"),
        Subscribed::Nobody => {}
        Subscribed::Anyone => join(&mut text, "max(CASE WHEN x.kind = 'u' THEN 1 ELSE 0 END)"),
        Subscribed::Who(who) => join(&mut text, &condition(who)?),
    }
    Ok(Fragment::new(text))
}

fn join(text: &mut String, subscribed: &str) {
    let _ = write!(
        text,
        "CROSS JOIN (\n    SELECT {subscribed} AS subscribed\n    FROM immuta_system.user_entitlements x\n    HAVING {subscribed} = \
         1\n) e"
    );
}

fn shown(column: &OutColumn, shows_none: bool) -> Result<String, QuoteError> {
    let name = quote_identifier(&column.name)?;
    Ok(match &column.value {
        Value::Null(kind) => format!("CAST(NULL AS {}) AS {name}", null_type(kind.as_ref())),
        Value::Stored if column.is_guarded && !shows_none => {
            format!("CASE WHEN e.subscribed = 1 THEN t.{name} END AS {name}")
        }
        Value::Stored => format!("t.{name} AS {name}"),
    })
}

/// 1 if the reader's rows have what is needed, else 0; of them all, one value.
fn condition(who: &Who) -> Result<String, QuoteError> {
    let Who { operator, groups, attributes, users } = who;
    let literals = |texts: &mut dyn Iterator<Item = &String>| {
        texts.map(|text| quote_literal(text)).collect::<Result<Vec<_>, _>>().map(|literals| literals.join(", "))
    };
    let mut tests = Vec::new();
    match operator {
        Operator::Any if !groups.is_empty() => {
            tests.push(format!("x.kind = 'g' AND x.value IN ({})", literals(&mut groups.iter())?));
        }
        Operator::Any => {}
        Operator::All => {
            for group in groups {
                tests.push(format!("x.kind = 'g' AND x.value = {}", quote_literal(group)?));
            }
        }
    }
    for (name, value) in attributes {
        let (name, value) = (quote_literal(name)?, quote_literal(value)?);
        tests.push(format!("x.kind = 'a' AND x.name = {name} AND x.value = {value}"));
    }
    if !users.is_empty() {
        tests.push(format!("x.kind = 'u' AND x.value IN ({})", literals(&mut users.iter())?));
    }
    let flags: Vec<_> = tests.iter().map(|test| format!("max(CASE WHEN {test} THEN 1 ELSE 0 END)")).collect();
    Ok(match (operator, flags.as_slice()) {
        (_, [flag]) => flag.clone(),
        (Operator::Any, _) => {
            let tests: Vec<_> = tests.iter().map(|test| format!("({test})")).collect();
            format!("max(CASE WHEN {} THEN 1 ELSE 0 END)", tests.join(" OR "))
        }
        (Operator::All, flags) => {
            let all: Vec<_> = flags.iter().map(|flag| format!("{flag} = 1")).collect();
            format!("CASE WHEN {} THEN 1 ELSE 0 END", all.join(" AND "))
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::super::{Column, ColumnType, DataSource, Table, TableKind, compile};
    use super::*;

    fn table() -> Table {
        let column = |name: &str, kind: &str| Column { name: name.to_owned(), kind: ColumnType::written(kind) };
        Table {
            kind: TableKind::Local,
            columns: vec![
                column("order_id", "bigint"),
                column("customer_email", "varchar(256)"),
                column("ordered_at", "timestamp"),
                column("payload", "super"),
                column("note", "varchar(65535)"),
            ],
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the macro's values are made where they are used")]
    fn view(changes: serde_json::Value) -> View {
        let mut spec = json!({
            "integrationRef": {"name": "analytics"},
            "table": {"schema": "sales", "name": "orders"},
            "columns": [
                {"name": "order_id"}, {"name": "customer_email", "tags": ["pii.email"]}, {"name": "ordered_at"},
                {"name": "payload", "type": "super"}, {"name": "gone"},
            ],
        });
        for (key, value) in changes.as_object().unwrap() {
            spec[key] = value.clone();
        }
        compile(&DataSource::read(&serde_json::from_value(spec).unwrap(), "immuta", "dev").unwrap(), &table()).unwrap()
    }

    fn text(changes: serde_json::Value) -> String {
        query(&view(changes), "immuta").unwrap().as_str().to_owned()
    }

    #[expect(clippy::needless_pass_by_value, reason = "the macro's values are made where they are used")]
    fn who(entitlements: serde_json::Value) -> serde_json::Value {
        json!({"subscription": {"restriction": "Entitlements", "entitlements": entitlements}})
    }

    #[test]
    fn views_read_from_top_to_bottom() {
        let mut public = who(
            json!({"groups": ["staff", "it's \\ audit"], "users": ["IAM:bob"], "attributes": [{"name": "a", "value": "b"}]}),
        );
        public["grantSelectTo"] = json!([{"public": true}]);
        public["unguardedColumns"] = json!(["ordered_at"]);
        public["uncoveredTags"] = json!("Show");
        public["unlistedColumns"] = json!("LeaveOut");
        let mut all = who(json!({"operator": "all", "groups": ["one", "two"], "users": ["a", "b"]}));
        all["table"] = json!({"database": "immuta", "schema": "sales", "name": "orders"});
        let texts = [
            json!({}),
            json!({"subscription": {"restriction": "Anyone"}}),
            public,
            all,
            json!({"rowRule": "Required"}),
        ];
        insta::assert_snapshot!(texts.map(|changes| format!("-- {changes}\n{};\n", text(changes.clone()))).join("\n"));
    }

    #[test]
    fn a_tag_hides_a_column_however_the_rest_is_set() {
        for changes in
            [json!({}), json!({"unlistedColumns": "Show"}), json!({"subscription": {"restriction": "Anyone"}})]
        {
            let text = text(changes);
            assert!(text.contains("CAST(NULL AS character varying(256)) AS \"customer_email\""), "{text}");
        }
        let other_type = json!({
            "columns": [{"name": "customer_email", "tags": ["pii"], "type": "varchar(10)"}], "unlistedColumns": "Show",
        });
        assert!(text(other_type).contains("CAST(NULL AS character varying(256)) AS \"customer_email\""));
    }

    #[test]
    fn another_type_than_was_listed_is_not_shown_and_a_column_that_is_gone_is_left_out() {
        let changed = json!({"columns": [{"name": "order_id", "type": "integer"}, {"name": "gone"}]});
        let view = view(changed);
        let query = query(&view, "immuta").unwrap();
        assert!(query.as_str().contains("CAST(NULL AS character varying(1)) AS \"order_id\""), "{}", query.as_str());
        assert!(!query.as_str().contains("gone"));
        assert_eq!(view.absent, ["gone"]);
    }

    #[test]
    fn the_columns_hash_changes_with_names_and_types_alone() {
        let hash = |changes| columns_hash(&view(changes));
        assert_eq!(hash(json!({})), hash(json!({"subscription": {"restriction": "Anyone"}})));
        assert_ne!(hash(json!({})), hash(json!({"unlistedColumns": "LeaveOut"})));
        assert_ne!(hash(json!({})), hash(json!({"unlistedColumns": "Show"})));
        // Of the table's own type, and so the same.
        assert_eq!(hash(json!({})), hash(json!({"uncoveredTags": "Show"})));
    }
}
