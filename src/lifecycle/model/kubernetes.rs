//! Kubernetes in memory: resources, the Secrets of system accounts, and an API that may refuse a write, or
//! do it and lose the answer.

use std::collections::BTreeMap;

use super::deletion::CONFIRM;
use crate::api::{RedshiftIntegrationSpec, RedshiftIntegrationStatus};
use crate::lifecycle::Endpoint;
use crate::lifecycle::{Place, Setup};

#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    pub name: String,
    pub uid: String,
    /// When it was created: the number of the resource.
    pub created: u32,
    pub generation: i64,
    /// Changes with every write but status's.
    pub version: u64,
    pub spec: RedshiftIntegrationSpec,
    pub finalizer: bool,
    pub deleting: bool,
    /// The annotations by which a person lets it take over, or be deleted in spite of others.
    pub take_over: Option<String>,
    pub confirm_delete: Option<String>,
    pub status: Option<RedshiftIntegrationStatus>,
}

impl Resource {
    /// Whether its deletion says which word of a person would let it go on.
    pub fn asks_for_a_word(&self) -> bool {
        let mut conditions = self.status.iter().flat_map(|status| &status.conditions);
        conditions.any(|condition| condition.message.contains(CONFIRM))
    }
}

/// The Secret of a system account; mirrors `controller::system_account::SystemAccount`, methods included.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SystemAccount {
    pub integration_uid: String,
    pub uid: u32,
    pub place: Place,
    pub password: String,
    pub claim_password: String,
    pub next_accounts: Vec<String>,
    pub next_password: Option<String>,
    pub next_roles: Vec<String>,
    pub ids: Option<(String, String)>,
}

impl SystemAccount {
    pub fn accounts(&self) -> impl Iterator<Item = (&str, &str)> {
        let password = self.next_password.iter().map(String::as_str).cycle();
        let next = self.next_accounts.iter().rev().map(String::as_str).zip(password);
        next.chain([(self.place.setup.system_account.as_str(), self.password.as_str())])
    }

    pub fn password_of(&self, name: &str) -> Option<&str> {
        self.accounts().find(|(account, _)| *account == name).map(|(_, password)| password)
    }

    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.place.setup.impersonation_role.iter().chain(&self.next_roles).map(String::as_str)
    }

    pub fn names(&self, wanted: &Setup) -> bool {
        self.accounts().any(|(name, _)| name == wanted.system_account)
            && wanted.impersonation_role.as_ref().is_none_or(|role| self.roles().any(|name| name == role))
    }

    pub fn is_settled(&self, wanted: &Place) -> bool {
        self.place == *wanted && self.next_accounts.is_empty() && self.next_roles.is_empty() && self.ids.is_some()
    }

    /// Mirrors `system_account::record_next`.
    pub fn record_next(&mut self, wanted: &Setup, password: String) {
        if !self.accounts().any(|(name, _)| name == wanted.system_account) {
            self.next_accounts.push(wanted.system_account.clone());
            self.next_password.get_or_insert(password);
        }
        let role = wanted.impersonation_role.iter().find(|role| !self.roles().any(|name| name == *role)).cloned();
        self.next_roles.extend(role);
    }

    /// Mirrors `system_account::settle`.
    pub fn settle(&mut self, place: &Place, ids: (String, String)) {
        if let Some(password) = self.password_of(&place.setup.system_account) {
            self.password = password.to_owned();
        }
        self.place = place.clone();
        (self.next_accounts, self.next_password) = (Vec::new(), None);
        (self.next_roles, self.ids) = (Vec::new(), Some(ids));
    }
}

/// A cluster, with one operator in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// Resources by name.
    pub resources: BTreeMap<String, Resource>,
    /// The Secret with the credentials that set things up is missing.
    pub without_credentials: bool,
    /// The Secrets of system accounts, by the name of the resource.
    pub secrets: BTreeMap<String, SystemAccount>,
}

