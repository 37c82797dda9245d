#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/server.h"
#include "rig.h"

/* As client_open, from another address of this machine. */
static void client_open_from(struct client *client, struct rig *rig, const char *source)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in address;
    socklen_t len = sizeof(address);

    *client = (struct client){.rig = rig, .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    CU_ASSERT_FATAL(inet_pton(AF_INET, source, &from.sin_addr) == 1);
    CU_ASSERT_FATAL(bind(client->fd, (struct sockaddr *)&from, sizeof(from)) == 0);
    getsockname(rig->listen_fd, (struct sockaddr *)&address, &len);
    CU_ASSERT_FATAL(connect(client->fd, (struct sockaddr *)&address, sizeof(address)) == 0);
}

static unsigned displaced;

static void on_displaced(void *ctx)
{
    (void)ctx;
    displaced++;
}

/* With so many clients of that address that have had an answer, one after the other. */
static void rig_fill(struct rig *rig, struct client *clients, unsigned count, unsigned places)
{
    struct http_limits limits = rig_limits();

    limits.connections = places;
    rig_init(rig, &limits);
    rig->hooks.displaced = on_displaced;
    displaced = 0;
    for (unsigned i = 0; i < count; i++) {
        client_open(&clients[i], rig);
        client_say(&clients[i], GET("/"));
        UNIT_INT(client_status(&clients[i]), 200);
    }
}

/* … and wait for another one, which rig_answer gives. */
static void rig_fill_busy(struct rig *rig, struct client *clients, unsigned count)
{
    rig_fill(rig, clients, count, count);
    for (unsigned i = 0; i < count; i++) client_say(&clients[i], GET("/slow"));
    CU_ASSERT(rig_wait(rig, &rig->pending_count, count));
}

static void rig_empty(struct rig *rig, struct client *clients, unsigned count)
{
    for (unsigned i = 1; i < count; i++) client_close(&clients[i]);
    rig_finish(rig, &clients[0]);
}

static bool is_open(struct client *client)
{
    for (unsigned i = 0; i < 5; i++) rig_turn(client->rig);
    client_take(client);
    return !client->eof;
}

static void turn_for(struct rig *rig, uint64_t ms)
{
    const uint64_t until = clock_monotonic_ms() + ms;

    while (clock_monotonic_ms() < until) {
        rig_turn(rig);
        usleep(2000);
    }
}

static void test_the_longest_idle_one_makes_room(void)
{
    struct rig rig;
    struct client clients[4];
    struct client more;

    rig_fill(&rig, clients, 4, 4);
    client_say(&clients[0], GET("/")); /* so it is the second that is idle for longest */
    UNIT_INT(client_status(&clients[0]), 200);
    client_open(&more, &rig);
    client_say(&more, GET("/"));
    UNIT_INT(client_status(&more), 200);
    CU_ASSERT(client_sees_end(&clients[1]));
    CU_ASSERT_FALSE(clients[1].reset);
    for (unsigned i = 0; i < 4; i++) CU_ASSERT(i == 1 || is_open(&clients[i]));
    UNIT_INT(displaced, 1);
    UNIT_INT(rig.open, 4);
    client_close(&more);
    rig_empty(&rig, clients, 4);
}

/* Whichever of them the server sees first: a request that has come is answered. */
static void test_what_has_just_come_is_served(void)
{
    static const char request[] = GET("/");
    struct rig rig;
    struct client clients[4];
    struct client more;

    rig_fill(&rig, clients, 4, 4);
    client_open(&more, &rig);
    /* Not client_say, in which the server has its turn. */
    for (unsigned i = 0; i < 3; i++)
        UNIT_INT(send(clients[i].fd, request, sizeof(request) - 1, 0), sizeof(request) - 1);
    client_say(&more, request);
    UNIT_INT(client_status(&more), 200);
    for (unsigned i = 0; i < 3; i++) UNIT_INT(client_status(&clients[i]), 200);
    client_close(&more);
    rig_empty(&rig, clients, 4);
}

static void test_requests_are_never_cut(void)
{
    struct rig rig;
    struct client clients[4];
    struct client more[6];

    rig_fill_busy(&rig, clients, 4);
    for (unsigned i = 0; i < 6; i++) {
        client_open(&more[i], &rig);
        client_say(&more[i], GET("/"));
    }
    turn_for(&rig, 50);
    UNIT_INT(rig.open, 4); /* all of one address: there are no extra places for it */
    for (unsigned i = 0; i < 4; i++) {
        rig_answer(&rig, i, "done");
        UNIT_INT(client_status(&clients[i]), 200);
    }
    for (unsigned i = 0; i < 6; i++) {
        UNIT_INT(client_status(&more[i]), 200);
        client_close(&more[i]);
    }
    CU_ASSERT(rig_wait_connections(&rig, 0) || rig.open <= 4);
    rig_empty(&rig, clients, 4);
}

