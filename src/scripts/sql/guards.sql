-- guards: what a script that a person runs asks first. The operator never runs these.
--
-- Nothing but an error stops a script, so that each guard is a cast that fails unless all is well, and the error shows
-- why: invalid input syntax for integer: "run this in the database dev". Where the compute nodes do the cast, as for the
-- registry, Redshift may show the first character alone; so each guard asks one question, and its text stands in it.

--= guard-database

--! guard-database
-- Names are folded, or aren't, as enable_case_sensitive_identifier was when they were given.
SELECT CAST(CASE WHEN lower(current_database()) = lower({{guarded}}) THEN '1' ELSE {{refusal}} END AS INTEGER);

--= guard-user

--! guard-user
SELECT CAST(CASE WHEN current_user = {{guarded}} THEN '1' ELSE {{refusal}} END AS INTEGER);

--= guard-superuser

--! guard-superuser
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM pg_user
WHERE usename = current_user AND usesuper;

--= guard-database-creator

--! guard-database-creator
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM pg_user
WHERE usename = current_user AND (usesuper OR usecreatedb);

--= guard-user-absent

--! guard-user-absent
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM pg_user
WHERE usename = {{guarded}};

--= guard-user-present

--! guard-user-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM pg_user
WHERE usename = {{guarded}};

--= guard-role-absent

--! guard-role-absent
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM svv_roles
WHERE role_name = {{guarded}};

--= guard-role-present

--! guard-role-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM svv_roles
WHERE role_name = {{guarded}};

--= guard-database-absent

--! guard-database-absent
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM pg_database
WHERE lower(datname) = lower({{guarded}});

--= guard-database-present

--! guard-database-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM pg_database
WHERE lower(datname) = lower({{guarded}});

--= guard-database-grants-present

--! guard-database-grants-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM pg_database
WHERE lower(datname) = lower({{guarded}}) AND has_database_privilege({{guarded_user}}, datname, 'CREATE');

--= guard-schemas-absent

--! guard-schemas-absent
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM pg_namespace
WHERE nspname IN ('immuta_system', 'immuta_functions', 'immuta_procedures');

--= guard-registry-present

--! guard-registry-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM pg_class c
INNER JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'immuta_system' AND c.relname = 'registry';

--= guard-registry-owner

--! guard-registry-owner
SELECT CAST(CASE WHEN count(*) = 1 AND max(integration_uid) = {{integration_uid}} THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM immuta_system.registry;

--= guard-registry-state

--! guard-registry-state
SELECT CAST(CASE WHEN max(state) = {{registry_state}} THEN '1' ELSE {{refusal}} END AS INTEGER)
FROM immuta_system.registry;
