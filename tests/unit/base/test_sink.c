/* Where the log goes, what it holds back and what it masks. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mask.h"
#include "base/mem.h"
#include "base/repeat.h"
#include "base/sink.h"
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
        free(copy);
    }
    buf_clear(&scratch);
}

static void test_error_is_masked(void)
{
    struct error err;

    error_set(&err, ERROR_REFUSED, "cannot connect to %s", "postgresql://u:s3cret@h/d");
    UNIT_STR(err.message, "cannot connect to postgresql://u:***@h/d");
}

/* ---- Repetition ---- */

static unsigned say(struct repeat *repeat, unsigned times, const char *msg, uint64_t content, uint64_t now_ms)
{
    unsigned said = 0;

    for (unsigned i = 0; i < times; i++) said += repeat_may_say(repeat, 0, msg, content, now_ms);
    return said;
}

static void test_repeat_holds_and_counts(void)
{
    struct repeat *repeat = mem_zalloc(sizeof(*repeat));
    struct repeat_message row;

    UNIT_INT(repeat_due_ms(repeat), -1);
    UNIT_INT(say(repeat, 10, "a", 1, 5000), 10);
    UNIT_INT(repeat_due_ms(repeat), -1);
    UNIT_INT(say(repeat, 500, "a", 1, 5999), 0);
    UNIT_INT(say(repeat, 5, "b", 1, 5999), 5); /* another message has a measure of its own */
    UNIT_INT(repeat_due_ms(repeat), 6000);
    CU_ASSERT_FALSE(repeat_take(repeat, 5999, false, &row));
    CU_ASSERT_TRUE_FATAL(repeat_take(repeat, 6000, false, &row));
    UNIT_STR(row.msg, "a");
    UNIT_INT(row.held, 500);
    CU_ASSERT_FALSE(repeat_take(repeat, 6000, false, &row));
    UNIT_INT(repeat_due_ms(repeat), -1);
    UNIT_INT(say(repeat, 11, "a", 1, 6000), 10); /* a new second */
    CU_ASSERT_TRUE(repeat_take(repeat, 6000, true, &row));
    UNIT_INT(row.held, 1);
    free(repeat);
}

static void test_repeat_lets_news_through(void)
{
    struct repeat *repeat = mem_zalloc(sizeof(*repeat));
    struct repeat_message row;

    UNIT_INT(say(repeat, 100, "a", 1, 0), 10);
    for (uint64_t content = 2; content < 22; content++) UNIT_INT(say(repeat, 3, "a", content, 1), 1);
    UNIT_INT(say(repeat, 3, "a", 22, 2), 0);
    CU_ASSERT_TRUE_FATAL(repeat_take(repeat, 0, true, &row));
    UNIT_INT(row.held, 90 + 40 + 3);
    free(repeat);
}

static void test_repeat_of_many_messages(void)
{
    enum { MESSAGES = REPEAT_MESSAGES + 5 };
    struct repeat *repeat = mem_zalloc(sizeof(*repeat));
    struct repeat_message row;
    char names[MESSAGES][8];
    uint64_t said = 0;

    for (unsigned i = 0; i < MESSAGES; i++) {
        snprintf(names[i], sizeof(names[i]), "m%u", i);
        said += say(repeat, 12, names[i], 1, i);
    }
    while (repeat_take(repeat, 0, true, &row)) said += row.held;
    UNIT_INT(said, MESSAGES * 12); /* nothing is lost where there are more than it has room for */
    UNIT_INT(say(repeat, 12, names[MESSAGES - 1], 1, 100), 10); /* and it makes room again */
    free(repeat);
}

/* ---- Where it goes ---- */

static bool is_full(const struct sink *sink)
{
    char line[1000];

    memset(line, 'x', sizeof(line));
    for (unsigned i = 0; i < 100000; i++) {
        if (!sink_write(sink, line, sizeof(line))) return true;
    }
    return false;
}

/* Only where a write waits for ever would this fail: by never ending. */
static void test_sink_never_waits(void)
{
    int pipe_ends[2] = {-1, -1};
    int sockets[2] = {-1, -1};
    struct sink sink;
    char byte;

    if (pipe(pipe_ends) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) != 0) CU_FAIL_FATAL("pipe");
    sink_use(&sink, pipe_ends[1]);
    UNIT_INT(sink.kind, SINK_OWN);
    CU_ASSERT_TRUE(is_full(&sink));
    UNIT_INT(fcntl(pipe_ends[1], F_GETFL) & O_NONBLOCK, 0); /* others who have it see no change */
    sink_close(&sink);
    CU_ASSERT_TRUE(is_full(&(struct sink){.fd = pipe_ends[1], .kind = SINK_BORROWED}));
    sink_use(&sink, sockets[0]);
    UNIT_INT(sink.kind, SINK_SOCKET);
    CU_ASSERT_TRUE(is_full(&sink));
    sink_close(&sink);
    CU_ASSERT_TRUE(write(sockets[1], "", 0) == 0); /* still open: it is ours */
    close(sockets[1]);
    CU_ASSERT_FALSE(sink_write(&(struct sink){.fd = sockets[0], .kind = SINK_SOCKET}, "x", 1));
    close(sockets[0]);
    while (read(pipe_ends[0], &byte, 1) == 1 && byte == 'y') {}
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    sink_use(&sink, -1);
    CU_ASSERT_FALSE(sink_write(&sink, "x", 1));
}

