#include "candles/chunk.h"

#include <float.h>
#include <stdlib.h>

#include "base/mem.h"
#include "candles/decimal.h"
#include "candles/timeframe.h"
#include "candles/varint.h"

enum { CHUNK_MAP_BYTES = CHUNK_BARS / 8, CHUNK_COLUMNS = 5 };

/* Columns in the order of the packed form. */
enum { CHUNK_OPEN, CHUNK_CLOSE, CHUNK_HIGH, CHUNK_LOW, CHUNK_VOLUME };

/* The bars of one chunk, column by column, as they are packed or come out. */
struct chunk_bars {
    uint32_t count;
    int64_t time_ms[CHUNK_BARS];
    double values[CHUNK_COLUMNS][CHUNK_BARS];
    int64_t steps[CHUNK_COLUMNS][CHUNK_BARS];
};

int64_t chunk_address(int64_t time_ms, int64_t timeframe_ms)
{
    const int64_t slot = candles_slot(time_ms, timeframe_ms);

    return slot / CHUNK_BARS - (slot % CHUNK_BARS < 0 ? 1 : 0);
}

size_t chunk_span(const struct candles *candles, size_t first)
{
    const int64_t address = chunk_address(candles->time_ms[first], candles->timeframe_ms);
    size_t end = first + 1;

    while (end < candles->count && end - first < CHUNK_BARS &&
           chunk_address(candles->time_ms[end], candles->timeframe_ms) == address) {
        end++;
    }
    return end - first;
}

/* The fewest decimals with which all values of the columns are whole numbers of steps; they go to `steps`. -1: with
 * none. */
static int chunk_digits(struct chunk_bars *bars, unsigned from, unsigned to)
{
    int digits = 0;

    for (unsigned column = from; column < to; column++) {
        for (uint32_t i = 0; i < bars->count; i++) {
            while (!candles_decimal_steps(bars->values[column][i], digits, &bars->steps[column][i])) {
                if (++digits > CANDLES_DIGITS_MAX) return -1;
            }
        }
    }
    if (digits == 0) return 0;
    /* Those before the one that asked for more. */
    for (unsigned column = from; column < to; column++) {
        for (uint32_t i = 0; i < bars->count; i++) {
            if (!candles_decimal_steps(bars->values[column][i], digits, &bars->steps[column][i])) return -1;
        }
    }
    return digits;
}

static int64_t chunk_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t chunk_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void chunk_add_floats(struct buf *out, const double *values, uint32_t count)
{
    char *at = buf_reserve(out, count * sizeof(double));

    for (uint32_t i = 0; i < count; i++, at += sizeof(double)) {
        uint64_t bits;

        memcpy(&bits, &values[i], sizeof(bits));
        for (unsigned byte = 0; byte < sizeof(bits); byte++) at[byte] = (char)(bits >> (8 * byte));
    }
    out->len += count * sizeof(double);
}

static void chunk_add_prices(struct buf *out, const struct chunk_bars *bars)
{
    const int64_t *open = bars->steps[CHUNK_OPEN], *close = bars->steps[CHUNK_CLOSE];
    const int64_t *high = bars->steps[CHUNK_HIGH], *low = bars->steps[CHUNK_LOW];
    char *begin = buf_reserve(out, (size_t)4 * VARINT_BYTES_MAX * bars->count), *at = begin;

    for (uint32_t i = 0; i < bars->count; i++)
        at = varint_put(at, varint_zigzag(open[i] - (i == 0 ? 0 : close[i - 1])));
    for (uint32_t i = 0; i < bars->count; i++) at = varint_put(at, varint_zigzag(close[i] - open[i]));
    for (uint32_t i = 0; i < bars->count; i++) at = varint_put(at, (uint64_t)(high[i] - chunk_max(open[i], close[i])));
    for (uint32_t i = 0; i < bars->count; i++) at = varint_put(at, (uint64_t)(chunk_min(open[i], close[i]) - low[i]));
    out->len += (size_t)(at - begin);
}

