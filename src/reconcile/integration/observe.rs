//! What there is, before anything is decided: enter, look, search; and what a person wants to be taken over becomes ours.
//! A creation, an edit and a deletion all begin so.

use kube::ResourceExt;
use tracing::info;

use super::apply::Pass;
use super::error::Error;
use super::search::{Access, Finding, Search};
use super::sessions::Sessions;
use super::site::Site;
use super::work::Work;
use super::{look, refusals};
use crate::api::{Reason, TAKE_OVER_ANNOTATION};
use crate::lifecycle::inheritance::{Inside, Purpose, inherit};
use crate::lifecycle::proof::{self, Heritage};
use crate::lifecycle::{ManagedDatabase, Place, Refusal, RegistryState, Schema, Setup, WarehouseFacts, can_migrate};
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
        Inheritance::Taken | Inheritance::Removed => heritage(work, &site),
    };
    refuse_other_versions(&site, found.as_ref(), inheritance)?;
    let Some(found) = found else { return Ok(site) };
    let is_removed = inheritance == Inheritance::Removed;
    if is_removed {
        let goes_along = found.goes_along(&work.uid(), &site.finding.ownership.system_account);
        if !goes_along.map_err(|why| refusals::no_plan(Refusal::Unproven(why), Reason::NotOurs))? {
            return Ok(site);
        }
        site.setup.clone_from(&found.registry.setup);
    }
    let place = Place { endpoint: site.access.target.endpoint.clone(), setup: found.registry.setup.clone() };
    info!(former = found.registry.integration_uid, "taking over what the registry names");
    let recorded = work.recorded(&place, |_| true);
    let inside = if site.sessions.managed.is_some() { Inside::Account } else { Inside::Superuser };
    let purpose = if is_removed { Purpose::Removal } else { Purpose::Use };
    let plan = inherit(recorded, &found, &work.uid(), inside, purpose);
    Pass::on_heritage(work, &mut site, place, &found.registry).apply(&plan.operations).await?;
    (site.sessions.managed, site.sessions.managed_as_admin) = (None, None);
    (site.finding, site.sessions.managed) = search(work, &site.access, &site.setup, &site.facts).await?;
    Ok(site)
}

/// The registry of what becomes ours, if anything is to.
fn heritage<W: World>(work: &Work<'_, W>, site: &Site<'_, W>) -> Option<Heritage> {
    let annotation = work.object.annotations().get(TAKE_OVER_ANNOTATION).map(String::as_str);
    let (registered, account) = (site.finding.registered.as_ref(), &site.finding.ownership.system_account);
    proof::heritage(registered, &work.uid(), annotation, account, &site.facts).cloned()
}

/// What another version of the operator has set up isn't known here. What an older one has can be removed all the same, and
/// what it has begun goes on from where it is; what it has completed is migrated by its system account.
fn refuse_other_versions<W: World>(
    site: &Site<'_, W>,
    found: Option<&Heritage>,
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
        Schema::Older if registry.state == RegistryState::Applying && can_migrate(registry) => Ok(()),
        Schema::Older | Schema::Newer => Err(registry.failure_of_schema().into()),
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
