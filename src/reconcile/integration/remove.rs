//! A deletion: look everywhere first, then take away what is ours and nothing else. What to take away
//! is read from status, the Secret and the warehouse; a bad spec can't block it.

use kube::ResourceExt;
use tracing::warn;

use super::apply::Pass;
use super::error::Error;
use super::observe::{Inheritance, observe};
use super::obstacles::{Entered, Sweep};
use super::secret::{self, Found as FoundSecret};
use super::site::Site;
use super::work::Work;
use super::{look, manual, refusals, remedies, resource};
use crate::api::{CONFIRM_DELETE_ANNOTATION, DatabaseMode, DeletionPolicy, Phase, Reason, RedshiftIntegration, Remedy};
use crate::lifecycle::by_hand::{self, Remnant};
use crate::lifecycle::obstacle::{self, Obstacle};
use crate::lifecycle::{
    Category, Connection, Endpoint, Failure, ManagedDatabase, Member, Ownership, Place, Seen, Setup, Stages, Standing,
    SystemAccount, WarehouseFacts, brief, checks, folded, queries, removal,
};
use crate::ports::{Key, Kubernetes, StatementError, World};
use crate::scripts::{CLAIM_USER, POLICY_VIEWS_VERSION};

/// The resource is gone.
pub struct Gone {
    /// Whether it was deleted, or given up.
    pub phase: Phase,
    /// What its last event says.
    pub said: String,
}

/// Takes away what is ours, or goes on with it; nothing as long as the resource is there.
pub async fn run<W: World>(work: &mut Work<'_, W>) -> Option<Gone> {
    if let Some(failure) = used_by_data_sources(work) {
        work.begin(Phase::Deleting, Reason::Deleting, "the integration is being removed");
        work.stop(Phase::DeleteError, failure);
        return None;
    }
    if work.object.spec.deletion_policy == DeletionPolicy::Retain {
        return retain(work).await;
    }
    if !work.object.spec.auto_bootstrap {
        return manual::remove(work).await;
    }
    work.begin(Phase::Deleting, Reason::Deleting, "the integration is being removed");
    let mut removal = Removal { work };
    match removal.run().await {
        Ok(said) => Some(Gone { phase: Phase::Deleted, said }),
        Err(error) => {
            let failure = error.failure();
            let failure = went_with_the_namespace(work, &failure).await.unwrap_or(failure);
            let way_out = remedies::retain(&work.object);
            work.stop(Phase::DeleteError, failure.remedy(way_out));
            None
        }
    }
}

/// Their views stand on it, and go before it.
fn used_by_data_sources<W: World>(work: &Work<'_, W>) -> Option<Failure> {
    let key = Key::of(&work.object);
    let Some(resources) = work.kubernetes.policy_resources(&key) else {
        let created = work.outcome.created.as_ref();
        let may_have_views = created.is_some_and(|created| created.schema_version == POLICY_VIEWS_VERSION);
        let message = "which data sources use the integration isn't known yet";
        return may_have_views.then(|| Failure::waiting(Reason::DataSourcesLeft, message));
    };
    let names: Vec<_> = resources.data_sources.iter().map(|it| it.key().name).collect();
    if names.is_empty() {
        return None;
    }
    let (number, verb) = (names.len(), if names.len() == 1 { "data source uses" } else { "data sources use" });
    let message = format!("{number} {verb} the integration: {}", brief::list(&names));
    Some(Failure::waiting(Reason::DataSourcesLeft, message).remedy(Remedy::command(
        "delete them first: their views go with them, or stay, as their deletionPolicy says",
        format!(
            "kubectl -n {} delete rsds {}",
            key.namespace,
            names.iter().take(20).cloned().collect::<Vec<_>>().join(" ")
        ),
    )))
}

/// With a namespace its Secrets go in any order: nobody must be told to make them again.
pub async fn went_with_the_namespace<W: World>(work: &Work<'_, W>, failure: &Failure) -> Option<Failure> {
    let what = refusals::what_is_missing(&work.object, failure)?;
    if !secret::is_namespace_terminating(&work.kubernetes, &work.object).await {
        return None;
    }
    Some(refusals::went_with_the_namespace(&work.object, &place(work), &what, failure.reason))
}

