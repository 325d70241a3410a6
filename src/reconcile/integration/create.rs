//! A creation, or what is left of one: preflight, plan, apply, verify.

use kube::ResourceExt;
use tracing::warn;

use super::apply::{Expected, Found, Pass, under_way};
use super::error::Error;
use super::obstacles::Sweep;
use super::refusals::{self, LostProof};
use super::rekey::{Rekey, heritage};
use super::search::{Access, Search};
use super::{dereference, edit, look, resource, secret};
use crate::api::conditions::reasons;
use crate::api::{Phase, RedshiftIntegration, ValidationStatus, ValidationTest};
use crate::lifecycle::checks::{self, Preflight, complete};
use crate::lifecycle::proof::Heritage;
use crate::lifecycle::{
    Activity, Category, Connection, Failure, Observed, Outcome, Ownership, Place, Recorded, Refusal, Seen, Standing,
    SystemAccount, Wanted, WarehouseFacts, by_hand, set_up,
};
use crate::ports::{ConnectError, Kubernetes, News, World};
use crate::reconcile::Context;

/// How the original system puts that nothing was changed.
pub const PREREQUISITES: &str = "Validation of prerequisite setup failed. Unable to create integration.";

/// What a pass leaves behind: the resource as it was last written, and what to report.
pub struct Finished {
    /// The resource.
    pub object: RedshiftIntegration,
    /// What to report.
    pub outcome: Outcome,
}

/// Creates the integration, or goes on with it.
pub async fn run<W: World>(
    context: &Context<W>,
    object: RedshiftIntegration,
    wanted: &Wanted,
    account: Option<SystemAccount>,
) -> Finished {
    let outcome = under_way(Phase::Creating, reasons::CREATING, "the integration is being set up", &object);
    let mut creation = Creation { context, wanted, object, outcome, tests: Vec::new() };
    let result = creation.run(account).await;
    let Creation { object, mut outcome, tests, .. } = creation;
    outcome.tests = complete(&tests, &[]);
    match result {
        Ok(()) => {
            outcome.phase = Phase::Enabled;
            outcome.ready = Some(true);
            outcome.activity = Activity::Settled;
        }
        Err(error) => {
            outcome.phase = Phase::CreateError;
            outcome.activity = Activity::Stopped(error.failure());
        }
    }
    Finished { object, outcome }
}

struct Creation<'a, W: World> {
    context: &'a Context<W>,
    wanted: &'a Wanted,
    object: RedshiftIntegration,
    outcome: Outcome,
    tests: Vec<ValidationTest>,
}

