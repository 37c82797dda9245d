#include <float.h>
#include <math.h>

#include "candles/chunk.h"
#include "candles/timeframe.h"
#include "candles/varint.h"
#include "test_candles.h"

static bool same(const struct candles *a, const struct candles *b)
{
    const size_t bytes = a->count * sizeof(double);

    return a->count == b->count && memcmp(a->time_ms, b->time_ms, bytes) == 0 && memcmp(a->open, b->open, bytes) == 0 &&
           memcmp(a->high, b->high, bytes) == 0 && memcmp(a->low, b->low, bytes) == 0 &&
           memcmp(a->close, b->close, bytes) == 0 && memcmp(a->volume, b->volume, bytes) == 0;
}

/* The whole series in chunks and back, to the last bit. Returns the bytes. */
static size_t round_trip(const struct candles *bars)
{
    struct candles_series *back = candles_series_new(bars->timeframe_ms);
    size_t bytes = 0;

    for (size_t at = 0; at < bars->count;) {
        const size_t count = chunk_span(bars, at);
        const struct candles part = candles_view(bars, at, count);
        struct chunk_summary summary, again;
        struct buf packed = {0};
        struct error err = {.message = ""};

        UNIT_INT(chunk_encode(&part, &packed, &summary, &err), 0);
        UNIT_INT(chunk_decode(buf_slice(&packed), &summary, back, &again, &err), 0);
        UNIT_STR(err.message, "");
        UNIT_INT(summary.address, chunk_address(part.time_ms[0], part.timeframe_ms));
        UNIT_INT(summary.bars, count);
        UNIT_INT(summary.first_ms, part.time_ms[0]);
        UNIT_INT(summary.last_ms, part.time_ms[count - 1]);
        CU_ASSERT(summary.low_min == again.low_min && summary.high_max == again.high_max &&
                  summary.volume == again.volume);
        bytes += packed.len;
        at += count;
        buf_clear(&packed);
    }
    CU_ASSERT(same(bars, candles_series_view(back)));
    candles_series_free(back);
    return bytes;
}

enum walk_kind { WALK_TICKS, WALK_GAPS, WALK_FLOATS, WALK_FLOAT_VOLUMES, WALK_WILD, WALK_KINDS };

static struct candles_series *walk(enum walk_kind kind, size_t count, uint64_t seed)
{
    struct candles_series *series = candles_series_new(CANDLES_MINUTE_MS);
    uint64_t state = seed * 0x9e3779b97f4a7c15U + 1;
    int64_t slot = (int64_t)(noise(&state) % 10000000) - 5000000;
    int64_t price = 260000;

    for (size_t i = 0; i < count; i++) {
        struct candles_bar bar = {.time_ms = slot * CANDLES_MINUTE_MS};
        const int64_t open = price, close = open + (int64_t)(noise(&state) % 401) - 200;

        bar.open = (double)open / 100;
        bar.close = (double)close / 100;
        bar.high = (double)((open > close ? open : close) + (int64_t)(noise(&state) % 100)) / 100;
        bar.low = (double)((open < close ? open : close) - (int64_t)(noise(&state) % 100)) / 100;
        bar.volume = (double)(noise(&state) % 100000000) / 1000;
        if (kind == WALK_FLOATS) bar.open = bar.high = bar.low = bar.close = bar.open / 3;
        if (kind == WALK_FLOAT_VOLUMES) bar.volume = bar.volume / 7;
        if (kind == WALK_WILD) {
            const double extremes[] = {DBL_MIN, DBL_MAX, 5e-324, 1e-12, 1125899906842624, 9007199254740994, 1e22, 0.1};

            bar.open = bar.high = bar.low = bar.close = extremes[noise(&state) % countof(extremes)];
            bar.volume = noise(&state) % 2 == 0 ? 0 : bar.close;
            /* a sum of volumes may be infinite, which is no harm */
        }
        candles_series_add(series, &bar);
        price = close > 1000 ? close : 260000;
        slot += kind == WALK_GAPS && noise(&state) % 5 == 0 ? 1 + (int64_t)(noise(&state) % 3000) : 1;
    }
    return series;
}

static void test_chunk_walks(void)
{
    for (int kind = 0; kind < WALK_KINDS; kind++) {
        for (uint64_t seed = 1; seed <= 10; seed++) {
            struct candles_series *series = walk((enum walk_kind)kind, seed == 10 ? 6000 : (size_t)(seed * seed), seed);
            const struct candles *view = candles_series_view(series);
            const size_t bytes = round_trip(view);

            if (kind == WALK_TICKS && seed == 10) CU_ASSERT(bytes <= 12 * view->count);
            candles_series_free(series);
        }
    }
}

static void test_chunk_addresses(void)
{
    static const struct {
        int64_t slot, address;
    } cases[] = {{0, 0}, {2047, 0}, {2048, 1}, {-1, -1}, {-2048, -1}, {-2049, -2}};

    for (size_t i = 0; i < countof(cases); i++) {
        UNIT_INT(chunk_address(cases[i].slot * CANDLES_MINUTE_MS, CANDLES_MINUTE_MS), cases[i].address);
    }
}

