#include "queue/failure.h"

#include "base/utf8.h"
#include "json/write.h"

enum { FAILURE_DETAIL_BYTES = 4096, FAILURE_FAULT_BYTES = 320, FAILURE_FAULTS = 16 };

static const struct failure_code failure_codes[] = {
    {"internal", "Internal error", true},
    {"no_data", "No candles", false},
    {"data_incomplete", "Candles are missing", false},
    {"data_damaged", "Candles are damaged", false},
    {"database", "Candles could not be read", true},
    {"strategy_invalid", "The strategy is wrong", false},
    {"execution_invalid", "The execution is wrong", false},
    {"too_many_trades", "Too many trades", false},
    {"out_of_memory", "Not enough memory", false},
    {"out_of_time", "Not enough time", false},
    {"crashed", "The job crashed", true},
    {"result_refused", "The result could not be written", false},
};

const struct failure_code *failure_code_at(size_t index)
{
    return index < countof(failure_codes) ? &failure_codes[index] : NULL;
}

const struct failure_code *failure_code_find(const char *code)
{
    for (size_t i = 0; i < countof(failure_codes); i++) {
        if (strcmp(failure_codes[i].code, code) == 0) return &failure_codes[i];
    }
    return &failure_codes[0];
}

/* As much of the text as takes at most so many bytes of JSON, and no character cut. */
static void failure_add_text(struct json_writer *w, struct slice text, size_t most)
{
    struct buf written = {0};

    buf_add_json(&written, text);
    while (written.len > most && text.len > 0) {
        text.len -= text.len / 4 + 1;
        while (text.len > 0 && ((unsigned char)text.data[text.len] & 0xc0U) == 0x80U) text.len--;
        buf_reset(&written);
        buf_add_json(&written, text);
    }
    buf_clear(&written);
    json_slice(w, text);
}

static void failure_begin(struct json_writer *w, const struct failure_code *code, struct slice detail)
{
    json_open(w, '{');
    json_key_text(w, "type", "about:blank");
    json_key_text(w, "title", code->title);
    json_key_text(w, "code", code->code);
    json_key(w, "detail");
    failure_add_text(w, detail, FAILURE_DETAIL_BYTES);
}

void failure_json(const struct failure_code *code, struct slice detail, struct buf *out)
{
    struct json_writer w = {.out = out};

    failure_begin(&w, code, detail);
    json_close(&w, '}');
}

static void failure_add_fault(struct json_writer *w, const struct rules_fault *fault, struct arena *arena)
{
    const char *pointer = arena_printf(arena, "/parameters%.*s", SLICE_FMT(fault->pointer));

    json_open(w, '{');
    json_key(w, "pointer");
    failure_add_text(w, slice_of(pointer), FAILURE_FAULT_BYTES);
    if (fault->column > 0) json_key_uint(w, "column", fault->column);
    json_key(w, "detail");
    failure_add_text(w, fault->detail, FAILURE_FAULT_BYTES);
    json_close(w, '}');
}

void failure_strategy_json(const struct rules_faults *faults, struct buf *out)
{
    const size_t count = faults->count < FAILURE_FAULTS ? faults->count : FAILURE_FAULTS;
    struct slice first = SLICE_LIT("its parameters cannot be understood");

    struct json_writer w = {.out = out};

    if (count > 0) first = rules_fault_text(&faults->items[0], faults->arena);
    failure_begin(&w, failure_code_find("strategy_invalid"), first);
    json_key_open(&w, "errors", '[');
    for (size_t i = 0; i < count; i++) failure_add_fault(&w, &faults->items[i], faults->arena);
    json_close(&w, ']');
    json_close(&w, '}');
}
