#include "backtestd/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { PROGRESS_AFTER_MS = 1000, PROGRESS_EVERY_MS = 200 };

void progress_begin(struct progress *progress)
{
    *progress = (struct progress){.is_on = isatty(STDERR_FILENO) == 1, .begun_ms = clock_monotonic_ms()};
}

void progress_tell(struct progress *progress, const char *doing, const char *what, uint64_t done, uint64_t of)
{
    if (!progress->is_on) return;
    const uint64_t now_ms = clock_monotonic_ms();

    if (now_ms - progress->begun_ms < PROGRESS_AFTER_MS || now_ms - progress->said_ms < PROGRESS_EVERY_MS) return;
    progress->said_ms = now_ms;
    progress->was_said = true;
    if (of > 0) {
        fprintf(stderr, "\r%s %s: %3.0f %%", doing, what, 100.0 * (double)done / (double)of);
    } else {
        fprintf(stderr, "\r%s %s: %.0f MB", doing, what, (double)done / 1e6);
    }
}

void progress_end(const struct progress *progress)
{
    if (progress->was_said) fputs("\r\033[K", stderr);
}
