/* What a connection does over time: answers, order, deadlines, limits. Its ends are in test_ends.c. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "rig.h"

static void assert_text(const struct answer *answer, const char *text)
{
    if (memmem(answer->head.data, answer->head.len, text, strlen(text)) == NULL) UNIT_SLICE(answer->head, text);
}

static void test_answer_fields(void)
{
    struct rig rig;
    struct client client;
    struct answer answer;
    char first[64];

    rig_start(&rig, &client, NULL);
    client_say(&client, GET("/"));
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    assert_text(&answer, "HTTP/1.1 200 OK\r\nDate: ");
    assert_text(&answer, " GMT\r\n");
    assert_text(&answer, "\r\nX-Content-Type-Options: nosniff\r\n");
    assert_text(&answer, "\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n");
    assert_text(&answer, "\r\nVary: Origin\r\n");
    UNIT_SLICE(answer.body, "ok");
    UNIT_INT(answer_field(&answer, "Date").len, 29);
    CU_ASSERT_PTR_NULL(answer_field(&answer, "Connection").data);
    snprintf(first, sizeof(first), "%.*s", SLICE_FMT(answer_field(&answer, "X-Request-ID")));
    UNIT_INT(strlen(first), 26);
    UNIT_STR(rig.last_id, first);

    client_say(&client, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: a.B_c-9\r\n\r\n");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer_field(&answer, "X-Request-ID"), "a.B_c-9");
    client_say(&client, "GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: a b\r\n\r\n");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_INT(answer_field(&answer, "X-Request-ID").len, 26);
    CU_ASSERT_FALSE(slice_is(answer_field(&answer, "X-Request-ID"), first));
    client_say(&client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer_field(&answer, "Connection"), "keep-alive");
    client_say(&client, "GET / HTTP/1.0\r\n\r\n");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer_field(&answer, "Connection"), "close");
    CU_ASSERT(client_sees_end(&client));
    UNIT_INT(rig.ended, 5);
    UNIT_INT(rig.started, 5);
    rig_finish(&rig, &client);
}

static void test_answer_without_content(void)
{
    struct rig rig;
    struct client client;
    struct answer answer;

    rig_start(&rig, &client, NULL);
    client_say(&client, "HEAD /big?500 HTTP/1.1\r\nHost: a\r\n\r\n" GET("/"));
    CU_ASSERT_FATAL(client_answer(&client, true, &answer));
    UNIT_SLICE(answer_field(&answer, "Content-Length"), "500");
    UNIT_INT(client_status(&client), 200);
    client_say(&client, "HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n" GET("/"));
    CU_ASSERT_FATAL(client_answer(&client, true, &answer));
    UNIT_INT(answer.status, 404);
    UNIT_INT(client_status(&client), 200);
    client_say(&client, "GET /tagged HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"6\", W/\"7\"\r\n\r\n" GET("/"));
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_INT(answer.status, 304);
    UNIT_SLICE(answer_field(&answer, "ETag"), "\"7\"");
    CU_ASSERT_PTR_NULL(answer_field(&answer, "Content-Length").data);
    UNIT_INT(client_status(&client), 200);
    client_say(&client, "OPTIONS /echo HTTP/1.1\r\nHost: a\r\n\r\n" GET("/"));
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_INT(answer.status, 204);
    UNIT_SLICE(answer_field(&answer, "Allow"), "POST, PUT, PATCH, OPTIONS");
    UNIT_SLICE(answer_field(&answer, "Vary"), "Origin");
    CU_ASSERT_PTR_NULL(answer_field(&answer, "Content-Length").data);
    UNIT_INT(client_status(&client), 200);
    rig_finish(&rig, &client);
}

static void test_if_none_match(void)
{
    static const struct {
        const char *field;
        unsigned status;
    } cases[] = {
        {"*", 304},
        {"\"7\"", 304},
        {"W/\"7\"", 304},
        {"\"a,b\" , \"7\"", 304},
        {"\"8\"", 200},
        {"7", 200},
        {"\"7", 200},
        {"w/\"7\"", 200},
        {"", 200},
        {"\"77\"", 200},
        {"\"*\"", 200},
        {",,\"7\"", 304},
        {"\"1\" \"7\"", 200},
        {"\"1\",\"7\" 8", 200},
        {"W/\"1\"\t,\t\"7\"", 304},
        {"\"7 \"", 200},
        {"\"", 200},
    };
    struct rig rig;
    struct client client;

    rig_start(&rig, &client, NULL);
    for (size_t i = 0; i < countof(cases); i++) {
        char request[128];

        snprintf(request, sizeof(request), "GET /tagged HTTP/1.1\r\nHost: a\r\nIf-None-Match: %s\r\n\r\n",
                 cases[i].field);
        client_say(&client, request);
        if (client_status(&client) != cases[i].status) UNIT_STR(cases[i].field, "answered otherwise");
    }
    rig_finish(&rig, &client);
}

static void ask_content(struct client *client, const char *query, const char *fields, struct answer *ret_answer)
{
    char request[256];

    snprintf(request, sizeof(request), "GET /content%s HTTP/1.1\r\nHost: a\r\n%s\r\n", query, fields);
    client_say(client, request);
    CU_ASSERT_FATAL(client_answer(client, false, ret_answer));
}

static void test_content(void)
{
    struct rig rig;
    struct client client;
    struct answer answer;
    char etag[2][64];
    char fields[128];

    rig_start(&rig, &client, NULL);
    ask_content(&client, "?packed", "", &answer);
    UNIT_INT(answer.status, 200);
    UNIT_SLICE(answer.body, "plain bytes");
    UNIT_SLICE(answer_field(&answer, "Content-Type"), "text/plain");
    UNIT_SLICE(answer_field(&answer, "Cache-Control"), "no-cache");
    UNIT_SLICE(answer_field(&answer, "Vary"), "Accept-Encoding");
    CU_ASSERT_PTR_NULL(answer_field(&answer, "Content-Encoding").data);
    snprintf(etag[0], sizeof(etag[0]), "%.*s", SLICE_FMT(answer_field(&answer, "ETag")));
    ask_content(&client, "?packed", "Accept-Encoding: br, gzip\r\n", &answer);
    UNIT_SLICE(answer.body, "packed");
    UNIT_SLICE(answer_field(&answer, "Content-Encoding"), "gzip");
    UNIT_SLICE(answer_field(&answer, "Vary"), "Accept-Encoding");
    snprintf(etag[1], sizeof(etag[1]), "%.*s", SLICE_FMT(answer_field(&answer, "ETag")));
    CU_ASSERT_STRING_NOT_EQUAL(etag[0], etag[1]);
    /* Each tag is known for its own form only. */
    for (unsigned i = 0; i < 4; i++) {
        snprintf(fields, sizeof(fields), "If-None-Match: %s\r\n%s", etag[i / 2],
                 i % 2 == 0 ? "" : "Accept-Encoding: gzip\r\n");
        ask_content(&client, "?packed", fields, &answer);
        UNIT_INT(answer.status, i / 2 == i % 2 ? 304 : 200);
        UNIT_SLICE(answer_field(&answer, "ETag"), etag[i % 2]);
    }
    ask_content(&client, "", "Accept-Encoding: gzip\r\n", &answer);
    UNIT_SLICE(answer.body, "plain bytes");
    CU_ASSERT_PTR_NULL(answer_field(&answer, "Content-Encoding").data);
    rig_finish(&rig, &client);
}

