#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use clap::Parser;
use serde_json::{Value, json};

use super::*;
use crate::api::RedshiftIntegrationSpec;
use crate::lifecycle::validate;

/// What no message may show.
const CANARY: &str = "Canary-7f3a";

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    arguments: Arguments,
}

fn arguments(options: &[&str]) -> Arguments {
    Command::try_parse_from([&["convert", "-f", "-"], options].concat()).unwrap().arguments
}

fn documents(text: &str) -> Vec<Document> {
    let nodes = input::nodes(text).unwrap();
    nodes.into_iter().map(|root| Document { file: "payload.yaml".to_owned(), root }).collect()
}

fn converted(text: &str, options: &[&str]) -> Conversion {
    convert(&documents(text), &arguments(options))
}

/// All that is said, a line each.
fn said(conversion: &Conversion) -> String {
    let Findings { mistakes, remarks } = &conversion.findings;
    let mistakes = mistakes.iter().map(|mistake| format!("error: {mistake}\n"));
    let remarks = remarks.iter().map(|Remark { weight, about, command }| {
        let word = if *weight == Weight::Note { "note" } else { "warning" };
        let command = command.as_ref().map(|command| format!("  {command}\n")).unwrap_or_default();
        format!("{word}: {about}\n{command}")
    });
    mistakes.chain(remarks).collect()
}

fn written(conversion: &Conversion, options: &[&str]) -> String {
    let arguments = arguments(options);
    manifests::write(&conversion.converted, arguments.namespace.as_deref(), arguments.output).expose_secret().to_owned()
}

/// A payload with other attributes in `config`; `null` takes one away.
fn payload(auto_bootstrap: bool, changes: Value) -> Value {
    let mut config = json!({
        "host": "analytics.abc123.us-east-1.redshift.amazonaws.com",
        "database": "immuta",
        "initialDatabase": "REDSHIFT_SAMPLE_DATA",
        "authenticationType": "userPassword",
        "username": "taylor@redshift.com",
        "password": CANARY,
    });
    let Value::Object(changes) = changes else { panic!("no changes") };
    for (name, value) in changes {
        config[name] = value;
    }
    json!({"type": "Redshift", "autoBootstrap": auto_bootstrap, "config": config})
}

fn okta(changes: Value) -> Value {
    let mut okta = json!({"username": "taylor", "password": CANARY, "appId": "Okta", "idpHost": "organization.okta.com", "role": "admin"});
    let Value::Object(changes) = changes else { panic!("no changes") };
    for (name, value) in changes {
        okta[name] = value;
    }
    json!({"authenticationType": "okta", "username": null, "password": null, "okta": okta})
}

/// Both.
fn merged(mut one: Value, other: Value) -> Value {
    let Value::Object(more) = other else { panic!("no changes") };
    one.as_object_mut().unwrap().extend(more);
    one
}

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/payloads");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_payload_becomes_a_secret_and_an_integration_that_names_it() {
    let conversion = converted(&fixture("01-post-automatic-user-password.json"), &[]);
    assert_eq!(said(&conversion), "");
    assert_eq!(
        written(&conversion, &["--namespace", "data-platform"]),
        "---
apiVersion: v1
kind: Secret
metadata:
  name: organization-admin
  namespace: data-platform
stringData:
  username: taylor@redshift.com
  password: abc1234
---
apiVersion: redshift-governance.dev/v1alpha1
kind: RedshiftIntegration
metadata:
  name: organization
  namespace: data-platform
spec:
  autoBootstrap: true
  config:
    host: organization.aws.amazon.com
    database: immuta
    initialDatabase: REDSHIFT_SAMPLE_DATA
    authenticationType: userPassword
    credentialsSecretRef:
      name: organization-admin
"
    );
    let list: Value = serde_json::from_str(&written(&conversion, &["-o", "json"])).unwrap();
    assert_eq!((&list["kind"], &list["items"][0]["kind"]), (&json!("List"), &json!("Secret")));
    assert_eq!(list["items"][1]["metadata"], json!({"name": "organization"}));
}

#[test]
fn with_a_secret_that_is_there_no_password_is_printed() {
    let text =
        payload(true, json!({})).to_string() + "\n---\n" + &payload(true, json!({"host": "other.example"})).to_string();
    let conversion = converted(&text, &["--secret-ref", "redshift-admin"]);
    let printed = written(&conversion, &[]);
    assert_eq!(printed.matches("      name: redshift-admin\n").count(), 2, "{printed}");
    assert!(!printed.contains(CANARY) && !printed.contains("kind: Secret"), "{printed}");
    assert!(
        said(&conversion).contains(
            "takes its credentials from the Secret redshift-admin, which needs the keys username and password"
        )
    );
}