static void chunk_add_volumes(struct buf *out, const struct chunk_bars *bars)
{
    const int64_t *volume = bars->steps[CHUNK_VOLUME];
    char *begin = buf_reserve(out, (size_t)VARINT_BYTES_MAX * bars->count), *at = begin;

    for (uint32_t i = 0; i < bars->count; i++)
        at = varint_put(at, varint_zigzag(volume[i] - (i == 0 ? 0 : volume[i - 1])));
    out->len += (size_t)(at - begin);
}

static uint32_t chunk_slot(int64_t time_ms, int64_t timeframe_ms)
{
    return (uint32_t)(candles_slot(time_ms, timeframe_ms) & (CHUNK_BARS - 1));
}

static void chunk_pack(struct chunk_bars *bars, int64_t timeframe_ms, struct buf *out)
{
    const int price_digits = chunk_digits(bars, CHUNK_OPEN, CHUNK_VOLUME);
    const int volume_digits = chunk_digits(bars, CHUNK_VOLUME, CHUNK_COLUMNS);
    const uint32_t first = chunk_slot(bars->time_ms[0], timeframe_ms);
    const uint32_t last = chunk_slot(bars->time_ms[bars->count - 1], timeframe_ms);
    const bool has_map = last - first + 1 != bars->count;
    unsigned char map[CHUNK_MAP_BYTES] = {0};

    buf_add_char(out, CHUNK_VERSION);
    buf_add_char(out, (char)((has_map ? CHUNK_MAP : 0) | (price_digits < 0 ? CHUNK_PRICE_FLOATS : 0) |
                             (volume_digits < 0 ? CHUNK_VOLUME_FLOATS : 0)));
    varint_add(out, (uint64_t)timeframe_ms);
    varint_add(out, varint_zigzag(chunk_address(bars->time_ms[0], timeframe_ms)));
    varint_add(out, bars->count - 1);
    varint_add(out, first);
    for (uint32_t i = 0; i < bars->count && has_map; i++) {
        const uint32_t slot = chunk_slot(bars->time_ms[i], timeframe_ms);

        map[slot / 8] = (unsigned char)(map[slot / 8] | 1U << slot % 8);
    }
    if (has_map) buf_add(out, map, sizeof(map));
    if (price_digits >= 0) buf_add_char(out, (char)price_digits);
    if (volume_digits >= 0) buf_add_char(out, (char)volume_digits);
    if (price_digits >= 0) {
        chunk_add_prices(out, bars);
    } else {
        for (unsigned column = CHUNK_OPEN; column < CHUNK_VOLUME; column++) {
            chunk_add_floats(out, bars->values[column], bars->count);
        }
    }
    if (volume_digits >= 0) {
        chunk_add_volumes(out, bars);
    } else {
        chunk_add_floats(out, bars->values[CHUNK_VOLUME], bars->count);
    }
}

/* --- unpacking: nothing of the input is believed --- */

struct chunk_reader {
    const unsigned char *at, *end;
    int64_t timeframe_ms, address;
    unsigned flags;
};

static bool chunk_take_byte(struct chunk_reader *reader, unsigned *ret_byte)
{
    if (reader->at == reader->end) return false;
    *ret_byte = *reader->at++;
    return true;
}

/* The times: from the first slot on, or from the map. */
static const char *chunk_take_times(struct chunk_reader *reader, struct chunk_bars *bars)
{
    const int64_t step = reader->timeframe_ms, base_ms = candles_slot_time(reader->address * CHUNK_BARS, step);
    uint64_t count, first;
    uint32_t found = 0;

    if (!varint_take(&reader->at, reader->end, &count) || !varint_take(&reader->at, reader->end, &first)) {
        return "it is cut short";
    }
    if (count >= CHUNK_BARS || first >= CHUNK_BARS) return "it has too many bars";
    bars->count = (uint32_t)count + 1;
    if ((reader->flags & CHUNK_MAP) == 0) {
        if (first + bars->count > CHUNK_BARS) return "its bars go beyond its end";
        for (uint32_t i = 0; i < bars->count; i++) {
            bars->time_ms[i] = base_ms + ((int64_t)first + i) * step;
        }
        return NULL;
    }
    if (reader->end - reader->at < CHUNK_MAP_BYTES) return "it is cut short";
    for (uint32_t slot = 0; slot < CHUNK_BARS; slot++) {
        if ((reader->at[slot / 8] >> slot % 8 & 1) == 0) continue;
        if (found == bars->count || (found == 0 && slot != first)) return "its map is not that of its bars";
        bars->time_ms[found++] = base_ms + slot * step;
    }
    reader->at += CHUNK_MAP_BYTES;
    if (found != bars->count) return "its map is not that of its bars";
    if (bars->time_ms[found - 1] - bars->time_ms[0] == (int64_t)count * reader->timeframe_ms)
        return "it has a map without need";
    return NULL;
}

