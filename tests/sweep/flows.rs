//! The flows as data: what begins each, and what it starts from. The end of one is the start of the next,
//! so that no time goes into getting ready.

/// Who sets things up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Admin {
    /// A superuser.
    Superuser,
    /// Somebody with the privileges that are needed and no more.
    Lesser,
}

/// How they get in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// With the password in their Secret.
    Password,
    /// By Okta and AWS.
    Okta,
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
    /// It is deleted, and what others have in the way is confirmed by the annotation.
    DeleteConfirmed,
    /// It is deleted with `Retain`.
    Leave,
    /// Another resource takes over what was left: with the former one's Secret, or without.
    TakeOver {
        /// Whether the Secret is there.
        with_secret: bool,
    },
    /// Its Secret is lost.
    LoseSecret,
    /// Others have changed what is ours, while there was no operator.
    Change,
    /// An older version of the operator has set it up.
    Outdate,
    /// Its passwords are to be rotated.
    Rotate,
    /// A resource is made, changed or removed that is for the integration.
    One(Deed),
    /// Several are changed while the integration is suspended, which ends.
    Together(&'static [Deed]),
}

/// A kind of resources that are for an integration; there is one of each.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A data source, `orders`.
    DataSource,
    /// A profile, `bob`.
    Profile,
}

/// What is done to such a resource. The text is of its spec, in JSON.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// It is made.
    Make(Kind, &'static str),
    /// It is patched.
    Change(Kind, &'static str),
    /// It is removed.
    Remove(Kind),
}

/// What a flow comes to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ends {
    /// The integration is enabled.
    Enabled,
    /// The resource is gone, and its Secret too.
    Gone,
    /// The resource is gone, and its Secret is there.
    Left,
}

/// Which of a flow's statements and writes are disturbed, and how.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Coverage {
    /// Each that changes something, by each fault; look-ups by one fault each, in rotation.
    Every,
    /// Every other one of these cases, from this one: the way back, or the same flow of another circle, has
    /// the rest.
    EveryOther(usize),
    /// All of them by one fault each, in rotation: another flow has the same statements and `Every`.
    Rotating,
    /// The same, but this statement, which no other flow has, by each fault.
    RotatingBut(&'static str),
    /// Each that no flow of this circle has had before by each fault, the others by one fault each, in rotation.
    EveryNew,
    /// Each step of a login by each fault, and nothing else: other circles have the same statements and writes.
    Logins,
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

impl Flow {
    /// What it comes to.
    pub fn ends(&self) -> Ends {
        match self.begin {
            Begin::Create(_)
            | Begin::Edit(_)
            | Begin::TakeOver { .. }
            | Begin::LoseSecret
            | Begin::Change
            | Begin::Outdate
            | Begin::Rotate
            | Begin::One(_)
            | Begin::Together(_) => Ends::Enabled,
            Begin::Delete | Begin::DeleteConfirmed => Ends::Gone,
            Begin::Leave => Ends::Left,
        }
    }
}

/// Flows that lead from one to the next, and from the last back to the first.
#[derive(Clone, Copy, Debug)]
pub struct Circle {
    /// What tells it from others; the rotation begins elsewhere in each.
    pub number: usize,
    /// Who sets things up.
    pub admin: Admin,
    /// How they log in.
    pub way: Way,
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
/// With policy-enforced views.
pub const VIEWS_ON: &str = r#"{"policyViews": {"enabled": true}}"#;
const BOB: &str = r#"{"user": "bob", "groups": ["staff"], "attributes": [{"name": "region", "values": ["EU", "US"]}]}"#;
const FEWER: &str = r#"{"groups": ["others"], "attributes": [{"name": "region", "values": ["EU"]}]}"#;
const ORDERS: &str = r#"{
    "table": {"schema": "sales", "name": "orders"}, "columns": [{"name": "order_id"}, {"name": "customer"}],
    "subscription": {"restriction": "Entitlements", "entitlements": {"groups": ["staff"]}},
    "grantSelectTo": [{"role": "analysts"}]
}"#;
const OTHER_COLUMNS: &str = r#"{
    "columns": [{"name": "order_id"}], "unlistedColumns": "LeaveOut",
    "grantSelectTo": [{"user": "bob"}, {"group": "readers"}]
}"#;
const OTHER_SUBSCRIPTION: &str =
    r#"{"subscription": {"entitlements": {"groups": ["others"]}}, "grantSelectTo": [{"public": true}]}"#;

use Begin::{
    Change, Create, Delete, DeleteConfirmed, Edit, Leave, LoseSecret, One, Outdate, Rotate, TakeOver, Together,
};
use Coverage::{Every, EveryNew, EveryOther, Logins, Rotating, RotatingBut};
use Kind::{DataSource, Profile};

/// Creation and deletion.
pub const PLAIN_LIFE: Circle = Circle {
    number: 0,
    admin: Superuser,
    way: Way::Password,
    mode: Mode::Create,
    start: None,
    members: false,
    flows: &[flow("creation", Create(PLAIN), Rotating), flow("deletion", Delete, Rotating)],
};

