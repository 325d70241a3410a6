//! Carries out operations, one after the other. No choices are made here; the first failure ends it,
//! and the next look makes a new plan.

use std::time::Duration;

use kube::ResourceExt;
use secrecy::SecretString;
use tracing::info;

use super::error::Error;
use super::search::Access;
use super::{look, resource, secret};
use crate::api::{DeletionProgress, Next, Phase, RedshiftIntegration};
use crate::lifecycle::checks::Watched;
use crate::lifecycle::obstacle::{Grant, Grantable};
use crate::lifecycle::{
    Activity, Connection, ManagedDatabase, Operation, Outcome, Place, RegistryState, Subject, SystemAccount, UserIds,
    WarehouseFacts, next_status, parameters,
};
use crate::ports::{ConnectError, Host, Session, SessionOf, StatementError, World};
use crate::reconcile::Context;
use crate::scripts::{CLAIM_USER, Parameters, Section, Statement, statements};

/// Redshift doesn't say how soon a new database can be entered.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// How long a drop is tried again that our own connection may stand in the way of: the server can take
/// a moment to notice that it is closed. Others' connections are waited for between passes.
const OWN_CONNECTION_ENDS: Duration = Duration::from_secs(5);

/// What the operations of one pass work with.
pub struct Pass<'a, W: World> {
    /// What every pass shares.
    pub context: &'a Context<W>,
    /// The resource, as it is now.
    pub object: RedshiftIntegration,
    /// The way into the warehouse.
    pub access: Access<'a, W>,
    /// What the account that sets things up may do.
    pub facts: WarehouseFacts,
    /// Where it is, and what there is to be (or, in a deletion, what there is).
    pub place: Place,
    /// The system account, once its Secret is made.
    pub account: Option<SystemAccount>,
    /// What the registry must say for the next change to go on.
    pub expected: Expected,
    /// The connections that are open.
    pub sessions: Sessions<SessionOf<W>>,
    /// What the outcome says while it goes on.
    pub outcome: Outcome,
    /// Digests of the obstacles to a deletion that a person has confirmed.
    pub confirmed: Vec<String>,
    /// Whether anything was sent that changes the warehouse, other than a statement refused.
    pub warehouse_touched: bool,
}

/// What the registry must say for a change to go on.
#[derive(Clone, Copy, Debug)]
pub struct Expected {
    /// Its counter.
    pub fencing_counter: i64,
    /// Its state.
    pub state: RegistryState,
}

impl Expected {
    /// What was observed; where there is no registry yet, what the first transaction writes.
    pub fn of(database: &ManagedDatabase) -> Self {
        match database {
            ManagedDatabase::Registered(registry) => {
                Self { fencing_counter: registry.fencing_counter, state: registry.state }
            }
            _ => Self { fencing_counter: 1, state: RegistryState::Applying },
        }
    }

    fn becomes(&mut self, state: RegistryState) {
        self.state = state;
        self.fencing_counter += 1;
    }
}

/// The connections of a pass.
pub struct Sessions<S> {
    /// To the initial database, as the admin.
    pub initial: Option<S>,
    /// To the managed database, as the system account.
    pub managed: Option<S>,
    /// To the managed database, as the admin.
    pub managed_as_admin: Option<S>,
}

impl<S> Sessions<S> {
    fn slot(&mut self, connection: Connection) -> &mut Option<S> {
        match connection {
            Connection::InitialDatabase => &mut self.initial,
            Connection::ManagedDatabase => &mut self.managed,
            Connection::ManagedDatabaseAsAdmin => &mut self.managed_as_admin,
        }
    }
}

/// What a pass begins with: what was found, and the connections over which it was.
pub struct Found<S> {
    /// What the warehouse is.
    pub facts: WarehouseFacts,
    /// What the registry says.
    pub expected: Expected,
    /// To the initial database, as the admin.
    pub initial: S,
    /// To the managed database, as the system account.
    pub managed: Option<S>,
}

