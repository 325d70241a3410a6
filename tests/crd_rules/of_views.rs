//! What is tried of the kinds that policy-enforced views are made of.

use serde_json::{Value, json};

use super::Case;
use crate::support::merge;

pub fn data_source(changes: Value) -> Value {
    manifest(
        "RedshiftDataSource",
        json!({
            "table": {"schema": "sales", "name": "orders"},
            "columns": [{"name": "id"}, {"name": "email", "tags": ["pii.email"]}],
        }),
        changes,
    )
}

pub fn profile(changes: Value) -> Value {
    manifest("RedshiftUserProfile", json!({"user": "IAM:bob@example.com"}), changes)
}

pub fn profile_source(changes: Value) -> Value {
    manifest("RedshiftUserProfileSource", json!({"configMaps": {"names": ["hr-1"]}}), changes)
}

#[expect(clippy::needless_pass_by_value, reason = "the macro's values are made where they are used")]
fn manifest(kind: &str, spec: Value, changes: Value) -> Value {
    let mut manifest = json!({"apiVersion": "redshift-governance.dev/v1alpha1", "kind": kind, "metadata": {"name": "it"}, "spec": spec});
    manifest["spec"]["integrationRef"] = json!({"name": "analytics"});
    merge(&mut manifest, changes);
    manifest
}

#[expect(clippy::needless_pass_by_value, reason = "the macro's values are made where they are used")]
fn spec(changes: Value) -> Value {
    json!({"spec": changes})
}

/// In the order of the rules.
pub fn cases_of_data_sources() -> Vec<Case> {
    let view = |view: Value| spec(json!({"view": view}));
    let table = |table: Value| spec(json!({"table": table}));
    let columns = |columns: Value| spec(json!({"columns": columns}));
    let tags = |tags: Value| columns(json!([{"name": "email", "tags": tags}]));
    let unguarded = |name: &str| spec(json!({"unguardedColumns": [name]}));
    let granted = |grantee: Value| spec(json!({"grantSelectTo": [grantee]}));
    let entitled = |entitlements: Value| {
        spec(json!({"subscription": {"restriction": "Entitlements", "entitlements": entitlements}}))
    };
    let labels = json!({"metadata": {"labels": {"domain": "sales"}}});
    vec![
        (labels.clone(), spec(json!({"integrationRef": {"name": "other"}}))),
        (labels, table(json!({"database": "other"}))),
        (table(json!({"schema": "immutable"})), table(json!({"schema": "immuta_system"}))),
        (view(json!({"schema": "sales_immuta"})), view(json!({"schema": "immuta_system"}))),
        (columns(json!([{"name": "immuta_id"}])), columns(json!([{"name": "id"}, {"name": "immuta__userid"}]))),
        (tags(json!(["a.b.c.d.e.f", "org_1-x"])), tags(json!(["pii", "Pii.Email"]))),
        (
            spec(json!({"subscription": {"restriction": "Anyone"}})),
            spec(json!({"subscription": {"restriction": "Entitlements"}})),
        ),
        (entitled(json!({"users": ["bob"]})), entitled(json!({"operator": "all", "groups": []}))),
        (granted(json!({"role": "analysts"})), granted(json!({"role": "analysts", "group": "analysts"}))),
        (granted(json!({"public": true})), granted(json!({"public": false}))),
        (unguarded("id"), unguarded("email")),
        (view(json!({"schema": "sales_2"})), view(json!({"schema": "Sales"}))),
        (view(json!({"schema": "orders"})), view(json!({"schema": "order"}))),
        (view(json!({"name": "_orders$2"})), view(json!({"name": "all-orders"}))),
        (view(json!({"name": "users"})), view(json!({"name": "user"}))),
        (table(json!({"database": "sales-prd"})), table(json!({"database": "Dev"}))),
        (
            merged(table(json!({"schema": "größe 2"})), view(json!({"schema": "sizes"}))),
            merged(table(json!({"schema": "a\"b"})), view(json!({"schema": "sizes"}))),
        ),
        (
            merged(table(json!({"name": "2024-orders"})), view(json!({"name": "orders_2024"}))),
            merged(table(json!({"name": "Orders"})), view(json!({"name": "orders"}))),
        ),
        (columns(json!([{"name": "größe in cm"}])), columns(json!([{"name": "ID"}]))),
        (granted(json!({"role": "Data Readers"})), granted(json!({"role": "a\"b"}))),
        (granted(json!({"group": "bi_users"})), granted(json!({"group": "a\nb"}))),
        (granted(json!({"user": "IAM:reports"})), granted(json!({"user": "\"reports\""}))),
        (entitled(json!({"groups": ["Data Owners"]})), entitled(json!({"groups": ["staff", "audit "]}))),
        (entitled(json!({"users": ["IAM:bob@example.com"]})), entitled(json!({"users": [" bob"]}))),
        (
            entitled(json!({"attributes": [{"name": "region", "value": "EU"}]})),
            entitled(json!({"attributes": [{"name": "region ", "value": "EU"}]})),
        ),
        (
            entitled(json!({"attributes": [{"name": "region", "value": "EU US"}]})),
            entitled(json!({"attributes": [{"name": "region", "value": "EU\tUS"}]})),
        ),
    ]
}

