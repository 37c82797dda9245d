#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/pages.h"
#include "test_ipc.h"

static const struct pages_owner worker_3 = {.is_worker = true, .at = 3};
static const struct pages_owner other_2 = {.at = 2};

static struct pages rig_open(void)
{
    struct pages pages = {.fd = -1, .read_fd = -1};
    struct error err;

    CU_ASSERT_EQUAL_FATAL(pages_open(&pages, &err), 0);
    return pages;
}

/* How a child ends that has these pages and does that: its exit status, or the negative number of its signal. */
static int rig_child(struct pages *pages, const struct pages_owner *owner, void (*act)(struct scoreboard *board))
{
    struct error err;
    int status = 0;

    fflush(NULL);
    const pid_t pid = fork();

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL); /* also under a sanitizer */
        if (pages_enter(pages, owner, &err) != 0) _exit(99);
        act(pages->board);
        _exit(0);
    }
    UNIT_INT(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void write_own(struct scoreboard *board)
{
    board->of_worker[3].worker.requests = 42;
    board->of_worker[3].counted.cells[METRICS_CELLS_MAX - 1] = 7;
}

static void write_own_as_other(struct scoreboard *board)
{
    board->of_other[2].heartbeat_ms = 42;
}

static void write_master_first(struct scoreboard *board)
{
    board->phase = 1;
}

static void write_master_last(struct scoreboard *board)
{
    board->rest[0] = 1;
}

static void write_place(struct scoreboard *board)
{
    board->place[3].pid = 1;
}

static void write_before(struct scoreboard *board)
{
    board->of_worker[2].rest[0] = 1;
}

static void write_after(struct scoreboard *board)
{
    board->of_worker[4].worker.accepting = 1;
}

static void write_other(struct scoreboard *board)
{
    board->of_other[2].heartbeat_ms = 1;
}

static void write_worker(struct scoreboard *board)
{
    board->of_worker[3].worker.accepting = 1;
}

static void test_a_child_writes_its_own_pages_only(void)
{
    struct pages pages = rig_open();
    static const struct {
        const struct pages_owner *owner;
        void (*act)(struct scoreboard *board);
        int end;
    } cases[] = {
        {&worker_3, write_own, 0},
        {&other_2, write_own_as_other, 0},
        {&worker_3, write_master_first, -SIGSEGV},
        {&worker_3, write_master_last, -SIGSEGV},
        {&worker_3, write_place, -SIGSEGV},
        {&worker_3, write_before, -SIGSEGV},
        {&worker_3, write_after, -SIGSEGV},
        {&worker_3, write_other, -SIGSEGV},
        {&other_2, write_worker, -SIGSEGV},
        {&other_2, write_place, -SIGSEGV},
    };

    for (size_t i = 0; i < countof(cases); i++) UNIT_INT(rig_child(&pages, cases[i].owner, cases[i].act), cases[i].end);
    UNIT_INT(pages.board->of_worker[3].worker.requests, 42);
    UNIT_INT(pages.board->of_worker[3].counted.cells[METRICS_CELLS_MAX - 1], 7);
    UNIT_INT(pages.board->of_other[2].heartbeat_ms, 42);

    struct pages again = {.fd = pages.fd, .read_fd = -1};
    struct error err;

    CU_ASSERT_EQUAL_FATAL(pages_open(&again, &err), 0); /* as after a re-exec */
    UNIT_INT(again.board->of_worker[3].worker.requests, 42);
    again.board->phase = SCOREBOARD_SERVING;
    UNIT_INT(pages.board->phase, SCOREBOARD_SERVING);
    munmap(again.board, sizeof(*again.board));
    close(again.read_fd);
    pages_close(&pages);
}

/* Whatever it asks the kernel for: its own pages are all that it has for writing. */
static void ask_for_more(struct scoreboard *board)
{
    char *from = (char *)board;
    const size_t own = (size_t)((char *)&board->of_worker[3] - from);
    const size_t end = own + sizeof(board->of_worker[3]);

    if (mprotect(from, own, PROT_READ | PROT_WRITE) == 0) _exit(1);
    if (mprotect(from + end, sizeof(*board) - end, PROT_READ | PROT_WRITE) == 0) _exit(2);
    for (int fd = 0; fd < 256; fd++) {
        if (fcntl(fd, F_GET_SEALS) > 0) _exit(3);
    }
    int status = 0;
    const pid_t pid = fork();

    if (pid == 0) {
        signal(SIGSEGV, SIG_DFL);
        board->of_worker[3].worker.accepting = 1;
        _exit(0);
    }
    if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status)) _exit(4);
}

