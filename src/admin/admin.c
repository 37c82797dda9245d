#include "admin/admin.h"

#include <stdlib.h>

#include "admin/exposition.h"
#include "admin/page.h"
#include "admin/status.h"
#include "base/log.h"
#include "child/child.h"
#include "http/guard.h"
#include "http/health.h"

/* What waits in the kernel's queue when the service ends is answered within this. */
enum { ADMIN_ACCEPT_QUEUED_MS = 1000 };

/* If the service ends: past what idle connections have, half a request is not waited for, nor a client that does not
 * read. */
enum { ADMIN_FINISH_MS = 2000 };

/* Of what the service may hold for its clients. It comes in addition, and is not shared: whatever the workers hold,
 * probes and metrics are answered. */
enum { ADMIN_MEMORY_PART = 16, ADMIN_MEMORY_MIN_BYTES = 4 << 20 };
/* All that is asked for here is made anew, and metrics cost a millisecond. Whoever asks for much at once without
 * reading it is not to keep a probe waiting. */
enum { ADMIN_OUTPUT_BYTES = 32 << 10, ADMIN_PARKED_MIN = 512 };

struct admin {
    const struct admin_options *options;
    struct child *child;
    struct http_router *router;
    struct http_guard guard;
    struct http_hooks hooks;
    struct http_server *server;
    struct http_limits limits;
    struct buf page_policy;
    bool draining;
};

static void admin_health(struct http_exchange *x)
{
    const struct admin *a = http_exchange_context(x);

    http_respond_health(x, scoreboard_health(a->options->place->board));
}

static void admin_live(struct http_exchange *x)
{
    http_respond_health(x, HEALTH_OK);
}

/* JSON for programs, and the page for a browser, which says in Accept that it prefers HTML. */
static void admin_status(struct http_exchange *x)
{
    const struct admin *a = http_exchange_context(x);
    struct buf body = {0};

    http_exchange_vary(x, HTTP_VARY_ACCEPT);
    if (http_exchange_prefers(x, "text/html", "application/json")) {
        http_exchange_add_header(x, "Content-Security-Policy", buf_slice(&a->page_policy));
        http_exchange_add_header(x, "Referrer-Policy", SLICE_LIT("no-referrer"));
        http_respond(x, 200, "text/html; charset=utf-8", admin_page());
        return;
    }
    admin_status_json(a->options->metrics.program, a->options->place->board, &body);
    http_respond(x, 200, "application/json", buf_slice(&body));
    buf_clear(&body);
}

static void admin_metrics(struct http_exchange *x)
{
    const struct admin *a = http_exchange_context(x);
    struct buf body = {0};

    admin_metrics_text(&a->options->metrics, a->options->place->board, &body);
    http_respond(x, 200, EXPOSITION_MEDIA_TYPE, buf_slice(&body));
    buf_clear(&body);
}

static const struct http_route admin_status_route = {
    .method = HTTP_GET, .path = "/status", .handle = admin_status, .produces = HTTP_ANY_TYPE, .always = true};
static const struct http_route admin_health_route = {
    .method = HTTP_GET, .path = "/health", .handle = admin_health, .always = true};
static const struct http_route admin_ready_route = {
    .method = HTTP_GET, .path = "/health/ready", .handle = admin_health, .always = true};
static const struct http_route admin_live_route = {
    .method = HTTP_GET, .path = "/health/live", .handle = admin_live, .always = true};
static const struct http_route admin_metrics_route = {
    .method = HTTP_GET, .path = "/metrics", .handle = admin_metrics, .produces = "text/plain"};
static const struct http_route *const admin_routes[] = {&admin_health_route, &admin_ready_route, &admin_live_route,
                                                        &admin_status_route, &admin_metrics_route};

static bool admin_screen(void *ctx, struct http_exchange *x, struct slice path)
{
    const struct admin *a = ctx;

    return http_guard_screen(&a->guard, x, path);
}

static void admin_answering(void *ctx, struct http_exchange *x, unsigned status)
{
    const struct admin *a = ctx;

    (void)status;
    http_guard_answering(&a->guard, x);
}

static void admin_on_drained(void *ctx)
{
    const struct admin *a = ctx;

    child_end(a->child);
}

static void admin_drain(void *ctx, const char *why)
{
    struct admin *a = ctx;

    const unsigned finish_ms = child_finish_ms(a->child, ADMIN_FINISH_MS);
    const unsigned grace_ms = finish_ms == 0 ? 0 : child_idle_grace_ms(a->child);

    log_debug("draining", LOG_STR("why", why));
    if (!a->draining) child_draining(a->child);
    child_end_within(a->child, grace_ms + finish_ms);
    if (!a->draining && child_is_last(a->child)) http_server_accept_queued(a->server, ADMIN_ACCEPT_QUEUED_MS);
    a->draining = true;
    http_server_drain(a->server, grace_ms, admin_on_drained, a);
}

static int admin_init(struct admin *a, struct error *err)
{
    const struct child_place *place = a->options->place;
    const struct child_options options = {
        .program = a->options->metrics.program, .role = "admin", .place = place, .ctx = a, .drain = admin_drain};

    if (child_new(&options, &a->child, err) != 0) return -1;
    if (http_router_new(admin_routes, countof(admin_routes), &a->router, err) != 0) return -1;
    admin_page_policy(&a->page_policy);
    a->guard = (struct http_guard){.hosts = a->options->hosts};
    a->hooks = (struct http_hooks){.ctx = a, .screen = admin_screen, .answering = admin_answering};
    a->limits = *a->options->http_limits;
    a->limits.memory_bytes /= ADMIN_MEMORY_PART;
    if (a->limits.memory_bytes < ADMIN_MEMORY_MIN_BYTES) a->limits.memory_bytes = ADMIN_MEMORY_MIN_BYTES;
    a->server = http_server_new(child_base(a->child), a->router, &a->limits, &a->hooks);
    http_server_set_buffers(a->server, &(struct http_buffers){.output_bytes = ADMIN_OUTPUT_BYTES,
                                                              .memory_bytes = a->limits.memory_bytes,
                                                              .parked_min = ADMIN_PARKED_MIN});
    for (size_t i = 0; i < place->listen_count; i++) {
        if (http_server_listen(a->server, place->listen_fds[i], err) != 0) return -1;
    }
    child_ready(a->child);
    return 0;
}

int admin_run(const struct admin_options *options)
{
    struct admin a = {.options = options};
    struct error err;
    int status = EXIT_SUCCESS;

    if (admin_init(&a, &err) == 0) {
        child_run(a.child);
    } else {
        log_error("the admin process cannot start", LOG_STR("error", err.message));
        status = EXIT_FAILURE;
    }
    http_server_free(a.server);
    http_router_free(a.router);
    buf_clear(&a.page_policy);
    child_free(a.child);
    return status;
}
