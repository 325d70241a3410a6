//! Policy-enforced views, as those who work with them see them: who registers a table, who says who is who, and who reads.

use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use redshift_stand_in::faults::{Action, Fault};
use redshift_stand_in::journal::Event;
use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::{World, admin, documented, documented_dependent, login, rows, try_rows};

const READ: &str = "SELECT order_id, customer FROM sales.orders ORDER BY 1";
const NOBODY: [&str; 0] = [];

/// A warehouse with a table in another database, people who read, and an integration that makes views.
struct Town {
    world: World,
    raw: Client,
}

impl Town {
    async fn new() -> Self {
        let world = World::new().await;
        let raw = admin(&world.stand_in, "dev").await;
        let town = Self { world, raw };
        town.raw("CREATE SCHEMA sales").await;
        town.raw("CREATE TABLE sales.orders (order_id BIGINT, customer VARCHAR(64), region VARCHAR(8))").await;
        town.raw("INSERT INTO sales.orders VALUES (1, 'Ann', 'EU'), (2, 'Bob', 'US')").await;
        for user in ["bob", "carol", "dave"] {
            town.raw(&format!("CREATE USER {user} PASSWORD 'Abcd1234'")).await;
        }
        town.raw("CREATE ROLE analysts").await;
        town.raw("GRANT ROLE analysts TO bob").await;
        town.raw("GRANT ROLE analysts TO carol").await;
        town.world.create(json!({"config": {"policyViews": {"enabled": true}}})).await;
        town.world
            .until("its views can be made", |object| {
                object.status.as_ref().and_then(|it| it.created.as_ref()).is_some_and(|it| it.schema_version == 3)
            })
            .await;
        town
    }

    /// The system account may read what is in a schema, whoever makes it.
    async fn open_raw(&self) {
        self.raw("GRANT USAGE ON SCHEMA sales TO immuta_system_account").await;
        self.raw("GRANT SELECT FOR TABLES IN SCHEMA sales TO immuta_system_account").await;
    }

