#include "test_candles.h"

static void test_import_samples(void)
{
    for (size_t i = 0; i < sample_count; i++) {
        const struct candles_import_options options = {.symbol = samples[i].symbol};
        struct imported imported;
        struct buf bars = {0};

        import_text(&imported, &options, samples[i].text);
        UNIT_STR(imported.err.message, "");
        UNIT_STR(imported.outcome == 0 ? imported.report->format : "", samples[i].format);
        bars_print(imported_view(&imported), &bars);
        UNIT_STR(buf_cstr(&bars), samples[i].bars);
        UNIT_INT(imported.report->new, 3);
        UNIT_INT(imported.report->rejected, 0);
        UNIT_INT(imported.report->gap_count, 0);
        CU_ASSERT(imported.report->timeframe_was_found);
        imported_clear(&imported);
        buf_clear(&bars);
    }
}

/* The same by name; and by a name that does not fit it is an error. */
static void test_import_forced(void)
{
    for (size_t i = 0; i < sample_count; i++) {
        const struct candles_import_options options = {.symbol = samples[i].symbol, .format = samples[i].format};
        struct imported imported;

        import_text(&imported, &options, samples[i].text);
        UNIT_STR(imported.outcome == 0 ? imported.report->format : imported.err.message, samples[i].format);
        imported_clear(&imported);
    }
    const struct candles_import_options unknown = {.format = "excel"}, other = {.format = "binance"};
    const struct candles_import_options month = {.timeframe_ms = INT64_C(2592000000)};
    struct imported imported;

    import_text(&imported, &month, samples[0].text);
    UNIT_STR(imported.err.message, "the timeframe must be at most a week");
    imported_clear(&imported);

    import_text(&imported, &unknown, samples[0].text);
    CU_ASSERT(strncmp(imported.err.message, "\"excel\" is not a known format; the formats are binance-futures, ", 60) ==
              0);
    imported_clear(&imported);
    import_text(&imported, &other, "1704067200,1,1,1,1,1,1\n");
    UNIT_INT(imported.outcome, -1);
    imported_clear(&imported);
}

static void test_import_unknown(void)
{
    static const char *const files[] = {"name,age\nAnn,7\n", "{\"a\": 1}", "<html>", "\177ELF\002\001", "time,open\n"};
    const struct candles_import_options options = {0};

    for (size_t i = 0; i < countof(files); i++) {
        struct imported imported;

        import_text(&imported, &options, files[i]);
        UNIT_INT(imported.outcome, -1);
        CU_ASSERT(strncmp(imported.err.message, "f.csv: line 1 is \"", 18) == 0);
        CU_ASSERT_PTR_NOT_NULL(
            strstr(imported.err.message, "A file of candles has a header with columns for time, open"));
        CU_ASSERT_PTR_NOT_NULL(strstr(imported.err.message, "binance-futures, binance, kraken"));
        imported_clear(&imported);
    }
    static const struct {
        const char *text, *message;
    } empty[] = {
        {"", "f.csv: the file has no rows of candles"},
        {"\n\n# nothing\n", "f.csv: the file has no rows of candles"},
        {"time,open,high,low,close\n", "f.csv: the file has a header, but no rows of candles"},
        {"time,open,high,low,close\nx,1,1,1,1\ny,1,1,1,1\n",
         "f.csv: all 2 rows are wrong; the first is line 2: the time is not in a known form (2024-01-31 09:30, "
         "31.01.2024, seconds or ms since 1970): \"x\""},
    };

    for (size_t i = 0; i < countof(empty); i++) {
        struct imported imported;

        import_text(&imported, &options, empty[i].text);
        UNIT_STR(imported.err.message, empty[i].message);
        imported_clear(&imported);
    }
}

/* Cut anywhere, packed or not, the result is the same to the last bit. */
static void test_import_pieces(void)
{
    for (size_t i = 0; i < sample_count; i++) {
        const struct candles_import_options options = {.symbol = samples[i].symbol};
        struct buf forms[3] = {{0}};
        struct buf whole = {0};
        struct imported imported;
        const struct pack_member member = {.name = "f.csv", .bytes = slice_of(samples[i].text)};

        import_text(&imported, &options, samples[i].text);
        imported_print(&imported, &whole);
        imported_clear(&imported);
        buf_add_str(&forms[0], samples[i].text);
        pack_gzip(member.bytes, &forms[1]);
        pack_zip(&member, 1, &forms[2]);
        for (size_t form = 0; form < countof(forms); form++) {
            for (size_t piece = 1; piece < forms[form].len; piece += piece < 30 ? 1 : 17) {
                struct buf found = {0};

                import_bytes(&imported, &options, buf_slice(&forms[form]), piece, NULL);
                imported_print(&imported, &found);
                if (strcmp(buf_cstr(&found), buf_cstr(&whole)) != 0) UNIT_STR(buf_cstr(&found), buf_cstr(&whole));
                imported_clear(&imported);
                buf_clear(&found);
            }
            buf_clear(&forms[form]);
        }
        buf_clear(&whole);
    }
}

