#include <stdio.h>

#include "test_conf.h"

static void check_names(const struct conf_names *names, const char *const *expected)
{
    size_t count = 0;

    while (expected[count] != NULL) count++;
    CU_ASSERT_EQUAL_FATAL(names->count, count);
    for (size_t i = 0; i < count; i++) UNIT_STR(names->items[i], expected[i]);
}

/* As browsers write them. */
static void test_value_origins(void)
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

static void test_value_hosts(void)
{
    struct conf *conf = test_load_one("STRATSLAB_ALLOWED_HOSTS=API.example *.Example.org,192.0.2.1 [0:0::1]", NULL);

    check_names(&conf->allowed_hosts, TEST_LIST("api.example", "*.example.org", "192.0.2.1", "[::1]"));
    conf_free(conf);
    conf = test_load_one(NULL, "STRATSLAB_ALLOWED_HOSTS=");
    UNIT_INT(conf->allowed_hosts.count, 0);
    conf_free(conf);
    conf = test_load_one("STRATSLAB_ALLOWED_HOSTS= * ", NULL);
    check_names(&conf->allowed_hosts, TEST_LIST("*"));
    conf_free(conf);
}

static void check_hosts(const struct http_hosts *hosts, const char *const *expected)
{
    check_names(&(struct conf_names){hosts->names, hosts->count}, expected);
}

static struct conf *load_hosts(enum conf_program program, const char *const *sets)
{
    struct conf *conf = NULL;
    struct error err;

    UNIT_INT(test_load_program(program, NULL, sets, &conf, &err), 0);
    CU_ASSERT_PTR_NOT_NULL_FATAL(conf);
    return conf;
}

/* With tokens the list is all; without, it comes on top of what is the machine's own. The admin port knows no tokens.
 */
static void test_hosts_that_count(void)
{
    struct conf *conf = load_hosts(CONF_STRATSLABD, TEST_LIST("STRATSLAB_ALLOWED_HOSTS=api.example"));

    check_hosts(&conf->hosts, TEST_LIST("api.example"));
    CU_ASSERT_FALSE(conf->hosts.machine);
    check_hosts(&conf->admin_hosts, TEST_LIST("api.example", "127.0.0.1"));
    CU_ASSERT_TRUE(conf->admin_hosts.machine);
    conf_free(conf);

    conf = load_hosts(CONF_STRATSLABD, TEST_LIST("STRATSLAB_AUTH=off",
                                                 "STRATSLAB_LISTEN=Lab.Example:80 [::1]:80 *:81 0.0.0.0:82 unix:/x",
                                                 "STRATSLAB_ADMIN_LISTEN=off"));
    check_hosts(&conf->hosts, TEST_LIST("lab.example", "[::1]", "0.0.0.0"));
    CU_ASSERT_TRUE(conf->hosts.machine);
    UNIT_INT(conf->admin_hosts.count, 0);
    conf_free(conf);

    conf = load_hosts(CONF_STRATSLABD, TEST_LIST("STRATSLAB_AUTH=off", "STRATSLAB_ALLOWED_HOSTS=*"));
    UNIT_STR(conf->hosts.names[0], "*");
    conf_free(conf);

    conf = load_hosts(CONF_BACKTESTD, TEST_LIST("STRATSLAB_ALLOWED_HOSTS=backtestd"));
    check_hosts(&conf->admin_hosts, TEST_LIST("backtestd", "127.0.0.1"));
    CU_ASSERT_TRUE(conf->admin_hosts.machine);
    conf_free(conf);
}

static void test_value_names_refused(void)
{
#define NO_ORIGIN " is not an origin: write scheme://host or scheme://host:port, without a path or a slash at the end"
#define NO_HOST " is not a host name: write api.example.com, *.example.com, 192.0.2.1, [2001:db8::1] or *"
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
        {"STRATSLAB_ALLOWED_HOSTS=* a", "has others beside *, and * alone means all of them"},
        {"STRATSLAB_ALLOWED_HOSTS=**", "\"**\"" NO_HOST},
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_value_origins),
    UNIT_TEST(test_value_hosts),
    UNIT_TEST(test_hosts_that_count),
    UNIT_TEST(test_value_names_refused),
};
const struct unit_part names_tests = UNIT_PART(tests);
