/*
 * The server while everything happens at once: clients that pipeline, send in pieces, read slowly, shut their side or
 * leave at any byte; a database that answers late, out of order, with every outcome, or is lost; deadlines, a drain,
 * and bounds that are reached. The input is a script: a byte of options, then steps (steps[] below), each a byte that
 * says which (its low half) and of which client (its high half), and its arguments.
 *
 * Promised: each request has one answer, in order, of valid HTTP, with its own id and its own content; an answer that
 * was counted has come, unless its client left or was too slow; nobody is called after he has left; what a query holds
 * stays until it is done; and when all have gone, nothing is held or in flight.
 */
#include <stdio.h>

#include "answers.h"
#include "base/mem.h"
#include "cursor.h"
#include "http/refusal.h"
#include "scene.h"

enum { SENT_MAX = 128, LARGE_BYTES = 40000, FINISH_TURNS = 500, FINISH_MS = 100000 };

/* What is known of a client beside the scene's. */
struct side {
    struct scene_client *client;
    bool is_dirty; /* it sent what is no plain request */
    unsigned sent[SENT_MAX];
    size_t sent_count;
    struct buf later; /* the rest of a request that was sent in part */
};

struct play {
    struct scene *scene;
    struct side sides[SCENE_CLIENTS_MAX];
    unsigned number;     /* of requests */
    bool is_interrupted; /* somebody may have been cut off: by a deadline, a drain, or for want of room */
};

/* ---- What clients send ---- */

#define ID_FORMAT "00000000-0000-7000-9000-%012x"
#define GET_ONE "GET /api/v1/strategies/" ID_FORMAT " HTTP/1.1\r\n"
#define STRATEGY "{\"name\":\"n\",\"kind\":\"sma_crossover\"}"

/* The first line with the request's number in it, if it has a %; the fields that all have; the rest. */
static const struct plain {
    const char *line;
    const char *rest;
    bool unknown_token;
    size_t padding; /* of the body */
} plains[] = {
    {GET_ONE, "\r\n", false, 0},
    {"GET /api/v1/strategies?limit=5 HTTP/1.1\r\n", "\r\n", false, 0},
    {"POST /api/v1/strategies HTTP/1.1\r\n", "Content-Type: application/json\r\nContent-Length: 35\r\n\r\n" STRATEGY,
     false, 0},
    {"POST /api/v1/strategies HTTP/1.1\r\n",
     "Content-Type: application/json\r\nTransfer-Encoding: "
     "chunked\r\n\r\n10\r\n{\"name\":\"n\",\"kin\r\n13\r\nd\":\"sma_"
     "crossover\"}\r\n0\r\n\r\n",
     false, 0},
    {"DELETE /api/v1/strategies/" ID_FORMAT " HTTP/1.1\r\n", "\r\n", false, 0},
    {"HEAD /api/v1/strategies/" ID_FORMAT " HTTP/1.1\r\n", "\r\n", false, 0},
    {"GET /health HTTP/1.1\r\n", "\r\n", false, 0},
    {"GET /openapi.json HTTP/1.1\r\n", "\r\n", false, 0},
    {"GET /nothing HTTP/1.1\r\n", "\r\n", false, 0},
    {GET_ONE, "Connection: close\r\n\r\n", false, 0},
    {"POST /api/v1/strategies HTTP/1.1\r\n", "Content-Type: application/json\r\nContent-Length: 6000\r\n\r\n", false,
     6000},
    {"PUT /api/v1/strategies/" ID_FORMAT " HTTP/1.1\r\n",
     "If-Match: \"1\", \"2\"\r\nExpect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: "
     "35\r\n\r\n" STRATEGY,
     false, 0},
    {"OPTIONS * HTTP/1.1\r\n", "\r\n", false, 0},
    {"GET /api/v1/strategies/" ID_FORMAT " HTTP/1.0\r\n", "Connection: keep-alive\r\n\r\n", false, 0},
    {GET_ONE, "\r\n", true, 0},
    {"POST /api/v1/backtests/" ID_FORMAT "/cancel HTTP/1.1\r\n", "\r\n", false, 0},
};

static void plain_write(struct play *play, const struct plain *plain, unsigned number, struct buf *out)
{
    (void)play;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-extra-args"
    buf_printf(out, plain->line, number);
#pragma GCC diagnostic pop
    buf_printf(out, "Host: h\r\nX-Request-ID: " ID_FORMAT "\r\nAuthorization: Bearer %.10s%s\r\n", number, scene_token,
               plain->unknown_token ? "9999999999999999999999999999999999999999999999999999999999" : scene_token + 10);
    buf_add_str(out, plain->rest);
    for (size_t i = 0; i < plain->padding; i++) buf_add_char(out, i + 1 == plain->padding ? '1' : ' ');
}

