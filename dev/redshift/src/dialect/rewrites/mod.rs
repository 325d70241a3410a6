//! What means something else on `PostgreSQL`, or isn't known to it: written anew so that Redshift's
//! meaning comes out, at the places that differ and nowhere else.

mod grants;
mod identities;
mod tables;

use std::ops::Range;

use super::tokens::Kind;
use super::{NOTHING, Refusal, SessionContext, Statement, Verdict, is_name, procedures, splice};

/// Settings that only Redshift has, kept under a prefix.
const SETTINGS: &[&str] = &[
    "ENABLE_CASE_SENSITIVE_IDENTIFIER",
    "ENABLE_CASE_SENSITIVE_SUPER_ATTRIBUTE",
    "ENABLE_RESULT_CACHE_FOR_SESSION",
    "DESCRIBE_FIELD_NAME_IN_UPPERCASE",
    "DOWNCASE_DELIMITED_IDENTIFIER",
    "QUERY_GROUP",
];

/// Privileges that are granted to roles alone. <https://docs.aws.amazon.com/redshift/latest/dg/r_roles-system-privileges.html>
pub const SYSTEM_PRIVILEGES: &[&str] = &[
    "CREATE USER",
    "DROP USER",
    "ALTER USER",
    "CREATE SCHEMA",
    "DROP SCHEMA",
    "ALTER DEFAULT PRIVILEGES",
    "ACCESS CATALOG",
    "ACCESS SYSTEM TABLE",
    "CREATE TABLE",
    "DROP TABLE",
    "ALTER TABLE",
    "CREATE OR REPLACE FUNCTION",
    "CREATE OR REPLACE EXTERNAL FUNCTION",
    "DROP FUNCTION",
    "CREATE OR REPLACE PROCEDURE",
    "DROP PROCEDURE",
    "CREATE OR REPLACE VIEW",
    "DROP VIEW",
    "CREATE MODEL",
    "DROP MODEL",
    "CREATE DATASHARE",
    "ALTER DATASHARE",
    "DROP DATASHARE",
    "CREATE LIBRARY",
    "DROP LIBRARY",
    "CREATE ROLE",
    "DROP ROLE",
    "ALTER ROLE",
    "TRUNCATE TABLE",
    "VACUUM",
    "ANALYZE",
    "CANCEL",
];

/// Collects what is written anew.
#[derive(Default)]
struct Edits {
    edits: Vec<(Range<usize>, String)>,
    notes: Vec<String>,
}

impl Edits {
    /// Takes tokens out, as far as the statement has them; `note` says what `PostgreSQL` can't express.
    fn cut(&mut self, statement: &Statement<'_>, from: usize, to: usize, note: Option<&str>) {
        let Some(last) = statement.tokens.get(from..to.min(statement.tokens.len())).and_then(<[_]>::last) else {
            return;
        };
        let span = statement.tokens[from].span.start..last.span.end;
        if let Some(note) = note {
            self.notes.push(format!("{note}: {}", &statement.text[span.clone()]));
        }
        self.edits.push((span, String::new()));
    }

    fn put(&mut self, statement: &Statement<'_>, at: usize, text: &str) {
        self.edits.push((statement.tokens[at].span.clone(), text.to_owned()));
    }

    fn verdict(self, statement: &Statement<'_>) -> Verdict {
        if self.edits.is_empty() && self.notes.is_empty() {
            return Verdict::Forward;
        }
        Verdict::Rewrite { before: None, sql: splice(statement.text, self.edits), notes: self.notes }
    }
}

/// A call of one of the stand-in's own procedures, which do what ordinary users may do on Redshift and not
/// on `PostgreSQL`, inside the client's transaction. The first argument is whoever asks.
fn call(procedure: &str, arguments: &[String]) -> String {
    let arguments: String = arguments.iter().map(|argument| format!(", {argument}")).collect();
    format!("CALL pg_catalog.rdsdb_{procedure}(current_user{arguments})")
}

