//! One pass on an integration: which kind it is, and what is written at its end.
//!
//! A pass reads like this: dereference → validate → observe → plan → apply → report. Each step is a
//! file of its own; only `lifecycle` decides.

mod apply;
mod asker;
mod basis;
mod create;
pub mod dereference;
mod edit;
mod error;
mod examine;
pub mod look;
mod manual;
mod migrate;
mod observe;
mod obstacles;
mod policy_views;
mod refusals;
mod remedies;
mod remove;
mod renamed;
mod repair;
mod resource;
mod rotate;
mod search;
pub mod secret;
mod sessions;
mod site;
mod tables;
pub mod validate;
mod work;

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use tracing::{info, warn};

pub use basis::{Basis, first_look};
pub use error::Error;
pub use examine::{Examination, examine};
pub use tables::{Tables, tables};

use super::Context;
use super::pace::Next;
use crate::api::{CaBundleKind, Kind, Phase, REQUESTED_AT_ANNOTATION, Reason, RedshiftIntegration, Remedy};
use crate::lifecycle::{
    self, Activity, Category, Endpoint, Failure, Outcome, SystemAccount, Wanted, cadence, validate as validate_spec,
};
use crate::ports::{Host, Key, Kubernetes, News, Referent, World};
use crate::scripts::POLICY_VIEWS_VERSION;
use remove::Gone;
use secret::Found;
use work::Work;

/// The kind that all of this is about.
pub const KIND: Kind = Kind::RedshiftIntegration;

/// How long another pass on the same warehouse, or an older resource, is waited for. Short, since both
/// are a matter of moments; nothing is written meanwhile.
const SHORTLY: Duration = Duration::from_secs(1);

/// What a resource refers to, by kind and name: a change of those is a reason for a pass.
pub fn referents_of(object: &RedshiftIntegration) -> impl Iterator<Item = (Referent, String)> {
    let config = &object.spec.config;
    let is_manual = !object.spec.auto_bootstrap;
    let scripts = is_manual.then(|| (Referent::Secret, resource::scripts_name(object)));
    // In manual mode they are never read.
    let credentials = config.credentials_secret_ref.as_ref().filter(|_| !is_manual);
    let credentials = credentials.map(|reference| (Referent::Secret, reference.name.clone()));
    let ca_bundle = config.tls.ca_bundle_ref.as_ref().map(|bundle| {
        let referent = match bundle.kind {
            CaBundleKind::Secret => Referent::Secret,
            CaBundleKind::ConfigMap => Referent::ConfigMap,
        };
        (referent, bundle.name.clone())
    });
    [Some((Referent::Secret, resource::secret_name(object))), scripts, credentials, ca_bundle].into_iter().flatten()
}

