#include <stdio.h>

#include "test_conf.h"

static void test_value_types(void)
{
    struct conf *conf = NULL;
    struct error err;
    int result = test_load(
        TEST_LIST("STRATSLAB_WORKERS=256", "STRATSLAB_MIGRATE_ON_START=No", "STRATSLAB_LOG_ACCESS=0",
                  "STRATSLAB_DATABASE_STATEMENT_TIMEOUT=250ms", "STRATSLAB_STOP_DELAY=0", "STRATSLAB_STOP_TIMEOUT=9",
                  "STRATSLAB_HTTP_BODY=2MiB", "STRATSLAB_HTTP_REQUEST_LINE=4096", "STRATSLAB_MIGRATIONS_DIR=/m m",
                  "STRATSLAB_ENVIRONMENT=development", "STRATSLAB_LOG_LEVEL=debug", "STRATSLAB_LOG_FORMAT=json"),
        NULL, &conf, &err);

    CU_ASSERT_EQUAL_FATAL(result, 0);
    UNIT_INT(conf->supervision.workers, 256);
    CU_ASSERT_FALSE(conf->migrations.on_start);
    UNIT_INT(conf->log.access, CONF_SHARE_OFF);
    UNIT_STR(conf->log.file, "");
    UNIT_INT(conf->log.slow_ms, 1000);
    UNIT_INT(conf->database.limits.statement_timeout_ms, 250);
    UNIT_INT(conf->supervision.stop_delay_ms, 0);
    UNIT_INT(conf->supervision.stop_timeout_ms, 9000);
    UNIT_INT(conf->http.body_bytes, 2 * 1024 * 1024);
    UNIT_INT(conf->http.request_line_bytes, 4096);
    UNIT_STR(conf->migrations.dir, "/m m");
    UNIT_INT(conf->environment, CONF_ENVIRONMENT_DEVELOPMENT);
    UNIT_INT(conf->log.lines.level, LOG_LEVEL_DEBUG);
    UNIT_INT(conf->log.lines.format, LOG_FORMAT_JSON);
    /* And what was not given. */
    UNIT_INT(conf->http.header_bytes, 16 * 1024);
    UNIT_INT(conf->http.header_fields, 100);
    UNIT_INT(conf->http.idle_timeout_ms, 75000);
    UNIT_INT(conf->http.connections, 1000);
    UNIT_INT(conf->database.boot_timeout_ms, 60000);
    UNIT_INT(conf->database.limits.connect_timeout_ms, 5000);
    UNIT_INT(conf->database.limits.lock_timeout_ms, 2000);
    UNIT_INT(conf->database.limits.idle_in_transaction_timeout_ms, 10000);
    UNIT_INT(conf->database.limits.queue_max, 1024);
    UNIT_INT(conf->migrations.lock_timeout_ms, 300000);
    UNIT_INT(conf->http.header_timeout_ms, 10000);
    UNIT_INT(conf->http.body_timeout_ms, 30000);
    UNIT_INT(conf->http.write_timeout_ms, 30000);
    UNIT_INT(conf->listen.count, 1);
    UNIT_STR(conf->listen.items[0].text, "127.0.0.1:8000");
    UNIT_STR(conf->admin_listen.items[0].text, "127.0.0.1:8080");
    UNIT_STR(conf->database.url, "postgresql://stratslab@127.0.0.1:5432/stratslab");
    UNIT_STR(conf->database.label, "stratslab@127.0.0.1:5432/stratslab");
    UNIT_STR(conf->openapi_url, "/openapi.json");
    conf_free(conf);
    CU_ASSERT_EQUAL_FATAL(test_load(TEST_LIST("STRATSLAB_OPENAPI_URL=/a-b/~c_d/1.json"), NULL, &conf, &err), 0);
    UNIT_STR(conf->openapi_url, "/a-b/~c_d/1.json");
    conf_free(conf);
    CU_ASSERT_EQUAL_FATAL(test_load(TEST_LIST("STRATSLAB_OPENAPI_URL=off"), NULL, &conf, &err), 0);
    CU_ASSERT_PTR_NULL(conf->openapi_url);
    conf_free(conf);
}

