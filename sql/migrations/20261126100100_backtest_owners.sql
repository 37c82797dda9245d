-- What services and clients write has bounds, and what they hold has an owner: a claim belongs to the role that logged in
-- to make it and to whoever knows its secret, an Idempotency-Key to its client. What is finished can be removed.
-- migrate:up

-- ---- What there is ----

-- First of all, so that nothing is claimed meanwhile.
LOCK TABLE backtests IN ACCESS EXCLUSIVE MODE;

-- Whoever runs these cannot prove it: their claims have no secret. They are claimed again, and lose no attempt by it.
UPDATE backtests
SET status = 'queued', attempts = greatest(attempts - 1, 0), lease_until = NULL, started_at = NULL, progress = 0
WHERE status = 'running';

-- Of what is queued, whatever breaks a bound: a claim or a cancellation of it would be refused for ever, and claims would
-- get no further than it.
UPDATE backtests
SET worker = NULL
WHERE status = 'queued' AND worker ~ '[[:cntrl:]]';
UPDATE backtests
SET status = 'failed', finished_at = clock_timestamp(), error = jsonb_build_object(
    'type', 'about:blank', 'title', 'Not possible any more', 'code', 'initial_capital_too_long',
    'detail', 'Its initial capital has more than 2000 digits, and backtests take fewer now.')
WHERE status = 'queued' AND octet_length(initial_capital::text) > 2000;

-- ---- Bounds ----

-- NOT VALID: what is there already stays, nobody waits for it to be read, and what is written from now on is checked. No
-- reader has to trust them.
ALTER TABLE backtests
    ADD COLUMN claimed_by text,
    -- Of the secret itself nothing is kept: services may read this table.
    ADD COLUMN claim_sha256 bytea,
    ADD CONSTRAINT backtests_claimed_by_length CHECK (octet_length(claimed_by) BETWEEN 1 AND 63) NOT VALID,
    ADD CONSTRAINT backtests_claim_sha256_length CHECK (octet_length(claim_sha256) = 32) NOT VALID,
    ADD CONSTRAINT backtests_worker_visible CHECK (worker !~ '[[:cntrl:]]') NOT VALID,
    ADD CONSTRAINT backtests_metrics_size CHECK (octet_length(metrics::text) <= 65536) NOT VALID,
    ADD CONSTRAINT backtests_error_size CHECK (octet_length(error::text) <= 16384) NOT VALID,
    ADD CONSTRAINT backtests_attempts_most CHECK (attempts <= 1000) NOT VALID,
    ADD CONSTRAINT backtests_progress_digits CHECK (octet_length(progress::text) <= 400) NOT VALID,
    ADD CONSTRAINT backtests_initial_capital_digits CHECK (octet_length(initial_capital::text) <= 2000) NOT VALID;
ALTER TABLE backtest_keys
    ADD CONSTRAINT backtest_keys_request_size CHECK (octet_length(request::text) <= 16384) NOT VALID;
ALTER TABLE access_tokens
    ADD CONSTRAINT access_tokens_scopes_count CHECK (cardinality(scopes) <= 2) NOT VALID;

-- ---- Claims ----

ALTER TABLE backtests
    ADD CONSTRAINT backtests_claimed CHECK (
        status <> 'running' OR (claimed_by IS NOT NULL AND claim_sha256 IS NOT NULL)) NOT VALID;

DROP FUNCTION backtest_fail(uuid, text, jsonb, boolean);
DROP FUNCTION backtest_finish(uuid, text, jsonb);
DROP FUNCTION backtest_heartbeat(uuid, text, double precision, interval);
DROP FUNCTION backtest_claim(text, interval);
DROP FUNCTION backtest_status_for(uuid, text);

-- The refusals that take words of their own. They name no table, so that nobody's search_path matters to them.
CREATE FUNCTION backtest_check_lease(lease interval) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- Intervals are compared as if each month had 30 days, and added as the calendar has it: of months and days that
    -- cancel each other out, centuries may be left.
    IF lease IS NULL OR lease <= interval '0' OR lease > interval '1 day'
        OR extract(year FROM lease) <> 0 OR extract(month FROM lease) <> 0 OR abs(extract(day FROM lease)) > 1
    THEN
        RAISE EXCEPTION 'a lease must be longer than nothing and at most 1 day, and this one is %',
            coalesce(lease::text, 'NULL') USING
            ERRCODE = 'check_violation', CONSTRAINT = 'backtests_lease_range',
            HINT = 'A minute is enough if a heartbeat comes each 20 seconds: each one extends the lease from then on.';
    END IF;
END
$$;

