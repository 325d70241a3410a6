//! What comes next: from what was observed to a list of operations. At execution time no choices are
//! left; when something fails, the list is given up, and the next look makes a new one.

mod change;
pub mod inheritance;
mod migration;
pub mod policy_views;
mod removal;
mod repair;
pub mod rotation;

use super::contents::{Contents, IMPERSONATION_KEY, PROCEDURES_SCHEMA, SCHEMAS};
use super::obstacle::Grant;
use super::proof::Heritage;
use super::{AccountPower, ManagedDatabase, Member, Ownership, RegistryState, Seen, Setup, Standing};
use crate::api::DatabaseMode;
use crate::scripts::Section;

pub use inheritance::new_passwords_of_whole;
pub use migration::{can_migrate, migration};
pub use removal::removal;
pub use repair::{Mend, repair};

/// Which of the connections an operation runs on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Connection {
    /// To the initial database, as the account from the user's Secret.
    InitialDatabase,
    /// To the managed database, as the system account.
    ManagedDatabase,
    /// To the managed database, as the account from the user's Secret: a superuser.
    ManagedDatabaseAsAdmin,
    /// To the initial database, as the claim.
    InitialDatabaseAsClaim,
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
    /// A privilege that others gave.
    Grant(Grant),
}

/// One step that changes something, in Kubernetes or in the warehouse.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Operation {
    /// Writes something down in Kubernetes.
    Record(Record),
    /// Executes a section of the scripts in the warehouse.
    Run(Connection, Section, Subject),
    /// Revokes a privilege that others gave, in whatever database of the warehouse.
    Revoke(Grant),
    /// Logs in with the passwords that are to come: the Secret forgets those before only then.
    ProveNextPasswords,
    /// Sees, in the warehouse, that the users who go with a registry are there under their names.
    Meet(Box<Heritage>),
}

/// Something that is written down in Kubernetes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Record {
    /// The finalizer is put on the resource: from now on a deletion looks into the warehouse.
    AddFinalizer,
    /// The Secret of the system account is made, with the passwords that will prove what is ours.
    CreateSecret,
    /// The same; in a namespace that is being deleted none can be made, and the passwords are for this pass alone.
    CreateSecretIfPossible,
    /// Into the Secret come the names that its former owner, or an interrupted edit, may have given.
    FormerNames,
    /// Into the Secret come the names that are to come, with a new password for a new name.
    NextNames,
    /// Into status comes what is about to be created.
    Plan,
    /// Into the Secret comes what there is now: names, password, ids, address.
    SettleSecret,
    /// Into the Secret come the passwords that our users are to get by a rotation, beside those that they have.
    NextPasswords,
    /// In the Secret they take the place of those before.
    PromotePasswords,
    /// Into the Secret comes what pseudonyms are made with.
    MaskingKey,
    /// Into status comes that from here on the deletion only goes forward.
    PointOfNoReturn,
    /// The Secret of the system account is deleted.
    DeleteSecret,
    /// The finalizer is taken off: the resource is gone.
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

/// A removal in three stages.
#[derive(Clone, Copy, Debug)]
pub struct Stages<'a> {
    /// What can be taken back at any time.
    pub before: &'a [Operation],
    /// From the record of the point of no return to the drop of what is in the managed database. It happens
    /// whole or not at all: a statement that the server refuses has harmed nothing.
    pub drop: &'a [Operation],
    /// From here on it only goes forward.
    pub after: &'a [Operation],
}

/// Why nothing is done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// It can't be told what is ours.
    Unproven(String),
    /// Ours, by its id, and our password is refused.
    LockedOut(String),
    /// There is something in the way that others made.
    Foreign(String),
    /// The state of things doesn't fit, and what to do about it.
    State(String, &'static str),
}

impl Refusal {
    /// Where it can't be told what is ours.
    #[must_use]
    pub fn of_unproven(ownership: &Ownership) -> Option<Self> {
        let why = ownership.unproven()?;
        Some(if ownership.is_locked_out() { Self::LockedOut(why) } else { Self::Unproven(why) })
    }
}

impl Plan {
    fn add(&mut self, operation: Operation) {
        self.operations.push(operation);
    }

