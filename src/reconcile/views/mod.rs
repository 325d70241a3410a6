//! One pass on what is for an integration: its data sources, and the profiles of users. One connection, as the system account.
//!
//! A pass reads like this: gather → log in → observe → what profiles take away → views → what profiles give → report. What is to
//! be done is decided in `policy`.

mod apply;
mod basis;
mod data_sources;
mod entry;
mod explain;
mod ground;
mod job;
mod line;
mod observe;
mod profiles;
mod resources;
mod there;

use std::time::Duration;

use tracing::{debug, info, warn};

pub use basis::{Basis, files_changed};

use self::basis::{Looked, Parts};
use self::data_sources::Views;
use self::ground::Ground;
use self::line::Line;
use self::profiles::{Difference, Profiles};
use super::Context;
use super::integration::Error;
use super::pace::Next;
use crate::api::{Reason, RedshiftIntegration};
use crate::lifecycle::{Failure, cadence};
use crate::ports::{Host, Key, Kubernetes, News, Object, PolicyResources, World};

/// How long something is waited for that is a matter of moments.
const SHORTLY: Duration = Duration::from_secs(1);

/// What a pass works on.
struct Pass<'a, W: World> {
    context: &'a Context<W>,
    key: &'a Key,
    resources: PolicyResources,
    parts: Parts,
}

/// One pass on what is for the integration of that name, whether there is one or not.
///
/// # Errors
///
/// If the API server refuses or doesn't answer.
pub async fn pass<W: World>(context: &Context<W>, key: &Key) -> Result<Next, Error> {
    let Some(resources) = context.kubernetes.policy_resources(key) else { return Ok(Next::After(SHORTLY)) };
    let integration = context.kubernetes.told(key);
    context.dependents.keep(&key.to_string(), resources.uids());
    if !concerns_anybody(integration.as_ref(), &resources) {
        context.views.forget(&key.to_string());
        context.metrics.forget_views(&key.namespace, &key.name, &data_sources::STATES);
        return Ok(Next::OnChange);
    }
    let now = basis::fingerprints(integration.as_ref(), &resources);
    let parts = match basis::due(context, key, now) {
        Ok(parts) => parts,
        Err(next) => return Ok(next),
    };
    let mut pass = Pass { context, key, resources, parts };
    match pass.run(integration.as_ref()).await? {
        Ended::Busy => Ok(Next::After(SHORTLY)),
        Ended::Done(looked) => Ok(basis::remember(context, key, now, looked)),
    }
}

/// What there is to do without a pass: nothing, as for most integrations, or to wait until the watches have told what there is.
/// `None` if there is something that a pass would look at.
pub fn without_a_pass<W: World>(context: &Context<W>, key: &Key) -> Option<Next> {
    let is_known = context.views.of(&key.to_string()).basis.is_some();
    match context.kubernetes.policy_resources(key) {
        None => Some(Next::After(SHORTLY)),
        Some(resources) if is_known || concerns_anybody(context.kubernetes.told(key).as_ref(), &resources) => None,
        Some(_) => Some(Next::OnChange),
    }
}

/// What to do after an error that no status tells of: those of the API server.
pub fn after_error<W: World>(context: &Context<W>, key: &Key) -> Duration {
    let name = key.to_string();
    let mut memory = context.views.of(&name);
    memory.failures = memory.failures.saturating_add(1);
    memory.basis = None;
    let delay = context.settings.backoff.delay(memory.failures, context.host.random());
    context.views.remember(&name, memory);
    delay
}

/// Whether there is anything to look at: resources, or an integration that may still hold what those said that are gone.
fn concerns_anybody(integration: Option<&RedshiftIntegration>, resources: &PolicyResources) -> bool {
    let has_views =
        |it: &RedshiftIntegration| it.spec.config.policy_views.enabled && it.metadata.deletion_timestamp.is_none();
    !resources.is_empty() || integration.is_some_and(has_views)
}

/// How a pass has ended.
enum Ended {
    /// Somebody else works on the warehouse.
    Busy,
    /// It has come to its end.
    Done(Looked),
}

