//! What may be sent: every statement has one of these forms.
//! <https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_commands.html>
//!
//! `<user>` is a name that keeps its case: a user's, group's or role's. `storage{…}` says where rows are kept, `key{…}`
//! declares a key, `note{…}` is anything else that `PostgreSQL` has nothing for: these are taken out and noted.

use std::sync::LazyLock;

use super::reader::{Item, read};

/// The forms of a page of the guide.
struct Page {
    page: &'static str,
    forms: &'static [&'static str],
}

macro_rules! pages {
    ($($page:literal: $($form:literal)+;)+) => { &[$(Page { page: $page, forms: &[$($form),+] }),+] };
}

/// Users, groups, roles, databases, schemas.
#[rustfmt::skip]
const ACCOUNTS: &[Page] = pages! {
    "r_CREATE_USER":
        "CREATE USER <user> [WITH] {PASSWORD {<text>|DISABLE}|CREATEDB|NOCREATEDB|CREATEUSER|NOCREATEUSER \
         |note{SYSLOG ACCESS {RESTRICTED|UNRESTRICTED}}|IN GROUP <user,>|VALID UNTIL <text>|CONNECTION LIMIT {<number>|UNLIMITED} \
         |note{SESSION TIMEOUT <number>}|note{EXTERNALID {<text>|<name>}}}*";
    "r_ALTER_USER":
        "ALTER USER <user> [WITH] {PASSWORD {<text>|DISABLE}|CREATEDB|NOCREATEDB|CREATEUSER|NOCREATEUSER|VALID UNTIL <text> \
         |note{SYSLOG ACCESS {RESTRICTED|UNRESTRICTED}}|RENAME TO <user>|CONNECTION LIMIT {<number>|UNLIMITED} \
         |note{SESSION TIMEOUT <number>}|note{RESET SESSION TIMEOUT}|note{EXTERNALID {<text>|<name>}}}*"
        "ALTER USER <user> SET <setting:name> {TO|=} <rest>"
        "ALTER USER <user> RESET <setting:name>";
    "r_DROP_USER": "DROP USER [IF EXISTS] <user,>";
    "r_CREATE_ROLE": "CREATE ROLE <user> [note{EXTERNALID [TO] {<text>|<name>}}]";
    "r_ALTER_ROLE": "ALTER ROLE <user> [WITH] {RENAME TO <user>|OWNER TO <user>|note{EXTERNALID TO {<text>|<name>}}}";
    "r_DROP_ROLE": "DROP ROLE <user> [FORCE|RESTRICT]";
    "r_CREATE_GROUP": "CREATE GROUP <user> [[WITH] USER <user,>]";
    "r_ALTER_GROUP": "ALTER GROUP <user> {ADD USER <user,>|DROP USER <user,>|RENAME TO <user>}";
    "r_DROP_GROUP": "DROP GROUP <user>";
    "r_CREATE_DATABASE":
        "CREATE DATABASE <name> [WITH] {OWNER [=] <user>|CONNECTION LIMIT {<number>|UNLIMITED} \
         |note{COLLATE [=] {CASE_SENSITIVE|CS|CASE_INSENSITIVE|CI}}|note{ISOLATION LEVEL {SNAPSHOT|SERIALIZABLE}}}*";
    "r_ALTER_DATABASE":
        "ALTER DATABASE <name> {RENAME TO <name>|OWNER TO <user>}"
        "ALTER DATABASE <name> [WITH] {CONNECTION LIMIT {<number>|UNLIMITED} \
         |note{COLLATE [=] {CASE_SENSITIVE|CS|CASE_INSENSITIVE|CI}}|note{ISOLATION LEVEL {SNAPSHOT|SERIALIZABLE}}}*";
    "r_DROP_DATABASE": "DROP DATABASE <name> [FORCE]";
    "r_CREATE_SCHEMA":
        "CREATE SCHEMA [IF NOT EXISTS] <name> [AUTHORIZATION <user>] [note{QUOTA {<number> {MB|GB|TB}|UNLIMITED}}]"
        "CREATE SCHEMA AUTHORIZATION <user> [note{QUOTA {<number> {MB|GB|TB}|UNLIMITED}}]";
    "r_ALTER_SCHEMA": "ALTER SCHEMA <name> {RENAME TO <name>|OWNER TO <user>|note{QUOTA {<number> {MB|GB|TB}|UNLIMITED}}}";
    "r_DROP_SCHEMA": "DROP SCHEMA [IF EXISTS] <name,> [note{DROP EXTERNAL DATABASE}] [CASCADE|RESTRICT]";
    "r_CREATE_EXTERNAL_SCHEMA": "CREATE EXTERNAL SCHEMA [IF NOT EXISTS] <name> [FROM <rest>]";
};

