-- Relations of other databases: foreign tables in schemas that are called after database and schema. Owner and grants are those
-- that the relation has there, as of the last statement that named it.
-- https://docs.aws.amazon.com/redshift/latest/dg/cross-database-overview.html

CREATE EXTENSION postgres_fdw SCHEMA pg_catalog;
CREATE EXTENSION dblink SCHEMA pg_catalog;

-- How another database is connected to, as the stand-in's own user.
CREATE FUNCTION pg_catalog.rdsdb_address(database text) RETURNS text STABLE LANGUAGE sql AS $$
SELECT format('host=%s dbname=''%s'' user=rdsdb', current_setting('unix_socket_directories'), regexp_replace(database, '([\\\\''])', '\\\\\\1', 'g')) $$;

-- What the catalogue of another database shows to somebody: `what` is schemas, tables or columns. Those of the system aren't in it:
-- they can't be queried from here. A database that is gone meanwhile has nothing.
-- https://docs.aws.amazon.com/redshift/latest/dg/cross-database_usage.html
CREATE FUNCTION pg_catalog.rdsdb_elsewhere(shape anyelement, database name, what text, reader oid) RETURNS SETOF anyelement
VOLATILE SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    columns text := (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
        FROM pg_attribute a JOIN pg_type t ON t.typrelid = a.attrelid WHERE t.oid = pg_typeof(shape) AND a.attnum > 0);
    reason text;
BEGIN
    RETURN QUERY EXECUTE format('SELECT * FROM pg_catalog.dblink($1, $2) AS f (%s)', columns)
    USING pg_catalog.rdsdb_address(database), format('SELECT * FROM pg_catalog.rdsdb_%s_of(%s)
        WHERE schema_name <> ''information_schema'' AND schema_name NOT LIKE ''pg!_%%'' ESCAPE ''!'' AND schema_name NOT LIKE ''rdsdb:%%''',
        what, reader);
EXCEPTION
    WHEN admin_shutdown THEN RETURN;
    WHEN sqlclient_unable_to_establish_sqlconnection THEN
        GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
        IF reason NOT LIKE '%does not exist%' AND reason NOT LIKE '%not currently accepting connections%' THEN
            RAISE;
        END IF;
END $$;

CREATE TABLE pg_catalog.rdsdb_reached (database text, schema text, name text, signature text, PRIMARY KEY (database, schema, name));

-- Makes a relation reachable as "rdsdb:database.schema"."name".
CREATE PROCEDURE pg_catalog.rdsdb_reach(who name, databases text[], schemas text[], names text[])
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    host text := current_setting('unix_socket_directories');
    found record;
    place text;
    target text;
BEGIN
    FOR at IN 1 .. array_length(names, 1) LOOP
        IF NOT EXISTS (SELECT FROM pg_database WHERE datname = databases[at]) THEN
            RAISE EXCEPTION USING ERRCODE = '3D000', MESSAGE = format('database "%s" does not exist', databases[at]);
        END IF;
        SELECT * INTO found FROM pg_catalog.dblink(
            format('host=%s dbname=%L user=rdsdb', host, databases[at]),
            format('SELECT pg_get_userbyid(c.relowner), c.relacl::text, pg_get_userbyid(n.nspowner), n.nspacl::text, (
                SELECT string_agg(format(''%%I %%s'', attname, format_type(atttypid, atttypmod)), '', '' ORDER BY attnum)
                FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)
                FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %L AND c.relname = %L',
                schemas[at], names[at])) AS f (owner text, acl text, schema_owner text, schema_acl text, columns text);
        IF found.columns IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = '42P01',
                MESSAGE = format('relation "%s.%s.%s" does not exist', databases[at], schemas[at], names[at]);
        END IF;
        CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.rdsdb_reached
            WHERE (database, schema, name, signature) = (databases[at], schemas[at], names[at], found::text));
        IF NOT EXISTS (SELECT FROM pg_foreign_server WHERE srvname = 'rdsdb:' || databases[at]) THEN
            EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, dbname %L, keep_connections ''off'')',
                'rdsdb:' || databases[at], host, databases[at]);
            EXECUTE format('CREATE USER MAPPING FOR PUBLIC SERVER %I OPTIONS (user ''rdsdb'', password_required ''false'')',
                'rdsdb:' || databases[at]);
        END IF;
        place := 'rdsdb:' || databases[at] || '.' || schemas[at];
        target := format('%I.%I', place, names[at]);
        IF to_regnamespace(quote_ident(place)) IS NULL THEN
            EXECUTE format('CREATE SCHEMA %I', place);
        END IF;
        IF to_regclass(target) IS NOT NULL THEN
            EXECUTE 'DROP FOREIGN TABLE ' || target;
        END IF;
        EXECUTE format('CREATE FOREIGN TABLE %s (%s) SERVER %I OPTIONS (schema_name %L, table_name %L)',
            target, found.columns, 'rdsdb:' || databases[at], schemas[at], names[at]);
        EXECUTE format('ALTER FOREIGN TABLE %s OWNER TO %I', target, found.owner);
        EXECUTE format('ALTER SCHEMA %I OWNER TO %I', place, found.schema_owner);
        -- Roles are shared by all databases, and so lists of privileges mean the same.
        UPDATE pg_class SET relacl = found.acl::aclitem[] WHERE oid = target::regclass;
        UPDATE pg_namespace SET nspacl = found.schema_acl::aclitem[] WHERE nspname = place;
        DELETE FROM pg_catalog.rdsdb_reached WHERE (database, schema, name) = (databases[at], schemas[at], names[at]);
        INSERT INTO pg_catalog.rdsdb_reached VALUES (databases[at], schemas[at], names[at], found::text);
    END LOOP;
END $$;
