/* `stratslabd health`: as of every daemon, and also on the API's own address. */
#include "stratslabd/stratslabd.h"

static const struct command_option health_options[] = {
    {.name = "--live", .help = COMMAND_HEALTH_LIVE_HELP},
    {.name = "--api", .help = "ask on STRATSLAB_LISTEN instead of STRATSLAB_ADMIN_LISTEN"},
    {0},
};

const struct command_entry stratslabd_health = {
    .name = "health",
    .summary = COMMAND_HEALTH_SUMMARY,
    .about = COMMAND_HEALTH_ABOUT,
    .options = health_options,
    .settings = true,
    .run = command_health_main,
};
