//! What others have changed of what was set up is changed back, by the very sections of which the message about it is made.

use tracing::warn;

use super::apply::Pass;
use super::error::Error;
use super::observe::{Inheritance, observe};
use super::site::Site;
use super::validate::{Inside, Seen};
use super::work::Work;
use crate::api::Reason;
use crate::lifecycle::drift::{Drift, Mender, drift};
use crate::lifecycle::{
    AccountPower, Activity, Connection, Failure, ManagedDatabase, Mend, Place, Setup, Wanted, queries, repair,
};
use crate::ports::{Host, World};

/// What there is to be mended, by whom.
pub struct Repair {
    by_system_account: Vec<Drift>,
    by_superuser: Vec<Drift>,
}

/// What there is to be mended, if the user wants it, and it isn't something that somebody else changes again and again.
pub fn due<W: World>(work: &Work<'_, W>, seen: &Seen) -> Option<Repair> {
    if !work.object.spec.repair || !seen.watched.registry.is_current_for(&work.uid()) {
        return None;
    }
    let has_credentials = work.object.spec.config.credentials_secret_ref.is_some();
    let mut repair = Repair { by_system_account: Vec::new(), by_superuser: Vec::new() };
    for drift in drift(&seen.watched).into_iter().filter(|drift| !is_fought_over(work, &drift.what)) {
        match drift.mender {
            Mender::SystemAccount(_) => repair.by_system_account.push(drift),
            Mender::Superuser(_) if has_credentials => repair.by_superuser.push(drift),
            Mender::Superuser(_) | Mender::SuperuserIf(..) | Mender::Spec(_) | Mender::Person(_) => {}
        }
    }
    (!repair.by_system_account.is_empty() || !repair.by_superuser.is_empty()).then_some(repair)
}

/// Whether it was mended so often that somebody else must be changing it.
pub fn is_fought_over<W: World>(work: &Work<'_, W>, what: &str) -> bool {
    work.context.memories.of(&work.uid()).is_fought_over(what, work.context.host.elapsed())
}

/// Remembers that something was mended, and tells of it: `what` is the same each time, `told` may say more.
pub fn mended<W: World>(work: &Work<'_, W>, what: &str, told: &str) {
    let (uid, now) = (work.uid(), work.context.host.elapsed());
    let mut memory = work.context.memories.of(&uid);
    memory.mended(what, now);
    work.context.memories.remember(&uid, memory);
    work.tell(Reason::Repaired, "Repair", format!("{told}: mended"));
}

/// Mends what can be mended; why something couldn't be, if it couldn't.
pub async fn run<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    seen: &Seen,
    inside: Inside<W>,
    repair: Repair,
) -> Option<String> {
    let Repair { by_system_account, by_superuser } = repair;
    let mut watched = seen.watched.clone();
    let mut failed = None;
    // First of all: what belongs to somebody else, the system account can't mend.
    if !by_superuser.is_empty() {
        match enter_as_superuser(work, wanted, seen.watched.setup()).await {
            Ok(Some(mut site)) if matches!(site.finding.ownership.database, ManagedDatabase::Registered(_)) => {
                failed = mend(work, &mut site, Connection::ManagedDatabaseAsAdmin, &by_superuser).await;
                if let ManagedDatabase::Registered(registry) = site.finding.ownership.database {
                    watched.registry = registry;
                }
            }
            // The message says what a superuser would do.
            Ok(_) => {}
            Err(error) => failed = Some(error.failure().message),
        }
    }
    if !by_system_account.is_empty() {
        let why = match Site::of_system_account(work, wanted, inside, &watched).await {
            Ok(mut site) => mend(work, &mut site, Connection::ManagedDatabase, &by_system_account).await,
            Err(error) => Some(error.failure().message),
        };
        failed = failed.or(why);
    }
    failed
}

/// The warehouse as the account that sets things up finds it, if that is a superuser's.
pub async fn enter_as_superuser<'a, W: World>(
    work: &mut Work<'a, W>,
    wanted: &Wanted,
    setup: Setup,
) -> Result<Option<Site<'a, W>>, Error> {
    let access = match work.access(&wanted.place.endpoint, &wanted.initial_database).await {
        Ok(access) => access,
        // It was deleted, as anybody may once all is set up.
        Err(Error::Stopped(failure)) if failure.reason == Reason::SecretMissing => return Ok(None),
        Err(error) => return Err(error),
    };
    let initial = access.enter().await?;
    let site = observe(work, access, initial, setup, Inheritance::Refused).await?;
    Ok((site.facts.account.power() == AccountPower::Superuser).then_some(site))
}

/// Each in a transaction of its own, so that one which the server refuses holds up no other.
async fn mend<'a, W: World>(
    work: &mut Work<'a, W>,
    site: &mut Site<'a, W>,
    on: Connection,
    drifts: &[Drift],
) -> Option<String> {
    let mut failed = None;
    for drift in drifts {
        let (Mender::SystemAccount(mends) | Mender::Superuser(mends)) = &drift.mender else { continue };
        match apply(work, site, on, mends).await {
            Ok(()) => {
                mended(work, &drift.what, &drift.what);
            }
            Err(error) => {
                warn!(%error, what = drift.what, "it can't be mended");
                let is_refused = error.is_refused_statement();
                failed.get_or_insert(error.failure().message);
                if !is_refused {
                    break;
                }
            }
        }
    }
    failed
}

async fn apply<'a, W: World>(
    work: &mut Work<'a, W>,
    site: &mut Site<'a, W>,
    on: Connection,
    mends: &[Mend],
) -> Result<(), Error> {
    let place = Place { endpoint: site.access.target.endpoint.clone(), setup: site.setup.clone() };
    Pass::new(work, site, place).apply(&repair(on, mends).operations).await?;
    if let ManagedDatabase::Registered(registry) = &mut site.finding.ownership.database {
        registry.fencing_counter += 1;
    }
    Ok(())
}

/// Adds to what a look came to what a repair could not do.
pub fn explain<W: World>(work: &mut Work<'_, W>, seen: &Seen, failed: Option<String>) {
    let is_fought_over =
        work.object.spec.repair && drift(&seen.watched).iter().any(|it| is_fought_over(work, &it.what));
    let Activity::Stopped(failure) = &mut work.outcome.activity else { return };
    if let Some(why) = failed {
        failure.message = format!("{}; mending it has failed: {why}", failure.message);
    }
    if is_fought_over {
        leave_alone(failure);
    }
}

/// Says that nothing is mended which somebody else changes again and again, and how to find out who that is.
pub fn leave_alone(failure: &mut Failure) {
    failure.message = format!(
        "{}; it was mended several times and is changed again and again, so that it is left alone for a day",
        failure.message
    );
    failure.remedies.extend(queries::changes());
}
