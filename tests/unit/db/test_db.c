#include <stdio.h>
#include <string.h>

#include "db/internal.h"
#include "rig.h"

static void test_outcome_table(void)
{
    static const struct {
        const char *sqlstate;
        enum db_outcome outcome;
    } cases[] = {
        {"00000", DB_OK},
        {"08006", DB_UNAVAILABLE},
        {"22001", DB_INVALID_VALUE},
        {"22P02", DB_INVALID_VALUE},
        {"23505", DB_UNIQUE},
        {"23503", DB_FOREIGN_KEY},
        {"23001", DB_FOREIGN_KEY},
        {"23514", DB_CHECK},
        {"23502", DB_CHECK},
        {"25006", DB_READ_ONLY},
        {"40001", DB_CONFLICT},
        {"40P01", DB_CONFLICT},
        {"42501", DB_DENIED},
        {"53300", DB_UNAVAILABLE},
        {"53100", DB_RESOURCES},
        {"54001", DB_RESOURCES},
        {"55P03", DB_CONFLICT},
        {"57014", DB_TIMEOUT},
        {"57P01", DB_UNAVAILABLE},
        {"57P03", DB_UNAVAILABLE},
        {"57P04", DB_FAULT},
        {"42P01", DB_FAULT},
        {"XX000", DB_FAULT},
        {"23", DB_FAULT},
        {"235051", DB_FAULT},
        {"", DB_FAULT},
    };

    for (size_t i = 0; i < countof(cases); i++) UNIT_INT(db_outcome_of(cases[i].sqlstate), cases[i].outcome);
    UNIT_INT(db_outcome_of(NULL), DB_FAULT);
    for (int i = 0; i < DB_OUTCOME_COUNT; i++) {
        for (int j = 0; j < i; j++)
            CU_ASSERT(strcmp(db_outcome_name((enum db_outcome)i), db_outcome_name((enum db_outcome)j)) != 0);
    }
    UNIT_STR(db_outcome_name(DB_UNIQUE), "unique");
}

static void test_reason_clean(void)
{
    char out[DB_REASON_BYTES];
    char long_text[2 * DB_REASON_BYTES];

    db_reason_clean(out,
                    "connection failed: refused\n\tIs the server running?\nLOCATION:  auth_failed, auth.c:326\n\n");
    UNIT_STR(out, "connection failed: refused; Is the server running?");
    db_reason_clean(out, "");
    UNIT_STR(out, "");
    db_reason_clean(out, "a\rb\x1b[0m");
    UNIT_STR(out, "a b [0m");
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    db_reason_clean(out, long_text);
    UNIT_INT(strlen(out), DB_REASON_BYTES - 1);
}

static const struct unit_test tests[] = {UNIT_TEST(test_outcome_table), UNIT_TEST(test_reason_clean)};
static const struct unit_part plain_tests = UNIT_PART(tests);

int main(void)
{
    const struct unit_part *const parts[] = {&plain_tests, &pipeline_tests, &error_tests,
                                             &loss_tests,  &connect_tests,  &listen_tests};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!rig_setup()) return 1;
    int status = unit_main_parts("db", parts, countof(parts));

    rig_teardown();
    return status;
}
