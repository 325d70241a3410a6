//! What the API server takes and refuses: every rule with an object that it must take and one that it
//! must refuse, on a real server, and what users see of the resources with kubectl.

mod of_integrations;
mod of_views;

use std::io::Write;
use std::process::Stdio;

use kube::Client;
use kube::api::{Api, Patch, PatchParams, PostParams, ValidationDirective};
use kube::core::{ApiResource, DynamicObject};
use redshift_integration_operator::api::rules::Rule;
use redshift_integration_operator::api::{Kind, data_source, integration, user_profile, user_profile_source};
use serde_json::{Value, json};

use crate::support::{administrator, make_namespace, output, succeed};
use of_integrations::{bounds, cases, config, manifest, written};

/// What is tried for one rule: changes to the manifest that must be taken, and changes that must be refused. For rules on edits of an
/// integration, the first is made before anything was created, and the second after it.
type Case = (Value, Value);

/// What is tried of a kind.
struct Tried {
    manifest: fn(Value) -> Value,
    rules: Vec<Rule>,
    /// In the order of the rules.
    cases: Vec<Case>,
}

impl Tried {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::RedshiftIntegration => Self { manifest, rules: integration::rules::rules(), cases: cases() },
            Kind::RedshiftDataSource => Self {
                manifest: of_views::data_source,
                rules: data_source::rules::rules(),
                cases: of_views::cases_of_data_sources(),
            },
            Kind::RedshiftUserProfile => Self {
                manifest: of_views::profile,
                rules: user_profile::rules::rules(),
                cases: of_views::cases_of_profiles(),
            },
            Kind::RedshiftUserProfileSource => Self {
                manifest: of_views::profile_source,
                rules: user_profile_source::rules::rules(),
                cases: of_views::cases_of_profile_sources(),
            },
        }
    }
}

struct Server {
    objects: Api<DynamicObject>,
}

impl Server {
    fn new(client: &Client, namespace: &str) -> Self {
        Self::of(Kind::RedshiftIntegration, client, namespace)
    }

    fn of(kind: Kind, client: &Client, namespace: &str) -> Self {
        let resource = ApiResource {
            group: "redshift-governance.dev".to_owned(),
            version: "v1alpha1".to_owned(),
            api_version: "redshift-governance.dev/v1alpha1".to_owned(),
            kind: kind.to_string(),
            plural: kind.plural().to_owned(),
        };
        Self { objects: Api::namespaced_with(client.clone(), namespace, &resource) }
    }

    async fn create(&self, manifest: Value) -> DynamicObject {
        let object = serde_json::from_value(manifest).unwrap();
        self.objects.create(&PostParams::default(), &object).await.unwrap()
    }

    /// Asks whether it would be taken; the server's words if not.
    async fn take(&self, manifest: &Value) -> Result<(), String> {
        let params = PostParams { dry_run: true, field_manager: None };
        let object = serde_json::from_value(manifest.clone()).unwrap();
        self.objects.create(&params, &object).await.map(drop).map_err(|error| error.to_string())
    }

    /// The same for an edit of an object that is there.
    async fn edit(&self, name: &str, changes: &Value) -> Result<(), String> {
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        let patch = Patch::Merge(changes);
        self.objects.patch(name, &params, &patch).await.map(drop).map_err(|error| error.to_string())
    }
}

fn kind_of(manifest: &Value) -> Kind {
    Kind::ALL.into_iter().find(|kind| manifest["kind"] == kind.to_string()).unwrap()
}

/// What `validate --schema-only` finds in each of some manifests, without the server: field and message.
fn offline(manifests: &[Value]) -> Vec<Vec<(String, String)>> {
    let documents: Vec<_> = manifests.iter().map(Value::to_string).collect();
    let arguments = ["validate", "--schema-only", "-o", "json", "-f", "-"];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_redshift-integration-operator"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(documents.join("\n---\n").as_bytes()).unwrap();
    let report: Value = serde_json::from_slice(&child.wait_with_output().unwrap().stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mistakes = |resource: &Value| {
        let mistakes = resource["mistakes"].as_array().unwrap();
        mistakes.iter().map(|it| (text(&it["field"]), text(&it["message"]))).collect()
    };
    let found: Vec<_> = report["resources"].as_array().unwrap().iter().map(mistakes).collect();
    assert_eq!(found.len(), manifests.len(), "{report:#}");
    found
}

/// A rule on edits looks at what was before.
fn is_on_edits(rule: &str) -> bool {
    rule.contains("oldSelf")
}

#[tokio::test]
async fn every_rule_takes_what_it_must_take_and_refuses_what_it_must_refuse() {
    let client = administrator().await;
    let namespace = make_namespace(&client).await;
    let mut tables = "# The rules of the resources\n\n\
         Each rule with what it was tried with on a real API server: changes to a small manifest (of an integration, the\n\
         quick-start sample) that must be taken, and changes that must be refused with this message. Written by\n\
         `UPDATE_DOCS=1 make test T=every_rule`.\n"
        .to_owned();
    for kind in Kind::ALL {
        let server = Server::of(kind, &client, &namespace);
        let tried = Tried::of(kind);
        for name in ["planned", "created"] {
            server.create((tried.manifest)(json!({"metadata": {"name": name}}))).await;
        }
        tables += &format!("\n## {kind}\n\n| field | taken | refused | message |\n|---|---|---|---|\n");
        tables += &table(kind, &server, &tried).await;
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/crd-rules.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &tables).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, tables, "docs/crd-rules.md is not current; run: UPDATE_DOCS=1 make test T=every_rule");
}

