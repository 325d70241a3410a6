//! Two operators on one warehouse: one leads, and the other goes to work when the first can't. What the first had begun when
//! it was stopped changes nothing any more.

use std::time::{Duration, Instant};

use redshift_stand_in::Options;
use redshift_stand_in::faults::{Action, Fault};
use rustix::process::Signal;
use serde_json::json;

use crate::support::election::{LEASE, holder, leases, pod, pod_in};
use crate::support::{Clock, Dump, Operator, Passage, Relay, World, assert_same};

/// Seconds by which a clock is ahead or behind: longer than a Lease lasts, and the API server's certificate is valid at either end.
const AHEAD: i64 = 300 * 24 * 60 * 60;
const BEHIND: i64 = 50 * 60;

/// A pod that leads without asking anybody.
fn pod_without_election(world: &World, name: &str) -> Operator {
    world.first_process(name, &[("HOSTNAME", name)], &["--log-level=info"])
}

/// An integration that is set up, and an edit of it that `operator` has begun when it is stopped: the server has begun the
/// transaction, and the operator doesn't know yet.
async fn stop_in_the_middle_of_an_edit(world: &World, operator: &Operator) {
    world.create(json!({})).await;
    world.until_phase("enabled").await;
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("BEGIN"));
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": true}}}})).await;
    world.stand_in.faults().held().await;
    operator.stop().await;
    world.stand_in.faults().clear();
}

async fn edited(world: &World) {
    let has_role = |object: &redshift_integration_operator::api::RedshiftIntegration| {
        let status = object.status.clone().unwrap_or_default();
        let is_enabled = crate::support::phase_of(object) == "enabled";
        is_enabled && status.created.is_some_and(|created| created.impersonation_role.is_some())
    };
    world.until("the edit is done", has_role).await;
}

