//! Checks a document against the generated custom resource definition, as the API server would for a creation, without one.
//!
//! The definition is the one source: what it says of types, lengths and values is walked here, with places and suggestions,
//! and its rules are evaluated by a CEL library.

mod metadata;
mod rules;
mod suggest;
#[cfg(test)]
mod tests;
mod walk;

use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::input::{Content, Document, Mistake, Node, Place};
use crate::api::Kind;
use rules::Rules;
use walk::Walk;

pub use suggest::{is_near, nearest};

/// Something wrong in a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// Where: the value, the name of an unknown field, or what is around a missing one.
    pub place: Place,
    /// The field, as the resource has it, such as `spec.config.host`; empty for the resource as a whole.
    pub field: String,
    /// What is wrong, and what to write. A broken rule says what the API server says.
    pub message: String,
}

impl Finding {
    /// The same, in its document.
    pub fn within(&self, document: &Document) -> Mistake {
        document.mistake(self.place, self.to_string())
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.field.as_str() {
            "" => formatter.write_str(&self.message),
            field => write!(formatter, "{field}: {}", self.message),
        }
    }
}

struct Definition {
    schema: Value,
    rules: Rules,
    /// As people name it to kubectl.
    short_name: String,
}

impl Definition {
    fn read(kind: Kind) -> Self {
        let mut crd = kind.crd();
        let short_name = crd["spec"]["names"]["shortNames"][0].as_str().unwrap_or_else(|| kind.plural()).to_owned();
        let schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].take();
        let rules = Rules::of(&schema);
        Self { schema: with_what_all_objects_have(schema), rules, short_name }
    }

    /// Each is read when the first document of its kind is met.
    fn of(kind: Kind) -> &'static Self {
        static INTEGRATION: LazyLock<Definition> = LazyLock::new(|| Definition::read(Kind::RedshiftIntegration));
        static DATA_SOURCE: LazyLock<Definition> = LazyLock::new(|| Definition::read(Kind::RedshiftDataSource));
        static PROFILE: LazyLock<Definition> = LazyLock::new(|| Definition::read(Kind::RedshiftUserProfile));
        static SOURCE: LazyLock<Definition> = LazyLock::new(|| Definition::read(Kind::RedshiftUserProfileSource));
        match kind {
            Kind::RedshiftIntegration => &INTEGRATION,
            Kind::RedshiftDataSource => &DATA_SOURCE,
            Kind::RedshiftUserProfile => &PROFILE,
            Kind::RedshiftUserProfileSource => &SOURCE,
        }
    }
}

/// Kubernetes adds the schema of `metadata` itself, and takes the status from the operator alone.
fn with_what_all_objects_have(mut schema: Value) -> Value {
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    schema["properties"]["metadata"] = metadata::schema();
    schema["properties"]["status"] = json!({});
    schema
}

/// Checks the document of a resource, and reads it: as its type, or as the JSON that the API server would keep, but for defaults.
/// All that is wrong is told at once, in the order of places.
///
/// # Errors
///
/// What is wrong; one finding at least.
pub fn check<T: DeserializeOwned>(kind: Kind, root: &Node) -> Result<T, Vec<Finding>> {
    let definition = Definition::of(kind);
    let mut walk = Walk::new(definition);
    let mut value = walk.root(root);
    // As it does for whoever isn't the operator.
    value.as_object_mut().map(|object| object.remove("status"));
    metadata::check(root, &mut walk);
    let broken = definition.rules.broken(&metadata::named(&value)).into_iter().filter(|rule| !walk.has_hidden(rule));
    let found: Vec<_> = broken
        .map(|rule| Finding { place: walk.place_of(&rule.around()), field: rule.field, message: rule.message })
        .collect();
    let mut findings = walk.findings;
    findings.extend(found);
    if findings.is_empty() {
        // A test shows that what passes can be read.
        return serde_json::from_value(value).map_err(|error| {
            let message = format!("the definition takes it, but it can't be read: {error}");
            vec![Finding { place: root.place, field: String::new(), message }]
        });
    }
    findings.sort_by_key(|finding| finding.place);
    findings.dedup();
    Err(findings)
}

/// What a mapping is begun with, for messages.
fn is_compound(node: &Node) -> bool {
    matches!(node.content, Content::Fields(_) | Content::List(_))
}
