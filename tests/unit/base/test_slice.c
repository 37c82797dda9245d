#include "test_base.h"

static void test_slice_compares(void)
{
    CU_ASSERT_TRUE(slice_eq(SLICE_LIT("ab"), slice_of("ab")));
    CU_ASSERT_FALSE(slice_eq(SLICE_LIT("ab"), slice_of("abc")));
    CU_ASSERT_FALSE(slice_eq(SLICE_LIT("ab"), slice_of("aB")));
    CU_ASSERT_TRUE(slice_eq(SLICE_NONE, SLICE_LIT("")));
    CU_ASSERT_TRUE(slice_eq((struct slice){"a\0b", 3}, (struct slice){"a\0b", 3}));
    CU_ASSERT_FALSE(slice_eq((struct slice){"a\0b", 3}, (struct slice){"a\0c", 3}));
    CU_ASSERT_TRUE(slice_is((struct slice){"status=1", 6}, "status"));
    CU_ASSERT_FALSE(slice_is((struct slice){"a\0", 2}, "a"));
}

static void test_slice_of_nothing_is_absent(void)
{
    CU_ASSERT_PTR_NULL(slice_of(NULL).data);
    CU_ASSERT_PTR_NOT_NULL(slice_of("").data);
    UNIT_INT(slice_of("").len, 0);
}

static void test_slice_ignores_case_of_ascii(void)
{
    CU_ASSERT_TRUE(slice_is_nocase(SLICE_LIT("Content-LENGTH"), "content-length"));
    CU_ASSERT_FALSE(slice_is_nocase(SLICE_LIT("Content-Lengt"), "content-length"));
    CU_ASSERT_FALSE(slice_is_nocase(SLICE_LIT("content_length"), "content-length"));
    CU_ASSERT_TRUE(slice_is_nocase(SLICE_NONE, ""));
}

static void test_slice_trims_spaces_and_tabs_only(void)
{
    UNIT_SLICE(slice_trim(SLICE_LIT(" \t a b\t ")), "a b");
    UNIT_SLICE(slice_trim(SLICE_LIT("\r\nx\v")), "\r\nx\v");
    UNIT_SLICE(slice_trim(SLICE_LIT(" \t ")), "");
    UNIT_SLICE(slice_trim(SLICE_NONE), "");
}

static void test_slice_cuts_to_the_end(void)
{
    struct slice rest = SLICE_LIT("a,,bc,");
    const char *const parts[] = {"a", "", "bc", ""};
    size_t count = 0;

    while (rest.data != NULL) {
        struct slice part = slice_cut(&rest, ',');

        if (count < countof(parts)) UNIT_SLICE(part, parts[count]);
        count++;
    }
    UNIT_INT(count, countof(parts));
}

static void test_slice_cut_without_separator_is_all_of_it(void)
{
    struct slice rest = SLICE_LIT("alone");

    UNIT_SLICE(slice_cut(&rest, '&'), "alone");
    CU_ASSERT_PTR_NULL(rest.data);
    CU_ASSERT_PTR_NULL(slice_cut(&rest, '&').data);

    struct slice empty = SLICE_LIT("");

    CU_ASSERT_PTR_NOT_NULL(slice_cut(&empty, '&').data);
    CU_ASSERT_PTR_NULL(empty.data);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_slice_compares),
    UNIT_TEST(test_slice_of_nothing_is_absent),
    UNIT_TEST(test_slice_ignores_case_of_ascii),
    UNIT_TEST(test_slice_trims_spaces_and_tabs_only),
    UNIT_TEST(test_slice_cuts_to_the_end),
    UNIT_TEST(test_slice_cut_without_separator_is_all_of_it),
};
const struct unit_part slice_tests = UNIT_PART(tests);
