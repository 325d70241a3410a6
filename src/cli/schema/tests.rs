#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::input::nodes;
use super::*;

const GOOD: &str = "\
apiVersion: redshift-governance.dev/v1alpha1
kind: RedshiftIntegration
metadata:
  name: analytics
spec:
  config:
    host: analytics.abc123.us-east-1.redshift.amazonaws.com
    database: immuta
    initialDatabase: dev
    authenticationType: userPassword
    credentialsSecretRef:
      name: redshift-admin
";

fn told(text: &str) -> Vec<String> {
    let nodes = nodes(text).unwrap();
    let findings = check(&nodes[0]).err().unwrap_or_default();
    findings.iter().map(|finding| format!("{}: {finding}", finding.place)).collect()
}

/// What is said of the good one, changed.
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    told(&GOOD.replacen(from, to, 1))
}

#[test]
fn what_is_right_is_read() {
    let integration = check(&nodes(GOOD).unwrap()[0]).unwrap();
    assert_eq!(integration.spec.config.port, 5439);
    for addition in [
        "  rotation: {interval: 90d}\n",
        "  rotation: null\n",
        "  suspend: ~\n",
        "  suspend: yes\n",
        "status: {phase: anything}\n",
        "  config2: null\n",
    ] {
        let expected = usize::from(addition.contains("config2"));
        assert_eq!(told(&format!("{GOOD}{addition}")).len(), expected, "{addition}");
    }
    assert_eq!(changed("    database:", "    port: 5439.0\n    database:"), [""; 0]);
    assert_eq!(changed("  name: analytics", "  generateName: analytics-\n  creationTimestamp: null"), [""; 0]);
}

#[test]
fn a_misspelled_field_or_value_is_told_with_what_was_meant() {
    assert_eq!(
        changed("initialDatabase:", "initialdatabase:"),
        ["9:5: spec.config.initialdatabase: there is no such field; write initialDatabase"]
    );
    assert_eq!(
        changed("userPassword", "userpassword"),
        ["10:25: spec.config.authenticationType: there is no `userpassword`; write userPassword"]
    );
    assert_eq!(
        changed("userPassword", "kerberos"),
        ["10:25: spec.config.authenticationType: there is no `kerberos`; write userPassword, accessKey, okta or iam"]
    );
    assert_eq!(
        changed("metadata:\n  name", "metadata:\n  nmae"),
        [
            "3:1: metadata.name: it is missing; write a name for the resource, such as analytics",
            "4:3: metadata.nmae: there is no such field; write name",
        ]
    );
    assert_eq!(
        changed("spec:\n", "spec:\n  host: x\n"),
        ["6:3: spec.host: there is no such field here; write it in spec.config"]
    );
    assert_eq!(
        changed("      name: redshift-admin", "      name: redshift-admin\n      secret: x"),
        ["13:7: spec.config.credentialsSecretRef.secret: there is no such field; there are format, key, keys and name"]
    );
    assert_eq!(
        changed("    database:", "    password: geheim\n    database:"),
        ["8:5: spec.config.password: there is no such field: credentials stand in the Secret that \
          spec.config.credentialsSecretRef names"]
    );
    let without_spec = told(&GOOD[..GOOD.find("spec:").unwrap()]);
    assert_eq!(without_spec, ["1:1: spec: it is missing"]);
    // The rules are told of what was meant.
    assert_eq!(
        changed("    database: immuta", "    databse: dev").len(),
        3,
        "{:?}",
        changed("    database: immuta", "    databse: dev")
    );
}

#[test]
fn what_does_not_fit_is_told_with_what_to_write() {
    for (from, to, expected) in [
        ("    host:", "    port: '5439'\n    host:", "7:11: spec.config.port: write a number, without quotes"),
        ("    host:", "    port: 0\n    host:", "7:11: spec.config.port: write a number from 1 to 65535"),
        ("    host:", "    port: 1.5\n    host:", "7:11: spec.config.port: write a whole number"),
        ("database: immuta", "database: 5", "8:15: spec.config.database: write it in quotes: it is a text"),
        ("database: immuta", "database: [a]", "8:15: spec.config.database: write a text here, not a block"),
        ("spec:", "spec:\n  suspend: 'yes'", "6:12: spec.suspend: write true or false, without quotes"),
        (
            "  config:",
            "  rotation: 90d\n  config:",
            "6:13: spec.rotation: write a block here, with fields such as interval",
        ),
        (
            "name: redshift-admin",
            "name: Redshift Admin",
            "12:13: spec.config.credentialsSecretRef.name: write the name of an object: lower-case letters, digits, - and ., beginning and ending with a letter or digit",
        ),
        (
            "name: analytics",
            "name: Ana_lytics",
            "4:9: metadata.name: write it with lower-case letters, digits, - and ., beginning and ending with a letter or digit, such as analytics",
        ),
        (
            "    database: immuta\n",
            "",
            "6:3: spec.config.database: it is missing (Name of the managed database, which keeps the integration's schemas)",
        ),
        (
            "database: immuta",
            "database:",
            "8:5: spec.config.database: it is empty (Name of the managed database, which keeps the integration's schemas)",
        ),
        (
            "database: immuta",
            "database: ''",
            "8:15: spec.config.database: it may not be empty (Name of the managed database, which keeps the integration's schemas)",
        ),
        (
            "  name: analytics",
            "  name: analytics\n  labels: {a: b c}",
            "5:15: metadata.labels.a: write it with letters, digits, -, _ and ., 63 of them at most",
        ),
        (
            "  name: analytics",
            "  name: analytics\n  labels: {a: 1}",
            "5:15: metadata.labels.a: write it in quotes: it is a text",
        ),
    ] {
        assert_eq!(changed(from, to), [expected], "{to}");
    }
    assert_eq!(changed("  name: analytics", "  name: analytics\n  creationTimestamp: soon").len(), 1);
    let long = format!("name: {}", "a".repeat(64));
    assert_eq!(
        changed("name: analytics", &long),
        [
            "4:9: metadata.name has 63 characters at most, since Secrets and labels are named after it; choose a shorter name"
        ]
    );
    let long = format!("database: {}", "a".repeat(128));
    assert_eq!(
        changed("database: immuta", &long),
        ["8:15: spec.config.database: it has 128 characters; 127 are the most"]
    );
}

