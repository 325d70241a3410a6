//! Carries the real operations out, in the real statements; mirrors `controller::apply`.

use jiff::Timestamp;
use secrecy::SecretString;

use super::kubernetes::{Resource, SystemAccount};
use super::search;
use super::warehouse::{INITIAL, LoginError, digest};
use super::world::{Connection, Io, Stop};
use crate::api::{DeletionProgress, Next, Phase};
use crate::lifecycle::obstacle::{Grant, Grantable};
use crate::lifecycle::{
    Activity, Connection as On, ManagedDatabase, Operation, Outcome, Place, RegistryState, Subject, WarehouseFacts,
    next_status, parameters,
};
use crate::scripts::{CLAIM_USER, Parameters, Section, statements};

/// Mirrors `apply::Expected`.
#[derive(Clone, Copy)]
pub struct Expected {
    pub fencing_counter: i64,
    pub state: RegistryState,
}

impl Expected {
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

#[derive(Default)]
pub struct Sessions {
    pub initial: Option<Connection>,
    pub managed: Option<Connection>,
    pub managed_as_admin: Option<Connection>,
}

impl Sessions {
    fn slot(&mut self, on: On) -> &mut Option<Connection> {
        match on {
            On::InitialDatabase => &mut self.initial,
            On::ManagedDatabase => &mut self.managed,
            On::ManagedDatabaseAsAdmin => &mut self.managed_as_admin,
        }
    }
}

/// Mirrors `apply::Pass`.
pub struct Pass<'a> {
    pub io: &'a Io,
    pub object: Resource,
    pub facts: WarehouseFacts,
    pub place: Place,
    pub account: Option<SystemAccount>,
    pub expected: Expected,
    pub sessions: Sessions,
    pub outcome: Outcome,
    pub confirmed: Vec<String>,
    pub warehouse_touched: bool,
}

