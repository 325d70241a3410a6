//! What Redshift refuses and `PostgreSQL` takes.

use super::tokens::{Kind, Token};
use super::{Refusal, SessionContext, Statement};

/// A refusal that a sequence of words is enough for.
struct Rule {
    /// Words that the statement must begin with; any statement if empty.
    begins: &'static [&'static str],
    /// Words that must stand in it, one behind the other.
    holds: &'static [&'static str],
    sqlstate: &'static str,
    message: &'static str,
    page: &'static str,
    /// A statement that the rule is for.
    #[cfg_attr(not(test), allow(dead_code, reason = "the tests go through the examples"))]
    example: &'static str,
}

const SYNTAX: &str = "42601";
const UNSUPPORTED: &str = "0A000";

macro_rules! rules {
    ($( [$($begins:literal)*] [$($holds:literal)*] $sqlstate:ident $message:literal $page:literal $example:literal; )*) => {
        &[$( Rule {
            begins: &[$($begins),*], holds: &[$($holds),*], sqlstate: $sqlstate, message: $message, page: $page,
            example: $example,
        } ),*]
    };
}

#[rustfmt::skip]
const RULES: &[Rule] = rules! {
    ["CREATE" "DATABASE"] ["IF" "NOT" "EXISTS"] SYNTAX "syntax error at or near \"IF\"" "r_CREATE_DATABASE" "CREATE DATABASE IF NOT EXISTS x";
    ["CREATE" "DATABASE"] ["TEMPLATE"] SYNTAX "CREATE DATABASE has no TEMPLATE" "r_CREATE_DATABASE" "CREATE DATABASE x TEMPLATE template1";
    ["CREATE" "DATABASE"] ["ENCODING"] SYNTAX "CREATE DATABASE has no ENCODING" "r_CREATE_DATABASE" "CREATE DATABASE x ENCODING 'UTF8'";
    ["DROP" "DATABASE"] ["IF" "EXISTS"] SYNTAX "syntax error at or near \"IF\"" "r_DROP_DATABASE" "DROP DATABASE IF EXISTS x";
    ["DROP" "DATABASE"] ["WITH"] SYNTAX "syntax error at or near \"WITH\"" "r_DROP_DATABASE" "DROP DATABASE x WITH (FORCE)";
    ["CREATE" "USER"] ["IF" "NOT" "EXISTS"] SYNTAX "syntax error at or near \"IF\"" "r_CREATE_USER" "CREATE USER IF NOT EXISTS x PASSWORD DISABLE";
    ["CREATE" "USER"] ["SUPERUSER"] SYNTAX "a superuser is made with CREATEUSER" "r_CREATE_USER" "CREATE USER x PASSWORD DISABLE SUPERUSER";
    ["CREATE" "ROLE"] ["IF" "NOT" "EXISTS"] SYNTAX "syntax error at or near \"IF\"" "r_CREATE_ROLE" "CREATE ROLE IF NOT EXISTS x";
    ["CREATE" "ROLE"] ["LOGIN"] SYNTAX "a role has no LOGIN" "r_CREATE_ROLE" "CREATE ROLE x LOGIN";
    ["CREATE" "ROLE"] ["PASSWORD"] SYNTAX "a role has no PASSWORD" "r_CREATE_ROLE" "CREATE ROLE x PASSWORD 'Abcd1234'";
    ["DROP" "ROLE"] ["IF" "EXISTS"] SYNTAX "syntax error at or near \"IF\"" "r_DROP_ROLE" "DROP ROLE IF EXISTS x";
    ["CREATE" "GROUP"] ["IF" "NOT" "EXISTS"] SYNTAX "syntax error at or near \"IF\"" "r_CREATE_GROUP" "CREATE GROUP IF NOT EXISTS x";
    ["DROP" "PROCEDURE"] ["IF" "EXISTS"] SYNTAX "syntax error at or near \"IF\"" "r_DROP_PROCEDURE" "DROP PROCEDURE IF EXISTS p()";
    ["DROP" "PROCEDURE"] ["CASCADE"] SYNTAX "syntax error at or near \"CASCADE\"" "r_DROP_PROCEDURE" "DROP PROCEDURE p() CASCADE";
    ["DO"] [] SYNTAX "syntax error at or near \"DO\"" "c_unsupported-postgresql-features" "DO $$ BEGIN END $$";
    ["SAVEPOINT"] [] SYNTAX "SQL command \"SAVEPOINT\" not supported" "c_unsupported-postgresql-functions" "SAVEPOINT s";
    ["ROLLBACK"] ["TO"] SYNTAX "savepoints are not supported" "c_unsupported-postgresql-functions" "ROLLBACK TO s";
    ["REASSIGN"] [] SYNTAX "syntax error at or near \"REASSIGN\"" "c_SQL_commands" "REASSIGN OWNED BY a TO b";
    ["DROP" "OWNED"] [] SYNTAX "syntax error at or near \"OWNED\"" "c_SQL_commands" "DROP OWNED BY a";
    ["SET" "ROLE"] [] SYNTAX "syntax error at or near \"ROLE\"" "r_SET" "SET ROLE x";
    ["SET" "LOCAL" "ROLE"] [] SYNTAX "syntax error at or near \"ROLE\"" "r_SET" "SET LOCAL ROLE x";
    ["DISCARD"] [] SYNTAX "syntax error at or near \"DISCARD\"" "c_SQL_commands" "DISCARD ALL";
    ["LISTEN"] [] SYNTAX "SQL command \"LISTEN\" not supported" "c_SQL_commands" "LISTEN x";
    ["CREATE" "INDEX"] [] UNSUPPORTED "SQL command \"CREATE INDEX\" not supported on Redshift tables." "c_unsupported-postgresql-features" "CREATE INDEX i ON t (a)";
    ["CREATE" "UNIQUE" "INDEX"] [] UNSUPPORTED "SQL command \"CREATE INDEX\" not supported on Redshift tables." "c_unsupported-postgresql-features" "CREATE UNIQUE INDEX i ON t (a)";
    ["CREATE" "TRIGGER"] [] UNSUPPORTED "triggers are not supported" "c_unsupported-postgresql-features" "CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()";
    ["CREATE" "SEQUENCE"] [] UNSUPPORTED "sequences are not supported" "c_unsupported-postgresql-features" "CREATE SEQUENCE s";
    ["CREATE" "EXTENSION"] [] SYNTAX "syntax error at or near \"EXTENSION\"" "c_SQL_commands" "CREATE EXTENSION pgcrypto";
    ["CREATE" "DOMAIN"] [] UNSUPPORTED "domains are not supported" "c_unsupported-postgresql-features" "CREATE DOMAIN d AS INTEGER";
    ["CREATE" "TYPE"] [] UNSUPPORTED "types are not supported" "c_unsupported-postgresql-features" "CREATE TYPE t AS (a INTEGER)";
    ["CREATE" "POLICY"] [] SYNTAX "syntax error at or near \"POLICY\": use CREATE RLS POLICY" "r_CREATE_RLS_POLICY" "CREATE POLICY p ON t USING (true)";
    ["CREATE" "TABLE"] ["CHECK" "("] UNSUPPORTED "CHECK constraints are not supported" "c_unsupported-postgresql-features" "CREATE TABLE t (a INTEGER CHECK (a > 0))";
    ["CREATE" "TABLE"] ["SERIAL"] UNSUPPORTED "Column \"t.a\" has unsupported type \"serial\"." "c_unsupported-postgresql-datatypes" "CREATE TABLE t (a SERIAL)";
    ["CREATE" "TABLE"] ["JSONB"] UNSUPPORTED "Column has unsupported type \"jsonb\"." "c_unsupported-postgresql-datatypes" "CREATE TABLE t (a JSONB)";
    ["CREATE" "TABLE"] ["UUID"] UNSUPPORTED "Column has unsupported type \"uuid\"." "c_unsupported-postgresql-datatypes" "CREATE TABLE t (a UUID)";
    ["CREATE" "TABLE"] ["TEXT"] UNSUPPORTED "a TEXT column is VARCHAR(256) on Redshift: state the length" "r_Character_types" "CREATE TABLE t (a TEXT)";
    ["CREATE" "TABLE"] ["GENERATED" "ALWAYS"] SYNTAX "syntax error at or near \"ALWAYS\"" "r_CREATE_TABLE_NEW" "CREATE TABLE t (a INTEGER GENERATED ALWAYS AS IDENTITY)";
    ["CREATE" "VIEW"] ["SECURITY_INVOKER"] SYNTAX "views have no options" "r_CREATE_VIEW" "CREATE VIEW v WITH (security_invoker) AS SELECT 1";
    ["LOCK"] ["MODE"] SYNTAX "LOCK has no mode" "r_LOCK" "LOCK TABLE t IN EXCLUSIVE MODE";
    ["LOCK"] ["NOWAIT"] SYNTAX "LOCK has no NOWAIT" "r_LOCK" "LOCK TABLE t NOWAIT";
    ["GRANT"] ["GRANT" "CONNECT"] SYNTAX "invalid privilege type CONNECT for database" "r_GRANT" "GRANT CONNECT ON DATABASE d TO u";
    ["GRANT"] ["ROUTINES"] SYNTAX "syntax error at or near \"ROUTINES\"" "r_GRANT" "GRANT EXECUTE ON ALL ROUTINES IN SCHEMA s TO u";
    ["GRANT"] ["SEQUENCES"] SYNTAX "syntax error at or near \"SEQUENCES\"" "r_GRANT" "GRANT USAGE ON ALL SEQUENCES IN SCHEMA s TO u";
    ["GRANT"] ["GRANTED" "BY"] SYNTAX "syntax error at or near \"GRANTED\"" "r_GRANT" "GRANT SELECT ON t TO u GRANTED BY v";
    ["REVOKE"] ["CASCADE"] SYNTAX "syntax error at or near \"CASCADE\"" "r_REVOKE" "REVOKE SELECT ON t FROM u CASCADE";
    ["REVOKE"] ["GRANTED" "BY"] SYNTAX "syntax error at or near \"GRANTED\"" "r_REVOKE" "REVOKE SELECT ON t FROM u GRANTED BY v";
    ["REVOKE"] ["REVOKE" "CONNECT"] SYNTAX "invalid privilege type CONNECT for database" "r_REVOKE" "REVOKE CONNECT ON DATABASE d FROM PUBLIC";
    ["ALTER" "DEFAULT" "PRIVILEGES"] ["FOR" "ROLE"] SYNTAX "syntax error at or near \"ROLE\"" "r_ALTER_DEFAULT_PRIVILEGES" "ALTER DEFAULT PRIVILEGES FOR ROLE r GRANT SELECT ON TABLES TO u";
    ["ALTER" "DEFAULT" "PRIVILEGES"] ["ON" "ROUTINES"] SYNTAX "syntax error at or near \"ROUTINES\"" "r_ALTER_DEFAULT_PRIVILEGES" "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON ROUTINES TO u";
    ["ALTER" "DEFAULT" "PRIVILEGES"] ["ON" "SEQUENCES"] SYNTAX "syntax error at or near \"SEQUENCES\"" "r_ALTER_DEFAULT_PRIVILEGES" "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO u";
    ["ALTER" "DEFAULT" "PRIVILEGES"] ["ON" "TYPES"] SYNTAX "syntax error at or near \"TYPES\"" "r_ALTER_DEFAULT_PRIVILEGES" "ALTER DEFAULT PRIVILEGES GRANT USAGE ON TYPES TO u";
    ["ALTER" "DEFAULT" "PRIVILEGES"] ["ON" "SCHEMAS"] SYNTAX "syntax error at or near \"SCHEMAS\"" "r_ALTER_DEFAULT_PRIVILEGES" "ALTER DEFAULT PRIVILEGES GRANT USAGE ON SCHEMAS TO u";
    ["ALTER" "DATABASE"] ["SET"] SYNTAX "ALTER DATABASE has no SET" "r_ALTER_DATABASE" "ALTER DATABASE d SET search_path TO s";
    ["INSERT"] ["ON" "CONFLICT"] SYNTAX "syntax error at or near \"ON\"" "c_unsupported-postgresql-features" "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING";
    ["INSERT"] ["RETURNING"] SYNTAX "syntax error at or near \"RETURNING\"" "c_unsupported-postgresql-features" "INSERT INTO t VALUES (1) RETURNING a";
    ["UPDATE"] ["RETURNING"] SYNTAX "syntax error at or near \"RETURNING\"" "c_unsupported-postgresql-features" "UPDATE t SET a = 1 RETURNING a";
    ["DELETE"] ["RETURNING"] SYNTAX "syntax error at or near \"RETURNING\"" "c_unsupported-postgresql-features" "DELETE FROM t RETURNING a";
    ["SELECT"] ["FOR" "UPDATE"] SYNTAX "SELECT FOR UPDATE is not supported" "r_SELECT_synopsis" "SELECT a FROM t FOR UPDATE";
    ["SELECT"] ["DISTINCT" "ON"] SYNTAX "SELECT DISTINCT ON is not supported" "c_unsupported-postgresql-features" "SELECT DISTINCT ON (a) a FROM t";
    ["SELECT"] ["LATERAL"] SYNTAX "LATERAL is not supported" "c_unsupported-postgresql-features" "SELECT 1 FROM t, LATERAL (SELECT 1) x";
    [] ["FILTER" "("] SYNTAX "syntax error at or near \"FILTER\"" "c_unsupported-postgresql-features" "SELECT count(*) FILTER (WHERE true) FROM t";
    [] ["IS" "DISTINCT" "FROM"] SYNTAX "IS DISTINCT FROM is not supported" "c_unsupported-postgresql-features" "SELECT 1 IS DISTINCT FROM 2";
    [] ["IS" "NOT" "DISTINCT" "FROM"] SYNTAX "IS NOT DISTINCT FROM is not supported" "c_unsupported-postgresql-features" "SELECT 1 IS NOT DISTINCT FROM 2";
    [] ["CURRENT_USER" "("] SYNTAX "current_user takes no parentheses" "r_CURRENT_USER" "SELECT current_user()";
    [] ["-" ">" ">"] SYNTAX "operator ->> does not exist" "query-super" "SELECT a ->> 'b' FROM t";
};

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
    "TXID_CURRENT",
    "GEN_RANDOM_UUID",
    "SHA256",
    "HAS_FUNCTION_PRIVILEGE",
    "PG_HAS_ROLE",
    "PG_ADVISORY_LOCK",
    "PG_ADVISORY_XACT_LOCK",
    "PG_TRY_ADVISORY_LOCK",
    "PG_TRY_ADVISORY_XACT_LOCK",
    "ACLEXPLODE",
    "ARRAY_POSITION",
    "JSONB_BUILD_OBJECT",
    "TO_JSONB",
    "ROW_TO_JSON",
    "PG_GET_FUNCTION_ARGUMENTS",
    "PG_GET_FUNCTION_RESULT",
    "AGE",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "CURRENT_TIME",
];

