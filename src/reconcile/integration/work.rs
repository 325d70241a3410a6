//! What one pass works on: the resource, what its Secret says, and what is to be reported. It is the only place in
//! which these change, so that a pass which stops anywhere still knows what it has written.

use std::borrow::Cow;
use std::sync::OnceLock;

use kube::ResourceExt;

use super::dereference::Admin;
use super::error::Error;
use super::search::Access;
use super::{dereference, resource, secret};
use crate::api::{
    Created, DeletionProgress, Next, Phase, ROTATE_ANNOTATION, Reason, RedshiftIntegration, RedshiftIntegrationStatus,
};
use crate::lifecycle::checks::{self, Test};
use crate::lifecycle::definitions::Definitions;
use crate::lifecycle::login::Described;
use crate::lifecycle::{
    Activity, Credentials, Endpoint, Failure, Handled, Outcome, Place, Record, Recorded, Setup, SystemAccount, UserIds,
    next_status,
};
use crate::ports::{ApiError, Host, Key, Kubernetes, Logins, News, Target, Unused, Warehouses, World};
use crate::reconcile::Context;
use crate::reconcile::witness::Witness;

/// What one pass works on.
pub struct Work<'a, W: World> {
    /// What every pass shares.
    pub context: &'a Context<W>,
    /// The API server, as this pass asks it.
    pub kubernetes: Witness<'a, W::Kubernetes>,
    /// The resource, as it was last read or written.
    pub object: RedshiftIntegration,
    /// The system account, once its Secret is made.
    pub account: Option<SystemAccount>,
    /// What the annotation says that asks for rotations, as it was when the pass began.
    pub rotation_asked_for: Option<String>,
    /// What there is to report, so far.
    pub outcome: Outcome,
    /// What of the CA bundle isn't used, once it was read.
    unused: OnceLock<Unused>,
    /// A write of the status got no answer: what it is now must be read first.
    is_unsure: bool,
}

impl<'a, W: World> Work<'a, W> {
    /// A pass in which nothing was done yet.
    pub fn new(context: &'a Context<W>, object: RedshiftIntegration) -> Self {
        let status = object.status.clone().unwrap_or_default();
        let outcome = Outcome {
            phase: status.phase.unwrap_or(Phase::Creating),
            ready: None,
            activity: Activity::Suspended,
            tests: Vec::new(),
            created: status.created,
            deletion: status.deletion,
        };
        let kubernetes = Witness::new(&context.kubernetes, &object);
        let rotation_asked_for = object.annotations().get(ROTATE_ANNOTATION).cloned();
        let unused = OnceLock::new();
        Self { context, kubernetes, object, account: None, rotation_asked_for, outcome, unused, is_unsure: false }
    }

    /// Begins something, of which status tells as soon as it is written.
    pub fn begin(&mut self, phase: Phase, reason: Reason, message: &str) {
        (self.outcome.phase, self.outcome.ready) = (phase, Some(false));
        self.outcome.activity = Activity::Working(reason, message.to_owned());
    }

    /// Stops it.
    pub fn stop(&mut self, phase: Phase, failure: Failure) {
        self.outcome.phase = phase;
        self.outcome.activity = Activity::Stopped(failure);
    }

    /// UID of the resource.
    pub fn uid(&self) -> String {
        self.object.uid().unwrap_or_default()
    }

    /// The status, as it was last read or written.
    pub fn status(&self) -> RedshiftIntegrationStatus {
        self.object.status.clone().unwrap_or_default()
    }

    /// How many times as long as usual a login may take in this pass.
    pub fn patience(&self) -> u32 {
        self.context.memories.of(&self.uid()).patience()
    }

    /// Tells people of something, once: a pass that tries the same again says nothing new.
    pub fn tell(&self, reason: Reason, action: &'static str, note: impl Into<String>) {
        let note = note.into();
        if self.context.memories.tells(&self.uid(), format!("{reason} {note}")) {
            let news = News { is_warning: false, reason, action, note };
            self.kubernetes.publish(&self.object, news);
        }
    }

    /// Where to connect to. What of the CA bundle isn't used is told with the tests.
    pub async fn target(&self) -> Result<Target, Error> {
        let target = dereference::target(&self.kubernetes, &self.object, self.patience()).await?;
        // A pass sees one bundle, or reads it again within a moment.
        self.unused.get_or_init(|| self.context.warehouses.unused(&target.tls));
        Ok(target)
    }

