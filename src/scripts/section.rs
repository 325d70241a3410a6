//! The sections of the `.sql` files: what the planner names and the apply step executes.

use std::sync::LazyLock;

use super::Statement;
use super::script::{Parameters, RenderError, Script};

static INITIAL_CREATE: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/initial-create.sql")));
static CREATE: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/create.sql")));
static REGISTRY: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/registry.sql")));
static IMPERSONATION: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/impersonation.sql")));
static EDIT: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/edit.sql")));
static DELETE: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/delete.sql")));
static LOOK: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/look.sql")));

/// Statements that are executed together, in their order, on one connection.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Section {
    /// Claims the warehouse.
    Claim,
    /// Creates the system account.
    SystemAccount,
    /// Creates the impersonation role and ties it to the system account.
    CreateRole,
    /// Creates the managed database.
    Database,
    /// Who may do what with the managed database as a whole.
    DatabaseGrants,
    /// Begins a transaction.
    Begin,
    /// Ends a transaction.
    Commit,
    /// Schema, lock and registry row: from here on the database says whose it is.
    Registry,
    /// Begins a transaction behind the lock, if the registry is as it was observed.
    BeginChange,
    /// The registry says that everything is there.
    Complete,
    /// The registry names another integration.
    TakeOver,
    /// The registry says that the integration is being deleted.
    MarkDeleting,
    /// The registry says that it isn't, after all.
    TakeBackDeleting,
    /// Ends the transaction behind the lock.
    CommitChange,
    /// Schemas, tables, the view and their grants.
    Objects,
    /// Writes a new key of impersonations.
    ImpersonationKey,
    /// Creates the procedure that begins and ends an impersonation.
    ImpersonateProcedure,
    /// Creates the procedures that grant and revoke the role, or gives them the role's new name.
    RoleProcedures,
    /// Lets the role's members begin an impersonation.
    GrantImpersonation,
    /// Takes that from a role which is about to go.
    RevokeImpersonation,
    /// Drops one of the procedures.
    DropProcedure,
    /// Forgets the key: running impersonations end.
    ForgetKey,
    /// From here on a superuser acts as the system account.
    BecomeSystemAccount,
    /// From here on it acts as itself again.
    BecomeAdmin,
    /// Renames the system account and sets its password anew.
    RenameAccount,
    /// Renames the impersonation role.
    RenameRole,
    /// Makes somebody a member of the role.
    GrantRoleToMember,
    /// Drops the role, members or not.
    DropRole,
    /// Lets what follows on the connection wait for a short time only.
    WaitShortly,
    /// Sets new passwords for the claim and the system account.
    SetPasswords,
    /// Takes back the default privileges.
    RevokeFutureFunctions,
    /// Drops the view.
    DropView,
    /// Drops one of the tables.
    DropTable,
    /// Drops one of the schemas.
    DropSchema,
    /// Takes the privileges on a database from the system account.
    RevokeDatabase,
    /// From here on a superuser acts as somebody who granted something.
    BecomeGrantor,
    /// Revokes others' grants on a database.
    RevokeOnDatabase,
    /// Revokes others' grants on a schema.
    RevokeOnSchema,
    /// Revokes others' grants on a table or view.
    RevokeOnRelation,
    /// Drops the managed database: the point of no return.
    DropDatabase,
    /// Drops the system account.
    DropSystemAccount,
    /// Frees the warehouse.
    DropClaim,
    /// Reads what the warehouse is and what is in it.
    LookAtWarehouse,
    /// Reads what the account may do through roles.
    LookAtPrivileges,
    /// Reads which privileges on databases can be passed on.
    LookAtDatabasePrivileges,
    /// Reads who may use the language of the procedures.
    LookAtLanguage,
    /// Reads the roles.
    LookAtRoles,
    /// Reads the roles of the user who asks.
    LookAtOwnRoles,
    /// Reads the members of a role.
    LookAtMembers,
    /// Reads what a role may do with the objects of one database.
    LookAtRoleGrants,
    /// Reads the registry.
    LookAtRegistry,
    /// Reads what is in one database, and whose.
    LookAtContents,
    /// Reads the views that speak of our schemas.
    LookAtDependents,
    /// Reads who may do what with each database.
    LookAtDatabaseAcls,
    /// Proves that a login works.
    ProveLogin,
    /// Reads the settings of the managed database.
    LookAtSettings,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 56] = [
        Self::Claim,
        Self::SystemAccount,
        Self::CreateRole,
        Self::Database,
        Self::DatabaseGrants,
        Self::Begin,
        Self::Commit,
        Self::Registry,
        Self::BeginChange,
        Self::Complete,
        Self::TakeOver,
        Self::MarkDeleting,
        Self::TakeBackDeleting,
        Self::CommitChange,
        Self::Objects,
        Self::ImpersonationKey,
        Self::ImpersonateProcedure,
        Self::RoleProcedures,
        Self::GrantImpersonation,
        Self::RevokeImpersonation,
        Self::DropProcedure,
        Self::ForgetKey,
        Self::BecomeSystemAccount,
        Self::BecomeAdmin,
        Self::RenameAccount,
        Self::RenameRole,
        Self::GrantRoleToMember,
        Self::DropRole,
        Self::SetPasswords,
        Self::WaitShortly,
        Self::RevokeFutureFunctions,
        Self::DropView,
        Self::DropTable,
        Self::DropSchema,
        Self::RevokeDatabase,
        Self::BecomeGrantor,
        Self::RevokeOnDatabase,
        Self::RevokeOnSchema,
        Self::RevokeOnRelation,
        Self::DropDatabase,
        Self::DropSystemAccount,
        Self::DropClaim,
        Self::LookAtWarehouse,
        Self::LookAtPrivileges,
        Self::LookAtDatabasePrivileges,
        Self::LookAtLanguage,
        Self::LookAtRoles,
        Self::LookAtOwnRoles,
        Self::LookAtMembers,
        Self::LookAtRoleGrants,
        Self::LookAtRegistry,
        Self::LookAtContents,
        Self::LookAtDependents,
        Self::LookAtDatabaseAcls,
        Self::ProveLogin,
        Self::LookAtSettings,
    ];

    fn place(self) -> (&'static Script, &'static str) {
        match self {
            Self::Claim => (&INITIAL_CREATE, "claim"),
            Self::SystemAccount => (&INITIAL_CREATE, "system-account"),
            Self::CreateRole => (&INITIAL_CREATE, "role"),
            Self::Database => (&INITIAL_CREATE, "database"),
            Self::DatabaseGrants => (&INITIAL_CREATE, "database-grants"),
            Self::Begin => (&REGISTRY, "begin"),
            Self::Commit => (&REGISTRY, "commit"),
            Self::Registry => (&REGISTRY, "registry"),
            Self::BeginChange => (&REGISTRY, "begin-change"),
            Self::Complete => (&REGISTRY, "complete"),
            Self::TakeOver => (&REGISTRY, "take-over"),
            Self::MarkDeleting => (&REGISTRY, "mark-deleting"),
            Self::TakeBackDeleting => (&REGISTRY, "take-back-deleting"),
            Self::CommitChange => (&REGISTRY, "commit-change"),
            Self::Objects => (&CREATE, "objects"),
            Self::ImpersonationKey => (&IMPERSONATION, "impersonation-key"),
            Self::ImpersonateProcedure => (&IMPERSONATION, "impersonate-procedure"),
            Self::RoleProcedures => (&IMPERSONATION, "role-procedures"),
            Self::GrantImpersonation => (&IMPERSONATION, "grant-impersonation"),
            Self::RevokeImpersonation => (&IMPERSONATION, "revoke-impersonation"),
            Self::DropProcedure => (&IMPERSONATION, "drop-procedure"),
            Self::ForgetKey => (&IMPERSONATION, "forget-key"),
            Self::BecomeSystemAccount => (&EDIT, "become-system-account"),
            Self::BecomeAdmin => (&EDIT, "become-admin"),
            Self::RenameAccount => (&EDIT, "rename-account"),
            Self::RenameRole => (&EDIT, "rename-role"),
            Self::GrantRoleToMember => (&EDIT, "grant-role-to-member"),
            Self::DropRole => (&EDIT, "drop-role"),
            Self::SetPasswords => (&EDIT, "set-passwords"),
            Self::WaitShortly => (&DELETE, "wait-shortly"),
            Self::RevokeFutureFunctions => (&DELETE, "revoke-future-functions"),
            Self::DropView => (&DELETE, "drop-view"),
            Self::DropTable => (&DELETE, "drop-table"),
            Self::DropSchema => (&DELETE, "drop-schema"),
            Self::RevokeDatabase => (&DELETE, "revoke-database"),
            Self::BecomeGrantor => (&DELETE, "become-grantor"),
            Self::RevokeOnDatabase => (&DELETE, "revoke-on-database"),
            Self::RevokeOnSchema => (&DELETE, "revoke-on-schema"),
            Self::RevokeOnRelation => (&DELETE, "revoke-on-relation"),
            Self::DropDatabase => (&DELETE, "drop-database"),
            Self::DropSystemAccount => (&DELETE, "drop-system-account"),
            Self::DropClaim => (&DELETE, "drop-claim"),
            Self::LookAtWarehouse => (&LOOK, "warehouse"),
            Self::LookAtPrivileges => (&LOOK, "privileges"),
            Self::LookAtDatabasePrivileges => (&LOOK, "database-privileges"),
            Self::LookAtLanguage => (&LOOK, "language"),
            Self::LookAtRoles => (&LOOK, "roles"),
            Self::LookAtOwnRoles => (&LOOK, "own-roles"),
            Self::LookAtMembers => (&LOOK, "members"),
            Self::LookAtRoleGrants => (&LOOK, "role-grants"),
            Self::LookAtRegistry => (&LOOK, "registry-row"),
            Self::LookAtContents => (&LOOK, "contents"),
            Self::LookAtDependents => (&LOOK, "dependents"),
            Self::LookAtDatabaseAcls => (&LOOK, "database-acls"),
            Self::ProveLogin => (&LOOK, "proof"),
            Self::LookAtSettings => (&LOOK, "settings"),
        }
    }
}

