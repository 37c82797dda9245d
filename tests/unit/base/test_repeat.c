#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/repeat.h"
#include "test_base.h"

/* ---- Repetition ---- */

static unsigned say(struct repeat *repeat, unsigned times, const char *msg, uint64_t content, uint64_t now_ms)
{
    unsigned said = 0;

    for (unsigned i = 0; i < times; i++) said += repeat_may_say(repeat, 0, msg, content, now_ms);
    return said;
}

static void test_repeat_holds_and_counts(void)
{
    struct repeat *repeat = mem_zalloc(sizeof(*repeat));
    struct repeat_message row;

    UNIT_INT(repeat_due_ms(repeat), -1);
    UNIT_INT(say(repeat, 10, "a", 1, 5000), 10);
    UNIT_INT(repeat_due_ms(repeat), -1);
    UNIT_INT(say(repeat, 500, "a", 1, 5999), 0);
    UNIT_INT(say(repeat, 5, "b", 1, 5999), 5); /* another message has a measure of its own */
    UNIT_INT(repeat_due_ms(repeat), 6000);
    CU_ASSERT_FALSE(repeat_take(repeat, 5999, false, &row));
    CU_ASSERT_TRUE_FATAL(repeat_take(repeat, 6000, false, &row));
    UNIT_STR(row.msg, "a");
    UNIT_INT(row.held, 500);
    CU_ASSERT_FALSE(repeat_take(repeat, 6000, false, &row));
    UNIT_INT(repeat_due_ms(repeat), -1);
    UNIT_INT(say(repeat, 11, "a", 1, 6000), 10); /* a new second */
    CU_ASSERT_TRUE(repeat_take(repeat, 6000, true, &row));
    UNIT_INT(row.held, 1);
    free(repeat);
}

static void test_repeat_lets_news_through(void)
{
    struct repeat *repeat = mem_zalloc(sizeof(*repeat));
    struct repeat_message row;

    UNIT_INT(say(repeat, 100, "a", 1, 0), 10);
    for (uint64_t content = 2; content < 22; content++) UNIT_INT(say(repeat, 3, "a", content, 1), 1);
    UNIT_INT(say(repeat, 3, "a", 22, 2), 0);
    CU_ASSERT_TRUE_FATAL(repeat_take(repeat, 0, true, &row));
    UNIT_INT(row.held, 90 + 40 + 3);
    free(repeat);
}

static void test_repeat_of_many_messages(void)
{
    enum { MESSAGES = REPEAT_MESSAGES + 5 };
    struct repeat *repeat = mem_zalloc(sizeof(*repeat));
    struct repeat_message row;
    char names[MESSAGES][8];
    uint64_t said = 0;

    for (unsigned i = 0; i < MESSAGES; i++) {
        snprintf(names[i], sizeof(names[i]), "m%u", i);
        said += say(repeat, 12, names[i], 1, i);
    }
    while (repeat_take(repeat, 0, true, &row)) said += row.held;
    UNIT_INT(said, MESSAGES * 12); /* nothing is lost where there are more than it has room for */
    UNIT_INT(say(repeat, 12, names[MESSAGES - 1], 1, 100), 10); /* and it makes room again */
    free(repeat);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_repeat_holds_and_counts),
    UNIT_TEST(test_repeat_lets_news_through),
    UNIT_TEST(test_repeat_of_many_messages),
};
const struct unit_part repeat_tests = UNIT_PART(tests);
