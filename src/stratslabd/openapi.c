/* `stratslabd openapi`: the OpenAPI document, as the service answers it. */

#include <stdio.h>

#include "api/api.h"
#include "stratslabd/stratslabd.h"
#include "web/web.h"

static const char command_openapi_usage[] =
    "Usage: stratslabd openapi\n"
    "Prints the OpenAPI 3.1 document of this build's API, the same bytes that STRATSLAB_OPENAPI_URL is answered with.\n"
    "Needs neither a database nor a running service.\n"
    "\n"
    "  --help  this text\n";

int command_openapi(const struct command_context *context, int argc, char **argv)
{
    static const char *const flags[] = {NULL};
    unsigned given;
    int parsed = command_flags(argc, argv, command_openapi_usage, flags, &given);
    struct api *api;
    struct error err;
    int status = COMMAND_OK;

    if (parsed != 0) return parsed > 0 ? COMMAND_OK : COMMAND_USAGE;
    const struct api_options options = web_api_options(context->conf);

    if (api_new(&options, &api, &err) != 0) {
        fprintf(stderr, "stratslabd openapi: %s\n", err.message);
        return command_exit_of(&err);
    }
    const struct slice document = api_document(api);

    if (fwrite(document.data, 1, document.len, stdout) != document.len || fflush(stdout) != 0) {
        perror("standard output");
        status = COMMAND_SYSTEM;
    }
    api_free(api);
    return status;
}
