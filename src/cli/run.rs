//! `run`: the operator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use kube::Client;
use thiserror::Error;
use tracing::{error, info, warn};

use super::values::{host_pattern, lease_name, log_filter, namespace, watched_namespace};
use crate::adapters::client::{self, Choice, ClientError};
use crate::adapters::logins::LoginServices;
use crate::adapters::redshift::{Connector, Deadlines};
use crate::adapters::{Cluster, Machine, Publisher, Real};
use crate::lifecycle::backoff::Backoff;
use crate::lifecycle::hosts::{AddressPolicy, HostPattern};
use crate::operator::controllers::{self, Scope};
use crate::operator::leadership::{Election, Leadership, Lost};
use crate::operator::places::Places;
use crate::operator::signals::Signals;
use crate::reconcile::{Context, Settings};
use crate::telemetry::logs::{self, LogFormat};
use crate::telemetry::{Health, Metrics, http};

/// The command's arguments.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Namespaces to watch, separated by commas; all of them when empty
    #[arg(long, env = "WATCH_NAMESPACES", value_delimiter = ',', value_name = "NAMESPACE", value_parser = watched_namespace)]
    watch_namespaces: Vec<String>,
    /// Hosts that resources may name: names, `*.domain`, addresses, ranges such as 10.0.0.0/8. When empty,
    /// every host but this machine and its link
    #[arg(long, env = "ALLOWED_HOSTS", value_delimiter = ',', value_name = "PATTERN", value_parser = host_pattern)]
    allowed_hosts: Vec<HostPattern>,
    /// Use a Secret only for the hosts that its annotation redshift-governance.dev/allowed-hosts names
    #[arg(long, env = "REQUIRE_SECRET_HOSTS")]
    require_secret_hosts: bool,
    /// Namespaces, separated by commas, whose resources may log in with the operator's own AWS identity (authenticationType
    /// iam). Whoever may write a resource there can do in a warehouse what that identity may. None when empty
    #[arg(long, env = "IAM_NAMESPACES", value_delimiter = ',', value_name = "NAMESPACE", value_parser = watched_namespace)]
    iam_namespaces: Vec<String>,
    /// File with further certificate authorities (PEM), besides the public ones, for the endpoints of AWS and Okta. It is
    /// read anew for each login
    #[arg(long, env = "CA_FILE", value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Where to serve /metrics, /healthz and /readyz
    #[arg(long, env = "HTTP_ADDRESS", default_value = "[::]:8080", value_name = "ADDRESS")]
    http_address: SocketAddr,
    /// Work only while holding a Lease, so that several pods can stand by
    #[arg(long, env = "LEADER_ELECT")]
    leader_elect: bool,
    /// Namespace of the Lease
    #[arg(long, env = "LEASE_NAMESPACE", default_value = "default", value_name = "NAMESPACE", value_parser = namespace)]
    lease_namespace: String,
    /// Name of the Lease
    #[arg(long, env = "LEASE_NAME", default_value = "redshift-integration-operator", value_name = "NAME", value_parser = lease_name)]
    lease_name: String,
    /// How many resources are worked on at once, over all namespaces. Of several namespaces each gets a further place as
    /// long as it holds fewer than are free, so that none takes them all. Those that wait long for a login don't count
    #[arg(long, env = "CONCURRENCY", default_value_t = 16, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Wait after a first failure, in milliseconds; it doubles from failure to failure
    #[arg(long, env = "RETRY_DELAY_MILLISECONDS", default_value_t = 2_000, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    retry_delay_milliseconds: u64,
    /// Longest wait after failures, in milliseconds
    #[arg(long, env = "RETRY_DELAY_MAX_MILLISECONDS", default_value_t = 300_000, value_name = "MILLISECONDS", value_parser = clap::value_parser!(u64).range(10..=86_400_000))]
    retry_delay_max_milliseconds: u64,
    /// How long a login to a warehouse may take, and each request to Okta or AWS, in seconds
    #[arg(long, env = "CONNECT_TIMEOUT_SECONDS", default_value_t = 15, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    connect_timeout_seconds: u64,
    /// How long a statement may take, in seconds
    #[arg(long, env = "STATEMENT_TIMEOUT_SECONDS", default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    statement_timeout_seconds: u64,
    /// How long an answer of the API server may take, in seconds
    #[arg(long, env = "API_TIMEOUT_SECONDS", default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=600))]
    api_timeout_seconds: u64,
    /// How long passes under way may go on after a SIGTERM or SIGINT, in seconds. Then, or at a second signal, they are
    /// cut off, and the Lease isn't given back but runs out. To be less than the pod's terminationGracePeriodSeconds
    #[arg(long, env = "SHUTDOWN_TIMEOUT_SECONDS", default_value_t = 135, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    shutdown_timeout_seconds: u64,
    /// How long no watch of the API server may work before /healthz says so, in seconds
    #[arg(long, env = "HEALTH_TIMEOUT_SECONDS", default_value_t = 180, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=3600))]
    health_timeout_seconds: u64,
    /// How log lines look
    #[arg(long, env = "LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,
    /// What is logged: a level, or directives such as `info,redshift_integration_operator=debug`
    #[arg(long, env = "LOG_LEVEL", default_value = "info", value_name = "FILTER", value_parser = log_filter)]
    log_level: String,
}