/// Catalogues of `PostgreSQL` that Redshift doesn't have.
const MISSING_CATALOGUES: &[&str] =
    &["PG_ROLES", "PG_AUTHID", "PG_AUTH_MEMBERS", "PG_SEQUENCE", "PG_POLICY", "PG_SHDEPEND"];

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
    "SESSION_USER",
];

/// What a statement may begin with. <https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_commands.html>
const COMMANDS: &[&str] = &[
    "ABORT",
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "CALL",
    "CANCEL",
    "CLOSE",
    "COMMENT",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DETACH",
    "DESC",
    "DROP",
    "END",
    "EXECUTE",
    "EXPLAIN",
    "FETCH",
    "GRANT",
    "INSERT",
    "LOCK",
    "MERGE",
    "PREPARE",
    "REFRESH",
    "RESET",
    "REVOKE",
    "ROLLBACK",
    "SELECT",
    "SET",
    "SHOW",
    "START",
    "TRUNCATE",
    "UNLOAD",
    "UPDATE",
    "USE",
    "VACUUM",
    "WITH",
    "(",
];

/// Kinds of object that can be created, altered and dropped.
const KINDS: &[&str] = &[
    "DATABASE",
    "DATASHARE",
    "DEFAULT",
    "EXTERNAL",
    "FUNCTION",
    "GROUP",
    "IDENTITY",
    "LIBRARY",
    "LOCAL",
    "MASKING",
    "MATERIALIZED",
    "MODEL",
    "OR",
    "PROCEDURE",
    "RLS",
    "ROLE",
    "SCHEMA",
    "SYSTEM",
    "TABLE",
    "TEMP",
    "TEMPORARY",
    "USER",
    "VIEW",
];

