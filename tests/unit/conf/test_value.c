#include <stdio.h>

#include "test_conf.h"

void test_value_types(void)
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

void test_value_refused(void)
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

void test_value_choices(void)
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

void test_value_shares(void)
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

void test_value_secret_is_not_shown(void)
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

void test_value_workers_default(void)
{
    struct conf *conf = test_load_one("STRATSLAB_WORKERS=", NULL);

    CU_ASSERT(conf->supervision.workers >= 1 && conf->supervision.workers <= 256);
    conf_free(conf);
}

void test_value_addresses(void)
{
    struct conf *conf = test_load_one("STRATSLAB_LISTEN=127.0.0.1:8000, [::1]:8000 *:1,unix:/run/x.sock  "
                                      "example.org:65535 :2 [0:0::A]:3 [fe80::1%eth0]:4",
                                      NULL);
    static const struct conf_address expected[] = {
        {"127.0.0.1:8000", "127.0.0.1", NULL, 8000},
        {"[::1]:8000", "::1", NULL, 8000},
        {"*:1", "", NULL, 1},
        {"unix:/run/x.sock", NULL, "/run/x.sock", 0},
        {"example.org:65535", "example.org", NULL, 65535},
        {"*:2", "", NULL, 2},
        {"[::a]:3", "::a", NULL, 3},
        {"[fe80::1%eth0]:4", "fe80::1%eth0", NULL, 4},
    };

    CU_ASSERT_EQUAL_FATAL(conf->listen.count, countof(expected));
    for (size_t i = 0; i < countof(expected); i++) {
        const struct conf_address *found = &conf->listen.items[i];

        UNIT_STR(found->text, expected[i].text);
        UNIT_STR(found->host, expected[i].host);
        UNIT_STR(found->path, expected[i].path);
        CU_ASSERT_EQUAL(found->host == NULL, expected[i].host == NULL);
        CU_ASSERT_EQUAL(found->path == NULL, expected[i].path == NULL);
        UNIT_INT(found->port, expected[i].port);
    }
    conf_free(conf);
}

