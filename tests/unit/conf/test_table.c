#include "test_conf.h"

/* Each is somebody's. */
static bool is_taken(size_t i)
{
    return conf_setting_info(CONF_STRATSLABD, i).default_text != NULL ||
           conf_setting_info(CONF_BACKTESTD, i).default_text != NULL;
}

static void test_table(void)
{
    for (size_t i = 0; i < conf_setting_count(); i++) {
        struct conf_setting_info info = conf_setting_info(CONF_STRATSLABD, i);

        CU_ASSERT_PTR_NOT_NULL_FATAL(info.name);
        CU_ASSERT(info.help != NULL && strlen(info.help) > 10);
        CU_ASSERT(info.type != NULL && is_taken(i));
        for (size_t j = 0; j < i; j++)
            CU_ASSERT_STRING_NOT_EQUAL(conf_setting_info(CONF_STRATSLABD, j).name, info.name);
        if (strcmp(info.name, "STRATSLAB_WORKERS") == 0) {
            UNIT_STR(info.type, "integer");
            UNIT_STR(info.range, "from 1 to 256");
            UNIT_STR(info.default_text, "");
            CU_ASSERT(info.reloadable && !info.secret && !info.file_variant);
        }
        if (strcmp(info.name, "POSTGRES_PASSWORD") == 0) CU_ASSERT(info.secret && info.file_variant);
        if (strcmp(info.name, "STRATSLAB_ENVIRONMENT") == 0) UNIT_STR(info.type, "one of production, development");
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_table),
};
const struct unit_part table_tests = UNIT_PART(tests);
