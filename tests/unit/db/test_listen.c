/* Notifications: told in each session, also the next one, and also amid queries. */
#include <stdio.h>
#include <string.h>

#include "rig.h"

static const char *const channels[] = {"plain", "Not \"plain\""};

/* What came, as "channel=payload;". */
static char told[RIG_TEXT_BYTES];
static bool frees;

static void notified(void *arg, const char *channel, struct slice payload)
{
    struct rig *rig = arg;
    size_t len = strlen(told);

    snprintf(told + len, sizeof(told) - len, "%s=%.*s;", channel, SLICE_FMT(payload));
    if (!frees) return;
    db_free(rig->db);
    rig->db = NULL;
}

static bool told_is(void *arg)
{
    return strcmp(told, *(const char *const *)arg) == 0;
}

static bool until_told(struct rig *rig, const char *expected)
{
    return rig_until(rig, told_is, &expected);
}

static void listen_open(struct rig *rig)
{
    told[0] = '\0';
    frees = false;
    rig_open(rig);
    rig->options.channels = channels;
    rig->options.channel_count = countof(channels);
    rig->options.notified = notified;
}

static void test_each_channel_is_heard(void)
{
    struct rig rig;

    listen_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    rig_sql(&rig, "NOTIFY plain, 'one'; NOTIFY elsewhere; NOTIFY \"Not \"\"plain\"\"\"");
    CU_ASSERT(until_told(&rig, "plain=one;Not \"plain\"=;"));
    rig_close(&rig);
}

static void test_the_next_session_hears_too(void)
{
    struct answer pid = {0};
    struct rig rig;
    char sql[96];

    listen_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &pid, &st_pid, NULL, NULL));
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%.20s)", pid.value);
    UNIT_STR(rig_sql(&rig, sql), "t");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_DOWN));
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    rig_sql(&rig, "NOTIFY plain, 'again'");
    CU_ASSERT(until_told(&rig, "plain=again;"));
    rig_close(&rig);
}

static void test_it_is_heard_amid_queries(void)
{
    struct answer slow = {0}, next = {0};
    struct rig rig;

    listen_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &slow, &st_sleep, "300", NULL), DB_OK);
    CU_ASSERT(rig_until_sleeping(&rig));
    rig_sql(&rig, "NOTIFY plain, 'amid'");
    UNIT_INT(rig_submit(&rig, &next, &st_int, "5", NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, &slow, 1));
    CU_ASSERT(rig_until_answered(&rig, &next, 1));
    UNIT_STR(next.value, "5");
    CU_ASSERT(until_told(&rig, "plain=amid;"));
    rig_close(&rig);
}

static bool is_freed(void *arg)
{
    const struct rig *rig = arg;

    return rig->db == NULL;
}

static void test_the_db_may_be_freed_by_who_is_told(void)
{
    struct rig rig;

    listen_open(&rig);
    frees = true;
    CU_ASSERT(rig_start_ready(&rig));
    rig_sql(&rig, "NOTIFY plain, 'one'; NOTIFY plain, 'two'");
    CU_ASSERT(rig_until(&rig, is_freed, &rig));
    UNIT_STR(told, "plain=one;");
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_each_channel_is_heard),
    UNIT_TEST(test_the_next_session_hears_too),
    UNIT_TEST(test_it_is_heard_amid_queries),
    UNIT_TEST(test_the_db_may_be_freed_by_who_is_told),
};
const struct unit_part listen_tests = UNIT_PART(tests);
