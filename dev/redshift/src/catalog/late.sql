-- Late-binding views: text, owner and grants stay while the tables below them come and go.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
--
-- Each is a view of PostgreSQL's that nothing of what it reads is recorded of. Whenever relations are made, altered or dropped,
-- those are bound anew whose text has come to mean something else; where it can't be bound, a view is left that raises when it is
-- queried. It stays the same view, whatever its columns become: grants, owner and what reads it stay with it. What is in other
-- databases comes and goes without anybody here being told, and so those that read it are looked at before each statement that names
-- them.

-- `reads` are relations, quoted; those of other databases as `rdsdb_reached_as` writes them.
CREATE TABLE pg_catalog.rdsdb_late (
    id oid PRIMARY KEY, query text NOT NULL, statement text NOT NULL, columns text[] NOT NULL, has_list boolean NOT NULL, reads text[] NOT NULL);
-- What became of it; the last counts. `failure` is a code and a message if it couldn't be bound. Rows are only added: a transaction
-- that began before another's row came would otherwise fail.
CREATE TABLE pg_catalog.rdsdb_binding (
    id oid NOT NULL, number bigint GENERATED ALWAYS AS IDENTITY, signature text, failure text[],
    transaction xid8 NOT NULL DEFAULT pg_current_xact_id(), PRIMARY KEY (id, number));
CREATE VIEW pg_catalog.rdsdb_bound AS
SELECT l.*, b.signature, b.failure, b.failure IS NULL AS bound,
    coalesce(b.transaction = pg_current_xact_id_if_assigned(), false) AS is_own
FROM pg_catalog.rdsdb_late l
CROSS JOIN LATERAL (SELECT b.* FROM pg_catalog.rdsdb_binding b WHERE b.id = l.id ORDER BY b.number DESC LIMIT 1) b;

CREATE FUNCTION pg_catalog.rdsdb_unbound(code text, message text) RETURNS boolean VOLATILE LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message; END $$;

-- The relations that a view was bound to, by name, with their columns. Those of other databases are others where their columns are.
-- A transaction sees a row of the catalogue twice that another has changed since, and itself after that.
CREATE FUNCTION pg_catalog.rdsdb_signature(ids text) RETURNS text STABLE LANGUAGE sql AS $$
SELECT ids || ':' || coalesce(md5(string_agg(DISTINCT a."is", ';' ORDER BY a."is")), '')
FROM (SELECT c.oid || '.' || c.relnamespace::regnamespace || '.' || c.relname || '.' || a.attnum || '.' || a.attname || '.' || a.atttypid || '.'
        || a.atttypmod || '.' || a.attisdropped
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.oid = ANY (string_to_array(ids, ',')::oid[]) AND c.relkind <> 'f') a ("is") $$;

