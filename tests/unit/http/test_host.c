#include "http/host.h"
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_host_is_listed),
};
const struct unit_part host_tests = UNIT_PART(tests);
