//! From nothing to `enabled`, at rest, and back to nothing.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use redshift_integration_operator::api::{FINALIZER, ValidationStatus};
use redshift_stand_in::Options;
use redshift_stand_in::faults::{Action, Fault};
use serde_json::json;

use crate::support::{
    Dump, World, admin, assert_same, condition, conditions, documented, documented_event, login, rows, said,
    statements, tests_with,
};

const CLAIM: &str = "redshift_governance_claim";
const ACCOUNT: &str = "immuta_system_account";

fn text(secret: &Secret, key: &str) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()[key].0.clone()).unwrap()
}

#[tokio::test]
async fn a_resource_becomes_enabled_and_everything_is_in_the_warehouse() {
    let world = World::new().await;
    let object = world.enabled().await;
    assert_eq!(conditions(&object), ["True", "False", "False"]);
    assert!(object.finalizers().contains(&FINALIZER.to_owned()));
    assert!(tests_with(&object, ValidationStatus::Failed).is_empty());
    let passed = tests_with(&object, ValidationStatus::Passed);
    assert!(passed.contains_key("Initial Validation: Basic Connection Test"), "{passed:?}");
    assert!(passed.contains_key("Validate Automatic Bootstrap: Immuta Database Does Not Exist"), "{passed:?}");
    let created = object.status.as_ref().unwrap().created.clone().unwrap();
    assert_eq!((created.host.as_str(), created.database.as_str()), ("localhost", "immuta"));
    assert_eq!(created.applied_hash.unwrap().len(), 64);

    let truth = world.stand_in.superuser("immuta").await.unwrap();
    let relations = "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE nspname = 'immuta_system' AND relkind IN ('r', 'v') ORDER BY 1";
    assert_eq!(
        rows(&truth, relations).await,
        ["impersonation_key", "profile", "registry", "registry_lock", "user_profile"]
    );
    let schemas = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'immuta%' ORDER BY 1";
    assert_eq!(rows(&truth, schemas).await, ["immuta_functions", "immuta_procedures", "immuta_system"]);
    let registry = "SELECT integration_uid, state FROM immuta_system.registry";
    assert_eq!(rows(&truth, registry).await, [format!("{}|complete", object.uid().unwrap())]);

    let secret = world.secrets().get("analytics-system-account").await.unwrap();
    assert!(secret.owner_references().is_empty(), "foreground deletion would take it away too soon");
    assert_eq!(text(&secret, "host"), "localhost");
    assert!(!text(&secret, "userId").is_empty());
    login(&world.stand_in, ACCOUNT, &text(&secret, "password"), "immuta").await.unwrap();
}

#[tokio::test]
async fn users_see_their_own_row_and_no_other() {
    let world = World::new().await;
    world.enabled().await;
    let secret = world.secrets().get("analytics-system-account").await.unwrap();
    let account = login(&world.stand_in, ACCOUNT, &text(&secret, "password"), "immuta").await.unwrap();
    for user in ["ann", "bob"] {
        let insert =
            format!("INSERT INTO immuta_system.profile VALUES ('{user}', 'groups of {user}', '', '', getdate())");
        account.batch_execute(&insert).await.unwrap();
    }
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER ann PASSWORD 'Abcd1234'").await.unwrap();
    let ann = login(&world.stand_in, "ann", "Abcd1234", "immuta").await.unwrap();
    let own = "SELECT immuta__userid, immuta__groups FROM immuta_system.user_profile";
    assert_eq!(rows(&ann, own).await, ["ann|groups of ann"]);
    for forbidden in ["immuta_system.profile", "immuta_system.registry", "immuta_system.registry_lock"] {
        let error = ann.simple_query(&format!("SELECT * FROM {forbidden}")).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "42501", "{forbidden}");
    }
}

#[tokio::test]
async fn a_creation_takes_few_connections_and_few_writes() {
    let world = World::new().await;
    world.enabled().await;
    let logins = world.stand_in.journal().logins();
    assert!(logins <= 4, "{logins} connections");
    let mut writes = world.api_writes();
    writes.retain(|write| !write.ends_with(" events"));
    assert!(writes.len() <= 6, "{writes:?}");
}

