#include "candles/stamp.h"
#include "test_candles.h"

#define HEADER "time,open,high,low,close,volume\n"
#define GOOD "2024-01-01,1,2,1,2,5\n2024-01-02,2,3,2,3,5\n"

/* The one reason that the row is rejected for, between two good ones. */
static void test_row_rejected(void)
{
    static const struct {
        const char *row, *reason;
    } cases[] = {
        {"2024-01-03,3,2,3,3,1", "the high is below the low: \"2024-01-03,3,2,3,3,1\""},
        {"2024-01-03,3,4,2,5,1", "the high is below the open or the close: \"2024-01-03,3,4,2,5,1\""},
        {"2024-01-03,3,4,3.5,4,1", "the low is above the open or the close: \"2024-01-03,3,4,3.5,4,1\""},
        {"2024-01-03,0,4,0,4,1", "the open is not a finite number above zero: \"2024-01-03,0,4,0,4,1\""},
        {"2024-01-03,3,4,-3,4,1", "the low is not a finite number above zero: \"2024-01-03,3,4,-3,4,1\""},
        {"2024-01-03,3,1e999,3,4,1", "the high is not a number: \"1e999\""},
        {"2024-01-03,3,inf,3,4,1", "the high is not a number: \"inf\""},
        {"2024-01-03,3,4,3,4,-1", "the volume is not a finite number of zero or more: \"2024-01-03,3,4,3,4,-1\""},
        {"2024-01-03,null,null,null,null,null", "the open is missing"},
        {"2024-01-03,NaN,4,3,4,1", "the open is missing"},
        {"2024-01-03,3,4,3,,1", "the close is missing"},
        {"2024-01-03,3,4,3,4,", "the volume is missing"},
        {"2024-01-03,3,4,3,4", "the row has too few cells: \"2024-01-03,3,4,3,4\""},
        {"2024-01-03,3,4,3,x\x01y,1", "the close is not a number: \"x?y\""},
        {"2024-02-30,3,4,3,4,1",
         "the time is not in a known form (2024-01-31 09:30, 31.01.2024, seconds or ms since 1970): \"2024-02-30\""},
        {"2024-01-03,\"1,500\",4,3,4,1", "the open is not a number; use a point, not a comma: \"1,500\""},
        {"tomorrow,3,4,3,4,1",
         "the time is not in a known form (2024-01-31 09:30, 31.01.2024, seconds or ms since 1970): \"tomorrow\""},
        {"1704240000000000001,3,4,3,4,1",
         "the time has a fraction of a millisecond, so that no bar opens at it: \"1704240000000000001\""},
        {"2024-01-03 00:00:30,3,4,3,4,1", "the time 2024-01-03T00:00:30Z is not one at which a bar of 1d opens"},
        {HEADER, "the open is not a number: \"open\""},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct candles_import_options options = {0};
        struct imported imported;
        struct buf text = {0};

        buf_printf(&text, HEADER GOOD "%s\n2024-01-04,3,4,3,4,1\n", cases[i].row);
        import_text(&imported, &options, buf_cstr(&text));
        UNIT_STR(imported.err.message, "");
        UNIT_INT(imported.report->rejected, 1);
        UNIT_INT(imported.report->rejections.items[0].line, 4);
        UNIT_STR(imported.report->rejections.items[0].source, "f.csv");
        UNIT_STR(imported.report->rejections.items[0].reason, cases[i].reason);
        UNIT_INT(imported_view(&imported)->count, 3);
        imported_clear(&imported);
        buf_clear(&text);
    }
}

static void test_row_long(void)
{
    const struct candles_import_options options = {0};
    struct imported imported;
    struct buf text = {0};

    buf_add_str(&text, HEADER GOOD "2024-01-03,3,4,3,4,1");
    for (int i = 0; i < 20000; i++) buf_add_char(&text, '0');
    import_text(&imported, &options, buf_cstr(&text));
    UNIT_STR(imported.report->rejections.items[0].reason, "the line is too long for a row of candles");
    imported_clear(&imported);
    buf_clear(&text);
}

static void test_row_symbols(void)
{
    static const char text[] = "symbol,time,open,high,low,close\n"
                               "BTC/USDT,2024-01-01,1,1,1,1\nBTC-USDT,2024-01-02,1,1,1,1\nETHUSDT,2024-01-01,2,2,2,2\n"
                               "btcusdt,2024-01-03,1,1,1,1\n";
    static const struct {
        const char *symbol, *message;
        int bars;
    } cases[] = {
        {NULL,
         "f.csv: line 4: there are rows of several symbols, \"BTC/USDT\" and \"ETHUSDT\"; give the symbol to read", 0},
        {"BTCUSDT", "", 3},
        {"BINANCE:BTCUSDT", "", 3},
        {"ETH/USDT",
         "f.csv: the timeframe cannot be found from one valid row; give one of 1m, 2m, 3m, 5m, 10m, 15m, 30m, 1h, "
         "2h, 3h, 4h, 6h, 8h, 12h, 1d, 1w",
         0},
        {"BTC", "f.csv: none of its 4 rows has the symbol BTC", 0},
        {"BINANCE:BTC", "f.csv: none of its 4 rows has the symbol BINANCE:BTC", 0},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct candles_import_options options = {.symbol = cases[i].symbol};
        struct imported imported;

        import_text(&imported, &options, text);
        UNIT_STR(imported.err.message, cases[i].message);
        UNIT_INT(imported_view(&imported)->count, cases[i].bars);
        imported_clear(&imported);
    }
}

