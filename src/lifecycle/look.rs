//! What a look at an integration that was set up comes to, and what it means that there was none.

use super::checks::{self, Test, Watched};
use super::{Activity, Category, Failure, Outcome, Place, Schema, Wanted};
use crate::api::{Phase, Reason, RedshiftIntegrationStatus};

/// How often a look is tried again before it counts that it failed.
const TRIES_BEFORE_IT_COUNTS: u32 = 2;

impl Failure {
    /// The first test that failed of what is set up, and what can be done about all that did.
    #[must_use]
    pub fn of_validation(tests: &[Test]) -> Option<Self> {
        let test = checks::first_failure(tests)?;
        let message = format!("{}: {}", test.name, test.message);
        Some(Self::stalled(Reason::ValidationFailed, message).remedies(checks::remedies(tests)))
    }
}

impl Outcome {
    /// A look at the integration of this UID, as its system account.
    #[must_use]
    pub fn of_look(status: &RedshiftIntegrationStatus, uid: &str, wanted: &Wanted, watched: &Watched) -> Self {
        let (registry, tests) = (&watched.registry, checks::watch(wanted, watched, uid));
        if uid == registry.integration_uid && registry.schema() != Schema::Current {
            // What this version would look for isn't what there is to be.
            return Self {
                phase: Phase::MigrateError,
                ready: None,
                activity: Activity::Stopped(registry.failure_of_schema()),
                tests: Vec::new(),
                created: status.created.clone(),
                deletion: status.deletion.clone(),
            };
        }
        let Some(failure) = Failure::of_validation(&tests) else {
            return Self {
                phase: Phase::Enabled,
                ready: Some(true),
                activity: Activity::Settled,
                tests,
                created: Some(wanted.place.created_as(registry)),
                deletion: None,
            };
        };
        // Status may have been lost; what the registry says was created, if it is ours.
        let place = Place { endpoint: wanted.place.endpoint.clone(), setup: registry.setup.clone() };
        let found = registry.is_complete_for(uid).then(|| place.created_as(registry));
        Self {
            // Nothing is left to be edited: it is what was applied that doesn't validate.
            phase: Phase::RecurringValidationError,
            ready: Some(false),
            activity: Activity::Stopped(failure),
            tests,
            created: status.created.clone().or(found),
            deletion: status.deletion.clone(),
        }
    }

    /// A look at an integration that was well could not be made, which may be so for a moment only: the first login after
    /// a while wakes a Serverless workgroup, which takes about 20 s, and a connection is lost now and then. So often it is
    /// tried again before it counts; `doubts` are the tries so far.
    #[must_use]
    pub fn of_a_doubt(
        status: &RedshiftIntegrationStatus,
        generation: i64,
        doubts: u32,
        failure: Failure,
    ) -> Option<Self> {
        let was_well = status.phase == Some(Phase::Enabled) && status.observed_generation == generation;
        let counts = failure.category == Category::Permanent || doubts >= TRIES_BEFORE_IT_COUNTS;
        (was_well && !counts).then(|| Self {
            phase: Phase::Enabled,
            ready: None,
            activity: Activity::Doubtful(failure),
            tests: Vec::new(),
            created: status.created.clone(),
            deletion: status.deletion.clone(),
        })
    }

    /// A look that couldn't be made, perhaps because of an edit: whether what was set up works isn't known.
    #[must_use]
    pub fn of_failed_look(status: &RedshiftIntegrationStatus, generation: i64, failure: Failure) -> Self {
        // Where status was lost, nothing says that anything was edited.
        let edited = status.created.is_some() && generation != status.observed_generation;
        let phase = if edited || status.phase == Some(Phase::EditError) {
            Phase::EditError
        } else {
            Phase::RecurringValidationError
        };
        Self {
            phase,
            ready: Some(false),
            activity: Activity::Stopped(failure),
            tests: Vec::new(),
            created: status.created.clone(),
            deletion: status.deletion.clone(),
        }
    }

    /// Stopped before there could be a look: by the spec, or by the Secret.
    #[must_use]
    pub fn before_any_look(status: &RedshiftIntegrationStatus, generation: i64, failure: Failure) -> Self {
        let outcome = Self::of_failed_look(status, generation, failure);
        match outcome.phase {
            _ if !status.was_enabled() => Self { phase: Phase::CreateError, ..outcome },
            // What was set up works on, for all that is known.
            Phase::EditError => Self { ready: None, ..outcome },
            _ => outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DatabaseMode;
    use crate::lifecycle::Endpoint;
    use crate::lifecycle::Setup;

    /// The status at generation 1 of a resource that was enabled.
    fn enabled() -> RedshiftIntegrationStatus {
        let place = Place {
            endpoint: Endpoint::new("localhost", 5439),
            setup: Setup {
                database: "immuta".to_owned(),
                database_mode: DatabaseMode::Create,
                system_account: "immuta_system_account".to_owned(),
                impersonation_role: None,
            },
        };
        RedshiftIntegrationStatus {
            observed_generation: 1,
            phase: Some(Phase::Enabled),
            created: Some(place.created(Some("hash".to_owned()))),
            ..RedshiftIntegrationStatus::default()
        }
    }

    fn failure() -> Failure {
        Failure::waiting(Reason::LoginRefused, "no")
    }

    fn shows(outcome: &Outcome) -> (Phase, Option<bool>) {
        (outcome.phase, outcome.ready)
    }

    #[test]
    fn a_look_that_fails_is_an_edits_fault_only_if_there_was_an_edit() {
        let look = |status: &RedshiftIntegrationStatus, generation| {
            shows(&Outcome::of_failed_look(status, generation, failure()))
        };
        assert_eq!(look(&enabled(), 1), (Phase::RecurringValidationError, Some(false)));
        assert_eq!(look(&enabled(), 2), (Phase::EditError, Some(false)));
        let failed = RedshiftIntegrationStatus { phase: Some(Phase::EditError), ..enabled() };
        assert_eq!(look(&failed, 1), (Phase::EditError, Some(false)));
        let lost = RedshiftIntegrationStatus { created: None, ..enabled() };
        assert_eq!(look(&lost, 2), (Phase::RecurringValidationError, Some(false)));
    }

    #[test]
    fn one_look_that_fails_in_passing_is_no_verdict() {
        let doubt = |status: &RedshiftIntegrationStatus, generation, doubts, failure| {
            Outcome::of_a_doubt(status, generation, doubts, failure).is_some()
        };
        assert!(doubt(&enabled(), 1, 0, failure()) && doubt(&enabled(), 1, 1, failure()));
        assert!(!doubt(&enabled(), 1, 2, failure()));
        assert!(!doubt(&enabled(), 2, 0, failure()), "an edit may be the cause");
        assert!(!doubt(&enabled(), 1, 0, Failure::stalled(Reason::LoginRefused, "no")));
        let failed = RedshiftIntegrationStatus { phase: Some(Phase::RecurringValidationError), ..enabled() };
        assert!(!doubt(&failed, 1, 0, failure()));
    }

    #[test]
    fn an_edit_that_is_refused_before_any_look_says_nothing_of_what_was_set_up() {
        let look = |status: &RedshiftIntegrationStatus, generation| {
            shows(&Outcome::before_any_look(status, generation, failure()))
        };
        assert_eq!(look(&enabled(), 1), (Phase::RecurringValidationError, Some(false)));
        assert_eq!(look(&enabled(), 2), (Phase::EditError, None));
        let begun = RedshiftIntegrationStatus { created: None, ..enabled() };
        assert_eq!(look(&begun, 2), (Phase::CreateError, Some(false)));
    }
}