#[tokio::test]
async fn a_leader_that_was_stopped_is_replaced_and_stands_by_when_it_goes_on() {
    let world = World::without_operator(Options::default()).await;
    let mut first = pod(&world, "first", &[]);
    first.until_logged("leading").await;
    let mut second = pod(&world, "second", &[]);
    second.until_logged("the Lease is another's").await;
    stop_in_the_middle_of_an_edit(&world, &first).await;
    let stopped = Instant::now();
    second.until_logged("leading").await;
    println!("the Lease was taken {:.1} s after its holder was stopped", stopped.elapsed().as_secs_f64());
    assert!(holder(&world).await.unwrap().starts_with("second_"));
    edited(&world).await;
    let after = Dump::of(&world.stand_in).await;
    let statements = world.stand_in.journal().statements().len();
    first.signal(Signal::CONT);
    // It ends all that it does, its connections too, and stands by.
    first.until_logged("all passes were cut off").await;
    first.until_logged("the Lease is another's").await;
    assert!(holder(&world).await.unwrap().starts_with("second_"));
    let since = world.stand_in.journal().statements().split_off(statements);
    // The lock may still be asked for, before the process knows how late it is: the comparison of the counter is behind it.
    let harmless = ["SELECT", "SHOW", "LOCK TABLE"];
    let changes = |text: &&String| !harmless.iter().any(|verb| text.trim_start().starts_with(verb));
    assert_eq!(since.iter().filter(changes).collect::<Vec<_>>(), [""; 0]);
    assert_same(&after, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_leader_that_is_cut_off_from_the_api_server_stops_before_another_goes_on() {
    let world = World::without_operator(Options::default()).await;
    let server = world.api_server();
    let relay = Relay::to(server.strip_prefix("https://").unwrap()).await;
    let through = format!("https://{}", relay.address());
    world.edit_kubeconfig(|config| config["clusters"][0]["cluster"]["server"] = json!(through));
    let mut first = pod(&world, "first", &[]);
    first.until_logged("leading").await;
    world.edit_kubeconfig(|config| config["clusters"][0]["cluster"]["server"] = json!(server));
    let mut second = pod(&world, "second", &[]);
    second.until_logged("the Lease is another's").await;
    world.enabled().await;
    // The warehouse can be reached all the while: an edit is in the middle of its transaction, and waits for an answer.
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("BEGIN"));
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": true}}}})).await;
    world.stand_in.faults().held().await;
    relay.set(Passage::Silent);
    let cut_off = Instant::now();
    first.until_logged("all passes were cut off").await;
    // Nothing of it is under way any more, and nobody else has begun.
    world.until_disconnected().await;
    assert!(!second.log().contains("leading"), "two of them lead");
    world.stand_in.faults().clear();
    second.until_logged("leading").await;
    println!("the Lease was taken {:.1} s after its holder was cut off", cut_off.elapsed().as_secs_f64());
    edited(&world).await;
    let after = Dump::of(&world.stand_in).await;
    relay.set(Passage::Closed);
    relay.set(Passage::Open);
    first.until_logged("the Lease is another's").await;
    assert!(holder(&world).await.unwrap().starts_with("second_"));
    assert_same(&after, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_leader_whose_writes_of_the_lease_take_20_s_stops_before_another_goes_on() {
    let world = World::without_operator(Options::default()).await;
    let mut direct = json!(null);
    world.edit_kubeconfig(|config| direct = config["clusters"][0]["cluster"].clone());
    let proxy = world.behind_a_proxy().await;
    let mut first = pod(&world, "first", &[]);
    first.until_logged("leading").await;
    world.edit_kubeconfig(|config| config["clusters"][0]["cluster"] = direct);
    let mut second = pod(&world, "second", &[]);
    second.until_logged("the Lease is another's").await;
    world.enabled().await;
    proxy.slow_down("PUT leases", Duration::from_secs(20));
    let slow = Instant::now();
    first.until_logged("all passes were cut off").await;
    assert!(!second.log().contains("leading"), "two of them lead");
    // What it has written is done later, and makes the Lease last longer: the other one is only later for it.
    second.until_logged("leading").await;
    println!("the Lease was taken {:.1} s after its holder's writes became slow", slow.elapsed().as_secs_f64());
    first.until_logged("the Lease is another's").await;
    assert!(holder(&world).await.unwrap().starts_with("second_"));
}

#[tokio::test]
async fn an_operator_that_nobody_stops_meets_the_counter_when_another_has_worked_meanwhile() {
    let world = World::without_operator(Options::default()).await;
    let mut first = pod_without_election(&world, "first");
    stop_in_the_middle_of_an_edit(&world, &first).await;
    let second = pod_without_election(&world, "second");
    edited(&world).await;
    let after = Dump::of(&world.stand_in).await;
    first.signal(Signal::CONT);
    first.until_logged("check-registry").await;
    edited(&world).await;
    assert_same(&after, &Dump::of(&world.stand_in).await);
    drop(second);
}

#[tokio::test]
async fn clocks_that_jump_take_the_lease_from_nobody() {
    let world = World::without_operator(Options::default()).await;
    let clocks = ["first", "second"].map(|name| Clock::new(world.folder(), name));
    let mut first = pod_in(&world, "first", &clocks[0].environment(), &[]);
    first.until_logged("leading").await;
    let mut second = pod_in(&world, "second", &clocks[1].environment(), &[]);
    second.until_logged("the Lease is another's").await;
    world.enabled().await;
    let lease = async || leases(&world).get(LEASE).await.unwrap().spec.unwrap();
    let renewed = async || {
        let before = lease().await.renew_time;
        while lease().await.renew_time == before {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    for (of_leader, of_other) in [(AHEAD, -BEHIND), (-BEHIND, AHEAD)] {
        clocks[0].set_wrong_by(of_leader);
        clocks[1].set_wrong_by(of_other);
        renewed().await;
        assert!(!second.log().contains("leading"), "two of them lead");
    }
    assert_eq!(lease().await.lease_transitions, Some(1));
    // The next one isn't deceived by a renewal that is dated months ahead, and goes on with what the first has begun.
    clocks[0].set_wrong_by(AHEAD);
    renewed().await;
    clocks[1].set_wrong_by(0);
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": true}}}})).await;
    first.signal(Signal::KILL);
    let killed = Instant::now();
    second.until_logged("leading").await;
    println!("the Lease was taken {:.1} s after its holder was killed", killed.elapsed().as_secs_f64());
    edited(&world).await;
}
