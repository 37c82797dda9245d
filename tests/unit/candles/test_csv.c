#include "candles/csv.h"

#include "candles/timeframe.h"
#include "test_candles.h"

static void add(struct candles_series *series, int64_t time_ms, double price, double volume)
{
    const struct candles_bar bar = {time_ms, price, price, price, price, volume};

    candles_series_add(series, &bar);
}

static void test_csv_digits(void)
{
    static const struct {
        double price, volume;
        int price_digits, lot_digits;
        const char *line;
    } cases[] = {
        {1, 0, 0, 0, "1,1,1,1,0"},
        {1, 0, 2, 3, "1.00,1.00,1.00,1.00,0"},
        {0.05, 0.25, 2, 3, "0.05,0.05,0.05,0.05,0.25"},
        {1234.5, 1000, 1, 8, "1234.5,1234.5,1234.5,1234.5,1000"},
        /* What is no multiple has all that it needs. */
        {0.1234, 0.1, 2, 0, "0.1234,0.1234,0.1234,0.1234,0.1"},
        {1.0 / 3, 1e-9, 2, 8, "0.3333333333333333,0.3333333333333333,0.3333333333333333,0.3333333333333333,1e-09"},
        {1e20, 1e300, 2, 8, "1e+20,1e+20,1e+20,1e+20,1e+300"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct candles_series *series = candles_series_new(CANDLES_DAY_MS);
        struct buf out = {0};

        candles_series_digits(series, cases[i].price_digits, cases[i].lot_digits);
        add(series, 0, cases[i].price, cases[i].volume);
        candles_csv_add(candles_series_view(series), &out);
        UNIT_SLICE(((struct slice){buf_cstr(&out), strlen("1970-01-01T00:00:00Z,")}), "1970-01-01T00:00:00Z,");
        UNIT_SLICE(
            ((struct slice){out.data + strlen("1970-01-01T00:00:00Z,"), out.len - strlen("1970-01-01T00:00:00Z,") - 1}),
            cases[i].line);
        candles_series_free(series);
        buf_clear(&out);
    }
}

static void test_csv_times(void)
{
    static const struct {
        int64_t time_ms;
        const char *text;
    } cases[] = {
        {-1, "1969-12-31T23:59:59.999Z"},
        {0, "1970-01-01T00:00:00Z"},
        {59000, "1970-01-01T00:00:59Z"},
        {CANDLES_DAY_MS - 1000, "1970-01-01T23:59:59Z"},
        {CANDLES_DAY_MS, "1970-01-02T00:00:00Z"},
        {1709164800000, "2024-02-29T00:00:00Z"},
        {1709164800000 + 3 * CANDLES_HOUR_MS, "2024-02-29T03:00:00Z"},
    };
    struct candles_series *series = candles_series_new(1);
    struct buf out = {0};
    struct slice rest;

    for (size_t i = 0; i < countof(cases); i++) add(series, cases[i].time_ms, 1, 1);
    candles_csv_add(candles_series_view(series), &out);
    rest = buf_slice(&out);
    for (size_t i = 0; i < countof(cases); i++) {
        struct slice line = slice_cut(&rest, '\n');

        UNIT_SLICE(slice_cut(&line, ','), cases[i].text);
    }
    candles_series_free(series);
    buf_clear(&out);
}

/* Whatever the numbers are, an import reads the same ones. */
static void test_csv_reads_back(void)
{
    struct candles_series *series = candles_series_new(CANDLES_MINUTE_MS);
    uint64_t state = 7;
    struct imported imported;
    struct buf out = {0};

    for (int64_t i = 0; i < 5000; i++) {
        const double price = i % 3 == 0   ? (double)(noise(&state) % 1000000 + 1) / 100
                             : i % 3 == 1 ? (double)(noise(&state) % 1000000 + 1) / 7
                                          : (double)(noise(&state) % 1000 + 1) * 1e15;

        add(series, (i + i / 100) * CANDLES_MINUTE_MS, price,
            (double)(noise(&state) % 100000) / (i % 2 == 0 ? 1000 : 3));
    }
    candles_series_digits(series, 2, 3);
    buf_add_str(&out, candles_csv_head);
    candles_csv_add(candles_series_view(series), &out);
    import_bytes(&imported, &(struct candles_import_options){.timeframe_ms = CANDLES_MINUTE_MS}, buf_slice(&out), 0,
                 NULL);
    UNIT_INT(imported.outcome, 0);
    const struct candles *a = candles_series_view(series), *b = imported_view(&imported);

    UNIT_INT(b->count, a->count);
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        const struct candles_bar one = candles_bar_at(a, i), other = candles_bar_at(b, i);

        CU_ASSERT(candles_bar_equal(&one, &other));
    }
    imported_clear(&imported);
    candles_series_free(series);
    buf_clear(&out);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_csv_digits),
    UNIT_TEST(test_csv_times),
    UNIT_TEST(test_csv_reads_back),
};
const struct unit_part csv_tests = UNIT_PART(tests);
