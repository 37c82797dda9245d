-- The database role of NAME-service: made where it is missing, its password set, and no more rights than it needs. Runs at each start of
-- the profile, by the stack's own role: SERVICE_PASSWORD=… psql -v role=… -f role.sql
\set ON_ERROR_STOP on
\set QUIET on
\getenv password SERVICE_PASSWORD
SET client_min_messages = warning;

SELECT format('CREATE ROLE %I', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role')
\gexec

ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 5 PASSWORD :'password';
ALTER ROLE :"role" SET statement_timeout = '5s';
GRANT USAGE ON SCHEMA public TO :"role";
GRANT SELECT ON strategies TO :"role";
\echo role :role is as it should be