static void test_an_address_with_all_places(void)
{
    struct rig rig;
    struct client clients[4];
    struct client waits;
    struct client other;

    rig_fill_busy(&rig, clients, 4);
    client_open(&waits, &rig);
    client_say(&waits, GET("/"));
    client_open_from(&other, &rig, "127.0.0.2");
    client_say(&other, GET("/"));
    UNIT_INT(client_status(&other), 200);
    UNIT_INT(rig.open, 5);
    turn_for(&rig, 20);
    client_take(&waits);
    UNIT_INT(waits.in.len, 0);
    rig_answer(&rig, 0, "done"); /* its own idle connection is what the waiting one displaces */
    UNIT_INT(client_status(&waits), 200);
    CU_ASSERT(is_open(&other));
    client_close(&waits);
    client_close(&other);
    for (unsigned i = 1; i < 4; i++) rig_answer(&rig, i, "done");
    rig_empty(&rig, clients, 4);
}

/* Below its share, an address may displace others' connections. */
static void test_an_address_takes_its_share(void)
{
    struct rig rig;
    struct client clients[4];
    struct client others[3];
    unsigned left = 0;

    rig_fill(&rig, clients, 4, 4);
    for (unsigned i = 0; i < 3; i++) {
        client_open_from(&others[i], &rig, "127.0.0.2");
        client_say(&others[i], GET("/"));
        UNIT_INT(client_status(&others[i]), 200);
    }
    for (unsigned i = 0; i < 4; i++) left += is_open(&clients[i]);
    UNIT_INT(left, 2); /* half of the places: the third of the others took the place of their first */
    CU_ASSERT(client_sees_end(&others[0]));
    for (unsigned i = 0; i < 3; i++) client_close(&others[i]);
    rig_empty(&rig, clients, 4);
}

static void test_half_a_head_makes_room(void)
{
    struct rig rig;
    struct client clients[2];
    struct client more;

    rig_fill(&rig, clients, 2, 2);
    client_say(&clients[0], "GET / HTTP/1.1\r\nHo");
    client_say(&clients[1], "GET / HTTP/1.1\r\nHo");
    turn_for(&rig, 20);
    client_open(&more, &rig);
    client_say(&more, GET("/"));
    turn_for(&rig, 20);
    client_take(&more);
    UNIT_INT(more.in.len, 0); /* a head may take a moment */
    UNIT_INT(client_status(&more), 200);
    UNIT_INT(client_status(&clients[0]), 408);
    CU_ASSERT(client_sees_end(&clients[0]));
    CU_ASSERT(is_open(&clients[1]));
    client_close(&more);
    rig_empty(&rig, clients, 2);
}

static bool has_room_elsewhere;

static bool on_has_room_elsewhere(void *ctx)
{
    (void)ctx;
    return has_room_elsewhere;
}

/* Others that have room get a moment; if they hang, the newcomer is served here. */
static void test_it_is_left_to_others(void)
{
    struct rig rig;
    struct client clients[2];
    struct client more;

    rig_fill(&rig, clients, 2, 2);
    rig.hooks.has_room_elsewhere = on_has_room_elsewhere;
    has_room_elsewhere = true;
    client_open(&more, &rig);
    client_say(&more, GET("/"));
    for (unsigned i = 0; i < 3; i++) rig_turn(&rig);
    UNIT_INT(displaced, 0);
    UNIT_INT(client_status(&more), 200);
    UNIT_INT(displaced, 1);
    client_close(&more);
    rig_empty(&rig, clients, 2);
}

static void on_drained(void *arg)
{
    struct rig *rig = arg;

    rig->drained++;
}

static void test_those_that_wait_are_served_in_a_drain(void)
{
    struct rig rig;
    struct client clients[2];
    struct client more[5];

    rig_fill_busy(&rig, clients, 2);
    for (unsigned i = 0; i < 5; i++) {
        client_open(&more[i], &rig);
        client_say(&more[i], GET("/"));
    }
    turn_for(&rig, 20);
    http_server_drain(rig.server, 0, on_drained, &rig);
    for (unsigned i = 0; i < 5; i++) {
        UNIT_INT(client_status(&more[i]), 200);
        client_close(&more[i]);
    }
    UNIT_INT(rig.drained, 0);
    for (unsigned i = 0; i < 2; i++) rig_answer(&rig, i, "done");
    for (unsigned i = 0; i < 2; i++) UNIT_INT(client_status(&clients[i]), 200);
    for (unsigned i = 0; i < 2; i++) client_close(&clients[i]);
    CU_ASSERT(rig_wait(&rig, &rig.drained, 1));
    rig_clear(&rig);
}

