-- What goes on: STL, STV, SVL, SVV and SYS views. Each page: …/redshift/latest/dg/ and the name behind it. Sessions, what they
-- run or ran last, and locks are those of the server; what is over and what Redshift alone has shows no rows. Superusers see all
-- rows, others their own. https://docs.aws.amazon.com/redshift/latest/dg/cm_chap_system-tables.html

-- The sessions that the reader sees.
CREATE VIEW pg_catalog.rdsdb_activity AS
SELECT pg_catalog.rdsdb_user(usesysid)::integer AS userid, usename::text AS user_name, datname::text AS db_name, pid, application_name,
    backend_start::timestamp AS session_start, xact_start::timestamp AS transaction_start, query_start::timestamp AS query_start,
    CASE WHEN state = 'idle' THEN state_change::timestamp END AS query_end, state = 'active' AS is_running, query,
    coalesce(backend_xid, '0')::text::bigint AS xid, (extract(epoch FROM query_start) * 1000)::bigint % 1000000000 AS query_id
FROM pg_stat_activity
WHERE datname IS NOT NULL AND usename <> 'rdsdb'
    AND (usename = current_user OR pg_catalog.rdsdb_holds('ACCESS SYSTEM TABLE'));

-- r_STL_SESSIONS, SYS_SESSION_HISTORY, r_STL_CONNECTION_LOG, SYS_CONNECTION_LOG: those that are open.
CREATE VIEW pg_catalog.stl_sessions AS
SELECT userid, session_start AS starttime, NULL::timestamp AS endtime, pid AS process, user_name::char(50), db_name::char(50), 0 AS timeout_sec,
    0 AS timed_out
FROM pg_catalog.rdsdb_activity;
CREATE VIEW pg_catalog.sys_session_history AS
SELECT userid::char(50) AS user_id, pid AS session_id, db_name::char(50) AS database_name, 'active'::char(50) AS status, 0 AS session_timeout,
    session_start AS start_time, NULL::timestamp AS end_time
FROM pg_catalog.rdsdb_activity;
CREATE VIEW pg_catalog.stl_connection_log AS
SELECT 'authenticated'::char(50) AS event, session_start AS recordtime, '127.0.0.1'::char(45) AS remotehost, ''::char(32) AS remoteport, pid,
    db_name::char(50) AS dbname, user_name::char(50) AS username, 'password'::char(32) AS authmethod, 0 AS duration, ''::char(50) AS sslversion,
    ''::char(128) AS sslcipher, 0 AS mtu, ''::char(64) AS sslcompression, ''::char(64) AS sslexpansion, ''::char(36) AS iamauthguid,
    application_name::char(250), ''::char(64) AS os_version, ''::char(64) AS driver_version, ''::char(32) AS plugin_name,
    0 AS protocol_version, ''::char(36) AS sessionid, ''::char(8) AS compression
FROM pg_catalog.rdsdb_activity;
CREATE VIEW pg_catalog.sys_connection_log AS
SELECT event, recordtime AS record_time, remotehost AS remote_host, remoteport AS remote_port, pid::char(36) AS session_id, dbname AS database_name,
    username AS user_name, authmethod AS auth_method, duration, sslversion AS ssl_version, sslcipher AS ssl_cipher, mtu,
    sslcompression AS ssl_compression, sslexpansion AS ssl_expansion, iamauthguid AS iam_auth_guid, application_name, driver_version, os_version,
    plugin_name
FROM pg_catalog.stl_connection_log;

-- r_STV_RECENTS, r_STV_INFLIGHT, r_STL_QUERY, r_STL_QUERYTEXT, r_SVL_QLOG, r_SVL_STATEMENTTEXT, SYS_QUERY_HISTORY: the last
-- statement of each session.
CREATE VIEW pg_catalog.stv_recents AS
SELECT userid, CASE WHEN is_running THEN 'Running' ELSE 'Done' END::char(20) AS status, query_start AS starttime,
    (extract(epoch FROM coalesce(query_end, clock_timestamp()::timestamp) - query_start) * 1000000)::bigint::integer AS duration,
    user_name::char(50), db_name::char(50), query::char(600), CASE WHEN is_running THEN pid ELSE -1 END AS pid
