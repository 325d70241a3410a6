//! Functions and catalogues that Redshift doesn't have, or has on one kind of node alone.

use super::super::sources::{Source, sources};
use super::super::tokens::Kind;
use super::{Refusal, SessionContext, Statement, UNSUPPORTED};

/// Functions and catalogues that Redshift doesn't have. <https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-functions.html>
const MISSING: &[&str] = &[
    "STRING_AGG",
    "ARRAY_AGG",
    "EVERY",
    "GENERATE_SERIES",
    "GENERATE_SUBSCRIPTS",
    "UNNEST",
    "FORMAT",
    "ENCODE",
    "CONVERT_FROM",
    "CONVERT_TO",
    "OVERLAY",
    "QUOTE_NULLABLE",
    "REGEXP_MATCHES",
    "REGEXP_SPLIT_TO_ARRAY",
    "REGEXP_SPLIT_TO_TABLE",
    "CLOCK_TIMESTAMP",
    "TRANSACTION_TIMESTAMP",
    "STATEMENT_TIMESTAMP",
    "PG_SLEEP",
    "SETSEED",
    "WIDTH_BUCKET",
    "GEN_RANDOM_UUID",
    "SHA256",
    "HAS_FUNCTION_PRIVILEGE",
    "PG_HAS_ROLE",
    "ACLEXPLODE",
    "ARRAY_POSITION",
    "TO_JSONB",
    "ROW_TO_JSON",
    "PG_GET_FUNCTION_ARGUMENTS",
    "PG_GET_FUNCTION_RESULT",
    "AGE",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "CURRENT_TIME",
    "DIV",
    "GET_BYTE",
    "SET_BYTE",
    "TO_ASCII",
    "ISFINITE",
    "CURRENT_USER_ID",
    "OBJ_DESCRIPTION",
    "COL_DESCRIPTION",
    "PG_GET_FUNCTIONDEF",
];

/// Starts of names that no function has. `rdsdb_` is the stand-in's own.
const MISSING_PREFIXES: &[&str] = &["INET_", "TXID_", "PG_ADVISORY_", "PG_TRY_ADVISORY_", "JSONB_", "RDSDB_"];

/// Catalogues of `PostgreSQL` that Redshift doesn't have.
const MISSING_CATALOGUES: &[&str] =
    &["PG_ROLES", "PG_AUTHID", "PG_AUTH_MEMBERS", "PG_SEQUENCE", "PG_POLICY", "PG_SHDEPEND", "PG_SHDESCRIPTION"];

/// Run on the leader node alone. <https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html>
const LEADER_ONLY: &[&str] = &[
    "CURRENT_SCHEMA",
    "CURRENT_SCHEMAS",
    "HAS_DATABASE_PRIVILEGE",
    "HAS_SCHEMA_PRIVILEGE",
    "HAS_TABLE_PRIVILEGE",
    "SUBSTR",
    "VERSION",
    "NOW",
    // Documented as a reserved word alone, and so not among what compute nodes know.
    "SESSION_USER",
    // An array function, which has its use on the leader's catalogues alone.
    "ARRAY_TO_STRING",
];

/// Run on compute nodes alone, so never without a table. <https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_compute_node_only.html>
const COMPUTE_ONLY: &[&str] = &["LISTAGG", "MEDIAN", "PERCENTILE_CONT", "PERCENTILE_DISC", "APPROXIMATE"];

pub(super) fn find(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    missing(statement).or_else(|| serverless(statement, context)).or_else(|| nodes(statement))
}

fn missing(statement: &Statement<'_>) -> Option<Refusal> {
    for (at, token) in statement.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let name = token.text.as_str();
        let is_called = statement.tokens.get(at + 1).is_some_and(|next| next.is("("));
        let has_prefix = MISSING_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if name == "CURRENT_CATALOG" || (is_called && (MISSING.contains(&name) || has_prefix)) {
            let message = format!("function {} does not exist", name.to_lowercase());
            return Some(Refusal::new("42883", message, "c_unsupported-postgresql-functions"));
        }
        if MISSING_CATALOGUES.contains(&name) {
            let message = format!("relation \"{}\" does not exist", name.to_lowercase());
            return Some(Refusal::new("42P01", message, "c_unsupported-postgresql-features"));
        }
    }
    None
}

/// The system tables of provisioned clusters, which Serverless doesn't have.
fn serverless(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    let is_view = |name: &str| ["STV_", "STL_", "SVL_"].iter().any(|prefix| name.starts_with(prefix));
    let view = statement.tokens.iter().find(|token| token.kind == Kind::Word && is_view(&token.text))?;
    let message = format!("permission denied for relation {}", view.text.to_lowercase());
    context.serverless.then(|| Refusal::new("42501", message, "c_SQL_functions_leader_node_only"))
}

/// What runs on the leader alone can't stand beside a table or a system view, what runs on compute nodes
/// alone can't stand without one.
fn nodes(statement: &Statement<'_>) -> Option<Refusal> {
    const QUERIES: [&str; 7] = ["SELECT", "WITH", "(", "INSERT", "UPDATE", "DELETE", "CREATE"];
    let first = statement.tokens.first()?;
    // What a view or a table is made from is a query as well; the body of a procedure is judged by itself.
    let is_query = QUERIES.iter().any(|word| first.is(word))
        && (!first.is("CREATE")
            || statement.find(&["AS", "SELECT"]).is_some()
            || statement.find(&["AS", "("]).is_some()
            || statement.find(&["AS", "WITH"]).is_some());
    if !is_query {
        return None;
    }
    let on_compute_nodes = first.is("UPDATE") || sources(statement).iter().any(Source::is_on_compute_nodes);
    for (at, token) in statement.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let is_called = statement.tokens.get(at + 1).is_some_and(|next| next.is("(")) || token.is("SESSION_USER");
        let misplaced = if on_compute_nodes { LEADER_ONLY } else { COMPUTE_ONLY };
        if is_called && misplaced.contains(&token.text.as_str()) {
            let (what, page) = if on_compute_nodes {
                ("not supported on Redshift tables", "c_SQL_functions_leader_node_only")
            } else {
                ("must be used on at least one user created tables", "c_SQL_functions_compute_node_only")
            };
            let name = token.text.to_lowercase();
            let message = format!("Specified types or functions (one per INFO message) {what}: {name}");
            return Some(Refusal::new(UNSUPPORTED, message, page));
        }
    }
    None
}
