//! `crd`: prints the custom resource definition.

use std::process::ExitCode;

use crate::api::crd_yaml;

/// Prints it to standard output.
pub fn print() -> ExitCode {
    print!("{}", crd_yaml());
    ExitCode::SUCCESS
}
