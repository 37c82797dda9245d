/* What a server holds, how it is drained, and where no connection can begin. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "rig.h"

static void on_drained(void *arg)
{
    struct rig *rig = arg;

    rig->drained++;
}

static void test_drain(void)
{
    struct rig rig;
    struct client idle;
    struct client busy;
    struct client late;
    struct client queued;
    struct answer answer;

    rig_start(&rig, &idle, NULL);
    client_say(&idle, GET("/"));
    UNIT_INT(client_status(&idle), 200);
    client_open(&busy, &rig);
    client_say(&busy, GET("/slow") GET("/"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    client_open(&late, &rig);
    client_say(&late, GET("/"));
    UNIT_INT(client_status(&late), 200);
    CU_ASSERT(send(late.fd, GET("/"), strlen(GET("/")), 0) > 0); /* in the kernel, when the drain begins */
    http_server_drain(rig.server, 0, on_drained, &rig);
    http_server_drain(rig.server, 0, NULL, NULL);
    client_open(&queued, &rig);
    CU_ASSERT(client_sees_end(&idle));
    CU_ASSERT_FATAL(client_answer(&late, false, &answer));
    UNIT_INT(answer.status, 200);
    UNIT_SLICE(answer_field(&answer, "Connection"), "close");
    UNIT_INT(rig.drained, 0);
    rig_answer(&rig, 0, "done");
    CU_ASSERT_FATAL(client_answer(&busy, false, &answer));
    UNIT_SLICE(answer.body, "done");
    UNIT_SLICE(answer_field(&answer, "Connection"), "close");
    CU_ASSERT(client_sees_end(&busy));
    client_close(&busy);
    client_close(&late);
    CU_ASSERT(rig_wait(&rig, &rig.drained, 1));
    UNIT_INT(http_server_connections(rig.server), 0);
    client_take(&queued);
    CU_ASSERT_FALSE(queued.eof); /* somebody else's now */
    for (unsigned i = 0; i < 5; i++) rig_turn(&rig);
    UNIT_INT(rig.drained, 1);
    client_close(&queued);
    rig_finish(&rig, &idle);
}

static void test_drain_of_new(void)
{
    struct rig rig;
    struct client fresh;
    struct client mute;

    rig_start(&rig, &fresh, NULL);
    client_open(&mute, &rig);
    CU_ASSERT(rig_wait_connections(&rig, 2));
    http_server_drain(rig.server, 0, on_drained, &rig);
    for (unsigned i = 0; i < 5; i++) rig_turn(&rig);
    client_say(&fresh, GET("/"));
    UNIT_INT(client_status(&fresh), 200);
    CU_ASSERT(client_sees_end(&fresh));
    client_close(&fresh);
    CU_ASSERT(client_sees_end(&mute)); /* within the second that it has */
    CU_ASSERT(rig_wait(&rig, &rig.drained, 1));
    rig_finish(&rig, &mute);
}

static bool is_refused(const struct rig *rig)
{
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    getsockname(rig->listen_fd, (struct sockaddr *)&address, &len);
    const bool refused = connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno == ECONNREFUSED;

    close(fd);
    return refused;
}

/* Two connections are all that the server holds; what waits in the kernel's queue is served as they go. */
static void test_last_call(void)
{
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client held[2];
    struct client queued[5];

    limits.connections = 2;
    rig_start(&rig, &held[0], &limits);
    client_open(&held[1], &rig);
    for (size_t i = 0; i < countof(held); i++) {
        client_say(&held[i], GET("/"));
        UNIT_INT(client_status(&held[i]), 200);
    }
    for (size_t i = 0; i < countof(queued); i++) {
        client_open(&queued[i], &rig);
        client_say(&queued[i], GET("/"));
    }
    http_server_accept_queued(rig.server, 60000);
    http_server_drain(rig.server, 0, on_drained, &rig);
    for (size_t i = 0; i < countof(queued); i++) {
        UNIT_INT(client_status(&queued[i]), 200);
        CU_ASSERT(client_sees_end(&queued[i]));
        client_close(&queued[i]);
    }
    CU_ASSERT(rig_wait(&rig, &rig.drained, 1));
    CU_ASSERT(is_refused(&rig));
    client_close(&held[1]);
    rig_finish(&rig, &held[0]);
}

