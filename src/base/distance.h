/* How far two names are apart, for "did you mean". */
#ifndef BASE_DISTANCE_H
#define BASE_DISTANCE_H

#include <stddef.h>

#include "base/slice.h"

enum { DISTANCE_NAME_MAX = 64 };

/* The name that was perhaps meant. Begin with {.wanted = name} and offer every name that exists. `best` is the nearest
 * one, or the first of several that are equally near; its data is NULL if none is near. A name of 1 to 3 bytes may have
 * one mistake, one of 4 to 8 bytes two, and a longer one three. Two neighbours that were exchanged are one mistake, and
 * so is a letter of the other case. A name that would keep none of its letters is not near. */
struct distance_guess {
    struct slice wanted, best;
    size_t distance;
};

void distance_offer(struct distance_guess *guess, struct slice name);

/* Levenshtein's distance in bytes; SIZE_MAX if either is longer than DISTANCE_NAME_MAX. */
size_t distance_edit(struct slice a, struct slice b);

#endif
