#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/number.h"
#include "base/pgtext.h"
#include "pg/internal.h"
#include "pg/words.h"

static const char balance_word[] = "load_balance_hosts";

void pg_words_add(struct pg_words *w, const char *keyword, const char *value)
{
    w->keywords = mem_realloc(w->keywords, (w->count + 2) * sizeof(*w->keywords));
    w->values = mem_realloc(w->values, (w->count + 2) * sizeof(*w->values));
    w->keywords[w->count] = mem_strdup(keyword);
    w->values[w->count] = mem_strdup(value);
    w->count++;
    w->keywords[w->count] = w->values[w->count] = NULL;
}

void pg_words_clear(struct pg_words *w)
{
    for (size_t i = 0; i < w->count; i++) {
        free((char *)w->keywords[i]);
        explicit_bzero(w->values[i], strlen(w->values[i])); /* the password is among them */
        free(w->values[i]);
    }
    free(w->keywords);
    free(w->values);
    *w = (struct pg_words){0};
}

static const char *target_value(const PQconninfoOption *info, const char *keyword)
{
    for (; info->keyword != NULL; info++) {
        if (strcmp(info->keyword, keyword) == 0) return info->val == NULL || info->val[0] == '\0' ? NULL : info->val;
    }
    return NULL;
}

static void target_refuse(struct pg_target *t, const char *why)
{
    if (t->refusal == NULL) t->refusal = mem_strdup(why);
}

/*
 * If the "@", "/" or ":" of a password is not percent-encoded, parts of the password become other fields, and libpq
 * would quote them in its messages. So these checks come before libpq looks, and their reasons quote nothing.
 */
static void target_check(struct pg_target *t, const PQconninfoOption *info)
{
    const char *host = target_value(info, "host");
    const char *port = target_value(info, "port");

    if (host != NULL && strchr(host, '@') != NULL && host[0] != '@')
        target_refuse(t, "the connection string has an \"@\" in its host; in a password, write it as %40");
    if (port != NULL && port[strspn(port, "0123456789,")] != '\0')
        target_refuse(t, "the connection string has a port that is not a number; in a password, write \"/\" as %2F");
}

/* What is chosen among hosts with is not for a single attempt. */
static bool target_is_own(const char *keyword)
{
    static const char *const own[] = {"host", "hostaddr", "port", "target_session_attrs", balance_word};

    for (size_t i = 0; i < countof(own); i++) {
        if (strcmp(keyword, own[i]) == 0) return true;
    }
    return false;
}

/* Takes the next element off a list of libpq's; NULL if it is empty or not there. */
static char *target_next(struct slice *list)
{
    const struct slice one = slice_cut(list, ',');

    return one.len == 0 ? NULL : mem_strndup(one.data, one.len);
}

static size_t target_count(const char *list)
{
    size_t count = 1;

    for (; *list != '\0'; list++) count += *list == ',';
    return count;
}

bool pg_is_numeric(const char *host)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;

    if (getaddrinfo(host, NULL, &hints, &found) != 0) return false;
    freeaddrinfo(found);
    return true;
}

static void target_set_hosts(struct pg_target *t, const PQconninfoOption *info)
{
    const char *host = target_value(info, "host");
    const char *address = target_value(info, "hostaddr");
    const char *port = target_value(info, "port");
    struct slice hosts = slice_of(host), addresses = slice_of(address), ports = slice_of(port);
    const bool one_port = memchr(ports.data == NULL ? "" : ports.data, ',', ports.len) == NULL;

    t->host_count = address != NULL ? target_count(address) : host != NULL ? target_count(host) : 1;
    if (t->host_count > PG_HOSTS_MAX) {
        t->host_count = 0;
        target_refuse(t, "the connection string has more than 32 hosts");
        return;
    }
    t->hosts = mem_array(t->host_count, sizeof(*t->hosts));
    for (size_t i = 0; i < t->host_count; i++) {
        struct pg_host *one = &t->hosts[i];

        one->name = target_next(&hosts);
        one->address = target_next(&addresses);
        one->port = one_port ? (port == NULL ? NULL : mem_strdup(port)) : target_next(&ports);
        one->by_name = one->address == NULL && one->name != NULL && one->name[0] != '/' && one->name[0] != '@' &&
                       !pg_is_numeric(one->name);
    }
}

