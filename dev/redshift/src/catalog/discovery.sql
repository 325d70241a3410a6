-- Schemas, tables, columns and functions as the SVV views and PG_TABLE_DEF show them: …/redshift/latest/dg/r_SVV_….html

-- Columns of what somebody may read. Where rows are kept is not kept here. Precision and length are told without PostgreSQL's own
-- functions for them, which take a hundredth of a millisecond for each column.
CREATE TYPE pg_catalog.rdsdb_a_column AS (
    schema_name varchar(128), table_name varchar(128), column_name varchar(128), ordinal_position integer, data_type varchar(32),
    column_default varchar(4000), is_nullable varchar(3), encoding varchar(128), distkey boolean, sortkey integer, column_acl varchar(128),
    remarks varchar(256), character_maximum_length integer, numeric_precision integer, numeric_scale integer);
CREATE FUNCTION pg_catalog.rdsdb_columns_of(reader oid) RETURNS SETOF pg_catalog.rdsdb_a_column STABLE LANGUAGE sql AS $$
SELECT n.nspname::varchar(128), c.relname::varchar(128), a.attname::varchar(128), a.attnum::integer,
    format_type(a.atttypid, a.atttypmod)::varchar(32), pg_get_expr(d.adbin, d.adrelid)::varchar(4000),
    CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END::varchar(3), 'none'::varchar(128), false, 0,
    array_to_string(pg_catalog.rdsdb_acl(a.attacl), '|')::varchar(128), r.description::varchar(256),
    CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod <> -1 THEN a.atttypmod - 4 END,
    CASE a.atttypid WHEN 'smallint'::regtype THEN 16 WHEN 'integer'::regtype THEN 32 WHEN 'bigint'::regtype THEN 64 WHEN 'real'::regtype THEN 24
        WHEN 'double precision'::regtype THEN 53
        WHEN 'numeric'::regtype THEN CASE WHEN a.atttypmod <> -1 THEN ((a.atttypmod - 4) >> 16) & 65535 END END,
    CASE WHEN a.atttypid IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype) THEN 0
        WHEN a.atttypid = 'numeric'::regtype AND a.atttypmod <> -1 THEN (a.atttypmod - 4) & 65535 END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
LEFT JOIN pg_description r ON r.classoid = 'pg_class'::regclass AND r.objoid = c.oid AND r.objsubid = a.attnum
WHERE c.relkind IN ('r', 'v', 'm') AND c.relname NOT LIKE 'rdsdb!_%' ESCAPE '!'
    AND (has_table_privilege(reader, c.oid, 'SELECT, INSERT, UPDATE, DELETE, REFERENCES')
        OR has_any_column_privilege(reader, c.oid, 'SELECT')) $$;
CREATE VIEW pg_catalog.svv_redshift_columns AS
SELECT current_database()::varchar(128) AS database_name, schema_name, table_name, column_name, ordinal_position, data_type, column_default,
    is_nullable, encoding, distkey, sortkey, column_acl, remarks
FROM pg_catalog.rdsdb_columns_of(pg_catalog.rdsdb_reader());
-- r_SVV_ALL_COLUMNS, r_SVV_COLUMNS: types without their modifiers; the first of all databases.
CREATE VIEW pg_catalog.rdsdb_local_columns AS
SELECT current_database()::varchar(128) AS database_name, schema_name, table_name, column_name, ordinal_position, column_default, is_nullable,
    regexp_replace(data_type, '\\(.*\\)', '')::varchar(128) AS data_type, character_maximum_length, numeric_precision, numeric_scale, remarks
FROM pg_catalog.rdsdb_columns_of(pg_catalog.rdsdb_reader());
CREATE VIEW pg_catalog.svv_all_columns AS
SELECT * FROM pg_catalog.rdsdb_local_columns
UNION ALL
SELECT d.datname::varchar(128), c.schema_name, c.table_name, c.column_name, c.ordinal_position, c.column_default, c.is_nullable,
    regexp_replace(c.data_type, '\\(.*\\)', '')::varchar(128), c.character_maximum_length, c.numeric_precision, c.numeric_scale, c.remarks
