//! Creations; mirrors `controller::create`.

use super::apply::{Expected, Pass, Sessions, under_way};
use super::edit;
use super::kubernetes::{Resource, SystemAccount};
use super::operator::Finished;
use super::rekey::{Rekey, heritage};
use super::search::{self, Search, Sweep};
use super::warehouse::INITIAL;
use super::world::{Io, Stop};
use crate::api::conditions::reasons;
use crate::api::{Phase, ValidationTest};
use crate::lifecycle::checks::{self, Preflight, complete};
use crate::lifecycle::proof::Heritage;
use crate::lifecycle::{
    Activity, Connection as On, Observed, Outcome, Ownership, Place, Recorded, Refusal, Seen, Wanted, WarehouseFacts,
    set_up,
};

/// Mirrors `create::run`.
pub async fn run(io: &Io, object: Resource, wanted: &Wanted, account: Option<SystemAccount>) -> Finished {
    let outcome = under_way(Phase::Creating, reasons::CREATING, &object);
    let mut creation = Creation { io, wanted, object, outcome, tests: Vec::new() };
    let result = creation.run(account).await;
    let Creation { object, mut outcome, tests, .. } = creation;
    outcome.tests = complete(&tests, &[]);
    match result {
        Ok(()) => {
            outcome.phase = Phase::Enabled;
            outcome.ready = Some(true);
            outcome.activity = Activity::Settled;
        }
        Err(stop) => {
            outcome.phase = Phase::CreateError;
            outcome.activity = Activity::Stopped(stop.failure());
        }
    }
    Finished { object, outcome }
}

struct Creation<'a> {
    io: &'a Io,
    wanted: &'a Wanted,
    object: Resource,
    outcome: Outcome,
    tests: Vec<ValidationTest>,
}

