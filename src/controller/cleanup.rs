//! A deletion: look everywhere first, then take away what is ours and nothing else. What to take away
//! is read from status, the Secret and the warehouse; a bad spec can't block it.

use kube::ResourceExt;

use super::apply::{Pass, under_way};
use super::context::Context;
use super::error::Error;
use super::ownership::{Finding, Search};
use super::system_account::{self, Found, Place, SystemAccount};
use super::{dereference, look, resource};
use crate::api::conditions::reasons;
use crate::api::{DeletionPolicy, Phase, RedshiftIntegration};
use crate::lifecycle::{
    Activity, ManagedDatabase, Outcome, Ownership, Recorded, Refusal, Standing, WarehouseFacts, deletion,
};
use crate::redshift::{Credentials, Endpoint, Session, Target};
use crate::scripts::CLAIM_USER;

/// What a deletion came to.
pub enum Finished {
    /// The resource is gone; what its last event says.
    Gone(Phase, String),
    /// It isn't yet.
    Stopped(Box<RedshiftIntegration>, Outcome),
}

/// Takes away what is ours, or goes on with it.
pub async fn run(context: &Context, object: RedshiftIntegration) -> Finished {
    if object.spec.deletion_policy == DeletionPolicy::Retain {
        return retain(context, object).await;
    }
    let outcome = under_way(Phase::Deleting, reasons::DELETING, "the integration is being removed", &object);
    let mut cleanup = Cleanup { context, object, outcome };
    match cleanup.run().await {
        Ok(said) => Finished::Gone(Phase::Deleted, said),
        Err(error) => {
            let mut failure = error.failure();
            failure.message = format!("{}. {}", failure.message.trim_end_matches('.'), way_out(&cleanup.object));
            cleanup.outcome.phase = Phase::DeleteError;
            cleanup.outcome.activity = Activity::Stopped(failure);
            Finished::Stopped(Box::new(cleanup.object), cleanup.outcome)
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
async fn retain(context: &Context, object: RedshiftIntegration) -> Finished {
    let left = object.status.as_ref().and_then(|status| status.created.as_ref()).map_or_else(
        || "nothing was recorded as created".to_owned(),
        |created| {
            format!(
                "left in the warehouse {}:{}: the database {}, the users {} and {CLAIM_USER}; the Secret {} holds \
                 their passwords",
                created.host,
                created.port,
                created.database,
                created.system_account,
                system_account::name(&object)
            )
        },
    );
    match resource::remove_finalizer(&context.client, &object).await {
        Ok(()) => Finished::Gone(Phase::Disabled, left),
        Err(error) => {
            let mut outcome = under_way(Phase::DeleteError, reasons::DELETING, "", &object);
            outcome.activity = Activity::Stopped(error.failure());
            Finished::Stopped(Box::new(object), outcome)
        }
    }
}

struct Cleanup<'a> {
    context: &'a Context,
    object: RedshiftIntegration,
    outcome: Outcome,
}

impl Cleanup<'_> {
    async fn run(&mut self) -> Result<String, Error> {
        let context = self.context;
        let account = self.account().await?;
        let place = self.place(account.as_ref());
        let admin = self.admin_credentials().await?;
        let mut target = dereference::target(&context.client, &self.object).await?;
        target.endpoint = Endpoint::new(&place.host, place.port);
        let initial_database = self.object.spec.config.initial_database.to_lowercase();
        let session = context.connector.connect(&target, &admin, &initial_database).await?;
        let facts = look::warehouse(&session).await?;
        let uid = self.object.uid().unwrap_or_default();
        let search = Search {
            connector: &context.connector,
            target: &target,
            initial_database: &initial_database,
            place: &place,
            uid: &uid,
            account: account.as_ref(),
        };
        let Finding { ownership, managed } = search.run(&facts).await?;
        if account.is_none() {
            self.refuse_without_proof(&facts, &place)?;
        }
        let sweep = Sweep { context, target: &target, admin: &admin, facts: &facts, place: &place };
        let obstacles = sweep.run(&ownership, &session, &initial_database).await?;
        let recorded = Recorded {
            finalizer: true,
            secret: account.is_some(),
            plan: self.outcome.created.is_some(),
            account_ids: true,
            point_of_no_return: self.outcome.deletion.as_ref().is_some_and(|deletion| deletion.point_of_no_return),
        };
        let plan = deletion(recorded, &ownership, obstacles).map_err(refused)?;
        let mut pass = Pass {
            context,
            object: self.object.clone(),
            target: target.clone(),
            initial_database,
            admin_credentials: admin.clone(),
            facts: facts.clone(),
            place: place.clone(),
            applied_hash: String::new(),
            account,
            fencing_counter: plan.fencing_counter,
            initial: Some(session),
            managed,
            outcome: self.outcome.clone(),
            warehouse_touched: false,
        };
        let applied = pass.apply(&plan.operations).await;
        let applied = match applied {
            Err(Error::Statement(error)) if error.statement == "drop-database" && error.definitely_refused() => {
                // The database is there and was not harmed: it may be used on.
                if matches!(ownership.database, ManagedDatabase::Registered(_)) {
                    pass.take_back_deleting().await?;
                } else {
                    pass.outcome.deletion = None;
                }
                Err(drop_refused(&place, &error))
            }
            other => other,
        };
        self.object = pass.object.clone();
        self.outcome.deletion.clone_from(&pass.outcome.deletion);
        applied.map(|()| summary(&ownership, &place))
    }

    async fn account(&self) -> Result<Option<SystemAccount>, Error> {
        match system_account::find(&self.context.client, &self.object).await? {
            Found::Ours(account) => Ok(Some(*account)),
            Found::Absent | Found::SomebodyElses => Ok(None),
            Found::Malformed(what) => Err(Error::stalled(
                "SecretMalformed",
                format!(
                    "the Secret {} can't be read ({what}), and with it can't be proven what in the warehouse is this \
                     integration's; restore it",
                    system_account::name(&self.object)
                ),
            )),
        }
    }

    fn place(&self, account: Option<&SystemAccount>) -> Place {
        let created = self.outcome.created.as_ref().map(Place::from);
        created.or_else(|| account.map(|account| account.place.clone())).unwrap_or_else(|| {
            let config = &self.object.spec.config;
            let endpoint = Endpoint::new(&config.host, config.port);
            Place {
                host: endpoint.host().to_owned(),
                port: endpoint.port(),
                database: config.database.clone(),
                system_account: config.system_account.name.clone(),
            }
        })
    }

    async fn admin_credentials(&self) -> Result<Credentials, Error> {
        let context = self.context;
        let secret =
            dereference::admin_secret(&context.client, &self.object, context.settings.require_secret_hosts).await;
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

    /// Without our passwords nothing can be proven to be ours. That is fine where there is nothing.
    fn refuse_without_proof(&self, facts: &WarehouseFacts, place: &Place) -> Result<(), Error> {
        let users = [CLAIM_USER, place.system_account.as_str()]
            .map(|user| (format!("the user {user}"), facts.users.contains_key(user)));
        let database = (format!("the database {}", place.database), facts.databases.contains_key(&place.database));
        let there: Vec<_> =
            users.into_iter().chain([database]).filter(|(_, is_there)| *is_there).map(|(what, _)| what).collect();
        if there.is_empty() {
            return Ok(());
        }
        let endpoint = Endpoint::new(&place.host, place.port);
        let others = self.context.resources_for(&endpoint);
        let held_by_another = others.iter().any(|other| {
            other.uid() != self.object.uid() && other.status.as_ref().is_some_and(|status| status.created.is_some())
        });
        if held_by_another && self.outcome.created.is_none() {
            // They are the other's; this resource was never enabled.
            return Ok(());
        }
        Err(Error::stalled(
            "ProofLost",
            format!(
                "the Secret {} is gone, and without its passwords it can't be proven whether these are this \
                 integration's: {}; restore the Secret, or remove them by hand",
                system_account::name(&self.object),
                there.join(", ")
            ),
        ))
    }
}

/// Looks for what a deletion would destroy or leave behind, in all databases.
struct Sweep<'a> {
    context: &'a Context,
    target: &'a Target,
    admin: &'a Credentials,
    facts: &'a WarehouseFacts,
    place: &'a Place,
}

impl Sweep<'_> {
    async fn run(
        &self,
        ownership: &Ownership,
        initial: &Session,
        initial_database: &str,
    ) -> Result<Vec<String>, Error> {
        if !ownership.holds_anything() {
            return Ok(Vec::new());
        }
        let mut obstacles = Vec::new();
        let ours = matches!(ownership.database, ManagedDatabase::Empty | ManagedDatabase::Registered(_));
        for database in self.facts.databases.keys() {
            let managed = ours && *database == self.place.database;
            let session;
            let session = if database == initial_database {
                initial
            } else {
                match self.context.connector.connect(self.target, self.admin, database).await {
                    Ok(entered) => {
                        session = entered;
                        &session
                    }
                    Err(error) => {
                        obstacles.push(format!("{database}: it can't be entered ({error})"));
                        continue;
                    }
                }
            };
            let contents = look::contents(session).await?;
            if managed {
                if matches!(ownership.database, ManagedDatabase::Registered(_)) && !contents.has_registry() {
                    obstacles.push(format!(
                        "{database}: {} doesn't see what is in it; use an account that does, such as a superuser",
                        self.facts.account.name
                    ));
                }
                obstacles.extend(contents.foreign().into_iter().map(|what| format!("{database}: {what}")));
            } else {
                for (user, id) in self.users_of(ownership) {
                    let ties = contents.ties_of(user, id).into_iter();
                    obstacles.extend(ties.map(|tie| format!("{database}: {user} {tie}")));
                }
            }
        }
        for (user, id) in self.users_of(ownership) {
            let mut ties = look::database_ties(initial, user, id).await?;
            if ours {
                ties.remove(&self.place.database);
            }
            obstacles.extend(ties.into_values());
        }
        Ok(obstacles)
    }

    fn users_of(&self, ownership: &Ownership) -> Vec<(&str, &str)> {
        let users = [(CLAIM_USER, &ownership.claim), (self.place.system_account.as_str(), &ownership.system_account)];
        users
            .into_iter()
            .filter(|(_, standing)| **standing == Standing::Ours)
            .filter_map(|(user, _)| self.facts.users.get(user).map(|id| (user, id.as_str())))
            .collect()
    }
}

fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Unproven(why) => Error::waiting("OwnershipUnknown", format!("whose it is can't be told: {why}")),
        Refusal::Foreign(what) => Error::stalled(
            "ForeignObjects",
            format!(
                "nothing was removed, since others' work would be lost or left without an owner: {}; move or drop it",
                what.join("; ")
            ),
        ),
        Refusal::State(why) => Error::stalled("RegistryState", why),
    }
}

fn drop_refused(place: &Place, error: &crate::redshift::StatementError) -> Error {
    if error.is_in_use() {
        Error::waiting(
            "DatabaseInUse",
            format!(
                "the database {} is in use and was not dropped ({error}); the deletion goes on when the others have \
                 logged out",
                place.database
            ),
        )
    } else {
        Error::stalled("DropRefused", format!("the database {} was not dropped: {error}", place.database))
    }
}

fn summary(ownership: &Ownership, place: &Place) -> String {
    let mut removed = Vec::new();
    if matches!(ownership.database, ManagedDatabase::Empty | ManagedDatabase::Registered(_)) {
        removed.push(format!("the database {}", place.database));
    }
    if ownership.system_account == Standing::Ours {
        removed.push(format!("the user {}", place.system_account));
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
