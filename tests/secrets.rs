//! No password, and no form of one, leaves the Secrets: not in logs at the lowest level, events, status,
//! metrics, metadata, the process's own arguments and environment.

use std::collections::BTreeSet;

use k8s_openapi::ByteString;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use md5::{Digest, Md5};
use redshift_stand_in::Options;
use redshift_stand_in::faults::{Action, Fault};
use serde_json::json;

use crate::support::{ALL_SECRET, World, condition, in_all_forms, is_looked_at, rows, said};

/// The forms in which a password could show.
fn forms(user: &str, password: &str) -> Vec<String> {
    let digest: String = Md5::digest(format!("{password}{user}")).iter().map(|byte| format!("{byte:02x}")).collect();
    vec![password.to_owned(), digest]
}

/// The generated passwords that the system account's Secret holds now.
async fn generated(world: &World) -> Vec<String> {
    let secret = world.secrets().get("analytics-system-account").await.unwrap();
    let text = |key: &str| String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap();
    let is_there = |key: &str| secret.data.as_ref().unwrap().contains_key(key);
    let of = |user, keys: [&str; 2]| {
        keys.into_iter().filter(|key| is_there(key)).flat_map(|key| forms(&text(user), &text(key))).collect::<Vec<_>>()
    };
    [of("username", ["password", "nextPassword"]), of("claimUsername", ["claimPassword", "nextClaimPassword"])].concat()
}

async fn events(world: &World) -> String {
    let api: Api<Event> = Api::namespaced(world.client.clone(), &world.namespace);
    serde_json::to_string(&api.list(&ListParams::default()).await.unwrap().items).unwrap()
}

