//! What a pass was based on. As long as that stays the same, nothing is done before its time, and nobody is asked for
//! anything: what the watches have told is enough to know it.

use std::time::Duration;

use kube::ResourceExt;

use super::{KIND, resource};
use crate::api::conditions::types::RECONCILING;
use crate::api::{
    CONFIRM_DELETE_ANNOTATION, CONFIRM_DELETED_ANNOTATION, Phase, REQUESTED_AT_ANNOTATION, ROTATE_ANNOTATION,
    RedshiftIntegration, TAKE_OVER_ANNOTATION,
};
use crate::lifecycle::{cadence, validate as validate_spec};
use crate::ports::{Host, Key, Kubernetes, Referent, Told, World};
use crate::reconcile::witness::Seen;
use crate::reconcile::{Context, Next};

/// What a pass was based on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Basis {
    aspects: Aspects,
    seen: Seen,
}

/// What of a resource is a reason to look at it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Aspects {
    generation: Option<i64>,
    is_deleted: bool,
    has_finalizer: bool,
    is_enabled: bool,
    /// The annotations by which a person asks for something.
    asked_for: [Option<String>; 5],
}

impl Aspects {
    fn of(object: &RedshiftIntegration) -> Self {
        Self {
            generation: object.metadata.generation,
            is_deleted: object.metadata.deletion_timestamp.is_some(),
            has_finalizer: resource::has_finalizer(object),
            is_enabled: object.status.as_ref().is_some_and(|status| status.phase == Some(Phase::Enabled)),
            asked_for: [
                REQUESTED_AT_ANNOTATION,
                ROTATE_ANNOTATION,
                TAKE_OVER_ANNOTATION,
                CONFIRM_DELETE_ANNOTATION,
                CONFIRM_DELETED_ANNOTATION,
            ]
            .map(|annotation| object.annotations().get(annotation).cloned()),
        }
    }
}

impl Basis {
    /// Of a pass that began with `before`, has left the resource as `after`, and has `seen` this meanwhile.
    pub fn new(before: &RedshiftIntegration, after: &RedshiftIntegration, seen: Seen) -> Self {
        let Aspects { has_finalizer, is_enabled, .. } = Aspects::of(after);
        // What the pass was about is what it began with: one that was edited meanwhile is another reason to look.
        let aspects = Aspects { has_finalizer, is_enabled, ..Aspects::of(before) };
        let own = Key::beside(after, resource::secret_name(after));
        // Once it is set up, the credentials that did it don't matter any more, and it has been connected to with the bundle.
        let seen = seen.of_referents(|kind, key| !is_enabled || kind == Referent::Secret && *key == own);
        Self { aspects, seen }
    }

    /// Whether a resource, and what it refers to as the watch has told of it, are what they were.
    fn still_holds(&self, object: &RedshiftIntegration, kubernetes: &impl Kubernetes) -> bool {
        (self.seen.includes(object) || self.aspects == Aspects::of(object)) && self.seen.includes_referents(kubernetes)
    }
}

/// When a resource is due, if not now. It may be as the watch has told of it: to wait is all that is decided from that.
pub fn rest<W: World>(context: &Context<W>, object: &RedshiftIntegration) -> Option<Next> {
    let memory = context.memories.of(&object.uid().unwrap_or_default());
    let not_before = match &memory.basis {
        Some(basis) if basis.still_holds(object, &context.kubernetes) => match memory.not_before {
            Some(at) => at,
            None => return Some(Next::OnChange),
        },
        None if memory.is_new() => {
            let at = first_look(context, object)?;
            show_ready(context, object);
            at
        }
        Some(_) | None => return None,
    };
    let rest = not_before.checked_sub(context.host.elapsed()).filter(|rest| !rest.is_zero())?;
    Some(Next::After(rest))
}

/// When an integration is looked at first that another process has left well, and of which nobody wants anything: not all
/// of a thousand at once.
pub fn first_look<W: World>(context: &Context<W>, object: &RedshiftIntegration) -> Option<Duration> {
    let status = object.status.as_ref()?;
    let Aspects { generation, is_deleted, has_finalizer, is_enabled, asked_for } = Aspects::of(object);
    let [requested, rotation, take_over, ..] = asked_for;
    let is_handled = (requested.is_none() || requested == status.last_handled_reconcile_at)
        && (rotation.is_none() || rotation == status.last_handled_rotation);
    // A rotation that was begun, say.
    let is_at_rest = status.conditions.iter().all(|it| it.type_ != RECONCILING || it.status == "False");
    let is_well = is_enabled && has_finalizer && !is_deleted && Some(status.observed_generation) == generation;
    let own = Key::beside(object, resource::secret_name(object));
    let is_lost = matches!(context.kubernetes.told_of(Referent::Secret, &own), Told::Absent(_));
    if !is_well || !is_at_rest || !is_handled || take_over.is_some() || is_lost {
        return None;
    }
    let interval = validate_spec(&object.spec).ok()?.validation_interval;
    Some(context.started + cadence::until_first_look(interval, &object.uid()?))
}

/// Says in the metrics whether it is ready, as its status does.
pub fn show_ready<W: World>(context: &Context<W>, object: &RedshiftIntegration) {
    let is_ready = object.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True")
    });
    let Key { namespace, name } = Key::of(object);
    context.metrics.of(KIND.controller()).ready(&namespace, &name, is_ready);
}