/* One bar, two decimals: the form as the header tells it, byte by byte. */
static void test_chunk_bytes(void)
{
    struct candles_series *series = candles_series_new(CANDLES_MINUTE_MS);
    const struct candles_bar bars[] = {{2049 * (int64_t)CANDLES_MINUTE_MS, 1.5, 1.75, 1.25, 1.5, 3},
                                       {2050 * (int64_t)CANDLES_MINUTE_MS, 1.5, 1.5, 1.5, 1.5, 2}};
    static const unsigned char expected[] = {
        1,    0,    0xe0, 0xd4, 0x03, 2, 1, 1, 2, 0, /* version, flags, timeframe, address, bars, slot, decimals */
        0xac, 0x02, 0,                               /* opens: +150, 0 */
        0,    0,    25,   0,    25,   0, 6, 1,       /* closes, highs, lows, volumes +3 -1 */
    };
    struct chunk_summary summary;
    struct buf packed = {0};
    struct error err;

    for (size_t i = 0; i < countof(bars); i++) candles_series_add(series, &bars[i]);
    UNIT_INT(chunk_encode(candles_series_view(series), &packed, &summary, &err), 0);
    CU_ASSERT(slice_eq(buf_slice(&packed), (struct slice){(const char *)expected, sizeof(expected)}));
    CU_ASSERT(summary.low_min == 1.25 && summary.high_max == 1.75 && summary.volume == 5);
    buf_clear(&packed);
    candles_series_free(series);
}

static void test_chunk_refused(void)
{
    struct candles_series *series = walk(WALK_TICKS, 3000, 1);
    const struct candles *view = candles_series_view(series);
    struct candles part = candles_view(view, 0, chunk_span(view, 0)), other;
    struct candles_series *back = candles_series_new(CANDLES_MINUTE_MS), *hours = candles_series_new(CANDLES_HOUR_MS);
    struct chunk_summary summary, again;
    struct buf packed = {0};
    struct error err;
    double volume[1] = {-0.0};

    UNIT_INT(chunk_encode(view, &packed, &summary, &err), -1); /* of several chunks */
    other = candles_view(view, 0, 0);
    UNIT_INT(chunk_encode(&other, &packed, &summary, &err), -1);
    other = candles_view(view, 0, 1);
    other.low = view->high;
    other.high = view->low;
    UNIT_INT(chunk_encode(&other, &packed, &summary, &err), -1);
    UNIT_INT(packed.len, 0);
    UNIT_INT(chunk_encode(&part, &packed, &summary, &err), 0);
    summary.sha256[0] ^= 1;
    UNIT_INT(chunk_decode(buf_slice(&packed), &summary, back, &again, &err), -1);
    UNIT_STR(err.message, "chunk of candles: its bytes are not those that were stored (SHA-256)");
    summary.sha256[0] ^= 1;
    summary.address++;
    UNIT_INT(chunk_decode(buf_slice(&packed), &summary, back, &again, &err), -1);
    UNIT_INT(chunk_decode(buf_slice(&packed), NULL, hours, &again, &err), -1);
    UNIT_STR(err.message, "chunk of candles: it is of another timeframe");
    UNIT_INT(candles_series_view(back)->count, 0);
    UNIT_INT(chunk_decode(buf_slice(&packed), NULL, back, &again, &err), 0);
    UNIT_INT(chunk_decode(buf_slice(&packed), NULL, back, &again, &err), -1);
    UNIT_STR(err.message, "chunk of candles: it is not later than the bars before it");
    /* A negative zero comes back as it is. */
    other = candles_view(view, 0, 1);
    other.volume = volume;
    CU_ASSERT(round_trip(&other) > 0);
    buf_clear(&packed);
    candles_series_free(series);
    candles_series_free(back);
    candles_series_free(hours);
}

