//! A deletion in manual mode: a person runs the scripts, and the operator lets go once it sees, or is told, that nothing is left.

use kube::ResourceExt;

use super::find::{Found, find, left_behind};
use super::published::{publish, withdraw};
use super::{awaited, passwords, scripts};
use crate::api::{CONFIRM_DELETED_ANNOTATION, Phase, Reason, Remedy, TlsMode};
use crate::lifecycle::manual::{Script, Secrets};
use crate::lifecycle::{Activity, Failure, Place, Setup, Wanted, by_hand, folded, word};
use crate::ports::World;
use crate::reconcile::integration::error::Error;
use crate::reconcile::integration::remove::{self, Gone};
use crate::reconcile::integration::work::Work;
use crate::reconcile::integration::{look, refusals, remedies, resource, secret};

/// Says what a person is to run; the resource is gone once nothing is left.
pub async fn run<W: World>(work: &mut Work<'_, W>) -> Option<Gone> {
    work.begin(Phase::Deleting, Reason::Deleting, "the integration is being removed");
    match removed(work).await {
        Ok(Progress::Gone(said)) => match let_go(work).await {
            Ok(()) => return Some(Gone { phase: Phase::Deleted, said }),
            Err(error) => work.stop(Phase::DeleteError, error.failure()),
        },
        Ok(Progress::Awaiting(failure)) => {
            work.outcome.activity = Activity::Awaiting(failure.remedy(remedies::retain(&work.object)));
        }
        Err(error) => {
            let failure = if error.is_namespace_terminating() {
                nowhere_to_publish(work)
            } else {
                let failure = error.failure();
                remove::went_with_the_namespace(work, &failure).await.unwrap_or(failure)
            };
            work.stop(Phase::DeleteError, failure.remedy(remedies::retain(&work.object)));
        }
    }
    None
}

const NEVER_BEGUN: &str = "nobody had run a script";

/// How far a removal has come.
enum Progress {
    /// Nothing is left, and why that is known.
    Gone(String),
    /// A person is to do something.
    Awaiting(Failure),
}

async fn removed<W: World>(work: &mut Work<'_, W>) -> Result<Progress, Error> {
    work.account = remove::account(work).await?;
    let mut place = remove::place(work);
    let Some(account) = work.account.clone() else { return without_passwords(work, &place).await };
    let is_begun = work.outcome.created.is_some() || account.ids.is_some();
    let found = find(work, &wanted(work, &place), &account, &place.endpoint).await?;
    // An old script may have been run.
    if let Some(name) = found.account_name() {
        place.setup.system_account = name;
    }
    // Whoever can't log in any more after this was there all the same.
    if !is_begun && !matches!(found, Found::Nothing) {
        work.record_plan(&place).await?;
    }
    let wanted = wanted(work, &place);
    let (database, initial) = (&place.setup.database, &wanted.initial_database);
    let rest = Script::DeleteRest.file_name();
    let both = |first: Script| {
        let file = first.file_name();
        format!(
            "waiting for a person who runs {file} in the database {database}, and then {rest} in the database {initial}"
        )
    };
    let mut applied = is_whole(work).then(|| place.setup.clone());
    let (message, which) = match found {
        Found::Nothing if !is_begun => return Ok(Progress::Gone(NEVER_BEGUN.to_owned())),
        Found::Nothing if passwords::are_lost(work, &account) => {
            passwords::publish_script(work, &place).await?;
            return Ok(confirmed(work, &place, passwords::awaited_of(work, &place)));
        }
        Found::Nothing => {
            // The users of these names can be another integration's by now.
            withdraw(work).await?;
            return nobody_logs_in(work, &place);
        }
        Found::Inside(inside) if !look::contents(&inside.session).await?.has_registry() => {
            (both(Script::Cleanup), vec![Script::Cleanup, Script::DeleteRest])
        }
        Found::Inside(inside) => {
            // One that can't be read is for the script to refuse.
            if let Ok(registry) = look::registry(&inside.session, database).await? {
                if registry.integration_uid != work.uid() {
                    let said = format!(
                        "the registry names another integration, {}: nothing was touched",
                        registry.integration_uid
                    );
                    return Ok(Progress::Gone(said));
                }
                let setup = Setup { system_account: place.setup.system_account.clone(), ..registry.setup };
                applied = (!registry.applied_hash.is_empty()).then_some(setup);
            }
            (both(Script::Delete), vec![Script::Delete, Script::DeleteRest])
        }
        Found::Full | Found::Claim => {
            let message = format!(
                "waiting for a person who runs {rest} in the database {initial}; if it says that another script is to be run \
                 first, in the database {database}, do that"
            );
            let before = if applied.is_some() { vec![Script::Delete] } else { vec![Script::Cleanup, Script::Delete] };
            (message, before.into_iter().chain([Script::DeleteRest]).collect())
        }
        Found::Account { session, name, has_claim: false } => {
            let left = left_behind(&session, &account, name).await?;
            let drop = left.removal().map(|statement| Remedy::command("as a superuser", statement));
            return Err(Failure::stalled(Reason::AccountInUse, left.said()).remedies(drop.collect::<Vec<_>>()).into());
        }
        Found::Account { .. } => {
            (format!("waiting for a person who runs {rest} in the database {initial}"), vec![Script::DeleteRest])
        }
    };
    publish(work, &scripts(work, &wanted, applied.as_ref(), &which, Secrets::Shown)?).await?;
    Ok(Progress::Awaiting(awaited(work, message, &which)))
}

