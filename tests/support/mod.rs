//! A world of one's own for each test: a namespace on the shared control plane, a warehouse, and an
//! operator that works for this namespace alone.

mod api_proxy;
mod canaries;
mod clock;
mod control_plane;
pub mod election;
pub mod hostile_server;
pub mod identity;
mod messages;
mod operator;
mod records;
mod relay;
mod status;
mod warehouse;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::wait::await_condition;
use kube::{Client, Config, ResourceExt};
use redshift_integration_operator::api::RedshiftIntegration;
use redshift_stand_in::{Options, StandIn};
use serde_json::{Value, json};
use tempfile::TempDir;

pub use api_proxy::{ApiAction, ApiProxy};
pub use canaries::in_all_forms;
pub use clock::Clock;
pub use control_plane::ControlPlane;
pub use messages::{FOLDER as MESSAGES, documented, documented_dependent, documented_event, documented_of};
pub use operator::Operator;
pub use records::ALL_SECRET;
use records::Records;
pub use relay::{Passage, Relay};
pub use status::{
    asked_for, condition, conditions, is_current, is_looked_at, merge, phase_of, run_by_hand, said, statements,
    tests_with,
};
pub use warehouse::{Dump, Observer, admin, assert_same, login, makes_a_lesser_admin, rows, try_rows};

/// Longest wait for anything. It only ends tests that would fail anyway, so it is long; whoever is
/// looking for the cause of a failure can shorten it.
pub fn patience() -> Duration {
    let seconds = std::env::var("TEST_PATIENCE_SECONDS").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(120))
}

/// The service account that the chart makes for a release named `operator`.
const SERVICE_ACCOUNT: &str = "operator-redshift-integration-operator";

/// A world of one's own.
pub struct World {
    /// The warehouse.
    pub stand_in: Arc<StandIn>,
    /// The operator; `None` once it was killed.
    pub operator: Option<Operator>,
    /// The namespace.
    pub namespace: String,
    /// To the API server, as an administrator.
    pub client: Client,
    kubeconfig: PathBuf,
    records: Records,
    folder: TempDir,
    /// The operator works for all namespaces, from one of its own.
    cluster_wide: bool,
}

/// Needed by everything that talks to the control plane.
pub fn kubeconfig() -> String {
    std::env::var("KUBECONFIG").expect("no control plane: run the tests with `make test T=<name>`")
}

/// The client of an administrator.
pub async fn administrator() -> Client {
    administrator_of(Path::new(&kubeconfig())).await
}

