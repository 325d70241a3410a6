//! Killed right before and right after each statement of a creation and of a deletion, the operator
//! converges to the very warehouse that an undisturbed run gives. The same for connections that break
//! and for statements that the server refuses.

use std::collections::BTreeMap;

use redshift_integration_operator::api::{RedshiftIntegration, ValidationStatus};
use redshift_stand_in::faults::{Action, Fault};
use serde_json::{Value, json};

use crate::support::{Dump, World, assert_same, tests_with};

/// What happens to the n-th statement.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Disturbance {
    KilledBefore,
    KilledAfter,
    ConnectionLostBefore,
    ConnectionLostAfter,
    Refused,
}

impl Disturbance {
    fn action(self) -> Action {
        match self {
            Self::KilledBefore => Action::HoldBefore,
            Self::KilledAfter => Action::HoldAfter,
            Self::ConnectionLostBefore => Action::DropBefore,
            Self::ConnectionLostAfter => Action::DropAfter,
            Self::Refused => Action::Refuse { sqlstate: "XX000".into(), message: "on order".into() },
        }
    }

    fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }
}

/// What must be the same however it came about: all but times, and the results of the preflight, which
/// finds its own work after a crash.
fn essence(object: &RedshiftIntegration) -> Value {
    let mut status = serde_json::to_value(object.status.as_ref().unwrap()).unwrap();
    let conditions = status["conditions"].as_array_mut().unwrap();
    for condition in conditions {
        condition.as_object_mut().unwrap().remove("lastTransitionTime");
    }
    status["validationResults"] = json!(tests_with(object, ValidationStatus::Failed));
    status
}

/// What an undisturbed run comes to.
struct Undisturbed {
    nothing: Dump,
    enabled: Dump,
    status: Value,
    statements: BTreeMap<&'static str, u64>,
}

async fn undisturbed(world: &World) -> Undisturbed {
    let count = || u64::try_from(world.stand_in.journal().statements().len()).unwrap();
    let nothing = Dump::of(&world.stand_in).await;
    let object = world.enabled().await;
    let (creation, enabled) = (count(), Dump::of(&world.stand_in).await);
    world.delete().await;
    world.until_gone().await;
    let statements = BTreeMap::from([("creation", creation), ("deletion", count() - creation)]);
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
    Undisturbed { nothing, enabled, status: essence(&object), statements }
}

/// Sets the fault, starts the flow, and lets the disturbance happen; tells whether it did.
async fn disturb(world: &mut World, disturbance: Disturbance, nth: u64, begin: impl AsyncFnOnce(&World)) -> u64 {
    let fault = world.stand_in.faults().set(Fault::new(disturbance.action()).nth(nth));
    begin(world).await;
    if disturbance.kills() {
        world.stand_in.faults().held().await;
        world.kill_operator();
        // The stand-in notices that its client is gone: what was held before the server never gets there.
        while world.stand_in.connections().0 > 0 && disturbance == Disturbance::KilledBefore {
            tokio::task::yield_now().await;
        }
        world.stand_in.faults().release();
        world.start_operator();
    }
    fault
}

/// Every `of`-th statement, from the `first`, with every disturbance in a list.
async fn sweep(disturbances: &[Disturbance], first: u64, of: u64) {
    let mut world = World::new().await;
    let expected = undisturbed(&world).await;
    let mut cases: BTreeMap<(&str, Disturbance), u64> = BTreeMap::new();
    let longest = *expected.statements.values().max().unwrap();
    for nth in (1..=longest).filter(|nth| nth % of == first) {
        for disturbance in disturbances {
            let mut disturbed = async |world: &mut World, flow: &'static str, begin: Value| {
                if nth > expected.statements[flow] {
                    begin_flow(world, &begin).await;
                    return None;
                }
                *cases.entry((flow, *disturbance)).or_default() += 1;
                Some(disturb(world, *disturbance, nth, async |world| begin_flow(world, &begin).await).await)
            };
            let fault = disturbed(&mut world, "creation", json!("create")).await;
            let object = world.until_phase("enabled").await;
            assert_same(&expected.enabled, &Dump::of(&world.stand_in).await);
            assert_eq!(essence(&object), expected.status, "{disturbance:?} {nth}");
            assert!(fault.is_none_or(|fault| world.stand_in.faults().fired(fault) == 1), "{disturbance:?} {nth}");
            world.stand_in.faults().clear();

            let fault = disturbed(&mut world, "deletion", json!("delete")).await;
            world.until_gone().await;
            assert_same(&expected.nothing, &Dump::of(&world.stand_in).await);
            assert!(world.secrets().get_opt("analytics-system-account").await.unwrap().is_none());
            assert!(fault.is_none_or(|fault| world.stand_in.faults().fired(fault) == 1), "{disturbance:?} {nth}");
            world.stand_in.faults().clear();
        }
    }
    for ((flow, disturbance), count) in cases {
        println!("{flow} | {disturbance:?} | {count} of {} statements | all converged", expected.statements[flow]);
    }
}

async fn begin_flow(world: &World, begin: &Value) {
    if begin == "create" {
        world.create(json!({})).await;
    } else {
        world.delete().await;
    }
}

const ALL: [Disturbance; 5] = [
    Disturbance::KilledBefore,
    Disturbance::KilledAfter,
    Disturbance::ConnectionLostBefore,
    Disturbance::ConnectionLostAfter,
    Disturbance::Refused,
];

// In parts, which run side by side.

#[tokio::test]
async fn disturbed_at_any_statement_it_converges_part_1() {
    sweep(&ALL, 0, 4).await;
}

#[tokio::test]
async fn disturbed_at_any_statement_it_converges_part_2() {
    sweep(&ALL, 1, 4).await;
}

#[tokio::test]
async fn disturbed_at_any_statement_it_converges_part_3() {
    sweep(&ALL, 2, 4).await;
}

#[tokio::test]
async fn disturbed_at_any_statement_it_converges_part_4() {
    sweep(&ALL, 3, 4).await;
}
