-- The role of the API: its tables by name, and no more verbs on each than its statements need (docs/operations.md, "Three roles").
-- migrate:up

-- The schema keeps its promises, not whoever writes: what the API has no right to touch is written by the tables' owner.
-- The body is bound to a schema here, not by a caller's search_path.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION strategies_keep_version() SECURITY DEFINER SET search_path = pg_catalog, %I, pg_temp',
                   current_schema());
    EXECUTE format('ALTER FUNCTION access_tokens_changed() SECURITY DEFINER SET search_path = pg_catalog, %I, pg_temp',
                   current_schema());
END
$$;
REVOKE ALL ON FUNCTION strategies_keep_version(), access_tokens_changed() FROM PUBLIC;

-- Lets a role do what the API does, and no more. For the owner of the tables to call; a second time does no harm.
CREATE FUNCTION api_grant(role regrole) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
    called regprocedure;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', current_schema(), role);
    -- A delete takes the versions along, by the foreign key: as the owner.
    EXECUTE format(
        'GRANT SELECT, INSERT (name, description, kind, parameters, status), '
        'UPDATE (name, description, kind, parameters, status), DELETE ON strategies TO %s',
        role);
    EXECUTE format('GRANT SELECT ON strategy_versions TO %s', role);
    -- What is asked for is inserted; a cancellation changes no more than these. Results are the services' to write.
    EXECUTE format(
        'GRANT SELECT, INSERT (id, strategy_id, strategy_version, symbol, timeframe, "start", "end", initial_capital), '
        'UPDATE (status, finished_at, lease_until) ON backtests TO %s',
        role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON backtest_keys TO %s', role);
    -- Tokens are made and revoked by the owner (stratslabd token). Serving reads them, and notes when they were used.
    EXECUTE format(
        'GRANT SELECT (id, name, sha256, scopes, expires_at, revoked_at, last_used_at), UPDATE (last_used_at) '
        'ON access_tokens TO %s',
        role);
    EXECUTE format('GRANT SELECT ON access_tokens_state TO %s', role);
    IF to_regclass('schema_migrations') IS NOT NULL THEN
        EXECUTE format('GRANT SELECT ON schema_migrations TO %s', role);
    END IF;
    FOR called IN
        SELECT p.oid
        FROM pg_proc AS p
        WHERE p.pronamespace = quote_ident(current_schema())::regnamespace
            -- The last one runs as the owner: it removes no backtest that has not finished.
            AND p.proname IN ('uuid_v7', 'rfc3339', 'jsonb_merge_patch', 'backtest_request', 'backtest_key_take',
                              'backtest_cancel', 'backtest_prune')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', called, role);
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION api_grant(regrole) FROM PUBLIC;

-- A role belongs to the cluster, where other databases may have made it, and we may not be allowed to. It may not log in:
-- the role that the API logs in as is a member of it, or has rights of its own by api_grant.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stratslab_api') THEN
        BEGIN
            CREATE ROLE stratslab_api NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- somebody else made it at this moment
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'The role for the API is not there, and this role may not create it. When you need it:'
                    ' CREATE ROLE stratslab_api LOGIN PASSWORD ''...''; (as an administrator), then in database % as %:'
                    ' SELECT api_grant(''stratslab_api'');', current_database(), current_user;
                RETURN;
        END;
    END IF;
    PERFORM api_grant('stratslab_api');
END
$$;

-- migrate:down

DO $$
DECLARE
    called regprocedure;
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'stratslab_api') THEN
        REVOKE ALL ON strategies, strategy_versions, backtests, backtest_keys, access_tokens, access_tokens_state
        FROM stratslab_api;
        IF to_regclass('schema_migrations') IS NOT NULL THEN
            REVOKE ALL ON schema_migrations FROM stratslab_api;
        END IF;
        FOR called IN
            SELECT DISTINCT p.oid
            FROM pg_proc AS p, aclexplode(p.proacl) AS a
            WHERE p.pronamespace = quote_ident(current_schema())::regnamespace AND a.grantee = 'stratslab_api'::regrole
                AND pg_has_role(current_user, p.proowner, 'USAGE')
        LOOP
            EXECUTE format('REVOKE ALL ON FUNCTION %s FROM stratslab_api', called);
        END LOOP;
    END IF;
END
$$;
DROP FUNCTION api_grant(regrole);
ALTER FUNCTION access_tokens_changed() SECURITY INVOKER RESET search_path;
ALTER FUNCTION strategies_keep_version() SECURITY INVOKER RESET search_path;
GRANT EXECUTE ON FUNCTION strategies_keep_version(), access_tokens_changed() TO PUBLIC;
