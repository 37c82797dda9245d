/*
 * A real server on a loopback listener, and clients that send it raw bytes, in one event loop: rig_turn lets the server
 * do what it can do now, and every wait has an end.
 */
#ifndef RIG_H
#define RIG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "http/http.h"
#include "unit.h"

/* A plain request; the fields of one with text content. */
#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"
#define TEXT "Host: a\r\nContent-Type: text/plain\r\n"

enum { RIG_PENDING_MAX = 32 };

struct client;

struct rig {
    struct event_base *base;
    struct http_router *router;
    struct http_server *server;
    struct http_limits limits;
    struct http_hooks hooks;
    int listen_fd;
    struct http_exchange *pending[RIG_PENDING_MAX]; /* of GET /slow, in order of arrival */
    unsigned pending_count;
    struct http_exchange *held; /* of /held, the last one */
    unsigned handled;
    unsigned turns; /* that GET /later has waited */
    unsigned started;
    unsigned ended;
    unsigned cancelled;
    unsigned drained;
    unsigned open; /* as the hook says */
    unsigned last_status;
    char last_target[64];
    char last_id[160];
    char last_peer[64];
};

struct client {
    struct rig *rig;
    int fd;
    struct buf in;
    size_t at; /* where the next answer starts */
    bool eof;
    bool reset;
};

struct answer {
    unsigned status;
    struct slice head; /* with its empty line */
    struct slice body;
};

/* Limits that no test reaches by accident. */
struct http_limits rig_limits(void);
void rig_init(struct rig *rig, const struct http_limits *limits);
void rig_clear(struct rig *rig);
/* With one client that has connected; NULL: rig_limits. The end checks that nothing is left open. */
void rig_start(struct rig *rig, struct client *client, const struct http_limits *limits);
void rig_finish(struct rig *rig, struct client *client);
void rig_turn(struct rig *rig);
/* Turns until *value is `wanted`; false after a few seconds. */
bool rig_wait(struct rig *rig, const unsigned *value, unsigned wanted);
bool rig_wait_connections(struct rig *rig, unsigned wanted);
void rig_answer(struct rig *rig, unsigned index, const char *body);

void client_open(struct client *client, struct rig *rig);
void client_close(struct client *client);
/* False where the server did not take it all. */
bool client_send(struct client *client, const void *data, size_t len);
void client_say(struct client *client, const char *text);
void client_shut(struct client *client);
/* Reads what is there. */
void client_take(struct client *client);
/* The next answer (1xx too); false if none comes in time, or the connection ended. */
bool client_answer(struct client *client, bool to_head, struct answer *ret);
/* The next answer's status, or 0. */
unsigned client_status(struct client *client);
/* True when the server has ended the connection. */
bool client_sees_end(struct client *client);
/* That the answer is what the table says of the row. */
void answer_is_refusal(const struct answer *answer, enum http_refusal_id id);
/* A field's value in an answer; absent where it is not there. */
struct slice answer_field(const struct answer *answer, const char *name);

extern const struct unit_part conditional_tests, conn_tests, content_tests, decide_tests, exchange_tests, guard_tests,
    host_tests, negotiate_tests, origin_tests, parse_tests, places_tests, problem_tests, query_tests, refusal_tests,
    respond_tests, router_tests, server_tests, state_tests, status_tests, syntax_tests;

#endif
