//! The simulated API server, held to a real one.
//!
//! A table of requests is put to both, through the port as the flow does it, and after each one both are asked
//! what there is. Whether a request is taken, and what becomes of the object, must be the same. Words aren't
//! compared, nor UIDs and versions themselves, but whether they stay.

use std::fmt::Write as _;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::api::{DeleteParams, ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, ResourceExt};
use serde_json::{Value, json};

use super::kubernetes::{INTEGRATION, merge};
use super::ports::Api;
use super::warehouse::Power;
use super::world::{Shared, World};
use crate::adapters::{Cluster, Publisher};
use crate::api::{FINALIZER, RedshiftIntegration};
use crate::ports::{ApiError, Creation, Key, Kubernetes, Object};
use crate::telemetry::Metrics;

/// Longest wait for one answer. It ends tests alone that fail anyway.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a request can name of the object, which every server calls otherwise: as it is now, and as it was made.
const UID: &str = "<uid>";
const VERSION: &str = "<version>";
const FIRST_UID: &str = "<first uid>";
const FIRST_VERSION: &str = "<first version>";

/// A UID and a version that no object has.
const OTHER_UID: &str = "11111111-2222-3333-4444-555555555555";
const OTHER_VERSION: &str = "1";

const INTEGRATIONS: &[&str] = &[INTEGRATION];
const WITH_DATA: &[&str] = &["Secret", "ConfigMap"];
const ALL: &[&str] = &[INTEGRATION, "Secret", "ConfigMap"];

/// What is asked of a server. Objects are the sample of the kind, with what is given merged into it.
#[derive(Clone, Debug)]
enum Request {
    Create(Value),
    TryToCreate(Value),
    Get,
    Merge(Value),
    /// Of the object as it was read last.
    ReplaceStatus(Value),
    Delete(String),
    /// The namespace is deleted.
    LetGo,
}

use Request::{Create, Delete, Get, LetGo, Merge, ReplaceStatus, TryToCreate};

struct Case {
    name: &'static str,
    kinds: &'static [&'static str],
    requests: Vec<Request>,
}