static void side_flush_later(struct side *side)
{
    if (side->later.len == 0) return;
    scene_send(side->client, buf_slice(&side->later));
    buf_reset(&side->later);
}

static void side_ask(struct play *play, struct side *side, const struct plain *plain)
{
    struct buf text = {0};

    side_flush_later(side);
    if (side->sent_count == SENT_MAX) return;
    if (!side->client->is_shut) side->sent[side->sent_count++] = play->number;
    plain_write(play, plain, play->number++, &text);
    scene_send(side->client, buf_slice(&text));
    buf_clear(&text);
}

/* ---- What the database answers ---- */

static void database_answer(struct play *play, unsigned which, unsigned kind)
{
    static char large[LARGE_BYTES];
    struct scene *scene = play->scene;
    char body[64];

    if (fake_db_waiting(scene->db) == 0) return;
    const unsigned index = which % fake_db_waiting(scene->db);
    const struct fake_query query = fake_db_look(scene->db, index);
    struct fake_result result = {.outcome = DB_OK,
                                 .column_count = 3,
                                 .columns = {"status", "etag", "body"},
                                 .row_count = 1,
                                 .values = {{SLICE_LIT("200"), SLICE_LIT("3"), SLICE_LIT("{}")}}};

    if (query.values[0].len == 36) {
        snprintf(body, sizeof(body), "{\"id\":\"%.*s\"}", SLICE_FMT(query.values[0]));
        result.values[0][2] = slice_of(body);
    }
    switch (kind % 16) {
    case 8:
        memset(large, ' ', sizeof(large));
        result.values[0][2] = (struct slice){large, sizeof(large)};
        break;
    case 9:
        result.values[0][0] = SLICE_LIT("204");
        break;
    case 10:
        result.values[0][0] = SLICE_LIT("412");
        break;
    case 11:
        result.row_count = 0;
        break;
    case 12:
    case 13:
    case 14:
    case 15:
        result = (struct fake_result){.outcome = (enum db_outcome)(1 + kind / 16 % (DB_OUTCOME_COUNT - 1))};
        break;
    default:
        break;
    }
    if (strcmp(query.statement->name, "loadTokens") == 0 && result.outcome == DB_OK) {
        scene_tokens_result(&result);
        if (kind % 16 == 11) result.row_count = 0;
    }
    fake_db_answer(scene->db, index, &result);
}

static void database_lose(struct play *play)
{
    struct scene *scene = play->scene;

    fake_db_set_state(scene->db, DB_STATE_DOWN);
    for (unsigned left = fake_db_waiting(scene->db); left > 0 && fake_db_waiting(scene->db) > 0; left--) {
        const bool is_write = fake_db_look(scene->db, 0).statement->access == DB_WRITE;
        const struct fake_result lost = {.outcome = is_write ? DB_UNKNOWN : DB_UNAVAILABLE};

        fake_db_answer(scene->db, 0, &lost);
    }
}

static void database_return(struct play *play)
{
    fake_db_set_state(play->scene->db, DB_STATE_READY);
    if (play->scene->access != NULL) api_access_connected(play->scene->access);
}

/* ---- The script ---- */

static void step_connect(struct play *play, struct side *side, struct cursor *c)
{
    const unsigned client_count = play->scene->client_count;

    (void)side;
    if (client_count < SCENE_CLIENTS_MAX)
        play->sides[client_count].client = scene_connect(play->scene, cursor_byte(c) % 4);
    if (client_count > 3) play->is_interrupted = true; /* it may have displaced somebody */
}

static void step_ask(struct play *play, struct side *side, struct cursor *c)
{
    side_ask(play, side, &plains[cursor_byte(c) % countof(plains)]);
}

static void step_ask_in_part(struct play *play, struct side *side, struct cursor *c)
{
    const struct plain *plain = &plains[cursor_byte(c) % countof(plains)];
    size_t part = 4U * cursor_byte(c);

    side_flush_later(side);
    if (side->sent_count == SENT_MAX || side->client->is_shut) return;
    side->sent[side->sent_count++] = play->number;
    plain_write(play, plain, play->number++, &side->later);
    if (part > side->later.len) part = side->later.len;
    scene_send(side->client, (struct slice){side->later.data, part});
    buf_consume(&side->later, part);
}

static void step_send_rest(struct play *play, struct side *side, struct cursor *c)
{
    (void)play, (void)c;
    side_flush_later(side);
    scene_send(side->client, SLICE_NONE);
}

