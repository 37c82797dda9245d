#include <inttypes.h>
#include <stdlib.h>

#include "candles/stamp.h"
#include "candles/timeframe.h"
#include "test_candles.h"

#define HEADER "time,open,high,low,close,volume\n"

/* What the report counts: "new equal replaced conflicts rejected gaps/bars". */
static void counted(const char *rows, const struct candles_import_options *options, const struct candles *there,
                    const char *expected)
{
    struct imported imported;
    struct buf text = {0}, found = {0};

    buf_printf(&text, HEADER "%s", rows);
    import_bytes(&imported, options, buf_slice(&text), 0, there);
    const struct candles_report *report = imported.report;

    buf_printf(&found, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %zu/%" PRId64, report->new,
               report->equal, report->replaced, report->conflicts, report->rejected, report->gap_count,
               report->gap_bars);
    UNIT_STR(imported.outcome == 0 ? buf_cstr(&found) : imported.err.message, expected);
    UNIT_INT(report->read,
             report->new + report->equal + report->replaced + report->conflicts + report->rejected + report->others);
    imported_clear(&imported);
    buf_clear(&text);
    buf_clear(&found);
}

#define ROW(day, price) "2024-01-" day "," price "," price "," price "," price ",1\n"

static void test_settle_counts(void)
{
    static const struct {
        const char *rows, *kept, *replaced; /* with replace */
    } cases[] = {
        {ROW("01", "1") ROW("02", "2") ROW("03", "3"), "3 0 0 0 0 0/0", "3 0 0 0 0 0/0"},
        {ROW("03", "3") ROW("02", "2") ROW("01", "1"), "3 0 0 0 0 0/0", "3 0 0 0 0 0/0"},
        {ROW("02", "2") ROW("01", "1") ROW("03", "3"), "3 0 0 0 0 0/0", "3 0 0 0 0 0/0"},
        {ROW("01", "1") ROW("02", "2") ROW("05", "3"), "3 0 0 0 0 1/2", "3 0 0 0 0 1/2"},
        {ROW("01", "1") ROW("02", "2") ROW("02", "2"), "2 1 0 0 0 0/0", "2 1 0 0 0 0/0"},
        {ROW("01", "1") ROW("02", "2") ROW("02", "3"), "2 0 0 1 0 0/0", "2 0 1 0 0 0/0"},
        {ROW("02", "2") ROW("01", "1") ROW("02", "3") ROW("02", "2"), "2 1 0 1 0 0/0", "2 0 2 0 0 0/0"},
        {ROW("01", "1") ROW("02", "2") ROW("02 00:01:00", "3"), "2 0 0 0 1 0/0", "2 0 0 0 1 0/0"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct candles_import_options keep = {.timeframe_ms = CANDLES_DAY_MS};
        const struct candles_import_options replace = {.timeframe_ms = CANDLES_DAY_MS, .replace = true};

        counted(cases[i].rows, &keep, NULL, cases[i].kept);
        counted(cases[i].rows, &replace, NULL, cases[i].replaced);
    }
}

static void test_settle_stored(void)
{
    const struct candles_import_options keep = {0}, replace = {.replace = true};
    const struct candles_import_options other = {.timeframe_ms = CANDLES_HOUR_MS};
    struct imported stored;

    import_text(&stored, &keep, HEADER ROW("01", "1") ROW("02", "2") ROW("03", "3"));
    const struct candles *there = imported_view(&stored);

    counted(ROW("04", "4"), &keep, there, "1 0 0 0 0 0/0");
    counted(ROW("03", "3") ROW("05", "5"), &keep, there, "1 1 0 0 0 1/1");
    counted(ROW("03", "4") ROW("04", "5"), &keep, there, "1 0 0 1 0 0/0");
    counted(ROW("03", "4") ROW("04", "5"), &replace, there, "1 0 1 0 0 0/0");
    counted(ROW("03", "4"), &other, there, "the stored series has another timeframe");
    imported_clear(&stored);
}

static void test_settle_notes(void)
{
    const struct candles_import_options options = {0};
    struct imported imported, stored;

    import_text(&stored, &options, HEADER ROW("01", "1") ROW("02", "2") ROW("03", "3"));
    import_bytes(&imported, &options, SLICE_LIT(HEADER ROW("01", "2") ROW("04", "4") ROW("04", "5")), 0,
                 imported_view(&stored));
    UNIT_INT(imported.report->contradictions.count, 2);
    UNIT_INT(imported.report->contradictions.items[0].line, 2);
    UNIT_STR(imported.report->contradictions.items[0].reason,
             "the values for 2024-01-01T00:00:00Z are not those of the stored series");
    UNIT_INT(imported.report->contradictions.items[1].line, 4);
    UNIT_STR(imported.report->contradictions.items[1].reason,
             "the values for 2024-01-04T00:00:00Z are not those of line 3 of f.csv");
    imported_clear(&imported);
    imported_clear(&stored);
}

static void test_settle_timeframe(void)
{
    static const struct {
        const char *times; /* in minutes since 2024 */
        const char *expected;
    } cases[] = {
        {"0 1 2 3", "1m"},
        {"0 15 30 60", "15m"},
        {"0 1440 2880 7200", "1d"},
        {"0 60 300 360", "1h"},
        {"0 2 3 5 6 8 9", "1m"},
        {"10080 20160", "1w"},
        {"0 7", ""},
        {"0 120 600", "2h"},
        {"0", ""},
        {"0 44640 86400 131040", ""},
        {"0 7 21 28", ""},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct candles_import_options options = {0};
        struct slice rest = slice_of(cases[i].times);
        struct imported imported;
        struct buf text = {0};

        buf_add_str(&text, HEADER);
        while (rest.len > 0) {
            const struct slice minutes = slice_cut(&rest, ' ');

            buf_printf(&text, "%" PRId64 ",1,1,1,1,1\n", INT64_C(1704067200) + 60 * strtol(minutes.data, NULL, 10));
        }
        import_text(&imported, &options, buf_cstr(&text));
        const char *name = imported.outcome == 0 ? candles_timeframe_name(imported.report->timeframe_ms) : "";

        UNIT_STR(name, cases[i].expected);
        imported_clear(&imported);
        buf_clear(&text);
    }
}

static void test_settle_close_stamps(void)
{
    static const char *const texts[] = {
        "2024-01-01T01:00:00Z,1,1,1,1,1\n2024-01-01T02:00:00Z,2,2,2,2,1\n",
        "2024-01-01T00:59:59Z,1,1,1,1,1\n2024-01-01T01:59:59Z,2,2,2,2,1\n",
        "2024-01-01T00:59:59.999Z,1,1,1,1,1\n2024-01-01T01:59:59.999Z,2,2,2,2,1\n",
    };

    for (size_t i = 0; i < countof(texts); i++) {
        const struct candles_import_options options = {.stamp_is_close = true};
        struct imported imported;
        struct buf text = {0}, bars = {0};

        buf_printf(&text, HEADER "%s", texts[i]);
        import_text(&imported, &options, buf_cstr(&text));
        bars_print(imported_view(&imported), &bars);
        UNIT_STR(buf_cstr(&bars), "2024-01-01T00:00:00Z 1 1 1 1 1\n2024-01-01T01:00:00Z 2 2 2 2 1\n");
        imported_clear(&imported);
        buf_clear(&text);
        buf_clear(&bars);
    }
}

static void test_settle_digits(void)
{
    static const struct {
        const char *price, *volume;
        double tick, lot;
        int digits;
    } cases[] = {
        {"2644.02", "3399.375", 1e-2, 1e-3, 2},
        {"2644", "3", 1, 1e-8, 0}, /* whole volumes tell no lot */
        {"42283.58000000", "0.10000000", 1e-2, 1e-1, 2},
        {"0.00001234", "1000000", 1e-8, 1e-8, 8},
        {"1.1", "0", 1e-1, 1e-8, 1},
        {"131.25999450683594", "12", 1e-8, 1e-8, 8},     /* a float's noise */
        {"0.0000012345678901234", "1", 1e-12, 1e-8, 12}, /* of a small price */
        {"1.5", "12.300000000000001", 1e-1, 1e-8, 1},
        {"0.1234567891", "1", 1e-10, 1e-8, 10},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct candles_import_options options = {.timeframe_ms = CANDLES_DAY_MS};
        const char *price = cases[i].price;
        struct imported imported;
        struct buf text = {0};

        buf_printf(&text, HEADER "2024-01-01,%s,%s,%s,%s,%s\n", price, price, price, price, cases[i].volume);
        import_text(&imported, &options, buf_cstr(&text));
        const struct candles *view = imported_view(&imported);

        CU_ASSERT(view->tick == cases[i].tick && view->lot == cases[i].lot);
        UNIT_INT(view->price_digits, cases[i].digits);
        imported_clear(&imported);
        buf_clear(&text);
    }
}

/* In whatever order rows come, the series is the same. */
static void test_settle_order(void)
{
    const struct candles_import_options options = {0};
    uint64_t state = 3;
    struct buf expected = {0};

    for (int round = 0; round < 50; round++) {
        struct imported imported;
        struct buf text = {0}, found = {0};
        int order[40];

        for (int i = 0; i < (int)countof(order); i++) order[i] = i;
        for (size_t i = countof(order) - 1; i > 0 && round > 0; i--) {
            const size_t j = noise(&state) % (i + 1);
            const int swapped = order[i];

            order[i] = order[j];
            order[j] = swapped;
        }
        buf_add_str(&text, HEADER);
        for (size_t i = 0; i < countof(order); i++) {
            buf_printf(&text, "%d,%d,%d,%d,%d,1\n", 1704067200 + 300 * order[i], order[i] + 1, order[i] + 3,
                       order[i] + 1, order[i] + 2);
        }
        import_text(&imported, &options, buf_cstr(&text));
        bars_print(imported_view(&imported), &found);
        if (round == 0) buf_add_slice(&expected, buf_slice(&found));
        UNIT_STR(buf_cstr(&found), buf_cstr(&expected));
        imported_clear(&imported);
        buf_clear(&text);
        buf_clear(&found);
    }
    buf_clear(&expected);
}

/* The first hundred in the order of the file, whether it goes forward or backward, and all are counted. */
static void test_settle_many(void)
{
    const struct candles_import_options options = {.timeframe_ms = CANDLES_HOUR_MS};

    for (int backward = 0; backward < 2; backward++) {
        struct imported imported;
        struct buf text = {0};

        buf_add_str(&text, HEADER);
        for (int i = 0; i < 500; i++) {
            const int n = backward != 0 ? 499 - i : i;

            /* every other one off the grid, some others without a price */
            buf_printf(&text, "%d,1,1,1,%s,1\n", 1704067200 + 3600 * n + n % 2, i % 10 == 4 ? "0" : "1");
        }
        import_text(&imported, &options, buf_cstr(&text));
        UNIT_INT(imported.report->read, 500);
        UNIT_INT(imported.report->rejected + imported.report->new, 500);
        UNIT_INT(imported.report->rejections.count, CANDLES_NOTES_MAX);
        for (size_t i = 1; i < CANDLES_NOTES_MAX; i++) {
            CU_ASSERT(imported.report->rejections.items[i].line > imported.report->rejections.items[i - 1].line);
        }
        CU_ASSERT(imported.report->rejections.items[CANDLES_NOTES_MAX - 1].line < 205);
        imported_clear(&imported);
        buf_clear(&text);
    }
}

static bool same_bars(const struct candles *a, const struct candles *b)
{
    if (a->count != b->count) return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct candles_bar x = candles_bar_at(a, i), y = candles_bar_at(b, i);

        if (!candles_bar_equal(&x, &y)) return false;
    }
    return true;
}

