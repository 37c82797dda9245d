#include "base/hex.h"
#include "test_base.h"

static void test_hex_digits_round_trip(void)
{
    static const char lower[] = "0123456789abcdef";
    static const char upper[] = "0123456789ABCDEF";

    for (unsigned i = 0; i < 16; i++) {
        UNIT_INT(hex_digit(i), lower[i]);
        UNIT_INT(hex_value(lower[i]), i);
        UNIT_INT(hex_value(upper[i]), i);
    }
    UNIT_INT(hex_digit(0x3fU), 'f');
}

static void test_hex_value_of_no_digit(void)
{
    unsigned digits = 0;

    for (int c = -128; c < 128; c++) digits += hex_value((char)c) >= 0;
    UNIT_INT(digits, 22);
    for (const char *c = "/:@G`g"; *c != '\0'; c++) UNIT_INT(hex_value(*c), -1);
    UNIT_INT(hex_value('\0'), -1);
}

static void test_hex_decode(void)
{
    unsigned char bytes[3] = {7, 7, 7};

    CU_ASSERT(hex_decode(SLICE_LIT("00fFa"), bytes) == false && hex_decode(SLICE_LIT("0g"), bytes) == false);
    CU_ASSERT(hex_decode(SLICE_LIT("00fF"), bytes));
    CU_ASSERT(bytes[0] == 0 && bytes[1] == 255 && bytes[2] == 7);
    CU_ASSERT(hex_decode(SLICE_NONE, bytes) && bytes[0] == 0);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_hex_digits_round_trip),
    UNIT_TEST(test_hex_value_of_no_digit),
    UNIT_TEST(test_hex_decode),
};
const struct unit_part hex_tests = UNIT_PART(tests);
