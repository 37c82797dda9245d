/*
 * A round: hosts in their order (or in any, if load is balanced), for each host its addresses, for each address one
 * attempt of libpq's. The states are in internal.h; each function here does one step, and pg_dial_go goes from one to
 * the next until there is something to wait for.
 */
#include <poll.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pgtext.h"
#include "base/random.h"
#include "pg/internal.h"

static struct pg_host *dial_host(struct pg_target *t)
{
    return &t->hosts[t->order[t->at]];
}

/* A fair part of what is left of the round's time, but no less than is of use. */
static unsigned dial_share_ms(const struct pg_target *t)
{
    const unsigned least = t->timeout_ms < PG_TRY_LEAST_MS ? t->timeout_ms : PG_TRY_LEAST_MS;
    const uint64_t now_ms = clock_monotonic_ms();
    const uint64_t left_ms = t->round_until_ms > now_ms ? t->round_until_ms - now_ms : 0;
    size_t tries = t->step == PG_STEP_HOST ? 1 : t->tries - t->tried_count;

    for (size_t i = t->at + 1; i < t->host_count; i++) tries += pg_host_tries(&t->hosts[t->order[i]]);
    return left_ms / tries > least ? (unsigned)(left_ms / tries) : least;
}

static void dial_set_deadline(struct pg_target *t, unsigned ms)
{
    t->try_ms = ms;
    t->until_ms = clock_monotonic_ms() + ms;
}

static void dial_hang_up(struct pg_target *t)
{
    PQfinish(t->conn);
    t->conn = NULL;
}

static void dial_forget_reasons(struct pg_target *t)
{
    for (size_t i = 0; i < t->said_count; i++) buf_reset(&t->said[i]);
    t->said_count = 0;
}

/* At the host t->at, unless there are no more. */
static void dial_enter_host(struct pg_target *t)
{
    if (t->at == t->host_count && t->pass == 0 && t->attributes != NULL &&
        strcmp(t->attributes, "prefer-standby") == 0) {
        t->pass = 1;
        t->at = 0;
        dial_forget_reasons(t);
    }
    if (t->at == t->host_count) {
        t->step = PG_STEP_NONE;
        pg_said(t);
        return;
    }
    t->step = PG_STEP_HOST;
    if (dial_host(t)->by_name) dial_set_deadline(t, pg_host_patience_ms(t, dial_host(t), dial_share_ms(t)));
}

static void dial_next_host(struct pg_target *t)
{
    t->at++;
    dial_enter_host(t);
}

void pg_dial_begin(struct pg_target *t, unsigned timeout_ms)
{
    pg_dial_stop(t);
    dial_forget_reasons(t);
    t->timeout_ms = timeout_ms;
    t->round_until_ms = clock_monotonic_ms() + timeout_ms;
    t->pass = 0;
    t->at = 0;
    for (size_t i = 0; i < t->host_count; i++) {
        const size_t other = t->balanced ? random_between(0, i) : i;

        t->order[i] = t->order[other];
        t->order[other] = i;
        t->hosts[i].refused = false;
        if (t->hosts[i].by_name) pg_host_begin(t, &t->hosts[i]);
    }
    dial_enter_host(t);
}

/* False: wait for the name server. */
static bool dial_step_host(struct pg_target *t)
{
    struct pg_host *host = dial_host(t);

    if (host->by_name && !pg_host_known(host) && clock_monotonic_ms() < t->until_ms) return false;
    if (!pg_host_addresses(t, host)) {
        dial_next_host(t);
        return true;
    }
    t->tried_count = 0;
    t->tries = t->tried.count > 0 ? t->tried.count : 1;
    t->step = PG_STEP_ADDRESS;
    return true;
}

static PGconn *dial_start(const struct pg_target *t, const struct pg_host *host)
{
    const char *attributes = t->attributes == NULL ? "any" : t->attributes;
    struct pg_words words = {0};

    if (strcmp(attributes, "prefer-standby") == 0) attributes = t->pass == 0 ? "standby" : "any";
    for (size_t i = 0; i < t->words.count; i++) pg_words_add(&words, t->words.keywords[i], t->words.values[i]);
    if (host->name != NULL) pg_words_add(&words, "host", host->name);
    if (t->tried.count > 0) pg_words_add(&words, "hostaddr", t->tried.text[t->tried_count]);
    if (host->port != NULL) pg_words_add(&words, "port", host->port);
    pg_words_add(&words, "target_session_attrs", attributes);
    if (t->knows_balancing) pg_words_add(&words, "load_balance_hosts", "disable");
    PGconn *conn = PQconnectStartParams(words.keywords, (const char *const *)words.values, 0);

    if (conn == NULL) mem_die(0);
    pg_words_clear(&words);
    return conn;
}

