/* Times as people write them on a command line. */
#include "command/command.h"

enum { TIME_MINUTE_MS = 60000, TIME_YEAR_MAX = 9999 };

/* Exactly `digits` digits. */
static bool time_digits(struct slice *rest, size_t digits, int *ret_number)
{
    int number = 0;

    if (rest->len < digits) return false;
    for (size_t i = 0; i < digits; i++) {
        if (rest->data[i] < '0' || rest->data[i] > '9') return false;
        number = 10 * number + (rest->data[i] - '0');
    }
    rest->data += digits, rest->len -= digits;
    *ret_number = number;
    return true;
}

static bool time_take(struct slice *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c) return false;
    rest->data++, rest->len--;
    return true;
}

/* Days since 1970-01-01 in the Gregorian calendar; years begin in March, so that the leap day is a year's last. */
static int64_t time_days(int year, int month, int day)
{
    const int64_t y = month > 2 ? year : year - 1;
    const int64_t era = y / 400, of_era = y % 400;
    const int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool time_date(struct slice *rest, int64_t *ret_days)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year, month, day;

    if (!time_digits(rest, 4, &year) || !time_take(rest, '-') || !time_digits(rest, 2, &month) ||
        !time_take(rest, '-') || !time_digits(rest, 2, &day)) {
        return false;
    }
    if (year < 1 || year > TIME_YEAR_MAX || month < 1 || month > 12 || day < 1) return false;
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    if (day > lengths[month - 1] + (leap && month == 2)) return false;
    *ret_days = time_days(year, month, day);
    return true;
}

static bool time_clock(struct slice *rest, int64_t *ret_ms)
{
    int hour, minute, second = 0, ms = 0, digit, scale = 100;

    if (!time_digits(rest, 2, &hour) || !time_take(rest, ':') || !time_digits(rest, 2, &minute)) return false;
    if (time_take(rest, ':')) {
        if (!time_digits(rest, 2, &second)) return false;
        if (time_take(rest, '.')) {
            if (!time_digits(rest, 1, &digit)) return false;
            do {
                ms += digit * scale;
                scale /= 10; /* what is finer than a millisecond is dropped */
            } while (time_digits(rest, 1, &digit));
        }
    }
    if (hour > 23 || minute > 59 || second > 59) return false;
    *ret_ms = (int64_t)(hour * 60 + minute) * TIME_MINUTE_MS + second * 1000 + ms;
    return true;
}

static bool time_offset(struct slice *rest, int64_t *ret_ms)
{
    int hours, minutes;

    *ret_ms = 0;
    if (rest->len == 0 || time_take(rest, 'Z') || time_take(rest, 'z')) return true;
    const bool west = rest->data[0] == '-';

    if ((!west && rest->data[0] != '+') || !time_take(rest, rest->data[0])) return false;
    if (!time_digits(rest, 2, &hours) || !time_take(rest, ':') || !time_digits(rest, 2, &minutes)) return false;
    if (hours > 23 || minutes > 59) return false;
    *ret_ms = (int64_t)(hours * 60 + minutes) * TIME_MINUTE_MS * (west ? -1 : 1);
    return true;
}

bool command_time(struct slice text, int64_t *ret_ms)
{
    int64_t days, clock_ms = 0, offset_ms = 0;

    if (!time_date(&text, &days)) return false;
    if (text.len > 0) {
        if (!time_take(&text, 'T') && !time_take(&text, 't') && !time_take(&text, ' ')) return false;
        if (!time_clock(&text, &clock_ms) || !time_offset(&text, &offset_ms)) return false;
    }
    if (text.len > 0) return false;
    *ret_ms = days * 1440 * TIME_MINUTE_MS + clock_ms - offset_ms;
    return true;
}
