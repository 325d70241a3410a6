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

--! count-keys
-- Never the key itself.
SELECT count(*), sum(CASE WHEN len(secret) = 64 THEN 1 ELSE 0 END) FROM immuta_system.impersonation_key;
