//! Carries out operations, one after the other. No choices are made here; the first failure ends it,
//! and the next look makes a new plan.

use std::time::Duration;

use secrecy::SecretString;
use tracing::info;

use super::error::Error;
use super::site::Site;
use super::work::Work;
use super::{look, refusals};
use crate::api::Reason;
use crate::lifecycle::checks::Watched;
use crate::lifecycle::obstacle::{Grant, Grantable};
use crate::lifecycle::proof::Heritage;
use crate::lifecycle::{
    Connection, Failure, ManagedDatabase, Operation, Place, Record, Registry, RegistryState, Subject, SystemAccount,
    UserId, UserIds, parameters,
};
use crate::ports::{ConnectError, Host, Session, SessionOf, StatementError, World};
use crate::scripts::{CLAIM_USER, Parameters, Section, Statement, statements};

/// Redshift doesn't say how soon a new database can be entered.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// How long a drop is tried again that our own connection may stand in the way of: the server can take
/// a moment to notice that it is closed. Others' connections are waited for between passes.
const OWN_CONNECTION_ENDS: Duration = Duration::from_secs(5);

/// What the operations of one pass work with.
pub struct Pass<'p, 'a, W: World> {
    /// What it works on.
    pub work: &'p mut Work<'a, W>,
    /// The warehouse, as it was found.
    pub site: &'p mut Site<'a, W>,
    /// Where it is, and what there is to be (or, in a deletion, what there is).
    pub place: Place,
    /// What the registry must say for the next change to go on.
    expected: Expected,
    /// The counter that the registry has after what this pass has committed, unless another one was at work meanwhile.
    committed_counter: i64,
    /// Digests of the obstacles to a deletion that a person has confirmed.
    pub confirmed: Vec<String>,
    /// Whether anything was sent that changes the warehouse, other than a statement refused.
    pub warehouse_touched: bool,
}

/// What the registry must say for a change to go on.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Whose it is.
    pub integration_uid: String,
    /// Its counter.
    pub fencing_counter: i64,
    /// Its state.
    pub state: RegistryState,
}

impl Expected {
    /// What was observed; where there is no registry yet, what the first transaction writes.
    fn of(database: &ManagedDatabase, uid: &str) -> Self {
        match database {
            ManagedDatabase::Registered(registry) => Self::from(registry),
            _ => Self { integration_uid: uid.to_owned(), fencing_counter: 1, state: RegistryState::Applying },
        }
    }

    fn becomes(&mut self, state: RegistryState) {
        self.state = state;
        self.fencing_counter += 1;
    }
}

impl From<&Registry> for Expected {
    fn from(registry: &Registry) -> Self {
        let Registry { integration_uid, fencing_counter, state, .. } = registry;
        Self { integration_uid: integration_uid.clone(), fencing_counter: *fencing_counter, state: *state }
    }
}

impl<'p, 'a, W: World> Pass<'p, 'a, W> {
    /// A pass in which nothing was done yet.
    pub fn new(work: &'p mut Work<'a, W>, site: &'p mut Site<'a, W>, place: Place) -> Self {
        let expected = Expected::of(&site.finding.ownership.database, &work.uid());
        Self::expecting(work, site, place, expected)
    }

    /// A pass on what another's registry describes, or one whose passwords are lost.
    pub fn on_heritage(
        work: &'p mut Work<'a, W>,
        site: &'p mut Site<'a, W>,
        place: Place,
        registry: &Registry,
    ) -> Self {
        Self::expecting(work, site, place, Expected::from(registry))
    }

    fn expecting(work: &'p mut Work<'a, W>, site: &'p mut Site<'a, W>, place: Place, expected: Expected) -> Self {
        let committed_counter = expected.fencing_counter;
        Self { work, site, place, expected, committed_counter, confirmed: Vec::new(), warehouse_touched: false }
    }

    /// The counter that the registry has after what this pass has committed, unless another one was at work meanwhile.
    pub fn committed_counter(&self) -> i64 {
        self.committed_counter
    }

    /// Carries out the operations.
    pub async fn apply(&mut self, operations: &[Operation]) -> Result<(), Error> {
        for operation in operations {
            info!(?operation, "carrying out");
            self.carry_out(operation).await?;
        }
        Ok(())
    }

    async fn carry_out(&mut self, operation: &Operation) -> Result<(), Error> {
        match operation {
            Operation::Record(Record::SettleSecret) => self.settle_secret().await,
            Operation::Record(what) => self.work.record(*what, &self.place, &self.confirmed).await,
            Operation::Run(connection, section, subject) => self.run(*connection, *section, subject).await,
            Operation::Revoke(grant) => self.revoke(grant).await,
            Operation::ProveNextPasswords => self.prove_next_passwords().await,
            Operation::Meet(heritage) => self.meet(heritage).await,
        }
    }

