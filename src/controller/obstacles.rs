//! Looks, in all databases, for what a removal would destroy or leave behind: others' objects in ours,
//! and what our users and roles own or hold elsewhere.

use super::error::Error;
use super::look;
use super::ownership::Access;
use crate::api::DatabaseMode;
use crate::lifecycle::contents::{Contents, SCHEMAS};
use crate::lifecycle::{ManagedDatabase, Ownership, Seen, Setup, Standing, WarehouseFacts};
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
    pub async fn of_everything(&self, initial: &Session) -> Result<Vec<String>, Error> {
        if !self.ownership.holds_anything() {
            return Ok(Vec::new());
        }
        let roles: Vec<_> = self.ownership.own_roles().collect();
        let mut obstacles = self.of_databases(initial, true, &roles).await?;
        for (user, id) in self.users() {
            let mut ties = look::database_ties(initial, user, id).await?;
            // These are what we granted.
            ties.remove(&self.setup.database);
            obstacles.extend(ties.into_values());
        }
        obstacles.extend(self.database_grants(initial, &roles).await?);
        Ok(obstacles)
    }

    /// What stands in the way of dropping roles.
    pub async fn of_roles(&self, roles: &[&str], initial: &Session) -> Result<Vec<String>, Error> {
        if roles.is_empty() {
            return Ok(Vec::new());
        }
        let mut obstacles = self.of_databases(initial, false, roles).await?;
        obstacles.extend(self.database_grants(initial, roles).await?);
        Ok(obstacles)
    }

    async fn of_databases(&self, initial: &Session, everything: bool, roles: &[&str]) -> Result<Vec<String>, Error> {
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
                        obstacles.push(format!("{database}: it can't be entered ({error})"));
                        continue;
                    }
                }
            };
            let found = if everything { self.of_database(database, session).await? } else { Vec::new() };
            obstacles.extend(found.into_iter().map(|what| format!("{database}: {what}")));
            // Grants in a database that is dropped go with it.
            if everything && self.is_dropped(database) {
                continue;
            }
            for role in roles {
                match self.facts.all_grants(look::grants_to_role(session, role).await?) {
                    Seen::Yes(grants) => {
                        obstacles
                            .extend(grants.into_iter().map(|what| format!("{database}: the role {role} has {what}")));
                    }
                    Seen::No(why) => {
                        obstacles.push(format!("{database}: what the role {role} was granted can't be seen ({why})"));
                    }
                }
            }
        }
        Ok(obstacles)
    }

    async fn of_database(&self, database: &str, session: &Session) -> Result<Vec<String>, Error> {
        let contents = look::contents(session).await?;
        let mut found = Vec::new();
        let managed = database == self.setup.database && self.is_managed();
        if managed && matches!(self.ownership.database, ManagedDatabase::Registered(_)) && !contents.has_registry() {
            found.push(format!(
                "{} doesn't see what is in it; use an account that does, such as a superuser",
                self.facts.account.name
            ));
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
            found.extend(elsewhere.ties_of(user, id).into_iter().map(|tie| format!("{user} {tie}")));
        }
        found.extend(self.dependents(database, session).await?);
        Ok(found)
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

    async fn database_grants(&self, initial: &Session, roles: &[&str]) -> Result<Vec<String>, Error> {
        let mut obstacles = Vec::new();
        for role in roles {
            match self.facts.all_grants(look::database_grants_to_role(initial, role).await?) {
                Seen::Yes(grants) => {
                    obstacles.extend(grants.into_iter().map(|what| format!("the role {role} has {what}")))
                }
                Seen::No(why) => obstacles
                    .push(format!("on which databases the role {role} was granted anything can't be seen ({why})")),
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
fn without_ours(contents: Contents) -> Contents {
    let others = |schema: &str| !SCHEMAS.contains(&schema);
    Contents {
        schemas: contents.schemas.into_iter().filter(|schema| others(&schema.name)).collect(),
        relations: contents.relations.into_iter().filter(|relation| others(&relation.schema)).collect(),
        routines: contents.routines.into_iter().filter(|routine| others(&routine.schema)).collect(),
        default_privileges: contents
            .default_privileges
            .into_iter()
            .filter(|entry| entry.schema.as_deref().is_none_or(others))
            .collect(),
    }
}
