-- What the relay asks before a statement: which columns there are. It asks as the client, in the client's transaction.

-- Of names and queries that have such a column or don't: those that don't, as a number, a colon and the name. Whatever else is wrong
-- with a query the client's own statement will say.
CREATE FUNCTION pg_catalog.rdsdb_unknown(numbers integer[], names text[], queries text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    FOR at IN 1 .. array_length(names, 1) LOOP
        BEGIN
            EXECUTE 'EXPLAIN ' || queries[at];
        EXCEPTION
            WHEN undefined_column THEN RETURN NEXT numbers[at] || ':' || names[at];
            WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $$;

-- The names of a query's columns. It is planned and not executed: its rows are joined to nothing.
CREATE FUNCTION pg_catalog.rdsdb_names(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    shape json;
BEGIN
    EXECUTE format('SELECT row_to_json(r) FROM (SELECT q.* FROM (SELECT 1) one LEFT JOIN (SELECT * FROM (%s) inside WHERE false) q ON true) r', query)
        INTO shape;
    RETURN QUERY SELECT json_object_keys(shape);
END $$;