static void dial_attempt_failed(struct pg_target *t)
{
    char sqlstate[PGTEXT_SQLSTATE_BYTES];

    pgtext_sqlstate(PQerrorMessage(t->conn), sqlstate);
    if (PQconnectionNeedsPassword(t->conn) || pg_sqlstate_is_refusal(sqlstate)) dial_host(t)->refused = true;
    pg_say_conn(t);
    dial_hang_up(t);
    t->tried_count++;
    t->step = PG_STEP_ADDRESS;
}

static void dial_step_address(struct pg_target *t)
{
    if (t->tried_count == t->tries) {
        dial_next_host(t);
        return;
    }
    unsigned try_ms = dial_share_ms(t);

    if (t->longest_try_ms > 0 && try_ms > t->longest_try_ms) try_ms = t->longest_try_ms;
    dial_set_deadline(t, try_ms);
    t->conn = dial_start(t, dial_host(t));
    if (PQstatus(t->conn) == CONNECTION_BAD) {
        dial_attempt_failed(t);
        return;
    }
    /* The only way to a SQLSTATE here: libpq does not hand out the error fields of a connection. */
    PQsetErrorVerbosity(t->conn, PQERRORS_VERBOSE);
    if (t->receive != NULL) PQsetNoticeReceiver(t->conn, t->receive, t->receive_arg);
    t->want = PGRES_POLLING_WRITING;
    t->step = PG_STEP_ATTEMPT;
}

static short dial_events(const struct pg_target *t)
{
    return t->want == PGRES_POLLING_READING ? POLLIN : POLLOUT;
}

/* False: wait for the server. */
static bool dial_step_attempt(struct pg_target *t)
{
    struct pollfd ready = {.fd = PQsocket(t->conn), .events = dial_events(t)};

    /* PQconnectPoll takes it for granted that the socket is ready. */
    if (poll(&ready, 1, 0) > 0) {
        t->want = PQconnectPoll(t->conn);
    } else if (clock_monotonic_ms() >= t->until_ms) {
        pg_say_nothing(t);
        dial_hang_up(t);
        t->tried_count++;
        t->step = PG_STEP_ADDRESS;
        return true;
    } else {
        return false;
    }
    if (t->want == PGRES_POLLING_FAILED) {
        dial_attempt_failed(t);
    } else if (t->want == PGRES_POLLING_OK) {
        if (dial_host(t)->by_name) pg_host_prefer(dial_host(t), t->tried.text[t->tried_count]);
        t->step = PG_STEP_UP;
    }
    return true;
}

enum pg_dial pg_dial_go(struct pg_target *t, struct pg_wait *ret_wait)
{
    for (;;) {
        switch (t->step) {
        case PG_STEP_NONE:
            return PG_DIAL_FAILED;
        case PG_STEP_UP:
            return PG_DIAL_UP;
        case PG_STEP_HOST:
            if (dial_step_host(t)) break;
            *ret_wait = (struct pg_wait){lookup_fd(dial_host(t)->lookup), POLLIN, t->until_ms};
            return PG_DIAL_WAITING;
        case PG_STEP_ADDRESS:
            dial_step_address(t);
            break;
        case PG_STEP_ATTEMPT:
            if (dial_step_attempt(t)) break;
            *ret_wait = (struct pg_wait){PQsocket(t->conn), dial_events(t), t->until_ms};
            return PG_DIAL_WAITING;
        }
    }
}

struct pg_conn *pg_dial_take(struct pg_target *t)
{
    PGconn *conn = t->conn;

    t->conn = NULL;
    t->step = PG_STEP_NONE;
    return conn;
}

void pg_dial_stop(struct pg_target *t)
{
    dial_hang_up(t);
    t->step = PG_STEP_NONE;
}

const char *pg_dial_reason(const struct pg_target *t)
{
    return t->reason;
}

bool pg_dial_refused(const struct pg_target *t)
{
    for (size_t i = 0; i < t->host_count; i++) {
        if (!t->hosts[i].refused) return false;
    }
    return true;
}

int pg_dial_wait(struct pg_target *t, unsigned timeout_ms, struct pg_conn **ret_conn)
{
    struct pg_wait wait;
    enum pg_dial dial;

    pg_dial_begin(t, timeout_ms);
    while ((dial = pg_dial_go(t, &wait)) == PG_DIAL_WAITING) {
        const uint64_t now_ms = clock_monotonic_ms();
        struct pollfd watch = {.fd = wait.fd, .events = wait.events};

        (void)poll(&watch, 1, wait.until_ms > now_ms ? (int)(wait.until_ms - now_ms) : 0);
    }
    if (dial == PG_DIAL_FAILED) return -1;
    *ret_conn = pg_dial_take(t);
    return 0;
}
