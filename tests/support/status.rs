//! What a resource says of itself.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use redshift_integration_operator::api::{RedshiftIntegration, ValidationStatus};
use serde_json::Value;
use tokio_postgres::Client;

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

/// Whether the look was done that was asked for by an annotation of this value.
pub fn is_looked_at(object: &RedshiftIntegration, value: &str) -> bool {
    let status = object.status.as_ref();
    status.is_some_and(|status| status.last_handled_reconcile_at.as_deref() == Some(value))
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

/// What a condition says, and what can be done about it, in one text.
pub fn said(object: &RedshiftIntegration, type_: &str) -> String {
    let mut text = condition(object, type_).message.clone();
    for remedy in &object.status.as_ref().expect("there is a status").remedies {
        text.push_str("\n- ");
        text.push_str(&remedy.description);
        if let Some(command) = &remedy.command {
            text.push_str(": ");
            text.push_str(command);
        }
    }
    text
}

/// The statements that the status gives, in their order, each with what it says of it.
pub fn statements(object: &RedshiftIntegration) -> Vec<(String, String)> {
    let remedies = &object.status.as_ref().expect("there is a status").remedies;
    let statement = |command: &String| !command.starts_with("kubectl");
    let remedies = remedies.iter().filter(|remedy| remedy.command.as_ref().is_some_and(statement));
    remedies.map(|remedy| (remedy.description.clone(), remedy.command.clone().unwrap())).collect()
}

/// Runs the statements that the status gives, one after the other.
pub async fn run_by_hand(dba: &Client, object: &RedshiftIntegration) {
    for (_, statement) in statements(object) {
        dba.batch_execute(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}

/// The value that the status asks for in an annotation.
pub fn asked_for(object: &RedshiftIntegration, annotation: &str) -> String {
    let remedies = &object.status.as_ref().expect("there is a status").remedies;
    let mut commands = remedies.iter().filter_map(|remedy| remedy.command.as_ref());
    let value = commands.find_map(|command| Some(command.split_once(&format!("{annotation}="))?.1));
    value.unwrap_or_else(|| panic!("no {annotation} is asked for: {remedies:?}")).to_owned()
}
