//! What a pass was based on. As long as that stays the same, nothing is done before its time; and what of it stays the same isn't
//! looked at because something else has changed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use kube::ResourceExt;
use kube::api::ObjectMeta;

use crate::api::{CONFIRM_REMOVAL_ANNOTATION, RedshiftIntegration};
use crate::ports::{Host, Key, PolicyResources, World};
use crate::reconcile::{Context, Next};

/// What a pass was based on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Basis {
    done: Fingerprints,
    /// The registry's counter at the end of the last pass: if it is another one, somebody else has worked meanwhile.
    counter: Option<i64>,
    /// When all of it was looked at last, by the machine's time: what is looked at once an hour goes by it.
    looked_at: Option<Duration>,
    /// When all of it is looked at next.
    next_look: Option<Duration>,
}

/// Of all that decides what is done: no version, since what the operator writes itself is no reason for another pass. Nothing for
/// what has to be done.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Fingerprints {
    /// Of the data sources.
    pub views: Option<u64>,
    /// Of the profiles.
    pub profiles: Option<u64>,
}

/// What a pass is to look at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Parts {
    /// The data sources, and their tables and views.
    pub views: bool,
    /// The profiles, and the files that they are read from.
    pub profiles: bool,
}

/// What a pass that has come to its end has to say of the next one.
#[derive(Clone, Copy, Debug)]
pub struct Looked {
    /// What was brought to its end, if only to say that nothing can be done.
    pub done: Parts,
    /// When all of it is looked at again.
    pub interval: Option<Duration>,
    /// Whether something is to be tried again before.
    pub is_waiting: bool,
    /// The registry's counter, if it was met.
    pub counter: Option<i64>,
}

/// What there is now.
pub fn fingerprints(integration: Option<&RedshiftIntegration>, resources: &PolicyResources) -> Fingerprints {
    let (mut views, mut profiles) = (DefaultHasher::new(), DefaultHasher::new());
    if let Some(integration) = integration {
        let status = integration.status.as_ref();
        let created = status.and_then(|status| status.created.as_ref());
        for hasher in [&mut views, &mut profiles] {
            of_metadata(&integration.metadata, hasher);
            created.map(|created| (created.schema_version, created.applied_hash.is_some())).hash(hasher);
        }
    }
    let PolicyResources { data_sources, profiles: single, profile_sources, unreadable } = resources;
    for source in data_sources {
        of_metadata(&source.metadata, &mut views);
    }
    for profile in single {
        of_metadata(&profile.metadata, &mut profiles);
    }
    for source in profile_sources {
        of_metadata(&source.metadata, &mut profiles);
        source.annotations().get(CONFIRM_REMOVAL_ANNOTATION).hash(&mut profiles);
    }
    unreadable.hash(&mut views);
    unreadable.hash(&mut profiles);
    Fingerprints { views: Some(views.finish()), profiles: Some(profiles.finish()) }
}

fn of_metadata(metadata: &ObjectMeta, hasher: &mut DefaultHasher) {
    (&metadata.uid, metadata.generation, metadata.deletion_timestamp.is_some()).hash(hasher);
}

/// What is to be looked at now; or when, if nothing is.
pub fn due<W: World>(context: &Context<W>, key: &Key, now: Fingerprints) -> Result<Parts, Next> {
    let memory = context.views.of(&key.to_string());
    let Some(basis) = memory.basis else { return Ok(Parts { views: true, profiles: true }) };
    let elapsed = context.host.elapsed();
    if basis.next_look.is_some_and(|at| at <= elapsed) {
        return Ok(Parts { views: true, profiles: true });
    }
    let is_to_be_retried = memory.not_before.is_some_and(|at| at <= elapsed);
    let parts = Parts {
        views: basis.done.views != now.views || is_to_be_retried,
        profiles: basis.done.profiles != now.profiles,
    };
    if parts.views || parts.profiles {
        return Ok(parts);
    }
    Err(Next::after(memory.not_before.map(|at| at.saturating_sub(elapsed))))
}

/// When this process looked last at all that is for an integration.
pub fn looked_at<W: World>(context: &Context<W>, key: &Key) -> Option<Duration> {
    context.views.of(&key.to_string()).basis.and_then(|basis| basis.looked_at)
}

/// Whether nobody else has worked on the registry since the last pass of this process.
pub fn is_alone<W: World>(context: &Context<W>, key: &Key, counter: i64) -> bool {
    context.views.of(&key.to_string()).basis.is_some_and(|basis| basis.counter == Some(counter))
}

/// A pass has come to its end: when the next one is due.
pub fn remember<W: World>(context: &Context<W>, key: &Key, at_start: Fingerprints, looked: Looked) -> Next {
    let (name, now) = (key.to_string(), context.host.elapsed());
    let mut memory = context.views.of(&name);
    let before = memory.basis.unwrap_or(Basis {
        done: Fingerprints::default(),
        counter: None,
        looked_at: None,
        next_look: None,
    });
    let Looked { done, interval, is_waiting, counter } = looked;
    let is_all = done.views && done.profiles;
    let basis = Basis {
        done: Fingerprints {
            views: if done.views { at_start.views } else { before.done.views },
            profiles: if done.profiles { at_start.profiles } else { before.done.profiles },
        },
        counter: counter.or(before.counter),
        looked_at: if is_all { Some(now) } else { before.looked_at },
        next_look: if is_all { interval.map(|interval| now + interval) } else { before.next_look },
    };
    memory.failures = if is_waiting { memory.failures.saturating_add(1) } else { 0 };
    let retry = is_waiting.then(|| now + context.settings.backoff.delay(memory.failures, context.host.random()));
    memory.basis = Some(basis);
    memory.not_before = [retry, basis.next_look].into_iter().flatten().min();
    let next = Next::after(memory.not_before.map(|at| at.saturating_sub(now)));
    context.views.remember(&name, memory);
    next
}

/// The files that profiles are read from have changed.
pub fn files_changed<W: World>(context: &Context<W>, key: &Key) {
    let name = key.to_string();
    let mut memory = context.views.of(&name);
    if let Some(basis) = &mut memory.basis {
        basis.done.profiles = None;
        context.views.remember(&name, memory);
    }
}
