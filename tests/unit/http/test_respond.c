#include <stdio.h>

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

static const struct unit_test tests[] = {
    UNIT_TEST(test_answer_fields),
    UNIT_TEST(test_answer_without_content),
};
const struct unit_part respond_tests = UNIT_PART(tests);
