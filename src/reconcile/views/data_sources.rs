//! The data sources of a pass: all of them together.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::warn;

use super::apply;
use super::entry::{Compiled, Entry, Outcome, Outline, Said};
use super::explain::{failure_of, grants, is_up_to_an_edit, unreadable};
use super::ground::Ground;
use super::job::{Done, Job};
use super::line::Line;
use super::observe::{self, Schemas, Tables};
use super::there::{Leaving, There};
use super::{Pass, basis, resources};
use crate::api::{DeletionPolicy, Reason, Remedy};
use crate::lifecycle::{Category, Failure, cadence};
use crate::policy::views::{self, Act, DataSource, Held, Neighbours, Obstacle, Retained, Step, TableName, ViewName};
use crate::ports::{Host, KeptDataSource, Key, Kubernetes, World};
use crate::reconcile::integration::Error;
use crate::scripts::{Parameters, Section};

/// How often the text of a view is looked at.
const BETWEEN_TEXTS: Duration = Duration::from_hours(1);

/// Tables that aren't listed are asked for one by one: so many in a pass.
const MOST_PROBES: usize = 20;

/// How long a view may wait for its readers before somebody is told.
const LONG_FOR_READERS: Duration = Duration::from_mins(15);

/// The data sources of a pass.
pub struct Views {
    entries: Vec<Entry>,
    held: Vec<Held>,
    schemas: Schemas,
    jobs: Vec<Job>,
    tables: Tables,
    /// Whether a name that a data source had is free now.
    has_left: bool,
    /// The managed database, once it is known.
    managed: String,
    /// The database that tables are in unless another is named.
    initial: String,
}

impl Views {
    /// Of which nothing is known yet.
    pub fn new(objects: &[Arc<KeptDataSource>]) -> Self {
        Self {
            entries: objects.iter().map(Entry::new).collect(),
            held: Vec::new(),
            schemas: Schemas::default(),
            jobs: Vec::new(),
            tables: Tables::default(),
            has_left: false,
            managed: String::new(),
            initial: String::new(),
        }
    }

