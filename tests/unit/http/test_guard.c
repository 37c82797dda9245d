#include "http/guard.h"

#include <stdio.h>

#include "rig.h"

static struct http_guard guard;

static bool screen(void *ctx, struct http_exchange *x, struct slice path)
{
    (void)ctx;
    return http_guard_screen(&guard, x, path);
}

static void answering(void *ctx, struct http_exchange *x, unsigned status)
{
    (void)ctx, (void)status;
    http_guard_answering(&guard, x);
}

static void begin(struct rig *rig, struct client *client, const struct http_guard *with)
{
    guard = *with;
    rig_start(rig, client, NULL);
    rig->hooks.screen = screen;
    rig->hooks.answering = answering;
}

static void ask(struct client *client, const char *line, const char *fields, struct answer *ret_answer)
{
    char request[512];

    snprintf(request, sizeof(request), "%s HTTP/1.1\r\n%s\r\n", line, fields);
    client_say(client, request);
    CU_ASSERT_FATAL(client_answer(client, strncmp(line, "HEAD", 4) == 0, ret_answer));
}

static unsigned status_of(struct client *client, const char *line, const char *fields)
{
    struct answer answer;

    ask(client, line, fields, &answer);
    return answer.status;
}

/* The rig listens on 127.0.0.1, so that is the address that its connections come in on, too. */
static void test_hosts(void)
{
    static const char *const names[] = {"api.example", "*.example.org"}, *const any[] = {"*"};
    static const struct {
        struct http_hosts hosts;
        const char *host;
        unsigned status;
    } cases[] = {
        {{.machine = true}, "localhost:1", 200},
        {{.machine = true}, "127.0.0.1", 200},
        {{.machine = true}, "rebound.example", 421},
        {{.machine = true}, "192.168.1.5", 421},
        {{.machine = true}, "a", 421},
        {{names, 2, true}, "localhost", 200},
        {{names, 2, true}, "API.example:8000", 200},
        {{names, 2, true}, "x.example.org.", 200},
        {{names, 2, true}, "example.org", 421},
        {{any, 1, true}, "rebound.example", 200},
        {{any, 1, false}, "rebound.example", 200},
        {{.machine = false}, "rebound.example", 200},
        {{names, 2, false}, "api.example", 200},
        {{names, 2, false}, "localhost", 421},
        {{names, 2, false}, "127.0.0.1", 421},
    };
    struct rig rig;
    struct client client;
    struct answer answer;
    char fields[128], line[128];

    begin(&rig, &client, &(struct http_guard){0});
    for (size_t i = 0; i < countof(cases); i++) {
        guard.hosts = cases[i].hosts;
        snprintf(fields, sizeof(fields), "Host: %s\r\n", cases[i].host);
        ask(&client, "GET /items/1", fields, &answer);
        if (answer.status != cases[i].status) CU_FAIL_FATAL(cases[i].host);
        /* The target's host goes before the field. */
        snprintf(line, sizeof(line), "GET http://%s/items/1", cases[i].host);
        UNIT_INT(status_of(&client, line, "Host: api.example\r\n"), cases[i].status);
    }
    ask(&client, "DELETE /items/1", "Host: rebound.example\r\nOrigin: http://rebound.example\r\n", &answer);
    UNIT_INT(answer.status, 421);
    CU_ASSERT_PTR_NOT_NULL(memmem(answer.body.data, answer.body.len, "rebound.example", 15));
    CU_ASSERT_PTR_NOT_NULL(memmem(answer.body.data, answer.body.len, "STRATSLAB_ALLOWED_HOSTS", 23));
    rig_finish(&rig, &client);
}

