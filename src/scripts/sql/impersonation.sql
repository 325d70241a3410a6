-- impersonation: what lets members of a role query data as another user.
--
-- Run in {{database}} as {{system_account}}, which owns the procedures: with its rights they read the
-- key and grant the role. Whoever isn't a member of the role has no right to call them.

--= impersonation-key

--! forget-old-key
DELETE FROM immuta_system.impersonation_key;

--! write-key
-- 256 bits that the operator generated; nobody but the system account reads them.
INSERT INTO immuta_system.impersonation_key (secret) VALUES ({{impersonation_key}});

--= impersonate-procedure

--! create-impersonate-user
-- `CALL immuta_procedures.impersonate_user('bob')` begins, `… (NULL)` ends; the end of the session ends
-- it too, and so do eight hours. Not a table but a variable of the session remembers it: a table
-- written at each call would be locked until the caller's transaction ends.
--
-- session_user is who logged in; current_user is the owner in here. It stands alone in an assignment,
-- since Redshift may not take it beside a table.
CREATE OR REPLACE PROCEDURE immuta_procedures.impersonate_user(target VARCHAR(128))
AS $$
DECLARE
    caller VARCHAR(128);
    zone VARCHAR(128);
    pid VARCHAR(16);
    expiry VARCHAR(14);
    claims VARCHAR(1024);
    token VARCHAR(1024);
    secret VARCHAR(64);
    ignored VARCHAR(1024);
BEGIN
    IF target IS NULL THEN
        ignored := set_config('immuta.impersonation', '', FALSE);
        RETURN;
    END IF;
    IF len(target) = 0 THEN
        RAISE EXCEPTION 'impersonate_user needs the name of a user, or NULL to end the impersonation';
    END IF;
    SELECT INTO secret max(k.secret) FROM immuta_system.impersonation_key k;
    IF secret IS NULL OR len(secret) <> 64 THEN
        RAISE EXCEPTION 'impersonation is switched off in this database';
    END IF;
    caller := session_user;
    zone := current_setting('timezone');
    pid := pg_backend_pid();
    expiry := to_char(getdate() + INTERVAL '8 hours', 'YYYYMMDDHH24MISS');
    claims := expiry || '|' || target;
    token := sha2('outer|' || secret || '|' || sha2(
        'inner|' || secret
        || '|' || CAST(len(caller) AS VARCHAR(8)) || ':' || caller
        || '|' || pid
        || '|' || CAST(len(zone) AS VARCHAR(8)) || ':' || zone
        || '|' || claims, 256), 256);
    IF token IS NULL OR len(token) <> 64 THEN
        RAISE EXCEPTION 'impersonation has failed: no digest';
    END IF;
    token := token || '|' || claims;
    ignored := set_config('immuta.impersonation', token, FALSE);
END;
$$ LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog;

--= role-procedures

--! create-grant-impersonation
-- For the governance system, which logs in as the system account: nobody else may call it.
CREATE OR REPLACE PROCEDURE immuta_procedures.grant_impersonation(user_name VARCHAR(128))
AS $$
DECLARE
    role_name VARCHAR(128);
BEGIN
    IF user_name IS NULL OR len(user_name) = 0 THEN
        RAISE EXCEPTION 'grant_impersonation needs the name of a user';
    END IF;
    role_name := {{impersonation_role_name}};
    EXECUTE 'GRANT ROLE ' || quote_ident(role_name) || ' TO ' || quote_ident(user_name);
END;
$$ LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog;

--! create-revoke-impersonation
CREATE OR REPLACE PROCEDURE immuta_procedures.revoke_impersonation(user_name VARCHAR(128))
AS $$
DECLARE
    role_name VARCHAR(128);
BEGIN
    IF user_name IS NULL OR len(user_name) = 0 THEN
        RAISE EXCEPTION 'revoke_impersonation needs the name of a user';
    END IF;
    role_name := {{impersonation_role_name}};
    EXECUTE 'REVOKE ROLE ' || quote_ident(role_name) || ' FROM ' || quote_ident(user_name);
END;
$$ LANGUAGE plpgsql SECURITY DEFINER SET search_path TO pg_catalog;

--= grant-impersonation

--! grant-impersonate-user-to-role
-- The one way in: a right to call, held by the role alone.
GRANT EXECUTE ON PROCEDURE immuta_procedures.impersonate_user(VARCHAR) TO ROLE {{impersonation_role}};

--= revoke-impersonation

--! revoke-impersonate-user-from-role
REVOKE EXECUTE ON PROCEDURE immuta_procedures.impersonate_user(VARCHAR) FROM ROLE {{role}};

--= drop-procedure

--! drop-procedure
-- Redshift has no IF EXISTS here: only what was seen is dropped.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_PROCEDURE.html
DROP PROCEDURE {{schema}}.{{object}}(VARCHAR);

--= forget-key

--! forget-key
-- Tokens made with it are worthless from now on.
DELETE FROM immuta_system.impersonation_key;
