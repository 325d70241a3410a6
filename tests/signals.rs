//! The operator ends when it is told to, whatever it is at, and hands over. Each is the first process of a namespace, as in a
//! container: the kernel keeps from it what it doesn't listen to.

use std::path::Path;
use std::time::{Duration, Instant};

use kube::api::{Patch, PatchParams};
use redshift_stand_in::Options;
use redshift_stand_in::faults::{Action, Fault};
use rustix::process::Signal;
use serde_json::json;

use crate::support::election::{LEASE, holder, leases, pod};
use crate::support::{World, condition, phase_of};

/// Longer than it takes to hand over, which is promised within two seconds, on a machine that has much else to do; and much
/// shorter than the half minute in which a Lease runs out.
const PROMPTLY: Duration = Duration::from_secs(12);

async fn world() -> World {
    World::without_operator(Options::default()).await
}

#[tokio::test]
async fn a_pod_that_stands_by_ends_when_told_and_takes_no_lease() {
    let world = world().await;
    let mut leader = pod(&world, "leader", &[]);
    leader.until_logged("leading").await;
    let held_by = holder(&world).await.unwrap();
    assert!(held_by.starts_with("leader_"), "{held_by}");
    for signal in [Signal::TERM, Signal::INT] {
        let mut standby = pod(&world, &format!("standby-{}", signal.as_raw()), &[]);
        standby.until_logged("the Lease is another's").await;
        standby.until_answered("readyz", 200).await;
        standby.signal(signal);
        assert_eq!(standby.ended().await, Some(0));
        assert!(!standby.log().contains("leading"), "{}", standby.log());
    }
    assert_eq!(holder(&world).await, Some(held_by));
    // Both at once: nobody is left, and the Lease is free.
    let mut standby = pod(&world, "standby", &[]);
    standby.until_logged("the Lease is another's").await;
    standby.signal(Signal::TERM);
    leader.signal(Signal::TERM);
    assert_eq!((standby.ended().await, leader.ended().await), (Some(0), Some(0)));
    assert!(!standby.log().contains("leading"), "{}", standby.log());
    assert_eq!(holder(&world).await, None);
}

#[tokio::test]
async fn a_lease_that_is_given_back_is_taken_by_the_next_pod_which_goes_to_work() {
    let world = world().await;
    let mut leader = pod(&world, "leader", &[]);
    leader.until_logged("leading").await;
    let mut standby = pod(&world, "standby", &[]);
    standby.until_logged("the Lease is another's").await;
    leader.signal(Signal::TERM);
    assert_eq!(leader.ended().await, Some(0));
    assert!(leader.log().contains("the Lease is given back"), "{}", leader.log());
    let given_back = Instant::now();
    standby.until_logged("leading").await;
    let took = given_back.elapsed();
    println!("taken {took:?} after it was given back");
    assert!(took < PROMPTLY, "{took:?}");
    world.enabled().await;
}

#[tokio::test]
async fn a_pass_under_way_is_finished_and_no_other_is_begun() {
    let world = world().await;
    let mut operator = pod(&world, "operator", &[]);
    operator.until_logged("leading").await;
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("CREATE DATABASE"));
    world.create(json!({})).await;
    world.stand_in.faults().held().await;
    operator.signal(Signal::TERM);
    operator.until_logged("asked to end").await;
    // Another resource, for a warehouse that nobody works on.
    world.create_named("late", json!({"config": {"host": "localhost", "port": 1}})).await;
    assert!(operator.is_running() && holder(&world).await.is_some());
    world.stand_in.faults().clear();
    assert_eq!(operator.ended().await, Some(0));
    assert_eq!(phase_of(&world.get().await), "enabled");
    assert!(world.api().get("late").await.unwrap().status.is_none_or(|status| status.observed_generation < 0));
    assert_eq!(holder(&world).await, None);
    assert_eq!(world.stand_in.connections().0, 0);
}

#[tokio::test]
async fn what_does_not_end_is_cut_off_and_keeps_the_lease_from_the_next() {
    let world = world().await;
    for (name, arguments, signals, says) in [
        ("slow", ["--shutdown-timeout-seconds=1"], 1, "did not end within 1 s"),
        ("impatient", ["--shutdown-timeout-seconds=3600"], 2, "a second time"),
    ] {
        // What the former one left behind would be waited for.
        let free = json!({"spec": {"holderIdentity": null}});
        let _ = leases(&world).patch(LEASE, &PatchParams::default(), &Patch::Merge(free)).await;
        let mut operator = pod(&world, name, &arguments);
        operator.until_logged("leading").await;
        world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("pg_database").times(1_000));
        world.create_named(name, json!({})).await;
        world.stand_in.faults().held().await;
        operator.signal(Signal::TERM);
        operator.until_logged("asked to end").await;
        if signals == 2 {
            operator.signal(Signal::INT);
        }
        assert_eq!(operator.ended().await, Some(1));
        assert!(operator.log().contains(says), "{}", operator.log());
        assert!(holder(&world).await.unwrap().starts_with(name));
        world.stand_in.faults().clear();
        world.until_disconnected().await;
    }
}

