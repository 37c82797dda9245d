/* The table of zones that the program has itself, for zone.c. */
#ifndef CANDLES_ZONES_H
#define CANDLES_ZONES_H

#include <stddef.h>
#include <stdint.h>

struct zones_change {
    int32_t minute; /* since 1970 */
    int16_t offset; /* minutes east of UTC from then on */
};

struct zones_zone {
    const char *name;
    const char *tail; /* as TZ of POSIX: what is so after the last change */
    int first;        /* minutes east of UTC before the first change */
    const struct zones_change *changes;
    size_t count;
};

extern const struct zones_zone zones_table[];
extern const size_t zones_count;
extern const char zones_version[]; /* of the IANA database that the table was made from, as in its tzdata.zi */

#endif
