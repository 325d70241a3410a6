-- Functions that only Redshift has, or that mean something else there. Each page: …/redshift/latest/dg/ and the name behind it.

-- r_CHARINDEX
CREATE FUNCTION pg_catalog.charindex(text, text) RETURNS integer IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT strpos($2, $1) $$;
-- r_REPLICATE
CREATE FUNCTION pg_catalog.replicate(text, integer) RETURNS text IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT repeat($1, $2) $$;
-- STRTOL: the base is 2 to 36; only those that have a digit for each bit are needed here.
CREATE FUNCTION pg_catalog.strtol(digits text, base integer) RETURNS bigint IMMUTABLE STRICT LANGUAGE plpgsql AS $$
DECLARE
    result bigint := 0;
    digit integer;
BEGIN
    FOR at IN 1 .. length(digits) LOOP
        digit := strpos('0123456789abcdefghijklmnopqrstuvwxyz', lower(substr(digits, at, 1))) - 1;
        IF digit < 0 OR digit >= base THEN
            RAISE EXCEPTION USING ERRCODE = '22023',
                MESSAGE = format('The input %s is not valid to be converted to base %s', digits, base);
        END IF;
        result := result * base + digit;
    END LOOP;
    RETURN result;
END $$;
-- r_SHA1, FUNC_SHA1, r_CRC32
CREATE FUNCTION pg_catalog.rdsdb_digest(text, text) RETURNS bytea IMMUTABLE STRICT LANGUAGE c AS '$libdir/pgcrypto', 'pg_digest';
CREATE FUNCTION pg_catalog.sha1(text) RETURNS varchar IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT encode(pg_catalog.rdsdb_digest($1, 'sha1'), 'hex')::varchar $$;
CREATE FUNCTION pg_catalog.func_sha1(text) RETURNS varchar IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT pg_catalog.sha1($1) $$;
CREATE FUNCTION pg_catalog.sha(text) RETURNS varchar IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT pg_catalog.sha1($1) $$;
-- r_FROM_HEX, r_TO_HEX
CREATE FUNCTION pg_catalog.from_hex(text) RETURNS bytea IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT decode($1, 'hex') $$;
-- r_TRUNC
CREATE FUNCTION pg_catalog.trunc(timestamp) RETURNS date IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1::date $$;
-- r_BPCHARCMP and its siblings
CREATE FUNCTION pg_catalog.bpcharcmp(text, text) RETURNS integer IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT CASE WHEN rtrim($1) < rtrim($2) THEN -1 WHEN rtrim($1) > rtrim($2) THEN 1 ELSE 0 END $$;
-- r_CRC32
CREATE FUNCTION pg_catalog.crc32(value text) RETURNS bigint IMMUTABLE STRICT LANGUAGE plpgsql AS $$
DECLARE
    crc bigint := 4294967295;
    bytes bytea := convert_to(value, 'UTF8');
BEGIN
    FOR at IN 0 .. length(bytes) - 1 LOOP
        crc := crc # get_byte(bytes, at);
        FOR bit IN 1 .. 8 LOOP
            crc := CASE WHEN crc & 1 = 1 THEN (crc >> 1) # 3988292384 ELSE crc >> 1 END;
        END LOOP;
    END LOOP;
    RETURN crc # 4294967295;
