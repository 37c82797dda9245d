/* Candles from a real server, and from the cache. Bars are of a minute, and depend on their slot alone. */
#include "queue/load.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "candles/chunk.h"
#include "candles/derive.h"
#include "candles/fingerprint.h"
#include "candles/timeframe.h"
#include "rig.h"

enum { HOUR = 60 * MINUTE };

static struct load_request request_of(int64_t timeframe_ms, int64_t first_slot, int64_t end_slot, size_t lookback)
{
    return (struct load_request){.symbol = SLICE_LIT("X:BTC"),
                                 .timeframe_ms = timeframe_ms,
                                 .start_ms = first_slot * MINUTE,
                                 .end_ms = end_slot * MINUTE,
                                 .lookback = lookback};
}

static void expect_candles(const struct rig *rig, const struct candles *all, size_t first, size_t count)
{
    const struct candles expected = candles_view(all, first, count);

    CU_ASSERT_PTR_NOT_NULL_FATAL(rig->loaded);
    UNIT_INT(rig->loaded->candles.count, count);
    CU_ASSERT(candles_same(&rig->loaded->candles, &expected));
    CU_ASSERT(rig->loaded->candles.tick == all->tick && rig->loaded->candles.lot == all->lot);
    UNIT_INT(rig->loaded->candles.price_digits, all->price_digits);
}

/* With what is said of the series beside the span: `all` are its candles. */
static void expect_read(const struct rig *rig, const struct candles *all, const char *span)
{
    const char *colon = strchr(buf_cstr(&rig->loaded->read), ':'); /* the series' id is the server's choice */
    char *expected = mem_printf("%s,\"last_ms\":%" PRId64 ",\"price_digits\":2,\"lot_digits\":3}]", span,
                                all->time_ms[all->count - 1]);

    UNIT_STR(colon == NULL ? "" : strchr(colon, ','), expected);
    free(expected);
}

/* The chunks that hold the window, no more: their fingerprint is that of a file with their bars. */
static void expect_fingerprint(const struct rig *rig, const struct candles *all, int64_t first_chunk,
                               int64_t last_chunk)
{
    const size_t first = candles_find(all, first_chunk * CHUNK_BARS * MINUTE);
    const size_t end = candles_find(all, (last_chunk + 1) * CHUNK_BARS * MINUTE);
    const struct candles part = candles_view(all, first, end - first);
    char expected[DIGEST_SHA256_HEX_BYTES];
    struct error err;

    UNIT_INT(candles_fingerprint(&part, expected, &err), 0);
    candles_fingerprint_steps(expected, all->price_digits, candles_step_digits(all->lot));
    UNIT_STR(rig->loaded->fingerprint, expected);
}

static void test_load_stored(void)
{
    struct candles_series *series = candles_made(1000, 9000);
    const struct candles *all = candles_series_view(series);
    const struct load_request request = request_of(MINUTE, 5000, 7000, 100);
    struct rig rig;

    rig_open(&rig);
    rig_store(&rig, "X:BTC", all);
    rig_connect(&rig);
    rig_load(&rig, &request);
    expect_candles(&rig, all, 3900, 2100);
    expect_read(&rig, all, ",\"revision\":3,\"first_ms\":294000000,\"end_ms\":420000000");
    expect_fingerprint(&rig, all, 1, 3); /* a chunk's worth of look-back would not need the first one; 100 bars do not
                                            tell how many of a chunk are before the start */
    UNIT_INT(rig.loaded->cache_misses, 1);
    UNIT_INT(rig.loaded->cache_hits, 0);
    CU_ASSERT(rig.loaded->fetched_bytes > 0 && rig.loaded->cached_bytes == 0);
    CU_ASSERT(!rig.loaded->is_derived && rig.loaded->detail.count == 0);
    /* Again, from the cache. */
    rig_load(&rig, &request);
    expect_candles(&rig, all, 3900, 2100);
    expect_fingerprint(&rig, all, 1, 3);
    UNIT_INT(rig.loaded->cache_misses, 0);
    UNIT_INT(rig.loaded->cache_hits, 1);
    CU_ASSERT(rig.loaded->fetched_bytes == 0 && rig.loaded->cached_bytes > 0);
    /* Without a look-back, and with one that the series does not have. */
    const struct load_request none = request_of(MINUTE, 5000, 7000, 0), more = request_of(MINUTE, 1100, 1200, 101);

    rig_load(&rig, &none);
    expect_candles(&rig, all, 4000, 2000);
    expect_read(&rig, all, ",\"revision\":3,\"first_ms\":300000000,\"end_ms\":420000000");
    rig_load(&rig, &more);
    expect_candles(&rig, all, 0, 200);
    expect_read(&rig, all, ",\"revision\":3,\"first_ms\":-5364662400000,\"end_ms\":72000000");
    rig_close(&rig);
    candles_series_free(series);
}

