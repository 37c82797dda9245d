/* The health of a process or a service: the words that /health, the metrics and the API's document have for it. */
#ifndef BASE_HEALTH_H
#define BASE_HEALTH_H

enum health {
    HEALTH_OK, /* requests are served; each of the others says why they are not */
    HEALTH_STARTING,
    HEALTH_MIGRATING,
    HEALTH_DATABASE_DOWN,
    HEALTH_SCHEMA_MISMATCH,
    HEALTH_DRAINING,
    HEALTH_COUNT,
};

/* "ok", "database_down", …, by enum health; NULL at HEALTH_COUNT. */
extern const char *const health_words[HEALTH_COUNT + 1];

#endif
