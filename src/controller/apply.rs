//! Carries out operations, one after the other. No choices are made here; the first failure ends it,
//! and the next look makes a new plan.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::ResourceExt;
use secrecy::SecretString;
use tracing::info;

use super::context::Context;
use super::error::Error;
use super::system_account::{self, Place, SystemAccount};
use super::{look, resource};
use crate::api::{Created, DatabaseMode, DeletionProgress, Phase, RedshiftIntegration};
use crate::lifecycle::{AccountPower, Activity, Connection, Operation, Outcome, Registry, WarehouseFacts, next_status};
use crate::redshift::{ConnectError, Credentials, Session, StatementError, Target};
use crate::scripts::{CLAIM_USER, Fact, Parameters, SCHEMA_VERSION, Section, statements};

/// Redshift doesn't say how soon a new database can be entered.
const TRIES: u32 = 10;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// How long a drop is tried again that our own connection may stand in the way of: the server can take
/// a moment to notice that it is closed. Others' connections are waited for between passes.
const OWN_CONNECTION_ENDS: Duration = Duration::from_secs(5);

/// What the operations of one pass work with.
pub struct Pass<'a> {
    /// What every pass shares.
    pub context: &'a Context,
    /// The resource, as it is now.
    pub object: RedshiftIntegration,
    /// Where to connect to.
    pub target: Target,
    /// The database that is there in any case.
    pub initial_database: String,
    /// The credentials that set things up.
    pub admin_credentials: Credentials,
    /// What that account may do.
    pub facts: WarehouseFacts,
    /// Names of what is ours.
    pub place: Place,
    /// SHA-256 of what is applied.
    pub applied_hash: String,
    /// The system account, once its Secret is made.
    pub account: Option<SystemAccount>,
    /// The counter that the next transaction on the registry must meet.
    pub fencing_counter: i64,
    /// To the initial database.
    pub initial: Option<Session>,
    /// To the managed database.
    pub managed: Option<Session>,
    /// What the outcome says while it goes on.
    pub outcome: Outcome,
    /// Whether anything was sent that changes the warehouse, other than a statement refused.
    pub warehouse_touched: bool,
}

