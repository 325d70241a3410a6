//! How the credentials that set things up may stand in their Secret, and that they may be renewed at any time.

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use redshift_integration_operator::api::RedshiftIntegration;
use serde_json::{Value, json};

use crate::support::{ALL_SECRET, World, admin, phase_of, said};

/// A Secret of which every value is searched for when the suite is through.
fn secret(data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "stringData": data,
        "metadata": {"name": "from-elsewhere", "annotations": {ALL_SECRET: "true"}},
    })
}

async fn put(world: &World, data: Value) {
    let params = PatchParams::apply("tests").force();
    world.secrets().patch("from-elsewhere", &params, &Patch::Apply(&secret(&data))).await.unwrap();
}

fn document(user: &str, password: &str) -> String {
    json!({
        "username": user, "password": password, "engine": "redshift", "host": "elsewhere.example", "port": 5439,
        "dbClusterIdentifier": "analytics",
    })
    .to_string()
}

async fn stopped(world: &World, why: &str) -> RedshiftIntegration {
    let says =
        |object: &RedshiftIntegration| phase_of(object) == "createError" && said(object, "Stalled").contains(why);
    world.until(&format!("it says {why}"), says).await
}

#[tokio::test]
async fn the_keys_of_user_and_password_are_as_the_spec_says() {
    let world = World::new().await;
    let reference = json!({"name": "from-elsewhere", "keys": {"username": "login", "password": "redshift.password"}});
    world.create(json!({"config": {"credentialsSecretRef": reference}})).await;
    let object = stopped(&world, "there is no Secret from-elsewhere").await;
    let remedies = said(&object, "Stalled");
    assert!(remedies.contains("--from-literal=login=… --from-literal=redshift.password=…"), "{remedies}");
    put(&world, json!({"login": world.stand_in.admin_user(), "password": "CanaryOfNobody1"})).await;
    let object = stopped(&world, "`redshift.password` is missing; it needs `login` and `redshift.password`").await;
    assert!(!serde_json::to_string(&object.status).unwrap().contains("CanaryOfNobody1"));
    let password = world.stand_in.admin_password();
    put(&world, json!({"login": world.stand_in.admin_user(), "redshift.password": password})).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn aws_own_document_is_read_and_what_is_wrong_with_it_said_without_its_content() {
    let world = World::new().await;
    let user = world.stand_in.admin_user();
    put(&world, json!({"secret": format!("{}}}", document(user, "CanaryOfNobody2"))})).await;
    let reference = json!({"name": "from-elsewhere", "format": "json"});
    world.create(json!({"config": {"credentialsSecretRef": reference}})).await;
    stopped(&world, "`secret` is no JSON document").await;
    put(&world, json!({"secret": json!({"user": user, "password": "CanaryOfNobody3"}).to_string()})).await;
    let needs = "`username` is missing; it needs a JSON document with `username` and `password` under the key `secret`";
    stopped(&world, needs).await;
    put(&world, json!({"secret": "CanaryOfNobody4".repeat(5_000)})).await;
    stopped(&world, "`secret` is longer than 64 KiB").await;
    put(&world, json!({"secret": document(user, world.stand_in.admin_password())})).await;
    let object = world.until_phase("enabled").await;
    assert!(!(serde_json::to_string(&object).unwrap() + &world.log()).contains("CanaryOfNobody"));
}

/// As External Secrets does, and AWS with a rotation of its own.
#[tokio::test]
async fn credentials_that_were_renewed_are_used_by_the_next_edit() {
    let world = World::new().await;
    let (user, former) = (world.stand_in.admin_user(), world.stand_in.admin_password());
    put(&world, json!({"redshift.json": document(user, former)})).await;
    let reference = json!({"name": "from-elsewhere", "format": "json", "key": "redshift.json"});
    world.create(json!({"config": {"credentialsSecretRef": reference}})).await;
    world.until_phase("enabled").await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute(&format!("ALTER USER {user} PASSWORD 'Renewed-by-AWS-1'")).await.unwrap();
    // Another Secret of the same name.
    world.secrets().delete("from-elsewhere", &DeleteParams::default()).await.unwrap();
    let renewed = secret(&json!({"redshift.json": document(user, "Renewed-by-AWS-1")}));
    world.secrets().create(&PostParams::default(), &serde_json::from_value(renewed).unwrap()).await.unwrap();
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": true}}}})).await;
    let object = world.until_phase("enabled").await;
    assert_eq!(object.status.unwrap().created.unwrap().impersonation_role.unwrap(), "immuta_impersonation");
    // And in place, for the deletion.
    dba.batch_execute(&format!("ALTER USER {user} PASSWORD 'Renewed-by-AWS-2'")).await.unwrap();
    put(&world, json!({"redshift.json": document(user, "Renewed-by-AWS-2")})).await;
    world.delete().await;
    world.until_gone().await;
}
