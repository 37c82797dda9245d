/*
 * docs/metrics.md has the table of metrics as the rows have it. To change it there:
 *     build/tests/unit/web/test_web table
 * prints what belongs between its two marks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/metrics.h"
#include "base/file.h"
#include "base/mem.h"
#include "test_web.h"
#include "web/count.h"

static void docs_table(struct buf *out)
{
    admin_metrics_docs(&(struct admin_metrics){.program = "stratslabd", .counted = &count_table}, out);
}

static void test_docs_has_the_table(void)
{
    const char *srcdir = getenv("srcdir");
    char *path = mem_printf("%s/docs/metrics.md", srcdir == NULL ? TEST_SRCDIR : srcdir);
    struct buf page = {0}, marked = {0};

    buf_add_str(&marked, "<!-- made by tests/unit/web/test_web table -->\n");
    docs_table(&marked);
    buf_add_str(&marked, "<!-- end -->\n");
    CU_ASSERT(file_read(path, 1 << 20, &page));
    if (strstr(buf_cstr(&page), buf_cstr(&marked)) == NULL) {
        CU_FAIL("docs/metrics.md has another table: put there what tests/unit/web/test_web table prints");
    }
    buf_clear(&page);
    buf_clear(&marked);
    free(path);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_docs_has_the_table),
};
static const struct unit_part web_tests = UNIT_PART(tests);

static int print_table(void)
{
    struct buf out = {0};

    docs_table(&out);
    fputs(buf_cstr(&out), stdout);
    buf_clear(&out);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct unit_part *const parts[] = {&web_tests, &count_tests, &damage_tests};

    if (argc == 2 && strcmp(argv[1], "table") == 0) return print_table();
    return unit_main_parts("web", parts, countof(parts));
}