/// The API server refused: the object has changed, or is there, or is gone.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Conflict;

impl Cluster {
    /// Mirrors `Context::others`.
    pub fn others(&self, endpoint: &Endpoint, resource: &Resource) -> impl Iterator<Item = &Resource> {
        self.resources.values().filter(move |other| {
            other.uid != resource.uid && Endpoint::new(&other.spec.config.host, other.spec.config.port) == *endpoint
        })
    }

    /// Mirrors `Context::recorded_holder`.
    pub fn recorded_holder(&self, endpoint: &Endpoint, resource: &Resource) -> Option<&Resource> {
        self.others(endpoint, resource)
            .find(|other| other.status.as_ref().is_some_and(|status| status.created.is_some()))
    }

    fn own(&mut self, resource: &Resource) -> Result<&mut Resource, Conflict> {
        self.resources.get_mut(&resource.name).filter(|found| found.uid == resource.uid).ok_or(Conflict)
    }

    /// Mirrors `resource::patch_finalizers`: with the version that was read.
    pub fn set_finalizer(&mut self, resource: &Resource, there: bool) -> Result<Resource, Conflict> {
        let found = match self.own(resource) {
            Ok(found) => found,
            // Gone already.
            Err(_) if !there => return Ok(resource.clone()),
            Err(conflict) => return Err(conflict),
        };
        if found.version != resource.version {
            return Err(Conflict);
        }
        found.finalizer = there;
        found.version += 1;
        let found = found.clone();
        if found.deleting && !there {
            self.resources.remove(&resource.name);
        }
        Ok(found)
    }

    /// Mirrors `resource::write_status`: others' writes to the rest don't matter.
    pub fn write_status(
        &mut self,
        resource: &Resource,
        status: RedshiftIntegrationStatus,
    ) -> Result<Resource, Conflict> {
        let found = self.own(resource)?;
        found.status = Some(status);
        Ok(found.clone())
    }

    /// Mirrors `system_account::adopt`.
    pub fn adopt(&mut self, resource: &Resource, former: &SystemAccount) -> Result<(), Conflict> {
        let found = self.secrets.get_mut(&resource.name).filter(|found| *found == former).ok_or(Conflict)?;
        found.integration_uid.clone_from(&resource.uid);
        Ok(())
    }

    /// Secrets that have come into other hands: the UIDs of whoever had them, and has them now.
    pub fn inheritances(&self, before: &Self) -> Vec<(String, String)> {
        let had = |name: &String| before.secrets.get(name).map(|secret| (secret.uid, secret.integration_uid.clone()));
        let secrets = self.secrets.iter().filter_map(|(name, secret)| Some((had(name)?, secret)));
        secrets
            .filter(|((uid, left_by), secret)| *uid == secret.uid && *left_by != secret.integration_uid)
            .map(|((_, left_by), secret)| (left_by, secret.integration_uid.clone()))
            .collect()
    }

    pub fn create_secret(&mut self, resource: &Resource, account: SystemAccount) -> Result<(), Conflict> {
        if self.secrets.contains_key(&resource.name) {
            return Err(Conflict);
        }
        self.secrets.insert(resource.name.clone(), account);
        Ok(())
    }

    pub fn patch_secret(&mut self, resource: &Resource, account: &SystemAccount) -> Result<(), Conflict> {
        let found = self.secrets.get_mut(&resource.name).filter(|found| found.uid == account.uid).ok_or(Conflict)?;
        *found = account.clone();
        Ok(())
    }

    pub fn delete_secret(&mut self, resource: &Resource, account: &SystemAccount) -> Result<(), Conflict> {
        match self.secrets.get(&resource.name) {
            None => Ok(()),
            Some(found) if found.uid != account.uid => Err(Conflict),
            Some(_) => {
                self.secrets.remove(&resource.name);
                Ok(())
            }
        }
    }
}
