//! What others do in the warehouse.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::histories::{ACCOUNTS, DATABASES, ROLES};
use super::kubernetes::Cluster;
use super::warehouse::{Database, EXISTING, INITIAL, Kind, Maker, Object, Power, Role, User, Warehouse};
use super::world::World;
use crate::api::{RedshiftIntegration, RedshiftIntegrationStatus};
use crate::lifecycle::UserId;
use crate::scripts::CLAIM_USER;

const SOMEBODY: u32 = 2;

#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// A user with the name of one of ours; the claim's for the last.
    TakeUser(usize),
    TakeRole(usize),
    TakeDatabase(usize),
    /// A table in a database, in one of our schemas or beside them.
    Table {
        database: usize,
        inside: bool,
    },
    /// A view that reads ours.
    Reader(usize),
    /// Our account is granted something, or is made the owner of something.
    Tie {
        account: usize,
        owns: bool,
    },
    /// Our role is granted something in another database.
    GrantToRole(usize),
    /// Somebody is made a member of each of our roles.
    Join,
    Connect(bool),
    /// PUBLIC is let into what is private.
    Expose,
    /// One of our accounts gets another password; the claim for the last.
    ChangePassword(usize),
    /// One of our accounts gets a name that no Secret knows.
    RenameAccount(usize),
    /// One of our roles is dropped.
    DropRole(usize),
    /// What is ours is changed, in one of several ways.
    Tamper(usize),
    /// An older version of the operator has set it up.
    Outdate,
}

/// What others call an account of ours.
pub const ALIAS: &str = "governess";

/// The ways in which what is ours is changed.
pub const TAMPERINGS: usize = 6;

/// The text of what somebody has changed.
pub const TAMPERED: &str = "tampered with";

const VIEW: (&str, &str) = ("immuta_system", "user_profile");
const PROCEDURE: (&str, &str) = ("immuta_procedures", "impersonate_user");

/// What was changed before anything was recorded of it can't be told from what was made.
fn tamper(database: &mut Database, how: usize) {
    let is_recorded = database.registry.as_ref().is_some_and(|registry| registry.definitions.is_some());
    if how < 2 && !is_recorded {
        return;
    }
    let mut change = |(schema, name), change: &dyn Fn(&mut Object)| {
        if let Some(object) = database.objects.get_mut(&key(schema, name)) {
            change(object);
        }
    };
    match how {
        0 => change(VIEW, &|it| TAMPERED.clone_into(&mut it.text)),
        1 => change(PROCEDURE, &|it| TAMPERED.clone_into(&mut it.text)),
        2 => change(VIEW, &|it| it.public = false),
        3 => change(PROCEDURE, &|it| it.public = true),
        4 => change(VIEW, &|it| it.owner = 1),
        _ => change(("immuta_system", "profile"), &|it| {
            it.grantees.insert("analyst".to_owned());
        }),
    }
}

/// What is as it was made was set up by the first version.
fn outdate(warehouse: &mut Warehouse) {
    // The first version knows nothing of policy-enforced views.
    let as_made = |database: &&mut Database| {
        database.objects.iter().all(|((_, name), it)| it.text != TAMPERED && name != "entitlement")
    };
    for registry in warehouse.databases.values_mut().filter(as_made).filter_map(|it| it.registry.as_mut()) {
        registry.schema_version = 1;
        (registry.definitions, registry.claim_user_id) = (None, None);
    }
}

/// Whether anything of ours is still as somebody has changed it.
pub fn is_tampered_with(database: &Database) -> bool {
    let mut restored = database.clone();
    restore(&mut restored);
    restored != *database
}

/// What is ours is as it was made again: only the account that owns it could do so, or a superuser.
fn restore(database: &mut Database) {
    let account = database.objects.get(&key("immuta_system", "registry")).map(|it| it.owner);
    let ours = database.objects.iter_mut().filter(|(_, object)| object.maker != Maker::Others);
    for (name, object) in ours {
        let is_view = *name == key(VIEW.0, VIEW.1);
        object.owner = account.filter(|_| is_view).unwrap_or(object.owner);
        if object.text == TAMPERED {
            MADE.clone_into(&mut object.text);
        }
        if is_view {
            object.public = true;
        } else if object.kind != Kind::Schema {
            object.public = false;
        }
        object.grantees.remove("analyst");
    }
}

