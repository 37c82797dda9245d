/* Faults, and the names that were meant, for rules/ alone. */
#ifndef RULES_FAULT_H
#define RULES_FAULT_H

#include "base/distance.h"
#include "rules/rules.h"

/* Where an expression stands. */
struct rules_place {
    struct slice pointer; /* into the document */
    struct slice text;    /* the expression; absent if there is none */
};

/* Adds a fault; `at` is an offset in place->text in bytes. Always false. */
bool rules_fault_add(struct rules_faults *faults, const struct rules_place *place, size_t at, const char *fmt, ...)
    ATTR_PRINTF(4, 5);
/* How many there are, those that had no room included. */
static inline size_t rules_faults_seen(const struct rules_faults *faults)
{
    return faults->count + faults->dropped;
}
/* At most some 60 characters of a text, without control characters, NUL-terminated, in the arena. */
const char *rules_excerpt(struct arena *arena, struct slice text);

/* "; did you mean close?" in the arena, or "" if nothing is near. */
const char *rules_guess_text(const struct distance_guess *guess, struct arena *arena);

#endif
