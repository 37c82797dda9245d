-- migrate:up transaction:false
CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; END;
CREATE INDEX CONCURRENTLY i ON t (a);
-- migrate:down transaction:false
DROP INDEX CONCURRENTLY i;
