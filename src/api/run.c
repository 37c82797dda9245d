/* From a statement's values to the answer. */

#include "api/operation.h"
#include "api/refusal.h"
#include "base/buf.h"
#include "base/number.h"

/* One request while its query runs; in the exchange's arena. */
struct api_call {
    const struct api_operation *op;
    struct http_exchange *x;
    const struct db_statement *statement;
    struct db_query *query;
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
    const struct http_refusal *refusal = &api_refusals[api_outcome_refusals[outcome]];
    const struct api_constraint *constraint = NULL;
    const struct api_process *process = &call->op->api->process;
    const bool is_read = call->op->endpoint->access == DB_READ;

    /* A read changes nothing that it could violate: somebody has put a function in the way. */
    if (is_read && (outcome == DB_UNIQUE || outcome == DB_FOREIGN_KEY)) refusal = &api_refusals[API_REFUSAL_INTERNAL];
    if (!is_read && result != NULL) constraint = api_constraint_find(call->op->resource, db_result_constraint(result));
    if (constraint != NULL) {
        const struct http_refusal own = api_constraint_refusal(constraint);
        const struct http_problem_item item = {slice_of(constraint->pointer), slice_of(constraint->detail)};

        http_refuse_items(call->x, &own, &item, constraint->pointer == NULL ? 0 : 1);
        return;
    }
    if (refusal->status == 500) process->fault(process->ctx, call->x, call->statement->name, result);
    http_refuse(call->x, refusal);
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

/* ---- A row is made in the database, where others may change functions and views: it is judged before it is passed on.
 */

enum { API_FIELD_MAX = 1024 };

static bool api_has_param(const struct api_endpoint *e, enum api_in in)
{
    for (size_t i = 0; i < e->param_count; i++) {
        if (e->params[i].in == in) return true;
    }
    return false;
}

/* Whether the endpoint has such an answer (openapi_answers.c). */
static bool api_has_status(const struct api_endpoint *e, unsigned status)
{
    if (status == 404 || status == 500) return api_has_param(e, API_IN_PATH);
    if (status == 412) return api_has_param(e, API_IN_IF_MATCH);
    if (e->statuses[0] == 0) return status == 200;
    for (size_t i = 0; i < API_STATUSES_MAX; i++) {
        if (e->statuses[i] == status && status != 0) return true;
    }
    return false;
}

/* What becomes part of a field: visible, and nothing that ends what it is put into. */
static bool api_is_fit_for_field(struct slice text)
{
    for (size_t i = 0; text.data != NULL && i < text.len; i++) {
        const char c = text.data[i];

        if (c <= ' ' || c > '~' || c == '"' || c == '<' || c == '>') return false;
    }
    return text.len <= API_FIELD_MAX;
}

struct api_row {
    unsigned status;
    struct slice etag;
    struct slice location;
    struct slice next;
    struct slice body;
};

/* Of no row the status is 404. False if it is not an answer of this endpoint. */
static bool api_read_row(const struct api_endpoint *e, const struct db_result *result, struct api_row *ret_row)
{
    const struct slice status = api_column(result, "status");
    uint64_t number = db_result_rows(result) == 0 ? 404 : 200;

    *ret_row = (struct api_row){.etag = api_column(result, "etag"),
                                .location = api_column(result, "location"),
                                .next = api_column(result, "next"),
                                .body = api_column(result, "body")};
    if (status.data != NULL && !number_parse_u64(status, &number)) return false;
    if (number > 999 || !api_has_status(e, (unsigned)number)) return false;
    ret_row->status = (unsigned)number;
    const bool has_content = number < 300 && number != 204;
    const bool is_made = number == 201 || number == 202;

    if ((ret_row->etag.data != NULL && !e->has_etag) || (ret_row->next.data != NULL && !e->is_list)) return false;
    if (ret_row->location.data != NULL && !is_made) return false;
    return (!has_content || ret_row->body.len > 0) && api_is_fit_for_field(ret_row->etag) &&
           api_is_fit_for_field(ret_row->location) && api_is_fit_for_field(ret_row->next);
}

/* The answers that a statement can give without content. Which of them applies is the statement's to say. */
static bool api_answer_refusal(struct http_exchange *x, unsigned status)
{
    switch (status) {
    case 404:
        http_refuse(x, &api_refusals[API_REFUSAL_NO_ROW]);
        return true;
    case 412:
        http_refuse(x, &api_refusals[API_REFUSAL_STALE]);
        return true;
    case 500:
        http_refuse(x, &api_refusals[API_REFUSAL_LARGE]);
        return true;
    default:
        return false;
    }
}

static void api_answer_row(const struct api_call *call, const struct db_result *result)
{
    const struct api_process *process = &call->op->api->process;
    struct http_exchange *x = call->x;
    struct api_row row;

    if (!api_read_row(call->op->endpoint, result, &row)) {
        process->fault(process->ctx, x, call->statement->name, result);
        http_refuse(x, &api_refusals[API_REFUSAL_INTERNAL]);
        return;
    }
    if (api_answer_refusal(x, row.status)) return;
    if (row.etag.data != NULL) {
        row.etag = slice_of(arena_printf(http_exchange_arena(x), "\"%.*s\"", SLICE_FMT(row.etag)));
        http_exchange_add_header(x, "ETag", row.etag);
        /* What has a version may be kept by the one who asked, and is asked for again each time: also whether he still
         * may see it. */
        if (call->op->endpoint->access == DB_READ) http_exchange_set_caching(x, "private, no-cache");
        if (call->op->endpoint->access == DB_READ && http_if_none_match(x, row.etag)) {
            http_respond(x, 304, NULL, SLICE_NONE);
            return;
        }
    }
    if (row.location.data != NULL) http_exchange_add_header(x, "Location", row.location);
    if (row.next.data != NULL) api_add_next_link(call, row.next);
    if (row.status == 204) {
        http_respond(x, row.status, NULL, SLICE_NONE);
    } else {
        http_respond(x, row.status, "application/json", row.body);
    }
}

static void api_done(void *arg, const struct db_result *result)
{
    const struct api_call *call = arg;
    const struct api_process *process = &call->op->api->process;

    process->working(process->ctx, call->x, call->statement->name);
    if (db_result_outcome(result) != DB_OK) {
        api_answer_outcome(call, db_result_outcome(result), result);
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
    call->query = db_submit_for(op->api->process.db, http_exchange_client_id(x), call->statement, values, api_done,
                                call, &outcome);
    if (call->query == NULL) {
        api_answer_outcome(call, outcome, NULL);
        return;
    }
    http_exchange_on_cancel(x, api_cancel, call);
}