/// Whether status says that all of it was there once.
fn is_whole<W: World>(work: &Work<'_, W>) -> bool {
    work.outcome.created.as_ref().is_some_and(|created| created.applied_hash.is_some())
}

/// What was recorded, to be removed, whatever the spec says by now.
pub fn wanted<W: World>(work: &Work<'_, W>, place: &Place) -> Wanted {
    let spec = &work.object.spec;
    Wanted::of_place(place.clone(), folded(&spec.config.initial_database), spec.config.tls.mode)
}

/// Both users are gone, or have other passwords. Only a person knows.
fn nobody_logs_in<W: World>(work: &Work<'_, W>, place: &Place) -> Result<Progress, Error> {
    let secret = resource::secret_name(&work.object);
    let message = format!(
        "the server refuses the passwords in the Secret {secret}: both users were dropped, or somebody has changed their \
         passwords"
    );
    if work.object.spec.config.tls.mode != TlsMode::VerifyFull {
        let way_out = "set spec.config.tls.mode to VerifyFull: another server could have said so";
        return Err(Failure::stalled(Reason::ProofLost, message).remedy(Remedy::new(way_out)).into());
    }
    Ok(confirmed(work, place, Failure::waiting(Reason::AwaitingConfirmation, message)))
}

/// The passwords are lost: nothing can be looked at.
async fn without_passwords<W: World>(work: &Work<'_, W>, place: &Place) -> Result<Progress, Error> {
    let status = work.status();
    // A status that says nothing at all was lost.
    if status.phase.is_some() && status.created.is_none() {
        return Ok(Progress::Gone(NEVER_BEGUN.to_owned()));
    }
    let secret = resource::secret_name(&work.object);
    let message = format!("the Secret {secret} is gone, and without its passwords nobody can look what is left");
    // Nothing can be restored into a namespace that is being deleted.
    let is_restorable = !secret::is_namespace_terminating(&work.kubernetes, &work.object).await;
    let failure = Failure::stalled(Reason::ProofLost, message)
        .remedies(is_restorable.then(|| Remedy::new("restore it from a backup, or do the following")))
        .remedy(Remedy::new(
            "remove these by hand, as a superuser, if nothing of others' is lost with them, and confirm it",
        ))
        .remedies(by_hand::removal(&by_hand::remnants(&place.setup)));
    match confirmed(work, place, failure) {
        Progress::Awaiting(failure) => Err(failure.into()),
        gone @ Progress::Gone(_) => Ok(gone),
    }
}

/// A person's word that nothing is left; without it, the failure that asks for it.
fn confirmed<W: World>(work: &Work<'_, W>, place: &Place, failure: Failure) -> Progress {
    let database = &place.setup.database;
    let given = work.object.annotations().get(CONFIRM_DELETED_ANNOTATION);
    if given.is_some_and(|given| word::fits(given, database)) {
        return Progress::Gone("a person has confirmed that nothing of this integration is left".to_owned());
    }
    let failure = failure.remedy(remedies::confirm_deleted(&work.object, database));
    Progress::Awaiting(refusals::with_answer_to(&work.object, CONFIRM_DELETED_ANNOTATION, failure))
}

/// A namespace that is being deleted takes no Secret.
fn nowhere_to_publish<W: World>(work: &Work<'_, W>) -> Failure {
    let place = remove::place(work);
    let namespace = work.object.namespace().unwrap_or_default();
    let message = format!("the namespace {namespace} is being deleted, and no scripts can be published in it any more");
    Failure::stalled(Reason::ApiServer, message)
        .remedy(Remedy::new(format!(
            "run the scripts of the removal, if they were fetched before; or remove the integration by hand, after a look at \
             what others have put there, in the warehouse {}",
            place.endpoint
        )))
        .remedies(by_hand::removal(&by_hand::remnants(&place.setup)))
        .remedy(remedies::look_now(&work.object))
}

async fn let_go<W: World>(work: &mut Work<'_, W>) -> Result<(), Error> {
    withdraw(work).await?;
    work.delete_secret().await?;
    work.remove_finalizer().await
}
