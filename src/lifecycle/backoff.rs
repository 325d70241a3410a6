//! How long to wait after a failure.

use std::time::Duration;

/// Waits that double from failure to failure, up to a bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// After the first failure.
    pub initial: Duration,
    /// At most.
    pub longest: Duration,
}

impl Backoff {
    /// The wait after so many failures in a row (1 or more). `jitter`, from 0 to 1, shortens it by up to
    /// a quarter, so that resources that failed together don't come back together.
    #[must_use]
    pub fn delay(&self, failures: u32, jitter: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let delay = self.initial.saturating_mul(1 << doublings).min(self.longest);
        delay.mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_delay_stays_within_its_bounds(failures in 0_u32.., jitter in 0.0..=1.0_f64) {
            let backoff = Backoff { initial: Duration::from_secs(2), longest: Duration::from_mins(5) };
            let delay = backoff.delay(failures, jitter);
            prop_assert!(delay >= Duration::from_millis(1500));
            prop_assert!(delay <= Duration::from_mins(5));
        }
    }

    #[test]
    fn waits_double_from_failure_to_failure() {
        let backoff = Backoff { initial: Duration::from_secs(2), longest: Duration::from_mins(5) };
        let delays: Vec<_> = (1..=4).map(|failures| backoff.delay(failures, 0.0).as_secs()).collect();
        assert_eq!(delays, [2, 4, 8, 16]);
    }
}
