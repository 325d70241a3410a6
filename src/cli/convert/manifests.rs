//! What is written: manifests as people write them, with nothing in them that wasn't said.

use clap::ValueEnum;
use kube::Resource;
use secrecy::{ExposeSecret, SecretString};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::api::{AuthenticationType, RedshiftIntegration};

/// How manifests are written.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Format {
    /// Documents in YAML, one after the other
    #[default]
    Yaml,
    /// A `List` in JSON
    Json,
}

/// The spec of a `RedshiftIntegration`, as far as a payload states it. What it leaves out, the API server fills in.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    pub auto_bootstrap: bool,
    pub config: Config,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    pub host: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    pub database: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_mode: Option<String>,
    pub initial_database: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonation: Option<Impersonation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_account: Option<SystemAccount>,
    pub authentication_type: AuthenticationType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials_secret_ref: Option<Reference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub okta: Option<Okta>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<Aws>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Impersonation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct SystemAccount {
    pub name: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Reference {
    pub name: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Okta {
    pub app_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_name: Option<String>,
    pub idp_host: String,
    pub role: String,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Aws {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workgroup: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_user: Option<String>,
}

/// Credentials, each under its key.
pub type Entries = Vec<(&'static str, SecretString)>;

/// What came of a payload.
#[derive(Clone, Debug)]
pub struct Converted {
    /// Name of the integration.
    pub name: String,
    /// Its spec.
    pub spec: Spec,
    /// The Secret that the spec names, where the payload has what belongs in it.
    pub secret: Option<(String, Entries)>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    api_version: &'a str,
    kind: &'a str,
    metadata: Metadata<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    spec: Option<&'a Spec>,
    #[serde(skip_serializing_if = "Option::is_none")]
    string_data: Option<Shown<'a>>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    api_version: &'a str,
    kind: &'a str,
    items: &'a [Manifest<'a>],
}

/// The one place where credentials become text.
struct Shown<'a>(&'a Entries);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entries = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in self.0 {
            entries.serialize_entry(key, value.expose_secret())?;
        }
        entries.end()
    }
}

/// The manifests as text: each Secret before what names it, so that it is there when it is looked for.
pub fn write(converted: &[Converted], namespace: Option<&str>, format: Format) -> SecretString {
    let (of_ours, kind) = (RedshiftIntegration::api_version(&()), RedshiftIntegration::kind(&()));
    let manifests: Vec<_> = converted
        .iter()
        .flat_map(|Converted { name, spec, secret }| {
            let secret = secret.as_ref().map(|(name, entries)| Manifest {
                api_version: "v1",
                kind: "Secret",
                metadata: Metadata { name, namespace },
                spec: None,
                string_data: Some(Shown(entries)),
            });
            let integration = Manifest {
                api_version: &of_ours,
                kind: &kind,
                metadata: Metadata { name, namespace },
                spec: Some(spec),
                string_data: None,
            };
            secret.into_iter().chain([integration])
        })
        .collect();
    let text = match format {
        Format::Json => {
            let list = List { api_version: "v1", kind: "List", items: &manifests };
            serde_json::to_string_pretty(&list).expect("texts can be written as JSON") + "\n"
        }
        Format::Yaml => {
            // A password stays on its line, between quotes where a reader of YAML 1.1, as kubectl is, would take it for
            // something else.
            let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
            let text = |it| serde_saphyr::to_string_with_options(it, options.clone());
            manifests.iter().map(|it| format!("---\n{}", text(it).expect("texts can be written as YAML"))).collect()
        }
    };
    SecretString::from(text)
}
