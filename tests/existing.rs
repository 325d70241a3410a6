//! `databaseMode: Existing`: what was there before is exactly there after the removal.

use kube::api::DeleteParams;
use redshift_integration_operator::api::ValidationStatus;
use redshift_stand_in::Options;
use redshift_stand_in::faults::{Action, Fault};
use serde_json::{Value, json};

use crate::support::{
    Dump, World, admin, assert_same, condition, conditions, documented, login, makes_a_lesser_admin, rows, said,
    statements, tests_with,
};

fn existing() -> Value {
    json!({"config": {"databaseMode": "Existing", "database": "lake", "initialDatabase": "lake"}})
}

/// A warehouse with a database in which others are at work.
async fn lake() -> World {
    let world = World::with(Options::default()).await;
    let dba = admin(&world.stand_in, "dev").await;
    for statement in [
        "CREATE DATABASE lake",
        "CREATE USER analyst PASSWORD 'Abcd1234'",
        "CREATE USER engineer PASSWORD 'Abcd1234'",
        "CREATE GROUP readers",
        "CREATE ROLE stewards",
        "GRANT ROLE stewards TO analyst",
        "GRANT CREATE ON DATABASE lake TO engineer WITH GRANT OPTION",
    ] {
        dba.batch_execute(statement).await.unwrap();
    }
    let dba = admin(&world.stand_in, "lake").await;
    for statement in [
        "CREATE SCHEMA spectrum AUTHORIZATION engineer",
        "CREATE TABLE spectrum.orders (id INTEGER, total DECIMAL(10,2))",
        "CREATE TABLE public.customers (id INTEGER, name VARCHAR(64))",
        "CREATE VIEW public.totals AS SELECT sum(total) AS total FROM spectrum.orders",
        "GRANT USAGE ON SCHEMA spectrum TO GROUP readers",
        "GRANT SELECT ON spectrum.orders TO ROLE stewards",
        "GRANT SELECT ON public.totals TO PUBLIC",
        "ALTER DEFAULT PRIVILEGES FOR USER engineer IN SCHEMA spectrum GRANT SELECT ON TABLES TO GROUP readers",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO analyst",
        "CREATE PROCEDURE public.tidy() AS $$ BEGIN DELETE FROM public.customers; END; $$ LANGUAGE plpgsql",
        "GRANT EXECUTE ON PROCEDURE public.tidy() TO engineer",
    ] {
        dba.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    world
}

/// A list of privileges that was never touched means what a default list says.
fn settled(dump: Dump) -> Dump {
    let explicit = |row: &String| row.replace("{=Tc/awsuser,awsuser=CTc/awsuser}", "");
    Dump(dump.0.into_iter().map(|(key, rows)| (key, rows.iter().map(explicit).collect())).collect())
}

#[tokio::test]
async fn what_was_there_before_is_exactly_there_after_the_removal() {
    let world = lake().await;
    let before = settled(Dump::of(&world.stand_in).await);
    world.create(existing()).await;
    let object = world.until_phase("enabled").await;
    assert_eq!(conditions(&object), ["True", "False", "False"]);
    let skipped = tests_with(&object, ValidationStatus::Skipped);
    assert!(skipped.contains_key("Validate Automatic Bootstrap: Immuta Database Does Not Exist"), "{skipped:?}");
    let passed = tests_with(&object, ValidationStatus::Passed);
    assert!(passed.contains_key("Validate Automatic Bootstrap: Immuta Database Exists"), "{passed:?}");
    assert_eq!(passed["Validate System Account: Collation Is Case-Sensitive"], "case_sensitive");
    // Others go on as if nothing had happened.
    let analyst = login(&world.stand_in, "analyst", "Abcd1234", "lake").await.unwrap();
    assert_eq!(rows(&analyst, "SELECT total FROM public.totals").await, [""]);
    assert_eq!(rows(&analyst, "SELECT * FROM immuta_system.user_profile").await, Vec::<String>::new());
    // With every edit in between.
    for edit in [
        json!({"impersonation": {"enabled": true}}),
        json!({"impersonation": {"role": "acting"}}),
        json!({"systemAccount": {"name": "governor"}}),
        json!({"impersonation": {"enabled": false}}),
        json!({"impersonation": {"enabled": true, "role": "acting_again"}}),
    ] {
        world.patch(json!({"spec": {"config": edit}})).await;
        world.until_phase("enabled").await;
    }
    world.delete().await;
    world.until_gone().await;
    assert_same(&before, &settled(Dump::of(&world.stand_in).await));
    let note = world.until_event("analytics", "Deleted").await.2;
    assert!(note.contains("this integration's schemas in the database lake"), "{note}");
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let world = World::new().await;
    let before = Dump::of(&world.stand_in).await;
    world.create(json!({"config": {"databaseMode": "Existing", "database": "lake"}})).await;
    let object = world.until_phase("createError").await;
    let failed = tests_with(&object, ValidationStatus::Failed);
    let message = &failed["Validate Automatic Bootstrap: Immuta Database Exists"];
    assert!(message.contains("there is no database lake"), "{message}");
    assert!(said(&object, "Ready").contains("databaseMode to Create"), "{}", said(&object, "Ready"));
    assert_same(&before, &Dump::of(&world.stand_in).await);
    admin(&world.stand_in, "dev").await.batch_execute("CREATE DATABASE lake").await.unwrap();
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn a_schema_of_our_name_stands_in_the_way() {
    let world = lake().await;
    let dba = admin(&world.stand_in, "lake").await;
    dba.batch_execute("CREATE SCHEMA immuta_functions").await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    world.create(existing()).await;
    let object = world.until_phase("createError").await;
    let failed = tests_with(&object, ValidationStatus::Failed);
    let message = &failed["Validate Automatic Bootstrap: Immuta Database Exists"];
    assert!(message.contains("it has a schema immuta_functions already"), "{message}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    dba.batch_execute("DROP SCHEMA immuta_functions").await.unwrap();
    world.until_phase("enabled").await;
}

#[tokio::test]
async fn what_others_built_on_ours_stops_the_removal() {
    let world = lake().await;
    world.create(existing()).await;
    world.until_phase("enabled").await;
    let dba = admin(&world.stand_in, "lake").await;
    dba.batch_execute("CREATE VIEW public.mine AS SELECT immuta__groups FROM immuta_system.user_profile")
        .await
        .unwrap();
    dba.batch_execute("CREATE TABLE immuta_functions.notes (a INTEGER)").await.unwrap();
    let before = Dump::of(&world.stand_in).await;
    world.delete().await;
    let object = world.until_phase("deleteError").await;
    let message = &said(&object, "Stalled");
    assert!(message.contains("lake: the view public.mine reads this integration's"), "{message}");
    assert!(message.contains("lake: relation immuta_functions.notes"), "{message}");
    documented("deletion__others_views_on_ours_and_objects_in_our_schemas", &object, "Stalled");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    dba.batch_execute("DROP VIEW public.mine").await.unwrap();
    dba.batch_execute("DROP TABLE immuta_functions.notes").await.unwrap();
    world.until_gone().await;
}

#[tokio::test]
async fn a_removal_that_the_server_refuses_half_way_is_taken_back() {
    let world = lake().await;
    let before = settled(Dump::of(&world.stand_in).await);
    world.create(existing()).await;
    world.until_phase("enabled").await;
    let dba = admin(&world.stand_in, "lake").await;
    // Behind both looks, and behind the record of the point of no return.
    world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("DROP VIEW immuta_system.user_profile"));
    world.delete().await;
    world.stand_in.faults().held().await;
    assert!(world.get().await.status.unwrap().deletion.unwrap().point_of_no_return);
    dba.batch_execute("CREATE VIEW public.mine AS SELECT immuta__groups FROM immuta_system.user_profile")
        .await
        .unwrap();
    world.stand_in.faults().clear();
    let object = world.until("it is told", |object| condition(object, "Ready").reason == "DropRefused").await;
    let message = &said(&object, "Ready");
    assert!(message.contains("what this integration has in the database lake was not dropped"), "{message}");
    assert!(object.status.unwrap().deletion.is_none());
    assert_eq!(rows(&dba, "SELECT state FROM immuta_system.registry").await, ["complete"]);
    // The next look names what stands in the way.
    world.until("it is listed", |object| said(object, "Ready").contains("the view public.mine")).await;
    dba.batch_execute("DROP VIEW public.mine").await.unwrap();
    world.until_gone().await;
    assert_same(&before, &settled(Dump::of(&world.stand_in).await));
}

#[tokio::test]
async fn the_owner_of_the_database_is_enough() {
    let world = World::new().await;
    let dba = admin(&world.stand_in, "dev").await;
    for statement in [
        "CREATE USER keeper PASSWORD 'Abcd1234'",
        "CREATE DATABASE lake OWNER keeper",
        "CREATE ROLE makers",
        "GRANT CREATE USER, DROP USER TO ROLE makers",
        "GRANT ROLE makers TO keeper",
    ] {
        dba.batch_execute(statement).await.unwrap();
    }
    let before = settled(Dump::of(&world.stand_in).await);
    world.put_secret("redshift-admin", "keeper", "Abcd1234").await;
    world.create(existing()).await;
    world.until_phase("enabled").await;
    world.delete().await;
    world.until_gone().await;
    let owned = |dump: Dump| {
        let plain = |row: &String| row.replace("{=Tc/keeper,keeper=CTc/keeper}", "");
        Dump(dump.0.into_iter().map(|(key, rows)| (key, rows.iter().map(plain).collect())).collect())
    };
    assert_same(&owned(before), &owned(settled(Dump::of(&world.stand_in).await)));
}

#[tokio::test]
async fn who_may_not_pass_the_right_on_is_told_which_statement_helps() {
    let world = lake().await;
    let dba = admin(&world.stand_in, "dev").await;
    dba.batch_execute("CREATE USER weak PASSWORD 'Abcd1234'").await.unwrap();
    world.put_secret("redshift-admin", "weak", "Abcd1234").await;
    world.create(existing()).await;
    let object = world.until_phase("createError").await;
    let failed = tests_with(&object, ValidationStatus::Failed);
    assert!(
        failed.contains_key("Validate Automatic Bootstrap: Setup Account Has The Required Privileges"),
        "{failed:?}"
    );
    let message = said(&object, "Ready");
    assert!(message.contains("GRANT ALL PRIVILEGES ON DATABASE \"lake\" TO \"weak\" WITH GRANT OPTION"), "{message}");
    world.api().delete("analytics", &DeleteParams::default()).await.unwrap();
    world.until_gone().await;
}

#[tokio::test]
async fn a_superuser_removes_what_a_lesser_account_has_set_up() {
    let world = lake().await;
    lesser_admin(&world).await;
    let before = settled(Dump::of(&world.stand_in).await);
    world.put_secret("redshift-admin", "lesser", "Abcd1234").await;
    world.create(existing()).await;
    world.until_phase("enabled").await;
    world.put_secret("redshift-admin", world.stand_in.admin_user(), world.stand_in.admin_password()).await;
    world.delete().await;
    world.until_gone().await;
    assert_same(&before, &settled(Dump::of(&world.stand_in).await));
}

#[tokio::test]
async fn a_lesser_account_is_told_what_to_revoke_before_it_removes_what_a_superuser_has_set_up() {
    let world = lake().await;
    lesser_admin(&world).await;
    world.create(existing()).await;
    world.until_phase("enabled").await;
    let before = Dump::of(&world.stand_in).await;
    world.put_secret("redshift-admin", "lesser", "Abcd1234").await;
    world.delete().await;
    let object =
        world.until("the statement is there", |object| condition(object, "Stalled").reason == "RevokeFirst").await;
    let message = &said(&object, "Stalled");
    let statement = "in the database lake, as awsuser or a superuser: REVOKE ALL PRIVILEGES ON DATABASE \"lake\" FROM \"immuta_system_account\"";
    assert!(message.contains(statement), "{message}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    let dba = admin(&world.stand_in, "lake").await;
    dba.batch_execute("REVOKE ALL PRIVILEGES ON DATABASE lake FROM immuta_system_account").await.unwrap();
    world.until_gone().await;
}

/// An account that may set things up in the database without being its owner.
async fn lesser_admin(world: &World) {
    let dba = admin(&world.stand_in, "dev").await;
    for statement in [
        "CREATE USER lesser PASSWORD 'Abcd1234'",
        "CREATE ROLE makers",
        "GRANT CREATE USER, DROP USER, ACCESS SYSTEM TABLE TO ROLE makers",
        "GRANT ROLE makers TO lesser",
        "GRANT ALL PRIVILEGES ON DATABASE lake TO lesser WITH GRANT OPTION",
    ] {
        dba.batch_execute(statement).await.unwrap();
    }
}

#[tokio::test]
async fn what_cannot_be_proven_ours_is_removed_by_the_statements_of_the_message() {
    let mut world = lake().await;
    let before = settled(Dump::of(&world.stand_in).await);
    let mut spec = existing();
    spec["config"]["impersonation"] = json!({"enabled": true});
    world.create(spec).await;
    world.until_phase("enabled").await;
    world.kill_operator();
    world.secrets().delete("analytics-system-account", &DeleteParams::default()).await.unwrap();
    makes_a_lesser_admin(&world).await;
    world.delete().await;
    world.start_operator();
    let object = world.until_phase("deleteError").await;
    assert_eq!(condition(&object, "Stalled").reason, "ProofLost");
    documented("lost__secret_in_an_existing_database_and_no_superuser", &object, "Stalled");
    let (dba, in_lake) = (admin(&world.stand_in, "dev").await, admin(&world.stand_in, "lake").await);
    for (description, statement) in statements(&object) {
        let session = if description.contains("in the database lake") { &in_lake } else { &dba };
        let done = session.batch_execute(&statement).await;
        done.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    world.until_gone().await;
    dba.batch_execute("DROP USER lesser").await.unwrap();
    dba.batch_execute("DROP ROLE makers").await.unwrap();
    assert_same(&before, &settled(Dump::of(&world.stand_in).await));
}

#[tokio::test]
async fn what_the_system_account_may_no_longer_do_in_it_is_told_and_what_others_may_is_theirs() {
    let world = lake().await;
    world.create(existing()).await;
    world.until_phase("enabled").await;
    let before = Dump::of(&world.stand_in).await;
    let dba = admin(&world.stand_in, "lake").await;
    // It was everybody's before, and can be again.
    dba.batch_execute("GRANT CREATE ON DATABASE lake TO PUBLIC").await.unwrap();
    assert_eq!(conditions(&world.look("1").await), ["True", "False", "False"]);
    dba.batch_execute("REVOKE CREATE ON DATABASE lake FROM PUBLIC").await.unwrap();
    dba.batch_execute("REVOKE CREATE ON DATABASE lake FROM immuta_system_account").await.unwrap();
    let object = world.look("2").await;
    let failed = tests_with(&object, ValidationStatus::Failed);
    let what = "immuta_system_account may not create schemas in the database lake";
    assert_eq!(failed.into_values().collect::<Vec<_>>(), [what]);
    let mends: Vec<_> = statements(&object).into_iter().map(|(_, statement)| statement).collect();
    assert_eq!(mends, [r#"GRANT ALL PRIVILEGES ON DATABASE "lake" TO "immuta_system_account""#]);
    for mend in mends {
        dba.batch_execute(&mend).await.unwrap();
    }
    assert_eq!(conditions(&world.look("3").await), ["True", "False", "False"]);
    assert_same(&settled(before), &settled(Dump::of(&world.stand_in).await));
}
