#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/sink.h"
#include "test_base.h"

/* ---- Where it goes ---- */

static bool is_full(struct sink *sink)
{
    char line[1000];

    memset(line, 'x', sizeof(line));
    for (unsigned i = 0; i < 100000; i++) {
        if (sink_write(sink, line, sizeof(line)) < sizeof(line)) return true;
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
    CU_ASSERT_TRUE(is_full(&(struct sink){.fd = pipe_ends[1], .kind = SINK_BORROWED, .look_fd = -1}));
    sink_use(&sink, sockets[0]);
    UNIT_INT(sink.kind, SINK_SOCKET);
    CU_ASSERT_TRUE(is_full(&sink));
    sink_close(&sink);
    CU_ASSERT_TRUE(write(sockets[1], "", 0) == 0); /* still open: it is ours */
    close(sockets[1]);
    UNIT_INT(0, sink_write(&(struct sink){.fd = sockets[0], .kind = SINK_SOCKET, .look_fd = -1}, "x", 1));
    close(sockets[0]);
    while (read(pipe_ends[0], &byte, 1) == 1 && byte == 'y') {}
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    sink_use(&sink, -1);
    UNIT_INT(0, sink_write(&sink, "x", 1));
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
    UNIT_INT(sink_write(&sink, "a\n", 2), 2);
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

/* ---- Torn lines ---- */

static char *content(const char *path)
{
    static char text[4096];
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t got = read(fd, text, sizeof(text) - 1);

    close(fd);
    text[got < 0 ? 0 : got] = '\0';
    return text;
}

/* Files may be no longer than so; a write beyond that is an error, not a signal. */
static void limit_files(rlim_t bytes)
{
    static struct rlimit before;
    struct rlimit limit;

    if (bytes == 0) {
        setrlimit(RLIMIT_FSIZE, &before);
        signal(SIGXFSZ, SIG_DFL);
        return;
    }
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){.rlim_cur = bytes, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Two processes write to one file. One of them meets its end; then there is room again. */
static void torn(int flags)
{
    char path[] = "/tmp/stratslab-torn.XXXXXX";
    const int fd = mkostemp(path, O_CLOEXEC | flags);
    struct sink one, other;

    CU_ASSERT_FATAL(fd >= 0);
    sink_use(&one, fd);
    sink_use(&other, fd);
    UNIT_INT(sink_write(&one, "first\n", 6), 6);
    limit_files(10);
    UNIT_INT(sink_write(&one, "second\n", 7), 4);
    UNIT_INT(errno, EFBIG);
    UNIT_INT(sink_write(&other, "none\n", 5), 0);
    limit_files(0);
    UNIT_INT(sink_write(&other, "third\n", 6), 6);
    UNIT_INT(sink_write(&one, "fourth\n", 7), 7);
    CU_ASSERT_STRING_EQUAL(content(path), "first\nseco\nthird\nfourth\n");
    sink_close(&one);
    sink_close(&other);
    close(fd);
    unlink(path);
}

static void test_a_torn_line_ends_before_the_next_begins(void)
{
    torn(O_APPEND);
    torn(0);
}

/* Of a service that ran before, whose disk was full. */
static void test_a_file_may_end_in_a_torn_line(void)
{
    char path[] = "/tmp/stratslab-torn.XXXXXX";
    const int fd = mkostemp(path, O_CLOEXEC);
    struct sink sink = SINK_NONE;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(write(fd, "old\ntor", 7), 7);
    CU_ASSERT_EQUAL_FATAL(sink_open(&sink, path, &err), 0);
    UNIT_INT(sink_write(&sink, "a\nb\n", 4), 4);
    UNIT_INT(sink_write(&sink, "c\n", 2), 2);
    CU_ASSERT_STRING_EQUAL(content(path), "old\ntor\na\nb\nc\n");
    sink_close(&sink);
    close(fd);
    unlink(path);
}

static void test_a_full_device_takes_nothing(void)
{
    struct sink sink = SINK_NONE;
    struct error err;

    CU_ASSERT_EQUAL_FATAL(sink_open(&sink, "/dev/full", &err), 0);
    UNIT_INT(sink_write(&sink, "a\n", 2), 0);
    UNIT_INT(errno, ENOSPC);
    sink_close(&sink);
}

/* ---- Descriptors ---- */

static void test_own_makes_a_pipe_that_nobody_waits_for(void)
{
    char bytes[8192] = "";
    int ends[2];

    if (pipe(ends) != 0) CU_FAIL_FATAL("pipe");
    const int given = dup(ends[1]);

    sink_own(given);
    for (int i = 0; i < 1000 && write(given, bytes, sizeof(bytes)) > 0; i++) {}
    UNIT_INT(errno, EAGAIN);                           /* and not for ever */
    UNIT_INT(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0); /* others see no change */
    UNIT_INT(fcntl(given, F_GETFD) & FD_CLOEXEC, 0);   /* programs that are started have it */
    close(given);
    close(ends[0]);
    close(ends[1]);
    sink_own(-1);
}

static void test_stream_is_known_by_device_and_inode(void)
{
    struct stat st = {0};
    int ends[2];

    if (pipe(ends) != 0 || fstat(ends[1], &st) != 0) CU_FAIL_FATAL("pipe");
    char *name = mem_printf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    char *device = mem_printf("%llu:%llu", (unsigned long long)st.st_dev + 1, (unsigned long long)st.st_ino);
    char *inode = mem_printf("%llu:%llu", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino + 1);

    CU_ASSERT_TRUE(sink_is_stream(ends[1], name));
    CU_ASSERT_FALSE(sink_is_stream(ends[1], device));
    CU_ASSERT_FALSE(sink_is_stream(ends[1], inode));
    CU_ASSERT_FALSE(sink_is_stream(-1, name));
    CU_ASSERT_FALSE(sink_is_stream(ends[1], NULL));
    CU_ASSERT_FALSE(sink_is_stream(ends[1], ""));
    CU_ASSERT_FALSE(sink_is_stream(ends[1], "8"));
    CU_ASSERT_FALSE(sink_is_stream(ends[1], "x:y"));
    close(ends[0]);
    close(ends[1]);
    free(inode);
    free(device);
    free(name);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_torn_line_ends_before_the_next_begins),
    UNIT_TEST(test_a_file_may_end_in_a_torn_line),
    UNIT_TEST(test_a_full_device_takes_nothing),
    UNIT_TEST(test_own_makes_a_pipe_that_nobody_waits_for),
    UNIT_TEST(test_stream_is_known_by_device_and_inode),
    UNIT_TEST(test_sink_never_waits),
    UNIT_TEST(test_sink_file),
};
const struct unit_part sink_tests = UNIT_PART(tests);
