//! Functions and catalogues that Redshift doesn't have, or has on one kind of node alone.

use super::super::sources::{Source, sources};
use super::super::tokens::Kind;
use super::{Refusal, SessionContext, Statement, UNSUPPORTED};

/// Functions that Redshift doesn't have. <https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-functions.html>
#[rustfmt::skip]
const MISSING: &[&str] = &[
    "ACLEXPLODE", "AGE", "ARRAY_AGG", "ARRAY_APPEND", "ARRAY_LENGTH", "ARRAY_POSITION", "ARRAY_REMOVE", "CARDINALITY",
    "CLOCK_TIMESTAMP", "CONCAT_WS", "CONVERT_FROM", "CONVERT_TO", "CORR", "COVAR_POP", "COVAR_SAMP",
    "CURRENT_TIME", "CURRVAL", "DATABASE_TO_XML", "DBLINK", "DIV", "ENCODE", "EVERY", "FORMAT", "GENERATE_SUBSCRIPTS",
    "GEN_RANDOM_UUID", "GET_BYTE", "HAS_ANY_COLUMN_PRIVILEGE", "HAS_COLUMN_PRIVILEGE", "HAS_FUNCTION_PRIVILEGE",
    "HAS_LANGUAGE_PRIVILEGE", "HAS_SEQUENCE_PRIVILEGE", "HAS_TABLESPACE_PRIVILEGE", "ISFINITE", "JSON_AGG",
    "JSON_BUILD_ARRAY", "JSON_BUILD_OBJECT", "JSON_OBJECT", "JSON_OBJECT_AGG", "LASTVAL", "LOCALTIME", "LOCALTIMESTAMP",
    "MAKE_DATE", "MAKE_INTERVAL", "MAKE_TIME", "MAKE_TIMESTAMP", "MAKE_TIMESTAMPTZ", "MODE", "NEXTVAL", "NUM_NONNULLS",
    "NUM_NULLS", "OVERLAY", "PARSE_IDENT", "PLAINTO_TSQUERY", "QUERY_TO_XML", "QUOTE_NULLABLE", "REGEXP_MATCH",
    "REGEXP_MATCHES", "REGEXP_SPLIT_TO_ARRAY", "REGEXP_SPLIT_TO_TABLE", "ROW_TO_JSON", "SETSEED", "SETVAL", "SET_BYTE",
    "SHA224", "SHA256", "SHA384", "SHA512", "STATEMENT_TIMESTAMP", "STRING_AGG", "STRING_TO_ARRAY", "STRING_TO_TABLE",
    "TO_ASCII", "TO_JSON", "TO_JSONB", "TO_REGCLASS", "TO_REGNAMESPACE", "TO_REGPROC", "TO_REGPROCEDURE", "TO_REGROLE",
    "TO_REGTYPE", "TO_TSQUERY", "TO_TSVECTOR", "TRANSACTION_TIMESTAMP", "WIDTH_BUCKET", "XMLAGG", "XMLCONCAT", "XMLELEMENT",
    "XMLFOREST", "XMLPARSE", "XMLSERIALIZE",
];

/// Starts of names that no function has. `rdsdb_` is the stand-in's own.
const MISSING_PREFIXES: &[&str] = &[
    "INET_",
    "TXID_",
    "JSONB_",
    "RDSDB_",
    "REGR_",
    "LO_",
    "BINARY_UPGRADE_",
    "TS_",
    "DBLINK_",
    "POSTGRES_FDW_",
    "CURSOR_TO_",
];

/// Functions whose names start with `pg_` and that Redshift has: in the guide, or in what AWS's tools send. It has no others.
#[rustfmt::skip]
const PG_FUNCTIONS: &[&str] = &[
    "PG_BACKEND_PID", "PG_CANCEL_BACKEND", "PG_CLIENT_ENCODING", "PG_CONVERSION_IS_VISIBLE", "PG_ENCODING_TO_CHAR",
    "PG_FUNCTION_IS_VISIBLE", "PG_GET_COLS", "PG_GET_CONSTRAINTDEF", "PG_GET_EXPR", "PG_GET_EXTERNAL_COLUMNS",
    "PG_GET_EXTERNAL_TABLES", "PG_GET_EXTERNAL_SCHEMAS", "PG_GET_GRANTEE_BY_IAM_ROLE", "PG_GET_IAM_ROLE_BY_USER",
    "PG_GET_INDEXDEF", "PG_GET_LATE_BINDING_VIEW_COLS", "PG_GET_RULEDEF", "PG_GET_SESSION_ROLES", "PG_GET_TRIGGERDEF",
    "PG_GET_USERBYID", "PG_GET_VIEWDEF", "PG_GET_VIEWDEF_NEW", "PG_LAST_COPY_COUNT", "PG_LAST_COPY_ID", "PG_LAST_QUERY_ID",
    "PG_LAST_UNLOAD_COUNT", "PG_LAST_UNLOAD_ID", "PG_OPCLASS_IS_VISIBLE", "PG_OPERATOR_IS_VISIBLE", "PG_TABLE_IS_VISIBLE",
    "PG_TERMINATE_BACKEND", "PG_TYPE_IS_VISIBLE",
];