impl<W: World> Pass<'_, W> {
    /// Tells people of what is in the way of a resource: once, as long as it stays the same.
    fn warn<K: Object>(&self, object: &K, reason: Reason, note: String) {
        let uid = object.meta().uid.as_deref().unwrap_or_default();
        if self.context.dependents.tells(&self.key.to_string(), uid, note.clone()) {
            let news = News { is_warning: true, reason, action: "Apply", note };
            self.context.kubernetes.publish(object, news);
        }
    }

    /// Whether what the watch has told of a resource may be older than what was written to it last.
    fn may_be_old(&self, uid: &str, version: Option<&str>) -> bool {
        self.context.dependents.may_be_old(&self.key.to_string(), uid, version)
    }

    async fn run(&mut self, integration: Option<&RedshiftIntegration>) -> Result<Ended, Error> {
        // But for deletions.
        let is_going = self.resources.data_sources.iter().any(|it| it.is_deleted());
        if integration.is_some_and(|it| it.spec.suspend) && !is_going {
            return Ok(Ended::Done(Looked { done: self.parts, interval: None, is_waiting: false, counter: None }));
        }
        let ground = match Ground::of(self.context, self.key, integration).await? {
            Ok(ground) => ground,
            Err(why) => return self.without_a_warehouse(&why).await,
        };
        let Some(_working) = self.context.busy.begin(&ground.endpoint) else { return Ok(Ended::Busy) };
        // A database may be slow, and what is waited for is large.
        Box::pin(self.on_the_warehouse(&ground)).await
    }

    /// Nothing can be done in the warehouse; what was never there can go.
    async fn without_a_warehouse(&mut self, why: &Failure) -> Result<Ended, Error> {
        // Of what wasn't to be looked at, nothing new is known; nor would the next pass look at it, and take back what was said.
        if self.parts.views {
            Views::new(&self.resources.data_sources).without_a_warehouse(self, why).await?;
        }
        if self.parts.profiles {
            profiles::report_failure(self, why).await?;
        }
        // What ends these is told by a watch; what ends anything else nobody tells.
        let is_waiting = ![Reason::IntegrationMissing, Reason::PolicyViewsDisabled].contains(&why.reason);
        let done = Parts { views: !is_waiting, profiles: !is_waiting };
        Ok(Ended::Done(Looked { done, interval: None, is_waiting, counter: None }))
    }

    async fn on_the_warehouse(&mut self, ground: &Ground) -> Result<Ended, Error> {
        let line = match Line::open(self.context, ground).await {
            Ok(line) => line,
            Err(error) => return self.interrupted(&error.failure()).await,
        };
        match self.look_and_act(ground, line).await {
            Ok(looked) => Ok(Ended::Done(looked)),
            Err(error @ Error::Api { .. }) => Err(error),
            // What was found out, or done, before it was lost is found again.
            Err(error) => self.interrupted(&error.failure()).await,
        }
    }

    /// The warehouse is in the way, and what a person does about that, nobody tells: it is tried again, and all of it is looked at
    /// then. What is to be taken from users may not have been.
    async fn interrupted(&mut self, why: &Failure) -> Result<Ended, Error> {
        self.without_a_warehouse(why).await?;
        let done = Parts { views: false, profiles: false };
        Ok(Ended::Done(Looked { done, interval: None, is_waiting: true, counter: None }))
    }

    async fn look_and_act(&mut self, ground: &Ground, mut line: Line<W>) -> Result<Looked, Error> {
        let seen = observe::data_sources(&line).await?;
        line.meet(&seen)?;
        if !basis::is_alone(self.context, self.key, seen.fencing_counter) {
            self.parts = Parts { views: true, profiles: true };
        }
        let mut views = Views::new(&self.resources.data_sources);
        if self.parts.views {
            views.look(self, ground, &line, seen.held).await?;
        }
        let mut profiles =
            if self.parts.profiles && ground.is_enabled { Some(Profiles::gather(self).await?) } else { None };
        let difference = match &mut profiles {
            Some(profiles) => profiles.compare(&line).await?,
            None => Difference::default(),
        };
        debug!(integration = %self.key, changes = views.has_changes(), profiles = !difference.is_nothing(), "compared");
        let to_write = profiles.as_ref().filter(|_| !difference.is_nothing());
        if let Some(profiles) = to_write {
            profiles.bring(self, &line, &difference).await?;
            if views.has_changes() {
                profiles.take_away(&mut line).await?;
            }
        }
        if let Err(error) = views.apply(self, &mut line).await {
            // What came to its end before is told: the next pass finds it as it is to be, and goes on behind it.
            views.report(self).await?;
            if let Error::Api { .. } = error {
                return Err(error);
            }
            warn!(integration = %self.key, %error, "a pass on views was interrupted");
            let done = Parts { views: false, profiles: false };
            return Ok(Looked { done, interval: None, is_waiting: true, counter: None });
        }
        if let Some(profiles) = to_write {
            profiles.write(&mut line).await?;
            let (written, removed) = (difference.written.len(), difference.removed.len());
            info!(integration = %self.key, written, removed, "profiles were written");
        }
        self.context.metrics.view_transactions(&self.key.namespace, &self.key.name, line.transactions);
        let is_waiting = views.report(self).await?;
        if let Some(profiles) = &profiles {
            profiles.report(self).await?;
        }
        let chance = self.context.host.random();
        let interval = ground.is_enabled.then(|| cadence::until_next_look(ground.interval, chance));
        Ok(Looked { done: self.parts, interval, is_waiting, counter: Some(line.counter()) })
    }
}
