-- guards: what a script that a person runs asks first. The operator never runs these.
--
-- Nothing but an error stops a script, so that each guard is a cast that fails unless all is well, and the error shows
-- why: invalid input syntax for integer: "run this in the database dev". Where the compute nodes do the cast, as for the
-- registry, Redshift may show the first character alone; so each guard asks one question, and its text stands in it.

--= guard-database

--! guard-database
-- Names are folded, or aren't, as enable_case_sensitive_identifier was when they were given.
SELECT CAST(CASE WHEN lower(current_database()) = lower({{guarded}}) THEN '1' ELSE {{refusal}} END AS INTEGER) AS in_the_right_database;

--= guard-user

--! guard-user
SELECT CAST(CASE WHEN current_user = {{guarded}} THEN '1' ELSE {{refusal}} END AS INTEGER) AS as_the_right_user;

--= guard-superuser

--! guard-superuser
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER) AS as_a_superuser
FROM pg_user
WHERE usename = current_user AND usesuper;

--= guard-database-creator

--! guard-database-creator
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER) AS may_create_databases
FROM pg_user
WHERE usename = current_user AND (usesuper OR usecreatedb);

--= guard-user-absent

--! guard-user-absent
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER) AS no_such_user
FROM pg_user
WHERE usename = {{guarded}};

--= guard-user-present

--! guard-user-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER) AS user_is_there
FROM pg_user
WHERE usename = {{guarded}};

--= guard-role-absent

--! guard-role-absent
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER) AS no_such_role
FROM svv_roles
WHERE role_name = {{guarded}};

--= guard-role-present

--! guard-role-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER) AS role_is_there
FROM svv_roles
WHERE role_name = {{guarded}};

--= guard-database-absent

--! guard-database-absent
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER) AS no_such_database
FROM pg_database
WHERE lower(datname) = lower({{guarded}});

--= guard-database-present

--! guard-database-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER) AS database_is_there
FROM pg_database
WHERE lower(datname) = lower({{guarded}});

--= guard-database-grants-present

--! guard-database-grants-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER) AS account_may_create_schemas
FROM pg_database
WHERE lower(datname) = lower({{guarded}}) AND has_database_privilege({{guarded_user}}, datname, 'CREATE');

--= guard-schemas-absent

--! guard-schemas-absent
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER) AS no_schemas_of_an_integration
FROM pg_namespace
WHERE nspname IN ('immuta_system', 'immuta_functions', 'immuta_procedures');

--= guard-registry-present

--! guard-registry-present
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER) AS registry_is_there
FROM pg_class c
INNER JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'immuta_system' AND c.relname = 'registry';

--= guard-registry-owner

--! guard-registry-owner
SELECT CAST(CASE WHEN count(*) = 1 AND max(integration_uid) = {{integration_uid}} THEN '1' ELSE {{refusal}} END AS INTEGER) AS registry_names_this_resource
FROM immuta_system.registry;

--= guard-registry-of-account

--! guard-registry-of-account
-- Somebody else can have taken a name that became free.
SELECT CAST(CASE WHEN count(*) = 1 THEN '1' ELSE {{refusal}} END AS INTEGER) AS account_owns_the_registry
FROM pg_class c
INNER JOIN pg_namespace n ON n.oid = c.relnamespace
INNER JOIN pg_user u ON u.usesysid = c.relowner
WHERE n.nspname = 'immuta_system' AND c.relname = 'registry' AND u.usename = {{guarded}};

--= guard-registry-state

--! guard-registry-state
SELECT CAST(CASE WHEN max(state) = {{guarded}} THEN '1' ELSE {{refusal}} END AS INTEGER) AS registry_state_is_right
FROM immuta_system.registry;

--= guard-registry-removable

--! guard-registry-removable
SELECT CAST(CASE WHEN max(state) IN ('applying', 'complete', 'deleting') THEN '1' ELSE {{refusal}} END AS INTEGER) AS registry_state_is_known
FROM immuta_system.registry;

--= guard-registry-applied

--! guard-registry-applied
-- Not the counter, which rotations raise as well: what is set up is what the script was made for.
SELECT CAST(CASE WHEN max(applied_hash) = {{guarded}} THEN '1' ELSE {{refusal}} END AS INTEGER) AS registry_hash_is_right
FROM immuta_system.registry;

--= guard-registry-applied-or-begun

--! guard-registry-applied-or-begun
SELECT CAST(CASE WHEN max(applied_hash) IN ({{guarded}}, '') THEN '1' ELSE {{refusal}} END AS INTEGER) AS registry_hash_is_right
FROM immuta_system.registry;

