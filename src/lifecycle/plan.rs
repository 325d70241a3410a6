//! What comes next: from what was observed to a list of operations. At execution time no choices are
//! left; when something fails, the list is given up, and the next look makes a new one.

mod change;
mod removal;

use super::contents::{Contents, IMPERSONATION_KEY, PROCEDURES_SCHEMA};
use super::{AccountPower, ManagedDatabase, Member, Ownership, RegistryState, Seen, Setup, Standing};
use crate::api::DatabaseMode;
use crate::scripts::Section;

pub use removal::removal;

/// Which of the connections an operation runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Connection {
    /// To the initial database, as the account from the user's Secret.
    InitialDatabase,
    /// To the managed database, as the system account.
    ManagedDatabase,
    /// To the managed database, as the account from the user's Secret: a superuser.
    ManagedDatabaseAsAdmin,
}

/// What a section is about, where that isn't the same for a whole pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// It is.
    Pass,
    /// A role.
    Role(String),
    /// A role and one of its members.
    Membership(String, Member),
    /// A user or role that gets another name.
    Renaming {
        /// The name that it has.
        former: String,
        /// The name that it gets.
        new: String,
    },
    /// An object, by its schema and name.
    Object(&'static str, &'static str),
}

/// One step that changes something, in Kubernetes or in the warehouse.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Puts the finalizer on the resource: from now on a deletion looks into the warehouse.
    AddFinalizer,
    /// Makes the Secret of the system account, with the passwords that will prove what is ours.
    CreateSystemAccountSecret,
    /// Writes into the Secret the names that are about to come, with a new password for a new name.
    RecordNext,
    /// Writes into status what is about to be created.
    RecordPlan,
    /// Executes a section of the scripts.
    Run(Connection, Section, Subject),
    /// Writes into the Secret what there is now: names, password, ids, address.
    SettleSecret,
    /// Writes into status that from here on the deletion only goes forward.
    RecordPointOfNoReturn,
    /// Deletes the Secret of the system account.
    DeleteSystemAccountSecret,
    /// Takes the finalizer off: the resource is gone.
    RemoveFinalizer,
}

/// What is recorded in Kubernetes already.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Recorded {
    /// The finalizer is there.
    pub finalizer: bool,
    /// The Secret of the system account is there.
    pub secret: bool,
    /// The Secret names everything that is wanted, as what there is or as what is to come.
    pub names: bool,
    /// The Secret says what is wanted and nothing else, ids included.
    pub settled: bool,
    /// Status names what is about to be created.
    pub plan: bool,
    /// Status says that the deletion only goes forward.
    pub point_of_no_return: bool,
}

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// What is recorded in Kubernetes.
    pub recorded: Recorded,
    /// What in the warehouse is ours.
    pub ownership: &'a Ownership,
    /// What the account that sets things up may do.
    pub power: AccountPower,
    /// The members of the role that is there now, other than the system account.
    pub members: &'a Seen<Vec<Member>>,
    /// What is in the managed database.
    pub contents: &'a Contents,
}

/// The operations that are still to be done, in their order.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Plan {
    /// The operations.
    pub operations: Vec<Operation>,
}

/// Why nothing is done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// It can't be told what is ours.
    Unproven(String),
    /// There are things in the way that others made, each described.
    Foreign(Vec<String>),
    /// The state of things doesn't fit.
    State(String),
}

