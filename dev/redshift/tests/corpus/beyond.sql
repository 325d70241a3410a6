-- What Redshift documents and the stand-in can't show: it says so, aloud. DG/r_MERGE, r_ALTER_TABLE_APPEND, r_USE_command
CREATE TABLE t (a INTEGER);
CREATE TABLE u (a INTEGER);
MERGE INTO t USING u ON t.a = u.a REMOVE DUPLICATES;
ALTER TABLE t APPEND FROM u;
USE dev;
CREATE TABLE a_name_of_more_than_sixty_three_bytes_which_is_all_that_postgresql_has (a INTEGER);
CREATE PROCEDURE p(a OUT INTEGER, b INTEGER) AS $$ BEGIN a := b; END; $$ LANGUAGE plpgsql;
CREATE PROCEDURE p() AS $$ BEGIN TRUNCATE t; END; $$ LANGUAGE plpgsql SECURITY DEFINER;
CREATE PROCEDURE p() AS $$ DECLARE r RECORD; BEGIN FOR r IN SELECT a FROM t x QUALIFY rank() OVER (ORDER BY a) = 1 LOOP NULL; END LOOP; END; $$ LANGUAGE plpgsql;
SELECT * FROM stl_wlm_query;
