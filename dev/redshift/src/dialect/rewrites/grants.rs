//! Grants of privileges and of roles, and default privileges.

use std::ops::Range;

use super::{Edits, Statement, Verdict, array, call, instead, literal, names, with};
use crate::dialect::SessionContext;

/// What becomes of a statement about them, if it is one.
pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext) -> Option<Verdict> {
    let is_default = statement.starts_with(&["ALTER", "DEFAULT", "PRIVILEGES"]);
    if !is_default && !statement.starts_with(&["GRANT"]) && !statement.starts_with(&["REVOKE"]) {
        return None;
    }
    let grantees = Grantees::of(statement)?;
    let has = |label: &str| statement.parsed.labelled(label).next().is_some();
    Some(if is_default {
        default_privileges(statement, context, &grantees)
    } else if has("scoped") {
        scoped(statement, &grantees)
    } else if has("systems") {
        system_privileges(statement, &grantees)
    } else if has("privileges") {
        grant(statement, context, &grantees)
    } else {
        roles(statement, &grantees)
    })
}

/// Whom something is granted to.
pub(super) struct Grantees {
    tokens: Range<usize>,
    kinds: Vec<&'static str>,
    names: Vec<String>,
    /// Which tokens say ROLE.
    roles: Vec<usize>,
}

impl Grantees {
    pub(super) fn of(statement: &Statement<'_>) -> Option<Self> {
        let tokens = statement.parsed.labelled("grantees").next()?;
        let mut found = Self { tokens: tokens.clone(), kinds: Vec::new(), names: Vec::new(), roles: Vec::new() };
        let mut at = tokens.start;
        while at < tokens.end {
            let has_name = at + 1 < tokens.end && !statement.is(at + 1, ",");
            let kind = match statement.tokens[at].text.as_str() {
                "ROLE" if has_name => "role",
                "GROUP" if has_name => "group",
                "PUBLIC" => "public",
                _ => "user",
            };
            if kind == "role" {
                found.roles.push(at);
            }
            let start = if kind == "role" || kind == "group" { at + 1 } else { at };
            let end = (start..tokens.end).find(|at| statement.is(*at, ",")).unwrap_or(tokens.end);
            found.kinds.push(kind);
            found.names.push(statement.parts(start..end).join(":"));
            at = end + 1;
        }
        Some(found)
    }

    pub(super) fn arguments(&self) -> [String; 2] {
        [array(&self.kinds), array(&self.names)]
    }

    /// That each is what the statement says it is; `PostgreSQL` makes no difference.
    fn check(&self) -> Option<String> {
        let (kinds, names): (Vec<&str>, Vec<&String>) = self
            .kinds
            .iter()
            .zip(&self.names)
            .filter(|(kind, _)| **kind != "public")
            .map(|(kind, name)| (*kind, name))
            .unzip();
        let arguments = format!("{}, {}", array(&kinds), array(names));
        (!kinds.is_empty()).then(|| format!("CALL pg_catalog.rdsdb_check_identities({arguments})"))
    }
}

/// `GRANT ROLE`, `REVOKE ROLE`. DG/`r_GRANT`, DG/`r_REVOKE`
fn roles(statement: &Statement<'_>, grantees: &Grantees) -> Verdict {
    let only_option = statement.starts_with(&["REVOKE", "ADMIN", "OPTION", "FOR"]);
    let with_option = statement.find_from(grantees.tokens.end, &["ADMIN", "OPTION"]).is_some();
    let what = match (statement.starts_with(&["GRANT"]), with_option) {
        (true, false) => "GRANT %I TO %I",
        (true, true) => "GRANT %I TO %I WITH ADMIN OPTION",
        (false, _) if only_option => "REVOKE ADMIN OPTION FOR %I FROM %I",
        (false, _) => "REVOKE %I FROM %I",
    };
    let granted = statement.parsed.labelled("user").filter(|name| name.start < grantees.tokens.start);
    let granted: Vec<_> = granted.map(|name| statement.parts(name).join(":")).collect();
    let [kinds, names] = grantees.arguments();
    instead(call("grant_roles", &[literal(what), array(granted), kinds, names]))
}

/// What is granted or revoked, without a list of columns.
fn privileges(statement: &Statement<'_>, label: &str) -> Vec<String> {
    let first_words = |tokens: Range<usize>| {
        let words: Vec<_> =
            tokens.map(|at| statement.tokens[at].text.as_str()).take_while(|word| *word != "(").collect();
        words.join(" ")
    };
    statement.parsed.labelled(label).map(first_words).collect()
}