/// Removes our bookkeeping in Kubernetes alone. The Secret stays: it is the key to what was left.
async fn retain<W: World>(work: &mut Work<'_, W>) -> Option<Gone> {
    work.begin(Phase::DeleteError, Reason::Deleting, "");
    // For the event alone: the way out of everything depends on nothing.
    let secret = secret::find(&work.kubernetes, &work.object).await.ok();
    let said = match recorded_place(&work.object, secret.as_ref()) {
        Some(place) => {
            // In manual mode there are no credentials to look with.
            let there = if work.object.spec.auto_bootstrap { what_is_there(work, &place).await } else { None };
            left(&work.object, &place, there.as_deref(), secret.as_ref())
        }
        None => "nothing was recorded as created".to_owned(),
    };
    let is_manual = !work.object.spec.auto_bootstrap;
    if is_manual && let Err(error) = manual::withdraw(work).await {
        warn!(%error, "the Secret of the scripts is left");
    }
    match work.remove_finalizer().await {
        Ok(()) => Some(Gone { phase: Phase::Disabled, said }),
        Err(error) => {
            work.stop(Phase::DeleteError, error.failure());
            None
        }
    }
}

/// Where the integration is, as status says, or, if that was lost, the Secret.
fn recorded_place(object: &RedshiftIntegration, secret: Option<&FoundSecret>) -> Option<Place> {
    let created = object.status.as_ref().and_then(|status| status.created.as_ref()).map(Place::from);
    created.or_else(|| match secret {
        Some(FoundSecret::Ours(account)) => Some(account.place.clone()),
        _ => None,
    })
}

/// What of it is there by now; nothing where it can't be looked, which is no obstacle.
async fn what_is_there<W: World>(work: &Work<'_, W>, place: &Place) -> Option<Vec<Remnant>> {
    let initial_database = folded(&work.object.spec.config.initial_database);
    let access = work.access(&place.endpoint, &initial_database).await.ok()?;
    let facts = look::warehouse(&access.enter().await.ok()?, &place.setup).await.ok()?;
    let next = work.outcome.created.as_ref().and_then(|created| created.next.as_ref());
    Some(by_hand::remnants_there(&place.setup, next, &facts))
}

/// What is left in the warehouse: what is `there`, or, where it couldn't be looked, what was recorded.
fn left(
    object: &RedshiftIntegration,
    place: &Place,
    there: Option<&[Remnant]>,
    secret: Option<&FoundSecret>,
) -> String {
    let (name, endpoint) = (resource::secret_name(object), &place.endpoint);
    let recorded = by_hand::remnants(&place.setup);
    let remnants = there.unwrap_or(&recorded);
    if remnants.is_empty() {
        return format!("nothing of this integration is left in the warehouse {endpoint}");
    }
    let what = match there {
        Some(_) => "left in the warehouse",
        None => "recorded as created, and not looked at now, in the warehouse",
    };
    let key = match secret {
        Some(FoundSecret::Absent | FoundSecret::SomebodyElses(_)) => {
            let statements = by_hand::removal(remnants).into_iter().filter_map(|remedy| remedy.command);
            let statements = statements.collect::<Vec<_>>().join("; ");
            format!("the Secret {name} with their passwords is gone; a superuser removes them with: {statements}")
        }
        Some(FoundSecret::Ours(_) | FoundSecret::Malformed(_)) | None => {
            format!("the Secret {name} holds their passwords")
        }
    };
    format!("{what} {endpoint}: {}; {key}", by_hand::list(remnants))
}

struct Removal<'p, 'a, W: World> {
    work: &'p mut Work<'a, W>,
}

