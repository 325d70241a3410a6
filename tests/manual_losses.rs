//! Manual mode, where the Secret with the passwords is lost: before anything is enabled there are new scripts, afterwards one
//! that sets new passwords; and nobody who has run an old one is left without a way on.

use kube::api::DeleteParams;
use serde_json::json;

use crate::manual::{ACCOUNT, CLAIM, Person, confirms};
use crate::support::{
    Dump, admin, assert_same, conditions, documented, is_current, login, phase_of, run_by_hand, said,
};

impl Person {
    /// The Secret goes. A script of this name that was published is replaced by one with other passwords.
    async fn loses_the_secret(&self, file: &str) {
        let before = self.published().await.remove(file);
        self.world.secrets().delete("analytics-system-account", &DeleteParams::default()).await.unwrap();
        self.until_published(file, |text| before.as_deref() != Some(text)).await;
    }
}

/// Set up by the scripts, and what there was before; behind them one is run that was fetched before account and role got other names.
async fn with_an_old_script_behind() -> (Person, Dump) {
    let config =
        json!({"systemAccount": {"name": "keeper"}, "impersonation": {"enabled": true, "role": "impersonators"}});
    let person = Person::new(config).await;
    let nothing = Dump::of(&person.world.stand_in).await;
    person.until_asked("initial-create.sql").await;
    person.fetch().await;
    let old = person.read("initial-create.sql");
    let now = json!({"systemAccount": {"name": ACCOUNT}, "impersonation": {"role": "acting"}});
    person.world.patch(json!({"spec": {"config": now}})).await;
    person.until_published("initial-create.sql", |text| text.contains(ACCOUNT)).await;
    person.fetch().await;
    // Nobody looks before all of it was run.
    person.world.patch(json!({"spec": {"suspend": true}})).await;
    person.world.until("the suspension was seen", is_current).await;
    person.runs("initial-create.sql").await;
    person.runs("create.sql").await;
    // With a client that goes on after errors.
    person.write("initial-create.sql", &old.replace("ON_ERROR_STOP=1", "ON_ERROR_STOP=0"));
    person.run("initial-create.sql").await;
    (person, nothing)
}

