//! Refusals that a sequence of words is enough for.

use super::super::tokens::Token;
use super::{Refusal, SYNTAX, Statement, UNSUPPORTED};

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
    [] ["-" ">"] SYNTAX "operator does not exist: ->" "query-super" "SELECT a -> 'b' FROM t";
    [] ["@" ">"] SYNTAX "operator does not exist: @>" "query-super" "SELECT a @> b FROM t";
    [] ["ARRAY" "["] SYNTAX "syntax error at or near \"[\"" "c_unsupported-postgresql-features" "SELECT ARRAY[1]";
    [] [":" ":" "UUID"] UNSUPPORTED "type \"uuid\" does not exist" "c_unsupported-postgresql-datatypes" "SELECT 'x'::uuid";
    [] ["AS" "UUID" ")"] UNSUPPORTED "type \"uuid\" does not exist" "c_unsupported-postgresql-datatypes" "SELECT CAST('x' AS UUID)";
    [] [":" ":" "JSONB"] UNSUPPORTED "type \"jsonb\" does not exist" "c_unsupported-postgresql-datatypes" "SELECT 'x'::jsonb";
    [] ["FROM" "(" "VALUES"] SYNTAX "syntax error at or near \"VALUES\"" "c_unsupported-postgresql-features" "SELECT a FROM (VALUES (1)) t (a)";
    ["WITH"] ["INSERT" "INTO"] SYNTAX "syntax error at or near \"INSERT\"" "r_WITH_clause" "WITH x AS (SELECT 1) INSERT INTO t SELECT 1 FROM x";
    ["WITH"] ["DELETE" "FROM"] SYNTAX "syntax error at or near \"DELETE\"" "r_WITH_clause" "WITH x AS (DELETE FROM t) SELECT 1";
    ["WITH"] ["UPDATE"] SYNTAX "syntax error at or near \"UPDATE\"" "r_WITH_clause" "WITH x AS (SELECT 1) UPDATE t SET a = 1";
    ["SELECT"] ["FOR" "SHARE"] SYNTAX "SELECT FOR SHARE is not supported" "r_SELECT_synopsis" "SELECT a FROM t FOR SHARE";
    ["CREATE" "TABLE"] ["DEFAULT" "NOW" "("] UNSUPPORTED "function now() is not for tables" "r_CREATE_TABLE_NEW" "CREATE TABLE t (a TIMESTAMP DEFAULT now())";
    ["GRANT"] ["USAGE" "ON" "DATABASE"] SYNTAX "USAGE is for databases made from datashares" "r_GRANT" "GRANT USAGE ON DATABASE d TO u";
    ["ALTER" "DEFAULT" "PRIVILEGES"] ["CASCADE"] SYNTAX "syntax error at or near \"CASCADE\"" "r_ALTER_DEFAULT_PRIVILEGES" "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM u CASCADE";
    ["DROP" "PROCEDURE"] ["RESTRICT"] SYNTAX "syntax error at or near \"RESTRICT\"" "r_DROP_PROCEDURE" "DROP PROCEDURE p() RESTRICT";
    ["DROP" "ROLE"] ["CASCADE"] SYNTAX "syntax error at or near \"CASCADE\"" "r_DROP_ROLE" "DROP ROLE x CASCADE";
    ["DROP" "FUNCTION"] ["IF" "EXISTS"] SYNTAX "syntax error at or near \"IF\"" "r_DROP_FUNCTION" "DROP FUNCTION IF EXISTS f()";
    ["DROP" "GROUP"] ["IF" "EXISTS"] SYNTAX "syntax error at or near \"IF\"" "r_DROP_GROUP" "DROP GROUP IF EXISTS g";
    ["CREATE" "VIEW"] ["IF" "NOT" "EXISTS"] SYNTAX "syntax error at or near \"NOT\"" "r_CREATE_VIEW" "CREATE VIEW IF NOT EXISTS v AS SELECT 1";
    ["CREATE" "RECURSIVE"] [] SYNTAX "syntax error at or near \"RECURSIVE\"" "r_CREATE_VIEW" "CREATE RECURSIVE VIEW v (a) AS SELECT 1";
    ["ALTER" "PROCEDURE"] ["SET" "SCHEMA"] SYNTAX "syntax error at or near \"SET\"" "r_ALTER_PROCEDURE" "ALTER PROCEDURE p() SET SCHEMA s";
};

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

pub(super) fn command(statement: &Statement<'_>) -> Option<Refusal> {
    let first = &statement.tokens[0];
    let near = |token: &Token| {
        Some(Refusal::new(SYNTAX, format!("syntax error at or near \"{}\"", token.text), "c_SQL_commands"))
    };
    if !COMMANDS.contains(&first.text.as_str()) && by_words(statement).is_none() {
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

pub(super) fn by_words(statement: &Statement<'_>) -> Option<Refusal> {
    RULES
        .iter()
        .find(|rule| {
            statement.starts_with(rule.begins) && (rule.holds.is_empty() || statement.find(rule.holds).is_some())
        })
        .map(|rule| Refusal::new(rule.sqlstate, rule.message, rule.page))
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::superuser;
    use super::super::super::{Verdict, judge};
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
}
