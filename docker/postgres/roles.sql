-- The stack's roles, whatever the volume held before: a fresh one, or one in which everything was the superuser's. Run by the superuser,
-- in the stack's database; again and again without harm. What each role is for: docs/operations.md, "Three roles".
\set ON_ERROR_STOP on
\set QUIET on
\getenv owner_password OWNER_PASSWORD
\getenv api_password API_PASSWORD
\getenv backtesting_password BACKTESTING_PASSWORD
SET client_min_messages = warning;
-- Nothing that the owner has made runs here, as the superuser.
SET search_path = pg_catalog, pg_temp;

BEGIN;
SELECT format('CREATE ROLE %I NOLOGIN', wanted)
FROM unnest(ARRAY['stratslab_owner', 'stratslab_api', 'stratslab_service', 'backtesting_service']) AS wanted
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted)
\gexec
ALTER ROLE stratslab_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'owner_password';
ALTER ROLE stratslab_api LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'api_password';
-- It has no rights of its own: what works the queue is a member of stratslab_service.
ALTER ROLE backtesting_service LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'backtesting_password';
GRANT stratslab_service TO backtesting_service;

ALTER DATABASE :"DBNAME" OWNER TO stratslab_owner;
REVOKE TEMPORARY ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO stratslab_owner;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

-- What earlier starts made as the superuser. An extension's parts stay whose they are.
SELECT format('ALTER %s %s OWNER TO stratslab_owner', o.kind, o.name)
FROM (
    SELECT 'pg_class'::regclass AS class, c.oid,
        CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'c' THEN 'TYPE'
            ELSE 'TABLE' END AS kind,
        c.oid::regclass::text AS name, c.relowner AS owner, c.relnamespace AS namespace
    FROM pg_class AS c
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'c', 'S')
        AND NOT EXISTS ( -- a sequence of a column goes with its table
            SELECT
            FROM pg_depend AS d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i'))
    UNION ALL
    SELECT 'pg_proc'::regclass, p.oid, 'ROUTINE', p.oid::regprocedure::text, p.proowner, p.pronamespace
    FROM pg_proc AS p
    WHERE p.prokind <> 'a'
    UNION ALL
    SELECT 'pg_type'::regclass, t.oid, 'TYPE', t.oid::regtype::text, t.typowner, t.typnamespace
    FROM pg_type AS t
    WHERE t.typtype IN ('e', 'd', 'r')) AS o
WHERE o.namespace = 'public'::regnamespace
    AND o.owner = (SELECT oid FROM pg_roles WHERE rolname = current_user)
    AND NOT EXISTS (
        SELECT
        FROM pg_depend AS d
        WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
\gexec
COMMIT;