static const char *chunk_take_floats(struct chunk_reader *reader, double *values, uint32_t count)
{
    if ((size_t)(reader->end - reader->at) < count * sizeof(double)) return "it is cut short";
    for (uint32_t i = 0; i < count; i++, reader->at += sizeof(double)) {
        uint64_t bits = 0;

        for (unsigned byte = 0; byte < sizeof(bits); byte++) bits |= (uint64_t)reader->at[byte] << (8 * byte);
        memcpy(&values[i], &bits, sizeof(bits));
    }
    return NULL;
}

static const char chunk_fault_number[] = "a number is cut short, or longer than it need be";
static const char chunk_fault_large[] = "a number is too large";

/* A distance. Each is near ±CANDLES_STEPS_MAX at most, and so is what they are added to, so that sums do not
 * overflow. */
static inline __attribute__((always_inline)) const char *chunk_take_coded(struct chunk_reader *reader,
                                                                          uint64_t *ret_coded)
{
    if (!varint_take(&reader->at, reader->end, ret_coded)) return chunk_fault_number;
    return *ret_coded > (uint64_t)4 * CANDLES_STEPS_MAX ? chunk_fault_large : NULL;
}

static bool chunk_is_large(int64_t steps)
{
    return steps < -2 * CANDLES_STEPS_MAX || steps > 2 * CANDLES_STEPS_MAX;
}

/* Opens, which come before there is a close: as distances, made whole once there is. */
static const char *chunk_take_opens(struct chunk_reader *reader, struct chunk_bars *bars)
{
    uint64_t coded;

    for (uint32_t i = 0; i < bars->count; i++) {
        const char *fault = chunk_take_coded(reader, &coded);

        if (fault != NULL) return fault;
        bars->steps[CHUNK_OPEN][i] = varint_unzigzag(coded);
        if (chunk_is_large(bars->steps[CHUNK_OPEN][i])) return chunk_fault_large;
    }
    return NULL;
}

static const char *chunk_take_volumes(struct chunk_reader *reader, struct chunk_bars *bars)
{
    int64_t steps = 0;
    uint64_t coded;

    for (uint32_t i = 0; i < bars->count; i++) {
        const char *fault = chunk_take_coded(reader, &coded);

        if (fault != NULL) return fault;
        steps += varint_unzigzag(coded);
        if (chunk_is_large(steps)) return chunk_fault_large;
        bars->steps[CHUNK_VOLUME][i] = steps;
    }
    return NULL;
}

/* Highs and lows: how far beyond the nearer of open and close. */
static const char *chunk_take_extremes(struct chunk_reader *reader, struct chunk_bars *bars)
{
    const int64_t *open = bars->steps[CHUNK_OPEN], *close = bars->steps[CHUNK_CLOSE];
    int64_t *high = bars->steps[CHUNK_HIGH], *low = bars->steps[CHUNK_LOW];
    uint64_t coded;

    for (uint32_t i = 0; i < bars->count; i++) {
        const char *fault = chunk_take_coded(reader, &coded);

        if (fault != NULL) return fault;
        high[i] = chunk_max(open[i], close[i]) + (int64_t)coded;
    }
    for (uint32_t i = 0; i < bars->count; i++) {
        const char *fault = chunk_take_coded(reader, &coded);

        if (fault != NULL) return fault;
        low[i] = chunk_min(open[i], close[i]) - (int64_t)coded;
    }
    return NULL;
}