static void step_pipeline(struct play *play, struct side *side, struct cursor *c)
{
    const struct plain *plain = &plains[cursor_byte(c) % countof(plains)];

    for (unsigned count = cursor_byte(c) % 64; count > 0; count--) side_ask(play, side, plain);
}

static void step_send_bytes(struct play *play, struct side *side, struct cursor *c)
{
    (void)play;
    side_flush_later(side);
    side->is_dirty = true;
    scene_send(side->client, cursor_text(c));
}

static void step_shut(struct play *play, struct side *side, struct cursor *c)
{
    (void)play, (void)c;
    if (side->later.len > 0 || side->client->unsent.len > 0) side->is_dirty = true;
    scene_shut(side->client);
}

static void step_leave(struct play *play, struct side *side, struct cursor *c)
{
    (void)play, (void)c;
    scene_leave(side->client);
}

static void step_read(struct play *play, struct side *side, struct cursor *c)
{
    const size_t most = 16U * cursor_byte(c);

    (void)play;
    scene_read(side->client, most == 0 ? SIZE_MAX : most);
}

static void step_turn(struct play *play, struct side *side, struct cursor *c)
{
    (void)side, (void)c;
    scene_turn(play->scene);
}

static void step_answer(struct play *play, struct side *side, struct cursor *c)
{
    const unsigned which = cursor_byte(c);

    (void)side;
    database_answer(play, which, cursor_byte(c));
}

static void step_lose(struct play *play, struct side *side, struct cursor *c)
{
    (void)side, (void)c;
    database_lose(play);
}

static void step_return(struct play *play, struct side *side, struct cursor *c)
{
    (void)side, (void)c;
    database_return(play);
}

static void step_wait(struct play *play, struct side *side, struct cursor *c)
{
    static const unsigned spans_ms[] = {1, 100, 600, 1100, 5100, 10100, 30100, 75100};
    const unsigned ms = spans_ms[cursor_byte(c) % countof(spans_ms)];

    (void)side;
    if (ms >= 5000) play->is_interrupted = true;
    scene_advance(play->scene, ms);
}

static void step_drain(struct play *play, struct side *side, struct cursor *c)
{
    (void)side;
    play->is_interrupted = true;
    scene_drain(play->scene, 10U * cursor_byte(c));
}

static void step_refuse(struct play *play, struct side *side, struct cursor *c)
{
    (void)side, (void)c;
    play->is_interrupted = true;
    (void)http_server_refuse_unfinished(play->scene->server);
}

static const struct {
    const char *name;
    void (*take)(struct play *play, struct side *side, struct cursor *c);
    bool has_client;
} steps[] = {
    {"connect", step_connect, false},
    {"ask", step_ask, true},
    {"ask in part", step_ask_in_part, true},
    {"send rest", step_send_rest, true},
    {"pipeline", step_pipeline, true},
    {"shut", step_shut, true},
    {"leave", step_leave, true},
    {"read", step_read, true},
    {"turn", step_turn, false},
    {"database answers", step_answer, false},
    {"database is lost", step_lose, false},
    {"database is back", step_return, false},
    {"wait", step_wait, false},
    {"drain", step_drain, false},
    {"send bytes", step_send_bytes, true},
    {"refuse unfinished", step_refuse, false},
};

/* With FUZZ_TELL in the environment, the script is told: for whoever looks into what was found. */
static void step_take(struct play *play, struct cursor *c)
{
    static int tells = -1;
    const uint8_t step = cursor_byte(c);
    const unsigned which = step % countof(steps);
    struct side *side = &play->sides[step / countof(steps)];
    const uint8_t *arguments = c->at;

    if (tells < 0) tells = getenv("FUZZ_TELL") != NULL;
    if (steps[which].has_client && side->client == NULL) return;
    steps[which].take(play, side, c);
    if (!tells) return;
    fprintf(stderr, "client %zu: %s", step / countof(steps), steps[which].name);
    while (arguments < c->at) fprintf(stderr, " %u", *arguments++);
    fputc('\n', stderr);
}

/* ---- The end ---- */

static bool play_is_over(const struct play *play)
{
    const struct scene *scene = play->scene;

    for (unsigned i = 0; i < scene->client_count; i++) {
        if (scene->clients[i].fd >= 0 && !scene->clients[i].is_over) return false;
    }
    return http_server_connections(scene->server) == 0 && fake_db_waiting(scene->db) == 0;
}

