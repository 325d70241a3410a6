//! A warehouse in memory, and the sessions that change it.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::{ExposeSecret, SecretString};

use super::views::tables::Tables;
use super::views::{Policy, Temporary, is_of_profiles};
use crate::lifecycle::Registry;
use crate::scripts::{Password, Statement};

/// The database that is connected to first.
pub const INITIAL: &str = "dev";
/// A database of others that an integration can be put into.
pub const EXISTING: &str = "lake";

/// With which the accounts log in that set things up.
pub const PASSWORD_OF_ADMINS: &str = "Password-0";

/// What a server keeps of a password, and takes in its place.
pub fn digest(password: &str, user: &str) -> String {
    let password = Password::new(SecretString::from(password)).unwrap();
    password.md5_for(user).expose_secret().to_owned()
}

/// Who made something: what no operator knows, and every invariant goes by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Maker {
    /// The integration with that UID.
    Integration(String),
    /// Somebody else.
    Others,
}

impl Maker {
    pub fn is(&self, uid: &str) -> bool {
        matches!(self, Self::Integration(own) if own == uid)
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    pub id: u32,
    /// What the server keeps of it. Without one nobody logs in: a new name makes the old one worthless.
    pub password: Option<String>,
    pub maker: Maker,
    /// Whether it may open no connection: CONNECTION LIMIT 0.
    pub is_closed: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Role {
    pub owner: u32,
    pub maker: Maker,
    /// Its members, and whether they may make others members.
    pub members: BTreeMap<String, bool>,
    /// Whether a registry has ever named it in a complete integration.
    pub in_service: bool,
}

/// A schema, or something in one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Object {
    pub kind: Kind,
    pub owner: u32,
    pub maker: Maker,
    /// Whether PUBLIC holds something on it.
    pub public: bool,
    /// Users and roles that hold something on it.
    pub grantees: BTreeSet<String>,
    /// What a server shows of its definition.
    pub text: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Schema,
    Relation,
    /// A view that reads ours.
    Reader,
    /// Any other, which binds late.
    View,
    Routine,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Database {
    pub owner: u32,
    pub maker: Maker,
    pub public: bool,
    /// Ids of users that hold all privileges on it, and of those who gave them these.
    pub granted: BTreeSet<(u32, u32)>,
    /// Objects by schema and name; a schema's own name is empty.
    pub objects: BTreeMap<(String, String), Object>,
    pub registry: Option<Registry>,
    pub keys: u64,
    /// What is in the tables that policy-enforced views stand on.
    pub policy: Policy,
    /// Whether default privileges for future functions are set.
    pub defaults: bool,
    /// Somebody is connected.
    pub in_use: bool,
    /// What others granted to our roles here.
    pub granted_by_others: BTreeSet<String>,
}

impl Database {
    /// What isn't there of what an integration sets up: what this invariant says is not taken from the operator.
    pub fn missing(&self, impersonation: bool, policy_views: bool) -> Vec<(&'static str, &'static str)> {
        let always = [
            ("immuta_system", ""),
            ("immuta_functions", ""),
            ("immuta_procedures", ""),
            ("immuta_system", "registry_lock"),
            ("immuta_system", "registry"),
            ("immuta_system", "profile"),
            ("immuta_system", "impersonation_key"),
            ("immuta_system", "user_profile"),
        ];
        let procedures = ["impersonate_user", "grant_impersonation", "revoke_impersonation"];
        let of_views = ["entitlement", "masking_key", "data_source", "user_entitlements"];
        let wanted = always
            .into_iter()
            .chain(procedures.map(|name| ("immuta_procedures", name)).into_iter().take(if impersonation {
                3
            } else {
                0
            }))
            .chain(of_views.map(|name| ("immuta_system", name)).into_iter().take(if policy_views { 4 } else { 0 }));
        wanted
            .filter(|(schema, name)| !self.objects.contains_key(&((*schema).to_owned(), (*name).to_owned())))
            .collect()
    }

    pub fn is_granted_to(&self, id: u32) -> bool {
        self.granted.iter().any(|(grantee, _)| *grantee == id)
    }

    pub fn new(owner: u32, maker: Maker) -> Self {
        Self {
            owner,
            maker,
            public: true,
            granted: BTreeSet::new(),
            objects: BTreeMap::new(),
            registry: None,
            keys: 0,
            policy: Policy::default(),
            defaults: false,
            in_use: false,
            granted_by_others: BTreeSet::new(),
        }
    }
}

/// What the account from the user's Secret may do and see.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Power {
    Superuser,
    /// With `sys:secadmin`, CREATEDB and ACCESS SYSTEM TABLE.
    Seeing,
    /// Without the last.
    Blind,
}

impl Power {
    /// The account that has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Superuser => "superuser",
            Self::Seeing => "seeing",
            Self::Blind => "blind",
        }
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Warehouse {
    pub users: BTreeMap<String, User>,
    pub roles: BTreeMap<String, Role>,
    pub databases: BTreeMap<String, Database>,
    /// Tables of others', where views are played.
    pub tables: Tables,
    pub admin: Power,
    /// Whether users and roles roll back: AWS doesn't document that they do.
    pub users_roll_back: bool,
    pub next_id: u32,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LoginError {
    Refused,
    DatabaseMissing,
    /// The user may open no connection.
    Full,
}

/// What the server says while somebody is connected to what is to be dropped.
pub const IN_USE: &str = "in use";

impl Warehouse {
    pub fn new(admin: Power, users_roll_back: bool) -> Self {
        let user = |(name, id): (&str, u32)| {
            let password = Some(digest(PASSWORD_OF_ADMINS, name));
            (name.to_owned(), User { id, password, maker: Maker::Others, is_closed: false })
        };
        Self {
            users: ["superuser", "analyst", "seeing", "blind"].into_iter().zip(1..).map(user).collect(),
            roles: BTreeMap::new(),
            databases: [INITIAL, EXISTING]
                .into_iter()
                .map(|name| (name.to_owned(), Database::new(1, Maker::Others)))
                .collect(),
            tables: Tables::new(),
            admin,
            users_roll_back,
            next_id: 100,
        }
    }

    pub fn log_in(&self, user: &str, password: &str, database: &str) -> Result<Session, LoginError> {
        let known = self.users.get(user).ok_or(LoginError::Refused)?;
        if known.password.as_ref() != Some(&digest(password, user)) {
            return Err(LoginError::Refused);
        }
        if !self.databases.contains_key(database) {
            return Err(LoginError::DatabaseMissing);
        }
        if known.is_closed {
            return Err(LoginError::Full);
        }
        let database = database.to_owned();
        let (user, temporary) = (known.id, Temporary::default());
        Ok(Session { user, acting: user, database, transaction: None, is_aborted: false, temporary })
    }

    pub fn name_of(&self, id: u32) -> Option<&str> {
        self.users.iter().find(|(_, user)| user.id == id).map(|(name, _)| name.as_str())
    }

    pub fn is_admin(&self, id: u32) -> bool {
        [Power::Superuser, Power::Seeing, Power::Blind].iter().any(|power| self.users[power.name()].id == id)
    }

    pub fn is_superuser(&self, id: u32) -> bool {
        self.users[Power::Superuser.name()].id == id
    }

    pub fn take_id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id
    }

    /// What one integration made is another's from now on.
    pub fn pass_on(&mut self, former: &str, heir: &str) {
        let databases = self.databases.values_mut();
        let inside = databases.flat_map(|it| it.objects.values_mut().map(|it| &mut it.maker).chain([&mut it.maker]));
        let users = self.users.values_mut().map(|user| &mut user.maker);
        let roles = self.roles.values_mut().map(|role| &mut role.maker);
        for maker in inside.chain(users).chain(roles).filter(|maker| maker.is(former)) {
            *maker = Maker::Integration(heir.to_owned());
        }
    }

    /// The databases whose registry names another integration than it did: who that was, and who it is.
    pub fn handed_over_since(&self, before: &Self) -> Vec<(String, String, String)> {
        let uid = |database: &Database| Some(database.registry.as_ref()?.integration_uid.clone());
        let pairs =
            before.databases.iter().filter_map(|(name, former)| Some((name, former, self.databases.get(name)?)));
        pairs
            .filter_map(|(name, former, now)| Some((name.clone(), uid(former)?, uid(now)?)))
            .filter(|(_, former, now)| former != now)
            .collect()
    }

    /// What of others' a person can let go of together with an integration: objects in the database that it
    /// made, and what its users and roles were granted. Lines as in [`Self::of_others_than`].
    pub fn at_stake(&self, uid: &str) -> BTreeSet<String> {
        let is_own = |line: &str| {
            let mut made = self.databases.iter().filter(|(_, database)| database.maker.is(uid));
            made.any(|(name, _)| line.split(' ').nth(1).is_some_and(|what| what.starts_with(&format!("{name}."))))
        };
        let lines = self.of_others_than(uid).into_iter();
        lines.filter(|line| is_own(line) || line.contains(TO_OURS)).collect()
    }

    /// Everything in here that an integration didn't make, each in a line that changes with whatever is
    /// done to it.
    pub fn of_others_than(&self, uid: &str) -> BTreeSet<String> {
        let mut lines = BTreeSet::new();
        let owner = |id: u32| match self.users.values().find(|user| user.id == id) {
            None => "nobody".to_owned(),
            // What others gave our account is theirs, whatever the account is called.
            Some(_) => id.to_string(),
        };
        for (name, user) in self.users.iter().filter(|(_, user)| !user.maker.is(uid)) {
            lines.insert(format!("user {name} {user:?}"));
        }
        for (name, role) in self.roles.iter().filter(|(_, role)| !role.maker.is(uid)) {
            lines.insert(format!("role {name} {role:?}"));
        }
        for (name, database) in &self.databases {
            if !database.maker.is(uid) {
                let foreign =
                    |(id, _): &&(u32, u32)| self.users.values().all(|user| user.id != *id || !user.maker.is(uid));
                let granted: Vec<_> = database.granted.iter().filter(foreign).collect();
                lines.insert(format!("database {name} {} {} {granted:?}", owner(database.owner), database.public));
            }
            for ((schema, object), what) in database.objects.iter().filter(|(_, what)| !what.maker.is(uid)) {
                let text = if what.kind == Kind::View { what.text.as_str() } else { "" };
                lines.insert(format!("{:?} {name}.{schema}.{object} {} {text}", what.kind, owner(what.owner)));
                let is_ours = |user: &str| self.users.get(user).is_some_and(|user| user.maker.is(uid));
                lines.extend(grants(&what.grantees, is_ours, &format!("{name}.{schema}.{object}")));
            }
            if !database.maker.is(uid) {
                let is_ours = |role: &str| self.roles.get(role).is_some_and(|role| role.maker.is(uid));
                lines.extend(grants(&database.granted_by_others, is_ours, &format!("the database {name}")));
            }
        }
        lines.extend(self.others_of_views());
        lines
    }

    /// Everything that an integration made and that is still here.
    pub fn of(&self, uid: &str) -> Vec<String> {
        // Where users don't roll back, nothing proves an account that was renamed and has no password yet.
        let unprovable = |user: &User| user.maker.is(uid) && user.password.is_none();
        if !self.users_roll_back && self.users.values().any(unprovable) {
            return Vec::new();
        }
        let users = self.users.iter().filter(|(_, user)| user.maker.is(uid)).map(|(name, _)| format!("user {name}"));
        // Where roles don't roll back, nothing ties one to us whose creation was stopped before its grant:
        // it is taken for others', and a message says so.
        let tied = |role: &Role| self.users_roll_back || role.members.values().any(|admin| *admin);
        let roles = self.roles.iter().filter(|(_, role)| role.maker.is(uid) && tied(role));
        let roles = roles.map(|(name, _)| format!("role {name}"));
        let databases = self.databases.iter().flat_map(|(name, database)| {
            let own = database.maker.is(uid).then(|| format!("database {name}"));
            let objects = database.objects.iter().filter(|(_, object)| object.maker.is(uid));
            let grants = database.granted.iter().map(|(id, _)| id).filter(|id| self.name_of(**id).is_none());
            own.into_iter()
                .chain(objects.map(move |((schema, object), _)| format!("{name}.{schema}.{object}")))
                .chain(grants.map(move |id| format!("a grant on {name} to {id}, who is gone")))
        });
        users.chain(roles).chain(databases).collect()
    }
}

/// In a line about a grant.
const TO_OURS: &str = " to ours, number ";

/// A line for each grant. Those to what is ours are counted: their names don't outlive a renaming.
fn grants(grantees: &BTreeSet<String>, is_ours: impl Fn(&str) -> bool, on: &str) -> Vec<String> {
    let (ours, others): (Vec<_>, Vec<_>) = grantees.iter().partition(|grantee| is_ours(grantee));
    let ours = (0..ours.len()).map(|n| format!("grant-on {on}{TO_OURS}{n}"));
    ours.chain(others.into_iter().map(|grantee| format!("grant-on {on} to {grantee}"))).collect()
}

/// A connection.
#[derive(Debug)]
pub struct Session {
    pub user: u32,
    /// Who it acts as: a superuser can become somebody else.
    pub acting: u32,
    pub database: String,
    pub transaction: Option<Transaction>,
    /// A statement in the transaction was refused: so is all that comes behind it.
    pub is_aborted: bool,
    /// Its own tables.
    temporary: Temporary,
}

/// What was done in a transaction: seen by its session alone, and done again, behind whatever others did
/// meanwhile, when it commits. So two changes behind the lock exclude each other, as they do there: the
/// check of the registry is a part of the transaction.
#[derive(Debug)]
pub struct Transaction {
    own: Box<Warehouse>,
    log: Vec<(u32, Statement)>,
    /// The session's own tables as they were when it began.
    temporary: Temporary,
}

impl Session {
    /// Executes a statement for an integration.
    pub fn execute(&mut self, shared: &mut Warehouse, uid: &str, statement: &Statement) -> Result<(), String> {
        if self.is_aborted && statement.name() != "rollback" {
            return Err("the transaction is aborted".to_owned());
        }
        let done = self.try_to(shared, uid, statement);
        if done.is_err() {
            self.refuse();
        }
        done
    }

