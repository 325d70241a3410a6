//! The command line.

mod cluster;
mod convert;
mod crd;
mod datasource;
mod input;
mod manifest;
mod manual_pages;
mod output;
mod requests;
mod run;
mod schema;
mod scripts;
mod status;
mod validate;
mod values;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::operator::signals::Signals;

/// Sets up, watches over and removes an access-governance integration in Amazon Redshift.
///
/// In a cluster it runs as an operator (`run`) and works on resources of the kind `RedshiftIntegration`. The other commands are for
/// people and pipelines: some look into a cluster, with the rights of whoever runs them, others need none. Installed as
/// `kubectl-rsi` on the PATH it is a plugin: `kubectl rsi status`.
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
    /// Print the custom resource definitions, ready for `kubectl apply -f -`
    Crd(crd::Arguments),
    /// Print the SQL that would be run for a resource, without running it
    Scripts(scripts::Arguments),
    /// Show what goes on with resources, why they aren't ready, and what can be done
    Status(status::Arguments),
    /// Have the operator look at a resource now
    Check(requests::WaitingArguments),
    /// Have the operator rotate the passwords of an integration
    Rotate(requests::WaitingArguments),
    /// Stop all work on a resource but its deletion
    Suspend(requests::Arguments),
    /// Go on with a resource that was suspended
    Resume(requests::Arguments),
    /// Have everything in the warehouse stay when a resource is deleted
    Retain(requests::Arguments),
    /// Confirm a deletion with which others' work is lost: shows what, and asks
    ConfirmDelete(requests::ConfirmArguments),
    /// Print what a shell needs to complete this command line
    Completions(manual_pages::CompletionArguments),
    /// Print the manual page
    Man(manual_pages::PageArguments),
    /// Turn payloads of the API that this operator takes the place of into manifests
    Convert(convert::Arguments),
    /// Say whether manifests are right, before they are applied
    Validate(validate::Arguments),
    /// Make manifests of data sources
    #[command(name = "datasource", subcommand)]
    DataSource(datasource::Command),
}

/// Of a program that ended because it was asked to, as shells have it.
const INTERRUPTED: u8 = 130;

/// As kubectl finds a plugin: then it is called as `kubectl rsi`.
const PLUGIN: &str = "kubectl-rsi";

impl Cli {
    /// Reads the command line; a wrong one, and a question for help, end the process.
    #[must_use]
    pub fn read() -> Self {
        let mut arguments = std::env::args_os();
        let program = arguments.next().map(PathBuf::from);
        let is_plugin = program.as_deref().and_then(Path::file_stem).is_some_and(|name| name == PLUGIN);
        let mut command = Self::command();
        if is_plugin {
            command = command.name(PLUGIN).bin_name("kubectl rsi");
        }
        Self::from_arg_matches(&command.get_matches()).unwrap_or_else(|error| error.exit())
    }

    /// Does what was asked for. Exit codes: 0 for success, 1 for a failure, 2 for a wrong command line or a file that can't be read, 3
    /// where a warehouse or the API server wasn't reached, 130 when interrupted.
    pub async fn execute(self, signals: Signals) -> ExitCode {
        match self.command {
            Command::Run(arguments) => run::run(*arguments, signals).await,
            Command::Crd(arguments) => unless_interrupted(move || crd::print(&arguments), signals).await,
            Command::Convert(arguments) => unless_interrupted(move || convert::print(&arguments), signals).await,
            Command::Completions(arguments) => manual_pages::completions(&arguments, Self::command()),
            Command::Man(arguments) => manual_pages::pages(&arguments, Self::command()),
            Command::Status(arguments) => until_interrupted(status::run(arguments), signals).await,
            Command::Check(arguments) => until_interrupted(requests::check(arguments), signals).await,
            Command::Rotate(arguments) => until_interrupted(requests::rotate(arguments), signals).await,
            Command::Suspend(arguments) => until_interrupted(requests::suspend(arguments), signals).await,
            Command::Resume(arguments) => until_interrupted(requests::resume(arguments), signals).await,
            Command::Retain(arguments) => until_interrupted(requests::retain(arguments), signals).await,
            Command::ConfirmDelete(arguments) => until_interrupted(requests::confirm_delete(arguments), signals).await,
            Command::Scripts(arguments) => unless_interrupted(move || scripts::print(&arguments).into(), signals).await,
            Command::Validate(arguments) if arguments.is_schema_only() => {
                unless_interrupted(move || validate::schema_only(&arguments).into(), signals).await
            }
            Command::DataSource(datasource::Command::Generate(arguments)) => {
                until_interrupted(datasource::generate(arguments), signals).await
            }
            Command::Validate(arguments) => until_interrupted(validate::run(arguments), signals).await,
        }
    }
}

/// Does something that may wait for long.
async fn until_interrupted(work: impl Future<Output = ExitCode>, signals: Signals) -> ExitCode {
    tokio::select! {
        code = work => code,
        () = signals.first() => ExitCode::from(INTERRUPTED),
    }
}

/// Does something that may read what never ends.
async fn unless_interrupted(work: impl FnOnce() -> ExitCode + Send + 'static, signals: Signals) -> ExitCode {
    tokio::select! {
        code = tokio::task::spawn_blocking(work) => code.unwrap_or(ExitCode::FAILURE),
        () = signals.first() => ExitCode::from(INTERRUPTED),
    }
}
