-- PostgreSQL 8.0's catalogues, as Redshift has them. The relay puts these views in the place of PostgreSQL 15's catalogues:
-- columns that are gone since then, Redshift's own columns, system objects that belong to user 1, and lists of privileges as
-- Redshift writes them. https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG.html

-- `rdsdb` is user 1, and so are the owners of system objects. https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_DATABASE.html
CREATE FUNCTION pg_catalog.rdsdb_user(id oid) RETURNS oid IMMUTABLE LANGUAGE sql AS
$$ SELECT CASE WHEN $1 IN (10, 6171) THEN 1::oid ELSE $1 END $$;
CREATE FUNCTION pg_catalog.rdsdb_userbyid(oid) RETURNS name STABLE STRICT LANGUAGE internal AS 'pg_get_userbyid';
-- Not STRICT: then it would not be inlined, and whatever isn't inlined is PostgreSQL's own.
CREATE OR REPLACE FUNCTION pg_catalog.pg_get_userbyid(oid) RETURNS name STABLE LANGUAGE sql AS
$$ SELECT CASE WHEN $1 = 1 THEN 'rdsdb'::name ELSE pg_catalog.rdsdb_userbyid($1) END $$;

-- Whether a list of privileges names a group.
CREATE FUNCTION pg_catalog.rdsdb_is_group(shown text) RETURNS boolean STABLE LANGUAGE sql AS $$
SELECT EXISTS (SELECT FROM pg_catalog.rdsdb_identities i WHERE i.name = replace(trim('"' from $1), '""', '"') AND i.kind = 'group') $$;

-- A list of privileges: a group has the word before it, and `D` is DROP, which is kept as PostgreSQL's TRIGGER. What
-- TRUNCATE and ALTER are called is not documented: `t` and `A` are ours, so that nobody's grant is left out. Scoped permissions
-- are none of an object's.
-- How a role is written isn't documented either. Here it is its name, as a user's: no user may have the same.
-- https://docs.aws.amazon.com/redshift/latest/dg/r_CREATE_ROLE.html
-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_DEFAULT_ACL.html
CREATE FUNCTION pg_catalog.rdsdb_acl(items aclitem[]) RETURNS text[] STABLE STRICT LANGUAGE plpgsql AS $$
DECLARE
    shown text[];
    item text;
    part text[];
    letters text;
BEGIN
    -- Letters are moved and exchanged in the text: a query would be planned for each that shows such a list.
    FOREACH item IN ARRAY items::text[] LOOP
        -- Whom; what, in the order in which PostgreSQL writes it; by whom.
        part := regexp_match(item, '^("(?:[^"]|"")*"|[^"=]*)=([arwd*]*)(D[*]?)?(x[*]?)?(t[*]?)?([XUCT*]*)(c[*]?)?(s[*]?)?(A[*]?)?/(.*)$');
        letters := translate(concat(part[2], part[5], part[4], part[6], part[3], part[9]), 'tD', 'Dt');
        CONTINUE WHEN letters = '' OR part[1] LIKE '"scope:%';
        IF part[1] <> '' AND pg_catalog.rdsdb_is_group(part[1]) THEN
            part[1] := 'group ' || part[1];
        END IF;
        shown := shown || replace(concat(part[1], '=', letters, '/', part[10]), 'pg_database_owner', 'rdsdb');
    END LOOP;
    RETURN shown;
END $$;

CREATE VIEW pg_catalog.rdsdb_class AS
SELECT oid, tableoid, ctid, xmin, relname, relnamespace, reltype, pg_catalog.rdsdb_user(relowner) AS relowner, relam, relfilenode,
    reltablespace, relpages, reltuples, reltoastrelid, relhasindex, relisshared, CASE relkind WHEN 'm' THEN 'v' ELSE relkind END AS relkind,
    relnatts, relchecks, 0::smallint AS reltriggers, 0::smallint AS relukeys, 0::smallint AS relfkeys, 0::smallint AS relrefs,
    false AS relhasoids, false AS relhaspkey, relhasrules, relhassubclass, pg_catalog.rdsdb_acl(relacl) AS relacl,
    0::smallint AS releffectivediststyle, 0::smallint AS reldiststyle
