//! What the look-ups of the scripts (`look.sql`) find: rows, as a server would send them, for whoever asks.

use super::definitions;
use super::others::MADE;
use super::statements::{identifier, literal, refuse};
use super::warehouse::{Database, Kind, Object, Power, Warehouse};
use crate::lifecycle::UserId;
use crate::lifecycle::contents::SCHEMAS;
use crate::ports::{Row, Rows};
use crate::scripts::Statement;

/// Whether a statement only looks.
pub fn is_look(name: &str) -> bool {
    ["read-", "count-", "prove-"].iter().any(|verb| name.starts_with(verb))
}

/// One row.
pub fn row<const N: usize>(columns: [&str; N]) -> Row {
    let mut rows = Rows::default();
    rows.push(columns);
    rows.into_rows().remove(0)
}

fn flag(holds: bool) -> &'static str {
    if holds { "1" } else { "0" }
}

/// What one user sees of a warehouse, in one database.
pub struct Reader<'a> {
    pub warehouse: &'a Warehouse,
    id: u32,
    database: &'a str,
}

/// Answers a look-up.
pub fn answer(warehouse: &Warehouse, id: u32, database: &str, statement: &Statement) -> Result<Vec<Row>, String> {
    let reader = Reader { warehouse, id, database };
    if let Some(answer) = reader.of_views(statement) {
        return answer;
    }
    // What a look-up is about is the last of its literals.
    let mut literals = (0..3).map(|n| literal(statement.text(), n));
    let about = literals.rfind(|text| !text.is_empty()).unwrap_or_default();
    Ok(match statement.name() {
        "read-version" => vec![row(["PostgreSQL 8.0.2 on i686-pc-linux-gnu, Redshift 1.0.1"])],
        "prove-login" => vec![row(["1"])],
        "read-case-sensitivity" => vec![row(["off"])],
        "read-collation" => vec![row(["case_sensitive"])],
        "read-own-account" => reader.own_account(),
        "read-users" => warehouse.users.iter().map(|(name, user)| row([name, &user.id.to_string()])).collect(),
        "read-databases" => warehouse.databases.iter().map(|(name, it)| row([name, &it.owner.to_string()])).collect(),
        "read-isolation" => warehouse.databases.keys().map(|name| row([name, "concurrency_model=1"])).collect(),
        "read-kinds-of-databases" => warehouse.databases.keys().map(|name| row([name, "local"])).collect(),
        "read-roles" => reader.roles(),
        "read-own-roles" => held_by(&about),
        // There are no roles that are members of roles here, nor defaults for them; no grants on columns or languages.
        "read-nested-roles"
        | "read-member-roles"
        | "read-default-privileges-of-role"
        | "read-column-privileges"
        | "read-languages-of-users" => Vec::new(),
        "read-system-privileges" => vec![row(["ACCESS SYSTEM TABLE", SEES])],
        "read-grantable-privileges" => grantable(),
        "read-language-privileges" => vec![row(["public", "public"])],
        "read-roles-of-system-account" => reader.memberships(&about),
        "read-member-users" => reader.members(&about),
        "read-schema-grants-of-role" => reader.grants(&about, |kind| kind == Kind::Schema, "USAGE"),
        "read-relation-grants-of-role" => reader.grants(&about, is_relation, "SELECT"),
        "read-routine-grants-of-role" => reader.grants(&about, |kind| kind == Kind::Routine, "EXECUTE"),
        "read-database-grants-of-role" => reader.database_grants(&about),
        "read-database-acls" => reader.database_acls(),
        "read-managed-database" => vec![reader.database_acl(database, reader.here())],
        "read-schemas" => reader.objects(|kind| kind == Kind::Schema),
        "read-relations" => reader.objects(is_relation),
        "read-routines" => reader.objects(|kind| kind == Kind::Routine),
        "read-default-privileges" => reader.default_privileges(),
        "read-views-that-speak-of-us" => reader.views(),
        "read-columns" => reader.columns(),
        "read-view" => return reader.text("immuta_system", "user_profile"),
        "read-user-entitlements" => return reader.text("immuta_system", "user_entitlements"),
        "read-definer-rights" => {
            let procedures = reader.here().objects.keys().filter(|(schema, _)| schema == "immuta_procedures");
            procedures.filter(|(_, name)| !name.is_empty()).map(|(_, name)| row([name, flag(true)])).collect()
        }
        "read-procedure" => {
            let (schema, name) = (identifier(statement.text(), 0), identifier(statement.text(), 1));
            return reader.text(&schema, &name);
        }
        "read-our-users" => {
            let named = [0, 1].map(|n| literal(statement.text(), n));
            let ours = warehouse.users.iter().filter(|(name, _)| named.contains(name));
            ours.map(|(name, user)| row([name, &user.id.to_string()])).collect()
        }
        "read-registry" => return reader.registry(),
        "count-keys" => return reader.keys(),
        other => panic!("the simulation doesn't know the look-up {other}"),
    })
}

