//! What a circle starts from, and how each of its flows is begun.

use std::time::Duration;

use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use kube::core::DynamicObject;
use redshift_stand_in::journal::{Entry, Event};
use serde_json::{Value, json};

use super::flows::{Admin, Begin, Circle, Deed, Flow, Kind, Mode};
use super::scene::Scene;
use crate::support::identity::Services;
use crate::support::{
    World, admin, asked_for, is_current, login, makes_a_lesser_admin, merge, patience, phase_of, rows,
};
use redshift_integration_operator::api::RedshiftIntegration;

/// The Secret of the system account.
pub const SECRET: &str = "analytics-system-account";

const CONFIRM_DELETE: &str = "redshift-governance.dev/confirm-delete";
const TAKE_OVER: &str = "redshift-governance.dev/take-over";
const REQUESTED_AT: &str = "redshift-governance.dev/requestedAt";
const ROTATE: &str = "redshift-governance.dev/rotate";

/// What others have in the way of a deletion: in the managed database, in another, and on a whole one.
const OBSTACLES: [(&str, &str); 8] = [
    ("immuta", "CREATE TABLE public.orders (id INTEGER)"),
    ("shop", "SET SESSION AUTHORIZATION owner_one"),
    ("shop", "GRANT INSERT ON sales.orders TO immuta_system_account"),
    ("shop", "GRANT USAGE ON SCHEMA sales TO ROLE one"),
    ("shop", "SET SESSION AUTHORIZATION grantor_two"),
    ("shop", "GRANT SELECT ON sales.orders TO immuta_system_account"),
    ("shop", "GRANT SELECT ON sales.orders TO ROLE one"),
    ("dev", "GRANT TEMP ON DATABASE shop TO immuta_system_account"),
];

/// What others change of ours: the system account can mend two of them, and a superuser the third.
const CHANGES: [&str; 3] = [
    "GRANT SELECT ON immuta_system.profile TO PUBLIC",
    "DROP VIEW immuta_system.user_profile",
    "ALTER PROCEDURE immuta_procedures.impersonate_user(VARCHAR) OWNER TO awsuser",
];

/// What makes the first version of what is set up out of this one.
const VERSION_1: [&str; 3] = [
    "ALTER TABLE immuta_system.registry DROP COLUMN definitions",
    "ALTER TABLE immuta_system.registry DROP COLUMN claim_user_id",
    "UPDATE immuta_system.registry SET schema_version = 1",
];

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::DataSource => "RedshiftDataSource",
            Self::Profile => "RedshiftUserProfile",
        }
    }

    /// Name of the one that there is.
    pub fn one(self) -> &'static str {
        match self {
            Self::DataSource => "orders",
            Self::Profile => "bob",
        }
    }
}

impl Circle {
    fn spec(&self, change: &str, services: Option<&Services>) -> Value {
        let mut config = json(change);
        if let Some(services) = services {
            merge(&mut config, services.okta()["config"].clone());
        }
        if self.mode == Mode::Existing {
            merge(&mut config, json!({"databaseMode": "Existing", "database": self.database()}));
        }
        let policy = if self.is_retained() { "Retain" } else { "Delete" };
        json!({"config": config, "deletionPolicy": policy, "repair": self.is_repaired()})
    }

    /// Makes the warehouse what it is before everything.
    pub async fn prepare(&self, world: &World) {
        if self.admin == Admin::Lesser {
            makes_a_lesser_admin(world).await;
        }
        if self.mode == Mode::Existing {
            as_admin(world, "dev", "CREATE DATABASE lake").await;
            as_admin(world, "dev", "CREATE USER engineer PASSWORD 'Abcd1234'").await;
            as_admin(world, "dev", "GRANT CREATE ON DATABASE lake TO engineer WITH GRANT OPTION").await;
            as_admin(world, "lake", "CREATE SCHEMA spectrum AUTHORIZATION engineer").await;
            as_admin(world, "lake", "CREATE TABLE spectrum.orders (id INTEGER)").await;
            as_admin(world, "lake", "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO engineer").await;
        }
        if self.has_views() {
            for statement in [
                "CREATE SCHEMA sales",
                "CREATE TABLE sales.orders (order_id BIGINT, customer VARCHAR(64), region VARCHAR(8))",
                "CREATE USER bob PASSWORD 'Abcd1234'",
                "CREATE GROUP readers",
                "CREATE ROLE analysts",
            ] {
                as_admin(world, "dev", statement).await;
            }
        }
        if self.has_obstacles() {
            as_admin(world, "dev", "CREATE USER owner_one PASSWORD 'Abcd1234'").await;
            as_admin(world, "dev", "CREATE USER grantor_two PASSWORD 'Abcd1234'").await;
            as_admin(world, "dev", "CREATE DATABASE shop").await;
            as_admin(world, "shop", "CREATE SCHEMA sales AUTHORIZATION owner_one").await;
            let shop = admin(&world.stand_in, "shop").await;
            for statement in [
                "SET SESSION AUTHORIZATION owner_one",
                "CREATE TABLE sales.orders (id INTEGER)",
                "GRANT USAGE ON SCHEMA sales TO grantor_two",
                "GRANT SELECT ON sales.orders TO grantor_two WITH GRANT OPTION",
            ] {
                shop.batch_execute(statement).await.unwrap();
            }
        }
    }

