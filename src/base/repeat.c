#include "base/repeat.h"

#include <stddef.h>
#include <string.h>

#include "base/attr.h"

static void repeat_begin(struct repeat_message *row, unsigned level, const char *msg, uint64_t now_ms)
{
    row->msg = msg;
    row->level = level;
    row->began_ms = now_ms;
    row->said = row->news = 0;
    row->held = 0;
}

/* The message's row. If it has none: a free row, or the row of the message that has been quiet for longest. */
static struct repeat_message *repeat_find(struct repeat *repeat, unsigned level, const char *msg, uint64_t now_ms)
{
    struct repeat_message *oldest = NULL;

    for (size_t i = 0; i < countof(repeat->rows); i++) {
        struct repeat_message *row = &repeat->rows[i];

        if (row->msg != NULL && row->level == level && (row->msg == msg || strcmp(row->msg, msg) == 0)) return row;
        if (row->held > 0) continue;
        if (oldest == NULL || row->msg == NULL || (oldest->msg != NULL && row->began_ms < oldest->began_ms))
            oldest = row;
    }
    if (oldest != NULL) repeat_begin(oldest, level, msg, now_ms);
    return oldest;
}

static bool repeat_is_new(const struct repeat_message *row, uint64_t content)
{
    for (unsigned i = 0; i < row->said; i++) {
        if (row->seen[i] == content) return false;
    }
    return true;
}

bool repeat_may_say(struct repeat *repeat, unsigned level, const char *msg, uint64_t content, uint64_t now_ms)
{
    struct repeat_message *row = repeat_find(repeat, level, msg, now_ms);

    if (row == NULL) return true; /* as many messages are held as there are rows */
    if (now_ms - row->began_ms >= REPEAT_WINDOW_MS && row->held == 0) repeat_begin(row, level, msg, now_ms);
    if (row->said >= REPEAT_LINES) {
        if (row->news >= REPEAT_NEWS || !repeat_is_new(row, content)) {
            row->held++;
            return false;
        }
        row->news++;
    }
    row->seen[row->said++] = content;
    return true;
}

bool repeat_take(struct repeat *repeat, uint64_t now_ms, bool all, struct repeat_message *ret_row)
{
    for (size_t i = 0; i < countof(repeat->rows); i++) {
        struct repeat_message *row = &repeat->rows[i];

        if (row->held == 0 || (!all && now_ms - row->began_ms < REPEAT_WINDOW_MS)) continue;
        *ret_row = *row;
        repeat_begin(row, row->level, row->msg, now_ms);
        return true;
    }
    return false;
}

uint64_t repeat_due_ms(const struct repeat *repeat)
{
    uint64_t due = UINT64_MAX;

    for (size_t i = 0; i < countof(repeat->rows); i++) {
        const struct repeat_message *row = &repeat->rows[i];

        if (row->held > 0 && row->began_ms + REPEAT_WINDOW_MS < due) due = row->began_ms + REPEAT_WINDOW_MS;
    }
    return due;
}
