#include <stdlib.h>

#include "conf/internal.h"
#include "test_conf.h"

static void test_value_workers_default(void)
{
    struct conf *conf = test_load_one("STRATSLAB_WORKERS=", NULL);

    CU_ASSERT(conf->supervision.workers >= 1 && conf->supervision.workers <= 256);
    conf_free(conf);
}

static void is_share(uint64_t mib, bool is_own, unsigned workers, uint64_t body_mib, uint64_t expected_mib)
{
    UNIT_INT(conf_share_of_memory(mib << 20, is_own, workers, body_mib << 20) >> 20, expected_mib);
}

static void test_share_of_memory(void)
{
    is_share(256, true, 2, 1, 104);
    is_share(1024, true, 8, 1, 464);
    is_share(64, true, 2, 1, 8);
    is_share(64, true, 64, 1, 4); /* the processes alone may need more */
    is_share(16, true, 1, 1, 2);
    is_share(256, true, 64, 1, 16);
    is_share(128, true, 2, 32, 64); /* a body, and as much again */
    is_share(2048, false, 2, 1, 512);
    is_share(65536, false, 2, 1, 1024);
    is_share(0, true, 1, 1, 2);
}

static void test_memory_is_known_and_said(void)
{
    struct conf *conf = test_load_one("STRATSLAB_WORKERS=3", NULL);
    struct buf source = {0};

    CU_ASSERT(conf->http.memory_bytes >= 4 << 20);
    UNIT_INT(conf->http.memory_bytes % (1 << 20), 0);
    conf_print_source(conf, "STRATSLAB_HTTP_MEMORY", &source);
    CU_ASSERT(strncmp(buf_cstr(&source), "default: a share of ", 20) == 0);
    buf_reset(&source);
    conf_print_source(conf, "STRATSLAB_WORKERS", &source);
    UNIT_STR(buf_cstr(&source), "environment");
    buf_clear(&source);
    conf_free(conf);
}

/* The largest body that is allowed must be one that can be taken. */
static void test_memory_is_enough_for_a_body(void)
{
    struct conf *conf = test_load_one("STRATSLAB_HTTP_BODY=64MiB", NULL);

    CU_ASSERT(conf->http.memory_bytes >= 128 << 20);
    conf_free(conf);
    conf = test_load_one("STRATSLAB_HTTP_BODY=64MiB", "STRATSLAB_HTTP_MEMORY=128MiB");
    UNIT_INT(conf->http.memory_bytes, 128 << 20);
    conf_free(conf);
    test_refused(TEST_LIST("STRATSLAB_HTTP_BODY=64MiB"), TEST_LIST("STRATSLAB_HTTP_MEMORY=127MiB"),
                 "--set: STRATSLAB_HTTP_MEMORY: is less than twice STRATSLAB_HTTP_BODY, which is 64MiB: a body of that "
                 "size would never be taken");
}

static void test_sizes_beyond_32_bits(void)
{
    struct conf *conf = test_load_one("STRATSLAB_MAX_MEMORY=8GiB", "STRATSLAB_HTTP_MEMORY=6GiB");

    UNIT_INT(conf->supervision.max_memory >> 30, 8);
    UNIT_INT(conf->http.memory_bytes >> 30, 6);
    conf_free(conf);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_value_workers_default),    UNIT_TEST(test_share_of_memory),
    UNIT_TEST(test_memory_is_known_and_said), UNIT_TEST(test_memory_is_enough_for_a_body),
    UNIT_TEST(test_sizes_beyond_32_bits),
};
const struct unit_part defaults_tests = UNIT_PART(tests);
