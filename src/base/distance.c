#include "base/distance.h"

#include <stdbool.h>
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

/* Two neighbours exchanged, and nothing else. */
static bool distance_is_exchange(struct slice a, struct slice b)
{
    size_t i = 0;

    if (a.len != b.len) return false;
    while (i < a.len && a.data[i] == b.data[i]) i++;
    return i + 2 <= a.len && a.data[i] == b.data[i + 1] && a.data[i + 1] == b.data[i] &&
           memcmp(a.data + i + 2, b.data + i + 2, a.len - i - 2) == 0;
}

void distance_offer(struct distance_guess *guess, struct slice name)
{
    const size_t most = guess->wanted.len < 4 ? 1 : guess->wanted.len < 9 ? 2 : 3;
    const bool is_near =
        distance_is_exchange(guess->wanted, name) ||
        (guess->wanted.len == name.len && name.len > 0 && strncasecmp(guess->wanted.data, name.data, name.len) == 0);
    const size_t distance = is_near ? 1 : distance_edit(guess->wanted, name);

    if (distance > most || (distance >= name.len && !is_near)) return;
    if (guess->best.data != NULL && distance >= guess->distance) return;
    guess->best = name;
    guess->distance = distance;
}
