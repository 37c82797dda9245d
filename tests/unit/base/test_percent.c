#include "base/buf.h"
#include "base/percent.h"
#include "test_base.h"

static void test_percent_decodes(void)
{
    static const struct {
        const char *text;
        struct slice decoded;
        const char *left; /* what is not taken */
    } cases[] = {
        {"", {"", 0}, ""},
        {"a+b", {"a+b", 3}, ""},
        {"%41%6a%6A", {"Ajj", 3}, ""},
        {"%00%ff", {"\0\xff", 2}, ""},
        {"%2541", {"%41", 3}, ""}, /* once, not twice */
        {"a%", {"a", 1}, "%"},
        {"a%4", {"a", 1}, "%4"},
        {"%4g", {"", 0}, "%4g"},
        {"%g4", {"", 0}, "%g4"},
        {"% 41", {"", 0}, "% 41"},
        {"%%41", {"", 0}, "%%41"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct slice rest = slice_of(cases[i].text);
        struct buf out = {0};
        char byte;

        while (rest.len > 0 && percent_next(&rest, &byte)) buf_add_char(&out, byte);
        CU_ASSERT_TRUE(slice_eq(buf_slice(&out), cases[i].decoded));
        UNIT_SLICE(rest, cases[i].left);
        buf_clear(&out);
    }
}

static void test_percent_keeps_to_the_slice(void)
{
    struct slice rest = {"%412", 2};
    char byte = 'x';

    CU_ASSERT_FALSE(percent_next(&rest, &byte));
    UNIT_INT(byte, 'x');
    UNIT_INT(rest.len, 2);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_percent_decodes),
    UNIT_TEST(test_percent_keeps_to_the_slice),
};
const struct unit_part percent_tests = UNIT_PART(tests);
