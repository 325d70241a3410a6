//! A document beside its schema: types, lengths, values, fields that are missing or unknown.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value};

use super::super::input::{Content, Field, Node, Place};
use super::rules::Broken;
use super::{Definition, Finding, is_compound, nearest};
use crate::api::rules::{KEY_OF_A_VALUE, NAME_OF_AN_OBJECT, VALUE_OF_A_LABEL};

/// So much of a wrong value is quoted at most: more is a document that went astray.
const LONGEST_QUOTED: usize = 40;
/// Fields of this name say under which keys of a Secret credentials stand: nobody is to be led to write the credentials there.
const CREDENTIALS: [&str; 2] = ["username", "password"];
/// So many names of fields are listed at most.
const MOST_LISTED: usize = 12;

/// What is found on the way.
pub struct Walk {
    definition: &'static Definition,
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// Where each field of the schema stands.
    places: BTreeMap<String, Place>,
    /// Fields of which isn't known what was meant: what a rule says of them means nothing.
    hidden: Vec<String>,
}

/// A part of the resource.
#[derive(Clone, Copy)]
struct Part<'a> {
    path: &'a str,
    /// Where its name stands.
    name: Place,
    schema: &'a Value,
}

impl Walk {
    /// Nothing is found yet.
    pub fn new(definition: &'static Definition) -> Self {
        Self { definition, findings: Vec::new(), places: BTreeMap::new(), hidden: Vec::new() }
    }

    /// What a document says, as the API server would keep it: a null is nothing, a misspelled word is what it probably means.
    pub fn root(&mut self, root: &Node) -> Value {
        self.value(root, Part { path: "", name: root.place, schema: &self.definition.schema }).unwrap_or_default()
    }

    /// Where a field stands, or what is around it.
    pub fn place_of(&self, field: &str) -> Place {
        let mut path = field;
        loop {
            if let Some(place) = self.places.get(path) {
                return *place;
            }
            path = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
        }
    }

    /// Something is wrong.
    pub fn tell(&mut self, place: Place, field: &str, message: String) {
        self.findings.push(Finding { place, field: field.to_owned(), message });
    }

    /// It isn't known what was meant by a field.
    pub fn hide(&mut self, field: &str) {
        self.hidden.push(field.to_owned());
    }

    /// Whether a rule looks at something of which isn't known what was meant.
    pub fn has_hidden(&self, rule: &Broken) -> bool {
        self.hidden.iter().any(|field| rule.looks_at(field))
    }

    /// Something of which isn't known what was meant.
    fn wrong(&mut self, node: &Node, part: Part<'_>, message: String) -> Option<Value> {
        self.tell(node.place, part.path, message);
        self.hide(part.path);
        None
    }

    fn value(&mut self, node: &Node, part: Part<'_>) -> Option<Value> {
        self.places.insert(part.path.to_owned(), if is_compound(node) { part.name } else { node.place });
        let Some(kind) = part.schema["type"].as_str() else { return Some(node.to_value()) };
        match (kind, &node.content) {
            ("object", Content::Fields(fields)) => Some(self.object(fields, part)),
            ("array", Content::List(items)) => Some(self.list(items, part)),
            ("string", Content::Text(text)) => self.text(node, text, part),
            ("boolean", Content::Bool(it)) => Some(Value::Bool(*it)),
            ("integer" | "number", Content::Number(number)) => self.number(node, number, part),
            _ => {
                let message = other_type(kind, node, part.schema);
                self.wrong(node, part, message)
            }
        }
    }

    fn list(&mut self, items: &[Node], part: Part<'_>) -> Value {
        self.count(items.len(), "maxItems", part);
        let mut values = Vec::new();
        for (number, item) in items.iter().enumerate() {
            let path = format!("{}[{number}]", part.path);
            let item = self.value(item, Part { path: &path, name: item.place, schema: &part.schema["items"] });
            // Those behind it keep their numbers.
            values.push(item.unwrap_or_default());
        }
        self.tell_repeated(items, &values, part);
        Value::Array(values)
    }

