//! What is tried of integrations.

use serde_json::{Value, json};

use super::Case;
use crate::support::merge;

pub fn manifest(changes: Value) -> Value {
    let mut manifest = json!({
        "apiVersion": "redshift-governance.dev/v1alpha1",
        "kind": "RedshiftIntegration",
        "metadata": {"name": "analytics"},
        "spec": {"config": {
            "host": "analytics.abc123.us-east-1.redshift.amazonaws.com",
            "database": "immuta",
            "initialDatabase": "dev",
            "authenticationType": "userPassword",
            "credentialsSecretRef": {"name": "redshift-admin"},
        }},
    });
    merge(&mut manifest, changes);
    manifest
}

#[expect(clippy::needless_pass_by_value, reason = "the macro's values are made where they are used")]
pub fn config(changes: Value) -> Value {
    json!({"spec": {"config": changes}})
}

const OKTA: &str = r#"{"appId": "0oa1/272", "idpHost": "organization.okta.com", "role": "admin"}"#;

fn okta(changes: Value) -> Value {
    let mut block: Value = serde_json::from_str(OKTA).unwrap();
    merge(&mut block, changes);
    config(json!({"authenticationType": "okta", "okta": block}))
}

pub fn cases() -> Vec<Case> {
    let name = |length: usize| json!({"metadata": {"name": "a".repeat(length)}});
    let account = |name: &str| config(json!({"systemAccount": {"name": name}}));
    let role = |name: &str| config(json!({"impersonation": {"role": name}}));
    let tls = |tls: Value| config(json!({"tls": tls}));
    let existing = |name: &str| config(json!({"databaseMode": "Existing", "database": name}));
    let bundle = json!({"kind": "ConfigMap", "name": "redshift-ca"});
    let credentials = |reference: Value| config(json!({"credentialsSecretRef": reference}));
    let access_key =
        |reference: Value| config(json!({"authenticationType": "accessKey", "credentialsSecretRef": reference}));
    let aws = |aws: Value| config(json!({"authenticationType": "accessKey", "aws": aws}));
    let merged = |mut one: Value, other: Value| {
        merge(&mut one, other);
        one
    };
    let other_host = config(json!({"host": "other.abc123.us-east-1.redshift.amazonaws.com"}));
    vec![
        (name(63), name(64)),
        (other_host.clone(), other_host),
        (config(json!({"database": "other"})), config(json!({"database": "other"}))),
        (config(json!({"databaseMode": "Existing"})), config(json!({"databaseMode": "Existing"}))),
        (json!({"spec": {"autoBootstrap": false}}), json!({"spec": {"autoBootstrap": false}})),
        (okta(json!({})), config(json!({"authenticationType": "okta"}))),
        (okta(json!({})), config(json!({"okta": serde_json::from_str::<Value>(OKTA).unwrap()}))),
        (
            config(json!({"authenticationType": "accessKey", "aws": {"region": "us-east-1"}})),
            config(json!({"aws": {"region": "us-east-1"}})),
        ),
        (config(json!({})), config(json!({"credentialsSecretRef": null}))),
        (
            config(json!({"authenticationType": "iam", "credentialsSecretRef": null})),
            config(json!({"authenticationType": "iam"})),
        ),
        (credentials(json!({"keys": {"username": "login"}})), access_key(json!({"keys": {"username": "login"}}))),
        (credentials(json!({"format": "json"})), access_key(json!({"format": "json"}))),
        (
            credentials(json!({"format": "json", "key": "redshift.json"})),
            credentials(json!({"format": "json", "keys": {"username": "login"}})),
        ),
        (credentials(json!({"keys": {"password": "pass"}})), credentials(json!({"key": "redshift.json"}))),
        (
            credentials(json!({"keys": {"username": "login", "password": "pass"}})),
            credentials(json!({"keys": {"username": "password"}})),
        ),
        (json!({"spec": {"validationInterval": "1h30m"}}), json!({"spec": {"validationInterval": "59s"}})),
        (
            config(json!({"policyViews": {"columnDetectionInterval": "1m"}})),
            config(json!({"policyViews": {"columnDetectionInterval": "25h"}})),
        ),
        (json!({"spec": {"rotation": {"interval": "365d"}}}), json!({"spec": {"rotation": {"interval": "12h"}}})),
        (config(json!({"host": "LOCALHOST."})), config(json!({"host": "https://warehouse:5439/dev"}))),
        (existing("database-prd"), existing("a\"b")),
        (existing("2024_sales"), existing("sys:internal")),
        (config(json!({"database": "_immuta$2"})), config(json!({"database": "Immuta"}))),
        (config(json!({"database": "orders"})), config(json!({"database": "order"}))),
        (config(json!({"database": "development"})), config(json!({"database": "dev"}))),
        (config(json!({"initialDatabase": "REDSHIFT_SAMPLE_DATA"})), config(json!({"initialDatabase": "a\nb"}))),
        (config(json!({"initialDatabase": "templates"})), config(json!({"initialDatabase": "TEMPLATE1"}))),
        (
            config(json!({"databaseMode": "Existing", "initialDatabase": "IMMUTA"})),
            config(json!({"initialDatabase": "IMMUTA"})),
        ),
        (
            config(json!({"systemAccount": {"name": "one"}, "impersonation": {"role": "other"}})),
            config(json!({"systemAccount": {"name": "same"}, "impersonation": {"role": "same"}})),
        ),
        (account("governance"), account("governance-account")),
        (account("users"), account("user")),
        (account("rdsdb2"), account("redshift_governance_claim")),
        (role("acting"), role("Acting")),
        (role("grants"), role("grant")),
        (role("publicity"), role("public")),
        (okta(json!({"idpHost": "organization.okta.com"})), okta(json!({"idpHost": "https://organization.okta.com/"}))),
        (aws(json!({"clusterIdentifier": "analytics"})), aws(json!({"clusterIdentifier": "a", "workgroup": "b"}))),
        (aws(json!({"databaseUser": "admin"})), aws(json!({"workgroup": "b", "databaseUser": "admin"}))),
        (aws(json!({"region": "us-gov-west-1"})), aws(json!({"region": "us-east-1.example.com/"}))),
        (aws(json!({"clusterIdentifier": "analytics-2"})), aws(json!({"clusterIdentifier": "Analytics"}))),
        (aws(json!({"workgroup": "default"})), aws(json!({"workgroup": "a/b"}))),
        (aws(json!({"databaseUser": "Admin.1"})), aws(json!({"databaseUser": "IAM:admin"}))),
        (
            merged(
                aws(json!({"region": "us-east-1", "clusterIdentifier": "a"})),
                config(json!({"host": "alias.example"})),
            ),
            merged(aws(json!({"region": "us-east-1"})), config(json!({"host": "alias.example"}))),
        ),
        (
            tls(json!({"mode": "VerifyCa", "caBundleRef": bundle})),
            tls(json!({"mode": "Require", "caBundleRef": bundle})),
        ),
        (
            tls(json!({"mode": "VerifyFull", "serverName": "warehouse.example"})),
            tls(json!({"mode": "VerifyCa", "serverName": "warehouse.example"})),
        ),
    ]
}

