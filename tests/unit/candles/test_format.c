#include "candles/format.h"
#include "test_candles.h"

/* "format separator" and the columns time, clock, open … adjusted; or "before"; or what is said. */
static void found(const char *line, const char *wanted, const char *expected)
{
    struct format_layout layout;
    struct buf told = {0}, why = {0};

    switch (candles_format_find(slice_of(line), wanted == NULL ? NULL : candles_format_named(wanted), &layout, &why)) {
    case FORMAT_BEFORE:
        buf_add_str(&told, "before");
        break;
    case FORMAT_UNKNOWN:
        buf_add_slice(&told, buf_slice(&why));
        break;
    case FORMAT_HEADER:
    case FORMAT_ROW:
        buf_printf(&told, "%s %d:", layout.format->name, layout.separator);
        for (size_t i = 0; i < FORMAT_COLUMNS; i++) buf_printf(&told, " %d", layout.columns[i]);
        break;
    }
    UNIT_STR(buf_cstr(&told), expected);
    buf_clear(&told);
    buf_clear(&why);
}

static void test_format_find(void)
{
    static const char nothing[] = "it is neither a known header nor a row of candles";
    static const struct {
        const char *line, *wanted, *expected;
    } cases[] = {
        {"", NULL, "before"},
        {"# a comment", NULL, "before"},
        {"https://www.example.org", NULL, "before"},
        {"sep=;", NULL, "before"},
        {"time,open,high,low,close,volume", NULL, "tradingview 44: 0 -1 1 2 3 4 5 -1 -1"},
        {"Timestamp;Open;High;Low;Close", NULL, "generic 59: 0 -1 1 2 3 4 -1 -1 -1"},
        {"date,time,open,high,low,close,volume", NULL, "tradingview 44: 0 1 2 3 4 5 6 -1 -1"},
        {"\"Date\",\"Open\",\"High\",\"Low\",\"Close\",\"Volume\"", NULL, "generic 44: 0 -1 1 2 3 4 5 -1 -1"},
        {"close|low|high|open|time", NULL, "tradingview 124: 4 -1 3 2 1 0 -1 -1 -1"},
        {"unix,date,symbol,open,high,low,close,Volume ETH,Volume USD", NULL,
         "cryptodatadownload 44: 0 -1 3 4 5 6 7 2 -1"},
        {"Date,Open,High,Low,Close,Adj Close,Volume", NULL, "yahoo 44: 0 -1 1 2 3 4 6 -1 5"},
        {"Date,Open,High,Low,Close,Adj Close,Volume", "generic", "generic 44: 0 -1 1 2 3 4 6 -1 5"},
        {"1704067200,1,2,1,2,3,4", NULL, "kraken 44: 0 -1 1 2 3 4 5 -1 -1"},
        {"1704067200,1,2,1,2,3", NULL, "plain 44: 0 -1 1 2 3 4 5 -1 -1"},
        {"1704067200,1,2,1,2,3", "kraken", nothing},
        {"1704067200,1,2,1,2,x", NULL, nothing},
        {"20240102 170000;1.1;1.2;1.1;1.2;0", NULL, "histdata 59: 0 -1 1 2 3 4 5 -1 -1"},
        {"2024.01.02,17:00,1.1,1.2,1.1,1.2,0", NULL, "histdata-mt 44: 0 1 2 3 4 5 6 -1 -1"},
        {"name,age,town", NULL, nothing},
        {"{\"a\":1}", NULL, "it is JSON; save the rows as CSV"},
        {"<!DOCTYPE html>", NULL, "it is HTML or XML; save the table as CSV"},
        {"PK\3\4x", NULL, "it is a zip file within another packed file; unpack the outer one"},
        {"\x1f\x8bx", NULL, "it is a gzip file within another packed file; unpack the outer one"},
        {"\xfd"
         "7zXZ",
         NULL, "it is compressed with xz; decompress it first (gzip and zip files are read as they are)"},
        {"PAR1", NULL, "it is a Parquet file; save it as CSV"},
        {"time,open,high,low,close\r1,1,1,1,1", NULL,
         "its lines end with CR alone; save it with the line ends of Unix or Windows"},
        {"time,open,high,close,volume", NULL, "its header has no column for low"},
        {"when,open,high,low,close", NULL, "its header has no column for time"},
        {"time,open,high,low", NULL, "its header has no column for close"},
        {"\xff\xfet", NULL, "it is UTF-16 text; save it as UTF-8"},
    };

    for (size_t i = 0; i < countof(cases); i++) found(cases[i].line, cases[i].wanted, cases[i].expected);
}

/* Each row of the table can be asked for, and each has a sample that is found as it. */
static void test_format_table(void)
{
    for (unsigned i = 0; candles_format_at(i) != NULL; i++) {
        const struct candles_format *format = candles_format_at(i);
        bool has_sample = false;

        CU_ASSERT_PTR_EQUAL(candles_format_named(format->name), format);
        CU_ASSERT((format->needs == NULL) != (format->shape == NULL));
        for (size_t j = 0; j < sample_count; j++)
            has_sample = has_sample || strcmp(samples[j].format, format->name) == 0;
        if (!has_sample) UNIT_STR(format->name, "a format with a sample");
    }
    CU_ASSERT_PTR_NULL(candles_format_named("none"));
}

static const struct unit_test tests[] = {UNIT_TEST(test_format_find), UNIT_TEST(test_format_table)};
const struct unit_part format_tests = UNIT_PART(tests);