/// The text of what we made.
pub const MADE: &str = "as it was made";

fn object(kind: Kind, owner: u32) -> Object {
    Object { kind, owner, maker: Maker::Others, public: false, grantees: BTreeSet::new(), text: String::new() }
}

fn key(schema: &str, name: &str) -> (String, String) {
    (schema.to_owned(), name.to_owned())
}

pub const PLACES: [&str; 4] = [DATABASES[0], DATABASES[1], EXISTING, INITIAL];

impl Deed {
    /// Whether it may not fall between an operator's look and its act: nothing but a lock on the whole
    /// warehouse could close that window.
    pub fn comes_between(self) -> bool {
        !matches!(self, Self::TakeUser(_) | Self::TakeRole(_) | Self::TakeDatabase(_) | Self::Connect(_))
    }

    pub fn is_done(self, world: &mut World) {
        let warehouse = &mut world.warehouse;
        let id = warehouse.take_id();
        match self {
            Self::TakeUser(n) => {
                let name = ACCOUNTS.get(n).copied().unwrap_or(CLAIM_USER);
                if !warehouse.roles.contains_key(name) {
                    let user =
                        User { id, password: Some("others'".to_owned()), maker: Maker::Others, is_closed: false };
                    warehouse.users.entry(name.to_owned()).or_insert(user);
                }
            }
            Self::TakeRole(n) => {
                let role = Role { owner: SOMEBODY, maker: Maker::Others, members: BTreeMap::new(), in_service: false };
                warehouse.roles.entry(ROLES[n].to_owned()).or_insert(role);
            }
            Self::TakeDatabase(n) => {
                let database = Database::new(SOMEBODY, Maker::Others);
                warehouse.databases.entry(DATABASES[n].to_owned()).or_insert(database);
            }
            Self::Table { database, inside } => {
                let schema = if inside { "immuta_system" } else { "public" };
                if let Some(database) = warehouse.databases.get_mut(PLACES[database])
                    && (!inside || database.objects.contains_key(&key(schema, "")))
                {
                    database.objects.insert(key(schema, "orders"), object(Kind::Relation, SOMEBODY));
                }
            }
            Self::Reader(n) => {
                if let Some(database) = warehouse.databases.get_mut(PLACES[n])
                    && database.objects.contains_key(&key("immuta_system", "user_profile"))
                {
                    database.objects.insert(key("public", "mine"), object(Kind::Reader, SOMEBODY));
                }
            }
            Self::Tie { account, owns } => {
                let Some(user) = warehouse.users.get(ACCOUNTS[account]) else { return };
                let mut tied = object(Kind::Relation, if owns { user.id } else { SOMEBODY });
                if !owns {
                    tied.grantees.insert(ACCOUNTS[account].to_owned());
                }
                if let Some(database) = warehouse.databases.get_mut(INITIAL) {
                    database.objects.insert(key("public", "tied"), tied);
                }
            }
            Self::GrantToRole(n) => {
                if warehouse.roles.contains_key(ROLES[n])
                    && let Some(database) = warehouse.databases.get_mut(INITIAL)
                {
                    database.granted_by_others.insert(ROLES[n].to_owned());
                }
            }
            Self::Join => {
                for role in warehouse.roles.values_mut().filter(|role| role.maker != Maker::Others) {
                    role.members.insert("analyst".to_owned(), false);
                }
            }
            Self::Connect(in_use) => {
                for name in DATABASES {
                    if let Some(database) = warehouse.databases.get_mut(name) {
                        database.in_use = in_use;
                    }
                }
            }
            Self::Expose => {
                for database in warehouse.databases.values_mut() {
                    if let Some(profile) = database.objects.get_mut(&key("immuta_system", "profile")) {
                        profile.public = true;
                    }
                }
            }
            Self::ChangePassword(n) => {
                let name = ACCOUNTS.get(n).copied().unwrap_or(CLAIM_USER);
                // Before its id is recorded, nothing but the password proves an account.
                let is_recorded = |id: u32| {
                    let mut accounts = world.clusters.iter().flat_map(super::kubernetes::Cluster::accounts);
                    accounts.any(|(_, _, account)| {
                        let id = UserId::new(id.to_string());
                        account.ids.is_some_and(|ids| ids.claim == id || ids.account == id)
                    })
                };
                if let Some(user) = warehouse.users.get_mut(name).filter(|user| is_recorded(user.id)) {
                    user.password = None;
                }
            }
            Self::RenameAccount(n) => rename_account(warehouse, &world.clusters, ACCOUNTS[n]),
            Self::Tamper(how) => warehouse.databases.values_mut().for_each(|database| tamper(database, how)),
            Self::Outdate => outdate(warehouse),
            Self::DropRole(n) => {
                warehouse.roles.remove(ROLES[n]);
                for database in warehouse.databases.values_mut() {
                    database.granted_by_others.remove(ROLES[n]);
                    for object in database.objects.values_mut() {
                        object.grantees.remove(ROLES[n]);
                    }
                }
            }
        }
    }
}

