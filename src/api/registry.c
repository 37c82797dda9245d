#include <stdlib.h>

#include "api/access.h"
#include "api/openapi.h"
#include "api/operation.h"
#include "base/mem.h"

static const struct api_resource *const api_resources[] = {&api_service, &api_strategies,   &api_backtests,
                                                           &api_results, &api_series,       &api_candles,
                                                           &api_rules,   &api_documentation};

static void api_made(struct http_exchange *x)
{
    const struct api_operation *op = http_exchange_route(x)->data;

    http_respond_content(x, &op->content, API_REVALIDATED);
}

static void api_route_init(struct api_operation *op, unsigned index)
{
    const struct api_endpoint *e = op->endpoint;

    op->route = (struct http_route){
        .method = e->method,
        .path = op->path,
        .produces = e->produces,
        .produces_too = e->produces_too,
        .handle = e->sql != NULL     ? api_run
                  : e->begin != NULL ? api_call_begin
                  : e->make != NULL  ? api_made
                                     : e->handle,
        .data = op,
        .index = index,
        .always = !api_asks_database(e),
    };
    if (e->body_types != NULL) {
        op->route.body_types = e->body_types;
        op->route.body_required = true;
    }
    if (e->body != NULL) {
        op->route.body_types = e->body_mode == JSON_MODE_MERGE ? api_patch_types : api_body_types;
        op->route.body_required = true;
    }
}

/* False if the settings switch it off. */
static bool api_path_make(const struct api_options *options, const struct api_endpoint *e, char **ret_path)
{
    if (e->base == API_BASE_NONE) {
        *ret_path = mem_strdup(e->path);
        return true;
    }
    if (options->paths[e->base] == NULL) return false;
    if (e->base == API_BASE_DOCS && options->paths[API_BASE_OPENAPI] == NULL) return false;
    *ret_path = mem_printf("%s%s", options->paths[e->base], e->path);
    return true;
}

/* The router would say so too, but not that it is a setting that is wrong. */
static int api_path_check(const struct api *api, const struct api_operation *op, struct error *err)
{
    for (const struct api_operation *other = api->operations; other < op; other++) {
        if (other->endpoint->method != op->endpoint->method || strcmp(other->path, op->path) != 0) continue;
        const bool is_set = other->endpoint->base != API_BASE_NONE || op->endpoint->base != API_BASE_NONE;

        return error_set(err, is_set ? ERROR_SETTINGS : ERROR_INVALID, "%s is the path of both %s and %s", op->path,
                         other->endpoint->id, op->endpoint->id);
    }
    return 0;
}

static int api_operation_add(struct api *api, const struct api_resource *resource, const struct api_endpoint *e,
                             const struct api_options *options, struct error *err)
{
    struct api_operation *op = &api->operations[api->operation_count];

    if (!api_path_make(options, e, &op->path)) return 0;
    op->api = api;
    op->resource = resource;
    op->endpoint = e;
    api_route_init(op, (unsigned)api->operation_count);
    api->routes[api->operation_count++] = &op->route;
    if (api_path_check(api, op, err) != 0) return -1;
    if (api_statement_check(e, err) != 0) return error_prefix(err, "endpoint %s", e->id);
    api->statement_count += e->statement_count;
    if (e->make != NULL) {
        e->make(&op->made);
        http_content_init(&op->content, "application/json", buf_slice(&op->made), SLICE_NONE);
    }
    if (e->sql == NULL) return 0;
    if (api_statement_expand(op, err) != 0) return error_prefix(err, "endpoint %s", e->id);
    api->statement_count += 1U << op->clause_count;
    return 0;
}

static int api_operations_init(struct api *api, const struct api_options *options, struct error *err)
{
    size_t most = 0;

    for (size_t r = 0; r < countof(api_resources); r++) most += api_resources[r]->count;
    api->operations = mem_array(most, sizeof(*api->operations));
    api->routes = mem_array(most, sizeof(struct http_route *));
    for (size_t r = 0; r < countof(api_resources); r++) {
        for (size_t i = 0; i < api_resources[r]->count; i++) {
            if (api_operation_add(api, api_resources[r], &api_resources[r]->endpoints[i], options, err) != 0) return -1;
        }
    }
    return 0;
}

static void api_statements_init(struct api *api)
{
    size_t at = 0;

    api->statement_count += API_ACCESS_STATEMENTS + 1;
    api->statements = mem_array(api->statement_count, sizeof(struct db_statement *));
    for (size_t i = 0; i < api->operation_count; i++) {
        const struct api_operation *op = &api->operations[i];

        for (unsigned v = 0; op->variants != NULL && v < 1U << op->clause_count; v++) {
            api->statements[at++] = &op->variants[v];
        }
        for (size_t s = 0; s < op->endpoint->statement_count; s++) {
            api->statements[at++] = &op->endpoint->statements[s];
        }
    }
    memcpy(&api->statements[at], api_access_statements, sizeof(api_access_statements));
    api->statements[at + API_ACCESS_STATEMENTS] = &api_retention_statement;
}

static void api_documents_init(struct api *api, const struct api_options *options)
{
    api_docs_init(api, options);
    api_ui_init(api, options);
    api_root_write(api, &api->root);
    http_content_init(&api->root_content, "application/json", buf_slice(&api->root), SLICE_NONE);
    openapi_write(api, &api->document);
    http_content_init(&api->document_content, "application/json", buf_slice(&api->document), SLICE_NONE);
}

int api_new(const struct api_options *options, struct api **ret_api, struct error *err)
{
    struct api *api = mem_zalloc(sizeof(*api));

    api->validator = json_validator_new();
    if (api_operations_init(api, options, err) != 0) {
        api_free(api);
        return -1;
    }
    api_statements_init(api);
    api_documents_init(api, options);
    *ret_api = api;
    return 0;
}

void api_free(struct api *api)
{
    if (api == NULL) return;
    for (size_t i = 0; i < api->operation_count; i++) {
        api_statement_clear(&api->operations[i]);
        free(api->operations[i].path);
        buf_clear(&api->operations[i].made);
    }
    buf_clear(&api->document);
    buf_clear(&api->root);
    buf_clear(&api->ui_html);
    buf_clear(&api->docs_html);
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

struct slice api_document(const struct api *api)
{
    return buf_slice(&api->document);
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
