-- The queue of backtests: what the API calls, what services call (docs/backtests.md), and the role that they get.
-- migrate:up

ALTER TABLE backtests
    ADD COLUMN worker text
        CONSTRAINT backtests_worker_length CHECK (char_length(worker) BETWEEN 1 AND 200),
    ADD COLUMN lease_until timestamptz,
    -- Years that RFC 3339 can write, whatever the offset of the request was.
    ADD CONSTRAINT backtests_start_year CHECK ("start" >= '0001-01-01 00:00:00+00'),
    ADD CONSTRAINT backtests_end_year CHECK ("end" < '10000-01-01 00:00:00+00'),
    -- numeric knows an infinity, and a NaN that is greater still; JSON knows neither.
    ADD CONSTRAINT backtests_initial_capital_finite CHECK (initial_capital < 'Infinity'),
    ADD CONSTRAINT backtests_running CHECK (
        (status = 'running') = (lease_until IS NOT NULL) AND (status <> 'running' OR worker IS NOT NULL)),
    ADD CONSTRAINT backtests_finished CHECK (
        (status IN ('succeeded', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    ADD CONSTRAINT backtests_metrics_of_success CHECK (metrics IS NULL OR status = 'succeeded'),
    ADD CONSTRAINT backtests_error_of_failure CHECK ((error IS NOT NULL) = (status = 'failed'));

-- Claims read the beginning of backtests_status. A heartbeat changes nothing that is in an index.
CREATE INDEX backtests_status ON backtests (status, id);
CREATE INDEX backtests_symbol ON backtests (symbol, id);
CREATE INDEX backtests_strategy_status ON backtests (strategy_id, status, id);
CREATE INDEX backtests_symbol_status ON backtests (symbol, status, id);

-- What was asked for is what is tried, and what an Idempotency-Key answers again.
CREATE FUNCTION backtests_refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'what a backtest asks for is immutable' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER backtests_refuse_change BEFORE UPDATE ON backtests
    FOR EACH ROW
    WHEN ((OLD.id, OLD.strategy_id, OLD.strategy_version, OLD.symbol, OLD.timeframe, OLD."start", OLD."end",
           OLD.initial_capital, OLD.created_at)
          IS DISTINCT FROM
          (NEW.id, NEW.strategy_id, NEW.strategy_version, NEW.symbol, NEW.timeframe, NEW."start", NEW."end",
           NEW.initial_capital, NEW.created_at))
    EXECUTE FUNCTION backtests_refuse_change();

CREATE FUNCTION backtests_notify() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('backtests', NEW.id::text);
    RETURN NULL;
END
$$;

CREATE TRIGGER backtests_notify_new AFTER INSERT ON backtests
    FOR EACH ROW WHEN (NEW.status = 'queued') EXECUTE FUNCTION backtests_notify();
CREATE TRIGGER backtests_notify_again AFTER UPDATE ON backtests
    FOR EACH ROW WHEN (NEW.status = 'queued' AND OLD.status <> 'queued') EXECUTE FUNCTION backtests_notify();

-- ---- For the API. They run as whoever calls them. ----

CREATE TABLE backtest_keys (
    key text COLLATE "C" PRIMARY KEY
        CONSTRAINT backtest_keys_key_visible CHECK (key ~ '^[!-~]{1,255}$'),
    request jsonb NOT NULL,
    -- Deferred: a key is taken before the backtest is made, so that of several requests with one key the others wait.
    backtest_id uuid NOT NULL REFERENCES backtests ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX backtest_keys_backtest ON backtest_keys (backtest_id);
CREATE INDEX backtest_keys_created ON backtest_keys (created_at);

-- The backtest that has this key already, where it was asked for by the same request; else NULL, and the key is taken for
-- `fresh`.
CREATE FUNCTION backtest_key_take(key text, request jsonb, fresh uuid) RETURNS uuid
LANGUAGE plpgsql
AS $$
DECLARE
    too_old constant timestamptz := now() - interval '24 hours';
    known backtest_keys;
BEGIN
    LOOP
        -- Waits here for another transaction that is taking the same key.
        INSERT INTO backtest_keys AS k (key, request, backtest_id)
        VALUES (backtest_key_take.key, backtest_key_take.request, fresh)
        ON CONFLICT ON CONSTRAINT backtest_keys_pkey DO UPDATE
            SET request = EXCLUDED.request, backtest_id = EXCLUDED.backtest_id, created_at = EXCLUDED.created_at
            WHERE k.created_at <= too_old;
        IF FOUND THEN
            DELETE FROM backtest_keys AS k
            WHERE k.key IN (
                SELECT old.key
                FROM backtest_keys AS old
                WHERE old.created_at <= too_old
                ORDER BY old.created_at
                LIMIT 100
                FOR UPDATE SKIP LOCKED);
            RETURN NULL;
        END IF;
        SELECT k.* INTO known FROM backtest_keys AS k WHERE k.key = backtest_key_take.key;
        EXIT WHEN FOUND; -- else it went away meanwhile
    END LOOP;
    IF known.request <> backtest_key_take.request THEN
        RAISE EXCEPTION 'this key came with another request' USING
            ERRCODE = 'check_violation', CONSTRAINT = 'backtest_keys_one_request';
    END IF;
    RETURN known.backtest_id;
END
$$;

-- A new backtest, or the one that `key` (NULL: none) stands for. The request's members have been checked one by one; here
-- is what takes the database to know. Refusals have the names of constraints, which the API has words for.
CREATE FUNCTION backtest_request(request jsonb, key text) RETURNS backtests
LANGUAGE plpgsql
AS $$
DECLARE
    fresh constant uuid := uuid_v7();
    known uuid;
    strategy strategies;
    made backtests;
BEGIN
    IF key IS NOT NULL THEN
        known := backtest_key_take(key, request, fresh);
        IF known IS NOT NULL THEN
            SELECT b.* INTO STRICT made FROM backtests AS b WHERE b.id = known;
            RETURN made;
        END IF;
    END IF;

    SELECT s.* INTO strategy FROM strategies AS s WHERE s.id = (request->>'strategy_id')::uuid;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no such strategy' USING
            ERRCODE = 'foreign_key_violation', CONSTRAINT = 'backtests_strategy_known';
    END IF;
    IF strategy.status = 'archived' THEN
        RAISE EXCEPTION 'the strategy is archived' USING
            ERRCODE = 'check_violation', CONSTRAINT = 'backtests_strategy_not_archived';
    END IF;
    IF NOT EXISTS (
        SELECT FROM strategy_versions AS v
        WHERE v.strategy_id = strategy.id
            AND v.version = coalesce((request->>'strategy_version')::bigint, strategy.version))
    THEN
        RAISE EXCEPTION 'the strategy has no such version' USING
            ERRCODE = 'foreign_key_violation', CONSTRAINT = 'backtests_strategy_version_known';
    END IF;

    INSERT INTO backtests AS b (id, strategy_id, strategy_version, symbol, timeframe, "start", "end", initial_capital)
    SELECT fresh, strategy.id, coalesce(i.strategy_version, strategy.version), i.symbol, i.timeframe, i."start", i."end",
        i.initial_capital
    FROM jsonb_to_record(request) AS i(
        strategy_version bigint, symbol text, timeframe text, "start" timestamptz, "end" timestamptz,
        initial_capital numeric)
    RETURNING b.* INTO made;
    RETURN made;
END
$$;

-- Cancels what is queued or running, and leaves what is cancelled as it is. No row: there is no such backtest.
CREATE FUNCTION backtest_cancel(id uuid) RETURNS SETOF backtests
LANGUAGE plpgsql
ROWS 1
AS $$
DECLARE
    found_one backtests;
BEGIN
    SELECT b.* INTO found_one FROM backtests AS b WHERE b.id = backtest_cancel.id FOR UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF found_one.status IN ('succeeded', 'failed') THEN
        RAISE EXCEPTION 'the backtest has finished' USING
            ERRCODE = 'check_violation', CONSTRAINT = 'backtests_not_finished';
    END IF;
    IF found_one.status <> 'cancelled' THEN
        UPDATE backtests AS b
        SET status = 'cancelled', finished_at = clock_timestamp(), lease_until = NULL
        WHERE b.id = backtest_cancel.id
        RETURNING b.* INTO found_one;
    END IF;
    RETURN NEXT found_one;
END
$$;

-- ---- For services. They run as their owner, so their bodies are bound to tables and functions here and now (BEGIN
-- ATOMIC), not by a caller's search_path. ----

CREATE FUNCTION backtest_max_attempts() RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 3;

-- The status of a backtest as far as concerns the worker that had it last; 'lost' to all others.
CREATE FUNCTION backtest_status_for(id uuid, worker text) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT b.status
         FROM backtests AS b
         WHERE b.id = backtest_status_for.id
             AND (b.worker = backtest_status_for.worker OR b.status = 'cancelled')),
        'lost');
END;

-- The end of an attempt that came to nothing: to the queue again, or failed; which, it returns. The caller holds the row's
-- lock.
CREATE FUNCTION backtest_attempt_failed(id uuid, error jsonb, retry boolean) RETURNS text
LANGUAGE sql
BEGIN ATOMIC
    UPDATE backtests AS b
    SET status = 'queued', lease_until = NULL, started_at = NULL, progress = 0
    WHERE b.id = backtest_attempt_failed.id AND retry AND b.attempts < backtest_max_attempts();

    UPDATE backtests AS b
    SET status = 'failed', lease_until = NULL, finished_at = clock_timestamp(), error = backtest_attempt_failed.error
    WHERE b.id = backtest_attempt_failed.id AND b.status = 'running';

    SELECT b.status FROM backtests AS b WHERE b.id = backtest_attempt_failed.id;
END;

CREATE FUNCTION backtest_expire() RETURNS integer
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT count(backtest_attempt_failed(
        lost.id,
        jsonb_build_object(
            'type', 'about:blank', 'title', 'Worker lost', 'code', 'lease_lost',
            'detail', format('Its worker was not heard of in time, in the last of %s attempts.', lost.attempts)),
        true))::integer
    FROM (
        SELECT b.id, b.attempts
        FROM backtests AS b
        WHERE b.status = 'running' AND b.lease_until < clock_timestamp()
        ORDER BY b.id
        FOR UPDATE SKIP LOCKED) AS lost;
END;

CREATE FUNCTION backtest_claim(worker text, lease interval DEFAULT '1 minute')
RETURNS TABLE (
    id uuid, strategy_id uuid, strategy_version bigint, kind text, parameters jsonb, symbol text, timeframe text,
    "start" timestamptz, "end" timestamptz, initial_capital numeric, attempts integer, lease_until timestamptz)
LANGUAGE sql
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_sort = off -- the index has the order, whatever statistics say of a table that changes this fast
BEGIN ATOMIC
    SELECT backtest_expire();

    WITH next AS (
        SELECT b.id
        FROM backtests AS b
        WHERE b.status = 'queued'
        ORDER BY b.id
        LIMIT 1
        FOR UPDATE SKIP LOCKED)
    UPDATE backtests AS b
    SET status = 'running',
        attempts = b.attempts + 1,
        worker = backtest_claim.worker,
        lease_until = clock_timestamp() + backtest_claim.lease,
        started_at = clock_timestamp()
    FROM next AS n, strategy_versions AS v
    WHERE b.id = n.id AND v.strategy_id = b.strategy_id AND v.version = b.strategy_version
    RETURNING b.id, b.strategy_id, b.strategy_version, v.kind, v.parameters, b.symbol, b.timeframe, b."start", b."end",
        b.initial_capital, b.attempts, b.lease_until;
END;

CREATE FUNCTION backtest_heartbeat(
    id uuid, worker text, progress double precision DEFAULT NULL, lease interval DEFAULT '1 minute')
RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE backtests AS b
    SET lease_until = clock_timestamp() + backtest_heartbeat.lease,
        progress = coalesce(backtest_heartbeat.progress::numeric, b.progress)
    WHERE b.id = backtest_heartbeat.id AND b.worker = backtest_heartbeat.worker AND b.status = 'running';

    SELECT backtest_status_for(backtest_heartbeat.id, backtest_heartbeat.worker);
END;

CREATE FUNCTION backtest_finish(id uuid, worker text, metrics jsonb) RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    UPDATE backtests AS b
    SET status = 'succeeded', lease_until = NULL, finished_at = clock_timestamp(), progress = 1,
        metrics = backtest_finish.metrics
    WHERE b.id = backtest_finish.id AND b.worker = backtest_finish.worker AND b.status = 'running';

    SELECT backtest_status_for(backtest_finish.id, backtest_finish.worker);
END;

CREATE FUNCTION backtest_fail(id uuid, worker text, error jsonb, retry boolean DEFAULT true) RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT backtest_attempt_failed(mine.id, backtest_fail.error, backtest_fail.retry)
    FROM (
        SELECT b.id
        FROM backtests AS b
        WHERE b.id = backtest_fail.id AND b.worker = backtest_fail.worker AND b.status = 'running'
        FOR UPDATE) AS mine;

    SELECT backtest_status_for(backtest_fail.id, backtest_fail.worker);
END;

REVOKE ALL ON FUNCTION
    backtest_claim(text, interval), backtest_heartbeat(uuid, text, double precision, interval),
    backtest_finish(uuid, text, jsonb), backtest_fail(uuid, text, jsonb, boolean), backtest_expire(),
    backtest_attempt_failed(uuid, jsonb, boolean), backtest_status_for(uuid, text)
FROM PUBLIC;

-- Lets a role do what a service does, and no more. For the owner of the tables to call.
CREATE FUNCTION backtest_grant(role regrole) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', current_schema(), role);
    EXECUTE format('GRANT SELECT ON strategies, strategy_versions, backtests TO %s', role);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION backtest_claim(text, interval), '
        'backtest_heartbeat(uuid, text, double precision, interval), backtest_finish(uuid, text, jsonb), '
        'backtest_fail(uuid, text, jsonb, boolean), backtest_expire() TO %s',
        role);
END
$$;
REVOKE ALL ON FUNCTION backtest_grant(regrole) FROM PUBLIC;

-- A role belongs to the cluster, where other databases may have made it, and we may not be allowed to.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'stratslab_service') THEN
        BEGIN
            CREATE ROLE stratslab_service NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- somebody else made it at this moment
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'The role for services is not there, and this role may not create it. When you need it:'
                    ' CREATE ROLE stratslab_service NOLOGIN; (as an administrator), then in database % as %:'
                    ' SELECT backtest_grant(''stratslab_service'');', current_database(), current_user;
                RETURN;
        END;
    END IF;
    PERFORM backtest_grant('stratslab_service');
