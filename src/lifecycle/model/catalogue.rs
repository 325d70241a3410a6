//! What the operator's look-ups give; mirrors `controller::look`.

use std::collections::{BTreeMap, BTreeSet};

use super::warehouse::{Kind, Object, Power, Warehouse};
use crate::api::DatabaseMode;
use crate::lifecycle::checks::Watched;
use crate::lifecycle::contents::{Acl, Contents, DefaultPrivileges, Relation, Routine, SCHEMAS, Schema};
use crate::lifecycle::{Account, Member, Registry, Seen, Setup, WarehouseFacts};

impl Warehouse {
    fn sees_all(&self) -> bool {
        self.admin != Power::Blind
    }

    /// Mirrors `look::warehouse`, as the admin.
    pub fn facts(&self, setup: &Setup) -> WarehouseFacts {
        let superuser = self.admin == Power::Superuser;
        let admin = self.users[self.admin.name()].id;
        let visible = |(name, role): (&String, &super::warehouse::Role)| {
            (self.sees_all() || role.owner == admin).then(|| (name.clone(), role.owner.to_string()))
        };
        let held = match self.admin {
            Power::Superuser => BTreeSet::new(),
            Power::Seeing => BTreeSet::from(["sys:secadmin".to_owned(), "ACCESS SYSTEM TABLE".to_owned()]),
            Power::Blind => BTreeSet::from(["sys:secadmin".to_owned()]),
        };
        let nobody_asked = || "nobody asked".to_owned();
        WarehouseFacts {
            version: "PostgreSQL 8.0.2 on i686-pc-linux-gnu, Redshift 1.0.1".to_owned(),
            account: Account { name: self.admin.name().to_owned(), superuser, may_create_databases: true },
            users: self.users.iter().map(|(name, user)| (name.clone(), user.id.to_string())).collect(),
            databases: self.databases.iter().map(|(name, it)| (name.clone(), it.owner.to_string())).collect(),
            roles: Seen::Yes(self.roles.iter().filter_map(visible).collect()),
            held: Seen::Yes(held),
            grantable_databases: if setup.database_mode == DatabaseMode::Existing && !superuser {
                Seen::Yes(BTreeSet::from([setup.database.clone()]))
            } else {
                Seen::No(nobody_asked())
            },
            case_sensitive_identifiers: Seen::Yes(false),
            language_is_public: if setup.impersonation_role.is_some() {
                Seen::Yes(true)
            } else {
                Seen::No(nobody_asked())
            },
            collation: None,
        }
    }

    fn acl(object: &Object) -> Acl {
        let public = if object.public { "=rUX/x" } else { "" };
        let granted: String = object.grantees.iter().map(|name| format!("|{name}=r/x")).collect();
        Acl::parse(&format!("{public}{granted}"))
    }

    /// Mirrors `look::contents`.
    pub fn contents(&self, database: &str) -> Contents {
        let Some(there) = self.databases.get(database) else { return Contents::default() };
        let mut contents = Contents::default();
        for ((schema, name), object) in &there.objects {
            let (schema, name, owner) = (schema.clone(), name.clone(), object.owner.to_string());
            let acl = Self::acl(object);
            match object.kind {
                Kind::Schema => contents.schemas.push(Schema { name: schema, owner, acl }),
                Kind::Relation | Kind::Reader => contents.relations.push(Relation { schema, name, owner, acl }),
                Kind::Routine => contents.routines.push(Routine { schema, name, owner, acl }),
            }
        }
        let functions = there.objects.get(&("immuta_functions".to_owned(), String::new()));
        if let (true, Some(schema)) = (there.defaults, functions) {
            contents.default_privileges.push(DefaultPrivileges {
                owner: schema.owner.to_string(),
                schema: Some("immuta_functions".to_owned()),
                acl: Acl::parse("=X/x"),
            });
        }
        contents
    }

    /// Mirrors `look::own_roles`.
    pub fn own_roles(&self, account: &str) -> BTreeMap<String, bool> {
        let member = |(name, role): (&String, &super::warehouse::Role)| {
            role.members.get(account).map(|admin| (name.clone(), *admin))
        };
        self.roles.iter().filter_map(member).collect()
    }

    /// Mirrors `look::members`: an admin who doesn't see others' grants gets an answer without them.
    pub fn members(&self, role: &str, but: &str) -> Seen<Vec<Member>> {
        let Some(role) = self.roles.get(role) else { return Seen::Yes(Vec::new()) };
        let visible =
            role.members.iter().filter(|(name, _)| *name != but && (self.sees_all() || *name == self.admin.name()));
        Seen::Yes(visible.map(|(name, admin)| Member::User(name.clone(), *admin)).collect())
    }

    /// Mirrors `look::grants_to_role`, our own grant left out.
    pub fn grants_to_role(&self, database: &str, role: &str) -> Seen<BTreeSet<String>> {
        let Some(there) = self.databases.get(database) else { return Seen::Yes(BTreeSet::new()) };
        let granted = there.objects.iter().filter(|(_, object)| object.grantees.contains(role));
        let granted = granted.map(|((schema, name), _)| format!("EXECUTE on {schema}.{name}"));
        Seen::Yes(granted.filter(|grant| grant != "EXECUTE on immuta_procedures.impersonate_user").collect())
    }

    /// Mirrors `look::database_grants_to_role`.
    pub fn database_grants_to_role(&self, role: &str) -> Seen<BTreeSet<String>> {
        let granted = self.databases.iter().filter(|(_, database)| database.granted_by_others.contains(role));
        Seen::Yes(granted.map(|(name, _)| format!("USAGE on the database {name}")).collect())
    }

    /// Mirrors `look::database_ties`.
    pub fn database_ties(&self, user: &str, id: u32) -> BTreeMap<String, String> {
        let tied = self.databases.iter().filter(|(_, database)| database.owner == id || database.granted.contains(&id));
        tied.map(|(name, _)| (name.clone(), format!("{user} is tied to the database {name}"))).collect()
    }

    /// Mirrors `look::views_that_speak_of_us`, as far as they do.
    pub fn readers(&self, database: &str) -> Vec<String> {
        let Some(there) = self.databases.get(database) else { return Vec::new() };
        let readers = there
            .objects
            .iter()
            .filter(|((schema, _), object)| object.kind == Kind::Reader && !SCHEMAS.contains(&schema.as_str()));
        readers.map(|((schema, name), _)| format!("the view {schema}.{name} reads this integration's")).collect()
    }

    /// Mirrors `look::registry`.
    pub fn registry(&self, database: &str) -> Result<Registry, String> {
        self.databases
            .get(database)
            .and_then(|database| database.registry.clone())
            .ok_or_else(|| "there is no registry".to_owned())
    }

    /// Mirrors `look::watched`.
    pub fn watched(&self, registry: Registry, account: &str) -> Watched {
        let database = &registry.setup.database;
        Watched {
            contents: self.contents(database),
            own_roles: self.own_roles(account),
            keys: self.databases.get(database).map_or(0, |database| database.keys),
            collation: Seen::Yes("case_sensitive".to_owned()),
            isolation: Seen::Yes("SNAPSHOT".to_owned()),
            registry,
        }
    }
}