/// Words that can't be names unless quoted. <https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html>
pub(super) const RESERVED: &[&str] = &[
    "AES128",
    "AES256",
    "ALL",
    "ALLOWOVERWRITE",
    "ANALYSE",
    "ANALYZE",
    "AND",
    "ANY",
    "ARRAY",
    "AS",
    "ASC",
    "AUTHORIZATION",
    "BACKUP",
    "BETWEEN",
    "BINARY",
    "BOTH",
    "CASE",
    "CAST",
    "CHECK",
    "COLLATE",
    "COLUMN",
    "CONSTRAINT",
    "CREATE",
    "CROSS",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "DEFAULT",
    "DEFERRABLE",
    "DESC",
    "DISABLE",
    "DISTINCT",
    "DO",
    "ELSE",
    "ENABLE",
    "ENCODE",
    "ENCRYPT",
    "END",
    "EXCEPT",
    "EXPLICIT",
    "FALSE",
    "FOR",
    "FOREIGN",
    "FREEZE",
    "FROM",
    "FULL",
    "GRANT",
    "GROUP",
    "HAVING",
    "IDENTITY",
    "IGNORE",
    "ILIKE",
    "IN",
    "INITIALLY",
    "INNER",
    "INTERSECT",
    "INTO",
    "IS",
    "ISNULL",
    "JOIN",
    "LANGUAGE",
    "LEADING",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LOCALTIME",
    "LOCALTIMESTAMP",
    "MINUS",
    "NATURAL",
    "NEW",
    "NOT",
    "NOTNULL",
    "NULL",
    "OFF",
    "OFFLINE",
    "OFFSET",
    "OLD",
    "ON",
    "ONLY",
    "OPEN",
    "OR",
    "ORDER",
    "OUTER",
    "OVERLAPS",
    "PARALLEL",
    "PARTITION",
    "PERCENT",
    "PRIMARY",
    "RAW",
    "REFERENCES",
    "RIGHT",
    "SELECT",
    "SESSION_USER",
    "SIMILAR",
    "SNAPSHOT",
    "SOME",
    "SYSDATE",
    "SYSTEM",
    "TABLE",
    "TAG",
    "THEN",
    "TO",
    "TOP",
    "TRAILING",
    "TRUE",
    "UNION",
    "UNIQUE",
    "USER",
    "USING",
    "VERBOSE",
    "WHEN",
    "WHERE",
    "WITH",
    "WITHOUT",
];

