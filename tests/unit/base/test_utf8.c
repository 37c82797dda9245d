#include "base/utf8.h"
#include "test_base.h"

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

/* Text is looked at eight bytes at a time as long as it is ASCII: one that is not stands at each place. */
static void test_utf8_finds_a_wrong_byte_anywhere(void)
{
    for (size_t len = 1; len < 40; len++) {
        for (size_t at = 0; at < len; at++) {
            char text[40];

            memset(text, 'x', sizeof(text));
            CU_ASSERT_TRUE(utf8_is_valid(text, len));
            text[at] = '\x80';
            CU_ASSERT_FALSE(utf8_is_valid(text, len));
            text[at] = '\xc3';
            if (at + 1 < len) text[at + 1] = '\xa9';
            UNIT_INT(utf8_is_valid(text, len), at + 1 < len);
        }
    }
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_utf8_edges),
    UNIT_TEST(test_utf8_that_is_cut_short),
    UNIT_TEST(test_utf8_every_scalar_value_round_trips),
    UNIT_TEST(test_utf8_validates_whole_texts),
    UNIT_TEST(test_utf8_finds_a_wrong_byte_anywhere),
    UNIT_TEST(test_utf8_cut_spares_characters),
    UNIT_TEST(test_utf8_counts_characters),
};
const struct unit_part utf8_tests = UNIT_PART(tests);
