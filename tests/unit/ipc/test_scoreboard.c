#include <string.h>

#include "base/clock.h"
#include "ipc/scoreboard.h"
#include "test_ipc.h"

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
            board.place[w].pid = 1;
            board.of_worker[w].worker.database = cases[i].databases[w];
            board.of_worker[w].worker.accepting = cases[i].accepting[w];
        }
        UNIT_STR(health_words[scoreboard_health(&board)], cases[i].expected);
    }
    board.phase = SCOREBOARD_SERVING;
    UNIT_STR(health_words[scoreboard_worker_health(&board, SCOREBOARD_DATABASE_READY)], "ok");
    UNIT_STR(health_words[scoreboard_worker_health(&board, SCOREBOARD_DATABASE_DOWN)], "database_down");
}

static void test_addresses_are_text(void)
{
    static char much[SCOREBOARD_ADDRESSES_BYTES + 1];

    memset(much, 'a', sizeof(much) - 1);
    CU_ASSERT(scoreboard_is_addresses("db=192.0.2.1,2001:db8::1 other=192.0.2.2"));
    CU_ASSERT(!scoreboard_is_addresses(""));
    CU_ASSERT(!scoreboard_is_addresses("db=192.0.2.1\n"));
    CU_ASSERT(!scoreboard_is_addresses("db=\xff"));
    CU_ASSERT(!scoreboard_is_addresses(much));
}

/* Nothing that a worker could have written, and then what it could have written. */
static void test_what_a_worker_says_is_what_it_could_say(void)
{
    static struct scoreboard board;
    struct scoreboard_worker *worker = &board.of_worker[1].worker;
    struct scoreboard_seen seen;

    board.started_ms = board.place[1].started_ms = clock_monotonic_ms() - 10;
    board.place[1].pid = 7;
    board.place[1].state = UINT32_MAX;
    board.workers = UINT32_MAX;
    memset(worker, 0xff, sizeof(*worker));
    scoreboard_look(&board, 1, &seen);
    UNIT_INT(scoreboard_places(&board), SCOREBOARD_WORKERS_MAX);
    UNIT_INT(seen.pid, 7);
    UNIT_STR(scoreboard_worker_name(seen.state), "unknown");
    UNIT_STR(scoreboard_database_name(seen.database), "unknown");
    UNIT_STR(scoreboard_reload_name(99), "unknown");
    UNIT_INT(seen.accepting, false);
    UNIT_INT(seen.requests, 0);
    UNIT_INT(seen.migrations_pending, 0);
    UNIT_INT(seen.heartbeat_ms, board.place[1].started_ms);
    UNIT_INT(strlen(seen.last.route), sizeof(seen.last.route) - 1);
    UNIT_INT(seen.last.route[0], '?');
    UNIT_STR(health_words[scoreboard_worker_health(&board, seen.database)], "starting");
    worker->accepting = 1;
    worker->database = SCOREBOARD_DATABASE_DOWN;
    worker->requests = 1000;
    worker->heartbeat_ms = board.place[1].started_ms + 5;
    scoreboard_look(&board, 1, &seen);
    UNIT_INT(seen.accepting, true);
    UNIT_INT(seen.database, SCOREBOARD_DATABASE_DOWN);
    UNIT_INT(seen.requests, 1000);
    UNIT_INT(seen.heartbeat_ms, board.place[1].started_ms + 5);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_the_story_is_heard_as_it_was_told),
    UNIT_TEST(test_health_is_the_phase_then_the_best_worker),
    UNIT_TEST(test_addresses_are_text),
    UNIT_TEST(test_what_a_worker_says_is_what_it_could_say),
};
const struct unit_part scoreboard_tests = UNIT_PART(tests);
