-- delete: what is taken away again.

-- The first two sections run in {{database}} as {{system_account}}.

--= mark-deleting

--! begin-mark-deleting
BEGIN;

--! lock-registry-for-deletion
LOCK TABLE immuta_system.registry_lock;

--! check-registry-for-deletion
-- Fails, and so ends the transaction, unless the registry is as it was when the operator looked.
SELECT CAST(CASE
    WHEN count(*) = 1
        AND max(integration_uid) = {{integration_uid}}
        AND max(fencing_counter) = {{fencing_counter}} THEN '1'
    ELSE 'the registry has changed'
END AS INTEGER)
FROM immuta_system.registry;

--! write-deleting
UPDATE immuta_system.registry
SET state = 'deleting',
    fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate();

--! commit-mark-deleting
COMMIT;

--= take-back-deleting

--! begin-take-back
BEGIN;

--! lock-registry-for-take-back
LOCK TABLE immuta_system.registry_lock;

--! check-registry-for-take-back
SELECT CAST(CASE
    WHEN count(*) = 1
        AND max(integration_uid) = {{integration_uid}}
        AND max(state) = 'deleting' THEN '1'
    ELSE 'the registry has changed'
END AS INTEGER)
FROM immuta_system.registry;

--! write-taken-back
-- What was never completed goes back to being applied.
UPDATE immuta_system.registry
SET state = CASE WHEN applied_hash = '' THEN 'applying' ELSE 'complete' END,
    fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate();

--! commit-take-back
COMMIT;

-- The rest runs in {{initial_database}} by the account that set things up, or one that may drop them.

--= drop-database

--! drop-database
-- Without FORCE: Redshift refuses while others are connected, and their work is not ours to end.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_DATABASE.html
DROP DATABASE {{database}};

--= drop-system-account

--! drop-system-account
DROP USER {{system_account}};

--= drop-claim

--! drop-claim
-- Last of all: as long as it is there, nobody else can claim the warehouse.
DROP USER redshift_governance_claim;