fn case(name: &'static str, kinds: &'static [&'static str], requests: Vec<Request>) -> Case {
    Case { name, kinds, requests }
}

fn plain() -> Request {
    Create(json!({}))
}

/// Creates an object that somebody holds.
fn held() -> Request {
    Create(json!({"metadata": {"finalizers": [FINALIZER, "example.com/another"]}}))
}

fn delete(uid: &str) -> Request {
    Delete(uid.to_owned())
}

fn merge_metadata(metadata: &Value) -> Request {
    Merge(json!({"metadata": metadata}))
}

#[expect(clippy::too_many_lines, reason = "a table")]
fn cases() -> Vec<Case> {
    let label = || merge_metadata(&json!({"labels": {"a": "1"}}));
    let finalizers = |names: &[&str]| merge_metadata(&json!({"finalizers": names}));
    vec![
        case("what isn't there", ALL, vec![Get, label(), delete(OTHER_UID)]),
        case("the status of what isn't there", INTEGRATIONS, vec![ReplaceStatus(json!({}))]),
        case("creating", ALL, vec![plain(), plain(), Get]),
        case(
            "creating with what is the server's to say",
            ALL,
            vec![Create(json!({"metadata": {"uid": OTHER_UID, "generation": 7}, "status": {"phase": "enabled"}}))],
        ),
        case(
            "creating with nothing in lists and maps",
            ALL,
            vec![Create(json!({"metadata": {"labels": {}, "finalizers": []}}))],
        ),
        case("trying to create", ALL, vec![TryToCreate(json!({})), plain(), TryToCreate(json!({}))]),
        case("creating in a namespace that is going", ALL, vec![LetGo, TryToCreate(json!({})), plain()]),
        case(
            "creating under a name that is taken, in a namespace that is going",
            ALL,
            vec![held(), LetGo, TryToCreate(json!({})), plain()],
        ),
        case("merging without a precondition", ALL, vec![plain(), label(), label()]),
        case(
            "merging with the right UID and version",
            ALL,
            vec![
                plain(),
                merge_metadata(&json!({"uid": UID, "labels": {"a": "1"}})),
                merge_metadata(&json!({"resourceVersion": VERSION, "labels": {"a": "2"}})),
                merge_metadata(&json!({"uid": UID, "resourceVersion": VERSION, "labels": {"a": "3"}})),
                merge_metadata(&json!({"uid": UID, "resourceVersion": VERSION, "labels": {"a": "3"}})),
            ],
        ),
        case(
            "merging with a wrong UID or version",
            ALL,
            vec![
                plain(),
                label(),
                merge_metadata(&json!({"uid": OTHER_UID, "labels": {"a": "2"}})),
                merge_metadata(&json!({"resourceVersion": FIRST_VERSION, "labels": {"a": "3"}})),
                merge_metadata(&json!({"resourceVersion": OTHER_VERSION, "labels": {"a": "4"}})),
                merge_metadata(&json!({"uid": OTHER_UID, "resourceVersion": VERSION, "labels": {"a": "5"}})),
                merge_metadata(&json!({"uid": UID, "resourceVersion": FIRST_VERSION, "labels": {"a": "6"}})),
            ],
        ),
        case(
            "merging nothing new with a wrong UID or version",
            ALL,
            vec![
                plain(),
                label(),
                merge_metadata(&json!({"uid": OTHER_UID, "labels": {"a": "1"}})),
                merge_metadata(&json!({"resourceVersion": FIRST_VERSION, "labels": {"a": "1"}})),
            ],
        ),
        case(
            "merging into another object of the name",
            ALL,
            vec![
                plain(),
                delete(UID),
                plain(),
                merge_metadata(&json!({"uid": FIRST_UID, "labels": {"a": "1"}})),
                merge_metadata(&json!({"uid": UID, "resourceVersion": FIRST_VERSION, "labels": {"a": "1"}})),
                merge_metadata(&json!({"uid": FIRST_UID, "resourceVersion": FIRST_VERSION, "labels": {"a": "1"}})),
                delete(FIRST_UID),
                delete(UID),
            ],
        ),
        case(
            "merging null",
            ALL,
            vec![
                plain(),
                merge_metadata(&json!({"labels": {"a": "1", "b": "2"}})),
                merge_metadata(&json!({"labels": {"a": null}})),
                merge_metadata(&json!({"labels": {"a": null}})),
                merge_metadata(&json!({"labels": {"b": null}})),
                merge_metadata(&json!({"labels": {"b": null}})),
                merge_metadata(&json!({"annotations": {"c": null, "d": "4"}})),
                merge_metadata(&json!({"annotations": null})),
                merge_metadata(&json!({"annotations": null})),
            ],
        ),
        case(
            "merging data",
            WITH_DATA,
            vec![
                plain(),
                Merge(json!({"data": {"a": "MTIzNA=="}})),
                Merge(json!({"data": {"a": "MTIzNA==", "b": "NTY3OA=="}})),
                Merge(json!({"data": {"a": null, "b": "NTY3OA=="}})),
                Merge(json!({"data": {"b": null, "key": null}})),
                Merge(json!({"data": {"b": null}})),
                Merge(json!({"data": {"c": null, "d": "OTA="}})),
            ],
        ),
        case(
            "merging a spec",
            INTEGRATIONS,
            vec![
                plain(),
                Merge(json!({"spec": {"suspend": true}})),
                Merge(json!({"spec": {"suspend": true}})),
                Merge(json!({"spec": {"suspend": null}})),
                Merge(json!({"spec": {"suspend": null}})),
                Merge(json!({"spec": {"config": {"impersonation": {"enabled": true}}}})),
                Merge(json!({"spec": {"unheardOf": 1}})),
                Merge(json!({"spec": {"suspend": true}, "metadata": {"labels": {"a": "1"}, "generation": 70}})),
            ],
        ),
        case(
            "merging a status into what isn't the status",
            INTEGRATIONS,
            vec![
                plain(),
                Merge(json!({"status": {"phase": "enabled"}})),
                Merge(json!({"status": {"phase": "enabled"}, "metadata": {"labels": {"a": "1"}}})),
                ReplaceStatus(json!({"status": {"phase": "enabled", "observedGeneration": 1}})),
                Merge(json!({"status": {"phase": "deleting"}, "metadata": {"labels": {"a": "2"}}})),
                Merge(json!({"status": null})),
            ],
        ),
        case(
            "replacing a status",
            INTEGRATIONS,
            vec![
                plain(),
                ReplaceStatus(json!({"status": {"phase": "creating", "observedGeneration": 1}})),
                ReplaceStatus(json!({"status": {"phase": "creating", "observedGeneration": 1}})),
                ReplaceStatus(json!({"status": {"phase": "enabled", "lastHandledReconcileAt": "now"}})),
                ReplaceStatus(json!({"status": {"lastHandledReconcileAt": null}})),
            ],
        ),
        case(
            "emptying a status",
            INTEGRATIONS,
            vec![
                plain(),
                ReplaceStatus(json!({"status": null})),
                ReplaceStatus(json!({"status": {"phase": "creating", "observedGeneration": 1}})),
                ReplaceStatus(json!({"status": null})),
            ],
        ),
        case(
            "replacing the status of another object, or of an older one",
            INTEGRATIONS,
            vec![
                plain(),
                label(),
                ReplaceStatus(json!({"metadata": {"uid": OTHER_UID}, "status": {"phase": "creating"}})),
                ReplaceStatus(json!({"metadata": {"resourceVersion": FIRST_VERSION}, "status": {"phase": "creating"}})),
                ReplaceStatus(json!({"metadata": {"resourceVersion": FIRST_VERSION}})),
                ReplaceStatus(json!({"metadata": {"resourceVersion": null}, "status": {"phase": "creating"}})),
                ReplaceStatus(json!({"metadata": {"uid": null}, "status": {"phase": "creating"}})),
            ],
        ),
        case(
            "replacing a status and more",
            INTEGRATIONS,
            vec![
                plain(),
                ReplaceStatus(
                    json!({"spec": {"suspend": true}, "metadata": {"labels": {"a": "1"}, "finalizers": [FINALIZER]}}),
                ),
                ReplaceStatus(
                    json!({"spec": {"suspend": true}, "status": {"phase": "creating"}, "metadata": {"labels": {"a": "1"}}}),
                ),
            ],
        ),
        case("deleting", ALL, vec![plain(), delete(OTHER_UID), delete(UID), delete(UID)]),
        case(
            "holding, and letting go",
            ALL,
            vec![
                plain(),
                finalizers(&[FINALIZER]),
                finalizers(&[FINALIZER, "example.com/another"]),
                finalizers(&["example.com/another"]),
                finalizers(&[]),
                finalizers(&[]),
            ],
        ),
        case(
            "deleting what is held",
            ALL,
            vec![
                held(),
                delete(OTHER_UID),
                delete(UID),
                delete(UID),
                delete(OTHER_UID),
                plain(),
                label(),
                merge_metadata(&json!({"finalizers": [FINALIZER], "uid": OTHER_UID})),
                merge_metadata(&json!({"finalizers": [FINALIZER], "resourceVersion": FIRST_VERSION})),
                merge_metadata(&json!({"finalizers": [FINALIZER], "uid": UID, "resourceVersion": VERSION})),
                merge_metadata(&json!({"finalizers": [], "uid": UID, "resourceVersion": VERSION})),
                merge_metadata(&json!({"finalizers": [], "uid": UID, "resourceVersion": VERSION})),
            ],
        ),
        case(
            "holding what is going",
            ALL,
            vec![
                held(),
                delete(UID),
                finalizers(&[FINALIZER, "example.com/another", "example.com/late"]),
                finalizers(&[FINALIZER]),
                finalizers(&[FINALIZER, "example.com/another"]),
                finalizers(&["example.com/another"]),
                merge_metadata(&json!({"finalizers": null})),
            ],
        ),
        case(
            "writing to an integration that is going",
            INTEGRATIONS,
            vec![
                held(),
                delete(UID),
                ReplaceStatus(json!({"status": {"phase": "deleting", "observedGeneration": 1}})),
                Merge(json!({"spec": {"deletionPolicy": "Retain"}})),
                ReplaceStatus(json!({"status": {"phase": "deleteError", "observedGeneration": 2}})),
                finalizers(&[]),
            ],
        ),
    ]
}

/// The object that a request begins with.
fn sample(kind: &str, namespace: &str, name: &str) -> Value {
    let metadata = json!({"name": name, "namespace": namespace});
    match kind {
        INTEGRATION => json!({
            "apiVersion": "redshift-governance.dev/v1alpha1",
            "kind": kind,
            "metadata": metadata,
            "spec": {"config": {
                "host": "warehouse.example.com",
                "database": "immuta",
                "initialDatabase": "dev",
                "authenticationType": "userPassword",
                "credentialsSecretRef": {"name": "redshift-admin"},
            }},
        }),
        "Secret" => json!({
            "apiVersion": "v1", "kind": kind, "metadata": metadata, "type": "Opaque", "data": {"key": "dmFsdWU="},
        }),
        _ => json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "data": {"key": "value"}}),
    }
}

