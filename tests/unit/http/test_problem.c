#include "rig.h"

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
                            "\"errors\":[{\"pointer\":\"/a\\\"b\",\"detail\":\"too long\",\"column\":12},"
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_problem),
};
const struct unit_part problem_tests = UNIT_PART(tests);
