//! What the registry says is ours, or a person says is to be, becomes ours by its passwords: after the
//! Secret was lost, and with a take-over of what another integration has left.
//!
//! The order: finalizer, Secret, status, the UID in the registry behind its lock, the passwords. Ended
//! anywhere in between, the next pass goes on from there.

use kube::ResourceExt;
use tracing::info;

use super::error::Error;
use super::search::{Access, Finding};
use super::work::Work;
use super::{look, refusals};
use crate::api::{RedshiftIntegration, TAKE_OVER_ANNOTATION};
use crate::lifecycle::proof::{self, Heritage};
use crate::lifecycle::{AccountPower, Place, Registry, Subject, SystemAccount, WarehouseFacts, parameters};
use crate::ports::{Session, SessionOf, World};
use crate::scripts::{CLAIM_USER, Parameters, Section, statements};

/// The registry of what becomes ours, if anything is to.
pub fn heritage(object: &RedshiftIntegration, finding: &Finding, facts: &WarehouseFacts) -> Option<Heritage> {
    let annotation = object.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str);
    let (uid, account) = (object.uid().unwrap_or_default(), &finding.ownership.system_account);
    proof::heritage(finding.registered.as_ref(), &uid, annotation, account, facts).cloned()
}

/// What it takes.
pub struct TakeOver<'s, 'a, W: World> {
    /// The way in.
    pub access: &'s Access<'a, W>,
    /// Where it is, and what, as the registry says.
    pub place: Place,
    /// The registry.
    pub heritage: Heritage,
    /// Whether it is for a deletion, which goes on where no Secret can be made any more.
    pub for_removal: bool,
}

impl<W: World> TakeOver<'_, '_, W> {
    /// Does it. `managed` is a connection to the managed database as the system account, if that logs in.
    pub async fn run(&self, work: &mut Work<'_, W>, managed: Option<SessionOf<W>>) -> Result<(), Error> {
        info!(former = self.heritage.registry.integration_uid, "taking over what the registry names");
        work.add_finalizer().await?;
        if work.account.is_none() {
            if self.for_removal {
                work.create_secret_if_possible(&self.place).await?;
            } else {
                work.create_secret(&self.place).await?;
            }
        }
        // Since the Secret was made, its former owner may have given other names; and an edit that was interrupted
        // may have left a role that the registry doesn't name yet, or any more.
        for setup in self.place.setup.with_roles_of(work.outcome.created.as_ref()) {
            if work.account.as_ref().is_some_and(|account| !account.names(&setup)) {
                work.record_next(&setup).await?;
            }
        }
        if work.outcome.created.is_none() {
            work.record_plan(&self.place).await?;
        }
        let logs_in = managed.is_some();
        let session = match managed {
            Some(session) => session,
            None => self.access.enter_database(&self.place.setup.database).await?,
        };
        let (uid, mut registry) = (work.uid(), self.heritage.registry.clone());
        if registry.integration_uid != uid {
            let parameters = self.parameters(&registry).text("new_integration_uid", &uid);
            change(&session, Section::TakeOver, &parameters).await?;
            (registry.integration_uid, registry.fencing_counter) = (uid, registry.fencing_counter + 1);
        }
        match &work.account {
            Some(account) if !logs_in => self.set_passwords(&session, &registry, account).await,
            _ => Ok(()),
        }
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
