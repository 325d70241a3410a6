//! An edit of an integration that is set up: what is different from what was applied, and only that.
//! The former state goes on working until the edit is done, and after an edit that failed.

use kube::ResourceExt;
use tracing::warn;

use super::apply::{Expected, Found, Pass, under_way};
use super::create::{Finished, refused};
use super::error::Error;
use super::obstacles::Sweep;
use super::search::{Access, Search};
use super::validate::Seen as Look;
use super::{dereference, look, resource, secret};
use crate::api::conditions::reasons;
use crate::api::{Phase, RedshiftIntegration, ValidationTest};
use crate::lifecycle::checks::{self, Needs, Preflight, Watched};
use crate::lifecycle::{
    Activity, Member, Observed, Operation, Outcome, Place, Recorded, RegistryState, Seen, Setup, Subject,
    SystemAccount, Wanted, set_up,
};
use crate::ports::{Kubernetes, News, SessionOf, World};
use crate::reconcile::Context;
use crate::scripts::Section;

/// Whether something is to be done: what is registered, or what is recorded of it, isn't what is wanted.
pub fn is_due(object: &RedshiftIntegration, look: &Look, wanted: &Wanted, account: &SystemAccount) -> bool {
    let registry = &look.watched.registry;
    let ours = object.uid().as_ref() == Some(&registry.integration_uid);
    ours && registry.state == RegistryState::Complete
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

/// Does what is due.
pub async fn run<W: World>(
    context: &Context<W>,
    object: RedshiftIntegration,
    wanted: &Wanted,
    account: SystemAccount,
    look: Look,
) -> Finished {
    let mut outcome = under_way(Phase::Editing, reasons::EDITING, "the integration is being edited", &object);
    // Status may have been lost: whether what was set up works is what the look says.
    let uid = object.uid().unwrap_or_default();
    outcome.ready = Some(checks::first_failure(&checks::watch(wanted, &look.watched, &uid)).is_none());
    let mut edit = Edit { context, wanted, object, outcome, tests: Vec::new() };
    let result = if changes_the_warehouse(&look, wanted, &account) {
        edit.run(account, &look).await
    } else {
        edit.settle(account).await.map(|()| look.watched)
    };
    let Edit { object, mut outcome, tests, .. } = edit;
    match result {
        Ok(watched) => {
            let status = object.status.clone().unwrap_or_default();
            let outcome = Outcome::of_look(&status, &uid, wanted, &watched);
            Finished { object, outcome }
        }
        Err(error) => {
            outcome.phase = Phase::EditError;
            outcome.activity = Activity::Stopped(error.failure());
            outcome.tests = tests;
            Finished { object, outcome }
        }
    }
}

struct Edit<'a, W: World> {
    context: &'a Context<W>,
    wanted: &'a Wanted,
    object: RedshiftIntegration,
    outcome: Outcome,
    tests: Vec<ValidationTest>,
}

