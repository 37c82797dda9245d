/*
 * How often one message may be logged. A database that is away, or clients that all do the same wrong thing, would
 * otherwise fill the disk with one line.
 *
 * Of each message, the first ten lines of each second are logged. Of the lines after those, up to twenty more are, if
 * what they say has not been logged in this second. The rest is counted, and the count is logged when the second is
 * over.
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

/* Returns whether a line may be logged; if not, it was counted. Take the rows that are due before this call. */
bool repeat_may_say(struct repeat *repeat, unsigned level, const char *msg, uint64_t content, uint64_t now_ms);
/* Takes the next message that has held lines and whose window is over (with `all`: whether it is over or not), and
 * begins its next window. Call it until it returns false. */
bool repeat_take(struct repeat *repeat, uint64_t now_ms, bool all, struct repeat_message *ret_row);
/* When the next one can be taken; UINT64_MAX: never. */
uint64_t repeat_due_ms(const struct repeat *repeat);

#endif
