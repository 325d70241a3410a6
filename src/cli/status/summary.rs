//! What there is to say of a resource, for people and, as JSON, for programs.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::ResourceExt;
use serde::Serialize;

use crate::api::conditions::types;
use crate::api::{
    Created, DatabaseMode, DeletionPolicy, DeletionProgress, Phase, Reason, RedshiftIntegration, Remedy,
    ValidationResults,
};
use crate::lifecycle::brief;

/// What there is to say of a resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where in its life it is; nothing before the operator's first look.
    pub phase: Option<Phase>,
    /// Whether it is ready, as its condition says: `True`, `False`, or nothing.
    pub ready: Option<String>,
    /// What goes on.
    pub state: State,
    /// Why, for machines: the condition's reason.
    pub reason: Option<String>,
    /// Since when that is so (RFC 3339).
    pub since: Option<String>,
    /// What goes on, in a sentence.
    pub message: String,
    /// What can be done about it.
    pub remedies: Vec<Remedy>,
    /// Whether the status speaks of an older generation of the resource.
    pub is_behind: bool,
    /// Since when it is being deleted (RFC 3339).
    pub deleted_at: Option<String>,
    /// Whether a person runs the scripts.
    pub is_manual: bool,
    /// What is wanted, and where.
    pub wanted: Wish,
    /// What becomes of it when the resource is deleted.
    pub deletion_policy: DeletionPolicy,
    /// What there is of it in the warehouse, or is about to be.
    pub created: Option<Created>,
    /// How far a deletion is.
    pub deletion: Option<DeletionProgress>,
    /// What was checked last.
    pub validation_results: Option<ValidationResults>,
}

/// What goes on, as far as somebody has to know who waits for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// The operator hasn't looked at it yet.
    NotLookedAt,
    /// The user wants nothing done.
    Suspended,
    /// Somebody has to do something.
    Stalled,
    /// The operator is at work, or tries again by itself.
    Reconciling,
    /// All is as it should be.
    Settled,
}

/// What the spec wants, and where.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Wish {
    /// Host of the warehouse.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The managed database.
    pub database: String,
    /// Whether it is created.
    pub database_mode: DatabaseMode,
    /// Where the operator begins.
    pub initial_database: String,
    /// Name of the system account.
    pub system_account: String,
    /// The role for impersonation, if that is on.
    pub impersonation_role: Option<String>,
}

/// What a message says that is read where remedies aren't shown.
const ELSEWHERE: &str = "; see status.remedies";

impl Summary {
    /// Of a resource.
    pub fn of(object: &RedshiftIntegration) -> Self {
        let (spec, config) = (&object.spec, &object.spec.config);
        let status = object.status.clone().unwrap_or_default();
        let condition = |type_: &str| status.conditions.iter().find(|condition| condition.type_ == type_);
        let holds = |type_| condition(type_).filter(|condition| condition.status == "True");
        let ready = condition(types::READY);
        let (state, because) = match (holds(types::STALLED), holds(types::RECONCILING)) {
            _ if status.observed_generation < 0 || status.conditions.is_empty() => (State::NotLookedAt, None),
            _ if spec.suspend && object.metadata.deletion_timestamp.is_none() => (State::Suspended, ready),
            (Some(stalled), _) => (State::Stalled, Some(stalled)),
            (None, Some(reconciling)) => (State::Reconciling, Some(reconciling)),
            (None, None) => (State::Settled, ready),
        };
        let message = match (state, because) {
            (State::NotLookedAt, _) => "the operator hasn't looked at it yet".to_owned(),
            (State::Suspended, _) => "spec.suspend is true: nothing is done until `resume`".to_owned(),
            (_, because) => because.map(|it| plain(it.message.trim_end_matches(ELSEWHERE))).unwrap_or_default(),
        };
        let not_looked_at = || {
            vec![Remedy::command(
                "see whether the operator runs, and whether it watches this namespace",
                "kubectl get pods -A -l app.kubernetes.io/name=redshift-integration-operator",
            )]
        };
        let remedies = status
            .remedies
            .iter()
            .map(|it| Remedy { description: plain(&it.description), command: it.command.as_deref().map(plain) });
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
            phase: status.phase,
            ready: ready.map(|ready| ready.status.clone()),
            state,
            reason: because.map(|it| it.reason.clone()),
            since: because.map(|it: &Condition| it.last_transition_time.0.to_string()),
            message,
            remedies: if state == State::NotLookedAt { not_looked_at() } else { remedies.collect() },
            is_behind: state != State::NotLookedAt
                && object.metadata.generation.is_some_and(|newest| newest > status.observed_generation),
            deleted_at: object.metadata.deletion_timestamp.as_ref().map(|time| time.0.to_string()),
            is_manual: !spec.auto_bootstrap,
            wanted: Wish {
                host: config.host.clone(),
                port: config.port,
                database: config.database.clone(),
                database_mode: config.database_mode,
                initial_database: config.initial_database.clone(),
                system_account: config.system_account.name.clone(),
                impersonation_role: config.impersonation.enabled.then(|| config.impersonation.role.clone()),
            },
            deletion_policy: spec.deletion_policy,
            created: status.created,
            deletion: status.deletion,
            validation_results: status.validation_results,
        }
    }

    /// Whether it goes on by itself once somebody has run a script, or confirmed something.
    pub fn waits_for_somebody(&self) -> bool {
        let waits = [Reason::AwaitingScript, Reason::AwaitingConfirmation];
        self.reason.as_deref().is_some_and(|reason| waits.iter().any(|it| it.as_str() == reason))
    }

    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        self.ready.as_deref() == Some("True")
    }
}

/// A text from the cluster, without what a terminal would take for a command: whoever may write a resource would otherwise
/// write on the screen of whoever looks at it.
pub fn plain(text: &str) -> String {
    text.chars().map(|it| if brief::is_plain(it) { it } else { '\u{fffd}' }).collect()
}
