//! `new-passwords.sql`: where the Secret was lost, a person sets the passwords of the one that was made in its place.

use serde_json::json;

use super::{CLAIM_PASSWORD, PASSWORD, Person, UID};
use crate::support::{admin, login};

const ACCOUNT: &str = "immuta_system_account";
const CLAIM: &str = "redshift_governance_claim";
const NEW_PASSWORD: &str = "Canary-7f3a-of-the-account-anew";
const NEW_CLAIM_PASSWORD: &str = "Canary-7f3a-of-the-claim-anew";

#[tokio::test]
async fn new_passwords_are_set_for_the_users_that_go_with_the_registry_and_for_nobody_else() {
    let person = Person::new(json!({})).await;
    person.set_up().await;
    let stand_in = &person.stand_in;
    let dba = admin(stand_in, "dev").await;
    dba.batch_execute("CREATE USER somebody PASSWORD 'Abcd1234'").await.unwrap();
    let anew = json!({"stringData": {"password": NEW_PASSWORD, "claimPassword": NEW_CLAIM_PASSWORD}});
    person.change("secret.yaml", anew);
    let script = person.script("new-passwords", &[]);
    assert!(script.contains("This file is a credential") && !script.contains("Canary"), "{script}");
    let (user, password) = (stand_in.admin_user(), stand_in.admin_password());
    let as_dba = (user, password);
    person.is_refused_as(&script, as_dba, "dev", "run new-passwords.sql in immuta").await;
    person.is_refused_as(&script, ("somebody", "Abcd1234"), "immuta", "this user is no superuser").await;
    person.is_refused_as(&script.replace(UID, "another"), as_dba, "immuta", "belongs to another integration").await;
    person.change("secret.yaml", json!({"stringData": {"impersonationRole": "acting"}}));
    person
        .is_refused_as(&person.script("new-passwords", &[]), as_dba, "immuta", "it is an old one, fetch it again")
        .await;
    // Somebody has renamed the account, and somebody else has taken its name: his password stays his.
    dba.batch_execute(&format!("ALTER USER {ACCOUNT} RENAME TO renamed")).await.unwrap();
    person.is_refused_as(&script, as_dba, "immuta", "the registry isn't owned by the system account").await;
    dba.batch_execute(&format!("CREATE USER {ACCOUNT} PASSWORD 'Theirs1234'")).await.unwrap();
    person.is_refused_as(&script, as_dba, "immuta", "the registry isn't owned by the system account").await;
    login(stand_in, ACCOUNT, "Theirs1234", "dev").await.unwrap();
    dba.batch_execute(&format!("DROP USER {ACCOUNT}")).await.unwrap();
    dba.batch_execute(&format!("ALTER USER renamed RENAME TO {ACCOUNT}")).await.unwrap();

    // Twice does no harm.
    person.change("secret.yaml", json!({"stringData": {"impersonationRole": "immuta_impersonation"}}));
    assert_eq!(person.script("new-passwords", &[]), script);
    for _ in 0..2 {
        assert_eq!(person.as_its_header_says(&script, user, password).await, (true, String::new()));
    }
    for (name, database, new, old) in
        [(ACCOUNT, "immuta", NEW_PASSWORD, PASSWORD), (CLAIM, "dev", NEW_CLAIM_PASSWORD, CLAIM_PASSWORD)]
    {
        login(stand_in, name, new, database).await.unwrap();
        assert!(login(stand_in, name, old, database).await.is_err(), "{name}");
    }
}
