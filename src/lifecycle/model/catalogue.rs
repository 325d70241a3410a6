//! What the operator's look-ups give; mirrors `controller::look`.

use std::collections::{BTreeMap, BTreeSet};

use super::warehouse::{Kind, Object, Power, Warehouse};
use crate::api::DatabaseMode;
use crate::lifecycle::checks::Watched;
use crate::lifecycle::contents::{Acl, Contents, DefaultPrivileges, Relation, Routine, SCHEMAS, Schema};
use crate::lifecycle::obstacle::Grantable;
use crate::lifecycle::sweep::{DatabaseAcl, RoleGrants};
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
            (self.sees_all() || role.owner == admin)
                .then(|| (name.clone(), self.name_of(role.owner).unwrap_or("unknown").to_owned()))
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

    /// Whoever owns an object granted what others hold on it.
    fn acl(&self, object: &Object) -> Acl {
        let owner = self.name_of(object.owner).unwrap_or("unknown");
        let public = if object.public { format!("=rUX/{owner}") } else { String::new() };
        let granted: String = object.grantees.iter().map(|name| format!("|{name}=r/{owner}")).collect();
        Acl::parse(&format!("{public}{granted}"))
    }

    /// Mirrors `look::contents`, as somebody: an ordinary user sees default privileges of its own alone.
    pub fn contents(&self, database: &str, reader: &str) -> Contents {
        let Some(there) = self.databases.get(database) else { return Contents::default() };
        let mut contents = Contents::default();
        for ((schema, name), object) in &there.objects {
            let (schema, name, owner) = (schema.clone(), name.clone(), object.owner.to_string());
            let acl = self.acl(object);
            match object.kind {
                Kind::Schema => contents.schemas.push(Schema { name: schema, owner, acl }),
                Kind::Relation | Kind::Reader => contents.relations.push(Relation { schema, name, owner, acl }),
                Kind::Routine => contents.routines.push(Routine { schema, name, owner, acl }),
            }
        }
        let functions = there.objects.get(&("immuta_functions".to_owned(), String::new()));
        let sees =
            |owner: u32| self.users.get(reader).is_some_and(|user| user.id == owner || self.is_superuser(user.id));
        if let Some(schema) = functions.filter(|schema| there.defaults && sees(schema.owner)) {
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
    pub fn grants_to_role(&self, database: &str, role: &str) -> Seen<RoleGrants> {
        let Some(there) = self.databases.get(database) else { return Seen::Yes(RoleGrants::new()) };
        let granted = there.objects.iter().filter(|(_, object)| object.grantees.contains(role));
        let mut grants: RoleGrants = granted
            .map(|((schema, name), object)| match object.kind {
                Kind::Schema => (format!("USAGE on the schema {schema}"), Some(Grantable::Schema(schema.clone()))),
                Kind::Relation | Kind::Reader => {
                    let on = Grantable::Relation(schema.clone(), name.clone());
                    (format!("SELECT on {schema}.{name}"), Some(on))
                }
                Kind::Routine => (format!("EXECUTE on {schema}.{name}"), None),
            })
            .collect();
        grants.remove("EXECUTE on immuta_procedures.impersonate_user");
        Seen::Yes(grants)
    }

    /// Mirrors `look::database_grants_to_role`.
    pub fn database_grants_to_role(&self, role: &str) -> Seen<RoleGrants> {
        let granted = self.databases.iter().filter(|(_, database)| database.granted_by_others.contains(role));
        let grant =
            |name: &String| (format!("TEMPORARY on the database {name}"), Some(Grantable::Database(name.clone())));
        Seen::Yes(granted.map(|(name, _)| grant(name)).collect())
    }

    /// Mirrors `look::database_acls`.
    pub fn database_acls(&self) -> Vec<DatabaseAcl> {
        let name_of = |id: u32| self.name_of(id).unwrap_or("unknown");
        let acl = |(name, database): (&String, &super::warehouse::Database)| {
            let owner = name_of(database.owner);
            let users = database.granted.iter().map(|(to, by)| format!("{}=CT/{}", name_of(*to), name_of(*by)));
            let roles = database.granted_by_others.iter().map(|role| format!("{role}=T/{owner}"));
            let acl = Acl::parse(&users.chain(roles).collect::<Vec<_>>().join("|"));
            DatabaseAcl { database: name.clone(), owner: database.owner.to_string(), acl }
        };
        self.databases.iter().map(acl).collect()
    }

    /// Mirrors `look::views_that_speak_of_us`.
    pub fn views_that_speak_of_us(&self, database: &str) -> Seen<Vec<(String, String)>> {
        let objects = self.databases.get(database).into_iter().flat_map(|there| &there.objects);
        let views =
            objects.filter(|((schema, _), object)| object.kind == Kind::Reader && !SCHEMAS.contains(&schema.as_str()));
        let definition = || "SELECT … FROM immuta_system.user_profile".to_owned();
        Seen::Yes(views.map(|((schema, name), _)| (format!("{schema}.{name}"), definition())).collect())
    }

    /// Mirrors `look::registry`.
    pub fn registry(&self, database: &str) -> Result<Registry, String> {
        self.databases
            .get(database)
            .and_then(|database| database.registry.clone())
            .ok_or_else(|| "there is no registry".to_owned())
    }

    /// The same as somebody: it is for its owner alone, and superusers.
    pub fn registry_as(&self, database: &str, reader: &str) -> Result<Registry, String> {
        let table = ("immuta_system".to_owned(), "registry".to_owned());
        let owner = self.databases.get(database).and_then(|it| it.objects.get(&table)).map(|table| table.owner);
        let reads = |id: u32| self.is_superuser(id) || owner == Some(id);
        if !self.users.get(reader).is_some_and(|user| reads(user.id)) {
            return Err("permission denied".to_owned());
        }
        self.registry(database)
    }

    /// Mirrors `look::watched`.
    pub fn watched(&self, registry: Registry, account: &str) -> Watched {
        let database = &registry.setup.database;
        Watched {
            contents: self.contents(database, account),
            own_roles: self.own_roles(account),
            keys: self.databases.get(database).map_or(0, |database| database.keys),
            collation: Seen::Yes("case_sensitive".to_owned()),
            isolation: Seen::Yes("SNAPSHOT".to_owned()),
            registry,
        }
    }
}
