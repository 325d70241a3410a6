//! Manifests in the place of a cluster: they are read, and nothing is ever written.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::ResourceExt;
use serde_json::Value;

use crate::adapters::Machine;
use crate::adapters::logins::LoginServices;
use crate::adapters::redshift::Connector;
use crate::api::RedshiftIntegration;
use crate::ports::{ApiError, Creation, Key, Kubernetes, News, Object, PolicyResources, Referent, Told, World};

/// The real world, but for the cluster.
#[derive(Debug)]
pub struct Laptop;

impl World for Laptop {
    type Kubernetes = Files;
    type Warehouses = Connector;
    type Logins = LoginServices;
    type Host = Machine;
}

/// What the manifests hold.
#[derive(Clone, Default)]
pub struct Files(BTreeMap<(String, Key), Value>);

impl Files {
    /// Adds an object, in the place of one of the same name.
    pub fn add<K: Object>(&mut self, object: &K) {
        let value = serde_json::to_value(object).unwrap_or_else(|error| unreachable!("it is plain data: {error}"));
        self.0.insert(place::<K>(&Key::of(object)), value);
    }

    /// An object, if it is there.
    pub fn find<K: Object>(&self, key: &Key) -> Option<K> {
        serde_json::from_value(self.0.get(&place::<K>(key))?.clone()).ok()
    }

    /// Those that resources refer to, and the resources themselves.
    pub fn new(resources: &[RedshiftIntegration], secrets: &[Secret], config_maps: &[ConfigMap]) -> Self {
        let mut files = Self::default();
        for object in resources {
            files.add(object);
        }
        for object in secrets {
            files.add(object);
        }
        for object in config_maps {
            files.add(object);
        }
        files
    }
}

fn place<K: Object>(key: &Key) -> (String, Key) {
    (K::kind(&()).into_owned(), key.clone())
}

fn nothing_is_written<T>() -> Result<T, ApiError> {
    Err(ApiError::Refused {
        code: 405,
        message: "nothing is written when a manifest is validated".to_owned(),
        causes: Vec::new(),
    })
}

impl Kubernetes for Files {
    async fn get<K: Object>(&self, key: &Key) -> Result<Option<K>, ApiError> {
        Ok(self.find(key))
    }

    async fn create<K: Object>(&self, _: &K, _: Creation) -> Result<K, ApiError> {
        nothing_is_written()
    }

    async fn merge<K: Object>(&self, _: &Key, _: &Value) -> Result<K, ApiError> {
        nothing_is_written()
    }

    async fn replace_status<K: Object>(&self, _: &K) -> Result<K, ApiError> {
        nothing_is_written()
    }

    async fn delete<K: Object>(&self, _: &Key, _: &str) -> Result<(), ApiError> {
        nothing_is_written()
    }

    async fn config_maps_with(&self, _: &str, _: &BTreeMap<String, String>) -> Result<Vec<String>, ApiError> {
        Ok(Vec::new())
    }

    fn publish<K: Object>(&self, _: &K, _: News) {}

    fn policy_resources(&self, _: &Key) -> Option<PolicyResources> {
        Some(PolicyResources::default())
    }

    fn told(&self, _: &Key) -> Option<RedshiftIntegration> {
        None
    }

    fn told_of(&self, _: Referent, _: &Key) -> Told {
        Told::Nothing
    }

    fn watched(&self, is_meant: impl Fn(&RedshiftIntegration) -> bool) -> Vec<RedshiftIntegration> {
        let resources = self.0.iter().filter(|((kind, _), _)| kind == "RedshiftIntegration");
        let read = resources.filter_map(|(_, value)| serde_json::from_value(value.clone()).ok());
        read.filter(|object: &RedshiftIntegration| is_meant(object)).collect()
    }
}

/// The Secret of a name in the namespace of a resource.
pub fn secret_beside(files: &Files, object: &RedshiftIntegration, name: &str) -> Option<Secret> {
    files.find(&Key { namespace: object.namespace().unwrap_or_default(), name: name.to_owned() })
}
