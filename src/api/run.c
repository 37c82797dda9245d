/* From a statement's values to the answer. */

#include "api/operation.h"
#include "base/buf.h"
#include "base/number.h"

/* One request while its query runs; in the exchange's arena. */
struct api_call {
    const struct api_operation *op;
    struct http_exchange *x;
    const struct db_statement *statement;
    struct db_query *query;
};

const struct api_outcome api_outcomes[DB_OUTCOME_COUNT] = {
    [DB_UNAVAILABLE] = {503, 1, "database_unavailable",
                        "The database is out of reach; nothing was changed. Try again."},
    [DB_UNKNOWN] = {503, 0, "outcome_unknown",
                    "The database was lost or fell silent while this change was under way: it may or may not have "
                    "happened. Read the resource before trying again."},
    [DB_OVERLOADED] = {503, 1, "overloaded",
                       "Too many requests are waiting for the database; nothing was changed. Try again."},
    [DB_UNIQUE] = {409, 0, "conflict", "Something with the same unique value exists."},
    [DB_FOREIGN_KEY] = {409, 0, "conflict", "Something else refers to this, or this refers to something that is gone."},
    [DB_CHECK] = {422, 0, "validation_failed", "The database's own rules refuse a value of this request."},
    [DB_INVALID_VALUE] = {422, 0, "validation_failed", "The database cannot take a value of this request."},
    [DB_CONFLICT] = {409, 0, "conflict",
                     "Another change to the same thing came first; nothing was changed. Try again."},
    [DB_TIMEOUT] = {503, 1, "timeout", "The database took too long; nothing was changed. Try again, or ask for less."},
    [DB_RESOURCES] = {503, 5, "database_resources",
                      "The database has run out of a resource; nothing was changed. Try later."},
    [DB_READ_ONLY] = {503, 5, "database_read_only", "The database takes no changes now. Try later."},
    [DB_DENIED] = {500, 0, "internal_error",
                   "The server failed on this request. Its log says more under the request_id."},
    [DB_FAULT] = {500, 0, "internal_error",
                  "The server failed on this request. Its log says more under the request_id."},
};

static const struct api_constraint *api_constraint_find(const struct api_resource *resource, const char *name)
{
    for (size_t i = 0; i < resource->constraint_count; i++) {
        if (strcmp(resource->constraints[i].name, name) == 0) return &resource->constraints[i];
    }
    return NULL;
}

static void api_answer_outcome(const struct api_call *call, enum db_outcome outcome, const struct db_result *result)
{
    const struct api_outcome *meaning = &api_outcomes[outcome];
    const struct api_constraint *constraint = NULL;
    const struct api_process *process = &call->op->api->process;

    if (result != NULL) constraint = api_constraint_find(call->op->resource, db_result_constraint(result));
    if (constraint != NULL) {
        struct http_problem_item item = {constraint->pointer == NULL ? SLICE_NONE : slice_of(constraint->pointer),
                                         slice_of(constraint->detail)};

        http_respond_problem(call->x, &(struct http_problem){.status = constraint->status,
                                                             .code = constraint->code,
                                                             .detail = constraint->detail,
                                                             .items = &item,
                                                             .item_count = item.pointer.data == NULL ? 0 : 1});
        return;
    }
    if (meaning->status == 500) process->fault(process->ctx, call->x, call->statement->name, result);
    http_respond_problem(call->x, &(struct http_problem){.status = meaning->status,
                                                         .code = meaning->code,
                                                         .detail = meaning->detail,
                                                         .retry_after_s = meaning->retry_after_s});
}

static struct slice api_column(const struct db_result *result, const char *name)
{
    int column = db_result_column(result, name);

    return column < 0 ? SLICE_NONE : db_result_value(result, 0, column);
}

/* The path of this request with its parameters' values, as a link needs it. */
static void api_add_path(struct buf *out, const struct api_call *call)
{
    unsigned index = 0;

    for (const char *at = call->op->path; *at != '\0'; at++) {
        if (*at != '{') {
            buf_add_char(out, *at);
            continue;
        }
        buf_add_slice(out, http_exchange_path_param(call->x, index++));
        at = strchr(at, '}');
    }
}

/* Link (RFC 8288) to the next page: this request's own query with another cursor. Path parameters of lists are UUIDs,
 * checked before, and the query holds the characters of RFC 3986 only, so nothing needs escaping. */
