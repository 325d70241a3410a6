-- initial-create: what is set up from the initial database.
--
-- Run in {{initial_database}} by an account that may create users and databases.
-- Every statement is a message of its own: Redshift takes CREATE DATABASE neither in a
-- transaction nor beside other statements.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html

--= claim

--! create-claim
-- The claim of this integration on the whole warehouse. It has no grant and is used for nothing but
-- this: CREATE USER is refused when the name is taken, so no two integrations can hold the warehouse,
-- whatever cluster, host alias or database they come from.
CREATE USER redshift_governance_claim PASSWORD {{claim_password}};

--= system-account

--! create-system-account
-- The account that owns what is set up and that the validation logs in as.
CREATE USER {{system_account}} PASSWORD {{system_account_password}};

--= role

-- One transaction, so that no role is left that nothing ties to the integration.

--! create-role
CREATE ROLE {{role}};

--! grant-role-to-system-account
-- The administrator's option is what lets immuta_procedures.grant_impersonation grant the role, and
-- what proves to a later look that the role is ours.
GRANT ROLE {{role}} TO {{system_account}} WITH ADMIN OPTION;

--! give-role-to-system-account
--? superuser
-- Only a superuser may give a role away: otherwise it stays with the account that created it.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_ROLE.html
ALTER ROLE {{role}} OWNER TO {{system_account}};

--= database

--! create-database
--? superuser
-- Collation and isolation level are stated, so that the database is the same on every warehouse.
CREATE DATABASE {{database}} OWNER {{system_account}} COLLATE CASE_SENSITIVE ISOLATION LEVEL SNAPSHOT;

--! create-database-as-its-owner
--? lesser-admin
-- Only a superuser may give a database to another user: here the account that creates it keeps it.
CREATE DATABASE {{database}} OWNER {{admin}} COLLATE CASE_SENSITIVE ISOLATION LEVEL SNAPSHOT;

--= database-of-whoever-runs-it

--! create-database-of-whoever-runs-it
-- The same in a script for somebody whose name isn't known: without OWNER it belongs to whoever creates it.
CREATE DATABASE {{database}} COLLATE CASE_SENSITIVE ISOLATION LEVEL SNAPSHOT;

--= database-grants

--! revoke-database-from-public
--? create
-- A database that was there before is others' too: nothing is taken from PUBLIC in it.
REVOKE ALL PRIVILEGES ON DATABASE {{database}} FROM PUBLIC;

--! grant-temporary-tables-to-public
--? create
GRANT TEMP ON DATABASE {{database}} TO PUBLIC;

--! grant-database-to-system-account
GRANT ALL PRIVILEGES ON DATABASE {{database}} TO {{system_account}};