/// What plain schema refuses: no rule of ours, but words of the server that name the field.
pub fn bounds() -> Vec<(&'static str, Value)> {
    vec![
        ("spec.config.port", config(json!({"port": 0}))),
        ("spec.config.port", config(json!({"port": 65536}))),
        ("spec.config.host", config(json!({"host": ""}))),
        ("spec.config.host", config(json!({"host": null}))),
        ("spec.config.database", config(json!({"database": "a".repeat(128)}))),
        ("spec.config.database", config(json!({"database": ""}))),
        ("spec.config.initialDatabase", config(json!({"initialDatabase": null}))),
        ("spec.config.authenticationType", config(json!({"authenticationType": "password"}))),
        ("spec.config.databaseMode", config(json!({"databaseMode": "create"}))),
        ("spec.config.tls.mode", config(json!({"tls": {"mode": "verify-full"}}))),
        ("spec.config.tls.caBundleRef.kind", config(json!({"tls": {"caBundleRef": {"kind": "Pod", "name": "x"}}}))),
        ("spec.config.credentialsSecretRef.name", config(json!({"credentialsSecretRef": {"name": "Redshift Admin"}}))),
        ("spec.config.impersonation.role", config(json!({"impersonation": {"role": "r".repeat(128)}}))),
        ("spec.config.okta.appId", okta(json!({"appId": ""}))),
        ("spec.deletionPolicy", json!({"spec": {"deletionPolicy": "Keep"}})),
        ("spec.suspend", json!({"spec": {"suspend": "yes"}})),
    ]
}

/// Manifests as people write them, and whether they are right. Nulls are kept.
pub fn written() -> Vec<(bool, Value)> {
    let with = |pointer: &str, name: &str, value: Value| {
        let mut manifest = manifest(json!({}));
        manifest.pointer_mut(pointer).unwrap()[name] = value;
        manifest
    };
    let config = |name: &str, value: Value| with("/spec/config", name, value);
    let metadata = |name: &str, value: Value| with("/metadata", name, value);
    vec![
        (false, config("initialDatabse", json!("dev"))),
        (false, config("Port", json!(5439))),
        (false, config("port", json!("5439"))),
        (false, config("port", json!(5439.5))),
        (true, config("port", json!(5439.0))),
        (true, config("port", Value::Null)),
        (true, config("okta", Value::Null)),
        (true, config("tls", Value::Null)),
        (true, config("tls", json!({}))),
        (true, config("tls", json!({"serverName": null}))),
        (false, config("tls", json!([]))),
        (false, config("tls", json!({"mode": null, "serverName": ""}))),
        (false, config("database", json!(5))),
        (false, config("host", Value::Null)),
        (false, config("unknown", Value::Null)),
        (false, config("credentialsSecretRef", json!({}))),
        (false, config("credentialsSecretRef", Value::Null)),
        (true, config("credentialsSecretRef", json!({"name": "a", "keys": null}))),
        (false, with("", "spec", json!({}))),
        (false, with("", "spec", Value::Null)),
        (false, with("", "more", json!("x"))),
        (true, with("/spec", "suspend", Value::Null)),
        (true, with("/spec", "rotation", Value::Null)),
        (false, with("/spec", "rotation", json!({"interval": null}))),
        (false, metadata("more", json!("x"))),
        (false, metadata("name", json!("Analytics"))),
        (false, metadata("name", json!("a..b"))),
        (true, metadata("name", json!("a.b"))),
        (true, metadata("labels", json!({"app.kubernetes.io/name": "x", "empty": ""}))),
        (true, metadata("labels", Value::Null)),
        (false, metadata("labels", json!({"a": "b c"}))),
        (false, metadata("labels", json!({"a b": "c"}))),
        (false, metadata("labels", json!({"a": 1}))),
        (true, metadata("annotations", json!({"example.com/a": "b c\n"}))),
        (false, metadata("annotations", json!({"a/b/c": "d"}))),
        (true, metadata("finalizers", json!([]))),
        (false, metadata("finalizers", json!("x"))),
    ]
}
