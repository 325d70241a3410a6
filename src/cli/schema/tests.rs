#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;

use proptest::prelude::*;

use super::super::input::nodes;
use super::*;
use crate::api::{RedshiftDataSource, RedshiftIntegration, RedshiftUserProfile, RedshiftUserProfileSource};

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
    told_of(Kind::RedshiftIntegration, text)
}

fn told_of(kind: Kind, text: &str) -> Vec<String> {
    let nodes = nodes(text).unwrap();
    let findings = check::<Value>(kind, &nodes[0]).err().unwrap_or_default();
    findings.iter().map(|finding| format!("{}: {finding}", finding.place)).collect()
}

/// What is said of the good one, changed.
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    told(&GOOD.replacen(from, to, 1))
}

#[test]
fn what_is_right_is_read() {
    let integration: RedshiftIntegration = check(Kind::RedshiftIntegration, &nodes(GOOD).unwrap()[0]).unwrap();
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
const KNOWN: [&str; 21] = [
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
    "maxItems",
    "maxProperties",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
];

fn for_each_schema(schema: &Value, path: &str, act: &mut impl FnMut(&str, &Value)) {
    act(path, schema);
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        for_each_schema(field, &format!("{path}.{name}"), act);
    }
    if schema["items"].is_object() {
        for_each_schema(&schema["items"], &format!("{path}[]"), act);
    }
    if schema["additionalProperties"].is_object() {
        for_each_schema(&schema["additionalProperties"], &format!("{path}.any"), act);
    }
}

#[test]
fn all_that_the_definitions_say_is_checked() {
    for kind in Kind::ALL {
        let schema = &Definition::of(kind).schema["properties"];
        for_each_schema(&schema["spec"], "spec", &mut |path, schema| {
            for word in schema.as_object().unwrap().keys() {
                assert!(KNOWN.contains(&word.as_str()), "{kind} {path}: {word}");
            }
            let has_fields = schema["properties"].is_object() || schema["additionalProperties"].is_object();
            assert!(has_fields || schema["type"] != "object", "{kind} {path}: it would be pruned");
            assert!(schema["items"].is_object() || schema["type"] != "array", "{kind} {path}");
            assert!(
                schema["maxItems"].is_u64() || schema["type"] != "array",
                "{kind} {path}: what it may cost is unbounded"
            );
            assert!(
                schema["pattern"].as_str().is_none_or(|pattern| regex::Regex::new(pattern).is_ok()),
                "{kind} {path}"
            );
            let list = &schema["x-kubernetes-list-type"];
            assert!(list.is_null() || list == "set" || list == "map", "{kind} {path}: {list}");
            // A null of such a field stays one, and has no default.
            assert!(schema["nullable"] != true || schema["default"].is_null(), "{kind} {path}");
        });
        assert!(schema["metadata"]["properties"]["ownerReferences"].is_object());
    }
}

const SOURCE: &str = "\
apiVersion: redshift-governance.dev/v1alpha1
kind: RedshiftDataSource
metadata: {name: orders}
spec:
  integrationRef: {name: analytics}
  table: {schema: sales, name: orders}
  columns:
  - name: id
  - name: email
    tags: [pii.email]
  subscription:
    restriction: Entitlements
    entitlements: {groups: [staff]}
  unguardedColumns: [id]
";

#[test]
fn entries_of_lists_are_told_by_their_numbers_and_places() {
    assert_eq!(told_of(Kind::RedshiftDataSource, SOURCE), [""; 0]);
    for (from, to, expected) in [
        (
            "- name: email",
            "- name: id",
            "9:5: spec.columns[1]: `id` stands in this list already; take one of the two out",
        ),
        (
            "[pii.email]",
            "[pii.email, a, a]",
            "10:26: spec.columns[1].tags[2]: `a` stands in this list already; take one of the two out",
        ),
        (
            "[pii.email]",
            "[a, PII]",
            "10:15: spec.columns[1].tags[1]: write it as words with dots between them, from the general to the special, such as \
             pii.email: at most six, of lower-case letters, digits, _ and -",
        ),
        ("[pii.email]", "[7]", "10:12: spec.columns[1].tags[0]: write it in quotes: it is a text"),
        (
            "[pii.email]",
            "~",
            "10:5: spec.columns[1].tags: write a list here, each line with - before it, or take the field out",
        ),
        ("[pii.email]", "[a, ~, b]", "10:15: spec.columns[1].tags[1]: write a text here, not a null"),
        ("tags:", "tgas:", "10:5: spec.columns[1].tgas: there is no such field; write tags"),
        ("name: email", "nmae: email", "9:5: spec.columns[1].nmae: there is no such field; write name"),
        ("- name: id", "- email\n  - name: id", "8:5: spec.columns[0]: write a block here, with fields such as name"),
        (
            "    tags",
            "    mask: x\n    tags",
            "10:5: spec.columns[1].mask: there is no such field; there are name, tags and type",
        ),
        (
            "  columns:",
            "  tags: [a]\n  columns:",
            "7:3: spec.tags: there is no such field here; write it in an entry of spec.columns",
        ),
        (
            "  columns:",
            "  colour: red\n  columns:",
            "7:3: spec.colour: there is no such field; see: kubectl explain rsds.spec",
        ),
        (
            "{groups: [staff]}",
            "{groups: ['staff ']}",
            "13:29: spec.subscription.entitlements.groups[0]: write it without a blank",
        ),
        ("[id]", "[email]", "14:3: spec.unguardedColumns: unguardedColumns names columns"),
        ("[id]", "[id, id]", "14:26: spec.unguardedColumns[1]: `id` stands in this list already"),
    ] {
        assert!(SOURCE.contains(from), "{from}");
        let told = told_of(Kind::RedshiftDataSource, &SOURCE.replacen(from, to, 1));
        let [told] = told.as_slice() else { panic!("{to}: {told:?}") };
        assert!(told.starts_with(expected), "{told}");
    }
    let many: Vec<_> = (0..21).map(|number| format!("t{number}")).collect();
    let told = told_of(Kind::RedshiftDataSource, &SOURCE.replace("[pii.email]", &format!("[{}]", many.join(","))));
    assert_eq!(told, ["10:5: spec.columns[1].tags: it has 21 entries; 20 are the most"]);
    // Whether a column is there, and without tags, can't be known.
    let told = told_of(Kind::RedshiftDataSource, &SOURCE.replace("- name: id", "- name: 7"));
    assert_eq!(told, ["8:11: spec.columns[0].name: write it in quotes: it is a text"]);
}

