//! The flows as data: what begins each, and what it starts from. The end of one is the start of the next,
//! so that no time goes into getting ready.

use serde_json::{Value, json};

use crate::support::{World, admin, login, makes_a_lesser_admin};

/// Who sets things up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admin {
    /// A superuser.
    Superuser,
    /// Somebody with the privileges that are needed and no more.
    Lesser,
}

/// Which database the integration is set up in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// One of its own.
    Create,
    /// One that is there, with others' work in it.
    Existing,
}

/// What begins a flow. The text is the change of `spec.config` in JSON.
#[derive(Clone, Copy, Debug)]
pub enum Begin {
    /// The resource is created.
    Create(&'static str),
    /// Its spec is patched.
    Edit(&'static str),
    /// It is deleted.
    Delete,
}

/// Which of a flow's statements and writes are disturbed, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Coverage {
    /// Each that changes something, by each fault; look-ups by one fault each, in rotation.
    Every,
    /// Every other one of these cases, from this one: the way back has the rest.
    EveryOther(usize),
    /// All of them by one fault each, in rotation: another flow has the same statements and `Every`.
    Rotating,
}

/// One flow.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// What the table calls it.
    pub name: &'static str,
    /// What begins it.
    pub begin: Begin,
    /// What of it is disturbed.
    pub coverage: Coverage,
}

/// Flows that lead from one to the next, and from the last back to the first.
#[derive(Clone, Copy, Debug)]
pub struct Circle {
    /// What tells it from others; the rotation begins elsewhere in each.
    pub number: usize,
    /// Who sets things up.
    pub admin: Admin,
    /// Where.
    pub mode: Mode,
    /// What is created before the first of the flows, if that needs something.
    pub start: Option<&'static str>,
    /// Whether there are people who are members of the role, once it was created.
    pub members: bool,
    /// The flows.
    pub flows: &'static [Flow],
}

const fn flow(name: &'static str, begin: Begin, coverage: Coverage) -> Flow {
    Flow { name, begin, coverage }
}

const PLAIN: &str = "{}";
const IMPERSONATION: &str = r#"{"impersonation": {"enabled": true, "role": "one"}}"#;
const ON: &str = IMPERSONATION;
const OFF: &str = r#"{"impersonation": {"enabled": false}}"#;
const OTHER_ROLE: &str = r#"{"impersonation": {"role": "other"}}"#;
const FORMER_ROLE: &str = r#"{"impersonation": {"role": "one"}}"#;
const OTHER_ACCOUNT: &str = r#"{"systemAccount": {"name": "governor"}}"#;
const FORMER_ACCOUNT: &str = r#"{"systemAccount": {"name": "immuta_system_account"}}"#;
const EVERYTHING: &str =
    r#"{"impersonation": {"enabled": true, "role": "other"}, "systemAccount": {"name": "governor"}}"#;
const NOTHING: &str =
    r#"{"impersonation": {"enabled": false, "role": "one"}, "systemAccount": {"name": "immuta_system_account"}}"#;

use Admin::{Lesser, Superuser};
use Begin::{Create, Delete, Edit};
use Coverage::{Every, EveryOther, Rotating};

/// Creation and deletion.
pub const PLAIN_LIFE: Circle = Circle {
    number: 0,
    admin: Superuser,
    mode: Mode::Create,
    start: None,
    members: false,
    flows: &[flow("creation", Create(PLAIN), Rotating), flow("deletion", Delete, Rotating)],
};

/// The same with impersonation.
pub const LIFE: Circle = Circle {
    number: 1,
    flows: &[
        flow("creation with impersonation", Create(IMPERSONATION), Every),
        flow("deletion with impersonation", Delete, Every),
    ],
    ..PLAIN_LIFE
};

/// In a database that others use.
pub const PLAIN_LIFE_IN_EXISTING: Circle = Circle {
    number: 2,
    mode: Mode::Existing,
    flows: &[
        flow("creation in an existing database", Create(PLAIN), Rotating),
        flow("deletion from an existing database", Delete, Rotating),
    ],
    ..PLAIN_LIFE
};

/// The same with impersonation.
pub const LIFE_IN_EXISTING: Circle = Circle {
    number: 3,
    flows: &[
        flow("creation in an existing database with impersonation", Create(IMPERSONATION), Rotating),
        flow("deletion from an existing database with impersonation", Delete, Every),
    ],
    ..PLAIN_LIFE_IN_EXISTING
};

/// By a lesser admin.
pub const LIFE_BY_LESSER: Circle = Circle {
    number: 4,
    admin: Lesser,
    flows: &[
        flow("creation with impersonation by a lesser admin", Create(IMPERSONATION), Rotating),
        flow("deletion with impersonation by a lesser admin", Delete, Rotating),
    ],
    ..PLAIN_LIFE
};

/// Impersonation switched on and off.
pub const SWITCH: Circle = Circle {
    number: 5,
    admin: Superuser,
    mode: Mode::Create,
    start: Some(PLAIN),
    members: false,
    flows: &[flow("impersonation switched on", Edit(ON), Every), flow("impersonation switched off", Edit(OFF), Every)],
};

/// By a lesser admin.
pub const SWITCH_BY_LESSER: Circle = Circle {
    number: 6,
    admin: Lesser,
    flows: &[
        flow("impersonation switched on by a lesser admin", Edit(ON), Rotating),
        flow("impersonation switched off by a lesser admin", Edit(OFF), Rotating),
    ],
    ..SWITCH
};

/// The role renamed, there and back.
pub const ROLE: Circle = Circle {
    number: 7,
    start: Some(IMPERSONATION),
    members: true,
    flows: &[
        flow("role renamed", Edit(OTHER_ROLE), EveryOther(0)),
        flow("role renamed", Edit(FORMER_ROLE), EveryOther(1)),
    ],
    ..SWITCH
};

