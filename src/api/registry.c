#include <stdlib.h>

#include "api/operation.h"
#include "base/mem.h"

static const struct api_resource *const api_resources[] = {&api_service, &api_strategies, &api_backtests};

static const char *const api_body_types[] = {"application/json", NULL};
static const char *const api_patch_types[] = {"application/merge-patch+json", "application/json", NULL};

static void api_route_init(struct api_operation *op, unsigned index)
{
    const struct api_endpoint *e = op->endpoint;

    op->route = (struct http_route){
        .method = e->method,
        .path = e->path,
        .handle = e->sql == NULL ? e->handle : api_run,
        .data = op,
        .index = index,
    };
    if (e->body != NULL) {
        op->route.body_types = e->body_mode == JSON_MODE_MERGE ? api_patch_types : api_body_types;
        op->route.body_required = true;
    }
}

static int api_operations_init(struct api *api, struct error *err)
{
    size_t at = 0;

    for (size_t r = 0; r < countof(api_resources); r++) {
        for (size_t i = 0; i < api_resources[r]->count; i++, at++) {
            struct api_operation *op = &api->operations[at];

            op->api = api;
            op->resource = api_resources[r];
            op->endpoint = &api_resources[r]->endpoints[i];
            api_route_init(op, (unsigned)at);
            api->routes[at] = &op->route;
            if (op->endpoint->sql == NULL) continue;
            if (api_statement_expand(op, err) != 0) return error_prefix(err, "endpoint %s", op->endpoint->id);
            api->statement_count += 1U << op->clause_count;
        }
    }
    return 0;
}

int api_new(struct api **ret_api, struct error *err)
{
    struct api *api = mem_zalloc(sizeof(*api));

    for (size_t r = 0; r < countof(api_resources); r++) api->operation_count += api_resources[r]->count;
    api->operations = mem_array(api->operation_count, sizeof(*api->operations));
    api->routes = mem_array(api->operation_count, sizeof(struct http_route *));
    api->validator = json_validator_new();
    if (api_operations_init(api, err) != 0) {
        api_free(api);
        return -1;
    }
    api->statements = mem_array(api->statement_count, sizeof(struct db_statement *));
    size_t at = 0;

    for (size_t i = 0; i < api->operation_count; i++) {
        const struct api_operation *op = &api->operations[i];

        for (unsigned v = 0; op->variants != NULL && v < 1U << op->clause_count; v++) {
            api->statements[at++] = &op->variants[v];
        }
    }
    *ret_api = api;
    return 0;
}

void api_free(struct api *api)
{
    if (api == NULL) return;
    for (size_t i = 0; i < api->operation_count; i++) api_statement_clear(&api->operations[i]);
    json_validator_free(api->validator);
    free(api->operations);
    free(api->routes);
    free(api->statements);
    free(api);
}

void api_attach(struct api *api, const struct api_process *process)
{
    api->process = *process;
}

const struct http_route *const *api_routes(const struct api *api, size_t *ret_count)
{
    *ret_count = api->operation_count;
    return api->routes;
}

const struct db_statement *const *api_statements(const struct api *api, size_t *ret_count)
{
    *ret_count = api->statement_count;
    return api->statements;
}

const struct api_endpoint *api_endpoint_of(const struct http_route *route)
{
    const struct api_operation *op = route->data;

    return op->endpoint;
}

enum api_scope api_scope(const struct api_endpoint *endpoint)
{
    if (endpoint->scope != API_SCOPE_DEFAULT) return endpoint->scope;
    if (strncmp(endpoint->path, "/api/", strlen("/api/")) != 0) return API_SCOPE_NONE;
    return endpoint->access == DB_WRITE ? API_SCOPE_WRITE : API_SCOPE_READ;
}

const char *api_scope_name(enum api_scope scope)
{
    static const char *const names[] = {
        [API_SCOPE_DEFAULT] = "", [API_SCOPE_NONE] = "", [API_SCOPE_READ] = "read", [API_SCOPE_WRITE] = "write"};

    return names[scope];
}

const struct api_process *api_process_of(const struct http_exchange *x)
{
    const struct api_operation *op = http_exchange_route(x)->data;

    return &op->api->process;
}
