#include <sys/socket.h>

#include "rig.h"

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

static void test_one_of_two_types(void)
{
    static const struct {
        const char *accept;
        unsigned status;
        const char *type;
    } cases[] = {
        {"*/*", 200, "text/plain"},
        {"text/csv", 200, "text/csv"},
        {"text/plain", 200, "text/plain"},
        {"text/plain;q=0, text/*", 200, "text/csv"},
        {"text/csv;q=0.5, text/plain;q=0.4", 200, "text/csv"},
        {"a/b", 406, "application/problem+json"},
    };
    struct rig rig;
    struct client client;
    struct answer answer;

    rig_start(&rig, &client, NULL);
    for (size_t i = 0; i < countof(cases); i++) {
        struct buf request = {0};

        buf_printf(&request, "GET /either HTTP/1.1\r\nHost: a\r\nAccept: %s\r\n\r\n", cases[i].accept);
        client_say(&client, buf_cstr(&request));
        CU_ASSERT_FATAL(client_answer(&client, false, &answer));
        UNIT_INT(answer.status, cases[i].status);
        UNIT_SLICE(answer_field(&answer, "Content-Type"), cases[i].type);
        buf_clear(&request);
    }
    CU_ASSERT_PTR_NOT_NULL(memmem(answer.body.data, answer.body.len, "text/plain or text/csv", 22));
    rig_finish(&rig, &client);
}

static bool rig_holds(struct rig *rig)
{
    for (unsigned i = 0; i < 1000 && rig->held == NULL; i++) rig_turn(rig);
    return rig->held != NULL;
}

static void held_refuse(struct rig *rig)
{
    http_respond_problem(rig->held, &(struct http_problem){.status = 401, .code = "unauthorized", .detail = "No."});
    rig->held = NULL;
}

static void held_admit(struct rig *rig)
{
    http_exchange_admit(rig->held);
    rig->held = NULL;
}

/* The admission is decided later. What the client sends meanwhile waits, and it is asked for nothing. */
static void test_held(void)
{
    static const struct {
        const char *request;
        unsigned status;
        const char *body;
    } cases[] = {
        {"POST /held HTTP/1.1\r\nHost: a\r\n\r\n", 200, ""},
        {"POST /held HTTP/1.1\r\n" TEXT "Content-Length: 3\r\n\r\nabc", 200, "abc"},
        {"POST /held HTTP/1.1\r\n" TEXT "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 200, "abc"},
        {"POST /held HTTP/1.1\r\n" TEXT "Accept: a/b\r\n\r\n", 406, NULL},
    };
    struct rig rig;
    struct client client;
    struct answer answer;

    rig_start(&rig, &client, NULL);
    for (size_t i = 0; i < countof(cases); i++) {
        client_say(&client, cases[i].request);
        CU_ASSERT_FATAL(rig_holds(&rig));
        /* The next one is there before this one is decided. */
        client_say(&client, GET("/"));
        for (unsigned turns = 0; turns < 20; turns++) rig_turn(&rig);
        UNIT_INT(rig.ended, 2 * i);
        held_admit(&rig);
        CU_ASSERT_FATAL(client_answer(&client, false, &answer));
        UNIT_INT(answer.status, cases[i].status);
        if (cases[i].body != NULL) UNIT_SLICE(answer.body, cases[i].body);
        UNIT_INT(client_status(&client), 200);
    }
    client_say(&client, "POST /held HTTP/1.1\r\n" TEXT "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    CU_ASSERT_FATAL(rig_holds(&rig));
    held_admit(&rig);
    UNIT_INT(client_status(&client), 100);
    client_say(&client, "abc");
    UNIT_INT(client_status(&client), 200);
    client_say(&client, "POST /held HTTP/1.1\r\n" TEXT "Content-Length: 3000\r\n\r\n");
    CU_ASSERT_FATAL(rig_holds(&rig));
    held_admit(&rig);
    UNIT_INT(client_status(&client), 413);
    client_close(&client);
    client_open(&client, &rig);
    client_say(&client, "POST /held HTTP/1.1\r\n" TEXT "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    CU_ASSERT_FATAL(rig_holds(&rig));
    held_refuse(&rig);
    UNIT_INT(client_status(&client), 401);
    CU_ASSERT(client_sees_end(&client));
    client_close(&client);
    UNIT_INT(rig.cancelled, 0);
    client.fd = -1;
    rig_finish(&rig, &client);
}

/* Nobody answers a client that is gone. */
static void test_held_and_gone(void)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct rig rig;
    struct client client;

    rig_start(&rig, &client, NULL);
    client_say(&client, "POST /held HTTP/1.1\r\n" TEXT "Content-Length: 3\r\n\r\n");
    CU_ASSERT_FATAL(rig_holds(&rig));
    CU_ASSERT_EQUAL(setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    client_close(&client);
    CU_ASSERT(rig_wait(&rig, &rig.cancelled, 1));
    CU_ASSERT(rig_wait_connections(&rig, 0));
    /* One that has only shut its side may wait for the answer. */
    client_open(&client, &rig);
    client_say(&client, "POST /held HTTP/1.1\r\n" TEXT "Content-Length: 3\r\n\r\nabc");
    client_shut(&client);
    CU_ASSERT_FATAL(rig_holds(&rig));
    for (unsigned turns = 0; turns < 20; turns++) rig_turn(&rig);
    held_admit(&rig);
    UNIT_INT(client_status(&client), 200);
    client_close(&client);
    client.fd = -1;
    rig_finish(&rig, &client);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_one_of_two_types),
    UNIT_TEST(test_continue),
    UNIT_TEST(test_held),
    UNIT_TEST(test_held_and_gone),
};
const struct unit_part decide_tests = UNIT_PART(tests);