/* Opens count from the close before, which counts from the open before. */
static const char *chunk_take_open_close(struct chunk_reader *reader, struct chunk_bars *bars)
{
    int64_t *open = bars->steps[CHUNK_OPEN], *close = bars->steps[CHUNK_CLOSE];
    const char *fault = chunk_take_opens(reader, bars);
    uint64_t coded;

    for (uint32_t i = 0; i < bars->count && fault == NULL; i++) {
        fault = chunk_take_coded(reader, &coded);
        if (fault != NULL) break;
        if (i > 0) open[i] += close[i - 1];
        close[i] = open[i] + varint_unzigzag(coded);
        if (open[i] < 0 || open[i] > CANDLES_STEPS_MAX || close[i] < 0 || close[i] > CANDLES_STEPS_MAX) {
            fault = chunk_fault_large;
        }
    }
    return fault;
}

/* Steps to values; and they have no decimal more than they need. */
static ATTR_WIDE const char *chunk_values(struct chunk_bars *bars, unsigned from, unsigned to, int digits)
{
    const double power = candles_power_of_ten(digits);
    bool needed = digits == 0;

    for (unsigned column = from; column < to; column++) {
        const int64_t *steps = bars->steps[column];
        double *values = bars->values[column];
        uint64_t large = 0;

        for (uint32_t i = 0; i < bars->count; i++) {
            large |= (uint64_t)((uint64_t)steps[i] > (uint64_t)CANDLES_STEPS_MAX);
            values[i] = (double)steps[i] / power;
        }
        if (large != 0) return chunk_fault_large;
        /* The first few bars tell, nearly always. */
        for (uint32_t i = 0; i < bars->count && !needed; i++) needed = steps[i] % 10 != 0;
    }
    return needed ? NULL : "it has more decimals than it needs";
}

/* candles_check, knowing that times come from slots, one after the other. */
static ATTR_WIDE bool chunk_is_sound(const struct chunk_bars *bars)
{
    const double *open = bars->values[CHUNK_OPEN], *close = bars->values[CHUNK_CLOSE];
    const double *high = bars->values[CHUNK_HIGH], *low = bars->values[CHUNK_LOW];
    const double *volume = bars->values[CHUNK_VOLUME];
    unsigned wrong = 0;

    if (bars->time_ms[0] < CANDLES_TIME_MIN_MS || bars->time_ms[bars->count - 1] > CANDLES_TIME_MAX_MS) return false;
    /* Of a NaN, none of these is true. */
    for (uint32_t i = 0; i < bars->count; i++) {
        wrong |= (unsigned)!(low[i] > 0) | (unsigned)!(high[i] <= DBL_MAX) | (unsigned)!(low[i] <= open[i]) |
                 (unsigned)!(low[i] <= close[i]) | (unsigned)!(high[i] >= open[i]) | (unsigned)!(high[i] >= close[i]) |
                 (unsigned)!(volume[i] >= 0) | (unsigned)!(volume[i] <= DBL_MAX);
    }
    return wrong == 0;
}

static const char *chunk_take_columns(struct chunk_reader *reader, struct chunk_bars *bars)
{
    const bool price_floats = (reader->flags & CHUNK_PRICE_FLOATS) != 0;
    const bool volume_floats = (reader->flags & CHUNK_VOLUME_FLOATS) != 0;
    unsigned price_digits = 0, volume_digits = 0;
    const char *fault = NULL;

    if (!price_floats && !chunk_take_byte(reader, &price_digits)) return "it is cut short";
    if (!volume_floats && !chunk_take_byte(reader, &volume_digits)) return "it is cut short";
    if (price_digits > CANDLES_DIGITS_MAX || volume_digits > CANDLES_DIGITS_MAX) return "it has too many decimals";
    if (price_floats) {
        for (unsigned column = CHUNK_OPEN; column < CHUNK_VOLUME && fault == NULL; column++) {
            fault = chunk_take_floats(reader, bars->values[column], bars->count);
        }
        if (fault == NULL && chunk_digits(bars, CHUNK_OPEN, CHUNK_VOLUME) >= 0) fault = "it has floats without need";
    } else {
        fault = chunk_take_open_close(reader, bars);
        if (fault == NULL) fault = chunk_take_extremes(reader, bars);
        if (fault == NULL) fault = chunk_values(bars, CHUNK_OPEN, CHUNK_VOLUME, (int)price_digits);
    }
    if (fault != NULL) return fault;
    if (!volume_floats) {
        fault = chunk_take_volumes(reader, bars);
        return fault == NULL ? chunk_values(bars, CHUNK_VOLUME, CHUNK_COLUMNS, (int)volume_digits) : fault;
    }
    fault = chunk_take_floats(reader, bars->values[CHUNK_VOLUME], bars->count);
    if (fault != NULL) return fault;
    return chunk_digits(bars, CHUNK_VOLUME, CHUNK_COLUMNS) >= 0 ? "it has floats without need" : NULL;
}