/// Tables and views.
#[rustfmt::skip]
const RELATIONS: &[Page] = pages! {
    "r_CREATE_TABLE_NEW":
        "CREATE [[LOCAL] {TEMPORARY|TEMP}] TABLE [IF NOT EXISTS] <object> <columns> \
         {storage{BACKUP {YES|NO}}|storage{DISTSTYLE {AUTO|EVEN|KEY|ALL}}|storage{DISTKEY <block>}|storage{SORTKEY AUTO} \
         |storage{[COMPOUND|INTERLEAVED] SORTKEY <block>}|storage{ENCODE AUTO}}*";
    "r_CREATE_TABLE_AS":
        "CREATE [[LOCAL] {TEMPORARY|TEMP}] TABLE <object> [( <name,> )] \
         {storage{BACKUP {YES|NO}}|storage{DISTSTYLE {AUTO|EVEN|KEY|ALL}}|storage{DISTKEY <block>} \
         |storage{[COMPOUND|INTERLEAVED] SORTKEY <block>}}* AS {SELECT <rest>|WITH <rest>|<block>}"
        "CREATE TABLE IF NOT EXISTS <object> \
         {storage{BACKUP {YES|NO}}|storage{DISTSTYLE {AUTO|EVEN|KEY|ALL}}|storage{DISTKEY <block>} \
         |storage{[COMPOUND|INTERLEAVED] SORTKEY <block>}}* AS {SELECT <rest>|WITH <rest>|<block>}";
    "r_ALTER_TABLE":
        "ALTER TABLE <object> {ADD [CONSTRAINT <name>] {PRIMARY KEY <block>|UNIQUE <block>|FOREIGN KEY <block> REFERENCES <object> [<block>]} \
         |DROP CONSTRAINT <name> [RESTRICT|CASCADE]|OWNER TO <user>|RENAME TO <name>|RENAME COLUMN <name> TO <name> \
         |ALTER COLUMN <name> TYPE <type>|DROP [COLUMN] <name> [RESTRICT|CASCADE] \
         |ADD [COLUMN] <name> <type> {DEFAULT <expression>|storage{ENCODE <word>}|COLLATE {CASE_SENSITIVE|CS|CASE_INSENSITIVE|CI}|NOT NULL|NULL}*}"
        "ALTER TABLE <object> storage{ALTER {DISTKEY <name>|DISTSTYLE {ALL|EVEN|AUTO|KEY DISTKEY <name>}|[COMPOUND] SORTKEY <block> \
         |SORTKEY {AUTO|NONE}|ENCODE AUTO}}"
        "ALTER TABLE <object> storage{ALTER COLUMN <name> ENCODE <word>} {, storage{ALTER COLUMN <name> ENCODE <word>}}*"
        "ALTER TABLE <object> storage{ALTER DISTSTYLE KEY DISTKEY <name> , ALTER [COMPOUND] SORTKEY <block>}"
        "ALTER TABLE <object> policies{ROW LEVEL SECURITY {ON|OFF} [CONJUNCTION TYPE {AND|OR}] [FOR DATASHARES]}"
        "ALTER TABLE <object> policies{MASKING {ON|OFF} FOR DATASHARES}";
    "r_ALTER_TABLE_APPEND": "ALTER TABLE <object> APPEND FROM <object> [IGNOREEXTRA|FILLTARGET]";
    "r_DROP_TABLE": "DROP TABLE [IF EXISTS] <object,> [CASCADE|RESTRICT]";
    "r_TRUNCATE": "TRUNCATE [TABLE] <object>";
    "r_CREATE_VIEW":
        "CREATE [OR REPLACE] VIEW <object> [<block>] AS <rest>";
    "r_DROP_VIEW": "DROP VIEW [IF EXISTS] <object,> [CASCADE|RESTRICT]";
    "materialized-view-create-sql-command":
        "CREATE MATERIALIZED VIEW <object> {storage{BACKUP {YES|NO}}|storage{DISTSTYLE {AUTO|EVEN|KEY|ALL}}|storage{DISTKEY <block>} \
         |storage{[COMPOUND|INTERLEAVED] SORTKEY <block>}|storage{AUTO REFRESH {YES|NO}}}* AS {SELECT <rest>|WITH <rest>|<block>}";
    "r_ALTER_MATERIALIZED_VIEW":
        "ALTER MATERIALIZED VIEW <object> storage{AUTO REFRESH {YES|NO}}"
        "ALTER MATERIALIZED VIEW <object> storage{ALTER {DISTKEY <name>|DISTSTYLE {ALL|EVEN|AUTO|KEY DISTKEY <name>}|[COMPOUND] SORTKEY <block>|SORTKEY {AUTO|NONE}}}"
        "ALTER MATERIALIZED VIEW <object> policies{ROW LEVEL SECURITY {ON|OFF} [CONJUNCTION TYPE {AND|OR}] [FOR DATASHARES]}";
    "materialized-view-refresh-sql-command": "REFRESH MATERIALIZED VIEW <object> [RESTRICT|note{CASCADE}]";
    "materialized-view-drop-sql-command": "DROP MATERIALIZED VIEW [IF EXISTS] <object,> [CASCADE|RESTRICT]";
    "r_COMMENT":
        "COMMENT ON {TABLE <object>|COLUMN <object>|VIEW <object>|DATABASE <name>} IS {<text>|NULL}"
        "COMMENT ON COLUMN <name> . <name> . <name> . <name> IS {<text>|NULL}"
        "COMMENT ON CONSTRAINT <name> ON <object> IS {<text>|NULL}";
    "r_ANALYZE": "ANALYZE [VERBOSE] [<object> [<block>]] [note{PREDICATE COLUMNS|ALL COLUMNS}]";
    "r_ANALYZE_COMPRESSION": "ANALYZE COMPRESSION [<object> [<block>]] [COMPROWS <number>]";
    "r_VACUUM_command":
        "VACUUM [note{FULL|SORT ONLY|DELETE ONLY|REINDEX|RECLUSTER}] [<object>] [note{TO <number> PERCENT}] [note{BOOST}]";
    "r_LOCK": "LOCK [TABLE] <object,>";
};

