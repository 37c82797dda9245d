/* RFC 9457: problems as JSON. */
#include "http/problem.h"

static void problem_add_member(struct buf *out, const char *name, const char *text)
{
    buf_add_str(out, ",\"");
    buf_add_str(out, name);
    buf_add_str(out, "\":");
    buf_add_json(out, slice_of(text));
}

static void problem_add_items(struct buf *out, const struct http_problem *problem)
{
    buf_add_str(out, ",\"errors\":[");
    for (size_t i = 0; i < problem->item_count; i++) {
        buf_add_str(out, i == 0 ? "{\"pointer\":" : ",{\"pointer\":");
        buf_add_json(out, problem->items[i].pointer);
        buf_add_str(out, ",\"detail\":");
        buf_add_json(out, problem->items[i].detail);
        if (problem->items[i].column > 0) {
            buf_add_str(out, ",\"column\":");
            buf_add_u64(out, problem->items[i].column);
        }
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

void problem_write(const struct http_problem *problem, struct slice request_id, struct buf *out)
{
    buf_add_str(out, "{\"type\":\"about:blank\"");
    problem_add_member(out, "title", http_status_phrase(problem->status));
    buf_add_str(out, ",\"status\":");
    buf_add_u64(out, problem->status);
    problem_add_member(out, "code", problem->code);
    problem_add_member(out, "detail", problem->detail);
    buf_add_str(out, ",\"request_id\":");
    buf_add_json(out, request_id);
    if (problem->item_count > 0) problem_add_items(out, problem);
    buf_add_str(out, "}\n");
}
