/*
 * How often one message may be said: a database that is away, or clients that all do the same wrong thing, would
 * otherwise fill the disk with one line.
 *
 * Of each message, in each second, the first ten lines are said; of those that follow, ones that say something that
 * none said in this second has said, up to twenty. The rest is counted, and the count is said when the second is over.
 */
#ifndef BASE_REPEAT_H
#define BASE_REPEAT_H

#include <stdbool.h>
#include <stdint.h>

enum { REPEAT_WINDOW_MS = 1000, REPEAT_LINES = 10, REPEAT_NEWS = 20, REPEAT_MESSAGES = 48 };

struct repeat_message {
    const char *msg; /* lives for ever; NULL: a free row */
    unsigned level;
    uint64_t began_ms;                         /* of its window */
    unsigned said;                             /* in it */
    unsigned news;                             /* of them, past REPEAT_LINES */
    uint64_t held;                             /* in it */
    uint64_t seen[REPEAT_LINES + REPEAT_NEWS]; /* what was said, as hashes of the content */
};

/* All zero is empty. */
struct repeat {
    struct repeat_message rows[REPEAT_MESSAGES];
};

/* Whether a line may be said; otherwise it was counted. Rows that are due should have been taken before. */
bool repeat_may_say(struct repeat *repeat, unsigned level, const char *msg, uint64_t content, uint64_t now_ms);
/* Takes the next message of which lines were held and whose window is over (with `all`: any), and begins its next
 * window. Call until false. */
bool repeat_take(struct repeat *repeat, uint64_t now_ms, bool all, struct repeat_message *ret_row);
/* When there will be one to take; UINT64_MAX: none. */
uint64_t repeat_due_ms(const struct repeat *repeat);

#endif
