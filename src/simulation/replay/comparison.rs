//! What the operator's look-ups find on the stand-in, beside what the model says that they find.
//!
//! Both are put into the same words, with the names of users in the place of their ids. What differs on
//! purpose is left out here and nowhere else: [`is_of_the_system`], [`is_known_to_both`].

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Replay, Server, execute};
use crate::adapters::redshift::Connection;
use crate::api::DatabaseMode;
use crate::lifecycle::checks::Watched;
use crate::lifecycle::contents::{Acl, Contents};
use crate::lifecycle::server_error::ServerError;
use crate::lifecycle::sweep::{DatabaseAcl, RoleGrants};
use crate::lifecycle::words::Confidential;
use crate::lifecycle::{Member, Registry, Seen, Setup, UserId, WarehouseFacts};
use crate::ports::{Row, Session, StatementError, StatementFailure};
use crate::reconcile::integration::look;
use crate::scripts::Statement;
use crate::simulation::histories::{ACCOUNTS, ROLES};
use crate::simulation::rows;
use crate::simulation::warehouse::{EXISTING, INITIAL, Power, Warehouse};

/// Users, roles and schemas that a warehouse has of itself; and the role that gives an account of the
/// sample one of its privileges.
fn is_of_the_system(name: &str) -> bool {
    ["rdsdb", "information_schema", "public", "sees"].contains(&name)
        || name.starts_with("sys:")
        || name.starts_with("pg_")
}

/// In the model, a lesser admin may pass on privileges on the existing database without holding them.
fn is_known_to_both(user: &str, database: &str) -> bool {
    database != EXISTING || ![Power::Seeing, Power::Blind].iter().any(|power| power.name() == user)
}

/// The look-ups of one warehouse.
struct Look {
    facts: WarehouseFacts,
    databases: BTreeMap<String, InDatabase>,
    members: BTreeMap<String, Seen<Vec<Member>>>,
    database_grants: BTreeMap<String, Seen<RoleGrants>>,
    ties: BTreeSet<String>,
}

#[derive(Default)]
struct InDatabase {
    contents: Contents,
    views: BTreeSet<String>,
    grants: BTreeMap<String, Seen<RoleGrants>>,
    registry: Option<Registry>,
    watched: Option<Watched>,
}

/// What is looked for in the existing database: it asks for all that can be asked for.
fn setup() -> Setup {
    Setup {
        database: EXISTING.to_owned(),
        database_mode: DatabaseMode::Existing,
        system_account: ACCOUNTS[0].to_owned(),
        impersonation_role: Some(ROLES[0].to_owned()),
    }
}

/// The system account that set a database up, whatever it is called now.
fn account_of<'a>(model: &'a Warehouse, database: &str) -> Option<&'a str> {
    let registry = ("immuta_system".to_owned(), "registry".to_owned());
    model.name_of(model.databases.get(database)?.objects.get(&registry)?.owner)
}

/// What differs.
pub async fn compare(replay: &mut Replay<'_>, model: &Warehouse) -> Vec<Difference> {
    let (expected, found) = (Look::at(&model, model).await, Look::at(replay.server, model).await);
    let mut differences = replay.changed_ids(&expected.facts, &found.facts);
    let (expected, found) = (expected.lines(model), found.lines(model));
    differences.extend(expected.difference(&found).map(|line| format!("in the model alone: {line}")));
    differences.extend(found.difference(&expected).map(|line| format!("on the stand-in alone: {line}")));
    differences
}

impl Replay<'_> {
    /// A user keeps its id, whatever it is called, and no other user ever has it.
    fn changed_ids(&mut self, expected: &WarehouseFacts, found: &WarehouseFacts) -> Vec<Difference> {
        let mut changed = Vec::new();
        for (name, id) in &expected.users {
            let Some(real) = found.users.get(name) else { continue };
            let known = self.ids.entry(id.clone()).or_insert_with(|| real.clone());
            if known != real {
                changed.push(format!("{name} has the id {real} on the stand-in, which was {known} before"));
            }
        }
        changed
    }
}

/// Somewhere to look: the simulated warehouse, or the stand-in.
trait Place {
    type Session: Session;

    /// A connection as an account that sets things up.
    async fn enter(&self, admin: Power, database: &str) -> Self::Session;

    /// A connection as anybody.
    async fn enter_as(&self, user: &str, database: &str) -> Self::Session;
}

impl Place for Server {
    type Session = Connection;

    async fn enter(&self, admin: Power, database: &str) -> Connection {
        Self::enter(self, admin, database).await
    }

