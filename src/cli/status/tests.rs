//! What people see of a resource, in each phase of its life.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Layout, Summary, text};
use crate::api::RedshiftIntegration;

const LAYOUT: Layout = Layout { is_verbose: false, width: Some(100), now: Timestamp::constant(1_796_000_000, 0) };

fn ago(seconds: i64) -> String {
    Timestamp::from_second(LAYOUT.now.as_second() - seconds).expect("it is a time").to_string()
}

/// A resource in a phase. Conditions: type, status, reason, message.
fn object(phase: &str, conditions: &[(&str, &str, &str, &str)], more: &Value) -> RedshiftIntegration {
    let conditions: Vec<_> = conditions
        .iter()
        .map(|(type_, status, reason, message)| {
            json!({"type": type_, "status": status, "reason": reason, "message": message,
                   "lastTransitionTime": ago(200)})
        })
        .collect();
    let mut object = json!({
        "apiVersion": "redshift-governance.dev/v1alpha1",
        "kind": "RedshiftIntegration",
        "metadata": {"namespace": "data-platform", "name": "analytics", "generation": 3},
        "spec": {"config": {
            "host": "analytics.abc123.us-east-1.redshift.amazonaws.com", "database": "immuta", "initialDatabase": "dev",
            "authenticationType": "userPassword", "credentialsSecretRef": {"name": "redshift-admin"},
        }},
        "status": {
            "observedGeneration": 3, "phase": phase, "conditions": conditions,
            "created": {
                "host": "analytics.abc123.us-east-1.redshift.amazonaws.com", "port": 5439, "database": "immuta",
                "databaseMode": "Create", "systemAccount": "immuta_system_account", "schemaVersion": 2,
                "appliedHash": "0",
            },
        },
    });
    json_patch_merge(&mut object, more);
    serde_json::from_value(object).expect("it is a resource")
}

