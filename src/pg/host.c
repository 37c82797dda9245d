#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "pg/internal.h"

/* The name server has answered: there is no such name, or it has no address. */
static bool host_is_unknown(int status)
{
#ifdef EAI_NODATA
    if (status == EAI_NODATA) return true;
#endif
    return status == EAI_NONAME;
}

static void host_keep(struct pg_host *host, const struct addrinfo *found)
{
    struct pg_addresses *kept = &host->kept;

    kept->count = 0;
    for (; found != NULL && kept->count < PG_ADDRESSES_MAX; found = found->ai_next) {
        if (getnameinfo(found->ai_addr, found->ai_addrlen, kept->text[kept->count], PG_ADDRESS_BYTES, NULL, 0,
                        NI_NUMERICHOST) == 0) {
            kept->count++;
        }
    }
}

/* The look-up is done. */
static void host_take(struct pg_host *host)
{
    host->status = lookup_status(host->lookup);
    if (host->status == 0) host_keep(host, lookup_found(host->lookup));
    if (host->status != EAI_AGAIN) host->waited_ms = 0;
    lookup_drop(host->lookup);
    host->lookup = NULL;
}

static bool host_may_look_up(const struct pg_target *t)
{
    size_t under_way = 0;

    for (size_t i = 0; i < t->host_count; i++) under_way += t->hosts[i].lookup != NULL;
    return under_way < PG_LOOKUPS_MAX;
}

void pg_host_begin(struct pg_target *t, struct pg_host *host)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    if (host->lookup != NULL && lookup_is_done(host->lookup)) host_take(host);
    host->status = LOOKUP_NO_ANSWER;
    host->was_late = host->lookup != NULL;
    if (host->was_late || !host_may_look_up(t)) return;
    host->lookup = lookup_start(host->name, NULL, &hints, t->resolve);
    if (host->lookup == NULL) host->status = EAI_SYSTEM;
}

bool pg_host_known(struct pg_host *host)
{
    if (host->lookup != NULL && lookup_is_done(host->lookup)) host_take(host);
    return host->lookup == NULL;
}

unsigned pg_host_patience_ms(const struct pg_target *t, const struct pg_host *host, unsigned share_ms)
{
    if (t->pass > 0 || (host->was_late && host->kept.count > 0)) return 0;
    return host->kept.count > 0 && share_ms > PG_KEPT_WAIT_MS ? PG_KEPT_WAIT_MS : share_ms;
}

size_t pg_host_tries(const struct pg_host *host)
{
    return host->by_name && host->kept.count > 0 ? host->kept.count : 1;
}

static void host_shuffle(struct pg_addresses *addresses)
{
    for (size_t i = addresses->count; i > 1; i--) {
        const size_t other = random_between(0, i - 1);
        char text[PG_ADDRESS_BYTES];

        memcpy(text, addresses->text[i - 1], sizeof(text));
        memcpy(addresses->text[i - 1], addresses->text[other], sizeof(text));
        memcpy(addresses->text[other], text, sizeof(text));
    }
}

/* One outage has one text, whether a look-up hangs now, hung before, or has given up meanwhile: it is not said anew
 * each time. */
static void host_say(struct pg_target *t, struct pg_host *host, const char *more)
{
    const bool silent = host->status == LOOKUP_NO_ANSWER || host->status == EAI_AGAIN;
    char waited[32];

    if (host->status == LOOKUP_NO_ANSWER && host->waited_ms == 0) host->waited_ms = t->try_ms;
    if (!silent) {
        pg_say(t, "could not translate host name \"%s\" to address: %s%s", host->name, lookup_strerror(host->status),
               more);
    } else if (host->waited_ms > 0) {
        pg_duration(host->waited_ms, waited, sizeof(waited));
        pg_say(t, "no answer from the name server for \"%s\" within %s%s", host->name, waited, more);
    } else {
        pg_say(t, "no answer from the name server for \"%s\"%s", host->name, more);
    }
}

bool pg_host_addresses(struct pg_target *t, struct pg_host *host)
{
    t->tried.count = 0;
    if (host->address != NULL) {
        snprintf(t->tried.text[0], PG_ADDRESS_BYTES, "%s", host->address);
        t->tried.count = 1;
    } else if (host->by_name) {
        const bool unknown = host_is_unknown(host->status);

        if (!unknown) t->tried = host->kept;
        if (host->status != 0) host_say(t, host, t->tried.count > 0 ? "; its last addresses were tried" : "");
        if (host->status == 0 && t->tried.count == 0) pg_say(t, "the name \"%s\" has no address", host->name);
        if (t->tried.count == 0) return false;
        if (t->balanced) host_shuffle(&t->tried);
    }
    return true;
}

void pg_host_prefer(struct pg_host *host, const char *address)
{
    struct pg_addresses *kept = &host->kept;

    for (size_t i = 1; i < kept->count; i++) {
        if (strcmp(kept->text[i], address) != 0) continue;
        char text[PG_ADDRESS_BYTES];

        memcpy(text, kept->text[i], sizeof(text));
        memmove(kept->text[1], kept->text[0], i * sizeof(text));
        memcpy(kept->text[0], text, sizeof(text));
        return;
    }
}

void pg_target_addresses(const struct pg_target *t, char *out, size_t size)
{
    struct buf text = {0};

    out[0] = '\0';
    for (size_t i = 0; i < t->host_count; i++) {
        const struct pg_host *host = &t->hosts[i];

        if (!host->by_name || host->kept.count == 0) continue;
        if (text.len > 0) buf_add_char(&text, ' ');
        buf_printf(&text, "%s=", host->name);
        for (size_t k = 0; k < host->kept.count; k++) {
            if (text.len + strlen(host->kept.text[k]) + 2 > size) break;
            buf_printf(&text, "%s%s", k > 0 ? "," : "", host->kept.text[k]);
        }
        if (text.len >= size) break;
        snprintf(out, size, "%s", buf_cstr(&text));
    }
    buf_clear(&text);
}

static void host_recall(struct pg_host *host, struct slice addresses)
{
    while (addresses.data != NULL && host->kept.count < PG_ADDRESSES_MAX) {
        const struct slice one = slice_cut(&addresses, ',');
        char *text = host->kept.text[host->kept.count];

        if (one.len == 0 || one.len >= PG_ADDRESS_BYTES) continue;
        memcpy(text, one.data, one.len);
        text[one.len] = '\0';
        if (pg_is_numeric(text)) host->kept.count++;
    }
}

void pg_target_recall(struct pg_target *t, const char *text)
{
    struct slice rest = slice_of(text);

    while (rest.data != NULL) {
        struct slice addresses = slice_cut(&rest, ' ');
        const struct slice name = slice_cut(&addresses, '=');

        for (size_t i = 0; i < t->host_count; i++) {
            struct pg_host *host = &t->hosts[i];

            if (host->by_name && host->kept.count == 0 && slice_is(name, host->name)) host_recall(host, addresses);
        }
    }
}

void pg_host_clear(struct pg_host *host)
{
    lookup_drop(host->lookup);
    free(host->name);
    free(host->address);
    free(host->port);
}
