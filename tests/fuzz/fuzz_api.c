/*
 * Every route of the API, one request at a time: the input chooses the route and makes path, query, fields and content,
 * and says what the database answers, from rows of any shape to errors with any SQLSTATE. With FUZZ_TELL in the
 * environment, request and answer are told.
 *
 * Promised: one answer, of valid HTTP, with a status that the OpenAPI document has; a problem document if it is an
 * error; the database's own bytes if it is not; and nothing held afterwards.
 */
#include <json-c/json.h>
#include <stdio.h>

#include "answers.h"
#include "base/buf.h"
#include "base/number.h"
#include "cursor.h"
#include "http/refusal.h"
#include "scene.h"

enum {
    TURNS_MAX = 40,
    ANSWERS_MAX = 4,
    HUGE_BYTES = 70000,
    TARGET_MAX = 400,
    FIELDS_MAX = 6,
    PAIRS_MAX = 4,
    QUERIES_MAX = 6
};

static const char some_id[] = "019360a0-7c5e-7000-8000-000000000000";

/* ---- The request ---- */

/* Percent-encoded, but for what needs it not. */
static void add_encoded(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.data[i];
        const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';

        if (plain) {
            buf_add_char(out, (char)c);
        } else {
            buf_printf(out, "%%%02x", c);
        }
    }
}

/* As it is, without what would end a line. */
static void add_raw(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] != '\r' && text.data[i] != '\n' && text.data[i] != '\0') buf_add_char(out, text.data[i]);
    }
}

/* A value for a parameter: one that fits, or whatever the input has. */
static void add_value(struct buf *out, struct cursor *c)
{
    static const char *const values[] = {
        some_id, "1", "50", "200", "0", "9223372036854775807", "draft", "queued", "1h", "1d", "2024-01-01T00:00:00Z",
        "true"};
    const uint8_t choice = cursor_byte(c);

    if (choice < 2 * countof(values)) {
        buf_add_str(out, values[choice / 2]);
    } else if (choice % 4 == 0) {
        add_raw(out, cursor_text(c));
    } else {
        add_encoded(out, cursor_text(c));
    }
}

static void add_path(struct buf *out, const char *path, struct cursor *c)
{
    for (; *path != '\0'; path++) {
        if (*path != '{') {
            buf_add_char(out, *path);
            continue;
        }
        add_value(out, c);
        path = strchr(path, '}');
    }
}

static void add_query(struct buf *out, const struct api_endpoint *endpoint, struct cursor *c)
{
    static const char *const names[] = {"limit", "after", "status", "kind",     "q",     "symbol", "strategy_id",
                                        "v",     "start", "end",    "timezone", "stamp", "replace"};

    for (unsigned pairs = cursor_byte(c) % (PAIRS_MAX + 1), i = 0; i < pairs; i++) {
        const uint8_t choice = cursor_byte(c);

        buf_add_char(out, i == 0 ? '?' : '&');
        if (choice < 128 && endpoint->param_count > 0) {
            buf_add_str(out, endpoint->params[choice % endpoint->param_count].field.name);
        } else if (choice < 240) {
            buf_add_str(out, names[choice % countof(names)]);
        } else {
            add_encoded(out, cursor_text(c));
        }
        buf_add_char(out, '=');
        add_value(out, c);
    }
}

static void add_fields(struct buf *out, struct cursor *c)
{
    static const char *const names[] = {"If-Match",      "Idempotency-Key", "Accept",           "Content-Type",
                                        "If-None-Match", "Accept-Encoding", "Content-Encoding", "Expect",
                                        "Authorization", "Origin",          "Connection",       "X-Request-ID"};
    static const char *const values[] = {
        "*",    "\"3\"", "W/\"3\", \"4\"", "application/json", "gzip", "100-continue", "identity;q=0, */*;q=0.001",
        "key-1"};

    for (unsigned fields = cursor_byte(c) % (FIELDS_MAX + 1); fields > 0; fields--) {
        const uint8_t choice = cursor_byte(c);

        buf_printf(out, "%s: ", names[choice % countof(names)]);
        if (choice < 128) {
            buf_add_str(out, values[cursor_byte(c) % countof(values)]);
        } else {
            add_raw(out, cursor_text(c));
        }
        buf_add_str(out, "\r\n");
    }
}