    /// Sets up what the first flow starts from.
    pub async fn start(&self, world: &World) {
        let Some(start) = self.start else { return };
        world.create(self.spec(start, None)).await;
        world.until_phase("enabled").await;
        if self.has_views() {
            let has_ground = |object: &RedshiftIntegration| {
                let created = object.status.as_ref().and_then(|status| status.created.as_ref());
                created.is_some_and(|created| created.schema_version == 3) && phase_of(object) == "enabled"
            };
            world.until("views can be made", has_ground).await;
            // It looks for what there is of them at once: that is a part of no flow.
            let is_look = |entry: &Entry| matches!(&entry.event, Event::Statement { text, .. } if text.contains("LEFT JOIN immuta_system.data_source"));
            let looks = async {
                while !world.stand_in.journal().since(0).iter().any(is_look) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(patience(), looks).await.expect("nobody looks for views");
            as_admin(world, "dev", "GRANT USAGE ON SCHEMA sales TO immuta_system_account").await;
            as_admin(world, "dev", "GRANT SELECT FOR TABLES IN SCHEMA sales TO immuta_system_account").await;
        }
        if self.members {
            for statement in
                ["CREATE USER ann PASSWORD 'Abcd1234'", "CREATE USER bob PASSWORD 'Abcd1234'", "CREATE ROLE deputies"]
            {
                as_admin(world, "dev", statement).await;
            }
            let (name, password) = system_account(world).await;
            let account = login(&world.stand_in, &name, &password, "immuta").await.unwrap();
            for grant in ["ann", "bob WITH ADMIN OPTION", "ROLE deputies"] {
                account.batch_execute(&format!("GRANT ROLE one TO {grant}")).await.unwrap();
            }
        }
        if self.is_retained() {
            world.delete().await;
            world.until_gone().await;
        }
    }
}

impl Scene {
    /// Does what comes before a flow and isn't a part of it.
    pub async fn get_ready(&mut self, flow: &Flow) {
        match flow.begin {
            Begin::DeleteConfirmed => {
                self.put_obstacles().await;
                if self.confirmation.is_none() {
                    self.confirmation = Some(self.ask_for_confirmation().await);
                    self.world.kill_operator();
                } else {
                    self.world.kill_operator();
                    self.world.delete().await;
                }
                annotate(&self.world, CONFIRM_DELETE, self.confirmation.as_deref().unwrap()).await;
            }
            Begin::TakeOver { with_secret: false } => lose_secret(&self.world).await,
            Begin::LoseSecret | Begin::Change | Begin::Outdate => {
                self.world.kill_operator();
                match flow.begin {
                    Begin::Change => self.superuser_does(&CHANGES).await,
                    Begin::Outdate => self.superuser_does(&VERSION_1).await,
                    _ => lose_secret(&self.world).await,
                }
                self.requests += 1;
                annotate(&self.world, REQUESTED_AT, &self.requests.to_string()).await;
            }
            Begin::Together(deeds) => {
                self.world.patch(json!({"spec": {"suspend": true}})).await;
                // The watch has told of it, or its status wouldn't.
                self.world.until("it is suspended", |it| it.spec.suspend && is_current(it)).await;
                for deed in deeds {
                    self.do_to_one(*deed).await;
                }
            }
            Begin::One(_)
            | Begin::Create(_)
            | Begin::Edit(_)
            | Begin::Delete
            | Begin::Leave
            | Begin::Rotate
            | Begin::TakeOver { with_secret: true } => {}
        }
        self.settle().await;
    }