/// A text as a literal: the backslash escapes.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn array(texts: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let texts: Vec<_> = texts.into_iter().map(|text| literal(text.as_ref())).collect();
    format!("ARRAY[{}]::text[]", texts.join(", "))
}

/// Something else is sent in the place of the whole statement.
fn instead(sql: String) -> Verdict {
    Verdict::Rewrite { before: None, sql, notes: Vec::new() }
}

/// What becomes of a statement that isn't refused.
pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext) -> Verdict {
    let starts = |words: &[&str]| statement.starts_with(words);
    if let Some(verdict) = identities::apply(statement, context).or_else(|| grants::apply(statement)) {
        return verdict;
    }
    if journalled(statement) {
        let notes = vec![format!("not enforced: {}", statement.text)];
        return Verdict::Rewrite { before: None, sql: NOTHING.to_owned(), notes };
    }
    // There is no S3 here. DG/r_COPY, DG/r_UNLOAD
    if starts(&["COPY"]) || starts(&["UNLOAD"]) {
        let notes = vec![format!("not done: {}", statement.text)];
        return Verdict::Rewrite { before: None, sql: NOTHING.to_owned(), notes };
    }
    if (starts(&["UPDATE"]) || starts(&["DELETE", "FROM"]))
        && let Some(verdict) = exclusive_write(statement, context)
    {
        return verdict;
    }
    if let Some(verdict) = external_schema(statement).or_else(|| seed(statement)).or_else(|| definition(statement)) {
        return verdict;
    }
    let mut edits = Edits::default();
    if starts(&["CREATE", "DATABASE"]) {
        database(statement, &mut edits);
    } else if starts(&["DROP", "DATABASE"]) {
        // FORCE is a word of its own on Redshift. DG/r_DROP_DATABASE
        if let Some(at) = statement.find(&["FORCE"]) {
            edits.put(statement, at, "WITH (FORCE)");
        }
    } else if starts(&["CREATE", "TABLE"]) {
        tables::table(statement, &mut edits);
    } else if starts(&["CREATE"]) && statement.find(&["VIEW"]).is_some_and(|at| at <= 3) {
        // DG/r_CREATE_VIEW: PostgreSQL binds when the view is made.
        if let Some(at) = statement.find(&["WITH", "NO", "SCHEMA", "BINDING"]) {
            edits.cut(statement, at, at + 4, Some("bound at creation all the same"));
        }
    } else if starts(&["CREATE"]) && statement.find(&["PROCEDURE"]).is_some_and(|at| at <= 3) {
        if let Some(at) = statement.find(&["NONATOMIC"]) {
            edits.cut(statement, at, at + 1, Some("atomic all the same"));
        }
        edits.edits.extend(procedures::rewrite(statement));
    } else if starts(&["SHOW"]) || starts(&["SET"]) || starts(&["RESET"]) {
        setting(statement, &mut edits);
    }
    expressions(statement, context, &mut edits);
    edits.verdict(statement)
}

/// DG/`r_CREATE_DATABASE`
fn database(statement: &Statement<'_>, edits: &mut Edits) {
    if let Some(at) = statement.find(&["COLLATE"]) {
        edits.cut(statement, at, at + 2, Some("compared as PostgreSQL does"));
    }
    if let Some(at) = statement.find(&["ISOLATION", "LEVEL"]) {
        edits.cut(statement, at, at + 3, Some("repeatable read, which is SNAPSHOT"));
    }
    if let Some(at) = statement.find(&["UNLIMITED"]) {
        edits.put(statement, at, "-1");
    }
}