/// The refusal of a statement, if Redshift refuses it.
pub(super) fn find(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    command(statement)
        .or_else(|| by_words(statement))
        .or_else(|| escapes(statement))
        .or_else(|| names(statement))
        .or_else(|| functions(statement, context))
        .or_else(|| passwords(statement))
        .or_else(|| transactions(statement, context))
        .or_else(|| columns(statement))
        .or_else(|| bodies(statement))
        .or_else(|| superuser_only(statement, context))
}

fn command(statement: &Statement<'_>) -> Option<Refusal> {
    let first = &statement.tokens[0];
    let near = |token: &Token| {
        Some(Refusal::new(SYNTAX, format!("syntax error at or near \"{}\"", token.text), "c_SQL_commands"))
    };
    if !COMMANDS.contains(&first.text.as_str()) && !by_words(statement).is_some_and(|_| true) {
        return near(first);
    }
    if matches!(first.text.as_str(), "CREATE" | "DROP")
        && let Some(kind) = statement.tokens.get(1)
        && !KINDS.contains(&kind.text.as_str())
        && by_words(statement).is_none()
    {
        return near(kind);
    }
    None
}

fn by_words(statement: &Statement<'_>) -> Option<Refusal> {
    RULES
        .iter()
        .find(|rule| {
            statement.starts_with(rule.begins) && (rule.holds.is_empty() || statement.find(rule.holds).is_some())
        })
        .map(|rule| Refusal::new(rule.sqlstate, rule.message, rule.page))
}

