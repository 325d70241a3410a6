-- views: policy-enforced views, and the profiles of users by which they decide.
--
-- Run in {{database}} as {{system_account}}, on one connection. What changes anything stands between `begin-change` and
-- `commit-change` (registry.sql), with `policy-views-changed` before the end.

--= policy-views-changed

--! write-policy-views-changed
UPDATE immuta_system.registry
SET fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate();

--= create-view-schema

--! create-view-schema
CREATE SCHEMA {{view_schema}};

--= drop-view-schema

--! drop-view-schema
-- Without CASCADE: what others have put into it keeps it.
DROP SCHEMA {{view_schema}};

--= create-view

--! create-view
-- It binds late: what it reads may be in another database, and may be dropped and made anew.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_VIEW.html
CREATE VIEW {{view_schema}}.{{view_name}} AS
{{query}}
WITH NO SCHEMA BINDING;

--= replace-view

--! replace-view
-- Only where names and types of the columns stay: owner and grants do then.
CREATE OR REPLACE VIEW {{view_schema}}.{{view_name}} AS
{{query}}
WITH NO SCHEMA BINDING;

--= drop-policy-view

--! drop-policy-view
DROP VIEW {{view_schema}}.{{view_name}};

--= grant-view

--! grant-use-of-view-schema-to-user
--? user
GRANT USAGE ON SCHEMA {{view_schema}} TO {{grantee}};

--! grant-view-to-user
--? user
GRANT SELECT ON {{view_schema}}.{{view_name}} TO {{grantee}};

--! grant-use-of-view-schema-to-group
--? group
GRANT USAGE ON SCHEMA {{view_schema}} TO GROUP {{grantee}};

--! grant-view-to-group
--? group
GRANT SELECT ON {{view_schema}}.{{view_name}} TO GROUP {{grantee}};

--! grant-use-of-view-schema-to-role
--? role
GRANT USAGE ON SCHEMA {{view_schema}} TO ROLE {{grantee}};

--! grant-view-to-role
--? role
GRANT SELECT ON {{view_schema}}.{{view_name}} TO ROLE {{grantee}};

--! grant-use-of-view-schema-to-public
--? public
GRANT USAGE ON SCHEMA {{view_schema}} TO PUBLIC;

--! grant-view-to-public
--? public
GRANT SELECT ON {{view_schema}}.{{view_name}} TO PUBLIC;

--= revoke-view

--! revoke-view-from-user
--? user
REVOKE ALL PRIVILEGES ON {{view_schema}}.{{view_name}} FROM {{grantee}};

--! revoke-view-from-group
--? group
REVOKE ALL PRIVILEGES ON {{view_schema}}.{{view_name}} FROM GROUP {{grantee}};

--! revoke-view-from-role
--? role
REVOKE ALL PRIVILEGES ON {{view_schema}}.{{view_name}} FROM ROLE {{grantee}};

--! revoke-view-from-public
--? public
REVOKE ALL PRIVILEGES ON {{view_schema}}.{{view_name}} FROM PUBLIC;

--= revoke-view-schema

-- From those to whom no view in it is granted any more.

--! revoke-view-schema-from-user
--? user
REVOKE ALL PRIVILEGES ON SCHEMA {{view_schema}} FROM {{grantee}};

--! revoke-view-schema-from-group
--? group
REVOKE ALL PRIVILEGES ON SCHEMA {{view_schema}} FROM GROUP {{grantee}};

--! revoke-view-schema-from-role
--? role
REVOKE ALL PRIVILEGES ON SCHEMA {{view_schema}} FROM ROLE {{grantee}};

--! revoke-view-schema-from-public
--? public
REVOKE ALL PRIVILEGES ON SCHEMA {{view_schema}} FROM PUBLIC;

--= probe-view

--! probe-view
-- What it reads is looked for, and may be read or not, before anything is committed.
SELECT * FROM {{view_schema}}.{{view_name}} WHERE 1 = 0;

--= probe-table

--! probe-table
-- A table that isn't listed is missing or may not be read: the error tells.
SELECT 1 FROM {{table_database}}.{{table_schema}}.{{table_name}} WHERE 1 = 0;

