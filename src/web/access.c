#include "web/access.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "conf/conf.h"
#include "http/http.h"

struct access_log {
    struct event *flush; /* after what the loop still has to do in this turn */
    unsigned share;      /* as struct conf's log_access */
    char share_text[sizeof("0.000001")];
    uint64_t slow_ns;
    uint64_t random; /* state of the generator, never 0 */
};

static void access_log_on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
    log_flush();
}

int access_log_new(struct event_base *base, const struct conf *conf, struct access_log **ret_log, struct error *err)
{
    struct access_log *log = mem_zalloc(sizeof(*log));

    log->share = conf->log.access;
    snprintf(log->share_text, sizeof(log->share_text), "0.%06u", log->share % CONF_SHARE_ALL);
    for (size_t len = strlen(log->share_text); log->share_text[len - 1] == '0'; len--) log->share_text[len - 1] = '\0';
    log->slow_ns = (uint64_t)conf->log.slow_ms * 1000000U;
    log->random = random_u64() | 1;
    log->flush = event_new(base, -1, 0, access_log_on_flush, NULL);
    *ret_log = log;
    return log->flush == NULL ? error_set(err, ERROR_SYSTEM, "cannot make an event") : 0;
}

void access_log_free(struct access_log *log)
{
    if (log == NULL) return;
    log_flush();
    if (log->flush != NULL) event_free(log->flush);
    free(log);
}

/* By chance, and not every n-th request: of clients that take turns, some would never be logged, and others always. The
 * generator is xorshift64. */
static bool access_log_picks(struct access_log *log)
{
    log->random ^= log->random << 13;
    log->random ^= log->random >> 7;
    log->random ^= log->random << 17;
    return (log->random >> 32) % CONF_SHARE_ALL < log->share;
}

void access_log_add(struct access_log *log, const struct http_record *record)
{
    const bool all = log->share == CONF_SHARE_ALL;

    if (log->share == CONF_SHARE_OFF || !log_wants(LOG_LEVEL_INFO)) return;
    bool always = all || record->status >= 500 || record->duration_ns >= log->slow_ns;

    if (!always && !access_log_picks(log)) return;

    enum { COMMON_FIELDS = 8, MORE_FIELDS = 2 };
    struct log_field fields[COMMON_FIELDS + MORE_FIELDS] = {
        LOG_STR("method", record->method_known ? http_method_name(record->method) : "-"),
        LOG_STR("route", record->route == NULL ? "-" : record->route->path),
        LOG_SLICE("target", record->target),
        LOG_UINT("status", record->status),
        LOG_UINT("bytes", record->out_bytes),
        LOG_MS("duration_ms", record->duration_ns),
        LOG_ID("request_id", record->request_id),
        LOG_SLICE("peer", record->peer),
    };
    size_t count = COMMON_FIELDS;

    if (record->client.data != NULL) fields[count++] = LOG_SLICE("client", record->client);
    /* Whoever counts lines divides by this share. */
    if (!all) fields[count++] = LOG_STR("share", always ? "1" : log->share_text);
    if (log_write_soon(LOG_LEVEL_INFO, "request", fields, count)) {
        event_active(log->flush, EV_TIMEOUT, 0);
    }
}
