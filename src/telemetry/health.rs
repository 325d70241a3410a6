//! Whether the process is in touch with the API server, which is what health and readiness say.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What is known of one thing by which the process is in touch: a watch, or the look at the Lease.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// It works now.
    lives: bool,
    /// It has worked once.
    has_worked: bool,
}

#[derive(Debug)]
struct Contacts {
    known: BTreeMap<String, Known>,
    /// Since when nothing works.
    out_of_touch_since: Option<Instant>,
    longest: Duration,
}

/// Health and readiness; cheap to clone.
#[derive(Clone, Debug)]
pub struct Health(Arc<Mutex<Contacts>>);

/// One thing by which the process is in touch. Dropped, it doesn't count any more.
#[derive(Debug)]
pub struct Contact {
    name: String,
    health: Health,
}

impl Health {
    /// Not in touch yet. It counts as unhealthy once it has been out of touch for longer than this.
    #[must_use]
    pub fn new(longest: Duration) -> Self {
        let contacts = Contacts { known: BTreeMap::new(), out_of_touch_since: Some(Instant::now()), longest };
        Self(Arc::new(Mutex::new(contacts)))
    }

    /// Another thing by which the process is to be in touch.
    #[must_use]
    pub fn contact(&self, name: impl Into<String>) -> Contact {
        let name = name.into();
        self.contacts().known.insert(name.clone(), Known::default());
        Contact { name, health: self.clone() }
    }

    /// What is wrong, if the process should be started anew.
    ///
    /// # Errors
    ///
    /// If it has been out of touch for too long.
    pub fn health(&self) -> Result<(), String> {
        self.contacts().health(Instant::now())
    }

    /// What is missing, if the process can't be counted on.
    ///
    /// # Errors
    ///
    /// If something has never worked yet, or it has been out of touch for too long.
    pub fn readiness(&self) -> Result<(), String> {
        self.contacts().readiness(Instant::now())
    }

    fn contacts(&self) -> MutexGuard<'_, Contacts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contacts {
    fn change(&mut self, name: &str, lives: bool, now: Instant) {
        if let Some(known) = self.known.get_mut(name) {
            known.lives = lives;
            known.has_worked |= lives;
        }
        self.look(now);
    }

    fn look(&mut self, now: Instant) {
        if self.known.values().any(|known| known.lives) {
            self.out_of_touch_since = None;
        } else {
            self.out_of_touch_since.get_or_insert(now);
        }
    }

    fn health(&self, now: Instant) -> Result<(), String> {
        let silence = self.out_of_touch_since.map(|since| now.saturating_duration_since(since));
        match silence.filter(|silence| *silence > self.longest) {
            None => Ok(()),
            Some(silence) => {
                let names: Vec<_> = self.known.keys().map(String::as_str).collect();
                let what = if names.is_empty() { "the API server".to_owned() } else { names.join(", ") };
                Err(format!("out of touch with the API server for {} s: {what}; the log says why", silence.as_secs()))
            }
        }
    }

    fn readiness(&self, now: Instant) -> Result<(), String> {
        self.health(now)?;
        let missing = self.known.iter().filter(|(_, known)| !known.has_worked).map(|(name, _)| name.as_str());
        let missing: Vec<_> = missing.collect();
        if self.known.is_empty() {
            return Err("starting".to_owned());
        }
        if missing.is_empty() { Ok(()) } else { Err(format!("has not begun: {}", missing.join(", "))) }
    }
}

impl Contact {
    /// What it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// It works.
    pub fn lives(&self) {
        self.health.contacts().change(&self.name, true, Instant::now());
    }

    /// It doesn't work.
    pub fn fails(&self) {
        self.health.contacts().change(&self.name, false, Instant::now());
    }
}

impl Drop for Contact {
    fn drop(&mut self) {
        let mut contacts = self.health.contacts();
        contacts.known.remove(&self.name);
        contacts.look(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_mins(3);

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[test]
    fn it_is_unhealthy_when_nothing_has_worked_for_too_long_and_not_before() {
        let health = Health::new(LONGEST);
        let (resources, secrets) = (health.contact("watch of resources"), health.contact("watch of Secrets"));
        assert!(health.contacts().health(after(170)).is_ok());
        assert!(health.contacts().health(after(190)).is_err());
        resources.lives();
        assert!(health.contacts().health(after(10_000)).is_ok(), "it lives");
        secrets.lives();
        resources.fails();
        assert!(health.contacts().health(after(10_000)).is_ok(), "the other one lives");
        secrets.fails();
        assert!(health.contacts().health(after(170)).is_ok());
        let said = health.contacts().health(after(190)).expect_err("nothing lives");
        assert!(said.contains("watch of Secrets") && said.contains("watch of resources"), "{said}");
        secrets.lives();
        assert!(health.contacts().health(after(10_000)).is_ok(), "it lives again");
    }

    #[test]
    fn failures_in_a_row_are_one_silence() {
        let health = Health::new(LONGEST);
        let watch = health.contact("watch");
        watch.lives();
        watch.fails();
        let since = health.contacts().out_of_touch_since;
        watch.fails();
        assert_eq!(health.contacts().out_of_touch_since, since);
    }

    #[test]
    fn it_is_ready_once_everything_has_worked_and_stays_so_through_a_short_silence() {
        let health = Health::new(LONGEST);
        assert!(health.readiness().is_err(), "nothing is there yet");
        let (one, other) = (health.contact("one"), health.contact("other"));
        one.lives();
        let missing = health.readiness();
        assert_eq!(missing, Err("has not begun: other".to_owned()));
        other.lives();
        assert_eq!(health.readiness(), Ok(()));
        one.fails();
        other.fails();
        assert_eq!(health.readiness(), Ok(()));
        assert!(health.contacts().readiness(after(190)).is_err());
    }

    #[test]
    fn what_is_over_does_not_count() {
        let health = Health::new(LONGEST);
        let lease = health.contact("the Lease");
        lease.lives();
        let watch = health.contact("watch");
        drop(lease);
        assert!(health.readiness().is_err());
        watch.lives();
        assert_eq!(health.readiness(), Ok(()));
    }
}
