/*
 * Whom a request is counted for when clients share something: the token that it carries, else the address that it
 * comes from. A plain value; who makes one sees to it that two clients differ.
 */
#ifndef BASE_CLIENT_ID_H
#define BASE_CLIENT_ID_H

#include <stdbool.h>
#include <stdint.h>

struct client_id {
    uint64_t high;
    uint64_t low; /* 0, and `high` too: nobody. That is the service itself */
};

static inline bool client_id_is_nobody(struct client_id id)
{
    return id.high == 0 && id.low == 0;
}

static inline bool client_id_is(struct client_id a, struct client_id b)
{
    return a.high == b.high && a.low == b.low;
}

#endif
