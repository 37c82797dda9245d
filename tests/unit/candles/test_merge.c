#include "candles/merge.h"
#include "candles/timeframe.h"
#include "test_candles.h"

/* Bars of days, a letter a day: '.' none, else its price. */
static struct candles_series *days(const char *letters)
{
    struct candles_series *series = candles_series_new(CANDLES_DAY_MS);

    for (size_t i = 0; letters[i] != '\0'; i++) {
        const double price = letters[i] - 'a' + 1;
        const struct candles_bar bar = {(int64_t)i * CANDLES_DAY_MS, price, price, price, price, 1};

        if (letters[i] != '.') candles_series_add(series, &bar);
    }
    return series;
}

static void met(void *context, size_t index, enum candles_meeting meeting)
{
    buf_printf(context, "%zu%c", index, "nerc"[meeting]);
}

static void test_merge(void)
{
    static const struct {
        const char *there, *coming;
        bool replace;
        const char *merged, *met;
    } cases[] = {
        {"", "", false, "", ""},
        {"", "ab", false, "ab", "0n1n"},
        {"ab", "", false, "ab", ""},
        {"ab", "..cd", false, "abcd", "0n1n"},
        {"..cd", "ab", false, "abcd", "0n1n"},
        {"a.c", ".b.d", false, "abcd", "0n1n"},
        {"abc", "abc", false, "abc", "0e1e2e"},
        {"abc", "axc", false, "abc", "0e1c2e"},
        {"abc", "axc", true, "axc", "0e1r2e"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct candles_series *there = days(cases[i].there), *coming = days(cases[i].coming);
        struct candles_series *expected = days(cases[i].merged);
        struct buf found = {0}, bars = {0}, wanted = {0};
        struct candles_series *merged =
            candles_merge(candles_series_view(there), candles_series_view(coming), cases[i].replace, met, &found);

        UNIT_STR(buf_cstr(&found), cases[i].met);
        bars_print(candles_series_view(merged), &bars);
        bars_print(candles_series_view(expected), &wanted);
        UNIT_STR(buf_cstr(&bars), buf_cstr(&wanted));
        candles_series_free(there);
        candles_series_free(coming);
        candles_series_free(expected);
        candles_series_free(merged);
        buf_clear(&found);
        buf_clear(&bars);
        buf_clear(&wanted);
    }
}

static void test_merge_digits(void)
{
    struct candles_series *there = days("ab"), *coming = days("..c"), *nothing = days("");

    candles_series_digits(there, 2, 0);
    candles_series_digits(coming, 1, 3);
    candles_series_digits(nothing, 9, 9);
    struct candles_series *merged =
        candles_merge(candles_series_view(there), candles_series_view(coming), false, NULL, NULL);

    CU_ASSERT(candles_series_view(merged)->tick == 0.01 && candles_series_view(merged)->lot == 0.001);
    candles_series_free(merged);
    merged = candles_merge(candles_series_view(nothing), candles_series_view(coming), false, NULL, NULL);
    CU_ASSERT(candles_series_view(merged)->tick == 0.1 && candles_series_view(merged)->lot == 0.001);
    candles_series_free(merged);
    candles_series_free(there);
    candles_series_free(coming);
    candles_series_free(nothing);
}

static const struct unit_test tests[] = {UNIT_TEST(test_merge), UNIT_TEST(test_merge_digits)};
const struct unit_part merge_tests = UNIT_PART(tests);
