//! What others do to what is ours: the status names it, and what it says mends it, by a person or by the operator.

use kube::ResourceExt;
use redshift_integration_operator::api::{RedshiftIntegration, ValidationStatus};
use serde_json::json;

use crate::support::{
    Dump, World, admin, assert_same, conditions, documented, login, patience, phase_of, rows, said, statements,
    tests_with,
};

/// Who mends it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mender {
    SystemAccount,
    Superuser,
    /// The statement is long, or holds a secret: the operator alone.
    Operator,
    /// A person, by hand.
    Person,
}

use Mender::{Operator, Person, Superuser, SystemAccount};

const VIEW: &str = "CREATE OR REPLACE VIEW immuta_system.user_profile AS SELECT max(immuta__userid) AS immuta__userid, \
     max(immuta__groups) AS immuta__groups, max(immuta__attributes) AS immuta__attributes, \
     max(immuta__permitted_objects) AS immuta__permitted_objects FROM immuta_system.profile";
const PROCEDURE: &str = "CREATE OR REPLACE PROCEDURE immuta_procedures.impersonate_user(target VARCHAR(128)) AS $$ BEGIN NULL; \
     END; $$ LANGUAGE plpgsql SECURITY DEFINER";
const ROLE_PROCEDURE: &str = "CREATE OR REPLACE PROCEDURE immuta_procedures.grant_impersonation(user_name VARCHAR(128)) AS $$ BEGIN \
     NULL; END; $$ LANGUAGE plpgsql SECURITY DEFINER";

/// What is done by a superuser in the managed database, what the status says of it, and who mends it.
const CHANGES: [(&str, &str, Mender); 23] = [
    (
        "GRANT SELECT ON immuta_system.profile TO PUBLIC",
        "PUBLIC has privileges on immuta_system.profile",
        SystemAccount,
    ),
    (
        "REVOKE SELECT ON immuta_system.user_profile FROM PUBLIC",
        "PUBLIC can't read immuta_system.user_profile",
        SystemAccount,
    ),
    (
        "GRANT UPDATE ON immuta_system.user_profile TO PUBLIC",
        "PUBLIC has privileges on immuta_system.user_profile",
        SystemAccount,
    ),
    (
        "REVOKE USAGE ON SCHEMA immuta_functions FROM PUBLIC",
        "PUBLIC can't use the schema immuta_functions",
        SystemAccount,
    ),
    (
        "GRANT CREATE ON SCHEMA immuta_system TO PUBLIC",
        "everybody may create objects in the schema immuta_system",
        SystemAccount,
    ),
    ("GRANT CREATE ON DATABASE immuta TO PUBLIC", "everybody may create schemas in the database immuta", SystemAccount),
    ("GRANT SELECT ON immuta_system.profile TO bob", "bob has privileges on immuta_system.profile", SystemAccount),
    (
        "GRANT CREATE ON SCHEMA immuta_procedures TO bob",
        "bob has privileges on the schema immuta_procedures",
        SystemAccount,
    ),
    (
        "GRANT EXECUTE ON PROCEDURE immuta_procedures.impersonate_user(VARCHAR) TO PUBLIC",
        "everybody may call immuta_procedures.impersonate_user",
        SystemAccount,
    ),
    (
        "GRANT EXECUTE ON PROCEDURE immuta_procedures.grant_impersonation(VARCHAR) TO ROLE immuta_impersonation",
        "immuta_impersonation has privileges on the procedure immuta_procedures.grant_impersonation",
        SystemAccount,
    ),
    (
        "GRANT EXECUTE ON PROCEDURE immuta_procedures.grant_impersonation(VARCHAR) TO bob",
        "bob has privileges on the procedure immuta_procedures.grant_impersonation",
        SystemAccount,
    ),
    (VIEW, "the view immuta_system.user_profile has another text", Operator),
    ("DROP VIEW immuta_system.user_profile", "relation immuta_system.user_profile is missing", Operator),
    (PROCEDURE, "the procedure immuta_procedures.impersonate_user has another text", Operator),
    (ROLE_PROCEDURE, "the procedure immuta_procedures.grant_impersonation has another text", Operator),
    (
        "DROP PROCEDURE immuta_procedures.impersonate_user(VARCHAR)",
        "procedure immuta_procedures.impersonate_user is missing",
        Operator,
    ),
    ("DELETE FROM immuta_system.impersonation_key", "there are 0 keys instead of one", Operator),
    ("UPDATE immuta_system.impersonation_key SET secret = 'known'", "there are 0 keys instead of one", Operator),
    (
        "ALTER TABLE immuta_system.user_profile OWNER TO awsuser",
        "immuta_system.user_profile belongs to somebody else",
        Superuser,
    ),
    (
        "ALTER SCHEMA immuta_functions OWNER TO awsuser",
        "the schema immuta_functions belongs to somebody else",
        Superuser,
    ),
    (
        "ALTER PROCEDURE immuta_procedures.impersonate_user(VARCHAR) OWNER TO awsuser",
        "the procedure immuta_procedures.impersonate_user belongs to somebody else",
        Superuser,
    ),
    (
        "ALTER TABLE immuta_system.profile ADD COLUMN more INTEGER",
        "the columns of immuta_system.profile were changed",
        Person,
    ),
    ("DROP TABLE immuta_system.registry_lock", "relation immuta_system.registry_lock is missing", Person),
];