/* Many pages, and the look-back reaches over several chunks. */
static void test_load_pages(void)
{
    struct candles_series *series = candles_made(-100000, 170000);
    const struct candles *all = candles_series_view(series);
    const struct load_request request = request_of(MINUTE, -20000, 70000, 30000);
    struct rig rig;

    rig_open(&rig);
    rig_store(&rig, "X:BTC", all);
    rig_connect(&rig);
    for (unsigned i = 0; i < 2; i++) {
        rig_load(&rig, &request);
        expect_candles(&rig, all, 50000, 120000);
    }
    UNIT_INT(rig.loaded->cache_hits, 1);
    rig_close(&rig);
    candles_series_free(series);
}

/* Eighty minutes of trade, then four chunks without any, and so on: as many bars as are asked for, not as many slots.
 */
static void test_load_gaps(void)
{
    struct candles_series *series = candles_series_new(MINUTE);
    struct rig rig;

    candles_series_digits(series, 2, 3);
    for (int64_t at = 0; at < 200; at++) candles_grow(series, at * 9000, 80);
    const struct candles *all = candles_series_view(series);

    rig_open(&rig);
    rig_store(&rig, "X:BTC", all);
    rig_connect(&rig);
    for (size_t lookback = 1; lookback < 16000; lookback = lookback * 3 + 1) {
        const struct load_request request = request_of(MINUTE, 199 * 9000 + 40, 2000000, lookback);
        const size_t there = 199 * 80 + 40, before = lookback < there ? lookback : there;

        rig_load(&rig, &request);
        expect_candles(&rig, all, there - before, before + 40);
        CU_ASSERT(rig.loaded->bars >= before + 40 && rig.loaded->bars <= before + 240);
    }
    rig_close(&rig);
    candles_series_free(series);
}

/* What an execution has itself is not taken from the series, and is not told as if it were. */
static void test_load_own_steps(void)
{
    struct candles_series *series = candles_made(0, 3000);
    struct load_request request = request_of(MINUTE, 100, 200, 0);
    char fingerprints[4][DIGEST_SHA256_HEX_BYTES];
    struct rig rig;

    rig_open(&rig);
    rig_store(&rig, "X:BTC", candles_series_view(series));
    rig_connect(&rig);
    for (unsigned i = 0; i < 4; i++) {
        request.own_tick = i & 1;
        request.own_lot = i & 2;
        rig_load(&rig, &request);
        CU_ASSERT_PTR_NOT_NULL_FATAL(rig.loaded);
        if (rig.loaded == NULL) abort();
        UNIT_INT(strstr(buf_cstr(&rig.loaded->read), ",\"price_digits\":2") != NULL, !request.own_tick);
        UNIT_INT(strstr(buf_cstr(&rig.loaded->read), ",\"lot_digits\":3") != NULL, !request.own_lot);
        memcpy(fingerprints[i], rig.loaded->fingerprint, sizeof(fingerprints[i]));
        for (unsigned j = 0; j < i; j++) CU_ASSERT_STRING_NOT_EQUAL(fingerprints[i], fingerprints[j]);
    }
    rig_close(&rig);
    candles_series_free(series);
}

