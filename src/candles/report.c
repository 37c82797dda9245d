#include "candles/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void candles_note(struct candles_notes *notes, uint64_t place, uint64_t line, const char *source, const char *fmt, ...)
{
    size_t at = notes->count;
    va_list ap;

    while (at > 0 && notes->items[at - 1].place > place) at--;
    if (at == CANDLES_NOTES_MAX) return;
    const size_t kept = notes->count == CANDLES_NOTES_MAX ? CANDLES_NOTES_MAX - 1 : notes->count;
    struct candles_note *note = &notes->items[at];

    memmove(note + 1, note, (kept - at) * sizeof(*note));
    notes->count = kept + 1;
    note->place = place;
    note->line = line;
    snprintf(note->source, sizeof(note->source), "%s", source);
    va_start(ap, fmt);
    vsnprintf(note->reason, sizeof(note->reason), fmt, ap);
    va_end(ap);
}
