//! The controllers, one for each kind: what triggers a pass, and what kube makes of its end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::{FutureExt, Stream, StreamExt, stream};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::NamespaceResourceScope;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::applier;
use kube::runtime::controller::{Action, Config};
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Resource, ResourceExt};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, debug, error, info, info_span, warn};

use super::containment::{contained, contained_at_once};
use super::follow::follow;
use super::places::Places;
use super::signals::Signals;
use super::views::{self, Files, Wake, Waker, Watches};
use crate::adapters::{Real, Versions, Watch, holding};
use crate::api::RedshiftIntegration;
use crate::lifecycle::Failure;
use crate::ports::{Key, Referent, Version, leave_out, lighten};
use crate::reconcile::integration::{self, Error, KIND};
use crate::reconcile::{Context, Next};
use crate::telemetry::Health;

/// How many resources are held at once, in all forms that they take on the way, when they are listed: there can be thousands of
/// them, and not all that a page takes is given back to the system.
pub const PAGE: u32 = 25;

/// Of how many Secrets or `ConfigMaps` the metadata are.
const METADATA_PAGE: u32 = 50;

/// The wait after a failure if it can't be worked out.
pub const AFTER_A_MISTAKE: Duration = Duration::from_secs(30);

/// How long a watch lasts before it is renewed, in seconds. A connection that is dead without having been closed is found out
/// soon after, so it is shorter than usual.
pub const WATCH_SECONDS: u32 = 120;

/// A resource that this version may not be able to read.
pub type Guarded<K = RedshiftIntegration> = DeserializeGuard<K>;

/// What is watched.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Namespaces to watch; all of them when empty.
    pub namespaces: Vec<String>,
    /// The longest wait for a page of a list.
    pub api_deadline: Duration,
}

/// Runs until the process is asked to end and the passes under way have ended. Dropped, it ends them where they wait
/// next; the places are empty when they are gone.
pub async fn run(context: Arc<Context<Real>>, scope: &Scope, places: &Places, health: &Health, signals: &Signals) {
    let client = context.kubernetes.client();
    let namespaces: Vec<_> =
        if scope.namespaces.is_empty() { vec![None] } else { scope.namespaces.iter().map(Some).collect() };
    let (waker, heard) = Waker::new();
    let (mut of_views, mut watched) = (Vec::new(), Vec::new());
    for namespace in namespaces {
        let namespace = namespace.map(String::as_str);
        let (of_these, events) = views::watch_all(client, namespace, scope.api_deadline, health, &waker);
        of_views.push(events.boxed());
        watched.push(watch(client, namespace, scope.api_deadline, health, of_these, &waker));
    }
    context.kubernetes.watch(watched.iter().map(|(watch, _)| watch.clone()).collect());
    let passes_on_views = views::run(context.clone(), heard, places.clone(), stream::select_all(of_views));
    let controllers = watched.into_iter().map(|(Watch { resources, .. }, queue)| {
        let places = places.clone();
        // Unbounded here: this queue gives its places away in no order.
        let config = Config::default().concurrency(0);
        let begin = move |object, context| {
            // A task of its own, so that a pass that computes keeps no other waiting.
            let pass = AbortOnDropHandle::new(tokio::spawn(in_turn(object, context, places.clone())));
            pass.map(|ended| ended.unwrap_or_else(|_| Ok(Action::await_change())))
        };
        applier(begin, on_error, context.clone(), resources, queue.map(Ok::<_, Infallible>), config).for_each(
            |result| {
                if let Err(error) = result {
                    debug!(%error, "a pass ended with an error");
                }
                std::future::ready(())
            },
        )
    });
    tokio::select! {
        _ = join_all(controllers) => {}
        () = passes_on_views => {}
        () = async {
            signals.first().await;
            places.close();
            info!(passes = places.running(), "asked to end; the passes under way are finished first");
            places.empty().await;
        } => {}
    }
}

