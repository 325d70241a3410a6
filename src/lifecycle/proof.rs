//! What is ours, told from who could log in and what was found then.

use std::collections::{BTreeMap, BTreeSet};

use super::contents::Contents;
use super::{ManagedDatabase, Registry, Seen, Setup, Standing, UserId, WarehouseFacts, word};
use crate::api::DatabaseMode;
use crate::scripts::CLAIM_USER;

/// The system account, as far as it was found.
#[derive(Clone, Debug)]
pub struct FoundAccount {
    /// Its name.
    pub name: String,
    /// Whose it is.
    pub standing: Standing,
    /// Its roles, and which of them it may grant.
    pub own_roles: BTreeMap<String, bool>,
}

/// Who looks into the managed database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// The system account.
    Account,
    /// The account from the user's Secret.
    Admin,
    /// Nobody: what can be told without.
    Nobody(Box<ManagedDatabase>),
}

/// What was found in the managed database.
#[derive(Clone, Debug)]
pub struct Inside<'a> {
    /// Whether the system account looked.
    pub as_account: bool,
    /// What is in it.
    pub contents: &'a Contents,
    /// Its registry, if it has one and that can be read.
    pub registry: Option<Result<Registry, String>>,
}

/// A registry that isn't ours by its users: another integration's, or ours, if the passwords were lost.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heritage {
    /// What it says.
    pub registry: Registry,
    /// Who owns it: the system account, whatever its name is by now.
    pub owner: UserId,
}

impl Heritage {
    /// The names that don't stand for the users which go with it: of the account, and of the claim, whose id is known
    /// if a Secret or the registry holds it. Somebody else can have taken a name that became free.
    #[must_use]
    pub fn gone(&self, users: &BTreeMap<String, UserId>, claim: Option<&UserId>) -> Vec<&str> {
        let account = self.registry.setup.system_account.as_str();
        let claim = claim.or(self.registry.claim_user_id.as_ref());
        let mut gone = Vec::new();
        if users.get(account) != Some(&self.owner) {
            gone.push(account);
        }
        if users.get(CLAIM_USER).is_none_or(|found| claim.is_some_and(|made| made != found)) {
            gone.push(CLAIM_USER);
        }
        gone
    }

    /// What the account is called by now, if that isn't what the registry says.
    #[must_use]
    pub fn account_is_called<'a>(&self, users: &'a BTreeMap<String, UserId>) -> Option<&'a str> {
        let (called, _) = users.iter().find(|(_, id)| **id == self.owner)?;
        (*called != self.registry.setup.system_account).then_some(called)
    }

    /// Whether a deletion takes it along: if it is ours, or was being taken over with its former owner's Secret, which
    /// nobody else has now.
    ///
    /// # Errors
    ///
    /// If that can't be told, why: whoever may be the system account could not log in.
    pub fn goes_along(&self, uid: &str, account: &Standing) -> Result<bool, String> {
        match account {
            _ if self.registry.integration_uid == uid => Ok(true),
            Standing::Ours | Standing::LockedOut(_) => Ok(true),
            Standing::Unproven(why) => Err(why.clone()),
            Standing::Absent | Standing::Foreign(_) => Ok(false),
        }
    }
}

/// What there is to tell from.
#[derive(Clone, Copy, Debug)]
pub struct Proof<'a> {
    /// What there would be.
    pub wanted: &'a Setup,
    /// UID of the integration.
    pub uid: &'a str,
    /// What the warehouse is.
    pub facts: &'a WarehouseFacts,
}

