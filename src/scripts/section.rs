//! The sections of the `.sql` files: what the planner names and the apply step executes.

use std::sync::LazyLock;

use super::Statement;
use super::script::{Parameters, RenderError, Script};

static INITIAL_CREATE: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/initial-create.sql")));
static CREATE: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/create.sql")));
static DELETE: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/delete.sql")));
static LOOK: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!("sql/look.sql")));

/// Statements that are executed together, in their order, on one connection.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Section {
    /// Claims the warehouse.
    Claim,
    /// Creates the system account.
    SystemAccount,
    /// Creates the managed database.
    Database,
    /// Who may do what with the managed database as a whole.
    DatabaseGrants,
    /// Schema, lock and registry row: from here on the database says whose it is.
    Registry,
    /// All the rest, and the registry's word that it is complete.
    Objects,
    /// The registry says that the integration is being deleted.
    MarkDeleting,
    /// The registry says that it isn't, after all.
    TakeBackDeleting,
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
    /// Reads the roles.
    LookAtRoles,
    /// Reads the registry.
    LookAtRegistry,
    /// Reads what is in one database, and whose.
    LookAtContents,
    /// Reads who may do what with each database.
    LookAtDatabaseAcls,
    /// Proves that a login works.
    ProveLogin,
    /// Reads the settings of the managed database.
    LookAtSettings,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Claim,
        Self::SystemAccount,
        Self::Database,
        Self::DatabaseGrants,
        Self::Registry,
        Self::Objects,
        Self::MarkDeleting,
        Self::TakeBackDeleting,
        Self::DropDatabase,
        Self::DropSystemAccount,
        Self::DropClaim,
        Self::LookAtWarehouse,
        Self::LookAtPrivileges,
        Self::LookAtRoles,
        Self::LookAtRegistry,
        Self::LookAtContents,
        Self::LookAtDatabaseAcls,
        Self::ProveLogin,
        Self::LookAtSettings,
    ];

    fn place(self) -> (&'static Script, &'static str) {
        match self {
            Self::Claim => (&INITIAL_CREATE, "claim"),
            Self::SystemAccount => (&INITIAL_CREATE, "system-account"),
            Self::Database => (&INITIAL_CREATE, "database"),
            Self::DatabaseGrants => (&INITIAL_CREATE, "database-grants"),
            Self::Registry => (&CREATE, "registry"),
            Self::Objects => (&CREATE, "objects"),
            Self::MarkDeleting => (&DELETE, "mark-deleting"),
            Self::TakeBackDeleting => (&DELETE, "take-back-deleting"),
            Self::DropDatabase => (&DELETE, "drop-database"),
            Self::DropSystemAccount => (&DELETE, "drop-system-account"),
            Self::DropClaim => (&DELETE, "drop-claim"),
            Self::LookAtWarehouse => (&LOOK, "warehouse"),
            Self::LookAtPrivileges => (&LOOK, "privileges"),
            Self::LookAtRoles => (&LOOK, "roles"),
            Self::LookAtRegistry => (&LOOK, "registry"),
            Self::LookAtContents => (&LOOK, "contents"),
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
            .text("impersonation_role_name", "")
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
        let parameters = parameters().fact(fact);
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
        let in_files: Vec<_> = [&INITIAL_CREATE, &CREATE, &DELETE, &LOOK].iter().flat_map(|s| s.sections()).collect();
        let in_program: Vec<_> = Section::ALL.iter().map(|section| section.place().1).collect();
        assert_eq!(in_files.iter().collect::<BTreeSet<_>>(), in_program.iter().collect());
        assert_eq!(in_files.len(), in_program.len());
    }

    #[test]
    fn no_two_statements_share_a_name() {
        let names: Vec<_> = [&INITIAL_CREATE, &CREATE, &DELETE, &LOOK].iter().flat_map(|s| s.names()).collect();
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
