//! What means something else on `PostgreSQL`, or isn't known to it: written anew so that Redshift's
//! meaning comes out, at the places that differ and nowhere else.

use std::ops::Range;

use super::tokens::Kind;
use super::{Refusal, SessionContext, Statement, Verdict, is_name, splice};

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
    /// Takes tokens out; `note` says what `PostgreSQL` can't express.
    fn cut(&mut self, statement: &Statement<'_>, from: usize, to: usize, note: Option<&str>) {
        let span = statement.tokens[from].span.start..statement.tokens[to - 1].span.end;
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
        Verdict::Rewrite { sql: splice(statement.text, self.edits), notes: self.notes, hidden: 0 }
    }
}

/// What becomes of a statement that isn't refused.
pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext) -> Verdict {
    let starts = |words: &[&str]| statement.starts_with(words);
    if starts(&["DROP", "USER"]) {
        return drop_users(statement, context);
    }
    if starts(&["CREATE", "USER"]) || starts(&["ALTER", "USER"]) {
        return user(statement, context);
    }
    if starts(&["CREATE", "ROLE"]) || starts(&["DROP", "ROLE"]) {
        return role(statement, context);
    }
    if journalled(statement) {
        return Verdict::Rewrite {
            sql: "SELECT".to_owned(),
            notes: vec![format!("not enforced: {}", statement.text)],
            hidden: 0,
        };
    }
    if (starts(&["UPDATE"]) || starts(&["DELETE", "FROM"]))
        && let Some(verdict) = exclusive_write(statement)
    {
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
    } else if starts(&["GRANT"]) || starts(&["REVOKE"]) {
        grant(statement, &mut edits);
    } else if starts(&["ALTER", "DEFAULT", "PRIVILEGES"]) {
        default_privileges(statement, &mut edits);
    } else if starts(&["CREATE", "TABLE"]) {
        table(statement, &mut edits);
    } else if starts(&["CREATE"]) && statement.find(&["VIEW"]).is_some() {
        // DG/r_CREATE_VIEW: PostgreSQL binds when the view is made.
        if let Some(at) = statement.find(&["WITH", "NO", "SCHEMA", "BINDING"]) {
            edits.cut(statement, at, at + 4, Some("bound at creation all the same"));
        }
    } else if starts(&["CREATE"]) && statement.find(&["PROCEDURE"]).is_some() {
        if let Some(at) = statement.find(&["NONATOMIC"]) {
            edits.cut(statement, at, at + 1, Some("atomic all the same"));
        }
    } else if starts(&["SHOW"]) || starts(&["SET"]) || starts(&["RESET"]) {
        setting(statement, &mut edits);
    }
    expressions(statement, &mut edits);
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

/// DG/`r_CREATE_USER`, DG/`r_ALTER_USER`
fn user(statement: &Statement<'_>, context: &SessionContext) -> Verdict {
    let mut edits = Edits::default();
    for (at, token) in statement.tokens.iter().enumerate() {
        match token.text.as_str() {
            _ if token.kind != Kind::Word => {}
            "NOCREATEUSER" => edits.put(statement, at, "NOSUPERUSER"),
            "CREATEUSER" => edits.put(statement, at, "SUPERUSER"),
            "UNLIMITED" => edits.put(statement, at, "-1"),
            "SYSLOG" => edits.cut(statement, at, at + 3, Some("not enforced")),
            "EXTERNALID" => edits.cut(statement, at, at + 2, Some("not kept")),
            "SESSION" if statement.find_from(at, &["SESSION", "TIMEOUT"]) == Some(at) => {
                edits.cut(statement, at, at + 3, Some("not enforced"));
            }
            "PASSWORD" if statement.tokens.get(at + 1).is_some_and(|next| next.is("DISABLE")) => {
                edits.put(statement, at + 1, "NULL");
            }
            name if SETTINGS.contains(&name) => {
                edits.put(statement, at, &format!("redshift.{}", name.to_lowercase()));
            }
            _ => {}
        }
    }
    let creates = statement.starts_with(&["CREATE"]);
    if context.superuser {
        return edits.verdict(statement);
    }
    if statement.find(&["CREATEUSER"]).is_some() {
        return Verdict::Refuse(Refusal::new("42501", "must be superuser to create superusers", "r_CREATE_USER"));
    }
    // Anybody may change a password of one's own. DG/r_ALTER_USER
    if !creates && statement.name(2).as_ref() == Some(&context.user) {
        return edits.verdict(statement);
    }
    let privilege = if creates { "CREATE USER" } else { "ALTER USER" };
    Verdict::Privileged { privilege, sql: splice(statement.text, edits.edits) }
}

/// DG/`r_DROP_USER`
fn drop_users(statement: &Statement<'_>, context: &SessionContext) -> Verdict {
    let if_exists = statement.starts_with(&["DROP", "USER", "IF", "EXISTS"]);
    let first = if if_exists { 4 } else { 2 };
    let names: Vec<_> =
        statement.tokens.iter().skip(first).filter(|token| is_name(token)).filter_map(super::Token::name).collect();
    if names.is_empty() {
        return Verdict::Forward;
    }
    let privileged = !context.superuser;
    Verdict::DropUsers { names, if_exists, privileged }
}

/// DG/`r_CREATE_ROLE`, DG/`r_DROP_ROLE`
fn role(statement: &Statement<'_>, context: &SessionContext) -> Verdict {
    let mut edits = Edits::default();
    if let Some(at) = statement.find(&["EXTERNALID"]) {
        edits.cut(statement, at, at + 2, Some("not kept"));
    }
    for word in ["FORCE", "RESTRICT"] {
        if let Some(at) = statement.find_from(3, &[word]) {
            edits.cut(statement, at, at + 1, None);
        }
    }
    if context.superuser {
        return edits.verdict(statement);
    }
    let privilege = if statement.starts_with(&["CREATE"]) { "CREATE ROLE" } else { "DROP ROLE" };
    Verdict::Privileged { privilege, sql: splice(statement.text, edits.edits) }
}

/// DG/`r_GRANT`, DG/`r_REVOKE`
fn grant(statement: &Statement<'_>, edits: &mut Edits) {
    let grants_role = statement.tokens.get(1).is_some_and(|token| token.is("ROLE"));
    let has_object = statement.find(&["ON"]).is_some();
    let direction = if statement.starts_with(&["GRANT"]) { "TO" } else { "FROM" };
    if grants_role {
        edits.cut(statement, 1, 2, None);
    } else if !has_object {
        system_privileges(statement, direction, edits);
    }
    grantee_roles(statement, direction, edits);
    system_roles(statement, edits);
    // Redshift has no CONNECT, and whoever revokes everything from PUBLIC doesn't lock others out.
    let everything = statement.find(&["REVOKE", "ALL"]);
    if direction == "FROM" && everything == Some(0) && statement.find(&["ON", "DATABASE"]).is_some() {
        let on = statement.find(&["ON", "DATABASE"]).unwrap_or(1);
        let span = statement.tokens[1].span.start..statement.tokens[on - 1].span.end;
        edits.edits.push((span, "CREATE, TEMP".to_owned()));
    }
}

/// A role in the place of a user: `TO ROLE r`.
fn grantee_roles(statement: &Statement<'_>, direction: &str, edits: &mut Edits) {
    let Some(start) = statement.tokens.iter().rposition(|token| token.is(direction)) else { return };
    for at in start + 1..statement.tokens.len() {
        let behind = &statement.tokens[at - 1];
        if statement.tokens[at].is("ROLE") && (behind.is(direction) || behind.is(",")) {
            edits.cut(statement, at, at + 1, None);
        }
    }
}

/// `sys:secadmin` and its kind are names with a colon.
fn system_roles(statement: &Statement<'_>, edits: &mut Edits) {
    for at in 0..statement.tokens.len().saturating_sub(2) {
        if statement.tokens[at].is("SYS") && statement.tokens[at + 1].is(":") {
            let span = statement.tokens[at].span.start..statement.tokens[at + 2].span.end;
            edits.edits.push((span.clone(), format!("\"{}\"", statement.text[span].to_lowercase())));
        }
    }
}

/// System privileges are kept as memberships in roles of their own, which are shared by all databases.
fn system_privileges(statement: &Statement<'_>, direction: &str, edits: &mut Edits) {
    let Some(end) = statement.find(&[direction]) else { return };
    let list = &statement.text[statement.tokens[1].span.start..statement.tokens[end - 1].span.end];
    let roles: Vec<_> = list
        .split(',')
        .map(|privilege| {
            format!("\"privilege:{}\"", privilege.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase())
        })
        .collect();
    let span = statement.tokens[1].span.start..statement.tokens[end - 1].span.end;
    edits.edits.push((span, roles.join(", ")));
}

/// DG/`r_ALTER_DEFAULT_PRIVILEGES`
fn default_privileges(statement: &Statement<'_>, edits: &mut Edits) {
    let direction = if statement.find(&["REVOKE"]).is_some() { "FROM" } else { "TO" };
    grantee_roles(statement, direction, edits);
    if let Some(at) = statement.find(&["ON", "PROCEDURES"]) {
        // PostgreSQL keeps one list for functions and procedures.
        edits.put(statement, at + 1, "ROUTINES");
    }
}

/// DG/`r_CREATE_TABLE_NEW`: where a row is kept doesn't matter here; keys are declared and not enforced.
fn table(statement: &Statement<'_>, edits: &mut Edits) {
    let tokens = &statement.tokens;
    let mut at = 0;
    while at < tokens.len() {
        let next_is = |offset: usize, word: &str| tokens.get(at + offset).is_some_and(|token| token.is(word));
        let until_parenthesis = |from: usize| {
            let mut depth = 0_i32;
            (from..tokens.len()).find(|index| {
                depth += i32::from(tokens[*index].is("(")) - i32::from(tokens[*index].is(")"));
                depth == 0
            })
        };
        let token = &tokens[at];
        let mut end = at + 1;
        if token.is("DISTSTYLE") || token.is("ENCODE") || token.is("BACKUP") {
            end = at + 2;
            edits.cut(statement, at, end, Some("storage"));
        } else if token.is("DISTKEY") || token.is("SORTKEY") || token.is("COMPOUND") || token.is("INTERLEAVED") {
            if next_is(1, "(") {
                end = until_parenthesis(at + 1).map_or(end, |close| close + 1);
            }
            edits.cut(statement, at, end, Some("storage"));
        } else if (token.is("PRIMARY") && next_is(1, "KEY")) || token.is("UNIQUE") {
            let key_end = if token.is("PRIMARY") { at + 2 } else { at + 1 };
            let is_column = tokens.get(key_end).is_none_or(|next| !next.is("("));
            if is_column {
                end = key_end;
                edits.cut(statement, at, end, Some("not enforced"));
            } else if at > 0 && tokens[at - 1].is(",") {
                end = until_parenthesis(key_end).map_or(key_end, |close| close + 1);
                edits.cut(statement, at - 1, end, Some("not enforced"));
            }
        } else if token.is("IDENTITY") && next_is(1, "(") {
            end = until_parenthesis(at + 1).map_or(end, |close| close + 1);
            let by_default = at > 0 && tokens[at - 1].is("AS");
            let text = if by_default { "IDENTITY" } else { "GENERATED BY DEFAULT AS IDENTITY" };
            edits.edits.push((token.span.start..tokens[end - 1].span.end, text.to_owned()));
        }
        at = end;
    }
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
fn exclusive_write(statement: &Statement<'_>) -> Option<Verdict> {
    let start = if statement.starts_with(&["DELETE", "FROM"]) { 2 } else { 1 };
    let mut end = start + 1;
    while statement.tokens.get(end)?.is(".") {
        end += 2;
    }
    let table = &statement.text[statement.tokens[start].span.start..statement.tokens.get(end - 1)?.span.end];
    let mut edits = Edits::default();
    expressions(statement, &mut edits);
    let sql = format!("LOCK TABLE {table} IN EXCLUSIVE MODE; {}", splice(statement.text, edits.edits));
    Some(Verdict::Rewrite { sql, notes: Vec::new(), hidden: 1 })
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
fn expressions(statement: &Statement<'_>, edits: &mut Edits) {
    for (at, token) in statement.tokens.iter().enumerate() {
        if token.kind != Kind::Word {
            continue;
        }
        match token.text.as_str() {
            // DG/r_SYSDATE: a function without parentheses.
            "SYSDATE" => edits.put(statement, at, "pg_catalog.sysdate()"),
            // DG/r_PG_DEFAULT_ACL: the column has another name.
            "DEFACLUSER" => edits.put(statement, at, "defaclrole"),
            // DG/r_CURRENT_SETTING: the second argument says the opposite.
            "CURRENT_SETTING" => {
                let Some(close) = statement.find_from(at, &[")"]) else { continue };
                for argument in at + 2..close {
                    if statement.tokens[argument].is("TRUE") {
                        edits.put(statement, argument, "FALSE");
                    } else if statement.tokens[argument].is("FALSE") {
                        edits.put(statement, argument, "TRUE");
                    }
                }
            }
            // DG/REGEXP_REPLACE: replaces all, not the first.
            "REGEXP_REPLACE" => {
                if let Some(close) = statement.find_from(at, &[")"]) {
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
            Verdict::Rewrite { sql, .. } => sql.split_whitespace().collect::<Vec<_>>().join(" "),
            other => panic!("{text}: {other:?}"),
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
            ("GRANT ROLE r TO u WITH ADMIN OPTION", "GRANT r TO u WITH ADMIN OPTION"),
            ("GRANT ROLE sys:secadmin TO u", "GRANT \"sys:secadmin\" TO u"),
            ("GRANT CREATE USER, drop user TO ROLE r", "GRANT \"privilege:CREATE USER\", \"privilege:DROP USER\" TO r"),
            ("GRANT SELECT ON s.t TO ROLE r", "GRANT SELECT ON s.t TO r"),
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
        assert!(matches!(
            judge("CREATE USER u PASSWORD DISABLE", &context),
            Verdict::Privileged { privilege: "CREATE USER", .. }
        ));
        assert!(matches!(judge("CREATE USER u PASSWORD DISABLE CREATEUSER", &context), Verdict::Refuse(_)));
        assert!(matches!(judge("ALTER USER lesser PASSWORD 'Abcd1234'", &context), Verdict::Forward));
        assert!(matches!(judge("DROP USER a, \"B\"", &context), Verdict::DropUsers { privileged: true, .. }));
    }
}
