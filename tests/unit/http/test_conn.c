/* What a connection does over time, and how it ends: order, deadlines, half-closed, cancelled. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "http/server.h"
#include "rig.h"

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

static void slow_client_takes(struct client *client, size_t most)
{
    const uint64_t until = clock_monotonic_ms() + 20000;
    char chunk[16384];

    for (size_t taken = 0; taken < most && clock_monotonic_ms() < until;) {
        const ssize_t len = recv(client->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

        if (len > 0) taken += (size_t)len;
        rig_turn(client->rig);
    }
}

/* A client that takes something, and less than the least rate, has no more time for the rest; one that takes as much
 * has. The time-out is an hour, so that no deadline passes while the test looks. */
static void test_slow_reader(void)
{
    enum { HOUR_MS = 3600000, LEAST_BYTES = HOUR_MS / 1000 * 512 };
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client client;

    limits.write_timeout_ms = HOUR_MS;
    rig_start(&rig, &client, &limits);
    client_say(&client, GET("/big?30000000"));
    CU_ASSERT(rig_wait(&rig, &rig.ended, 1));
    struct http_conn *conn = list_at(rig.server->conns.next, struct http_conn, link);

    CU_ASSERT_FALSE_FATAL(list_is_empty(&conn->stall_link));
    conn->stall_until_ms -= HOUR_MS / 2; /* half of it has passed */
    const uint64_t until_ms = conn->stall_until_ms;
    const size_t sent = conn->out_sent;

    for (int reads = 0; reads < 100 && conn->out_sent == sent; reads++) slow_client_takes(&client, 16384);
    CU_ASSERT(conn->out_sent > sent && conn->out_sent < sent + LEAST_BYTES);
    CU_ASSERT_EQUAL(conn->stall_until_ms, until_ms);
    slow_client_takes(&client, 4 * LEAST_BYTES);
    CU_ASSERT(conn->stall_until_ms > until_ms);
    conn->stall_until_ms = 0;
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
static void test_output_total(void)
{
    enum { COUNT = 6 };
    static const struct http_buffers buffers = {.output_bytes = 65536, .memory_bytes = 58000000};
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
    answer_is_refusal(&answer, HTTP_REFUSAL_OUTPUT_FULL);
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
    static const struct http_buffers buffers = {.output_bytes = 65536, .memory_bytes = 200000};
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
    answer_is_refusal(&answer, HTTP_REFUSAL_INPUT_FULL);
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

static void test_half_close(void)
{
    struct rig rig;
    struct client client;
    struct answer answer;

    rig_start(&rig, &client, NULL);
    client_say(&client, GET("/") GET("/slow") GET("/"));
    client_shut(&client);
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    for (unsigned i = 0; i < 5; i++) rig_turn(&rig);
    UNIT_INT(rig.cancelled, 0);
    rig_answer(&rig, 0, "late");
    UNIT_INT(client_status(&client), 200);
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer.body, "late");
    UNIT_SLICE(answer_field(&answer, "Connection"), "");
    CU_ASSERT_FATAL(client_answer(&client, false, &answer)); /* what was asked before the half-close is answered */
    UNIT_SLICE(answer_field(&answer, "Connection"), "close");
    CU_ASSERT(client_sees_end(&client));
    client_close(&client);

    static const char *const truncated[] = {"G", "GET / HTTP/1.1\r\nHost", "\r\nGET",
                                            "POST /echo HTTP/1.1\r\n" TEXT "Content-Length: 3\r\n\r\nab",
                                            "POST /echo HTTP/1.1\r\n" TEXT "Transfer-Encoding: chunked\r\n\r\n3\r\na"};

    for (size_t i = 0; i < countof(truncated); i++) {
        client_open(&client, &rig);
        client_say(&client, truncated[i]);
        client_shut(&client);
        UNIT_INT(client_status(&client), 400);
        CU_ASSERT(client_sees_end(&client));
        client_close(&client);
    }
    client_open(&client, &rig);
    client_say(&client, "\r");
    client_shut(&client);
    UNIT_INT(client_status(&client), 0);
    CU_ASSERT(client.eof);
    rig_finish(&rig, &client);
}

static void reset(struct client *client)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    client_close(client);
}

static void test_cancel(void)
{
    struct rig rig;
    struct client client;

    rig_start(&rig, &client, NULL);
    client_say(&client, GET("/slow"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    reset(&client);
    CU_ASSERT(rig_wait(&rig, &rig.cancelled, 1));
    UNIT_INT(rig.ended, 1);
    UNIT_INT(rig.last_status, 0);
    CU_ASSERT(rig_wait_connections(&rig, 0));

    /* First the one side, then all of it. */
    client_open(&client, &rig);
    client_say(&client, GET("/slow"));
    client_shut(&client);
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 2));
    for (unsigned i = 0; i < 5; i++) rig_turn(&rig);
    UNIT_INT(rig.cancelled, 1);
    reset(&client);
    CU_ASSERT(rig_wait(&rig, &rig.cancelled, 2));

    /* With more input than the server reads while a request is being handled. */
    client_open(&client, &rig);
    client_say(&client, GET("/slow"));
    for (unsigned i = 0; i < 1000; i++) client_say(&client, GET("/"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 3));
    reset(&client);
    CU_ASSERT(rig_wait(&rig, &rig.cancelled, 3));
    UNIT_INT(rig.handled, 3);

    client_open(&client, &rig);
    client_say(&client, "GET / HT");
    reset(&client);
    CU_ASSERT(rig_wait(&rig, &rig.ended, 4));
    UNIT_INT(rig.last_status, 0);

    client_open(&client, &rig);
    client_say(&client, GET("/slow"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 4));
    rig_clear(&rig);
    UNIT_INT(rig.cancelled, 4);
    UNIT_INT(rig.ended, 5);
    UNIT_INT(rig.open, 0);
    client_close(&client);
}

/* The client goes on sending what was refused: it still gets to see why. */
static void test_linger(void)
{
    enum { SIZE = 3000000 };
    struct rig rig;
    struct client client;
    char *content = calloc(1, SIZE);

    rig_start(&rig, &client, NULL);
    client_say(&client, "POST /echo HTTP/1.1\r\n" TEXT "Content-Length: 3000000\r\n\r\n");
    CU_ASSERT(client_send(&client, content, SIZE)); /* a reset would cut it short */
    UNIT_INT(client_status(&client), 413);
    CU_ASSERT(client_sees_end(&client));
    CU_ASSERT_FALSE(client.reset);
    free(content);
    rig_finish(&rig, &client);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_input_total),    UNIT_TEST(test_output_total),  UNIT_TEST(test_pipeline_waits),
    UNIT_TEST(test_pipeline_flood), UNIT_TEST(test_large_content), UNIT_TEST(test_deadlines),
    UNIT_TEST(test_write_stall),    UNIT_TEST(test_output_mark),   UNIT_TEST(test_half_close),
    UNIT_TEST(test_cancel),         UNIT_TEST(test_linger),        UNIT_TEST(test_slow_reader),
};
const struct unit_part conn_tests = UNIT_PART(tests);
