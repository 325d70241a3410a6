//! What in the warehouse is ours, and what stands in the way of taking it away; mirrors
//! `controller::ownership` and `controller::obstacles`, branch by branch.

use std::collections::BTreeMap;

use super::kubernetes::SystemAccount;
use super::warehouse::{INITIAL, LoginError, PASSWORD_OF_ADMINS, Warehouse};
use super::world::{Connection, Io, Stop};
use crate::api::DatabaseMode;
use crate::lifecycle::contents::Contents;
use crate::lifecycle::obstacle::Obstacle;
use crate::lifecycle::proof::{Entry, FoundAccount, Heritage, Inside, Proof};
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
    pub registered: Option<Heritage>,
    pub locked_out: bool,
}

/// Mirrors `ownership::Database`.
struct Database {
    standing: ManagedDatabase,
    managed: Option<Connection>,
    contents: Contents,
    collation: Option<Seen<String>>,
    registered: Option<Heritage>,
}

impl Database {
    fn of(standing: ManagedDatabase) -> Self {
        Self { standing, managed: None, contents: Contents::default(), collation: None, registered: None }
    }
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
        let proof = Proof { wanted: self.wanted, uid: self.uid, facts };
        let database = self.database(proof, &claim, &account).await?;
        let recorded = self.account.into_iter().flat_map(SystemAccount::roles);
        let ownership = Ownership {
            claim,
            wanted_account: proof.wanted_account(&account),
            roles: proof.roles(recorded, &account, &database.standing),
            system_account: account.standing,
            system_account_name: account.name,
            database: database.standing,
        };
        let Database { managed, contents, collation, registered, .. } = database;
        Ok(Finding { ownership, managed, contents, collation, registered, locked_out: account.locked_out })
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
    async fn system_account(&self, facts: &WarehouseFacts) -> Result<FoundAccount, Stop> {
        let wanted = &self.wanted.system_account;
        let mut found = FoundAccount {
            name: wanted.clone(),
            standing: Standing::Absent,
            own_roles: BTreeMap::new(),
            locked_out: false,
        };
        let known = self.account.into_iter().flat_map(SystemAccount::accounts);
        for (name, password) in known.filter(|(name, _)| facts.users.contains_key(*name)) {
            let made = self.account.and_then(|account| account.ids.as_ref()).map(|(_, id)| id);
            let standing = self.prove(name, password, facts, made).await;
            if standing == Standing::Ours {
                let own_roles = self.io.look("read-own-roles", |warehouse| warehouse.own_roles(name)).await?;
                return Ok(FoundAccount { name: name.to_owned(), standing, own_roles, locked_out: false });
            }
            if found.standing == Standing::Absent || matches!(standing, Standing::Unproven(_)) {
                found.locked_out = standing == Standing::of_refused_login(name, facts.users.get(name), made)
                    && matches!(standing, Standing::Unproven(_));
                (found.name, found.standing) = (name.to_owned(), standing);
            }
        }
        if found.standing == Standing::Absent && facts.users.contains_key(wanted) {
            found.standing = Standing::Foreign(NO_PASSWORD.to_owned());
        }
        Ok(found)
    }

    /// Mirrors `Search::database`.
    async fn database(&self, proof: Proof<'_>, claim: &Standing, account: &FoundAccount) -> Result<Database, Stop> {
        let name = self.wanted.database.as_str();
        let known = self.account.and_then(|known| known.password_of(&account.name));
        let (session, reader) = match (proof.entry(account), known) {
            (Entry::Nobody(standing), _) => return Ok(Database::of(standing)),
            (Entry::Account, Some(password)) => {
                (self.io.log_in(&account.name, password, name).await, account.name.as_str())
            }
            _ => (enter(self.io, name).await, proof.facts.account.name.as_str()),
        };
        let as_account = reader == account.name;
        let session = match session {
            Ok(session) => session,
            Err(error) => return Ok(Database::of(ManagedDatabase::Unproven(format!("{error:?}")))),
        };
        let contents = self.io.look("read-contents", |warehouse| warehouse.contents(name, reader)).await?;
        let existing = self.wanted.database_mode == DatabaseMode::Existing;
        let collation = existing.then(|| Seen::Yes("case_sensitive".to_owned()));
        let registry = if contents.has_registry() { Some(self.registry(name, reader).await?) } else { None };
        let inside = Inside { as_account, contents: &contents, registry };
        let (standing, registered) = proof.managed_database(claim, account, inside);
        let is_ours = matches!(standing, ManagedDatabase::Registered(_) | ManagedDatabase::Empty);
        let managed = (as_account && (is_ours || registered.is_some())).then_some(session);
        if !is_ours {
            return Ok(Database { managed, registered, ..Database::of(standing) });
        }
        Ok(Database { standing, managed, contents, collation, registered })
    }

    /// Mirrors `look::registry`: what the server refuses is an answer.
    async fn registry(&self, database: &str, reader: &str) -> Result<Result<Registry, String>, Stop> {
        match self.io.look("read-registry", |warehouse| warehouse.registry_as(database, reader)).await {
            Err(Stop::Statement { refused: true, why, .. }) => Ok(Err(why)),
            other => other,
        }
    }
}

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
        obstacles.extend(self.rules.of_users_among_roles());
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
