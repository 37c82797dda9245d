/* Connecting: one try with a deadline, and trying again for as long as that may help. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/pgtext.h"
#include "base/random.h"
#include "migrate/session.h"

enum { CONNECT_PAUSE_MS = 100, CONNECT_PAUSE_MAX_MS = 2000, CONNECT_SAY_MS = 10000 };

void session_pause(unsigned ms)
{
    uint64_t wait_ms = random_between(ms / 2, ms);
    struct timespec left = {(time_t)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
}

static void connect_message(const char *message, char *out, size_t size)
{
    struct slice rest = slice_of(message);
    struct slice line;
    size_t used = 0;

    out[0] = '\0';
    while (used < size - 1 && pgtext_next_line(&rest, &line)) {
        size_t space = size - 1 - used;
        size_t take = line.len < space ? line.len : space;

        if (used > 0 && take < space) out[used++] = '\n';
        memcpy(out + used, line.data, take);
        used += take;
        out[used] = '\0';
    }
}

static int connect_poll(PGconn *conn, uint64_t deadline_ms)
{
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;

    while (want == PGRES_POLLING_READING || want == PGRES_POLLING_WRITING) {
        struct pollfd watch = {.fd = PQsocket(conn), .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        uint64_t now_ms = clock_monotonic_ms();

        if (now_ms >= deadline_ms) return -1;
        if (poll(&watch, 1, (int)(deadline_ms - now_ms)) > 0) want = PQconnectPoll(conn);
    }
    return 0;
}

/* The server answered, and no second try will change its answer. */
static bool connect_is_refused(const PGconn *conn, const char *sqlstate)
{
    static const char *const refused[] = {
        "28",    /* invalid authorization: password, role, pg_hba.conf */
        "3D000", /* no such database */
        "42501", /* no privilege to connect */
    };

    if (PQconnectionNeedsPassword(conn)) return true;
    for (size_t i = 0; i < countof(refused); i++) {
        if (strncmp(sqlstate, refused[i], strlen(refused[i])) == 0) return true;
    }
    return false;
}

static int connect_fail(const struct migrate_options *options, PGconn *conn, bool in_time, struct error *err)
{
    char sqlstate[PGTEXT_SQLSTATE_BYTES];
    char message[1024];

    pgtext_sqlstate(PQerrorMessage(conn), sqlstate);
    connect_message(PQerrorMessage(conn), message, sizeof(message));
    if (in_time && connect_is_refused(conn, sqlstate)) {
        return error_set(
            err, ERROR_REFUSED,
            "the database %s refuses the connection: %s\n"
            "Check DATABASE_URL or POSTGRES_*. A volume that was kept from an earlier start keeps its first "
            "password, user and database: change them there, or begin with a new volume.",
            options->label, message);
    }
    return error_set(err, ERROR_UNAVAILABLE, "%s", in_time && message[0] != '\0' ? message : "no answer in time");
}

int session_connect_once(const struct migrate_options *options, unsigned timeout_ms, PGconn **ret_conn,
                         struct error *err)
{
    const char *const keys[] = {"dbname", "application_name", "client_encoding", NULL};
    const char *const values[] = {options->conninfo, options->application_name, "UTF8", NULL};
    PGconn *conn = PQconnectStartParams(keys, values, 1);
    bool in_time = false;

    if (conn == NULL) return error_set(err, ERROR_SYSTEM, "out of memory");
    if (PQstatus(conn) != CONNECTION_BAD) {
        /* The only way to a SQLSTATE here: libpq does not hand out the error fields of a connection. */
        PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
        in_time = connect_poll(conn, clock_monotonic_ms() + timeout_ms) == 0;
    } else {
        in_time = true;
    }
    if (PQstatus(conn) == CONNECTION_OK) {
        PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
        *ret_conn = conn;
        return 0;
    }
    connect_fail(options, conn, in_time, err);
    PQfinish(conn);
    return -1;
}

/* libpq quotes the part of the text that it does not understand, which may be the password. */
static int connect_check(const struct migrate_options *options, struct error *err)
{
    char *message = NULL;
    PQconninfoOption *parsed = PQconninfoParse(options->conninfo, &message);

    PQfreemem(message);
    if (parsed == NULL) {
        return error_set(
            err, ERROR_SETTINGS,
            "DATABASE_URL is not a connection URI: postgresql://user:password@host:5432/database, with special "
            "characters in user and password percent-encoded");
    }
    PQconninfoFree(parsed);
    return 0;
}

static void connect_say(const struct migrate_options *options, const char *why, uint64_t left_ms)
{
    if (options->say == NULL) return;
    char *line = mem_printf("waiting for the database %s (%llu s more): %s", options->label,
                            (unsigned long long)(left_ms + 999) / 1000, why);

    options->say(options->say_arg, MIGRATE_NOTE_WAIT, line);
    free(line);
}

int session_connect(const struct migrate_options *options, PGconn **ret_conn, struct error *err)
{
    uint64_t deadline_ms = clock_monotonic_ms() + options->boot_timeout_ms;
    uint64_t said_ms = 0;
    unsigned pause_ms = CONNECT_PAUSE_MS;
    struct error why;
    char waited[NUMBER_UNIT_TEXT_BYTES];

    if (connect_check(options, err) != 0) return -1;
    for (;;) {
        if (session_connect_once(options, options->connect_timeout_ms, ret_conn, &why) == 0) return 0;
        uint64_t now_ms = clock_monotonic_ms();

        if (why.code != ERROR_UNAVAILABLE) return error_set(err, why.code, "%s", why.message);
        if (now_ms >= deadline_ms) break;
        if (said_ms == 0 || now_ms - said_ms >= CONNECT_SAY_MS) {
            connect_say(options, why.message, deadline_ms - now_ms);
            said_ms = now_ms;
        }
        session_pause(pause_ms);
        pause_ms = pause_ms >= CONNECT_PAUSE_MAX_MS / 2 ? CONNECT_PAUSE_MAX_MS : pause_ms * 2;
    }
    if (options->boot_timeout_ms == 0) {
        return error_set(err, ERROR_UNAVAILABLE, "the database %s is out of reach: %s", options->label, why.message);
    }
    number_format_duration_ms(options->boot_timeout_ms, waited);
    return error_set(err, ERROR_UNAVAILABLE, "the database %s is out of reach, after %s of trying: %s", options->label,
                     waited, why.message);
}
