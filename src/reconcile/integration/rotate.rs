//! A rotation of our users' passwords and of the key of impersonations, as these users themselves. What was set up works on.

use super::apply::Pass;
use super::error::Error;
use super::site::Site;
use super::validate::{Inside, Seen as Look};
use super::work::Work;
use super::{edit, resource};
use crate::api::{Reason, Remedy};
use crate::lifecycle::checks::Watched;
use crate::lifecycle::{Activity, Connection, Failure, Outcome, Place, Setup, SystemAccount, Wanted, rotation};
use crate::ports::{ConnectError, Host, World};
use crate::scripts::{CLAIM_USER, show_identifier};

/// Whether a rotation was begun: it is finished before anything else is done.
pub fn is_begun(uid: &str, look: &Look, account: &SystemAccount) -> bool {
    account.is_rotating() && look.watched.registry.is_current_for(uid)
}

/// Whether a rotation was begun, or is asked for, or the passwords are old.
pub fn is_wanted<W: World>(work: &Work<'_, W>, wanted: &Wanted, account: &SystemAccount) -> bool {
    let (asked_for, now) = (work.rotation_asked_for.as_deref(), work.context.host.now());
    account.is_rotating() || rotation::is_due(account, asked_for, wanted.rotation_interval, now)
}

/// Whether one is to begin. Nothing else is to be done, and what is set up is as it must be.
pub fn is_due<W: World>(work: &Work<'_, W>, wanted: &Wanted, look: &Look, account: &SystemAccount) -> bool {
    let uid = work.uid();
    let is_well = || {
        let looked = Outcome::of_look(&work.status(), &uid, wanted, &look.watched);
        looked.activity == Activity::Settled
    };
    is_wanted(work, wanted, account)
        && look.watched.registry.is_current_for(&uid)
        && !edit::is_due(&uid, look, wanted, account)
        && is_well()
}

/// Rotates, or goes on with it; whether that is done.
pub async fn run<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, look: &Look, inside: Inside<W>) -> bool {
    let uid = work.uid();
    begin(work, wanted, look);
    match rotate(work, wanted, look, inside).await {
        Ok(watched) => {
            work.outcome = Outcome::of_look(&work.status(), &uid, wanted, &watched);
            true
        }
        Err(error) => {
            let mut failure = failure(error).after("the rotation of the passwords has stopped:");
            failure.reason = Reason::RotationFailed;
            work.outcome.activity = Activity::Stopped(failure);
            false
        }
    }
}

/// What the look says stays so.
fn begin<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, look: &Look) {
    let (status, uid) = (work.status(), work.uid());
    let mut outcome = Outcome::of_look(&status, &uid, wanted, &look.watched);
    let is_to_be_edited = work.account.as_ref().is_some_and(|account| edit::is_due(&uid, look, wanted, account));
    if is_to_be_edited {
        // It comes afterwards: what was applied is what there is.
        let registry = &look.watched.registry;
        let place = Place { endpoint: wanted.place.endpoint.clone(), setup: registry.setup.clone() };
        let applied = || place.created_as(registry);
        outcome.created = Some(status.created.filter(|it| it.applied_hash.is_some()).unwrap_or_else(applied));
        outcome.phase = status.phase.unwrap_or(outcome.phase);
    }
    outcome.activity = Activity::Working(Reason::Rotating, "the passwords are being rotated".to_owned());
    work.outcome = outcome;
}

async fn rotate<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    look: &Look,
    inside: Inside<W>,
) -> Result<Watched, Error> {
    let mut site = Site::of_system_account(work, wanted, inside, &look.watched).await?;
    let place = Place { endpoint: site.access.target.endpoint.clone(), setup: site.setup.clone() };
    let account = work.account.as_ref().expect("it has logged in with what the Secret says");
    let plan = rotation::rotate(account, &place.setup);
    let mut pass = Pass::new(work, &mut site, place);
    // Before anything is begun: one that can't be finished would stand in the way of everything else.
    let secret = resource::secret_name(&pass.work.object);
    pass.session(Connection::InitialDatabaseAsClaim).await.map_err(|error| without_claim(error, &secret))?;
    pass.work.write_status().await?;
    pass.apply(&plan.operations).await?;
    // Whatever the look after it comes to, this is done.
    let said = describe(&pass.place.setup);
    pass.work.tell(Reason::Rotated, "Rotate", said);
    pass.watched().await
}

/// Whoever may set its password can mend it.
fn without_claim(error: Error, secret: &str) -> Error {
    let Error::Connect(ConnectError::PasswordRefused { said, .. }) = &error else { return error };
    let message = format!(
        "the server refused the login of the user {CLAIM_USER} with the password in the Secret {secret} ({said})"
    );
    let remedy = Remedy::command(
        format!("set its password to the claimPassword in the Secret {secret}, as a superuser"),
        format!("ALTER USER {} PASSWORD '…'", show_identifier(CLAIM_USER)),
    );
    Failure { message, ..error.failure() }.remedy(remedy).into()
}

/// Whatever another operator has changed meanwhile is looked at by the next pass.
fn failure(error: Error) -> Failure {
    match error {
        Error::Statement(error) if error.statement == "check-registry" && error.definitely_refused() => {
            Failure::waiting(Reason::RotationFailed, "the registry was changed by another operator meanwhile")
        }
        other => other.failure(),
    }
}

fn describe(setup: &Setup) -> String {
    let rotated = "the passwords of the system account and of the claim were rotated";
    match &setup.impersonation_role {
        Some(_) => format!("{rotated}, and so was the key of impersonations: those that were running have ended"),
        None => rotated.to_owned(),
    }
}
