//! Users, groups and roles. `PostgreSQL` takes them for one thing, and has no owner of a role: `catalog/identities.sql`.

use super::super::settings::own_default;
use super::{
    Edits, NOTHING, Refusal, SessionContext, Statement, Verdict, array, call, instead, literal, names, splice,
};
use crate::sha256::Stored;

/// What becomes of a statement about them, if it is one.
pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext) -> Option<Verdict> {
    let starts = |words: &[&str]| statement.starts_with(words);
    if starts(&["DROP", "USER"]) {
        let if_exists = starts(&["DROP", "USER", "IF", "EXISTS"]);
        return Some(instead(call("drop_users", &[array(statement.names("user")), if_exists.to_string()])));
    }
    if starts(&["CREATE", "USER"]) || starts(&["ALTER", "USER"]) {
        return Some(user(statement, context));
    }
    if starts(&["CREATE", "GROUP"]) {
        let name = statement.names("user").into_iter().next()?;
        return Some(instead(call("create_group", &[literal(statement.text), literal(&name)])));
    }
    role(statement)
}

/// DG/`r_CREATE_USER`, DG/`r_ALTER_USER`
fn user(statement: &Statement<'_>, context: &SessionContext) -> Verdict {
    let mut edits = Edits::default();
    edits.take_out(statement);
    names::apply(statement, context, &mut edits);
    let password = statement.find(&["PASSWORD"]).map_or(0, |at| at + 1);
    let said = statement.tokens.get(password).and_then(|token| Stored::said(&token.literal()?)?.ok());
    if let Some(stored) = said {
        edits.put(statement, password, &literal(&stored.secret()));
    }
    // Behind the name, words are options.
    for at in 3..statement.tokens.len() {
        match statement.tokens[at].text.as_str() {
            "NOCREATEUSER" => edits.put(statement, at, "NOSUPERUSER"),
            "CREATEUSER" => edits.put(statement, at, "SUPERUSER"),
            "UNLIMITED" => edits.put(statement, at, "-1"),
            "DISABLE" if statement.is(at - 1, "PASSWORD") => edits.put(statement, at, "NULL"),
            _ => {}
        }
    }
    for setting in statement.parsed.labelled("setting") {
        let name = statement.written(&setting).to_lowercase();
        if own_default(&name).is_some() {
            edits.replace(statement, &setting, &format!("redshift.{name}"));
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
    let name = statement.names("user").into_iter().next().unwrap_or_default();
    // Anybody may change a password of one's own. DG/r_ALTER_USER
    if !creates && name == context.user && statement.is(3, "PASSWORD") {
        return edits.verdict(statement);
    }
    let privilege = if creates { "CREATE USER" } else { "ALTER USER" };
    let sql = splice(statement.text, edits.edits);
    let sql = call("do", &[literal(privilege), literal(&name), literal(&sql)]);
    Verdict::Rewrite { before: None, sql, notes: edits.notes }
}

/// DG/`r_CREATE_ROLE`, DG/`r_DROP_ROLE`, DG/`r_ALTER_ROLE`
fn role(statement: &Statement<'_>) -> Option<Verdict> {
    let starts = |word| statement.starts_with(&[word, "ROLE"]);
    if !starts("CREATE") && !starts("DROP") && !starts("ALTER") {
        return None;
    }
    let mut edits = Edits::default();
    edits.take_out(statement);
    let mut names = statement.names("user").into_iter().map(|name| literal(&name));
    let name = names.next()?;
    let sql = match names.next() {
        _ if starts("CREATE") => call("create_role", &[name]),
        _ if starts("DROP") => call("drop_role", &[name, statement.find_from(3, &["FORCE"]).is_some().to_string()]),
        Some(renamed) if statement.find_from(3, &["RENAME", "TO"]).is_some() => call("rename_role", &[name, renamed]),
        Some(owner) => call("own_role", &[name, owner]),
        None => NOTHING.to_owned(),
    };
    Some(Verdict::Rewrite { before: None, sql, notes: edits.notes })
}
