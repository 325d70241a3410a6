//! `crd`: prints the custom resource definition.

use std::process::ExitCode;

use super::output::{self, Ending};
use crate::api::crd_yaml;

/// Prints it to standard output.
pub fn print() -> ExitCode {
    output::print(crd_yaml());
    Ending::Success.into()
}