    async fn raw(&self, sql: &str) {
        self.raw.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    fn api(&self, kind: &str) -> Api<DynamicObject> {
        self.world.api_of(kind)
    }

    async fn create(&self, kind: &str, name: &str, spec: Value) {
        self.create_for("analytics", kind, name, spec).await;
    }

    async fn create_for(&self, integration: &str, kind: &str, name: &str, mut spec: Value) {
        spec["integrationRef"] = json!({"name": integration});
        let object = json!({
            "apiVersion": "redshift-governance.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec,
        });
        let object = serde_json::from_value(object).unwrap();
        self.api(kind).create(&PostParams::default(), &object).await.unwrap();
    }

    async fn patch(&self, kind: &str, name: &str, patch: Value) {
        self.api(kind).patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    }

    async fn delete(&self, kind: &str, name: &str) {
        self.api(kind).delete(name, &DeleteParams::default()).await.unwrap();
    }

    async fn put_files(&self, name: &str, files: Value) {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"profiles": "hr"}}, "data": files});
        let api: Api<ConfigMap> = Api::namespaced(self.world.client.clone(), &self.world.namespace);
        let params = PatchParams::apply("test").force();
        api.patch(name, &params, &Patch::Apply(map)).await.unwrap();
    }

    /// Waits until the condition `Ready` of a resource has this status and reason for what it says now; gives its message.
    async fn until_ready(&self, kind: &str, name: &str, status: &str, reason: &str) -> String {
        let api = self.api(kind);
        let mut seen = Value::Null;
        for _ in 0..3_000 {
            let Some(object) = api.get_opt(name).await.unwrap() else { panic!("there is no {kind} {name}") };
            seen = object.data["status"].clone();
            let is_current = seen["observedGeneration"].as_i64() == object.metadata.generation;
            let ready = seen["conditions"].as_array().into_iter().flatten().find(|it| it["type"] == "Ready");
            if let Some(ready) = ready
                && is_current
                && ready["status"] == status
                && ready["reason"] == reason
            {
                return ready["message"].as_str().unwrap().to_owned();
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("{kind} {name} isn't {status} {reason} but {seen:#}\n{}", self.world.log());
    }

    /// The same, for the manual: what this condition says, and what can be done.
    async fn document(&self, case: &str, kind: &str, name: &str, type_: &str, reason: &str) {
        self.until_ready(kind, name, "False", reason).await;
        documented_dependent(case, &self.api(kind).get(name).await.unwrap(), type_);
    }

    /// Waits until a resource says just this of itself.
    async fn until_says(&self, kind: &str, name: &str, message: &str) {
        while self.until_ready(kind, name, "True", "Enforced").await != message {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Waits until a resource is stalled for this reason.
    async fn until_stalled(&self, kind: &str, name: &str, reason: &str) {
        let is_stalled = |object: &DynamicObject| {
            let conditions = object.data["status"]["conditions"].as_array();
            conditions.into_iter().flatten().any(|it| it["type"] == "Stalled" && it["reason"] == reason)
        };
        while !is_stalled(&self.api(kind).get(name).await.unwrap()) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    /// Waits for an event of a resource.
    async fn until_told(&self, name: &str, note: &str) {
        while !self.world.events(name).await.iter().any(|(_, _, told)| told == note) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn until_gone(&self, kind: &str, name: &str) {
        while self.api(kind).get_opt(name).await.unwrap().is_some() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn log_in(&self, user: &str) -> Client {
        login(&self.world.stand_in, user, "Abcd1234", "immuta").await.unwrap()
    }

    /// What somebody sees, or the code of the error.
    async fn seen(&self, user: &str, sql: &str) -> Vec<String> {
        let seen = try_rows(&self.log_in(user).await, sql).await;
        seen.unwrap_or_else(|error| vec![error.code().unwrap().code().to_owned()])
    }

    async fn until_seen(&self, user: &str, sql: &str, expected: &[&str]) {
        let mut seen = Vec::new();
        for _ in 0..1_000 {
            seen = self.seen(user, sql).await;
            if seen == expected {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
        panic!("{user} sees {seen:?} and not {expected:?}: {}", self.world.log());
    }
}

fn orders(changes: Value) -> Value {
    let mut spec = json!({
        "table": {"schema": "sales", "name": "orders"},
        "columns": [{"name": "order_id"}, {"name": "customer"}],
        "subscription": {"restriction": "Entitlements", "entitlements": {"groups": ["staff"]}},
        "grantSelectTo": [{"role": "analysts"}],
    });
    crate::support::merge(&mut spec, changes);
    spec
}

#[tokio::test]
async fn who_is_subscribed_sees_a_registered_table_and_nobody_else_does_whatever_becomes_of_the_table() {
    let town = Town::new().await;
    town.create("RedshiftDataSource", "orders", orders(json!({}))).await;
    // Nobody has let the system account read it yet.
    let said = town.until_ready("RedshiftDataSource", "orders", "False", "AccessMissing").await;
    assert!(said.starts_with("immuta_system_account can't read dev.sales.orders"), "{said}");
    town.document("view__access_missing", "RedshiftDataSource", "orders", "Ready", "AccessMissing").await;
    town.open_raw().await;
    let said = town.until_ready("RedshiftDataSource", "orders", "True", "Enforced").await;
    assert_eq!(said, "sales.orders shows dev.sales.orders");

    // In no profile, in one, in two.
    town.put_files("hr", json!({"users.csv": "user,groups,attributes\nbob,staff,region=EU\ndave,staff,\n"})).await;
    town.create(
        "RedshiftUserProfileSource",
        "hr",
        json!({"configMaps": {"selector": {"matchLabels": {"profiles": "hr"}}}}),
    )
    .await;
    let said = town.until_ready("RedshiftUserProfileSource", "hr", "True", "Applied").await;
    assert_eq!(said, "2 users have profiles from 1 file");
    assert_eq!(town.seen("bob", READ).await, ["1|Ann", "2|Bob"]);
    assert_eq!(town.seen("carol", READ).await, NOBODY);
    assert_eq!(town.seen("dave", READ).await, ["42501"]);
    town.create("RedshiftUserProfile", "carol", json!({"user": "carol", "groups": ["staff"]})).await;
    town.until_ready("RedshiftUserProfile", "carol", "True", "Applied").await;
    assert_eq!(town.seen("carol", READ).await.len(), 2);
    town.create("RedshiftUserProfile", "bob", json!({"user": "bob", "groups": ["staff"]})).await;
    let said = town.until_ready("RedshiftUserProfile", "bob", "False", "DuplicateUser").await;
    assert!(said.contains("RedshiftUserProfileSource hr: hr/users.csv, line 2"), "{said}");
    town.document("profile__a_user_who_is_named_twice", "RedshiftUserProfile", "bob", "Ready", "DuplicateUser").await;
    town.until_seen("bob", READ, &NOBODY).await;
    town.delete("RedshiftUserProfile", "bob").await;
    town.until_seen("bob", READ, &["1|Ann", "2|Bob"]).await;

    // As dbt builds a table anew; a column comes, and shows nothing until it is listed.
    town.raw("BEGIN").await;
    town.raw("CREATE TABLE sales.orders_tmp AS SELECT *, 'secret' AS note FROM sales.orders").await;
    town.raw("DROP TABLE sales.orders CASCADE").await;
    town.raw("ALTER TABLE sales.orders_tmp RENAME TO orders").await;
    town.raw("COMMIT").await;
    assert_eq!(town.seen("bob", READ).await, ["1|Ann", "2|Bob"]);
    // A change of anything has it looked at.
    town.patch(
        "RedshiftDataSource",
        "orders",
        json!({"spec": {"columns": [{"name": "order_id"}, {"name": "customer"}, {"name": "region"}]}}),
    )
    .await;
    let all = "SELECT * FROM sales.orders ORDER BY 1";
    town.until_seen("bob", all, &["1|Ann|EU|", "2|Bob|US|"]).await;

    // Who may read, changed; and who isn't in the group any more.
    town.patch("RedshiftDataSource", "orders", json!({"spec": {"grantSelectTo": [{"user": "dave"}]}})).await;
    town.until_seen("bob", READ, &["42501"]).await;
    assert_eq!(town.seen("dave", READ).await.len(), 2);
    town.put_files("hr", json!({"users.csv": "user,groups,attributes\nbob,staff,region=EU\ndave,,\n"})).await;
    town.until_seen("dave", READ, &NOBODY).await;

    // The view goes with the resource, and its schema with it.
    town.delete("RedshiftDataSource", "orders").await;
    town.until_gone("RedshiftDataSource", "orders").await;
    let managed = admin(&town.world.stand_in, "immuta").await;
    assert_eq!(rows(&managed, "SELECT nspname FROM pg_namespace WHERE nspname = 'sales'").await, NOBODY);
}

async fn sources_of_profiles_say_what_is_wrong_with_them(town: &Town, managed: &Client) {
    town.create("RedshiftUserProfileSource", "hr", json!({"configMaps": {"names": ["hr"]}})).await;
    town.document("profile__a_config_map_that_is_missing", "RedshiftUserProfileSource", "hr", "Ready", "FilesMissing")
        .await;
    let header = "user,groups,attributes\n";
    town.put_files("hr", json!({"users.csv": "user,groups\nbob,staff\n"})).await;
    town.document("profile__a_file_that_cannot_be_read", "RedshiftUserProfileSource", "hr", "Ready", "FilesUnreadable")
        .await;
    town.put_files("hr", json!({"users.csv": format!("{header}bob,staff,\ncarol,staff,\ndave,,\n")})).await;
    town.until_ready("RedshiftUserProfileSource", "hr", "True", "Applied").await;
    town.put_files("hr", json!({"users.csv": format!("{header}bob,staff,\n")})).await;
    town.until_stalled("RedshiftUserProfileSource", "hr", "RemovalUnconfirmed").await;
    let object = town.api("RedshiftUserProfileSource").get("hr").await.unwrap();
    documented_dependent("profile__many_users_gone_at_once", &object, "Stalled");
    assert_eq!(
        rows(managed, "SELECT immuta__userid FROM immuta_system.profile ORDER BY 1").await,
        ["bob", "carol", "dave"]
    );
}

async fn whoever_reads_is_not_interrupted(town: &Town) {
    let reader = town.log_in("bob").await;
    reader.batch_execute("BEGIN").await.unwrap();
    rows(&reader, "SELECT * FROM sales.orders").await;
    town.patch("RedshiftDataSource", "other", json!({"spec": {"columns": [{"name": "order_id"}]}})).await;
    let said = town.until_ready("RedshiftDataSource", "other", "True", "Enforced").await;
    assert_eq!(said, "what was applied works on; the view is being read, and is changed as soon as that ends");
    let object = town.api("RedshiftDataSource").get("other").await.unwrap();
    documented_dependent("view__it_is_being_read", &object, "Reconciling");
    reader.batch_execute("COMMIT").await.unwrap();
    town.until_says("RedshiftDataSource", "other", "sales.orders shows dev.sales.orders").await;
}

#[tokio::test]
async fn what_is_in_the_way_is_told_and_nothing_of_others_is_touched() {
    let town = Town::new().await;
    town.open_raw().await;
    let managed = admin(&town.world.stand_in, "immuta").await;
    // A schema and a view of others'.
    managed.batch_execute("CREATE SCHEMA taken").await.unwrap();
    town.create("RedshiftDataSource", "taken", orders(json!({"view": {"schema": "taken"}}))).await;
    let said = town.until_ready("RedshiftDataSource", "taken", "False", "ForeignObject").await;
    assert!(said.starts_with("the schema taken belongs to awsuser"), "{said}");
    town.document("view__a_schema_of_others", "RedshiftDataSource", "taken", "Ready", "ForeignObject").await;
    town.create("RedshiftDataSource", "orders", orders(json!({}))).await;
    town.until_ready("RedshiftDataSource", "orders", "True", "Enforced").await;
    town.create("RedshiftDataSource", "other", orders(json!({}))).await;
    let said = town.until_ready("RedshiftDataSource", "other", "False", "NameTaken").await;
    assert!(said.contains(&format!("{}/orders", town.world.namespace)), "{said}");
    town.document("view__a_name_that_is_taken", "RedshiftDataSource", "other", "Ready", "NameTaken").await;
    town.create("RedshiftDataSource", "missing", orders(json!({"table": {"schema": "sales", "name": "nothing"}})))
        .await;
    let said = town.until_ready("RedshiftDataSource", "missing", "False", "TableMissing").await;
    assert!(said.starts_with("there is no table dev.sales.nothing"), "{said}");
    town.document("view__a_table_that_is_missing", "RedshiftDataSource", "missing", "Ready", "TableMissing").await;
    town.raw("CREATE TABLE sales.nothing (order_id BIGINT, customer VARCHAR(64))").await;
    town.until_ready("RedshiftDataSource", "missing", "True", "Enforced").await;

    // What an edit, or a person in the warehouse, has to put right.
    town.create(
        "RedshiftDataSource",
        "norole",
        orders(json!({"view": {"name": "norole"}, "grantSelectTo": [{"role": "nobodys"}]})),
    )
    .await;
    town.document("view__a_role_that_is_missing", "RedshiftDataSource", "norole", "Ready", "ViewRefused").await;
    town.create_for("elsewhere", "RedshiftDataSource", "lost", orders(json!({}))).await;
    town.document("view__an_integration_that_is_missing", "RedshiftDataSource", "lost", "Ready", "IntegrationMissing")
        .await;
    for name in ["norole", "lost"] {
        town.delete("RedshiftDataSource", name).await;
        town.until_gone("RedshiftDataSource", name).await;
    }
    sources_of_profiles_say_what_is_wrong_with_them(&town, &managed).await;

    // What others change is made as it was.
    managed.batch_execute("GRANT SELECT ON sales.orders TO dave").await.unwrap();
    managed.batch_execute("CREATE OR REPLACE VIEW sales.nothing AS SELECT 1::bigint AS order_id, 'x'::varchar(64) AS customer, 1 AS region WITH NO SCHEMA BINDING").await.ok();
    town.patch("RedshiftDataSource", "taken", json!({"spec": {"suspend": true}})).await;
    town.until_seen("dave", READ, &["42501"]).await;

    // Others read the view, late: it stays until they don't.
    managed.batch_execute("CREATE SCHEMA others").await.unwrap();
    managed
        .batch_execute("CREATE VIEW others.report AS SELECT * FROM sales.orders WITH NO SCHEMA BINDING")
        .await
        .unwrap();
    town.delete("RedshiftDataSource", "orders").await;
    let said = town.until_ready("RedshiftDataSource", "orders", "True", "Enforced").await;
    assert!(said.contains("others' views read sales.orders: others.report"), "{said}");
    let object = town.api("RedshiftDataSource").get("orders").await.unwrap();
    documented_dependent("view__others_views_read_it", &object, "Stalled");
    managed.batch_execute("DROP VIEW others.report").await.unwrap();
    town.until_gone("RedshiftDataSource", "orders").await;

    // A schema that was made for views goes with the last of them, unless others have put something into it.
    town.create("RedshiftDataSource", "alone", orders(json!({"view": {"schema": "alone"}}))).await;
    town.until_ready("RedshiftDataSource", "alone", "True", "Enforced").await;
    managed
        .batch_execute("CREATE FUNCTION alone.one() RETURNS INTEGER IMMUTABLE AS $$ SELECT 1 $$ LANGUAGE sql")
        .await
        .unwrap();
    town.delete("RedshiftDataSource", "alone").await;
    town.until_gone("RedshiftDataSource", "alone").await;
    assert_eq!(rows(&managed, "SELECT nspname FROM pg_namespace WHERE nspname = 'alone'").await, ["alone"]);
    town.until_told(
        "alone",
        "the view alone.orders was dropped; the schema alone stays: there is something of others' in it",
    )
    .await;
    managed.batch_execute("DROP SCHEMA alone CASCADE").await.unwrap();

    whoever_reads_is_not_interrupted(&town).await;

    // The integration waits for those that are left; one is left behind on purpose.
    for name in ["other", "missing"] {
        town.until_ready("RedshiftDataSource", name, "True", "Enforced").await;
    }
    town.world.delete().await;
    let object = town.world.until_phase("deleteError").await;
    documented("deletion__data_sources_are_left", &object, "Ready");
    let said = object.status.unwrap().conditions.into_iter().find(|it| it.reason == "DataSourcesLeft").unwrap().message;
    assert!(said.starts_with("3 data sources use the integration: "), "{said}");
    town.patch("RedshiftDataSource", "missing", json!({"spec": {"deletionPolicy": "Retain"}})).await;
    for name in ["taken", "other", "missing"] {
        town.delete("RedshiftDataSource", name).await;
    }
    // What was left is others' work by now: a person confirms that it goes with the database.
    let object = town
        .world
        .until("it asks", |object| {
            let conditions = object.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
            conditions.iter().any(|it| it.reason == "ForeignObjects")
        })
        .await;
    let said = object.status.unwrap().conditions.into_iter().find(|it| it.reason == "ForeignObjects").unwrap().message;
    assert!(said.contains("sales.nothing"), "{said}");
}

/// The statements of the system account that the stand-in has seen since it was asked last, by their first words.
fn said(town: &Town) -> Vec<String> {
    // As many as tell one statement from another.
    let first_words = |text: String| {
        let words = if text.starts_with("SELECT") { 1 } else { 4 };
        text.split_whitespace().take(words).collect::<Vec<_>>().join(" ")
    };
    let entries = town.world.stand_in.journal().since(0);
    let of_account = entries.into_iter().filter(|entry| entry.user == "immuta_system_account");
    let statements = of_account.filter_map(|entry| match entry.event {
        Event::Statement { text, .. } => Some(text),
        _ => None,
    });
    statements.map(first_words).collect()
}

const OF_PROFILES: [&str; 13] = [
    "SELECT",
    "SELECT",
    "CREATE TEMP TABLE incoming",
    "INSERT INTO incoming (immuta__userid,",
    "BEGIN",
    "LOCK TABLE immuta_system.registry_lock",
    "SELECT",
    "DELETE FROM immuta_system.entitlement USING",
    "INSERT INTO immuta_system.entitlement (immuta__userid,",
    "DELETE FROM immuta_system.profile USING",
    "INSERT INTO immuta_system.profile (immuta__userid,",
    "UPDATE immuta_system.registry SET fencing_counter",
    "COMMIT",
];

#[tokio::test]
async fn a_change_of_one_user_is_thirteen_statements_and_a_look_at_what_is_well_is_four_and_no_write() {
    let mut town = Town::new().await;
    town.open_raw().await;
    town.create("RedshiftDataSource", "orders", orders(json!({}))).await;
    town.create("RedshiftUserProfile", "bob", json!({"user": "bob", "groups": ["staff"]})).await;
    town.until_seen("bob", READ, &["1|Ann", "2|Bob"]).await;
    town.until_ready("RedshiftUserProfile", "bob", "True", "Applied").await;
    town.until_ready("RedshiftDataSource", "orders", "True", "Enforced").await;

    let journal = town.world.stand_in.journal();
    journal.clear();
    town.patch("RedshiftUserProfile", "bob", json!({"spec": {"groups": ["others"]}})).await;
    town.until_seen("bob", READ, &NOBODY).await;
    assert_eq!(said(&town), OF_PROFILES);

    // Another edit that leads to the same.
    town.until_ready("RedshiftUserProfile", "bob", "True", "Applied").await;
    let before = town.world.api_writes().len();
    journal.clear();
    town.patch("RedshiftUserProfile", "bob", json!({"spec": {"groups": ["others", "others"]}})).await;
    town.until_ready("RedshiftUserProfile", "bob", "True", "Applied").await;
    assert_eq!(said(&town), ["SELECT", "SELECT"]);
    // The status speaks of the new generation.
    assert_eq!(town.world.api_writes().len(), before + 1);
    journal.clear();
    town.patch(
        "RedshiftDataSource",
        "orders",
        json!({"spec": {"columns": [{"name": "customer"}, {"name": "order_id"}]}}),
    )
    .await;
    town.until_ready("RedshiftDataSource", "orders", "True", "Enforced").await;
    assert_eq!(said(&town), ["SELECT", "SELECT", "SELECT"]);

    // As after a restore of the cluster from a backup: the same resource under another UID takes its view up again, as it is.
    town.world.kill_operator();
    town.patch("RedshiftDataSource", "orders", json!({"metadata": {"finalizers": null}})).await;
    town.delete("RedshiftDataSource", "orders").await;
    town.until_gone("RedshiftDataSource", "orders").await;
    town.create("RedshiftDataSource", "orders", orders(json!({}))).await;
    town.world.stand_in.journal().clear();
    town.world.start_operator();
    town.until_ready("RedshiftDataSource", "orders", "True", "Enforced").await;
    town.until_told("orders", "the view sales.orders was taken up again").await;
    let changes: Vec<_> = said(&town)
        .into_iter()
        .filter(|it| !["SELECT", "SHOW", "SET"].iter().any(|look| it.starts_with(look)))
        .collect();
    assert_eq!(changes, TAKEN_UP);
}

const TAKEN_UP: [&str; 6] = [
    "BEGIN",
    "LOCK TABLE immuta_system.registry_lock",
    "DELETE FROM immuta_system.data_source WHERE",
    "INSERT INTO immuta_system.data_source (",
    "UPDATE immuta_system.registry SET fencing_counter",
    "COMMIT",
];

#[tokio::test]
async fn of_many_that_are_new_those_whose_views_are_there_say_so_while_the_others_are_made() {
    const MANY: usize = 110;
    let mut town = Town::new().await;
    town.open_raw().await;
    let name = |number: usize| format!("table-{number:03}");
    let table = |number: usize| format!("CREATE TABLE sales.t{number:03} (id BIGINT, name VARCHAR(64));");
    town.raw(&(0..MANY).map(table).collect::<String>()).await;
    // All of them are there when it looks.
    town.world.kill_operator();
    for number in 0..MANY {
        town.create(
            "RedshiftDataSource",
            &name(number),
            json!({"table": {"schema": "sales", "name": format!("t{number:03}")}}),
        )
        .await;
    }
    // One of the third transaction.
    town.world.stand_in.faults().set(Fault::new(Action::HoldBefore).at("WITH NO SCHEMA BINDING").nth(101));
    town.world.start_operator();
    town.world.stand_in.faults().held().await;
    let enforced = async || {
        let all = town.api("RedshiftDataSource").list(&ListParams::default()).await.unwrap();
        all.items.iter().filter(|object| object.data["status"]["conditions"][0]["status"] == "True").count()
    };
    while enforced().await < 100 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(enforced().await, 100);
    town.world.stand_in.faults().clear();
    for number in 0..MANY {
        town.until_ready("RedshiftDataSource", &name(number), "True", "Enforced").await;
    }
}
