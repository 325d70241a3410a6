//! The command line.

mod crd;
mod manifest;
mod run;
mod scripts;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Run(run::Arguments),
    /// Print the custom resource definition, ready for `kubectl apply -f -`
    Crd,
    /// Print the SQL that would be run for a resource, without running it
    Scripts(scripts::Arguments),
}

impl Cli {
    /// Does what was asked for. Exit codes: 0 for success, 1 for a failure, 2 for a wrong command line.
    pub async fn execute(self) -> ExitCode {
        match self.command {
            Command::Run(arguments) => run::run(arguments).await,
            Command::Crd => crd::print(),
            Command::Scripts(arguments) => scripts::print(&arguments),
        }
    }
}