pub fn cases_of_profiles() -> Vec<Case> {
    let attributes = |name: &str, value: &str| spec(json!({"attributes": [{"name": name, "values": ["EU", value]}]}));
    vec![
        (spec(json!({"groups": ["staff"]})), spec(json!({"integrationRef": {"name": "other"}}))),
        (spec(json!({"groups": ["staff"]})), spec(json!({"user": "eve"}))),
        (spec(json!({"user": "Müller (DE)"})), spec(json!({"user": "bob "}))),
        (spec(json!({"groups": ["営業部"]})), spec(json!({"groups": ["staff", "a\nb"]}))),
        (attributes("data region", "US"), attributes(" region", "US")),
        (attributes("region", "U S"), attributes("region", "US ")),
    ]
}

pub fn cases_of_profile_sources() -> Vec<Case> {
    let maps = |maps: Value| spec(json!({"configMaps": maps}));
    let labels = |labels: Value| maps(json!({"names": null, "selector": {"matchLabels": labels}}));
    vec![
        (spec(json!({"maxRemovedPercent": 100})), spec(json!({"integrationRef": {"name": "other"}}))),
        (labels(json!({"profiles": "hr"})), maps(json!({"selector": {"matchLabels": {"profiles": "hr"}}}))),
        (labels(json!({"profiles": ""})), labels(json!({}))),
        (labels(json!({"redshift-governance.dev/profiles": "hr"})), labels(json!({"a/b/c": "hr"}))),
    ]
}

/// What plain schema refuses.
pub fn bounds() -> Vec<(&'static str, Value)> {
    let numbered = |count: usize| (0..count).map(|number| format!("t{number}")).collect::<Vec<_>>();
    let columns = |columns: Value| data_source(spec(json!({"columns": columns})));
    let source = |maps: Value| profile_source(spec(json!({"configMaps": maps})));
    let labels = |labels: Value| source(json!({"names": null, "selector": {"matchLabels": labels}}));
    let many: Vec<_> = (0..1601).map(|number| json!({"name": format!("c{number}")})).collect();
    vec![
        ("spec.integrationRef.name", data_source(spec(json!({"integrationRef": {"name": "Analytics"}})))),
        ("spec.table.schema", data_source(spec(json!({"table": {"schema": null}})))),
        ("spec.table.name", data_source(spec(json!({"table": {"name": "a".repeat(128)}})))),
        ("spec.columns[2]", columns(json!([{"name": "id"}, {"name": "email"}, {"name": "id", "tags": ["a"]}]))),
        ("spec.columns", columns(json!(many))),
        ("spec.columns[0].name", columns(json!([{"tags": ["a"]}]))),
        ("spec.columns[0].tags[1]", columns(json!([{"name": "id", "tags": ["a", "a"]}]))),
        ("spec.columns[0].tags[0]", columns(json!([{"name": "id", "tags": ["a".repeat(81)]}]))),
        ("spec.columns[0].tags", columns(json!([{"name": "id", "tags": numbered(21)}]))),
        ("spec.columns[0].type", columns(json!([{"name": "id", "type": ""}]))),
        ("spec.unlistedColumns", data_source(spec(json!({"unlistedColumns": "Hide"})))),
        ("spec.rowGuard", data_source(spec(json!({"rowGuard": "strict"})))),
        ("spec.unguardedColumns[1]", data_source(spec(json!({"unguardedColumns": ["id", "id"]})))),
        ("spec.grantSelectTo[0].public", data_source(spec(json!({"grantSelectTo": [{"public": "yes"}]})))),
        ("spec.user", profile(spec(json!({"user": ""})))),
        ("spec.groups[0]", profile(spec(json!({"groups": [""]})))),
        ("spec.groups", profile(spec(json!({"groups": numbered(501)})))),
        (
            "spec.attributes[1]",
            profile(spec(json!({"attributes": [{"name": "a", "values": []}, {"name": "a", "values": ["b"]}]}))),
        ),
        ("spec.attributes[0].values", profile(spec(json!({"attributes": [{"name": "a"}]})))),
        ("spec.format", profile_source(spec(json!({"format": "csv"})))),
        ("spec.maxRemovedPercent", profile_source(spec(json!({"maxRemovedPercent": 101})))),
        ("spec.configMaps.names[0]", source(json!({"names": ["HR"]}))),
        ("spec.configMaps.names[1]", source(json!({"names": ["hr", "hr"]}))),
        ("spec.configMaps.selector.matchLabels.profiles", labels(json!({"profiles": "h r"}))),
        (
            "spec.configMaps.selector.matchLabels",
            labels(numbered(21).into_iter().map(|key| (key, json!("a"))).collect::<serde_json::Map<_, _>>().into()),
        ),
    ]
}

