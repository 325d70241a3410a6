-- Users, groups and roles. They are one thing on PostgreSQL: a user can log in; a group and a role can't, and
-- their comment says which of the two it is. PostgreSQL has no owner of a role either, so the comment holds its
-- id: all databases share it, and a transaction that is rolled back takes it along.
--
-- The procedures do what ordinary users may do on Redshift and not on PostgreSQL. They run as the stand-in's own
-- superuser, inside the client's transaction; `who` is the user who asks. The relay lets no client call them.

-- Everybody, and what they are: user, role, group; NULL for what only the stand-in knows. Views join this: a function with a
-- query in it is planned anew by each query that calls it, and takes a tenth of a millisecond for each row.
CREATE VIEW pg_catalog.rdsdb_identities AS
SELECT a.oid AS id, a.rolname::text AS name, CASE WHEN a.rolcanlogin THEN 'user' ELSE substring(d.description from '^(role|group)') END AS kind,
    substring(d.description from '^role:([0-9]+)$')::oid AS owner, a.rolname LIKE 'scope:%' AS is_scope
FROM pg_authid a LEFT JOIN pg_shdescription d ON d.objoid = a.oid AND d.classoid = 'pg_authid'::regclass;
GRANT SELECT ON pg_catalog.rdsdb_identities TO PUBLIC;

CREATE FUNCTION pg_catalog.rdsdb_kind(id oid) RETURNS text STABLE LANGUAGE plpgsql AS
$$ BEGIN RETURN (SELECT i.kind FROM pg_catalog.rdsdb_identities i WHERE i.id = $1); END $$;

CREATE FUNCTION pg_catalog.rdsdb_role_owner(id oid) RETURNS oid STABLE LANGUAGE plpgsql AS
$$ BEGIN RETURN (SELECT i.owner FROM pg_catalog.rdsdb_identities i WHERE i.id = $1); END $$;

-- As the svv_*_privileges views say it, of what was found of an id. One that is nobody's any more is a user's who was dropped
-- elsewhere.
CREATE FUNCTION pg_catalog.rdsdb_identity_type(id oid, kind text) RETURNS text STABLE LANGUAGE sql AS
$$ SELECT CASE $1 WHEN 0 THEN 'public' ELSE coalesce($2, 'user') END $$;

CREATE FUNCTION pg_catalog.rdsdb_identity_name(id oid, name text) RETURNS text STABLE LANGUAGE sql AS
$$ SELECT CASE $1 WHEN 0 THEN 'public' ELSE coalesce($2, 'unknown') END $$;

-- The id of a user, role or group.
CREATE FUNCTION pg_catalog.rdsdb_identity(kind text, name text) RETURNS oid STABLE LANGUAGE plpgsql AS $$
DECLARE
    found_id oid := to_regrole(quote_ident(name));
BEGIN
    -- What another transaction made since ours began has no visible kind yet.
    IF found_id IS NULL OR coalesce(pg_catalog.rdsdb_kind(found_id), kind) <> kind OR name LIKE 'privilege:%' OR name LIKE 'scope:%' THEN
        RAISE EXCEPTION USING ERRCODE = '42704', MESSAGE = format('%s "%s" does not exist', kind, name);
    END IF;
    RETURN found_id;
END $$;

CREATE FUNCTION pg_catalog.rdsdb_is_superuser(who name) RETURNS boolean STABLE LANGUAGE sql AS
$$ SELECT CASE WHEN to_regrole(quote_ident($1)) IS NULL THEN false ELSE pg_has_role($1, 10::oid, 'member') END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/t_role_assignment.html: a superuser, the owner, whoever has the
-- role with the admin option; sys:secadmin grants any.
CREATE FUNCTION pg_catalog.rdsdb_administers(who name, role oid) RETURNS boolean STABLE LANGUAGE sql AS $$
SELECT pg_catalog.rdsdb_is_superuser($1)
    OR pg_catalog.rdsdb_role_owner($2) = to_regrole(quote_ident($1))
    OR pg_has_role($1, $2, 'member with admin option')
    OR (pg_has_role($1, 'sys:secadmin', 'member') AND pg_catalog.rdsdb_role_owner($2) <> 10) $$;

CREATE PROCEDURE pg_catalog.rdsdb_need(who name, privilege text) LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_has_role(who, 'privilege:' || privilege, 'member') THEN
        RAISE EXCEPTION USING ERRCODE = '42501',
            MESSAGE = 'must be superuser or have the system privilege ' || privilege;
    END IF;
END $$;

-- What stands in the way of dropping somebody, in the current database and among what all databases share.
CREATE FUNCTION pg_catalog.rdsdb_obstacle(id oid) RETURNS text STABLE LANGUAGE sql AS $$
SELECT CASE
    WHEN bool_or(deptype = 'o') OR (SELECT count(*) > 0 FROM pg_shdescription WHERE description = 'role:' || $1)
        THEN 'owns some object'
    WHEN count(*) > 0 THEN 'has a privilege on some object' END
