#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/exposition.h"
#include "admin/metrics.h"
#include "base/mem.h"
#include "unit.h"

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

static void assert_has(struct buf *out, const char *line)
{
    if (strstr(buf_cstr(out), line) == NULL) UNIT_STR("a line that is not there", line);
}

static void test_counts_of_all_places_are_summed_also_of_those_without_a_worker(void)
{
    struct scoreboard *board = mem_zalloc(sizeof(*board));
    struct buf out = {0};
    unsigned row = metrics_learn(&board->metrics.requests, METRICS_NAMES_MAX, "GET", "/a");

    metrics_learn(&board->metrics.requests, METRICS_NAMES_MAX, "GET", "unmatched");
    board->workers = 3;
    board->worker[0].pid = getpid();
    board->worker[0].connections = 5;
    board->worker[2].connections = 7; /* of one that is gone */
    for (unsigned place = 0; place < 3; place++) {
        metrics_add(&board->counted[place].rows[row].by_class[metrics_class(200)], 10 + place);
        metrics_observe(&board->counted[place].rows[row].duration, 3000000);
        metrics_add(&board->counted[place].sent_bytes, 100);
    }
    metrics_observe(&board->counted[1].rows[row].duration, 20000000000);
    admin_metrics_text(board, &out);
    assert_has(&out, "\nstratslabd_http_requests_total{method=\"GET\",route=\"/a\",status_class=\"2xx\"} 33\n");
    assert_has(&out, "\nstratslabd_http_requests_total{method=\"GET\",route=\"/a\",status_class=\"5xx\"} 0\n");
    assert_has(&out, "_seconds_bucket{method=\"GET\",route=\"/a\",le=\"0.0025\"} 0\n");
    assert_has(&out, "_seconds_bucket{method=\"GET\",route=\"/a\",le=\"0.005\"} 3\n");
    assert_has(&out, "_seconds_bucket{method=\"GET\",route=\"/a\",le=\"10\"} 3\n");
    assert_has(&out, "_seconds_bucket{method=\"GET\",route=\"/a\",le=\"+Inf\"} 4\n");
    assert_has(&out, "_seconds_sum{method=\"GET\",route=\"/a\"} 20.009\n");
    assert_has(&out, "_seconds_count{method=\"GET\",route=\"/a\"} 4\n");
    assert_has(&out, "\nstratslabd_http_sent_bytes_total 300\n");
    assert_has(&out, "\nstratslabd_http_connections{worker=\"0\"} 5\n");
    CU_ASSERT_PTR_NULL(strstr(buf_cstr(&out), "_connections{worker=\"2\"}"));
    CU_ASSERT_PTR_NULL(strstr(buf_cstr(&out), "unmatched")); /* nobody has asked for such a thing yet */
    buf_clear(&out);
    free(board);
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(test_seconds_are_exact_and_short),
        UNIT_TEST(test_text_is_escaped_as_the_format_asks),
        UNIT_TEST(test_counts_of_all_places_are_summed_also_of_those_without_a_worker),
    };

    return unit_main("admin", tests, countof(tests));
}
