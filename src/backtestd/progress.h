/* How far a command has come, on a terminal only, and only if it takes long. */
#ifndef BACKTESTD_PROGRESS_H
#define BACKTESTD_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool is_on, was_said;
    uint64_t begun_ms, said_ms;
};

void progress_begin(struct progress *progress);
/* "storing BTCUSDT: 45 %"; with `of` 0 it is not known how much there is: "storing BTCUSDT: 12 MB". */
void progress_tell(struct progress *progress, const char *doing, const char *what, uint64_t done, uint64_t of);
/* Takes the line away again. */
void progress_end(const struct progress *progress);

#endif