impl Arguments {
    /// What no value is to blame for alone.
    fn check(&mut self) -> Result<(), String> {
        if self.watch_namespaces == [""] {
            self.watch_namespaces.clear();
        }
        if self.watch_namespaces.iter().any(String::is_empty) {
            return Err("--watch-namespaces has an empty name between others; write several as one,two, and nothing \
                        for all of them"
                .to_owned());
        }
        // Twice the same would be worked on twice at once.
        self.watch_namespaces.sort();
        self.watch_namespaces.dedup();
        if self.retry_delay_max_milliseconds < self.retry_delay_milliseconds {
            return Err(format!(
                "--retry-delay-max-milliseconds ({}) is less than --retry-delay-milliseconds ({}); write at least as much",
                self.retry_delay_max_milliseconds, self.retry_delay_milliseconds
            ));
        }
        Ok(())
    }
}

#[derive(Debug, Error)]
enum RunError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the address {address} can't be listened on: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the Lease was lost to {0}")]
    LeaseTaken(String),
    #[error(
        "the passes under way did not end within {0} s and were cut off; what they were doing is found out by the next"
    )]
    CutOff(u64),
    #[error(
        "asked to end a second time: the passes under way were cut off; what they were doing is found out by the next"
    )]
    AskedAgain,
}

