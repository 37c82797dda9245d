/*
 * Who may call the API if STRATSLAB_AUTH is token: a bearer token (RFC 6750) with the scope that the endpoint asks
 * for (api_scope). Decided on a request's head, from a table of all tokens in memory: no request costs a query.
 *
 * The table is loaded at each new connection to the database, and again within a second of a change. A token that is
 * not in it holds its request until the database was asked for changes, so that a new one opens at once: one look is
 * for all that wait for it, and they are limited in rate and number. The table counts for a few seconds after the
 * database was last asked, and no longer: if it does not answer, requests that carry a token wait for it for a moment
 * and are answered 503, as they are before the first table. So a token that was revoked opens nothing after five
 * seconds, however the database is. When a token was last used is kept in the table too, and written once a minute at
 * most.
 */
#ifndef API_ACCESS_H
#define API_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "db/db.h"
#include "http/http.h"

struct api_access;

/* What it asks the database: among api_statements, and for the connection of the worker's own queries. */
enum { API_ACCESS_STATEMENTS = 2 };
extern const struct db_statement *const api_access_statements[API_ACCESS_STATEMENTS];

struct api_access_events {
    void *ctx;
    void (*loaded)(void *ctx, size_t tokens);
    /* A statement of ours failed in a way that will not pass by itself. */
    void (*failed)(void *ctx, const char *statement, const struct db_result *result);
};

/* Asks by db_choose(own, shared). Borrows both, which are freed first: what is under way is then dropped. */
struct api_access *api_access_new(struct db *own, struct db *shared, const struct api_access_events *events);
void api_access_free(struct api_access *access); /* takes NULL */

/* The database is there (again): whatever is in memory may be old. */
void api_access_connected(struct api_access *access);
/* Each second. */
void api_access_tick(struct api_access *access);

/* For http_hooks.admit: true if the request may go on; false: answered (401, 403, 503), or held until it is known. */
bool api_access_admit(struct api_access *access, struct http_exchange *x) ATTR_CHECKED;

#endif