impl<W: World> Removal<'_, '_, W> {
    async fn run(&mut self) -> Result<String, Error> {
        self.work.account = account(self.work).await?;
        let mut place = place(self.work);
        let initial_database = folded(&self.work.object.spec.config.initial_database);
        let access = self.work.access(&place.endpoint, &initial_database).await.map_err(needs_credentials)?;
        let initial = access.enter().await?;
        let mut site = observe(self.work, access, initial, place.setup.clone(), Inheritance::Removed).await?;
        place.setup.clone_from(&site.setup);
        self.refuse_without_ownership(&mut site, &place).await?;
        // The name that it has: an edit may have been interrupted.
        place.setup.system_account.clone_from(&site.finding.ownership.system_account_name);
        let lacking = checks::lacking_for_removal(&site.facts, &site.finding.ownership, &place.setup);
        if !lacking.is_empty() {
            return Err(refusals::lacking_privileges(&self.work.object, &site.facts.account.name, &lacking));
        }
        let sweep = Sweep::new(&site, &place.setup);
        let mut entered = Entered::<W>::new();
        let obstacles = sweep.of_everything(&mut entered).await?;
        self.refuse_unconfirmed(&place.setup.database, &obstacles)?;
        let given = sweep.rules.given_by_another_admin(&look::database_acls(site.initial()).await?);
        let grants = obstacle::revocations(&obstacles, given, site.facts.account.power());
        let grants = grants.map_err(revoke_first)?;
        let recorded = self.work.recorded(&place, |_| true);
        let members = Seen::Yes(Vec::new());
        let plan = removal(&site.observed(recorded, &members), place.setup.database_mode, &grants);
        let plan = plan.map_err(|refusal| refusals::no_plan(refusal, Reason::ForeignObjects))?;
        self.announce_members(&site).await?;
        let Stages { before, drop, after } = plan.stages();
        if !before.is_empty() {
            let note = "everything was looked at; the integration is being removed";
            self.work.tell(Reason::Deleting, "Delete", note);
        }
        let mut pass = Pass::new(self.work, &mut site, place.clone());
        pass.confirmed = obstacle::to_remember(&obstacles);
        pass.apply(before).await?;
        // Nobody may have come in since the look. Our own connections would stand in the way of the drop.
        if before.is_empty() {
            entered.clear();
        } else {
            look_again(&mut pass, &obstacles, entered).await?;
        }
        match pass.apply(drop).await {
            Err(Error::Statement(error)) if error.definitely_refused() && pass.has_database().await? => {
                // All of it is there and was not harmed: it may be used on.
                pass.work.outcome.deletion = None;
                if matches!(pass.site.finding.ownership.database, ManagedDatabase::Registered(_)) {
                    pass.take_back_deleting().await?;
                }
                return Err(not_dropped(&place, &error));
            }
            // An earlier drop, whose answer never came, was done in the meantime: what was confirmed stays confirmed.
            Err(Error::Statement(error)) if error.definitely_refused() => {}
            other => other?,
        }
        pass.apply(after).await.map_err(|error| not_finished(&place, error))?;
        Ok(summary(&site.finding.ownership, &place))
    }

    /// What isn't proven ours isn't touched; where that can't be told, nothing is.
    async fn refuse_without_ownership(&self, site: &mut Site<'_, W>, place: &Place) -> Result<(), Error> {
        let (uid, finding) = (self.work.uid(), &mut site.finding);
        match &finding.registered {
            // Another integration took over: nothing in there is ours any more, whatever password still works.
            Some(found) if found.registry.integration_uid != uid => {
                finding.ownership = Ownership::nothing(&place.setup.system_account);
                Ok(())
            }
            Some(_) => Err(refusals::refused_proof(&self.work.object)),
            None if self.work.account.is_none() => self.refuse_without_proof(&site.facts, place).await,
            None => {
                let account = &finding.ownership.system_account;
                let is_shut_out = matches!(account, Standing::LockedOut(_) | Standing::Foreign(_));
                let is_there = site.facts.databases.contains_key(&place.setup.database);
                if is_shut_out && self.work.outcome.created.is_some() && is_there {
                    return Err(refusals::refused_proof(&self.work.object));
                }
                Ok(())
            }
        }
    }