FROM pg_catalog.rdsdb_others d
CROSS JOIN LATERAL pg_catalog.rdsdb_elsewhere(NULL::pg_catalog.rdsdb_a_column, d.datname, 'columns', pg_catalog.rdsdb_reader()) c;
-- r_SVV_COLUMNS
CREATE VIEW pg_catalog.svv_columns AS
SELECT database_name AS table_catalog, schema_name AS table_schema, table_name, column_name, ordinal_position, column_default, is_nullable,
    data_type, character_maximum_length, numeric_precision, NULL::integer AS numeric_precision_radix, numeric_scale,
    NULL::integer AS datetime_precision, NULL::varchar(128) AS interval_type, NULL::varchar(128) AS interval_precision,
    NULL::varchar(128) AS character_set_catalog, NULL::varchar(128) AS domain_name, remarks
FROM pg_catalog.rdsdb_local_columns;
-- r_SVV_TABLES
CREATE VIEW pg_catalog.svv_tables AS
SELECT database_name AS table_catalog, schema_name AS table_schema, table_name,
    CASE table_type WHEN 'TABLE' THEN 'BASE TABLE' ELSE table_type END::varchar(128) AS table_type, remarks
FROM pg_catalog.svv_redshift_tables;
-- r_SVV_ALL_SCHEMAS: of all databases.
CREATE VIEW pg_catalog.svv_all_schemas AS
SELECT database_name, schema_name, schema_owner, schema_type, schema_acl, NULL::varchar(128) AS source_database, schema_option
FROM pg_catalog.svv_redshift_schemas
UNION ALL
SELECT current_database()::varchar(128), schemaname::varchar(128), esowner, 'external'::varchar(128), NULL::varchar(128),
    databasename::varchar(128), esoptions::varchar(128)
FROM pg_catalog.svv_external_schemas
UNION ALL
SELECT d.datname::varchar(128), s.schema_name, s.schema_owner, s.schema_type, s.schema_acl, NULL::varchar(128), s.schema_option
FROM pg_catalog.rdsdb_others d
CROSS JOIN LATERAL pg_catalog.rdsdb_elsewhere(NULL::pg_catalog.rdsdb_a_schema, d.datname, 'schemas', pg_catalog.rdsdb_reader()) s;
-- r_SVV_REDSHIFT_FUNCTIONS
CREATE VIEW pg_catalog.svv_redshift_functions AS
SELECT current_database()::varchar(128) AS database_name, n.nspname::varchar(128) AS schema_name, p.proname::varchar(128) AS function_name,
    CASE p.prokind WHEN 'p' THEN 'STORED PROCEDURE' ELSE 'REGULAR FUNCTION' END::varchar(128) AS function_type,
    oidvectortypes(p.proargtypes)::varchar(512) AS argument_type, format_type(p.prorettype, NULL)::varchar(128) AS result_type
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE p.proname NOT LIKE 'rdsdb!_%' ESCAPE '!' AND has_function_privilege(p.oid, 'EXECUTE');
-- r_SVV_EXTERNAL_TABLES, r_SVV_EXTERNAL_COLUMNS: what an external schema points to isn't here.
CREATE VIEW pg_catalog.svv_external_tables AS
SELECT current_database()::text AS redshift_database_name, ''::text AS schemaname, ''::text AS tablename, ''::text AS tabletype, ''::text AS location, ''::text AS input_format,
    ''::text AS output_format, ''::text AS serialization_lib, ''::text AS serde_parameters, 0 AS compressed, ''::text AS parameters
WHERE false;
CREATE VIEW pg_catalog.svv_external_columns AS
SELECT current_database()::text AS redshift_database_name, ''::text AS schemaname, ''::text AS tablename, ''::text AS columnname, ''::text AS external_type, 0 AS columnnum,
    0 AS part_key, ''::text AS is_nullable