#[tokio::test]
async fn what_an_old_script_has_left_beside_the_new_one_is_dropped_as_the_status_says() {
    let (person, _) = with_an_old_script_behind().await;
    let world = &person.world;
    world.patch(json!({"spec": {"suspend": false}})).await;
    let object = world.until_phase("createError").await;
    documented("manual__an_old_script_was_run", &object, "Stalled");
    let dba = admin(&world.stand_in, "dev").await;
    run_by_hand(&dba, &object).await;
    world.look("1").await;
    assert_eq!(phase_of(&world.get().await), "enabled");
    let left = "SELECT usename FROM pg_user WHERE usename = 'keeper' UNION ALL SELECT role_name FROM svv_roles WHERE role_name = 'impersonators'";
    assert!(dba.query(left, &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_an_old_script_has_left_is_dropped_after_a_removal_as_the_status_says() {
    let (person, nothing) = with_an_old_script_behind().await;
    let world = &person.world;
    world.delete().await;
    person.until_asked("delete.sql").await;
    person.fetch().await;
    person.runs("delete.sql").await;
    person.runs("delete-rest.sql").await;
    person.look().await;
    let object = world.until_phase("deleteError").await;
    documented("manual__an_old_script_was_run_before_the_removal", &object, "Stalled");
    let dba = admin(&world.stand_in, "dev").await;
    run_by_hand(&dba, &object).await;
    world.look("1").await;
    // That both are gone it takes nobody's word for but a person's.
    confirms(&person, "confirm-deleted").await;
    world.until_gone().await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
}

#[tokio::test]
async fn a_secret_that_is_lost_before_anything_is_enabled_leads_to_new_scripts_and_old_ones_are_told() {
    let person = Person::new(json!({})).await;
    let world = &person.world;
    let (nothing, dba) = (Dump::of(&world.stand_in).await, admin(&world.stand_in, "dev").await);
    person.until_asked("initial-create.sql").await;
    person.fetch().await;
    person.loses_the_secret("initial-create.sql").await;
    // Whoever runs the old one has made users that nobody can log in as.
    person.runs("initial-create.sql").await;
    person.look().await;
    let object = person.until_asked("initial-create.sql").await;
    assert!(object.status.as_ref().unwrap().created.is_none());
    assert!(said(&object, "Reconciling").contains("an old script has made them, with passwords that are lost"));
    let before = Dump::of(&world.stand_in).await;
    person.fetch().await;
    let (succeeded, error) = person.run("initial-create.sql").await;
    assert!(!succeeded && error.contains("the database immuta is there already"), "{error}");
    assert_same(&before, &Dump::of(&world.stand_in).await);
    for statement in ["DROP DATABASE immuta", &format!("DROP USER {ACCOUNT}"), &format!("DROP USER {CLAIM}")] {
        dba.batch_execute(statement).await.unwrap();
    }
    person.runs("initial-create.sql").await;
    person.look().await;
    person.until_asked("who runs create.sql").await;

    // The operator has seen that something was begun.
    person.loses_the_secret("initial-create.sql").await;
    let object = person.until_asked("what was begun can't be entered").await;
    documented("manual__the_secret_was_lost_half_way", &object, "Reconciling");
    run_by_hand(&dba, &object).await;
    assert_same(&nothing, &Dump::of(&world.stand_in).await);
    person.sets_up().await;
}

#[tokio::test]
async fn a_secret_that_is_lost_once_enabled_is_made_anew_and_a_person_sets_its_passwords() {
    let person = Person::new(json!({"impersonation": {"enabled": true}})).await;
    let world = &person.world;
    person.sets_up().await;
    let former = world.system_account().await;
    // In the middle of an edit.
    world.patch(json!({"spec": {"config": {"impersonation": {"role": "acting"}}}})).await;
    person.until_asked("edit.sql").await;
    person.loses_the_secret("new-passwords.sql").await;
    let object = person.until_asked("who runs new-passwords.sql").await;
    assert_eq!(phase_of(&object), "recurringValidationError");
    assert_eq!(conditions(&object), ["False", "True", "False"]);
    documented("manual__the_secret_was_lost", &object, "Reconciling");
    assert_eq!(person.published().await.keys().collect::<Vec<_>>(), ["new-passwords.sql"]);
    assert_eq!(person.fetch().await, ["new-passwords.sql"]);
    // Lost once more: the script that was fetched sets passwords of which nobody has a record.
    person.loses_the_secret("new-passwords.sql").await;
    person.runs("new-passwords.sql").await;
    person.look().await;
    person.until_asked("who runs new-passwords.sql").await;
    person.fetch().await;
    person.runs("new-passwords.sql").await;
    person.look().await;
    person.until_asked("the role immuta_impersonation becomes acting").await;
    person.fetch().await;
    person.runs("edit.sql").await;
    person.look().await;
    world.until_phase("enabled").await;
    let now = world.system_account().await;
    assert!(login(&world.stand_in, ACCOUNT, &now["password"], "immuta").await.is_ok());
    assert!(login(&world.stand_in, ACCOUNT, &former["password"], "immuta").await.is_err());
    world.look("again").await;
    assert_eq!(phase_of(&world.get().await), "enabled");

    // Lost, and removed.
    person.loses_the_secret("new-passwords.sql").await;
    person.until_asked("who runs new-passwords.sql").await;
    world.delete().await;
    let object = world.until_phase("deleting").await;
    documented("manual__the_secret_was_lost_and_it_is_to_be_removed", &object, "Reconciling");
    person.fetch().await;
    person.runs("new-passwords.sql").await;
    person.look().await;
    person.until_asked("who runs delete.sql").await;
}