impl<'a, W: World> Pass<'a, W> {
    /// A pass in which nothing was done yet.
    pub fn new(
        context: &'a Context<W>,
        object: RedshiftIntegration,
        access: Access<'a, W>,
        place: Place,
        account: Option<SystemAccount>,
        outcome: Outcome,
        found: Found<SessionOf<W>>,
    ) -> Self {
        let Found { facts, expected, initial, managed } = found;
        let sessions = Sessions { initial: Some(initial), managed, managed_as_admin: None };
        let (confirmed, warehouse_touched) = (Vec::new(), false);
        Self {
            context,
            object,
            access,
            facts,
            place,
            account,
            expected,
            sessions,
            outcome,
            confirmed,
            warehouse_touched,
        }
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
        let (kubernetes, host) = (&self.context.kubernetes, &self.context.host);
        match operation {
            Operation::AddFinalizer => self.object = resource::add_finalizer(kubernetes, &self.object).await?,
            Operation::CreateSystemAccountSecret => {
                self.account = Some(secret::create(kubernetes, host, &self.object, self.place.clone()).await?);
            }
            Operation::RecordNext => {
                if let Some(account) = &mut self.account {
                    secret::record_next(kubernetes, host, &self.object, account, &self.place.setup).await?;
                }
            }
            Operation::RecordPlan => self.record_plan().await?,
            Operation::RecordPointOfNoReturn => {
                let confirmed = self.confirmed.clone();
                self.outcome.deletion = Some(DeletionProgress { point_of_no_return: true, confirmed });
                self.write_outcome().await?;
            }
            Operation::Run(connection, section, subject) => self.run(*connection, *section, subject).await?,
            Operation::Revoke(grant) => self.revoke(grant).await?,
            Operation::SettleSecret => self.settle_secret().await?,
            Operation::DeleteSystemAccountSecret => {
                if let Some(account) = &self.account {
                    secret::delete(kubernetes, &self.object, account).await?;
                }
            }
            Operation::RemoveFinalizer => resource::remove_finalizer(kubernetes, &self.object).await?,
        }
        Ok(())
    }

    async fn record_plan(&mut self) -> Result<(), Error> {
        let planned = self.place.created(None);
        // While an edit goes on, what was applied is still what there is.
        self.outcome.created =
            Some(match self.outcome.created.take().filter(|created| created.applied_hash.is_some()) {
                None => planned,
                Some(mut applied) => {
                    let (account, role) = (planned.system_account, planned.impersonation_role);
                    applied.next = Some(Next {
                        system_account: (account != applied.system_account).then_some(account),
                        impersonation_role: role.filter(|role| applied.impersonation_role.as_ref() != Some(role)),
                    });
                    applied
                }
            });
        self.write_outcome().await
    }

    async fn write_outcome(&mut self) -> Result<(), Error> {
        let before = self.object.status.clone().unwrap_or_default();
        let generation = self.object.metadata.generation.unwrap_or_default();
        let status = next_status(&before, generation, &self.outcome, None, self.context.host.now());
        self.object = resource::write_status(&self.context.kubernetes, &self.object, status).await?;
        Ok(())
    }

    fn parameters(&self, subject: &Subject) -> Parameters {
        let parameters = parameters(&self.place.setup, self.facts.account.power(), subject)
            .identifier("initial_database", &self.access.initial_database)
            .identifier("admin", &self.facts.account.name)
            .text("integration_uid", &self.object.uid().unwrap_or_default())
            .text("registry_state", self.expected.state.as_str())
            .secret("impersonation_key", self.context.host.generate_key())
            .integer("fencing_counter", self.expected.fencing_counter);
        self.passwords(parameters, subject)
    }

    fn passwords(&self, parameters: Parameters, subject: &Subject) -> Parameters {
        let Some(account) = &self.account else { return parameters };
        let hashed = |password: &crate::scripts::Password, user: &str| -> SecretString { password.md5_for(user) };
        let parameters = parameters.secret("claim_password", hashed(&account.claim_password, CLAIM_USER));
        let name = match subject {
            Subject::Renaming { new, .. } => new,
            _ => &self.place.setup.system_account,
        };
        match account.accounts().find(|(known, _)| known == name) {
            Some((name, password)) => parameters.secret("system_account_password", hashed(password, name)),
            None => parameters,
        }
    }

    async fn run(&mut self, connection: Connection, section: Section, subject: &Subject) -> Result<(), Error> {
        let statements = statements(section, &self.parameters(subject))?;
        if section == Section::DropDatabase {
            // Our own connections would stand in the way.
            (self.sessions.managed, self.sessions.managed_as_admin) = (None, None);
        }
        self.open(connection).await?;
        for statement in &statements {
            self.execute(connection, section, statement).await?;
        }
        match section {
            Section::Complete => self.expected.becomes(RegistryState::Complete),
            Section::MarkDeleting => self.expected.becomes(RegistryState::Deleting),
            // It logs in under another name from now on.
            Section::RenameAccount => self.sessions.managed = None,
            _ => {}
        }
        Ok(())
    }

