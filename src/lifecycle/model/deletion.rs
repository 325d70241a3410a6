//! Deletions; mirrors `controller::cleanup`.

use super::apply::{Expected, Pass, Sessions, under_way};
use super::creation::{credentials, refused};
use super::edit::listed;
use super::kubernetes::{Resource, SystemAccount};
use super::operator::Finished;
use super::search::{self, Search, Sweep};
use super::warehouse::{INITIAL, Warehouse};
use super::world::{Io, Stop};
use crate::api::conditions::reasons;
use crate::api::{DeletionPolicy, Phase};
use crate::lifecycle::obstacle;
use crate::lifecycle::{
    Activity, ManagedDatabase, Observed, Outcome, Place, Recorded, Seen, Setup, Stages, WarehouseFacts, by_hand,
    checks, removal,
};
use crate::redshift::Endpoint;

/// Mirrors `cleanup::run`; nothing once the resource is gone.
pub async fn run(io: &Io, object: Resource) -> Option<Finished> {
    let outcome = under_way(Phase::Deleting, reasons::DELETING, &object);
    let mut cleanup = Cleanup { io, object, outcome };
    let result = if cleanup.object.spec.deletion_policy == DeletionPolicy::Retain {
        io.write(|cluster| cluster.set_finalizer(&cleanup.object, false)).await.map(|_| ())
    } else {
        cleanup.run().await
    };
    let Err(stop) = result else { return None };
    cleanup.outcome.phase = Phase::DeleteError;
    cleanup.outcome.activity = Activity::Stopped(stop.failure());
    Some(Finished { object: cleanup.object, outcome: cleanup.outcome })
}

struct Cleanup<'a> {
    io: &'a Io,
    object: Resource,
    outcome: Outcome,
}

impl Cleanup<'_> {
    async fn run(&mut self) -> Result<(), Stop> {
        let io = self.io;
        let account = io.read(|cluster| cluster.secrets.get(&self.object.name).cloned()).await?;
        let account = account.filter(|account| account.integration_uid == self.object.uid);
        let mut place = self.place(account.as_ref());
        credentials(io).await?;
        let session = search::enter(io, INITIAL).await?;
        let facts = search::facts(io, &place.setup).await?;
        let uid = self.object.uid.clone();
        let search = Search { io, wanted: &place.setup, uid: &uid, account: account.as_ref() };
        let finding = search.run(&facts).await?;
        let ownership = finding.ownership;
        if account.is_none() {
            self.refuse_without_proof(&facts, &place)?;
        }
        place.setup.system_account.clone_from(&ownership.system_account_name);
        if !checks::lacking_for_removal(&facts, &ownership, &place.setup).is_empty() {
            return Err(Stop::stalled("InsufficientPrivileges", "not all of it can be removed"));
        }
        let sweep = Sweep::new(io, &facts, &place.setup, &ownership);
        let obstacles = sweep.of_everything().await?;
        if !obstacles.is_empty() {
            return Err(Stop::stalled("ForeignObjects", listed(&obstacles)));
        }
        let given = sweep.rules.given_by_another_admin(&io.look("read-database-acls", Warehouse::database_acls).await?);
        let grants = obstacle::revocations(&obstacles, given, facts.account.power());
        let grants = grants.map_err(|statements| Stop::stalled("RevokeFirst", statements.join("; ")))?;
        let recorded = Recorded {
            finalizer: true,
            secret: account.is_some(),
            plan: self.outcome.created.is_some(),
            point_of_no_return: self.outcome.deletion.as_ref().is_some_and(|deletion| deletion.point_of_no_return),
            ..Recorded::default()
        };
        let observed = Observed {
            recorded,
            ownership: &ownership,
            power: facts.account.power(),
            members: &Seen::Yes(Vec::new()),
            contents: &finding.contents,
        };
        let plan = removal(&observed, place.setup.database_mode, &grants).map_err(refused)?;
        let mut pass = Pass {
            io,
            object: self.object.clone(),
            facts,
            place: place.clone(),
            account,
            expected: Expected::of(&ownership.database),
            sessions: Sessions { initial: Some(session), managed: finding.managed, managed_as_admin: None },
            outcome: self.outcome.clone(),
            warehouse_touched: false,
        };
        let Stages { before, drop, after } = plan.stages();
        pass.apply(before).await?;
        let applied = match pass.apply(drop).await {
            Ok(()) => pass.apply(after).await,
            Err(Stop::Statement { why, refused: true, .. }) => {
                if matches!(ownership.database, ManagedDatabase::Registered(_)) {
                    pass.take_back_deleting().await?;
                } else {
                    pass.outcome.deletion = None;
                }
                Err(Stop::stalled("DropRefused", why))
            }
            failed => failed,
        };
        self.object = pass.object.clone();
        self.outcome.deletion.clone_from(&pass.outcome.deletion);
        applied
    }

    /// Mirrors `Cleanup::place`.
    fn place(&self, account: Option<&SystemAccount>) -> Place {
        let created = self.outcome.created.as_ref().map(Place::from);
        created.or_else(|| account.map(|account| account.place.clone())).unwrap_or_else(|| {
            let config = &self.object.spec.config;
            Place {
                endpoint: Endpoint::new(&config.host, config.port),
                setup: Setup {
                    database: config.database.clone(),
                    database_mode: config.database_mode,
                    system_account: config.system_account.name.clone(),
                    impersonation_role: config.impersonation.enabled.then(|| config.impersonation.role.clone()),
                },
            }
        })
    }

    /// Mirrors `Cleanup::refuse_without_proof`.
    fn refuse_without_proof(&self, facts: &WarehouseFacts, place: &Place) -> Result<(), Stop> {
        let next = self.outcome.created.as_ref().and_then(|created| created.next.as_ref());
        if by_hand::remnants_there(&place.setup, next, facts).is_empty() {
            return Ok(());
        }
        let world = self.io.world.borrow();
        let held_by_another = world.clusters[self.io.cluster].resources.values().any(|other| {
            other.uid != self.object.uid
                && other.spec.config.host == place.endpoint.host()
                && other.status.as_ref().is_some_and(|status| status.created.is_some())
        });
        if held_by_another && self.outcome.created.is_none() {
            return Ok(());
        }
        Err(Stop::stalled("ProofLost", "the Secret is gone"))
    }
}
