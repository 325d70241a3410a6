//! Users, groups and roles. `PostgreSQL` takes them for one thing, and has no owner of a role: `catalog/identities.sql`.

use super::grants::role_name;
use super::{
    Edits, Kind, Refusal, SETTINGS, SessionContext, Statement, Verdict, array, call, instead, is_name, literal, splice,
};

/// What becomes of a statement about them, if it is one.
pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext) -> Option<Verdict> {
    let starts = |words: &[&str]| statement.starts_with(words);
    if starts(&["DROP", "USER"]) {
        return drop_users(statement);
    }
    if starts(&["CREATE", "USER"]) || starts(&["ALTER", "USER"]) {
        return Some(user(statement, context));
    }
    if starts(&["CREATE", "GROUP"]) {
        let name = statement.name(2)?;
        return Some(instead(call("create_group", &[literal(statement.text), literal(&name)])));
    }
    role(statement)
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
    // In a procedure it is not known yet who will ask.
    if context.superuser && !context.in_procedure {
        return edits.verdict(statement);
    }
    if !context.in_procedure && statement.find(&["CREATEUSER"]).is_some() {
        return Verdict::Refuse(Refusal::new("42501", "must be superuser to create superusers", "r_CREATE_USER"));
    }
    let name = statement.name(2).unwrap_or_default();
    // Anybody may change a password of one's own. DG/r_ALTER_USER
    if !creates && name == context.user && statement.tokens.get(3).is_some_and(|next| next.is("PASSWORD")) {
        return edits.verdict(statement);
    }
    let privilege = if creates { "CREATE USER" } else { "ALTER USER" };
    let sql = splice(statement.text, edits.edits);
    let sql = call("do", &[literal(privilege), literal(&name), literal(&sql)]);
    Verdict::Rewrite { before: None, sql, notes: edits.notes }
}

/// DG/`r_DROP_USER`
fn drop_users(statement: &Statement<'_>) -> Option<Verdict> {
    let if_exists = statement.starts_with(&["DROP", "USER", "IF", "EXISTS"]);
    let first = if if_exists { 4 } else { 2 };
    let names: Vec<_> = statement
        .tokens
        .iter()
        .skip(first)
        .filter(|token| is_name(token))
        .filter_map(super::super::tokens::Token::name)
        .collect();
    (!names.is_empty()).then(|| instead(call("drop_users", &[array(names), if_exists.to_string()])))
}

/// DG/`r_CREATE_ROLE`, DG/`r_DROP_ROLE`, DG/`r_ALTER_ROLE`
fn role(statement: &Statement<'_>) -> Option<Verdict> {
    let starts = |word| statement.starts_with(&[word, "ROLE"]);
    if !starts("CREATE") && !starts("DROP") && !starts("ALTER") {
        return None;
    }
    let name = literal(&role_name(&statement.tokens, 2)?.0);
    let external = statement.find(&["EXTERNALID"]);
    let notes = external
        .map(|at| format!("not kept: {}", &statement.text[statement.tokens[at].span.start..]))
        .into_iter()
        .collect();
    let behind = |words: &[&str]| {
        let at = statement.find_from(3, words)? + words.len();
        statement.name(at).map(|name| literal(&name))
    };
    let sql = if starts("CREATE") {
        call("create_role", &[name])
    } else if starts("DROP") {
        call("drop_role", &[name, statement.find_from(3, &["FORCE"]).is_some().to_string()])
    } else if let Some(renamed) = behind(&["RENAME", "TO"]) {
        call("rename_role", &[name, renamed])
    } else if let Some(owner) = behind(&["OWNER", "TO"]) {
        call("own_role", &[name, owner])
    } else {
        super::NOTHING.to_owned()
    };
    Some(Verdict::Rewrite { before: None, sql, notes })
}
