//! An edit of an integration that is set up: what is different from what was applied, and only that.
//! The former state goes on working until the edit is done, and after an edit that failed.

use tracing::warn;

use super::apply::Pass;
use super::error::Error;
use super::observe::{Inheritance, observe};
use super::obstacles::Sweep;
use super::site::Site;
use super::validate::Seen as Look;
use super::work::Work;
use super::{look, refusals};
use crate::api::{Created, Phase, Reason};
use crate::lifecycle::checks::{self, Needs, Preflight, Test, Watched};
use crate::lifecycle::{
    Failure, ManagedDatabase, Member, Outcome, Place, Recorded, Seen, Setup, SystemAccount, Unseen, Wanted, brief,
    set_up,
};
use crate::ports::{SessionOf, World};

/// Whether something is to be done: what is registered, or what is recorded of it, isn't what is wanted.
pub fn is_due(uid: &str, look: &Look, wanted: &Wanted, account: &SystemAccount) -> bool {
    look.watched.registry.is_current_for(uid)
        && (changes_the_warehouse(look, wanted, account) || !account.is_settled(&wanted.place))
}

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

/// Does what is due. `account` is what the Secret says.
pub async fn run<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, account: &SystemAccount, look: Look) {
    work.begin(Phase::Editing, Reason::Editing, "the integration is being edited");
    // Status may have been lost: whether what was set up works is what the look says.
    let uid = work.uid();
    work.outcome.ready = Some(checks::first_failure(&checks::watch(wanted, &look.watched, &uid)).is_none());
    let mut edit = Edit { work, wanted, tests: Vec::new() };
    let result = if changes_the_warehouse(&look, wanted, account) {
        edit.run(&look).await
    } else {
        edit.settle().await.map(|()| look.watched)
    };
    let tests = edit.tests;
    match result {
        Ok(watched) => work.outcome = Outcome::of_look(&work.status(), &uid, wanted, &watched),
        Err(error) => {
            work.stop(Phase::EditError, error.failure());
            work.outcome.tests = tests;
        }
    }
}

struct Edit<'p, 'a, W: World> {
    work: &'p mut Work<'a, W>,
    wanted: &'p Wanted,
    tests: Vec<Test>,
}

/// Status names the plan of an edit beside what was applied.
fn is_planned(created: &Created, place: &Place) -> bool {
    created.next.is_some() || Place::from(created) == *place
}