/* A second import of what is there finds all equal, and changes nothing. */
static void test_import_twice(void)
{
    for (size_t i = 0; i < sample_count; i++) {
        const struct candles_import_options options = {.symbol = samples[i].symbol};
        struct imported first, second;
        struct buf one = {0}, other = {0};

        import_text(&first, &options, samples[i].text);
        import_bytes(&second, &options, slice_of(samples[i].text), 0, imported_view(&first));
        UNIT_INT(second.report->equal, 3);
        UNIT_INT(second.report->new + second.report->conflicts + second.report->replaced, 0);
        bars_print(imported_view(&first), &one);
        bars_print(imported_view(&second), &other);
        UNIT_STR(buf_cstr(&other), buf_cstr(&one));
        CU_ASSERT(imported_view(&first)->tick == imported_view(&second)->tick);
        CU_ASSERT(imported_view(&first)->lot == imported_view(&second)->lot);
        imported_clear(&first);
        imported_clear(&second);
        buf_clear(&one);
        buf_clear(&other);
    }
}

static void test_import_zip(void)
{
    const struct pack_member members[] = {
        {.name = "README.txt", .bytes = SLICE_LIT("what this is\n")},
        {.name = "2024-01.csv",
         .bytes = SLICE_LIT("1704067200,1,1,1,1,1,1\n1704067260,1,1,1,1,1,1\n1704067320,1,1,1\n")},
        {.name = "2024-02.csv", .bytes = SLICE_LIT("1704067380,2,2,2,2,1,1\nx,2,2,2,2,1,1\n"), .is_stored = true},
    };
    const struct candles_import_options options = {0}, bounded = {.rows_max = 3}, small = {.bytes_max = 40};
    struct imported imported;
    struct buf packed = {0};

    pack_zip(members, countof(members), &packed);
    import_bytes(&imported, &options, buf_slice(&packed), 0, NULL);
    UNIT_STR(imported.err.message, "");
    UNIT_INT(imported.report->members_skipped, 1);
    UNIT_INT(imported.report->new, 3);
    UNIT_INT(imported.report->rejected, 2);
    UNIT_INT(imported.report->gap_count, 1);
    UNIT_STR(imported.report->rejections.items[0].source, "f.csv: 2024-01.csv");
    UNIT_INT(imported.report->rejections.items[0].line, 3);
    UNIT_STR(imported.report->rejections.items[1].source, "f.csv: 2024-02.csv");
    UNIT_INT(imported.report->rejections.items[1].line, 2);
    imported_clear(&imported);
    import_bytes(&imported, &bounded, buf_slice(&packed), 0, NULL);
    UNIT_STR(imported.err.message, "f.csv: there are more than 3 rows; import the files in parts");
    imported_clear(&imported);
    import_bytes(&imported, &small, buf_slice(&packed), 0, NULL);
    UNIT_STR(imported.err.message, "f.csv: the file holds more than 40 bytes when it is unpacked");
    imported_clear(&imported);
    buf_clear(&packed);
    pack_zip(members, 1, &packed);
    import_bytes(&imported, &options, buf_slice(&packed), 0, NULL);
    CU_ASSERT(strncmp(imported.err.message, "f.csv: README.txt: line 1 is \"what this is\": ", 40) == 0);
    imported_clear(&imported);
    buf_clear(&packed);
}

/* A name from inside a file does nothing to a terminal. */
static void test_import_names(void)
{
    const struct pack_member member = {.name = "a\x1b[31m.csv", .bytes = SLICE_LIT("x,1,1\n")};
    const struct candles_import_options options = {0};
    struct imported imported;
    struct buf packed = {0};

    pack_zip(&member, 1, &packed);
    import_bytes(&imported, &options, buf_slice(&packed), 0, NULL);
    CU_ASSERT(strncmp(imported.err.message, "f.csv: a?[31m.csv: line 1 is \"x,1,1\"", 36) == 0);
    imported_clear(&imported);
    buf_clear(&packed);
}

