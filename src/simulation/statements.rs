//! What each statement of the scripts does to the warehouse, and what it is refused for. All of it or
//! nothing: whatever can be refused is checked first.

use std::collections::BTreeMap;

use super::objects::Objects;
use super::warehouse::{Database, Kind, Maker, Object, Role, User, Warehouse};
use crate::scripts::{CLAIM_USER, Statement};

/// The n-th quoted name of a statement.
pub fn identifier(text: &str, n: usize) -> String {
    text.split('"').skip(1).step_by(2).nth(n).unwrap_or_default().to_owned()
}

/// The n-th literal. None of ours holds a quote.
pub fn literal(text: &str, n: usize) -> String {
    text.split('\'').skip(1).step_by(2).nth(n).unwrap_or_default().to_owned()
}

pub fn number_after(text: &str, what: &str) -> i64 {
    let rest = text.split(what).nth(1).unwrap_or_default().trim_start();
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or_default()
}

pub fn refuse(unless: bool, why: &str) -> Result<(), String> {
    if unless { Ok(()) } else { Err(why.to_owned()) }
}

impl Warehouse {
    /// Executes a statement outside of any transaction.
    pub fn change(&mut self, acting: u32, database: &str, uid: &str, statement: &Statement) -> Result<(), String> {
        let (text, name) = (statement.text(), statement.name());
        if let Some(done) = self.change_views(acting, database, uid, name, text) {
            return done;
        }
        match name {
            "create-claim" => self.create_user(acting, CLAIM_USER.to_owned(), literal(text, 0), uid),
            "create-system-account" => self.create_user(acting, identifier(text, 0), literal(text, 0), uid),
            "rename-system-account" => self.rename_user(acting, &identifier(text, 0), identifier(text, 1)),
            "set-password-of-claim" | "change-own-password-of-claim" => {
                self.set_password(acting, CLAIM_USER, literal(text, 0))
            }
            "set-password-of-renamed-account" | "set-password-of-system-account" | "change-own-password" => {
                self.set_password(acting, &identifier(text, 0), literal(text, 0))
            }
            "drop-system-account" => self.drop_user(acting, database, &identifier(text, 0)),
            "drop-claim" => self.drop_user(acting, database, CLAIM_USER),
            "create-database" | "create-database-as-its-owner" => {
                self.create_database(acting, identifier(text, 0), &identifier(text, 1), uid)
            }
            "create-database-of-whoever-runs-it" => {
                let owner = self.name_of(acting).unwrap_or_default().to_owned();
                self.create_database(acting, identifier(text, 0), &owner, uid)
            }
            "set-database-aside" => self.rename_database(acting, &identifier(text, 0), identifier(text, 1)),
            "close-system-account" => {
                refuse(self.is_admin(acting), "permission denied")?;
                self.users.get_mut(&identifier(text, 0)).ok_or("no such user")?.is_closed = true;
                Ok(())
            }
            "wait-as-before" => Ok(()),
            "drop-database" => self.drop_database(acting, database, &identifier(text, 0)),
            "revoke-database-from-public"
            | "grant-temporary-tables-to-public"
            | "grant-database-to-system-account"
            | "revoke-database-from-system-account" => self.grant_database(acting, name, text),
            _ if name.starts_with("give-") && name != "give-role-to-system-account" => {
                self.give(acting, database, name, text)
            }
            _ if name.starts_with("revoke-on-") => self.revoke(acting, database, name, text),
            _ if name.contains("role") && super::warehouse::is_of_users_and_roles(name) => {
                self.change_role(acting, database, name, text, uid)
            }
            _ => {
                let former = self.databases.get(database).and_then(|there| there.registry.as_ref());
                let former = former.map(|registry| registry.integration_uid.clone());
                self.change_contents(acting, database, uid, name, text)?;
                if let ("write-new-owner", Some(former)) = (name, former) {
                    self.pass_on(&former, uid);
                }
                if name == "complete-registry" {
                    let registered = literal(text, 2);
                    for (role, ours) in self.roles.iter_mut().filter(|(_, role)| role.maker.is(uid)) {
                        // Where impersonation is off, nobody is a member of anything any more.
                        ours.in_service = !registered.is_empty() && (ours.in_service || *role == registered);
                    }
                }
                Ok(())
            }
        }
    }