    fn parameters(&self, subject: &Subject) -> Parameters {
        let parameters = parameters(&self.place.setup, self.site.facts.account.power(), subject)
            .identifier("initial_database", &self.site.access.initial_database)
            .identifier("admin", &self.site.facts.account.name)
            .text("integration_uid", &self.expected.integration_uid)
            .text("new_integration_uid", &self.work.uid())
            .text("registry_state", self.expected.state.as_str())
            .secret("impersonation_key", self.work.context.host.generate_key())
            .integer("fencing_counter", self.expected.fencing_counter);
        self.passwords(parameters, subject)
    }

    fn passwords(&self, parameters: Parameters, subject: &Subject) -> Parameters {
        let Some(account) = &self.work.account else { return parameters };
        let hashed = |password: &crate::scripts::Password, user: &str| -> SecretString { password.md5_for(user) };
        let name = match subject {
            Subject::Renaming { new, .. } => new,
            _ => &self.place.setup.system_account,
        };
        let of_claim = account.claim_passwords().next().map(|password| hashed(password, CLAIM_USER));
        let of_account = account.passwords_of(name).next().map(|password| hashed(password, name));
        let masking_key = account.masking_key.as_ref().map(|key| key.secret().clone());
        [("claim_password", of_claim), ("system_account_password", of_account), ("masking_key", masking_key)]
            .into_iter()
            .filter_map(|(parameter, password)| Some((parameter, password?)))
            .fold(parameters, |parameters, (parameter, password)| parameters.secret(parameter, password))
    }

    async fn run(&mut self, connection: Connection, section: Section, subject: &Subject) -> Result<(), Error> {
        let statements = statements(section, &self.parameters(subject))?;
        if section == Section::DropDatabase {
            // Our own connections would stand in the way.
            (self.site.sessions.managed, self.site.sessions.managed_as_admin) = (None, None);
        }
        self.open(connection).await?;
        for statement in &statements {
            self.execute(connection, section, statement).await?;
        }
        match section {
            Section::Mended | Section::Migrated | Section::Rotated | Section::PolicyViewsSetUp => {
                self.expected.fencing_counter += 1;
            }
            Section::Complete => self.expected.becomes(RegistryState::Complete),
            Section::MarkDeleting => self.expected.becomes(RegistryState::Deleting),
            Section::TakeOver => {
                self.expected.integration_uid = self.work.uid();
                self.expected.fencing_counter += 1;
            }
            Section::CommitChange => self.committed_counter = self.expected.fencing_counter,
            // It logs in under another name from now on.
            Section::RenameAccount => self.site.sessions.managed = None,
            _ => {}
        }
        Ok(())
    }

    async fn execute(&mut self, connection: Connection, section: Section, statement: &Statement) -> Result<(), Error> {
        let host = &self.work.context.host;
        let started = host.elapsed();
        loop {
            let session = self.site.sessions.slot(connection).as_ref().expect("it was opened");
            let Err(error) = session.query(statement).await else {
                self.warehouse_touched = true;
                return Ok(());
            };
            let early = host.elapsed().saturating_sub(started) < OWN_CONNECTION_ENDS;
            if section == Section::DropDatabase && error.is_in_use() && early {
                host.sleep(BETWEEN_TRIES).await;
                continue;
            }
            return Err(self.failed(connection, error));
        }
    }

    /// A superuser revokes in the place of whoever granted.
    async fn revoke(&mut self, grant: &Grant) -> Result<(), Error> {
        let subject = Subject::Grant(grant.clone());
        let on = match grant.on {
            Grantable::Database(_) => Section::RevokeOnDatabase,
            Grantable::Schema(_) => Section::RevokeOnSchema,
            Grantable::Relation(..) => Section::RevokeOnRelation,
        };
        // One of its own: it ends as somebody else, should anything go wrong.
        let session = self.site.access.enter_database(&grant.database).await?;
        for section in [Section::BecomeGrantor, on] {
            session.execute(&statements(section, &self.parameters(&subject))?).await?;
        }
        self.warehouse_touched = true;
        Ok(())
    }

    /// Whatever transaction was open ends with the connection, on the server too.
    fn failed(&mut self, connection: Connection, error: StatementError) -> Error {
        if !error.definitely_refused() {
            // Whether it was done isn't known.
            self.warehouse_touched = true;
        }
        *self.site.sessions.slot(connection) = None;
        error.into()
    }

