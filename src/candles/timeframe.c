#include "candles/timeframe.h"

struct candles_timeframe {
    const char *name;
    int64_t ms;
};

static const struct candles_timeframe candles_timeframes[] = {
    {"1m", CANDLES_MINUTE_MS},       {"2m", 2 * CANDLES_MINUTE_MS},   {"3m", 3 * CANDLES_MINUTE_MS},
    {"5m", 5 * CANDLES_MINUTE_MS},   {"10m", 10 * CANDLES_MINUTE_MS}, {"15m", 15 * CANDLES_MINUTE_MS},
    {"30m", 30 * CANDLES_MINUTE_MS}, {"1h", CANDLES_HOUR_MS},         {"2h", 2 * CANDLES_HOUR_MS},
    {"3h", 3 * CANDLES_HOUR_MS},     {"4h", 4 * CANDLES_HOUR_MS},     {"6h", 6 * CANDLES_HOUR_MS},
    {"8h", 8 * CANDLES_HOUR_MS},     {"12h", 12 * CANDLES_HOUR_MS},   {"1d", CANDLES_DAY_MS},
    {"1w", CANDLES_WEEK_MS},
};

/* 1970-01-05 was a Monday. */
static const int64_t candles_first_monday_ms = 4 * (int64_t)CANDLES_DAY_MS;

bool candles_timeframe_parse(struct slice text, int64_t *ret_ms)
{
    for (unsigned i = 0; i < countof(candles_timeframes); i++) {
        if (!slice_is(text, candles_timeframes[i].name)) continue;
        *ret_ms = candles_timeframes[i].ms;
        return true;
    }
    return false;
}

const char *candles_timeframe_name(int64_t timeframe_ms)
{
    for (unsigned i = 0; i < countof(candles_timeframes); i++) {
        if (candles_timeframes[i].ms == timeframe_ms) return candles_timeframes[i].name;
    }
    return NULL;
}

int64_t candles_timeframe_at(unsigned index)
{
    return index < countof(candles_timeframes) ? candles_timeframes[index].ms : 0;
}

void candles_timeframe_list(struct buf *out)
{
    for (unsigned i = 0; i < countof(candles_timeframes); i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : ", ", candles_timeframes[i].name);
    }
}

int64_t candles_timeframe_origin(int64_t timeframe_ms)
{
    return timeframe_ms % CANDLES_WEEK_MS == 0 ? candles_first_monday_ms : 0;
}

int64_t candles_slot(int64_t time_ms, int64_t timeframe_ms)
{
    const int64_t since = time_ms - candles_timeframe_origin(timeframe_ms);
    const int64_t slot = since / timeframe_ms;

    return since % timeframe_ms < 0 ? slot - 1 : slot;
}

int64_t candles_slot_time(int64_t slot, int64_t timeframe_ms)
{
    return slot * timeframe_ms + candles_timeframe_origin(timeframe_ms);
}

bool candles_is_on_grid(int64_t time_ms, int64_t timeframe_ms)
{
    return (time_ms - candles_timeframe_origin(timeframe_ms)) % timeframe_ms == 0;
}
