/* An endpoint made ready to run: inside the room only. */
#ifndef API_OPERATION_H
#define API_OPERATION_H

#include "api/api.h"
#include "api/call.h"
#include "base/buf.h"

enum { API_CLAUSES_MAX = 4 };

/* What has an entity tag may be kept by the one who asked, and is asked for again each time: also whether he still may
 * see it. */
#define API_REVALIDATED "private, no-cache"

struct api_operation {
    struct api *api;
    const struct api_resource *resource;
    const struct api_endpoint *endpoint;
    char *path; /* whole */
    struct http_route route;
    /* Statement k has clause i if bit i of k is set; clause i is there for parameter clause_param[i]. */
    struct db_statement *variants;
    unsigned clause_count;
    unsigned clause_param[API_CLAUSES_MAX];
    unsigned under_way; /* calls of an endpoint with at_once */
    struct buf made;    /* by the endpoint's `make` */
    struct http_content content;
};

struct api {
    struct api_operation *operations;
    size_t operation_count;
    const struct http_route **routes;
    const struct db_statement **statements;
    size_t statement_count;
    struct json_validator *validator;
    struct api_process process;
    struct buf document; /* OpenAPI */
    struct http_content document_content;
    struct buf root; /* the answer of "/" for programs */
    struct http_content root_content;
    const struct api_site *ui;
    struct buf ui_html;
    struct http_content ui_page; /* of ui_html: that of "/" for people */
    const struct api_site *docs;
    struct buf docs_html;
    struct http_content docs_page; /* of docs_html */
};

/* The violation of a constraint as a row of the refusals. */
static inline struct http_refusal api_constraint_refusal(const struct api_constraint *constraint)
{
    return (struct http_refusal){.status = constraint->status, .code = constraint->code, .detail = constraint->detail};
}

/* One request while it is worked on; in the exchange's arena. */
struct api_call {
    const struct api_operation *op;
    struct http_exchange *x;
    const struct db_statement *statement; /* the one that was submitted last */
    struct db_query *query;               /* NULL: none is under way */
    /* If C makes the answer. */
    const struct slice *values;
    struct api_operation *counted; /* NULL: not in its under_way */
    api_next_fn *next;
    api_next_fn *conflicted;
    void *state;
    void (*free_state)(void *state);
};

/* The answers of run.c for call.c. */
void api_answer_outcome(struct api_call *call, enum db_outcome outcome, const struct db_result *result);
void api_add_next_link(const struct api_call *call, const char *param, struct slice next);
/* call.c: a copy of the values that lives as long as the call. */
const struct slice *api_call_values(const struct api_call *call, const struct slice values[static DB_PARAMS_MAX]);
/* The route's handler for entries with `begin`. */
void api_call_begin(struct http_exchange *x);
void api_call_cancel(void *call);

/* Whether statements answer. */
static inline bool api_asks_database(const struct api_endpoint *e)
{
    return e->sql != NULL || e->begin != NULL;
}

/* The media types of a body, NULL-terminated. */
extern const char *const api_body_types[];
extern const char *const api_patch_types[];

static inline const struct api *api_of(const struct http_exchange *x)
{
    const struct api_operation *op = http_exchange_route(x)->data;

    return op->api;
}

/* docs.c: the page, if it is served. */
void api_docs_init(struct api *api, const struct api_options *options);
/* ui.c */
void api_ui_init(struct api *api, const struct api_options *options);
void api_ui_file(struct http_exchange *x);

/* service.c: the answer of "/". */
void api_root_write(const struct api *api, struct buf *out);

/* Whether what the entry declares goes together. */
int api_statement_check(const struct api_endpoint *e, struct error *err) ATTR_CHECKED;
/* Fills the variants of `op` from its endpoint's SQL. */
int api_statement_expand(struct api_operation *op, struct error *err) ATTR_CHECKED;
void api_statement_clear(struct api_operation *op);

/* Reads and checks path, query, If-Match and body. True: `values` are what the statement takes. False: answered
 * already. */
bool api_bind(const struct api_operation *op, struct http_exchange *x, struct slice values[DB_PARAMS_MAX]) ATTR_CHECKED;

/* retention.c's. */
extern const struct db_statement api_retention_statement;

/* The route's handler for every endpoint with a statement. */
void api_run(struct http_exchange *x);

#endif
