-- create: what is set up in the managed database.
--
-- Run in {{database}} as {{system_account}}, so that nothing in it is owned by, or depends on, the
-- account that created the database.

--= objects

--! create-functions-schema
CREATE SCHEMA immuta_functions;

--! create-procedures-schema
CREATE SCHEMA immuta_procedures;

--! create-profile
-- Groups, attributes and permitted objects of each user, as JSON texts. Read and written by the
-- system account alone. The user name is compared by value and length, since Redshift's = ignores
-- trailing blanks.
CREATE TABLE immuta_system.profile (
    immuta__userid VARCHAR(128) NOT NULL,
    immuta__groups VARCHAR(65535) NOT NULL,
    immuta__attributes VARCHAR(65535) NOT NULL,
    immuta__permitted_objects VARCHAR(65535) NOT NULL,
    changed_at TIMESTAMP NOT NULL
);

--! create-impersonation-key
-- One row while impersonation is on, none while it is off. Read by the system account alone: through
-- the view below and the procedures, which run with its rights.
CREATE TABLE immuta_system.impersonation_key (secret VARCHAR(64) NOT NULL);

--= user-profile

--! create-user-profile
-- The caller's own row and no other; the impersonated user's while an impersonation holds.
--
-- immuta_procedures.impersonate_user leaves `mac|expiry|user` in the variable immuta.impersonation,
-- which anybody may set: what counts is that the MAC (over the key, the caller, this session, its time
-- zone, the expiry and the user) can be computed again here. Fields of fixed width in front leave one
-- way to take the text apart. Anything but an empty variable or a good one gives no row.
--
-- The row comes out of an aggregate without groups, below which no predicate of the reader's may run;
-- two rows for one user count as none. The calls of getdate() keep the answer out of the result cache,
-- which users share. The text is the same with impersonation on or off: others' views depend on it.
CREATE OR REPLACE VIEW immuta_system.user_profile AS
SELECT
    max(p.immuta__userid) AS immuta__userid,
    max(p.immuta__groups) AS immuta__groups,
    max(p.immuta__attributes) AS immuta__attributes,
    max(p.immuta__permitted_objects) AS immuta__permitted_objects
FROM immuta_system.profile p
CROSS JOIN (
    SELECT
        CASE
            WHEN t.token = '' THEN t.caller
            WHEN t.secret IS NOT NULL
                AND substring(t.token, 66, 14) > to_char(getdate(), 'YYYYMMDDHH24MISS')
                AND substring(t.token, 1, 64) = sha2('outer|' || t.secret || '|' || sha2(
                    'inner|' || t.secret
                    || '|' || CAST(len(t.caller) AS VARCHAR(8)) || ':' || t.caller
                    || '|' || CAST(pg_backend_pid() AS VARCHAR(16))
                    || '|' || CAST(len(t.zone) AS VARCHAR(8)) || ':' || t.zone
                    || '|' || substring(t.token, 66), 256), 256)
                THEN substring(t.token, 81)
        END AS userid
    FROM (
        SELECT
            max(k.secret) AS secret,
            CAST(current_user AS VARCHAR(128)) AS caller,
            CAST(current_setting('timezone') AS VARCHAR(128)) AS zone,
            CAST(coalesce(current_setting('immuta.impersonation', FALSE), '') AS VARCHAR(1024)) AS token
        FROM immuta_system.impersonation_key k
    ) t
) e
WHERE p.immuta__userid = e.userid
    AND len(p.immuta__userid) = len(e.userid)
    AND getdate() IS NOT NULL
HAVING count(*) = 1;

--= open-schema

--! grant-schema-to-public
GRANT USAGE ON SCHEMA {{schema}} TO PUBLIC;

--= open-user-profile

--! grant-user-profile-to-public
GRANT SELECT ON immuta_system.user_profile TO PUBLIC;

--= open-future-functions

--! grant-future-functions-to-public
ALTER DEFAULT PRIVILEGES IN SCHEMA immuta_functions GRANT EXECUTE ON FUNCTIONS TO PUBLIC;
