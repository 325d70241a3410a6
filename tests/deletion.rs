//! Deletions with others' work in the way: refused with a list, and done once a person has confirmed that
//! very list.

use kube::api::{DeleteParams, Patch, PatchParams};
use redshift_integration_operator::api::RedshiftIntegration;
use serde_json::{Value, json};

use crate::support::{
    Dump, World, admin, asked_for, assert_same, condition, documented, documented_event, merge, rows, said,
};

fn with_impersonation() -> Value {
    json!({"config": {"impersonation": {"enabled": true}}})
}

/// Gives the word that the status asks for.
async fn confirm(world: &World, object: &RedshiftIntegration) -> String {
    let value = asked_for(object, "confirm-delete");
    world.patch(json!({"metadata": {"annotations": {"redshift-governance.dev/confirm-delete": value}}})).await;
    value
}

/// The resource, once its deletion is refused; what that says is recorded as a case.
async fn refused(world: &World, case: &str) -> RedshiftIntegration {
    let object = world.until_phase("deleteError").await;
    assert_eq!(condition(&object, "Stalled").status, "True", "{object:?}");
    documented(case, &object, "Stalled");
    object
}

#[tokio::test]
async fn others_objects_are_listed_and_go_with_the_database_once_confirmed() {
    let world = World::new().await;
    let nothing = Dump::of(&world.stand_in).await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    for statement in [
        "CREATE TABLE public.orders (id INTEGER)",
        "CREATE VIEW public.mine AS SELECT immuta__groups FROM immuta_system.user_profile",
        "CREATE SCHEMA marketing",
        "CREATE PROCEDURE public.tidy() AS $$ BEGIN DELETE FROM public.orders; END; $$ LANGUAGE plpgsql",
    ] {
        dba.batch_execute(statement).await.unwrap();
    }
    let before = Dump::of(&world.stand_in).await;
    world.delete().await;
    let object = refused(&world, "deletion__others_table_view_procedure_and_schema").await;
    let message = said(&object, "Stalled");
    for what in ["relation public.orders", "relation public.mine", "schema marketing", "procedure public.tidy"] {
        assert!(message.contains(what), "{message}");
    }
    assert_same(&before, &Dump::of(&world.stand_in).await);
    // One that no longer fits arms nothing.
    dba.batch_execute("CREATE TABLE public.more (id INTEGER)").await.unwrap();
    let first = confirm(&world, &object).await;
    let is_answered = |object: &RedshiftIntegration| {
        let said = said(object, "Stalled");
        said.contains("public.more") && said.contains(&format!("is `{first}`, which doesn't fit"))
    };
    let object = world.until("the new list is there, and what was given is answered", is_answered).await;
    drop(dba);
    assert_ne!(confirm(&world, &object).await, first);
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_confirmation_kept_in_git_arms_nothing() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    dba.batch_execute("CREATE TABLE public.orders (id INTEGER)").await.unwrap();
    world
        .patch(
            json!({"metadata": {"annotations": {"redshift-governance.dev/confirm-delete": "immuta/0123456789abcdef"}}}),
        )
        .await;
    world.delete().await;
    let message = said(&refused(&world, "deletion__confirmation_that_does_not_fit").await, "Stalled");
    assert!(message.contains("public.orders"), "{message}");
    assert_eq!(rows(&dba, "SELECT count(*) FROM public.orders").await, ["0"]);
    dba.batch_execute("DROP TABLE public.orders").await.unwrap();
    drop(dba);
    world.until_gone().await;
}

