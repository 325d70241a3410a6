//! A deletion: look everywhere first, then take away what is ours and nothing else. What to take away
//! is read from status, the Secret and the warehouse; a bad spec can't block it.

use kube::ResourceExt;

use super::apply::{Expected, Found, Pass, under_way};
use super::error::Error;
use super::obstacles::Sweep;
use super::rekey::{Rekey, heritage};
use super::search::{Access, Search};
use super::secret::{self, Found as FoundSecret};
use super::{dereference, look, refusals, resource};
use crate::api::conditions::reasons;
use crate::api::{CONFIRM_DELETE_ANNOTATION, DatabaseMode, DeletionPolicy, Phase, RedshiftIntegration};
use crate::lifecycle::obstacle::{self, Obstacle};
use crate::lifecycle::{
    Activity, Category, Connection, Credentials, Endpoint, Failure, ManagedDatabase, Member, Observed, Outcome,
    Ownership, Place, Recorded, Refusal, Seen, Setup, Stages, Standing, SystemAccount, WarehouseFacts, by_hand, checks,
    removal,
};
use crate::ports::{Kubernetes, News, SessionOf, StatementError, World};
use crate::reconcile::Context;
use crate::scripts::CLAIM_USER;

/// What a deletion came to.
pub enum Finished {
    /// The resource is gone; what its last event says.
    Gone(Phase, String),
    /// It isn't yet.
    Stopped(Box<(RedshiftIntegration, Outcome)>),
}