/* Bodies that fit, for the input to change. */
static const char *const bodies[] = {
    "{\"name\":\"Golden cross\",\"kind\":\"sma_crossover\",\"parameters\":{\"fast\":10}}",
    ("{\"strategy_id\":\"019360a0-7c5e-7000-8000-000000000000\",\"symbol\":\"BTCUSD\",\"timeframe\":\"1d\",\"start\":"
     "\"2024-01-01T00:00:00Z\",\"end\":\"2025-01-01T00:00:00Z\",\"initial_capital\":10000.00}"),
    "{\"name\":null,\"description\":\"\\ud83d\\ude00\",\"status\":\"archived\"}",
    "{}",
};

static void make_body(struct buf *out, struct cursor *c)
{
    const uint8_t choice = cursor_byte(c);

    if (choice < 128) {
        const struct slice body = slice_of(bodies[choice % countof(bodies)]);
        const size_t at = choice < 64 ? body.len : cursor_byte(c) % (body.len + 1);

        buf_add(out, body.data, at);
        if (choice < 64) return;
        buf_add_slice(out, cursor_text(c));
        buf_add(out, body.data + at, body.len - at);
    } else {
        buf_add_slice(out, cursor_text(c));
    }
}

static void add_body(struct buf *out, const struct http_route *route, struct cursor *c)
{
    const uint8_t framing = cursor_byte(c);
    struct buf body = {0};

    if (route->body_types == NULL ? framing < 240 : framing >= 240) {
        buf_add_str(out, "\r\n");
        return;
    }
    make_body(&body, c);
    if (route->body_types != NULL && strcmp(route->body_types[0], "text/csv") == 0 && framing % 4 > 1) {
        buf_reset(&body);
        buf_add_str(&body, "time,open,high,low,close\n2024-01-01,1,2,1,2\n2024-01-02,1,2,1,2\n");
        buf_add_slice(&body, cursor_text(c));
    }
    buf_printf(out, "Content-Type: %s\r\n",
               route->body_types == NULL || framing % 8 == 1 ? "application/json" : route->body_types[0]);
    if (framing % 2 == 0) {
        buf_printf(out, "Content-Length: %zu\r\n\r\n", body.len);
        buf_add_slice(out, buf_slice(&body));
    } else {
        buf_add_str(out, "Transfer-Encoding: chunked\r\n\r\n");
        if (body.len > 0) buf_printf(out, "%zx\r\n%.*s", body.len, 0, "");
        buf_add_slice(out, buf_slice(&body));
        buf_add_str(out, body.len > 0 ? "\r\n0\r\n\r\n" : "0\r\n\r\n");
    }
    buf_clear(&body);
}

static void make_request(struct buf *out, const struct http_route *route, struct cursor *c)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"};
    const uint8_t method = cursor_byte(c);

    buf_printf(out, "%s ", method < 224 ? http_method_name(route->method) : methods[method % countof(methods)]);
    if (method < 224 && method >= 208 && route->method == HTTP_GET) {
        buf_reset(out);
        buf_add_str(out, "HEAD ");
    }
    add_path(out, route->path, c);
    add_query(out, api_endpoint_of(route), c);
    buf_add_str(out, " HTTP/1.1\r\nHost: h\r\n");
    add_fields(out, c);
    buf_printf(out, "Authorization: Bearer %s\r\n", scene_token);
    add_body(out, route, c);
}

/* ---- What the database says ---- */

static struct slice database_value(struct cursor *c, unsigned column)
{
    static char huge[HUGE_BYTES];
    static const char *const usual[] = {"200", "3", "{\"id\":1}", "/api/v1/strategies/1", some_id, "x"};
    static const char *const statuses[] = {"201", "202", "204", "404", "412", "200", "304", "500"};
    const uint8_t choice = cursor_byte(c);

    if (choice < 128) return slice_of(usual[column]);
    if (choice < 160) return SLICE_NONE;
    if (choice < 176) {
        memset(huge, 'x', sizeof(huge));
        return (struct slice){huge, sizeof(huge)};
    }
    if (choice < 208 && column == 0) return slice_of(statuses[choice % countof(statuses)]);
    return cursor_text(c);
}

