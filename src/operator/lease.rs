//! The Lease: what may be done about it, given what was seen of it. It follows the protocol of client-go: nobody trusts
//! another's clock, and every write is refused by the API server if somebody else has written meanwhile.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};

/// How long a Lease is good for after its holder was last heard of: the longest time without anybody at work after a crash.
pub const DURATION: Duration = Duration::from_secs(30);

/// How long a holder goes on working that can't renew it: well before anybody else may take it.
pub const LONGEST_WITHOUT_RENEWAL: Duration = Duration::from_secs(20);

/// Between two renewals that go well.
pub const RENEWED_EVERY: Duration = Duration::from_secs(10);

/// How long a Lease is left to others that can be read, and what is written to it isn't answered in time, again and again: such a
/// write may be done later, and would keep the Lease from whoever can write it. Longer each time, up to eight times as long.
pub const LEFT_TO_OTHERS: Duration = Duration::from_mins(1);

/// Between two looks at a Lease that another holds, and between two tries to renew: one that was given back is taken
/// within two of these.
pub const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// Who holds a Lease.
#[must_use]
pub fn holder(lease: &Lease) -> Option<&str> {
    lease.spec.as_ref()?.holder_identity.as_deref().filter(|holder| !holder.is_empty())
}

/// What one who waits has seen of a Lease that another holds.
#[derive(Debug, Default)]
pub struct Sighting {
    /// Its version, and when it was first seen, by the own clock.
    last: Option<(String, Duration)>,
}

impl Sighting {
    /// Whether the Lease may be taken: nobody holds it, it is one's own, or its holder has not been heard of for as long as
    /// it is good for. `now` is the time since some fixed moment.
    pub fn may_take(&mut self, lease: &Lease, identity: &str, now: Duration) -> bool {
        let Some(holder) = holder(lease) else { return true };
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let since = match &self.last {
            Some((last, since)) if *last == version => *since,
            _ => {
                self.last = Some((version, now));
                now
            }
        };
        let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
        let good_for = seconds.and_then(|seconds| u64::try_from(seconds).ok()).map_or(DURATION, Duration::from_secs);
        holder == identity || now.saturating_sub(since) >= good_for
    }
}

/// A Lease that nobody has made yet.
#[must_use]
pub fn new(name: &str) -> Lease {
    Lease {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        spec: Some(LeaseSpec::default()),
    }
}

/// The same Lease, taken.
#[must_use]
pub fn taken(mut lease: Lease, identity: &str, now: Timestamp) -> Lease {
    let is_ours = holder(&lease) == Some(identity);
    let spec = lease.spec.get_or_insert_default();
    if !is_ours {
        spec.acquire_time = Some(MicroTime(now));
        spec.lease_transitions = Some(spec.lease_transitions.unwrap_or_default().saturating_add(1));
    }
    spec.holder_identity = Some(identity.to_owned());
    spec.lease_duration_seconds = i32::try_from(DURATION.as_secs()).ok();
    spec.renew_time = Some(MicroTime(now));
    lease
}

/// The same Lease, given back.
#[must_use]
pub fn given_back(mut lease: Lease, now: Timestamp) -> Lease {
    let spec = lease.spec.get_or_insert_default();
    spec.holder_identity = None;
    spec.acquire_time = None;
    spec.renew_time = Some(MicroTime(now));
    // As client-go does it, for whoever looks at times alone.
    spec.lease_duration_seconds = Some(1);
    lease
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: Option<&str>, version: u32) -> Lease {
        let mut lease = new("lease");
        lease.metadata.resource_version = Some(version.to_string());
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = holder.map(str::to_owned);
        spec.lease_duration_seconds = Some(30);
        lease
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn what_nobody_holds_or_one_holds_oneself_may_be_taken_at_once() {
        for holder in [None, Some(""), Some("us")] {
            assert!(Sighting::default().may_take(&lease(holder, 1), "us", at(0)), "{holder:?}");
        }
    }

    #[test]
    fn anothers_may_be_taken_when_he_was_not_heard_of_for_its_duration() {
        let mut sighting = Sighting::default();
        assert!(!sighting.may_take(&lease(Some("other"), 1), "us", at(100)));
        assert!(!sighting.may_take(&lease(Some("other"), 1), "us", at(129)));
        // Heard of.
        assert!(!sighting.may_take(&lease(Some("other"), 2), "us", at(129)));
        assert!(!sighting.may_take(&lease(Some("other"), 2), "us", at(158)));
        assert!(sighting.may_take(&lease(Some("other"), 2), "us", at(159)));
    }

    #[test]
    fn a_holder_stops_well_before_another_may_begin() {
        assert!(LONGEST_WITHOUT_RENEWAL + 2 * LOOKED_AT_EVERY < DURATION);
        assert!(RENEWED_EVERY + 2 * LOOKED_AT_EVERY < LONGEST_WITHOUT_RENEWAL);
    }

    #[test]
    fn a_change_of_holders_is_counted_and_a_renewal_is_not() {
        let now = Timestamp::UNIX_EPOCH;
        let transitions = |lease: &Lease| lease.spec.as_ref().and_then(|spec| spec.lease_transitions);
        let first = taken(new("lease"), "us", now);
        assert_eq!((holder(&first), transitions(&first)), (Some("us"), Some(1)));
        let renewed = taken(first, "us", now);
        assert_eq!(transitions(&renewed), Some(1));
        let free = given_back(renewed, now);
        assert_eq!((holder(&free), transitions(&free)), (None, Some(1)));
        assert_eq!(transitions(&taken(free, "other", now)), Some(2));
    }
}
