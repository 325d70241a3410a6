//! The loop: what triggers a pass, which kind of pass it is, and what is written at its end.
//!
//! A pass reads like this: dereference → validate → observe → plan → apply → report. Each step is a
//! file of its own; only `lifecycle` decides.

mod apply;
mod cleanup;
mod containment;
mod context;
mod create;
mod dereference;
mod edit;
mod error;
mod look;
mod obstacles;
mod ownership;
mod reconcile;
mod refusals;
mod rekey;
#[cfg(test)]
mod replay;
mod resource;
mod secret_content;
mod system_account;
mod watch;

use std::sync::Arc;

use futures::StreamExt;
use futures::future::join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::controller::{Config, Controller, Error as ControllerError};
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher;
use kube::{Api, ResourceExt};
use tracing::{debug, warn};

pub use context::{Context, Settings, set_api_deadline};

use crate::api::{CaBundleKind, RedshiftIntegration};
use crate::telemetry::http::Readiness;

/// How many Secrets' metadata are held at once when they are listed: there can be thousands of them.
const SECRETS_PAGE: u32 = 50;

type Guarded = DeserializeGuard<RedshiftIntegration>;

/// Runs until the process is asked to end; passes under way are finished first.
pub async fn run(context: Arc<Context>, readiness: Readiness) {
    let client = &context.client;
    let controllers: Vec<_> = if context.settings.namespaces.is_empty() {
        vec![(Api::<Guarded>::all(client.clone()), Api::<PartialObjectMeta<Secret>>::all(client.clone()))]
    } else {
        context
            .settings
            .namespaces
            .iter()
            .map(|namespace| (Api::namespaced(client.clone(), namespace), Api::namespaced(client.clone(), namespace)))
            .collect()
    }
    .into_iter()
    .map(|(resources, secrets)| {
        let controller = Controller::new(resources, watcher::Config::default())
            .with_config(Config::default().concurrency(context.settings.concurrency));
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
    context.watch(controllers.iter().map(|(store, _)| store.clone()).collect());
    for (store, _) in &controllers {
        let (store, readiness) = (store.clone(), readiness.clone());
        tokio::spawn(async move {
            if store.wait_until_ready().await.is_ok() {
                readiness.set();
            }
        });
    }
    join_all(controllers.into_iter().map(|(_, controller)| {
        controller.shutdown_on_signal().run(reconcile::reconcile, reconcile::on_error, context.clone()).for_each(
            |result| async move {
                match result {
                    Ok(_) => {}
                    // The client waits longer from failure to failure, and begins anew by itself.
                    Err(ControllerError::QueueError(error)) => {
                        warn!(%error, "{}", advice(&error));
                    }
                    Err(error) => debug!(%error, "a pass ended with an error"),
                }
            },
        )
    }))
    .await;
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
    let refers = |object: &RedshiftIntegration| {
        let config = &object.spec.config;
        let ca_bundle = config.tls.ca_bundle_ref.as_ref();
        config.credentials_secret_ref.as_ref().is_some_and(|reference| reference.name == name)
            || ca_bundle.is_some_and(|bundle| bundle.kind == CaBundleKind::Secret && bundle.name == name)
            || system_account::name(object) == name
    };
    store
        .state()
        .iter()
        .filter(|object| object.namespace() == secret.namespace())
        .filter(|object| object.0.as_ref().is_ok_and(refers))
        .map(|object| ObjectRef::from_obj(&**object))
        .collect()
}