/// Functions and procedures. What may stand between the parentheses is looked at elsewhere.
#[rustfmt::skip]
const ROUTINES: &[Page] = pages! {
    "r_CREATE_PROCEDURE":
        "CREATE [OR REPLACE] PROCEDURE <object> <arguments:block> [note{NONATOMIC}] AS <body> <language:language> [security{SECURITY {INVOKER|DEFINER}}] \
         [SET <setting:name> {TO|=} <rest>]"
        "CREATE [OR REPLACE] PROCEDURE <object> <arguments:block> [note{NONATOMIC}] <language:language> [security{SECURITY {INVOKER|DEFINER}}] \
         [SET <setting:name> {TO|=} {<value>} {, <value>}*] AS <body>";
    "r_ALTER_PROCEDURE": "ALTER PROCEDURE <object> [<block>] {RENAME TO <name>|OWNER TO <user>}";
    "r_DROP_PROCEDURE": "DROP PROCEDURE <object> <block>";
    "r_CREATE_FUNCTION":
        "CREATE [OR REPLACE] FUNCTION <object> <arguments:block> RETURNS <type> {VOLATILE|STABLE|IMMUTABLE} AS <body> LANGUAGE {SQL|<text>}";
    "r_DROP_FUNCTION": "DROP FUNCTION <object> <block> [CASCADE|RESTRICT]";
    "r_ALTER_FUNCTION": "ALTER FUNCTION <object> <block> {RENAME TO <name>|OWNER TO <user>}";
    "r_CALL_procedure": "CALL <object> <block>";
};

