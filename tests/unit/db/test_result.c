#include <string.h>

#include "rig.h"

static void test_constraints(void)
{
    char long_name[128];
    struct rig rig;
    struct answer a = {0};

    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &a, &st_insert, "1", long_name));
    UNIT_INT(a.outcome, DB_CHECK);
    UNIT_STR(a.constraint, "item_name_short");
    CU_ASSERT(rig_ask(&rig, &a, &st_insert, "1", NULL));
    UNIT_INT(a.outcome, DB_CHECK);
    UNIT_STR(a.sqlstate, "23502");
    CU_ASSERT(rig_ask(&rig, &a, &st_insert_child, "77", NULL));
    UNIT_INT(a.outcome, DB_FOREIGN_KEY);
    UNIT_STR(a.constraint, "child_item");
    CU_ASSERT(strstr(a.message, "violates foreign key") != NULL);
    rig_close(&rig);
}

/* The memory of a row that is too large goes with its session; nobody else's query does. */
static void test_a_row_that_is_too_large_fails_alone(void)
{
    struct rig rig;
    struct answer fits = {0}, large = {0}, beside = {0}, later = {0};
    struct answer *const all[] = {&fits, &large, &beside};

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    CU_ASSERT(rig_ask(&rig, &fits, &st_big, "1000000", NULL));
    UNIT_INT(fits.outcome, DB_OK);
    CU_ASSERT(db_memory(rig.db) < 8U * 1024 * 1024);
    UNIT_INT(rig_submit(&rig, &large, &st_big, "40000000", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &beside, &st_int, "7", NULL), DB_OK);
    for (size_t i = 1; i < countof(all); i++) CU_ASSERT(rig_until_answered(&rig, all[i], 1));
    UNIT_INT(large.outcome, DB_FAULT);
    UNIT_INT(large.rows, 0);
    CU_ASSERT(strstr(large.message, "32 MiB") != NULL);
    UNIT_INT(beside.outcome, DB_OK);
    UNIT_STR(beside.value, "7");
    CU_ASSERT(rig_until_state(&rig, DB_STATE_READY));
    CU_ASSERT(rig_ask(&rig, &later, &st_int, "8", NULL));
    UNIT_STR(later.value, "8");
    CU_ASSERT(db_memory(rig.db) < 8U * 1024 * 1024);
    rig_close(&rig);
}

/* Bytes as they are, beside results in text form. */
static void test_binary_results(void)
{
    struct rig rig;
    struct answer bytes = {0}, number = {0}, text = {0}, none = {0};

    rig_open(&rig);
    CU_ASSERT(rig_start_ready(&rig));
    UNIT_INT(rig_submit(&rig, &text, &st_int, "258", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &bytes, &st_bytes, "\\x00410042", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &number, &st_int_binary, "258", NULL), DB_OK);
    UNIT_INT(rig_submit(&rig, &none, &st_bytes, NULL, NULL), DB_OK);
    CU_ASSERT(rig_until_answered(&rig, &text, 1) && rig_until_answered(&rig, &bytes, 1));
    CU_ASSERT(rig_until_answered(&rig, &number, 1) && rig_until_answered(&rig, &none, 1));
    UNIT_STR(text.value, "258");
    UNIT_INT(bytes.value_len, 4);
    UNIT_INT(number.value_len, 8);
    CU_ASSERT(memcmp(bytes.bytes, "\0A\0B", 4) == 0);
    CU_ASSERT(memcmp(number.bytes, "\0\0\0\0\0\0\1\2", 8) == 0);
    UNIT_STR(none.value, "(null)");
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_binary_results),
    UNIT_TEST(test_constraints),
    UNIT_TEST(test_a_row_that_is_too_large_fails_alone),
};
const struct unit_part result_tests = UNIT_PART(tests);
