#include "candles/format.h"

#include <ctype.h>

#include "candles/decimal.h"
#include "candles/stamp.h"

enum { FORMAT_NAME_BYTES = 32, FORMAT_EXCERPT_BYTES = 60 };

#define FORMAT_EST_S (-5 * 3600)

/* The first that fits is taken, so what needs more stands before what needs less. */
static const struct candles_format formats[] = {
    {.name = "binance-futures", .title = "Binance futures", .needs = "open_time,taker_buy_volume"},
    {.name = "binance", .title = "Binance spot", .shape = "tohlcv------", .separator = ','},
    {.name = "kraken", .title = "Kraken", .shape = "tohlcv-", .separator = ','},
    {.name = "cryptodatadownload", .title = "CryptoDataDownload", .needs = "unix,symbol"},
    {.name = "polygon", .title = "Polygon", .needs = "window_start,ticker"},
    {.name = "alpaca", .title = "Alpaca", .needs = "timestamp,symbol,trade_count,vwap"},
    {.name = "stooq", .title = "Stooq's bulk files, Finam", .needs = "ticker,per,date,time"},
    {.name = "metatrader", .title = "MetaTrader 5", .needs = "date,tickvol"},
    {.name = "yahoo", .title = "Yahoo", .needs = "date,adj_close"},
    {.name = "yfinance", .title = "yfinance's three lines of header", .needs = "price,close", .skip = 2},
    {.name = "backtrader", .title = "backtrader's samples", .needs = "date,openinterest"},
    {.name = "pandas", .title = "pandas, with an unnamed index", .needs = "(unnamed)"},
    {.name = "tradingview", .title = "TradingView, PineForge", .needs = "time"},
    {.name = "histdata", .title = "HistData ASCII", .shape = "tohlcv", .separator = ';', .zone_offset_s = FORMAT_EST_S},
    {.name = "histdata-mt",
     .title = "HistData MetaTrader",
     .shape = "tkohlcv",
     .separator = ',',
     .date_mark = '.',
     .zone_offset_s = FORMAT_EST_S},
    {.name = "generic", .title = "a header with known names", .needs = ""},
    {.name = "plain",
     .title = "time, open, high, low, close, volume without a header",
     .shape = "tohlcv",
     .separator = ','},
    {.name = "plain-date-time",
     .title = "date, time, open, high, low, close, volume without a header",
     .shape = "tkohlcv",
     .separator = ','},
};

/* Plain names of columns, the better ones of a kind first. A star at the end stands for anything. MetaTrader counts the
 * changes of price in TICKVOL, which is there for every market; its VOL is zero for most. */
static const struct {
    const char *name;
    enum format_column column;
} format_names[] = {
    {"open_time", FORMAT_TIME},
    {"window_start", FORMAT_TIME},
    {"unix", FORMAT_TIME},
    {"unix_timestamp", FORMAT_TIME},
    {"timestamp", FORMAT_TIME},
    {"ts", FORMAT_TIME},
    {"epoch", FORMAT_TIME},
    {"datetime", FORMAT_TIME},
    {"date_time", FORMAT_TIME},
    {"gmt_time", FORMAT_TIME},
    {"local_time", FORMAT_TIME},
    {"date", FORMAT_TIME},
    {"data", FORMAT_TIME},
    {"day", FORMAT_TIME},
    {"time", FORMAT_TIME},
    {"(unnamed)", FORMAT_TIME},
    {"price", FORMAT_TIME},
    {"open", FORMAT_OPEN},
    {"o", FORMAT_OPEN},
    {"open_price", FORMAT_OPEN},
    {"otwarcie", FORMAT_OPEN},
    {"high", FORMAT_HIGH},
    {"h", FORMAT_HIGH},
    {"high_price", FORMAT_HIGH},
    {"najwyzszy", FORMAT_HIGH},
    {"low", FORMAT_LOW},
    {"l", FORMAT_LOW},
    {"low_price", FORMAT_LOW},
    {"najnizszy", FORMAT_LOW},
    {"close", FORMAT_CLOSE},
    {"c", FORMAT_CLOSE},
    {"close_price", FORMAT_CLOSE},
    {"last", FORMAT_CLOSE},
    {"zamkniecie", FORMAT_CLOSE},
    {"tickvol", FORMAT_VOLUME},
    {"volume", FORMAT_VOLUME},
    {"vol", FORMAT_VOLUME},
    {"v", FORMAT_VOLUME},
    {"wolumen", FORMAT_VOLUME},
    {"volume_*", FORMAT_VOLUME},
    {"symbol", FORMAT_SYMBOL},
    {"ticker", FORMAT_SYMBOL},
    {"adj_close", FORMAT_ADJUSTED},
    {"adjusted_close", FORMAT_ADJUSTED},
    {"adjclose", FORMAT_ADJUSTED},
};