#[test]
fn what_the_api_does_not_tell_is_asked_for_with_a_line_to_copy() {
    let conversion = converted(&fixture("13-get-user-password.json"), &["--namespace", "data-platform"]);
    assert_eq!(
        said(&conversion),
        "note: payload.yaml:2:3: id, status and validationResults aren't taken over: they say how it was in the former system\n\
         warning: payload.yaml:1:1: the payload doesn't tell the credentials of organization; before you apply it, make the Secret \
         organization-admin:\n  \
         kubectl -n data-platform create secret generic organization-admin --from-literal=username=… --from-literal=password=…\n"
    );
    let printed = written(&conversion, &[]);
    assert!(printed.contains("port: 5439") && printed.contains("enabled: false"), "what is stated is kept: {printed}");
    assert!(printed.contains("name: organization-admin") && !printed.contains("kind: Secret"), "{printed}");
    // In okta's block the API leaves the password out.
    let options = ["--set", "aws.region=us-east-1", "--set", "aws.clusterIdentifier=analytics"];
    let of_okta = converted(&fixture("14-get-okta.json"), &options);
    assert!(said(&of_okta).contains("create secret generic organization-admin"), "{}", said(&of_okta));
    let spec = serde_json::to_value(&of_okta.converted[0].spec).unwrap();
    assert_eq!(spec["config"]["okta"], json!({"appId": "Okta", "idpHost": "organization.okta.com", "role": "admin"}));
    assert_eq!(spec["config"]["aws"], json!({"region": "us-east-1", "clusterIdentifier": "analytics"}));
}

#[test]
fn where_a_person_runs_the_sql_no_credentials_are_taken_over() {
    for name in ["09-post-manual-user-password.json", "10-post-manual-okta.json"] {
        let conversion = converted(&fixture(name), &["--secret-ref", "unused"]);
        let printed = written(&conversion, &[]);
        assert!(!printed.contains("Secret") && !printed.contains("abc1234"), "{printed}");
        assert!(said(&conversion).contains("the credentials aren't taken over"), "{}", said(&conversion));
    }
}

#[test]
fn an_access_key_gets_the_keys_that_the_operator_reads() {
    let key = json!({
        "authenticationType": "accessKey", "username": null, "password": null,
        "accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": "Canary7f3a", "sessionToken": "token",
    });
    let printed = written(&converted(&payload(true, key).to_string(), &[]), &[]);
    assert!(
        printed.contains("accessKeyId: AKIAIOSFODNN7EXAMPLE\n  secretAccessKey: Canary7f3a\n  sessionToken: token\n"),
        "{printed}"
    );
}

#[test]
fn a_list_of_all_kinds_gives_those_of_redshift() {
    let list = fixture("25-get-all-corrected.json");
    let (before, _) = list.trim_end().rsplit_once(']').unwrap();
    let conversion = converted(&format!("{before}, {}]", fixture("13-get-user-password.json")), &[]);
    assert_eq!(conversion.converted.len(), 1);
    let said = said(&conversion);
    assert!(said.contains("an integration of the type Snowflake is left out"), "{said}");
    assert!(said.contains("an integration of the type Databricks is left out"), "{said}");
}

#[test]
fn as_it_is_printed_the_list_is_no_json_and_the_place_is_told() {
    let (place, message) = input::nodes(&fixture("15-get-all-as-printed.json")).unwrap_err();
    assert_eq!(place.map(|place| place.line), Some(59), "{message}");
}

#[test]
fn of_a_warehouse_one_payload_is_taken() {
    let files = ["01-post-automatic-user-password.json", "13-get-user-password.json"];
    let text: String = files.map(|name| format!("---\n{}", fixture(name))).concat();
    let conversion = converted(&text, &[]);
    assert!(conversion.converted.is_empty());
    assert!(
        said(&conversion).contains("organization.aws.amazon.com has an integration at payload.yaml:2:1 already"),
        "{}",
        said(&conversion)
    );
}

