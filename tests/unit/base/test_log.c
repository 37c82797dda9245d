#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/repeat.h"
#include "base/sink.h"
#include "test_base.h"

static int log_pipe[2];

static void open_log(enum log_format format, enum log_level level, bool journal_prefix)
{
    if (pipe2(log_pipe, O_CLOEXEC | O_NONBLOCK) != 0) CU_FAIL_FATAL("pipe2");

    struct log_options options = {.lines = {level, format}, .journal_prefix = journal_prefix, .fd = log_pipe[1]};

    log_configure(&options);
    log_set_role("worker");
}

/* What was logged since open_log, with the time stamp and the number of the process replaced by T and P. */
static const char *read_log(struct buf *out)
{
    static const struct log_options defaults = {.lines.level = LOG_LEVEL_INFO, .fd = STDERR_FILENO};
    struct buf raw = {0};
    char pid[24];

    close(log_pipe[1]);
    while (true) {
        ssize_t got = read(log_pipe[0], buf_reserve(&raw, 4096), 4096);

        if (got <= 0) break;
        raw.len += (size_t)got;
    }
    close(log_pipe[0]);
    log_configure(&defaults);

    struct buf number = {0};

    buf_add_u64(&number, (unsigned long long)getpid());
    memcpy(pid, buf_cstr(&number), number.len + 1);
    buf_clear(&number);
    buf_reset(out);
    for (const char *at = buf_cstr(&raw); *at != '\0';) {
        bool is_year = strncmp(at, "20", 2) == 0 && strlen(at) >= 27 && at[10] == 'T' && at[26] == 'Z';
        bool is_pid =
            out->len >= 4 && strncmp(at, pid, strlen(pid)) == 0 &&
            (memcmp(out->data + out->len - 4, "pid=", 4) == 0 || memcmp(out->data + out->len - 4, "id\":", 4) == 0);

        buf_add_char(out, is_year ? 'T' : is_pid ? 'P' : *at);
        at += is_year ? 27 : is_pid ? strlen(pid) : 1;
    }
    buf_clear(&raw);
    return buf_cstr(out);
}

static void test_log_that_nobody_reads(void)
{
    char chunk[65536];
    size_t lines = 0;
    struct buf out = {0};

    open_log(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, false);
    /* A blocking pipe: without a look before it, a write would wait for ever. */
    CU_ASSERT_FATAL(fcntl(log_pipe[1], F_SETFL, 0) == 0);
    for (unsigned i = 0; i < 5000; i++) log_info("line");
    for (ssize_t got; (got = read(log_pipe[0], chunk, sizeof(chunk))) > 0;) {
        for (ssize_t i = 0; i < got; i++) lines += chunk[i] == '\n';
    }
    CU_ASSERT(lines > 100 && lines < 5000);
    log_info("again");
    log_info("and again");

    struct buf expected = {0};

    buf_printf(&expected,
               "ts=T level=info role=worker pid=P msg=again lines_dropped=%zu\n"
               "ts=T level=info role=worker pid=P msg=\"and again\"\n",
               5000 - lines);
    UNIT_STR(read_log(&out), buf_cstr(&expected));
    buf_clear(&expected);
    buf_clear(&out);
}

static void test_log_line_in_logfmt(void)
{
    struct buf out = {0};

    open_log(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, false);
    log_info("worker started", LOG_INT("delta", -5), LOG_STR("listen", "127.0.0.1:8000"), LOG_UINT("n", UINT64_MAX));
    log_warning("bare");
    UNIT_STR(read_log(&out), "ts=T level=info role=worker pid=P msg=\"worker started\" delta=-5 listen=127.0.0.1:8000 "
                             "n=18446744073709551615\n"
                             "ts=T level=warning role=worker pid=P msg=bare\n");
    buf_clear(&out);
}

static void test_log_line_in_json(void)
{
    struct buf out = {0};

    open_log(LOG_FORMAT_JSON, LOG_LEVEL_INFO, false);
    log_error("no", LOG_INT("a", INT64_MIN), LOG_STR("b", "x y"), LOG_MS("took_ms", 1234567));
    log_info("bare");
    UNIT_STR(read_log(&out), "{\"ts\":\"T\",\"level\":\"error\",\"role\":\"worker\",\"pid\":P,\"msg\":\"no\","
                             "\"a\":-9223372036854775808,\"b\":\"x y\",\"took_ms\":1.234}\n"
                             "{\"ts\":\"T\",\"level\":\"info\",\"role\":\"worker\",\"pid\":P,\"msg\":\"bare\"}\n");
    buf_clear(&out);
}