static const char *const format_column_names[FORMAT_COLUMNS] = {"time",  "clock",  "open",   "high",     "low",
                                                                "close", "volume", "symbol", "adj close"};

const struct candles_format *candles_format_at(unsigned index)
{
    return index < countof(formats) ? &formats[index] : NULL;
}

const struct candles_format *candles_format_named(const char *name)
{
    for (unsigned i = 0; i < countof(formats); i++) {
        if (strcmp(formats[i].name, name) == 0) return &formats[i];
    }
    return NULL;
}

void candles_format_list(struct buf *out)
{
    for (unsigned i = 0; i < countof(formats); i++) buf_printf(out, "%s%s", i == 0 ? "" : ", ", formats[i].name);
}

void candles_excerpt(struct buf *out, struct slice text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len && i < FORMAT_EXCERPT_BYTES; i++) {
        const char c = text.data[i];

        buf_add_char(out, c == '\t' ? ' ' : isprint((unsigned char)c) ? c : '?');
    }
    buf_add_str(out, text.len > FORMAT_EXCERPT_BYTES ? "…\"" : "\"");
}

/* "<Adj Close>" is adj_close. An empty name of the first column is (unnamed). */
static void format_plain_name(struct slice cell, bool is_first, char out[FORMAT_NAME_BYTES])
{
    size_t len = 0;

    if (cell.len >= 2 && cell.data[0] == '<' && cell.data[cell.len - 1] == '>') cell.data++, cell.len -= 2;
    if (cell.len == 0 && is_first) cell = SLICE_LIT("(unnamed)");
    for (size_t i = 0; i < cell.len && len < FORMAT_NAME_BYTES - 1; i++) {
        const int c = tolower((unsigned char)cell.data[i]);

        out[len++] = (char)(c == ' ' || c == '-' || c == '.' ? '_' : c);
    }
    out[len] = '\0';
}

static bool format_is_name(const char *name, const char *pattern)
{
    const size_t len = strlen(pattern);

    if (pattern[len - 1] == '*') return strncmp(name, pattern, len - 1) == 0;
    return strcmp(name, pattern) == 0;
}

struct format_header {
    char names[LINES_CELLS_MAX][FORMAT_NAME_BYTES];
    size_t count;
};

static int format_find_name(const struct format_header *header, const char *pattern)
{
    for (size_t i = 0; i < header->count; i++) {
        if (format_is_name(header->names[i], pattern)) return (int)i;
    }
    return -1;
}

/* Whether all of the comma-separated names are there. */
static bool format_has_names(const struct format_header *header, const char *names)
{
    struct slice rest = slice_of(names);

    while (rest.len > 0) {
        const struct slice name = slice_cut(&rest, ',');
        bool is_there = false;

        for (size_t i = 0; i < header->count && !is_there; i++) is_there = slice_is(name, header->names[i]);
        if (!is_there) return false;
    }
    return true;
}

static void format_find_volumes(const struct format_header *header, struct format_layout *layout)
{
    static const char before[] = "volume_";

    layout->volume_count = 0;
    for (size_t i = 0; i < header->count && layout->volume_count < FORMAT_VOLUMES_MAX; i++) {
        const char *currency = header->names[i] + strlen(before);
        struct format_volume *volume = &layout->volumes[layout->volume_count];

        if (strncmp(header->names[i], before, strlen(before)) != 0) continue;
        if (*currency == '\0' || strlen(currency) >= sizeof(volume->currency)) continue;
        volume->column = (int)i;
        memcpy(volume->currency, currency, strlen(currency) + 1);
        layout->volume_count++;
    }
}