    /// Whether anything is to be done in the warehouse.
    pub fn has_changes(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// A view that was never made needs no warehouse to go, nor does one that is to stay.
    pub async fn without_a_warehouse<W: World>(&mut self, pass: &Pass<'_, W>, why: &Failure) -> Result<(), Error> {
        for entry in &mut self.entries {
            let status = entry.object.status.as_ref();
            let was_made = status.is_some_and(|status| status.view.is_some());
            entry.is_held = was_made;
            // The status may not have come to tell of it; the finalizer came before.
            let may_be_there = was_made || resources::has_finalizer(&entry.object);
            if entry.is_deleted() && (!may_be_there || entry.object.spec.deletion_policy == DeletionPolicy::Retain) {
                entry.outcome = Outcome::Gone;
            } else if entry.is_deleted() {
                let retain = Remedy::command("or leave the view as it is", retain(&entry.object));
                entry.stop(why.clone().remedy(retain));
            } else if entry.is_active() && (why.category == Category::Permanent || !was_made) {
                // What is in force and can't be looked at for a moment is the integration's to tell.
                entry.stop(why.clone());
            }
        }
        self.report(pass).await.map(|_| ())
    }

    /// Looks at what is there, and works out what is to be done.
    pub async fn look<W: World>(
        &mut self,
        pass: &Pass<'_, W>,
        ground: &Ground,
        line: &Line<W>,
        held: Vec<Held>,
    ) -> Result<(), Error> {
        self.held = held;
        self.managed.clone_from(&ground.database);
        self.initial.clone_from(&ground.initial_database);
        let holders: HashSet<_> = self.held.iter().map(|held| held.source_uid.as_str()).collect();
        for entry in &mut self.entries {
            entry.is_held = holders.contains(entry.uid.as_str());
            if !entry.is_active() {
                continue;
            }
            if !ground.is_enabled {
                if ground.is_suspended {
                    continue;
                }
                entry.stop(Failure::waiting(Reason::PolicyViewsDisabled, "the integration keeps no views any more"));
                continue;
            }
            match DataSource::read(&entry.object.spec, &ground.database, &ground.initial_database) {
                Ok(source) => entry.source = Some(source),
                Err(unfit) => entry.stop(Failure::stalled(Reason::InvalidSpec, unfit.to_string())),
            }
        }
        self.tell_names_apart();
        let names: BTreeSet<_> = self.entries.iter().filter_map(|entry| Some(&entry.source.as_ref()?.table)).collect();
        self.tables = observe::tables(line, &names).await?;
        let schemas: BTreeSet<_> = self.schemas_of_interest().map(|view| view.schema.as_str()).collect();
        self.schemas = observe::schemas(line, &schemas).await?;
        self.outline(line).await?;
        let due: Vec<_> = self.held.iter().filter(|held| is_due(pass, held)).map(|held| &held.view).collect();
        let texts = observe::texts(line, &due).await?;
        self.plan(line, &texts);
        Ok(())
    }

    fn schemas_of_interest(&self) -> impl Iterator<Item = &ViewName> {
        let wanted = self.entries.iter().filter_map(|entry| Some(&entry.source.as_ref()?.view));
        let deleted = self.entries.iter().filter(|entry| entry.is_deleted());
        let deleted: HashSet<_> = deleted.map(|entry| entry.uid.as_str()).collect();
        let going = self.held.iter().filter(move |held| deleted.contains(held.source_uid.as_str()));
        let former = self.former().into_iter().map(|(_, held)| &held.view);
        wanted.chain(going.map(|held| &held.view)).chain(former)
    }

    /// Views that data sources had under other names: before an edit, also one that came with another UID.
    fn former(&self) -> Vec<(usize, &Held)> {
        let entries = || self.entries.iter().enumerate();
        let by_uid: HashMap<_, _> = entries().map(|(index, entry)| (entry.uid.as_str(), index)).collect();
        let by_name: HashMap<_, _> = entries().map(|(index, entry)| (entry.resource.as_str(), index)).collect();
        let mut former = Vec::new();
        for held in self.held.iter().filter(|held| held.retained == Retained::No) {
            let by_name = || by_name.get(held.resource.as_str());
            let Some(&index) = by_uid.get(held.source_uid.as_str()).or_else(by_name) else { continue };
            let entry = &self.entries[index];
            let Some(source) = &entry.source else { continue };
            let is_its_own = held.source_uid == entry.uid || held.table == source.table.to_string();
            if is_its_own && source.view != held.view {
                former.push((index, held));
            }
        }
        former
    }

    /// Of several that want one view, the one that has it keeps it, else the first has it.
    fn tell_names_apart(&mut self) {
        let mut wanted: BTreeMap<ViewName, Vec<usize>> = BTreeMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if let Some(source) = &entry.source {
                wanted.entry(source.view.clone()).or_default().push(index);
            }
        }
        for (view, mut indices) in wanted.into_iter().filter(|(_, indices)| indices.len() > 1) {
            let is_holder =
                |entry: &Entry| self.held.iter().any(|held| held.view == view && held.source_uid == entry.uid);
            indices.sort_by_key(|index| {
                let entry = &self.entries[*index];
                let created = entry.object.metadata.creation_timestamp.as_ref().map(|created| created.0);
                (!is_holder(entry), created, entry.uid.clone())
            });
            let holder = self.entries[indices[0]].resource.clone();
            for index in &indices[1..] {
                let taken = Obstacle::NameTaken { view: view.clone(), holder: holder.clone() };
                self.entries[*index].source = None;
                self.entries[*index].stop(failure_of(&taken));
            }
        }
    }

    async fn outline<W: World>(&mut self, line: &Line<W>) -> Result<(), Error> {
        let mut probes = 0;
        for entry in &mut self.entries {
            let Some(source) = &entry.source else { continue };
            let Some(table) = self.tables.of(&source.table) else {
                probes += 1;
                let failure = if probes > MOST_PROBES {
                    let message = format!("{} is missing, or {} may not read it", source.table, line.account);
                    Failure::waiting(Reason::TableMissing, message).remedies(grants(&source.table, &line.account))
                } else {
                    why_not_listed(line, &source.table).await?
                };
                entry.stop(failure);
                continue;
            };
            match Compiled::of(source, &table, &self.managed) {
                Ok(compiled) => entry.outline = Some(Outline::of(compiled)),
                Err(failure) => entry.stop(failure),
            }
            entry.forget_columns();
        }
        Ok(())
    }

    /// What was worked out of an entry, once more.
    fn compiled(&self, entry: &Entry) -> Option<Compiled> {
        let source = DataSource::read(&entry.object.spec, &self.managed, &self.initial).ok()?;
        Compiled::of(&source, &self.tables.of(&source.table)?, &self.managed).ok()
    }