END $$;
-- JSON_EXTRACT_PATH_TEXT: PostgreSQL's takes json, and the members are found in a text here.
CREATE FUNCTION pg_catalog.json_extract_path_text(text, VARIADIC text[]) RETURNS varchar IMMUTABLE LANGUAGE sql AS
$$ SELECT ($1::jsonb #>> $2)::varchar $$;
-- JSON_EXTRACT_ARRAY_ELEMENT_TEXT, JSON_ARRAY_LENGTH
CREATE FUNCTION pg_catalog.json_extract_array_element_text(text, integer) RETURNS varchar IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT ($1::jsonb ->> $2)::varchar $$;
CREATE FUNCTION pg_catalog.json_array_length(text) RETURNS integer IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT jsonb_array_length($1::jsonb) $$;
-- IS_VALID_JSON, IS_VALID_JSON_ARRAY
CREATE FUNCTION pg_catalog.is_valid_json(text) RETURNS boolean IMMUTABLE STRICT LANGUAGE plpgsql AS
$$ BEGIN RETURN jsonb_typeof($1::jsonb) = 'object'; EXCEPTION WHEN OTHERS THEN RETURN false; END $$;
CREATE FUNCTION pg_catalog.is_valid_json_array(text) RETURNS boolean IMMUTABLE STRICT LANGUAGE plpgsql AS
$$ BEGIN RETURN jsonb_typeof($1::jsonb) = 'array'; EXCEPTION WHEN OTHERS THEN RETURN false; END $$;
-- r_CURRENT_USER_ID
CREATE FUNCTION pg_catalog.current_user_id() RETURNS integer STABLE LANGUAGE sql AS
$$ SELECT usesysid::integer FROM pg_user WHERE usename = current_user $$;
-- Settings that only Redshift has: what they are unless they are set.
CREATE FUNCTION pg_catalog.rdsdb_setting(name text, standard text) RETURNS text STABLE LANGUAGE sql AS
$$ SELECT coalesce(nullif(current_setting(name, true), ''), standard) $$;
-- Texts are put together with + in AWS's own scripts: https://github.com/awslabs/amazon-redshift-utils
CREATE OPERATOR pg_catalog.+ (LEFTARG = text, RIGHTARG = text, FUNCTION = textcat);
-- A language to grant on; no function is made in it any more. https://docs.aws.amazon.com/redshift/latest/dg/r_UPDATE.html
CREATE TRUSTED LANGUAGE plpythonu HANDLER plpgsql_call_handler;
-- PG_LAST_COPY_ID and its siblings: nothing is copied or unloaded here. PG_LAST_QUERY_ID
CREATE FUNCTION pg_catalog.pg_last_copy_id() RETURNS integer STABLE LANGUAGE sql AS $$ SELECT -1 $$;
CREATE FUNCTION pg_catalog.pg_last_copy_count() RETURNS bigint STABLE LANGUAGE sql AS $$ SELECT 0::bigint $$;
CREATE FUNCTION pg_catalog.pg_last_unload_id() RETURNS integer STABLE LANGUAGE sql AS $$ SELECT -1 $$;
CREATE FUNCTION pg_catalog.pg_last_unload_count() RETURNS bigint STABLE LANGUAGE sql AS $$ SELECT 0::bigint $$;
CREATE FUNCTION pg_catalog.pg_last_query_id() RETURNS integer STABLE LANGUAGE sql AS $$ SELECT -1 $$;
-- TRIM takes numbers in AWS's own scripts, as in PostgreSQL 8.0: https://github.com/awslabs/amazon-redshift-utils
CREATE FUNCTION pg_catalog.btrim(oid) RETURNS text IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1::text $$;
CREATE FUNCTION pg_catalog.btrim(bigint) RETURNS text IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1::text $$;
CREATE FUNCTION pg_catalog.rdsdb_is_number_of(text, oid) RETURNS boolean IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1 = $2::text $$;
CREATE OPERATOR pg_catalog.= (LEFTARG = text, RIGHTARG = oid, FUNCTION = rdsdb_is_number_of);
-- A number is a condition in what AWS's own scripts and sqlalchemy-redshift send (`WHERE 1 AND …`, `WHEN REGEXP_INSTR(…) THEN`).
UPDATE pg_catalog.pg_cast SET castcontext = 'i' WHERE castsource = 'integer'::regtype AND casttarget = 'boolean'::regtype;
-- Which tables have no backups, in the same scripts; storage isn't kept here.
CREATE VIEW pg_catalog.pg_conf AS SELECT ''::text AS key, ''::text AS value WHERE false;
GRANT SELECT ON pg_catalog.pg_conf TO PUBLIC;
-- r_ANY_VALUE
CREATE FUNCTION pg_catalog.rdsdb_first(anyelement, anyelement) RETURNS anyelement IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1 $$;
CREATE AGGREGATE pg_catalog.any_value(anyelement) (SFUNC = pg_catalog.rdsdb_first, STYPE = anyelement);
-- r_MEDIAN
CREATE AGGREGATE pg_catalog.rdsdb_all(double precision) (SFUNC = array_append, STYPE = double precision[], INITCOND = '{}');
CREATE FUNCTION pg_catalog.rdsdb_median(double precision[]) RETURNS double precision IMMUTABLE LANGUAGE sql AS
$$ SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v) FROM unnest($1) v $$;
CREATE AGGREGATE pg_catalog.median(double precision)
    (SFUNC = array_append, STYPE = double precision[], INITCOND = '{}', FINALFUNC = pg_catalog.rdsdb_median);

-- Units of time. https://docs.aws.amazon.com/redshift/latest/dg/r_Dateparts_for_datetime_functions.html
CREATE FUNCTION pg_catalog.rdsdb_unit(text) RETURNS text IMMUTABLE STRICT LANGUAGE sql AS $$
SELECT CASE
    WHEN lower($1) IN ('y', 'yr', 'yrs', 'year', 'years') THEN 'year'
    WHEN lower($1) IN ('qtr', 'qtrs', 'quarter', 'quarters') THEN 'quarter'
    WHEN lower($1) IN ('mon', 'mons', 'month', 'months') THEN 'month'
    WHEN lower($1) IN ('w', 'week', 'weeks') THEN 'week'
    WHEN lower($1) IN ('d', 'day', 'days') THEN 'day'
    WHEN lower($1) IN ('h', 'hr', 'hrs', 'hour', 'hours') THEN 'hour'
    WHEN lower($1) IN ('m', 'min', 'mins', 'minute', 'minutes') THEN 'minute'
    WHEN lower($1) IN ('s', 'sec', 'secs', 'second', 'seconds') THEN 'second'
    WHEN lower($1) IN ('ms', 'msec', 'msecs', 'millisecond', 'milliseconds') THEN 'millisecond'
    WHEN lower($1) IN ('us', 'usec', 'microsec', 'microsecond', 'microseconds') THEN 'microsecond'
    WHEN lower($1) IN ('c', 'cent', 'cents', 'century', 'centuries') THEN 'century'
    WHEN lower($1) IN ('dec', 'decs', 'decade', 'decades') THEN 'decade'
    ELSE lower($1) END $$;
