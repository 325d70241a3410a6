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

/// The manifests that a page shows.
fn examples(page: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(format!("{}/docs/{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks
        .filter(|block| block.starts_with("apiVersion:"))
        .map(|block| serde_saphyr::from_str(&block).unwrap())
        .collect()
}

/// What the documentation shows for those who keep Secrets makes Secrets that the operator reads: under its keys, for a host.
#[test]
fn the_examples_for_keepers_of_secrets_make_what_is_read() {
    let examples = examples("logins.md");
    let kinds: Vec<_> = examples.iter().map(|example| example["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["ExternalSecret", "ExternalSecret", "SealedSecret", "SecretProviderClass"]);
    let names = |of: &Value| of.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let each = |list: &Value, field: &str| {
        let items = list.as_array().unwrap().iter();
        items.map(|item| item[field].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let [whole, document, sealed, provided] = &examples[..] else { panic!("{kinds:?}") };
    // As AWS's document has them.
    assert!(whole["spec"]["dataFrom"][0]["extract"].is_object());
    assert_eq!(each(&document["spec"]["data"], "secretKey"), ["redshift.json"]);
    let sealed_keys = names(&sealed["spec"]["encryptedData"]);
    let made = &provided["spec"]["secretObjects"][0];
    let objects: Value = serde_saphyr::from_str(provided["spec"]["parameters"]["objects"].as_str().unwrap()).unwrap();
    assert_eq!(each(&objects[0]["jmesPath"], "objectAlias"), each(&made["data"], "objectName"));
    for keys in [sealed_keys, each(&made["data"], "key")] {
        assert!(keys.contains(&"username".to_owned()) && keys.contains(&"password".to_owned()), "{keys:?}");
    }
    for (secret, annotations) in [
        (&whole["spec"]["target"]["name"], &whole["spec"]["target"]["template"]["metadata"]["annotations"]),
        (&sealed["metadata"]["name"], &sealed["spec"]["template"]["metadata"]["annotations"]),
        (&made["secretName"], &made["annotations"]),
    ] {
        assert_eq!(secret, "redshift-admin");
        assert_eq!(names(annotations), ["redshift-governance.dev/allowed-hosts"]);
    }
}