static void test_problem(void)
{
    struct rig rig;
    struct client client;
    struct answer answer;

    rig_start(&rig, &client, NULL);
    client_say(&client, "GET /problem HTTP/1.1\r\nHost: a\r\nX-Request-ID: r1\r\n\r\n");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_INT(answer.status, 422);
    UNIT_SLICE(answer_field(&answer, "Content-Type"), "application/problem+json");
    UNIT_SLICE(answer_field(&answer, "Retry-After"), "3");
    UNIT_SLICE(answer.body, "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,"
                            "\"code\":\"validation_failed\",\"detail\":\"Two fields are wrong.\",\"request_id\":\"r1\","
                            "\"errors\":[{\"pointer\":\"/a\\\"b\",\"detail\":\"too long\"},"
                            "{\"pointer\":\"query:limit\",\"detail\":\"not a number\"}]}\n");
    client_say(&client, "GET /no/where?q HTTP/1.1\r\nHost: a\r\nX-Request-ID: r2\r\nAccept: text/html\r\n\r\n");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer.body, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"code\":\"not_found\","
                            "\"detail\":\"There is nothing at /no/where.\",\"request_id\":\"r2\"}\n");
    UNIT_STR(rig.last_target, "/no/where?q");
    client_say(&client, "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer_field(&answer, "Allow"), "GET, HEAD, OPTIONS");
    client_say(&client, "POST /guarded HTTP/1.1\r\nHost: a\r\n\r\n");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer_field(&answer, "WWW-Authenticate"), "Bearer");
    client_say(&client, "PATCH /echo HTTP/1.1\r\n" TEXT "Content-Length: 2\r\n\r\nab");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_INT(answer.status, 415);
    UNIT_SLICE(answer_field(&answer, "Accept-Patch"), "application/merge-patch+json");
    client_close(&client);
    client_open(&client, &rig);
    client_say(&client, "PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer_field(&answer, "Accept"), "text/plain, application/json");
    rig_finish(&rig, &client);
}

