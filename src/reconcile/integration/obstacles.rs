//! Looks, in all databases, for what a removal would destroy or leave behind; `lifecycle::sweep` says what
//! of it stands in the way.

use super::error::Error;
use super::look;
use super::search::Access;
use crate::lifecycle::contents::Contents;
use crate::lifecycle::obstacle::Obstacle;
use crate::lifecycle::sweep::{self, DatabaseAcl};
use crate::lifecycle::{Ownership, Seen, Setup, WarehouseFacts};
use crate::ports::{SessionOf, World};

/// What a sweep goes by, and the way in.
pub struct Sweep<'a, W: World> {
    /// The way in.
    pub access: &'a Access<'a, W>,
    /// What is told from what is found.
    pub rules: sweep::Sweep<'a>,
}

impl<'a, W: World> Sweep<'a, W> {
    /// A sweep over the databases of a warehouse.
    pub fn new(
        access: &'a Access<'a, W>,
        facts: &'a WarehouseFacts,
        setup: &'a Setup,
        ownership: &'a Ownership,
    ) -> Self {
        Self { access, rules: sweep::Sweep { facts, setup, ownership } }
    }

    /// What stands in the way of a deletion.
    pub async fn of_everything(&self, initial: &SessionOf<W>) -> Result<Vec<Obstacle>, Error> {
        if !self.rules.ownership.holds_anything() {
            return Ok(Vec::new());
        }
        let roles: Vec<_> = self.rules.ownership.own_roles().collect();
        let mut obstacles = self.of_databases(initial, true, &roles).await?;
        let acls = look::database_acls(initial).await?;
        obstacles.extend(self.rules.of_users_on_databases(&acls));
        obstacles.extend(self.rules.of_users_among_roles());
        obstacles.extend(self.database_grants(initial, &roles, &acls).await?);
        obstacles.sort();
        obstacles.dedup();
        Ok(obstacles)
    }

    /// What stands in the way of dropping roles.
    pub async fn of_roles(&self, roles: &[&str], initial: &SessionOf<W>) -> Result<Vec<Obstacle>, Error> {
        if roles.is_empty() {
            return Ok(Vec::new());
        }
        let mut obstacles = self.of_databases(initial, false, roles).await?;
        obstacles.extend(self.database_grants(initial, roles, &[]).await?);
        Ok(obstacles)
    }

    async fn of_databases(
        &self,
        initial: &SessionOf<W>,
        everything: bool,
        roles: &[&str],
    ) -> Result<Vec<Obstacle>, Error> {
        let mut obstacles = Vec::new();
        for database in self.rules.facts.databases.keys() {
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
                        obstacles.push(sweep::Sweep::not_entered(database, &error.to_string()));
                        continue;
                    }
                }
            };
            let is_dropped = everything && self.rules.is_dropped(database);
            let mut contents = Contents::default();
            if everything {
                contents = look::contents(session).await?;
                // Views in a database that is dropped are listed as what they are.
                let views =
                    if is_dropped { Seen::Yes(Vec::new()) } else { look::views_that_speak_of_us(session).await? };
                obstacles.extend(self.rules.of_database(database, &contents, &views));
            }
            // Grants in a database that is dropped go with it.
            for role in roles.iter().filter(|_| !is_dropped) {
                let grants = look::grants_to_role(session, role).await?;
                obstacles.extend(self.rules.of_role(database, role, grants, &contents));
            }
        }
        Ok(obstacles)
    }

    async fn database_grants(
        &self,
        initial: &SessionOf<W>,
        roles: &[&str],
        acls: &[DatabaseAcl],
    ) -> Result<Vec<Obstacle>, Error> {
        let mut found = Vec::new();
        for role in roles {
            let grants = look::database_grants_to_role(initial, role).await?;
            found.extend(self.rules.of_role_on_databases(role, grants, acls));
        }
        Ok(found)
    }
}
