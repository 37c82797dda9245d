-- Strategies, and one immutable row for every version that a strategy has had.
-- migrate:up

-- Search for text inside names (GET /api/v1/strategies?q=). A trusted extension: the database's owner may create it.
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- UUID version 7 (RFC 9562 section 5.7): milliseconds first, then 12 bits of the fraction of the millisecond (section 6.2,
-- method 3), then random. Later rows sort behind earlier ones, so the primary key is also the order of lists.
CREATE FUNCTION uuid_v7() RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
AS $$
    SELECT encode(
        substring(int8send(t.us / 1000) FROM 3)
            || substring(int4send((28672 + t.us % 1000 * 4096 / 1000)::integer) FROM 3)
            || substring(uuid_send(gen_random_uuid()) FROM 9),
        'hex')::uuid
    FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us) AS t
$$;

-- A time as the API writes it: RFC 3339, UTC, microseconds.
CREATE FUNCTION rfc3339(at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- JSON merge patch (RFC 7396 section 2).
CREATE FUNCTION jsonb_merge_patch(target jsonb, patch jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF jsonb_typeof(patch) <> 'object' THEN
        RETURN patch;
    END IF;
    IF target IS NULL OR jsonb_typeof(target) <> 'object' THEN
        target := '{}';
    END IF;
    RETURN (
        SELECT coalesce(jsonb_object_agg(key, CASE WHEN p.value IS NULL THEN t.value
                                                   ELSE jsonb_merge_patch(t.value, p.value) END), '{}')
        FROM jsonb_each(target) AS t
        FULL JOIN jsonb_each(patch) AS p USING (key)
        WHERE p.value IS DISTINCT FROM 'null'::jsonb);
END
$$;

CREATE TABLE strategies (
    id uuid PRIMARY KEY DEFAULT uuid_v7(),
    name text NOT NULL
        CONSTRAINT strategies_name_length CHECK (char_length(name) BETWEEN 1 AND 100),
    description text NOT NULL DEFAULT ''
        CONSTRAINT strategies_description_length CHECK (char_length(description) <= 2000),
    kind text NOT NULL
        CONSTRAINT strategies_kind_pattern CHECK (kind ~ '^[a-z][a-z0-9_]*$' AND char_length(kind) <= 64),
    parameters jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT strategies_parameters_object CHECK (jsonb_typeof(parameters) = 'object')
        CONSTRAINT strategies_parameters_size CHECK (octet_length(parameters::text) <= 65536),
    status text NOT NULL DEFAULT 'draft'
        CONSTRAINT strategies_status_known CHECK (status IN ('draft', 'active', 'archived')),
    version bigint NOT NULL DEFAULT 1
        CONSTRAINT strategies_version_positive CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE UNIQUE INDEX strategies_name_key ON strategies (name) WHERE status <> 'archived';
CREATE INDEX strategies_status_id ON strategies (status, id);
CREATE INDEX strategies_kind_id ON strategies (kind, id);
CREATE INDEX strategies_kind_status_id ON strategies (kind, status, id);
CREATE INDEX strategies_name_trgm ON strategies USING gin (name gin_trgm_ops);

CREATE TABLE strategy_versions (
    strategy_id uuid NOT NULL REFERENCES strategies ON DELETE CASCADE,
    version bigint NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    kind text NOT NULL,
    parameters jsonb NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (strategy_id, version)
);

-- The schema keeps the promise "every change is a version", whoever writes: an update that changes something raises the
-- version, one that changes nothing does not.
CREATE FUNCTION strategies_raise_version() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.id := OLD.id;
    NEW.created_at := OLD.created_at;
    NEW.updated_at := OLD.updated_at;
    NEW.version := OLD.version;
    IF NEW IS DISTINCT FROM OLD THEN
        NEW.version := OLD.version + 1;
        NEW.updated_at := greatest(now(), OLD.updated_at);
    END IF;
    RETURN NEW;
END
$$;

CREATE FUNCTION strategies_keep_version() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO strategy_versions (strategy_id, version, name, description, kind, parameters, status, created_at)
    VALUES (NEW.id, NEW.version, NEW.name, NEW.description, NEW.kind, NEW.parameters, NEW.status, NEW.updated_at);
    RETURN NULL;
END
$$;

CREATE FUNCTION strategy_versions_refuse_update() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION 'a version of a strategy is immutable' USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER strategies_raise_version BEFORE UPDATE ON strategies
    FOR EACH ROW EXECUTE FUNCTION strategies_raise_version();
CREATE TRIGGER strategies_keep_first_version AFTER INSERT ON strategies
    FOR EACH ROW EXECUTE FUNCTION strategies_keep_version();
CREATE TRIGGER strategies_keep_version AFTER UPDATE ON strategies
    FOR EACH ROW WHEN (NEW.version <> OLD.version) EXECUTE FUNCTION strategies_keep_version();
CREATE TRIGGER strategy_versions_refuse_update BEFORE UPDATE ON strategy_versions
    FOR EACH ROW EXECUTE FUNCTION strategy_versions_refuse_update();

-- migrate:down

DROP TABLE strategy_versions;
DROP TABLE strategies;
DROP FUNCTION strategy_versions_refuse_update();
DROP FUNCTION strategies_keep_version();
DROP FUNCTION strategies_raise_version();
DROP FUNCTION jsonb_merge_patch(jsonb, jsonb);
DROP FUNCTION rfc3339(timestamptz);
DROP FUNCTION uuid_v7();
-- pg_trgm stays: others may use it by now.
