//! A data source in a pass: what is wanted of it, what came of it, and what is said.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::explain::failure_of;
use crate::api::{AppliedView, DataSourcePhase, Reason, RedshiftDataSourceStatus, RowGuard, UnlistedColumns};
use crate::lifecycle::verdict::{Verdict, conditions};
use crate::lifecycle::{Category, Failure, brief};
use crate::policy::views::{
    DataSource, Guard, Obstacle, Table, View, Wanted, applied_hash, columns_hash, compile, query, shown,
};
use crate::ports::{ColumnsDigest, KeptDataSource};
use crate::scripts::Fragment;

/// Longest text of a view.
const LONGEST_QUERY: usize = 1024 * 1024;

/// What is wanted of a view, worked out.
pub struct Compiled {
    /// What it is.
    pub view: View,
    /// Its text.
    pub query: Fragment,
}

impl Compiled {
    /// Works it out.
    pub fn of(source: &DataSource, table: &Table, managed: &str) -> Result<Self, Failure> {
        let view = compile(source, table).map_err(|obstacle| failure_of(&obstacle))?;
        let query = query(&view, managed).map_err(|error| {
            let message = format!("{}: a column's name can't be used: {error}", source.table);
            Failure::stalled(Reason::InvalidName, message)
        })?;
        if query.as_str().len() > LONGEST_QUERY {
            return Err(failure_of(&Obstacle::TooLarge { what: "a text of more than 1 MiB".to_owned() }));
        }
        Ok(Self { view, query })
    }
}

/// What a pass goes by of that. The text and the columns of a view are worked out again where they are needed: those of a thousand
/// views at once would be most of what the operator ever holds.
pub struct Outline {
    /// Hash of its text.
    pub applied_hash: String,
    /// Hash of names and types of its columns.
    pub columns_hash: String,
    guard: Guard,
    is_closed: bool,
    absent: Vec<String>,
    shown: ColumnsDigest,
    omitted: Option<u32>,
}

impl Outline {
    /// Of a view.
    pub fn of(compiled: Compiled) -> Self {
        let Compiled { view, query } = compiled;
        let (columns, omitted) = shown(&view);
        Self {
            applied_hash: applied_hash(&query),
            columns_hash: columns_hash(&view),
            guard: view.guard,
            is_closed: view.is_closed,
            absent: view.absent,
            shown: ColumnsDigest::of(&columns),
            omitted,
        }
    }
}

/// What came of a data source in a pass.
pub enum Outcome {
    /// Nothing is said of it.
    Silent,
    /// It is as it is to be.
    Done,
    /// Something is in the way.
    Not(Failure),
    /// The view is gone, or left, and the resource may go.
    Gone,
}

/// A data source in a pass.
pub struct Entry {
    /// The resource.
    pub object: Arc<KeptDataSource>,
    /// Its UID.
    pub uid: String,
    /// Its namespace and name.
    pub resource: String,
    /// What it says, if it can be meant; without its columns once the outline is there.
    pub source: Option<DataSource>,
    /// What is wanted, if that can be told.
    pub outline: Option<Outline>,
    /// The text of the view, while it is made.
    pub query: Option<Fragment>,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether there is a view of it.
    pub is_held: bool,
    /// Whether its status was written already.
    pub is_told: bool,
}

/// A status that is to be there.
pub struct Said {
    /// The status, but for its columns.
    pub status: RedshiftDataSourceStatus,
    /// Of the columns that it is to have, if they are not to stay as they are.
    pub columns: Option<ColumnsDigest>,
}

impl Entry {
    /// Of which nothing is known yet.
    pub fn new(object: &Arc<KeptDataSource>) -> Self {
        Self {
            uid: object.uid().to_owned(),
            resource: object.key().to_string(),
            object: object.clone(),
            source: None,
            outline: None,
            query: None,
            outcome: Outcome::Silent,
            is_held: false,
            is_told: false,
        }
    }

    /// Whether the resource is to go.
    pub fn is_deleted(&self) -> bool {
        self.object.is_deleted()
    }

    /// Whether a view is wanted of it.
    pub fn is_active(&self) -> bool {
        !self.is_deleted() && !self.object.spec.suspend
    }