/// The statements of a section, with all values in them.
pub fn statements(section: Section, parameters: &Parameters) -> Result<Vec<Statement>, RenderError> {
    let (script, name) = section.place();
    script.render(name, parameters)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;

    use secrecy::SecretString;

    use super::*;
    use crate::scripts::{Fact, ObjectName};

    fn parameters() -> Parameters {
        Parameters::new()
            .identifier("initial_database", "dev")
            .object("database", &ObjectName::new("immuta").unwrap())
            .object("system_account", &ObjectName::new("immuta_system_account").unwrap())
            .identifier("admin", "Taylor@example.com")
            .text("admin_name", "Taylor@example.com")
            .text("system_account_name", "immuta_system_account")
            .text("impersonation_role_name", "immuta_impersonation")
            .object("impersonation_role", &ObjectName::new("immuta_impersonation").unwrap())
            .text("registry_state", "applying")
            .secret("impersonation_key", SecretString::from("0f".repeat(32)))
            .identifier("role", "immuta_impersonation")
            .text("role_name", "immuta_impersonation")
            .identifier("former_name", "before")
            .identifier("new_name", "after")
            .identifier("member", "IAM:alice")
            .text("new_integration_uid", "0c8d1f3d-9f0c-4c7e-8d2f-6b1d7b6e5a10")
            .identifier("grantor", "Taylor@example.com")
            .identifier("schema", "immuta_procedures")
            .identifier("object", "impersonate_user")
            .secret("claim_password", SecretString::from("md5claim".to_owned()))
            .secret("system_account_password", SecretString::from("md5account".to_owned()))
            .text("integration_uid", "6b1d7b6e-9f0c-4c7e-8d2f-0c8d1f3d5a10")
            .text("database_mode", "Create")
            .text("operator_version", "0.1.0")
            .text("applied_hash", "00")
            .text("applied", "[]")
            .integer("schema_version", 1)
            .integer("fencing_counter", 1)
    }

    fn transcript(fact: Fact) -> String {
        let parameters = parameters().fact(fact).fact(Fact::CreateMode).fact(Fact::MemberIsUser);
        Section::ALL
            .iter()
            .flat_map(|section| statements(*section, &parameters).unwrap())
            .map(|statement| format!("-- {}\n{};\n", statement.name(), statement.text()))
            .collect()
    }

    #[test]
    fn every_section_renders_for_a_superuser() {
        insta::assert_snapshot!(transcript(Fact::Superuser));
    }

    #[test]
    fn a_lesser_admin_keeps_the_database() {
        let statements = statements(Section::Database, &parameters().fact(Fact::LesserAdmin)).unwrap();
        let [statement] = statements.as_slice() else { panic!("one statement creates the database") };
        assert!(statement.text().contains("OWNER \"Taylor@example.com\""));
    }

    #[test]
    fn every_section_of_the_files_has_a_name_in_the_program_and_the_other_way_round() {
        let in_files: Vec<_> = [&INITIAL_CREATE, &REGISTRY, &CREATE, &IMPERSONATION, &EDIT, &DELETE, &LOOK]
            .iter()
            .flat_map(|s| s.sections())
            .collect();
        let in_program: Vec<_> = Section::ALL.iter().map(|section| section.place().1).collect();
        assert_eq!(in_files.iter().collect::<BTreeSet<_>>(), in_program.iter().collect());
        assert_eq!(in_files.len(), in_program.len());
    }

    #[test]
    fn no_two_statements_share_a_name() {
        let names: Vec<_> = [&INITIAL_CREATE, &REGISTRY, &CREATE, &IMPERSONATION, &EDIT, &DELETE, &LOOK]
            .iter()
            .flat_map(|s| s.names())
            .collect();
        assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
    }

    #[test]
    fn the_text_of_a_statement_with_a_password_never_shows() {
        for statement in statements(Section::Claim, &parameters()).unwrap() {
            assert!(!format!("{statement:?}").contains("md5claim"));
            assert_eq!(statement.redact("near 'md5claim'"), "near '<REDACTED>'");
        }
    }

    #[test]
    fn a_value_that_is_missing_is_found_before_anything_is_sent() {
        assert!(statements(Section::Claim, &Parameters::new()).is_err());
    }
}
