/* What the head of a request decides, before any of its content is read. */
#include <stdlib.h>

#include "base/mask.h"
#include "http/conn.h"
#include "http/negotiate.h"
#include "http/router.h"
#include "http/server.h"
#include "http/status.h"
#include "http/syntax.h"

static bool decide_has_content(const struct http_head *head)
{
    return head->framing == FRAMING_CHUNKED || (head->framing == FRAMING_LENGTH && head->content_length > 0);
}

/* All lines of a field that http/ itself knows. */
static struct slice decide_field(struct http_exchange *x, enum http_known known, const char *name)
{
    return x->head.known[known].count > 1 ? http_exchange_header(x, name) : x->head.known[known].value;
}

static void decide_connection(struct http_exchange *x)
{
    const struct slice options = decide_field(x, KNOWN_CONNECTION, "Connection");
    const bool is_kept_by_default = x->head.minor > 0;

    x->keep_alive = options.data == NULL ? is_kept_by_default
                                         : !http_list_has(options, "close") &&
                                               (is_kept_by_default || http_list_has(options, "keep-alive"));
}

/* Every exchange has an id from its start; the client's takes its place if it is sane. What looks like a secret is not:
 * ids are logged, and kept by others. */
static void decide_request_id(struct http_exchange *x)
{
    const struct slice id = x->head.known[KNOWN_REQUEST_ID].value;

    if (x->head.known[KNOWN_REQUEST_ID].count != 1 || id.len == 0 || id.len > REQUEST_ID_MAX) return;
    for (size_t i = 0; i < id.len; i++) {
        const char c = id.data[i];
        const bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

        if (!alphanumeric && c != '.' && c != '_' && c != '-') return;
    }
    if (mask_finds(id)) return;
    x->request_id = id;
}

/* Each check returns false after it has answered. */

static bool decide_check_target(struct http_conn *conn, struct http_target *ret_target)
{
    struct http_exchange *x = &conn->x;
    enum http_refusal_id fault = http_target_parse(x->head.target, ret_target);

    if (fault == HTTP_REFUSAL_NONE && ret_target->asterisk && x->method != HTTP_OPTIONS) {
        fault = HTTP_REFUSAL_TARGET_ASTERISK;
    }
    if (fault != HTTP_REFUSAL_NONE) {
        conn_fail(conn, fault);
        return false;
    }
    x->query = ret_target->query;
    x->authority = ret_target->authority;
    if (ret_target->authority.data == NULL) return true;
    /* The target's host goes before the field (RFC 9112 section 3.2.2), for everyone who asks. */
    for (size_t i = 0; i < x->head.field_count; i++) {
        if (slice_is_nocase(x->head.fields[i].name, "Host")) x->head.fields[i].value = ret_target->authority;
    }
    return true;
}

static bool decide_check_expect(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;
    const struct slice expect = decide_field(x, KNOWN_EXPECT, "Expect");

    if (expect.data == NULL || x->head.minor == 0 || slice_is_nocase(expect, "100-continue")) return true;
    http_refuse(x, &http_refusals[HTTP_REFUSAL_EXPECT]);
    return false;
}

static void decide_answer_options(struct http_exchange *x, const char *allow)
{
    http_exchange_add_header(x, "Allow", slice_of(allow));
    http_respond(x, 204, NULL, SLICE_NONE);
}

/* Of the path, what an answer says again. */
static struct slice decide_path_in_words(const struct http_target *target)
{
    enum { SAID_BYTES = 256 };

    return (struct slice){target->path.data, target->path.len > SAID_BYTES ? SAID_BYTES : target->path.len};
}

/* A path that ends with a slash too many is told so, and not led elsewhere: a client of the API that sends one is to be
 * mended, and would send everything twice until then. */
static void decide_answer_not_found(struct http_conn *conn, const struct http_target *target)
{
    enum http_refusal_id fault = HTTP_REFUSAL_NOT_FOUND;
    struct slice path = target->path;
    struct http_match match;

    if (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
        http_router_find(conn->server->router, conn->arena, conn->x.method, path, &match);
        if (match.path_valid && match.path_found) fault = HTTP_REFUSAL_NOT_FOUND_SLASH;
    }
    http_refuse_with(&conn->x, &http_refusals[fault], HTTP_WORDS(decide_path_in_words(target)));
}

static bool decide_check_route(struct http_conn *conn, const struct http_target *target)
{
    struct http_exchange *x = &conn->x;
    const struct http_router *router = conn->server->router;
    struct http_match match;

    if (target->asterisk) {
        decide_answer_options(x, http_router_allow(router));
        return false;
    }
    http_router_find(router, conn->arena, x->method, target->path, &match);
    if (!match.path_valid) {
        conn_fail(conn, HTTP_REFUSAL_PATH_TEXT);
        return false;
    }
    if (!match.path_found) {
        decide_answer_not_found(conn, target);
        return false;
    }
    if (match.route == NULL && x->method == HTTP_OPTIONS) {
        decide_answer_options(x, match.allow);
        return false;
    }
    if (match.route == NULL) {
        http_exchange_add_header(x, "Allow", slice_of(match.allow));
        http_refuse_with(
            x, &http_refusals[HTTP_REFUSAL_METHOD],
            HTTP_WORDS(decide_path_in_words(target), slice_of(http_method_name(x->method)), slice_of(match.allow)));
        return false;
    }
    x->route = match.route;
    x->param_count = match.param_count;
    memcpy(x->params, match.params, sizeof(x->params));
    return true;
}

/* A hook that refuses has answered, or holds the request; one that did neither would leave the client waiting for ever.
 */
static bool decide_check_refusal(const struct http_conn *conn)
{
    if (conn->state == CONN_BODY) abort();
    return false;
}

