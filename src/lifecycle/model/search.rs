//! What in the warehouse is ours, and what stands in the way of taking it away; mirrors
//! `controller::ownership` and `controller::obstacles`, branch by branch.

use std::collections::{BTreeMap, BTreeSet};

use super::kubernetes::SystemAccount;
use super::warehouse::{INITIAL, LoginError, PASSWORD_OF_ADMINS, Warehouse};
use super::world::{Connection, Io, Stop};
use crate::api::DatabaseMode;
use crate::lifecycle::contents::Contents;
use crate::lifecycle::obstacle::Obstacle;
use crate::lifecycle::sweep::{self, DatabaseAcl};
use crate::lifecycle::{AccountId, ManagedDatabase, Ownership, Registry, Seen, Setup, Standing, WarehouseFacts};
use crate::scripts::CLAIM_USER;

/// Mirrors `ownership::Search`.
pub struct Search<'a> {
    pub io: &'a Io,
    pub wanted: &'a Setup,
    pub uid: &'a str,
    pub account: Option<&'a SystemAccount>,
}

/// Mirrors `ownership::Finding`.
pub struct Finding {
    pub ownership: Ownership,
    pub managed: Option<Connection>,
    pub contents: Contents,
    pub collation: Option<Seen<String>>,
}

struct Account {
    name: String,
    standing: Standing,
    own_roles: BTreeMap<String, bool>,
}

const NO_PASSWORD: &str = "no Secret of this resource holds its password";

/// The admin's way in.
pub async fn enter(io: &Io, database: &str) -> Result<Connection, LoginError> {
    let admin = io.world.borrow().warehouse.admin;
    io.log_in(admin.name(), PASSWORD_OF_ADMINS, database).await
}

/// Mirrors `look::warehouse`.
pub async fn facts(io: &Io, setup: &Setup) -> Result<WarehouseFacts, Stop> {
    io.look("read-warehouse", |warehouse| warehouse.facts(setup)).await
}

impl Search<'_> {
    /// Mirrors `Search::run`.
    pub async fn run(&self, facts: &WarehouseFacts) -> Result<Finding, Stop> {
        let claim = match self.account {
            _ if !facts.users.contains_key(CLAIM_USER) => Standing::Absent,
            None => Standing::Foreign(NO_PASSWORD.to_owned()),
            Some(account) => {
                let made = account.ids.as_ref().map(|(claim, _)| claim);
                self.prove(CLAIM_USER, &account.claim_password, facts, made).await
            }
        };
        let account = self.system_account(facts).await?;
        let wanted_account =
            if account.name == self.wanted.system_account || !facts.users.contains_key(&self.wanted.system_account) {
                Standing::Absent
            } else {
                Standing::Foreign("it is not the account that the resource's Secret names".to_owned())
            };
        let (database, managed, contents, collation) = self.database(facts, &claim, &account).await?;
        let registry = match &database {
            ManagedDatabase::Registered(registry) => Some(registry),
            _ => None,
        };
        let roles = self.roles(facts, &account, registry);
        let ownership = Ownership {
            claim,
            system_account: account.standing,
            system_account_name: account.name,
            wanted_account,
            roles,
            database,
        };
        Ok(Finding { ownership, managed, contents, collation })
    }

    /// Mirrors `Search::log_in`.
    async fn prove(&self, user: &str, password: &str, facts: &WarehouseFacts, made: Option<&AccountId>) -> Standing {
        match self.io.log_in(user, password, INITIAL).await {
            Ok(_) => Standing::Ours,
            Err(LoginError::Refused) => Standing::of_refused_login(user, facts.users.get(user), made),
            Err(error) => Standing::Unproven(format!("{error:?}")),
        }
    }

    /// Mirrors `Search::system_account`.
    async fn system_account(&self, facts: &WarehouseFacts) -> Result<Account, Stop> {
        let wanted = &self.wanted.system_account;
        let mut found = Account { name: wanted.clone(), standing: Standing::Absent, own_roles: BTreeMap::new() };
        let known = self.account.into_iter().flat_map(SystemAccount::accounts);
        for (name, password) in known.filter(|(name, _)| facts.users.contains_key(*name)) {
            let made = self.account.and_then(|account| account.ids.as_ref()).map(|(_, id)| id);
            let standing = self.prove(name, password, facts, made).await;
            if standing == Standing::Ours {
                let own_roles = self.io.look("read-own-roles", |warehouse| warehouse.own_roles(name)).await?;
                return Ok(Account { name: name.to_owned(), standing, own_roles });
            }
            if found.standing == Standing::Absent || matches!(standing, Standing::Unproven(_)) {
                (found.name, found.standing) = (name.to_owned(), standing);
            }
        }
        if found.standing == Standing::Absent && facts.users.contains_key(wanted) {
            found.standing = Standing::Foreign(NO_PASSWORD.to_owned());
        }
        Ok(found)
    }

    /// Mirrors `Search::roles`.
    fn roles(
        &self,
        facts: &WarehouseFacts,
        account: &Account,
        registry: Option<&Registry>,
    ) -> BTreeMap<String, Standing> {
        let registered = registry.and_then(|registry| registry.setup.impersonation_role.as_deref());
        let names: BTreeSet<&str> = self
            .account
            .into_iter()
            .flat_map(SystemAccount::roles)
            .chain(self.wanted.impersonation_role.as_deref())
            .chain(registered)
            .collect();
        let is_there = |name: &str| matches!(&facts.roles, Seen::Yes(roles) if roles.contains_key(name));
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

    /// Mirrors `Search::database`.
    async fn database(&self, facts: &WarehouseFacts, claim: &Standing, account: &Account) -> Result<Found, Stop> {
        let of = |standing| Ok((standing, None, Contents::default(), None));
        let foreign = |why: String| Ok((ManagedDatabase::Foreign(why), None, Contents::default(), None));
        let name = self.wanted.database.as_str();
        let Some(owner_id) = facts.databases.get(name) else { return of(ManagedDatabase::Absent) };
        let existing = self.wanted.database_mode == DatabaseMode::Existing;
        let password = match (&account.standing, self.account) {
            (Standing::Ours, Some(known)) => known.password_of(&account.name),
            (Standing::Unproven(why), _) => return of(ManagedDatabase::Unproven(why.clone())),
            _ if existing => None,
            _ => return foreign(format!("it belongs to {owner_id}")),
        };
        let session = match password {
            Some(password) => self.io.log_in(&account.name, password, name).await,
            None => enter(self.io, name).await,
        };
        let session = match session {
            Ok(session) => session,
            Err(error) => return of(ManagedDatabase::Unproven(format!("{error:?}"))),
        };
        let reader = if password.is_some() { &account.name } else { &facts.account.name };
        let contents = self.io.look("read-contents", |warehouse| warehouse.contents(name, reader)).await?;
        let collation = existing.then(|| Seen::Yes("case_sensitive".to_owned()));
        let managed = password.is_some().then_some(session);
        if password.is_some() && contents.has_registry() {
            return match self.io.look("read-registry", |warehouse| warehouse.registry(name)).await {
                Ok(Ok(registry)) if registry.integration_uid == self.uid => {
                    Ok((ManagedDatabase::Registered(registry), managed, contents, collation))
                }
                Ok(Ok(registry)) => foreign(format!("its registry names {}", registry.integration_uid)),
                Ok(Err(why)) | Err(Stop::Statement { refused: true, why, .. }) => of(ManagedDatabase::Unproven(why)),
                Err(stop) => Err(stop),
            };
        }
        if existing {
            return match contents.has_schema_of_ours() {
                Some(schema) => foreign(format!("it has a schema {schema} already")),
                None => Ok((ManagedDatabase::Empty, managed, contents, collation)),
            };
        }
        let standing = ManagedDatabase::without_registry(name, &contents, facts, claim, &account.name);
        let managed = managed.filter(|_| standing == ManagedDatabase::Empty);
        Ok((standing, managed, contents, collation))
    }
}

