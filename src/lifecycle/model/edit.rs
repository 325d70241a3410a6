//! Edits; mirrors `controller::edit`.

use super::apply::{Expected, Pass, Sessions, under_way};
use super::creation::{credentials, refused};
use super::kubernetes::{Resource, SystemAccount};
use super::operator::{Finished, Look};
use super::search::{self, Search, Sweep};
use super::warehouse::INITIAL;
use super::world::{Io, Stop};
use crate::api::conditions::reasons;
use crate::api::{Phase, ValidationTest};
use crate::lifecycle::checks::{self, Needs, Preflight, Watched};
use crate::lifecycle::obstacle::Obstacle;
use crate::lifecycle::{
    Activity, Member, Observed, Operation, Outcome, Place, Recorded, RegistryState, Seen, Setup, Subject, Wanted,
    WarehouseFacts, set_up,
};
use crate::scripts::Section;

/// Mirrors `edit::is_due`.
pub fn is_due(object: &Resource, look: &Look, wanted: &Wanted, account: &SystemAccount) -> bool {
    let registry = &look.watched.registry;
    object.uid == registry.integration_uid
        && registry.state == RegistryState::Complete
        && (changes_the_warehouse(look, wanted, account) || !account.is_settled(&wanted.place))
}

/// Mirrors `edit::changes_the_warehouse`.
fn changes_the_warehouse(look: &Look, wanted: &Wanted, account: &SystemAccount) -> bool {
    let (registry, setup) = (&look.watched.registry, &wanted.place.setup);
    let is_leftover = |role: &str| {
        setup.impersonation_role.as_deref() != Some(role) && look.watched.own_roles.get(role) == Some(&true)
    };
    registry.setup != *setup
        || registry.applied_hash != setup.hash()
        || look.account_name != setup.system_account
        || account.roles().any(is_leftover)
}

/// Mirrors `edit::run`.
pub async fn run(io: &Io, object: Resource, wanted: &Wanted, account: SystemAccount, look: Look) -> Finished {
    let mut outcome = under_way(Phase::Editing, reasons::EDITING, &object);
    outcome.ready = Some(checks::first_failure(&checks::watch(wanted, &look.watched, &object.uid)).is_none());
    let mut edit = Edit { io, wanted, object, outcome, tests: Vec::new() };
    let result = if changes_the_warehouse(&look, wanted, &account) {
        edit.run(account, &look).await
    } else {
        edit.settle(account).await.map(|()| look.watched)
    };
    let Edit { object, mut outcome, tests, .. } = edit;
    match result {
        Ok(watched) => {
            let status = object.status.clone().unwrap_or_default();
            let outcome = Outcome::of_look(&status, &object.uid, wanted, &watched);
            Finished { object, outcome }
        }
        Err(stop) => {
            outcome.phase = Phase::EditError;
            outcome.activity = Activity::Stopped(stop.failure());
            outcome.tests = tests;
            Finished { object, outcome }
        }
    }
}

struct Edit<'a> {
    io: &'a Io,
    wanted: &'a Wanted,
    object: Resource,
    outcome: Outcome,
    tests: Vec<ValidationTest>,
}