WHERE false;
-- r_SVV_TABLE_INFO: superusers see it; only of tables that have rows.
CREATE VIEW pg_catalog.svv_table_info AS
SELECT current_database()::text AS database, n.nspname::text AS schema, c.oid AS table_id, c.relname::text AS "table", 'N'::text AS encoded,
    'EVEN'::text AS diststyle, ''::text AS sortkey1, 0 AS max_varchar, ''::text AS sortkey1_enc, 0 AS sortkey_num, 0::bigint AS size,
    0::numeric AS pct_used, 0::numeric AS empty, 0::numeric AS unsorted, 0::numeric AS stats_off, greatest(c.reltuples, 0)::numeric AS tbl_rows,
    0::numeric AS skew_sortkey1, 0::numeric AS skew_rows, greatest(c.reltuples, 0)::numeric AS estimated_visible_rows, ''::text AS risk_event,
    0::numeric AS vacuum_sort_benefit, NULL::timestamp AS create_time
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg!_%' ESCAPE '!' AND n.nspname <> 'information_schema' AND pg_catalog.rdsdb_superuser();
-- r_SVV_MV_INFO
CREATE VIEW pg_catalog.svv_mv_info AS
SELECT current_database()::char(128) AS database_name, schemaname::char(128) AS schema_name, matviewowner::char(128) AS user_name,
    matviewname::char(128) AS name, 'f'::char(1) AS is_stale, 0 AS state, 'f'::char(1) AS autorewrite, 'f'::char(1) AS autorefresh
FROM pg_matviews WHERE has_table_privilege(format('%I.%I', schemaname, matviewname), 'SELECT');
-- r_SVV_COLUMN_PRIVILEGES
CREATE VIEW pg_catalog.svv_column_privileges AS
SELECT n.nspname::text AS namespace_name, c.relname::text AS relation_name, t.attname::text AS column_name, a.privilege_type::text,
    pg_catalog.rdsdb_user(a.grantee)::integer AS identity_id, pg_catalog.rdsdb_identity_name(a.grantee, i.name) AS identity_name,
    pg_catalog.rdsdb_identity_type(a.grantee, i.kind) AS identity_type, a.is_grantable AS admin_option
FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL aclexplode(t.attacl) a
LEFT JOIN pg_catalog.rdsdb_identities i ON i.id = a.grantee
WHERE pg_catalog.rdsdb_superuser() OR pg_catalog.rdsdb_accesses(a.grantee, i.owner);
-- r_SVV_SCHEMA_QUOTA_STATE: quotas are noted and not kept.
CREATE VIEW pg_catalog.svv_schema_quota_state AS
SELECT oid::integer AS schema_id, nspname::text AS schema_name, pg_catalog.rdsdb_user(nspowner)::integer AS schema_owner, 0 AS quota, 0 AS disk_usage,
    0::double precision AS disk_usage_pct
FROM pg_namespace WHERE false;
-- r_PG_TABLE_DEF: what is in the search path, and the reader may read.
CREATE VIEW pg_catalog.pg_table_def AS
SELECT n.nspname AS schemaname, c.relname AS tablename, a.attname AS "column", format_type(a.atttypid, a.atttypmod) AS type,
    'none'::varchar(32) AS encoding, false AS distkey, 0 AS sortkey, a.attnotnull AS "notnull"
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND n.nspname = ANY (current_schemas(true)) AND n.nspname NOT LIKE 'pg!_toast%' ESCAPE '!';

-- r_PG_ATTRIBUTE_INFO, r_PG_CLASS_INFO, r_PG_LIBRARY: what PostgreSQL's own have, and when it was made, which isn't kept.
CREATE VIEW pg_catalog.pg_attribute_info AS
SELECT attrelid, attname, atttypid, attstattarget, attlen, attnum, attndims, attcacheoff, atttypmod, attbyval, attstorage, attalign, attnotnull,
    atthasdef, attisdropped, attislocal, attinhcount, attisdistkey, attispreloaded, attsortkeyord, attencodingtype, pg_catalog.rdsdb_acl(attacl) AS attacl
FROM pg_catalog.rdsdb_attribute;
CREATE VIEW pg_catalog.pg_class_info AS
SELECT oid AS reloid, relname, relnamespace, reltype, relowner, relkind, relnatts, relacl, reldiststyle, releffectivediststyle,
    NULL::timestamp AS relcreationtime, NULL::integer AS relcreatedby
FROM pg_catalog.rdsdb_class;
CREATE VIEW pg_catalog.pg_library AS
SELECT ''::name AS name, 0::oid AS language_oid, 0 AS file_store_id, 0 AS owner WHERE false;

