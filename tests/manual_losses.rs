//! Manual mode, where the Secret with the passwords is lost: before anything is enabled there are new scripts, and nobody
//! who has run an old one is left without a way on.

use kube::api::DeleteParams;
use serde_json::json;

use crate::manual::{ACCOUNT, CLAIM, Person};
use crate::support::{Dump, admin, assert_same, documented, said, statements};

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
