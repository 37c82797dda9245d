/* `stratslabd config`: the settings in force and where each came from, or what documents are made of. */
#include <stdio.h>

#include "base/buf.h"
#include "conf/conf.h"
#include "stratslabd/stratslabd.h"

static const char command_config_usage[] =
    "Usage: stratslabd config [--json | --sample | --man]\n"
    "Prints the settings in force and where each came from; secrets are masked.\n"
    "\n"
    "  --json    as a JSON object\n"
    "  --sample  the sample settings file instead, each setting at its default\n"
    "  --man     the list of settings in stratslabd.conf(5) instead, as mdoc\n"
    "  --help    this text\n";

enum { CONFIG_JSON = 1, CONFIG_SAMPLE = 2, CONFIG_MAN = 4 };

static int command_config_print(const struct conf *conf, unsigned given)
{
    struct buf out = {0};
    int status = COMMAND_OK;

    switch (given) {
    case 0:
        conf_print_text(conf, &out);
        break;
    case CONFIG_JSON:
        conf_print_json(conf, &out);
        break;
    case CONFIG_SAMPLE:
        conf_print_sample(CONF_STRATSLABD, &out);
        break;
    case CONFIG_MAN:
        conf_print_man(CONF_STRATSLABD, &out);
        break;
    default:
        fprintf(stderr, "stratslabd config: --json, --sample and --man exclude each other\n%s", command_config_usage);
        status = COMMAND_USAGE;
    }
    if (fwrite(out.data, 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
        perror("standard output");
        status = COMMAND_SYSTEM;
    }
    buf_clear(&out);
    return status;
}

int command_config(const struct command_context *context, int argc, char **argv)
{
    static const char *const flags[] = {"--json", "--sample", "--man", NULL};
    unsigned given;
    int parsed = command_flags(argc, argv, command_config_usage, flags, &given);

    if (parsed != 0) return parsed > 0 ? COMMAND_OK : COMMAND_USAGE;
    return command_config_print(context->conf, given);
}
