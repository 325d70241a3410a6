//! Who sees what through views: what there is, and what resources ask for. Nothing of it is taken from the operator.

use std::collections::{BTreeMap, BTreeSet};

use super::super::warehouse::{Object, Warehouse};
use super::tables::{COLUMNS, Shown, Subscribed};
use super::{NAME, Policy, SCHEMA, Source};
use crate::api::{Grantee, RedshiftDataSource, RedshiftUserProfile, Restriction, UnlistedColumns};

/// Of one view: to whom it is granted, whose profile lets rows through, and which column is shown.
pub type Seen = BTreeSet<(String, String, String)>;

/// Of each user, the rows of `immuta_system.entitlement`, without where they come from: kind and value.
pub type Profiles = BTreeMap<String, BTreeSet<(String, String)>>;

/// Schema and name of a view.
pub type ViewName = (String, String);

/// As grants to everybody are called here.
pub const PUBLIC: &str = "PUBLIC";

/// The profiles that the warehouse holds.
pub fn held(policy: &Policy) -> Profiles {
    let mut profiles = Profiles::new();
    for [user, kind, _, value] in &policy.entitlements {
        profiles.entry(user.clone()).or_default().insert((kind.clone(), value.clone()));
    }
    profiles
}

/// What a resource says that a user has.
pub fn rows_of(profile: &RedshiftUserProfile) -> BTreeSet<(String, String)> {
    let groups = profile.spec.groups.iter().map(|group| ("g".to_owned(), group.clone()));
    groups.chain([("u".to_owned(), profile.spec.user.clone())]).collect()
}

/// The profiles that resources ask for: who is named twice has none.
pub fn wanted_profiles(resources: &[RedshiftUserProfile]) -> Profiles {
    let mut profiles: BTreeMap<String, Vec<_>> = BTreeMap::new();
    for profile in resources.iter().filter(|it| it.metadata.deletion_timestamp.is_none()) {
        profiles.entry(profile.spec.user.clone()).or_default().push(rows_of(profile));
    }
    profiles.into_iter().filter(|(_, all)| all.len() == 1).map(|(user, mut all)| (user, all.remove(0))).collect()
}

fn lets_through(subscribed: &Subscribed, user: &str, rows: &BTreeSet<(String, String)>) -> bool {
    match subscribed {
        Subscribed::Nobody => false,
        Subscribed::Anyone => rows.contains(&("u".to_owned(), user.to_owned())),
        Subscribed::Groups(groups) => groups.iter().any(|group| rows.contains(&("g".to_owned(), group.clone()))),
    }
}

fn all_of(
    grantees: BTreeSet<String>,
    subscribed: &Subscribed,
    columns: &BTreeSet<String>,
    profiles: &Profiles,
) -> Seen {
    let users: Vec<_> = profiles.iter().filter(|(user, rows)| lets_through(subscribed, user, rows)).collect();
    let mut seen = Seen::new();
    for grantee in grantees {
        for (user, _) in &users {
            seen.extend(columns.iter().map(|column| (grantee.clone(), (*user).clone(), column.clone())));
        }
    }
    seen
}

/// Who may read something.
pub fn grantees_of(object: &Object) -> BTreeSet<String> {
    object.grantees.iter().cloned().chain(object.public.then(|| PUBLIC.to_owned())).collect()
}

/// Who sees what through a view.
pub fn through(warehouse: &Warehouse, managed: &str, view: &Object, profiles: &Profiles) -> Seen {
    let Some(shown) = Shown::read(&view.text, managed) else { return Seen::new() };
    // A view reads with the rights of its owner.
    if warehouse.read_table(&shown.table, shown.stored.clone()).is_err() {
        return Seen::new();
    }
    all_of(grantees_of(view), &shown.subscribed, &shown.stored, profiles)
}

/// To whom a data source grants its view.
pub fn granted_by(source: &RedshiftDataSource) -> BTreeSet<String> {
    let name = |it: &Grantee| it.role.clone().or_else(|| it.user.clone()).unwrap_or_else(|| PUBLIC.to_owned());
    source.spec.grant_select_to.iter().map(name).collect()
}

/// Who is subscribed to a data source.
pub fn subscribed_to(source: &RedshiftDataSource) -> Subscribed {
    match source.spec.subscription.restriction {
        Restriction::Nobody => Subscribed::Nobody,
        Restriction::Anyone => Subscribed::Anyone,
        Restriction::Entitlements => {
            let entitlements = source.spec.subscription.entitlements.clone().unwrap_or_default();
            Subscribed::Groups(entitlements.groups.into_iter().collect())
        }
    }
}

/// The columns that a data source shows, of those that its table can have.
pub fn columns_of(source: &RedshiftDataSource) -> BTreeSet<String> {
    if source.spec.unlisted_columns == UnlistedColumns::Show {
        return COLUMNS.map(|(name, _)| name.to_owned()).into();
    }
    source.spec.columns.iter().map(|column| column.name.clone()).collect()
}

/// Who is to see what of a data source.
pub fn wanted_of(source: &RedshiftDataSource, profiles: &Profiles) -> Seen {
    all_of(granted_by(source), &subscribed_to(source), &columns_of(source), profiles)
}

/// The name of the view that a row of `immuta_system.data_source` is about.
pub fn name_of(row: &Source) -> ViewName {
    (row[SCHEMA].clone(), row[NAME].clone())
}

/// The name of a data source's view; here each says it.
pub fn view_of(source: &RedshiftDataSource) -> ViewName {
    let view = source.spec.view.clone().unwrap();
    (view.schema.unwrap(), view.name.unwrap())
}
