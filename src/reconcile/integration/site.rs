//! A warehouse, as a pass has found it.

use std::collections::BTreeMap;

use super::error::Error;
use super::look;
use super::search::{Access, Finding};
use super::sessions::Sessions;
use super::validate::Inside;
use super::work::Work;
use crate::lifecycle::checks::Watched;
use crate::lifecycle::{ManagedDatabase, Member, Observed, Ownership, Recorded, Seen, Setup, Standing, WarehouseFacts};
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

impl<'a, W: World> Site<'a, W> {
    /// As its system account has found it, which proves by its login that it is ours: for what needs no credentials but its
    /// own.
    pub async fn of_system_account(work: &Work<'a, W>, inside: Inside<W>, watched: &Watched) -> Result<Self, Error> {
        let setup = watched.setup();
        let account = work.account.as_ref().and_then(|account| account.credentials(&watched.account_name));
        let facts = look::warehouse(&inside.session, &setup).await?;
        let access = Access {
            warehouses: &work.context.warehouses,
            target: inside.target,
            initial_database: setup.database.clone(),
            admin: account.expect("it has logged in with them"),
        };
        let ownership = Ownership {
            claim: Standing::Ours,
            system_account: Standing::Ours,
            system_account_name: watched.account_name.clone(),
            wanted_account: Standing::Absent,
            roles: BTreeMap::new(),
            database: ManagedDatabase::Registered(watched.registry.clone()),
        };
        let finding = Finding { ownership, contents: watched.contents.clone(), collation: None, registered: None };
        let sessions = Sessions { initial: None, managed: Some(inside.session), managed_as_admin: None };
        Ok(Self { access, facts, setup, finding, sessions })
    }
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