--= forget-data-source

--! forget-data-source
DELETE FROM immuta_system.data_source WHERE view_schema = {{view_schema_text}} AND view_name = {{view_name_text}};

--= write-data-source

--! write-data-source
INSERT INTO immuta_system.data_source (
    source_uid, resource, view_schema, view_name, table_name, state, applied_hash, columns_hash, shown_hash, shown_acl_hash,
    granted, schema_is_ours, operator_version, changed_at
) VALUES (
    {{source_uid}}, {{resource}}, {{view_schema_text}}, {{view_name_text}}, {{table_text}}, {{source_state}}, {{applied_hash}},
    {{columns_hash}}, {{shown_hash}}, {{shown_acl_hash}}, {{granted}}, {{schema_is_ours}}, {{operator_version}}, getdate()
);

--= incoming

-- What is to be written comes into a table of the session first, outside of the transaction: nobody waits for that. A row for each user
-- whose rows are replaced or taken away ('x'), the entitlements that he gets ('u', 'g', 'a'), and his groups and attributes as JSON ('G', 'A').

--! create-incoming
CREATE TEMP TABLE incoming (
    immuta__userid VARCHAR(128) NOT NULL,
    kind CHAR(1) NOT NULL,
    name VARCHAR(256) NOT NULL,
    value VARCHAR(65535) NOT NULL
);

--= incoming-rows

--! write-incoming
INSERT INTO incoming (immuta__userid, kind, name, value) VALUES
{{rows}};

--= take-away

--! create-incoming-kept
-- What stays of what users have who are about to get something else: all that they have until the views are as they are to be.
-- That there is such a user stays whichever resource names him now: without it the rest would be half a profile.
CREATE TEMP TABLE incoming_kept AS
SELECT e.immuta__userid, e.kind, e.name, e.value
FROM immuta_system.entitlement e
INNER JOIN incoming i
    ON e.immuta__userid = i.immuta__userid AND e.kind = i.kind AND e.value = i.value AND len(e.value) = len(i.value)
    AND (e.kind = 'u' OR e.name = i.name);

--! delete-entitlements-but-for-kept
DELETE FROM immuta_system.entitlement
USING incoming i
WHERE immuta_system.entitlement.immuta__userid = i.immuta__userid AND i.kind = 'x';

--! write-kept-entitlements
INSERT INTO immuta_system.entitlement (immuta__userid, kind, name, value)
SELECT immuta__userid, kind, name, value FROM incoming_kept;

--! delete-profiles-but-for-kept
DELETE FROM immuta_system.profile
USING incoming i
WHERE immuta_system.profile.immuta__userid = i.immuta__userid AND i.kind = 'x';

--! write-kept-profiles
-- Until the rest is written they read as those of users without groups, and so differ from what is wanted.
INSERT INTO immuta_system.profile (immuta__userid, immuta__groups, immuta__attributes, immuta__permitted_objects, changed_at)
SELECT immuta__userid, '[]', '{}', '[]', getdate()
FROM incoming_kept
WHERE kind = 'u';

--= write-profiles

--! delete-entitlements
DELETE FROM immuta_system.entitlement
USING incoming i
WHERE immuta_system.entitlement.immuta__userid = i.immuta__userid AND i.kind = 'x';

--! write-entitlements
INSERT INTO immuta_system.entitlement (immuta__userid, kind, name, value)
SELECT immuta__userid, kind, name, value FROM incoming WHERE kind IN ('u', 'g', 'a');

--! delete-profiles
DELETE FROM immuta_system.profile
USING incoming i
WHERE immuta_system.profile.immuta__userid = i.immuta__userid AND i.kind = 'x';

--! write-profiles
INSERT INTO immuta_system.profile (immuta__userid, immuta__groups, immuta__attributes, immuta__permitted_objects, changed_at)
SELECT g.immuta__userid, g.value, a.value, '[]', getdate()
FROM incoming g
INNER JOIN incoming a ON a.immuta__userid = g.immuta__userid
WHERE g.kind = 'G' AND a.kind = 'A';
