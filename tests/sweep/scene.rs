//! A world in which the flows of a circle follow each other, and what each comes to when nothing
//! disturbs it.

use std::collections::{BTreeMap, BTreeSet};

use identity_stand_in::Identity;
use kube::core::DynamicObject;
use redshift_integration_operator::api::{RedshiftIntegration, ValidationStatus};
use redshift_stand_in::Options;
use serde_json::{Value, json};

use super::begin::SECRET;
use super::cases::{Case, cases};
use super::disturbances::DEADLINE;
use super::flows::{Begin, Circle, Deed, Ends, Flow, Kind, Way};
use super::statements::{statements, steps, writes};
use crate::support::identity::Services;
use crate::support::{
    ApiProxy, Dump, Observer, World, assert_same, conditions, is_current, is_looked_at, patience, phase_of, rows,
    tests_with,
};

/// What a flow comes to.
#[derive(Debug)]
struct End {
    warehouse: Dump,
    resources: Value,
}

/// A flow as it goes undisturbed.
pub struct Undisturbed {
    /// What it comes to.
    end: End,
    /// What is to be disturbed of it.
    pub cases: Vec<Case>,
    /// How many statements and writes it has.
    pub counts: (usize, usize),
}

/// A world, and what is expected of it.
pub struct Scene {
    /// The world.
    pub world: World,
    /// Between the operator and the API server.
    pub proxy: ApiProxy,
    /// Of each flow of the circle.
    pub undisturbed: Vec<Undisturbed>,
    /// Okta and AWS, where somebody gets in by them.
    pub services: Option<Services>,
    /// Looks at the warehouse past the relay.
    pub observer: Observer,
    /// What confirms a deletion, once it was asked for.
    pub confirmation: Option<String>,
    /// How often a look was asked for.
    pub requests: u64,
    arguments: Vec<String>,
}

impl Scene {
    /// A world at the start of a circle, after one undisturbed round.
    pub async fn new(circle: &Circle, slow: bool) -> Self {
        let world = World::without_operator(Options::default()).await;
        let proxy = world.behind_a_proxy().await;
        // Retries come soon: a sweep is long.
        let arguments = ["--log-level=info", "--retry-delay-milliseconds=50", "--retry-delay-max-milliseconds=500"];
        let arguments = arguments.map(str::to_owned).to_vec();
        let observer = Observer::new(&world.stand_in, circle.dropped());
        let (undisturbed, confirmation, requests) = (Vec::new(), None, 0);
        let services = if circle.way == Way::Okta { Some(Services::beside(&world, []).await) } else { None };
        if let Some(services) = &services {
            services.put_okta_user(&world).await;
        }
        let mut scene = Self { world, proxy, undisturbed, services, observer, confirmation, requests, arguments };
        circle.prepare(&scene.world).await;
        scene.start_operator();
        circle.start(&scene.world).await;
        let before = scene.warehouse().await;
        let mut met = BTreeSet::new();
        for flow in circle.flows {
            scene.settle().await;
            scene.get_ready(flow).await;
            let written = scene.proxy.writes().len();
            scene.world.stand_in.journal().clear();
            if let Some(services) = &scene.services {
                services.identity.forget_requests();
            }
            scene.begin(circle, flow).await;
            let end = scene.end(flow).await;
            let statements = statements(&scene.world.stand_in.journal().since(0));
            let writes = writes(&scene.proxy.writes()[written..]);
            let requests = scene.services.as_ref().map(|services| services.identity.requests()).unwrap_or_default();
            let counts = (statements.len(), writes.len());
            let cases = cases(circle, scene.undisturbed.len(), &statements, &writes, &steps(&requests), &mut met);
            let is_last = scene.undisturbed.len() + 1 == circle.flows.len();
            if is_last {
                // A circle closes.
                assert_same(&before, &end.warehouse);
            }
            scene.undisturbed.push(Undisturbed { end, cases, counts });
        }
        if slow {
            // Only now: on a busy machine the undisturbed round could meet a short deadline too.
            scene.arguments.push(format!("--statement-timeout-seconds={DEADLINE}"));
            scene.arguments.push(format!("--api-timeout-seconds={DEADLINE}"));
            if scene.services.is_some() {
                scene.arguments.push(format!("--connect-timeout-seconds={DEADLINE}"));
            }
            scene.world.kill_operator();
            scene.start_operator();
        }
        scene
    }

    /// Starts the operator, or another one.
    pub fn start_operator(&mut self) {
        let told = self.services.as_ref().map(Services::told);
        let (environment, ca_file) = told.as_ref().map_or((&[][..], None), |(all, ca)| (&all[..], Some(ca.as_str())));
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let arguments: Vec<_> = self.arguments.iter().map(String::as_str).chain(ca_file).collect();
        self.world.start_operator_in(&environment, &arguments);
    }

