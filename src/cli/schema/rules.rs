//! The definition's own rules, evaluated as the API server evaluates them for a creation.

use std::sync::LazyLock;

use kube_cel::{CompiledSchema, ErrorKind, compile_schema};
use regex::Regex;
use serde_json::Value;

/// The rules, compiled.
pub struct Rules {
    /// Without `fieldPath`, so that an error says at which part of the schema a rule stands.
    compiled: CompiledSchema,
    schema: Value,
}

/// A rule that doesn't hold.
#[derive(Debug)]
pub struct Broken {
    /// The part of the resource that is the rule's `self`.
    pub part: String,
    /// The field that it is about.
    pub field: String,
    /// The expression.
    pub rule: String,
    /// What it says.
    pub message: String,
}

impl Rules {
    pub fn of(schema: &Value) -> Self {
        let mut without = schema.clone();
        remove_field_paths(&mut without);
        // Who may write a status is nobody who writes manifests.
        without["properties"]["status"] = Value::Null;
        Self { compiled: compile_schema(&without), schema: schema.clone() }
    }

    /// The rules that don't hold for an object; none that compares it with the one before, as there is none.
    pub fn broken(&self, object: &Value) -> Vec<Broken> {
        let errors = kube_cel::validate_compiled(&self.compiled, object, None).err();
        let errors = errors.map(kube_cel::ValidationErrors::into_vec).unwrap_or_default();
        let broken = errors.into_iter().map(|error| {
            let message = match error.kind {
                ErrorKind::ValidationFailure => error.message,
                // Never a pass: the API server may refuse it.
                _ => format!("this rule can't be evaluated without the API server: {}", error.rule),
            };
            let field = self.field(&error.field_path, &error.rule);
            Broken { part: error.field_path, field, rule: error.rule, message }
        });
        broken.collect()
    }

    /// The field that a rule is about.
    fn field(&self, part: &str, rule: &str) -> String {
        let schema = names(part).try_fold(&self.schema, |schema, name| match name {
            Name::Field(name) => {
                let field = schema.get("properties").and_then(|fields| fields.get(name));
                field.or_else(|| schema.get("additionalProperties"))
            }
            Name::Item => schema.get("items"),
        });
        let rules = schema.and_then(|schema| schema["x-kubernetes-validations"].as_array());
        let entry = rules.and_then(|rules| rules.iter().find(|entry| entry["rule"] == rule));
        let within = entry.and_then(|entry| entry["fieldPath"].as_str()).unwrap_or_default();
        format!("{part}{within}").trim_start_matches('.').to_owned()
    }
}

/// What stands in a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Name<'a> {
    Field(&'a str),
    /// Whichever of a list.
    Item,
}

/// The parts of a path such as `spec.columns[3].name`.
fn names(path: &str) -> impl Iterator<Item = Name<'_>> {
    path.split(['.', '['])
        .filter(|part| !part.is_empty())
        .map(|part| if part.ends_with(']') { Name::Item } else { Name::Field(part) })
}

impl Broken {
    /// The smallest part of the resource that holds all that the rule looks at.
    pub fn around(&self) -> String {
        if self.field != self.part {
            return self.field.clone();
        }
        let chains = SELF.captures_iter(&self.rule).map(|chain| format!("{}{}", self.part, &chain[1]));
        let common = chains.reduce(|one, other| {
            let names = one.split('.').zip(other.split('.')).take_while(|(one, other)| one == other);
            names.map(|(name, _)| name).collect::<Vec<_>>().join(".")
        });
        common.unwrap_or_default().trim_start_matches('.').to_owned()
    }

    /// Whether the rule looks at a field, or at what is in it or around it.
    pub fn looks_at(&self, field: &str) -> bool {
        let Some(within) = below(field, &self.part) else {
            // What it is about may stand around or beside the field.
            return below(&self.part, field).is_some();
        };
        // What a rule looks at within a list isn't told by its first names.
        let within: Vec<_> = names(within).take_while(|name| *name != Name::Item).collect();
        SELF.captures_iter(&self.rule).any(|chain| {
            let names = names(chain.get(1).map_or("", |chain| chain.as_str()));
            names.zip(&within).all(|(looked_at, name)| looked_at == *name)
        })
    }
}

/// `self`, and the fields that are taken of it.
static SELF: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bself((?:\.\w+)*)").expect("it is a valid expression"));

/// What a path has below another.
fn below<'a>(path: &'a str, other: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(other)?;
    (other.is_empty() || rest.is_empty() || rest.starts_with(['.', '['])).then_some(rest)
}

fn remove_field_paths(schema: &mut Value) {
    for rule in schema.get_mut("x-kubernetes-validations").and_then(Value::as_array_mut).into_iter().flatten() {
        rule.as_object_mut().map(|rule| rule.remove("fieldPath"));
    }
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    fields.into_iter().flat_map(serde_json::Map::values_mut).for_each(remove_field_paths);
    for of_all in ["items", "additionalProperties"] {
        schema.get_mut(of_all).into_iter().for_each(remove_field_paths);
    }
}
