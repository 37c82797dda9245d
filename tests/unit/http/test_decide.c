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

static const struct unit_test tests[] = {
    UNIT_TEST(test_continue),
};
const struct unit_part decide_tests = UNIT_PART(tests);
