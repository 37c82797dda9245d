/*
 * docs/metrics.md has the table of metrics as the rows have it. To change it there:
 *     build/tests/unit/web/test_web table
 * prints what belongs between its two marks.
 */
#include <stdlib.h>
#include <string.h>

#include "admin/metrics.h"
#include "base/file.h"
#include "base/mem.h"
#include "test_web.h"
#include "web/count.h"

void docs_table(struct buf *out)
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

/* What the catalog would cut, and what would break the table. */
static void test_rows_are_fit_for_the_catalog_and_the_table(void)
{
    for (size_t i = 0; i < count_table.count; i++) {
        const struct metrics_row *row = &count_table.rows[i];

        CU_ASSERT(strlen(row->name) < METRICS_NAME_BYTES && strlen(row->help) < METRICS_HELP_BYTES);
        CU_ASSERT(row->help[strlen(row->help) - 1] == '.' && strchr(row->help, '|') == NULL);
        CU_ASSERT_EQUAL(row->type == METRICS_HISTOGRAM, row->bounds != NULL);
        CU_ASSERT_EQUAL(row->type == METRICS_COUNTER, strstr(row->name, "_total") != NULL);
        for (size_t j = 0; j < i; j++) CU_ASSERT(strcmp(count_table.rows[j].name, row->name) != 0);
        for (unsigned b = 1; row->bounds != NULL && b < row->bounds->count; b++) {
            CU_ASSERT(row->bounds->at[b] > row->bounds->at[b - 1]);
        }
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_docs_has_the_table),
    UNIT_TEST(test_rows_are_fit_for_the_catalog_and_the_table),
};
const struct unit_part docs_part = UNIT_PART(tests);
