/* The service's own endpoints: what it is, and how it does. None asks the database. */

#include "api/api.h"
#include "http/health.h"

static void api_service_root(struct http_exchange *x)
{
    http_respond(x, 200, "application/json",
                 SLICE_LIT("{\"name\":\"stratslabd\",\"version\":\"" PACKAGE_VERSION "\",\"links\":{"
                           "\"strategies\":\"/api/v1/strategies\",\"backtests\":\"/api/v1/backtests\",\"health\":\"/"
                           "health\",\"live\":\"/health/live\","
                           "\"ready\":\"/health/ready\"}}"));
}

static void api_service_health(struct http_exchange *x)
{
    const struct api_process *process = api_process_of(x);

    http_respond_health(x, process->health(process->ctx));
}

static void api_service_live(struct http_exchange *x)
{
    http_respond_health(x, "ok");
}

static const struct api_endpoint api_service_endpoints[] = {
    {
        .id = "getService",
        .summary = "Name, version and links of this service",
        .method = HTTP_GET,
        .path = "/",
        .handle = api_service_root,
    },
    {
        .id = "getHealth",
        .summary = "Whether requests can be served now, database included",
        .method = HTTP_GET,
        .path = "/health",
        .handle = api_service_health,
    },
    {
        .id = "getReady",
        .summary = "The same as /health",
        .method = HTTP_GET,
        .path = "/health/ready",
        .handle = api_service_health,
    },
    {
        .id = "getLive",
        .summary = "Whether the process turns; never asks about the database",
        .method = HTTP_GET,
        .path = "/health/live",
        .handle = api_service_live,
    },
};

const struct api_resource api_service = {
    .endpoints = api_service_endpoints,
    .count = countof(api_service_endpoints),
};