    fn record(&mut self, what: Record) {
        self.add(Operation::Record(what));
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

    /// The stages of a removal.
    #[must_use]
    pub fn stages(&self) -> Stages<'_> {
        let is_record = |operation: &Operation| *operation == Operation::Record(Record::PointOfNoReturn);
        let start = self.operations.iter().position(is_record).unwrap_or_default();
        // The drop of the database, or the end of the transaction that drops our objects in it.
        let is_drop = |operation: &Operation| {
            matches!(operation, Operation::Run(_, Section::DropDatabase | Section::CommitChange, _))
        };
        let end = self.operations.iter().rposition(is_drop).map_or(start, |last| start.max(last + 1));
        Stages { before: &self.operations[..start], drop: &self.operations[start..end], after: &self.operations[end..] }
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
    if let Some(refusal) = Refusal::of_unproven(ownership) {
        return Err(refusal);
    }
    for standing in [&ownership.claim, &ownership.system_account, &ownership.wanted_account] {
        if let Standing::Foreign(why) = standing {
            return Err(Refusal::Foreign(why.clone()));
        }
    }
    if let Some(Standing::Foreign(why)) = wanted.impersonation_role.as_ref().map(|role| ownership.role(role)) {
        return Err(Refusal::Foreign(why.clone()));
    }
    let mut work = Plan::default();
    match &ownership.database {
        ManagedDatabase::Foreign(why) | ManagedDatabase::Unproven(why) => {
            return Err(Refusal::Foreign(why.clone()));
        }
        ManagedDatabase::Registered(registry) => match registry.state {
            RegistryState::Complete => change::change(&mut work, observed, registry, wanted)?,
            RegistryState::Applying => creation(&mut work, observed, wanted),
            RegistryState::Deleting => {
                return Err(Refusal::State(
                    "the registry in the managed database says that the integration is being deleted".to_owned(),
                    "delete this resource too, which removes what is left, and create it anew",
                ));
            }
        },
        ManagedDatabase::Absent if wanted.database_mode == DatabaseMode::Existing => {
            return Err(Refusal::State(
                format!("there is no database {}", wanted.database),
                "name one that exists in spec.config.database, or set spec.config.databaseMode to Create",
            ));
        }
        ManagedDatabase::Absent | ManagedDatabase::Empty => creation(&mut work, observed, wanted),
    }
    let mut plan = Plan::default();
    if !recorded.finalizer {
        plan.record(Record::AddFinalizer);
    }
    if !recorded.secret {
        plan.record(Record::CreateSecret);
    } else if !recorded.names {
        plan.record(Record::NextNames);
    }
    if !recorded.plan && (work.touches_the_warehouse() || !recorded.secret) {
        plan.record(Record::Plan);
    }
    plan.operations.extend(work.operations);
    if !recorded.settled {
        plan.record(Record::SettleSecret);
    }
    Ok(plan)
}

/// Plans a creation where nothing is there yet but, in `Existing` mode, the database.
#[must_use]
pub fn set_up_from_nothing(wanted: &Setup, power: AccountPower) -> Plan {
    let mut ownership = Ownership::nothing(&wanted.system_account);
    if wanted.database_mode == DatabaseMode::Existing {
        ownership.database = ManagedDatabase::Empty;
    }
    let observed = Observed {
        recorded: Recorded::default(),
        ownership: &ownership,
        power,
        members: &Seen::Yes(Vec::new()),
        contents: &Contents::default(),
    };
    set_up(&observed, wanted).expect("nothing is in the way where there is nothing")
}

/// Plans a superuser's edit of what was set up whole, where nobody has changed anything since.
#[must_use]
pub fn edit_of_whole(applied: &Setup, wanted: &Setup) -> Plan {
    let observed = Observed {
        recorded: Recorded::default(),
        ownership: &Ownership::whole(applied),
        power: AccountPower::Superuser,
        // A superuser renames the role, and they stay.
        members: &Seen::Yes(Vec::new()),
        contents: &Contents::of(applied),
    };
    set_up(&observed, wanted).expect("nothing is in the way where there is nothing but ours")
}

/// Plans a removal of what is set up, of which that much is there in the managed database.
#[must_use]
pub fn removal_of_whole(setup: &Setup, power: AccountPower, contents: &Contents) -> Plan {
    let observed = Observed {
        recorded: Recorded::default(),
        ownership: &Ownership::whole(setup),
        power,
        members: &Seen::Yes(Vec::new()),
        contents,
    };
    removal(&observed, setup.database_mode, &[]).expect("nothing is in the way where there is nothing but ours")
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
        // In one transaction: a revocation that the server gets to late takes nothing from a later pass.
        plan.in_transaction(initial, |plan| plan.run(initial, Section::DatabaseGrants));
        plan.in_transaction(managed, |plan| plan.run(managed, Section::Registry));
    }
    let migrations = match &ownership.database {
        ManagedDatabase::Registered(registry) => migration::sections(registry).unwrap_or_default(),
        _ => Vec::new(),
    };
    plan.in_change(managed, |plan| {
        for section in migrations {
            plan.run(managed, section);
        }
        plan.run(managed, Section::Objects);
        plan.run(managed, Section::UserProfile);
        for schema in SCHEMAS {
            plan.run_for(managed, Section::OpenSchema, Subject::Object(schema, ""));
        }
        plan.run(managed, Section::OpenUserProfile);
        plan.run(managed, Section::OpenFutureFunctions);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use super::*;

    fn setup(account: &str, role: Option<&str>) -> Setup {
        Setup {
            database: "immuta".to_owned(),
            database_mode: DatabaseMode::Create,
            system_account: account.to_owned(),
            impersonation_role: role.map(str::to_owned),
        }
    }

    fn plan_with(ownership: &Ownership, power: AccountPower, contents: &Contents, wanted: &Setup) -> Plan {
        let recorded =
            Recorded { finalizer: true, secret: true, names: true, settled: true, plan: true, ..Recorded::default() };
        let members = Seen::Yes(vec![Member::User("ann".to_owned(), false)]);
        let observed = Observed { recorded, ownership, power, members: &members, contents };
        set_up(&observed, wanted).unwrap()
    }

    fn sections(plan: &Plan) -> Vec<(Connection, Section)> {
        plan.operations
            .iter()
            .filter_map(|operation| match operation {
                Operation::Run(connection, section, _) => Some((*connection, *section)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn nothing_is_run_where_all_is_as_wanted() {
        for role in [None, Some("acting")] {
            let wanted = setup("account", role);
            for power in [AccountPower::Superuser, AccountPower::Lesser] {
                let plan = plan_with(&Ownership::whole(&wanted), power, &Contents::of(&wanted), &wanted);
                assert_eq!(plan, Plan::default());
            }
        }
    }

    #[test]
    fn a_superusers_edit_is_one_transaction() {
        let (applied, wanted) = (setup("account", Some("one")), setup("governor", Some("other")));
        let plan = plan_with(&Ownership::whole(&applied), AccountPower::Superuser, &Contents::of(&applied), &wanted);
        let sections = sections(&plan);
        assert!(
            sections.iter().all(|(connection, _)| *connection == Connection::ManagedDatabaseAsAdmin),
            "{sections:?}"
        );
        assert_eq!(sections.first().unwrap().1, Section::BeginChange);
        assert_eq!(sections.last().unwrap().1, Section::CommitChange);
        assert_eq!(sections.iter().filter(|(_, section)| *section == Section::CommitChange).count(), 1);
        // The members are the role's own: it is renamed and not replaced.
        assert!(sections.iter().any(|(_, section)| *section == Section::RenameRole));
        assert!(!sections.iter().any(|(_, section)| matches!(section, Section::DropRole | Section::CreateRole)));
    }

    #[test]
    fn a_lesser_admin_brings_the_new_first_and_takes_the_old_away_last() {
        let (applied, wanted) = (setup("account", Some("one")), setup("account", Some("other")));
        let plan = plan_with(&Ownership::whole(&applied), AccountPower::Lesser, &Contents::of(&applied), &wanted);
        let sections: Vec<_> = sections(&plan).into_iter().map(|(_, section)| section).collect();
        let at = |wanted: Section| sections.iter().position(|section| *section == wanted).unwrap();
        assert!(at(Section::CreateRole) < at(Section::GrantRoleToMember));
        assert!(at(Section::GrantRoleToMember) < at(Section::BeginChange));
        assert!(at(Section::CommitChange) < at(Section::DropRole));
        assert_eq!(at(Section::DropRole), sections.len() - 1);
    }

    #[test]
    fn what_an_edit_left_that_was_taken_back_goes_and_nothing_else() {
        let wanted = setup("account", Some("one"));
        let mut ownership = Ownership::whole(&wanted);
        ownership.roles.insert("leftover".to_owned(), Standing::Ours);
        ownership.roles.insert("taken".to_owned(), Standing::Foreign("somebody's".to_owned()));
        let plan = plan_with(&ownership, AccountPower::Lesser, &Contents::of(&wanted), &wanted);
        let drop = Subject::Role("leftover".to_owned());
        assert_eq!(plan.operations, [Operation::Run(Connection::InitialDatabase, Section::DropRole, drop)]);
    }

    #[test]
    fn what_is_foreign_or_cannot_be_told_stops_everything() {
        let wanted = setup("account", Some("one"));
        let nothing = Ownership::nothing("account");
        let foreign = || Standing::Foreign("somebody's".to_owned());
        let unproven = || Standing::Unproven("not now".to_owned());
        let role = |standing| BTreeMap::from([("one".to_owned(), standing)]);
        for ownership in [
            Ownership { claim: foreign(), ..nothing.clone() },
            Ownership { claim: unproven(), ..nothing.clone() },
            Ownership { system_account: foreign(), ..nothing.clone() },
            Ownership { wanted_account: foreign(), ..nothing.clone() },
            Ownership { roles: role(foreign()), ..nothing.clone() },
            Ownership { roles: role(unproven()), ..nothing.clone() },
            Ownership { database: ManagedDatabase::Foreign("somebody's".to_owned()), ..nothing.clone() },
            Ownership { database: ManagedDatabase::Unproven("not now".to_owned()), ..nothing },
        ] {
            let observed = Observed {
                recorded: Recorded::default(),
                ownership: &ownership,
                power: AccountPower::Superuser,
                members: &Seen::Yes(Vec::new()),
                contents: &Contents::default(),
            };
            assert!(set_up(&observed, &wanted).is_err(), "{ownership:?}");
        }
    }

    #[test]
    fn nothing_that_the_server_gets_to_late_undoes_a_later_grant() {
        let wanted = setup("account", None);
        let observed = Observed {
            recorded: Recorded::default(),
            ownership: &Ownership::nothing("account"),
            power: AccountPower::Superuser,
            members: &Seen::Yes(Vec::new()),
            contents: &Contents::default(),
        };
        let sections: Vec<_> =
            sections(&set_up(&observed, &wanted).unwrap()).into_iter().map(|(_, section)| section).collect();
        // The revocation and the grants behind it are one.
        let whole = [Section::Begin, Section::DatabaseGrants, Section::Commit];
        assert!(sections.windows(3).any(|window| window == whole), "{sections:?}");
    }

    #[test]
    fn the_claim_comes_first_and_goes_last_and_no_drop_is_without_its_record() {
        let wanted = setup("account", Some("one"));
        let ownership = Ownership::nothing("account");
        let mut observed = Observed {
            recorded: Recorded::default(),
            ownership: &ownership,
            power: AccountPower::Superuser,
            members: &Seen::Yes(Vec::new()),
            contents: &Contents::default(),
        };
        let plan = set_up(&observed, &wanted).unwrap();
        assert_eq!(
            plan.operations[..4],
            [
                Operation::Record(Record::AddFinalizer),
                Operation::Record(Record::CreateSecret),
                Operation::Record(Record::Plan),
                Operation::Run(Connection::InitialDatabase, Section::Claim, Subject::Pass),
            ]
        );
        let (ownership, contents) = (Ownership::whole(&wanted), Contents::of(&wanted));
        (observed.ownership, observed.contents) = (&ownership, &contents);
        for mode in [DatabaseMode::Create, DatabaseMode::Existing] {
            let plan = removal(&observed, mode, &[]).unwrap();
            let Stages { before, drop, after } = plan.stages();
            let destroys = |operation: &Operation| {
                let sections =
                    [Section::DropDatabase, Section::DropView, Section::DropTable, Section::DropSystemAccount];
                matches!(operation, Operation::Run(_, section, _) if sections.contains(section))
            };
            assert!(!before.iter().any(destroys), "{before:?}");
            assert_eq!(drop.first(), Some(&Operation::Record(Record::PointOfNoReturn)));
            assert!(drop.iter().any(destroys));
            // What drops more than one thing is a transaction to its end.
            let ends = |operation: &&Operation| {
                matches!(operation, Operation::Run(_, Section::DropDatabase | Section::CommitChange, _))
            };
            assert_eq!(drop.iter().filter(ends).collect::<Vec<_>>(), [drop.last().unwrap()]);
            let last = after.iter().rfind(|operation| matches!(operation, Operation::Run(..)));
            assert!(matches!(last, Some(Operation::Run(_, Section::DropClaim, _))));
        }
    }
}