/// What is wrong, in every way that people have been seen to write it.
fn wrong() -> Vec<(&'static str, String)> {
    let of = |changes: Value| payload(true, changes).to_string();
    let top = |name: &str, value: Value| {
        let mut payload = payload(true, json!({}));
        payload[name] = value;
        payload.to_string()
    };
    vec![
        ("a misspelled attribute", "type: Redshift\nautoBootstrap: true\nconfig:\n  host: a.example\n  database: immuta\n  initialdatabase: dev\n  authenticationType: okta\n".to_owned()),
        ("an attribute in the wrong block", top("host", json!("a.example"))),
        ("an attribute of other integrations", of(json!({"audit": {"enabled": true}, "warehouse": "W"}))),
        ("one that is switched off", of(json!({"audit": {"enabled": false}}))),
        ("arguments of drivers", of(json!({"connectArgs": "ssl=true"}))),
        ("a field of manifests", of(json!({"tls": {"mode": "Require"}}))),
        ("a misspelled type", top("type", json!("redshift"))),
        ("another type", top("type", json!("Google BigQuery"))),
        ("no type", top("type", Value::Null)),
        ("texts that aren't", of(json!({"host": 1, "database": true, "password": 12345, "okta": "x", "port": "5439"}))),
        ("a switch in quotes", top("autoBootstrap", json!("true"))),
        ("nothing in it", json!({"type": "Redshift"}).to_string()),
        ("nothing in config", json!({"type": "Redshift", "autoBootstrap": true, "config": {}}).to_string()),
        ("an address for a host", of(json!({"host": "jdbc:redshift://me:secret@analytics.example.com:5440/dev", "port": 70000}))),
        ("the same, with a port that is one", of(json!({"host": "jdbc:redshift://me:secret@analytics.example.com:5440/dev"}))),
        ("an address of Okta", payload(true, okta(json!({"idpHost": "https://organization.okta.com/"}))).to_string()),
        ("a database with capitals", of(json!({"database": "Immuta"}))),
        ("a database that is there", of(json!({"database": "dev"}))),
        ("the same database twice", of(json!({"database": "sales", "initialDatabase": "SALES"}))),
        ("a way to log in that there isn't", of(json!({"authenticationType": "UserPassword"}))),
        ("another", of(json!({"authenticationType": "kerberos"}))),
        ("Okta without its block", of(json!({"authenticationType": "okta"}))),
        ("Okta in part", payload(true, okta(json!({"appId": null, "role": "<REDACTED>"}))).to_string()),
        ("a host that tells no region", {
            let mut payload = payload(true, okta(json!({})));
            payload["config"]["host"] = json!("organization.aws.amazon.com");
            payload.to_string()
        }),
        ("a password of two lines", of(json!({"password": format!("{CANARY}\n")}))),
        ("no password at all", of(json!({"password": ""}))),
        ("a region that is none", of(merged(okta(json!({})), json!({"aws": {"region": "us east", "clusterIdentifier": "Analytics!"}})))),
        ("a database of Redshift's own", of(json!({"initialDatabase": "padb_harvest"}))),
        ("a role of Redshift's own", of(json!({"impersonation": {"enabled": true, "role": "public"}}))),
        ("a deletion", fixture("23-delete.json")),
        ("an answer", fixture("03-post-automatic-answer.json")),
        ("an error of the API's", fixture("04-post-automatic-conflict.json")),
        ("a manifest", "apiVersion: v1\nkind: ConfigMap\n".to_owned()),
        ("a text", "hello\n".to_owned()),
    ]
}

