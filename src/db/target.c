#include <stdlib.h>

#include "base/mem.h"
#include "db/internal.h"

/* If a setting is there twice, the server takes the last one: so what we depend on comes after the operator's own. */
static char *target_session_options(const char *own, const struct db_options *o)
{
    if (own == NULL) own = getenv("PGOPTIONS");
    return mem_printf("%s -c statement_timeout=%u -c lock_timeout=%u -c idle_in_transaction_session_timeout=%u "
                      "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601 -c bytea_output=hex",
                      own == NULL ? "" : own, o->limits.statement_timeout_ms, o->limits.lock_timeout_ms,
                      o->limits.idle_in_transaction_timeout_ms);
}

static void target_set(struct pg_target *t, const char *keyword, char *value)
{
    pg_target_set(t, keyword, value);
    free(value);
}

/* TCP notices a dead host even while a long statement runs. The connection string may set other values. */
static void target_set_keepalive(struct pg_target *t, const struct db_options *o)
{
    const struct {
        const char *keyword;
        unsigned value;
    } settings[] = {
        {"keepalives_idle", (o->probe_interval_ms + 999) / 1000},
        {"keepalives_interval", (o->probe_timeout_ms + 2999) / 3000},
        {"keepalives_count", 3},
        {"tcp_user_timeout", o->probe_timeout_ms},
    };

    for (size_t i = 0; i < countof(settings); i++) {
        if (pg_target_given(t, settings[i].keyword) == NULL && settings[i].value > 0)
            target_set(t, settings[i].keyword, mem_printf("%u", settings[i].value));
    }
}

struct pg_target *db_target_new(const struct db_options *o)
{
    struct pg_target *t = pg_target_new(o->conninfo);

    target_set(t, "options", target_session_options(pg_target_given(t, "options"), o));
    pg_target_set(t, "client_encoding", "UTF8");
    if (o->application_name != NULL) pg_target_set(t, "fallback_application_name", o->application_name);
    target_set_keepalive(t, o);
    return t;
}
