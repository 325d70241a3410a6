-- What happens when an object is made, and what a later one has from default privileges.

-- Procedures and views that were made already, so that replacing one is told from making it.
CREATE TABLE pg_catalog.rdsdb_known (id oid, columns bigint);

-- EXECUTE on a new procedure is its owner's alone, but for default privileges ON PROCEDURES; on a new function it is
-- everybody's. https://docs.aws.amazon.com/redshift/latest/dg/stored-procedure-security-and-privileges.html
-- A view is only replaced by one with as many columns; PostgreSQL checks their names and types, and would append.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
CREATE FUNCTION pg_catalog.rdsdb_made() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    made record;
    entry record;
    columns_now bigint;
BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
        IF made.object_type = 'view' THEN
            SELECT count(*) INTO columns_now FROM pg_attribute WHERE attrelid = made.objid AND attnum > 0 AND NOT attisdropped;
            IF EXISTS (SELECT FROM pg_catalog.rdsdb_known WHERE id = made.objid AND columns <> columns_now) THEN
                RAISE EXCEPTION USING ERRCODE = '42P16', MESSAGE = 'cannot change number of columns in view';
            END IF;
        END IF;
        CONTINUE WHEN EXISTS (SELECT FROM pg_catalog.rdsdb_known WHERE id = made.objid);
        INSERT INTO pg_catalog.rdsdb_known VALUES (made.objid, columns_now);
        CONTINUE WHEN made.object_type <> 'procedure';
        FOR entry IN SELECT DISTINCT a.grantee
            FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
            WHERE p.oid = made.objid AND a.grantee <> p.proowner LOOP
            EXECUTE format('REVOKE ALL ON PROCEDURE %s FROM %s', made.object_identity,
                CASE entry.grantee WHEN 0 THEN 'PUBLIC' ELSE entry.grantee::regrole::text END);
        END LOOP;
        FOR entry IN SELECT a.grantee, a.is_grantable
            FROM pg_proc p, pg_default_acl d, aclexplode(d.defaclacl) a
            WHERE p.oid = made.objid AND d.defaclobjtype = 'p' AND d.defaclrole = p.proowner
                AND d.defaclnamespace IN (0, p.pronamespace) LOOP
            EXECUTE format('GRANT EXECUTE ON PROCEDURE %s TO %s%s', made.object_identity,
                CASE entry.grantee WHEN 0 THEN 'PUBLIC' ELSE entry.grantee::regrole::text END,
                CASE WHEN entry.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END);
        END LOOP;
    END LOOP;
END $$;

-- For whom, and where, default privileges are altered. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_DEFAULT_PRIVILEGES.html
CREATE FUNCTION pg_catalog.rdsdb_default_targets(who name, users text[], schemas text[])
RETURNS TABLE (owner_id oid, schema_id oid) LANGUAGE plpgsql AS $$
DECLARE
    target text;
    place text;
BEGIN
    FOREACH target IN ARRAY CASE WHEN users = '{}' THEN ARRAY[who::text] ELSE users END LOOP
        owner_id := pg_catalog.rdsdb_identity('user', target);
        IF target <> who AND NOT pg_catalog.rdsdb_is_superuser(who) THEN
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'must be superuser to alter the default privileges of another user';
        END IF;
        schema_id := 0;
        IF schemas = '{}' THEN
            RETURN NEXT;
        END IF;
        FOREACH place IN ARRAY schemas LOOP
            schema_id := quote_ident(place)::regnamespace;
            IF NOT has_schema_privilege(target, place, 'CREATE') THEN
                RAISE EXCEPTION USING ERRCODE = '42501',
                    MESSAGE = format('permission denied for schema %s: user "%s" must have CREATE on it', place, target);
            END IF;
            RETURN NEXT;
        END LOOP;
    END LOOP;
END $$;

