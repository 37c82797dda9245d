/* The time of a bar's opening, in UTC or a zone. */
#include "candles/zone.h"
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

/* The codes of zones: 0 is UTC, then those of the table, and behind them fixed offsets in seconds. */
enum { TIME_ZONES_MAX = 1000, TIME_OFFSET_ZERO = 1000000, TIME_QUARTER_MS = 900000 };

const char *rules_zone_name(size_t index)
{
    return candles_zone_known_name(index);
}

bool rules_zone_code(struct slice name, double *ret_code)
{
    struct candles_zone *zone;

    for (size_t i = 0; candles_zone_known_name(i) != NULL; i++) {
        if (!slice_is(name, candles_zone_known_name(i))) continue;
        *ret_code = (double)(i + 1);
        return true;
    }
    zone = candles_zone_offset(name);
    if (zone == NULL) return false;
    const int offset_s = candles_zone_at(zone, 0);

    *ret_code = offset_s == 0 ? 0 : TIME_OFFSET_ZERO + offset_s;
    candles_zone_free(zone);
    return true;
}

/* NULL for UTC. */
static struct candles_zone *time_zone(double code)
{
    if (code == 0) return NULL;
    if (code > (double)TIME_ZONES_MAX) return candles_zone_fixed((int)code - TIME_OFFSET_ZERO);
    return candles_zone_known((size_t)code - 1);
}

static int64_t time_floor(int64_t time_ms, int64_t step_ms)
{
    return time_ms / step_ms - (time_ms % step_ms < 0);
}

/* A part of each bar's time in the zone of the argument. Clocks are changed at quarters of an hour. */
static void time_each(struct rules_call *call, double (*part)(struct time_moment moment))
{
    struct candles_zone *zone = time_zone(call->constant[0]);
    int64_t quarter = INT64_MIN, offset_ms = 0;

    for (size_t i = 0; i < call->count; i++) {
        const int64_t time_ms = call->candles->time_ms[i];
        const int64_t now = zone == NULL ? quarter : time_floor(time_ms, TIME_QUARTER_MS);

        if (now != quarter) offset_ms = (int64_t)candles_zone_at(zone, time_floor(time_ms, 1000)) * 1000;
        quarter = now;
        call->out[i] = part(time_split(time_ms + offset_ms));
    }
    candles_zone_free(zone);
}

static double time_hour_of(struct time_moment moment)
{
    const int64_t hour = moment.ms / TIME_HOUR_MS;

    return (double)hour;
}

static double time_minute_of(struct time_moment moment)
{
    const int64_t minute = moment.ms % TIME_HOUR_MS / TIME_MINUTE_MS;

    return (double)minute;
}

static double time_weekday_of(struct time_moment moment)
{
    /* 1970-01-01 was a Thursday, the fifth day. */
    const int64_t day = (moment.day + 4) % 7;

    return (double)(day < 0 ? day + 8 : day + 1);
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

static double time_day_of(struct time_moment moment)
{
    double day, month;

    time_date(moment.day, &day, &month);
    return day;
}

static double time_month_of(struct time_moment moment)
{
    double day, month;

    time_date(moment.day, &day, &month);
    return month;
}

static void time_hour(struct rules_call *call)
{
    time_each(call, time_hour_of);
}

static void time_minute(struct rules_call *call)
{
    time_each(call, time_minute_of);
}

static void time_weekday(struct rules_call *call)
{
    time_each(call, time_weekday_of);
}

static void time_day(struct rules_call *call)
{
    time_each(call, time_day_of);
}

static void time_month(struct rules_call *call)
{
    time_each(call, time_month_of);
}

/* clang-format off */
#define TIME_FUNCTION(title, words, run)                                                                        \
    {                                                                                                           \
        .name = title, .family = "time", .description = (words), .lookback = "0", .seed = "",                   \
        .formula = "from the time at which the bar opens", .shape = RULES_SHAPE_FINITE, .result = RULES_NUMBER, \
        .arguments = {{.name = "zone", .type = RULES_ZONE, .fallback = "'UTC'"}}, .kernel = (run)               \
    }
/* clang-format on */

static const struct rules_function functions[] = {
    TIME_FUNCTION("hour", "Hour in which the bar opens, in a time zone, 0 to 23", time_hour),
    TIME_FUNCTION("minute", "Minute in which the bar opens, in a time zone, 0 to 59", time_minute),
    TIME_FUNCTION(
        "weekday",
        "Day of the week on which the bar opens, in a time zone: 1 is Sunday, 7 is Saturday (as on TradingView)",
        time_weekday),
    TIME_FUNCTION("day", "Day of the month on which the bar opens, in a time zone, 1 to 31", time_day),
    TIME_FUNCTION("month", "Month in which the bar opens, in a time zone, 1 to 12", time_month),
};

const struct rules_family rules_time = {functions, countof(functions)};
