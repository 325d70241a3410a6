-- Redshift's catalogue, as far as a statement of an operator or a user comes near it. Loaded into
-- template1, so that every database made later has it.

-- The version ends in `Redshift 1.0.…`. https://docs.aws.amazon.com/redshift/latest/dg/r_VERSION.html
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text STABLE LANGUAGE sql AS
$$ SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.122103'::text $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_GETDATE.html: the statement's start, without a zone.
CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp VOLATILE LANGUAGE sql AS
$$ SELECT statement_timestamp()::timestamp(0) $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SYSDATE.html: the transaction's start.
CREATE FUNCTION pg_catalog.sysdate() RETURNS timestamp STABLE LANGUAGE sql AS
$$ SELECT transaction_timestamp()::timestamp $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_LEN.html: in characters, trailing blanks included.
CREATE FUNCTION pg_catalog.len(text) RETURNS integer IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT length($1) $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/SHA2.html: hex, and empty for an unknown number of bits.
CREATE FUNCTION pg_catalog.sha2(text, integer) RETURNS varchar IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT CASE $2
    WHEN 0 THEN encode(sha256($1::bytea), 'hex') WHEN 256 THEN encode(sha256($1::bytea), 'hex')
    WHEN 224 THEN encode(sha224($1::bytea), 'hex') WHEN 384 THEN encode(sha384($1::bytea), 'hex')
    WHEN 512 THEN encode(sha512($1::bytea), 'hex') ELSE '' END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_db_collation.html
CREATE FUNCTION pg_catalog.db_collation() RETURNS varchar STABLE LANGUAGE sql AS $$ SELECT 'case_sensitive'::varchar $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/super-overview.html
CREATE DOMAIN pg_catalog.super AS jsonb;
CREATE FUNCTION pg_catalog.json_parse(text) RETURNS super IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1::jsonb::super $$;
CREATE FUNCTION pg_catalog.json_serialize(super) RETURNS varchar IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1::text::varchar $$;

-- Whether the reader is a superuser, or holds a system privilege through roles.
CREATE FUNCTION pg_catalog.redshift_holds(privilege text) RETURNS boolean STABLE LANGUAGE sql AS
$$ SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
    OR pg_has_role(current_user, 'privilege:' || $1, 'member') $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_REDSHIFT_DATABASES.html
CREATE VIEW pg_catalog.svv_redshift_databases AS
SELECT datname::varchar(128) AS database_name, datdba::integer AS database_owner, 'local'::varchar(32) AS database_type,
    array_to_string(datacl, '|')::varchar(128) AS database_acl, ''::varchar(128) AS database_options,
    'Snapshot Isolation'::varchar(128) AS database_isolation_level
FROM pg_database WHERE NOT datistemplate AND datname <> 'padb_harvest';

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_USER_INFO.html: ordinary users see themselves.
CREATE VIEW pg_catalog.svv_user_info AS
SELECT usename::varchar(128) AS user_name, usesysid::integer AS user_id, usecreatedb AS createdb, usesuper AS superuser,
    false AS catalog_update, 'UNLIMITED'::varchar(128) AS connection_limit, 'RESTRICTED'::varchar(128) AS syslog_access
