//! A plan, taken apart: a transaction is a step, and what stands alone is one.

use super::guards::{self, Guard};
use super::{DATABASE_SET_ASIDE, Script, Secrets, Source, values};
use crate::api::DatabaseMode;
use crate::lifecycle::contents::Contents;
use crate::lifecycle::{
    AccountPower, Connection, Operation, Subject, edit_of_whole, new_passwords_of_whole, removal_of_whole,
    set_up_from_nothing,
};
use crate::scripts::{CLAIM_USER, Parameters, RenderError, Section, Statement, statements};

/// What creates the database, by whomever.
const CREATES_DATABASE: [Section; 2] = [Section::Database, Section::DatabaseOfWhoeverRunsIt];

/// Statements that are one step for a person, and what must be so before and not be so yet.
pub(super) struct Step {
    pub(super) title: String,
    /// Whether the guards need a transaction that the plan doesn't have: the statement alone would be harmless, or can't
    /// be in one.
    is_wrapped: bool,
    guards: Vec<Guard>,
    pub(super) operations: Vec<(Section, Subject)>,
}

/// What a script runs. What is in no plan is what two scripts need that one operator doesn't.
fn operations(script: Script, source: &Source<'_>) -> Vec<(Section, Subject)> {
    let (setup, power) = (source.setup(script), script.power());
    let removal = || {
        let contents = if source.applied.is_some() { Contents::of(setup) } else { Contents::begun(setup) };
        // The key is there before the rest.
        let contents = if source.account.masking_key.is_some() { contents.with_policy_views() } else { contents };
        removal_of_whole(setup, power, &contents)
    };
    let plan = match script {
        Script::InitialCreate(_) | Script::Create => set_up_from_nothing(setup, power),
        Script::Edit => edit_of_whole(source.applied(), setup),
        Script::NewPasswords => new_passwords_of_whole(setup),
        Script::Delete | Script::DeleteRest => removal(),
        Script::Cleanup => return vec![(Section::CloseAccount, Subject::Pass)],
    };
    let is_meant = |on: Connection| script.is_from_outside() == (on == Connection::InitialDatabase);
    let mut operations = Vec::new();
    for operation in plan.operations {
        let Operation::Run(on, section, subject) = operation else { continue };
        if !is_meant(on) {
            continue;
        }
        let section = match (section, power) {
            (Section::Database, AccountPower::Lesser) => Section::DatabaseOfWhoeverRunsIt,
            _ => section,
        };
        if script == Script::DeleteRest && section == Section::DropDatabase {
            let (former, new) = (setup.database.clone(), DATABASE_SET_ASIDE.to_owned());
            operations.push((Section::SetDatabaseAside, Subject::Renaming { former, new }));
        }
        operations.push((section, subject));
    }
    if script == Script::Delete {
        mark(&mut operations, setup.database_mode);
    }
    operations
}

/// The mark stands behind all that the second script relies on. A superuser drops in the system account's place what is
/// dropped here, since default privileges are a user's own.
fn mark(operations: &mut Vec<(Section, Subject)>, mode: DatabaseMode) {
    let pass = |section| (section, Subject::Pass);
    let end = operations.len() - 1;
    match mode {
        // Nothing but the mark is changed, and it goes with the database.
        DatabaseMode::Create => operations.insert(end, pass(Section::CloseAccount)),
        // Nobody says that a change of a user is undone with its transaction.
        DatabaseMode::Existing => {
            operations.insert(end, pass(Section::BecomeAdmin));
            let begins = |(section, _): &(Section, Subject)| *section == Section::BeginChange;
            let begin = operations.iter().rposition(begins).expect("it is a transaction behind the lock");
            operations.insert(begin + 1, pass(Section::BecomeSystemAccount));
            operations.extend([pass(Section::WaitAsBefore), pass(Section::CloseAccount)]);
        }
    }
}

/// The steps of a script.
pub(super) fn steps(script: Script, source: &Source<'_>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut is_open = false;
    for (section, subject) in operations(script, source) {
        let is_begin = matches!(section, Section::Begin | Section::BeginChange);
        // Settings of the session belong to the step that they are made for.
        let is_before = section == Section::WaitShortly;
        let is_behind = section == Section::WaitAsBefore;
        match steps.last_mut().filter(|_| is_open || is_behind) {
            Some(step) => step.operations.push((section, subject)),
            None => steps.push(Step {
                title: String::new(),
                // CREATE DATABASE and DROP DATABASE run in no transaction.
                is_wrapped: !is_begin
                    && !is_before
                    && section != Section::DropDatabase
                    && !CREATES_DATABASE.contains(&section),
                guards: Vec::new(),
                operations: vec![(section, subject)],
            }),
        }
        let is_end = matches!(section, Section::Commit | Section::CommitChange);
        is_open = (is_open || is_begin || is_before) && !is_end;
    }
    for n in 0..steps.len() {
        let (title, own) = (steps[n].titled(script, source), guards::of_step(script, source, &steps, n));
        (steps[n].title, steps[n].guards) = (title, own);
    }
    steps
}

