#include "scene.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/token.h"
#include "fuzz.h"
#include "http/server.h"

enum { SCENE_WALL_S = 1764144000, TURNS = 4 };

const char scene_token[] = "stl_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

const struct http_limits scene_limits = {
    .request_line_bytes = 512,
    .header_bytes = 2048,
    .header_fields = 24,
    .body_bytes = 8192,
    .header_timeout_ms = 10000,
    .body_timeout_ms = 30000,
    .idle_timeout_ms = 75000,
    .write_timeout_ms = 30000,
    .connections = 4,
    .memory_bytes = 64 << 20,
};

/* ---- The clock: the linker puts these in the place of base/clock.c's (room.am) ---- */

static uint64_t scene_now_ms;

uint64_t __wrap_clock_monotonic_ns(void);
uint64_t __wrap_clock_monotonic_ms(void);
uint64_t __wrap_clock_wall_us(void);

uint64_t __wrap_clock_monotonic_ns(void)
{
    return scene_now_ms * 1000000U;
}

uint64_t __wrap_clock_monotonic_ms(void)
{
    return scene_now_ms;
}

uint64_t __wrap_clock_wall_us(void)
{
    return (uint64_t)SCENE_WALL_S * 1000000U + scene_now_ms * 1000U;
}

/* ---- What the process is to the API and the server ---- */

static struct scene *current;
static struct event_base *base;

static enum health process_health(void *ctx)
{
    (void)ctx;
    return db_takes_queries(current->db) ? HEALTH_OK : HEALTH_DATABASE_DOWN;
}

static void process_working(void *ctx, const struct http_exchange *x, const char *statement)
{
    (void)ctx;
    /* The statement is empty while a request with steps of its own has asked nothing yet. */
    FUZZ_CHECK(http_exchange_route(x) != NULL && statement != NULL, "nothing is worked on");
}

static void process_fault(void *ctx, const struct http_exchange *x, const char *statement,
                          const struct db_result *result)
{
    (void)ctx;
    (void)http_exchange_request_id(x);
    FUZZ_CHECK(statement[0] != '\0', "a fault of nothing");
    if (result != NULL) (void)db_result_message(result);
    current->faults++;
}

static void on_tokens(void *ctx, size_t tokens)
{
    (void)ctx, (void)tokens;
}

static void on_tokens_failed(void *ctx, const char *statement, const struct db_result *result)
{
    (void)ctx, (void)statement, (void)result;
}

static bool on_admit(void *ctx, struct http_exchange *x)
{
    (void)ctx;
    return current->access == NULL || api_access_admit(current->access, x);
}

static struct scene_client *client_of(struct slice peer)
{
    uint64_t port = 0;

    (void)slice_cut(&peer, ':');
    for (size_t i = 0; i < peer.len; i++) port = port * 10 + (uint64_t)(peer.data[i] - '0');
    FUZZ_CHECK(port < current->client_count, "a stranger's request");
    return &current->clients[port];
}

static void on_ended(void *ctx, const struct http_exchange *x, const struct http_record *record)
{
    struct scene_client *client = client_of(record->peer);

    (void)ctx, (void)x;
    FUZZ_CHECK(client->record_count < SCENE_ANSWERS_MAX, "more answers than requests can be");
    struct scene_record *kept = &client->records[client->record_count++];

    *kept = (struct scene_record){.status = record->status,
                                  .is_bare = record->method_known && record->method == HTTP_HEAD,
                                  .is_head_known = record->route != NULL,
                                  .route = record->route,
                                  .method = record->method};
    snprintf(kept->id, sizeof(kept->id), "%.*s", SLICE_FMT(record->request_id));
}

static void on_held(void *ctx, size_t bytes)
{
    (void)ctx;
    current->held = bytes;
}

static const struct http_hooks hooks = {.ended = on_ended, .admit = on_admit, .held = on_held};

/* ---- The scene ---- */

/* What does not depend on an input is made once. */
static struct api *the_api;
static struct http_router *the_router;

static void begin(void)
{
    const struct api_options options = {.paths = {[API_BASE_OPENAPI] = "/openapi.json", [API_BASE_DOCS] = "/docs"}};
    struct error err;
    size_t count;

    if (base != NULL) return;
    base = event_base_new();
    if (api_new(&options, &the_api, &err) != 0) abort();
    const struct http_route *const *routes = api_routes(the_api, &count);

    if (http_router_new(routes, count, &the_router, &err) != 0) abort();
}

struct scene *scene_new(const struct scene_options *options)
{
    static struct http_limits limits;
    struct scene *scene = mem_zalloc(sizeof(*scene));

    begin();
    current = scene;
    scene_now_ms = 1000000;
    scene->api = the_api;
    scene->db = fake_db_new();
    if (options->auth) {
        const struct api_access_events events = {.loaded = on_tokens, .failed = on_tokens_failed};

        scene->access = api_access_new(scene->db, scene->db, &events);
        api_access_connected(scene->access);
    }
    api_attach(the_api,
               &(struct api_process){
                   .db = scene->db, .health = process_health, .working = process_working, .fault = process_fault});
    limits = options->limits;
    limits.memory_bytes = options->memory_bytes;
    scene->server = http_server_new(base, the_router, &limits, &hooks);
    http_server_set_buffers(scene->server, &(struct http_buffers){.output_bytes = options->output_bytes,
                                                                  .memory_bytes = options->memory_bytes,
                                                                  .parked_min = 2});
    /* No deadline is looked at but by scene_advance, however slow this machine is. */
    scene->server->sweep_interval = (struct timeval){.tv_sec = 86400};
    return scene;
}

