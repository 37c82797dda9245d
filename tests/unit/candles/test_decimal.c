#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "candles/decimal.h"
#include "test_candles.h"

static void test_decimal_parse(void)
{
    static const struct {
        const char *text;
        int digits; /* -1: not a number */
    } cases[] = {
        {"0", 0},
        {"1", 0},
        {"1.", 0},
        {".5", 1},
        {"1.50", 1},
        {"100", 0},
        {"100.00", 0},
        {"0.001", 3},
        {"0.00100", 3},
        {"1.005", 3},
        {"-2.5", 1},
        {"+3", 0},
        {"00012.500", 1},
        {"42283.58000000", 2},
        {"0.00001234", 8},
        {"1e-7", 7},
        {"1.5E-7", 8},
        {"1200e-3", 1},
        {"12e3", 0},
        {"1.25e+1", 1},
        {"131.25999450683594", 14},
        {"0.1234567890123456789012345", 25},
        {"9007199254740993", 0},
        {"18446744073709551615", 0},
        {"123456789012345678901234567890", 0},
        {"1e308", 0},
        {"1e-400", 400},
        {"-0", 0},
        {"-0.0", 0},
        {"", -1},
        {".", -1},
        {"-", -1},
        {"1.2.3", -1},
        {"1,5", -1},
        {" 1", -1},
        {"1 ", -1},
        {"1e", -1},
        {"1e+", -1},
        {"e5", -1},
        {"1e5x", -1},
        {"0x10", -1},
        {"nan", -1},
        {"inf", -1},
        {"1e999", -1},
        {"1e99999999999", -1},
        {"11111111111111111111111111111111111111111111111111111111111111111", -1},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        double value = -1;
        int digits = -1;
        const bool ok = candles_decimal_parse(slice_of(cases[i].text), &value, &digits);

        UNIT_INT(digits, cases[i].digits);
        CU_ASSERT_EQUAL(ok, cases[i].digits >= 0);
        if (ok) CU_ASSERT(value == strtod(cases[i].text, NULL) && !(value == 0 && signbit(value)));
    }
}

/* Each decimal is the double that strtod makes of it, and goes to steps and back. */
static void test_decimal_random(void)
{
    uint64_t state = 42;

    for (int i = 0; i < 100000; i++) {
        const int places = (int)(noise(&state) % 13);
        const uint64_t steps = noise(&state) % (UINT64_C(1) << (1 + noise(&state) % 50));
        char text[64];
        double value;
        int digits;
        int64_t back;
        uint64_t power = 1;

        for (int p = 0; p < places; p++) power *= 10;
        snprintf(text, sizeof(text), "%llu.%0*llu", (unsigned long long)(steps / power), places,
                 (unsigned long long)(steps % power));
        if (places == 0) snprintf(text, sizeof(text), "%llu", (unsigned long long)steps);
        if (!candles_decimal_parse(slice_of(text), &value, &digits) || value != strtod(text, NULL) || digits > places ||
            !candles_decimal_steps(value, places, &back) || back != (int64_t)steps) {
            UNIT_STR(text, "a number that comes back");
            return;
        }
        if (!candles_decimal_is(value, digits) || (digits > 0 && candles_decimal_is(value, digits - 1))) {
            UNIT_STR(text, "the fewest decimals");
            return;
        }
    }
}

static void test_decimal_steps(void)
{
    static const struct {
        double value;
        int digits;
        bool is;
    } cases[] = {
        {1.1, 1, true},   {1.1, 0, false},     {0.1 + 0.2, 1, false}, {0.3, 1, true},    {0, 0, true},
        {-0.0, 0, false}, {-1.5, 1, true},     {1e15, 0, true},       {1e16, 0, false},  {INFINITY, 0, false},
        {NAN, 0, false},  {5e-324, 12, false}, {1e300, 12, false},    {1e-12, 12, true}, {1.0 / 3, 12, false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        CU_ASSERT_EQUAL(candles_decimal_is(cases[i].value, cases[i].digits), cases[i].is);
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_decimal_parse), UNIT_TEST(test_decimal_random),
                                         UNIT_TEST(test_decimal_steps)};
const struct unit_part decimal_tests = UNIT_PART(tests);