/* Those that wait when the server is freed are closed. */
static void test_the_end_of_those_that_wait(void)
{
    struct rig rig;
    struct client clients[1];
    struct client more;

    rig_fill_busy(&rig, clients, 1);
    client_open(&more, &rig);
    turn_for(&rig, 20);
    http_server_free(rig.server);
    rig.server = NULL;
    CU_ASSERT(client_sees_end(&more));
    client_close(&more);
    client_close(&clients[0]);
    rig_clear(&rig);
}

/* Of the address that has all places some wait, and those beyond get 503, so that others are seen behind them. What is
 * always answered is answered. */
static void test_more_than_may_wait(void)
{
    enum { COUNT = 90, WAIT = 8 };
    static struct client more[COUNT];
    struct rig rig;
    struct client clients[1];
    struct client other;
    struct answer answer;
    unsigned served = 0, turned_away = 0;

    rig_fill(&rig, clients, 1, 1);
    http_server_set_buffers(
        rig.server, &(struct http_buffers){.output_bytes = 65536, .memory_bytes = SIZE_MAX, .parked_min = WAIT});
    client_say(&clients[0], GET("/slow"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&more[i], &rig);
        client_say(&more[i], i == COUNT - 1 ? GET("/always") : GET("/"));
        turn_for(&rig, 1);
    }
    client_open_from(&other, &rig, "127.0.0.2");
    client_say(&other, GET("/"));
    UNIT_INT(client_status(&other), 200);
    client_close(&other);
    for (unsigned i = WAIT; i < COUNT - 1; i++) {
        CU_ASSERT_FATAL(client_answer(&more[i], false, &answer));
        answer_is_refusal(&answer, HTTP_REFUSAL_PLACES);
        turned_away += answer.status == 503;
        CU_ASSERT(client_sees_end(&more[i]));
    }
    UNIT_INT(turned_away, COUNT - 1 - WAIT);
    UNIT_INT(client_status(&more[COUNT - 1]), 200);
    rig_answer(&rig, 0, "done");
    UNIT_INT(client_status(&clients[0]), 200);
    for (unsigned i = 0; i < WAIT; i++) served += client_status(&more[i]) == 200;
    UNIT_INT(served, WAIT);
    for (unsigned i = 0; i < COUNT; i++) client_close(&more[i]);
    rig_empty(&rig, clients, 1);
}

/* Those that do not even ask do not take more and more. */
static void test_those_turned_away_are_few(void)
{
    enum { COUNT = 100 };
    static struct client more[COUNT];
    struct rig rig;
    struct client clients[1];
    struct client other;

    rig_fill(&rig, clients, 1, 1);
    http_server_set_buffers(rig.server,
                            &(struct http_buffers){.output_bytes = 65536, .memory_bytes = SIZE_MAX, .parked_min = 1});
    client_say(&clients[0], GET("/slow"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&more[i], &rig);
        turn_for(&rig, 1);
    }
    CU_ASSERT(rig.open <= 1 + 1 + 64);
    client_open_from(&other, &rig, "127.0.0.2"); /* they have no places */
    client_say(&other, GET("/"));
    UNIT_INT(client_status(&other), 200);
    client_close(&other);
    CU_ASSERT(client_sees_end(&more[1]));
    rig_answer(&rig, 0, "done");
    for (unsigned i = 0; i < COUNT; i++) client_close(&more[i]);
    rig_empty(&rig, clients, 1);
}

/* With fewer descriptors than the settings ask for, idle ones make room as they do at the settings' limit, and whoever
 * waits leaves the process enough for what else it opens. */
