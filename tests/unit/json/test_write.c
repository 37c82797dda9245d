#include "test_json.h"
#include "json/write.h"

static void test_write_commas(void)
{
    struct buf out = {0};
    struct json_writer w = {.out = &out};

    json_open(&w, '{');
    json_key_open(&w, "empty", '{');
    json_close(&w, '}');
    json_key_text(&w, "text", "\"a\\\n\xc3\xa9");
    json_key_open(&w, "list", '[');
    json_uint(&w, 1);
    json_open(&w, '[');
    json_close(&w, ']');
    json_slice(&w, SLICE_LIT("b"));
    json_raw(&w, "null");
    json_close(&w, ']');
    json_key_raw(&w, "raw", "{}");
    json_key_uint(&w, "n", 7);
    json_close(&w, '}');
    UNIT_STR(buf_cstr(&out), "{\"empty\":{},\"text\":\"\\\"a\\\\\\n\xc3\xa9\",\"list\":[1,[],\"b\",null],"
                             "\"raw\":{},\"n\":7}");
    buf_clear(&out);
}

static void test_write_doubles(void)
{
    static const struct {
        double number;
        const char *text;
    } cases[] = {{0, "0"}, {-1, "-1"}, {0.1, "0.1"}, {200, "200"}, {1e300, "1e+300"}, {1.0 / 3, "0.3333333333333333"}};

    for (size_t i = 0; i < countof(cases); i++) {
        struct buf out = {0};
        struct json_writer w = {.out = &out};

        json_double(&w, cases[i].number);
        UNIT_STR(buf_cstr(&out), cases[i].text);
        buf_clear(&out);
    }
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_write_commas),
    UNIT_TEST(test_write_doubles),
};
const struct unit_part write_tests = UNIT_PART(tests);
