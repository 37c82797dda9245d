/* `backtestd kinds`: the kinds of strategies. */
#include "backtestd/reference.h"
#include "rules/rules.h"
#include "json/write.h"

static const char *kind_name(size_t index)
{
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    return index < count ? kinds[index].name : NULL;
}

static void kind_in_full(const struct rules_kind *kind, struct buf *out)
{
    static const char *const types[] = {
        [RULES_KIND_WHOLE] = "whole", [RULES_KIND_NUMBER] = "number", [RULES_KIND_BOOLEAN] = "true/false"};

    buf_printf(out, "%s\n    %s.\n", kind->name, kind->description);
    if (kind->parameters[0].name != NULL) buf_add_str(out, "\nparameters:\n");
    for (size_t i = 0; kind->parameters[i].name != NULL; i++) {
        const struct rules_kind_parameter *p = &kind->parameters[i];

        buf_printf(out, "  %-12s %-10s", p->name, types[p->type]);
        if (p->type == RULES_KIND_BOOLEAN) {
            buf_printf(out, " %-28s", p->fallback != 0 ? "true" : "false");
        } else {
            struct buf bounds = {0};

            buf_printf(&bounds, "%.15g (from %.15g to %.15g)", p->fallback, p->minimum, p->maximum);
            buf_printf(out, " %-28s", buf_cstr(&bounds));
            buf_clear(&bounds);
        }
        buf_printf(out, " %s\n", p->description);
    }
    if (kind->document != NULL) {
        buf_printf(out,
                   "\nand stop, take, trail and size, as in a document of rules\n\nas a document of rules:\n  {%s}\n",
                   kind->document);
    }
}

static void kinds_text(const struct command_line *line, struct buf *out)
{
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    for (size_t i = 0; i < count; i++) {
        if (!reference_is_wanted(line, kinds[i].name)) continue;
        if (line->operand_count > 0) {
            kind_in_full(&kinds[i], out);
        } else {
            buf_printf(out, "%-*s %s\n", REFERENCE_NAME_COLUMNS, kinds[i].name, kinds[i].description);
        }
    }
}

static void kinds_json(const struct command_line *line, struct buf *out)
{
    struct json_writer w = {.out = out};
    struct buf schema = {0};
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    if (line->operand_count == 0) json_open(&w, '[');
    for (size_t i = 0; i < count; i++) {
        if (!reference_is_wanted(line, kinds[i].name)) continue;
        buf_reset(&schema);
        rules_kind_schema(&kinds[i], &schema);
        json_open(&w, '{');
        json_key_text(&w, "name", kinds[i].name);
        json_key_text(&w, "description", kinds[i].description);
        json_key_raw(&w, "parameters", buf_cstr(&schema));
        json_close(&w, '}');
    }
    if (line->operand_count == 0) json_close(&w, ']');
    if (out->len > 0) buf_add_char(out, '\n');
    buf_clear(&schema);
}

static int kinds_main(const struct command_line *line, const struct command_context *context)
{
    struct buf out = {0};

    (void)context;
    (command_has(line, "--json") ? kinds_json : kinds_text)(line, &out);
    return reference_print(line, "kind", kind_name, &out);
}

const struct command_entry backtestd_kinds = {
    .name = "kinds",
    .summary = "list the kinds of strategies with their parameters, or say all of one",
    .options = backtestd_json_options,
    .operand = "NAME",
    .operands_max = 1,
    .run = kinds_main,
};
