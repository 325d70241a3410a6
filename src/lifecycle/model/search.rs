//! What in the warehouse is ours, and what stands in the way of taking it away; mirrors
//! `controller::ownership` and `controller::obstacles`, branch by branch.

use std::collections::{BTreeMap, BTreeSet};

use super::kubernetes::SystemAccount;
use super::warehouse::{INITIAL, LoginError};
use super::world::{Connection, Io, Stop};
use crate::api::DatabaseMode;
use crate::lifecycle::contents::{Contents, SCHEMAS};
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
    let (name, password) = {
        let warehouse = &io.world.borrow().warehouse;
        let name = warehouse.admin.name();
        (name, warehouse.users[name].password.clone().unwrap_or_default())
    };
    io.log_in(name, &password, database).await
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
        let contents = self.io.look("read-contents", |warehouse| warehouse.contents(name)).await?;
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
    pub facts: &'a WarehouseFacts,
    pub setup: &'a Setup,
    pub ownership: &'a Ownership,
}

impl Sweep<'_> {
    /// Mirrors `Sweep::of_everything`.
    pub async fn of_everything(&self) -> Result<Vec<String>, Stop> {
        if !self.ownership.holds_anything() {
            return Ok(Vec::new());
        }
        let roles: Vec<_> = self.ownership.own_roles().collect();
        let mut obstacles = self.of_databases(true, &roles).await?;
        for (user, id) in self.users() {
            let mut ties = self.io.look("read-database-acls", |it| it.database_ties(user, id)).await?;
            ties.remove(&self.setup.database);
            obstacles.extend(ties.into_values());
        }
        obstacles.extend(self.database_grants(&roles).await?);
        Ok(obstacles)
    }

    /// Mirrors `Sweep::of_roles`.
    pub async fn of_roles(&self, roles: &[&str]) -> Result<Vec<String>, Stop> {
        if roles.is_empty() {
            return Ok(Vec::new());
        }
        let mut obstacles = self.of_databases(false, roles).await?;
        obstacles.extend(self.database_grants(roles).await?);
        Ok(obstacles)
    }

    async fn of_databases(&self, everything: bool, roles: &[&str]) -> Result<Vec<String>, Stop> {
        let mut obstacles = Vec::new();
        for database in self.facts.databases.keys() {
            let _entered = match enter(self.io, database).await {
                Ok(session) => session,
                Err(error) => {
                    obstacles.push(format!("{database}: it can't be entered ({error:?})"));
                    continue;
                }
            };
            if everything {
                obstacles.extend(self.of_database(database).await?);
            }
            if everything && self.is_dropped(database) {
                continue;
            }
            for role in roles {
                let grants = self.io.look("read-role-grants", |it| it.grants_to_role(database, role)).await?;
                match self.facts.all_grants(grants) {
                    Seen::Yes(grants) => obstacles.extend(grants),
                    Seen::No(why) => obstacles.push(why),
                }
            }
        }
        Ok(obstacles)
    }

    async fn of_database(&self, database: &str) -> Result<Vec<String>, Stop> {
        let contents = self.io.look("read-contents", |it| it.contents(database)).await?;
        let mut found = Vec::new();
        let managed = database == self.setup.database && self.is_managed();
        if managed && matches!(self.ownership.database, ManagedDatabase::Registered(_)) && !contents.has_registry() {
            found.push("the admin doesn't see what is in it".to_owned());
        }
        if self.is_dropped(database) {
            found.extend(contents.foreign());
            return Ok(found);
        }
        let elsewhere = if managed {
            found.extend(contents.foreign_in_our_schemas());
            without_ours(contents)
        } else {
            contents
        };
        for (user, id) in self.users() {
            found.extend(elsewhere.ties_of(user, &id.to_string()).iter().map(ToString::to_string));
        }
        found.extend(self.io.look("read-views", |it| it.readers(database)).await?);
        Ok(found)
    }

    async fn database_grants(&self, roles: &[&str]) -> Result<Vec<String>, Stop> {
        let mut obstacles = Vec::new();
        for role in roles {
            let grants = self.io.look("read-database-grants", |it| it.database_grants_to_role(role)).await?;
            match self.facts.all_grants(grants) {
                Seen::Yes(grants) => obstacles.extend(grants),
                Seen::No(why) => obstacles.push(why),
            }
        }
        Ok(obstacles)
    }

    fn is_managed(&self) -> bool {
        matches!(self.ownership.database, ManagedDatabase::Empty | ManagedDatabase::Registered(_))
    }

    fn is_dropped(&self, database: &str) -> bool {
        database == self.setup.database && self.setup.database_mode == DatabaseMode::Create && self.is_managed()
    }

    fn users(&self) -> Vec<(&str, u32)> {
        let users = [
            (CLAIM_USER, &self.ownership.claim),
            (self.ownership.system_account_name.as_str(), &self.ownership.system_account),
        ];
        let ours = users.into_iter().filter(|(_, standing)| **standing == Standing::Ours);
        ours.filter_map(|(user, _)| Some((user, self.facts.users.get(user)?.parse().ok()?))).collect()
    }
}

/// Mirrors `obstacles::without_ours`.
fn without_ours(contents: Contents) -> Contents {
    let others = |schema: &str| !SCHEMAS.contains(&schema);
    Contents {
        schemas: contents.schemas.into_iter().filter(|schema| others(&schema.name)).collect(),
        relations: contents.relations.into_iter().filter(|relation| others(&relation.schema)).collect(),
        routines: contents.routines.into_iter().filter(|routine| others(&routine.schema)).collect(),
        default_privileges: Vec::new(),
    }
}
