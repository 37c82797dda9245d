/*
 * HTTP/1.1 server (RFC 9110, RFC 9112) on libevent's core, requests parsed by llhttp.
 *
 * A `struct http_server` lives on one event base in one process. It accepts connections on listening sockets that
 * somebody else owns, reads one request at a time from each (what a client pipelines waits in the input), decides
 * on the head what can be decided there (400, 401, 404, 405, 408, 413, 414, 415, 417, 421, 431, 501, 505), hands
 * complete requests to the route's handler, and writes the answers in order. It knows neither JSON bodies nor the
 * database.
 *
 * Everything here runs in the event loop's thread. Nothing blocks.
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/client_id.h"
#include "base/error.h"
#include "base/http_limits.h"
#include "base/slice.h"
#include "http/refusal.h"

struct event_base;
struct http_server;
struct http_exchange;

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_PATCH,
    HTTP_DELETE,
    HTTP_OPTIONS,
    HTTP_METHOD_COUNT,
};

/* "GET"; a string that lives for ever. */
const char *http_method_name(enum http_method method);
/* "Not Found" for 404 (RFC 9110 section 15); "" for a code that has no phrase here. */
const char *http_status_phrase(unsigned status);

/* What counts against a server's limit of memory besides its connections. Of what others say, only so much counts as
 * leaves `own` of the limit to this server: whatever they say, it is not theirs. */
struct http_elsewhere {
    size_t held;    /* by connections of the rest of the service, as it says */
    size_t results; /* for answers that are still to be made there, likewise */
    size_t made;    /* for answers that are still to be made here */
    size_t own;
};

struct http_buffers {
    size_t output_bytes; /* of one connection's unsent output: above it nothing more is read from it */
    size_t memory_bytes; /* of all connections, with what the hook held_elsewhere says: the limits' memory_bytes */
    unsigned parked_min; /* so many connections may wait for a place, or as many as there are places */
};

/*
 * One route. The table belongs to the caller and outlives the router. If a path has GET, HEAD comes with it;
 * OPTIONS is answered for every path (204 with Allow) unless a route claims it.
 */
typedef void http_handler_fn(struct http_exchange *x);

struct http_route {
    enum http_method method;
    const char *path; /* "/api/v1/strategies/{id}"; a parameter is one whole segment */
    http_handler_fn *handle;
    const void *data; /* the handler's own: http_exchange_route(x)->data */
    /* NULL-terminated media types that a body may have ("application/json"), or NULL: the route takes no body.
     * A request with content of another type is 415; a body that is not taken is 413 with a word that says so.
     * A media type's parameters are ignored but for charset, which must be utf-8. */
    const char *const *body_types;
    bool body_required; /* an absent or empty body is 400 */
    /* Media type of the answers, for Accept (406); NULL: application/json. problem+json is always acceptable, and so is
     * what a route answers that does not name its type beforehand (HTTP_ANY_TYPE). */
    const char *produces;
    const char *produces_too; /* another one that its answers may have, whichever Accept prefers; NULL: none */
    unsigned index;           /* of the route in its table, for metrics; set by the caller */
    bool always;              /* answered even if memory has run out: it needs none to speak of */
};

#define HTTP_ANY_TYPE "*/*"

enum { HTTP_PATH_PARAMS_MAX = 4 };

struct http_router;

/* Fails on two routes with one method and path, or a malformed path. The router is the caller's (http_router_free),
 * and may serve several servers. */
int http_router_new(const struct http_route *const *routes, size_t count, struct http_router **ret_router,
                    struct error *err) ATTR_CHECKED;
void http_router_free(struct http_router *router); /* takes NULL */

/* What is known of an exchange when it ends, or when it starts (status 0); valid during the call only. */
struct http_record {
    enum http_method method;
    bool method_known;
    const struct http_route *route; /* NULL if none matched */
    struct slice target;            /* as received, cut at 1 KiB; empty if no request line was read */
    struct slice request_id;
    struct slice peer;   /* "127.0.0.1:51234", "[::1]:5", or "unix" */
    struct slice client; /* as http_exchange_set_client says; absent without it */
    unsigned status;     /* 0: the client left before an answer, or the exchange starts */
    size_t body_in_bytes;
    size_t out_bytes; /* head and body */
    uint64_t duration_ns;
};