    /// What may be there once, and is there again.
    fn tell_repeated(&mut self, items: &[Node], values: &[Value], part: Part<'_>) {
        let keys: Vec<_> = part.schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten().collect();
        let keys: Vec<_> = keys.into_iter().filter_map(Value::as_str).collect();
        let is_set = part.schema["x-kubernetes-list-type"] == "set";
        if !is_set && keys.is_empty() {
            return;
        }
        let mut seen = BTreeSet::new();
        for (number, (item, value)) in items.iter().zip(values).enumerate().filter(|(_, (_, value))| !value.is_null()) {
            let what = if is_set { value.clone() } else { keys.iter().map(|key| value[*key].clone()).collect() };
            if seen.insert(what.to_string()) {
                continue;
            }
            let text = if is_set { value } else { &value[keys[0]] };
            let quoted =
                text.as_str().filter(|text| is_brief(text)).map_or_else(|| "it".to_owned(), |it| format!("`{it}`"));
            let path = format!("{}[{number}]", part.path);
            self.tell(item.place, &path, format!("{quoted} stands in this list already; take one of the two out"));
        }
    }

    /// Whether there are too many.
    fn count(&mut self, there: usize, bound: &str, part: Part<'_>) {
        if let Some(most) = part.schema[bound].as_u64().filter(|most| there as u64 > *most) {
            self.tell(part.name, part.path, format!("it has {there} entries; {most} are the most"));
        }
    }

