//! A warehouse takes one integration. Whoever comes later is told so, in the words of the original
//! system, and neither he nor his deletion touches what the first one has.

use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use redshift_integration_operator::api::RedshiftIntegration;
use redshift_stand_in::{Options, StandIn};
use serde_json::json;

use crate::support::{
    ControlPlane, Dump, World, assert_same, condition, conditions, documented, documented_of, phase_of, said,
};

fn is_told_so(object: &RedshiftIntegration, holder: &str) {
    assert_eq!(conditions(object), ["False", "False", "True"]);
    let stalled = condition(object, "Stalled");
    assert_eq!(stalled.reason, "AlreadyExists");
    let host = object.spec.config.host.to_lowercase();
    let words = format!("Redshift integration already exists on host {} (id = {holder})", host.trim_end_matches('.'));
    assert!(stalled.message.starts_with(&words), "{}", stalled.message);
    assert!(object.finalizers().is_empty());
    assert!(object.status.as_ref().unwrap().created.is_none());
}

#[tokio::test]
async fn a_later_resource_is_told_who_was_first_and_takes_over_nothing() {
    let world = World::new().await;
    let first = world.enabled().await;
    let before = Dump::of(&world.stand_in).await;
    let statements = world.stand_in.journal().statements().len();
    world.create_named("late", json!({"config": {"database": "another", "host": "LOCALHOST."}})).await;
    let late = world.until_named_is("late", "createError").await;
    is_told_so(&late, &format!("{}/analytics", world.namespace));
    documented("conflict__same_namespace", &late, "Stalled");
    assert_eq!(world.stand_in.journal().statements().len(), statements, "something was run");

    world.api().delete("late", &DeleteParams::default()).await.unwrap();
    world.until_gone_named("late").await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
    assert_eq!(world.get().await.status, first.status);
}

#[tokio::test]
async fn the_warehouse_is_free_for_the_next_once_the_first_is_deleted() {
    let world = World::new().await;
    world.enabled().await;
    world.create_named("late", json!({"config": {"database": "another"}})).await;
    world.until_named_is("late", "createError").await;
    world.delete().await;
    world.until_gone().await;
    let late = world.until_named_is("late", "enabled").await;
    assert_eq!(late.status.unwrap().created.unwrap().database, "another");
}

#[tokio::test]
async fn of_two_made_at_the_same_moment_one_wins_whole() {
    let mut world = World::without_operator(Options::default()).await;
    let nothing = Dump::of(&world.stand_in).await;
    for name in ["analytics", "another"] {
        world.create_named(name, json!({"config": {"database": format!("of_{name}")}})).await;
    }
    world.start_operator();
    let (winner, loser) = loop {
        let [one, other] = [world.get().await, world.api().get("another").await.unwrap()];
        match (phase_of(&one).as_str(), phase_of(&other).as_str()) {
            ("enabled", "createError") => break (one, other),
            ("createError", "enabled") => break (other, one),
            _ => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    };
    // The elder, or, within the same second, the smaller UID.
    let age = |object: &RedshiftIntegration| (object.creation_timestamp(), object.uid());
    assert!(age(&winner) < age(&loser));
    is_told_so(&loser, &format!("{}/{}", world.namespace, winner.name_any()));
    documented_of("conflict__same_moment", &loser, "Stalled", (&winner.name_any(), "analytics"));
    let with_winner = Dump::of(&world.stand_in).await;
    world.api().delete(&loser.name_any(), &DeleteParams::default()).await.unwrap();
    world.until_gone_named(&loser.name_any()).await;
    assert_same(&with_winner, &Dump::of(&world.stand_in).await);
    world.api().delete(&winner.name_any(), &DeleteParams::default()).await.unwrap();
    world.until_gone_named(&winner.name_any()).await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn another_name_of_the_host_is_the_same_warehouse() {
    let world = World::new().await;
    world.enabled().await;
    let before = Dump::of(&world.stand_in).await;
    let elder = format!("{}/analytics", world.namespace);
    let (another, same) = (json!({"database": "another", "host": "127.0.0.1"}), json!({"host": "127.0.0.1"}));
    for (config, holder, message) in [
        (another, "unknown", "conflict__another_name_of_the_host_and_another_database"),
        // In the same database, the registry says whose it is.
        (same, elder.as_str(), "conflict__another_name_of_the_host"),
    ] {
        world.create_named("alias", json!({"config": config})).await;
        let alias = world.until_named_is("alias", "createError").await;
        is_told_so(&alias, holder);
        documented(message, &alias, "Stalled");
        world.api().delete("alias", &DeleteParams::default()).await.unwrap();
        world.until_gone_named("alias").await;
    }
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn of_two_clusters_one_wins_and_the_other_touches_nothing() {
    let here = World::new().await;
    let nothing = Dump::of(&here.stand_in).await;
    let control_plane = ControlPlane::start().await;
    let mut there = World::on(&control_plane, here.stand_in.clone()).await;
    there.start_operator();
    // At the same moment, and even with the same names.
    tokio::join!(here.create(json!({})), there.create(json!({})));
    let (winner, loser) = loop {
        let (one, other) = (here.get().await, there.get().await);
        match (phase_of(&one).as_str(), phase_of(&other).as_str()) {
            ("enabled", "createError") => break (&here, &there),
            ("createError", "enabled") => break (&there, &here),
            _ => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
        }
    };
    // Once the winner is whole, with the way to take over.
    loser.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "1"}}})).await;
    let late = loser.until("it is told so", |object| said(object, "Ready").contains("take-over=")).await;
    is_told_so(&late, "unknown");
    documented("conflict__two_clusters", &late, "Stalled");
    let before = Dump::of(&here.stand_in).await;
    loser.delete().await;
    loser.until_gone().await;
    assert_same(&before, &Dump::of(&here.stand_in).await);
    winner.delete().await;
    winner.until_gone().await;
    assert_same(&nothing, &Dump::of(&here.stand_in).await);
    loser.enabled().await;
    assert_same(&before, &Dump::of(&here.stand_in).await);
}

