/*
 * What the tests of pg/ stand on: servers that say one thing to whoever connects, or nothing, and a name server that
 * knows a few names, and can be silent. All of it turns in one loop with the round under test.
 */
#ifndef TEST_PG_H
#define TEST_PG_H

#include <libpq-fe.h>
#include <stdatomic.h>

#include "pg/internal.h"
#include "unit.h"

enum { SERVER_CLIENTS_MAX = 16 };

enum server_kind { SERVER_SILENT, SERVER_PRIMARY, SERVER_STANDBY, SERVER_NO_PASSWORD, SERVER_STARTING };

struct server {
    enum server_kind kind;
    int fd;
    int clients[SERVER_CLIENTS_MAX];
    unsigned count; /* who came */
};

/* At this address and port (0: any that is free). */
void server_open(struct server *s, enum server_kind kind, const char *address, unsigned port);
unsigned server_port(const struct server *s);
void server_close(struct server *s);
/* Where nobody listens. */
unsigned server_no_port(void);

/* The round, with the servers, until it is over. */
enum pg_dial dial_run(struct pg_target *t, unsigned timeout_ms, struct server *servers, size_t count);
/* The same, and where it ended: "127.0.0.2:5432", or "" if it failed. */
const char *dial_where(struct pg_target *t, unsigned timeout_ms, struct server *servers, size_t count);

/* "one" is 127.0.0.1, "two" 127.0.0.1 and 127.0.0.2 in this order, "here" nobody knows, "busy" is told to try again.
 * While `names_hang` is true, nobody is told anything. */
int names_resolve(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_found);
extern atomic_bool names_hang;
extern atomic_int names_asked;

/* For the fake servers: no encryption, our names. Printed like printf. */
struct pg_target *target_new(const char *fmt, ...) ATTR_PRINTF(1, 2);

extern const struct unit_part dial_tests, host_tests, reason_tests, target_tests, words_tests;

#endif
