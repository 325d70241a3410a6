//! What an earlier version of the operator has set up, by its own SQL as it was released, is migrated where it stands.

use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use redshift_integration_operator::api::RedshiftIntegration;
use redshift_stand_in::faults::{Action, Fault};
use serde_json::json;
use tokio_postgres::Client;

use crate::support::{Dump, World, admin, assert_same, conditions, login, phase_of, rows};

/// The scripts as version 1 of what is set up was released.
const INITIAL: &str = include_str!("fixtures/schema-1/initial-create.sql");
const MANAGED: &str = include_str!("fixtures/schema-1/create.sql");

const SECRET: &str = "analytics-system-account";
const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The statements of a script, which end a line with a semicolon; procedures hold lines that do, too.
fn statements_of(script: &str) -> Vec<String> {
    let mut statements = Vec::new();
    for part in script.split("\n-- ").skip(1) {
        // The first line of a part is a name, or where it is run.
        let (_, text) = part.split_once('\n').unwrap();
        let text = text.trim();
        if !text.is_empty() {
            statements.push(text.to_owned());
        }
    }
    statements
}

struct Outdated {
    world: World,
    /// What an integration that is set up anew comes to.
    fresh: Dump,
    /// A user who is connected all the time, and reads.
    ann: Client,
}

impl Outdated {
    /// An integration that version 1 has set up, with people in it, and no operator.
    async fn new() -> Self {
        let mut world = World::new().await;
        let object = {
            world.create(json!({"config": {"impersonation": {"enabled": true}}})).await;
            world.until_phase("enabled").await
        };
        let fresh = Dump::of(&world.stand_in).await;
        world.kill_operator();
        world.until_disconnected().await;
        set_up_as_version_1(&world, &object).await;
        let dba = admin(&world.stand_in, "dev").await;
        dba.batch_execute("CREATE USER ann PASSWORD 'Abcd1234'").await.unwrap();
        let account = account(&world).await;
        let row = "INSERT INTO immuta_system.profile VALUES ('ann', 'g', 'a', 'p', getdate())";
        account.batch_execute(row).await.unwrap();
        let ann = login(&world.stand_in, "ann", "Abcd1234", "immuta").await.unwrap();
        Self { world, fresh, ann }
    }

    async fn is_read(&self) {
        let own = "SELECT immuta__userid, immuta__groups FROM immuta_system.user_profile";
        assert_eq!(rows(&self.ann, own).await, ["ann|g"]);
    }

    /// Everything is as in one that was set up anew, and nobody has lost anything.
    async fn is_migrated(&self) -> RedshiftIntegration {
        let object = self.world.until("it is migrated", |object| {
            let status = object.status.as_ref().unwrap();
            phase_of(object) == "enabled" && status.created.as_ref().is_some_and(|it| it.schema_version == 2)
        });
        let object = object.await;
        assert_eq!(conditions(&object), ["True", "False", "False"]);
        self.is_read().await;
        let mut now = Dump::of(&self.world.stand_in).await;
        // The one who is new here.
        for rows in now.0.values_mut() {
            rows.retain(|row| !row.starts_with("ann|"));
        }
        assert_same(&self.fresh, &now);
        object
    }
}

async fn account(world: &World) -> Client {
    let secret = world.system_account().await;
    login(&world.stand_in, &secret["username"], &secret["password"], "immuta").await.unwrap()
}

/// All that is there goes, and the scripts of version 1 are run in its place, as its operator ran them.
async fn set_up_as_version_1(world: &World, object: &RedshiftIntegration) {
    let (secret, uid) = (world.system_account().await, object.uid().unwrap());
    let dba = admin(&world.stand_in, "dev").await;
    let users = ["immuta_system_account", "redshift_governance_claim"];
    dba.batch_execute("DROP DATABASE immuta").await.unwrap();
    dba.batch_execute("DROP ROLE immuta_impersonation FORCE").await.unwrap();
    for user in users {
        dba.batch_execute(&format!("DROP USER {user}")).await.unwrap();
    }
    let filled = |text: &str| {
        text.replace("<md5 of the claim''s password>", &secret["claimPassword"])
            .replace("<md5 of the system account''s password>", &secret["password"])
            .replace("<UID of the resource>", &uid)
            .replace("<state of the registry>", "applying")
            .replace("<a key that is made when it is run>", KEY)
    };
    for statement in statements_of(&filled(INITIAL)) {
        dba.batch_execute(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    let account = account(world).await;
    for statement in statements_of(&filled(MANAGED)) {
        account.batch_execute(&statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
    let truth = world.stand_in.superuser("dev").await.unwrap();
    let mut ids = Vec::new();
    for user in users {
        ids.push(rows(&truth, &format!("SELECT oid FROM pg_roles WHERE rolname = '{user}'")).await.remove(0));
    }
    let patch = json!({"stringData": {"userId": ids[0], "claimUserId": ids[1]}});
    world.secrets().patch(SECRET, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    // It is looked at as soon as there is an operator again.
    let asked_for = json!({"metadata": {"annotations": {"redshift-governance.dev/requestedAt": "now"}}});
    world.api().patch("analytics", &PatchParams::default(), &Patch::Merge(asked_for)).await.unwrap();
    let status = json!({"status": {"created": {"schemaVersion": 1}}});
    world.api().patch_status("analytics", &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
}

#[tokio::test]
async fn what_version_1_has_set_up_is_migrated_without_the_admins_secret_and_nobody_is_disturbed() {
    let mut outdated = Outdated::new().await;
    outdated.is_read().await;
    let secrets = outdated.world.secrets();
    secrets.delete("redshift-admin", &kube::api::DeleteParams::default()).await.unwrap();
    outdated.world.stand_in.journal().clear();
    outdated.world.start_operator();
    outdated.is_migrated().await;
    let (_, _, note) = outdated.world.until_event("analytics", "Migrated").await;
    assert_eq!(note, "migrated from schema version 1 to 2");
    println!("{}", outdated.world.stand_in.journal().statements().join("\n"));
    // Impersonation works as it did: the key is the same.
    let account = account(&outdated.world).await;
    assert_eq!(rows(&account, "SELECT secret FROM immuta_system.impersonation_key").await, [KEY]);
}

#[tokio::test]
async fn a_migration_that_ends_anywhere_is_gone_on_with() {
    let mut outdated = Outdated::new().await;
    for (at, version) in [
        ("LOCK TABLE", "1"),
        ("ADD COLUMN definitions", "1"),
        ("ADD COLUMN claim_user_id", "1"),
        ("SET schema_version", "1"),
        // What is held is sent on, whoever waits for the answer.
        ("COMMIT", "2"),
        ("SET definitions", "2"),
    ] {
        outdated.world.stand_in.faults().set(Fault::new(Action::HoldBefore).at(at));
        outdated.world.start_operator();
        outdated.world.stand_in.faults().held().await;
        outdated.is_read().await;
        outdated.world.kill_operator();
        outdated.world.stand_in.faults().clear();
        // All but ann.
        while outdated.world.stand_in.connections().0 > 1 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        let registry = outdated.world.stand_in.superuser("immuta").await.unwrap();
        let found = rows(&registry, "SELECT schema_version FROM immuta_system.registry").await;
        assert_eq!(found, [version], "killed before {at}");
    }
    outdated.world.start_operator();
    outdated.is_migrated().await;
}
