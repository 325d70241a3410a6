-- delete: what is taken away again, by the account that set things up, or one that may drop them.

-- In a database that is others' too, our objects are dropped one by one, in one transaction, as
-- {{system_account}}: without CASCADE, so that what others built on them stops it.

--= wait-shortly

--! wait-shortly
-- The drops below wait for whoever reads these objects, and others wait behind them: not for long.
-- Then the transaction is given up and tried again later. Milliseconds.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_statement_timeout.html
SET statement_timeout TO 10000;

--= wait-as-before

--! wait-as-before
-- In a script alone: whoever runs it goes on working in this session.
RESET statement_timeout;

--= revoke-future-functions

--! revoke-future-functions-from-public
ALTER DEFAULT PRIVILEGES IN SCHEMA immuta_functions REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;

--= drop-policy-views

-- A person who runs this can't be asked whether it was ever set up whole.

--! drop-user-entitlements
DROP VIEW IF EXISTS immuta_system.user_entitlements;

--! drop-entitlement
DROP TABLE IF EXISTS immuta_system.entitlement;

--! drop-masking-key
DROP TABLE IF EXISTS immuta_system.masking_key;

--! drop-data-source
DROP TABLE IF EXISTS immuta_system.data_source;

--= drop-view

--! drop-user-profile
DROP VIEW immuta_system.user_profile;

--= drop-table

--! drop-table
DROP TABLE {{schema}}.{{object}};

--= drop-schema

--! drop-schema
DROP SCHEMA {{schema}};

-- In scripts alone: a database is dropped from another one, in no transaction, and from there nobody sees what is in it.

--= close-account

--! close-system-account
-- The mark by which the next script knows that this one was run to its end: nobody logs in as the system account any more.
-- Taken back by CONNECTION LIMIT UNLIMITED. https://docs.aws.amazon.com/redshift/latest/dg/r_ALTER_USER.html
ALTER USER {{system_account}} CONNECTION LIMIT 0;

--= set-database-aside

--! set-database-aside
-- Guards can't stand in a transaction with DROP DATABASE, and a client may go on after an error. So what is dropped is a name
-- that no database has unless the guards before this have passed.
ALTER DATABASE {{former_name}} RENAME TO {{new_name}};

-- The rest runs in {{initial_database}}.

--= revoke-database

--! revoke-database-from-system-account
REVOKE ALL PRIVILEGES ON DATABASE {{database}} FROM {{system_account}};

-- Privileges that others gave our users and roles, revoked after a person has confirmed it: by each
-- grantor, as a superuser in his place, since Redshift revokes only what the revoker granted.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_REVOKE.html

--= become-grantor

--! become-grantor
SET SESSION AUTHORIZATION {{grantor}};

--= revoke-on-database

--! revoke-on-database-from-user
--? user
REVOKE ALL PRIVILEGES ON DATABASE {{object}} FROM {{member}};

--! revoke-on-database-from-role
--? role
REVOKE ALL PRIVILEGES ON DATABASE {{object}} FROM ROLE {{member}};

--= revoke-on-schema

--! revoke-on-schema-from-user
--? user
REVOKE ALL PRIVILEGES ON SCHEMA {{object}} FROM {{member}};

--! revoke-on-schema-from-role
--? role
REVOKE ALL PRIVILEGES ON SCHEMA {{object}} FROM ROLE {{member}};

--= revoke-on-relation

--! revoke-on-relation-from-user
--? user
REVOKE ALL PRIVILEGES ON {{schema}}.{{object}} FROM {{member}};

--! revoke-on-relation-from-role
--? role
REVOKE ALL PRIVILEGES ON {{schema}}.{{object}} FROM ROLE {{member}};

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
