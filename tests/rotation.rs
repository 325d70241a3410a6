//! New passwords and a new key of impersonations, by annotation and by age. No other credentials are needed, and at any
//! moment one of the passwords in the Secret logs in.

use std::collections::BTreeMap;

use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use redshift_integration_operator::api::RedshiftIntegration;
use redshift_stand_in::faults::{Action, Fault};
use serde_json::{Value, json};

use crate::support::{
    Dump, World, admin, assert_same, condition, conditions, documented, documented_event, login, phase_of, rows, said,
};

const ACCOUNT: &str = "immuta_system_account";
const CLAIM: &str = "redshift_governance_claim";
const SECRET: &str = "analytics-system-account";
const OWN_ROW: &str = "SELECT immuta__userid FROM immuta_system.user_profile";

async fn change_secret(world: &World, changes: Value) {
    let patch = Patch::Merge(json!({"stringData": changes}));
    world.secrets().patch(SECRET, &PatchParams::default(), &patch).await.unwrap();
}

async fn annotate(world: &World, annotation: &str, value: &str) {
    let annotations = json!({format!("redshift-governance.dev/{annotation}"): value});
    world.patch(json!({"metadata": {"annotations": annotations}})).await;
}

async fn until_handled(world: &World, value: &str) -> RedshiftIntegration {
    let is_handled = |object: &RedshiftIntegration| {
        let handled = object.status.as_ref().and_then(|status| status.last_handled_rotation.as_deref());
        handled == Some(value) && conditions(object) == ["True", "False", "False"]
    };
    world.until(&format!("the rotation {value} is done"), is_handled).await
}

/// Which of these keys hold a password that logs in.
async fn opens(world: &World, secret: &BTreeMap<String, String>, user: &str, keys: [&str; 2]) -> Vec<bool> {
    let mut opens = Vec::new();
    for key in keys {
        opens.push(match secret.get(key) {
            Some(password) => login(&world.stand_in, user, password, "dev").await.is_ok(),
            None => false,
        });
    }
    opens
}

async fn assert_one_opens(world: &World) {
    let secret = world.system_account().await;
    for (user, keys) in [(ACCOUNT, ["password", "nextPassword"]), (CLAIM, ["claimPassword", "nextClaimPassword"])] {
        assert_eq!(opens(world, &secret, user, keys).await.iter().filter(|opens| **opens).count(), 1, "{user}");
    }
}

async fn rotations(world: &World) -> usize {
    world.events("analytics").await.iter().filter(|event| event.1 == "Rotated").count()
}