static void test_log_quotes_nasty_values(void)
{
    static const struct {
        struct slice value;
        const char *logfmt;
    } cases[] = {
        {{"", 0}, "\"\""},
        {{NULL, 0}, "\"\""},
        {{"a=b", 3}, "\"a=b\""},
        {{"say \"no\"", 8}, "\"say \\\"no\\\"\""},
        {{"back\\slash", 10}, "\"back\\\\slash\""},
        {{"two\nlines msg=forged", 20}, "\"two\\nlines msg=forged\""},
        {{"nul\0", 4}, "\"nul\\u0000\""},
        {{"\x1b[31m", 5}, "\"\\u001b[31m\""},
        {{"caf\xc3\xa9", 5}, "\"caf\xc3\xa9\""},
        {{"bad\xff", 4}, "\"bad\xef\xbf\xbd\""},
        {{"{json}", 6}, "{json}"},
        {{"a>", 2}, "a>"},
        {{"a{", 2}, "a{"},
    };
    struct buf out = {0};
    struct buf want = {0};

    for (size_t i = 0; i < countof(cases); i++) {
        open_log(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, false);
        log_info("m", LOG_SLICE("v", cases[i].value), LOG_INT("next", 1));
        buf_reset(&want);
        buf_printf(&want, "ts=T level=info role=worker pid=P msg=m v=%s next=1\n", cases[i].logfmt);
        UNIT_STR(read_log(&out), buf_cstr(&want));
    }
    buf_clear(&out);
    buf_clear(&want);
}

static void test_log_json_of_nasty_values(void)
{
    struct buf out = {0};

    open_log(LOG_FORMAT_JSON, LOG_LEVEL_INFO, false);
    log_info("a\"b\n", LOG_STR("v", "{"), LOG_SLICE("w", ((struct slice){"\0\xff>", 3})), LOG_INT("next", 1));
    UNIT_STR(read_log(&out),
             "{\"ts\":\"T\",\"level\":\"info\",\"role\":\"worker\",\"pid\":P,\"msg\":\"a\\\"b\\n\",\"v\":\"{\","
             "\"w\":\"\\u0000\xef\xbf\xbd>\",\"next\":1}\n");
    buf_clear(&out);
}

static void test_log_journal_prefix(void)
{
    struct buf out = {0};

    open_log(LOG_FORMAT_LOGFMT, LOG_LEVEL_DEBUG, true);
    log_error("e");
    log_warning("w");
    log_info("i");
    log_debug("d");
    UNIT_STR(read_log(&out),
             "<3>ts=T level=error role=worker pid=P msg=e\n<4>ts=T level=warning role=worker pid=P msg=w\n"
             "<6>ts=T level=info role=worker pid=P msg=i\n<7>ts=T level=debug role=worker pid=P msg=d\n");
    open_log(LOG_FORMAT_JSON, LOG_LEVEL_INFO, true);
    log_info("i");
    UNIT_STR(read_log(&out), "<6>{\"ts\":\"T\",\"level\":\"info\",\"role\":\"worker\",\"pid\":P,\"msg\":\"i\"}\n");
    buf_clear(&out);
}

static int evaluated;

static int64_t evaluate(void)
{
    return ++evaluated;
}

static void test_log_level_drops_and_does_not_evaluate(void)
{
    struct buf out = {0};

    open_log(LOG_FORMAT_LOGFMT, LOG_LEVEL_WARNING, false);
    evaluated = 0;
    CU_ASSERT_TRUE(log_wants(LOG_LEVEL_ERROR));
    CU_ASSERT_TRUE(log_wants(LOG_LEVEL_WARNING));
    CU_ASSERT_FALSE(log_wants(LOG_LEVEL_INFO));
    log_info("dropped", LOG_INT("n", evaluate()));
    log_debug("dropped");
    log_warning("kept", LOG_INT("n", evaluate()));
    UNIT_STR(read_log(&out), "ts=T level=warning role=worker pid=P msg=kept n=1\n");
    buf_clear(&out);
}

static void test_log_milliseconds(void)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {
        {0, "0.000"}, {999, "0.000"}, {1000, "0.001"}, {1000000, "1.000"}, {59999999999, "59999.999"},
    };
    struct buf out = {0};
    struct buf want = {0};

    for (size_t i = 0; i < countof(cases); i++) {
        open_log(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, false);
        log_info("m", LOG_MS("t_ms", cases[i].ns));
        buf_reset(&want);
        buf_printf(&want, "ts=T level=info role=worker pid=P msg=m t_ms=%s\n", cases[i].text);
        UNIT_STR(read_log(&out), buf_cstr(&want));
    }
    buf_clear(&out);
    buf_clear(&want);
}

static void test_log_keeps_errno_and_survives_a_closed_descriptor(void)
{
    struct buf out = {0};

    open_log(LOG_FORMAT_LOGFMT, LOG_LEVEL_INFO, false);
    errno = ENOTDIR;
    log_info("m");
    UNIT_INT(errno, ENOTDIR);
    read_log(&out);

    struct log_options nowhere = {.lines.level = LOG_LEVEL_INFO, .fd = -1};

    log_configure(&nowhere);
    errno = ENOTDIR;
    log_info("m");
    UNIT_INT(errno, ENOTDIR);
    nowhere.fd = STDERR_FILENO;
    log_configure(&nowhere);
    buf_clear(&out);
}