static const char *chunk_take_head(struct chunk_reader *reader)
{
    unsigned version;
    uint64_t timeframe, address;

    if (!chunk_take_byte(reader, &version) || !chunk_take_byte(reader, &reader->flags)) return "it is cut short";
    if (version != CHUNK_VERSION) return "its version is not known";
    if ((reader->flags & ~(unsigned)CHUNK_FLAGS) != 0) return "it has flags that are not known";
    if (!varint_take(&reader->at, reader->end, &timeframe) || !varint_take(&reader->at, reader->end, &address)) {
        return "it is cut short";
    }
    if (timeframe == 0 || timeframe > (uint64_t)CANDLES_WEEK_MS) return "its timeframe is not a known one";
    reader->timeframe_ms = (int64_t)timeframe;
    reader->address = varint_unzigzag(address);
    /* Times far outside are found bar by bar; here only what arithmetic cannot hold. */
    if (reader->address > CANDLES_TIME_MAX_MS || reader->address < CANDLES_TIME_MIN_MS)
        return "its address is out of range";
    if (reader->address > INT64_MAX / CHUNK_BARS / reader->timeframe_ms - 2 ||
        reader->address < INT64_MIN / CHUNK_BARS / reader->timeframe_ms + 2) {
        return "its address is out of range";
    }
    return NULL;
}

static struct candles chunk_view(const struct chunk_bars *bars, int64_t timeframe_ms)
{
    return (struct candles){
        .count = bars->count,
        .time_ms = bars->time_ms,
        .open = bars->values[CHUNK_OPEN],
        .high = bars->values[CHUNK_HIGH],
        .low = bars->values[CHUNK_LOW],
        .close = bars->values[CHUNK_CLOSE],
        .volume = bars->values[CHUNK_VOLUME],
        .timeframe_ms = timeframe_ms,
        .tick = 1,
        .lot = 1,
    };
}

/* NULL, or what is wrong. */
static const char *chunk_unpack(struct slice packed, struct chunk_reader *reader, struct chunk_bars *bars)
{
    *reader = (struct chunk_reader){.at = (const unsigned char *)packed.data};
    reader->end = packed.len == 0 ? reader->at : reader->at + packed.len;
    const char *fault = chunk_take_head(reader);

    if (fault == NULL) fault = chunk_take_times(reader, bars);
    if (fault == NULL) fault = chunk_take_columns(reader, bars);
    if (fault == NULL && reader->at != reader->end) fault = "there are bytes after its end";
    if (fault != NULL) return fault;
    return chunk_is_sound(bars) ? NULL : "a bar is not valid";
}

static void chunk_summarise(const struct candles *bars, struct slice packed, struct chunk_summary *summary)
{
    *summary = (struct chunk_summary){
        .timeframe_ms = bars->timeframe_ms,
        .address = chunk_address(bars->time_ms[0], bars->timeframe_ms),
        .bars = (uint32_t)bars->count,
        .first_ms = bars->time_ms[0],
        .last_ms = bars->time_ms[bars->count - 1],
        .low_min = bars->low[0],
        .high_max = bars->high[0],
    };
    for (size_t i = 0; i < bars->count; i++) {
        if (bars->low[i] < summary->low_min) summary->low_min = bars->low[i];
        if (bars->high[i] > summary->high_max) summary->high_max = bars->high[i];
        summary->volume += bars->volume[i];
    }
    digest_sha256(packed.data, packed.len, summary->sha256);
}