impl Creation<'_> {
    async fn run(&mut self, mut account: Option<SystemAccount>) -> Result<(), Stop> {
        let (io, wanted) = (self.io, self.wanted);
        self.refuse_if_held(self.holder(None).as_deref())?;
        credentials(io).await?;
        let session = search::enter(io, INITIAL).await?;
        let setup = &wanted.place.setup;
        let mut facts = search::facts(io, setup).await?;
        let uid = self.object.uid.clone();
        let search = Search { io, wanted: setup, uid: &uid, account: account.as_ref() };
        let mut finding = search.run(&facts).await?;
        if let Some(heritage) = heritage(&self.object, &finding, &facts) {
            let place = Place { endpoint: wanted.place.endpoint.clone(), setup: heritage.registry.setup.clone() };
            let (object, rekeyed) =
                Rekey { io, place, heritage }.run(&self.object, account, finding.managed.take()).await?;
            (self.object, account) = (object, Some(rekeyed));
            self.outcome.created = self.object.status.as_ref().and_then(|status| status.created.clone());
            let search = Search { io, wanted: setup, uid: &uid, account: account.as_ref() };
            finding = search.run(&facts).await?;
        }
        let holder = self.holder(finding.registered.as_ref());
        self.refuse_if_held(holder.as_deref())?;
        facts.collation.clone_from(&finding.collation);
        self.preflight(&facts, &finding.ownership, holder.as_deref());
        let claimed = checks::failure_of(&self.tests, checks::UNCLAIMED);
        if let Some(test) = claimed.or_else(|| checks::first_failure(&self.tests)) {
            return Err(prerequisites(test));
        }
        let observed = Observed {
            recorded: self.recorded(account.as_ref()),
            ownership: &finding.ownership,
            power: facts.account.power(),
            members: &Seen::No("the creation was complete already".to_owned()),
            contents: &finding.contents,
        };
        let plan = set_up(&observed, setup).map_err(refused)?;
        let sweep = Sweep::new(io, &facts, setup, &finding.ownership);
        edit::refuse_to_drop(&sweep, &plan.operations).await?;
        let ownership = finding.ownership.clone();
        let mut pass = Pass {
            io,
            object: self.object.clone(),
            facts,
            place: wanted.place.clone(),
            account,
            expected: Expected::of(&ownership.database),
            sessions: Sessions { initial: Some(session), managed: finding.managed, managed_as_admin: None },
            outcome: Outcome { tests: complete(&self.tests, &[]), ..self.outcome.clone() },
            confirmed: Vec::new(),
            warehouse_touched: false,
        };
        let applied = pass.apply(&plan.operations).await;
        self.object = pass.object.clone();
        self.outcome.created.clone_from(&pass.outcome.created);
        if let Err(stop) = applied {
            // Mirrors `create::nothing_was_done`.
            if stop.is_refused_statement() && !pass.warehouse_touched && !ownership.holds_anything() {
                let _ = self.take_back(pass).await;
            }
            return Err(stop);
        }
        self.verify(&mut pass).await
    }

    /// Mirrors `Creation::refuse_if_held`.
    fn refuse_if_held(&self, holder: Option<&str>) -> Result<(), Stop> {
        match holder {
            Some(holder) if self.outcome.created.is_none() => Err(Stop::stalled("AlreadyExists", holder)),
            _ => Ok(()),
        }
    }

    /// Mirrors `Creation::holder`.
    fn holder(&self, registered: Option<&Heritage>) -> Option<String> {
        let world = self.io.world.borrow();
        let cluster = &world.clusters[self.io.cluster];
        let recorded = cluster.recorded_holder(&self.wanted.place.endpoint, &self.object);
        let is_owner = |other: &&Resource| {
            other.uid != self.object.uid && registered.is_some_and(|it| it.registry.integration_uid == other.uid)
        };
        recorded.or_else(|| cluster.resources.values().find(is_owner)).map(|other| other.name.clone())
    }

    fn preflight(&mut self, facts: &WarehouseFacts, ownership: &Ownership, holder: Option<&str>) {
        let preflight = Preflight { wanted: self.wanted, facts, ownership, holder };
        self.tests = preflight.of_creation();
    }

    /// Mirrors `Creation::recorded`.
    fn recorded(&self, account: Option<&SystemAccount>) -> Recorded {
        let place = &self.wanted.place;
        Recorded {
            finalizer: self.object.finalizer,
            secret: account.is_some(),
            names: account.is_some_and(|account| account.names(&place.setup)),
            settled: account.is_some_and(|account| account.is_settled(place)),
            plan: self.outcome.created.as_ref().is_some_and(|created| Place::from(created) == *place),
            point_of_no_return: false,
        }
    }

    /// Mirrors `Creation::try_take_back`.
    async fn take_back(&mut self, mut pass: Pass<'_>) -> Result<(), Stop> {
        let setup = &self.wanted.place.setup;
        pass.open(On::InitialDatabase).await?;
        let facts = search::facts(self.io, setup).await?;
        let uid = self.object.uid.clone();
        let search = Search { io: self.io, wanted: setup, uid: &uid, account: pass.account.as_ref() };
        let finding = search.run(&facts).await?;
        let ownership = &finding.ownership;
        if ownership.holds_anything() || ownership.unproven().is_some() {
            return Ok(());
        }
        self.preflight(&facts, ownership, self.holder(finding.registered.as_ref()).as_deref());
        if let Some(account) = &pass.account {
            self.io.write(|cluster| cluster.delete_secret(&self.object, account)).await?;
        }
        let mut status = self.object.status.clone().unwrap_or_default();
        status.created = None;
        self.object = self.io.write(|cluster| cluster.write_status(&self.object, status)).await?;
        self.outcome.created = None;
        self.io.write(|cluster| cluster.set_finalizer(&self.object, false)).await?;
        self.object.finalizer = false;
        Ok(())
    }

    /// Mirrors `create::verify` and `create::failing`.
    async fn verify(&mut self, pass: &mut Pass<'_>) -> Result<(), Stop> {
        let watched = pass.watched(&self.wanted.place.setup.system_account).await?;
        self.outcome.created = Some(self.wanted.place.created(Some(watched.registry.applied_hash.clone())));
        let watch = checks::watch(self.wanted, &watched, &self.object.uid);
        self.tests.retain(|test| !watch.iter().any(|newer| newer.name == test.name));
        self.tests.extend(watch);
        match checks::first_failure(&self.tests) {
            None => Ok(()),
            Some(test) => Err(Stop::stalled("ValidationFailed", test.name.as_str())),
        }
    }
}

/// Mirrors `dereference::admin_secret`.
pub async fn credentials(io: &Io) -> Result<(), Stop> {
    if io.read(|cluster| cluster.without_credentials).await? {
        return Err(Stop::stalled("SecretMissing", "the Secret with the credentials is missing"));
    }
    Ok(())
}

fn prerequisites(test: &ValidationTest) -> Stop {
    Stop::stalled("PrerequisitesFailed", format!("{}: {}", test.name, test.message.as_deref().unwrap_or_default()))
}

/// Mirrors `create::refused`.
pub fn refused(refusal: Refusal) -> Stop {
    match refusal {
        Refusal::Unproven(why) => Stop::waiting("OwnershipUnknown", why),
        Refusal::Foreign(what) => Stop::stalled("NotOurs", what.join("; ")),
        Refusal::State(why) => Stop::stalled("RegistryState", why),
    }
}