    fn object(&mut self, fields: &[Field], part: Part<'_>) -> Value {
        let nothing = Map::new();
        let known = part.schema["properties"].as_object().unwrap_or(&nothing);
        let others = &part.schema["additionalProperties"];
        self.count(fields.len(), "maxProperties", part);
        let takes_anything =
            part.schema["x-kubernetes-preserve-unknown-fields"] == true || known.is_empty() && !others.is_object();
        let (mut object, mut unknown, mut said) = (Map::new(), Vec::new(), BTreeSet::new());
        for field in fields {
            match known.get(&field.name).or_else(|| others.is_object().then_some(others)) {
                Some(schema) => {
                    if self.field(field, &field.name, schema, part, &mut object) {
                        said.insert(field.name.as_str());
                    }
                }
                None if takes_anything => {
                    object.insert(field.name.clone(), field.value.to_value());
                }
                None => unknown.push(field),
            }
        }
        for field in unknown {
            let absent = || known.keys().map(String::as_str).filter(|name| !said.contains(name));
            let path = join(part.path, &field.name);
            let Some(meant) = nearest(&field.name, absent()) else {
                let message = unknown_field(&field.name, known, part.path, self.definition);
                self.tell(field.place, &path, message);
                // It may be any of those.
                absent().map(|name| join(part.path, name)).for_each(|absent| self.hidden.push(absent));
                continue;
            };
            self.tell(field.place, &path, format!("there is no such field; write {meant}"));
            self.field(field, meant, &known[meant], part, &mut object);
            said.insert(meant);
        }
        for name in part.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !said.contains(name) {
                let path = join(part.path, name);
                let written = fields.iter().find(|field| field.name == name);
                let (place, what) = match written {
                    Some(field) => (field.place, "it is empty"),
                    None => (part.name, "it is missing"),
                };
                self.tell(place, &path, format!("{what}{}", hint(&known[name])));
                self.hide(&path);
            }
        }
        Value::Object(object)
    }

    /// A field under the name that was meant; whether it says anything.
    fn field(
        &mut self,
        field: &Field,
        name: &str,
        schema: &Value,
        around: Part<'_>,
        object: &mut Map<String, Value>,
    ) -> bool {
        let path = join(around.path, name);
        if field.value.content == Content::Null {
            if !may_be_null(&path, name, schema, around) {
                let kind = schema["type"].as_str().unwrap_or_default();
                let message = format!("{}, or take the field out", other_type(kind, &field.value, schema));
                self.tell(field.place, &path, message);
                self.hide(&path);
            }
            return false;
        }
        let part = Part { path: &path, name: field.place, schema };
        object.extend(self.value(&field.value, part).map(|value| (name.to_owned(), value)));
        true
    }

    fn text(&mut self, node: &Node, text: &str, part: Part<'_>) -> Option<Value> {
        let schema = part.schema;
        if let Some(known) = schema["enum"].as_array() {
            let known: Vec<_> = known.iter().filter_map(Value::as_str).collect();
            if !known.contains(&text) {
                return self.other_value(node, text, &known, part);
            }
        }
        let length = text.chars().count() as u64;
        let (at_least, at_most) = (schema["minLength"].as_u64(), schema["maxLength"].as_u64());
        if at_least.is_some_and(|least| length < least) {
            let message = if length == 0 { "it may not be empty" } else { "it is too short" };
            return self.wrong(node, part, format!("{message}{}", hint(schema)));
        }
        if let Some(most) = at_most.filter(|most| length > *most) {
            return self.wrong(node, part, format!("it has {length} characters; {most} are the most"));
        }
        if let Some(pattern) = schema["pattern"].as_str() {
            // A test shows that each is valid.
            if Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text)) {
                return self.wrong(node, part, meaning(pattern));
            }
        }
        if schema["format"] == "date-time" && text.parse::<Timestamp>().is_err() {
            return self.wrong(node, part, "write a time, such as 2026-01-01T00:00:00Z".to_owned());
        }
        Some(Value::String(text.to_owned()))
    }

    /// A value that isn't one of those that there are.
    fn other_value(&mut self, node: &Node, text: &str, known: &[&str], part: Part<'_>) -> Option<Value> {
        let quoted = match text {
            "" => "it is empty".to_owned(),
            text if is_brief(text) => format!("there is no `{text}`"),
            _ => "it is none of its values".to_owned(),
        };
        let meant = nearest(text, known.iter().copied());
        let write = meant.map_or_else(|| either(known), str::to_owned);
        self.tell(node.place, part.path, format!("{quoted}; write {write}"));
        if meant.is_none() {
            self.hide(part.path);
        }
        meant.map(Value::from)
    }

    fn number(&mut self, node: &Node, number: &serde_json::Number, part: Part<'_>) -> Option<Value> {
        let (least, most) = (part.schema["minimum"].as_f64(), part.schema["maximum"].as_f64());
        let written = number.as_f64().unwrap_or(f64::NAN);
        if least.is_some_and(|least| written < least) || most.is_some_and(|most| written > most) {
            let message = match (least, most) {
                (Some(least), Some(most)) => format!("write a number from {least} to {most}"),
                (Some(least), None) => format!("write {least} at least"),
                (None, _) => format!("write {} at most", most.unwrap_or_default()),
            };
            return self.wrong(node, part, message);
        }
        if part.schema["type"] == "integer" {
            // 5439.0 is the same number to the API server.
            let is_whole = written.fract() == 0.0 && written.abs() < 1e15;
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
            let whole = number.as_i64().or_else(|| is_whole.then_some(written as i64));
            return match whole {
                Some(whole) => Some(whole.into()),
                None => self.wrong(node, part, "write a whole number".to_owned()),
            };
        }
        Some(Value::Number(number.clone()))
    }
}

/// Whether the API server takes a null for absent: where that is allowed, or there is a default. That a field is required is told as such.
fn may_be_null(path: &str, name: &str, schema: &Value, around: Part<'_>) -> bool {
    let is_required = around.schema["required"].as_array().is_some_and(|names| names.iter().any(|it| it == name));
    // All of `metadata` may be.
    is_required || schema["nullable"] == true || !schema["default"].is_null() || !path.starts_with("spec.")
}

/// Whether it can be quoted.
fn is_brief(text: &str) -> bool {
    text.chars().count() <= LONGEST_QUOTED && !text.contains(char::is_control)
}

