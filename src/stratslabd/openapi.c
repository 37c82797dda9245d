/* `stratslabd openapi`: the OpenAPI document, as the service answers it. */

#include <stdio.h>

#include "api/api.h"
#include "stratslabd/stratslabd.h"
#include "web/web.h"

static int openapi_main(const struct command_line *line, const struct command_context *context)
{
    const struct api_options options = web_api_options(context->conf);
    struct api *api;
    struct error err;

    if (api_new(&options, &api, &err) != 0) {
        command_print_error(line, "%s", err.message);
        return command_exit_of(&err);
    }
    const struct slice document = api_document(api);

    fwrite(document.data, 1, document.len, stdout);
    api_free(api);
    return COMMAND_OK;
}

const struct command_entry stratslabd_openapi = {
    .name = "openapi",
    .summary = "print the OpenAPI document of the API",
    .about = "It is the OpenAPI 3.1 document of this build's API, the same bytes that STRATSLAB_OPENAPI_URL is\n"
             "answered with. Needs neither a database nor a running service.\n",
    .settings = true,
    .run = openapi_main,
};
