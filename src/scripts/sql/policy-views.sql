-- policy-views: what policy-enforced views stand on, in the managed database.
--
-- Run in {{database}} as {{system_account}}, in one transaction behind the lock. Nothing of it is granted to anybody: views
-- read it with the rights of their owner.

--= policy-tables

--! create-entitlement
-- A row for each user ('u', with the resource that names him), and for each of his groups ('g') and values of attributes ('a').
-- Written together with `profile`, which holds the same for people. It is small and joined with everything: a copy on each node.
-- https://docs.aws.amazon.com/redshift/latest/dg/c_choosing_dist_sort.html
CREATE TABLE immuta_system.entitlement (
    immuta__userid VARCHAR(128) NOT NULL,
    kind CHAR(1) NOT NULL,
    name VARCHAR(256) NOT NULL,
    value VARCHAR(1024) NOT NULL
) DISTSTYLE ALL SORTKEY (immuta__userid);

--! create-masking-key
-- One row: what pseudonyms are made with. Read by the system account alone. The Secret of the account holds it too, so that a
-- warehouse that is restored keeps its pseudonyms.
CREATE TABLE immuta_system.masking_key (secret VARCHAR(64) NOT NULL);

--! write-masking-key
INSERT INTO immuta_system.masking_key (secret) VALUES ({{masking_key}});

--! create-data-source
-- A row for each view that enforces policies: whose it is, what was applied, and what the server showed of it right after it was
-- made. `granted` holds the grantees, a line each.
CREATE TABLE immuta_system.data_source (
    source_uid VARCHAR(64) NOT NULL,
    resource VARCHAR(512) NOT NULL,
    view_schema VARCHAR(128) NOT NULL,
    view_name VARCHAR(128) NOT NULL,
    table_name VARCHAR(512) NOT NULL,
    state VARCHAR(16) NOT NULL,
    applied_hash VARCHAR(64) NOT NULL,
    columns_hash VARCHAR(64) NOT NULL,
    shown_hash VARCHAR(64) NOT NULL,
    shown_acl_hash VARCHAR(64) NOT NULL,
    granted VARCHAR(65535) NOT NULL,
    schema_is_ours SMALLINT NOT NULL,
    operator_version VARCHAR(64) NOT NULL,
    changed_at TIMESTAMP NOT NULL
);

--= user-entitlements

--! create-user-entitlements
-- The reader's own rows, or the impersonated user's. It is `user_profile` that says whose: one row, or none. The length is
-- compared as well, since Redshift's = ignores trailing blanks.
CREATE OR REPLACE VIEW immuta_system.user_entitlements AS
SELECT x.kind, x.name, x.value
FROM immuta_system.entitlement x
INNER JOIN immuta_system.user_profile u
    ON x.immuta__userid = u.immuta__userid AND len(x.immuta__userid) = len(u.immuta__userid);

--= policy-views-set-up

--! write-policy-views
-- The version says that all of it is there, so that an operator which doesn't know it touches nothing. What the server shows of
-- it is read, and recorded, once it can be seen.
UPDATE immuta_system.registry
SET schema_version = {{policy_views_version}},
    fencing_counter = fencing_counter + 1,
    operator_version = {{operator_version}},
    changed_at = getdate(),
    definitions = '';