/* ---- The log with all of it ---- */

static int ends[2];

static void open_plain_log(bool journal_prefix)
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

    open_plain_log(false);
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
    open_plain_log(false);
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

    open_plain_log(false);
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

    open_plain_log(false);
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

/* The file may not grow any more, as on a full disk; later it may. */
static void test_log_file_that_is_full(void)
{
    char path[] = "/tmp/stratslab-full.XXXXXX";
    struct rlimit before, limit;
    struct buf out = {0};
    struct error err;
    struct stat st;

    close(mkostemp(path, O_CLOEXEC));
    open_plain_log(false);
    CU_ASSERT_EQUAL_FATAL(log_open(path, &err), 0);
    log_info("first");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    limit = (struct rlimit){.rlim_cur = (rlim_t)st.st_size + 9, .rlim_max = before.rlim_max};
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
    log_info("torn");
    CU_ASSERT_PTR_NOT_NULL(strstr(said(ends[0], &out), "the log file cannot be written"));
    CU_ASSERT_PTR_NOT_NULL(strstr(buf_cstr(&out), "File too large"));
    log_info("lost");
    log_info("lost too");
    UNIT_STR(said(ends[0], &out), ""); /* it is said once */
    CU_ASSERT(log_write_counts() != UINT64_MAX);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    CU_ASSERT(log_write_counts() == UINT64_MAX); /* nobody says anything, so that the count is said by itself */
    log_info("last");
    const int fd = open(path, O_RDONLY | O_CLOEXEC);

    /* The torn line is one of its own, without a message. */
    UNIT_STR(said(fd, &out), "first\n\n\"lines of this log were dropped\" lines_dropped=3\nlast\n");
    close(fd);
    close_log();
    unlink(path);
    buf_clear(&out);
}

static void test_log_last_words(void)
{
    struct buf out = {0};
    struct error err;
    struct stat st;
    char path[] = "/tmp/stratslab-words.XXXXXX";

    close(mkostemp(path, O_CLOEXEC));
    open_plain_log(false);
    CU_ASSERT_EQUAL_FATAL(log_open(path, &err), 0);
    log_last_words("msg=gone\n", 9);
    UNIT_STR(said(ends[0], &out), "gone\n");
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    UNIT_INT(st.st_size, 0); /* they are not for the file */
    close_log();
    unlink(path);
    buf_clear(&out);
}

static void test_log_file(void)
{
    struct buf out = {0};
    struct error err;
    char template[] = "/tmp/stratslab-log.XXXXXX";
    char *path = mem_printf("%s/log", mkdtemp(template));
    char *old = mem_printf("%s.1", path);

    open_plain_log(true);
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
    /* Another process has opened it, and passed it on. */
    int passed[LOG_FILE_FDS_MAX];
    char *third = mem_printf("%s.3", path);

    UNIT_INT(log_file_fds(passed), 2);
    passed[0] = open(third, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    passed[1] = open(third, O_RDONLY | O_CLOEXEC);
    CU_ASSERT_EQUAL(write(passed[0], "torn", 4), 4);
    log_take_file(passed, 2);
    log_info("five");
    log_take_file(NULL, 0); /* most messages bring none */
    close(fd);
    fd = open(third, O_RDONLY | O_CLOEXEC);
    UNIT_STR(said(fd, &out), "\nfive\n"); /* the torn line has no message */
    close(fd);
    unlink(third);
    free(third);
    CU_ASSERT_TRUE(log_reopen());
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
    UNIT_TEST(test_log_that_nobody_reads),
    UNIT_TEST(test_log_line_in_logfmt),
    UNIT_TEST(test_log_line_in_json),
    UNIT_TEST(test_log_quotes_nasty_values),
    UNIT_TEST(test_log_json_of_nasty_values),
    UNIT_TEST(test_log_journal_prefix),
    UNIT_TEST(test_log_level_drops_and_does_not_evaluate),
    UNIT_TEST(test_log_milliseconds),
    UNIT_TEST(test_log_keeps_errno_and_survives_a_closed_descriptor),
    UNIT_TEST(test_log_says_a_repeated_error_ten_times_and_counts),
    UNIT_TEST(test_log_cuts_long_values),
    UNIT_TEST(test_log_lines_that_wait),
    UNIT_TEST(test_log_counts_lines_that_waited_and_were_lost),
    UNIT_TEST(test_log_file_that_is_full),
    UNIT_TEST(test_log_last_words),
    UNIT_TEST(test_log_file),
};
const struct unit_part log_tests = UNIT_PART(tests);