static char folder[] = "/tmp/stratslab-sink.XXXXXX";

static char *in_folder(const char *name)
{
    return mem_printf("%s/%s", folder, name);
}

static void test_sink_file(void)
{
    struct sink sink = SINK_NONE;
    struct error err;

    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    char *path = in_folder("log");
    char *bad = in_folder("none/log");
    char *fifo = in_folder("fifo");

    CU_ASSERT_EQUAL(sink_check(path, &err), 0);
    CU_ASSERT_EQUAL(access(path, F_OK), -1); /* looked at, not made */
    CU_ASSERT_EQUAL_FATAL(sink_open(&sink, path, &err), 0);
    CU_ASSERT_EQUAL(sink_check(path, &err), 0);
    CU_ASSERT_TRUE(sink_write(&sink, "a\n", 2));
    CU_ASSERT_TRUE(sink_batch_bytes(&sink) > SINK_WHOLE_BYTES);
    CU_ASSERT_TRUE(fcntl(sink.fd, F_GETFD) & FD_CLOEXEC);

    int before = sink.fd;

    CU_ASSERT_EQUAL(sink_open(&sink, bad, &err), -1);
    UNIT_INT(sink.fd, before); /* as it was */
    UNIT_INT(err.code, ERROR_SETTINGS);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "STRATSLAB_LOG_FILE"));
    CU_ASSERT_EQUAL(sink_check(bad, &err), -1);
    CU_ASSERT_EQUAL(sink_check(folder, &err), -1);
    CU_ASSERT_EQUAL(sink_open(&sink, folder, &err), -1);
    CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
    CU_ASSERT_EQUAL(sink_open(&sink, fifo, &err), -1); /* that nobody reads */
    sink_close(&sink);
    unlink(fifo);
    unlink(path);
    rmdir(folder);
    free(fifo);
    free(bad);
    free(path);
}

/* ---- The log with all of it ---- */

static int ends[2];

static void open_log(bool journal_prefix)
{
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) CU_FAIL_FATAL("pipe2");
    log_configure(
        &(struct log_options){.lines.level = LOG_LEVEL_INFO, .journal_prefix = journal_prefix, .fd = ends[1]});
    log_set_role("test");
}

static void close_log(void)
{
    log_configure(&(struct log_options){.lines.level = LOG_LEVEL_INFO, .fd = STDERR_FILENO});
    close(ends[0]);
    close(ends[1]);
}

/* What can be read now, behind "msg=" of each line. */
static const char *said(int fd, struct buf *out)
{
    struct buf raw = {0};
    struct slice rest;
    ssize_t got;

    buf_reset(out);
    while ((got = read(fd, buf_reserve(&raw, 65536), 65536)) > 0) raw.len += (size_t)got;
    for (rest = buf_slice(&raw); rest.len > 0;) {
        struct slice line = slice_cut(&rest, '\n');
        const char *msg = memmem(line.data, line.len, "msg=", 4);

        if (line.data[0] == '<') buf_add(out, line.data, 3);
        if (msg != NULL) buf_add(out, msg + 4, line.len - (size_t)(msg + 4 - line.data));
        buf_add_char(out, '\n');
    }
    buf_clear(&raw);
    return buf_cstr(out);
}

static uint64_t number_behind(const char *text, const char *key)
{
    uint64_t sum = 0;

    while ((text = strstr(text, key)) != NULL) sum += strtoull(text += strlen(key), NULL, 10);
    return sum;
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned count = 0;

    for (; (text = strstr(text, what)) != NULL; text++) count++;
    return count;
}

static void test_log_says_a_repeated_error_ten_times_and_counts(void)
{
    struct buf out = {0};
    uint64_t began_ms = clock_monotonic_ms();

    open_log(false);
    for (unsigned i = 0; i < 1000; i++) log_error("no", LOG_STR("why", "down"), LOG_ID("id", SLICE_LIT("x")));
    log_error("no", LOG_STR("why", "up"));
    for (unsigned i = 0; i < 12; i++) log_info("told");
    CU_ASSERT_TRUE(log_write_counts() != UINT64_MAX || clock_monotonic_ms() - began_ms >= REPEAT_WINDOW_MS);
    log_finish();
    CU_ASSERT_TRUE(log_write_counts() == UINT64_MAX);

    const char *text = said(ends[0], &out);

    UNIT_INT(count_of(text, "no why=down id=x\n") + number_behind(text, "no repeated="), 1000);
    UNIT_INT(count_of(text, "no why=up\n"), 1); /* says something new */
    UNIT_INT(count_of(text, "told\n"), 12);     /* only errors and warnings are held */
    if (clock_monotonic_ms() - began_ms < REPEAT_WINDOW_MS) UNIT_INT(number_behind(text, "no repeated="), 990);
    close_log();
    buf_clear(&out);
}

