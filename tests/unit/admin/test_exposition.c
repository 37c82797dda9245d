#include "admin/exposition.h"
#include "test_admin.h"

static void test_seconds_are_exact_and_short(void)
{
    static const struct {
        uint64_t ns;
        const char *expected;
    } cases[] = {
        {0, "0"},
        {1, "0.000000001"},
        {100000, "0.0001"},
        {2500000000, "2.5"},
        {10000000000, "10"},
        {UINT64_MAX, "18446744073.709551615"},
    };

    for (size_t i = 0; i < countof(cases); i++) {
        char text[EXPOSITION_SECONDS_BYTES];

        exposition_format_seconds(cases[i].ns, text);
        UNIT_STR(text, cases[i].expected);
    }
}

static void test_text_is_escaped_as_the_format_asks(void)
{
    struct buf out = {0};
    struct exposition e = {.out = &out};

    exposition_family(&e, "x_total", "counter", "One \\ two\nthree \"four\".");
    exposition_sample(&e, "");
    exposition_label(&e, "a", "back\\slash \"quote\"\nline");
    exposition_label(&e, "b", "plain {id}");
    exposition_u64(&e, UINT64_MAX);
    exposition_sample(&e, "_sum");
    exposition_seconds(&e, 1500000000);
    UNIT_SLICE(buf_slice(&out),
               "# HELP x_total One \\\\ two\\nthree \"four\".\n"
               "# TYPE x_total counter\n"
               "x_total{a=\"back\\\\slash \\\"quote\\\"\\nline\",b=\"plain {id}\"} 18446744073709551615\n"
               "x_total_sum 1.5\n");
    buf_clear(&out);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_seconds_are_exact_and_short),
    UNIT_TEST(test_text_is_escaped_as_the_format_asks),
};
const struct unit_part exposition_tests = UNIT_PART(tests);
