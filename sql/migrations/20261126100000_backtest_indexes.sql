-- Indexes of what is queued, of what is running and of what has ended: a claim reads none of what is finished, and old
-- results are found by their age. A file of its own, since it reads the whole table: while it does, reads go on.
-- migrate:up

-- In the order of claims. A heartbeat changes nothing that is in an index.
CREATE INDEX backtests_queued ON backtests (id) WHERE status = 'queued';
CREATE INDEX backtests_running ON backtests (id) WHERE status = 'running';
CREATE INDEX backtests_finished ON backtests (finished_at, id) WHERE finished_at IS NOT NULL;

-- A claim passes over what has left these indexes until a vacuum removes it. By default one comes after a fifth of the
-- table has changed, which is too rare for a table that mostly holds what is finished, and it may leave indexes alone.
ALTER TABLE backtests SET (
    autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, vacuum_index_cleanup = on);

-- migrate:down

ALTER TABLE backtests RESET (
    autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold, vacuum_index_cleanup);
DROP INDEX backtests_finished;
DROP INDEX backtests_running;
DROP INDEX backtests_queued;
