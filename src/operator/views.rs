//! What is for integrations, data sources and profiles: what triggers a pass on it, and when.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, Stream, StreamExt, stream};
use kube::runtime::scheduler::{ScheduleRequest, scheduler};
use kube::runtime::watcher;
use kube::{Client, ResourceExt};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, info_span, warn};

use super::containment::{contained, contained_at_once};
use super::controllers::{AFTER_A_MISTAKE, Guarded, PAGE, WATCH_SECONDS, api};
use super::follow::follow;
use super::places::Places;
use crate::adapters::{Listed, Real, holding};
use crate::api::{Kind, RedshiftUserProfile, RedshiftUserProfileSource};
use crate::ports::{Kept, KeptDataSource, Key, Version};
use crate::reconcile::{Context, Next, views};
use crate::telemetry::{Contact, Health};

/// What a pass is due for.
#[derive(Clone, Debug)]
pub enum Wake {
    /// Something was changed that is for this integration, or itself.
    Changed(Key),
    /// So were the files that its profiles are read from.
    Files(Key),
}

/// Where to say so; cheap to clone.
#[derive(Clone, Debug)]
pub struct Waker(mpsc::UnboundedSender<Wake>);

impl Waker {
    /// One, and who hears it.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Wake>) {
        let (send, receive) = mpsc::unbounded_channel();
        (Self(send), receive)
    }

    /// Has a pass made.
    pub fn wake(&self, wake: Wake) {
        // Nobody hears it at the end of the process.
        let _ = self.0.send(wake);
    }
}

/// Watches a kind whose resources are for integrations.
fn watch<T>(
    client: &Client,
    namespace: Option<&str>,
    deadline: Duration,
    contact: Contact,
    waker: Waker,
) -> (Listed<T>, BoxStream<'static, ()>)
where
    T: Kept + Send + Sync + 'static,
    T::Resource: Send + Sync + 'static,
{
    let listed = Listed::default();
    let events = follow(
        api::<Guarded<T::Resource>>(client, namespace),
        watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE),
        deadline,
        contact,
    );
    let told = listed.clone();
    let woken = events.map(move |event| {
        for integration in told.take_in(event) {
            waker.wake(Wake::Changed(integration));
        }
    });
    (listed, woken.boxed())
}

/// Tells of `ConfigMaps` that profiles are read from.
pub struct Files {
    sources: Listed<RedshiftUserProfileSource>,
    waker: Waker,
    /// Those that were meant when they were told of last: a list tells again of what is as it was, and one that has lost its label
    /// has to be missed.
    meant: HashMap<Key, Version>,
}

impl Files {
    /// Of which nothing was told yet.
    pub fn new(sources: Listed<RedshiftUserProfileSource>, waker: Waker) -> Self {
        Self { sources, waker, meant: HashMap::new() }
    }

    /// One is there as it is told of, by a list or since it was made or changed.
    pub fn told(&mut self, object: &impl ResourceExt) {
        let (key, version) = (Key::of(object), Version::of(object));
        let meant_now = self.read_by(object, false);
        let known = if meant_now.is_empty() { self.meant.remove(&key) } else { self.meant.insert(key, version) };
        match known {
            Some(known) if known == version => {}
            // Whoever read it before misses it.
            Some(_) => self.wake(self.read_by(object, true)),
            None => self.wake(meant_now),
        }
    }

    /// One is gone.
    pub fn gone(&mut self, object: &impl ResourceExt) {
        let was_meant = self.meant.remove(&Key::of(object)).is_some();
        let integrations = self.read_by(object, was_meant);
        self.wake(integrations);
    }

    fn wake(&self, integrations: Vec<Key>) {
        for key in integrations {
            self.waker.wake(Wake::Files(key));
        }
    }

    /// The integrations whose sources read it, or may have read it before.
    fn read_by(&self, object: &impl ResourceExt, was_meant: bool) -> Vec<Key> {
        let key = Key::of(object);
        let beside = self.sources.in_namespace(&key.namespace);
        let reads = |source: &&Arc<RedshiftUserProfileSource>| {
            let maps = &source.spec.config_maps;
            maps.names.contains(&key.name)
                || maps.selector.as_ref().is_some_and(|selector| was_meant || selector.selects(object))
        };
        let read_by = beside.iter().filter(reads);
        read_by.map(|source| Key::beside(&**source, source.spec.integration_ref.name.clone())).collect()
    }
}

type Ending = (Key, Option<Next>);

