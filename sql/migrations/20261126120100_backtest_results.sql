-- Results of backtests: how it is executed, what it was computed from, trades, the curve of its equity; and claims by
-- kind.
-- migrate:up

-- First of all, so that nothing is claimed meanwhile.
LOCK TABLE backtests IN ACCESS EXCLUSIVE MODE;

-- As src/engine/execution.c has them (a test compares the two), without the capital, which is initial_capital.
CREATE FUNCTION backtest_execution_defaults() RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{
        "fee": {"percent": 0, "fixed": 0, "minimum": 0}, "slippage": {"percent": 0, "ticks": 0}, "spread": 0, "lot": 0,
        "tick": 0, "leverage": 1, "maintenance_margin": 0, "short": true, "intrabar": "pessimistic",
        "limit_fill": "touch", "missing": "skip", "risk_free": 0, "periods_per_year": 0, "close_at_end": false,
        "require_volume": false}'::jsonb;

ALTER TABLE backtests
    -- What was there before executions were kept has the defaults.
    ADD COLUMN execution jsonb NOT NULL DEFAULT backtest_execution_defaults(),
    -- That of its strategy's version; of what had finished before kinds were kept, NULL.
    ADD COLUMN kind text,
    ADD COLUMN engine text,
    -- The fingerprint of the candles that were read: SHA-256 over the SHA-256 of their chunks, in their order.
    ADD COLUMN data_sha256 bytea,
    -- Which they were: [{series, revision, first_ms, end_ms, last_ms, price_digits, lot_digits}], bars that open in
    -- [first_ms, end_ms). These may be left out: `last_ms`, of the bar that was the series' last, without which bars that
    -- came behind it count as if they could be any; the digits, if nothing depends on the steps of the series.
    ADD COLUMN data_read jsonb,
    ADD COLUMN result_sha256 bytea,
    ADD CONSTRAINT backtests_execution_object CHECK (jsonb_typeof(execution) = 'object') NOT VALID,
    ADD CONSTRAINT backtests_execution_size CHECK (octet_length(execution::text) <= 4096) NOT VALID,
    ADD CONSTRAINT backtests_engine_length CHECK (char_length(engine) BETWEEN 1 AND 64) NOT VALID,
    ADD CONSTRAINT backtests_data_sha256_length CHECK (octet_length(data_sha256) = 32) NOT VALID,
    ADD CONSTRAINT backtests_data_read_array CHECK (jsonb_typeof(data_read) = 'array') NOT VALID,
    ADD CONSTRAINT backtests_data_read_size CHECK (octet_length(data_read::text) <= 4096) NOT VALID,
    ADD CONSTRAINT backtests_result_sha256_length CHECK (octet_length(result_sha256) = 32) NOT VALID,
    ADD CONSTRAINT backtests_result_of_success CHECK (
        status = 'succeeded'
        OR (engine IS NULL AND data_sha256 IS NULL AND data_read IS NULL AND result_sha256 IS NULL)) NOT VALID;

UPDATE backtests AS b
SET kind = v.kind
FROM strategy_versions AS v
WHERE b.status IN ('queued', 'running') AND v.strategy_id = b.strategy_id AND v.version = b.strategy_version;

DROP TRIGGER backtests_refuse_change ON backtests;
CREATE TRIGGER backtests_refuse_change BEFORE UPDATE ON backtests
    FOR EACH ROW
    WHEN ((OLD.id, OLD.strategy_id, OLD.strategy_version, OLD.kind, OLD.symbol, OLD.timeframe, OLD."start", OLD."end",
           OLD.initial_capital, OLD.execution, OLD.created_at)
          IS DISTINCT FROM
          (NEW.id, NEW.strategy_id, NEW.strategy_version, NEW.kind, NEW.symbol, NEW.timeframe, NEW."start", NEW."end",
           NEW.initial_capital, NEW.execution, NEW.created_at))
    EXECUTE FUNCTION backtests_refuse_change();

