//! Deletions; mirrors `controller::cleanup`.

use super::apply::{Expected, Pass, Sessions, under_way};
use super::creation::{credentials, refused};
use super::edit::listed;
use super::kubernetes::{Resource, SystemAccount};
use super::operator::Finished;
use super::rekey::{Rekey, heritage};
use super::search::{self, Search, Sweep};
use super::warehouse::{INITIAL, Warehouse};
use super::world::{Io, Stop};
use crate::api::conditions::reasons;
use crate::api::{DeletionPolicy, Phase};
use crate::lifecycle::Endpoint;
use crate::lifecycle::obstacle::{self, Fate, Obstacle};
use crate::lifecycle::{
    Activity, Connection, ManagedDatabase, Observed, Outcome, Ownership, Place, Recorded, Refusal, Seen, Setup, Stages,
    Standing, WarehouseFacts, by_hand, checks, removal,
};

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

/// In front of the value that confirms, in a message.
pub const CONFIRM: &str = "confirm-delete=";

fn proof_refused() -> Stop {
    Stop::stalled("ProofLost", "the password in the Secret is refused")
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
        let mut account = account.filter(|account| account.integration_uid == self.object.uid);
        let mut place = self.place(account.as_ref());
        credentials(io).await?;
        let session = search::enter(io, INITIAL).await?;
        let facts = search::facts(io, &place.setup).await?;
        let uid = self.object.uid.clone();
        let search = Search { io, wanted: &place.setup, uid: &uid, account: account.as_ref() };
        let mut finding = search.run(&facts).await?;
        if let Some(heritage) = heritage(&self.object, &finding, &facts)
            && heritage
                .goes_along(&uid, &finding.ownership.system_account, finding.locked_out)
                .map_err(|why| refused(Refusal::Unproven(why)))?
        {
            place.setup.clone_from(&heritage.registry.setup);
            let rekey = Rekey { io, place: place.clone(), heritage };
            let (object, rekeyed) = rekey.run(&self.object, account, finding.managed.take()).await?;
            (self.object, account) = (object, Some(rekeyed));
            let search = Search { io, wanted: &place.setup, uid: &uid, account: account.as_ref() };
            finding = search.run(&facts).await?;
        }
        let mut ownership = finding.ownership;
        match &finding.registered {
            Some(found) if found.registry.integration_uid != uid => {
                ownership = Ownership::nothing(&place.setup.system_account);
            }
            Some(_) => return Err(proof_refused()),
            None if account.is_none() => self.refuse_without_proof(&facts, &place)?,
            None => {
                let refused = finding.locked_out || matches!(ownership.system_account, Standing::Foreign(_));
                if refused && self.outcome.created.is_some() && facts.databases.contains_key(&place.setup.database) {
                    return Err(proof_refused());
                }
            }
        }
        place.setup.system_account.clone_from(&ownership.system_account_name);
        if !checks::lacking_for_removal(&facts, &ownership, &place.setup).is_empty() {
            return Err(Stop::stalled("InsufficientPrivileges", "not all of it can be removed"));
        }
        let sweep = Sweep::new(io, &facts, &place.setup, &ownership);
        let obstacles = sweep.of_everything().await?;
        self.refuse_unconfirmed(&place.setup.database, &obstacles)?;
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
            confirmed: Vec::new(),
            warehouse_touched: false,
        };
        pass.confirmed = obstacles.iter().map(Obstacle::digest).collect();
        let Stages { before, drop, after } = plan.stages();
        let looked = match pass.apply(before).await {
            Ok(()) if !before.is_empty() => self.look_again(&mut pass, &ownership, &obstacles).await,
            other => other,
        };
        if let Err(stop) = looked {
            self.object = pass.object.clone();
            return Err(stop);
        }
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

    /// Mirrors `Cleanup::refuse_unconfirmed`.
    fn refuse_unconfirmed(&self, database: &str, obstacles: &[Obstacle]) -> Result<(), Stop> {
        let given = self.object.confirm_delete.as_deref();
        let deletion = self.outcome.deletion.as_ref();
        let confirmed = deletion.map(|deletion| deletion.confirmed.as_slice()).unwrap_or_default();
        let unmoved = obstacle::in_the_way(database, obstacles, given, confirmed);
        if unmoved.is_empty() {
            return Ok(());
        }
        let way_on = if unmoved.iter().any(|obstacle| obstacle.fate == Fate::Stays) {
            "to be moved by hand".to_owned()
        } else {
            format!("{CONFIRM}{}", obstacle::confirmation(database, obstacles))
        };
        Err(Stop::stalled("ForeignObjects", format!("{}; {way_on}", listed(obstacles))))
    }

    /// Mirrors `Cleanup::look_again`.
    async fn look_again(&self, pass: &mut Pass<'_>, ownership: &Ownership, expected: &[Obstacle]) -> Result<(), Stop> {
        pass.open(Connection::InitialDatabase).await?;
        let sweep = Sweep::new(self.io, &pass.facts, &pass.place.setup, ownership);
        if sweep.of_everything().await? == expected {
            return Ok(());
        }
        pass.take_back_deleting().await?;
        Err(Stop::waiting("ForeignObjects", "somebody came in between the look and the removal"))
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
        let held_by_another = world.clusters[self.io.cluster].recorded_holder(&place.endpoint, &self.object).is_some();
        if held_by_another && self.outcome.created.is_none() {
            return Ok(());
        }
        Err(Stop::stalled("ProofLost", "the Secret is gone"))
    }
}