impl<W: World> Edit<'_, W> {
    /// The warehouse is as wanted, and the Secret doesn't say so yet.
    async fn settle(&self, mut account: SystemAccount) -> Result<(), Error> {
        let ids = account.ids.clone().ok_or_else(|| {
            Error::waiting("SecretIncomplete", "the Secret of the system account doesn't hold the accounts' ids yet")
        })?;
        secret::settle(&self.context.kubernetes, &self.object, &mut account, &self.wanted.place, ids).await
    }

    async fn run(&mut self, account: SystemAccount, look: &Look) -> Result<Watched, Error> {
        let (context, wanted) = (self.context, self.wanted);
        let applied = &look.watched.registry.setup;
        let access = access(context, &self.object, wanted).await?;
        let session = access.enter().await?;
        let setup = &wanted.place.setup;
        let facts = look::warehouse(&session, setup).await?;
        let uid = self.object.uid().unwrap_or_default();
        let search = Search { access: &access, wanted: setup, uid: &uid, account: Some(&account) };
        let finding = search.run(&facts).await?;
        let preflight = Preflight { wanted, facts: &facts, ownership: &finding.ownership, holder: None };
        self.tests = preflight.of_edit(&Needs::of_edit(applied, setup));
        self.tests.extend(checks::watch(wanted, &look.watched, &uid));
        if let Some(test) = checks::first_failure_before_edit(&self.tests) {
            let message = format!("Unable to edit integration. {}: {}", test.name, checks::said(test));
            return Err(Error::stalled("EditRefused", message));
        }
        let members = facts.all_grants(self.members(&session, applied).await?);
        let observed = Observed {
            recorded: recorded(&self.object, &account, &wanted.place),
            ownership: &finding.ownership,
            power: facts.account.power(),
            members: &members,
            contents: &finding.contents,
        };
        let plan = set_up(&observed, setup).map_err(refused)?;
        let sweep = Sweep::new(&access, &facts, applied, &finding.ownership);
        refuse_to_drop("edit", &sweep, &session, &plan.operations).await?;
        let said = describe(applied, setup, &members);
        self.tell("Editing", &said).await;
        let found = Found {
            expected: Expected::of(&finding.ownership.database),
            facts,
            initial: session,
            managed: finding.managed,
        };
        let outcome = self.outcome.clone();
        let mut pass =
            Pass::new(context, self.object.clone(), access, wanted.place.clone(), Some(account), outcome, found);
        let result = pass.apply(&plan.operations).await;
        self.object = pass.object.clone();
        self.outcome.created.clone_from(&pass.outcome.created);
        if let Err(error) = result {
            return Err(self.undo(pass, error, applied).await);
        }
        let watched = pass.watched().await?;
        self.tell("Edited", &said).await;
        Ok(watched)
    }

    async fn tell(&self, reason: &'static str, note: &str) {
        let news = News { is_warning: false, reason, action: "Edit", note: note.to_owned() };
        self.context.kubernetes.publish(&self.object, news).await;
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
    /// former state is all there is.
    async fn undo(&mut self, pass: Pass<'_, W>, error: Error, applied: &Setup) -> Error {
        if !error.is_refused_statement() {
            // What was done isn't known. The next pass looks, and goes on from there.
            return error;
        }
        match self.try_undo(pass, applied).await {
            Ok(()) => error,
            Err(why) => {
                warn!(error = %why, "an edit was not taken back");
                let left = self.outcome.created.as_ref().and_then(|created| created.next.clone()).unwrap_or_default();
                let names: Vec<_> = left.system_account.into_iter().chain(left.impersonation_role).collect();
                let mut failure = error.failure();
                failure.message = format!(
                    "{}; what the edit added before may be left for now: {} ({why})",
                    failure.message,
                    names.join(", ")
                );
                Error::Stopped(failure)
            }
        }
    }

    async fn try_undo(&mut self, pass: Pass<'_, W>, applied: &Setup) -> Result<(), Error> {
        let Pass { context, object, access, account, .. } = pass;
        let session = access.enter().await?;
        let facts = look::warehouse(&session, applied).await?;
        let uid = object.uid().unwrap_or_default();
        let search = Search { access: &access, wanted: applied, uid: &uid, account: account.as_ref() };
        let finding = search.run(&facts).await?;
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
        let found = Found {
            expected: Expected::of(&finding.ownership.database),
            facts,
            initial: session,
            managed: finding.managed,
        };
        let mut pass = Pass::new(context, object, access, place, account, self.outcome.clone(), found);
        pass.apply(&plan.operations).await?;
        self.object = pass.object;
        if let Some(created) = &mut self.outcome.created {
            created.next = None;
        }
        Ok(())
    }
}

/// The admin Secret is read here and nowhere else in an edit: only now is it needed.
async fn access<'a, W: World>(
    context: &'a Context<W>,
    object: &RedshiftIntegration,
    wanted: &Wanted,
) -> Result<Access<'a, W>, Error> {
    let admin = dereference::admin_secret(&context.kubernetes, object, context.settings.require_secret_hosts).await;
    let admin = admin.map_err(|error| match error {
        Error::Stopped(mut failure) => {
            failure.message = format!(
                "Unable to edit integration: a change of impersonation or of the system account needs the credentials \
                 that set things up. {}",
                failure.message
            );
            Error::Stopped(failure)
        }
        other => other,
    })?;
    Ok(Access {
        warehouses: &context.warehouses,
        target: dereference::target(&context.kubernetes, object).await?,
        initial_database: wanted.initial_database.clone(),
        admin: admin.credentials,
    })
}

fn recorded(object: &RedshiftIntegration, account: &SystemAccount, place: &Place) -> Recorded {
    let created = object.status.as_ref().and_then(|status| status.created.as_ref());
    Recorded {
        finalizer: resource::has_finalizer(object),
        secret: true,
        names: account.names(&place.setup),
        settled: account.is_settled(place),
        plan: created.is_some_and(|created| created.next.is_some() || Place::from(created) == *place),
        point_of_no_return: false,
    }
}

/// A role that others have granted something is not dropped.
pub async fn refuse_to_drop<W: World>(
    intent: &str,
    sweep: &Sweep<'_, W>,
    initial: &SessionOf<W>,
    operations: &[Operation],
) -> Result<(), Error> {
    let roles: Vec<_> = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Run(_, Section::DropRole, Subject::Role(role)) => Some(role.as_str()),
            _ => None,
        })
        .collect();
    let obstacles = sweep.of_roles(&roles, initial).await?;
    if obstacles.is_empty() {
        return Ok(());
    }
    Err(Error::stalled(
        "RoleInUse",
        format!(
            "Unable to {intent} integration: it would drop the role {}, which others have granted privileges: {}; revoke \
             them, or set spec.config.impersonation back",
            roles.join(", "),
            obstacles.iter().map(|obstacle| obstacle.text.as_str()).collect::<Vec<_>>().join("; ")
        ),
    ))
}

/// What an edit changes, and what becomes of the members of the role, in words.
fn describe(from: &Setup, to: &Setup, members: &Seen<Vec<Member>>) -> String {
    let mut changes = Vec::new();
    if from.system_account != to.system_account {
        changes.push(format!("the system account {} becomes {}", from.system_account, to.system_account));
    }
    let listed = match members {
        Seen::Yes(members) if members.is_empty() => "it has no members".to_owned(),
        Seen::Yes(members) => {
            let names: Vec<_> = members.iter().map(Member::name).collect();
            format!("its members: {}", names.join(", "))
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
