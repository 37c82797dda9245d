-- Access tokens: who may use the API where STRATSLAB_AUTH is token (docs/api.md).
-- migrate:up

CREATE TABLE access_tokens (
    id uuid PRIMARY KEY DEFAULT uuid_v7(),
    -- Can be told from an id, and does no harm on a terminal.
    name text COLLATE "C" NOT NULL
        CONSTRAINT access_tokens_name_pattern CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$')
        CONSTRAINT access_tokens_name_no_id CHECK (
            name !~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'),
    -- Of the token itself nothing is kept. It is 256 random bits: there is nothing to guess, so a fast hash is enough.
    sha256 bytea NOT NULL
        CONSTRAINT access_tokens_sha256_length CHECK (octet_length(sha256) = 32),
    scopes text[] NOT NULL
        CONSTRAINT access_tokens_scopes_known CHECK (scopes <@ ARRAY['read', 'write'] AND cardinality(scopes) > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz
        CONSTRAINT access_tokens_expires_at_year CHECK (expires_at >= '1970-01-01' AND expires_at < '10000-01-01'),
    revoked_at timestamptz,
    last_used_at timestamptz
);

CREATE UNIQUE INDEX access_tokens_name_key ON access_tokens (name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX access_tokens_sha256_key ON access_tokens (sha256);

-- Workers keep the tokens in memory, and ask each second whether this is another state. One row, which a change of tokens
-- locks until its commit: a worker cannot see the new state and miss the change.
CREATE TABLE access_tokens_state (
    only_row boolean PRIMARY KEY DEFAULT true
        CONSTRAINT access_tokens_state_only_row CHECK (only_row),
    state uuid NOT NULL
);
INSERT INTO access_tokens_state (state) VALUES (gen_random_uuid());

CREATE FUNCTION access_tokens_changed() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE access_tokens_state SET state = gen_random_uuid();
    RETURN NULL;
END
$$;

-- Not for last_used_at, which changes often and matters to no worker.
CREATE TRIGGER access_tokens_changed
    AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF id, name, sha256, scopes, expires_at, revoked_at ON access_tokens
    FOR EACH STATEMENT EXECUTE FUNCTION access_tokens_changed();

-- migrate:down

DROP TABLE access_tokens;
DROP FUNCTION access_tokens_changed();
DROP TABLE access_tokens_state;
