#include "http/router.h"
#include "http/status.h"
#include "rig.h"

static void test_status(void)
{
    enum http_method method = HTTP_GET;

    UNIT_STR(http_status_phrase(404), "Not Found");
    UNIT_STR(http_status_phrase(299), "");
    UNIT_STR(http_status_phrase(0), "");
    UNIT_STR(http_status_phrase(99999), "");
    UNIT_SLICE(http_status_line(431), "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    UNIT_STR(http_status_code(505), "http_version_not_supported");
    for (unsigned i = 0; i < HTTP_METHOD_COUNT; i++) {
        CU_ASSERT(http_method_parse(slice_of(http_method_name((enum http_method)i)), &method));
        UNIT_INT(method, i);
    }
    CU_ASSERT_FALSE(http_method_parse(SLICE_LIT("get"), &method));
    CU_ASSERT_FALSE(http_method_parse(SLICE_LIT(""), &method));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_status),
};
const struct unit_part status_tests = UNIT_PART(tests);
