//! `man` and `completions`: what a package of the program installs beside it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::Shell;

use super::output::{self, Ending};

const COMPLETIONS: &str = "\
Examples:
  redshift-integration-operator completions bash > /etc/bash_completion.d/redshift-integration-operator
  source <(redshift-integration-operator completions zsh)";

const PAGES: &str = "\
Examples:
  redshift-integration-operator man | man -l -            the first page, which lists the commands
  redshift-integration-operator man --out /usr/local/share/man/man1";

/// Of `completions`.
#[derive(Args, Debug)]
#[command(after_help = COMPLETIONS)]
pub struct CompletionArguments {
    /// For which shell
    shell: Shell,
}

/// Of `man`.
#[derive(Args, Debug)]
#[command(after_help = PAGES)]
pub struct PageArguments {
    /// Write a page for each command into this folder, instead of printing the first
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Prints what a shell needs to complete the command line.
pub fn completions(arguments: &CompletionArguments, mut command: Command) -> ExitCode {
    let (name, mut text) = (command.get_name().to_owned(), Vec::new());
    clap_complete::generate(arguments.shell, &mut command, name, &mut text);
    output::print(String::from_utf8_lossy(&text));
    Ending::Success.into()
}

/// Prints the manual page, or writes those of all commands.
pub fn pages(arguments: &PageArguments, command: Command) -> ExitCode {
    let written = if let Some(folder) = &arguments.out {
        write_pages(folder, command)
    } else {
        let mut text = Vec::new();
        clap_mangen::Man::new(command).render(&mut text).map(|()| output::print(String::from_utf8_lossy(&text)))
    };
    match written {
        Ok(()) => Ending::Success.into(),
        Err(error) => {
            let folder = arguments.out.as_deref().map(|folder| format!("{}: ", folder.display())).unwrap_or_default();
            output::error(format!("{folder}{error}"));
            Ending::Failure.into()
        }
    }
}

fn write_pages(folder: &Path, command: Command) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(command, folder)
}
