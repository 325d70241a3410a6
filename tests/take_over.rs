//! Lost passwords, lost status, and taking over what another integration has left.

use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use redshift_integration_operator::api::RedshiftIntegration;
use redshift_stand_in::faults::{Action, Fault};
use serde_json::json;

use crate::support::{
    Dump, World, admin, asked_for, assert_same, condition, conditions, documented, is_looked_at, login,
    makes_a_lesser_admin, rows, said,
};

const SECRET: &str = "analytics-system-account";

async fn lose_the_secret(world: &World) {
    world.secrets().delete(SECRET, &DeleteParams::default()).await.unwrap();
}

async fn look_now(world: &World, value: &str) {
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": value}}})).await;
}

async fn password(world: &World) -> String {
    let secret = world.secrets().get(SECRET).await.unwrap();
    String::from_utf8(secret.data.unwrap()["password"].0.clone()).unwrap()
}

fn ready_reason(object: &RedshiftIntegration) -> &str {
    let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
    conditions.iter().find(|condition| condition.type_ == "Ready").map_or("", |condition| condition.reason.as_str())
}

async fn annotate(world: &World, key: &str, value: &str) -> RedshiftIntegration {
    world.patch(json!({"metadata": {"annotations": {format!("redshift-governance.dev/{key}"): value}}})).await
}

/// Both integrations of a warehouse are deleted, and it is as it was before.
async fn both_leave(here: &World, there: &World, nothing: &Dump) {
    for world in [here, there] {
        world.delete().await;
        world.until_gone().await;
    }
    assert_same(nothing, &Dump::of(&here.stand_in).await);
}

/// Whatever the operator had under way is undone by the server.
async fn kill_and_let_go(world: &mut World) {
    world.kill_operator();
    world.until_disconnected().await;
    world.stand_in.faults().clear();
}

