//! A system account that others have renamed: it is found by its id, as the claim, who needs nobody's credentials; and with a
//! superuser's it is named back.

use super::apply::Pass;
use super::error::Error;
use super::search::log_in_as_ours;
use super::validate::Unwatched;
use super::work::Work;
use super::{look, remedies, repair, resource};
use crate::api::Reason;
use crate::lifecycle::renamed::{Found, Renamed};
use crate::lifecycle::{Connection, Failure, Place, SystemAccount, Wanted, repair as plan_of};
use crate::ports::{ConnectError, Target, World};

/// Whether that is why the login of the system account is refused. Everybody sees all users; where that is otherwise, or the
/// claim can't log in either, it can't be told.
pub async fn find<W: World>(
    work: &Work<'_, W>,
    wanted: &Wanted,
    account: &SystemAccount,
    target: &Target,
) -> Option<Renamed> {
    let (warehouses, credentials) = (&work.context.warehouses, account.claim_credentials());
    let entered = log_in_as_ours::<W>(warehouses, target, &credentials, &wanted.initial_database).await;
    let (session, _) = entered.ok()?;
    Renamed::find(account, &look::users(&session).await.ok()?)
}

/// What the status says of it.
pub fn explain<W: World>(work: &Work<'_, W>, renamed: &Renamed, error: &ConnectError) -> Failure {
    let secret = resource::secret_name(&work.object);
    let failure = Failure { category: error.category(), ..Failure::stalled(error.reason(), renamed.message()) };
    let is_free = renamed.successor.is_none();
    let by_operator = is_free.then(|| remedies::name_back(work.object.spec.repair));
    failure.remedies(by_operator).remedies(renamed.by_hand(&secret))
}

/// Names it back, if the user wants drift to be mended and a superuser's credentials are there. Whether that was done; if it
/// couldn't be, the failure says why.
pub async fn name_back<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    account: &SystemAccount,
    unwatched: &mut Unwatched,
) -> bool {
    let Unwatched { failure, renamed: Some(renamed), .. } = unwatched else { return false };
    let spec = &work.object.spec;
    if !spec.repair || spec.config.credentials_secret_ref.is_none() || renamed.successor.is_some() {
        return false;
    }
    if repair::is_fought_over(work, &renamed.what()) {
        repair::leave_alone(failure);
        return false;
    }
    match try_to(work, wanted, account, renamed).await {
        Ok(is_done) => is_done,
        Err(error) => {
            failure.message = format!("{}; it is not named back: {}", failure.message, error.failure().message);
            false
        }
    }
}

async fn try_to<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    account: &SystemAccount,
    renamed: &Renamed,
) -> Result<bool, Error> {
    let setup = account.place.setup.clone();
    let Some(mut site) = repair::enter_as_superuser(work, wanted, setup).await? else { return Ok(false) };
    let uid = work.uid();
    let (finding, users) = (&site.finding, &site.facts.users);
    let (claim, heritage) = (&finding.ownership.claim, finding.registered.as_ref());
    let mend = renamed.mend(Found { uid: &uid, account, users, claim, heritage });
    let mend = mend.map_err(|why| Failure::stalled(Reason::OwnershipUnknown, why))?;
    let Some(registry) = heritage.map(|heritage| heritage.registry.clone()) else { return Ok(false) };
    let place = Place { endpoint: site.access.target.endpoint.clone(), setup: registry.setup.clone() };
    let plan = plan_of(Connection::ManagedDatabaseAsAdmin, &[mend]);
    Pass::on_heritage(work, &mut site, place, &registry).apply(&plan.operations).await?;
    repair::mended(work, &renamed.what(), &renamed.what_exactly());
    Ok(true)
}
