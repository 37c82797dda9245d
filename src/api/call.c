/* Requests that C answers: their statements one after the other, and what becomes of them. */
#include "api/call.h"

#include "api/operation.h"
#include "api/refusal.h"

struct arena *api_call_arena(const struct api_call *call)
{
    return http_exchange_arena(call->x);
}

struct slice api_call_value(const struct api_call *call, unsigned param)
{
    return call->values[param];
}

struct slice api_call_body(const struct api_call *call)
{
    return http_exchange_body(call->x);
}

static const char *api_call_first_type(const struct api_call *call)
{
    const char *type = call->op->endpoint->produces;

    return type == NULL ? "application/json" : type;
}

bool api_call_is_other_type(const struct api_call *call)
{
    const char *other = call->op->endpoint->produces_too;

    return other != NULL && http_exchange_prefers(call->x, other, api_call_first_type(call));
}

void api_call_add_next(struct api_call *call, const char *param, struct slice value)
{
    api_add_next_link(call, param, value);
}

/* ---- The end ---- */

/* What is kept goes once the answer is made, for it may be made of it. With the answer the call is gone too. */
struct api_kept {
    void *state;
    void (*free_state)(void *state);
};

static struct api_kept api_call_take(struct api_call *call)
{
    const struct api_kept kept = {call->state, call->free_state};

    call->state = NULL;
    if (call->counted != NULL) call->counted->under_way--;
    call->counted = NULL;
    return kept;
}

static void api_kept_free(struct api_kept kept)
{
    if (kept.state != NULL) kept.free_state(kept.state);
}

void api_call_answer(struct api_call *call, unsigned status, struct slice body)
{
    const struct api_kept kept = api_call_take(call);
    struct http_exchange *x = call->x;

    if (call->op->endpoint->produces_too != NULL) http_exchange_vary(x, HTTP_VARY_ACCEPT);
    if (status == 204) {
        http_respond(x, status, NULL, SLICE_NONE);
    } else {
        http_respond(x, status,
                     api_call_is_other_type(call) ? call->op->endpoint->produces_too : api_call_first_type(call), body);
    }
    api_kept_free(kept);
}

void api_call_refuse(struct api_call *call, const struct http_refusal *refusal, const struct http_problem_item *items,
                     size_t item_count)
{
    const struct api_kept kept = api_call_take(call);

    http_refuse_items(call->x, refusal, items, item_count);
    api_kept_free(kept);
}

void api_call_fail(struct api_call *call, const struct db_result *result)
{
    const struct api_process *process = &call->op->api->process;

    process->fault(process->ctx, call->x, call->statement->name, result);
    api_call_refuse(call, &api_refusals[API_REFUSAL_INTERNAL], NULL, 0);
}

void api_call_tell_damage(const struct api_call *call, const struct api_damage *damage)
{
    const struct api_process *process = &call->op->api->process;

    process->damaged(process->ctx, call->x, damage);
}

void api_call_cancel(void *arg)
{
    struct api_call *call = arg;

    if (call->query != NULL) db_abandon(call->query);
    api_kept_free(api_call_take(call));
}

/* ---- On the way ---- */

const struct slice *api_call_values(const struct api_call *call, const struct slice values[static DB_PARAMS_MAX])
{
    struct slice *kept = arena_alloc(http_exchange_arena(call->x), DB_PARAMS_MAX * sizeof(*kept));

    memcpy(kept, values, DB_PARAMS_MAX * sizeof(*kept));
    return kept;
}

void api_call_keep(struct api_call *call, void *state, void (*free_state)(void *state))
{
    call->state = state;
    call->free_state = free_state;
}

void *api_call_state(const struct api_call *call)
{
    return call->state;
}

static void api_call_working(const struct api_call *call)
{
    const struct api_process *process = &call->op->api->process;

    process->working(process->ctx, call->x, call->statement == NULL ? "" : call->statement->name);
}

static void api_call_done(void *arg, const struct db_result *result)
{
    struct api_call *call = arg;
    const enum db_outcome outcome = db_result_outcome(result);

    call->query = NULL;
    api_call_working(call);
    if (outcome == DB_OK) {
        call->next(call, result);
    } else if (outcome == DB_CONFLICT && call->conflicted != NULL) {
        call->conflicted(call, result);
    } else {
        api_answer_outcome(call, outcome, result);
    }
}

void api_call_submit(struct api_call *call, unsigned statement, const struct slice *values, api_next_fn *next,
                     api_next_fn *conflicted)
{
    enum db_outcome outcome = DB_UNAVAILABLE;

    call->statement = &call->op->endpoint->statements[statement];
    call->next = next;
    call->conflicted = conflicted;
    api_call_working(call);
    call->query = db_submit_for(call->op->api->process.db, http_exchange_client_id(call->x), call->statement, values,
                                api_call_done, call, &outcome);
    if (call->query == NULL) api_answer_outcome(call, outcome, NULL);
}

static void api_call_go_on(void *arg)
{
    struct api_call *call = arg;

    api_call_working(call);
    call->next(call, NULL);
}

void api_call_later(struct api_call *call, api_next_fn *next)
{
    call->next = next;
    http_exchange_later(call->x, api_call_go_on, call);
}

/* Whether there is room for one more. */
static bool api_call_enter(struct api_call *call)
{
    struct api *api = call->op->api;
    struct api_operation *op = &api->operations[call->op - api->operations];
    const unsigned most = op->endpoint->at_once;

    if (most == 0) return true;
    if (op->under_way == most) return false;
    op->under_way++;
    call->counted = op;
    return true;
}

void api_call_begin(struct http_exchange *x)
{
    const struct api_operation *op = http_exchange_route(x)->data;
    struct slice values[DB_PARAMS_MAX];

    if (!api_bind(op, x, values)) return;
    struct api_call *call = arena_alloc(http_exchange_arena(x), sizeof(*call));

    *call = (struct api_call){.op = op, .x = x};
    call->values = api_call_values(call, values);
    if (!api_call_enter(call)) {
        api_call_refuse(call, &api_refusals[API_REFUSAL_OVERLOADED], NULL, 0);
        return;
    }
    http_exchange_on_cancel(x, api_call_cancel, call);
    op->endpoint->begin(call);
}
