//! Looks, in all databases, for what a removal would destroy or leave behind: others' objects in ours,
//! and what our users and roles own or hold elsewhere.

use super::error::Error;
use super::look::{self, DatabaseAcl};
use super::ownership::Access;
use crate::api::DatabaseMode;
use crate::lifecycle::contents::{Contents, SCHEMAS, Tie};
use crate::lifecycle::obstacle::{Fate, Grant, Grantable, Obstacle};
use crate::lifecycle::{ManagedDatabase, Member, Ownership, Seen, Setup, Standing, WarehouseFacts};
use crate::redshift::Session;
use crate::scripts::CLAIM_USER;

/// What a sweep goes by.
pub struct Sweep<'a> {
    /// The way in.
    pub access: &'a Access<'a>,
    /// What the warehouse is.
    pub facts: &'a WarehouseFacts,
    /// What is set up.
    pub setup: &'a Setup,
    /// What is ours.
    pub ownership: &'a Ownership,
}

impl Sweep<'_> {
    /// What stands in the way of a deletion.
    pub async fn of_everything(&self, initial: &Session) -> Result<Vec<Obstacle>, Error> {
        if !self.ownership.holds_anything() {
            return Ok(Vec::new());
        }
        let roles: Vec<_> = self.ownership.own_roles().collect();
        let mut obstacles = self.of_databases(initial, true, &roles).await?;
        let acls = look::database_acls(initial).await?;
        for DatabaseAcl { database, owner, acl } in &acls {
            for (user, id) in self.users() {
                if owner == id && *database != self.setup.database {
                    obstacles.push(Obstacle::new(format!("{user} owns the database {database}"), Fate::Stays));
                } else if acl.names(user) && *database != self.setup.database {
                    let text = format!("{user} has privileges on the database {database}");
                    let on = Grantable::Database(database.clone());
                    let fate =
                        self.revoked(database, &on, &Member::User(user.to_owned(), false), acl.grantors_to(user));
                    obstacles.push(Obstacle::new(text, fate));
                }
            }
        }
        obstacles.extend(self.database_grants(initial, &roles, &acls).await?);
        obstacles.sort();
        obstacles.dedup();
        Ok(obstacles)
    }

    /// What stands in the way of dropping roles.
    pub async fn of_roles(&self, roles: &[&str], initial: &Session) -> Result<Vec<Obstacle>, Error> {
        if roles.is_empty() {
            return Ok(Vec::new());
        }
        let mut obstacles = self.of_databases(initial, false, roles).await?;
        obstacles.extend(self.database_grants(initial, roles, &[]).await?);
        Ok(obstacles)
    }

    async fn of_databases(&self, initial: &Session, everything: bool, roles: &[&str]) -> Result<Vec<Obstacle>, Error> {
        let mut obstacles = Vec::new();
        for database in self.facts.databases.keys() {
            let entered;
            let session = if *database == self.access.initial_database {
                initial
            } else {
                match self.access.enter_database(database).await {
                    Ok(session) => {
                        entered = session;
                        &entered
                    }
                    Err(error) => {
                        let text = format!("{database}: it can't be entered ({error})");
                        obstacles.push(Obstacle::new(text, Fate::Ignored));
                        continue;
                    }
                }
            };
            let mut contents = Contents::default();
            if everything {
                contents = look::contents(session).await?;
                obstacles.extend(self.of_database(database, session, &contents).await?);
            }
            // Grants in a database that is dropped go with it.
            if !(everything && self.is_dropped(database)) {
                obstacles.extend(self.role_grants(database, session, roles, &contents).await?);
            }
        }
        Ok(obstacles)
    }

    async fn of_database(
        &self,
        database: &str,
        session: &Session,
        contents: &Contents,
    ) -> Result<Vec<Obstacle>, Error> {
        let mut found = Vec::new();
        let at = |what: String, fate: Fate| Obstacle::new(format!("{database}: {what}"), fate);
        let managed = database == self.setup.database && self.is_managed();
        if managed && matches!(self.ownership.database, ManagedDatabase::Registered(_)) && !contents.has_registry() {
            let who = &self.facts.account.name;
            let what = format!("{who} doesn't see what is in it; use an account that does, such as a superuser");
            found.push(at(what, Fate::Ignored));
        }
        if self.is_dropped(database) {
            found.extend(contents.foreign().into_iter().map(|what| at(what, Fate::Dropped)));
            return Ok(found);
        }
        let elsewhere = if managed {
            found.extend(contents.foreign_in_our_schemas().into_iter().map(|what| at(what, Fate::Stays)));
            without_ours(contents)
        } else {
            contents.clone()
        };
        for (user, id) in self.users() {
            for tie in elsewhere.ties_of(user, id) {
                let what = format!("{user} {tie}");
                let fate = match tie {
                    Tie::Holds { on: Some(on), grantors, .. } => {
                        self.revoked(database, &on, &Member::User(user.to_owned(), false), grantors)
                    }
                    // Without the account it would be left without an owner.
                    Tie::Owns(_) | Tie::Holds { on: None, .. } => Fate::Stays,
                };
                found.push(at(what, fate));
            }
        }
        let dependents = self.dependents(database, session).await?;
        found.extend(dependents.into_iter().map(|what| at(what, Fate::Stays)));
        Ok(found)
    }

    async fn role_grants(
        &self,
        database: &str,
        session: &Session,
        roles: &[&str],
        contents: &Contents,
    ) -> Result<Vec<Obstacle>, Error> {
        let mut found = Vec::new();
        for role in roles {
            match self.facts.all_grants(look::grants_to_role(session, role).await?) {
                Seen::No(why) => {
                    let text = format!("{database}: what the role {role} was granted can't be seen ({why})");
                    found.push(Obstacle::new(text, Fate::Ignored));
                }
                Seen::Yes(grants) => {
                    for (what, on) in grants {
                        let fate = on.map_or(Fate::Stays, |on| {
                            let (grantors, owner) = contents.grantors_on(&on, role);
                            let grantors = if grantors.is_empty() { self.named(owner) } else { grantors };
                            self.revoked(database, &on, &Member::Role((*role).to_owned()), grantors)
                        });
                        found.push(Obstacle::new(format!("{database}: the role {role} has {what}"), fate));
                    }
                }
            }
        }
        Ok(found)
    }

    async fn database_grants(
        &self,
        initial: &Session,
        roles: &[&str],
        acls: &[DatabaseAcl],
    ) -> Result<Vec<Obstacle>, Error> {
        let mut found = Vec::new();
        for role in roles {
            match self.facts.all_grants(look::database_grants_to_role(initial, role).await?) {
                Seen::No(why) => {
                    let text = format!("on which databases the role {role} was granted anything can't be seen ({why})");
                    found.push(Obstacle::new(text, Fate::Ignored));
                }
                Seen::Yes(grants) => {
                    for (what, on) in grants {
                        let Some(Grantable::Database(name)) = &on else { continue };
                        if self.is_dropped(name) {
                            continue;
                        }
                        let acl = acls.iter().find(|acl| acl.database == *name);
                        let grantors = acl.map(|acl| acl.acl.grantors_to(role)).unwrap_or_default();
                        let grantors =
                            if grantors.is_empty() { self.named(acl.map(|acl| &acl.owner)) } else { grantors };
                        let on = Grantable::Database(name.clone());
                        let fate = self.revoked(name, &on, &Member::Role((*role).to_owned()), grantors);
                        found.push(Obstacle::new(format!("the role {role} has {what}"), fate));
                    }
                }
            }
        }
        Ok(found)
    }

    fn revoked(&self, database: &str, on: &Grantable, grantee: &Member, grantors: Vec<String>) -> Fate {
        let grant = |grantor: String| Grant {
            database: database.to_owned(),
            on: on.clone(),
            grantee: grantee.clone(),
            grantor: if grantor.is_empty() { self.facts.account.name.clone() } else { grantor },
        };
        Fate::Revoked(grantors.into_iter().map(grant).collect())
    }

    fn named(&self, id: Option<&String>) -> Vec<String> {
        let user = id.and_then(|id| self.facts.users.iter().find(|(_, other)| *other == id));
        vec![user.map_or_else(|| self.facts.account.name.clone(), |(name, _)| name.clone())]
    }

    /// Views of others that read ours. Those that bind late depend on nothing, as far as the server knows.
    async fn dependents(&self, database: &str, session: &Session) -> Result<Vec<String>, Error> {
        let views = match look::views_that_speak_of_us(session).await? {
            Seen::Yes(views) => views,
            Seen::No(why) => return Ok(vec![format!("which views read ours can't be seen ({why})")]),
        };
        let speaks_of_us = |definition: &str| {
            let plain = definition.replace('"', "");
            SCHEMAS.iter().any(|schema| {
                if database == self.setup.database {
                    plain.contains(&format!("{schema}."))
                } else {
                    plain.contains(&format!("{}.{schema}.", self.setup.database))
                }
            })
        };
        let reads = views.into_iter().filter(|(_, definition)| speaks_of_us(definition));
        Ok(reads.map(|(view, _)| format!("the view {view} reads this integration's")).collect())
    }

    fn is_managed(&self) -> bool {
        matches!(self.ownership.database, ManagedDatabase::Empty | ManagedDatabase::Registered(_))
    }

    fn is_dropped(&self, database: &str) -> bool {
        database == self.setup.database && self.setup.database_mode == DatabaseMode::Create && self.is_managed()
    }

    fn users(&self) -> Vec<(&str, &str)> {
        let users = [
            (CLAIM_USER, &self.ownership.claim),
            (self.ownership.system_account_name.as_str(), &self.ownership.system_account),
        ];
        users
            .into_iter()
            .filter(|(_, standing)| **standing == Standing::Ours)
            .filter_map(|(user, _)| self.facts.users.get(user).map(|id| (user, id.as_str())))
            .collect()
    }
}

/// What is left of a database when all that is in our schemas is dropped.
fn without_ours(contents: &Contents) -> Contents {
    let mut rest = contents.clone();
    let others = |schema: &str| !SCHEMAS.contains(&schema);
    rest.schemas.retain(|schema| others(&schema.name));
    rest.relations.retain(|relation| others(&relation.schema));
    rest.routines.retain(|routine| others(&routine.schema));
    rest.default_privileges.retain(|entry| entry.schema.as_deref().is_none_or(others));
    rest
}