static void test_value_refused(void)
{
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"STRATSLAB_WORKERS=many", "--set: STRATSLAB_WORKERS: \"many\" is not an integer from 1 to 256"},
        {"STRATSLAB_OPENAPI_URL=x", "--set: STRATSLAB_OPENAPI_URL: \"x\" is neither a path of a URL (/name) nor off"},
        {"STRATSLAB_OPENAPI_URL=/", "--set: STRATSLAB_OPENAPI_URL: \"/\" is neither a path of a URL (/name) nor off"},
        {"STRATSLAB_OPENAPI_URL=/a/",
         "--set: STRATSLAB_OPENAPI_URL: \"/a/\" is neither a path of a URL (/name) nor off"},
        {"STRATSLAB_OPENAPI_URL=/{a}",
         "--set: STRATSLAB_OPENAPI_URL: \"/{a}\" is neither a path of a URL (/name) nor off"},
        {"STRATSLAB_OPENAPI_URL=/a/..",
         "--set: STRATSLAB_OPENAPI_URL: \"/a/..\" is neither a path of a URL (/name) nor off"},
        {"STRATSLAB_WORKERS=0", "--set: STRATSLAB_WORKERS: \"0\" is not an integer from 1 to 256"},
        {"STRATSLAB_WORKERS=257", "--set: STRATSLAB_WORKERS: \"257\" is not an integer from 1 to 256"},
        {"STRATSLAB_WORKERS=4294967297", "--set: STRATSLAB_WORKERS: \"4294967297\" is not an integer from 1 to 256"},
        {"STRATSLAB_WORKERS= 1", "--set: STRATSLAB_WORKERS: \" 1\" is not an integer from 1 to 256"},
        {"STRATSLAB_WORKERS=1\n", "--set: STRATSLAB_WORKERS: \"1\\n\" is not an integer from 1 to 256"},
        {"STRATSLAB_DATABASE_QUEUE=", "--set: STRATSLAB_DATABASE_QUEUE: \"\" is not an integer from 1 to 65536"},
        {"STRATSLAB_STOP_TIMEOUT=1w", "--set: STRATSLAB_STOP_TIMEOUT: \"1w\" is not a duration (500ms, 5s, 10min) from "
                                      "100ms to 1h"},
        {"STRATSLAB_STOP_TIMEOUT=99ms", "--set: STRATSLAB_STOP_TIMEOUT: \"99ms\" is not a duration (500ms, 5s, 10min) "
                                        "from 100ms to 1h"},
        {"STRATSLAB_STOP_DELAY=11min",
         "--set: STRATSLAB_STOP_DELAY: \"11min\" is not a duration (500ms, 5s, 10min) from 0s to 10min"},
        {"STRATSLAB_HTTP_BODY=1MB",
         "--set: STRATSLAB_HTTP_BODY: \"1MB\" is not a size (512, 16KiB, 1MiB) from 1KiB to 64MiB"},
        {"STRATSLAB_HTTP_BODY=1GiB",
         "--set: STRATSLAB_HTTP_BODY: \"1GiB\" is not a size (512, 16KiB, 1MiB) from 1KiB to 64MiB"},
        {"STRATSLAB_MIGRATE_ON_START=maybe", "--set: STRATSLAB_MIGRATE_ON_START: \"maybe\" is not on or off (true, "
                                             "false, yes, no, 1 and 0 are accepted too)"},
        {"STRATSLAB_MIGRATE_ON_START=",
         "--set: STRATSLAB_MIGRATE_ON_START: \"\" is not on or off (true, false, yes, no, 1 and 0 are accepted too)"},
        {"STRATSLAB_LOG_ACCESS=",
         "--set: STRATSLAB_LOG_ACCESS: \"\" is not on, off, errors or a share of at most six digits such as 0.01"},
        {"STRATSLAB_LOG_ACCESS=0.",
         "--set: STRATSLAB_LOG_ACCESS: \"0.\" is not on, off, errors or a share of at most six digits such as 0.01"},
        {"STRATSLAB_LOG_ACCESS=0.0000", "--set: STRATSLAB_LOG_ACCESS: \"0.0000\" is not on, off, errors or a share of "
                                        "at most six digits such as 0.01"},
        {"STRATSLAB_LOG_ACCESS=0.0000001", "--set: STRATSLAB_LOG_ACCESS: \"0.0000001\" is not on, off, errors or a "
                                           "share of at most six digits such as 0.01"},
        {"STRATSLAB_LOG_ACCESS=1.5",
         "--set: STRATSLAB_LOG_ACCESS: \"1.5\" is not on, off, errors or a share of at most six digits such as 0.01"},
        {"STRATSLAB_LOG_ACCESS=-0.1",
         "--set: STRATSLAB_LOG_ACCESS: \"-0.1\" is not on, off, errors or a share of at most six digits such as 0.01"},
        {"STRATSLAB_LOG_ACCESS=0.1x",
         "--set: STRATSLAB_LOG_ACCESS: \"0.1x\" is not on, off, errors or a share of at most six digits such as 0.01"},
        {"STRATSLAB_LOG_ACCESS=.5",
         "--set: STRATSLAB_LOG_ACCESS: \".5\" is not on, off, errors or a share of at most six digits such as 0.01"},
        {"STRATSLAB_LOG_ACCESS=50%",
         "--set: STRATSLAB_LOG_ACCESS: \"50%\" is not on, off, errors or a share of at most six digits such as 0.01"},
        {"STRATSLAB_ENVIRONMENT=staging",
         "--set: STRATSLAB_ENVIRONMENT: \"staging\" is not one of production, development"},
        {"STRATSLAB_LOG_LEVEL=error, warning",
         "--set: STRATSLAB_LOG_LEVEL: \"error, warning\" is not one of error, warning, info, debug"},
        {"STRATSLAB_LOG_FORMAT=JSON", "--set: STRATSLAB_LOG_FORMAT: \"JSON\" is not one of logfmt, json"},
        {"POSTGRES_PORT=65536", "--set: POSTGRES_PORT: \"65536\" is not an integer from 1 to 65535"},
        /* 61 bytes, of which the 60th begins a character: cut before it. */
        {"STRATSLAB_LOG_LEVEL=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xc3\xa9",
         "--set: STRATSLAB_LOG_LEVEL: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"... is not one of "
         "error, warning, info, debug"},
    };

    for (size_t i = 0; i < countof(cases); i++) test_refused(NULL, TEST_LIST(cases[i].set), cases[i].message);
}