static void test_request_parts(void)
{
    static const struct {
        const char *request;
        const char *body;
    } cases[] = {
        {GET("/items/a%20b%2Fc"), "[a b/c]"},
        {GET("/items/%C3%A9/parts/2"), "[\xc3\xa9][2]"},
        {"GET /field?X-A HTTP/1.1\r\nHost: a\r\nx-a: \t1 \r\nX-B: 2\r\nX-A: 3\r\nX-A:\r\n\r\n", "1, 3, "},
        {"GET /field?X-C HTTP/1.1\r\nHost: a\r\nX-CC: 1\r\n\r\n", ""},
        {"GET /field?Host HTTP/1.1\r\nHost: a:1\r\n\r\n", "a:1"},
        {"GET http://b:2/field?Host HTTP/1.1\r\nHost: a:1\r\n\r\n", "b:2"},
        {"POST /echo HTTP/1.1\r\n" TEXT "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2;x\r\nbc\r\n0\r\nT: u\r\n\r\n",
         "abc"},
    };
    struct rig rig;
    struct client client;
    struct answer answer;

    rig_start(&rig, &client, NULL);
    for (size_t i = 0; i < countof(cases); i++) {
        client_say(&client, cases[i].request);
        CU_ASSERT_FATAL(client_answer(&client, false, &answer));
        UNIT_INT(answer.status, 200);
        UNIT_SLICE(answer.body, cases[i].body);
    }
    CU_ASSERT(strncmp(rig.last_peer, "127.0.0.1:", 10) == 0);
    rig_finish(&rig, &client);
}

static void test_pipeline_waits(void)
{
    struct rig rig;
    struct client client;
    struct answer answer;

    rig_start(&rig, &client, NULL);
    client_say(&client, GET("/slow?1") GET("/items/2") GET("/slow?3") GET("/items/4"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    rig_turn(&rig);
    UNIT_INT(rig.handled, 1);
    UNIT_INT(http_server_in_flight(rig.server), 1);
    client_take(&client);
    UNIT_INT(client.in.len, 0);
    rig_answer(&rig, 0, "one");
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 2));
    UNIT_INT(rig.handled, 3);
    rig_answer(&rig, 1, "three");
    static const char *const bodies[] = {"one", "[2]", "three", "[4]"};

    for (size_t i = 0; i < countof(bodies); i++) {
        CU_ASSERT_FATAL(client_answer(&client, false, &answer));
        UNIT_SLICE(answer.body, bodies[i]);
    }
    rig_finish(&rig, &client);
}

/* A great many requests behind a slow one: they wait, and none is lost. */
static void test_pipeline_flood(void)
{
    enum { COUNT = 5000 };
    struct rig rig;
    struct client client;
    struct answer answer;
    struct buf flood = {0};

    rig_start(&rig, &client, NULL);
    buf_add_str(&flood, GET("/slow"));
    for (unsigned i = 0; i < COUNT; i++) {
        buf_printf(&flood, "GET /items/%u HTTP/1.1\r\nHost: a\r\n\r\n", i);
    }
    client_send(&client, flood.data, flood.len);
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    for (unsigned i = 0; i < 10; i++) rig_turn(&rig);
    UNIT_INT(rig.handled, 1);
    rig_answer(&rig, 0, "slow");
    UNIT_INT(client_status(&client), 200);
    for (unsigned i = 0; i < COUNT; i++) {
        char expected[32];

        if (!client_answer(&client, false, &answer)) break;
        snprintf(expected, sizeof(expected), "[%u]", i);
        if (!slice_is(answer.body, expected)) UNIT_SLICE(answer.body, expected);
    }
    UNIT_INT(rig.handled, COUNT + 1);
    UNIT_INT(rig.ended, COUNT + 1);
    buf_clear(&flood);
    rig_finish(&rig, &client);
}

