//! An API server in memory: objects as JSON, with versions, preconditions, a status subresource, finalizers, dry
//! runs, and a namespace that can be going. `agreement` holds it to a real one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use serde_json::{Map, Value, json};

use crate::api::{FINALIZER, RedshiftIntegration, RedshiftIntegrationSpec};
use crate::lifecycle::SystemAccount;
use crate::ports::{ApiError, Creation, Object};
use crate::reconcile::integration::secret::{self, Found};

/// The kind of our resources.
pub const INTEGRATION: &str = "RedshiftIntegration";

/// The kinds whose status is a subresource.
const WITH_STATUS: [&str; 1] = [INTEGRATION];

/// The one namespace.
pub const NAMESPACE: &str = "data-platform";

/// What is in one namespace of a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// By kind and name.
    objects: BTreeMap<(String, String), Value>,
    /// Our resources once more, read.
    integrations: BTreeMap<String, Integration>,
    /// What was written since somebody asked.
    changed: BTreeSet<(String, String)>,
    version: u64,
    uids: u32,
    is_going: bool,
}

/// One of our resources, as it was read.
#[derive(Clone, Debug)]
struct Integration(RedshiftIntegration);

impl PartialEq for Integration {
    fn eq(&self, other: &Self) -> bool {
        self.0.spec == other.0.spec && self.0.status == other.0.status && self.0.metadata == other.0.metadata
    }
}

/// As the API server says it.
fn refused(code: u16, message: String) -> ApiError {
    ApiError::Refused { code, message, causes: Vec::new() }
}