/// A server of either sort.
enum Server {
    Simulated(Shared),
    Real(Client),
}

impl Server {
    /// The namespace that a case may have for itself.
    async fn make_namespace(&self) -> String {
        let Self::Real(client) = self else { return super::kubernetes::NAMESPACE.to_owned() };
        let metadata = ObjectMeta { generate_name: Some("test-".to_owned()), ..ObjectMeta::default() };
        let namespace = Namespace { metadata, ..Namespace::default() };
        kube::Api::all(client.clone()).create(&PostParams::default(), &namespace).await.unwrap().name_any()
    }

    async fn let_go(&self, namespace: &str) {
        match self {
            Self::Simulated(world) => world.borrow_mut().clusters[0].let_go(true),
            Self::Real(client) => {
                let namespaces = kube::Api::<Namespace>::all(client.clone());
                namespaces.delete(namespace, &DeleteParams::default()).await.unwrap();
            }
        }
    }

    async fn ask(&self, kind: &str, key: &Key, request: &Request) -> Answer {
        match (self, request) {
            (_, LetGo) => {
                self.let_go(&key.namespace).await;
                Ok(None)
            }
            (Self::Simulated(world), _) => at_once(ask(&Api { world: world.clone(), cluster: 0 }, kind, key, request)),
            (Self::Real(client), _) => {
                let publisher = Publisher::start(client.clone(), "agreement".to_owned(), Metrics::new());
                let cluster = Cluster::new(client.clone(), publisher, PATIENCE);
                ask(&cluster, kind, key, request).await
            }
        }
    }
}

