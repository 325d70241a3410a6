//! A creation, or what is left of one: preflight, plan, apply, verify.

use kube::ResourceExt;
use tracing::warn;

use super::apply::Pass;
use super::error::Error;
use super::observe::{Inheritance, observe};
use super::obstacles::Sweep;
use super::refusals::{self, LostProof};
use super::remedies;
use super::site::Site;
use super::work::Work;
use crate::api::{Phase, Reason, Remedy, TAKE_OVER_ANNOTATION};
use crate::lifecycle::checks::{self, Preflight, Test};
use crate::lifecycle::proof::Heritage;
use crate::lifecycle::{
    Activity, Failure, Ownership, Place, Seen, Standing, SystemAccount, Unseen, Wanted, WarehouseFacts, by_hand, set_up,
};
use crate::ports::{ConnectError, Key, World};

/// How the original system puts that nothing was changed.
pub const PREREQUISITES: &str = "Validation of prerequisite setup failed. Unable to create integration.";

/// Creates the integration, or goes on with it.
pub async fn run<W: World>(work: &mut Work<'_, W>, wanted: &Wanted) {
    work.begin(Phase::Creating, Reason::Creating, "the integration is being set up");
    let mut creation = Creation { work, wanted, tests: Vec::new() };
    let result = creation.run().await;
    let tests = checks::of_a_beginning(&creation.tests);
    work.outcome.tests = tests;
    match result {
        Ok(()) => {
            (work.outcome.phase, work.outcome.ready) = (Phase::Enabled, Some(true));
            work.outcome.activity = Activity::Settled;
        }
        Err(error) => work.stop(Phase::CreateError, error.failure()),
    }
}

/// Looks whether it can be created, and changes nothing whatever comes of that: the tests, and what is in the way.
pub async fn examine<W: World>(work: &mut Work<'_, W>, wanted: &Wanted) -> (Vec<Test>, Option<Failure>) {
    let mut creation = Creation { work, wanted, tests: Vec::new() };
    let failure = creation.look(Inheritance::Refused).await.err().map(|error| error.failure());
    (checks::of_a_beginning(&creation.tests), failure)
}

struct Creation<'p, 'a, W: World> {
    work: &'p mut Work<'a, W>,
    wanted: &'p Wanted,
    tests: Vec<Test>,
}

