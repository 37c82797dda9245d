#include "http/syntax.h"
#include "rig.h"

static void test_host(void)
{
    static const char *const valid[] = {"a", "a.b", "a:1", "127.0.0.1:80", "[::1]", "[fe80::1]:8000", "a%20b", "a:"};
    static const char *const invalid[] = {"",     ":80",  "a b",   "a/b",  "a?b",     "a#b",    "u@a",
                                          "[::1", "::1",  "[a]",   "[]",   "[::1]80", "a:-1",   "a:99999",
                                          "a%2",  "a\"b", "a,,;<", "a:8a", "\x80",    "[::1]]", "[::1]x:1"};

    for (size_t i = 0; i < countof(valid); i++) {
        if (!http_host_is_valid(slice_of(valid[i]))) UNIT_STR(valid[i], "to be valid");
    }
    for (size_t i = 0; i < countof(invalid); i++) {
        if (http_host_is_valid(slice_of(invalid[i]))) UNIT_STR(invalid[i], "to be invalid");
    }
}

static void test_list(void)
{
    struct slice list = SLICE_LIT(" a ,, \"b,\\\",c\" ,d");
    struct slice element;

    CU_ASSERT(http_list_next(&list, &element));
    UNIT_SLICE(element, "a");
    CU_ASSERT(http_list_next(&list, &element));
    UNIT_SLICE(element, "\"b,\\\",c\"");
    CU_ASSERT(http_list_next(&list, &element));
    UNIT_SLICE(element, "d");
    CU_ASSERT_FALSE(http_list_next(&list, &element));
    CU_ASSERT(http_list_has(SLICE_LIT("keep-alive, Close"), "close"));
    CU_ASSERT_FALSE(http_list_has(SLICE_LIT("closed, enclose"), "close"));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_host),
    UNIT_TEST(test_list),
};
const struct unit_part syntax_tests = UNIT_PART(tests);