/// The client of an administrator of some control plane.
async fn administrator_of(kubeconfig: &Path) -> Client {
    // The process of each test installs it for itself.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

/// Makes a namespace with a name of its own.
pub async fn make_namespace(client: &Client) -> String {
    let metadata = ObjectMeta { generate_name: Some("test-".to_owned()), ..ObjectMeta::default() };
    let namespace = Namespace { metadata, ..Namespace::default() };
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap().name_any()
}

/// Runs a program to its end and gives what it printed.
pub fn output(program: &str, arguments: &[&str], input: &str) -> (bool, String) {
    use std::io::Write;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    // A program that refuses its arguments doesn't read on.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// Runs a program that must succeed.
pub fn succeed(program: &str, arguments: &[&str], input: &str) -> String {
    let (success, text) = output(program, arguments, input);
    assert!(success, "{program} {}: {text}", arguments.join(" "));
    text
}

/// The chart.
pub const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/charts/redshift-integration-operator");

impl World {
    /// A new warehouse and an operator at work.
    pub async fn new() -> Self {
        Self::with(Options::default()).await
    }

    /// The same, with a warehouse that is to be somehow.
    pub async fn with(options: Options) -> Self {
        let mut world = Self::without_operator(options).await;
        world.start_operator();
        world
    }

    /// The same, without an operator yet.
    pub async fn without_operator(options: Options) -> Self {
        Self::around(Arc::new(StandIn::start(options).await.unwrap()), Path::new(&kubeconfig()), false).await
    }

    /// A namespace on a control plane of one's own, in front of a warehouse; without an operator yet.
    pub async fn on(control_plane: &ControlPlane, stand_in: Arc<StandIn>) -> Self {
        Self::around(stand_in, &control_plane.kubeconfig(), false).await
    }

    /// The same, and the operator will live in a namespace of its own and work for all of them.
    pub async fn cluster_wide_on(control_plane: &ControlPlane, stand_in: Arc<StandIn>) -> Self {
        Self::around(stand_in, &control_plane.kubeconfig(), true).await
    }

    /// Another namespace and another operator that knows nothing of the first, as in another cluster; the
    /// warehouse is the same.
    pub async fn elsewhere(&self) -> Self {
        let mut world = Self::around(self.stand_in.clone(), Path::new(&kubeconfig()), false).await;
        world.start_operator();
        world
    }

    /// Another namespace, with a warehouse of its own, for which this world's cluster-wide operator works too.
    pub async fn beside(&self) -> Self {
        assert!(self.cluster_wide);
        let stand_in = Arc::new(StandIn::start(Options::default()).await.unwrap());
        let (client, kubeconfig) = (self.client.clone(), self.kubeconfig.clone());
        let namespace = make_namespace(&client).await;
        let folder = tempfile::tempdir().unwrap();
        let records = Records::new(&client, &namespace);
        let world =
            Self { stand_in, operator: None, namespace, client, kubeconfig, records, folder, cluster_wide: true };
        world.put_what_the_spec_names().await;
        world
    }

    async fn around(stand_in: Arc<StandIn>, administrators_kubeconfig: &Path, cluster_wide: bool) -> Self {
        let client = administrator_of(administrators_kubeconfig).await;
        let namespace = make_namespace(&client).await;
        let folder = tempfile::tempdir().unwrap();
        let home = if cluster_wide { make_namespace(&client).await } else { namespace.clone() };
        let watched = (!cluster_wide).then_some(namespace.as_str());
        let kubeconfig = operator::install_rbac(administrators_kubeconfig, &home, watched, &folder);
        let records = Records::new(&client, &namespace);
        let world = Self { stand_in, operator: None, namespace, client, kubeconfig, records, folder, cluster_wide };
        world.put_what_the_spec_names().await;
        world
    }

    async fn put_what_the_spec_names(&self) {
        self.put_secret("redshift-admin", self.stand_in.admin_user(), self.stand_in.admin_password()).await;
        self.put_ca("redshift-ca", self.stand_in.ca_pem()).await;
    }

    /// The resources of a kind of ours, whatever is in them.
    pub fn api_of(&self, kind: &str) -> Api<DynamicObject> {
        let kind = GroupVersionKind::gvk("redshift-governance.dev", "v1alpha1", kind);
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::from_gvk(&kind))
    }

    /// Puts a proxy between the API server and the operators that are started from now on.
    pub async fn behind_a_proxy(&self) -> ApiProxy {
        let proxy = ApiProxy::start().await;
        self.edit_kubeconfig(|config| config["clusters"][0]["cluster"] = json!({"server": proxy.url()}));
        proxy
    }

    /// Starts the operator, or another one after the last was killed.
    pub fn start_operator(&mut self) {
        self.start_operator_with(&[]);
    }

    /// Starts the operator with more arguments.
    pub fn start_operator_with(&mut self, arguments: &[&str]) {
        self.start_operator_in(&[], arguments);
    }

    /// The same, with more in its environment.
    pub fn start_operator_in(&mut self, environment: &[(&str, &str)], arguments: &[&str]) {
        assert!(self.operator.is_none());
        let watched = (!self.cluster_wide).then_some(self.namespace.as_str());
        self.operator = Some(Operator::start(environment, watched, &self.kubeconfig, &self.log_path(), arguments));
    }

    /// Has the search that follows the tests look for these, too.
    pub fn note_secrets(&self, secrets: impl IntoIterator<Item = String>) {
        self.records.note(secrets);
    }

    /// Where this world's files are, until it ends.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Another operator of this world, with a log of its own, as the first process of a container.
    pub fn first_process(&self, name: &str, environment: &[(&str, &str)], arguments: &[&str]) -> Operator {
        let log = self.records.path(&format!("{name}.log"), self.folder.path());
        let watched = format!("--watch-namespaces={}", self.namespace);
        Operator::start_first(environment, &self.kubeconfig, &log, &[&[watched.as_str()], arguments].concat())
    }

    /// Where operators of this world find the API server.
    pub fn api_server(&self) -> String {
        let config: Value = serde_json::from_slice(&std::fs::read(&self.kubeconfig).unwrap()).unwrap();
        config["clusters"][0]["cluster"]["server"].as_str().unwrap().to_owned()
    }

    /// Has operators that are started from now on talk to another server, or with another token.
    pub fn edit_kubeconfig(&self, edit: impl FnOnce(&mut Value)) {
        let mut config: Value = serde_json::from_slice(&std::fs::read(&self.kubeconfig).unwrap()).unwrap();
        edit(&mut config);
        std::fs::write(&self.kubeconfig, config.to_string()).unwrap();
    }

    /// Kills the operator: it gets no chance to tidy up.
    pub fn kill_operator(&mut self) {
        self.operator.take().expect("an operator runs").kill();
    }

    /// Waits until the stand-in has no client any more: what was held ends with its connection, and whatever
    /// transaction was open with it.
    pub async fn until_disconnected(&self) {
        while self.stand_in.connections().0 > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// All that operators of this world have logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.records.path("log", self.folder.path())
    }

    /// The spec that the tests start from, with changes to it.
    pub fn manifest(&self, name: &str, changes: Value) -> Value {
        let mut manifest = json!({
            "apiVersion": "redshift-governance.dev/v1alpha1",
            "kind": "RedshiftIntegration",
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {"config": {
                "host": self.stand_in.host(),
                "port": self.stand_in.port(),
                "database": "immuta",
                "initialDatabase": "DEV",
                "authenticationType": "userPassword",
                "credentialsSecretRef": {"name": "redshift-admin"},
                "tls": {"caBundleRef": {"kind": "ConfigMap", "name": "redshift-ca"}},
            }},
        });
        merge(&mut manifest["spec"], changes);
        manifest
    }

    /// Creates the resource `analytics`, with changes to its spec.
    pub async fn create(&self, changes: Value) -> RedshiftIntegration {
        self.create_named("analytics", changes).await
    }

    /// Creates a resource, with changes to its spec.
    pub async fn create_named(&self, name: &str, changes: Value) -> RedshiftIntegration {
        let object = serde_json::from_value(self.manifest(name, changes)).unwrap();
        self.api().create(&PostParams::default(), &object).await.unwrap()
    }

    /// Creates the resource `analytics`, which is to take over what a former one has in a database.
    pub async fn create_to_take_over(&self, database: &str, former: &RedshiftIntegration, changes: Value) {
        let mut manifest = self.manifest("analytics", changes);
        let value = format!("{database}/{}", former.uid().unwrap());
        manifest["metadata"]["annotations"] = json!({"redshift-governance.dev/take-over": value});
        self.api().create(&PostParams::default(), &serde_json::from_value(manifest).unwrap()).await.unwrap();
    }

    /// Creates the resource `analytics` and waits until it is enabled.
    pub async fn enabled(&self) -> RedshiftIntegration {
        self.create(json!({})).await;
        self.until_phase("enabled").await
    }

    /// Asks for a look by an annotation of this value, and waits until it is done.
    pub async fn look(&self, value: &str) -> RedshiftIntegration {
        self.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": value}}})).await;
        self.until(&format!("the look {value} is done"), |object| is_looked_at(object, value)).await
    }

    /// What the Secret of the system account of `analytics` holds, as text.
    pub async fn system_account(&self) -> BTreeMap<String, String> {
        let secret = self.secrets().get("analytics-system-account").await.unwrap();
        let text = |(key, value): (String, ByteString)| (key, String::from_utf8(value.0).unwrap());
        secret.data.unwrap().into_iter().map(text).collect()
    }

    /// Changes `analytics` by a merge patch.
    pub async fn patch(&self, patch: Value) -> RedshiftIntegration {
        self.api().patch("analytics", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    /// Asks for the namespace to be deleted.
    pub async fn delete_namespace(&self) {
        self.namespaces().delete(&self.namespace, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until the namespace is gone.
    pub async fn until_namespace_is_gone(&self) {
        let is_gone = |namespace: Option<&Namespace>| namespace.is_none();
        let gone = await_condition(self.namespaces(), &self.namespace, is_gone);
        tokio::time::timeout(patience(), gone).await.expect("the namespace goes").unwrap();
    }

    /// Asks for `analytics` to be deleted.
    pub async fn delete(&self) {
        self.api().delete("analytics", &DeleteParams::default()).await.unwrap();
    }

    /// The resources of the namespace.
    pub fn api(&self) -> Api<RedshiftIntegration> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The namespaces of the cluster.
    pub fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client.clone())
    }

    /// The Secrets of the namespace.
    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// `analytics`, as it is now.
    pub async fn get(&self) -> RedshiftIntegration {
        self.api().get("analytics").await.unwrap()
    }

    /// Makes or changes a Secret with a user and a password.
    pub async fn put_secret(&self, name: &str, user: &str, password: &str) {
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name},
            "stringData": {"username": user, "password": password},
        });
        let params = PatchParams::apply("tests").force();
        self.secrets().patch(name, &params, &Patch::Apply(&secret)).await.unwrap();
    }

    /// Makes or changes a `ConfigMap` with a certificate authority.
    pub async fn put_ca(&self, name: &str, pem: &str) {
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"ca.crt": pem},
        });
        let api: Api<ConfigMap> = Api::namespaced(self.client.clone(), &self.namespace);
        api.patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&map)).await.unwrap();
    }

    /// Waits until `analytics` is in a phase that speaks of its newest generation.
    pub async fn until_phase(&self, phase: &str) -> RedshiftIntegration {
        self.until_named_is("analytics", phase).await
    }

    /// Waits until a resource is in a phase that speaks of its newest generation.
    pub async fn until_named_is(&self, name: &str, phase: &str) -> RedshiftIntegration {
        let is = |object: Option<&RedshiftIntegration>| {
            object.is_some_and(|object| is_current(object) && phase_of(object) == phase)
        };
        self.until_named(name, &format!("{name} is {phase}"), is).await.expect("it is there")
    }

    /// Waits until `analytics` is something.
    pub async fn until(&self, what: &str, is: impl Fn(&RedshiftIntegration) -> bool) -> RedshiftIntegration {
        self.until_named("analytics", what, |object| object.is_some_and(&is)).await.expect("it is there")
    }

    /// Waits until `analytics` is gone.
    pub async fn until_gone(&self) {
        self.until_gone_named("analytics").await;
    }

    /// Waits until a resource is gone.
    pub async fn until_gone_named(&self, name: &str) {
        self.until_named(name, &format!("{name} is gone"), |object| object.is_none()).await;
    }

    /// Watches, instead of asking again and again: the API server has others to answer.
    async fn until_named(
        &self,
        name: &str,
        what: &str,
        is: impl Fn(Option<&RedshiftIntegration>) -> bool,
    ) -> Option<RedshiftIntegration> {
        let watched = tokio::time::timeout(patience(), await_condition(self.api(), name, is)).await;
        match watched {
            Ok(Ok(object)) => object,
            Ok(Err(error)) => panic!("{what}: {error}"),
            Err(_) => self.give_up(what, self.api().get_opt(name).await.unwrap().as_ref()),
        }
    }

    fn give_up(&self, what: &str, object: Option<&RedshiftIntegration>) -> ! {
        let log = self.log();
        let own = |line: &&str| line.contains(": redshift_integration_operator::") && !line.contains("TRACE");
        let tail: Vec<_> = log.lines().rev().filter(own).take(15).collect();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        let status = object.and_then(|object| object.status.clone()).unwrap_or_default();
        panic!(
            "waited in vain until {what}; phase {:?}, conditions {:#?}\nthe operator's log ends so:\n{}",
            status.phase,
            status.conditions,
            tail.join("\n")
        );
    }

    /// The notes of all events about a resource, with their types and reasons, the oldest first.
    pub async fn events(&self, name: &str) -> Vec<(String, String, String)> {
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut events = api.list(&ListParams::default()).await.unwrap().items;
        events.retain(|event| event.regarding.as_ref().is_some_and(|about| about.name.as_deref() == Some(name)));
        events.sort_by_key(|event| event.event_time.clone().map(|time| time.0));
        let text = |text: Option<String>| text.unwrap_or_default();
        events.into_iter().map(|event| (text(event.type_), text(event.reason), text(event.note))).collect()
    }

    /// Waits for an event: those that tell of the end come behind it.
    pub async fn until_event(&self, name: &str, reason: &str) -> (String, String, String) {
        let found = async {
            loop {
                if let Some(event) = self.events(name).await.into_iter().rfind(|event| event.1 == reason) {
                    return event;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(patience(), found).await.unwrap_or_else(|_| panic!("no event {reason} about {name}"))
    }

    /// What the operator asked of the API server to change: verb and resource, from the server's audit log.
    pub fn api_writes(&self) -> Vec<String> {
        let mut requests = self.audited();
        requests.retain(|request| !request.starts_with("get "));
        requests
    }

    /// What the operator asked of the API server, in order: verb and resource, from the server's audit log. Neither
    /// its lists and watches, which it always has, nor events, for which nobody waits.
    pub fn api_requests(&self) -> Vec<String> {
        let mut requests = self.audited();
        requests.retain(|request| !request.ends_with(" events"));
        requests
    }

    fn audited(&self) -> Vec<String> {
        let log = std::fs::read_to_string(std::env::var("TEST_AUDIT_LOG").unwrap()).unwrap();
        let user = format!("system:serviceaccount:{}:{SERVICE_ACCOUNT}", self.namespace);
        let entries = log.lines().filter(|line| line.contains(&user));
        let mut entries: Vec<_> = entries.filter_map(|line| serde_json::from_str::<Value>(line).ok()).collect();
        entries.retain(|entry| !["list", "watch"].contains(&entry["verb"].as_str().unwrap_or_default()));
        // The log is in the order of the answers.
        entries.sort_by_key(|entry| entry["requestReceivedTimestamp"].as_str().unwrap_or_default().to_owned());
        let told = |entry: Value| {
            let (resource, part) = (&entry["objectRef"]["resource"], &entry["objectRef"]["subresource"]);
            let part = part.as_str().map(|part| format!("/{part}")).unwrap_or_default();
            format!("{} {}{part}", entry["verb"].as_str().unwrap(), resource.as_str().unwrap())
        };
        entries.into_iter().map(told).collect()
    }
}

impl Drop for World {
    /// Leaves what is searched for secrets when the suite is through.
    fn drop(&mut self) {
        self.records.note_statements(&self.stand_in);
        if let Some(said) = self.operator.as_mut().and_then(Operator::says_of_itself) {
            self.records.keep("process", &said);
        }
    }
}