/// Before an integration is set up, a loss of its proof is told, and mended by a person.
fn rename_account(warehouse: &mut Warehouse, clusters: &[Cluster], name: &str) {
    let is_made_for = |id: u32| {
        clusters.iter().any(|cluster| {
            let set_up = cluster.integrations().filter(|resource| is_set_up(resource));
            let mut ids = set_up.filter_map(|resource| cluster.account(resource)?.ids);
            ids.any(|ids| ids.account == UserId::new(id.to_string()))
        })
    };
    let is_ours = warehouse.users.get(name).is_some_and(|user| is_made_for(user.id));
    if is_ours && !warehouse.users.contains_key(ALIAS) {
        let superuser = warehouse.users[Power::Superuser.name()].id;
        let _ = warehouse.rename_user(superuser, name, ALIAS.to_owned());
    }
}

fn is_set_up(resource: &RedshiftIntegration) -> bool {
    resource.status.as_ref().is_some_and(RedshiftIntegrationStatus::was_enabled)
}

/// Others take back all that they did.
pub fn clear_up(world: &mut World) {
    let warehouse = &mut world.warehouse;
    let names = |name: &String| ACCOUNTS.contains(&name.as_str()) || name == CLAIM_USER;
    warehouse.users.retain(|name, user| user.maker != Maker::Others || !names(name));
    warehouse.roles.retain(|_, role| role.maker != Maker::Others);
    let taken = |name: &String| DATABASES.contains(&name.as_str());
    warehouse.databases.retain(|name, database| database.maker != Maker::Others || !taken(name));
    for database in warehouse.databases.values_mut() {
        database.in_use = false;
        database.granted_by_others.clear();
        database.objects.retain(|_, object| object.maker != Maker::Others);
    }
    warehouse.databases.values_mut().for_each(restore);
}

/// Any of it.
pub fn deeds() -> impl Strategy<Value = Deed> {
    prop_oneof![
        (0..4_usize).prop_map(Deed::TakeUser),
        (0..3_usize).prop_map(Deed::TakeRole),
        (0..2_usize).prop_map(Deed::TakeDatabase),
        (0..4_usize, any::<bool>()).prop_map(|(database, inside)| Deed::Table { database, inside }),
        (0..3_usize).prop_map(Deed::Reader),
        (0..3_usize, any::<bool>()).prop_map(|(account, owns)| Deed::Tie { account, owns }),
        (0..3_usize).prop_map(Deed::GrantToRole),
        Just(Deed::Join),
        any::<bool>().prop_map(Deed::Connect),
        Just(Deed::Expose),
        (0..4_usize).prop_map(Deed::ChangePassword),
        (0..3_usize).prop_map(Deed::DropRole),
    ]
}
