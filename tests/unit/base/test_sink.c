#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/sink.h"
#include "test_base.h"

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

static const struct unit_test tests[] = {
    UNIT_TEST(test_sink_never_waits),
    UNIT_TEST(test_sink_file),
};
const struct unit_part sink_tests = UNIT_PART(tests);
