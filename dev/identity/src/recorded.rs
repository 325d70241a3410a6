//! Requests, as they came.

use std::collections::BTreeMap;

use hyper::http::request::Parts;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Step {
    /// Okta: a session token for a user name and a password.
    OktaAuthentication,
    /// Okta: the page with the assertion, for a session token.
    OktaApplication,
    /// STS: `AssumeRoleWithSAML`.
    AssumeRoleWithSaml,
    /// STS: `AssumeRoleWithWebIdentity`.
    AssumeRoleWithWebIdentity,
    /// Redshift: `GetClusterCredentials`.
    GetClusterCredentials,
    /// Redshift: `GetClusterCredentialsWithIAM`.
    GetClusterCredentialsWithIam,
    /// Redshift: `DescribeClusters`.
    DescribeClusters,
    /// Redshift Serverless: `GetCredentials`.
    GetCredentials,
    /// Redshift Serverless: `GetWorkgroup`.
    GetWorkgroup,
    /// EKS Pod Identity: a key for the pod's token.
    ContainerCredentials,
    /// Something that nobody answers here.
    Unknown,
}

impl Step {
    /// The name of an AWS API's action.
    fn of_action(action: &str) -> Self {
        match action {
            "AssumeRoleWithSAML" => Self::AssumeRoleWithSaml,
            "AssumeRoleWithWebIdentity" => Self::AssumeRoleWithWebIdentity,
            "GetClusterCredentials" => Self::GetClusterCredentials,
            "GetClusterCredentialsWithIAM" => Self::GetClusterCredentialsWithIam,
            "DescribeClusters" => Self::DescribeClusters,
            "RedshiftServerless.GetCredentials" => Self::GetCredentials,
            "RedshiftServerless.GetWorkgroup" => Self::GetWorkgroup,
            _ => Self::Unknown,
        }
    }
}

/// A request.
#[derive(Clone, Debug, Serialize)]
pub struct Request {
    /// What it asks for.
    pub step: Step,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// What is behind the question mark, taken apart.
    pub query: BTreeMap<String, String>,
    /// All its headers, their names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body, taken apart: a form is an object of texts; what is neither a form nor JSON is a text.
    pub body: Value,
    /// Its body as it came.
    #[serde(skip)]
    pub bytes: Vec<u8>,
}

impl Request {
    pub(crate) fn new(parts: &Parts, bytes: &[u8], is_encrypted: bool) -> Self {
        let headers: BTreeMap<String, String> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let pairs = |text: &[u8]| form_urlencoded::parse(text).into_owned().collect::<BTreeMap<String, String>>();
        let content_type = headers.get("content-type").map(String::as_str).unwrap_or_default();
        let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
        let body = if content_type.starts_with("application/x-www-form-urlencoded") {
            json!(pairs(bytes))
        } else if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(bytes).unwrap_or_else(|_| text())
        };
        let (method, path) = (parts.method.to_string(), parts.uri.path().to_owned());
        let action = body.get("Action").and_then(Value::as_str).or(headers.get("x-amz-target").map(String::as_str));
        let step = match (is_encrypted, method.as_str(), path.as_str()) {
            (true, "POST", "/api/v1/authn") => Step::OktaAuthentication,
            (true, "GET", path) if path.starts_with("/home/") => Step::OktaApplication,
            (true, "POST", "/") => action.map_or(Step::Unknown, Step::of_action),
            (false, "GET", "/v1/credentials") => Step::ContainerCredentials,
            _ => Step::Unknown,
        };
        let query = pairs(parts.uri.query().unwrap_or_default().as_bytes());
        Self { step, method, path, query, headers, body, bytes: bytes.to_vec() }
    }

    /// A field of a form or of a JSON object.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Without what differs from client to client and from run to run.
    pub(crate) fn essence(&self, issued: &[(&'static str, String)]) -> Value {
        let content_type = self.header("content-type").map(|all| all.split(';').next().unwrap_or_default().trim());
        // Credential=ID/DATE/REGION/SERVICE/aws4_request
        let scope = self.header("authorization").and_then(|all| all.split("Credential=").nth(1));
        let scope: Option<Vec<_>> = scope.map(|all| all.split('/').skip(2).take(2).collect());
        let mut essence = json!({
            "step": self.step,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "contentType": content_type,
            "target": self.header("x-amz-target"),
            "signedFor": scope.map(|scope| scope.join("/")),
            "hasSecurityToken": self.headers.contains_key("x-amz-security-token"),
            "body": self.body,
        });
        name_secrets(&mut essence, issued);
        essence
    }
}

fn name_secrets(value: &mut Value, issued: &[(&'static str, String)]) {
    match value {
        Value::String(text) => {
            for (what, secret) in issued {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), &format!("{{{what}}}"));
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| name_secrets(value, issued)),
        Value::Object(fields) => {
            let fields: &mut Map<String, Value> = fields;
            fields.values_mut().for_each(|value| name_secrets(value, issued));
        }
        _ => {}
    }
}