FROM pg_class WHERE relkind <> 'f';
-- With metadata security, an ordinary user sees what is its own or it holds a grant on.
-- https://docs.aws.amazon.com/redshift/latest/dg/t_metadata_security.html
CREATE VIEW pg_catalog.rdsdb_own_class AS SELECT * FROM pg_catalog.rdsdb_class
WHERE has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
    OR pg_catalog.rdsdb_holds('ACCESS CATALOG');

CREATE VIEW pg_catalog.rdsdb_namespace AS
SELECT oid, tableoid, nspname, pg_catalog.rdsdb_user(nspowner) AS nspowner, pg_catalog.rdsdb_acl(nspacl) AS nspacl
FROM pg_namespace WHERE nspname NOT LIKE 'rdsdb:%';
CREATE VIEW pg_catalog.rdsdb_own_namespace AS SELECT * FROM pg_catalog.rdsdb_namespace
WHERE has_schema_privilege(oid, 'USAGE, CREATE') OR pg_catalog.rdsdb_holds('ACCESS CATALOG');

CREATE VIEW pg_catalog.rdsdb_proc AS
SELECT oid, tableoid, proname, pronamespace, pg_catalog.rdsdb_user(proowner) AS proowner, prolang, prokind = 'a' AS proisagg,
    prosecdef, proisstrict, proretset, provolatile, pronargs, prorettype, proargtypes, proargnames, proargmodes, proallargtypes,
    pg_catalog.rdsdb_body(prosrc) AS prosrc, probin, pg_catalog.rdsdb_acl(proacl) AS proacl, prokind, proconfig
FROM pg_proc;
CREATE VIEW pg_catalog.rdsdb_own_proc AS SELECT * FROM pg_catalog.rdsdb_proc
WHERE has_function_privilege(oid, 'EXECUTE') OR pg_catalog.rdsdb_holds('ACCESS CATALOG');

-- Databases that are listed and can't be entered; the stand-in is told of them when it starts.
CREATE FUNCTION pg_catalog.rdsdb_foreign_databases() RETURNS TABLE (oid oid, datname name) STABLE LANGUAGE sql AS $$
SELECT (4000000000 + at)::oid, name::name
FROM unnest(string_to_array(nullif(current_setting('redshift.foreign_databases', true), ''), ',')) WITH ORDINALITY d (name, at) $$;
CREATE VIEW pg_catalog.rdsdb_database AS
SELECT oid, tableoid, datname, pg_catalog.rdsdb_user(datdba) AS datdba, encoding, datistemplate, datallowconn,
    datfrozenxid, dattablespace, NULL::text[] AS datconfig, pg_catalog.rdsdb_acl(datacl) AS datacl, datconnlimit
FROM pg_database
UNION ALL
-- Of the very same types, so that columns nobody asks for aren't computed.
SELECT oid, 'pg_database'::regclass::oid, datname, 1::oid, 6, false, true, '3'::xid, 1663::oid, NULL::text[], NULL::text[], -1
FROM pg_catalog.rdsdb_foreign_databases();

CREATE VIEW pg_catalog.rdsdb_attribute AS
SELECT attrelid, attname, atttypid, attstattarget, attlen, attnum, attndims, attcacheoff, atttypmod, attbyval, attstorage, attalign,
    attnotnull, atthasdef, attisdropped, attislocal, attinhcount, attidentity, attgenerated, attacl,
    false AS attisdistkey, 0 AS attsortkeyord, 0 AS attencodingtype, false AS attispreloaded
FROM pg_attribute;
-- What an encoding is called. It isn't kept.
CREATE FUNCTION pg_catalog.format_encoding(integer) RETURNS text IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT 'none'::text $$;

