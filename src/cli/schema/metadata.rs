//! What all objects of Kubernetes have.

use std::sync::LazyLock;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use regex::Regex;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::super::input::{Content, Field, Node};
use super::walk::Walk;

/// Of a label's value, and of the last part of its key.
const LONGEST_LABEL: usize = 63;
/// Of a name, and of the first part of a key.
const LONGEST_NAME: usize = 253;

/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names>
static SUBDOMAIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"));
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-label-names>
static LABEL: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"));
/// <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set>
static WORD: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("it is a valid expression")
}

/// The schema of `metadata`.
pub fn schema() -> Value {
    let generator = SchemaSettings::default().with(|settings| settings.inline_subschemas = true).into_generator();
    generator.into_root_schema_for::<ObjectMeta>().to_value()
}

/// What the API server adds to `generateName`.
const SUFFIX: &str = "xxxxx";

/// An object as the rules see it: one that is to be given a name has one by then.
pub fn named(object: &Value) -> Value {
    let mut object = object.clone();
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return object };
    if let (None, Some(begin)) = (metadata.get("name"), metadata.get("generateName").and_then(Value::as_str)) {
        let begin: String = begin.chars().take(LONGEST_LABEL - SUFFIX.len()).collect();
        metadata.insert("name".to_owned(), (begin + SUFFIX).into());
    }
    object
}

/// Checks names, labels and annotations, as far as their types allow.
pub fn check(root: &Node, walk: &mut Walk) {
    let metadata = root.field("metadata").filter(|field| matches!(field.value.content, Content::Fields(_)));
    let of = |name| metadata.and_then(|metadata| metadata.value.field(name)).filter(|it| is_text_with_content(it));
    match (of("name"), of("generateName")) {
        (Some(name), _) => {
            let fits = |text: &str| text.len() <= LONGEST_NAME && SUBDOMAIN.is_match(text);
            let what = "write it with lower-case letters, digits, - and ., beginning and ending with a letter or digit, such as \
                        analytics";
            expect(name, fits, "metadata.name", what, walk);
        }
        (None, Some(_)) => {}
        // What is no text was told already.
        (None, None) if root.at(&["metadata", "name"]).is_some_and(|name| !is_nothing(name)) => {}
        (None, None) => {
            let message = "it is missing; write a name for the resource, such as analytics";
            let place = metadata.map_or(root.place, |metadata| metadata.place);
            walk.tell(place, "metadata.name", message.to_owned());
            walk.hide("metadata.name");
        }
    }
    if let Some(namespace) = of("namespace") {
        let fits = |text: &str| text.len() <= LONGEST_LABEL && LABEL.is_match(text);
        let what = "write the name of a namespace: lower-case letters, digits and -";
        expect(namespace, fits, "metadata.namespace", what, walk);
    }
    for (kind, has_values) in [("labels", true), ("annotations", false)] {
        for entry in root.at(&["metadata", kind]).map(Node::fields).into_iter().flatten() {
            let path = format!("metadata.{kind}.{}", entry.name);
            if !is_key(&entry.name) {
                let message = "write its key with letters, digits, -, _ and ., with the name of a domain and a slash before it or \
                               without";
                walk.tell(entry.place, &path, message.to_owned());
            }
            let is_value = |text: &str| text.is_empty() || text.len() <= LONGEST_LABEL && WORD.is_match(text);
            if has_values {
                let what = "write it with letters, digits, -, _ and ., 63 of them at most";
                expect(entry, is_value, &path, what, walk);
            }
        }
    }
}

fn is_text_with_content(field: &Field) -> bool {
    field.value.text().is_some_and(|text| !text.is_empty())
}

fn is_nothing(node: &Node) -> bool {
    node.content == Content::Null || node.text() == Some("")
}

fn expect(field: &Field, fits: impl Fn(&str) -> bool, path: &str, what: &str, walk: &mut Walk) {
    if field.value.text().is_some_and(|text| !fits(text)) {
        walk.tell(field.value.place, path, what.to_owned());
    }
}

fn is_key(key: &str) -> bool {
    let (domain, name) = key.split_once('/').map_or((None, key), |(domain, name)| (Some(domain), name));
    domain.is_none_or(|domain| domain.len() <= LONGEST_NAME && SUBDOMAIN.is_match(domain))
        && name.len() <= LONGEST_LABEL
        && WORD.is_match(name)
}
