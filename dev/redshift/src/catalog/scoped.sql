-- Scoped permissions: on all that there is and will be in a schema or a database, whoever owns it.
-- https://docs.aws.amazon.com/redshift/latest/dg/t_scoped-permissions.html
--
-- Each is a role of the stand-in's own that has the privilege on whatever is there; who was granted it is a member.

CREATE TABLE pg_catalog.rdsdb_scoped (
    kind text, schema oid, privilege text, grantee oid, grantor oid, grantable boolean,
    PRIMARY KEY (kind, schema, privilege, grantee));

-- The role's name; `schema` is 0 for the whole database.
CREATE FUNCTION pg_catalog.rdsdb_scope(kind text, schema oid, privilege text) RETURNS text STABLE LANGUAGE sql AS $$
SELECT format('scope:%s:%s:%s:%s', (SELECT oid FROM pg_database WHERE datname = current_database()), schema, kind, privilege) $$;

-- Gives the role of a scope what it has, on what is there.
CREATE PROCEDURE pg_catalog.rdsdb_apply_scope(kind text, schema oid, privilege text) LANGUAGE plpgsql AS $$
DECLARE
    role text := pg_catalog.rdsdb_scope(kind, schema, privilege);
    place record;
BEGIN
    FOR place IN SELECT quote_ident(nspname) AS name FROM pg_namespace
        WHERE (schema = 0 OR oid = schema) AND nspname <> 'information_schema' AND nspname NOT LIKE 'pg!_%' ESCAPE '!' AND nspname NOT LIKE 'rdsdb:%' LOOP
        IF kind = 'SCHEMAS' THEN
            EXECUTE format('GRANT %s ON SCHEMA %s TO %I', privilege, place.name, role);
        ELSE
            EXECUTE format('GRANT %s ON ALL %s IN SCHEMA %s TO %I', CASE privilege WHEN 'DROP' THEN 'TRIGGER' ELSE privilege END,
                kind, place.name, role);
        END IF;
    END LOOP;
END $$;

CREATE PROCEDURE pg_catalog.rdsdb_scoped(who name, what text, privileges text[], of_kind text, of_schema text, of_database text,
    kinds text[], grantees text[], with_option boolean)
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    place oid := CASE WHEN of_schema IS NULL THEN 0 ELSE quote_ident(of_schema)::regnamespace::oid END;
    item text;
    grantee_id oid;
    role text;
    known text[] := CASE of_kind WHEN 'TABLES' THEN '{SELECT,INSERT,UPDATE,DELETE,DROP,REFERENCES,TRUNCATE}'::text[]
        WHEN 'SCHEMAS' THEN '{USAGE,CREATE}' WHEN 'LANGUAGES' THEN '{}' ELSE '{EXECUTE}' END;
BEGIN
    IF of_database IS NOT NULL AND of_database <> current_database() THEN
        RAISE EXCEPTION USING ERRCODE = '0A000', MESSAGE = 'the stand-in can''t show scoped permissions in another database';
    END IF;
    IF NOT pg_catalog.rdsdb_is_superuser(who) AND NOT pg_has_role(who, (SELECT datdba FROM pg_database WHERE datname = current_database()), 'member')
        AND NOT EXISTS (SELECT FROM pg_namespace n WHERE n.oid = place AND pg_has_role(who, n.nspowner, 'member')) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied to grant scoped permissions';
    END IF;
    IF privileges[1] LIKE 'ALL%' THEN
        privileges := known;
    END IF;
    FOREACH item IN ARRAY privileges LOOP
        role := pg_catalog.rdsdb_scope(of_kind, place, item);
        IF what = 'GRANT' AND item = ANY (known) AND to_regrole(quote_ident(role)) IS NULL THEN
            EXECUTE format('CREATE ROLE %I', role);
            CALL pg_catalog.rdsdb_apply_scope(of_kind, place, item);
        END IF;
        FOR at IN 1 .. array_length(grantees, 1) LOOP
            grantee_id := pg_catalog.rdsdb_identity(kinds[at], grantees[at]);
            IF what = 'REVOKE GRANT OPTION' THEN
                UPDATE pg_catalog.rdsdb_scoped s SET grantable = false
                WHERE s.kind = of_kind AND s.schema = place AND s.privilege = item AND s.grantee = grantee_id;
                CONTINUE;
            END IF;
            DELETE FROM pg_catalog.rdsdb_scoped s
            WHERE s.kind = of_kind AND s.schema = place AND s.privilege = item AND s.grantee = grantee_id;
            IF what = 'GRANT' THEN
                INSERT INTO pg_catalog.rdsdb_scoped
                VALUES (of_kind, place, item, grantee_id, to_regrole(quote_ident(who)), with_option);
            END IF;
            IF to_regrole(quote_ident(role)) IS NOT NULL THEN
                EXECUTE format(CASE what WHEN 'GRANT' THEN 'GRANT %I TO %I' ELSE 'REVOKE %I FROM %I' END, role, grantees[at]);
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- What is made later is in the scope as well.
CREATE FUNCTION pg_catalog.rdsdb_in_scope() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    scope record;
BEGIN
    -- What is made to reach another database, and what a late-binding view is bound by, is in no scope.
    IF coalesce(current_setting('rdsdb.rebinding', true), '') = 'on' THEN
        RETURN;
    END IF;
    FOR scope IN SELECT DISTINCT s.kind, s.schema, s.privilege FROM pg_catalog.rdsdb_scoped s
        WHERE to_regrole(quote_ident(pg_catalog.rdsdb_scope(s.kind, s.schema, s.privilege))) IS NOT NULL LOOP
        CALL pg_catalog.rdsdb_apply_scope(scope.kind, scope.schema, scope.privilege);
    END LOOP;
END $$;

GRANT SELECT ON pg_catalog.rdsdb_scoped TO PUBLIC;
