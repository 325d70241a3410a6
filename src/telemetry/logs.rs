//! Logs.

use clap::ValueEnum;
use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, ParseError, filter_fn};
use tracing_subscriber::prelude::*;

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: an object a line.
    Json,
}

/// Crates that log whole statements, passwords' digests included, below `info`.
const TALKATIVE: [&str; 2] = ["tokio_postgres", "postgres_protocol"];

/// Starts logging to standard error.
///
/// `filter` is a level, or directives such as `info,redshift_integration_operator=debug`. None of them
/// makes the database driver log statements.
pub fn start(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    let wanted = EnvFilter::builder().parse(filter)?;
    // A layer of its own: any directive could be outdone by a more specific one.
    let safe = filter_fn(|metadata| {
        *metadata.level() <= Level::INFO || !TALKATIVE.iter().any(|name| metadata.target().starts_with(name))
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(safe).with_filter(wanted)).init();
    Ok(())
}