    async fn enter_as(&self, user: &str, database: &str) -> Connection {
        let session = Self::enter(self, Power::Superuser, database).await;
        execute(&session, format!("SET SESSION AUTHORIZATION {user}")).await.unwrap();
        session
    }
}

/// A look at the simulated warehouse, between two steps.
struct Glance<'a> {
    warehouse: &'a Warehouse,
    user: u32,
    database: String,
}

impl Session for Glance<'_> {
    async fn query(&self, statement: &Statement) -> Result<Vec<Row>, StatementError> {
        rows::answer(self.warehouse, self.user, &self.database, statement).map_err(|message| {
            let error = ServerError { sqlstate: "XX000", message: &message, detail: "" };
            let failure = StatementFailure::refused(error, &Confidential::default());
            StatementError { statement: statement.name(), failure }
        })
    }
}

impl<'a> Place for &'a Warehouse {
    type Session = Glance<'a>;

    async fn enter(&self, admin: Power, database: &str) -> Glance<'a> {
        self.enter_as(admin.name(), database).await
    }

    async fn enter_as(&self, user: &str, database: &str) -> Glance<'a> {
        Glance { warehouse: self, user: self.users[user].id, database: database.to_owned() }
    }
}

impl Look {
    async fn at(place: &impl Place, model: &Warehouse) -> Self {
        let initial = place.enter(model.admin, INITIAL).await;
        let facts = look::warehouse(&initial, &setup()).await.unwrap();
        let mut found = Self {
            databases: BTreeMap::new(),
            members: BTreeMap::new(),
            database_grants: BTreeMap::new(),
            ties: BTreeSet::new(),
            facts,
        };
        for role in model.roles.keys() {
            let members = look::members(&initial, role, "").await.unwrap();
            found.members.insert(role.clone(), found.facts.all_grants(members));
            let grants = look::database_grants_to_role(&initial, role).await.unwrap();
            found.database_grants.insert(role.clone(), found.facts.all_grants(grants));
        }
        found.ties = ties(model, &found.facts, &look::database_acls(&initial).await.unwrap());
        for name in found.facts.databases.keys() {
            let session = place.enter(model.admin, name).await;
            let mut there = InDatabase { contents: look::contents(&session).await.unwrap(), ..InDatabase::default() };
            there.views = views(look::views_that_speak_of_us(&session).await.unwrap());
            for role in model.roles.keys() {
                let grants = look::grants_to_role(&session, role).await.unwrap();
                there.grants.insert(role.clone(), found.facts.all_grants(grants));
            }
            let session = place.enter(Power::Superuser, name).await;
            there.registry = look::registry(&session, name).await.unwrap().ok();
            if let Some((registry, account)) = there.registry.clone().zip(account_of(model, name)) {
                let session = place.enter_as(account, name).await;
                there.watched = Some(look::watched(&session, registry, account).await.unwrap());
            }
            found.databases.insert(name.clone(), there);
        }
        found
    }

    /// All of it, a line each.
    fn lines(&self, model: &Warehouse) -> BTreeSet<String> {
        let facts = &self.facts;
        let users = Users(&facts.users);
        let mut lines = BTreeSet::from([
            format!("the account that looks: {:?}", facts.account),
            format!("case-sensitive identifiers: {:?}", facts.case_sensitive_identifiers),
            format!("everybody may use the language: {:?}", facts.language_is_public),
            format!("databases that can be granted: {:?}", facts.grantable_databases),
        ]);
        lines.extend(facts.users.keys().filter(|user| !is_of_the_system(user)).map(|user| format!("user {user}")));
        lines.extend(facts.databases.iter().map(|(name, owner)| format!("database {name} of {}", users.name(owner))));
        if let Seen::Yes(roles) = &facts.roles {
            let roles = roles.iter().filter(|(role, _)| !is_of_the_system(role));
            lines.extend(roles.map(|(role, owner)| format!("role {role} of {owner}")));
        }
        if let Seen::Yes(held) = &facts.held {
            let held = held.iter().filter(|it| ["sys:secadmin", "ACCESS SYSTEM TABLE"].contains(&it.as_str()));
            lines.extend(held.map(|held| format!("held: {held}")));
        }
        lines.extend(self.members.iter().map(|(role, members)| format!("members of {role}: {}", told(members))));
        let grants = self.database_grants.iter();
        lines.extend(grants.map(|(role, grants)| format!("granted to {role} on databases: {}", told(grants))));
        lines.extend(self.ties.iter().cloned());
        for (database, there) in &self.databases {
            let here = there.lines(model, &users);
            lines.extend(here.into_iter().map(|line| format!("{database}: {line}")));
        }
        lines
    }
}

