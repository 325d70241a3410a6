//! What is to be done for a data source, once it is planned.

use super::entry::Entry;
use crate::api::Reason;
use crate::policy::views::{Act, Held};
use crate::ports::News;

/// A view under a former name, and what removes it.
pub type Former = (Held, Vec<Act>);

/// What is to be done for one data source.
#[derive(Clone)]
pub struct Job {
    /// Which one.
    pub index: usize,
    /// What.
    pub task: Task,
}

/// What is to be done.
#[derive(Clone)]
pub enum Task {
    /// The view is made, or changed.
    Apply { held: Option<Held>, former: Vec<Former>, acts: Vec<Act>, drift: Option<&'static str>, schema_is_ours: bool },
    /// The view is dropped.
    Remove { held: Held, acts: Vec<Act> },
    /// The view stays, and nobody keeps it any more.
    Retain(Held),
    /// There is nothing.
    LetGo,
}

impl Job {
    /// The view is made, or changed.
    pub fn apply(
        index: usize,
        held: Option<Held>,
        acts: Vec<Act>,
        drift: Option<&'static str>,
        schema_is_ours: bool,
    ) -> Self {
        Self { index, task: Task::Apply { held, former: Vec::new(), acts, drift, schema_is_ours } }
    }

    /// The view is dropped.
    pub fn remove(index: usize, held: Held, acts: Vec<Act>) -> Self {
        Self { index, task: Task::Remove { held, acts } }
    }

    /// The view has another name now: those under former names are dropped with it.
    pub fn leaving(mut self, views: Vec<Former>) -> Self {
        if let Task::Apply { former, .. } = &mut self.task {
            *former = views;
        }
        self
    }

    /// The view stays, and nobody keeps it any more.
    pub fn retain(index: usize, held: Held) -> Self {
        Self { index, task: Task::Retain(held) }
    }

    /// There is nothing to do in the warehouse.
    pub fn let_go(index: usize) -> Self {
        Self { index, task: Task::LetGo }
    }

    /// Whether the resource goes since there is nothing.
    pub fn is_let_go(&self) -> bool {
        matches!(&self.task, Task::LetGo)
    }

    /// Whether it gives a view another text.
    pub fn makes_a_text(&self) -> bool {
        matches!(&self.task, Task::Apply { acts, .. } if acts.iter().any(makes_a_text))
    }

    /// Whether it makes a view that nobody can be reading.
    pub fn is_new(&self) -> bool {
        matches!(&self.task, Task::Apply { held: None, former, .. } if former.is_empty())
    }

    /// Whether the resource goes with it.
    pub fn is_end(&self) -> bool {
        !matches!(&self.task, Task::Apply { .. })
    }

    /// Whether a name is free once it is done.
    pub fn frees_a_name(&self) -> bool {
        self.is_end() || !self.former().is_empty()
    }

    /// Views under former names that go with it.
    pub fn former(&self) -> &[Former] {
        match &self.task {
            Task::Apply { former, .. } => former,
            _ => &[],
        }
    }

    /// What people are told once it is done.
    pub fn news(&self, entry: &Entry, done: Done) -> Option<News> {
        let (is_warning, reason, action, note) = match &self.task {
            Task::Apply { drift: Some(drift), .. } => {
                (true, Reason::Repaired, "Repair", format!("{drift}; it was made again as the data source says"))
            }
            Task::Apply { held, former, acts, .. } => {
                let view = &entry.source.as_ref()?.view;
                let note = match (held, former.first()) {
                    (_, Some((former, _))) => format!("the view {} was dropped: it is called {view} now", former.view),
                    (None, None) => format!("the view {view} was made"),
                    (Some(_), None) if acts.is_empty() => format!("the view {view} was taken up again"),
                    (Some(_), None) => format!("the view {view} was changed"),
                };
                (false, Reason::Enforced, "Apply", note)
            }
            Task::Remove { held, .. } => {
                let schema = match done {
                    Done::All => String::new(),
                    Done::AllButSchema => {
                        format!("; the schema {} stays: there is something of others' in it", held.view.schema)
                    }
                };
                (false, Reason::Dropped, "Delete", format!("the view {} was dropped{schema}", held.view))
            }
            Task::Retain(held) => {
                (false, Reason::Retained, "Delete", format!("the view {} was left as it is", held.view))
            }
            Task::LetGo => return None,
        };
        Some(News { is_warning, reason, action, note })
    }
}

/// What was done of a job.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Done {
    /// All of it.
    All,
    /// The schema, which was made for views and holds none any more, holds something else.
    AllButSchema,
}

/// Whether it gives a view another text.
pub fn makes_a_text(act: &Act) -> bool {
    matches!(act, Act::Create | Act::Replace)
}
