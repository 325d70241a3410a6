-- What a table has on Redshift and not on PostgreSQL: keys that nobody enforces, and lengths in bytes.

-- A key is a check that always holds and says what it is: `a IS NULL OR a IS NOT NULL OR 'rdsdb:p' = ''`, for a foreign key
-- 'rdsdb:f:s.t(a, b)'. https://docs.aws.amazon.com/redshift/latest/dg/t_Defining_constraints.html
CREATE FUNCTION pg_catalog.rdsdb_key(id oid) RETURNS text STABLE LANGUAGE sql AS
$$ SELECT substring(pg_get_constraintdef($1) from '''rdsdb:([puf].*?)''::text') $$;

CREATE VIEW pg_catalog.rdsdb_constraint AS
SELECT c.oid, c.conname, c.connamespace, coalesce(left(k.key, 1)::"char", c.contype) AS contype, c.condeferrable, c.condeferred,
    c.conrelid, c.contypid,
    CASE WHEN k.key LIKE 'f:%' THEN coalesce(to_regclass(substring(k.key from '^f:([^(]*)'))::oid, 0::oid) ELSE c.confrelid END AS confrelid,
    c.confupdtype, c.confdeltype, c.confmatchtype, c.conkey,
    CASE WHEN k.key LIKE 'f:%' THEN (SELECT array_agg(a.attnum) FROM pg_attribute a
        WHERE a.attrelid = to_regclass(substring(k.key from '^f:([^(]*)'))
            AND a.attname = ANY (string_to_array(replace(substring(k.key from '\\((.*)\\)'), ' ', ''), ','))) ELSE c.confkey END AS confkey,
    c.conbin, pg_get_expr(c.conbin, c.conrelid) AS consrc
FROM pg_constraint c CROSS JOIN LATERAL (SELECT CASE c.contype WHEN 'c' THEN pg_catalog.rdsdb_key(c.oid) END AS key) k
WHERE c.conname NOT LIKE 'rdsdb:%' AND c.connamespace <> 'pg_catalog'::regnamespace;

-- What it says of a constraint: of a key, what was declared.
CREATE FUNCTION pg_catalog.rdsdb_constraintdef(oid) RETURNS text STABLE STRICT LANGUAGE internal AS 'pg_get_constraintdef';
CREATE FUNCTION pg_catalog.rdsdb_key_columns(relation oid, numbers smallint[]) RETURNS text STABLE LANGUAGE sql AS $$
SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY n.at)
FROM unnest(numbers) WITH ORDINALITY n (number, at) JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = n.number $$;
CREATE OR REPLACE VIEW information_schema.table_constraints AS
SELECT current_database()::information_schema.sql_identifier AS constraint_catalog, n.nspname::information_schema.sql_identifier AS constraint_schema,
    c.conname::information_schema.sql_identifier AS constraint_name, current_database()::information_schema.sql_identifier AS table_catalog,
    n.nspname::information_schema.sql_identifier AS table_schema, r.relname::information_schema.sql_identifier AS table_name,
    (CASE c.contype WHEN 'p' THEN 'PRIMARY KEY' WHEN 'u' THEN 'UNIQUE' ELSE 'FOREIGN KEY' END)::information_schema.character_data AS constraint_type,
    'NO'::information_schema.yes_or_no AS is_deferrable, 'NO'::information_schema.yes_or_no AS initially_deferred,
    'NO'::information_schema.yes_or_no AS enforced, NULL::information_schema.yes_or_no AS nulls_distinct
FROM pg_catalog.rdsdb_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_namespace n ON n.oid = r.relnamespace
WHERE c.contype IN ('p', 'u', 'f')
    AND has_table_privilege(r.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');

-- VARCHAR(n) counts bytes. https://docs.aws.amazon.com/redshift/latest/dg/r_Character_types.html
CREATE FUNCTION pg_catalog.rdsdb_too_long(longest integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = '22001', MESSAGE = format('value too long for type character varying(%s)', longest);
END $$;
CREATE FUNCTION pg_catalog.rdsdb_fits(value text, longest integer) RETURNS boolean LANGUAGE sql AS
$$ SELECT CASE WHEN octet_length(value) > longest THEN pg_catalog.rdsdb_too_long(longest) ELSE true END $$;

CREATE FUNCTION pg_catalog.rdsdb_count_bytes() RETURNS event_trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
DECLARE
    made record;
    actions text;
BEGIN
    IF coalesce(current_setting('rdsdb.counting', true), '') = 'on' THEN
        RETURN;
    END IF;
    PERFORM set_config('rdsdb.counting', 'on', true);
    FOR made IN SELECT DISTINCT objid FROM pg_event_trigger_ddl_commands() WHERE classid = 'pg_class'::regclass AND object_type = 'table' LOOP
        -- All columns at once: each ALTER TABLE is another round of what happens whenever a table is altered.
        SELECT string_agg(CASE WHEN former IS NULL THEN '' ELSE format('DROP CONSTRAINT %I, ', former) END
            || format('ADD CONSTRAINT %I CHECK (pg_catalog.rdsdb_fits(%I, %s))', wanted, attname, longest), ', ') INTO actions
        FROM (
            SELECT a.attname, a.atttypmod - 4 AS longest, format('rdsdb:bytes:%s:%s', a.attnum, a.atttypmod - 4) AS wanted, c.conname AS former
            FROM pg_attribute a LEFT JOIN pg_constraint c ON c.conrelid = a.attrelid AND c.conname LIKE format('rdsdb:bytes:%s:%%', a.attnum)
            WHERE a.attrelid = made.objid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'varchar'::regtype AND a.atttypmod > 4) counted
        WHERE former IS DISTINCT FROM wanted;
        IF actions IS NOT NULL THEN
            EXECUTE format('ALTER TABLE %s %s', made.objid::regclass, actions);
        END IF;
    END LOOP;
    PERFORM set_config('rdsdb.counting', '', true);
END $$;

GRANT SELECT ON pg_catalog.rdsdb_constraint TO PUBLIC;