void scene_free(struct scene *scene)
{
    http_server_free(scene->server);
    fake_db_free(scene->db);
    api_access_free(scene->access);
    event_base_loop(base, EVLOOP_NONBLOCK);
    for (unsigned i = 0; i < scene->client_count; i++) {
        struct scene_client *client = &scene->clients[i];

        scene_leave(client);
        buf_clear(&client->unsent);
        buf_clear(&client->received);
        free(client->records);
    }
    free(scene);
    current = NULL;
}

void scene_turn(struct scene *scene)
{
    (void)scene;
    for (int i = 0; i < TURNS; i++) event_base_loop(base, EVLOOP_NONBLOCK);
}

void scene_advance(struct scene *scene, uint64_t ms)
{
    scene_now_ms += ms;
    event_active(scene->server->sweep, EV_TIMEOUT, 0);
    scene_turn(scene);
    if (scene->access != NULL) api_access_tick(scene->access);
}

struct scene_client *scene_connect(struct scene *scene, unsigned address)
{
    struct sockaddr_storage from = {.ss_family = AF_INET};
    const int small = 4096;
    char peer[PEER_BYTES];
    int ends[2];

    if (!scene->server->accepting || scene->client_count == SCENE_CLIENTS_MAX) return NULL;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) abort();
    (void)setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    struct scene_client *client = &scene->clients[scene->client_count];

    client->fd = ends[0];
    client->records = mem_array(SCENE_ANSWERS_MAX, sizeof(*client->records));
    snprintf(peer, sizeof(peer), "10.0.0.%u:%u", address, scene->client_count++);
    ((struct sockaddr_in *)&from)->sin_addr.s_addr = htonl(0x0a000000U | address);
    server_now(scene->server);
    places_take(scene->server, ends[1], &from, peer);
    return client;
}

void scene_send(struct scene_client *client, struct slice bytes)
{
    if (client->fd < 0 || client->is_shut) return;
    buf_add_slice(&client->unsent, bytes);
    while (client->unsent.len > 0) {
        const ssize_t sent = send(client->fd, client->unsent.data, client->unsent.len, MSG_NOSIGNAL);

        if (sent < 0 && errno != EAGAIN) buf_reset(&client->unsent);
        if (sent <= 0) break;
        buf_consume(&client->unsent, (size_t)sent);
    }
}

void scene_shut(struct scene_client *client)
{
    if (client->fd < 0) return;
    (void)shutdown(client->fd, SHUT_WR);
    client->is_shut = true;
}

void scene_leave(struct scene_client *client)
{
    if (client->fd >= 0) close(client->fd);
    client->fd = -1;
}

void scene_read(struct scene_client *client, size_t most)
{
    char chunk[16384];

    while (client->fd >= 0 && !client->is_over && most > 0) {
        const ssize_t got = recv(client->fd, chunk, most < sizeof(chunk) ? most : sizeof(chunk), 0);

        if (got == 0 || (got < 0 && errno != EAGAIN)) client->is_over = true;
        if (got <= 0) return;
        buf_add(&client->received, chunk, (size_t)got);
        most -= (size_t)got;
    }
}

static void on_drained(void *arg)
{
    struct scene *scene = arg;

    FUZZ_CHECK(!scene->is_drained, "drained twice");
    FUZZ_CHECK(http_server_connections(scene->server) == 0, "drained with connections open");
    scene->is_drained = true;
}

void scene_drain(struct scene *scene, unsigned grace_ms)
{
    http_server_drain(scene->server, grace_ms, on_drained, scene);
}

/* ---- Tokens ---- */

const char *scene_token_sha256(void)
{
    static char text[2 * DIGEST_SHA256_BYTES + 1];
    unsigned char sha256[DIGEST_SHA256_BYTES];

    if (!token_digest(slice_of(scene_token), sha256)) abort();
    for (size_t i = 0; i < sizeof(sha256); i++) {
        text[2 * i] = hex_digit(sha256[i] >> 4);
        text[2 * i + 1] = hex_digit(sha256[i]);
    }
    return text;
}

void scene_tokens_result(struct fake_result *ret_result)
{
    *ret_result = (struct fake_result){
        .outcome = DB_OK,
        .column_count = 6,
        .columns = {"state", "id", "name", "sha256", "can_read", "can_write"},
        .row_count = 1,
        .values = {{SLICE_LIT("00000000-0000-7000-8000-000000000001"),
                    SLICE_LIT("00000000-0000-7000-8000-000000000002"), SLICE_LIT("fuzz"),
                    slice_of(scene_token_sha256()), SLICE_LIT("t"), SLICE_LIT("t")}},
    };
}
