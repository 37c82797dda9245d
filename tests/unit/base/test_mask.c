#include <stdlib.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/mem.h"
#include "test_base.h"

/* ---- Secrets ---- */

static void test_mask(void)
{
    static const struct {
        const char *text, *masked;
    } cases[] = {
        {"", ""},
        {"nothing", "nothing"},
        {"=", "="},
        {"a=b", "a=b"},
        {"could not connect to postgresql://u:s3cret@h:5432/d: no",
         "could not connect to postgresql://u:***@h:5432/d: no"},
        {"postgresql://u@h/d", "postgresql://u@h/d"},
        {"http://h:80/a@b", "http://h:80/a@b"},
        {"https://h/a:b@c", "https://h/a:b@c"},
        {"://a:b@", "://a:***@"},
        {"://a:b", "://a:b"},
        {"https://stl_0fa:b@h", "https://stl_***:***@h"},
        {"https://stl_0fa@h", "https://stl_***@h"},
        {"missing \"=\" after \"postgres://a:b@c\" in", "missing \"=\" after \"postgres://a:***@c\" in"},
        {"host=h password=x dbname=d", "host=h password=*** dbname=d"},
        {"host=h password = 'x y\\' z' dbname=d", "host=h password = '***' dbname=d"},
        {"password='no end", "password='***"},
        {"sslpassword=x&user=y", "sslpassword=***&user=y"},
        {"/a?access_token=abc&b=c#d", "/a?access_token=***&b=c#d"},
        {"/a?TOKEN=abc", "/a?TOKEN=***"},
        {"/a?tokens=abc", "/a?tokens=abc"},
        {"api-key=x; api_key=y, apikey=z", "api-key=x; api_key=***, apikey=***"},
        {"password=", "password="},
        {"ALTER ROLE a PASSWORD 'it''s' VALID", "ALTER ROLE a PASSWORD '***' VALID"},
        {"Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer ***"},
        {"authorization: basic QWxhZGRpbjpvcGVu", "authorization: basic ***"},
        {"a bearer token", "a bearer token"},
        {"a bearer ", "a bearer "},
        {"token=a token=b", "token=*** token=***"},
        {"/stl_0123abcDEF/x?a=stl_0f&b", "/stl_***/x?a=stl_***&b"},
        {"stl_0", "stl_***"},
        {"xstl_0fstl_AAz", "xstl_***stl_***z"},
        {"/a?b=stl%5F0f&c=stl%5f0f", "/a?b=stl%5F***&c=stl%5f***"},
        {"STL_0f", "STL_***"},
        {"stl%5", "stl%5"},
        {"stl_", "stl_"},
        {"stl_z", "stl_z"},
        {"stl", "stl"},
        {"s", "s"},
    };
    struct buf scratch = {0};

    for (size_t i = 0; i < countof(cases); i++) {
        /* A copy without a NUL, so that reading past its end is found. */
        size_t len = strlen(cases[i].text);
        char *copy = len == 0 ? NULL : memcpy(mem_array(len, 1), cases[i].text, len);

        UNIT_SLICE(mask_text((struct slice){copy, len}, &scratch), cases[i].masked);
        CU_ASSERT_EQUAL(mask_finds((struct slice){copy, len}), strcmp(cases[i].text, cases[i].masked) != 0);
        free(copy);
    }
    buf_clear(&scratch);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_mask),
};
const struct unit_part mask_tests = UNIT_PART(tests);