    /// The way into a warehouse with the credentials that set things up: they are read for this pass alone.
    pub async fn access(&self, endpoint: &Endpoint, initial_database: &str) -> Result<Access<'a, W>, Error> {
        let context = self.context;
        let (admin, described) = self.admin().await?;
        let mut target = self.target().await?;
        target.endpoint = endpoint.clone();
        let initial_database = initial_database.to_owned();
        Ok(Access { warehouses: &context.warehouses, target, initial_database, admin, described })
    }

    async fn admin(&self) -> Result<(Credentials, Option<Described>), Error> {
        match dereference::admin(&self.kubernetes, &self.object, &self.context.settings).await? {
            Admin::Known(credentials) => Ok((credentials, None)),
            Admin::Asks(identity, warehouse) => {
                let obtained = self.context.logins.obtain(&identity, &warehouse, self.patience()).await?;
                Ok((obtained.credentials, obtained.described))
            }
        }
    }

    /// What is recorded in Kubernetes of what is wanted. `is_planned`: whether what status says is this plan.
    pub fn recorded(&self, place: &Place, is_planned: impl FnOnce(&Created) -> bool) -> Recorded {
        let (account, outcome) = (self.account.as_ref(), &self.outcome);
        Recorded {
            finalizer: resource::has_finalizer(&self.object),
            secret: account.is_some(),
            names: account.is_some_and(|account| account.names(&place.setup)),
            settled: account.is_some_and(|account| account.is_settled(place)),
            plan: outcome.created.as_ref().is_some_and(is_planned),
            point_of_no_return: outcome.deletion.as_ref().is_some_and(|deletion| deletion.point_of_no_return),
        }
    }

    /// Puts the finalizer on, if it isn't there.
    pub async fn add_finalizer(&mut self) -> Result<(), Error> {
        if !resource::has_finalizer(&self.object) {
            self.object = resource::add_finalizer(&self.kubernetes, &self.object).await?;
        }
        Ok(())
    }

    /// Takes the finalizer off.
    pub async fn remove_finalizer(&mut self) -> Result<(), Error> {
        resource::remove_finalizer(&self.kubernetes, &self.object).await?;
        self.object.metadata.finalizers = None;
        Ok(())
    }

    /// Makes the Secret, with new passwords.
    pub async fn create_secret(&mut self, place: &Place) -> Result<(), Error> {
        let host = &self.context.host;
        self.account = Some(secret::create(&self.kubernetes, host, &self.object, place.clone()).await?);
        Ok(())
    }

    /// The same; in a namespace that is being deleted no Secret can be made. A deletion needs the passwords in this pass
    /// alone; if that ends early, the next one sets new ones in the same way.
    pub async fn create_secret_if_possible(&mut self, place: &Place) -> Result<(), Error> {
        match self.create_secret(place).await {
            Err(error) if error.is_namespace_terminating() => {
                self.account = Some(secret::generate(&self.context.host, place.clone()));
                Ok(())
            }
            other => other,
        }
    }

    /// Writes something down in Kubernetes. `place` is where the integration is, and what there is to be; `confirmed` are
    /// digests of the obstacles to a deletion that a person has confirmed.
    pub async fn record(&mut self, what: Record, place: &Place, confirmed: &[String]) -> Result<(), Error> {
        match what {
            Record::AddFinalizer => self.add_finalizer().await,
            Record::CreateSecret => self.create_secret(place).await,
            Record::CreateSecretIfPossible => self.create_secret_if_possible(place).await,
            Record::FormerNames => self.record_former_names(place).await,
            Record::NextNames => self.record_next(&place.setup).await,
            Record::Plan => self.record_plan(place).await,
            Record::NextPasswords => self.record_next_passwords().await,
            Record::PromotePasswords => self.promote_passwords().await,
            Record::MaskingKey => self.record_masking_key().await,
            Record::PointOfNoReturn => self.record_point_of_no_return(confirmed.to_vec()).await,
            Record::SettleSecret => unreachable!("the ids that it takes are looked up by whoever carries it out"),
            Record::DeleteSecret => self.delete_secret().await,
            Record::RemoveFinalizer => self.remove_finalizer().await,
        }
    }

    /// Adds to the Secret the names that it may lack: those that the status names.
    async fn record_former_names(&mut self, place: &Place) -> Result<(), Error> {
        for setup in place.setup.with_roles_of(self.outcome.created.as_ref()) {
            if self.account.as_ref().is_some_and(|account| !account.names(&setup)) {
                self.record_next(&setup).await?;
            }
        }
        Ok(())
    }

    /// Adds the names that are to come to the Secret.
    pub async fn record_next(&mut self, wanted: &Setup) -> Result<(), Error> {
        let host = &self.context.host;
        let Some(account) = &mut self.account else { return Ok(()) };
        secret::record_next(&self.kubernetes, host, &self.object, account, wanted).await
    }

    /// Writes into the Secret what there is now, and forgets what was to come.
    pub async fn settle_secret(&mut self, place: &Place, ids: UserIds) -> Result<(), Error> {
        let account = self.account.as_mut().expect("the Secret is made before the accounts");
        let asked_for = self.rotation_asked_for.as_deref();
        secret::settle(&self.kubernetes, &self.object, account, place, ids, asked_for).await
    }

    /// The same, with what the server showed of our objects when they were verified.
    pub async fn settle_verified(
        &mut self,
        place: &Place,
        ids: UserIds,
        definitions: Option<Definitions>,
    ) -> Result<(), Error> {
        let account = self.account.as_mut().expect("what is verified was set up with the Secret's passwords");
        *account = account.with_definitions(definitions);
        self.settle_secret(place, ids).await
    }

    /// Writes into the Secret where the integration is to be now.
    pub async fn move_secret(&mut self, place: &Place) -> Result<(), Error> {
        let account = self.account.as_mut().expect("it is the Secret that says where");
        secret::move_to(&self.kubernetes, &self.object, account, place).await
    }

    async fn record_next_passwords(&mut self) -> Result<(), Error> {
        let account = self.account.as_mut().expect("what is rotated is in the Secret");
        let (host, asked_for) = (&self.context.host, self.rotation_asked_for.as_deref());
        secret::record_next_passwords(&self.kubernetes, host, &self.object, account, asked_for).await
    }

    async fn record_masking_key(&mut self) -> Result<(), Error> {
        let account = self.account.as_mut().expect("it has logged in with what the Secret says");
        secret::record_masking_key(&self.kubernetes, &self.context.host, &self.object, account).await
    }

    async fn promote_passwords(&mut self) -> Result<(), Error> {
        let account = self.account.as_mut().expect("what is rotated is in the Secret");
        secret::promote_passwords(&self.kubernetes, &self.context.host, &self.object, account).await
    }

    /// Deletes the Secret, if there is one.
    pub async fn delete_secret(&mut self) -> Result<(), Error> {
        let Some(account) = &self.account else { return Ok(()) };
        secret::delete(&self.kubernetes, &self.object, account).await
    }

    /// Writes into status what is about to be created.
    pub async fn record_plan(&mut self, place: &Place) -> Result<(), Error> {
        let planned = place.created(None);
        // While an edit goes on, what was applied is still what there is.
        self.outcome.created =
            Some(match self.outcome.created.take().filter(|created| created.applied_hash.is_some()) {
                None => planned,
                Some(mut applied) => {
                    let (account, role) = (planned.system_account, planned.impersonation_role);
                    applied.next = Some(Next {
                        system_account: (account != applied.system_account).then_some(account),
                        impersonation_role: role.filter(|role| applied.impersonation_role.as_ref() != Some(role)),
                    });
                    applied
                }
            });
        self.write_status().await
    }

    /// Writes into status that from here on the deletion only goes forward; `confirmed` are digests of the obstacles to it
    /// that a person has confirmed.
    pub async fn record_point_of_no_return(&mut self, confirmed: Vec<String>) -> Result<(), Error> {
        self.outcome.deletion = Some(DeletionProgress { point_of_no_return: true, confirmed });
        self.write_status().await
    }

    /// Forgets that anything was planned.
    pub async fn forget_plan(&mut self) -> Result<(), Error> {
        self.outcome.created = None;
        self.write_status().await
    }

    /// Writes what there is to report so far.
    pub async fn write_status(&mut self) -> Result<(), Error> {
        let generation = self.object.metadata.generation.unwrap_or_default();
        self.report(generation, None).await
    }

    /// Says with the tests what of the CA bundle isn't used.
    pub fn warn_of_unused(&self, tests: &mut [Test]) {
        if let Some(unused) = self.unused.get().filter(|unused| !unused.is_empty()) {
            checks::warn_of_unused(tests, &unused.to_string());
        }
    }

    /// Writes what there is to report, of a generation of the resource; an unchanged status isn't written.
    pub async fn report(&mut self, generation: i64, handled_request: Option<String>) -> Result<(), Error> {
        let kubernetes = &self.kubernetes;
        if self.is_unsure {
            let found = kubernetes.get::<RedshiftIntegration>(&Key::of(&self.object)).await;
            let found = found.map_err(Error::api("read the resource"))?;
            if let Some(found) = found.filter(|found| found.uid() == self.object.uid()) {
                self.object = found;
            }
        }
        // One that was begun is not handled yet.
        let account = self.account.as_ref().filter(|account| !account.is_rotating());
        let rotation = account.and_then(|account| account.rotated_for.clone());
        let handled = Handled { request: handled_request, rotation };
        let mut outcome = Cow::Borrowed(&self.outcome);
        if self.unused.get().is_some_and(|unused| !unused.is_empty()) {
            self.warn_of_unused(&mut outcome.to_mut().tests);
        }
        let status = next_status(&self.status(), generation, &outcome, handled, self.context.host.now());
        let written = resource::write_status(kubernetes, &self.object, status).await;
        self.is_unsure =
            matches!(&written, Err(Error::Api { source: ApiError::Unanswered(_) | ApiError::Deadline(_), .. }));
        self.object = written?;
        Ok(())
    }
}