    /// Okta and AWS.
    pub fn identity(&self) -> &Identity {
        &self.services.as_ref().expect("somebody gets in by them").identity
    }

    /// Runs a flow, disturbed or not, to its end, which must be the one that is expected.
    pub async fn run(&mut self, circle: &Circle, index: usize, case: Option<&Case>) {
        let flow = &circle.flows[index];
        self.settle().await;
        self.get_ready(flow).await;
        self.world.stand_in.journal().clear();
        let ordered = case.map(|case| self.order(case));
        self.begin(circle, flow).await;
        if let Some(case) = case {
            self.kill_if_ordered(case).await;
        }
        if case.is_some() {
            let end = self.end(flow).await;
            let expected = &self.undisturbed[index].end;
            assert_same(&expected.warehouse, &end.warehouse);
            assert_eq!(expected.resources, end.resources, "the resource, or its Secret");
        } else {
            // It only leads to where the next case begins.
            self.converged(flow).await;
        }
        assert!(ordered.is_none_or(|ordered| self.has_come(&ordered)), "the disturbance never came");
        self.world.stand_in.faults().clear();
        self.proxy.clear();
        if let Some(services) = &self.services {
            services.identity.clear_answers();
        }
    }

    /// Waits until nothing is under way in the warehouse, late statements included.
    pub async fn settle(&self) {
        self.world.until_disconnected().await;
    }

    /// Waits until a flow is done; gives the resource, where it is still there.
    async fn converged(&mut self, flow: &Flow) -> Option<RedshiftIntegration> {
        match (flow.ends(), flow.begin) {
            (Ends::Gone | Ends::Left, _) => {
                self.world.until_gone().await;
                None
            }
            // It was enabled all the time.
            (Ends::Enabled, Begin::LoseSecret | Begin::Change | Begin::Outdate) => {
                let is_done = |object: &RedshiftIntegration| {
                    is_looked_at(object, &self.requests.to_string()) && phase_of(object) == "enabled"
                };
                Some(self.world.until("the look that was asked for is done", is_done).await)
            }
            (Ends::Enabled, Begin::Rotate) => {
                let is_done = |object: &RedshiftIntegration| {
                    let handled = object.status.as_ref().and_then(|status| status.last_handled_rotation.as_deref());
                    handled == Some(&self.requests.to_string()) && conditions(object) == ["True", "False", "False"]
                };
                Some(self.world.until("the rotation that was asked for is done", is_done).await)
            }
            (Ends::Enabled, Begin::One(deed)) => {
                self.until_done(&[deed]).await;
                Some(self.world.until_phase("enabled").await)
            }
            (Ends::Enabled, Begin::Together(deeds)) => {
                self.until_done(deeds).await;
                let is_done = |object: &RedshiftIntegration| is_current(object) && phase_of(object) == "enabled";
                Some(self.world.until("it isn't suspended any more", is_done).await)
            }
            (Ends::Enabled, _) => Some(self.world.until_phase("enabled").await),
        }
    }