FROM pg_user
WHERE usename = current_user OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html: 1 is SNAPSHOT, 2 SERIALIZABLE.
CREATE VIEW pg_catalog.pg_database_info AS
SELECT datname, oid AS datid, datdba, ARRAY['concurrency_model=1']::text[] AS datconfig FROM pg_database;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ROLES.html: those the reader may access.
CREATE VIEW pg_catalog.svv_roles AS
SELECT oid::integer AS role_id, rolname::text AS role_name, 'rdsdb'::text AS role_owner, NULL::text AS external_id
FROM pg_roles
WHERE NOT rolcanlogin AND rolname NOT LIKE 'pg!_%' ESCAPE '!' AND rolname NOT LIKE 'privilege:%'
    AND (pg_has_role(current_user, oid, 'member') OR pg_catalog.redshift_holds('ACCESS SYSTEM TABLE'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_USER_GRANTS.html: ordinary users see their own.
CREATE VIEW pg_catalog.svv_user_grants AS
SELECT u.oid::integer AS user_id, u.rolname::text AS user_name, r.oid::integer AS role_id, r.rolname::text AS role_name, m.admin_option
FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member JOIN pg_roles r ON r.oid = m.roleid
WHERE u.rolcanlogin AND r.rolname NOT LIKE 'privilege:%'
    AND (u.rolname = current_user OR pg_catalog.redshift_holds('ACCESS SYSTEM TABLE'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_ROLE_GRANTS.html
CREATE VIEW pg_catalog.svv_role_grants AS
SELECT r.oid::integer AS role_id, r.rolname::text AS role_name, g.oid::integer AS granted_role_id, g.rolname::text AS granted_role_name
FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles g ON g.oid = m.roleid
WHERE NOT r.rolcanlogin AND g.rolname NOT LIKE 'privilege:%'
    AND (pg_has_role(current_user, r.oid, 'member') OR pg_catalog.redshift_holds('ACCESS SYSTEM TABLE'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_SYSTEM_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_system_privileges AS
SELECT substring(p.rolname from 11)::text AS system_privilege, r.oid::integer AS identity_id, r.rolname::text AS identity_name,
    'role'::text AS identity_type
FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member JOIN pg_roles p ON p.oid = m.roleid
WHERE p.rolname LIKE 'privilege:%'
    AND (pg_has_role(current_user, r.oid, 'member') OR pg_catalog.redshift_holds('ACCESS SYSTEM TABLE'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_DATABASE_PRIVILEGES.html: there is no CONNECT.
CREATE VIEW pg_catalog.svv_database_privileges AS
SELECT d.datname::text AS database_name, a.privilege_type::text, a.grantee::integer AS identity_id,
    coalesce(g.rolname, 'public')::text AS identity_name,
    CASE WHEN a.grantee = 0 THEN 'public' WHEN g.rolcanlogin THEN 'user' ELSE 'role' END::text AS identity_type,
    a.is_grantable AS admin_option, 'DATABASE'::text AS privilege_scope
FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE a.privilege_type <> 'CONNECT'
    AND (a.grantee = 0 OR pg_has_role(current_user, a.grantee, 'member') OR pg_catalog.redshift_holds('ACCESS SYSTEM TABLE'));

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_SCHEMA_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_schema_privileges AS
SELECT n.nspname::text AS namespace_name, a.privilege_type::text, a.grantee::integer AS identity_id,
    coalesce(g.rolname, 'public')::text AS identity_name,
    CASE WHEN a.grantee = 0 THEN 'public' WHEN g.rolcanlogin THEN 'user' ELSE 'role' END::text AS identity_type,
    a.is_grantable AS admin_option, 'SCHEMA'::text AS privilege_scope
FROM pg_namespace n CROSS JOIN LATERAL aclexplode(n.nspacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE a.grantee = 0 OR pg_has_role(current_user, a.grantee, 'member') OR pg_catalog.redshift_holds('ACCESS SYSTEM TABLE');

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_RELATION_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_relation_privileges AS
SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name, a.privilege_type::text, a.grantee::integer AS identity_id,
    coalesce(g.rolname, 'public')::text AS identity_name,
    CASE WHEN a.grantee = 0 THEN 'public' WHEN g.rolcanlogin THEN 'user' ELSE 'role' END::text AS identity_type,
    a.is_grantable AS admin_option
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(c.relacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee
WHERE a.grantee = 0 OR pg_has_role(current_user, a.grantee, 'member') OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user);

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVV_LANGUAGE_PRIVILEGES.html
CREATE VIEW pg_catalog.svv_language_privileges AS
SELECT l.lanname::text AS language_name, 'USAGE'::text AS privilege_type, 0 AS identity_id, 'public'::text AS identity_name,
    'public'::text AS identity_type, false AS admin_option
FROM pg_language l WHERE l.lanpltrusted;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_STV_SESSIONS.html: every user sees all rows.
CREATE VIEW pg_catalog.stv_sessions AS
SELECT backend_start::timestamp AS starttime, pid AS process, usename::varchar(50) AS user_name, datname::varchar(50) AS db_name
FROM pg_stat_activity WHERE datname IS NOT NULL AND usename <> 'rdsdb';

GRANT SELECT ON pg_catalog.svv_redshift_databases, pg_catalog.svv_user_info, pg_catalog.pg_database_info,
    pg_catalog.svv_roles, pg_catalog.svv_user_grants, pg_catalog.svv_role_grants, pg_catalog.svv_system_privileges,
    pg_catalog.svv_database_privileges, pg_catalog.svv_schema_privileges, pg_catalog.svv_relation_privileges,
    pg_catalog.svv_language_privileges, pg_catalog.stv_sessions TO PUBLIC;

-- PUBLIC may create in `public`. https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
GRANT ALL ON SCHEMA public TO PUBLIC;
