-- Privileges that PostgreSQL has nothing for: ALTER, and DROP on what isn't a table. They are kept in the object's own list of
-- privileges, in bits that mean nothing there: DROP in TRIGGER's, as on tables, ALTER in ALTER SYSTEM's.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html

CREATE FUNCTION pg_catalog.rdsdb_quoted(id oid) RETURNS text STABLE LANGUAGE sql AS
$$ SELECT '"' || replace(rolname, '"', '""') || '"' FROM pg_roles WHERE oid = $1 $$;

-- A list with other bits for one grantee.
CREATE FUNCTION pg_catalog.rdsdb_acl_with(items aclitem[], kind "char", owner oid, id oid, who oid, letters text, adds boolean, grantable boolean)
RETURNS aclitem[] STABLE LANGUAGE sql AS $$
WITH known (privilege, letter) AS (VALUES ('INSERT', 'a'), ('SELECT', 'r'), ('UPDATE', 'w'), ('DELETE', 'd'), ('TRUNCATE', 'D'),
        ('REFERENCES', 'x'), ('TRIGGER', 't'), ('EXECUTE', 'X'), ('USAGE', 'U'), ('CREATE', 'C'), ('TEMPORARY', 'T'), ('CONNECT', 'c'),
        ('ALTER SYSTEM', 'A')),
    held AS (
        SELECT e.grantor, e.grantee, k.letter, e.is_grantable
        FROM aclexplode(coalesce(items, acldefault(kind, owner))) e JOIN known k ON k.privilege = e.privilege_type
        WHERE NOT (e.grantee = id AND e.grantor = who AND strpos(letters, k.letter) > 0)
        UNION ALL SELECT who, id, letter, grantable FROM regexp_split_to_table(letters, '') letter WHERE adds)
SELECT array_agg(format('%s=%s/%s', CASE grantee WHEN 0 THEN '' ELSE pg_catalog.rdsdb_quoted(grantee) END,
    letters_of, pg_catalog.rdsdb_quoted(grantor))::aclitem)
FROM (SELECT grantee, grantor, string_agg(letter || CASE WHEN is_grantable THEN '*' ELSE '' END, '') AS letters_of FROM held GROUP BY 1, 2) h $$;

-- What is granted or revoked: `letters` of those bits, on tables, schemas, databases, or tables that come later.
CREATE PROCEDURE pg_catalog.rdsdb_own_privileges(who name, of_kind text, objects text[], letters text, adds boolean, kinds text[], grantees text[],
    grantable boolean)
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    target record;
    asker oid := to_regrole(quote_ident(who));
    grantor_id oid;
    ids oid[] := '{}';
    id oid;
BEGIN
    FOR at IN 1 .. array_length(grantees, 1) LOOP
        ids := ids || CASE kinds[at] WHEN 'public' THEN 0::oid ELSE pg_catalog.rdsdb_identity(kinds[at], grantees[at]) END;
    END LOOP;
    FOR target IN
        SELECT 'pg_class'::regclass AS class, c.oid, c.relowner AS owner, c.relacl AS acl, 'r'::"char" AS kind
        FROM unnest(objects) o (name) JOIN pg_class c ON c.oid = o.name::regclass WHERE of_kind = 'TABLE'
        UNION ALL SELECT 'pg_class'::regclass, c.oid, c.relowner, c.relacl, 'r' FROM pg_class c
        WHERE of_kind = 'ALL' AND c.relkind IN ('r', 'v') AND c.relnamespace = ANY (objects::regnamespace[])
        UNION ALL SELECT 'pg_namespace'::regclass, n.oid, n.nspowner, n.nspacl, 'n'
        FROM unnest(objects) o (name) JOIN pg_namespace n ON n.oid = o.name::regnamespace WHERE of_kind = 'SCHEMA'
        UNION ALL SELECT 'pg_database'::regclass, d.oid, d.datdba, d.datacl, 'd'
        FROM unnest(objects) o (name) JOIN pg_database d ON quote_ident(d.datname) = o.name WHERE of_kind = 'DATABASE'
    LOOP
        CONTINUE WHEN NOT adds AND NOT EXISTS (SELECT FROM aclexplode(target.acl) a
            WHERE a.privilege_type = 'ALTER SYSTEM' OR (a.privilege_type = 'TRIGGER' AND target.kind <> 'r'));
        IF NOT pg_has_role(asker, target.owner, 'member') AND NOT EXISTS (SELECT FROM aclexplode(target.acl) a
            WHERE a.is_grantable AND pg_has_role(asker, nullif(a.grantee, 0), 'member')) THEN
            CONTINUE WHEN NOT adds;
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied to grant on what is another''s';
        END IF;
        grantor_id := CASE WHEN pg_has_role(asker, target.owner, 'member') THEN target.owner ELSE asker END;
        FOREACH id IN ARRAY ids LOOP
            target.acl := pg_catalog.rdsdb_acl_with(target.acl, target.kind, target.owner, id, grantor_id, letters, adds, grantable);
            IF adds AND id NOT IN (0, target.owner) AND NOT EXISTS (SELECT FROM pg_shdepend s
                WHERE s.classid = target.class AND s.objid = target.oid AND s.refobjid = id AND s.deptype = 'a') THEN
                INSERT INTO pg_shdepend VALUES (
                    CASE target.class WHEN 'pg_database'::regclass THEN 0 ELSE (SELECT oid FROM pg_database WHERE datname = current_database()) END,
                    target.class, target.oid, 0, 'pg_authid'::regclass, id, 'a');
            ELSIF NOT EXISTS (SELECT FROM aclexplode(target.acl) a WHERE a.grantee = id OR a.grantor = id) THEN
                DELETE FROM pg_shdepend s
                WHERE s.classid = target.class AND s.objid = target.oid AND s.refobjid = id AND s.deptype = 'a';
            END IF;
        END LOOP;
        CASE target.class
            WHEN 'pg_class'::regclass THEN UPDATE pg_class SET relacl = target.acl WHERE oid = target.oid;
            WHEN 'pg_namespace'::regclass THEN UPDATE pg_namespace SET nspacl = target.acl WHERE oid = target.oid;
            ELSE UPDATE pg_database SET datacl = target.acl WHERE oid = target.oid;
        END CASE;
    END LOOP;
END $$;