FROM pg_catalog.rdsdb_activity WHERE query <> '';
CREATE VIEW pg_catalog.stv_inflight AS
SELECT userid, 0 AS slice, query_id::integer AS query, 'default'::char(320) AS label, xid, pid, query_start AS starttime, query::char(100) AS text,
    0 AS suspended, 0 AS insert_pristine, 0 AS concurrency_scaling_status
FROM pg_catalog.rdsdb_activity WHERE is_running;
CREATE VIEW pg_catalog.stl_query AS
SELECT userid, query_id::integer AS query, 'default'::char(320) AS label, xid, pid, db_name::char(32) AS database, query::char(4000) AS querytxt,
    query_start AS starttime, query_end AS endtime, 0 AS aborted, 0 AS insert_pristine, 0 AS concurrency_scaling_status
FROM pg_catalog.rdsdb_activity WHERE query <> '' AND NOT is_running;
CREATE VIEW pg_catalog.stl_querytext AS
SELECT userid, xid, pid, query, 0 AS sequence, querytxt::char(200) AS text FROM pg_catalog.stl_query;
CREATE VIEW pg_catalog.svl_qlog AS
SELECT userid, query, xid, pid, starttime, endtime, (extract(epoch FROM endtime - starttime) * 1000000)::bigint AS elapsed, aborted, label,
    querytxt::char(60) AS substring, NULL::integer AS source_query, ''::text AS concurrency_scaling_status_txt, 0 AS from_sp_call
FROM pg_catalog.stl_query;
CREATE VIEW pg_catalog.svl_statementtext AS
SELECT userid, xid, pid, label, starttime, endtime, 0 AS sequence, 'QUERY'::varchar(10) AS type, querytxt::char(200) AS text FROM pg_catalog.stl_query;
CREATE VIEW pg_catalog.sys_query_history AS
SELECT userid AS user_id, query_id, 'default'::char(320) AS query_label, xid AS transaction_id, pid AS session_id, db_name::char(128) AS database_name,
    'SELECT'::char(32) AS query_type, CASE WHEN is_running THEN 'running' ELSE 'success' END::char(10) AS status, false AS result_cache_hit,
    query_start AS start_time, query_end AS end_time,
    (extract(epoch FROM coalesce(query_end, clock_timestamp()::timestamp) - query_start) * 1000000)::bigint AS elapsed_time, 0::bigint AS queue_time,
    0::bigint AS execution_time, ''::char(512) AS error_message, 0::bigint AS returned_rows, 0::bigint AS returned_bytes, query::char(4000) AS query_text,
    '1.0.122103'::char(256) AS redshift_version, NULL::char(150) AS usage_limit, 'primary'::varchar(30) AS compute_type, 0::bigint AS compile_time,
    0::bigint AS planning_time, 0::bigint AS lock_wait_time, 0 AS service_class_id, ''::char(64) AS service_class_name, ''::char(20) AS query_priority,
    'false'::varchar(10) AS short_query_accelerated, ''::varchar(40) AS user_query_hash, ''::varchar(40) AS generic_query_hash,
    0 AS query_hash_version, NULL::bigint AS result_cache_query_id
FROM pg_catalog.rdsdb_activity WHERE query <> '';

-- r_SVV_TRANSACTIONS, r_STV_LOCKS
CREATE VIEW pg_catalog.svv_transactions AS
SELECT a.user_name AS txn_owner, a.db_name AS txn_db, a.xid, a.pid, a.transaction_start AS txn_start, l.mode AS lock_mode,
    CASE l.locktype WHEN 'relation' THEN 'relation' ELSE 'transactionid' END::text AS lockable_object_type, l.relation::integer, l.granted
