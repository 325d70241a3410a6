//! Leader election over a Lease: of several pods one works, and one that isn't sure that it may work any more, stops at
//! once.

use std::future::Future;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, PostParams};
use kube::{Client, Error};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info, warn};

use super::lease::{self, LEFT_TO_OTHERS, LONGEST_WITHOUT_RENEWAL, LOOKED_AT_EVERY, RENEWED_EVERY, Sighting};
use super::signals::Signals;
use super::trouble::{self, Trouble};
use crate::telemetry::Health;

/// Longest wait for one answer of the API server.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// How long the end of the process waits for the API server to take the Lease back: it would run out by itself.
const RELEASE_DEADLINE: Duration = Duration::from_secs(5);

/// Which Lease, and who wants it.
#[derive(Clone)]
pub struct Election {
    api: Api<Lease>,
    name: String,
    identity: String,
}

/// Why this process doesn't lead any more.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Lost {
    /// Another one has it.
    TakenBy(String),
    /// It couldn't be renewed, and may be another's soon, or is nobody's.
    NotRenewed,
}

/// Why the API server didn't do something.
struct Refusal {
    /// Somebody else has written in the meantime, which is no failure.
    is_conflict: bool,
    /// It may still be done.
    is_unanswered: bool,
    why: String,
}

/// What keeps from taking a Lease to which writes aren't answered.
#[derive(Default)]
struct Restraint {
    /// Tries in a row that weren't answered.
    unanswered: u32,
    until: Duration,
}

impl Restraint {
    /// Times are since some fixed moment.
    fn holds(&self, now: Duration) -> bool {
        now < self.until
    }

    fn tried(&mut self, is_unanswered: bool, now: Duration) {
        self.unanswered = if is_unanswered { self.unanswered.saturating_add(1) } else { 0 };
        // The first may have been an accident.
        if let Some(before) = self.unanswered.checked_sub(2) {
            let wait = LEFT_TO_OTHERS * 2_u32.pow(before.min(3));
            self.until = now + wait;
            warn!(
                seconds = wait.as_secs(),
                "what is written to the Lease isn't answered: it is left to others for a while"
            );
        }
    }
}

/// Held while this process is the leader.
pub struct Leadership {
    election: Election,
    lost: watch::Receiver<Option<Lost>>,
    renewal: AbortOnDropHandle<()>,
}

