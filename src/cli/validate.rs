//! `validate`: says whether manifests are right, and whether the warehouse is ready for them.

mod credentials;
mod files;
mod online;
mod schema_only;
mod views;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use kube::Resource;
use serde::Serialize;

use super::manifest::{Found, Manifests};
use super::output::{self, Ending};
use super::status::Layout;
use super::values::namespace;
use crate::api::RedshiftIntegration;
use files::Files;
use online::Report;
pub use online::{Options, Ready, UNREACHABLE, ready};

const EXAMPLES: &str = "\
Examples:
  # All of the operator's tests, with the credentials of a Secret's manifest, or asking for them
  redshift-integration-operator validate -f integration.yaml -f secret.yaml
  redshift-integration-operator validate -f integration.yaml

  # The same in a pipeline
  REDSHIFT_USERNAME=… REDSHIFT_PASSWORD=… redshift-integration-operator validate -o json -f integration.yaml

  # What was set up: as its system account
  kubectl -n data get rsi analytics -o yaml > integration.yaml
  kubectl -n data get secret analytics-system-account -o yaml | redshift-integration-operator validate -f integration.yaml -f -

  # Before a commit, or in a pipeline: every manifest of a folder, without a cluster
  redshift-integration-operator validate --schema-only -f deploy/

  # What a tool has rendered
  helm template . | redshift-integration-operator validate --schema-only -f -

  # As a document, for a pipeline that makes something of it
  redshift-integration-operator validate --schema-only -o json -f integration.yaml

Nothing is ever changed.

Exit codes: 0 all is right, 1 something is wrong, 2 a file can't be read or there is no RedshiftIntegration in any (with
--schema-only: no resource of redshift-governance.dev),
3 the warehouse, or who gives out logins to it, wasn't reached.";

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
    /// Check the manifests against the custom resource definitions alone: fields, values and rules, as the API server does; and
    /// data sources, profiles and files of profiles beside one another, as the operator does. Neither a cluster nor a warehouse
    /// is needed
    #[arg(long)]
    schema_only: bool,
    /// Namespace of what names none
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    namespace: Option<String>,
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Show what the tests that passed have seen, too
    #[arg(short, long)]
    verbose: bool,
    /// How the result is printed
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// How a warehouse is connected to.
#[derive(Args, Debug)]
pub struct ConnectionArguments {
    /// File with certificate authorities (PEM): in the place of the object that a resource names, where that isn't among the
    /// files; and besides the public ones, for the endpoints of AWS and Okta
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// How long a login may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=600))]
    connect_timeout_seconds: u64,
}

impl ConnectionArguments {
    /// The same, read.
    ///
    /// # Errors
    ///
    /// Why the file can't be read.
    pub fn options(&self) -> Result<Options, String> {
        let read =
            |path: &PathBuf| std::fs::read(path).map_err(|error| format!("--ca-file {}: {error}", path.display()));
        Ok(Options {
            ca_file: self.ca_file.clone(),
            authorities: self.ca_file.as_ref().map(read).transpose()?,
            connect: Duration::from_secs(self.connect_timeout_seconds),
        })
    }
}

impl Arguments {
    fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or("default")
    }

    /// Whether nothing is connected to.
    pub fn is_schema_only(&self) -> bool {
        self.schema_only
    }
}

/// Checks manifests against the definition.
pub fn schema_only(arguments: &Arguments) -> Ending {
    schema_only::schema_only(&arguments.files, arguments.namespace(), arguments.output)
}

/// What is printed with `-o json`: fields are added at most.
#[derive(Serialize)]
struct Document {
    /// Whether all could be read, and no test has failed.
    passed: bool,
    resources: Vec<Report>,
}

/// Runs the operator's tests on manifests.
pub async fn run(arguments: Arguments) -> ExitCode {
    // Standard input may never end, and a prompt be answered late.
    let files = arguments.files.clone();
    let manifests = tokio::task::spawn_blocking(move || Manifests::read(&files)).await;
    let Ok(manifests) = manifests else { return ExitCode::FAILURE };
    let namespace = arguments.namespace();
    let mut ending = tell_mistakes(&manifests, namespace);
    let (objects, files) = sorted(&manifests, namespace);
    let options = match arguments.connection.options() {
        Ok(options) => options,
        Err(message) => {
            output::error(message);
            return Ending::Usage.into();
        }
    };
    let layout = Layout { is_verbose: arguments.verbose, ..Layout::now() };
    let mut reports = Vec::new();
    for (number, object) in objects.into_iter().enumerate() {
        let report = online::run(object, files.clone(), &options).await;
        ending = ending.max(report.ending());
        if arguments.output == Format::Table {
            let space = if number > 0 { "\n" } else { "" };
            output::print(format!("{space}{}", report.text(layout)));
        } else {
            reports.push(report);
        }
    }
    let document = Document { passed: ending == Ending::Success, resources: reports };
    match arguments.output {
        Format::Table => {}
        Format::Json => output::print(output::json(&document)),
        Format::Yaml => output::print(output::yaml(&document)),
    }
    ending.into()
}

/// Says what is wrong in the files, and with what the command ends for that.
pub fn tell_mistakes(manifests: &Manifests, namespace: &str) -> Ending {
    let mut ending = Ending::Success;
    for mistake in &manifests.unreadable {
        output::say(mistake);
        ending = Ending::Usage;
    }
    let review = views::review(manifests, namespace);
    let of_secrets = manifests.secrets.iter().flat_map(Found::mistakes);
    // What a source of profiles reads is told with the source.
    let of_maps = manifests.config_maps.iter().flat_map(Found::mistakes);
    let mut mistakes = schema_only::mistakes(&manifests.resources(), &review);
    for mistake in of_secrets.chain(of_maps) {
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }
    for mistake in mistakes {
        output::say(mistake);
        ending = ending.max(Ending::Failure);
    }
    manifests.skipped().for_each(output::say);
    review.hints.iter().for_each(output::warning);
    if manifests.integrations.is_empty() && manifests.unreadable.is_empty() {
        let others = if manifests.resources().is_empty() {
            ""
        } else {
            "; add its manifest (validate --schema-only looks at the others alone)"
        };
        output::error(format!("there is no RedshiftIntegration in these files{others}"));
        ending = Ending::Usage;
    }
    ending
}

/// The resources, and all that they may refer to, each in its namespace.
pub fn sorted(manifests: &Manifests, namespace: &str) -> (Vec<RedshiftIntegration>, Files) {
    let integrations = placed(&manifests.integrations, namespace);
    let (secrets, config_maps) = (placed(&manifests.secrets, namespace), placed(&manifests.config_maps, namespace));
    let files = Files::new(&integrations, &secrets, &config_maps);
    (integrations, files)
}

fn placed<K: Resource + Clone>(found: &[Found<K>], namespace: &str) -> Vec<K> {
    let objects = found.iter().filter_map(|found| found.object.as_ref().ok()).cloned();
    objects
        .map(|mut object| {
            object.meta_mut().namespace.get_or_insert_with(|| namespace.to_owned());
            object
        })
        .collect()
}
