//! Logs.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

/// How log lines look.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: an object a line.
    Json,
}

/// Starts logging to standard error.
///
/// `filter` is a level, or directives such as `info,redshift_integration_operator=debug`.
pub fn start(format: LogFormat, filter: &str) -> Result<(), ParseError> {
    // tokio-postgres logs whole statements, passwords' digests included, below `info`: no filter may
    // turn that on. The directives behind the user's win.
    let filter = EnvFilter::builder()
        .parse(filter)?
        .add_directive("tokio_postgres=info".parse()?)
        .add_directive("postgres_protocol=info".parse()?);
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => builder.json().init(),
    }
    Ok(())
}
