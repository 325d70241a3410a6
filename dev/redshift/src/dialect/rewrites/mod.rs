//! What means something else on `PostgreSQL`, or isn't known to it: written anew so that Redshift's
//! meaning comes out, at the places that differ and nowhere else.

mod expressions;
mod grants;
mod identities;
mod keys;
mod names;
mod policies;
mod queries;
mod show;
mod tables;
mod views;
mod windows;

use std::ops::Range;

pub use views::makes_late_view;

use super::settings::own_default;
use super::{NOTHING, Refusal, SessionContext, Statement, Verdict, is_name, procedures, splice};

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
        self.replace(statement, &(at..at + 1), text);
    }

    fn replace(&mut self, statement: &Statement<'_>, tokens: &Range<usize>, text: &str) {
        self.edits.push((statement.span(tokens), text.to_owned()));
    }

    fn insert_before(&mut self, statement: &Statement<'_>, at: usize, text: &str) {
        let start = statement.tokens[at].span.start;
        self.edits.push((start..start, text.to_owned()));
    }

    fn insert_behind(&mut self, statement: &Statement<'_>, at: usize, text: &str) {
        let end = statement.tokens[at].span.end;
        self.edits.push((end..end, text.to_owned()));
    }

    /// Takes out what the grammar says that `PostgreSQL` has nothing for.
    fn take_out(&mut self, statement: &Statement<'_>) {
        for found in statement.parsed.labelled("storage") {
            self.cut(statement, found.start, found.end, Some("storage"));
        }
        for found in statement.parsed.labelled("note") {
            self.cut(statement, found.start, found.end, Some("not enforced"));
        }
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

/// Nothing is done, and noted.
fn noted(notes: Vec<String>) -> Verdict {
    Verdict::Rewrite { before: None, sql: NOTHING.to_owned(), notes }
}

/// Something comes first.
fn with(before: Option<String>, verdict: Verdict, statement: &Statement<'_>) -> Verdict {
    match verdict {
        Verdict::Rewrite { sql, notes, .. } => Verdict::Rewrite { before, sql, notes },
        Verdict::Forward if before.is_some() => {
            Verdict::Rewrite { before, sql: statement.text.to_owned(), notes: Vec::new() }
        }
        other => other,
    }
}

/// What becomes of a statement that isn't refused.
pub(super) fn apply(statement: &Statement<'_>, context: &SessionContext) -> Verdict {
    as_a_whole(statement, context).unwrap_or_else(|| in_places(statement, context))
}

/// Statements in whose place something else is sent.
fn as_a_whole(statement: &Statement<'_>, context: &SessionContext) -> Option<Verdict> {
    let is_only_noted = statement.starts_with(&["ALTER", "SYSTEM"])
        || ["COPY", "UNLOAD"].iter().any(|word| statement.starts_with(&[word]))
        || statement.starts_with(&["ANALYZE", "COMPRESSION"]);
    if is_only_noted {
        return Some(noted(vec![format!("not done: {}", statement.text)]));
    }
    // DG/r_CANCEL
    if statement.starts_with(&["CANCEL"]) {
        return Some(instead(format!("SELECT pg_cancel_backend({})", statement.written(&(1..2)))));
    }
    policies::apply(statement)
        .or_else(|| identities::apply(statement, context))
        .or_else(|| grants::apply(statement, context))
        .or_else(|| show::apply(statement))
        .or_else(|| views::apply(statement, context))
        .or_else(|| external_schema(statement))
        .or_else(|| seed(statement))
        .or_else(|| nothing_left(statement))
}

/// Statements that differ in places.
fn in_places(statement: &Statement<'_>, context: &SessionContext) -> Verdict {
    let mut edits = Edits::default();
    let starts = |words: &[&str]| statement.starts_with(words);
    edits.take_out(statement);
    names::apply(statement, context, &mut edits);
    if starts(&["CREATE", "DATABASE"]) || starts(&["ALTER", "DATABASE"]) {
        if let Some(at) = statement.find(&["LIMIT", "UNLIMITED"]) {
            edits.put(statement, at + 1, "-1");
        }
        // The catalogue that each database has is copied as files, in a fifth of the time that it takes by way of the log.
        if starts(&["CREATE"]) {
            edits.insert_behind(statement, statement.tokens.len() - 1, " STRATEGY file_copy");
        }
    } else if starts(&["DROP", "DATABASE"]) {
        // FORCE is a word of its own on Redshift. DG/r_DROP_DATABASE
        if statement.is(3, "FORCE") {
            edits.put(statement, 3, "WITH (FORCE)");
        }
    } else if statement.creates("TABLE") || starts(&["ALTER", "TABLE"]) {
        tables::table(statement, &mut edits);
        keys::apply(statement, &mut edits);
    } else if statement.creates("PROCEDURE") || statement.creates("FUNCTION") {
        edits.edits.extend(procedures::rewrite(statement, &mut edits.notes));
        routine(statement, &mut edits);
    } else if starts(&["SHOW"]) || starts(&["SET"]) || starts(&["RESET"]) {
        setting(statement, &mut edits);
    }
    queries::apply(statement, context, &mut edits);
    expressions::apply(statement, context, &mut edits);
    // DG/r_LOCK: outside of a transaction it is let go at once; PostgreSQL wants one, be it that of this message.
    let alone = starts(&["LOCK"]) && !context.in_transaction;
    let alone = alone.then(|| "SET redshift.alone TO ''".to_owned());
    with(
        // One statement comes first: what reaches into another database goes without the lock.
        alone
            .or_else(|| queries::reached(statement, context, true))
            .or_else(|| exclusive_write(statement, context))
            .or_else(|| queries::freshened(statement, context)),
        edits.verdict(statement),
        statement,
    )
}

/// Types of arguments have lengths as columns have them; an OUT argument isn't given in CALL.
fn routine(statement: &Statement<'_>, edits: &mut Edits) {
    let Some(list) = statement.parsed.labelled("arguments").next() else { return };
    for argument in statement.arguments(list.start) {
        for at in argument.clone() {
            tables::data_type(statement, at, edits);
        }
        if let Some(mode) = argument.clone().find(|at| statement.is(*at, "OUT")) {
            edits.put(statement, mode, "INOUT");
            edits.insert_behind(statement, argument.end - 1, " DEFAULT NULL");
        }
    }
}

/// Storage and quotas alone: the table is looked for all the same, by a statement that changes nothing.
fn nothing_left(statement: &Statement<'_>) -> Option<Verdict> {
    let mut edits = Edits::default();
    edits.take_out(statement);
    if statement.starts_with(&["ALTER", "TABLE"]) || statement.starts_with(&["ALTER", "MATERIALIZED", "VIEW"]) {
        // Of a column that is added, the rest is left.
        let storage = statement.parsed.labelled("storage").next().filter(|_| statement.find(&["ADD"]).is_none())?;
        let head = &statement.text[..statement.tokens[storage.start].span.start];
        return Some(Verdict::Rewrite { before: None, sql: format!("{head}RESET (fillfactor)"), notes: edits.notes });
    }
    let is_bare = statement.starts_with(&["ALTER", "SCHEMA"]) && statement.find(&["TO"]).is_none()
        || statement.starts_with(&["ALTER", "DATABASE"])
            && statement.find(&["TO"]).is_none()
            && statement.find(&["LIMIT"]).is_none();
    is_bare.then(|| noted(edits.notes))
}

/// `CREATE EXTERNAL SCHEMA`: what it points to isn't here. DG/`r_CREATE_EXTERNAL_SCHEMA`
fn external_schema(statement: &Statement<'_>) -> Option<Verdict> {
    if !statement.starts_with(&["CREATE", "EXTERNAL", "SCHEMA"]) {
        return None;
    }
    let if_not_exists = statement.find(&["IF", "NOT", "EXISTS"]) == Some(3);
    let name = statement.names("name").into_iter().next()?;
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

/// A write locks the whole table until its transaction ends. DG/`c_write_readwrite`
fn exclusive_write(statement: &Statement<'_>, context: &SessionContext) -> Option<String> {
    let verb = statement.verb();
    let start = if statement.is(verb, "UPDATE") {
        verb + 1
    } else if statement.is(verb, "DELETE") {
        if statement.is(verb + 1, "FROM") { verb + 2 } else { verb + 1 }
    } else {
        return None;
    };
    // A temporary table is nobody else's.
    if statement.is(start, "#") {
        return None;
    }
    let mut end = start + 1;
    while statement.is(end, ".") {
        end += 2;
    }
    let table = statement.written(&(start..end));
    let table = if context.case_sensitive { table.to_owned() } else { table.to_lowercase() };
    Some(format!("LOCK TABLE {table} IN EXCLUSIVE MODE"))
}

/// Settings that only Redshift has are kept under a prefix.
fn setting(statement: &Statement<'_>, edits: &mut Edits) {
    let Some(found) = statement.parsed.labelled("setting").next() else { return };
    let name = statement.written(&found).to_lowercase();
    let Some(default) = own_default(&name) else { return };
    if statement.starts_with(&["SHOW"]) {
        let value = format!("pg_catalog.rdsdb_setting({}, {})", literal(&format!("redshift.{name}")), literal(default));
        edits.replace(statement, &(0..statement.tokens.len()), &format!("SELECT {value} AS {name}"));
    } else {
        edits.replace(statement, &found, &format!("redshift.{name}"));
    }
}

#[cfg(test)]
mod tests;