/// Takes away what is ours, or goes on with it.
pub async fn run<W: World>(context: &Context<W>, object: RedshiftIntegration) -> Finished {
    if object.spec.deletion_policy == DeletionPolicy::Retain {
        return retain(context, object).await;
    }
    let outcome = under_way(Phase::Deleting, reasons::DELETING, "the integration is being removed", &object);
    let mut cleanup = Cleanup { context, object, outcome };
    match cleanup.run().await {
        Ok(said) => Finished::Gone(Phase::Deleted, said),
        Err(error) => {
            let mut failure = error.failure();
            if let Some(message) = cleanup.went_with_the_namespace(&failure).await {
                failure.message = message;
            }
            failure.message = format!("{}. {}", failure.message.trim_end_matches('.'), way_out(&cleanup.object));
            cleanup.outcome.phase = Phase::DeleteError;
            cleanup.outcome.activity = Activity::Stopped(failure);
            Finished::Stopped(Box::new((cleanup.object, cleanup.outcome)))
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
async fn retain<W: World>(context: &Context<W>, object: RedshiftIntegration) -> Finished {
    // For the event alone: the way out of everything depends on nothing.
    let secret = secret::find(&context.kubernetes, &object).await;
    let left = left(&object, secret.ok().as_ref());
    match resource::remove_finalizer(&context.kubernetes, &object).await {
        Ok(()) => Finished::Gone(Phase::Disabled, left),
        Err(error) => {
            let mut outcome = under_way(Phase::DeleteError, reasons::DELETING, "", &object);
            outcome.activity = Activity::Stopped(error.failure());
            Finished::Stopped(Box::new((object, outcome)))
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

struct Cleanup<'a, W: World> {
    context: &'a Context<W>,
    object: RedshiftIntegration,
    outcome: Outcome,
}

impl<W: World> Cleanup<'_, W> {
    async fn run(&mut self) -> Result<String, Error> {
        let context = self.context;
        let mut account = self.account().await?;
        let mut place = self.place(account.as_ref());
        let admin = self.admin_credentials().await?;
        let mut target = dereference::target(&context.kubernetes, &self.object).await?;
        target.endpoint = place.endpoint.clone();
        let initial_database = self.object.spec.config.initial_database.to_lowercase();
        let access = Access { warehouses: &context.warehouses, target, initial_database, admin };
        let session = access.enter().await?;
        let facts = look::warehouse(&session, &place.setup).await?;
        let uid = self.object.uid().unwrap_or_default();
        let search = Search { access: &access, wanted: &place.setup, uid: &uid, account: account.as_ref() };
        let mut finding = search.run(&facts).await?;
        if let Some(heritage) = heritage(&self.object, &finding, &facts)
            && heritage
                .goes_along(&uid, &finding.ownership.system_account, finding.locked_out)
                .map_err(|why| refused(Refusal::Unproven(why)))?
        {
            place.setup.clone_from(&heritage.registry.setup);
            let rekey = Rekey { context, access: &access, place: place.clone(), heritage, for_removal: true };
            (self.object, account) = rekey.run(&self.object, account, finding.managed.take()).await?;
            let search = Search { access: &access, wanted: &place.setup, uid: &uid, account: account.as_ref() };
            finding = search.run(&facts).await?;
        }
        let mut ownership = finding.ownership;
        match &finding.registered {
            // Another integration took over: nothing in there is ours any more, whatever password still works.
            Some(found) if found.registry.integration_uid != uid => {
                ownership = Ownership::nothing(&place.setup.system_account);
            }
            Some(_) => return Err(refusals::refused_proof(&self.object)),
            None if account.is_none() => self.refuse_without_proof(&facts, &place).await?,
            None => {
                let refused = finding.locked_out || matches!(ownership.system_account, Standing::Foreign(_));
                if refused && self.outcome.created.is_some() && facts.databases.contains_key(&place.setup.database) {
                    return Err(refusals::refused_proof(&self.object));
                }
            }
        }
        // The name that it has: an edit may have been interrupted.
        place.setup.system_account.clone_from(&ownership.system_account_name);
        let lacking = checks::lacking_for_removal(&facts, &ownership, &place.setup);
        if !lacking.is_empty() {
            return Err(refusals::lacking_privileges(&self.object, &facts.account.name, &lacking));
        }
        let sweep = Sweep::new(&access, &facts, &place.setup, &ownership);
        let obstacles = sweep.of_everything(&session).await?;
        self.refuse_unconfirmed(&place.setup.database, &obstacles)?;
        let given = sweep.rules.given_by_another_admin(&look::database_acls(&session).await?);
        let grants = obstacle::revocations(&obstacles, given, facts.account.power());
        let grants = grants.map_err(|statements| revoke_first(&statements))?;
        let recorded = Recorded {
            finalizer: true,
            secret: account.is_some(),
            plan: self.outcome.created.is_some(),
            point_of_no_return: self.outcome.deletion.as_ref().is_some_and(|deletion| deletion.point_of_no_return),
            ..Recorded::default()
        };
        let observed = Observed {
            recorded,
            ownership: &ownership,
            power: facts.account.power(),
            members: &Seen::Yes(Vec::new()),
            contents: &finding.contents,
        };
        let plan = removal(&observed, place.setup.database_mode, &grants).map_err(refused)?;
        self.announce_members(&session, &ownership).await?;
        let found =
            Found { expected: Expected::of(&ownership.database), facts, initial: session, managed: finding.managed };
        let outcome = self.outcome.clone();
        let mut pass = Pass::new(context, self.object.clone(), access, place.clone(), account, outcome, found);
        pass.confirmed = obstacles.iter().map(Obstacle::digest).collect();
        let Stages { before, drop, after } = plan.stages();
        if !before.is_empty() {
            let note = "everything was looked at; the integration is being removed";
            self.tell("Deleting", note.to_owned()).await;
        }
        pass.apply(before).await?;
        if !before.is_empty() {
            // Nobody may have come in since the look.
            self.look_again(&mut pass, &ownership, &obstacles).await?;
        }
        let applied = match pass.apply(drop).await {
            Ok(()) => pass.apply(after).await,
            Err(Error::Statement(error)) if error.definitely_refused() => {
                // All of it is there and was not harmed: it may be used on.
                if matches!(ownership.database, ManagedDatabase::Registered(_)) {
                    pass.take_back_deleting().await?;
                } else {
                    pass.outcome.deletion = None;
                }
                Err(not_dropped(&place, &error))
            }
            failed => failed,
        };
        self.object = pass.object.clone();
        self.outcome.deletion.clone_from(&pass.outcome.deletion);
        applied.map(|()| summary(&ownership, &place))
    }

    async fn tell(&self, reason: &'static str, note: String) {
        let news = News { is_warning: false, reason, action: "Delete", note };
        self.context.kubernetes.publish(&self.object, news).await;
    }

    /// With a namespace its Secrets go in any order: nobody must be told to make them again.
    async fn went_with_the_namespace(&self, failure: &Failure) -> Option<String> {
        let what = refusals::what_is_missing(&self.object, failure)?;
        if !secret::is_namespace_terminating(&self.context.kubernetes, &self.object).await {
            return None;
        }
        let account = self.account().await.ok().flatten();
        Some(refusals::went_with_the_namespace(&self.object, &self.place(account.as_ref()), &what))
    }

    /// Only a person may decide over what is others', and about this very list.
    fn refuse_unconfirmed(&self, database: &str, obstacles: &[Obstacle]) -> Result<(), Error> {
        let given = self.object.annotations().get(CONFIRM_DELETE_ANNOTATION).map(String::as_str);
        let confirmed =
            self.outcome.deletion.as_ref().map(|deletion| deletion.confirmed.as_slice()).unwrap_or_default();
        let unmoved = obstacle::in_the_way(database, obstacles, given, confirmed);
        if unmoved.is_empty() {
            return Ok(());
        }
        Err(refusals::unconfirmed(&self.object, database, obstacles, &unmoved))
    }

    /// Without our passwords nothing can be proven to be ours. That is fine where there is nothing.
    async fn refuse_without_proof(&self, facts: &WarehouseFacts, place: &Place) -> Result<(), Error> {
        let next = self.outcome.created.as_ref().and_then(|created| created.next.as_ref());
        let there = by_hand::remnants_there(&place.setup, next, facts);
        if there.is_empty() {
            return Ok(());
        }
        let held_by_another = self.context.recorded_holder(&place.endpoint, &self.object).is_some();
        if held_by_another && self.outcome.created.is_none() {
            // They are the other's; this resource was never enabled.
            return Ok(());
        }
        let restorable = !secret::is_namespace_terminating(&self.context.kubernetes, &self.object).await;
        let (power, then) = (facts.account.power(), Some("the deletion goes on"));
        Err(refusals::LostProof { there: &there, power, restorable, then }.explain(&self.object))
    }

    async fn look_again(
        &self,
        pass: &mut Pass<'_, W>,
        ownership: &Ownership,
        expected: &[Obstacle],
    ) -> Result<(), Error> {
        pass.session(Connection::InitialDatabase).await?;
        let sweep = Sweep::new(&pass.access, &pass.facts, &pass.place.setup, ownership);
        let initial = pass.sessions.initial.as_ref().expect("it was just opened");
        if sweep.of_everything(initial).await? == expected {
            return Ok(());
        }
        pass.take_back_deleting().await?;
        Err(Error::waiting("ForeignObjects", "somebody came in between the look and the removal; it is looked again"))
    }

    /// Members of the role are no obstacle, but somebody may wonder where their right has gone.
    async fn announce_members(&self, session: &SessionOf<W>, ownership: &Ownership) -> Result<(), Error> {
        for role in ownership.own_roles() {
            let Seen::Yes(members) = look::members(session, role, &ownership.system_account_name).await? else {
                continue;
            };
            if !members.is_empty() {
                let names: Vec<_> = members.iter().map(Member::name).collect();
                let note = format!("the role {role} is dropped; its members lose it: {}", names.join(", "));
                self.tell("RoleDropped", note).await;
            }
        }
        Ok(())
    }

    async fn account(&self) -> Result<Option<SystemAccount>, Error> {
        match secret::find(&self.context.kubernetes, &self.object).await? {
            FoundSecret::Ours(account) => Ok(Some(*account)),
            FoundSecret::Absent | FoundSecret::SomebodyElses(_) => Ok(None),
            FoundSecret::Malformed(what) => Err(Error::stalled(
                "SecretMalformed",
                format!(
                    "the Secret {} can't be read ({what}), and with it can't be proven what in the warehouse is this \
                     integration's; restore it",
                    secret::name(&self.object)
                ),
            )),
        }
    }

    fn place(&self, account: Option<&SystemAccount>) -> Place {
        let created = self.outcome.created.as_ref().map(Place::from);
        created.or_else(|| account.map(|account| account.place.clone())).unwrap_or_else(|| {
            let config = &self.object.spec.config;
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

    async fn admin_credentials(&self) -> Result<Credentials, Error> {
        let context = self.context;
        let secret =
            dereference::admin_secret(&context.kubernetes, &self.object, context.settings.require_secret_hosts).await;
        secret.map(|secret| secret.credentials).map_err(|error| match error {
            Error::Stopped(failure) if failure.reason == "SecretMissing" => Error::stalled(
                "SecretMissing",
                format!(
                    "Integrations that are automatically configured require privileged credentials to disable: {}",
                    failure.message
                ),
            ),
            other => other,
        })
    }
}

/// What others granted is revoked by them, or by a superuser.
fn revoke_first(statements: &[String]) -> Error {
    Error::stalled(
        "RevokeFirst",
        format!(
            "nothing was removed: the account in the Secret is no superuser and can't revoke what others granted; let \
             them, or a superuser, run: {}",
            statements.join("; ")
        ),
    )
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Unproven(why) => Error::waiting("OwnershipUnknown", format!("whose it is can't be told: {why}")),
        Refusal::Foreign(what) => Error::stalled("ForeignObjects", what.join("; ")),
        Refusal::State(why) => Error::stalled("RegistryState", why),
    }
}

fn not_dropped(place: &Place, error: &StatementError) -> Error {
    let Setup { database, database_mode, .. } = &place.setup;
    let what = match database_mode {
        DatabaseMode::Create => format!("the database {database}"),
        DatabaseMode::Existing => format!("what this integration has in the database {database}"),
    };
    if error.is_in_use() {
        return Error::waiting(
            "DatabaseInUse",
            format!(
                "{what} is in use and was not dropped ({error}); the deletion goes on when the others have logged out: \
                 stv_sessions lists them, on Serverless sys_session_history"
            ),
        );
    }
    match error.category() {
        Category::Transient => {
            Error::waiting("DropRefused", format!("{what} was not dropped ({error}); it is tried again"))
        }
        Category::Permanent => Error::stalled("DropRefused", format!("{what} was not dropped: {error}")),
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