static void format_map(const struct format_header *header, struct format_layout *layout)
{
    for (size_t i = 0; i < FORMAT_COLUMNS; i++) layout->columns[i] = -1;
    for (size_t i = 0; i < countof(format_names); i++) {
        int *column = &layout->columns[format_names[i].column];

        if (*column < 0) *column = format_find_name(header, format_names[i].name);
    }
    format_find_volumes(header, layout);
    /* A date beside a time is half of it. */
    const int time = layout->columns[FORMAT_TIME], clock = format_find_name(header, "time");

    if (time >= 0 && clock >= 0 && strcmp(header->names[time], "date") == 0) layout->columns[FORMAT_CLOCK] = clock;
    layout->cells = 0;
    for (size_t i = 0; i < FORMAT_COLUMNS; i++) {
        if (layout->columns[i] >= (int)layout->cells) layout->cells = (size_t)layout->columns[i] + 1;
    }
    for (size_t i = 0; i < layout->volume_count && layout->volume_count > 1; i++) {
        if (layout->volumes[i].column >= (int)layout->cells) layout->cells = (size_t)layout->volumes[i].column + 1;
    }
}

static unsigned format_missing(const struct format_layout *layout, struct buf *missing)
{
    static const enum format_column wanted[] = {FORMAT_TIME, FORMAT_OPEN, FORMAT_HIGH, FORMAT_LOW, FORMAT_CLOSE};
    unsigned count = 0;

    for (size_t i = 0; i < countof(wanted); i++) {
        if (layout->columns[wanted[i]] >= 0) continue;
        buf_printf(missing, "%s%s", count++ == 0 ? "" : ", ", format_column_names[wanted[i]]);
    }
    return count;
}

static bool format_is_header(struct slice line, const struct candles_format *wanted, struct format_layout *layout,
                             struct buf *why)
{
    static const char separators[] = ",;\t|";
    struct slice cells[LINES_CELLS_MAX];
    struct format_header header;

    for (const char *separator = separators; *separator != '\0'; separator++) {
        struct buf missing = {0};

        header.count = lines_split(line, *separator, cells);
        for (size_t i = 0; i < header.count; i++) format_plain_name(cells[i], i == 0, header.names[i]);
        format_map(&header, layout);
        const unsigned lacks = format_missing(layout, &missing);

        /* With one or two of five missing it is meant as a header; the time may have a name of its own. */
        if (lacks > 0 && lacks <= 2 && header.count > 2) {
            buf_reset(why);
            buf_add_str(why, "its header has no column for ");
            buf_add_slice(why, buf_slice(&missing));
        }
        buf_clear(&missing);
        if (lacks > 0) continue;
        layout->separator = *separator;
        layout->has_header = true;
        layout->format = wanted;
        for (size_t i = 0; i < countof(formats) && layout->format == NULL; i++) {
            if (formats[i].needs != NULL && format_has_names(&header, formats[i].needs)) layout->format = &formats[i];
        }
        return true;
    }
    return false;
}

/* A time on its own, or a date with the time of the day in the next cell. */
static bool format_is_time(struct slice text, struct slice clock)
{
    struct candles_stamp stamp;

    if (clock.data != NULL && memchr(clock.data, ':', clock.len) == NULL) return false;
    return candles_stamp_parse(text, clock, &stamp);
}

static bool format_has_shape(struct slice line, const struct candles_format *format, struct format_layout *layout)
{
    static const char letters[FORMAT_COLUMNS + 1] = "tkohlcv  ";
    struct slice cells[LINES_CELLS_MAX];
    const size_t count = strlen(format->shape);
    double value;
    int digits;

    if (lines_split(line, format->separator, cells) != count) return false;
    for (size_t i = 0; i < FORMAT_COLUMNS; i++) {
        const char *at = letters[i] == ' ' ? NULL : strchr(format->shape, letters[i]);

        layout->columns[i] = at == NULL ? -1 : (int)(at - format->shape);
        if (at == NULL || i == FORMAT_TIME || i == FORMAT_CLOCK) continue;
        if (!candles_decimal_parse(cells[at - format->shape], &value, &digits)) return false;
    }
    const int clock = layout->columns[FORMAT_CLOCK];
    const struct slice time = cells[layout->columns[FORMAT_TIME]];

    if (format->date_mark != '\0' && memchr(time.data, format->date_mark, time.len) == NULL) return false;
    if (!format_is_time(time, clock < 0 ? SLICE_NONE : cells[clock])) return false;
    layout->format = format;
    layout->separator = format->separator;
    layout->has_header = false;
    layout->cells = count;
    return true;
}