#[tokio::test]
async fn a_leader_whose_lease_is_anothers_stops_at_once() {
    let world = world().await;
    let mut operator = pod(&world, "operator", &[]);
    operator.until_logged("leading").await;
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("pg_database").times(1_000));
    world.create(json!({})).await;
    world.stand_in.faults().held().await;
    let stolen = json!({"spec": {"holderIdentity": "somebody-else"}});
    leases(&world).patch(LEASE, &PatchParams::default(), &Patch::Merge(stolen)).await.unwrap();
    assert_eq!(operator.ended().await, Some(1));
    assert!(operator.log().contains("lost to somebody-else"), "{}", operator.log());
    assert_eq!(holder(&world).await.as_deref(), Some("somebody-else"));
    world.stand_in.faults().clear();
}

#[tokio::test]
async fn asked_to_end_while_nothing_can_be_listed_it_ends_and_has_said_why_it_cannot() {
    let world = world().await;
    // Bound, and not listened on: nobody else gets the port meanwhile.
    let held = tokio::net::TcpSocket::new_v4().unwrap();
    held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = held.local_addr().unwrap();
    let server = world.api_server();
    for (name, address, token, says) in [
        ("refused", format!("https://{closed}"), None, "Connection refused"),
        ("unauthorized", server, Some("no.such.token"), "refuses it (401)"),
    ] {
        for leader_elect in [false, true] {
            world.edit_kubeconfig(|config| {
                config["clusters"][0]["cluster"]["server"] = json!(address);
                if let Some(token) = token {
                    config["users"][0]["user"]["token"] = json!(token);
                }
            });
            let name = format!("{name}-{leader_elect}");
            let mut operator = if leader_elect {
                pod(&world, &name, &[])
            } else {
                world.first_process(&name, &[], &["--log-level=info"])
            };
            operator.until_logged(says).await;
            // A few tries more.
            tokio::time::sleep(Duration::from_secs(3)).await;
            operator.until_answered("readyz", 503).await;
            operator.signal(Signal::TERM);
            assert_eq!(operator.ended().await, Some(0), "{name}: {}", operator.log());
            let log = operator.log();
            // Of each thing that can't be read, and nothing else that would bury it.
            let said: Vec<_> = log.lines().filter(|line| line.contains("WARN") || line.contains("ERROR")).collect();
            let things = if leader_elect { 1 } else { 6 };
            assert_eq!(said.len(), things, "{name}: {log}");
            assert!(said.iter().all(|line| line.contains(says)), "{name}: {log}");
        }
    }
}

#[tokio::test]
async fn asked_to_end_at_any_moment_of_its_start_it_ends() {
    let world = world().await;
    for delay in [0, 1, 2, 4, 8, 16, 32, 64, 128] {
        let mut operator = pod(&world, &format!("after-{delay}-ms"), &[]);
        let program = env!("CARGO_BIN_EXE_redshift-integration-operator");
        // Until it is the operator, it is the program that starts it.
        let is_itself =
            |pid: u32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|is| is == Path::new(program));
        while !is_itself(operator.pid()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The loader and the runtime come before the first line of the program, and take a moment too: so long, a signal
        // is lost, as it is to every program.
        while !listens(operator.pid()) {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_millis(delay)).await;
        operator.signal(Signal::TERM);
        assert_eq!(operator.ended().await, Some(0), "after {delay} ms: {}", operator.log());
    }
    assert_eq!(holder(&world).await, None);
}

/// Whether a process has a handler for SIGTERM.
fn listens(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0").trim().to_owned();
    let mask = u64::from_str_radix(&caught, 16).unwrap_or_default();
    mask & (1 << (Signal::TERM.as_raw() - 1)) != 0
}

#[tokio::test]
async fn without_an_election_it_is_ready_once_it_works_and_ends_when_told() {
    let world = world().await;
    let mut operator = world.first_process("alone", &[], &["--log-level=info"]);
    operator.until_answered("readyz", 200).await;
    operator.until_answered("healthz", 200).await;
    world.enabled().await;
    assert_eq!(condition(&world.get().await, "Ready").status, "True");
    operator.signal(Signal::INT);
    assert_eq!(operator.ended().await, Some(0));
}