/// What harms nobody: it gives no more than everybody has.
const HARMLESS: [&str; 2] =
    ["GRANT SELECT ON immuta_system.user_profile TO bob", "GRANT USAGE ON SCHEMA immuta_system TO bob"];

/// A world with an integration that has impersonation, and a user `bob`.
struct Scene {
    world: World,
    requests: u32,
}

impl Scene {
    async fn new(repair: bool) -> Self {
        let world = World::new().await;
        let impersonation = json!({"impersonation": {"enabled": true}});
        world.create(json!({"repair": repair, "config": impersonation})).await;
        world.until_phase("enabled").await;
        admin(&world.stand_in, "dev").await.batch_execute("CREATE USER bob PASSWORD 'Abcd1234'").await.unwrap();
        Self { world, requests: 0 }
    }

    /// What there is.
    async fn warehouse(&self) -> Dump {
        Dump::of(&self.world.stand_in).await.without_lists_of("immuta_system_account")
    }

    async fn superuser_does(&self, statement: &str) {
        admin(&self.world.stand_in, "immuta").await.batch_execute(statement).await.unwrap();
    }

    /// What a look says that is asked for now.
    async fn look(&mut self) -> RedshiftIntegration {
        self.requests += 1;
        self.world.look(&self.requests.to_string()).await
    }

