-- The curve of an equity by its span: which pieces have the points of one is known without unpacking any.
-- migrate:up

-- The time of the first point of a piece, in milliseconds since 1970 UTC: by what src/engine/curve.h says, the signed
-- varint behind the version and the varint of its points. NULL if it is not a piece.
CREATE FUNCTION backtest_equity_first_ms(packed bytea) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    head constant bytea := substring(packed FROM 1 FOR 16);
    at integer := 1;
    bits integer := 0;
    taken bigint := 0;
    octet integer;
BEGIN
    -- Of the points there are at most 2048: one byte, or two.
    IF octet_length(head) < 4 THEN
        RETURN NULL;
    END IF;
    at := CASE WHEN get_byte(head, 1) >= 128 THEN 3 ELSE 2 END;
    LOOP
        -- Nine bytes have 63 bits: no time of ours has more.
        IF at >= octet_length(head) OR bits > 56 THEN
            RETURN NULL;
        END IF;
        octet := get_byte(head, at);
        taken := taken | ((octet & 127)::bigint << bits);
        EXIT WHEN octet < 128;
        at := at + 1;
        bits := bits + 7;
    END LOOP;
    RETURN (taken >> 1) # -(taken & 1);
END
$$;
REVOKE ALL ON FUNCTION backtest_equity_first_ms(bytea) FROM PUBLIC;

-- The table is written anew, once, and is locked meanwhile: no release has had results yet.
ALTER TABLE backtest_equity
    ADD COLUMN first_ms bigint GENERATED ALWAYS AS (backtest_equity_first_ms(packed)) STORED;

-- migrate:down

ALTER TABLE backtest_equity DROP COLUMN first_ms;
DROP FUNCTION backtest_equity_first_ms(bytea);
