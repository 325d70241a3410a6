//! What must hold when all is done: views, grants and profiles are what the resources say, and nothing more is written.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kube::ResourceExt;

use super::super::histories::{Run, VIEWS, place_of};
use super::super::kubernetes::{Cluster, NAMESPACE};
use super::super::warehouse::{Database, Kind, Object, Warehouse};
use super::access::{self, ViewName, grantees_of, name_of};
use super::invariants::views_of;
use super::others::{self, STRANGER};
use super::tables::Shown;
use super::{GRANTED, SCHEMA, STATE, Source, UID};
use crate::api::{Reason, RedshiftDataSource, RedshiftUserProfile};
use crate::policy::views::Granted;

/// Longer than it takes for texts and entitlements to be looked at once more.
const BETWEEN_LOOKS: Duration = Duration::from_hours(30);

/// What a row says to whom its view is granted.
fn granted(row: &Source) -> BTreeSet<String> {
    let name = |granted| match granted {
        Granted::Role(name) | Granted::Group(name) | Granted::User(name) => name,
        Granted::Public => access::PUBLIC.to_owned(),
    };
    row[GRANTED].lines().filter_map(Granted::parse).map(name).collect()
}

fn is_ready(source: &RedshiftDataSource) -> bool {
    let status = source.status.clone().unwrap_or_default();
    status.observed_generation == source.metadata.generation.unwrap_or_default()
        && status.conditions.iter().all(|it| (it.type_ == "Ready") == (it.status == "True"))
}

/// What its conditions say.
fn brief(source: &RedshiftDataSource) -> String {
    let status = source.status.clone().unwrap_or_default();
    let said = status.conditions.iter().map(|it| format!("{}={} {}: {}", it.type_, it.status, it.reason, it.message));
    format!("{} ({:?}): {}", source.name_any(), status.phase, said.collect::<Vec<_>>().join("; "))
}

fn has_reason(source: &RedshiftDataSource, reason: Reason) -> bool {
    let conditions = source.status.iter().flat_map(|status| &status.conditions);
    conditions.clone().any(|it| it.type_ == "Stalled" && it.status == "True" && it.reason == reason.as_str())
}

/// Whether another has the name that it wants, or had it and left it.
fn is_without_a_name(source: &RedshiftDataSource) -> bool {
    let conditions = source.status.iter().flat_map(|status| &status.conditions);
    let mut stalled = conditions.filter(|it| it.type_ == "Stalled" && it.status == "True");
    has_reason(source, Reason::NameTaken) || stalled.any(|it| it.message.contains("was left by the data source"))
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// What there is, and what is wanted.
struct Rest<'a> {
    warehouse: &'a Warehouse,
    cluster: &'a Cluster,
    uid: String,
    managed: String,
    database: &'a Database,
    sources: Vec<RedshiftDataSource>,
    /// UIDs of data sources whose views may be left.
    retained: BTreeSet<&'a String>,
    /// Whether a schema may be left without a view.
    keeps_schemas: bool,
}

