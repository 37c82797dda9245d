#include "queue/result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base64.h"
#include "bench.h"
#include "engine/curve.h"
#include "test_queue.h"
#include "json/scan.h"

/* The members of the trades, as a line of the CSV. */
static void result_line(struct arena *arena, struct slice trade, struct buf *out)
{
    static const char *const names[] = {"n",           "side",         "quantity",  "entry_time",
                                        "entry_price", "entry_reason", "exit_time", "exit_price",
                                        "exit_reason", "pnl",          "fees",      "bars"};
    struct json_members members;
    struct slice fault;

    CU_ASSERT_TRUE_FATAL(json_scan_members(arena, trade, JSON_DEPTH_MAX, &members, &fault));
    for (size_t i = 0; i < countof(names); i++) {
        struct slice value = json_members_find(&members, slice_of(names[i]));

        if (value.len >= 2 && value.data[0] == '"') value.data++, value.len -= 2;
        if (i > 0) buf_add_char(out, ',');
        buf_add_slice(out, value);
    }
    buf_add_char(out, '\n');
}

static void result_add_piece(void *arg, const struct curve_piece *piece)
{
    struct buf *out = arg;

    buf_printf(out, "%s{\"level\":%u,\"piece\":%u,\"points\":%u,\"packed\":\"", out->len == 0 ? "" : ",\n",
               piece->level, piece->piece, piece->points);
    base64_add(piece->packed, out);
    buf_add_str(out, "\"}");
}

static int64_t result_time(const void *arg, size_t point)
{
    return engine_point_time(arg, point);
}

static void test_trades_have_the_text_of_the_csv_and_the_curve_its_pieces(void)
{
    struct bench b;
    struct engine_result result = {0};
    struct engine_job job;
    struct buf csv = {0}, lines = {0}, pieces = {0}, document = {0};
    struct error err;
    struct arena *arena = arena_new();

    bench_begin(&b, BENCH_BARS);
    bench_compute(&b, &result, &job);
    const struct result_subject subject = {
        .job = &job, .result = &result, .fingerprint = b.input.fingerprint, .read = b.input.read};
    const int fd = memfd_create("result", MFD_CLOEXEC);

    CU_ASSERT_EQUAL_FATAL(result_write(&subject, fd, &err), 0);
    const off_t size = lseek(fd, 0, SEEK_END);

    CU_ASSERT_EQUAL(pread(fd, buf_reserve(&document, (size_t)size + 1), (size_t)size, 0), size);
    document.len = (size_t)size;
    /* Each trade is a line of its own. */
    const char *at = strstr(buf_cstr(&document), "\"trades\":[\n") + strlen("\"trades\":[\n");

    buf_add_str(&lines, "n,side,quantity,entry_time,entry_price,entry_reason,exit_time,exit_price,exit_reason,pnl,fees,"
                        "bars\n");
    for (size_t i = 0; i < result.trade_count; i++) {
        const size_t len = strcspn(at, "\n");
        size_t end = len;

        while (at[end - 1] != '}') end--; /* a comma, or the end of the list */
        result_line(arena, (struct slice){at, end}, &lines);
        at += len + 1;
    }
    engine_trades_csv(&result, &b.candles, &csv);
    UNIT_STR(buf_cstr(&lines), buf_cstr(&csv));
    const struct curve_source source = {
        .count = result.point_count, .equity = result.equity, .time_ms = result_time, .arg = &job};

    CU_ASSERT_EQUAL(curve_pack(&source, result_add_piece, &pieces, &err), 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&document), buf_cstr(&pieces)));
    close(fd);
    buf_clear(&csv), buf_clear(&lines), buf_clear(&pieces), buf_clear(&document);
    engine_result_clear(&result);
    arena_free(arena);
    bench_clear(&b);
}

static void test_what_cannot_be_written_is_an_error(void)
{
    struct bench b;
    struct engine_result result = {0};
    struct engine_job job;
    struct error err = {0};

    bench_begin(&b, BENCH_BARS);
    bench_compute(&b, &result, &job);
    const struct result_subject subject = {
        .job = &job, .result = &result, .fingerprint = b.input.fingerprint, .read = b.input.read};
    const int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(result_write(&subject, fd, &err), -1);
    UNIT_INT(errno, ENOSPC);
    UNIT_INT(err.code, ERROR_SYSTEM);
    close(fd);
    engine_result_clear(&result);
    bench_clear(&b);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_trades_have_the_text_of_the_csv_and_the_curve_its_pieces),
    UNIT_TEST(test_what_cannot_be_written_is_an_error),
};
const struct unit_part result_tests = UNIT_PART(tests);
