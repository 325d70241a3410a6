//! Carries out what was planned for views: each in one transaction, which is whole or not there.

use std::collections::BTreeSet;

use super::entry::Entry;
use super::explain::{explain, is_depended_on, read_by_others};
use super::job::{Done, Job, Task, makes_a_text};
use super::line::Line;
use super::observe::{self, of_view};
use crate::lifecycle::{Failure, brief};
use crate::policy::views::{Act, Granted, Held, Retained, ViewName};
use crate::ports::{StatementError, StatementFailure, World};
use crate::reconcile::integration::Error;
use crate::scripts::{Fact, Parameters, Section};

/// How many views that nobody reads yet are made in one transaction. So few in the simulation that its handful are several.
pub const MOST_TOGETHER: usize = if cfg!(test) { 2 } else { 50 };

/// Schemas that were made for views in this pass: what was planned before doesn't know of them.
pub type Made = BTreeSet<String>;

/// Makes views together; if that fails, each by itself, so that one doesn't stop the others.
pub async fn together<'j, W: World>(
    line: &mut Line<W>,
    entries: &[Entry],
    jobs: &'j [Job],
    ours: &BTreeSet<ViewName>,
    made: &mut Made,
) -> Result<Vec<(&'j Job, Result<Done, Failure>)>, Error> {
    let all: Vec<_> = jobs.iter().map(|job| (&entries[job.index], job)).collect();
    if jobs.len() > 1 {
        match change(line, &all, made).await {
            Ok(()) => return Ok(jobs.iter().map(|job| (job, Ok(Done::All))).collect()),
            Err(error) => refused(line, error).await.map(|_| ())?,
        }
    }
    let mut outcomes = Vec::new();
    for job in jobs {
        outcomes.push((job, alone(line, &entries[job.index], job, ours, made).await?));
    }
    Ok(outcomes)
}

/// Makes or changes one view.
pub async fn alone<W: World>(
    line: &mut Line<W>,
    entry: &Entry,
    job: &Job,
    ours: &BTreeSet<ViewName>,
    made: &mut Made,
) -> Result<Result<Done, Failure>, Error> {
    for (held, acts) in job.former() {
        if let Some(failure) = in_use(line, held, acts, ours).await? {
            return Ok(Err(failure));
        }
    }
    match change(line, &[(entry, job)], made).await {
        Err(error) if is_kept_schema(&error) => {
            line.roll_back().await?;
            let former = job.former().iter().map(|(held, acts)| (held.clone(), with_schema(held, acts)));
            let result = change(line, &[(entry, &job.clone().leaving(former.collect()))], made).await;
            Ok(outcome(line, entry, result).await?.map(|_| Done::AllButSchema))
        }
        result => outcome(line, entry, result).await,
    }
}

/// Why a view can't be dropped, if it can't.
async fn in_use<W: World>(
    line: &Line<W>,
    held: &Held,
    acts: &[Act],
    ours: &BTreeSet<ViewName>,
) -> Result<Option<Failure>, Error> {
    if !acts.contains(&Act::Drop) {
        return Ok(None);
    }
    let dependents = observe::dependents(line, &held.view, ours).await?;
    let list = || brief::list(dependents.iter().map(String::as_str));
    Ok((!dependents.is_empty()).then(|| read_by_others(&held.view, &list())))
}

/// What others have put into a schema, functions for example, keeps it: that is no obstacle to the end of a view.
fn is_kept_schema(error: &Error) -> bool {
    matches!(error, Error::Statement(error) if error.statement == "drop-view-schema" && is_depended_on(error))
}

/// The same acts where the schema stays: to nobody's use.
fn with_schema(held: &Held, acts: &[Act]) -> Vec<Act> {
    if !acts.contains(&Act::DropSchema) {
        return acts.to_vec();
    }
    let others = acts.iter().filter(|act| **act != Act::DropSchema).cloned();
    others.chain(held.granted.iter().cloned().map(Act::RevokeSchema)).collect()
}

/// A refusal, behind which nothing was done. Anything else stops the pass: what was done isn't known.
async fn refused<W: World>(line: &Line<W>, error: Error) -> Result<StatementError, Error> {
    match error {
        Error::Statement(error) if error.definitely_refused() => {
            line.roll_back().await?;
            Ok(error)
        }
        other => Err(other),
    }
}

/// Those of whom the server has said that they aren't there.
#[derive(Default)]
struct Gone(BTreeSet<Granted>);

impl Gone {
    /// Whether a transaction that has failed is to be tried again, now that somebody more is known to be gone.
    async fn has_grown<W: World>(&self, line: &Line<W>, known: usize) -> Result<bool, Error> {
        let has_grown = self.0.len() > known;
        if has_grown {
            line.roll_back().await?;
        }
        Ok(has_grown)
    }
}

