//! The views that are there or to come, found without a look at all of them for each.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::entry::Entry;
use crate::api::DeletionPolicy;
use crate::policy::views::{Granted, Held, Neighbours, ViewName};

/// Views under former names that go in a pass, by the data sources that had them.
pub type Leaving<'a> = HashMap<usize, Vec<&'a Held>>;

/// The views that are there or to come.
pub struct There<'a> {
    /// Rows by the views' names.
    pub by_view: HashMap<&'a ViewName, &'a Held>,
    /// Rows by the UIDs of the data sources.
    pub by_holder: HashMap<&'a str, &'a Held>,
    /// Schemas that were made for views.
    pub our_schemas: HashSet<&'a str>,
    /// Views under former names that go.
    pub leaving: Leaving<'a>,
    /// By schema: those that stay and those that come, and to whom each is granted.
    staying: HashMap<&'a str, Vec<(&'a str, &'a BTreeSet<Granted>)>>,
}

impl<'a> There<'a> {
    /// From the data sources and the rows that there are.
    pub fn of(entries: &'a [Entry], held: &'a [Held], leaving: Leaving<'a>) -> Self {
        let (deleted, kept): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| entry.is_deleted());
        let going = deleted.into_iter().filter(|entry| entry.object.spec.deletion_policy == DeletionPolicy::Delete);
        let going: HashSet<_> = going.map(|entry| entry.uid.as_str()).collect();
        let left_names: HashSet<_> = leaving.values().flatten().map(|held| &held.view).collect();
        let to_come = kept.into_iter().filter_map(|entry| entry.source.as_ref());
        let to_come = to_come.map(|source| (&source.view, &source.granted));
        let stays = |held: &&Held| !going.contains(held.source_uid.as_str()) && !left_names.contains(&held.view);
        let left = held.iter().filter(stays).map(|held| (&held.view, &held.granted));
        let mut staying: HashMap<&str, Vec<_>> = HashMap::new();
        for (view, granted) in to_come.chain(left) {
            staying.entry(&view.schema).or_default().push((view.name.as_str(), granted));
        }
        // Of several rows, the first counts.
        let first_of = held.iter().rev();
        Self {
            by_view: first_of.clone().map(|held| (&held.view, held)).collect(),
            by_holder: first_of.map(|held| (held.source_uid.as_str(), held)).collect(),
            our_schemas: held.iter().filter(|held| held.schema_is_ours).map(|held| held.view.schema.as_str()).collect(),
            leaving,
            staying,
        }
    }

    /// The others in the schema of a view.
    pub fn neighbours(&self, view: &ViewName) -> Neighbours<'a> {
        let all = self.staying.get(view.schema.as_str()).into_iter().flatten();
        Neighbours(all.filter(|(name, _)| *name != view.name).map(|(_, granted)| *granted).collect())
    }
}
