#include "http/origin.h"
#include "rig.h"

static void test_origin_is_of_host(void)
{
    static const struct {
        const char *origin, *host;
        bool is;
    } cases[] = {
        {"http://localhost:8000", "localhost:8000", true},
        {"http://LOCALHOST:8000", "localhost:8000", true},
        {"https://api.example", "api.example", true},
        {"https://api.example", "api.example:443", true},
        {"https://api.example:443", "api.example", true},
        {"http://api.example", "api.example:80", true},
        {"https://api.example:8443", "api.example:8443", true},
        {"http://[::1]:8000", "[::1]:8000", true},
        {"http://[::1]", "[::1]:80", true},
        {"http://localhost.:8000", "localhost.:8000", true},
        {"http://localhost:8001", "localhost:8000", false},
        {"http://localhost", "localhost:8000", false},
        {"http://localhost:8000", "localhost", false},
        {"http://api.example", "api.example:443", false},
        {"https://api.example", "api.example:80", false},
        {"http://evil.example", "api.example", false},
        {"http://api.example.evil.example", "api.example", false},
        {"http://evil.example/api.example", "api.example", false},
        {"http://u@api.example", "api.example", false},
        {"http://api.example/", "api.example", false},
        {"http://api.example, http://api.example", "api.example", false},
        {"null", "null", false},
        {"null", "api.example", false},
        {"file://", "", false},
        {"http://", "", false},
        {"http://:80", ":80", false},
        {"chrome-extension://abc", "abc", false},
        {"api.example", "api.example", false},
        {"//api.example", "api.example", false},
        {"", "", false},
        {"", "api.example", false},
        {"http://api.example", "", false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        if (http_origin_is_of_host(slice_of(cases[i].origin), slice_of(cases[i].host)) != cases[i].is) {
            CU_FAIL_FATAL(cases[i].origin);
        }
    }
    CU_ASSERT_FALSE(http_origin_is_of_host(SLICE_LIT("http://a"), SLICE_NONE));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_origin_is_of_host),
};
const struct unit_part origin_tests = UNIT_PART(tests);