impl<'a, W: World> Creation<'_, 'a, W> {
    async fn run(&mut self) -> Result<(), Error> {
        let wanted = self.wanted;
        let setup = &wanted.place.setup;
        let mut site = self.look(Inheritance::Taken).await?;
        let recorded = self.work.recorded(&wanted.place, |created| Place::from(created) == wanted.place);
        let is_begun = recorded.plan;
        let members = Seen::No(Unseen::NotAsked);
        let plan = set_up(&site.observed(recorded, &members), setup);
        let plan = plan.map_err(|refusal| refusals::no_plan(refusal, Reason::NotOurs))?;
        // A role that is not wanted any more, since the spec was edited half-way.
        Sweep::new(&site, setup).refuse_to_drop("create", &plan.operations).await?;
        self.work.outcome.tests = checks::of_a_beginning(&self.tests);
        if !is_begun {
            let note = "the prerequisites are met; the integration is being set up";
            self.work.tell(Reason::Creating, "Create", note);
        }
        let held_something = site.finding.ownership.holds_anything();
        let mut pass = Pass::new(self.work, &mut site, wanted.place.clone());
        if let Err(error) = pass.apply(&plan.operations).await {
            // The server refused the very first change, so that there can be nothing of this pass's.
            if error.is_refused_statement() && !pass.warehouse_touched && !held_something {
                self.take_back(&mut site).await;
            }
            return Err(error);
        }
        self.verify(&mut site).await
    }

    /// Enters, and looks whether it can be created.
    async fn look(&mut self, inheritance: Inheritance) -> Result<Site<'a, W>, Error> {
        let wanted = self.wanted;
        self.refuse_if_held(self.holder(None).as_deref())?;
        let access = self.work.access(&wanted.place.endpoint, &wanted.initial_database).await;
        let access = access.map_err(|error| self.cannot_connect(error))?;
        let initial = access.enter().await.map_err(|error| self.no_connection(&error))?;
        let mut site = observe(self.work, access, initial, wanted.place.setup.clone(), inheritance).await?;
        self.preflight(&mut site)?;
        Ok(site)
    }

    /// All that can be found out by reading, before the first change.
    fn preflight(&mut self, site: &mut Site<'a, W>) -> Result<(), Error> {
        let registered = site.finding.registered.as_ref();
        let holder = self.holder(registered);
        self.refuse_if_held(holder.as_deref())?;
        site.facts.collation.clone_from(&site.finding.collation);
        self.tests = self.tests_of(site, holder.as_deref());
        if registered.is_none() {
            self.refuse_without_proof(&site.facts, &site.finding.ownership)?;
        }
        // Another integration explains whatever else is in the way.
        let claimed = checks::failure_of(&self.tests, checks::UNCLAIMED);
        let Some(test) = claimed.or_else(|| checks::first_failure(&self.tests)) else { return Ok(()) };
        let way_on = match holder {
            Some(_) => None,
            None => self.way_to_take_over(registered, claimed.is_some()),
        };
        let failure = prerequisites(test, &self.tests).remedies(way_on);
        Err(if registered.is_some() {
            refusals::with_answer_to(&self.work.object, TAKE_OVER_ANNOTATION, failure)
        } else {
            failure
        }
        .into())
    }

    fn tests_of(&self, site: &Site<'a, W>, holder: Option<&str>) -> Vec<Test> {
        let (facts, described) = (&site.facts, site.access.described.as_ref());
        Preflight { wanted: self.wanted, facts, described, ownership: &site.finding.ownership, holder }.of_creation()
    }

    /// How to take over what an integration has that isn't among this cluster's, as far as it can be told from
    /// here.
    fn way_to_take_over(&self, registered: Option<&Heritage>, is_claimed: bool) -> Option<Remedy> {
        match registered {
            Some(Heritage { registry, .. }) => {
                let (database, uid) = (&self.wanted.place.setup.database, &registry.integration_uid);
                let description = "or, if that one is given up, take over what it has there";
                Some(remedies::take_over(&self.work.object, description, database, uid))
            }
            None if is_claimed => Some(Remedy::new(
                "or, if that one is gone for good, set spec.config.database to its database, with a superuser's \
                 credentials in the Secret: then the command is given here that takes over what it has",
            )),
            None => None,
        }
    }

    /// Status says that a creation was begun, and the passwords that would prove what came of it are gone.
    fn refuse_without_proof(&self, facts: &WarehouseFacts, ownership: &Ownership) -> Result<(), Error> {
        let Some(created) = &self.work.outcome.created else { return Ok(()) };
        // One that was made anew after a loss proves nothing before its passwords are set.
        let is_anew = |account: &SystemAccount| {
            created.applied_hash.is_some() && account.ids.is_none() && matches!(ownership.claim, Standing::Foreign(_))
        };
        if !self.work.account.as_ref().is_none_or(is_anew) {
            return Ok(());
        }
        let there = by_hand::remnants_there(&Place::from(created).setup, created.next.as_ref(), facts);
        if there.is_empty() {
            return Ok(());
        }
        // What was enabled is in use.
        let then = created.applied_hash.is_none().then_some("the creation begins anew");
        let lost = LostProof { there: &there, power: facts.account.power(), restorable: true, then };
        Err(lost.explain(&self.work.object))
    }

    /// Another resource of this cluster was first: nothing is run.
    fn refuse_if_held(&mut self, holder: Option<&str>) -> Result<(), Error> {
        let Some(holder) = holder.filter(|_| self.work.outcome.created.is_none()) else { return Ok(()) };
        self.tests = vec![checks::held_by(self.wanted.place.endpoint.host(), holder)];
        Err(prerequisites(&self.tests[0], &self.tests).into())
    }

    /// The other resource that holds the warehouse, as `namespace/name`: it has recorded so, or the registry
    /// names it, whose status may be lost, or which knows the host under another name.
    fn holder(&self, registered: Option<&Heritage>) -> Option<String> {
        let recorded = self.work.context.recorded_holder(&self.wanted.place.endpoint, &self.work.object);
        let owner = || {
            let owner = self.work.context.resource(&registered?.registry.integration_uid);
            owner.filter(|owner| owner.uid() != self.work.object.uid())
        };
        recorded.or_else(owner).map(|other| Key::of(&other).to_string())
    }

    /// What is needed to connect isn't there: the test of the connection has failed before it began.
    fn cannot_connect(&mut self, error: Error) -> Error {
        if !matches!(error, Error::Stopped(_) | Error::Login(_)) {
            return error;
        }
        let failure = error.failure();
        let test = checks::failed(checks::CONNECTION, failure.message.as_str()).remedies(failure.remedies.clone());
        let failure = Failure { message: sentence(&test), ..failure };
        self.tests = vec![checks::verified(self.wanted.tls_mode), test];
        failure.into()
    }

    fn no_connection(&mut self, error: &ConnectError) -> Error {
        let failing = match error {
            ConnectError::DatabaseMissing { .. } => checks::INITIAL_DATABASE,
            _ => checks::CONNECTION,
        };
        let mut test = checks::failed(failing, error.to_string());
        if let ConnectError::DatabaseMissing { .. } = error {
            test = test.remedy(Remedy::new("name a database that is there in spec.config.initialDatabase"));
        }
        let failure = Failure::stalled(error.reason(), sentence(&test)).remedies(test.remedies.clone());
        self.tests = vec![checks::verified(self.wanted.tls_mode), test];
        Failure { category: error.category(), ..failure }.into()
    }

    /// Looks once more that nothing is ours, and forgets that anything was planned: the fields can be
    /// edited again, and a deletion is immediate.
    async fn take_back(&mut self, site: &mut Site<'a, W>) {
        if let Err(error) = self.try_take_back(site).await {
            // The next pass finds the same situation and tries to create again.
            warn!(%error, "the plan was not taken back");
        }
    }

    async fn try_take_back(&mut self, site: &mut Site<'a, W>) -> Result<(), Error> {
        let setup = self.wanted.place.setup.clone();
        let initial = match site.sessions.initial.take() {
            Some(session) => session,
            None => site.access.enter().await?,
        };
        let again = observe(self.work, site.access.clone(), initial, setup, Inheritance::Refused).await?;
        let ownership = &again.finding.ownership;
        if ownership.holds_anything() || ownership.unproven().is_some() {
            return Ok(());
        }
        // The list of tests now says what stood in the way.
        let holder = self.holder(again.finding.registered.as_ref());
        self.tests = self.tests_of(&again, holder.as_deref());
        self.work.delete_secret().await?;
        self.work.forget_plan().await?;
        self.work.remove_finalizer().await
    }

    /// The last tests, as the system account.
    async fn verify(&mut self, site: &mut Site<'a, W>) -> Result<(), Error> {
        let wanted = self.wanted;
        let watched = Pass::new(self.work, site, wanted.place.clone()).watched().await?;
        let hash = Some(watched.registry.applied_hash.clone());
        self.work.outcome.created = Some(wanted.place.created(hash));
        let watch = checks::watch(wanted, &watched, &self.work.uid());
        // What later validations will say, so that the first of them has nothing to write.
        self.tests.retain(|test| !watch.iter().any(|newer| newer.name == test.name));
        self.tests.extend(watch);
        failing(&self.tests)
    }
}