-- Whoever makes one does not say of which kind it is.
CREATE FUNCTION backtests_keep_kind() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.kind := (
        SELECT v.kind
        FROM strategy_versions AS v
        WHERE v.strategy_id = NEW.strategy_id AND v.version = NEW.strategy_version);
    RETURN NEW;
END
$$;
CREATE TRIGGER backtests_keep_kind BEFORE INSERT ON backtests
    FOR EACH ROW EXECUTE FUNCTION backtests_keep_kind();

-- Claims by kind read the beginning of each kind here.
CREATE INDEX backtests_queued_kind ON backtests (kind, id) WHERE status = 'queued';

-- Whoever computes it hears of its cancellation at once.
CREATE FUNCTION backtests_notify_cancelled() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    PERFORM pg_notify('backtests_cancelled', NEW.id::text);
    RETURN NULL;
END
$$;
CREATE TRIGGER backtests_notify_cancelled AFTER UPDATE ON backtests
    FOR EACH ROW WHEN (NEW.status = 'cancelled' AND OLD.status = 'running')
    EXECUTE FUNCTION backtests_notify_cancelled();

-- ---- Results ----

CREATE TABLE backtest_trades (
    backtest_id uuid NOT NULL REFERENCES backtests ON DELETE CASCADE,
    n integer NOT NULL
        CONSTRAINT backtest_trades_n_positive CHECK (n > 0),
    side text NOT NULL
        CONSTRAINT backtest_trades_side_known CHECK (side IN ('long', 'short')),
    quantity numeric NOT NULL,
    entry_time timestamptz NOT NULL,
    entry_price numeric NOT NULL,
    entry_reason text NOT NULL,
    -- NULL: it was still open at the end.
    exit_time timestamptz,
    exit_price numeric,
    exit_reason text,
    pnl numeric NOT NULL,
    fees numeric NOT NULL,
    bars integer NOT NULL,
    PRIMARY KEY (backtest_id, n),
    CONSTRAINT backtest_trades_open CHECK (
        (exit_time IS NULL) = (exit_price IS NULL) AND (exit_time IS NULL) = (exit_reason IS NULL)),
    CONSTRAINT backtest_trades_reason_length CHECK (
        char_length(entry_reason) BETWEEN 1 AND 32 AND char_length(exit_reason) BETWEEN 1 AND 32),
    CONSTRAINT backtest_trades_times_finite CHECK (isfinite(entry_time) AND coalesce(isfinite(exit_time), true)),
    -- A page of trades has a bound, and no number in it is NaN or infinite.
    CONSTRAINT backtest_trades_numbers_range CHECK (
        greatest(abs(quantity), abs(entry_price), abs(exit_price), abs(pnl), abs(fees)) < 1e100
        AND greatest(scale(quantity), scale(entry_price), scale(exit_price), scale(pnl), scale(fees)) <= 400)
);

-- The curve of the equity in pieces of up to 2048 points (src/engine/curve.h). Level 0 has every point; of each higher
-- level, fewer of them, with the extremes.
CREATE TABLE backtest_equity (
    backtest_id uuid NOT NULL REFERENCES backtests ON DELETE CASCADE,
    level smallint NOT NULL
        CONSTRAINT backtest_equity_level_range CHECK (level BETWEEN 0 AND 15),
    piece integer NOT NULL
        CONSTRAINT backtest_equity_piece_range CHECK (piece >= 0),
    points integer NOT NULL
        CONSTRAINT backtest_equity_points_range CHECK (points BETWEEN 1 AND 2048),
    packed bytea NOT NULL
        CONSTRAINT backtest_equity_packed_size CHECK (octet_length(packed) BETWEEN 1 AND 131072),
    PRIMARY KEY (backtest_id, level, piece)
);

