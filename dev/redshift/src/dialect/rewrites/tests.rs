use super::super::tests::superuser;
use super::super::{SessionContext, judge};
use super::*;

fn rewritten(text: &str) -> String {
    match judge(text, &superuser()) {
        Verdict::Forward => text.to_owned(),
        Verdict::Rewrite { before, sql, .. } => {
            let before = before.map(|before| format!("{before}; ")).unwrap_or_default();
            format!("{before}{sql}").split_whitespace().collect::<Vec<_>>().join(" ")
        }
        Verdict::Refuse(refusal) => panic!("{text}: {refusal:?}"),
    }
}

#[test]
fn only_the_places_that_differ_are_written_anew() {
    for (text, expected) in [
        (
            "CREATE DATABASE \"d\" OWNER \"u\" COLLATE CASE_SENSITIVE ISOLATION LEVEL SNAPSHOT",
            "CREATE DATABASE \"d\" OWNER \"u\" STRATEGY file_copy",
        ),
        (
            "CREATE DATABASE d WITH OWNER = u CONNECTION LIMIT UNLIMITED",
            "CREATE DATABASE d WITH OWNER = u CONNECTION LIMIT -1 STRATEGY file_copy",
        ),
        ("DROP DATABASE d FORCE", "DROP DATABASE d WITH (FORCE)"),
        (
            "CREATE USER u PASSWORD DISABLE NOCREATEUSER SYSLOG ACCESS RESTRICTED",
            "CREATE USER u PASSWORD NULL NOSUPERUSER",
        ),
        (
            "GRANT ROLE r, ROLE sys:Monitor TO u WITH ADMIN OPTION",
            "CALL pg_catalog.rdsdb_grant_roles(current_user, 'GRANT %I TO %I WITH ADMIN OPTION', \
             ARRAY['r', 'sys:monitor']::text[], ARRAY['user']::text[], ARRAY['u']::text[])",
        ),
        (
            "REVOKE ADMIN OPTION FOR ROLE r FROM \"U\"",
            "CALL pg_catalog.rdsdb_grant_roles(current_user, 'REVOKE ADMIN OPTION FOR %I FROM %I', \
             ARRAY['r']::text[], ARRAY['user']::text[], ARRAY['U']::text[])",
        ),
        ("CREATE ROLE r", "CALL pg_catalog.rdsdb_create_role(current_user, 'r')"),
        ("DROP ROLE r FORCE", "CALL pg_catalog.rdsdb_drop_role(current_user, 'r', true)"),
        ("ALTER ROLE r RENAME TO \"N\"", "CALL pg_catalog.rdsdb_rename_role(current_user, 'r', 'N')"),
        ("ALTER ROLE r OWNER TO u", "CALL pg_catalog.rdsdb_own_role(current_user, 'r', 'u')"),
        ("SHOW VIEW s.v", "SELECT pg_catalog.rdsdb_viewdef('s.v'::regclass) AS \"Show View DDL statement\""),
        ("SELECT defacluser FROM pg_default_acl", "SELECT defacluser FROM rdsdb_default_acl AS pg_default_acl"),
        ("SET SEED TO .25", "CALL pg_catalog.rdsdb_seed(.25)"),
        (
            "GRANT CREATE USER, drop user TO ROLE r",
            "CALL pg_catalog.rdsdb_check_identities(ARRAY['role']::text[], ARRAY['r']::text[]); \
             GRANT \"privilege:CREATE USER\", \"privilege:DROP USER\" TO \"r\"",
        ),
        ("GRANT DROP ON t TO PUBLIC", "GRANT TRIGGER ON t TO PUBLIC"),
        (
            "GRANT ALTER ON t TO PUBLIC",
            "CALL pg_catalog.rdsdb_own_privileges(current_user, 'TABLE', ARRAY['t']::text[], 'A', true, \
             ARRAY['public']::text[], ARRAY['public']::text[], false)",
        ),
        (
            "GRANT SELECT, ALTER ON t TO PUBLIC",
            "CALL pg_catalog.rdsdb_own_privileges(current_user, 'TABLE', ARRAY['t']::text[], 'A', true, \
             ARRAY['public']::text[], ARRAY['public']::text[], false); GRANT SELECT ON t TO PUBLIC",
        ),
        (
            "ALTER DEFAULT PRIVILEGES FOR USER a, b IN SCHEMA s GRANT SELECT ON TABLES TO GROUP g",
            "CALL pg_catalog.rdsdb_check_default_targets(current_user, ARRAY['a', 'b']::text[], ARRAY['s']::text[]); \
             ALTER DEFAULT PRIVILEGES FOR USER a, b IN SCHEMA s GRANT SELECT ON TABLES TO GROUP g",
        ),
        (
            "ALTER DEFAULT PRIVILEGES IN SCHEMA s, t GRANT EXECUTE ON PROCEDURES TO ROLE r, PUBLIC",
            "CALL pg_catalog.rdsdb_default_procedures(current_user, ARRAY[]::text[], ARRAY['s', 't']::text[], true, \
             ARRAY['role', 'public']::text[], ARRAY['r', 'public']::text[], false)",
        ),
        (
            "GRANT SELECT ON s.t TO ROLE r",
            "CALL pg_catalog.rdsdb_check_identities(ARRAY['role']::text[], ARRAY['r']::text[]); GRANT SELECT ON s.t TO r",
        ),
        (
            "REVOKE ALL PRIVILEGES ON DATABASE d FROM PUBLIC",
            "CALL pg_catalog.rdsdb_own_privileges(current_user, 'DATABASE', ARRAY['d']::text[], 'tA', false, \
             ARRAY['public']::text[], ARRAY['public']::text[], false); REVOKE CREATE, TEMP ON DATABASE d FROM PUBLIC",
        ),
        ("SELECT current_setting('a.b', FALSE)", "SELECT current_setting('a.b', TRUE)"),
    ] {
        assert_eq!(rewritten(text), expected);
    }
}

