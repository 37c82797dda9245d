/* `backtestd functions`: the functions of the rules. */
#include "backtestd/reference.h"
#include "rules/rules.h"

enum { FUNCTIONS_SIGNATURE_COLUMNS = 41 };

static const char *const type_names[] = {
    [RULES_NUMBER] = "number",
    [RULES_CONDITION] = "condition (true or false)",
    [RULES_WHOLE] = "constant whole number",
    [RULES_CONSTANT] = "constant number",
    [RULES_ZONE] = "time zone in quotes",
};

static const char *function_name(size_t index)
{
    const struct rules_function *f = rules_function_at(index);

    return f == NULL ? NULL : f->name;
}

static void function_bounds(const struct rules_argument *a, struct buf *out)
{
    if (a->type == RULES_WHOLE || a->type == RULES_CONSTANT) {
        if (a->maximum > a->minimum) buf_printf(out, ", %.15g to %.15g", a->minimum, a->maximum);
    }
    if (a->fallback != NULL) buf_printf(out, " (default: %s)", a->fallback);
}

static void function_zones(struct buf *out)
{
    buf_printf(out, "%-12s 'UTC', an offset such as '+02:00', or a name:\n", "time zones");
    for (size_t i = 0; rules_zone_name(i) != NULL; i++) buf_printf(out, "%-12s '%s'\n", "", rules_zone_name(i));
}

static void function_in_full(const struct rules_function *f, struct buf *out)
{
    struct buf text = {0};
    bool has_zone = false;

    rules_function_signature(f, out);
    buf_add_char(out, '\n');
    buf_printf(&text, "%s.", f->description);
    reference_row("", REFERENCE_INDENT, buf_cstr(&text), out);
    buf_add_char(out, '\n');
    reference_row("family", REFERENCE_LABEL_COLUMNS, f->family, out);
    reference_row("result", REFERENCE_LABEL_COLUMNS, type_names[f->result], out);
    reference_row("formula", REFERENCE_LABEL_COLUMNS, f->formula, out);
    if (f->seed[0] != '\0') reference_row("first value", REFERENCE_LABEL_COLUMNS, f->seed, out);
    buf_printf(out, "%-12s %s (in bars)\n", "look-back", f->lookback);
    for (size_t i = 0; f->arguments[i].name != NULL; i++) {
        buf_printf(out, "%-12s %s: %s", i == 0 ? "arguments" : "", f->arguments[i].name,
                   type_names[f->arguments[i].type]);
        function_bounds(&f->arguments[i], out);
        buf_add_char(out, '\n');
        has_zone = has_zone || f->arguments[i].type == RULES_ZONE;
    }
    if (has_zone) function_zones(out);
    buf_clear(&text);
}

static void functions_json(const struct command_line *line, struct buf *out)
{
    const struct rules_function *f;

    if (line->operand_count == 0) {
        rules_functions_json(out);
    } else if ((f = rules_function_find(slice_of(line->operands[0]))) != NULL) {
        rules_function_json(f, out);
    }
    if (out->len > 0) buf_add_char(out, '\n');
}

static void functions_text(const struct command_line *line, struct buf *out)
{
    const struct rules_function *f;
    const char *family = "";
    struct buf signature = {0};

    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) {
        if (!reference_is_wanted(line, f->name)) continue;
        if (line->operand_count > 0) {
            function_in_full(f, out);
            continue;
        }
        if (strcmp(family, f->family) != 0) buf_printf(out, "%s%s\n", i == 0 ? "" : "\n", f->family);
        family = f->family;
        buf_reset(&signature);
        buf_add_str(&signature, "  ");
        rules_function_signature(f, &signature);
        reference_row(buf_cstr(&signature), FUNCTIONS_SIGNATURE_COLUMNS, f->description, out);
    }
    buf_clear(&signature);
}

static int functions_main(const struct command_line *line, const struct command_context *context)
{
    struct buf out = {0};

    (void)context;
    (command_has(line, "--json") ? functions_json : functions_text)(line, &out);
    return reference_print(line, "function", function_name, &out);
}

const struct command_entry backtestd_functions = {
    .name = "functions",
    .summary = "list the functions of the rules language, or describe one of them",
    .about = "Expressions also have columns (open, close, volume and so on), operators, if() and tf(): see\n"
             "docs/rules.md.\n",
    .options = backtestd_json_options,
    .operand = "NAME",
    .operands_max = 1,
    .run = functions_main,
};