#[test]
fn labels_are_checked_by_their_values() {
    let source = |labels: &str| {
        format!(
            "apiVersion: redshift-governance.dev/v1alpha1\nkind: RedshiftUserProfileSource\nmetadata: {{name: hr}}\nspec:\n  \
             integrationRef: {{name: analytics}}\n  configMaps: {{selector: {{matchLabels: {labels}}}}}\n"
        )
    };
    let told = |labels: &str| told_of(Kind::RedshiftUserProfileSource, &source(labels));
    assert_eq!(told("{example.com/profiles: hr, empty: ''}"), [""; 0]);
    assert_eq!(
        told("{example.com/profiles: h r}"),
        [
            "6:63: spec.configMaps.selector.matchLabels.example.com/profiles: write the value of a label: letters, digits, -, _ and ., \
          beginning and ending with a letter or digit"
        ]
    );
    let many: Vec<_> = (0..21).map(|number| format!("l{number}: a")).collect();
    let many = told(&format!("{{{}}}", many.join(", ")));
    assert_eq!(many, ["6:27: spec.configMaps.selector.matchLabels: it has 21 entries; 20 are the most"]);
    assert!(told("{}")[0].contains("write a label at least"), "{:?}", told("{}"));
    assert!(told("{a b: c}")[0].contains("write the keys of labels"), "{:?}", told("{a b: c}"));
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

/// Small ones of each kind that are right.
fn small(kind: Kind) -> Value {
    let spec = match kind {
        Kind::RedshiftIntegration => return serde_saphyr::from_str(GOOD).unwrap(),
        Kind::RedshiftDataSource => return serde_saphyr::from_str(SOURCE).unwrap(),
        Kind::RedshiftUserProfile => {
            json!({"user": "bob", "groups": ["a"], "attributes": [{"name": "region", "values": ["EU"]}]})
        }
        Kind::RedshiftUserProfileSource => json!({"configMaps": {"selector": {"matchLabels": {"any": "b"}}}}),
    };
    let mut object =
        json!({"apiVersion": "redshift-governance.dev/v1alpha1", "kind": kind.to_string(), "metadata": {"name": "it"}});
    object["spec"] = spec;
    object["spec"]["integrationRef"] = json!({"name": "analytics"});
    object
}

/// A kind, and changes at paths that its definition has.
fn any_changes() -> impl Strategy<Value = (Kind, Vec<(String, Option<Value>)>)> {
    prop::sample::select(Kind::ALL.to_vec()).prop_flat_map(|kind| {
        let mut paths = vec!["metadata.name".to_owned(), "metadata.labels".to_owned(), "spec.confg".to_owned()];
        let spec = &Definition::of(kind).schema["properties"]["spec"];
        for_each_schema(spec, "spec", &mut |path, _| paths.push(path.replace("[]", ".0")));
        let change = (prop::sample::select(paths), prop::option::weighted(0.8, any_value()));
        (Just(kind), prop::collection::vec(change, 0..4))
    })
}

fn change(object: &mut Value, path: &str, change: Option<Value>) {
    let (around, name) = path.rsplit_once('.').unwrap_or(("", path));
    let pointer = if around.is_empty() { String::new() } else { format!("/{}", around.replace('.', "/")) };
    match (object.pointer_mut(&pointer), change) {
        (Some(Value::Object(around)), Some(change)) => drop(around.insert(name.to_owned(), change)),
        (Some(Value::Object(around)), None) => drop(around.remove(name)),
        (Some(Value::Array(around)), Some(change)) => around.push(change),
        (Some(Value::Array(around)), None) => around.clear(),
        _ => {}
    }
}

/// Whether what passes can be read as its type.
fn findings(kind: Kind, node: &Node) -> Vec<Finding> {
    let found = match kind {
        Kind::RedshiftIntegration => check::<RedshiftIntegration>(kind, node).err(),
        Kind::RedshiftDataSource => check::<RedshiftDataSource>(kind, node).err(),
        Kind::RedshiftUserProfile => check::<RedshiftUserProfile>(kind, node).err(),
        Kind::RedshiftUserProfileSource => check::<RedshiftUserProfileSource>(kind, node).err(),
    };
    found.unwrap_or_default()
}

#[test]
fn what_is_small_and_right_is_taken() {
    for kind in Kind::ALL {
        assert_eq!(findings(kind, &nodes(&small(kind).to_string()).unwrap()[0]), [], "{kind}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_document_is_too_strange(value in any_value(), (kind, changes) in any_changes()) {
        let mut object = small(kind);
        for (path, to) in changes {
            change(&mut object, &path, to);
        }
        for document in [value, object] {
            for node in nodes(&document.to_string()).unwrap_or_default() {
                let mut text = String::new();
                for finding in findings(kind, &node) {
                    write!(text, "{finding}").unwrap();
                }
                prop_assert!(!text.contains("can't be read") && !text.contains("can't be evaluated"), "{text}");
            }
        }
    }
}