#[test]
fn tables_and_queries_are_written_anew_where_they_differ() {
    for (text, expected) in [
        (
            "CREATE TABLE t (a INTEGER PRIMARY KEY, b SUPER) DISTSTYLE ALL SORTKEY (a)",
            "CREATE TABLE t (a INTEGER NOT NULL CONSTRAINT \"t_pkey\" CHECK (\"a\" IS NULL OR \"a\" IS NOT NULL OR 'rdsdb:p' = ''), b SUPER)",
        ),
        (
            "CREATE TABLE t (a INTEGER, UNIQUE (a))",
            "CREATE TABLE t (a INTEGER, CONSTRAINT \"t_a_key\" CHECK (\"a\" IS NULL OR \"a\" IS NOT NULL OR 'rdsdb:u' = ''))",
        ),
        (
            "CREATE VIEW v AS SELECT 1 AS a WITH NO SCHEMA BINDING",
            "CALL pg_catalog.rdsdb_late_view(current_user, NULL, 'v', 'SELECT 1 AS a', \
             'CREATE VIEW v AS SELECT 1 AS a WITH NO SCHEMA BINDING', ARRAY['a']::text[], false, false, ARRAY[]::text[])",
        ),
        (
            "CREATE TEMP TABLE t (a VARCHAR(MAX), b TEXT) DISTSTYLE EVEN",
            "CREATE TEMP TABLE t (a VARCHAR(65535), b VARCHAR(256))",
        ),
        ("CREATE TABLE #t (a DATETIME)", "CREATE TEMP TABLE \"#t\" (a TIMESTAMP)"),
        ("SELECT \"A\" FROM \"B\"", "SELECT \"a\" FROM \"b\""),
        ("ALTER USER \"A\" CONNECTION LIMIT UNLIMITED", "ALTER USER \"A\" CONNECTION LIMIT -1"),
        ("ALTER TABLE t ALTER DISTKEY a", "ALTER TABLE t RESET (fillfactor)"),
        ("SELECT TOP 2 a FROM t", "SELECT a FROM t LIMIT 2"),
        ("SELECT a FROM t MINUS SELECT 1", "SELECT a FROM t EXCEPT SELECT 1"),
        ("DELETE t WHERE a = 1", "LOCK TABLE t IN EXCLUSIVE MODE; DELETE FROM t WHERE a = 1"),
        (
            "WITH x AS (SELECT 1) UPDATE s.t SET a = 1",
            "LOCK TABLE s.t IN EXCLUSIVE MODE; WITH x AS (SELECT 1) UPDATE s.t SET a = 1",
        ),
        ("SELECT a FROM (SELECT 1 AS a)", "SELECT a FROM (SELECT 1 AS a) AS rdsdb_0"),
        (
            "SELECT nvl2(a, b, c), dateadd(day, 1, d) FROM t",
            "SELECT (CASE WHEN (a) IS NOT NULL THEN ( b) ELSE ( c) END), dateadd('day', 1, d) FROM t",
        ),
        (
            "SELECT listagg(a, ',') WITHIN GROUP (ORDER BY b) FROM t",
            "SELECT string_agg((a)::text, ',' ORDER BY b) FROM t",
        ),
        (
            "SELECT a FROM d2.s.t",
            "CALL pg_catalog.rdsdb_reach(current_user, ARRAY['d2']::text[], ARRAY['s']::text[], ARRAY['t']::text[], true, ARRAY[]::text[], false); \
             SELECT a FROM \"rdsdb:d2.s\".\"t\"",
        ),
        ("UPDATE s.t SET a = 1", "LOCK TABLE s.t IN EXCLUSIVE MODE; UPDATE s.t SET a = 1"),
        ("SELECT 'SYSDATE'", "SELECT 'SYSDATE'"),
    ] {
        assert_eq!(rewritten(text), expected);
    }
}

#[test]
fn a_lesser_account_needs_the_privilege() {
    let context = SessionContext { user: "lesser".to_owned(), superuser: false, ..superuser() };
    for (text, expected) in [
        (
            "CREATE USER u PASSWORD DISABLE",
            "CALL pg_catalog.rdsdb_do(current_user, 'CREATE USER', 'u', 'CREATE USER u PASSWORD NULL')",
        ),
        (
            "ALTER USER v RENAME TO w",
            "CALL pg_catalog.rdsdb_do(current_user, 'ALTER USER', 'v', 'ALTER USER v RENAME TO w')",
        ),
        ("DROP USER a, \"B\"", "CALL pg_catalog.rdsdb_drop_users(current_user, ARRAY['a', 'B']::text[], false)"),
    ] {
        let expected = Verdict::Rewrite { before: None, sql: expected.to_owned(), notes: Vec::new() };
        assert_eq!(judge(text, &context), expected);
    }
    assert!(matches!(judge("CREATE USER u PASSWORD DISABLE CREATEUSER", &context), Verdict::Refuse(_)));
    assert!(matches!(judge("ALTER USER lesser PASSWORD 'Abcd1234'", &context), Verdict::Forward));
}
