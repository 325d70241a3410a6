//! One pass on an integration: which kind it is, and what is written at its end.
//!
//! A pass reads like this: dereference → validate → observe → plan → apply → report. Each step is a
//! file of its own; only `lifecycle` decides.

mod apply;
mod create;
mod dereference;
mod edit;
mod error;
pub mod look;
mod obstacles;
mod refusals;
mod rekey;
mod remove;
mod resource;
mod search;
pub mod secret;
mod validate;

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use tracing::{info, warn};

pub use error::Error;

use super::Context;
use super::pace::{Memory, Next};
use crate::api::{
    CONFIRM_DELETE_ANNOTATION, CaBundleKind, Phase, REQUESTED_AT_ANNOTATION, RedshiftIntegration, TAKE_OVER_ANNOTATION,
};
use crate::lifecycle::{
    Activity, Endpoint, Failure, Outcome, SystemAccount, Wanted, next_status, validate as validate_spec,
};
use crate::ports::{Host, Key, Kubernetes, News, World};
use secret::Found;

/// How long another pass on the same warehouse, or an older resource, is waited for. Short, since both
/// are a matter of moments; nothing is written meanwhile.
const SHORTLY: Duration = Duration::from_secs(1);

/// What a pass is based on. As long as it stays the same, nothing is done before its time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Basis {
    generation: Option<i64>,
    is_deleted: bool,
    has_finalizer: bool,
    /// The annotations by which a person asks for something.
    asked_for: [Option<String>; 3],
    /// The versions of the Secrets: of the system account, and of the credentials.
    own_secret: Option<String>,
    credentials: Option<String>,
}

impl Basis {
    async fn of<W: World>(context: &Context<W>, object: &RedshiftIntegration) -> Result<Self, Error> {
        let phase = object.status.as_ref().and_then(|status| status.phase);
        let version = async |name: &str| -> Result<Option<String>, Error> {
            let found = context.kubernetes.get_metadata::<Secret>(&Key::beside(object, name)).await;
            let found = found.map_err(Error::api("read the Secret's metadata"))?;
            Ok(found.and_then(|metadata| metadata.resource_version))
        };
        let own_secret = version(&secret::name(object)).await?;
        // Once it is set up, the credentials that did it don't matter any more.
        let credentials = match &object.spec.config.credentials_secret_ref {
            Some(reference) if phase != Some(Phase::Enabled) => version(&reference.name).await?,
            _ => None,
        };
        Ok(Self {
            generation: object.metadata.generation,
            is_deleted: object.metadata.deletion_timestamp.is_some(),
            has_finalizer: resource::has_finalizer(object),
            asked_for: [REQUESTED_AT_ANNOTATION, CONFIRM_DELETE_ANNOTATION, TAKE_OVER_ANNOTATION]
                .map(|annotation| object.annotations().get(annotation).cloned()),
            own_secret,
            credentials,
        })
    }
}

/// Whether a resource refers to a Secret: a change of that is a reason for a pass.
#[must_use]
pub fn refers_to(object: &RedshiftIntegration, secret: &str) -> bool {
    let config = &object.spec.config;
    let ca_bundle = config.tls.ca_bundle_ref.as_ref();
    config.credentials_secret_ref.as_ref().is_some_and(|reference| reference.name == secret)
        || ca_bundle.is_some_and(|bundle| bundle.kind == CaBundleKind::Secret && bundle.name == secret)
        || secret::name(object) == secret
}

