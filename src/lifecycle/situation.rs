//! What was observed in the warehouse.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::contents::Contents;
use super::definitions::Definitions;
use super::{Failure, Setup, brief};
use crate::api::{Reason, Remedy};
use crate::scripts::{CLAIM_USER, POLICY_VIEWS_VERSION, SCHEMA_VERSION};

/// Id of a user in the warehouse (`usesysid`), as text: an integer on Redshift. It stays when the user is renamed.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UserId(String);

impl UserId {
    /// An id, as the catalogue prints it.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// As the catalogue prints it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The answer to a look-up. Redshift hides other identities' grants from ordinary users, so that
/// "there is none" and "I can't see" are different answers, and are never taken for each other.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen<T> {
    /// What is there; nothing else is.
    Yes(T),
    /// It can't be told, and why.
    No(Unseen),
}

/// Why something can't be told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Unseen {
    /// Nothing depends on it.
    NotAsked,
    /// The server refuses the look-up.
    Refused {
        /// Which.
        look_up: &'static str,
        /// The server's code: the same at each try.
        sqlstate: String,
    },
    /// This account doesn't see what belongs to others.
    Hidden {
        /// Its name.
        from: String,
    },
    /// The answer isn't one that is known.
    Unknown(String),
}

impl fmt::Display for Unseen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => formatter.write_str("nobody asked"),
            Self::Refused { look_up, sqlstate } => {
                write!(formatter, "the look-up {look_up} is refused, SQLSTATE {sqlstate}")
            }
            Self::Hidden { from } => {
                write!(formatter, "{from} is no superuser and has no role with ACCESS SYSTEM TABLE")
            }
            Self::Unknown(answer) => formatter.write_str(answer),
        }
    }
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
    pub users: BTreeMap<String, UserId>,
    /// All databases that can be connected to, with the ids of their owners.
    pub databases: BTreeMap<String, UserId>,
    /// All roles, with their owners. An account that is no superuser may not see all of them.
    pub roles: Seen<BTreeMap<String, String>>,
    /// The roles and system privileges that the account holds, directly or through other roles.
    pub held: Seen<BTreeSet<String>>,
    /// The databases on which the account may pass CREATE on to others, without being their owner.
    pub grantable_databases: Seen<BTreeSet<String>>,
    /// Whether quoted identifiers keep their case.
    pub case_sensitive_identifiers: Seen<bool>,
    /// Whether everybody may use the language of the procedures.
    pub language_is_public: Seen<bool>,
    /// What `db_collation()` says in a managed database that was there before.
    pub collation: Option<Seen<String>>,
}

impl WarehouseFacts {
    /// An ordinary user sees grants to identities of its own: what it finds is then not all there is.
    /// <https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_SCHEMA_PRIVILEGES.html>
    #[must_use]
    pub fn all_grants<T>(&self, grants: Seen<T>) -> Seen<T> {
        let sees_all =
            self.account.superuser || matches!(&self.held, Seen::Yes(held) if held.contains("ACCESS SYSTEM TABLE"));
        match grants {
            Seen::Yes(_) if !sees_all => Seen::No(Unseen::Hidden { from: self.account.name.clone() }),
            other => other,
        }
    }
}

/// A member of the impersonation role.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Member {
    /// A user, and whether it may make others members.
    User(String, bool),
    /// A role.
    Role(String),
}

impl Member {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::User(name, _) | Self::Role(name) => name,
        }
    }
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
    /// The very user that was made for this integration, as its id says; the password in our Secret is refused.
    LockedOut(UserId),
    /// Whose it is can't be told right now.
    Unproven(String),
}

impl Standing {
    /// Whose a user is, by its id, whom the password in our Secret doesn't log in; `made` is the id that the
    /// Secret remembers.
    ///
    /// The very user that was made and has another password now is not taken for somebody else's: a deletion
    /// would leave it behind, and all that it owns.
    #[must_use]
    pub fn of_refused_login(found: Option<&UserId>, made: Option<&UserId>) -> Self {
        match made {
            Some(made) if found == Some(made) => Self::LockedOut(made.clone()),
            _ => Self::Foreign("the password in the resource's Secret is refused".to_owned()),
        }
    }