/// `CREATE EXTERNAL SCHEMA`: what it points to isn't here. DG/`r_CREATE_EXTERNAL_SCHEMA`
fn external_schema(statement: &Statement<'_>) -> Option<Verdict> {
    if !statement.starts_with(&["CREATE", "EXTERNAL", "SCHEMA"]) {
        return None;
    }
    let if_not_exists = statement.find(&["IF", "NOT", "EXISTS"]) == Some(3);
    let name = statement.name(if if_not_exists { 6 } else { 3 })?;
    Some(Verdict::Rewrite {
        before: None,
        sql: call("external_schema", &[literal(&name), if_not_exists.to_string()]),
        notes: vec![format!("a plain schema: {}", statement.text)],
    })
}

/// `SET SEED TO n`. DG/`r_SET`
fn seed(statement: &Statement<'_>) -> Option<Verdict> {
    if !statement.starts_with(&["SET", "SEED", "TO"]) {
        return None;
    }
    let value = &statement.text[statement.tokens.get(3)?.span.start..];
    Some(instead(format!("CALL pg_catalog.rdsdb_seed({value})")))
}

/// `SHOW VIEW` and `SHOW PROCEDURE`. DG/`r_SHOW_VIEW`, DG/`r_SHOW_PROCEDURE`
fn definition(statement: &Statement<'_>) -> Option<Verdict> {
    let of_view = statement.starts_with(&["SHOW", "VIEW"]);
    if !of_view && !statement.starts_with(&["SHOW", "PROCEDURE"]) {
        return None;
    }
    let last = statement.tokens.last()?.span.end;
    let open = statement.find(&["("]);
    let end = open.map_or(last, |open| statement.tokens[open].span.start);
    let name = literal(statement.text[statement.tokens.get(2)?.span.start..end].trim());
    Some(instead(if of_view {
        format!("SELECT pg_get_viewdef({name}::regclass) AS \"Show View DDL statement\"")
    } else {
        let types =
            open.and_then(|open| Some((open, statement.closing(open)?))).map_or("NULL".to_owned(), |(open, close)| {
                literal(&statement.text[statement.tokens[open].span.end..statement.tokens[close].span.start])
            });
        format!("SELECT pg_catalog.rdsdb_show_procedure({name}, {types}) AS \"Stored Procedure Definition\"")
    }))
}

/// Statements that nothing of `PostgreSQL`'s corresponds to.
fn journalled(statement: &Statement<'_>) -> bool {
    let starts = |words: &[&str]| statement.starts_with(words);
    starts(&["CREATE", "RLS"])
        || starts(&["DROP", "RLS"])
        || starts(&["ATTACH"])
        || starts(&["DETACH"])
        || starts(&["CREATE", "MASKING"])
        || starts(&["DROP", "MASKING"])
        || starts(&["ALTER", "SYSTEM"])
        || (starts(&["ALTER", "TABLE"]) && statement.find(&["ROW", "LEVEL", "SECURITY"]).is_some())
}

/// A write locks the whole table until its transaction ends. DG/`c_write_readwrite`
fn exclusive_write(statement: &Statement<'_>, context: &SessionContext) -> Option<Verdict> {
    let start = if statement.starts_with(&["DELETE", "FROM"]) { 2 } else { 1 };
    let mut end = start + 1;
    while statement.tokens.get(end)?.is(".") {
        end += 2;
    }
    let table = &statement.text[statement.tokens[start].span.start..statement.tokens.get(end - 1)?.span.end];
    let before = Some(format!("LOCK TABLE {table} IN EXCLUSIVE MODE"));
    let mut edits = Edits::default();
    expressions(statement, context, &mut edits);
    Some(Verdict::Rewrite { before, sql: splice(statement.text, edits.edits), notes: Vec::new() })
}

fn setting(statement: &Statement<'_>, edits: &mut Edits) {
    let Some(at) =
        statement.tokens.iter().position(|token| token.kind == Kind::Word && SETTINGS.contains(&token.text.as_str()))
    else {
        return;
    };
    let name = statement.tokens[at].text.to_lowercase();
    if statement.starts_with(&["SHOW"]) {
        let whole = 0..statement.text.len();
        let value = format!("coalesce(nullif(current_setting('redshift.{name}', true), ''), 'off')");
        edits.edits.push((whole, format!("SELECT {value} AS {name}")));
    } else {
        edits.put(statement, at, &format!("redshift.{name}"));
    }
}