-- What a view depends on, and how that looks. Nothing is recorded any more behind it.
CREATE FUNCTION pg_catalog.rdsdb_unbind(view oid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    SELECT string_agg(DISTINCT refobjid::text, ',') INTO found FROM pg_depend
    WHERE classid = 'pg_rewrite'::regclass AND objid IN (SELECT r.oid FROM pg_rewrite r WHERE r.ev_class = view)
        AND refclassid = 'pg_class'::regclass AND refobjid <> view;
    DELETE FROM pg_depend
    WHERE classid = 'pg_rewrite'::regclass AND objid IN (SELECT r.oid FROM pg_rewrite r WHERE r.ev_class = view)
        AND refclassid = 'pg_class'::regclass AND refobjid <> view;
    RETURN pg_catalog.rdsdb_signature(coalesce(found, ''));
END $$;

-- Gives a view the columns of another, so that it can be replaced by what has those.
CREATE PROCEDURE pg_catalog.rdsdb_take_columns(view oid, other oid) LANGUAGE plpgsql AS $$
DECLARE
    number smallint := (SELECT max(attnum) FROM pg_attribute WHERE attrelid = other);
BEGIN
    DELETE FROM pg_attribute WHERE attrelid = view AND attnum > number;
    UPDATE pg_class SET relnatts = least(relnatts, number) WHERE oid = view;
    -- Two may have changed names.
    UPDATE pg_attribute SET attname = 'rdsdb:' || attnum WHERE attrelid = view AND attnum > 0;
    UPDATE pg_attribute a SET attname = b.attname, atttypid = b.atttypid, atttypmod = b.atttypmod, attlen = b.attlen, attbyval = b.attbyval,
        attalign = b.attalign, attstorage = b.attstorage, attcompression = b.attcompression, attcollation = b.attcollation, attndims = b.attndims
    FROM pg_attribute b WHERE a.attrelid = view AND b.attrelid = other AND a.attnum = b.attnum AND a.attnum > 0;
    UPDATE pg_catalog.rdsdb_known SET columns = number WHERE id = view AND columns <> number;
END $$;

-- Binds the text of a view, which is there already or not; says what came of it.
CREATE PROCEDURE pg_catalog.rdsdb_bind(view text, late pg_catalog.rdsdb_late) LANGUAGE plpgsql AS $$
DECLARE
    list text := CASE WHEN late.has_list THEN (SELECT '(' || string_agg(quote_ident(name), ', ' ORDER BY at) || ')'
        FROM unnest(late.columns) WITH ORDINALITY c (name, at)) ELSE '' END;
    other text := format('%s."rdsdb_other_%s"', (SELECT relnamespace::regnamespace FROM pg_class WHERE oid = to_regclass(view) LIMIT 1), to_regclass(view)::oid);
    stub text;
    failed text[];
BEGIN
    BEGIN
        BEGIN
            EXECUTE format('CREATE OR REPLACE VIEW %s %s AS %s', view, list, late.query);
        EXCEPTION WHEN invalid_table_definition THEN
            EXECUTE format('CREATE VIEW %s %s AS %s', other, list, late.query);
            CALL pg_catalog.rdsdb_take_columns(to_regclass(view), to_regclass(other));
            EXECUTE 'DROP VIEW ' || other;
            EXECUTE format('CREATE OR REPLACE VIEW %s %s AS %s', view, list, late.query);
        END;
    EXCEPTION WHEN serialization_failure OR deadlock_detected OR lock_not_available THEN
        RAISE;
    WHEN OTHERS THEN
        failed := ARRAY[SQLSTATE, replace(SQLERRM, 'rdsdb:', '')];
        IF to_regclass(view) IS NULL THEN
            SELECT string_agg(format('NULL::varchar AS %I', name), ', ' ORDER BY at) INTO stub FROM unnest(late.columns) WITH ORDINALITY c (name, at);
        ELSE
            -- Its columns are those that it had.
            SELECT string_agg(format('NULL::%s AS %I', format_type(atttypid, atttypmod), attname), ', ' ORDER BY attnum) INTO stub
            FROM pg_attribute WHERE attrelid = to_regclass(view) AND attnum > 0;
        END IF;
        EXECUTE format('CREATE OR REPLACE VIEW %s AS SELECT %s WHERE pg_catalog.rdsdb_unbound(%L, %L)', view,
            coalesce(stub, 'NULL::varchar AS "?column?"'), failed[1], failed[2]);
    END;
    INSERT INTO pg_catalog.rdsdb_binding (id, signature, failure) VALUES (to_regclass(view), pg_catalog.rdsdb_unbind(to_regclass(view)), failed);
END $$;

-- Binds one that is there anew.
CREATE PROCEDURE pg_catalog.rdsdb_bind_anew(view oid) LANGUAGE plpgsql AS $$
DECLARE
    late pg_catalog.rdsdb_late;
    name text := view::regclass;
    rebinding text := current_setting('rdsdb.rebinding', true);
BEGIN
    SELECT l.* INTO late FROM pg_catalog.rdsdb_late l WHERE l.id = view;
    -- What this makes and drops isn't looked at again.
    PERFORM set_config('rdsdb.rebinding', 'on', true);
    CALL pg_catalog.rdsdb_bind(name, late);
    PERFORM set_config('rdsdb.rebinding', coalesce(rebinding, ''), true);
END $$;

-- Binds those anew whose text has come to mean something else, by what has happened in this database. Of those that can't be bound,
-- the ones that read other databases are left to whoever names them, and so are those that somebody has in an open transaction: nobody
-- waits for another's view.
CREATE PROCEDURE pg_catalog.rdsdb_rebind() LANGUAGE plpgsql AS $$
DECLARE
    late record;
    changed boolean := true;
    locked oid[] := '{}';
    patience text := current_setting('lock_timeout');
BEGIN
    PERFORM set_config('lock_timeout', '100ms', true);
    DELETE FROM pg_catalog.rdsdb_late l WHERE l.id IN (
        SELECT l.id FROM pg_catalog.rdsdb_late l WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = l.id) FOR UPDATE SKIP LOCKED);
    -- A view may read another.
    WHILE changed LOOP
        changed := false;
        FOR late IN SELECT b.* FROM pg_catalog.rdsdb_bound b
            -- Nothing stands behind the colon where it reads other databases alone.
            WHERE (b.signature NOT LIKE '%:' AND b.signature IS DISTINCT FROM pg_catalog.rdsdb_signature(split_part(b.signature, ':', 1)))
                OR (NOT b.bound AND NOT EXISTS (SELECT FROM unnest(b.reads) r WHERE pg_catalog.rdsdb_is_reached(r))) LOOP
            CONTINUE WHEN late.id = ANY (locked);
            BEGIN
                CALL pg_catalog.rdsdb_bind_anew(late.id);
                changed := changed OR (SELECT b.bound FROM pg_catalog.rdsdb_bound b WHERE b.id = late.id);
            EXCEPTION WHEN lock_not_available THEN
                locked := locked || late.id;
            END;
        END LOOP;
    END LOOP;
    PERFORM set_config('lock_timeout', patience, true);