/// One transaction, once those are known from whom nothing can be revoked.
async fn change<W: World>(line: &mut Line<W>, jobs: &[(&Entry, &Job)], made: &mut Made) -> Result<(), Error> {
    let mut gone = Gone::default();
    loop {
        let known = gone.0.len();
        let result = change_once(line, jobs, made, &mut gone).await;
        if !gone.has_grown(line, known).await? {
            return result;
        }
    }
}

/// One transaction.
async fn change_once<W: World>(
    line: &mut Line<W>,
    jobs: &[(&Entry, &Job)],
    made: &mut Made,
    gone: &mut Gone,
) -> Result<(), Error> {
    line.wait_shortly().await?;
    line.begin().await?;
    let mut made_by_now = made.clone();
    for (entry, job) in jobs {
        let (Task::Apply { acts, .. }, Some(source)) = (&job.task, &entry.source) else { continue };
        for (former, acts) in job.former() {
            carry_out_all(line, entry, &former.view, acts, gone).await?;
            line.run(Section::ForgetDataSource, &of_view(&former.view)).await?;
        }
        // The first of several that come into it makes it.
        let is_made = acts.first() == Some(&Act::CreateSchema) && !made_by_now.insert(source.view.schema.clone());
        carry_out_all(line, entry, &source.view, &acts[usize::from(is_made)..], gone).await?;
        if acts.iter().any(makes_a_text) {
            line.run(Section::ProbeView, &of_view(&source.view)).await?;
        }
    }
    let views: Vec<_> = jobs.iter().filter_map(|(entry, _)| Some(&entry.source.as_ref()?.view)).collect();
    let with_new_text = jobs.iter().filter(|(_, job)| job.makes_a_text());
    let with_new_text: Vec<_> = with_new_text.filter_map(|(entry, _)| Some(&entry.source.as_ref()?.view)).collect();
    let texts = observe::texts_of_change(line, &with_new_text).await?;
    let made_now = observe::made(line, &views).await?;
    for (entry, job) in jobs {
        let (Task::Apply { held, schema_is_ours, .. }, Some(source), Some(outline)) =
            (&job.task, &entry.source, &entry.outline)
        else {
            continue;
        };
        // Without a new text the hash stays that of the one that we made: else what others have written would pass for ours.
        let shown_hash = texts.get(&source.view).or(held.as_ref().map(|held| &held.shown_hash));
        let now = Held {
            source_uid: entry.uid.clone(),
            resource: entry.resource.clone(),
            view: source.view.clone(),
            table: source.table.to_string(),
            retained: Retained::No,
            applied_hash: outline.applied_hash.clone(),
            columns_hash: outline.columns_hash.clone(),
            shown_hash: shown_hash.cloned().unwrap_or_default(),
            shown_acl_hash: made_now.place(&source.view, None).acl_hash,
            schema_is_ours: *schema_is_ours,
            granted: source.granted.clone(),
        };
        write_down(line, held.is_some(), &now).await?;
    }
    line.commit().await?;
    *made = made_by_now;
    Ok(())
}

async fn write_down<W: World>(line: &Line<W>, is_there: bool, now: &Held) -> Result<(), Error> {
    if is_there {
        line.run(Section::ForgetDataSource, &of_view(&now.view)).await?;
    }
    let granted: Vec<_> = now.granted.iter().map(ToString::to_string).collect();
    let parameters = of_view(&now.view)
        .text("source_uid", &now.source_uid)
        .text("resource", &now.resource)
        .text("table_text", &now.table)
        .text("source_state", now.retained.as_str())
        .text("applied_hash", &now.applied_hash)
        .text("columns_hash", &now.columns_hash)
        .text("shown_hash", &now.shown_hash)
        .text("shown_acl_hash", &now.shown_acl_hash)
        .text("granted", &granted.join("\n"))
        .integer("schema_is_ours", i64::from(now.schema_is_ours))
        .text("operator_version", env!("CARGO_PKG_VERSION"));
    line.run(Section::WriteDataSource, &parameters).await
}

/// Carries out several acts. From whom is gone nothing is revoked: he is noted, and it is tried again without.
async fn carry_out_all<W: World>(
    line: &Line<W>,
    entry: &Entry,
    view: &ViewName,
    acts: &[Act],
    gone: &mut Gone,
) -> Result<(), Error> {
    for act in acts {
        let revoked = match act {
            Act::Revoke(granted) | Act::RevokeSchema(granted) => Some(granted),
            _ => None,
        };
        if revoked.is_some_and(|granted| gone.0.contains(granted)) {
            continue;
        }
        let done = carry_out(line, entry, view, act).await;
        if let (Err(Error::Statement(error)), Some(granted)) = (&done, revoked)
            && is_gone(error, granted)
        {
            gone.0.insert(granted.clone());
        }
        done?;
    }
    Ok(())
}

