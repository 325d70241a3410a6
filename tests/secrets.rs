//! No password, and no form of one, leaves the Secrets: not in logs at the lowest level, events, status,
//! metrics, metadata, the process's own arguments and environment.

use std::collections::BTreeSet;

use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, ListParams};
use md5::{Digest, Md5};
use redshift_stand_in::Options;
use redshift_stand_in::faults::{Action, Fault};
use serde_json::json;

use crate::support::{World, condition, rows};

/// The forms in which a password could show.
fn forms(user: &str, password: &str) -> Vec<String> {
    let digest: String = Md5::digest(format!("{password}{user}")).iter().map(|byte| format!("{byte:02x}")).collect();
    vec![password.to_owned(), digest]
}

/// The generated passwords that the system account's Secret holds now.
async fn generated(world: &World) -> Vec<String> {
    let secret = world.secrets().get("analytics-system-account").await.unwrap();
    let text = |key: &str| String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap();
    [forms(&text("username"), &text("password")), forms(&text("claimUsername"), &text("claimPassword"))].concat()
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
        let object =
            world.until("the refusal shows", |object| condition(object, "Ready").message.contains("can't do")).await;
        let message = &condition(&object, "Ready").message;
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
    world.secrets().delete("analytics-system-account", &DeleteParams::default()).await.unwrap();
    while world.secrets().get_opt("analytics-system-account").await.unwrap().is_none() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "0"}}})).await;
    let found_again = world.until("it validates again", |object| {
        let status = object.status.as_ref();
        status.is_some_and(|status| status.last_handled_reconcile_at.as_deref() == Some("0"))
            && condition(object, "Ready").status == "True"
    });
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
    seen.push(events(&world).await);
    seen.push(world.log());

    // The search itself finds what is there.
    assert!(seen.iter().any(|text| text.contains("immuta_system_account")));
    assert!(world.log().contains("TRACE"));
    assert!(canaries.len() >= 14, "{canaries:?}");
    let journal = world.stand_in.journal().statements().join("\n");
    assert!(canaries.iter().any(|canary| journal.contains(canary.as_str())));
    for canary in &canaries {
        for text in &seen {
            let at = text.find(canary.as_str());
            assert!(at.is_none(), "a secret shows: …{}", &text[at.unwrap().saturating_sub(300)..at.unwrap()]);
        }
    }
}