/// What to write where something of another type stands.
fn other_type(kind: &str, node: &Node, schema: &Value) -> String {
    let is_text = node.text().is_some();
    let quotes = if is_text { ", without quotes" } else { "" };
    match kind {
        "boolean" => format!("write true or false{quotes}"),
        "integer" | "number" => format!("write a number{quotes}"),
        "string" => match &node.content {
            Content::Bool(_) | Content::Number(_) => "write it in quotes: it is a text".to_owned(),
            _ => format!("write a text here, not a {}", if is_compound(node) { "block" } else { "null" }),
        },
        "array" => "write a list here, each line with - before it".to_owned(),
        _ => {
            let required = schema["required"].as_array().and_then(|names| names.first()).and_then(Value::as_str);
            let first = || schema["properties"].as_object().and_then(|fields| fields.keys().next()).map(String::as_str);
            match required.or_else(first) {
                Some(name) => format!("write a block here, with fields such as {name}"),
                None => "write a block here, with names and values".to_owned(),
            }
        }
    }
}

fn unknown_field(name: &str, known: &Map<String, Value>, path: &str, definition: &Definition) -> String {
    if let Some(there) = nearest(name, known.keys().map(String::as_str)) {
        return format!("there is no such field; {there} stands beside it already");
    }
    let spec = &definition.schema["properties"]["spec"];
    if CREDENTIALS.contains(&name) && spec["properties"]["config"].is_object() {
        return "there is no such field: credentials stand in the Secret that spec.config.credentialsSecretRef names"
            .to_owned();
    }
    let mut elsewhere = Vec::new();
    places_of(name, spec, "spec", &mut elsewhere);
    if let ([place], true) = (elsewhere.as_slice(), path.is_empty() || path.starts_with("spec")) {
        return format!("there is no such field here; write it in {place}");
    }
    if known.len() <= MOST_LISTED {
        let names: Vec<_> = known.keys().map(String::as_str).collect();
        return format!("there is no such field; there are {}", all(&names));
    }
    // kubectl knows no numbers of entries.
    let path = path.split('.').map(|name| name.split('[').next().unwrap_or(name)).collect::<Vec<_>>().join(".");
    format!("there is no such field; see: kubectl explain {}.{path}", definition.short_name)
}

/// In which parts of the schema a field of this name is.
fn places_of(name: &str, schema: &Value, path: &str, found: &mut Vec<String>) {
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        if field == name {
            found.push(path.to_owned());
        }
        let path = join(path, field);
        places_of(name, schema, &path, found);
        places_of(name, &schema["items"], &format!("an entry of {path}"), found);
    }
}

/// What belongs into a field: its values, or the first sentence of its description.
fn hint(schema: &Value) -> String {
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values.iter().filter_map(Value::as_str).collect();
        return format!("; write {}", either(&values));
    }
    // What is in a block is told field by field.
    if schema["type"] == "object" {
        return String::new();
    }
    let description = schema["description"].as_str().unwrap_or_default();
    let sentence = description.split(". ").next().unwrap_or_default().trim_end_matches('.');
    if sentence.is_empty() { String::new() } else { format!(" ({sentence})") }
}

/// What a pattern of the definition means.
fn meaning(pattern: &str) -> String {
    match pattern {
        NAME_OF_AN_OBJECT => {
            "write the name of an object: lower-case letters, digits, - and ., beginning and ending with a letter or digit"
                .to_owned()
        }
        KEY_OF_A_VALUE => "write a key of a Secret: letters, digits, -, _ and .".to_owned(),
        VALUE_OF_A_LABEL => "write the value of a label: letters, digits, -, _ and ., beginning and ending with a letter or digit".to_owned(),
        pattern => format!("it doesn't fit the pattern {pattern}"),
    }
}

fn either(words: &[&str]) -> String {
    listed(words, "or")
}

fn all(words: &[&str]) -> String {
    listed(words, "and")
}

fn listed(words: &[&str], between: &str) -> String {
    match words {
        [] => String::new(),
        [word] => (*word).to_owned(),
        [first @ .., last] => format!("{} {between} {last}", first.join(", ")),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
