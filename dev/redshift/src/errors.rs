//! Errors in the fields and the words that Redshift's servers send.
//!
//! AWS documents neither. What is here was seen on the wire: errors that people posted with all their fields, in the
//! threads that stand beside the rules.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::protocol::Frame;

/// Where the sources lie on the machine that builds Redshift: field `F`.
/// <https://github.com/dbt-labs/dbt-redshift/pull/891>
const SOURCES: &str = "/home/ec2-user/padb/src/pg/src/backend/";

/// Fields that a server of `PostgreSQL` 8.0 has; `V`, and the names of tables and columns, came later.
const FIELDS: &[u8] = b"SCMDHPpqWFLR";

/// Numbers of queries, which go up.
static QUERY: AtomicU64 = AtomicU64::new(4_777_555);

fn next_query() -> u64 {
    QUERY.fetch_add(1, Ordering::Relaxed)
}

/// An error or a notice, taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServerError {
    fields: Vec<(u8, Vec<u8>)>,
}

impl ServerError {
    /// An error of the stand-in's own.
    pub(crate) fn new(sqlstate: &str, message: impl Into<Vec<u8>>) -> Self {
        let mut error = Self::default();
        error.set(b'S', "ERROR");
        error.set(b'C', sqlstate);
        error.set(b'M', message);
        let (file, line, routine) = match sqlstate {
            "42601" => ("parser/parser_scan.l", "828", "yyerror"),
            "28000" => ("libpq/auth.c", "496", "auth_failed"),
            _ => ("tcop/postgres.c", "1", "stand_in"),
        };
        error.set(b'F', format!("{SOURCES}{file}"));
        error.set(b'L', line);
        error.set(b'R', routine);
        error
    }

    /// One that ends the session.
    pub(crate) fn fatal(sqlstate: &str, message: &str) -> Self {
        let mut error = Self::new(sqlstate, message);
        error.set(b'S', "FATAL");
        error
    }

    /// A notice.
    pub(crate) fn notice(message: &str) -> Self {
        let mut notice = Self::new("00000", message);
        notice.set(b'S', "NOTICE");
        notice
    }

    /// With a hint.
    pub(crate) fn hint(mut self, hint: &str) -> Self {
        self.set(b'H', hint);
        self
    }

    /// With a DETAIL; `{query}` and `{pid}` in it stand for numbers that differ from try to try.
    pub(crate) fn detail(mut self, detail: &str) -> Self {
        let query = next_query();
        let detail = detail.replace("{query}", &query.to_string()).replace("{pid}", &(query % 32_768).to_string());
        self.set(b'D', detail);
        self
    }

    fn read(frame: &Frame) -> Self {
        let fields = frame
            .body
            .split(|byte| *byte == 0)
            .filter_map(|part| part.split_first())
            .filter(|(field, _)| FIELDS.contains(field))
            .map(|(field, text)| (*field, text.to_vec()));
        Self { fields: fields.collect() }
    }

    fn get(&self, field: u8) -> String {
        let found = self.fields.iter().find(|(name, _)| *name == field);
        found.map(|(_, text)| String::from_utf8_lossy(text).into_owned()).unwrap_or_default()
    }

    fn set(&mut self, field: u8, text: impl Into<Vec<u8>>) {
        self.drop_field(field);
        let place = |field: u8| FIELDS.iter().position(|known| *known == field);
        let at = self.fields.iter().position(|(name, _)| place(*name) > place(field)).unwrap_or(self.fields.len());
        self.fields.insert(at, (field, text.into()));
    }

    fn drop_field(&mut self, field: u8) {
        self.fields.retain(|(name, _)| *name != field);
    }

    /// The message on the wire.
    pub(crate) fn frame(&self) -> Frame {
        let kind = if self.get(b'S') == "NOTICE" { b'N' } else { b'E' };
        self.frame_of(kind)
    }

    fn frame_of(&self, kind: u8) -> Frame {
        let mut body = Vec::new();
        for (field, text) in &self.fields {
            body.push(*field);
            // A zero byte would end the field.
            body.extend(text.iter().filter(|byte| **byte != 0));
            body.push(0);
        }
        body.push(0);
        Frame::new(kind, body)
    }
}

/// An error or a notice of `PostgreSQL` 15's, as Redshift sends it. `statement` is what the client asked.
pub(crate) fn as_redshift(frame: &Frame, statement: &str) -> Frame {
    let mut error = ServerError::read(frame);
    let file = error.get(b'F');
    if !file.is_empty() && !file.starts_with('/') {
        error.set(b'F', format!("{SOURCES}{file}"));
    }
    if frame.kind == b'E' {
        reword(&mut error, statement);
    }
    error.frame_of(frame.kind)
}

