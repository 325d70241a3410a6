//! The passes of an operator; mirrors `controller::reconcile` and `controller::watch`.

use jiff::Timestamp;

use super::kubernetes::{Resource, SystemAccount};
use super::world::{Connection, Io, Stop};
use super::{creation, deletion, edit};
use crate::api::Phase;
use crate::lifecycle::Endpoint;
use crate::lifecycle::checks::{self, Watched};
use crate::lifecycle::proof::take_over;
use crate::lifecycle::{Activity, Outcome, RegistryState, Wanted, next_status, validate};

/// Mirrors `create::Finished`.
pub struct Finished {
    pub object: Resource,
    pub outcome: Outcome,
}

/// One pass; mirrors `reconcile::pass`. Time doesn't count here: the next pass may come at once.
pub async fn pass(io: Io, name: String) {
    // What the API server refuses shows in no status; the next pass begins anew.
    let _ = try_pass(&io, &name).await;
}

async fn try_pass(io: &Io, name: &str) -> Result<(), Stop> {
    let Some(object) = io.read(|cluster| cluster.resources.get(name).cloned()).await? else { return Ok(()) };
    io.world.borrow_mut().overtaken.remove(&object.uid);
    if object.deleting {
        if !object.finalizer {
            return Ok(());
        }
        return match deletion::run(io, object).await {
            None => Ok(()),
            Some(Finished { object, outcome }) => report(io, object, outcome).await,
        };
    }
    if waits_for_an_older_one(io, &object) {
        return Ok(());
    }
    let generation = object.generation;
    let Finished { mut object, outcome } = work(io, object).await;
    object.generation = generation;
    report(io, object, outcome).await
}

/// Mirrors `reconcile::waits_for_an_older_one`.
fn waits_for_an_older_one(io: &Io, object: &Resource) -> bool {
    let not_looked_at = |object: &Resource| {
        !object.deleting && object.status.as_ref().is_none_or(|status| status.observed_generation < 0)
    };
    let endpoint = Endpoint::new(&object.spec.config.host, object.spec.config.port);
    not_looked_at(object)
        && io.world.borrow().clusters[io.cluster]
            .others(&endpoint, object)
            .any(|other| not_looked_at(other) && other.created < object.created)
}

/// Mirrors `reconcile::work`.
async fn work(io: &Io, mut object: Resource) -> Finished {
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
        return Finished { object, outcome };
    }
    let was_enabled = status.was_enabled();
    match prepare(io, &mut object).await {
        Ok((wanted, Some(account))) if was_enabled => watch(io, object, &wanted, account).await,
        Ok((wanted, Some(account))) => resume(io, object, &wanted, account).await,
        Ok((wanted, None)) if was_enabled => without_secret(io, object, &wanted).await,
        Ok((wanted, None)) => creation::run(io, object, &wanted, None).await,
        Err(stop) => {
            let outcome = Outcome::before_any_look(&status, object.generation, stop.failure());
            Finished { object, outcome }
        }
    }
}

/// Mirrors `reconcile::prepare`.
async fn prepare(io: &Io, object: &mut Resource) -> Result<(Wanted, Option<SystemAccount>), Stop> {
    let wanted = validate(&object.spec).map_err(|invalid| Stop::stalled("InvalidSpec", invalid.to_string()))?;
    let account = match io.read(|cluster| cluster.secrets.get(&object.name).cloned()).await? {
        None => return Ok((wanted, None)),
        Some(account) if account.integration_uid != object.uid => {
            let left_by = &account.integration_uid;
            if object.take_over != Some(take_over(&wanted.place.setup.database, left_by)) {
                return Err(Stop::stalled("SecretNotOurs", "the Secret was not made for this resource"));
            }
            if !account.place.is_where(&wanted.place) {
                return Err(Stop::stalled("SecretNotOurs", "the Secret is for another place"));
            }
            if !object.finalizer {
                *object = io.write(|cluster| cluster.set_finalizer(object, true)).await?;
            }
            io.write(|cluster| cluster.adopt(object, &account)).await?;
            SystemAccount { integration_uid: object.uid.clone(), ..account }
        }
        Some(account) => account,
    };
    if !account.place.is_where(&wanted.place) {
        return Err(Stop::stalled("RecordedElsewhere", "the Secret names another place"));
    }
    Ok((wanted, Some(account)))
}

