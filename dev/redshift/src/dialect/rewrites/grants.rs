//! Grants of privileges and of roles, and default privileges.

use super::super::tokens::Token;
use super::{Edits, NOTHING, Statement, Verdict, array, call, instead, is_name, literal};

/// What becomes of a statement about them, if it is one.
pub(super) fn apply(statement: &Statement<'_>) -> Option<Verdict> {
    if statement.starts_with(&["GRANT"]) || statement.starts_with(&["REVOKE"]) {
        return roles(statement).or_else(|| Some(grant(statement)));
    }
    if statement.starts_with(&["ALTER", "DEFAULT", "PRIVILEGES"]) {
        return Some(default_privileges(statement));
    }
    None
}

/// Whom something is granted to.
#[derive(Debug, Default)]
struct Grantees {
    kinds: Vec<&'static str>,
    names: Vec<String>,
    /// Which tokens say the kind.
    words: Vec<usize>,
    /// Which tokens are a name with a colon.
    system_roles: Vec<usize>,
}

/// Those behind TO or FROM.
fn grantees(statement: &Statement<'_>, direction: &str) -> Option<(usize, Grantees)> {
    let tokens = &statement.tokens;
    let start = tokens.iter().rposition(|token| token.is(direction))?;
    let mut found = Grantees::default();
    let mut at = start + 1;
    while let Some(token) = tokens.get(at).filter(|token| is_name(token)) {
        let next_is_name = tokens.get(at + 1).is_some_and(is_name);
        let kind = match token.text.as_str() {
            "ROLE" if next_is_name => "role",
            "GROUP" if next_is_name => "group",
            "PUBLIC" => "public",
            _ => "user",
        };
        if kind == "role" || kind == "group" {
            found.words.push(at);
            at += 1;
        }
        let (name, after) = role_name(tokens, at)?;
        if after > at + 1 {
            found.system_roles.push(at);
        }
        found.kinds.push(kind);
        found.names.push(name);
        at = (after..tokens.len()).find(|at| tokens[*at].is(",")).map_or(tokens.len(), |comma| comma + 1);
    }
    Some((start, found))
}

/// A name, and what is behind it: `sys:secadmin` and its kind are names with a colon.
pub(super) fn role_name(tokens: &[Token], at: usize) -> Option<(String, usize)> {
    let name = tokens.get(at)?.name()?;
    if tokens.get(at + 1).is_some_and(|next| next.is(":")) {
        return Some((format!("{name}:{}", tokens.get(at + 2)?.name()?), at + 3));
    }
    Some((name, at + 1))
}