/// RFC 7386.
fn json_patch_merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(fields), Value::Object(changes)) => {
            for (name, change) in changes {
                if change.is_null() {
                    fields.remove(name);
                } else {
                    json_patch_merge(fields.entry(name.clone()).or_insert(Value::Null), change);
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

fn tests() -> Value {
    json!({"status": {"validationResults": {"status": "warning", "since": ago(40), "validationTests": [
        {"name": "Initial Validation: Basic Connection Test", "status": "passed", "message": "logged in to dev as admin"},
        {"name": "Initial Validation: Connection Is Verified", "status": "warning",
         "message": "spec.config.tls.mode is Require: whoever stands in between can read everything; use VerifyFull"},
        {"name": "Validate System Account: Impersonation Is In Place", "status": "skipped", "message": "impersonation is off"},
    ]}}})
}

const SET_UP: &str = "the integration is set up and validated";

/// Each phase of its life, under a title.
#[expect(clippy::too_many_lines, reason = "a table")]
fn pictures() -> Vec<(&'static str, RedshiftIntegration)> {
    let remedies = json!({"status": {"remedies": [
        {"description": "fetch create.sql: its first lines say how it is run",
         "command": "kubectl -n data-platform get secret analytics-scripts -o jsonpath='{.data.create\\.sql}' | base64 -d > create.sql"},
        {"description": "ask somebody who knows"},
    ]}});
    let with = |object: &RedshiftIntegration, more: &Value| {
        let mut value = serde_json::to_value(object).expect("it is plain data");
        json_patch_merge(&mut value, more);
        serde_json::from_value::<RedshiftIntegration>(value).expect("it is a resource")
    };
    let not_created = json!({"status": {"created": {"appliedHash": null}}});
    vec![
        ("never looked at", object("creating", &[], &json!({"status": null}))),
        (
            "creating",
            object(
                "creating",
                &[
                    ("Ready", "False", "Creating", "the integration is being set up"),
                    ("Reconciling", "True", "Creating", "the integration is being set up"),
                ],
                &not_created,
            ),
        ),
        (
            "creating, manual mode",
            with(
                &object(
                    "creating",
                    &[
                        (
                            "Ready",
                            "False",
                            "AwaitingScript",
                            "waiting for a person who runs create.sql in the database immuta; see status.remedies",
                        ),
                        (
                            "Reconciling",
                            "True",
                            "AwaitingScript",
                            "waiting for a person who runs create.sql in the database immuta; see status.remedies",
                        ),
                    ],
                    &not_created,
                ),
                &with_manual(&remedies),
            ),
        ),
        (
            "createError",
            with(
                &object(
                    "createError",
                    &[
                        ("Ready", "False", "DatabaseExists", "it is there already; see status.remedies"),
                        (
                            "Stalled",
                            "True",
                            "DatabaseExists",
                            "Validation of prerequisite setup failed. Unable to create integration. Validate Automatic Bootstrap: Immuta Database Does Not Exist: the database immuta is there already and not this integration's; see status.remedies",
                        ),
                    ],
                    &json!({"status": {"created": null}}),
                ),
                &remedies,
            ),
        ),
        (
            "createError, tried again",
            object(
                "createError",
                &[
                    ("Ready", "False", "WarehouseUnreachable", "nobody answers"),
                    ("Reconciling", "True", "WarehouseUnreachable", "nobody answers at analytics:5439 within 15 s"),
                ],
                &not_created,
            ),
        ),
        ("enabled", with(&object("enabled", &[("Ready", "True", "Enabled", SET_UP)], &json!({})), &tests())),
        (
            "enabled, behind",
            object(
                "enabled",
                &[("Ready", "True", "Enabled", SET_UP)],
                &json!({"metadata": {"generation": 4}, "spec": {"config": {"impersonation": {"enabled": true, "role": "immuta_impersonation"}}}}),
            ),
        ),
        (
            "enabled, suspended",
            object("enabled", &[("Ready", "True", "Enabled", SET_UP)], &json!({"spec": {"suspend": true}})),
        ),
        (
            "editing",
            object(
                "editing",
                &[("Ready", "True", "Enabled", SET_UP), ("Reconciling", "True", "Editing", "the edit is under way")],
                &json!({"spec": {"config": {"systemAccount": {"name": "other"}}}}),
            ),
        ),
        (
            "editError",
            object(
                "editError",
                &[
                    (
                        "Ready",
                        "True",
                        "Enabled",
                        "what was set up works on; the edit has stopped: there is a role of that name",
                    ),
                    ("Stalled", "True", "ImpersonationRoleExists", "there is a role of that name"),
                ],
                &json!({}),
            ),
        ),
        (
            "migrating",
            object(
                "migrating",
                &[
                    ("Ready", "True", "Enabled", SET_UP),
                    ("Reconciling", "True", "Migrating", "being migrated to schema version 2"),
                ],
                &json!({}),
            ),
        ),
        (
            "migrateError",
            object(
                "migrateError",
                &[
                    ("Ready", "False", "StatementFailed", "a statement failed"),
                    ("Stalled", "True", "StatementFailed", "a statement failed"),
                ],
                &json!({}),
            ),
        ),
        (
            "recurringValidationError",
            object(
                "recurringValidationError",
                &[
                    ("Ready", "False", "ValidationFailed", "the view is gone"),
                    ("Stalled", "True", "ValidationFailed", "the view is gone"),
                ],
                &json!({}),
            ),
        ),
        (
            "deleting",
            object(
                "deleting",
                &[
                    ("Ready", "False", "Deleting", "what was set up is being taken away"),
                    ("Reconciling", "True", "Deleting", "what was set up is being taken away"),
                ],
                &json!({"metadata": {"deletionTimestamp": ago(90)}, "status": {"deletion": {"pointOfNoReturn": true}}}),
            ),
        ),
        (
            "deleteError",
            object(
                "deleteError",
                &[
                    ("Ready", "False", "ForeignObjects", "others' work"),
                    ("Stalled", "True", "ForeignObjects", "nothing was removed, since others' work would be lost"),
                ],
                &json!({"metadata": {"deletionTimestamp": ago(9_000)}}),
            ),
        ),
        (
            "deleteError, let go",
            object(
                "deleteError",
                &[
                    ("Ready", "False", "ForeignObjects", "others' work"),
                    ("Stalled", "True", "ForeignObjects", "others' work"),
                ],
                &json!({"metadata": {"deletionTimestamp": ago(900_000)}, "spec": {"deletionPolicy": "Retain", "config": {"databaseMode": "Existing"}}}),
            ),
        ),
    ]
}

/// All of them in one snapshot: they are read side by side.
#[test]
fn each_phase_is_told_with_what_goes_on_and_what_can_be_done() {
    let pictures = pictures();
    let summaries: Vec<_> = pictures.iter().map(|(_, object)| Summary::of(object)).collect();
    let mut shown = String::new();
    for ((title, _), summary) in pictures.iter().zip(&summaries) {
        shown += &format!("--- {title}\n{}\n", text::details(summary, LAYOUT));
    }
    shown += &format!("--- all\n{}", text::table(&summaries, true, LAYOUT));
    insta::assert_snapshot!("phases", anstream::adapter::strip_str(&shown).to_string());
}

fn with_manual(more: &Value) -> Value {
    let mut manual = json!({"spec": {"autoBootstrap": false}});
    json_patch_merge(&mut manual, more);
    manual
}

#[test]
fn nothing_in_a_resource_is_a_command_for_the_terminal() {
    let evil = "a\u{1b}[2Jb\nc\u{202e}d";
    let object = object(
        "createError",
        &[("Ready", "False", "X", evil), ("Stalled", "True", "X", evil)],
        &json!({
            "spec": {"config": {"host": evil, "initialDatabase": evil, "impersonation": {"enabled": true, "role": evil}}},
            "status": {
                "remedies": [{"description": evil, "command": evil}], "created": {"systemAccount": evil},
                "validationResults": {"status": "failed", "since": evil,
                                      "validationTests": [{"name": evil, "status": "failed", "message": evil}]},
            },
        }),
    );
    let summary = Summary::of(&object);
    for shown in [text::details(&summary, LAYOUT), text::table(std::slice::from_ref(&summary), true, LAYOUT)] {
        let shown = anstream::adapter::strip_str(&shown).to_string();
        assert!(shown.contains('\u{fffd}') && !shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
        assert!(!shown.lines().any(|line| line.starts_with('c')), "{shown}");
    }
    // What strips styles would strip these, too.
    assert!(!text::details(&summary, LAYOUT).contains("\u{1b}[2J"));
}