    /// Waits until resources that are for the integration are gone, or say that all is as they want it.
    async fn until_done(&mut self, deeds: &[Deed]) {
        for deed in deeds {
            let (kind, is_to_be) = match deed {
                Deed::Make(kind, _) | Deed::Change(kind, _) => (*kind, true),
                Deed::Remove(kind) => (*kind, false),
            };
            let is_done = |object: Option<&DynamicObject>| match object {
                None => !is_to_be,
                Some(object) => is_to_be && is_ready(object),
            };
            let started = std::time::Instant::now();
            loop {
                let object = self.api_of(kind).get_opt(kind.one()).await.unwrap();
                if is_done(object.as_ref()) {
                    break;
                }
                let told = || serde_json::to_string_pretty(&object).unwrap();
                assert!(started.elapsed() < patience(), "{deed:?} isn't done: {}\n{}", told(), self.world.log());
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            if let Deed::Remove(Kind::Profile) = deed {
                self.until_nobody_has_a_profile().await;
            }
        }
        // What a pass has said of the others while it was disturbed is taken back.
        for kind in [Kind::DataSource, Kind::Profile] {
            let started = std::time::Instant::now();
            while let Some(object) = self.api_of(kind).get_opt(kind.one()).await.unwrap().filter(|it| !is_ready(it)) {
                let told = || serde_json::to_string_pretty(&object).unwrap();
                assert!(started.elapsed() < patience(), "{kind:?} isn't ready: {}\n{}", told(), self.world.log());
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        }
    }

    /// A profile doesn't wait for its rows to go.
    async fn until_nobody_has_a_profile(&mut self) {
        let started = std::time::Instant::now();
        loop {
            let managed = self.observer.enter("immuta").await;
            if rows(managed, "SELECT 1 FROM immuta_system.profile").await.is_empty() {
                return;
            }
            assert!(started.elapsed() < patience(), "somebody has a profile: {}", self.world.log());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// What is said of resources that are for the integration.
    async fn said_of_those_for_it(&self) -> Value {
        let mut all = Vec::new();
        for kind in [Kind::DataSource, Kind::Profile] {
            let Some(mut object) = self.api_of(kind).get_opt(kind.one()).await.unwrap() else { continue };
            let status = object.data["status"].as_object_mut().unwrap();
            status.remove("observedGeneration");
            for condition in status["conditions"].as_array_mut().unwrap() {
                let condition = condition.as_object_mut().unwrap();
                condition.remove("lastTransitionTime");
                assert_eq!(condition.remove("observedGeneration"), Some(json!(object.metadata.generation)));
            }
            all.push(json!({"status": object.data["status"], "finalizers": object.metadata.finalizers}));
        }
        json!(all)
    }

    async fn end(&mut self, flow: &Flow) -> End {
        let object = self.converged(flow).await;
        let secret = self.secret().await;
        assert_eq!(secret.is_some(), flow.ends() != Ends::Gone, "whether the Secret is there");
        self.settle().await;
        let said = self.said_of_those_for_it().await;
        let resources = json!({"status": object.as_ref().map(essence), "secret": secret, "for it": said});
        End { warehouse: self.warehouse().await, resources }
    }

    /// A list of privileges that was never touched means what a default list says.
    async fn warehouse(&mut self) -> Dump {
        let dump = self.observer.dump().await.without_lists_of("immuta_system_account");
        let admin = self.world.stand_in.admin_user();
        let untouched = format!("{{=Tc/{admin},{admin}=CTc/{admin}}}");
        let explicit = |row: &String| row.replace(&untouched, "");
        Dump(dump.0.into_iter().map(|(key, rows)| (key, rows.iter().map(explicit).collect())).collect())
    }

    /// What the Secret says; its passwords must be the ones that log in.
    async fn secret(&mut self) -> Option<Value> {
        let secret = self.world.secrets().get_opt(SECRET).await.unwrap()?;
        let data: BTreeMap<_, _> =
            secret.data.unwrap().into_iter().map(|(key, value)| (key, String::from_utf8(value.0).unwrap())).collect();
        let server = self.observer.enter("dev").await;
        for (user, password) in [("username", "password"), ("claimUsername", "claimPassword")] {
            // What the server measures a login by. No quote and no backslash is in either.
            let (user, secret) = (&data[user], &data[password]);
            let digest = format!("'md5' || md5('{secret}{user}')");
            let query = format!("SELECT rolpassword = {digest} FROM pg_authid WHERE rolname = '{user}'");
            assert_eq!(rows(server, &query).await, ["t"], "whether the Secret's {password} logs in");
        }
        // Generated, and new each time.
        let changing = ["password", "claimPassword", "userId", "claimUserId", "rotatedAt", "rotatedFor"];
        let value = |(key, value): (String, String)| {
            let value = if changing.contains(&key.as_str()) { "there".to_owned() } else { value };
            (key, json!(value))
        };
        Some(Value::Object(data.into_iter().map(value).collect()))
    }
}

/// Whether a resource that is for the integration says of itself as it is now that all is well.
fn is_ready(object: &DynamicObject) -> bool {
    let status = &object.data["status"];
    let is_current = status["observedGeneration"].as_i64() == object.metadata.generation;
    let conditions = status["conditions"].as_array().into_iter().flatten();
    let is_as_it_is_to_be = |it: &Value| it["status"] == if it["type"] == "Ready" { "True" } else { "False" };
    is_current && conditions.clone().count() == 3 && conditions.clone().all(is_as_it_is_to_be)
}

/// What of the status must be the same however it came about: all but times and generations, and the
/// results of the preflight, which finds its own work after a crash.
fn essence(object: &RedshiftIntegration) -> Value {
    let mut status = serde_json::to_value(object.status.as_ref().unwrap()).unwrap();
    for changing in ["observedGeneration", "lastHandledReconcileAt", "lastHandledRotation"] {
        status.as_object_mut().unwrap().remove(changing);
    }
    for condition in status["conditions"].as_array_mut().unwrap() {
        let condition = condition.as_object_mut().unwrap();
        condition.remove("lastTransitionTime");
        assert_eq!(condition.remove("observedGeneration"), Some(json!(object.metadata.generation)));
    }
    status["validationResults"] = json!(tests_with(object, ValidationStatus::Failed));
    status["finalizers"] = json!(object.metadata.finalizers);
    status
}