GRANT SELECT ON pg_catalog.rdsdb_local_columns, pg_catalog.pg_attribute_info, pg_catalog.pg_class_info, pg_catalog.pg_library, pg_catalog.svv_redshift_columns, pg_catalog.svv_all_columns, pg_catalog.svv_columns, pg_catalog.svv_tables,
    pg_catalog.svv_all_schemas, pg_catalog.svv_redshift_functions, pg_catalog.svv_external_tables, pg_catalog.svv_external_columns,
    pg_catalog.svv_table_info, pg_catalog.svv_mv_info, pg_catalog.svv_column_privileges, pg_catalog.svv_schema_quota_state,
    pg_catalog.pg_table_def TO PUBLIC;

-- SHOW …: …/redshift/latest/dg/r_SHOW_….html

CREATE VIEW pg_catalog.rdsdb_show_databases AS
SELECT database_name, database_owner, database_type, database_acl, database_options AS parameters, database_isolation_level
FROM pg_catalog.svv_redshift_databases;
CREATE VIEW pg_catalog.rdsdb_show_schemas AS
SELECT database_name, schema_name, schema_owner, schema_type, schema_acl, source_database, schema_option FROM pg_catalog.svv_all_schemas;
CREATE VIEW pg_catalog.rdsdb_show_tables AS
SELECT t.database_name, t.schema_name, t.table_name, t.table_type, t.table_acl, t.remarks, pg_get_userbyid(c.relowner)::varchar(128) AS owner,
    NULL::timestamp AS last_altered_time, NULL::timestamp AS last_modified_time, NULL::varchar(64) AS dist_style,
    CASE c.relkind WHEN 'v' THEN 'REGULAR VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'REGULAR TABLE' END::varchar(64) AS table_subtype
FROM pg_catalog.svv_redshift_tables t JOIN pg_namespace n ON n.nspname = t.schema_name JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.table_name;
CREATE VIEW pg_catalog.rdsdb_show_columns AS
SELECT database_name, schema_name, table_name, column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length,
    numeric_precision, numeric_scale, remarks, NULL::varchar AS sort_key_type, NULL::integer AS sort_key, NULL::integer AS dist_key,
    NULL::varchar AS encoding, NULL::varchar AS collation
FROM pg_catalog.svv_all_columns;
CREATE VIEW pg_catalog.rdsdb_show_functions AS
SELECT database_name, schema_name, function_name, 0 AS number_of_arguments, argument_type AS argument_list, result_type AS return_type, NULL::varchar AS remarks
FROM pg_catalog.svv_redshift_functions WHERE function_type = 'REGULAR FUNCTION';
CREATE VIEW pg_catalog.rdsdb_show_procedures AS
SELECT database_name, schema_name, function_name AS procedure_name, argument_type AS argument_list, result_type AS return_type, NULL::varchar AS remarks
FROM pg_catalog.svv_redshift_functions WHERE function_type = 'STORED PROCEDURE';
CREATE VIEW pg_catalog.rdsdb_show_procedure_parameters AS
SELECT current_database() AS database_name, n.nspname AS schema_name, p.proname AS procedure_name, p.proargnames[a.at] AS parameter_name, a.at::integer AS ordinal_position,
    CASE p.proargmodes[a.at] WHEN 'b' THEN 'INOUT' WHEN 'o' THEN 'OUT' ELSE 'IN' END AS parameter_type, format_type(a.type, NULL) AS data_type,
    NULL::integer AS character_maximum_length, NULL::integer AS numeric_precision, NULL::integer AS numeric_scale
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN LATERAL unnest(coalesce(p.proallargtypes, p.proargtypes)) WITH ORDINALITY a (type, at)
WHERE p.prokind = 'p';
CREATE VIEW pg_catalog.rdsdb_show_function_parameters AS
SELECT current_database() AS database_name, n.nspname AS schema_name, p.proname AS function_name, p.proargnames[a.at] AS parameter_name, a.at::integer AS ordinal_position,
    'IN'::text AS parameter_type, format_type(a.type, NULL) AS data_type, NULL::integer AS character_maximum_length,
    NULL::integer AS numeric_precision, NULL::integer AS numeric_scale
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN LATERAL unnest(p.proargtypes) WITH ORDINALITY a (type, at)
WHERE p.prokind = 'f';
CREATE VIEW pg_catalog.rdsdb_show_primary_keys AS
SELECT current_database() AS database_name, n.nspname AS schema_name, r.relname AS table_name, a.attname AS column_name, k.at::integer AS key_seq, c.conname AS pk_name
FROM pg_catalog.rdsdb_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY k (number, at) JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.number
WHERE c.contype = 'p';
CREATE VIEW pg_catalog.rdsdb_show_foreign_keys AS
SELECT current_database() AS pk_database_name, pn.nspname AS pk_schema_name, p.relname AS pk_table_name,
    (SELECT attname FROM pg_attribute WHERE attrelid = p.oid AND attnum = c.confkey[k.at]) AS pk_column_name, current_database() AS fk_database_name,
    n.nspname AS fk_schema_name, r.relname AS fk_table_name, a.attname AS fk_column_name, k.at::integer AS key_seq, 3 AS update_rule, 3 AS delete_rule,
    c.conname AS fk_name, (SELECT conname FROM pg_catalog.rdsdb_constraint WHERE conrelid = p.oid AND contype = 'p') AS pk_name, 7 AS deferrability