/// Tries all rules of a kind, and writes down with what.
async fn table(kind: Kind, server: &Server, Tried { manifest, rules, cases }: &Tried) -> String {
    assert_eq!(rules.len(), cases.len(), "each rule of {kind} needs a case");
    let mut when = ("", " as an edit");
    if kind == Kind::RedshiftIntegration {
        when = (" before creation", " after creation");
        let created = json!({"status": {"observedGeneration": 1, "created": {
            "host": "h", "port": 5439, "database": "immuta", "databaseMode": "Create",
            "systemAccount": "immuta_system_account", "schemaVersion": 1,
        }}});
        server.objects.patch_status("created", &PatchParams::default(), &Patch::Merge(&created)).await.unwrap();
    }
    let mut table = String::new();
    let both = cases.iter().flat_map(|(taken, refused)| [manifest(taken.clone()), manifest(refused.clone())]);
    let offline = offline(&both.collect::<Vec<_>>());
    for ((rule, (taken, refused)), offline) in rules.iter().zip(cases).zip(offline.chunks(2)) {
        let is_on_edits = is_on_edits(&rule.rule);
        let (took, refusal) = if is_on_edits {
            (server.edit("planned", taken).await, server.edit("created", refused).await)
        } else {
            (server.take(&manifest(taken.clone())).await, server.take(&manifest(refused.clone())).await)
        };
        assert_eq!(took, Ok(()), "{}: {taken}", rule.rule);
        let refusal = refusal.expect_err(&rule.rule);
        assert!(refusal.contains(rule.message), "{}: {refusal}", rule.rule);
        // The command line agrees, in the same words; but for what only an edit can break.
        assert_eq!(offline[0], [], "{}: {taken}", rule.rule);
        let is_told = offline[1].iter().any(|(_, message)| message == rule.message);
        assert_eq!(is_told, !is_on_edits, "{}: {:?}", rule.rule, offline[1]);
        // Long lists of names would hide the point.
        let brief = |value: &Value| value.to_string().replace('|', "\\|").chars().take(110).collect::<String>();
        let when = if is_on_edits { when } else { ("", "") };
        let path = if rule.path.is_empty() { "(the resource)" } else { rule.path };
        table +=
            &format!("| {path} | `{}`{} | `{}`{} | {} |\n", brief(taken), when.0, brief(refused), when.1, rule.message);
    }
    table
}

#[tokio::test]
async fn what_is_there_already_is_named_as_it_is() {
    let client = administrator().await;
    let server = Server::new(&client, &make_namespace(&client).await);
    let mut manifests = Vec::new();
    for name in ["database-prd", "dev", "Dev", "2024_sales", "café", "user", "売上", "it's", "$(date)"] {
        let existing = json!({"databaseMode": "Existing", "database": name, "initialDatabase": "postgres"});
        manifests.extend([manifest(config(existing)), manifest(config(json!({"initialDatabase": name})))]);
    }
    for (manifest, offline) in manifests.iter().zip(offline(&manifests)) {
        assert_eq!(server.take(manifest).await, Ok(()), "{manifest}");
        assert_eq!(offline, [], "{manifest}");
    }
}

