//! What others do to views, and to what these read.

use std::collections::{BTreeMap, BTreeSet};

use super::super::histories::SLOTS;
use super::super::others::TAMPERED;
use super::super::warehouse::{Database, Kind, Maker, Object, Role, Warehouse};
use super::super::world::World;
use super::access;
use super::histories::{ROLE, USER, VIEWS};
use super::tables::{self, COLUMNS, TABLES};
use crate::api::RedshiftDataSource;

/// Somebody to whom others grant what is ours, and who has a profile that no resource asks for.
pub const STRANGER: &str = "stranger";

const SOMEBODY: u32 = 2;

#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// A schema with the name of one of ours.
    TakeSchema(usize),
    /// A table with the name of one of our views.
    TakeView(usize),
    /// A table beside our views.
    TableBeside(usize),
    /// Our view is granted to somebody else, or to everybody.
    Grant(usize, bool),
    /// What a grant of ours gave is taken back.
    Revoke(usize),
    ReplaceText(usize),
    DropView(usize),
    /// With all that is in it.
    DropSchema(usize),
    /// A view that reads ours, or no more.
    Reader(usize, bool),
    GiveAway(usize),
    /// The table that a view reads is dropped, or there again as it was made.
    Table(usize, bool),
    /// It gets another column.
    AddColumn(usize),
    /// The system account may read it, or may not.
    Readable(usize, bool),
    /// The role that views are granted to is dropped, or there again.
    Role(bool),
    /// A profile of somebody whom no resource names.
    Profile,
    /// An entitlement that no resource gives.
    Forge(usize),
}

fn key(schema: &str, name: &str) -> (String, String) {
    (schema.to_owned(), name.to_owned())
}

fn object(kind: Kind, text: &str) -> Object {
    let text = text.to_owned();
    Object { kind, owner: SOMEBODY, maker: Maker::Others, public: false, grantees: BTreeSet::new(), text }
}

fn table_key(n: usize) -> (String, String, String) {
    let (database, schema, name) = TABLES[n];
    (database.to_owned(), schema.to_owned(), name.to_owned())
}

/// What there is for views to read, and whom they are granted to.
pub fn set_up(warehouse: &mut Warehouse) {
    warehouse.tables = tables::all();
    give_role(warehouse);
}

fn give_role(warehouse: &mut Warehouse) {
    let role = Role { owner: SOMEBODY, maker: Maker::Others, members: BTreeMap::new(), in_service: false };
    warehouse.roles.entry(ROLE.to_owned()).or_insert(role);
}

fn drop_role(warehouse: &mut Warehouse) {
    warehouse.roles.remove(ROLE);
    for object in warehouse.databases.values_mut().flat_map(|database| database.objects.values_mut()) {
        object.grantees.remove(ROLE);
    }
}

/// The databases with a registry.
fn managed(warehouse: &mut Warehouse) -> impl Iterator<Item = &mut Database> {
    warehouse.databases.values_mut().filter(|database| database.registry.is_some())
}

impl Deed {
    pub fn is_done(self, world: &mut World) {
        match self {
            Self::Table(n, is_there) => {
                world.warehouse.tables.remove(&table_key(n));
                if is_there {
                    world.warehouse.tables.insert(table_key(n), tables::all()[&table_key(n)].clone());
                }
            }
            Self::AddColumn(n) => {
                if let Some(table) = world.warehouse.tables.get_mut(&table_key(n)) {
                    table.columns = COLUMNS.to_vec();
                }
            }
            Self::Readable(n, is_readable) => {
                if let Some(table) = world.warehouse.tables.get_mut(&table_key(n)) {
                    table.is_readable = is_readable;
                }
            }
            Self::Role(true) => give_role(&mut world.warehouse),
            Self::Role(false) => drop_role(&mut world.warehouse),
            _ => managed(&mut world.warehouse).for_each(|database| self.is_done_in(database)),
        }
        world.watch.is_forged |= matches!(self, Self::Forge(_));
        world.watch.keeps_schemas |= matches!(self, Self::TableBeside(_) | Self::TakeView(_) | Self::GiveAway(_));
        if let Self::Grant(n, to_all) = self {
            let grantee = if to_all { access::PUBLIC } else { STRANGER };
            world.watch.given.insert((key(VIEWS[n].0, VIEWS[n].1), grantee.to_owned()));
        }
        world.somebody_else_has_acted(None);
    }

