//! A deletion: look everywhere first, then take away what is ours and nothing else. What to take away
//! is read from status, the Secret and the warehouse; a bad spec can't block it.

use kube::ResourceExt;

use super::apply::Pass;
use super::error::Error;
use super::observe::{Inheritance, Site, observe};
use super::obstacles::Sweep;
use super::secret::{self, Found as FoundSecret};
use super::work::Work;
use super::{look, refusals};
use crate::api::{CONFIRM_DELETE_ANNOTATION, DatabaseMode, DeletionPolicy, Phase, Reason, RedshiftIntegration};
use crate::lifecycle::obstacle::{self, Obstacle};
use crate::lifecycle::{
    Category, Connection, Endpoint, Failure, ManagedDatabase, Member, Ownership, Place, Seen, Setup, Stages, Standing,
    SystemAccount, WarehouseFacts, by_hand, checks, removal,
};
use crate::ports::{StatementError, World};
use crate::scripts::CLAIM_USER;

/// The resource is gone.
pub struct Gone {
    /// Whether it was deleted, or given up.
    pub phase: Phase,
    /// What its last event says.
    pub said: String,
}

/// Takes away what is ours, or goes on with it; nothing as long as the resource is there.
pub async fn run<W: World>(work: &mut Work<'_, W>) -> Option<Gone> {
    if work.object.spec.deletion_policy == DeletionPolicy::Retain {
        return retain(work).await;
    }
    work.begin(Phase::Deleting, Reason::Deleting, "the integration is being removed");
    let mut removal = Removal { work };
    match removal.run().await {
        Ok(said) => Some(Gone { phase: Phase::Deleted, said }),
        Err(error) => {
            let mut failure = error.failure();
            if let Some(message) = removal.went_with_the_namespace(&failure).await {
                failure.message = message;
            }
            failure.message = format!("{}. {}", failure.message.trim_end_matches('.'), way_out(&work.object));
            work.stop(Phase::DeleteError, failure);
            None
        }
    }
}

fn way_out(object: &RedshiftIntegration) -> String {
    format!(
        "To let go of the resource and leave everything in the warehouse as it is: kubectl -n {} patch rsi {} --type \
         merge -p '{{\"spec\":{{\"deletionPolicy\":\"Retain\"}}}}'",
        object.namespace().unwrap_or_default(),
        object.name_any()
    )
}

/// Removes our bookkeeping in Kubernetes alone. The Secret stays: it is the key to what was left.
async fn retain<W: World>(work: &mut Work<'_, W>) -> Option<Gone> {
    work.begin(Phase::DeleteError, Reason::Deleting, "");
    // For the event alone: the way out of everything depends on nothing.
    let secret = secret::find(&work.context.kubernetes, &work.object).await;
    let said = left(&work.object, secret.ok().as_ref());
    match work.remove_finalizer().await {
        Ok(()) => Some(Gone { phase: Phase::Disabled, said }),
        Err(error) => {
            work.stop(Phase::DeleteError, error.failure());
            None
        }
    }
}

/// What is left in the warehouse, as status says, or, if that was lost, the Secret.
fn left(object: &RedshiftIntegration, secret: Option<&FoundSecret>) -> String {
    let name = secret::name(object);
    let created = object.status.as_ref().and_then(|status| status.created.as_ref()).map(Place::from);
    let recorded = match secret {
        Some(FoundSecret::Ours(account)) => Some(account.place.clone()),
        _ => None,
    };
    let Some(place) = created.or(recorded) else {
        return "nothing was recorded as created".to_owned();
    };
    let remnants = by_hand::remnants(&place.setup);
    let key = match secret {
        Some(FoundSecret::Absent | FoundSecret::SomebodyElses(_)) => format!(
            "the Secret {name} with their passwords is gone; a superuser removes them with: {}",
            by_hand::removal(&remnants)
        ),
        Some(FoundSecret::Ours(_) | FoundSecret::Malformed(_)) | None => {
            format!("the Secret {name} holds their passwords")
        }
    };
    let Place { endpoint, .. } = &place;
    format!("left in the warehouse {}:{}: {}; {key}", endpoint.host(), endpoint.port(), by_hand::list(&remnants))
}

struct Removal<'p, 'a, W: World> {
    work: &'p mut Work<'a, W>,
}

