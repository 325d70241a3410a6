//! What every pass shares: the world, the operator's settings, counts, and what sets the pace.

use std::time::Duration;

use super::integration::Basis;
use super::pace::{Busy, Dependents, Memories};
use super::views;
use crate::api::RedshiftIntegration;
use crate::lifecycle::Endpoint;
use crate::lifecycle::backoff::Backoff;
use crate::ports::{Host, Kubernetes, World};
use crate::telemetry::Metrics;

/// The operator's settings, as far as the flow asks for them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whether a Secret is used only for the hosts that its annotation names.
    pub require_secret_hosts: bool,
    /// The namespaces whose resources may log in with the operator's own AWS identity.
    pub iam_namespaces: Vec<String>,
    /// How long to wait after a failure.
    pub backoff: Backoff,
}

/// What every pass shares.
pub struct Context<W: World> {
    /// The API server.
    pub kubernetes: W::Kubernetes,
    /// The warehouses.
    pub warehouses: W::Warehouses,
    /// Okta and AWS.
    pub logins: W::Logins,
    /// The machine.
    pub host: W::Host,
    /// Counts.
    pub metrics: Metrics,
    /// The operator's settings.
    pub settings: Settings,
    /// When this began, by the machine's time.
    pub started: Duration,
    /// The warehouses that somebody works on.
    pub busy: Busy,
    /// What is remembered of integrations.
    pub memories: Memories<Basis>,
    /// What is remembered of what is for integrations, by their namespaces and names.
    pub views: Memories<views::Basis>,
    /// What is remembered of each that is for an integration.
    pub dependents: Dependents,
}

impl<W: World> Context<W> {
    /// A context in which nothing was done yet.
    #[must_use]
    pub fn new(
        kubernetes: W::Kubernetes,
        warehouses: W::Warehouses,
        logins: W::Logins,
        host: W::Host,
        metrics: Metrics,
        settings: Settings,
    ) -> Self {
        let (started, busy, memories) = (host.elapsed(), Busy::default(), Memories::default());
        let (views, dependents) = (Memories::default(), Dependents::default());
        Self { kubernetes, warehouses, logins, host, metrics, settings, started, busy, memories, views, dependents }
    }

    /// The other resources for a warehouse, over all watched namespaces.
    pub fn others(&self, endpoint: &Endpoint, object: &RedshiftIntegration) -> Vec<RedshiftIntegration> {
        self.kubernetes.watched(|other| {
            other.metadata.uid != object.metadata.uid
                && Endpoint::new(&other.spec.config.host, other.spec.config.port) == *endpoint
        })
    }

    /// The other resource that has recorded that it holds the warehouse.
    #[must_use]
    pub fn recorded_holder(&self, endpoint: &Endpoint, object: &RedshiftIntegration) -> Option<RedshiftIntegration> {
        let mut others = self.others(endpoint, object).into_iter();
        others.find(|other| other.status.as_ref().is_some_and(|status| status.created.is_some()))
    }

    /// The resource of a UID, if it is in a watched namespace.
    #[must_use]
    pub fn resource(&self, uid: &str) -> Option<RedshiftIntegration> {
        self.kubernetes.watched(|object| object.metadata.uid.as_deref() == Some(uid)).pop()
    }
}
