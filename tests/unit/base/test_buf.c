#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "test_base.h"

static void test_buf_grows_and_keeps_its_content(void)
{
    struct buf b;

    buf_init(&b);
    for (int i = 0; i < 5000; i++) buf_printf(&b, "%04d", i);
    UNIT_INT(b.len, 20000);
    UNIT_SLICE(((struct slice){b.data, 8}), "00000001");
    UNIT_SLICE(((struct slice){b.data + b.len - 8, 8}), "49984999");
    buf_clear(&b);
    UNIT_INT(b.len, 0);
    CU_ASSERT_PTR_NULL(b.data);
    buf_clear(&b);
}

static void test_buf_adds_each_kind(void)
{
    struct buf b = {0};

    buf_add(&b, "", 0);
    buf_add_slice(&b, SLICE_NONE);
    buf_add(&b, "a\0b", 3);
    buf_add_str(&b, "-str");
    buf_add_char(&b, '/');
    buf_printf(&b, "%s", "");
    buf_printf(&b, "%d%%", 50);
    UNIT_INT(b.len, 11);
    CU_ASSERT_TRUE(memcmp(b.data, "a\0b-str/50%", 11) == 0);
    UNIT_INT(buf_slice(&b).len, 11);
    buf_clear(&b);
}

static void test_buf_numbers(void)
{
    struct buf b = {0};

    buf_add_u64(&b, 0);
    buf_add_char(&b, ' ');
    buf_add_u64(&b, 10);
    buf_add_char(&b, ' ');
    buf_add_u64(&b, UINT64_MAX);
    UNIT_STR(buf_cstr(&b), "0 10 18446744073709551615");
    buf_clear(&b);
}

static void test_buf_consume(void)
{
    struct buf b = {0};

    buf_consume(&b, 3); /* nothing to drop */
    buf_add_str(&b, "header|body");
    buf_consume(&b, 0);
    buf_consume(&b, 7);
    UNIT_STR(buf_cstr(&b), "body");
    buf_consume(&b, 4);
    UNIT_INT(b.len, 0);
    buf_add_str(&b, "again");
    buf_consume(&b, 500);
    UNIT_INT(b.len, 0);
    buf_clear(&b);
}

static void test_buf_reset_keeps_memory(void)
{
    struct buf b = {0};

    buf_add_str(&b, "something");
    size_t cap = b.cap;

    buf_reset(&b);
    UNIT_INT(b.len, 0);
    UNIT_INT(b.cap, cap);
    UNIT_STR(buf_cstr(&b), "");
    buf_clear(&b);
}

static void test_buf_cstr_does_not_count_its_end(void)
{
    struct buf b = {0};

    UNIT_STR(buf_cstr(&b), "");
    for (size_t i = 0; i < 256; i++) buf_add_char(&b, 'x'); /* exactly the first capacity: the NUL must find room */
    UNIT_INT(strlen(buf_cstr(&b)), 256);
    UNIT_INT(b.len, 256);
    buf_clear(&b);
}

static void test_buf_steal_leaves_it_empty(void)
{
    struct buf b = {0};
    char *nothing = buf_steal(&b);

    UNIT_STR(nothing, "");
    buf_add_str(&b, "mine");
    char *text = buf_steal(&b);

    UNIT_STR(text, "mine");
    UNIT_INT(b.len, 0);
    CU_ASSERT_PTR_NULL(b.data);
    free(nothing);
    free(text);
}

static void test_buf_reserve_then_len(void)
{
    struct buf b = {0};

    memcpy(buf_reserve(&b, 10000), "ready", 5);
    b.len += 5;
    CU_ASSERT_TRUE(b.cap >= 10000);
    UNIT_STR(buf_cstr(&b), "ready");
    buf_clear(&b);
}

static void test_json_escapes_each_control_character(void)
{
    static const char *const expected[32] = {
        [8] = "\"\\b\"", [9] = "\"\\t\"", [10] = "\"\\n\"", [12] = "\"\\f\"", [13] = "\"\\r\""};
    struct buf b = {0};
    struct buf want = {0};

    for (unsigned c = 0; c < 32; c++) {
        char text = (char)c;

        buf_reset(&b);
        buf_reset(&want);
        buf_add_json(&b, (struct slice){&text, 1});
        buf_printf(&want, "\"\\u%04x\"", c);
        UNIT_STR(buf_cstr(&b), expected[c] != NULL ? expected[c] : buf_cstr(&want));
    }
    buf_clear(&b);
    buf_clear(&want);
}

static void test_json_strings(void)
{
    static const struct {
        struct slice text;
        const char *json;
    } cases[] = {
        {{NULL, 0}, "\"\""},
        {{"", 0}, "\"\""},
        {{"plain /'\x7f", 9}, "\"plain /'\\u007f\""},
        {{"\xc2\x9b\xc2\xa0", 4}, "\"\\u009b\xc2\xa0\""},
        {{"\"", 1}, "\"\\\"\""},
        {{"a\"\\\n\x01\xc3\xa9\xff", 8}, "\"a\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd\""},
        {{"\xf0\x9f\x93\x88", 4}, "\"\xf0\x9f\x93\x88\""},
        {{"\xed\xa0\x80", 3}, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"end\xe2\x82", 5}, "\"end\xef\xbf\xbd\xef\xbf\xbd\""},
        {{"a\0b", 3}, "\"a\\u0000b\""},
    };
    struct buf b = {0};

    for (size_t i = 0; i < countof(cases); i++) {
        buf_reset(&b);
        buf_add_json(&b, cases[i].text);
        UNIT_STR(buf_cstr(&b), cases[i].json);
    }
    buf_clear(&b);
}

static void test_json_appends(void)
{
    struct buf b = {0};

    buf_add_str(&b, "[");
    buf_add_json(&b, slice_of("a"));
    buf_add_str(&b, ",");
    buf_add_json(&b, slice_of("b\t"));
    buf_add_str(&b, "]");
    UNIT_STR(buf_cstr(&b), "[\"a\",\"b\\t\"]");
    buf_clear(&b);
}

static void test_reserve_exactly(void)
{
    struct buf b = {0};

    buf_add_str(&b, "abc");
    buf_reserve_exactly(&b, 100000);
    UNIT_INT(b.cap, 100003);
    UNIT_INT(b.len, 3);
    CU_ASSERT_PTR_EQUAL(buf_reserve_exactly(&b, 7), b.data + 3);
    UNIT_INT(b.cap, 100003);
    UNIT_STR(buf_cstr(&b), "abc");
    buf_clear(&b);
}

static void test_buf_burn_leaves_it_empty(void)
{
    struct buf b = {0};

    buf_burn(&b);
    buf_add_str(&b, "secret");
    buf_burn(&b);
    CU_ASSERT_PTR_NULL(b.data);
    UNIT_INT(b.cap, 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_buf_burn_leaves_it_empty),
    UNIT_TEST(test_buf_grows_and_keeps_its_content),
    UNIT_TEST(test_buf_adds_each_kind),
    UNIT_TEST(test_buf_numbers),
    UNIT_TEST(test_buf_consume),
    UNIT_TEST(test_buf_reset_keeps_memory),
    UNIT_TEST(test_buf_cstr_does_not_count_its_end),
    UNIT_TEST(test_buf_steal_leaves_it_empty),
    UNIT_TEST(test_buf_reserve_then_len),
    UNIT_TEST(test_json_escapes_each_control_character),
    UNIT_TEST(test_json_strings),
    UNIT_TEST(test_json_appends),
    UNIT_TEST(test_reserve_exactly),
};
const struct unit_part buf_tests = UNIT_PART(tests);
