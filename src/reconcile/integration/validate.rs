//! Watching over an integration that is set up: as the system account, on one connection.

use kube::ResourceExt;

use super::apply::Pass;
use super::error::Error;
use super::search::log_in_as_ours;
use super::site::Site;
use super::work::Work;
use super::{dereference, look, renamed, resource, secret};
use crate::api::{Reason, RedshiftIntegration, Remedy};
use crate::lifecycle::checks::{self, Test, Watched};
use crate::lifecycle::renamed::Renamed;
use crate::lifecycle::{Credentials, Failure, Outcome, Place, SystemAccount, Wanted};
use crate::ports::{ConnectError, SessionOf, Target, World};
use crate::reconcile::Context;
use crate::scripts::show_identifier;

/// The connection over which an integration was looked at, as its system account.
pub struct Inside<W: World> {
    /// The connection.
    pub session: SessionOf<W>,
    /// Where it leads.
    pub target: Target,
    /// What it was made with.
    pub credentials: Credentials,
}

/// A look at an integration, as its system account.
pub struct Seen {
    /// What was seen.
    pub watched: Watched,
    /// The name that the account has now.
    pub account_name: String,
}

/// Logs in to the managed database as the system account, under whichever of its names works.
pub async fn log_in<W: World>(
    context: &Context<W>,
    target: &Target,
    account: &SystemAccount,
) -> Result<(SessionOf<W>, Credentials), ConnectError> {
    // Of two names only one is right while it is being renamed.
    let known: Vec<_> = account.account_names().flat_map(|name| account.credentials(name)).collect();
    let database = &account.place.setup.database;
    let (session, credentials) = log_in_as_ours::<W>(&context.warehouses, target, &known, database).await?;
    Ok((session, credentials.clone()))
}

/// Whether the integration is complete already, as far as its system account can tell.
pub async fn is_complete<W: World>(work: &Work<'_, W>, account: &SystemAccount) -> bool {
    let Ok(target) = dereference::target(&work.kubernetes, &work.object, 1).await else { return false };
    let Ok((session, _)) = log_in(work.context, &target, account).await else { return false };
    let Ok(Ok(registry)) = look::registry(&session, &account.place.setup.database).await else { return false };
    registry.is_complete_for(&work.uid())
}

/// Records what the server shows of our objects, which were made in a pass that ended too early.
pub async fn record<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    seen: Seen,
    inside: Inside<W>,
) -> Result<(), Error> {
    let mut site = Site::of_system_account(work, wanted, inside, &seen.watched).await?;
    let place = Place { endpoint: site.access.target.endpoint.clone(), setup: seen.watched.registry.setup.clone() };
    Pass::new(work, &mut site, place).record_definitions(seen.watched).await.map(|_| ())
}

/// Reports a look.
pub fn report<W: World>(work: &mut Work<'_, W>, wanted: &Wanted, seen: &Seen) {
    work.outcome = Outcome::of_look(&work.status(), &work.uid(), wanted, &seen.watched);
}

/// Reports that there could be no look.
pub fn report_failure<W: World>(
    work: &mut Work<'_, W>,
    wanted: &Wanted,
    account: &SystemAccount,
    Unwatched { failure, tests, .. }: Unwatched,
) {
    let status = work.status();
    let generation = work.object.metadata.generation.unwrap_or_default();
    let doubts = work.context.memories.of(&work.uid()).doubts;
    if let Some(outcome) = Outcome::of_a_doubt(&status, generation, doubts, failure.clone()) {
        work.outcome = outcome;
        return;
    }
    work.outcome = Outcome { tests, ..Outcome::of_failed_look(&status, generation, failure) };
    if wanted.place.endpoint != account.place.endpoint {
        // It is elsewhere that was looked.
        work.outcome.ready = None;
    }
}

/// The Secret is ours by a take-over, and the registry isn't yet.
pub fn is_heritage(object: &RedshiftIntegration, seen: &Seen) -> bool {
    let registry = &seen.watched.registry;
    object.uid().as_ref() != Some(&registry.integration_uid)
        && secret::is_to_take_over(object, &registry.setup.database, &registry.integration_uid)
}

