//! Every payload that the documentation of the former system prints, converted, and put to a real API server: what it stores
//! is what the payload said.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::{administrator, make_namespace, succeed};

const BINARY: &str = env!("CARGO_BIN_EXE_redshift-integration-operator");

/// What becomes of a payload.
enum Becomes {
    /// An integration, and a Secret with the very credentials.
    IntegrationAndSecret,
    /// An integration, once it is said what warehouse it is: the host in the documentation is none of AWS's.
    IntegrationAndSecretOf(&'static [&'static str]),
    /// An integration that names a Secret which isn't there yet.
    IntegrationWithout(&'static [&'static str]),
    /// An integration that needs no Secret.
    IntegrationAlone,
    /// Nothing, with these words.
    Nothing(&'static str),
}

const WAREHOUSE: &[&str] = &["--set=aws.region=us-east-1", "--set=aws.clusterIdentifier=organization"];
const AN_ANSWER: &str = "this is the answer to a request";
const AN_ERROR: &str = "this is an error of the API's";

const PAYLOADS: &[(&str, Becomes)] = &[
    ("01-post-automatic-user-password", Becomes::IntegrationAndSecret),
    ("02-post-automatic-okta", Becomes::IntegrationAndSecretOf(WAREHOUSE)),
    ("03-post-automatic-answer", Becomes::Nothing(AN_ANSWER)),
    ("04-post-automatic-conflict", Becomes::Nothing(AN_ERROR)),
    ("05-initial-create-user-password", Becomes::IntegrationAlone),
    ("06-initial-create-okta", Becomes::IntegrationAlone),
    ("07-create-user-password", Becomes::IntegrationAlone),
    ("08-create-okta", Becomes::IntegrationAlone),
    ("09-post-manual-user-password", Becomes::IntegrationAlone),
    ("10-post-manual-okta", Becomes::IntegrationAlone),
    ("11-post-manual-answer", Becomes::Nothing(AN_ANSWER)),
    ("12-post-manual-conflict", Becomes::Nothing(AN_ERROR)),
    ("13-get-user-password", Becomes::IntegrationWithout(&[])),
    ("14-get-okta", Becomes::IntegrationWithout(WAREHOUSE)),
    ("15-get-all-as-printed", Becomes::Nothing(":59:")),
    ("16-put-automatic-okta", Becomes::IntegrationAndSecretOf(WAREHOUSE)),
    ("17-put-automatic-answer", Becomes::Nothing(AN_ANSWER)),
    ("18-put-automatic-conflict", Becomes::Nothing(AN_ERROR)),
    ("19-edit-okta", Becomes::IntegrationAlone),
    ("20-put-manual-okta", Becomes::IntegrationAlone),
    ("21-put-manual-answer", Becomes::Nothing(AN_ANSWER)),
    ("22-put-manual-conflict", Becomes::Nothing(AN_ERROR)),
    ("23-delete", Becomes::Nothing("run `kubectl delete rsi NAME`")),
    ("24-delete-answer", Becomes::Nothing(AN_ANSWER)),
    ("25-get-all-corrected", Becomes::Nothing("an integration of the type Snowflake is left out")),
];

