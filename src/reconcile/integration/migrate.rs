//! What an older version of the operator has set up becomes what this one sets up: as the system account, without the
//! credentials that set things up.

use super::apply::Pass;
use super::error::Error;
use super::site::Site;
use super::validate::{Inside, Seen};
use super::work::Work;
use crate::api::{Phase, Reason};
use crate::lifecycle::{Place, Wanted, can_migrate, migration};
use crate::ports::World;
use crate::scripts::SCHEMA_VERSION;

/// Whether what was seen is ours, complete, and older.
pub fn is_due(uid: &str, seen: &Seen) -> bool {
    let registry = &seen.watched.registry;
    registry.is_complete_for(uid) && can_migrate(registry)
}

/// Migrates it; whether that is done. `Ready` stays as it is: the old version works until the new one does.
pub async fn run<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, seen: &Seen, inside: Inside<W>) -> bool {
    let from = seen.watched.registry.schema_version;
    let note = format!("the integration is being migrated from schema version {from} to {SCHEMA_VERSION}");
    work.begin(Phase::Migrating, Reason::Migrating, &note);
    work.outcome.ready = None;
    match try_to(work, wanted, seen, inside).await {
        Ok(()) => {
            let note = format!("migrated from schema version {from} to {SCHEMA_VERSION}");
            work.tell(Reason::Migrated, "Migrate", note);
            true
        }
        Err(error) => {
            work.stop(Phase::MigrateError, error.failure());
            false
        }
    }
}

async fn try_to<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    seen: &Seen,
    inside: Inside<W>,
) -> Result<(), Error> {
    work.write_status().await?;
    let registry = &seen.watched.registry;
    let mut site = Site::of_system_account(work, wanted, inside, &seen.watched).await?;
    let place = Place { endpoint: wanted.place.endpoint.clone(), setup: registry.setup.clone() };
    Pass::new(work, &mut site, place).apply(&migration(registry).operations).await
}