/// Mirrors `reconcile::resume`.
async fn resume(io: &Io, object: Resource, wanted: &Wanted, account: SystemAccount) -> Finished {
    if account.ids.is_some() && is_complete(io, &object, &account).await {
        return watch(io, object, wanted, account).await;
    }
    creation::run(io, object, wanted, Some(account)).await
}

/// Mirrors `reconcile::without_secret`.
async fn without_secret(io: &Io, object: Resource, wanted: &Wanted) -> Finished {
    let mut finished = creation::run(io, object, wanted, None).await;
    if let Activity::Stopped(_) = &finished.outcome.activity {
        finished.outcome.phase = Phase::RecurringValidationError;
    }
    finished
}

/// Mirrors `reconcile::report`; as in `resource::write_status`, what is there already isn't written.
async fn report(io: &Io, object: Resource, outcome: Outcome) -> Result<(), Stop> {
    let old = object.status.clone().unwrap_or_default();
    let status = next_status(&old, object.generation, &outcome, None, Timestamp::UNIX_EPOCH);
    if object.status.as_ref() != Some(&status) {
        io.write(|cluster| cluster.write_status(&object, status)).await?;
    }
    Ok(())
}

/// Mirrors `watch::Seen`.
pub struct Look {
    pub watched: Watched,
    pub account_name: String,
}

/// Mirrors `watch::log_in`.
async fn log_in(io: &Io, account: &SystemAccount) -> Result<(Connection, String), Stop> {
    use super::warehouse::LoginError;
    let mut refused = LoginError::Refused;
    for (name, password) in account.accounts() {
        match io.log_in(name, password, &account.place.setup.database).await {
            Ok(session) => return Ok((session, name.to_owned())),
            Err(LoginError::Refused) => refused = LoginError::Refused,
            Err(error) => return Err(error.into()),
        }
    }
    Err(refused.into())
}

/// Mirrors `watch::is_complete`.
async fn is_complete(io: &Io, object: &Resource, account: &SystemAccount) -> bool {
    let Ok((_session, _)) = log_in(io, account).await else { return false };
    let database = &account.place.setup.database;
    let Ok(Ok(registry)) = io.look("read-registry", |warehouse| warehouse.registry(database)).await else {
        return false;
    };
    object.uid == registry.integration_uid && registry.state == RegistryState::Complete
}

/// Mirrors `watch::run`.
async fn watch(io: &Io, object: Resource, wanted: &Wanted, account: SystemAccount) -> Finished {
    let status = object.status.clone().unwrap_or_default();
    match look(io, wanted, &account).await {
        Ok(look) if is_heritage(&object, &look) => creation::run(io, object, wanted, Some(account)).await,
        Ok(look) if edit::is_due(&object, &look, wanted, &account) => {
            edit::run(io, object, wanted, account, look).await
        }
        Ok(look) => {
            let outcome = Outcome::of_look(&status, &object.uid, wanted, &look.watched);
            Finished { object, outcome }
        }
        Err((stop, tests)) => {
            let mut outcome = Outcome::of_failed_look(&status, object.generation, stop.failure());
            outcome.tests = tests;
            if wanted.place.endpoint != account.place.endpoint {
                outcome.ready = None;
            }
            Finished { object, outcome }
        }
    }
}

/// Mirrors `watch::is_heritage`.
fn is_heritage(object: &Resource, look: &Look) -> bool {
    let registry = &look.watched.registry;
    object.uid != registry.integration_uid
        && object.take_over == Some(take_over(&registry.setup.database, &registry.integration_uid))
}

/// Mirrors `watch::validate`.
async fn look(
    io: &Io,
    wanted: &Wanted,
    account: &SystemAccount,
) -> Result<Look, (Stop, Vec<crate::api::ValidationTest>)> {
    let (_session, account_name) = log_in(io, account).await.map_err(|stop| {
        let tests = checks::unwatched(wanted, checks::CONNECTION, &stop.failure().message);
        (stop, tests)
    })?;
    let database = &account.place.setup.database;
    let no_tests = |stop| (stop, Vec::new());
    let registry = io.look("read-registry", |warehouse| warehouse.registry(database)).await.map_err(no_tests)?;
    let registry = registry.map_err(|why| {
        (Stop::stalled("RegistryUnreadable", why.as_str()), checks::unwatched(wanted, checks::REGISTRY, &why))
    })?;
    let watched = io.look("read-watched", |warehouse| warehouse.watched(registry, &account_name)).await;
    Ok(Look { watched: watched.map_err(no_tests)?, account_name })
}
