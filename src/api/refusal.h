/*
 * What the API refuses, in which words, beside what http/ refuses by itself (http/refusal.h) and what the resources'
 * constraints say: a row each, which the code and the document name. Inside the room only.
 */
#ifndef API_REFUSAL_H
#define API_REFUSAL_H

#include "db/db.h"
#include "http/refusal.h"

enum api_refusal_id {
    API_REFUSAL_NONE, /* there is nothing to refuse; no row */
    API_REFUSAL_MALFORMED,
    API_REFUSAL_NO_TOKEN,
    API_REFUSAL_TOKEN_EXPIRED,
    API_REFUSAL_TOKEN_UNKNOWN,
    API_REFUSAL_SCOPE,
    API_REFUSAL_NO_ROW,
    API_REFUSAL_NO_FILE,
    API_REFUSAL_UNIQUE,
    API_REFUSAL_FOREIGN_KEY,
    API_REFUSAL_CONFLICT,
    API_REFUSAL_STALE,
    API_REFUSAL_INVALID,
    API_REFUSAL_CHECK,
    API_REFUSAL_VALUE,
    API_REFUSAL_TOO_MANY,
    API_REFUSAL_INTERNAL,
    API_REFUSAL_UNAVAILABLE,
    API_REFUSAL_TOKENS_UNAVAILABLE,
    API_REFUSAL_UNKNOWN,
    API_REFUSAL_OVERLOADED,
    API_REFUSAL_TIMEOUT,
    API_REFUSAL_RESOURCES,
    API_REFUSAL_READ_ONLY,
    API_REFUSAL_COUNT,
};

extern const struct http_refusal api_refusals[API_REFUSAL_COUNT];

/* What an outcome of a statement means to a client, if no constraint says more. DB_OK is not refused. */
extern const enum api_refusal_id api_outcome_refusals[DB_OUTCOME_COUNT];

/* The word on a parameter of the query that an endpoint (its id) does not have. */
#define API_NO_PARAMETER "is not a parameter of %s"

#endif