END $$;

-- The late-binding views among these relations, and those that they read, directly or by way of other views.
CREATE FUNCTION pg_catalog.rdsdb_chain(relations text[]) RETURNS oid[] VOLATILE LANGUAGE sql AS $$
WITH RECURSIVE read (id) AS (
    SELECT to_regclass(name)::oid FROM unnest(relations) r (name)
    UNION
    SELECT further.id FROM read CROSS JOIN LATERAL (
        SELECT to_regclass(name)::oid FROM pg_catalog.rdsdb_late l CROSS JOIN LATERAL unnest(l.reads) r (name)
        WHERE l.id = read.id AND NOT pg_catalog.rdsdb_is_reached(name)
        UNION ALL
        SELECT d.refobjid FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
        WHERE w.ev_class = read.id AND d.refclassid = 'pg_class'::regclass) further (id)
    WHERE read.id IS NOT NULL)
SELECT array_agg(read.id) FROM read JOIN pg_catalog.rdsdb_late l ON l.id = read.id $$;

-- Those of them that have to be bound anew. What can't be bound is tried again.
CREATE FUNCTION pg_catalog.rdsdb_stale(chain oid[]) RETURNS SETOF pg_catalog.rdsdb_bound VOLATILE LANGUAGE sql AS $$
SELECT b.* FROM pg_catalog.rdsdb_bound b
WHERE b.id = ANY (chain) AND (NOT b.bound OR b.signature IS DISTINCT FROM pg_catalog.rdsdb_signature(split_part(b.signature, ':', 1))
    OR EXISTS (SELECT FROM unnest(b.reads) r (name)
        WHERE pg_catalog.rdsdb_is_reached(name) AND (to_regclass(name)::oid = ANY (string_to_array(split_part(b.signature, ':', 1), ',')::oid[])) IS NOT TRUE)) $$;

-- Binds stale ones anew and says which can't be bound. It is called in a session of the stand-in's own, as `rdsdb_reach_now` is.
CREATE FUNCTION pg_catalog.rdsdb_rebind_now(chain oid[]) RETURNS TABLE (id oid, failure text[]) VOLATILE LANGUAGE plpgsql AS $$
DECLARE
    late oid;
    seen oid[] := '{}';