/// Nothing in the simulation is waited for.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

type Answer = Result<Option<Value>, ApiError>;

async fn ask(server: &impl Kubernetes, kind: &str, key: &Key, request: &Request) -> Answer {
    match kind {
        INTEGRATION => ask_for::<RedshiftIntegration>(server, key, request).await,
        "Secret" => ask_for::<Secret>(server, key, request).await,
        _ => ask_for::<ConfigMap>(server, key, request).await,
    }
}

async fn ask_for<K: Object>(server: &impl Kubernetes, key: &Key, request: &Request) -> Answer {
    let object = |value: &Value| serde_json::from_value::<K>(value.clone()).unwrap();
    let answer = match request {
        Create(value) => server.create(&object(value), Creation::Real).await.map(Some),
        TryToCreate(value) => server.create(&object(value), Creation::DryRun).await.map(Some),
        Get => server.get::<K>(key).await,
        Merge(patch) => server.merge::<K>(key, patch).await.map(Some),
        ReplaceStatus(value) => server.replace_status(&object(value)).await.map(Some),
        Delete(uid) => server.delete::<K>(key, uid).await.map(|()| None),
        LetGo => Ok(None),
    };
    answer.map(|found| found.map(|found| serde_json::to_value(found).unwrap()))
}

/// A case, put to one server.
struct Play<'a> {
    server: &'a Server,
    kind: &'static str,
    key: Key,
    /// The object as it was made first, and as it was read last.
    first: Value,
    last: Value,
}

