-- look: everything the operator reads. Nothing in here changes anything.
--
-- Catalogues are read alone: functions that run on the leader node fail beside tables and SVV views.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_SQL_functions_leader_node_only.html

--= warehouse

--! read-version
SELECT version();

--! read-own-account
SELECT usename, CASE WHEN usesuper THEN 1 ELSE 0 END, CASE WHEN usecreatedb THEN 1 ELSE 0 END
FROM pg_user
WHERE usename = current_user;

--! read-users
SELECT usename, CAST(usesysid AS VARCHAR(32))
FROM pg_user;

--! read-databases
SELECT d.datname, CAST(d.datdba AS VARCHAR(32))
FROM pg_database d
WHERE d.datallowconn;

--! read-kinds-of-databases
SELECT database_name, database_type FROM svv_redshift_databases;

--! read-case-sensitivity
SHOW enable_case_sensitive_identifier;

--= privileges

--! read-own-roles
SELECT role_name FROM svv_user_grants WHERE user_name = {{admin_name}};

--! read-nested-roles
SELECT role_name, granted_role_name FROM svv_role_grants;

--! read-system-privileges
SELECT system_privilege, identity_name FROM svv_system_privileges WHERE identity_type = 'role';

--= database-privileges

--! read-grantable-privileges
SELECT database_name, privilege_type, identity_name FROM svv_database_privileges WHERE admin_option;

--= language

--! read-language-privileges
SELECT identity_name, identity_type FROM svv_language_privileges WHERE language_name = 'plpgsql' AND privilege_type = 'USAGE';

--= roles

--! read-roles
SELECT role_name, role_owner FROM svv_roles;

--= own-roles

--! read-roles-of-system-account
SELECT role_name, CASE WHEN admin_option THEN 1 ELSE 0 END FROM svv_user_grants WHERE user_name = {{system_account_name}};

--= members

--! read-member-users
SELECT user_name, CASE WHEN admin_option THEN 1 ELSE 0 END FROM svv_user_grants WHERE role_name = {{role_name}};

--! read-member-roles
SELECT role_name FROM svv_role_grants WHERE granted_role_name = {{role_name}};

--= role-grants

--! read-schema-grants-of-role
SELECT namespace_name, privilege_type FROM svv_schema_privileges WHERE identity_type = 'role' AND identity_name = {{role_name}};

--! read-relation-grants-of-role
SELECT namespace_name, relation_name, privilege_type FROM svv_relation_privileges
WHERE identity_type = 'role' AND identity_name = {{role_name}};

--! read-routine-grants-of-role
SELECT namespace_name, function_name, privilege_type FROM svv_function_privileges
WHERE identity_type = 'role' AND identity_name = {{role_name}};

--! read-default-privileges-of-role
SELECT owner_name, object_type, privilege_type FROM svv_default_privileges
WHERE grantee_type = 'role' AND grantee_name = {{role_name}};

--! read-database-grants-of-role
SELECT database_name, privilege_type FROM svv_database_privileges WHERE identity_type = 'role' AND identity_name = {{role_name}};

--= registry-row

--! read-registry
-- All columns, in their order: an older version of what is set up has fewer, and a newer one more.
SELECT * FROM immuta_system.registry;

--= contents

--! read-schemas
SELECT n.nspname, CAST(n.nspowner AS VARCHAR(32)), array_to_string(n.nspacl, '|')
FROM pg_namespace n;

--! read-relations
SELECT n.nspname, c.relname, CAST(c.relkind AS VARCHAR(8)), CAST(c.relowner AS VARCHAR(32)), array_to_string(c.relacl, '|')
FROM pg_class c
INNER JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind <> 'i' AND c.relkind <> 't' AND c.relkind <> 'c' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!';

--! read-routines
SELECT n.nspname, p.proname, CAST(p.proowner AS VARCHAR(32)), array_to_string(p.proacl, '|')
FROM pg_proc p
INNER JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!';

--! read-default-privileges
SELECT CAST(a.defacluser AS VARCHAR(32)), array_to_string(a.defaclacl, '|'), n.nspname
FROM pg_default_acl a
LEFT JOIN pg_namespace n ON n.oid = a.defaclnamespace;

--= definitions

-- What the server shows of our own objects: to be compared with what it showed of them right after they were made.

--! read-columns
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' ELSE '' END
FROM pg_attribute a
INNER JOIN pg_class c ON c.oid = a.attrelid
INNER JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'immuta_system' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY n.nspname, c.relname, a.attnum;

--! read-view
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_VIEW.html
SHOW VIEW immuta_system.user_profile;

--! read-user-entitlements
SHOW VIEW immuta_system.user_entitlements;

--! read-procedure
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_PROCEDURE.html
SHOW PROCEDURE {{schema}}.{{object}}(VARCHAR);

--! read-definer-rights
-- That SHOW PROCEDURE tells with whose rights a procedure runs isn't documented.
SELECT p.proname, CASE WHEN p.prosecdef THEN '1' ELSE '0' END
FROM pg_proc p
INNER JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = 'immuta_procedures';

--= our-users

--! read-our-users
SELECT usename, CAST(usesysid AS VARCHAR(32)) FROM pg_user WHERE usename IN ({{claim_name}}, {{system_account_name}});

--= dependents

--! read-views-that-speak-of-us
SELECT schemaname, viewname, definition FROM pg_views
WHERE definition LIKE '%immuta!_%' ESCAPE '!' AND schemaname <> 'pg_catalog' AND schemaname <> 'information_schema';

--= database-acls

--! read-database-acls
SELECT d.datname, CAST(d.datdba AS VARCHAR(32)), array_to_string(d.datacl, '|') FROM pg_database d;