/// The role through which an account sees what belongs to others.
const SEES: &str = "sees";

fn is_relation(kind: Kind) -> bool {
    matches!(kind, Kind::Relation | Kind::Reader | Kind::View)
}

/// The roles of the accounts that set things up: they are there from the beginning.
fn held_by(user: &str) -> Vec<Row> {
    let lesser = [Power::Seeing, Power::Blind].map(Power::name).contains(&user);
    let held = lesser.then_some("sys:secadmin").into_iter();
    held.chain((user == Power::Seeing.name()).then_some(SEES)).map(|role| row([role])).collect()
}

fn grantable() -> Vec<Row> {
    let lesser = [Power::Seeing, Power::Blind].map(Power::name);
    lesser.into_iter().map(|user| row([super::warehouse::EXISTING, "CREATE", user])).collect()
}

impl Reader<'_> {
    fn name(&self) -> &str {
        self.warehouse.name_of(self.id).unwrap_or_default()
    }

    fn is_superuser(&self) -> bool {
        self.warehouse.is_superuser(self.id)
    }

    /// An ordinary user sees grants to identities of its own.
    fn sees_all(&self) -> bool {
        self.is_superuser() || self.name() == Power::Seeing.name()
    }

    /// The database of the session.
    pub fn here(&self) -> &Database {
        &self.warehouse.databases[self.database]
    }

    fn own_account(&self) -> Vec<Row> {
        vec![row([self.name(), flag(self.is_superuser()), flag(self.warehouse.is_admin(self.id))])]
    }

    fn roles(&self) -> Vec<Row> {
        let visible = self.warehouse.roles.iter().filter(|(_, role)| self.sees_all() || role.owner == self.id);
        visible.map(|(name, role)| row([name, self.warehouse.name_of(role.owner).unwrap_or("unknown")])).collect()
    }

    fn memberships(&self, user: &str) -> Vec<Row> {
        let is_shown = self.sees_all() || self.name() == user;
        let roles = self.warehouse.roles.iter().filter(|_| is_shown);
        roles.filter_map(|(name, role)| Some(row([name, flag(*role.members.get(user)?)]))).collect()
    }

    fn members(&self, role: &str) -> Vec<Row> {
        let members = self.warehouse.roles.get(role).into_iter().flat_map(|role| &role.members);
        let visible = members.filter(|(name, _)| self.sees_all() || *name == self.name());
        visible.map(|(name, admin)| row([name, flag(*admin)])).collect()
    }

    fn grants(&self, role: &str, is_meant: impl Fn(Kind) -> bool, privilege: &str) -> Vec<Row> {
        let granted = self.here().objects.iter().filter(|(_, it)| is_meant(it.kind) && it.grantees.contains(role));
        let line = |((schema, name), object): (&(String, String), &Object)| match object.kind {
            Kind::Schema => row([schema, privilege]),
            _ => row([schema, name, privilege]),
        };
        granted.map(line).collect()
    }

    fn database_grants(&self, role: &str) -> Vec<Row> {
        let granted = self.warehouse.databases.iter().filter(|(_, it)| it.granted_by_others.contains(role));
        granted.map(|(name, _)| row([name, "TEMPORARY"])).collect()
    }

    fn database_acls(&self) -> Vec<Row> {
        self.warehouse.databases.iter().map(|(name, database)| self.database_acl(name, database)).collect()
    }

    fn database_acl(&self, name: &str, database: &Database) -> Row {
        let name_of = |id: u32| self.warehouse.name_of(id).unwrap_or("unknown");
        let owner = name_of(database.owner);
        let users = database.granted.iter().map(|(to, by)| format!("{}=CT/{}", name_of(*to), name_of(*by)));
        let roles = database.granted_by_others.iter().map(|role| format!("{role}=T/{owner}"));
        let acl = users.chain(roles).collect::<Vec<_>>().join("|");
        row([name, &database.owner.to_string(), &acl])
    }

    /// Whoever owns an object granted what others hold on it.
    pub fn acl(&self, object: &Object) -> String {
        let owner = self.warehouse.name_of(object.owner).unwrap_or("unknown");
        let privilege = match object.kind {
            Kind::Schema => 'U',
            Kind::Relation | Kind::Reader | Kind::View => 'r',
            Kind::Routine => 'X',
        };
        let public = object.public.then(|| format!("={privilege}/{owner}")).into_iter();
        let granted = object.grantees.iter().map(|name| format!("{name}={privilege}/{owner}"));
        public.chain(granted).collect::<Vec<_>>().join("|")
    }

    fn objects(&self, is_meant: impl Fn(Kind) -> bool) -> Vec<Row> {
        let objects = self.here().objects.iter().filter(|(_, object)| is_meant(object.kind));
        let line = |((schema, name), object): (&(String, String), &Object)| {
            let (owner, acl) = (object.owner.to_string(), self.acl(object));
            match object.kind {
                Kind::Schema => row([schema, &owner, &acl]),
                Kind::Relation => row([schema, name, "r", &owner, &acl]),
                Kind::Reader | Kind::View => row([schema, name, "v", &owner, &acl]),
                Kind::Routine => row([schema, name, &owner, &acl]),
            }
        };
        objects.map(line).collect()
    }

    /// An ordinary user sees those of its own alone.
    fn default_privileges(&self) -> Vec<Row> {
        let here = self.here();
        let schema = here.objects.get(&("immuta_functions".to_owned(), String::new())).filter(|_| here.defaults);
        let visible = schema.filter(|schema| schema.owner == self.id || self.is_superuser());
        visible.map(|schema| row([&schema.owner.to_string(), "=X/x", "immuta_functions"])).into_iter().collect()
    }

    fn views(&self) -> Vec<Row> {
        let objects = self.here().objects.iter();
        let views = objects.filter(|((schema, _), it)| it.kind == Kind::Reader && !SCHEMAS.contains(&schema.as_str()));
        let readers = views.map(|((schema, name), _)| row([schema, name, "SELECT … FROM immuta_system.user_profile"]));
        readers.chain(self.views_that_speak_of_us()).collect()
    }

    /// Nobody changes a column here.
    fn columns(&self) -> Vec<Row> {
        let here =
            self.here().objects.iter().filter(|((schema, _), it)| schema == "immuta_system" && is_relation(it.kind));
        here.flat_map(|((schema, name), _)| {
            let columns = definitions::columns(&format!("{schema}.{name}"));
            columns.into_iter().map(move |[column, kind, rest]| row([schema, name, &column, &kind, &rest]))
        })
        .collect()
    }

    /// What the server shows as the text of something.
    pub fn text(&self, schema: &str, name: &str) -> Result<Vec<Row>, String> {
        let object = self.here().objects.get(&(schema.to_owned(), name.to_owned()));
        let text = &object.ok_or("it does not exist")?.text;
        if text != MADE {
            return Ok(vec![row([text])]);
        }
        let registry = self.here().registry.as_ref();
        let role = registry.and_then(|registry| registry.setup.impersonation_role.as_deref()).unwrap_or_default();
        Ok(vec![row([&definitions::text(name, role)])])
    }

    /// What is the owner's alone, and superusers'.
    pub fn private(&self, table: &str) -> Result<(), String> {
        let table = self.here().objects.get(&("immuta_system".to_owned(), table.to_owned()));
        let owner = table.ok_or("the relation does not exist")?.owner;
        refuse(owner == self.id || self.is_superuser(), "permission denied")
    }

    fn registry(&self) -> Result<Vec<Row>, String> {
        self.private("registry")?;
        let registry = self.here().registry.iter();
        let line = |registry: &crate::lifecycle::Registry| {
            let setup = &registry.setup;
            let first = [
                &registry.integration_uid,
                registry.state.as_str(),
                &registry.fencing_counter.to_string(),
                &registry.schema_version.to_string(),
                setup.database_mode.as_str(),
                &setup.system_account,
                setup.impersonation_role.as_deref().unwrap_or_default(),
                &registry.applied_hash,
                "[]",
                "0.1.0",
                "1970-01-01 00:00:00",
            ];
            if registry.schema_version == 1 {
                return row(first);
            }
            let definitions = registry.definitions.as_ref().map(ToString::to_string).unwrap_or_default();
            let claim = registry.claim_user_id.as_ref().map_or("", UserId::as_str);
            let mut rows = Rows::default();
            rows.push(first.into_iter().chain([definitions.as_str(), claim]));
            rows.into_rows().remove(0)
        };
        Ok(registry.map(line).collect())
    }

    fn keys(&self) -> Result<Vec<Row>, String> {
        self.private("impersonation_key")?;
        let keys = self.here().keys.to_string();
        Ok(vec![row([&keys, &keys])])
    }
}
