//! The sections of the `.sql` files, and the look-ups among their statements: one table, from which the program takes
//! their names. A section or look-up that no file holds doesn't compile.

use std::sync::LazyLock;

use super::Statement;
use super::script::{Parameters, RenderError, Script};

/// Whether a file has a line: read while the program is compiled.
const fn has_line(file: &str, mark: &str, name: &str) -> bool {
    let (file, mark, name) = (file.as_bytes(), mark.as_bytes(), name.as_bytes());
    let mut start = 0;
    while start < file.len() {
        let mut end = start;
        while end < file.len() && file[end] != b'\n' {
            end += 1;
        }
        if end - start == mark.len() + name.len() && is_at(file, start, mark) && is_at(file, start + mark.len(), name) {
            return true;
        }
        start = end + 1;
    }
    false
}

const fn is_at(file: &[u8], start: usize, text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        if file[start + at] != text[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// Makes the table: of each file, its sections.
macro_rules! sections {
    ($($file:ident = $path:literal { $($(#[doc = $doc:literal])+ $section:ident = $name:literal,)+ })+) => {
        $(static $file: LazyLock<Script> = LazyLock::new(|| Script::parse(include_str!($path)));)+

        /// Statements that are executed together, in their order, on one connection.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Section {
            $($($(#[doc = $doc])+ $section,)+)+
        }

        impl Section {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$section,)+)+];

            fn place(self) -> (&'static Script, &'static str) {
                match self {
                    $($(Self::$section => (&$file, $name),)+)+
                }
            }
        }

        $($(const _: () = assert!(has_line(include_str!($path), "--= ", $name), "the file has no such section");)+)+

        #[cfg(test)]
        static FILES: &[&LazyLock<Script>] = &[$(&$file,)+];
    };
}

/// Makes the table: of each section of look-ups, its statements.
macro_rules! look_ups {
    ($path:literal: $($section:ident { $($look_up:ident = $name:literal,)+ })+) => {
        /// A statement that only reads, by itself.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum LookUp {
            $($(#[doc = concat!("`", $name, "`")] $look_up,)+)+
        }

        impl LookUp {
            /// All of them.
            pub const ALL: &[Self] = &[$($(Self::$look_up,)+)+];

            /// Its name in the file, in logs and in metrics.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $($(Self::$look_up => $name,)+)+
                }
            }

            const fn section(self) -> Section {
                match self {
                    $($(Self::$look_up => Section::$section,)+)+
                }
            }
        }

        $($(const _: () = assert!(has_line(include_str!($path), "--! ", $name), "the file has no such look-up");)+)+
    };
}

sections! {
    INITIAL_CREATE = "sql/initial-create.sql" {
        /// Claims the warehouse.
        Claim = "claim",
        /// Creates the system account.
        SystemAccount = "system-account",
        /// Creates the impersonation role and ties it to the system account.
        CreateRole = "role",
        /// Creates the managed database.
        Database = "database",
        /// The same in a script for a lesser admin whose name isn't known.
        DatabaseOfWhoeverRunsIt = "database-of-whoever-runs-it",
        /// Who may do what with the managed database as a whole.
        DatabaseGrants = "database-grants",
    }
    REGISTRY = "sql/registry.sql" {
        /// Begins a transaction.
        Begin = "begin",
        /// Ends a transaction.
        Commit = "commit",
        /// Ends a transaction in which nothing is to have been done.
        Rollback = "rollback",
        /// Schema, lock and registry row: from here on the database says whose it is.
        Registry = "registry",
        /// Begins a transaction behind the lock, if the registry is as it was observed.
        BeginChange = "begin-change",
        /// The registry says that everything is there.
        Complete = "complete",
        /// What the server shows of what was made.
        RecordDefinitions = "record-definitions",
        /// Something of what is set up was mended.
        Mended = "mended",
        /// The registry names another integration.
        TakeOver = "take-over",
        /// The registry says that the integration is being deleted.
        MarkDeleting = "mark-deleting",
        /// The registry says that it isn't, after all.
        TakeBackDeleting = "take-back-deleting",
        /// The registry says that something was changed, and is as it was.
        Rotated = "rotated",
        /// Ends the transaction behind the lock.
        CommitChange = "commit-change",
    }
    CREATE = "sql/create.sql" {
        /// Schemas and tables.
        Objects = "objects",
        /// The view, or its text anew.
        UserProfile = "user-profile",
        /// Lets everybody use a schema.
        OpenSchema = "open-schema",
        /// Lets everybody read the view.
        OpenUserProfile = "open-user-profile",
        /// Lets everybody execute what the system account will put into the schema of functions.
        OpenFutureFunctions = "open-future-functions",
    }
    IMPERSONATION = "sql/impersonation.sql" {
        /// Writes a new key of impersonations.
        ImpersonationKey = "impersonation-key",
        /// Creates the procedure that begins and ends an impersonation.
        ImpersonateProcedure = "impersonate-procedure",
        /// Creates the procedures that grant and revoke the role, or gives them the role's new name.
        RoleProcedures = "role-procedures",
        /// Lets the role's members begin an impersonation.
        GrantImpersonation = "grant-impersonation",
        /// Takes that from a role which is about to go.
        RevokeImpersonation = "revoke-impersonation",
        /// Drops one of the procedures.
        DropProcedure = "drop-procedure",
        /// Forgets the key: running impersonations end.
        ForgetKey = "forget-key",
    }
    EDIT = "sql/edit.sql" {
        /// From here on a superuser acts as the system account.
        BecomeSystemAccount = "become-system-account",
        /// From here on it acts as itself again.
        BecomeAdmin = "become-admin",
        /// Renames the system account and sets its password anew.
        RenameAccount = "rename-account",
        /// Renames the impersonation role.
        RenameRole = "rename-role",
        /// Makes somebody a member of the role.
        GrantRoleToMember = "grant-role-to-member",
        /// Drops the role, members or not.
        DropRole = "drop-role",
        /// Sets new passwords for the claim and the system account.
        SetPasswords = "set-passwords",
    }
    GUARDS = "sql/guards.sql" {
        /// For a script: it is run in the right database.
        GuardDatabase = "guard-database",
        /// For a script: it is run as the right user.
        GuardUser = "guard-user",
        /// For a script: it is run by a superuser.
        GuardSuperuser = "guard-superuser",
        /// For a script: it is run by somebody who may create databases.
        GuardDatabaseCreator = "guard-database-creator",
        /// For a script: there is no user of that name.
        GuardUserAbsent = "guard-user-absent",
        /// For a script: there is a user of that name.
        GuardUserPresent = "guard-user-present",
        /// For a script: there is no role of that name.
        GuardRoleAbsent = "guard-role-absent",
        /// For a script: there is a role of that name.
        GuardRolePresent = "guard-role-present",
        /// For a script: there is no database of that name.
        GuardDatabaseAbsent = "guard-database-absent",
        /// For a script: there is a database of that name.
        GuardDatabasePresent = "guard-database-present",
        /// For a script: the system account can create schemas in the database.
        GuardDatabaseGrantsPresent = "guard-database-grants-present",
        /// For a script: none of our schemas is there.
        GuardSchemasAbsent = "guard-schemas-absent",
        /// For a script: the registry is there.
        GuardRegistryPresent = "guard-registry-present",
        /// For a script: the registry names this integration.
        GuardRegistryOwner = "guard-registry-owner",
        /// For a script: a user owns the registry.
        GuardRegistryOfAccount = "guard-registry-of-account",
        /// For a script: the registry says that this step is to come.
        GuardRegistryState = "guard-registry-state",
        /// For a script: the registry says something that a removal can begin with.
        GuardRegistryRemovable = "guard-registry-removable",
        /// For a script: what is set up is what it was made for.
        GuardRegistryApplied = "guard-registry-applied",
        /// For a script: the same, or nothing was ever set up whole.
        GuardRegistryAppliedOrBegun = "guard-registry-applied-or-begun",
        /// For a script: what it sets up isn't set up yet.
        GuardRegistryNotApplied = "guard-registry-not-applied",
        /// For a script: this version has set it up.
        GuardRegistryVersion = "guard-registry-version",
        /// For a script: there is no registry.
        GuardRegistryAbsent = "guard-registry-absent",
        /// For a script: nothing of others is in the database.
        GuardObjectsOfOthers = "guard-objects-of-others",
        /// For a script: nothing of others is in our schemas.
        GuardObjectsInOurSchemas = "guard-objects-in-our-schemas",
        /// For a script: no view of others reads ours.
        GuardViewsOnOurs = "guard-views-on-ours",
        /// For a script: the system account has nothing in the database but what is ours.
        GuardTiesOfAccount = "guard-ties-of-account",
        /// For a script: the role was granted nothing on others' schemas.
        GuardSchemasOfRole = "guard-schemas-of-role",
        /// For a script: the role was granted nothing on others' tables and views.
        GuardRelationsOfRole = "guard-relations-of-role",
        /// For a script: the role was granted nothing on others' functions and procedures.
        GuardFunctionsOfRole = "guard-functions-of-role",
        /// For a script: the system account is marked for removal, or gone.
        GuardAccountClosed = "guard-account-closed",
        /// For a script: the system account isn't marked for removal yet.
        GuardAccountOpen = "guard-account-open",
        /// For a script: no other user has the name of one of ours.
        GuardUserIsOurs = "guard-user-is-ours",
        /// For a script: the system account has no privileges on a database.
        GuardDatabasesOfAccount = "guard-databases-of-account",
    }
    REPAIR = "sql/repair.sql" {
        /// Lets nobody but its owner put anything into a schema.
        CloseSchema = "close-schema",
        /// Takes from everybody what they may do with a table or view.
        CloseRelation = "close-relation",
        /// Takes the right to call a procedure from everybody.
        CloseProcedure = "close-procedure",
        /// Takes from a user or role what it may do with a procedure.
        RevokeProcedure = "revoke-procedure",
        /// Gives a schema back to the system account.
        GiveSchema = "give-schema",
        /// Gives a table or view back to the system account.
        GiveRelation = "give-relation",
        /// Gives a procedure back to the system account.
        GiveProcedure = "give-procedure",
        /// Lets the system account grant the role again.
        GrantRoleAgain = "grant-role-again",
    }
    MIGRATE = "sql/migrate.sql" {
        /// The registry holds definitions and the claim's id.
        MigrateTo2 = "migrate-to-2",
        /// The registry says which version is set up.
        Migrated = "migrated",
    }
    POLICY_VIEWS = "sql/policy-views.sql" {
        /// Creates the tables that policy-enforced views stand on.
        PolicyTables = "policy-tables",
        /// The view of the reader's own entitlements, or its text anew.
        UserEntitlements = "user-entitlements",
        /// The registry says that all of it is there.
        PolicyViewsSetUp = "policy-views-set-up",
    }
    VIEWS = "sql/views.sql" {
        /// The registry says that something of policy-enforced views was changed.
        PolicyViewsChanged = "policy-views-changed",
        /// Creates a schema for views.
        CreateViewSchema = "create-view-schema",
        /// Drops one.
        DropViewSchema = "drop-view-schema",
        /// Creates a view.
        CreateView = "create-view",
        /// Gives a view another text.
        ReplaceView = "replace-view",
        /// Drops a view.
        DropPolicyView = "drop-policy-view",
        /// Lets somebody read a view.
        GrantView = "grant-view",
        /// Takes that back.
        RevokeView = "revoke-view",
        /// Takes the use of a schema of views from somebody.
        RevokeViewSchema = "revoke-view-schema",
        /// Reads nothing of a view, to see whether it can be read.
        ProbeView = "probe-view",
        /// The same of a table.
        ProbeTable = "probe-table",
        /// A view isn't ours any more, or is written down anew.
        ForgetDataSource = "forget-data-source",
        /// Writes down whose a view is and what was applied.
        WriteDataSource = "write-data-source",
        /// Makes room for profiles that are to be written.
        Incoming = "incoming",
        /// Brings rows there.
        IncomingRows = "incoming-rows",
        /// Takes from users what they are to lose.
        TakeAway = "take-away",
        /// Writes their profiles.
        WriteProfiles = "write-profiles",
    }
    ROTATION = "sql/rotation.sql" {
        /// The system account sets its own password.
        ChangeOwnPassword = "change-own-password",
        /// So does the claim.
        ChangeOwnPasswordOfClaim = "change-own-password-of-claim",
    }
    DELETE = "sql/delete.sql" {
        /// Lets what follows on the connection wait for a short time only.
        WaitShortly = "wait-shortly",
        /// For a script: ends that.
        WaitAsBefore = "wait-as-before",
        /// Takes back the default privileges.
        RevokeFutureFunctions = "revoke-future-functions",
        /// Drops what policy-enforced views stand on.
        DropPolicyViews = "drop-policy-views",
        /// Drops the view.
        DropView = "drop-view",
        /// Drops one of the tables.
        DropTable = "drop-table",
        /// Drops one of the schemas.
        DropSchema = "drop-schema",
        /// For a script: marks the system account for removal.
        CloseAccount = "close-account",
        /// For a script: gives the managed database a name under which it may be dropped.
        SetDatabaseAside = "set-database-aside",
        /// Takes the privileges on a database from the system account.
        RevokeDatabase = "revoke-database",
        /// From here on a superuser acts as somebody who granted something.
        BecomeGrantor = "become-grantor",
        /// Revokes others' grants on a database.
        RevokeOnDatabase = "revoke-on-database",
        /// Revokes others' grants on a schema.
        RevokeOnSchema = "revoke-on-schema",
        /// Revokes others' grants on a table or view.
        RevokeOnRelation = "revoke-on-relation",
        /// Drops the managed database: the point of no return.
        DropDatabase = "drop-database",
        /// Drops the system account.
        DropSystemAccount = "drop-system-account",
        /// Frees the warehouse.
        DropClaim = "drop-claim",
    }
    LOOK = "sql/look.sql" {
        /// Reads what the warehouse is and what is in it.
        LookAtWarehouse = "warehouse",
        /// Reads what the account may do through roles.
        LookAtPrivileges = "privileges",
        /// Reads which privileges on databases can be passed on.
        LookAtDatabasePrivileges = "database-privileges",
        /// Reads who may use the language of the procedures.
        LookAtLanguage = "language",
        /// Reads the roles.
        LookAtRoles = "roles",
        /// Reads the roles of the user who asks.
        LookAtOwnRoles = "own-roles",
        /// Reads the members of a role.
        LookAtMembers = "members",
        /// Reads what a role may do with the objects of one database.
        LookAtRoleGrants = "role-grants",
        /// Reads the registry.
        LookAtRegistry = "registry-row",
        /// Reads what is in one database, and whose.
        LookAtContents = "contents",
        /// Reads what the server shows of our objects.
        LookAtDefinitions = "definitions",
        /// Reads the ids of our users.
        LookAtOurUsers = "our-users",
        /// Reads the views that speak of our schemas.
        LookAtDependents = "dependents",
        /// Reads who may do what with each database.
        LookAtDatabaseAcls = "database-acls",
        /// Reads what ties our users to columns and languages.
        LookAtHiddenTies = "hidden-ties",
        /// Proves that a login works.
        ProveLogin = "proof",
        /// Reads the settings of the managed database.
        LookAtSettings = "settings",
        /// Reads policy-enforced views and profiles.
        LookAtPolicyViews = "policy-views",
    }
    QUERIES = "sql/queries.sql" {
        /// For a person: who is connected to a database.
        ListSessions = "sessions",
        /// For a person: what is in a database.
        ListObjects = "objects",
        /// For a person: what ties a user to others' objects, in one database.
        ListTies = "ties",
        /// For a person: who has changed what is ours.
        ListChanges = "changes",
    }
}

look_ups! {
    "sql/look.sql":
    LookAtWarehouse {
        Version = "read-version",
        OwnAccount = "read-own-account",
        Users = "read-users",
        Databases = "read-databases",
        KindsOfDatabases = "read-kinds-of-databases",
        CaseSensitivity = "read-case-sensitivity",
    }
    LookAtPrivileges {
        OwnRoles = "read-own-roles",
        NestedRoles = "read-nested-roles",
        SystemPrivileges = "read-system-privileges",
    }
    LookAtDatabasePrivileges {
        GrantablePrivileges = "read-grantable-privileges",
    }
    LookAtLanguage {
        LanguagePrivileges = "read-language-privileges",
    }
    LookAtRoles {
        Roles = "read-roles",
    }
    LookAtOwnRoles {
        RolesOfSystemAccount = "read-roles-of-system-account",
    }
    LookAtMembers {
        MemberUsers = "read-member-users",
        MemberRoles = "read-member-roles",
    }
    LookAtRoleGrants {
        SchemaGrantsOfRole = "read-schema-grants-of-role",
        RelationGrantsOfRole = "read-relation-grants-of-role",
        RoutineGrantsOfRole = "read-routine-grants-of-role",
        DefaultPrivilegesOfRole = "read-default-privileges-of-role",
        DatabaseGrantsOfRole = "read-database-grants-of-role",
    }
    LookAtRegistry {
        Registry = "read-registry",
    }
    LookAtContents {
        Schemas = "read-schemas",
        Relations = "read-relations",
        Routines = "read-routines",
        DefaultPrivileges = "read-default-privileges",
    }
    LookAtDefinitions {
        Columns = "read-columns",
        View = "read-view",
        UserEntitlements = "read-user-entitlements",
        Procedure = "read-procedure",
        DefinerRights = "read-definer-rights",
    }
    LookAtOurUsers {
        OurUsers = "read-our-users",
    }
    LookAtDependents {
        ViewsThatSpeakOfUs = "read-views-that-speak-of-us",
    }
    LookAtDatabaseAcls {
        DatabaseAcls = "read-database-acls",
    }
    LookAtHiddenTies {
        ColumnPrivileges = "read-column-privileges",
        LanguagesOfUsers = "read-languages-of-users",
    }
    ProveLogin {
        ProveLogin = "prove-login",
    }
    LookAtSettings {
        Collation = "read-collation",
        Isolation = "read-isolation",
        ManagedDatabase = "read-managed-database",
        CountKeys = "count-keys",
    }
    LookAtPolicyViews {
        DataSources = "read-data-sources",
        Profiles = "read-profiles",
        EntitlementSums = "read-entitlement-sums",
        TableColumns = "read-table-columns",
        TablesOfSchemas = "read-tables-of-schemas",
        Views = "read-views",
        ViewsOfChange = "read-views-of-change",
        ViewText = "read-view-text",
        ViewsThatName = "read-views-that-name",
    }
}

/// The statements of a section, with all values in them.
pub fn statements(section: Section, parameters: &Parameters) -> Result<Vec<Statement>, RenderError> {
    let (script, name) = section.place();
    script.render(name, parameters)
}

/// A look-up, with all values in it.
pub fn look_up(look_up: LookUp, parameters: &Parameters) -> Result<Statement, RenderError> {
    let (script, _) = look_up.section().place();
    script.render_one(look_up.name(), parameters)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeSet;

    use secrecy::SecretString;

    use super::*;
    use crate::scripts::{CLAIM_USER, Fact, Fragment, ObjectName};

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
            .text("definitions", "")
            .text("claim_user_id", "101")
            .integer("schema_version", 2)
            .integer("policy_views_version", 3)
            .secret("masking_key", SecretString::from("f0".repeat(32)))
            .integer("fencing_counter", 1)
            .text("guarded", "immuta")
            .text("guarded_user", "immuta_system_account")
            .text("guarded_id", "102")
            .text("refusal", "what is wrong, and what to do")
            .text("claim_name", CLAIM_USER)
            .text("database_text", "immuta")
            .text("user_text", "immuta_system_account")
            .identifier("view_schema", "sales")
            .identifier("view_name", "orders")
            .text("view_schema_text", "sales")
            .text("view_name_text", "orders")
            .fragment("query", Fragment::new("SELECT 1 AS a".to_owned()))
            .fragment("rows", Fragment::new("(…)".to_owned()))
            .fragment("schemas", Fragment::list(["sales"]).unwrap())
            .fragment("tables", Fragment::list(["orders", "it's"]).unwrap())
            .identifier("grantee", "IAM:reports")
            .identifier("table_database", "dev")
            .identifier("table_schema", "sales")
            .identifier("table_name", "orders")
            .text("table_database_text", "dev")
            .text("table_text", "dev.sales.orders")
            .text("source_uid", "1b1d7b6e-9f0c-4c7e-8d2f-0c8d1f3d5a10")
            .text("resource", "data-platform/orders")
            .text("source_state", "applied")
            .text("columns_hash", "01")
            .text("shown_hash", "02")
            .text("shown_acl_hash", "03")
            .text("granted", "role analysts")
            .integer("schema_is_ours", 1)
    }

    fn transcript(fact: Fact) -> String {
        let parameters =
            parameters().fact(fact).fact(Fact::CreateMode).fact(Fact::MemberIsUser).fact(Fact::MemberIsGroup);
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
        let in_files: Vec<_> = FILES.iter().flat_map(|s| s.sections()).collect();
        let in_program: Vec<_> = Section::ALL.iter().map(|section| section.place().1).collect();
        assert_eq!(in_files.iter().collect::<BTreeSet<_>>(), in_program.iter().collect());
        assert_eq!(in_files.len(), in_program.len());
    }

    #[test]
    fn no_two_statements_share_a_name() {
        let names: Vec<_> = FILES.iter().flat_map(|s| s.names()).collect();
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
