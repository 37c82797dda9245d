#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/mem.h"
#include "candles/internal.h"
#include "candles/stamp.h"
#include "candles/timeframe.h"

/* A column of numbers, and what it is called. */
struct row_number {
    enum format_column column;
    const char *name;
};

static const struct row_number row_prices[] = {
    {FORMAT_OPEN, "open"}, {FORMAT_HIGH, "high"}, {FORMAT_LOW, "low"}, {FORMAT_CLOSE, "close"}};

void import_reject(struct candles_import *import, uint64_t place, const char *reason, struct slice cell)
{
    struct candles_notes *notes = &import->report->rejections;
    struct buf excerpt = {0};

    import->report->rejected++;
    if (notes->count == CANDLES_NOTES_MAX && notes->items[notes->count - 1].place < place) return;
    if (cell.data != NULL) {
        buf_add_str(&excerpt, ": ");
        candles_excerpt(&excerpt, cell);
    }
    candles_note(notes, place, import_line(place), import_source(import, place), "%s%s", reason, buf_cstr(&excerpt));
    buf_clear(&excerpt);
}

static enum import_outcome row_reject(struct candles_import *import, uint64_t place, const char *reason,
                                      struct slice cell)
{
    import_reject(import, place, reason, cell);
    return IMPORT_REJECTED;
}

static void row_count_digits(struct import_digits *digits, int found)
{
    digits->counts[found > CANDLES_DIGITS_MAX ? CANDLES_DIGITS_MAX + 1 : found]++;
}

/* Letters and digits alone count, so that BTC/USDT is BTCUSDT. */
static bool row_is_symbol(struct slice cell, const char *symbol)
{
    static const char between[] = "/-_. ";
    size_t i = 0;

    for (; *symbol != '\0'; symbol++) {
        if (strchr(between, *symbol) != NULL) continue;
        while (i < cell.len && memchr(between, cell.data[i], strlen(between)) != NULL) i++;
        if (i == cell.len || strncasecmp(cell.data + i, symbol, 1) != 0) return false;
        i++;
    }
    while (i < cell.len && memchr(between, cell.data[i], strlen(between)) != NULL) i++;
    return i == cell.len;
}

/* BINANCE:BTCUSDT is also what a file of that exchange calls BTCUSDT. */
static bool row_is_wanted(struct slice cell, const char *symbol)
{
    const char *venue_end = strchr(symbol, ':');

    return row_is_symbol(cell, symbol) || (venue_end != NULL && row_is_symbol(cell, venue_end + 1));
}

/* Files of several symbols need one to be named. */
static enum import_outcome row_symbol(struct candles_import *import, uint64_t line, struct slice cell,
                                      struct error *err)
{
    if (import->options.symbol != NULL) {
        return row_is_wanted(cell, import->options.symbol) ? IMPORT_ROW : IMPORT_OTHER_SYMBOL;
    }
    if (import->symbol[0] == '\0') {
        snprintf(import->symbol, sizeof(import->symbol), "%.*s", SLICE_FMT(cell));
        return IMPORT_ROW;
    }
    const size_t len = strlen(import->symbol);

    if (cell.len >= len && memcmp(cell.data, import->symbol, len) == 0) {
        if (cell.len == len || len == sizeof(import->symbol) - 1) return IMPORT_ROW;
    }
    if (row_is_symbol(cell, import->symbol)) return IMPORT_ROW;
    struct buf both = {0};

    candles_excerpt(&both, slice_of(import->symbol));
    buf_add_str(&both, " and ");
    candles_excerpt(&both, cell);
    error_set(err, ERROR_INVALID, "line %" PRIu64 ": there are rows of several symbols, %s; give the symbol to read",
              line, buf_cstr(&both));
    buf_clear(&both);
    return IMPORT_FATAL;
}

static void row_remember_twice(struct candles_import *import, int64_t later_ms)
{
    if (import->twice_count == import->twice_capacity) {
        import->twice_capacity = import->twice_capacity == 0 ? 64 : import->twice_capacity * 2;
        import->twice = mem_realloc(import->twice, import->twice_capacity * sizeof(*import->twice));
    }
    import->twice[import->twice_count++] = (struct import_twice){import->row_count, later_ms};
}

/* NULL, or why the time cannot be read. */
static const char *row_time(struct candles_import *import, const struct slice *cells, int64_t *ret_ms)
{
    const int *columns = import->layout.columns;
    const struct slice clock = columns[FORMAT_CLOCK] < 0 ? SLICE_NONE : cells[columns[FORMAT_CLOCK]];
    struct candles_stamp stamp;
    int64_t moments[2];

    if (!candles_stamp_parse(cells[columns[FORMAT_TIME]], clock, &stamp)) {
        return "the time is not in a known form (2024-01-31 09:30, 31.01.2024, seconds or ms since 1970)";
    }
    if (!stamp.is_whole) return "the time has a fraction of a millisecond, so that no bar opens at it";
    *ret_ms = stamp.time_ms;
    if (stamp.kind != CANDLES_STAMP_LOCAL) return NULL;
    if (import->options.zone == NULL) {
        const int offset_s = import->layout.format->zone_offset_s;

        import->report->local_assumed++;
        import->report->local_offset_s = offset_s;
        *ret_ms -= (int64_t)offset_s * 1000;
        return NULL;
    }
    const unsigned count = candles_zone_resolve(import->options.zone, stamp.time_ms, moments);

    if (count == 0) return "the local time does not exist: the clocks were set forward over it";
    *ret_ms = moments[0];
    if (count == 2) row_remember_twice(import, moments[1]);
    return NULL;
}

