/* How far two names are apart, for "did you mean". */
#ifndef BASE_DISTANCE_H
#define BASE_DISTANCE_H

#include <stddef.h>

#include "base/slice.h"

enum { DISTANCE_NAME_MAX = 64 };

/* Levenshtein's distance in bytes; SIZE_MAX where either is longer than DISTANCE_NAME_MAX. */
size_t distance_edit(struct slice a, struct slice b);

#endif
