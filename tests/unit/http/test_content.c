#include <stdio.h>

#include "rig.h"

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
    UNIT_SLICE(answer_field(&answer, "Vary"), "Accept-Encoding, Origin");
    CU_ASSERT_PTR_NULL(answer_field(&answer, "Content-Encoding").data);
    snprintf(etag[0], sizeof(etag[0]), "%.*s", SLICE_FMT(answer_field(&answer, "ETag")));
    ask_content(&client, "?packed", "Accept-Encoding: br, gzip\r\n", &answer);
    UNIT_SLICE(answer.body, "packed");
    UNIT_SLICE(answer_field(&answer, "Content-Encoding"), "gzip");
    UNIT_SLICE(answer_field(&answer, "Vary"), "Accept-Encoding, Origin");
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

static const struct unit_test tests[] = {
    UNIT_TEST(test_content),
};
const struct unit_part content_tests = UNIT_PART(tests);
