-- Late-binding views: text, owner and grants stay while the tables below them come and go.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
--
-- Each is a view of PostgreSQL's that nothing of what it reads is recorded of. Whenever relations are made, altered or dropped,
-- those are made anew whose text has come to mean something else; where it can't be bound, a view is left that raises when it is
-- queried.

CREATE TABLE pg_catalog.rdsdb_late (
    id oid PRIMARY KEY, query text NOT NULL, statement text NOT NULL, columns text[] NOT NULL, has_list boolean NOT NULL,
    bound boolean NOT NULL DEFAULT false, signature text);

CREATE FUNCTION pg_catalog.rdsdb_unbound(code text, message text) RETURNS boolean VOLATILE LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message; END $$;

-- Makes the view of a text, or one that raises; says whether it is bound. The view isn't there yet.
CREATE FUNCTION pg_catalog.rdsdb_bind(view text, query text, columns text[], has_list boolean)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    list text := (SELECT '(' || string_agg(quote_ident(name), ', ' ORDER BY at) || ')' FROM unnest(columns) WITH ORDINALITY c (name, at));
    stub text := (SELECT string_agg(format('NULL::varchar AS %I', name), ', ' ORDER BY at) FROM unnest(columns) WITH ORDINALITY c (name, at));
BEGIN
    EXECUTE format('CREATE VIEW %s %s AS %s', view, CASE WHEN has_list THEN list ELSE '' END, query);
    RETURN true;
EXCEPTION WHEN OTHERS THEN
    EXECUTE format('CREATE VIEW %s AS SELECT %s WHERE pg_catalog.rdsdb_unbound(%L, %L)', view,
        coalesce(stub, 'NULL::varchar AS "?column?"'), SQLSTATE, SQLERRM);
    RETURN false;
END $$;

-- What a view depends on, and how that looks; empty for what isn't bound. Nothing is recorded any more behind it.
CREATE FUNCTION pg_catalog.rdsdb_unbind(id oid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    SELECT string_agg(DISTINCT refobjid::text, ',') INTO found FROM pg_depend
    WHERE classid = 'pg_rewrite'::regclass AND objid IN (SELECT r.oid FROM pg_rewrite r WHERE r.ev_class = $1)
        AND refclassid = 'pg_class'::regclass AND refobjid <> $1;
    DELETE FROM pg_depend
    WHERE classid = 'pg_rewrite'::regclass AND objid IN (SELECT r.oid FROM pg_rewrite r WHERE r.ev_class = $1)
        AND refclassid = 'pg_class'::regclass AND refobjid <> $1;
    RETURN found;
END $$;

-- The relations that a view was bound to, by name, with their columns.
CREATE FUNCTION pg_catalog.rdsdb_signature(ids text) RETURNS text STABLE LANGUAGE sql AS $$
SELECT ids || ':' || coalesce(md5(string_agg(
    c.oid || '.' || c.relnamespace::regnamespace || '.' || c.relname || '.' || a.attnum || '.' || a.attname || '.' || a.atttypid || '.' || a.atttypmod
    || '.' || a.attisdropped, ';' ORDER BY c.oid, a.attnum)), '')
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.oid = ANY (string_to_array(ids, ',')::oid[]) $$;

-- Makes those anew whose text has come to mean something else.
CREATE PROCEDURE pg_catalog.rdsdb_rebind() LANGUAGE plpgsql AS $$
DECLARE
    late record;
    entry record;
    kept record;
    view text;
    is_bound boolean;
    changed boolean := true;
BEGIN
    -- What this makes and drops isn't looked at again.
    IF coalesce(current_setting('rdsdb.rebinding', true), '') = 'on' THEN
        RETURN;
    END IF;
    PERFORM set_config('rdsdb.rebinding', 'on', true);
    -- A view may read another.
    WHILE changed LOOP
        changed := false;
        DELETE FROM pg_catalog.rdsdb_late l WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = l.id);
        FOR late IN SELECT * FROM pg_catalog.rdsdb_late l
            WHERE NOT bound OR signature IS DISTINCT FROM pg_catalog.rdsdb_signature(split_part(signature, ':', 1)) LOOP
            SELECT c.relacl, c.relowner, obj_description(c.oid) AS remark INTO kept FROM pg_class c WHERE c.oid = late.id;
            view := (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = late.id);
            BEGIN
                EXECUTE 'DROP VIEW ' || view;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                -- A bound view reads it, and keeps it as it is.
                CONTINUE;
            END;
            is_bound := pg_catalog.rdsdb_bind(view, late.query, late.columns, late.has_list);
            EXECUTE format('ALTER VIEW %s OWNER TO %I', view, pg_get_userbyid(kept.relowner));
            FOR entry IN SELECT * FROM aclexplode(kept.relacl) WHERE grantee <> kept.relowner LOOP
                EXECUTE format('GRANT %s ON %s TO %s%s', entry.privilege_type, view,
                    CASE entry.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(entry.grantee)) END,
                    CASE WHEN entry.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
            END LOOP;
            UPDATE pg_class SET relacl = kept.relacl WHERE oid = view::regclass;
            UPDATE pg_catalog.rdsdb_late SET id = view::regclass, bound = is_bound,
                signature = pg_catalog.rdsdb_signature(pg_catalog.rdsdb_unbind(view::regclass))
            WHERE id = late.id;
            changed := changed OR is_bound;
        END LOOP;
    END LOOP;
    PERFORM set_config('rdsdb.rebinding', '', true);