-- Whether bars that it was computed from have changed since, or are gone; or the steps that it has rounded to.
CREATE FUNCTION backtest_is_stale(data_read jsonb) RETURNS boolean
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT EXISTS (
        SELECT
        FROM jsonb_to_recordset(data_read) AS d(
                series bigint, revision bigint, first_ms bigint, end_ms bigint, last_ms bigint, price_digits integer,
                lot_digits integer)
            LEFT JOIN series AS s ON s.id = d.series
        WHERE s.id IS NULL
            OR s.price_digits <> d.price_digits
            OR s.lot_digits <> d.lot_digits
            OR (s.revision <> d.revision
                AND EXISTS (
                    SELECT
                    FROM series_changes AS c
                    WHERE c.series_id = d.series AND c.revision > d.revision AND c.last_ms >= d.first_ms
                        AND c.first_ms < d.end_ms
                        -- Of many changes in one row, those that came later are not before this.
                        AND coalesce(
                            CASE c.at_end
                                WHEN 2 THEN d.last_ms::numeric + s.timeframe_ms
                                WHEN 1 THEN d.last_ms
                            END < d.end_ms,
                            true))));
END;

-- Succeeded, with all of its results at once; returns what it is now, as backtest_finish does. For backtest_result_put,
-- of which these are the members.
CREATE FUNCTION backtest_result_write(
    id uuid, claim uuid, metrics json, engine text, data text, read json, result_hash text, trades json, equity json)
RETURNS text
LANGUAGE sql
BEGIN ATOMIC
    SELECT backtest_check_claim(backtest_result_write.claim),
        backtest_check_document('metrics', coalesce(backtest_result_write.metrics, 'null')::jsonb, 65536);
    -- What backtest_is_stale could not read would fail every list that the backtest is in.
    SELECT backtest_is_stale(backtest_result_write.read::jsonb);

    WITH done AS (
        UPDATE backtests AS b
        SET status = 'succeeded', lease_until = NULL, finished_at = clock_timestamp(), progress = 1,
            metrics = backtest_result_write.metrics::jsonb,
            engine = backtest_result_write.engine,
            data_sha256 = decode(backtest_result_write.data, 'hex'),
            data_read = backtest_result_write.read::jsonb,
            result_sha256 = decode(backtest_result_write.result_hash, 'hex')
        WHERE b.id = backtest_result_write.id AND b.status = 'running'
            AND backtest_is_held(b.claimed_by, b.claim_sha256, backtest_result_write.claim)
        RETURNING b.id),
    traded AS (
        INSERT INTO backtest_trades AS t (
            backtest_id, n, side, quantity, entry_time, entry_price, entry_reason, exit_time, exit_price, exit_reason,
            pnl, fees, bars)
        SELECT d.id, r.n, r.side, r.quantity, r.entry_time, r.entry_price, r.entry_reason, r.exit_time, r.exit_price,
            r.exit_reason, r.pnl, r.fees, r.bars
        FROM done AS d
            CROSS JOIN json_to_recordset(coalesce(backtest_result_write.trades, 'null')) AS r(
                n integer, side text, quantity numeric, entry_time timestamptz, entry_price numeric, entry_reason text,
                exit_time timestamptz, exit_price numeric, exit_reason text, pnl numeric, fees numeric, bars integer))
    INSERT INTO backtest_equity AS e (backtest_id, level, piece, points, packed)
    SELECT d.id, r.level, r.piece, r.points, decode(r.packed, 'base64')
    FROM done AS d
        CROSS JOIN json_to_recordset(coalesce(backtest_result_write.equity, 'null')) AS r(
            level smallint, piece integer, points integer, packed text);

    SELECT backtest_status_for(backtest_result_write.id, backtest_result_write.claim);
END;