    fn plan<W: World>(&mut self, line: &Line<W>, texts: &HashMap<ViewName, String>) {
        let (mut jobs, mut outcomes) = (Vec::new(), Vec::new());
        let there = There::of(&self.entries, &self.held, self.leaving(&line.account));
        let mut dropped: HashMap<&str, usize> = HashMap::new();
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.is_deleted() {
                jobs.push(self.removal(index, &there, &mut dropped, line));
                continue;
            }
            let (Some(source), Some(outline)) = (&entry.source, &entry.outline) else { continue };
            let held = there.by_view.get(&source.view).copied();
            let place = self.schemas.place(&source.view, texts.get(&source.view).cloned());
            let leaving = there.leaving.get(&index).into_iter().flatten();
            let former: Vec<_> = leaving
                .map(|former| ((*former).clone(), self.acts_of_removal(former, &there, &mut dropped, line)))
                .collect();
            let wanted = entry.wanted(source, outline);
            let step = views::plan(&wanted, held, &place, &there.neighbours(&source.view), &line.account);
            let outcome = match step {
                Ok(Step::Nothing) if former.is_empty() => Outcome::Done,
                Ok(step) => {
                    let (acts, drift) = match step {
                        Step::Nothing => (Vec::new(), None),
                        Step::Apply { acts, drift } => (acts, drift),
                    };
                    let schema_is_ours = held.map_or(place.schema_owner.is_none(), |held| held.schema_is_ours)
                        || there.our_schemas.contains(source.view.schema.as_str());
                    jobs.push(Job::apply(index, held.cloned(), acts, drift, schema_is_ours).leaving(former));
                    Outcome::Silent
                }
                Err(obstacle) => Outcome::Not(failure_of(&obstacle)),
            };
            outcomes.push((index, outcome));
        }
        for (index, outcome) in outcomes {
            self.entries[index].outcome = outcome;
        }
        self.jobs = jobs;
    }

    /// Views under former names that go: only where nothing is in the way of the one that takes its place.
    fn leaving(&self, account: &str) -> Leaving<'_> {
        let mut leaving = Leaving::new();
        for (index, former) in self.former().into_iter().filter(|(index, _)| self.can_be_made(*index, account)) {
            leaving.entry(index).or_default().push(former);
        }
        leaving
    }

    /// Whether nothing is in the way of a view that takes the place of one under a former name.
    fn can_be_made(&self, index: usize, account: &str) -> bool {
        let entry = &self.entries[index];
        let (Some(source), Some(outline)) = (&entry.source, &entry.outline) else { return false };
        let held = self.held.iter().find(|held| held.view == source.view);
        let (wanted, place) = (entry.wanted(source, outline), self.schemas.place(&source.view, None));
        views::plan(&wanted, held, &place, &Neighbours::default(), account).is_ok()
    }

    fn removal<'s, W: World>(
        &self,
        index: usize,
        there: &There<'s>,
        dropped: &mut HashMap<&'s str, usize>,
        line: &Line<W>,
    ) -> Job {
        let entry = &self.entries[index];
        let Some(held) = there.by_holder.get(entry.uid.as_str()) else {
            return Job::let_go(index);
        };
        if entry.object.spec.deletion_policy == DeletionPolicy::Retain {
            return Job::retain(index, (*held).clone());
        }
        Job::remove(index, (*held).clone(), self.acts_of_removal(held, there, dropped, line))
    }

    /// What removes a view. Those that are dropped before it in this pass keep no schema.
    fn acts_of_removal<'s, W: World>(
        &self,
        held: &'s Held,
        there: &There<'_>,
        dropped: &mut HashMap<&'s str, usize>,
        line: &Line<W>,
    ) -> Vec<Act> {
        let mut place = self.schemas.place(&held.view, None);
        let before = dropped.entry(held.view.schema.as_str()).or_default();
        place.neighbours = place.neighbours.saturating_sub(*before);
        let acts = views::removal(held, &place, &there.neighbours(&held.view), &line.account);
        *before += usize::from(acts.contains(&Act::Drop));
        acts
    }

    /// Does it: what goes first, then what changes, each by itself; then what is new, many together, since nobody reads it yet.
    pub async fn apply<W: World>(&mut self, pass: &Pass<'_, W>, line: &mut Line<W>) -> Result<(), Error> {
        let jobs = std::mem::take(&mut self.jobs);
        let (new, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(Job::is_new);
        let (going, changed): (Vec<_>, Vec<_>) = others.into_iter().partition(Job::is_end);
        let ours: BTreeSet<_> = self.held.iter().map(|held| held.view.clone()).collect();
        // A pass that was given up, or another process, may be about to make the view of one that is let go: nobody would drop it then.
        let may_come = |job: &Job| job.is_let_go() && resources::has_finalizer(&self.entries[job.index].object);
        if going.iter().any(may_come) {
            line.fence().await?;
        }
        for job in going {
            let entry = &self.entries[job.index];
            let outcome = apply::end(line, entry, &job, &ours).await?;
            self.settle(pass, &job, outcome);
        }
        let mut made = apply::Made::new();
        for job in changed {
            let written = self.add_finalizers(pass, std::slice::from_ref(&job)).await?;
            self.prepare(written, std::slice::from_ref(&job));
            let outcome = apply::alone(line, &self.entries[job.index], &job, &ours, &mut made).await?;
            self.settle(pass, &job, outcome);
        }
        let mut batches = new.chunks(apply::MOST_TOGETHER).peekable();
        let mut written = self.add_finalizers(pass, batches.peek().copied().unwrap_or_default()).await?;
        let mut settled: &[Job] = &[];
        while let Some(batch) = batches.next() {
            self.prepare(written, batch);
            // While the warehouse makes these, the API server is told of those before, and gives those behind their finalizers.
            let told = settled.iter().map(|job| self.tell(pass, &self.entries[job.index])).collect();
            let behind = self.add_finalizers(pass, batches.peek().copied().unwrap_or_default());
            let (outcomes, meanwhile) =
                futures::join!(apply::together(line, &self.entries, batch, &ours, &mut made), async {
                    pass.context.kubernetes.all(told).await?;
                    behind.await
                });
            for (job, outcome) in outcomes? {
                self.settle(pass, job, outcome);
            }
            written = meanwhile?;
            for job in settled {
                self.entries[job.index].is_told = true;
            }
            settled = batch;
        }
        Ok(())
    }

    /// Puts the finalizer on those that don't have it: it comes before the first view. Where there is no view yet it is written even
    /// if it is there, which fails if the resource was changed: a process that was taken for dead may not know that it is gone.
    async fn add_finalizers<W: World>(
        &self,
        pass: &Pass<'_, W>,
        jobs: &[Job],
    ) -> Result<Vec<(usize, Arc<KeptDataSource>)>, Error> {
        let kubernetes = &pass.context.kubernetes;
        let objects = jobs.iter().map(|job| (job, &self.entries[job.index].object));
        let asked = objects.filter(|(job, object)| job.is_new() || !resources::has_finalizer(object));
        let added = asked.map(|(job, object)| async move {
            resources::add_finalizer(kubernetes, object).await.map(|object| (job.index, Arc::new(object)))
        });
        kubernetes.all(added.collect()).await
    }

    /// Before they are made: the resources as they were written, and the texts of the views.
    fn prepare(&mut self, written: Vec<(usize, Arc<KeptDataSource>)>, jobs: &[Job]) {
        for (index, object) in written {
            self.entries[index].object = object;
        }
        for job in jobs {
            self.entries[job.index].query = self.compiled(&self.entries[job.index]).map(|compiled| compiled.query);
        }
    }

    fn settle<W: World>(&mut self, pass: &Pass<'_, W>, job: &Job, outcome: Result<Done, Failure>) {
        let entry = &mut self.entries[job.index];
        entry.query = None;
        match outcome {
            Ok(done) => {
                entry.outcome = if job.is_end() { Outcome::Gone } else { Outcome::Done };
                entry.is_held = !job.is_end();
                self.has_left |= job.frees_a_name();
                if let Some(news) = job.news(entry, done) {
                    pass.context.kubernetes.publish(&entry.object.with_status(None), news);
                }
            }
            Err(failure) => {
                // That somebody reads is nothing to warn of, for a while.
                if failure.reason != Reason::WaitingForReaders {
                    pass.warn(&entry.object.with_status(None), failure.reason, failure.said());
                }
                entry.stop(failure);
            }
        }
    }

    /// Writes what there is to say; whether anything is to be tried again.
    pub async fn report<W: World>(&mut self, pass: &Pass<'_, W>) -> Result<bool, Error> {
        resources::tell_all(pass, &self.entries, |entry| self.tell(pass, entry)).await?;
        let waits = |entry: &Entry| match &entry.outcome {
            Outcome::Not(failure) => {
                !is_up_to_an_edit(failure.reason) || self.has_left && failure.reason == Reason::NameTaken
            }
            _ => false,
        };
        let is_waiting = self.entries.iter().any(waits);
        if is_waiting {
            warn!(integration = %pass.key, "some data sources wait for something");
        }
        self.count(pass);
        Ok(is_waiting)
    }

    async fn tell<W: World>(&self, pass: &Pass<'_, W>, entry: &Entry) -> Result<(), Error> {
        if let Outcome::Gone = entry.outcome {
            return resources::remove_finalizer(&pass.context.kubernetes, &entry.object).await;
        }
        if entry.is_told {
            return Ok(());
        }
        let Some(Said { status, columns }) = entry.said(&self.managed, pass.context.host.now()) else { return Ok(()) };
        let made = || Some(views::shown(&self.compiled(entry)?.view).0);
        resources::write_data_source_status(pass, &entry.object, status, columns, made).await
    }
}

