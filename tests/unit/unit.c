#include "unit.h"

#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"

static struct {
    uint64_t seed, state;
    bool is_used;
} drawn;

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

static void unit_random_init(void)
{
    const char *seed = getenv("STRATSLAB_TEST_SEED");

    drawn.seed = seed == NULL || seed[0] == '\0' ? random_between(1, 999999999) : strtoull(seed, NULL, 10);
}

static void unit_test_begins(CU_pTest test, CU_pSuite suite)
{
    (void)test, (void)suite;
    drawn.state = drawn.seed;
}

/* splitmix64 */
uint64_t unit_random(uint64_t low, uint64_t high)
{
    uint64_t z = drawn.state += 0x9e3779b97f4a7c15ULL;

    drawn.is_used = true;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    z ^= z >> 31;
    return high - low == UINT64_MAX ? z : low + z % (high - low + 1);
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
    unit_random_init();
    CU_set_test_start_handler(unit_test_begins);
    CU_run_all_tests();

    for (CU_pFailureRecord f = CU_get_failure_list(); f != NULL; f = f->pNext) {
        fprintf(stderr, "%s:%u: %s: %s\n", f->strFileName == NULL ? "" : f->strFileName, f->uiLineNumber,
                f->pTest == NULL ? "" : f->pTest->pName, f->strCondition);
    }
    unsigned failed = CU_get_number_of_tests_failed();
    unsigned run = CU_get_number_of_tests_run();

    if (failed > 0 && drawn.is_used)
        fprintf(stderr, "unit %s: STRATSLAB_TEST_SEED=%llu draws the same numbers\n", room,
                (unsigned long long)drawn.seed);
    printf("unit %s: %u passed, %u failed", room, run - failed, failed);
    if (skipped > 0) printf(", %u skipped", skipped);
    printf("\n");
    CU_cleanup_registry();
    return run == added && (added > 0 || skipped > 0) && failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