#[tokio::test]
async fn what_does_not_fit_the_schema_is_refused_by_name() {
    let client = administrator().await;
    let namespace = make_namespace(&client).await;
    let of_integrations = bounds().into_iter().map(|(field, changes)| (field, manifest(changes)));
    let (fields, manifests): (Vec<_>, Vec<_>) = of_integrations.chain(of_views::bounds()).unzip();
    for ((field, manifest), offline) in fields.iter().zip(&manifests).zip(offline(&manifests)) {
        let refusal = Server::of(kind_of(manifest), &client, &namespace).take(manifest).await.expect_err(field);
        assert!(refusal.contains(field), "{manifest}: {refusal}");
        assert!(matches!(offline.as_slice(), [(told, _)] if told == field), "{manifest}: {offline:?}");
    }
    for kind in Kind::ALL {
        let small = (Tried::of(kind).manifest)(json!({}));
        assert_eq!(Server::of(kind, &client, &namespace).take(&small).await, Ok(()), "{kind}");
    }
}

#[tokio::test]
async fn the_command_line_takes_what_the_server_takes() {
    let client = administrator().await;
    let namespace = make_namespace(&client).await;
    let params = PatchParams {
        dry_run: true,
        field_manager: Some("test".to_owned()),
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::default()
    };
    let (are_right, manifests): (Vec<_>, Vec<_>) = written().into_iter().chain(of_views::written()).unzip();
    for ((is_right, manifest), offline) in are_right.into_iter().zip(&manifests).zip(offline(&manifests)) {
        let name = manifest["metadata"]["name"].as_str().unwrap();
        let server = Server::of(kind_of(manifest), &client, &namespace);
        let applied = server.objects.patch(name, &params, &Patch::Apply(manifest)).await.map(drop);
        assert_eq!(applied.is_ok(), is_right, "the server: {manifest}: {applied:?}");
        assert_eq!(offline.is_empty(), is_right, "the command line: {manifest}: {offline:?}");
    }
}

#[tokio::test]
async fn what_is_left_out_gets_its_default() {
    let client = administrator().await;
    let namespace = make_namespace(&client).await;
    let of_views = [
        (
            Kind::RedshiftDataSource,
            json!({
                "integrationRef": {"name": "analytics"},
                "table": {"schema": "sales", "name": "orders"},
                "columns": [{"name": "id"}, {"name": "email", "tags": ["pii.email"]}],
                "unlistedColumns": "MakeNull",
                "uncoveredTags": "MakeNull",
                "rowRule": "Optional",
                "subscription": {"restriction": "Nobody"},
                "rowGuard": "Auto",
                "suspend": false,
                "deletionPolicy": "Delete",
            }),
        ),
        (
            Kind::RedshiftUserProfile,
            json!({"integrationRef": {"name": "analytics"}, "user": "IAM:bob@example.com", "groups": [], "attributes": []}),
        ),
        (
            Kind::RedshiftUserProfileSource,
            json!({
                "integrationRef": {"name": "analytics"}, "format": "CSV", "configMaps": {"names": ["hr-1"]},
                "maxRemovedPercent": 20,
            }),
        ),
    ];
    for (kind, expected) in of_views.into_iter().chain([(Kind::RedshiftIntegration, integration_with_defaults())]) {
        let object = Server::of(kind, &client, &namespace).create((Tried::of(kind).manifest)(json!({}))).await;
        assert_eq!(object.data["spec"], expected, "{kind}");
        // Never to be taken for done before the operator has looked.
        assert_eq!(object.data["status"]["observedGeneration"], -1, "{kind}");
    }
}

fn integration_with_defaults() -> Value {
    json!({
        "autoBootstrap": true,
        "config": {
            "host": "analytics.abc123.us-east-1.redshift.amazonaws.com",
            "port": 5439,
            "database": "immuta",
            "databaseMode": "Create",
            "initialDatabase": "dev",
            "impersonation": {"enabled": false, "role": "immuta_impersonation"},
            "policyViews": {"enabled": false, "columnDetectionInterval": "15m"},
            "systemAccount": {"name": "immuta_system_account"},
            "authenticationType": "userPassword",
            "credentialsSecretRef": {"name": "redshift-admin", "format": "keys"},
            "tls": {"mode": "VerifyFull"},
        },
        "deletionPolicy": "Delete",
        "suspend": false,
        "repair": false,
        "validationInterval": "1h",
    })
}