    fn is_done_in(self, database: &mut Database) {
        let objects = &mut database.objects;
        let ours = |object: &&mut Object| object.maker != Maker::Others;
        let view_of = |n: usize| key(VIEWS[n].0, VIEWS[n].1);
        match self {
            Self::TakeSchema(n) => {
                objects.entry(key(VIEWS[n].0, "")).or_insert_with(|| object(Kind::Schema, ""));
            }
            Self::TakeView(n) if objects.contains_key(&key(VIEWS[n].0, "")) => {
                objects.entry(view_of(n)).or_insert_with(|| object(Kind::Relation, ""));
            }
            Self::TableBeside(n) if objects.contains_key(&key(VIEWS[n].0, "")) => {
                objects.insert(key(VIEWS[n].0, "beside"), object(Kind::Relation, ""));
            }
            Self::Grant(n, to_all) => {
                if let Some(view) = objects.get_mut(&view_of(n)).filter(ours) {
                    if to_all {
                        view.public = true;
                    } else {
                        view.grantees.insert(STRANGER.to_owned());
                    }
                }
            }
            Self::Revoke(n) => {
                if let Some(view) = objects.get_mut(&view_of(n)).filter(ours) {
                    view.grantees.remove(USER);
                    view.grantees.remove(ROLE);
                }
            }
            Self::ReplaceText(n) => {
                if let Some(view) = objects.get_mut(&view_of(n)).filter(ours) {
                    TAMPERED.clone_into(&mut view.text);
                }
            }
            Self::DropView(n) => drop(objects.remove(&view_of(n))),
            Self::DropSchema(n) => objects.retain(|(schema, _), _| schema != VIEWS[n].0),
            Self::Reader(n, is_there) => {
                let (schema, name) = VIEWS[n];
                objects.remove(&key("public", &format!("reader_{n}")));
                if is_there {
                    let text = format!("SELECT * FROM {schema}.{name}");
                    objects.insert(key("public", &format!("reader_{n}")), object(Kind::View, &text));
                }
            }
            Self::GiveAway(n) => {
                if let Some(view) = objects.get_mut(&view_of(n)).filter(ours) {
                    (view.owner, view.maker) = (SOMEBODY, Maker::Others);
                }
            }
            Self::Profile if objects.contains_key(&key("immuta_system", "entitlement")) => {
                let row = [STRANGER, "[\"staff\"]", "{}"].map(str::to_owned);
                if !database.policy.profiles.contains(&row) {
                    database.policy.profiles.push(row);
                }
            }
            Self::Forge(n) if objects.contains_key(&key("immuta_system", "entitlement")) => {
                let (_, user) = super::histories::PROFILES[n];
                database.policy.entitlements.push([user, "g", "", "audit"].map(str::to_owned));
            }
            _ => {}
        }
    }
}

/// Others take back all that stands in the way.
pub fn clear_up(world: &mut World) {
    let warehouse = &mut world.warehouse;
    warehouse.tables = tables::all();
    // A role that nobody names any more stays away.
    let names_role = |source: &RedshiftDataSource| {
        source.metadata.deletion_timestamp.is_none() && access::granted_by(source).contains(ROLE)
    };
    if world.clusters.iter().any(|cluster| cluster.all().iter().any(names_role)) {
        give_role(warehouse);
    }
    for database in managed(warehouse) {
        database.objects.retain(|_, object| object.maker != Maker::Others);
    }
    for cluster in &mut world.clusters {
        for (_, name, _) in SLOTS {
            cluster.edit(name, |resource| {
                resource.spec.suspend = false;
                resource.spec.config.policy_views.enabled = true;
            });
        }
    }
}