CREATE VIEW pg_catalog.rdsdb_attrdef AS SELECT oid, adrelid, adnum, adbin, pg_get_expr(adbin, adrelid) AS adsrc FROM pg_attrdef;

CREATE VIEW pg_catalog.rdsdb_tablespace AS
SELECT oid, spcname, pg_catalog.rdsdb_user(spcowner) AS spcowner, ''::text AS spclocation, spcacl FROM pg_tablespace;

CREATE VIEW pg_catalog.rdsdb_stat_activity AS
SELECT *, pid AS procpid, query AS current_query FROM pg_stat_activity WHERE usename IS DISTINCT FROM 'rdsdb';

CREATE VIEW pg_catalog.rdsdb_locks AS
SELECT relation, database, transactionid AS transaction, pid, mode, granted FROM pg_locks WHERE locktype IN ('relation', 'transactionid');

-- https://docs.aws.amazon.com/redshift/latest/dg/r_PG_DEFAULT_ACL.html: ordinary users see their own rows.
CREATE VIEW pg_catalog.rdsdb_default_acl AS
SELECT pg_catalog.rdsdb_user(defaclrole) AS defacluser, defaclnamespace, defaclobjtype, pg_catalog.rdsdb_acl(defaclacl) AS defaclacl, oid
FROM pg_default_acl
WHERE pg_catalog.rdsdb_superuser() OR defaclrole = to_regrole(quote_ident(current_user));

-- https://docs.aws.amazon.com/redshift/latest/dg/c_join_PG.html: `pg_user` has no column for replication.
CREATE OR REPLACE VIEW pg_catalog.pg_user AS
SELECT rolname AS usename, pg_catalog.rdsdb_user(oid) AS usesysid, rolcreatedb AS usecreatedb, rolsuper AS usesuper, false AS userepl,
    false AS usebypassrls, '********'::text AS passwd, rolvaliduntil AS valuntil,
    (SELECT setconfig FROM pg_db_role_setting WHERE setrole = a.oid AND setdatabase = 0) AS useconfig, rolsuper AS usecatupd
FROM pg_authid a WHERE rolcanlogin;
-- https://docs.aws.amazon.com/redshift/latest/dg/pg_user_info.html: superusers see it.
CREATE VIEW pg_catalog.pg_user_info AS
SELECT usename, usesysid, usecreatedb, usesuper, usecatupd, passwd, valuntil::timestamp AS valuntil, useconfig,
    CASE r.rolconnlimit WHEN -1 THEN 'UNLIMITED' ELSE r.rolconnlimit::text END AS useconnlimit,
    'RESTRICTED'::text AS syslogaccess, 0 AS sessiontimeout, NULL::text AS last_ddl_ts, NULL::text AS externalid
FROM pg_user u JOIN pg_roles r ON r.rolname = u.usename
WHERE pg_catalog.rdsdb_superuser();
-- https://docs.aws.amazon.com/redshift/latest/dg/r_SVL_USER_INFO.html
CREATE VIEW pg_catalog.svl_user_info AS
SELECT usename, usesysid, usecreatedb, usesuper, usecatupd, useconnlimit, syslogaccess, last_ddl_ts, sessiontimeout, externalid
FROM pg_catalog.pg_user_info;

GRANT SELECT ON pg_catalog.rdsdb_class, pg_catalog.rdsdb_own_class, pg_catalog.rdsdb_namespace, pg_catalog.rdsdb_own_namespace,
    pg_catalog.rdsdb_proc, pg_catalog.rdsdb_own_proc, pg_catalog.rdsdb_database, pg_catalog.rdsdb_attribute, pg_catalog.rdsdb_attrdef,
    pg_catalog.rdsdb_tablespace, pg_catalog.rdsdb_stat_activity, pg_catalog.rdsdb_locks, pg_catalog.rdsdb_default_acl, pg_catalog.pg_user_info,
    pg_catalog.svl_user_info TO PUBLIC;