/* Where there is no room in time, they are refused. */
static void test_last_call_is_over(void)
{
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client busy;
    struct client queued;

    limits.connections = 1;
    rig_start(&rig, &busy, &limits);
    client_say(&busy, GET("/slow"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    client_open(&queued, &rig);
    http_server_accept_queued(rig.server, 1);
    http_server_drain(rig.server, 0, on_drained, &rig);
    CU_ASSERT(client_sees_end(&queued));
    CU_ASSERT(is_refused(&rig));
    UNIT_INT(rig.drained, 0);
    rig_answer(&rig, 0, "done");
    UNIT_INT(client_status(&busy), 200);
    client_close(&busy);
    CU_ASSERT(rig_wait(&rig, &rig.drained, 1));
    rig_finish(&rig, &queued);
}

/* A body that is half there, half a head, a handler that works, and a connection that is idle. */
static void test_what_is_unfinished_is_refused(void)
{
    struct rig rig;
    struct client body;
    struct client head;
    struct client busy;
    struct client idle;
    struct answer answer;

    rig_start(&rig, &body, NULL);
    client_say(&body, "POST /echo HTTP/1.1\r\n" TEXT "Content-Length: 10\r\n\r\nhalf");
    client_open(&head, &rig);
    client_say(&head, "GET / HTTP/1.1\r\nHost: ");
    client_open(&busy, &rig);
    client_say(&busy, GET("/slow"));
    client_open(&idle, &rig);
    client_say(&idle, GET("/"));
    UNIT_INT(client_status(&idle), 200);
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    http_server_drain(rig.server, 60000, on_drained, &rig);
    for (unsigned i = 0; i < 5; i++) rig_turn(&rig);
    UNIT_INT(http_server_refuse_unfinished(rig.server), 2);
    UNIT_INT(http_server_refuse_unfinished(rig.server), 0);
    CU_ASSERT_FATAL(client_answer(&body, false, &answer));
    UNIT_INT(answer.status, 503);
    UNIT_SLICE(answer_field(&answer, "Connection"), "close");
    UNIT_SLICE(answer_field(&answer, "Retry-After"), "1");
    CU_ASSERT(memmem(answer.body.data, answer.body.len, "\"stopping\"", 10) != NULL);
    UNIT_INT(client_status(&head), 503);
    CU_ASSERT(client_sees_end(&body));
    client_close(&body);
    CU_ASSERT(client_sees_end(&head));
    client_close(&head);
    rig_answer(&rig, 0, "done");
    UNIT_INT(client_status(&busy), 200);
    client_close(&busy);
    CU_ASSERT(rig_wait_connections(&rig, 1));
    UNIT_INT(http_server_unsent(rig.server), 0);
    http_server_drain(rig.server, 120000, NULL, NULL); /* no longer than it was */
    http_server_drain(rig.server, 10, NULL, NULL);
    CU_ASSERT(client_sees_end(&idle));
    CU_ASSERT(rig_wait(&rig, &rig.drained, 1));
    rig_finish(&rig, &idle);
}

static void free_on_drained(void *arg)
{
    struct rig *rig = arg;

    http_server_free(rig->server);
    rig->server = NULL;
    rig->drained++;
}

static void test_drain_frees(void)
{
    struct rig rig;
    struct client client;

    rig_start(&rig, &client, NULL);
    client_close(&client);
    CU_ASSERT(rig_wait_connections(&rig, 0));
    http_server_drain(rig.server, 0, free_on_drained, &rig);
    UNIT_INT(rig.drained, 0);
    CU_ASSERT(rig_wait(&rig, &rig.drained, 1));
    rig_clear(&rig);
}

static void test_connection_cap(void)
{
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client clients[3];

    limits.connections = 2;
    rig_start(&rig, &clients[0], &limits);
    client_open(&clients[1], &rig);
    client_open(&clients[2], &rig);
    client_say(&clients[2], GET("/"));
    for (unsigned i = 0; i < 10; i++) rig_turn(&rig);
    UNIT_INT(http_server_connections(rig.server), 2);
    UNIT_INT(rig.open, 2);
    client_take(&clients[2]);
    UNIT_INT(clients[2].in.len, 0);
    client_close(&clients[0]);
    UNIT_INT(client_status(&clients[2]), 200);
    client_close(&clients[1]);
    rig_finish(&rig, &clients[2]);
}

static void test_out_of_descriptors(void)
{
    struct rig rig;
    struct client client;
    struct client second;
    struct rlimit usual;

    if (unit_is_under_valgrind()) return; /* it plays the limit itself: it accepts the connection, and closes it */
    rig_start(&rig, &client, NULL);
    client_say(&client, GET("/"));
    UNIT_INT(client_status(&client), 200);
    client_open(&second, &rig);
    CU_ASSERT_FATAL(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    const struct rlimit tight = {.rlim_cur = 3, .rlim_max = usual.rlim_max};

    CU_ASSERT_FATAL(setrlimit(RLIMIT_NOFILE, &tight) == 0);
    client_say(&second, GET("/"));
    for (unsigned i = 0; i < 5; i++) rig_turn(&rig);
    UNIT_INT(rig.open, 1);
    client_say(&client, GET("/"));
    UNIT_INT(client_status(&client), 200);
    CU_ASSERT_FATAL(setrlimit(RLIMIT_NOFILE, &usual) == 0);
    UNIT_INT(client_status(&second), 200);
    client_close(&second);
    rig_finish(&rig, &client);
}

static void test_unix_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct rig rig;
    struct client client;
    struct client local = {.rig = &rig};
    struct error err;

    rig_start(&rig, &client, NULL);
    snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "stratslabd-test-http-%d", (int)getpid());
    const int listener = socket(AF_UNIX, SOCK_STREAM, 0);

    CU_ASSERT_FATAL(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    CU_ASSERT_FATAL(listen(listener, 4) == 0);
    CU_ASSERT_EQUAL_FATAL(http_server_listen(rig.server, listener, &err), 0);
    local.fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CU_ASSERT_FATAL(connect(local.fd, (struct sockaddr *)&address, sizeof(address)) == 0);
    client_say(&local, GET("/"));
    UNIT_INT(client_status(&local), 200);
    UNIT_STR(rig.last_peer, "unix");
    client_say(&local, GET("/slow"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    client_close(&local); /* a Unix socket shows at once that there is nobody left */
    CU_ASSERT(rig_wait(&rig, &rig.cancelled, 1));
    rig_finish(&rig, &client);
    close(listener);
}

static void test_listen_fails(void)
{
    struct rig rig;
    struct client client;
    struct error err = {0};

    rig_start(&rig, &client, NULL);
    UNIT_INT(http_server_listen(rig.server, -1, &err), -1);
    CU_ASSERT_EQUAL(err.code, ERROR_SYSTEM);
    rig_finish(&rig, &client);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_drain),
    UNIT_TEST(test_last_call),
    UNIT_TEST(test_last_call_is_over),
    UNIT_TEST(test_drain_of_new),
    UNIT_TEST(test_what_is_unfinished_is_refused),
    UNIT_TEST(test_drain_frees),
    UNIT_TEST(test_connection_cap),
    UNIT_TEST(test_out_of_descriptors),
    UNIT_TEST(test_unix_socket),
    UNIT_TEST(test_listen_fails),
};
const struct unit_part server_tests = UNIT_PART(tests);
