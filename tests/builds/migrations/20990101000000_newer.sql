-- What the next version's schema has besides: a column with a default, and a function with one more argument, which
-- has a default. (Of this version's own programs none knows either.)
-- migrate:up

ALTER TABLE backtests
    ADD COLUMN note text,
    ADD COLUMN priority smallint NOT NULL DEFAULT 0;

DROP FUNCTION backtest_heartbeat(uuid, uuid, double precision, interval);

CREATE FUNCTION backtest_heartbeat(
    id uuid, claim uuid, progress double precision DEFAULT NULL, lease interval DEFAULT '1 minute',
    note text DEFAULT 'none')
RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT backtest_check_claim(backtest_heartbeat.claim), backtest_check_lease(backtest_heartbeat.lease);

    UPDATE backtests AS b
    SET lease_until = clock_timestamp() + backtest_heartbeat.lease,
        progress = coalesce(backtest_heartbeat.progress::numeric, b.progress),
        note = backtest_heartbeat.note
    WHERE b.id = backtest_heartbeat.id AND b.status = 'running'
        AND backtest_is_held(b.claimed_by, b.claim_sha256, backtest_heartbeat.claim);

    SELECT backtest_status_for(backtest_heartbeat.id, backtest_heartbeat.claim);
END;

REVOKE ALL ON FUNCTION backtest_heartbeat(uuid, uuid, double precision, interval, text) FROM PUBLIC;

-- Whoever might call the functions before may call this one.
DO $$
DECLARE
    service regrole;
BEGIN
    FOR service IN
        SELECT DISTINCT a.grantee::regrole
        FROM pg_proc AS p, aclexplode(p.proacl) AS a
        WHERE p.oid = 'backtest_expire()'::regprocedure AND a.grantee NOT IN (0, p.proowner)
    LOOP
        EXECUTE format(
            'GRANT EXECUTE ON FUNCTION backtest_heartbeat(uuid, uuid, double precision, interval, text) TO %s', service);
    END LOOP;
END
$$;

-- migrate:down

DROP FUNCTION backtest_heartbeat(uuid, uuid, double precision, interval, text);

CREATE FUNCTION backtest_heartbeat(
    id uuid, claim uuid, progress double precision DEFAULT NULL, lease interval DEFAULT '1 minute')
RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE backtests AS b
    SET lease_until = clock_timestamp() + backtest_heartbeat.lease,
        progress = coalesce(backtest_heartbeat.progress::numeric, b.progress)
    WHERE b.id = backtest_heartbeat.id AND b.status = 'running'
        AND backtest_is_held(b.claimed_by, b.claim_sha256, backtest_heartbeat.claim);

    SELECT backtest_status_for(backtest_heartbeat.id, backtest_heartbeat.claim);
END;

ALTER TABLE backtests
    DROP COLUMN priority,
    DROP COLUMN note;
