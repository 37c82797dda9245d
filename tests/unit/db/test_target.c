#include <string.h>

#include "base/mem.h"
#include "rig.h"

static void test_bad_conninfo(void)
{
    static const char *const cases[] = {
        "postgresql://user:s3cret@and@127.0.0.1:1/db",
        "postgresql://user:s3cret/more@127.0.0.1:1/db",
        "postgresql://user:s3cret%zz@127.0.0.1:1/db",
        "user=x password='s3cret",
        "s3cret",
    };

    for (size_t i = 0; i < countof(cases); i++) {
        struct rig rig;

        rig_open(&rig);
        rig_use_conninfo(&rig, mem_strdup(cases[i]));
        rig_start(&rig);
        CU_ASSERT(rig_until_state(&rig, DB_STATE_REFUSED));
        CU_ASSERT(strstr(rig.reason, "connection string") != NULL);
        CU_ASSERT(strstr(rig.reason, "s3cret") == NULL);
        CU_ASSERT(strstr(rig.reason, "and@") == NULL && strstr(rig.reason, "more") == NULL);
        rig_close(&rig);
    }
}

static const struct db_statement st_setting = {"setting", "SELECT current_setting($1)", DB_READ, 1, {DB_TYPE_TEXT},
                                               false};

/* Ours and the connection string's own stand side by side; ours win where both name one. */
static void test_session_settings(void)
{
    static const struct db_statement *const only[] = {&st_setting};
    static const char *const settings[][2] = {
        {"TimeZone", "UTC"},
        {"client_encoding", "UTF8"},
        {"statement_timeout", "1234ms"},
        {"lock_timeout", "321ms"},
        {"idle_in_transaction_session_timeout", "777ms"},
        {"client_connection_check_interval", "2s"},
        {"work_mem", "5MB"},
    };
    struct answer a = {0};
    struct rig rig;
    char *conninfo;

    rig_open(&rig);
    conninfo = mem_printf("%s options='-c work_mem=5MB -c TimeZone=Asia/Tokyo -c statement_timeout=9s'", rig.conninfo);
    rig_use_conninfo(&rig, conninfo);
    rig.options.statements = only;
    rig.options.statement_count = 1;
    rig.options.limits.statement_timeout_ms = 1234;
    rig.options.limits.lock_timeout_ms = 321;
    rig.options.limits.idle_in_transaction_timeout_ms = 777;
    rig.options.client_check_interval_ms = 2000;
    CU_ASSERT(rig_start_ready(&rig));
    for (size_t i = 0; i < countof(settings); i++) {
        CU_ASSERT(rig_ask(&rig, &a, &st_setting, settings[i][0], NULL));
        UNIT_STR(a.value, settings[i][1]);
    }
    CU_ASSERT(rig_ask(&rig, &a, &st_setting, "application_name", NULL));
    UNIT_STR(a.value, rig.name);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_bad_conninfo),
    UNIT_TEST(test_session_settings),
};
const struct unit_part target_tests = UNIT_PART(tests);
