//! Faults on order: at a statement, at a login.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

/// When a fault fires, and what happens then.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// Only at a statement that holds this text.
    #[serde(default)]
    pub contains: Option<String>,
    /// Only of this user.
    #[serde(default)]
    pub user: Option<String>,
    /// Only in this database.
    #[serde(default)]
    pub database: Option<String>,
    /// Only at the n-th statement (from 1) that fits, counted from when the fault was set.
    #[serde(default)]
    pub nth: Option<u64>,
    /// How often it fires; without a number, once.
    #[serde(default = "once")]
    pub times: u64,
    /// What happens.
    pub action: Action,
}

fn once() -> u64 {
    1
}

/// What happens.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Action {
    /// The connection breaks, and the server never sees the statement.
    DropBefore,
    /// The connection breaks when the server has done it.
    DropAfter,
    /// The statement waits this long, in milliseconds, before the server sees it.
    Delay {
        /// How long.
        milliseconds: u64,
    },
    /// The server answers with this error and does nothing.
    Refuse {
        /// The error's code.
        sqlstate: String,
        /// Its text; `{statement}` stands for the statement's, since servers like to quote.
        message: String,
    },
    /// The server answers with an error that has a DETAIL, and does nothing.
    RefuseWithDetail {
        /// The error's code.
        sqlstate: String,
        /// Its text; `{statement}` stands for the statement's.
        message: String,
        /// Its DETAIL; `{query}` and `{pid}` stand for numbers that differ from try to try, as in Redshift's blocks:
        /// `faults::detail_block`.
        detail: String,
    },
    /// The server answers with an error whose text isn't UTF-8, and does nothing.
    RefuseWithoutText {
        /// The error's code.
        sqlstate: String,
    },
    /// The server does it, and the first row of its answer holds bytes that aren't UTF-8.
    RowWithoutText,
    /// A notice comes before the answer.
    Notice {
        /// Its text.
        message: String,
    },
    /// The server doesn't see it, and the answer is rows, until the client is gone.
    EndlessRows,
    /// The server does it, and the answer comes in pieces.
    Drip {
        /// How many bytes a piece has.
        bytes: usize,
        /// How long to the next one.
        milliseconds: u64,
    },
    /// The stand-in itself fails: for its own tests.
    Panic,
    /// The stand-in's own superuser does it, as the session's user and outside of the client's transaction,
    /// which can't undo it: whether Redshift rolls back users and roles is not documented.
    CommitAnyway,
    /// The statement waits for `release` before the server sees it; if the client goes away meanwhile,
    /// the server never does.
    HoldBefore,
    /// The server does it, and the answer waits for `release`.
    HoldAfter,
    /// The login is refused.
    RefuseLogin {
        /// The error's code.
        sqlstate: String,
        /// Its text.
        message: String,
    },
    /// The startup packet lies there this long, in milliseconds, as with a warehouse that has to wake up first.
    ColdStart {
        /// How long.
        milliseconds: u64,
    },
    /// The server asks for a digest by an algorithm that came after SHA-256 (code 13).
    AskForNewDigest,
    /// The server asks for the password in the clear (code 3).
    AskForClearPassword,
}

impl Action {
    fn is_for_logins(&self) -> bool {
        matches!(self, Self::RefuseLogin { .. } | Self::AskForNewDigest | Self::AskForClearPassword)
    }

    fn is_for_startups(&self) -> bool {
        matches!(self, Self::ColdStart { .. })
    }
}

#[derive(Debug)]
struct Armed {
    id: u64,
    fault: Fault,
    seen: u64,
    fired: u64,
}

/// The faults that are set; cheap to clone.
#[derive(Clone, Debug)]
pub struct Faults {
    armed: Arc<Mutex<(u64, Vec<Armed>)>>,
    released: Arc<Notify>,
    held: Arc<watch::Sender<usize>>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { armed: Arc::default(), released: Arc::default(), held: Arc::new(watch::Sender::new(0)) }
    }
}

impl Fault {
    /// A fault that fires at the first statement that comes.
    #[must_use]
    pub fn new(action: Action) -> Self {
        Self { contains: None, user: None, database: None, nth: None, times: 1, action }
    }

    /// Only at a statement that holds a text.
    #[must_use]
    pub fn at(mut self, text: &str) -> Self {
        self.contains = Some(text.to_owned());
        self
    }

    /// Only at the n-th statement (from 1) that fits.
    #[must_use]
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth);
        self
    }

    /// Only of a user.
    #[must_use]
    pub fn of(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Only in a database.
    #[must_use]
    pub fn in_database(mut self, database: &str) -> Self {
        self.database = Some(database.to_owned());
        self
    }

    /// How often it fires.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }
}

impl Fault {
    fn is_for(&self, user: &str, database: &str) -> bool {
        let fits = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|name| name == is);
        fits(&self.user, user) && fits(&self.database, database)
    }
}

