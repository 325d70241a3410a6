//! Metrics, under the names of controller-runtime where it has one, so that existing dashboards work.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReconcileLabels {
    controller: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ControllerLabels {
    controller: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct StatementLabels {
    statement: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ConnectionLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct IntegrationLabels {
    namespace: String,
    name: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct DataSourceLabels {
    namespace: String,
    name: String,
    state: &'static str,
}

#[derive(Debug, Default)]
struct Families {
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_errors: Family<ControllerLabels, Counter>,
    reconcile_panics: Family<ControllerLabels, Counter>,
    active: Family<ControllerLabels, Gauge>,
    statements: Family<StatementLabels, Counter>,
    connections: Family<ConnectionLabels, Counter>,
    connections_open: Gauge,
    events_waiting: Gauge,
    events_dropped: Counter,
    ready: Family<IntegrationLabels, Gauge>,
    validated: Family<IntegrationLabels, Gauge>,
    data_sources: Family<DataSourceLabels, Gauge>,
    view_transactions: Family<IntegrationLabels, Counter>,
    waiting_for_readers: Family<IntegrationLabels, Gauge>,
    profile_users: Family<IntegrationLabels, Gauge>,
    refused_users: Family<IntegrationLabels, Gauge>,
}

/// The operator's metrics; cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    families: Arc<Families>,
    durations: Family<ControllerLabels, Histogram>,
    statement_seconds: Histogram,
    registry: Arc<Registry>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All of them, at zero.
    #[must_use]
    pub fn new() -> Self {
        let families = Families::default();
        let durations =
            Family::new_with_constructor((|| Histogram::new(exponential_buckets(0.005, 2.0, 14))) as fn() -> Histogram);
        let statement_seconds = Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let mut registry = Registry::default();
        registry.register(
            "controller_runtime_reconcile",
            "Total number of reconciliations per controller",
            families.reconciles.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_errors",
            "Total number of reconciliation errors per controller",
            families.reconcile_errors.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_panics",
            "Total number of reconciliation panics per controller",
            families.reconcile_panics.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_time_seconds",
            "Length of time per reconciliation per controller",
            durations.clone(),
        );
        registry.register(
            "controller_runtime_active_workers",
            "Number of currently used workers per controller",
            families.active.clone(),
        );
        registry.register(
            "redshift_integration_statements",
            "SQL statements sent, by name and outcome",
            families.statements.clone(),
        );
        registry.register(
            "redshift_integration_statement_duration_seconds",
            "Time that the answer to a statement was waited for",
            statement_seconds.clone(),
        );
        registry.register(
            "redshift_integration_connections",
            "Connections to warehouses tried, by outcome",
            families.connections.clone(),
        );
        registry.register(
            "redshift_integration_connections_open",
            "Connections to warehouses that are open now",
            families.connections_open.clone(),
        );
        registry.register(
            "redshift_integration_events_waiting",
            "Kubernetes events that are not published yet",
            families.events_waiting.clone(),
        );
        registry.register(
            "redshift_integration_events_dropped",
            "Kubernetes events that were never published, since too many waited",
            families.events_dropped.clone(),
        );
        registry.register(
            "redshift_integration_ready",
            "Whether an integration is ready (1) or not (0)",
            families.ready.clone(),
        );
        registry.register(
            "redshift_integration_last_validation_timestamp_seconds",
            "When an integration was last validated (Unix time)",
            families.validated.clone(),
        );
        registry.register(
            "redshift_data_sources",
            "Data sources of an integration, by state: enforced, waiting or stalled",
            families.data_sources.clone(),
        );
        registry.register(
            "redshift_view_transactions",
            "Transactions in which views or profiles were changed",
            families.view_transactions.clone(),
        );
        registry.register(
            "redshift_waiting_for_readers_seconds",
            "How long the view has waited longest that is to be changed as soon as nobody reads it",
            families.waiting_for_readers.clone(),
        );
        registry.register(
            "redshift_profile_users",
            "Users of an integration who have a profile",
            families.profile_users.clone(),
        );
        registry.register(
            "redshift_refused_users",
            "Users who are named and have no profile, since something is wrong with what they have",
            families.refused_users.clone(),
        );
        Self { families: Arc::new(families), durations, statement_seconds, registry: Arc::new(registry) }
    }

    /// The text that Prometheus reads.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String can't fail");
        text
    }

    /// What is counted of one kind of resource, by the name of its controller.
    #[must_use]
    pub fn of(&self, controller: &'static str) -> OfKind {
        OfKind { metrics: self.clone(), controller }
    }

    /// How many data sources of an integration are in which state.
    pub fn data_sources(&self, namespace: &str, name: &str, states: &[(&'static str, usize)]) {
        for (state, number) in states {
            let labels = DataSourceLabels { namespace: namespace.to_owned(), name: name.to_owned(), state };
            self.families.data_sources.get_or_create(&labels).set(i64::try_from(*number).unwrap_or(i64::MAX));
        }
    }

    /// Views or profiles of an integration were changed in so many transactions.
    pub fn view_transactions(&self, namespace: &str, name: &str, number: u64) {
        self.families.view_transactions.get_or_create(&labels(namespace, name)).inc_by(number);
    }

    /// How long the view has waited longest that waits for its readers; zero if none does.
    pub fn waiting_for_readers(&self, namespace: &str, name: &str, longest: Duration) {
        let seconds = i64::try_from(longest.as_secs()).unwrap_or(i64::MAX);
        self.families.waiting_for_readers.get_or_create(&labels(namespace, name)).set(seconds);
    }

    /// How many users have a profile, and how many are named and have none.
    pub fn profile_users(&self, namespace: &str, name: &str, users: usize, refused: usize) {
        let number = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.families.profile_users.get_or_create(&labels(namespace, name)).set(number(users));
        self.families.refused_users.get_or_create(&labels(namespace, name)).set(number(refused));
    }

    /// An integration has no views and no profiles any more.
    pub fn forget_views(&self, namespace: &str, name: &str, states: &[&'static str]) {
        for state in states {
            let labels = DataSourceLabels { namespace: namespace.to_owned(), name: name.to_owned(), state };
            self.families.data_sources.remove(&labels);
        }
        self.families.view_transactions.remove(&labels(namespace, name));
        self.families.waiting_for_readers.remove(&labels(namespace, name));
        self.families.profile_users.remove(&labels(namespace, name));
        self.families.refused_users.remove(&labels(namespace, name));
    }

    /// A statement was answered, or not.
    pub fn statement(&self, statement: &'static str, outcome: &'static str, elapsed: Duration) {
        self.families.statements.get_or_create(&StatementLabels { statement, outcome }).inc();
        self.statement_seconds.observe(elapsed.as_secs_f64());
    }

    /// A connection was tried.
    pub fn connection(&self, outcome: &'static str) {
        self.families.connections.get_or_create(&ConnectionLabels { outcome }).inc();
    }

    /// An event waits to be published.
    pub fn event_waits(&self) {
        self.families.events_waiting.inc();
    }

    /// It doesn't any more, whatever came of it.
    pub fn event_is_through(&self) {
        self.families.events_waiting.dec();
    }

    /// It will never be published.
    pub fn event_dropped(&self) {
        self.event_is_through();
        self.families.events_dropped.inc();
    }

    /// A connection is open.
    pub fn connection_opened(&self) {
        self.families.connections_open.inc();
    }

    /// It isn't any more.
    pub fn connection_closed(&self) {
        self.families.connections_open.dec();
    }
}

/// What is counted of one kind of resource; cheap to clone.
#[derive(Clone, Debug)]
pub struct OfKind {
    metrics: Metrics,
    controller: &'static str,
}

impl OfKind {
    /// A reconciliation begins, and lasts as long as what this returns: it can be given up at any time.
    pub fn reconcile_started(&self) -> Active {
        self.metrics.families.active.get_or_create(&ControllerLabels { controller: self.controller }).inc();
        Active { families: self.metrics.families.clone(), controller: self.controller }
    }

    /// A reconciliation ended: `success`, `requeue_after` or `error`.
    pub fn reconcile_ended(&self, result: &'static str, elapsed: Duration) {
        let controller = ControllerLabels { controller: self.controller };
        self.metrics.families.reconciles.get_or_create(&ReconcileLabels { controller: self.controller, result }).inc();
        if result == "error" {
            self.metrics.families.reconcile_errors.get_or_create(&controller).inc();
        }
        self.metrics.durations.get_or_create(&controller).observe(elapsed.as_secs_f64());
    }

    /// A reconciliation panicked.
    pub fn reconcile_panicked(&self) {
        self.metrics.families.reconcile_panics.get_or_create(&ControllerLabels { controller: self.controller }).inc();
    }

    /// Whether an integration is ready.
    pub fn ready(&self, namespace: &str, name: &str, ready: bool) {
        self.metrics.families.ready.get_or_create(&labels(namespace, name)).set(i64::from(ready));
    }

    /// An integration was validated just now.
    pub fn validated(&self, namespace: &str, name: &str, at: i64) {
        self.metrics.families.validated.get_or_create(&labels(namespace, name)).set(at);
    }

    /// An integration is gone.
    pub fn forget(&self, namespace: &str, name: &str) {
        self.metrics.families.ready.remove(&labels(namespace, name));
        self.metrics.families.validated.remove(&labels(namespace, name));
    }
}

/// Held by a reconciliation.
#[derive(Debug)]
pub struct Active {
    families: Arc<Families>,
    controller: &'static str,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.families.active.get_or_create(&ControllerLabels { controller: self.controller }).dec();
    }
}

fn labels(namespace: &str, name: &str) -> IntegrationLabels {
    IntegrationLabels { namespace: namespace.to_owned(), name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashboards_find_the_names_they_know() {
        let metrics = Metrics::new();
        let of_integrations = metrics.of("redshiftintegration");
        drop(of_integrations.reconcile_started());
        of_integrations.reconcile_panicked();
        of_integrations.reconcile_ended("error", Duration::from_millis(3));
        let text = metrics.text();
        for line in [
            "controller_runtime_reconcile_total{controller=\"redshiftintegration\",result=\"error\"} 1",
            "controller_runtime_reconcile_errors_total{controller=\"redshiftintegration\"} 1",
            "controller_runtime_reconcile_panics_total{controller=\"redshiftintegration\"} 1",
            "controller_runtime_active_workers{controller=\"redshiftintegration\"} 0",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
