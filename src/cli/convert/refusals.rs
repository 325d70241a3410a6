//! What the API server, or the operator, would refuse of a spec.

use std::fmt::Write as _;

use kube::Resource;
use serde_json::{Value, json};

use super::manifests::Spec;
use crate::api::{AuthenticationType, DatabaseMode, Kind, RedshiftIntegration, RedshiftIntegrationSpec};
use crate::cli::input;
use crate::cli::schema::{self, Finding};
use crate::lifecycle::{Invalid, folded, login, validate};

const IF_EXISTING: &str = "If that database is there already, and is to stay, add --set databaseMode=Existing";

/// Where in the payload something is that would be refused, and what to write instead.
pub fn refusals(spec: &Spec) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut refuse = |path: &str, message: String| found.push((path.to_owned(), message));
    let config = &spec.config;
    if !is_host(&config.host) {
        refuse("config.host", not_a_host(&config.host));
    }
    if let Some(okta) = config.okta.as_ref().filter(|okta| !is_host_with_port(&okta.idp_host)) {
        let such_as = bare(&okta.idp_host).unwrap_or("organization.okta.com");
        refuse("config.okta.idpHost", format!("this is no bare host name; write it as in {such_as}"));
    }
    let is_existing = config.database_mode.as_deref() == Some(DatabaseMode::Existing.as_str());
    if let Some(mode) = config.database_mode.as_deref().filter(|mode| !is_existing && *mode != "Create") {
        refuse("config.databaseMode", format!("there is no databaseMode `{mode}`; write Create or Existing"));
    }
    if !is_existing && config.database == "dev" {
        refuse(
            "config.database",
            format!(
                "the database dev is in every warehouse and can't be created; write another name, such as immuta. {IF_EXISTING}"
            ),
        );
    }
    if !is_existing && folded(&config.initial_database) == config.database {
        refuse(
            "config.initialDatabase",
            format!(
                "it is the same as `database`, which is yet to be created; write a database that is there, such as dev. {IF_EXISTING}"
            ),
        );
    }
    if found.is_empty() {
        found = of_the_manifest(spec);
    }
    found
}

/// What the operator would refuse of the manifest that comes of it, or else the API server.
fn of_the_manifest(spec: &Spec) -> Vec<(String, String)> {
    let mut value = serde_json::to_value(spec).expect("texts and numbers are JSON");
    if spec.auto_bootstrap && spec.config.authentication_type != AuthenticationType::Iam {
        // How it is called is told later.
        value["config"]["credentialsSecretRef"] = json!({"name": "admin"});
    }
    let read = serde_json::from_value::<RedshiftIntegrationSpec>(value.clone());
    if let Some(invalid) = read.ok().and_then(|spec| validate(&spec).err()) {
        return vec![told(&invalid)];
    }
    let manifest = json!({
        "apiVersion": RedshiftIntegration::api_version(&()),
        "kind": RedshiftIntegration::kind(&()),
        "metadata": {"name": "it"},
        "spec": value,
    });
    let findings = match input::nodes(&manifest.to_string()) {
        Ok(nodes) => nodes
            .iter()
            .filter_map(|root| schema::check::<Value>(Kind::RedshiftIntegration, root).err())
            .flatten()
            .collect(),
        Err((_, message)) => return vec![("config".to_owned(), message)],
    };
    let in_payload = |finding: Finding| {
        let field = finding.field.strip_prefix("spec.").unwrap_or("config");
        (field.to_owned(), finding.message)
    };
    Vec::into_iter(findings).map(in_payload).collect()
}

/// Where, and in what words for somebody who has a payload before him.
fn told(invalid: &Invalid) -> (String, String) {
    let text = invalid.to_string();
    let text = text.strip_prefix("spec.").unwrap_or(&text);
    let (path, message) = text.split_once(": ").unwrap_or(("config", text));
    let mut message = message.to_owned();
    match invalid {
        Invalid::Name { field: "database", .. } => {
            let _ =
                write!(message, "; Redshift folds names to lower case, and others would need quotes. {IF_EXISTING}");
        }
        Invalid::Login { field: "aws" | "aws.region", .. } => {
            message += "; add --set aws.region=… --set aws.clusterIdentifier=… (or aws.workgroup=…)";
        }
        _ => {}
    }
    (path.to_owned(), message)
}

/// As the rule of the resource has it.
fn is_host(host: &str) -> bool {
    let is_inner = |it: char| it.is_ascii_alphanumeric() || it == '-';
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.strip_suffix('.').unwrap_or(host).split('.').all(is_label)
}

/// As the rule of the resource has it.
fn is_host_with_port(host: &str) -> bool {
    let (name, port) = host.split_once(':').unwrap_or((host, "443"));
    is_host(name) && !name.ends_with('.') && (1..=5).contains(&port.len()) && port.bytes().all(|it| it.is_ascii_digit())
}

/// The host name in an address such as `jdbc:redshift://host:5439/dev`.
fn bare(address: &str) -> Option<&str> {
    let rest = address.rsplit_once("://").map_or(address, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let host = rest.split(['/', '?', ':']).next().unwrap_or_default();
    is_host(host).then_some(host)
}

fn not_a_host(host: &str) -> String {
    let such_as = bare(host).unwrap_or("analytics.abc123.us-east-1.redshift.amazonaws.com");
    format!("this is no bare host name; write it as in {such_as}: no scheme and no path, and the port in `port`")
}

/// Whether AWS has given the host its name, which tells region and warehouse.
pub fn tells_its_warehouse(host: &str) -> bool {
    login::of_host(host).is_some()
}