static bool format_is_before(struct slice line)
{
    static const char *const beginnings[] = {"#", "http://", "https://", "sep="};
    const struct slice text = slice_trim(line);

    if (text.len == 0) return true;
    for (size_t i = 0; i < countof(beginnings); i++) {
        const size_t len = strlen(beginnings[i]);

        if (text.len >= len && strncasecmp(text.data, beginnings[i], len) == 0) return true;
    }
    return false;
}

/* What a file is that holds no lines of text, by how it begins. */
static const struct {
    const char *begins;
    size_t len;
    const char *what;
} format_others[] = {
    {"\xff\xfe", 2, "it is UTF-16 text; save it as UTF-8"},
    {"\xfe\xff", 2, "it is UTF-16 text; save it as UTF-8"},
    {"PK\3\4", 4, "it is a zip file within another packed file; unpack the outer one"},
    {"\x1f\x8b", 2, "it is a gzip file within another packed file; unpack the outer one"},
    {"\xfd"
     "7zXZ",
     5, "it is compressed with xz; decompress it first (gzip and zip files are read as they are)"},
    {"\x28\xb5\x2f\xfd", 4,
     "it is compressed with zstd; decompress it first (gzip and zip files are read as they are)"},
    {"BZh", 3, "it is compressed with bzip2; decompress it first (gzip and zip files are read as they are)"},
    {"7z\xbc\xaf", 4, "it is compressed with 7z; decompress it first (gzip and zip files are read as they are)"},
    {"PAR1", 4, "it is a Parquet file; save it as CSV"},
    {"SQLite format 3", 15, "it is an SQLite database; export the table as CSV"},
    {"<", 1, "it is HTML or XML; save the table as CSV"},
    {"{", 1, "it is JSON; save the rows as CSV"},
    {"[", 1, "it is JSON; save the rows as CSV"},
};

static const char *format_other(struct slice line)
{
    for (size_t i = 0; i < countof(format_others); i++) {
        const size_t len = format_others[i].len;

        if (line.len >= len && memcmp(line.data, format_others[i].begins, len) == 0) return format_others[i].what;
    }
    if (memchr(line.data, '\r', line.len) != NULL) {
        return "its lines end with CR alone; save it with the line ends of Unix or Windows";
    }
    return NULL;
}

enum format_verdict candles_format_find(struct slice line, const struct candles_format *wanted,
                                        struct format_layout *ret_layout, struct buf *why)
{
    struct format_layout layout = {0};
    struct buf seen = {0};
    enum format_verdict verdict = FORMAT_UNKNOWN;

    if (format_is_before(line)) return FORMAT_BEFORE;
    if (memchr(line.data, '\r', line.len) == NULL && format_is_header(line, wanted, &layout, &seen)) {
        verdict = FORMAT_HEADER;
    }
    for (size_t i = 0; i < countof(formats) && verdict == FORMAT_UNKNOWN; i++) {
        if (formats[i].shape == NULL || (wanted != NULL && wanted != &formats[i])) continue;
        if (format_has_shape(line, &formats[i], &layout)) verdict = FORMAT_ROW;
    }
    if (verdict == FORMAT_UNKNOWN) {
        const char *other = format_other(line);

        if (other != NULL) {
            buf_reset(&seen);
            buf_add_str(&seen, other);
        }
        if (seen.len == 0) buf_add_str(&seen, "it is neither a known header nor a row of candles");
        buf_add_slice(why, buf_slice(&seen));
    } else {
        *ret_layout = layout;
    }
    buf_clear(&seen);
    return verdict;
}
