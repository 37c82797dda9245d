-- Backtests: requests to try one version of a strategy. A strategy that has one is archived instead of deleted.
-- migrate:up

CREATE TABLE backtests (
    id uuid PRIMARY KEY DEFAULT uuid_v7(),
    strategy_id uuid NOT NULL,
    strategy_version bigint NOT NULL,
    symbol text NOT NULL
        CONSTRAINT backtests_symbol_length CHECK (char_length(symbol) BETWEEN 1 AND 32),
    timeframe text NOT NULL
        CONSTRAINT backtests_timeframe_known CHECK (timeframe IN ('1m', '5m', '15m', '1h', '4h', '1d')),
    "start" timestamptz NOT NULL,
    "end" timestamptz NOT NULL,
    initial_capital numeric NOT NULL
        CONSTRAINT backtests_initial_capital_positive CHECK (initial_capital > 0),
    status text NOT NULL DEFAULT 'queued'
        CONSTRAINT backtests_status_known CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    progress numeric NOT NULL DEFAULT 0
        CONSTRAINT backtests_progress_range CHECK (progress BETWEEN 0 AND 1),
    metrics jsonb
        CONSTRAINT backtests_metrics_object CHECK (jsonb_typeof(metrics) = 'object'),
    error jsonb
        CONSTRAINT backtests_error_object CHECK (jsonb_typeof(error) = 'object'),
    attempts integer NOT NULL DEFAULT 0
        CONSTRAINT backtests_attempts_range CHECK (attempts >= 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT backtests_span CHECK ("start" < "end"),
    CONSTRAINT backtests_strategy_version_fkey FOREIGN KEY (strategy_id, strategy_version)
        REFERENCES strategy_versions (strategy_id, version)
);

CREATE INDEX backtests_strategy ON backtests (strategy_id, id);

-- migrate:down

DROP TABLE backtests;