    /// To its system account.
    fn give(&mut self, acting: u32, database: &str, name: &str, text: &str) -> Result<(), String> {
        refuse(self.is_superuser(acting), "must be owner")?;
        let is_schema = name.starts_with("give-schema");
        let to = self.users.get(&identifier(text, if is_schema { 1 } else { 2 })).ok_or("no such user")?.id;
        let object = if is_schema { String::new() } else { identifier(text, 1) };
        let there = self.databases.get_mut(database).ok_or("no such database")?;
        there.objects.get_mut(&(identifier(text, 0), object)).ok_or("no such object")?.owner = to;
        Ok(())
    }

    fn is_taken(&self, name: &str) -> bool {
        self.users.contains_key(name) || self.roles.contains_key(name)
    }

    fn create_user(&mut self, acting: u32, name: String, password: String, uid: &str) -> Result<(), String> {
        refuse(self.is_admin(acting), "permission denied")?;
        refuse(!self.is_taken(&name), "the name is taken")?;
        let id = self.take_id();
        let user = User { id, password: Some(password), maker: Maker::Integration(uid.to_owned()), is_closed: false };
        self.users.insert(name, user);
        Ok(())
    }

    fn set_password(&mut self, acting: u32, name: &str, password: String) -> Result<(), String> {
        let is_admin = self.is_admin(acting);
        let user = self.users.get_mut(name).ok_or("no such user")?;
        refuse(is_admin || user.id == acting, "permission denied")?;
        user.password = Some(password);
        Ok(())
    }

    pub fn rename_user(&mut self, acting: u32, former: &str, new: String) -> Result<(), String> {
        refuse(self.is_admin(acting), "permission denied")?;
        refuse(!self.is_taken(&new), "the name is taken")?;
        let mut user = self.users.remove(former).ok_or("no such user")?;
        user.password = None;
        for role in self.roles.values_mut() {
            if let Some(admin) = role.members.remove(former) {
                role.members.insert(new.clone(), admin);
            }
        }
        self.rename_grantee(former, &new);
        self.users.insert(new, user);
        Ok(())
    }

    fn rename_grantee(&mut self, former: &str, new: &str) {
        for database in self.databases.values_mut() {
            if database.granted_by_others.remove(former) {
                database.granted_by_others.insert(new.to_owned());
            }
        }
        for object in self.databases.values_mut().flat_map(|database| database.objects.values_mut()) {
            if object.grantees.remove(former) {
                object.grantees.insert(new.to_owned());
            }
        }
    }

    fn drop_user(&mut self, acting: u32, database: &str, name: &str) -> Result<(), String> {
        refuse(self.is_admin(acting), "permission denied")?;
        let id = self.users.get(name).ok_or("no such user")?.id;
        refuse(self.databases.values().all(|database| database.owner != id), "owns a database")?;
        let holds_or_gave = |database: &Database| database.granted.iter().any(|(to, by)| *to == id || *by == id);
        refuse(!self.databases.values().any(holds_or_gave), "privileges on a database")?;
        refuse(self.roles.values().all(|role| role.owner != id), "owns a role")?;
        // Redshift looks in the database of the session alone.
        let here = &self.databases[database];
        let ties = |object: &Object| object.owner == id || object.grantees.contains(name);
        refuse(!here.objects.values().any(ties), "objects in this database")?;
        self.users.remove(name);
        for role in self.roles.values_mut() {
            role.members.remove(name);
        }
        for object in self.databases.values_mut().flat_map(|database| database.objects.values_mut()) {
            object.grantees.remove(name);
        }
        Ok(())
    }

    fn create_database(&mut self, acting: u32, name: String, owner: &str, uid: &str) -> Result<(), String> {
        refuse(self.is_admin(acting), "permission denied")?;
        refuse(!self.databases.contains_key(&name), "the database is there")?;
        let owner = self.users.get(owner).ok_or("no such user")?.id;
        refuse(owner == acting || self.is_superuser(acting), "only a superuser may give it away")?;
        self.databases.insert(name, Database::new(owner, Maker::Integration(uid.to_owned())));
        Ok(())
    }

    fn drop_database(&mut self, acting: u32, session: &str, name: &str) -> Result<(), String> {
        let database = self.databases.get(name).ok_or("no such database")?;
        refuse(database.owner == acting || self.is_superuser(acting), "must be owner")?;
        refuse(!database.in_use && session != name, super::warehouse::IN_USE)?;
        self.databases.remove(name);
        Ok(())
    }

    fn rename_database(&mut self, acting: u32, former: &str, new: String) -> Result<(), String> {
        let database = self.databases.get(former).ok_or("no such database")?;
        refuse(database.owner == acting || self.is_superuser(acting), "must be owner")?;
        refuse(!database.in_use, super::warehouse::IN_USE)?;
        refuse(!self.databases.contains_key(&new), "the name is taken")?;
        let database = self.databases.remove(former).ok_or("no such database")?;
        self.databases.insert(new, database);
        Ok(())
    }