#[tokio::test]
async fn no_secret_shows_anywhere_in_a_whole_life_with_failures() {
    let mut world = World::without_operator(Options::default()).await;
    // The driver's own lines hold whole statements: nobody can turn them on.
    world.start_operator_with(&["--log-level=trace,tokio_postgres=trace,tokio_postgres::query=trace"]);
    let mut canaries = BTreeSet::from([]);
    let mut seen = Vec::new();

    canaries.extend(forms("awsuser", "CanaryThatIsWrong1"));
    world.put_secret("redshift-admin", "awsuser", "CanaryThatIsWrong1").await;
    world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    seen.push(serde_json::to_string(&world.until_phase("createError").await).unwrap());

    // A server that quotes the statement which it refuses, with the password's digest in it.
    let quoting = || Action::Refuse { sqlstate: "XX000".into(), message: "can't do: {statement}".into() };
    for statement in [
        "CREATE USER redshift_governance_claim",
        "CREATE USER \"immuta_system_account\"",
        "INSERT INTO immuta_system.impersonation_key",
    ] {
        world.stand_in.faults().set(Fault::new(Action::HoldBefore).at(statement));
        world.put_secret("redshift-admin", "awsuser", world.stand_in.admin_password()).await;
        world.stand_in.faults().held().await;
        canaries.extend(generated(&world).await);
        world.kill_operator();
        world.until_disconnected().await;
        world.stand_in.faults().clear();
        // Again, and now refused.
        world.stand_in.faults().set(Fault::new(quoting()).at(statement).times(3));
        world.start_operator_with(&["--log-level=trace,tokio_postgres=trace,tokio_postgres::query=trace"]);
        let object = world.until("the refusal shows", |object| said(object, "Ready").contains("can't do")).await;
        let message = &said(&object, "Ready");
        assert!(message.contains("<REDACTED>"), "{message}");
        seen.push(serde_json::to_string(&object).unwrap());
        if let Ok(Some(_)) = world.secrets().get_opt("analytics-system-account").await {
            canaries.extend(generated(&world).await);
        }
    }
    world.until_phase("enabled").await;
    canaries.extend(generated(&world).await);
    canaries.extend(forms("awsuser", world.stand_in.admin_password()));
    let truth = world.stand_in.superuser("immuta").await.unwrap();
    canaries.extend(rows(&truth, "SELECT secret FROM immuta_system.impersonation_key").await);
    drop(truth);

    // An edit with a new password, and a Secret that is lost.
    world.patch(json!({"spec": {"config": {"systemAccount": {"name": "governor"}}}})).await;
    seen.push(serde_json::to_string(&world.until_phase("enabled").await).unwrap());
    canaries.extend(generated(&world).await);
    // A rotation that is refused half-way, and then done.
    for statement in ["ALTER USER redshift_governance_claim", "ALTER USER \"governor\"", "impersonation_key (secret)"] {
        world.stand_in.faults().set(Fault::new(quoting()).at(statement));
    }
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/rotate": "1"}}})).await;
    let object = world.until("the refusal shows", |object| said(object, "Ready").contains("can't do")).await;
    seen.push(serde_json::to_string(&object).unwrap());
    canaries.extend(generated(&world).await);
    let rotated = world.until("the rotation is done", |object| {
        object.status.as_ref().is_some_and(|status| status.last_handled_rotation.as_deref() == Some("1"))
    });
    seen.push(serde_json::to_string(&rotated.await).unwrap());
    canaries.extend(generated(&world).await);
    let truth = world.stand_in.superuser("immuta").await.unwrap();
    canaries.extend(rows(&truth, "SELECT secret FROM immuta_system.impersonation_key").await);
    drop(truth);
    world.secrets().delete("analytics-system-account", &DeleteParams::default()).await.unwrap();
    while world.secrets().get_opt("analytics-system-account").await.unwrap().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "0"}}})).await;
    let found_again = world
        .until("it validates again", |object| is_looked_at(object, "0") && condition(object, "Ready").status == "True");
    seen.push(serde_json::to_string(&found_again.await).unwrap());
    canaries.extend(generated(&world).await);

    // The system account's login fails, and works again.
    world.stand_in.faults().set(
        Fault::new(Action::RefuseLogin { sqlstate: "28P01".into(), message: "no".into() }).of("governor").times(2),
    );
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "1"}}})).await;
    seen.push(serde_json::to_string(&world.until_phase("recurringValidationError").await).unwrap());
    seen.push(serde_json::to_string(&world.until_phase("enabled").await).unwrap());

    let operator = world.operator.as_mut().unwrap();
    seen.push(operator.metrics());
    for file in ["cmdline", "environ"] {
        seen.push(String::from_utf8_lossy(&std::fs::read(format!("/proc/{}/{file}", operator.pid())).unwrap()).into());
    }
    for mut secret in world.secrets().list(&ListParams::default()).await.unwrap().items {
        secret.data = None;
        // The tests' own way of writing the admin's.
        secret.metadata.managed_fields = None;
        seen.push(serde_json::to_string(&secret).unwrap());
    }
    world.delete().await;
    world.until_gone().await;
    world.until_event("analytics", "Deleted").await;
    seen.push(events(&world).await);
    seen.push(world.log());

    // The search itself finds what is there.
    assert!(seen.iter().any(|text| text.contains("immuta_system_account")));
    assert!(world.log().contains("TRACE"));
    assert!(canaries.len() >= 14, "{canaries:?}");
    let journal = world.stand_in.journal().statements().join("\n");
    assert!(canaries.iter().any(|canary| journal.contains(canary.as_str())));
    assert_none_shows(&canaries, &seen);
}

fn assert_none_shows<'a>(canaries: impl IntoIterator<Item = &'a String>, seen: &[String]) {
    for form in canaries.into_iter().flat_map(|canary| in_all_forms(canary)) {
        for text in seen {
            if let Some(at) = text.find(&form) {
                let before = text[..at].char_indices().rev().nth(300).map_or(0, |(start, _)| start);
                panic!("a secret shows: …{}", &text[before..at]);
            }
        }
    }
}

/// A Secret of a test's own. All of its values are searched for when the suite is through.
async fn put(world: &World, name: &str, data: &[(&str, Vec<u8>)]) {
    let data: serde_json::Map<_, _> =
        data.iter().map(|(key, value)| ((*key).to_owned(), json!(ByteString(value.clone())))).collect();
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "data": data,
        "metadata": {"name": name, "annotations": {ALL_SECRET: "true"}},
    });
    let params = PatchParams::apply("tests").force();
    world.secrets().patch(name, &params, &Patch::Apply(&secret)).await.unwrap();
}

