-- Market data: series of candles, in packed chunks (src/candles/chunk.h), and when which of their bars changed.
-- migrate:up

CREATE TABLE series (
    -- A series that was deleted and imported again has another id: what was computed from the old one is stale.
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    symbol text COLLATE "C" NOT NULL
        CONSTRAINT series_symbol_length CHECK (char_length(symbol) BETWEEN 1 AND 32)
        CONSTRAINT series_symbol_visible CHECK (symbol !~ '[[:cntrl:]]'),
    timeframe text COLLATE "C" NOT NULL
        CONSTRAINT series_timeframe_form CHECK (timeframe ~ '^[1-9][0-9]{0,2}[a-zA-Z]{1,2}$'),
    timeframe_ms bigint NOT NULL
        CONSTRAINT series_timeframe_ms_positive CHECK (timeframe_ms > 0),
    adjusted boolean NOT NULL,
    -- Decimals of the smallest steps of a price and of a quantity: tick = 10^-price_digits.
    price_digits smallint NOT NULL
        CONSTRAINT series_price_digits_range CHECK (price_digits BETWEEN 0 AND 12),
    lot_digits smallint NOT NULL
        CONSTRAINT series_lot_digits_range CHECK (lot_digits BETWEEN 0 AND 12),
    -- Raised by every change.
    revision bigint NOT NULL
        CONSTRAINT series_revision_positive CHECK (revision > 0),
    -- Of all chunks; times are those of openings, milliseconds since 1970 UTC.
    bars bigint NOT NULL
        CONSTRAINT series_bars_positive CHECK (bars > 0),
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    bytes bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT series_span CHECK (first_ms <= last_ms),
    CONSTRAINT series_name UNIQUE (symbol, timeframe)
);

CREATE TABLE candle_chunks (
    series_id bigint NOT NULL REFERENCES series ON DELETE CASCADE,
    -- floor(slot / 2048)
    address bigint NOT NULL,
    bars integer NOT NULL
        CONSTRAINT candle_chunks_bars_range CHECK (bars BETWEEN 1 AND 2048),
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    low_min double precision NOT NULL,
    high_max double precision NOT NULL,
    volume double precision NOT NULL,
    sha256 bytea NOT NULL
        CONSTRAINT candle_chunks_sha256_right CHECK (sha256 = sha256(packed)),
    packed bytea NOT NULL
        CONSTRAINT candle_chunks_packed_size CHECK (octet_length(packed) BETWEEN 1 AND 131072),
    PRIMARY KEY (series_id, address),
    CONSTRAINT candle_chunks_span CHECK (first_ms <= last_ms)
);

-- As they are: they are packed already.
ALTER TABLE candle_chunks ALTER COLUMN packed SET STORAGE EXTERNAL;

-- Which bars came or changed since a revision: what was computed from an older one is stale if it read any of them. A
-- list of backtests reads all of a series' rows for each, so they are few, however many imports there were:
-- - What covers the bars of older rows takes their place.
-- - Bars that follow the last one lengthen the row that it came with.
-- - Beyond 64 rows of a kind, the two oldest become one, of all that lies between as well. What was read that long ago
--   may be called stale for no reason, and is never called fresh if it is not.
CREATE TABLE series_changes (
    series_id bigint NOT NULL REFERENCES series ON DELETE CASCADE,
    -- Of its first change, and of its last one. Only columns without an index change, so that the index does not grow.
    since bigint NOT NULL,
    revision bigint NOT NULL,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    -- Where each of its changes began: 2: behind the bar that was the series' last then; 1: at that bar; 0: before it.
    -- Whoever knows which was the last one when he read knows of 1 and 2 what came afterwards.
    at_end smallint NOT NULL
        CONSTRAINT series_changes_at_end_range CHECK (at_end BETWEEN 0 AND 2),
    PRIMARY KEY (series_id, since),
    CONSTRAINT series_changes_span CHECK (first_ms <= last_ms),
    CONSTRAINT series_changes_revisions CHECK (since <= revision)
) WITH (fillfactor = 50);

-- Writes chunks that were packed elsewhere, each in the place of the one with its address, and returns the series' new
-- revision. `known` is the revision that the writer has merged its bars with, 0 if there was no such series: if it is
-- another one by now, the writer reads and merges again. `change` has the members
--     timeframe_ms, adjusted, price_digits, lot_digits     of the series
--     series (may be left out)                             the id of the series that `known` is of: a series that was
--                                                          deleted and made again counts its revisions anew
--     first_ms, last_ms                                    of the bars that came or changed
--     chunks [{address, bars, first_ms, last_ms, low_min, high_max, volume, packed (base64)}]
-- A writer unpacks what it has packed before it is here (chunk_encode); readers check again.
CREATE FUNCTION candles_put(symbol text, timeframe text, known bigint, change json) RETURNS bigint
LANGUAGE plpgsql
SECURITY DEFINER
AS $$
DECLARE
    there series;
    changed_first_ms bigint := (change->>'first_ms')::bigint;
    changed_last_ms bigint := (change->>'last_ms')::bigint;
    is_at_end smallint;
    oldest bigint[];
