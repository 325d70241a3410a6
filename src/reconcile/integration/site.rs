//! A warehouse, as a pass has found it.

use super::search::{Access, Finding};
use super::sessions::Sessions;
use crate::lifecycle::{Member, Observed, Recorded, Seen, Setup, WarehouseFacts};
use crate::ports::{SessionOf, World};

/// A warehouse, as a pass has found it, and the connections over which it did.
pub struct Site<'a, W: World> {
    /// The way in.
    pub access: Access<'a, W>,
    /// What the warehouse is, and what the account that sets things up may do.
    pub facts: WarehouseFacts,
    /// What was searched for: what is wanted, or, in a deletion, what there is.
    pub setup: Setup,
    /// What was found of it.
    pub finding: Finding,
    /// The connections that are open.
    pub sessions: Sessions<SessionOf<W>>,
}

impl<W: World> Site<'_, W> {
    /// What a plan is made from.
    pub fn observed<'s>(&'s self, recorded: Recorded, members: &'s Seen<Vec<Member>>) -> Observed<'s> {
        Observed {
            recorded,
            ownership: &self.finding.ownership,
            power: self.facts.account.power(),
            members,
            contents: &self.finding.contents,
        }
    }

    /// The connection to the initial database over which it was looked.
    pub fn initial(&self) -> &SessionOf<W> {
        self.sessions.initial.as_ref().expect("it is open until something is done")
    }
}
