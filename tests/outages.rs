//! The API server goes away and comes back; or lies behind a proxy.

use std::time::{Duration, Instant};

use redshift_stand_in::Options;
use rustix::process::Signal;
use serde_json::json;

use crate::support::election::LEASE;
use crate::support::{Passage, Relay, World, condition, is_current, phase_of};

/// An edit is acted on within seconds of the API server's return: the watch is tried again every five. On a machine that has
/// much else to do it takes longer; without the bound it would be half a minute and more.
const PROMPTLY: Duration = Duration::from_secs(20);

async fn world() -> World {
    World::without_operator(Options::default()).await
}

/// The address of the API server, without its scheme.
fn server(world: &World) -> String {
    world.api_server().strip_prefix("https://").unwrap().to_owned()
}

async fn behind_a_relay(world: &World) -> Relay {
    let relay = Relay::to(&server(world)).await;
    let address = format!("https://{}", relay.address());
    world.edit_kubeconfig(|config| config["clusters"][0]["cluster"]["server"] = json!(address));
    relay
}

#[tokio::test]
async fn when_the_api_server_is_back_an_edit_is_acted_on_and_meanwhile_the_health_says_so() {
    let world = world().await;
    let relay = behind_a_relay(&world).await;
    let lease = [format!("--lease-namespace={}", world.namespace), format!("--lease-name={LEASE}")];
    let arguments = ["--leader-elect", &lease[0], &lease[1], "--health-timeout-seconds=3", "--api-timeout-seconds=5"];
    let log = "--log-level=redshift_integration_operator=debug";
    let mut operator = world.first_process("operator", &[], &[&arguments[..], &[log]].concat());
    world.enabled().await;
    operator.until_answered("readyz", 200).await;

    for away in [Passage::Closed, Passage::Silent] {
        relay.set(away);
        let role = format!("role_{}", format!("{away:?}").to_lowercase());
        let impersonation = json!({"enabled": true, "role": role});
        world.patch(json!({"spec": {"config": {"impersonation": impersonation}}})).await;
        if away == Passage::Closed {
            let said = operator.until_answered("healthz", 503).await;
            assert!(said.contains("the watch of RedshiftIntegrations"), "{said}");
            operator.until_answered("readyz", 503).await;
        }
        // Long enough for the Lease to be at its end: nobody works who isn't sure that he may.
        let cut_off = "all passes were cut off";
        let before = operator.log().matches(cut_off).count();
        while operator.log().matches(cut_off).count() == before {
            assert!(operator.is_running(), "{}", operator.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(!is_current(&world.get().await));

        // A network that was silent and comes back has forgotten its connections.
        relay.set(Passage::Closed);
        relay.set(Passage::Open);
        let back = Instant::now();
        world.until("the edit is done", |object| is_current(object) && phase_of(object) == "enabled").await;
        let took = back.elapsed();
        println!("{away:?}: the edit was done {took:?} after the API server was back");
        assert!(took < PROMPTLY, "{away:?}: {took:?}");
        operator.until_answered("healthz", 200).await;
        operator.until_answered("readyz", 200).await;
    }
    operator.signal(Signal::TERM);
    assert_eq!(operator.ended().await, Some(0));
}

#[tokio::test]
async fn without_a_lease_the_watches_are_back_within_seconds_and_say_once_why_they_were_not() {
    let world = world().await;
    let relay = behind_a_relay(&world).await;
    let log = "--log-level=redshift_integration_operator=debug";
    let mut operator = world.first_process("operator", &[], &["--health-timeout-seconds=1", log]);
    world.enabled().await;
    relay.set(Passage::Closed);
    // So many tries that waits which double would be at half a minute.
    let tries = |log: &str| log.lines().filter(|line| line.contains("interrupted")).count();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(25) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(tries(&operator.log()) >= 6, "{}", operator.log());
    operator.until_answered("healthz", 503).await;
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": true}}}})).await;
    relay.set(Passage::Open);
    let back = Instant::now();
    world.until("the edit is done", |object| is_current(object) && phase_of(object) == "enabled").await;
    println!("the edit was done {:?} after the API server was back", back.elapsed());
    assert!(back.elapsed() < PROMPTLY, "{:?}", back.elapsed());
    operator.until_logged("works again").await;
    let log = operator.log();
    let warnings = log.lines().filter(|line| line.contains("WARN") && line.contains("interrupted")).count();
    // Six watches, each for as many reasons as a closed connection shows as: broken at the first, refused to the next.
    assert!((6..=24).contains(&warnings), "{warnings}: {log}");
}

#[tokio::test]
async fn a_proxy_is_used_unless_it_is_not_meant_for_the_api_server() {
    let world = world().await;
    let server = server(&world);
    let host = server.split(':').next().unwrap().to_owned();
    let proxy = Relay::proxy().await;
    let through = format!("http://governor:pass%40word@{}", proxy.address());
    let nobody = "http://127.0.0.1:1".to_owned();

    // Straight, past a proxy that isn't there.
    for none in [host.as_str(), &server, "127.0.0.0/8", "*", "example.com, 127.0.0.1"] {
        let environment = [("HTTPS_PROXY", nobody.as_str()), ("NO_PROXY", none)];
        let mut operator = world.first_process("straight", &environment, &["--log-level=info"]);
        operator.until_answered("readyz", 200).await;
        assert!(!operator.log().contains("proxy"), "{none}: {}", operator.log());
    }
    assert!(proxy.asked().is_empty());

    // Through it; for the environment and for the kubeconfig's own, which NO_PROXY isn't about.
    let mut operator = world.first_process(
        "through",
        &[("HTTPS_PROXY", &through), ("NO_PROXY", "example.com")],
        &["--log-level=info"],
    );
    operator.until_answered("readyz", 200).await;
    let asked = proxy.asked();
    assert!(!asked.is_empty() && asked.iter().all(|head| head.starts_with(&format!("CONNECT {server} "))), "{asked:?}");
    // governor:pass@word
    assert!(asked[0].to_lowercase().contains("proxy-authorization: basic z292zxjub3i6cgfzc0b3b3jk"), "{asked:?}");
    assert!(
        operator.log().contains("reached through a proxy") && !operator.log().contains("pass"),
        "{}",
        operator.log()
    );
    world.enabled().await;
    assert_eq!(condition(&world.get().await, "Ready").status, "True");
    drop(operator);
    let before = proxy.asked().len();
    world.edit_kubeconfig(|config| config["clusters"][0]["cluster"]["proxy-url"] = json!(through));
    let mut operator = world.first_process("own", &[("NO_PROXY", "*")], &["--log-level=info"]);
    operator.until_answered("readyz", 200).await;
    assert!(proxy.asked().len() > before);
}