-- The same of a document. `result` has the members
--     metrics (object), engine, data (hex), read (data_read), result_hash (hex)
--     trades [{n, side, quantity, entry_time, entry_price, entry_reason, exit_time, exit_price, exit_reason, pnl, fees,
--         bars}]
--     equity [{level, piece, points, packed (base64)}]
-- It may have tens of megabytes, and each `->` would read all of it: it is taken apart once.
CREATE FUNCTION backtest_result_put(id uuid, claim uuid, result json) RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT backtest_result_write(
        backtest_result_put.id, backtest_result_put.claim, r.metrics, r.engine, r.data, r.read, r.result_hash, r.trades,
        r.equity)
    FROM json_to_record(backtest_result_put.result) AS r(
        metrics json, engine text, data text, read json, result_hash text, trades json, equity json);
END;

-- ---- Requests ----

DROP FUNCTION backtest_request(jsonb, text, uuid);

-- A new backtest, or the one that this client's `key` (NULL: none) stands for; `client` NULL: a request without a token.
-- `execution` is the request's with the defaults written out; NULL, of a build that knows of none: the defaults. The
-- request's members have been checked one by one; here is what takes the database to know. Refusals have the names of
-- constraints, which the API has words for.
CREATE FUNCTION backtest_request(request jsonb, key text, client uuid, execution jsonb DEFAULT NULL) RETURNS backtests
LANGUAGE plpgsql
AS $$
DECLARE
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    fresh constant uuid := uuid_v7();
    known uuid;
    strategy strategies;
    made backtests;
BEGIN
    IF key IS NOT NULL THEN
        known := backtest_key_take(coalesce(client, nobody), key, request, fresh);
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

    INSERT INTO backtests AS b (
        id, strategy_id, strategy_version, symbol, timeframe, "start", "end", initial_capital, execution)
    SELECT fresh, strategy.id, coalesce(i.strategy_version, strategy.version), i.symbol, i.timeframe, i."start", i."end",
        i.initial_capital, coalesce(backtest_request.execution, backtest_execution_defaults())
    FROM jsonb_to_record(request) AS i(
        strategy_version bigint, symbol text, timeframe text, "start" timestamptz, "end" timestamptz,
        initial_capital numeric)
    RETURNING b.* INTO made;
    RETURN made;
END
$$;

-- ---- Claims ----

DROP FUNCTION backtest_claim(text, interval);

-- `kinds`: those that the worker knows; NULL: all. Of these it gets the oldest, or one of a symbol that it `prefers`,
-- unless another has waited for longer than `patience`. The settings: an index has the order, and whatever statistics
-- say of a table that changes this fast, no other plan is better.
CREATE FUNCTION backtest_claim(
    worker text, lease interval DEFAULT '1 minute', kinds text[] DEFAULT NULL, prefers text[] DEFAULT NULL,
    patience interval DEFAULT '10 seconds')
RETURNS TABLE (
    id uuid, strategy_id uuid, strategy_version bigint, kind text, parameters jsonb, symbol text, timeframe text,
    "start" timestamptz, "end" timestamptz, initial_capital numeric, attempts integer, lease_until timestamptz,
    claim uuid, execution jsonb)
