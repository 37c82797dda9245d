/*
 * A worker: one event loop, one database connection, HTTP on the master's listening sockets.
 *
 * It connects to the database first, and starts to accept when it knows the database's state: ready, or out of reach
 * (then requests that need the database are answered 503 at once). It drains when asked to and when the master has
 * gone.
 */
#ifndef WEB_WEB_H
#define WEB_WEB_H

#include "api/api.h"
#include "child/child.h"
#include "conf/conf.h"
#include "http/http.h"

struct web_options {
    const struct conf *conf;
    const struct child_place *place;
    unsigned slot;               /* on the scoreboard, for what it counts */
    const struct api_site *docs; /* NULL: there is no Swagger UI */
    const struct api_site *ui;   /* NULL: there is no page for people */
    const char *schema_versions; /* every migration that this build knows, as a text[] literal */
};

/* What the settings say of the API; borrows them. */
struct api_options web_api_options(const struct conf *conf);

/* Returns the process's exit status. Everything is borrowed. */
int web_run(const struct web_options *options);

#endif
