//! What the registry names becomes ours by its passwords; mirrors `controller::rekey`.

use secrecy::SecretString;

use super::apply;
use super::kubernetes::{Resource, SystemAccount};
use super::search::{self, Finding};
use super::warehouse::digest;
use super::world::{Connection, Io, Stop};
use crate::lifecycle::proof::{self, Heritage};
use crate::lifecycle::{AccountPower, Place, Registry, Subject, WarehouseFacts, parameters};
use crate::scripts::{CLAIM_USER, Parameters, Section, statements};

/// Mirrors `rekey::heritage`.
pub fn heritage(object: &Resource, finding: &Finding, facts: &WarehouseFacts) -> Option<Heritage> {
    let (annotation, account) = (object.take_over.as_deref(), &finding.ownership.system_account);
    proof::heritage(finding.registered.as_ref(), &object.uid, annotation, account, facts).cloned()
}

/// Mirrors `rekey::Rekey`.
pub struct Rekey<'a> {
    pub io: &'a Io,
    pub place: Place,
    pub heritage: Heritage,
}

impl Rekey<'_> {
    /// Mirrors `Rekey::run`.
    pub async fn run(
        &self,
        object: &Resource,
        account: Option<SystemAccount>,
        managed: Option<Connection>,
    ) -> Result<(Resource, SystemAccount), Stop> {
        let io = self.io;
        let mut object = object.clone();
        if !object.finalizer {
            object = io.write(|cluster| cluster.set_finalizer(&object, true)).await?;
        }
        let mut account = match account {
            Some(account) => account,
            None => apply::create_secret(io, &object, &self.place).await?,
        };
        let created = object.status.as_ref().and_then(|status| status.created.as_ref());
        for setup in self.place.setup.with_roles_of(created) {
            if !account.names(&setup) {
                account.record_next(&setup, apply::new_password(io));
                io.write(|cluster| cluster.patch_secret(&object, &account)).await?;
            }
        }
        object = self.record(object).await?;
        let logs_in = managed.is_some();
        let mut session = match managed {
            Some(session) => session,
            None => search::enter(io, &self.place.setup.database).await?,
        };
        let mut registry = self.heritage.registry.clone();
        if registry.integration_uid != object.uid {
            let parameters = self.parameters(&registry).text("new_integration_uid", &object.uid);
            self.change(&mut session, &object, Section::TakeOver, &parameters).await?;
            (registry.integration_uid, registry.fencing_counter) = (object.uid.clone(), registry.fencing_counter + 1);
        }
        if !logs_in {
            self.set_passwords(&mut session, &object, &registry, &account).await?;
        }
        Ok((object, account))
    }

    /// Mirrors `rekey::change`.
    async fn change(
        &self,
        session: &mut Connection,
        object: &Resource,
        section: Section,
        parameters: &Parameters,
    ) -> Result<(), Stop> {
        for section in [Section::BeginChange, section, Section::CommitChange] {
            for statement in statements(section, parameters).expect("every value is given") {
                self.io.execute(session, object, &statement).await?;
            }
        }
        Ok(())
    }

    /// Mirrors `Rekey::record`.
    async fn record(&self, object: Resource) -> Result<Resource, Stop> {
        let mut status = object.status.clone().unwrap_or_default();
        if status.created.is_some() {
            return Ok(object);
        }
        status.created = Some(self.place.created(None));
        self.io.write(|cluster| cluster.write_status(&object, status)).await
    }

    fn parameters(&self, registry: &Registry) -> Parameters {
        parameters(&self.place.setup, AccountPower::Superuser, &Subject::Pass)
            .text("integration_uid", &registry.integration_uid)
            .text("registry_state", registry.state.as_str())
            .integer("fencing_counter", registry.fencing_counter)
    }

    /// Mirrors `Rekey::set_passwords`.
    async fn set_passwords(
        &self,
        session: &mut Connection,
        object: &Resource,
        registry: &Registry,
        account: &SystemAccount,
    ) -> Result<(), Stop> {
        let name = &self.place.setup.system_account;
        let facts = search::facts(self.io, &self.place.setup).await?;
        let claim = account.ids.as_ref().map(|(claim, _)| claim);
        if !self.heritage.gone(&facts.users, claim).is_empty() {
            return Err(Stop::stalled("UsersGone", "a user that the registry names is gone"));
        }
        let password = account.password_of(name).expect("the Secret names the account before its password is set");
        let parameters = self
            .parameters(registry)
            .secret("claim_password", SecretString::from(digest(&account.claim_password, CLAIM_USER)))
            .secret("system_account_password", SecretString::from(digest(password, name)));
        self.change(session, object, Section::SetPasswords, &parameters).await
    }
}