    /// Something is in the way.
    pub fn stop(&mut self, failure: Failure) {
        self.outcome = Outcome::Not(failure);
    }

    /// The columns that are listed aren't looked at any more: they are read from the resource again where its view is made.
    pub fn forget_columns(&mut self) {
        if let Some(source) = &mut self.source {
            source.columns.clear();
        }
    }

    /// What is wanted of its view.
    pub fn wanted<'a>(&'a self, source: &'a DataSource, outline: &'a Outline) -> Wanted<'a> {
        Wanted {
            uid: &self.uid,
            resource: &self.resource,
            source,
            applied_hash: &outline.applied_hash,
            columns_hash: &outline.columns_hash,
        }
    }

    /// How long it has waited for whoever reads its view, if it does.
    pub fn waits_for_readers(&self, now: Timestamp) -> Option<Duration> {
        let is_waiting = matches!(&self.outcome, Outcome::Not(failure) if failure.reason == Reason::WaitingForReaders);
        is_waiting.then(|| {
            let conditions = self.object.status.iter().flat_map(|status| &status.conditions);
            let mut before =
                conditions.filter(|it| it.reason == Reason::WaitingForReaders.as_str() && it.status == "True");
            let since = before.next().map_or(now, |it| it.last_transition_time.0);
            Duration::try_from(now - since).unwrap_or_default()
        })
    }

    /// What its status is to say.
    pub fn said(&self, managed: &str, now: Timestamp) -> Option<Said> {
        let before = self.object.status.clone().unwrap_or_default();
        let generation = self.object.metadata.generation.unwrap_or_default();
        let verdict = match &self.outcome {
            Outcome::Silent | Outcome::Gone => return None,
            Outcome::Done => self.verdict(),
            Outcome::Not(failure) => Verdict::Not(failure.clone()),
        };
        let (conditions, remedies) = conditions(&before.conditions, generation, &verdict, self.is_held, now);
        let mut status = RedshiftDataSourceStatus { observed_generation: generation, conditions, remedies, ..before };
        status.phase = Some(match &verdict {
            _ if self.is_deleted() => DataSourcePhase::Deleting,
            Verdict::Done(Reason::Closed, _) => DataSourcePhase::Closed,
            Verdict::Done(..) => DataSourcePhase::Enforced,
            Verdict::Not(failure) if failure.category == Category::Permanent => DataSourcePhase::Error,
            Verdict::Not(_) if self.is_held => status.phase.unwrap_or(DataSourcePhase::Enforced),
            Verdict::Not(_) => DataSourcePhase::Pending,
        });
        if let Some(source) = &self.source {
            status.table = Some(source.table.to_string());
        }
        let mut columns = None;
        if let (Outcome::Done, Some(source), Some(outline)) = (&self.outcome, &self.source, &self.outline) {
            status.view_name = Some(source.view.to_string());
            status.view = Some(AppliedView {
                database: managed.to_owned(),
                schema: source.view.schema.clone(),
                name: source.view.name.clone(),
            });
            status.applied_hash = Some(outline.applied_hash.clone());
            status.row_guard = Some(outline.guard.as_str().to_owned());
            status.columns_omitted = outline.omitted;
            columns = Some(outline.shown);
        }
        Some(Said { status, columns })
    }

    /// What is said of a view that is as it is to be.
    fn verdict(&self) -> Verdict {
        let (Some(source), Some(outline)) = (&self.source, &self.outline) else {
            return Verdict::Done(Reason::Enforced, String::new());
        };
        let mut said = format!("{} shows {}", source.view, source.table);
        if outline.is_closed {
            said.push_str("; it is closed: spec.rowRule asks for a rule, and there is none");
        }
        if !outline.absent.is_empty() {
            let absent = brief::list(outline.absent.iter().map(String::as_str));
            said.push_str(&format!("; listed and not in the table: {absent}"));
        }
        if source.unlisted == UnlistedColumns::Show {
            said.push_str("; columns that aren't listed are shown to whoever may read");
        }
        if source.guard == RowGuard::Fast && outline.guard == Guard::Fast {
            said.push_str("; columns aren't guarded");
        }
        let reason = if outline.is_closed { Reason::Closed } else { Reason::Enforced };
        Verdict::Done(reason, said)
    }
}
