/* Answers: their bytes, and what becomes of the connection. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"
#include "http/conn.h"
#include "http/problem.h"
#include "http/server.h"
#include "http/status.h"
#include "http/syntax.h"

enum { TARGET_LOGGED_BYTES = 1024, SMALL_ANSWER_BYTES = 16384 };

void conn_record(const struct http_conn *conn, unsigned status, size_t out_bytes, uint64_t now_ns,
                 struct http_record *ret_record)
{
    const struct http_exchange *x = &conn->x;
    struct slice target = http_parser_target(conn->parser, conn->in + conn->in_start);

    if (target.len > TARGET_LOGGED_BYTES) target.len = TARGET_LOGGED_BYTES;
    *ret_record = (struct http_record){
        .method = x->method,
        .method_known = x->method_known,
        .route = x->route,
        .target = target,
        .request_id = x->request_id,
        .peer = slice_of(conn->peer),
        .client = x->client,
        .status = status,
        .body_in_bytes = x->body_in_bytes,
        .out_bytes = out_bytes,
        .duration_ns = now_ns - x->started_ns,
    };
}

void conn_end_exchange(struct http_conn *conn, unsigned status, size_t out_bytes)
{
    const struct http_hooks *hooks = conn->server->hooks;

    conn->x.begun = false;
    conn->server->in_flight--;
    if (hooks->ended != NULL) {
        struct http_record record;

        conn_record(conn, status, out_bytes, clock_monotonic_ns(), &record);
        hooks->ended(hooks->ctx, &conn->x, &record);
    }
}

void http_exchange_add_header(struct http_exchange *x, const char *name, struct slice value)
{
    struct buf *fields = &x->conn->fields;

    if (!http_is_token(slice_of(name))) abort();
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '\r' || value.data[i] == '\n' || value.data[i] == '\0') abort();
    }
    buf_add_str(fields, name);
    buf_add(fields, ": ", 2);
    buf_add_slice(fields, value);
    buf_add(fields, "\r\n", 2);
}

void http_exchange_vary(struct http_exchange *x, enum http_vary field)
{
    x->vary |= field;
}

static void respond_add_vary(unsigned vary, struct buf *out)
{
    static const char *const names[] = {"Accept", "Accept-Encoding", "Origin"};
    const char *before = "Vary: ";

    for (size_t i = 0; i < countof(names); i++) {
        if ((vary & 1U << i) == 0) continue;
        buf_add_str(out, before);
        buf_add_str(out, names[i]);
        before = ", ";
    }
    buf_add(out, "\r\n", 2);
}

void http_exchange_set_caching(struct http_exchange *x, const char *value)
{
    http_exchange_add_header(x, "Cache-Control", slice_of(value));
    x->caching_said = true;
}

/* Unique among processes by a random seed, within one by a count. */
void conn_make_request_id(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;
    struct http_server *server = conn->server;
    uint64_t count = ++server->id_count;
    char *at = x->request_id_made;

    memcpy(at, server->id_seed, 16);
    for (unsigned i = 26; i > 16; i--, count >>= 4) at[i - 1] = hex_digit((unsigned)count);
    x->request_id = (struct slice){at, 26};
}

/* Will the connection take another request? If not, does it close at once, or in stages? */
static void respond_settle_connection(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;
    const bool is_client_closing = x->complete && !x->keep_alive;
    const bool is_more_input = conn->in_end > conn->in_start + conn->message_bytes;

    conn->linger = !is_client_closing || is_more_input;
    /* A client that has shut its side after several requests still waits for the answers to all of them. */
    x->keep_alive = x->complete && x->keep_alive && !server_is_ending(conn->server) && (is_more_input || !conn->eof);
    /* Else each connection could fill up with answers that nobody reads, small as they are. */
    if (server_is_memory_out(conn->server)) x->keep_alive = false;
}

static void respond_write_field(struct buf *out, struct slice name, const char *value)
{
    buf_add_slice(out, name);
    buf_add_str(out, value);
    buf_add(out, "\r\n", 2);
}

static void respond_write_head(struct http_conn *conn, unsigned status, const char *type, size_t length)
{
    const struct http_exchange *x = &conn->x;
    const struct slice line = http_status_line(status);
    struct buf *out = &conn->out;

    if (line.data == NULL) {
        buf_printf(out, "HTTP/1.1 %03u \r\n", status % 1000);
    } else {
        buf_add_slice(out, line);
    }
    buf_add_slice(out, server_common(conn->server));
    buf_add_slice(out, x->request_id);
    buf_add(out, "\r\n", 2);
    if (type != NULL) respond_write_field(out, SLICE_LIT("Content-Type: "), type);
    if (status != 204 && status != 304) {
        buf_add_slice(out, SLICE_LIT("Content-Length: "));
        buf_add_u64(out, length);
        buf_add(out, "\r\n", 2);
    }
    if (!x->keep_alive) {
        buf_add_slice(out, SLICE_LIT("Connection: close\r\n"));
    } else if (x->head.minor == 0) {
        buf_add_slice(out, SLICE_LIT("Connection: keep-alive\r\n"));
    }
    if (!x->caching_said) buf_add_slice(out, SLICE_LIT("Cache-Control: no-store\r\n"));
    if (x->vary != 0) respond_add_vary(x->vary, out);
    buf_add_slice(out, buf_slice(&conn->fields));
    buf_add(out, "\r\n", 2);
}

/* Clients that ask for much and take nothing must not fill the memory. Only answers of which nothing is lost when they
 * are not given: those to GET, and large ones. */
static bool respond_is_output_full(const struct http_exchange *x, size_t body_bytes)
{
    return x->method_known && x->method == HTTP_GET && body_bytes > SMALL_ANSWER_BYTES &&
           server_is_memory_short(x->conn->server, body_bytes);
}

void http_respond(struct http_exchange *x, unsigned status, const char *type, struct slice body)
{
    struct http_conn *conn = x->conn;
    const struct http_hooks *hooks = conn->server->hooks;
    const bool is_bare = status == 204 || status == 304 || (x->method_known && x->method == HTTP_HEAD);
    const size_t before = conn->out.len;

    if (!x->begun) abort(); /* answered twice */
    if (!is_bare && respond_is_output_full(x, body.len)) {
        buf_reset(&conn->fields);
        x->caching_said = false;
        http_refuse(x, &http_refusals[HTTP_REFUSAL_OUTPUT_FULL]);
        return;
    }
    if (hooks->answering != NULL) hooks->answering(hooks->ctx, x, status);
    respond_settle_connection(conn);
    respond_write_head(conn, status, type, body.len);
    if (!is_bare) {
        if (body.len > SMALL_ANSWER_BYTES) buf_reserve_exactly(&conn->out, body.len);
        buf_add_slice(&conn->out, body);
    }
    conn->state = CONN_ANSWERED;
    server_count_memory(conn);
    conn_end_exchange(conn, status, conn->out.len - before);
    if (!conn->running) server_ready(conn->server, conn);
}

/* ---- Refusals ---- */

void http_respond_problem(struct http_exchange *x, const struct http_problem *problem)
{
    struct buf *out = &x->conn->server->problem;

    buf_reset(out);
    problem_write(problem, x->request_id, out);
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

void conn_fail(struct http_conn *conn, enum http_refusal_id why)
{
    conn->x.complete = false;
    http_refuse(&conn->x, &http_refusals[why]);
}
