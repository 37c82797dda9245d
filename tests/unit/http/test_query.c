#include "rig.h"

static void test_query(void)
{
    static const struct {
        const char *query;
        const char *pairs; /* name=value; with "!" before what is malformed */
    } cases[] = {
        {"", ""},
        {"a=b", "a=b;"},
        {"a=b&c=d", "a=b;c=d;"},
        {"&&a=b&&", "a=b;"},
        {"a", "a=;"},
        {"a=", "a=;"},
        {"=b", "=b;"},
        {"a=b=c", "a=b=c;"},
        {"a+b=c%20d%2B", "a b=c d+;"},
        {"a=%C3%A9", "a=\xc3\xa9;"},
        {"a=%zz&b=1", "!a=%zz;b=1;"},
        {"a=%4", "!a=%4;"},
        {"a=%", "!a=%;"},
        {"%00=1", "!%00=1;"},
        {"a=%ff", "!a=%ff;"},
        {"a=%C3", "!a=%C3;"},
    };
    struct arena *arena = arena_new();

    for (size_t i = 0; i < countof(cases); i++) {
        struct slice query = slice_of(cases[i].query);
        struct slice name;
        struct slice value;
        bool valid;
        struct buf found = {0};

        while (http_query_next(arena, &query, &name, &value, &valid)) {
            CU_ASSERT_PTR_NOT_NULL(value.data);
            if (!valid) buf_add_char(&found, '!');
            buf_add_slice(&found, name);
            buf_add_char(&found, '=');
            buf_add_slice(&found, value);
            buf_add_char(&found, ';');
        }
        UNIT_SLICE(buf_slice(&found), cases[i].pairs);
        buf_clear(&found);
    }
    struct slice absent = SLICE_NONE;
    struct slice ignored;
    bool valid;

    CU_ASSERT_FALSE(http_query_next(arena, &absent, &ignored, &ignored, &valid));
    arena_free(arena);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_query),
};
const struct unit_part query_tests = UNIT_PART(tests);