impl<W: World> Removal<'_, '_, W> {
    async fn run(&mut self) -> Result<String, Error> {
        self.work.account = self.account().await?;
        let mut place = self.place();
        let initial_database = self.work.object.spec.config.initial_database.to_lowercase();
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
        let obstacles = sweep.of_everything().await?;
        self.refuse_unconfirmed(&place.setup.database, &obstacles)?;
        let given = sweep.rules.given_by_another_admin(&look::database_acls(site.initial()).await?);
        let grants = obstacle::revocations(&obstacles, given, site.facts.account.power());
        let grants = grants.map_err(|statements| revoke_first(&statements))?;
        let recorded = self.work.recorded(&place, |_| true);
        let members = Seen::Yes(Vec::new());
        let plan = removal(&site.observed(recorded, &members), place.setup.database_mode, &grants);
        let plan = plan.map_err(|refusal| refusals::no_plan(refusal, Reason::ForeignObjects))?;
        self.announce_members(&site).await?;
        let Stages { before, drop, after } = plan.stages();
        if !before.is_empty() {
            let note = "everything was looked at; the integration is being removed";
            self.work.tell(Reason::Deleting, "Delete", note).await;
        }
        let mut pass = Pass::new(self.work, &mut site, place.clone());
        pass.confirmed = obstacles.iter().map(Obstacle::digest).collect();
        pass.apply(before).await?;
        if !before.is_empty() {
            // Nobody may have come in since the look.
            look_again(&mut pass, &obstacles).await?;
        }
        match pass.apply(drop).await {
            Ok(()) => pass.apply(after).await?,
            Err(Error::Statement(error)) if error.definitely_refused() => {
                // All of it is there and was not harmed: it may be used on.
                pass.work.outcome.deletion = None;
                if matches!(pass.site.finding.ownership.database, ManagedDatabase::Registered(_)) {
                    pass.take_back_deleting().await?;
                }
                return Err(not_dropped(&place, &error));
            }
            Err(error) => return Err(error),
        }
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
                let is_foreign = matches!(finding.ownership.system_account, Standing::Foreign(_));
                let is_there = site.facts.databases.contains_key(&place.setup.database);
                if (finding.locked_out || is_foreign) && self.work.outcome.created.is_some() && is_there {
                    return Err(refusals::refused_proof(&self.work.object));
                }
                Ok(())
            }
        }
    }

    /// With a namespace its Secrets go in any order: nobody must be told to make them again.
    async fn went_with_the_namespace(&self, failure: &Failure) -> Option<String> {
        let what = refusals::what_is_missing(&self.work.object, failure)?;
        if !secret::is_namespace_terminating(&self.work.context.kubernetes, &self.work.object).await {
            return None;
        }
        Some(refusals::went_with_the_namespace(&self.work.object, &self.place(), &what))
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
        let restorable = !secret::is_namespace_terminating(&self.work.context.kubernetes, &self.work.object).await;
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
                let note = format!("the role {role} is dropped; its members lose it: {}", names.join(", "));
                self.work.tell(Reason::RoleDropped, "Delete", note).await;
            }
        }
        Ok(())
    }

    async fn account(&self) -> Result<Option<SystemAccount>, Error> {
        match secret::find(&self.work.context.kubernetes, &self.work.object).await? {
            FoundSecret::Ours(account) => Ok(Some(*account)),
            FoundSecret::Absent | FoundSecret::SomebodyElses(_) => Ok(None),
            FoundSecret::Malformed(what) => Err(Error::stalled(
                Reason::SecretMalformed,
                format!(
                    "the Secret {} can't be read ({what}), and with it can't be proven what in the warehouse is this \
                     integration's; restore it",
                    secret::name(&self.work.object)
                ),
            )),
        }
    }

    fn place(&self) -> Place {
        let created = self.work.outcome.created.as_ref().map(Place::from);
        let recorded = || self.work.account.as_ref().map(|account| account.place.clone());
        created.or_else(recorded).unwrap_or_else(|| {
            let config = &self.work.object.spec.config;
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
}

/// Looks once more, right before the drop.
async fn look_again<W: World>(pass: &mut Pass<'_, '_, W>, expected: &[Obstacle]) -> Result<(), Error> {
    pass.session(Connection::InitialDatabase).await?;
    if Sweep::new(pass.site, &pass.place.setup).of_everything().await? == expected {
        return Ok(());
    }
    // Whatever an earlier pass has recorded: nothing was dropped.
    pass.work.outcome.deletion = None;
    pass.take_back_deleting().await?;
    Err(Error::waiting(Reason::ForeignObjects, "somebody came in between the look and the removal; it is looked again"))
}

/// Only a deletion says why it can't do without them.
fn needs_credentials(error: Error) -> Error {
    match error {
        Error::Stopped(failure) if failure.reason == Reason::SecretMissing => Error::stalled(
            Reason::SecretMissing,
            format!(
                "Integrations that are automatically configured require privileged credentials to disable: {}",
                failure.message
            ),
        ),
        other => other,
    }
}

/// What others granted is revoked by them, or by a superuser.
fn revoke_first(statements: &[String]) -> Error {
    Error::stalled(
        Reason::RevokeFirst,
        format!(
            "nothing was removed: the account in the Secret is no superuser and can't revoke what others granted; let \
             them, or a superuser, run: {}",
            statements.join("; ")
        ),
    )
}

fn not_dropped(place: &Place, error: &StatementError) -> Error {
    let Setup { database, database_mode, .. } = &place.setup;
    let what = match database_mode {
        DatabaseMode::Create => format!("the database {database}"),
        DatabaseMode::Existing => format!("what this integration has in the database {database}"),
    };
    if error.is_in_use() {
        return Error::waiting(
            Reason::DatabaseInUse,
            format!(
                "{what} is in use and was not dropped ({error}); the deletion goes on when the others have logged out: \
                 stv_sessions lists them, on Serverless sys_session_history"
            ),
        );
    }
    match error.category() {
        Category::Transient => {
            Error::waiting(Reason::DropRefused, format!("{what} was not dropped ({error}); it is tried again"))
        }
        Category::Permanent => Error::stalled(Reason::DropRefused, format!("{what} was not dropped: {error}")),
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