BEGIN
    -- The lock of `rdsdb_reach_now`: what is read here is to stay as it is meanwhile.
    PERFORM pg_advisory_xact_lock('pg_catalog.rdsdb_reached'::regclass::bigint);
    -- Who holds a lock on one may be who waits for this.
    PERFORM set_config('lock_timeout', '250ms', true);
    -- One that reads another is stale once more when that one has changed.
    LOOP
        SELECT s.id INTO late FROM pg_catalog.rdsdb_stale(chain) s WHERE s.bound OR s.id <> ALL (seen) ORDER BY s.bound LIMIT 1;
        EXIT WHEN late IS NULL OR cardinality(seen) > 100 * cardinality(chain);
        seen := seen || late;
        CALL pg_catalog.rdsdb_bind_anew(late);
        DELETE FROM pg_catalog.rdsdb_binding b
        WHERE b.id = late AND b.number < (SELECT max(l.number) FROM pg_catalog.rdsdb_binding l WHERE l.id = late);
    END LOOP;
    -- Those that read what was bound anew.
    IF seen <> '{}' THEN
        CALL pg_catalog.rdsdb_rebind();
    END IF;
    RETURN QUERY SELECT b.id, b.failure FROM pg_catalog.rdsdb_bound b WHERE b.id = ANY (chain) AND NOT b.bound;
END $$;

-- Comes before a statement that names these relations: late-binding views among them are made to mean what their text means now, and
-- what stands against a query of theirs is raised, be it one that PostgreSQL would need no rows for. The owner has to have USAGE on
-- the schemas that a view reads, like whoever else reads there. Whether the reader has to have it as well isn't documented beyond the
-- same database, where readers were refused: a switch.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
-- https://github.com/aws-samples/amazon-redshift-dynamic-data-masking/issues/2
CREATE PROCEDURE pg_catalog.rdsdb_freshen(who name, relations text[], reader_uses_schemas boolean) LANGUAGE plpgsql AS $$
DECLARE
    chain oid[] := pg_catalog.rdsdb_chain(relations);
    others oid[];
    parts record;
    late record;
    place text;
    failures record;
    is_locked boolean := false;
    failure text[];
    codes jsonb := '{}';
BEGIN
    IF chain IS NULL THEN
        RETURN;
    END IF;
    SELECT array_agg(p[1]) AS databases, array_agg(p[2]) AS schemas, array_agg(p[3]) AS names INTO parts
    FROM (SELECT DISTINCT pg_catalog.rdsdb_parts(name) AS p
        FROM pg_catalog.rdsdb_late l CROSS JOIN LATERAL unnest(l.reads) r (name) WHERE l.id = ANY (chain) AND pg_catalog.rdsdb_is_reached(name)) e;
    IF parts.databases IS NOT NULL THEN
        CALL pg_catalog.rdsdb_meet(parts.databases, parts.schemas, parts.names, false);
    END IF;
    -- What this transaction has made nobody else sees.
    FOR late IN SELECT * FROM pg_catalog.rdsdb_stale(chain) s WHERE s.is_own LOOP
        CALL pg_catalog.rdsdb_bind_anew(late.id);
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.rdsdb_stale(chain) s WHERE NOT s.is_own) THEN
        others := ARRAY(SELECT b.id FROM pg_catalog.rdsdb_bound b WHERE b.id = ANY (chain) AND NOT b.is_own);
        BEGIN
            FOR failures IN SELECT * FROM pg_catalog.dblink(pg_catalog.rdsdb_address(current_database()),
                format('SELECT * FROM pg_catalog.rdsdb_rebind_now(%L)', others)) AS f (id oid, failure text[]) LOOP
                codes := codes || jsonb_build_object(failures.id::text, to_jsonb(failures.failure));
            END LOOP;
        EXCEPTION WHEN lock_not_available THEN
            is_locked := true;
        END;
    END IF;
    IF is_locked THEN
        FOR late IN SELECT * FROM pg_catalog.rdsdb_stale(chain) s LOOP
            CALL pg_catalog.rdsdb_bind_anew(late.id);
        END LOOP;
    END IF;
    FOR late IN SELECT b.*, c.relowner FROM pg_catalog.rdsdb_bound b JOIN pg_class c ON c.oid = b.id WHERE b.id = ANY (chain)
        ORDER BY b.id = ANY (ARRAY(SELECT to_regclass(name)::oid FROM unnest(relations) r (name))) DESC LOOP
        -- Who may not read the view is told so by the statement itself.
        IF (SELECT bool_or(to_regclass(name)::oid = late.id) FROM unnest(relations) r (name)) AND NOT has_table_privilege(who, late.id, 'SELECT') THEN
            RETURN;
        END IF;
        FOR place IN SELECT DISTINCT (parse_ident(name))[1] FROM unnest(late.reads) r (name) WHERE cardinality(parse_ident(name)) > 1 LOOP
            IF NOT has_schema_privilege(late.relowner, to_regnamespace(quote_ident(place)), 'USAGE')
                OR (reader_uses_schemas AND NOT has_schema_privilege(who, to_regnamespace(quote_ident(place)), 'USAGE')) THEN
                RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied for schema ' || place;
            END IF;
        END LOOP;
        failure := CASE WHEN late.is_own THEN late.failure ELSE ARRAY(SELECT jsonb_array_elements_text(codes -> late.id::text)) END;
        IF cardinality(failure) > 0 THEN
            RAISE EXCEPTION USING ERRCODE = failure[1], MESSAGE = failure[2];
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION pg_catalog.rdsdb_columns(id oid) RETURNS text[] VOLATILE LANGUAGE sql AS $$
SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute
WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped $$;