#[tokio::test]
async fn an_integration_at_rest_costs_nothing() {
    let mut world = World::new().await;
    world.enabled().await;
    world.until_event("analytics", "Enabled").await;
    let (writes, connections) = (world.api_writes(), world.stand_in.connections().1);
    let operator = world.operator.as_mut().unwrap();
    let mut passes = operator.passes();
    // Each of these is a reason for another pass, and none is a reason to do anything.
    for round in 0..10 {
        if round % 2 == 0 {
            world.patch(json!({"metadata": {"labels": {"round": round.to_string()}}})).await;
        } else {
            world.put_secret("redshift-admin", "awsuser", &format!("changed-{round}")).await;
        }
        let operator = world.operator.as_mut().unwrap();
        while operator.passes() == passes {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        passes = operator.passes();
    }
    assert_eq!(world.api_writes(), writes);
    assert_eq!(world.stand_in.connections().1, connections);
}

#[tokio::test]
async fn a_restarted_operator_validates_and_writes_nothing() {
    let mut world = World::new().await;
    // Within a tenth of that comes the first look.
    world.create(json!({"validationInterval": "1m"})).await;
    world.until_phase("enabled").await;
    world.until_event("analytics", "Enabled").await;
    let before = world.get().await;
    let writes = world.api_writes();
    world.kill_operator();
    let logins = world.stand_in.journal().logins();
    world.start_operator();
    while world.stand_in.journal().logins() == logins || world.stand_in.connections().0 > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(world.api_writes(), writes);
    assert_eq!(world.get().await.resource_version(), before.resource_version());
}

#[tokio::test]
async fn a_deletion_leaves_nothing_behind() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.enabled().await;
    assert_ne!(before, Dump::of(&world.stand_in).await);
    world.delete().await;
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
    assert!(world.secrets().get_opt("analytics-system-account").await.unwrap().is_none());
    let (_, _, note) = world.until_event("analytics", "Deleted").await;
    assert!(note.contains("the database immuta") && note.contains(CLAIM), "{note}");
}

#[tokio::test]
async fn the_admin_account_can_be_dropped_once_it_is_enabled() {
    let world = World::new().await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER setup PASSWORD 'Abcd1234' CREATEUSER").await.unwrap();
    world.put_secret("redshift-admin", "setup", "Abcd1234").await;
    world.enabled().await;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    dba.batch_execute("DROP USER setup").await.unwrap();
    let object = world.look("now").await;
    assert_eq!(conditions(&object), ["True", "False", "False"]);
}

#[tokio::test]
async fn a_lesser_admin_can_set_it_up_and_take_it_away() {
    let world = World::new().await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER lesser PASSWORD 'Abcd1234' CREATEDB").await.unwrap();
    dba.batch_execute("CREATE ROLE makers").await.unwrap();
    dba.batch_execute("GRANT CREATE USER, DROP USER TO ROLE makers").await.unwrap();
    dba.batch_execute("GRANT ROLE makers TO lesser").await.unwrap();
    world.put_secret("redshift-admin", "lesser", "Abcd1234").await;
    let before = Dump::of(&world.stand_in).await;
    let object = world.enabled().await;
    let warnings = tests_with(&object, ValidationStatus::Warning);
    assert!(warnings.contains_key("Validate Automatic Bootstrap: Metadata Is Visible"), "{warnings:?}");
    world.delete().await;
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_database_with_others_work_in_it_is_not_dropped() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    dba.batch_execute("CREATE TABLE public.orders (id INTEGER)").await.unwrap();
    dba.batch_execute("CREATE VIEW immuta_system.report AS SELECT 1 AS one").await.unwrap();
    drop(dba);
    let with_orders = Dump::of(&world.stand_in).await;
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    assert_eq!(conditions(&object), ["False", "False", "True"]);
    let message = &said(&object, "Stalled");
    assert!(message.contains("relation public.orders"), "{message}");
    assert!(message.contains("relation immuta_system.report"), "{message}");
    assert!(message.contains("Retain"), "{message}");
    assert_same(&with_orders, &Dump::of(&world.stand_in).await);

    // Once others' work is moved away, the deletion goes on by itself.
    let dba = admin(&world.stand_in, "immuta").await;
    dba.batch_execute("DROP TABLE public.orders").await.unwrap();
    dba.batch_execute("DROP VIEW immuta_system.report").await.unwrap();
    drop(dba);
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn ties_of_the_system_account_in_other_databases_stop_a_deletion() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "redshift_sample_data").await;
    dba.batch_execute("CREATE TABLE sales (id INTEGER)").await.unwrap();
    dba.batch_execute(&format!("GRANT SELECT ON sales TO {ACCOUNT}")).await.unwrap();
    dba.batch_execute(&format!("GRANT TEMP ON DATABASE dev TO {ACCOUNT}")).await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    let message = &said(&object, "Stalled");
    assert!(message.contains("redshift_sample_data") && message.contains("public.sales"), "{message}");
    assert!(message.contains("dev"), "{message}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    dba.batch_execute(&format!("REVOKE SELECT ON sales FROM {ACCOUNT}")).await.unwrap();
    dba.batch_execute(&format!("REVOKE TEMP ON DATABASE dev FROM {ACCOUNT}")).await.unwrap();
    world.until_gone().await;
}