/// Privileges and policies.
#[rustfmt::skip]
const PRIVILEGES: &[Page] = pages! {
    "r_GRANT":
        "GRANT privileges{<privilege>} {, privileges{<privilege>}}* ON <on> TO <grantees> [WITH GRANT OPTION]"
        "GRANT ROLE <user> {, [ROLE] <user>}* TO <grantees> [WITH ADMIN OPTION]"
        "GRANT scoped{<privilege>} {, scoped{<privilege>}}* FOR <scope> TO <grantees> [WITH GRANT OPTION]"
        "GRANT systems{<system>} {, systems{<system>}}* TO <grantees>"
        "GRANT policies{SELECT ON [TABLE] <object,> TO RLS POLICY <name,>}"
        "GRANT policies{{EXPLAIN RLS|IGNORE RLS|EXPLAIN MASKING|UNMASK} TO <grantees>}";
    "r_REVOKE":
        "REVOKE [GRANT OPTION FOR] privileges{<privilege>} {, privileges{<privilege>}}* ON <on> FROM <grantees> [RESTRICT]"
        "REVOKE [ADMIN OPTION FOR] ROLE <user> {, [ROLE] <user>}* FROM <grantees>"
        "REVOKE [GRANT OPTION FOR] scoped{<privilege>} {, scoped{<privilege>}}* FOR <scope> FROM <grantees>"
        "REVOKE systems{<system>} {, systems{<system>}}* FROM <grantees>"
        "REVOKE policies{SELECT ON [TABLE] <object,> FROM RLS POLICY <name,>}"
        "REVOKE policies{{EXPLAIN RLS|IGNORE RLS|EXPLAIN MASKING|UNMASK} FROM <grantees>}";
    "r_ALTER_DEFAULT_PRIVILEGES":
        "ALTER DEFAULT PRIVILEGES [FOR USER <user,>] [IN SCHEMA <name,>] GRANT privileges{<privilege>} {, privileges{<privilege>}}* \
         ON {TABLES|FUNCTIONS|PROCEDURES} TO <grantees> [WITH GRANT OPTION]"
        "ALTER DEFAULT PRIVILEGES [FOR USER <user,>] [IN SCHEMA <name,>] REVOKE [GRANT OPTION FOR] privileges{<privilege>} {, privileges{<privilege>}}* \
         ON {TABLES|FUNCTIONS|PROCEDURES} FROM <grantees> [RESTRICT]";
    "r_CREATE_RLS_POLICY":
        "policies{CREATE [OR REPLACE] RLS POLICY <policy> [WITH <block> [[AS] <name>]] USING <block>}";
    "r_ALTER_RLS_POLICY": "policies{ALTER RLS POLICY <policy> USING <block>}";
    "r_DROP_RLS_POLICY": "policies{DROP RLS POLICY [IF EXISTS] <policy> [CASCADE|RESTRICT]}";
    "r_ATTACH_RLS_POLICY": "policies{ATTACH RLS POLICY <policy> ON [TABLE] <object,> TO <grantees>}";
    "r_DETACH_RLS_POLICY": "policies{DETACH RLS POLICY <policy> ON [TABLE] <object,> FROM <grantees>}";
    "r_CREATE_MASKING_POLICY":
        "policies{CREATE [OR REPLACE] MASKING POLICY [IF NOT EXISTS] <policy> WITH <block> USING <block>}";
    "r_ALTER_MASKING_POLICY": "policies{ALTER MASKING POLICY <policy> USING <block>}";
    "r_DROP_MASKING_POLICY": "policies{DROP MASKING POLICY <policy>}";
    "r_ATTACH_MASKING_POLICY":
        "policies{ATTACH MASKING POLICY <policy> ON <object> <block> [USING <block>] TO <grantees> [PRIORITY <number>]}";
    "r_DETACH_MASKING_POLICY": "policies{DETACH MASKING POLICY <policy> ON <object> <block> FROM <grantees>}";
    "r_ALTER_SYSTEM": "ALTER SYSTEM SET {METADATA_SECURITY|DATA_CATALOG_AUTO_MOUNT|DEFAULT_IDENTITY_NAMESPACE} [=] <value>";
};

/// Queries and what changes rows. What stands in a query is looked at elsewhere.
#[rustfmt::skip]
const QUERIES: &[Page] = pages! {
    "r_SELECT_synopsis": "SELECT <rest>" "<block>" "<block> {UNION|EXCEPT|INTERSECT|MINUS|ORDER|LIMIT} <rest>";
    "r_WITH_clause": "WITH <rest>";
    "r_INSERT_30":
        "INSERT INTO <object> [<block>] {DEFAULT VALUES|VALUES <rest>|SELECT <rest>|WITH <rest>|<block>}"
        "INSERT INTO <object> <block> [{UNION|EXCEPT|INTERSECT|MINUS} <rest>]";
    "r_UPDATE": "UPDATE <object> {SET <name> [. <name>] = <rest>|[AS] <name> SET <name> [. <name>] = <rest>}";
    "r_DELETE": "DELETE [FROM] <object> [[AS] <name>] [{USING|WHERE} <rest>]";
    "r_MERGE":
        "MERGE INTO <object> USING <object> [[AS] <name>] ON <rest>";
    "r_COPY": "COPY <object> [<block>] FROM <text> <rest>";
    "r_UNLOAD": "UNLOAD <block> TO <text> [<rest>]";
    "r_EXPLAIN": "EXPLAIN [VERBOSE] {SELECT|WITH|INSERT|UPDATE|DELETE|CREATE TABLE} <rest>";
    "declare": "DECLARE <name> CURSOR FOR <rest>";
    "fetch": "FETCH [NEXT|ALL|FORWARD [ALL|<number>]|<number>] {FROM|IN} <name>";
    "close": "CLOSE <name>";
    "r_PREPARE": "PREPARE <name> [<block>] AS <rest>";
    "r_EXECUTE": "EXECUTE <name> [<block>]";
    "r_DEALLOCATE": "DEALLOCATE [PREPARE] <name>";
};

