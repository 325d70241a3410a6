//! What comes next: from what was observed to a list of operations. At execution time no choices are
//! left; when something fails, the list is given up, and the next look makes a new one.

use super::{ManagedDatabase, Ownership, Registry, RegistryState, Standing};
use crate::scripts::Section;

/// Which of the connections an operation runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Connection {
    /// To the initial database, as the account from the user's Secret.
    InitialDatabase,
    /// To the managed database, as the system account.
    ManagedDatabase,
}

/// One step that changes something, in Kubernetes or in the warehouse.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Puts the finalizer on the resource: from now on a deletion looks into the warehouse.
    AddFinalizer,
    /// Makes the Secret of the system account, with the passwords that will prove what is ours.
    CreateSystemAccountSecret,
    /// Writes into status what is about to be created.
    RecordPlan,
    /// Executes a section of the scripts.
    Run(Connection, Section),
    /// Writes the accounts' ids into the Secret.
    RecordAccountIds,
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
    /// Status names what is about to be created.
    pub plan: bool,
    /// The Secret holds the accounts' ids.
    pub account_ids: bool,
    /// Status says that the deletion only goes forward.
    pub point_of_no_return: bool,
}

/// The operations of a creation that are still to be done, in their order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CreationPlan {
    /// The operations.
    pub operations: Vec<Operation>,
    /// The registry's counter that the last transaction must meet.
    pub fencing_counter: i64,
}

/// The operations of a deletion that are still to be done, in their order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeletionPlan {
    /// The operations.
    pub operations: Vec<Operation>,
    /// The registry's counter that the first transaction must meet.
    pub fencing_counter: i64,
}

/// Why nothing is done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// It can't be told what is ours.
    Unproven(String),
    /// There are things in the way that others made, each described.
    Foreign(Vec<String>),
    /// The registry's state doesn't fit.
    State(String),
}

/// The registry as `create.sql` writes it first.
const FIRST_COUNTER: i64 = 1;

/// Plans what is left of a creation. The preflight has passed: nothing with a name of ours is
/// somebody else's.
///
/// Write-ahead: Kubernetes knows what is planned before the warehouse changes, and the claim comes
/// before everything that it protects.
pub fn creation(recorded: Recorded, ownership: &Ownership) -> Result<CreationPlan, Refusal> {
    if let Some(why) = ownership.unproven() {
        return Err(Refusal::Unproven(why.to_owned()));
    }
    let initial = |section| Operation::Run(Connection::InitialDatabase, section);
    let managed = |section| Operation::Run(Connection::ManagedDatabase, section);
    let mut operations = Vec::new();
    if !recorded.finalizer {
        operations.push(Operation::AddFinalizer);
    }
    if !recorded.secret {
        operations.push(Operation::CreateSystemAccountSecret);
    }
    if !recorded.plan {
        operations.push(Operation::RecordPlan);
    }
    match &ownership.claim {
        Standing::Absent => operations.push(initial(Section::Claim)),
        Standing::Ours => {}
        Standing::Foreign(why) | Standing::Unproven(why) => return Err(Refusal::Foreign(vec![why.clone()])),
    }
    match &ownership.system_account {
        Standing::Absent => operations.push(initial(Section::SystemAccount)),
        Standing::Ours => {}
        Standing::Foreign(why) | Standing::Unproven(why) => return Err(Refusal::Foreign(vec![why.clone()])),
    }
    let mut fencing_counter = FIRST_COUNTER;
    match &ownership.database {
        ManagedDatabase::Absent => operations.extend([
            initial(Section::Database),
            initial(Section::DatabaseGrants),
            managed(Section::Registry),
            managed(Section::Objects),
        ]),
        // The grants say the same however often they are run, and nobody can have changed them on
        // purpose before the integration was ever enabled.
        ManagedDatabase::Empty => {
            operations.extend([
                initial(Section::DatabaseGrants),
                managed(Section::Registry),
                managed(Section::Objects),
            ]);
        }
        ManagedDatabase::Registered(registry) => {
            fencing_counter = registry.fencing_counter;
            match registry.state {
                RegistryState::Applying => operations.push(managed(Section::Objects)),
                RegistryState::Complete => {}
                RegistryState::Deleting => {
                    return Err(Refusal::State(
                        "the registry in the managed database says that the integration is being deleted".to_owned(),
                    ));
                }
            }
        }
        ManagedDatabase::Foreign(why) | ManagedDatabase::Unproven(why) => {
            return Err(Refusal::Foreign(vec![why.clone()]));
        }
    }
    if !recorded.account_ids {
        operations.push(Operation::RecordAccountIds);
    }
    Ok(CreationPlan { operations, fencing_counter })
}

/// Plans what is left of a deletion. `obstacles` are others' objects and privileges that it would
/// destroy or leave behind.
///
/// What isn't proven ours isn't touched. The claim goes last: while it is there, nobody else can take
/// the warehouse.
pub fn deletion(recorded: Recorded, ownership: &Ownership, obstacles: Vec<String>) -> Result<DeletionPlan, Refusal> {
    if let Some(why) = ownership.unproven() {
        return Err(Refusal::Unproven(why.to_owned()));
    }
    if !obstacles.is_empty() {
        return Err(Refusal::Foreign(obstacles));
    }
    let initial = |section| Operation::Run(Connection::InitialDatabase, section);
    let mut operations = Vec::new();
    let mut fencing_counter = FIRST_COUNTER;
    match &ownership.database {
        ManagedDatabase::Registered(Registry { fencing_counter: counter, state, .. }) => {
            fencing_counter = *counter;
            if *state != RegistryState::Deleting {
                operations.push(Operation::Run(Connection::ManagedDatabase, Section::MarkDeleting));
            }
            if !recorded.point_of_no_return {
                operations.push(Operation::RecordPointOfNoReturn);
            }
            operations.push(initial(Section::DropDatabase));
        }
        ManagedDatabase::Empty => {
            if !recorded.point_of_no_return {
                operations.push(Operation::RecordPointOfNoReturn);
            }
            operations.push(initial(Section::DropDatabase));
        }
        ManagedDatabase::Absent | ManagedDatabase::Foreign(_) | ManagedDatabase::Unproven(_) => {}
    }
    if ownership.system_account == Standing::Ours {
        operations.push(initial(Section::DropSystemAccount));
    }
    if ownership.claim == Standing::Ours {
        operations.push(initial(Section::DropClaim));
    }
    if recorded.secret {
        operations.push(Operation::DeleteSystemAccountSecret);
    }
    operations.push(Operation::RemoveFinalizer);
    Ok(DeletionPlan { operations, fencing_counter })
}