CREATE FUNCTION backtest_check_worker(worker text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF worker IS NULL OR char_length(worker) NOT BETWEEN 1 AND 200 OR worker ~ '[[:cntrl:]]' THEN
        RAISE EXCEPTION 'a worker''s name must have 1 to 200 characters, none of them a control character' USING
            ERRCODE = 'check_violation', CONSTRAINT = 'backtests_worker_length';
    END IF;
END
$$;

CREATE FUNCTION backtest_check_claim(claim uuid) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF claim IS NULL THEN
        RAISE EXCEPTION 'the claim is missing' USING
            ERRCODE = 'check_violation', CONSTRAINT = 'backtests_claim_given',
            HINT = 'Pass what backtest_claim returned in its column claim.';
    END IF;
END
$$;

CREATE FUNCTION backtest_check_document(what text, document jsonb, most integer) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF jsonb_typeof(document) <> 'object' THEN
        RAISE EXCEPTION 'the % must be a JSON object, and this is a JSON %', what, jsonb_typeof(document) USING
            ERRCODE = 'check_violation', CONSTRAINT = format('backtests_%s_object', what);
    END IF;
    IF octet_length(document::text) > most THEN
        RAISE EXCEPTION 'the % must have at most % bytes as text, and this has %',
            what, most, octet_length(document::text) USING
            ERRCODE = 'check_violation', CONSTRAINT = format('backtests_%s_size', what);
    END IF;
END
$$;

-- Whether a claim is that of the row with these two columns, and its caller is who made it: the role that logged in,
-- whatever the role is by now. A new claim of the row has another secret, so this one's calls come to nothing.
CREATE FUNCTION backtest_is_held(claimed_by text, claim_sha256 bytea, claim uuid) RETURNS boolean
LANGUAGE sql STABLE
RETURN claimed_by = session_user::text AND claim_sha256 = sha256(uuid_send(claim));

-- The status of a backtest as far as concerns whoever claimed it last; 'lost' to all others.
CREATE FUNCTION backtest_status_for(id uuid, claim uuid) RETURNS text
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT coalesce(
        (SELECT b.status
         FROM backtests AS b
         WHERE b.id = backtest_status_for.id
             AND (b.status = 'cancelled'
                 OR backtest_is_held(b.claimed_by, b.claim_sha256, backtest_status_for.claim))),
        'lost');
END;

-- In pieces, so that a claim that comes after many lost leases has no more to do than others.
CREATE OR REPLACE FUNCTION backtest_expire() RETURNS integer
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_sort = off
SET enable_seqscan = off
SET enable_bitmapscan = off
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
        LIMIT 1000
        FOR UPDATE SKIP LOCKED) AS lost;
END;

-- The settings: backtests_queued has the order, and whatever statistics say of a table that changes this fast, no other
-- plan is better.
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

CREATE FUNCTION backtest_heartbeat(
    id uuid, claim uuid, progress double precision DEFAULT NULL, lease interval DEFAULT '1 minute')
RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT backtest_check_claim(backtest_heartbeat.claim), backtest_check_lease(backtest_heartbeat.lease);

    UPDATE backtests AS b
    SET lease_until = clock_timestamp() + backtest_heartbeat.lease,
        progress = coalesce(backtest_heartbeat.progress::numeric, b.progress)
    WHERE b.id = backtest_heartbeat.id AND b.status = 'running'
        AND backtest_is_held(b.claimed_by, b.claim_sha256, backtest_heartbeat.claim);

    SELECT backtest_status_for(backtest_heartbeat.id, backtest_heartbeat.claim);
END;

CREATE FUNCTION backtest_finish(id uuid, claim uuid, metrics jsonb) RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT backtest_check_claim(backtest_finish.claim),
        backtest_check_document('metrics', backtest_finish.metrics, 65536);

    UPDATE backtests AS b
    SET status = 'succeeded', lease_until = NULL, finished_at = clock_timestamp(), progress = 1,
        metrics = backtest_finish.metrics
    WHERE b.id = backtest_finish.id AND b.status = 'running'
        AND backtest_is_held(b.claimed_by, b.claim_sha256, backtest_finish.claim);

    SELECT backtest_status_for(backtest_finish.id, backtest_finish.claim);
END;

CREATE FUNCTION backtest_fail(id uuid, claim uuid, error jsonb, retry boolean DEFAULT true) RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT backtest_check_claim(backtest_fail.claim), backtest_check_document('error', backtest_fail.error, 16384);

    SELECT backtest_attempt_failed(mine.id, backtest_fail.error, backtest_fail.retry)
    FROM (
        SELECT b.id
        FROM backtests AS b
        WHERE b.id = backtest_fail.id AND b.status = 'running'
            AND backtest_is_held(b.claimed_by, b.claim_sha256, backtest_fail.claim)
        FOR UPDATE) AS mine;

    SELECT backtest_status_for(backtest_fail.id, backtest_fail.claim);
