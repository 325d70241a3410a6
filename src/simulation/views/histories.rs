//! What users do with data sources and profiles.

use serde_json::{Value, json};

use super::super::kubernetes::{DATA_SOURCE, NAMESPACE, PROFILE};
use super::super::world::World;
use super::access;
use super::tables::{COLUMNS, TABLES};
use crate::api::{RedshiftDataSource, RedshiftUserProfile};
use crate::ports::Creation;

/// The views that a data source can be told to have.
pub const VIEWS: [(&str, &str); 3] = [("sales", "orders"), ("sales", "people"), ("shared", "orders")];

/// Data sources: each is called so, is of one of the tables, and wants one of the views in the beginning. Two want the same.
pub const SOURCES: [(&str, usize, usize); 3] = [("orders", 0, 0), ("people", 1, 0), ("events", 2, 2)];

/// Profiles, and whose they are: two are one user's.
pub const PROFILES: [(&str, &str); 3] = [("ann", "ann"), ("bob", "bob"), ("also-ann", "ann")];

pub const GROUPS: [&str; 2] = ["staff", "audit"];

/// The role and the user that views are granted to, beside everybody.
pub const ROLE: &str = "readers";
pub const USER: &str = "analyst";

#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Applies a data source.
    Apply(usize),
    Delete(usize),
    /// Says who is subscribed: nobody, anyone, or groups.
    Subscribe(usize, u8),
    /// Says to whom the view is granted: a bit for each.
    Grant(usize, u8),
    /// Says which columns are listed beside the first, and whether others are shown: a bit for each.
    Columns(usize, u8),
    Suspend(usize, bool),
    Retain(usize, bool),
    /// Gives the view another name.
    Rename(usize, usize),
    /// Applies a profile, with groups: a bit for each.
    Profile(usize, u8),
    DeleteProfile(usize),
}

fn chosen<T: Clone>(all: &[T], bits: u8) -> Vec<T> {
    all.iter().enumerate().filter(|(n, _)| bits & (1 << n) != 0).map(|(_, it)| it.clone()).collect()
}

fn subscription(choice: u8) -> Value {
    match choice {
        0 => json!({"restriction": "Nobody"}),
        1 => json!({"restriction": "Anyone"}),
        bits => json!({"restriction": "Entitlements", "entitlements": {"groups": chosen(&GROUPS, bits - 1)}}),
    }
}

/// So many subscriptions there are.
pub const SUBSCRIPTIONS: u8 = 5;

fn grants(bits: u8) -> Value {
    json!(chosen(&[json!({"role": ROLE}), json!({"user": USER}), json!({"public": true})], bits))
}

fn columns(bits: u8) -> Value {
    let listed = chosen(&COLUMNS[1..3], bits);
    let names = COLUMNS[..1].iter().chain(&listed).map(|(name, _)| json!({"name": name}));
    Value::Array(names.collect())
}

fn view(n: usize) -> Value {
    let (schema, name) = VIEWS[n];
    json!({"schema": schema, "name": name})
}

fn data_source(n: usize) -> RedshiftDataSource {
    let (name, table, wanted) = SOURCES[n];
    let (database, schema, table) = TABLES[table];
    let object = json!({
        "apiVersion": "redshift-governance.dev/v1alpha1", "kind": DATA_SOURCE, "metadata": {"name": name},
        "spec": {
            "integrationRef": {"name": "a"}, "table": {"database": database, "schema": schema, "name": table},
            "view": view(wanted), "columns": columns(1), "subscription": subscription(2), "grantSelectTo": grants(1),
        },
    });
    serde_json::from_value(object).unwrap()
}

fn profile(n: usize, groups: u8) -> RedshiftUserProfile {
    let (name, user) = PROFILES[n];
    let object = json!({
        "apiVersion": "redshift-governance.dev/v1alpha1", "kind": PROFILE, "metadata": {"name": name},
        "spec": {"integrationRef": {"name": "a"}, "user": user, "groups": chosen(&GROUPS, groups)},
    });
    serde_json::from_value(object).unwrap()
}

impl Action {
    pub fn is_done(self, world: &mut World, cluster: usize) {
        let now = world.now();
        let there = &mut world.clusters[cluster];
        match self {
            Self::Apply(n) => {
                let mut object = serde_json::to_value(data_source(n)).unwrap();
                object["metadata"]["namespace"] = json!(NAMESPACE);
                if let Ok(created) = there.create(DATA_SOURCE, object, Creation::Real, now) {
                    let uid = created["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
                    world.watch.uids.insert((cluster, uid));
                }
            }
            Self::Delete(n) => drop(there.delete(DATA_SOURCE, SOURCES[n].0, None, now)),
            Self::Profile(n, groups) => {
                let object = profile(n, groups);
                let versions = world.watch.versions.entry(object.spec.user.clone()).or_default();
                versions.push(access::rows_of(&object));
                if there.create_object(&object, now).is_err() {
                    let groups = json!(object.spec.groups);
                    there.edit_spec(PROFILE, PROFILES[n].0, |spec| spec["groups"] = groups);
                }
            }
            Self::DeleteProfile(n) => drop(there.delete(PROFILE, PROFILES[n].0, None, now)),
            Self::Subscribe(n, choice) => edit(world, cluster, n, "subscription", subscription(choice)),
            Self::Grant(n, bits) => edit(world, cluster, n, "grantSelectTo", grants(bits)),
            Self::Columns(n, bits) => {
                let unlisted = if bits & 4 == 0 { "MakeNull" } else { "Show" };
                edit(world, cluster, n, "columns", columns(bits));
                edit(world, cluster, n, "unlistedColumns", json!(unlisted));
            }
            Self::Suspend(n, suspend) => edit(world, cluster, n, "suspend", json!(suspend)),
            Self::Rename(n, name) => edit(world, cluster, n, "view", view(name)),
            Self::Retain(n, retain) => {
                let policy = if retain { "Retain" } else { "Delete" };
                edit(world, cluster, n, "deletionPolicy", json!(policy));
                let object = world.clusters[cluster].get(DATA_SOURCE, SOURCES[n].0);
                let uid = object.and_then(|it| it["metadata"]["uid"].as_str()).filter(|_| retain).map(str::to_owned);
                world.watch.retained.extend(uid);
            }
        }
    }
}

fn edit(world: &mut World, cluster: usize, source: usize, field: &str, value: Value) {
    world.clusters[cluster].edit_spec(DATA_SOURCE, SOURCES[source].0, |spec| {
        // As the server keeps it: what is empty isn't there.
        let is_empty = field == "grantSelectTo" && value.as_array().is_some_and(Vec::is_empty);
        if is_empty {
            spec.as_object_mut().unwrap().remove(field);
        } else {
            spec[field] = value;
        }
    });
}