/// The states that are counted.
pub const STATES: [&str; 3] = ["enforced", "waiting", "stalled"];

impl Views {
    /// A pass that looked at none of them counts none.
    fn count<W: World>(&self, pass: &Pass<'_, W>) {
        if !pass.parts.views {
            return;
        }
        let state = |entry: &Entry| match &entry.outcome {
            Outcome::Not(failure) if failure.category == Category::Permanent => Some("stalled"),
            Outcome::Not(_) => Some("waiting"),
            Outcome::Silent | Outcome::Done => Some("enforced"),
            Outcome::Gone => None,
        };
        let number = |wanted| self.entries.iter().filter(|entry| state(entry) == Some(wanted)).count();
        let Key { namespace, name } = pass.key;
        pass.context.metrics.data_sources(namespace, name, &STATES.map(|wanted| (wanted, number(wanted))));
        self.watch_who_waits_for_readers(pass);
    }

    /// A view that can't be changed because it is being read is no trouble at first; in the end somebody should know.
    fn watch_who_waits_for_readers<W: World>(&self, pass: &Pass<'_, W>) {
        let now = pass.context.host.now();
        let mut longest = Duration::ZERO;
        for entry in &self.entries {
            let Some(waited) = entry.waits_for_readers(now) else { continue };
            longest = longest.max(waited);
            if waited >= LONG_FOR_READERS {
                let note = "the view has been read for 15 minutes, and still shows what it showed before: have whoever reads it end that";
                pass.warn(&entry.object.with_status(None), Reason::WaitingForReaders, note.to_owned());
            }
        }
        pass.context.metrics.waiting_for_readers(&pass.key.namespace, &pass.key.name, longest);
    }
}

