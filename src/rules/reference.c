/* The tables as JSON. */
#include "rules/rules.h"
#include "json/write.h"

static void reference_kind(struct json_writer *w, const struct rules_kind *kind)
{
    struct buf schema = {0};

    rules_kind_schema(kind, &schema);
    json_open(w, '{');
    json_key_text(w, "name", kind->name);
    json_key_text(w, "description", kind->description);
    json_key_raw(w, "parameters", buf_cstr(&schema));
    json_close(w, '}');
    buf_clear(&schema);
}

void rules_kind_json(const struct rules_kind *kind, struct buf *out)
{
    struct json_writer w = {.out = out};

    reference_kind(&w, kind);
}

void rules_kinds_json(struct buf *out)
{
    struct json_writer w = {.out = out};
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    json_open(&w, '[');
    for (size_t i = 0; i < count; i++) reference_kind(&w, &kinds[i]);
    json_close(&w, ']');
}

static void reference_function(struct json_writer *w, const struct rules_function *f)
{
    static const char *const types[] = {"number", "condition", "whole", "constant", "zone"};
    struct buf signature = {0};

    rules_function_signature(f, &signature);
    json_open(w, '{');
    json_key_text(w, "name", f->name);
    json_key_text(w, "signature", buf_cstr(&signature));
    json_key_text(w, "family", f->family);
    json_key_text(w, "description", f->description);
    json_key_text(w, "formula", f->formula);
    json_key_text(w, "seed", f->seed);
    json_key_text(w, "lookback", f->lookback);
    json_key_text(w, "result", types[f->result]);
    json_key_open(w, "arguments", '[');
    for (size_t i = 0; f->arguments[i].name != NULL; i++) {
        const struct rules_argument *a = &f->arguments[i];

        json_open(w, '{');
        json_key_text(w, "name", a->name);
        json_key_text(w, "type", types[a->type]);
        if (a->type >= RULES_WHOLE && a->maximum > a->minimum) {
            json_key(w, "minimum");
            json_double(w, a->minimum);
            json_key(w, "maximum");
            json_double(w, a->maximum);
        }
        if (a->fallback != NULL) json_key_text(w, "default", a->fallback);
        json_close(w, '}');
    }
    json_close(w, ']');
    json_close(w, '}');
    buf_clear(&signature);
}

void rules_function_json(const struct rules_function *function, struct buf *out)
{
    struct json_writer w = {.out = out};

    reference_function(&w, function);
}

void rules_functions_json(struct buf *out)
{
    struct json_writer w = {.out = out};
    const struct rules_function *f;

    json_open(&w, '[');
    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) reference_function(&w, f);
    json_close(&w, ']');
}
