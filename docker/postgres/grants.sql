-- What a role lacks that was made after the migration which gives it its rights. Run by the owner of the tables, in a session of its
-- own: what these functions do is the owner's to say, so the superuser runs none of it.
\set ON_ERROR_STOP on
\set QUIET on
SET client_min_messages = warning;

SELECT format('SELECT FROM %s(%L)', grants.function, grants.role)
FROM (VALUES ('api_grant', 'stratslab_api'), ('backtest_grant', 'stratslab_service')) AS grants(function, role)
WHERE to_regproc(grants.function) IS NOT NULL
\gexec
\echo roles: as they should be