LANGUAGE sql
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_sort = off
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
BEGIN ATOMIC
    SELECT backtest_check_worker(backtest_claim.worker), backtest_check_lease(backtest_claim.lease);
    SELECT backtest_expire();

    WITH any_kind AS (
        SELECT b.id
        FROM backtests AS b
        WHERE b.status = 'queued' AND backtest_claim.kinds IS NULL
        ORDER BY b.id
        LIMIT 1
        FOR UPDATE SKIP LOCKED),
    -- The oldest of each kind, and usually more of them than others are claiming at this moment. A backtest that has
    -- waited for longer than `patience` comes first, however well another one would fit.
    of_kinds AS (
        SELECT mine.id
        FROM (
            SELECT oldest.id
            FROM unnest(backtest_claim.kinds) AS k(kind)
                CROSS JOIN LATERAL (
                    SELECT b.id, b.created_at, b.symbol
                    FROM backtests AS b
                    WHERE b.status = 'queued' AND b.kind = k.kind
                    ORDER BY b.id
                    LIMIT 16) AS oldest
            ORDER BY
                CASE
                    WHEN oldest.created_at < clock_timestamp() - backtest_claim.patience THEN 0
                    WHEN oldest.symbol = ANY (backtest_claim.prefers) THEN 1
                    ELSE 2
                END, oldest.id) AS candidate
            CROSS JOIN LATERAL (
                SELECT b.id
                FROM backtests AS b
                WHERE b.id = candidate.id AND b.status = 'queued'
                FOR UPDATE SKIP LOCKED) AS mine
        LIMIT 1),
    -- If others are claiming all of these at this moment: whatever is behind them.
    behind AS (
        SELECT other.id
        FROM unnest(backtest_claim.kinds) AS k(kind)
            CROSS JOIN LATERAL (
                SELECT b.id
                FROM backtests AS b
                WHERE b.status = 'queued' AND b.kind = k.kind
                ORDER BY b.id
                LIMIT 1
                FOR UPDATE SKIP LOCKED) AS other
        WHERE NOT EXISTS (SELECT FROM of_kinds)
        LIMIT 1),
    next AS MATERIALIZED (
        SELECT a.id FROM any_kind AS a
        UNION ALL
        SELECT o.id FROM of_kinds AS o
        UNION ALL
        SELECT h.id FROM behind AS h),
    fresh AS MATERIALIZED (
        SELECT gen_random_uuid() AS claim)
    UPDATE backtests AS b
    SET status = 'running',
        attempts = b.attempts + 1,
        worker = backtest_claim.worker,
        claimed_by = session_user,
        claim_sha256 = sha256(uuid_send(f.claim)),
        lease_until = clock_timestamp() + backtest_claim.lease,
        started_at = clock_timestamp()
    FROM next AS n, fresh AS f, strategy_versions AS v
    WHERE b.id = n.id AND v.strategy_id = b.strategy_id AND v.version = b.strategy_version
    RETURNING b.id, b.strategy_id, b.strategy_version, v.kind, v.parameters, b.symbol, b.timeframe, b."start", b."end",
        b.initial_capital, b.attempts, b.lease_until, f.claim, b.execution;
END;

REVOKE ALL ON FUNCTION
    backtest_claim(text, interval, text[], text[], interval), backtest_result_put(uuid, uuid, json),
    backtest_result_write(uuid, uuid, json, text, text, json, text, json, json)
FROM PUBLIC;

-- ---- Rights ----

CREATE OR REPLACE FUNCTION backtest_grant(role regrole) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', current_schema(), role);
    EXECUTE format(
        'GRANT SELECT ON strategies, strategy_versions, backtests, series, candle_chunks, series_changes TO %s', role);
    -- To see whether the schema is one that it knows.
    IF to_regclass('schema_migrations') IS NOT NULL THEN
        EXECUTE format('GRANT SELECT ON schema_migrations TO %s', role);
    END IF;
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION backtest_claim(text, interval, text[], text[], interval), '
        'backtest_heartbeat(uuid, uuid, double precision, interval), backtest_finish(uuid, uuid, jsonb), '
        'backtest_fail(uuid, uuid, jsonb, boolean), backtest_give_back(uuid, uuid), '
        'backtest_result_put(uuid, uuid, json), backtest_expire() TO %s',
        role);
END
$$;

