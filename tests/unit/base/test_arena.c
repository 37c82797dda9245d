#include <stdint.h>

#include "base/arena.h"
#include "test_base.h"

static void test_arena_aligns_every_allocation(void)
{
    struct arena *a = arena_new();

    for (size_t size = 0; size < 70; size++) {
        unsigned char *p = arena_alloc(a, size);

        UNIT_INT((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 0xff, size);
    }
    arena_free(a);
}

static void test_arena_allocations_do_not_overlap(void)
{
    enum { COUNT = 400, BYTES = 40 };
    struct arena *a = arena_new();
    unsigned char *p[COUNT];

    for (size_t i = 0; i < COUNT; i++) p[i] = memset(arena_alloc(a, BYTES), (int)(i % 251), BYTES);
    for (size_t i = 0; i < COUNT; i++) {
        UNIT_INT(p[i][0], i % 251);
        UNIT_INT(p[i][BYTES - 1], i % 251);
    }
    arena_free(a);
}

static void test_arena_takes_what_is_larger_than_a_chunk(void)
{
    enum { LARGE = 300000 };
    struct arena *a = arena_new();
    char *before = arena_printf(a, "%s", "before");
    char *large = memset(arena_alloc(a, LARGE), 'x', LARGE);
    char *after = arena_printf(a, "%s", "after");

    UNIT_STR(before, "before");
    UNIT_STR(after, "after");
    UNIT_INT(large[LARGE - 1], 'x');
    CU_ASSERT_TRUE(arena_footprint(a) > LARGE);
    arena_free(a);
}

static void test_arena_zeroes_on_demand(void)
{
    static const char zeroes[128];
    struct arena *a = arena_new();

    memset(arena_alloc(a, 2048), 0xff, 2048);
    arena_reset(a);
    CU_ASSERT_TRUE(memcmp(arena_zalloc(a, sizeof(zeroes)), zeroes, sizeof(zeroes)) == 0);
    arena_free(a);
}

static void test_arena_reset_keeps_one_chunk_and_no_large_one(void)
{
    struct arena *a = arena_new();

    UNIT_INT(arena_footprint(a), 0);
    arena_reset(a);
    arena_alloc(a, 10);

    size_t one_chunk = arena_footprint(a);
    void *first = (arena_reset(a), arena_alloc(a, 10));

    for (int i = 0; i < 1000; i++) arena_alloc(a, 100);
    CU_ASSERT_TRUE(arena_footprint(a) > one_chunk);
    arena_reset(a);
    UNIT_INT(arena_footprint(a), one_chunk);
    CU_ASSERT_PTR_NOT_NULL(first);
    arena_alloc(a, 1 << 20);
    arena_reset(a);
    UNIT_INT(arena_footprint(a), 0);
    arena_free(a);
    arena_free(NULL);
}

static void test_arena_copies_are_terminated(void)
{
    struct arena *a = arena_new();
    struct slice copy = arena_copy(a, (struct slice){"a\0b!", 3});
    struct slice none = arena_copy(a, SLICE_NONE);

    UNIT_INT(copy.len, 3);
    CU_ASSERT_TRUE(memcmp(copy.data, "a\0b", 4) == 0);
    UNIT_INT(none.len, 0);
    UNIT_STR(none.data, "");
    arena_free(a);
}

static void test_arena_prints_what_does_not_fit_a_chunk(void)
{
    struct arena *a = arena_new();
    char *text = arena_printf(a, "%09000d|%s", 7, "end");

    UNIT_INT(strlen(text), 9004);
    UNIT_STR(text + 8999, "7|end");
    arena_free(a);
}

/* Whatever room the chunk in use has left, down to none. */
static void test_arena_prints_into_what_is_left(void)
{
    for (size_t left = 0; left < 64; left++) {
        struct arena *a = arena_new();
        char *first = memset(arena_alloc(a, 4096 - left), 'x', 4096 - left);
        char *text = arena_printf(a, "%s", "0123456789012345678901234567890");
        char *next = arena_printf(a, "next");

        UNIT_STR(text, "0123456789012345678901234567890");
        UNIT_STR(next, "next");
        CU_ASSERT_EQUAL(first[4096 - left - 1], 'x');
        arena_free(a);
    }
}

static void test_arena_joins(void)
{
    struct arena *a = arena_new();
    const struct slice three = arena_join(a, SLICE_LIT("a"), SLICE_LIT("bc"), SLICE_LIT("d")),
                       none = arena_join(a, SLICE_NONE, SLICE_NONE, SLICE_NONE);

    UNIT_SLICE(three, "abcd");
    UNIT_STR(three.data, "abcd");
    UNIT_STR(none.data, "");
    UNIT_INT(none.len, 0);
    arena_free(a);
}

/* What was in it cannot be looked at afterwards: that it is overwritten, the black-box tests see in a process's memory.
 */
static void test_arena_burn_takes_any(void)
{
    struct arena *a = arena_new();

    (void)arena_copy(a, SLICE_LIT("secret"));
    (void)arena_alloc(a, 10000);
    arena_burn(a);
    arena_burn(arena_new());
    arena_burn(NULL);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_arena_burn_takes_any),
    UNIT_TEST(test_arena_aligns_every_allocation),
    UNIT_TEST(test_arena_allocations_do_not_overlap),
    UNIT_TEST(test_arena_takes_what_is_larger_than_a_chunk),
    UNIT_TEST(test_arena_zeroes_on_demand),
    UNIT_TEST(test_arena_reset_keeps_one_chunk_and_no_large_one),
    UNIT_TEST(test_arena_copies_are_terminated),
    UNIT_TEST(test_arena_prints_what_does_not_fit_a_chunk),
    UNIT_TEST(test_arena_prints_into_what_is_left),
    UNIT_TEST(test_arena_joins),
};
const struct unit_part arena_tests = UNIT_PART(tests);