/// `E'…'` is a type name followed by a literal, and there is no such type.
fn escapes(statement: &Statement<'_>) -> Option<Refusal> {
    statement
        .tokens
        .windows(2)
        .find(|pair| pair[0].is("E") && pair[1].kind == Kind::Text && pair[0].span.end == pair[1].span.start)
        .map(|_| Refusal::new("42704", "type \"e\" does not exist", "r_CHAR_and_VARCHAR"))
}

fn names(statement: &Statement<'_>) -> Option<Refusal> {
    for token in &statement.tokens {
        if let Some(name) = token.name() {
            if name.len() > 127 {
                return Some(Refusal::new(
                    "42622",
                    format!("identifier \"{name}\" is longer than 127 bytes"),
                    "r_names",
                ));
            }
            if name.len() > 63 {
                // PostgreSQL would cut it with no more than a notice. That isn't Redshift's answer, but
                // a limit of the stand-in's, and one that must be loud.
                return Some(Refusal::new(
                    UNSUPPORTED,
                    format!("the stand-in can't hold the name \"{name}\": more than 63 bytes"),
                    "r_names",
                ));
            }
            if token.kind == Kind::Quoted && (name.is_empty() || name.chars().any(char::is_control)) {
                return Some(Refusal::new("42602", "invalid name: only printable characters", "r_names"));
            }
        }
    }
    let created = match statement.tokens.get(..3)? {
        [verb, kind, name]
            if verb.is("CREATE")
                && ["DATABASE", "USER", "ROLE", "GROUP", "SCHEMA", "TABLE", "VIEW"].iter().any(|k| kind.is(k)) =>
        {
            name
        }
        _ => return None,
    };
    if created.kind == Kind::Word && RESERVED.contains(&created.text.as_str()) && !created.is("IF") {
        return Some(Refusal::new(SYNTAX, format!("syntax error at or near \"{}\"", created.text), "r_pg_keywords"));
    }
    None
}