#[test]
fn whatever_is_wrong_is_told_with_its_place_and_what_to_write() {
    let told = wrong().into_iter().map(|(what, text)| {
        let conversion = converted(&text, &[]);
        let said = said(&conversion);
        assert!(!said.is_empty() && !said.contains("Canary") && !said.contains("secret@"), "{what}: {said}");
        format!("# {what}\n{said}")
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"));
}

#[test]
fn what_is_set_goes_where_it_is_taken_or_is_refused() {
    let existing =
        converted(&payload(true, json!({"database": "Sales-2024"})).to_string(), &["--set", "databaseMode=Existing"]);
    assert!(written(&existing, &[]).contains("databaseMode: Existing"), "{}", said(&existing));
    let unused = converted(&payload(true, json!({})).to_string(), &["--set", "aws.region=us-east-1"]);
    assert_eq!(said(&unused), "error: --set aws.region: no integration takes it\n");
    let mut two = [payload(true, okta(json!({}))), payload(true, okta(json!({})))];
    two[0]["config"]["host"] = json!("one.example");
    two[1]["config"]["host"] = json!("other.example");
    let options = ["--set", "aws.region=us-east-1", "--set", "aws.workgroup=default"];
    let conversion = converted(&json!(two).to_string(), &options);
    assert!(
        said(&conversion).starts_with("error: --set aws.workgroup: it is of one warehouse"),
        "{}",
        said(&conversion)
    );
    assert!(additions::addition("database=x").unwrap_err().contains("did you mean databaseMode?"));
}

mod properties {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    const NAMES: [&str; 24] = [
        "type",
        "autoBootstrap",
        "config",
        "id",
        "status",
        "host",
        "port",
        "database",
        "databaseMode",
        "initialDatabase",
        "impersonation",
        "systemAccount",
        "authenticationType",
        "username",
        "okta",
        "aws",
        "appId",
        "appName",
        "idpHost",
        "role",
        "enabled",
        "region",
        "workgroup",
        "Host",
    ];
    const TEXTS: [&str; 16] = [
        "",
        "Redshift",
        "immuta",
        "Immuta",
        "dev",
        "yes",
        "null",
        "1e3",
        "0x1F",
        "<REDACTED>",
        "okta",
        "accessKey",
        "iam",
        "Existing",
        "us-east-1",
        "a.example",
    ];

    const OPTIONS: &[&[&str]] = &[&[], &["--secret-ref", "admin"], &["--set", "databaseMode=Existing"]];

    fn leaf() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            select(&TEXTS[..]).prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            "[a-z]{120,300}".prop_map(Value::from),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        leaf().prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                prop::collection::btree_map(select(&NAMES[..]).prop_map(str::to_owned), inner, 0..3)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// A password as people have them, which can be told from anything else.
    fn password() -> impl Strategy<Value = String> {
        "[!-~ éß売\u{85}\u{feff}\u{2028}'\"\\\\:#{}&*-]{0,8}".prop_map(|rest| format!("{rest}{CANARY}{rest}"))
    }

    fn whole() -> impl Strategy<Value = Value> {
        (0..4, any::<bool>(), password()).prop_map(|(kind, auto_bootstrap, password)| {
            let changes = match kind {
                0 => json!({"password": password}),
                1 => okta(json!({"password": password})),
                2 => json!({"authenticationType": "accessKey", "username": null, "password": null,
                            "accessKeyId": "AKIA", "secretAccessKey": password}),
                _ => json!({"authenticationType": "iam", "username": null, "password": null}),
            };
            payload(auto_bootstrap, changes)
        })
    }

    /// A payload in which some attributes are others.
    fn changed() -> impl Strategy<Value = Value> {
        let place = select(&["/config", "/config", "/config/okta", ""][..]);
        let change = (place, select(&NAMES[..]), value());
        (whole(), prop::collection::vec(change, 0..3)).prop_map(|(mut payload, changes)| {
            for (place, name, value) in changes {
                if let Some(Value::Object(fields)) = payload.pointer_mut(place) {
                    fields.insert(name.to_owned(), value);
                }
            }
            payload
        })
    }

    fn check(documents: &[Document], options: &[&str]) -> Result<(), TestCaseError> {
        let conversion = convert(documents, &arguments(options));
        let said = said(&conversion) + &format!("{conversion:?}");
        prop_assert!(!said.contains(CANARY), "{}", said);
        let Conversion { converted, findings } = &conversion;
        prop_assert!(converted.is_empty() || findings.mistakes.is_empty());
        prop_assert!(!said.is_empty() || !converted.is_empty());
        for format in ["yaml", "json"] {
            let printed = written(&conversion, &[options, &["-o", format]].concat());
            let items: Vec<_> = match format {
                "yaml" => input::nodes(&printed).unwrap().iter().map(input::Node::to_value).collect(),
                _ => serde_json::from_str::<Value>(&printed).unwrap()["items"].as_array().unwrap().clone(),
            };
            let is_secret = |item: &&Value| item["kind"] == "Secret";
            let (secrets, integrations): (Vec<_>, Vec<_>) = items.iter().partition(is_secret);
            let shown = format!("{integrations:?}");
            prop_assert!(!shown.contains(CANARY), "{}", shown);
            prop_assert_eq!(integrations.len(), converted.len());
            let expected = converted.iter().filter_map(|it| it.secret.as_ref());
            for (secret, (name, entries)) in secrets.iter().zip(expected) {
                prop_assert_eq!(&secret["metadata"]["name"], name);
                for (key, value) in entries {
                    prop_assert_eq!(&secret["stringData"][*key], value.expose_secret());
                }
            }
            for integration in integrations {
                let spec: RedshiftIntegrationSpec = serde_json::from_value(integration["spec"].clone()).unwrap();
                prop_assert!(validate(&spec).is_ok(), "{}", integration);
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_payload_is_converted_to_what_the_operator_takes_or_refused_and_no_message_has_its_password(
            payload in changed(),
            options in select(OPTIONS),
        ) {
            check(&documents(&payload.to_string()), options)?;
        }

        #[test]
        fn whole_payloads_are_converted_unless_the_operator_could_not_log_in(payload in whole()) {
            let conversion = converted(&payload.to_string(), &[]);
            let can = payload["autoBootstrap"] == false || payload["config"]["authenticationType"] != "accessKey";
            prop_assert!(!can || conversion.converted.len() == 1, "{}", said(&conversion));
        }

        #[test]
        fn any_document_is_taken_or_refused(value in value()) {
            check(&documents(&value.to_string()), &[])?;
        }

        #[test]
        fn any_text_is_a_document_or_told_to_be_none(text in "(\\PC|[\n\t:{}\\[\\]\"'#&*|>-]){0,60}") {
            if let Ok(nodes) = input::nodes(&text) {
                let documents: Vec<_> = nodes.into_iter().map(|root| Document { file: "x".to_owned(), root }).collect();
                check(&documents, &[])?;
            }
        }
    }
}
