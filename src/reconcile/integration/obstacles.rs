//! Looks, in all databases, for what a removal would destroy or leave behind; `lifecycle::sweep` says what
//! of it stands in the way.

use std::collections::BTreeMap;

use super::error::Error;
use super::look;
use super::site::Site;
use tracing::warn;

use crate::api::{Reason, Remedy};
use crate::lifecycle::contents::Contents;
use crate::lifecycle::obstacle::Obstacle;
use crate::lifecycle::sweep::{self, DatabaseAcl};
use crate::lifecycle::{Category, Failure, Operation, Seen, Setup, Subject, brief};
use crate::ports::{ConnectError, SessionOf, World};
use crate::scripts::Section;

/// Connections to databases that were looked into and are looked into again, by name.
pub type Entered<W> = BTreeMap<String, SessionOf<W>>;

/// Most connections that are kept from one sweep to the next: in a warehouse with more databases than that, others need
/// them.
const MOST_KEPT: usize = 4;

/// What a sweep goes by, and the way in.
pub struct Sweep<'s, 'a, W: World> {
    site: &'s Site<'a, W>,
    /// What is told from what is found.
    pub rules: sweep::Sweep<'s>,
}

/// What of a database is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scope {
    /// Whatever a deletion would destroy or leave behind.
    Everything,
    /// What others granted to roles that are to be dropped.
    GrantsToRoles,
}

impl<'s, 'a, W: World> Sweep<'s, 'a, W> {
    /// A sweep over the databases of a warehouse; `setup` is what is set up there.
    pub fn new(site: &'s Site<'a, W>, setup: &'s Setup) -> Self {
        Self { site, rules: sweep::Sweep { facts: &site.facts, setup, ownership: &site.finding.ownership } }
    }

    /// What stands in the way of a deletion.
    pub async fn of_everything(&self, entered: &mut Entered<W>) -> Result<Vec<Obstacle>, Error> {
        if !self.rules.ownership.holds_anything() {
            return Ok(Vec::new());
        }
        let roles: Vec<_> = self.rules.ownership.own_roles().collect();
        let mut obstacles = self.of_databases(Scope::Everything, &roles, entered).await?;
        let acls = look::database_acls(self.site.initial()).await?;
        obstacles.extend(self.rules.of_users_on_databases(&acls));
        obstacles.extend(self.rules.of_users_among_roles());
        obstacles.extend(self.database_grants(&roles, &acls).await?);
        obstacles.sort();
        obstacles.dedup();
        Ok(obstacles)
    }

    /// What stands in the way of dropping roles.
    pub async fn of_roles(&self, roles: &[&str]) -> Result<Vec<Obstacle>, Error> {
        if roles.is_empty() {
            return Ok(Vec::new());
        }
        let mut obstacles = self.of_databases(Scope::GrantsToRoles, roles, &mut Entered::<W>::new()).await?;
        obstacles.extend(self.database_grants(roles, &[]).await?);
        Ok(obstacles)
    }

    /// A role that others have granted something is not dropped.
    pub async fn refuse_to_drop(&self, intent: &str, operations: &[Operation]) -> Result<(), Error> {
        let roles: Vec<_> = operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Run(_, Section::DropRole, Subject::Role(role)) => Some(role.as_str()),
                _ => None,
            })
            .collect();
        let obstacles = self.of_roles(&roles).await?;
        if obstacles.is_empty() {
            return Ok(());
        }
        let message = format!(
            "Unable to {intent} integration: it would drop the role {}, which others have granted privileges ({}): {}",
            roles.join(", "),
            obstacles.len(),
            brief::list(obstacles.iter().map(|obstacle| obstacle.text.as_str()))
        );
        Err(Failure::stalled(Reason::RoleInUse, message)
            .remedy(Remedy::new("revoke them, or set spec.config.impersonation back"))
            .into())
    }

    async fn of_databases(&self, scope: Scope, roles: &[&str], kept: &mut Entered<W>) -> Result<Vec<Obstacle>, Error> {
        let mut obstacles = Vec::new();
        for database in self.rules.facts.databases.keys() {
            let entered: SessionOf<W>;
            let session = if *database == self.site.access.initial_database {
                self.site.initial()
            } else if let Some(session) = kept.get(database) {
                session
            } else {
                match self.site.access.enter_database(database).await {
                    Ok(session) if kept.len() < MOST_KEPT => kept.entry(database.clone()).or_insert(session),
                    Ok(session) => {
                        entered = session;
                        &entered
                    }
                    // Nothing of a user's can be in it.
                    Err(ConnectError::NotLocal { .. }) => continue,
                    // Whatever it holds is seen once it lets us in.
                    Err(error) if error.category() == Category::Transient => return Err(error.into()),
                    Err(error) => {
                        warn!(database, %error, "a database can't be looked into");
                        obstacles.push(sweep::Sweep::not_entered(database, error.reason()));
                        continue;
                    }
                }
            };
            let is_dropped = scope == Scope::Everything && self.rules.is_dropped(database);
            let mut contents = Contents::default();
            if scope == Scope::Everything {
                contents = look::contents(session).await?;
                // Views in a database that is dropped are listed as what they are.
                let views =
                    if is_dropped { Seen::Yes(Vec::new()) } else { look::views_that_speak_of_us(session).await? };
                obstacles.extend(self.rules.of_database(database, &contents, &views));
                if !is_dropped {
                    let account = &self.rules.ownership.system_account_name;
                    let ties = look::hidden_ties(session, account).await?;
                    obstacles.extend(self.rules.of_hidden_ties(database, &ties));
                }
            }
            // Grants in a database that is dropped go with it.
            for role in roles.iter().filter(|_| !is_dropped) {
                let grants = look::grants_to_role(session, role).await?;
                obstacles.extend(self.rules.of_role(database, role, grants, &contents));
            }
        }
        Ok(obstacles)
    }

    async fn database_grants(&self, roles: &[&str], acls: &[DatabaseAcl]) -> Result<Vec<Obstacle>, Error> {
        let mut found = Vec::new();
        for role in roles {
            let grants = look::database_grants_to_role(self.site.initial(), role).await?;
            found.extend(self.rules.of_role_on_databases(role, grants, acls));
        }
        Ok(found)
    }
}
