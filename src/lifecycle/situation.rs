//! What was observed in the warehouse.

use std::collections::{BTreeMap, BTreeSet};

/// Id of a user in the warehouse (`usesysid`), as text: an integer on Redshift.
pub type AccountId = String;

/// The answer to a look-up. Redshift hides other identities' grants from ordinary users, so that
/// "there is none" and "I can't see" are different answers, and are never taken for each other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen<T> {
    /// What is there; nothing else is.
    Yes(T),
    /// It can't be told, and why.
    No(String),
}

/// The account that sets things up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// Its user name.
    pub name: String,
    /// Whether it is a superuser.
    pub superuser: bool,
    /// Whether it may create databases.
    pub may_create_databases: bool,
}

/// What the account that sets things up may do: it decides who owns what.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AccountPower {
    /// Everything.
    Superuser,
    /// What is needed, but not to give things to others.
    Lesser,
}

impl Account {
    /// What it may do.
    #[must_use]
    pub fn power(&self) -> AccountPower {
        if self.superuser { AccountPower::Superuser } else { AccountPower::Lesser }
    }
}

/// What the warehouse as a whole is, seen from the initial database.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WarehouseFacts {
    /// What `version()` says.
    pub version: String,
    /// The account that looked.
    pub account: Account,
    /// All users, with their ids.
    pub users: BTreeMap<String, AccountId>,
    /// All databases that can be connected to, with the ids of their owners.
    pub databases: BTreeMap<String, AccountId>,
    /// All roles.
    pub roles: Seen<BTreeSet<String>>,
    /// The roles and system privileges that the account holds, directly or through other roles.
    pub held: Seen<BTreeSet<String>>,
    /// Whether quoted identifiers keep their case.
    pub case_sensitive_identifiers: Seen<bool>,
}

/// Whose a user is that has the name of one of ours.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Standing {
    /// There is no such user.
    Absent,
    /// The password in our Secret logs in: nobody else knows it.
    Ours,
    /// Somebody else's, and why we know.
    Foreign(String),
    /// Whose it is can't be told right now.
    Unproven(String),
}

/// Whose the managed database is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ManagedDatabase {
    /// There is none.
    Absent,
    /// Ours, and nothing is in it yet.
    Empty,
    /// Its registry says that it is ours.
    Registered(Registry),
    /// Somebody else's, and why we know.
    Foreign(String),
    /// Whose it is can't be told right now.
    Unproven(String),
}

/// The row of the registry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Registry {
    /// UID of the integration.
    pub integration_uid: String,
    /// How far it has come.
    pub state: RegistryState,
    /// Raised with every change.
    pub fencing_counter: i64,
    /// Version of what was set up.
    pub schema_version: i64,
    /// SHA-256 (hex) of what was applied; empty until everything was.
    pub applied_hash: String,
    /// The system account.
    pub system_account: String,
}

/// How far an integration has come, says the registry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RegistryState {
    /// Not everything is there.
    Applying,
    /// Everything is there.
    Complete,
    /// It is being deleted.
    Deleting,
}

/// What in the warehouse is ours, proven there and not read from a record of our own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ownership {
    /// The claim on the warehouse.
    pub claim: Standing,
    /// The system account.
    pub system_account: Standing,
    /// The managed database.
    pub database: ManagedDatabase,
}

impl Ownership {
    /// Nothing is there that has a name of ours.
    pub const NOTHING: Self =
        Self { claim: Standing::Absent, system_account: Standing::Absent, database: ManagedDatabase::Absent };

    /// Whether anything is proven to be ours.
    #[must_use]
    pub fn holds_anything(&self) -> bool {
        self.claim == Standing::Ours
            || self.system_account == Standing::Ours
            || matches!(self.database, ManagedDatabase::Empty | ManagedDatabase::Registered(_))
    }

    /// Why it can't be told what is ours, where it can't.
    #[must_use]
    pub fn unproven(&self) -> Option<&str> {
        match (&self.claim, &self.system_account, &self.database) {
            (Standing::Unproven(why), _, _)
            | (_, Standing::Unproven(why), _)
            | (_, _, ManagedDatabase::Unproven(why)) => Some(why),
            _ => None,
        }
    }
}