    fn grant_database(&mut self, acting: u32, name: &str, text: &str) -> Result<(), String> {
        let (may, superuser) = (self.is_admin(acting), self.is_superuser(acting));
        let grantee = self.users.get(&identifier(text, 1)).map(|user| user.id);
        let database = self.databases.get_mut(&identifier(text, 0)).ok_or("no such database")?;
        refuse(may, "permission denied")?;
        // A superuser acts in the place of the owner. Nobody revokes what somebody else gave.
        let grantor = if superuser { database.owner } else { acting };
        match name {
            "grant-database-to-system-account" => {
                database.granted.insert((grantee.ok_or("no such user")?, grantor));
            }
            "revoke-database-from-system-account" => {
                database.granted.remove(&(grantee.ok_or("no such user")?, grantor));
            }
            "revoke-database-from-public" => database.public = false,
            _ => {}
        }
        Ok(())
    }

    /// What the revoker granted, and nothing else.
    fn revoke(&mut self, acting: u32, database: &str, name: &str, text: &str) -> Result<(), String> {
        let superuser = self.is_superuser(acting);
        let is_grantor = |owner: u32| superuser || owner == acting;
        let (first, second) = (identifier(text, 0), identifier(text, 1));
        if name.contains("on-database") {
            let grantee = self.users.get(&second).map(|user| user.id);
            let there = self.databases.get_mut(&first).ok_or("no such database")?;
            let grantor = if superuser { there.owner } else { acting };
            there.granted.retain(|(to, by)| Some(*to) != grantee || *by != grantor);
            if is_grantor(there.owner) {
                there.granted_by_others.remove(&second);
            }
            return Ok(());
        }
        let on_schema = name.contains("on-schema");
        let (key, grantee) =
            if on_schema { ((first, String::new()), second) } else { ((first, second), identifier(text, 2)) };
        let there = self.databases.get_mut(database).ok_or("no such database")?;
        let object = there.objects.get_mut(&key).ok_or("no such object")?;
        if is_grantor(object.owner) {
            object.grantees.remove(&grantee);
        }
        Ok(())
    }

    /// Privileges on databases are in the way of a drop, and those on objects of the session's database.
    fn is_tied(&self, role: &str, database: &str) -> bool {
        self.databases.values().any(|database| database.granted_by_others.contains(role))
            || self.databases[database].objects.values().any(|object| object.grantees.contains(role))
    }

    fn change_role(&mut self, acting: u32, database: &str, name: &str, text: &str, uid: &str) -> Result<(), String> {
        let (role, other) = (identifier(text, 0), identifier(text, 1));
        refuse(self.is_admin(acting), "permission denied")?;
        if name == "create-role" {
            refuse(!self.is_taken(&role), "the name is taken")?;
            let maker = Maker::Integration(uid.to_owned());
            self.roles.insert(role, Role { owner: acting, maker, members: BTreeMap::new(), in_service: false });
            return Ok(());
        }
        refuse(self.roles.contains_key(&role), "no such role")?;
        let superuser = self.is_superuser(acting);
        match name {
            "drop-role" => {
                refuse(!self.is_tied(&role, database), "the role has a privilege on some object")?;
                self.roles.remove(&role);
                for database in self.databases.values_mut() {
                    for object in database.objects.values_mut() {
                        object.grantees.remove(&role);
                    }
                }
            }
            "rename-role" => {
                refuse(superuser, "permission denied")?;
                refuse(!self.is_taken(&other), "the name is taken")?;
                let there = self.roles.remove(&role).ok_or("no such role")?;
                self.rename_grantee(&role, &other);
                self.roles.insert(other, there);
            }
            _ => {
                let id = self.users.get(&other).map(|user| user.id);
                let there = self.roles.get_mut(&role).ok_or("no such role")?;
                if name == "give-role-to-system-account" {
                    refuse(superuser, "permission denied")?;
                    there.owner = id.ok_or("no such user")?;
                } else {
                    refuse(id.is_some() || name == "grant-role-to-role", "no such user")?;
                    let admin =
                        name.starts_with("grant-role-to-system-account") || name == "grant-role-to-administrator";
                    there.members.entry(other).and_modify(|had| *had |= admin).or_insert(admin);
                }
            }
        }
        Ok(())
    }

