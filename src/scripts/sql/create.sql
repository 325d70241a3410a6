-- create: what is set up in the managed database.
--
-- Run in {{database}} as {{system_account}}, so that nothing in it is owned by, or depends on, the
-- account that created the database.

--= registry

--! begin-registry
BEGIN;

--! create-system-schema
CREATE SCHEMA immuta_system;

--! create-registry-lock
-- Kept for LOCK alone. Redshift has no row locks, and whoever locks a table that others read stops
-- them until the transaction ends. https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
CREATE TABLE immuta_system.registry_lock (held_for VARCHAR(64));

--! create-registry
-- One row: whose integration this is, and how far it has come. Redshift enforces no key, so every
-- change is made behind the lock and checks that it met exactly one row.
CREATE TABLE immuta_system.registry (
    integration_uid VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL,
    fencing_counter BIGINT NOT NULL,
    schema_version INTEGER NOT NULL,
    database_mode VARCHAR(16) NOT NULL,
    system_account VARCHAR(128) NOT NULL,
    impersonation_role VARCHAR(128) NOT NULL,
    applied_hash VARCHAR(64) NOT NULL,
    applied VARCHAR(65535) NOT NULL,
    operator_version VARCHAR(64) NOT NULL,
    changed_at TIMESTAMP NOT NULL
);

--! write-registry-row
INSERT INTO immuta_system.registry (
    integration_uid, state, fencing_counter, schema_version, database_mode,
    system_account, impersonation_role, applied_hash, applied, operator_version, changed_at
) VALUES (
    {{integration_uid}}, 'applying', 1, {{schema_version}}, {{database_mode}},
    {{system_account_name}}, {{impersonation_role_name}}, '', '', {{operator_version}}, getdate()
);

--! commit-registry
COMMIT;

--= objects

--! begin-objects
BEGIN;

--! lock-registry-for-objects
LOCK TABLE immuta_system.registry_lock;

--! check-registry-for-objects
-- A cast that fails, and so ends the transaction, unless the registry is as it was when the operator
-- looked: nothing is changed on behalf of another integration, or over the head of another operator.
SELECT CAST(CASE
    WHEN count(*) = 1
        AND max(integration_uid) = {{integration_uid}}
        AND max(fencing_counter) = {{fencing_counter}}
        AND max(state) = 'applying' THEN '1'
    ELSE 'the registry has changed'
END AS INTEGER)
FROM immuta_system.registry;

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

--! create-user-profile
-- The caller's own row and no other. The row comes out of an aggregate without groups, below which
-- no predicate of the reader's may run; two rows for one user count as none. The call of getdate()
-- keeps the answer out of the result cache, which users share.
CREATE VIEW immuta_system.user_profile AS
SELECT
    max(immuta__userid) AS immuta__userid,
    max(immuta__groups) AS immuta__groups,
    max(immuta__attributes) AS immuta__attributes,
    max(immuta__permitted_objects) AS immuta__permitted_objects
FROM immuta_system.profile
WHERE immuta__userid = CAST(current_user AS VARCHAR(128))
    AND len(immuta__userid) = len(CAST(current_user AS VARCHAR(128)))
    AND getdate() IS NOT NULL
HAVING count(*) = 1;

--! grant-system-schema-to-public
GRANT USAGE ON SCHEMA immuta_system TO PUBLIC;

--! grant-functions-schema-to-public
GRANT USAGE ON SCHEMA immuta_functions TO PUBLIC;

--! grant-procedures-schema-to-public
GRANT USAGE ON SCHEMA immuta_procedures TO PUBLIC;

--! grant-user-profile-to-public
GRANT SELECT ON immuta_system.user_profile TO PUBLIC;

--! grant-future-functions-to-public
ALTER DEFAULT PRIVILEGES IN SCHEMA immuta_functions GRANT EXECUTE ON FUNCTIONS TO PUBLIC;

--! complete-registry
UPDATE immuta_system.registry
SET state = 'complete',
    fencing_counter = fencing_counter + 1,
    schema_version = {{schema_version}},
    applied_hash = {{applied_hash}},
    applied = {{applied}},
    operator_version = {{operator_version}},
    changed_at = getdate();

--! commit-objects
COMMIT;
