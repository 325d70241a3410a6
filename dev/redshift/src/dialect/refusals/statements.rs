//! Refusals of single kinds of statement.

use super::super::blocks::blocks;
use super::super::procedures;
use super::super::sources::{depths, first_from, sources};
use super::{Refusal, SYNTAX, SessionContext, Statement, UNSUPPORTED};
use crate::sha256::Stored;

pub(super) fn find(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    passwords(statement)
        .or_else(|| transactions(statement, context))
        .or_else(|| columns(statement))
        .or_else(|| procedures::refusal(statement))
        .or_else(|| sql_function(statement))
        .or_else(|| call(statement))
        .or_else(|| merge(statement))
        .or_else(|| role(statement))
        .or_else(|| grant(statement))
        .or_else(|| late_binding(statement))
        .or_else(|| beyond(statement))
        .or_else(|| in_procedure(statement, context))
        .or_else(|| boolean_test(statement))
        .or_else(|| superuser_only(statement, context))
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
    let refuse = |message: &str| Some(Refusal::new("22023", message, "r_CREATE_USER"));
    if let Some(digest) = password.strip_prefix("md5") {
        let is_digest = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        return if is_digest { None } else { refuse("Invalid MD5 password") };
    }
    if let Some(stored) = Stored::said(&password) {
        return stored.err().and_then(|error| refuse(&error.to_string()));
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

/// System columns' names are no others'. <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html>
fn columns(statement: &Statement<'_>) -> Option<Refusal> {
    const SYSTEM: [&str; 12] = [
        "OID",
        "TABLEOID",
        "XMIN",
        "CMIN",
        "XMAX",
        "CMAX",
        "CTID",
        "DELETEXID",
        "INSERTXID",
        "SLICE_ID",
        "BLOCK_ID",
        "ROW_ID",
    ];
    let column = statement
        .parsed
        .labelled("column")
        .map(|column| column.start)
        .find(|at| SYSTEM.contains(&statement.tokens[*at].text.as_str()))?;
    let name = statement.name(column)?;
    let message = format!("column name \"{name}\" conflicts with a system column name");
    Some(Refusal::new("42701", message, "r_CREATE_TABLE_NEW"))
}

fn superuser_only(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    let refuse = |what: &str, page| Some(Refusal::new("42501", format!("must be superuser to {what}"), page));
    // Whoever logged in as a superuser may become anybody, and come back.
    if !context.may_become_others
        && (statement.starts_with(&["SET", "SESSION", "AUTHORIZATION"])
            || statement.starts_with(&["SET", "LOCAL", "SESSION", "AUTHORIZATION"]))
        && statement.find(&["AUTHORIZATION", "DEFAULT"]).is_none()
    {
        return refuse("set session authorization", "r_SET_SESSION_AUTHORIZATION");
    }
    if context.superuser {
        return None;
    }
    if statement.starts_with(&["ALTER", "SYSTEM"]) {
        return refuse("alter the system", "r_ALTER_SYSTEM");
    }
    // Who may alter a role depends on the role.
    let of_role = statement.starts_with(&["ALTER", "ROLE"]);
    if statement.starts_with(&["ALTER"]) && !of_role && statement.find(&["OWNER", "TO"]).is_some() {
        return refuse("change the owner of an object", "r_ALTER_DATABASE");
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

/// A SQL function is one expression of its arguments, which have types and no names. Python functions are no longer created.
/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_FUNCTION.html>
fn sql_function(statement: &Statement<'_>) -> Option<Refusal> {
    let page = "r_CREATE_FUNCTION";
    if !statement.creates("FUNCTION") {
        return None;
    }
    let refuse = |message: String| Some(Refusal::new(UNSUPPORTED, message, page));
    let language = statement.find(&["LANGUAGE"]).and_then(|at| statement.tokens.get(at + 1))?;
    let language = language.literal().unwrap_or_else(|| language.text.clone()).to_lowercase();
    // What a library of the server's holds isn't to be had.
    if ["c", "internal"].contains(&language.as_str()) {
        return Some(Refusal::new("42704", format!("language \"{language}\" does not exist"), page));
    }
    if language != "sql" {
        return refuse(format!("functions can't be created in language \"{language}\""));
    }
    let arguments = statement.parsed.labelled("arguments").next()?;
    for argument in statement.arguments(arguments.start) {
        if super::super::grammar::end_of_type(&statement.tokens, argument.start, false) != Some(argument.end) {
            return refuse(format!("an argument of a SQL function is a type: {}", statement.written(&argument)));
        }
    }
    let body = statement.parsed.labelled("body").next().map(|body| &statement.tokens[body.start])?;
    let body = body.literal().unwrap_or_else(|| procedures::inside(&body.text).to_owned());
    let Ok(inner) = super::super::tokens::read(&body) else {
        return Some(Refusal::new(SYNTAX, "syntax error in the body of a function", page));
    };
    if inner.first().is_none_or(|first| !first.is("SELECT")) || inner.windows(2).any(|pair| pair[0].is(";")) {
        return refuse("a SQL function is one SELECT of one expression".to_owned());
    }
    let clause =
        inner.iter().find(|token| ["FROM", "WHERE", "GROUP", "ORDER", "LIMIT"].iter().any(|word| token.is(word)));
    clause.and_then(|token| refuse(format!("a SQL function has no {}", token.text)))
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CALL_procedure.html>
fn call(statement: &Statement<'_>) -> Option<Refusal> {
    let queries = statement.starts_with(&["CALL"]) && statement.find(&["SELECT"]).is_some();
    queries.then(|| Refusal::new(UNSUPPORTED, "queries can't be arguments of CALL", "r_CALL_procedure"))
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html>
fn merge(statement: &Statement<'_>) -> Option<Refusal> {
    if !statement.starts_with(&["MERGE"]) {
        return None;
    }
    let refuse = |message| Some(Refusal::new(UNSUPPORTED, message, "r_MERGE"));
    let duplicates = statement.find(&["REMOVE", "DUPLICATES"]).is_some();
    if !duplicates
        && (statement.find(&["WHEN", "MATCHED"]).is_none() || statement.find(&["WHEN", "NOT", "MATCHED"]).is_none())
    {
        return refuse("MERGE says what is done WHEN MATCHED and WHEN NOT MATCHED");
    }
    if statement.find(&["MATCHED", "AND"]).is_some() {
        return refuse("the branches of MERGE have no conditions");
    }
    None
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_ROLE.html>
fn role(statement: &Statement<'_>) -> Option<Refusal> {
    let name = statement.starts_with(&["CREATE", "ROLE"]).then(|| statement.names("user").into_iter().next())??;
    let bad = name.contains([':', '/', '\n', '.']);
    bad.then(|| Refusal::new("42602", format!("invalid name of a role: \"{name}\""), "r_CREATE_ROLE"))
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html>
fn grant(statement: &Statement<'_>) -> Option<Refusal> {
    let grants = statement.starts_with(&["GRANT"])
        || statement.find(&["PRIVILEGES"]).is_some() && statement.find(&["GRANT"]).is_some();
    let grantees = statement.parsed.labelled("grantees").next()?;
    let to = |kind: &str| grantees.clone().any(|at| statement.is(at, kind) && !statement.is(at + 1, ","));
    let ends = |words: &[&str]| grants && statement.find_from(grantees.end, words).is_some();
    if ends(&["ADMIN", "OPTION"]) && to("ROLE") {
        return Some(Refusal::new(SYNTAX, "WITH ADMIN OPTION is for users", "r_GRANT"));
    }
    if ends(&["GRANT", "OPTION"]) && ["ROLE", "GROUP", "PUBLIC"].iter().any(|kind| to(kind)) {
        return Some(Refusal::new(SYNTAX, "WITH GRANT OPTION is for users", "r_GRANT"));
    }
    // Scoped permissions are for users and roles. DG/t_scoped-permissions
    let is_scoped = statement.parsed.labelled("scoped").next().is_some();
    if is_scoped && (to("GROUP") || to("PUBLIC")) {
        return Some(Refusal::new(SYNTAX, "scoped permissions are for users and roles", "t_scoped-permissions"));
    }
    let of_database = statement.find(&["ON", "DATABASE"])?;
    let usage = statement.find(&["USAGE"]).is_some_and(|at| at < of_database);
    usage.then(|| Refusal::new(SYNTAX, "USAGE is for databases made from datashares", "r_GRANT"))
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html>
fn late_binding(statement: &Statement<'_>) -> Option<Refusal> {
    statement.find(&["WITH", "NO", "SCHEMA", "BINDING"]).filter(|_| statement.starts_with(&["CREATE"]))?;
    let bare = sources(statement).into_iter().find(|source| source.schema.is_none())?;
    let message = format!(
        "All the relation names inside should be qualified when creating VIEW WITH NO SCHEMA BINDING: {}",
        bare.name
    );
    Some(Refusal::new(SYNTAX, message, "r_CREATE_VIEW"))
}

/// What Redshift does and the stand-in doesn't, and whose doing others would rely on.
fn beyond(statement: &Statement<'_>) -> Option<Refusal> {
    let (what, page) = if statement.starts_with(&["USE"]) {
        ("USE", "r_USE_command")
    } else if statement.starts_with(&["ALTER", "TABLE"]) && statement.find(&["APPEND", "FROM"]).is_some() {
        ("ALTER TABLE APPEND", "r_ALTER_TABLE_APPEND")
    } else if statement.find(&["REMOVE", "DUPLICATES"]).is_some_and(|_| statement.starts_with(&["MERGE"])) {
        ("REMOVE DUPLICATES", "r_MERGE")
    } else {
        return None;
    };
    Some(Refusal::new(UNSUPPORTED, format!("the stand-in can't show {what}"), page))
}

/// What the server would have to be asked about, which is done before a statement and not before each of a body's.
fn in_procedure(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    let blocks = if context.in_procedure { blocks(statement) } else { Vec::new() };
    let has_exclude =
        |list: std::ops::Range<usize>| list.skip(1).any(|at| statement.is(at, "EXCLUDE") && statement.is(at - 1, "*"));
    let found = blocks.into_iter().find(|block| !block.qualify.is_empty() || has_exclude(block.list.clone()))?;
    let (what, page) =
        if found.qualify.is_empty() { ("EXCLUDE", "r_EXCLUDE_list") } else { ("QUALIFY", "r_QUALIFY_clause") };
    Some(Refusal::beyond(format!("the stand-in can't show {what} in a procedure"), page))
}

/// In a select list, on tables. <https://docs.aws.amazon.com/redshift/latest/dg/r_Boolean_type.html>
fn boolean_test(statement: &Statement<'_>) -> Option<Refusal> {
    if !statement.starts_with(&["SELECT"])
        || !sources(statement).iter().any(super::super::sources::Source::is_on_compute_nodes)
    {
        return None;
    }
    let depths = depths(statement);
    let end = first_from(statement, &depths)?;
    let list = &statement.tokens[..end];
    let truth =
        |at: usize| list.get(at).is_some_and(|token| ["TRUE", "FALSE", "UNKNOWN"].iter().any(|word| token.is(word)));
    (0..list.len())
        .find(|at| {
            list[*at].is("IS")
                && (truth(at + 1) || (list.get(at + 1).is_some_and(|next| next.is("NOT")) && truth(at + 2)))
        })
        .map(|_| Refusal::new(UNSUPPORTED, "Not implemented", "r_Boolean_type"))
}