BEGIN
    IF known = 0 THEN
        INSERT INTO series AS s (
            symbol, timeframe, timeframe_ms, adjusted, price_digits, lot_digits, revision, bars, first_ms, last_ms,
            bytes)
        SELECT candles_put.symbol, candles_put.timeframe, c.timeframe_ms, c.adjusted, c.price_digits, c.lot_digits,
            1, 1, c.first_ms, c.last_ms, 0
        FROM json_to_record(change) AS c(
            timeframe_ms bigint, adjusted boolean, price_digits smallint, lot_digits smallint, first_ms bigint,
            last_ms bigint)
        ON CONFLICT ON CONSTRAINT series_name DO NOTHING
        RETURNING s.* INTO there;
    ELSE
        UPDATE series AS s
        SET revision = s.revision + 1, price_digits = c.price_digits, lot_digits = c.lot_digits,
            updated_at = clock_timestamp()
        FROM json_to_record(change) AS c(series bigint, price_digits smallint, lot_digits smallint)
        WHERE s.symbol = candles_put.symbol AND s.timeframe = candles_put.timeframe AND s.revision = candles_put.known
            AND s.id = coalesce(c.series, s.id)
        RETURNING s.* INTO there;
    END IF;
    IF there.id IS NULL THEN
        RAISE EXCEPTION 'the series has changed since it was read' USING ERRCODE = 'serialization_failure';
    END IF;

    INSERT INTO candle_chunks AS k (
        series_id, address, bars, first_ms, last_ms, low_min, high_max, volume, sha256, packed)
    SELECT there.id, c.address, c.bars, c.first_ms, c.last_ms, c.low_min, c.high_max, c.volume, sha256(b.packed),
        b.packed
    FROM json_to_recordset(change->'chunks') AS c(
            address bigint, bars integer, first_ms bigint, last_ms bigint, low_min double precision,
            high_max double precision, volume double precision, packed text)
        CROSS JOIN LATERAL (SELECT decode(c.packed, 'base64') AS packed) AS b
    ON CONFLICT ON CONSTRAINT candle_chunks_pkey DO UPDATE
        SET bars = EXCLUDED.bars, first_ms = EXCLUDED.first_ms, last_ms = EXCLUDED.last_ms, low_min = EXCLUDED.low_min,
            high_max = EXCLUDED.high_max, volume = EXCLUDED.volume, sha256 = EXCLUDED.sha256, packed = EXCLUDED.packed;

    UPDATE series AS s
    SET bars = k.bars, first_ms = k.first_ms, last_ms = k.last_ms, bytes = k.bytes
    FROM (
        SELECT sum(c.bars) AS bars, min(c.first_ms) AS first_ms, max(c.last_ms) AS last_ms,
            sum(octet_length(c.packed)) AS bytes
        FROM candle_chunks AS c
        WHERE c.series_id = there.id) AS k
    WHERE s.id = there.id AND k.bars IS NOT NULL;

    -- Nobody has read it before its first revision.
    IF known = 0 THEN
        RETURN there.revision;
    END IF;

    DELETE FROM series_changes AS c
    WHERE c.series_id = there.id AND c.first_ms >= changed_first_ms AND c.last_ms <= changed_last_ms;

    is_at_end := CASE
        WHEN changed_first_ms > there.last_ms THEN 2
        WHEN changed_first_ms = there.last_ms THEN 1
        ELSE 0
    END;
    UPDATE series_changes AS c
    SET last_ms = changed_last_ms, revision = there.revision
    WHERE c.series_id = there.id AND c.at_end = 2 AND is_at_end = 2 AND c.last_ms = there.last_ms
        AND changed_first_ms = there.last_ms + there.timeframe_ms;
    IF FOUND THEN
        RETURN there.revision;
    END IF;
    INSERT INTO series_changes (series_id, since, revision, first_ms, last_ms, at_end)
    VALUES (there.id, there.revision, there.revision, changed_first_ms, changed_last_ms, is_at_end);

    SELECT array_agg(c.since ORDER BY c.since) INTO oldest
    FROM series_changes AS c
    WHERE c.series_id = there.id AND (c.at_end > 0) = (is_at_end > 0);
    IF cardinality(oldest) > 64 THEN
        WITH second AS (
            DELETE FROM series_changes AS c
            WHERE c.series_id = there.id AND c.since = oldest[2]
            RETURNING c.*)
        UPDATE series_changes AS c
        SET revision = greatest(c.revision, s.revision), first_ms = least(c.first_ms, s.first_ms),
            last_ms = greatest(c.last_ms, s.last_ms), at_end = least(c.at_end, s.at_end)
        FROM second AS s
        WHERE c.series_id = there.id AND c.since = oldest[1];
    END IF;
    RETURN there.revision;
END
$$;
REVOKE ALL ON FUNCTION candles_put(text, text, bigint, json) FROM PUBLIC;

-- The body is bound to a schema here, not by a caller's search_path.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION candles_put(text, text, bigint, json) SET search_path = pg_catalog, %I, pg_temp',
                   current_schema());
END
$$;

-- migrate:down

DROP FUNCTION candles_put(text, text, bigint, json);
DROP TABLE series_changes;
DROP TABLE candle_chunks;
DROP TABLE series;