/* Derived as from a file, but for bars of which a part is missing at the ends. */
static void test_load_derived(void)
{
    static const struct {
        int64_t first, count; /* minutes that are stored */
        int64_t start, end;   /* minutes */
        size_t lookback;
        int64_t expected_first, expected_count; /* hours */
        const char *read;
    } cases[] = {
        /* In the midst: the look-back reaches into an earlier chunk, whose first hour is cut. */
        {0, 20000, 6000, 9000, 30, 70, 80, ",\"revision\":3,\"first_ms\":252000000,\"end_ms\":540000000"},
        /* The series begins within an hour, which is left out. */
        {90, 600, 0, 300, 0, 2, 3, ",\"revision\":3,\"first_ms\":0,\"end_ms\":18000000"},
        {90, 600, 180, 300, 5, 2, 3, ",\"revision\":3,\"first_ms\":-5364662400000,\"end_ms\":18000000"},
        /* It ends within one: whatever comes later would close that. */
        {0, 630, 120, 1000, 1, 1, 9, ",\"revision\":3,\"first_ms\":3600000,\"end_ms\":9214646400000"},
        /* It ends with an hour; there may be more of the span. */
        {0, 600, 120, 1000, 1, 1, 9, ",\"revision\":3,\"first_ms\":3600000,\"end_ms\":61200000"},
        /* The span begins and ends within an hour. */
        {0, 6000, 130, 200, 0, 3, 1, ",\"revision\":3,\"first_ms\":7800000,\"end_ms\":14400000"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct candles_series *series = candles_made(cases[i].first, (size_t)cases[i].count);
        const struct candles *all = candles_series_view(series);
        struct load_request request = request_of(HOUR, cases[i].start, cases[i].end, cases[i].lookback);
        struct error err;
        struct candles_derived *derived = candles_derive(all, HOUR, &err);
        const struct candles *hours = candles_derived_view(derived);
        struct rig rig;

        rig_open(&rig);
        rig_store(&rig, "X:BTC", all);
        rig_connect(&rig);
        for (unsigned round = 0; round < 3; round++) {
            request.detail = round == 2;
            rig_load(&rig, &request);
            expect_candles(&rig, hours, candles_find(hours, cases[i].expected_first * HOUR),
                           (size_t)cases[i].expected_count);
            expect_read(&rig, all, cases[i].read);
            CU_ASSERT(rig.loaded->is_derived);
            UNIT_INT(rig.loaded->cache_misses, round == 0);
        }
        /* The detail has every minute of the span's hours. */
        const int64_t end = (cases[i].end + 59) / 60 * 60;
        const size_t from = candles_find(all, cases[i].start * MINUTE), to = candles_find(all, end * MINUTE);
        const struct candles minutes = candles_view(all, from, to - from);

        CU_ASSERT(candles_same(&rig.loaded->detail, &minutes));
        CU_ASSERT(rig.loaded->detail.tick == 0.01);
        rig_close(&rig);
        candles_derived_free(derived);
        candles_series_free(series);
    }
}

/* A series that is stored always wins; the detail is a series of its own then. */
static void test_load_detail(void)
{
    struct candles_series *series = candles_made(0, 6000);
    const struct candles *minutes = candles_series_view(series);
    struct error err;
    struct candles_derived *fives = candles_derive(minutes, 5 * MINUTE, &err);
    struct candles_derived *hours = candles_derive(minutes, HOUR, &err);
    struct load_request request = request_of(HOUR, 600, 1150, 3);
    char alone[DIGEST_SHA256_HEX_BYTES];
    struct rig rig;

    rig_open(&rig);
    rig_store(&rig, "X:BTC", candles_derived_view(hours));
    rig_connect(&rig);
    request.detail = true;
    rig_load(&rig, &request);
    expect_candles(&rig, candles_derived_view(hours), 7, 13);
    UNIT_INT(rig.loaded->detail.count, 0);
    memcpy(alone, rig.loaded->fingerprint, sizeof(alone));
    rig_store(&rig, "X:BTC", candles_derived_view(fives));
    rig_load(&rig, &request);
    expect_candles(&rig, candles_derived_view(hours), 7, 13);
    const struct candles expected = candles_view(candles_derived_view(fives), 120, 120);

    CU_ASSERT(candles_same(&rig.loaded->detail, &expected));
    CU_ASSERT(strcmp(alone, rig.loaded->fingerprint) != 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_cstr(&rig.loaded->read), ",\"first_ms\":25200000,\"end_ms\":69000000,\"last_ms\":"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&rig.loaded->read), ",\"price_digits\":2,\"lot_digits\":3},{\"series\":"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(buf_cstr(&rig.loaded->read), ",\"first_ms\":36000000,\"end_ms\":72000000,\"last_ms\":"));
    CU_ASSERT(!rig.loaded->is_derived);
    /* The finest of them. */
    rig_store(&rig, "X:BTC", minutes);
    rig_load(&rig, &request);
    UNIT_INT(rig.loaded->detail.timeframe_ms, MINUTE);
    UNIT_INT(rig.loaded->detail.count, 600);
    /* And the finest is what others are derived from. */
    request.timeframe_ms = 15 * MINUTE;
    request.detail = false;
    rig_load(&rig, &request);
    CU_ASSERT(rig.loaded->is_derived && rig.loaded->detail.count == 0);
    UNIT_INT(rig.loaded->candles.count, 3 + 37);
    rig_close(&rig);
    candles_derived_free(fives);
    candles_derived_free(hours);
    candles_series_free(series);
}