static void test_large_content(void)
{
    enum { SIZE = 1 << 20, CHUNK = 5000 };
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client client;
    struct answer answer;
    struct buf request = {0};
    char *content = mem_alloc(SIZE);

    limits.body_bytes = SIZE;
    rig_start(&rig, &client, &limits);
    for (size_t i = 0; i < SIZE; i++) content[i] = (char)('a' + i * 7 % 26);
    buf_printf(&request, "POST /echo HTTP/1.1\r\n" TEXT "Content-Length: %d\r\n\r\n", SIZE);
    buf_add(&request, content, SIZE);
    buf_add_str(&request, "POST /echo HTTP/1.1\r\n" TEXT "Transfer-Encoding: chunked\r\n\r\n");
    for (size_t at = 0; at < SIZE; at += CHUNK) {
        const size_t part = SIZE - at < CHUNK ? SIZE - at : CHUNK;

        buf_printf(&request, "%zx\r\n", part);
        buf_add(&request, content + at, part);
        buf_add_str(&request, "\r\n");
    }
    buf_add_str(&request, "0\r\n\r\n" GET("/"));
    client_send(&client, request.data, request.len);
    for (unsigned i = 0; i < 2; i++) {
        CU_ASSERT_FATAL(client_answer(&client, false, &answer));
        UNIT_INT(answer.status, 200);
        CU_ASSERT(slice_eq(answer.body, (struct slice){content, SIZE}));
    }
    UNIT_INT(client_status(&client), 200);
    buf_clear(&request);
    free(content);
    rig_finish(&rig, &client);
}

static void test_continue(void)
{
    struct rig rig;
    struct client client;
    struct answer answer;

    rig_start(&rig, &client, NULL);
    client_say(&client, "POST /echo HTTP/1.1\r\n" TEXT "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n");
    UNIT_INT(client_status(&client), 100);
    client_say(&client, "abc");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer.body, "abc");
    /* Nobody is invited who is already here, or who brings nothing. */
    client_say(&client, "POST /echo HTTP/1.1\r\n" TEXT "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc");
    UNIT_INT(client_status(&client), 200);
    client_say(&client, "GET / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
    UNIT_INT(client_status(&client), 200);
    client_close(&client);
    static const struct {
        const char *request;
        unsigned status;
    } refused[] = {
        {"POST /none HTTP/1.1\r\n" TEXT "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", 404},
        {"POST / HTTP/1.1\r\n" TEXT "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", 405},
        {"POST /guarded HTTP/1.1\r\n" TEXT "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n", 401},
        {"POST /echo HTTP/1.1\r\n" TEXT "Expect: 100-continue\r\nContent-Length: 3000\r\n\r\n", 413},
        {"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", 415},
        {"POST /echo HTTP/1.1\r\n" TEXT "Accept: a/b\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n", 406},
    };

    for (size_t i = 0; i < countof(refused); i++) {
        client_open(&client, &rig);
        client_say(&client, refused[i].request);
        UNIT_INT(client_status(&client), refused[i].status);
        CU_ASSERT(client_sees_end(&client));
        client_close(&client);
    }
    UNIT_INT(rig.handled, 3);
    client.fd = -1;
    rig_finish(&rig, &client);
}