/// Manifests as people write them, and whether they are right. Nulls are kept.
pub fn written() -> Vec<(bool, Value)> {
    let with = |mut manifest: Value, name: &str, value: Value| {
        manifest["spec"][name] = value;
        manifest
    };
    let source = |name: &str, value: Value| with(data_source(json!({})), name, value);
    let user = |name: &str, value: Value| with(profile(json!({})), name, value);
    let maps = |value: Value| with(profile_source(json!({})), "configMaps", value);
    vec![
        (true, source("columns", Value::Null)),
        (true, source("columns", json!([]))),
        (true, source("columns", json!([{"name": "id", "type": null}]))),
        // What has no default isn't taken for absent.
        (false, source("columns", json!([{"name": "id", "tags": null}]))),
        (true, source("columns", json!([{"name": "id", "tags": []}]))),
        (false, source("columns", json!([null]))),
        (false, source("columns", json!("id"))),
        (false, source("columns", json!({"name": "id"}))),
        (false, source("columns", json!([{"name": "id", "mask": "Hash"}]))),
        (false, source("columns", json!([{"name": "id"}, {"name": "id"}]))),
        (true, source("view", json!({}))),
        (true, source("view", json!({"schema": null}))),
        (true, source("table", json!({"database": null, "schema": "sales", "name": "orders"}))),
        (false, source("table", json!({"database": "", "schema": "sales", "name": "orders"}))),
        (true, source("subscription", Value::Null)),
        (true, source("subscription", json!({}))),
        (false, source("subscription", json!({"entitlements": {"groups": ["a"]}}))),
        (false, source("subscription", json!({"restriction": "Entitlements", "entitlements": {}}))),
        (true, source("grantSelectTo", json!([{"role": "a", "user": null}]))),
        (false, source("grantSelectTo", json!([{}]))),
        (true, source("unguardedColumns", json!([]))),
        (false, source("unguardedColumns", json!(["unknown"]))),
        (true, user("groups", Value::Null)),
        (false, user("groups", json!([null]))),
        (true, user("attributes", json!([{"name": "a", "values": []}]))),
        (false, user("attributes", json!([{"name": "a", "values": null}]))),
        (false, user("attributes", json!({"region": ["EU"]}))),
        (false, maps(json!({}))),
        (false, maps(json!({"names": []}))),
        (false, maps(json!({"selector": {}}))),
        (true, maps(json!({"names": [], "selector": {"matchLabels": {"a": "b"}}}))),
        (false, maps(json!({"selector": {"matchLabels": {"a": 1}}}))),
        (false, maps(json!({"selector": {"matchLabels": {"a": null}}}))),
        (true, with(profile_source(json!({})), "maxRemovedPercent", json!(0))),
        (false, with(profile_source(json!({})), "maxRemovedPercent", json!(-1))),
    ]
}

fn merged(mut one: Value, other: Value) -> Value {
    merge(&mut one, other);
    one
}
