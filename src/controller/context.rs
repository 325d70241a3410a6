//! What every pass shares: clients, settings, and what the operator remembers between passes.
//!
//! Memory is for pace alone. Whether something is ours, or done, is read from the warehouse and from
//! Kubernetes each time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::Store;

use crate::api::RedshiftIntegration;
use crate::lifecycle::backoff::Backoff;
use crate::redshift::{Connector, Endpoint};
use crate::telemetry::{Metrics, events::Publisher};

/// The operator's settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Namespaces to watch; all of them when empty.
    pub namespaces: Vec<String>,
    /// Whether a Secret is used only for the hosts that its annotation names.
    pub require_secret_hosts: bool,
    /// How many resources are worked on at once.
    pub concurrency: u16,
    /// How long to wait after a failure.
    pub backoff: Backoff,
}

/// Longest wait for one answer of the API server. The client repeats refused requests by itself, so
/// that a request without a bound could go on for minutes.
static API_DEADLINE: OnceLock<Duration> = OnceLock::new();

/// Bounds the wait for answers of the API server; once, before the first pass.
pub fn set_api_deadline(deadline: Duration) {
    // A second call would be a mistake in the program and changes nothing.
    let _ = API_DEADLINE.set(deadline);
}

/// The bound.
pub fn api_deadline() -> Duration {
    *API_DEADLINE.get_or_init(|| Duration::from_secs(30))
}

/// What every pass shares.
pub struct Context {
    /// To the API server.
    pub client: Client,
    /// To warehouses.
    pub connector: Connector,
    /// Publishes events.
    pub events: Publisher,
    /// Counts.
    pub metrics: Metrics,
    /// The operator's settings.
    pub settings: Settings,
    stores: OnceLock<Vec<Store<DeserializeGuard<RedshiftIntegration>>>>,
    warehouses: Mutex<HashMap<Endpoint, Arc<tokio::sync::Mutex<()>>>>,
    memories: Mutex<HashMap<String, Memory>>,
}

/// What is remembered of one resource.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What the last pass was based on.
    pub fingerprint: Option<String>,
    /// Failures in a row.
    pub failures: u32,
    /// Not to be worked on before, unless something changed.
    pub not_before: Option<Instant>,
}

impl Context {
    /// A context.
    #[must_use]
    pub fn new(client: Client, connector: Connector, events: Publisher, metrics: Metrics, settings: Settings) -> Self {
        Self {
            client,
            connector,
            events,
            metrics,
            settings,
            stores: OnceLock::new(),
            warehouses: Mutex::default(),
            memories: Mutex::default(),
        }
    }

    /// Tells where the watched resources are kept; once, before the first pass.
    pub fn watch(&self, stores: Vec<Store<DeserializeGuard<RedshiftIntegration>>>) {
        // A second call would be a mistake in the program and changes nothing.
        let _ = self.stores.set(stores);
    }

    /// The other resources for a warehouse, over all watched namespaces.
    pub fn others(
        &self,
        endpoint: &Endpoint,
        object: &RedshiftIntegration,
    ) -> impl Iterator<Item = RedshiftIntegration> {
        self.resources(move |other| {
            other.metadata.uid != object.metadata.uid
                && Endpoint::new(&other.spec.config.host, other.spec.config.port) == *endpoint
        })
    }

    /// The other resource that has recorded that it holds the warehouse.
    #[must_use]
    pub fn recorded_holder(&self, endpoint: &Endpoint, object: &RedshiftIntegration) -> Option<RedshiftIntegration> {
        self.others(endpoint, object).find(|other| other.status.as_ref().is_some_and(|status| status.created.is_some()))
    }

    /// The resource of a UID, if it is in a watched namespace.
    #[must_use]
    pub fn resource(&self, uid: &str) -> Option<RedshiftIntegration> {
        self.resources(|object| object.metadata.uid.as_deref() == Some(uid)).next()
    }

    fn resources(&self, is_meant: impl Fn(&RedshiftIntegration) -> bool) -> impl Iterator<Item = RedshiftIntegration> {
        let stores = self.stores.get().map(Vec::as_slice).unwrap_or_default();
        let objects = stores.iter().flat_map(Store::state);
        objects.filter_map(move |object| object.0.as_ref().ok().filter(|object| is_meant(object)).cloned())
    }

    /// The lock that lets one pass at a time work on a warehouse.
    #[must_use]
    pub fn warehouse(&self, endpoint: &Endpoint) -> Arc<tokio::sync::Mutex<()>> {
        let mut warehouses = self.warehouses.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever holds a lock has a clone of it: the others are not in use.
        warehouses.retain(|_, lock| Arc::strong_count(lock) > 1);
        warehouses.entry(endpoint.clone()).or_default().clone()
    }

    /// What is remembered of a resource.
    #[must_use]
    pub fn memory(&self, uid: &str) -> Memory {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner).get(uid).cloned().unwrap_or_default()
    }

    /// Remembers something of a resource.
    pub fn remember(&self, uid: &str, memory: Memory) {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), memory);
    }

    /// Forgets a resource that is gone.
    pub fn forget(&self, uid: &str) {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}
