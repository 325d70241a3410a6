//! Watching over an integration that is set up: as the system account, on one connection.

use kube::ResourceExt;

use super::context::Context;
use super::create::{self, Finished, said};
use super::error::Error;
use super::system_account::SystemAccount;
use super::{dereference, look};
use crate::api::{Created, DatabaseMode, Phase, RedshiftIntegration, RedshiftIntegrationStatus};
use crate::lifecycle::checks::{self, Watched};
use crate::lifecycle::{Activity, Failure, Outcome, RegistryState, Wanted};
use crate::redshift::{Category, Session, Target};

/// How far an integration has come, seen as its system account.
pub enum Seen {
    /// The registry says that everything is there.
    Complete(Box<Watched>),
    /// It isn't, or not ours, or there is none.
    NotComplete,
}

/// Looks, as the system account.
pub async fn look(
    context: &Context,
    object: &RedshiftIntegration,
    target: &Target,
    account: &SystemAccount,
) -> Result<Seen, Error> {
    let database = &account.place.database;
    let session: Session = context.connector.connect(target, &account.credentials(), database).await?;
    let Ok(registry) = look::registry(&session).await? else { return Ok(Seen::NotComplete) };
    if object.uid().as_ref() != Some(&registry.integration_uid) || registry.state != RegistryState::Complete {
        return Ok(Seen::NotComplete);
    }
    Ok(Seen::Complete(Box::new(look::watched(&session, registry, database).await?)))
}

/// Validates an integration that was enabled before.
pub async fn run(context: &Context, object: RedshiftIntegration, wanted: &Wanted, account: &SystemAccount) -> Finished {
    let outcome = match validate(context, &object, wanted, account).await {
        Ok(watched) => report(&object, wanted, &watched),
        Err((error, tests)) => {
            let mut outcome = failed(&object, error.failure());
            outcome.tests = tests;
            outcome
        }
    };
    Finished { object, outcome }
}

type Unwatched = (Error, Vec<crate::api::ValidationTest>);

async fn validate(
    context: &Context,
    object: &RedshiftIntegration,
    wanted: &Wanted,
    account: &SystemAccount,
) -> Result<Watched, Unwatched> {
    let no_tests = |error| (error, Vec::new());
    let target = dereference::target(&context.client, object).await.map_err(no_tests)?;
    let database = &account.place.database;
    let connected = context.connector.connect(&target, &account.credentials(), database).await;
    let session = connected.map_err(|error| {
        let message = if error.is_refused_login() {
            format!(
                "{error}; the account may have been dropped, its password changed, or another integration may have \
                 taken over"
            )
        } else {
            error.to_string()
        };
        let tests = checks::unwatched(wanted, checks::CONNECTION, &message);
        let failure = Failure { reason: error.reason(), message, category: error.category() };
        (Error::Stopped(failure), tests)
    })?;
    let registry = look::registry(&session).await.map_err(no_tests)?.map_err(|why| {
        let message = format!("{why}; the registry in the database {database} must be restored");
        (Error::stalled("RegistryUnreadable", message.as_str()), checks::unwatched(wanted, checks::REGISTRY, &message))
    })?;
    look::watched(&session, registry, database).await.map_err(no_tests)
}

/// What the look at an enabled integration comes to.
pub fn report(object: &RedshiftIntegration, wanted: &Wanted, watched: &Watched) -> Outcome {
    let tests = checks::watch(wanted, watched, &object.uid().unwrap_or_default());
    if let Some(test) = checks::first_failure(&tests) {
        let message = format!("{}: {}", test.name, said(test));
        let failure = Failure { reason: "ValidationFailed", message, category: Category::Permanent };
        return Outcome { tests, ..failed(object, failure) };
    }
    if watched.registry.applied_hash != wanted.applied_hash() {
        let message = "Unable to edit integration: what is set up in the warehouse can't be edited by this version of \
                       the operator; set spec.config.systemAccount back, or delete the resource and create it anew";
        let failure = Failure { reason: "NotSupported", message: message.to_owned(), category: Category::Permanent };
        return Outcome { tests, ready: None, phase: Phase::EditError, ..failed(object, failure) };
    }
    let place = create::place(wanted);
    Outcome {
        phase: Phase::Enabled,
        ready: Some(true),
        activity: Activity::Settled,
        tests,
        created: Some(Created {
            host: place.host,
            port: place.port,
            database: place.database,
            database_mode: DatabaseMode::Create,
            system_account: place.system_account,
            impersonation_role: None,
            schema_version: i32::try_from(watched.registry.schema_version).unwrap_or_default(),
            applied_hash: Some(watched.registry.applied_hash.clone()),
        }),
        deletion: None,
    }
}

/// A validation that failed: after an edit the former state goes on working, else it is the
/// integration itself that doesn't validate.
pub fn failed(object: &RedshiftIntegration, failure: Failure) -> Outcome {
    let status: RedshiftIntegrationStatus = object.status.clone().unwrap_or_default();
    let edited = object.metadata.generation != Some(status.observed_generation);
    let (phase, ready) = if edited || status.phase == Some(Phase::EditError) {
        (Phase::EditError, None)
    } else {
        (Phase::RecurringValidationError, Some(false))
    };
    Outcome {
        phase,
        ready,
        activity: Activity::Stopped(failure),
        tests: Vec::new(),
        created: status.created,
        deletion: status.deletion,
    }
}