-- r_DATEADD_function
CREATE FUNCTION pg_catalog.dateadd(unit text, amount bigint, value timestamp) RETURNS timestamp IMMUTABLE STRICT LANGUAGE sql AS $$
SELECT value + CASE pg_catalog.rdsdb_unit(unit) WHEN 'quarter' THEN amount * 3 * interval '1 month'
    ELSE amount * ('1 ' || pg_catalog.rdsdb_unit(unit))::interval END $$;
CREATE FUNCTION pg_catalog.date_add(unit text, amount bigint, value timestamp) RETURNS timestamp IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT pg_catalog.dateadd(unit, amount, value) $$;
-- r_DATEDIFF_function: how many boundaries lie in between.
CREATE FUNCTION pg_catalog.datediff(unit text, earlier timestamp, later timestamp) RETURNS bigint IMMUTABLE STRICT LANGUAGE sql AS $$
SELECT CASE pg_catalog.rdsdb_unit(unit)
    WHEN 'year' THEN extract(year FROM later) - extract(year FROM earlier)
    WHEN 'quarter' THEN (extract(year FROM later) - extract(year FROM earlier)) * 4 + extract(quarter FROM later) - extract(quarter FROM earlier)
    WHEN 'month' THEN (extract(year FROM later) - extract(year FROM earlier)) * 12 + extract(month FROM later) - extract(month FROM earlier)
    WHEN 'week' THEN (date_trunc('week', later + interval '1 day')::date - date_trunc('week', earlier + interval '1 day')::date) / 7
    WHEN 'day' THEN later::date - earlier::date
    WHEN 'hour' THEN extract(epoch FROM date_trunc('hour', later) - date_trunc('hour', earlier)) / 3600
    WHEN 'minute' THEN extract(epoch FROM date_trunc('minute', later) - date_trunc('minute', earlier)) / 60
    WHEN 'second' THEN extract(epoch FROM date_trunc('second', later) - date_trunc('second', earlier))
    WHEN 'millisecond' THEN extract(epoch FROM later - earlier) * 1000
    ELSE extract(epoch FROM later - earlier) * 1000000 END::bigint $$;
CREATE FUNCTION pg_catalog.date_diff(unit text, earlier timestamp, later timestamp) RETURNS bigint IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT pg_catalog.datediff(unit, earlier, later) $$;
-- r_LAST_DAY, r_ADD_MONTHS: the last day of a month stays the last. r_MONTHS_BETWEEN_function, CONVERT_TIMEZONE, r_NEXT_DAY
CREATE FUNCTION pg_catalog.last_day(timestamp) RETURNS date IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT (date_trunc('month', $1) + interval '1 month - 1 day')::date $$;
CREATE FUNCTION pg_catalog.add_months(timestamp, bigint) RETURNS timestamp IMMUTABLE STRICT LANGUAGE sql AS $$
SELECT CASE WHEN $1::date = pg_catalog.last_day($1)
    THEN pg_catalog.last_day($1 + $2 * interval '1 month') + $1::time ELSE $1 + $2 * interval '1 month' END $$;
CREATE FUNCTION pg_catalog.months_between(timestamp, timestamp) RETURNS double precision IMMUTABLE STRICT LANGUAGE sql AS $$
SELECT pg_catalog.datediff('month', $2, $1)
    + CASE WHEN extract(day FROM $1) = extract(day FROM $2) THEN 0 ELSE (extract(day FROM $1) - extract(day FROM $2)) / 31 END::double precision $$;
CREATE FUNCTION pg_catalog.convert_timezone(text, text, timestamp) RETURNS timestamp STABLE STRICT LANGUAGE sql AS
$$ SELECT $3 AT TIME ZONE $1 AT TIME ZONE $2 $$;
CREATE FUNCTION pg_catalog.convert_timezone(text, timestamp) RETURNS timestamp STABLE STRICT LANGUAGE sql AS
$$ SELECT $2 AT TIME ZONE 'UTC' AT TIME ZONE $1 $$;
CREATE FUNCTION pg_catalog.date_part_year(date) RETURNS integer IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT extract(year FROM $1)::integer $$;
-- r_DATE_CMP and its siblings aren't here.