/// One pass on the resource of that name; `uid` is the one that the watch told of.
///
/// # Errors
///
/// If the API server refuses or doesn't answer, so that no status tells of it.
pub async fn pass<W: World>(context: &Context<W>, key: &Key, uid: &str) -> Result<Next, Error> {
    // As it is now: what the watch told may be older than our own last write.
    let found = context.kubernetes.get::<RedshiftIntegration>(key).await;
    let Some(object) = found.map_err(Error::api("read the resource"))? else {
        forget(context, key, uid);
        return Ok(Next::OnChange);
    };
    let uid = object.uid().unwrap_or_default();
    let memory = context.memories.of(&uid);
    let basis = Basis::of(context, &object).await?;
    if memory.basis.as_ref() == Some(&basis)
        && let Some(rest) = memory.not_before.and_then(|at| at.checked_sub(context.host.elapsed()))
        && !rest.is_zero()
    {
        return Ok(Next::After(rest));
    }
    let endpoint = Endpoint::new(&object.spec.config.host, object.spec.config.port);
    let Some(_working) = context.busy.begin(&endpoint) else { return Ok(Next::After(SHORTLY)) };
    if object.metadata.deletion_timestamp.is_some() {
        return delete(context, object, basis).await;
    }
    if waits_for_an_older_one(context, &object, &endpoint) {
        return Ok(Next::After(SHORTLY));
    }
    let before = object.clone();
    let create::Finished { object, outcome } = work(context, object).await;
    report(context, &before, object, outcome).await
}

/// Writes into a resource's status what ended its pass without an end, and decides when the next one is due.
///
/// # Errors
///
/// If the API server refuses or doesn't answer.
pub async fn give_up<W: World>(context: &Context<W>, key: &Key, failure: Failure) -> Result<Next, Error> {
    let found = context.kubernetes.get::<RedshiftIntegration>(key).await;
    let Some(object) = found.map_err(Error::api("read the resource"))? else { return Ok(Next::OnChange) };
    let status = object.status.clone().unwrap_or_default();
    let mut outcome = Outcome::before_any_look(&status, object.metadata.generation.unwrap_or_default(), failure);
    if object.metadata.deletion_timestamp.is_some() {
        (outcome.phase, outcome.ready) = (Phase::DeleteError, Some(false));
    }
    report(context, &object.clone(), object, outcome).await
}

/// What to do after an error that no status tells of: those of the API server.
pub fn after_error<W: World>(context: &Context<W>, uid: &str) -> Duration {
    let mut memory = context.memories.of(uid);
    memory.failures = memory.failures.saturating_add(1);
    memory.basis = None;
    let delay = context.settings.backoff.delay(memory.failures, context.host.random());
    context.memories.remember(uid, memory);
    delay
}

fn forget<W: World>(context: &Context<W>, key: &Key, uid: &str) {
    context.memories.forget(uid);
    context.metrics.forget(&key.namespace, &key.name);
}

/// Claims made at the same moment go by creation time, then UID: whoever came first is looked at first.
fn waits_for_an_older_one<W: World>(context: &Context<W>, object: &RedshiftIntegration, endpoint: &Endpoint) -> bool {
    let age = |object: &RedshiftIntegration| (object.metadata.creation_timestamp.clone(), object.uid());
    let not_looked_at = |object: &RedshiftIntegration| {
        object.metadata.deletion_timestamp.is_none()
            && object.status.as_ref().is_none_or(|status| status.observed_generation < 0)
    };
    not_looked_at(object)
        && context.others(endpoint, object).iter().any(|other| not_looked_at(other) && age(other) < age(object))
}

async fn work<W: World>(context: &Context<W>, mut object: RedshiftIntegration) -> create::Finished {
    let status = object.status.clone().unwrap_or_default();
    if object.spec.suspend {
        let outcome = Outcome {
            phase: status.phase.unwrap_or(Phase::Creating),
            ready: None,
            activity: Activity::Suspended,
            tests: Vec::new(),
            created: status.created,
            deletion: status.deletion,
        };
        return create::Finished { object, outcome };
    }
    let was_enabled = status.was_enabled();
    match prepare(context, &mut object).await {
        Ok((wanted, Some(account))) if was_enabled && account.ids.is_some() => {
            validate::run(context, object, &wanted, account).await
        }
        // Lost; or made anew after that, and what it holds may not be the accounts' passwords yet.
        Ok((wanted, account)) if was_enabled => renew_passwords(context, object, &wanted, account).await,
        Ok((wanted, Some(account))) => resume(context, object, &wanted, account).await,
        Ok((wanted, None)) => create::run(context, object, &wanted, None).await,
        Err(error) => {
            let generation = object.metadata.generation.unwrap_or_default();
            let outcome = Outcome::before_any_look(&status, generation, error.failure());
            create::Finished { object, outcome }
        }
    }
}

