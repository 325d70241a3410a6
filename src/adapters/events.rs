//! Events: what `kubectl describe` shows of an integration's history.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, Resource, ResourceExt};
use tracing::warn;

use crate::api::RedshiftIntegration;
use crate::ports::News;

/// Longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Nobody waits for an event: a slow API server may not slow the work down.
const DEADLINE: Duration = Duration::from_secs(10);

/// Publishes events. Each is an object of its own: a recorder that counts repetitions would send the
/// first one's note again where only the note differs.
#[derive(Clone)]
pub struct Publisher {
    client: Client,
    instance: String,
}

impl Publisher {
    /// `instance`: which of the operator's pods this is.
    #[must_use]
    pub fn new(client: Client, instance: String) -> Self {
        Self { client, instance }
    }

    /// Publishes one event; a failure is logged and nothing more.
    pub async fn publish(&self, about: &RedshiftIntegration, news: News) {
        let News { is_warning, reason, action, note } = news;
        let now = Timestamp::now();
        let namespace = about.namespace().unwrap_or_default();
        let event = Event {
            metadata: ObjectMeta {
                name: Some(format!("{}.{:x}", about.name_any(), now.as_nanosecond())),
                namespace: Some(namespace.clone()),
                ..ObjectMeta::default()
            },
            event_time: Some(MicroTime(now)),
            reporting_controller: Some(crate::api::GROUP.to_owned()),
            reporting_instance: Some(self.instance.clone()),
            type_: Some(if is_warning { "Warning" } else { "Normal" }.to_owned()),
            reason: Some(reason.to_string()),
            action: Some(action.to_owned()),
            note: Some(bounded(note)),
            regarding: Some(about.object_ref(&())),
            ..Event::default()
        };
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        match tokio::time::timeout(DEADLINE, api.create(&PostParams::default(), &event)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => warn!(%error, %reason, "an event was not published"),
            Err(_) => warn!(%reason, "an event was not published in time"),
        }
    }
}

/// As much of a note as is taken. Whatever has a character of several bytes in it is longer than it looks.
fn bounded(mut note: String) -> String {
    note.truncate(note.floor_char_boundary(LONGEST_NOTE));
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_bounded_in_bytes_and_no_character_is_cut() {
        assert_eq!(bounded("short".to_owned()), "short");
        assert_eq!(bounded("x".repeat(2_000)).len(), LONGEST_NOTE);
        // Three bytes each.
        assert_eq!(bounded("表".repeat(1_000)), "表".repeat(341));
    }
}