CREATE OR REPLACE FUNCTION api_grant(role regrole) RETURNS void
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
        'GRANT SELECT, INSERT (id, strategy_id, strategy_version, symbol, timeframe, "start", "end", initial_capital, '
        'execution), UPDATE (status, finished_at, lease_until) ON backtests TO %s',
        role);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON backtest_keys TO %s', role);
    -- Tokens are made and revoked by the owner (stratslabd token). Serving reads them, and notes when they were used.
    EXECUTE format(
        'GRANT SELECT (id, name, sha256, scopes, expires_at, revoked_at, last_used_at), UPDATE (last_used_at) '
        'ON access_tokens TO %s',
        role);
    EXECUTE format('GRANT SELECT ON access_tokens_state TO %s', role);
    -- Candles are written by candles_put. A series that goes takes its chunks along, by the foreign key: as the owner.
    EXECUTE format('GRANT SELECT, DELETE ON series TO %s', role);
    EXECUTE format('GRANT SELECT ON candle_chunks, series_changes, backtest_trades, backtest_equity TO %s', role);
    IF to_regclass('schema_migrations') IS NOT NULL THEN
        EXECUTE format('GRANT SELECT ON schema_migrations TO %s', role);
    END IF;
    FOR called IN
        SELECT p.oid
        FROM pg_proc AS p
        WHERE p.pronamespace = quote_ident(current_schema())::regnamespace
            -- The last two run as the owner: one removes no backtest that has not finished, the other writes no candles
            -- but whole chunks.
            AND p.proname IN ('uuid_v7', 'rfc3339', 'jsonb_merge_patch', 'backtest_request', 'backtest_key_take',
                              'backtest_execution_defaults', 'backtest_is_stale', 'backtest_cancel', 'backtest_prune',
                              'candles_put')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %s', called, role);
    END LOOP;
END
$$;

-- Whoever had rights keeps them, for what took the place of the old as well.
DO $$
DECLARE
    holder regrole;
BEGIN
    FOR holder IN
        SELECT DISTINCT a.grantee::regrole
        FROM pg_proc AS p, aclexplode(p.proacl) AS a
        WHERE p.oid = 'backtest_expire()'::regprocedure AND a.grantee NOT IN (0, p.proowner)
    LOOP
        PERFORM backtest_grant(holder);
    END LOOP;
    FOR holder IN
        SELECT DISTINCT a.grantee::regrole
        FROM pg_class AS c, aclexplode(c.relacl) AS a
        WHERE c.oid = 'backtest_keys'::regclass AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
    LOOP
        PERFORM api_grant(holder);
    END LOOP;
END
$$;

-- migrate:down

DROP FUNCTION backtest_claim(text, interval, text[], text[], interval);

DROP FUNCTION backtest_request(jsonb, text, uuid, jsonb);
DROP FUNCTION backtest_result_put(uuid, uuid, json);
DROP FUNCTION backtest_result_write(uuid, uuid, json, text, text, json, text, json, json);
DROP FUNCTION backtest_is_stale(jsonb);
DROP TABLE backtest_equity;
DROP TABLE backtest_trades;
DROP TRIGGER backtests_notify_cancelled ON backtests;
DROP FUNCTION backtests_notify_cancelled();
DROP INDEX backtests_queued_kind;
DROP TRIGGER backtests_keep_kind ON backtests;
DROP FUNCTION backtests_keep_kind();
DROP TRIGGER backtests_refuse_change ON backtests;
CREATE TRIGGER backtests_refuse_change BEFORE UPDATE ON backtests
    FOR EACH ROW
    WHEN ((OLD.id, OLD.strategy_id, OLD.strategy_version, OLD.symbol, OLD.timeframe, OLD."start", OLD."end",
           OLD.initial_capital, OLD.created_at)
          IS DISTINCT FROM
          (NEW.id, NEW.strategy_id, NEW.strategy_version, NEW.symbol, NEW.timeframe, NEW."start", NEW."end",
           NEW.initial_capital, NEW.created_at))
    EXECUTE FUNCTION backtests_refuse_change();
ALTER TABLE backtests
    DROP COLUMN result_sha256,
    DROP COLUMN data_read,
    DROP COLUMN data_sha256,
    DROP COLUMN engine,
    DROP COLUMN kind,
    DROP COLUMN execution;
DROP FUNCTION backtest_execution_defaults();