#[tokio::test]
async fn an_annotation_rotates_passwords_and_key_without_other_credentials() {
    let world = World::new().await;
    world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    let before = world.until_phase("enabled").await;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    let dba = admin(&world.stand_in, "immuta").await;
    let former = world.system_account().await;
    assert!(!former.contains_key("rotatedAt"));
    let account = login(&world.stand_in, ACCOUNT, &former["password"], "immuta").await.unwrap();
    for user in ["ann", "bob"] {
        dba.batch_execute(&format!("CREATE USER {user} PASSWORD 'Abcd1234'")).await.unwrap();
        let insert = format!("INSERT INTO immuta_system.profile VALUES ('{user}', '', '', '', getdate())");
        account.batch_execute(&insert).await.unwrap();
    }
    account.batch_execute("CALL immuta_procedures.grant_impersonation('ann')").await.unwrap();
    drop(account);
    let ann = login(&world.stand_in, "ann", "Abcd1234", "immuta").await.unwrap();
    ann.batch_execute("CALL immuta_procedures.impersonate_user('bob')").await.unwrap();
    assert_eq!(rows(&ann, OWN_ROW).await, ["bob"]);
    let registered = "SELECT integration_uid, state, applied_hash, applied, system_account, impersonation_role \
                      FROM immuta_system.registry";
    let counter = "SELECT fencing_counter FROM immuta_system.registry";
    let (registry, changes) = (rows(&dba, registered).await, rows(&dba, counter).await.remove(0));
    let warehouse = Dump::of(&world.stand_in).await;

    annotate(&world, "rotate", "1").await;
    let after = until_handled(&world, "1").await;
    assert_eq!(phase_of(&after), "enabled");
    let since = |object: &RedshiftIntegration| condition(object, "Ready").last_transition_time.clone();
    assert_eq!(since(&before), since(&after), "it was ready all the while");
    let now = world.system_account().await;
    for (user, key) in [(ACCOUNT, "password"), (CLAIM, "claimPassword")] {
        assert!(login(&world.stand_in, user, &former[key], "dev").await.is_err(), "{user}");
        login(&world.stand_in, user, &now[key], "dev").await.unwrap();
    }
    assert!(!now.contains_key("nextPassword") && !now.contains_key("nextClaimPassword"));
    assert!(now.contains_key("rotatedAt") && now["rotatedFor"] == "1");
    // What was running has ended, and begins anew.
    assert!(rows(&ann, OWN_ROW).await.is_empty());
    ann.batch_execute("CALL immuta_procedures.impersonate_user('bob')").await.unwrap();
    assert_eq!(rows(&ann, OWN_ROW).await, ["bob"]);
    assert_eq!(rows(&dba, registered).await, registry);
    let changes = changes.parse::<i64>().unwrap() + 1;
    assert_eq!(rows(&dba, counter).await, [changes.to_string()]);
    assert_same(&warehouse, &Dump::of(&world.stand_in).await);
    let event = world.until_event("analytics", "Rotated").await;
    documented_event("rotation__rotated", &after, &event);

    // Once for each value, whatever is looked at in between.
    world.look("1").await;
    assert_eq!(world.system_account().await, now);
    annotate(&world, "rotate", "2").await;
    until_handled(&world, "2").await;
    assert_ne!(world.system_account().await["password"], now["password"]);
    assert_eq!(rotations(&world).await, 2);
}

#[tokio::test]
async fn passwords_that_are_old_are_rotated_by_themselves() {
    let world = World::new().await;
    world.create(json!({"rotation": {"interval": "2d"}})).await;
    world.until_phase("enabled").await;
    world.look("1").await;
    let former = world.system_account().await;
    assert!(!former.contains_key("rotatedAt"));
    let ago = |hours: i64| {
        let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        jiff::Timestamp::from_second(then.as_second()).unwrap().to_string()
    };
    change_secret(&world, json!({"rotatedAt": ago(47)})).await;
    world.look("2").await;
    assert_eq!(world.system_account().await["password"], former["password"]);
    change_secret(&world, json!({"rotatedAt": ago(49)})).await;
    world.until_event("analytics", "Rotated").await;
    let now = world.system_account().await;
    assert_ne!(now["password"], former["password"]);
    assert!(now["rotatedAt"] > ago(1), "{}", now["rotatedAt"]);
    login(&world.stand_in, ACCOUNT, &now["password"], "immuta").await.unwrap();
    world.look("3").await;
    assert_eq!(world.system_account().await, now);
    assert!(world.get().await.status.unwrap().last_handled_rotation.is_none(), "nobody has asked for it");
    // Dated by a clock that was days ahead, and was set right since: nobody waits until that day has come.
    change_secret(&world, json!({"rotatedAt": ago(-49)})).await;
    world.look("4").await;
    let again = world.system_account().await;
    assert_ne!(again["password"], now["password"]);
    assert!(again["rotatedAt"] < ago(-1), "{}", again["rotatedAt"]);
    world.look("5").await;
    assert_eq!(world.system_account().await, again);
}

