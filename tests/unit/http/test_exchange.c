#include "rig.h"

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
        {GET("/client"), "ffff7f000001 1"},
        {GET("/client?named"), "1 8000000000000005"},
        {GET("/client"), "ffff7f000001 1"},
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

/* Others are served while an exchange has its turns; it may be gone before they are over. */
static void test_turns(void)
{
    struct rig rig;
    struct client client, other;
    struct answer answer;

    rig_start(&rig, &client, NULL);
    client_open(&other, &rig);
    client_say(&client, GET("/later"));
    client_say(&other, GET("/"));
    UNIT_INT(client_status(&other), 200);
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    UNIT_SLICE(answer.body, "later");
    UNIT_INT(rig.turns, 3);
    client_say(&client, GET("/later"));
    UNIT_INT(client_status(&client), 200);
    client_say(&other, GET("/later"));
    client_close(&other);
    CU_ASSERT(rig_wait_connections(&rig, 1));
    rig_finish(&rig, &client);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_turns),
    UNIT_TEST(test_request_parts),
};
const struct unit_part exchange_tests = UNIT_PART(tests);
