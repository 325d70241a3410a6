//! What the registry says is ours, or a person says is to be, becomes ours by its passwords: after the
//! Secret was lost, and with a take-over of what another integration has left.
//!
//! The order: finalizer, Secret, status, the UID in the registry behind its lock, the passwords. Ended
//! anywhere in between, the next pass goes on from there.

use kube::ResourceExt;
use tracing::info;

use super::error::Error;
use super::search::{Access, Finding};
use super::{look, refusals, resource, secret};
use crate::api::{RedshiftIntegration, TAKE_OVER_ANNOTATION};
use crate::lifecycle::proof::{self, Heritage};
use crate::lifecycle::{AccountPower, Place, Registry, Subject, SystemAccount, WarehouseFacts, parameters};
use crate::ports::{Session, SessionOf, World};
use crate::reconcile::Context;
use crate::scripts::{CLAIM_USER, Parameters, Section, statements};

/// The registry of what becomes ours, if anything is to.
pub fn heritage<S>(object: &RedshiftIntegration, finding: &Finding<S>, facts: &WarehouseFacts) -> Option<Heritage> {
    let annotation = object.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str);
    let (uid, account) = (object.uid().unwrap_or_default(), &finding.ownership.system_account);
    proof::heritage(finding.registered.as_ref(), &uid, annotation, account, facts).cloned()
}

/// What it takes.
pub struct Rekey<'a, W: World> {
    /// What every pass shares.
    pub context: &'a Context<W>,
    /// The way in.
    pub access: &'a Access<'a, W>,
    /// Where it is, and what, as the registry says.
    pub place: Place,
    /// The registry.
    pub heritage: Heritage,
    /// Whether it is for a deletion, which goes on where no Secret can be made any more.
    pub for_removal: bool,
}

impl<W: World> Rekey<'_, W> {
    /// Does it. `managed` is a connection to the managed database as the system account, if that logs in.
    pub async fn run(
        &self,
        object: &RedshiftIntegration,
        account: Option<SystemAccount>,
        managed: Option<SessionOf<W>>,
    ) -> Result<(RedshiftIntegration, Option<SystemAccount>), Error> {
        let (kubernetes, host) = (&self.context.kubernetes, &self.context.host);
        info!(former = self.heritage.registry.integration_uid, "taking over what the registry names");
        let mut object = object.clone();
        if !resource::has_finalizer(&object) {
            object = resource::add_finalizer(kubernetes, &object).await?;
        }
        let mut account = match account {
            Some(account) => account,
            None => self.make_account(&object).await?,
        };
        // Since the Secret was made, its former owner may have given other names; and an edit that was interrupted
        // may have left a role that the registry doesn't name yet, or any more.
        let created = object.status.as_ref().and_then(|status| status.created.as_ref());
        for setup in self.place.setup.with_roles_of(created) {
            if !account.names(&setup) {
                secret::record_next(kubernetes, host, &object, &mut account, &setup).await?;
            }
        }
        object = self.record(object).await?;
        let uid = object.uid().unwrap_or_default();
        let logs_in = managed.is_some();
        let session = match managed {
            Some(session) => session,
            None => self.access.enter_database(&self.place.setup.database).await?,
        };
        let mut registry = self.heritage.registry.clone();
        if registry.integration_uid != uid {
            let parameters = self.parameters(&registry).text("new_integration_uid", &uid);
            change(&session, Section::TakeOver, &parameters).await?;
            (registry.integration_uid, registry.fencing_counter) = (uid, registry.fencing_counter + 1);
        }
        if !logs_in {
            self.set_passwords(&session, &registry, &account).await?;
        }
        Ok((object, Some(account)))
    }

    /// In a namespace that is being deleted no Secret can be made. A deletion needs the passwords in this pass
    /// alone; if that ends early, the next one sets new ones in the same way.
    async fn make_account(&self, object: &RedshiftIntegration) -> Result<SystemAccount, Error> {
        let Context { kubernetes, host, .. } = self.context;
        match secret::create(kubernetes, host, object, self.place.clone()).await {
            Err(error) if self.for_removal && error.is_namespace_terminating() => {
                Ok(secret::generate(host, self.place.clone()))
            }
            other => other,
        }
    }

    async fn record(&self, object: RedshiftIntegration) -> Result<RedshiftIntegration, Error> {
        let mut status = object.status.clone().unwrap_or_default();
        if status.created.is_some() {
            return Ok(object);
        }
        status.created = Some(self.place.created(None));
        resource::write_status(&self.context.kubernetes, &object, status).await
    }

    fn parameters(&self, registry: &Registry) -> Parameters {
        parameters(&self.place.setup, AccountPower::Superuser, &Subject::Pass)
            .text("integration_uid", &registry.integration_uid)
            .text("registry_state", registry.state.as_str())
            .integer("fencing_counter", registry.fencing_counter)
    }

    async fn set_passwords(
        &self,
        session: &impl Session,
        registry: &Registry,
        account: &SystemAccount,
    ) -> Result<(), Error> {
        let name = &self.place.setup.system_account;
        let users = look::warehouse(session, &self.place.setup).await?.users;
        let claim = account.ids.as_ref().map(|ids| &ids.claim);
        let gone = self.heritage.gone(&users, claim);
        if !gone.is_empty() {
            let called = self.heritage.account_is_called(&users);
            return Err(refusals::users_gone(&self.place.setup, &gone, called));
        }
        let password = account.password_of(name);
        let password = password.expect("the Secret names the account before its password is set");
        let parameters = self
            .parameters(registry)
            .secret("claim_password", account.claim_password.md5_for(CLAIM_USER))
            .secret("system_account_password", password.md5_for(name));
        change(session, Section::SetPasswords, &parameters).await
    }
}

/// Behind the lock, and only if the registry still is as it was seen: meanwhile another may have taken over.
async fn change(session: &impl Session, section: Section, parameters: &Parameters) -> Result<(), Error> {
    for section in [Section::BeginChange, section, Section::CommitChange] {
        session.execute(&statements(section, parameters)?).await?;
    }
    Ok(())
}