static void test_a_child_gets_no_more(void)
{
    struct pages pages = rig_open();

    UNIT_INT(rig_child(&pages, &worker_3, ask_for_more), 0);
    CU_ASSERT(mprotect(&pages.board->of_worker[3], sizeof(pages.board->of_worker[3]), PROT_READ | PROT_WRITE) != 0);
    CU_ASSERT(ftruncate(pages.fd, 4096) != 0);
    CU_ASSERT(ftruncate(pages.fd, 2 * (off_t)sizeof(struct scoreboard)) != 0);
    pages_close(&pages);
}

static void write_anything(struct scoreboard *board)
{
    memset(&board->of_worker[3], 0xff, sizeof(board->of_worker[3]));
}

static void count_little(struct scoreboard *board)
{
    board->of_worker[3].worker.requests = 5;
    board->of_worker[3].counted.cells[METRICS_NOWHERE_CELLS] = 6;
    board->of_worker[3].counted.cells[METRICS_NOWHERE_CELLS + 1] = UINT64_MAX;
}

/* What was counted goes on, what cannot have been counted does not, and the rest begins anew. */
static void test_the_next_child_goes_on(void)
{
    static const struct metrics_row rows[] = {
        {.name = "asked_total", .type = METRICS_COUNTER, .by = METRICS_BY_WORKER, .help = "Asked."},
        {.name = "told_total",
         .type = METRICS_COUNTER,
         .unit = METRICS_BYTES,
         .by = METRICS_BY_WORKER,
         .help = "Told."}};
    static const struct metrics_table table = {rows, countof(rows)};
    struct pages pages = rig_open();
    const struct scoreboard_worker_pages *own = &pages.board->of_worker[3];
    struct error err;

    pages.board->started_ms = clock_monotonic_ms();
    UNIT_INT(metrics_register_table(&pages.board->metrics, &table), 0);
    UNIT_INT(rig_child(&pages, &worker_3, count_little), 0);
    UNIT_INT(pages_prepare(&pages, &worker_3, &err), 0);
    UNIT_INT(own->worker.requests, 5);
    UNIT_INT(own->counted.cells[METRICS_NOWHERE_CELLS], 6);
    UNIT_INT(own->counted.cells[METRICS_NOWHERE_CELLS + 1], 0);
    UNIT_INT(rig_child(&pages, &worker_3, write_anything), 0);
    UNIT_INT(pages_prepare(&pages, &worker_3, &err), 0);
    UNIT_INT(own->worker.requests, 0);
    UNIT_INT(own->worker.accepting, 0);
    UNIT_INT(own->worker.last.route[0], 0);
    UNIT_INT(own->counted.cells[METRICS_NOWHERE_CELLS], 0);
    UNIT_INT(pages_prepare(&pages, &other_2, &err), 0);
    CU_ASSERT(pages.board->of_other[2].heartbeat_ms > 0);
    pages_close(&pages);
}

/* A memory whose size can be changed could end whoever reads it. */
static void test_memory_of_another_kind_is_refused(void)
{
    struct pages pages = {.fd = memfd_create("unsealed", MFD_CLOEXEC), .read_fd = -1};
    struct error err;

    CU_ASSERT_FATAL(pages.fd >= 0);
    UNIT_INT(pages_open(&pages, &err), -1);
    CU_ASSERT(strstr(err.message, "another size") != NULL);
    CU_ASSERT_FATAL(ftruncate(pages.fd, sizeof(struct scoreboard)) == 0);
    UNIT_INT(pages_open(&pages, &err), -1);
    CU_ASSERT(strstr(err.message, "can be changed") != NULL);
    close(pages.fd);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_child_writes_its_own_pages_only),
    UNIT_TEST(test_a_child_gets_no_more),
    UNIT_TEST(test_the_next_child_goes_on),
    UNIT_TEST(test_memory_of_another_kind_is_refused),
};
const struct unit_part pages_tests = UNIT_PART(tests);
