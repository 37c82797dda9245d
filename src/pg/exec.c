#include <libpq-fe.h>
#include <poll.h>

#include "base/clock.h"
#include "base/thread.h"
#include "pg/pg.h"

enum { EXEC_CANCEL_MS = 2000 };

/* Until a result can be taken without waiting. False if it is too late, or the connection is lost. */
static bool exec_wait(PGconn *conn, uint64_t until_ms)
{
    while (PQisBusy(conn)) {
        const uint64_t now_ms = clock_monotonic_ms();

        if (now_ms >= until_ms) return false;
        struct pollfd watch = {.fd = PQsocket(conn), .events = POLLIN};

        if (poll(&watch, 1, (int)(until_ms - now_ms)) > 0 && PQconsumeInput(conn) == 0) return false;
    }
    return true;
}

static void *exec_cancel_run(void *arg)
{
    char why[256];

    (void)PQcancel(arg, why, sizeof(why)); /* if it did not work, no answer comes */
    PQfreeCancel(arg);
    return NULL;
}

void pg_cancel(PGconn *conn)
{
    PGcancel *cancel = PQgetCancel(conn);

    if (cancel != NULL && thread_detach(exec_cancel_run, cancel) != 0) PQfreeCancel(cancel);
}

/* What is given up is cancelled, or it would stay on the server: for ever, if its commit waits for a standby that is
 * gone. The thread that does it ends with the process, so that the answer is waited for, and left unread. */
static void exec_give_up(PGconn *conn)
{
    if (PQstatus(conn) != CONNECTION_OK) return;
    pg_cancel(conn);
    (void)exec_wait(conn, clock_monotonic_ms() + EXEC_CANCEL_MS);
}

PGresult *pg_exec_within(PGconn *conn, const char *sql, int count, const char *const *values, unsigned timeout_ms)
{
    const uint64_t until_ms = clock_monotonic_ms() + timeout_ms;
    PGresult *last = NULL;
    const int sent =
        values == NULL ? PQsendQuery(conn, sql) : PQsendQueryParams(conn, sql, count, NULL, values, NULL, NULL, 0);

    if (sent == 0) return NULL;
    while (exec_wait(conn, until_ms)) {
        PGresult *result = PQgetResult(conn);

        if (result == NULL) return last;
        PQclear(last);
        last = result;
        if (PQresultStatus(result) == PGRES_COPY_IN || PQresultStatus(result) == PGRES_COPY_OUT) return last;
    }
    PQclear(last);
    exec_give_up(conn);
    return NULL;
}
