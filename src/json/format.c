#include "json/format.h"

#include <stdint.h>

#include "base/hex.h"

enum { JSON_FRACTION_DIGITS_MAX = 9, JSON_OFFSET_HOURS_MAX = 15 };

static bool json_is_decimal_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *json_format_uuid(struct slice text)
{
    static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    bool ok = text.len == sizeof(shape) - 1;

    for (size_t i = 0; ok && i < text.len; i++) {
        ok = shape[i] == '-' ? text.data[i] == '-' : hex_value(text.data[i]) >= 0;
    }
    return ok ? NULL : "is not 8-4-4-4-12 hexadecimal digits";
}

const char *json_format_decimal(struct slice text)
{
    static const char wrong[] = "is not digits with an optional point";
    size_t at = text.len > 0 && text.data[0] == '-' ? 1 : 0, start = at;

    while (at < text.len && json_is_decimal_digit(text.data[at])) at++;
    if (at == start) return wrong;
    if (at < text.len && text.data[at] == '.') {
        start = ++at;
        while (at < text.len && json_is_decimal_digit(text.data[at])) at++;
        if (at == start) return wrong;
    }
    return at == text.len ? NULL : wrong;
}

/* Digits and signs as in `shape`, where 0 is any digit and T either case of that letter; cuts them off `rest`. */
static bool json_take_shape(struct slice *rest, const char *shape)
{
    for (; *shape != '\0'; shape++) {
        if (rest->len == 0) return false;

        char c = rest->data[0];

        if (*shape == '0' ? !json_is_decimal_digit(c) : c != *shape && !(*shape == 'T' && c == 't')) return false;
        rest->data++, rest->len--;
    }
    return true;
}

static int json_two_digits(const char *at)
{
    return (at[0] - '0') * 10 + (at[1] - '0');
}

static int json_days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return month == 2 && leap ? 29 : days[month - 1];
}

/* PostgreSQL knows no offsets of 16 hours or more; nobody lives there. */
static const char *json_offset_check(struct slice rest)
{
    struct slice all = rest;

    if (rest.len == 1 && (rest.data[0] == 'Z' || rest.data[0] == 'z')) return NULL;
    if (rest.len == 0) return "has no offset (Z, +01:00)";
    if (!json_take_shape(&rest, all.data[0] == '-' ? "-00:00" : "+00:00") || rest.len > 0) {
        return "has no offset like Z or +01:00 at its end";
    }
    if (json_two_digits(all.data + 1) > JSON_OFFSET_HOURS_MAX || json_two_digits(all.data + 4) > 59) {
        return "has an offset that does not exist";
    }
    return NULL;
}

const char *json_format_date_time(struct slice text)
{
    const char *at = text.data;
    struct slice rest = text;

    if (!json_take_shape(&rest, "0000-00-00T00:00:00")) return "is not like 2026-11-23T14:03:52Z";

    int year = json_two_digits(at) * 100 + json_two_digits(at + 2);
    int month = json_two_digits(at + 5), day = json_two_digits(at + 8);

    if (year < 1 || month < 1 || month > 12 || day < 1 || day > json_days_of_month(year, month)) {
        return "is a date that does not exist";
    }
    if (json_two_digits(at + 11) > 23 || json_two_digits(at + 14) > 59 || json_two_digits(at + 17) > 59) {
        return "is a time that does not exist";
    }
    if (rest.len > 0 && rest.data[0] == '.') {
        size_t digits = 0;

        rest.data++, rest.len--;
        while (rest.len > 0 && json_is_decimal_digit(rest.data[0])) rest.data++, rest.len--, digits++;
        if (digits == 0) return "has no digits after the point";
        if (digits > JSON_FRACTION_DIGITS_MAX) return "has more than nine digits after the point";
    }
    return json_offset_check(rest);
}
