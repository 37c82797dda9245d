#include "migrate/index.h"

#include "test_migrate.h"

static void made(const char *text, struct buf *out)
{
    static const char *const makers[] = {"none", "create", "reindex", "table", "many"};
    struct index_made made;

    index_made_of(slice_of(text), &made);
    buf_printf(out, "%s", makers[made.maker]);
    if (made.maker != INDEX_NONE && made.maker != INDEX_MANY) {
        buf_printf(out, " [%s] on %s", buf_cstr(&made.name), buf_cstr(&made.target));
    }
    index_made_clear(&made);
}

static void test_index_made(void)
{
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"", "none"},
        {"CREATE TABLE t ()", "none"},
        {"CREATE INDEX", "create [] on "},
        {"DROP INDEX a", "none"},
        {"CREATE INDEX a ON t (n)", "create [a] on t"},
        {"create unique index concurrently if not exists Some_Index on only app.t using gin (n)",
         "create [some_index] on app.t"},
        {"CREATE INDEX CONCURRENTLY ON t (n)", "create [] on t"},
        {"CREATE /* ON x */ INDEX -- ON y\n a ON \"My \"\"t\"\"\" . \"T\" (n)", "create [a] on \"My \"\"t\"\"\".\"T\""},
        {"CREATE INDEX \"On \"\"it\"\"\" ON t (n)", "create [On \"it\"] on t"},
        {"CREATE INDEX if_not ON t (n)", "create [if_not] on t"},
        {"REINDEX INDEX CONCURRENTLY app.a", "reindex [] on app.a"},
        {"REINDEX (VERBOSE, TABLESPACE x) TABLE t", "table [] on t"},
        {"REINDEX SCHEMA public", "many"},
        {"REINDEX DATABASE", "many"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct buf found = {0};

        made(cases[i].text, &found);
        UNIT_STR(buf_cstr(&found), cases[i].expected);
        buf_clear(&found);
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_index_made)};
const struct unit_part index_tests = UNIT_PART(tests);
