-- Redshift's system views. Loaded into template1, so that every database made later has them.

-- Whether the reader sees grants to somebody: to everybody, to the reader, to a role of the reader's or one that the reader owns.
CREATE FUNCTION pg_catalog.rdsdb_accesses(id oid, owner oid) RETURNS boolean STABLE LANGUAGE sql AS $$
SELECT $1 = 0 OR pg_has_role(current_user, $1, 'member') OR coalesce($2 = to_regrole(quote_ident(current_user)), false) $$;

-- DROP on a table is kept as PostgreSQL's TRIGGER, which Redshift doesn't have.
CREATE FUNCTION pg_catalog.rdsdb_privilege(privilege text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT CASE $1 WHEN 'TRIGGER' THEN 'DROP' WHEN 'ALTER SYSTEM' THEN 'ALTER' ELSE $1 END $$;

-- The definitions of the system's own views are left out: putting them together takes most of the time of whoever looks
-- for a word in all definitions.
CREATE OR REPLACE VIEW pg_catalog.pg_views AS
SELECT n.nspname AS schemaname, c.relname AS viewname, pg_get_userbyid(c.relowner) AS viewowner,
    CASE WHEN n.nspname IN ('pg_catalog', 'information_schema') THEN '' ELSE pg_catalog.rdsdb_viewdef(c.oid) END AS definition
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'v';

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_DATABASES.html
CREATE VIEW pg_catalog.svv_redshift_databases AS
SELECT datname::varchar(128) AS database_name, pg_catalog.rdsdb_user(datdba)::integer AS database_owner, 'local'::varchar(32) AS database_type,
    array_to_string(pg_catalog.rdsdb_acl(datacl), '|')::varchar(128) AS database_acl, ''::varchar(128) AS database_options,
    'Snapshot Isolation'::varchar(128) AS database_isolation_level
FROM pg_database WHERE NOT datistemplate AND datname <> 'padb_harvest'
UNION ALL SELECT datname, 1, 'shared', NULL, '', 'Snapshot Isolation' FROM pg_catalog.rdsdb_foreign_databases();

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_USER_INFO.html: ordinary users see themselves.
CREATE VIEW pg_catalog.svv_user_info AS
SELECT usename::varchar(128) AS user_name, usesysid::integer AS user_id, usecreatedb AS createdb, usesuper AS superuser,
    usecatupd AS catalog_update, coalesce((SELECT nullif(rolconnlimit, -1)::text FROM pg_roles WHERE rolname = usename), 'UNLIMITED')::varchar(128) AS connection_limit,
    'RESTRICTED'::varchar(128) AS syslog_access
FROM pg_user
WHERE usename = current_user OR pg_catalog.rdsdb_superuser();

-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html: 1 is SNAPSHOT, 2 SERIALIZABLE.
CREATE VIEW pg_catalog.pg_database_info AS
SELECT datname, oid AS datid, pg_catalog.rdsdb_user(datdba) AS datdba, ARRAY['concurrency_model=1']::text[] AS datconfig,
    CASE datconnlimit WHEN -1 THEN 'UNLIMITED' ELSE datconnlimit::text END AS datconnlimit
FROM pg_database;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ROLES.html: those the reader may access, or owns.
CREATE VIEW pg_catalog.svv_roles AS
SELECT i.id::integer AS role_id, i.name AS role_name, pg_catalog.rdsdb_identity_name(i.owner, o.name) AS role_owner, NULL::text AS external_id
FROM pg_catalog.rdsdb_identities i LEFT JOIN pg_catalog.rdsdb_identities o ON o.id = i.owner
WHERE i.kind = 'role' AND (pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_catalog.rdsdb_accesses(i.id, i.owner));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_USER_GRANTS.html: ordinary users see their own.
CREATE VIEW pg_catalog.svv_user_grants AS
SELECT u.id::integer AS user_id, u.name AS user_name, r.id::integer AS role_id, r.name AS role_name, m.admin_option
FROM pg_auth_members m JOIN pg_catalog.rdsdb_identities u ON u.id = m.member JOIN pg_catalog.rdsdb_identities r ON r.id = m.roleid
WHERE u.kind = 'user' AND r.kind = 'role' AND (u.name = current_user OR pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ROLE_GRANTS.html
CREATE VIEW pg_catalog.svv_role_grants AS
SELECT r.id::integer AS role_id, r.name AS role_name, g.id::integer AS granted_role_id, g.name AS granted_role_name
FROM pg_auth_members m JOIN pg_catalog.rdsdb_identities r ON r.id = m.member JOIN pg_catalog.rdsdb_identities g ON g.id = m.roleid
WHERE r.kind = 'role' AND g.kind = 'role' AND (pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_has_role(current_user, r.id, 'member'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_SYSTEM_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_system_privileges AS
SELECT substring(p.rolname from 11)::text AS system_privilege, r.oid::integer AS identity_id, r.rolname::text AS identity_name,
    'role'::text AS identity_type
FROM pg_auth_members m JOIN pg_authid r ON r.oid = m.member JOIN pg_authid p ON p.oid = m.roleid
WHERE p.rolname LIKE 'privilege:%'
    AND (pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_has_role(current_user, r.oid, 'member'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_DATABASE_PRIVILEGES.html: there is no CONNECT.
CREATE VIEW pg_catalog.svv_database_privileges AS
SELECT d.datname::text AS database_name, pg_catalog.rdsdb_privilege(a.privilege_type) AS privilege_type, pg_catalog.rdsdb_user(a.grantee)::integer AS identity_id,
    pg_catalog.rdsdb_identity_name(a.grantee, i.name) AS identity_name, pg_catalog.rdsdb_identity_type(a.grantee, i.kind) AS identity_type,
    a.is_grantable AS admin_option, 'DATABASE'::text AS privilege_scope
FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) a LEFT JOIN pg_catalog.rdsdb_identities i ON i.id = a.grantee
WHERE a.privilege_type <> 'CONNECT' AND (pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_catalog.rdsdb_accesses(a.grantee, i.owner))
UNION ALL
SELECT current_database()::text, s.privilege, pg_catalog.rdsdb_user(s.grantee)::integer, pg_catalog.rdsdb_identity_name(s.grantee, i.name),
    pg_catalog.rdsdb_identity_type(s.grantee, i.kind), s.grantable, s.kind
FROM pg_catalog.rdsdb_scoped s LEFT JOIN pg_catalog.rdsdb_identities i ON i.id = s.grantee
WHERE s.schema = 0 AND (pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_catalog.rdsdb_accesses(s.grantee, i.owner));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_SCHEMA_PRIVILEGES.html: what the roles of scoped permissions have is no
-- schema's own.
CREATE VIEW pg_catalog.svv_schema_privileges AS
SELECT n.nspname::text AS namespace_name, pg_catalog.rdsdb_privilege(a.privilege_type) AS privilege_type, pg_catalog.rdsdb_user(a.grantee)::integer AS identity_id,
    pg_catalog.rdsdb_identity_name(a.grantee, i.name) AS identity_name, pg_catalog.rdsdb_identity_type(a.grantee, i.kind) AS identity_type,
    a.is_grantable AS admin_option, 'SCHEMA'::text AS privilege_scope
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a LEFT JOIN pg_catalog.rdsdb_identities i ON i.id = a.grantee
WHERE n.nspname NOT LIKE 'rdsdb:%' AND i.is_scope IS NOT TRUE
    AND (pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_catalog.rdsdb_accesses(a.grantee, i.owner))
UNION ALL
SELECT n.nspname::text, s.privilege, pg_catalog.rdsdb_user(s.grantee)::integer, pg_catalog.rdsdb_identity_name(s.grantee, i.name),
    pg_catalog.rdsdb_identity_type(s.grantee, i.kind), s.grantable, s.kind
FROM pg_catalog.rdsdb_scoped s JOIN pg_namespace n ON n.oid = s.schema LEFT JOIN pg_catalog.rdsdb_identities i ON i.id = s.grantee
WHERE pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_catalog.rdsdb_accesses(s.grantee, i.owner);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RELATION_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_relation_privileges AS
SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name, pg_catalog.rdsdb_privilege(a.privilege_type) AS privilege_type, pg_catalog.rdsdb_user(a.grantee)::integer AS identity_id,
    pg_catalog.rdsdb_identity_name(a.grantee, i.name) AS identity_name, pg_catalog.rdsdb_identity_type(a.grantee, i.kind) AS identity_type,
    a.is_grantable AS admin_option
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) a
LEFT JOIN pg_catalog.rdsdb_identities i ON i.id = a.grantee
WHERE c.relkind <> 'f' AND i.is_scope IS NOT TRUE AND (pg_catalog.rdsdb_superuser() OR pg_catalog.rdsdb_accesses(a.grantee, i.owner));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_LANGUAGE_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_language_privileges AS
SELECT l.lanname::text AS language_name, 'USAGE'::text AS privilege_type, 0 AS identity_id, 'public'::text AS identity_name,
    'public'::text AS identity_type, false AS admin_option
FROM pg_language l WHERE l.lanpltrusted;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STV_SESSIONS.html: every user sees all rows.
CREATE VIEW pg_catalog.stv_sessions AS
SELECT backend_start::timestamp AS starttime, pid AS process, usename::varchar(50) AS user_name, datname::varchar(50) AS db_name
FROM pg_stat_activity WHERE datname IS NOT NULL AND usename <> 'rdsdb';

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_FUNCTION_PRIVILEGES.html: of functions; whether procedures are
-- in it is not documented, so nobody should find them here.
CREATE VIEW pg_catalog.svv_function_privileges AS
SELECT n.nspname::text AS namespace_name, p.proname::text AS function_name, oidvectortypes(p.proargtypes) AS argument_types,
    a.privilege_type::text, pg_catalog.rdsdb_user(a.grantee)::integer AS identity_id,
    pg_catalog.rdsdb_identity_name(a.grantee, i.name) AS identity_name, pg_catalog.rdsdb_identity_type(a.grantee, i.kind) AS identity_type,
    a.is_grantable AS admin_option
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN LATERAL aclexplode(p.proacl) a
LEFT JOIN pg_catalog.rdsdb_identities i ON i.id = a.grantee
WHERE p.prokind = 'f' AND i.is_scope IS NOT TRUE
    AND (pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_catalog.rdsdb_accesses(a.grantee, i.owner));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_DEFAULT_PRIVILEGES.html: ordinary users see what they were given.
CREATE VIEW pg_catalog.svv_default_privileges AS
SELECT n.nspname::text AS schema_name,
    CASE d.defaclobjtype WHEN 'r' THEN 'RELATION' WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS object_type,
    d.defaclrole::integer AS owner_id, pg_catalog.rdsdb_identity_name(d.defaclrole, o.name) AS owner_name, 'user'::text AS owner_type,
    pg_catalog.rdsdb_privilege(a.privilege_type) AS privilege_type, pg_catalog.rdsdb_user(a.grantee)::integer AS grantee_id,
    pg_catalog.rdsdb_identity_name(a.grantee, i.name) AS grantee_name, pg_catalog.rdsdb_identity_type(a.grantee, i.kind) AS grantee_type,
    a.is_grantable AS admin_option
FROM pg_default_acl d LEFT JOIN pg_namespace n ON n.oid = d.defaclnamespace CROSS JOIN LATERAL aclexplode(d.defaclacl) a
LEFT JOIN pg_catalog.rdsdb_identities i ON i.id = a.grantee LEFT JOIN pg_catalog.rdsdb_identities o ON o.id = d.defaclrole
WHERE d.defaclobjtype IN ('r', 'f', 'p') AND a.grantee <> d.defaclrole
    AND (pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_catalog.rdsdb_accesses(a.grantee, i.owner));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_PROC_INFO.html
CREATE VIEW pg_catalog.pg_proc_info AS
SELECT oid AS prooid, proname, pronamespace, proowner, prolang, prosecdef, proisstrict, provolatile, pronargs, prorettype,
    proargtypes, proargnames, prosrc, proacl, prokind, proargmodes, proallargtypes, proconfig
FROM pg_catalog.rdsdb_proc;

-- What somebody may see of the schemas, relations and columns of a database: of this one for the views below, of others by way of
-- `rdsdb_elsewhere`. "Regular users can see only metadata to which they have access": a privilege on the object itself. USAGE on the
-- schema isn't asked for beside it: it shows no relation (r_GRANT), and the page on metadata security counts grants on the object.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_COLUMNS.html
-- https://docs.aws.amazon.com/redshift/latest/dg/t_metadata_security.html
CREATE TYPE pg_catalog.rdsdb_a_schema AS (
    schema_name varchar(128), schema_owner integer, schema_type varchar(128), schema_acl varchar(128), schema_option varchar(128));
CREATE FUNCTION pg_catalog.rdsdb_schemas_of(reader oid) RETURNS SETOF pg_catalog.rdsdb_a_schema STABLE LANGUAGE sql AS $$
SELECT n.nspname::varchar(128), pg_catalog.rdsdb_user(n.nspowner)::integer, 'local'::varchar(128),
    array_to_string(pg_catalog.rdsdb_acl(n.nspacl), '|')::varchar(128), ''::varchar(128)
FROM pg_namespace n
WHERE n.nspname NOT LIKE 'pg!_toast%' ESCAPE '!' AND n.nspname NOT LIKE 'pg!_temp%' ESCAPE '!'
    AND n.nspname NOT LIKE 'rdsdb:%'
    AND obj_description(n.oid, 'pg_namespace') IS DISTINCT FROM 'external'
    AND has_schema_privilege(reader, n.oid, 'USAGE, CREATE') $$;

CREATE TYPE pg_catalog.rdsdb_a_table AS (
    schema_name varchar(128), table_name varchar(128), table_type varchar(128), table_acl varchar(128), remarks varchar(128));
CREATE FUNCTION pg_catalog.rdsdb_tables_of(reader oid) RETURNS SETOF pg_catalog.rdsdb_a_table STABLE LANGUAGE sql AS $$
SELECT n.nspname::varchar(128), c.relname::varchar(128), CASE WHEN c.relkind IN ('v', 'm') THEN 'VIEW' ELSE 'TABLE' END::varchar(128),
    array_to_string(pg_catalog.rdsdb_acl(c.relacl), '|')::varchar(128), obj_description(c.oid, 'pg_class')::varchar(128)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm') AND c.relname NOT LIKE 'rdsdb!_%' ESCAPE '!'
    AND has_table_privilege(reader, c.oid, 'SELECT, INSERT, UPDATE, DELETE, REFERENCES') $$;

CREATE FUNCTION pg_catalog.rdsdb_reader() RETURNS oid STABLE LANGUAGE sql AS $$ SELECT to_regrole(quote_ident(current_user))::oid $$;

-- The databases that can be asked. `template1` isn't one: a connection to it would be in the way of CREATE DATABASE.
CREATE VIEW pg_catalog.rdsdb_others AS
SELECT datname FROM pg_database
WHERE datallowconn AND NOT datistemplate AND datname NOT IN (current_database(), 'padb_harvest');
GRANT SELECT ON pg_catalog.rdsdb_others TO PUBLIC;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_SCHEMAS.html
CREATE VIEW pg_catalog.svv_redshift_schemas AS
SELECT current_database()::varchar(128) AS database_name, s.* FROM pg_catalog.rdsdb_schemas_of(pg_catalog.rdsdb_reader()) s;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_EXTERNAL_SCHEMAS.html
CREATE VIEW pg_catalog.svv_external_schemas AS
SELECT oid AS esoid, 1::smallint AS eskind, nspname AS schemaname, nspowner::integer AS esowner, ''::text AS databasename, ''::text AS esoptions
FROM pg_namespace WHERE obj_description(oid, 'pg_namespace') = 'external';

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_TABLES.html
CREATE VIEW pg_catalog.svv_redshift_tables AS
SELECT current_database()::varchar(128) AS database_name, t.* FROM pg_catalog.rdsdb_tables_of(pg_catalog.rdsdb_reader()) t;

-- Of all databases. A condition on the name of the database is looked at before that database is asked.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ALL_TABLES.html
CREATE VIEW pg_catalog.svv_all_tables AS
SELECT * FROM pg_catalog.svv_redshift_tables
UNION ALL
SELECT d.datname::varchar(128), t.* FROM pg_catalog.rdsdb_others d
CROSS JOIN LATERAL pg_catalog.rdsdb_elsewhere(NULL::pg_catalog.rdsdb_a_table, d.datname, 'tables', pg_catalog.rdsdb_reader()) t;

GRANT SELECT ON pg_catalog.pg_database_info, pg_catalog.pg_proc_info, pg_catalog.stv_sessions,
    pg_catalog.svv_all_tables, pg_catalog.svv_database_privileges, pg_catalog.svv_default_privileges,
    pg_catalog.svv_external_schemas, pg_catalog.svv_function_privileges, pg_catalog.svv_language_privileges,
    pg_catalog.svv_redshift_databases, pg_catalog.svv_redshift_schemas, pg_catalog.svv_redshift_tables,
    pg_catalog.svv_relation_privileges, pg_catalog.svv_role_grants, pg_catalog.svv_roles,
    pg_catalog.svv_schema_privileges, pg_catalog.svv_system_privileges, pg_catalog.svv_user_grants,
    pg_catalog.svv_user_info TO PUBLIC;

-- PUBLIC may create in `public`. https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
GRANT ALL ON SCHEMA public TO PUBLIC;
