#include "api/refusal.h"

/* By status. */
/* clang-format off */
const struct http_refusal api_refusals[API_REFUSAL_COUNT] = {
    [API_REFUSAL_MALFORMED] =
        {.status = 400, .code = "malformed_json", .detail = "The body is not well-formed JSON; errors says where."},
    [API_REFUSAL_NO_TOKEN] =
        {.status = 401,
         .detail = "An access token is needed: \"Authorization: Bearer stl_…\". \"stratslabd token create\" makes "
                   "one."},
    [API_REFUSAL_TOKEN_EXPIRED] =
        {.status = 401, .code = "invalid_token", .detail = "The access token has expired."},
    [API_REFUSAL_TOKEN_UNKNOWN] =
        {.status = 401,
         .code = "invalid_token",
         .detail = "The access token is not one of this service, or was revoked."},
    [API_REFUSAL_SCOPE] =
        {.status = 403,
         .code = "insufficient_scope",
         .detail = "The access token does not have the scope \"%s\".",
         .sample = {"write"}},
    [API_REFUSAL_NO_ROW] =
        {.status = 404, .detail = "There is nothing at this path."},
    [API_REFUSAL_NO_FILE] =
        {.status = 404, .detail = "There is no file of this name."},
    [API_REFUSAL_UNIQUE] =
        {.status = 409, .detail = "Something with the same unique value exists."},
    [API_REFUSAL_FOREIGN_KEY] =
        {.status = 409, .detail = "Something else refers to this, or this refers to something that is gone."},
    [API_REFUSAL_CONFLICT] =
        {.status = 409, .detail = "Another change to the same thing came first; nothing was changed. Try again."},
    [API_REFUSAL_STALE] =
        {.status = 412,
         .code = "stale",
         .detail = "The resource has changed since the version that If-Match names; nothing was changed. Read it "
                   "again."},
    [API_REFUSAL_INVALID] =
        {.status = 422,
         .code = "validation_failed",
         .detail = "The request has values that this endpoint does not take; errors names each place."},
    [API_REFUSAL_CHECK] =
        {.status = 422,
         .code = "validation_failed",
         .detail = "The database's own rules refuse a value of this request."},
    [API_REFUSAL_VALUE] =
        {.status = 422, .code = "validation_failed", .detail = "The database cannot take a value of this request."},
    [API_REFUSAL_TOO_MANY] =
        {.status = 429,
         .retry_after_s = 1,
         .detail = "Too many requests of this client (its token, else its address) are waiting for the database; "
                   "nothing was changed. Wait for answers before you send more."},
    [API_REFUSAL_INTERNAL] =
        {.status = 500, .detail = "The server failed on this request. Its log says more under this request_id."},
    [API_REFUSAL_UNAVAILABLE] =
        {.status = 503,
         .retry_after_s = 1,
         .code = "database_unavailable",
         .detail = "The database is out of reach; nothing was changed. Try again later."},
    [API_REFUSAL_TOKENS_UNAVAILABLE] =
        {.status = 503,
         .retry_after_s = 1,
         .code = "database_unavailable",
         .detail = "The database has been out of reach since the start, so that no access token is known. Try "
                   "again later."},
    [API_REFUSAL_UNKNOWN] =
        {.status = 503,
         .code = "outcome_unknown",
         .detail = "The database was lost or fell silent while this change was under way: it may or may not have "
                   "happened. Read the resource before trying again."},
    [API_REFUSAL_OVERLOADED] =
        {.status = 503,
         .retry_after_s = 1,
         .code = "overloaded",
         .detail = "Too many requests are waiting for the database; nothing was changed. Try again later."},
    [API_REFUSAL_TIMEOUT] =
        {.status = 503,
         .retry_after_s = 1,
         .code = "timeout",
         .detail = "The database took too long; nothing was changed. Try again later, or ask for less."},
    [API_REFUSAL_RESOURCES] =
        {.status = 503,
         .retry_after_s = 5,
         .code = "database_resources",
         .detail = "The database has run out of a resource; nothing was changed. Try again later."},
    [API_REFUSAL_READ_ONLY] =
        {.status = 503,
         .retry_after_s = 5,
         .code = "database_read_only",
         .detail = "The database takes no changes now. Try again later."},
};
/* clang-format on */

const enum api_refusal_id api_outcome_refusals[DB_OUTCOME_COUNT] = {
    [DB_UNAVAILABLE] = API_REFUSAL_UNAVAILABLE, [DB_UNKNOWN] = API_REFUSAL_UNKNOWN,
    [DB_OVERLOADED] = API_REFUSAL_OVERLOADED,   [DB_UNIQUE] = API_REFUSAL_UNIQUE,
    [DB_FOREIGN_KEY] = API_REFUSAL_FOREIGN_KEY, [DB_CHECK] = API_REFUSAL_CHECK,
    [DB_INVALID_VALUE] = API_REFUSAL_VALUE,     [DB_CONFLICT] = API_REFUSAL_CONFLICT,
    [DB_TIMEOUT] = API_REFUSAL_TIMEOUT,         [DB_RESOURCES] = API_REFUSAL_RESOURCES,
    [DB_READ_ONLY] = API_REFUSAL_READ_ONLY,     [DB_DENIED] = API_REFUSAL_INTERNAL,
    [DB_FAULT] = API_REFUSAL_INTERNAL,          [DB_TOO_MANY] = API_REFUSAL_TOO_MANY,
};