impl Pass<'_> {
    pub async fn apply(&mut self, operations: &[Operation]) -> Result<(), Stop> {
        for operation in operations {
            self.carry_out(operation).await?;
        }
        Ok(())
    }

    async fn carry_out(&mut self, operation: &Operation) -> Result<(), Stop> {
        let io = self.io;
        match operation {
            Operation::AddFinalizer => {
                self.object = io.write(|cluster| cluster.set_finalizer(&self.object, true)).await?;
            }
            Operation::CreateSystemAccountSecret => {
                self.account = Some(create_secret(self.io, &self.object, &self.place).await?);
            }
            Operation::RecordNext => {
                if let Some(account) = &self.account {
                    let mut next = account.clone();
                    next.record_next(&self.place.setup, new_password(io));
                    io.write(|cluster| cluster.patch_secret(&self.object, &next)).await?;
                    self.account = Some(next);
                }
            }
            Operation::RecordPlan => self.record_plan().await?,
            Operation::RecordPointOfNoReturn => {
                let confirmed = self.confirmed.clone();
                self.outcome.deletion = Some(DeletionProgress { point_of_no_return: true, confirmed });
                self.write_outcome().await?;
            }
            Operation::Run(on, section, subject) => self.run(*on, *section, subject).await?,
            Operation::Revoke(grant) => self.revoke(grant).await?,
            Operation::SettleSecret => self.settle_secret().await?,
            Operation::DeleteSystemAccountSecret => {
                if let Some(account) = &self.account {
                    io.write(|cluster| cluster.delete_secret(&self.object, account)).await?;
                }
            }
            Operation::RemoveFinalizer => {
                io.write(|cluster| cluster.set_finalizer(&self.object, false)).await?;
            }
        }
        Ok(())
    }

    async fn record_plan(&mut self) -> Result<(), Stop> {
        let planned = self.place.created(None);
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

    async fn write_outcome(&mut self) -> Result<(), Stop> {
        let before = self.object.status.clone().unwrap_or_default();
        let status = next_status(&before, self.object.generation, &self.outcome, None, Timestamp::UNIX_EPOCH);
        self.object = self.io.write(|cluster| cluster.write_status(&self.object, status)).await?;
        Ok(())
    }

    fn parameters(&self, subject: &Subject) -> Parameters {
        let parameters = parameters(&self.place.setup, self.facts.account.power(), subject)
            .identifier("initial_database", INITIAL)
            .identifier("admin", &self.facts.account.name)
            .text("integration_uid", &self.object.uid)
            .text("registry_state", self.expected.state.as_str())
            .secret("impersonation_key", SecretString::from("key"))
            .integer("fencing_counter", self.expected.fencing_counter);
        let Some(account) = &self.account else { return parameters };
        let parameters =
            parameters.secret("claim_password", SecretString::from(digest(&account.claim_password, CLAIM_USER)));
        let name = match subject {
            Subject::Renaming { new, .. } => new,
            _ => &self.place.setup.system_account,
        };
        match account.password_of(name) {
            Some(password) => parameters.secret("system_account_password", SecretString::from(digest(password, name))),
            None => parameters,
        }
    }

    async fn run(&mut self, on: On, section: Section, subject: &Subject) -> Result<(), Stop> {
        let rendered = statements(section, &self.parameters(subject)).expect("every value is given");
        if section == Section::DropDatabase {
            (self.sessions.managed, self.sessions.managed_as_admin) = (None, None);
        }
        self.open(on).await?;
        for statement in &rendered {
            let session = self.sessions.slot(on).as_mut().expect("it was opened");
            match self.io.execute(session, &self.object, statement).await {
                Ok(()) => self.warehouse_touched = true,
                Err(stop) => {
                    self.warehouse_touched |= !stop.is_refused_statement();
                    *self.sessions.slot(on) = None;
                    return Err(stop);
                }
            }
        }
        match section {
            Section::Complete => self.expected.becomes(RegistryState::Complete),
            Section::MarkDeleting => self.expected.becomes(RegistryState::Deleting),
            Section::RenameAccount => self.sessions.managed = None,
            _ => {}
        }
        Ok(())
    }

    /// Mirrors `Pass::revoke`.
    async fn revoke(&mut self, grant: &Grant) -> Result<(), Stop> {
        let subject = Subject::Grant(grant.clone());
        let on = match grant.on {
            Grantable::Database(_) => Section::RevokeOnDatabase,
            Grantable::Schema(_) => Section::RevokeOnSchema,
            Grantable::Relation(..) => Section::RevokeOnRelation,
        };
        let mut session = search::enter(self.io, &grant.database).await?;
        for section in [Section::BecomeGrantor, on] {
            for statement in statements(section, &self.parameters(&subject)).expect("every value is given") {
                self.io.execute(&mut session, &self.object, &statement).await?;
            }
        }
        self.warehouse_touched = true;
        Ok(())
    }

    pub async fn open(&mut self, on: On) -> Result<(), Stop> {
        if self.sessions.slot(on).is_some() {
            return Ok(());
        }
        let managed = self.place.setup.database.clone();
        let session = match on {
            On::InitialDatabase => search::enter(self.io, INITIAL).await,
            On::ManagedDatabaseAsAdmin => search::enter(self.io, &managed).await,
            On::ManagedDatabase => {
                let name = &self.place.setup.system_account;
                let password = self.account.as_ref().and_then(|account| account.password_of(name));
                let password = password.expect("the Secret names the account before anything is done as it");
                self.io.log_in(name, password, &managed).await
            }
        };
        *self.sessions.slot(on) = Some(session.map_err(Stop::Connect)?);
        Ok(())
    }

    async fn settle_secret(&mut self) -> Result<(), Stop> {
        let mut account = self.account.clone().expect("the Secret is made before the accounts");
        let ids = match account.ids.clone() {
            Some(ids) => ids,
            None => self.account_ids().await?,
        };
        account.settle(&self.place, ids);
        self.io.write(|cluster| cluster.patch_secret(&self.object, &account)).await?;
        self.account = Some(account);
        Ok(())
    }

    async fn account_ids(&mut self) -> Result<(String, String), Stop> {
        self.open(On::InitialDatabase).await?;
        let facts = search::facts(self.io, &self.place.setup).await?;
        let id = |user: &str| {
            facts.users.get(user).cloned().ok_or_else(|| Stop::waiting("StatementFailed", "a user isn't listed"))
        };
        Ok((id(CLAIM_USER)?, id(&self.place.setup.system_account)?))
    }

    pub async fn take_back_deleting(&mut self) -> Result<(), Stop> {
        for section in [Section::BeginChange, Section::TakeBackDeleting, Section::CommitChange] {
            self.run(On::ManagedDatabase, section, &Subject::Pass).await?;
        }
        self.outcome.deletion = None;
        Ok(())
    }

    /// Mirrors `Pass::registry` and the `look::watched` behind it.
    pub async fn watched(&mut self, account: &str) -> Result<crate::lifecycle::checks::Watched, Stop> {
        self.open(On::ManagedDatabase).await?;
        let database = self.place.setup.database.clone();
        let registry = self.io.look("read-registry", |warehouse| warehouse.registry(&database)).await?;
        let registry = registry.map_err(|why| Stop::waiting("RegistryUnreadable", why))?;
        self.io.look("read-watched", |warehouse| warehouse.watched(registry, account)).await
    }
}

pub fn new_password(io: &Io) -> String {
    format!("Password-{}", io.world.borrow_mut().take_number())
}

/// Mirrors `system_account::create`.
pub async fn create_secret(io: &Io, object: &Resource, place: &Place) -> Result<SystemAccount, Stop> {
    let uid = io.world.borrow_mut().take_number();
    let account = SystemAccount {
        integration_uid: object.uid.clone(),
        uid,
        place: place.clone(),
        password: new_password(io),
        claim_password: new_password(io),
        next_accounts: Vec::new(),
        next_password: None,
        next_roles: Vec::new(),
        ids: None,
    };
    io.write(|cluster| cluster.create_secret(object, account.clone())).await?;
    Ok(account)
}

/// Mirrors `apply::under_way`.
pub fn under_way(phase: Phase, reason: &'static str, object: &Resource) -> Outcome {
    let status = object.status.clone().unwrap_or_default();
    Outcome {
        phase,
        ready: Some(false),
        activity: Activity::Working(reason, "under way".to_owned()),
        tests: Vec::new(),
        created: status.created,
        deletion: status.deletion,
    }
}

impl From<LoginError> for Stop {
    fn from(error: LoginError) -> Self {
        Self::Connect(error)
    }
}
