/*
 * Which damaged chunks of candles were told of a short time ago. A client may ask for the same candles all day long,
 * and the log is for people.
 */
#ifndef WEB_DAMAGE_H
#define WEB_DAMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

enum {
    DAMAGE_CHUNKS = 64,            /* that are remembered */
    DAMAGE_AGAIN_MS = 3600 * 1000, /* the same one is told again */
    DAMAGE_PAUSE_MS = 1000,        /* between any two, if there are more than are remembered */
};

/* Zeroed is empty. */
struct damage {
    struct damage_chunk {
        uint64_t hash;
        uint64_t told_ms; /* 0: none */
    } chunks[DAMAGE_CHUNKS];
    uint64_t told_ms;
};

/* Whether it is to be told now, at this time of the monotonic clock, above 0. Then it counts as told. */
bool damage_is_news(struct damage *damage, struct slice symbol, const char *timeframe, int64_t address,
                    uint64_t now_ms) ATTR_CHECKED;

#endif
