#include "rules/sorted.h"

#include <string.h>

size_t sorted_below(const struct sorted *s, double x)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (s->items[middle] < x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t sorted_up_to(const struct sorted *s, double x)
{
    size_t low = 0, high = s->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (s->items[middle] <= x) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t sorted_add(struct sorted *s, double x)
{
    const size_t at = sorted_below(s, x), moved = s->count - at;

    memmove(&s->items[at + 1], &s->items[at], moved * sizeof(*s->items));
    s->items[at] = x;
    s->count++;
    return moved;
}

size_t sorted_remove(struct sorted *s, double x)
{
    const size_t at = sorted_below(s, x), moved = s->count - at - 1;

    memmove(&s->items[at], &s->items[at + 1], moved * sizeof(*s->items));
    s->count--;
    return moved;
}
