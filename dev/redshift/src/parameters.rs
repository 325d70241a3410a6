//! What the server says of itself and of the session: `ParameterStatus`.
//!
//! AWS doesn't document it. The names and values are those in logs of AWS's JDBC driver:
//! <https://github.com/aws/amazon-redshift-jdbc-driver/issues/115>, and issues 6, 38 and 39.

use crate::dialect::SessionContext;
use crate::protocol::Frame;

/// What Redshift's servers say and `PostgreSQL` doesn't.
const OWN: &[(&str, &str)] = &[
    ("case_sensitive", "on"),
    ("timezone_abbreviations", "Default"),
    ("padb_version", "1.0.122103"),
    ("padb_revision", "5e1d0a7c93"),
    ("max_numeric_precision", "38"),
    ("max_varchar_size", "65535"),
    ("datashare_enabled", "on"),
    ("external_database", "off"),
    // Redshift says 2: further columns in the descriptions of rows, and numbers in binary. What is relayed here are
    // PostgreSQL's messages, so drivers must keep to the base.
    ("server_protocol_version", "0"),
    // From 4 on AWS's drivers ask with SHOW DATABASES and its kind, which `tests/driver.rs` and `clients/run` go through; from 5 on
    // for whole databases at once, by forms that the guide doesn't have yet.
    ("show_discovery", "4"),
];

fn status(name: &str, value: &str) -> Frame {
    Frame::new(b'S', [name.as_bytes(), &[0], value.as_bytes(), &[0]].concat())
}

/// What is said of a session before it is ready, besides what `PostgreSQL` says.
pub(crate) fn at_login(session: u64) -> Vec<Frame> {
    let id = status("session_id", &format!("00000000-0000-4000-8000-{session:012x}"));
    OWN.iter().map(|(name, value)| status(name, value)).chain([id]).collect()
}

/// What the server says of itself, as Redshift would; and what it says of who the session is, which
/// `SET SESSION AUTHORIZATION` and the end of its transaction change.
pub(crate) fn reported(frame: &Frame, context: &mut SessionContext) -> Option<Frame> {
    let name = frame.text();
    let value = Frame::new(0, frame.body.get(name.len() + 1..).unwrap_or_default()).text();
    match name.as_str() {
        "is_superuser" => context.superuser = value == "on",
        "session_authorization" => context.user.clone_from(&value),
        _ => {}
    }
    // What isn't here came after PostgreSQL 8.0. standard_conforming_strings would make clients write E'…', which
    // Redshift doesn't know: sqlalchemy/sqlalchemy#9494.
    match name.as_str() {
        "server_version" => Some(status(&name, "8.0.2")),
        "client_encoding" | "server_encoding" if value == "UTF8" => Some(status(&name, "UNICODE")),
        "DateStyle" => Some(status("datestyle", &value)),
        "application_name" if value.is_empty() => Some(status(&name, "unset")),
        "application_name"
        | "client_encoding"
        | "integer_datetimes"
        | "is_superuser"
        | "server_encoding"
        | "session_authorization"
        | "TimeZone" => Some(frame.clone()),
        _ => None,
    }
}