/// An error that names the first test which failed.
fn failing(tests: &[Test]) -> Result<(), Error> {
    Failure::of_validation(tests).map_or(Ok(()), |failure| Err(failure.into()))
}

fn sentence(test: &Test) -> String {
    format!("{PREREQUISITES} {}: {}", test.name, test.message)
}

/// Why a creation isn't begun: the test that failed, and what can be done about all that did.
pub fn prerequisites(test: &Test, tests: &[Test]) -> Failure {
    debug_assert!(test.has_failed());
    let (reason, message) = match test.name {
        // Another integration explains whatever else is in the way.
        checks::UNCLAIMED => {
            return Failure::stalled(Reason::AlreadyExists, test.message.as_str()).remedies(test.remedies.clone());
        }
        checks::PRIVILEGES => (Reason::InsufficientPrivileges, sentence(test)),
        checks::DATABASE_ABSENT => (Reason::DatabaseExists, sentence(test)),
        checks::DATABASE_PRESENT => (Reason::DatabaseUnusable, sentence(test)),
        checks::ROLE_ABSENT => (Reason::ImpersonationRoleExists, sentence(test)),
        checks::ACCOUNT_ABSENT => (Reason::SystemAccountExists, sentence(test)),
        _ => (Reason::PrerequisitesFailed, sentence(test)),
    };
    Failure::stalled(reason, message).remedies(checks::remedies(tests))
}