impl InDatabase {
    fn lines(&self, model: &Warehouse, users: &Users<'_>) -> Vec<String> {
        let mut lines = of_contents(&self.contents, model, users);
        lines.extend(self.views.iter().cloned());
        lines.extend(self.grants.iter().map(|(role, grants)| format!("granted to {role}: {}", told(grants))));
        lines.extend(self.registry.iter().map(|registry| format!("{registry:?}")));
        if let Some(watched) = &self.watched {
            let Watched {
                registry,
                contents,
                own_roles,
                keys,
                collation,
                isolation,
                database,
                definitions,
                account_name,
                account,
                claim,
            } = watched;
            let seen = of_contents(contents, model, users);
            lines.extend(seen.into_iter().map(|line| format!("seen by the account: {line}")));
            lines.push(format!("seen by the account: {own_roles:?}, {keys} keys, {collation:?}, {isolation:?}"));
            let named = [account, claim].map(|id| id.as_ref().map(|id| users.name(id)));
            lines.push(format!("seen by the account {account_name}: {named:?}"));
            // A server shows texts that no model has; both tell which of them can be seen. Of the database, what is granted in it stands
            // above.
            let _ = (registry, definitions, database);
        }
        lines
    }
}

fn of_contents(contents: &Contents, model: &Warehouse, users: &Users<'_>) -> Vec<String> {
    let Contents { schemas, relations, routines, default_privileges } = contents;
    let names: Vec<_> = model.users.keys().chain(model.roles.keys()).collect();
    let held_by = |owner: &str, acl: &Acl| {
        let holders = names.iter().map(|name| name.as_str()).filter(|name| *name != owner && acl.names(name));
        let public = acl.names("").then_some("PUBLIC");
        format!("of {owner}, held by {:?}", holders.chain(public).collect::<Vec<_>>())
    };
    let line = |what: String, owner: &UserId, acl: &Acl| format!("{what} {}", held_by(users.name(owner), acl));
    let mut lines = Vec::new();
    for schema in schemas.iter().filter(|schema| !is_of_the_system(&schema.name)) {
        lines.push(line(format!("schema {}", schema.name), &schema.owner, &schema.acl));
    }
    for relation in relations {
        let what = format!("relation {}.{}", relation.schema, relation.name);
        lines.push(line(what, &relation.owner, &relation.acl));
    }
    for routine in routines {
        lines.push(line(format!("routine {}.{}", routine.schema, routine.name), &routine.owner, &routine.acl));
    }
    for default in default_privileges {
        lines.push(line(format!("default privileges in {:?}", default.schema), &default.owner, &default.acl));
    }
    lines
}

/// The users of a warehouse, by their names.
struct Users<'a>(&'a BTreeMap<String, UserId>);

impl Users<'_> {
    fn name(&self, id: &UserId) -> &str {
        self.0.iter().find(|(_, known)| *known == id).map_or("nobody", |(name, _)| name.as_str())
    }
}

/// That a view speaks of ours is what a definition is looked up for.
fn views(found: Seen<Vec<(String, String)>>) -> BTreeSet<String> {
    let Seen::Yes(views) = found else { return BTreeSet::from(["no view can be seen".to_owned()]) };
    let speaks = |definition: &str| definition.contains("immuta_system.user_profile");
    views.into_iter().map(|(view, text)| format!("the view {view} speaks of ours: {}", speaks(&text))).collect()
}

/// Who holds something on which database, and of whom.
fn ties(model: &Warehouse, facts: &WarehouseFacts, acls: &[DatabaseAcl]) -> BTreeSet<String> {
    let users = Users(&facts.users);
    let mut ties = BTreeSet::new();
    for DatabaseAcl { database, owner, acl } in acls {
        let owner = users.name(owner);
        let holders = model.users.keys().chain(model.roles.keys()).filter(|name| *name != owner && acl.names(name));
        let known = holders.filter(|name| is_known_to_both(name, database));
        ties.extend(known.map(|name| format!("{name} holds something on {database} of {:?}", acl.grantors_to(name))));
    }
    ties
}

/// Why something isn't seen is told in the same words by the same function.
fn told<T: std::fmt::Debug>(seen: &Seen<T>) -> String {
    format!("{seen:?}")
}