/// What differs wherever an expression may stand.
fn expressions(statement: &Statement<'_>, context: &SessionContext, edits: &mut Edits) {
    for (at, token) in statement.tokens.iter().enumerate() {
        if token.kind != Kind::Word {
            continue;
        }
        match token.text.as_str() {
            // DG/r_SYSDATE: a function without parentheses.
            "SYSDATE" => edits.put(statement, at, "pg_catalog.sysdate()"),
            // DG/r_PG_DEFAULT_ACL: its columns have other names, and ordinary users see their own rows.
            "PG_DEFAULT_ACL" => edits.put(statement, at, "rdsdb_default_acl"),
            // DG/t_metadata_security
            "PG_CLASS" | "PG_NAMESPACE" | "PG_PROC" if context.metadata_security && !context.superuser => {
                edits.put(statement, at, &token.text.to_lowercase().replace("pg_", "rdsdb_"));
            }
            // DG/r_CURRENT_SETTING: the second argument says the opposite.
            "CURRENT_SETTING" => {
                for argument in statement.arguments(at + 1).into_iter().skip(1).flatten() {
                    if statement.tokens[argument].is("TRUE") {
                        edits.put(statement, argument, "FALSE");
                    } else if statement.tokens[argument].is("FALSE") {
                        edits.put(statement, argument, "TRUE");
                    }
                }
            }
            // DG/REGEXP_REPLACE: replaces all, not the first.
            "REGEXP_REPLACE" => {
                if let Some(close) = statement.closing(at + 1).filter(|_| statement.arguments(at + 1).len() == 3) {
                    edits.put(statement, close, ", 'g')");
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
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
                "CREATE DATABASE \"d\" OWNER \"u\"",
            ),
            (
                "CREATE DATABASE d WITH OWNER = u CONNECTION LIMIT UNLIMITED",
                "CREATE DATABASE d WITH OWNER = u CONNECTION LIMIT -1",
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
            ("SHOW VIEW s.v", "SELECT pg_get_viewdef('s.v'::regclass) AS \"Show View DDL statement\""),
            ("SELECT defacluser FROM pg_default_acl", "SELECT defacluser FROM rdsdb_default_acl"),
            ("SET SEED TO .25", "CALL pg_catalog.rdsdb_seed(.25)"),
            (
                "GRANT CREATE USER, drop user TO ROLE r",
                "CALL pg_catalog.rdsdb_check_identities(ARRAY['role']::text[], ARRAY['r']::text[]); \
                 GRANT \"privilege:CREATE USER\", \"privilege:DROP USER\" TO r",
            ),
            ("GRANT DROP ON t TO PUBLIC", "SELECT"),
            ("GRANT SELECT, ALTER ON t TO PUBLIC", "GRANT SELECT ON t TO PUBLIC"),
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
            ("REVOKE ALL PRIVILEGES ON DATABASE d FROM PUBLIC", "REVOKE CREATE, TEMP ON DATABASE d FROM PUBLIC"),
            ("SELECT current_setting('a.b', FALSE)", "SELECT current_setting('a.b', TRUE)"),
            (
                "CREATE TABLE t (a INTEGER PRIMARY KEY, b SUPER) DISTSTYLE ALL SORTKEY (a)",
                "CREATE TABLE t (a INTEGER , b SUPER)",
            ),
            ("CREATE TABLE t (a INTEGER, UNIQUE (a))", "CREATE TABLE t (a INTEGER)"),
            ("CREATE VIEW v AS SELECT 1 WITH NO SCHEMA BINDING", "CREATE VIEW v AS SELECT 1"),
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
}