/* The same in all that it says; neither has a row to note. */
static bool same_report(const struct candles_report *a, const struct candles_report *b)
{
    return strcmp(a->format, b->format) == 0 && a->timeframe_ms == b->timeframe_ms &&
           a->timeframe_was_found == b->timeframe_was_found && a->read == b->read && a->new == b->new &&
           a->equal == b->equal && a->replaced == b->replaced && a->conflicts == b->conflicts &&
           a->rejected == b->rejected && a->off_grid == b->off_grid && a->others == b->others &&
           a->members_skipped == b->members_skipped && a->local_assumed == b->local_assumed &&
           a->local_offset_s == b->local_offset_s && a->lot_was_assumed == b->lot_was_assumed &&
           a->has_adjusted_column == b->has_adjusted_column && a->rests_at_weekends == b->rests_at_weekends &&
           a->gap_count == b->gap_count && a->gap_bars == b->gap_bars &&
           a->gaps_listed == b->gaps_listed &&memcmp(a->gaps, b->gaps, sizeof(a->gaps)) == 0 && a->bars == b->bars &&
           a->first_ms == b->first_ms && a->last_ms == b->last_ms && a->rejections.count + b->rejections.count == 0 &&
           a->contradictions.count + b->contradictions.count == 0;
}

/* Rows that are given up make the same series, however they come, and however many there are. */
static void test_settle_gives_up_rows(void)
{
    enum { ROWS = 300000, MIXED = 7919 /* a prime */ };

    for (int order = 0; order < 3; order++) {
        struct imported imported[2];
        struct buf text = {0};

        buf_add_str(&text, HEADER);
        for (int64_t i = 0; i < ROWS; i++) {
            const int64_t n = order == 0 ? i : order == 1 ? ROWS - 1 - i : i * MIXED % ROWS;

            buf_printf(&text, "%" PRId64 ",%" PRId64 ",9,1,2,%" PRId64 ".5\n", 1704067200 + 60 * n, n % 8 + 1, n % 100);
        }
        for (int gives_up = 0; gives_up < 2; gives_up++) {
            const struct candles_import_options options = {.gives_up_rows = gives_up != 0};

            import_bytes(&imported[gives_up], &options, buf_slice(&text), 0, NULL);
            UNIT_INT(imported[gives_up].outcome, 0);
        }
        const struct candles *kept = imported_view(&imported[0]), *given_up = imported_view(&imported[1]);

        UNIT_INT(given_up->count, ROWS);
        CU_ASSERT(same_bars(kept, given_up));
        CU_ASSERT(kept->lot == given_up->lot && kept->tick == given_up->tick);
        CU_ASSERT(same_report(imported[0].report, imported[1].report));
        imported_clear(&imported[0]);
        imported_clear(&imported[1]);
        buf_clear(&text);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_settle_counts),    UNIT_TEST(test_settle_stored),       UNIT_TEST(test_settle_notes),
    UNIT_TEST(test_settle_timeframe), UNIT_TEST(test_settle_close_stamps), UNIT_TEST(test_settle_digits),
    UNIT_TEST(test_settle_order),     UNIT_TEST(test_settle_many),         UNIT_TEST(test_settle_gives_up_rows)};
const struct unit_part settle_tests = UNIT_PART(tests);