/// What is kept of the resources, and which of them a pass is to look at.
fn watch(
    client: &Client,
    namespace: Option<&str>,
    deadline: Duration,
    health: &Health,
    Watches { data_sources, profiles, profile_sources }: Watches,
    waker: &Waker,
) -> (Watch, impl Stream<Item = ObjectRef<Guarded>> + use<>) {
    let (store, mut writer) = reflector::store::<Guarded>();
    let resources: Api<Guarded> = api(client, namespace);
    let contact = |what: &str| {
        health.contact(match namespace {
            None => format!("the watch of {what}"),
            Some(namespace) => format!("the watch of {what} in {namespace}"),
        })
    };
    let of_pages = |size| watcher::Config::default().timeout(WATCH_SECONDS).page_size(size);
    let resources = follow(resources, of_pages(PAGE), deadline, contact("RedshiftIntegrations"));
    let mut listed = Vec::new();
    let of_views = waker.clone();
    let changed = resources.map(lightened).flat_map(move |event| {
        writer.apply_watcher_event(&event);
        if let Event::InitApply(object) | Event::Apply(object) | Event::Delete(object) = &event {
            of_views.wake(Wake::Changed(Key::of(object)));
        }
        stream::iter(match event {
            Event::Init => {
                listed.clear();
                Vec::new()
            }
            // Not before the list is complete: until then it is not what is kept.
            Event::InitApply(object) => {
                listed.push(ObjectRef::from_obj(&object));
                Vec::new()
            }
            Event::InitDone => std::mem::take(&mut listed),
            Event::Apply(object) => vec![ObjectRef::from_obj(&object)],
            Event::Delete(_) => Vec::new(),
        })
    });
    // Metadata alone, of which the versions are kept: unrelated Secrets and ConfigMaps cost next to nothing.
    let config = of_pages(METADATA_PAGE);
    let watch = Watch {
        namespace: namespace.map(str::to_owned),
        resources: store,
        secrets: Arc::new(Versions::default()),
        config_maps: Arc::new(Versions::default()),
        data_sources,
        profiles,
        profile_sources,
    };
    let secrets: Api<PartialObjectMeta<Secret>> = api(client, namespace);
    let secrets = follow(secrets, config.clone(), deadline, contact("Secrets"));
    let config_maps: Api<PartialObjectMeta<ConfigMap>> = api(client, namespace);
    let mut files = Files::new(watch.profile_sources.clone(), waker.clone());
    let config_maps = follow(config_maps, config, deadline, contact("ConfigMaps")).inspect(move |event| match event {
        Event::InitApply(object) | Event::Apply(object) => files.told(object),
        Event::Delete(object) => files.gone(object),
        Event::Init | Event::InitDone => {}
    });
    let referring = stream::select(
        referring(secrets, Referent::Secret, watch.secrets.clone(), watch.resources.clone()),
        referring(config_maps, Referent::ConfigMap, watch.config_maps.clone(), watch.resources.clone()),
    );
    (watch, stream::select(changed.boxed(), referring.boxed()))
}

/// Of one namespace, or of all.
pub fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    match namespace {
        None => Api::all(client.clone()),
        Some(namespace) => Api::namespaced(client.clone(), namespace),
    }
}

/// Of a resource, what is kept.
fn lightened(mut event: Event<Guarded>) -> Event<Guarded> {
    if let Event::Apply(object) | Event::InitApply(object) = &mut event {
        match &mut object.0 {
            Ok(integration) => lighten(integration),
            Err(_) => leave_out(object),
        }
    }
    event
}