static bool row_is_nothing(struct slice cell)
{
    static const char *const words[] = {"", "null", "nan", "none", "n/a", "na", "-"};

    for (size_t i = 0; i < countof(words); i++) {
        if (slice_is_nocase(cell, words[i])) return true;
    }
    return false;
}

/* A number that must be there. */
static enum import_outcome row_number(struct candles_import *import, uint64_t place, struct slice cell,
                                      const char *name, double *ret_value, int *ret_digits)
{
    char reason[64];

    if (candles_decimal_parse(cell, ret_value, ret_digits)) return IMPORT_ROW;
    if (row_is_nothing(cell)) {
        snprintf(reason, sizeof(reason), "the %s is missing", name);
        return row_reject(import, place, reason, SLICE_NONE);
    }
    snprintf(reason, sizeof(reason), "the %s is not a number%s", name,
             memchr(cell.data, ',', cell.len) == NULL ? "" : "; use a point, not a comma");
    return row_reject(import, place, reason, cell);
}

static enum import_outcome row_numbers(struct candles_import *import, uint64_t place, const struct slice *cells,
                                       struct candles_bar *bar, int *ret_price_digits, int *ret_volume_digits)
{
    double *const prices[] = {&bar->open, &bar->high, &bar->low, &bar->close};
    const int volume = import->layout.columns[FORMAT_VOLUME];
    int digits;

    *ret_price_digits = 0;
    for (size_t i = 0; i < countof(row_prices); i++) {
        const struct slice cell = cells[import->layout.columns[row_prices[i].column]];
        const enum import_outcome outcome = row_number(import, place, cell, row_prices[i].name, prices[i], &digits);

        if (outcome != IMPORT_ROW) return outcome;
        if (digits > *ret_price_digits) *ret_price_digits = digits;
    }
    *ret_volume_digits = 0;
    if (volume < 0) return IMPORT_ROW;
    return row_number(import, place, cells[volume], "volume", &bar->volume, ret_volume_digits);
}

/* Splits and dividends that only the adjusted column knows. */
static enum import_outcome row_adjust(struct candles_import *import, uint64_t place, struct slice cell,
                                      struct candles_bar *bar, int *price_digits)
{
    double adjusted;
    int digits;
    const enum import_outcome outcome = row_number(import, place, cell, "adjusted close", &adjusted, &digits);

    if (outcome != IMPORT_ROW) return outcome;
    if (adjusted == bar->close || !(bar->close > 0)) return IMPORT_ROW;
    const double factor = adjusted / bar->close;

    bar->open *= factor;
    bar->high *= factor;
    bar->low *= factor;
    bar->close *= factor;
    *price_digits = CANDLES_DIGITS_MAX + 1;
    return IMPORT_ROW;
}

static void row_keep(struct candles_import *import, const struct candles_bar *bar, uint64_t place)
{
    if (import->row_count == import->row_capacity) {
        import->row_capacity = import->row_capacity == 0 ? 1024 : import->row_capacity * 2;
        import->rows = mem_realloc(import->rows, import->row_capacity * sizeof(*import->rows));
    }
    import->rows[import->row_count++] = (struct import_row){*bar, place};
    if (bar->low < import->price_min) import->price_min = bar->low;
}

/* Of "Volume USDT" and "Volume BTC" that of the currency with which the symbol begins, BTC/USDT. */
static void row_choose_volume(struct format_layout *layout, struct slice symbol)
{
    const struct format_volume *volume = layout->volumes;

    for (size_t i = 0; i < layout->volume_count && layout->volume_count > 1; i++, volume++) {
        const size_t len = strlen(volume->currency);

        if (symbol.len <= len || strncasecmp(symbol.data, volume->currency, len) != 0) continue;
        layout->columns[FORMAT_VOLUME] = volume->column;
        break;
    }
    layout->volume_count = 0;
}

enum import_outcome import_row_read(struct candles_import *import, const struct line *line, struct error *err)
{
    const struct format_layout *layout = &import->layout;
    const uint64_t place = import_place(import, line->number);
    const int symbol = layout->columns[FORMAT_SYMBOL], adjusted = layout->columns[FORMAT_ADJUSTED];
    struct slice cells[LINES_CELLS_MAX];
    struct candles_bar bar = {0};
    int price_digits, volume_digits;

    if (line->is_cut) return row_reject(import, place, "the line is too long for a row of candles", SLICE_NONE);
    if (lines_split(line->text, layout->separator, cells) < layout->cells) {
        return row_reject(import, place, "the row has too few cells", line->text);
    }
    if (symbol >= 0) {
        const enum import_outcome outcome = row_symbol(import, line->number, cells[symbol], err);

        if (outcome != IMPORT_ROW) return outcome;
        if (layout->volume_count > 0) row_choose_volume(&import->layout, cells[symbol]);
    }
    enum import_outcome outcome = row_numbers(import, place, cells, &bar, &price_digits, &volume_digits);

    if (outcome == IMPORT_ROW && adjusted >= 0 && import->options.adjusted) {
        outcome = row_adjust(import, place, cells[adjusted], &bar, &price_digits);
    }
    if (outcome != IMPORT_ROW) return outcome;
    const char *fault = candles_bar_fault(&bar);

    if (fault != NULL) return row_reject(import, place, fault, line->text);
    fault = row_time(import, cells, &bar.time_ms);
    if (fault != NULL) return row_reject(import, place, fault, cells[layout->columns[FORMAT_TIME]]);
    row_count_digits(&import->price_digits, price_digits);
    row_count_digits(&import->volume_digits, volume_digits);
    row_keep(import, &bar, place);
    return IMPORT_ROW;
}
