//! One tenant can't end the others' work: a server that answers with what is malformed, endless, slow, silent or too large
//! shows in the status of its own resource, and nothing else is the worse for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::stream;
use redshift_integration_operator::adapters::redshift::{Connector, Deadlines};
use redshift_integration_operator::api::TlsMode;
use redshift_integration_operator::lifecycle::hosts::AddressPolicy;
use redshift_integration_operator::lifecycle::{Credentials, Endpoint};
use redshift_integration_operator::ports::{Session, Target, TlsSettings, Warehouses};
use redshift_integration_operator::scripts::Statement;
use redshift_integration_operator::telemetry::Metrics;
use redshift_stand_in::{Options, StandIn};
use serde_json::json;

use crate::support::hostile_server::{HostileServer, Step, columns, done, error, login, message, ready, request, row};
use crate::support::{ControlPlane, World, condition, is_looked_at, patience, phase_of, said};

/// What the chart gives to the process.
const MEMORY_LIMIT_KIB: u64 = 128 * 1024;

/// More than find a place, or room to wait for a login in nobody's.
const SILENT_SERVERS: usize = 24;

/// How a server behaves; whether it offers TLS; what it does; what its resource then says.
type Behaviour = (&'static str, bool, Vec<Step>, &'static str);

fn after_login(steps: Vec<Step>) -> Vec<Step> {
    [login(), vec![Step::Read], steps].concat()
}

fn first(steps: Vec<Step>) -> Vec<Step> {
    [vec![Step::ReadFirst], steps].concat()
}

fn send(bytes: Vec<u8>) -> Vec<Step> {
    vec![Step::Send(bytes), Step::Silence]
}

/// Whatever else was sent with it, too.
fn refuse(bytes: Vec<u8>) -> Vec<Step> {
    let others = [Step::Read, Step::Send(bytes.clone())].into_iter().cycle().take(100);
    [Step::Send(bytes)].into_iter().chain(others).chain([Step::Silence]).collect()
}

fn an_error(text: &[u8]) -> Vec<u8> {
    error(&[(b'S', b"ERROR"), (b'C', b"XX000"), (b'M', text)])
}

fn before_the_login() -> Vec<Behaviour> {
    vec![
        // Before anything is said.
        ("accepts and says nothing", false, vec![Step::Silence], "didn't answer in time"),
        ("closes at once", false, vec![], "the connection broke"),
        ("is a web server", false, first(send(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())), "a message of more than"),
        // TLS.
        ("takes TLS and says nothing", true, first(send(b"S".to_vec())), "didn't answer in time"),
        (
            "takes TLS and speaks something else",
            true,
            first(send([b"S", &[0x41; 500][..]].concat())),
            "received corrupt message",
        ),
        ("takes TLS and closes", true, first(vec![Step::Send(b"S".to_vec())]), "the connection broke"),
        (
            "sends TLS records for ever",
            true,
            {
                let record = [&[22, 3, 3, 0x40, 0][..], &[0; 0x4000]].concat();
                first(vec![Step::Send(b"S".to_vec()), Step::SendForever(record)])
            },
            "received unexpected handshake message",
        ),
        (
            "sends TLS records slowly",
            true,
            { first(vec![Step::Send(b"S".to_vec()), Step::Drip(vec![22, 3, 3, 0x40, 0, 2, 0, 0, 0x50])]) },
            "didn't answer in time",
        ),
    ]
}

fn in_the_login() -> Vec<Behaviour> {
    vec![
        (
            "asks for SCRAM",
            false,
            first(send(request(10, b"SCRAM-SHA-256\0\0"))),
            "a way of login that Redshift doesn't have",
        ),
        ("asks with half a salt", false, first(send(request(5, b"ab"))), "the connection broke"),
        (
            "sends parameters for ever",
            false,
            {
                let parameter = message(b'S', b"a parameter of which there are many\0value\0");
                first(vec![Step::Send(request(0, &[])), Step::SendForever(parameter)])
            },
            "a login of more than",
        ),
        (
            "sends notices for ever",
            false,
            {
                let notice = message(b'N', b"SNOTICE\0C00000\0Mhello\0\0");
                first(vec![Step::Send(request(0, &[])), Step::SendForever(notice)])
            },
            "a login of more than",
        ),
        ("sends the login slowly", false, first(vec![Step::Drip(request(0, &[0; 5_000]))]), "didn't answer in time"),
        ("refuses in no encoding", false, first(send(an_error(b"Stra\xdfe"))), "Stra\u{fffd}e"),
        ("refuses at length", false, first(send(an_error(&b"x".repeat(60_000)))), "xxx…"),
        ("refuses with an error of no fields", false, first(send(message(b'E', &[0]))), "the connection broke"),
    ]
}

