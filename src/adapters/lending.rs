//! A pass holds something that others wait for: its place. While it waits for a server itself, it lends that to them.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

/// Held by a pass, and of no use to it while it only waits.
pub trait Lendable: Send + Sync {
    /// Lends it to others, if that can be; whether it is lent now and wasn't before.
    fn lend(&self) -> bool;

    /// Waits until it is back.
    fn take_back(&self) -> BoxFuture<'_, ()>;
}

tokio::task_local! {
    static HELD: Arc<dyn Lendable>;
}

/// Works with something in hand that can be lent.
pub async fn holding<T>(held: Arc<dyn Lendable>, work: impl Future<Output = T>) -> T {
    HELD.scope(held, work).await
}

/// Waits for something; once that has taken so long, what the pass holds is lent until it is over.
pub async fn lending_after<T>(soon: Duration, waiting: impl Future<Output = T>) -> T {
    let mut waiting = pin!(waiting);
    if let Ok(over) = tokio::time::timeout(soon, &mut waiting).await {
        return over;
    }
    let lent = HELD.try_with(Arc::clone).ok().filter(|held| held.lend());
    let over = waiting.await;
    if let Some(lent) = lent {
        lent.take_back().await;
    }
    over
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::FutureExt;
    use tokio::sync::Notify;

    use super::*;

    #[derive(Default)]
    struct Notes {
        notes: Mutex<Vec<&'static str>>,
        is_lent: Notify,
    }

    impl Notes {
        fn note(&self, what: &'static str) {
            self.notes.lock().expect("nobody panics").push(what);
        }
    }

    impl Lendable for Notes {
        fn lend(&self) -> bool {
            self.note("lent");
            self.is_lent.notify_one();
            true
        }

        fn take_back(&self) -> BoxFuture<'_, ()> {
            async { self.note("taken back") }.boxed()
        }
    }

    #[tokio::test]
    async fn what_takes_long_lends_what_is_held_until_it_is_over_and_nothing_else_does() {
        let notes = Arc::new(Notes::default());
        let (long, short) = (Duration::from_hours(1), Duration::ZERO);
        let work = async {
            lending_after(long, tokio::task::yield_now()).await;
            notes.note("soon");
            // It lasts until it was lent, however fast the machine is.
            lending_after(short, notes.is_lent.notified()).await;
            notes.note("late");
            lending_after(short, std::future::ready(())).await;
        };
        holding(notes.clone(), work).await;
        assert_eq!(*notes.notes.lock().expect("nobody panics"), ["soon", "lent", "taken back", "late"]);
        // Where nothing is held, there is nothing to lend.
        lending_after(short, tokio::time::sleep(Duration::from_millis(1))).await;
    }
}
