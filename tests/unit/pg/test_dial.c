/* Several hosts: who is tried, for how long, and which of them will do. */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "test_pg.h"

enum { ROUND_MS = 60000 }; /* never used up */

static void open_all(struct server *servers, const enum server_kind *kinds, size_t count)
{
    for (size_t i = 0; i < count; i++) server_open(&servers[i], kinds[i], "127.0.0.1", 0);
}

static void close_all(struct server *servers, size_t count)
{
    for (size_t i = 0; i < count; i++) server_close(&servers[i]);
}

static struct pg_target *target_of(const struct server *servers, size_t count, const char *more)
{
    char ports[128] = "", hosts[256] = "";

    for (size_t i = 0; i < count; i++) {
        snprintf(hosts + strlen(hosts), sizeof(hosts) - strlen(hosts), "%s127.0.0.1", i > 0 ? "," : "");
        snprintf(ports + strlen(ports), sizeof(ports) - strlen(ports), "%s%u", i > 0 ? "," : "",
                 server_port(&servers[i]));
    }
    return target_new("host=%s port=%s %s", hosts, ports, more);
}

/* Whose port it was; -1 if it failed. */
static int winner(struct pg_target *t, unsigned timeout_ms, struct server *servers, size_t count)
{
    const char *where = dial_where(t, timeout_ms, servers, count);
    char port[16];

    for (size_t i = 0; i < count; i++) {
        snprintf(port, sizeof(port), ":%u", server_port(&servers[i]));
        if (strstr(where, port) != NULL) return (int)i;
    }
    return -1;
}

/* The first one answers nothing: the second one has its time, too. */
static void test_silent_first(void)
{
    static const enum server_kind kinds[] = {SERVER_SILENT, SERVER_PRIMARY};
    struct server s[2];

    open_all(s, kinds, 2);
    struct pg_target *t = target_of(s, 2, "");

    UNIT_INT(winner(t, 200, s, 2), 1);
    CU_ASSERT(strstr(buf_cstr(&t->said[0]), "no answer in time") != NULL);
    pg_target_free(t);
    close_all(s, 2);
}

/* connect_timeout is a bound for each, as with libpq; the round's time is shared. */
static void test_times(void)
{
    struct server s;

    server_open(&s, SERVER_SILENT, "127.0.0.1", 0);
    struct pg_target *t =
        target_new("host=127.0.0.1,127.0.0.1,127.0.0.1,127.0.0.1 port=%u connect_timeout=3", server_port(&s));

    UNIT_INT(t->longest_try_ms, 3000);
    pg_dial_begin(t, 20000);
    struct pg_wait wait;

    UNIT_INT(pg_dial_go(t, &wait), PG_DIAL_WAITING);
    CU_ASSERT(t->try_ms <= 3000);
    t->longest_try_ms = 0;
    pg_dial_begin(t, 20000);
    UNIT_INT(pg_dial_go(t, &wait), PG_DIAL_WAITING);
    CU_ASSERT(t->try_ms > 3000 && t->try_ms <= 5000);
    pg_dial_begin(t, 2000);
    UNIT_INT(pg_dial_go(t, &wait), PG_DIAL_WAITING);
    UNIT_INT(t->try_ms, 1000);
    pg_dial_begin(t, 70);
    UNIT_INT(pg_dial_go(t, &wait), PG_DIAL_WAITING);
    UNIT_INT(t->try_ms, 70);
    pg_target_free(t);
    server_close(&s);
}

static void test_session_attributes(void)
{
    static const enum server_kind kinds[] = {SERVER_SILENT, SERVER_STANDBY, SERVER_PRIMARY};
    static const struct {
        const char *more;
        size_t first, count; /* of the three */
        int winner;
    } cases[] = {
        {"", 1, 2, 0},
        {"target_session_attrs=any", 1, 2, 0},
        {"target_session_attrs=read-write", 1, 2, 1},
        {"target_session_attrs=primary", 1, 2, 1},
        {"target_session_attrs=read-only", 1, 2, 0},
        {"target_session_attrs=standby", 1, 2, 0},
        {"target_session_attrs=standby", 2, 1, -1},
        {"target_session_attrs=primary", 1, 1, -1},
        {"target_session_attrs=prefer-standby", 2, 1, 0},
        {"target_session_attrs=prefer-standby", 0, 3, 1},
    };
    struct server s[3];

    open_all(s, kinds, 3);
    for (size_t i = 0; i < countof(cases); i++) {
        struct pg_target *t = target_of(s + cases[i].first, cases[i].count, cases[i].more);

        UNIT_INT(winner(t, cases[i].first == 0 ? 200 : ROUND_MS, s + cases[i].first, cases[i].count), cases[i].winner);
        pg_target_free(t);
    }
    close_all(s, 3);
}

