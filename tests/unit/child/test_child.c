/* What every child does, without a database. */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "rig.h"

/* A child that is ready at once. */
static int plain_run(const struct child_place *place, void *arg)
{
    const struct child_options options = {
        .program = "test", .role = "worker", .place = place, .memory_max_bytes = arg == NULL ? 0 : *(uint64_t *)arg};
    struct child *child;
    struct error err;

    if (child_new(&options, &child, &err) != 0) return EXIT_FAILURE;
    child_ready(child);
    child_ready(child);
    child_run(child);
    child_free(child);
    return EXIT_SUCCESS;
}

static void test_a_worker_is_ready_once_and_ends_at_term(void)
{
    struct rig rig;

    rig_open(&rig);
    rig.cells->requests = 7;
    rig.cells->in_flight = rig.cells->connections = rig.cells->migrations_pending = 3; /* of the one before */
    snprintf(rig.cells->last.route, sizeof(rig.cells->last.route), "/before");
    rig_start(&rig, plain_run, NULL);
    CU_ASSERT(rig_hears(&rig, "R"));
    UNIT_INT(rig.cells->accepting, 1);
    UNIT_INT(rig.cells->requests, 7);
    UNIT_INT(rig.cells->in_flight + rig.cells->connections + rig.cells->migrations_pending, 0);
    UNIT_STR(rig.cells->last.route, "");
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    UNIT_STR(rig.heard, "RT");
    UNIT_INT(rig.cells->accepting, 0);
    rig_close(&rig);
}

static void test_the_masters_end_drains(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, plain_run, NULL);
    CU_ASSERT(rig_hears(&rig, "R"));
    close(rig.channel.master_fd);
    rig.channel.master_fd = -1;
    CU_ASSERT(rig_until_ended(&rig));
    UNIT_INT(rig.cells->accepting, 0);
    rig_close(&rig);
}

static bool beats(struct rig *rig)
{
    const _Atomic uint64_t *heartbeat = rig->place.heartbeat_ms;
    uint64_t first = *heartbeat;

    for (unsigned i = 0; i < RIG_PATIENCE_MS / 5; i++) {
        if (*heartbeat > first) return true;
        usleep(5000);
    }
    return false;
}

/* A terminal's Ctrl-C reaches the whole group, and is the master's business. */
static void test_only_term_ends_it(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, plain_run, NULL);
    CU_ASSERT(rig_hears(&rig, "R"));
    static const int of_the_group[] = {SIGINT,  SIGHUP,  SIGPIPE, SIGQUIT, SIGTSTP,
                                       SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2, SIGXFSZ};

    for (size_t i = 0; i < countof(of_the_group); i++) kill(rig.pid, of_the_group[i]);
    CU_ASSERT(beats(&rig)); /* with the next tick they have arrived */
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
}

static void test_a_child_without_cells_has_a_heartbeat(void)
{
    struct rig rig;

    rig_open(&rig);
    rig.place.cells = NULL;
    rig.place.heartbeat_ms = &rig.board->of_other[0].heartbeat_ms;
    rig_start(&rig, plain_run, &(uint64_t){1}); /* nor does its memory count */
    CU_ASSERT(rig_hears(&rig, "R"));
    CU_ASSERT(beats(&rig));
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    UNIT_STR(rig.heard, "RT");
    UNIT_INT(rig.cells->heartbeat_ms, 0);
    rig_close(&rig);
}

static void test_a_worker_that_has_grown_asks_to_be_replaced_once(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, plain_run, &(uint64_t){1});
    CU_ASSERT(rig_hears(&rig, "RO"));
    UNIT_INT(rig.cells->accepting, 1); /* and serves on */
    CU_ASSERT(beats(&rig));
    CU_ASSERT(beats(&rig));
    CU_ASSERT(strstr(rig.said, "STRATSLAB_MAX_MEMORY") != NULL);
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    UNIT_STR(rig.heard, "ROT");
    rig_close(&rig);
}

static char log_path[64];

static int logging_run(const struct child_place *place, void *arg)
{
    struct error err;

    return log_open(arg, &err) != 0 ? EXIT_FAILURE : plain_run(place, NULL);
}

