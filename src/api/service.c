/* The service's own endpoints: what it is, and how it does. None asks the database. */

#include "api/operation.h"
#include "api/site.h"
#include "http/health.h"
#include "json/write.h"

void api_root_write(const struct api *api, struct buf *out)
{
    struct json_writer w = {.out = out};

    json_open(&w, '{');
    json_key_text(&w, "name", "stratslabd");
    json_key_text(&w, "version", PACKAGE_VERSION);
    json_key_open(&w, "links", '{');
    for (size_t i = 0; i < api->operation_count; i++) {
        const struct api_operation *op = &api->operations[i];

        if (op->endpoint->link != NULL) json_key_text(&w, op->endpoint->link, op->path);
    }
    json_close(&w, '}');
    json_close(&w, '}');
}

static void api_service_root(struct http_exchange *x)
{
    const struct api *api = api_of(x);

    http_exchange_vary(x, HTTP_VARY_ACCEPT);
    if (http_exchange_prefers(x, "text/html", "application/json")) {
        api_site_respond_page(x, api->ui, &api->ui_page);
    } else {
        http_respond_content(x, &api->root_content, API_SITE_ASKED_AGAIN);
    }
}

static void api_service_health(struct http_exchange *x)
{
    const struct api_process *process = api_process_of(x);

    http_respond_health(x, process->health(process->ctx));
}

static void api_service_live(struct http_exchange *x)
{
    http_respond_health(x, HEALTH_OK);
}

/* A new build may have another document at the same path, so it may be kept, but is asked for again. */
static void api_service_document(struct http_exchange *x)
{
    http_respond_content(x, &api_of(x)->document_content, "no-cache");
}

static const struct json_field service_health_fields[] = {
    {
        .name = "status",
        .type = JSON_TYPE_STRING,
        .values = health_words,
        .description = "ok comes with 200; the others come with 503 and say what is in the way",
    },
    {.name = "version", .type = JSON_TYPE_STRING, .example = "\"" PACKAGE_VERSION "\""},
};

static const struct json_schema service_health = {
    .name = "Health",
    .fields = service_health_fields,
    .count = countof(service_health_fields),
};

static const struct json_field service_fields[] = {
    {.name = "name", .type = JSON_TYPE_STRING, .example = "\"stratslabd\""},
    {.name = "version", .type = JSON_TYPE_STRING, .example = "\"" PACKAGE_VERSION "\""},
    {
        .name = "links",
        .type = JSON_TYPE_OBJECT,
        .description = "Paths by name",
        .example = "{\"strategies\":\"/api/v1/strategies\",\"health\":\"/health\"}",
    },
};

static const struct json_schema service_schema = {
    .name = "Service",
    .fields = service_fields,
    .count = countof(service_fields),
};

static const struct api_param service_file_params[] = {
    {
        .in = API_IN_PATH,
        .type = DB_TYPE_TEXT,
        .field = {.name = "version",
                  .type = JSON_TYPE_STRING,
                  .required = true,
                  .description = "That of all of these files together; of any other one the answer is not to be kept",
                  .example = "\"0\""},
    },
    {
        .in = API_IN_PATH,
        .type = DB_TYPE_TEXT,
        .field = {.name = "file", .type = JSON_TYPE_STRING, .required = true, .example = "\"main.js\""},
    },
};

static const struct api_endpoint api_service_endpoints[] = {
    {
        .id = "getService",
        .summary = "Name, version and links of this service; for a browser, the page for people",
        .method = HTTP_GET,
        .path = "/",
        .handle = api_service_root,
        .produces_too = "text/html",
        .answer = &service_schema,
        .has_etag = true,
    },
    {
        .id = "getPageFile",
        .summary = "A file that the page for people needs",
        .method = HTTP_GET,
        .path = "/ui/{version}/{file}",
        API_PARAMS(service_file_params),
        .handle = api_ui_file,
        .produces = HTTP_ANY_TYPE,
        .has_etag = true,
    },
    {
        .id = "getHealth",
        .summary = "Whether requests can be served now, database included",
        .link = "health",
        .method = HTTP_GET,
        .path = "/health",
        .handle = api_service_health,
        .statuses = {200, 503},
        .answer = &service_health,
    },
    {
        .id = "getReady",
        .summary = "The same as /health",
        .link = "ready",
        .method = HTTP_GET,
        .path = "/health/ready",
        .handle = api_service_health,
        .statuses = {200, 503},
        .answer = &service_health,
    },
    {
        .id = "getLive",
        .summary = "Whether the process runs; does not ask about the database",
        .link = "live",
        .method = HTTP_GET,
        .path = "/health/live",
        .handle = api_service_live,
        .answer = &service_health,
    },
    {
        .id = "getOpenapi",
        .summary = "This document: OpenAPI 3.1",
        .link = "openapi",
        .method = HTTP_GET,
        .base = API_BASE_OPENAPI,
        .path = "",
        .handle = api_service_document,
        .has_etag = true,
    },
};

const struct api_resource api_service = {
    .tag = "Service",
    .tag_description = "What the service is, and how it is doing",
    .endpoints = api_service_endpoints,
    .count = countof(api_service_endpoints),
};
