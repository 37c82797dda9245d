#include "rules/fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/utf8.h"

enum { FAULT_EXCERPT_CHARACTERS = 60 };

bool rules_fault_add(struct rules_faults *faults, const struct rules_place *place, size_t at, const char *fmt, ...)
{
    char *what = NULL;
    va_list ap;

    if (faults->count == RULES_FAULTS_MAX) {
        faults->dropped++;
        return false;
    }
    va_start(ap, fmt);
    if (vasprintf(&what, fmt, ap) < 0) mem_die(0);
    va_end(ap);
    faults->items[faults->count++] = (struct rules_fault){
        .pointer = arena_copy(faults->arena, place->pointer),
        .column = place->text.data == NULL ? 0 : utf8_count(place->text.data, at) + 1,
        .detail = arena_copy(faults->arena, slice_of(what)),
    };
    free(what);
    return false;
}

struct slice rules_fault_text(const struct rules_fault *fault, struct arena *arena)
{
    struct buf where = {0};
    struct slice text;

    buf_add_slice(&where, fault->detail);
    if (fault->pointer.len > 1) buf_add_str(&where, ", in ");
    for (size_t i = 1; i < fault->pointer.len; i++) {
        buf_add_char(&where, fault->pointer.data[i] == '/' ? '.' : fault->pointer.data[i]);
    }
    if (fault->column > 0) buf_printf(&where, " at column %zu", fault->column);
    text = arena_copy(arena, buf_slice(&where));
    buf_clear(&where);
    return text;
}

const char *rules_excerpt(struct arena *arena, struct slice text)
{
    struct buf out = {0};
    const char *result;
    size_t at = 0;

    for (size_t i = 0; i < FAULT_EXCERPT_CHARACTERS && at < text.len; i++) {
        const size_t wide = utf8_length(text.data + at, text.len - at);

        if (wide == 0 || (unsigned char)text.data[at] < ' ' || text.data[at] == 0x7f) {
            buf_add_char(&out, ' ');
        } else {
            buf_add(&out, text.data + at, wide);
        }
        at += wide == 0 ? 1 : wide;
    }
    if (at < text.len) buf_add_str(&out, "...");
    result = arena_copy(arena, buf_slice(&out)).data;
    buf_clear(&out);
    return result;
}

const char *rules_guess_text(const struct distance_guess *guess, struct arena *arena)
{
    if (guess->best.data == NULL) return "";
    return arena_printf(arena, " (did you mean %s?)", rules_excerpt(arena, guess->best));
}