impl Step {
    pub(super) fn has(&self, wanted: Section) -> bool {
        self.operations.iter().any(|(section, _)| *section == wanted)
    }

    pub(super) fn creates_database(&self) -> bool {
        CREATES_DATABASE.into_iter().any(|section| self.has(section))
    }

    /// The names before and after, of what a section of it renames.
    pub(super) fn renaming(&self, wanted: Section) -> Option<(&str, &str)> {
        self.operations.iter().find_map(|(section, subject)| match subject {
            Subject::Renaming { former, new } if *section == wanted => Some((former.as_str(), new.as_str())),
            _ => None,
        })
    }

    /// The role that a section of it is about.
    pub(super) fn role(&self, wanted: Section) -> Option<&str> {
        self.operations.iter().find_map(|(section, subject)| match subject {
            Subject::Role(role) if *section == wanted => Some(role.as_str()),
            _ => None,
        })
    }

    fn titled(&self, script: Script, source: &Source<'_>) -> String {
        let setup = source.setup(script);
        let (database, account) = (&setup.database, &setup.system_account);
        if script == Script::Edit && self.has(Section::BeginChange) {
            self.titled_edit()
        } else if self.has(Section::SetPasswords) {
            format!("new passwords for the user {CLAIM_USER} and the system account {account}")
        } else if self.has(Section::Claim) {
            format!("the user {CLAIM_USER}, the claim on the warehouse")
        } else if self.has(Section::SystemAccount) {
            format!("the system account {account}")
        } else if let Some(role) = self.role(Section::CreateRole) {
            format!("the role {role}")
        } else if self.creates_database() {
            format!("the database {database}")
        } else if self.has(Section::DatabaseGrants) {
            format!("who may do what with the database {database}")
        } else if self.has(Section::Registry) {
            "the registry, which says whose integration this is".to_owned()
        } else if self.has(Section::MarkDeleting) {
            "look whether anything of others' is in the way, and say that a removal has begun".to_owned()
        } else if self.has(Section::DropSchema) {
            "drop this integration's schemas, tables, views and procedures".to_owned()
        } else if self.has(Section::CloseAccount) {
            format!("close the system account {account}: the mark for {}", Script::DeleteRest.file_name())
        } else if self.has(Section::SetDatabaseAside) {
            format!("give the database {database} the name {DATABASE_SET_ASIDE}")
        } else if self.has(Section::DropDatabase) {
            format!("drop the database {DATABASE_SET_ASIDE}, which was {database}")
        } else if self.has(Section::RevokeDatabase) {
            format!("take what the system account may do with the database {database}")
        } else if let Some(role) = self.role(Section::DropRole) {
            format!("drop the role {role}")
        } else if self.has(Section::DropSystemAccount) {
            format!("drop the system account {account}")
        } else if self.has(Section::DropClaim) {
            format!("drop the user {CLAIM_USER}: the warehouse is free")
        } else {
            "schemas, tables, views and procedures".to_owned()
        }
    }

    fn titled_edit(&self) -> String {
        let renamed = |what, section| self.renaming(section).map(|(from, to)| format!("{what} {from} becomes {to}"));
        let switched_off = self.has(Section::DropProcedure).then(|| "impersonation is switched off".to_owned());
        let switched_on =
            self.role(Section::CreateRole).map(|role| format!("impersonation is switched on, for the role {role}"));
        let changes = [
            renamed("the system account", Section::RenameAccount),
            renamed("the role", Section::RenameRole),
            switched_on,
            switched_off,
        ];
        changes.into_iter().flatten().collect::<Vec<_>>().join(", and ")
    }

    /// The guards stand behind the statement that begins the transaction. LOCK must come first in one, and fails in the
    /// wrong database in words of its own: there they stand before the transaction as well.
    pub(super) fn statements(
        &self,
        script: Script,
        source: &Source<'_>,
        secrets: Secrets,
    ) -> Result<Vec<Statement>, RenderError> {
        let wrap = |section| statements(section, &Parameters::new());
        let mut all = if self.is_wrapped { wrap(Section::Begin)? } else { Vec::new() };
        for (section, subject) in &self.operations {
            all.extend(statements(*section, &values(script, source, secrets, *section, subject))?);
        }
        if self.is_wrapped {
            all.extend(wrap(Section::Commit)?);
        }
        // The counter isn't known to whoever makes an edit or a removal for somebody else: guards ask what they go by.
        all.retain(|statement| script == Script::Create || statement.name() != "check-registry");
        let guards = |is_before: bool| {
            let guards = self.guards.iter().filter(|guard| !(is_before && guard.stands_once()));
            guards.map(|guard| guard.statement(script, source)).collect::<Result<Vec<_>, _>>()
        };
        let begins = |statement: &Statement| statement.text() == "BEGIN" || statement.text().starts_with("LOCK ");
        let at = all.iter().rposition(begins).map_or(0, |last| last + 1);
        all.splice(at..at, guards(false)?);
        if self.has(Section::BeginChange) {
            all.splice(0..0, guards(true)?);
        }
        Ok(all)
    }
}
