//! What users read when something is in the way, kept word for word: each case in a snapshot of its own, from
//! which `docs/messages.md` is written.

use std::fmt::Write;

use kube::ResourceExt;
use kube::core::DynamicObject;
use redshift_integration_operator::api::RedshiftIntegration;
use serde_json::Value;

use super::{condition, phase_of};

/// Where the snapshots are.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/messages");

/// Where the words would stand for something else in every run.
const SAMPLE_UID: &str = "0f7e6b1c-3a52-4a0e-9d51-3c2b1e8f4a77";
const SAMPLE_DIGEST: &str = "5e1d0a7c93b24f68";

/// Compares what a condition says with what is recorded of the case, `<group>__<name>`.
pub fn documented(case: &str, object: &RedshiftIntegration, type_: &str) {
    documented_of(case, object, type_, ("", ""));
}

/// The same where which of two resources it is about differs from run to run.
pub fn documented_of(case: &str, object: &RedshiftIntegration, type_: &str, (name, stands_for): (&str, &str)) {
    let condition = condition(object, type_);
    let heading = format!("{}\n{type_}={} {}", phase_of(object), condition.status, condition.reason);
    let mut text = condition.message.clone();
    for remedy in &object.status.as_ref().expect("there is a status").remedies {
        write!(text, "\n* {}", remedy.description).unwrap();
        if let Some(command) = &remedy.command {
            write!(text, "\n  $ {command}").unwrap();
        }
    }
    let text = if name.is_empty() { text } else { text.replace(name, stands_for) };
    record(case, &Place::of(object), &heading, &text);
}

/// The same of a resource that is for an integration.
pub fn documented_dependent(case: &str, object: &DynamicObject, type_: &str) {
    let status = &object.data["status"];
    let text_of = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = status["conditions"].as_array().expect("there are conditions");
    let condition = conditions.iter().find(|it| it["type"] == type_).expect("the condition is there");
    let kind = object.types.as_ref().expect("its kind is known").kind.clone();
    let heading = format!("{kind}\n{type_}={} {}", text_of(&condition["status"]), text_of(&condition["reason"]));
    let mut text = text_of(&condition["message"]);
    for remedy in status["remedies"].as_array().into_iter().flatten() {
        write!(text, "\n* {}", text_of(&remedy["description"])).unwrap();
        if let Some(command) = remedy["command"].as_str() {
            write!(text, "\n  $ {command}").unwrap();
        }
    }
    record(case, &Place { namespace: object.namespace().unwrap_or_default(), port: String::new() }, &heading, &text);
}

/// Where a resource is, and its warehouse: other words in each run.
struct Place {
    namespace: String,
    port: String,
}

impl Place {
    fn of(object: &RedshiftIntegration) -> Self {
        Self { namespace: object.namespace().unwrap_or_default(), port: object.spec.config.port.to_string() }
    }
}

/// The same for an event.
pub fn documented_event(case: &str, object: &RedshiftIntegration, (kind, reason, note): &(String, String, String)) {
    record(case, &Place::of(object), &format!("event\n{kind} {reason}"), note);
}

fn record(case: &str, place: &Place, heading: &str, message: &str) {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(FOLDER);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = format!("{heading}\n\n{}", masked(message, place));
    settings.bind(|| insta::assert_snapshot!(case, text));
}

/// The message with what changes from run to run made the same: namespaces, ports, UIDs, digests, user ids.
fn masked(message: &str, Place { namespace, port }: &Place) -> String {
    let mut masked = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, masked: &mut String| {
        let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_uid = word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        let follows_usesysid = masked.ends_with("usesysid ");
        masked.push_str(match word.as_str() {
            _ if is_uid => SAMPLE_UID,
            text if text.len() == 16 && is_hex => SAMPLE_DIGEST,
            text if text == *namespace => "data-platform",
            text if text.len() == 10 && text.starts_with("test-") => "other-team",
            text if !text.is_empty() && text == *port => "5439",
            text if follows_usesysid && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() => "100",
            text => text,
        });
        word.clear();
    };
    for character in message.chars() {
        if character.is_ascii_alphanumeric() || character == '-' {
            word.push(character);
        } else {
            flush(&mut word, &mut masked);
            masked.push(character);
        }
    }
    flush(&mut word, &mut masked);
    masked
}
