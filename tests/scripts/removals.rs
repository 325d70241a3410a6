//! `delete.sql`, `delete-rest.sql` and `cleanup.sql`: what is left is what was there before.

use std::sync::Arc;

use redshift_stand_in::{Options, StandIn};
use serde_json::{Value, json};

use super::{Person, UID, step};
use crate::support::{Dump, admin, assert_same};

/// Others' work in a database that was there before, and that stays.
const OF_OTHERS: [&str; 5] = [
    "CREATE SCHEMA sales",
    "CREATE TABLE sales.orders (id INTEGER)",
    "CREATE VIEW public.totals AS SELECT count(*) AS n FROM sales.orders",
    "GRANT SELECT ON public.totals TO PUBLIC",
    "CREATE PROCEDURE public.tidy() AS $$ BEGIN DELETE FROM sales.orders; END; $$ LANGUAGE plpgsql",
];

async fn run(person: &Person, database: &str, statements: &[&str]) {
    let client = admin(&person.stand_in, database).await;
    for statement in statements {
        client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}

/// A list of privileges that was never touched means what a default list says.
fn settled(dump: Dump) -> Dump {
    let explicit = |row: &String| row.replace("{=Tc/awsuser,awsuser=CTc/awsuser}", "");
    Dump(dump.0.into_iter().map(|(key, rows)| (key, rows.iter().map(explicit).collect())).collect())
        .without_lists_of("awsuser")
}

impl Person {
    async fn says(&self, script: &str, database: &str, options: &str, says: &str) {
        let (user, password) = (self.stand_in.admin_user(), self.stand_in.admin_password());
        let (_, said) = self.psql(script, user, password, database, options).await;
        assert!(said.contains(says), "{says}: {said}");
    }

    /// Nothing is changed where it ends at the error.
    async fn is_stopped(&self, script: &str, database: &str, says: &str) {
        let before = self.dump().await;
        self.says(script, database, "-v ON_ERROR_STOP=1", says).await;
        assert_same(&before, &self.dump().await);
    }

    /// Nothing is changed even where the client goes on after an error.
    async fn is_refused(&self, script: &str, database: &str, says: &str) {
        let before = self.dump().await;
        self.says(script, database, "", says).await;
        assert_same(&before, &self.dump().await);
    }

    async fn succeeds(&self, script: &str, database: &str) {
        assert_eq!(self.as_admin(script, database).await, (true, String::new()));
    }

    /// The connection is lost before the end of each step, and again behind it. `repeated` is a step that is done again
    /// where all is begun anew.
    async fn in_pieces(&self, script: &str, database: &str, repeated: usize) {
        let steps = script.matches("\n-- Step ").count();
        for n in 1..=steps {
            let whole = step(script, n);
            if let Some(end) = whole.rfind("COMMIT;") {
                self.succeeds_without_effect(&whole[..end], database).await;
            }
            if n > 1 && n != repeated + 1 {
                let (_, said) = self.as_admin(script, database).await;
                assert!(said.contains(&format!("the line that begins with -- Step {n}")), "{said}");
            }
            self.succeeds(whole, database).await;
        }
    }

    async fn succeeds_without_effect(&self, script: &str, database: &str) {
        let before = self.dump().await;
        self.succeeds(script, database).await;
        assert_same(&before, &self.dump().await);
    }

    async fn ends_with(&self, script: &str, database: &str, says: &str) {
        let said = Self::until_done(script, async |script| self.as_admin(script, database).await).await;
        assert!(said.last().unwrap().contains(says), "{said:?}");
    }
}

#[tokio::test]
async fn a_removal_leaves_what_was_there_before_the_setup() {
    let person = Person::new(json!({})).await;
    let before = settled(person.dump().await);
    person.set_up().await;
    let (delete, rest) = (person.script("delete", &[]), person.script("delete-rest", &[]));
    person.is_refused(&rest, "dev", "run delete.sql to its end first").await;
    person.is_stopped(&rest, "immuta", "run delete-rest.sql in dev").await;
    person.is_stopped(&delete, "dev", "run delete.sql in immuta").await;
    person.is_refused(&delete.replace(UID, "another"), "immuta", "belongs to another integration").await;
    person.change("secret.yaml", json!({"stringData": {"impersonationRole": "acting"}}));
    person
        .is_stopped(&person.script("delete", &[]), "immuta", "something else is set up: this script is an old one")
        .await;
    // What others have made is counted, shown, and lost only if a person says so.
    run(&person, "immuta", &["CREATE SCHEMA sales", "CREATE TABLE sales.orders (id INTEGER)"]).await;
    person.is_refused(&delete, "immuta", "2 of the objects in the database immuta aren't this integration's").await;
    let guard = delete.split("\n\n").find(|statement| statement.starts_with("-- guard-objects-of-others")).unwrap();
    let (question, from) = guard.split_once("\nFROM (").unwrap();
    let list = format!("SELECT * FROM ({from}");
    assert!(question.contains("SELECT * in place of its first line") && delete.matches(guard).count() == 1, "{guard}");
    let objects = crate::support::rows(&admin(&person.stand_in, "immuta").await, list.trim_end_matches(';')).await;
    assert_eq!(objects, ["sales|orders", "sales|"]);
    person.succeeds(&delete.replace(guard, ""), "immuta").await;
    // Once more: it looks again.
    person.is_refused(&delete, "immuta", "2 of the objects").await;
    run(&person, "immuta", &["DROP TABLE sales.orders", "DROP SCHEMA sales"]).await;
    person.succeeds(&delete, "immuta").await;
    person.in_pieces(&rest, "dev", 0).await;
    assert_same(&before, &settled(person.dump().await));
    person.ends_with(&rest, "dev", "nothing is left to do").await;
    assert_same(&before, &settled(person.dump().await));
}

async fn lake() -> (Person, Dump) {
    let stand_in = Arc::new(StandIn::start(Options::default()).await.unwrap());
    let config = json!({"database": "lake", "databaseMode": "Existing", "initialDatabase": "lake"});
    let person = Person::on(stand_in, &config);
    let of_engineer = "GRANT CREATE ON DATABASE lake TO engineer WITH GRANT OPTION";
    run(&person, "dev", &["CREATE DATABASE lake", "CREATE USER engineer PASSWORD 'Abcd1234'", of_engineer]).await;
    run(&person, "lake", &OF_OTHERS).await;
    let before = settled(person.dump().await);
    (person, before)
}

#[tokio::test]
async fn a_removal_from_a_database_of_others_leaves_it_as_it_was() {
    let (person, before) = lake().await;
    person.set_up().await;
    let (delete, rest) = (person.script("delete", &[]), person.script("delete-rest", &[]));
    let dba = "SET SESSION AUTHORIZATION DEFAULT";
    for (made, says, undone) in [
        (
            "CREATE TABLE immuta_functions.notes (a INTEGER)",
            "1 of the objects in the schemas of this integration are others'",
            "DROP TABLE immuta_functions.notes",
        ),
        (
            "CREATE VIEW public.mine AS SELECT immuta__groups FROM immuta_system.user_profile",
            "1 of others' views read this integration's",
            "DROP VIEW public.mine",
        ),
        (
            "GRANT SELECT ON sales.orders TO immuta_system_account",
            "1 of others' objects are owned by the system account immuta_system_account or granted to it",
            "REVOKE ALL ON sales.orders FROM immuta_system_account",
        ),
        (
            "GRANT USAGE ON SCHEMA sales TO ROLE immuta_impersonation",
            "privileges on others' schemas were granted to the role immuta_impersonation",
            "REVOKE ALL ON SCHEMA sales FROM ROLE immuta_impersonation",
        ),
    ] {
        run(&person, "lake", &[dba, made]).await;
        person.is_refused(&delete, "lake", says).await;
        run(&person, "lake", &[undone]).await;
    }
    person.is_refused(step(&delete, 2), "lake", "go back to the line that begins with -- Step 1").await;
    // The mark comes when the objects are gone: the second script drops who owns them.
    person.succeeds(step(&delete, 1), "lake").await;
    person.is_refused(&rest, "lake", "run delete.sql to its end first").await;
    person.in_pieces(&delete, "lake", 1).await;
    person.ends_with(&delete, "lake", "go on with delete-rest.sql").await;
    // What others gave on the database, a superuser's REVOKE leaves.
    let as_engineer = "SET SESSION AUTHORIZATION engineer";
    run(&person, "lake", &[as_engineer, "GRANT CREATE ON DATABASE lake TO immuta_system_account"]).await;
    person.says(&rest, "lake", "-v ON_ERROR_STOP=1", "1 of the databases still have privileges for").await;
    run(&person, "lake", &[as_engineer, "REVOKE CREATE ON DATABASE lake FROM immuta_system_account"]).await;
    person.ends_with(&rest, "lake", "go on from the line that begins with -- Step 3").await;
    assert_same(&before, &settled(person.dump().await));
    person.ends_with(&rest, "lake", "nothing is left to do").await;
}

#[tokio::test]
async fn what_was_only_begun_is_cleaned_up() {
    let person = Person::new(json!({})).await;
    let before = settled(person.dump().await);
    let (cleanup, rest) = (person.script("cleanup", &[]), person.script("delete-rest", &[]));
    // As far as the role: there is no database to look into.
    let initial = person.script("initial-create", &[]);
    person.succeeds(&initial[..initial.find("\n-- Step 4").unwrap()], "dev").await;
    person.ends_with(&rest, "dev", "the database immuta is gone, or was never made: go on from the line").await;
    assert_same(&before, &settled(person.dump().await));
    // As far as the database.
    person.succeeds(&initial, "dev").await;
    person.is_stopped(&person.script("delete", &[]), "immuta", "run cleanup.sql in place of this").await;
    run(&person, "immuta", &["CREATE TABLE public.orders (id INTEGER)"]).await;
    person.is_refused(&cleanup, "immuta", "1 of the objects in the database immuta aren't this integration's").await;
    run(&person, "immuta", &["DROP TABLE public.orders"]).await;
    person.is_refused(&rest, "dev", "or cleanup.sql if nothing was ever set up").await;
    for _ in 0..2 {
        person.succeeds(&cleanup, "immuta").await;
    }
    person.succeeds(&rest, "dev").await;
    assert_same(&before, &settled(person.dump().await));
    // As far as the registry.
    person.succeeds(&initial, "dev").await;
    assert_eq!(person.as_account(step(&person.script("create", &[]), 1)).await, (true, String::new()));
    person.is_stopped(&cleanup, "immuta", "run delete.sql in place of this").await;
    person.succeeds(&person.script("delete", &[]), "immuta").await;
    person.succeeds(&rest, "dev").await;
    assert_same(&before, &settled(person.dump().await));
}

#[tokio::test]
async fn what_was_only_begun_in_a_database_of_others_leaves_it_as_it_was() {
    let (person, before) = lake().await;
    person.succeeds(&person.script("initial-create", &[]), "lake").await;
    run(&person, "lake", &["GRANT SELECT ON sales.orders TO immuta_system_account"]).await;
    let cleanup = person.script("cleanup", &[]);
    person.is_refused(&cleanup, "lake", "are owned by the system account immuta_system_account or granted to it").await;
    run(&person, "lake", &["REVOKE ALL ON sales.orders FROM immuta_system_account"]).await;
    person.succeeds(&cleanup, "lake").await;
    person.succeeds(&person.script("delete-rest", &[]), "lake").await;
    assert_same(&before, &settled(person.dump().await));
}

#[tokio::test]
async fn users_of_another_integration_with_the_same_names_are_left_alone() {
    let person = Person::new(json!({})).await;
    person.set_up().await;
    let ids: Value = json!({"stringData": {"claimUserId": "1", "userId": "2"}});
    person.change("secret.yaml", ids);
    let rest = person.script("delete-rest", &[]);
    person.succeeds(&person.script("delete", &[]), "immuta").await;
    for n in [1, 4, 5] {
        let says = "redshift_governance_claim isn't the one of this integration, which had the id 1";
        person.is_stopped(step(&rest, n), "dev", says).await;
    }
}