struct http_hooks {
    void *ctx;
    /* The head is sane; no route was looked for yet. `path` is as received, "*" for OPTIONS of that. Return true to go
     * on, false after an answer (421, a preflight of CORS). May be NULL. */
    bool (*screen)(void *ctx, struct http_exchange *x, struct slice path);
    /* A route matched, its handler is about to run. May be NULL. */
    void (*started)(void *ctx, const struct http_exchange *x, const struct http_record *record);
    /* The answer is queued, or the client left. Exactly once for each request of which a byte was read. May be NULL. */
    void (*ended)(void *ctx, const struct http_exchange *x, const struct http_record *record);
    /* Decided on the head, before the body is read: return true to go on, false after http_respond or
     * http_respond_problem (401, 403, 503), or after http_exchange_hold if that is decided later. Not asked if no route
     * matched. May be NULL. */
    bool (*admit)(void *ctx, struct http_exchange *x);
    /* An answer of whatever kind is about to be made (a 404 or an automatic OPTIONS too; the route may then be NULL):
     * may add response fields that all answers carry, such as those of CORS. May be NULL. */
    void (*answering)(void *ctx, struct http_exchange *x, unsigned status);
    /* Connections now open changed. May be NULL. */
    void (*connections)(void *ctx, unsigned open);
    /* So many bytes came from clients, or were taken by them. May be NULL. */
    void (*moved)(void *ctx, size_t received, size_t sent);
    /* A connection made room for another. May be NULL. */
    void (*displaced)(void *ctx);
    /* Whether somebody else who accepts on the same sockets has room for more connections. May be NULL: nobody. */
    bool (*has_room_elsewhere)(void *ctx);
    /* Memory that the connections hold, roughly, when it changed. May be NULL. */
    void (*held)(void *ctx, size_t bytes);
    /* What else counts against the same limit. It may be asked many times a second. May be NULL: nothing. */
    void (*held_elsewhere)(void *ctx, struct http_elsewhere *ret);
};

/* The server borrows base, router, limits and hooks; they outlive it. */
struct http_server *http_server_new(struct event_base *base, const struct http_router *router,
                                    const struct http_limits *limits, const struct http_hooks *hooks);
/* Other bounds than the usual ones: for tests, which fill them sooner. */
void http_server_set_buffers(struct http_server *server, const struct http_buffers *buffers);
/* Accepts on `fd`, a listening socket (TCP or Unix, made non-blocking here), which stays the caller's. */
int http_server_listen(struct http_server *server, int fd, struct error *err) ATTR_CHECKED;
/*
 * Graceful stop (RFC 9112 section 9.6): accepts no more (connections in the kernel's queue stay there), closes idle
 * connections, lets requests whose first byte has come finish with "Connection: close". With `idle_grace_ms` an idle
 * connection may first send one more request within that time: a client that is busy then learns of the end from an
 * answer, and loses nothing to a close that crosses its request. A connection that has not yet sent its first request
 * has a second to do so. `drained` is called once, from the loop, when no connection is
 * left, and may free the server. A second call may only shorten `idle_grace_ms`.
 */
void http_server_drain(struct http_server *server, unsigned idle_grace_ms, void (*drained)(void *arg), void *arg);
/*
 * For a drain that ends the service, called before it: nobody else will accept what waits in the kernel's queues. It is
 * accepted and served, for `within_ms` at most, and each socket is then shut, in every process that has it: whoever
 * comes later is refused by the kernel, instead of waiting there until a reset.
 */
void http_server_accept_queued(struct http_server *server, unsigned within_ms);
/*
 * The time of a drain is over: a request that has not come whole is answered 503 now, and its connection ends with
 * that. Call it from an event of the loop, not from a handler or a hook. Returns how many there were.
 */
unsigned http_server_refuse_unfinished(struct http_server *server);
/* Connections whose client has not yet taken all that was answered. */
unsigned http_server_unsent(const struct http_server *server);
unsigned http_server_connections(const struct http_server *server);
unsigned http_server_in_flight(const struct http_server *server); /* requests begun and not yet answered */
/* Closes what is open (each exchange's cancel function runs), and frees. Takes NULL. Not from within a handler, a hook
 * or a cancel function. */
