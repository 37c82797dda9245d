#include "base/number.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NUMBER_DOUBLE_PARSED_BYTES = 64 };

struct number_unit {
    const char *suffix;
    uint64_t factor;
};

/* Largest first, so that formatting takes the first that divides; the aliases after the table's own names. */
static const struct number_unit number_durations[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}, {"", 1000},
};
static const struct number_unit number_sizes[] = {
    {"GiB", 1U << 30}, {"MiB", 1U << 20}, {"KiB", 1U << 10}, {"", 1}, {"G", 1U << 30}, {"M", 1U << 20}, {"K", 1U << 10},
};

bool number_parse_u64(struct slice text, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.len == 0) return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(text.data[i] - '0');

        if (digit > 9) return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value)) return false;
        if (__builtin_add_overflow(value, (uint64_t)digit, &value)) return false;
    }
    *ret_value = value;
    return true;
}

bool number_parse_i64(struct slice text, int64_t *ret_value)
{
    bool negative = text.len > 0 && text.data[0] == '-';
    uint64_t magnitude;

    if (negative) text.data++, text.len--;
    if (!number_parse_u64(text, &magnitude)) return false;
    if (magnitude > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *ret_value = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static bool number_parse_unit(struct slice text, const struct number_unit *units, size_t count, uint64_t *ret_value)
{
    struct slice digits = text;
    uint64_t value;

    while (digits.len > 0 && (digits.data[digits.len - 1] < '0' || digits.data[digits.len - 1] > '9')) digits.len--;
    if (!number_parse_u64(digits, &value)) return false;

    struct slice suffix = {text.data + digits.len, text.len - digits.len};

    for (size_t i = 0; i < count; i++) {
        if (slice_is(suffix, units[i].suffix)) return !__builtin_mul_overflow(value, units[i].factor, ret_value);
    }
    return false;
}

bool number_parse_duration_ms(struct slice text, uint64_t *ret_ms)
{
    uint64_t value;

    if (!number_parse_unit(text, number_durations, countof(number_durations), &value)) return false;
    *ret_ms = value;
    return true;
}

bool number_parse_bytes(struct slice text, uint64_t *ret_bytes)
{
    uint64_t value;

    if (!number_parse_unit(text, number_sizes, countof(number_sizes), &value)) return false;
    *ret_bytes = value;
    return true;
}

static void number_format_unit(uint64_t value, const struct number_unit *units, char out[NUMBER_UNIT_TEXT_BYTES])
{
    while (value != 0 && units->factor > 1 && value % units->factor != 0) units++;
    snprintf(out, NUMBER_UNIT_TEXT_BYTES, "%" PRIu64 "%s", value / units->factor, value == 0 ? "" : units->suffix);
}

void number_format_duration_ms(uint64_t ms, char out[NUMBER_UNIT_TEXT_BYTES])
{
    number_format_unit(ms, number_durations, out);
}

void number_format_bytes(uint64_t bytes, char out[NUMBER_UNIT_TEXT_BYTES])
{
    number_format_unit(bytes, number_sizes, out);
}

bool number_parse_double(struct slice text, double *ret_value)
{
    char copy[NUMBER_DOUBLE_PARSED_BYTES], *end;
    double value;

    if (text.len == 0 || text.len >= sizeof(copy)) return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '\0' || strchr("0123456789+-.eE", text.data[i]) == NULL) return false;
    }
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    value = strtod(copy, &end);
    if (*end != '\0' || !isfinite(value)) return false;
    *ret_value = value;
    return true;
}

void number_format_double(double value, char out[NUMBER_DOUBLE_TEXT_BYTES])
{
    for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(out, NUMBER_DOUBLE_TEXT_BYTES, "%.*g", digits, value);
        if (strtod(out, NULL) == value || isnan(value)) return;
    }
}
