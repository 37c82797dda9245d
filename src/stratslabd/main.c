#include "base/given.h"
#include "stratslabd/stratslabd.h"

/* clang-format off */
static const struct command_entry *const commands[] = {
    &stratslabd_serve,
    &stratslabd_migrate,
    &stratslabd_check,
    &stratslabd_health,
    &command_status,
    &command_reload,
    &stratslabd_token,
    &stratslabd_backtests,
    &command_config,
    &stratslabd_openapi,
    NULL,
};
/* clang-format on */

static const struct command_program program = {
    .name = "stratslabd",
    .version = PACKAGE_VERSION,
    .summary = "The API service of StratsLab: trading strategies, kept in PostgreSQL, over HTTP.",
    .about = "\"stratslabd config --sample\" prints every setting with its meaning.\n",
    .commands = commands,
    .options = command_settings_options,
    .default_command = "serve",
    .settings = CONF_STRATSLABD,
    .run_with_settings = command_run_with_settings,
};

int main(int argc, char **argv)
{
    given_begin(COMMAND_SYSTEM);
    return command_main(&program, argc, argv);
}
