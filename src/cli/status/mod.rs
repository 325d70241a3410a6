//! `status`: what goes on with resources, why they aren't ready, and what can be done.

mod summary;
#[cfg(test)]
mod tests;
pub mod text;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use futures::TryStreamExt;
use kube::runtime::watcher::{self, Event, watcher};

use super::cluster::{ClusterArguments, ClusterError, Resources};
use super::output::{self, Ending};
use crate::adapters::api_error;
use crate::api::RedshiftIntegration;
use crate::ports::{ApiError, Key};

pub use summary::{State, Summary, plain};
pub use text::Layout;

const EXAMPLES: &str = "\
Examples:
  kubectl rsi status                         all resources of the namespace, a line each
  kubectl rsi status analytics -n data       one of them: why it isn't ready, what to do, each test
  kubectl rsi status -A --watch              as they change
  kubectl rsi status analytics -o json       for programs";

/// The command's arguments.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Which resource; all of the namespace when left out
    name: Option<String>,
    /// Those of all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["name", "namespace"])]
    all_namespaces: bool,
    /// Show it anew whenever it changes
    #[arg(short, long)]
    watch: bool,
    /// Show what the tests that passed have seen, too
    #[arg(short, long)]
    verbose: bool,
    /// How it is shown
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Format,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// How something is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Shows them.
pub async fn run(arguments: Arguments) -> ExitCode {
    let shown = async {
        let resources = arguments.cluster.connect().await?;
        if arguments.watch { follow(&arguments, &resources).await } else { once(&arguments, &resources).await }
    };
    super::cluster::ended(shown.await)
}

/// Those that are asked for, as they are now.
async fn asked_for(arguments: &Arguments, resources: &Resources) -> Result<Vec<RedshiftIntegration>, ClusterError> {
    match &arguments.name {
        Some(name) => Ok(vec![resources.get(name).await?]),
        None => resources.list(arguments.all_namespaces).await,
    }
}

async fn once(arguments: &Arguments, resources: &Resources) -> Result<Ending, ClusterError> {
    let objects = asked_for(arguments, resources).await?;
    if objects.is_empty() && arguments.output == Format::Text {
        let place =
            if arguments.all_namespaces { "any namespace" } else { &format!("the namespace {}", resources.namespace) };
        output::say(format!("There is no RedshiftIntegration in {place}."));
    }
    show(arguments, &objects);
    Ok(Ending::Success)
}

/// Shows them anew at each change, until somebody ends it or the one that was asked for is gone.
async fn follow(arguments: &Arguments, resources: &Resources) -> Result<Ending, ClusterError> {
    let mut known = asked_for(arguments, resources).await?;
    show(arguments, &known);
    let mut config = watcher::Config::default();
    if let Some(name) = &arguments.name {
        config = config.fields(&format!("metadata.name={name}"));
    }
    let changes = watcher(resources.api(arguments.all_namespaces), config);
    futures::pin_mut!(changes);
    let mut listed = Vec::new();
    loop {
        let next = changes.try_next().await.map_err(|error| match error {
            watcher::Error::InitialListFailed(source)
            | watcher::Error::WatchStartFailed(source)
            | watcher::Error::WatchFailed(source) => ClusterError::watch(api_error(source)),
            other => ClusterError::watch(ApiError::Unanswered(other.to_string())),
        });
        let before = known.clone();
        match next? {
            None => return Ok(Ending::Success),
            Some(Event::Init) => listed.clear(),
            Some(Event::InitApply(object)) => listed.push(object),
            Some(Event::InitDone) => known = std::mem::take(&mut listed),
            Some(Event::Apply(object)) => {
                known.retain(|other| !is_same(other, &object));
                known.push(object);
            }
            Some(Event::Delete(object)) => known.retain(|other| !is_same(other, &object)),
        }
        known.sort_by_key(Key::of);
        if known.is_empty() && arguments.name.is_some() {
            output::say("It is gone.");
            return Ok(Ending::Success);
        }
        if visible(&known) != visible(&before) {
            output::begin_screen();
            show(arguments, &known);
        }
    }
}

fn is_same(one: &RedshiftIntegration, other: &RedshiftIntegration) -> bool {
    Key::of(one) == Key::of(other)
}

/// All that is shown of them: most of what is written to a resource is nothing to see.
fn visible(objects: &[RedshiftIntegration]) -> String {
    output::json(&objects.iter().map(Summary::of).collect::<Vec<_>>())
}

fn show(arguments: &Arguments, objects: &[RedshiftIntegration]) {
    let summaries: Vec<_> = objects.iter().map(Summary::of).collect();
    let layout = Layout { is_verbose: arguments.verbose, ..Layout::now() };
    output::print(match (arguments.output, &arguments.name, summaries.as_slice()) {
        (Format::Json, Some(_), [one]) => output::json(one),
        (Format::Json, ..) => output::json(&serde_json::json!({ "items": summaries })),
        (Format::Text, Some(_), [one]) => text::details(one, layout),
        (Format::Text, _, []) => String::new(),
        (Format::Text, ..) => text::table(&summaries, arguments.all_namespaces, layout),
    });
}