#[tokio::test]
async fn what_is_asked_for_at_the_creation_is_done_with_it() {
    let world = World::new().await;
    let mut manifest = world.manifest("analytics", json!({}));
    manifest["metadata"]["annotations"] = json!({"redshift-governance.dev/rotate": "from the beginning"});
    world.api().create(&PostParams::default(), &serde_json::from_value(manifest).unwrap()).await.unwrap();
    until_handled(&world, "from the beginning").await;
    world.look("1").await;
    assert!(!world.system_account().await.contains_key("rotatedAt"));
    assert!(!world.stand_in.journal().statements().iter().any(|text| text.starts_with("ALTER USER")));
}

#[tokio::test]
async fn a_rotation_that_was_interrupted_is_finished_and_a_password_works_all_the_while() {
    let mut world = World::new().await;
    world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    world.until_phase("enabled").await;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    let warehouse = Dump::of(&world.stand_in).await;
    let steps = [
        (Action::HoldBefore, "ALTER USER redshift_governance_claim PASSWORD"),
        (Action::HoldAfter, "ALTER USER redshift_governance_claim PASSWORD"),
        (Action::HoldAfter, "ALTER USER \"immuta_system_account\" PASSWORD"),
        (Action::HoldBefore, "COMMIT"),
        (Action::HoldAfter, "COMMIT"),
    ];
    for (number, (action, statement)) in steps.into_iter().enumerate() {
        let former = world.system_account().await;
        world.stand_in.faults().set(Fault::new(action).at(statement));
        annotate(&world, "rotate", &number.to_string()).await;
        world.stand_in.faults().held().await;
        let object = world.get().await;
        assert_eq!((phase_of(&object).as_str(), conditions(&object)), ("enabled", ["True", "True", "False"]));
        assert_eq!(said(&object, "Reconciling"), "the passwords are being rotated");
        world.kill_operator();
        world.stand_in.faults().clear();
        world.until_disconnected().await;
        assert_one_opens(&world).await;
        world.start_operator();
        until_handled(&world, &number.to_string()).await;
        let now = world.system_account().await;
        assert!(!now.contains_key("nextPassword") && !now.contains_key("nextClaimPassword"));
        assert_ne!((&former["password"], &former["claimPassword"]), (&now["password"], &now["claimPassword"]));
        assert_one_opens(&world).await;
        assert_same(&warehouse, &Dump::of(&world.stand_in).await);
    }
}

#[tokio::test]
async fn a_rotation_that_cannot_be_done_says_why_and_what_was_set_up_works_on() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    dba.batch_execute("ALTER USER redshift_governance_claim PASSWORD 'Abcd1234'").await.unwrap();
    let former = world.system_account().await;
    annotate(&world, "rotate", "1").await;
    let is_stopped = |object: &RedshiftIntegration| condition(object, "Stalled").reason == "RotationFailed";
    let object = world.until("it says why", is_stopped).await;
    assert_eq!((phase_of(&object).as_str(), conditions(&object)), ("enabled", ["True", "False", "True"]));
    documented("rotation__the_password_of_the_claim_was_changed", &object, "Stalled");
    // Nothing was begun, so that nothing else waits for it.
    assert_eq!(world.system_account().await, former);
    let mend = format!("ALTER USER redshift_governance_claim PASSWORD '{}'", former["claimPassword"]);
    dba.batch_execute(&mend).await.unwrap();

    until_handled(&world, "1").await;

    // It meets another operator's change, and looks again.
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("LOCK TABLE"));
    annotate(&world, "rotate", "2").await;
    world.stand_in.faults().held().await;
    dba.batch_execute("UPDATE immuta_system.registry SET fencing_counter = fencing_counter + 1").await.unwrap();
    world.stand_in.faults().release();
    let is_stopped = |object: &RedshiftIntegration| condition(object, "Reconciling").reason == "RotationFailed";
    let object = world.until("it says why", is_stopped).await;
    documented("rotation__another_operator_has_changed_the_registry", &object, "Reconciling");
    until_handled(&world, "2").await;
    assert_one_opens(&world).await;
    assert_eq!(rotations(&world).await, 2);
}
