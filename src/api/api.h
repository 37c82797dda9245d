/*
 * The API: endpoints declared in tables, one file a resource, and what turns the tables into routes, prepared
 * statements and answers. A plain endpoint is one entry and one statement; it needs no C function of its own.
 *
 * A statement's parameters are $1, $2, … in the order of the entry's `params`, then the body (as jsonb) if there is
 * one. It returns one row at the most; no row is 404. The columns, by name, each optional but the first two for an
 * answer with content:
 *
 *     status    the answer's HTTP status; 200 without it. 404, 412 and 500 (what is stored is too large) become
 *               problems; 204 has no body.
 *     body      the answer's JSON, passed on as it is
 *     etag      entity tag without its quotes; If-None-Match is answered with 304 from it
 *     location  Location
 *     next      cursor of the next page: becomes Link: <…?after=NEXT>; rel="next"
 *
 * A row that says what the entry does not declare is answered 500, and told in the log: a status that is not among its
 * `statuses` (404 and 500 take a parameter in the path, 412 one of API_IN_IF_MATCH), etag without has_etag, next
 * without is_list, location without 201 or 202, no body where there is to be one, or a value that cannot be part of a
 * field.
 *
 * If C makes the content of the answer from the rows (`render`), there are as many rows as it likes and no `body`; the
 * other columns are those of the first row, and no row is 404 all the same. An endpoint that needs several statements
 * one after the other, or takes a body that is not JSON, has `begin` instead of `sql` (api/call.h).
 *
 * What the entry declares beside it is the document's (openapi.c): nothing about an endpoint is written anywhere else.
 *
 * A part of a statement between "[?" and "?]" is there only if the one optional parameter in it was given; every
 * combination is a prepared statement of its own, so that each has the plan that its filters deserve.
 */
#ifndef API_API_H
#define API_API_H

#include <stddef.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/health.h"
#include "db/db.h"
#include "http/http.h"
#include "http/refusal.h"
#include "json/json.h"

enum api_in {
    API_IN_PATH,     /* in the order of the path's {…} */
    API_IN_QUERY,    /* left out: default_text, else SQL NULL */
    API_IN_HEADER,   /* by the field's name; left out: default_text, else SQL NULL */
    API_IN_IF_MATCH, /* If-Match as bigint[]: NULL if it is absent or "*" */
    API_IN_CLIENT,   /* not of the request, and so not in the document: the id of its token; NULL without one */
    API_IN_MADE,     /* neither: what `check` makes of the body */
};

struct api_param {
    enum api_in in;
    enum db_type type;
    struct json_field field;
};

/* What the violation of a named constraint means to a client. A function that a statement calls may refuse in the same
 * way, by RAISE … USING ERRCODE = 'check_violation', CONSTRAINT = name. */
struct api_constraint {
    const char *name;
    unsigned status; /* 409 or 422 */
    const char *code;
    const char *pointer; /* the place that is wrong; NULL: none, it is the state of things */
    const char *detail;
};

/* What a token must allow if STRATSLAB_AUTH is token. */
enum api_scope {
    API_SCOPE_DEFAULT, /* in a table: under /api/ what `access` says, elsewhere none */
    API_SCOPE_NONE,    /* open to everybody */
    API_SCOPE_READ,
    API_SCOPE_WRITE,
};

/* Where an endpoint's path begins. */
enum api_base {
    API_BASE_NONE,    /* `path` is the whole of it */
    API_BASE_OPENAPI, /* at api_options.paths[…], and `path` ("" or more) after it; left out if that is NULL */
    API_BASE_DOCS,    /* the same; needs the document too */
    API_BASE_COUNT
};

enum { API_STATUSES_MAX = 2 };

struct api_call; /* api/call.h */

/* What the schema does not say of a body: adds faults, and gives the values of the parameters API_IN_MADE, by their
 * index in the entry's `params`. The body is JSON, but may have faults already: nothing is to be taken for granted. */
typedef void api_check_fn(struct arena *arena, const struct json_members *body, struct slice *values,
                          struct json_faults *faults);
/* Writes content that is always the same. */
typedef void api_make_fn(struct buf *out);

/* Appends the answer's content to `out`, of the media type that was negotiated (api_call_is_other_type), and returns
 * true; or answers with a problem (api_call_refuse, api_call_fail) and returns false. There is a row at least. */
typedef bool api_render_fn(struct api_call *call, const struct db_result *result, struct buf *out);
/* The parameters are fine, and the body, if there is one, is there. */
typedef void api_begin_fn(struct api_call *call);

/* Nothing that follows from the rest is declared: which errors an endpoint can answer, which headers, which scope its
 * access needs, see openapi_answers.c. */
