/* A worker of nothing but a session, and what happens to it. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "rig.h"

static struct child_session_options session_options(const char *versions)
{
    return (struct child_session_options){
        .conninfo = rig_conninfo,
        .label = "the test's",
        .application_name = rig_name(),
        .limits = {.connect_timeout_ms = 10000, .statement_timeout_ms = 20000, .queue_max = 10},
        .schema_versions = versions == NULL ? "{}" : versions,
    };
}

int idler_run(const struct child_place *place, void *arg)
{
    static const struct idler plain = {.versions = NULL};
    const struct idler *idler = arg == NULL ? &plain : arg;
    const struct child_options options = {
        .program = "test", .role = "worker", .place = place, .memory_max_bytes = idler->memory_max_bytes};
    const struct child_session_options database = session_options(idler->versions);
    struct child *child;
    struct error err;

    if (child_new(&options, &child, &err) != 0) {
        log_error("the worker cannot start", LOG_STR("error", err.message));
        return EXIT_FAILURE;
    }
    struct child_session *session = child_session_new(child, &database);

    child_run(child);
    child_session_free(session);
    child_free(child);
    return EXIT_SUCCESS;
}

static const char *sessions(void)
{
    char sql[128];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM pg_stat_activity WHERE application_name = '%s'", rig_name());
    return rig_sql(sql);
}

static void test_ready_with_a_database_and_gone_at_term(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, idler_run, NULL);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    CU_ASSERT(rig_hears(&rig, "R"));
    UNIT_INT(rig.cells->accepting, 1);
    UNIT_STR(sessions(), "1");
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
    rig_start(&rig, idler_run, NULL);
    CU_ASSERT(rig_hears(&rig, "R"));
    close(rig.channel.master_fd);
    rig.channel.master_fd = -1;
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
}

static void test_a_database_that_goes_and_comes_back(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, idler_run, NULL);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    rig_admit(false);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_DOWN));
    UNIT_INT(rig.cells->accepting, 1);
    rig_admit(true);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    UNIT_STR(rig.heard, "RT"); /* one "ready" for both */
    rig_close(&rig);
}

static void test_a_worker_starts_without_its_database(void)
{
    struct rig rig;

    rig_admit(false);
    rig_open(&rig);
    rig_start(&rig, idler_run, NULL);
    CU_ASSERT(rig_hears(&rig, "R"));
    UNIT_INT(rig.cells->database, SCOREBOARD_DATABASE_DOWN);
    rig_admit(true);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
}

static void test_recycling_goes_on_beside_a_session(void)
{
    static struct idler heavy = {.memory_max_bytes = 1};
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, idler_run, &heavy);
    CU_ASSERT(rig_hears(&rig, "RO"));
    UNIT_INT(rig.cells->database, SCOREBOARD_DATABASE_READY);
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
}

/* ---- A worker that listens ---- */

static void listener_connected(void *ctx, uint64_t reconnects)
{
    struct scoreboard_worker *cells = ctx;

    cells->connections = (uint32_t)reconnects + 1; /* a cell that is nobody's here */
}

static void listener_notified(void *ctx, const char *channel, struct slice payload)
{
    struct scoreboard_worker *cells = ctx;

    if (strcmp(channel, "work") == 0 && slice_eq(payload, SLICE_LIT("now"))) cells->in_flight++; /* and so is this */
}

static int listener_run(const struct child_place *place, void *arg)
{
    static const char *const channels[] = {"work"};
    const struct child_options options = {.program = "test", .role = "worker", .place = place};
    struct child_session_options database = session_options(NULL);
    struct child *child;
    struct error err;

    (void)arg;
    database.ctx = place->cells;
    database.channels = channels;
    database.channel_count = countof(channels);
    database.connected = listener_connected;
    database.notified = listener_notified;
    if (child_new(&options, &child, &err) != 0) return EXIT_FAILURE;
    struct child_session *session = child_session_new(child, &database);

    child_run(child);
    child_session_free(session);
    child_free(child);
    return EXIT_SUCCESS;
}

static void test_notifications_go_on_after_a_loss(void)
{
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, listener_run, NULL);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    UNIT_INT(rig.cells->connections, 1);
    rig_sql_inside("NOTIFY work, 'now'");
    CU_ASSERT(rig_until_equal(&rig.cells->in_flight, 1));
    rig_admit(false);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_DOWN));
    rig_admit(true);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_READY));
    UNIT_INT(rig.cells->connections, 2);
    rig_sql_inside("NOTIFY work, 'now'");
    CU_ASSERT(rig_until_equal(&rig.cells->in_flight, 2));
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
}

/* ---- A worker that works with a schema of its own only ---- */

struct choosy {
    struct child *child;
    struct child_session *session;
    struct scoreboard_worker *cells;
};

static void choosy_known(void *ctx)
{
    struct choosy *c = ctx;

    c->cells->in_flight = child_session_fits(c->session) ? 2 : 1; /* a cell that is nobody's here */
    child_ready(c->child);
}

static void choosy_fits(void *ctx)
{
    struct choosy *c = ctx;

    c->cells->connections += child_session_fits(c->session) ? 1 : 100; /* and so is this */
}

static int choosy_run(const struct child_place *place, void *arg)
{
    struct choosy c = {.cells = place->cells};
    const struct child_options options = {.program = "test", .role = "worker", .place = place};
    struct child_session_options database = session_options(NULL);
    struct error err;

    (void)arg;
    database.ctx = &c;
    database.schema_versions = "{1,2}";
    database.known = choosy_known;
    database.fits = choosy_fits;
    if (child_new(&options, &c.child, &err) != 0) return EXIT_FAILURE;
    c.session = child_session_new(c.child, &database);
    child_run(c.child);
    child_session_free(c.session);
    child_free(c.child);
    return EXIT_SUCCESS;
}

