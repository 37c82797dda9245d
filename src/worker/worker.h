/*
 * A worker: one event loop, one database connection, HTTP on the master's listening sockets.
 *
 * It connects first, and starts to accept when it knows how the database is: ready, or out of reach (degraded: requests
 * that need the database are answered 503 at once). It drains when asked to and when the master has gone.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include "api/api.h"
#include "conf/conf.h"
#include "http/http.h"
#include "ipc/scoreboard.h"

struct worker_options {
    const struct conf *conf;
    struct scoreboard *board;
    unsigned slot; /* of the scoreboard; the worker writes its own cells there */
    int channel_fd;
    const int *listen_fds;
    size_t listen_count;
    bool listen_passed;          /* they outlive the service: whoever waits there is for the next one */
    const struct api_docs *docs; /* NULL: there is no Swagger UI */
    const char *schema_versions; /* every migration that this build knows, as a text[] literal */
};

/* What the settings say of the API; borrows them. */
struct api_options worker_api_options(const struct conf *conf);

/* Returns the process's exit status. Everything is borrowed. */
int worker_run(const struct worker_options *options);

#endif