impl Plan {
    fn add(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    fn run(&mut self, on: Connection, section: Section) {
        self.add(Operation::Run(on, section, Subject::Pass));
    }

    fn run_for(&mut self, on: Connection, section: Section, subject: Subject) {
        self.add(Operation::Run(on, section, subject));
    }

    /// Sections in a transaction of their own.
    fn in_transaction(&mut self, on: Connection, fill: impl FnOnce(&mut Self)) {
        self.run(on, Section::Begin);
        fill(self);
        self.run(on, Section::Commit);
    }

    /// Sections in a transaction behind the registry's lock.
    fn in_change(&mut self, on: Connection, fill: impl FnOnce(&mut Self)) {
        self.run(on, Section::BeginChange);
        fill(self);
        self.run(on, Section::CommitChange);
    }

    /// Everything that impersonation needs in the managed database; the role is there.
    fn switch_on(&mut self, on: Connection) {
        for section in [
            Section::ImpersonationKey,
            Section::ImpersonateProcedure,
            Section::RoleProcedures,
            Section::GrantImpersonation,
        ] {
            self.run(on, section);
        }
    }

    /// Takes all of it away.
    fn switch_off(&mut self, on: Connection, contents: &Contents) {
        for name in contents.procedures() {
            self.run_for(on, Section::DropProcedure, Subject::Object(PROCEDURES_SCHEMA, name));
        }
        // A creation that was never finished may not have come as far as this table.
        if contents.has_relation(IMPERSONATION_KEY) {
            self.run(on, Section::ForgetKey);
        }
    }

    /// Whether anything is to be done in the warehouse.
    #[must_use]
    pub fn touches_the_warehouse(&self) -> bool {
        self.operations.iter().any(|operation| matches!(operation, Operation::Run(..)))
    }
}

/// Plans what is left to do until the warehouse is as wanted: a creation, what is left of one, or an
/// edit. The preflight has passed: nothing with a wanted name is somebody else's.
///
/// Write-ahead: Kubernetes knows what is planned before the warehouse changes, and the claim comes
/// before everything that it protects.
pub fn set_up(observed: &Observed<'_>, wanted: &Setup) -> Result<Plan, Refusal> {
    let (recorded, ownership) = (observed.recorded, observed.ownership);
    if let Some(why) = ownership.unproven() {
        return Err(Refusal::Unproven(why.to_owned()));
    }
    for standing in [&ownership.claim, &ownership.system_account, &ownership.wanted_account] {
        if let Standing::Foreign(why) = standing {
            return Err(Refusal::Foreign(vec![why.clone()]));
        }
    }
    if let Some(Standing::Foreign(why)) = wanted.impersonation_role.as_ref().map(|role| ownership.role(role)) {
        return Err(Refusal::Foreign(vec![why.clone()]));
    }
    let mut work = Plan::default();
    match &ownership.database {
        ManagedDatabase::Foreign(why) | ManagedDatabase::Unproven(why) => {
            return Err(Refusal::Foreign(vec![why.clone()]));
        }
        ManagedDatabase::Registered(registry) => match registry.state {
            RegistryState::Complete => change::change(&mut work, observed, registry, wanted)?,
            RegistryState::Applying => creation(&mut work, observed, wanted),
            RegistryState::Deleting => {
                return Err(Refusal::State(
                    "the registry in the managed database says that the integration is being deleted".to_owned(),
                ));
            }
        },
        ManagedDatabase::Absent if wanted.database_mode == DatabaseMode::Existing => {
            return Err(Refusal::State(format!("there is no database {}", wanted.database)));
        }
        ManagedDatabase::Absent | ManagedDatabase::Empty => creation(&mut work, observed, wanted),
    }
    let mut plan = Plan::default();
    if !recorded.finalizer {
        plan.add(Operation::AddFinalizer);
    }
    if !recorded.secret {
        plan.add(Operation::CreateSystemAccountSecret);
    } else if !recorded.names {
        plan.add(Operation::RecordNext);
    }
    if !recorded.plan && (work.touches_the_warehouse() || !recorded.secret) {
        plan.add(Operation::RecordPlan);
    }
    plan.operations.extend(work.operations);
    if !recorded.settled {
        plan.add(Operation::SettleSecret);
    }
    Ok(plan)
}

/// What is left of a creation. Nobody uses anything of it yet, so that names are brought in line first.
fn creation(plan: &mut Plan, observed: &Observed<'_>, wanted: &Setup) {
    let ownership = observed.ownership;
    let (initial, managed) = (Connection::InitialDatabase, Connection::ManagedDatabase);
    if ownership.claim == Standing::Absent {
        plan.run(initial, Section::Claim);
    }
    if ownership.system_account == Standing::Absent {
        plan.run(initial, Section::SystemAccount);
    } else {
        rename_account(plan, initial, ownership, wanted);
    }
    for role in ownership.own_roles().filter(|role| wanted.impersonation_role.as_deref() != Some(*role)) {
        plan.run_for(initial, Section::DropRole, Subject::Role(role.to_owned()));
    }
    if let Some(role) = &wanted.impersonation_role
        && *ownership.role(role) == Standing::Absent
    {
        plan.in_transaction(initial, |plan| plan.run_for(initial, Section::CreateRole, Subject::Role(role.clone())));
    }
    if ownership.database == ManagedDatabase::Absent {
        plan.run(initial, Section::Database);
    }
    if !matches!(ownership.database, ManagedDatabase::Registered(_)) {
        // The grants say the same however often they are run, and nobody can have changed them on
        // purpose before the integration was ever enabled.
        plan.run(initial, Section::DatabaseGrants);
        plan.in_transaction(managed, |plan| plan.run(managed, Section::Registry));
    }
    plan.in_change(managed, |plan| {
        plan.run(managed, Section::Objects);
        if wanted.impersonation_role.is_some() {
            plan.switch_on(managed);
        }
        plan.run(managed, Section::Complete);
    });
}

/// In a transaction of its own: the new name is of no use without the new password.
fn rename_account(plan: &mut Plan, on: Connection, ownership: &Ownership, wanted: &Setup) {
    if let Some(renaming) = renaming_of_account(ownership, wanted) {
        plan.in_transaction(on, |plan| plan.run_for(on, Section::RenameAccount, renaming));
    }
}

fn renaming_of_account(ownership: &Ownership, wanted: &Setup) -> Option<Subject> {
    (ownership.system_account_name != wanted.system_account).then(|| Subject::Renaming {
        former: ownership.system_account_name.clone(),
        new: wanted.system_account.clone(),
    })
}
