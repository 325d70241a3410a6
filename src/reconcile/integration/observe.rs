//! What there is, before anything is decided: enter, look, search; and what a person wants to be taken over becomes ours.
//! A creation, an edit and a deletion all begin so.

use super::error::Error;
use super::search::{Access, Finding, Search};
use super::sessions::Sessions;
use super::take_over::{TakeOver, heritage};
use super::work::Work;
use super::{look, refusals};
use crate::api::Reason;
use crate::lifecycle::proof;
use crate::lifecycle::{ManagedDatabase, Observed, Place, Recorded, Refusal, Schema, Seen, Setup, WarehouseFacts};
use crate::ports::{SessionOf, World};

/// What becomes of what the registry says is ours, or a person says is to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inheritance {
    /// It is left alone: an edit is of what is ours for certain.
    Refused,
    /// It becomes ours, and is changed into what is wanted.
    Taken,
    /// It becomes ours, to be removed.
    Removed,
}

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

/// Looks.
pub async fn observe<'a, W: World>(
    work: &mut Work<'a, W>,
    access: Access<'a, W>,
    initial: SessionOf<W>,
    setup: Setup,
    inheritance: Inheritance,
) -> Result<Site<'a, W>, Error> {
    let facts = look::warehouse(&initial, &setup).await?;
    let sessions = Sessions::new(initial);
    let (finding, managed) = search(work, &access, &setup, &facts).await?;
    let mut site = Site { access, facts, setup, finding, sessions };
    site.sessions.managed = managed;
    let found = match inheritance {
        Inheritance::Refused => None,
        Inheritance::Taken | Inheritance::Removed => heritage(&work.object, &site.finding, &site.facts),
    };
    refuse_other_versions(&site, found.as_ref(), inheritance)?;
    let Some(found) = found else { return Ok(site) };
    let is_removed = inheritance == Inheritance::Removed;
    if is_removed {
        let (account, locked_out) = (&site.finding.ownership.system_account, site.finding.locked_out);
        let goes_along = found.goes_along(&work.uid(), account, locked_out);
        if !goes_along.map_err(|why| refusals::no_plan(Refusal::Unproven(why), Reason::NotOurs))? {
            return Ok(site);
        }
        site.setup.clone_from(&found.registry.setup);
    }
    let place = Place { endpoint: site.access.target.endpoint.clone(), setup: found.registry.setup.clone() };
    let managed = site.sessions.managed.take();
    TakeOver { access: &site.access, place, heritage: found, for_removal: is_removed }.run(work, managed).await?;
    (site.finding, site.sessions.managed) = search(work, &site.access, &site.setup, &site.facts).await?;
    Ok(site)
}

/// What another version of the operator has set up isn't known here. What an older one has can be removed all the same.
fn refuse_other_versions<W: World>(
    site: &Site<'_, W>,
    found: Option<&proof::Heritage>,
    inheritance: Inheritance,
) -> Result<(), Error> {
    let registry = match (&site.finding.ownership.database, found) {
        (ManagedDatabase::Registered(registry), _) => registry,
        (_, Some(found)) => &found.registry,
        _ => return Ok(()),
    };
    match registry.schema() {
        Schema::Current => Ok(()),
        Schema::Older if inheritance == Inheritance::Removed => Ok(()),
        Schema::Older | Schema::Newer => Err(Error::Stopped(registry.failure_of_schema())),
    }
}

async fn search<W: World>(
    work: &Work<'_, W>,
    access: &Access<'_, W>,
    wanted: &Setup,
    facts: &WarehouseFacts,
) -> Result<(Finding, Option<SessionOf<W>>), Error> {
    let uid = work.uid();
    Search { access, wanted, uid: &uid, account: work.account.as_ref() }.run(facts).await
}

impl<W: World> Site<'_, W> {
    /// What a plan is made from.
    pub fn observed<'s>(
        &'s self,
        recorded: Recorded,
        members: &'s Seen<Vec<crate::lifecycle::Member>>,
    ) -> Observed<'s> {
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