/* A file that is cut in two between any two rows, and imported one part after the other, in either order. */
static void test_import_split(void)
{
    const struct candles_import_options options = {.timeframe_ms = 60000};
    struct buf rows[40] = {{0}}, all = {0}, expected = {0};
    struct imported whole;
    uint64_t state = 17;

    for (size_t i = 0; i < countof(rows); i++) {
        const int open = 100 + (int)(noise(&state) % 100), close = 100 + (int)(noise(&state) % 100);

        buf_printf(&rows[i], "%zu,%d.25,%d.5,%d,%d.125,%d\n", 1704067200 + 60 * (i + noise(&state) % 2), open, 210, 90,
                   close, (int)(noise(&state) % 9));
        buf_add_slice(&all, buf_slice(&rows[i]));
    }
    import_bytes(&whole, &options, buf_slice(&all), 0, NULL);
    bars_print(imported_view(&whole), &expected);
    for (size_t cut = 1; cut < countof(rows); cut++) {
        struct buf parts[2] = {{0}}, found = {0};
        struct imported first, second;

        for (size_t i = 0; i < countof(rows); i++) buf_add_slice(&parts[i >= cut], buf_slice(&rows[i]));
        import_bytes(&first, &options, buf_slice(&parts[0]), 0, NULL);
        import_bytes(&second, &options, buf_slice(&parts[1]), 0, imported_view(&first));
        bars_print(imported_view(&second), &found);
        UNIT_STR(buf_cstr(&found), buf_cstr(&expected));
        CU_ASSERT(imported_view(&second)->tick == imported_view(&whole)->tick);
        UNIT_INT(first.report->new + second.report->new, whole.report->new);
        UNIT_INT(first.report->conflicts + second.report->conflicts, whole.report->conflicts);
        imported_clear(&first);
        imported_clear(&second);
        buf_clear(&parts[0]);
        buf_clear(&parts[1]);
        buf_clear(&found);
    }
    imported_clear(&whole);
    for (size_t i = 0; i < countof(rows); i++) buf_clear(&rows[i]);
    buf_clear(&all);
    buf_clear(&expected);
}

/* What local times were taken for is told. */
static void test_import_local(void)
{
    for (size_t i = 0; i < sample_count; i++) {
        const struct candles_import_options options = {.symbol = samples[i].symbol};
        const bool is_est = strncmp(samples[i].format, "histdata", 8) == 0;
        struct imported imported;

        import_text(&imported, &options, samples[i].text);
        UNIT_INT(imported.report->local_offset_s, is_est ? -18000 : 0);
        if (is_est || strcmp(samples[i].format, "stooq") == 0) UNIT_INT(imported.report->local_assumed, 3);
        if (strncmp(samples[i].format, "binance", 7) == 0) UNIT_INT(imported.report->local_assumed, 0);
        imported_clear(&imported);
    }
}

/* Several files are one series; each may be of another format. */
static void test_import_files(void)
{
    static const char *const files[] = {
        "1704067200,1,1,1,1,1,1\n1704067260,1,1,1,1,1,1\n",
        "time,open,high,low,close,volume\n1704067320000,2,2,2,2,1\n1704067260,1,1,1,1,1\n"};
    const struct candles_import_options options = {0};
    struct candles_report report;
    struct candles_series *series;
    struct error err;
    struct candles_import *import = candles_import_new(&options, &err);

    for (size_t i = 0; i < countof(files); i++) {
        candles_import_begin(import, i == 0 ? "a.csv" : "b.csv");
        UNIT_INT(candles_import_feed(import, slice_of(files[i]), &err), 0);
        UNIT_INT(candles_import_end(import, &err), 0);
    }
    UNIT_INT(candles_import_finish(import, NULL, &series, &report, &err), 0);
    UNIT_STR(report.format, "several");
    UNIT_INT(report.new, 3);
    UNIT_INT(report.equal, 1);
    candles_series_free(series);
    candles_import_free(import);
}

static const struct unit_test tests[] = {UNIT_TEST(test_import_samples), UNIT_TEST(test_import_forced),
                                         UNIT_TEST(test_import_unknown), UNIT_TEST(test_import_pieces),
                                         UNIT_TEST(test_import_twice),   UNIT_TEST(test_import_zip),
                                         UNIT_TEST(test_import_names),   UNIT_TEST(test_import_split),
                                         UNIT_TEST(test_import_local),   UNIT_TEST(test_import_files)};
const struct unit_part import_tests = UNIT_PART(tests);