/// Where an answer never ends, its length is met first, or its deadline, on a machine that is busy.
fn at_the_first_statement() -> Vec<Behaviour> {
    let a_row = row(&[b"a value"]);
    vec![
        (
            "answers with no text",
            false,
            after_login(send([columns(1), row(&[&[0xff]]), done(), ready()].concat())),
            "column 1 of row 1",
        ),
        (
            "answers in Latin-1",
            false,
            after_login(send([columns(2), row(&[b"a", b"Stra\xdfe"]), done(), ready()].concat())),
            "column 2 of row 1",
        ),
        (
            "never stops sending rows",
            false,
            { after_login(vec![Step::Send(columns(1)), Step::SendForever(a_row.repeat(100))]) },
            "the statement read-version",
        ),
        (
            "never stops sending empty rows",
            false,
            { after_login(vec![Step::Send(columns(0)), Step::SendForever(row(&[]).repeat(1_000))]) },
            "the statement read-version",
        ),
        (
            "sends rows of many columns for ever",
            false,
            { after_login(vec![Step::Send(columns(5_000)), Step::SendForever(row(&[&[][..]; 5_000]))]) },
            "the statement read-version",
        ),
        (
            "sends rows slowly",
            false,
            after_login(vec![Step::Send(columns(1)), Step::Drip(a_row.clone())]),
            "got no answer",
        ),
        (
            "announces a gigabyte",
            false,
            after_login(send([columns(1), vec![b'D', 0x40, 0, 0, 0]].concat())),
            "a message of more",
        ),
        (
            "sends parameters instead of an answer",
            false,
            { after_login(vec![Step::SendForever(message(b'S', b"name\0value\0").repeat(100))]) },
            "the statement read-version",
        ),
        (
            "sends notices instead of an answer",
            false,
            { after_login(vec![Step::SendForever(message(b'N', b"SNOTICE\0C00000\0Mhello\0\0").repeat(100))]) },
            "the statement read-version",
        ),
        ("is silent to a statement", false, after_login(vec![Step::Silence]), "got no answer"),
        (
            "refuses a statement in no encoding",
            false,
            after_login(refuse([an_error(b"\xff\xfe"), ready()].concat())),
            "was refused",
        ),
        (
            "refuses with a position that is no number",
            false,
            {
                let refusal = error(&[(b'S', b"ERROR"), (b'C', b"XX000"), (b'M', b"no"), (b'P', b"first")]);
                after_login(send([refusal, ready()].concat()))
            },
            "got no answer",
        ),
        ("wants to copy", false, after_login(send(message(b'G', &[0, 0, 0]))), "got no answer"),
    ]
}

/// At each step of what follows, whatever it is.
fn later_on() -> Vec<Behaviour> {
    let mut behaviours = Vec::new();
    for statements in [1, 2, 3, 5, 8, 13, 21] {
        let at = |steps: Vec<Step>| [login(), vec![Step::Answer(statements), Step::Read], steps].concat();
        let no_text = send([columns(3), row(&[b"a", b"\xff", b"c"]), done(), ready()].concat());
        behaviours.push(("answers with no text later on", false, at(no_text), ""));
        let endless = vec![Step::Send(columns(3)), Step::SendForever(row(&[b"a", b"b", b"c"]).repeat(100))];
        behaviours.push(("never stops sending rows later on", false, at(endless), ""));
    }
    behaviours
}

