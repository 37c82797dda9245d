/* Connecting, and trying again for as long as that may help. */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/random.h"
#include "migrate/session.h"
#include "pg/pg.h"

enum { CONNECT_PAUSE_MS = 100, CONNECT_PAUSE_MAX_MS = 2000, CONNECT_SAY_MS = 10000 };

void session_pause(unsigned *ms, unsigned longest_ms)
{
    uint64_t wait_ms = random_between(*ms / 2, *ms);
    struct timespec left = {(time_t)(wait_ms / 1000), (long)(wait_ms % 1000) * 1000000};

    while (nanosleep(&left, &left) != 0 && errno == EINTR) continue;
    *ms = *ms >= longest_ms / 2 ? longest_ms : *ms * 2;
}

static const char *connect_setting(const struct migrate_options *options)
{
    return options->setting == NULL ? "DATABASE_URL" : options->setting;
}

/* libpq quotes the part of the text that it does not understand, which may be the password; pg/ does not. */
static int connect_check(const struct migrate_options *options, const struct pg_target *target, struct error *err)
{
    const char *refusal = pg_target_refusal(target);

    if (refusal == NULL) return 0;
    return error_set(err, ERROR_SETTINGS,
                     "%s cannot be used: %s. It is a connection URI, "
                     "postgresql://user:password@host:5432/database, with special characters in user and password "
                     "percent-encoded",
                     connect_setting(options), refusal);
}

static struct pg_target *connect_target(const struct migrate_options *options)
{
    /* A statement may take as long as it likes, but a server that has gone from the network is noticed within half a
     * minute. The connection string may set other values. */
    static const char *const keepalive[][2] = {
        {"keepalives_idle", "15"},
        {"keepalives_interval", "5"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "30000"},
    };
    struct pg_target *target = pg_target_new(options->conninfo);
    char *pins = pg_pins_options(pg_target_given(target, "options"), NULL, 0);

    pg_target_set(target, "options", pins);
    free(pins);
    pg_target_set(target, "application_name", options->application_name);
    pg_target_set(target, "client_encoding", "UTF8");
    for (size_t i = 0; i < countof(keepalive); i++) {
        if (pg_target_given(target, keepalive[i][0]) == NULL) pg_target_set(target, keepalive[i][0], keepalive[i][1]);
    }
    return target;
}

static int connect_set(const struct migrate_options *options, PGconn *conn, const char *sql, struct error *err)
{
    PGresult *result = pg_exec_within(conn, sql, 0, NULL, options->connect_timeout_ms);
    const ExecStatusType status = PQresultStatus(result);
    int outcome = 0;

    if (result == NULL) {
        outcome = error_set(err, ERROR_UNAVAILABLE, "the database %s does not answer", options->label);
    } else if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        outcome = error_set(err, ERROR_UNAVAILABLE, "the settings of a session of %s cannot be set: %s", options->label,
                            PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    }
    PQclear(result);
    return outcome;
}

/* What a file relies on as much as our own statements do. Time-outs are not among them: an operator may have given the
 * role some. */
static int connect_pin(const struct migrate_options *options, PGconn *conn, struct error *err)
{
    const char *first = pg_pins_first(conn);
    char *sql = pg_pins_sql(NULL, 0, PG_PATH_OWN_FIRST, NULL);
    int outcome = first == NULL ? 0 : connect_set(options, conn, first, err);

    if (outcome == 0) outcome = connect_set(options, conn, sql, err);
    free(sql);
    return outcome;
}

/* One round: ERROR_UNAVAILABLE (trying again may help) or ERROR_REFUSED. */
static int connect_once(const struct migrate_options *options, struct pg_target *target, PGconn **ret_conn,
                        struct error *err)
{
    PGconn *conn = NULL;

    if (pg_dial_wait(target, options->connect_timeout_ms, &conn) == 0) {
        PQsetErrorVerbosity(conn, PQERRORS_DEFAULT);
        if (connect_pin(options, conn, err) != 0) {
            PQfinish(conn);
            return -1;
        }
        *ret_conn = conn;
        return 0;
    }
    if (!pg_dial_refused(target)) return error_set(err, ERROR_UNAVAILABLE, "%s", pg_dial_reason(target));
    return error_set(err, ERROR_REFUSED,
                     "the database %s refuses the connection: %s\n"
                     "Check %s or POSTGRES_*. A volume that was kept from an earlier start keeps its first "
                     "password, user and database: change them there, or begin with a new volume.",
                     options->label, pg_dial_reason(target), connect_setting(options));
}

static void connect_say(const struct migrate_options *options, const char *why, uint64_t left_ms)
{
    if (options->say == NULL) return;
    char *line = mem_printf("waiting for the database %s (%llu s more): %s", options->label,
                            (unsigned long long)(left_ms + 999) / 1000, why);

    options->say(options->say_arg, MIGRATE_NOTE_WAIT, line);
    free(line);
}

/* Until `deadline_ms`, but once at least. */
static int connect_patiently(const struct migrate_options *options, struct pg_target *target, uint64_t deadline_ms,
                             PGconn **ret_conn, struct error *err)
{
    uint64_t said_ms = 0;
    unsigned pause_ms = CONNECT_PAUSE_MS;

    for (;;) {
        if (connect_once(options, target, ret_conn, err) == 0) return 0;
        uint64_t now_ms = clock_monotonic_ms();

        if (err->code != ERROR_UNAVAILABLE || now_ms >= deadline_ms) return -1;
        if (said_ms == 0 || now_ms - said_ms >= CONNECT_SAY_MS) {
            connect_say(options, err->message, deadline_ms - now_ms);
            said_ms = now_ms;
        }
        session_pause(&pause_ms, CONNECT_PAUSE_MAX_MS);
    }
}

int session_connect(const struct migrate_options *options, PGconn **ret_conn, struct error *err)
{
    const uint64_t deadline_ms = clock_monotonic_ms() + options->boot_timeout_ms;
    struct pg_target *target = connect_target(options);
    struct error why = {0};
    char waited[NUMBER_UNIT_TEXT_BYTES];
    int outcome = connect_check(options, target, &why);

    if (outcome == 0) outcome = connect_patiently(options, target, deadline_ms, ret_conn, &why);
    pg_target_free(target);
    if (outcome == 0) return 0;
    if (why.code != ERROR_UNAVAILABLE) return error_set(err, why.code, "%s", why.message);
    if (options->boot_timeout_ms == 0) {
        return error_set(err, ERROR_UNAVAILABLE, "the database %s is out of reach: %s", options->label, why.message);
    }
    number_format_duration_ms(options->boot_timeout_ms, waited);
    return error_set(err, ERROR_UNAVAILABLE, "the database %s is out of reach, after %s of trying: %s", options->label,
                     waited, why.message);
}
