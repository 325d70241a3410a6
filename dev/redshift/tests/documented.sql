CREATE DATABASE tickit_test WITH OWNER awsuser CONNECTION LIMIT UNLIMITED;

CREATE DATABASE sampledb COLLATE CASE_INSENSITIVE ISOLATION LEVEL SNAPSHOT;

CREATE USER dbuser PASSWORD 'md5153c434b4b77c89e6b94f12c5393af5b' NOCREATEDB NOCREATEUSER SYSLOG ACCESS RESTRICTED;

CREATE USER disabled_user PASSWORD DISABLE;

CREATE USER valid_user PASSWORD 'Abcd1234' VALID UNTIL '2030-06-10' CONNECTION LIMIT 5 SESSION TIMEOUT 120;

CREATE ROLE sample_role1;

CREATE ROLE sample_role2;

GRANT ROLE sample_role1 TO dbuser WITH ADMIN OPTION;

GRANT ROLE sample_role1 TO ROLE sample_role2;

GRANT CREATE USER, CREATE ROLE TO ROLE sample_role1;

GRANT ROLE sys:secadmin TO valid_user;

GRANT TEMP ON DATABASE sampledb TO PUBLIC;

REVOKE ALL PRIVILEGES ON DATABASE sampledb FROM PUBLIC;

GRANT ALL PRIVILEGES ON DATABASE sampledb TO dbuser;

CREATE SCHEMA IF NOT EXISTS us_sales AUTHORIZATION dbuser;

CREATE TABLE us_sales.orders (id INTEGER PRIMARY KEY, note VARCHAR(256) ENCODE zstd, data SUPER) DISTSTYLE KEY DISTKEY (id) SORTKEY (id);

CREATE PROCEDURE us_sales.p(a INTEGER) AS $$ BEGIN INSERT INTO us_sales.orders VALUES (a, 'x', NULL); END; $$ LANGUAGE plpgsql SECURITY DEFINER;

GRANT EXECUTE ON PROCEDURE us_sales.p(INTEGER) TO dbuser;

CREATE VIEW us_sales.late AS SELECT id FROM us_sales.orders WITH NO SCHEMA BINDING;

GRANT SELECT ON us_sales.orders TO dbuser WITH GRANT OPTION;

GRANT SELECT ON us_sales.orders TO ROLE sample_role1;

ALTER DEFAULT PRIVILEGES IN SCHEMA us_sales GRANT SELECT ON TABLES TO ROLE sample_role1;

ALTER DEFAULT PRIVILEGES IN SCHEMA us_sales GRANT EXECUTE ON PROCEDURES TO dbuser;

CREATE RLS POLICY policy_events WITH (eventid INTEGER) USING (eventid > 1);

ATTACH RLS POLICY policy_events ON us_sales.orders TO ROLE sample_role1;

CREATE MASKING POLICY mask_full WITH (id INTEGER) USING (0);

ALTER TABLE us_sales.orders ROW LEVEL SECURITY ON;

SELECT database_name, database_owner FROM svv_redshift_databases;

SELECT namespace_name, relation_name, privilege_type, identity_name FROM svv_relation_privileges;

CREATE GROUP admin_group WITH USER dbuser;

GRANT USAGE ON SCHEMA us_sales TO GROUP admin_group;

CREATE FUNCTION us_sales.f_less(INTEGER, INTEGER) RETURNS INTEGER STABLE AS $$ SELECT CASE WHEN $1 < $2 THEN $1 ELSE $2 END $$ LANGUAGE sql;

CALL us_sales.p(1);

ALTER USER dbuser PASSWORD 'md5153c434b4b77c89e6b94f12c5393af5b' NOCREATEUSER;

SELECT 'l\'auto';

BEGIN;

LOCK TABLE us_sales.orders;

UPDATE us_sales.orders SET note = 'y' WHERE id = 1;

COMMIT;

SELECT getdate(), sysdate, sha2('a', 256), len('abc'), db_collation();

SHOW enable_case_sensitive_identifier;

SET enable_case_sensitive_identifier TO false;

SELECT usename, CAST(usesysid AS VARCHAR(32)) FROM pg_user;

SELECT user_name, role_name, admin_option FROM svv_user_grants;