    /// Only a person may decide over what is others', and about this very list.
    fn refuse_unconfirmed(&self, database: &str, obstacles: &[Obstacle]) -> Result<(), Error> {
        let given = self.work.object.annotations().get(CONFIRM_DELETE_ANNOTATION).map(String::as_str);
        let confirmed =
            self.work.outcome.deletion.as_ref().map(|deletion| deletion.confirmed.as_slice()).unwrap_or_default();
        let unmoved = obstacle::in_the_way(database, obstacles, given, confirmed);
        if unmoved.is_empty() {
            return Ok(());
        }
        Err(refusals::unconfirmed(&self.work.object, database, obstacles, &unmoved))
    }

    /// Without our passwords nothing can be proven to be ours. That is fine where there is nothing.
    async fn refuse_without_proof(&self, facts: &WarehouseFacts, place: &Place) -> Result<(), Error> {
        let next = self.work.outcome.created.as_ref().and_then(|created| created.next.as_ref());
        let there = by_hand::remnants_there(&place.setup, next, facts);
        if there.is_empty() {
            return Ok(());
        }
        let held_by_another = self.work.context.recorded_holder(&place.endpoint, &self.work.object).is_some();
        if held_by_another && self.work.outcome.created.is_none() {
            // They are the other's; this resource was never enabled.
            return Ok(());
        }
        let restorable = !secret::is_namespace_terminating(&self.work.kubernetes, &self.work.object).await;
        let (power, then) = (facts.account.power(), Some("the deletion goes on"));
        Err(refusals::LostProof { there: &there, power, restorable, then }.explain(&self.work.object))
    }

    /// Members of the role are no obstacle, but somebody may wonder where their right has gone.
    async fn announce_members(&self, site: &Site<'_, W>) -> Result<(), Error> {
        let (session, ownership) = (site.initial(), &site.finding.ownership);
        for role in ownership.own_roles() {
            let Seen::Yes(members) = look::members(session, role, &ownership.system_account_name).await? else {
                continue;
            };
            if !members.is_empty() {
                let names: Vec<_> = members.iter().map(Member::name).collect();
                let note = format!("the role {role} is dropped; its members lose it: {}", brief::list(names));
                self.work.tell(Reason::RoleDropped, "Delete", note);
            }
        }
        Ok(())
    }
}

/// What the Secret says, if it is there.
pub async fn account<W: World>(work: &Work<'_, W>) -> Result<Option<SystemAccount>, Error> {
    match secret::find(&work.kubernetes, &work.object).await? {
        FoundSecret::Ours(account) => Ok(Some(*account)),
        FoundSecret::Absent | FoundSecret::SomebodyElses(_) => Ok(None),
        FoundSecret::Malformed(what) => {
            let message = format!(
                "the Secret {} can't be read ({what}); without it nothing proves what in the warehouse is this \
                 integration's",
                resource::secret_name(&work.object)
            );
            let failure = Failure::stalled(Reason::SecretMalformed, message);
            Err(failure.remedy(Remedy::new("restore it from a backup")).into())
        }
    }
}

/// Where the integration is, and what there is: as status says, or the Secret, or, where both are lost, the spec.
pub fn place<W: World>(work: &Work<'_, W>) -> Place {
    let created = work.outcome.created.as_ref().map(Place::from);
    let recorded = || work.account.as_ref().map(|account| account.place.clone());
    created.or_else(recorded).unwrap_or_else(|| {
        let config = &work.object.spec.config;
        Place {
            endpoint: Endpoint::new(&config.host, config.port),
            setup: Setup {
                database: config.database.clone(),
                database_mode: config.database_mode,
                system_account: config.system_account.name.clone(),
                impersonation_role: config.impersonation.enabled.then(|| config.impersonation.role.clone()),
            },
        }
    })
}