-- A new backtest, or the one that this client's `key` (NULL: none) stands for; `client` NULL: a request without a token.
-- The request's members have been checked one by one; here is what takes the database to know. Refusals have the names of
-- constraints, which the API has words for.
CREATE FUNCTION backtest_request(request jsonb, key text, client uuid) RETURNS backtests
LANGUAGE plpgsql
AS $$
DECLARE
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    fresh constant uuid := uuid_v7();
    known uuid;
    strategy strategies;
    made backtests;
BEGIN
    IF key IS NOT NULL THEN
        known := backtest_key_take(coalesce(client, nobody), key, request, fresh);
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

CREATE FUNCTION backtest_claim(worker text, lease interval DEFAULT '1 minute')
RETURNS TABLE (
    id uuid, strategy_id uuid, strategy_version bigint, kind text, parameters jsonb, symbol text, timeframe text,
    "start" timestamptz, "end" timestamptz, initial_capital numeric, attempts integer, lease_until timestamptz,
    claim uuid)
LANGUAGE sql
ROWS 1
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_sort = off
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
BEGIN ATOMIC
    SELECT backtest_check_worker(backtest_claim.worker), backtest_check_lease(backtest_claim.lease);
    SELECT backtest_expire();

    WITH next AS (
        SELECT b.id
        FROM backtests AS b
        WHERE b.status = 'queued'
        ORDER BY b.id
        LIMIT 1
        FOR UPDATE SKIP LOCKED),
    fresh AS MATERIALIZED (
        SELECT gen_random_uuid() AS claim)
    UPDATE backtests AS b
    SET status = 'running',
        attempts = b.attempts + 1,
        worker = backtest_claim.worker,
        claimed_by = session_user,
        claim_sha256 = sha256(uuid_send(f.claim)),
        lease_until = clock_timestamp() + backtest_claim.lease,
        started_at = clock_timestamp()
    FROM next AS n, fresh AS f, strategy_versions AS v
    WHERE b.id = n.id AND v.strategy_id = b.strategy_id AND v.version = b.strategy_version
    RETURNING b.id, b.strategy_id, b.strategy_version, v.kind, v.parameters, b.symbol, b.timeframe, b."start", b."end",
        b.initial_capital, b.attempts, b.lease_until, f.claim;
END;

REVOKE ALL ON FUNCTION backtest_claim(text, interval) FROM PUBLIC;

CREATE OR REPLACE FUNCTION backtest_grant(role regrole) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %s', current_schema(), role);
    EXECUTE format('GRANT SELECT ON strategies, strategy_versions, backtests TO %s', role);
    EXECUTE format(
        'GRANT EXECUTE ON FUNCTION backtest_claim(text, interval), '
        'backtest_heartbeat(uuid, uuid, double precision, interval), backtest_finish(uuid, uuid, jsonb), '
        'backtest_fail(uuid, uuid, jsonb, boolean), backtest_give_back(uuid, uuid), backtest_expire() TO %s',
        role);
END
$$;

CREATE OR REPLACE FUNCTION api_grant(role regrole) RETURNS void
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

DO $$
DECLARE
    holder regrole;
BEGIN
    FOR holder IN
        SELECT DISTINCT a.grantee::regrole
        FROM pg_proc AS p, aclexplode(p.proacl) AS a
        WHERE p.oid = 'backtest_expire()'::regprocedure AND a.grantee NOT IN (0, p.proowner)
    LOOP
        PERFORM backtest_grant(holder);
    END LOOP;
    FOR holder IN
        SELECT DISTINCT a.grantee::regrole
        FROM pg_class AS c, aclexplode(c.relacl) AS a
        WHERE c.oid = 'backtest_keys'::regclass AND a.privilege_type = 'INSERT' AND a.grantee NOT IN (0, c.relowner)
    LOOP
        PERFORM api_grant(holder);
    END LOOP;
END
$$;