impl Edit<'_> {
    /// Mirrors `Edit::settle`.
    async fn settle(&self, mut account: SystemAccount) -> Result<(), Stop> {
        let ids = account.ids.clone().ok_or_else(|| Stop::waiting("SecretIncomplete", "no ids yet"))?;
        account.settle(&self.wanted.place, ids);
        self.io.write(|cluster| cluster.patch_secret(&self.object, &account)).await
    }

    /// Mirrors `Edit::run`.
    async fn run(&mut self, account: SystemAccount, look: &Look) -> Result<Watched, Stop> {
        let (io, wanted) = (self.io, self.wanted);
        let applied = &look.watched.registry.setup;
        credentials(io).await?;
        let session = search::enter(io, INITIAL).await?;
        let setup = &wanted.place.setup;
        let facts = search::facts(io, setup).await?;
        let uid = self.object.uid.clone();
        let finding = Search { io, wanted: setup, uid: &uid, account: Some(&account) }.run(&facts).await?;
        let preflight = Preflight { wanted, facts: &facts, ownership: &finding.ownership, holder: None };
        self.tests = preflight.of_edit(&Needs::of_edit(applied, setup));
        self.tests.extend(checks::watch(wanted, &look.watched, &uid));
        if let Some(test) = checks::first_failure_before_edit(&self.tests) {
            let message = format!("{}: {}", test.name, test.message.as_deref().unwrap_or_default());
            return Err(Stop::stalled("EditRefused", message));
        }
        let members = self.members(&facts, applied).await?;
        let observed = Observed {
            recorded: recorded(&self.object, &account, &wanted.place),
            ownership: &finding.ownership,
            power: facts.account.power(),
            members: &members,
            contents: &finding.contents,
        };
        let plan = set_up(&observed, setup).map_err(refused)?;
        let sweep = Sweep::new(io, &facts, applied, &finding.ownership);
        refuse_to_drop(&sweep, &plan.operations).await?;
        let mut pass = Pass {
            io,
            object: self.object.clone(),
            expected: Expected::of(&finding.ownership.database),
            facts,
            place: wanted.place.clone(),
            account: Some(account),
            sessions: Sessions { initial: Some(session), managed: finding.managed, managed_as_admin: None },
            outcome: self.outcome.clone(),
            confirmed: Vec::new(),
            warehouse_touched: false,
        };
        let result = pass.apply(&plan.operations).await;
        self.object = pass.object.clone();
        self.outcome.created.clone_from(&pass.outcome.created);
        if let Err(stop) = result {
            if stop.is_refused_statement() {
                let _ = self.undo(pass, applied).await;
            }
            return Err(stop);
        }
        pass.watched(&wanted.place.setup.system_account).await
    }

    /// Mirrors `Edit::members`.
    async fn members(&self, facts: &WarehouseFacts, applied: &Setup) -> Result<Seen<Vec<Member>>, Stop> {
        match &applied.impersonation_role {
            Some(role) if self.wanted.place.setup.impersonation_role.as_ref() != Some(role) => {
                let members = self.io.look("read-members", |it| it.members(role, &applied.system_account)).await?;
                Ok(facts.all_grants(members))
            }
            _ => Ok(Seen::Yes(Vec::new())),
        }
    }

    /// Mirrors `Edit::try_undo`.
    async fn undo(&mut self, pass: Pass<'_>, applied: &Setup) -> Result<(), Stop> {
        let Pass { io, object, account, .. } = pass;
        let session = search::enter(io, INITIAL).await?;
        let facts = search::facts(io, applied).await?;
        let uid = object.uid.clone();
        let finding = Search { io, wanted: applied, uid: &uid, account: account.as_ref() }.run(&facts).await?;
        let place = Place { endpoint: self.wanted.place.endpoint.clone(), setup: applied.clone() };
        let recorded = account.as_ref().map(|account| recorded(&object, account, &place)).unwrap_or_default();
        let observed = Observed {
            recorded: Recorded { plan: true, ..recorded },
            ownership: &finding.ownership,
            power: facts.account.power(),
            members: &Seen::No("the edit is being taken back".to_owned()),
            contents: &finding.contents,
        };
        let plan = set_up(&observed, applied).map_err(refused)?;
        let mut pass = Pass {
            io,
            object,
            expected: Expected::of(&finding.ownership.database),
            facts,
            place,
            account,
            sessions: Sessions { initial: Some(session), managed: finding.managed, managed_as_admin: None },
            outcome: self.outcome.clone(),
            confirmed: Vec::new(),
            warehouse_touched: false,
        };
        pass.apply(&plan.operations).await?;
        self.object = pass.object.clone();
        if let Some(created) = &mut self.outcome.created {
            created.next = None;
        }
        Ok(())
    }
}

/// Mirrors `edit::recorded`.
fn recorded(object: &Resource, account: &SystemAccount, place: &Place) -> Recorded {
    let created = object.status.as_ref().and_then(|status| status.created.as_ref());
    Recorded {
        finalizer: object.finalizer,
        secret: true,
        names: account.names(&place.setup),
        settled: account.is_settled(place),
        plan: created.is_some_and(|created| created.next.is_some() || Place::from(created) == *place),
        point_of_no_return: false,
    }
}

pub fn listed(obstacles: &[Obstacle]) -> String {
    obstacles.iter().map(|obstacle| obstacle.text.as_str()).collect::<Vec<_>>().join("; ")
}

/// Mirrors `edit::refuse_to_drop`.
pub async fn refuse_to_drop(sweep: &Sweep<'_>, operations: &[Operation]) -> Result<(), Stop> {
    let roles: Vec<_> = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Run(_, Section::DropRole, Subject::Role(role)) => Some(role.as_str()),
            _ => None,
        })
        .collect();
    let obstacles = sweep.of_roles(&roles).await?;
    if obstacles.is_empty() { Ok(()) } else { Err(Stop::stalled("RoleInUse", listed(&obstacles))) }
}
