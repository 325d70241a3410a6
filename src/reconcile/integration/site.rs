//! A warehouse, as a pass has found it.

use super::error::Error;
use super::look;
use super::search::{Access, Finding};
use super::sessions::Sessions;
use super::validate::Inside;
use super::work::Work;
use crate::lifecycle::checks::Watched;
use crate::lifecycle::{
    ManagedDatabase, Member, Observed, Ownership, Recorded, Seen, Setup, Standing, Wanted, WarehouseFacts,
};
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
    /// As its system account has found it, which proves by its login that it is ours: for what needs nobody else's
    /// credentials. That account takes the place of the one which sets things up.
    pub async fn of_system_account(
        work: &Work<'a, W>,
        wanted: &Wanted,
        inside: Inside<W>,
        watched: &Watched,
    ) -> Result<Self, Error> {
        let Inside { session, target, credentials } = inside;
        let setup = watched.setup();
        let facts = look::warehouse(&session, &setup).await?;
        let initial_database = wanted.initial_database.clone();
        let access = Access {
            warehouses: &work.context.warehouses,
            target,
            initial_database,
            admin: credentials,
            described: None,
        };
        let ownership = Ownership {
            system_account: Standing::Ours,
            database: ManagedDatabase::Registered(watched.registry.clone()),
            ..Ownership::nothing(&setup.system_account)
        };
        let finding = Finding { ownership, contents: watched.contents.clone(), collation: None, registered: None };
        Ok(Self { access, facts, setup, finding, sessions: Sessions::of_system_account(session) })
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