/// The role replaced, there and back.
pub const ROLE_BY_LESSER: Circle = Circle {
    number: 8,
    admin: Lesser,
    flows: &[
        flow("role replaced by a lesser admin", Edit(OTHER_ROLE), EveryOther(0)),
        flow("role replaced by a lesser admin", Edit(FORMER_ROLE), EveryOther(1)),
    ],
    ..ROLE
};

/// The system account renamed, there and back.
pub const ACCOUNT: Circle = Circle {
    number: 9,
    flows: &[
        flow("system account renamed", Edit(OTHER_ACCOUNT), EveryOther(0)),
        flow("system account renamed", Edit(FORMER_ACCOUNT), EveryOther(1)),
    ],
    ..SWITCH
};

/// By a lesser admin.
pub const ACCOUNT_BY_LESSER: Circle = Circle {
    number: 10,
    admin: Lesser,
    flows: &[
        flow("system account renamed by a lesser admin", Edit(OTHER_ACCOUNT), EveryOther(0)),
        flow("system account renamed by a lesser admin", Edit(FORMER_ACCOUNT), EveryOther(1)),
    ],
    ..ACCOUNT
};

/// All at once, and back.
pub const ALL_AT_ONCE: Circle = Circle {
    number: 11,
    flows: &[flow("all at once", Edit(EVERYTHING), Rotating), flow("all at once, back", Edit(NOTHING), Rotating)],
    ..SWITCH
};

/// By a lesser admin.
pub const ALL_AT_ONCE_BY_LESSER: Circle = Circle {
    number: 12,
    admin: Lesser,
    flows: &[
        flow("all at once by a lesser admin", Edit(EVERYTHING), Rotating),
        flow("all at once, back, by a lesser admin", Edit(NOTHING), Rotating),
    ],
    ..ALL_AT_ONCE
};

/// All of them.
pub const ALL: [Circle; 13] = [
    PLAIN_LIFE,
    LIFE,
    PLAIN_LIFE_IN_EXISTING,
    LIFE_IN_EXISTING,
    LIFE_BY_LESSER,
    SWITCH,
    SWITCH_BY_LESSER,
    ROLE,
    ROLE_BY_LESSER,
    ACCOUNT,
    ACCOUNT_BY_LESSER,
    ALL_AT_ONCE,
    ALL_AT_ONCE_BY_LESSER,
];

impl Circle {
    fn spec(&self, change: &str) -> Value {
        let mut config = config(change);
        if self.mode == Mode::Existing {
            config["databaseMode"] = json!("Existing");
            config["database"] = json!("lake");
        }
        json!({"config": config})
    }

    /// The database that its deletions drop.
    pub fn dropped(&self) -> Option<&'static str> {
        let drops = self.flows.iter().any(|flow| matches!(flow.begin, Begin::Delete));
        (drops && self.mode == Mode::Create).then_some("immuta")
    }

    /// Makes the warehouse what it is before everything.
    pub async fn prepare(&self, world: &World) {
        if self.admin == Admin::Lesser {
            makes_a_lesser_admin(world).await;
        }
        if self.mode == Mode::Existing {
            let dba = admin(&world.stand_in, "dev").await;
            dba.batch_execute("CREATE DATABASE lake").await.unwrap();
            dba.batch_execute("CREATE USER engineer PASSWORD 'Abcd1234'").await.unwrap();
            dba.batch_execute("GRANT CREATE ON DATABASE lake TO engineer WITH GRANT OPTION").await.unwrap();
            let dba = admin(&world.stand_in, "lake").await;
            dba.batch_execute("CREATE SCHEMA spectrum AUTHORIZATION engineer").await.unwrap();
            dba.batch_execute("CREATE TABLE spectrum.orders (id INTEGER)").await.unwrap();
            dba.batch_execute("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO engineer").await.unwrap();
        }
    }

    /// Sets up what the first flow starts from.
    pub async fn start(&self, world: &World) {
        let Some(start) = self.start else { return };
        world.create(self.spec(start)).await;
        world.until_phase("enabled").await;
        if self.members {
            let dba = admin(&world.stand_in, "dev").await;
            for statement in
                ["CREATE USER ann PASSWORD 'Abcd1234'", "CREATE USER bob PASSWORD 'Abcd1234'", "CREATE ROLE deputies"]
            {
                dba.batch_execute(statement).await.unwrap();
            }
            let (name, password) = system_account(world).await;
            let account = login(&world.stand_in, &name, &password, "immuta").await.unwrap();
            for grant in ["ann", "bob WITH ADMIN OPTION", "ROLE deputies"] {
                account.batch_execute(&format!("GRANT ROLE one TO {grant}")).await.unwrap();
            }
        }
    }

    /// Begins a flow.
    pub async fn begin(&self, world: &World, flow: &Flow) {
        match flow.begin {
            Begin::Create(change) => drop(world.create(self.spec(change)).await),
            Begin::Edit(change) => drop(world.patch(json!({"spec": {"config": config(change)}})).await),
            Begin::Delete => world.delete().await,
        }
    }
}

fn config(change: &str) -> Value {
    serde_json::from_str(change).unwrap_or_else(|error| panic!("{change}: {error}"))
}

/// Name and password of the system account, from its Secret.
pub async fn system_account(world: &World) -> (String, String) {
    let secret = world.secrets().get("analytics-system-account").await.unwrap();
    let data = secret.data.unwrap();
    let text = |key: &str| String::from_utf8(data[key].0.clone()).unwrap();
    (text("username"), text("password"))
}