END;

-- As if it had never been claimed: for a worker that ends before its work does.
CREATE FUNCTION backtest_give_back(id uuid, claim uuid) RETURNS text
LANGUAGE sql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT backtest_check_claim(backtest_give_back.claim);

    UPDATE backtests AS b
    SET status = 'queued', attempts = b.attempts - 1, lease_until = NULL, started_at = NULL, progress = 0
    WHERE b.id = backtest_give_back.id AND b.status = 'running'
        AND backtest_is_held(b.claimed_by, b.claim_sha256, backtest_give_back.claim);

    SELECT backtest_status_for(backtest_give_back.id, backtest_give_back.claim);
END;

REVOKE ALL ON FUNCTION
    backtest_claim(text, interval), backtest_heartbeat(uuid, uuid, double precision, interval),
    backtest_finish(uuid, uuid, jsonb), backtest_fail(uuid, uuid, jsonb, boolean), backtest_give_back(uuid, uuid),
    backtest_status_for(uuid, uuid), backtest_is_held(text, bytea, uuid), backtest_check_lease(interval),
    backtest_check_worker(text), backtest_check_claim(uuid), backtest_check_document(text, jsonb, integer)
FROM PUBLIC;

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

-- Whoever might call the functions before may call those that took their places: backtest_expire() has kept its rights.
DO $$
DECLARE
    service regrole;
BEGIN
    FOR service IN
        SELECT DISTINCT a.grantee::regrole
        FROM pg_proc AS p, aclexplode(p.proacl) AS a
        WHERE p.oid = 'backtest_expire()'::regprocedure AND a.grantee NOT IN (0, p.proowner)
    LOOP
        PERFORM backtest_grant(service);
    END LOOP;
END
$$;

-- ---- Idempotency-Keys ----

-- The id of the token that sent the key; of requests without tokens, and of keys that were there before clients were told
-- apart, all zeros.
ALTER TABLE backtest_keys
    ADD COLUMN client uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    DROP CONSTRAINT backtest_keys_pkey,
    ADD CONSTRAINT backtest_keys_pkey PRIMARY KEY (client, key);

DROP FUNCTION backtest_key_take(text, jsonb, uuid);

-- The backtest that this client's key has already, if it was asked for by the same request; else NULL, and the key is
-- taken for `fresh`.
CREATE FUNCTION backtest_key_take(client uuid, key text, request jsonb, fresh uuid) RETURNS uuid
LANGUAGE plpgsql
AS $$
DECLARE
    too_old constant timestamptz := now() - interval '24 hours';
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    known backtest_keys;
BEGIN
    LOOP
        -- Waits here for another transaction that is taking the same key.
        INSERT INTO backtest_keys AS k (client, key, request, backtest_id)
        VALUES (backtest_key_take.client, backtest_key_take.key, backtest_key_take.request, fresh)
        ON CONFLICT ON CONSTRAINT backtest_keys_pkey DO UPDATE
            SET request = EXCLUDED.request, backtest_id = EXCLUDED.backtest_id, created_at = EXCLUDED.created_at
            WHERE k.created_at <= too_old;
        EXIT WHEN FOUND;
        SELECT k.*
        INTO known
        FROM backtest_keys AS k
        WHERE k.client = backtest_key_take.client AND k.key = backtest_key_take.key;
        IF FOUND THEN
            IF known.request <> backtest_key_take.request THEN
                RAISE EXCEPTION 'this key came with another request' USING
                    ERRCODE = 'check_violation', CONSTRAINT = 'backtest_keys_one_request';
            END IF;
            RETURN known.backtest_id;
        END IF; -- else it went away meanwhile
    END LOOP;

    DELETE FROM backtest_keys AS k
    WHERE (k.client, k.key) IN (
        SELECT old.client, old.key
        FROM backtest_keys AS old
        WHERE old.created_at <= too_old
        ORDER BY old.created_at
        LIMIT 100
        FOR UPDATE SKIP LOCKED);

    -- A key from before clients were told apart is whose request is the same, once: its answer may have been lost on the
    -- way, and asking again must not make a second backtest.
    IF backtest_key_take.client <> nobody THEN
        DELETE FROM backtest_keys AS k
        WHERE k.client = nobody AND k.key = backtest_key_take.key AND k.request = backtest_key_take.request
            AND k.created_at > too_old
        RETURNING k.* INTO known;
        IF FOUND THEN
            UPDATE backtest_keys AS k
            SET backtest_id = known.backtest_id, created_at = known.created_at
            WHERE k.client = backtest_key_take.client AND k.key = backtest_key_take.key;
            RETURN known.backtest_id;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

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

