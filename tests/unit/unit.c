#include "unit.h"

#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void unit_assert(bool ok, const char *file, unsigned line, const char *what)
{
    CU_assertImplementation(ok ? CU_TRUE : CU_FALSE, line, what, file, "", CU_FALSE);
}

void unit_assert_str(const char *file, unsigned line, struct slice found, struct slice expected)
{
    char what[2048];

    snprintf(what, sizeof(what), "found \"%.*s\", expected \"%.*s\"", SLICE_FMT(found), SLICE_FMT(expected));
    unit_assert(slice_eq(found, expected), file, line, what);
}

void unit_assert_int(const char *file, unsigned line, long long found, long long expected)
{
    char what[96];

    snprintf(what, sizeof(what), "found %lld, expected %lld", found, expected);
    unit_assert(found == expected, file, line, what);
}

FILE *unit_open(const char *path, const char *mode)
{
    FILE *file = fopen(path, mode);

    if (file == NULL) {
        perror(path);
        exit(EXIT_FAILURE);
    }
    return file;
}

bool unit_is_under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");

    return preload != NULL && strstr(preload, "/vgpreload_") != NULL;
}

int unit_main(const char *room, const struct unit_test *tests, size_t count)
{
    const struct unit_part part = {tests, count, false};
    const struct unit_part *const parts[] = {&part};

    return unit_main_parts(room, parts, 1);
}

int unit_main_parts(const char *room, const struct unit_part *const *parts, size_t count)
{
    const char *wanted = getenv("UNIT_TEST");
    unsigned added = 0, skipped = 0;

    if (CU_initialize_registry() != CUE_SUCCESS) return EXIT_FAILURE;

    CU_pSuite suite = CU_add_suite(room, NULL, NULL);

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < parts[i]->count; j++) {
            const struct unit_test *test = &parts[i]->tests[j];

            if (wanted != NULL && strstr(test->name, wanted) == NULL) continue;
            if (parts[i]->is_bare && unit_is_under_valgrind()) {
                skipped++;
                continue;
            }
            added++;
            if (CU_add_test(suite, test->name, test->run) == NULL) return EXIT_FAILURE;
        }
    }
    if (added + skipped == 0)
        fprintf(stderr, "unit %s: no test's name holds UNIT_TEST=%s\n", room, wanted == NULL ? "" : wanted);
    CU_run_all_tests();

    for (CU_pFailureRecord f = CU_get_failure_list(); f != NULL; f = f->pNext) {
        fprintf(stderr, "%s:%u: %s: %s\n", f->strFileName == NULL ? "" : f->strFileName, f->uiLineNumber,
                f->pTest == NULL ? "" : f->pTest->pName, f->strCondition);
    }
    unsigned failed = CU_get_number_of_tests_failed();
    unsigned run = CU_get_number_of_tests_run();

    printf("unit %s: %u passed, %u failed", room, run - failed, failed);
    if (skipped > 0) printf(", %u skipped", skipped);
    printf("\n");
    CU_cleanup_registry();
    return run == added && (added > 0 || skipped > 0) && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
