-- DG/r_enable_case_sensitive_identifier: the case of a name is kept if it is quoted and that is switched on
CREATE TABLE "MixedCase" ("FooBar" INTEGER);
SELECT foobar FROM mixedcase;
SELECT "FooBar" AS "Total" FROM "MIXEDCASE";
INSERT INTO mixedcase ("foobar") VALUES (1);
CREATE SCHEMA "Shop";
DROP SCHEMA shop;
CREATE USER "MixedUser" PASSWORD DISABLE;
ALTER USER "MixedUser" CREATEDB;
SET enable_case_sensitive_identifier TO true;
CREATE TABLE "Kept" ("A" INTEGER);
SELECT "A" FROM "Kept";
RESET enable_case_sensitive_identifier;
-- DG/r_pg_keywords: these aren't reserved
CREATE TABLE sequences (filter INTEGER, value INTEGER);
GRANT SELECT ON sequences TO PUBLIC;
CREATE FUNCTION filter(INTEGER) RETURNS INTEGER IMMUTABLE AS $$ SELECT $1 $$ LANGUAGE sql;
SELECT filter(filter) FROM sequences;
