//! A panic ends the pass that it happens in, and no other: one resource may not stop the work on all.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

use crate::api::Reason;
use crate::lifecycle::Failure;

/// What is told of a panic. Its own words may quote anything, so they go nowhere; where it was is in the log.
const MISTAKE: &str = "the operator gave this up because of a mistake of its own, and tries again by itself; if it stays so, \
     report the mistake with the lines of the operator's log that say `panicked`";

/// A panic that went no further.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Panicked;

impl From<Panicked> for Failure {
    /// How it shows in status: never with its own words.
    fn from(Panicked: Panicked) -> Self {
        Self::waiting(Reason::InternalError, MISTAKE)
    }
}

/// Lets no panic out. What a pass shares with others is safe behind one: locks are given back, and nothing that is
/// remembered is written in two steps.
pub async fn contained<T>(pass: impl Future<Output = T>) -> Result<T, Panicked> {
    // What it was raised with is dropped unread.
    AssertUnwindSafe(pass).catch_unwind().await.map_err(|_| Panicked)
}

/// The same for what doesn't wait.
pub fn contained_at_once<T>(work: impl FnOnce() -> T) -> Result<T, Panicked> {
    std::panic::catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked)
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;
    use crate::lifecycle::Category;

    #[tokio::test]
    async fn a_panic_of_one_pass_leaves_the_others_at_work() {
        let passes = (0..4).map(|number| {
            contained(async move {
                tokio::task::yield_now().await;
                assert_ne!(number, 2, "the third one panics");
                number
            })
        });
        assert_eq!(join_all(passes).await, [Ok(0), Ok(1), Err(Panicked), Ok(3)]);
    }

    #[test]
    fn a_panic_shows_as_a_failure_that_is_tried_again() {
        let shown = Failure::from(Panicked);
        assert_eq!((shown.reason, shown.category), (Reason::InternalError, Category::Transient));
    }
}
