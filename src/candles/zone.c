#include "candles/zone.h"

#include <stdlib.h>

#include "base/mem.h"
#include "candles/stamp.h"
#include "candles/zones.h"

enum {
    ZONE_HEADER_BYTES = 44,
    ZONE_TYPE_BYTES = 6,
    ZONE_ITEMS_MAX = 100000, /* transitions; real ones have 300 */
    ZONE_NAME_MAX = 64,
    ZONE_DAY_S = 86400,
    ZONE_HOUR_S = 3600,
};

/* When a clock is changed each year (POSIX, TZ): at `second` of the local day. */
enum zone_day_kind { ZONE_WEEKDAY /* M m.w.d */, ZONE_JULIAN /* J n: 1 to 365, February has 28 */, ZONE_DAY /* n */ };

struct zone_rule {
    enum zone_day_kind kind;
    int month, week, day;
    int second;
};

/* What is so after the last transition. */
struct zone_tail {
    bool is_there, has_summer;
    int standard_s, summer_s;
    struct zone_rule begin, end; /* of summer time */
};

struct zone_change {
    int64_t time_s;
    int offset_s;
};

struct candles_zone {
    int first_offset_s; /* before the first change */
    size_t count;
    struct zone_change *changes; /* owned; ascending */
    struct zone_tail tail;
};

struct candles_zone *candles_zone_fixed(int offset_s)
{
    struct candles_zone *zone = mem_zalloc(sizeof(*zone));

    zone->first_offset_s = offset_s;
    return zone;
}

void candles_zone_free(struct candles_zone *zone)
{
    if (zone == NULL) return;
    free(zone->changes);
    free(zone);
}

bool candles_zone_is_name(struct slice name)
{
    if (name.len == 0 || name.len > ZONE_NAME_MAX || name.data[0] == '/' || name.data[name.len - 1] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.data[i];
        const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool is_digit = c >= '0' && c <= '9';

        if (!is_letter && !is_digit && c != '_' && c != '+' && c != '-' && c != '/') return false;
    }
    return true;
}

struct candles_zone *candles_zone_offset(struct slice name)
{
    char text[ZONE_NAME_MAX + 32];
    struct candles_stamp stamp;
    struct slice clock;

    if (name.len == 0 || name.len > ZONE_NAME_MAX) return NULL;
    /* "UTC-5" and "+3" are written so, though no file does. */
    const char digit = name.data[name.len - 1];
    const bool is_short = name.len >= 2 && digit >= '0' && digit <= '9' &&
                          (name.data[name.len - 2] == '+' || name.data[name.len - 2] == '-');

    memcpy(text, "12:00", 5);
    memcpy(text + 5, name.data, name.len);
    clock = (struct slice){text, 5 + name.len};
    if (is_short) {
        text[5 + name.len - 1] = '0';
        text[5 + name.len] = digit;
        clock.len++;
    }
    if (!candles_stamp_parse(SLICE_LIT("2000-01-01"), clock, &stamp) || stamp.kind != CANDLES_STAMP_INSTANT)
        return NULL;
    return candles_zone_fixed((int)((candles_days(2000, 1, 1) * ZONE_DAY_S + 12 * ZONE_HOUR_S) - stamp.time_ms / 1000));
}

/* --- the tail: "EST5EDT,M3.2.0,M11.1.0", "<+0330>-3:30" --- */

static bool zone_number(struct slice *text, int max, int *ret_value)
{
    size_t len = 0;
    int value = 0;

    while (len < text->len && len < 4 && text->data[len] >= '0' && text->data[len] <= '9') {
        value = value * 10 + (text->data[len++] - '0');
    }
    if (len == 0 || value > max) return false;
    text->data += len;
    text->len -= len;
    *ret_value = value;
    return true;
}