/// One pass on the resource of that name; `uid` is the one that the watch told of.
///
/// # Errors
///
/// If the API server refuses or doesn't answer, so that no status tells of it.
pub async fn pass<W: World>(context: &Context<W>, key: &Key, uid: &str) -> Result<Next, Error> {
    // Most wake-ups are no reason to do anything, which the watches know without a request.
    if let Some(told) = context.kubernetes.told(key).filter(|told| told.uid().as_deref() == Some(uid))
        && let Some(next) = basis::rest(context, &told)
    {
        return Ok(next);
    }
    // As it is now: what the watch has told may be older than our own last write, and nothing is done upon that.
    let found = context.kubernetes.get::<RedshiftIntegration>(key).await;
    let Some(object) = found.map_err(Error::api("read the resource"))? else {
        forget(context, key, uid);
        return Ok(Next::OnChange);
    };
    if let Some(next) = basis::rest(context, &object) {
        return Ok(next);
    }
    let endpoint = Endpoint::new(&object.spec.config.host, object.spec.config.port);
    let Some(_working) = context.busy.begin(&endpoint) else { return Ok(Next::After(SHORTLY)) };
    if object.metadata.deletion_timestamp.is_some() {
        return delete(Work::new(context, object)).await;
    }
    if waits_for_an_older_one(context, &object, &endpoint) {
        return Ok(Next::After(SHORTLY));
    }
    let before = object.clone();
    let mut work = Work::new(context, object);
    go_on(&mut work).await;
    report(work, &before).await
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
    let before = object.clone();
    let mut work = Work::new(context, object);
    // Whatever the pass has read is lost with it.
    for (referent, name) in referents_of(&before) {
        work.kubernetes.trust_the_watch(referent, Key::beside(&before, name));
    }
    work.outcome = outcome;
    report(work, &before).await
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
    context.metrics.of(KIND.controller()).forget(&key.namespace, &key.name);
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

async fn go_on<W: World>(work: &mut Work<'_, W>) {
    if work.object.spec.suspend {
        return;
    }
    let was_enabled = work.status().was_enabled();
    let is_manual = !work.object.spec.auto_bootstrap;
    match prepare(work).await {
        Ok((wanted, account)) if is_manual => manual::run(work, &wanted, account).await,
        Ok((wanted, Some(account))) if was_enabled && account.ids.is_some() => {
            watch_over(work, &wanted, &account).await;
        }
        // Lost; or made anew after that, and what it holds may not be the accounts' passwords yet.
        Ok((wanted, _)) if was_enabled => renew_passwords(work, &wanted).await,
        Ok((wanted, Some(account))) => resume(work, &wanted, &account).await,
        Ok((wanted, None)) => create::run(work, &wanted).await,
        Err(error) => {
            let generation = work.object.metadata.generation.unwrap_or_default();
            work.outcome = Outcome::before_any_look(&work.status(), generation, error.failure());
        }
    }
    // Something else may have come first, an edit for instance, or the creation.
    if let (Activity::Settled, Ok(wanted)) = (&work.outcome.activity, validate_spec(&work.object.spec))
        && let Some(account) = work
            .account
            .clone()
            .filter(|account| rotate::is_wanted(work, &wanted, account) || lacks_policy_views(work, &wanted))
    {
        if is_manual {
            return manual::run(work, &wanted, Some(account)).await;
        }
        watch_over(work, &wanted, &account).await;
    }
}

/// Whether they are wanted, and what they stand on isn't there, as far as this pass has seen.
fn lacks_policy_views<W: World>(work: &Work<'_, W>, wanted: &Wanted) -> bool {
    let created = work.outcome.created.as_ref();
    wanted.policy_views.is_enabled && created.is_none_or(|created| created.schema_version < POLICY_VIEWS_VERSION)
}

/// What can be told without a connection: a spec that can be carried out, and a Secret that belongs to it.
/// The Secret that an earlier integration has left is made this one's, if a person wants it so.
async fn prepare<W: World>(work: &mut Work<'_, W>) -> Result<(Wanted, Option<SystemAccount>), Error> {
    let wanted = validate_spec(&work.object.spec)?;
    let kubernetes = &work.kubernetes;
    let name = resource::secret_name(&work.object);
    let account = match secret::find(kubernetes, &work.object).await? {
        Found::Absent => None,
        Found::SomebodyElses(former) => {
            let database = &wanted.place.setup.database;
            match former {
                Some(_) if !wanted.auto_bootstrap => return Err(refusals::no_take_over_by_hand(&work.object)),
                Some(former) if secret::is_to_take_over(&work.object, database, &former.integration_uid) => {
                    Some(secret::adopt(kubernetes, &mut work.object, *former, &wanted.place).await?)
                }
                Some(former) => return Err(former.is_not_ours(&work.object, &wanted.place)),
                None => return Err(refusals::secret_not_ours(&work.object, None, &wanted.place)),
            }
        }
        Found::Malformed(what) => {
            let message = format!("the Secret {name} was changed and can't be used: {what}");
            let failure = Failure::stalled(Reason::SecretMalformed, message);
            return Err(failure.remedy(Remedy::new("restore it from a backup")).into());
        }
        Found::Ours(account) => Some(*account),
    };
    // A person's scripts that nobody has run bind nobody.
    let may_move = !wanted.auto_bootstrap && work.outcome.created.is_none();
    if let Some(account) = &account
        && !account.place.is_where(&wanted.place)
        && !(may_move && account.ids.is_none())
    {
        let message = format!("the Secret {name} says that this integration is in {}", account.place);
        let remedy = Remedy::new("set spec.config back to that; or delete the resource and create it anew");
        return Err(Failure::stalled(Reason::RecordedElsewhere, message).remedy(remedy).into());
    }
    work.account.clone_from(&account);
    Ok((wanted, account))
}

/// A creation was begun and status doesn't say that it was completed: it may be so all the same, if the
/// status was lost. Then the credentials that set things up are not needed.
async fn resume<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, account: &SystemAccount) {
    if account.ids.is_some() && validate::is_complete(work, account).await {
        return watch_over(work, wanted, account).await;
    }
    create::run(work, wanted).await;
}

