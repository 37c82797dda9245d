/*
 * Cancelling. Before version 17, libpq can only cancel by connecting and blocking, and gives out neither the key nor a
 * socket. So a thread does it, with its own PGcancel, which is a copy and outlives the connection. The threads touch
 * nothing else, and end with the process.
 *
 * A session that is given up while a statement runs would stay on the server for as long as that statement does: for
 * ever, if a commit waits for a standby that is gone, which no time-out of the server ends. So it is closed by a
 * thread, which cancels what runs there until the server has closed the session too. It may take several times: what
 * was sent behind a statement begins when that one ends. Source: PostgreSQL documentation, "Canceling Queries in
 * Progress" (libpq), and syncrep.c.
 */
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/thread.h"
#include "db/internal.h"

enum {
    CANCEL_CLOSERS_MAX = 16, /* threads of a process that close sessions; a server that hangs holds them */
    CANCEL_CLOSE_MS = 30 * 1000,
    CANCEL_PAUSE_MS = 50, /* between two requests; it doubles up to … */
    CANCEL_PAUSE_MAX_MS = 1000,
    CANCEL_BLIND_MAX = 8, /* requests for a session of which the connection is lost */
};

static atomic_uint cancel_closers;

static bool cancel_request(PGcancel *cancel)
{
    char error[256];

    return PQcancel(cancel, error, sizeof(error)) == 1;
}

static void *cancel_run(void *arg)
{
    (void)cancel_request(arg);
    PQfreeCancel(arg);
    return NULL;
}

void db_cancel_running(struct db *db)
{
    if (db->phase != DB_PHASE_READY || list_is_empty(&db->flight)) return;

    PGcancel *cancel = PQgetCancel(db->conn);

    if (cancel != NULL && thread_detach(cancel_run, cancel) != 0) PQfreeCancel(cancel);
}

/* ---- a session that is given up ---- */

struct cancel_closing {
    PGconn *conn;
    PGcancel *cancel;
    unsigned statements; /* at most as many are still to end there */
};

enum cancel_heard { CANCEL_SILENCE, CANCEL_INPUT, CANCEL_END };

/* What the server says is of no interest any more, but that it has closed the session is. */
static enum cancel_heard cancel_listen(int fd, unsigned ms)
{
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    char bytes[4096];

    if (fd < 0) (void)poll(NULL, 0, (int)ms);
    if (fd < 0 || poll(&watch, 1, (int)ms) <= 0) return CANCEL_SILENCE;
    const ssize_t got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return CANCEL_INPUT;
    return CANCEL_END;
}

/* Of a connection that is lost nobody hears when its session ends: so it is as many requests as there can be statements
 * there, but not many. The server writes a line to its log for each that comes too late. */
static void cancel_until_closed(const struct cancel_closing *c, int fd)
{
    const uint64_t until_ms = clock_monotonic_ms() + CANCEL_CLOSE_MS;
    const unsigned blind = c->statements < CANCEL_BLIND_MAX ? c->statements : CANCEL_BLIND_MAX;
    unsigned pause_ms = CANCEL_PAUSE_MS;

    for (unsigned sent = 0; clock_monotonic_ms() < until_ms && (fd >= 0 || sent < blind); sent++) {
        if (!cancel_request(c->cancel) && fd < 0) return;
        enum cancel_heard heard;
        bool progress = false;

        while ((heard = cancel_listen(fd, progress ? 0 : pause_ms)) == CANCEL_INPUT) progress = true;
        if (heard == CANCEL_END) return;
        pause_ms = progress ? CANCEL_PAUSE_MS : pause_ms * 2 < CANCEL_PAUSE_MAX_MS ? pause_ms * 2 : CANCEL_PAUSE_MAX_MS;
    }
}

static void *cancel_close_run(void *arg)
{
    struct cancel_closing *c = arg;
    const int fd = PQsocket(c->conn);

    /* The server reads that this is the end, and checks for it while a statement runs. */
    if (fd >= 0) (void)shutdown(fd, SHUT_WR);
    cancel_until_closed(c, fd);
    PQfreeCancel(c->cancel);
    PQfinish(c->conn);
    free(c);
    atomic_fetch_sub(&cancel_closers, 1);
    return NULL;
}

void db_cancel_and_close(PGconn *conn, PGcancel *cancel, unsigned statements)
{
    if (conn != NULL && cancel != NULL && statements > 0) {
        struct cancel_closing *closing = mem_zalloc(sizeof(*closing));

        *closing = (struct cancel_closing){conn, cancel, statements};
        if (atomic_fetch_add(&cancel_closers, 1) < CANCEL_CLOSERS_MAX && thread_detach(cancel_close_run, closing) == 0)
            return;
        atomic_fetch_sub(&cancel_closers, 1);
        free(closing);
    }
    PQfreeCancel(cancel);
    PQfinish(conn);
}