/* The primary first, so that the first pass goes by it. */
static void test_prefer_standby_second(void)
{
    static const enum server_kind kinds[] = {SERVER_PRIMARY, SERVER_STANDBY};
    struct server s[2];

    open_all(s, kinds, 2);
    struct pg_target *t = target_of(s, 2, "target_session_attrs=prefer-standby");

    UNIT_INT(winner(t, ROUND_MS, s, 2), 1);
    pg_target_free(t);
    close_all(s, 2);
}

static void test_load_is_balanced(void)
{
    static const enum server_kind kinds[] = {SERVER_PRIMARY, SERVER_PRIMARY};
    unsigned won[2] = {0};

    for (int i = 0; i < 64 && (won[0] == 0 || won[1] == 0); i++) {
        struct server s[2];

        open_all(s, kinds, 2);
        struct pg_target *t = target_of(s, 2, "load_balance_hosts=random");
        const int who = winner(t, ROUND_MS, s, 2);

        CU_ASSERT_FATAL(who >= 0);
        won[who]++;
        pg_target_free(t);
        close_all(s, 2);
    }
    CU_ASSERT(won[0] > 0 && won[1] > 0);
}

/* A server that refuses does not keep us from the others; if all of them do, that is final. */
static void test_refusals(void)
{
    static const enum server_kind kinds[] = {SERVER_NO_PASSWORD, SERVER_PRIMARY, SERVER_STARTING};
    struct server s[3];

    open_all(s, kinds, 3);
    struct pg_target *t = target_of(s, 2, "");

    UNIT_INT(winner(t, ROUND_MS, s, 2), 1);
    pg_target_free(t);
    t = target_of(s, 1, "");
    UNIT_INT(winner(t, ROUND_MS, s, 1), -1);
    CU_ASSERT(pg_dial_refused(t));
    CU_ASSERT(strstr(pg_dial_reason(t), "no such luck") != NULL);
    CU_ASSERT(strchr(pg_dial_reason(t), '\n') == NULL && strstr(pg_dial_reason(t), "auth.c") == NULL);
    pg_target_free(t);
    s[1].kind = SERVER_STARTING;
    t = target_of(s, 3, "");
    UNIT_INT(winner(t, ROUND_MS, s, 3), -1);
    CU_ASSERT(!pg_dial_refused(t)); /* the others may come up */
    CU_ASSERT(strstr(pg_dial_reason(t), "no such luck") != NULL && strstr(pg_dial_reason(t), "starting now") != NULL);
    pg_target_free(t);
    close_all(s, 3);
    /* One name, of which one address is nobody's: the other one has refused for the host. */
    server_open(&s[0], SERVER_NO_PASSWORD, "127.0.0.2", 0);
    t = target_new("host=two port=%u", server_port(&s[0]));
    UNIT_INT(winner(t, ROUND_MS, s, 1), -1);
    CU_ASSERT(pg_dial_refused(t));
    pg_target_free(t);
    server_close(&s[0]);
}

/* Each with its reason. */
static void test_nobody(void)
{
    const unsigned port = server_no_port();
    struct pg_target *t = target_new("host=127.0.0.1,/nowhere,nobody port=%u", port);

    UNIT_INT(dial_run(t, ROUND_MS, NULL, 0), PG_DIAL_FAILED);
    CU_ASSERT(strstr(pg_dial_reason(t), "\"127.0.0.1\"") != NULL);
    CU_ASSERT(strstr(pg_dial_reason(t), "Connection refused") != NULL);
    CU_ASSERT(strstr(pg_dial_reason(t), "\"/nowhere/.s.PGSQL.") != NULL);
    CU_ASSERT(strstr(pg_dial_reason(t), "\"nobody\"") != NULL);
    /* A later round says what it found itself. */
    UNIT_INT(dial_run(t, ROUND_MS, NULL, 0), PG_DIAL_FAILED);
    UNIT_INT(t->said_count, 3);
    pg_target_free(t);
}

static void test_stop(void)
{
    static const enum server_kind kinds[] = {SERVER_SILENT, SERVER_PRIMARY};
    struct server s[2];
    struct pg_wait wait;

    open_all(s, kinds, 2);
    struct pg_target *t = target_of(s, 2, "");

    pg_dial_begin(t, ROUND_MS);
    UNIT_INT(pg_dial_go(t, &wait), PG_DIAL_WAITING);
    pg_dial_stop(t);
    pg_dial_stop(t);
    UNIT_INT(winner(t, 200, s, 2), 1);
    pg_dial_begin(t, ROUND_MS);
    pg_target_free(t); /* in the middle */
    close_all(s, 2);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_silent_first),
    UNIT_TEST(test_times),
    UNIT_TEST(test_session_attributes),
    UNIT_TEST(test_prefer_standby_second),
    UNIT_TEST(test_load_is_balanced),
    UNIT_TEST(test_refusals),
    UNIT_TEST(test_nobody),
    UNIT_TEST(test_stop),
};
const struct unit_part dial_tests = UNIT_PART(tests);