--= hidden-ties

--! read-column-privileges
SELECT identity_name, namespace_name, relation_name, column_name, privilege_type FROM svv_column_privileges
WHERE identity_type = 'user' AND identity_name IN ({{claim_name}}, {{system_account_name}});

--! read-languages-of-users
SELECT identity_name, language_name, privilege_type FROM svv_language_privileges
WHERE identity_type = 'user' AND identity_name IN ({{claim_name}}, {{system_account_name}});

--= proof

--! prove-login
SELECT 1;

--= settings

--! read-collation
SELECT db_collation();

--! read-isolation
SELECT datname, array_to_string(datconfig, '|') FROM pg_database_info;

--! read-managed-database
SELECT current_database(), CAST(d.datdba AS VARCHAR(32)), array_to_string(d.datacl, '|') FROM pg_database d WHERE d.datname = current_database();

--! count-keys
-- Never the key itself.
SELECT count(*), sum(CASE WHEN len(secret) = 64 THEN 1 ELSE 0 END) FROM immuta_system.impersonation_key;

--= policy-views

--! read-data-sources
-- With the registry's row, so that one look tells whether it is still the one that was met before.
SELECT
    r.integration_uid, r.state, CAST(r.fencing_counter AS VARCHAR(32)), CAST(r.schema_version AS VARCHAR(16)),
    d.source_uid, d.resource, d.view_schema, d.view_name, d.table_name, d.state, d.applied_hash, d.columns_hash,
    d.shown_hash, d.shown_acl_hash, CAST(d.schema_is_ours AS VARCHAR(1)), d.granted
FROM immuta_system.registry r
LEFT JOIN immuta_system.data_source d ON d.source_uid <> '';

--! read-profiles
-- Whether the operator has written it is told by the entitlement that each of its own has. Digests, since texts are long.
SELECT
    p.immuta__userid, sha2(p.immuta__groups, 256), sha2(p.immuta__attributes, 256),
    CASE WHEN x.immuta__userid IS NULL THEN '0' ELSE '1' END, x.name
FROM immuta_system.profile p
LEFT JOIN immuta_system.entitlement x
    ON x.immuta__userid = p.immuta__userid AND x.kind = 'u' AND x.value = p.immuta__userid;

--! read-entitlement-sums
-- A sum doesn't depend on the order of rows. The inner digest keeps name and value apart.
SELECT
    x.immuta__userid, CAST(count(*) AS VARCHAR(32)),
    CAST(sum(strtol(substring(sha2(
        sha2(x.kind || CASE WHEN x.kind = 'u' THEN '' ELSE x.name END, 256) || x.value, 256), 1, 8), 16)) AS VARCHAR(32))
FROM immuta_system.entitlement x
GROUP BY x.immuta__userid;

--! read-table-columns
-- Users see what they may read. https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_COLUMNS.html
SELECT
    c.schema_name, c.table_name, t.table_type, c.column_name, CAST(c.ordinal_position AS VARCHAR(8)), c.data_type,
    CAST(c.character_maximum_length AS VARCHAR(16)), CAST(c.numeric_precision AS VARCHAR(16)), CAST(c.numeric_scale AS VARCHAR(16))
FROM svv_all_columns c
INNER JOIN svv_all_tables t
    ON t.database_name = c.database_name AND t.schema_name = c.schema_name AND t.table_name = c.table_name
WHERE c.database_name = {{table_database_text}} AND c.schema_name IN ({{schemas}}) AND c.table_name IN ({{tables}});

--! read-tables-of-schemas
-- The same of all tables of some schemas.
SELECT
    c.schema_name, c.table_name, t.table_type, c.column_name, CAST(c.ordinal_position AS VARCHAR(8)), c.data_type,
    CAST(c.character_maximum_length AS VARCHAR(16)), CAST(c.numeric_precision AS VARCHAR(16)), CAST(c.numeric_scale AS VARCHAR(16))
FROM svv_all_columns c
INNER JOIN svv_all_tables t
    ON t.database_name = c.database_name AND t.schema_name = c.schema_name AND t.table_name = c.table_name
WHERE c.database_name = {{table_database_text}} AND c.schema_name IN ({{schemas}});

--! read-views
SELECT
    n.nspname, nu.usename, array_to_string(n.nspacl, '|'), c.relname, CAST(c.relkind AS VARCHAR(8)), cu.usename,
    array_to_string(c.relacl, '|')
FROM pg_namespace n
LEFT JOIN pg_user nu ON nu.usesysid = n.nspowner
LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind <> 'i' AND c.relkind <> 't' AND c.relkind <> 'c'
LEFT JOIN pg_user cu ON cu.usesysid = c.relowner
WHERE n.nspname IN ({{schemas}});

--! read-views-of-change
-- The same of a few, in the transaction that makes them.
SELECT
    n.nspname, nu.usename, array_to_string(n.nspacl, '|'), c.relname, CAST(c.relkind AS VARCHAR(8)), cu.usename,
    array_to_string(c.relacl, '|')
FROM pg_namespace n
INNER JOIN pg_class c ON c.relnamespace = n.oid AND c.relname IN ({{tables}})
LEFT JOIN pg_user nu ON nu.usesysid = n.nspowner
LEFT JOIN pg_user cu ON cu.usesysid = c.relowner
WHERE n.nspname IN ({{schemas}});

--! read-view-text
SHOW VIEW {{view_schema}}.{{view_name}};

--! read-views-that-name
SELECT schemaname, viewname, definition FROM pg_views
WHERE strpos(definition, {{view_name_text}}) > 0 AND schemaname <> 'pg_catalog' AND schemaname <> 'information_schema';
