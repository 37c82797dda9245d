#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/scoreboard.h"
#include "test_ipc.h"

static void test_scoreboard_is_shared_with_a_child(void)
{
    struct scoreboard *board;
    struct error err;
    int status = -1;

    int fd = -1;

    CU_ASSERT_EQUAL_FATAL(scoreboard_open(&fd, &board, &err), 0);
    UNIT_INT(board->phase, SCOREBOARD_STARTING);
    pid_t pid = fork();

    if (pid == 0) {
        board->worker[3].requests = 42;
        _exit(0);
    }
    UNIT_INT(waitpid(pid, &status, 0), pid);
    UNIT_INT(board->worker[3].requests, 42);

    struct scoreboard *again;

    CU_ASSERT_EQUAL_FATAL(scoreboard_open(&fd, &again, &err), 0); /* as after a re-exec */
    UNIT_INT(again->worker[3].requests, 42);
    munmap(again, sizeof(*again));
    close(fd);
    munmap(board, sizeof(*board));
}

static void test_the_story_is_heard_as_it_was_told(void)
{
    static struct scoreboard board;
    static struct scoreboard_details told = {
        .executable = "/x", .version = "1", .reload = {.number = 7, .reason = "why"}};
    static struct scoreboard_details heard;

    scoreboard_publish(&board, &told);
    scoreboard_read(&board, &heard);
    UNIT_STR(heard.executable, "/x");
    UNIT_INT(heard.reload.number, 7);
    UNIT_STR(heard.reload.reason, "why");
}

static void test_health_is_the_phase_then_the_best_worker(void)
{
    static struct scoreboard board;
    static const struct {
        enum scoreboard_phase phase;
        enum scoreboard_database databases[2];
        unsigned accepting[2];
        const char *expected;
    } cases[] = {
        {SCOREBOARD_STARTING, {SCOREBOARD_DATABASE_READY, SCOREBOARD_DATABASE_READY}, {1, 1}, "starting"},
        {SCOREBOARD_MIGRATING, {SCOREBOARD_DATABASE_READY, SCOREBOARD_DATABASE_READY}, {0, 0}, "migrating"},
        {SCOREBOARD_SERVING, {SCOREBOARD_DATABASE_READY, SCOREBOARD_DATABASE_READY}, {0, 0}, "starting"},
        {SCOREBOARD_SERVING, {SCOREBOARD_DATABASE_DOWN, SCOREBOARD_DATABASE_READY}, {1, 1}, "ok"},
        {SCOREBOARD_SERVING, {SCOREBOARD_DATABASE_DOWN, SCOREBOARD_DATABASE_READY}, {1, 0}, "database_down"},
        {SCOREBOARD_SERVING, {SCOREBOARD_DATABASE_MISMATCH, SCOREBOARD_DATABASE_MISMATCH}, {1, 1}, "schema_mismatch"},
        {SCOREBOARD_SERVING, {SCOREBOARD_DATABASE_READY, SCOREBOARD_DATABASE_MISMATCH}, {1, 1}, "schema_mismatch"},
        {SCOREBOARD_SERVING, {SCOREBOARD_DATABASE_READY, SCOREBOARD_DATABASE_MISMATCH}, {1, 0}, "ok"},
        {SCOREBOARD_SERVING, {SCOREBOARD_DATABASE_DOWN, SCOREBOARD_DATABASE_MISMATCH}, {1, 1}, "schema_mismatch"},
        {SCOREBOARD_DRAINING, {SCOREBOARD_DATABASE_READY, SCOREBOARD_DATABASE_READY}, {1, 1}, "draining"},
    };

    board.workers = 2;
    for (size_t i = 0; i < countof(cases); i++) {
        board.phase = cases[i].phase;
        for (unsigned w = 0; w < 2; w++) {
            board.worker[w].pid = 1;
            board.worker[w].database = cases[i].databases[w];
            board.worker[w].accepting = cases[i].accepting[w];
        }
        UNIT_STR(health_words[scoreboard_health(&board)], cases[i].expected);
    }
    board.phase = SCOREBOARD_SERVING;
    UNIT_STR(health_words[scoreboard_worker_health(&board, &board.worker[0])], "ok");
    board.worker[0].database = SCOREBOARD_DATABASE_DOWN;
    UNIT_STR(health_words[scoreboard_worker_health(&board, &board.worker[0])], "database_down");
}

/* Of one publication, or of none. */
static void test_addresses(void)
{
    static struct scoreboard_worker worker;
    char text[SCOREBOARD_ADDRESSES_BYTES];

    CU_ASSERT(!scoreboard_read_addresses(&worker, text));
    scoreboard_publish_addresses(&worker, "db=192.0.2.1");
    CU_ASSERT(scoreboard_read_addresses(&worker, text));
    UNIT_STR(text, "db=192.0.2.1");
    worker.addresses.sequence |= 1; /* its worker died in the middle */
    CU_ASSERT(!scoreboard_read_addresses(&worker, text));
    scoreboard_publish_addresses(&worker, "db=192.0.2.2");
    CU_ASSERT(scoreboard_read_addresses(&worker, text));
    UNIT_STR(text, "db=192.0.2.2");
    scoreboard_publish_addresses(&worker, "");
    CU_ASSERT(!scoreboard_read_addresses(&worker, text));
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_scoreboard_is_shared_with_a_child),
    UNIT_TEST(test_the_story_is_heard_as_it_was_told),
    UNIT_TEST(test_health_is_the_phase_then_the_best_worker),
    UNIT_TEST(test_addresses),
};
const struct unit_part scoreboard_tests = UNIT_PART(tests);