/// Looks at an integration that was set up: names its account back if others have renamed it, migrates it if an older version
/// of the operator has set it up, finishes a rotation that was begun, mends what others have changed, edits it if the spec
/// asks for something else, and begins a rotation where there is nothing else to do. After each change it is looked again.
async fn watch_over<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, account: &SystemAccount) {
    let uid = work.uid();
    let (mut is_recorded, mut is_named_back, mut is_repaired, mut failed) = (false, false, false, None);
    loop {
        // A rotation changes what the Secret says.
        let account = work.account.clone().unwrap_or_else(|| account.clone());
        let (seen, inside) = match validate::look(work, wanted, &account).await {
            Ok(found) => found,
            Err(mut unwatched) => {
                if !is_named_back && renamed::name_back(work, wanted, &account, &mut unwatched).await {
                    is_named_back = true;
                    continue;
                }
                return validate::report_failure(work, wanted, &account, unwatched);
            }
        };
        if validate::is_heritage(&work.object, &seen) {
            return create::run(work, wanted).await;
        }
        if migrate::is_due(&uid, &seen) {
            if migrate::run(work, wanted, &seen, inside).await {
                continue;
            }
            return;
        }
        if rotate::is_begun(&uid, &seen, &account) {
            if rotate::run(work, wanted, &seen, inside).await {
                continue;
            }
            return;
        }
        if let Some(repair) = repair::due(work, &seen).filter(|_| !is_repaired) {
            failed = repair::run(work, wanted, &seen, inside, repair).await;
            is_repaired = true;
            continue;
        }
        if seen.watched.unrecorded(&uid).is_some() && !is_recorded {
            if let Err(error) = validate::record(work, wanted, seen, inside).await {
                return validate::report_failure(work, wanted, &account, error.into());
            }
            is_recorded = true;
            continue;
        }
        if edit::is_due(&uid, &seen, wanted, &account) {
            return edit::run(work, wanted, &account, seen).await;
        }
        if lifecycle::policy_views::is_due(&uid, &seen.watched, wanted) {
            if policy_views::run(work, wanted, &seen, inside).await {
                continue;
            }
            return;
        }
        if rotate::is_due(work, wanted, &seen, &account) {
            rotate::run(work, wanted, &seen, inside).await;
            return;
        }
        validate::report(work, wanted, &seen);
        return repair::explain(work, &seen, failed);
    }
}

/// The passwords of an enabled integration were lost. A superuser can set new ones, since the registry
/// names us.
async fn renew_passwords<W: World>(work: &mut Work<'_, W>, wanted: &Wanted) {
    let name = resource::secret_name(&work.object);
    let is_there = work.account.is_some();
    create::run(work, wanted).await;
    if let Activity::Stopped(failure) = &mut work.outcome.activity {
        work.outcome.phase = Phase::RecurringValidationError;
        // Where the warehouse was looked at, that is said already.
        if ![Reason::ProofLost, Reason::UsersGone].contains(&failure.reason) {
            let what = if is_there {
                "was made anew, and its passwords may not be set yet"
            } else {
                "with the system account's password is gone"
            };
            let why = failure.message.trim_start_matches(create::PREREQUISITES).trim_start();
            failure.message = format!("the Secret {name} {what}; {why}");
            let restore = (!is_there).then(|| Remedy::new("restore it from a backup"));
            let renew = remedies::a_superusers_credentials("new passwords are set with them");
            let others = std::mem::take(&mut failure.remedies);
            failure.remedies = restore.into_iter().chain([renew]).chain(others).collect();
        }
    }
}

async fn delete<W: World>(mut work: Work<'_, W>) -> Result<Next, Error> {
    if !resource::has_finalizer(&work.object) {
        return Ok(Next::OnChange);
    }
    let (context, uid, former) = (work.context, work.uid(), work.object.clone());
    if let Some(Gone { phase, said }) = remove::run(&mut work).await {
        info!(said, "the integration is gone");
        let reason = if phase == Phase::Disabled { Reason::Disabled } else { Reason::Deleted };
        work.object = former;
        work.tell(reason, "Delete", said);
        forget(context, &Key::of(&work.object), &uid);
        return Ok(Next::OnChange);
    }
    report(work, &former).await
}