#[tokio::test]
async fn nobody_is_thrown_out_of_the_database_and_the_deletion_waits() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.enabled().await;
    let user = admin(&world.stand_in, "immuta").await;
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    assert_eq!(condition(&object, "Reconciling").status, "True", "{object:?}");
    assert_eq!(condition(&object, "Reconciling").reason, "DatabaseInUse");
    documented("deletion__others_sessions", &object, "Reconciling");
    assert_eq!(rows(&user, "SELECT 1").await, ["1"]);
    // What was begun was taken back: the integration is whole.
    assert!(object.status.unwrap().deletion.is_none());
    assert_eq!(rows(&user, "SELECT count(*) FROM pg_user WHERE usename LIKE 'immuta%'").await, ["1"]);
    drop(user);
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn what_never_connected_is_deleted_at_once() {
    let world = World::new().await;
    world.stand_in.go_away();
    world.create(json!({})).await;
    let object = world.until_phase("createError").await;
    assert!(object.finalizers().is_empty());
    world.delete().await;
    world.until_gone().await;
}

#[tokio::test]
async fn what_is_half_created_is_deleted_whole() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    let refuse = Action::Refuse { sqlstate: "XX000".into(), message: "it is refused".into() };
    world.stand_in.faults().set(Fault::new(refuse).at("CREATE TABLE immuta_system.profile").times(1_000));
    world.create(json!({})).await;
    let object = world.until("the creation is stuck", |object| {
        object.status.as_ref().is_some_and(|status| status.created.is_some())
            && said(object, "Ready").contains("it is refused")
    });
    let object = object.await;
    assert_eq!(object.status.as_ref().unwrap().created.as_ref().unwrap().applied_hash, None);
    assert_ne!(before, Dump::of(&world.stand_in).await);
    world.delete().await;
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_deletion_without_the_admin_secret_says_so_and_goes_on_when_it_is_back() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.enabled().await;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    let message = &said(&object, "Stalled");
    assert!(
        message.starts_with("Integrations that are automatically configured require privileged credentials to disable"),
        "{message}"
    );
    assert!(message.contains("kubectl"), "{message}");
    documented("deletion__admin_secret_missing", &object, "Stalled");
    world.put_secret("redshift-admin", world.stand_in.admin_user(), world.stand_in.admin_password()).await;
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn retain_leaves_the_warehouse_and_the_key_to_it() {
    let world = World::new().await;
    world.enabled().await;
    let before = Dump::of(&world.stand_in).await;
    // Late: the deletion is stuck already, since the Secret is gone.
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    world.patch(json!({"spec": {"deletionPolicy": "Retain"}})).await;
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
    let secret = world.secrets().get("analytics-system-account").await.unwrap();
    login(&world.stand_in, ACCOUNT, &text(&secret, "password"), "immuta").await.unwrap();
    let event = world.until_event("analytics", "Disabled").await;
    documented_event("deletion__let_go_late", &object, &event);
    let note = event.2;
    assert!(note.contains("the database immuta") && note.contains("analytics-system-account"), "{note}");
}