/// What can be told without a connection: a spec that can be carried out, and a Secret that belongs to it.
/// The Secret that an earlier integration has left is made this one's, if a person wants it so.
async fn prepare<W: World>(
    context: &Context<W>,
    object: &mut RedshiftIntegration,
) -> Result<(Wanted, Option<SystemAccount>), Error> {
    let wanted = validate_spec(&object.spec)?;
    let name = secret::name(object);
    let account = match secret::find(&context.kubernetes, object).await? {
        Found::Absent => None,
        Found::SomebodyElses(former) => {
            let database = &wanted.place.setup.database;
            match former {
                Some(former) if secret::is_to_take_over(object, database, &former.integration_uid) => {
                    Some(secret::adopt(&context.kubernetes, object, *former, &wanted.place).await?)
                }
                former => return Err(refusals::secret_not_ours(object, former.as_deref(), &wanted.place)),
            }
        }
        Found::Malformed(what) => {
            return Err(Error::stalled(
                "SecretMalformed",
                format!("the Secret {name} was changed and can't be used ({what}); restore it from a backup"),
            ));
        }
        Found::Ours(account) => Some(*account),
    };
    if let Some(account) = &account {
        let is = &account.place;
        if !is.is_where(&wanted.place) {
            return Err(Error::stalled(
                "RecordedElsewhere",
                format!(
                    "the Secret {name} says that this integration is in the database {} on {} (databaseMode {}); set \
                     spec.config back to that, or delete the resource and create it anew",
                    is.setup.database,
                    is.endpoint.host(),
                    is.setup.database_mode.as_str()
                ),
            ));
        }
    }
    Ok((wanted, account))
}

/// A creation was begun and status doesn't say that it was completed: it may be so all the same, if the
/// status was lost. Then the credentials that set things up are not needed.
async fn resume<W: World>(
    context: &Context<W>,
    object: RedshiftIntegration,
    wanted: &Wanted,
    account: SystemAccount,
) -> create::Finished {
    if account.ids.is_some() && validate::is_complete(context, &object, &account).await {
        return validate::run(context, object, wanted, account).await;
    }
    create::run(context, object, wanted, Some(account)).await
}

/// The passwords of an enabled integration were lost. A superuser can set new ones, since the registry
/// names us.
async fn renew_passwords<W: World>(
    context: &Context<W>,
    object: RedshiftIntegration,
    wanted: &Wanted,
    account: Option<SystemAccount>,
) -> create::Finished {
    let name = secret::name(&object);
    let is_there = account.is_some();
    let mut finished = create::run(context, object, wanted, account).await;
    if let Activity::Stopped(failure) = &mut finished.outcome.activity {
        finished.outcome.phase = Phase::RecurringValidationError;
        // Where the warehouse was looked at, that is said already.
        if !["ProofLost", "UsersGone"].contains(&failure.reason) {
            let what = if is_there {
                "was made anew, and its passwords may not be set yet; put"
            } else {
                "with the system account's password is gone; restore it from a backup, or put"
            };
            failure.message = format!(
                "the Secret {name} {what} a superuser's credentials into the Secret that spec.config.credentialsSecretRef \
                 names, with which new passwords are set. {}",
                failure.message.trim_start_matches(create::PREREQUISITES).trim_start()
            );
        }
    }
    finished
}

async fn delete<W: World>(context: &Context<W>, object: RedshiftIntegration, basis: Basis) -> Result<Next, Error> {
    if !resource::has_finalizer(&object) {
        return Ok(Next::OnChange);
    }
    let before = object.clone();
    match remove::run(context, object).await {
        remove::Finished::Gone(phase, said) => {
            info!(said, "the integration is gone");
            let reason = if phase == Phase::Disabled { "Disabled" } else { "Deleted" };
            let news = News { is_warning: false, reason, action: "Delete", note: said };
            context.kubernetes.publish(&before, news).await;
            forget(context, &Key::of(&before), &before.uid().unwrap_or_default());
            Ok(Next::OnChange)
        }
        remove::Finished::Stopped(stopped) => {
            let (object, outcome) = *stopped;
            let action = report(context, &before, object, outcome).await?;
            // Every change counts here, the deletion policy's first of all.
            let mut memory = context.memories.of(&before.uid().unwrap_or_default());
            memory.basis = Some(basis);
            context.memories.remember(&before.uid().unwrap_or_default(), memory);
            Ok(action)
        }
    }
}

