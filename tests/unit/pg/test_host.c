/* Names: known, unknown, and the name server silent. */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "test_pg.h"

enum { ROUND_MS = 60000 }; /* never used up */

static void until_done(struct pg_host *host)
{
    struct pollfd watch = {.fd = lookup_fd(host->lookup), .events = POLLIN};

    CU_ASSERT_FATAL(poll(&watch, 1, 30000) == 1);
}

/* The second address of a name, if the first one refuses. */
static void test_second_address(void)
{
    struct server s;

    server_open(&s, SERVER_PRIMARY, "127.0.0.2", 0);
    struct pg_target *t = target_new("host=two port=%u", server_port(&s));

    CU_ASSERT(strncmp(dial_where(t, ROUND_MS, &s, 1), "127.0.0.2:", 10) == 0);
    UNIT_INT(t->said_count, 1);
    CU_ASSERT(strstr(buf_cstr(&t->said[0]), "\"two\" (127.0.0.1)") != NULL);
    pg_target_free(t);
    server_close(&s);
}

static void test_unknown(void)
{
    struct server s;

    server_open(&s, SERVER_PRIMARY, "127.0.0.1", 0);
    struct pg_target *t = target_new("host=nobody port=%u", server_port(&s));

    UNIT_INT(dial_run(t, ROUND_MS, NULL, 0), PG_DIAL_FAILED);
    UNIT_STR(pg_dial_reason(t), "could not translate host name \"nobody\" to address: Name or service not known");
    CU_ASSERT(!pg_dial_refused(t));
    pg_target_free(t);
    t = target_new("host=nobody,one port=%u", server_port(&s));
    CU_ASSERT(strncmp(dial_where(t, ROUND_MS, &s, 1), "127.0.0.1:", 10) == 0);
    pg_target_free(t);
    server_close(&s);
}

/* Said, within the time; one look-up at a time; its late answer serves. */
static void test_silent_name_server(void)
{
    struct server s;

    server_open(&s, SERVER_PRIMARY, "127.0.0.1", 0);
    struct pg_target *t = target_new("host=one port=%u", server_port(&s));
    const int asked = names_asked;

    names_hang = true;
    UNIT_INT(dial_run(t, 50, NULL, 0), PG_DIAL_FAILED);
    UNIT_STR(pg_dial_reason(t), "no answer from the name server for \"one\" within 50ms");
    UNIT_INT(dial_run(t, 50, NULL, 0), PG_DIAL_FAILED);
    UNIT_STR(pg_dial_reason(t), "no answer from the name server for \"one\" within 50ms"); /* the same words */
    UNIT_INT(names_asked - asked, 1);
    names_hang = false;
    CU_ASSERT(strncmp(dial_where(t, ROUND_MS, &s, 1), "127.0.0.1:", 10) == 0);
    pg_target_free(t);
    server_close(&s);
}

/* The last good addresses are used: first the one that took us. */
static void test_kept(void)
{
    struct server s;

    server_open(&s, SERVER_PRIMARY, "127.0.0.2", 0);
    struct pg_target *t = target_new("host=two port=%u", server_port(&s));

    CU_ASSERT(dial_where(t, ROUND_MS, &s, 1)[0] != '\0');
    names_hang = true;
    CU_ASSERT(strncmp(dial_where(t, ROUND_MS, &s, 1), "127.0.0.2:", 10) == 0);
    CU_ASSERT(t->hosts[0].lookup != NULL);
    UNIT_INT(t->said_count, 1);
    CU_ASSERT(strstr(buf_cstr(&t->said[0]), "its last addresses were tried") != NULL);
    /* With a look-up that hangs from before there is no waiting. */
    UNIT_INT(pg_host_patience_ms(t, &t->hosts[0], 5000), PG_KEPT_WAIT_MS);
    CU_ASSERT(dial_where(t, ROUND_MS, &s, 1)[0] != '\0');
    UNIT_INT(pg_host_patience_ms(t, &t->hosts[0], 5000), 0);
    names_hang = false;
    until_done(&t->hosts[0]);
    pg_target_free(t);
    server_close(&s);
}

