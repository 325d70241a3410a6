CREATE SCHEMA s;
CREATE TABLE s.t (a INTEGER, b VARCHAR(20));
-- DG/r_CREATE_VIEW: the schema must exist, even if the table doesn't
CREATE VIEW s.late AS SELECT a, b FROM s.t WITH NO SCHEMA BINDING;
CREATE VIEW s.later AS SELECT a FROM s.comes_later WITH NO SCHEMA BINDING;
CREATE TABLE s.comes_later (a INTEGER);
SELECT a FROM s.later;
GRANT SELECT ON s.late TO PUBLIC;
DROP TABLE s.t;
CREATE TABLE s.t (a BIGINT, b VARCHAR(30));
SELECT a, b FROM s.late;
DROP TABLE s.t CASCADE;
CREATE TABLE s.t (a INTEGER, b VARCHAR(20));
SELECT a, b FROM s.late;
CREATE OR REPLACE VIEW s.late AS SELECT a, b FROM s.t WITH NO SCHEMA BINDING;
SELECT view_name, col_name FROM pg_get_late_binding_view_cols() cols(view_schema name, view_name name, col_name name, col_type varchar, col_num int);
SELECT * FROM pg_get_cols('s.late') cols(view_schema name, view_name name, col_name name, col_type varchar, col_num int);
SHOW VIEW s.late;
SELECT definition FROM pg_views WHERE viewname = 'late';
ALTER TABLE s.late OWNER TO awsuser;
DROP VIEW IF EXISTS s.late;
-- DG/materialized-view-create-sql-command, materialized-view-refresh-sql-command, r_ALTER_MATERIALIZED_VIEW
CREATE MATERIALIZED VIEW s.m BACKUP NO DISTSTYLE KEY DISTKEY (a) SORTKEY (a) AUTO REFRESH YES AS SELECT a FROM s.t;
REFRESH MATERIALIZED VIEW s.m;
ALTER MATERIALIZED VIEW s.m AUTO REFRESH NO;
DROP MATERIALIZED VIEW s.m;
-- DG/cross-database_example
CREATE DATABASE corpus_other;
SELECT table_name FROM corpus_other.information_schema.tables LIMIT 1;
SELECT datname FROM dev.pg_catalog.pg_database;
CREATE VIEW s.across AS SELECT datname FROM corpus_other.pg_catalog.pg_database WITH NO SCHEMA BINDING;
SELECT datname FROM s.across;
-- the pages r_SVV_…
SELECT database_name, schema_name, table_name, column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length, numeric_precision, numeric_scale, remarks FROM svv_all_columns;
SELECT database_name, schema_name, schema_owner, schema_type, schema_acl, source_database, schema_option FROM svv_all_schemas;
SELECT database_name, schema_name, table_name, column_name, ordinal_position, data_type, column_default, is_nullable, encoding, distkey, sortkey, column_acl, remarks FROM svv_redshift_columns;
SELECT database_name, schema_name, function_name, function_type, argument_type, result_type FROM svv_redshift_functions;
SELECT table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable, data_type, character_maximum_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision, interval_type, interval_precision, remarks FROM svv_columns;
SELECT table_catalog, table_schema, table_name, table_type, remarks FROM svv_tables;
SELECT schemaname, tablename, location FROM svv_external_tables;
SELECT schemaname, tablename, columnname, external_type, columnnum, part_key, is_nullable FROM svv_external_columns;
SELECT "database", "schema", table_id, "table", "encoded", diststyle, sortkey1, size, tbl_rows FROM svv_table_info;
SELECT schema_name, name, is_stale, state, autorefresh FROM svv_mv_info;
SELECT namespace_name, relation_name, column_name, privilege_type, identity_name, identity_type, admin_option FROM svv_column_privileges;
SELECT schema_name, schema_owner, quota, disk_usage, disk_usage_pct FROM svv_schema_quota_state;
-- DG/r_PG_TABLE_DEF
SELECT schemaname, tablename, "column", type, encoding, distkey, sortkey, "notnull" FROM pg_table_def WHERE tablename = 't';
SELECT table_name FROM svv_tables WHERE table_schema = 's' AND table_type = 'BASE TABLE';
-- PostgreSQL 8.0's catalogue, and samples of the guide
SELECT relname, reldiststyle, relhasoids, reltriggers FROM pg_class WHERE relname = 't';
SELECT attname, attisdistkey, attsortkeyord, attencodingtype, format_encoding(attencodingtype) FROM pg_attribute WHERE attrelid = 's.t'::regclass;
SELECT adsrc FROM pg_attrdef;
SELECT proname, proisagg FROM pg_proc LIMIT 1;
SELECT conname, consrc FROM pg_constraint;
SELECT spcname, spclocation FROM pg_tablespace;
SELECT datname, datconfig FROM pg_database;
SELECT datname, datconnlimit FROM pg_database_info;
SELECT procpid, usename, current_query FROM pg_stat_activity;