FROM pg_shdepend
WHERE refclassid = 'pg_authid'::regclass AND refobjid = $1
    AND dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) $$;

-- What somebody has in other databases is no obstacle: it stays, of an owner whom nobody knows any more.
CREATE PROCEDURE pg_catalog.rdsdb_forget_elsewhere(id oid) LANGUAGE sql AS $$
DELETE FROM pg_shdepend
WHERE refclassid = 'pg_authid'::regclass AND refobjid = $1
    AND dbid NOT IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) $$;

-- CREATE USER and ALTER USER of an account that is no superuser.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_roles-system-privileges.html
CREATE PROCEDURE pg_catalog.rdsdb_do(who name, privilege text, target text, statement text)
SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_catalog.rdsdb_need(who, privilege);
    IF pg_catalog.rdsdb_is_superuser(target::name) AND (target = 'rdsdb' OR NOT pg_catalog.rdsdb_is_superuser(who)) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'must be superuser to alter superusers';
    END IF;
    EXECUTE statement;
END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_USER.html
CREATE PROCEDURE pg_catalog.rdsdb_drop_users(who name, users text[], if_exists boolean)
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    name text;
    id oid;
BEGIN
    CALL pg_catalog.rdsdb_need(who, 'DROP USER');
    FOREACH name IN ARRAY users LOOP
        IF if_exists AND to_regrole(quote_ident(name)) IS NULL THEN
            CONTINUE;
        END IF;
        id := pg_catalog.rdsdb_identity('user', name);
        IF pg_catalog.rdsdb_is_superuser(name::name) AND (id = 10 OR NOT pg_catalog.rdsdb_is_superuser(who)) THEN
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'must be superuser to drop superusers';
        END IF;
        IF pg_catalog.rdsdb_obstacle(id) IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = '55006', MESSAGE =
                format('user "%s" cannot be dropped because the user %s', name, pg_catalog.rdsdb_obstacle(id));
        END IF;
        CALL pg_catalog.rdsdb_forget_elsewhere(id);
        EXECUTE format('DROP ROLE %I', name);
    END LOOP;
END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_GROUP.html
CREATE PROCEDURE pg_catalog.rdsdb_create_group(who name, statement text, name text)
SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    IF NOT pg_catalog.rdsdb_is_superuser(who) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'must be superuser to create groups';
    END IF;
    EXECUTE statement;
    EXECUTE format('COMMENT ON ROLE %I IS ''group''', name);
END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_ROLE.html
CREATE PROCEDURE pg_catalog.rdsdb_create_role(who name, role text) SECURITY DEFINER LANGUAGE plpgsql AS $$
BEGIN
    CALL pg_catalog.rdsdb_need(who, 'CREATE ROLE');
    EXECUTE format('CREATE ROLE %I', role);
    EXECUTE format('COMMENT ON ROLE %I IS ''role:%s''', role, to_regrole(quote_ident(who))::oid);
END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_ROLE.html
CREATE PROCEDURE pg_catalog.rdsdb_drop_role(who name, role text, force boolean) SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    id oid := pg_catalog.rdsdb_identity('role', role);
BEGIN
    IF id = 10 OR pg_catalog.rdsdb_role_owner(id) = 10 THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'system roles cannot be dropped';
    END IF;
    IF NOT (pg_catalog.rdsdb_administers(who, id) OR pg_has_role(who, 'privilege:DROP ROLE', 'member')) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('permission denied to drop role "%s"', role);
    END IF;
    IF NOT force THEN
        IF EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE m.roleid = id AND r.rolcanlogin) THEN
            RAISE EXCEPTION USING ERRCODE = '2BP01',
                MESSAGE = 'cannot drop this role since it has been granted on a user';
        END IF;
        -- The example of the page has a role that another was granted to.
        IF EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = CASE m.roleid WHEN id THEN m.member ELSE m.roleid END
                WHERE (m.roleid = id OR m.member = id) AND pg_catalog.rdsdb_kind(r.oid) = 'role') THEN
            RAISE EXCEPTION USING ERRCODE = '2BP01', MESSAGE = 'cannot drop this role since it depends on another role';
        END IF;
    END IF;
    -- The page doesn't say so; reported in https://github.com/awslabs/amazon-redshift-utils/issues/654
    IF pg_catalog.rdsdb_obstacle(id) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = '55006', MESSAGE =
            format('role "%s" cannot be dropped because the role %s', role, pg_catalog.rdsdb_obstacle(id));
    END IF;
    CALL pg_catalog.rdsdb_forget_elsewhere(id);
    EXECUTE format('DROP ROLE %I', role);