impl Pass<'_> {
    /// Carries out the operations.
    pub async fn apply(&mut self, operations: &[Operation]) -> Result<(), Error> {
        for operation in operations {
            info!(?operation, "carrying out");
            self.carry_out(*operation).await?;
        }
        Ok(())
    }

    async fn carry_out(&mut self, operation: Operation) -> Result<(), Error> {
        let client = &self.context.client;
        match operation {
            Operation::AddFinalizer => self.object = resource::add_finalizer(client, &self.object).await?,
            Operation::CreateSystemAccountSecret => {
                self.account = Some(system_account::create(client, &self.object, self.place.clone()).await?);
            }
            Operation::RecordPlan => self.record_plan().await?,
            Operation::RecordPointOfNoReturn => {
                self.outcome.deletion = Some(DeletionProgress { point_of_no_return: true });
                self.write_outcome().await?;
            }
            Operation::Run(Connection::InitialDatabase, section) => self.run_initial(section).await?,
            Operation::Run(Connection::ManagedDatabase, section) => self.run_managed(section).await?,
            Operation::RecordAccountIds => self.record_account_ids().await?,
            Operation::DeleteSystemAccountSecret => {
                if let Some(account) = &self.account {
                    system_account::delete(client, &self.object, account).await?;
                }
            }
            Operation::RemoveFinalizer => resource::remove_finalizer(client, &self.object).await?,
        }
        Ok(())
    }

    async fn record_plan(&mut self) -> Result<(), Error> {
        self.outcome.created = Some(Created {
            host: self.place.host.clone(),
            port: self.place.port,
            database: self.place.database.clone(),
            database_mode: DatabaseMode::Create,
            system_account: self.place.system_account.clone(),
            impersonation_role: None,
            schema_version: SCHEMA_VERSION,
            applied_hash: None,
        });
        self.write_outcome().await
    }

    async fn write_outcome(&mut self) -> Result<(), Error> {
        let before = self.object.status.clone().unwrap_or_default();
        let generation = self.object.metadata.generation.unwrap_or_default();
        let status = next_status(&before, generation, &self.outcome, None, Timestamp::now());
        self.object = resource::write_status(&self.context.client, &self.object, status).await?;
        Ok(())
    }

    fn parameters(&self) -> Parameters {
        let parameters = Parameters::new()
            .identifier("initial_database", &self.initial_database)
            .identifier("database", &self.place.database)
            .identifier("system_account", &self.place.system_account)
            .identifier("admin", &self.facts.account.name)
            .text("system_account_name", &self.place.system_account)
            .text("impersonation_role_name", "")
            .text("integration_uid", &self.object.uid().unwrap_or_default())
            .text("database_mode", "Create")
            .text("operator_version", env!("CARGO_PKG_VERSION"))
            .text("applied_hash", &self.applied_hash)
            .text("applied", &self.applied_list())
            .integer("schema_version", i64::from(SCHEMA_VERSION))
            .integer("fencing_counter", self.fencing_counter)
            .fact(match self.facts.account.power() {
                AccountPower::Superuser => Fact::Superuser,
                AccountPower::Lesser => Fact::LesserAdmin,
            });
        let Some(account) = &self.account else { return parameters };
        let hashed = |password: &crate::scripts::Password, user: &str| -> SecretString { password.md5_for(user) };
        parameters
            .secret("claim_password", hashed(&account.claim_password, CLAIM_USER))
            .secret("system_account_password", hashed(&account.password, &self.place.system_account))
    }

    /// What the registry lists as applied, for people and for later versions.
    fn applied_list(&self) -> String {
        serde_json::json!({
            "database": self.place.database,
            "systemAccount": self.place.system_account,
            "claim": CLAIM_USER,
            "schemas": crate::lifecycle::contents::SCHEMAS,
        })
        .to_string()
    }

    async fn run_initial(&mut self, section: Section) -> Result<(), Error> {
        let parameters = self.parameters();
        let statements = statements(section, &parameters)?;
        if section == Section::DropDatabase {
            // Our own connection would stand in the way.
            self.managed = None;
        }
        for statement in &statements {
            let started = Instant::now();
            loop {
                let session = self.initial_session().await?;
                let result = session.query(statement).await;
                let Err(error) = result else {
                    self.warehouse_touched = true;
                    break;
                };
                let early = started.elapsed() < OWN_CONNECTION_ENDS;
                if section == Section::DropDatabase && error.is_in_use() && early {
                    tokio::time::sleep(BETWEEN_TRIES).await;
                    continue;
                }
                return Err(self.failed(error));
            }
        }
        Ok(())
    }

    fn failed(&mut self, error: StatementError) -> Error {
        if !error.definitely_refused() {
            // Whether it was done isn't known; the connection is of no more use.
            self.warehouse_touched = true;
            self.initial = None;
        }
        error.into()
    }

    async fn initial_session(&mut self) -> Result<&Session, Error> {
        if self.initial.is_none() {
            let connector = &self.context.connector;
            let session = connector.connect(&self.target, &self.admin_credentials, &self.initial_database).await?;
            self.initial = Some(session);
        }
        Ok(self.initial.as_ref().expect("it was just set"))
    }

    async fn run_managed(&mut self, section: Section) -> Result<(), Error> {
        let statements = statements(section, &self.parameters())?;
        self.managed_session().await?;
        let session = self.managed.take().expect("it was just set");
        // If a statement fails, the session ends here, and the server undoes the transaction.
        session.execute(&statements).await?;
        self.warehouse_touched = true;
        self.managed = Some(session);
        if matches!(section, Section::Objects | Section::MarkDeleting) {
            self.fencing_counter += 1;
        }
        Ok(())
    }

    /// The connection to the managed database, as the system account.
    pub async fn managed_session(&mut self) -> Result<&Session, Error> {
        if self.managed.is_none() {
            let account = self.account.as_ref().expect("the Secret is made before the database");
            let mut tries = 1;
            self.managed = loop {
                let connector = &self.context.connector;
                match connector.connect(&self.target, &account.credentials(), &self.place.database).await {
                    Ok(session) => break Some(session),
                    Err(ConnectError::DatabaseMissing { .. }) if tries < TRIES => {
                        tries += 1;
                        tokio::time::sleep(BETWEEN_TRIES).await;
                    }
                    Err(error) => return Err(error.into()),
                }
            };
        }
        Ok(self.managed.as_ref().expect("it was just set"))
    }

    async fn record_account_ids(&mut self) -> Result<(), Error> {
        let facts = look::warehouse(self.initial_session().await?).await?;
        let id = |user: &str| {
            facts.users.get(user).cloned().ok_or_else(|| {
                Error::waiting("StatementFailed", format!("the user {user} was created and isn't listed in pg_user"))
            })
        };
        let ids = (id(CLAIM_USER)?, id(&self.place.system_account)?);
        let account = self.account.as_mut().expect("the Secret is made before the accounts");
        system_account::record_ids(&self.context.client, &self.object, account, ids).await
    }

    /// Takes back that the registry says `deleting`: the server refused the drop.
    pub async fn take_back_deleting(&mut self) -> Result<(), Error> {
        self.run_managed(Section::TakeBackDeleting).await?;
        self.outcome.deletion = None;
        Ok(())
    }

    /// The registry, read anew.
    pub async fn registry(&mut self) -> Result<Registry, Error> {
        look::registry(self.managed_session().await?).await?.map_err(|why| Error::waiting("RegistryUnreadable", why))
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