static bool chunk_is_same(const struct candles *bars, const struct chunk_bars *unpacked)
{
    const size_t bytes = bars->count * sizeof(double);

    return unpacked->count == bars->count && memcmp(bars->time_ms, unpacked->time_ms, bytes) == 0 &&
           memcmp(bars->open, unpacked->values[CHUNK_OPEN], bytes) == 0 &&
           memcmp(bars->high, unpacked->values[CHUNK_HIGH], bytes) == 0 &&
           memcmp(bars->low, unpacked->values[CHUNK_LOW], bytes) == 0 &&
           memcmp(bars->close, unpacked->values[CHUNK_CLOSE], bytes) == 0 &&
           memcmp(bars->volume, unpacked->values[CHUNK_VOLUME], bytes) == 0;
}

int chunk_encode(const struct candles *bars, struct buf *out, struct chunk_summary *ret_summary, struct error *err)
{
    const size_t before = out->len;
    const size_t bytes = bars->count * sizeof(double);
    struct chunk_reader reader;
    size_t index;

    if (bars->count == 0 || bars->count > CHUNK_BARS || bars->timeframe_ms <= 0 ||
        bars->timeframe_ms > CANDLES_WEEK_MS || chunk_span(bars, 0) != bars->count) {
        return error_set(err, ERROR_INVALID, "%zu bars are not those of one chunk", bars->count);
    }
    if (!candles_check(bars, &index)) {
        return error_set(err, ERROR_INVALID, "bar %zu of %zu is not valid, and was not stored", index + 1, bars->count);
    }
    struct chunk_bars *work = mem_alloc(sizeof(*work));

    work->count = (uint32_t)bars->count;
    memcpy(work->time_ms, bars->time_ms, bytes);
    memcpy(work->values[CHUNK_OPEN], bars->open, bytes);
    memcpy(work->values[CHUNK_HIGH], bars->high, bytes);
    memcpy(work->values[CHUNK_LOW], bars->low, bytes);
    memcpy(work->values[CHUNK_CLOSE], bars->close, bytes);
    memcpy(work->values[CHUNK_VOLUME], bars->volume, bytes);
    chunk_pack(work, bars->timeframe_ms, out);
    const struct slice packed = {out->data + before, out->len - before};
    const char *fault = chunk_unpack(packed, &reader, work);
    const bool is_same = fault == NULL && chunk_is_same(bars, work);

    free(work);
    if (!is_same) {
        out->len = before;
        return error_set(err, ERROR_FAILED, "a chunk does not come back as it was: %s",
                         fault == NULL ? "other values" : fault);
    }
    chunk_summarise(bars, packed, ret_summary);
    return 0;
}

int chunk_decode(struct slice packed, const struct chunk_summary *expected, struct candles_series *series,
                 struct chunk_summary *ret_summary, struct error *err)
{
    const struct candles *so_far = candles_series_view(series);
    struct chunk_bars *bars = mem_alloc(sizeof(*bars));
    struct chunk_reader reader;
    struct chunk_summary summary;
    const char *fault = chunk_unpack(packed, &reader, bars);

    if (fault == NULL && reader.timeframe_ms != so_far->timeframe_ms) fault = "it is of another timeframe";
    if (fault == NULL && so_far->count > 0 && bars->time_ms[0] <= so_far->time_ms[so_far->count - 1]) {
        fault = "it is not later than the bars before it";
    }
    if (fault == NULL) {
        const struct candles view = chunk_view(bars, reader.timeframe_ms);

        chunk_summarise(&view, packed, &summary);
        if (expected != NULL && memcmp(expected->sha256, summary.sha256, sizeof(expected->sha256)) != 0) {
            fault = "its bytes are not those that were stored (SHA-256)";
        } else if (expected != NULL && expected->address != summary.address) {
            fault = "it is not the chunk that its address names";
        }
        if (fault == NULL) candles_series_add_all(series, &view);
    }
    free(bars);
    if (fault == NULL) *ret_summary = summary;
    return fault == NULL ? 0 : error_set(err, ERROR_INVALID, "chunk of candles: %s", fault);
}