#[tokio::test]
async fn a_superuser_sets_new_passwords_when_the_secret_was_lost() {
    let world = World::new().await;
    world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    world.until_phase("enabled").await;
    let before = Dump::of(&world.stand_in).await;
    let old = password(&world).await;
    lose_the_secret(&world).await;
    for _ in 0..2_000 {
        if world.secrets().get_opt(SECRET).await.unwrap().is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    look_now(&world, "1").await;
    let object = world.until("it validates again", |object| {
        is_looked_at(object, "1") && conditions(object) == ["True", "False", "False"]
    });
    let object = object.await;
    assert_ne!(password(&world).await, old);
    login(&world.stand_in, "immuta_system_account", &password(&world).await, "immuta").await.unwrap();
    assert!(login(&world.stand_in, "immuta_system_account", &old, "immuta").await.is_err());
    assert_same(&before, &Dump::of(&world.stand_in).await);
    assert_eq!(object.status.unwrap().created, world.get().await.status.unwrap().created);
    world.delete().await;
    world.until_gone().await;
}

#[tokio::test]
async fn an_operator_that_is_killed_before_new_passwords_are_set_leaves_that_to_the_next() {
    let mut world = World::new().await;
    // The status will say that it is enabled: within a tenth of that another process looks for itself.
    world.create(json!({"validationInterval": "1m"})).await;
    world.until_phase("enabled").await;
    let before = Dump::of(&world.stand_in).await;
    let at = "ALTER USER redshift_governance_claim PASSWORD";
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at(at));
    lose_the_secret(&world).await;
    world.stand_in.faults().held().await;
    kill_and_let_go(&mut world).await;
    // The Secret is there, and what it holds is nobody's password yet.
    makes_a_lesser_admin(&world).await;
    assert!(login(&world.stand_in, "immuta_system_account", &password(&world).await, "immuta").await.is_err());
    world.start_operator();
    let object = world.until("it says so", |object| ready_reason(object) == "ProofLost").await;
    documented("lost__secret_made_anew_and_no_superuser_to_set_its_passwords", &object, "Stalled");
    world.put_secret("redshift-admin", world.stand_in.admin_user(), world.stand_in.admin_password()).await;
    world.until_phase("enabled").await;
    login(&world.stand_in, "immuta_system_account", &password(&world).await, "immuta").await.unwrap();
    admin(&world.stand_in, "dev").await.batch_execute("DROP USER lesser").await.unwrap();
    admin(&world.stand_in, "dev").await.batch_execute("DROP ROLE makers").await.unwrap();
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn without_a_superuser_a_lost_secret_is_explained() {
    let world = World::new().await;
    world.enabled().await;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    lose_the_secret(&world).await;
    let object = world.until_phase("recurringValidationError").await;
    assert_eq!(conditions(&object), ["False", "False", "True"]);
    let message = &said(&object, "Stalled");
    assert!(message.contains(SECRET) && message.contains("superuser's credentials"), "{message}");
    documented("lost__secret_and_the_admins", &object, "Stalled");
    makes_a_lesser_admin(&world).await;
    let object = world.until("it has been tried", |object| ready_reason(object) == "ProofLost").await;
    documented("lost__secret_without_a_superuser", &object, "Stalled");
    admin(&world.stand_in, "dev").await.batch_execute("DROP USER lesser").await.unwrap();
    admin(&world.stand_in, "dev").await.batch_execute("DROP ROLE makers").await.unwrap();
    assert_same(&before, &Dump::of(&world.stand_in).await);
    world.put_secret("redshift-admin", "awsuser", world.stand_in.admin_password()).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_deletion_after_the_secret_was_lost_removes_everything() {
    let mut world = World::new().await;
    let nothing = Dump::of(&world.stand_in).await;
    world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
    world.until_phase("enabled").await;
    world.kill_operator();
    lose_the_secret(&world).await;
    world.delete().await;
    world.start_operator();
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
    assert!(world.secrets().get_opt(SECRET).await.unwrap().is_none());
}

#[tokio::test]
async fn a_role_that_an_interrupted_edit_made_goes_although_the_secret_that_named_it_was_lost() {
    let mut world = World::new().await;
    let nothing = Dump::of(&world.stand_in).await;
    world.enabled().await;
    makes_a_lesser_admin(&world).await;
    // The role is there by then, and the registry doesn't name it yet.
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("LOCK TABLE immuta_system.registry_lock"));
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": true}}}})).await;
    world.stand_in.faults().held().await;
    kill_and_let_go(&mut world).await;
    let dba = admin(&world.stand_in, "dev").await;
    let role = "SELECT role_name FROM svv_roles WHERE role_name = 'immuta_impersonation'";
    assert_eq!(rows(&dba, role).await.len(), 1);
    lose_the_secret(&world).await;
    world.put_secret("redshift-admin", "awsuser", world.stand_in.admin_password()).await;
    world.patch(json!({"spec": {"config": {"impersonation": {"enabled": false}}}})).await;
    world.start_operator();
    world.until_phase("enabled").await;
    world.delete().await;
    world.until_gone().await;
    dba.batch_execute("DROP USER lesser").await.unwrap();
    dba.batch_execute("DROP ROLE makers").await.unwrap();
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn status_and_secret_lost_together_are_found_again() {
    let mut world = World::new().await;
    world.enabled().await;
    world.kill_operator();
    let before = Dump::of(&world.stand_in).await;
    lose_the_secret(&world).await;
    let nothing = json!({"status": {"phase": null, "conditions": [], "created": null, "validationResults": null, "observedGeneration": -1}});
    world.api().patch_status("analytics", &PatchParams::default(), &Patch::Merge(nothing)).await.unwrap();
    world.start_operator();
    world.until_phase("enabled").await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn what_retain_left_is_taken_over_with_the_annotation_that_the_message_gives() {
    let world = World::new().await;
    let nothing = Dump::of(&world.stand_in).await;
    world.create(json!({"deletionPolicy": "Retain"})).await;
    let former = world.until_phase("enabled").await;
    world.delete().await;
    world.until_gone().await;
    let left = Dump::of(&world.stand_in).await;

    world.create(json!({})).await;
    let object = world.until_phase("createError").await;
    let value = asked_for(&object, "take-over");
    assert_eq!(value, format!("immuta/{}", former.uid().unwrap()));
    annotate(&world, "take-over", "immuta/somebody-else").await;
    world.look("1").await;
    assert_same(&left, &Dump::of(&world.stand_in).await);
    annotate(&world, "take-over", &value).await;
    let object = world.until_phase("enabled").await;
    assert_same(&left, &Dump::of(&world.stand_in).await);
    let truth = world.stand_in.superuser("immuta").await.unwrap();
    assert_eq!(rows(&truth, "SELECT integration_uid FROM immuta_system.registry").await, [object.uid().unwrap()]);
    drop(truth);
    world.delete().await;
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn another_cluster_takes_over_and_the_former_owner_touches_nothing() {
    let here = World::new().await;
    let nothing = Dump::of(&here.stand_in).await;
    let former = here.enabled().await;
    let there = here.elsewhere().await;
    there.create(json!({})).await;
    let object = there.until("it is told so", |object| ready_reason(object) == "AlreadyExists").await;
    let value = asked_for(&object, "take-over");
    assert_eq!(value, format!("immuta/{}", former.uid().unwrap()));
    annotate(&there, "take-over", &value).await;
    there.until_phase("enabled").await;
    let taken = Dump::of(&here.stand_in).await;
    // The former owner is refused the login, and told of both causes.
    look_now(&here, "1").await;
    let object = here.until_phase("recurringValidationError").await;
    let message = &said(&object, "Stalled");
    assert!(
        message.contains("somebody has changed the password") && message.contains("integration took over"),
        "{message}"
    );
    documented("conflict__taken_over_says_the_former_owner", &object, "Stalled");
    here.delete().await;
    here.until_gone().await;
    assert_same(&taken, &Dump::of(&here.stand_in).await);
    there.until_phase("enabled").await;
    there.delete().await;
    there.until_gone().await;
    assert_same(&nothing, &Dump::of(&here.stand_in).await);
}

#[tokio::test]
async fn what_was_being_taken_over_with_its_secret_goes_with_a_deletion() {
    let mut world = World::new().await;
    let nothing = Dump::of(&world.stand_in).await;
    world.create(json!({"deletionPolicy": "Retain"})).await;
    let former = world.until_phase("enabled").await;
    world.delete().await;
    world.until_gone().await;
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("SET integration_uid"));
    world.create_to_take_over("immuta", &former, json!({})).await;
    // The Secret is the heir's, and the registry still names the former owner.
    world.stand_in.faults().held().await;
    kill_and_let_go(&mut world).await;
    // A login that fails for another reason than the password proves nothing, and nothing is let go for it.
    let full = Action::RefuseLogin { sqlstate: "53300".into(), message: "too many connections".into() };
    world.stand_in.faults().set(Fault::new(full).of("immuta_system_account"));
    world.delete().await;
    world.start_operator();
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
    assert!(world.secrets().get_opt(SECRET).await.unwrap().is_none());
}

#[tokio::test]
async fn new_passwords_are_not_set_over_the_head_of_who_took_over_meanwhile() {
    let here = World::new().await;
    let nothing = Dump::of(&here.stand_in).await;
    let former = here.enabled().await;
    let there = here.elsewhere().await;
    here.stand_in.faults().set(Fault::new(Action::HoldBefore).at("BEGIN"));
    lose_the_secret(&here).await;
    // It has seen that the registry is its own, and made new passwords.
    here.stand_in.faults().held().await;
    there.create_to_take_over("immuta", &former, json!({})).await;
    there.until_phase("enabled").await;
    here.stand_in.faults().release();
    here.until("it says who took over", |object| ready_reason(object) == "AlreadyExists").await;
    login(&here.stand_in, "immuta_system_account", &password(&there).await, "immuta").await.unwrap();
    both_leave(&here, &there, &nothing).await;
}

#[tokio::test]
async fn a_take_over_that_was_interrupted_goes_on_although_the_former_owner_has_renamed_the_account() {
    let here = World::new().await;
    let nothing = Dump::of(&here.stand_in).await;
    let former = here.enabled().await;
    let mut there = here.elsewhere().await;
    here.stand_in.faults().set(Fault::new(Action::HoldBefore).at("SET integration_uid"));
    let renamed = json!({"config": {"systemAccount": {"name": "governor"}}});
    there.create_to_take_over("immuta", &former, renamed).await;
    // Its Secret is made, with the name that the account has now.
    here.stand_in.faults().held().await;
    kill_and_let_go(&mut there).await;
    here.patch(json!({"spec": {"config": {"systemAccount": {"name": "steward"}}}})).await;
    here.until_phase("enabled").await;
    there.start_operator();
    let object = there.until_phase("enabled").await;
    assert_eq!(object.status.unwrap().created.unwrap().system_account, "governor");
    both_leave(&here, &there, &nothing).await;
}

#[tokio::test]
async fn an_account_whose_password_was_changed_is_not_taken_for_a_dropped_one() {
    let world = World::new().await;
    let nothing = Dump::of(&world.stand_in).await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER keeper PASSWORD 'Abcd1234' CREATEDB").await.unwrap();
    dba.batch_execute("CREATE ROLE makers").await.unwrap();
    dba.batch_execute("GRANT CREATE USER, DROP USER TO ROLE makers").await.unwrap();
    dba.batch_execute("GRANT ROLE makers TO keeper").await.unwrap();
    dba.batch_execute("ALTER USER immuta_system_account PASSWORD 'Changed1234'").await.unwrap();
    world.put_secret("redshift-admin", "keeper", "Abcd1234").await;
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    assert_eq!(condition(&object, "Stalled").reason, "ProofLost", "{}", said(&object, "Stalled"));
    documented("deletion__password_of_our_account_was_changed", &object, "Stalled");
    // A superuser can tell, and sets the password that the Secret holds.
    world.put_secret("redshift-admin", "awsuser", world.stand_in.admin_password()).await;
    world.until_gone().await;
    dba.batch_execute("DROP USER keeper").await.unwrap();
    dba.batch_execute("DROP ROLE makers").await.unwrap();
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_backup_restored_under_another_uid_owns_nothing_until_a_person_says_so() {
    let mut world = World::new().await;
    // The status says that it is enabled: within a tenth of that another process looks for itself.
    world.create(json!({"validationInterval": "1m"})).await;
    world.until_phase("enabled").await;
    world.kill_operator();
    let before = Dump::of(&world.stand_in).await;
    // The object comes back as it was, finalizer and status included, but as another one.
    let mut object = serde_json::to_value(world.get().await).unwrap();
    let status = object["status"].take();
    world.patch(json!({"metadata": {"finalizers": []}})).await;
    world.delete().await;
    world.until_gone().await;
    for field in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
        object["metadata"].as_object_mut().unwrap().remove(field);
    }
    object.as_object_mut().unwrap().remove("status");
    let object: RedshiftIntegration = serde_json::from_value(object).unwrap();
    world.api().create(&PostParams::default(), &object).await.unwrap();
    let patch = json!({"status": status});
    world.api().patch_status("analytics", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    world.start_operator();
    let object = world.until("it is told so", |object| ready_reason(object) == "SecretNotOurs").await;
    let value = asked_for(&object, "take-over");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    annotate(&world, "take-over", &value).await;
    world.until_phase("enabled").await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
}
