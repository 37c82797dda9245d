#include <stdint.h>

#include "base/distance.h"
#include "test_base.h"

static void test_distance_counts_edits(void)
{
    static const struct {
        const char *a;
        const char *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},
        {"name", "name", 0},
        {"", "name", 4},
        {"nmae", "name", 2}, /* two changes: exchanging neighbours is no edit of its own */
        {"name", "nam", 1},
        {"name", "names", 1},
        {"name", "game", 1},
        {"kitten", "sitting", 3},
        {"saturday", "sunday", 3},
        {"flaw", "lawn", 2},
        {"abc", "xyz", 3},
        {"Name", "name", 1},
        {"caf\xc3\xa9", "cafe", 2}, /* bytes, not characters */
    };

    for (size_t i = 0; i < countof(cases); i++) {
        UNIT_INT(distance_edit(slice_of(cases[i].a), slice_of(cases[i].b)), cases[i].distance);
        UNIT_INT(distance_edit(slice_of(cases[i].b), slice_of(cases[i].a)), cases[i].distance);
    }
}

static void test_distance_guess(void)
{
    static const struct {
        const char *wanted, *best;
    } cases[] = {
        {"RUN", "run"},
        {"Functions", "functions"},
        {"rnu", "run"},
        {"runn", "run"},
        {"rux", "run"},
        {"r", ""}, /* nothing of it would be left */
        {"xyz", ""},
        {"cand", ""},
        {"candels", "candles"},
        {"", ""},
        {"fonctoins", "functions"},
        {"functions", "functions"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct distance_guess guess = {.wanted = slice_of(cases[i].wanted)};

        distance_offer(&guess, SLICE_LIT("run"));
        distance_offer(&guess, SLICE_LIT("ron"));
        distance_offer(&guess, SLICE_LIT("candles"));
        distance_offer(&guess, SLICE_LIT("functions"));
        UNIT_SLICE(guess.best, cases[i].best);
    }
}

static void test_distance_is_bounded(void)
{
    char text[DISTANCE_NAME_MAX + 1];
    struct slice longest = {text, DISTANCE_NAME_MAX};
    struct slice too_long = {text, DISTANCE_NAME_MAX + 1};

    memset(text, 'a', sizeof(text));
    UNIT_INT(distance_edit(longest, longest), 0);
    UNIT_INT(distance_edit(longest, SLICE_NONE), DISTANCE_NAME_MAX);
    UNIT_INT(distance_edit(SLICE_NONE, longest), DISTANCE_NAME_MAX);
    CU_ASSERT_EQUAL(distance_edit(too_long, longest), SIZE_MAX);
    CU_ASSERT_EQUAL(distance_edit(SLICE_NONE, too_long), SIZE_MAX);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_distance_counts_edits),
    UNIT_TEST(test_distance_guess),
    UNIT_TEST(test_distance_is_bounded),
};
const struct unit_part distance_tests = UNIT_PART(tests);
