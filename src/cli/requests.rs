//! What people ask of the operator: a look, a rotation, to pause, to let go, and the confirmation of a deletion. Each is a field
//! or an annotation that could be written by hand.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use kube::ResourceExt;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use super::cluster::{self, ClusterArguments, ClusterError, Resources};
use super::output::{self, Ending};
use super::status::{Layout, State, Summary, text};
use crate::api::{
    CONFIRM_DELETE_ANNOTATION, CONFIRM_DELETED_ANNOTATION, DeletionPolicy, REQUESTED_AT_ANNOTATION, ROTATE_ANNOTATION,
    RedshiftIntegration, RedshiftIntegrationStatus,
};
use crate::lifecycle::shell;
use crate::ports::{ApiError, Key};

/// Which resource.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Name of the resource
    name: String,
    #[command(flatten)]
    cluster: ClusterArguments,
}

/// Which resource, and whether to wait.
#[derive(Args, Debug)]
pub struct WaitingArguments {
    #[command(flatten)]
    resource: Arguments,
    /// Wait until it was done, and show what came of it; ends with 0 if the resource is ready then, and else with 1
    #[arg(short, long)]
    wait: bool,
    /// How long to wait, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
}

/// Which resource, and the word of whoever confirms.
#[derive(Args, Debug)]
pub struct ConfirmArguments {
    #[command(flatten)]
    resource: Arguments,
    /// Don't ask: confirm what this value stands for, which the status shows, and nothing else
    #[arg(long, value_name = "VALUE")]
    value: Option<String>,
}

/// Something that is asked for by an annotation of another value than before, and is done when the status echoes it.
struct Request {
    annotation: &'static str,
    /// What was asked for.
    said: &'static str,
    echo: fn(&RedshiftIntegrationStatus) -> Option<&String>,
}

/// Has the operator look at once.
pub async fn check(arguments: WaitingArguments) -> ExitCode {
    let request = Request {
        annotation: REQUESTED_AT_ANNOTATION,
        said: "the operator was asked to look at it now",
        echo: |status| status.last_handled_reconcile_at.as_ref(),
    };
    cluster::ended(ask(&arguments, &request).await)
}

/// Has the operator rotate the passwords.
pub async fn rotate(arguments: WaitingArguments) -> ExitCode {
    let request = Request {
        annotation: ROTATE_ANNOTATION,
        said: "the operator was asked to rotate its passwords, and the key of impersonations: those that are running end",
        echo: |status| status.last_handled_rotation.as_ref(),
    };
    cluster::ended(ask(&arguments, &request).await)
}

async fn ask(arguments: &WaitingArguments, request: &Request) -> Result<Ending, ClusterError> {
    let WaitingArguments { resource: Arguments { name, cluster }, wait, timeout } = arguments;
    let resources = cluster.connect().await?;
    let value = Timestamp::now().to_string();
    let object = resources.merge(name, &json!({"metadata": {"annotations": {request.annotation: value}}})).await?;
    output::say(format!("{}: {}", Key::of(&object), request.said));
    if object.spec.suspend {
        output::warning("it is suspended: nothing is done until `resume`");
    } else if *wait {
        return wait_for(&resources, &object, request, &value, Duration::from_secs(*timeout)).await;
    }
    Ok(Ending::Success)
}

/// Waits until it was done, or somebody has to do something first.
async fn wait_for(
    resources: &Resources,
    object: &RedshiftIntegration,
    request: &Request,
    value: &str,
    timeout: Duration,
) -> Result<Ending, ClusterError> {
    let name = object.name_any();
    let (echo, asked_for) = (request.echo, value.to_owned());
    let before = object.status.clone();
    let is_done = move |object: Option<&RedshiftIntegration>| {
        // One that is gone is waited for no longer.
        let Some(object) = object else { return true };
        let Some(status) = &object.status else { return false };
        let is_stopped = || Summary::of(object).state == State::Stalled && before.as_ref() != Some(status);
        echo(status) == Some(&asked_for) || is_stopped()
    };
    let waited = tokio::time::timeout(timeout, await_condition(resources.api(false), &name, is_done)).await;
    match waited {
        Err(_) => {
            output::error(format!("it wasn't done within {} s; see `status {name}`", timeout.as_secs()));
            Ok(Ending::Failure)
        }
        Ok(Err(error)) => Err(ClusterError::watch(ApiError::Unanswered(error.to_string()))),
        Ok(Ok(found)) => {
            let Some(found) = found else {
                output::say("It is gone.");
                return Ok(Ending::Success);
            };
            let summary = Summary::of(&found);
            output::print(text::details(&summary, Layout::now()));
            Ok(if summary.is_ready() && summary.state != State::Stalled { Ending::Success } else { Ending::Failure })
        }
    }
}

/// Stops all work on it but its deletion.
pub async fn suspend(arguments: Arguments) -> ExitCode {
    let said = "suspended: what was set up stays as it is, and nothing is done until `resume`, but a deletion";
    cluster::ended(change(&arguments, &json!({"spec": {"suspend": true}}), said).await)
}

