-- migrate: from one version of what is set up to the next, each in a transaction behind the lock, together with
-- the version in the registry.
--
-- Run in {{database}} as {{system_account}}. Nothing is in here that what users read waits for.

--= migrate-to-2

-- What the server shows of our objects, and who the claim is, so that a later difference can be told.
-- One column a statement. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_TABLE.html

--! add-definitions
ALTER TABLE immuta_system.registry ADD COLUMN definitions VARCHAR(65535) NOT NULL DEFAULT '';

--! add-claim-user-id
ALTER TABLE immuta_system.registry ADD COLUMN claim_user_id VARCHAR(32) NOT NULL DEFAULT '';

--= migrated

--! write-schema-version
UPDATE immuta_system.registry
SET schema_version = {{schema_version}},
    fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate();
