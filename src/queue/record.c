#include "queue/record.h"

#include "base/log.h"
#include "base/random.h"

static bool record_is_usual(const struct conf_log *conf, const struct work_record *record)
{
    return record->outcome == METER_SUCCEEDED && record->took_ns < (uint64_t)conf->slow_ms * 1000000U;
}

void record_log(const struct conf_log *conf, const struct work_record *record)
{
    enum { COMMON_FIELDS = 12, MORE_FIELDS = 2 };

    if (conf->access == CONF_SHARE_OFF) return;
    if (record_is_usual(conf, record) && random_between(0, CONF_SHARE_ALL - 1) >= conf->access) return;

    struct log_field fields[COMMON_FIELDS + MORE_FIELDS] = {
        LOG_ID("id", record->id),
        LOG_SLICE("kind", record->kind),
        LOG_SLICE("symbol", record->symbol),
        LOG_SLICE("timeframe", record->timeframe),
        LOG_STR("outcome", meter_outcome_name(record->outcome)),
        LOG_UINT("bars", record->bars),
        LOG_MS("load_ms", record->phase_ns[METER_LOAD]),
        LOG_MS("compute_ms", record->phase_ns[METER_COMPUTE]),
        LOG_MS("write_ms", record->phase_ns[METER_WRITE]),
        LOG_MS("duration_ms", record->took_ns),
        LOG_STR("cached", record->cached),
        LOG_SLICE("attempt", record->attempts),
    };
    size_t count = COMMON_FIELDS;

    if (record->code != NULL) fields[count++] = LOG_STR("code", record->code);
    if (record->detail.len > 0) fields[count++] = LOG_SLICE("detail", record->detail);
    log_write(LOG_LEVEL_INFO, "backtest", fields, count);
}
