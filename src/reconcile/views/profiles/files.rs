//! The files of a source of profiles: keys of `ConfigMaps`.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::ResourceExt;

use crate::api::{ConfigMaps, Reason, RedshiftUserProfileSource};
use crate::lifecycle::Failure;
use crate::ports::{Key, Kubernetes};
use crate::reconcile::integration::Error;

/// A file.
pub struct File {
    /// How it is told of: `hr-1/users.csv`.
    pub name: String,
    /// What is in it.
    pub content: Vec<u8>,
}

/// The names of the `ConfigMaps` that a source reads, in a fixed order.
pub async fn config_maps(
    kubernetes: &impl Kubernetes,
    source: &RedshiftUserProfileSource,
) -> Result<Vec<String>, Error> {
    let ConfigMaps { selector, names } = &source.spec.config_maps;
    let mut names = match selector {
        None => names.clone(),
        Some(selector) => {
            let namespace = source.namespace().unwrap_or_default();
            let found = kubernetes.config_maps_with(&namespace, &selector.match_labels).await;
            found.map_err(Error::api("list the ConfigMaps of profiles"))?
        }
    };
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// The files in a `ConfigMap`, in the order of their keys; or why there are none.
pub async fn read(
    kubernetes: &impl Kubernetes,
    source: &RedshiftUserProfileSource,
    name: &str,
) -> Result<Result<Vec<File>, Failure>, Error> {
    let found = kubernetes.get::<ConfigMap>(&Key::beside(source, name)).await;
    let Some(map) = found.map_err(Error::api("read a ConfigMap of profiles"))? else {
        return Ok(Err(Failure::stalled(
            Reason::FilesMissing,
            format!("there is no ConfigMap {name} in the namespace"),
        )));
    };
    let format = source.spec.format;
    let texts = map.data.unwrap_or_default().into_iter().map(|(key, text)| (key, text.into_bytes()));
    let bytes = map.binary_data.unwrap_or_default().into_iter().map(|(key, bytes)| (key, bytes.0));
    let mut files: Vec<_> = texts
        .chain(bytes)
        .filter(|(key, _)| format.is_of(key))
        .map(|(key, content)| File { name: format!("{name}/{key}"), content })
        .collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    if files.is_empty() {
        let ending = format.ending();
        let message = format!("the ConfigMap {name} has no key that ends in {ending} or {ending}.gz");
        return Ok(Err(Failure::stalled(Reason::FilesMissing, message)));
    }
    Ok(Ok(files))
}
