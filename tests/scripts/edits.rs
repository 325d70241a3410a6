//! `edit.sql`: from what is applied to what is wanted.

use serde_json::json;

use super::{PASSWORD, Person, UID};
use crate::support::{admin, assert_same, login, rows};

const NEXT_PASSWORD: &str = "Canary-7f3a-of-the-new-name";

impl Person {
    /// The script for another manifest.
    fn edit(&self, config: &serde_json::Value) -> String {
        self.change("integration.yaml", json!({"spec": {"config": config}}));
        self.script("edit", &[])
    }

    async fn as_edited(&self, script: &str) {
        let (user, password) = (self.stand_in.admin_user(), self.stand_in.admin_password());
        let (succeeded, said) = self.as_its_header_says(script, user, password).await;
        assert!(succeeded && !said.contains("ERROR"), "{said}");
    }
}

#[tokio::test]
async fn edits_lead_to_what_a_creation_would_have_led_to() {
    let person = Person::new(json!({})).await;
    person.set_up().await;
    let dba = admin(&person.stand_in, "dev").await;
    dba.batch_execute("CREATE USER member PASSWORD 'Abcd1234'; GRANT ROLE immuta_impersonation TO member")
        .await
        .unwrap();
    // The role is renamed, and its members stay.
    person.as_edited(&person.edit(&json!({"impersonation": {"role": "acting"}}))).await;
    let members = "SELECT role_name FROM svv_user_grants WHERE user_name = 'member'";
    assert_eq!(rows(&dba, members).await, ["acting"]);
    // Impersonation goes.
    person.change("secret.yaml", json!({"stringData": {"impersonationRole": "acting"}}));
    person.as_edited(&person.edit(&json!({"impersonation": {"enabled": false}}))).await;
    dba.batch_execute("DROP USER member").await.unwrap();
    // It comes back, for a role that has the former name of the account.
    let secret = json!({"stringData": {
        "impersonationRole": null, "nextUsername": "governor", "nextPassword": NEXT_PASSWORD,
    }});
    person.change("secret.yaml", secret);
    let config = json!({
        "impersonation": {"enabled": true, "role": "immuta_system_account"}, "systemAccount": {"name": "governor"},
    });
    let script = person.edit(&config);
    assert!(
        script.contains("is switched on, for the role immuta_system_account") && !script.contains("Canary"),
        "{script}"
    );
    person.as_edited(&script).await;
    let anew = Person::new(config).await;
    anew.change(
        "secret.yaml",
        json!({"stringData": {"username": "governor", "impersonationRole": "immuta_system_account"}}),
    );
    let (user, password) = (anew.stand_in.admin_user(), anew.stand_in.admin_password());
    assert!(anew.as_its_header_says(&anew.script("initial-create", &[]), user, password).await.0);
    assert!(anew.as_its_header_says(&anew.script("create", &[]), user, PASSWORD).await.0);
    assert_same(&anew.dump().await, &person.dump().await);
    let account = login(&person.stand_in, "governor", NEXT_PASSWORD, "immuta").await.unwrap();
    assert_eq!(rows(&account, "SELECT len(secret) FROM immuta_system.impersonation_key").await, ["64"]);
}

#[tokio::test]
async fn an_edit_that_is_done_or_old_or_run_in_the_wrong_way_changes_nothing() {
    let person = Person::new(json!({})).await;
    person.set_up().await;
    let dba = admin(&person.stand_in, "dev").await;
    dba.batch_execute("CREATE USER somebody PASSWORD 'Abcd1234'").await.unwrap();
    let other = person.edit(&json!({"impersonation": {"role": "acting"}}));
    let edit = person.edit(&json!({"impersonation": {"enabled": false}}));
    let dba = (person.stand_in.admin_user(), person.stand_in.admin_password());
    let somebody = ("somebody", "Abcd1234");
    person.is_refused_as(&edit, dba, "dev", "run edit.sql in immuta").await;
    person.is_refused_as(&edit, somebody, "immuta", "this user is no superuser").await;
    person.is_refused_as(&edit.replace(UID, "another"), dba, "immuta", "belongs to another integration").await;
    // In the middle of the transaction, and between the steps.
    let cut = edit.find("-- become-admin").unwrap();
    let before = person.dump().await;
    assert!(person.as_admin(&edit[..cut], "immuta").await.0);
    assert_same(&before, &person.dump().await);
    person
        .is_refused_as(super::from_step(&edit, 2), dba, "immuta", "go back to the line that begins with -- Step 1")
        .await;
    let first = &edit[..edit.find("\n-- Step 2").unwrap()];
    assert_eq!(person.as_admin(first, "immuta").await, (true, String::new()));
    let said = Person::until_done(&edit, async |script| person.as_admin(script, "immuta").await).await;
    assert!(said.len() == 1 && said[0].contains("all of this is there already"), "{said:?}");
    // Once more, and one that was made before.
    let said = Person::until_done(&edit, async |script| person.as_admin(script, "immuta").await).await;
    assert!(said[1].contains("the role immuta_impersonation is gone already: nothing is left to do"), "{said:?}");
    person.is_refused_as(&other, dba, "immuta", "it is an old one, fetch it again").await;
}

#[tokio::test]
async fn what_cannot_be_edited_is_said_by_the_command_line() {
    let person = Person::new(json!({})).await;
    let said = |which: &str, more: &[&str]| {
        let output = person.print(which, more);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said("edit", &[]).contains("there is nothing to edit"));
    assert!(said("delete", &["--lesser-admin"]).contains("leave out --lesser-admin"));
    person.change("integration.yaml", json!({"spec": {"config": {"systemAccount": {"name": "governor"}}}}));
    let said = said("edit", &[]);
    assert!(said.contains("no password for the name governor") && said.contains("`nextPassword`"), "{said}");
    for which in ["edit", "new-passwords", "delete-rest", "cleanup"] {
        let output = std::process::Command::new(super::BINARY)
            .args(["scripts", which, "-f"])
            .arg(person.path("integration.yaml"))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("as --system-account-secret") && output.stdout.is_empty(), "{said}");
    }
}
