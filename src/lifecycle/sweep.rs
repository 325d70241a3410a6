//! What a removal would destroy or leave behind, told from what was looked up in all databases: others'
//! objects in ours, and what our users and roles own or hold elsewhere.

use std::collections::BTreeMap;

use super::contents::{Acl, Contents, SCHEMAS, Tie};
use super::obstacle::{Fate, Grant, Grantable, Obstacle};
use super::{ManagedDatabase, Member, Ownership, Seen, Setup, Standing, UserId, WarehouseFacts};
use crate::api::{DatabaseMode, Reason};
use crate::scripts::CLAIM_USER;

/// What a role may do with something of others', in words, and with what, where that can be revoked.
pub type RoleGrants = BTreeMap<String, Option<Grantable>>;

/// A database, the id of its owner, and who may do what with it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatabaseAcl {
    /// Its name.
    pub database: String,
    /// The id of its owner.
    pub owner: UserId,
    /// Who may do what with it.
    pub acl: Acl,
}

/// What a sweep goes by.
#[derive(Clone, Copy, Debug)]
pub struct Sweep<'a> {
    /// What the warehouse is.
    pub facts: &'a WarehouseFacts,
    /// What is set up.
    pub setup: &'a Setup,
    /// What is ours.
    pub ownership: &'a Ownership,
}

