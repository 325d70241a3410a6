//! The passwords of an integration that was set up are lost. The Secret gets new ones, and a person sets them: the registry
//! says to the script that they are this integration's users.

use super::find::{Found, find};
use super::published::publish;
use super::verify::enable;
use super::{awaited, own_registry, removal, scripts, watch_over};
use crate::api::{Phase, Reason, Remedy};
use crate::lifecycle::manual::{Script, Secrets};
use crate::lifecycle::{Activity, Failure, Place, Schema, SystemAccount, Wanted};
use crate::ports::World;
use crate::reconcile::integration::error::Error;
use crate::reconcile::integration::work::Work;
use crate::reconcile::integration::{remove, resource};

/// Whether the Secret was made anew, and it isn't known yet that its passwords are set.
pub fn are_lost<W: World>(work: &Work<'_, W>, account: &SystemAccount) -> bool {
    work.status().was_enabled() && account.ids.is_none()
}

/// Goes on with it until they are set.
pub async fn renew<W: World>(work: &mut Work<'_, W>, wanted: &Wanted) {
    work.begin(Phase::RecurringValidationError, Reason::ProofLost, "new passwords are to be set");
    match renewed(work, wanted).await {
        Ok(true) => {
            // An edit may have been waiting meanwhile.
            if let Some(account) = work.account.clone().filter(|account| !account.is_settled(&wanted.place)) {
                watch_over(work, wanted, &account).await;
            }
        }
        Ok(false) => {}
        Err(error) => work.stop(Phase::RecurringValidationError, error.failure()),
    }
}

/// Whether they are set, and what is set up was verified with them.
async fn renewed<W: World>(work: &mut Work<'_, W>, wanted: &Wanted) -> Result<bool, Error> {
    // What there is, whatever is wanted by now.
    let mut place = Place { endpoint: wanted.place.endpoint.clone(), setup: remove::place(work).setup };
    work.add_finalizer().await?;
    if work.account.is_none() {
        work.create_secret(&place).await?;
    }
    let account = work.account.clone().expect("it was there, or was made");
    let applied = removal::wanted(work, &place);
    let database = &place.setup.database;
    match find(work, &applied, &account, &place.endpoint).await? {
        Found::Inside(inside) => {
            let registry = own_registry(work, &inside, database).await?;
            if registry.schema() != Schema::Current {
                return Err(registry.failure_of_schema().into());
            }
            place.setup = registry.setup.clone();
            let applied = removal::wanted(work, &place);
            enable(work, &applied, inside, registry).await?;
            return Ok(true);
        }
        Found::Full => return Err(no_room(&place).into()),
        Found::Account { .. } => {
            let message = format!("there is no database {database} any more");
            let way_out = Remedy::new("delete this resource, which removes what is left, and create it anew");
            return Err(Failure::stalled(Reason::DatabaseMissing, message).remedy(way_out).into());
        }
        Found::Nothing | Found::Claim => {}
    }
    publish_script(work, &place).await?;
    let awaited = awaited_of(work, &place).remedy(Remedy::new(
        "or, where that can't be run: set spec.deletionPolicy to Retain, delete the resource, and create it anew with \
         spec.autoBootstrap true, a superuser's credentials, and the take-over that is offered then",
    ));
    work.outcome.activity = Activity::Awaiting(awaited);
    Ok(false)
}

fn no_room(place: &Place) -> Failure {
    let name = &place.setup.system_account;
    Failure::waiting(Reason::TooManyConnections, format!("the server lets {name} open no connection"))
}

/// Publishes the script that sets the Secret's passwords.
pub async fn publish_script<W: World>(work: &Work<'_, W>, place: &Place) -> Result<(), Error> {
    let applied = removal::wanted(work, place);
    publish(work, &scripts(work, &applied, Some(&place.setup), &[Script::NewPasswords], Secrets::Shown)?).await
}

/// That a person is to run it.
pub fn awaited_of<W: World>(work: &Work<'_, W>, place: &Place) -> Failure {
    let secret = resource::secret_name(&work.object);
    let message = format!(
        "the passwords of the system account and of the claim were lost with the Secret {secret}, which has new ones now: \
         waiting for a person who runs {} in the database {}",
        Script::NewPasswords.file_name(),
        place.setup.database
    );
    awaited(work, message, &[Script::NewPasswords])
        .remedy(Remedy::new(format!("or restore the Secret {secret} from a backup")))
}
