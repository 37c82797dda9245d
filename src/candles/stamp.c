#include "candles/stamp.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "candles/decimal.h"
#include "candles/timeframe.h"

/* What is left of the text; a reader takes from its front. */
static bool stamp_take(struct slice *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c) return false;
    rest->data++, rest->len--;
    return true;
}

static size_t stamp_digits(struct slice text)
{
    size_t len = 0;

    while (len < text.len && text.data[len] >= '0' && text.data[len] <= '9') len++;
    return len;
}

/* The next `min` to `max` digits (9 at most) as a number. */
static bool stamp_number(struct slice *rest, size_t min, size_t max, int *ret_value)
{
    size_t len = stamp_digits(*rest);
    int value = 0;

    if (len > max) len = max;
    if (len < min) return false;
    for (size_t i = 0; i < len; i++) value = value * 10 + (rest->data[i] - '0');
    rest->data += len;
    rest->len -= len;
    *ret_value = value;
    return true;
}

static bool stamp_word(struct slice *rest, const char *word)
{
    const size_t len = strlen(word);

    if (rest->len < len || strncasecmp(rest->data, word, len) != 0) return false;
    rest->data += len;
    rest->len -= len;
    return true;
}

bool candles_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Years begin in March here, so that the day that leap years have more is the last one. */
int64_t candles_days(int64_t year, int month, int day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t cycle = (y >= 0 ? y : y - 399) / 400; /* of 400 years, 146,097 days */
    const int64_t in_cycle = y - cycle * 400;
    const int64_t month_from_march = (month + 9) % 12;
    const int64_t in_year = (153 * month_from_march + 2) / 5 + day - 1;

    return cycle * 146097 + in_cycle * 365 + in_cycle / 4 - in_cycle / 100 + in_year - 719468;
}

void candles_date(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    /* A year near it, and then the right one. */
    int64_t year = 1970 + days / 366;
    int month = 12;

    if (days < 0) year = 1970 + days / 365 - 1;
    while (candles_days(year + 1, 1, 1) <= days) year++;
    while (candles_days(year, month, 1) > days) month--;
    *ret_year = year;
    *ret_month = month;
    *ret_day = (int)(days - candles_days(year, month, 1)) + 1;
}

static int stamp_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && candles_is_leap(year) ? 29 : days[month - 1];
}

/* The date at the front, as days. */
static bool stamp_date(struct slice *rest, int64_t *ret_days)
{
    const size_t first = stamp_digits(*rest);
    int year, month, day;

    if (first == 4 && rest->len > 4) {
        const char separator = rest->data[4];

        if (separator != '-' && separator != '/' && separator != '.') return false;
        if (!stamp_number(rest, 4, 4, &year) || !stamp_take(rest, separator)) return false;
        if (!stamp_number(rest, 1, 2, &month) || !stamp_take(rest, separator)) return false;
        if (!stamp_number(rest, 1, 2, &day)) return false;
    } else if (first == 8 || first == 14) {
        if (!stamp_number(rest, 4, 4, &year) || !stamp_number(rest, 2, 2, &month)) return false;
        if (!stamp_number(rest, 2, 2, &day)) return false;
    } else {
        if (!stamp_number(rest, 1, 2, &day) || !stamp_take(rest, '.')) return false;
        if (!stamp_number(rest, 1, 2, &month) || !stamp_take(rest, '.')) return false;
        if (!stamp_number(rest, 4, 4, &year)) return false;
    }
    if (month < 1 || month > 12 || day < 1 || day > stamp_month_days(year, month)) return false;
    *ret_days = candles_days(year, month, day);
    return true;
}

/* ".123456789" as milliseconds, and whether they are all of it. */
static void stamp_fraction(struct slice *rest, int *ret_ms, bool *ret_whole)
{
    const size_t len = stamp_digits(*rest);
    int ms = 0;

    for (size_t i = 0; i < 3; i++) ms = ms * 10 + (i < len ? rest->data[i] - '0' : 0);
    for (size_t i = 3; i < len; i++) {
        if (rest->data[i] != '0') *ret_whole = false;
    }
    rest->data += len;
    rest->len -= len;
    *ret_ms = ms;
}

/* "9-AM" is nine o'clock; "12-AM" midnight, "12-PM" noon. */
static bool stamp_half_day(struct slice *rest, int *hour)
{
    if (*hour < 1 || *hour > 12) return false;
    *hour %= 12;
    if (stamp_word(rest, "PM")) {
        *hour += 12;
        return true;
    }
    return stamp_word(rest, "AM");
}

