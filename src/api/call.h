/*
 * Answers that C makes: what an endpoint's `render`, `begin` and the functions after it do with their request. All else
 * of the endpoint stays declared: its parameters are checked before these run, and what a statement's outcome other
 * than DB_OK means to the client is answered without them. Inside the room only.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api.h"
#include "base/arena.h"
#include "base/buf.h"
#include "http/refusal.h"

/* One request; it lives until it is answered, or the client leaves. */
struct api_call;

typedef void api_next_fn(struct api_call *call, const struct db_result *result);

struct arena *api_call_arena(const struct api_call *call);
/* As the statement would get it: checked, and the default if it was left out; absent if there is none. By its index in
 * the entry's `params`. */
struct slice api_call_value(const struct api_call *call, unsigned param);
/* Of an entry with body_types: the bytes as they came. */
struct slice api_call_body(const struct api_call *call);
/* Whether Accept prefers the entry's `produces_too`. */
bool api_call_is_other_type(const struct api_call *call);

/* Link to the next page: this request's own query with another value of `param`. */
void api_call_add_next(struct api_call *call, const char *param, struct slice value);

/* ---- For `begin` and what comes after it. The call may be over when one of these returns: do nothing but return. ----
 */

/* Kept with the call and freed with it, whether it is answered or cancelled. Once. */
void api_call_keep(struct api_call *call, void *state, void (*free_state)(void *state));
void *api_call_state(const struct api_call *call); /* NULL: none was kept */
/* Submits a statement of the entry, by its index in `statements`. The values live as long as the call, or until `next`
 * is called: with its result, which is DB_OK. If it is DB_CONFLICT and `conflicted` is not NULL, that is called
 * instead. One at a time. */
void api_call_submit(struct api_call *call, unsigned statement, const struct slice *values, api_next_fn *next,
                     api_next_fn *conflicted);
/* Calls `next` (with NULL) in a later turn of the loop: others are served in between. */
void api_call_later(struct api_call *call, api_next_fn *next);

/* The answer with content: of type `produces`, or produces_too if that was preferred. 204: `body` is empty. `status` is
 * one of the entry's. */
void api_call_answer(struct api_call *call, unsigned status, struct slice body);
/* A problem: one of the entry's `refusals`, or of api_refusals. */
void api_call_refuse(struct api_call *call, const struct http_refusal *refusal, const struct http_problem_item *items,
                     size_t item_count);
/* 422 with places that are wrong. What was kept is not freed: keep what needs no freeing. */
void api_call_refuse_faults(struct api_call *call, const struct json_faults *faults);
/* The answer that the row says, as that of an entry's `sql` (api/api.h). The same goes for what was kept. */
void api_call_answer_row(struct api_call *call, const struct db_result *result);
/* 500, and a line in the log: what the database has is not what it can have. `result` says where it was seen, and is
 * NULL if it is gone by now. */
void api_call_fail(struct api_call *call, const struct db_result *result);
/* For the log alone: the answer is the caller's. */
void api_call_tell_damage(const struct api_call *call, const struct api_damage *damage);

#endif
