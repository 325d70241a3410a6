//! What a resource says of itself.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use redshift_integration_operator::api::{RedshiftIntegration, ValidationStatus};
use serde_json::Value;

/// Merges one value into another, as a merge patch does.
pub fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                if value.is_null() {
                    into.remove(&key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (into, from) => *into = from,
    }
}

/// Whether status speaks of the newest spec.
pub fn is_current(object: &RedshiftIntegration) -> bool {
    object.status.as_ref().is_some_and(|status| Some(status.observed_generation) == object.metadata.generation)
}

/// The phase, as users see it.
pub fn phase_of(object: &RedshiftIntegration) -> String {
    let phase = object.status.as_ref().and_then(|status| status.phase);
    phase.map_or_else(String::new, |phase| serde_json::to_value(phase).unwrap().as_str().unwrap().to_owned())
}

/// A condition.
pub fn condition<'a>(object: &'a RedshiftIntegration, type_: &str) -> &'a Condition {
    let conditions = &object.status.as_ref().expect("there is a status").conditions;
    conditions.iter().find(|condition| condition.type_ == type_).expect("the condition is there")
}

/// The states of `Ready`, `Reconciling` and `Stalled`.
pub fn conditions(object: &RedshiftIntegration) -> [&str; 3] {
    ["Ready", "Reconciling", "Stalled"].map(|type_| condition(object, type_).status.as_str())
}

/// The validation tests with a result, by name with their messages.
pub fn tests_with(object: &RedshiftIntegration, result: ValidationStatus) -> BTreeMap<String, String> {
    let results = object.status.as_ref().and_then(|status| status.validation_results.as_ref());
    let tests = results.map(|results| results.validation_tests.as_slice()).unwrap_or_default();
    tests
        .iter()
        .filter(|test| test.status == result)
        .map(|test| (test.name.clone(), test.message.clone().unwrap_or_default()))
        .collect()
}
