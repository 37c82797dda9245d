/*
 * docs/rules.md has the tables of functions and kinds as the program has them. To change them there:
 *     tests/unit/rules/test_rules tables
 * prints what belongs between its two marks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "test_rules.h"

static void tables_functions(struct buf *out)
{
    const struct rules_function *f;
    const char *family = "";

    for (size_t i = 0; (f = rules_function_at(i)) != NULL; i++) {
        if (strcmp(family, f->family) != 0) {
            family = f->family;
            buf_printf(
                out,
                "\n### %s\n\n| function | what it is | formula | first value | look-back |\n|---|---|---|---|---|\n",
                family);
        }
        buf_add_str(out, "| `");
        rules_function_signature(f, out);
        buf_printf(out, "`%s | %s | `%s` | %s | %s |\n", f->result == RULES_CONDITION ? " (condition)" : "",
                   f->description, f->formula, f->seed, f->lookback);
    }
}

static void tables_kinds(struct buf *out)
{
    size_t count;
    const struct rules_kind *kinds = rules_kinds(&count);

    buf_add_str(out, "\n### Named kinds\n\n| kind | what it does | parameters | its rules |\n|---|---|---|---|\n");
    for (size_t k = 0; k < count; k++) {
        if (kinds[k].document == NULL) continue;
        buf_printf(out, "| `%s` | %s | ", kinds[k].name, kinds[k].description);
        for (size_t p = 0; kinds[k].parameters[p].name != NULL; p++) {
            const struct rules_kind_parameter *parameter = &kinds[k].parameters[p];

            buf_printf(out, "%s`%s` ", p == 0 ? "" : ", ", parameter->name);
            if (parameter->type == RULES_KIND_BOOLEAN) {
                buf_add_str(out, parameter->fallback != 0 ? "true" : "false");
            } else {
                buf_printf(out, "%g (%g to %g)", parameter->fallback, parameter->minimum, parameter->maximum);
            }
        }
        buf_printf(out, " | `%s` |\n", kinds[k].document);
    }
}

static void docs_tables(struct buf *out)
{
    tables_functions(out);
    tables_kinds(out);
}

static void test_docs_tables(void)
{
    const char *srcdir = getenv("srcdir");
    char *path = mem_printf("%s/docs/rules.md", srcdir == NULL ? TEST_SRCDIR : srcdir);
    struct buf page = {0}, tables = {0};

    docs_tables(&tables);
    CU_ASSERT(file_read(path, 1 << 20, &page));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&page), buf_cstr(&tables)));
    for (size_t i = 0; rules_zone_name(i) != NULL; i++) {
        char *cell = mem_printf("`%s`", rules_zone_name(i));

        CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&page), cell));
        free(cell);
    }
    buf_clear(&page);
    buf_clear(&tables);
    free(path);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_docs_tables),
};
static const struct unit_part rules_tests = UNIT_PART(tests);

int main(int argc, char **argv)
{
    static const struct unit_part *const parts[] = {
        &rules_tests,     &averages_tests,   &check_tests,  &compile_tests,  &document_tests,   &extremes_tests,
        &fault_tests,     &kinds_tests,      &math_tests,   &momentum_tests, &parse_tests,      &pivots_tests,
        &reference_tests, &run_tests,        &sorted_tests, &state_tests,    &statistics_tests, &table_tests,
        &time_tests,      &volatility_tests, &volume_tests, &window_tests};

    if (argc == 2 && strcmp(argv[1], "tables") == 0) {
        struct buf tables = {0};

        docs_tables(&tables);
        fputs(buf_cstr(&tables), stdout);
        buf_clear(&tables);
        return 0;
    }
    return unit_main_parts("rules", parts, countof(parts));
}
