//! An API server in memory: objects as JSON, with versions, preconditions, a status subresource, finalizers, dry
//! runs, and a namespace that can be going. `agreement` holds it to a real one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Resource, ResourceExt};
use serde_json::{Map, Value, json};

use crate::api::{FINALIZER, RedshiftIntegration, RedshiftIntegrationSpec};
use crate::lifecycle::SystemAccount;
use crate::ports::{ApiError, Creation, Kept, Object, PolicyResources, Referent, Told, Version, lighten};
use crate::reconcile::integration::secret::{self, Found};

/// The kind of our resources.
pub const INTEGRATION: &str = "RedshiftIntegration";

/// The kinds that are for an integration.
pub const DATA_SOURCE: &str = "RedshiftDataSource";
pub const PROFILE: &str = "RedshiftUserProfile";

/// Whether a kind is ours: with generations, and a status of its own.
pub fn is_ours(kind: &str) -> bool {
    [INTEGRATION, DATA_SOURCE, PROFILE].contains(&kind)
}

/// The one namespace.
pub const NAMESPACE: &str = "data-platform";

/// What is in one namespace of a cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// By kind and name.
    objects: BTreeMap<(String, String), Value>,
    /// Our resources once more, read.
    integrations: BTreeMap<String, Integration>,
    /// What was written since the watches told of it last.
    changed: BTreeSet<(String, String)>,
    /// What they have told: our resources, and the versions of what these can refer to.
    told: BTreeMap<String, Integration>,
    told_of: BTreeMap<(Referent, String), Version>,
    /// The same of what is for an integration, by kind and name.
    told_policy: BTreeMap<(String, String), Value>,
    /// How often they have told that one is gone.
    losses: u64,
    /// Whether they are late.
    is_silent: bool,
    /// What was created and not written again: it is read with the schema's status, and not yet kept with it.
    bare: BTreeSet<(String, String)>,
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

fn modified(kind: &str, name: &str) -> ApiError {
    refused(409, format!("the {kind} \"{name}\" is another one, or has been modified"))
}

/// RFC 7386.
pub fn merge(into: &mut Value, patch: &Value) {
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

/// As the server keeps it: without empty lists and maps, and our resources as the schema has them.
fn kept(kind: &str, mut value: Value) -> Value {
    if kind == INTEGRATION {
        let resource: RedshiftIntegration = serde_json::from_value(value).unwrap();
        value = serde_json::to_value(resource).unwrap();
    }
    if is_ours(kind) {
        let fields = value.as_object_mut().unwrap();
        fields.entry("status").or_insert_with(|| json!({"observedGeneration": -1}));
    }
    drop_empty(&mut value, &["data"]);
    drop_empty(&mut value["metadata"], &["annotations", "finalizers", "labels"]);
    value
}

fn drop_empty(value: &mut Value, fields: &[&str]) {
    let Some(object) = value.as_object_mut() else { return };
    let is_empty = |value: &Value| match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        other => other.is_null(),
    };
    for field in fields {
        if object.get(*field).is_some_and(is_empty) {
            object.remove(*field);
        }
    }
}

