/* From a statement's values to the answer. */

#include "api/operation.h"
#include "api/refusal.h"
#include "base/buf.h"
#include "base/number.h"

static const struct api_constraint *api_constraint_find(const struct api_resource *resource, const char *name)
{
    for (size_t i = 0; i < resource->constraint_count; i++) {
        if (strcmp(resource->constraints[i].name, name) == 0) return &resource->constraints[i];
    }
    return NULL;
}

void api_answer_outcome(struct api_call *call, enum db_outcome outcome, const struct db_result *result)
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
        const struct http_problem_item item = {slice_of(constraint->pointer), slice_of(constraint->detail), 0};

        api_call_refuse(call, &own, &item, constraint->pointer == NULL ? 0 : 1);
        return;
    }
    if (refusal->status == 500) process->fault(process->ctx, call->x, call->statement->name, result);
    api_call_refuse(call, refusal, NULL, 0);
}

static struct slice api_column(const struct db_result *result, const char *name)
{
    int column = db_result_column(result, name);

    return column < 0 ? SLICE_NONE : db_result_value(result, 0, column);
}

/* What is not unreserved in RFC 3986 is written as its bytes' numbers. */
static void api_add_escaped(struct buf *out, struct slice text)
{
    static const char unreserved[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:";

    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '\0' && strchr(unreserved, text.data[i]) != NULL) {
            buf_add_char(out, text.data[i]);
        } else {
            buf_printf(out, "%%%02X", (unsigned)(unsigned char)text.data[i]);
        }
    }
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
        api_add_escaped(out, http_exchange_path_param(call->x, index++));
        at = strchr(at, '}');
    }
}

/* Link (RFC 8288) to the next page: this request's own query with another cursor. The query holds the characters of
 * RFC 3986 only, so nothing of it needs escaping. */
void api_add_next_link(const struct api_call *call, const char *param, struct slice next)
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
        if (slice_is(name, param)) continue;
        buf_add_slice(&link, pair);
        buf_add_char(&link, '&');
    }
    buf_printf(&link, "%s=", param);
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
    return (!has_content || e->render != NULL || ret_row->body.len > 0) && api_is_fit_for_field(ret_row->etag) &&
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

/* The content that C makes of the rows. */
static void api_answer_rendered(struct api_call *call, unsigned status, const struct db_result *result)
{
    struct buf out = {0};

    if (call->op->endpoint->render(call, result, &out)) api_call_answer(call, status, buf_slice(&out));
    buf_clear(&out);
}

void api_call_answer_row(struct api_call *call, const struct db_result *result)
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
        row.etag = arena_join(http_exchange_arena(x), SLICE_LIT("\""), row.etag, SLICE_LIT("\""));
        http_exchange_add_header(x, "ETag", row.etag);
        if (call->op->endpoint->access == DB_READ) http_exchange_set_caching(x, API_REVALIDATED);
        if (call->op->endpoint->access == DB_READ && http_if_none_match(x, row.etag)) {
            http_respond(x, 304, NULL, SLICE_NONE);
            return;
        }
    }
    if (row.location.data != NULL) http_exchange_add_header(x, "Location", row.location);
    if (row.next.data != NULL) api_add_next_link(call, "after", row.next);
    if (row.status == 204) {
        http_respond(x, row.status, NULL, SLICE_NONE);
    } else if (call->op->endpoint->render != NULL) {
        api_answer_rendered(call, row.status, result);
    } else {
        http_respond(x, row.status, "application/json", row.body);
    }
}

static void api_done(void *arg, const struct db_result *result)
{
    struct api_call *call = arg;
    const struct api_process *process = &call->op->api->process;

    call->query = NULL;
    process->working(process->ctx, call->x, call->statement->name);
    if (db_result_outcome(result) != DB_OK) {
        api_answer_outcome(call, db_result_outcome(result), result);
    } else {
        api_call_answer_row(call, result);
    }
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
    if (op->endpoint->render != NULL) call->values = api_call_values(call, values);
    op->api->process.working(op->api->process.ctx, x, call->statement->name);
    call->query = db_submit_for(op->api->process.db, http_exchange_client_id(x), call->statement, values, api_done,
                                call, &outcome);
    if (call->query == NULL) {
        api_answer_outcome(call, outcome, NULL);
        return;
    }
    http_exchange_on_cancel(x, api_call_cancel, call);
}
