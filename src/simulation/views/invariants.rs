//! What must hold at every step of a pass on views: nobody sees more than before it or than is wanted, and no profile is half there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::histories::place_of;
use super::super::warehouse::{Kind, Object, Warehouse};
use super::super::world::World;
use super::UID;
use super::access::{self, Seen, ViewName};
use super::others::STRANGER;
use crate::api::{DeletionPolicy, RedshiftDataSource, RedshiftIntegration};
use crate::ports::PolicyResources;

/// What a pass under way has found.
#[derive(Debug, Default)]
pub struct Found {
    /// Who saw what through our views, before the pass or by what others have done since.
    before: BTreeMap<ViewName, Seen>,
    /// Who is to see what.
    wanted: BTreeMap<ViewName, Seen>,
    /// Our views as they were.
    views: BTreeMap<ViewName, Object>,
    /// Views that stay as they are for a reason that the resource tells of, or that nobody keeps.
    left_alone: BTreeSet<ViewName>,
    /// Whether a statement was refused: what waits doesn't hold up the rest.
    has_refused: bool,
}

/// What passes on views are held to.
#[derive(Debug, Default)]
pub struct Watch {
    /// By slot.
    pub passes: BTreeMap<usize, Found>,
    /// What was ever wanted of each user.
    pub versions: BTreeMap<String, Vec<BTreeSet<(String, String)>>>,
    /// Data sources that were ever to leave their views.
    pub retained: BTreeSet<String>,
    /// All data sources that there ever were: clusters and UIDs.
    pub uids: BTreeSet<(usize, String)>,
    /// What others have granted of our views, and to whom.
    pub given: BTreeSet<(ViewName, String)>,
    /// Whether a schema couldn't be dropped: then it stays, and nobody's data source answers for it.
    pub keeps_schemas: bool,
    /// Whether others have written profiles.
    pub is_forged: bool,
}

/// The managed database of an integration.
fn managed(resource: &RedshiftIntegration) -> Option<&str> {
    Some(resource.status.as_ref()?.created.as_ref()?.database.as_str())
}

/// Our views in a database.
pub fn views_of<'w>(warehouse: &'w Warehouse, managed: &str, uid: &str) -> BTreeMap<ViewName, &'w Object> {
    let objects = warehouse.databases.get(managed).into_iter().flat_map(|database| &database.objects);
    let ours = objects.filter(|(_, object)| object.kind == Kind::View && object.maker.is(uid));
    ours.map(|(name, object)| (name.clone(), object)).collect()
}

fn seen_now(warehouse: &Warehouse, managed: &str, uid: &str) -> BTreeMap<ViewName, Seen> {
    let Some(database) = warehouse.databases.get(managed) else { return BTreeMap::new() };
    let profiles = access::held(&database.policy);
    let views = views_of(warehouse, managed, uid).into_iter();
    views.map(|(name, view)| (name, access::through(warehouse, managed, view, &profiles))).collect()
}

/// Whether its status says that something is in the way.
fn is_in_trouble(source: &RedshiftDataSource) -> bool {
    let conditions = source.status.iter().flat_map(|status| &status.conditions);
    conditions.clone().any(|it| it.type_ != "Ready" && it.status == "True")
}

fn wanted(resources: &PolicyResources) -> (BTreeMap<ViewName, Seen>, BTreeSet<ViewName>) {
    let profiles: Vec<_> = resources.profiles.iter().map(|it| (**it).clone()).collect();
    let profiles = access::wanted_profiles(&profiles);
    let mut wanted: BTreeMap<ViewName, Seen> = BTreeMap::new();
    let mut left_alone = BTreeSet::new();
    for source in &resources.data_sources {
        let is_deleted = source.is_deleted();
        let source = &source.with_status(source.status.clone());
        if is_deleted {
            // Who has a profile sees what he may through a view that is left, too.
            let is_left = source.spec.deletion_policy == DeletionPolicy::Retain;
            left_alone.extend(is_left.then(|| access::view_of(source)));
            continue;
        }
        if source.spec.suspend || is_in_trouble(source) {
            left_alone.insert(access::view_of(source));
        }
        if !source.spec.suspend {
            wanted.entry(access::view_of(source)).or_default().extend(access::wanted_of(source, &profiles));
        }
    }
    (wanted, left_alone)
}

