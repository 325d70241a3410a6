//! What the API server refuses, with a message that a newcomer can act on.
//!
//! Rules are CEL expressions; bounds are plain schema. Both stand in tables, one of each for a kind, and are put into the
//! schema that is generated from its types, so that the rules can be read, tested and documented as a list. Every string
//! has a bound: the API server estimates what a rule may cost from it.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::scripts::RESERVED_WORDS;

/// One rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Where it stands: names of fields, from the root of the resource.
    pub path: &'static str,
    /// The CEL expression.
    pub rule: Cow<'static, str>,
    /// What is said when it is broken.
    pub message: &'static str,
    /// The field that it is about, where that isn't told by the path.
    pub field: Option<&'static str>,
}

impl Rule {
    /// The field that it is about, where it stands at the root: kubectl would name none.
    fn field_path(&self) -> Option<String> {
        if let Some(field) = self.field {
            return Some(field.to_owned());
        }
        if !self.path.is_empty() {
            return None;
        }
        // The rule names it: `self.spec.config.host == …`, `self.metadata.name`.
        let field = self.rule.split_once("self.")?.1.split(|c: char| !(c.is_alphanumeric() || c == '.')).next()?;
        field.starts_with("spec.").then(|| format!(".{field}"))
    }
}

/// A name of something that is there, which Redshift folds to lower case.
pub(super) const LOWER_CASE_NAME: &str = r#"self.matches('^[^"\\p{Cc}\\p{Lu}]+$')"#;
pub(super) const LOWER_CASE_NAME_MESSAGE: &str = "write the name as the warehouse lists it, in lower case: Redshift folds names, and \
                                                  quotes and control characters can't be part of one";

/// A field, whatever it holds, that is never changed.
pub(super) fn stays(path: &'static str, message: &'static str) -> Rule {
    Rule { path, rule: "self == oldSelf".into(), message, field: None }
}

/// A name of something that is created.
pub(super) fn simple_name(path: &'static str) -> [Rule; 2] {
    [
        Rule {
            path,
            rule: "self.matches('^[a-z_][a-z0-9_$]*$')".into(),
            message: "write it with lower-case letters, digits, _ and $, beginning with a letter or _: Redshift folds names to lower \
                      case, and others would need quotes wherever they are used",
            field: None,
        },
        Rule {
            path,
            rule: no_reserved_word("self"),
            message: "this is a reserved word of Redshift's; choose another name",
            field: None,
        },
    ]
}

/// <https://docs.aws.amazon.com/redshift/latest/dg/r_pg_keywords.html>
pub(super) fn no_reserved_word(of: &str) -> Cow<'static, str> {
    let words: Vec<_> = RESERVED_WORDS.iter().map(|word| format!("'{word}'")).collect();
    format!("!({of} in [{}])", words.join(", ")).into()
}

/// What is compared with a user, a group or a value of a profile.
pub(super) fn of_profile(path: &'static str) -> Rule {
    Rule {
        path,
        rule: r"!self.startsWith(' ') && !self.endsWith(' ') && !self.matches('\\p{Cc}')".into(),
        message: "write it without a blank at either end and without control characters: nothing is trimmed, since names compare exactly",
        field: None,
    }
}

/// Longest texts, bounds of numbers, and other plain schema, by the path of the field.
pub type Bounds = Vec<(&'static str, Value)>;

/// The name of an object of Kubernetes.
pub(crate) const NAME_OF_AN_OBJECT: &str = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";
/// The key of a value in a Secret or `ConfigMap`.
pub(crate) const KEY_OF_A_VALUE: &str = "^[-._a-zA-Z0-9]+$";
/// The value of a label.
pub(crate) const VALUE_OF_A_LABEL: &str = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$";

/// An integration's name, which labels are made of.
pub(super) fn of_integration() -> (&'static str, Value) {
    ("spec.integrationRef.name", json!({"minLength": 1, "maxLength": 63, "pattern": NAME_OF_AN_OBJECT}))
}

/// Conditions are a map by type, as clients that wait for one expect.
pub(super) fn conditions() -> (&'static str, Value) {
    ("status.conditions", json!({"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]}))
}

/// What was never looked at can't be taken for done.
pub(super) fn not_observed() -> (&'static str, Value) {
    ("status", json!({"default": {"observedGeneration": -1}}))
}

/// Puts rules and bounds into the schema of the resource.
///
/// # Panics
/// If a path names no field, which a test would notice.
pub(super) fn apply(schema: &mut Value, rules: &[Rule], bounds: Bounds) {
    remove_unknown_formats(schema);
    for (path, bound) in bounds {
        let field = find(schema, path);
        let object = field.as_object_mut().expect("a field's schema is an object");
        for (key, value) in bound.as_object().expect("a bound is an object") {
            object.insert(key.clone(), value.clone());
        }
    }
    for rule in rules {
        let field = find(schema, rule.path);
        let entries = field
            .as_object_mut()
            .expect("a field's schema is an object")
            .entry("x-kubernetes-validations")
            .or_insert_with(|| json!([]));
        let mut entry = json!({"rule": rule.rule, "message": rule.message});
        if let Some(path) = rule.field_path() {
            entry["fieldPath"] = path.into();
        }
        entries.as_array_mut().expect("rules are a list").push(entry);
    }
}

/// The API server warns of formats that it doesn't know.
fn remove_unknown_formats(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.get("format").is_some_and(|format| format == "uint16" || format == "uint8" || format == "uint32")
            {
                fields.remove("format");
            }
            fields.values_mut().for_each(remove_unknown_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_unknown_formats),
        _ => {}
    }
}

/// Behind the name of a list, `[]` means its items.
fn find<'a>(schema: &'a mut Value, path: &str) -> &'a mut Value {
    path.split('.').filter(|name| !name.is_empty()).fold(schema, |schema, name| {
        let (name, of_items) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
        let field = schema.get_mut("properties").and_then(|fields| fields.get_mut(name));
        let field = if of_items { field.and_then(|field| field.get_mut("items")) } else { field };
        field.unwrap_or_else(|| panic!("no field {path}"))
    })
}