/// DG/`r_GRANT`, DG/`r_REVOKE`
fn grant(statement: &Statement<'_>, context: &SessionContext, grantees: &Grantees) -> Verdict {
    let mut edits = Edits::default();
    names::apply(statement, context, &mut edits);
    let on = statement.parsed.labelled("on").next().unwrap_or(0..1);
    let is = |kind: &str| statement.is(on.start, kind);
    let of_table = !["DATABASE", "SCHEMA", "LANGUAGE", "FUNCTION", "PROCEDURE"].iter().any(|kind| is(kind))
        && statement.find(&["ON", "ALL", "FUNCTIONS"]).is_none()
        && statement.find(&["ON", "ALL", "PROCEDURES"]).is_none();
    let has_own = of_table || is("DATABASE") || is("SCHEMA");
    let listed: Vec<_> = statement.parsed.labelled("privileges").collect();
    // ALTER is nothing to PostgreSQL, nor is DROP on what isn't a table.
    let is_own = |tokens: &Range<usize>| {
        statement.is(tokens.start, "ALTER") || (statement.is(tokens.start, "DROP") && !of_table)
    };
    let (own, others): (Vec<_>, Vec<_>) = listed.iter().cloned().partition(is_own);
    let list = listed[0].start..listed[listed.len() - 1].end;
    let mut before = grantees.check();
    if statement.starts_with(&["REVOKE"]) && statement.is(list.start, "ALL") && has_own {
        // What is PostgreSQL's alone is revoked by it.
        before = Some(own_privileges(statement, &listed, grantees));
    }
    if is("DATABASE") && statement.is(list.start, "ALL") {
        // Redshift has no CONNECT: it isn't a part of everything, and whoever revokes everything from PUBLIC locks nobody out.
        edits.replace(statement, &list, "CREATE, TEMP");
    } else if !own.is_empty() {
        let written =
            |items: &[Range<usize>]| items.iter().map(|item| statement.written(item)).collect::<Vec<_>>().join(", ");
        edits.notes.push(format!("not enforced: {}", written(&own)));
        let own = own_privileges(statement, &own, grantees);
        if others.is_empty() {
            return Verdict::Rewrite { before: None, sql: own, notes: edits.notes };
        }
        before = Some(own);
        edits.replace(statement, &list, &written(&others).replace("DROP", "TRIGGER"));
    } else {
        table_drop(statement, &listed, &mut edits);
    }
    for at in &grantees.roles {
        edits.cut(statement, *at, at + 1, None);
    }
    with(before, edits.verdict(statement), statement)
}

/// ALTER, and DROP on what isn't a table: `catalog/privileges.sql`.
fn own_privileges(statement: &Statement<'_>, own: &[Range<usize>], grantees: &Grantees) -> String {
    let on = statement.parsed.labelled("on").next().unwrap_or(0..1);
    let first = statement.tokens[on.start].text.as_str();
    let kind = if ["DATABASE", "SCHEMA", "ALL"].contains(&first) { first } else { "TABLE" };
    let lists = statement
        .parsed
        .labelled(if kind == "TABLE" { "object" } else { "name" })
        .filter(|list| list.start >= on.start && list.end <= on.end);
    let objects: Vec<_> = lists
        .flat_map(|list| statement.written(&list).split(',').map(|name| name.trim().to_lowercase()).collect::<Vec<_>>())
        .collect();
    let letter = |item: &Range<usize>| match statement.tokens[item.start].text.as_str() {
        "ALL" => "tA",
        "DROP" => "t",
        _ => "A",
    };
    let letters: String = own.iter().map(letter).collect();
    let takes_option = statement.starts_with(&["REVOKE", "GRANT", "OPTION"]);
    let adds = statement.starts_with(&["GRANT"]) || takes_option;
    let with_option = statement.find_from(grantees.tokens.end, &["GRANT", "OPTION"]).is_some();
    let [kinds, names] = grantees.arguments();
    let arguments =
        [literal(kind), array(objects), literal(&letters), adds.to_string(), kinds, names, with_option.to_string()];
    call("own_privileges", &arguments)
}

/// DROP on a table is kept as `PostgreSQL`'s TRIGGER, which Redshift doesn't have.
fn table_drop(statement: &Statement<'_>, listed: &[Range<usize>], edits: &mut Edits) {
    for privilege in listed.iter().filter(|privilege| statement.is(privilege.start, "DROP")) {
        edits.put(statement, privilege.start, "TRIGGER");
    }
}

