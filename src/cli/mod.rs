//! The command line.

mod crd;
mod input;
mod manifest;
mod output;
mod run;
mod scripts;
mod values;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::operator::signals::Signals;

/// Sets up, watches over and removes an access-governance integration in Amazon Redshift.
///
/// In a cluster it runs as an operator (`run`) and works on resources of the kind `RedshiftIntegration`.
/// The other commands need no cluster.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the operator
    Run(Box<run::Arguments>),
    /// Print the custom resource definition, ready for `kubectl apply -f -`
    Crd,
    /// Print the SQL that would be run for a resource, without running it
    Scripts(scripts::Arguments),
}

/// Of a program that ended because it was asked to, as shells have it.
const INTERRUPTED: u8 = 130;

impl Cli {
    /// Does what was asked for. Exit codes: 0 for success, 1 for a failure, 2 for a wrong command line.
    pub async fn execute(self, signals: Signals) -> ExitCode {
        match self.command {
            Command::Run(arguments) => run::run(*arguments, signals).await,
            Command::Crd => unless_interrupted(crd::print, signals).await,
            Command::Scripts(arguments) => unless_interrupted(move || scripts::print(&arguments), signals).await,
        }
    }
}

/// Does something that may read what never ends.
async fn unless_interrupted(work: impl FnOnce() -> ExitCode + Send + 'static, signals: Signals) -> ExitCode {
    tokio::select! {
        code = tokio::task::spawn_blocking(work) => code.unwrap_or(ExitCode::FAILURE),
        () = signals.first() => ExitCode::from(INTERRUPTED),
    }
}