static void test_that_the_schema_fits_is_said_when_it_does_and_after_a_loss(void)
{
    struct rig rig;

    rig_sql_inside("INSERT INTO schema_migrations VALUES ('1')");
    rig_open(&rig);
    rig_start(&rig, choosy_run, NULL);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_MISMATCH));
    CU_ASSERT(rig_until_equal(&rig.cells->in_flight, 1));
    UNIT_INT(rig.cells->connections, 0);
    rig_sql_inside("INSERT INTO schema_migrations VALUES ('2'), ('3')");
    CU_ASSERT(rig_until_equal(&rig.cells->connections, 1));
    UNIT_INT(rig.cells->database, SCOREBOARD_DATABASE_READY);
    rig_admit(false);
    CU_ASSERT(rig_until_database(&rig, SCOREBOARD_DATABASE_DOWN));
    UNIT_INT(rig.cells->connections, 1);
    rig_admit(true);
    CU_ASSERT(rig_until_equal(&rig.cells->connections, 2));
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    rig_close(&rig);
    rig_sql_inside("TRUNCATE schema_migrations");
}

/* ---- A worker with work under way ---- */

static const struct db_statement sleep_statement = {"sleep", "SELECT pg_sleep(600)", DB_READ, 0, {0}, false};
static const struct db_statement *const statements[] = {&sleep_statement};

struct sleeper {
    struct child *child;
    struct child_session *session;
    _Atomic uint32_t *outcome; /* of the query and one more; 0: it has none */
    unsigned drain_ms;
    bool ends_with_its_query;
};

static void sleeper_done(void *arg, const struct db_result *result)
{
    struct sleeper *s = arg;

    *s->outcome = db_result_outcome(result) + 1U;
    if (s->ends_with_its_query) child_end(s->child);
}

static void sleeper_known(void *ctx)
{
    struct sleeper *s = ctx;
    enum db_outcome refused;

    if (db_submit(child_session_db(s->session), &sleep_statement, NULL, sleeper_done, s, &refused) != NULL) {
        child_ready(s->child);
    }
}

static void sleeper_drain(void *ctx, const char *why)
{
    struct sleeper *s = ctx;

    (void)why;
    child_draining(s->child);
    child_session_drain(s->session, s->drain_ms);
}

static int sleeper_run(const struct child_place *place, void *arg)
{
    struct sleeper *s = arg;
    const struct child_options options = {
        .program = "test", .role = "worker", .place = place, .ctx = s, .drain = sleeper_drain};
    struct child_session_options database = session_options(NULL);
    struct error err;

    database.ctx = s;
    database.known = sleeper_known;
    database.statements = statements;
    database.statement_count = countof(statements);
    s->outcome = &place->cells->connections; /* a cell that is nobody's here */
    if (child_new(&options, &s->child, &err) != 0) return EXIT_FAILURE;
    s->session = child_session_new(s->child, &database);
    child_run(s->child);
    child_session_free(s->session);
    child_free(s->child);
    return EXIT_SUCCESS;
}

static bool sleeps(void)
{
    char sql[128];

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM pg_stat_activity WHERE datname = '%s' AND wait_event = 'PgSleep'",
             rig_name());
    for (unsigned i = 0; i < RIG_PATIENCE_MS / 5; i++) {
        if (strcmp(rig_sql(sql), "1") == 0) return true;
        usleep(5000);
    }
    return false;
}

static void test_what_does_not_end_in_a_drain_is_cancelled(void)
{
    struct sleeper sleeper = {.drain_ms = 50, .ends_with_its_query = true};
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, sleeper_run, &sleeper);
    CU_ASSERT(rig_hears(&rig, "R"));
    CU_ASSERT(sleeps());
    CU_ASSERT(rig_until_equal(&rig.cells->queue_depth, 1)); /* by the tick */
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    UNIT_INT(rig.cells->connections, DB_TIMEOUT + 1);
    CU_ASSERT(strstr(rig.said, "the time of a graceful stop is up") != NULL);
    rig_close(&rig);
}

static void test_a_drain_ends_even_if_its_worker_does_not_end_it(void)
{
    struct sleeper sleeper = {.drain_ms = 50};
    struct rig rig;

    rig_open(&rig);
    rig_start(&rig, sleeper_run, &sleeper);
    CU_ASSERT(rig_hears(&rig, "R"));
    CU_ASSERT(sleeps());
    kill(rig.pid, SIGTERM);
    CU_ASSERT(rig_until_ended(&rig));
    UNIT_STR(rig.heard, "RT");
    UNIT_INT(rig.cells->connections, DB_TIMEOUT + 1);
    rig_close(&rig);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_ready_with_a_database_and_gone_at_term),
    UNIT_TEST(test_the_masters_end_drains),
    UNIT_TEST(test_a_database_that_goes_and_comes_back),
    UNIT_TEST(test_a_worker_starts_without_its_database),
    UNIT_TEST(test_recycling_goes_on_beside_a_session),
    UNIT_TEST(test_notifications_go_on_after_a_loss),
    UNIT_TEST(test_that_the_schema_fits_is_said_when_it_does_and_after_a_loss),
    UNIT_TEST(test_what_does_not_end_in_a_drain_is_cancelled),
    UNIT_TEST(test_a_drain_ends_even_if_its_worker_does_not_end_it),
};
const struct unit_part session_tests = UNIT_PART(tests);
