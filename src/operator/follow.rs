//! Watches of the API server that begin anew by themselves, soon after whatever ended them.

use std::fmt::Debug;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use jiff::Timestamp;
use kube::runtime::watcher::{self, Event};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tracing::{debug, info, warn};

use super::trouble::{self, Trouble};
use crate::lifecycle::backoff::Backoff;
use crate::telemetry::Contact;

/// Between two tries. Short, since nobody's edit is seen meanwhile, and what a try costs an API server that has just come
/// back is one list.
const BACKOFF: Backoff = Backoff { initial: Duration::from_millis(500), longest: Duration::from_secs(5) };

/// How long a watch has to last to count as one that works: what fails behind each list has not recovered with it.
const SETTLED: Duration = Duration::from_secs(5);

/// How far a watch is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// It lists what is there; each page is waited for, but not for ever.
    Listing,
    /// It has just begun to watch.
    Begun,
    /// It works. It may be silent for as long as it likes: a dead connection is found out by the client.
    Settled,
}

struct Following<K: 'static> {
    api: Api<K>,
    config: watcher::Config,
    /// The longest wait for a page of the list.
    deadline: Duration,
    contact: Contact,
    events: Option<BoxStream<'static, watcher::Result<Event<K>>>>,
    stage: Stage,
    failures: u32,
    trouble: Trouble,
}

/// What happens to objects, for as long as anybody asks. After an interruption it begins with a new list, so that nothing
/// is missed and a silent watch is known to live. Why it fails is logged once, and when that changes.
pub fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    deadline: Duration,
    contact: Contact,
) -> impl Stream<Item = Event<K>> + Send
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let following = Following {
        api,
        config,
        deadline,
        contact,
        events: None,
        stage: Stage::Listing,
        failures: 0,
        trouble: Trouble::default(),
    };
    stream::unfold(following, |mut following| async {
        let event = following.next().await;
        Some((event, following))
    })
}

impl<K> Following<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    async fn next(&mut self) -> Event<K> {
        loop {
            let (api, config) = (&self.api, &self.config);
            let events = self.events.get_or_insert_with(|| watcher::watcher(api.clone(), config.clone()).boxed());
            let event = match self.stage {
                Stage::Listing => tokio::time::timeout(self.deadline, events.next()).await,
                Stage::Begun => tokio::time::timeout(SETTLED, events.next()).await,
                Stage::Settled => Ok(events.next().await),
            };
            match event {
                Ok(Some(Ok(event))) => {
                    self.note(&event);
                    return event;
                }
                Ok(Some(Err(error))) => self.interrupted(trouble::of_watch(&error)).await,
                Ok(None) => self.interrupted(Some("the watch ended".to_owned())).await,
                Err(_) if self.stage == Stage::Begun => self.settle(),
                Err(_) => {
                    let seconds = self.deadline.as_secs();
                    self.interrupted(Some(format!("the API server didn't answer within {seconds} s"))).await;
                }
            }
        }
    }

    fn note(&mut self, event: &Event<K>) {
        match event {
            Event::Init => self.stage = Stage::Listing,
            Event::InitApply(_) => {}
            Event::InitDone => {
                self.stage = Stage::Begun;
                self.contact.lives();
            }
            Event::Apply(_) | Event::Delete(_) => self.settle(),
        }
    }

    fn settle(&mut self) {
        if self.stage == Stage::Settled {
            return;
        }
        self.stage = Stage::Settled;
        self.failures = 0;
        if self.trouble.is_over() {
            info!(what = self.contact.name(), "works again");
        }
    }

    async fn interrupted(&mut self, why: Option<String>) {
        self.events = None;
        self.stage = Stage::Listing;
        self.contact.fails();
        self.failures = self.failures.saturating_add(1);
        // Chance enough to keep pods apart, and nothing that could fail.
        let jitter = f64::from(Timestamp::now().subsec_nanosecond()) / 1e9;
        let delay = BACKOFF.delay(self.failures, jitter);
        let what = self.contact.name();
        if let Some(why) = why {
            if self.trouble.is_news(&why) {
                warn!(what, why, "interrupted; it is tried again every few seconds");
            } else {
                debug!(what, why, ?delay, "interrupted");
            }
        }
        tokio::time::sleep(delay).await;
    }
}
