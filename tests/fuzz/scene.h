/*
 * The service without its process: the API's routes on the real server, with access tokens, clients on socket pairs, a
 * database that the target plays (fake_db.h), and a clock that goes on when the target says so. All of it runs in
 * scene_turn; nothing waits.
 */
#ifndef SCENE_H
#define SCENE_H

#include "api/access.h"
#include "api/api.h"
#include "base/buf.h"
#include "fake_db.h"
#include "http/http.h"

enum { SCENE_CLIENTS_MAX = 32, SCENE_ANSWERS_MAX = 1024, SCENE_ID_BYTES = 48 };

/* An answer as the hook `ended` has it. */
struct scene_record {
    unsigned status;
    bool is_bare;
    bool is_head_known; /* a route was found */
    const struct http_route *route;
    enum http_method method;
    char id[SCENE_ID_BYTES]; /* cut */
};

struct scene_client {
    int fd; /* its end; -1: it has gone */
    bool is_shut;
    bool is_over; /* the server has closed its side */
    struct buf unsent;
    struct buf received;
    struct scene_record *records;
    size_t record_count;
};

struct scene_options {
    bool auth;
    size_t memory_bytes;
    size_t output_bytes;
    struct http_limits limits;
};

struct scene {
    struct api *api;
    struct db *db;
    struct api_access *access; /* NULL without auth */
    struct http_server *server;
    struct scene_client clients[SCENE_CLIENTS_MAX];
    unsigned client_count;
    size_t held; /* as the server says */
    bool is_drained;
    unsigned faults; /* of statements, that would be in the log */
};

/* With scene_options' usual limits. */
extern const struct http_limits scene_limits;

struct scene *scene_new(const struct scene_options *options);
/* With whatever is open. */
void scene_free(struct scene *scene);

void scene_advance(struct scene *scene, uint64_t ms);
void scene_turn(struct scene *scene);
/* A new client from 10.0.0.`address`. NULL if the server accepts nobody now, or the scene has no more. */
struct scene_client *scene_connect(struct scene *scene, unsigned address);
/* Sends what fits; what does not is kept, and sent by the next call. */
void scene_send(struct scene_client *client, struct slice bytes);
void scene_shut(struct scene_client *client);
void scene_leave(struct scene_client *client);
/* Reads at most so many bytes. */
void scene_read(struct scene_client *client, size_t most);
void scene_drain(struct scene *scene, unsigned grace_ms);

/* A token that opens everything, if the database says so: its text, and its hash in hexadecimal. */
extern const char scene_token[];
const char *scene_token_sha256(void);
/* What the database answers to the query that asks for tokens, with that one in it. */
void scene_tokens_result(struct fake_result *ret_result);

#endif