/// RFC 7386.
fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Value::Object(into) = into else { return };
    for (key, value) in patch {
        if value.is_null() {
            into.remove(key);
        } else {
            merge(into.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

impl Cluster {
    /// A cluster whose objects get UIDs that no other cluster's have.
    pub fn new(number: u32) -> Self {
        Self { uids: number * 1_000_000, ..Self::default() }
    }

    /// An object.
    pub fn get(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind.to_owned(), name.to_owned()))
    }

    /// Our resources.
    pub fn integrations(&self) -> impl Iterator<Item = &RedshiftIntegration> {
        self.integrations.values().map(|it| &it.0)
    }

    /// One of our resources.
    pub fn integration(&self, name: &str) -> Option<&RedshiftIntegration> {
        self.integrations.get(name).map(|it| &it.0)
    }

    /// The Secret of a resource's system account.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        let value = self.get("Secret", &format!("{name}-system-account"))?;
        Some(serde_json::from_value(value.clone()).unwrap())
    }

    /// What the Secret of a resource's system account says, if it is the resource's and can be read.
    pub fn account(&self, resource: &RedshiftIntegration) -> Option<SystemAccount> {
        match secret::read(&self.secret(&resource.name_any())?, resource) {
            Found::Ours(account) => Some(*account),
            Found::Absent | Found::SomebodyElses(_) | Found::Malformed(_) => None,
        }
    }

    /// The Secrets of system accounts: the resource's name, the UID in the label, and what is in them.
    pub fn accounts(&self) -> Vec<(String, String, SystemAccount)> {
        let secrets = self.objects.iter().filter(|((kind, _), _)| kind == "Secret");
        let read = |((_, name), _): (&(String, String), &Value)| {
            let resource = name.strip_suffix("-system-account")?;
            let found = self.secret(resource)?;
            let label = found.labels().get(crate::api::INTEGRATION_UID_LABEL)?.clone();
            Some((resource.to_owned(), label, SystemAccount::read(&found).ok()?))
        };
        secrets.filter_map(read).collect()
    }

    /// Lets the namespace go: nothing can be created any more.
    pub fn let_go(&mut self, is_going: bool) {
        self.is_going = is_going;
    }

    /// What was written since this was asked last.
    pub fn take_changed(&mut self) -> BTreeSet<(String, String)> {
        std::mem::take(&mut self.changed)
    }

    /// The same without what changes at each write, and without what was written when.
    pub fn still(&self) -> Self {
        let mut still = Self { changed: BTreeSet::new(), version: 0, uids: 0, ..self.clone() };
        for value in still.objects.values_mut() {
            value["metadata"]["resourceVersion"] = Value::Null;
        }
        for Integration(resource) in still.integrations.values_mut() {
            resource.metadata.resource_version = None;
        }
        still
    }

    fn store(&mut self, kind: &str, name: &str, mut value: Value) -> Value {
        let key = (kind.to_owned(), name.to_owned());
        self.version += 1;
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let is_deleted = text(&value, "/metadata/deletionTimestamp").is_some();
        let finalizers = value.pointer("/metadata/finalizers").and_then(Value::as_array);
        if is_deleted && finalizers.is_none_or(Vec::is_empty) {
            self.objects.remove(&key);
            self.integrations.remove(name);
        } else {
            if kind == INTEGRATION {
                let resource = serde_json::from_value(value.clone()).unwrap();
                self.integrations.insert(name.to_owned(), Integration(resource));
            }
            self.objects.insert(key.clone(), value.clone());
        }
        self.changed.insert(key);
        value
    }

    fn found(&self, kind: &str, name: &str) -> Result<&Value, ApiError> {
        self.get(kind, name).ok_or_else(|| refused(404, format!("{kind} \"{name}\" not found")))
    }

    /// Whether the object is that very one, and unchanged, as far as somebody asks for it.
    fn check(&self, kind: &str, name: &str, asked: &Value) -> Result<Value, ApiError> {
        let found = self.found(kind, name)?;
        for field in ["/metadata/uid", "/metadata/resourceVersion"] {
            if text(asked, field).is_some_and(|asked| Some(asked) != text(found, field)) {
                return Err(refused(409, format!("the {kind} \"{name}\" has been modified")));
            }
        }
        Ok(found.clone())
    }

    /// Creates an object.
    pub fn create(
        &mut self,
        kind: &str,
        mut value: Value,
        creation: Creation,
        at: Timestamp,
    ) -> Result<Value, ApiError> {
        let name = text(&value, "/metadata/name").unwrap_or_default().to_owned();
        if self.is_going {
            return Err(ApiError::namespace_terminating());
        }
        if self.get(kind, &name).is_some() {
            return Err(refused(409, format!("{kind} \"{name}\" already exists")));
        }
        self.uids += 1;
        value["metadata"]["uid"] = json!(format!("uid-{}", self.uids));
        value["metadata"]["creationTimestamp"] = json!(at.to_string());
        value["metadata"]["generation"] = json!(1);
        if WITH_STATUS.contains(&kind) {
            value.as_object_mut().unwrap().remove("status");
        }
        match creation {
            Creation::DryRun => Ok(value),
            Creation::Real => Ok(self.store(kind, &name, value)),
        }
    }

    /// Merges a patch into an object.
    pub fn merge(&mut self, kind: &str, name: &str, patch: &Value) -> Result<Value, ApiError> {
        let before = self.check(kind, name, patch)?;
        let mut after = before.clone();
        let mut patch = patch.clone();
        if let Some(patch) = patch.as_object_mut().filter(|_| WITH_STATUS.contains(&kind)) {
            patch.remove("status");
        }
        merge(&mut after, &patch);
        if after["spec"] != before["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or_default();
            after["metadata"]["generation"] = json!(generation + 1);
        }
        // A write that changes nothing is none.
        if after == before { Ok(after) } else { Ok(self.store(kind, name, after)) }
    }

    /// Replaces the status of an object.
    pub fn replace_status(&mut self, kind: &str, value: &Value) -> Result<Value, ApiError> {
        let name = text(value, "/metadata/name").unwrap_or_default().to_owned();
        let mut after = self.check(kind, &name, value)?;
        if after.get("status") == value.get("status") {
            return Ok(after);
        }
        after["status"] = value.get("status").cloned().unwrap_or_default();
        Ok(self.store(kind, &name, after))
    }

    /// Deletes an object; it stays as long as somebody holds it.
    pub fn delete(&mut self, kind: &str, name: &str, uid: Option<&str>, at: Timestamp) -> Result<(), ApiError> {
        let asked = uid.map_or(Value::Null, |uid| json!({"metadata": {"uid": uid}}));
        let mut value = self.check(kind, name, &asked)?;
        if text(&value, "/metadata/deletionTimestamp").is_none() {
            value["metadata"]["deletionTimestamp"] = json!(at.to_string());
            self.store(kind, name, value);
        }
        Ok(())
    }

    /// What a user makes of a resource, as with `kubectl edit`.
    pub fn edit(&mut self, name: &str, change: impl FnOnce(&mut RedshiftIntegration)) {
        let Some(before) = self.integration(name) else { return };
        let mut after = before.clone();
        change(&mut after);
        let generation = i64::from(after.spec != before.spec);
        let is_same = generation == 0 && after.metadata == before.metadata && after.status == before.status;
        if is_same {
            return;
        }
        after.metadata.generation = after.metadata.generation.map(|now| now + generation);
        self.store(INTEGRATION, name, serde_json::to_value(&after).unwrap());
    }

    /// Creates a resource, if there is none of the name.
    pub fn apply(&mut self, name: &str, spec: RedshiftIntegrationSpec, at: Timestamp) {
        let resource = RedshiftIntegration::new(name, spec);
        let _ = self.create_object(&resource, at);
    }

    /// Creates an object.
    pub fn create_object<K: Object>(&mut self, object: &K, at: Timestamp) -> Result<K, ApiError> {
        let mut value = serde_json::to_value(object).unwrap();
        value["metadata"]["namespace"] = json!(NAMESPACE);
        let created = self.create(&K::kind(&()), value, Creation::Real, at)?;
        Ok(serde_json::from_value(created).unwrap())
    }

    /// The same resource under a new UID, as after a backup or by a tool that forces things.
    pub fn replace(&mut self, name: &str, at: Timestamp) {
        self.uids += 1;
        let uid = format!("uid-{}", self.uids);
        self.edit(name, |resource| {
            let metadata = &mut resource.metadata;
            metadata.uid = Some(uid);
            metadata.creation_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at));
            metadata.finalizers = None;
            metadata.deletion_timestamp = None;
            metadata.annotations = None;
            resource.status = None;
        });
    }

    /// Takes an object away, whoever holds it.
    pub fn take_away(&mut self, kind: &str, name: &str) {
        let key = (kind.to_owned(), name.to_owned());
        if self.objects.remove(&key).is_some() {
            self.changed.insert(key);
        }
    }

    /// Secrets of system accounts that have come into other hands: the UIDs of whoever had them, and has them now.
    pub fn inheritances(&self, before: &Self) -> Vec<(String, String)> {
        let held = |cluster: &Self, key: &(String, String)| {
            let value = cluster.objects.get(key)?;
            let label = value["metadata"]["labels"][crate::api::INTEGRATION_UID_LABEL].as_str()?.to_owned();
            Some((text(value, "/metadata/uid")?.to_owned(), label))
        };
        let secrets = self.objects.keys().filter(|(kind, _)| kind == "Secret");
        let pairs = secrets.filter_map(|key| Some((held(before, key)?, held(self, key)?)));
        pairs
            .filter(|((uid, left_by), (now, heir))| uid == now && left_by != heir)
            .map(|((_, left_by), (_, heir))| (left_by, heir))
            .collect()
    }
}

/// Whether a resource holds itself for us.
pub fn has_finalizer(resource: &RedshiftIntegration) -> bool {
    resource.finalizers().iter().any(|name| name == FINALIZER)
}
