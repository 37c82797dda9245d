#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "db/internal.h"

const struct db_statement db_trust_statement = {.name = "checkTrust", .sql = pg_trust_sql, .access = DB_READ};

enum { TARGET_OWN_PINS = 3, TARGET_NUMBER_BYTES = 16 };

/* The time-outs of our settings. */
struct target_pins {
    struct pg_pin pins[TARGET_OWN_PINS];
    char values[TARGET_OWN_PINS][TARGET_NUMBER_BYTES];
};

static void target_pins_init(struct target_pins *t, const struct db_limits *limits)
{
    const struct {
        const char *name;
        unsigned ms;
    } own[TARGET_OWN_PINS] = {
        {"statement_timeout", limits->statement_timeout_ms},
        {"lock_timeout", limits->lock_timeout_ms},
        {"idle_in_transaction_session_timeout", limits->idle_in_transaction_timeout_ms},
    };

    for (size_t i = 0; i < countof(own); i++) {
        snprintf(t->values[i], sizeof(t->values[i]), "%u", own[i].ms);
        t->pins[i] = (struct pg_pin){own[i].name, t->values[i]};
    }
}

static char *target_session_options(const char *given, const struct db_options *o)
{
    struct target_pins own;

    target_pins_init(&own, &o->limits);
    return pg_pins_options(given, own.pins, countof(own.pins));
}

char *db_target_pins(const struct db_options *o)
{
    struct target_pins own;

    target_pins_init(&own, &o->limits);
    return pg_pins_sql(own.pins, countof(own.pins), PG_PATH_OWN, NULL);
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