END $$;

CREATE FUNCTION pg_catalog.rdsdb_columns(id oid) RETURNS text[] STABLE LANGUAGE sql AS $$
SELECT array_agg(attname || ' ' || format_type(atttypid, atttypmod) ORDER BY attnum) FROM pg_attribute
WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped $$;

-- CREATE VIEW … WITH NO SCHEMA BINDING.
CREATE PROCEDURE pg_catalog.rdsdb_late_view(who name, schema text, name text, query text, statement text, columns text[],
    has_list boolean, replaces boolean)
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    place oid := CASE WHEN schema IS NULL THEN (SELECT n.oid FROM unnest(current_schemas(false)) WITH ORDINALITY s (name, at)
        JOIN pg_namespace n ON n.nspname = s.name ORDER BY s.at LIMIT 1) ELSE quote_ident(schema)::regnamespace END;
    view text := format('%s.%I', place::regnamespace, name);
    former oid := to_regclass(view);
    former_columns text[];
    was_bound boolean := coalesce((SELECT bound FROM pg_catalog.rdsdb_late l WHERE l.id = former), true);
    is_bound boolean;
BEGIN
    IF NOT has_schema_privilege(who, place, 'CREATE') THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied for schema ' || place::regnamespace;
    END IF;
    IF former IS NOT NULL THEN
        IF NOT replaces THEN
            RAISE EXCEPTION USING ERRCODE = '42P07', MESSAGE = format('Relation "%s" already exists', name);
        END IF;
        IF NOT pg_has_role(who, (SELECT relowner FROM pg_class WHERE oid = former), 'member')
            AND NOT pg_has_role(who, 'privilege:CREATE OR REPLACE VIEW', 'member') THEN
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'must be owner of relation ' || name;
        END IF;
        former_columns := pg_catalog.rdsdb_columns(former);
        INSERT INTO pg_catalog.rdsdb_late VALUES (former, query, statement, columns, has_list, false, NULL)
        ON CONFLICT (id) DO UPDATE SET query = excluded.query, statement = excluded.statement, columns = excluded.columns,
            has_list = excluded.has_list, bound = false;
        CALL pg_catalog.rdsdb_rebind();
        -- Names, types and their number stay. Of what can't be bound nothing is known.
        IF (SELECT bound FROM pg_catalog.rdsdb_late l WHERE l.id = to_regclass(view)) AND was_bound
            AND pg_catalog.rdsdb_columns(to_regclass(view)) <> former_columns THEN
            RAISE EXCEPTION USING ERRCODE = '42P16', MESSAGE = 'cannot change the columns of a view';
        END IF;
        RETURN;
    END IF;
    is_bound := pg_catalog.rdsdb_bind(view, query, columns, has_list);
    EXECUTE format('ALTER VIEW %s OWNER TO %I', view, who);
    INSERT INTO pg_catalog.rdsdb_late VALUES (view::regclass, query, statement, columns, has_list, is_bound,
        pg_catalog.rdsdb_signature(pg_catalog.rdsdb_unbind(view::regclass)));
END $$;

-- Whatever changes relations may change what a late-binding view means.
CREATE FUNCTION pg_catalog.rdsdb_changed() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_catalog.rdsdb_late) THEN
        CALL pg_catalog.rdsdb_rebind();
    END IF;
END $$;

-- What SHOW VIEW and pg_views say: the text of one that is not bound is the statement itself.
CREATE FUNCTION pg_catalog.rdsdb_viewdef(id oid) RETURNS text STABLE LANGUAGE sql AS $$
SELECT coalesce((SELECT statement FROM pg_catalog.rdsdb_late l WHERE l.id = $1), pg_get_viewdef($1)) $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/PG_GET_LATE_BINDING_VIEW_COLS.html: those that can be bound.
CREATE FUNCTION pg_catalog.pg_get_late_binding_view_cols() RETURNS SETOF record STABLE SECURITY DEFINER LANGUAGE sql AS $$
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)::varchar, a.attnum::integer
FROM pg_catalog.rdsdb_late l JOIN pg_class c ON c.oid = l.id JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE l.bound ORDER BY 1, 2, 5 $$;
-- https://docs.aws.amazon.com/redshift/latest/dg/PG_GET_COLS.html
CREATE FUNCTION pg_catalog.pg_get_cols(text) RETURNS SETOF record STABLE LANGUAGE sql AS $$
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod)::varchar, a.attnum::integer
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.oid = $1::regclass AND NOT a.attisdropped ORDER BY 5 $$;

GRANT SELECT ON pg_catalog.rdsdb_late TO PUBLIC;
