//! `run`: the operator.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kube::Client;
use thiserror::Error;
use tracing::{error, info, warn};

use crate::adapters::redshift::{Connector, Deadlines};
use crate::adapters::{Cluster, Machine};
use crate::lifecycle::backoff::Backoff;
use crate::lifecycle::hosts::{AddressPolicy, HostPattern};
use crate::operator::controllers::{self, Scope};
use crate::operator::leadership::{Leadership, LeadershipError};
use crate::reconcile::{Context, Settings};
use crate::telemetry::logs::{self, LogFormat};
use crate::telemetry::{Metrics, http};

/// The command's arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Namespaces to watch, separated by commas; all of them when empty
    #[arg(long, env = "WATCH_NAMESPACES", value_delimiter = ',', value_name = "NAMESPACE")]
    watch_namespaces: Vec<String>,
    /// Hosts that resources may name: names, `*.domain`, addresses, ranges such as 10.0.0.0/8. When empty,
    /// every host but this machine and its link
    #[arg(long, env = "ALLOWED_HOSTS", value_delimiter = ',', value_name = "PATTERN")]
    allowed_hosts: Vec<HostPattern>,
    /// Use a Secret only for the hosts that its annotation redshift-governance.dev/allowed-hosts names
    #[arg(long, env = "REQUIRE_SECRET_HOSTS")]
    require_secret_hosts: bool,
    /// Where to serve /metrics, /healthz and /readyz
    #[arg(long, env = "HTTP_ADDRESS", default_value = "[::]:8080", value_name = "ADDRESS")]
    http_address: SocketAddr,
    /// Work only while holding a Lease, so that several pods can stand by
    #[arg(long, env = "LEADER_ELECT")]
    leader_elect: bool,
    /// Namespace of the Lease
    #[arg(long, env = "LEASE_NAMESPACE", default_value = "default", value_name = "NAMESPACE")]
    lease_namespace: String,
    /// Name of the Lease
    #[arg(long, env = "LEASE_NAME", default_value = "redshift-integration-operator", value_name = "NAME")]
    lease_name: String,
    /// How many resources are worked on at once
    #[arg(long, env = "CONCURRENCY", default_value_t = 16, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Wait after a first failure, in milliseconds; it doubles from failure to failure
    #[arg(long, env = "RETRY_DELAY_MILLISECONDS", default_value_t = 2_000, value_name = "MILLISECONDS")]
    retry_delay_milliseconds: u64,
    /// Longest wait after failures, in milliseconds
    #[arg(long, env = "RETRY_DELAY_MAX_MILLISECONDS", default_value_t = 300_000, value_name = "MILLISECONDS")]
    retry_delay_max_milliseconds: u64,
    /// How long a login to a warehouse may take, in seconds
    #[arg(long, env = "CONNECT_TIMEOUT_SECONDS", default_value_t = 15, value_name = "SECONDS")]
    connect_timeout_seconds: u64,
    /// How long a statement may take, in seconds
    #[arg(long, env = "STATEMENT_TIMEOUT_SECONDS", default_value_t = 120, value_name = "SECONDS")]
    statement_timeout_seconds: u64,
    /// How long an answer of the API server may take, in seconds
    #[arg(long, env = "API_TIMEOUT_SECONDS", default_value_t = 30, value_name = "SECONDS")]
    api_timeout_seconds: u64,
    /// How log lines look
    #[arg(long, env = "LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
    /// What is logged: a level, or directives such as `info,redshift_integration_operator=debug`
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_name = "FILTER")]
    log_level: String,
}

#[derive(Debug, Error)]
enum RunError {
    #[error("no cluster to work in: {0}; set KUBECONFIG, or run in a pod with a service account")]
    Cluster(Box<kube::Error>),
    #[error("the address {address} can't be listened on: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Leadership(#[from] LeadershipError),
    #[error("the Lease was lost: another pod may be at work")]
    LeaseLost,
}

/// Runs until the process is asked to end.
pub async fn run(arguments: Arguments) -> ExitCode {
    if let Err(error) = logs::start(arguments.log_format, &arguments.log_level) {
        eprintln!("error: --log-level: {error}");
        return ExitCode::from(2);
    }
    logs::log_panics();
    #[cfg(target_os = "linux")]
    if let Err(error) = keep_memory_private() {
        warn!(%error, "a core dump of this process would hold passwords");
    }
    match work(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            error!(error = %failure, "the operator ends");
            ExitCode::FAILURE
        }
    }
}

/// There are passwords in memory: a crash leaves no core dump, whoever collects those on the node, and no
/// other process of the same user reads it.
#[cfg(target_os = "linux")]
fn keep_memory_private() -> rustix::io::Result<()> {
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
}

async fn work(arguments: Arguments) -> Result<(), RunError> {
    let metrics = Metrics::new();
    let readiness = http::Readiness::default();
    let address = arguments.http_address;
    let bound = http::serve(address, metrics.clone(), readiness.clone())
        .await
        .map_err(|source| RunError::Listen { address, source })?;
    info!(version = env!("CARGO_PKG_VERSION"), address = %bound, "serving /metrics, /healthz and /readyz");
    let client = Client::try_default().await.map_err(|error| RunError::Cluster(Box::new(error)))?;
    // The pod's name, which Kubernetes sets as its host name.
    let identity = std::env::var("HOSTNAME").unwrap_or_else(|_| format!("process-{}", std::process::id()));
    let mut leadership = None;
    if arguments.leader_elect {
        readiness.set();
        info!(lease = arguments.lease_name, "waiting for the Lease");
        let namespace = &arguments.lease_namespace;
        leadership = Some(Leadership::acquire(client.clone(), namespace, &arguments.lease_name, &identity).await?);
        info!(lease = arguments.lease_name, "leading");
    }
    let deadlines = Deadlines {
        connect: Duration::from_secs(arguments.connect_timeout_seconds),
        statement: Duration::from_secs(arguments.statement_timeout_seconds),
    };
    let connector = Connector::new(AddressPolicy::new(arguments.allowed_hosts), deadlines, metrics.clone());
    let scope = Scope {
        namespaces: arguments.watch_namespaces.into_iter().filter(|namespace| !namespace.is_empty()).collect(),
        concurrency: arguments.concurrency,
    };
    let settings = Settings {
        require_secret_hosts: arguments.require_secret_hosts,
        backoff: Backoff {
            initial: Duration::from_millis(arguments.retry_delay_milliseconds),
            longest: Duration::from_millis(arguments.retry_delay_max_milliseconds),
        },
    };
    let kubernetes = Cluster::new(client, identity, Duration::from_secs(arguments.api_timeout_seconds));
    let context = Arc::new(Context::new(kubernetes, connector, Machine::default(), metrics, settings));
    let controller = controllers::run(context, scope, readiness);
    match leadership {
        None => controller.await,
        Some(mut leadership) => {
            tokio::select! {
                () = controller => {}
                // At once: what is under way may be going on elsewhere already.
                () = leadership.lost() => return Err(RunError::LeaseLost),
            }
            leadership.release().await;
        }
    }
    info!("ended");
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_crash_leaves_no_memory_behind() {
        keep_memory_private().expect("Linux lets a process do that");
        let behavior = rustix::process::dumpable_behavior().expect("and tells of it");
        assert_eq!(behavior, rustix::process::DumpableBehavior::NotDumpable);
    }
}
