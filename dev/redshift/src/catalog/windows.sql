-- Aggregates for window functions that pass over NULL: over a window they see the rows of its frame in its order.
-- r_WF_first_value, r_WF_NTH, r_WF_LAG, r_WF_LEAD
CREATE FUNCTION pg_catalog.rdsdb_last(anyelement, anyelement) RETURNS anyelement IMMUTABLE STRICT LANGUAGE sql AS $$ SELECT $2 $$;
CREATE AGGREGATE pg_catalog.rdsdb_first_known(anyelement) (SFUNC = pg_catalog.rdsdb_first, STYPE = anyelement);
CREATE AGGREGATE pg_catalog.rdsdb_last_known(anyelement) (SFUNC = pg_catalog.rdsdb_last, STYPE = anyelement);
CREATE FUNCTION pg_catalog.rdsdb_append(anyarray, anyelement) RETURNS anyarray IMMUTABLE LANGUAGE sql AS
$$ SELECT CASE WHEN $2 IS NULL THEN $1 ELSE array_append($1, $2) END $$;
CREATE AGGREGATE pg_catalog.rdsdb_known(anyelement) (SFUNC = pg_catalog.rdsdb_append, STYPE = anyarray);
CREATE FUNCTION pg_catalog.rdsdb_from_end(anyarray, integer) RETURNS anyelement IMMUTABLE LANGUAGE sql AS
$$ SELECT $1[cardinality($1) - $2 + 1] $$;
