//! One pass: which kind it is, and what is written at its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::controller::Action;
use kube::{Api, ResourceExt};
use tracing::{Instrument, error, info, info_span, warn};

use super::containment::{self, Panicked, contained};
use super::context::{Context, Memory};
use super::error::{Error, bounded};
use super::system_account::{self, Found, SystemAccount};
use super::{Guarded, cleanup, create, refusals, resource, watch};
use crate::api::{
    CONFIRM_DELETE_ANNOTATION, Phase, REQUESTED_AT_ANNOTATION, RedshiftIntegration, TAKE_OVER_ANNOTATION,
};
use crate::lifecycle::{Activity, Outcome, Wanted, next_status, validate};
use crate::redshift::Endpoint;

/// How long another pass on the same warehouse, or an older resource, is waited for. Short, since both
/// are a matter of moments; nothing is written meanwhile.
const SHORTLY: Duration = Duration::from_secs(1);

/// One pass.
pub async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context>) -> Result<Action, Error> {
    let (namespace, name) = (guarded.namespace().unwrap_or_default(), guarded.name_any());
    let span = info_span!("reconcile", namespace, name);
    let started = Instant::now();
    context.metrics.reconcile_started();
    let passed = contained(pass(&guarded, &context).instrument(span.clone())).await;
    let result = if let Ok(result) = passed {
        result
    } else {
        context.metrics.reconcile_panicked();
        let shown = contained(containment::show(&guarded, &context).instrument(span)).await;
        shown.unwrap_or_else(|Panicked| Err(containment::gave_up()))
    };
    let word = match &result {
        Ok(action) if *action == Action::await_change() => "success",
        Ok(_) => "requeue_after",
        Err(_) => "error",
    };
    context.metrics.reconcile_ended(word, started.elapsed());
    result
}

/// What to do after an error that no status tells of: those of the API server.
#[expect(clippy::needless_pass_by_value, reason = "the controller hands over what it has")]
pub fn on_error(guarded: Arc<Guarded>, error: &Error, context: Arc<Context>) -> Action {
    let uid = guarded.uid().unwrap_or_default();
    let mut memory = context.memory(&uid);
    memory.failures = memory.failures.saturating_add(1);
    memory.fingerprint = None;
    let delay = context.settings.backoff.delay(memory.failures, rand::random());
    warn!(name = guarded.name_any(), %error, ?delay, "a pass failed");
    context.remember(&uid, memory);
    Action::requeue(delay)
}

async fn pass(guarded: &Guarded, context: &Context) -> Result<Action, Error> {
    if guarded.0.is_err() {
        // What can't be read of it isn't quoted: nobody knows what was written there.
        error!(
            "the resource can't be read by this version of the operator; compare it with its CustomResourceDefinition"
        );
        return Ok(Action::await_change());
    }
    // As it is now: what the watch told may be older than our own last write.
    let api: Api<RedshiftIntegration> =
        Api::namespaced(context.client.clone(), &guarded.namespace().unwrap_or_default());
    let Some(object) = bounded("read the resource", api.get_opt(&guarded.name_any())).await? else {
        forget(context, guarded);
        return Ok(Action::await_change());
    };
    let uid = object.uid().unwrap_or_default();
    let memory = context.memory(&uid);
    let fingerprint = fingerprint(context, &object).await?;
    if memory.fingerprint.as_ref() == Some(&fingerprint)
        && let Some(not_before) = memory.not_before
        && let Some(rest) = not_before.checked_duration_since(Instant::now())
    {
        return Ok(Action::requeue(rest));
    }
    let endpoint = Endpoint::new(&object.spec.config.host, object.spec.config.port);
    let lock = context.warehouse(&endpoint);
    // Not waited for: a warehouse that is slow may not keep others' places.
    let Ok(_writing) = lock.try_lock() else { return Ok(Action::requeue(SHORTLY)) };
    if object.metadata.deletion_timestamp.is_some() {
        return delete(context, object, fingerprint).await;
    }
    if waits_for_an_older_one(context, &object, &endpoint) {
        return Ok(Action::requeue(SHORTLY));
    }
    let before = object.clone();
    let create::Finished { object, outcome } = work(context, object).await;
    report(context, &before, object, outcome).await
}

fn forget(context: &Context, guarded: &Guarded) {
    context.forget(&guarded.uid().unwrap_or_default());
    context.metrics.forget(&guarded.namespace().unwrap_or_default(), &guarded.name_any());
}

/// What a pass is based on. As long as it stays the same, nothing is done before its time.
async fn fingerprint(context: &Context, object: &RedshiftIntegration) -> Result<String, Error> {
    let phase = object.status.as_ref().and_then(|status| status.phase);
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &object.namespace().unwrap_or_default());
    let version = async |name: &str| -> Result<Option<String>, Error> {
        let secret = bounded("read the Secret's metadata", api.get_metadata_opt(name)).await?;
        Ok(secret.and_then(|secret| secret.resource_version()))
    };
    let own_version = version(&system_account::name(object)).await?;
    let mut secret_version = None;
    // Once it is set up, the credentials that did it don't matter any more.
    if phase != Some(Phase::Enabled)
        && let Some(reference) = &object.spec.config.credentials_secret_ref
    {
        secret_version = version(&reference.name).await?;
    }
    Ok(format!(
        "{:?} {} {:?} {:?} {:?} {:?}",
        object.metadata.generation,
        object.metadata.deletion_timestamp.is_some(),
        [REQUESTED_AT_ANNOTATION, CONFIRM_DELETE_ANNOTATION, TAKE_OVER_ANNOTATION]
            .map(|annotation| object.annotations().get(annotation)),
        secret_version,
        own_version,
        resource::has_finalizer(object),
    ))
}

