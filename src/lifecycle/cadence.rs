//! When an integration that is well is looked at: so that those that were set up together, or that a new process finds, don't
//! all come at the same moment.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// From one look to the next: the interval, or up to a tenth less or more, by `chance` (from 0 to 1).
#[must_use]
pub fn until_next_look(interval: Duration, chance: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * chance.clamp(0.0, 1.0))
}

/// From the start of a process to its first look: within a tenth of the interval, the same for the same UID.
#[must_use]
pub fn until_first_look(interval: Duration, uid: &str) -> Duration {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    // The upper half: as many steps as a number with decimals tells apart.
    let share = f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    interval.mul_f64(0.1 * share)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    proptest! {
        #[test]
        fn looks_are_an_interval_apart_give_or_take_a_tenth(chance in 0.0..=1.0_f64) {
            let wait = until_next_look(HOUR, chance);
            prop_assert!(wait >= Duration::from_mins(54) && wait <= Duration::from_mins(66), "{wait:?}");
        }

        #[test]
        fn the_first_look_comes_within_a_tenth_of_the_interval(uid in any::<String>()) {
            prop_assert!(until_first_look(HOUR, &uid) <= Duration::from_mins(6));
            prop_assert!(until_first_look(Duration::from_mins(1), &uid) <= Duration::from_secs(6));
            prop_assert_eq!(until_first_look(HOUR, &uid), until_first_look(HOUR, &uid));
        }
    }

    #[test]
    fn first_looks_are_spread_evenly() {
        let mut minutes = [0_u32; 6];
        for number in 0..6_000 {
            let wait = until_first_look(HOUR, &format!("uid-{number}"));
            minutes[usize::try_from(wait.as_secs() / 60).expect("a few minutes")] += 1;
        }
        assert!(minutes.iter().all(|count| (900..1_100).contains(count)), "{minutes:?}");
    }
}
