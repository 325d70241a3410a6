//! What Redshift refuses and `PostgreSQL` takes.

mod features;
mod files;
mod functions;
mod places;
mod settings;
mod statements;

use super::{Refusal, SessionContext, Statement, names};

const SYNTAX: &str = "42601";
const UNSUPPORTED: &str = "0A000";

/// Why Redshift refuses a statement before it looks for its form.
pub(super) fn by_name(statement: &Statement<'_>) -> Option<Refusal> {
    features::find(statement).or_else(|| files::find(statement)).or_else(|| names::refusal(statement))
}

/// Why Redshift refuses a statement that has one of the forms.
pub(super) fn find(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    places::find(statement)
        .or_else(|| functions::find(statement, context))
        .or_else(|| settings::find(statement))
        .or_else(|| statements::find(statement, context))
}

#[cfg(test)]
mod tests {
    use super::super::tests::superuser;
    use super::super::{SessionContext, Verdict, judge};

    #[test]
    fn an_ordinary_user_is_not_a_superuser() {
        let context =
            SessionContext { superuser: false, may_become_others: false, user: "u".to_owned(), ..superuser() };
        for text in [
            "ALTER DATABASE d OWNER TO u",
            "SET SESSION AUTHORIZATION x",
            "ALTER DEFAULT PRIVILEGES FOR USER v GRANT SELECT ON TABLES TO u",
            "ALTER SYSTEM SET metadata_security = TRUE",
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

    /// Each stands for a rule that a sequence of words isn't enough for.
    #[test]
    fn more_of_what_redshift_does_not_take() {
        for text in [
            "SELECT E'a'",
            "CREATE USR x",
            "CREATE USER x",
            "CREATE USER x PASSWORD 'abc1234'",
            "CREATE DATABASE user",
            "CREATE ROLE \"a:b\"",
            "SELECT version() FROM svv_roles",
            "SELECT has_schema_privilege('s','usage') FROM t",
            "SELECT 1 FROM pg_class c, s.t WHERE session_user = 'x'",
            "UPDATE t SET a = version()",
            "CREATE VIEW v AS SELECT a FROM t WHERE b = current_schema()",
            "SELECT array_to_string(a, '|') FROM t",
            "SELECT listagg(usename, ',') FROM pg_user",
            "SELECT string_agg(a, ',') FROM t",
            "SELECT inet_server_addr()",
            "SELECT rdsdb_kind(1)",
            "SELECT * FROM pg_roles",
            "SELECT a IS TRUE FROM t",
            "CREATE TABLE t (oid INTEGER)",
            "CREATE VIEW v AS SELECT a FROM t WITH NO SCHEMA BINDING",
            "CREATE VIEW v AS SELECT a FROM s.t, u WITH NO SCHEMA BINDING",
            "NOTIFY x",
            "SET a.b.c TO 'x'",
            "SET \"a\".b TO 'x'",
            "SELECT set_config('a.b.c', 'x', false)",
            "SELECT current_setting('timezone', true)",
            "SELECT current_setting(name) FROM pg_settings",
            "COMMENT ON ROLE r IS 'x'",
            "COMMENT ON SCHEMA s IS 'x'",
            "ALTER ROLE r LOGIN",
            "GRANT ROLE r TO ROLE q WITH ADMIN OPTION",
            "DROP PROCEDURE p",
            "CALL p((SELECT 1))",
            "MERGE INTO t USING (SELECT 1) s ON t.a = s.a WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (1)",
            "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN DELETE",
            "CREATE FUNCTION f() RETURNS INTEGER STABLE AS $$ SELECT a FROM t $$ LANGUAGE sql",
            "CREATE FUNCTION f() RETURNS INTEGER AS $$ SELECT 1 $$ LANGUAGE sql",
            "CREATE FUNCTION f() RETURNS INTEGER AS $$ BEGIN RETURN 1; END $$ LANGUAGE plpgsql SECURITY DEFINER",
        ] {
            assert!(matches!(judge(text, &superuser()), Verdict::Refuse(_)), "{text}");
        }
    }

    #[test]
    fn what_looks_like_it_and_is_documented_passes() {
        for text in [
            "SELECT array_to_string(relacl, '|') FROM pg_class c INNER JOIN pg_namespace n ON n.oid = c.relnamespace",
            "SELECT version()",
            "SELECT extract(year FROM created) FROM t",
            "SELECT a FROM t WHERE b IS TRUE",
            "WITH x AS (SELECT 1 AS a) SELECT version() FROM x",
            "SET immuta.impersonation TO 'x'",
            "RESET immuta.impersonation",
            "SHOW immuta.impersonation",
            "SELECT set_config('immuta.impersonation', 'x', FALSE)",
            "SELECT current_setting('timezone')",
            "CREATE VIEW v AS SELECT a FROM s.t WITH NO SCHEMA BINDING",
            "DROP PROCEDURE s.p(VARCHAR)",
            "CALL s.p(NULL::varchar)",
        ] {
            assert!(!matches!(judge(text, &superuser()), Verdict::Refuse(_)), "{text}");
        }
    }
}