static void expect_failure(const struct rig *rig, const char *code, bool retry, const char *detail)
{
    CU_ASSERT_PTR_NULL(rig->loaded);
    UNIT_STR(rig->code, code);
    UNIT_STR(rig->detail, detail);
    UNIT_INT(rig->retry, retry);
}

static void test_load_no_data(void)
{
    struct candles_series *series = candles_made(0, 600);
    struct load_request request = request_of(MINUTE, 0, 100, 0);
    struct rig rig;

    rig_open(&rig);
    rig_connect(&rig);
    rig_load(&rig, &request);
    expect_failure(&rig, "no_data", false, "there are no candles of X:BTC; import some first");
    struct error err;
    struct candles_derived *hours = candles_derive(candles_series_view(series), HOUR, &err);

    rig_store(&rig, "X:BTC", candles_derived_view(hours));
    rig_load(&rig, &request);
    expect_failure(&rig, "no_data", false,
                   "there are no candles of X:BTC in 1m, and none that 1m can be made from; there are 1h from "
                   "1970-01-01T00:00:00Z to 1970-01-01T09:00:00Z");
    /* In the chunk, but not in the span; and in none. */
    rig_store(&rig, "X:BTC", candles_series_view(series));
    for (int64_t at = 700; at < 10000000; at *= 100) {
        request.start_ms = at * MINUTE;
        request.end_ms = request.start_ms + MINUTE;
        rig_load(&rig, &request);
        UNIT_STR(rig.code, "no_data");
    }
    request = request_of(2 * (int64_t)HOUR, 1000000, 2000000, 5);
    rig_load(&rig, &request);
    expect_failure(&rig, "no_data", false,
                   "there are no candles of X:BTC in 2h (made from those in 1m) that open from 1971-11-26T10:40:00Z to "
                   "1973-10-20T21:20:00Z; there are 1m from 1970-01-01T00:00:00Z to 1970-01-01T09:59:00Z, 1h from "
                   "1970-01-01T00:00:00Z to 1970-01-01T09:00:00Z");
    rig_close(&rig);
    candles_derived_free(hours);
    candles_series_free(series);
}