impl Play<'_> {
    /// What comes of each request.
    async fn run(&mut self, requests: &[Request]) -> Vec<String> {
        let mut outcomes = Vec::new();
        let mut is_going = false;
        for request in requests {
            let request = self.spelt_out(request);
            let answer = self.server.ask(self.kind, &self.key, &request).await;
            let mut outcome = match answer {
                Ok(Some(object)) => self.seen(&object),
                Ok(None) => "done".to_owned(),
                Err(error) => refusal(&error),
            };
            is_going |= matches!(request, LetGo);
            // A controller deletes what is in a namespace that is going, whenever it comes to it.
            if !is_going {
                let found = self.server.ask(self.kind, &self.key, &Get).await.unwrap();
                let seen = found.as_ref().map_or_else(|| "nothing".to_owned(), |found| self.seen(found));
                write!(outcome, "; then there is {seen}").unwrap();
                self.last = found.unwrap_or(std::mem::take(&mut self.last));
                if self.first.is_null() {
                    self.first = self.last.clone();
                }
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    /// The request as it is put to this server.
    fn spelt_out(&self, request: &Request) -> Request {
        let whole = |into: Value, changes: &Value| {
            let mut whole = into;
            merge(&mut whole, &self.filled(changes));
            whole
        };
        let sample = || sample(self.kind, &self.key.namespace, &self.key.name);
        match request {
            Create(changes) => Create(whole(sample(), changes)),
            TryToCreate(changes) => TryToCreate(whole(sample(), changes)),
            ReplaceStatus(changes) if self.last.is_null() => ReplaceStatus(whole(sample(), changes)),
            ReplaceStatus(changes) => ReplaceStatus(whole(self.last.clone(), changes)),
            Merge(patch) => Merge(self.filled(patch)),
            Delete(uid) => Delete(self.name_for(uid).unwrap_or(uid).to_owned()),
            Get | LetGo => request.clone(),
        }
    }

    /// What this server calls something.
    fn name_for(&self, asked: &str) -> Option<&str> {
        let (object, field) = match asked {
            UID => (&self.last, "uid"),
            VERSION => (&self.last, "resourceVersion"),
            FIRST_UID => (&self.first, "uid"),
            FIRST_VERSION => (&self.first, "resourceVersion"),
            _ => return None,
        };
        object["metadata"][field].as_str()
    }

    fn filled(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.name_for(text).unwrap_or(text).into(),
            Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), self.filled(value))).collect(),
            _ => value.clone(),
        }
    }

    /// An object without what servers call otherwise, beside what was read before.
    fn seen(&self, object: &Value) -> String {
        let mut object = object.clone();
        let metadata = object["metadata"].as_object_mut().unwrap();
        for field in ["name", "namespace", "creationTimestamp", "managedFields", "deletionGracePeriodSeconds"] {
            metadata.remove(field);
        }
        for field in ["uid", "resourceVersion"] {
            if let Some(now) = metadata.get_mut(field) {
                let before = &self.last["metadata"][field];
                *now = if before.is_null() || now == before { "as before" } else { "another" }.into();
            }
        }
        if let Some(time) = metadata.get_mut("deletionTimestamp") {
            *time = "set".into();
        }
        object.to_string()
    }
}

fn refusal(error: &ApiError) -> String {
    match error {
        ApiError::Refused { .. } if error.is_namespace_terminating() => {
            "refused, since the namespace is going".to_owned()
        }
        ApiError::Refused { code, .. } => format!("refused with {code}"),
        ApiError::Unanswered(_) | ApiError::Deadline(_) => panic!("no answer: {error}"),
    }
}

/// The client of an administrator.
async fn administrator() -> Client {
    let path = std::env::var("KUBECONFIG").expect("no control plane: run the tests with `make test T=<name>`");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(path).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

#[tokio::test]
async fn the_simulated_api_server_answers_as_a_real_one() {
    let real = Server::Real(administrator().await);
    let shared = real.make_namespace().await;
    let mut differences = Vec::new();
    for (number, Case { name, kinds, requests }) in cases().into_iter().enumerate() {
        for &kind in kinds {
            let simulated = Server::Simulated(World::new(Power::Superuser, true));
            let goes = requests.iter().any(|request| matches!(request, LetGo));
            let namespace = if goes { real.make_namespace().await } else { shared.clone() };
            let mut outcomes = Vec::new();
            for (server, namespace) in [(&simulated, super::kubernetes::NAMESPACE), (&real, &namespace)] {
                let key = Key { namespace: namespace.to_owned(), name: format!("case-{number}") };
                let mut play = Play { server, kind, key, first: Value::Null, last: Value::Null };
                outcomes.push(play.run(&requests).await);
            }
            for (at, request) in requests.iter().enumerate() {
                let (simulated, real) = (&outcomes[0][at], &outcomes[1][at]);
                if simulated != real {
                    let which = at + 1;
                    differences.push(format!(
                        "{name} ({kind}), request {which}: {request:?}\n  simulated: {simulated}\n  real:      {real}"
                    ));
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}
