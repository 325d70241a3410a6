//! Events: what `kubectl describe` shows of an integration's history. They wait in a queue, so that no pass waits for them,
//! and are published one after the other, as they came.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{Api, ObjectMeta, PostParams};
use kube::{Client, ResourceExt};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::oneshot;
use tracing::warn;

use crate::ports::{News, Object};
use crate::telemetry::Metrics;

/// Longest note that the API server takes, in bytes.
const LONGEST_NOTE: usize = 1024;

/// Most events that wait. An API server that is away for long may not fill the memory with them.
const MOST_WAITING: usize = 256;

/// How long the API server may take for one.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long the end of the process waits for those that are left. What they tell of is in the statuses too.
const AT_THE_END: Duration = Duration::from_secs(2);

enum Message {
    Event(Box<Event>),
    /// Whoever sent it is told when all before it are published.
    Through(oneshot::Sender<()>),
}

/// Publishes events; cheap to clone. Each is an object of its own: a recorder that counts repetitions would send the
/// first one's note again where only the note differs.
#[derive(Clone)]
pub struct Publisher {
    queue: Sender<Message>,
    instance: String,
    metrics: Metrics,
}

impl Publisher {
    /// Begins to publish. `instance`: which of the operator's pods this is.
    #[must_use]
    pub fn start(client: Client, instance: String, metrics: Metrics) -> Self {
        let (queue, waiting) = mpsc::channel(MOST_WAITING);
        tokio::spawn(publish_all(client, waiting, metrics.clone()));
        Self { queue, instance, metrics }
    }

    /// Has one event published; it is dropped if there are too many already.
    pub fn publish(&self, about: &impl Object, news: News) {
        let reason = news.reason;
        let event = event(about, news, &self.instance);
        self.metrics.event_waits();
        if self.queue.try_send(Message::Event(Box::new(event))).is_err() {
            self.metrics.event_dropped();
            warn!(%reason, "an event was dropped: too many wait to be published");
        }
    }

    /// Waits a moment for the events that are left.
    pub async fn end(&self) {
        let (through, is_through) = oneshot::channel();
        let through = async {
            let _ = self.queue.send(Message::Through(through)).await;
            let _ = is_through.await;
        };
        if tokio::time::timeout(AT_THE_END, through).await.is_err() {
            warn!("the last events were not published in time");
        }
    }
}

/// One after the other, for as long as anybody has something to publish.
async fn publish_all(client: Client, mut waiting: Receiver<Message>, metrics: Metrics) {
    while let Some(message) = waiting.recv().await {
        match message {
            Message::Event(event) => {
                publish(&client, &event).await;
                metrics.event_is_through();
            }
            Message::Through(through) => {
                let _ = through.send(());
            }
        }
    }
}

/// Publishes one event; a failure is logged and nothing more.
async fn publish(client: &Client, event: &Event) {
    let api: Api<Event> = Api::namespaced(client.clone(), &event.namespace().unwrap_or_default());
    let reason = event.reason.as_deref().unwrap_or_default();
    match tokio::time::timeout(DEADLINE, api.create(&PostParams::default(), event)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => warn!(%error, reason, "an event was not published"),
        Err(_) => warn!(reason, "an event was not published in time"),
    }
}

fn event(about: &impl Object, news: News, instance: &str) -> Event {
    let News { is_warning, reason, action, note } = news;
    let now = Timestamp::now();
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:x}", about.name_any(), now.as_nanosecond())),
            namespace: about.namespace(),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(now)),
        reporting_controller: Some(crate::api::GROUP.to_owned()),
        reporting_instance: Some(instance.to_owned()),
        type_: Some(if is_warning { "Warning" } else { "Normal" }.to_owned()),
        reason: Some(reason.to_string()),
        action: Some(action.to_owned()),
        note: Some(bounded(note)),
        regarding: Some(about.object_ref(&())),
        ..Event::default()
    }
}

/// As much of a note as is taken. Whatever has a character of several bytes in it is longer than it looks.
fn bounded(mut note: String) -> String {
    note.truncate(note.floor_char_boundary(LONGEST_NOTE));
    note
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};

    use http::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};
    use tokio::sync::Semaphore;

    use super::*;
    use crate::api::{Reason, RedshiftIntegration};

    /// An API server that answers as often as the semaphore lets it, and the notes of what it was sent.
    fn server(lets: &Arc<Semaphore>) -> (Client, Arc<Mutex<Vec<String>>>) {
        let (lets, notes) = (lets.clone(), Arc::new(Mutex::new(Vec::new())));
        let sent = notes.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (lets, sent) = (lets.clone(), sent.clone());
            async move {
                let body = request.into_body().collect_bytes().await.expect("it is there");
                let event: Value = serde_json::from_slice(&body).expect("it is JSON");
                lets.acquire().await.expect("it is open").forget();
                sent.lock().expect("nobody panics").push(event["note"].as_str().unwrap_or_default().to_owned());
                Ok::<_, Infallible>(Response::new(Body::from(body.to_vec())))
            }
        });
        (Client::new(service, "default"), notes)
    }

    fn tell(publisher: &Publisher, note: &str) {
        let about = json!({
            "metadata": {"name": "analytics", "namespace": "data-platform"},
            "spec": {"config": {
                "host": "one.example", "database": "immuta", "initialDatabase": "dev",
                "authenticationType": "userPassword",
            }},
        });
        let about: RedshiftIntegration = serde_json::from_value(about).expect("it is a resource");
        let news = News { is_warning: false, reason: Reason::Enabled, action: "Create", note: note.to_owned() };
        publisher.publish(&about, news);
    }

    #[tokio::test]
    async fn nobody_waits_for_an_event_and_they_are_published_in_their_order() {
        let lets = Arc::new(Semaphore::new(0));
        let (client, notes) = server(&lets);
        let publisher = Publisher::start(client, "pod".to_owned(), Metrics::new());
        let told: Vec<_> = (0..20).map(|number| number.to_string()).collect();
        for note in &told {
            tell(&publisher, note);
        }
        assert_eq!(*notes.lock().expect("nobody panics"), [""; 0]);
        lets.add_permits(told.len());
        publisher.end().await;
        assert_eq!(*notes.lock().expect("nobody panics"), told);
    }

    #[tokio::test]
    async fn what_is_too_much_is_dropped_and_counted_and_the_end_waits_for_nobody_for_long() {
        let (client, _) = server(&Arc::new(Semaphore::new(0)));
        let metrics = Metrics::new();
        let publisher = Publisher::start(client, "pod".to_owned(), metrics.clone());
        for note in 0..MOST_WAITING + 3 {
            tell(&publisher, &note.to_string());
        }
        let text = metrics.text();
        assert!(text.contains("redshift_integration_events_dropped_total 3"), "{text}");
        assert!(text.contains("redshift_integration_events_waiting 256"), "{text}");
        publisher.end().await;
    }

    #[test]
    fn a_note_is_bounded_in_bytes_and_no_character_is_cut() {
        assert_eq!(bounded("short".to_owned()), "short");
        assert_eq!(bounded("x".repeat(2_000)).len(), LONGEST_NOTE);
        // Three bytes each.
        assert_eq!(bounded("表".repeat(1_000)), "表".repeat(341));
    }
}