#[tokio::test]
async fn a_hostile_server_fails_its_own_resource_and_the_neighbours_never_notice() {
    let control_plane = ControlPlane::start().await;
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let mut world = World::cluster_wide_on(&control_plane, stand_in.into()).await;
    let neighbour = world.beside().await;
    // As many places as by default, of which one tenant doesn't get all.
    world.start_operator_with(&["--connect-timeout-seconds=3", "--statement-timeout-seconds=6"]);
    let behaviours = [before_the_login(), in_the_login(), at_the_first_statement(), later_on()].concat();
    let mut servers = Vec::new();
    for (number, (name, with_tls, script, says)) in behaviours.into_iter().enumerate() {
        let server = HostileServer::start(script).await;
        let mode = if with_tls { "Require" } else { "Disable" };
        let tls = json!({"mode": mode, "caBundleRef": null});
        let resource = format!("hostile-{number}");
        world.create_named(&resource, json!({"config": {"port": server.port(), "tls": tls}})).await;
        servers.push((server, resource, name, says));
    }
    let started = Instant::now();
    // The neighbour, all its life.
    neighbour.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    neighbour.until_phase("enabled").await;
    neighbour.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "now"}}})).await;
    neighbour
        .until("it validates again", |object| {
            is_looked_at(object, "now") && condition(object, "Ready").status == "True"
        })
        .await;
    neighbour.delete().await;
    neighbour.until_gone().await;
    let lived = started.elapsed();

    let mut unsaid = Vec::new();
    for (_, resource, name, says) in &servers {
        let shown = async {
            loop {
                let object = world.api().get(resource).await.unwrap();
                if phase_of(&object).ends_with("Error") && said(&object, "Ready").contains(says) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        // They were all looked at while the neighbour lived; what is left is those that take their time.
        if tokio::time::timeout(patience() / 8, shown).await.is_err() {
            let object = world.api().get(resource).await.unwrap();
            let message = object.status.as_ref().map(|_| said(&object, "Ready"));
            unsaid.push(format!("of a server that {name}, not `{says}` is said but {message:?}"));
        }
    }
    assert!(unsaid.is_empty(), "{}", unsaid.join("\n"));
    let operator = world.operator.as_mut().unwrap();
    assert!(operator.is_running());
    assert!(!world.log().contains("panicked"));
    let peak = world.operator.as_ref().unwrap().peak_memory_kib();
    println!("the neighbour lived {lived:?}; all was said after {:?}; peak memory {peak} KiB", started.elapsed());
    assert!(peak < MEMORY_LIMIT_KIB, "{peak} KiB");
}

/// How many passes are under way, those too that wait for a login in nobody's place.
fn under_way(world: &mut World) -> usize {
    let active = world.operator.as_mut().unwrap().counted_of_integrations("controller_runtime_active_workers");
    usize::try_from(active).unwrap()
}

async fn until_under_way(world: &mut World, passes: usize) {
    let started = Instant::now();
    while under_way(world) != passes {
        assert!(started.elapsed() < patience(), "{} passes instead of {passes}", under_way(world));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn servers_that_hang_in_a_login_delay_nobody_in_their_own_namespace_either() {
    let options = || Options { admin_password: Some("Abcd1234".to_owned()), ..Options::default() };
    let mut world = World::without_operator(options()).await;
    // Each login that hangs does so for as long as this test lasts. There are fewer places than such logins.
    world.start_operator_with(&["--concurrency=2", "--connect-timeout-seconds=600", "--log-level=info"]);
    let tls = json!({"mode": "Disable", "caBundleRef": null});
    let mut hanging = Vec::new();
    for _ in 0..2 {
        hanging.push(HostileServer::unreachable().await);
        hanging.push(HostileServer::start(vec![Step::Silence]).await);
        hanging.push(HostileServer::start(vec![Step::ReadFirst, Step::Drip(request(0, &[0; 60_000]))]).await);
    }
    for (number, server) in hanging.iter().enumerate() {
        world.create_named(&format!("hanging-{number}"), json!({"config": {"port": server.port(), "tls": tls}})).await;
    }
    until_under_way(&mut world, hanging.len()).await;
    let others = [StandIn::start(options()).await.unwrap(), StandIn::start(options()).await.unwrap()];
    let ports = [world.stand_in.port(), others[0].port(), others[1].port()];
    for (number, port) in ports.into_iter().enumerate() {
        world.create_named(&format!("healthy-{number}"), json!({"config": {"port": port, "tls": tls}})).await;
    }
    for number in 0..ports.len() {
        world.until_named_is(&format!("healthy-{number}"), "enabled").await;
    }
    for number in 0..hanging.len() {
        let object = world.api().get(&format!("hanging-{number}")).await.unwrap();
        assert!(object.status.is_none_or(|status| status.conditions.is_empty()), "nothing is known of it yet");
    }
    until_under_way(&mut world, hanging.len()).await;
}

#[tokio::test]
async fn servers_that_keep_all_places_a_tenant_gets_leave_others_theirs() {
    let control_plane = ControlPlane::start().await;
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let mut world = World::cluster_wide_on(&control_plane, stand_in.into()).await;
    let neighbour = world.beside().await;
    // Nobody who has got a place gives it back while this test lasts.
    world.start_operator_with(&["--concurrency=4", "--connect-timeout-seconds=600", "--log-level=info"]);
    let mut servers = Vec::new();
    for number in 0..SILENT_SERVERS {
        let server = HostileServer::start(vec![Step::Silence]).await;
        let tls = json!({"mode": "Disable", "caBundleRef": null});
        let resource = format!("silent-{number}");
        world.create_named(&resource, json!({"config": {"port": server.port(), "tls": tls}})).await;
        servers.push(server);
    }
    // Half of the places, and half of the room to wait in.
    until_under_way(&mut world, 2 + 8).await;
    neighbour.enabled().await;
    neighbour.delete().await;
    neighbour.until_gone().await;
    // The same, once the neighbour's last pass has ended; and the others still wait.
    until_under_way(&mut world, 2 + 8).await;
}

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// Numbers that look random and are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % bound
    }
}

/// A conversation that is right, with some of its bytes changed, left out or doubled.
fn mutated(random: &mut Random) -> Vec<Step> {
    let greeting = [
        request(0, &[]),
        message(b'S', b"client_encoding\0UTF8\0"),
        message(b'N', b"SNOTICE\0C00000\0Mhello\0\0"),
        message(b'K', &[1; 8]),
        ready(),
    ];
    let answers = [
        [columns(2), row(&[b"one", b"two"]), row(&[b"three", b""]), done(), ready()].concat(),
        [error(&[(b'S', b"ERROR"), (b'C', b"42601"), (b'M', b"no"), (b'P', b"7"), (b'L', b"1")]), ready()].concat(),
        [message(b'A', b"\0\0\0\x01channel\0payload\0"), message(b'I', &[]), ready()].concat(),
    ];
    let mut parts = [greeting.concat(), answers[random.below(answers.len())].clone()];
    for _ in 0..=random.below(4) {
        let part = &mut parts[random.below(2)];
        if part.is_empty() {
            continue;
        }
        let at = random.below(part.len());
        match random.below(5) {
            0 => part[at] = u8::try_from(random.below(256)).unwrap(),
            1 => part[at] ^= 1 << random.below(8),
            2 => part.truncate(at),
            3 => drop(part.drain(at..(at + random.below(9)).min(part.len()))),
            _ => {
                let again = part[at..(at + random.below(30)).min(part.len())].to_vec();
                part.splice(at..at, again);
            }
        }
    }
    let [greeting, answer] = parts;
    vec![Step::ReadFirst, Step::Send(greeting), Step::Read, Step::Send(answer)]
}

#[tokio::test]
async fn no_malformed_answer_makes_the_operator_panic_or_wait_beyond_its_deadlines() {
    std::panic::set_hook(Box::new(|_| {
        PANICS.fetch_add(1, Ordering::SeqCst);
    }));
    let deadlines = Deadlines { connect: Duration::from_millis(500), statement: Duration::from_millis(500) };
    let policy = AddressPolicy::new(vec!["127.0.0.1".parse().unwrap()]);
    let connector = Connector::new(policy, deadlines, Metrics::new());
    let mut random = Random(0x5eed_cafe_f00d_0001);
    let scripts: Vec<_> = (0..3_000).map(|_| mutated(&mut random)).collect();
    let outcomes: Vec<_> = stream::iter(scripts)
        .map(|script| {
            let connector = connector.clone();
            async move {
                let server = HostileServer::start(script.clone()).await;
                let target = Target {
                    patience: 1,
                    endpoint: Endpoint::new("127.0.0.1", server.port()),
                    tls: TlsSettings { mode: TlsMode::Disable, ..TlsSettings::default() },
                };
                let credentials = Credentials::from_secret("Canary-as-user".into(), "Canary-as-password".into());
                let talk = async {
                    let session =
                        connector.connect(&target, &credentials, "dev").await.map_err(|error| error.to_string())?;
                    let statement = Statement::new("a-statement", "SELECT 1".to_owned(), Vec::new());
                    session.query(&statement).await.map(|rows| rows.len()).map_err(|error| error.to_string())
                };
                let outcome = tokio::time::timeout(Duration::from_secs(10), talk).await;
                (script, outcome.expect("it ends by itself"))
            }
        })
        .buffer_unordered(64)
        .collect()
        .await;
    let _ = std::panic::take_hook();
    assert_eq!(PANICS.load(Ordering::SeqCst), 0);
    let failures: Vec<_> =
        outcomes.iter().filter_map(|(script, outcome)| Some((script, outcome.as_ref().err()?))).collect();
    assert!(failures.len() > 500 && failures.len() < 3_000, "{}", failures.len());
    for (script, failure) in failures {
        let is_plain =
            failure.chars().count() < 1_500 && !failure.contains("Canary") && !failure.contains(char::is_control);
        assert!(is_plain, "{failure}: {script:?}");
    }
}
