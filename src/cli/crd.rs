//! `crd`: prints the custom resource definitions.

use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser;

use super::output::{self, Ending};
use crate::api::{Kind, crds_yaml};

/// Which definitions are printed.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The one of this kind alone; all of them without it
    #[arg(value_name = "KIND", value_parser = kinds())]
    kind: Option<Kind>,
}

fn kinds() -> impl TypedValueParser<Value = Kind> {
    let plurals = Kind::ALL.map(Kind::plural);
    PossibleValuesParser::new(plurals).map(|plural| {
        Kind::ALL.into_iter().find(|kind| kind.plural() == plural).expect("only the names of kinds are taken")
    })
}

/// Prints them to standard output.
pub fn print(arguments: &Arguments) -> ExitCode {
    output::print(arguments.kind.map_or_else(crds_yaml, Kind::crd_yaml));
    Ending::Success.into()
}