/// Run on the leader node alone. <https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html>
#[rustfmt::skip]
const LEADER_ONLY: &[&str] = &[
    "CURRENT_SCHEMA", "CURRENT_SCHEMAS", "FACTORIAL", "HAS_DATABASE_PRIVILEGE", "HAS_SCHEMA_PRIVILEGE",
    "HAS_TABLE_PRIVILEGE", "LOG", "NOW", "SUBSTR", "VERSION",
    // Documented as a reserved word alone, and so not among what compute nodes know.
    "SESSION_USER",
];

/// The guide calls these unsupported, and says of their kind that they may run on the leader; AWS's drivers rely on it, beside
/// system views as well. <https://docs.aws.amazon.com/redshift/latest/dg/c_unsupported-postgresql-functions.html>
#[rustfmt::skip]
const ON_THE_LEADER: &[&str] = &[
    "ARRAY_LOWER", "ARRAY_TO_STRING", "ARRAY_UPPER", "COL_DESCRIPTION", "FORMAT_TYPE", "GENERATE_SERIES", "OBJ_DESCRIPTION",
    "SHOBJ_DESCRIPTION", "UNNEST", "PG_GET_EXPR", "PG_TABLE_IS_VISIBLE",
];

/// Run on compute nodes alone, so never without a table. <https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_compute_node_only.html>
const COMPUTE_ONLY: &[&str] = &["LISTAGG", "MEDIAN", "PERCENTILE_CONT", "PERCENTILE_DISC", "APPROXIMATE"];

pub(super) fn find(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    missing(statement).or_else(|| serverless(statement, context)).or_else(|| nodes(statement))
}

fn missing(statement: &Statement<'_>) -> Option<Refusal> {
    let page = "c_unsupported-postgresql-functions";
    for (at, token) in statement.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let name = token.text.as_str();
        let is_column = at > 0 && statement.is(at - 1, ".") && !(at > 1 && statement.is(at - 2, "PG_CATALOG"));
        let is_called = statement.is(at + 1, "(") && !is_column && !is_made(statement, at);
        let has_prefix = MISSING_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let is_foreign = name.starts_with("PG_") && !PG_FUNCTIONS.contains(&name);
        if name == "CURRENT_CATALOG" || (is_called && (MISSING.contains(&name) || has_prefix || is_foreign)) {
            return Some(Refusal::new("42883", format!("function {} does not exist", name.to_lowercase()), page));
        }
        // DG/r_CONCAT
        if is_called && name == "CONCAT" && statement.arguments(at + 1).len() != 2 {
            return Some(Refusal::new("42883", "function concat has two arguments", "r_CONCAT"));
        }
    }
    let sources = sources(statement);
    if let Some(source) = sources.iter().find(|source| is_beyond(source)) {
        let message = format!("the stand-in can't show {}", source.name);
        return Some(Refusal::beyond(message, "cm_chap_system-tables"));
    }
    let unknown = sources.into_iter().find(|source| !source.is_known())?;
    let message = format!("relation \"{}\" does not exist", unknown.name);
    Some(Refusal::new("42P01", message, "c_unsupported-postgresql-features"))
}

/// Whether it is a system table or view that isn't in the stand-in's catalogue.
fn is_beyond(source: &Source) -> bool {
    let made = format!("VIEW pg_catalog.{} ", source.name);
    source.is_systems() && !crate::catalog::IN_EVERY_DATABASE.contains(&made)
}

/// Whether a name with a parenthesis behind it is that of something that is made, dropped or granted on, or a table's with a
/// list of columns, and no call.
fn is_made(statement: &Statement<'_>, at: usize) -> bool {
    const BEFORE: [&str; 8] = ["FUNCTION", "PROCEDURE", "TABLE", "INTO", "VIEW", "EXISTS", "REFERENCES", "WITH"];
    at > 0 && BEFORE.iter().any(|word| statement.is(at - 1, word))
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
    let first = statement.tokens.get(statement.verb())?;
    // What a view or a table is made from is a query as well; the body of a procedure is judged by itself.
    let is_query = QUERIES.iter().any(|word| first.is(word))
        && (!first.is("CREATE")
            || statement.find(&["AS", "SELECT"]).is_some()
            || statement.find(&["AS", "("]).is_some()
            || statement.find(&["AS", "WITH"]).is_some());
    if !is_query {
        return None;
    }
    let sources = sources(statement);
    let on_compute_nodes = first.is("UPDATE") || sources.iter().any(Source::is_on_compute_nodes);
    let beside_users =
        first.is("UPDATE") || sources.iter().any(|source| source.is_on_compute_nodes() && !source.is_systems());
    for (at, token) in statement.tokens.iter().enumerate().filter(|(_, token)| token.kind == Kind::Word) {
        let is_array = token.is("ARRAY") && statement.is(at + 1, "[");
        let is_called = statement.is(at + 1, "(") || token.is("SESSION_USER") || is_array;
        let name = token.text.as_str();
        let misplaced = if on_compute_nodes { LEADER_ONLY } else { COMPUTE_ONLY };
        let is_tolerated = on_compute_nodes && !beside_users;
        let is_unsupported = on_compute_nodes && !is_tolerated && (is_array || ON_THE_LEADER.contains(&name));
        if is_called && (misplaced.contains(&name) || is_unsupported) {
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
