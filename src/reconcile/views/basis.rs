//! What a pass was based on. As long as that stays the same, nothing is done before its time.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use kube::{Resource, ResourceExt};

use super::Looked;
use crate::api::{CONFIRM_REMOVAL_ANNOTATION, RedshiftIntegration};
use crate::ports::{Host, Key, PolicyResources, World};
use crate::reconcile::{Context, Next};

/// What a pass was based on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Basis {
    fingerprint: u64,
    /// When it looked, by the machine's time: what is looked at once an hour is spread by it.
    looked_at: Duration,
}

/// Of all that decides what is done: no version, since what the operator writes itself is no reason for another pass.
pub fn fingerprint(integration: Option<&RedshiftIntegration>, resources: &PolicyResources) -> u64 {
    let mut hasher = DefaultHasher::new();
    if let Some(integration) = integration {
        of_object(integration, &mut hasher);
        let status = integration.status.as_ref();
        let created = status.and_then(|status| status.created.as_ref());
        created.map(|created| (created.schema_version, created.applied_hash.is_some())).hash(&mut hasher);
    }
    let PolicyResources { data_sources, profiles, profile_sources, unreadable } = resources;
    for source in data_sources {
        of_object(source, &mut hasher);
    }
    for profile in profiles {
        of_object(profile, &mut hasher);
    }
    for source in profile_sources {
        of_object(source, &mut hasher);
        source.annotations().get(CONFIRM_REMOVAL_ANNOTATION).hash(&mut hasher);
    }
    unreadable.hash(&mut hasher);
    hasher.finish()
}

fn of_object(object: &impl Resource, hasher: &mut DefaultHasher) {
    let metadata = object.meta();
    (&metadata.uid, metadata.generation, metadata.deletion_timestamp.is_some()).hash(hasher);
}

/// When the next pass is due, if not now.
pub fn rest<W: World>(context: &Context<W>, key: &Key, fingerprint: u64) -> Option<Next> {
    let memory = context.views.of(&key.to_string());
    memory.basis.filter(|basis| basis.fingerprint == fingerprint)?;
    let Some(at) = memory.not_before else { return Some(Next::OnChange) };
    let rest = at.checked_sub(context.host.elapsed()).filter(|rest| !rest.is_zero())?;
    Some(Next::After(rest))
}

/// When this process looked last at what is for an integration.
pub fn looked_at<W: World>(context: &Context<W>, key: &Key) -> Option<Duration> {
    context.views.of(&key.to_string()).basis.map(|basis| basis.looked_at)
}

/// A pass has come to its end: when the next one is due.
pub fn remember<W: World>(context: &Context<W>, key: &Key, fingerprint: u64, looked: Looked) -> Next {
    let (name, now) = (key.to_string(), context.host.elapsed());
    let mut memory = context.views.of(&name);
    memory.failures = if looked.is_waiting { memory.failures.saturating_add(1) } else { 0 };
    let retry = looked.is_waiting.then(|| context.settings.backoff.delay(memory.failures, context.host.random()));
    let delay = [retry, looked.interval].into_iter().flatten().min();
    memory.basis = Some(Basis { fingerprint, looked_at: now });
    memory.not_before = delay.map(|delay| now + delay);
    context.views.remember(&name, memory);
    Next::after(delay)
}