    /// Waits for the event about a repair.
    async fn until_told(&self, note: &str) {
        let told = async {
            while !self.world.events("analytics").await.iter().any(|event| event.1 == "Repaired" && event.2 == note) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(patience(), told).await.unwrap_or_else(|_| panic!("no event tells: {note}"));
    }
}

fn failures(object: &RedshiftIntegration) -> Vec<String> {
    tests_with(object, ValidationStatus::Failed).into_values().collect()
}

#[tokio::test]
async fn whatever_is_changed_of_ours_is_named_and_what_the_status_says_mends_it() {
    let mut scene = Scene::new(false).await;
    for harmless in HARMLESS {
        scene.superuser_does(harmless).await;
        assert_eq!(phase_of(&scene.look().await), "enabled", "{harmless}");
        scene.superuser_does(&harmless.replace("GRANT", "REVOKE").replace(" TO ", " FROM ")).await;
    }
    let before = scene.warehouse().await;
    for (change, what, mender) in CHANGES {
        if mender == Person {
            continue;
        }
        scene.superuser_does(change).await;
        let object = scene.look().await;
        assert_eq!(failures(&object), [what], "{change}");
        assert_eq!(conditions(&object), ["False", "False", "True"], "{change}");
        println!("{change}\n    {}", said(&object, "Stalled").replace('\n', "\n    "));
        if mender == Operator {
            assert!(said(&object, "Stalled").contains("with spec.repair set to true"), "{change}");
            scene.world.patch(json!({"spec": {"repair": true}})).await;
            let object = scene.world.until_phase("enabled").await;
            assert_eq!(conditions(&object), ["True", "False", "False"], "{change}");
            scene.world.patch(json!({"spec": {"repair": false}})).await;
        } else {
            for (_, statement) in statements(&object) {
                scene.superuser_does(&statement).await;
            }
        }
        assert_eq!(phase_of(&scene.look().await), "enabled", "{change}");
        assert_same(&before, &scene.warehouse().await);
    }
    for (change, what, mender) in CHANGES {
        if mender == Person {
            scene.superuser_does(change).await;
            let failures = failures(&scene.look().await);
            assert!(failures.iter().any(|failure| failure.contains(what)), "{change}: {failures:?}");
        }
    }
}

#[tokio::test]
async fn with_repair_it_is_mended_at_the_next_look_and_an_event_tells_of_it() {
    let mut scene = Scene::new(true).await;
    let before = scene.warehouse().await;
    for (change, what, mender) in CHANGES {
        if mender == Person {
            continue;
        }
        scene.superuser_does(change).await;
        let object = scene.look().await;
        assert_eq!(conditions(&object), ["True", "False", "False"], "{change}: {}", said(&object, "Stalled"));
        assert_same(&before, &scene.warehouse().await);
        scene.until_told(&format!("{what}: mended")).await;
    }
    // All at once, those that need a superuser too.
    let mut several = Vec::new();
    for (change, what, mender) in CHANGES {
        if mender != Person && !what.contains("missing") && !what.contains("keys") {
            several.push(change);
        }
    }
    scene.world.kill_operator();
    scene.superuser_does(&several.join("; ")).await;
    scene.world.start_operator();
    let object = scene.look().await;
    assert_eq!(conditions(&object), ["True", "False", "False"], "{}", said(&object, "Stalled"));
    assert_same(&before, &scene.warehouse().await);
}

#[tokio::test]
async fn what_only_a_superuser_can_mend_is_told_once_the_admins_secret_is_gone_and_the_rest_is_mended() {
    let mut scene = Scene::new(true).await;
    scene.world.secrets().delete("redshift-admin", &kube::api::DeleteParams::default()).await.unwrap();
    scene.superuser_does("GRANT SELECT ON immuta_system.profile TO PUBLIC").await;
    scene.superuser_does("ALTER SCHEMA immuta_functions OWNER TO awsuser").await;
    let object = scene.look().await;
    assert_eq!(failures(&object), ["the schema immuta_functions belongs to somebody else"]);
    documented("drift__owner_changed_and_no_superuser", &object, "Stalled");
    scene.until_told("PUBLIC has privileges on immuta_system.profile: mended").await;
    // Who is no superuser can't either.
    scene.superuser_does("CREATE USER lesser PASSWORD 'Abcd1234' CREATEDB").await;
    scene.superuser_does("GRANT ROLE sys:secadmin TO lesser").await;
    scene.world.put_secret("redshift-admin", "lesser", "Abcd1234").await;
    assert_eq!(failures(&scene.look().await), ["the schema immuta_functions belongs to somebody else"]);
    let (user, password) = (scene.world.stand_in.admin_user(), scene.world.stand_in.admin_password());
    scene.world.put_secret("redshift-admin", user, password).await;
    assert_eq!(phase_of(&scene.look().await), "enabled");
}

const RENAME: &str = "ALTER USER immuta_system_account RENAME TO somebody";
const RENAMED: &str = "the system account immuta_system_account was renamed to somebody";

#[tokio::test]
async fn an_account_that_was_renamed_is_named_back_with_a_superusers_credentials() {
    let mut scene = Scene::new(true).await;
    let before = scene.warehouse().await;
    let secret = scene.world.system_account().await;
    let counter = "SELECT CAST(fencing_counter AS VARCHAR(20)) FROM immuta_system.registry";
    let dba = admin(&scene.world.stand_in, "immuta").await;
    let changes = rows(&dba, counter).await[0].parse::<i64>().unwrap();
    // An edit that comes with it waits for the name: here it is the one that the account has got.
    for (turn, name) in [(1, None), (2, None), (3, Some("somebody"))] {
        scene.superuser_does(RENAME).await;
        if let Some(name) = name {
            scene.world.patch(json!({"spec": {"config": {"systemAccount": {"name": name}}}})).await;
            scene.world.until_phase("enabled").await;
            login(&scene.world.stand_in, name, &scene.world.system_account().await["password"], "immuta")
                .await
                .unwrap();
            scene.world.patch(json!({"spec": {"config": {"systemAccount": null}}})).await;
            scene.world.until_phase("enabled").await;
        } else {
            let object = scene.look().await;
            assert_eq!(conditions(&object), ["True", "False", "False"], "{}", said(&object, "Stalled"));
            assert_eq!(rows(&dba, counter).await, [(changes + turn).to_string()], "behind the lock");
            assert_eq!(scene.world.system_account().await, secret);
        }
        assert_same(&before, &scene.warehouse().await);
    }
    scene.until_told(&format!("{RENAMED}: mended")).await;
    let (user, password) = (secret["username"].as_str(), secret["password"].as_str());
    login(&scene.world.stand_in, user, password, "immuta").await.unwrap_err();
    // Whoever does it again and again is left alone.
    scene.superuser_does(RENAME).await;
    let object = scene.look().await;
    assert!(said(&object, "Stalled").contains("so that it is left alone for a day"), "{}", said(&object, "Stalled"));
}

#[tokio::test]
async fn an_account_that_was_renamed_is_told_where_it_is_not_named_back_and_what_the_status_says_does_it() {
    let mut scene = Scene::new(false).await;
    let before = scene.warehouse().await;
    scene.superuser_does(RENAME).await;
    let object = scene.look().await;
    documented("drift__account_renamed", &object, "Stalled");
    assert!(failures(&object)[0].starts_with(RENAMED));
    let password = format!("'{}'", scene.world.system_account().await["password"]);
    for (_, statement) in statements(&object) {
        scene.superuser_does(&statement.replace("'…'", &password)).await;
    }
    assert_eq!(phase_of(&scene.look().await), "enabled");
    assert_same(&before, &scene.warehouse().await);

    // With `repair`, nobody but a superuser names it back.
    scene.world.patch(json!({"spec": {"repair": true}})).await;
    scene.world.until_phase("enabled").await;
    scene.world.secrets().delete("redshift-admin", &kube::api::DeleteParams::default()).await.unwrap();
    scene.superuser_does(RENAME).await;
    documented("drift__account_renamed_and_no_superuser", &scene.look().await, "Stalled");
    scene.superuser_does("CREATE USER lesser PASSWORD 'Abcd1234' CREATEDB").await;
    scene.superuser_does("GRANT ROLE sys:secadmin TO lesser").await;
    scene.world.put_secret("redshift-admin", "lesser", "Abcd1234").await;
    let object = scene.look().await;
    assert!(said(&object, "Stalled").starts_with(RENAMED), "{}", said(&object, "Stalled"));
    // Nor is it, while somebody else has its name.
    scene.superuser_does("CREATE USER immuta_system_account PASSWORD 'Abcd1234'").await;
    let (user, password) = (scene.world.stand_in.admin_user(), scene.world.stand_in.admin_password());
    scene.world.put_secret("redshift-admin", user, password).await;
    let object = scene.look().await;
    assert!(said(&object, "Stalled").contains("another user has the name"), "{}", said(&object, "Stalled"));
    scene.superuser_does("DROP USER immuta_system_account; DROP USER lesser").await;
    assert_eq!(phase_of(&scene.look().await), "enabled");
    assert_same(&before, &scene.warehouse().await);
    scene.until_told(&format!("{RENAMED}: mended")).await;
}

#[tokio::test]
async fn what_is_changed_again_and_again_is_left_alone_for_a_day() {
    let mut scene = Scene::new(true).await;
    let change = "GRANT SELECT ON immuta_system.profile TO PUBLIC";
    for _ in 0..3 {
        scene.superuser_does(change).await;
        assert_eq!(phase_of(&scene.look().await), "enabled");
    }
    scene.superuser_does(change).await;
    scene.superuser_does("REVOKE USAGE ON SCHEMA immuta_functions FROM PUBLIC").await;
    let object = scene.look().await;
    documented("drift__fought_over", &object, "Stalled");
    assert_eq!(failures(&object), ["PUBLIC has privileges on immuta_system.profile"], "anything else is mended");
    for (_, query) in statements(&object).into_iter().filter(|(_, statement)| statement.starts_with("SELECT")) {
        rows(&admin(&scene.world.stand_in, "immuta").await, &query).await;
    }
    // The statement that the status gives mends it all the same.
    let (_, statement) = statements(&object).remove(0);
    scene.superuser_does(&statement).await;
    assert_eq!(phase_of(&scene.look().await), "enabled");
}

#[tokio::test]
async fn a_claim_that_was_dropped_or_is_anothers_is_told_and_others_work_is_never_touched() {
    let mut scene = Scene::new(true).await;
    let dba = admin(&scene.world.stand_in, "dev").await;
    dba.batch_execute("DROP USER redshift_governance_claim").await.unwrap();
    let object = scene.look().await;
    documented("drift__claim_dropped", &object, "Stalled");
    dba.batch_execute("CREATE USER redshift_governance_claim PASSWORD 'Abcd1234'").await.unwrap();
    let object = scene.look().await;
    documented("drift__claim_of_another", &object, "Stalled");
    assert_eq!(object.uid(), scene.world.get().await.uid());
    // A table of others in one of our schemas, and a grant on it, are none of ours.
    scene.superuser_does("CREATE TABLE immuta_system.notes (id INTEGER)").await;
    scene.superuser_does("GRANT SELECT ON immuta_system.notes TO bob").await;
    let before = scene.warehouse().await;
    scene.look().await;
    assert_same(&before, &scene.warehouse().await);
}