impl Sweep<'_> {
    /// A database that can't be looked into, until somebody changes something.
    #[must_use]
    pub fn not_entered(database: &str, why: Reason) -> Obstacle {
        Obstacle::new(format!("{database}: it can't be entered ({why})"), Fate::Ignored)
    }

    /// What stands in the way in one database. `views` are those of others that speak of our schemas, with their
    /// definitions.
    #[must_use]
    pub fn of_database(
        &self,
        database: &str,
        contents: &Contents,
        views: &Seen<Vec<(String, String)>>,
    ) -> Vec<Obstacle> {
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
            return found;
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
        found.extend(self.dependents(database, views).into_iter().map(|what| at(what, Fate::Stays)));
        found
    }

    /// What our users hold on columns and languages.
    #[must_use]
    pub fn of_hidden_ties(&self, database: &str, ties: &[(String, String)]) -> Vec<Obstacle> {
        let ours = self.users();
        let is_ours = |user: &str| ours.iter().any(|(name, _)| *name == user);
        let ties = ties.iter().filter(|(user, _)| is_ours(user));
        ties.map(|(user, what)| Obstacle::new(format!("{database}: {user} has {what}"), Fate::Stays)).collect()
    }

    /// What others granted to one of our roles in one database.
    #[must_use]
    pub fn of_role(&self, database: &str, role: &str, grants: Seen<RoleGrants>, contents: &Contents) -> Vec<Obstacle> {
        match self.facts.all_grants(grants) {
            Seen::No(why) => {
                let text = format!("{database}: what the role {role} was granted can't be seen ({why})");
                vec![Obstacle::new(text, Fate::Ignored)]
            }
            Seen::Yes(grants) => grants
                .into_iter()
                .map(|(what, on)| {
                    let fate = on.map_or(Fate::Stays, |on| {
                        let (grantors, owner) = contents.grantors_on(&on, role);
                        let grantors = if grantors.is_empty() { self.named(owner) } else { grantors };
                        self.revoked(database, &on, &Member::Role(role.to_owned()), grantors)
                    });
                    Obstacle::new(format!("{database}: the role {role} has {what}"), fate)
                })
                .collect(),
        }
    }

    /// The other databases that our users own, or hold privileges on.
    #[must_use]
    pub fn of_users_on_databases(&self, acls: &[DatabaseAcl]) -> Vec<Obstacle> {
        let mut found = Vec::new();
        for DatabaseAcl { database, owner, acl } in acls.iter().filter(|acl| acl.database != self.setup.database) {
            for (user, id) in self.users() {
                if owner == id {
                    found.push(Obstacle::new(format!("{user} owns the database {database}"), Fate::Stays));
                } else if acl.names(user) {
                    let text = format!("{user} has privileges on the database {database}");
                    let on = Grantable::Database(database.clone());
                    let grantee = Member::User(user.to_owned(), false);
                    found.push(Obstacle::new(text, self.revoked(database, &on, &grantee, acl.grantors_to(user))));
                }
            }
        }
        found
    }

    /// Roles that our users own and nothing of ours names: who made them isn't known.
    #[must_use]
    pub fn of_users_among_roles(&self) -> Vec<Obstacle> {
        let Seen::Yes(roles) = &self.facts.roles else { return Vec::new() };
        let known: Vec<_> = self.ownership.own_roles().collect();
        let mut found = Vec::new();
        for (user, _) in self.users() {
            let unknown = roles.iter().filter(|(role, owner)| *owner == user && !known.contains(&role.as_str()));
            found.extend(unknown.map(|(role, _)| Obstacle::new(format!("{user} owns the role {role}"), Fate::Stays)));
        }
        found
    }

    /// What others granted to one of our roles on databases as a whole.
    #[must_use]
    pub fn of_role_on_databases(&self, role: &str, grants: Seen<RoleGrants>, acls: &[DatabaseAcl]) -> Vec<Obstacle> {
        let grants = match self.facts.all_grants(grants) {
            Seen::Yes(grants) => grants,
            Seen::No(why) => {
                let text = format!("on which databases the role {role} was granted anything can't be seen ({why})");
                return vec![Obstacle::new(text, Fate::Ignored)];
            }
        };
        let mut found = Vec::new();
        for (what, on) in grants {
            let Some(Grantable::Database(name)) = &on else { continue };
            if self.is_dropped(name) {
                continue;
            }
            let acl = acls.iter().find(|acl| acl.database == *name);
            let grantors = acl.map(|acl| acl.acl.grantors_to(role)).unwrap_or_default();
            let grantors = if grantors.is_empty() { self.named(acl.map(|acl| &acl.owner)) } else { grantors };
            let on = Grantable::Database(name.clone());
            let fate = self.revoked(name, &on, &Member::Role(role.to_owned()), grantors);
            found.push(Obstacle::new(format!("the role {role} has {what}"), fate));
        }
        found
    }

    /// What our account holds on the managed database, where that is not dropped, and whoever deletes did not
    /// give: another account may have set the integration up. The account is ours, so nobody is asked. A
    /// superuser's own REVOKE is the owner's.
    #[must_use]
    pub fn given_by_another_admin(&self, acls: &[DatabaseAcl]) -> Vec<Grant> {
        let account = self.ownership.system_account_name.as_str();
        let is_there = self.setup.database_mode == DatabaseMode::Existing
            && self.ownership.system_account == Standing::Ours
            && self.facts.users.contains_key(account);
        let Some(managed) = acls.iter().find(|acl| is_there && acl.database == self.setup.database) else {
            return Vec::new();
        };
        let is_own = |grantor: &String| {
            let is_owner = self.facts.users.get(grantor) == Some(&managed.owner);
            *grantor == self.facts.account.name || self.facts.account.superuser && is_owner
        };
        let grantors = managed.acl.grantors_to(account).into_iter();
        grantors
            .filter(|grantor| !grantor.is_empty() && !is_own(grantor))
            .map(|grantor| Grant {
                database: self.setup.database.clone(),
                on: Grantable::Database(self.setup.database.clone()),
                grantee: Member::User(account.to_owned(), false),
                grantor,
            })
            .collect()
    }

    fn revoked(&self, database: &str, on: &Grantable, grantee: &Member, grantors: Vec<String>) -> Fate {
        let grant = |grantor: String| Grant {
            database: database.to_owned(),
            on: on.clone(),
            grantee: grantee.clone(),
            grantor: if grantor.is_empty() { self.facts.account.name.clone() } else { grantor },
        };
        let grants: Vec<_> = grantors.into_iter().map(grant).collect();
        // Behind the point of no return it would be too late to find out.
        if grants.iter().all(Grant::can_be_revoked) { Fate::Revoked(grants) } else { Fate::Stays }
    }

    fn named(&self, id: Option<&UserId>) -> Vec<String> {
        let user = id.and_then(|id| self.facts.users.iter().find(|(_, other)| *other == id));
        vec![user.map_or_else(|| self.facts.account.name.clone(), |(name, _)| name.clone())]
    }

    /// Views of others that read ours. Those that bind late depend on nothing, as far as the server knows.
    fn dependents(&self, database: &str, views: &Seen<Vec<(String, String)>>) -> Vec<String> {
        let views = match views {
            Seen::Yes(views) => views,
            Seen::No(why) => return vec![format!("which views read ours can't be seen ({why})")],
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
        let reads = views.iter().filter(|(_, definition)| speaks_of_us(definition));
        reads.map(|(view, _)| format!("the view {view} reads this integration's")).collect()
    }

    fn is_managed(&self) -> bool {
        matches!(self.ownership.database, ManagedDatabase::Empty | ManagedDatabase::Registered(_))
    }

    /// Whether a database goes as a whole, and with it all that is in it.
    #[must_use]
    pub fn is_dropped(&self, database: &str) -> bool {
        database == self.setup.database && self.setup.database_mode == DatabaseMode::Create && self.is_managed()
    }

    fn users(&self) -> Vec<(&str, &UserId)> {
        let users = [
            (CLAIM_USER, &self.ownership.claim),
            (self.ownership.system_account_name.as_str(), &self.ownership.system_account),
        ];
        users
            .into_iter()
            .filter(|(_, standing)| **standing == Standing::Ours)
            .filter_map(|(user, _)| self.facts.users.get(user).map(|id| (user, id)))
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