impl<W: World> Creation<'_, W> {
    async fn run(&mut self, mut account: Option<SystemAccount>) -> Result<(), Error> {
        let (context, wanted) = (self.context, self.wanted);
        self.refuse_if_held(self.holder(None).as_deref())?;
        let admin = dereference::admin_secret(&context.kubernetes, &self.object, context.settings.require_secret_hosts);
        let admin = admin.await.map_err(|error| self.cannot_connect(error))?;
        let target = dereference::target(&context.kubernetes, &self.object).await;
        let target = target.map_err(|error| self.cannot_connect(error))?;
        let access = Access {
            warehouses: &context.warehouses,
            target,
            initial_database: wanted.initial_database.clone(),
            admin: admin.credentials,
        };
        let session = access.enter().await.map_err(|error| self.no_connection(&error))?;
        let mut facts = look::warehouse(&session, &wanted.place.setup).await?;
        let uid = self.object.uid().unwrap_or_default();
        let search = Search { access: &access, wanted: &wanted.place.setup, uid: &uid, account: account.as_ref() };
        let mut finding = search.run(&facts).await?;
        if let Some(heritage) = heritage(&self.object, &finding, &facts) {
            let place = Place { endpoint: wanted.place.endpoint.clone(), setup: heritage.registry.setup.clone() };
            let rekey = Rekey { context, access: &access, place, heritage, for_removal: false };
            (self.object, account) = rekey.run(&self.object, account, finding.managed.take()).await?;
            // What was written may not be forgotten by what is written next.
            self.outcome.created = self.object.status.as_ref().and_then(|status| status.created.clone());
            let search = Search { access: &access, wanted: &wanted.place.setup, uid: &uid, account: account.as_ref() };
            finding = search.run(&facts).await?;
        }
        let holder = self.holder(finding.registered.as_ref());
        self.refuse_if_held(holder.as_deref())?;
        facts.collation.clone_from(&finding.collation);
        self.preflight(&facts, &finding.ownership, holder.as_deref());
        if finding.registered.is_none() {
            self.refuse_without_proof(&facts, account.as_ref(), &finding.ownership)?;
        }
        // Another integration explains whatever else is in the way.
        let claimed = checks::failure_of(&self.tests, checks::UNCLAIMED);
        if let Some(test) = claimed.or_else(|| checks::first_failure(&self.tests)) {
            let way_on = match holder {
                Some(_) => None,
                None => self.way_to_take_over(finding.registered.as_ref(), claimed.is_some()),
            };
            let mut error = prerequisites(test);
            if let (Error::Stopped(failure), Some(way_on)) = (&mut error, way_on) {
                failure.message = format!("{}. {way_on}", failure.message);
            }
            return Err(error);
        }
        let observed = Observed {
            recorded: self.recorded(account.as_ref()),
            ownership: &finding.ownership,
            power: facts.account.power(),
            members: &Seen::No("the creation was complete already".to_owned()),
            contents: &finding.contents,
        };
        let plan = set_up(&observed, &wanted.place.setup).map_err(refused)?;
        let observed_plan = observed.recorded.plan;
        // A role that is not wanted any more, since the spec was edited half-way.
        let sweep = Sweep::new(&access, &facts, &wanted.place.setup, &finding.ownership);
        edit::refuse_to_drop("create", &sweep, &session, &plan.operations).await?;
        let ownership = finding.ownership.clone();
        let found =
            Found { expected: Expected::of(&ownership.database), facts, initial: session, managed: finding.managed };
        let outcome = Outcome { tests: complete(&self.tests, &[]), ..self.outcome.clone() };
        let mut pass = Pass::new(context, self.object.clone(), access, wanted.place.clone(), account, outcome, found);
        if !observed_plan {
            let note = "the prerequisites are met; the integration is being set up";
            let news = News { is_warning: false, reason: "Creating", action: "Create", note: note.to_owned() };
            context.kubernetes.publish(&self.object, news).await;
        }
        let applied = pass.apply(&plan.operations).await;
        self.object = pass.object.clone();
        self.outcome.created.clone_from(&pass.outcome.created);
        if let Err(error) = applied {
            if nothing_was_done(&error, &pass, &ownership) {
                self.take_back(pass).await;
            }
            return Err(error);
        }
        self.verify(&mut pass).await
    }

    /// How to take over what an integration has that isn't among this cluster's, as far as it can be told from
    /// here.
    fn way_to_take_over(&self, registered: Option<&Heritage>, is_claimed: bool) -> Option<String> {
        match registered {
            Some(Heritage { registry, .. }) => {
                let database = &self.wanted.place.setup.database;
                let command = refusals::take_over_command(&self.object, database, &registry.integration_uid);
                Some(format!("If that one is given up, what it has there is taken over by: {command}"))
            }
            None if is_claimed => Some(
                "If that one is gone for good: with its database in spec.config.database, and with a superuser's \
                 credentials, the command that takes over what it has is given here"
                    .to_owned(),
            ),
            None => None,
        }
    }

    /// Status says that a creation was begun, and the passwords that would prove what came of it are gone.
    fn refuse_without_proof(
        &self,
        facts: &WarehouseFacts,
        account: Option<&SystemAccount>,
        ownership: &Ownership,
    ) -> Result<(), Error> {
        let Some(created) = &self.outcome.created else { return Ok(()) };
        // One that was made anew after a loss proves nothing before its passwords are set.
        let is_anew = |account: &SystemAccount| {
            created.applied_hash.is_some() && account.ids.is_none() && matches!(ownership.claim, Standing::Foreign(_))
        };
        if !account.is_none_or(is_anew) {
            return Ok(());
        }
        let there = by_hand::remnants_there(&Place::from(created).setup, created.next.as_ref(), facts);
        if there.is_empty() {
            return Ok(());
        }
        // What was enabled is in use.
        let then = created.applied_hash.is_none().then_some("the creation begins anew");
        let lost = LostProof { there: &there, power: facts.account.power(), restorable: true, then };
        Err(lost.explain(&self.object))
    }

    /// Another resource of this cluster was first: nothing is run.
    fn refuse_if_held(&mut self, holder: Option<&str>) -> Result<(), Error> {
        let Some(holder) = holder.filter(|_| self.outcome.created.is_none()) else { return Ok(()) };
        let message = format!(
            "{}; a warehouse takes one integration: delete the other one, or this one",
            checks::already_exists(self.wanted.place.endpoint.host(), Some(holder))
        );
        self.tests = vec![checks::failed(checks::UNCLAIMED, message.as_str())];
        Err(Error::stalled("AlreadyExists", message))
    }

    /// The other resource that holds the warehouse, as `namespace/name`: it has recorded so, or the registry
    /// names it, whose status may be lost, or which knows the host under another name.
    fn holder(&self, registered: Option<&Heritage>) -> Option<String> {
        let recorded = self.context.recorded_holder(&self.wanted.place.endpoint, &self.object);
        let named = || {
            let owner = self.context.resource(&registered?.registry.integration_uid);
            owner.filter(|owner| owner.uid() != self.object.uid())
        };
        recorded.or_else(named).map(|other| format!("{}/{}", other.namespace().unwrap_or_default(), other.name_any()))
    }

    fn preflight(&mut self, facts: &WarehouseFacts, ownership: &Ownership, holder: Option<&str>) {
        let preflight = Preflight { wanted: self.wanted, facts, ownership, holder };
        self.tests = preflight.of_creation();
    }

    /// What is needed to connect isn't there: the test of the connection has failed before it began.
    fn cannot_connect(&mut self, error: Error) -> Error {
        let Error::Stopped(failure) = error else { return error };
        let test = checks::failed(checks::CONNECTION, failure.message.as_str());
        let failure = Failure { message: sentence(&test), ..failure };
        self.tests = vec![checks::verified(self.wanted.tls_mode), test];
        Error::Stopped(failure)
    }

    fn no_connection(&mut self, error: &ConnectError) -> Error {
        let failing = match error {
            ConnectError::DatabaseMissing { .. } => checks::INITIAL_DATABASE,
            _ => checks::CONNECTION,
        };
        let message = match error {
            ConnectError::DatabaseMissing { .. } => {
                format!("{error}; name a database that is there in spec.config.initialDatabase")
            }
            _ => error.to_string(),
        };
        let test = checks::failed(failing, message);
        let failure = Failure { reason: error.reason(), category: error.category(), message: sentence(&test) };
        self.tests = vec![checks::verified(self.wanted.tls_mode), test];
        Error::Stopped(failure)
    }

    fn recorded(&self, account: Option<&SystemAccount>) -> Recorded {
        let place = &self.wanted.place;
        Recorded {
            finalizer: resource::has_finalizer(&self.object),
            secret: account.is_some(),
            names: account.is_some_and(|account| account.names(&place.setup)),
            settled: account.is_some_and(|account| account.is_settled(place)),
            plan: self.outcome.created.as_ref().is_some_and(|created| Place::from(created) == *place),
            point_of_no_return: false,
        }
    }

    /// Looks once more that nothing is ours, and forgets that anything was planned: the fields can be
    /// edited again, and a deletion is immediate.
    async fn take_back(&mut self, pass: Pass<'_, W>) {
        if let Err(error) = self.try_take_back(pass).await {
            // The next pass finds the same situation and tries to create again.
            warn!(%error, "the plan was not taken back");
        }
    }

    async fn try_take_back(&mut self, mut pass: Pass<'_, W>) -> Result<(), Error> {
        let setup = self.wanted.place.setup.clone();
        let facts = look::warehouse(pass.session(Connection::InitialDatabase).await?, &setup).await?;
        let uid = self.object.uid().unwrap_or_default();
        let search = Search { access: &pass.access, wanted: &setup, uid: &uid, account: pass.account.as_ref() };
        let finding = search.run(&facts).await?;
        let ownership = &finding.ownership;
        if ownership.holds_anything() || ownership.unproven().is_some() {
            return Ok(());
        }
        // The list of tests now says what stood in the way.
        self.preflight(&facts, ownership, self.holder(finding.registered.as_ref()).as_deref());
        if let Some(account) = &pass.account {
            secret::delete(&self.context.kubernetes, &self.object, account).await?;
        }
        let mut status = self.object.status.clone().unwrap_or_default();
        status.created = None;
        self.object = resource::write_status(&self.context.kubernetes, &self.object, status).await?;
        self.outcome.created = None;
        resource::remove_finalizer(&self.context.kubernetes, &self.object).await?;
        self.object.metadata.finalizers = None;
        Ok(())
    }

    /// The last tests, as the system account.
    async fn verify(&mut self, pass: &mut Pass<'_, W>) -> Result<(), Error> {
        let watched = pass.watched().await?;
        let uid = pass.object.uid().unwrap_or_default();
        self.outcome.created = Some(self.wanted.place.created(Some(watched.registry.applied_hash.clone())));
        let watch = checks::watch(self.wanted, &watched, &uid);
        // What later validations will say, so that the first of them has nothing to write.
        self.tests.retain(|test| !watch.iter().any(|newer| newer.name == test.name));
        self.tests.extend(watch);
        failing(&self.tests)
    }
}