/// Transactions, settings, and what shows things.
#[rustfmt::skip]
const SESSIONS: &[Page] = pages! {
    "r_BEGIN": "{BEGIN [WORK|TRANSACTION]|START TRANSACTION} {ISOLATION LEVEL {SERIALIZABLE|READ COMMITTED|READ UNCOMMITTED|REPEATABLE READ}|[,] READ {WRITE|ONLY}}*";
    "r_COMMIT": "{COMMIT|END} [WORK|TRANSACTION]";
    "r_ROLLBACK": "{ROLLBACK|ABORT} [WORK|TRANSACTION]";
    "r_SET":
        "SET [SESSION|LOCAL] SEED TO <rest>"
        "SET [SESSION|LOCAL] TIME ZONE {<text>|DEFAULT|<number>}"
        "SET [SESSION|LOCAL] <setting> {TO|=} <rest>";
    "r_SET_SESSION_AUTHORIZATION": "SET [LOCAL] SESSION AUTHORIZATION {DEFAULT|<user>|<text>}";
    "r_RESET": "RESET {ALL|<setting>}" "RESET SESSION AUTHORIZATION";
    "r_USE": "USE <name>";
    "r_CANCEL": "CANCEL <number> [<text>]";
    "r_SHOW_VIEW": "SHOW VIEW <shown:object>";
    "r_SHOW_PROCEDURE": "SHOW PROCEDURE <shown:object> [<block>]";
    "r_SHOW_TABLE": "SHOW TABLE <shown:object>";
    "r_SHOW_DATABASES": "SHOW DATABASES [LIKE <like:literal>] [LIMIT <limit:number>]";
    "r_SHOW_SCHEMAS": "SHOW SCHEMAS FROM DATABASE <shown:place> [LIKE <like:literal>] [LIMIT <limit:number>]";
    "r_SHOW_TABLES": "SHOW TABLES FROM SCHEMA <shown:place> [LIKE <like:literal>] [LIMIT <limit:number>]";
    "r_SHOW_COLUMNS": "SHOW COLUMNS FROM TABLE <shown:place> [LIKE <like:literal>] [LIMIT <limit:number>]";
    "r_SHOW_FUNCTIONS": "SHOW FUNCTIONS FROM SCHEMA <shown:place> [LIKE <like:literal>] [LIMIT <limit:number>]";
    "r_SHOW_PROCEDURES": "SHOW PROCEDURES FROM SCHEMA <shown:place> [LIKE <like:literal>] [LIMIT <limit:number>]";
    "r_SHOW_PARAMETERS": "SHOW PARAMETERS OF {FUNCTION|PROCEDURE} <shown:place> [<block>] [LIKE <like:literal>] [LIMIT <limit:number>]";
    "r_SHOW_CONSTRAINTS": "SHOW CONSTRAINTS {PRIMARY KEYS|FOREIGN KEYS [EXPORTED]} FROM TABLE <shown:place> [LIMIT <limit:number>]";
    "r_SHOW_GRANTS":
        "SHOW GRANTS ON {DATABASE <shown:place>|SCHEMA <shown:place>|{FUNCTION|PROCEDURE} <shown:place> [<block>]|[TABLE] <shown:place>} \
         [FOR <grantees>] [LIMIT <limit:number>]"
        "SHOW GRANTS FOR <grantees> [FROM DATABASE <name>] [LIMIT <limit:number>]";
    "r_SHOW_COLUMN_GRANTS": "SHOW COLUMN GRANTS ON TABLE <shown:place> [LIKE <like:literal>] [FOR <grantees>] [LIMIT <limit:number>]";
    "r_SHOW": "SHOW {ALL|TIME ZONE|TRANSACTION ISOLATION LEVEL|<setting>}";
};