    async fn execute(&mut self, connection: Connection, section: Section, statement: &Statement) -> Result<(), Error> {
        let host = &self.context.host;
        let started = host.elapsed();
        loop {
            let session = self.sessions.slot(connection).as_ref().expect("it was opened");
            let Err(error) = session.query(statement).await else {
                self.warehouse_touched = true;
                return Ok(());
            };
            let early = host.elapsed().saturating_sub(started) < OWN_CONNECTION_ENDS;
            if section == Section::DropDatabase && error.is_in_use() && early {
                self.context.host.sleep(BETWEEN_TRIES).await;
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
        let session = self.access.enter_database(&grant.database).await?;
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
        *self.sessions.slot(connection) = None;
        error.into()
    }

    async fn open(&mut self, connection: Connection) -> Result<(), Error> {
        if self.sessions.slot(connection).is_some() {
            return Ok(());
        }
        let managed = self.place.setup.database.clone();
        let (credentials, database) = match connection {
            Connection::InitialDatabase => (self.access.admin.clone(), self.access.initial_database.clone()),
            Connection::ManagedDatabaseAsAdmin => (self.access.admin.clone(), managed),
            Connection::ManagedDatabase => {
                let account =
                    self.account.as_ref().and_then(|account| account.credentials(&self.place.setup.system_account));
                (account.expect("the Secret names the account before anything is done as it"), managed)
            }
        };
        let mut tries = 1;
        let session = loop {
            match self.access.log_in(&credentials, &database).await {
                Ok(session) => break session,
                Err(ConnectError::DatabaseMissing { .. })
                    if tries < TRIES && connection != Connection::InitialDatabase =>
                {
                    tries += 1;
                    self.context.host.sleep(BETWEEN_TRIES).await;
                }
                Err(error) => return Err(error.into()),
            }
        };
        *self.sessions.slot(connection) = Some(session);
        Ok(())
    }

    /// A connection, opened if need be.
    pub async fn session(&mut self, connection: Connection) -> Result<&SessionOf<W>, Error> {
        self.open(connection).await?;
        Ok(self.sessions.slot(connection).as_ref().expect("it was opened"))
    }

    async fn settle_secret(&mut self) -> Result<(), Error> {
        let known = self.account.as_ref().and_then(|account| account.ids.clone());
        let ids = match known {
            Some(ids) => ids,
            None => self.account_ids().await?,
        };
        let account = self.account.as_mut().expect("the Secret is made before the accounts");
        secret::settle(&self.context.kubernetes, &self.object, account, &self.place, ids).await
    }

    async fn account_ids(&mut self) -> Result<UserIds, Error> {
        let setup = self.place.setup.clone();
        let facts = look::warehouse(self.session(Connection::InitialDatabase).await?, &setup).await?;
        let id = |user: &str| {
            facts.users.get(user).cloned().ok_or_else(|| {
                Error::waiting("StatementFailed", format!("the user {user} was created and isn't listed in pg_user"))
            })
        };
        Ok(UserIds { claim: id(CLAIM_USER)?, account: id(&setup.system_account)? })
    }

    /// Takes back that the registry says `deleting`: the server refused the drop.
    pub async fn take_back_deleting(&mut self) -> Result<(), Error> {
        for section in [Section::BeginChange, Section::TakeBackDeleting, Section::CommitChange] {
            self.run(Connection::ManagedDatabase, section, &Subject::Pass).await?;
        }
        self.outcome.deletion = None;
        Ok(())
    }

    /// What was set up, seen as the system account.
    pub async fn watched(&mut self) -> Result<Watched, Error> {
        let setup = self.place.setup.clone();
        let session = self.session(Connection::ManagedDatabase).await?;
        let registry = look::registry(session, &setup.database).await?;
        let registry = registry.map_err(|why| Error::waiting("RegistryUnreadable", why))?;
        look::watched(session, registry, &setup.system_account).await
    }
}

/// The outcome of a pass that is under way.
pub fn under_way(phase: Phase, reason: &'static str, message: &str, object: &RedshiftIntegration) -> Outcome {
    let status = object.status.clone().unwrap_or_default();
    Outcome {
        phase,
        ready: Some(false),
        activity: Activity::Working(reason, message.to_owned()),
        tests: Vec::new(),
        created: status.created,
        deletion: status.deletion,
    }
}