--= guard-registry-not-applied

--! guard-registry-not-applied
SELECT CAST(CASE WHEN max(applied_hash) <> {{guarded}} THEN '1' ELSE {{refusal}} END AS INTEGER) AS not_done_before
FROM immuta_system.registry;

--= guard-registry-version

--! guard-registry-version
SELECT CAST(CASE WHEN max(schema_version) BETWEEN {{schema_version}} AND {{policy_views_version}} THEN '1' ELSE {{refusal}} END AS INTEGER) AS registry_version_is_right
FROM immuta_system.registry;

-- Before a removal. Catalogues of the leader node are read alone, system views alone.

--= guard-registry-absent

--! guard-registry-absent
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER) AS no_registry
FROM pg_class c
INNER JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = 'immuta_system' AND c.relname = 'registry';

--= guard-objects-of-others

--! guard-objects-of-others
-- Others' schemas, tables, views, functions and procedures in this database, which would be lost with it. To list them, run
-- this with SELECT * in place of its first line. Shall they be dropped with the database? Then remove this one statement.
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE CAST(count(*) AS VARCHAR(16)) || {{refusal}} END AS INTEGER) AS no_objects_of_others
FROM (
    SELECT CAST(n.nspname AS VARCHAR(128)) AS schema_name, CAST(c.relname AS VARCHAR(128)) AS object_name
    FROM pg_class c
    INNER JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind NOT IN ('i', 't', 'c')
        AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND n.nspname NOT IN ('information_schema', 'catalog_history')
        AND NOT (
            n.nspname = 'immuta_system'
            AND c.relname IN (
                'registry_lock', 'registry', 'profile', 'impersonation_key', 'user_profile',
                'entitlement', 'masking_key', 'data_source', 'user_entitlements'
            )
        )
    UNION ALL
    SELECT CAST(n.nspname AS VARCHAR(128)), CAST(p.proname AS VARCHAR(128))
    FROM pg_proc p
    INNER JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND n.nspname NOT IN ('information_schema', 'catalog_history')
        AND NOT (
            n.nspname = 'immuta_procedures'
            AND p.proname IN ('impersonate_user', 'grant_impersonation', 'revoke_impersonation')
        )
    UNION ALL
    SELECT CAST(n.nspname AS VARCHAR(128)), CAST('' AS VARCHAR(128))
    FROM pg_namespace n
    WHERE n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND n.nspname NOT IN ('information_schema', 'catalog_history')
        AND n.nspname NOT IN ('public', 'immuta_system', 'immuta_functions', 'immuta_procedures')
) o;

--= guard-objects-in-our-schemas

--! guard-objects-in-our-schemas
-- What others have made in the schemas that are to be dropped. To list it, run this with SELECT * in place of its first line.
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE CAST(count(*) AS VARCHAR(16)) || {{refusal}} END AS INTEGER) AS no_objects_of_others_in_these_schemas
FROM (
    SELECT CAST(n.nspname AS VARCHAR(128)) AS schema_name, CAST(c.relname AS VARCHAR(128)) AS object_name
    FROM pg_class c
    INNER JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind NOT IN ('i', 't', 'c')
        AND n.nspname IN ('immuta_system', 'immuta_functions', 'immuta_procedures')
        AND NOT (
            n.nspname = 'immuta_system'
            AND c.relname IN (
                'registry_lock', 'registry', 'profile', 'impersonation_key', 'user_profile',
                'entitlement', 'masking_key', 'data_source', 'user_entitlements'
            )
        )
    UNION ALL
    SELECT CAST(n.nspname AS VARCHAR(128)), CAST(p.proname AS VARCHAR(128))
    FROM pg_proc p
    INNER JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('immuta_system', 'immuta_functions', 'immuta_procedures')
        AND NOT (
            n.nspname = 'immuta_procedures'
            AND p.proname IN ('impersonate_user', 'grant_impersonation', 'revoke_impersonation')
        )
) o;

--= guard-views-on-ours

--! guard-views-on-ours
-- Views that bind late depend on nothing, as far as Redshift knows: nothing else would stop the drop of what they read. To
-- list them, run this with SELECT schemaname, viewname in place of its first line.
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE CAST(count(*) AS VARCHAR(16)) || {{refusal}} END AS INTEGER) AS no_views_of_others_on_these
FROM pg_views
WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'immuta_system', 'immuta_functions', 'immuta_procedures')
    AND (
        strpos(replace(definition, '"', ''), 'immuta_system.') > 0
        OR strpos(replace(definition, '"', ''), 'immuta_functions.') > 0
        OR strpos(replace(definition, '"', ''), 'immuta_procedures.') > 0
    );