/// Goes on with it.
pub async fn resume(arguments: Arguments) -> ExitCode {
    cluster::ended(change(&arguments, &json!({"spec": {"suspend": false}}), "resumed").await)
}

/// Has everything in the warehouse stay when it is deleted.
pub async fn retain(arguments: Arguments) -> ExitCode {
    let said = "when it is deleted, or if it is being deleted, everything in the warehouse stays as it is";
    cluster::ended(change(&arguments, &json!({"spec": {"deletionPolicy": DeletionPolicy::Retain}}), said).await)
}

async fn change(arguments: &Arguments, patch: &Value, said: &str) -> Result<Ending, ClusterError> {
    let resources = arguments.cluster.connect().await?;
    let object = resources.merge(&arguments.name, patch).await?;
    output::say(format!("{}: {said}", Key::of(&object)));
    if let Some(keeper) = keeper(&object) {
        output::warning(format!(
            "{keeper} keeps this resource as it is in git and may set that back: write it there, too"
        ));
    }
    Ok(Ending::Success)
}

/// Who keeps a resource as it stands somewhere else.
fn keeper(object: &RedshiftIntegration) -> Option<&'static str> {
    let managers = object.metadata.managed_fields.iter().flatten().filter_map(|entry| entry.manager.as_deref());
    managers.into_iter().find_map(|manager| match manager {
        "argocd-controller" | "argocd-application-controller" => Some("Argo CD"),
        "kustomize-controller" | "helm-controller" => Some("Flux"),
        _ => None,
    })
}

/// Confirms a deletion: what is lost with it is shown, and confirmed by somebody who has read it.
pub async fn confirm_delete(arguments: ConfirmArguments) -> ExitCode {
    cluster::ended(confirm(&arguments).await)
}

async fn confirm(arguments: &ConfirmArguments) -> Result<Ending, ClusterError> {
    let Arguments { name, cluster } = &arguments.resource;
    let resources = cluster.connect().await?;
    let object = resources.get(name).await?;
    let summary = Summary::of(&object);
    let Some((annotation, value)) = offered(&object) else {
        output::error(format!("{}: there is nothing to confirm", Key::of(&object)));
        if object.metadata.deletion_timestamp.is_none() {
            output::say(format!(
                "It isn't being deleted. After `kubectl -n {} delete rsi {name}`, what is in the way is shown here.",
                summary.namespace
            ));
        } else {
            output::print(text::details(&summary, Layout::now()));
        }
        return Ok(Ending::Failure);
    };
    match &arguments.value {
        Some(given) if *given == value => {}
        Some(_) => {
            output::error(format!(
                "{}: what is in the way isn't what that value stands for; it is now:",
                Key::of(&object)
            ));
            output::print(text::details(&summary, Layout::now()));
            return Ok(Ending::Failure);
        }
        None => {
            output::print(text::details(&summary, Layout::now()));
            // Whoever is asked can still interrupt it.
            let asked = (object.name_any(), annotation, value.clone());
            let agrees = tokio::task::spawn_blocking(move || has_agreed(&asked.0, asked.1, &asked.2)).await;
            if !agrees.unwrap_or(false) {
                return Ok(Ending::Failure);
            }
        }
    }
    // Of this very resource, as it was shown.
    let patch = json!({"metadata": {
        "annotations": {annotation: value}, "uid": object.uid(), "resourceVersion": object.resource_version(),
    }});
    resources.merge(name, &patch).await?;
    output::say(format!("{}: confirmed; see `status {name} --watch`", Key::of(&object)));
    Ok(Ending::Success)
}

/// What the status offers to confirm: the annotation, and its value.
fn offered(object: &RedshiftIntegration) -> Option<(&'static str, String)> {
    let remedies = &object.status.as_ref()?.remedies;
    let commands = remedies.iter().filter_map(|remedy| remedy.command.as_deref());
    commands.into_iter().find_map(|command| {
        [CONFIRM_DELETE_ANNOTATION, CONFIRM_DELETED_ANNOTATION].into_iter().find_map(|annotation| {
            let (_, value) = command.split_once(&format!(" {annotation}="))?;
            Some((annotation, shell::read_word(value)?))
        })
    })
}

/// Asks whoever sits there.
fn has_agreed(name: &str, annotation: &str, value: &str) -> bool {
    if !std::io::stdin().is_terminal() {
        output::error(format!(
            "nobody can be asked here; to confirm exactly this, run it again with --value {}",
            shell::word(value)
        ));
        return false;
    }
    let consequence = if annotation == CONFIRM_DELETE_ANNOTATION {
        "What is listed above is dropped or revoked, for good."
    } else {
        "The operator forgets it, and deletes the Secrets with its passwords and scripts."
    };
    output::say(format!("\n{consequence} To confirm it, type the name of the resource ({name}):"));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    let agrees = read.is_ok() && answer.trim() == name;
    if !agrees {
        output::error("not confirmed");
    }
    agrees
}