/// Writes what the pass has to say, if it is anything new, and decides when the next one is due.
async fn report<W: World>(
    context: &Context<W>,
    before: &RedshiftIntegration,
    object: RedshiftIntegration,
    outcome: Outcome,
) -> Result<Next, Error> {
    let (namespace, name) = (before.namespace().unwrap_or_default(), before.name_any());
    let uid = before.uid().unwrap_or_default();
    let generation = before.metadata.generation.unwrap_or_default();
    let requested = before.annotations().get(REQUESTED_AT_ANNOTATION).cloned();
    let old = object.status.clone().unwrap_or_default();
    let status = next_status(&old, generation, &outcome, requested, context.host.now());
    let object = resource::write_status(&context.kubernetes, &object, status).await?;
    announce(context, before, &object, &outcome).await;
    let is_ready = object.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    });
    context.metrics.ready(&namespace, &name, is_ready);
    let mut memory = Memory { failures: context.memories.of(&uid).failures, ..Memory::default() };
    let delay = match &outcome.activity {
        Activity::Settled => {
            memory.failures = 0;
            context.metrics.validated(&namespace, &name, context.host.now().as_second());
            validate_spec(&object.spec).ok().map(|wanted| wanted.validation_interval)
        }
        Activity::Suspended => None,
        Activity::Working(..) | Activity::Stopped(_) => {
            memory.failures = memory.failures.saturating_add(1);
            Some(context.settings.backoff.delay(memory.failures, context.host.random()))
        }
    };
    // Of the spec that this pass was about: one that was edited meanwhile is another reason to look.
    let mut basis = object.clone();
    basis.metadata.generation = before.metadata.generation;
    basis.metadata.annotations.clone_from(&before.metadata.annotations);
    memory.basis = Some(Basis::of(context, &basis).await?);
    memory.not_before = delay.map(|delay| context.host.elapsed() + delay);
    context.memories.remember(&uid, memory);
    Ok(Next::after(delay))
}

/// An event on every transition, and on every new reason to stop.
async fn announce<W: World>(
    context: &Context<W>,
    before: &RedshiftIntegration,
    after: &RedshiftIntegration,
    outcome: &Outcome,
) {
    let old = before.status.clone().unwrap_or_default();
    let action = match outcome.phase {
        Phase::Deleting | Phase::DeleteError | Phase::Deleted | Phase::Disabled => "Delete",
        Phase::Creating | Phase::CreateError => "Create",
        Phase::Editing | Phase::EditError => "Edit",
        Phase::Migrating | Phase::MigrateError => "Migrate",
        Phase::Enabled | Phase::RecurringValidationError => "Validate",
    };
    match &outcome.activity {
        Activity::Stopped(failure) => {
            let known = old.phase == Some(outcome.phase)
                && old.conditions.iter().any(|condition| condition.message == failure.message);
            if !known {
                warn!(reason = failure.reason, message = failure.message, phase = ?outcome.phase, "stopped");
                let note = failure.message.clone();
                let news = News { is_warning: true, reason: failure.reason, action, note };
                context.kubernetes.publish(after, news).await;
            }
        }
        Activity::Settled if old.phase != Some(outcome.phase) => {
            info!(phase = ?outcome.phase, "enabled");
            let note = "the integration is set up and validated".to_owned();
            let news = News { is_warning: false, reason: "Enabled", action, note };
            context.kubernetes.publish(after, news).await;
        }
        Activity::Settled | Activity::Working(..) | Activity::Suspended => {}
    }
}
