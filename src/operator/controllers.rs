//! The controllers, one for each kind: what triggers a pass, and what kube makes of its end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::controller::{Action, Config, Controller, Error as ControllerError};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use tracing::{Instrument, debug, error, info_span, warn};

use super::containment::contained;
use crate::adapters::Real;
use crate::api::RedshiftIntegration;
use crate::lifecycle::Failure;
use crate::ports::Key;
use crate::reconcile::integration::{self, Error};
use crate::reconcile::{Context, Next};
use crate::telemetry::http::Readiness;

/// How many Secrets' metadata are held at once when they are listed: there can be thousands of them.
const SECRETS_PAGE: u32 = 50;

type Guarded = DeserializeGuard<RedshiftIntegration>;

/// What is watched, and how much of it is worked on at once.
#[derive(Clone, Debug)]
pub struct Scope {
    /// Namespaces to watch; all of them when empty.
    pub namespaces: Vec<String>,
    /// How many resources are worked on at once.
    pub concurrency: u16,
}

/// Runs until the process is asked to end; passes under way are finished first.
pub async fn run(context: Arc<Context<Real>>, scope: Scope, readiness: Readiness) {
    let client = context.kubernetes.client();
    let controllers: Vec<_> = if scope.namespaces.is_empty() {
        vec![(Api::<Guarded>::all(client.clone()), Api::<PartialObjectMeta<Secret>>::all(client.clone()))]
    } else {
        let both = |namespace: &String| {
            (Api::namespaced(client.clone(), namespace), Api::namespaced(client.clone(), namespace))
        };
        scope.namespaces.iter().map(both).collect()
    }
    .into_iter()
    .map(|(resources, secrets)| {
        let controller = Controller::new(resources, watcher::Config::default())
            .with_config(Config::default().concurrency(scope.concurrency));
        let store = controller.store();
        // Metadata alone, and none of it is kept: unrelated Secrets cost nothing.
        let mapped = store.clone();
        let controller =
            controller.watches(secrets, watcher::Config::default().page_size(SECRETS_PAGE), move |secret| {
                referring_to(&mapped, &secret)
            });
        (store, controller)
    })
    .collect();
    context.kubernetes.watch(controllers.iter().map(|(store, _)| store.clone()).collect());
    for (store, _) in &controllers {
        let (store, readiness) = (store.clone(), readiness.clone());
        tokio::spawn(async move {
            if store.wait_until_ready().await.is_ok() {
                readiness.set();
            }
        });
    }
    join_all(controllers.into_iter().map(|(_, controller)| {
        controller.shutdown_on_signal().run(reconcile, on_error, context.clone()).for_each(|result| async move {
            match result {
                Ok(_) => {}
                // The client waits longer from failure to failure, and begins anew by itself.
                Err(ControllerError::QueueError(error)) => {
                    warn!(%error, "{}", advice(&error));
                }
                Err(error) => debug!(%error, "a pass ended with an error"),
            }
        })
    }))
    .await;
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
    context.metrics.reconcile_started();
    let uid = guarded.uid().unwrap_or_default();
    let passed = contained(integration::pass(&*context, &key, &uid).instrument(span.clone())).await;
    let result = match passed {
        Ok(result) => result,
        Err(panicked) => {
            context.metrics.reconcile_panicked();
            let shown = integration::give_up(&*context, &key, panicked.into()).instrument(span);
            contained(shown).await.unwrap_or_else(|panicked| Err(Failure::from(panicked).into()))
        }
    };
    let word = match &result {
        Ok(Next::OnChange) => "success",
        Ok(Next::After(_)) => "requeue_after",
        Err(_) => "error",
    };
    context.metrics.reconcile_ended(word, started.elapsed());
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
    let delay: Duration = integration::after_error(&context, &guarded.uid().unwrap_or_default());
    warn!(name = guarded.name_any(), %error, ?delay, "a pass failed");
    Action::requeue(delay)
}

/// What an administrator is told when nothing can be watched.
fn advice(error: &watcher::Error) -> &'static str {
    let (watcher::Error::InitialListFailed(source)
    | watcher::Error::WatchStartFailed(source)
    | watcher::Error::WatchFailed(source)) = error
    else {
        return "a watch was interrupted and begins anew";
    };
    match source {
        kube::Error::Api(status) if status.code == 404 => {
            "the resources can't be watched: the CustomResourceDefinition isn't there; apply it, and the operator goes on \
             by itself"
        }
        kube::Error::Api(status) if status.code == 403 => {
            "the resources or Secrets can't be watched: the operator isn't allowed to; apply the RBAC of the chart"
        }
        _ => "the resources or Secrets can't be watched right now; it is tried again",
    }
}

/// The resources that a Secret is for.
fn referring_to(store: &Store<Guarded>, secret: &PartialObjectMeta<Secret>) -> Vec<ObjectRef<Guarded>> {
    let name = secret.name_any();
    store
        .state()
        .iter()
        .filter(|object| object.namespace() == secret.namespace())
        .filter(|object| object.0.as_ref().is_ok_and(|object| integration::refers_to(object, &name)))
        .map(|object| ObjectRef::from_obj(&**object))
        .collect()
}