CREATE PROCEDURE pg_catalog.rdsdb_check_default_targets(who name, users text[], schemas text[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM * FROM pg_catalog.rdsdb_default_targets(who, users, schemas);
END $$;

-- PostgreSQL keeps one list for functions and procedures. Rows of the kind `p` are ours, and are not looked at by it.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_DEFAULT_ACL.html
CREATE PROCEDURE pg_catalog.rdsdb_default_procedures(
    who name, users text[], schemas text[], grants boolean, kinds text[], grantees text[], grantable boolean)
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    target record;
    row_id oid;
    items aclitem[];
    ids oid[] := '{}';
BEGIN
    FOR at IN 1 .. array_length(grantees, 1) LOOP
        ids := ids || CASE kinds[at] WHEN 'public' THEN 0::oid ELSE pg_catalog.rdsdb_identity(kinds[at], grantees[at]) END;
    END LOOP;
    FOR target IN SELECT * FROM pg_catalog.rdsdb_default_targets(who, users, schemas) LOOP
        SELECT oid, defaclacl INTO row_id, items FROM pg_default_acl
        WHERE defaclrole = target.owner_id AND defaclnamespace = target.schema_id AND defaclobjtype = 'p';
        items := ARRAY(SELECT makeaclitem(a.grantee, target.owner_id, 'EXECUTE', a.is_grantable)
            FROM aclexplode(items) a WHERE a.grantee <> ALL (ids));
        IF grants THEN
            items := items || ARRAY(SELECT makeaclitem(id, target.owner_id, 'EXECUTE', grantable) FROM unnest(ids) id);
        END IF;
        DELETE FROM pg_default_acl WHERE oid = row_id;
        DELETE FROM pg_shdepend WHERE classid = 'pg_default_acl'::regclass AND objid = row_id
            AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database());
        DELETE FROM pg_depend WHERE classid = 'pg_default_acl'::regclass AND objid = row_id;
        CONTINUE WHEN items = '{}';
        row_id := pg_nextoid('pg_default_acl', 'oid', 'pg_default_acl_oid_index');
        INSERT INTO pg_default_acl VALUES (row_id, target.owner_id, target.schema_id, 'p', items);
        INSERT INTO pg_shdepend
        SELECT (SELECT oid FROM pg_database WHERE datname = current_database()), 'pg_default_acl'::regclass, row_id, 0,
            'pg_authid'::regclass, depends.id, depends.kind
        FROM (SELECT target.owner_id, 'o'::"char"
            UNION SELECT a.grantee, 'a' FROM aclexplode(items) a WHERE a.grantee NOT IN (0, target.owner_id)) depends (id, kind);
        IF target.schema_id <> 0 THEN
            INSERT INTO pg_depend
            VALUES ('pg_default_acl'::regclass, row_id, 0, 'pg_namespace'::regclass, target.schema_id, 0, 'a');
        END IF;
    END LOOP;
END $$;

-- An external schema is a schema that a comment tells from others, so that whoever looks at the catalogue sees it.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_EXTERNAL_SCHEMA.html
CREATE PROCEDURE pg_catalog.rdsdb_external_schema(who name, name text, if_not_exists boolean)
SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    IF NOT has_database_privilege(who, current_database(), 'CREATE') THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied for database ' || current_database();
    END IF;
    IF if_not_exists AND to_regnamespace(quote_ident(name)) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %I', name, who);
    EXECUTE format('COMMENT ON SCHEMA %I IS ''external''', name);
END $$;

-- What EXECUTE in a procedure runs, in PostgreSQL's words.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_PLpgSQL-statements.html
CREATE FUNCTION pg_catalog.rdsdb_dynamic(statement text) RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE
    name text := '("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)';
    part text[];
    names text;
BEGIN
    part := regexp_match(statement,
        '^\\s*(grant|revoke)\\s+(admin\\s+option\\s+for\\s+)?role\\s+' || name || '\\s+(to|from)\\s+(role\\s+)?' || name
        || '(\\s+with\\s+admin\\s+option)?\\s*;?\\s*$', 'i');
    IF part IS NOT NULL THEN
        names := format('ARRAY[%L], ARRAY[%L], ARRAY[%L]', pg_catalog.rdsdb_unquoted(part[3]),
            CASE WHEN part[5] IS NULL THEN 'user' ELSE 'role' END, pg_catalog.rdsdb_unquoted(part[6]));
        RETURN format('CALL pg_catalog.rdsdb_grant_roles(current_user, %L, %s)',
            CASE lower(part[1]) WHEN 'grant' THEN 'GRANT %I TO %I' || CASE WHEN part[7] IS NULL THEN '' ELSE ' WITH ADMIN OPTION' END
            ELSE 'REVOKE ' || CASE WHEN part[2] IS NULL THEN '' ELSE 'ADMIN OPTION FOR ' END || '%I FROM %I' END, names);
    END IF;
    IF statement ~* '(^|;)(\\s|--[^\n]*\n|/\\*.*?\\*/)*(copy|unload|load)\\M' OR statement ~* '^\\s*(commit|end|rollback|abort|begin|start|savepoint|prepare|truncate|vacuum|set\\s+local|do|lock.*\\mmode)\\M'
        OR statement ~* '^\\s*(create|drop)\\s+database\\M' THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'not supported in EXECUTE: ' || statement;
    END IF;
    -- Their rules are the relay's, which never sees this text.
    IF statement ~* '^\\s*(create|alter|drop)\\s+(user|role|group)\\M' OR statement ~* '^\\s*(grant|revoke).*\\mrole\\s+.*,'
        OR statement ~* '^\\s*alter\\s+default\\M' THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'the stand-in can''t do this in EXECUTE: ' || statement;
    END IF;
    IF statement ~* '^\\s*(grant|revoke)\\M' THEN
        RETURN regexp_replace(statement, '\\m(to|from)\\s+(role|group)\\s+', '\\1 ', 'i');
    END IF;
    RETURN statement;
END $$;

CREATE FUNCTION pg_catalog.rdsdb_unquoted(name text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT CASE WHEN left($1, 1) = '"' THEN replace(substr($1, 2, length($1) - 2), '""', '"') ELSE lower($1) END $$;

-- The body of a procedure as it was sent: where it was written anew, its own text follows behind, in hex.
CREATE FUNCTION pg_catalog.rdsdb_body(text) RETURNS text IMMUTABLE LANGUAGE sql AS
$$ SELECT coalesce(convert_from(decode(substring($1 from '-- rdsdb:([0-9a-f]*)$'), 'hex'), 'UTF8'), $1) $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SHOW_PROCEDURE.html: the types may be left out if the name is unique.
CREATE FUNCTION pg_catalog.rdsdb_show_procedure(name text, types text) RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE
    id oid := CASE WHEN types IS NULL THEN name::regproc::oid ELSE (name || '(' || types || ')')::regprocedure::oid END;
    body text := (SELECT prosrc FROM pg_proc WHERE oid = id);
BEGIN
    RETURN replace(replace(pg_get_functiondef(id), body, pg_catalog.rdsdb_body(body)), '$procedure$', '$_$');
END $$;