static void test_usr1_opens_the_log_again(void)
{
    char moved[80];
    struct rig rig;

    snprintf(log_path, sizeof(log_path), "/tmp/test_child.%d.log", getpid());
    snprintf(moved, sizeof(moved), "%s.1", log_path);
    rig_open(&rig);
    rig_start(&rig, logging_run, log_path);
    CU_ASSERT(rig_hears(&rig, "R"));
    UNIT_INT(rename(log_path, moved), 0);
    kill(rig.pid, SIGUSR1);
    for (unsigned i = 0; i < RIG_PATIENCE_MS / 5 && access(log_path, F_OK) != 0; i++) usleep(5000);
    UNIT_INT(access(log_path, F_OK), 0);
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    unlink(log_path);
    unlink(moved);
    rig_close(&rig);
}

static void note_drain(void *ctx, const char *why)
{
    struct child **child = ctx;

    (void)why;
    child_ready(*child); /* too late */
    child_recycle(*child, "nothing");
    child_end(*child);
}

static int note_run(const struct child_place *place, void *arg)
{
    struct child *child;
    const struct child_options options = {
        .program = "test", .role = "worker", .place = place, .ctx = &child, .drain = note_drain};
    struct error err;
    char long_text[256];

    (void)arg;
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    if (child_new(&options, &child, &err) != 0) return EXIT_FAILURE;
    child_set_last(child, long_text, slice_of("id"), long_text);
    raise(SIGTERM);
    child_run(child);
    child_free(child);
    return EXIT_SUCCESS;
}

static void test_what_it_works_on_is_cut_and_a_drain_is_final(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, note_run, NULL);
    CU_ASSERT(rig_until_ended(&rig));
    UNIT_STR(rig.heard, "");
    UNIT_INT(rig.cells->accepting, 0);
    UNIT_INT(strlen(rig.cells->last.route), sizeof(rig.cells->last.route) - 1);
    UNIT_STR(rig.cells->last.request_id, "id");
    UNIT_INT(strlen(rig.cells->last.statement), sizeof(rig.cells->last.statement) - 1);
    rig_close(&rig);
}

/* What it may still take, as it is asked: says it on standard error. */
static void finish_drain(void *ctx, const char *why)
{
    struct child **child = ctx;

    (void)why;
    fprintf(stderr, "%u ms\n", child_finish_ms(*child, 70));
    child_draining(*child);
    if (child_finish_ms(*child, 70) == 70) child_end(*child);
}

static int finish_run(const struct child_place *place, void *arg)
{
    struct child *child;
    const struct child_options options = {
        .program = "test", .role = "worker", .place = place, .ctx = &child, .drain = finish_drain};
    struct error err;

    (void)arg;
    if (child_new(&options, &child, &err) != 0) return EXIT_FAILURE;
    child_ready(child);
    child_run(child);
    child_free(child);
    return EXIT_SUCCESS;
}

static void test_a_child_is_given_less_time_when_it_is_asked_again(void)
{
    struct rig rig;

    rig_open(&rig);
    rig.place.retire_ms = 5000;
    rig_start(&rig, finish_run, NULL);
    CU_ASSERT(rig_hears(&rig, "R"));
    kill(rig.pid, SIGTERM); /* others go on in its place */
    CU_ASSERT(rig_hears(&rig, "RT"));
    kill(rig.pid, SIGTERM); /* there are too many of its kind */
    CU_ASSERT(rig_hears(&rig, "RTT"));
    rig.board->phase = SCOREBOARD_DRAINING; /* all of the service ends */
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    CU_ASSERT(strstr(rig.said, "5000 ms\n0 ms\n70 ms\n") != NULL);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_a_worker_is_ready_once_and_ends_at_term),
    UNIT_TEST(test_the_masters_end_drains),
    UNIT_TEST(test_only_term_ends_it),
    UNIT_TEST(test_a_child_without_cells_has_a_heartbeat),
    UNIT_TEST(test_a_worker_that_has_grown_asks_to_be_replaced_once),
    UNIT_TEST(test_usr1_opens_the_log_again),
    UNIT_TEST(test_what_it_works_on_is_cut_and_a_drain_is_final),
    UNIT_TEST(test_a_child_is_given_less_time_when_it_is_asked_again),
};
const struct unit_part child_tests = UNIT_PART(tests);

int main(void)
{
    const struct unit_part *const parts[] = {&child_tests, &crash_tests, &schema_tests, &session_tests};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!rig_setup()) return EXIT_FAILURE;
    int status = unit_main_parts("child", parts, countof(parts));

    rig_teardown();
    return status;
}