static void target_set_choice(struct pg_target *t, const PQconninfoOption *info, const char *balance)
{
    static const char *const known[] = {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"};
    const char *attributes = target_value(info, "target_session_attrs");
    const char *timeout = target_value(info, "connect_timeout");
    uint64_t seconds = 0;
    bool found = attributes == NULL;

    for (size_t i = 0; !found && i < countof(known); i++) found = strcmp(attributes, known[i]) == 0;
    if (!found)
        target_refuse(t, "target_session_attrs is not one of any, read-write, read-only, primary, standby, "
                         "prefer-standby");
    t->attributes = attributes == NULL ? NULL : mem_strdup(attributes);
    if (balance == NULL) balance = target_value(info, balance_word);
    if (balance == NULL && !t->knows_balancing) balance = getenv("PGLOADBALANCEHOSTS");
    t->balanced = balance != NULL && strcmp(balance, "random") == 0;
    if (balance != NULL && balance[0] != '\0' && !t->balanced && strcmp(balance, "disable") != 0)
        target_refuse(t, "load_balance_hosts is neither random nor disable");
    /* As libpq does: no less than 2 s. What is not a number it refuses itself. */
    if (timeout != NULL && number_parse_u64(slice_of(timeout), &seconds) && seconds > 0)
        t->longest_try_ms = seconds < 2 ? 2000 : seconds > 86400 ? 86400000 : (unsigned)seconds * 1000;
}

/*
 * Environment, service file and libpq's own defaults have a say, too. So libpq is asked what it would use, with a word
 * that it refuses before it looks at any host.
 */
static void target_ask_libpq(struct pg_target *t, const PQconninfoOption *given, const char *balance)
{
    static const char refused[] = "ssl_min_protocol_version";
    struct pg_words words = {0};

    for (const PQconninfoOption *o = given; o->keyword != NULL; o++) {
        if (o->val != NULL) pg_words_add(&words, o->keyword, o->val);
    }
    pg_words_add(&words, "password", "-"); /* libpq would look for one in a file */
    pg_words_add(&words, refused, "-");
    PGconn *conn = PQconnectStartParams(words.keywords, (const char *const *)words.values, 0);
    PQconninfoOption *info = conn == NULL ? NULL : PQconninfo(conn);

    if (info == NULL) mem_die(0);
    target_set_choice(t, info, balance);
    target_set_hosts(t, info);
    if (strstr(PQerrorMessage(conn), refused) == NULL) {
        struct slice rest = slice_of(PQerrorMessage(conn)), line = SLICE_LIT("libpq does not take it");

        (void)pgtext_next_line(&rest, &line);
        char *why = mem_printf("the connection string, or a PG* variable, cannot be used: %.*s", SLICE_FMT(line));

        target_refuse(t, why);
        free(why);
    }
    PQconninfoFree(info);
    PQfinish(conn);
    pg_words_clear(&words);
}

static bool target_knows_balancing(void)
{
    PQconninfoOption *all = PQconninfoParse("", NULL);
    bool knows = false;

    for (const PQconninfoOption *o = all; o != NULL && o->keyword != NULL; o++)
        knows = knows || strcmp(o->keyword, balance_word) == 0;
    PQconninfoFree(all);
    return knows;
}

struct pg_target *pg_target_new(const char *conninfo)
{
    struct pg_target *t = mem_zalloc(sizeof(*t));
    PQconninfoOption *info = PQconninfoParse(conninfo, NULL);
    char *balance = NULL;

    t->knows_balancing = target_knows_balancing();
    if (info == NULL && !t->knows_balancing) {
        char *known = words_without(conninfo, balance_word, &balance);

        if (known != NULL) info = PQconninfoParse(known, NULL);
        free(known);
    }
    if (info == NULL) {
        target_refuse(t, "the connection string cannot be parsed");
    } else {
        for (const PQconninfoOption *o = info; o->keyword != NULL; o++) {
            if (o->val != NULL && o->val[0] != '\0' && !target_is_own(o->keyword))
                pg_words_add(&t->words, o->keyword, o->val);
        }
        t->given = t->words.count;
        target_check(t, info);
        if (t->refusal == NULL) target_ask_libpq(t, info, balance);
        PQconninfoFree(info);
    }
    free(balance);
    return t;
}

void pg_target_free(struct pg_target *t)
{
    if (t == NULL) return;
    pg_dial_stop(t);
    for (size_t i = 0; i < t->host_count; i++) pg_host_clear(&t->hosts[i]);
    for (size_t i = 0; i < PG_TRIES_MAX; i++) buf_clear(&t->said[i]);
    pg_words_clear(&t->words);
    free(t->hosts);
    free(t->attributes);
    free(t->refusal);
    free(t);
}

const char *pg_target_refusal(const struct pg_target *t)
{
    return t->refusal;
}

const char *pg_target_given(const struct pg_target *t, const char *keyword)
{
    for (size_t i = 0; i < t->given; i++) {
        if (strcmp(t->words.keywords[i], keyword) == 0) return t->words.values[i];
    }
    return NULL;
}

void pg_target_set(struct pg_target *t, const char *keyword, const char *value)
{
    pg_words_add(&t->words, keyword, value);
}

void pg_target_notices(struct pg_target *t, void (*receive)(void *arg, const struct pg_result *notice), void *arg)
{
    t->receive = receive;
    t->receive_arg = arg;
}

void pg_target_resolver(struct pg_target *t, lookup_fn *resolve)
{
    t->resolve = resolve;
}
