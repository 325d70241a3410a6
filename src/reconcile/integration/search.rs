//! What in the warehouse is ours, proven there: a user is ours if the password that only our Secret
//! holds logs in; a role, if that user may grant it; a database, if its registry names us, or if it is
//! empty and belongs to that user.

use std::collections::BTreeMap;

use super::error::Error;
use super::look;
use crate::api::DatabaseMode;
use crate::lifecycle::contents::Contents;
use crate::lifecycle::login::Described;
use crate::lifecycle::proof::{Entry, FoundAccount, Heritage, Inside, Proof};
use crate::lifecycle::{
    Credentials, ManagedDatabase, Ownership, Seen, Setup, Standing, SystemAccount, UserId, WarehouseFacts,
};
use crate::ports::{ConnectError, SessionOf, Target, Warehouses, World};
use crate::scripts::CLAIM_USER;

/// The way into a warehouse for whoever sets things up.
pub struct Access<'a, W: World> {
    /// Makes connections.
    pub warehouses: &'a W::Warehouses,
    /// Where to.
    pub target: Target,
    /// The database that is there in any case.
    pub initial_database: String,
    /// How the account that sets things up logs in.
    pub admin: Credentials,
    /// What AWS says of the warehouse, if it was asked.
    pub described: Option<Described>,
}

impl<W: World> Clone for Access<'_, W> {
    fn clone(&self) -> Self {
        let Self { warehouses, target, initial_database, admin, described } = self;
        let (target, initial_database, admin) = (target.clone(), initial_database.clone(), admin.clone());
        Self { warehouses, target, initial_database, admin, described: described.clone() }
    }
}

impl<W: World> Access<'_, W> {
    /// A connection to the initial database.
    pub async fn enter(&self) -> Result<SessionOf<W>, ConnectError> {
        self.enter_database(&self.initial_database).await
    }

    /// A connection to a database.
    pub async fn enter_database(&self, database: &str) -> Result<SessionOf<W>, ConnectError> {
        let entered = self.log_in(&self.admin, database).await;
        entered.map_err(|error| error.with_state(self.described.as_ref()))
    }

    /// A connection to a database as somebody.
    pub async fn log_in(&self, credentials: &Credentials, database: &str) -> Result<SessionOf<W>, ConnectError> {
        self.warehouses.connect(&self.target, credentials, database).await
    }

    /// A connection to a database as one of our users.
    pub async fn log_in_as_ours(
        &self,
        credentials: &[Credentials],
        database: &str,
    ) -> Result<SessionOf<W>, ConnectError> {
        let logged_in = log_in_as_ours::<W>(self.warehouses, &self.target, credentials, database).await;
        logged_in.map(|(session, _)| session)
    }
}