/// Who holds an object.
fn finalizers(value: &Value) -> BTreeSet<&str> {
    let list = value.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn raise_generation(value: &mut Value) {
    if let Some(generation) = value.pointer_mut("/metadata/generation") {
        *generation = json!(generation.as_i64().unwrap_or_default() + 1);
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

    /// The watches tell of what was written since they told last, unless they are late: by kind and name.
    pub fn tell(&mut self) -> BTreeSet<(String, String)> {
        if self.is_silent {
            return BTreeSet::new();
        }
        let changed = std::mem::take(&mut self.changed);
        for (kind, name) in &changed {
            if kind == INTEGRATION {
                self.told.remove(name);
                let mut told = self.integrations.get(name).cloned();
                if let Some(Integration(integration)) = &mut told {
                    lighten(integration);
                }
                self.told.extend(told.map(|it| (name.clone(), it)));
            } else if is_ours(kind) {
                let key = (kind.clone(), name.clone());
                self.told_policy.remove(&key);
                self.told_policy.extend(self.objects.get(&key).map(|value| (key, value.clone())));
            } else if let Some(referent) = Referent::of_kind(kind) {
                let key = (referent, name.clone());
                self.told_of.remove(&key);
                let version = self.get(kind, name).and_then(|it| text(it, "/metadata/resourceVersion"));
                let version = version.map(|version| (key, Version::new(version)));
                self.losses += u64::from(version.is_none());
                self.told_of.extend(version);
            }
        }
        changed
    }

    /// Lets the watches be late, or not any more.
    pub fn silence(&mut self, is_silent: bool) {
        self.is_silent = is_silent;
    }

    /// One of our resources, as the watch has told of it.
    pub fn told(&self, name: &str) -> Option<&RedshiftIntegration> {
        self.told.get(name).map(|it| &it.0)
    }

    /// Our resources, as the watch has told of them.
    pub fn all_told(&self) -> impl Iterator<Item = &RedshiftIntegration> {
        self.told.values().map(|it| &it.0)
    }

    /// What the watch has told of something that a resource can refer to.
    pub fn told_of(&self, referent: Referent, name: &str) -> Told {
        let told = self.told_of.get(&(referent, name.to_owned()));
        told.map_or(Told::Absent(self.losses), |version| Told::Present(*version))
    }

    /// The same without what changes at each write, and without what was written when.
    pub fn still(&self) -> Self {
        let mut still = Self {
            objects: self.objects.clone(),
            integrations: self.integrations.clone(),
            is_going: self.is_going,
            ..Self::default()
        };
        for value in still.objects.values_mut() {
            value["metadata"]["resourceVersion"] = Value::Null;
        }
        for Integration(resource) in still.integrations.values_mut() {
            resource.metadata.resource_version = None;
        }
        still
    }

    fn store(&mut self, kind: &str, name: &str, value: Value) -> Value {
        let key = (kind.to_owned(), name.to_owned());
        let mut value = kept(kind, value);
        self.version += 1;
        self.bare.remove(&key);
        self.changed.insert(key.clone());
        if text(&value, "/metadata/deletionTimestamp").is_some() && finalizers(&value).is_empty() {
            self.objects.remove(&key);
            if kind == INTEGRATION {
                self.integrations.remove(name);
            }
            return value;
        }
        value["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if kind == INTEGRATION {
            let resource = serde_json::from_value(value.clone()).unwrap();
            self.integrations.insert(name.to_owned(), Integration(resource));
        }
        self.objects.insert(key, value.clone());
        value
    }

    /// Stores an object, unless that would change nothing.
    fn update(&mut self, kind: &str, name: &str, before: &Value, after: Value) -> Value {
        let after = kept(kind, after);
        let is_bare = self.bare.contains(&(kind.to_owned(), name.to_owned()));
        if after == *before && !is_bare { after } else { self.store(kind, name, after) }
    }

    fn found(&self, kind: &str, name: &str) -> Result<&Value, ApiError> {
        self.get(kind, name).ok_or_else(|| refused(404, format!("{kind} \"{name}\" not found")))
    }

    /// Whether the object is what somebody takes it for in this respect, if they say.
    fn is_as_asked(found: &Value, asked: &Value, field: &str) -> bool {
        text(asked, field).is_none_or(|asked| Some(asked) == text(found, field))
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
        if is_ours(kind) {
            value["metadata"]["generation"] = json!(1);
            value.as_object_mut().unwrap().remove("status");
        }
        match creation {
            Creation::DryRun => Ok(kept(kind, value)),
            Creation::Real => {
                let created = self.store(kind, &name, value);
                if is_ours(kind) {
                    self.bare.insert((kind.to_owned(), name));
                }
                Ok(created)
            }
        }
    }

    /// Merges a patch into an object.
    pub fn merge(&mut self, kind: &str, name: &str, patch: &Value) -> Result<Value, ApiError> {
        let before = self.found(kind, name)?.clone();
        if !Self::is_as_asked(&before, patch, "/metadata/resourceVersion") {
            return Err(modified(kind, name));
        }
        if !Self::is_as_asked(&before, patch, "/metadata/uid") {
            return Err(refused(422, "metadata.uid: Invalid value: field is immutable".to_owned()));
        }
        let mut after = before.clone();
        merge(&mut after, patch);
        if let Some(generation) = before.pointer("/metadata/generation") {
            after["metadata"]["generation"] = generation.clone();
        }
        if is_ours(kind) {
            after["status"] = before["status"].clone();
        }
        let mut after = kept(kind, after);
        if after["spec"] != before["spec"] {
            raise_generation(&mut after);
        }
        let is_going = text(&before, "/metadata/deletionTimestamp").is_some();
        if is_going && !finalizers(&after).is_subset(&finalizers(&before)) {
            let why = "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted";
            return Err(refused(422, why.to_owned()));
        }
        Ok(self.update(kind, name, &before, after))
    }

    /// Replaces the status of an object.
    pub fn replace_status(&mut self, kind: &str, value: &Value) -> Result<Value, ApiError> {
        let name = text(value, "/metadata/name").unwrap_or_default().to_owned();
        let before = self.found(kind, &name)?.clone();
        if text(value, "/metadata/resourceVersion").is_none() {
            return Err(refused(422, "metadata.resourceVersion: must be specified for an update".to_owned()));
        }
        let is_meant =
            ["/metadata/uid", "/metadata/resourceVersion"].iter().all(|field| Self::is_as_asked(&before, value, field));
        if !is_meant {
            return Err(modified(kind, &name));
        }
        let mut after = before.clone();
        after["status"] = value.get("status").cloned().unwrap_or_default();
        Ok(self.update(kind, &name, &before, after))
    }

    /// Deletes an object; it stays as long as somebody holds it.
    pub fn delete(&mut self, kind: &str, name: &str, uid: Option<&str>, at: Timestamp) -> Result<(), ApiError> {
        let mut value = self.found(kind, name)?.clone();
        if uid.is_some() && uid != text(&value, "/metadata/uid") {
            return Err(modified(kind, name));
        }
        if text(&value, "/metadata/deletionTimestamp").is_none() {
            value["metadata"]["deletionTimestamp"] = json!(at.to_string());
            raise_generation(&mut value);
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

    /// The same of what is for an integration.
    pub fn edit_spec(&mut self, kind: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let Some(before) = self.get(kind, name).cloned() else { return };
        let mut after = before.clone();
        change(&mut after["spec"]);
        if after["spec"] != before["spec"] {
            raise_generation(&mut after);
            self.store(kind, name, after);
        }
    }

    /// All of a kind.
    pub fn all<K: Object>(&self) -> Vec<K> {
        let of_kind = self.objects.iter().filter(|((kind, _), _)| *kind == K::kind(&()));
        of_kind.map(|(_, value)| serde_json::from_value(value.clone()).unwrap()).collect()
    }

    /// What is for an integration, as the watches have told of it.
    pub fn policy_resources(&self, integration: &str) -> PolicyResources {
        fn of<T: Kept>(told: &BTreeMap<(String, String), Value>, integration: &str) -> Vec<Arc<T>> {
            let is_its_own = |value: &Value| text(value, "/spec/integrationRef/name") == Some(integration);
            let meant = told.iter().filter(|((kind, _), value)| *kind == T::Resource::kind(&()) && is_its_own(value));
            meant.map(|(_, value)| Arc::new(T::of(serde_json::from_value(value.clone()).unwrap(), None))).collect()
        }
        PolicyResources {
            data_sources: of(&self.told_policy, integration),
            profiles: of(&self.told_policy, integration),
            ..PolicyResources::default()
        }
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
