-- What happens whenever something is made, altered or dropped. Last of all: what is made before these is everybody's.

CREATE EVENT TRIGGER rdsdb_made ON ddl_command_end WHEN TAG IN ('CREATE PROCEDURE', 'CREATE VIEW')
    EXECUTE FUNCTION pg_catalog.rdsdb_made();
CREATE EVENT TRIGGER rdsdb_in_scope ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE VIEW', 'CREATE SCHEMA', 'CREATE FUNCTION', 'CREATE PROCEDURE')
    EXECUTE FUNCTION pg_catalog.rdsdb_in_scope();
CREATE EVENT TRIGGER rdsdb_changed ON ddl_command_end
    WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE', 'CREATE VIEW', 'ALTER VIEW', 'ALTER SCHEMA',
        'DROP TABLE', 'DROP VIEW', 'DROP SCHEMA', 'CREATE FOREIGN TABLE', 'DROP FOREIGN TABLE', 'CREATE MATERIALIZED VIEW',
        'DROP MATERIALIZED VIEW')
    EXECUTE FUNCTION pg_catalog.rdsdb_changed();
CREATE EVENT TRIGGER rdsdb_count_bytes ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE')
    EXECUTE FUNCTION pg_catalog.rdsdb_count_bytes();