/// The resources that refer to something which has changed; the versions are kept.
fn referring<K: ResourceExt>(
    events: impl Stream<Item = Event<K>>,
    referent: Referent,
    versions: Arc<Versions>,
    resources: Store<Guarded>,
) -> impl Stream<Item = ObjectRef<Guarded>> {
    events.flat_map(move |event| {
        // Kept before anybody is woken by it.
        stream::iter(match event {
            Event::Init => {
                versions.begin_list();
                Vec::new()
            }
            Event::InitApply(object) => {
                versions.list(&Key::of(&object), Version::of(&object));
                Vec::new()
            }
            Event::InitDone => {
                let news = versions.end_list();
                referring_to(&resources, |kind, key| kind == referent && news.is_of(key))
            }
            Event::Apply(object) => {
                versions.changed(&Key::of(&object), Version::of(&object));
                referring_to(&resources, |kind, key| kind == referent && *key == Key::of(&object))
            }
            Event::Delete(object) => {
                versions.deleted(&Key::of(&object));
                referring_to(&resources, |kind, key| kind == referent && *key == Key::of(&object))
            }
        })
    })
}

/// A pass, when it is its turn; none, if the process is about to end.
async fn in_turn(guarded: Arc<Guarded>, context: Arc<Context<Real>>, places: Places) -> Result<Action, Error> {
    let Some(place) = places.take(&guarded.namespace().unwrap_or_default()).await else {
        return Ok(Action::await_change());
    };
    // In a box of its own: thousands may wait, and what they wait for is large.
    holding(Arc::new(place), Box::pin(reconcile(guarded, context))).await
}

/// One pass.
async fn reconcile(guarded: Arc<Guarded>, context: Arc<Context<Real>>) -> Result<Action, Error> {
    if guarded.0.is_err() {
        // What can't be read of it isn't quoted: nobody knows what was written there.
        error!(
            "the resource can't be read by this version of the operator; compare it with its CustomResourceDefinition"
        );
        return Ok(Action::await_change());
    }
    let key = Key::of(&*guarded);
    let span = info_span!("reconcile", namespace = key.namespace, name = key.name);
    let started = Instant::now();
    let _active = context.metrics.of(KIND.controller()).reconcile_started();
    let uid = guarded.uid().unwrap_or_default();
    let passed = contained(integration::pass(&*context, &key, &uid).instrument(span.clone())).await;
    let result = match passed {
        Ok(result) => result,
        Err(panicked) => {
            context.metrics.of(KIND.controller()).reconcile_panicked();
            let shown = integration::give_up(&*context, &key, panicked.into()).instrument(span);
            contained(shown).await.unwrap_or_else(|panicked| Err(Failure::from(panicked).into()))
        }
    };
    let word = match &result {
        Ok(Next::OnChange) => "success",
        Ok(Next::After(_)) => "requeue_after",
        Err(_) => "error",
    };
    context.metrics.of(KIND.controller()).reconcile_ended(word, started.elapsed());
    result.map(action)
}

fn action(next: Next) -> Action {
    match next {
        Next::OnChange => Action::await_change(),
        Next::After(delay) => Action::requeue(delay),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over what it has")]
fn on_error(guarded: Arc<Guarded>, error: &Error, context: Arc<Context<Real>>) -> Action {
    // Here too: what fails a pass may fail what follows it, and this is nobody's pass.
    let uid = guarded.uid().unwrap_or_default();
    let delay = contained_at_once(|| integration::after_error(&context, &uid)).unwrap_or(AFTER_A_MISTAKE);
    warn!(name = guarded.name_any(), %error, ?delay, "a pass failed");
    Action::requeue(delay)
}

/// The resources that refer to something which is meant.
fn referring_to(store: &Store<Guarded>, is_meant: impl Fn(Referent, &Key) -> bool) -> Vec<ObjectRef<Guarded>> {
    let refers = |object: &RedshiftIntegration| {
        integration::referents_of(object).any(|(referent, name)| is_meant(referent, &Key::beside(object, name)))
    };
    let objects = store.state();
    let referring = objects.iter().filter(|object| object.0.as_ref().is_ok_and(refers));
    referring.map(|object| ObjectRef::from_obj(&**object)).collect()
}