-- CREATE VIEW … WITH NO SCHEMA BINDING.
CREATE PROCEDURE pg_catalog.rdsdb_late_view(who name, schema text, name text, query text, statement text, columns text[],
    has_list boolean, replaces boolean, reads text[])
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    place oid := CASE WHEN schema IS NULL THEN (SELECT n.oid FROM unnest(current_schemas(false)) WITH ORDINALITY s (name, at)
        JOIN pg_namespace n ON n.nspname = s.name ORDER BY s.at LIMIT 1) ELSE quote_ident(schema)::regnamespace END;
    view text := format('%s.%I', place::regnamespace, name);
    former oid := to_regclass(view);
    former_columns text[];
BEGIN
    IF NOT has_schema_privilege(who, place, 'CREATE') THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied for schema ' || place::regnamespace;
    END IF;
    IF former IS NOT NULL THEN
        IF NOT replaces THEN
            RAISE EXCEPTION USING ERRCODE = '42P07', MESSAGE = format('Relation "%s" already exists', name);
        END IF;
        IF NOT pg_has_role(who, (SELECT relowner FROM pg_class WHERE oid = former LIMIT 1), 'member')
            AND NOT pg_has_role(who, 'privilege:CREATE OR REPLACE VIEW', 'member') THEN
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'must be owner of relation ' || name;
        END IF;
        IF (SELECT relkind FROM pg_class WHERE oid = former LIMIT 1) <> 'v' THEN
            RAISE EXCEPTION USING ERRCODE = '42809', MESSAGE = format('"%s" is not a view', name);
        END IF;
        -- What it has come to mean counts, whether or not anybody has asked since.
        IF EXISTS (SELECT FROM pg_catalog.rdsdb_stale(ARRAY[former])) THEN
            CALL pg_catalog.rdsdb_bind_anew(former);
        END IF;
        IF coalesce((SELECT b.bound FROM pg_catalog.rdsdb_bound b WHERE b.id = former), true) THEN
            former_columns := pg_catalog.rdsdb_columns(former);
        END IF;
        INSERT INTO pg_catalog.rdsdb_late VALUES (former, query, statement, columns, has_list, reads)
        ON CONFLICT (id) DO UPDATE SET query = excluded.query, statement = excluded.statement, columns = excluded.columns,
            has_list = excluded.has_list, reads = excluded.reads;
        CALL pg_catalog.rdsdb_bind_anew(former);
        -- Names, types and their number stay. Of what can't be bound nothing is known.
        IF (SELECT b.bound FROM pg_catalog.rdsdb_bound b WHERE b.id = former) AND pg_catalog.rdsdb_columns(former) <> former_columns THEN
            RAISE EXCEPTION USING ERRCODE = '42P16', MESSAGE = 'cannot change the columns of a view';
        END IF;
        -- Others may read it.
        CALL pg_catalog.rdsdb_rebind();
        RETURN;
    END IF;
    CALL pg_catalog.rdsdb_bind(view, ROW(0, query, statement, columns, has_list, reads)::pg_catalog.rdsdb_late);
    INSERT INTO pg_catalog.rdsdb_late VALUES (to_regclass(view), query, statement, columns, has_list, reads);
    EXECUTE format('ALTER VIEW %s OWNER TO %I', view, who);