/* A server that says "try again" is as good as silent; one that knows no such name is believed. */
static void test_kept_or_not(void)
{
    struct pg_target *t = target_new("host=busy");
    struct pg_host *host = &t->hosts[0];

    host->kept.count = 1;
    snprintf(host->kept.text[0], PG_ADDRESS_BYTES, "192.0.2.1");
    host->status = EAI_AGAIN;
    CU_ASSERT(pg_host_addresses(t, host));
    UNIT_STR(t->tried.text[0], "192.0.2.1");
    host->status = EAI_NONAME;
    CU_ASSERT(!pg_host_addresses(t, host));
    host->status = EAI_AGAIN;
    host->kept.count = 0;
    CU_ASSERT(!pg_host_addresses(t, host));
    CU_ASSERT(strstr(buf_cstr(&t->said[t->said_count - 1]), "no answer from the name server") != NULL);
    pg_target_free(t);
}

/* From one process to the next. */
static void test_recalled(void)
{
    static const char *const kept[] = {"127.0.0.1", "::1"};
    struct pg_target *t = target_new("host=two,127.0.0.3,one,nobody");
    char text[128], few[24];

    pg_target_addresses(t, text, sizeof(text));
    UNIT_STR(text, "");
    for (size_t i = 0; i < countof(kept); i++) snprintf(t->hosts[0].kept.text[i], PG_ADDRESS_BYTES, "%s", kept[i]);
    snprintf(t->hosts[2].kept.text[0], PG_ADDRESS_BYTES, "192.0.2.1");
    t->hosts[0].kept.count = 2;
    t->hosts[2].kept.count = 1;
    pg_target_addresses(t, text, sizeof(text));
    UNIT_STR(text, "two=127.0.0.1,::1 one=192.0.2.1");
    pg_target_addresses(t, few, sizeof(few));
    UNIT_STR(few, "two=127.0.0.1,::1 one=");
    pg_target_free(t);
    t = target_new("host=two,127.0.0.3,one,nobody");
    pg_target_recall(t, "");
    pg_target_recall(t, "rubbish two =two nobody=evil,,999.1.1.1 two=127.0.0.1,::1 127.0.0.3=::1 one=");
    pg_target_recall(t, "two=192.0.2.9"); /* there are some */
    UNIT_INT(t->hosts[0].kept.count, 2);
    UNIT_STR(t->hosts[0].kept.text[1], "::1");
    for (size_t i = 1; i < 4; i++) UNIT_INT(t->hosts[i].kept.count, 0);
    pg_target_free(t);
}

/* A bounded number of threads hang, and nobody waits for them at the end. */
static void test_bounded(void)
{
    const int asked = names_asked;
    struct pg_target *t = target_new("host=a,b,c,d,e,f,g,h,i,j,k,l");
    const uint64_t now_ms = clock_monotonic_ms();

    names_hang = true;
    UNIT_INT(dial_run(t, 12, NULL, 0), PG_DIAL_FAILED);
    for (int i = 0; i < 3; i++) UNIT_INT(dial_run(t, 12, NULL, 0), PG_DIAL_FAILED);
    CU_ASSERT(clock_monotonic_ms() - now_ms < 30000);
    while (names_asked - asked < PG_LOOKUPS_MAX) poll(NULL, 0, 1);
    poll(NULL, 0, 20);
    UNIT_INT(names_asked - asked, PG_LOOKUPS_MAX);
    pg_target_free(t);
    names_hang = false;
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_second_address), UNIT_TEST(test_unknown),     UNIT_TEST(test_silent_name_server),
    UNIT_TEST(test_kept),           UNIT_TEST(test_kept_or_not), UNIT_TEST(test_recalled),
    UNIT_TEST(test_bounded),
};
const struct unit_part host_tests = UNIT_PART(tests);
