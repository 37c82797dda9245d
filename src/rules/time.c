/* The time of a bar's opening, in UTC. */
#include "rules/function.h"

enum { TIME_DAY_MS = 86400000, TIME_HOUR_MS = 3600000, TIME_MINUTE_MS = 60000 };

/* Days since 1970-01-01 and the milliseconds of that day. */
struct time_moment {
    int64_t day, ms;
};

static struct time_moment time_split(int64_t time_ms)
{
    int64_t ms = time_ms % TIME_DAY_MS;

    if (ms < 0) ms += TIME_DAY_MS;
    return (struct time_moment){(time_ms - ms) / TIME_DAY_MS, ms};
}

static void time_hour(struct rules_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        const int64_t hour = time_split(call->candles->time_ms[i]).ms / TIME_HOUR_MS;

        call->out[i] = (double)hour;
    }
}

static void time_minute(struct rules_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        const int64_t minute = time_split(call->candles->time_ms[i]).ms % TIME_HOUR_MS / TIME_MINUTE_MS;

        call->out[i] = (double)minute;
    }
}

static void time_weekday(struct rules_call *call)
{
    for (size_t i = 0; i < call->count; i++) {
        /* 1970-01-01 was a Thursday, the fifth day. */
        const int64_t day = (time_split(call->candles->time_ms[i]).day + 4) % 7;

        call->out[i] = (double)(day < 0 ? day + 8 : day + 1);
    }
}

/* Howard Hinnant's "civil from days": years that begin in March, so that the leap day is the last one. */
static void time_date(int64_t day, double *ret_day, double *ret_month)
{
    const int64_t shifted = day + 719468;
    const int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    const int64_t of_era = shifted - era * 146097;
    const int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const int64_t month = (5 * of_year + 2) / 153;

    const int64_t before = (153 * month + 2) / 5;

    *ret_day = (double)(of_year - before + 1);
    *ret_month = (double)(month < 10 ? month + 3 : month - 9);
}

static void time_day(struct rules_call *call)
{
    double month;

    for (size_t i = 0; i < call->count; i++) {
        time_date(time_split(call->candles->time_ms[i]).day, &call->out[i], &month);
    }
}

static void time_month(struct rules_call *call)
{
    double day;

    for (size_t i = 0; i < call->count; i++) {
        time_date(time_split(call->candles->time_ms[i]).day, &day, &call->out[i]);
    }
}

/* clang-format off */
#define TIME_FUNCTION(title, words, run)                                                                        \
    {                                                                                                           \
        .name = title, .family = "time", .description = (words), .formula = "of the bar's opening", .seed = "", \
        .lookback = "0", .shape = RULES_SHAPE_FINITE, .result = RULES_NUMBER, .kernel = (run)                   \
    }
/* clang-format on */

static const struct rules_function functions[] = {
    TIME_FUNCTION("hour", "Hour of the bar's opening in UTC, 0 to 23", time_hour),
    TIME_FUNCTION("minute", "Minute of the bar's opening, 0 to 59", time_minute),
    TIME_FUNCTION("weekday", "Day of the week in UTC: 1 is Sunday, 7 is Saturday (as on TradingView)", time_weekday),
    TIME_FUNCTION("day", "Day of the month in UTC, 1 to 31", time_day),
    TIME_FUNCTION("month", "Month in UTC, 1 to 12", time_month),
};

const struct rules_family rules_time = {functions, countof(functions)};
