//! What users read when something is in the way, kept word for word: each case in a snapshot of its own, from
//! which `docs/messages.md` is written.

use std::fmt::Write;

use kube::ResourceExt;
use redshift_integration_operator::api::RedshiftIntegration;

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
    record(case, object, &heading, &text);
}

/// The same for an event.
pub fn documented_event(case: &str, object: &RedshiftIntegration, (kind, reason, note): &(String, String, String)) {
    record(case, object, &format!("event\n{kind} {reason}"), note);
}

fn record(case: &str, object: &RedshiftIntegration, heading: &str, message: &str) {
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(FOLDER);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let text = format!("{heading}\n\n{}", masked(message, object));
    settings.bind(|| insta::assert_snapshot!(case, text));
}

/// The message with what changes from run to run made the same: namespaces, ports, UIDs, digests, user ids.
fn masked(message: &str, object: &RedshiftIntegration) -> String {
    let port = object.spec.config.port.to_string();
    let namespace = object.namespace().unwrap_or_default();
    let mut masked = String::new();
    let mut word = String::new();
    let flush = |word: &mut String, masked: &mut String| {
        let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_uid = word.len() == 36 && word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
        let follows_usesysid = masked.ends_with("usesysid ");
        masked.push_str(match word.as_str() {
            _ if is_uid => SAMPLE_UID,
            text if text.len() == 16 && is_hex => SAMPLE_DIGEST,
            text if text == namespace => "data-platform",
            text if text.len() == 10 && text.starts_with("test-") => "other-team",
            text if text == port => "5439",
            _ if follows_usesysid => "100",
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