END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_ROLE.html
CREATE PROCEDURE pg_catalog.rdsdb_rename_role(who name, role text, renamed text) SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    id oid := pg_catalog.rdsdb_identity('role', role);
BEGIN
    IF pg_catalog.rdsdb_role_owner(id) = 10 OR NOT (pg_catalog.rdsdb_is_superuser(who)
        OR pg_catalog.rdsdb_role_owner(id) = to_regrole(quote_ident(who))
        OR pg_has_role(who, 'privilege:ALTER ROLE', 'member'))
    THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('permission denied to alter role "%s"', role);
    END IF;
    EXECUTE format('ALTER ROLE %I RENAME TO %I', role, renamed);
END $$;

CREATE PROCEDURE pg_catalog.rdsdb_own_role(who name, role text, owner text) SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    id oid := pg_catalog.rdsdb_identity('role', role);
BEGIN
    IF pg_catalog.rdsdb_role_owner(id) = 10 OR NOT pg_catalog.rdsdb_is_superuser(who) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'must be superuser to change the owner of a role';
    END IF;
    EXECUTE format('COMMENT ON ROLE %I IS ''role:%s''', role, pg_catalog.rdsdb_identity('user', owner));
END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html and r_REVOKE.html, of roles; `what` is a statement of
-- PostgreSQL's with two names to fill in.
CREATE PROCEDURE pg_catalog.rdsdb_grant_roles(who name, what text, roles text[], kinds text[], grantees text[])
SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    role text;
    id oid;
BEGIN
    FOREACH role IN ARRAY roles LOOP
        id := pg_catalog.rdsdb_identity('role', role);
        IF NOT pg_catalog.rdsdb_administers(who, id) THEN
            RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('must have admin option on role "%s"', role);
        END IF;
        FOR at IN 1 .. array_length(grantees, 1) LOOP
            PERFORM pg_catalog.rdsdb_identity(kinds[at], grantees[at]);
            EXECUTE format(what, role, grantees[at]);
        END LOOP;
    END LOOP;
END $$;

-- GRANT and REVOKE say of each grantee what it is. https://docs.aws.amazon.com/redshift/latest/dg/r_GRANT.html
CREATE PROCEDURE pg_catalog.rdsdb_check_identities(kinds text[], names text[]) LANGUAGE plpgsql AS $$
BEGIN
    FOR at IN 1 .. array_length(names, 1) LOOP
        PERFORM pg_catalog.rdsdb_identity(kinds[at], names[at]);
    END LOOP;
END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_USER_IS_MEMBER_OF.html: of oneself, unless superuser, sys:secadmin
-- or sys:superuser; and it raises where the reader has no access.
CREATE FUNCTION pg_catalog.user_is_member_of(text, text) RETURNS boolean STABLE LANGUAGE plpgsql AS $$
DECLARE
    member_id oid := pg_catalog.rdsdb_identity('user', $1);
    role oid := pg_catalog.rdsdb_identity('role', $2);
    sees_all boolean := pg_has_role(current_user, 'sys:secadmin', 'member') OR pg_has_role(current_user, 'sys:superuser', 'member');
BEGIN
    IF NOT sees_all AND $1 <> current_user THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied to check the membership of another user';
    END IF;
    IF NOT sees_all AND NOT pg_has_role(current_user, role, 'member')
        AND coalesce(pg_catalog.rdsdb_role_owner(role) <> current_user::regrole, true) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = format('permission denied for role %s', $2);
    END IF;
    -- pg_has_role would say of a superuser that it has every role.
    RETURN (WITH RECURSIVE held AS (
        SELECT roleid FROM pg_auth_members m WHERE m.member = member_id
        UNION SELECT m.roleid FROM pg_auth_members m JOIN held ON m.member = held.roleid)
        SELECT count(*) > 0 FROM held WHERE roleid = role);
END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_ROLE_IS_MEMBER_OF.html
CREATE FUNCTION pg_catalog.role_is_member_of(text, text) RETURNS boolean STABLE LANGUAGE plpgsql AS $$
DECLARE
    member oid := pg_catalog.rdsdb_identity('role', $1);
    role oid := pg_catalog.rdsdb_identity('role', $2);
BEGIN
    IF NOT pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE')
        AND NOT (pg_has_role(current_user, member, 'member') AND pg_has_role(current_user, role, 'member')) THEN
        RAISE EXCEPTION USING ERRCODE = '42501', MESSAGE = 'permission denied for role ' || $1;
    END IF;
    RETURN pg_has_role(member, role, 'member');
END $$;

-- PostgreSQL's own view takes roles for groups. https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG.html
CREATE OR REPLACE VIEW pg_catalog.pg_group AS
SELECT name::name AS groname, id AS grosysid, ARRAY(SELECT member FROM pg_auth_members WHERE roleid = id) AS grolist
FROM pg_catalog.rdsdb_identities WHERE kind = 'group';