END
$$;

-- migrate:down

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'stratslab_service') THEN
        REVOKE SELECT ON strategies, strategy_versions, backtests FROM stratslab_service;
    END IF;
END
$$;
DROP FUNCTION backtest_grant(regrole);
DROP FUNCTION backtest_fail(uuid, text, jsonb, boolean);
DROP FUNCTION backtest_finish(uuid, text, jsonb);
DROP FUNCTION backtest_heartbeat(uuid, text, double precision, interval);
DROP FUNCTION backtest_claim(text, interval);
DROP FUNCTION backtest_expire();
DROP FUNCTION backtest_attempt_failed(uuid, jsonb, boolean);
DROP FUNCTION backtest_status_for(uuid, text);
DROP FUNCTION backtest_max_attempts();
DROP FUNCTION backtest_cancel(uuid);
DROP FUNCTION backtest_request(jsonb, text);
DROP FUNCTION backtest_key_take(text, jsonb, uuid);
DROP TABLE backtest_keys;
DROP TRIGGER backtests_notify_again ON backtests;
DROP TRIGGER backtests_notify_new ON backtests;
DROP FUNCTION backtests_notify();
DROP TRIGGER backtests_refuse_change ON backtests;
DROP FUNCTION backtests_refuse_change();
DROP INDEX backtests_symbol_status;
DROP INDEX backtests_strategy_status;
DROP INDEX backtests_symbol;
DROP INDEX backtests_status;
ALTER TABLE backtests
    DROP CONSTRAINT backtests_error_of_failure,
    DROP CONSTRAINT backtests_metrics_of_success,
    DROP CONSTRAINT backtests_finished,
    DROP CONSTRAINT backtests_running,
    DROP CONSTRAINT backtests_initial_capital_finite,
    DROP CONSTRAINT backtests_end_year,
    DROP CONSTRAINT backtests_start_year,
    DROP COLUMN lease_until,
    DROP COLUMN worker;