type Found = (ManagedDatabase, Option<Connection>, Contents, Option<Seen<String>>);

/// Mirrors `obstacles::Sweep`.
pub struct Sweep<'a> {
    pub io: &'a Io,
    pub rules: sweep::Sweep<'a>,
}

impl<'a> Sweep<'a> {
    pub fn new(io: &'a Io, facts: &'a WarehouseFacts, setup: &'a Setup, ownership: &'a Ownership) -> Self {
        Self { io, rules: sweep::Sweep { facts, setup, ownership } }
    }

    /// Mirrors `Sweep::of_everything`.
    pub async fn of_everything(&self) -> Result<Vec<Obstacle>, Stop> {
        if !self.rules.ownership.holds_anything() {
            return Ok(Vec::new());
        }
        let roles: Vec<_> = self.rules.ownership.own_roles().collect();
        let mut obstacles = self.of_databases(true, &roles).await?;
        let acls = self.io.look("read-database-acls", Warehouse::database_acls).await?;
        obstacles.extend(self.rules.of_users_on_databases(&acls));
        obstacles.extend(self.database_grants(&roles, &acls).await?);
        obstacles.sort();
        obstacles.dedup();
        Ok(obstacles)
    }

    /// Mirrors `Sweep::of_roles`.
    pub async fn of_roles(&self, roles: &[&str]) -> Result<Vec<Obstacle>, Stop> {
        if roles.is_empty() {
            return Ok(Vec::new());
        }
        let mut obstacles = self.of_databases(false, roles).await?;
        obstacles.extend(self.database_grants(roles, &[]).await?);
        Ok(obstacles)
    }

    /// Mirrors `Sweep::of_databases`.
    async fn of_databases(&self, everything: bool, roles: &[&str]) -> Result<Vec<Obstacle>, Stop> {
        let mut obstacles = Vec::new();
        let admin = &self.rules.facts.account.name;
        for database in self.rules.facts.databases.keys() {
            let _entered = match enter(self.io, database).await {
                Ok(session) => session,
                Err(error) => {
                    obstacles.push(sweep::Sweep::not_entered(database, &format!("{error:?}")));
                    continue;
                }
            };
            let is_dropped = everything && self.rules.is_dropped(database);
            let mut contents = Contents::default();
            if everything {
                contents = self.io.look("read-contents", |it| it.contents(database, admin)).await?;
                let views = if is_dropped {
                    Seen::Yes(Vec::new())
                } else {
                    self.io.look("read-views-that-speak-of-us", |it| it.views_that_speak_of_us(database)).await?
                };
                obstacles.extend(self.rules.of_database(database, &contents, &views));
            }
            for role in roles.iter().filter(|_| !is_dropped) {
                let grants = self.io.look("read-role-grants", |it| it.grants_to_role(database, role)).await?;
                obstacles.extend(self.rules.of_role(database, role, grants, &contents));
            }
        }
        Ok(obstacles)
    }

    /// Mirrors `Sweep::database_grants`.
    async fn database_grants(&self, roles: &[&str], acls: &[DatabaseAcl]) -> Result<Vec<Obstacle>, Stop> {
        let mut found = Vec::new();
        for role in roles {
            let grants = self.io.look("read-database-grants", |it| it.database_grants_to_role(role)).await?;
            found.extend(self.rules.of_role_on_databases(role, grants, acls));
        }
        Ok(found)
    }
}
