/* RFC 9457: problems as JSON. */
#include <stdio.h>

#include "http/conn.h"
#include "http/server.h"

static void add_member(struct buf *out, const char *name, const char *text)
{
    buf_add_str(out, ",\"");
    buf_add_str(out, name);
    buf_add_str(out, "\":");
    buf_add_json(out, slice_of(text));
}

static void add_items(struct buf *out, const struct http_problem *problem)
{
    buf_add_str(out, ",\"errors\":[");
    for (size_t i = 0; i < problem->item_count; i++) {
        buf_add_str(out, i == 0 ? "{\"pointer\":" : ",{\"pointer\":");
        buf_add_json(out, problem->items[i].pointer);
        buf_add_str(out, ",\"detail\":");
        buf_add_json(out, problem->items[i].detail);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

void http_respond_problem(struct http_exchange *x, const struct http_problem *problem)
{
    struct buf *out = &x->conn->server->problem;

    buf_reset(out);
    buf_add_str(out, "{\"type\":\"about:blank\"");
    add_member(out, "title", http_status_phrase(problem->status));
    buf_add_str(out, ",\"status\":");
    buf_add_u64(out, problem->status);
    add_member(out, "code", problem->code);
    add_member(out, "detail", problem->detail);
    buf_add_str(out, ",\"request_id\":");
    buf_add_json(out, x->request_id);
    if (problem->item_count > 0) add_items(out, problem);
    buf_add_str(out, "}\n");
    if (problem->retry_after_s > 0) {
        char seconds[16];
        const int len = snprintf(seconds, sizeof(seconds), "%u", problem->retry_after_s);

        http_exchange_add_header(x, "Retry-After", (struct slice){seconds, (size_t)len});
    }
    http_respond(x, problem->status, "application/problem+json", buf_slice(out));
}

void http_refuse_items(struct http_exchange *x, const struct http_refusal *refusal,
                       const struct http_problem_item *items, size_t item_count)
{
    http_respond_problem(x, &(struct http_problem){
                                .status = refusal->status,
                                .code = http_refusal_code(refusal),
                                .detail = refusal->detail,
                                .items = items,
                                .item_count = item_count,
                                .retry_after_s = refusal->retry_after_s,
                            });
}

void http_refuse(struct http_exchange *x, const struct http_refusal *refusal)
{
    http_refuse_items(x, refusal, NULL, 0);
}

void http_refuse_with(struct http_exchange *x, const struct http_refusal *refusal,
                      const struct slice words[static HTTP_REFUSAL_WORDS_MAX])
{
    struct http_refusal said = *refusal;
    struct buf detail = {0};

    http_refusal_detail(refusal, words, &detail);
    said.detail = buf_cstr(&detail);
    http_refuse(x, &said);
    buf_clear(&detail);
}
