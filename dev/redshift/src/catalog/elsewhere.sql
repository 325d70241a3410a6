-- Relations of other databases: foreign tables in schemas that are called after database and schema. Columns, owner and grants are
-- those that the relation has there, as of the last statement that named it or a late-binding view over it.
-- https://docs.aws.amazon.com/redshift/latest/dg/cross-database-overview.html
--
-- A foreign table is the same one as long as the columns are the same; for others there is a new one, and the former stays under
-- another name for those who have it in a transaction that is still open. All this is done by a session of the stand-in's own, whose
-- transaction is committed at once: what a client has or hasn't committed has no bearing on what another database looks like, and no
-- client waits for another's transaction.

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

-- `shape` is the columns, as CREATE FOREIGN TABLE wants them; owners are ids and lists of privileges texts. Roles are shared by all
-- databases, and so both mean the same here as there.
CREATE TYPE pg_catalog.rdsdb_relation AS (database text, schema text, name text, shape text, owner oid, acl text, schema_owner oid, schema_acl text);
CREATE TABLE pg_catalog.rdsdb_reached OF pg_catalog.rdsdb_relation (PRIMARY KEY (database, schema, name));

-- What these relations look like where they are; those that aren't there are left out. Views that read yet another database can't be
-- queried from here. https://docs.aws.amazon.com/redshift/latest/dg/cross-database_limitation.html
CREATE FUNCTION pg_catalog.rdsdb_there(databases text[], schemas text[], names text[]) RETURNS SETOF pg_catalog.rdsdb_relation
VOLATILE LANGUAGE plpgsql AS $$
DECLARE
    of_database text;
    reason text;
BEGIN
    FOR of_database IN SELECT DISTINCT unnest(databases) LOOP
        BEGIN
            RETURN QUERY SELECT of_database, f.* FROM pg_catalog.dblink(pg_catalog.rdsdb_address(of_database),
                format('SELECT n.nspname, c.relname, (
                    SELECT string_agg(format(''%%I %%s'', attname, format_type(atttypid, atttypmod)), '', '' ORDER BY attnum)
                    FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped), c.relowner, c.relacl, n.nspowner, n.nspacl
                    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE c.relkind IN (''r'', ''v'', ''m'') AND (n.nspname, c.relname) IN (%s)',
                    (SELECT string_agg(DISTINCT format('(%L, %L)', w.schema, w.name), ', ')
                        FROM unnest(databases, schemas, names) w (database, schema, name) WHERE w.database = of_database)))
                AS f (schema text, name text, shape text, owner oid, acl text, schema_owner oid, schema_acl text)
            WHERE f.shape IS NOT NULL;
        EXCEPTION WHEN sqlclient_unable_to_establish_sqlconnection THEN
            GET STACKED DIAGNOSTICS reason = PG_EXCEPTION_DETAIL;
            IF reason NOT LIKE '%does not exist%' AND reason NOT LIKE '%not currently accepting connections%' THEN
                RAISE;
            END IF;
        END;
    END LOOP;
END $$;

-- As "rdsdb:database.schema"."name" such a relation is known here; the way back is for texts that are quoted so.
CREATE FUNCTION pg_catalog.rdsdb_reached_as(database text, schema text, name text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT format('"%s"."%s"', replace(format('rdsdb:%s.%s', $1, $2), '"', '""'), replace($3, '"', '""')) $$;
CREATE FUNCTION pg_catalog.rdsdb_is_reached(quoted text) RETURNS boolean IMMUTABLE LANGUAGE sql AS $$ SELECT $1 LIKE '"rdsdb:%' $$;
CREATE FUNCTION pg_catalog.rdsdb_parts(quoted text) RETURNS text[] IMMUTABLE LANGUAGE sql AS $$
SELECT ARRAY[split_part(substr(p[1], 7), '.', 1), substr(p[1], 8 + length(split_part(substr(p[1], 7), '.', 1))), p[2]] FROM parse_ident($1) p $$;

-- Makes what is here as it is there. It is called by `rdsdb_reach`, in a session of its own.
CREATE PROCEDURE pg_catalog.rdsdb_reach_now(databases text[], schemas text[], names text[]) LANGUAGE plpgsql AS $$
DECLARE
    found record;
    server text;
    place text;
    target text;
BEGIN
    PERFORM pg_advisory_xact_lock('pg_catalog.rdsdb_reached'::regclass::bigint);
    PERFORM set_config('lock_timeout', '5s', true), set_config('rdsdb.rebinding', 'on', true);
    FOR found IN SELECT DISTINCT w.*, t.shape, t.owner, t.acl, t.schema_owner, t.schema_acl, r.shape AS known
        FROM unnest(databases, schemas, names) w (database, schema, name)
        LEFT JOIN pg_catalog.rdsdb_there(databases, schemas, names) t USING (database, schema, name)
        LEFT JOIN pg_catalog.rdsdb_reached r USING (database, schema, name) LOOP
        server := 'rdsdb:' || found.database;
        place := server || '.' || found.schema;
        target := pg_catalog.rdsdb_reached_as(found.database, found.schema, found.name);
        IF found.shape IS DISTINCT FROM found.known AND to_regclass(target) IS NOT NULL THEN
            -- Past ALTER, which would wait for them.
            UPDATE pg_type SET typname = 'rdsdb:former ' || typrelid WHERE typrelid = to_regclass(target);
            UPDATE pg_class SET relname = 'rdsdb:former ' || oid WHERE oid = to_regclass(target);
        END IF;
        DELETE FROM pg_catalog.rdsdb_reached r WHERE (r.database, r.schema, r.name) = (found.database, found.schema, found.name);
        CONTINUE WHEN found.shape IS NULL;
        IF NOT EXISTS (SELECT FROM pg_foreign_server WHERE srvname = server) THEN
            EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host %L, dbname %L, keep_connections ''off'')',
                server, current_setting('unix_socket_directories'), found.database);
            EXECUTE format('CREATE USER MAPPING FOR PUBLIC SERVER %I OPTIONS (user ''rdsdb'', password_required ''false'')', server);
        END IF;
        IF to_regnamespace(quote_ident(place)) IS NULL THEN
            EXECUTE format('CREATE SCHEMA %I', place);
        END IF;
        IF to_regclass(target) IS NULL THEN
            EXECUTE format('CREATE FOREIGN TABLE %s (%s) SERVER %I OPTIONS (schema_name %L, table_name %L)',
                target, found.shape, server, found.schema, found.name);
        END IF;
        -- Nothing is recorded of whom that names: what is another database's is in nobody's way here.
        UPDATE pg_class SET relowner = found.owner, relacl = found.acl::aclitem[] WHERE oid = to_regclass(target);
        UPDATE pg_namespace SET nspowner = found.schema_owner, nspacl = found.schema_acl::aclitem[] WHERE nspname = place;
        INSERT INTO pg_catalog.rdsdb_reached VALUES (found.database, found.schema, found.name, found.shape, found.owner, found.acl,
            found.schema_owner, found.schema_acl);
    END LOOP;
