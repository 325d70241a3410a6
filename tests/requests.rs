//! What a pass asks of the API server, and how often it logs in: as little as it can do with. The lists are the API server's
//! own, from its audit log.

use std::time::Duration;

use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use redshift_integration_operator::lifecycle::cadence::until_first_look;
use redshift_stand_in::Options;
use redshift_stand_in::faults::{Action, Fault};
use redshift_stand_in::journal::Event;
use serde_json::json;

use crate::support::World;

/// What a creation asks for. Each Secret is read once, and every write has its reason.
const CREATION: [&str; 9] = [
    "get redshiftintegrations",
    "get secrets",
    "get secrets",
    "get configmaps",
    "patch redshiftintegrations",
    "create secrets",
    "update redshiftintegrations/status",
    "patch secrets",
    "update redshiftintegrations/status",
];

/// What a look asks for.
const VALIDATION: [&str; 3] = ["get redshiftintegrations", "get secrets", "get configmaps"];

async fn until_passes(world: &mut World, are_more_than: u64) -> u64 {
    loop {
        let passes = world.operator.as_mut().unwrap().passes();
        if passes > are_more_than {
            return passes;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Wakes the operator with a label, which is a reason for nothing, and waits until it has seen that.
async fn wake(world: &mut World) {
    let passes = world.operator.as_mut().unwrap().passes();
    let another = rand::random::<u32>().to_string();
    world.patch(json!({"metadata": {"labels": {"another": another}}})).await;
    until_passes(world, passes).await;
}

#[tokio::test]
async fn a_creation_a_look_and_a_wake_up_ask_for_no_more_than_they_need() {
    let mut world = World::new().await;
    world.enabled().await;
    // Whatever comes behind it: the echo of its own writes, and these.
    for _ in 0..3 {
        wake(&mut world).await;
    }
    world.put_secret("redshift-admin", "awsuser", "another").await;
    wake(&mut world).await;
    assert_eq!(world.api_requests(), CREATION);
    world.look("1").await;
    wake(&mut world).await;
    let asked = world.api_requests().split_off(CREATION.len());
    assert_eq!(asked, [&VALIDATION[..], &["update redshiftintegrations/status"]].concat());
}

#[tokio::test]
async fn a_periodic_look_asks_for_three_things() {
    let mut world = World::new().await;
    world.create(json!({"validationInterval": "1m"})).await;
    world.until_phase("enabled").await;
    wake(&mut world).await;
    world.kill_operator();
    let before = world.api_requests().len();
    let logins = world.stand_in.journal().logins();
    // Within six seconds comes the first look of another process.
    world.start_operator();
    while world.stand_in.journal().logins() == logins || world.stand_in.connections().0 > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    wake(&mut world).await;
    assert_eq!(world.api_requests().split_off(before), VALIDATION);
}

#[tokio::test]
async fn a_suspended_resource_is_read_once_after_a_restart() {
    let mut world = World::new().await;
    world.create(json!({"suspend": true})).await;
    world.until("it was looked at", crate::support::is_current).await;
    wake(&mut world).await;
    world.kill_operator();
    let before = world.api_requests().len();
    world.start_operator();
    until_passes(&mut world, 0).await;
    wake(&mut world).await;
    wake(&mut world).await;
    assert_eq!(world.api_requests().split_off(before), ["get redshiftintegrations"]);
}

#[tokio::test]
async fn after_a_restart_what_is_well_is_not_looked_at_yet_and_shows_as_ready() {
    const DAY: Duration = Duration::from_hours(24);
    let mut world = World::without_operator(Options::default()).await;
    // Whose first look comes so late that nobody's machine is that slow.
    let object = loop {
        let object = world.create(json!({"validationInterval": "24h"})).await;
        if until_first_look(DAY, &object.uid().unwrap()) > Duration::from_mins(30) {
            break object;
        }
        world.api().delete("analytics", &DeleteParams::default()).await.unwrap();
    };
    world.start_operator();
    world.until_phase("enabled").await;
    wake(&mut world).await;
    world.kill_operator();
    let (requests, logins) = (world.api_requests(), world.stand_in.journal().logins());
    world.start_operator();
    until_passes(&mut world, 0).await;
    wake(&mut world).await;
    let ready = format!("redshift_integration_ready{{namespace=\"{}\",name=\"analytics\"}} 1", world.namespace);
    let metrics = world.operator.as_mut().unwrap().metrics();
    assert!(metrics.contains(&ready), "{metrics}");
    assert_eq!((world.api_requests(), world.stand_in.journal().logins()), (requests, logins));
    // A wish doesn't wait.
    world.look("now").await;
    assert!(world.stand_in.journal().logins() > logins);
    assert_eq!(world.get().await.uid(), object.uid());
}

#[tokio::test]
async fn a_secret_that_changes_while_a_pass_is_under_way_leads_to_another() {
    const CLAIM: &str = "CREATE USER redshift_governance_claim";
    let mut world = World::without_operator(Options::default()).await;
    // What fails isn't tried again by itself before the test has given up.
    world.start_operator_with(&["--retry-delay-milliseconds=600000", "--retry-delay-max-milliseconds=600000"]);
    let faults = world.stand_in.faults();
    let refuse = Action::Refuse { sqlstate: "XX000".into(), message: "it is refused".into() };
    faults.set(Fault::new(Action::HoldBefore).at("SELECT version()"));
    faults.set(Fault::new(refuse).at(CLAIM));
    world.create(json!({})).await;
    faults.held().await;
    // The pass has read the Secret by now.
    let labels = json!({"metadata": {"labels": {"changed": "meanwhile"}}});
    world.secrets().patch("redshift-admin", &PatchParams::default(), &Patch::Merge(labels)).await.unwrap();
    faults.release();
    world.until_phase("enabled").await;
    let tried = world.stand_in.journal().statements().iter().filter(|text| text.contains(CLAIM)).count();
    assert_eq!(tried, 2);
}

#[tokio::test]
async fn a_deletion_logs_in_once_into_each_database_and_once_for_each_proof() {
    let world = World::new().await;
    world.enabled().await;
    world.until_disconnected().await;
    world.stand_in.journal().clear();
    world.delete().await;
    world.until_gone().await;
    let entries = world.stand_in.journal().since(0);
    let logins = entries.iter().filter(|entry| matches!(entry.event, Event::Login { .. }));
    let logins: Vec<_> = logins.map(|entry| (entry.user.as_str(), entry.database.as_str())).collect();
    let expected = [
        // Whoever removes it, and then the proofs of both our users.
        ("awsuser", "dev"),
        ("redshift_governance_claim", "dev"),
        ("immuta_system_account", "immuta"),
        // The looks, into each database, before and behind the mark in the registry.
        ("awsuser", "immuta"),
        ("awsuser", "redshift_sample_data"),
    ];
    assert_eq!(logins, expected);
    let statements = world.stand_in.journal().statements();
    let mark = statements.iter().position(|text| text.contains("SET state = 'deleting'")).unwrap();
    let drop = statements.iter().position(|text| text.starts_with("DROP DATABASE")).unwrap();
    let looks = |range: &[String]| range.iter().filter(|text| text.contains("pg_proc")).count();
    assert!(looks(&statements[..mark]) >= 3 && looks(&statements[mark..drop]) >= 3, "{statements:#?}");
}