#[tokio::test]
async fn a_later_resource_of_another_namespace_is_told_who_was_first() {
    let control_plane = ControlPlane::start().await;
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let mut here = World::cluster_wide_on(&control_plane, stand_in.into()).await;
    here.start_operator();
    let there = here.beside().await;
    let first = here.enabled().await;
    let before = Dump::of(&here.stand_in).await;
    let (config, statements) = (first.spec.config.clone(), here.stand_in.journal().statements().len());
    there.create(json!({"config": {"host": config.host, "port": config.port}})).await;
    let late = there.until_phase("createError").await;
    is_told_so(&late, &format!("{}/analytics", here.namespace));
    documented("conflict__two_namespaces", &late, "Stalled");
    assert_eq!(here.stand_in.journal().statements().len(), statements, "something was run");
    there.delete().await;
    there.until_gone().await;
    assert_same(&before, &Dump::of(&here.stand_in).await);
}

#[tokio::test]
async fn an_elder_keeps_the_warehouse_when_it_is_broken_and_when_its_status_is_lost() {
    let mut world = World::new().await;
    world.enabled().await;
    let truth = world.stand_in.superuser("immuta").await.unwrap();
    truth.batch_execute("REVOKE SELECT ON immuta_system.user_profile FROM PUBLIC").await.unwrap();
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "1"}}})).await;
    world.until_phase("recurringValidationError").await;
    let before = Dump::of(&world.stand_in).await;
    world.create_named("late", json!({})).await;
    let late = world.until_named_is("late", "createError").await;
    is_told_so(&late, &format!("{}/analytics", world.namespace));
    documented("conflict__elder_is_broken", &late, "Stalled");

    world.kill_operator();
    let nothing = json!({"phase": null, "conditions": [], "created": null, "observedGeneration": -1});
    for name in ["analytics", "late"] {
        let patch = Patch::Merge(json!({"status": nothing}));
        world.api().patch_status(name, &PatchParams::default(), &patch).await.unwrap();
    }
    // Nor does it get its status back soon: only the registry says whose the warehouse is.
    world.patch(json!({"spec": {"suspend": true}})).await;
    world.start_operator();
    let late = world.until_named_is("late", "createError").await;
    is_told_so(&late, &format!("{}/analytics", world.namespace));
    documented("conflict__elder_lost_its_status", &late, "Stalled");
    world.patch(json!({"spec": {"suspend": false}})).await;
    world.until_phase("recurringValidationError").await;
    assert!(world.get().await.status.unwrap().created.is_some());
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn an_elder_that_never_got_in_holds_nothing_and_is_told_so_once_it_could() {
    let world = World::new().await;
    world.put_secret("wrong", world.stand_in.admin_user(), "Wrong1234").await;
    world.create(json!({"config": {"credentialsSecretRef": {"name": "wrong"}}})).await;
    world.until_phase("createError").await;
    world.create_named("late", json!({})).await;
    world.until_named_is("late", "enabled").await;
    let before = Dump::of(&world.stand_in).await;
    world.put_secret("wrong", world.stand_in.admin_user(), world.stand_in.admin_password()).await;
    let told = |object: &RedshiftIntegration| condition(object, "Ready").reason == "AlreadyExists";
    let elder = world.until("it is told so", told).await;
    is_told_so(&elder, &format!("{}/late", world.namespace));
    documented("conflict__elder_that_never_got_in", &elder, "Stalled");
    world.delete().await;
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_resource_made_anew_does_not_take_what_an_earlier_one_left() {
    let world = World::new().await;
    world.create(json!({"deletionPolicy": "Retain"})).await;
    let former = world.until_phase("enabled").await;
    world.delete().await;
    world.until_gone().await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({})).await;
    let object = world.until_phase("createError").await;
    let stalled = condition(&object, "Stalled");
    assert_eq!((stalled.status.as_str(), stalled.reason.as_str()), ("True", "SecretNotOurs"));
    assert!(stalled.message.contains("analytics-system-account"), "{}", stalled.message);
    documented("conflict__made_anew_after_retain", &object, "Stalled");
    world.delete().await;
    world.until_gone().await;
    // Nor for another database, whatever the annotation says: the key to the first one would be lost.
    world.create_to_take_over("governed", &former, json!({"config": {"database": "governed"}})).await;
    let object = world.until_phase("createError").await;
    documented("conflict__made_anew_for_another_database", &object, "Stalled");
    world.delete().await;
    world.until_gone().await;
    assert!(world.secrets().get_opt("analytics-system-account").await.unwrap().is_some());
    assert_same(&before, &Dump::of(&world.stand_in).await);
}