#[tokio::test]
async fn kubectl_shows_what_matters_and_explains_every_field() {
    let client = administrator().await;
    let namespace = make_namespace(&client).await;
    let server = Server::new(&client, &namespace);
    for (name, host) in [("analytics", "one.example"), ("other", "two.example")] {
        server.create(manifest(json!({"metadata": {"name": name}, "spec": {"config": {"host": host}}}))).await;
    }
    for kind in [Kind::RedshiftDataSource, Kind::RedshiftUserProfile, Kind::RedshiftUserProfileSource] {
        Server::of(kind, &client, &namespace).create((Tried::of(kind).manifest)(json!({}))).await;
    }
    let kubectl = |arguments: &[&str]| succeed("kubectl", &[&["-n", namespace.as_str()], arguments].concat(), "");
    let table = kubectl(&["get", "rsi"]);
    let header: Vec<_> = table.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(header, ["NAME", "PHASE", "READY", "HOST", "DATABASE", "MODE", "VALIDATION", "AGE"]);
    assert!(kubectl(&["get", "rsi", "-o", "wide"]).lines().next().unwrap().contains("MESSAGE"));
    assert!(kubectl(&["get", "redshift-governance"]).contains("analytics"));
    let by_host = kubectl(&["get", "rsi", "--field-selector", "spec.config.host=two.example", "-o", "name"]);
    assert_eq!(by_host.trim(), "redshiftintegration.redshift-governance.dev/other");
    let manual = kubectl(&["explain", "rsi.spec.config", "--recursive=false"]);
    assert!(manual.contains("credentialsSecretRef") && !manual.contains("<no description>"), "{manual}");
    assert!(kubectl(&["explain", "rsi"]).contains("access-governance integration"));
    for (name, columns, said) in [
        ("rsds", "NAME TABLE VIEW READY REASON GUARD AGE INTEGRATION MESSAGE", "the view through which people read it"),
        ("rsup", "NAME USER READY REASON AGE INTEGRATION MESSAGE", "may give himself everything"),
        ("rsups", "NAME FORMAT USERS REFUSED READY REASON AGE INTEGRATION MESSAGE", "may give himself everything"),
    ] {
        let wide = kubectl(&["get", name, "-o", "wide"]);
        let header: Vec<_> = wide.lines().next().unwrap().split_whitespace().collect();
        assert_eq!(header.join(" "), columns);
        let narrow = kubectl(&["get", name]);
        assert!(
            columns.starts_with(&narrow.lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ")),
            "{narrow}"
        );
        assert!(kubectl(&["get", "redshift-governance"]).contains(&format!("{}/it", name_of(name))), "{name}");
        let manual = kubectl(&["explain", name]);
        assert!(manual.contains(said), "{manual}");
        let manual = kubectl(&["explain", name, "--recursive=false"]) + &kubectl(&["explain", &format!("{name}.spec")]);
        assert!(!manual.contains("<no description>"), "{manual}");
    }

    // A misspelt field is named, not dropped.
    let misspelt = manifest(config(json!({"initialDatabse": "dev"}))).to_string();
    let (taken, words) = output("kubectl", &["-n", &namespace, "apply", "-f", "-"], &misspelt);
    assert!(!taken && words.contains("initialDatabse"), "{words}");
}

/// A resource's name, as kubectl lists it beside others of its category.
fn name_of(short: &str) -> String {
    let kind = match short {
        "rsds" => Kind::RedshiftDataSource,
        "rsup" => Kind::RedshiftUserProfile,
        _ => Kind::RedshiftUserProfileSource,
    };
    format!("{}.redshift-governance.dev", kind.controller())
}

/// Fields without a description; those of Kubernetes' own conditions bring theirs.
fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
    if schema["description"].as_str().is_none_or(str::is_empty) {
        found.push(path.to_owned());
    }
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        undescribed(&format!("{path}.{name}"), field, found);
    }
    for (name, field) in schema["items"]["properties"].as_object().into_iter().flatten() {
        undescribed(&format!("{path}[].{name}"), field, found);
    }
}

#[test]
fn every_field_is_described() {
    let mut found = Vec::new();
    for kind in Kind::ALL {
        let crd = kind.crd();
        let schema = &crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        for part in ["spec", "status"] {
            undescribed(&format!("{kind} {part}"), &schema["properties"][part], &mut found);
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[tokio::test]
async fn the_operators_own_status_passes_the_schema() {
    // The conditions are a map by type: a second one of a type would be refused.
    let client = administrator().await;
    let namespace = make_namespace(&client).await;
    let condition = json!({
        "type": "Ready", "status": "True", "reason": "Enabled", "message": "", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    });
    for kind in Kind::ALL {
        let server = Server::of(kind, &client, &namespace);
        server.create((Tried::of(kind).manifest)(json!({"metadata": {"name": "it"}}))).await;
        let patch = async |conditions: Value| {
            let status = json!({"status": {"observedGeneration": 1, "conditions": conditions}});
            server.objects.patch_status("it", &PatchParams::default(), &Patch::Merge(&status)).await.map(drop)
        };
        patch(json!([condition])).await.unwrap();
        let refusal = patch(json!([condition, condition])).await;
        assert!(refusal.unwrap_err().to_string().contains("Duplicate value"), "{kind}");
    }
}