/* Everybody says the rest, and reads until the server has no more to say. */
static void play_finish(struct play *play)
{
    struct scene *scene = play->scene;

    database_return(play);
    for (int turns = 0; turns < FINISH_TURNS && !play_is_over(play); turns++) {
        for (unsigned i = 0; i < scene->client_count; i++) {
            struct scene_client *client = &scene->clients[i];

            side_flush_later(&play->sides[i]);
            scene_send(client, SLICE_NONE);
            if (client->unsent.len == 0) scene_shut(client);
            scene_read(client, SIZE_MAX);
        }
        scene_advance(scene, turns == FINISH_TURNS / 2 ? FINISH_MS : 1);
        while (fake_db_waiting(scene->db) > 0) database_answer(play, 0, 0);
        if (turns == FINISH_TURNS / 2) play->is_interrupted = true;
    }
    FUZZ_CHECK(play_is_over(play), "%u connections and %u queries stay, or somebody waits",
               http_server_connections(scene->server), fake_db_waiting(scene->db));
    FUZZ_CHECK(http_server_in_flight(scene->server) == 0, "%u requests stay", http_server_in_flight(scene->server));
    FUZZ_CHECK(scene->held == 0, "%zu bytes of memory count as held", scene->held);
}

/* A client that was cut off by its own doing, or may have been by the server. */
static bool may_break_off(const struct play *play, const struct scene_client *client)
{
    return client->fd < 0 || play->is_interrupted;
}

static void check_answer(const struct side *side, const struct scene_record *record, const struct answer *answer)
{
    static const char beginning[] = "{\"id\":\"";
    const size_t len = sizeof(beginning) - 1;
    const struct slice id = answer_field(answer, "X-Request-ID");

    FUZZ_CHECK(answer->status == record->status, "%u came, %u was counted", answer->status, record->status);
    FUZZ_CHECK(slice_is(id, record->id) || id.len >= SCENE_ID_BYTES, "the answer to %s, not %.*s", record->id,
               SLICE_FMT(id));
    if (answer->status >= 400 && answer_field(answer, "Content-Type").len > 20) {
        answer_check_problem(answer, record->is_bare);
    }
    if (side->is_dirty || answer->status != 200 || answer->body.len != len + 38 ||
        memcmp(answer->body.data, beginning, len) != 0)
        return;
    FUZZ_CHECK(slice_is((struct slice){answer->body.data + len, 36}, record->id), "%s got %.*s", record->id,
               SLICE_FMT(answer->body));
}

static void check_side(const struct play *play, const struct side *side)
{
    const struct scene_client *client = side->client;
    struct slice rest = buf_slice(&client->received);
    struct answer answer = {0};
    size_t at = 0;

    for (bool whole = true; whole && at < client->record_count && client->records[at].status != 0;) {
        const struct scene_record *record = &client->records[at];

        do whole = answer_next(&rest, record->is_bare, &answer);
        while (whole && answer.status < 200);
        if (!whole) break;
        check_answer(side, record, &answer);
        if (!side->is_dirty) {
            char id[SCENE_ID_BYTES];

            FUZZ_CHECK(at < side->sent_count, "an answer to nothing");
            snprintf(id, sizeof(id), ID_FORMAT, side->sent[at]);
            FUZZ_CHECK(strcmp(id, record->id) == 0 || record->id[0] != '0' || strlen(record->id) != 36,
                       "%s was asked, %s was answered", id, record->id);
        }
        at++;
        FUZZ_CHECK(!answer.closes || at == client->record_count, "an answer after the last");
    }
    if (may_break_off(play, client)) return;
    FUZZ_CHECK(rest.len == 0, "more came than was counted: %.*s", SLICE_FMT(rest));
    FUZZ_CHECK(at == client->record_count || client->records[at].status == 0, "%zu answers of %zu came", at,
               client->record_count);
    FUZZ_CHECK(side->is_dirty || answer.closes || at == side->sent_count, "%zu answers to %zu requests", at,
               side->sent_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t memory_bytes[] = {64 << 20, 600000, 150000, 80000};
    static struct play play;
    struct cursor c = {data, size};
    const uint8_t options = cursor_byte(&c);
    const bool is_cut = (options & 16) != 0;

    play = (struct play){.scene = scene_new(&(struct scene_options){.auth = (options & 1) != 0,
                                                                    .memory_bytes = memory_bytes[options >> 1 & 3],
                                                                    .output_bytes = (options & 8) != 0 ? 8192 : 1 << 20,
                                                                    .limits = scene_limits})};
    if ((options & 32) == 0) database_answer(&play, 0, 0); /* the tokens */
    while (c.left > 0) step_take(&play, &c);
    if (!is_cut) {
        play_finish(&play);
        for (size_t i = 0; i < countof(play.sides); i++) {
            if (play.sides[i].client != NULL) check_side(&play, &play.sides[i]);
        }
    }
    scene_free(play.scene);
    for (size_t i = 0; i < countof(play.sides); i++) buf_clear(&play.sides[i].later);
    return 0;
}
