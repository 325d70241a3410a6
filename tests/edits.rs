//! Edits of an integration that is set up: what changes, what stays, and what is said.

use kube::api::DeleteParams;
use redshift_integration_operator::api::{RedshiftIntegration, ValidationStatus};
use redshift_stand_in::faults::{Action, Fault};
use serde_json::{Value, json};

use crate::support::{
    Dump, World, admin, assert_same, condition, conditions, documented, login, makes_a_lesser_admin, rows, said,
    tests_with,
};

async fn config(world: &World, edit: Value) -> RedshiftIntegration {
    world.patch(json!({"spec": {"config": edit}})).await
}

fn impersonation(enabled: bool, role: &str) -> Value {
    json!({"impersonation": {"enabled": enabled, "role": role}})
}

/// What a warehouse is when it is set up so from the start.
async fn fresh(changes: Value) -> Dump {
    let world = World::new().await;
    world.create(json!({"config": changes})).await;
    world.until_phase("enabled").await;
    Dump::of(&world.stand_in).await
}

async fn notes(world: &World, reason: &str) -> Vec<String> {
    world.events("analytics").await.into_iter().filter(|event| event.1 == reason).map(|event| event.2).collect()
}

#[tokio::test]
async fn impersonation_is_switched_on_and_off() {
    let mut world = World::new().await;
    world.enabled().await;
    let without = Dump::of(&world.stand_in).await;
    config(&world, impersonation(true, "immuta_impersonation")).await;
    let object = world.until_phase("enabled").await;
    assert_eq!(conditions(&object), ["True", "False", "False"]);
    assert_eq!(object.status.unwrap().created.unwrap().impersonation_role.unwrap(), "immuta_impersonation");
    assert_same(&fresh(impersonation(true, "immuta_impersonation")).await, &Dump::of(&world.stand_in).await);
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER ann PASSWORD 'Abcd1234'").await.unwrap();
    dba.batch_execute("GRANT ROLE immuta_impersonation TO ann").await.unwrap();

    config(&world, impersonation(false, "immuta_impersonation")).await;
    let object = world.until_phase("enabled").await;
    assert!(object.status.unwrap().created.unwrap().impersonation_role.is_none());
    dba.batch_execute("DROP USER ann").await.unwrap();
    assert_same(&without, &Dump::of(&world.stand_in).await);
    world.operator.as_mut().unwrap().until_all_is_told().await;
    let said = notes(&world, "Edited").await;
    assert_eq!(said[0], "impersonation is switched on, with the role immuta_impersonation");
    assert!(said[1].contains("switched off") && said[1].contains("its members: ann"), "{said:?}");
    assert_eq!(notes(&world, "Editing").await, said);
}

