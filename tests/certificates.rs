//! The certificate that a warehouse presents: what is wrong with it is told, each by itself, and no login is sent; and authorities
//! are replaced while everything runs.

use redshift_integration_operator::api::RedshiftIntegration;
use redshift_stand_in::{Options, Presented};
use serde_json::{Value, json};

use crate::support::{Dump, World, assert_same, condition, conditions, phase_of, said};

/// Waits until it has stopped with these words.
async fn stops(world: &World, reason: &str, says: &str) -> RedshiftIntegration {
    let is = |object: &RedshiftIntegration| {
        phase_of(object) == "createError"
            && condition(object, "Ready").reason == reason
            && said(object, "Ready").contains(says)
    };
    world.until(&format!("it stops with {reason}: {says}"), is).await
}

fn tls(settings: &Value) -> Value {
    json!({"spec": {"config": {"tls": settings}}})
}

#[tokio::test]
async fn each_certificate_that_is_none_to_trust_is_told_for_what_it_is_and_gets_no_login() {
    let world = World::with(Options { certificate_names: vec!["alias.example".into()], ..Options::default() }).await;
    let before = Dump::of(&world.stand_in).await;
    let (usual, warehouse) = (world.stand_in.ca_pem().to_owned(), &world.stand_in);
    world.put_ca("other-ca", &warehouse.present(Presented::Expired).unwrap()).await;
    let since = warehouse.journal().since(0).len();
    world.create(json!({"config": {"tls": {"caBundleRef": {"name": "other-ca"}}}})).await;

    // What changes from try to try isn't in it: else every try would be a change, and an event.
    let expired = "the server's certificate expired at 2024-02-29T00:00:00Z; have it renewed there";
    let first = stops(&world, "CertificateRejected", expired).await;
    assert_eq!(conditions(&first), ["False", "False", "True"]);
    let second = world.look("again").await;
    assert_eq!(said(&first, "Ready"), said(&second, "Ready"));

    for (presented, says) in [
        (
            Presented::NotYetValid,
            "the server's certificate is valid only from 2999-01-01T00:00:00Z on; check the clock",
        ),
        // Of an authority of the same name, and of none.
        (Presented::Signed, "the server's certificate was rejected: invalid peer certificate: BadSignature"),
        (Presented::SelfSigned, "the server's certificate was rejected: invalid peer certificate: UnknownIssuer"),
    ] {
        let authority = warehouse.present(presented).unwrap();
        if presented == Presented::NotYetValid {
            world.put_ca("other-ca", &authority).await;
        }
        world.look(&format!("{presented:?}")).await;
        stops(&world, "CertificateRejected", says).await;
    }
    world.patch(tls(&json!({"serverName": "elsewhere.example"}))).await;
    let authority = warehouse.present(Presented::Signed).unwrap();
    world.put_ca("other-ca", &format!("{usual}{}{authority}", usual.replacen("MII", "MI!", 1))).await;
    stops(&world, "CertificateRejected", "not valid for name \"elsewhere.example\"").await;
    warehouse.offer_no_tls();
    world.look("no TLS").await;
    stops(&world, "TlsMismatch", "the server doesn't offer TLS").await;

    // None of them has seen a login, or changed anything.
    assert_eq!(warehouse.journal().since(0).len(), since, "{:?}", warehouse.journal().since(0));
    warehouse.present(Presented::Signed).unwrap();
    assert_same(&before, &Dump::of(warehouse).await);

    // A certificate that nobody else has signed is trusted by itself, where it is named.
    world.put_ca("other-ca", &warehouse.present(Presented::SelfSigned).unwrap()).await;
    world.patch(tls(&json!({"serverName": null}))).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn an_authority_is_replaced_while_an_integration_runs_and_forgetting_it_is_told_and_mended() {
    let world = World::new().await;
    let former = world.stand_in.ca_pem().to_owned();
    world.enabled().await;

    // As it is to be done: both, then the server, then the new one alone.
    let next = world.stand_in.present(Presented::Signed).unwrap();
    world.put_ca("redshift-ca", &format!("{former}{next}")).await;
    for (value, bundle) in [("both", format!("{former}{next}")), ("the new one", next.clone())] {
        world.put_ca("redshift-ca", &bundle).await;
        let object = world.look(value).await;
        assert_eq!(condition(&object, "Ready").status, "True", "{value}: {}", said(&object, "Ready"));
    }

    // The server first.
    let last = world.stand_in.present(Presented::Signed).unwrap();
    let object = world.look("forgotten").await;
    assert_eq!(condition(&object, "Ready").reason, "CertificateRejected", "{}", said(&object, "Ready"));
    world.put_ca("redshift-ca", &last).await;
    let is_well = |object: &RedshiftIntegration| condition(object, "Ready").status == "True";
    world.until("it is well again by itself", is_well).await;
}