/// Writes what the pass has to say, if it is anything new, and decides when the next one is due. `before` is the resource
/// that the pass began with.
async fn report<W: World>(mut work: Work<'_, W>, before: &RedshiftIntegration) -> Result<Next, Error> {
    let context = work.context;
    let Key { namespace, name } = Key::of(before);
    let uid = before.uid().unwrap_or_default();
    let generation = before.metadata.generation.unwrap_or_default();
    let requested = before.annotations().get(REQUESTED_AT_ANNOTATION).cloned();
    work.report(generation, requested).await?;
    announce(&work, before);
    let Work { object, outcome, kubernetes, .. } = work;
    basis::show_ready(context, &object);
    let mut memory = context.memories.of(&uid).after_a_pass();
    let delay = match &outcome.activity {
        Activity::Settled => {
            memory.rest();
            context.metrics.of(KIND.controller()).validated(&namespace, &name, context.host.now().as_second());
            let interval = validate_spec(&object.spec).ok().map(|wanted| wanted.validation_interval);
            interval.map(|interval| cadence::until_next_look(interval, context.host.random()))
        }
        Activity::Suspended => None,
        Activity::Doubtful(failure) => {
            info!(message = failure.message, "a look failed, and is tried again");
            memory.doubts = memory.doubts.saturating_add(1);
            Some(context.settings.backoff.delay(memory.doubts, context.host.random()))
        }
        Activity::Working(..) | Activity::Awaiting(_) | Activity::Stopped(_) => {
            memory.failures = memory.failures.saturating_add(1);
            let delay = context.settings.backoff.delay(memory.failures, context.host.random());
            Some(delay.max(outcome.activity.at_least()))
        }
    };
    memory.basis = Some(Basis::new(before, &object, kubernetes.seen()));
    memory.not_before = delay.map(|delay| context.host.elapsed() + delay);
    context.memories.remember(&uid, memory);
    Ok(Next::after(delay))
}

/// An event on every transition, and on every new reason to stop.
fn announce<W: World>(work: &Work<'_, W>, before: &RedshiftIntegration) {
    let outcome = &work.outcome;
    let old = before.status.clone().unwrap_or_default();
    let action = match outcome.phase {
        Phase::Deleting | Phase::DeleteError | Phase::Deleted | Phase::Disabled => "Delete",
        Phase::Creating | Phase::CreateError => "Create",
        Phase::Editing | Phase::EditError => "Edit",
        Phase::Migrating | Phase::MigrateError => "Migrate",
        _ if outcome.activity.is_a_failed_rotation() => "Rotate",
        Phase::Enabled | Phase::RecurringValidationError => "Validate",
    };
    match &outcome.activity {
        Activity::Stopped(failure) => {
            let (note, reason) = (failure.said(), failure.reason.as_str());
            // What may be gone at the next try is told once, whatever words it comes with.
            let is_passing = failure.category == Category::Transient;
            let is_told =
                |it: &Condition| it.message == note || is_passing && it.status == "True" && it.reason == reason;
            if old.phase != Some(outcome.phase) || !old.conditions.iter().any(is_told) {
                warn!(reason, message = failure.message, phase = ?outcome.phase, "stopped");
                let news = News { is_warning: true, reason: failure.reason, action, note };
                work.kubernetes.publish(&work.object, news);
            }
        }
        Activity::Settled if old.phase != Some(outcome.phase) => {
            info!(phase = ?outcome.phase, "enabled");
            work.tell(Reason::Enabled, action, "the integration is set up and validated");
        }
        Activity::Awaiting(failure) if !old.conditions.iter().any(|it| it.message == failure.said()) => {
            info!(message = failure.message, phase = ?outcome.phase, "a person is to run a script");
            work.tell(failure.reason, action, failure.said());
        }
        Activity::Settled
        | Activity::Working(..)
        | Activity::Awaiting(_)
        | Activity::Suspended
        | Activity::Doubtful(_) => {}
    }
}