fn functions(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    let called = |token: &[Token]| token[0].kind == Kind::Word && token[1].is("(");
    for pair in statement.tokens.windows(2) {
        if called(pair) && MISSING.contains(&pair[0].text.as_str()) {
            let name = pair[0].text.to_lowercase();
            return Some(Refusal::new(
                "42883",
                format!("function {name} does not exist"),
                "c_unsupported-postgresql-functions",
            ));
        }
    }
    for token in &statement.tokens {
        if token.kind == Kind::Word && MISSING_CATALOGUES.contains(&token.text.as_str()) {
            return Some(Refusal::new(
                "42P01",
                format!("relation \"{}\" does not exist", token.text.to_lowercase()),
                "c_unsupported-postgresql-features",
            ));
        }
    }
    let reads_system_views = statement.tokens.iter().any(|token| {
        token.kind == Kind::Word && ["SVV_", "STV_", "SVL_", "STL_"].iter().any(|prefix| token.text.starts_with(prefix))
    });
    if context.serverless
        && let Some(view) = statement.tokens.iter().find(|token| {
            token.kind == Kind::Word && ["STV_", "STL_", "SVL_"].iter().any(|prefix| token.text.starts_with(prefix))
        })
    {
        return Some(Refusal::new(
            "42501",
            format!("permission denied for relation {}", view.text.to_lowercase()),
            "c_SQL_functions_leader_node_only",
        ));
    }
    if reads_system_views || reads_user_table(statement) {
        for (at, token) in statement.tokens.iter().enumerate() {
            let is_call = statement.tokens.get(at + 1).is_some_and(|next| next.is("(")) || token.is("SESSION_USER");
            if token.kind == Kind::Word && is_call && LEADER_ONLY.contains(&token.text.as_str()) {
                let name = token.text.to_lowercase();
                return Some(Refusal::new(
                    UNSUPPORTED,
                    format!(
                        "Specified types or functions (one per INFO message) not supported on Redshift tables: {name}"
                    ),
                    "c_SQL_functions_leader_node_only",
                ));
            }
        }
    }
    None
}

