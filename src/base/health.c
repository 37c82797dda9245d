#include "base/health.h"

const char *const health_words[HEALTH_COUNT + 1] = {
    [HEALTH_OK] = "ok",
    [HEALTH_STARTING] = "starting",
    [HEALTH_MIGRATING] = "migrating",
    [HEALTH_DATABASE_DOWN] = "database_down",
    [HEALTH_SCHEMA_MISMATCH] = "schema_mismatch",
    [HEALTH_DRAINING] = "draining",
};
