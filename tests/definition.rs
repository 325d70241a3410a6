//! The definition of the resource is deleted, and all resources with it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::PostParams;
use redshift_stand_in::{Options, StandIn};
use serde_json::{Value, json};

use crate::support::{ControlPlane, Dump, World, assert_same};

const NAME: &str = "redshiftintegrations.redshift-governance.dev";

/// How often the operator has asked for resources in vain.
fn requests_in_vain(control_plane: &ControlPlane) -> usize {
    let log = control_plane.audit_log();
    let entries = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    entries
        .filter(|entry| entry["objectRef"]["resource"] == "redshiftintegrations")
        .filter(|entry| entry["responseStatus"]["code"] == 404)
        .count()
}

#[tokio::test]
async fn a_deleted_definition_takes_the_integrations_along_and_a_new_one_is_taken_up() {
    let control_plane = ControlPlane::start().await;
    let stand_in = StandIn::start(Options::default()).await.unwrap();
    let mut world = World::cluster_wide_on(&control_plane, stand_in.into()).await;
    world.start_operator();
    let nothing = Dump::of(&world.stand_in).await;
    world.enabled().await;
    let created = Dump::of(&world.stand_in).await;

    control_plane.kubectl(&["delete", "crd", NAME, "--wait=false"]);
    let definitions: Api<CustomResourceDefinition> = Api::all(world.client.clone());
    while definitions.get_opt(NAME).await.unwrap().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
    let advice = "the CustomResourceDefinition isn't there; apply it, and the operator goes on by itself";
    while !world.log().contains(advice) {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(world.operator.as_mut().unwrap().is_running());

    control_plane.apply_crd();
    let object = serde_json::from_value(world.manifest("analytics", json!({}))).unwrap();
    // A server that serves it doesn't do so on every path at once.
    while world.api().create(&PostParams::default(), &object).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    world.until_phase("enabled").await;
    assert_same(&created, &Dump::of(&world.stand_in).await);
    let in_vain = requests_in_vain(&control_plane);
    assert!(in_vain < 30, "the operator asked {in_vain} times for what isn't there");
}