/// Whether a query reads a table of a user's: anything behind FROM or JOIN that isn't a catalogue.
fn reads_user_table(statement: &Statement<'_>) -> bool {
    if !(statement.starts_with(&["SELECT"]) || statement.starts_with(&["WITH"])) {
        return false;
    }
    statement.tokens.windows(2).any(|pair| {
        (pair[0].is("FROM") || pair[0].is("JOIN"))
            && pair[1]
                .name()
                .is_some_and(|name| !name.starts_with("pg_") && name != "information_schema" && name != "current_user")
    })
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_USER.html>
fn passwords(statement: &Statement<'_>) -> Option<Refusal> {
    let creates = statement.starts_with(&["CREATE", "USER"]);
    if !creates && !statement.starts_with(&["ALTER", "USER"]) {
        return None;
    }
    let Some(at) = statement.find(&["PASSWORD"]) else {
        return creates.then(|| Refusal::new(SYNTAX, "CREATE USER needs PASSWORD", "r_CREATE_USER"));
    };
    let password = statement.tokens.get(at + 1)?.literal()?;
    let refuse = |message| Some(Refusal::new("22023", message, "r_CREATE_USER"));
    if let Some(digest) = password.strip_prefix("md5") {
        let is_digest = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        return if is_digest { None } else { refuse("Invalid MD5 password") };
    }
    if password.starts_with("sha256|") {
        return None;
    }
    let has = |kind: fn(&char) -> bool| password.chars().any(|character| kind(&character));
    if !(8..=64).contains(&password.len()) {
        return refuse("Invalid password: must be between 8 and 64 characters");
    }
    if !has(char::is_ascii_uppercase) || !has(char::is_ascii_lowercase) || !has(char::is_ascii_digit) {
        return refuse("Invalid password: must contain an upper-case letter, a lower-case letter and a digit");
    }
    if password.chars().any(|character| !('!'..='~').contains(&character) || "'\"\\/@".contains(character)) {
        return refuse("Invalid password: has a character that is not allowed");
    }
    None
}

fn transactions(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    let refuse =
        |what: &str, page| Some(Refusal::new("25001", format!("{what} cannot run inside a transaction block"), page));
    if context.in_transaction {
        if statement.starts_with(&["CREATE", "DATABASE"]) {
            return refuse("CREATE DATABASE", "r_CREATE_DATABASE");
        }
        if statement.starts_with(&["DROP", "DATABASE"]) {
            return refuse("DROP DATABASE", "r_DROP_DATABASE");
        }
        if statement.starts_with(&["LOCK"]) && !context.first_in_transaction {
            return Some(Refusal::new(
                "XX000",
                "1023: Serializable isolation violation: LOCK must be the first statement of the transaction",
                "r_LOCK",
            ));
        }
    }
    None
}

/// A VARCHAR without a length is cut at 256 bytes in a table.
fn columns(statement: &Statement<'_>) -> Option<Refusal> {
    if !statement.starts_with(&["CREATE", "TABLE"]) {
        return None;
    }
    statement.tokens.windows(2).find(|pair| pair[0].is("VARCHAR") && !pair[1].is("(")).map(|_| {
        Refusal::new(
            UNSUPPORTED,
            "a VARCHAR column without a length is VARCHAR(256) on Redshift: state the length",
            "r_Character_types",
        )
    })
}

/// What may not stand in a procedure. <https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-constraints.html>
fn bodies(statement: &Statement<'_>) -> Option<Refusal> {
    let creates = statement.starts_with(&["CREATE"])
        && (statement.find(&["PROCEDURE"]).is_some() || statement.find(&["FUNCTION"]).is_some());
    let body = statement.tokens.iter().find(|token| token.kind == Kind::Dollar)?;
    if !creates {
        return None;
    }
    if statement.find(&["FUNCTION"]).is_some() && statement.find(&["LANGUAGE", "PLPGSQL"]).is_some() {
        return Some(Refusal::new(UNSUPPORTED, "language \"plpgsql\" is for procedures", "r_CREATE_FUNCTION"));
    }
    let inner = super::tokens::read(body.text.trim_matches('$')).ok()?;
    let inner = Statement { text: "", tokens: inner };
    for (words, page) in [
        (&["EXCEPTION", "WHEN"][..], "stored-procedure-trapping-errors"),
        (&["SET", "LOCAL"][..], "stored-procedure-constraints"),
        (&["TRUNCATE"][..], "stored-procedure-transaction-management"),
        (&["SAVEPOINT"][..], "stored-procedure-constraints"),
        (&["CREATE", "DATABASE"][..], "stored-procedure-constraints"),
        (&["DROP", "DATABASE"][..], "stored-procedure-constraints"),
    ] {
        if inner.find(words).is_some() {
            return Some(Refusal::new(
                UNSUPPORTED,
                format!("{} is not supported in procedures", words.join(" ")),
                page,
            ));
        }
    }
    if let Some(arguments) = statement.find(&["("])
        && statement.find_from(arguments, &["OUT"]).is_some_and(|at| statement.tokens[at].span.start < body.span.start)
    {
        return Some(Refusal::new(
            UNSUPPORTED,
            "OUT arguments are not given in CALL on Redshift: the stand-in can't show that",
            "r_CALL_procedure",
        ));
    }
    None
}

fn superuser_only(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    if context.superuser {
        return None;
    }
    let refuse = |what: &str, page| Some(Refusal::new("42501", format!("must be superuser to {what}"), page));
    if statement.starts_with(&["ALTER"]) && statement.find(&["OWNER", "TO"]).is_some() {
        return refuse("change the owner of an object", "r_ALTER_DATABASE");
    }
    if statement.find(&["SESSION", "AUTHORIZATION"]).is_some() && statement.starts_with(&["SET"]) {
        return refuse("set session authorization", "r_SET_SESSION_AUTHORIZATION");
    }
    if statement.starts_with(&["ALTER", "DEFAULT", "PRIVILEGES", "FOR", "USER"])
        && statement.name(5).is_some_and(|name| name != context.user)
    {
        return refuse("alter the default privileges of another user", "r_ALTER_DEFAULT_PRIVILEGES");
    }
    if statement.starts_with(&["CREATE", "GROUP"]) {
        return refuse("create groups", "r_CREATE_GROUP");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::superuser;
    use super::super::{Verdict, judge};
    use super::*;

    #[test]
    fn every_rule_has_an_example_that_it_refuses_and_a_page() {
        for rule in RULES {
            let verdict = judge(rule.example, &superuser());
            let Verdict::Refuse(refusal) = verdict else { panic!("{} is not refused: {verdict:?}", rule.example) };
            assert_eq!(refusal.message, rule.message, "{}", rule.example);
            assert!(refusal.page.starts_with("https://docs.aws.amazon.com/redshift/latest/dg/"), "{}", rule.example);
        }
    }

    #[test]
    fn an_ordinary_user_is_not_a_superuser() {
        let context = SessionContext { superuser: false, user: "u".to_owned(), ..superuser() };
        for text in [
            "ALTER DATABASE d OWNER TO u",
            "SET SESSION AUTHORIZATION x",
            "ALTER DEFAULT PRIVILEGES FOR USER v GRANT SELECT ON TABLES TO u",
        ] {
            assert!(matches!(judge(text, &context), Verdict::Refuse(_)), "{text}");
        }
    }

    #[test]
    fn a_lock_comes_first_in_its_transaction() {
        let mut context = SessionContext { in_transaction: true, first_in_transaction: true, ..superuser() };
        assert!(!matches!(judge("LOCK TABLE t", &context), Verdict::Refuse(_)));
        context.first_in_transaction = false;
        assert!(matches!(judge("LOCK TABLE t", &context), Verdict::Refuse(_)));
    }

    #[test]
    fn more_of_what_redshift_does_not_take() {
        for text in [
            "SELECT E'a'",
            "CREATE USR x",
            "CREATE USER x",
            "CREATE USER x PASSWORD 'abc1234'",
            "CREATE DATABASE user",
            "SELECT version() FROM svv_roles",
            "SELECT has_schema_privilege('s','usage') FROM t",
            "SELECT string_agg(a, ',') FROM t",
            "SELECT * FROM pg_roles",
            "CREATE TABLE t (a VARCHAR)",
            "NOTIFY x",
            "CREATE FUNCTION f() RETURNS INTEGER AS $$ BEGIN RETURN 1; END $$ LANGUAGE plpgsql SECURITY DEFINER",
            "CREATE PROCEDURE p() AS $$ BEGIN SELECT 1; EXCEPTION WHEN OTHERS THEN NULL; END $$ LANGUAGE plpgsql",
            "CREATE PROCEDURE p() AS $$ BEGIN SET LOCAL a.b = 1; END $$ LANGUAGE plpgsql",
        ] {
            assert!(matches!(judge(text, &superuser()), Verdict::Refuse(_)), "{text}");
        }
    }
}