void test_value_addresses_refused(void)
{
    static const char port[] = " has no port from 1 to 65535 after its last colon";
    static const char name[] = " has neither a host name nor an IPv4 address before its port";
    static const struct {
        const char *text, *shown, *reason;
    } cases[] = {
        {"127.0.0.1", "\"127.0.0.1\"", " has no port: write host:port, [v6]:port, *:port or unix:/path"},
        {"8000", "\"8000\"", " has no port: write host:port, [v6]:port, *:port or unix:/path"},
        {"127.0.0.1:", "\"127.0.0.1:\"", port},
        {"127.0.0.1:0", "\"127.0.0.1:0\"", port},
        {"127.0.0.1:65536", "\"127.0.0.1:65536\"", port},
        {"127.0.0.1:+80", "\"127.0.0.1:+80\"", port},
        {"127.0.0.1:80x", "\"127.0.0.1:80x\"", port},
        {"[::1]", "\"[::1]\"", " is not host:port (an IPv6 address stands in brackets: [::1]:8000)"},
        {"::1:8000", "\"::1:8000\"", " is not host:port (an IPv6 address stands in brackets: [::1]:8000)"},
        {"[::g]:80", "\"[::g]:80\"", " has no IPv6 address in its brackets"},
        {"[]:80", "\"[]:80\"", " has no IPv6 address in its brackets"},
        {"[127.0.0.1]:80", "\"[127.0.0.1]:80\"", " has no IPv6 address in its brackets"},
        {"[fe80::1%]:80", "\"[fe80::1%]:80\"", " has no IPv6 address in its brackets"},
        {"256.0.0.1:80", "\"256.0.0.1:80\"", name},
        {"1.2.3:80", "\"1.2.3:80\"", name},
        {"a_b!:80", "\"a_b!:80\"", name},
        {"-a:80", "\"-a:80\"", name},
        {"unix:x.sock", "\"unix:x.sock\"", " is not unix: and an absolute path"},
        {"unix:", "\"unix:\"", " is not unix: and an absolute path"},
        {"a:1,[::1]:2,a:1", "\"a:1\"", " is given twice"},
        {"[::1]:2 [0::1]:2", "\"[::1]:2\"", " is given twice"},
        {"off", "\"off\"", " has no port: write host:port, [v6]:port, *:port or unix:/path"},
        {"", "", "names no address"},
        {" , ", "", "names no address"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char variable[256], message[512];

        snprintf(variable, sizeof(variable), "STRATSLAB_LISTEN=%s", cases[i].text);
        snprintf(message, sizeof(message), "environment: STRATSLAB_LISTEN: %s%s", cases[i].shown, cases[i].reason);
        test_refused(TEST_LIST(variable), NULL, message);
    }

    char path[200] = "STRATSLAB_LISTEN=unix:/";

    memset(path + strlen(path), 'x', 107);
    test_refused(
        TEST_LIST(path), NULL,
        "environment: STRATSLAB_LISTEN: \"unix:/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"... is "
        "longer than the 107 bytes that a socket's path may have");
    path[strlen(path) - 1] = '\0';
    conf_free(test_load_one(path, NULL));
    test_refused(TEST_LIST("STRATSLAB_LISTEN=*:8080 *:1", "STRATSLAB_ADMIN_LISTEN=*:1"), NULL,
                 "environment: STRATSLAB_ADMIN_LISTEN: *:1 is also in STRATSLAB_LISTEN");
    test_refused(TEST_LIST("STRATSLAB_LISTEN=127.0.0.1:8080"), NULL,
                 "environment: STRATSLAB_ADMIN_LISTEN: 127.0.0.1:8080 is also in STRATSLAB_LISTEN");
}

void test_value_addresses_too_many(void)
{
    char variable[512] = "STRATSLAB_LISTEN=";

    for (int i = 1; i <= CONF_LISTEN_MAX; i++) {
        snprintf(variable + strlen(variable), sizeof(variable) - strlen(variable), "*:%d ", i);
    }
    struct conf *conf = test_load_one(variable, NULL);

    UNIT_INT(conf->listen.count, CONF_LISTEN_MAX);
    conf_free(conf);
    snprintf(variable + strlen(variable), sizeof(variable) - strlen(variable), "*:99");
    test_refused(TEST_LIST(variable), NULL, "environment: STRATSLAB_LISTEN: holds more than 16 addresses");
}

void test_value_admin_listen_none(void)
{
    static const char *const variables[] = {"STRATSLAB_ADMIN_LISTEN=off", "STRATSLAB_ADMIN_LISTEN="};

    for (size_t i = 0; i < countof(variables); i++) {
        struct conf *conf = test_load_one(variables[i], NULL);

        UNIT_INT(conf->admin_listen.count, 0);
        conf_free(conf);
    }
}

static void check_names(const struct conf_names *names, const char *const *expected)
{
    size_t count = 0;

    while (expected[count] != NULL) count++;
    CU_ASSERT_EQUAL_FATAL(names->count, count);
    for (size_t i = 0; i < count; i++) UNIT_STR(names->items[i], expected[i]);
}

/* As browsers write them. */
void test_value_origins(void)
{
    struct conf *conf =
        test_load_one("STRATSLAB_CORS_ORIGINS=https://App.Example, HTTP://localhost:3000 https://a.b:443 http://a.b:80,"
                      "http://a.b:443  http://[0:0::1]:8000 app+x://h",
                      NULL);

    check_names(&conf->cors_origins, TEST_LIST("https://app.example", "http://localhost:3000", "https://a.b",
                                               "http://a.b", "http://a.b:443", "http://[::1]:8000", "app+x://h"));
    conf_free(conf);
    conf = test_load_one("STRATSLAB_CORS_ORIGINS= * ", NULL);
    check_names(&conf->cors_origins, TEST_LIST("*"));
    conf_free(conf);
    conf = test_load_one("STRATSLAB_CORS_ORIGINS=", NULL);
    UNIT_INT(conf->cors_origins.count, 0);
    UNIT_INT(conf->auth, CONF_AUTH_TOKEN);
    conf_free(conf);
}

void test_value_hosts(void)
{
    struct conf *conf = test_load_one("STRATSLAB_ALLOWED_HOSTS=API.example *.Example.org,192.0.2.1 [0:0::1]", NULL);

    check_names(&conf->allowed_hosts, TEST_LIST("api.example", "*.example.org", "192.0.2.1", "[::1]"));
    conf_free(conf);
    conf = test_load_one(NULL, "STRATSLAB_ALLOWED_HOSTS=");
    UNIT_INT(conf->allowed_hosts.count, 0);
    conf_free(conf);
}

void test_value_names_refused(void)
{
#define NO_ORIGIN " is not an origin: write scheme://host or scheme://host:port, without a path or a slash at the end"
#define NO_HOST " is not a host name: write api.example.com, *.example.com, 192.0.2.1 or [2001:db8::1]"
    static const struct {
        const char *set, *message;
    } cases[] = {
        {"STRATSLAB_CORS_ORIGINS=app.example", "\"app.example\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=https://app.example/", "\"https://app.example/\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=https://", "\"https://\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=://a", "\"://a\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=1http://a", "\"1http://a\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=https://u@a", "\"https://u@a\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=https://a:0", "\"https://a:0\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=https://a:65536", "\"https://a:65536\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=https://:1", "\"https://:1\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=https://*.example", "\"https://*.example\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=https://[::z]", "\"https://[::z]\"" NO_ORIGIN},
        {"STRATSLAB_CORS_ORIGINS=null",
         "\"null\" is what every local file and sandboxed page sends, and cannot be allowed"},
        {"STRATSLAB_CORS_ORIGINS=* https://a", "has others beside *, and * alone means all of them"},
        {"STRATSLAB_CORS_ORIGINS=https://a https://A", "\"https://a\" is given twice"},
        {"STRATSLAB_ALLOWED_HOSTS=a.example:80", "\"a.example:80\" has a port: list a host by its name alone"},
        {"STRATSLAB_ALLOWED_HOSTS=*", "\"*\"" NO_HOST},
        {"STRATSLAB_ALLOWED_HOSTS=*.", "\"*.\"" NO_HOST},
        {"STRATSLAB_ALLOWED_HOSTS=*.[::1]", "\"*.[::1]\"" NO_HOST},
        {"STRATSLAB_ALLOWED_HOSTS=a/b", "\"a/b\"" NO_HOST},
        {"STRATSLAB_ALLOWED_HOSTS=192.0.2.256", "\"192.0.2.256\"" NO_HOST},
        {"STRATSLAB_ALLOWED_HOSTS=[::1", "\"[::1\" has a port: list a host by its name alone"},
        {"STRATSLAB_ALLOWED_HOSTS=a b A", "\"a\" is given twice"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char message[256];

        snprintf(message, sizeof(message), "--set: %.*s: %s", (int)strcspn(cases[i].set, "="), cases[i].set,
                 cases[i].message);
        test_refused(NULL, TEST_LIST(cases[i].set), message);
    }
}

void test_address_is_public(void)
{
    static const struct {
        const char *text;
        bool is_public;
    } cases[] = {
        {"127.0.0.1:1", false}, {"127.9.9.9:1", false},  {"[::1]:1", false},    {"localhost:1", false},
        {"unix:/x", false},     {"*:1", true},           {"0.0.0.0:1", true},   {"[::]:1", true},
        {"192.0.2.1:1", true},  {"api.example:1", true}, {"[fe80::1]:1", true},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char set[64];

        snprintf(set, sizeof(set), "STRATSLAB_LISTEN=%s", cases[i].text);
        struct conf *conf = test_load_one(NULL, set);

        CU_ASSERT_EQUAL(conf_address_is_public(&conf->listen.items[0]), cases[i].is_public);
        conf_free(conf);
    }
}