--= guard-ties-of-account

--! guard-ties-of-account
-- What the system account owns or was granted in this database outside of its own schemas: Redshift looks for that in one
-- database alone when it drops a user, and the user is dropped from another one. To list it, run this with SELECT * in place of
-- its first line. https://docs.aws.amazon.com/redshift/latest/dg/r_DROP_USER.html
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE CAST(count(*) AS VARCHAR(16)) || {{refusal}} END AS INTEGER) AS no_ties_of_the_account
FROM (
    SELECT CAST(n.nspname AS VARCHAR(128)) AS schema_name, CAST(c.relname AS VARCHAR(128)) AS object_name,
        u.usename AS owner_name, array_to_string(c.relacl, '|') AS acl
    FROM pg_class c
    INNER JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN pg_user u ON u.usesysid = c.relowner
    UNION ALL
    SELECT CAST(n.nspname AS VARCHAR(128)), CAST(p.proname AS VARCHAR(128)), u.usename, array_to_string(p.proacl, '|')
    FROM pg_proc p
    INNER JOIN pg_namespace n ON n.oid = p.pronamespace
    LEFT JOIN pg_user u ON u.usesysid = p.proowner
    UNION ALL
    SELECT CAST(n.nspname AS VARCHAR(128)), CAST('' AS VARCHAR(128)), u.usename, array_to_string(n.nspacl, '|')
    FROM pg_namespace n
    LEFT JOIN pg_user u ON u.usesysid = n.nspowner
) o
WHERE schema_name NOT LIKE 'pg!_%' ESCAPE '!'
    AND schema_name NOT IN ('immuta_system', 'immuta_functions', 'immuta_procedures')
    AND (
        owner_name = {{guarded_user}}
        OR strpos('|' || acl, '|' || {{guarded_user}} || '=') > 0
        OR strpos('|' || acl, '|"' || {{guarded_user}} || '"=') > 0
    );

--= guard-schemas-of-role

--! guard-schemas-of-role
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE CAST(count(*) AS VARCHAR(16)) || {{refusal}} END AS INTEGER) AS role_has_no_other_schemas
FROM svv_schema_privileges
WHERE identity_type = 'role' AND identity_name = {{guarded}}
    AND namespace_name NOT IN ('immuta_system', 'immuta_functions', 'immuta_procedures');

--= guard-relations-of-role

--! guard-relations-of-role
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE CAST(count(*) AS VARCHAR(16)) || {{refusal}} END AS INTEGER) AS role_has_no_other_relations
FROM svv_relation_privileges
WHERE identity_type = 'role' AND identity_name = {{guarded}}
    AND namespace_name NOT IN ('immuta_system', 'immuta_functions', 'immuta_procedures');

--= guard-functions-of-role

--! guard-functions-of-role
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE CAST(count(*) AS VARCHAR(16)) || {{refusal}} END AS INTEGER) AS role_has_no_other_functions
FROM svv_function_privileges
WHERE identity_type = 'role' AND identity_name = {{guarded}}
    AND namespace_name NOT IN ('immuta_system', 'immuta_functions', 'immuta_procedures');

--= guard-account-closed

--! guard-account-closed
-- The mark by which the script before has said that it was run to its end.
-- https://docs.aws.amazon.com/redshift/latest/dg/pg_user_info.html
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER) AS account_is_closed
FROM pg_user_info
WHERE usename = {{guarded_user}} AND coalesce(trim(useconnlimit), '') <> '0';

--= guard-account-open

--! guard-account-open
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER) AS account_is_open
FROM pg_user_info
WHERE usename = {{guarded_user}} AND trim(useconnlimit) = '0';

--= guard-user-is-ours

--! guard-user-is-ours
-- By its id: the name can be another integration's by now.
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE {{refusal}} END AS INTEGER) AS user_is_the_right_one
FROM pg_user
WHERE usename = {{guarded}} AND CAST(usesysid AS VARCHAR(32)) <> {{guarded_id}};

--= guard-databases-of-account

--! guard-databases-of-account
-- Redshift revokes only what the revoker granted. To list them, run this with SELECT datname in place of its first line.
SELECT CAST(CASE WHEN count(*) = 0 THEN '1' ELSE CAST(count(*) AS VARCHAR(16)) || {{refusal}} END AS INTEGER) AS account_has_no_other_databases
FROM pg_database
WHERE strpos('|' || array_to_string(datacl, '|'), '|' || {{guarded_user}} || '=') > 0
    OR strpos('|' || array_to_string(datacl, '|'), '|"' || {{guarded_user}} || '"=') > 0;