/* Forms that say the same in another way, and what no series has. */
static void test_chunk_canonical(void)
{
#define HEAD "\x01\x00\xe0\xd4\x03"
    static const struct {
        struct slice packed;
        const char *fault;
    } cases[] = {
        {SLICE_LIT(HEAD "\x02\x00\x01\x01\x00\x1e\x00\x00\x00\x06"), NULL},
        {SLICE_LIT(""), "it is cut short"},
        {SLICE_LIT("\x02\x00"), "its version is not known"},
        {SLICE_LIT("\x01\x08"), "it has flags that are not known"},
        {SLICE_LIT("\x01\x00\x00\x02"), "its timeframe is not a known one"},
        {SLICE_LIT("\x01\x00\x80\x80\x80\x80\x7f\x02"), "its timeframe is not a known one"},
        {SLICE_LIT("\x01\x00\xe0\xd4\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "its address is out of range"},
        {SLICE_LIT("\x01\x00\xe0\xd4\x03\xff\xff\xff\xff\xff\x7f"), "its address is out of range"},
        {SLICE_LIT(HEAD "\x02\x80\x10\x00"), "it has too many bars"},
        {SLICE_LIT(HEAD "\x02\x01\xff\x0f"), "its bars go beyond its end"},
        {SLICE_LIT(HEAD "\x02\x00\x01\x01\x00\x1e\x00\x00\x00\x06\x00"), "there are bytes after its end"},
        {SLICE_LIT(HEAD "\x02\x00\x01\x02\x00\xac\x02\x00\x00\x00\x06"), "it has more decimals than it needs"},
        {SLICE_LIT(HEAD "\x02\x00\x01\x0d\x00\xac\x02\x00\x00\x00\x06"), "it has too many decimals"},
        {SLICE_LIT(HEAD "\x02\x00\x01\x01\x00\x9e\x00\x00\x00\x00\x06"),
         "a number is cut short, or longer than it need be"},
        {SLICE_LIT(HEAD "\x02\x00\x01\x00\x00\x00\x00\x00\x00\x06"), "a bar is not valid"},
    };
#undef HEAD

    for (size_t i = 0; i < countof(cases); i++) {
        struct candles_series *series = candles_series_new(CANDLES_MINUTE_MS);
        struct chunk_summary summary;
        struct error err = {.message = ""};
        char expected[96] = "";
        const int outcome = chunk_decode(cases[i].packed, NULL, series, &summary, &err);

        if (cases[i].fault != NULL) snprintf(expected, sizeof(expected), "chunk of candles: %s", cases[i].fault);
        UNIT_INT(outcome, cases[i].fault == NULL ? 0 : -1);
        UNIT_STR(err.message, expected);
        candles_series_free(series);
    }
}

/* Changed bytes are refused, or are what the encoder makes of the bars that they hold. */
static void test_chunk_changed(void)
{
    uint64_t state = 9;

    for (int round = 0; round < 4000; round++) {
        struct candles_series *series =
            walk((enum walk_kind)(round % WALK_KINDS), 1 + noise(&state) % 30, noise(&state));
        const struct candles *view = candles_series_view(series);
        const struct candles part = candles_view(view, 0, chunk_span(view, 0));
        struct candles_series *back = candles_series_new(CANDLES_MINUTE_MS);
        struct chunk_summary summary;
        struct buf packed = {0}, again = {0};
        struct error err;

        UNIT_INT(chunk_encode(&part, &packed, &summary, &err), 0);
        for (uint64_t n = noise(&state) % 3; n > 0; n--) {
            packed.data[noise(&state) % packed.len] ^= (char)(1 << noise(&state) % 8);
        }
        if (noise(&state) % 4 == 0) packed.len = noise(&state) % packed.len;
        if (noise(&state) % 8 == 0) buf_add_char(&packed, '\0');
        if (chunk_decode(buf_slice(&packed), NULL, back, &summary, &err) == 0) {
            UNIT_INT(chunk_encode(candles_series_view(back), &again, &summary, &err), 0);
            CU_ASSERT(slice_eq(buf_slice(&packed), buf_slice(&again)));
        }
        candles_series_free(series);
        candles_series_free(back);
        buf_clear(&packed);
        buf_clear(&again);
    }
}

static void test_chunk_varint(void)
{
    static const int64_t values[] = {0, 1, -1, 63, -64, 64, INT32_MAX, INT64_MAX, INT64_MIN};

    for (size_t i = 0; i < countof(values); i++) {
        struct buf packed = {0};
        uint64_t back = 0;

        UNIT_INT(varint_unzigzag(varint_zigzag(values[i])), values[i]);
        varint_add(&packed, (uint64_t)values[i]);
        const unsigned char *at = (const unsigned char *)packed.data, *end = at + packed.len;

        CU_ASSERT(varint_take(&at, end, &back) && at == end && back == (uint64_t)values[i]);
        at = (const unsigned char *)packed.data;
        CU_ASSERT_FALSE(varint_take(&at, end - 1, &back));
        buf_clear(&packed);
    }
    static const unsigned char longer[] = {0x80, 0x00}, large[] = {255, 255, 255, 255, 255, 255, 255, 255, 255, 2};
    const unsigned char *at = longer;
    uint64_t back;

    CU_ASSERT_FALSE(varint_take(&at, longer + sizeof(longer), &back));
    at = large;
    CU_ASSERT_FALSE(varint_take(&at, large + sizeof(large), &back));
}

static const struct unit_test tests[] = {UNIT_TEST(test_chunk_walks),     UNIT_TEST(test_chunk_addresses),
                                         UNIT_TEST(test_chunk_bytes),     UNIT_TEST(test_chunk_refused),
                                         UNIT_TEST(test_chunk_canonical), UNIT_TEST(test_chunk_changed),
                                         UNIT_TEST(test_chunk_varint)};
const struct unit_part chunk_tests = UNIT_PART(tests);