FROM pg_catalog.rdsdb_activity a JOIN pg_locks l ON l.pid = a.pid
WHERE l.locktype IN ('relation', 'transactionid');
CREATE VIEW pg_catalog.stv_locks AS
SELECT relation AS table_id, txn_start AS last_update, txn_start AS last_commit, xid AS lock_owner, pid::bigint AS lock_owner_pid,
    txn_start AS lock_owner_start_ts, NULL::timestamp AS lock_owner_end_ts,
    CASE WHEN granted THEN 'Holding write lock' ELSE 'Waiting for write lock' END::char(22) AS lock_status
FROM pg_catalog.svv_transactions WHERE lockable_object_type = 'relation' AND lock_mode IN ('ExclusiveLock', 'AccessExclusiveLock');

-- r_STL_DDLTEXT, r_STL_UTILITYTEXT, r_STL_USERLOG, SYS_USERLOG, r_STL_ERROR, r_STL_LOAD_ERRORS: nothing is kept of what is over.
CREATE VIEW pg_catalog.stl_ddltext AS
SELECT userid, xid, pid, label, starttime, endtime, 0 AS sequence, querytxt::char(200) AS text FROM pg_catalog.stl_query WHERE false;
CREATE VIEW pg_catalog.stl_utilitytext AS SELECT * FROM pg_catalog.stl_ddltext;
CREATE VIEW pg_catalog.stl_userlog AS
SELECT 0 AS userid, ''::char(50) AS username, ''::char(50) AS oldusername, ''::char(10) AS action, 0 AS usecreatedb, 0 AS usesuper, 0 AS usecatupd,
    NULL::timestamp AS valuntil, 0 AS pid, 0::bigint AS xid, NULL::timestamp AS recordtime WHERE false;
CREATE VIEW pg_catalog.sys_userlog AS
SELECT userid AS user_id, username AS user_name, oldusername AS original_user_name, action, usecreatedb AS has_create_db_privs,
    usesuper AS is_superuser, usecatupd AS has_update_catalog_privs, valuntil AS password_expiration, pid AS session_id, xid AS transaction_id,
    recordtime AS record_time
FROM pg_catalog.stl_userlog;
CREATE VIEW pg_catalog.stl_error AS
SELECT 0 AS userid, ''::char(12) AS process, NULL::timestamp AS recordtime, 0 AS pid, 0 AS errcode, ''::char(90) AS file, 0 AS linenum,
    ''::char(100) AS context, ''::char(512) AS error WHERE false;
CREATE VIEW pg_catalog.stl_load_errors AS
SELECT 0 AS userid, 0 AS slice, 0 AS tbl, NULL::timestamp AS starttime, 0 AS session, 0 AS query, ''::char(256) AS filename, 0::bigint AS line_number,
    ''::char(127) AS colname, ''::char(10) AS type, ''::char(10) AS col_length, 0 AS position, ''::char(1024) AS raw_line,
    ''::char(1024) AS raw_field_value, 0 AS err_code, ''::char(100) AS err_reason, 0 AS is_partial, 0::bigint AS start_offset,
    ''::char(18) AS copy_job_id WHERE false;

-- r_SVV_DATASHARE_PRIVILEGES: there are no datashares here.
CREATE VIEW pg_catalog.svv_datashare_privileges AS
SELECT ''::text AS datashare_name, ''::text AS privilege_type, 0 AS identity_id, ''::text AS identity_name, ''::text AS identity_type,
    false AS admin_option WHERE false;

GRANT SELECT ON pg_catalog.rdsdb_activity, pg_catalog.stl_sessions, pg_catalog.sys_session_history, pg_catalog.stl_connection_log,
    pg_catalog.sys_connection_log, pg_catalog.stv_recents, pg_catalog.stv_inflight, pg_catalog.stl_query, pg_catalog.stl_querytext,
    pg_catalog.svl_qlog, pg_catalog.svl_statementtext, pg_catalog.sys_query_history, pg_catalog.svv_transactions, pg_catalog.stv_locks,
    pg_catalog.stl_ddltext, pg_catalog.stl_utilitytext, pg_catalog.stl_userlog, pg_catalog.sys_userlog, pg_catalog.stl_error,
    pg_catalog.stl_load_errors, pg_catalog.svv_datashare_privileges TO PUBLIC;
