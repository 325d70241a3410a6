-- registry: whose integration this is and how far it has come, kept in the managed database.
--
-- Run in {{database}} as {{system_account}}. Every later change begins and ends with the sections
-- `begin-change` and `commit-change`, so that it happens whole or not at all, and never over the head
-- of another operator.

--= begin

--! begin
BEGIN;

--= commit

--! commit
COMMIT;

--= rollback

--! rollback
ROLLBACK;

--= registry

--! create-system-schema
CREATE SCHEMA immuta_system;

--! create-registry-lock
-- Kept for LOCK alone. Redshift has no row locks, and whoever locks a table that others read stops
-- them until the transaction ends. https://docs.aws.amazon.com/redshift/latest/dg/r_LOCK.html
CREATE TABLE immuta_system.registry_lock (held_for VARCHAR(64));

--! create-registry
-- One row. Redshift enforces no key, so every change is made behind the lock and checks that it met
-- exactly one row. Columns are only ever added, at the end: every version of the operator can read the first
-- ones. What `definitions` holds, see src/lifecycle/definitions.rs.
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
    changed_at TIMESTAMP NOT NULL,
    definitions VARCHAR(65535) NOT NULL,
    claim_user_id VARCHAR(32) NOT NULL
);

--! write-registry-row
INSERT INTO immuta_system.registry (
    integration_uid, state, fencing_counter, schema_version, database_mode,
    system_account, impersonation_role, applied_hash, applied, operator_version, changed_at, definitions, claim_user_id
) VALUES (
    {{integration_uid}}, 'applying', 1, {{schema_version}}, {{database_mode}},
    {{system_account_name}}, {{impersonation_role_name}}, '', '', {{operator_version}}, getdate(), '', ''
);

--= begin-change

--! begin-change
BEGIN;

--! lock-registry
LOCK TABLE immuta_system.registry_lock;

--! check-registry
-- A cast that fails, and so ends the transaction, unless the registry is as it was when the operator
-- looked: nothing is changed on behalf of another integration, or over the head of another operator.
SELECT CAST(CASE
    WHEN count(*) = 1
        AND max(integration_uid) = {{integration_uid}}
        AND max(fencing_counter) = {{fencing_counter}}
        AND max(state) = {{registry_state}} THEN '1'
    ELSE 'the registry has changed'
END AS INTEGER)
FROM immuta_system.registry;

--= complete

--! complete-registry
-- What the server shows of what was made is read, and recorded, once it can be seen. An edit leaves the version as it is: what
-- policy-enforced views stand on may be there (policy-views.sql).
UPDATE immuta_system.registry
SET state = 'complete',
    fencing_counter = fencing_counter + 1,
    schema_version = greatest(schema_version, {{schema_version}}),
    system_account = {{system_account_name}},
    impersonation_role = {{impersonation_role_name}},
    applied_hash = {{applied_hash}},
    applied = {{applied}},
    operator_version = {{operator_version}},
    changed_at = getdate(),
    definitions = '',
    claim_user_id = '';

--= record-definitions

--! write-definitions
-- Not a change of what is set up, and so not behind the lock; nothing is written if there was one since the look.
UPDATE immuta_system.registry
SET definitions = {{definitions}},
    claim_user_id = {{claim_user_id}}
WHERE integration_uid = {{integration_uid}} AND fencing_counter = {{fencing_counter}} AND state = 'complete';

--= mended

--! write-mended
-- Whoever looked before looks again.
UPDATE immuta_system.registry
SET fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate();

--= take-over

--! write-new-owner
-- From now on the former owner reads another's UID, and leaves everything alone.
UPDATE immuta_system.registry
SET integration_uid = {{new_integration_uid}},
    fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate();

--= mark-deleting

--! write-deleting
UPDATE immuta_system.registry
SET state = 'deleting',
    fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate();

--= take-back-deleting

--! write-taken-back
-- What was never completed goes back to being applied.
UPDATE immuta_system.registry
SET state = CASE WHEN applied_hash = '' THEN 'applying' ELSE 'complete' END,
    fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate();

--= rotated

--! write-rotated
-- What is set up stays as it is.
UPDATE immuta_system.registry
SET fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate();

--= commit-change

--! commit-change
COMMIT;
