#include "queue/statements.h"

#include "base/attr.h"
#include "queue/load.h"

#define QUEUE_LEASE "'1 minute'"
_Static_assert(QUEUE_LEASE_MS == 60000, "the lease of the statements is another one");

/* Bars open on whole milliseconds: the first one at or after a moment is the first one at or after the millisecond. */
const struct db_statement queue_claim = {
    .name = "queue_claim",
    .sql = "SELECT c.id, c.claim, c.kind, c.parameters, c.symbol, c.timeframe,\n"
           "    ceil(extract(epoch FROM c.start) * 1000)::bigint AS start_ms,\n"
           "    ceil(extract(epoch FROM c.\"end\") * 1000)::bigint AS end_ms,\n"
           "    c.initial_capital, c.execution, c.attempts,\n"
           "    c.execution->>'intrabar' = 'detail' AS detail,\n"
           "    coalesce(c.execution->'tick', '0') <> '0' AS own_tick,\n"
           "    coalesce(c.execution->'lot', '0') <> '0' AS own_lot\n"
           "FROM backtest_claim($1, " QUEUE_LEASE ", $2, $3) AS c",
    .access = DB_WRITE_ALONE,
    .param_count = 3,
    .params = {DB_TYPE_TEXT, DB_TYPE_TEXT_ARRAY, DB_TYPE_TEXT_ARRAY},
};

const struct db_statement queue_heartbeat = {
    .name = "queue_heartbeat",
    .sql = "SELECT backtest_heartbeat($1, $2, $3::double precision, " QUEUE_LEASE ") AS answer",
    .access = DB_WRITE_ALONE,
    .param_count = 3,
    .params = {DB_TYPE_UUID, DB_TYPE_UUID, DB_TYPE_TEXT},
};

const struct db_statement queue_put = {
    .name = "queue_put",
    .sql = "SELECT backtest_result_put($1, $2, $3::json) AS answer",
    .access = DB_WRITE_ALONE,
    .param_count = 3,
    .params = {DB_TYPE_UUID, DB_TYPE_UUID, DB_TYPE_TEXT},
};

const struct db_statement queue_fail = {
    .name = "queue_fail",
    .sql = "SELECT backtest_fail($1, $2, $3, $4) AS answer",
    .access = DB_WRITE_ALONE,
    .param_count = 4,
    .params = {DB_TYPE_UUID, DB_TYPE_UUID, DB_TYPE_JSONB, DB_TYPE_BOOL},
};

const struct db_statement queue_give_back = {
    .name = "queue_give_back",
    .sql = "SELECT backtest_give_back($1, $2) AS answer",
    .access = DB_WRITE_ALONE,
    .param_count = 2,
    .params = {DB_TYPE_UUID, DB_TYPE_UUID},
};

/* The index backtests_queued_kind has both: it costs as much as there is in the queue, up to a bound. The oldest is
 * that of the lowest id, which begins with the time. */
const struct db_statement queue_length = {
    .name = "queue_length",
    .sql = "SELECT (\n"
           "        SELECT count(*)\n"
           "        FROM (\n"
           "            SELECT\n"
           "            FROM backtests AS b\n"
           "            WHERE b.status = 'queued' AND b.kind = ANY ($1)\n"
           "            LIMIT 10000) AS queued) AS backtests,\n"
           "    (\n"
           "        SELECT greatest(0, extract(epoch FROM clock_timestamp() - min(oldest.created_at)) * 1000)::bigint\n"
           "        FROM unnest($1) AS k(kind)\n"
           "            CROSS JOIN LATERAL (\n"
           "                SELECT b.created_at\n"
           "                FROM backtests AS b\n"
           "                WHERE b.status = 'queued' AND b.kind = k.kind\n"
           "                ORDER BY b.id\n"
           "                LIMIT 1) AS oldest) AS oldest_ms",
    .access = DB_READ,
    .param_count = 1,
    .params = {DB_TYPE_TEXT_ARRAY},
};

const struct db_statement *const *queue_statements(size_t *ret_count)
{
    static const struct db_statement *all[6 + LOAD_STATEMENTS] = {&queue_claim, &queue_heartbeat, &queue_put,
                                                                  &queue_fail,  &queue_give_back, &queue_length};

    for (size_t i = 0; i < LOAD_STATEMENTS; i++) all[6 + i] = load_statements[i];
    *ret_count = countof(all);
    return all;
}