impl Rest<'_> {
    fn check(&self) -> Result<(), String> {
        let going = self.sources.iter().find(|it| it.metadata.deletion_timestamp.is_some());
        ensure(going.is_none(), || format!("it is deleted and still there: {}", brief(going.unwrap())))?;
        self.each_source_has_its_view()?;
        self.each_row_is_somebodys()?;
        self.each_view_has_a_row()?;
        self.schemas_are_open_to_whom_a_view_is_granted()?;
        self.profiles_are_as_wanted()
    }

    fn row_of(&self, view: &ViewName) -> Option<&Source> {
        self.database.policy.sources.iter().find(|row| name_of(row) == *view)
    }

    fn each_source_has_its_view(&self) -> Result<(), String> {
        let mut wanted: BTreeMap<ViewName, Vec<&RedshiftDataSource>> = BTreeMap::new();
        for source in self.sources.iter().filter(|it| !it.spec.suspend) {
            wanted.entry(access::view_of(source)).or_default().push(source);
        }
        for (view, sources) in wanted {
            let (ready, others): (Vec<_>, Vec<_>) = sources.into_iter().partition(|it| is_ready(it));
            let taken = others.iter().all(|it| is_without_a_name(it));
            ensure(taken, || others.iter().map(|it| brief(it)).collect::<Vec<_>>().join("\n"))?;
            let [source] = ready[..] else {
                let row = self.row_of(&view).ok_or_else(|| format!("nobody has {view:?}"))?;
                let holder = self.sources.iter().find(|it| it.uid().as_deref() == Some(&row[UID]));
                let is_kept = holder.is_none_or(|it| it.spec.suspend || is_without_a_name(it));
                ensure(ready.is_empty() && is_kept, || format!("nobody, or several, have {view:?}: {row:?}"))?;
                continue;
            };
            self.is_as_wanted(source, &view).map_err(|why| format!("{why}; {}", brief(source)))?;
        }
        Ok(())
    }

    fn is_as_wanted(&self, source: &RedshiftDataSource, view: &ViewName) -> Result<(), String> {
        let views = views_of(self.warehouse, &self.managed, &self.uid);
        let object = views.get(view).ok_or_else(|| format!("no view {view:?}"))?;
        let account = self.database.objects[&("immuta_system".to_owned(), "registry".to_owned())].owner;
        ensure(object.owner == account, || "it has another owner".to_owned())?;
        let row = self.row_of(view).ok_or_else(|| format!("no row of {view:?}"))?;
        let resource = format!("{NAMESPACE}/{}", source.name_any());
        let expected = [source.uid().unwrap_or_default(), resource, "applied".to_owned()];
        ensure([&row[UID], &row[1], &row[STATE]] == expected.each_ref(), || format!("the row says {row:?}"))?;
        let to = access::granted_by(source);
        ensure(grantees_of(object) == to && granted(row) == to, || format!("granted otherwise: {object:?}, {row:?}"))?;
        let shown = Shown::read(&object.text, &self.managed).ok_or_else(|| "another text".to_owned())?;
        let table = &source.spec.table;
        let read = (table.database.clone().unwrap_or_default(), table.schema.clone(), table.name.clone());
        let columns: Vec<_> = self.warehouse.tables[&read].columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let stored = access::columns_of(source).into_iter().filter(|it| columns.contains(it)).collect();
        let wanted = Shown { table: read, names: columns, stored, subscribed: access::subscribed_to(source) };
        ensure(shown == wanted, || format!("it shows {shown:?}, and not {wanted:?}"))
    }

    fn each_row_is_somebodys(&self) -> Result<(), String> {
        let rows = &self.database.policy.sources;
        let names: BTreeSet<_> = rows.iter().map(name_of).collect();
        ensure(names.len() == rows.len(), || format!("two rows of one view: {rows:?}"))?;
        for row in rows {
            let holder = self.sources.iter().find(|it| it.uid().as_deref() == Some(&row[UID]));
            // One that can't have its new name keeps the view that it has.
            let is_kept = |it: &RedshiftDataSource| it.spec.suspend || is_without_a_name(it);
            let is_its_own = holder.is_some_and(|it| access::view_of(it) == name_of(row) || is_kept(it));
            let was_left = holder.is_none() && self.retained.contains(&&row[UID]);
            ensure(is_its_own || was_left, || format!("a row of nobody: {row:?}, {holder:?}"))?;
        }
        Ok(())
    }

    fn each_view_has_a_row(&self) -> Result<(), String> {
        let views = views_of(self.warehouse, &self.managed, &self.uid);
        let left = views.keys().find(|view| self.row_of(view).is_none());
        ensure(left.is_none(), || format!("a view without a row: {left:?}"))
    }

    /// Schemas that were made for views: to the same people as the views in them, and not without any.
    fn schemas_are_open_to_whom_a_view_is_granted(&self) -> Result<(), String> {
        let of_ours = |object: &Object| object.kind == Kind::Schema && object.maker.is(&self.uid);
        let schemas =
            self.database.objects.iter().filter(|((schema, _), it)| of_ours(it) && !schema.starts_with("immuta_"));
        for ((schema, _), object) in schemas {
            let rows = self.database.policy.sources.iter().filter(|row| row[SCHEMA] == *schema);
            let is_empty = rows.clone().next().is_none();
            ensure(!is_empty || self.keeps_schemas, || format!("the schema {schema} is left"))?;
            // Where nobody keeps a view, others can have dropped to whom it was granted.
            let is_kept = |row: &&Source| {
                self.sources.iter().any(|it| !it.spec.suspend && it.uid().as_deref() == Some(&row[UID]))
            };
            let wanted: BTreeSet<_> = rows.clone().filter(is_kept).flat_map(granted).collect();
            let most: BTreeSet<_> = rows.flat_map(granted).collect();
            let is_open_to = grantees_of(object);
            let is_right = wanted.is_subset(&is_open_to) && is_open_to.is_subset(&most);
            ensure(is_right, || format!("{schema} is open to {is_open_to:?}, and not to {wanted:?} (or {most:?})"))?;
        }
        Ok(())
    }

    fn profiles_are_as_wanted(&self) -> Result<(), String> {
        let wanted = access::wanted_profiles(&self.cluster.all::<RedshiftUserProfile>());
        let policy = &self.database.policy;
        let held = access::held(policy);
        ensure(held == wanted, || format!("entitlements are {held:?}, and not {wanted:?}"))?;
        let number: usize = held.values().map(BTreeSet::len).sum();
        ensure(number == policy.entitlements.len(), || format!("twice: {:?}", policy.entitlements))?;
        let profiles: Vec<_> = policy.profiles.iter().map(|row| &row[0]).filter(|user| *user != STRANGER).collect();
        let users: BTreeSet<_> = profiles.iter().copied().collect();
        let is_same = users.len() == profiles.len() && users.into_iter().eq(wanted.keys());
        ensure(is_same, || format!("profiles are {:?}, and not {wanted:?}", policy.profiles))
    }
}

