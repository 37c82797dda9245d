#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "db/internal.h"

static void target_add(struct db_target *t, const char *keyword, char *value)
{
    t->keywords[t->count] = keyword;
    t->values[t->count++] = value;
}

static const char *target_given(const PQconninfoOption *info, const char *keyword)
{
    for (; info->keyword != NULL; info++) {
        if (strcmp(info->keyword, keyword) == 0) return info->val == NULL || info->val[0] == '\0' ? NULL : info->val;
    }
    return NULL;
}

/*
 * If the "@", "/" or ":" of a password is not percent-encoded, parts of the password become other fields, and libpq
 * would quote them in its messages. So these checks come before libpq looks, and their reasons quote nothing.
 */
static const char *target_refusal(const PQconninfoOption *info)
{
    const char *host = target_given(info, "host");
    const char *port = target_given(info, "port");

    if (host != NULL && strchr(host, '@') != NULL && host[0] != '@')
        return "the connection string has an \"@\" in its host; in a password, write it as %40";
    if (port != NULL && port[strspn(port, "0123456789,")] != '\0')
        return "the connection string has a port that is not a number; in a password, write \"/\" as %2F";
    return NULL;
}

/* If a setting is there twice, the server takes the last one: so what we depend on comes after the operator's own. */
static char *target_session_options(const char *own, const struct db_options *o)
{
    if (own == NULL) own = getenv("PGOPTIONS");
    return mem_printf("%s -c statement_timeout=%u -c lock_timeout=%u -c idle_in_transaction_session_timeout=%u "
                      "-c TimeZone=UTC -c DateStyle=ISO -c IntervalStyle=iso_8601 -c bytea_output=hex",
                      own == NULL ? "" : own, o->limits.statement_timeout_ms, o->limits.lock_timeout_ms,
                      o->limits.idle_in_transaction_timeout_ms);
}

/* TCP notices a dead host even while a long statement runs. The connection string may set other values. */
static void target_add_keepalive(struct db_target *t, const PQconninfoOption *info, const struct db_options *o)
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
        if (target_given(info, settings[i].keyword) == NULL && settings[i].value > 0)
            target_add(t, settings[i].keyword, mem_printf("%u", settings[i].value));
    }
}

void db_target_init(struct db_target *t, const struct db_options *o)
{
    PQconninfoOption *info = PQconninfoParse(o->conninfo, NULL);

    memset(t, 0, sizeof(*t));
    if (info == NULL) {
        t->refusal = "the connection string cannot be parsed";
        return;
    }
    t->refusal = target_refusal(info);
    /* This is first, because libpq expands it in place, and later keywords win over it. */
    target_add(t, "dbname", mem_strdup(o->conninfo));
    target_add(t, "options", target_session_options(target_given(info, "options"), o));
    target_add(t, "client_encoding", mem_strdup("UTF8"));
    if (o->application_name != NULL) target_add(t, "fallback_application_name", mem_strdup(o->application_name));
    target_add_keepalive(t, info, o);
    PQconninfoFree(info);
}

void db_target_clear(struct db_target *t)
{
    for (size_t i = 0; i < t->count; i++) free(t->values[i]);
    memset(t, 0, sizeof(*t));
}