/// The same with impersonation.
pub const LIFE: Circle = Circle {
    number: 1,
    flows: &[
        flow("creation with impersonation", Create(IMPERSONATION), EveryOther(0)),
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
        flow("creation in an existing database with impersonation", Create(IMPERSONATION), Every),
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
    way: Way::Password,
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

/// With others' work in the managed database, and privileges that others gave, at the end.
pub const CONFIRMED: Circle = Circle {
    number: 13,
    flows: &[
        flow("creation with impersonation", Create(IMPERSONATION), EveryOther(1)),
        flow("deletion, confirmed", DeleteConfirmed, Every),
    ],
    ..PLAIN_LIFE
};

/// Edits in a database that others use.
pub const EDITS_IN_EXISTING: Circle = Circle {
    number: 14,
    mode: Mode::Existing,
    flows: &[
        flow("impersonation switched on in an existing database", Edit(ON), Rotating),
        flow("system account renamed in an existing database", Edit(OTHER_ACCOUNT), Rotating),
        flow("impersonation switched off in an existing database", Edit(OFF), Rotating),
        flow("system account renamed in an existing database, back", Edit(FORMER_ACCOUNT), Rotating),
    ],
    ..SWITCH
};

/// One integration after the other takes over what the last has left.
pub const HERITAGE: Circle = Circle {
    number: 15,
    start: Some(IMPERSONATION),
    flows: &[
        flow("taken over without the Secret", TakeOver { with_secret: false }, Every),
        flow("left by Retain", Leave, Every),
        flow("taken over with the Secret", TakeOver { with_secret: true }, Every),
        flow("left by Retain, again", Leave, Rotating),
    ],
    ..SWITCH
};

/// The Secret with the passwords is lost, again and again.
pub const LOST_SECRET: Circle = Circle {
    number: 16,
    start: Some(IMPERSONATION),
    flows: &[flow("Secret of the system account lost", LoseSecret, Every)],
    ..SWITCH
};

/// Others change what is ours, and the operator mends it.
pub const CHANGED: Circle = Circle {
    number: 17,
    start: Some(IMPERSONATION),
    flows: &[flow("changed by others and mended", Change, Every)],
    ..SWITCH
};

/// What an older version has set up is migrated.
pub const OUTDATED: Circle =
    Circle { number: 18, start: Some(IMPERSONATION), flows: &[flow("migrated", Outdate, Every)], ..SWITCH };

/// Passwords and key rotated, again and again.
pub const ROTATION: Circle = Circle {
    number: 19,
    start: Some(IMPERSONATION),
    flows: &[flow("rotation", Rotate, RotatingBut("write-rotated")), flow("rotation, again", Rotate, Rotating)],
    ..SWITCH
};

/// Policy-enforced views and the profiles of users, from nothing to all of it and back.
pub const VIEWS: Circle = Circle {
    number: 20,
    start: Some(VIEWS_ON),
    flows: &[
        flow("profile written", One(Deed::Make(Profile, BOB)), EveryNew),
        flow("view made", One(Deed::Make(DataSource, ORDERS)), EveryNew),
        flow("view made anew", One(Deed::Change(DataSource, OTHER_COLUMNS)), EveryNew),
        flow(
            "view and profile changed together",
            Together(&[Deed::Change(DataSource, OTHER_SUBSCRIPTION), Deed::Change(Profile, FEWER)]),
            EveryNew,
        ),
        flow("view dropped", One(Deed::Remove(DataSource)), EveryNew),
        flow("profile removed", One(Deed::Remove(Profile)), EveryNew),
    ],
    ..SWITCH
};

/// Creation and deletion by somebody who gets in by Okta and AWS.
pub const LIFE_BY_OKTA: Circle = Circle {
    number: 21,
    way: Way::Okta,
    flows: &[
        flow("creation by a user of Okta", Create(PLAIN), Logins),
        flow("deletion by a user of Okta", Delete, Logins),
    ],
    ..PLAIN_LIFE
};

/// All of them.
pub const ALL: [Circle; 22] = [
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
    CONFIRMED,
    EDITS_IN_EXISTING,
    HERITAGE,
    LOST_SECRET,
    CHANGED,
    OUTDATED,
    ROTATION,
    VIEWS,
    LIFE_BY_OKTA,
];

impl Circle {
    fn has(&self, is: impl Fn(Begin) -> bool) -> bool {
        self.flows.iter().any(|flow| is(flow.begin))
    }

    /// The managed database.
    pub fn database(&self) -> &'static str {
        match self.mode {
            Mode::Create => "immuta",
            Mode::Existing => "lake",
        }
    }

    /// The database that its deletions drop.
    pub fn dropped(&self) -> Option<&'static str> {
        let drops = self.has(|begin| matches!(begin, Delete | DeleteConfirmed));
        (drops && self.mode == Mode::Create).then_some(self.database())
    }

    /// Whether others have work in the way of its deletions.
    pub fn has_obstacles(&self) -> bool {
        self.has(|begin| matches!(begin, DeleteConfirmed))
    }

    /// Whether there are tables of which views are made, and people who read them.
    pub fn has_views(&self) -> bool {
        self.start == Some(VIEWS_ON)
    }

    /// Whether what others change is mended.
    pub fn is_repaired(&self) -> bool {
        self.has(|begin| matches!(begin, Change))
    }

    /// Whether what it sets up outlives the resource.
    pub fn is_retained(&self) -> bool {
        self.has(|begin| matches!(begin, Leave))
    }
}