static void test_deadlines(void)
{
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client client;

    limits.header_bytes = 1 << 24; /* not what is met first */
    limits.header_timeout_ms = 60;
    limits.body_timeout_ms = 60;
    limits.idle_timeout_ms = 60;
    rig_start(&rig, &client, &limits);
    CU_ASSERT(client_sees_end(&client)); /* never said a word */
    UNIT_INT(client.in.len, 0);
    UNIT_INT(rig.ended, 0);
    client_close(&client);

    client_open(&client, &rig);
    client_say(&client, "GET / HTTP/1.1\r\nHo");
    UNIT_INT(client_status(&client), 408);
    CU_ASSERT(client_sees_end(&client));
    client_close(&client);

    /* A byte now and then buys no time. */
    client_open(&client, &rig);
    const uint64_t begun = clock_monotonic_ms();

    client_say(&client, "GET / HTTP/1.1\r\nA: ");
    while (client.in.len == 0 && clock_monotonic_ms() < begun + 5000) {
        client_say(&client, "b");
        client_take(&client);
    }
    UNIT_INT(client_status(&client), 408);
    client_close(&client);

    client_open(&client, &rig);
    client_say(&client, "POST /echo HTTP/1.1\r\n" TEXT "Content-Length: 3\r\n\r\nab");
    UNIT_INT(client_status(&client), 408);
    CU_ASSERT(client_sees_end(&client));
    client_close(&client);

    client_open(&client, &rig);
    client_say(&client, GET("/"));
    UNIT_INT(client_status(&client), 200);
    CU_ASSERT(client_sees_end(&client));
    CU_ASSERT_FALSE(client.reset);
    UNIT_INT(client.at, client.in.len);
    UNIT_INT(rig.last_status, 200);

    /* A handler may take longer than all of them. */
    client_close(&client);
    client_open(&client, &rig);
    client_say(&client, GET("/slow"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    for (const uint64_t until = clock_monotonic_ms() + 200; clock_monotonic_ms() < until;) rig_turn(&rig);
    rig_answer(&rig, 0, "late");
    UNIT_INT(client_status(&client), 200);
    rig_finish(&rig, &client);
}

static void test_write_stall(void)
{
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client client;

    limits.write_timeout_ms = 60;
    rig_start(&rig, &client, &limits);
    client_say(&client, GET("/big?30000000"));
    CU_ASSERT(rig_wait(&rig, &rig.ended, 1));
    UNIT_INT(rig.last_status, 200);
    CU_ASSERT(rig_wait_connections(&rig, 0));
    CU_ASSERT(client_sees_end(&client));
    CU_ASSERT(client.reset);
    rig_finish(&rig, &client);
}

/* Answers that nobody takes stop the reading of requests. */
static void test_output_mark(void)
{
    enum { COUNT = 100, SIZE = 1000000 };
    struct rig rig;
    struct client client;
    struct answer answer;
    struct buf requests = {0};

    rig_start(&rig, &client, NULL);
    for (unsigned i = 0; i < COUNT; i++) buf_add_str(&requests, GET("/big?1000000"));
    client_send(&client, requests.data, requests.len);
    buf_clear(&requests);
    for (unsigned i = 0; i < 50; i++) rig_turn(&rig);
    CU_ASSERT(rig.handled > 0 && rig.handled < COUNT / 2);
    for (unsigned i = 0; i < COUNT; i++) {
        CU_ASSERT_FATAL(client_answer(&client, false, &answer));
        UNIT_INT(answer.body.len, SIZE);
        buf_consume(&client.in, client.at);
        client.at = 0;
    }
    UNIT_INT(rig.handled, COUNT);
    rig_finish(&rig, &client);
}

/* Large answers that many clients do not take are refused to the next; small ones and what changes things are not. */
/* In the words of its row. */
static void is_refused(const struct answer *answer, enum http_refusal_id id)
{
    const struct http_refusal *refusal = &http_refusals[id];
    char members[512];

    UNIT_INT(answer->status, refusal->status);
    snprintf(members, sizeof(members), "\"code\":\"%s\",\"detail\":\"%s\"", http_refusal_code(refusal),
             refusal->detail);
    CU_ASSERT_PTR_NOT_NULL(memmem(answer->body.data, answer->body.len, members, strlen(members)));
}

static void test_output_total(void)
{
    enum { COUNT = 6 };
    static const struct http_buffers buffers = {
        .output_bytes = 65536, .input_total_bytes = SIZE_MAX, .output_total_bytes = 50000000};
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client greedy[COUNT];
    struct client client;
    struct answer answer;
    unsigned refused = 0;

    rig_start(&rig, &client, &limits);
    http_server_set_buffers(rig.server, &buffers);
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&greedy[i], &rig);
        client_say(&greedy[i], GET("/big?30000000"));
        CU_ASSERT(rig_wait(&rig, &rig.ended, i + 1));
        if (rig.last_status == 503) refused++;
    }
    CU_ASSERT(refused >= COUNT - 3);
    client_say(&client, GET("/big?30000000") GET("/big?16000") "HEAD /big?30000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_INT(answer.status, 503);
    UNIT_SLICE(answer_field(&answer, "Retry-After"), "1");
    UNIT_SLICE(answer_field(&answer, "Content-Type"), "application/problem+json");
    is_refused(&answer, HTTP_REFUSAL_OUTPUT_FULL);
    UNIT_INT(client_status(&client), 200);
    CU_ASSERT_FATAL(client_answer(&client, true, &answer));
    UNIT_INT(answer.status, 200);
    for (unsigned i = 0; i < COUNT; i++) client_close(&greedy[i]);
    CU_ASSERT(rig_wait_connections(&rig, 1));
    client_say(&client, GET("/big?30000000"));
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_INT(answer.body.len, 30000000);
    rig_finish(&rig, &client);
}

static void test_input_total(void)
{
    enum { LEN = 90000 };
    /* One of them, however its memory is rounded up, and not two. */
    static const struct http_buffers buffers = {
        .output_bytes = 65536, .input_total_bytes = 150000, .output_total_bytes = SIZE_MAX};
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client first;
    struct client second;
    struct answer answer;
    char head[128];
    char *body = mem_alloc(LEN);

    memset(body, 'x', LEN);
    snprintf(head, sizeof(head), "POST /echo HTTP/1.1\r\n" TEXT "Content-Length: %d\r\n\r\n", LEN);
    limits.body_bytes = LEN;
    rig_start(&rig, &first, &limits);
    http_server_set_buffers(rig.server, &buffers);
    client_say(&first, head);
    CU_ASSERT(client_send(&first, body, LEN - 1));
    client_open(&second, &rig);
    client_say(&second, head);
    CU_ASSERT(client_send(&second, body, LEN - 1));
    CU_ASSERT(rig_wait(&rig, &rig.ended, 1)); /* whichever of the two it is that is too much */
    UNIT_INT(rig.last_status, 503);
    CU_ASSERT_FATAL(client_answer(&second, false, &answer));
    UNIT_INT(answer.status, 503);
    UNIT_SLICE(answer_field(&answer, "Retry-After"), "1");
    UNIT_SLICE(answer_field(&answer, "Connection"), "close");
    is_refused(&answer, HTTP_REFUSAL_INPUT_FULL);
    client_close(&second);
    /* What is small goes on, and so does the one that was there. */
    client_open(&second, &rig);
    client_say(&second, "POST /echo HTTP/1.1\r\n" TEXT "Content-Length: 3\r\n\r\nabc");
    UNIT_INT(client_status(&second), 200);
    CU_ASSERT(client_send(&first, body, 1));
    CU_ASSERT_FATAL(client_answer(&first, false, &answer));
    UNIT_INT(answer.status, 200);
    UNIT_INT(answer.body.len, LEN);
    /* Its memory is free again. */
    client_say(&second, head);
    CU_ASSERT(client_send(&second, body, LEN));
    UNIT_INT(client_status(&second), 200);
    client_close(&second);
    CU_ASSERT(rig_wait_connections(&rig, 1));
    rig_finish(&rig, &first);
    free(body);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_input_total),    UNIT_TEST(test_output_total),
    UNIT_TEST(test_answer_fields),  UNIT_TEST(test_answer_without_content),
    UNIT_TEST(test_if_none_match),  UNIT_TEST(test_content),
    UNIT_TEST(test_problem),        UNIT_TEST(test_request_parts),
    UNIT_TEST(test_pipeline_waits), UNIT_TEST(test_pipeline_flood),
    UNIT_TEST(test_large_content),  UNIT_TEST(test_continue),
    UNIT_TEST(test_deadlines),      UNIT_TEST(test_write_stall),
    UNIT_TEST(test_output_mark),
};
const struct unit_part conn_tests = UNIT_PART(tests);
