-- Ids of the same bits, made by a body that PostgreSQL puts into the statement. The one before had a FROM: such a function
-- is never inlined, and each row that took an id ran a query of its own for it, a third of what a create cost.
-- migrate:up

-- UUID version 7 (RFC 9562 section 5.7): milliseconds first, then 12 bits of the fraction of the millisecond (section 6.2,
-- method 3), then random. Later rows sort behind earlier ones, so the primary key is also the order of lists.
-- Both are one number, the time in 4096ths of a millisecond: 15 hexadecimal digits, and the version goes behind the 12th.
CREATE OR REPLACE FUNCTION uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
RETURN (
    overlay(lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 4096000)::bigint), 15, '0') PLACING '7' FROM 13 FOR 0)
        || substring(replace(gen_random_uuid()::text, '-', '') FROM 17))::uuid;

-- migrate:down

CREATE OR REPLACE FUNCTION uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
    SELECT encode(
        substring(int8send(t.us / 1000) FROM 3)
            || substring(int4send((28672 + t.us % 1000 * 4096 / 1000)::integer) FROM 3)
            || substring(uuid_send(gen_random_uuid()) FROM 9),
        'hex')::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS t
$$;
