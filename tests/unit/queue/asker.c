#include "asker.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"

enum { ASKER_PATIENCE_MS = 120000, ASKER_TURN_MS = 20 };

const char *asker_sql(struct asker *asker, const char *sql)
{
    PGresult *result = PQexec(asker->control, sql);
    const ExecStatusType status = PQresultStatus(result);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        fprintf(stderr, "%.200s: %s", sql, PQerrorMessage(asker->control));
        CU_FAIL_FATAL("the statement failed");
    }
    snprintf(asker->value, sizeof(asker->value), "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return asker->value;
}

static void asker_on_state(void *arg, enum db_state state, const char *reason)
{
    struct asker *asker = arg;

    (void)reason;
    asker->state = state;
    if (state != DB_STATE_READY) return;
    asker->times_ready++;
    if (asker->on_ready != NULL) asker->on_ready(asker);
}

void asker_until(struct asker *asker, const unsigned *flag, unsigned count)
{
    const uint64_t deadline_ms = clock_monotonic_ms() + ASKER_PATIENCE_MS;
    const struct timeval turn = {.tv_usec = ASKER_TURN_MS * 1000};

    while (*flag < count && clock_monotonic_ms() < deadline_ms) {
        event_base_loopexit(asker->base, &turn);
        event_base_loop(asker->base, EVLOOP_ONCE);
    }
    CU_ASSERT_FATAL(*flag >= count);
}

static const char asker_table[] = "CREATE TABLE told (n integer GENERATED ALWAYS AS IDENTITY, what text);"
                                  "CREATE SEQUENCE tries;";

void asker_open(struct asker *asker, const char *sql, const struct db_statement *const *statements, size_t count)
{
    const char *url = getenv("STRATSLAB_TEST_DATABASE_URL");
    static unsigned number;
    char make[128];

    if (url == NULL || url[0] == '\0') {
        fprintf(stderr, "STRATSLAB_TEST_DATABASE_URL is not set: these tests need a private PostgreSQL, and the "
                        "connection string of a superuser in it\n");
        exit(1);
    }
    snprintf(asker->schema, sizeof(asker->schema), "asker_test_%d_%u", getpid(), ++number);
    asker->conninfo =
        mem_printf("%s%coptions=-csearch_path%%3D%s", url, strchr(url, '?') == NULL ? '?' : '&', asker->schema);
    asker->control = PQconnectdb(asker->conninfo);
    CU_ASSERT_FATAL(PQstatus(asker->control) == CONNECTION_OK);
    snprintf(make, sizeof(make), "SET client_min_messages = warning; CREATE SCHEMA %s", asker->schema);
    asker_sql(asker, make);
    asker_sql(asker, asker_table);
    asker_sql(asker, sql);
    asker->base = event_base_new();
    asker->db = db_new(asker->base,
                       &(struct db_options){
                           .conninfo = asker->conninfo,
                           .application_name = "test_queue",
                           .limits = {.connect_timeout_ms = 10000,
                                      .statement_timeout_ms = 60000,
                                      .lock_timeout_ms = 10000,
                                      .idle_in_transaction_timeout_ms = 10000,
                                      .queue_max = 64},
                           .backoff_min_ms = 20,
                           .backoff_max_ms = 100,
                           .retry_window_ms = 10000,
                           .probe_interval_ms = 5000,
                           .probe_timeout_ms = 30000,
                           .statements = statements,
                           .statement_count = count,
                       },
                       asker_on_state, asker);
    asker_until(asker, &asker->times_ready, 1);
}

void asker_close(struct asker *asker)
{
    char drop[128];

    db_free(asker->db);
    snprintf(drop, sizeof(drop), "DROP SCHEMA %s CASCADE", asker->schema);
    asker_sql(asker, drop);
    PQfinish(asker->control);
    event_base_free(asker->base);
    free(asker->conninfo);
}