#[test]
fn a_broken_rule_is_told_in_its_own_words_and_only_if_it_is_known_to_be_broken() {
    assert_eq!(
        changed("initialDatabase: dev", "initialDatabase: IMMUTA"),
        [
            "6:3: spec.config: initialDatabase must exist already, and database is yet to be created: name two different databases, \
              or set databaseMode to Existing"
        ]
    );
    assert_eq!(
        changed("database: immuta", "database: dev"),
        [
            "6:3: spec.config: initialDatabase must exist already, and database is yet to be created: name two different databases, \
             or set databaseMode to Existing",
            "8:15: spec.config.database: the database dev is in every warehouse and can't be created; choose another name, such \
             as immuta, or set databaseMode to Existing",
        ]
    );
    // Whether the block is for the type can't be known; that the names are the same can.
    let text = GOOD.replace("userPassword", "kerberos").replace("  config:\n", "  config:\n    okta: {appId: a, idpHost: b, role: c}\n    systemAccount: {name: same}\n    impersonation: {role: same}\n");
    let told = told(&text);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("must differ") && told[1].contains("kerberos"), "{told:?}");
}

/// What the walk knows of a schema. Another word in the definition needs code.
const KNOWN: [&str; 17] = [
    "type",
    "properties",
    "required",
    "description",
    "title",
    "default",
    "nullable",
    "enum",
    "minLength",
    "maxLength",
    "pattern",
    "minimum",
    "maximum",
    "x-kubernetes-validations",
    "additionalProperties",
    "items",
    "format",
];

fn for_each_schema(schema: &Value, path: &str, act: &mut impl FnMut(&str, &Value)) {
    act(path, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        for_each_schema(field, &format!("{path}.{name}"), act);
    }
}

#[test]
fn all_that_the_definition_says_is_checked() {
    let spec = &DEFINITION.schema["properties"]["spec"];
    for_each_schema(spec, "spec", &mut |path, schema| {
        for word in schema.as_object().unwrap().keys() {
            assert!(KNOWN.contains(&word.as_str()), "{path}: {word}");
        }
        assert!(schema["properties"].is_object() || schema["type"] != "object", "{path}: it would be pruned");
        assert!(schema["pattern"].as_str().is_none_or(|pattern| regex::Regex::new(pattern).is_ok()), "{path}");
        // A null of such a field stays one, and has no default.
        assert!(schema["nullable"] != true || schema["default"].is_null(), "{path}");
    });
    assert!(DEFINITION.schema["properties"]["metadata"]["properties"]["ownerReferences"].is_object());
}

fn any_value() -> impl Strategy<Value = Value> {
    let word = prop_oneof![
        Just("okta".to_owned()),
        Just("Existing".to_owned()),
        Just("1h".to_owned()),
        Just("json".to_owned()),
        Just("same".to_owned()),
        ".{0,20}",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(".{0,12}", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// Changes at paths that the definition has.
fn any_changes() -> impl Strategy<Value = Vec<(String, Option<Value>)>> {
    let mut paths = vec!["metadata.name".to_owned(), "metadata.labels".to_owned(), "spec.confg".to_owned()];
    for_each_schema(&DEFINITION.schema["properties"]["spec"], "spec", &mut |path, _| paths.push(path.to_owned()));
    let change = (prop::sample::select(paths), prop::option::weighted(0.8, any_value()));
    prop::collection::vec(change, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_document_is_too_strange(value in any_value(), changes in any_changes()) {
        let mut object = serde_saphyr::from_str::<Value>(GOOD).unwrap();
        for (path, change) in changes {
            let (around, name) = path.rsplit_once('.').unwrap_or(("", &path));
            let pointer = if around.is_empty() { String::new() } else { format!("/{}", around.replace('.', "/")) };
            let Some(Value::Object(around)) = object.pointer_mut(&pointer) else { continue };
            match change {
                Some(change) => around.insert(name.to_owned(), change),
                None => around.remove(name),
            };
        }
        for document in [value, object] {
            for node in nodes(&document.to_string()).unwrap_or_default() {
                let findings = check(&node).err().unwrap_or_default();
                let mut text = String::new();
                for finding in findings {
                    write!(text, "{finding}").unwrap();
                }
                prop_assert!(!text.contains("can't be read") && !text.contains("can't be evaluated"), "{text}");
            }
        }
    }
}
