#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

const char *rig_conninfo;

static char *rig_conninfo_owned;
static char rig_database[32];
static PGconn *rig_outside; /* in the database of STRATSLAB_TEST_DATABASE_URL */

const char *rig_name(void)
{
    return rig_database;
}

static const char *rig_ask(PGconn *conn, const char *sql)
{
    static char value[RIG_TEXT_BYTES];
    PGresult *pg = PQexec(conn, sql);

    value[0] = '\0';
    if (PQresultStatus(pg) == PGRES_TUPLES_OK && PQntuples(pg) > 0) {
        snprintf(value, sizeof(value), "%s", PQgetvalue(pg, 0, 0));
    } else if (PQresultStatus(pg) != PGRES_COMMAND_OK && PQresultStatus(pg) != PGRES_TUPLES_OK) {
        snprintf(value, sizeof(value), "%s", PQerrorMessage(conn));
        fprintf(stderr, "%s: %s", sql, value);
    }
    PQclear(pg);
    return value;
}

const char *rig_sql(const char *sql)
{
    return rig_ask(rig_outside, sql);
}

const char *rig_sql_inside(const char *sql)
{
    PGconn *conn = PQconnectdb(rig_conninfo);
    const char *value = rig_ask(conn, sql);

    PQfinish(conn);
    return value;
}

static char *rig_make_conninfo(const char *url)
{
    PQconninfoOption *info = PQconninfoParse(url, NULL);
    struct buf b = {0};

    for (PQconninfoOption *o = info; o != NULL && o->keyword != NULL; o++) {
        const char *value = strcmp(o->keyword, "dbname") == 0 ? rig_database : o->val;

        if (value != NULL) buf_printf(&b, "%s='%s' ", o->keyword, value);
    }
    PQconninfoFree(info);
    buf_cstr(&b);
    return b.data;
}

bool rig_setup(void)
{
    const char *url = getenv("STRATSLAB_TEST_DATABASE_URL");
    char sql[96];

    if (url == NULL || url[0] == '\0') {
        fprintf(stderr, "STRATSLAB_TEST_DATABASE_URL is not set: these tests need a private PostgreSQL, and the "
                        "connection string of a superuser in it\n");
        return false;
    }
    snprintf(rig_database, sizeof(rig_database), "child_test_%d", getpid());
    rig_outside = PQconnectdb(url);
    if (PQstatus(rig_outside) != CONNECTION_OK) {
        fprintf(stderr, "%s: %s", url, PQerrorMessage(rig_outside));
        return false;
    }
    rig_conninfo = rig_conninfo_owned = rig_make_conninfo(url);
    snprintf(sql, sizeof(sql), "CREATE DATABASE %s", rig_database);
    if (rig_sql(sql)[0] != '\0') return false;
    return rig_sql_inside("CREATE TABLE schema_migrations (version text PRIMARY KEY)")[0] == '\0';
}

void rig_teardown(void)
{
    char sql[96];

    snprintf(sql, sizeof(sql), "DROP DATABASE IF EXISTS %s WITH (FORCE)", rig_database);
    rig_sql(sql);
    PQfinish(rig_outside);
    free(rig_conninfo_owned);
}

void rig_admit(bool on)
{
    char sql[160];

    snprintf(sql, sizeof(sql), "ALTER DATABASE %s ALLOW_CONNECTIONS %s", rig_database, on ? "true" : "false");
    UNIT_STR(rig_sql(sql), "");
    if (on) return;
    snprintf(sql, sizeof(sql), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '%s'",
             rig_database);
    rig_sql(sql);
}