    /// Why nothing may be done about it, if it is `what` and can't be told to be ours or others'.
    #[must_use]
    pub fn unproven(&self, what: &str) -> Option<String> {
        match self {
            Self::LockedOut(id) => Some(format!(
                "the user {what} is the one that was made for this integration (usesysid {id}), but the password in the \
                 resource's Secret is refused"
            )),
            Self::Unproven(why) => Some(why.clone()),
            Self::Absent | Self::Ours | Self::Foreign(_) => None,
        }
    }
}

/// Whose the managed database is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ManagedDatabase {
    /// There is none.
    Absent,
    /// Ours to use, and nothing of ours is in it yet.
    Empty,
    /// Its registry says that it is ours.
    Registered(Registry),
    /// Somebody else's, and why we know.
    Foreign(String),
    /// Whose it is can't be told right now.
    Unproven(String),
}

impl ManagedDatabase {
    /// Whose a database of the mode `Create` is that the system account can enter and that has no registry.
    #[must_use]
    pub fn without_registry(
        database: &str,
        contents: &Contents,
        facts: &WarehouseFacts,
        claim: &Standing,
        account: &str,
    ) -> Self {
        let owner_id = facts.databases.get(database);
        let belongs_to = |user: &str| owner_id.is_some() && facts.users.get(user) == owner_id;
        let owner = facts.users.keys().find(|user| belongs_to(user)).map_or("somebody unknown", String::as_str);
        // Only with the claim do we create one: without it, it is somebody else's.
        if *claim != Standing::Ours && !belongs_to(account) {
            return Self::Foreign(format!("it belongs to {owner}"));
        }
        // What can't be told is never taken for others': a deletion would leave it behind.
        if !contents.is_empty() {
            return Self::Unproven(format!(
                "the database {database} belongs to {owner}, has no registry, and holds others' work (move or drop it): {}",
                brief::list(contents.foreign())
            ));
        }
        // A lesser admin can't give the database away: then the claim and the Secret, which names the
        // database, are the proof.
        let was_kept_by_admin = !facts.account.superuser && belongs_to(&facts.account.name);
        if belongs_to(account) || was_kept_by_admin {
            return Self::Empty;
        }
        Self::Unproven(format!(
            "the database {database} is empty and belongs to {owner} (if this integration made it, put {owner} into the \
             Secret again, else drop it or choose another name)"
        ))
    }
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
    /// What is set up, or is being set up.
    pub setup: Setup,
    /// What the server showed of it right after it was made; nothing until that was recorded.
    pub definitions: Option<Definitions>,
    /// The claim's id, recorded with that.
    pub claim_user_id: Option<UserId>,
}

/// How what is set up compares with what this version of the operator sets up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Schema {
    /// It is the same.
    Current,
    /// An older version has set it up.
    Older,
    /// A newer version has set it up, or migrated it.
    Newer,
}

impl Registry {
    /// What it says of an integration that was set up so, and whose UID isn't known.
    #[must_use]
    pub fn of_whole(applied: &Setup) -> Self {
        Self {
            integration_uid: String::new(),
            state: RegistryState::Complete,
            fencing_counter: 2,
            schema_version: SCHEMA_VERSION.into(),
            applied_hash: applied.hash(),
            setup: applied.clone(),
            definitions: None,
            claim_user_id: None,
        }
    }

    /// Whether the integration of this UID is set up whole, by whatever version of the operator.
    #[must_use]
    pub fn is_complete_for(&self, uid: &str) -> bool {
        self.integration_uid == uid && self.state == RegistryState::Complete
    }

    /// Whether it is, and as this version sets it up.
    #[must_use]
    pub fn is_current_for(&self, uid: &str) -> bool {
        self.is_complete_for(uid) && self.schema() == Schema::Current
    }

    /// How what is set up compares with what this version of the operator sets up.
    #[must_use]
    pub fn schema(&self) -> Schema {
        let (with, without) = (i64::from(POLICY_VIEWS_VERSION), i64::from(SCHEMA_VERSION));
        match self.schema_version {
            version if version < without => Schema::Older,
            version if version > with => Schema::Newer,
            _ => Schema::Current,
        }
    }