/// Whether somebody from whom something was to be revoked isn't there any more.
fn is_gone(error: &StatementError, granted: &Granted) -> bool {
    let name = match granted {
        Granted::Role(name) | Granted::Group(name) | Granted::User(name) => name,
        Granted::Public => return false,
    };
    let StatementFailure::Refused { sqlstate, message, .. } = &error.failure else { return false };
    // undefined_object; Redshift gives other codes for it as well.
    sqlstate == "42704" || message.contains("does not exist") && message.contains(name.as_str())
}

async fn carry_out<W: World>(line: &Line<W>, entry: &Entry, view: &ViewName, act: &Act) -> Result<(), Error> {
    let parameters = of_view(view);
    let with_query = |parameters: Parameters| match &entry.query {
        Some(query) => parameters.fragment("query", query.clone()),
        None => parameters,
    };
    match act {
        Act::CreateSchema => line.run(Section::CreateViewSchema, &parameters).await,
        Act::Create => line.run(Section::CreateView, &with_query(parameters)).await,
        Act::Replace => line.run(Section::ReplaceView, &with_query(parameters)).await,
        Act::Drop => line.run(Section::DropPolicyView, &parameters).await,
        Act::Grant(granted) => line.run(Section::GrantView, &of_grantee(parameters, granted)).await,
        Act::Revoke(granted) => line.run(Section::RevokeView, &of_grantee(parameters, granted)).await,
        Act::RevokeSchema(granted) => line.run(Section::RevokeViewSchema, &of_grantee(parameters, granted)).await,
        Act::DropSchema => line.run(Section::DropViewSchema, &parameters).await,
    }
}

fn of_grantee(parameters: Parameters, granted: &Granted) -> Parameters {
    match granted {
        Granted::Role(name) => parameters.identifier("grantee", name).fact(Fact::MemberIsRole),
        Granted::Group(name) => parameters.identifier("grantee", name).fact(Fact::MemberIsGroup),
        Granted::User(name) => parameters.identifier("grantee", name).fact(Fact::MemberIsUser),
        Granted::Public => parameters.fact(Fact::MemberIsPublic),
    }
}

/// Takes a view away, or leaves it; its row goes with it, or says so.
pub async fn end<W: World>(
    line: &mut Line<W>,
    entry: &Entry,
    job: &Job,
    ours: &BTreeSet<ViewName>,
) -> Result<Result<Done, Failure>, Error> {
    let (held, acts) = match &job.task {
        Task::Apply { .. } | Task::LetGo => return Ok(Ok(Done::All)),
        Task::Retain(held) => (held, &[][..]),
        Task::Remove { held, acts } => (held, acts.as_slice()),
    };
    if let Some(failure) = in_use(line, held, acts, ours).await? {
        return Ok(Err(failure));
    }
    match take_away(line, entry, job, held, acts).await {
        Err(error) if is_kept_schema(&error) => {
            line.roll_back().await?;
            let result = take_away(line, entry, job, held, &with_schema(held, acts)).await;
            Ok(outcome(line, entry, result).await?.map(|_| Done::AllButSchema))
        }
        result => outcome(line, entry, result).await,
    }
}

async fn outcome<W: World>(
    line: &Line<W>,
    entry: &Entry,
    result: Result<(), Error>,
) -> Result<Result<Done, Failure>, Error> {
    match result {
        Ok(()) => Ok(Ok(Done::All)),
        Err(error) => {
            let error = refused(line, error).await?;
            Ok(Err(explain(&error, entry, &line.account)))
        }
    }
}

/// One transaction, once those are known from whom nothing can be revoked.
async fn take_away<W: World>(
    line: &mut Line<W>,
    entry: &Entry,
    job: &Job,
    held: &Held,
    acts: &[Act],
) -> Result<(), Error> {
    let mut gone = Gone::default();
    loop {
        let known = gone.0.len();
        let result = take_away_once(line, entry, job, (held, acts), &mut gone).await;
        if !gone.has_grown(line, known).await? {
            return result;
        }
    }
}

/// One transaction.
async fn take_away_once<W: World>(
    line: &mut Line<W>,
    entry: &Entry,
    job: &Job,
    (held, acts): (&Held, &[Act]),
    gone: &mut Gone,
) -> Result<(), Error> {
    line.wait_shortly().await?;
    line.begin().await?;
    carry_out_all(line, entry, &held.view, acts, gone).await?;
    if let Task::Retain(held) = &job.task {
        write_down(line, true, &Held { retained: Retained::Yes, ..held.clone() }).await?;
    } else {
        line.run(Section::ForgetDataSource, &of_view(&held.view)).await?;
    }
    line.commit().await
}
