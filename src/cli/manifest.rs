//! Reads a manifest as users write it, and says what is wrong with it in one line.

use std::path::Path;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Resource;
use serde_json::Value;

use crate::api::RedshiftIntegration;

/// Reads a `RedshiftIntegration` from a file (YAML or JSON). What the API server would drop in silence,
/// such as a misspelt field, is an error here.
pub fn read(file: &Path) -> Result<RedshiftIntegration, String> {
    let (text, manifest) = read_as::<RedshiftIntegration>(file)?;
    let mut unknown = Vec::new();
    // Whether it fits is asked below, where the answer has a line number.
    let _ = serde_ignored::deserialize::<_, _, RedshiftIntegration>(&manifest, |path| unknown.push(path.to_string()));
    if let Some(field) = unknown.iter().find(|field| !["apiVersion", "kind"].contains(&field.as_str())) {
        return Err(format!("there is no field `{field}`; see: kubectl explain rsi.spec --recursive"));
    }
    serde_saphyr::from_str(&text).map_err(|error| first_line(&error))
}

/// Reads a Secret from a file, as `kubectl get secret -o yaml` prints it or as people write it. No error shows any of it.
pub fn read_secret(file: &Path) -> Result<Secret, String> {
    let (_, manifest) = read_as::<Secret>(file)?;
    let mut secret: Secret = serde_json::from_value(manifest).map_err(|_| "it isn't what a Secret looks like")?;
    // What the API server does with them.
    let texts = secret.string_data.take().unwrap_or_default();
    let texts = texts.into_iter().map(|(key, text)| (key, ByteString(text.into_bytes())));
    secret.data.get_or_insert_default().extend(texts);
    Ok(secret)
}

/// The text of a file and what it says, if it is of that kind.
fn read_as<K: Resource<DynamicType = ()>>(file: &Path) -> Result<(String, Value), String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let manifest: Value = serde_saphyr::from_str(&text).map_err(|error| first_line(&error))?;
    for (field, wanted) in [("apiVersion", K::api_version(&())), ("kind", K::kind(&()))] {
        match manifest.get(field).and_then(Value::as_str) {
            Some(found) if found == wanted => {}
            Some(found) => return Err(format!("{field} is `{found}`; it must be `{wanted}`")),
            None => return Err(format!("{field} is missing; it must be `{wanted}`")),
        }
    }
    Ok((text, manifest))
}

/// The library's errors quote the file below their first line.
fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