/// Columns and constraints of a table. <https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_TABLE_NEW.html>
const ELEMENTS: &[&str] = &[
    "[CONSTRAINT <name>] key{{UNIQUE|PRIMARY KEY} <block>}",
    "[CONSTRAINT <name>] key{FOREIGN KEY <block> REFERENCES <object> [<block>]}",
    "LIKE <object> [{INCLUDING|EXCLUDING} DEFAULTS]",
    "<column:name> <type> {identity{[DEFAULT] IDENTITY [<block>]}|identity{GENERATED BY DEFAULT AS IDENTITY [<block>]} \
     |DEFAULT <expression>|storage{ENCODE <word>}|storage{DISTKEY}|storage{SORTKEY}|NOT NULL|NULL \
     |note{COLLATE {CASE_SENSITIVE|CS|CASE_INSENSITIVE|CI}}|key{[CONSTRAINT <name>] {UNIQUE|PRIMARY KEY}} \
     |key{REFERENCES <object> [<block>]}}*",
];

/// Sequences that several forms have.
#[rustfmt::skip]
const SHARED: &[(&str, &str)] = &[
    ("privilege",
        "{ALL [PRIVILEGES]|{SELECT|UPDATE} [columns{<block>}]|INSERT|DELETE|DROP|REFERENCES|ALTER|TRUNCATE|CREATE|USAGE|TEMPORARY|TEMP|EXECUTE}"),
    ("on",
        "{DATABASE <name,>|SCHEMA <name,>|LANGUAGE <name,>|ALL TABLES IN SCHEMA <name,>|ALL {FUNCTIONS|PROCEDURES} IN SCHEMA <name,> \
         |{FUNCTION|PROCEDURE} <object> <block> {, <object> <block>}*|[TABLE] <object,>}"),
    ("grantees", "{ROLE <user>|GROUP <user>|PUBLIC|<user>} {, {ROLE <user>|GROUP <user>|PUBLIC|<user>}}*"),
    ("scope",
        "{SCHEMAS IN DATABASE <name>|{TABLES|FUNCTIONS|PROCEDURES|LANGUAGES} IN {SCHEMA <name> [DATABASE <name>]|DATABASE <name>}}"),
    ("system",
        "{{CREATE|DROP|ALTER} {USER|ROLE|TABLE|DATASHARE}|{CREATE|DROP} {SCHEMA|MODEL|LIBRARY}|ALTER DEFAULT PRIVILEGES \
         |ACCESS {CATALOG|SYSTEM TABLE}|CREATE OR REPLACE {EXTERNAL FUNCTION|FUNCTION|PROCEDURE|VIEW}|DROP {FUNCTION|PROCEDURE|VIEW} \
         |TRUNCATE TABLE|VACUUM|ANALYZE|CANCEL}"),
    ("policy", "<name> [. <name>]"),
    ("language", "LANGUAGE {PLPGSQL|<text>}"),
    ("setting", "<value> {. <value>}*"),
    // AWS's driver for Python sends names as parameters.
    ("place", "{<parameter> {. <parameter>}*|<object>}"),
    ("literal", "{<text>|<parameter>}"),
];

/// A sequence that several forms have, read once for each place of it.
pub(super) fn shared(name: &str) -> &'static [Item] {
    let pattern = SHARED.iter().find(|(known, _)| *known == name).map(|(_, pattern)| *pattern);
    let Some(pattern) = pattern else { panic!("no such place: {name}") };
    Box::leak(read(pattern).into_boxed_slice())
}

/// A form of a statement, and the page that it is from.
pub(super) struct Form {
    pub(super) page: &'static str,
    pub(super) items: Vec<Item>,
}

/// All forms of statements.
pub(super) fn forms() -> &'static [Form] {
    static FORMS: LazyLock<Vec<Form>> = LazyLock::new(|| {
        let tables = [ACCOUNTS, RELATIONS, ROUTINES, PRIVILEGES, QUERIES, SESSIONS];
        tables
            .into_iter()
            .flatten()
            .flat_map(|page| page.forms.iter().map(|form| Form { page: page.page, items: read(form) }))
            .collect()
    });
    &FORMS
}

/// The forms of a table's columns and constraints.
pub(super) fn elements() -> &'static [Vec<Item>] {
    static ITEMS: LazyLock<Vec<Vec<Item>>> = LazyLock::new(|| ELEMENTS.iter().map(|element| read(element)).collect());
    &ITEMS
}
