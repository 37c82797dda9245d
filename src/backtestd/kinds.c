/* `backtestd kinds`: the kinds of strategies. */
#include "backtestd/reference.h"
#include "rules/rules.h"

static const char *kind_name(size_t index)
{
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    return index < count ? kinds[index].name : NULL;
}

/* The document with its parameters, as --strategy takes it: one member a line. */
static void kind_as_document(const struct rules_kind *kind, struct buf *out)
{
    bool is_text = false;
    int depth = 0;

    buf_add_char(out, '{');
    for (size_t i = 0; kind->parameters[i].name != NULL; i++) {
        const struct rules_kind_parameter *p = &kind->parameters[i];

        buf_printf(out, "%s\"%s\": %.15g", i == 0 ? "\"params\": {" : ", ", p->name, p->fallback);
        if (kind->parameters[i + 1].name == NULL) buf_add_str(out, "},\n ");
    }
    for (const char *at = kind->document; *at != '\0'; at++) {
        is_text = is_text != (*at == '"');
        if (!is_text) depth += (*at == '{') - (*at == '}');
        buf_add_char(out, *at);
        if (!is_text && (*at == ',' || *at == ':')) buf_add_str(out, *at == ',' && depth == 0 ? "\n " : " ");
    }
    buf_add_str(out, "}\n");
}

static void kind_in_full(const struct rules_kind *kind, struct buf *out)
{
    static const char *const types[] = {
        [RULES_KIND_WHOLE] = "whole number", [RULES_KIND_NUMBER] = "number", [RULES_KIND_BOOLEAN] = "true or false"};
    struct buf sentence = {0};

    buf_printf(&sentence, "%s.", kind->description);
    buf_printf(out, "%s\n", kind->name);
    reference_row("", REFERENCE_INDENT, buf_cstr(&sentence), out);
    buf_clear(&sentence);
    if (kind->parameters[0].name != NULL) {
        buf_printf(out, "\n%-12s %-13s %-8s %-12s %s\n", "PARAMETER", "TYPE", "DEFAULT", "RANGE", "MEANING");
    }
    for (size_t i = 0; kind->parameters[i].name != NULL; i++) {
        const struct rules_kind_parameter *p = &kind->parameters[i];

        struct buf bounds = {0};

        buf_printf(out, "%-12s %-13s", p->name, types[p->type]);
        if (p->type == RULES_KIND_BOOLEAN) {
            buf_printf(out, " %-8s", p->fallback != 0 ? "true" : "false");
        } else {
            buf_printf(out, " %-8.15g", p->fallback);
            buf_printf(&bounds, "%.15g to %.15g", p->minimum, p->maximum);
        }
        buf_printf(out, " %-12s %s\n", buf_cstr(&bounds), p->description);
        buf_clear(&bounds);
    }
    if (kind->document != NULL) {
        buf_add_str(out, "\nThe members stop, take, trail and size of a document of rules can stand beside them.\n\n"
                         "The same as a document of rules:\n\n");
        kind_as_document(kind, out);
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
            reference_row(kinds[i].name, REFERENCE_NAME_COLUMNS + 1, kinds[i].description, out);
        }
    }
}

static void kinds_json(const struct command_line *line, struct buf *out)
{
    const struct rules_kind *kind;

    if (line->operand_count == 0) {
        rules_kinds_json(out);
    } else if ((kind = rules_kind_find(slice_of(line->operands[0]))) != NULL) {
        rules_kind_json(kind, out);
    }
    if (out->len > 0) buf_add_char(out, '\n');
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
    .summary = "list the kinds of strategies, or describe one of them with its parameters",
    .options = backtestd_json_options,
    .operand = "NAME",
    .operands_max = 1,
    .run = kinds_main,
};