/// An error that names the first test which failed.
fn failing(tests: &[ValidationTest]) -> Result<(), Error> {
    match checks::first_failure(tests) {
        None => Ok(()),
        Some(test) => Err(Error::Stopped(Failure::of_validation(test))),
    }
}

/// Whether the server refused the very first change, so that there can be nothing of this pass's.
fn nothing_was_done<W: World>(error: &Error, pass: &Pass<'_, W>, before: &Ownership) -> bool {
    error.is_refused_statement() && !pass.warehouse_touched && !before.holds_anything()
}

fn sentence(test: &ValidationTest) -> String {
    format!("{PREREQUISITES} {}: {}", test.name, checks::said(test))
}

fn prerequisites(test: &ValidationTest) -> Error {
    debug_assert_eq!(test.status, ValidationStatus::Failed);
    let (reason, message) = match test.name.as_str() {
        checks::UNCLAIMED => ("AlreadyExists", checks::said(test).to_owned()),
        checks::PRIVILEGES => ("InsufficientPrivileges", sentence(test)),
        checks::DATABASE_ABSENT => ("DatabaseExists", sentence(test)),
        checks::DATABASE_PRESENT => ("DatabaseUnusable", sentence(test)),
        checks::ROLE_ABSENT => ("ImpersonationRoleExists", sentence(test)),
        checks::ACCOUNT_ABSENT => ("SystemAccountExists", sentence(test)),
        _ => ("PrerequisitesFailed", sentence(test)),
    };
    Error::Stopped(Failure { reason, message, category: Category::Permanent })
}

/// How a plan that there isn't shows.
pub fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Unproven(why) => Error::waiting("OwnershipUnknown", format!("whose it is can't be told: {why}")),
        Refusal::Foreign(what) => Error::stalled("NotOurs", what.join("; ")),
        Refusal::State(why) => Error::stalled("RegistryState", why),
    }
}