/// The DETAIL of an error of a compute node, as Redshift writes it: with numbers that differ from try to try.
/// <https://github.com/databricks/spark-redshift/issues/348>
#[must_use]
pub fn detail_block(error: &str, code: u32, context: &str, location: &str) -> String {
    let line = "-----------------------------------------------";
    format!(
        "\n  {line}\n  error:  {error}\n  code:      {code}\n  context:   {context}\n  query:     {{query}}\n  \
         location:  {location}\n  process:   padbmaster [pid={{pid}}]\n  {line}\n"
    )
}

impl Faults {
    fn armed(&self) -> std::sync::MutexGuard<'_, (u64, Vec<Armed>)> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a fault and returns its number.
    pub fn set(&self, fault: Fault) -> u64 {
        let mut armed = self.armed();
        armed.0 += 1;
        let id = armed.0;
        armed.1.push(Armed { id, fault, seen: 0, fired: 0 });
        id
    }

    /// The faults that are set, with how often each has fired.
    #[must_use]
    pub fn list(&self) -> Vec<(u64, Fault, u64)> {
        self.armed().1.iter().map(|armed| (armed.id, armed.fault.clone(), armed.fired)).collect()
    }

    /// How often a fault has fired.
    #[must_use]
    pub fn fired(&self, id: u64) -> u64 {
        self.armed().1.iter().find(|armed| armed.id == id).map_or(0, |armed| armed.fired)
    }

    /// Takes all faults back and lets go of what is held.
    pub fn clear(&self) {
        self.armed().1.clear();
        self.release();
    }

    /// Lets go of what is held.
    pub fn release(&self) {
        self.released.notify_waiters();
    }

    /// Whether something is held.
    #[must_use]
    pub fn is_held(&self) -> bool {
        *self.held.borrow() > 0
    }

    /// Waits until something is held.
    pub async fn held(&self) {
        let mut held = self.held.subscribe();
        // The sender lives as long as we do.
        let _ = held.wait_for(|count| *count > 0).await;
    }

    /// Waits for `release`.
    pub(crate) async fn hold(&self) {
        let released = self.released.notified();
        tokio::pin!(released);
        released.as_mut().enable();
        self.held.send_modify(|count| *count += 1);
        let _counted = Counted(&self.held);
        released.await;
    }

    /// The fault that fires at a statement.
    pub(crate) fn at_statement(&self, user: &str, database: &str, text: &str) -> Option<Action> {
        self.fire(|fault| {
            !fault.action.is_for_logins()
                && !fault.action.is_for_startups()
                && fault.contains.as_ref().is_none_or(|part| text.contains(part.as_str()))
                && fault.is_for(user, database)
        })
    }

    /// The fault that fires at a login.
    pub(crate) fn at_login(&self, user: &str, database: &str) -> Option<Action> {
        self.fire(|fault| fault.action.is_for_logins() && fault.is_for(user, database))
    }

    /// The fault that fires before a login is looked at.
    pub(crate) fn at_startup(&self, user: &str, database: &str) -> Option<Action> {
        self.fire(|fault| fault.action.is_for_startups() && fault.is_for(user, database))
    }

    fn fire(&self, fits: impl Fn(&Fault) -> bool) -> Option<Action> {
        let mut armed = self.armed();
        let mut fires = None;
        for armed in armed.1.iter_mut().filter(|armed| fits(&armed.fault)) {
            armed.seen += 1;
            let due = armed.fault.nth.is_none_or(|nth| armed.seen >= nth);
            if fires.is_none() && due && armed.fired < armed.fault.times {
                armed.fired += 1;
                fires = Some(armed.fault.action.clone());
            }
        }
        fires
    }
}

struct Counted<'a>(&'a watch::Sender<usize>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the README has them.
    #[test]
    fn faults_are_ordered_in_json() {
        for (json, expected) in [
            (r#"{"action": {"kind": "dropBefore"}}"#, Action::DropBefore),
            (
                r#"{"contains": "x", "nth": 2, "action": {"kind": "refuse", "sqlstate": "1", "message": "m"}}"#,
                Action::Refuse { sqlstate: "1".to_owned(), message: "m".to_owned() },
            ),
            (
                r#"{"action": {"kind": "refuseWithDetail", "sqlstate": "1", "message": "m", "detail": "d"}}"#,
                Action::RefuseWithDetail { sqlstate: "1".to_owned(), message: "m".to_owned(), detail: "d".to_owned() },
            ),
            (r#"{"action": {"kind": "rowWithoutText"}}"#, Action::RowWithoutText),
            (
                r#"{"action": {"kind": "drip", "bytes": 1, "milliseconds": 2}}"#,
                Action::Drip { bytes: 1, milliseconds: 2 },
            ),
            (
                r#"{"database": "d", "user": "u", "action": {"kind": "coldStart", "milliseconds": 3}}"#,
                Action::ColdStart { milliseconds: 3 },
            ),
        ] {
            let fault: Fault = serde_json::from_str(json).expect(json);
            assert_eq!((fault.action, fault.times), (expected, 1));
        }
    }
}