/// Makes passes, for as long as anybody asks; none for one integration while there is one.
pub async fn run(
    context: Arc<Context<Real>>,
    wakes: mpsc::UnboundedReceiver<Wake>,
    places: Places,
    watches: impl Stream<Item = ()> + Send,
) {
    let (again, due_again) = mpsc::unbounded_channel::<ScheduleRequest<Key>>();
    let due_again = stream::unfold(due_again, |mut due| async move { due.recv().await.map(|request| (request, due)) });
    // A team applies together what belongs together: a second, with the usual settings.
    let together = context.settings.backoff.initial / 2;
    let for_files = context.clone();
    let wakes = stream::unfold(wakes, |mut wakes| async move { wakes.recv().await.map(|wake| (wake, wakes)) });
    let woken = wakes.map(move |wake| {
        let key = match wake {
            Wake::Changed(key) => key,
            Wake::Files(key) => {
                views::files_changed(&for_files, &key);
                key
            }
        };
        ScheduleRequest { message: key, run_at: (Instant::now() + together).into() }
    });
    let mut due = std::pin::pin!(scheduler(stream::select(woken.boxed(), due_again.boxed())));
    let mut watches = std::pin::pin!(watches);
    let mut running: FuturesUnordered<BoxFuture<'static, Ending>> = FuturesUnordered::new();
    let mut at_work: HashSet<Key> = HashSet::new();
    loop {
        let idle = |key: &Key| !at_work.contains(key);
        tokio::select! {
            Some(()) = watches.next() => {}
            Some(key) = async { due.as_mut().hold_unless(idle).next().await } => {
                at_work.insert(key.clone());
                running.push(in_turn(context.clone(), key, places.clone()).boxed());
            }
            Some((key, next)) = running.next(), if !running.is_empty() => {
                if let Some(Next::After(delay)) = next {
                    let _ = again.send(ScheduleRequest { message: key.clone(), run_at: (Instant::now() + delay).into() });
                }
                at_work.remove(&key);
            }
            else => return,
        }
    }
}

/// A pass, when it is its turn; none, if the process is about to end.
async fn in_turn(context: Arc<Context<Real>>, key: Key, places: Places) -> Ending {
    // It takes nobody's place.
    if let Some(next) = contained_at_once(|| views::without_a_pass(&context, &key)).ok().flatten() {
        return (key, Some(next));
    }
    let Some(place) = places.take(&key.namespace).await else { return (key, None) };
    let pass = tokio::spawn(holding(Arc::new(place), Box::pin(pass(context, key.clone()))));
    let next = AbortOnDropHandle::new(pass).await.ok();
    (key, next)
}

async fn pass(context: Arc<Context<Real>>, key: Key) -> Next {
    let span = info_span!("views", namespace = key.namespace, name = key.name);
    let counts = context.metrics.of(Kind::RedshiftDataSource.controller());
    let (_active, started) = (counts.reconcile_started(), Instant::now());
    let passed = contained(views::pass(&*context, &key).instrument(span)).await;
    let failed = || contained_at_once(|| views::after_error(&context, &key)).unwrap_or(AFTER_A_MISTAKE);
    let (word, next) = match passed {
        Ok(Ok(Next::OnChange)) => ("success", Next::OnChange),
        Ok(Ok(next)) => ("requeue_after", next),
        Ok(Err(error)) => {
            let delay = failed();
            warn!(integration = %key, %error, ?delay, "a pass failed");
            ("error", Next::After(delay))
        }
        Err(_) => {
            counts.reconcile_panicked();
            ("error", Next::After(failed()))
        }
    };
    counts.reconcile_ended(word, started.elapsed());
    next
}

/// Watches of the kinds that are for integrations, in one namespace or in all.
pub struct Watches {
    /// The data sources.
    pub data_sources: Listed<KeptDataSource>,
    /// The profiles of one user each.
    pub profiles: Listed<RedshiftUserProfile>,
    /// The profiles of many.
    pub profile_sources: Listed<RedshiftUserProfileSource>,
}

/// Begins to watch them.
pub fn watch_all(
    client: &Client,
    namespace: Option<&str>,
    deadline: Duration,
    health: &Health,
    waker: &Waker,
) -> (Watches, impl Stream<Item = ()> + use<>) {
    let contact = |what: &str| {
        health.contact(match namespace {
            None => format!("the watch of {what}"),
            Some(namespace) => format!("the watch of {what} in {namespace}"),
        })
    };
    let about = contact("RedshiftDataSources");
    let (data_sources, of_data_sources) = watch(client, namespace, deadline, about, waker.clone());
    let about = contact("RedshiftUserProfiles");
    let (profiles, of_profiles) = watch(client, namespace, deadline, about, waker.clone());
    let about = contact("RedshiftUserProfileSources");
    let (profile_sources, of_profile_sources) = watch(client, namespace, deadline, about, waker.clone());
    let all = stream::select_all([of_data_sources, of_profiles, of_profile_sources]);
    (Watches { data_sources, profiles, profile_sources }, all)
}