/// Looks once more, right before the drop, over the connections of the first look.
async fn look_again<W: World>(
    pass: &mut Pass<'_, '_, W>,
    expected: &[Obstacle],
    mut entered: Entered<W>,
) -> Result<(), Error> {
    pass.session(Connection::InitialDatabase).await?;
    if Sweep::new(pass.site, &pass.place.setup).of_everything(&mut entered).await? == expected {
        return Ok(());
    }
    // Whatever an earlier pass has recorded: nothing was dropped.
    pass.work.outcome.deletion = None;
    pass.take_back_deleting().await?;
    let message = "somebody came in between the look and the removal; it is looked again";
    Err(Failure::waiting(Reason::ForeignObjects, message).into())
}

/// Only a deletion says why it can't do without them.
fn needs_credentials(error: Error) -> Error {
    match error {
        Error::Stopped(failure) if failure.reason == Reason::SecretMissing => failure
            .after("Integrations that are automatically configured require privileged credentials to disable:")
            .into(),
        other => other,
    }
}

/// What others granted is revoked by them, or by a superuser.
fn revoke_first(revocations: Vec<Remedy>) -> Error {
    let message = format!(
        "nothing was removed: the account in the Secret is no superuser and can't revoke what others granted ({})",
        brief::count(revocations.len(), "grant", "grants")
    );
    Failure::stalled(Reason::RevokeFirst, message).remedies(revocations).into()
}

fn not_dropped(place: &Place, error: &StatementError) -> Error {
    let Setup { database, database_mode, .. } = &place.setup;
    let what = match database_mode {
        DatabaseMode::Create => format!("the database {database}"),
        DatabaseMode::Existing => format!("what this integration has in the database {database}"),
    };
    if error.is_in_use() {
        let message =
            format!("{what} is in use and was not dropped; the deletion goes on when the others have logged out");
        return Failure::waiting(Reason::DatabaseInUse, message).remedies(queries::sessions(database)).into();
    }
    match error.category() {
        Category::Transient => {
            Failure::waiting(Reason::DropRefused, format!("{what} was not dropped ({error}); it is tried again"))
        }
        Category::Permanent => Failure::stalled(Reason::DropRefused, format!("{what} was not dropped: {error}")),
    }
    .into()
}

/// Behind the point of no return, whatever couldn't be looked for before stops the drop of a user. The server doesn't say
/// what it is.
fn not_finished(place: &Place, error: Error) -> Error {
    match &error {
        Error::Statement(refused) if refused.is_tied() => {
            let is_claim = refused.statement == "drop-claim";
            let user = if is_claim { CLAIM_USER } else { place.setup.system_account.as_str() };
            let message = format!(
                "what is in the database {} is removed; the user {user} can't be dropped, since something of others' is tied \
                 to it ({refused})",
                place.setup.database
            );
            Failure::stalled(Reason::AccountInUse, message)
                .remedy(Remedy::new(
                    "find out what it is, and revoke it, or give it another owner; then the deletion goes on",
                ))
                .remedies(queries::ties(user))
                .into()
        }
        _ => error,
    }
}

fn summary(ownership: &Ownership, place: &Place) -> String {
    let mut removed = Vec::new();
    let setup = &place.setup;
    match (&ownership.database, setup.database_mode) {
        (ManagedDatabase::Empty | ManagedDatabase::Registered(_), DatabaseMode::Create) => {
            removed.push(format!("the database {}", setup.database));
        }
        (ManagedDatabase::Registered(_), DatabaseMode::Existing) => {
            removed.push(format!("this integration's schemas in the database {}", setup.database));
        }
        _ => {}
    }
    removed.extend(ownership.own_roles().map(|role| format!("the role {role}")));
    if ownership.system_account == Standing::Ours {
        removed.push(format!("the user {}", setup.system_account));
    }
    if ownership.claim == Standing::Ours {
        removed.push(format!("the user {CLAIM_USER}"));
    }
    if removed.is_empty() {
        "there was nothing of this integration in the warehouse".to_owned()
    } else {
        format!("removed from the warehouse: {}", removed.join(", "))
    }
}