    /// What is in a database, as somebody may change it.
    pub fn contents<'a>(&'a mut self, acting: u32, database: &str, uid: &'a str) -> Result<Objects<'a>, String> {
        let superuser = self.is_superuser(acting);
        let there = self.databases.get_mut(database).ok_or("no such database")?;
        let may_create = superuser || there.owner == acting || there.is_granted_to(acting);
        Ok(Objects { acting, superuser, may_create, uid, there })
    }

    fn change_contents(
        &mut self,
        acting: u32,
        database: &str,
        uid: &str,
        name: &str,
        text: &str,
    ) -> Result<(), String> {
        let mut contents = self.contents(acting, database, uid)?;
        let system = "immuta_system";
        let procedures = "immuta_procedures";
        match name {
            "create-system-schema" => contents.create(Kind::Schema, system, ""),
            "create-functions-schema" => contents.create(Kind::Schema, "immuta_functions", ""),
            "create-procedures-schema" => contents.create(Kind::Schema, procedures, ""),
            "create-registry-lock" => contents.create(Kind::Relation, system, "registry_lock"),
            "create-registry" => contents.create(Kind::Relation, system, "registry"),
            "create-profile" => contents.create(Kind::Relation, system, "profile"),
            "create-impersonation-key" => contents.create(Kind::Relation, system, "impersonation_key"),
            "create-user-profile" => contents.replace(Kind::Relation, system, "user_profile"),
            "create-entitlement" => contents.create(Kind::Relation, system, "entitlement"),
            "create-masking-key" => contents.create(Kind::Relation, system, "masking_key"),
            "create-data-source" => contents.create(Kind::Relation, system, "data_source"),
            "write-masking-key" => contents.owned(system, "masking_key").map(|_| ()),
            "create-user-entitlements" => contents.replace(Kind::Relation, system, "user_entitlements"),
            "drop-user-entitlements" => contents.drop_if_there(system, "user_entitlements"),
            "drop-entitlement" => contents.drop_if_there(system, "entitlement"),
            "drop-masking-key" => contents.drop_if_there(system, "masking_key"),
            "drop-data-source" => contents.drop_if_there(system, "data_source"),
            "grant-schema-to-public" => contents.open(&identifier(text, 0), ""),
            // Here PUBLIC holds nothing on a schema but the use of it.
            "revoke-create-on-schema-from-public" => contents.owned(&identifier(text, 0), "").map(|_| ()),
            "revoke-relation-from-public" | "revoke-procedure-from-public" => {
                contents.close(&identifier(text, 0), &identifier(text, 1))
            }
            "revoke-procedure-from-user" | "revoke-procedure-from-role" => {
                let object = contents.owned(&identifier(text, 0), &identifier(text, 1))?;
                object.grantees.remove(&identifier(text, 2));
                Ok(())
            }
            "add-definitions" | "add-claim-user-id" => contents.add_column(),
            "grant-user-profile-to-public" => contents.open(system, "user_profile"),
            "grant-future-functions-to-public" => {
                contents.owned("immuta_functions", "")?;
                contents.there.defaults = true;
                Ok(())
            }
            "revoke-future-functions-from-public" => {
                contents.owned("immuta_functions", "")?;
                contents.there.defaults = false;
                Ok(())
            }
            "create-impersonate-user" => contents.replace(Kind::Routine, procedures, "impersonate_user"),
            "create-grant-impersonation" => contents.replace(Kind::Routine, procedures, "grant_impersonation"),
            "create-revoke-impersonation" => contents.replace(Kind::Routine, procedures, "revoke_impersonation"),
            "grant-impersonate-user-to-role" => {
                let role = identifier(text, 0);
                refuse(self.roles.contains_key(&role), "no such role")?;
                let mut contents = self.contents(acting, database, uid)?;
                contents.owned(procedures, "impersonate_user")?.grantees.insert(role);
                Ok(())
            }
            "revoke-impersonate-user-from-role" => {
                contents.owned(procedures, "impersonate_user")?.grantees.remove(&identifier(text, 0));
                Ok(())
            }
            "forget-old-key" | "forget-key" => contents.keys(0),
            "write-key" => contents.keys(1),
            "drop-procedure" | "drop-table" => contents.drop(&identifier(text, 0), &identifier(text, 1)),
            "drop-user-profile" => contents.drop(system, "user_profile"),
            "drop-schema" => contents.drop(&identifier(text, 0), ""),
            "wait-shortly" => Ok(()),
            "lock-registry" => contents.owned(system, "registry_lock").map(|_| ()),
            _ => contents.change_registry(name, text, database),
        }
    }
}