static void test_row_adjusted(void)
{
    static const char text[] = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,100,110,90,100,50,12\n"
                               "2024-01-03,100,110,90,100,100,12\n";
    static const char *const expected[] = {
        "2024-01-02T00:00:00Z 100 110 90 100 12\n2024-01-03T00:00:00Z 100 110 90 100 12\n",
        "2024-01-02T00:00:00Z 50 55 45 50 12\n2024-01-03T00:00:00Z 100 110 90 100 12\n",
    };

    for (size_t i = 0; i < countof(expected); i++) {
        const struct candles_import_options options = {.adjusted = i == 1};
        struct imported imported;
        struct buf found = {0};

        import_text(&imported, &options, text);
        bars_print(imported_view(&imported), &found);
        UNIT_STR(buf_cstr(&found), expected[i]);
        CU_ASSERT_EQUAL(imported.report->has_adjusted_column, i == 0);
        imported_clear(&imported);
        buf_clear(&found);
    }
}

static void test_row_zone(void)
{
    static const struct {
        const char *rows, *bars, *note; /* note: of the one row that is rejected */
    } cases[] = {
        /* forward over the hour that is not there */
        {"2024-03-10 01:00,1,1,1,1,0\n2024-03-10 02:00,2,2,2,2,0\n2024-03-10 03:00,3,3,3,3,0\n",
         "2024-03-10T06:00:00Z 1 1 1 1 0\n2024-03-10T07:00:00Z 3 3 3 3 0\n",
         "the local time does not exist: the clocks were set forward over it: \"2024-03-10 02:00\""},
        /* and over the one that is there twice */
        {"2024-11-03 00:00,1,1,1,1,0\n2024-11-03 01:00,2,2,2,2,0\n2024-11-03 01:00,3,3,3,3,0\n2024-11-03 "
         "02:00,4,4,4,4,0\n",
         "2024-11-03T04:00:00Z 1 1 1 1 0\n2024-11-03T05:00:00Z 2 2 2 2 0\n2024-11-03T06:00:00Z 3 3 3 3 0\n"
         "2024-11-03T07:00:00Z 4 4 4 4 0\n",
         NULL},
        /* backward */
        {"2024-11-03 02:00,4,4,4,4,0\n2024-11-03 01:00,3,3,3,3,0\n2024-11-03 01:00,2,2,2,2,0\n2024-11-03 "
         "00:00,1,1,1,1,0\n",
         "2024-11-03T04:00:00Z 1 1 1 1 0\n2024-11-03T05:00:00Z 2 2 2 2 0\n2024-11-03T06:00:00Z 3 3 3 3 0\n"
         "2024-11-03T07:00:00Z 4 4 4 4 0\n",
         NULL},
        /* half hours, twice each */
        {"2024-11-03 01:00,1,1,1,1,0\n2024-11-03 01:30,2,2,2,2,0\n2024-11-03 01:00,3,3,3,3,0\n2024-11-03 "
         "01:30,4,4,4,4,0\n",
         "2024-11-03T05:00:00Z 1 1 1 1 0\n2024-11-03T05:30:00Z 2 2 2 2 0\n2024-11-03T06:00:00Z 3 3 3 3 0\n"
         "2024-11-03T06:30:00Z 4 4 4 4 0\n",
         NULL},
        /* an offset in the file wins */
        {"2024-01-01T00:00:00Z,1,1,1,1,0\n2024-01-01T02:00:00+01:00,2,2,2,2,0\n",
         "2024-01-01T00:00:00Z 1 1 1 1 0\n2024-01-01T01:00:00Z 2 2 2 2 0\n", NULL},
        /* days are days, also those that begin at New York's midnight */
        {"2024-01-02,1,1,1,1,0\n2024-01-03,2,2,2,2,0\n",
         "2024-01-02T00:00:00Z 1 1 1 1 0\n2024-01-03T00:00:00Z 2 2 2 2 0\n", NULL},
        {"2024-03-08T05:00:00Z,1,1,1,1,0\n2024-03-09T05:00:00Z,2,2,2,2,0\n2024-03-11T04:00:00Z,3,3,3,3,0\n",
         "2024-03-08T00:00:00Z 1 1 1 1 0\n2024-03-09T00:00:00Z 2 2 2 2 0\n2024-03-11T00:00:00Z 3 3 3 3 0\n", NULL},
    };
    struct candles_zone *zone = zone_new_york();

    for (size_t i = 0; i < countof(cases); i++) {
        const struct candles_import_options options = {.zone = zone};
        struct imported imported;
        struct buf text = {0}, found = {0};

        buf_printf(&text, HEADER "%s", cases[i].rows);
        import_text(&imported, &options, buf_cstr(&text));
        UNIT_STR(imported.err.message, "");
        bars_print(imported_view(&imported), &found);
        UNIT_STR(buf_cstr(&found), cases[i].bars);
        UNIT_STR(imported.report->rejections.items[0].reason, cases[i].note == NULL ? "" : cases[i].note);
        UNIT_INT(imported.report->local_assumed, 0);
        imported_clear(&imported);
        buf_clear(&text);
        buf_clear(&found);
    }
    candles_zone_free(zone);
}

static const struct unit_test tests[] = {UNIT_TEST(test_row_rejected), UNIT_TEST(test_row_long),
                                         UNIT_TEST(test_row_symbols), UNIT_TEST(test_row_adjusted),
                                         UNIT_TEST(test_row_zone)};
const struct unit_part row_tests = UNIT_PART(tests);