-- For workers of the build before this one, which serve until a reload has replaced them: they tell no clients apart.
CREATE OR REPLACE FUNCTION backtest_request(request jsonb, key text) RETURNS backtests
LANGUAGE plpgsql
AS $$
BEGIN
    RETURN backtest_request(request, key, NULL);
END
$$;

-- ---- Retention ----

-- Removes `most` of the backtests that finished before `before`, the oldest first; passes over what others have locked, and
-- over what an Idempotency-Key still stands for. `after` and `after_id` are where the piece before this one ended, so that it is not read again.
CREATE FUNCTION backtest_prune(
    before timestamptz, most integer, after timestamptz DEFAULT '-infinity',
    after_id uuid DEFAULT '00000000-0000-0000-0000-000000000000')
RETURNS TABLE (removed bigint, last_at timestamptz, last_id uuid)
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
    WITH old AS MATERIALIZED (
        SELECT b.id
        FROM backtests AS b
        WHERE b.finished_at IS NOT NULL AND b.finished_at < backtest_prune.before
            AND (b.finished_at, b.id) > (backtest_prune.after, backtest_prune.after_id)
            AND NOT EXISTS (
                SELECT FROM backtest_keys AS k
                WHERE k.backtest_id = b.id AND k.created_at > now() - interval '24 hours')
        ORDER BY b.finished_at, b.id
        LIMIT greatest(backtest_prune.most, 0)
        FOR UPDATE SKIP LOCKED),
    gone AS (
        DELETE FROM backtests AS b
        USING old AS o
        WHERE b.id = o.id
        RETURNING b.finished_at, b.id)
    SELECT count(*), max(g.finished_at), (array_agg(g.id ORDER BY g.finished_at DESC, g.id DESC))[1]
    FROM gone AS g;
END;
REVOKE ALL ON FUNCTION backtest_prune(timestamptz, integer, timestamptz, uuid) FROM PUBLIC;

-- migrate:down

DROP FUNCTION backtest_prune(timestamptz, integer, timestamptz, uuid);

DROP FUNCTION backtest_request(jsonb, text, uuid);
DROP FUNCTION backtest_key_take(uuid, text, jsonb, uuid);
DELETE FROM backtest_keys AS k
USING backtest_keys AS newer
WHERE newer.key = k.key AND (newer.created_at, newer.client) > (k.created_at, k.client);
ALTER TABLE backtest_keys
    DROP CONSTRAINT backtest_keys_pkey,
    DROP COLUMN client,
    ADD CONSTRAINT backtest_keys_pkey PRIMARY KEY (key),
    DROP CONSTRAINT backtest_keys_request_size;

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
CREATE OR REPLACE FUNCTION backtest_request(request jsonb, key text) RETURNS backtests
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

DROP FUNCTION backtest_give_back(uuid, uuid);
DROP FUNCTION backtest_fail(uuid, uuid, jsonb, boolean);
DROP FUNCTION backtest_finish(uuid, uuid, jsonb);
DROP FUNCTION backtest_heartbeat(uuid, uuid, double precision, interval);
DROP FUNCTION backtest_claim(text, interval);
DROP FUNCTION backtest_status_for(uuid, uuid);
DROP FUNCTION backtest_is_held(text, bytea, uuid);
DROP FUNCTION backtest_check_document(text, jsonb, integer);
DROP FUNCTION backtest_check_claim(uuid);
DROP FUNCTION backtest_check_worker(text);
DROP FUNCTION backtest_check_lease(interval);

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

CREATE OR REPLACE FUNCTION backtest_expire() RETURNS integer
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
    backtest_finish(uuid, text, jsonb), backtest_fail(uuid, text, jsonb, boolean),
    backtest_status_for(uuid, text)
FROM PUBLIC;

CREATE OR REPLACE FUNCTION backtest_grant(role regrole) RETURNS void
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

DO $$
DECLARE
    service regrole;
BEGIN
    FOR service IN
        SELECT DISTINCT a.grantee::regrole
        FROM pg_proc AS p, aclexplode(p.proacl) AS a
        WHERE p.oid = 'backtest_expire()'::regprocedure AND a.grantee NOT IN (0, p.proowner)
    LOOP
        PERFORM backtest_grant(service);
    END LOOP;
END
$$;

ALTER TABLE access_tokens
    DROP CONSTRAINT access_tokens_scopes_count;
ALTER TABLE backtests
    DROP CONSTRAINT backtests_claimed,
    DROP CONSTRAINT backtests_initial_capital_digits,
    DROP CONSTRAINT backtests_progress_digits,
    DROP CONSTRAINT backtests_attempts_most,
    DROP CONSTRAINT backtests_error_size,
    DROP CONSTRAINT backtests_metrics_size,
    DROP CONSTRAINT backtests_worker_visible,
    DROP COLUMN claim_sha256,
    DROP COLUMN claimed_by;