impl Run {
    /// Whether views and profiles are as the resources of a cluster say.
    pub fn views_are_as_wanted(&self, cluster: usize) -> Result<(), String> {
        let world = self.world.borrow();
        let there = &world.clusters[cluster];
        let resource = there.integration("a").ok_or("no integration")?;
        let created = resource.status.clone().unwrap_or_default().created.ok_or("nothing was created")?;
        let rest = Rest {
            warehouse: &world.warehouse,
            cluster: there,
            uid: resource.uid().unwrap_or_default(),
            database: &world.warehouse.databases[&created.database],
            managed: created.database,
            sources: there.all(),
            keeps_schemas: world.watch.keeps_schemas,
            retained: {
                let elsewhere = world.watch.uids.iter().filter(|(of, _)| *of != cluster).map(|(_, uid)| uid);
                world.watch.retained.iter().chain(elsewhere).collect()
            },
        };
        rest.check()
    }

    /// Of what is deleted and still there, the status says why.
    pub fn deletions_are_explained(&self, cluster: usize) -> Result<(), String> {
        let sources: Vec<RedshiftDataSource> = self.world.borrow().clusters[cluster].all();
        let is_silent = |it: &&RedshiftDataSource| {
            let conditions = it.status.iter().flat_map(|status| &status.conditions);
            it.metadata.deletion_timestamp.is_some()
                && !conditions.clone().any(|it| it.type_ != "Ready" && it.status == "True" && !it.message.is_empty())
        };
        let silent = sources.iter().find(is_silent);
        ensure(silent.is_none(), || format!("its status doesn't say why it is still there: {}", brief(silent.unwrap())))
    }

    /// Another pass, by a process that knows nothing, and one at the next look write nothing anywhere.
    pub fn more_passes_write_nothing(&mut self, slot: usize) -> Result<(), String> {
        let picture = |run: &Self| {
            let world = run.world.borrow();
            (world.warehouse.clone(), world.clusters.iter().map(Cluster::still).collect::<Vec<_>>())
        };
        self.operators.crash(slot);
        let before = picture(self);
        for _ in 0..2 {
            self.look_again(slot);
            ensure(picture(self) == before, || "a pass writes where nothing is to be done".to_owned())?;
        }
        Ok(())
    }

    /// A pass that looks at everything, some hours later.
    pub fn look_again(&mut self, slot: usize) {
        let at = self.world.borrow().clock + BETWEEN_LOOKS;
        self.operators.wait_until(at);
        self.world.borrow_mut().slots[slot].go_on(None);
        self.operators.begin_pass(slot);
        while self.operators.is_under_way(slot) {
            self.operators.poll(slot);
        }
        self.operators.hear_of_changes();
    }

    /// Nothing in the way any more, and nobody who does anything.
    pub fn clear_up_for_views(&mut self) {
        self.interrupt();
        others::clear_up(&mut self.world.borrow_mut());
        let clusters = self.world.borrow().clusters.len();
        for cluster in 0..clusters {
            self.world.borrow_mut().clusters[cluster].silence(false);
        }
    }

    /// All data sources and profiles are deleted, and what is ours goes with them, but for what was to stay.
    pub fn delete_what_is_for(&mut self, slot: usize) -> Result<(), String> {
        let (cluster, _) = place_of(slot);
        for n in 0..3 {
            let actions = [super::histories::Action::Delete(n), super::histories::Action::DeleteProfile(n)];
            self.play(&actions.map(|action| super::super::histories::Event::Policy(cluster, action)));
        }
        self.settle()?;
        self.views_are_as_wanted(cluster)
    }
}

/// The slot of the passes on views of a cluster.
pub fn slot_of(cluster: usize) -> usize {
    VIEWS + cluster
}
