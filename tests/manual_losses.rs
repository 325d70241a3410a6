//! Manual mode, where the Secret with the passwords is lost: before anything is enabled there are new scripts, afterwards one
//! that sets new passwords; and nobody who has run an old one is left without a way on.

use kube::api::DeleteParams;
use serde_json::json;

use crate::manual::{ACCOUNT, CLAIM, Person};
use crate::support::{Dump, admin, assert_same, conditions, documented, login, phase_of, said, statements};

impl Person {
    /// The Secret goes. A script of this name that was published is replaced by one with other passwords.
    async fn loses_the_secret(&self, file: &str) {
        let before = self.published().await.remove(file);
        self.world.secrets().delete("analytics-system-account", &DeleteParams::default()).await.unwrap();
        loop {
            let now = self.published().await.remove(file);
            if now.is_some() && now != before {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
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
    for (_, statement) in statements(&object) {
        dba.batch_execute(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
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