#[tokio::test]
async fn drift_is_noticed_and_mending_it_too() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    dba.batch_execute("REVOKE SELECT ON immuta_system.user_profile FROM PUBLIC").await.unwrap();
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "1"}}})).await;
    let object = world.until_phase("recurringValidationError").await;
    assert_eq!(conditions(&object), ["False", "False", "True"]);
    let failed = tests_with(&object, ValidationStatus::Failed);
    let message = &failed["Validate System Account: Grants To Users Are In Place"];
    assert_eq!(message, "PUBLIC can't read immuta_system.user_profile");
    // The very statement that the status gives mends it.
    let (_, statement) = statements(&object).remove(0);
    dba.batch_execute(&statement).await.unwrap();
    let object = world.until_phase("enabled").await;
    assert_eq!(conditions(&object), ["True", "False", "False"]);
}

#[tokio::test]
async fn an_edit_does_not_hide_that_what_was_set_up_is_broken() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    dba.batch_execute("REVOKE SELECT ON immuta_system.user_profile FROM PUBLIC").await.unwrap();
    world.patch(json!({"spec": {"validationInterval": "2h"}})).await;
    let object = world.until_phase("recurringValidationError").await;
    assert_eq!(conditions(&object), ["False", "False", "True"]);
    assert!(said(&object, "Ready").contains("TO PUBLIC"));
    dba.batch_execute("GRANT SELECT ON immuta_system.user_profile TO PUBLIC").await.unwrap();
    drop(dba);
    world.until_phase("enabled").await;
    // Nor that nobody knows whether it is: it can't be looked at.
    world.stand_in.go_away();
    world.patch(json!({"spec": {"validationInterval": "3h"}})).await;
    let object = world.until_phase("editError").await;
    assert_eq!(conditions(&object), ["False", "True", "False"]);
    world.stand_in.come_back();
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_warehouse_that_is_away_shows_and_comes_back_by_itself() {
    let world = World::new().await;
    world.enabled().await;
    world.stand_in.go_away();
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "1"}}})).await;
    let object = world.until_phase("recurringValidationError").await;
    assert_eq!(conditions(&object), ["False", "True", "False"]);
    world.stand_in.come_back();
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_lost_status_is_found_again_without_the_admin_secret() {
    let mut world = World::new().await;
    world.enabled().await;
    world.kill_operator();
    let before = Dump::of(&world.stand_in).await;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    let nothing = json!({"status": {"phase": null, "conditions": [], "created": null, "validationResults": null, "observedGeneration": -1}});
    world.api().patch_status("analytics", &PatchParams::default(), &Patch::Merge(nothing)).await.unwrap();
    world.start_operator();
    let object = world.until_phase("enabled").await;
    assert_eq!(object.status.unwrap().created.unwrap().database, "immuta");
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_suspended_resource_is_left_alone_until_it_is_resumed() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({"suspend": true})).await;
    let object = world.until("it was looked at", |object| {
        object.status.as_ref().is_some_and(|status| status.observed_generation > 0)
    });
    assert_eq!(condition(&object.await, "Ready").reason, "Suspended");
    assert_eq!(world.stand_in.connections().1, 0);
    assert_same(&before, &Dump::of(&world.stand_in).await);
    world.patch(json!({"spec": {"suspend": false}})).await;
    world.until_phase("enabled").await;
    world.patch(json!({"spec": {"suspend": true}})).await;
    let object = world.until("the suspension was seen", crate::support::is_current).await;
    assert_eq!(conditions(&object), ["True", "False", "False"]);
    // A deletion is no work on the resource but its end.
    world.delete().await;
    world.until_gone().await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_connection_without_encryption_shows_as_a_warning() {
    let world = World::with(Options { offer_tls: false, ..Options::default() }).await;
    world.create(json!({"config": {"tls": {"mode": "Disable", "caBundleRef": null}}})).await;
    let object = world.until_phase("enabled").await;
    let warnings = tests_with(&object, ValidationStatus::Warning);
    assert!(warnings["Initial Validation: Connection Is Verified"].contains("VerifyFull"), "{warnings:?}");
}
