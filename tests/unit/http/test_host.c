#include "http/host.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/un.h>

#include "base/mem.h"
#include "rig.h"

static void test_host_is_listed(void)
{
    static const char *const names[] = {"api.example", "*.example.org", "[::1]", "192.0.2.1"};
    static const struct {
        const char *host;
        bool listed;
    } cases[] = {
        {"api.example", true},
        {"API.Example", true},
        {"api.example:8000", true},
        {"api.example.", true},
        {"api.example.:80", true},
        {"a.example.org", true},
        {"a.b.EXAMPLE.org:1", true},
        {"[::1]", true},
        {"[::1]:8000", true},
        {"192.0.2.1:80", true},
        {"example.org", false},
        {".example.org", false},
        {"xexample.org", false},
        {"api.example.evil", false},
        {"evil-api.example", false},
        {"", false},
        {":80", false},
        {"[::2]", false},
        {"192.0.2.10", false},
        {"*.example.org.x", false},
        {".", false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        CU_ASSERT_EQUAL(http_host_is_listed(slice_of(cases[i].host), names, countof(names)), cases[i].listed);
    }
    CU_ASSERT_FALSE(http_host_is_listed(SLICE_NONE, names, countof(names)));
}

static void test_host_is_loopback(void)
{
    static const struct {
        const char *host;
        bool loopback;
    } cases[] = {
        {"localhost", true},
        {"LOCALHOST:8000", true},
        {"localhost.", true},
        {"localhost.:1", true},
        {"api.localhost", true},
        {"a.b.LocalHost.:8000", true},
        {"127.0.0.1", true},
        {"127.0.0.1:8080", true},
        {"127.1.2.3", true},
        {"127.255.255.255.", true},
        {"[::1]", true},
        {"[::1]:8000", true},
        {"[0:0:0:0:0:0:0:1]", true},
        {"[::0001]", true},
        {"[::ffff:127.0.0.1]:1", true},
        {"[::FFFF:7f00:1]", true},
        {"localhost.example", false},
        {"localhost.example.", false},
        {"localhosts", false},
        {"xlocalhost", false},
        {".localhost", false},
        {"localhost..", false},
        {"127.0.0.1.example", false},
        {"127.0.0.1.nip.example", false},
        {"127.0.0", false},
        {"127.1", false},
        {"127.0.0.256", false},
        {"0177.0.0.1", false},
        {"0x7f.0.0.1", false},
        {"2130706433", false},
        {"128.0.0.1", false},
        {"0.0.0.0", false},
        {"192.168.1.5", false},
        {"::1", false},
        {"[::]", false},
        {"[::2]", false},
        {"[::1", false},
        {"[::127.0.0.1]", false},
        {"[::ffff:128.0.0.1]", false},
        {"[127.0.0.1]", false},
        {"[]", false},
        {"", false},
        {":8000", false},
        {".", false},
        {"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd]", false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        /* A copy without a NUL, so that reading past its end is found. */
        const size_t len = strlen(cases[i].host);
        char *copy = memcpy(mem_array(len + 1, 1), cases[i].host, len);

        copy = mem_realloc(copy, len == 0 ? 1 : len);
        if (http_host_is_loopback((struct slice){copy, len}) != cases[i].loopback) CU_FAIL_FATAL(cases[i].host);
        free(copy);
    }
    CU_ASSERT_FALSE(http_host_is_loopback(SLICE_NONE));
}

static void test_host_is_address(void)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(8000)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_scope_id = 2}, mapped = {.sin6_family = AF_INET6};
    const struct sockaddr_un local = {.sun_family = AF_UNIX};
    static const struct {
        const char *host;
        bool v4, v6;
    } cases[] = {
        {"192.168.1.5", true, false},
        {"192.168.1.5:8000", true, false},
        {"192.168.1.5:9", true, false},
        {"[::ffff:192.168.1.5]", true, false},
        {"[::FFFF:c0a8:0105]:1", true, false},
        {"[fe80::1]", false, true},
        {"[FE80:0::0001]:8000", false, true},
        {"[fe80::1%25eth0]", false, true},
        {"192.168.1.50", false, false},
        {"192.168.1", false, false},
        {"a192.168.1.5", false, false},
        {"192.168.1.5.example", false, false},
        {"fe80::1", false, false},
        {"[fe80::2]", false, false},
        {"localhost", false, false},
        {"", false, false},
    };

    CU_ASSERT(inet_pton(AF_INET, "192.168.1.5", &v4.sin_addr) == 1);
    CU_ASSERT(inet_pton(AF_INET6, "fe80::1", &v6.sin6_addr) == 1);
    CU_ASSERT(inet_pton(AF_INET6, "::ffff:192.168.1.5", &mapped.sin6_addr) == 1);
    for (size_t i = 0; i < countof(cases); i++) {
        const struct slice host = slice_of(cases[i].host);

        CU_ASSERT_EQUAL(http_host_is_address(host, (const struct sockaddr *)&v4), cases[i].v4);
        CU_ASSERT_EQUAL(http_host_is_address(host, (const struct sockaddr *)&mapped), cases[i].v4);
        CU_ASSERT_EQUAL(http_host_is_address(host, (const struct sockaddr *)&v6), cases[i].v6);
        CU_ASSERT_FALSE(http_host_is_address(host, (const struct sockaddr *)&local));
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_host_is_listed),
    UNIT_TEST(test_host_is_loopback),
    UNIT_TEST(test_host_is_address),
};
const struct unit_part host_tests = UNIT_PART(tests);
