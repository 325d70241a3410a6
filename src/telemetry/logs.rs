//! Logs.

use clap::ValueEnum;
use tracing::{Level, error};
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

/// Crates that log whole statements, passwords' digests included, or requests with what proves who asks, below `info`.
const TALKATIVE: [&str; 4] = ["tokio_postgres", "postgres_protocol", "aws_", "reqwest"];

/// The API server's client logs an answer that it can't read, which may be a Secret, at `warn`. What matters of these
/// errors is logged by whoever asked.
const QUOTES_ANSWERS: &str = "kube_client::client";

/// They warn at each try of what is tried every few seconds; whoever tries says why it fails, once.
const SAYS_IT_EACH_TIME: [&str; 2] = ["kube_client::client::builder", "kube_runtime::watcher"];

/// Whether it is to be logged: it can't hold a secret, and isn't said already.
fn is_fit(level: Level, target: &str) -> bool {
    is_safe(level, target) && !(level <= Level::WARN && SAYS_IT_EACH_TIME.contains(&target))
}

/// Whether what is logged there can't hold a secret.
fn is_safe(level: Level, target: &str) -> bool {
    target != QUOTES_ANSWERS && (level <= Level::INFO || !TALKATIVE.iter().any(|name| target.starts_with(name)))
}

/// Starts logging to standard error.
///
/// `filter` is a level, or directives such as `info,redshift_integration_operator=debug`. None of them
/// makes the database driver log statements.
pub fn start(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    let wanted = EnvFilter::builder().parse(filter)?;
    // A layer of its own: any directive could be outdone by a more specific one.
    let safe = filter_fn(|metadata| is_fit(*metadata.level(), metadata.target()));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(safe).with_filter(wanted)).init();
    Ok(())
}

/// Logs panics in our own words. Those of a formatted text may quote anything, such as the value that an `unwrap` met; a
/// text that stands in the program can't.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        let said = panic.payload().downcast_ref::<&'static str>();
        error!(location, said, "panicked; this is a mistake in the operator");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_once_is_not_said_at_each_try_by_others() {
        assert!(!is_fit(Level::ERROR, "kube_client::client::builder"));
        assert!(!is_fit(Level::WARN, "kube_runtime::watcher"));
        assert!(is_fit(Level::DEBUG, "kube_client::client::builder"));
        assert!(is_fit(Level::WARN, "redshift_integration_operator::operator::follow"));
    }

    #[test]
    fn what_could_quote_a_statement_or_a_secret_is_not_logged() {
        assert!(!is_safe(Level::DEBUG, "tokio_postgres::query"));
        assert!(!is_safe(Level::WARN, "kube_client::client"));
        assert!(is_safe(Level::TRACE, "redshift_integration_operator::controller"));
        assert!(is_safe(Level::DEBUG, "kube_client::client::builder"));
    }
}
