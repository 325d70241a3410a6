//! Reads a manifest as users write it, and says what is wrong with it in one line.

use std::path::Path;

use kube::Resource;
use serde_json::Value;

use crate::api::RedshiftIntegration;

/// Reads a `RedshiftIntegration` from a file (YAML or JSON). What the API server would drop in silence,
/// such as a misspelt field, is an error here.
pub fn read(file: &Path) -> Result<RedshiftIntegration, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let manifest: Value = serde_saphyr::from_str(&text).map_err(|error| first_line(&error))?;
    for (field, wanted) in
        [("apiVersion", RedshiftIntegration::api_version(&())), ("kind", RedshiftIntegration::kind(&()))]
    {
        match manifest.get(field).and_then(Value::as_str) {
            Some(found) if found == wanted => {}
            Some(found) => return Err(format!("{field} is `{found}`; it must be `{wanted}`")),
            None => return Err(format!("{field} is missing; it must be `{wanted}`")),
        }
    }
    let mut unknown = Vec::new();
    // Whether it fits is asked below, where the answer has a line number.
    let _ = serde_ignored::deserialize::<_, _, RedshiftIntegration>(&manifest, |path| unknown.push(path.to_string()));
    if let Some(field) = unknown.iter().find(|field| !["apiVersion", "kind"].contains(&field.as_str())) {
        return Err(format!("there is no field `{field}`; see: kubectl explain rsi.spec --recursive"));
    }
    serde_saphyr::from_str(&text).map_err(|error| first_line(&error))
}

/// The library's errors quote the file below their first line.
fn first_line(error: &serde_saphyr::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