impl World {
    /// A pass on views begins.
    pub fn watch_pass(&mut self, slot: usize) {
        let (cluster, name) = place_of(slot);
        let resource = self.clusters[cluster].told(name).cloned();
        self.slots[slot].resource.clone_from(&resource);
        let Some(resource) = resource else { return };
        let (uid, managed) =
            (resource.metadata.uid.clone().unwrap_or_default(), managed(&resource).unwrap_or_default());
        let resources = self.clusters[cluster].policy_resources(name);
        // The last view of a schema goes, one that is to come keeps it, and then doesn't come: nobody knows any more who made it.
        self.watch.keeps_schemas |= resources.data_sources.len() > 1;
        let (wanted, mut left_alone) = wanted(&resources);
        let views = views_of(&self.warehouse, managed, &uid);
        left_alone.extend(views.keys().filter(|name| !wanted.contains_key(*name)).cloned());
        // One that a data source of another cluster has left keeps its name, whoever wants that.
        let uids: BTreeSet<_> = resources.data_sources.iter().filter_map(|it| it.metadata.uid.as_ref()).collect();
        let rows = self.warehouse.databases.get(managed).into_iter().flat_map(|database| &database.policy.sources);
        left_alone.extend(rows.filter(|row| !uids.contains(&row[UID])).map(access::name_of));
        let found = Found {
            before: seen_now(&self.warehouse, managed, &uid),
            wanted,
            views: views.into_iter().map(|(name, view)| (name, view.clone())).collect(),
            left_alone,
            has_refused: false,
        };
        self.watch.passes.insert(slot, found);
    }

    /// Somebody else than a slot's pass has changed something: that isn't the pass's to answer for.
    pub fn somebody_else_has_acted(&mut self, but: Option<usize>) {
        let mut passes = std::mem::take(&mut self.watch.passes);
        for (slot, found) in passes.iter_mut().filter(|(slot, _)| Some(**slot) != but) {
            let Some(resource) = &self.slots[*slot].resource else { continue };
            let uid = resource.metadata.uid.clone().unwrap_or_default();
            for (view, seen) in seen_now(&self.warehouse, managed(resource).unwrap_or_default(), &uid) {
                found.before.entry(view).or_default().extend(seen);
            }
        }
        self.watch.passes = passes;
    }

    /// A statement of a pass was refused.
    pub fn a_statement_was_refused(&mut self, slot: usize, name: &str) {
        self.watch.keeps_schemas |= name == "drop-view-schema";
        if let Some(found) = self.watch.passes.get_mut(&slot) {
            found.has_refused = true;
        }
    }

    /// What a pass on views has broken by what it has just done.
    pub fn broken_by_views(&self, slot: usize) -> Vec<String> {
        let (Some(found), Some(resource)) = (self.watch.passes.get(&slot), &self.slots[slot].resource) else {
            return Vec::new();
        };
        let (uid, managed) = (resource.metadata.uid.clone().unwrap_or_default(), managed(resource).unwrap_or_default());
        let views = views_of(&self.warehouse, managed, &uid);
        let mut broken = Vec::new();
        // What others have forged opens what is opened.
        if self.watch.is_forged {
            return broken;
        }
        for (name, seen) in seen_now(&self.warehouse, managed, &uid) {
            let is_as_it_was = found.views.get(&name) == views.get(&name).copied();
            if is_as_it_was && (found.has_refused || found.left_alone.contains(&name)) {
                continue;
            }
            let may = |it: &&(String, String, String)| {
                self.watch.given.contains(&(name.clone(), it.0.clone()))
                    || [&found.before, &found.wanted]
                        .iter()
                        .any(|all| all.get(&name).is_some_and(|seen| seen.contains(*it)))
            };
            if let Some(more) = seen.iter().find(|it| !may(it)) {
                broken.push(format!("{name:?}: {more:?} sees what neither the old nor the new wish gives"));
            }
        }
        broken.extend(self.half_a_profile(managed));
        broken
    }

    /// All that was wanted of a user once, nothing, or what stays of it on the way to something else.
    fn half_a_profile(&self, managed: &str) -> Option<String> {
        let policy = &self.warehouse.databases.get(managed)?.policy;
        for (user, rows) in access::held(policy) {
            let number = policy.entitlements.iter().filter(|row| row[0] == user).count();
            let profiles = policy.profiles.iter().filter(|row| row[0] == user).count();
            let versions = self.watch.versions.get(&user).map(Vec::as_slice).unwrap_or_default();
            let is_one = versions.contains(&rows);
            let mut pairs = versions.iter().flat_map(|one| versions.iter().map(move |other| (one, other)));
            let mut is_between = || pairs.any(|(one, other)| one.intersection(other).eq(rows.iter()));
            if number != rows.len() || profiles != 1 || !(is_one || is_between()) {
                return Some(format!("half a profile of {user}: {rows:?}, {number} rows, {profiles} profiles"));
            }
        }
        None
    }
}

impl Warehouse {
    /// What is others' of what views read, and of the profiles: as [`Self::of_others_than`] has it.
    pub fn others_of_views(&self) -> impl Iterator<Item = String> {
        let tables = self.tables.iter().map(|(name, table)| format!("table {name:?} {table:?}"));
        let profiles = self.databases.values().flat_map(|database| &database.policy.profiles);
        let strangers = profiles.filter(|row| row[0] == STRANGER).map(|row| format!("profile {row:?}"));
        tables.chain(strangers)
    }
}