/// Exit code, standard output, standard error.
fn convert(file: &Path, options: &[&str]) -> (i32, String, String) {
    let output = Command::new(BINARY).args(["convert", "-f"]).arg(file).args(options).output().unwrap();
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

/// What a payload says of itself in `config`, without what is secret; and what is.
fn config_and_credentials(payload: &Value) -> (Value, BTreeMap<String, String>) {
    let mut config = payload["config"].clone();
    let mut credentials = BTreeMap::new();
    for path in ["", "/okta"] {
        let Some(Value::Object(fields)) = config.pointer_mut(path) else { continue };
        for key in ["username", "password"] {
            credentials.extend(fields.remove(key).map(|value| (key.to_owned(), value.as_str().unwrap().to_owned())));
        }
    }
    (config, credentials)
}

/// Whether all that one says stands in the other.
fn is_within(part: &Value, whole: &Value) -> bool {
    match (part, whole) {
        (Value::Object(part), Value::Object(whole)) => {
            part.iter().all(|(name, value)| whole.get(name).is_some_and(|it| is_within(value, it)))
        }
        _ => part == whole,
    }
}

#[tokio::test]
async fn each_payload_of_the_documentation_arrives_as_it_was_written() {
    let namespace = make_namespace(&administrator().await).await;
    let kubectl =
        |arguments: &[&str], input: &str| succeed("kubectl", &[&["-n", &namespace], arguments].concat(), input);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/payloads");
    let files = std::fs::read_dir(&folder).unwrap().count();
    assert_eq!(files, PAYLOADS.len(), "each payload is tried");
    for (name, becomes) in PAYLOADS {
        let file = folder.join(format!("{name}.json"));
        let options: &[&str] = match becomes {
            Becomes::IntegrationAndSecretOf(options) | Becomes::IntegrationWithout(options) => options,
            Becomes::IntegrationAndSecret | Becomes::IntegrationAlone | Becomes::Nothing(_) => &[],
        };
        let (code, printed, words) = convert(&file, options);
        assert!(!words.contains("abc1234"), "{name}: {words}");
        if let Becomes::Nothing(said) = becomes {
            assert_eq!((code, printed.as_str()), (1, ""), "{name}: {words}");
            assert!(words.contains(said), "{name}: {words}");
            continue;
        }
        assert_eq!(code, 0, "{name}: {words}");
        let payload: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let (config, credentials) = config_and_credentials(&payload);

        let stored = kubectl(&["create", "-f", "-", "-o", "name"], &printed);
        let resource = stored.lines().find(|line| line.starts_with("redshiftintegration")).expect(&stored);
        let stored_secret = stored.lines().find(|line| line.starts_with("secret/"));
        let read = |what: &str| serde_json::from_str::<Value>(&kubectl(&["get", what, "-o", "json"], "")).unwrap();
        let spec = &read(resource)["spec"];
        assert!(is_within(&config, &spec["config"]), "{name}: {config} and {spec}");
        assert_eq!(spec["autoBootstrap"], payload["autoBootstrap"], "{name}");
        let named = spec["config"]["credentialsSecretRef"]["name"].as_str();
        match becomes {
            Becomes::IntegrationAlone => assert_eq!((named, stored_secret), (None, None), "{name}"),
            Becomes::IntegrationWithout(_) => {
                assert_eq!((named, stored_secret), (Some("organization-admin"), None), "{name}");
                assert!(words.contains("kubectl create secret generic organization-admin"), "{name}: {words}");
            }
            _ => {
                assert_eq!(stored_secret, named.map(|name| format!("secret/{name}")).as_deref(), "{name}");
                let data = credentials.iter().map(|(key, value)| (key.clone(), json!(STANDARD.encode(value))));
                assert_eq!(read(stored_secret.unwrap())["data"], Value::Object(data.collect()), "{name}");
                assert!(words.contains("holds passwords"), "{name}: {words}");
            }
        }
        kubectl(&[&["delete", resource][..], stored_secret.as_slice()].concat(), "");
    }
}

#[test]
fn what_a_pipeline_relies_on_is_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    let config = |host: &str| {
        json!({"type": "Redshift", "autoBootstrap": false, "config": {
            "host": host, "database": "immuta", "initialDatabase": "dev", "authenticationType": "userPassword"}})
    };
    write("one.json", &config("one.example").to_string());
    let (code, printed, words) = convert(folder.path(), &["--namespace=data-platform", "-o", "json"]);
    assert_eq!((code, words.as_str()), (0, ""));
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap()["items"][0]["metadata"]["namespace"], "data-platform");

    // One that is wrong, and nothing is printed.
    write("two.yaml", "type: Redshift\nautoBootstrap: false\nconfig:\n  hosts: two.example\n");
    let (code, printed, words) = convert(folder.path(), &[]);
    assert_eq!((code, printed.as_str()), (1, ""), "{words}");
    assert!(words.contains("two.yaml:4:3: there is no attribute `hosts`") && words.contains("`host`?"), "{words}");

    for (file, options) in
        [("nowhere.json", &[][..]), ("one.json", &["--set=colour=red"]), ("one.json", &["--secret-ref=A"])]
    {
        let (code, printed, words) = convert(&folder.path().join(file), options);
        assert_eq!((code, printed.as_str()), (2, ""), "{words}");
    }
}