void http_server_free(struct http_server *server);

/* ---- An exchange: one request and its answer. It lives from the head's end until it is answered or cancelled. ---- */

enum http_method http_exchange_method(const struct http_exchange *x); /* HEAD shows as HTTP_HEAD */
const struct http_route *http_exchange_route(const struct http_exchange *x);
void *http_exchange_context(const struct http_exchange *x); /* hooks.ctx */
/* Memory that lives as long as the exchange. */
struct arena *http_exchange_arena(struct http_exchange *x);
/* Percent-decoded value of the path parameter, in the order of the path; valid UTF-8 without NUL. */
struct slice http_exchange_path_param(const struct http_exchange *x, unsigned index);
struct slice http_exchange_query(const struct http_exchange *x); /* raw, without "?"; absent if there is none */
/* The field's value, without space at its ends; absent if there is none. Several field lines of one name come
 * joined by ", " (RFC 9110 section 5.3). Names are compared without case. */
struct slice http_exchange_header(struct http_exchange *x, const char *name);
/* The host that the request is for, perhaps with a port: that of its target, or of its Host field (RFC 9112 section
 * 3.3). Absent if HTTP/1.0 names none. */
struct slice http_exchange_host(const struct http_exchange *x);
struct slice http_exchange_body(const struct http_exchange *x);
struct slice http_exchange_request_id(const struct http_exchange *x);
/* Whether the request's Accept gives `type` more weight than `other`. */
bool http_exchange_prefers(struct http_exchange *x, const char *type, const char *other);

/* Who asks, for the record. The text lives as long as the exchange. */
void http_exchange_set_client(struct http_exchange *x, struct slice name);
/* Whom the request counts for: the address that it comes from (of IPv6 the first 64 bits, and all of a Unix socket's
 * clients are one), or what was set, which has HTTP_CLIENT_NAMED in `low`, so that it differs from every address. */
#define HTTP_CLIENT_NAMED (1ULL << 63)
struct client_id http_exchange_client_id(const struct http_exchange *x);
void http_exchange_set_client_id(struct http_exchange *x, struct client_id id);
/* What tells the request's client from all others, for whoever keeps something for it; absent unless it was set. As
 * long as the request. */
void http_exchange_set_client_key(struct http_exchange *x, struct slice key);
struct slice http_exchange_client_key(const struct http_exchange *x);

/* Walks a query string: false at its end. Decodes "+" and percent-encoding into the arena. *ret_valid is false if
 * the pair is malformed (bad escape, NUL, not UTF-8); name and value are then as received. A name without "=" has an
 * empty value, not an absent one. */
bool http_query_next(struct arena *arena, struct slice *query, struct slice *ret_name, struct slice *ret_value,
                     bool *ret_valid);

/* `cancel` is called at most once if the client leaves, or the server is freed, before the answer; the exchange must
 * not be touched afterwards. Set it before the handler returns without having answered. */
void http_exchange_on_cancel(struct http_exchange *x, void (*cancel)(void *arg), void *arg);

/* Calls `next` from the loop in one of its next turns, once: others are served in between. Not if the exchange is
 * answered or cancelled before. One at a time. */
void http_exchange_later(struct http_exchange *x, void (*next)(void *arg), void *arg);

/* For the hook `admit`: the request waits, and nothing of its content is asked for, until http_exchange_admit or an
 * answer. `cancel` as in http_exchange_on_cancel. */
void http_exchange_hold(struct http_exchange *x, void (*cancel)(void *arg), void *arg);
/* The request that was held goes on, once the caller is done. Its cancel function is called no more. */
void http_exchange_admit(struct http_exchange *x);

/* ---- The answer: fields first, then one of the three that end the exchange (x is gone afterwards). ---- */

/* Adds a response field. The name and the value are copied; a value with CR, LF or NUL is a bug and aborts.
 * Content-Length, Date, Connection, X-Request-ID, X-Content-Type-Options, Cache-Control and Vary are the server's own.
 */