    /// Begins a flow.
    pub async fn begin(&mut self, circle: &Circle, flow: &Flow) {
        match flow.begin {
            Begin::Create(change) => drop(self.world.create(circle.spec(change, self.services.as_ref())).await),
            Begin::Edit(change) => drop(self.world.patch(json!({"spec": {"config": json(change)}})).await),
            Begin::Delete | Begin::Leave => self.world.delete().await,
            Begin::TakeOver { .. } => self.take_over(circle).await,
            Begin::One(deed) => self.do_to_one(deed).await,
            Begin::Together(_) => drop(self.world.patch(json!({"spec": {"suspend": false}})).await),
            Begin::Rotate => {
                self.requests += 1;
                annotate(&self.world, ROTATE, &self.requests.to_string()).await;
            }
            // What happened while there was no operator.
            Begin::DeleteConfirmed | Begin::LoseSecret | Begin::Change | Begin::Outdate => self.start_operator(),
        }
    }

    async fn do_to_one(&self, deed: Deed) {
        match deed {
            Deed::Make(kind, spec) => {
                let mut object = json!({
                    "apiVersion": "redshift-governance.dev/v1alpha1", "kind": kind.name(),
                    "metadata": {"name": kind.one()}, "spec": json(spec),
                });
                object["spec"]["integrationRef"] = json!({"name": "analytics"});
                let object = serde_json::from_value(object).unwrap();
                self.api_of(kind).create(&PostParams::default(), &object).await.unwrap();
            }
            Deed::Change(kind, spec) => {
                let patch = Patch::Merge(json!({"spec": json(spec)}));
                self.api_of(kind).patch(kind.one(), &PatchParams::default(), &patch).await.unwrap();
            }
            Deed::Remove(kind) => drop(self.api_of(kind).delete(kind.one(), &DeleteParams::default()).await.unwrap()),
        }
    }

    /// Of a kind of resources that are for the integration.
    pub fn api_of(&self, kind: Kind) -> Api<DynamicObject> {
        self.world.api_of(kind.name())
    }

    async fn superuser_does(&mut self, statements: &[&str]) {
        for statement in statements {
            as_admin(&self.world, "immuta", statement).await;
        }
    }

    async fn put_obstacles(&self) {
        let mut sessions = Vec::new();
        for (index, (database, statement)) in OBSTACLES.iter().enumerate() {
            if index == 0 || OBSTACLES[index - 1].0 != *database {
                sessions.push(admin(&self.world.stand_in, database).await);
            }
            sessions.last().unwrap().batch_execute(statement).await.unwrap();
        }
    }

    /// Deletes without the annotation; gives the one that the message asks for.
    async fn ask_for_confirmation(&self) -> String {
        self.world.delete().await;
        let object = self.world.until_phase("deleteError").await;
        asked_for(&object, CONFIRM_DELETE)
    }

    async fn take_over(&mut self, circle: &Circle) {
        let registry = self.observer.enter(circle.database()).await;
        let former = rows(registry, "SELECT integration_uid FROM immuta_system.registry").await.remove(0);
        let mut manifest = self.world.manifest("analytics", circle.spec(circle.start.unwrap(), None));
        manifest["metadata"]["annotations"] = json!({TAKE_OVER: format!("{}/{former}", circle.database())});
        let object = serde_json::from_value(manifest).unwrap();
        self.world.api().create(&PostParams::default(), &object).await.unwrap();
    }
}

async fn as_admin(world: &World, database: &str, statement: &str) {
    admin(&world.stand_in, database).await.batch_execute(statement).await.unwrap();
}

async fn annotate(world: &World, key: &str, value: &str) {
    world.patch(json!({"metadata": {"annotations": {key: value}}})).await;
}

async fn lose_secret(world: &World) {
    world.secrets().delete(SECRET, &DeleteParams::default()).await.unwrap();
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Name and password of the system account, from its Secret.
async fn system_account(world: &World) -> (String, String) {
    let secret = world.secrets().get(SECRET).await.unwrap();
    let data = secret.data.unwrap();
    let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
    (text("username"), text("password"))
}