static bool decide_check_screen(struct http_conn *conn, const struct http_target *target)
{
    const struct http_hooks *hooks = conn->server->hooks;
    const struct slice path = target->asterisk ? SLICE_LIT("*") : target->path;

    if (hooks->screen == NULL || hooks->screen(hooks->ctx, &conn->x, path)) return true;
    return decide_check_refusal(conn);
}

/* Large requests are refused before this (HTTP_REFUSAL_INPUT_FULL). */
static bool decide_check_room(struct http_conn *conn)
{
    if (conn->x.route->always) return true;
    if (conn->turned_away) {
        conn_fail(conn, HTTP_REFUSAL_PLACES);
        return false;
    }
    if (!server_is_memory_out(conn->server)) return true;
    http_refuse(&conn->x, &http_refusals[HTTP_REFUSAL_MEMORY_OUT]);
    return false;
}

static bool decide_check_admission(struct http_conn *conn)
{
    const struct http_hooks *hooks = conn->server->hooks;

    if (hooks->admit == NULL || hooks->admit(hooks->ctx, &conn->x)) return true;
    return decide_check_refusal(conn);
}

static bool decide_check_content_size(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;

    if (!decide_has_content(&x->head)) return true;
    if (x->route->body_types == NULL) {
        http_refuse_with(x, &http_refusals[HTTP_REFUSAL_CONTENT_UNWANTED],
                         HTTP_WORDS(slice_of(http_method_name(x->method))));
        return false;
    }
    if (x->head.framing == FRAMING_LENGTH && x->head.content_length > conn->server->limits->body_bytes) {
        http_refuse_with(x, &http_refusals[HTTP_REFUSAL_CONTENT_LARGE],
                         HTTP_WORDS(slice_of(arena_printf(conn->arena, "%zu", conn->server->limits->body_bytes))));
        return false;
    }
    return true;
}

static bool decide_is_type_taken(const struct http_route *route, struct slice media_type)
{
    for (const char *const *type = route->body_types; *type != NULL; type++) {
        if (slice_is_nocase(media_type, *type)) return true;
    }
    return false;
}

static bool decide_check_content_type(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;
    const struct slice coding = decide_field(x, KNOWN_CONTENT_ENCODING, "Content-Encoding");

    if (x->head.known[KNOWN_CONTENT_TYPE].count > 0) {
        x->media_type = http_media_type(x->head.known[KNOWN_CONTENT_TYPE].value);
    }
    if (!decide_has_content(&x->head)) return true;
    if (coding.len > 0 && !slice_is_nocase(coding, "identity")) {
        http_exchange_add_header(x, "Accept-Encoding", SLICE_LIT("identity"));
        http_refuse(x, &http_refusals[HTTP_REFUSAL_CONTENT_CODING]);
        return false;
    }
    if (x->media_type.data != NULL && decide_is_type_taken(x->route, x->media_type)) return true;
    struct buf types = {0};

    for (const char *const *type = x->route->body_types; *type != NULL; type++) {
        if (types.len > 0) buf_add_str(&types, ", ");
        buf_add_str(&types, *type);
    }
    http_exchange_add_header(x, x->method == HTTP_PATCH ? "Accept-Patch" : "Accept", buf_slice(&types));
    http_refuse_with(x, &http_refusals[HTTP_REFUSAL_CONTENT_TYPE], HTTP_WORDS(buf_slice(&types)));
    buf_clear(&types);
    return false;
}

static bool decide_check_accept(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;
    const char *type = x->route->produces == NULL ? "application/json" : x->route->produces;
    const char *other = x->route->produces_too;
    const struct slice accept = decide_field(x, KNOWN_ACCEPT, "Accept");

    if (http_accepts(accept, type) || (other != NULL && http_accepts(accept, other))) return true;
    if (other != NULL) {
        http_exchange_vary(x, HTTP_VARY_ACCEPT);
        type = arena_printf(conn->arena, "%s or %s", type, other);
    }
    http_refuse_with(x, &http_refusals[HTTP_REFUSAL_ACCEPT], HTTP_WORDS(slice_of(type)));
    return false;
}

/* Only once nothing speaks against the content, and if it has not already begun to come. */
static void decide_send_continue(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;
    const bool is_asked = x->head.known[KNOWN_EXPECT].count > 0 && x->head.minor > 0;
    const bool has_begun = conn->in_end > conn->in_start + conn->message_bytes;

    if (is_asked && decide_has_content(&x->head) && !has_begun)
        buf_add_str(&conn->out, "HTTP/1.1 100 Continue\r\n\r\n");
}

bool conn_decide(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;
    struct http_target target;

    x->method_known = http_method_parse(x->head.method, &x->method);
    decide_request_id(x);
    if (!decide_check_target(conn, &target)) return false;
    decide_connection(x);
    x->complete = !decide_has_content(&x->head);
    if (!decide_check_expect(conn) || !decide_check_screen(conn, &target) || !decide_check_route(conn, &target) ||
        !decide_check_room(conn) || !decide_check_admission(conn)) {
        return false;
    }
    return conn_decide_admitted(conn);
}

bool conn_decide_admitted(struct http_conn *conn)
{
    if (!decide_check_content_size(conn) || !decide_check_content_type(conn) || !decide_check_accept(conn))
        return false;
    decide_send_continue(conn);
    return true;
}

bool conn_decide_body(struct http_conn *conn)
{
    struct http_exchange *x = &conn->x;

    if (!x->route->body_required || x->body.len > 0) return true;
    http_refuse_with(x, &http_refusals[HTTP_REFUSAL_NO_CONTENT], HTTP_WORDS(slice_of(http_method_name(x->method))));
    return false;
}