    /// Whether what policy-enforced views stand on is there.
    #[must_use]
    pub fn has_policy_views(&self) -> bool {
        self.schema_version == i64::from(POLICY_VIEWS_VERSION)
    }

    /// Why nothing is done where that differs.
    #[must_use]
    pub fn failure_of_schema(&self) -> Failure {
        let (there, ours) = (self.schema_version, SCHEMA_VERSION);
        let (reason, message) = match self.schema() {
            Schema::Newer => (
                Reason::SchemaNewer,
                format!(
                    "a newer version of the operator has set this up (schema version {there}; this one knows \
                     {POLICY_VIEWS_VERSION}); nothing is touched"
                ),
            ),
            Schema::Older | Schema::Current => (
                Reason::SchemaOlder,
                format!(
                    "an older version of the operator has set this up (schema version {there}; this one sets up {ours}), and \
                     this one can't migrate it; nothing is touched"
                ),
            ),
        };
        Failure::stalled(reason, message).remedy(Remedy::new("install that version of the operator again"))
    }
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

impl RegistryState {
    /// As the registry writes it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applying => "applying",
            Self::Complete => "complete",
            Self::Deleting => "deleting",
        }
    }
}

/// What in the warehouse is ours, proven there and not read from a record of our own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ownership {
    /// The claim on the warehouse.
    pub claim: Standing,
    /// The system account.
    pub system_account: Standing,
    /// The name that the system account has now; the wanted one where there is none.
    pub system_account_name: String,
    /// Whose the user is that has the wanted name, where the account has another one.
    pub wanted_account: Standing,
    /// The roles that are there with one of our names: those that are wanted, recorded or registered.
    pub roles: BTreeMap<String, Standing>,
    /// The managed database.
    pub database: ManagedDatabase,
}

impl Ownership {
    /// Nothing is there that has a name of ours.
    #[must_use]
    pub fn nothing(wanted_account: &str) -> Self {
        Self {
            claim: Standing::Absent,
            system_account: Standing::Absent,
            system_account_name: wanted_account.to_owned(),
            wanted_account: Standing::Absent,
            roles: BTreeMap::new(),
            database: ManagedDatabase::Absent,
        }
    }

    /// All that there is of an integration that was set up so, and whose it is.
    #[must_use]
    pub fn whole(applied: &Setup) -> Self {
        let registry = Registry::of_whole(applied);
        Self {
            claim: Standing::Ours,
            system_account: Standing::Ours,
            roles: applied.impersonation_role.iter().map(|role| (role.clone(), Standing::Ours)).collect(),
            database: ManagedDatabase::Registered(registry),
            ..Self::nothing(&applied.system_account)
        }
    }

    /// Whether anything is proven to be ours.
    #[must_use]
    pub fn holds_anything(&self) -> bool {
        self.claim == Standing::Ours
            || self.system_account == Standing::Ours
            || self.own_roles().next().is_some()
            || matches!(self.database, ManagedDatabase::Registered(_))
    }

    /// Our roles.
    pub fn own_roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().filter(|(_, standing)| **standing == Standing::Ours).map(|(name, _)| name.as_str())
    }

    /// Whose a role is.
    #[must_use]
    pub fn role(&self, name: &str) -> &Standing {
        self.roles.get(name).unwrap_or(&Standing::Absent)
    }

    /// Why it can't be told what is ours, where it can't.
    #[must_use]
    pub fn unproven(&self) -> Option<String> {
        let account = self.system_account_name.as_str();
        let users = [(CLAIM_USER, &self.claim), (account, &self.system_account), (account, &self.wanted_account)];
        let roles = self.roles.iter().map(|(role, standing)| (role.as_str(), standing));
        let of_standing = users.into_iter().chain(roles).find_map(|(what, standing)| standing.unproven(what));
        of_standing.or(match &self.database {
            ManagedDatabase::Unproven(why) => Some(why.clone()),
            _ => None,
        })
    }

    /// Whether one of our users is there, and our password for it is refused.
    #[must_use]
    pub fn is_locked_out(&self) -> bool {
        [&self.claim, &self.system_account].into_iter().any(|standing| matches!(standing, Standing::LockedOut(_)))
    }
}
