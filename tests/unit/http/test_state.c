#include <stdlib.h>

#include "base/mem.h"
#include "http/server.h"
#include "rig.h"

static size_t elsewhere, results, own, said;

static void on_held_elsewhere(void *ctx, struct http_elsewhere *ret)
{
    (void)ctx;
    *ret = (struct http_elsewhere){.held = elsewhere, .results = results, .own = own};
}

static void on_held(void *ctx, size_t bytes)
{
    (void)ctx;
    said = bytes;
}

static void rig_begin(struct rig *rig, struct client *client, size_t memory_bytes)
{
    struct http_limits limits = rig_limits();

    limits.body_bytes = 1 << 20;
    rig_start(rig, client, &limits);
    http_server_set_buffers(rig->server, &(struct http_buffers){.output_bytes = 65536, .memory_bytes = memory_bytes});
    rig->hooks.held = on_held;
    rig->hooks.held_elsewhere = on_held_elsewhere;
    elsewhere = results = own = said = 0;
}

/* What others hold counts: large ones are refused first, then small ones, and what is always answered never. */
static void test_what_others_hold_counts(void)
{
    static char body[100000];
    struct rig rig;
    struct client client;
    struct client large;
    struct answer answer;

    memset(body, 'x', sizeof(body));
    rig_begin(&rig, &client, 1000000);
    results = 950000;
    client_open(&large, &rig);
    client_say(&large, "POST /echo HTTP/1.1\r\n" TEXT "Content-Length: 100000\r\n\r\n");
    CU_ASSERT(client_send(&large, body, sizeof(body)));
    UNIT_INT(client_status(&large), 503);
    client_close(&large);
    client_say(&client, GET("/big?40000") GET("/") GET("/big?16000"));
    UNIT_INT(client_status(&client), 503);
    UNIT_INT(client_status(&client), 200);
    UNIT_INT(client_status(&client), 200);

    results = 0;
    elsewhere = 1250001;
    server_look_elsewhere(rig.server); /* the sweep does so now and then */
    client_close(&client);
    client_open(&client, &rig);
    client_say(&client, GET("/always"));
    UNIT_INT(client_status(&client), 200);
    CU_ASSERT(client_sees_end(&client)); /* else unread answers would add up, small as they are */
    client_close(&client);
    client_open(&client, &rig);
    client_say(&client, GET("/big?40000")); /* it looks at what others hold now */
    UNIT_INT(client_status(&client), 503);
    client_close(&client);
    client_open(&client, &rig);
    client_say(&client, GET("/"));
    CU_ASSERT_FATAL(client_answer(&client, false, &answer));
    answer_is_refusal(&answer, HTTP_REFUSAL_MEMORY_OUT);
    UNIT_SLICE(answer_field(&answer, "Retry-After"), "1");
    client_close(&client);

    elsewhere = 0;
    server_look_elsewhere(rig.server);
    client_open(&client, &rig);
    client_say(&client, GET("/big?40000"));
    UNIT_INT(client_status(&client), 200);
    rig_finish(&rig, &client);
}

/* Whatever others say that they hold: what is this server's own is left, for what is large as for what is small. */
static void test_what_others_say_leaves_our_own(void)
{
    static const size_t lies[] = {1000000, 1250001, SIZE_MAX / 4};
    struct rig rig;
    struct client client;

    rig_begin(&rig, &client, 1000000);
    own = 300000;
    for (size_t i = 0; i < countof(lies); i++) {
        elsewhere = results = lies[i];
        server_look_elsewhere(rig.server);
        client_say(&client, GET("/big?100000") GET("/"));
        UNIT_INT(client_status(&client), 200);
        UNIT_INT(client_status(&client), 200);
        client_say(&client, GET("/big?400000"));
        UNIT_INT(client_status(&client), 503);
    }
    rig_finish(&rig, &client);
}

/* What is held is said, and that it is not held any more. */
static void test_what_is_held_is_said(void)
{
    enum { LEN = 300000 };
    struct rig rig;
    struct client client;
    char *body = mem_zalloc(LEN);

    rig_begin(&rig, &client, SIZE_MAX);
    client_say(&client, "POST /echo HTTP/1.1\r\n" TEXT "Content-Length: 300000\r\n\r\n");
    CU_ASSERT(client_send(&client, body, LEN - 1));
    for (unsigned i = 0; i < 1000 && said < LEN; i++) rig_turn(&rig);
    CU_ASSERT(said >= LEN);
    CU_ASSERT(said < LEN + 65536); /* not what a buffer that doubles would have */
    CU_ASSERT(client_send(&client, body, 1));
    UNIT_INT(client_status(&client), 200);
    CU_ASSERT(said < 100000);
    client_close(&client);
    CU_ASSERT(rig_wait_connections(&rig, 0));
    UNIT_INT(said, 0);
    free(body);
    client_open(&client, &rig);
    rig_finish(&rig, &client);
}

/* Not only in the sweep: by then each of several workers would have taken all that there is. */
static void test_what_others_hold_is_looked_at_as_more_is_held(void)
{
    enum { ASKED = 40 };
    struct rig rig;
    struct client client;
    struct answer answer;
    struct buf asked = {0};
    unsigned answered = 0;

    rig_begin(&rig, &client, 1000000);
    client_say(&client, GET("/"));
    UNIT_INT(client_status(&client), 200);
    elsewhere = 1250001;
    for (unsigned i = 0; i < ASKED; i++) buf_add_str(&asked, GET("/big?4000"));
    CU_ASSERT(client_send(&client, asked.data, asked.len));
    buf_clear(&asked);
    while (answered < ASKED && client_answer(&client, false, &answer)) answered++;
    CU_ASSERT(answered > 0);
    CU_ASSERT(answered < 10); /* more is held by 16 KiB, and then it closes */
    rig_finish(&rig, &client);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_what_others_hold_counts),
    UNIT_TEST(test_what_others_say_leaves_our_own),
    UNIT_TEST(test_what_is_held_is_said),
    UNIT_TEST(test_what_others_hold_is_looked_at_as_more_is_held),
};
const struct unit_part state_tests = UNIT_PART(tests);
