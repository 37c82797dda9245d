/* An endpoint made ready to run: inside the room only. */
#ifndef API_OPERATION_H
#define API_OPERATION_H

#include "api/api.h"

enum { API_CLAUSES_MAX = 4 };

struct api_operation {
    struct api *api;
    const struct api_resource *resource;
    const struct api_endpoint *endpoint;
    struct http_route route;
    /* Statement k has clause i where bit i of k is set; clause i is there for parameter clause_param[i]. */
    struct db_statement *variants;
    unsigned clause_count;
    unsigned clause_param[API_CLAUSES_MAX];
};

struct api {
    struct api_operation *operations;
    size_t operation_count;
    const struct http_route **routes;
    const struct db_statement **statements;
    size_t statement_count;
    struct json_validator *validator;
    struct api_process process;
};

/* Fills the variants of `op` from its endpoint's SQL. */
int api_statement_expand(struct api_operation *op, struct error *err) ATTR_CHECKED;
void api_statement_clear(struct api_operation *op);

/* Reads and checks path, query, If-Match and body. True: `values` are what the statement takes. False: answered
 * already. */
bool api_bind(const struct api_operation *op, struct http_exchange *x, struct slice values[DB_PARAMS_MAX]) ATTR_CHECKED;

/* The route's handler for every endpoint with a statement. */
void api_run(struct http_exchange *x);

#endif