void http_exchange_add_header(struct http_exchange *x, const char *name, struct slice value);
/* What of the request the answer depends on (Vary, RFC 9110 section 12.5.5). Each call adds; the answer has one field
 * of all. */
enum http_vary { HTTP_VARY_ACCEPT = 1, HTTP_VARY_ACCEPT_ENCODING = 2, HTTP_VARY_ORIGIN = 4 };
void http_exchange_vary(struct http_exchange *x, enum http_vary field);
/* Who may keep the answer, and until when (Cache-Control, RFC 9111 section 5.2). Without it nobody may: no-store. */
void http_exchange_set_caching(struct http_exchange *x, const char *value);
/* Answers. `type` may be NULL (then no Content-Type; body must be empty). The body is copied before this returns. HEAD,
 * 204 and 304 send no body; HEAD sends the Content-Length that GET would, 304 sends none. */
void http_respond(struct http_exchange *x, unsigned status, const char *type, struct slice body);

/* One wrong place of a request (RFC 9457 section 3.2; pointer is RFC 6901, or "query:limit", "header:If-Match",
 * "path:id"). */
struct http_problem_item {
    struct slice pointer;
    struct slice detail;
    size_t column; /* in the text that stands there, from 1, in characters; 0: the problem does not say */
};

struct http_problem {
    unsigned status;
    const char *code;                      /* machine-readable, snake_case: "validation_failed"; stable */
    const char *detail;                    /* one sentence for a person: what, where, what to do */
    const struct http_problem_item *items; /* "errors"; may be NULL */
    size_t item_count;
    unsigned retry_after_s; /* 0: no Retry-After */
};

/*
 * Answers with application/problem+json (RFC 9457):
 * {"type":"about:blank","title":"Not Found","status":404,"code":"not_found","detail":"…","request_id":"…","errors":[…]}
 */
void http_respond_problem(struct http_exchange *x, const struct http_problem *problem);
/* The same from a row of a table (http/refusal.h): `words` for the places in its sentence, and the wrong places. */
void http_refuse_items(struct http_exchange *x, const struct http_refusal *refusal,
                       const struct http_problem_item *items, size_t item_count);
void http_refuse_with(struct http_exchange *x, const struct http_refusal *refusal,
                      const struct slice words[static HTTP_REFUSAL_WORDS_MAX]);
void http_refuse(struct http_exchange *x, const struct http_refusal *refusal);
/* Words for http_refuse_with: HTTP_WORDS(slice, …). */
#define HTTP_WORDS(...) ((const struct slice[HTTP_REFUSAL_WORDS_MAX]){__VA_ARGS__})

/* Cuts the next entity tag off the list of an If-Match or If-None-Match field: with its quotes, without "W/". A list
 * that is malformed from here on is left as it is. */
enum http_etag { HTTP_ETAG_END, HTTP_ETAG_STRONG, HTTP_ETAG_WEAK, HTTP_ETAG_MALFORMED };
enum http_etag http_etag_next(struct slice *list, struct slice *ret_tag) ATTR_CHECKED;

/* The request's If-None-Match against `etag` (with its quotes): weak comparison, "*" matches (RFC 9110 section 13.1.2).
 */
bool http_if_none_match(struct http_exchange *x, struct slice etag);

/* ---- Content that is made once and served many times. ---- */

enum { HTTP_ETAG_BYTES = 32 };

/* Made by http_content_init, and not changed afterwards. The bytes are borrowed. */
struct http_content {
    const char *type;
    struct slice plain;
    struct slice gzip; /* the same bytes compressed; absent: there is no such form */
    char etag[HTTP_ETAG_BYTES];
    char gzip_etag[HTTP_ETAG_BYTES]; /* another one, because the bytes are (RFC 9110 section 8.8.3.3) */
};

void http_content_init(struct http_content *content, const char *type, struct slice plain, struct slice gzip);
/* Answers with the form that the client's Accept-Encoding asks for, or 304 if If-None-Match says that it has it.
 * `cache_control` is the field's value. */
void http_respond_content(struct http_exchange *x, const struct http_content *content, const char *cache_control);

#endif