/// A connection to a database as one of our users, with whichever of the credentials works: while passwords are rotated, or
/// the account is renamed, it can be any of several.
pub async fn log_in_as_ours<'c, W: World>(
    warehouses: &W::Warehouses,
    target: &Target,
    credentials: &'c [Credentials],
    database: &str,
) -> Result<(SessionOf<W>, &'c Credentials), ConnectError> {
    let mut refused = None;
    for credentials in credentials {
        match warehouses.connect(target, credentials, database).await {
            Ok(session) => return Ok((session, credentials)),
            Err(error) if error.is_refused_login() => refused = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(refused.expect("the Secret holds a password at least"))
}

/// What is needed to find out.
pub struct Search<'a, W: World> {
    /// The way in.
    pub access: &'a Access<'a, W>,
    /// What there would be.
    pub wanted: &'a Setup,
    /// UID of the integration.
    pub uid: &'a str,
    /// The passwords that prove it.
    pub account: Option<&'a SystemAccount>,
}

/// What was found.
pub struct Finding {
    /// What is ours.
    pub ownership: Ownership,
    /// What is in the managed database.
    pub contents: Contents,
    /// What `db_collation()` says there, if it was there before.
    pub collation: Option<Seen<String>>,
    /// The registry in the managed database, where that isn't ours by its users: another integration's, or
    /// ours, if the passwords were lost.
    pub registered: Option<Heritage>,
}

/// The managed database, as far as it was found.
struct Database<S> {
    standing: ManagedDatabase,
    managed: Option<S>,
    contents: Contents,
    collation: Option<Seen<String>>,
    registered: Option<Heritage>,
}

impl<S> Database<S> {
    fn of(standing: ManagedDatabase) -> Self {
        Self { standing, managed: None, contents: Contents::default(), collation: None, registered: None }
    }
}

const NO_PASSWORD: &str = "no Secret of this resource holds its password";

impl<W: World> Search<'_, W> {
    /// Finds out. With it comes a connection to the managed database as the system account, where it logs in.
    pub async fn run(&self, facts: &WarehouseFacts) -> Result<(Finding, Option<SessionOf<W>>), Error> {
        let claim = match self.account {
            _ if !facts.users.contains_key(CLAIM_USER) => Standing::Absent,
            None => Standing::Foreign(NO_PASSWORD.to_owned()),
            Some(account) => {
                let made = account.ids.as_ref().map(|ids| &ids.claim);
                self.log_in(CLAIM_USER, &account.claim_credentials(), facts, made).await?.0
            }
        };
        let (account, entered) = self.system_account(facts).await?;
        let proof = Proof { wanted: self.wanted, uid: self.uid, facts };
        let database = self.database(proof, &claim, &account, entered).await?;
        let recorded = self.account.into_iter().flat_map(SystemAccount::roles);
        let ownership = Ownership {
            claim,
            wanted_account: proof.wanted_account(&account),
            roles: proof.roles(recorded, &account, &database.standing),
            system_account: account.standing,
            system_account_name: account.name,
            database: database.standing,
        };
        let Database { managed, contents, collation, registered, .. } = database;
        Ok((Finding { ownership, contents, collation, registered }, managed))
    }

    /// Whether one of the passwords is the user's.
    async fn log_in(
        &self,
        user: &str,
        credentials: &[Credentials],
        facts: &WarehouseFacts,
        made: Option<&UserId>,
    ) -> Result<(Standing, Option<SessionOf<W>>), Error> {
        match self.access.log_in_as_ours(credentials, &self.access.initial_database).await {
            Ok(session) => {
                look::prove(&session).await?;
                Ok((Standing::Ours, Some(session)))
            }
            Err(error) if error.is_refused_login() => {
                Ok((Standing::of_refused_login(facts.users.get(user), made), None))
            }
            Err(error) => Ok((Standing::Unproven(error.to_string()), None)),
        }
    }

    /// The same of the system account, in the managed database. What that doesn't let in may still be ours: then nothing is
    /// told from it.
    async fn enter_as(
        &self,
        credentials: &[Credentials],
        facts: &WarehouseFacts,
    ) -> Result<Option<SessionOf<W>>, Error> {
        let name = self.wanted.database.as_str();
        if !facts.databases.contains_key(name) {
            return Ok(None);
        }
        let Ok(session) = self.access.log_in_as_ours(credentials, name).await else { return Ok(None) };
        look::prove(&session).await?;
        Ok(Some(session))
    }

    /// Looks for it under each name that it can have. With it comes its connection to the managed database, if that was
    /// the proof.
    async fn system_account(&self, facts: &WarehouseFacts) -> Result<(FoundAccount, Option<SessionOf<W>>), Error> {
        let wanted = &self.wanted.system_account;
        let mut found = FoundAccount { name: wanted.clone(), standing: Standing::Absent, own_roles: BTreeMap::new() };
        let known = self.account.into_iter().flat_map(SystemAccount::account_names);
        for name in known.filter(|name| facts.users.contains_key(*name)) {
            let credentials = self.account.map(|account| account.credentials(name)).unwrap_or_default();
            if let Some(session) = self.enter_as(&credentials, facts).await? {
                let own_roles = look::own_roles(&session, name).await?;
                let found = FoundAccount { name: name.to_owned(), standing: Standing::Ours, own_roles };
                return Ok((found, Some(session)));
            }
            let made = self.account.and_then(|account| account.ids.as_ref()).map(|ids| &ids.account);
            let (standing, session) = self.log_in(name, &credentials, facts, made).await?;
            if let Some(session) = session {
                let own_roles = look::own_roles(&session, name).await?;
                return Ok((FoundAccount { name: name.to_owned(), standing, own_roles }, None));
            }
            // Of two names one is the former, which somebody else may have taken.
            if found.standing == Standing::Absent || standing.unproven(name).is_some() {
                (found.name, found.standing) = (name.to_owned(), standing);
            }
        }
        if found.standing == Standing::Absent && facts.users.contains_key(wanted) {
            found.standing = Standing::Foreign(NO_PASSWORD.to_owned());
        }
        Ok((found, None))
    }

    async fn database(
        &self,
        proof: Proof<'_>,
        claim: &Standing,
        account: &FoundAccount,
        entered: Option<SessionOf<W>>,
    ) -> Result<Database<SessionOf<W>>, Error> {
        let name = self.wanted.database.as_str();
        let known = self.account.map(|known| known.credentials(&account.name)).filter(|known| !known.is_empty());
        let (credentials, as_account) = match (proof.entry(account), known) {
            (Entry::Nobody(standing), _) => return Ok(Database::of(*standing)),
            (Entry::Account, Some(credentials)) => (credentials, true),
            _ => (vec![self.access.admin.clone()], false),
        };
        let session = match entered {
            Some(session) if as_account => Ok(session),
            _ => self.access.log_in_as_ours(&credentials, name).await,
        };
        let session = match session {
            Ok(session) => session,
            Err(ConnectError::DatabaseMissing { .. }) => {
                // Redshift doesn't say how soon a new database can be entered.
                return Ok(Database::of(ManagedDatabase::Unproven(format!("{name} can't be entered yet"))));
            }
            Err(error) => return Ok(Database::of(ManagedDatabase::Unproven(error.to_string()))),
        };
        let contents = look::contents(&session).await?;
        let existing = self.wanted.database_mode == DatabaseMode::Existing;
        let collation = if existing { Some(look::collation(&session).await?) } else { None };
        let registry = if contents.has_registry() { Some(look::registry(&session, name).await?) } else { None };
        let inside = Inside { as_account, contents: &contents, registry };
        let (standing, registered) = proof.managed_database(claim, account, inside);
        let is_ours = matches!(standing, ManagedDatabase::Registered(_) | ManagedDatabase::Empty);
        let managed = (as_account && (is_ours || registered.is_some())).then_some(session);
        if !is_ours {
            return Ok(Database { managed, registered, ..Database::of(standing) });
        }
        Ok(Database { standing, managed, contents, collation, registered })
    }
}
