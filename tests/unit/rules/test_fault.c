#include "rules/fault.h"

#include "test_rules.h"

static void test_fault_words(void)
{
    struct arena *arena = arena_new();
    struct distance_guess guess = {.wanted = SLICE_LIT("hihg")};
    char text[200];

    UNIT_STR(rules_excerpt(arena, SLICE_LIT("a\nb\x7f\xff")), "a b  ");
    memset(text, 'x', sizeof(text));
    UNIT_INT(strlen(rules_excerpt(arena, (struct slice){text, sizeof(text)})), 63);
    UNIT_STR(rules_guess_text(&guess, arena), "");
    distance_offer(&guess, SLICE_LIT("low"));
    distance_offer(&guess, SLICE_LIT("high"));
    distance_offer(&guess, SLICE_LIT("highest"));
    UNIT_STR(rules_guess_text(&guess, arena), " (did you mean high?)");
    arena_free(arena);
}

static void test_fault_bound(void)
{
    struct arena *arena = arena_new();
    struct rules_faults faults = {.arena = arena};
    const struct rules_place place = {SLICE_LIT("/long/enter"), SLICE_LIT("\xc3\xa9 + x")};

    for (size_t i = 0; i < RULES_FAULTS_MAX + 3; i++) CU_ASSERT_FALSE(rules_fault_add(&faults, &place, 5, "n %zu", i));
    UNIT_INT(faults.count, RULES_FAULTS_MAX);
    UNIT_INT(faults.dropped, 3);
    UNIT_INT(faults.items[0].column, 5);
    UNIT_SLICE(rules_fault_text(&faults.items[1], arena), "n 1, in long.enter at column 5");
    arena_free(arena);
}

static const struct unit_test tests[] = {UNIT_TEST(test_fault_words), UNIT_TEST(test_fault_bound)};
const struct unit_part fault_tests = UNIT_PART(tests);
