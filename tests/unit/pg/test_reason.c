#include <string.h>

#include "test_pg.h"

/* However many there are, each has its part, and what is cut is cut between characters. */
static void test_all_fit(void)
{
    struct pg_target *t = target_new("host=127.0.0.1");

    for (int i = 0; i < PG_TRIES_MAX + 3; i++) pg_say(t, "host %d: %s", i, "ääääääääääääääääääääääääääääääääää");
    pg_said(t);
    CU_ASSERT(strlen(t->reason) < PG_REASON_BYTES);
    CU_ASSERT(strstr(t->reason, "host 0") != NULL);
    CU_ASSERT(strstr(t->reason, "host 63") != NULL);
    CU_ASSERT(strstr(t->reason, "…") != NULL);
    for (const unsigned char *p = (const unsigned char *)t->reason; *p != '\0'; p++) {
        if (*p >= 0xC0) CU_ASSERT((p[1] & 0xC0) == 0x80);
    }
    pg_target_free(t);
}

static void test_one_line(void)
{
    struct pg_target *t = target_new("host=127.0.0.1");

    pg_say(t, "a\nb");
    pg_say(t, "%s", "");
    pg_say(t, "c\x1b[31m");
    pg_said(t);
    UNIT_STR(t->reason, "a b; ; c [31m");
    pg_target_free(t);
}

static void test_durations(void)
{
    static const struct {
        unsigned ms;
        const char *text;
    } cases[] = {{40, "40ms"}, {999, "999ms"}, {1000, "1s"}, {2497, "2500ms"}, {4999, "5s"}, {60000, "1min"}};

    for (size_t i = 0; i < countof(cases); i++) {
        char text[32];

        pg_duration(cases[i].ms, text, sizeof(text));
        UNIT_STR(text, cases[i].text);
    }
}

static void test_refusals(void)
{
    static const char *const refusals[] = {"28P01", "28000", "3D000", "42501", "22023", "0A000", "42704"};
    static const char *const passing[] = {"", "08006", "53300", "57P01", "57P03", "55P03", "58P01", "XX000"};

    for (size_t i = 0; i < countof(refusals); i++) CU_ASSERT(pg_sqlstate_is_refusal(refusals[i]));
    for (size_t i = 0; i < countof(passing); i++) CU_ASSERT(!pg_sqlstate_is_refusal(passing[i]));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_all_fit),
    UNIT_TEST(test_one_line),
    UNIT_TEST(test_durations),
    UNIT_TEST(test_refusals),
};
const struct unit_part reason_tests = UNIT_PART(tests);