fn direction(statement: &Statement<'_>) -> &'static str {
    if statement.find(&["REVOKE"]).is_some_and(|at| at < 12) && statement.find(&["FROM"]).is_some() {
        "FROM"
    } else {
        "TO"
    }
}

/// `GRANT ROLE`, `REVOKE ROLE`. DG/`r_GRANT`, DG/`r_REVOKE`
fn roles(statement: &Statement<'_>) -> Option<Verdict> {
    let tokens = &statement.tokens;
    let only_option = statement.starts_with(&["REVOKE", "ADMIN", "OPTION", "FOR"]);
    let first = if only_option { 4 } else { 1 };
    if !tokens.get(first)?.is("ROLE") {
        return None;
    }
    let (end, grantees) = grantees(statement, direction(statement))?;
    let mut granted = Vec::new();
    let mut at = first;
    while at < end {
        // The word ROLE may stand before each.
        let (name, after) = role_name(tokens, if tokens[at].is("ROLE") { at + 1 } else { at })?;
        granted.push(name);
        at = after + 1;
    }
    let what = match (statement.starts_with(&["GRANT"]), statement.find_from(end, &["ADMIN", "OPTION"]).is_some()) {
        (true, false) => "GRANT %I TO %I",
        (true, true) => "GRANT %I TO %I WITH ADMIN OPTION",
        (false, _) if only_option => "REVOKE ADMIN OPTION FOR %I FROM %I",
        (false, _) => "REVOKE %I FROM %I",
    };
    let arguments = [literal(what), array(granted), array(grantees.kinds), array(grantees.names)];
    Some(instead(call("grant_roles", &arguments)))
}

/// DG/`r_GRANT`, DG/`r_REVOKE`
fn grant(statement: &Statement<'_>) -> Verdict {
    let mut edits = Edits::default();
    let direction = direction(statement);
    // Row-level security and masking are journalled as a whole. DG/r_GRANT
    let of_policies = ["RLS", "MASKING"].iter().any(|word| statement.find(&[word]).is_some());
    if of_policies || only_redshifts_own(statement, &mut edits) {
        let notes = vec![format!("not enforced: {}", statement.text)];
        return Verdict::Rewrite { before: None, sql: NOTHING.to_owned(), notes };
    }
    if statement.find(&["ON"]).is_none() {
        system_privileges(statement, direction, &mut edits);
    }
    // Redshift has no CONNECT: it isn't a part of everything, and whoever revokes everything from PUBLIC
    // locks nobody out.
    if statement.tokens.get(1).is_some_and(|token| token.is("ALL"))
        && let Some(on) = statement.find(&["ON", "DATABASE"])
    {
        let span = statement.tokens[1].span.start..statement.tokens[on - 1].span.end;
        edits.edits.push((span, "CREATE, TEMP".to_owned()));
    }
    let before = grantees(statement, direction).and_then(|(_, grantees)| check(statement, grantees, &mut edits));
    match edits.verdict(statement) {
        Verdict::Rewrite { sql, notes, .. } => Verdict::Rewrite { before, sql, notes },
        _ if before.is_some() => Verdict::Rewrite { before, sql: statement.text.to_owned(), notes: Vec::new() },
        other => other,
    }
}

/// That each grantee is what the statement says it is; `PostgreSQL` makes no difference.
fn check(statement: &Statement<'_>, grantees: Grantees, edits: &mut Edits) -> Option<String> {
    for at in grantees.words {
        // PostgreSQL knows the word GROUP.
        if statement.tokens[at].is("ROLE") {
            edits.cut(statement, at, at + 1, None);
        }
    }
    for at in grantees.system_roles {
        let span = statement.tokens[at].span.start..statement.tokens[at + 2].span.end;
        edits.edits.push((span.clone(), format!("\"{}\"", statement.text[span].to_lowercase())));
    }
    let (kinds, names): (Vec<_>, Vec<_>) =
        grantees.kinds.into_iter().zip(grantees.names).filter(|(kind, _)| *kind != "public").unzip();
    let arguments = format!("{}, {}", array(&kinds), array(names));
    (!kinds.is_empty()).then(|| format!("CALL pg_catalog.rdsdb_check_identities({arguments})"))
}

/// Takes out privileges that only Redshift has: ALTER and DROP. Says whether nothing else is left.
fn only_redshifts_own(statement: &Statement<'_>, edits: &mut Edits) -> bool {
    let first = if statement.starts_with(&["REVOKE", "GRANT", "OPTION", "FOR"]) { 4 } else { 1 };
    let Some(on) = statement.find(&["ON"]).filter(|on| *on > first) else { return false };
    let list = &statement.tokens[first..on];
    let (own, others): (Vec<_>, Vec<_>) = list
        .split(|token| token.is(","))
        .partition(|item| item.len() == 1 && (item[0].is("ALTER") || item[0].is("DROP")));
    if own.is_empty() || others.is_empty() {
        return !own.is_empty();
    }
    let written = |items: &[&[Token]]| {
        let text = |item: &[Token]| {
            item.first()
                .zip(item.last())
                .map_or(String::new(), |(first, last)| statement.text[first.span.start..last.span.end].to_owned())
        };
        items.iter().map(|item| text(item)).collect::<Vec<_>>().join(", ")
    };
    edits.notes.push(format!("not enforced: {}", written(&own)));
    edits.edits.push((list[0].span.start..list[list.len() - 1].span.end, written(&others)));
    false
}

/// System privileges are kept as memberships in roles of their own, which are shared by all databases.
fn system_privileges(statement: &Statement<'_>, direction: &str, edits: &mut Edits) {
    let Some(end) = statement.find(&[direction]).filter(|end| *end > 1) else { return };
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
fn default_privileges(statement: &Statement<'_>) -> Verdict {
    let direction = direction(statement);
    let Some((end, grantees)) = grantees(statement, direction) else { return Verdict::Forward };
    let verb = statement.tokens.iter().position(|token| token.is("GRANT") || token.is("REVOKE")).unwrap_or(end);
    let names = |words: &[&str]| {
        let Some(at) = statement.find(words).filter(|at| *at < verb) else { return Vec::new() };
        let list = &statement.tokens[at + words.len()..verb];
        let names: Vec<_> = list
            .chunks(2)
            .take_while(|pair| is_name(&pair[0]))
            .filter_map(|pair| Some((pair[0].name()?, pair.get(1).is_some_and(|next| next.is(",")))))
            .collect();
        // The list ends with the first name that no comma follows.
        let length = names.iter().position(|(_, goes_on)| !goes_on).map_or(names.len(), |last| last + 1);
        names.into_iter().take(length).map(|(name, _)| name).collect()
    };
    let targets = [array(names(&["FOR", "USER"])), array(names(&["IN", "SCHEMA"]))];
    if statement.find(&["ON", "PROCEDURES"]).is_some() {
        // PostgreSQL keeps one list for functions and procedures.
        let takes_option = statement.find(&["REVOKE", "GRANT", "OPTION", "FOR"]).is_some();
        let grants = statement.tokens[verb].is("GRANT") || takes_option;
        let with_option = statement.find_from(end, &["WITH", "GRANT", "OPTION"]).is_some();
        let [users, schemas] = targets;
        let rest = [array(grantees.kinds), array(grantees.names), with_option.to_string()];
        let arguments: Vec<_> = [users, schemas, grants.to_string()].into_iter().chain(rest).collect();
        return instead(call("default_procedures", &arguments));
    }
    let mut edits = Edits::default();
    check(statement, grantees, &mut edits);
    let before = Some(call("check_default_targets", &targets));
    match edits.verdict(statement) {
        Verdict::Rewrite { sql, notes, .. } => Verdict::Rewrite { before, sql, notes },
        _ => Verdict::Rewrite { before, sql: statement.text.to_owned(), notes: Vec::new() },
    }
}
