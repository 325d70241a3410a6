-- queries: what a person is given to look with. The operator sends none of these.

--= sessions

--! list-sessions
SELECT process, user_name, starttime FROM stv_sessions WHERE db_name = {{database_text}};

--! list-sessions-on-serverless
SELECT session_id, user_id, start_time FROM sys_session_history WHERE database_name = {{database_text}} AND status = 'active';

--= objects

--! list-objects
SELECT n.nspname AS schema, c.relname AS name, c.relkind AS kind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' ORDER BY 1, 2;

--! list-routines
SELECT n.nspname AS schema, p.proname AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' ORDER BY 1, 2;

--= ties

--! list-relation-privileges
SELECT namespace_name, relation_name, privilege_type FROM svv_relation_privileges WHERE identity_name = {{user_text}};

--! list-column-privileges
SELECT namespace_name, relation_name, column_name, privilege_type FROM svv_column_privileges WHERE identity_name = {{user_text}};

--! list-function-privileges
SELECT namespace_name, function_name, privilege_type FROM svv_function_privileges WHERE identity_name = {{user_text}};

--! list-schema-privileges
SELECT namespace_name, privilege_type FROM svv_schema_privileges WHERE identity_name = {{user_text}};

--! list-language-privileges
SELECT language_name, privilege_type FROM svv_language_privileges WHERE identity_name = {{user_text}};

--! list-default-privileges
SELECT schema_name, object_type, owner_name, grantee_name, privilege_type FROM svv_default_privileges WHERE grantee_name = {{user_text}} OR owner_name = {{user_text}};

--! list-database-privileges
SELECT database_name, privilege_type FROM svv_database_privileges WHERE identity_name = {{user_text}};

--! list-owned-relations
SELECT n.nspname AS schema, c.relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_user u ON u.usesysid = c.relowner WHERE u.usename = {{user_text}};

--= changes

--! list-changes
SELECT userid, starttime, text FROM stl_ddltext WHERE text LIKE '%immuta!_%' ESCAPE '!' ORDER BY starttime DESC LIMIT 20;

--! list-changes-on-serverless
SELECT user_id, start_time, query_text FROM sys_query_history WHERE query_text LIKE '%immuta!_%' ESCAPE '!' AND query_type <> 'SELECT' ORDER BY start_time DESC LIMIT 20;