/// Why there was no look.
pub struct Unwatched {
    /// What the status says of it.
    pub failure: Failure,
    /// The tests that failed.
    pub tests: Vec<Test>,
    /// The account that was renamed, if it is that.
    pub renamed: Option<Renamed>,
}

impl From<Error> for Unwatched {
    fn from(error: Error) -> Self {
        Self { failure: error.failure(), tests: Vec::new(), renamed: None }
    }
}

impl Unwatched {
    fn failing(wanted: &Wanted, test: &'static str, failure: Failure) -> Self {
        let tests = checks::unwatched(wanted, test, &failure);
        Self { failure, tests, renamed: None }
    }
}

/// Looks at an integration that was enabled before. `account` is what the Secret says.
pub async fn look<W: World>(
    work: &Work<'_, W>,
    wanted: &Wanted,
    account: &SystemAccount,
) -> Result<(Seen, Inside<W>), Unwatched> {
    let context = work.context;
    let target = work.target().await?;
    let database = &account.place.setup.database;
    let (session, credentials) = match log_in(context, &target, account).await {
        Ok(entered) => entered,
        Err(error) => return Err(without_login(work, wanted, account, &target, error).await),
    };
    let registry = look::registry(&session, database).await?.map_err(|why| {
        let message = format!("the registry in the database {database} can't be read: {why}");
        let remedy = "restore the table immuta_system.registry from a backup of the warehouse";
        let failure = Failure::stalled(Reason::RegistryUnreadable, message).remedy(Remedy::new(remedy));
        Unwatched::failing(wanted, checks::REGISTRY, failure)
    })?;
    let account_name = credentials.user.to_string();
    let watched = look::watched(&session, registry, &account_name).await?;
    Ok((Seen { watched, account_name }, Inside { session, target, credentials }))
}

async fn without_login<W: World>(
    work: &Work<'_, W>,
    wanted: &Wanted,
    account: &SystemAccount,
    target: &Target,
    error: ConnectError,
) -> Unwatched {
    if !error.is_refused_login() {
        return Unwatched::failing(wanted, checks::CONNECTION, Error::from(error).failure());
    }
    let renamed = renamed::find(work, wanted, account, target).await;
    let failure = match &renamed {
        Some(renamed) => renamed::explain(work, renamed, &error),
        None => refused_login(&work.object, account, &error),
    };
    Unwatched { renamed, ..Unwatched::failing(wanted, checks::CONNECTION, failure) }
}

/// There are several causes, and nobody here can tell which.
fn refused_login(object: &RedshiftIntegration, account: &SystemAccount, error: &ConnectError) -> Failure {
    let (name, secret) = (&account.place.setup.system_account, resource::secret_name(object));
    let said = match error {
        ConnectError::PasswordRefused { said, .. } => said.to_string(),
        other => other.to_string(),
    };
    let message = format!(
        "the server refused the login of the system account {name} with the password in the Secret {secret} ({said})"
    );
    let failure = Failure { category: error.category(), ..Failure::stalled(error.reason(), message) };
    failure
        .remedy(Remedy::new("if spec.config leads to another warehouse, set it back"))
        .remedy(Remedy::command(
            format!("if somebody has changed the password: set it to the one in the Secret {secret}, as a superuser"),
            format!("ALTER USER {} PASSWORD '…'", show_identifier(name)),
        ))
        .remedies(renamed_without_password(account, &secret))
        .remedy(Remedy::new(
            "if the account was dropped, or another integration took over, delete this resource: nothing is touched that \
             isn't its own",
        ))
}

/// A new name makes the old password worthless. Where only the renaming stayed of an edit that was
/// interrupted, nobody can log in any more, and only a person can tell that the account is ours.
fn renamed_without_password(account: &SystemAccount, secret: &str) -> Option<Remedy> {
    let next = account.next_accounts.last()?;
    Some(Remedy::command(
        format!(
            "if an edit was interrupted behind the renaming of the account, and the user {next} has come of that: set its \
             password to the nextPassword in the Secret {secret}, as a superuser"
        ),
        format!("ALTER USER {} PASSWORD '…'", show_identifier(next)),
    ))
}