/* What is stored is not what a chunk is, though its hash is right. */
static void test_load_damaged(void)
{
    struct candles_series *series = candles_made(0, 9000);
    const struct load_request request = request_of(MINUTE, 0, 9000, 0);
    struct rig rig;

    rig_open(&rig);
    rig_store(&rig, "X:BTC", candles_series_view(series));
    rig_sql(&rig, "UPDATE candle_chunks SET packed = '\\x0105', sha256 = sha256('\\x0105') WHERE address = 2");
    rig_connect(&rig);
    rig_load(&rig, &request);
    UNIT_STR(rig.code, "data_damaged");
    CU_ASSERT(!rig.retry);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.detail, "the stored candles of X:BTC in 1m are damaged: series "));
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.detail, ", chunk 2: chunk of candles: it is cut short; import all candles "));
    /* The row says another number of bars. */
    rig_store(&rig, "X:BTC", candles_series_view(series));
    rig_sql(&rig, "UPDATE candle_chunks SET bars = 2047 WHERE address = 1");
    rig_load(&rig, &request);
    UNIT_STR(rig.code, "data_damaged");
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.detail, ", chunk 1: it has other bars than its row says"));
    UNIT_INT(folder_count(rig.folder, ""), 0);
    rig_close(&rig);
    candles_series_free(series);
}

/* A file of the cache that is damaged is found, and made again. */
static void test_load_cache_damaged(void)
{
    struct candles_series *series = candles_made(0, 9000);
    const struct candles *all = candles_series_view(series);
    struct load_request request = request_of(HOUR, 600, 9000, 5);
    struct error err;
    struct candles_derived *hours = candles_derive(all, HOUR, &err);
    struct rig rig;

    rig_open(&rig);
    rig_store(&rig, "X:BTC", all);
    rig_connect(&rig);
    request.detail = true;
    request.own_tick = request.own_lot =
        true; /* so that the fingerprint is that of the chunks alone, as in files' names */
    for (unsigned round = 0; round < 3; round++) {
        rig_load(&rig, &request);
        expect_candles(&rig, candles_derived_view(hours), 5, 145);
        UNIT_INT(rig.loaded->cache_damaged, round == 1 ? 2 : 0);
        UNIT_INT(rig.loaded->cache_hits, round == 2 ? 2 : 0);
        UNIT_INT(folder_count(rig.folder, ""), 2);
        if (round > 0) continue;
        for (unsigned i = 0; i < 2; i++) {
            const struct sheet_key key = {.timeframe_ms = i == 0 ? MINUTE : HOUR};
            char name[SHEET_NAME_BYTES], *path;

            sheet_name(&key, name);
            path = mem_printf("%s/%s%s", rig.folder, rig.loaded->fingerprint, name);
            const int fd = open(path, O_WRONLY | O_CLOEXEC);

            UNIT_INT(pwrite(fd, "12345678", 8, SHEET_HEAD_BYTES + 800), 8);
            close(fd);
            free(path);
        }
    }
    rig_close(&rig);
    candles_derived_free(hours);
    candles_series_free(series);
}

/* An import between the list and the page: the first hashes of the list are those of other chunks. */
static void test_load_changed(void)
{
    static const char look[] =
        "ALTER TABLE candle_chunks RENAME TO chunks_as_they_are; CREATE SEQUENCE looks;"
        "CREATE VIEW candle_chunks AS SELECT series_id, address, bars, first_ms, last_ms, "
        "CASE WHEN nextval('looks') <= %s THEN sha256(random()::text::bytea) ELSE sha256 END AS sha256, packed "
        "FROM chunks_as_they_are";
    struct candles_series *series = candles_made(0, 9000);
    const struct candles *all = candles_series_view(series);
    const struct load_request request = request_of(MINUTE, 0, 9000, 0);

    for (unsigned i = 0; i < 2; i++) {
        struct rig rig;

        rig_open(&rig);
        rig_store(&rig, "X:BTC", all);
        char *sql = mem_printf(look, i == 0 ? "12" : "1000000");

        rig_sql(&rig, "%s", sql);
        free(sql);
        rig_connect(&rig);
        rig_load(&rig, &request);
        if (i == 0) {
            expect_candles(&rig, all, 0, 9000);
            UNIT_INT(folder_count(rig.folder, ""), 1);
        } else {
            expect_failure(&rig, "database", true,
                           "the candles of X:BTC changed each of the 5 times that they were read");
            UNIT_INT(folder_count(rig.folder, ""), 0);
        }
        rig_close(&rig);
    }
    candles_series_free(series);
}