struct api_endpoint {
    const char *id; /* unique; names the prepared statement, the log's and the metrics' route */
    const char *summary;
    const char *description; /* more for the document, in Markdown; NULL */
    const char *link;        /* its name among the links of "/"; NULL: it is not there */
    enum http_method method;
    enum api_base base;
    const char *path;
    const struct api_param *params;
    size_t param_count;
    const struct json_schema *body; /* NULL: takes none, or one of body_types */
    enum json_mode body_mode;
    api_check_fn *check;           /* more of the body; NULL: the schema says it all */
    const char *const *body_types; /* media types of a body that is not JSON, NULL-terminated; needs `begin` */
    const char *body_example;      /* of the first of them: JSON text */
    enum db_access access;
    enum api_scope scope;
    const char *sql;                       /* NULL: `begin` or `handle` answers */
    bool takes_many;                       /* $1 is an array of bodies, and `sql` gives a row for each (db/db.h) */
    api_render_fn *render;                 /* makes the content from the rows of `sql`; NULL: the row has it */
    api_begin_fn *begin;                   /* submits `statements`, one after the other */
    const struct db_statement *statements; /* their names begin with the endpoint's id */
    size_t statement_count;
    unsigned at_once;        /* so many calls of `begin` may be under way in a process; 0: any number */
    http_handler_fn *handle; /* an answer that needs no database */
    api_make_fn *make;       /* the same, and always the same: made once; with has_etag */
    /* The answers that are not problems. */
    unsigned statuses[API_STATUSES_MAX]; /* none: 200 */
    const char *produces;                /* their media type; NULL: application/json */
    const char *produces_too;            /* another one, if Accept prefers it; not of `make` or bare sql; NULL: none */
    const struct http_refusal *const *refusals; /* what C refuses of its own, NULL-terminated: 409 or 422 */
    const struct json_schema *answer; /* their content; NULL: text or an object of which the document says no more */
    bool is_list;                     /* one page of `answer`: {"items":[…],"next":…} */
    bool has_etag;
    bool is_unlisted; /* for people who mistype a path: the document does not have it */
};

struct api_resource {
    const char *tag; /* its name in the document */
    const char *tag_description;
    const struct api_endpoint *endpoints;
    size_t count;
    const struct api_constraint *constraints; /* that its statements can violate */
    size_t constraint_count;
};

#define API_PARAMS(list) .params = (list), .param_count = countof(list)
#define API_STATEMENTS(list) .statements = (list), .statement_count = countof(list)

/* The resources; one file each. */
extern const struct api_resource api_service;
extern const struct api_resource api_strategies;
extern const struct api_resource api_backtests;
extern const struct api_resource api_results;
extern const struct api_resource api_series;
extern const struct api_resource api_candles;
extern const struct api_resource api_rules;
extern const struct api_resource api_documentation;

/* A stored chunk of candles that cannot be read. */
struct api_damage {
    struct slice symbol;
    const char *timeframe; /* of the stored series */
    int64_t address;
    const char *from; /* where its bars may begin */
    const char *error;
};

/* What endpoints need of the process that they run in. Borrowed; set by api_attach before the first request. */
struct api_process {
    void *ctx;
    struct db *db;
    enum health (*health)(void *ctx); /* for /health */
    /* This request is being worked on, with this statement: for whoever wonders what a crash came from. */
    void (*working)(void *ctx, const struct http_exchange *x, const char *statement);
    /* A query ended in a way that is our fault, not the client's (500): for the log. */
    void (*fault)(void *ctx, const struct http_exchange *x, const char *statement, const struct db_result *result);
    /* A request met this, and cannot be answered: for whoever can mend it. */
    void (*damaged)(void *ctx, const struct http_exchange *x, const struct api_damage *damage);
};

struct api_site; /* api/site.h */

/* What the settings say of the API. Borrowed until api_new returns, but for docs. */
struct api_options {
    const char *paths[API_BASE_COUNT]; /* NULL: what begins there is switched off */
    const struct api_site *docs;       /* outlives the api; NULL: there is no Swagger UI */
    const struct api_site *ui;         /* the same of the page at /; NULL: one that links the API takes its place */
};

struct api;

/* Builds routes, statements and the document from the tables. An error here is a mistake in a table, or
 * (ERROR_SETTINGS) a path of the settings that is another endpoint's. */
int api_new(const struct api_options *options, struct api **ret_api, struct error *err) ATTR_CHECKED;
void api_free(struct api *api); /* takes NULL */
void api_attach(struct api *api, const struct api_process *process);
/* Both live as long as the api. */
const struct http_route *const *api_routes(const struct api *api, size_t *ret_count);
const struct db_statement *const *api_statements(const struct api *api, size_t *ret_count);
/* Of a route that this api made. */
const struct api_endpoint *api_endpoint_of(const struct http_route *route);
/* What the endpoint asks of a token: never API_SCOPE_DEFAULT. */
enum api_scope api_scope(const struct api_endpoint *endpoint);
const char *api_scope_name(enum api_scope scope); /* "read", "write"; "" if there is none */

/* The OpenAPI document, made once from the tables. */
struct slice api_document(const struct api *api);

/* For `handle` functions. */
const struct api_process *api_process_of(const struct http_exchange *x);

#endif