/// System privileges are kept as memberships in roles of their own, which are shared by all databases.
fn system_privileges(statement: &Statement<'_>, grantees: &Grantees) -> Verdict {
    let list: Vec<_> = privileges(statement, "systems").iter().map(|name| format!("\"privilege:{name}\"")).collect();
    let (verb, direction) = if statement.starts_with(&["GRANT"]) { ("GRANT", "TO") } else { ("REVOKE", "FROM") };
    let names: Vec<_> = grantees.names.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    let sql = format!("{verb} {} {direction} {}", list.join(", "), names.join(", "));
    with(grantees.check(), instead(sql), statement)
}

/// Privileges on all that there is and will be. <https://docs.aws.amazon.com/redshift/latest/dg/t_scoped-permissions.html>
fn scoped(statement: &Statement<'_>, grantees: &Grantees) -> Verdict {
    let scope = statement.parsed.labelled("scope").next().map_or(0, |scope| scope.start);
    let behind = |word: &str| {
        let at = statement.find_from(scope + 1, &[word]).filter(|at| *at < grantees.tokens.start);
        at.and_then(|at| statement.name(at + 1)).map_or("NULL".to_owned(), |name| literal(&name.to_lowercase()))
    };
    let kind = literal(&statement.tokens[scope].text);
    let only_option = statement.starts_with(&["REVOKE", "GRANT", "OPTION"]);
    let what = match (statement.starts_with(&["GRANT"]), only_option) {
        (true, _) => "GRANT",
        (false, true) => "REVOKE GRANT OPTION",
        (false, false) => "REVOKE",
    };
    let with_option = statement.find_from(grantees.tokens.end, &["GRANT", "OPTION"]).is_some();
    let [kinds, names] = grantees.arguments();
    let listed = array(privileges(statement, "scoped"));
    let arguments =
        [literal(what), listed, kind, behind("SCHEMA"), behind("DATABASE"), kinds, names, with_option.to_string()];
    instead(call("scoped", &arguments))
}

/// DG/`r_ALTER_DEFAULT_PRIVILEGES`
fn default_privileges(statement: &Statement<'_>, context: &SessionContext, grantees: &Grantees) -> Verdict {
    let users: Vec<_> = statement
        .find(&["FOR", "USER"])
        .and_then(|at| statement.parsed.labelled("user").find(|list| list.start == at + 2))
        .map_or(Vec::new(), |list| statement.parts(list));
    let schemas: Vec<_> = statement.parsed.labelled("name").flat_map(|list| statement.parts(list)).collect();
    let schemas = schemas.iter().map(|name| if context.case_sensitive { name.clone() } else { name.to_lowercase() });
    let targets = [array(users), array(schemas)];
    let takes_option = statement.find(&["REVOKE", "GRANT", "OPTION", "FOR"]).is_some();
    let grants = takes_option || statement.find(&["REVOKE"]).is_none_or(|at| at > grantees.tokens.start);
    if statement.find(&["ON", "PROCEDURES"]).is_some() {
        // PostgreSQL keeps one list for functions and procedures.
        let with_option = statement.find_from(grantees.tokens.end, &["WITH", "GRANT", "OPTION"]).is_some();
        let [users, schemas] = targets;
        let [kinds, names] = grantees.arguments();
        return instead(call(
            "default_procedures",
            &[users, schemas, grants.to_string(), kinds, names, with_option.to_string()],
        ));
    }
    let mut edits = Edits::default();
    names::apply(statement, context, &mut edits);
    let listed: Vec<_> = statement.parsed.labelled("privileges").collect();
    let (own, others): (Vec<_>, Vec<_>) = listed.iter().cloned().partition(|item| statement.is(item.start, "ALTER"));
    if own.is_empty() {
        table_drop(statement, &listed, &mut edits);
    } else {
        edits.notes.push("not kept: ALTER".to_owned());
        if others.is_empty() {
            return super::noted(edits.notes);
        }
        let written: Vec<_> =
            others.iter().map(|item| statement.written(item).to_uppercase().replace("DROP", "TRIGGER")).collect();
        edits.replace(statement, &(listed[0].start..listed[listed.len() - 1].end), &written.join(", "));
    }
    for at in &grantees.roles {
        edits.cut(statement, *at, at + 1, None);
    }
    with(Some(call("check_default_targets", &targets)), edits.verdict(statement), statement)
}
