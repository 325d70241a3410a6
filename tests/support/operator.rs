//! The operator under test: the binary itself, as the service account that the chart makes.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;

use super::{CHART, SERVICE_ACCOUNT, output, patience, succeed};

/// Installs the chart's RBAC in a namespace, for one that is watched or for all of them, and gives a kubeconfig of
/// its service account.
pub fn install_rbac(administrators: &Path, namespace: &str, watched: Option<&str>, folder: &TempDir) -> PathBuf {
    let mut values = "crds.enabled=false,deployment.enabled=false".to_owned();
    values.extend(watched.map(|watched| format!(",watchNamespaces={{{watched}}}")));
    let set = ["--set", &values];
    let rendered =
        succeed("helm", &[&["template", "operator", CHART, "--namespace", namespace][..], &set].concat(), "");
    let administrators = administrators.to_str().unwrap();
    let kubectl = |arguments: &[&str], input: &str| {
        succeed("kubectl", &[&["--kubeconfig", administrators], arguments].concat(), input)
    };
    kubectl(&["apply", "-f", "-"], &rendered);
    let token = kubectl(&["-n", namespace, "create", "token", SERVICE_ACCOUNT, "--duration=4h"], "");
    let mut config: serde_json::Value =
        serde_json::from_str(&kubectl(&["config", "view", "--raw", "-o", "json"], "")).unwrap();
    config["users"][0]["user"] = serde_json::json!({"token": token.trim()});
    config["contexts"][0]["context"]["namespace"] = serde_json::json!(namespace);
    let path = folder.path().join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    assert_ne!(path.to_str(), Some(administrators));
    path
}

/// What makes a program the first process of a namespace of its own, as it is in a container.
const AS_FIRST_PROCESS: [&str; 6] = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child=KILL", "--"];

/// A running operator; killed when it is dropped.
pub struct Operator {
    child: Child,
    is_first_process: bool,
    log: PathBuf,
    log_start: u64,
}

impl Operator {
    /// Starts one that works for a namespace, or for all of them, with more in its environment.
    pub fn start(
        environment: &[(&str, &str)],
        watched: Option<&str>,
        kubeconfig: &Path,
        log: &Path,
        arguments: &[&str],
    ) -> Self {
        Self::start_in(&[], environment, watched, kubeconfig, log, arguments)
    }

    /// The same, as the first process of a container.
    pub fn start_first(environment: &[(&str, &str)], kubeconfig: &Path, log: &Path, arguments: &[&str]) -> Self {
        Self::start_in(&AS_FIRST_PROCESS, environment, None, kubeconfig, log, arguments)
    }