#[tokio::test]
async fn privileges_that_others_gave_are_revoked_as_each_grantor_once_confirmed() {
    let world = World::new().await;
    world.create(with_impersonation()).await;
    world.until_phase("enabled").await;
    let dba = admin(&world.stand_in, "dev").await;
    for statement in [
        "CREATE USER owner_one PASSWORD 'Abcd1234'",
        "CREATE USER grantor_two PASSWORD 'Abcd1234'",
        "CREATE DATABASE shop",
    ] {
        dba.batch_execute(statement).await.unwrap();
    }
    let shop = admin(&world.stand_in, "shop").await;
    for statement in [
        "CREATE SCHEMA sales AUTHORIZATION owner_one",
        "SET SESSION AUTHORIZATION owner_one",
        "CREATE TABLE sales.orders (id INTEGER)",
        "GRANT USAGE ON SCHEMA sales TO grantor_two",
        "GRANT SELECT ON sales.orders TO grantor_two WITH GRANT OPTION",
        "GRANT INSERT ON sales.orders TO immuta_system_account",
        "GRANT USAGE ON SCHEMA sales TO ROLE immuta_impersonation",
        "SET SESSION AUTHORIZATION DEFAULT",
    ] {
        shop.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    let before = Dump::of(&world.stand_in).await;
    for statement in [
        "SET SESSION AUTHORIZATION grantor_two",
        "GRANT SELECT ON sales.orders TO immuta_system_account",
        "GRANT SELECT ON sales.orders TO ROLE immuta_impersonation",
        "SET SESSION AUTHORIZATION DEFAULT",
        "GRANT TEMP ON DATABASE shop TO immuta_system_account",
    ] {
        shop.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    drop(shop);
    assert_ne!(before, Dump::of(&world.stand_in).await);
    world.delete().await;
    let object = refused(&world, "deletion__privileges_by_several_grantors_in_several_databases").await;
    let message = said(&object, "Stalled");
    for what in [
        "shop: immuta_system_account has privileges on relation sales.orders",
        "shop: the role immuta_impersonation has SELECT on sales.orders",
        "shop: the role immuta_impersonation has USAGE on the schema sales",
        "immuta_system_account has privileges on the database shop",
    ] {
        assert!(message.contains(what), "{what} is not in: {message}");
    }
    confirm(&world, &object).await;
    world.until_gone().await;
    let truth = world.stand_in.superuser("shop").await.unwrap();
    let acl = rows(&truth, "SELECT relacl FROM pg_class WHERE relname = 'orders'").await.remove(0);
    assert_eq!(acl, "{owner_one=arwdDxt/owner_one,grantor_two=r*/owner_one}");
    assert_eq!(rows(&truth, "SELECT count(*) FROM pg_roles WHERE rolname LIKE 'immuta%'").await, ["0"]);
}

#[tokio::test]
async fn a_lesser_admin_is_given_the_statements_before_anything_is_dropped() {
    let world = World::new().await;
    let dba = admin(&world.stand_in, "dev").await;
    for statement in [
        "CREATE USER lesser PASSWORD 'Abcd1234' CREATEDB",
        "CREATE ROLE makers",
        "GRANT CREATE USER, DROP USER, ACCESS SYSTEM TABLE TO ROLE makers",
        "GRANT ROLE makers TO lesser",
        "CREATE TABLE public.ledger (id INTEGER)",
    ] {
        dba.batch_execute(statement).await.unwrap();
    }
    world.put_secret("redshift-admin", "lesser", "Abcd1234").await;
    world.enabled().await;
    dba.batch_execute("GRANT SELECT ON public.ledger TO immuta_system_account").await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    world.delete().await;
    let object = refused(&world, "deletion__privileges_of_our_account").await;
    confirm(&world, &object).await;
    let object =
        world.until("the statements are there", |object| condition(object, "Stalled").reason == "RevokeFirst").await;
    documented("deletion__privileges_that_a_lesser_admin_cannot_revoke", &object, "Stalled");
    let message = &said(&object, "Stalled");
    let statement = "in the database dev, as awsuser or a superuser: REVOKE ALL PRIVILEGES ON \"public\".\"ledger\" FROM \"immuta_system_account\"";
    assert!(message.contains(statement), "{message}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    dba.batch_execute("REVOKE ALL PRIVILEGES ON public.ledger FROM immuta_system_account").await.unwrap();
    world.until_gone().await;
}

#[tokio::test]
async fn what_our_account_owns_elsewhere_is_never_overridden() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "redshift_sample_data").await;
    dba.batch_execute("CREATE TABLE kept (id INTEGER)").await.unwrap();
    dba.batch_execute("ALTER TABLE kept OWNER TO immuta_system_account").await.unwrap();
    dba.batch_execute("CREATE ROLE auditors").await.unwrap();
    dba.batch_execute("ALTER ROLE auditors OWNER TO immuta_system_account").await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    world.delete().await;
    let object = refused(&world, "deletion__what_our_account_owns_elsewhere").await;
    let message = said(&object, "Stalled");
    assert!(message.contains("immuta_system_account owns the role auditors"), "{message}");
    assert!(message.contains("redshift_sample_data: immuta_system_account owns relation public.kept"), "{message}");
    assert!(message.contains("by hand") && !message.contains("confirm-delete"), "{message}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    dba.batch_execute("ALTER TABLE kept OWNER TO awsuser").await.unwrap();
    dba.batch_execute("ALTER ROLE auditors OWNER TO awsuser").await.unwrap();
    world.until_gone().await;
}

#[tokio::test]
async fn members_of_the_role_are_no_obstacle_and_are_named() {
    let world = World::new().await;
    world.create(with_impersonation()).await;
    world.until_phase("enabled").await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER ann PASSWORD 'Abcd1234'").await.unwrap();
    dba.batch_execute("GRANT ROLE immuta_impersonation TO ann").await.unwrap();
    let object = world.get().await;
    world.delete().await;
    world.until_gone().await;
    world.until_event("analytics", "Deleted").await;
    let notes: Vec<_> = world.events("analytics").await.into_iter().filter(|event| event.1 == "RoleDropped").collect();
    assert!(notes[0].2.contains("its members lose it: ann"), "{notes:?}");
    documented_event("deletion__members_of_the_role", &object, &notes[0]);
    assert!(rows(&dba, "SELECT role_name FROM svv_roles WHERE role_name LIKE 'immuta%'").await.is_empty());
}

#[tokio::test]
async fn whoever_comes_in_at_the_last_moment_is_seen() {
    use redshift_stand_in::faults::{Action, Fault};
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    world.stand_in.faults().set(Fault::new(Action::HoldAfter).at("SET state = 'deleting'"));
    world.delete().await;
    world.stand_in.faults().held().await;
    dba.batch_execute("CREATE TABLE public.late (id INTEGER)").await.unwrap();
    world.stand_in.faults().clear();
    let object = world.until("it is seen", |object| said(object, "Ready").contains("public.late")).await;
    assert!(object.status.unwrap().deletion.is_none());
    assert_eq!(rows(&dba, "SELECT state FROM immuta_system.registry").await, ["complete"]);
    dba.batch_execute("DROP TABLE public.late").await.unwrap();
    drop(dba);
    world.until_gone().await;
}

#[tokio::test]
async fn a_warehouse_that_is_gone_for_good_can_be_let_go_of() {
    let world = World::new().await;
    world.enabled().await;
    world.stand_in.go_away();
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    assert_eq!(condition(&object, "Reconciling").status, "True");
    documented("deletion__warehouse_gone", &object, "Reconciling");
    assert!(said(&object, "Ready").contains("deletionPolicy\":\"Retain"), "{:?}", condition(&object, "Ready"));
    world.patch(json!({"spec": {"deletionPolicy": "Retain"}})).await;
    world.until_gone().await;
}

#[tokio::test]
async fn however_kubernetes_deletes_the_proof_is_there_until_the_end() {
    use kube::api::PropagationPolicy;
    for policy in [PropagationPolicy::Foreground, PropagationPolicy::Background, PropagationPolicy::Orphan] {
        let world = World::new().await;
        let nothing = Dump::of(&world.stand_in).await;
        world.create(with_impersonation()).await;
        world.until_phase("enabled").await;
        let params = DeleteParams { propagation_policy: Some(policy), ..DeleteParams::default() };
        world.api().delete("analytics", &params).await.unwrap();
        world.until_gone().await;
        assert_same(&nothing, &Dump::of(&world.stand_in).await);
        assert!(world.secrets().get_opt("analytics-system-account").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn an_edit_that_cannot_be_carried_out_blocks_no_deletion() {
    let world = World::new().await;
    admin(&world.stand_in, "dev").await.batch_execute("CREATE USER other PASSWORD 'Abcd1234'").await.unwrap();
    let nothing = Dump::of(&world.stand_in).await;
    world.enabled().await;
    world.patch(json!({"spec": {"config": {"systemAccount": {"name": "other"}}}})).await;
    let object = world.until_phase("editError").await;
    assert_eq!(condition(&object, "Ready").status, "True");
    world.delete().await;
    world.until_gone().await;
    let event = world.until_event("analytics", "Deleted").await;
    documented_event("deletion__of_a_spec_that_cannot_be_carried_out", &object, &event);
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_login_that_cannot_be_carried_out_is_told_and_mending_it_lets_the_resource_go() {
    let world = World::new().await;
    let nothing = Dump::of(&world.stand_in).await;
    world.enabled().await;
    let aws = json!({"region": "us-east-1", "clusterIdentifier": "analytics"});
    world.patch(json!({"spec": {"config": {"authenticationType": "accessKey", "aws": aws}}})).await;
    // No SQL is needed for it, and what is set up is looked at as the system account.
    world.until_phase("enabled").await;
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    assert!(said(&object, "Ready").contains("`accessKeyId` is missing"), "{}", said(&object, "Ready"));
    world.patch(json!({"spec": {"config": {"authenticationType": "userPassword", "aws": null}}})).await;
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn deleted_in_the_middle_of_a_creation_or_an_edit_everything_goes() {
    use redshift_stand_in::faults::{Action, Fault};
    for (start, edit, at) in [
        (json!({}), None, "CREATE DATABASE"),
        (with_impersonation(), None, "CREATE OR REPLACE VIEW immuta_system.user_profile"),
        (json!({}), Some(json!({"spec": with_impersonation()})), "CREATE ROLE"),
        (json!({}), Some(json!({"spec": {"config": {"systemAccount": {"name": "governor"}}}})), "ALTER USER"),
    ] {
        let world = World::new().await;
        let nothing = Dump::of(&world.stand_in).await;
        let hold = || world.stand_in.faults().set(Fault::new(Action::HoldBefore).at(at));
        if let Some(edit) = edit {
            world.create(start).await;
            world.until_phase("enabled").await;
            hold();
            world.patch(edit).await;
        } else {
            hold();
            world.create(start).await;
        }
        world.stand_in.faults().held().await;
        world.delete().await;
        world.stand_in.faults().clear();
        world.until_gone().await;
        assert_same(&nothing, &Dump::of(&world.stand_in).await);
        assert!(world.secrets().get_opt("analytics-system-account").await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_deletion_with_a_wrong_password_goes_on_once_it_is_right() {
    let world = World::new().await;
    let nothing = Dump::of(&world.stand_in).await;
    world.enabled().await;
    let before = Dump::of(&world.stand_in).await;
    world.put_secret("redshift-admin", world.stand_in.admin_user(), "Wrong1234").await;
    world.delete().await;
    refused(&world, "deletion__wrong_password").await;
    assert_same(&before, &Dump::of(&world.stand_in).await);
    world.put_secret("redshift-admin", world.stand_in.admin_user(), world.stand_in.admin_password()).await;
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn an_admin_who_may_not_remove_all_of_it_begins_nothing() {
    for (mode, case) in [
        (json!({}), "deletion__weak_admin"),
        (json!({"databaseMode": "Existing", "database": "lake"}), "deletion__weak_admin_in_an_existing_database"),
    ] {
        let world = World::new().await;
        let dba = admin(&world.stand_in, "dev").await;
        for statement in ["CREATE USER weak PASSWORD 'Abcd1234'", "CREATE DATABASE lake"] {
            dba.batch_execute(statement).await.unwrap();
        }
        let mut config = with_impersonation()["config"].take();
        merge(&mut config, mode);
        world.create(json!({"config": config})).await;
        world.until_phase("enabled").await;
        let before = Dump::of(&world.stand_in).await;
        world.put_secret("redshift-admin", "weak", "Abcd1234").await;
        world.delete().await;
        let message = said(&refused(&world, case).await, "Stalled");
        assert!(message.contains("nothing was removed"), "{message}");
        assert_same(&before, &Dump::of(&world.stand_in).await);
        world.put_secret("redshift-admin", world.stand_in.admin_user(), world.stand_in.admin_password()).await;
        world.until_gone().await;
        assert_eq!(rows(&dba, "SELECT count(*) FROM pg_user WHERE usename LIKE '%immuta%'").await, ["0"]);
    }
}

#[tokio::test]
async fn whoever_lets_go_after_something_was_lost_is_told_what_is_left() {
    for (lost, case) in
        [("status", "deletion__let_go_after_status_was_lost"), ("secret", "deletion__let_go_after_the_secret_was_lost")]
    {
        let mut world = World::new().await;
        world.create(with_impersonation()).await;
        let object = world.until_phase("enabled").await;
        world.kill_operator();
        let before = Dump::of(&world.stand_in).await;
        if lost == "status" {
            let nothing = Patch::Merge(json!({"status": {"phase": null, "conditions": [], "created": null}}));
            world.api().patch_status("analytics", &PatchParams::default(), &nothing).await.unwrap();
        } else {
            world.secrets().delete("analytics-system-account", &DeleteParams::default()).await.unwrap();
        }
        world.patch(json!({"spec": {"deletionPolicy": "Retain"}})).await;
        world.delete().await;
        world.start_operator();
        world.until_gone().await;
        documented_event(case, &object, &world.until_event("analytics", "Disabled").await);
        assert_same(&before, &Dump::of(&world.stand_in).await);
    }
}
