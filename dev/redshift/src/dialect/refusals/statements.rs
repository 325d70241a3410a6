//! Refusals of single kinds of statement.

use super::super::procedures;
use super::super::sources::{depths, first_from, sources};
use super::super::tokens::Kind;
use super::{Refusal, SYNTAX, SessionContext, Statement, UNSUPPORTED};

pub(super) fn find(statement: &Statement<'_>, context: &SessionContext) -> Option<Refusal> {
    passwords(statement)
        .or_else(|| transactions(statement, context))
        .or_else(|| columns(statement))
        .or_else(|| procedures::refusal(statement))
        .or_else(|| sql_function(statement))
        .or_else(|| call(statement))
        .or_else(|| comment(statement))
        .or_else(|| merge(statement))
        .or_else(|| role(statement))
        .or_else(|| grant(statement))
        .or_else(|| late_binding(statement))
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
    let refuse = |message| Some(Refusal::new("22023", message, "r_CREATE_USER"));
    if let Some(digest) = password.strip_prefix("md5") {
        let is_digest = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        return if is_digest { None } else { refuse("Invalid MD5 password") };
    }
    if password.starts_with("sha256|") {
        return None;
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

/// A VARCHAR without a length is cut at 256 bytes in a table.
fn columns(statement: &Statement<'_>) -> Option<Refusal> {
    if !statement.starts_with(&["CREATE", "TABLE"]) {
        return None;
    }
    // OID as a column's name: a system column's. DG/r_CREATE_TABLE_NEW
    if statement.tokens.windows(2).any(|pair| (pair[0].is("(") || pair[0].is(",")) && pair[1].is("OID")) {
        return Some(Refusal::new(
            "42701",
            "column name \"oid\" conflicts with a system column name",
            "r_CREATE_TABLE_NEW",
        ));
    }
    statement.tokens.windows(2).find(|pair| pair[0].is("VARCHAR") && !pair[1].is("(")).map(|_| {
        Refusal::new(
            UNSUPPORTED,
            "a VARCHAR column without a length is VARCHAR(256) on Redshift: state the length",
            "r_Character_types",
        )
    })
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

/// A SQL function is one expression. <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_FUNCTION.html>
fn sql_function(statement: &Statement<'_>) -> Option<Refusal> {
    if !statement.starts_with(&["CREATE"]) || statement.find(&["FUNCTION"]).is_none_or(|at| at > 3) {
        return None;
    }
    let page = "r_CREATE_FUNCTION";
    if statement.find(&["LANGUAGE", "PLPGSQL"]).is_some() {
        return Some(Refusal::new(UNSUPPORTED, "language \"plpgsql\" is for procedures", page));
    }
    statement.find(&["LANGUAGE", "SQL"])?;
    if !["VOLATILE", "STABLE", "IMMUTABLE"].iter().any(|word| statement.find(&[word]).is_some()) {
        return Some(Refusal::new(SYNTAX, "a function is VOLATILE, STABLE or IMMUTABLE", page));
    }
    let body = statement.tokens.iter().find(|token| token.kind == Kind::Dollar)?;
    let inner = super::super::tokens::read(body.text.trim_matches('$')).ok()?;
    let clause =
        inner.iter().find(|token| ["FROM", "WHERE", "GROUP", "ORDER", "LIMIT"].iter().any(|word| token.is(word)));
    clause.map(|token| Refusal::new(UNSUPPORTED, format!("a SQL function has no {}", token.text), page))
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_CALL_procedure.html>
fn call(statement: &Statement<'_>) -> Option<Refusal> {
    let queries = statement.starts_with(&["CALL"]) && statement.find(&["SELECT"]).is_some();
    queries.then(|| Refusal::new(UNSUPPORTED, "queries can't be arguments of CALL", "r_CALL_procedure"))
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_COMMENT.html>
fn comment(statement: &Statement<'_>) -> Option<Refusal> {
    let kind = statement.starts_with(&["COMMENT", "ON"]).then(|| statement.tokens.get(2))??;
    let known = ["TABLE", "COLUMN", "CONSTRAINT", "DATABASE", "VIEW"].iter().any(|word| kind.is(word));
    (!known).then(|| Refusal::new(SYNTAX, format!("syntax error at or near \"{}\"", kind.text), "r_COMMENT"))
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_MERGE.html>
fn merge(statement: &Statement<'_>) -> Option<Refusal> {
    if !statement.starts_with(&["MERGE"]) {
        return None;
    }
    let refuse = |message| Some(Refusal::new(UNSUPPORTED, message, "r_MERGE"));
    if statement.find(&["USING", "("]).is_some() {
        return refuse("the source of MERGE is a table");
    }
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

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_ROLE.html> and `r_CREATE_ROLE`
fn role(statement: &Statement<'_>) -> Option<Refusal> {
    if statement.starts_with(&["ALTER", "ROLE"]) {
        let known = ["RENAME", "OWNER", "EXTERNALID"].iter().any(|word| statement.find_from(3, &[word]).is_some());
        return (!known).then(|| Refusal::new(SYNTAX, "ALTER ROLE has RENAME TO and OWNER TO", "r_ALTER_ROLE"));
    }
    let name = statement.starts_with(&["CREATE", "ROLE"]).then(|| statement.name(2))??;
    let bad = name.starts_with("sys:") || name.starts_with("ds:") || name.contains([':', '/', '\n', '.']);
    bad.then(|| Refusal::new("42602", format!("invalid name of a role: \"{name}\""), "r_CREATE_ROLE"))
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html>
fn grant(statement: &Statement<'_>) -> Option<Refusal> {
    let grants = statement.starts_with(&["GRANT"]);
    if !grants && !statement.starts_with(&["REVOKE"]) {
        return None;
    }
    let of_role = statement.find(&["ROLE"]).is_some_and(|at| at <= 4) && statement.find(&["ON"]).is_none();
    if grants && of_role && statement.find(&["TO", "ROLE"]).is_some() && statement.find(&["ADMIN", "OPTION"]).is_some()
    {
        return Some(Refusal::new(SYNTAX, "WITH ADMIN OPTION is for users", "r_GRANT"));
    }
    let to_nobody_in_person = ["ROLE", "GROUP"].iter().any(|kind| statement.find(&["TO", kind]).is_some())
        || statement.find(&["TO", "PUBLIC"]).is_some();
    if to_nobody_in_person && statement.find(&["WITH", "GRANT", "OPTION"]).is_some() {
        return Some(Refusal::new(SYNTAX, "WITH GRANT OPTION is for users", "r_GRANT"));
    }
    let on = statement.find(&["ON"])?;
    // A grant on a column and one on its table exclude each other on Redshift, which can't be shown.
    let on_columns = statement.tokens[..on].iter().any(|token| token.is("("));
    on_columns.then(|| Refusal::new(UNSUPPORTED, "the stand-in can't show grants on columns", "r_GRANT-usage-notes"))
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