static void api_add_next_link(const struct api_call *call, struct slice next)
{
    struct buf link = {0};
    struct slice rest = http_exchange_query(call->x);

    buf_add_char(&link, '<');
    api_add_path(&link, call);
    buf_add_char(&link, '?');
    while (rest.data != NULL) {
        struct slice pair = slice_cut(&rest, '&');
        struct slice copy = pair;
        struct slice name;
        struct slice value;
        bool valid;

        if (pair.len == 0 || !http_query_next(http_exchange_arena(call->x), &copy, &name, &value, &valid)) continue;
        if (slice_is(name, "after")) continue;
        buf_add_slice(&link, pair);
        buf_add_char(&link, '&');
    }
    buf_add_str(&link, "after=");
    buf_add_slice(&link, next);
    buf_add_str(&link, ">; rel=\"next\"");
    http_exchange_add_header(call->x, "Link", buf_slice(&link));
    buf_clear(&link);
}

static unsigned api_result_status(const struct db_result *result)
{
    struct slice text = api_column(result, "status");
    uint64_t status = 200;

    if (text.data != NULL && !number_parse_u64(text, &status)) return 500;
    return (unsigned)status;
}

/* The answers that a statement can give without content. Their words are here; which of them applies is the
 * statement's. */
static bool api_answer_refusal(struct http_exchange *x, unsigned status)
{
    switch (status) {
    case 404:
        http_respond_error(x, 404, "not_found", "There is nothing at this path.");
        return true;
    case 412:
        http_respond_error(x, 412, "stale",
                           "It has changed since the version that If-Match names; nothing was changed. Read it again.");
        return true;
    default:
        return false;
    }
}

static void api_answer_row(const struct api_call *call, const struct db_result *result)
{
    struct http_exchange *x = call->x;
    unsigned status = api_result_status(result);
    struct slice etag = api_column(result, "etag");
    struct slice location = api_column(result, "location");
    struct slice next = api_column(result, "next");

    if (api_answer_refusal(x, status)) return;
    if (etag.data != NULL) {
        etag = slice_of(arena_printf(http_exchange_arena(x), "\"%.*s\"", SLICE_FMT(etag)));
        http_exchange_add_header(x, "ETag", etag);
        if (call->op->endpoint->access == DB_READ && http_if_none_match(x, etag)) {
            http_respond(x, 304, NULL, SLICE_NONE);
            return;
        }
    }
    if (location.data != NULL) http_exchange_add_header(x, "Location", location);
    if (next.data != NULL) api_add_next_link(call, next);
    if (status == 204) {
        http_respond(x, status, NULL, SLICE_NONE);
    } else {
        http_respond(x, status, "application/json", api_column(result, "body"));
    }
}

static void api_done(void *arg, const struct db_result *result)
{
    const struct api_call *call = arg;
    const struct api_process *process = &call->op->api->process;

    process->working(process->ctx, call->x, call->statement->name);
    if (db_result_outcome(result) != DB_OK) {
        api_answer_outcome(call, db_result_outcome(result), result);
    } else if (db_result_rows(result) == 0) {
        api_answer_refusal(call->x, 404);
    } else {
        api_answer_row(call, result);
    }
}

static void api_cancel(void *arg)
{
    struct api_call *call = arg;

    db_abandon(call->query);
}

void api_run(struct http_exchange *x)
{
    const struct api_operation *op = http_exchange_route(x)->data;
    struct slice values[DB_PARAMS_MAX];
    enum db_outcome outcome = DB_UNAVAILABLE;
    unsigned variant = 0;

    if (!api_bind(op, x, values)) return;
    for (unsigned i = 0; i < op->clause_count; i++) {
        if (values[op->clause_param[i]].data != NULL) variant |= 1U << i;
    }
    struct api_call *call = arena_alloc(http_exchange_arena(x), sizeof(*call));

    *call = (struct api_call){.op = op, .x = x, .statement = &op->variants[variant]};
    op->api->process.working(op->api->process.ctx, x, call->statement->name);
    call->query = db_submit(op->api->process.db, call->statement, values, api_done, call, &outcome);
    if (call->query == NULL) {
        api_answer_outcome(call, outcome, NULL);
        return;
    }
    http_exchange_on_cancel(x, api_cancel, call);
}
