-- Redshift's catalogue, as far as a statement of an operator or a user comes near it. Loaded into
-- template1, so that every database made later has it.

-- The version ends in `Redshift 1.0.…`. https://docs.aws.amazon.com/redshift/latest/dg/r_VERSION.html
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text STABLE LANGUAGE sql AS
$$ SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.122103'::text $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_GETDATE.html: the statement's start, without a zone.
CREATE FUNCTION pg_catalog.getdate() RETURNS timestamp VOLATILE LANGUAGE sql AS
$$ SELECT statement_timestamp()::timestamp(0) $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SYSDATE.html: the transaction's start.
CREATE FUNCTION pg_catalog.sysdate() RETURNS timestamp STABLE LANGUAGE sql AS
$$ SELECT transaction_timestamp()::timestamp $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_LEN.html: in characters, trailing blanks included.
CREATE FUNCTION pg_catalog.len(text) RETURNS integer IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT length($1) $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/SHA2.html: hex, and empty for an unknown number of bits.
CREATE FUNCTION pg_catalog.sha2(text, integer) RETURNS varchar IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT CASE $2
    WHEN 0 THEN encode(sha256(convert_to($1, 'UTF8')), 'hex') WHEN 256 THEN encode(sha256(convert_to($1, 'UTF8')), 'hex')
    WHEN 224 THEN encode(sha224(convert_to($1, 'UTF8')), 'hex') WHEN 384 THEN encode(sha384(convert_to($1, 'UTF8')), 'hex')
    WHEN 512 THEN encode(sha512(convert_to($1, 'UTF8')), 'hex') ELSE '' END $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_db_collation.html
CREATE FUNCTION pg_catalog.db_collation() RETURNS varchar STABLE LANGUAGE sql AS $$ SELECT 'case_sensitive'::varchar $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/super-overview.html
CREATE DOMAIN pg_catalog.super AS jsonb;
CREATE FUNCTION pg_catalog.json_parse(text) RETURNS super IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1::jsonb::super $$;
CREATE FUNCTION pg_catalog.json_serialize(super) RETURNS varchar IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $1::text::varchar $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_QUOTE_LITERAL.html: quotes and backslashes are doubled, and
-- there is no E in front, since the backslash always escapes.
CREATE OR REPLACE FUNCTION pg_catalog.quote_literal(text) RETURNS text IMMUTABLE STRICT LANGUAGE sql AS
$$ SELECT '''' || replace(replace($1, '\\', '\\\\'), '''', '''''') || '''' $$;

-- https://docs.aws.amazon.com/redshift/latest/dg/r_SET.html: SET SEED TO makes RANDOM repeatable.
CREATE PROCEDURE pg_catalog.rdsdb_seed(seed double precision) LANGUAGE plpgsql AS
$$ BEGIN PERFORM setseed(seed); END $$;

-- Whether the reader is a superuser, or holds a system privilege through roles.
CREATE FUNCTION pg_catalog.rdsdb_holds(privilege text) RETURNS boolean STABLE LANGUAGE sql AS
$$ SELECT pg_has_role(current_user, 'privilege:' || $1, 'member') $$;

-- Whether the reader is a superuser: nobody else is a member of the stand-in's own.
CREATE FUNCTION pg_catalog.rdsdb_superuser() RETURNS boolean STABLE LANGUAGE sql AS
$$ SELECT pg_has_role(current_user, 10::oid, 'member') $$;
