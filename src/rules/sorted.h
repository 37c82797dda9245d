/* A window's values in order, for medians and ranks. */
#ifndef RULES_SORTED_H
#define RULES_SORTED_H

#include <stddef.h>

struct sorted {
    double *items; /* the caller's, room for all of the window; ascending, no NaN */
    size_t count;
};

/* How many items are less than `x`, and how many are less or equal. */
size_t sorted_below(const struct sorted *s, double x);
size_t sorted_up_to(const struct sorted *s, double x);
/* Both return how many items were moved. */
size_t sorted_add(struct sorted *s, double x);
/* `x` is among the items. */
size_t sorted_remove(struct sorted *s, double x);

#endif
