//! `validate`: says whether manifests are right.

mod schema_only;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::output::{self, Ending};

const EXAMPLES: &str = "\
Examples:
  # Before a commit, or in a pipeline: every manifest of a folder, without a cluster
  redshift-integration-operator validate --schema-only -f deploy/

  # What a tool has rendered
  helm template . | redshift-integration-operator validate --schema-only -f -

  # As a document, for a pipeline that makes something of it
  redshift-integration-operator validate --schema-only -o json -f integration.yaml

Exit codes: 0 all is right, 1 something is wrong, 2 a file can't be read or there is no RedshiftIntegration in any.";

/// How the result is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// Lines to be read
    Table,
    /// A JSON document
    Json,
    /// A YAML document
    Yaml,
}

/// The command's arguments.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// A file, a folder with all manifests in and below it, or - for standard input; can be given several times
    #[arg(short, long = "file", value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Check the manifests against the custom resource definition alone: fields, values and rules, as the API server does.
    /// Neither a cluster nor a warehouse is needed
    #[arg(long)]
    schema_only: bool,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Does what was asked for.
pub fn run(arguments: &Arguments) -> Ending {
    if arguments.schema_only {
        return schema_only::schema_only(&arguments.files, arguments.output);
    }
    output::error("validation in a warehouse is not built yet; use --schema-only");
    Ending::Usage
}