/* As db/ would say it of what the server sent; the texts are the input's. */
static void database_script(struct cursor *c, const struct db_statement *statement, struct fake_result *ret_result)
{
    static const char *const usual[FAKE_COLUMNS_MAX] = {"status", "etag", "body", "location", "next", "other"};
    static const char *const candles[FAKE_COLUMNS_MAX] = {"timeframe_ms", "price_digits", "sha256",
                                                          "lot_digits",   "packed",       "address"};
    static const char *const stored[FAKE_COLUMNS_MAX] = {"revision",   "price_digits", "sha256",
                                                         "lot_digits", "packed",       "adjusted"};
    const char *const *columns = strncmp(statement->name, "getCandles:", strlen("getCandles:")) == 0         ? candles
                                 : strncmp(statement->name, "importCandles:", strlen("importCandles:")) == 0 ? stored
                                                                                                             : usual;
    static const char *const sqlstates[] = {"23505", "23503", "23514", "22P02", "40001", "55P03", "57014", "53200",
                                            "25006", "42501", "42703", "08006", "57P01", "XX000", "P0001", "22021"};
    static const char *const constraints[] = {"strategies_name_key", "backtests_span", "backtest_keys_one_request",
                                              "backtests_not_finished", "nobody_knows_it"};
    static char text[256];
    const uint8_t choice = cursor_byte(c);

    *ret_result = (struct fake_result){.outcome = DB_OK};
    if (choice >= 192) {
        ret_result->sqlstate = choice < 240 ? sqlstates[choice % countof(sqlstates)] : NULL;
        ret_result->outcome = ret_result->sqlstate == NULL ? (enum db_outcome)(1 + choice % (DB_OUTCOME_COUNT - 1))
                                                           : db_outcome_of(ret_result->sqlstate);
        snprintf(text, sizeof(text), "%.*s", SLICE_FMT(cursor_text(c)));
        ret_result->constraint = text[0] == '\0' ? constraints[cursor_byte(c) % countof(constraints)] : text;
        return;
    }
    ret_result->row_count = choice % 8 == 7 ? 0 : choice % 8 == 6 ? 2 : 1;
    const uint8_t shown = cursor_byte(c);

    for (unsigned i = 0; i < FAKE_COLUMNS_MAX; i++) {
        if ((shown >> i & 1) != 0) continue;
        ret_result->columns[ret_result->column_count] = columns[i];
        for (unsigned row = 0; row < ret_result->row_count; row++)
            ret_result->values[row][ret_result->column_count] = database_value(c, i);
        ret_result->column_count++;
    }
}

/* ---- The judgement ---- */

/* What can be said before it is known which operation is meant (tests/blackbox/support/contract.py). */
static bool is_early(unsigned status)
{
    static const unsigned early[] = {400, 401, 403, 408, 413, 414, 417, 421, 431, 501, 503, 505};

    for (size_t i = 0; i < countof(early); i++) {
        if (early[i] == status) return true;
    }
    return false;
}

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;

    if (object != NULL) (void)json_object_object_get_ex(object, name, &found);
    return found;
}

static bool is_documented(const struct scene *scene, const struct scene_record *record)
{
    static struct json_object *document;
    static const char *const names[HTTP_METHOD_COUNT] = {"get", "get", "post", "put", "patch", "delete", "options"};
    char status[16];

    if (document == NULL) {
        char *text = strndup(api_document(scene->api).data, api_document(scene->api).len);

        document = json_tokener_parse(text);
        free(text);
        FUZZ_CHECK(document != NULL, "the document is not JSON");
    }
    snprintf(status, sizeof(status), "%u", record->status);
    const struct api_endpoint *endpoint = api_endpoint_of(record->route);
    struct json_object *operation =
        member(member(member(document, "paths"), record->route->path), names[record->route->method]);

    FUZZ_CHECK(operation != NULL || endpoint->is_unlisted, "the document does not have %s", endpoint->id);
    return endpoint->is_unlisted || member(member(operation, "responses"), status) != NULL;
}

/* Whether the answer is what the row says, and not made of it. */
static bool passes_on(const struct http_route *route)
{
    return api_endpoint_of(route)->sql != NULL && api_endpoint_of(route)->render == NULL;
}