impl Proof<'_> {
    /// Who is to look into the managed database.
    #[must_use]
    pub fn entry(&self, account: &FoundAccount) -> Entry {
        if !self.facts.databases.contains_key(&self.wanted.database) {
            return Entry::Nobody(Box::new(ManagedDatabase::Absent));
        }
        match &account.standing {
            Standing::Ours => Entry::Account,
            // A superuser sees what the registry says, whatever became of the account.
            _ if self.facts.account.superuser => Entry::Admin,
            standing => match standing.unproven(&account.name) {
                Some(why) => Entry::Nobody(Box::new(ManagedDatabase::Unproven(why))),
                None if self.wanted.database_mode == DatabaseMode::Existing => Entry::Admin,
                None => Entry::Nobody(Box::new(self.belongs_to_another())),
            },
        }
    }

    /// Whose the managed database is; and the registry in it, where that isn't ours by its users: another
    /// integration's, or ours, if the passwords were lost.
    #[must_use]
    pub fn managed_database(
        &self,
        claim: &Standing,
        account: &FoundAccount,
        inside: Inside<'_>,
    ) -> (ManagedDatabase, Option<Heritage>) {
        let Inside { as_account, contents, registry } = inside;
        let standing = match registry {
            Some(Ok(registry)) if as_account && registry.integration_uid == self.uid => {
                ManagedDatabase::Registered(registry)
            }
            Some(Ok(registry)) => {
                let why = format!("its registry names the integration {}", registry.integration_uid);
                let owner = contents.registry_owner().cloned();
                return (ManagedDatabase::Foreign(why), owner.map(|owner| Heritage { registry, owner }));
            }
            Some(Err(why)) if as_account => ManagedDatabase::Unproven(why),
            // No right of an admin's to read it: somebody else's.
            Some(Err(why)) => ManagedDatabase::Foreign(format!("it has a registry that can't be read: {why}")),
            None if self.wanted.database_mode == DatabaseMode::Existing => match contents.has_schema_of_ours() {
                Some(schema) => ManagedDatabase::Foreign(format!("it has a schema {schema} already")),
                None => ManagedDatabase::Empty,
            },
            None if !as_account => match account.standing.unproven(&account.name) {
                Some(why) => ManagedDatabase::Unproven(why),
                None => self.belongs_to_another(),
            },
            None => {
                let name = &self.wanted.database;
                ManagedDatabase::without_registry(name, contents, self.facts, claim, &account.name)
            }
        };
        (standing, None)
    }

    fn belongs_to_another(&self) -> ManagedDatabase {
        let owner_id = self.facts.databases.get(&self.wanted.database);
        let owner = self.facts.users.iter().find(|(_, id)| Some(*id) == owner_id);
        ManagedDatabase::Foreign(format!("it belongs to {}", owner.map_or("somebody unknown", |(name, _)| name)))
    }

    /// Whose the user is that has the wanted name, where the account has another one.
    #[must_use]
    pub fn wanted_account(&self, account: &FoundAccount) -> Standing {
        let wanted = &self.wanted.system_account;
        if account.name == *wanted || !self.facts.users.contains_key(wanted) {
            Standing::Absent
        } else {
            Standing::Foreign("it is not the account that the resource's Secret names".to_owned())
        }
    }

    /// Whose the roles are that have one of our names: those that are `recorded`, wanted or registered.
    pub fn roles<'a>(
        &'a self,
        recorded: impl Iterator<Item = &'a str>,
        account: &FoundAccount,
        database: &'a ManagedDatabase,
    ) -> BTreeMap<String, Standing> {
        let registered = match database {
            ManagedDatabase::Registered(registry) => registry.setup.impersonation_role.as_deref(),
            _ => None,
        };
        let wanted = self.wanted.impersonation_role.as_deref();
        let names: BTreeSet<&str> = recorded.chain(wanted).chain(registered).collect();
        let is_there = |name: &str| matches!(&self.facts.roles, Seen::Yes(roles) if roles.contains_key(name));
        names
            .into_iter()
            .filter(|name| account.own_roles.contains_key(*name) || is_there(name))
            .map(|name| {
                let standing = match account.own_roles.get(name) {
                    Some(true) => Standing::Ours,
                    _ => Standing::Foreign("the system account may not grant it".to_owned()),
                };
                (name.to_owned(), standing)
            })
            .collect()
    }
}

/// The value of the annotation by which a person lets a resource take over what another integration has left.
#[must_use]
pub fn take_over(database: &str, uid: &str) -> String {
    format!("{database}/{uid}")
}

/// The registry of what becomes ours, if anything is to.
///
/// It is ours already if its UID says so: then only the passwords were lost, and a superuser can set
/// new ones. It is another's otherwise, and only the annotation that names that UID makes it ours.
#[must_use]
pub fn heritage<'a>(
    found: Option<&'a Heritage>,
    uid: &str,
    annotation: Option<&str>,
    account: &Standing,
    facts: &WarehouseFacts,
) -> Option<&'a Heritage> {
    let found = found?;
    let registry = &found.registry;
    let ours = registry.integration_uid == uid;
    let asked_for = take_over(&registry.setup.database, &registry.integration_uid);
    let wanted = annotation.is_some_and(|given| word::fits(given, &asked_for));
    ((ours || wanted) && (facts.account.superuser || *account == Standing::Ours)).then_some(found)
}