static bool zone_take(struct slice *text, char c)
{
    if (text->len == 0 || text->data[0] != c) return false;
    text->data++, text->len--;
    return true;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool zone_time(struct slice *text, int hours_max, int *ret_seconds)
{
    const bool is_negative = text->len > 0 && text->data[0] == '-';
    int hour, minute = 0, second = 0;

    if (!zone_take(text, '+')) (void)zone_take(text, '-');
    if (!zone_number(text, hours_max, &hour)) return false;
    if (zone_take(text, ':') && !zone_number(text, 59, &minute)) return false;
    if (zone_take(text, ':') && !zone_number(text, 59, &second)) return false;
    *ret_seconds = (hour * 3600 + minute * 60 + second) * (is_negative ? -1 : 1);
    return true;
}

/* A zone's name, which says nothing. */
static bool zone_name(struct slice *text)
{
    size_t len = 0;

    if (zone_take(text, '<')) {
        while (text->len > 0 && text->data[0] != '>') text->data++, text->len--;
        return zone_take(text, '>');
    }
    while (len < text->len && ((text->data[len] | 0x20) >= 'a' && (text->data[len] | 0x20) <= 'z')) len++;
    text->data += len;
    text->len -= len;
    return len >= 3;
}

static bool zone_rule(struct slice *text, struct zone_rule *rule)
{
    *rule = (struct zone_rule){.kind = ZONE_DAY, .second = 2 * ZONE_HOUR_S};
    if (!zone_take(text, ',')) return false;
    if (zone_take(text, 'M')) {
        rule->kind = ZONE_WEEKDAY;
        if (!zone_number(text, 12, &rule->month) || rule->month < 1 || !zone_take(text, '.')) return false;
        if (!zone_number(text, 5, &rule->week) || rule->week < 1 || !zone_take(text, '.')) return false;
        if (!zone_number(text, 6, &rule->day)) return false;
    } else {
        if (zone_take(text, 'J')) rule->kind = ZONE_JULIAN;
        if (!zone_number(text, 365, &rule->day) || (rule->kind == ZONE_JULIAN && rule->day < 1)) return false;
    }
    return !zone_take(text, '/') || zone_time(text, 167, &rule->second);
}

/* POSIX counts west of Greenwich. */
static bool zone_tail(struct slice text, struct zone_tail *tail)
{
    int west_s;

    *tail = (struct zone_tail){.is_there = true};
    if (!zone_name(&text) || !zone_time(&text, 24, &west_s)) return false;
    tail->standard_s = -west_s;
    if (text.len == 0) return true;
    tail->has_summer = true;
    tail->summer_s = tail->standard_s + ZONE_HOUR_S;
    if (!zone_name(&text)) return false;
    if (text.len > 0 && text.data[0] != ',') {
        if (!zone_time(&text, 24, &west_s)) return false;
        tail->summer_s = -west_s;
    }
    return zone_rule(&text, &tail->begin) && zone_rule(&text, &tail->end) && text.len == 0;
}

/* The rule's moment in a year, in seconds as the clock shows them. */
static int64_t zone_rule_time(const struct zone_rule *rule, int64_t year)
{
    int64_t days = candles_days(year, 1, 1);

    switch (rule->kind) {
    case ZONE_WEEKDAY: {
        const int64_t first = candles_days(year, rule->month, 1);
        const int64_t next = rule->month == 12 ? candles_days(year + 1, 1, 1) : candles_days(year, rule->month + 1, 1);
        const int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */

        days = first + (rule->day - weekday + 7) % 7 + (int64_t)7 * (rule->week - 1);
        while (days >= next) days -= 7;
        break;
    }
    case ZONE_JULIAN:
        days += rule->day - 1 + (candles_is_leap(year) && rule->day >= 60 ? 1 : 0);
        break;
    case ZONE_DAY:
        days += rule->day;
        break;
    }
    return days * ZONE_DAY_S + rule->second;
}

static int zone_tail_at(const struct zone_tail *tail, int64_t time_s)
{
    int64_t local_s = time_s + tail->standard_s, year;
    int month, day;

    if (!tail->has_summer) return tail->standard_s;
    candles_date(local_s / ZONE_DAY_S - (local_s % ZONE_DAY_S < 0 ? 1 : 0), &year, &month, &day);
    const int64_t begin = zone_rule_time(&tail->begin, year) - tail->standard_s;
    const int64_t end = zone_rule_time(&tail->end, year) - tail->summer_s;
    const bool is_summer = begin < end ? begin <= time_s && time_s < end : !(end <= time_s && time_s < begin);

    return is_summer ? tail->summer_s : tail->standard_s;
}

/* --- the file --- */

/* Counts in a header, in its order. */
enum { ZONE_UTC, ZONE_STANDARD, ZONE_LEAPS, ZONE_TIMES, ZONE_TYPES, ZONE_CHARACTERS, ZONE_COUNTS };

static int64_t zone_integer(const char *at, size_t bytes)
{
    uint64_t value = (unsigned char)at[0] >= 0x80 ? UINT64_MAX : 0;

    for (size_t i = 0; i < bytes; i++) value = value << 8 | (unsigned char)at[i];
    return (int64_t)value;
}

/* A header, and the bytes of the block behind it where times have `time_bytes`. */
static bool zone_header(struct slice text, size_t time_bytes, size_t counts[ZONE_COUNTS], size_t *ret_bytes)
{
    if (text.len < ZONE_HEADER_BYTES || memcmp(text.data, "TZif", 4) != 0) return false;
    for (size_t i = 0; i < ZONE_COUNTS; i++) {
        const int64_t count = zone_integer(text.data + 20 + 4 * i, 4);

        if (count < 0 || count > ZONE_ITEMS_MAX) return false;
        counts[i] = (size_t)count;
    }
    *ret_bytes = counts[ZONE_TIMES] * (time_bytes + 1) + counts[ZONE_TYPES] * ZONE_TYPE_BYTES +
                 counts[ZONE_CHARACTERS] + counts[ZONE_LEAPS] * (time_bytes + 4) + counts[ZONE_STANDARD] +
                 counts[ZONE_UTC];
    return counts[ZONE_TYPES] > 0 && text.len - ZONE_HEADER_BYTES >= *ret_bytes;
}

static bool zone_offset_of(const char *types, size_t count, size_t index, int *ret_offset_s)
{
    if (index >= count) return false;
    const int64_t offset = zone_integer(types + index * ZONE_TYPE_BYTES, 4);

    if (offset < -2 * ZONE_DAY_S || offset > 2 * ZONE_DAY_S) return false;
    *ret_offset_s = (int)offset;
    return true;
}

static bool zone_block(struct candles_zone *zone, const char *block, size_t time_bytes, const size_t *counts)
{
    const size_t count = counts[ZONE_TIMES], type_count = counts[ZONE_TYPES];
    const char *indices = block + count * time_bytes;
    const char *types = indices + count;

    if (counts[ZONE_LEAPS] > 0 || !zone_offset_of(types, type_count, 0, &zone->first_offset_s)) return false;
    zone->changes = mem_array(count + 1, sizeof(*zone->changes));
    for (size_t i = 0; i < count; i++) {
        struct zone_change *change = &zone->changes[i];

        change->time_s = zone_integer(block + i * time_bytes, time_bytes);
        if (i > 0 && change->time_s <= change[-1].time_s) return false;
        if (!zone_offset_of(types, type_count, (unsigned char)indices[i], &change->offset_s)) return false;
    }
    zone->count = count;
    return true;
}

/* Since version 2 a second block follows, with times of 64 bits, and behind it the tail between line ends. */
static bool zone_file(struct candles_zone *zone, struct slice text)
{
    size_t counts[ZONE_COUNTS], bytes;

    if (!zone_header(text, 4, counts, &bytes)) return false;
    if (text.data[4] < '2') return zone_block(zone, text.data + ZONE_HEADER_BYTES, 4, counts);
    text.data += ZONE_HEADER_BYTES + bytes;
    text.len -= ZONE_HEADER_BYTES + bytes;
    if (!zone_header(text, 8, counts, &bytes)) return false;
    if (!zone_block(zone, text.data + ZONE_HEADER_BYTES, 8, counts)) return false;
    text.data += ZONE_HEADER_BYTES + bytes;
    text.len -= ZONE_HEADER_BYTES + bytes;
    if (!zone_take(&text, '\n') || text.len == 0 || text.data[text.len - 1] != '\n') return false;
    text.len--;
    return text.len == 0 || zone_tail(text, &zone->tail);
}

struct candles_zone *candles_zone_parse(struct slice name, struct slice tzif, struct error *err)
{
    struct candles_zone *zone = candles_zone_fixed(0);

    if (zone_file(zone, tzif)) return zone;
    candles_zone_free(zone);
    error_set(err, ERROR_INVALID,
              "time zone %.*s: its file is not in the format of the IANA database (TZif, without leap seconds)",
              SLICE_FMT(name));
    return NULL;
}

const char *candles_zone_known_name(size_t index)
{
    return index < zones_count ? zones_table[index].name : NULL;
}

struct candles_zone *candles_zone_known(size_t index)
{
    struct candles_zone *zone;

    if (index >= zones_count) return NULL;
    zone = candles_zone_fixed(zones_table[index].first * 60);
    zone->count = zones_table[index].count;
    zone->changes = mem_array(zone->count + 1, sizeof(*zone->changes));
    for (size_t i = 0; i < zone->count; i++) {
        const struct zones_change *change = &zones_table[index].changes[i];

        zone->changes[i] = (struct zone_change){(int64_t)change->minute * 60, change->offset * 60};
    }
    /* A test reads every row. */
    (void)zone_tail(slice_of(zones_table[index].tail), &zone->tail);
    return zone;
}

int candles_zone_at(const struct candles_zone *zone, int64_t time_s)
{
    size_t low = 0, high = zone->count; /* changes before `low` are not later than the time, those from `high` are */

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (zone->changes[middle].time_s <= time_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == zone->count && zone->tail.is_there) return zone_tail_at(&zone->tail, time_s);
    return low == 0 ? zone->first_offset_s : zone->changes[low - 1].offset_s;
}

unsigned candles_zone_resolve(const struct candles_zone *zone, int64_t local_ms, int64_t ret_ms[2])
{
    const int64_t local_s = local_ms / 1000 - (local_ms % 1000 < 0 ? 1 : 0);
    /* The offsets before and after any change that is near; the larger one gives the earlier moment. */
    const int before = candles_zone_at(zone, local_s - ZONE_DAY_S), after = candles_zone_at(zone, local_s + ZONE_DAY_S);
    const int offsets[] = {before > after ? before : after, before > after ? after : before};
    unsigned count = 0;

    for (size_t i = 0; i < (before == after ? 1 : countof(offsets)); i++) {
        if (candles_zone_at(zone, local_s - offsets[i]) != offsets[i]) continue;
        ret_ms[count++] = local_ms - (int64_t)offsets[i] * 1000;
    }
    return count;
}