END $$;

-- Whatever changes relations may change what a late-binding view means. One that is replaced by a view that is bound is none.
CREATE FUNCTION pg_catalog.rdsdb_changed() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('rdsdb.rebinding', true), '') <> 'on' AND EXISTS (SELECT FROM pg_catalog.rdsdb_late) THEN
        IF TG_TAG = 'CREATE VIEW' THEN
            DELETE FROM pg_catalog.rdsdb_late l WHERE l.id IN (SELECT objid FROM pg_event_trigger_ddl_commands());
        END IF;
        CALL pg_catalog.rdsdb_rebind();
    END IF;
END $$;

-- What SHOW VIEW and pg_views say: the text of one that is not bound is the statement itself.
CREATE FUNCTION pg_catalog.rdsdb_viewdef(id oid) RETURNS text STABLE LANGUAGE sql AS $$
SELECT coalesce((SELECT statement FROM pg_catalog.rdsdb_late l WHERE l.id = $1), pg_get_viewdef($1)) $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/PG_GET_LATE_BINDING_VIEW_COLS.html: those that can be bound.
CREATE FUNCTION pg_catalog.pg_get_late_binding_view_cols() RETURNS SETOF record VOLATILE SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    parts record;
BEGIN
    SELECT array_agg(p[1]) AS databases, array_agg(p[2]) AS schemas, array_agg(p[3]) AS names INTO parts
    FROM (SELECT DISTINCT pg_catalog.rdsdb_parts(name) AS p
        FROM pg_catalog.rdsdb_late l CROSS JOIN LATERAL unnest(l.reads) r (name) WHERE pg_catalog.rdsdb_is_reached(name)) e;
    IF parts.databases IS NOT NULL THEN
        CALL pg_catalog.rdsdb_meet(parts.databases, parts.schemas, parts.names, false);
    END IF;
    -- What this transaction has made nobody else sees.
    RETURN QUERY SELECT c.view_schema, c.view_name, c.col_name, c.col_type, c.col_num
    FROM pg_catalog.dblink(pg_catalog.rdsdb_address(current_database()), 'SELECT * FROM pg_catalog.rdsdb_late_columns(true)')
        AS c (id oid, view_schema name, view_name name, col_name name, col_type varchar, col_num integer)
    WHERE NOT EXISTS (SELECT FROM pg_catalog.rdsdb_bound b WHERE b.id = c.id AND b.is_own)
    UNION ALL SELECT c.view_schema, c.view_name, c.col_name, c.col_type, c.col_num
    FROM pg_catalog.rdsdb_late_columns(false) c JOIN pg_catalog.rdsdb_bound b ON b.id = c.id AND b.is_own ORDER BY 1, 2, 5;
END $$;
CREATE FUNCTION pg_catalog.rdsdb_late_columns(of_now boolean)
RETURNS TABLE (id oid, view_schema name, view_name name, col_name name, col_type varchar, col_num integer) VOLATILE LANGUAGE plpgsql AS $$
BEGIN
    IF of_now THEN
        PERFORM * FROM pg_catalog.rdsdb_rebind_now(ARRAY(SELECT l.id FROM pg_catalog.rdsdb_late l));
    END IF;
    RETURN QUERY SELECT l.id, n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)::varchar, a.attnum::integer
    FROM pg_catalog.rdsdb_bound l JOIN pg_class c ON c.oid = l.id JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE l.bound;
END $$;
-- https://docs.aws.amazon.com/redshift/latest/dg/PG_GET_COLS.html
CREATE FUNCTION pg_catalog.pg_get_cols(text) RETURNS SETOF record STABLE LANGUAGE sql AS $$
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)::varchar, a.attnum::integer
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.oid = $1::regclass AND NOT a.attisdropped ORDER BY 5 $$;

GRANT SELECT ON pg_catalog.rdsdb_late TO PUBLIC;
