#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/channel.h"
#include "ipc/scoreboard.h"
#include "unit.h"

static void test_channel_carries_messages_and_its_end(void)
{
    struct channel channel;
    struct error err;
    char messages[4];

    CU_ASSERT_EQUAL_FATAL(channel_open(&channel, &err), 0);
    UNIT_INT(channel_hear(channel.master_fd, messages, sizeof(messages)), 0);
    channel_say(channel.child_fd, CHANNEL_READY);
    channel_say(channel.child_fd, CHANNEL_RETIRING);
    UNIT_INT(channel_hear(channel.master_fd, messages, sizeof(messages)), 2);
    UNIT_INT(messages[0], CHANNEL_READY);
    UNIT_INT(messages[1], CHANNEL_RETIRING);
    close(channel.child_fd);
    UNIT_INT(channel_hear(channel.master_fd, messages, sizeof(messages)), -1);
    channel_say(channel.master_fd, CHANNEL_READY); /* to nobody: no signal, no error */
    close(channel.master_fd);
}

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
    static struct scoreboard_story told = {
        .executable = "/x", .version = "1", .reload = {.number = 7, .reason = "why"}};
    static struct scoreboard_story heard;

    scoreboard_tell(&board, &told);
    scoreboard_hear(&board, &heard);
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

static uint64_t bucket_of(uint64_t ns)
{
    struct metrics_histogram histogram = {.sum_ns = 0};
    uint64_t found = METRICS_BUCKETS;

    metrics_observe(&histogram, ns);
    UNIT_INT(histogram.sum_ns, ns);
    for (unsigned i = 0; i < METRICS_BUCKETS; i++) {
        if (histogram.bucket[i] == 0) continue;
        UNIT_INT(histogram.bucket[i], 1);
        UNIT_INT(found, METRICS_BUCKETS); /* one alone */
        found = i;
    }
    return found;
}

static void test_a_duration_falls_into_the_first_bucket_that_holds_it(void)
{
    UNIT_INT(bucket_of(0), 0);
    for (unsigned i = 0; i < METRICS_BUCKETS - 1; i++) {
        UNIT_INT(bucket_of(metrics_bounds_ns[i]), i); /* "le" is "at most" */
        UNIT_INT(bucket_of(metrics_bounds_ns[i] + 1), i + 1);
        if (i > 0) CU_ASSERT(metrics_bounds_ns[i] > metrics_bounds_ns[i - 1]);
    }
    UNIT_INT(bucket_of(UINT64_MAX), METRICS_BUCKETS - 1);
}

static void test_each_status_has_a_class(void)
{
    static const struct {
        unsigned status;
        const char *class;
    } cases[] = {{0, "none"},  {200, "2xx"}, {299, "2xx"}, {304, "3xx"}, {400, "4xx"},
                 {499, "4xx"}, {500, "5xx"}, {599, "5xx"}, {999, "5xx"}};

    for (size_t i = 0; i < countof(cases); i++) {
        UNIT_STR(metrics_class_name(metrics_class(cases[i].status)), cases[i].class);
    }
}

static void test_a_name_keeps_its_number_whatever_is_learned_later(void)
{
    static struct metrics_catalog catalog;
    unsigned a = metrics_learn(&catalog, 4, "GET", "/a");
    unsigned b = metrics_learn(&catalog, 4, "GET", "/b");

    CU_ASSERT(a != METRICS_OTHER && b != METRICS_OTHER && a != b);
    /* The next executable has no /b, but others. */
    unsigned c = metrics_learn(&catalog, 4, "POST", "/a");

    UNIT_INT(metrics_learn(&catalog, 4, "GET", "/a"), a);
    UNIT_INT(metrics_find(&catalog, "GET", "/b"), b);
    UNIT_INT(metrics_find(&catalog, "POST", "/a"), c);
    UNIT_INT(metrics_find(&catalog, "GET", "/c"), METRICS_OTHER);
    /* It is full. */
    UNIT_INT(metrics_learn(&catalog, 4, "GET", "/d"), METRICS_OTHER);
    UNIT_INT(catalog.count, 4);
    UNIT_STR(catalog.names[METRICS_OTHER].route, "other");
}

static void test_a_catalog_never_has_more_names_than_it_has_room_for(void)
{
    static struct metrics_catalog catalog;
    char route[METRICS_ROUTE_BYTES + 40];

    for (unsigned i = 0; i < 2 * METRICS_NAMES_MAX; i++) {
        snprintf(route, sizeof(route), "/%u/%0100u", i, 1U);
        unsigned at = metrics_learn(&catalog, 2 * METRICS_NAMES_MAX, "A-METHOD-OF-GREAT-LENGTH", route);

        UNIT_INT(at, i + 1 < METRICS_NAMES_MAX ? i + 1 : METRICS_OTHER);
        UNIT_INT(metrics_find(&catalog, "A-METHOD-OF-GREAT-LENGTH", route), at);
    }
}

static void test_each_death_has_a_cause(void)
{
    UNIT_STR(metrics_cause_name(metrics_cause_of_signal(SIGSEGV)), "SIGSEGV");
    UNIT_STR(metrics_cause_name(metrics_cause_of_signal(SIGKILL)), "SIGKILL");
    UNIT_STR(metrics_cause_name(metrics_cause_of_signal(SIGXCPU)), "signal");
    for (unsigned i = 0; i < METRICS_CAUSE_COUNT; i++) CU_ASSERT_PTR_NOT_NULL(metrics_cause_name(i));
}

int main(void)
{
    static const struct unit_test tests[] = {
        UNIT_TEST(test_channel_carries_messages_and_its_end),
        UNIT_TEST(test_scoreboard_is_shared_with_a_child),
        UNIT_TEST(test_the_story_is_heard_as_it_was_told),
        UNIT_TEST(test_health_is_the_phase_then_the_best_worker),
        UNIT_TEST(test_a_duration_falls_into_the_first_bucket_that_holds_it),
        UNIT_TEST(test_each_status_has_a_class),
        UNIT_TEST(test_a_name_keeps_its_number_whatever_is_learned_later),
        UNIT_TEST(test_a_catalog_never_has_more_names_than_it_has_room_for),
        UNIT_TEST(test_each_death_has_a_cause),
    };

    return unit_main("ipc", tests, countof(tests));
}
