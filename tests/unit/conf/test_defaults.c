#include "test_conf.h"

static void test_value_workers_default(void)
{
    struct conf *conf = test_load_one("STRATSLAB_WORKERS=", NULL);

    CU_ASSERT(conf->supervision.workers >= 1 && conf->supervision.workers <= 256);
    conf_free(conf);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_value_workers_default),
};
const struct unit_part defaults_tests = UNIT_PART(tests);