static void check_answer(const struct scene *scene, const struct scene_record *record, const struct answer *answer,
                         const struct fake_result *said, bool was_asked)
{
    FUZZ_CHECK(answer->status == record->status, "%u came, %u was counted", answer->status, record->status);
    if (record->route != NULL) {
        FUZZ_CHECK(is_documented(scene, record), "%s answers %u, which the document does not have",
                   api_endpoint_of(record->route)->id, record->status);
    } else {
        FUZZ_CHECK(is_early(record->status) || record->status == 404 || record->status == 405 || record->status == 204,
                   "%u without a route", record->status);
    }
    const bool is_health = answer->status == 503 && slice_is(answer_field(answer, "Content-Type"), "application/json");

    if (answer->status >= 400 && !is_health) {
        answer_check_problem(answer, record->is_bare);
    } else if (was_asked && passes_on(record->route) && answer->status < 300 && answer->status != 204) {
        bool is_said = record->is_bare;

        for (unsigned i = 0; i < said->column_count && said->row_count > 0; i++) {
            if (strcmp(said->columns[i], "body") == 0 && said->values[0][i].data != NULL)
                is_said = is_said || slice_eq(said->values[0][i], answer->body);
        }
        FUZZ_CHECK(is_said, "the database did not say: %.*s", SLICE_FMT(answer->body));
    }
}

static void check_answers(const struct scene *scene, const struct scene_client *client, const struct fake_result *said,
                          bool was_asked)
{
    struct slice rest = buf_slice(&client->received);
    struct answer answer;

    FUZZ_CHECK(client->record_count == 1, "%zu answers to one request", client->record_count);
    FUZZ_CHECK(client->records[0].status != 0, "no answer");
    do FUZZ_CHECK(answer_next(&rest, client->records[0].is_bare, &answer), "the answer breaks off");
    while (answer.status < 200);
    check_answer(scene, &client->records[0], &answer, said, was_asked);
    FUZZ_CHECK(rest.len == 0, "more than one answer: %.*s", SLICE_FMT(rest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct scene_options options = {
        .auth = true, .memory_bytes = 64 << 20, .output_bytes = 1 << 20, .limits = scene_limits};
    struct cursor c = {data, size};
    struct scene *scene = scene_new(&options);
    struct fake_result said;
    struct buf request = {0};
    unsigned asked = 0;
    size_t count;

    scene_tokens_result(&said);
    fake_db_answer(scene->db, 0, &said);
    const struct http_route *const *routes = api_routes(scene->api, &count);

    const struct http_route *route = routes[cursor_byte(&c) % count];

    make_request(&request, route, &c);
    struct scene_client *client = scene_connect(scene, 1);

    scene_send(client, buf_slice(&request));
    for (int turns = 0; turns < TURNS_MAX && !client->is_over; turns++) {
        scene_send(client, SLICE_NONE);
        scene_turn(scene);
        if (fake_db_waiting(scene->db) > 0 && strcmp(fake_db_look(scene->db, 0).statement->name, "loadTokens") == 0) {
            scene_tokens_result(&said);
            fake_db_answer(scene->db, 0, &said);
        } else if (fake_db_waiting(scene->db) > 0) {
            const struct db_statement *statement = fake_db_look(scene->db, 0).statement;
            const bool is_read = statement->access == DB_READ;

            asked++;
            FUZZ_CHECK(asked <= (api_endpoint_of(route)->begin == NULL ? 1 : QUERIES_MAX), "%s is query %u",
                       statement->name, asked);
            database_script(&c, statement, &said);
            if (is_read && said.outcome == DB_CONFLICT) said.outcome = DB_TIMEOUT; /* db/ sends reads again */
            if (is_read && said.outcome == DB_UNKNOWN) said.outcome = DB_UNAVAILABLE;
            fake_db_answer(scene->db, 0, &said);
        }
        if (turns > 1) scene_shut(client);
        scene_read(client, SIZE_MAX);
    }
    FUZZ_CHECK(client->is_over, "the server does not come to an end");
    scene_shut(client); /* if it was the server that closed first, it waits for this */
    scene_turn(scene);
    if (getenv("FUZZ_TELL") != NULL)
        fprintf(stderr, "%.*s\n----\n%.*s\n", SLICE_FMT(buf_slice(&request)), SLICE_FMT(buf_slice(&client->received)));
    check_answers(scene, client, &said, asked > 0);
    FUZZ_CHECK(http_server_connections(scene->server) == 0 && http_server_in_flight(scene->server) == 0 &&
                   scene->held == 0,
               "%u connections, %u requests, %zu bytes stay", http_server_connections(scene->server),
               http_server_in_flight(scene->server), scene->held);
    scene_free(scene);
    buf_clear(&request);
    return 0;
}