impl Election {
    /// About a Lease; `identity` is another one for each process.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: String, identity: String) -> Self {
        Self { api: Api::namespaced(client, namespace), name, identity }
    }

    /// Waits until this process is the leader; nothing comes of it if it is asked to end. While the Lease can't be read or
    /// written it goes on trying: to end would have the kubelet wait longer and longer before it starts the next one.
    pub async fn win(&self, health: &Health, signals: &Signals) -> Option<Leadership> {
        let contact = health.contact("the look at the Lease");
        let (started, mut sighting, mut trouble) = (Instant::now(), Sighting::default(), Trouble::default());
        let (mut seen, mut may_be_ours, mut restraint) = (None, false, Restraint::default());
        info!(lease = self.name, "waiting for the Lease");
        while !signals.is_asked_to_end() {
            let looked = tokio::select! {
                () = signals.first() => break,
                looked = self.look() => looked,
            };
            let taken = match looked {
                // Checked once more: one that is asked to end takes nothing that others wait for.
                Ok(found)
                    if sighting.may_take(&found, &self.identity, started.elapsed())
                        && !restraint.holds(started.elapsed())
                        && !signals.is_asked_to_end() =>
                {
                    may_be_ours = true;
                    // Not interrupted: it would be ours, and nobody would know.
                    let taken = self.take(found).await.map(Some);
                    restraint.tried(taken.as_ref().err().is_some_and(|it| it.is_unanswered), started.elapsed());
                    taken
                }
                Ok(found) => {
                    let holder = lease::holder(&found).map(str::to_owned);
                    if seen != holder {
                        info!(holder, "the Lease is another's");
                        seen = holder;
                    }
                    Ok(None)
                }
                Err(refusal) => Err(refusal),
            };
            match taken {
                Ok(Some(leadership)) => {
                    if signals.is_asked_to_end() {
                        leadership.release().await;
                        return None;
                    }
                    info!(lease = self.name, "leading");
                    return Some(leadership);
                }
                Err(refusal) if !refusal.is_conflict => {
                    contact.fails();
                    let why = refusal.why;
                    if trouble.is_news(&why) {
                        warn!(lease = self.name, why, "the Lease can't be used; it is tried again every second");
                    }
                }
                // Another was faster, or holds it.
                Ok(None) | Err(_) => {
                    may_be_ours = false;
                    contact.lives();
                    if trouble.is_over() {
                        info!(lease = self.name, "the Lease can be used again");
                    }
                }
            }
            tokio::select! {
                () = signals.first() => {}
                () = tokio::time::sleep(LOOKED_AT_EVERY) => {}
            }
        }
        if may_be_ours {
            // The answer to its taking was lost.
            self.give_back_in_time().await;
        }
        None
    }

    /// The Lease as it is; made, if it isn't there.
    async fn look(&self) -> Result<Lease, Refusal> {
        match bounded(self.api.get_opt(&self.name)).await? {
            Some(lease) => Ok(lease),
            None => bounded(self.api.create(&PostParams::default(), &lease::new(&self.name))).await,
        }
    }

    async fn take(&self, found: Lease) -> Result<Leadership, Refusal> {
        let asked = Instant::now();
        let lease = lease::taken(found, &self.identity, Timestamp::now());
        let lease = bounded(self.api.replace(&self.name, &PostParams::default(), &lease)).await?;
        let (tell, lost) = watch::channel(None);
        let election = self.clone();
        // A task of its own: however busy the passes are, it comes to its turn.
        let renewal = tokio::spawn(async move {
            let why = election.renew(lease, asked).await;
            tell.send_replace(Some(why));
        });
        Ok(Leadership { election: self.clone(), lost, renewal: AbortOnDropHandle::new(renewal) })
    }

    /// Renews the Lease for as long as that goes well. It is good for a time that begins when the API server was asked, not
    /// when it answered.
    async fn renew(&self, mut known: Lease, mut good_since: Instant) -> Lost {
        let mut wait = RENEWED_EVERY;
        loop {
            let until = good_since + LONGEST_WITHOUT_RENEWAL;
            tokio::time::sleep_until((Instant::now() + wait).min(until).into()).await;
            let asked = Instant::now();
            let left = until.saturating_duration_since(asked);
            if left.is_zero() {
                return Lost::NotRenewed;
            }
            match tokio::time::timeout(left, self.renew_once(&mut known)).await {
                Ok(Ok(None)) => (good_since, wait) = (asked, RENEWED_EVERY),
                Ok(Ok(Some(lost))) => return lost,
                Ok(Err(refusal)) => {
                    debug!(why = refusal.why, "the Lease was not renewed");
                    wait = LOOKED_AT_EVERY;
                }
                Err(_) => return Lost::NotRenewed,
            }
        }
    }

    /// Renews it once, or finds that it is lost.
    async fn renew_once(&self, known: &mut Lease) -> Result<Option<Lost>, Refusal> {
        let renewed = lease::taken(known.clone(), &self.identity, Timestamp::now());
        let refusal = match bounded(self.api.replace(&self.name, &PostParams::default(), &renewed)).await {
            Ok(lease) => {
                *known = lease;
                return Ok(None);
            }
            Err(refusal) => refusal,
        };
        // Somebody has written it, or a write of ours was done whose answer was lost: then the next try goes well.
        let Some(found) = bounded(self.api.get_opt(&self.name)).await? else { return Ok(Some(Lost::NotRenewed)) };
        match lease::holder(&found) {
            Some(holder) if holder == self.identity => {
                *known = found;
                Err(refusal)
            }
            Some(holder) => Ok(Some(Lost::TakenBy(holder.to_owned()))),
            None => Ok(Some(Lost::NotRenewed)),
        }
    }

    async fn give_back_in_time(&self) {
        match tokio::time::timeout(RELEASE_DEADLINE, self.give_back()).await {
            Ok(Ok(())) => info!(lease = self.name, "the Lease is given back"),
            Ok(Err(refusal)) => warn!(lease = self.name, why = refusal.why, "the Lease was not given back"),
            Err(_) => warn!(lease = self.name, "the Lease was not given back in time"),
        }
    }

    async fn give_back(&self) -> Result<(), Refusal> {
        loop {
            let Some(found) = bounded(self.api.get_opt(&self.name)).await? else { return Ok(()) };
            if lease::holder(&found) != Some(self.identity.as_str()) {
                return Ok(());
            }
            let free = lease::given_back(found, Timestamp::now());
            match bounded(self.api.replace(&self.name, &PostParams::default(), &free)).await {
                Ok(_) => return Ok(()),
                // Our own last renewal may have come in between.
                Err(refusal) => debug!(why = refusal.why, "the Lease was not given back"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

impl Leadership {
    /// Resolves when this process isn't the leader any more.
    pub async fn lost(&mut self) -> Lost {
        match self.lost.wait_for(Option::is_some).await {
            Ok(lost) => lost.clone().unwrap_or(Lost::NotRenewed),
            // Nobody renews it any more.
            Err(_) => Lost::NotRenewed,
        }
    }

    /// Gives the Lease back, so that the next pod need not wait until it runs out. Nothing of this process's may be under
    /// way any more.
    pub async fn release(self) {
        drop(self.renewal);
        self.election.give_back_in_time().await;
    }
}

async fn bounded<T>(request: impl Future<Output = Result<T, Error>>) -> Result<T, Refusal> {
    match tokio::time::timeout(ANSWER_DEADLINE, request).await {
        Ok(answer) => answer.map_err(|error| Refusal {
            is_conflict: matches!(&error, Error::Api(status) if status.code == 409),
            is_unanswered: false,
            why: trouble::of_request(&error),
        }),
        Err(_) => Err(Refusal {
            is_conflict: false,
            is_unanswered: true,
            why: format!("the API server didn't answer within {} s", ANSWER_DEADLINE.as_secs()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_left_to_others_longer_each_time_that_a_write_of_it_is_not_answered() {
        let (mut restraint, at) = (Restraint::default(), Duration::from_secs);
        restraint.tried(true, at(0));
        assert!(!restraint.holds(at(0)));
        restraint.tried(true, at(10));
        assert!(restraint.holds(at(69)) && !restraint.holds(at(70)));
        restraint.tried(true, at(70));
        assert!(restraint.holds(at(189)) && !restraint.holds(at(190)));
        restraint.tried(false, at(190));
        restraint.tried(true, at(191));
        assert!(!restraint.holds(at(191)));
    }
}