static void test_load_too_large(void)
{
    struct candles_series *series = candles_made(0, 9000);
    struct load_request request = request_of(MINUTE, 0, 9000, 0);
    struct rig rig;

    rig_open(&rig);
    rig_store(&rig, "X:BTC", candles_series_view(series));
    rig_connect(&rig);
    request.bytes_max = 400 * 1024;
    rig_load(&rig, &request);
    UNIT_STR(rig.code, "out_of_memory");
    CU_ASSERT(!rig.retry);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.detail, "but a job has 400KiB"));
    request.bytes_max = 500 * 1024;
    rig_load(&rig, &request);
    CU_ASSERT_PTR_NOT_NULL(rig.loaded);
    rig_close(&rig);
    candles_series_free(series);
}

/* The database is away, or refuses. */
static void test_load_database(void)
{
    const struct load_request request = request_of(MINUTE, 0, 100, 0);
    struct rig rig;

    rig_open(&rig);
    rig_connect(&rig);
    rig_sql(&rig, "DROP TABLE series CASCADE");
    rig_load(&rig, &request);
    UNIT_STR(rig.code, "database");
    CU_ASSERT(rig.retry);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.detail, "the candles cannot be read from the database: "));
    db_drain(rig.db);
    rig_load(&rig, &request);
    UNIT_STR(rig.code, "database");
    CU_ASSERT(rig.retry);
    CU_ASSERT_PTR_NOT_NULL(strstr(rig.detail, "the candles cannot be read from the database now ("));
    rig_close(&rig);
}

/* Wherever it is, it can be given up; nothing is left of it but what it had finished. */
static void test_load_cancel(void)
{
    struct candles_series *series = candles_made(0, 140000);
    struct load_request request = request_of(HOUR, 0, 140000, 0);
    struct rig rig;
    bool has_ended = false;

    rig_open(&rig);
    rig_store(&rig, "X:BTC", candles_series_view(series));
    rig_connect(&rig);
    for (unsigned turns = 0; !has_ended; turns++) {
        cache_free(rig.cache);
        folder_remove(rig.folder);
        rig.folder = folder_make();
        rig.cache = cache_new(&(struct cache_options){.folder = rig.folder, .bytes_max = 1 << 30});
        rig_begin(&rig, &request);
        for (unsigned i = 0; i < turns && rig.load != NULL; i++) event_base_loop(rig.base, EVLOOP_ONCE);
        has_ended = rig.load == NULL;
        load_cancel(rig.load);
        rig.load = NULL;
        UNIT_INT(rig.calls, has_ended);
        UNIT_INT(folder_count(rig.folder, "new-"), 0);
    }
    CU_ASSERT_PTR_NOT_NULL(rig.loaded);
    rig_close(&rig);
    candles_series_free(series);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_load_stored),        UNIT_TEST(test_load_pages),   UNIT_TEST(test_load_gaps),
    UNIT_TEST(test_load_own_steps),     UNIT_TEST(test_load_derived), UNIT_TEST(test_load_detail),
    UNIT_TEST(test_load_no_data),       UNIT_TEST(test_load_damaged), UNIT_TEST(test_load_changed),
    UNIT_TEST(test_load_cache_damaged), UNIT_TEST(test_load_cancel),  UNIT_TEST(test_load_too_large),
    UNIT_TEST(test_load_database),
};
const struct unit_part load_tests = UNIT_PART(tests);
