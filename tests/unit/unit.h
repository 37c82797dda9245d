/*
 * The frame of a unit-test program: one program a room, one CUnit suite a program.
 *
 *     static const struct unit_test tests[] = {UNIT_TEST(test_buf_grows), UNIT_TEST(test_buf_json)};
 *     int main(void) { return unit_main("base", tests, countof(tests)); }
 *
 * It prints every failed assertion, then "unit base: 2 passed, 0 failed" and perhaps ", 1 skipped", and exits 1 if one
 * failed, or if there was none to run or to skip.
 * UNIT_TEST in the environment picks the tests whose names hold that text.
 */
#ifndef UNIT_H
#define UNIT_H

#include <CUnit/CUnit.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"
#include "base/slice.h"

struct unit_test {
    const char *name;
    void (*run)(void);
};

/* clang-format off */
#define UNIT_TEST(function) \
    {                       \
#function, function \
    }
/* clang-format on */

/* The tests of one file of a program that has several. */
struct unit_part {
    const struct unit_test *tests;
    size_t count;
    bool is_bare; /* skipped under valgrind(1) */
};

/* clang-format off */
#define UNIT_PART(tests)             \
    {                                \
        tests, countof(tests), false \
    }
/* Of processes that end without freeing what their parent had, which valgrind(1) counts as lost. */
#define UNIT_PART_BARE(tests)       \
    {                               \
        tests, countof(tests), true \
    }
/* clang-format on */

int unit_main(const char *room, const struct unit_test *tests, size_t count);
int unit_main_parts(const char *room, const struct unit_part *const *parts, size_t count);

bool unit_is_under_valgrind(void);

/* From `low` to `high`, both included, by a seed that is another one in each run: STRATSLAB_TEST_SEED=N in the
 * environment gives one again, and a program of which a test has failed names its own. Each test begins with it anew.
 */
uint64_t unit_random(uint64_t low, uint64_t high);

/* fopen(3) of a file that must be there: where it is not, the program ends. */
FILE *unit_open(const char *path, const char *mode);

/* Assertions that say what was found. */
void unit_assert_str(const char *file, unsigned line, struct slice found, struct slice expected);
void unit_assert_int(const char *file, unsigned line, long long found, long long expected);

#define UNIT_STR(found, expected) unit_assert_str(__FILE__, __LINE__, slice_of(found), slice_of(expected))
#define UNIT_SLICE(found, expected) unit_assert_str(__FILE__, __LINE__, (found), slice_of(expected))
#define UNIT_INT(found, expected) unit_assert_int(__FILE__, __LINE__, (long long)(found), (long long)(expected))

#endif