/// Claims made at the same moment go by creation time, then UID: whoever came first is looked at first.
fn waits_for_an_older_one(context: &Context, object: &RedshiftIntegration, endpoint: &Endpoint) -> bool {
    let age = |object: &RedshiftIntegration| (object.metadata.creation_timestamp.clone(), object.uid());
    let not_looked_at = |object: &RedshiftIntegration| {
        object.metadata.deletion_timestamp.is_none()
            && object.status.as_ref().is_none_or(|status| status.observed_generation < 0)
    };
    not_looked_at(object)
        && context.others(endpoint, object).any(|other| not_looked_at(&other) && age(&other) < age(object))
}

async fn work(context: &Context, mut object: RedshiftIntegration) -> create::Finished {
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
            watch::run(context, object, &wanted, account).await
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
async fn prepare(
    context: &Context,
    object: &mut RedshiftIntegration,
) -> Result<(Wanted, Option<SystemAccount>), Error> {
    let wanted = validate(&object.spec)?;
    let name = system_account::name(object);
    let account = match system_account::find(&context.client, object).await? {
        Found::Absent => None,
        Found::SomebodyElses(former) => {
            let database = &wanted.place.setup.database;
            match former {
                Some(former) if system_account::is_to_take_over(object, database, &former.integration_uid) => {
                    Some(system_account::adopt(&context.client, object, *former, &wanted.place).await?)
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
async fn resume(
    context: &Context,
    object: RedshiftIntegration,
    wanted: &Wanted,
    account: SystemAccount,
) -> create::Finished {
    if account.ids.is_some() && watch::is_complete(context, &object, &account).await {
        return watch::run(context, object, wanted, account).await;
    }
    create::run(context, object, wanted, Some(account)).await
}

/// The passwords of an enabled integration were lost. A superuser can set new ones, since the registry
/// names us.
async fn renew_passwords(
    context: &Context,
    object: RedshiftIntegration,
    wanted: &Wanted,
    account: Option<SystemAccount>,
) -> create::Finished {
    let name = system_account::name(&object);
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

async fn delete(context: &Context, object: RedshiftIntegration, fingerprint: String) -> Result<Action, Error> {
    if !resource::has_finalizer(&object) {
        return Ok(Action::await_change());
    }
    let before = object.clone();
    match cleanup::run(context, object).await {
        cleanup::Finished::Gone(phase, said) => {
            info!(said, "the integration is gone");
            let reason = if phase == Phase::Disabled { "Disabled" } else { "Deleted" };
            context.events.publish(&before, false, reason, "Delete", &said).await;
            context.forget(&before.uid().unwrap_or_default());
            context.metrics.forget(&before.namespace().unwrap_or_default(), &before.name_any());
            Ok(Action::await_change())
        }
        cleanup::Finished::Stopped(stopped) => {
            let (object, outcome) = *stopped;
            let action = report(context, &before, object, outcome).await?;
            // Every change counts here, the deletion policy's first of all.
            let mut memory = context.memory(&before.uid().unwrap_or_default());
            memory.fingerprint = Some(fingerprint);
            context.remember(&before.uid().unwrap_or_default(), memory);
            Ok(action)
        }
    }
}

/// Writes what the pass has to say, if it is anything new, and decides when the next one is due.
pub async fn report(
    context: &Context,
    before: &RedshiftIntegration,
    object: RedshiftIntegration,
    outcome: Outcome,
) -> Result<Action, Error> {
    let (namespace, name) = (before.namespace().unwrap_or_default(), before.name_any());
    let uid = before.uid().unwrap_or_default();
    let generation = before.metadata.generation.unwrap_or_default();
    let requested = before.annotations().get(REQUESTED_AT_ANNOTATION).cloned();
    let old = object.status.clone().unwrap_or_default();
    let status = next_status(&old, generation, &outcome, requested, Timestamp::now());
    let object = resource::write_status(&context.client, &object, status).await?;
    announce(context, before, &object, &outcome).await;
    let is_ready = object.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    });
    context.metrics.ready(&namespace, &name, is_ready);
    let mut memory = Memory { failures: context.memory(&uid).failures, ..Memory::default() };
    let delay = match &outcome.activity {
        Activity::Settled => {
            memory.failures = 0;
            context.metrics.validated(&namespace, &name, Timestamp::now().as_second());
            validate(&object.spec).ok().map(|wanted| wanted.validation_interval)
        }
        Activity::Suspended => None,
        Activity::Working(..) | Activity::Stopped(_) => {
            memory.failures = memory.failures.saturating_add(1);
            Some(context.settings.backoff.delay(memory.failures, rand::random()))
        }
    };
    // Of the spec that this pass was about: one that was edited meanwhile is another reason to look.
    let mut basis = object.clone();
    basis.metadata.generation = before.metadata.generation;
    basis.metadata.annotations.clone_from(&before.metadata.annotations);
    memory.fingerprint = Some(fingerprint(context, &basis).await?);
    memory.not_before = delay.map(|delay| Instant::now() + delay);
    context.remember(&uid, memory);
    Ok(delay.map_or_else(Action::await_change, Action::requeue))
}

/// An event on every transition, and on every new reason to stop.
async fn announce(context: &Context, before: &RedshiftIntegration, after: &RedshiftIntegration, outcome: &Outcome) {
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
                context.events.publish(after, true, failure.reason, action, &failure.message).await;
            }
        }
        Activity::Settled if old.phase != Some(outcome.phase) => {
            info!(phase = ?outcome.phase, "enabled");
            let note = "the integration is set up and validated";
            context.events.publish(after, false, "Enabled", action, note).await;
        }
        Activity::Settled | Activity::Working(..) | Activity::Suspended => {}
    }
}