    /// What it sees: its own changes with it.
    pub fn seen<'w>(&'w self, shared: &'w Warehouse) -> &'w Warehouse {
        self.transaction.as_ref().map_or(shared, |transaction| &transaction.own)
    }

    /// A statement is refused, whatever it is.
    pub fn refuse(&mut self) {
        self.is_aborted = self.transaction.is_some();
    }

    fn try_to(&mut self, shared: &mut Warehouse, uid: &str, statement: &Statement) -> Result<(), String> {
        match statement.name() {
            "begin" | "begin-change" => {
                let (own, temporary) = (Box::new(shared.clone()), self.temporary.clone());
                self.transaction = Some(Transaction { own, log: Vec::new(), temporary });
            }
            "commit" | "commit-change" => {
                let transaction = self.transaction.take().ok_or("no transaction")?;
                self.temporary = transaction.temporary;
                let mut next = shared.clone();
                for (acting, statement) in &transaction.log {
                    change(&mut next, &mut self.temporary, *acting, &self.database, uid, statement)?;
                }
                *shared = next;
            }
            "rollback" => {
                self.is_aborted = false;
                if let Some(transaction) = self.transaction.take() {
                    self.temporary = transaction.temporary;
                }
            }
            "become-system-account" | "become-grantor" => {
                let seen = self.transaction.as_ref().map_or(&*shared, |transaction| &transaction.own);
                if !seen.is_superuser(self.user) {
                    return Err("only a superuser may".to_owned());
                }
                let name = super::statements::identifier(statement.text(), 0);
                self.acting = seen.users.get(&name).ok_or("no such user")?.id;
            }
            "become-admin" => self.acting = self.user,
            _ => match &mut self.transaction {
                None => change(shared, &mut self.temporary, self.acting, &self.database, uid, statement)?,
                Some(transaction) => {
                    change(&mut transaction.own, &mut self.temporary, self.acting, &self.database, uid, statement)?;
                    if !shared.users_roll_back && is_of_users_and_roles(statement.name()) {
                        shared.change(self.acting, &self.database, uid, statement)?;
                    } else {
                        transaction.log.push((self.acting, statement.clone()));
                    }
                }
            },
        }
        Ok(())
    }
}

/// Executes a statement, whether it asks for tables of the session or not.
fn change(
    warehouse: &mut Warehouse,
    temporary: &mut Temporary,
    acting: u32,
    database: &str,
    uid: &str,
    statement: &Statement,
) -> Result<(), String> {
    if !is_of_profiles(statement.name()) {
        return warehouse.change(acting, database, uid, statement);
    }
    let is_superuser = warehouse.is_superuser(acting);
    let there = warehouse.databases.get_mut(database).ok_or("no such database")?;
    let mut tables =
        ["profile", "entitlement"].map(|name| there.objects.get(&("immuta_system".to_owned(), name.to_owned())));
    let is_owned = tables.iter_mut().all(|table| table.is_some_and(|it| is_superuser || it.owner == acting));
    super::statements::refuse(is_owned, "42501: permission denied")?;
    temporary.change(&mut there.policy, statement.name(), statement.text())
}

pub fn is_of_users_and_roles(name: &str) -> bool {
    matches!(
        name,
        "create-role"
            | "grant-role-to-system-account"
            | "give-role-to-system-account"
            | "grant-role-to-system-account-again"
            | "rename-system-account"
            | "set-password-of-renamed-account"
            | "change-own-password"
            | "rename-role"
            | "grant-role-to-user"
            | "grant-role-to-administrator"
            | "grant-role-to-role"
            | "drop-role"
    )
}