static void test_without_a_host(void)
{
    struct rig rig;
    struct client client;

    begin(&rig, &client, &(struct http_guard){.hosts.machine = true});
    client_say(&client, "GET /items/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNIT_INT(client_status(&client), 421);
    client_say(&client, "GET http://localhost/items/1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    UNIT_INT(client_status(&client), 200);
    client_say(&client, "GET /health HTTP/1.0\r\n\r\n");
    UNIT_INT(client_status(&client), 404); /* the rig has none, and the host is not asked for */
    rig_finish(&rig, &client);
}

#define HERE "Host: localhost:8000\r\n"

static void test_pages_of_other_sites(void)
{
    static const struct {
        const char *fields;
        bool foreign;
    } cases[] = {
        {HERE, false},
        {HERE "Origin: http://localhost:8000\r\n", false},
        {HERE "Origin: https://localhost:8000\r\n", false},
        {HERE "Origin: http://evil.example\r\n", true},
        {HERE "Origin: http://localhost:8001\r\n", true},
        {HERE "Origin: null\r\n", true},
        {HERE "Origin:\r\n", true},
        {HERE "Origin: http://localhost:8000\r\nOrigin: http://localhost:8000\r\n", true},
        {HERE "Sec-Fetch-Site: same-origin\r\n", false},
        {HERE "Sec-Fetch-Site: none\r\n", false},
        {HERE "Sec-Fetch-Site: same-site\r\n", true},
        {HERE "Sec-Fetch-Site: cross-site\r\n", true},
        {HERE "Sec-Fetch-Site: Same-Origin\r\n", true},
        {HERE "Sec-Fetch-Site:\r\n", true},
        {HERE "Sec-Fetch-Site: none\r\nSec-Fetch-Site: cross-site\r\n", true},
        {HERE "Sec-Fetch-Site: cross-site\r\nOrigin: http://localhost:8000\r\n", true},
        /* Behind a proxy that does not pass the host on. */
        {HERE "Sec-Fetch-Site: same-origin\r\nOrigin: https://lab.example\r\n", false},
    };
    static const char *const origins[] = {"https://app.example"};
    struct rig rig;
    struct client client;
    struct answer answer;

    begin(&rig, &client, &(struct http_guard){.hosts.machine = true});
    for (size_t i = 0; i < countof(cases); i++) {
        ask(&client, "DELETE /nothing", cases[i].fields, &answer);
        if (answer.status != (cases[i].foreign ? 403 : 404)) CU_FAIL_FATAL(cases[i].fields);
        if (cases[i].foreign) answer_is_refusal(&answer, HTTP_REFUSAL_ORIGIN);
        UNIT_INT(status_of(&client, "POST /nothing", cases[i].fields), cases[i].foreign ? 403 : 404);
        UNIT_INT(status_of(&client, "GET /items/1", cases[i].fields), 200);
        UNIT_INT(status_of(&client, "HEAD /items/1", cases[i].fields), 200);
        UNIT_INT(status_of(&client, "OPTIONS /items/1", cases[i].fields), 204);
    }
    guard.cors = (struct http_cors){.origins = origins, .origin_count = 1, .exposed = "ETag", .max_age_s = 1};
    static const char listed[] = HERE "Sec-Fetch-Site: cross-site\r\nOrigin: https://app.example\r\n";

    UNIT_INT(status_of(&client, "PUT /nothing", listed), 404);
    UNIT_INT(status_of(&client, "PUT /nothing", HERE "Origin: https://app.example.evil.example\r\n"), 403);
    UNIT_INT(status_of(&client, "PUT /nothing", HERE "Origin: null\r\n"), 403);
    UNIT_INT(status_of(&client, "PUT /nothing", HERE "Sec-Fetch-Site: same-site\r\n"), 403);
    rig_finish(&rig, &client);
}

static void test_fields_of_answers(void)
{
    static const char *const origins[] = {"https://app.example"}, *const all[] = {"*"};
    static const char listed[] = HERE "Origin: https://app.example\r\n";
    struct rig rig;
    struct client client;
    struct answer answer;

    begin(&rig, &client, &(struct http_guard){.hosts.machine = true});
    static const char *const lines[] = {"GET /items/1", "HEAD /items/1", "OPTIONS /items/1", "GET /nothing",
                                        "PUT /items/1", "GET /problem",  "GET /%ff"};

    for (size_t i = 0; i < countof(lines); i++) {
        ask(&client, lines[i], listed, &answer);
        UNIT_SLICE(answer_field(&answer, "Cross-Origin-Resource-Policy"), "same-origin");
        UNIT_SLICE(answer_field(&answer, "Cache-Control"), "no-store");
        if (client_sees_end(&client)) {
            client_close(&client);
            client_open(&client, &rig);
        }
    }
    ask(&client, "GET /content", listed, &answer);
    UNIT_SLICE(answer_field(&answer, "Cross-Origin-Resource-Policy"), "same-origin");
    UNIT_SLICE(answer_field(&answer, "Cache-Control"), "no-cache");
    guard.cors = (struct http_cors){.origins = origins, .origin_count = 1, .exposed = "ETag", .max_age_s = 1};
    ask(&client, "GET /items/1", listed, &answer);
    UNIT_SLICE(answer_field(&answer, "Cross-Origin-Resource-Policy"), "cross-origin");
    ask(&client, "GET /items/1", HERE, &answer);
    UNIT_SLICE(answer_field(&answer, "Cross-Origin-Resource-Policy"), "same-origin");
    guard.cors.origins = all;
    ask(&client, "GET /items/1", HERE, &answer);
    UNIT_SLICE(answer_field(&answer, "Cross-Origin-Resource-Policy"), "cross-origin");
    rig_finish(&rig, &client);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_hosts),
    UNIT_TEST(test_without_a_host),
    UNIT_TEST(test_pages_of_other_sites),
    UNIT_TEST(test_fields_of_answers),
};
const struct unit_part guard_tests = UNIT_PART(tests);