fn reword(error: &mut ServerError, statement: &str) {
    let (sqlstate, message) = (error.get(b'C'), of_databases(&error.get(b'M')));
    error.set(b'M', message.as_str());
    match sqlstate.as_str() {
        // aws/amazon-redshift-jdbc-driver#21
        "28P01" => {
            error.set(b'C', "28000");
            error.set(b'F', format!("{SOURCES}libpq/auth.c"));
        }
        // brianc/node-postgres#1155; the code isn't shown there.
        "53300" if message.contains("too many clients") || message.contains("connection slots") => {
            error.set(b'M', "connection limit \"60\" exceeded for non-bootstrap users");
        }
        // awslabs/amazon-redshift-utils#174: of a cancelled statement and of one that took too long.
        "57014" => error.set(b'M', format!("Query ({}) cancelled on user's request", next_query())),
        // aws/aws-sdk-pandas#665
        "40001" => *error = conflict(),
        // awslabs/amazon-redshift-utils#648, dbeaver/dbeaver#39984
        "42501" => error.set(b'M', of_relations(&message)),
        // brainly/terraform-provider-redshift#139; the DETAIL came with PostgreSQL 8.4.
        "23505" => {
            error.set(b'M', message.replace("duplicate key value violates", "duplicate key violates"));
            error.drop_field(b'D');
        }
        // frankfarrell/redshift-tools#14
        "42710" | "42704" => error.set(b'M', of_users(&message, statement)),
        // What depends on it came in notices, and who is connected not at all: PostgreSQL 8.0's texts have no DETAIL.
        "2BP01" | "55006" => error.drop_field(b'D'),
        _ => {}
    }
}

/// Error 1023. <https://docs.aws.amazon.com/redshift/latest/dg/c_serial_isolation.html>
fn conflict() -> ServerError {
    let transaction = next_query();
    ServerError::new("XX000", "1023").detail(&format!(
        "Serializable isolation violation on table - {}, transactions forming the cycle are: {transaction}, {} (pid:{{pid}})",
        transaction % 1_000_000,
        transaction + 17,
    ))
}

/// Relations of other databases are in schemas of the stand-in's own.
fn of_databases(message: &str) -> String {
    match message.strip_prefix("permission denied for schema rdsdb:").and_then(|name| name.split_once('.')) {
        Some((_, schema)) => format!("permission denied for schema {schema}"),
        None => message.replace("rdsdb:", ""),
    }
}

/// Tables, views and the rest are all relations in `PostgreSQL` 8.0's words.
fn of_relations(message: &str) -> String {
    for start in ["permission denied for ", "must be owner of "] {
        for kind in ["table ", "view ", "materialized view ", "sequence ", "foreign table "] {
            if let Some(name) = message.strip_prefix(&format!("{start}{kind}")) {
                return format!("{start}relation {name}");
            }
        }
    }
    message.to_owned()
}

/// `PostgreSQL` has roles where Redshift has users, groups and roles. What the statement creates tells which it is;
/// else it is a user's name, since those of groups and roles are looked up by the catalogue's own procedures.
fn of_users(message: &str, statement: &str) -> String {
    let Some(rest) = message.strip_prefix("role \"") else { return message.to_owned() };
    let words: Vec<_> = statement.split_whitespace().take(2).map(str::to_uppercase).collect();
    let kind = match words.get(1).map(String::as_str) {
        Some("GROUP") => "group",
        Some("ROLE") => "role",
        _ => "user",
    };
    format!("{kind} \"{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn postgres(fields: &[(u8, &str)]) -> Frame {
        let mut body = Vec::new();
        for (field, text) in fields {
            body.push(*field);
            body.extend(text.as_bytes());
            body.push(0);
        }
        body.push(0);
        Frame::new(b'E', body)
    }

    #[test]
    fn fields_that_came_after_8_0_are_left_out_and_the_file_is_a_path() {
        let frame = postgres(&[
            (b'S', "ERROR"),
            (b'V', "ERROR"),
            (b'C', "42P01"),
            (b'M', "relation \"t\" does not exist"),
            (b't', "t"),
            (b'F', "parse_relation.c"),
            (b'L', "1381"),
            (b'R', "parserOpenTable"),
        ]);
        let frame = as_redshift(&frame, "SELECT 1 FROM t");
        assert_eq!((frame.field(b'V'), frame.field(b't')), (None, None));
        let file = frame.field(b'F').unwrap_or_default();
        assert!(file.starts_with('/') && file.ends_with("parse_relation.c"), "{file}");
        assert_eq!(frame.field(b'M').as_deref(), Some("relation \"t\" does not exist"));
    }

    #[test]
    fn the_words_are_those_that_were_seen() {
        for (code, message, statement, expected_code, expected) in [
            ("42501", "permission denied for table t", "", "42501", "permission denied for relation t"),
            ("42501", "permission denied for schema s", "", "42501", "permission denied for schema s"),
            ("42501", "must be owner of view v", "", "42501", "must be owner of relation v"),
            ("42710", "role \"u\" already exists", "create user u", "42710", "user \"u\" already exists"),
            ("42710", "role \"g\" already exists", "CREATE GROUP g", "42710", "group \"g\" already exists"),
            ("42704", "role \"u\" does not exist", "GRANT SELECT ON t TO u", "42704", "user \"u\" does not exist"),
            (
                "23505",
                "duplicate key value violates unique constraint \"k\"",
                "",
                "23505",
                "duplicate key violates unique constraint \"k\"",
            ),
            ("40001", "could not serialize access", "", "XX000", "1023"),
            (
                "28P01",
                "password authentication failed for user \"x\"",
                "",
                "28000",
                "password authentication failed for user \"x\"",
            ),
        ] {
            let frame = as_redshift(&postgres(&[(b'S', "ERROR"), (b'C', code), (b'M', message)]), statement);
            assert_eq!(frame.field(b'M').as_deref(), Some(expected));
            assert_eq!(frame.field(b'C').as_deref(), Some(expected_code));
        }
    }

    #[test]
    fn numbers_in_a_detail_differ_from_try_to_try() {
        let detail = || ServerError::new("XX000", "Disk Full").detail("query: {query} [pid={pid}]").get(b'D');
        assert_ne!(detail(), detail());
        assert!(!detail().contains('{'));
    }
}