static void test_log_cuts_long_values(void)
{
    struct buf out = {0};
    char *text = mem_array(20001, 1);

    for (size_t i = 0; i < 20000; i += 2) memcpy(text + i, "\xc3\xa9", 3);
    open_log(false);
    log_info("m", LOG_STR("a", text), LOG_INT("n", 1));
    log_info("m", LOG_STR("a", text), LOG_STR("b", text), LOG_STR("c", text), LOG_INT("n", 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(said(ends[0], &out), "\xc3\xa9\xe2\x80\xa6\" n=1\n"));
    CU_ASSERT_TRUE(out.len < 2 * SINK_WHOLE_BYTES);
    UNIT_INT(strstr(buf_cstr(&out), "\xc3\xc3") == NULL, 1); /* no half character */
    close_log();
    free(text);
    buf_clear(&out);
}

static void test_log_lines_that_wait(void)
{
    const struct log_field field = LOG_INT("n", 1);
    struct buf out = {0};

    open_log(false);
    CU_ASSERT_TRUE(log_write_soon(LOG_LEVEL_INFO, "first", &field, 1));
    CU_ASSERT_FALSE(log_write_soon(LOG_LEVEL_INFO, "second", &field, 1));
    UNIT_STR(said(ends[0], &out), "");
    log_info("third");
    UNIT_STR(said(ends[0], &out), "first n=1\nsecond n=1\nthird\n"); /* in their order */
    CU_ASSERT_TRUE(log_write_soon(LOG_LEVEL_INFO, "fourth", &field, 1));
    log_flush();
    UNIT_STR(said(ends[0], &out), "fourth n=1\n");
    close_log();
    buf_clear(&out);
}

static void test_log_counts_lines_that_waited_and_were_lost(void)
{
    struct buf out = {0};
    unsigned lines = 0;
    char expected[64];

    open_log(false);
    for (unsigned i = 0; i < 5000; i++) (void)log_write_soon(LOG_LEVEL_INFO, "line", NULL, 0);
    log_flush();
    said(ends[0], &out);
    for (size_t i = 0; i < out.len; i++) lines += out.data[i] == '\n';
    CU_ASSERT(lines > 100 && lines < 5000);
    log_info("again");
    snprintf(expected, sizeof(expected), "again lines_dropped=%u\n", 5000 - lines);
    UNIT_STR(said(ends[0], &out), expected);
    close_log();
    buf_clear(&out);
}

static void test_log_file(void)
{
    struct buf out = {0};
    struct error err;
    char template[] = "/tmp/stratslab-log.XXXXXX";
    char *path = mem_printf("%s/log", mkdtemp(template));
    char *old = mem_printf("%s.1", path);

    open_log(true);
    CU_ASSERT_FALSE(log_has_file());
    CU_ASSERT_EQUAL_FATAL(log_open(path, &err), 0);
    CU_ASSERT_TRUE(log_has_file());
    log_info("one");
    log_error("two");
    UNIT_STR(said(ends[0], &out), "<3>two\n"); /* errors go to both */
    CU_ASSERT_EQUAL(rename(path, old), 0);
    log_info("three");
    CU_ASSERT_TRUE(log_reopen());
    log_info("four");

    int fd = open(old, O_RDONLY | O_CLOEXEC);

    UNIT_STR(said(fd, &out), "one\ntwo\nthree\n");
    close(fd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    UNIT_STR(said(fd, &out), "four\n");
    /* Where it cannot be reopened, the one that is open stays, and says so. */
    unlink(path);
    CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
    CU_ASSERT_FALSE(log_reopen());
    CU_ASSERT_PTR_NOT_NULL(strstr(said(fd, &out), "cannot reopen the log file; going on with the one that is open"));
    close(fd);
    rmdir(path);
    unlink(old);
    rmdir(template);
    close_log();
    free(old);
    free(path);
    buf_clear(&out);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_mask),
    UNIT_TEST(test_error_is_masked),
    UNIT_TEST(test_repeat_holds_and_counts),
    UNIT_TEST(test_repeat_lets_news_through),
    UNIT_TEST(test_repeat_of_many_messages),
    UNIT_TEST(test_sink_never_waits),
    UNIT_TEST(test_sink_file),
    UNIT_TEST(test_log_says_a_repeated_error_ten_times_and_counts),
    UNIT_TEST(test_log_cuts_long_values),
    UNIT_TEST(test_log_lines_that_wait),
    UNIT_TEST(test_log_counts_lines_that_waited_and_were_lost),
    UNIT_TEST(test_log_file),
};
const struct unit_part sink_tests = UNIT_PART(tests);