/// Runs until the process is asked to end.
pub async fn run(mut arguments: Arguments, signals: Signals) -> ExitCode {
    if let Err(error) = arguments.check() {
        eprintln!("error: {error}");
        return ExitCode::from(2);
    }
    if let Err(error) = logs::start(arguments.log_format, &arguments.log_level) {
        eprintln!("error: --log-level: {error}");
        return ExitCode::from(2);
    }
    logs::log_panics();
    #[cfg(target_os = "linux")]
    if let Err(error) = keep_memory_private() {
        warn!(%error, "a core dump of this process would hold passwords");
    }
    match work(arguments, &signals).await {
        Ok(()) => {
            info!("ended");
            ExitCode::SUCCESS
        }
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

async fn work(arguments: Arguments, signals: &Signals) -> Result<(), RunError> {
    let metrics = Metrics::new();
    let health = Health::new(Duration::from_secs(arguments.health_timeout_seconds));
    let address = arguments.http_address;
    let bound = http::serve(address, metrics.clone(), health.clone())
        .await
        .map_err(|source| RunError::Listen { address, source })?;
    info!(version = env!("CARGO_PKG_VERSION"), address = %bound, "serving /metrics, /healthz and /readyz");
    // A kubeconfig may name a program that is asked for credentials.
    let connected = tokio::select! {
        () = signals.first() => return Ok(()),
        connected = tokio::task::spawn_blocking(|| client::connect(&Choice::default())) => connected,
    };
    let client = match connected {
        Ok(connected) => connected?,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    };
    // The pod's name, which Kubernetes sets as its host name.
    let host = std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty());
    let host = host.unwrap_or_else(|| format!("process-{}", std::process::id()));
    let publisher = Publisher::start(client.clone(), host.clone(), metrics.clone());
    let operator = Operator { arguments, metrics, health, signals: signals.clone(), client, publisher, host };
    let ended =
        if operator.arguments.leader_elect { operator.lead().await } else { operator.operate(None).await.map(|_| ()) };
    operator.publisher.end().await;
    ended
}

/// What one start of the operator has to work with.
struct Operator {
    arguments: Arguments,
    metrics: Metrics,
    health: Health,
    signals: Signals,
    client: Client,
    publisher: Publisher,
    host: String,
}

impl Operator {
    /// Works while it leads.
    async fn lead(&self) -> Result<(), RunError> {
        // Pods on a node's network share its name.
        let identity = format!("{}_{:08x}", self.host, rand::random::<u32>());
        let Arguments { lease_namespace, lease_name, .. } = &self.arguments;
        let election = Election::new(self.client.clone(), lease_namespace, lease_name.clone(), identity);
        while let Some(mut leadership) = election.win(&self.health, &self.signals).await {
            match self.operate(Some(&mut leadership)).await? {
                None => {
                    leadership.release().await;
                    return Ok(());
                }
                Some(Lost::TakenBy(other)) => return Err(RunError::LeaseTaken(other)),
                Some(Lost::NotRenewed) => warn!("the Lease could not be renewed; all passes were cut off"),
            }
        }
        Ok(())
    }

    /// Works until it is asked to end, or doesn't lead any more: then nothing of it is under way.
    async fn operate(&self, leadership: Option<&mut Leadership>) -> Result<Option<Lost>, RunError> {
        let arguments = &self.arguments;
        let scope = Scope {
            namespaces: arguments.watch_namespaces.clone(),
            api_deadline: Duration::from_secs(arguments.api_timeout_seconds),
        };
        let places = Places::new(arguments.concurrency, scope.namespaces.len() == 1);
        let ended = {
            let work = controllers::run(self.context(), &scope, &places, &self.health, &self.signals);
            let lost = async {
                match leadership {
                    Some(leadership) => leadership.lost().await,
                    None => std::future::pending().await,
                }
            };
            let too_late = async {
                self.signals.first().await;
                tokio::time::sleep(Duration::from_secs(arguments.shutdown_timeout_seconds)).await;
            };
            tokio::select! {
                // At once: what is under way may be going on elsewhere already.
                biased;
                lost = lost => Ok(Some(lost)),
                () = self.signals.again() => Err(RunError::AskedAgain),
                () = too_late => Err(RunError::CutOff(arguments.shutdown_timeout_seconds)),
                () = work => Ok(None),
            }
        };
        if ended.is_ok() {
            // Those that were cut off end where they wait, which is now.
            places.close();
            places.empty().await;
        }
        ended
    }

    fn context(&self) -> Arc<Context<Real>> {
        let arguments = &self.arguments;
        let deadlines = Deadlines {
            connect: Duration::from_secs(arguments.connect_timeout_seconds),
            statement: Duration::from_secs(arguments.statement_timeout_seconds),
        };
        let policy = AddressPolicy::new(arguments.allowed_hosts.clone());
        let connector = Connector::new(policy.clone(), deadlines, self.metrics.clone());
        let ca_file = arguments.ca_file.clone().filter(|path| !path.as_os_str().is_empty());
        let logins = LoginServices::new(policy, ca_file, deadlines.connect);
        let settings = Settings {
            require_secret_hosts: arguments.require_secret_hosts,
            iam_namespaces: arguments.iam_namespaces.clone(),
            backoff: Backoff {
                initial: Duration::from_millis(arguments.retry_delay_milliseconds),
                longest: Duration::from_millis(arguments.retry_delay_max_milliseconds),
            },
        };
        let api_deadline = Duration::from_secs(arguments.api_timeout_seconds);
        let kubernetes = Cluster::new(self.client.clone(), self.publisher.clone(), api_deadline);
        Arc::new(Context::new(kubernetes, connector, logins, Machine::default(), self.metrics.clone(), settings))
    }
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