FROM pg_catalog.rdsdb_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
JOIN pg_class p ON p.oid = c.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
CROSS JOIN LATERAL unnest(c.conkey) WITH ORDINALITY k (number, at) JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.number
WHERE c.contype = 'f';
CREATE VIEW pg_catalog.rdsdb_show_column_grants AS
SELECT current_database() AS database_name, namespace_name AS schema_name, relation_name AS table_name, column_name, 'COLUMN'::text AS object_type,
    privilege_type, identity_id, identity_name, identity_type, admin_option, 'COLUMN'::text AS privilege_scope, NULL::text AS grantor_name
FROM pg_catalog.svv_column_privileges;
-- Who granted it is not shown: the column is there, since AWS's drivers look for it.
CREATE VIEW pg_catalog.rdsdb_show_grants AS
SELECT current_database()::text AS database_name, namespace_name AS schema_name, relation_name AS object_name, 'TABLE'::text AS object_type, privilege_type, identity_id,
    identity_name, identity_type, admin_option, 'TABLE'::text AS privilege_scope, NULL::text AS grantor_name
FROM pg_catalog.svv_relation_privileges
UNION ALL SELECT current_database(), namespace_name, NULL, 'SCHEMA', privilege_type, identity_id, identity_name, identity_type, admin_option, privilege_scope, NULL
FROM pg_catalog.svv_schema_privileges
UNION ALL SELECT database_name, NULL, NULL, 'DATABASE', privilege_type, identity_id, identity_name, identity_type, admin_option, privilege_scope, NULL
FROM pg_catalog.svv_database_privileges
UNION ALL SELECT current_database(), n.nspname, p.proname, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, a.privilege_type,
    pg_catalog.rdsdb_user(a.grantee)::integer, pg_catalog.rdsdb_identity_name(a.grantee, i.name),
    pg_catalog.rdsdb_identity_type(a.grantee, i.kind), a.is_grantable, CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, NULL
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN LATERAL aclexplode(p.proacl) a
LEFT JOIN pg_catalog.rdsdb_identities i ON i.id = a.grantee
WHERE n.nspname <> 'pg_catalog' AND (pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE') OR pg_catalog.rdsdb_accesses(a.grantee, i.owner));
-- r_SHOW_TABLE
CREATE FUNCTION pg_catalog.rdsdb_show_table(id oid) RETURNS text STABLE LANGUAGE sql AS $$
SELECT format(E'CREATE TABLE %I.%I (\n%s\n)\nDISTSTYLE AUTO;', n.nspname, c.relname,
    (SELECT string_agg(format('    %I %s%s', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END), E',\n' ORDER BY a.attnum)
        FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1 $$;

GRANT SELECT ON pg_catalog.rdsdb_show_databases, pg_catalog.rdsdb_show_schemas, pg_catalog.rdsdb_show_tables, pg_catalog.rdsdb_show_columns,
    pg_catalog.rdsdb_show_functions, pg_catalog.rdsdb_show_procedures, pg_catalog.rdsdb_show_procedure_parameters,
    pg_catalog.rdsdb_show_function_parameters, pg_catalog.rdsdb_show_primary_keys, pg_catalog.rdsdb_show_foreign_keys,
    pg_catalog.rdsdb_show_column_grants, pg_catalog.rdsdb_show_grants TO PUBLIC;