/// Whether the text of a view is to be looked at: once an hour, each at its own time.
fn is_due<W: World>(pass: &Pass<'_, W>, held: &Held) -> bool {
    let now = pass.context.host.elapsed();
    let Some(before) = basis::looked_at(pass.context, pass.key) else { return false };
    let offset = cadence::until_first_look(BETWEEN_TEXTS * 10, &held.source_uid);
    let hours = |at: Duration| (at + offset).as_secs() / BETWEEN_TEXTS.as_secs();
    held.retained == Retained::No && hours(now) != hours(before)
}

/// "No row" in the catalogue means missing or not allowed: what the server says to who reads it tells which.
async fn why_not_listed<W: World>(line: &Line<W>, table: &TableName) -> Result<Failure, Error> {
    let parameters = Parameters::new()
        .identifier("table_database", &table.database)
        .identifier("table_schema", &table.schema)
        .identifier("table_name", &table.name);
    match line.run(Section::ProbeTable, &parameters).await {
        Ok(()) => {
            let message = format!("{table} is there, and the catalogue doesn't list its columns yet");
            Ok(Failure::waiting(Reason::TableMissing, message))
        }
        Err(Error::Statement(error)) if error.definitely_refused() => Ok(unreadable(&error, table, &line.account)),
        Err(error) => Err(error),
    }
}

fn retain(object: &KeptDataSource) -> String {
    let Key { namespace, name } = object.key();
    format!("kubectl -n {namespace} patch rsds {name} --type=merge -p '{{\"spec\":{{\"deletionPolicy\":\"Retain\"}}}}'")
}
