/*
 * Time zones: from what a clock on the wall shows to UTC. A zone is read from the bytes of its file in the IANA
 * database (TZif, RFC 9636), which the caller fetches (/usr/share/zoneinfo/America/New_York), or is a fixed offset.
 * Immutable.
 */
#ifndef CANDLES_ZONE_H
#define CANDLES_ZONE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/error.h"
#include "base/slice.h"

struct candles_zone;

/* Seconds east of UTC, within ±24 h. */
struct candles_zone *candles_zone_fixed(int offset_s);
/* "UTC", "Z", "+05:30", "-0500", "UTC-5": a zone of a fixed offset by name; NULL if it is not such a name. */
struct candles_zone *candles_zone_offset(struct slice name);
/* The file's bytes; `name` is for messages. NULL if they are not a zone, or one that counts leap seconds. */
struct candles_zone *candles_zone_parse(struct slice name, struct slice tzif, struct error *err) ATTR_CHECKED;
/* A zone that the program has itself: those of exchanges, from 1970 on, the same on every machine. NULL if there is no
 * zone of this index. */
struct candles_zone *candles_zone_known(size_t index);
/* Their names, by the alphabet; NULL after the last. */
const char *candles_zone_known_name(size_t index);
void candles_zone_free(struct candles_zone *zone); /* takes NULL */
/* Whether `name` may be a zone of the database, and stays below its folder as a path. */
bool candles_zone_is_name(struct slice name);

/* Seconds east of UTC at a moment. */
int candles_zone_at(const struct candles_zone *zone, int64_t time_s);
/* The moments at which a clock there shows `local_ms`, the earliest first: 1; 0 if the clock is set forward over it; 2
 * if it is set back over it. */
unsigned candles_zone_resolve(const struct candles_zone *zone, int64_t local_ms, int64_t ret_ms[2]);

#endif
