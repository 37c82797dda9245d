#include <libpq-fe.h>
#include <poll.h>

#include "base/clock.h"
#include "pg/pg.h"

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
    return NULL;
}