    fn start_in(
        within: &[&str],
        environment: &[(&str, &str)],
        watched: Option<&str>,
        kubeconfig: &Path,
        log: &Path,
        arguments: &[&str],
    ) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(log).unwrap();
        let log_start = file.metadata().unwrap().len();
        let errors: File = file.try_clone().unwrap();
        let usual = [
            "--allowed-hosts=localhost,127.0.0.1",
            "--log-level=trace",
            "--retry-delay-milliseconds=200",
            "--retry-delay-max-milliseconds=1000",
        ];
        let is_set = |usual: &&str| {
            let (name, _) = usual.split_once('=').unwrap();
            arguments.iter().any(|argument| argument.starts_with(name))
        };
        let child = Command::new("setpriv")
            // It ends with the test, whatever way that ends.
            .args(["--pdeathsig=KILL", "--"])
            .args(within)
            .args([env!("CARGO_BIN_EXE_redshift-integration-operator"), "run"])
            .args(["--http-address=127.0.0.1:0"])
            .args(watched.map(|namespace| format!("--watch-namespaces={namespace}")))
            .args(usual.iter().filter(|usual| !is_set(usual)))
            .args(arguments)
            .env("KUBECONFIG", kubeconfig)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap();
        Self { child, is_first_process: !within.is_empty(), log: log.to_owned(), log_start }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        let started = self.child.id();
        if !self.is_first_process {
            return started;
        }
        loop {
            let children = std::fs::read_to_string(format!("/proc/{started}/task/{started}/children")).unwrap();
            if let Some(child) = children.split_whitespace().next() {
                return child.parse().unwrap();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Stops it where it is, and waits until that has come to all its threads.
    pub async fn stop(&self) {
        self.signal(Signal::STOP);
        let is_stopped = |folder: std::fs::DirEntry| {
            let stat = std::fs::read_to_string(folder.path().join("stat")).unwrap_or_default();
            // The state comes behind the name, which is in parentheses.
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('T'))
        };
        while !std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap().flatten().all(is_stopped) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Waits for its end, and gives its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        self.until("it ends", |operator| operator.child.try_wait().unwrap().map(|status| status.code())).await
    }

    /// Waits until it has logged something.
    pub async fn until_logged(&mut self, text: &str) {
        self.until(&format!("it logs `{text}`"), |operator| operator.log().contains(text).then_some(())).await;
    }

    /// Waits until a page of its HTTP server is answered with this status; gives the answer.
    pub async fn until_answered(&mut self, page: &str, status: u16) -> String {
        let what = format!("{page} is answered with {status}");
        let url = format!("http://{}/{page}", self.address());
        self.until(&what, |_| {
            let (_, said) = output("curl", &["-s", "-w", "\n%{http_code}", &url], "");
            let (body, code) = said.rsplit_once('\n')?;
            (code == status.to_string()).then(|| body.to_owned())
        })
        .await
    }

    async fn until<T>(&mut self, what: &str, mut is: impl FnMut(&mut Self) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(is) = is(self) {
                return is;
            }
            assert!(started.elapsed() < patience(), "waited in vain until {what}: {}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The most memory that it has held so far, in KiB.
    pub fn peak_memory_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Whether it hasn't ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What this one has logged.
    pub fn log(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log[usize::try_from(self.log_start).unwrap()..]).into_owned()
    }

    /// Where its metrics are.
    pub fn address(&mut self) -> String {
        loop {
            let log = self.log();
            if let Some((_, rest)) = log.split_once("address=") {
                return rest.split_whitespace().next().unwrap().to_owned();
            }
            assert!(self.child.try_wait().unwrap().is_none(), "the operator ended: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Its metrics.
    pub fn metrics(&mut self) -> String {
        let address = self.address();
        succeed("curl", &["-sf", &format!("http://{address}/metrics")], "")
    }

    /// What the process shows of itself: metrics, arguments, environment. Nothing if it doesn't run yet, or
    /// no longer.
    pub fn says_of_itself(&mut self) -> Option<String> {
        let log = self.log();
        let address = log.split_once("address=")?.1.split_whitespace().next()?;
        let (_, mut said) = output("curl", &["-s", &format!("http://{address}/metrics")], "");
        for file in ["cmdline", "environ"] {
            let text = std::fs::read(format!("/proc/{}/{file}", self.pid())).ok()?;
            said += &String::from_utf8_lossy(&text).replace('\0', "\n");
        }
        Some(said)
    }

    /// Waits until no event waits to be published.
    pub async fn until_all_is_told(&mut self) {
        let is_through =
            |operator: &mut Self| operator.metrics().contains("redshift_integration_events_waiting 0").then_some(());
        self.until("all events are published", is_through).await;
    }

    /// How many passes on integrations it has ended, whatever came of them.
    pub fn passes(&mut self) -> u64 {
        self.counted_of_integrations("controller_runtime_reconcile_total")
    }

    /// The sum of a metric over all its lines that are of the integrations' controller: there are others, in any order.
    pub fn counted_of_integrations(&mut self, metric: &str) -> u64 {
        let metrics = self.metrics();
        let is_meant = |line: &&str| {
            let labels = line.strip_prefix(metric).and_then(|rest| rest.strip_prefix('{'));
            labels.is_some_and(|labels| labels.contains("controller=\"redshiftintegration\""))
        };
        let counts = metrics.lines().filter(is_meant);
        counts.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
    }

    /// Kills it.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // `setpriv` has become the operator: there is no process in between.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.end();
    }
}