END $$;

-- What is remembered of one that was made here as it is there; nothing as long as this session doesn't know of it.
CREATE FUNCTION pg_catalog.rdsdb_mark(of pg_catalog.rdsdb_relation) RETURNS text STABLE LANGUAGE sql AS $$
SELECT md5($1::text || to_regclass(pg_catalog.rdsdb_reached_as(($1).database, ($1).schema, ($1).name))::oid) $$;

-- Sees to it that these relations are here as they are there. `needed`: they have to be there.
CREATE PROCEDURE pg_catalog.rdsdb_meet(databases text[], schemas text[], names text[], needed boolean) LANGUAGE plpgsql AS $$
DECLARE
    there pg_catalog.rdsdb_relation[] := ARRAY(SELECT t FROM pg_catalog.rdsdb_there(databases, schemas, names) t);
    met text := coalesce(current_setting('rdsdb.met', true), '');
    missing record;
BEGIN
    IF EXISTS (SELECT FROM unnest(databases, schemas, names) w (database, schema, name)
        LEFT JOIN unnest(there) t USING (database, schema, name) LEFT JOIN pg_catalog.rdsdb_reached r USING (database, schema, name)
        WHERE t IS DISTINCT FROM r::pg_catalog.rdsdb_relation AND coalesce(strpos(met, pg_catalog.rdsdb_mark(t)), 0) = 0) THEN
        PERFORM pg_catalog.dblink_exec(pg_catalog.rdsdb_address(current_database()),
            format('CALL pg_catalog.rdsdb_reach_now(%L::text[], %L::text[], %L::text[])', databases, schemas, names));
        -- This transaction won't see what was written down of it.
        PERFORM set_config('rdsdb.met', met || coalesce(string_agg(pg_catalog.rdsdb_mark(t), ''), ''), true) FROM unnest(there) t;
    END IF;
    IF needed THEN
        FOR missing IN SELECT w.* FROM unnest(databases, schemas, names) w (database, schema, name)
            LEFT JOIN unnest(there) t USING (database, schema, name) WHERE t.shape IS NULL LOOP
            RAISE EXCEPTION USING ERRCODE = '42P01',
                MESSAGE = format('relation "%s.%s.%s" does not exist', missing.database, missing.schema, missing.name);
        END LOOP;
    END IF;
END $$;

-- What comes before a statement that names relations of other databases, or may name late-binding views (late.sql).
CREATE PROCEDURE pg_catalog.rdsdb_reach(who name, databases text[], schemas text[], names text[], needed boolean, relations text[],
    reader_uses_schemas boolean)
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    unknown text;
BEGIN
    IF databases <> '{}' THEN
        FOR unknown IN SELECT unnest(databases) EXCEPT SELECT datname FROM pg_database LOOP
            RAISE EXCEPTION USING ERRCODE = '3D000', MESSAGE = format('database "%s" does not exist', unknown);
        END LOOP;
        CALL pg_catalog.rdsdb_meet(databases, schemas, names, needed);
    END IF;
    IF relations <> '{}' THEN
        CALL pg_catalog.rdsdb_freshen(who, relations, reader_uses_schemas);
    END IF;
END $$;

-- Clients that look for schemas, tables and columns don't find what is only there to reach other databases.
DO $$
DECLARE
    view record;
BEGIN
    FOR view IN SELECT * FROM (VALUES ('schemata', 'schema_name'), ('tables', 'table_schema'), ('columns', 'table_schema'),
        ('table_privileges', 'table_schema'), ('role_table_grants', 'table_schema'), ('column_privileges', 'table_schema'),
        ('role_column_grants', 'table_schema')) v (name, place) LOOP
        EXECUTE format('CREATE OR REPLACE VIEW information_schema.%I AS SELECT * FROM (%s) v WHERE %I NOT LIKE ''rdsdb:%%''',
            view.name, rtrim(pg_get_viewdef(('information_schema.' || view.name)::regclass), ';'), view.place);
    END LOOP;
END $$;
