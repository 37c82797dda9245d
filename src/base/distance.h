/* How far two names are apart, for "did you mean". */
#ifndef BASE_DISTANCE_H
#define BASE_DISTANCE_H

#include <stddef.h>

#include "base/slice.h"

enum { DISTANCE_NAME_MAX = 64 };

/* The name that was perhaps meant. Begin with {.wanted = name} and offer all there are: `best` is the nearest, the
 * first of equally near ones; its data is NULL if none is near. Of 1 to 3 bytes one may be wrong, of 4 to 8 two, of
 * more three, and two neighbours that were exchanged, or letters of the other case, are one; a name of which nothing is
 * left is not near. */
struct distance_guess {
    struct slice wanted, best;
    size_t distance;
};

void distance_offer(struct distance_guess *guess, struct slice name);

/* Levenshtein's distance in bytes; SIZE_MAX where either is longer than DISTANCE_NAME_MAX. */
size_t distance_edit(struct slice a, struct slice b);

#endif