void rig_open(struct rig *rig)
{
    struct error err;

    *rig = (struct rig){.pid = -1, .error_fd = -1};
    /* Here the test writes as well. */
    rig->board = mmap(NULL, sizeof(*rig->board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_FATAL(rig->board != MAP_FAILED);
    rig->cells = &rig->board->of_worker[0].worker;
    CU_ASSERT_EQUAL_FATAL(channel_open(&rig->channel, &err), 0);
    rig->place = (struct child_place){
        .channel_fd = rig->channel.child_fd,
        .board = rig->board,
        .cells = rig->cells,
        .counted = &rig->board->of_worker[0].counted,
        .heartbeat_ms = &rig->cells->heartbeat_ms,
    };
}

void rig_start(struct rig *rig, int (*run)(const struct child_place *place, void *arg), void *arg)
{
    int ends[2];

    CU_ASSERT_EQUAL_FATAL(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    rig->pid = fork();
    CU_ASSERT_FATAL(rig->pid >= 0);
    if (rig->pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(rig->channel.master_fd);
        exit(run(&rig->place, arg));
    }
    close(ends[1]);
    close(rig->channel.child_fd);
    rig->error_fd = ends[0];
    fcntl(rig->error_fd, F_SETFL, O_NONBLOCK);
}

/* The channel first: what the child wrote before it said something is then there too. And it never waits for us. */
static void rig_listen(struct rig *rig)
{
    char rest[256];
    size_t len = strlen(rig->heard);
    struct channel_message message;

    while (len + 1 < sizeof(rig->heard) && channel_receive(rig->channel.master_fd, &message) > 0) {
        rig->heard[len++] = message.word;
        if (message.word == CHANNEL_ADDRESSES) snprintf(rig->addresses, sizeof(rig->addresses), "%s", message.text);
    }
    len = strlen(rig->said);

    bool fits = len + 1 < sizeof(rig->said);
    ssize_t got = read(rig->error_fd, fits ? rig->said + len : rest, fits ? sizeof(rig->said) - 1 - len : sizeof(rest));

    if (got > 0 && fits) rig->said[len + (size_t)got] = '\0';
}

static bool rig_until(bool (*done)(struct rig *rig, const void *arg), struct rig *rig, const void *arg)
{
    const uint64_t deadline = clock_monotonic_ms() + RIG_PATIENCE_MS;
    bool ok;

    while (!(ok = done(rig, arg)) && clock_monotonic_ms() < deadline) usleep(5000);
    if (!ok && rig != NULL) fprintf(stderr, "waited in vain; heard \"%s\", it said:\n%s\n", rig->heard, rig->said);
    return ok;
}

static bool rig_has_heard(struct rig *rig, const void *arg)
{
    rig_listen(rig);
    return strcmp(rig->heard, arg) == 0;
}

bool rig_hears(struct rig *rig, const char *heard)
{
    return rig_until(rig_has_heard, rig, heard);
}

static bool rig_database_is(struct rig *rig, const void *arg)
{
    rig_listen(rig);
    return rig->cells->database == *(const enum scoreboard_database *)arg;
}

bool rig_until_database(struct rig *rig, enum scoreboard_database database)
{
    return rig_until(rig_database_is, rig, &database);
}

struct cell_wait {
    const _Atomic uint32_t *cell;
    uint32_t value;
};

static bool rig_cell_is(struct rig *rig, const void *arg)
{
    const struct cell_wait *wait = arg;

    (void)rig;
    return *wait->cell == wait->value;
}

bool rig_until_equal(const _Atomic uint32_t *cell, uint32_t value)
{
    const struct cell_wait wait = {cell, value};

    return rig_until(rig_cell_is, NULL, &wait);
}

static bool rig_has_ended(struct rig *rig, const void *arg)
{
    (void)arg;
    rig_listen(rig);
    if (rig->pid > 0 && waitpid(rig->pid, &rig->status, WNOHANG) == rig->pid) {
        rig->pid = -1;
        rig_listen(rig);
    }
    return rig->pid < 0;
}

bool rig_until_ended(struct rig *rig)
{
    bool ended = rig_until(rig_has_ended, rig, NULL);

    if (ended && rig->status != 0) fprintf(stderr, "status %d; it said:\n%s\n", rig->status, rig->said);
    return ended && rig->status == 0;
}

bool rig_until_killed(struct rig *rig)
{
    return rig_until(rig_has_ended, rig, NULL) && rig->status != 0;
}

void rig_close(struct rig *rig)
{
    if (rig->pid > 0) {
        kill(rig->pid, SIGKILL);
        waitpid(rig->pid, &rig->status, 0);
    }
    if (rig->channel.master_fd >= 0) close(rig->channel.master_fd);
    if (rig->error_fd >= 0) close(rig->error_fd);
    munmap(rig->board, sizeof(*rig->board));
}
