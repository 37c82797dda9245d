#include "base/distance.h"

#include <stdint.h>

size_t distance_edit(struct slice a, struct slice b)
{
    size_t row[DISTANCE_NAME_MAX + 1]; /* of the matrix: how far a's first i bytes are from each head of b */

    if (a.len > DISTANCE_NAME_MAX || b.len > DISTANCE_NAME_MAX) return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++) row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = diagonal + (a.data[i - 1] == b.data[j - 1] ? 0 : 1);

            diagonal = row[j];
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b.len];
}
