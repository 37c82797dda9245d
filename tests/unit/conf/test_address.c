#include <stdio.h>

#include "test_conf.h"

static void test_value_addresses(void)
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

static void test_value_addresses_refused(void)
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

    static const struct {
        const char *listen, *later, *earlier; /* NULL: the list is taken */
    } twice[] = {
        {"*:80 127.0.0.1:80", "127.0.0.1:80", "*:80"},
        {"[::]:80 *:80", "*:80", "[::]:80"},
        {"0.0.0.0:80 10.0.0.1:80", "10.0.0.1:80", "0.0.0.0:80"},
        {"localhost:80 127.0.0.1:80", "127.0.0.1:80", "localhost:80"},
        {"[::1]:80 LocalHost:80", "LocalHost:80", "[::1]:80"},
        {"a.example:80 A.example:80", "A.example:80", "a.example:80"},
        {"localhost:80 [::]:80", "[::]:80", "localhost:80"},
        {"[::]:80 0.0.0.0:80", NULL, NULL}, /* IPv6 sockets take only IPv6 */
        {"127.0.0.1:80 [::1]:80", NULL, NULL},
        {"127.0.0.1:80 127.0.0.2:80", NULL, NULL},
        {"127.0.0.1:80 127.0.0.1:81", NULL, NULL},
        {"a.example:80 127.0.0.1:80", NULL, NULL}, /* only the system knows */
    };

    for (size_t i = 0; i < countof(twice); i++) {
        char variable[256], message[512];

        snprintf(variable, sizeof(variable), "STRATSLAB_LISTEN=%s", twice[i].listen);
        if (twice[i].later == NULL) {
            conf_free(test_load_one(variable, NULL));
            continue;
        }
        snprintf(
            message, sizeof(message),
            "environment: STRATSLAB_LISTEN: \"%s\" is listened on already, by %s in the same list: leave one of them "
            "out",
            twice[i].later, twice[i].earlier);
        test_refused(TEST_LIST(variable), NULL, message);
    }
    test_refused(TEST_LIST("STRATSLAB_LISTEN=*:8080"), NULL,
                 "environment: STRATSLAB_ADMIN_LISTEN: 127.0.0.1:8080 is listened on already, by *:8080 in "
                 "STRATSLAB_LISTEN: choose another port");

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

static void test_value_addresses_too_many(void)
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

static void test_value_admin_listen_none(void)
{
    static const char *const variables[] = {"STRATSLAB_ADMIN_LISTEN=off", "STRATSLAB_ADMIN_LISTEN="};

    for (size_t i = 0; i < countof(variables); i++) {
        struct conf *conf = test_load_one(variables[i], NULL);

        UNIT_INT(conf->admin_listen.count, 0);
        conf_free(conf);
    }
}

static void test_address_is_public(void)
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_value_addresses),          UNIT_TEST(test_value_addresses_refused),
    UNIT_TEST(test_value_addresses_too_many), UNIT_TEST(test_value_admin_listen_none),
    UNIT_TEST(test_address_is_public),
};
const struct unit_part address_tests = UNIT_PART(tests);
