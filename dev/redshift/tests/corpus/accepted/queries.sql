CREATE SCHEMA s;
CREATE TABLE s.t (a INTEGER, b VARCHAR(20), c TIMESTAMP);
CREATE TABLE s.u (a INTEGER, b VARCHAR(20));
-- DG/r_UPDATE, r_DELETE: both may have a WITH
WITH x AS (SELECT a FROM s.u) UPDATE s.t SET a = 1 WHERE a IN (SELECT a FROM x);
WITH x AS (SELECT a FROM s.u) DELETE FROM s.t WHERE a IN (SELECT a FROM x);
WITH updated AS (SELECT a AS update FROM s.u) SELECT * FROM updated;
DELETE s.t WHERE a = 1;
DELETE FROM s.t USING s.u WHERE s.t.a = s.u.a;
UPDATE s.t SET b = u.b FROM s.u u WHERE u.a = s.t.a;
MERGE INTO s.t USING s.u AS src ON s.t.a = src.a WHEN MATCHED THEN UPDATE SET b = src.b WHEN NOT MATCHED THEN INSERT (a, b) VALUES (src.a, src.b);
-- DG/r_WITH_clause
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n;
-- DG/r_SELECT_list, r_UNION
SELECT TOP 3 a, b FROM s.t ORDER BY a;
SELECT a FROM s.t MINUS SELECT a FROM s.u;
SELECT a FROM s.t EXCEPT SELECT a FROM s.u;
SELECT a INTO s.made FROM s.t;
-- DG/r_SELECT_list: an alias is known in the rest of the list and in WHERE, unless there is a column of that name
SELECT a + 1 AS n, n * 2 AS m FROM s.t WHERE m > 2;
SELECT relname AS table_name, table_name || '!' AS loud FROM pg_class WHERE table_name = 't';
-- DG/r_EXCLUDE_list
SELECT * EXCLUDE b FROM s.t;
SELECT * EXCLUDE (b, c) FROM s.t ORDER BY a LIMIT 1;
CREATE VIEW s.without AS SELECT * EXCLUDE (c) FROM s.t;
-- DG/r_QUALIFY_clause
SELECT a, b FROM s.t x QUALIFY row_number() OVER (PARTITION BY b ORDER BY a) <= 2;
SELECT b, sum(a) AS total FROM s.t WHERE a > 0 GROUP BY b HAVING sum(a) > 0 QUALIFY rank() OVER (ORDER BY total DESC) = 1 ORDER BY b;
CREATE TABLE s.best AS SELECT a FROM s.t AS x QUALIFY row_number() OVER (ORDER BY a) = 1;
INSERT INTO s.best SELECT a FROM s.t AS x QUALIFY row_number() OVER (ORDER BY a) = 2;
-- DG/r_WF_first_value, r_WF_NTH, r_WF_LAG, r_WF_LEAD
SELECT first_value(b) IGNORE NULLS OVER (PARTITION BY c ORDER BY a ROWS UNBOUNDED PRECEDING), last_value(b IGNORE NULLS) OVER (ORDER BY a ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) FROM s.t;
SELECT nth_value(b, 2) IGNORE NULLS OVER (ORDER BY a ROWS UNBOUNDED PRECEDING), lag(b) IGNORE NULLS OVER (ORDER BY a), lead(b, 2) RESPECT NULLS OVER (ORDER BY a) FROM s.t;
-- usage of AWS's drivers
SELECT x FROM (SELECT 1 AS x);
SELECT count(*) FROM (SELECT a FROM s.t), (SELECT a FROM s.u);
-- DG/r_LISTAGG, r_ANY_VALUE
SELECT LISTAGG(b, ', ') WITHIN GROUP (ORDER BY a) FROM s.t;
SELECT LISTAGG(DISTINCT b) FROM s.t;
SELECT ANY_VALUE(b) FROM s.t;
SELECT MEDIAN(a) FROM s.t;
-- DG/Date_functions_header
SELECT dateadd(day, 1, c), datediff(week, c, getdate()), date_part(year, c) FROM s.t;
SELECT DATEADD(month, -1, '2020-01-31'), DATEDIFF('qtr', '2019-01-01', '2020-01-01');
SELECT last_day(c), add_months(c, 2), convert_timezone('UTC', 'America/New_York', c), months_between(c, c) FROM s.t;
SELECT extract(epoch FROM c), date_trunc('month', c), trunc(c), to_date('2020-01-01', 'YYYY-MM-DD') FROM s.t;
-- DG/String_functions_header and its siblings
SELECT charindex('b', 'abc'), nvl(a, 1), nvl2(a, 1, 2), decode(a, 1, 'one', 2, 'two', 'more'), isnull(a, 0) FROM s.t;
SELECT regexp_replace(b, 'x'), replicate('ab', 2), strtol('ff', 16), is_valid_json('{}'), sha1('x'), func_sha1('x'), from_hex('6162') FROM s.t;
SELECT json_extract_path_text('{"a":{"b":1}}', 'a', 'b'), json_extract_array_element_text('[1,2]', 1), json_array_length('[1,2]'), is_valid_json_array('[]');
SELECT bpcharcmp('a', 'b'), dexp(1), dlog1(1), btrim(b), regexp_substr(b, '[a-z]+'), regexp_count(b, 'a'), regexp_instr(b, 'a') FROM s.t;
SELECT 'a' + b FROM s.t;
SELECT concat(a::varchar, b), strpos(b, 'a'), left(b, 2), initcap(b), greatest(a, 1), crc32('x') FROM s.t;
-- DG/c_SQL_functions_leader_node_only: these answer on the leader
SELECT generate_series(1, 3);
SELECT ARRAY[1::smallint];
SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE relname = 't';
SELECT col_description(c.oid, 1) FROM pg_class c;
SELECT array_to_string(ARRAY['a', 'b'], ',');
SELECT version(), current_schema(), has_schema_privilege('s', 'usage');
-- DG/r_CURRENT_SETTING, r_SET_CONFIG
SELECT current_setting('query_group');
SELECT set_config('query_group', 'x', FALSE);
SET query_group TO 'y';
SHOW query_group;
RESET query_group;
SET wlm_query_slot_count TO 3;
SET json_serialization_enable TO true;
SET statement_timeout TO 10000;
SET search_path TO public;
SET timezone TO 'UTC';
SET datestyle TO 'ISO, MDY';
SET extra_float_digits TO 0;
SET analyze_threshold_percent TO 15;
SET enable_result_cache_for_session TO off;
SET readonly TO false;
SHOW search_path;
SHOW TRANSACTION ISOLATION LEVEL;
SHOW ALL;
SELECT current_user_id;
-- DG/r_CANCEL, r_USE, r_LOCK, r_EXPLAIN
LOCK s.t;
EXPLAIN SELECT a FROM s.t;
EXPLAIN VERBOSE SELECT a FROM s.t;
BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE READ WRITE;
DECLARE cur CURSOR FOR SELECT a FROM s.t;
FETCH FORWARD 3 FROM cur;
CLOSE cur;
COMMIT WORK;
START TRANSACTION;
ABORT;
PREPARE q (INTEGER) AS SELECT a FROM s.t WHERE a = $1;
EXECUTE q (1);
DEALLOCATE q;