fn utf_16(text: &str) -> Vec<u8> {
    [vec![0xff, 0xfe], text.encode_utf16().flat_map(u16::to_le_bytes).collect()].concat()
}

/// A private key in PEM form, and lines of it that are like no other key's.
fn private_key() -> (String, Vec<String>) {
    let pem = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let lines: Vec<_> = pem.lines().filter(|line| !line.starts_with('-')).collect();
    // The head of a key tells of its kind alone.
    let canaries = vec![lines[0][40..].to_owned(), lines[lines.len() - 1].trim_end_matches('=').to_owned()];
    (pem, canaries)
}

/// What is in a Secret.
type Data = Vec<(&'static str, Vec<u8>)>;

/// Ways in which the Secret with the credentials can be malformed: what it holds, and what is said of it.
fn malformed_credentials(canary: &str, key: &str) -> Vec<(Data, &'static str)> {
    let user = |user: Vec<u8>| vec![("username", user), ("password", b"awsuser".to_vec())];
    let password = |password: Vec<u8>| vec![("username", b"awsuser".to_vec()), ("password", password)];
    let text = |text: String| text.into_bytes();
    let document = json!({"username": "awsuser", "password": canary}).to_string();
    let refused = "refused the login";
    vec![
        (user(text(canary.to_owned())), refused),
        (user(text(canary.to_uppercase())), refused),
        (user(text(format!("{canary}{}", "x".repeat(300)))), "createError"),
        (user(text(document.clone())), "`username` is a JSON document"),
        (user(text(key.replace('\n', ""))), "createError"),
        (user(text(format!("{canary}\n"))), "line break"),
        (user(utf_16(canary)), "other than text"),
        (password(text(canary.to_owned())), refused),
        (password(text(format!("{canary}{}", "x".repeat(20_000)))), "createError"),
        (password(text(document)), "`password` is a JSON document"),
        (password(text(format!(" {canary}\t"))), "`password` begins or ends with a blank"),
        (password(text(format!("'{canary}'"))), "`password` stands in quotes"),
        (password(text(format!("\u{feff}{canary}"))), "a byte order mark"),
        (password(text(format!("${{{canary}}}"))), "a placeholder that was not filled in"),
        (password(text("…".to_owned())), "a placeholder that was not filled in"),
        (password(text(encoded(canary))), "base64 twice"),
        (password(text(format!("md5{}", "0f".repeat(16)))), "md5 form"),
        (password(text(key.replace('\n', " "))), "createError"),
        (password(text(format!("{canary}\0"))), "NUL character"),
        (password(text(key.to_owned())), "line break"),
        (password(utf_16(canary)), "other than text"),
        (password([canary.as_bytes(), b"\xe4\xf6"].concat()), "other than text"),
        (vec![("username", text(canary.to_owned())), ("Password", text(canary.to_owned()))], "`password` is missing"),
        (vec![("credentials", text(canary.to_owned()))], "`username` is missing"),
    ]
}

/// A text as it would stand in a manifest, where it is taken for the text itself.
fn encoded(text: &str) -> String {
    serde_json::to_value(ByteString(text.as_bytes().to_vec())).unwrap().as_str().unwrap().to_owned()
}

/// The same of a bundle of authorities.
fn malformed_bundles(canary: &str, key: &str, authority: &str) -> Vec<(Vec<u8>, &'static str)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let twice = serde_json::to_value(ByteString(text(key))).unwrap();
    vec![
        (text(key), "block 1 is a private key"),
        (text(&key.replace('\n', "")), "block 1 is a private key"),
        (text(&key.replace('\n', " ")), "block 1 is a private key"),
        (text(&key.replace('\n', "\\n")), "block 1 is a private key"),
        (text(&key[..key.len() - 40]), "block 1 is a private key"),
        (text(&format!("{authority}{key}")), "block 2 is a private key"),
        // With a sign that base64 hasn't: by its letters alone, it is a matter of the certificate's length what it is.
        (text(&authority.replace("MII", &format!("MII!{canary}"))), "block 1 is damaged"),
        (text(&authority.replace("MII", &format!("!{canary}\nMII")).repeat(2)), "block 1 is damaged"),
        (text(twice.as_str().unwrap()), "base64 twice"),
        (utf_16(key), "UTF-16"),
        ([&[0x30, 0x82, 0x01, 0x0a], canary.as_bytes()].concat(), "binary"),
        (text(canary), "no block in it"),
    ]
}

#[tokio::test]
async fn no_malformed_secret_shows_in_any_form() {
    let mut world = World::without_operator(Options::default()).await;
    // Each fails once, and again when it is asked to look.
    world.start_operator_with(&["--retry-delay-milliseconds=60000", "--retry-delay-max-milliseconds=60000"]);
    let mut canaries = Vec::new();
    let mut next_canary = || {
        let canary = format!("Canary{:08x}", rand::random::<u32>());
        canaries.push(canary.clone());
        canary
    };
    let (key, of_key) = private_key();
    let mut expected = Vec::new();
    let cases = malformed_credentials(&next_canary(), &key);
    for (number, (data, says)) in cases.into_iter().enumerate() {
        let name = format!("credentials-{number}");
        put(&world, &name, &data).await;
        world.create_named(&name, json!({"config": {"credentialsSecretRef": {"name": name}}})).await;
        expected.push((name, says));
    }
    let bundles = malformed_bundles(&next_canary(), &key, world.stand_in.ca_pem());
    for (number, (bundle, says)) in bundles.into_iter().enumerate() {
        let name = format!("bundle-{number}");
        put(&world, &name, &[("ca.crt", bundle)]).await;
        let bundle = json!({"kind": "Secret", "name": name, "key": "ca.crt"});
        world.create_named(&name, json!({"config": {"tls": {"caBundleRef": bundle}}})).await;
        expected.push((name, says));
    }
    for (name, says) in expected {
        let object = world.until_named_is(&name, "createError").await;
        let message = &said(&object, "Ready");
        assert!(says == "createError" || message.contains(says), "{name}: {message}");
    }

    // The operator's own, which a person has changed.
    world.enabled().await;
    let name = "analytics-system-account";
    let own = world.secrets().get(name).await.unwrap().data.unwrap();
    let canary = next_canary();
    let changes: [(&str, Vec<u8>); 8] = [
        ("password", canary.clone().into_bytes()),
        ("password", format!("{canary} with blanks").into_bytes()),
        ("claimPassword", utf_16(&canary)),
        ("username", format!("{canary}-and-more").into_bytes()),
        ("host", own["password"].0.clone()),
        ("database", own["claimPassword"].0.clone()),
        ("port", canary.clone().into_bytes()),
        ("databaseMode", canary.clone().into_bytes()),
    ];
    for (number, (key, value)) in changes.into_iter().enumerate() {
        let patch = json!({"data": {key: ByteString(value)}});
        world.secrets().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        let request = json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": number.to_string()}}});
        world.patch(request).await;
        world
            .until(&format!("a malformed {key} shows"), |object| {
                let handled = object.status.as_ref().and_then(|status| status.last_handled_reconcile_at.as_deref());
                handled == Some(&number.to_string()) && condition(object, "Ready").status == "False"
            })
            .await;
        let patch = json!({"data": own});
        world.secrets().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
        world.until_phase("enabled").await;
    }

    let objects = world.api().list(&ListParams::default()).await.unwrap().items;
    let seen = [serde_json::to_string(&objects).unwrap(), events(&world).await, world.log()];
    canaries.extend(of_key);
    canaries.extend(["password", "claimPassword"].map(|key| String::from_utf8(own[key].0.clone()).unwrap()));
    let folded: Vec<_> = canaries.iter().map(|canary| canary.to_lowercase()).collect();
    assert_none_shows(canaries.iter().chain(&folded), &seen);
}