SELECT role_name, granted_role_name FROM svv_role_grants;

SELECT system_privilege, identity_name, identity_type FROM svv_system_privileges;

SELECT role_name FROM svv_roles;

SELECT datname, array_to_string(datconfig, '|') FROM pg_database_info;

SELECT CAST(defacluser AS VARCHAR(32)), array_to_string(defaclacl, '|') FROM pg_default_acl;

COMMENT ON TABLE us_sales.orders IS 'orders';

DROP ROLE sample_role2 FORCE;

DROP DATABASE tickit_test FORCE;

DROP USER IF EXISTS disabled_user, nobody_at_all;

CREATE ROLE owned_role;

ALTER ROLE owned_role RENAME TO renamed_role;

ALTER ROLE renamed_role OWNER TO dbuser;

GRANT ROLE renamed_role TO dbuser, valid_user;

REVOKE ADMIN OPTION FOR ROLE sample_role1 FROM dbuser;

REVOKE ROLE renamed_role FROM dbuser;

GRANT ALTER ROLE TO ROLE sample_role1;

CREATE OR REPLACE PROCEDURE us_sales.dynamic(target VARCHAR(128), INOUT result VARCHAR(128))
AS $$
DECLARE
    row_count INTEGER;
    item RECORD;
BEGIN
    IF target IS NULL THEN
        RAISE INFO 'nobody';
        RETURN;
    END IF;
    EXECUTE 'GRANT ROLE renamed_role TO ' || quote_ident(target);
    EXECUTE 'SELECT count(*) FROM us_sales.orders' INTO row_count;
    FOR item IN SELECT id FROM us_sales.orders LOOP
        row_count := row_count + item.id;
    END LOOP;
    DELETE FROM us_sales.orders WHERE id = 2;
    GET DIAGNOSTICS row_count = ROW_COUNT;
    EXECUTE 'REVOKE ROLE renamed_role FROM ' || quote_ident(target);
    SELECT INTO result max(note) FROM us_sales.orders;
END;
$$ LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog;

CALL us_sales.dynamic('dbuser', NULL);

GRANT EXECUTE ON PROCEDURE us_sales.dynamic(VARCHAR, VARCHAR) TO ROLE sample_role1;

REVOKE EXECUTE ON PROCEDURE us_sales.dynamic(VARCHAR, VARCHAR) FROM ROLE sample_role1;

SHOW PROCEDURE us_sales.dynamic(VARCHAR, VARCHAR);

SHOW VIEW us_sales.late;

DROP PROCEDURE us_sales.dynamic(VARCHAR, VARCHAR);

ALTER DEFAULT PRIVILEGES IN SCHEMA us_sales REVOKE EXECUTE ON PROCEDURES FROM dbuser;

GRANT DROP, ALTER, SELECT ON us_sales.orders TO dbuser;

SET SESSION AUTHORIZATION 'dbuser';

SET SESSION AUTHORIZATION DEFAULT;

SET app.purpose TO 'test';

SHOW app.purpose;

SELECT set_config('app.purpose', 'other', FALSE), current_setting('app.purpose'), current_setting('app.none', FALSE);

RESET app.purpose;

SELECT user_is_member_of('dbuser', 'sample_role1'), role_is_member_of('sample_role1', 'renamed_role');

SELECT schema_name, object_type, owner_name, privilege_type, grantee_name, admin_option FROM svv_default_privileges;

SELECT namespace_name, function_name, argument_types, privilege_type, identity_name FROM svv_function_privileges;

SELECT prooid, proname, pronamespace, proowner, prosrc, array_to_string(proacl, '|') FROM pg_proc_info WHERE proname = 'p';

SELECT viewname, definition FROM pg_views WHERE schemaname = 'us_sales';

SELECT table_name FROM svv_all_tables WHERE schema_name = 'us_sales';

SELECT groname FROM pg_group;

ALTER USER valid_user RENAME TO other_user;

CREATE EXTERNAL SCHEMA IF NOT EXISTS spectrum FROM DATA CATALOG DATABASE 'x' IAM_ROLE default;

SELECT schemaname FROM svv_external_schemas;

DROP ROLE renamed_role FORCE
