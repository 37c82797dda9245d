/*
 * Who may send requests: the hosts that requests may be for, the web origins that may read answers, and access tokens,
 * as the settings have them. The functions are those of http_hooks.
 */
#ifndef WEB_GATE_H
#define WEB_GATE_H

#include "api/access.h"
#include "conf/conf.h"
#include "http/cors.h"

struct gate {
    const struct conf *conf;
    struct api_access *access; /* NULL if everybody may do everything */
    bool failing;              /* the tokens cannot be read, and the log says so */
    struct http_cors cors;
};

/* Borrows all; the gate does not move. `own` and `shared` are for db_choose. */
void gate_init(struct gate *gate, const struct conf *conf, struct db *own, struct db *shared);
void gate_clear(struct gate *gate); /* after the dbs are freed */
/* The database is there (again). */
void gate_connected(struct gate *gate);
/* Each second. */
void gate_tick(struct gate *gate);

bool gate_screen(const struct gate *gate, struct http_exchange *x, struct slice path) ATTR_CHECKED;
bool gate_admit(const struct gate *gate, struct http_exchange *x) ATTR_CHECKED;
void gate_answering(const struct gate *gate, struct http_exchange *x);

#endif
