-- What the statements beside this file speak of, so that none is refused for want of a table.
CREATE TABLE t (a INTEGER, b VARCHAR(20), c TIMESTAMP);
CREATE TABLE u (a INTEGER, b VARCHAR(20));
