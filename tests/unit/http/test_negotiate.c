#include "http/negotiate.h"
#include "rig.h"

static void test_accept(void)
{
    static const struct {
        const char *accept;
        bool accepted; /* application/json */
    } cases[] = {
        {"", true},
        {"*/*", true},
        {"application/*", true},
        {"application/json", true},
        {"APPLICATION/JSON", true},
        {"text/html", false},
        {"text/html, */*;q=0.8", true},
        {"application/json;q=0", false},
        {"application/json;q=0, */*", false},
        {"application/*;q=0, application/json", true},
        {"*/*;q=0, application/json;q=0.001", true},
        {"*/*;q=0", false},
        {"text/*, application/json; charset=utf-8; Q=0.5", true},
        {"application/json;q=2", true}, /* no weight: the range is passed over, and no other is there */
        {"application/json;q=0.0000, text/html", false},
        {"text/html;a=\"b, application/json\"", false},
        {"garbage", true},
        {"garbage, text/html", false},
        {"*/json", true}, /* no range: passed over */
        {" , ,", true},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        if (http_accepts(slice_of(cases[i].accept), "application/json") != cases[i].accepted) {
            UNIT_STR(cases[i].accept, cases[i].accepted ? "to be accepted" : "to be refused");
        }
    }
    CU_ASSERT(http_accepts(SLICE_NONE, "text/html"));
    CU_ASSERT(http_accepts(SLICE_LIT("text/html"), HTTP_ANY_TYPE));
}

static void test_accept_weighs(void)
{
    static const struct {
        const char *accept;
        unsigned html;
        unsigned json;
    } cases[] = {
        {"", 1000, 1000},
        {"*/*", 1000, 1000},
        {"text/html", 1000, 0},
        {"application/json", 0, 1000},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 1000, 800},
        {"application/json, text/html;q=0.25", 250, 1000},
        {"text/*;q=0.5, */*;q=0.125", 500, 125},
        {"garbage", 1000, 1000},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        UNIT_INT(http_accept_weight(slice_of(cases[i].accept), "text/html"), cases[i].html);
        UNIT_INT(http_accept_weight(slice_of(cases[i].accept), "application/json"), cases[i].json);
    }
}

static void test_accept_coding(void)
{
    static const struct {
        const char *accept;
        bool accepted; /* gzip */
    } cases[] = {
        {"", false},
        {"gzip, deflate, br, zstd", true},
        {"GZIP", true},
        {"gzip;q=0", false},
        {"gzip;q=0.001", true},
        {"gzip ; Q=1", true},
        {"gzip;q=2", false}, /* no weight: better the form that everybody can read */
        {"identity", false},
        {"*", true},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {"gzip;q=0, *", false},
        {"br, deflate", false},
        {"gzipped", false},
        {" , ,", false},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        if (http_accepts_coding(slice_of(cases[i].accept), "gzip") != cases[i].accepted) {
            UNIT_STR(cases[i].accept, cases[i].accepted ? "to take gzip" : "not to take gzip");
        }
    }
    CU_ASSERT_FALSE(http_accepts_coding(SLICE_NONE, "gzip"));
}

static void test_media_type(void)
{
    static const struct {
        const char *field;
        const char *type; /* NULL: refused */
    } cases[] = {
        {"application/json", "application/json"},
        {"Application/JSON ; charset=utf-8", "Application/JSON"},
        {"text/plain;charset=\"UTF-8\"", "text/plain"},
        {"text/plain;charset=latin1", NULL},
        {"text/plain;charset", NULL},
        {"text/plain;;a=b;", "text/plain"},
        {"text/plain; b c=d", NULL},
        {"text", NULL},
        {"text/", NULL},
        {"/plain", NULL},
        {"text/plain, text/html", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        const struct slice type = http_media_type(slice_of(cases[i].field));

        UNIT_INT(type.data == NULL, cases[i].type == NULL);
        UNIT_SLICE(type, cases[i].type);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_accept),
    UNIT_TEST(test_accept_weighs),
    UNIT_TEST(test_accept_coding),
    UNIT_TEST(test_media_type),
};
const struct unit_part negotiate_tests = UNIT_PART(tests);
