#include "base/buf.h"
#include "base/utf8.h"
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

/* RFC 3629 section 4, edge by edge. */
static const struct {
    const char *text;
    size_t len;
    size_t wide; /* 0: not well-formed */
} utf8_edges[] = {
    {"\x00", 1, 1},
    {"\x7f", 1, 1},
    {"\x80", 1, 0},
    {"\xbf", 1, 0},
    {"\xc0\x80", 2, 0}, /* overlong NUL */
    {"\xc1\xbf", 2, 0},
    {"\xc2\x80", 2, 2}, /* U+0080 */
    {"\xc2\x7f", 2, 0},
    {"\xc2\xc0", 2, 0},
    {"\xdf\xbf", 2, 2}, /* U+07FF */
    {"\xe0\x80\x80", 3, 0},
    {"\xe0\x9f\xbf", 3, 0}, /* overlong U+07FF */
    {"\xe0\xa0\x80", 3, 3}, /* U+0800 */
    {"\xe1\x80\x80", 3, 3},
    {"\xec\xbf\xbf", 3, 3},
    {"\xed\x9f\xbf", 3, 3}, /* U+D7FF */
    {"\xed\xa0\x80", 3, 0}, /* U+D800, the first surrogate */
    {"\xed\xbf\xbf", 3, 0}, /* U+DFFF, the last */
    {"\xee\x80\x80", 3, 3}, /* U+E000 */
    {"\xef\xbf\xbf", 3, 3}, /* U+FFFF */
    {"\xef\xbf\x7f", 3, 0},
    {"\xef\x7f\xbf", 3, 0},
    {"\xf0\x80\x80\x80", 4, 0},
    {"\xf0\x8f\xbf\xbf", 4, 0}, /* overlong U+FFFF */
    {"\xf0\x90\x80\x80", 4, 4}, /* U+10000 */
    {"\xf3\xbf\xbf\xbf", 4, 4},
    {"\xf4\x8f\xbf\xbf", 4, 4}, /* U+10FFFF */
    {"\xf4\x90\x80\x80", 4, 0}, /* U+110000 */
    {"\xf0\x90\x80\xc0", 4, 0},
    {"\xf0\x90\x7f\x80", 4, 0},
    {"\xf5\x80\x80\x80", 4, 0},
    {"\xf8\x88\x80\x80\x80", 5, 0},
    {"\xfe", 1, 0},
    {"\xff", 1, 0},
};

static void test_utf8_edges(void)
{
    for (size_t i = 0; i < countof(utf8_edges); i++) {
        UNIT_INT(utf8_length(utf8_edges[i].text, utf8_edges[i].len), utf8_edges[i].wide);
        UNIT_INT(utf8_is_valid(utf8_edges[i].text, utf8_edges[i].len), utf8_edges[i].wide > 0);
    }
}

static void test_utf8_that_is_cut_short(void)
{
    for (size_t i = 0; i < countof(utf8_edges); i++) {
        for (size_t len = 0; len < utf8_edges[i].wide; len++) UNIT_INT(utf8_length(utf8_edges[i].text, len), 0);
    }
}

static void test_utf8_every_scalar_value_round_trips(void)
{
    size_t wrong = 0;
    size_t bytes = 0;

    for (unsigned code = 0; code <= 0x10ffff; code++) {
        char text[4];
        size_t wide = utf8_encode(code, text);
        bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
        size_t expected = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

        bytes += wide;
        if (wide != expected || utf8_length(text, wide) != (is_surrogate ? 0 : wide)) wrong++;
    }
    UNIT_INT(wrong, 0);
    UNIT_INT(bytes, 0x80 + 2 * 0x780 + 3 * 0xf800 + 4 * 0x100000);
}

static void test_utf8_validates_whole_texts(void)
{
    CU_ASSERT_TRUE(utf8_is_valid("", 0));
    CU_ASSERT_TRUE(utf8_is_valid(NULL, 0));
    CU_ASSERT_TRUE(utf8_is_valid("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x93\x88", 15));
    CU_ASSERT_FALSE(utf8_is_valid("na\xc3", 3));
    CU_ASSERT_FALSE(utf8_is_valid("\xe2\x82\xac\x80", 4));
}

static void test_utf8_cut_spares_characters(void)
{
    static const char text[] = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x93\x88"; /* of 1, 2, 3 and 4 bytes */
    static const size_t kept[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    for (size_t max = 0; max < countof(kept); max++) UNIT_INT(utf8_cut(slice_of(text), max).len, kept[max]);
    UNIT_INT(utf8_cut(SLICE_LIT("\x80\x80\x80"), 2).len, 0);
}

static void test_utf8_counts_characters(void)
{
    UNIT_INT(utf8_count("", 0), 0);
    UNIT_INT(utf8_count("abc", 3), 3);
    UNIT_INT(utf8_count("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x93\x88", 15), 9);
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
        {{"plain /'\x7f", 9}, "\"plain /'\x7f\""},
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_slice_compares),
    UNIT_TEST(test_slice_of_nothing_is_absent),
    UNIT_TEST(test_slice_ignores_case_of_ascii),
    UNIT_TEST(test_slice_trims_spaces_and_tabs_only),
    UNIT_TEST(test_slice_cuts_to_the_end),
    UNIT_TEST(test_slice_cut_without_separator_is_all_of_it),
    UNIT_TEST(test_utf8_edges),
    UNIT_TEST(test_utf8_that_is_cut_short),
    UNIT_TEST(test_utf8_every_scalar_value_round_trips),
    UNIT_TEST(test_utf8_validates_whole_texts),
    UNIT_TEST(test_utf8_cut_spares_characters),
    UNIT_TEST(test_utf8_counts_characters),
    UNIT_TEST(test_json_escapes_each_control_character),
    UNIT_TEST(test_json_strings),
    UNIT_TEST(test_json_appends),
};
const struct unit_part text_tests = UNIT_PART(tests);