/* The time of the day at the front, in milliseconds. */
static bool stamp_clock(struct slice *rest, int64_t *ret_ms, bool *ret_whole)
{
    const size_t first = stamp_digits(*rest);
    int hour, minute = 0, second = 0, ms = 0;

    if (first == 4 || first == 6) {
        if (!stamp_number(rest, 2, 2, &hour) || !stamp_number(rest, 2, 2, &minute)) return false;
        if (first == 6 && !stamp_number(rest, 2, 2, &second)) return false;
    } else {
        if (!stamp_number(rest, 1, 2, &hour)) return false;
        if (stamp_take(rest, '-')) {
            if (!stamp_half_day(rest, &hour)) return false;
        } else {
            if (!stamp_take(rest, ':') || !stamp_number(rest, 2, 2, &minute)) return false;
            if (stamp_take(rest, ':') && !stamp_number(rest, 2, 2, &second)) return false;
        }
    }
    if (stamp_take(rest, '.') || stamp_take(rest, ',')) {
        if (stamp_digits(*rest) == 0) return false;
        stamp_fraction(rest, &ms, ret_whole);
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    *ret_ms = ((int64_t)(hour * 60 + minute) * 60 + second) * 1000 + ms;
    return true;
}

/* The zone at the end: nothing, a name of UTC, an offset, or both. */
static bool stamp_zone(struct slice *rest, bool *ret_is_instant, int64_t *ret_offset_ms)
{
    int hour, minute = 0;

    while (stamp_take(rest, ' ')) continue;
    *ret_is_instant = rest->len > 0;
    *ret_offset_ms = 0;
    if (rest->len == 0 || stamp_word(rest, "Z")) return true;
    if (!stamp_word(rest, "UTC")) (void)stamp_word(rest, "GMT");
    if (rest->len == 0) return true;
    const bool is_west = rest->data[0] == '-';

    if (!stamp_take(rest, '+') && !stamp_take(rest, '-')) return false;
    if (!stamp_number(rest, 2, 2, &hour)) return false;
    if (rest->len > 0) {
        (void)stamp_take(rest, ':');
        if (!stamp_number(rest, 2, 2, &minute)) return false;
    }
    if (hour > 18 || minute > 59) return false;
    *ret_offset_ms = (int64_t)(hour * 60 + minute) * CANDLES_MINUTE_MS * (is_west ? -1 : 1);
    return true;
}

static bool stamp_in_range(struct candles_stamp *stamp, struct candles_stamp *ret_stamp)
{
    if (stamp->time_ms < CANDLES_TIME_MIN_MS || stamp->time_ms > CANDLES_TIME_MAX_MS) return false;
    *ret_stamp = *stamp;
    return true;
}

static bool stamp_calendar(struct slice text, struct slice clock, struct candles_stamp *ret_stamp)
{
    struct candles_stamp stamp = {.kind = CANDLES_STAMP_DAY, .is_whole = true};
    int64_t days, clock_ms, offset_ms;
    bool is_instant;

    if (!stamp_date(&text, &days)) return false;
    stamp.time_ms = days * CANDLES_DAY_MS;
    if (text.len > 0) {
        /* Fourteen digits have nothing between date and time. */
        const bool is_apart = stamp_take(&text, 'T') || stamp_take(&text, 't') || stamp_take(&text, ' ');

        if (clock.data != NULL || (!is_apart && stamp_digits(text) != 6)) return false;
        clock = text;
    }
    if (clock.data == NULL) return stamp_in_range(&stamp, ret_stamp);
    if (!stamp_clock(&clock, &clock_ms, &stamp.is_whole)) return false;
    if (!stamp_zone(&clock, &is_instant, &offset_ms) || clock.len > 0) return false;
    stamp.kind = is_instant ? CANDLES_STAMP_INSTANT : CANDLES_STAMP_LOCAL;
    stamp.time_ms += clock_ms - offset_ms;
    return stamp_in_range(&stamp, ret_stamp);
}

/* A number since 1970; its size gives its unit. */
static struct candles_stamp stamp_of_number(int64_t number)
{
    static const struct {
        int64_t max; /* of the number's size */
        int64_t factor, divisor;
    } units[] = {
        {INT64_MAX / 1000000000, 1000, 1},
        {INT64_MAX / 1000000, 1, 1},
        {INT64_MAX / 1000, 1, 1000},
        {INT64_MAX, 1, 1000000},
    };
    const int64_t size = number < 0 ? -number : number;
    unsigned unit = 0;

    while (size > units[unit].max) unit++;
    const int64_t ms = number / units[unit].divisor * units[unit].factor;

    return (struct candles_stamp){CANDLES_STAMP_INSTANT, ms, number % units[unit].divisor == 0};
}

/* "1704067200", "1704067200000", "1704067200.5", "1.7040672e+12" */
static bool stamp_epoch(struct slice text, struct candles_stamp *ret_stamp)
{
    struct slice rest = text;
    const bool is_negative = stamp_take(&rest, '-');
    const size_t len = stamp_digits(rest);
    struct candles_stamp stamp;
    int64_t number = 0;
    double value;
    int digits, ms;

    if (len == 0 || len > 19) return false;
    for (size_t i = 0; i < len; i++) {
        if (__builtin_mul_overflow(number, 10, &number)) return false;
        if (__builtin_add_overflow(number, rest.data[i] - '0', &number)) return false;
    }
    rest.data += len;
    rest.len -= len;
    if (rest.len == 0) {
        stamp = stamp_of_number(is_negative ? -number : number);
        return stamp_in_range(&stamp, ret_stamp);
    }
    if (rest.data[0] == '.' && stamp_digits((struct slice){rest.data + 1, rest.len - 1}) == rest.len - 1) {
        stamp = stamp_of_number(is_negative ? -number : number);
        rest.data++, rest.len--;
        bool is_whole = true;

        stamp_fraction(&rest, &ms, &is_whole);
        /* A fraction of seconds counts; of a finer unit, only whether it is zero. */
        const bool is_seconds = number <= INT64_MAX / 1000000000;

        if (is_seconds) stamp.time_ms += is_negative ? -ms : ms;
        stamp.is_whole = stamp.is_whole && is_whole && (is_seconds || ms == 0);
        return stamp_in_range(&stamp, ret_stamp);
    }
    if (!candles_decimal_parse(text, &value, &digits) || digits > 0 || fabs(value) >= 0x1p53) return false;
    stamp = stamp_of_number((int64_t)value);
    return stamp_in_range(&stamp, ret_stamp);
}

bool candles_stamp_parse(struct slice text, struct slice clock, struct candles_stamp *ret_stamp)
{
    const size_t first = stamp_digits(text);
    /* Eight and fourteen digits that begin with a century of ours are a date: as seconds and milliseconds they would
     * lie in 1970 and after 2500. */
    const bool is_century = text.len >= 2 && (memcmp(text.data, "19", 2) == 0 || memcmp(text.data, "20", 2) == 0 ||
                                              memcmp(text.data, "18", 2) == 0);
    const bool is_compact = (first == 8 || first == 14) && is_century;
    const bool is_bare = first == text.len || text.data[first] == '.' || (text.data[first] | 0x20) == 'e';

    if (text.len == 0) return false;
    if (text.data[0] == '-') return clock.data == NULL && stamp_epoch(text, ret_stamp);
    if (clock.data == NULL && is_bare && !is_compact && first > 4) return stamp_epoch(text, ret_stamp);
    if (stamp_calendar(text, clock, ret_stamp)) return true;
    /* A short number, or one with an exponent. */
    const bool is_number = first == text.len || memchr(text.data, 'e', text.len) != NULL;

    return clock.data == NULL && is_bare && !is_compact && is_number && stamp_epoch(text, ret_stamp);
}

void candles_stamp_format(int64_t time_ms, char out[CANDLES_STAMP_BYTES])
{
    int64_t days = time_ms / CANDLES_DAY_MS, rest = time_ms % CANDLES_DAY_MS, year;
    int month, day;

    if (rest < 0) {
        days--;
        rest += CANDLES_DAY_MS;
    }
    candles_date(days, &year, &month, &day);
    const int second = (int)(rest / 1000), ms = (int)(rest % 1000);
    size_t len = (size_t)snprintf(out, CANDLES_STAMP_BYTES, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, month, day,
                                  second / 3600, second / 60 % 60, second % 60);

    if (ms != 0) len += (size_t)snprintf(out + len, CANDLES_STAMP_BYTES - len, ".%03d", ms);
    snprintf(out + len, CANDLES_STAMP_BYTES - len, "Z");
}