#[tokio::test]
async fn a_renamed_role_keeps_its_members() {
    let world = World::new().await;
    world.create(json!({"config": impersonation(true, "one")})).await;
    world.until_phase("enabled").await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER ann PASSWORD 'Abcd1234'").await.unwrap();
    dba.batch_execute("GRANT ROLE one TO ann").await.unwrap();
    config(&world, impersonation(true, "other")).await;
    world.until_phase("enabled").await;
    let ann = login(&world.stand_in, "ann", "Abcd1234", "immuta").await.unwrap();
    ann.batch_execute("CALL immuta_procedures.impersonate_user('bob')").await.unwrap();
    assert_eq!(rows(&dba, "SELECT role_name FROM svv_roles WHERE role_name IN ('one', 'other')").await, ["other"]);
    // In place: no statement made a role or dropped one.
    let statements = world.stand_in.journal().statements();
    assert_eq!(statements.iter().filter(|text| text.starts_with("CREATE ROLE")).count(), 1);
    assert!(!statements.iter().any(|text| text.starts_with("DROP ROLE")));
    world.until_event("analytics", "Edited").await;
    assert!(notes(&world, "Edited").await[0].contains("its members: ann"));
    drop(ann);
    dba.batch_execute("DROP USER ann").await.unwrap_or_else(|error| panic!("{error:?}"));
    assert_same(&fresh(impersonation(true, "other")).await, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_lesser_admin_replaces_the_role_and_moves_its_members() {
    let world = World::new().await;
    makes_a_lesser_admin(&world).await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({"config": impersonation(true, "one")})).await;
    world.until_phase("enabled").await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER ann PASSWORD 'Abcd1234'").await.unwrap();
    dba.batch_execute("CREATE ROLE deputies").await.unwrap();
    let secret = world.secrets().get("analytics-system-account").await.unwrap();
    let password = String::from_utf8(secret.data.unwrap()["password"].0.clone()).unwrap();
    let account = login(&world.stand_in, "immuta_system_account", &password, "immuta").await.unwrap();
    account.batch_execute("GRANT ROLE one TO ann WITH ADMIN OPTION").await.unwrap();
    account.batch_execute("GRANT ROLE one TO ROLE deputies").await.unwrap();
    drop(account);
    config(&world, impersonation(true, "other")).await;
    world.until_phase("enabled").await;
    let members = "SELECT user_name, admin_option FROM svv_user_grants WHERE role_name = 'other' ORDER BY 1";
    assert_eq!(
        rows(&dba, members).await,
        ["ann|t", "immuta_system_account|t", "lesser|t"]
            .into_iter()
            .filter(|row| !row.starts_with("lesser"))
            .collect::<Vec<_>>()
    );
    assert_eq!(
        rows(&dba, "SELECT role_name FROM svv_role_grants WHERE granted_role_name = 'other'").await,
        ["deputies"]
    );
    assert!(rows(&dba, "SELECT role_name FROM svv_roles WHERE role_name = 'one'").await.is_empty());
    world.delete().await;
    world.until_gone().await;
    dba.batch_execute("DROP USER ann").await.unwrap();
    dba.batch_execute("DROP ROLE deputies").await.unwrap();
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_role_whose_members_cannot_be_listed_is_not_replaced() {
    let world = World::new().await;
    makes_a_lesser_admin(&world).await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("REVOKE ACCESS SYSTEM TABLE FROM ROLE makers").await.unwrap();
    world.create(json!({"config": impersonation(true, "one")})).await;
    world.until_phase("enabled").await;
    let before = Dump::of(&world.stand_in).await;
    config(&world, impersonation(true, "other")).await;
    let object = world.until_phase("editError").await;
    assert_eq!(conditions(&object), ["True", "False", "True"]);
    let message = &said(&object, "Stalled");
    assert!(message.contains("members can't be listed") && message.contains("superuser"), "{message}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_new_name_that_stayed_without_its_password_is_explained() {
    let world = World::new().await;
    world.enabled().await;
    // AWS doesn't document that the renaming is rolled back with its transaction.
    world.stand_in.faults().set(Fault::new(Action::DropBefore).at("ALTER USER \"governor\" PASSWORD"));
    world.stand_in.faults().set(Fault::new(Action::CommitAnyway).at("ALTER USER \"immuta_system_account\" RENAME"));
    config(&world, json!({"systemAccount": {"name": "governor"}})).await;
    let is_refused =
        |object: &RedshiftIntegration| said(object, "Stalled").contains("ALTER USER \"governor\" PASSWORD");
    let object = world.until("what to do is said", is_refused).await;
    let message = &said(&object, "Stalled");
    assert!(message.contains("the nextPassword in the Secret analytics-system-account"), "{message}");
    let secret = world.secrets().get("analytics-system-account").await.unwrap();
    let password = String::from_utf8(secret.data.unwrap()["nextPassword"].0.clone()).unwrap();
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute(&format!("ALTER USER \"governor\" PASSWORD '{password}'")).await.unwrap();
    world.until_phase("enabled").await;
    assert_same(&fresh(json!({"systemAccount": {"name": "governor"}})).await, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn the_system_account_is_renamed_and_goes_on_working() {
    for lesser in [false, true] {
        let world = World::new().await;
        if lesser {
            makes_a_lesser_admin(&world).await;
        }
        world.enabled().await;
        let id = "SELECT usesysid FROM pg_user WHERE usename = 'immuta_system_account'";
        let dba = admin(&world.stand_in, "immuta").await;
        let before = rows(&dba, id).await;
        config(&world, json!({"systemAccount": {"name": "governor"}})).await;
        let object = world.until_phase("enabled").await;
        assert_eq!(object.status.unwrap().created.unwrap().system_account, "governor");
        let secret = world.secrets().get("analytics-system-account").await.unwrap();
        let data = secret.data.unwrap();
        let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
        assert_eq!(text("username"), "governor");
        assert!(!data.contains_key("nextUsername") && !data.contains_key("nextPassword"));
        login(&world.stand_in, "governor", &text("password"), "immuta").await.unwrap();
        assert_eq!(rows(&dba, "SELECT usesysid FROM pg_user WHERE usename = 'governor'").await, before);
        assert_eq!(rows(&dba, "SELECT system_account FROM immuta_system.registry").await, ["governor"]);
        drop(dba);
        world.delete().await;
        world.until_gone().await;
    }
}

#[tokio::test]
async fn an_edit_that_needs_no_sql_runs_none() {
    let world = World::new().await;
    world.enabled().await;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    for edit in [
        json!({"validationInterval": "30m"}),
        json!({"deletionPolicy": "Retain"}),
        json!({"config": {"initialDatabase": "REDSHIFT_SAMPLE_DATA"}}),
        json!({"config": {"credentialsSecretRef": {"name": "another"}}}),
        json!({"config": {"tls": {"mode": "VerifyCa"}}}),
        json!({"config": {"impersonation": {"role": "unused"}}}),
    ] {
        let statements = world.stand_in.journal().statements().len();
        world.patch(json!({"spec": edit})).await;
        world.until_phase("enabled").await;
        let ran = world.stand_in.journal().statements().split_off(statements);
        assert!(
            ran.iter().all(|text| ["SELECT", "SHOW"].iter().any(|verb| text.trim_start().starts_with(verb))),
            "{ran:#?}"
        );
    }
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_new_address_counts_only_when_our_registry_is_there() {
    let world = World::new().await;
    world.enabled().await;
    let other = redshift_stand_in::StandIn::start(redshift_stand_in::Options::default()).await.unwrap();
    world.put_ca("other-ca", &format!("{}\n{}", world.stand_in.ca_pem(), other.ca_pem())).await;
    let tls = json!({"caBundleRef": {"kind": "ConfigMap", "name": "other-ca"}});
    config(&world, json!({"port": other.port(), "tls": tls})).await;
    let object = world.until_phase("editError").await;
    assert_eq!(condition(&object, "Ready").status, "True");
    assert_eq!(object.status.as_ref().unwrap().created.as_ref().unwrap().port, world.stand_in.port());
    assert!(said(&object, "Stalled").contains("leads to another warehouse"), "{:?}", condition(&object, "Stalled"));
    config(&world, json!({"port": world.stand_in.port()})).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn the_admin_secret_is_asked_for_when_it_is_needed() {
    let world = World::new().await;
    world.enabled().await;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    config(&world, impersonation(true, "immuta_impersonation")).await;
    let object = world.until_phase("editError").await;
    assert_eq!(conditions(&object), ["True", "False", "True"]);
    let message = &said(&object, "Stalled");
    assert!(message.contains("needs the credentials that set things up") && message.contains("kubectl"), "{message}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    world.put_secret("redshift-admin", "awsuser", world.stand_in.admin_password()).await;
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn an_edit_that_is_taken_back_before_it_ran_leaves_no_trace() {
    let world = World::new().await;
    let enabled = world.enabled().await;
    let before = Dump::of(&world.stand_in).await;
    let secret = world.secrets().get("analytics-system-account").await.unwrap().data;
    world.secrets().delete("redshift-admin", &DeleteParams::default()).await.unwrap();
    config(&world, json!({"impersonation": {"enabled": true}, "systemAccount": {"name": "governor"}})).await;
    world.until_phase("editError").await;
    config(&world, json!({"impersonation": {"enabled": false}, "systemAccount": {"name": "immuta_system_account"}}))
        .await;
    let object = world.until_phase("enabled").await;
    assert_eq!(object.status.unwrap().created, enabled.status.unwrap().created);
    assert_eq!(world.secrets().get("analytics-system-account").await.unwrap().data, secret);
    assert_same(&before, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_taken_name_is_refused_and_the_former_state_works_on() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE ROLE taken").await.unwrap();
    dba.batch_execute("CREATE USER occupied PASSWORD 'Abcd1234'").await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    config(&world, json!({"impersonation": {"enabled": true, "role": "taken"}, "systemAccount": {"name": "occupied"}}))
        .await;
    let object = world.until_phase("editError").await;
    assert_eq!(conditions(&object), ["True", "False", "True"]);
    let failed = tests_with(&object, ValidationStatus::Failed);
    assert_eq!(failed.len(), 2, "{failed:?}");
    assert!(failed["Validate Automatic Bootstrap: Impersonation Role Does Not Exist"].contains("taken"));
    assert!(failed["Validate Automatic Bootstrap: System Account Does Not Exist"].contains("occupied"));
    assert_same(&before, &Dump::of(&world.stand_in).await);
    config(&world, json!({"impersonation": {"role": "free"}, "systemAccount": {"name": "vacant"}})).await;
    let object = world.until_phase("enabled").await;
    assert!(tests_with(&object, ValidationStatus::Failed).is_empty());
}

#[tokio::test]
async fn a_role_that_others_use_is_not_dropped() {
    let world = World::new().await;
    world.create(json!({"config": impersonation(true, "acting")})).await;
    world.until_phase("enabled").await;
    let dba = admin(&world.stand_in, "redshift_sample_data").await;
    dba.batch_execute("CREATE TABLE sales (id INTEGER)").await.unwrap();
    dba.batch_execute("GRANT SELECT ON sales TO ROLE acting").await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    config(&world, impersonation(false, "acting")).await;
    let object = world.until_phase("editError").await;
    let message = &said(&object, "Stalled");
    assert!(message.contains("redshift_sample_data: the role acting has SELECT on public.sales"), "{message}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    dba.batch_execute("REVOKE SELECT ON sales FROM ROLE acting").await.unwrap();
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn what_a_failed_edit_added_is_taken_away_again() {
    for lesser in [false, true] {
        let world = World::new().await;
        if lesser {
            makes_a_lesser_admin(&world).await;
        }
        world.enabled().await;
        let before = Dump::of(&world.stand_in).await;
        let refuse = Action::Refuse { sqlstate: "XX000".into(), message: "it is refused".into() };
        world
            .stand_in
            .faults()
            .set(Fault::new(refuse).at("PROCEDURE immuta_procedures.grant_impersonation").times(1_000));
        config(&world, json!({"impersonation": {"enabled": true}, "systemAccount": {"name": "governor"}})).await;
        let object = world
            .until("the edit has failed", |object| {
                crate::support::phase_of(object) == "editError" && said(object, "Stalled").contains("it is refused")
            })
            .await;
        assert_eq!(condition(&object, "Ready").status, "True");
        assert!(object.status.unwrap().created.unwrap().next.is_none());
        assert_same(&before, &Dump::of(&world.stand_in).await);
        world.stand_in.faults().clear();
        world.until_phase("enabled").await;
    }
}

#[tokio::test]
async fn an_edit_during_a_failing_creation_mends_it() {
    let world = World::new().await;
    let refuse = Action::Refuse { sqlstate: "XX000".into(), message: "it is refused".into() };
    world.stand_in.faults().set(Fault::new(refuse).at("CREATE TABLE immuta_system.profile").times(1_000));
    world.create(json!({"config": impersonation(true, "one")})).await;
    world
        .until("the creation is stuck", |object| {
            object.status.as_ref().is_some_and(|status| status.created.is_some())
                && said(object, "Ready").contains("it is refused")
        })
        .await;
    config(&world, json!({"impersonation": {"role": "other"}, "systemAccount": {"name": "governor"}})).await;
    world.stand_in.faults().clear();
    world.until_phase("enabled").await;
    let wanted = json!({"impersonation": {"enabled": true, "role": "other"}, "systemAccount": {"name": "governor"}});
    assert_same(&fresh(wanted).await, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn an_edit_during_an_edit_is_taken_up_when_that_ends() {
    let world = World::new().await;
    world.enabled().await;
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("CREATE ROLE"));
    config(&world, impersonation(true, "one")).await;
    world.stand_in.faults().held().await;
    let object = world.get().await;
    assert_eq!(crate::support::phase_of(&object), "editing");
    assert_eq!(conditions(&object), ["True", "True", "False"]);
    config(&world, impersonation(true, "other")).await;
    world.stand_in.faults().clear();
    let object = world.until_phase("enabled").await;
    assert_eq!(object.status.unwrap().created.unwrap().impersonation_role.unwrap(), "other");
    assert_same(&fresh(impersonation(true, "other")).await, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn what_another_version_of_the_operator_has_set_up_is_not_touched() {
    let world = World::new().await;
    world.enabled().await;
    let dba = admin(&world.stand_in, "immuta").await;
    for (version, case) in [(4, "version__newer"), (0, "version__older")] {
        dba.batch_execute(&format!("UPDATE immuta_system.registry SET schema_version = {version}")).await.unwrap();
        let before = Dump::of(&world.stand_in).await;
        config(&world, impersonation(version == 4, "immuta_impersonation")).await;
        let object = world.until_phase("migrateError").await;
        assert_eq!(conditions(&object), ["True", "False", "True"], "what is set up works on");
        documented(case, &object, "Stalled");
        assert_same(&before, &Dump::of(&world.stand_in).await);
    }
    dba.batch_execute("UPDATE immuta_system.registry SET schema_version = 2").await.unwrap();
    config(&world, impersonation(true, "immuta_impersonation")).await;
    world.until_phase("enabled").await;
}