static void test_value_choices(void)
{
    static const char *const words[] = {"on", "true", "yes", "1", "ON", "True"};
    static const struct {
        const char *set;
        enum log_level level;
    } levels[] = {{"STRATSLAB_LOG_LEVEL=error", LOG_LEVEL_ERROR},
                  {"STRATSLAB_LOG_LEVEL=warning", LOG_LEVEL_WARNING},
                  {"STRATSLAB_LOG_LEVEL=info", LOG_LEVEL_INFO}};

    for (size_t i = 0; i < countof(words); i++) {
        char set[64];

        snprintf(set, sizeof(set), "STRATSLAB_MIGRATE_ON_START=%s", words[i]);
        struct conf *conf = test_load_one("STRATSLAB_MIGRATE_ON_START=off", set);

        CU_ASSERT_TRUE(conf->migrations.on_start);
        conf_free(conf);
    }
    for (size_t i = 0; i < countof(levels); i++) {
        struct conf *conf = test_load_one(levels[i].set, NULL);

        UNIT_INT(conf->log.lines.level, levels[i].level);
        conf_free(conf);
    }
}

static void test_value_shares(void)
{
    static const struct {
        const char *text, *shown;
        unsigned share;
    } cases[] = {
        {"on", "on", CONF_SHARE_ALL}, {"1", "on", CONF_SHARE_ALL},      {"off", "off", CONF_SHARE_OFF},
        {"0", "off", CONF_SHARE_OFF}, {"No", "off", CONF_SHARE_OFF},    {"errors", "errors", CONF_SHARE_NONE},
        {"0.01", "0.01", 10000},      {"0.5", "0.5", 500000},           {"0.500000", "0.5", 500000},
        {"0.000001", "0.000001", 1},  {"0.999999", "0.999999", 999999},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char set[64];
        char shown[80];
        struct buf out = {0};

        snprintf(set, sizeof(set), "STRATSLAB_LOG_ACCESS=%s", cases[i].text);
        snprintf(shown, sizeof(shown), "STRATSLAB_LOG_ACCESS=%s ", cases[i].shown);
        struct conf *conf = test_load_one(set, NULL);

        UNIT_INT(conf->log.access, cases[i].share);
        conf_print_text(conf, &out);
        CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), shown));
        buf_clear(&out);
        conf_free(conf);
    }
}

static void test_value_secret_is_not_shown(void)
{
    static const char *const urls[] = {"DATABASE_URL=mysql://u:hush@h/d", "DATABASE_URL=hush",
                                       "DATABASE_URL=postgres://u:hu/sh@h/d", "DATABASE_URL=host=h password='hush",
                                       "DATABASE_URL=postgres://u:hush%@h/d"};

    for (size_t i = 0; i < countof(urls); i++) {
        struct conf *conf = NULL;
        struct error err;

        UNIT_INT(test_load(TEST_LIST(urls[i]), NULL, &conf, &err), -1);
        CU_ASSERT_PTR_NULL(strstr(err.message, "hu"));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "environment: DATABASE_URL: "));
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_value_types),
    UNIT_TEST(test_value_refused),
    UNIT_TEST(test_value_choices),
    UNIT_TEST(test_value_shares),
    UNIT_TEST(test_value_secret_is_not_shown),
};
const struct unit_part value_tests = UNIT_PART(tests);
