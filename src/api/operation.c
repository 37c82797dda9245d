/* What an operation says of itself. registry.c makes them; whoever works for one asks here. */
#include "api/operation.h"

const char *const api_body_types[] = {"application/json", NULL};
const char *const api_patch_types[] = {"application/merge-patch+json", "application/json", NULL};

const struct api_endpoint *api_endpoint_of(const struct http_route *route)
{
    const struct api_operation *op = route->data;

    return op->endpoint;
}

enum api_scope api_scope(const struct api_endpoint *endpoint)
{
    if (endpoint->scope != API_SCOPE_DEFAULT) return endpoint->scope;
    if (strncmp(endpoint->path, "/api/", strlen("/api/")) != 0) return API_SCOPE_NONE;
    return db_access_is_write(endpoint->access) ? API_SCOPE_WRITE : API_SCOPE_READ;
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