static void test_few_descriptors(void)
{
    enum { FEW = 40, PLACES = FEW / 2, MORE = 30 };
    struct http_limits limits = rig_limits();
    struct client clients[PLACES + 2];
    static struct client more[MORE];
    struct rlimit usual;
    struct rig rig;

    CU_ASSERT_FATAL(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = FEW, .rlim_max = usual.rlim_max});
    rig_init(&rig, &limits);
    setrlimit(RLIMIT_NOFILE, &usual);
    rig.hooks.displaced = on_displaced;
    displaced = 0;
    for (unsigned i = 0; i < countof(clients); i++) {
        client_open(&clients[i], &rig);
        client_say(&clients[i], GET("/"));
        UNIT_INT(client_status(&clients[i]), 200);
    }
    UNIT_INT(displaced, 2);
    UNIT_INT(rig.open, PLACES);
    for (unsigned i = 2; i < countof(clients); i++) client_say(&clients[i], GET("/slow"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, PLACES));
    for (unsigned i = 0; i < MORE; i++) {
        client_open(&more[i], &rig);
        client_say(&more[i], GET("/"));
        turn_for(&rig, 1);
    }
    UNIT_INT(rig.server->parked_count, 16);
    UNIT_INT(rig.open, PLACES);
    for (unsigned i = 0; i < PLACES; i++) rig_answer(&rig, i, "done");
    for (unsigned i = 0; i < MORE; i++) {
        UNIT_INT(client_status(&more[i]), 200);
        client_close(&more[i]);
    }
    rig_empty(&rig, clients, countof(clients));
}

/* They have no place, so nobody gets one for their end. Those that have read their 503 linger until their client
 * closes. */
static void test_those_turned_away_make_no_room(void)
{
    enum { COUNT = 4, LINGER_MS = 500 };
    struct rig rig;
    struct client clients[1];
    struct client more[COUNT];
    struct client last;

    rig_fill(&rig, clients, 1, 1);
    http_server_set_buffers(rig.server,
                            &(struct http_buffers){.output_bytes = 65536, .memory_bytes = SIZE_MAX, .parked_min = 1});
    client_say(&clients[0], GET("/slow"));
    CU_ASSERT(rig_wait(&rig, &rig.pending_count, 1));
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&more[i], &rig);
        client_say(&more[i], GET("/"));
        if (i > 0) UNIT_INT(client_status(&more[i]), 503);
    }
    turn_for(&rig, LINGER_MS + 300);
    client_take(&more[0]);
    UNIT_INT(more[0].in.len, 0); /* it still waits */
    client_open(&last, &rig);
    client_say(&last, GET("/"));
    UNIT_INT(client_status(&last), 503);
    UNIT_INT(displaced, 0);
    rig_answer(&rig, 0, "done");
    UNIT_INT(client_status(&clients[0]), 200);
    UNIT_INT(client_status(&more[0]), 200);
    for (unsigned i = 0; i < COUNT; i++) client_close(&more[i]);
    client_close(&last);
    rig_empty(&rig, clients, 1);
}

/* One that asks for something does not wait until each of those before it, who say nothing, has had a place. */
static void test_of_those_that_wait_one_that_asks_goes_first(void)
{
    enum { COUNT = 4 };
    struct http_limits limits = rig_limits();
    struct rig rig;
    struct client silent[COUNT];
    struct client more;

    limits.connections = 1;
    rig_init(&rig, &limits);
    for (unsigned i = 0; i < COUNT; i++) {
        client_open(&silent[i], &rig);
        turn_for(&rig, 20);
    }
    client_open(&more, &rig);
    client_say(&more, GET("/"));
    UNIT_INT(client_status(&more), 200);
    CU_ASSERT(client_sees_end(&silent[0])); /* its second is over */
    unsigned open = 0;

    for (unsigned i = 1; i < COUNT; i++) {
        client_take(&silent[i]);
        open += !silent[i].eof;
    }
    UNIT_INT(open, COUNT - 1);
    client_close(&more);
    rig_empty(&rig, silent, COUNT);
}

static const struct unit_test tests[] = {
    UNIT_TEST(test_the_longest_idle_one_makes_room),
    UNIT_TEST(test_what_has_just_come_is_served),
    UNIT_TEST(test_requests_are_never_cut),
    UNIT_TEST(test_an_address_with_all_places),
    UNIT_TEST(test_an_address_takes_its_share),
    UNIT_TEST(test_half_a_head_makes_room),
    UNIT_TEST(test_it_is_left_to_others),
    UNIT_TEST(test_those_that_wait_are_served_in_a_drain),
    UNIT_TEST(test_the_end_of_those_that_wait),
    UNIT_TEST(test_more_than_may_wait),
    UNIT_TEST(test_of_those_that_wait_one_that_asks_goes_first),
    UNIT_TEST(test_those_turned_away_are_few),
    UNIT_TEST(test_few_descriptors),
    UNIT_TEST(test_those_turned_away_make_no_room),
};
const struct unit_part places_tests = UNIT_PART(tests);