impl<'a, W: World> Edit<'_, 'a, W> {
    /// The warehouse is as wanted, and the Secret doesn't say so yet.
    async fn settle(&mut self) -> Result<(), Error> {
        let ids = self.work.account.as_ref().and_then(|account| account.ids.clone()).ok_or_else(|| {
            let message = "the Secret of the system account doesn't hold the accounts' ids yet";
            Error::from(Failure::waiting(Reason::SecretIncomplete, message))
        })?;
        self.work.settle_secret(&self.wanted.place, ids).await
    }

    async fn run(&mut self, look: &Look) -> Result<Watched, Error> {
        let wanted = self.wanted;
        let (applied, setup) = (&look.watched.registry.setup, &wanted.place.setup);
        // The admin Secret is read here and nowhere else in an edit: only now is it needed.
        let access = self.work.access(&wanted.place.endpoint, &wanted.initial_database).await;
        let access = access.map_err(needs_credentials)?;
        let initial = access.enter().await?;
        let mut site = observe(self.work, access, initial, setup.clone(), Inheritance::Refused).await?;
        self.preflight(&site, look)?;
        let members = site.facts.all_grants(self.members(site.initial(), applied).await?);
        let recorded = self.work.recorded(&wanted.place, |created| is_planned(created, &wanted.place));
        let plan = set_up(&site.observed(recorded, &members), setup);
        let plan = plan.map_err(|refusal| refusals::no_plan(refusal, Reason::NotOurs))?;
        Sweep::new(&site, applied).refuse_to_drop("edit", &plan.operations).await?;
        let said = describe(applied, setup, &members);
        self.work.tell(Reason::Editing, "Edit", said.as_str());
        let mut pass = Pass::new(self.work, &mut site, wanted.place.clone());
        if let Err(error) = pass.apply(&plan.operations).await {
            let counter = pass.committed_counter();
            return Err(self.undo(&site, error, applied, counter).await);
        }
        let watched = Pass::new(self.work, &mut site, wanted.place.clone()).watched().await?;
        self.work.tell(Reason::Edited, "Edit", said);
        Ok(watched)
    }

    fn preflight(&mut self, site: &Site<'a, W>, look: &Look) -> Result<(), Error> {
        let wanted = self.wanted;
        let (facts, ownership) = (&site.facts, &site.finding.ownership);
        let preflight = Preflight { wanted, facts, described: None, ownership, holder: None };
        self.tests = preflight.of_edit(&Needs::of_edit(&look.watched.registry.setup, &wanted.place.setup));
        self.tests.extend(checks::watch(wanted, &look.watched, &self.work.uid()));
        let Some(test) = checks::first_failure_before_edit(&self.tests) else { return Ok(()) };
        let message = format!("Unable to edit integration. {}: {}", test.name, test.message);
        Err(Failure::stalled(Reason::EditRefused, message).remedies(checks::remedies(&self.tests)).into())
    }

    async fn members(&self, session: &SessionOf<W>, applied: &Setup) -> Result<Seen<Vec<Member>>, Error> {
        match &applied.impersonation_role {
            Some(role) if self.wanted.place.setup.impersonation_role.as_ref() != Some(role) => {
                look::members(session, role, &applied.system_account).await
            }
            // Nobody asks.
            _ => Ok(Seen::Yes(Vec::new())),
        }
    }

    /// The server said no in the middle of it: what was added before is taken away again, so that the
    /// former state is all there is. `counter` is the registry's, unless another operator was at work meanwhile.
    async fn undo(&mut self, site: &Site<'a, W>, error: Error, applied: &Setup, counter: i64) -> Error {
        if !error.is_refused_statement() {
            // What was done isn't known. The next pass looks, and goes on from there.
            return error;
        }
        // The deepest that a pass goes.
        match Box::pin(self.try_undo(site, applied, counter)).await {
            Ok(()) => error,
            Err(why) => {
                warn!(error = %why, "an edit was not taken back");
                let left = self.work.outcome.created.as_ref().and_then(|it| it.next.clone()).unwrap_or_default();
                let names: Vec<_> = left.system_account.into_iter().chain(left.impersonation_role).collect();
                let mut failure = error.failure();
                failure.message = format!(
                    "{}; what the edit added before may be left for now: {} ({why})",
                    failure.message,
                    names.join(", ")
                );
                failure.into()
            }
        }
    }

    async fn try_undo(&mut self, site: &Site<'a, W>, applied: &Setup, counter: i64) -> Result<(), Error> {
        let access = site.access.clone();
        let initial = access.enter().await?;
        let mut site = observe(self.work, access, initial, applied.clone(), Inheritance::Refused).await?;
        if !matches!(&site.finding.ownership.database, ManagedDatabase::Registered(it) if it.fencing_counter == counter)
        {
            // What is there now is another operator's work, and may be just what is wanted. The next pass looks.
            return Ok(());
        }
        let place = Place { endpoint: self.wanted.place.endpoint.clone(), setup: applied.clone() };
        // What status says of the plan stays until it is taken back.
        let recorded = Recorded { plan: true, ..self.work.recorded(&place, |_| true) };
        let members = Seen::No(Unseen::NotAsked);
        let plan = set_up(&site.observed(recorded, &members), applied);
        let plan = plan.map_err(|refusal| refusals::no_plan(refusal, Reason::NotOurs))?;
        Pass::new(self.work, &mut site, place).apply(&plan.operations).await?;
        if let Some(created) = &mut self.work.outcome.created {
            created.next = None;
        }
        Ok(())
    }
}

/// Only an edit that changes the warehouse needs them.
fn needs_credentials(error: Error) -> Error {
    match error {
        Error::Stopped(failure) => failure
            .after(
                "Unable to edit integration: a change of impersonation or of the system account needs the credentials \
                 that set things up.",
            )
            .into(),
        other => other,
    }
}

/// What an edit changes, and what becomes of the members of the role, in words.
pub fn describe(from: &Setup, to: &Setup, members: &Seen<Vec<Member>>) -> String {
    let mut changes = Vec::new();
    if from.system_account != to.system_account {
        changes.push(format!("the system account {} becomes {}", from.system_account, to.system_account));
    }
    let listed = match members {
        Seen::Yes(members) if members.is_empty() => "it has no members".to_owned(),
        Seen::Yes(members) => {
            let names: Vec<_> = members.iter().map(Member::name).collect();
            format!("its members: {}", brief::list(names))
        }
        Seen::No(why) => format!("its members can't be listed: {why}"),
    };
    match (&from.impersonation_role, &to.impersonation_role) {
        (Some(before), Some(after)) if before != after => {
            changes.push(format!("the role {before} becomes {after} and keeps its members ({listed})"));
        }
        (None, Some(role)) => changes.push(format!("impersonation is switched on, with the role {role}")),
        (Some(role), None) => {
            changes.push(format!("impersonation is switched off, and the role {role} dropped ({listed})"));
        }
        _ => {}
    }
    if changes.is_empty() {
        changes.push("what an earlier edit left is taken away".to_owned());
    }
    changes.join("; ")
}