    async fn open(&mut self, connection: Connection) -> Result<(), Error> {
        if self.site.sessions.slot(connection).is_some() {
            return Ok(());
        }
        let managed = self.place.setup.database.clone();
        let (credentials, database) = match connection {
            Connection::InitialDatabase => {
                (vec![self.site.access.admin.clone()], self.site.access.initial_database.clone())
            }
            Connection::ManagedDatabaseAsAdmin => (vec![self.site.access.admin.clone()], managed),
            Connection::ManagedDatabase => (self.account().credentials(&self.place.setup.system_account), managed),
            Connection::InitialDatabaseAsClaim => {
                (self.account().claim_credentials(), self.site.access.initial_database.clone())
            }
        };
        let may_be_new = matches!(connection, Connection::ManagedDatabase | Connection::ManagedDatabaseAsAdmin);
        let mut tries = 1;
        let session = loop {
            match self.site.access.log_in_as_ours(&credentials, &database).await {
                Ok(session) => break session,
                Err(ConnectError::DatabaseMissing { .. }) if tries < TRIES && may_be_new => {
                    tries += 1;
                    self.work.context.host.sleep(BETWEEN_TRIES).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        *self.site.sessions.slot(connection) = Some(session);
        Ok(())
    }

    /// A connection, opened if need be.
    pub async fn session(&mut self, connection: Connection) -> Result<&SessionOf<W>, Error> {
        self.open(connection).await?;
        Ok(self.site.sessions.slot(connection).as_ref().expect("it was opened"))
    }

    fn account(&self) -> &SystemAccount {
        self.work.account.as_ref().expect("the Secret is made before anything is done as one of our users")
    }

    /// What the server has taken logs in. With what was there before, nothing more is done.
    async fn prove_next_passwords(&mut self) -> Result<(), Error> {
        let (sessions, account) = (&mut self.site.sessions, self.work.account.as_ref());
        (sessions.managed, sessions.claim) = (None, None);
        let name = &self.place.setup.system_account;
        let credentials = account.map(|account| (account.credentials(name), account.claim_credentials()));
        let (of_account, of_claim) = credentials.expect("the Secret holds the passwords that are to come");
        let access = &self.site.access;
        look::prove(&access.log_in_as_ours(&of_claim[..1], &access.initial_database).await?).await?;
        let managed = access.log_in_as_ours(&of_account[..1], &self.place.setup.database).await?;
        look::prove(&managed).await?;
        self.site.sessions.managed = Some(managed);
        Ok(())
    }

    /// The users who go with a registry are there under their names, at this moment.
    async fn meet(&mut self, heritage: &Heritage) -> Result<(), Error> {
        let setup = self.place.setup.clone();
        let session = self.session(Connection::ManagedDatabaseAsAdmin).await?;
        let users = look::users(session).await?;
        let claim = self.work.account.as_ref().and_then(|account| Some(&account.ids.as_ref()?.claim));
        let gone = heritage.gone(&users, claim);
        if gone.is_empty() {
            return Ok(());
        }
        Err(refusals::users_gone(&setup, &gone, heritage.account_is_called(&users)))
    }

    async fn settle_secret(&mut self) -> Result<(), Error> {
        let known = self.work.account.as_ref().and_then(|account| account.ids.clone());
        let ids = match known {
            Some(ids) => ids,
            None => self.account_ids().await?,
        };
        self.work.settle_secret(&self.place, ids).await
    }

    async fn account_ids(&mut self) -> Result<UserIds, Error> {
        let setup = self.place.setup.clone();
        let session = self.session(Connection::InitialDatabase).await?;
        let users = look::our_users(session, &setup.system_account).await?;
        let id = |user: &str| {
            users.get(user).cloned().ok_or_else(|| {
                let message = format!("the user {user} was created and isn't listed in pg_user");
                Error::from(Failure::waiting(Reason::StatementFailed, message))
            })
        };
        Ok(UserIds { claim: id(CLAIM_USER)?, account: id(&setup.system_account)? })
    }

    /// Whether the managed database is there at this moment.
    pub async fn has_database(&mut self) -> Result<bool, Error> {
        let database = self.place.setup.database.clone();
        let session = self.session(Connection::InitialDatabase).await?;
        look::has_database(session, &database).await
    }

    /// Takes back that the registry says `deleting`: the server refused the drop.
    pub async fn take_back_deleting(&mut self) -> Result<(), Error> {
        for section in [Section::BeginChange, Section::TakeBackDeleting, Section::CommitChange] {
            self.run(Connection::ManagedDatabase, section, &Subject::Pass).await?;
        }
        Ok(())
    }

    /// What was set up, seen as the system account.
    pub async fn watched(&mut self) -> Result<Watched, Error> {
        let setup = self.place.setup.clone();
        let session = self.session(Connection::ManagedDatabase).await?;
        let registry = look::registry(session, &setup.database).await?;
        let registry = registry.map_err(|why| Failure::waiting(Reason::RegistryUnreadable, why))?;
        let watched = look::watched(session, registry, &setup.system_account).await?;
        self.record_definitions(watched).await
    }

    /// Records what the server shows of what was just made, unless that is done, or can't be seen.
    pub async fn record_definitions(&mut self, mut watched: Watched) -> Result<Watched, Error> {
        let Some(definitions) = watched.unrecorded(&self.work.uid()).cloned() else { return Ok(watched) };
        let registry = &watched.registry;
        let claim = watched.claim.as_ref().map_or("", UserId::as_str);
        let parameters = Parameters::new()
            .text("definitions", &definitions.to_string())
            .text("claim_user_id", claim)
            .text("integration_uid", &registry.integration_uid)
            .integer("fencing_counter", registry.fencing_counter);
        let session = self.session(Connection::ManagedDatabase).await?;
        for statement in statements(Section::RecordDefinitions, &parameters)? {
            session.execute(&[statement]).await?;
        }
        (watched.registry.definitions, watched.registry.claim_user_id) = (Some(definitions), watched.claim.clone());
        Ok(watched)
    }
}
